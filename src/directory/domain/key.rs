//! What an entry is told apart by, and what failures to sign in as it are counted by.
//!
//! What was granted or refused is about one entry of one directory of the configuration. Failures are
//! counted by the letters of the account's name alone, whatever table and servers lead to it: a server
//! has many names, and two budgets for one account would lock it, while one budget for two accounts
//! costs no more than a wait.

use unicode_normalization::UnicodeNormalization;

use crate::directory::accounts::EntryKey;
use crate::directory::names::dn::Dn;

/// The key of the entry with this DN, or of whose user is called so, in the directory of this name.
pub(super) fn key(directory: &str, name: &str) -> EntryKey {
    let (entry, counted_as) = match Dn::parse(name) {
        Some(dn) => (dn.key(), bare_letters(&dn.text())),
        None => (name.to_lowercase(), bare_letters(user_of(name))),
    };
    EntryKey { entry: format!("{directory}/{entry}"), counted_as }
}

/// The user in one of Active Directory's names, `user@corp.example` and `CORP\user`, which are two
/// for one account.
fn user_of(name: &str) -> &str {
    if name.contains('=') {
        return name;
    }
    let (_, name) = name.rsplit_once('\\').unwrap_or(("", name));
    let (user, _) = name.split_once('@').unwrap_or((name, ""));
    user
}

/// The letters and digits of a name, without case, accents, and whatever else directories overlook:
/// where a name was made from what was typed, and nothing is read, they may take many for one.
fn bare_letters(name: &str) -> String {
    name.nfkd().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted_as(name: &str) -> String {
        key("corp", name).counted_as
    }

    #[test]
    fn failures_are_counted_by_the_account_whatever_leads_to_it() {
        let dn = "uid=jo.doe,ou=people,dc=example";
        for same in [
            "UID=Jo.Doe, OU=people, DC=example",
            "0.9.2342.19200300.100.1.1=jo\\2edoe,ou=people,dc=example",
            "uid=jo doe,ou=people,dc=example",
            "uid=\\22jo\\5cdoe\\2b,ou=people,dc=example",
            "uid=j\u{f6}doe,ou=people,dc=example",
            "uid=\u{ff4a}odoe,ou=people,dc=example",
        ] {
            assert_eq!(counted_as(same), counted_as(dn), "{same}");
            assert_eq!(key("other", same).counted_as, counted_as(dn), "{same}");
        }
        for other in ["uid=jo.doe2,ou=people,dc=example", "uid=jo.doe,ou=guests,dc=example"] {
            assert_ne!(counted_as(other), counted_as(dn), "{other}");
        }
    }

    #[test]
    fn plain_names_of_one_user_are_counted_together() {
        for same in ["EXAMPLE\\alice", "alice@example.org", "ALICE@corp", "x\\Al.ice@example.com"] {
            assert_eq!(counted_as(same), counted_as("alice@example.com"), "{same}");
        }
        assert_ne!(counted_as("bob@example.com"), counted_as("alice@example.com"));
        // What reads like a DN, and is none, is not cut.
        assert_ne!(counted_as("cn=a\\z@x"), counted_as("cn=b\\z@x"));
    }

    #[test]
    fn what_is_granted_is_about_one_entry_of_one_directory() {
        let entry = |directory, name| key(directory, name).entry;
        assert_eq!(entry("a", "UID=x, dc=y"), entry("a", "uid=X,dc=y"));
        assert_ne!(entry("a", "uid=x,dc=y"), entry("b", "uid=x,dc=y"));
        assert_ne!(entry("a", "uid=jo.doe,dc=y"), entry("a", "uid=jodoe,dc=y"));
        assert_ne!(entry("a", "EXAMPLE\\alice"), entry("a", "alice@example.com"));
    }
}
