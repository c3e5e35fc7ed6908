//! Messages of LDAP (RFC 4511, section 4.1.1): the requests that are made, and the responses to them.
//!
//! What ldap3 knows of formats is used here: filters, and the values of operations and controls. Its
//! connection is not, because it trusts its peer: there, elements nested thousands deep overflow the
//! stack, a missing field panics, and a result code of odd length reads as success. With StartTLS
//! anyone on the network path could send such bytes before there is any encryption. So every
//! response is read here, down to its last element, and whatever is not as the protocol says is an
//! error.

mod request;
mod response;

pub(super) use self::request::{Filter, Operation};
#[cfg(feature = "gssapi")]
pub(super) use self::response::SERVER_SASL_CREDENTIALS;
pub(super) use self::response::{Envelope, Response};
