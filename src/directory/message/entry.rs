//! A search result entry: a DN and attributes (RFC 4511, section 4.5.2).

use crate::directory::message::ber::{MalformedMessage, Reader, tag};

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
    pub(in crate::directory) fn read(content: &[u8]) -> Result<Option<Self>, MalformedMessage> {
        let mut fields = Reader::new(content);
        let dn = std::str::from_utf8(fields.expect(tag::OCTET_STRING)?);
        let mut list = Reader::new(fields.expect(tag::SEQUENCE)?);
        // With room for what most have: half a dozen attributes, of one value each.
        let mut attributes = Vec::with_capacity(8);
        while !list.is_at_end() {
            let mut attribute = Reader::new(list.expect(tag::SEQUENCE)?);
            let name = attribute.text()?.into_owned();
            let mut set = Reader::new(attribute.expect(tag::SET)?);
            let mut values = Vec::with_capacity(1);
            while !set.is_at_end() {
                values.push(set.expect(tag::OCTET_STRING)?.to_vec());
            }
            if !attribute.is_at_end() {
                return Err(MalformedMessage("bytes behind an attribute"));
            }
            attributes.push((name, values));
        }
        if fields.is_at_end() {
            Ok(dn.ok().map(|dn| Self { dn: dn.to_owned(), attributes }))
        } else {
            Err(MalformedMessage("bytes behind an entry"))
        }
    }

    /// The values of an attribute; none where it is missing.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.attributes
            .iter()
            .filter(move |(description, _)| description.eq_ignore_ascii_case(name))
            .flat_map(|(_, values)| values.iter().map(Vec::as_slice))
    }

    /// The values of an attribute and of its options (RFC 4512, section 2.5.2). Where there are none, a
    /// server may call it by another of its names: then those of attributes that are none of those that
    /// were `asked` for.
    pub fn values_of_any_name(&self, name: &str, asked: &[&str]) -> Vec<&[u8]> {
        let is_called = |description: &str, name: &str| {
            description.split(';').next().unwrap_or_default().eq_ignore_ascii_case(name)
                || description.eq_ignore_ascii_case(name)
        };
        let values = |is_it: &dyn Fn(&str) -> bool| -> Vec<&[u8]> {
            let named = self.attributes.iter().filter(|(description, _)| is_it(description));
            named.flat_map(|(_, values)| values.iter().map(Vec::as_slice)).collect()
        };
        let of_this_name = values(&|description| is_called(description, name));
        if !of_this_name.is_empty() {
            return of_this_name;
        }
        values(&|description| !asked.iter().any(|asked| is_called(description, asked)))
    }

    /// Takes the attributes of another part of the same entry.
    pub fn merge(&mut self, more: Self) {
        self.attributes.extend(more.attributes);
    }

    /// Puts the values of an attribute that came in part, as in `memberOf;range=0-1499` (MS-ADTS,
    /// section 3.1.1.3.1.3.3), with the others. The attribute, and from which value on it goes on.
    pub fn gather_range(&mut self) -> Option<(String, u32)> {
        loop {
            let names = self.attributes.iter().map(|(name, _)| name.to_ascii_lowercase());
            let (at, name, range) = names.enumerate().find_map(|(at, name)| {
                let (name, range) = name.split_once(";range=")?;
                Some((at, name.to_owned(), range.to_owned()))
            })?;
            let (_, values) = self.attributes.remove(at);
            match self.attributes.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                Some((_, known)) => known.extend(values),
                None => self.attributes.push((name.clone(), values)),
            }
            let last = range.split_once('-').and_then(|(_, last)| last.parse::<u32>().ok());
            if let Some(next) = last.and_then(|last| last.checked_add(1)) {
                return Some((name, next));
            }
        }
    }

    /// Whether values of an attribute are in it from this one on, whether there are more or not.
    pub fn has_part(&self, name: &str, from: u32) -> bool {
        let part = format!("{name};range={from}-");
        self.attributes.iter().any(|(known, _)| {
            known.get(..part.len()).is_some_and(|known| known.eq_ignore_ascii_case(&part))
        })
    }

    /// The values of an attribute that are text.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name).filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The first value of an attribute, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).next()
    }

    /// Whether it has no attribute with a value.
    pub fn is_empty(&self) -> bool {
        self.attributes.iter().all(|(_, values)| values.is_empty())
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
    fn values_that_come_in_part_are_gathered() {
        let part = |name: &str, value: &str| (name.to_owned(), vec![value.as_bytes().to_vec()]);
        let mut entry = Entry::new(
            "cn=x",
            vec![
                ("memberOf".to_owned(), vec![]),
                part("memberof;Range=0-1499", "cn=a"),
                part("member;range=1500-*", "cn=b"),
            ],
        );
        assert_eq!(entry.gather_range(), Some(("memberof".to_owned(), 1500)));
        assert_eq!(entry.texts("memberOf").collect::<Vec<_>>(), ["cn=a"]);
        assert_eq!(entry.gather_range(), None);
        assert_eq!(entry.texts("member").collect::<Vec<_>>(), ["cn=b"]);
        for odd in ["x;range=", "x;range=0", "x;range=a-b", "x;range=0-4294967295", "x;binary"] {
            assert_eq!(Entry::new("cn=x", vec![part(odd, "v")]).gather_range(), None, "{odd}");
        }
    }

    #[test]
    fn an_attribute_may_come_under_another_of_its_names() {
        let entry = Entry::new(
            "cn=x",
            ["uid", "cn;lang-en", "memberOf"]
                .map(|name| (name.to_owned(), vec![name.as_bytes().to_vec()]))
                .into(),
        );
        let found = |name: &str| {
            let asked = ["userid", "cn", "memberof"];
            let values = entry.values_of_any_name(name, &asked).into_iter();
            values.map(|value| String::from_utf8(value.to_vec()).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(found("userid"), ["uid"]);
        // What nobody asked for is no name where the attribute is there.
        assert_eq!(found("cn"), ["cn;lang-en"]);
    }

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
