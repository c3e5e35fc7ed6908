//! What an entry is told apart by, and what failures to sign in as it are counted by.
//!
//! What was granted or refused is about one entry of one directory of the configuration. Failures are
//! counted by the account's name alone, whatever table and servers lead to it: a server has many names,
//! and two budgets for one account would lock it. Where the name was read it is the DN, so that no two
//! entries are one; where it was made of what was typed, it is the letters that are in it.

use unicode_normalization::UnicodeNormalization;

use crate::directory::backend::EntryKey;
use crate::directory::names::dn::Dn;

/// The key of the entry that the directory of this name told of by its DN.
pub(super) fn of_entry(directory: &str, dn: &str) -> EntryKey {
    let spelled = Dn::parse(dn).map_or_else(|| dn.to_lowercase(), |dn| dn.key());
    EntryKey { entry: of_one_entry(directory, dn), counted_as: spelled }
}

/// The key of whatever entry of the directory of this name is meant by a DN that was made of what was
/// typed: nothing is read that would tell two of them apart.
pub(super) fn of_made_dn(directory: &str, dn: &str) -> EntryKey {
    let text = Dn::parse(dn).map_or_else(|| dn.to_owned(), |dn| dn.text());
    EntryKey { entry: of_one_entry(directory, dn), counted_as: bare_letters(&text) }
}

/// The same of one of Active Directory's other names, which is no DN even where the user's name reads
/// like one.
pub(super) fn of_plain_name(directory: &str, name: &str) -> EntryKey {
    EntryKey { entry: of_no_dn(directory, name), counted_as: bare_letters(user_of(name)) }
}

/// What a DN has in common with all those of its spellings that no other entry can have.
fn of_one_entry(directory: &str, dn: &str) -> String {
    match Dn::of_one_entry(dn) {
        Some(dn) => format!("{directory}/{}", dn.key()),
        None => of_no_dn(directory, dn),
    }
}

fn of_no_dn(directory: &str, name: &str) -> String {
    // No key of a DN begins like this.
    format!("{directory}/={name}")
}

/// The user in one of Active Directory's names, `user@corp.example` and `CORP\user`, which are two
/// for one account.
fn user_of(name: &str) -> &str {
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

    fn counted_as(dn: &str) -> String {
        of_made_dn("corp", dn).counted_as
    }

    #[test]
    fn names_that_a_directory_may_take_for_one_are_counted_as_one() {
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
            assert_eq!(of_made_dn("other", same).counted_as, counted_as(dn), "{same}");
        }
        for other in ["uid=jo.doe2,ou=people,dc=example", "uid=jo.doe,ou=guests,dc=example"] {
            assert_ne!(counted_as(other), counted_as(dn), "{other}");
        }
    }

    #[test]
    fn plain_names_of_one_user_are_counted_together() {
        let counted_as = |name| of_plain_name("corp", name).counted_as;
        for same in ["EXAMPLE\\alice", "alice@example.org", "ALICE@corp", "x\\Al.ice@example.com"] {
            assert_eq!(counted_as(same), counted_as("alice@example.com"), "{same}");
        }
        assert_ne!(counted_as("bob@example.com"), counted_as("alice@example.com"));
        assert_eq!(counted_as("CORP\\cn=a,cn=b"), counted_as("cn=a,cn=b@x"));
    }

    #[test]
    fn what_reads_like_a_dn_and_is_none_is_not_cut() {
        assert_ne!(counted_as("cn=a\\z@x"), counted_as("cn=b\\z@x"));
    }

    #[test]
    fn entries_that_were_read_are_counted_each_and_wherever_they_were_read() {
        let counted_as = |directory, dn| of_entry(directory, dn).counted_as;
        let dn = "uid=jo.doe,dc=example";
        for same in ["UID=Jo.Doe, DC=example", "0.9.2342.19200300.100.1.1=jo\\2edoe,dc=example"] {
            assert_eq!(counted_as("other", same), counted_as("corp", dn), "{same}");
        }
        for other in ["uid=jodoe,dc=example", "uid=jo doe,dc=example", "uid=j\u{f6}.doe,dc=example"]
        {
            assert_ne!(counted_as("corp", other), counted_as("corp", dn), "{other}");
        }
        assert_eq!(of_entry("corp", dn).entry, of_made_dn("corp", dn).entry);
    }

    #[test]
    fn what_is_granted_is_about_one_entry_of_one_directory() {
        let entry = |directory, dn| of_made_dn(directory, dn).entry;
        let named = |name| of_plain_name("a", name).entry;
        assert_eq!(entry("a", "UID=x, dc=y"), entry("a", "uid=X,dc=y"));
        assert_ne!(entry("a", "uid=x,dc=y"), entry("b", "uid=x,dc=y"));
        assert_ne!(entry("a", "uid=jo.doe,dc=y"), entry("a", "uid=jodoe,dc=y"));
        assert_ne!(named("EXAMPLE\\alice"), named("alice@example.com"));
        assert_ne!(named("uid=x@corp.example"), named("uid= x@corp.example"));
        assert_ne!(named("uid=x@corp.example"), entry("a", "uid=x@corp.example"));
        assert_ne!(named("+uid=1:x,,"), entry("a", "uid=x"));
    }

    #[test]
    fn entries_whose_dns_differ_in_case_alone_are_two_where_they_can_be() {
        let [one, two] =
            ["homeDirectory=/Jo,dc=y", "homeDirectory=/jo,dc=y"].map(|dn| of_entry("a", dn));
        assert_ne!(one.entry, two.entry);
        assert_eq!(one.counted_as, two.counted_as);
        let again = of_entry("a", "homedirectory=/Jo, DC=Y");
        assert_eq!(again.entry, one.entry);
    }
}
