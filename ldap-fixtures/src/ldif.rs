//! The seed of every directory of the tests, in LDIF (RFC 2849), and the accounts in it.

use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};

/// The text of `ldif/example.ldif`.
pub const SEED: &str = include_str!("../ldif/example.ldif");

/// One entry: its DN, and its attributes in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The distinguished name, as written.
    pub dn: String,
    /// Names and values; an attribute of several values comes several times.
    pub attributes: Vec<(String, Vec<u8>)>,
}

impl Entry {
    /// The first value of an attribute, if it is UTF-8.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        let (_, value) =
            self.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute))?;
        std::str::from_utf8(value).ok()
    }
}

/// What the directory says when somebody signs in with the right password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The bind succeeds.
    Open,
    /// The bind fails, although the password is right: locked, or expired.
    Shut,
    /// The bind succeeds, but nothing else is allowed before the password is changed.
    MustChange,
    /// There are two entries for the name.
    Ambiguous,
}

/// Somebody who could sign in.
#[derive(Clone, Debug)]
pub struct Account {
    /// The login name.
    pub uid: String,
    /// The DN of the (first) entry.
    pub dn: String,
    /// The right password.
    pub password: String,
    /// What happens with it.
    pub state: State,
}

/// Every account of the seed that has a password, once each.
pub fn accounts() -> Result<Vec<Account>> {
    let mut accounts: Vec<Account> = Vec::new();
    for entry in parse(SEED)? {
        let (Some(uid), Some(password)) = (entry.text("uid"), entry.text("userPassword")) else {
            continue;
        };
        if accounts.iter().any(|account| account.uid == uid) {
            continue;
        }
        let state = match uid {
            "dave" | "frank" => State::Shut,
            "grace" => State::MustChange,
            "dupe" => State::Ambiguous,
            _ => State::Open,
        };
        accounts.push(Account {
            uid: uid.to_owned(),
            password: password.to_owned(),
            state,
            dn: entry.dn,
        });
    }
    Ok(accounts)
}

/// Reads LDIF content records: comments, folded lines and base64 values, but no URLs and no changes.
pub fn parse(text: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut current: Option<Entry> = None;
    for line in text.replace("\n ", "").lines() {
        if line.starts_with('#') {
            continue;
        }
        if line.is_empty() {
            entries.extend(current.take());
            continue;
        }
        let (name, value) =
            line.split_once(':').with_context(|| format!("no colon in {line:?}"))?;
        let value = match value.strip_prefix(':') {
            Some(encoded) => BASE64_STANDARD
                .decode(encoded.trim())
                .with_context(|| format!("no base64 in {line:?}"))?,
            None => value.trim_start().as_bytes().to_vec(),
        };
        match &mut current {
            Some(entry) => entry.attributes.push((name.to_owned(), value)),
            None => {
                ensure!(name.eq_ignore_ascii_case("dn"), "no DN before {line:?}");
                current = Some(Entry { dn: String::from_utf8(value)?, attributes: Vec::new() });
            }
        }
    }
    entries.extend(current);
    Ok(entries)
}

/// Writes entries as LDIF content records, with a blank line after each.
pub fn write(entries: &[Entry]) -> String {
    let record = |entry: &Entry| {
        let attributes = entry.attributes.iter().map(|(name, value)| write_line(name, value));
        write_line("dn", entry.dn.as_bytes()) + &attributes.collect::<String>() + "\n"
    };
    entries.iter().map(record).collect()
}

fn write_line(name: &str, value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if is_safe(text) => format!("{name}: {text}\n"),
        _ => format!("{name}:: {}\n", BASE64_STANDARD.encode(value)),
    }
}

/// Whether a value may stand as it is (RFC 2849, SAFE-STRING and its note 8).
fn is_safe(value: &str) -> bool {
    !value.starts_with([' ', ':', '<'])
        && !value.ends_with(' ')
        && value.chars().all(|c| c.is_ascii() && !matches!(c, '\0' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_readable_and_its_accounts_are_what_the_tests_need() {
        let accounts = accounts().unwrap();
        let find = |uid: &str| accounts.iter().find(|account| account.uid == uid).unwrap();
        assert_eq!(find("alice").dn, "uid=alice,ou=people,dc=example,dc=com");
        assert_eq!(find("pwlong").password.len(), 900);
        assert_eq!(find("pwspaces").password, " both ends ");
        assert_eq!(find("pwumlauts").password, "pässwörd ß");
        assert_eq!(find("😀smile").state, State::Open);
        for special in "*()\\,=+<>#;\"/".chars() {
            assert!(accounts.iter().any(|account| account.uid.contains(special)), "{special}");
            assert!(find("pwspecial").password.contains(special), "{special}");
        }
    }

    #[test]
    fn what_was_written_is_read_again() {
        let values: [&[u8]; 11] = [
            b"plain",
            b"",
            b" before",
            b"after ",
            b":colon",
            b"<url",
            b"a: b:: c",
            b"two\nlines\r",
            b"nul\0",
            "pässwörd 😀".as_bytes(),
            b"\xff\xfe",
        ];
        let attributes = values.map(|value| ("description".to_owned(), value.to_vec())).to_vec();
        let odd = Entry { dn: "cn=ü,dc=example".to_owned(), attributes };
        let entries = [vec![odd], parse(SEED).unwrap()].concat();
        assert_eq!(parse(&write(&entries)).unwrap(), entries);
    }

    #[test]
    fn what_is_no_content_record_is_refused() {
        for text in ["dn dc=example", "cn: no name", "dn: dc=x\ncn:: no base64", "dn:: //4="] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
