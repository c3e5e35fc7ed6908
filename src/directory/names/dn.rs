//! Distinguished names (RFC 4514), compared as directories do: without regard to case, to spaces
//! around separators and to the way in which a character is escaped.

use std::fmt::Write;

/// The attributes that DNs are mostly made of: where one follows a blank, a comma was forgotten.
const COMMON: [&str; 7] = ["dc", "ou", "o", "cn", "c", "uid", "l"];

/// The attributes that names are usually made of: the short name, by which an attribute is compared,
/// its other name, and its object identifier (RFC 4514, section 3; RFC 4519).
const ATTRIBUTES: [(&str, &str, &str); 10] = [
    ("cn", "commonname", "2.5.4.3"),
    ("sn", "surname", "2.5.4.4"),
    ("c", "countryname", "2.5.4.6"),
    ("l", "localityname", "2.5.4.7"),
    ("st", "stateorprovincename", "2.5.4.8"),
    ("street", "street", "2.5.4.9"),
    ("o", "organizationname", "2.5.4.10"),
    ("ou", "organizationalunitname", "2.5.4.11"),
    ("dc", "domaincomponent", "0.9.2342.19200300.100.1.25"),
    ("uid", "userid", "0.9.2342.19200300.100.1.1"),
];

/// The attributes that units and places are named by, and no group.
const OF_CONTAINERS: [&str; 6] = ["dc", "ou", "o", "c", "l", "st"];

/// What does not count before and behind an attribute: the space, and what it may be written as in a
/// file. Beside a value it is the space alone: any other blank is a part of it (RFC 4514, section 2.4).
const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];

/// An attribute by its short name.
fn short(name: &str) -> String {
    let bare = name.strip_prefix("oid.").unwrap_or(name);
    let known = ATTRIBUTES.iter().find(|(_, long, oid)| *long == bare || *oid == bare);
    known.map_or(name, |(short, ..)| short).to_owned()
}

/// A distinguished name in a form that is the same for all its spellings.
///
/// Values are compared as case-ignoring strings, which is the rule of every attribute that names
/// people, groups and domains.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dn(Vec<Vec<Assertion>>);

/// An attribute and its value in the form by which they are compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Assertion {
    attribute: String,
    is_encoded: bool,
    value: Vec<u8>,
}

impl Dn {
    /// Reads a DN; `None` if it is none. The empty DN has no parts.
    pub fn parse(source: &str) -> Option<Self> {
        Self::read(source, |_, value| folded(value))
    }

    /// Reads a DN of which no other entry can have a spelling: there are attributes whose values are
    /// compared with their case, such as homeDirectory (RFC 2307), so it counts but for those known;
    /// and beyond ASCII, each server has its own idea of which letters differ in case alone.
    pub fn of_one_entry(source: &str) -> Option<Self> {
        Self::read(source, |attribute, mut value| {
            let is_known = ATTRIBUTES.iter().any(|(short, ..)| *short == attribute);
            // What is no text has no letters.
            if is_known && str::from_utf8(&value).is_ok() {
                value.make_ascii_lowercase();
            }
            value
        })
    }

    /// Reads a DN with its values in a comparable form.
    fn read(source: &str, comparable: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> Option<Self> {
        if source.trim_matches(BLANK).is_empty() {
            return Some(Self(Vec::new()));
        }
        let (mut names, mut name) = (Vec::new(), Vec::new());
        let mut rest = source;
        loop {
            let (AttributeValue { attribute, value, is_encoded, separator }, behind) =
                AttributeValue::first_of(rest)?;
            let value = comparable(&attribute, value);
            name.push(Assertion { attribute, is_encoded, value });
            if separator != Some('+') {
                name.sort_unstable();
                names.push(std::mem::take(&mut name));
            }
            if separator.is_none() {
                return Some(Self(names));
            }
            rest = behind;
        }
    }

    /// Reads a DN as an administrator writes it; the error says what to write instead.
    pub fn written(source: &str) -> Result<Self, String> {
        const FORM: &str = "write for example \"ou=people,dc=example,dc=com\"";
        let dn = Self::parse(source).ok_or_else(|| match source.contains('=') {
            true => format!("it is no DN of RFC 4514; {FORM}"),
            false if source.contains('.') && !source.contains(char::is_whitespace) => {
                let parts: Vec<String> =
                    source.split('.').map(|label| format!("dc={label}")).collect();
                format!("it is no DN: if it is the name of a domain, write {:?}", parts.join(","))
            }
            false => format!("it is no DN; {FORM}"),
        })?;
        let small = source.to_ascii_lowercase().replace(' ', "");
        let ends = |piece: &&str| piece.rsplit(',').next().is_some_and(|it| it.starts_with("dc="));
        let mut pieces = small.split(';').peekable();
        while let (Some(piece), Some(next)) = (pieces.next(), pieces.peek()) {
            if ends(&piece) && !next.starts_with("dc=") {
                return Err("one string holds one DN: write [\"ou=one,dc=example,dc=com\", \"ou=other,dc=example,dc=com\"]".to_owned());
            }
        }
        let begins = |word: &str| {
            let name = word.split_once('=').map(|(name, _)| name.to_ascii_lowercase());
            name.is_some_and(|name| COMMON.contains(&&*name))
        };
        let words: Vec<&str> = source.split_whitespace().collect();
        let is_forgotten = |pair: &[&str]| match pair {
            [before, word] => begins(word) && !before.ends_with([',', '+', ';', '\\']),
            _ => false,
        };
        if words.windows(2).any(is_forgotten) {
            return Err(format!("commas stand between the parts of a DN; {FORM}"));
        }
        Ok(dn)
    }

    /// Whether this is `base` or lies below it.
    pub fn is_within(&self, base: &Self) -> bool {
        self.0.ends_with(&base.0)
    }

    /// The same text for all its spellings, and for no other name.
    pub fn key(&self) -> String {
        let mut key = String::new();
        for name in &self.0 {
            for Assertion { attribute, is_encoded, value } in name {
                let sign = if *is_encoded { '#' } else { '=' };
                // The length, because a value can hold anything.
                let _ = write!(key, "+{attribute}{sign}{}:", value.len());
                match std::str::from_utf8(value) {
                    Ok(text) => key.push_str(text),
                    Err(_) => value.iter().for_each(|byte| {
                        let _ = write!(key, "\\{byte:02x}");
                    }),
                }
            }
            key.push(',');
        }
        key
    }

    /// Its attributes and values as text: the same for all its spellings, and perhaps for another name.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Assertion { attribute, value, .. } in self.0.iter().flatten() {
            let _ = write!(text, "{attribute}={},", String::from_utf8_lossy(value));
        }
        text
    }

    /// Whether it is named as units and places are.
    pub fn is_of_container(&self) -> bool {
        let mut names = self.0.first().into_iter().flatten();
        names.any(|name| OF_CONTAINERS.contains(&name.attribute.as_str()))
    }

    /// How many relative names it has.
    pub fn depth(&self) -> usize {
        self.0.len()
    }
}

/// An attribute and its value, as they stand in a DN.
pub(super) struct AttributeValue {
    /// The attribute by its short name.
    pub(super) attribute: String,
    /// The value without escapes.
    pub(super) value: Vec<u8>,
    /// Whether the value is the digits of its encoding (`#04024869`), which is another than the text.
    is_encoded: bool,
    /// What separates it from what follows, if something does.
    pub(super) separator: Option<char>,
}

impl AttributeValue {
    /// The one at the start of `source`, and what follows the separator behind it.
    pub(super) fn first_of(source: &str) -> Option<(Self, &str)> {
        let (name, after) = source.split_once('=')?;
        let name = name.trim_matches(BLANK).to_ascii_lowercase();
        if !is_attribute(&name) {
            return None;
        }
        let after = after.trim_start_matches(' ');
        let (value, separator, behind) = value(after)?;
        let is_encoded = after.as_bytes().starts_with(&value) && is_encoding(&value);
        // The case of digits does not count.
        let value = if is_encoded { value.to_ascii_lowercase() } else { value };
        Some((Self { attribute: short(&name), value, is_encoded, separator }, behind))
    }
}

/// The value at the start of `source` without its escapes, the separator behind it, and what follows.
fn value(source: &str) -> Option<(Vec<u8>, Option<char>, &str)> {
    let ends_at = source.find([',', ';', '+']).unwrap_or(source.len());
    let mut plain = Vec::with_capacity(ends_at);
    // Spaces at the end do not count unless they are escaped.
    let mut significant = 0;
    let mut characters = source.char_indices();
    let mut end = (None, "");
    while let Some((at, character)) = characters.next() {
        match character {
            ',' | ';' | '+' => {
                end = (Some(character), source.get(at + 1..)?);
                break;
            }
            '\\' => {
                let mut ahead = characters.clone();
                let digit = |next: Option<(usize, char)>| next.and_then(|(_, c)| c.to_digit(16));
                match (digit(ahead.next()), digit(ahead.next())) {
                    (Some(high), Some(low)) => {
                        plain.push(u8::try_from(high << 4 | low).ok()?);
                        characters = ahead;
                    }
                    _ => push(&mut plain, characters.next()?.1),
                }
                significant = plain.len();
            }
            '"' => return None,
            character => {
                push(&mut plain, character);
                if character != ' ' {
                    significant = plain.len();
                }
            }
        }
    }
    plain.truncate(significant);
    Some((plain, end.0, end.1))
}

/// Whether a value that is written without escapes is `#` and the digits of an encoding (RFC 4514,
/// section 2.4).
fn is_encoding(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"#").unwrap_or_default();
    !digits.is_empty() && digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit)
}

/// A value in its comparable form.
fn folded(value: Vec<u8>) -> Vec<u8> {
    match String::from_utf8(value) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(binary) => binary.into_bytes(),
    }
}

/// Whether it is the name of an attribute, or its OID (RFC 4512, section 1.4).
fn is_attribute(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

fn push(bytes: &mut Vec<u8>, character: char) {
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests;
