//! Search filters (RFC 4511, section 4.5.1.7), as they are sent and as they are shown (RFC 4515).

use std::borrow::Cow;
use std::fmt;

use ldap3::asn1::{ASNTag, write};

use crate::directory::message::ber::{Reader, Writer};

/// Tags of the sorts of filters, and of their parts.
#[expect(missing_docs, reason = "they have the names of the RFC")]
pub mod tag {
    pub const AND: u8 = 0xa0;
    pub const OR: u8 = 0xa1;
    pub const NOT: u8 = 0xa2;
    pub const EQUALITY: u8 = 0xa3;
    pub const SUBSTRINGS: u8 = 0xa4;
    pub const GREATER_OR_EQUAL: u8 = 0xa5;
    pub const LESS_OR_EQUAL: u8 = 0xa6;
    pub const PRESENT: u8 = 0x87;
    pub const APPROXIMATE: u8 = 0xa8;
    pub const EXTENSIBLE: u8 = 0xa9;

    pub const INITIAL: u8 = 0x80;
    pub const FINAL: u8 = 0x82;

    pub const MATCHING_RULE: u8 = 0x81;
    pub const TYPE: u8 = 0x82;
    pub const MATCH_VALUE: u8 = 0x83;
    pub const DN_ATTRIBUTES: u8 = 0x84;
}

/// A filter, encoded. Values get into it as bytes and never as text, so that none can change what
/// the filter is.
#[derive(Clone, PartialEq, Eq)]
pub struct Filter(Cow<'static, [u8]>);

/// The filter that every entry passes: `(objectClass=*)`.
pub static ANY_ENTRY: Filter = Filter(Cow::Borrowed(b"\x87\x0bobjectClass"));

impl Filter {
    /// Entries of which an attribute has a value, by the attribute's own rule.
    pub fn equality(attribute: &str, value: &[u8]) -> Self {
        Self::written(|out| {
            out.constructed(tag::EQUALITY, |assertion| {
                assertion.octets(attribute.as_bytes());
                assertion.octets(value);
            });
        })
    }

    /// Entries of which an attribute has a value by the matching rule of this name or OID.
    pub fn extensible(attribute: &str, matching_rule: &str, value: &[u8]) -> Self {
        Self::written(|out| {
            out.constructed(tag::EXTENSIBLE, |assertion| {
                assertion.primitive(tag::MATCHING_RULE, matching_rule.as_bytes());
                assertion.primitive(tag::TYPE, attribute.as_bytes());
                assertion.primitive(tag::MATCH_VALUE, value);
            });
        })
    }

    /// Entries that pass all of these.
    pub fn and<'a>(filters: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::together(tag::AND, filters)
    }

    /// Entries that pass one of these.
    pub fn or<'a>(filters: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::together(tag::OR, filters)
    }

    /// Reads the text of a filter, in which nothing may come from outside of the configuration;
    /// `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Default::default();
        write::encode_into(&mut bytes, ldap3::parse_filter(text).ok()?.into_structure()).ok()?;
        Some(Self(bytes.to_vec().into()))
    }

    /// The filter that is written so.
    pub(super) fn written(write: impl FnOnce(&mut Writer)) -> Self {
        // Few are longer.
        let mut out = Writer::with_capacity(128);
        write(&mut out);
        Self(out.into_bytes().into())
    }

    /// The one element that it is.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn together<'a>(tag: u8, filters: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::written(|out| {
            out.constructed(tag, |inner| {
                filters.into_iter().for_each(|filter| inner.raw(&filter.0))
            });
        })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.0, f)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Filters, one after the other, as text.
fn show(filters: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    elements(filters).try_for_each(|(kind, content)| {
        f.write_str("(")?;
        match kind {
            tag::AND => f.write_str("&").and_then(|()| show(content, f)),
            tag::OR => f.write_str("|").and_then(|()| show(content, f)),
            tag::NOT => f.write_str("!").and_then(|()| show(content, f)),
            tag::PRESENT => write!(f, "{}=*", Escaped(content)),
            tag::EXTENSIBLE => show_extensible(content, f),
            _ => show_assertion(kind, content, f),
        }?;
        f.write_str(")")
    })
}

fn show_assertion(kind: u8, content: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut parts = elements(content).map(|(_, part)| part);
    let [attribute, value] = [(); 2].map(|()| parts.next().unwrap_or_default());
    let operator = match kind {
        tag::GREATER_OR_EQUAL => ">=",
        tag::LESS_OR_EQUAL => "<=",
        tag::APPROXIMATE => "~=",
        _ => "=",
    };
    write!(f, "{}{operator}", Escaped(attribute))?;
    if kind != tag::SUBSTRINGS {
        return write!(f, "{}", Escaped(value));
    }
    let mut last = tag::INITIAL;
    for (place, substring) in elements(value) {
        let star = if place == tag::INITIAL { "" } else { "*" };
        write!(f, "{star}{}", Escaped(substring))?;
        last = place;
    }
    f.write_str(if last == tag::FINAL { "" } else { "*" })
}

fn show_extensible(content: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let part = |wanted| elements(content).find(|(tag, _)| *tag == wanted).map(|(_, part)| part);
    write!(f, "{}", Escaped(part(tag::TYPE).unwrap_or_default()))?;
    if part(tag::DN_ATTRIBUTES).is_some() {
        f.write_str(":dn")?;
    }
    if let Some(rule) = part(tag::MATCHING_RULE) {
        write!(f, ":{}", Escaped(rule))?;
    }
    write!(f, ":={}", Escaped(part(tag::MATCH_VALUE).unwrap_or_default()))
}

/// The tags and contents of the elements of a filter; all of it is well-formed.
pub(super) fn elements(content: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut reader = Reader::new(content);
    std::iter::from_fn(move || reader.read().ok().flatten())
}

/// A value as it stands in the text of a filter (RFC 4515, section 3).
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '(' | ')' | '*' | '\\' | '\0' => write!(f, "\\{:02x}", u32::from(character))?,
                    other => write!(f, "{other}")?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\{byte:02x}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::message::oid::MATCHING_RULE_IN_CHAIN;

    #[test]
    fn filters_are_written_as_ldap3_writes_them() {
        let long = "x".repeat(300);
        let is = Filter::equality("cn", b"a*(b)\\\0");
        let has = Filter::equality("cn", long.as_bytes());
        let chain = Filter::extensible("memberOf", MATCHING_RULE_IN_CHAIN, b"cn=a,dc=x");
        for (filter, text) in [
            (ANY_ENTRY.clone(), "(objectClass=*)".to_owned()),
            (is.clone(), "(cn=a\\2a\\28b\\29\\5c\\00)".to_owned()),
            (chain.clone(), format!("(memberOf:{MATCHING_RULE_IN_CHAIN}:=cn=a,dc=x)")),
            (Filter::or([&is, &has]), format!("(|{is}(cn={long}))")),
            (Filter::and([&has, &chain]), format!("(&(cn={long}){chain})")),
            (Filter::or([]), "(|)".to_owned()),
        ] {
            assert_eq!(filter.to_string(), text);
            assert_eq!(Filter::parse(&text).as_ref(), Some(&filter));
        }
    }

    #[test]
    fn every_sort_of_filter_is_shown() {
        for text in [
            "(&(cn=a)(|(cn~=b)(!(cn>=c)))(cn<=\\ff\\00ü))",
            "(cn=*)",
            "(cn=a*)",
            "(cn=*a)",
            "(cn=*a*)",
            "(cn=a*b*c*d)",
            "(cn=)",
            "(cn;lang-en=a)",
            "(cn:=a)",
            "(cn:dn:=a)",
            "(:1.2.3:=a)",
            "(cn:dn:caseExactMatch:=\\2a)",
        ] {
            assert_eq!(Filter::parse(text).unwrap().to_string(), text);
        }
        for text in ["(uid=a", "", "(cn=a))", "(cn=(a)"] {
            assert_eq!(Filter::parse(text), None, "{text}");
        }
    }
}
