//! Names to bind with that are made of a user's, without a search.

use std::borrow::Cow;
use std::fmt;

use crate::directory::names::dn::Dn;
use crate::directory::names::placeholder::{NameAssertion, TextTemplate, ValueTemplate};
use crate::jid::Account;

/// A name to bind with: a distinguished name (RFC 4514), or one of Active Directory's other forms,
/// `{localpart}@corp.example` and `CORP\{localpart}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameTemplate {
    /// A distinguished name.
    Dn(DnTemplate),
    /// A user principal name or a down-level logon name, which have no escaping.
    Plain(PlainTemplate),
}

impl NameTemplate {
    /// Reads a name; the error says what to write instead.
    pub fn parse(source: &str) -> Result<Self, String> {
        if source.contains('=') {
            DnTemplate::parse(source).map(Self::Dn)
        } else {
            PlainTemplate::parse(source).map(Self::Plain)
        }
    }

    /// The name for an account, or `None` if the account's would not stay in its place.
    pub fn fill(&self, account: &Account) -> Option<String> {
        match self {
            Self::Dn(template) => Some(template.fill(account)),
            Self::Plain(template) => template.fill(account),
        }
    }
}

impl fmt::Display for DnTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for PlainTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A distinguished name (RFC 4514).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnTemplate {
    text: TextTemplate,
    names: Vec<NameAssertion>,
}

impl DnTemplate {
    fn parse(source: &str) -> Result<Self, String> {
        let text = TextTemplate::parse(source)?;
        let (marked, mark) = text.marked()?;
        // An escape can stand in a value alone: no user chooses an attribute.
        let dn = Dn::parse(&marked)
            .filter(|_| !text.cuts_an_escape())
            .ok_or("it is no DN; write for example uid={localpart},ou=people,dc=example,dc=com")?;
        let names = dn.values().filter_map(|(attribute, value)| {
            NameAssertion::new(attribute, &ValueTemplate::read(value, mark)?)
        });
        Ok(Self { names: names.collect(), text })
    }

    /// The DN for an account.
    pub fn fill(&self, account: &Account) -> String {
        self.text.fill(account, |value| ldap3::dn_escape(value))
    }

    /// The attributes that hold the user's name in the DN.
    pub fn name_attributes(&self) -> &[NameAssertion] {
        &self.names
    }
}

/// `{localpart}@corp.example` or `CORP\{localpart}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainTemplate(TextTemplate);

impl PlainTemplate {
    fn parse(source: &str) -> Result<Self, String> {
        if source.contains(['@', '\\']) || matches!(source, "{jid}" | "{address}") {
            TextTemplate::parse(source).map(Self)
        } else {
            Err("it is neither a DN nor {localpart}@domain nor DOMAIN\\{localpart}".to_owned())
        }
    }

    /// The name for an account, or `None` where the localpart holds a character that separates the
    /// parts of such names: there is no escaping for it, so it could name somebody elsewhere.
    pub fn fill(&self, account: &Account) -> Option<String> {
        let separators: &[char] =
            if self.0.is_address() { &['\\', '/'] } else { &['@', '\\', '/'] };
        (!account.localpart().contains(separators))
            .then(|| self.0.fill(account, |value| Cow::Borrowed(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(localpart: &str) -> Account {
        Account::new(localpart, "example.com").unwrap()
    }

    #[test]
    fn a_dn_is_filled_with_escaped_values() {
        let dn = NameTemplate::parse("uid={localpart},ou=people,dc=example,dc=com").unwrap();
        let filled = dn.fill(&account("a,b+c=\"d\\e<f>;#")).unwrap();
        assert!(filled.starts_with("uid=a\\"), "{filled}");
        assert!(filled.ends_with(",ou=people,dc=example,dc=com"), "{filled}");
        assert_eq!(filled.replace("\\,", "").matches(',').count(), 3, "{filled}");
    }

    #[test]
    fn it_knows_which_attributes_name_the_user() {
        let dn = DnTemplate::parse("CN=X-{localpart}+o={domain},ou=people,dc=example").unwrap();
        let [name] = dn.name_attributes() else { panic!("{dn:?}") };
        assert_eq!((name.attribute.as_str(), &*name.value(&account("a,b"))), ("cn", &b"X-a,b"[..]));
    }

    #[test]
    fn a_plain_name_refuses_what_it_cannot_escape() {
        for source in ["{localpart}@corp.example", "CORP\\{localpart}"] {
            let name = NameTemplate::parse(source).unwrap();
            assert!(matches!(name, NameTemplate::Plain(_)));
            assert_eq!(
                name.fill(&account("alice")).unwrap(),
                source.replace("{localpart}", "alice")
            );
            assert_eq!(name.fill(&account("x@other.example")), None);
            assert_eq!(name.fill(&account("other\\x")), None);
        }
    }

    #[test]
    fn an_address_stands_for_itself() {
        let name = NameTemplate::parse("{address}").unwrap();
        assert_eq!(name.fill(&account("alice")).unwrap(), "alice@example.com");
        assert_eq!(name.fill(&account("a@corp.example")).unwrap(), "a@corp.example");
        assert_eq!(name.fill(&account("corp\\a")), None);
    }

    #[test]
    fn mistakes_are_found_when_the_configuration_is_read() {
        for source in [
            "{localpart}",
            "{localpart}=x,dc=y",
            "uid={localpart},people",
            "uid={name},dc=x",
            "uid=x,dc=y",
            "uid=x+{localpart}=y,dc=z",
            "uid=\\{localpart},dc=x",
            "uid=\\2{localpart},dc=x",
            "uid=\"{localpart}\",dc=x",
        ] {
            assert!(NameTemplate::parse(source).is_err(), "{source}");
        }
    }
}
