//! Names to bind with: whatever the account is called, a DN keeps its parts, and a plain name its
//! separators. And any two DNs: they are equal where they are one, and nowhere else.

use xmpp_ldap_auth::directory::names::bind_name::NameTemplate;
use xmpp_ldap_auth::directory::names::dn::Dn;
use xmpp_ldap_auth::jid::Account;

use crate::first_line;
use crate::template::{account, values};

const HOLES: [&str; 4] = ["{localpart}", "{domain}", "{jid}", "{address}"];

/// What stands in the place of a character of a DN, or before it, to make another one of it.
const CHANGES: [&str; 10] = ["", " ", "\\", "#", ",", "+", "=", "\t", "a", "\u{a0}"];

/// The longest DN of which others are made.
const SHORT: usize = 20;

/// The input is a name template, a localpart and a domainpart, each in a line; the first two may also
/// be DNs.
pub fn check(input: &[u8]) {
    let Some((source, rest)) = first_line(input) else { return };
    if let (Some(dn), Some((other, _))) = (Compared::of(source), first_line(rest)) {
        dn.check_with(other);
    }
    check_changes(source);
    let Some(account) = account(rest) else { return };
    for account in [account.unescaped(), Some(account)].into_iter().flatten() {
        check_name("uid={localpart},ou=people,dc=example,dc=com", &account);
        check_name(source, &account);
    }
}

fn check_name(source: &str, account: &Account) {
    let Ok(template) = NameTemplate::parse(source) else { return };
    let filled = template.fill(account);
    match template {
        NameTemplate::Dn(template) => {
            assert_eq!(template.to_string(), source);
            let Some(filled) = filled else {
                // A directory may take these for another spelling of a name.
                let is_plain = |value: &String| value.bytes().all(|byte| byte.is_ascii_graphic());
                assert!(!values(account).iter().all(is_plain), "a DN can hold any plain name");
                return;
            };
            // No character is special as the two digits of each of its bytes.
            let plain = Dn::parse(&with_values(source, account, |value| {
                value.bytes().map(|byte| format!("\\{byte:02x}")).collect()
            }));
            assert!(plain.is_some(), "{filled}");
            assert_eq!(Dn::parse(&filled), plain, "{filled}");
            let depth = Dn::parse(&with_values(source, account, |_| "x".to_owned()));
            assert_eq!(plain.map(|dn| dn.depth()), depth.map(|dn| dn.depth()), "{filled}");
        }
        NameTemplate::Plain(template) => {
            assert_eq!(template.to_string(), source);
            let Some(filled) = filled else { return };
            assert_eq!(filled, with_values(source, account, str::to_owned));
            let is_address = source == "{address}" && account.localpart().contains('@');
            let own = account.localpart().matches(['@', '\\', '/']).count();
            assert!(own == 0 || is_address, "{filled}");
        }
    }
}

fn with_values(source: &str, account: &Account, escape: impl Fn(&str) -> String) -> String {
    let values = values(account);
    let mut filled = String::new();
    let mut rest = source;
    while let Some((text, behind)) = rest.split_once('{') {
        filled.push_str(text);
        let hole =
            HOLES.iter().position(|hole| hole[1..].strip_suffix('}') == behind.split('}').next());
        filled.push_str(&escape(&values[hole.expect("a template has no other holes")]));
        rest = behind.split_once('}').map_or("", |(_, rest)| rest);
    }
    filled + rest
}

/// Compares a DN with those that differ from it by a character.
fn check_changes(dn: &str) {
    let Some(compared) = Compared::of(dn).filter(|_| dn.len() <= SHORT) else { return };
    for (at, character) in dn.char_indices() {
        let (before, rest) = dn.split_at(at);
        let after = &rest[character.len_utf8()..];
        for change in CHANGES {
            compared.check_with(&[before, change, after].concat());
            compared.check_with(&[before, change, rest].concat());
        }
        let other_case = match character.is_uppercase() {
            true => character.to_lowercase().to_string(),
            false => character.to_uppercase().to_string(),
        };
        compared.check_with(&[before, &other_case, after].concat());
    }
}

/// A DN in each form by which it is compared.
struct Compared<'a> {
    source: &'a str,
    strict: StrictDn,
    dn: Dn,
    of_one_entry: Dn,
}

impl<'a> Compared<'a> {
    /// The forms of what the RFC takes for a DN.
    fn of(source: &'a str) -> Option<Self> {
        let strict = StrictDn::read(source)?;
        let dns = [Dn::parse(source), Dn::of_one_entry(source)];
        let [dn, of_one_entry] = dns.map(|dn| dn.expect("what the RFC takes for a DN is one"));
        assert_eq!(dn.depth(), strict.0.len(), "{source}");
        Some(Self { source, strict, dn, of_one_entry })
    }

    fn check_with(&self, other: &str) {
        let Some(other) = Compared::of(other) else { return };
        let pair = [self.source, other.source];
        let is_one = self.of_one_entry == other.of_one_entry;
        assert_eq!(is_one, self.strict == other.strict, "{pair:?}");
        assert_eq!(is_one, self.of_one_entry.key() == other.of_one_entry.key(), "{pair:?}");
        assert_eq!(self.dn == other.dn, self.dn.key() == other.dn.key(), "{pair:?}");
        assert!(self.dn == other.dn || !is_one, "{pair:?}");
    }
}

/// A name as RFC 4514 has it, to the letter, and without regard to case where all servers have none.
#[derive(PartialEq)]
struct StrictDn(Vec<Vec<(String, StrictValue)>>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum StrictValue {
    /// Octets, without escapes.
    String(Vec<u8>),
    /// The octets of an encoding.
    Hex(Vec<u8>),
}

impl StrictDn {
    /// Reads a name (section 3); `None` if it is none.
    fn read(source: &str) -> Option<Self> {
        if source.is_empty() {
            return Some(Self(Vec::new()));
        }
        let names = split(source, b',').into_iter().map(|name| {
            let mut pairs: Vec<_> =
                split(name, b'+').into_iter().map(Self::read_pair).collect::<Option<_>>()?;
            pairs.sort();
            Some(pairs)
        });
        names.collect::<Option<_>>().map(Self)
    }

    fn read_pair(source: &str) -> Option<(String, StrictValue)> {
        let (attribute, value) = source.split_once('=')?;
        let is_descr = attribute.starts_with(|c: char| c.is_ascii_alphabetic())
            && attribute.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_number = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_digit())
                && (part == "0" || !part.is_empty() && !part.starts_with('0'))
        };
        let is_oid = attribute.contains('.') && attribute.split('.').all(is_number);
        let attribute = match &*attribute.to_ascii_lowercase() {
            _ if !is_descr && !is_oid => return None,
            "commonname" | "2.5.4.3" => "cn".to_owned(),
            "surname" | "2.5.4.4" => "sn".to_owned(),
            "countryname" | "2.5.4.6" => "c".to_owned(),
            "localityname" | "2.5.4.7" => "l".to_owned(),
            "stateorprovincename" | "2.5.4.8" => "st".to_owned(),
            "2.5.4.9" => "street".to_owned(),
            "organizationname" | "2.5.4.10" => "o".to_owned(),
            "organizationalunitname" | "2.5.4.11" => "ou".to_owned(),
            "domaincomponent" | "0.9.2342.19200300.100.1.25" => "dc".to_owned(),
            "userid" | "0.9.2342.19200300.100.1.1" => "uid".to_owned(),
            other => other.to_owned(),
        };
        let ignores_case =
            ["cn", "sn", "c", "l", "st", "street", "o", "ou", "dc", "uid"].contains(&&*attribute);
        let value = match StrictValue::read(value)? {
            StrictValue::String(octets) if ignores_case && std::str::from_utf8(&octets).is_ok() => {
                StrictValue::String(octets.to_ascii_lowercase())
            }
            value => value,
        };
        Some((attribute, value))
    }
}

impl StrictValue {
    fn read(source: &str) -> Option<Self> {
        let hex_pair = |pair: &[u8]| {
            let digits = std::str::from_utf8(pair).ok()?;
            let is_hex = pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
            is_hex.then(|| u8::from_str_radix(digits, 16).unwrap())
        };
        if let Some(digits) = source.strip_prefix('#') {
            let octets: Vec<u8> =
                digits.as_bytes().chunks(2).map(hex_pair).collect::<Option<_>>()?;
            return (!octets.is_empty()).then_some(Self::Hex(octets));
        }
        if source.starts_with(' ') {
            return None;
        }
        let mut octets = Vec::new();
        let mut ends_in_space = false;
        let mut rest = source.as_bytes();
        while let [first, after @ ..] = rest {
            rest = after;
            ends_in_space = *first == b' ';
            octets.push(match first {
                b'\\' => match rest {
                    [special, after @ ..] if b"\\\"+,;<> #=".contains(special) => {
                        rest = after;
                        *special
                    }
                    _ => {
                        let (pair, after) = rest.split_at_checked(2)?;
                        rest = after;
                        hex_pair(pair)?
                    }
                },
                b'"' | b'+' | b',' | b';' | b'<' | b'>' | 0 => return None,
                other => *other,
            });
        }
        (!ends_in_space).then_some(Self::String(octets))
    }
}

/// The parts between separators that are not escaped.
fn split(source: &str, separator: u8) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut is_escaped) = (0, false);
    for (at, byte) in source.bytes().enumerate() {
        if byte == separator && !is_escaped {
            parts.push(&source[start..at]);
            start = at + 1;
        }
        is_escaped = byte == b'\\' && !is_escaped;
    }
    parts.push(&source[start..]);
    parts
}
