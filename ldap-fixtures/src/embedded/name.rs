//! Distinguished names (RFC 4514), so that every spelling of a name finds its entry.

/// A name in a form in which equal names are equal: without escapes, in lower case, without the
/// spaces that mean nothing. The entry's own RDN comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(Vec<Rdn>);

/// The attributes and values of one component, sorted.
type Rdn = Vec<(String, String)>;

impl Name {
    /// Reads the string form; `None` where it is not a name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::root());
        }
        split_unescaped(text, ',').into_iter().map(parse_rdn).collect::<Option<_>>().map(Self)
    }

    /// The name of the root.
    pub(super) fn root() -> Self {
        Self(Vec::new())
    }

    /// Whether this is the name of the root, which is no entry.
    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// How many levels this name is below `base`: 0 for the base itself, `None` outside.
    pub(super) fn depth_below(&self, base: &Self) -> Option<usize> {
        self.0.strip_suffix(base.0.as_slice()).map(<[Rdn]>::len)
    }
}

fn parse_rdn(text: &str) -> Option<Rdn> {
    let mut rdn = split_unescaped(text, '+')
        .into_iter()
        .map(|part| {
            let (attribute, value) = part.split_once('=')?;
            let attribute = attribute.trim().to_lowercase();
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
            (!attribute.is_empty() && attribute.chars().all(legal))
                .then_some((attribute, parse_value(value)?))
        })
        .collect::<Option<Rdn>>()?;
    rdn.sort();
    Some(rdn)
}

fn parse_value(text: &str) -> Option<String> {
    // `#` begins a value in BER, which nobody types and nothing here understands.
    let text = text.trim_start_matches(' ');
    if text.starts_with('#') {
        return None;
    }
    let mut value = Vec::new();
    // An escaped space at the end counts, others do not.
    let mut end = 0;
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => {
                let next = rest.next()?;
                if matches!(next, b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<'..=b'>' | b'\\') {
                    value.push(next);
                } else {
                    let digits = [next, rest.next()?];
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    value.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                }
                end = value.len();
            }
            b'"' | b';' | b'<' | b'>' | 0 => return None,
            _ => {
                value.push(byte);
                if byte != b' ' {
                    end = value.len();
                }
            }
        }
    }
    value.truncate(end);
    let value = String::from_utf8(value).ok()?;
    (!value.is_empty()).then(|| value.to_lowercase())
}

/// Splits at a separator that no backslash precedes.
fn split_unescaped(text: &str, separator: char) -> Vec<&str> {
    let mut escaped = false;
    text.split(|c| {
        let splits = c == separator && !escaped;
        escaped = c == '\\' && !escaped;
        splits
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_name_is_the_same_name() {
        for (one, other) in [
            ("uid=alice,dc=example", "UID = Alice , DC=EXAMPLE"),
            (r"cn=Doe\, John \+ x,dc=x", r"cn=doe\2C John \2b x,dc=x"),
            ("uid=jürgen", r"uid=j\C3\BCrgen"),
            ("uid=J\u{dc}RGEN", "uid=jürgen"),
            (r"uid=\#hash", r"uid=\23hash"),
            (r"uid=a\\", r"uid=a\5c"),
            ("cn=a+uid=b", "uid=b+cn=a"),
            (r"uid=a\ ,dc=x", r"uid=a\20  ,dc=x"),
            ("uid=a=b", r"uid=a\=b"),
        ] {
            assert_eq!(Name::parse(one).unwrap(), Name::parse(other).unwrap(), "{one} {other}");
        }
        assert_ne!(Name::parse(r"uid=a\ "), Name::parse("uid=a"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "alice",
            "uid=",
            "=x",
            "uid=a,,dc=x",
            "uid=a,",
            r"uid=a\",
            r"uid=\zz",
            "uid=#04",
            "uid=a;b",
            r"uid=\ff",
        ] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_knows_what_it_is_below() {
        let name = Name::parse("uid=a,ou=people,dc=x").unwrap();
        for (base, depth) in
            [("", Some(3)), ("dc=x", Some(2)), ("uid=a,ou=people,dc=x", Some(0)), ("dc=y", None)]
        {
            assert_eq!(name.depth_below(&Name::parse(base).unwrap()), depth, "{base}");
        }
    }
}
