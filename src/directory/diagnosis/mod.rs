//! What an answer means: result code, diagnostic message and controls, to a verdict and words.
//!
//! Each kind of answer has a function, and each product a table for each kind of answer that it has
//! words of its own for. Whatever no table lists is "cannot tell", because nobody knows that the user
//! was judged.
//!
//! The functions are in `bind`, `search`, `service_bind`, `sasl_bind`, `start_tls`, `password_change`,
//! `root_dse` and `kerberos`; the tables in `active_directory`, `samba`, `openldap`, `ds389`,
//! `edirectory`, `others`, for the control of any product `password_policy`, and for what says nothing more
//! `bare_code`.

mod active_directory;
mod bare_code;
mod bind;
mod ds389;
mod edirectory;
mod kerberos;
mod meaning;
mod openldap;
mod others;
mod password_change;
mod password_policy;
mod refusal;
mod root_dse;
mod samba;
mod sasl_bind;
mod search;
mod service_bind;
mod start_tls;
#[cfg(test)]
mod tests;
mod windows_error;

pub use self::bind::{MustChange, of_bind};
pub use self::kerberos::of_ticket;
pub use self::meaning::{Judged, Judgement};
pub use self::password_change::of_password_change;
pub use self::refusal::Refusal;
pub use self::root_dse::of_root_dse;
pub use self::sasl_bind::of_sasl_bind;
pub use self::search::{has_lost_its_bind, of_search};
pub use self::service_bind::{is_account_refused, of_service_bind};
pub use self::start_tls::of_start_tls;
