//! The requests that are made, as they are written.

use crate::directory::message::ber::{Writer, tag};
use crate::directory::message::filter::{ANY_ENTRY, Filter};
use crate::directory::message::oid;

/// LDAPv3 (RFC 4511, section 4.2).
const VERSION: u32 = 3;

/// Asks for entries without attributes (RFC 4511, section 4.5.1.8).
const NO_ATTRIBUTES: &str = "1.1";

/// Tags within operations: of simple and SASL credentials (RFC 4511, section 4.2), and of the name
/// and the value of an extended request (section 4.12). Within the value of a password modify request:
/// of the user and the new password (RFC 3062, section 2).
const SIMPLE: u8 = 0x80;
const SASL: u8 = 0xa3;
const REQUEST_NAME: u8 = 0x80;
const REQUEST_VALUE: u8 = 0x81;
const USER_IDENTITY: u8 = 0x80;
const NEW_PASSWORD: u8 = 0x82;

/// The size limit of a search without one (section 4.5.1.4).
const NO_LIMIT: u32 = 0;

/// The operation `replace` of a change, and the scopes and alias rules of a search.
const REPLACE: u32 = 2;
const BASE_OBJECT: u32 = 0;
const WHOLE_SUBTREE: u32 = 2;
const NEVER_DEREF_ALIASES: u32 = 0;
const DEREF_ALWAYS: u32 = 3;

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
    /// How many entries to ask for at most; none for all.
    pub at_most: Option<u32>,
    /// Whether an alias stands for the entry that it names (RFC 4511, section 4.5.1.3).
    pub follows_aliases: bool,
}

impl<'a> Query<'a> {
    /// One entry, by its DN.
    pub fn entry(dn: &'a str, attributes: &'a [&'a str]) -> Self {
        Self {
            base: dn,
            scope: Scope::Base,
            filter: &ANY_ENTRY,
            attributes,
            at_most: Some(1),
            follows_aliases: false,
        }
    }
}

/// A search that is done again to find out whether a server can: without attributes, and without its
/// request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleQuery {
    base: String,
    scope: Scope,
    filter: Filter,
    at_most: Option<u32>,
    follows_aliases: bool,
}

impl SampleQuery {
    /// The same search.
    pub fn of(query: &Query<'_>) -> Self {
        let Query { base, scope, filter, at_most, follows_aliases, .. } = *query;
        Self { base: base.to_owned(), scope, filter: filter.clone(), at_most, follows_aliases }
    }

    /// The search of one entry.
    pub fn of_entry(dn: &str) -> Self {
        Self::of(&Query::entry(dn, &[]))
    }

    /// The query.
    pub fn query(&self) -> Query<'_> {
        let Self { base, scope, filter, at_most, follows_aliases } = self;
        Query {
            base,
            scope: *scope,
            filter,
            attributes: &[],
            at_most: *at_most,
            follows_aliases: *follows_aliases,
        }
    }
}

/// The entries that a search is about (RFC 4511, section 4.5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The base alone.
    Base,
    /// The base and everything below.
    Subtree,
}

/// A control of a request (RFC 4511, section 4.1.11).
#[derive(Clone, Debug)]
pub struct Control {
    /// What it is.
    pub oid: &'static str,
    /// Whether a server that does not know it must refuse the request.
    pub is_critical: bool,
    /// What it says.
    pub value: Option<Vec<u8>>,
}

/// What is asked of a server. It is not `Debug`, because it can hold a password.
pub enum Operation<'a> {
    /// A bind with a name and a password (RFC 4511, section 4.2).
    Bind {
        /// The name.
        name: &'a str,
        /// The password.
        password: &'a str,
    },
    /// A bind by a SASL mechanism. The token is present even where it is empty: an absent one would
    /// mean that none is meant.
    SaslBind {
        /// The name of the mechanism.
        mechanism: &'a str,
        /// Its token.
        token: &'a [u8],
    },
    /// A search (section 4.5). References to other servers are not followed.
    Search {
        /// What for.
        query: &'a Query<'a>,
        /// For how many seconds at most.
        seconds: u32,
    },
    /// A modification that leaves an attribute with one value (section 4.6).
    Replace {
        /// The entry.
        dn: &'a str,
        /// The attribute.
        attribute: &'a str,
        /// Its value.
        value: &'a [u8],
    },
    /// StartTLS (section 4.14).
    StartTls,
    /// The password modify operation (RFC 3062).
    ModifyPassword {
        /// The entry.
        dn: &'a str,
        /// Its new password.
        password: &'a str,
    },
}

impl Operation<'_> {
    /// The tag of the request.
    pub fn tag(&self) -> u8 {
        match self {
            Self::Bind { .. } | Self::SaslBind { .. } => tag::BIND_REQUEST,
            Self::Search { .. } => tag::SEARCH_REQUEST,
            Self::Replace { .. } => tag::MODIFY_REQUEST,
            Self::StartTls | Self::ModifyPassword { .. } => tag::EXTENDED_REQUEST,
        }
    }

    /// How many entries may be found.
    pub fn at_most(&self) -> usize {
        match self {
            Self::Search { query, .. } => {
                query.at_most.and_then(|at_most| at_most.try_into().ok()).unwrap_or(usize::MAX)
            }
            _ => 0,
        }
    }

    /// The message that asks for it.
    pub fn message(&self, id: u32, controls: &[Control]) -> Vec<u8> {
        let mut message = Writer::default();
        message.constructed(tag::SEQUENCE, |message| {
            message.number(tag::INTEGER, id);
            message.constructed(self.tag(), |operation| self.write(operation));
            if !controls.is_empty() {
                message.constructed(tag::CONTROLS, |list| {
                    controls.iter().for_each(|control| write_control(list, control));
                });
            }
        });
        message.into_bytes()
    }

    fn write(&self, out: &mut Writer) {
        match self {
            Self::Bind { name, password } => {
                out.number(tag::INTEGER, VERSION);
                out.octets(name.as_bytes());
                out.primitive(SIMPLE, password.as_bytes());
            }
            Self::SaslBind { mechanism, token } => {
                out.number(tag::INTEGER, VERSION);
                out.octets(b"");
                out.constructed(SASL, |credentials| {
                    credentials.octets(mechanism.as_bytes());
                    credentials.octets(token);
                });
            }
            Self::Search { query, seconds } => {
                out.octets(query.base.as_bytes());
                let scope = match query.scope {
                    Scope::Base => BASE_OBJECT,
                    Scope::Subtree => WHOLE_SUBTREE,
                };
                out.number(tag::ENUMERATED, scope);
                let aliases =
                    if query.follows_aliases { DEREF_ALWAYS } else { NEVER_DEREF_ALIASES };
                out.number(tag::ENUMERATED, aliases);
                out.number(tag::INTEGER, query.at_most.unwrap_or(NO_LIMIT));
                out.number(tag::INTEGER, *seconds);
                out.boolean(false);
                out.raw(query.filter.as_bytes());
                let attributes: &[&str] =
                    if query.attributes.is_empty() { &[NO_ATTRIBUTES] } else { query.attributes };
                out.constructed(tag::SEQUENCE, |list| {
                    attributes.iter().for_each(|name| list.octets(name.as_bytes()));
                });
            }
            Self::Replace { dn, attribute, value } => {
                out.octets(dn.as_bytes());
                out.constructed(tag::SEQUENCE, |changes| {
                    changes.constructed(tag::SEQUENCE, |change| {
                        change.number(tag::ENUMERATED, REPLACE);
                        change.constructed(tag::SEQUENCE, |replaced| {
                            replaced.octets(attribute.as_bytes());
                            replaced.constructed(tag::SET, |values| values.octets(value));
                        });
                    });
                });
            }
            Self::StartTls => out.primitive(REQUEST_NAME, oid::START_TLS.as_bytes()),
            Self::ModifyPassword { dn, password } => {
                out.primitive(REQUEST_NAME, oid::PASSWORD_MODIFY.as_bytes());
                out.constructed(REQUEST_VALUE, |value| {
                    value.constructed(tag::SEQUENCE, |value| {
                        value.primitive(USER_IDENTITY, dn.as_bytes());
                        value.primitive(NEW_PASSWORD, password.as_bytes());
                    });
                });
            }
        }
    }
}

fn write_control(list: &mut Writer, control: &Control) {
    list.constructed(tag::SEQUENCE, |out| {
        out.octets(control.oid.as_bytes());
        if control.is_critical {
            out.boolean(true);
        }
        if let Some(value) = &control.value {
            out.octets(value);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bind_is_written_as_the_protocol_says() {
        let bind = Operation::Bind { name: "cn=a", password: "pw" };
        assert_eq!(
            bind.message(1, &[]),
            b"\x30\x12\x02\x01\x01\x60\x0d\x02\x01\x03\x04\x04cn=a\x80\x02pw"
        );
        let control = Control { oid: "1.2", is_critical: false, value: None };
        let message = bind.message(200, &[control]);
        assert!(message.starts_with(b"\x30\x1c\x02\x02\x00\xc8\x60"), "{message:x?}");
        assert!(message.ends_with(b"\xa0\x07\x30\x05\x04\x031.2"), "{message:x?}");
    }

    #[test]
    fn a_bind_by_a_mechanism_always_has_a_token() {
        let bind = Operation::SaslBind { mechanism: "EXTERNAL", token: b"" };
        assert_eq!(
            bind.message(1, &[]),
            b"\x30\x18\x02\x01\x01\x60\x13\x02\x01\x03\x04\x00\xa3\x0c\x04\x08EXTERNAL\x04\x00"
        );
    }

    #[test]
    fn a_search_is_written_as_the_protocol_says() {
        let filter = &Filter::equality("uid", b"a");
        let query =
            Query { scope: Scope::Subtree, filter, at_most: Some(2), ..Query::entry("dc=x", &[]) };
        let search = Operation::Search { query: &query, seconds: 4 };
        assert_eq!(
            search.message(2, &[]),
            b"\x30\x2b\x02\x01\x02\x63\x26\x04\x04dc=x\x0a\x01\x02\x0a\x01\x00\x02\x01\x02\x02\x01\
              \x04\x01\x01\x00\xa3\x08\x04\x03uid\x04\x01a\x30\x05\x04\x031.1"
        );
    }

    #[test]
    fn extended_requests_have_a_name_and_may_have_a_value() {
        assert_eq!(
            Operation::StartTls.message(1, &[]),
            b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
        );
        assert_eq!(
            Operation::ModifyPassword { dn: "cn=a", password: "pw" }.message(2, &[]),
            b"\x30\x2c\x02\x01\x02\x77\x27\x80\x171.3.6.1.4.1.4203.1.11.1\x81\x0c\x30\x0a\
              \x80\x04cn=a\x82\x02pw"
        );
    }

    #[test]
    fn a_modification_has_one_change() {
        let replace = Operation::Replace { dn: "cn=a", attribute: "x", value: b"\xff" };
        assert_eq!(
            replace.message(3, &[]),
            b"\x30\x1c\x02\x01\x03\x66\x17\x04\x04cn=a\x30\x0f\x30\x0d\x0a\x01\x02\x30\x08\x04\x01x\
              \x31\x03\x04\x01\xff"
        );
    }
}
