//! What an answer means: result code, diagnostic message and controls, to a verdict and words.
//!
//! Each kind of answer has a function ([`of_bind`], [`of_service_bind`],
//! [`of_password_change`]) and each product a table.
//! Whatever no table lists is "cannot tell", because nobody knows that the user was judged.

mod active_directory;
mod bare_code;
mod bind;
mod ds389;
mod edirectory;
mod meaning;
mod openldap;
mod others;
mod password_change;
mod password_policy;
mod service_bind;
#[cfg(test)]
mod tests;

pub use self::bind::{MustChange, of_bind};
pub use self::meaning::Judgement;
pub use self::password_change::of_password_change;
pub use self::service_bind::of_service_bind;
