//! A search result entry: a DN and attributes (RFC 4511, section 4.5.2).

use ldap3::ResultEntry;
use ldap3::asn1::{PL, StructureTag};

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

    /// Reads an entry; `None` if it is not built as the protocol says.
    pub(super) fn read(entry: ResultEntry) -> Option<Self> {
        let mut fields = children(entry.0)?.into_iter();
        let dn = text(fields.next()?)?;
        let mut attributes = Vec::new();
        for attribute in children(fields.next()?)? {
            let mut parts = children(attribute)?.into_iter();
            let name = text(parts.next()?)?;
            let values = children(parts.next()?)?.into_iter().map(bytes).collect::<Option<_>>()?;
            attributes.push((name, values));
        }
        Some(Self { dn, attributes })
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

fn children(element: StructureTag) -> Option<Vec<StructureTag>> {
    match element.payload {
        PL::C(children) => Some(children),
        PL::P(_) => None,
    }
}

fn bytes(element: StructureTag) -> Option<Vec<u8>> {
    match element.payload {
        PL::P(bytes) => Some(bytes),
        PL::C(_) => None,
    }
}

fn text(element: StructureTag) -> Option<String> {
    String::from_utf8(bytes(element)?).ok()
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
