//! Filters with placeholders for a user's name.
//!
//! A template is compiled once, when the configuration is read: into elements whose values have
//! holes, so that what fills these is never read as a filter.

use std::fmt;

use crate::directory::message::ber::{self, Writer};
use crate::directory::message::filter::{self, ANY_ENTRY, Filter};
use crate::directory::message::filter_fault;
use crate::directory::names::placeholder::{Mark, NameAssertion, TextTemplate, ValueTemplate};
use crate::jid::Account;

/// Attributes whose values look like `user@domain`.
const ADDRESSES: [&str; 4] =
    ["userPrincipalName", "mail", "mailAlternateAddress", "proxyAddresses"];

/// A filter with placeholders (RFC 4515).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterTemplate {
    text: TextTemplate,
    compiled: Vec<Element>,
    names: Vec<NameAssertion>,
    anyone: Filter,
}

/// An element of BER.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    /// One or more that are the same for everyone.
    Fixed(Vec<u8>),
    /// One with these within it.
    Constructed(u8, Vec<Element>),
    /// A value.
    Value(u8, ValueTemplate),
}

impl FilterTemplate {
    /// Reads a filter; the error says what to write instead.
    pub fn parse(source: &str) -> Result<Self, String> {
        let text = TextTemplate::parse(source)?;
        let (marked, mark) = text.marked()?;
        // The mark is an escape, which can stand in a value alone: no user chooses an attribute.
        let filter = Some(marked).filter(|text| text.starts_with('('));
        let filter =
            filter.and_then(|text| Filter::parse(&text)).ok_or_else(|| filter_fault::of(source))?;
        let anyone = Filter::parse(&text.fill_with("*")).unwrap_or(ANY_ENTRY.clone());
        let compiled = compile(filter.as_bytes(), mark);
        let names = compiled.iter().flat_map(names).collect();
        Ok(Self { text, compiled, names, anyone })
    }

    /// The filter for entries of an object class of which one of the attributes names the user:
    /// addresses by `{address}`, anything else by `{localpart}`. The error says what to write.
    pub fn of_attributes<A: AsRef<str>>(
        object_class: &str,
        attributes: &[A],
    ) -> Result<Self, String> {
        let mut wanted = String::new();
        for attribute in attributes.iter().map(AsRef::as_ref) {
            if !attribute.starts_with(|c: char| c.is_ascii_alphabetic())
                || !attribute.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            {
                return Err(format!("{attribute:?} is no name of an attribute"));
            }
            let is_address = ADDRESSES.iter().any(|known| known.eq_ignore_ascii_case(attribute));
            let placeholder = if is_address { "{address}" } else { "{localpart}" };
            wanted.push_str(&format!("({attribute}={placeholder})"));
        }
        if attributes.len() != 1 {
            wanted = format!("(|{wanted})");
        }
        Self::parse(&format!("(&(objectClass={object_class}){wanted})"))
    }

    /// The filter for an account.
    pub fn fill(&self, account: &Account) -> Filter {
        Filter::written(|out| write(&self.compiled, account, out))
    }

    /// The filter for whoever has a name at all, or for every entry where it matches names in a way
    /// that cannot say so.
    pub fn for_anyone(&self) -> &Filter {
        &self.anyone
    }

    /// The attributes of which an entry that the filter finds has such a value: those that it asks
    /// for by equality, and not by their absence. An entry can be found without any of them, where
    /// the filter also matches names in another way.
    pub fn name_attributes(&self) -> &[NameAssertion] {
        &self.names
    }
}

impl fmt::Display for FilterTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

fn write(elements: &[Element], account: &Account, out: &mut Writer) {
    for element in elements {
        match element {
            Element::Fixed(bytes) => out.raw(bytes),
            Element::Constructed(tag, inner) => {
                out.constructed(*tag, |out| write(inner, account, out));
            }
            Element::Value(tag, value) => {
                out.constructed(*tag, |out| value.fill(account, |piece| out.raw(piece)));
            }
        }
    }
}

/// The elements of a filter with marks in it.
fn compile(content: &[u8], mark: Mark) -> Vec<Element> {
    let mut compiled = Vec::new();
    for (tag, content) in filter::elements(content) {
        let element = if ber::is_constructed(tag) {
            match compile(content, mark) {
                inner if inner.iter().all(|inner| matches!(inner, Element::Fixed(_))) => None,
                inner => Some(Element::Constructed(tag, inner)),
            }
        } else {
            ValueTemplate::read(content, mark).map(|value| Element::Value(tag, value))
        };
        match (element, compiled.last_mut()) {
            (Some(element), _) => compiled.push(element),
            (None, Some(Element::Fixed(bytes))) => {
                bytes.extend_from_slice(&ber::element(tag, content));
            }
            (None, _) => compiled.push(Element::Fixed(ber::element(tag, content))),
        }
    }
    compiled
}

/// The assertions of a filter, or of a part of it, that say whose an entry is.
fn names(element: &Element) -> Vec<NameAssertion> {
    match element {
        Element::Constructed(filter::tag::AND | filter::tag::OR, inner) => {
            inner.iter().flat_map(names).collect()
        }
        Element::Constructed(filter::tag::EQUALITY, parts) => match parts.as_slice() {
            [Element::Fixed(attribute), Element::Value(_, value)] => {
                let attribute = filter::elements(attribute).map(|(_, name)| name).next();
                let attribute = attribute.and_then(|name| std::str::from_utf8(name).ok());
                attribute.and_then(|name| NameAssertion::new(name, value)).into_iter().collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(localpart: &str) -> Account {
        Account::new(localpart, "example.com").unwrap()
    }

    /// The filter that the text is, in which each placeholder is the account's value in the escape of
    /// RFC 4515, section 3.
    fn read_as_text(source: &str, account: &Account) -> Option<Filter> {
        let text = TextTemplate::parse(source).ok()?;
        Filter::parse(&text.fill(account, |value| ldap3::ldap_escape(value)))
    }

    #[test]
    fn a_filter_is_filled_with_values() {
        let filter = FilterTemplate::parse("(&(uid={localpart})(mail={jid})(o={domain}))").unwrap();
        assert_eq!(
            filter.fill(&account("a*(b)\\c")).to_string(),
            "(&(uid=a\\2a\\28b\\29\\5cc)(mail=a\\2a\\28b\\29\\5cc@example.com)(o=example.com))"
        );
    }

    #[test]
    fn a_filter_is_made_of_login_attributes() {
        let one = FilterTemplate::of_attributes("person", &["uid"]).unwrap();
        assert_eq!(one.to_string(), "(&(objectClass=person)(uid={localpart}))");
        let two = FilterTemplate::of_attributes("user", &["sAMAccountName", "mail"]).unwrap();
        assert_eq!(
            two.fill(&account("x")).to_string(),
            "(&(objectClass=user)(|(sAMAccountName=x)(mail=x@example.com)))"
        );
        assert_eq!(
            two.fill(&account("x@y")).to_string(),
            "(&(objectClass=user)(|(sAMAccountName=x@y)(mail=x@y)))"
        );
    }

    #[test]
    fn a_filter_for_anyone_is_a_filter() {
        for (source, any) in [
            ("(uid={localpart})", "(uid=*)"),
            ("(uid>={localpart})", "(objectClass=*)"),
            ("(uid:caseExactMatch:={localpart})", "(objectClass=*)"),
        ] {
            assert_eq!(FilterTemplate::parse(source).unwrap().for_anyone().to_string(), any);
        }
    }

    #[test]
    fn it_knows_which_attributes_name_the_user() {
        for (source, expected) in [
            ("(uid={localpart})", &[("uid", "alice")][..]),
            (
                "(&(objectClass=person)(o={domain})(|(uid={localpart})(mail=x+{localpart}@{domain})))",
                &[("uid", "alice"), ("mail", "x+alice@example.com")],
            ),
            ("(|(cn=*{localpart}*)(cn;lang-en={address}))", &[("cn;lang-en", "alice@example.com")]),
            ("(!(uid={localpart}))", &[]),
            ("(uid~={localpart})", &[]),
            ("(uid:caseExactMatch:={localpart})", &[]),
        ] {
            let template = FilterTemplate::parse(source).unwrap();
            let found = template.name_attributes().iter().map(|name| {
                (name.attribute.as_str(), String::from_utf8(name.value(&account("alice"))).unwrap())
            });
            let expected: Vec<_> =
                expected.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            assert_eq!(found.collect::<Vec<_>>(), expected, "{source}");
        }
    }

    #[test]
    fn mistakes_are_found_when_the_configuration_is_read() {
        assert!(FilterTemplate::of_attributes("person", &["uid)(x"]).is_err());
        assert!(FilterTemplate::of_attributes::<&str>("person", &[]).is_err());
        for source in [
            "(uid={user})",
            "(uid={localpart)",
            "(uid=x)",
            "uid={localpart}",
            "(uid={localpart}",
            "(o={domain})",
            "({localpart}=x)",
            "(uid{localpart}x)",
            "(uid=\\2{localpart})",
            "(uid:{localpart}:=x)",
            "(uid=\\F8\\f9\\fa\\fb\\fc\\fd\\fe\\ff{localpart})",
        ] {
            assert!(FilterTemplate::parse(source).is_err(), "{source}");
        }
    }

    #[test]
    fn bytes_that_look_like_a_mark_are_none() {
        for source in ["(&(x=\\f8localpart\\F9)(uid={localpart}))", "(uid=\\f8{localpart}\\f8)"] {
            let filter = FilterTemplate::parse(source).unwrap().fill(&account("alice"));
            assert_eq!(Some(filter), read_as_text(source, &account("alice")), "{source}");
        }
    }

    fn any_template() -> impl Strategy<Value = String> {
        let literal = prop_oneof!["[a-zü ]{0,3}", "\\\\[0-9a-fA-F]{2}", Just("x".repeat(130))];
        let placeholder =
            prop::sample::select(vec!["{localpart}", "{domain}", "{jid}", "{address}"]);
        let piece = prop_oneof![literal, placeholder.prop_map(str::to_owned)];
        let value = prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat());
        let item = (prop::sample::select(vec!["=", "=*", ">=", "~=", ":dn:=", ":1.2:="]), value)
            .prop_map(|(operator, value)| format!("(cn{operator}{value})"));
        item.prop_recursive(3, 12, 4, |inner| {
            (prop::sample::select(vec!["&", "|", "!"]), prop::collection::vec(inner, 1..4))
                .prop_map(|(operator, inner)| match operator {
                    "!" => format!("(!{})", inner.concat()),
                    _ => format!("({operator}{})", inner.concat()),
                })
        })
    }

    proptest! {
        #[test]
        fn a_filled_filter_is_what_its_text_says(
            source in any_template(),
            localpart in "[a-z*()\\\\@ü]{1,200}",
        ) {
            let account = account(&localpart);
            let text = TextTemplate::parse(&source);
            let is_filter = text.is_ok_and(|text| Filter::parse(&text.fill_with("\\2a")).is_some());
            let template = FilterTemplate::parse(&source);
            prop_assert_eq!(template.is_ok(), is_filter);
            if let Ok(template) = template {
                let filter = template.fill(&account);
                prop_assert_eq!(Filter::parse(&filter.to_string()), Some(filter.clone()));
                prop_assert_eq!(read_as_text(&source, &account), Some(filter));
            }
        }
    }
}
