//! Filters and names with holes for the user's, escaped by the place where they stand.
//!
//! A template is parsed once, when the configuration is read. What fills a hole comes from the
//! network, and there is no way to fill one without the escaping of its place.

use std::borrow::Cow;
use std::fmt;

use crate::directory::names::dn::Dn;
use crate::jid::Account;

/// Attributes whose values look like `user@domain`.
const ADDRESSES: [&str; 4] =
    ["userPrincipalName", "mail", "mailAlternateAddress", "proxyAddresses"];

/// What may fill a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hole {
    Localpart,
    Domain,
    Jid,
    Address,
}

impl Hole {
    const ALL: [Self; 4] = [Self::Localpart, Self::Domain, Self::Jid, Self::Address];

    fn name(self) -> &'static str {
        match self {
            Self::Localpart => "localpart",
            Self::Domain => "domain",
            Self::Jid => "jid",
            Self::Address => "address",
        }
    }

    fn value(self, account: &Account) -> Cow<'_, str> {
        match self {
            Self::Localpart => account.localpart().into(),
            Self::Domain => account.domainpart().into(),
            // An address in the localpart came as an escape: user\\40corp.example.
            Self::Address if account.localpart().contains('@') => account.localpart().into(),
            Self::Jid | Self::Address => account.to_string().into(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(Hole),
}

/// Text with holes, not yet bound to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Template(Vec<Part>);

impl Template {
    fn parse(source: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, behind) = after
                .split_once('}')
                .ok_or_else(|| format!("close the brace in {after:?}, or leave it out"))?;
            let hole = Hole::ALL.into_iter().find(|hole| hole.name() == name).ok_or_else(|| {
                format!(
                    "{{{name}}} is no placeholder; write {{localpart}}, {{domain}}, {{jid}} or {{address}}"
                )
            })?;
            parts.extend([Part::Text(text.to_owned()), Part::Hole(hole)]);
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self(parts);
        let names_the_user =
            |part: &Part| matches!(part, Part::Hole(hole) if *hole != Hole::Domain);
        if template.0.iter().any(names_the_user) {
            Ok(template)
        } else {
            Err("it never mentions {localpart}, {jid} or {address}, so it would be the same for everyone"
                .to_owned())
        }
    }

    fn fill(&self, account: &Account, escape: fn(&str) -> Cow<'_, str>) -> String {
        // Few are longer.
        let mut filled = String::with_capacity(128);
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Hole(hole) => filled.push_str(&escape(&hole.value(account))),
            }
        }
        filled
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Hole(hole) => write!(f, "{{{}}}", hole.name()),
        })
    }
}

/// A search filter (RFC 4515).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterTemplate(Template);

impl FilterTemplate {
    /// Reads a filter; the error says what to write instead.
    pub fn parse(source: &str) -> Result<Self, String> {
        let filter = Self(Template::parse(source)?);
        // An escape can stand in a value alone: no user chooses the attribute or the operator.
        let sample = filter.0.fill(&sample(), |_| Cow::Borrowed("\\2a"));
        if !source.trim_start().starts_with('(') || ldap3::parse_filter(&sample).is_err() {
            return Err(
                "it is no filter of RFC 4515; write for example (uid={localpart})".to_owned()
            );
        }
        Ok(filter)
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
            let hole = if is_address { Hole::Address } else { Hole::Localpart };
            wanted.push_str(&format!("({attribute}={{{}}})", hole.name()));
        }
        if attributes.len() != 1 {
            wanted = format!("(|{wanted})");
        }
        Self::parse(&format!("(&(objectClass={object_class}){wanted})"))
    }

    /// The filter for whoever has a name at all, or for every entry where it matches names in a way
    /// that cannot say so.
    pub fn fill_any(&self) -> String {
        let any = self.0.fill(&sample(), |_| Cow::Borrowed("*"));
        if ldap3::parse_filter(&any).is_ok() { any } else { "(objectClass=*)".to_owned() }
    }

    /// The filter for an account.
    pub fn fill(&self, account: &Account) -> String {
        self.0.fill(account, |value| ldap3::ldap_escape(value))
    }
}

impl fmt::Display for FilterTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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
        self.0.fmt(f)
    }
}

impl fmt::Display for PlainTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A distinguished name (RFC 4514).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnTemplate(Template);

impl DnTemplate {
    fn parse(source: &str) -> Result<Self, String> {
        let dn = Self(Template::parse(source)?);
        let read = |value: fn(&str) -> Cow<'_, str>| Dn::parse(&dn.0.fill(&sample(), value));
        // In a value, escapes mean what they stand for. Before the "=", where the user would choose
        // the attribute, they are an error; behind half an escape, they mean something else.
        let [comma, letter] = [
            [read(|_| Cow::Borrowed("\\2c")), read(|_| Cow::Borrowed("\\,"))],
            [read(|_| Cow::Borrowed("\\61")), read(|_| Cow::Borrowed("a"))],
        ];
        let is_value = |[one, other]: [Option<Dn>; 2]| one.is_some() && one == other;
        if is_value(comma) && is_value(letter) {
            Ok(dn)
        } else {
            Err("it is no DN; write for example uid={localpart},ou=people,dc=example,dc=com"
                .to_owned())
        }
    }

    /// The DN for an account.
    pub fn fill(&self, account: &Account) -> String {
        self.0.fill(account, |value| ldap3::dn_escape(value))
    }
}

/// `{localpart}@corp.example` or `CORP\{localpart}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainTemplate(Template);

impl PlainTemplate {
    fn parse(source: &str) -> Result<Self, String> {
        if source.contains(['@', '\\']) || matches!(source, "{jid}" | "{address}") {
            Template::parse(source).map(Self)
        } else {
            Err("it is neither a DN nor {localpart}@domain nor DOMAIN\\{localpart}".to_owned())
        }
    }

    /// The name for an account, or `None` where the localpart holds a character that separates the
    /// parts of such names: there is no escaping for it, so it could name somebody elsewhere.
    pub fn fill(&self, account: &Account) -> Option<String> {
        let separators = match self.0.0.as_slice() {
            [Part::Text(before), Part::Hole(Hole::Address), Part::Text(after)]
                if before.is_empty() && after.is_empty() =>
            {
                &['\\', '/'][..]
            }
            _ => &['@', '\\', '/'],
        };
        (!account.localpart().contains(separators))
            .then(|| self.0.fill(account, |value| Cow::Borrowed(value)))
    }
}

/// An account whose parts stay themselves under every escaping.
fn sample() -> Account {
    Account::new("user", "example.com").unwrap_or_else(|| unreachable!("both parts are legal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(localpart: &str) -> Account {
        Account::new(localpart, "example.com").unwrap()
    }

    #[test]
    fn a_filter_is_filled_with_escaped_values() {
        let filter = FilterTemplate::parse("(&(uid={localpart})(mail={jid})(o={domain}))").unwrap();
        assert_eq!(
            filter.fill(&account("a*(b)\\c")),
            "(&(uid=a\\2a\\28b\\29\\5cc)(mail=a\\2a\\28b\\29\\5cc@example.com)(o=example.com))"
        );
    }

    #[test]
    fn a_filter_is_made_of_login_attributes() {
        let one = FilterTemplate::of_attributes("person", &["uid"]).unwrap();
        assert_eq!(one.to_string(), "(&(objectClass=person)(uid={localpart}))");
        let two = FilterTemplate::of_attributes("user", &["sAMAccountName", "mail"]).unwrap();
        assert_eq!(
            two.fill(&account("x")),
            "(&(objectClass=user)(|(sAMAccountName=x)(mail=x@example.com)))"
        );
        assert_eq!(
            two.fill(&account("x@y")),
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
            assert_eq!(FilterTemplate::parse(source).unwrap().fill_any(), any);
        }
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
        ] {
            assert!(FilterTemplate::parse(source).is_err(), "{source}");
        }
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
