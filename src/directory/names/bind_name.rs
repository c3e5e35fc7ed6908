//! Names to bind with that are made of a user's, without a search.

use std::fmt;

use crate::directory::names::dn_template::DnTemplate;
use crate::directory::names::name_rule::is_plain;
use crate::directory::names::placeholder::TextTemplate;
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
            Self::Dn(template) => template.fill(account),
            Self::Plain(template) => template.fill(account),
        }
    }
}

impl fmt::Display for PlainTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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

    /// Whether it makes user principal names, which other accounts than users' can have as well; a
    /// down-level logon name tells them apart by its `$`.
    pub fn names_principals(&self) -> bool {
        !self.to_string().contains('\\')
    }

    /// The name for an account, or `None` if it could be somebody else's: where the localpart holds a
    /// character that separates the parts of such names, for which there is no escaping; where domain
    /// controllers would take it for another account's as well; and for what is no user there, a
    /// computer, a managed service account or a trust, whose names end in `$`, and `krbtgt`.
    pub fn fill(&self, account: &Account) -> Option<String> {
        let separators: &[char] =
            if self.0.is_address() { &['\\', '/'] } else { &['@', '\\', '/'] };
        let localpart = account.localpart();
        let name = localpart.split('@').next().unwrap_or_default();
        let is_user = !name.ends_with('$') && name != "krbtgt" && !name.starts_with("krbtgt_");
        (is_user && is_plain(account) && !localpart.contains(separators))
            .then(|| self.0.fill(account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(localpart: &str) -> Account {
        Account::new(localpart, "example.com").unwrap()
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
    fn a_name_that_a_server_takes_for_another_is_not_filled_in() {
        for source in ["uid={localpart},dc=x", "{localpart}@corp.example", "CORP\\{localpart}"] {
            let name = NameTemplate::parse(source).unwrap();
            for localpart in ["jo  doe", " jo", "jo ", "\u{1c90}x"] {
                assert_eq!(name.fill(&account(localpart)), None, "{source} {localpart}");
            }
            for localpart in ["jo doe", "müller", "日本", "😀"] {
                assert!(name.fill(&account(localpart)).is_some(), "{source} {localpart}");
            }
        }
    }

    #[test]
    fn computers_and_krbtgt_are_no_users() {
        let name = NameTemplate::parse("{address}").unwrap();
        for localpart in ["pc1$", "krbtgt", "krbtgt_12345", "pc1$@corp.example"] {
            assert_eq!(name.fill(&account(localpart)), None, "{localpart}");
        }
        assert!(name.fill(&account("pc1$x")).is_some() && name.fill(&account("krbtgtx")).is_some());
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
