//! Placeholders for the parts of an account, and the texts and values that they stand in.
//!
//! What takes the place of a placeholder comes from the network. So it fills values, which have left
//! their text behind, and a text only where there is no way to escape in it.

use std::fmt;

use crate::jid::Account;
use crate::named::named;

named! {
    /// A part of an account.
    enum Placeholder {
        Localpart = "localpart",
        Domain = "domain",
        Jid = "jid",
        Address = "address",
    }
}

impl Placeholder {
    /// The one of this name.
    fn of_name(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, known)| *known)
    }

    /// Its value, in pieces.
    fn value(self, account: &Account) -> [&str; 3] {
        let [localpart, domainpart] = [account.localpart(), account.domainpart()];
        match self {
            Self::Localpart => [localpart, "", ""],
            Self::Domain => [domainpart, "", ""],
            // An address in the localpart came as an escape: user\\40corp.example.
            Self::Address if localpart.contains('@') => [localpart, "", ""],
            Self::Jid | Self::Address => [localpart, "@", domainpart],
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplatePart<T> {
    Literal(T),
    Placeholder(Placeholder),
}

impl<T> TemplatePart<T> {
    fn names_the_user(&self) -> bool {
        matches!(self, Self::Placeholder(placeholder) if *placeholder != Placeholder::Domain)
    }
}

/// A text with placeholders, as it is written in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTemplate(Vec<TemplatePart<String>>);

/// What stands for the name of a user in the files of other programs, such as `%u`, `$user` or `:login`,
/// if the text has that.
fn foreign(source: &str) -> Option<&str> {
    source.match_indices(['%', '$', ':']).find_map(|(at, sign)| {
        let behind = source.get(at + 1..)?;
        let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        // An OID or a matching rule has a colon as well, and a value of two digits may be an escape.
        let is_meant = match sign {
            "%" => end == 1,
            "$" => end > 0,
            _ => end > 0 && source.get(..at).is_some_and(|before| before.ends_with('=')),
        };
        source.get(at..at + 1 + end).filter(|_| is_meant)
    })
}

impl TextTemplate {
    /// Reads a text; the error says what to write instead.
    pub fn parse(source: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, behind) = after
                .split_once('}')
                .ok_or_else(|| format!("close the brace in {after:?}, or leave it out"))?;
            let placeholder = Placeholder::of_name(name.as_bytes()).ok_or_else(|| {
                format!(
                    "{{{name}}} is no placeholder; write {{localpart}}, {{domain}}, {{jid}} or {{address}}"
                )
            })?;
            parts.extend([
                TemplatePart::Literal(text.to_owned()),
                TemplatePart::Placeholder(placeholder),
            ]);
            rest = behind;
        }
        parts.push(TemplatePart::Literal(rest.to_owned()));
        if parts.iter().any(TemplatePart::names_the_user) {
            Ok(Self(parts))
        } else {
            const SAME: &str = "so it would be the same for everyone";
            Err(match foreign(source) {
                Some(other) => format!(
                    "write {{localpart}} in the place of {other}, which means nothing here, {SAME}"
                ),
                None => format!("it never mentions {{localpart}}, {{jid}} or {{address}}, {SAME}"),
            })
        }
    }

    /// The text for an account, in which nothing is escaped.
    pub fn fill(&self, account: &Account) -> String {
        self.with(|placeholder, filled| filled.extend(placeholder.value(account)))
    }

    /// The text with the same in the place of every placeholder.
    pub fn fill_with(&self, text: &str) -> String {
        self.with(|_, filled| filled.push_str(text))
    }

    /// The text with each placeholder's name between two [`Mark`]s, which are escaped, and that mark.
    /// The error says what to leave out.
    pub fn marked(&self) -> Result<(String, Mark), String> {
        let literals = self.fill_with("").to_ascii_lowercase();
        let escaped = |byte: u8| format!("\\{byte:02x}");
        let mark = (Mark::FIRST..=u8::MAX).find(|byte| !literals.contains(&escaped(*byte)));
        let mark = mark.ok_or("leave out one of the escapes \\f8 to \\ff, all of which it has")?;
        let text = self.with(|placeholder, text| {
            text.push_str(&[&escaped(mark), placeholder.name(), &escaped(mark)].concat());
        });
        Ok((text, Mark(mark)))
    }

    /// Whether an escape of the form `\xx` begins before a placeholder and ends in what fills it.
    pub fn cuts_an_escape(&self) -> bool {
        self.0.windows(2).any(|pair| match pair {
            [TemplatePart::Literal(text), TemplatePart::Placeholder(_)] => {
                let before = text.strip_suffix(|c: char| c.is_ascii_hexdigit()).unwrap_or(text);
                [text, before]
                    .into_iter()
                    .any(|text| (text.len() - text.trim_end_matches('\\').len()) % 2 == 1)
            }
            _ => false,
        })
    }

    /// Whether it is nothing but one of the placeholders that are addresses.
    pub fn is_address(&self) -> bool {
        matches!(
            self.0.as_slice(),
            [TemplatePart::Literal(before), TemplatePart::Placeholder(Placeholder::Address), TemplatePart::Literal(after)]
                if before.is_empty() && after.is_empty()
        )
    }

    fn with(&self, fill: impl Fn(Placeholder, &mut String)) -> String {
        // Few are longer.
        let mut filled = String::with_capacity(128);
        for part in &self.0 {
            match part {
                TemplatePart::Literal(literal) => filled.push_str(literal),
                TemplatePart::Placeholder(placeholder) => fill(*placeholder, &mut filled),
            }
        }
        filled
    }
}

impl fmt::Display for TextTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            TemplatePart::Literal(text) => f.write_str(text),
            TemplatePart::Placeholder(placeholder) => write!(f, "{{{}}}", placeholder.name()),
        })
    }
}

/// A byte that no UTF-8 has, and that a text does not escape either.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u8);

impl Mark {
    /// No UTF-8 has this byte, nor any that is greater.
    const FIRST: u8 = 0xf8;
}

/// A value with placeholders, in which nothing is escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueTemplate(Vec<TemplatePart<Vec<u8>>>);

impl ValueTemplate {
    /// Reads a value of a text with marks; `None` if no placeholder is in it.
    pub fn read(value: &[u8], Mark(mark): Mark) -> Option<Self> {
        let mut pieces = value.split(|byte| *byte == mark);
        let mut parts = vec![TemplatePart::Literal(pieces.next()?.to_vec())];
        while let Some(name) = pieces.next() {
            parts.extend([
                TemplatePart::Placeholder(Placeholder::of_name(name)?),
                TemplatePart::Literal(pieces.next()?.to_vec()),
            ]);
        }
        (parts.len() > 1).then_some(Self(parts))
    }

    /// The value for an account, piece by piece.
    pub fn fill(&self, account: &Account, mut take: impl FnMut(&[u8])) {
        for part in &self.0 {
            match part {
                TemplatePart::Literal(literal) => take(literal),
                TemplatePart::Placeholder(placeholder) => {
                    placeholder.value(account).iter().for_each(|piece| take(piece.as_bytes()));
                }
            }
        }
    }

    /// Whether it differs from user to user.
    pub fn names_the_user(&self) -> bool {
        self.0.iter().any(TemplatePart::names_the_user)
    }
}
