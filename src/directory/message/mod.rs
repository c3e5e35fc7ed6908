//! Messages of LDAP (RFC 4511, section 4.1.1): the requests that are made, and the responses to them.
//!
//! What ldap3 knows of formats is used here: filters, and the values of operations and controls. Its
//! connection is not, because it trusts its peer: there, elements nested thousands deep overflow the
//! stack, a missing field panics, and a result code of odd length reads as success. With StartTLS
//! anyone on the network path could send such bytes before there is any encryption. So every
//! response is read here, down to its last element, and whatever is not as the protocol says is an
//! error.

pub(in crate::directory) mod ber;
pub mod entry;
pub mod filter;
pub mod filter_template;
pub mod password_policy;
mod request;
mod response;
pub(in crate::directory) mod result_code;

pub use self::filter::Filter;
pub(in crate::directory) use self::request::Operation;
#[cfg(feature = "gssapi")]
pub(in crate::directory) use self::response::SERVER_SASL_CREDENTIALS;
pub(in crate::directory) use self::response::{Envelope, Response};

use self::filter::ANY_ENTRY;

/// What to search for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The base DN; empty for the root DSE.
    pub base: &'a str,
    /// Which entries below it.
    pub scope: Scope,
    /// Which of these.
    pub filter: &'a Filter,
    /// The attributes to read.
    pub attributes: &'a [&'a str],
    /// How many entries to ask for at most; 0 for all.
    pub at_most: u32,
}

impl<'a> Query<'a> {
    /// One entry, by its DN.
    pub fn entry(dn: &'a str, attributes: &'a [&'a str]) -> Self {
        Self { base: dn, scope: Scope::Base, filter: &ANY_ENTRY, attributes, at_most: 1 }
    }
}

/// The entries that a search is about.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    /// The base alone.
    Base,
    /// The base and everything below.
    Subtree,
}

/// A server's answer to an operation.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The result code (RFC 4511, section 4.1.9).
    pub code: u32,
    /// The diagnostic message.
    pub text: String,
    /// The controls that came with it (RFC 4511, section 4.1.11).
    pub controls: Vec<ResponseControl>,
}

/// A control of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseControl {
    /// What it is.
    pub oid: String,
    /// What it says.
    pub value: Option<Vec<u8>>,
}

/// The password policy control, request and response (draft-behera-ldap-password-policy-11, section
/// 6).
pub const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// The response at the start of what a server sent, if it is as the protocol says, and the result
/// code in it, if there is one; for tests that know nothing of sessions.
pub fn read_response(sent: &[u8]) -> Option<(&[u8], Option<u32>)> {
    let bytes = sent.get(..ber::message_length(sent).ok()??)?;
    let code = match Envelope::open(bytes).ok()?.response().ok()? {
        Response::End(answer) => Some(answer.code),
        Response::Entry(_) | Response::Reference => None,
    };
    Some((bytes, code))
}
