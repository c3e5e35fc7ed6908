//! The seed of every directory of the tests, in LDIF (RFC 2849), and the accounts in it.

use std::fmt::Write as _;

use anyhow::{Context, Result};
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
            None => current = Some(Entry { dn: String::from_utf8(value)?, attributes: Vec::new() }),
        }
    }
    entries.extend(current);
    Ok(entries)
}

/// Writes entries as LDIF; values must be text that needs no encoding.
pub fn write(entries: &[Entry]) -> Result<String> {
    let mut text = String::new();
    for entry in entries {
        writeln!(text, "dn: {}", entry.dn)?;
        for (name, value) in &entry.attributes {
            writeln!(text, "{name}: {}", std::str::from_utf8(value)?)?;
        }
        text.push('\n');
    }
    Ok(text)
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
}
