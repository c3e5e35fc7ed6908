//! Filters with placeholders for a user's name.
//!
//! A template is compiled once, when the configuration is read: into elements whose values have
//! holes, so that what fills these is never read as a filter.

use std::fmt;

use crate::directory::message::ber::{self, Writer};
use crate::directory::message::filter::{self, ANY_ENTRY, Filter};
use crate::directory::message::filter_fault;
use crate::directory::names::name_rule::{NameAssertion, NameRule};
use crate::directory::names::placeholder::{Mark, TextTemplate, ValueTemplate};
use crate::jid::Account;

/// Attributes whose values look like `user@domain`, and what stands before them.
const ADDRESSES: [(&str, &str); 4] = [
    ("userPrincipalName", ""),
    ("mail", ""),
    ("mailAlternateAddress", ""),
    ("proxyAddresses", "smtp:"),
];

/// A filter with placeholders (RFC 4515).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterTemplate {
    text: TextTemplate,
    compiled: Vec<Element>,
    name_rule: NameRule,
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
        let name_rule = NameRule::all(compiled.iter().filter_map(name_rule)).ok_or(
            "it finds entries without their names, so that one would answer for many; ask for the name by equality, such as (uid={localpart})",
        )?;
        if name_rule.assertions().iter().any(|name| name.attribute.eq_ignore_ascii_case("anr")) {
            return Err("anr is no attribute, and finds whoever has any name that begins so; ask for one by equality, such as (sAMAccountName={localpart})".to_owned());
        }
        Ok(Self { text, compiled, name_rule, anyone })
    }

    /// The filter for entries of an object class of which one of the attributes names the user:
    /// addresses by `{address}`, anything else by `{localpart}`; as text, for [`parse`](Self::parse).
    /// The error says what to write.
    pub fn of_attributes<A: AsRef<str>>(
        object_class: &str,
        attributes: &[A],
    ) -> Result<String, String> {
        let mut wanted = String::new();
        for attribute in attributes.iter().map(AsRef::as_ref) {
            if !attribute.starts_with(|c: char| c.is_ascii_alphabetic())
                || !attribute.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            {
                return Err(format!("{attribute:?} is no name of an attribute"));
            }
            let address = ADDRESSES.iter().find(|(known, _)| known.eq_ignore_ascii_case(attribute));
            wanted.push_str(&match address {
                Some((_, before)) => format!("({attribute}={before}{{address}})"),
                None => format!("({attribute}={{localpart}})"),
            });
        }
        if attributes.len() != 1 {
            wanted = format!("(|{wanted})");
        }
        let text = format!("(&(objectClass={object_class}){wanted})");
        Self::parse(&text).map(|_| text)
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

    /// Whose an entry is that the filter finds: by the attributes that it asks for the name, and not
    /// by their absence, their order or a part of them.
    pub fn name_rule(&self) -> &NameRule {
        &self.name_rule
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

/// What a filter, or a part of it, says about whose an entry is.
fn name_rule(element: &Element) -> Option<NameRule> {
    use filter::tag;
    let Element::Constructed(tag, parts) = element else { return None };
    match *tag {
        tag::AND => NameRule::all(parts.iter().filter_map(name_rule)),
        // What passes whoever is asked for lets in everybody.
        tag::OR if parts.iter().any(|part| matches!(part, Element::Fixed(_))) => None,
        tag::OR => NameRule::any(parts.iter().filter_map(name_rule)),
        tag::EQUALITY | tag::APPROXIMATE | tag::EXTENSIBLE => {
            let [Element::Fixed(before), Element::Value(_, value), ..] = parts.as_slice() else {
                return None;
            };
            let is_attribute = |part: u8| *tag != tag::EXTENSIBLE || part == tag::TYPE;
            let attribute = filter::elements(before).find(|(part, _)| is_attribute(*part))?.1;
            NameAssertion::new(std::str::from_utf8(attribute).ok()?, value).map(NameRule::One)
        }
        _ => None,
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
        let jid = account.to_string();
        let [localpart, domain] = [account.localpart(), account.domainpart()];
        let address = if localpart.contains('@') { localpart } else { &jid };
        let values = [("localpart", localpart), ("domain", domain), ("jid", &jid)];
        let text = values
            .into_iter()
            .chain([("address", address)])
            .fold(source.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), &ldap3::ldap_escape(value))
            });
        Filter::parse(&text)
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
        let made = |class, names: &[&str]| {
            FilterTemplate::parse(&FilterTemplate::of_attributes(class, names).unwrap()).unwrap()
        };
        let one = made("person", &["uid"]);
        assert_eq!(one.to_string(), "(&(objectClass=person)(uid={localpart}))");
        let two = made("user", &["sAMAccountName", "mail"]);
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
            ("(&(uid={localpart})(cn>={localpart}))", "(objectClass=*)"),
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
            ("(uid~={localpart})", &[("uid", "alice")]),
            ("(uid:caseExactMatch:={localpart})", &[("uid", "alice")]),
            ("(&(!(uid={localpart}))(cn:dn:={localpart}))", &[("cn", "alice")]),
            ("(&(uid={localpart})(|(mail={jid})(objectClass=*)))", &[("uid", "alice")]),
        ] {
            let template = FilterTemplate::parse(source).unwrap();
            let found = template.name_rule().assertions().into_iter().map(|name| {
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
            "(!(uid={localpart}))",
            "(uid>={localpart})",
            "(cn=*{localpart}*)",
            "(|(cn={localpart}*)(cn=*{localpart}))",
            "(|(uid={localpart})(objectClass=*))",
            "(&(objectClass=person)(|(uid={localpart})(&(mail=*)(cn=x))))",
            "(:caseExactMatch:={localpart})",
            "(&(objectClass=user)(aNR={localpart}))",
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
            let is_nameless = |text: &String| text.contains("without their names");
            let is_read = template.is_ok() || template.as_ref().is_err_and(is_nameless);
            prop_assert_eq!(is_read, is_filter);
            if let Ok(template) = template {
                let filter = template.fill(&account);
                prop_assert_eq!(Filter::parse(&filter.to_string()), Some(filter.clone()));
                prop_assert_eq!(read_as_text(&source, &account), Some(filter));
            }
        }
    }

    fn is_borne(filter: &str, localpart: &str, entry: &[(&str, &str)]) -> bool {
        let template = FilterTemplate::parse(filter).unwrap();
        let account = Account::new(localpart, "example.com").unwrap();
        template.name_rule().is_borne(&account, &|attribute| {
            let values = entry.iter().filter(move |(name, _)| *name == attribute);
            values.map(|(_, value)| value.as_bytes()).collect()
        })
    }

    #[test]
    fn a_name_is_borne_as_an_xmpp_server_spells_it() {
        for (stored, borne, others) in [
            ("Alice", "alice", ["alicé", "alic"]),
            ("müller", "müller", ["muller", "mùllér"]),
            ("Straße", "strasse", ["strase", "straze"]),
            ("jo  doe", "jo  doe", ["jo doe", "jo   doe"]),
            (" jo doe ", "jo doe", ["jo  doe", "jodoe"]),
            ("mu\u{308}ller", "müller", ["muller", "mller"]),
        ] {
            for other in others {
                assert!(!is_borne("(uid={localpart})", other, &[("uid", stored)]), "{stored}");
            }
            assert!(is_borne("(uid={localpart})", borne, &[("uid", stored)]), "{stored}");
        }
        assert!(!is_borne("(uid={localpart})", " jo", &[("uid", "jo")]));
        assert!(is_borne("(uid={localpart})", "jo", &[("uid", " jo ")]));
        assert!(!is_borne("(uid={localpart})", "jo", &[("uid", "\u{a0}jo")]));
        assert!(is_borne("(uid={localpart})", "b", &[("uid", "a"), ("uid", "B")]));
        assert!(!is_borne("(uid={localpart})", "alice", &[("cn", "alice")]));
    }

    #[test]
    fn the_text_around_a_name_belongs_to_it() {
        let smtp = "(proxyAddresses=smtp:{address})";
        assert!(is_borne(smtp, "alice", &[("proxyAddresses", "SMTP:Alice@Example.com")]));
        assert!(!is_borne(smtp, "alice", &[("proxyAddresses", "X500:alice@example.com")]));
        assert!(!is_borne("(cn=X {localpart})", "a", &[("cn", "X  a")]));
    }

    #[test]
    fn all_that_must_hold_the_name_must_bear_it() {
        let both = "(&(uid={localpart})(mail={jid})(!(cn={localpart}))(sn=*{localpart}*))";
        let one = "(|(uid={localpart})(mail={jid}))";
        let entry = [("uid", "müller"), ("mail", "muller@example.com"), ("sn", "muller")];
        for (name, by_one) in [("müller", true), ("muller", true), ("mùller", false)] {
            assert_eq!(is_borne(one, name, &entry), by_one, "{name}");
            assert!(!is_borne(both, name, &entry), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_value_bears_one_name_at_most(
            stored in "[ aA\u{e4}\u{c4}\u{308}ß]{1,4}",
            asked in "[ a\u{e4}s]{1,4}",
            other in "[ a\u{e4}s]{1,4}",
        ) {
            let names = [&asked, &other].map(|name| {
                Account::new(name, "example.com").is_some()
                    && is_borne("(uid={localpart})", name, &[("uid", &stored)])
            });
            prop_assert!(asked == other || names != [true, true]);
        }
    }
}
