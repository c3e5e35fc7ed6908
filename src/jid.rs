//! Whose account: a bare JID in two parts (RFC 7622), as an XMPP server has prepared it.

use std::fmt;

use stringprep::tables;
use unicode_normalization::UnicodeNormalization;

/// The longest localpart or domainpart in bytes (RFC 7622, sections 3.2 and 3.3).
const LONGEST_PART: usize = 1023;

/// The characters that a localpart may hold only escaped, with their codes (XEP-0106, section 4).
const ESCAPED: [(char, &str); 10] = [
    (' ', "20"),
    ('"', "22"),
    ('&', "26"),
    ('\'', "27"),
    ('/', "2f"),
    (':', "3a"),
    ('<', "3c"),
    ('>', "3e"),
    ('@', "40"),
    ('\\', "5c"),
];

/// An account of an XMPP server.
///
/// Both parts are non-empty and of legal length. The localpart is what nodeprep (RFC 6122, appendix
/// A) makes of a name, except that the ASCII characters it forbids may be there, because some
/// servers can be told to let them through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    localpart: String,
    domainpart: String,
}

impl Account {
    /// The account of `localpart` at `domainpart`, or `None` where no XMPP server would have sent
    /// these: a part is empty, longer than 1023 bytes, or not prepared. The domainpart is
    /// lower-cased, as the XMPP servers do before they ask; see [`domain`](Self::domain).
    pub fn new(localpart: &str, domainpart: &str) -> Option<Self> {
        let fits = |part: &str| !part.is_empty() && part.len() <= LONGEST_PART;
        // It can be longer than as it was written.
        let domainpart = Self::domain(domainpart);
        let legal = fits(localpart)
            && fits(&domainpart)
            && is_prepared(localpart)
            && !has_controls(&domainpart);
        legal.then(|| Self { localpart: localpart.to_owned(), domainpart })
    }

    /// The account of a JID as a person writes it, prepared as an XMPP server would.
    pub fn written(jid: &str) -> Option<Self> {
        let (localpart, domainpart) = jid.rsplit_once('@')?;
        Self::new(&nodeprep(localpart), domainpart)
    }

    /// The form of a domain's name that all its spellings have in common: in lower case, and
    /// international labels not as `xn--…` (RFC 5890).
    pub fn domain(name: &str) -> String {
        let name = name.to_lowercase();
        // Quicker than a search for the text, where it is short.
        if !name.as_bytes().windows(4).any(|part| part == b"xn--") {
            return name;
        }
        match idna::domain_to_unicode(&name) {
            // Unicode's rule for such names has letters of Cherokee in upper case.
            (unicode, Ok(())) => unicode.to_lowercase(),
            (_, Err(_)) => name,
        }
    }

    /// The part before the `@`.
    pub fn localpart(&self) -> &str {
        &self.localpart
    }

    /// The part after the `@`, in lower case.
    pub fn domainpart(&self) -> &str {
        &self.domainpart
    }

    /// The same user at another domain, for one that is served under several names.
    pub fn at(&self, domainpart: &str) -> Self {
        Self { localpart: self.localpart.clone(), domainpart: domainpart.to_owned() }
    }

    /// The account with the escapes of XEP-0106 in its localpart decoded, once; `None` if the name
    /// then began or ended with a space, which the XEP forbids (section 4.3).
    pub fn unescaped(&self) -> Option<Self> {
        let mut decoded = String::with_capacity(self.localpart.len());
        let mut rest = self.localpart.as_str();
        while let Some((text, after)) = rest.split_once('\\') {
            decoded.push_str(text);
            let escape = after.split_at_checked(2).and_then(|(code, behind)| {
                let (character, _) = ESCAPED.iter().find(|(_, known)| *known == code)?;
                Some((*character, behind))
            });
            let (character, behind) = escape.unwrap_or(('\\', after));
            decoded.push(character);
            rest = behind;
        }
        decoded.push_str(rest);
        let legal = !decoded.starts_with(' ') && !decoded.ends_with(' ');
        legal.then(|| Self { localpart: decoded, domainpart: self.domainpart.clone() })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.localpart, self.domainpart)
    }
}

/// Whether there are control characters in a text.
pub fn has_controls(text: &str) -> bool {
    // Those beyond ASCII begin with this byte. To look at all bytes takes no branches.
    let may_begin_one = |byte: u8| byte.is_ascii_control() || byte == 0xc2;
    text.bytes().fold(false, |found, byte| found | may_begin_one(byte))
        && text.contains(char::is_control)
}

/// A name as an XMPP server prepares it for a localpart (nodeprep, RFC 6122, appendix A). Characters
/// that are newer than Unicode 3.2 stay as they are, which is what the libraries of XMPP servers do.
pub fn nodeprep(name: &str) -> String {
    let mut done = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((at, unknown)) =
        rest.char_indices().find(|(_, c)| !c.is_ascii() && tables::unassigned_code_point(*c))
    {
        let (known, after) = rest.split_at(at);
        done.push_str(&prepared(known));
        done.push(unknown);
        rest = after.strip_prefix(unknown).unwrap_or_default();
    }
    done + &prepared(rest)
}

fn prepared(name: &str) -> String {
    let kept = name.chars().filter(|c| !tables::commonly_mapped_to_nothing(*c));
    kept.flat_map(tables::case_fold_for_nfkc).nfkc().collect()
}

/// Characters that are newer than Unicode 3.2 are let through, as in a query (RFC 3454, section 7).
fn is_prepared(name: &str) -> bool {
    if name.is_ascii() {
        return !name.bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_control());
    }
    !name.chars().any(is_prohibited)
        && !name.bytes().any(|byte| byte.is_ascii_uppercase())
        && nodeprep(name) == name
}

/// What is prohibited everywhere (RFC 6122, appendix A.5), but for ASCII spaces.
fn is_prohibited(c: char) -> bool {
    // The tables have nothing more to say about ASCII.
    if c.is_ascii() { c.is_ascii_control() } else { is_prohibited_by_table(c) }
}

fn is_prohibited_by_table(c: char) -> bool {
    c.is_control()
        || tables::non_ascii_space_character(c)
        || tables::private_use(c)
        || tables::non_character_code_point(c)
        || tables::inappropriate_for_plain_text(c)
        || tables::inappropriate_for_canonical_representation(c)
        || tables::change_display_properties_or_deprecated(c)
        || tables::tagging_character(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescaped(localpart: &str) -> Option<String> {
        Account::new(localpart, "h").unwrap().unescaped().map(|account| account.localpart)
    }

    #[test]
    fn escapes_are_decoded_once() {
        for (written, meant) in [
            ("d\\27artagnan", "d'artagnan"),
            ("user\\40corp.example", "user@corp.example"),
            ("space\\20cadet", "space cadet"),
            ("call\\20me\\20\\22ishmael\\22", "call me \"ishmael\""),
            ("\\2f.fanboy", "/.fanboy"),
            ("\\3a\\3afoo\\3a\\3a", "::foo::"),
            ("\\3cfoo\\3e", "<foo>"),
            ("at\\26t", "at&t"),
            ("c\\5c5commas", "c\\5commas"),
            ("c\\5c40x", "c\\40x"),
            ("\\5c5c", "\\5c"),
            ("back\\slash", "back\\slash"),
            ("\\", "\\"),
            ("\\2", "\\2"),
            ("\\28x", "\\28x"),
        ] {
            assert_eq!(unescaped(written).as_deref(), Some(meant), "{written}");
        }
        assert_eq!(unescaped("\\20x"), None);
        assert_eq!(unescaped("x\\20"), None);
    }

    #[test]
    fn a_name_that_no_server_prepared_is_refused() {
        for name in [
            "",
            "Alice",
            "ａlice",
            "al\u{ad}ice",
            "al\u{200b}ice",
            "strauß",
            "JÜRG",
            "a\u{202e}b",
            "ﬁne",
            "a\u{a0}b",
            "u\u{308}",
        ] {
            assert_eq!(Account::new(name, "h"), None, "{name:?}");
        }
        for name in
            ["alice", "jürgen", "łukasz", "日本", "😀smile", "\u{10781}", "o'brien", "a b", "ü"]
        {
            assert!(Account::new(name, "h").is_some(), "{name:?}");
        }
    }

    #[test]
    fn the_tables_prohibit_no_ascii_but_control_characters() {
        for c in '\0'..='\x7f' {
            assert_eq!(is_prohibited_by_table(c), c.is_ascii_control(), "{c:?}");
            assert!(!tables::unassigned_code_point(c), "{c:?}");
            assert_eq!(prepared(&c.to_string()), c.to_ascii_lowercase().to_string());
        }
    }

    #[test]
    fn control_characters_are_found_wherever_they_are() {
        for c in '\0'..='\u{2ff}' {
            for text in [format!("{c}"), format!("äbc{c}"), format!("{c}°")] {
                assert_eq!(has_controls(&text), c.is_control(), "{text:?}");
            }
        }
    }

    #[test]
    fn a_domain_that_is_too_long_in_lower_case_is_refused() {
        let [longest, longer] = [341, 342].map(|count| "\u{130}".repeat(count));
        assert!(Account::new("alice", &longest).is_some());
        assert_eq!(Account::new("alice", &longer), None);
    }

    #[test]
    fn an_international_domain_is_one_in_both_spellings() {
        for (one, other) in [
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "XN--bcher-KVA.Example"),
            ("\u{13ad}.example", "xn--j9d.example"),
            ("\u{ab7d}.example", "xn--j9d.example"),
        ] {
            assert_eq!(Account::new("a", one), Account::new("a", other));
        }
        // It is none, so it is itself.
        assert_eq!(Account::domain("xn--\u{fc}.example"), "xn--\u{fc}.example");
        assert_eq!(Account::domain("xn--zzzzzzz--.example"), "xn--zzzzzzz--.example");
    }

    #[test]
    fn what_a_person_writes_is_prepared() {
        let account = Account::written("JÜRG@Example.COM").unwrap();
        assert_eq!(account.to_string(), "jürg@example.com");
        assert_eq!(Account::written("nobody"), None);
    }
}
