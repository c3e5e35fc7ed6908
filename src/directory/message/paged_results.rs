//! The paged results control (RFC 2696): all entries of a search, page by page.

use crate::directory::message::ber::{Reader, Writer, tag};
use crate::directory::message::oid;
use crate::directory::message::request::Control;
use crate::directory::message::response::LdapResult;

/// Asks for a page of so many entries that a cookie stands for; the first page has the empty one.
pub fn page(size: u32, cookie: &[u8]) -> Control {
    let mut value = Writer::default();
    value.constructed(tag::SEQUENCE, |value| {
        value.number(tag::INTEGER, size);
        value.octets(cookie);
    });
    Control { oid: oid::PAGED_RESULTS, is_critical: false, value: Some(value.into_bytes()) }
}

/// The cookie of the page behind the one that ended so, if there is one. A control that cannot be
/// read names none.
pub fn next_page(end: &LdapResult) -> Option<Vec<u8>> {
    let control = end.controls.iter().find(|control| control.oid == oid::PAGED_RESULTS)?;
    let cookie = cookie(control.value.as_deref()?)?;
    (!cookie.is_empty()).then(|| cookie.to_vec())
}

/// `SEQUENCE { size INTEGER, cookie OCTET STRING }`
fn cookie(value: &[u8]) -> Option<&[u8]> {
    let mut outer = Reader::new(value);
    let mut fields = Reader::new(outer.expect(tag::SEQUENCE).ok()?);
    fields.expect(tag::INTEGER).ok()?;
    let cookie = fields.expect(tag::OCTET_STRING).ok()?;
    (fields.is_at_end() && outer.is_at_end()).then_some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::message::response::ResponseControl;

    fn next(value: Option<&[u8]>) -> Option<Vec<u8>> {
        let value = value.map(<[u8]>::to_vec);
        let controls = vec![ResponseControl { oid: oid::PAGED_RESULTS.to_owned(), value }];
        next_page(&LdapResult { controls, ..LdapResult::default() })
    }

    #[test]
    fn a_page_is_asked_for_by_its_cookie() {
        assert_eq!(page(500, b"").value.unwrap(), b"\x30\x06\x02\x02\x01\xf4\x04\x00");
        assert_eq!(next(page(500, b"next").value.as_deref()), Some(b"next".to_vec()));
    }

    #[test]
    fn there_is_no_page_behind_the_last() {
        for value in [
            None,
            Some(&b""[..]),
            Some(b"\x30\x05\x02\x01\x00\x04\x00"),
            Some(b"\x30\x07\x02\x01\x00\x04\x01a\x05"),
            Some(b"\x30\x05\x04\x00\x02\x01\x00"),
            Some(b"\x31\x06\x02\x01\x00\x04\x01a"),
        ] {
            assert_eq!(next(value), None, "{value:?}");
        }
    }
}
