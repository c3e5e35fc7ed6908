//! Messages of LDAP (RFC 4511, section 4.1.1): the requests that are made, and the responses to them.
//!
//! ldap3 reads the text of filters, when the configuration is read. Its connection is not used,
//! for two reasons that `tests/ldap3.rs` keeps true: its write buffer holds on to a password for as
//! long as the connection is kept, and it looks neither at the type of a response nor at the length
//! of a result code, so that another response with code 0 passes for a successful bind. So every
//! response is read here, down to its last element, and whatever is not as the protocol says is an
//! error.

pub mod ber;
pub mod entry;
pub mod filter;
mod filter_fault;
pub mod filter_template;
pub mod oid;
pub mod paged_results;
pub mod password_policy;
mod request;
mod response;

pub use self::filter::Filter;
pub use self::request::{Control, Operation, Query, SampleQuery, Scope};
pub use self::response::{Envelope, LEFT_OUT, LdapResult, Response, ResponseControl};
