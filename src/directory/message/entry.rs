//! A search result entry: a DN and attributes (RFC 4511, section 4.5.2).

use crate::directory::message::ber::{Malformed, Reader, tag};

/// An entry as the server sent it. Attributes are looked up without regard to case (RFC 4512,
/// section 2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its DN, as the server wrote it.
    pub dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    /// An entry of these parts.
    pub fn new(dn: impl Into<String>, attributes: Vec<(String, Vec<Vec<u8>>)>) -> Self {
        Self { dn: dn.into(), attributes }
    }

    /// Reads the content of a search result entry; none if its DN is not UTF-8.
    pub(in crate::directory) fn read(content: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut fields = Reader::new(content);
        let dn = std::str::from_utf8(fields.expect(tag::OCTET_STRING)?);
        let mut list = Reader::new(fields.expect(tag::SEQUENCE)?);
        let mut attributes = Vec::new();
        while !list.is_at_end() {
            let mut attribute = Reader::new(list.expect(tag::SEQUENCE)?);
            let name = attribute.text()?.into_owned();
            let mut set = Reader::new(attribute.expect(tag::SET)?);
            let mut values = Vec::new();
            while !set.is_at_end() {
                values.push(set.expect(tag::OCTET_STRING)?.to_vec());
            }
            if !attribute.is_at_end() {
                return Err(Malformed("bytes behind an attribute"));
            }
            attributes.push((name, values));
        }
        if fields.is_at_end() {
            Ok(dn.ok().map(|dn| Self { dn: dn.to_owned(), attributes }))
        } else {
            Err(Malformed("bytes behind an entry"))
        }
    }

    /// The values of an attribute; none where it is missing.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.attributes
            .iter()
            .filter(move |(description, _)| description.eq_ignore_ascii_case(name))
            .flat_map(|(_, values)| values.iter().map(Vec::as_slice))
    }

    /// The values of an attribute that are text.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name).filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The first value of an attribute, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).next()
    }

    /// Whether an attribute has this value, without regard to ASCII case.
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.texts(name).any(|text| text.eq_ignore_ascii_case(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_in_any_case() {
        let entry = Entry::new(
            "cn=x",
            vec![("memberOf".to_owned(), vec![b"cn=A".to_vec(), vec![0xff], b"cn=b".to_vec()])],
        );
        assert_eq!(entry.texts("MEMBEROF").collect::<Vec<_>>(), ["cn=A", "cn=b"]);
        assert_eq!(entry.values("memberOf").count(), 3);
        assert!(entry.has("memberof", "CN=a") && !entry.has("memberOf", "cn=c"));
        assert_eq!(entry.text("missing"), None);
    }
}
