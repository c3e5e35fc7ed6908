//! Distinguished names with holes, which a user's name fills.
//!
//! A template is read once, with the configuration: into the text that is the same for everyone, and
//! the values that are not, so that what fills these is never read as a part of a DN.

use std::fmt;

use crate::directory::names::dn::AttributeValue;
use crate::directory::names::dn_value::ValueWriter;
use crate::directory::names::name_rule::{NameAssertion, NameRule, is_plain};
use crate::directory::names::placeholder::{Mark, TextTemplate, ValueTemplate};
use crate::jid::Account;

/// A distinguished name (RFC 4514) with placeholders in its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnTemplate {
    source: String,
    holes: Vec<Hole>,
    /// What follows the last hole.
    after: String,
    name_rule: NameRule,
}

/// A value that differs from account to account.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hole {
    /// What stands between the value and the last one: whole names, and the attribute.
    before: String,
    attribute: String,
    value: ValueTemplate,
}

impl DnTemplate {
    /// Reads a DN; the error says what to write instead.
    pub fn parse(source: &str) -> Result<Self, String> {
        let text = TextTemplate::parse(source)?;
        let (marked, mark) = text.marked()?;
        // The mark is an escape, which can stand in a value alone: no user chooses an attribute.
        let (holes, after) = Some(marked)
            .filter(|_| !text.cuts_an_escape())
            .and_then(|marked| read_holes(&marked, mark))
            .ok_or("it is no DN; write for example uid={localpart},ou=people,dc=example,dc=com")?;
        let names =
            holes.iter().filter_map(|hole| NameAssertion::new(&hole.attribute, &hole.value));
        let name_rule =
            NameRule::all(names.map(NameRule::One)).ok_or("no value in it names the user")?;
        Ok(Self { source: source.to_owned(), holes, after, name_rule })
    }

    /// The DN for an account, or `None` if the server would take it for another account's as well.
    pub fn fill(&self, account: &Account) -> Option<String> {
        is_plain(account).then(|| {
            // Few are longer.
            let mut dn = String::with_capacity(128);
            for Hole { before, value, .. } in &self.holes {
                dn.push_str(before);
                let mut writer = ValueWriter::new(&mut dn);
                value.fill(account, |piece| writer.push(piece));
                writer.end();
            }
            dn.push_str(&self.after);
            dn
        })
    }

    /// Whose the entry of this DN is: by the attributes that hold the user's name in the DN.
    pub fn name_rule(&self) -> &NameRule {
        &self.name_rule
    }
}

/// The holes of a DN with marks in it, and what follows them; `None` if it is no DN.
fn read_holes(marked: &str, mark: Mark) -> Option<(Vec<Hole>, String)> {
    let mut holes = Vec::new();
    let mut fixed = String::new();
    let mut rest = marked;
    loop {
        let (part, behind) = AttributeValue::first_of(rest)?;
        match ValueTemplate::read(&part.value, mark) {
            Some(value) => {
                let (attribute, _) = rest.split_once('=')?;
                let before = std::mem::take(&mut fixed) + attribute + "=";
                holes.push(Hole { before, attribute: part.attribute, value });
                fixed.extend(part.separator);
            }
            None => fixed.push_str(rest.strip_suffix(behind)?),
        }
        if part.separator.is_none() {
            return Some((holes, fixed));
        }
        rest = behind;
    }
}

impl fmt::Display for DnTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::directory::names::dn::Dn;

    fn account(localpart: &str) -> Account {
        Account::new(localpart, "example.com").unwrap()
    }

    fn filled(source: &str, localpart: &str) -> String {
        DnTemplate::parse(source).unwrap().fill(&account(localpart)).unwrap()
    }

    #[test]
    fn values_are_escaped_by_their_place_and_the_rest_stays_as_it_is_written() {
        for (source, localpart, expected) in [
            ("uid={localpart},OU=A\\2cB , dc=x", "a,b+c=\"d\\e<f>;#", {
                "uid=a\\,b\\+c=\\\"d\\\\e\\<f\\>\\;#,OU=A\\2cB , dc=x"
            }),
            ("uid={localpart},dc=x", "#a", "uid=\\#a,dc=x"),
            ("uid=x{localpart},dc=x", "#a", "uid=x#a,dc=x"),
            ("uid= #{localpart}\\20+o={domain};dc=x", "a", "uid=\\#a\\ +o=example.com;dc=x"),
            ("cn=\\ff\\00{jid}", "ü", "cn=\\ff\\00ü@example.com"),
            ("cn=\\0c{jid}", "a", "cn=\\0ca@example.com"),
            ("ou={domain},cn=\\ {localpart}", "a", "ou=example.com,cn=\\ a"),
        ] {
            assert_eq!(filled(source, localpart), expected, "{source}");
        }
    }

    #[test]
    fn it_knows_which_attributes_name_the_user() {
        let dn = DnTemplate::parse("CN=X-{localpart}+o={domain},ou=people,dc=example").unwrap();
        let [name] = dn.name_rule().assertions()[..] else { panic!("{dn:?}") };
        assert_eq!((name.attribute.as_str(), &*name.value(&account("a,b"))), ("cn", &b"X-a,b"[..]));
    }

    proptest! {
        #[test]
        fn a_filled_dn_has_the_value_in_its_place(
            before in "[a# ]{0,2}",
            localpart in "[a-c#,+;<>=\"\\\\ ü]{1,6}",
            after in "[a# ]{0,2}",
        ) {
            let source = format!("uid={before}{{localpart}}{after},dc=x");
            let Some(dn) = DnTemplate::parse(&source).unwrap().fill(&account(&localpart)) else {
                return Ok(());
            };
            let escaped: String =
                localpart.bytes().map(|byte| format!("\\{byte:02x}")).collect();
            prop_assert_eq!(
                Dn::parse(&dn),
                Dn::parse(&source.replace("{localpart}", &escaped)),
                "{}", dn
            );
        }
    }
}
