//! What a certificate says (RFC 5280, section 4.1), as far as an administrator has to know it when it
//! is not accepted. Nothing is trusted because of what is read here.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::algorithm::{self, RSA_KEY};
use crate::directory::message::ber::{MalformedMessage, Reader, tag};
use crate::directory::names::time::{Shown, generalized_time};

/// An RSA key shorter than this is not accepted.
pub(super) const SHORTEST_RSA: usize = 2048;

const VERSION: u8 = 0xa0;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// An administrator is told so long before that a certificate ends.
const ENDS_SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// Attributes of names (RFC 4519, section 2), and how they are written.
const ATTRIBUTES: [(&[u8], &str); 7] = [
    (b"\x55\x04\x03", "CN"),
    (b"\x55\x04\x06", "C"),
    (b"\x55\x04\x07", "L"),
    (b"\x55\x04\x08", "ST"),
    (b"\x55\x04\x0a", "O"),
    (b"\x55\x04\x0b", "OU"),
    (b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", "DC"),
];

/// What a certificate says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Certificate<'a> {
    /// Who issued it.
    pub(super) issuer: Name<'a>,
    /// Whose it is.
    pub(super) subject: Name<'a>,
    /// The key of its subject.
    pub(super) key: PublicKey<'a>,
    /// Whether it is so old that it cannot have extensions, in which names stand.
    pub(super) is_version_1: bool,
    /// Until when it is good, if that can be read.
    pub(super) not_after: Option<SystemTime>,
}

/// A name in a certificate: the content of its SEQUENCE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name<'a>(pub(super) &'a [u8]);

/// The algorithm of a key or a signature: the content of its SEQUENCE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Algorithm<'a>(pub(super) &'a [u8]);

/// A public key: the content of a SubjectPublicKeyInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PublicKey<'a>(pub(super) &'a [u8]);

impl<'a> Certificate<'a> {
    /// Reads a certificate in DER.
    pub(super) fn read(certificate: &'a [u8]) -> Result<Self, MalformedMessage> {
        let mut outer = Reader::new(Reader::new(certificate).expect(tag::SEQUENCE)?);
        let mut inner = Reader::new(outer.expect(tag::SEQUENCE)?);
        let is_version_1 = !matches!(inner.read()?, Some((VERSION, _)));
        if !is_version_1 {
            inner.expect(tag::INTEGER)?;
        }
        inner.expect(tag::SEQUENCE)?;
        let issuer = Name(inner.expect(tag::SEQUENCE)?);
        let mut validity = Reader::new(inner.expect(tag::SEQUENCE)?);
        validity.read()?;
        let not_after = validity.read()?.and_then(|(tag, text)| time(tag, text));
        let subject = Name(inner.expect(tag::SEQUENCE)?);
        let key = PublicKey(inner.expect(tag::SEQUENCE)?);
        Ok(Self { issuer, subject, key, is_version_1, not_after })
    }

    /// Whether it names itself as its issuer.
    pub(super) fn is_self_signed(&self) -> bool {
        self.issuer == self.subject
    }

    /// Whether it ends so soon that somebody has to do something about it.
    pub(super) fn ends_soon(&self, now: SystemTime) -> bool {
        self.not_after.is_some_and(|end| end < now + ENDS_SOON)
    }
}

/// For people: whose it is, who issued it, and until when it is good.
impl fmt::Display for Certificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_self_signed() {
            true => write!(f, "{} issued by itself", self.subject)?,
            false => write!(f, "{} issued by {}", self.subject, self.issuer)?,
        }
        self.not_after.map_or(Ok(()), |end| write!(f, ", good until {}", Shown(end)))
    }
}

/// A time (RFC 5280, section 4.1.2.5).
fn time(tag: u8, text: &[u8]) -> Option<SystemTime> {
    let text = str::from_utf8(text).ok()?;
    match tag {
        UTC_TIME => {
            let century = if text < "50" { "20" } else { "19" };
            generalized_time(&format!("{century}{text}"))
        }
        GENERALIZED_TIME => generalized_time(text),
        _ => None,
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut names = Reader::new(self.0);
        while let Ok(Some((_, name))) = names.read() {
            let mut name = Reader::new(name);
            while let Ok(Some((_, part))) = name.read() {
                let mut part = Reader::new(part);
                let attribute = part.read().ok().flatten().map_or(&[][..], |(_, oid)| oid);
                let value = part.read().ok().flatten().map_or(&[][..], |(_, value)| value);
                let known = ATTRIBUTES.iter().find(|(oid, _)| *oid == attribute);
                let value: String = String::from_utf8_lossy(value)
                    .chars()
                    .map(|c| if c.is_control() { '?' } else { c })
                    .collect();
                parts.push(format!("{}={value}", known.map_or("other", |(_, name)| name)));
            }
        }
        if parts.is_empty() {
            return f.write_str("somebody without a name");
        }
        // Written as in LDAP, which begins with what is nearest.
        parts.reverse();
        write!(f, "\"{}\"", parts.join(","))
    }
}

impl fmt::Display for Algorithm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Reader::new(self.0);
        let algorithm = parts.expect(tag::OBJECT_IDENTIFIER).unwrap_or_default();
        let curve = parts.expect(tag::OBJECT_IDENTIFIER).unwrap_or_default();
        let name = |wanted: &[u8]| {
            algorithm::NAMES.iter().find(|(oid, _)| *oid == wanted).map(|(_, name)| *name)
        };
        f.write_str(name(curve).or_else(|| name(algorithm)).unwrap_or("an unknown algorithm"))
    }
}

impl PublicKey<'_> {
    /// How many bits it has, if it is one of RSA.
    pub(super) fn rsa_bits(&self) -> Option<usize> {
        let mut parts = Reader::new(self.0);
        let mut algorithm = Reader::new(parts.expect(tag::SEQUENCE).ok()?);
        if algorithm.expect(tag::OBJECT_IDENTIFIER).ok()? != RSA_KEY {
            return None;
        }
        let key = parts.expect(BIT_STRING).ok()?.get(1..)?;
        let modulus =
            Reader::new(Reader::new(key).expect(tag::SEQUENCE).ok()?).expect(tag::INTEGER).ok()?;
        let digits = modulus.iter().skip_while(|byte| **byte == 0);
        let first = digits.clone().next()?.leading_zeros();
        (digits.count() * 8).checked_sub(usize::try_from(first).ok()?)
    }

    /// Whether it is an RSA key that is too short to be accepted.
    pub(super) fn is_short(&self) -> bool {
        self.rsa_bits().is_some_and(|bits| bits < SHORTEST_RSA)
    }
}

impl fmt::Display for PublicKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = Reader::new(self.0).expect(tag::SEQUENCE).unwrap_or_default();
        write!(f, "{}", Algorithm(algorithm))?;
        self.rsa_bits().map_or(Ok(()), |bits| write!(f, " of {bits} bits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(parts: &[(&[u8], &[u8])]) -> Vec<u8> {
        use crate::directory::message::ber::element;
        let part = |(attribute, value): &(&[u8], &[u8])| {
            let pair = [element(tag::OBJECT_IDENTIFIER, attribute), element(0x0c, value)].concat();
            element(tag::SET, &element(tag::SEQUENCE, &pair))
        };
        parts.iter().flat_map(part).collect()
    }

    #[test]
    fn a_name_is_written_from_its_end_and_harms_no_terminal() {
        let written = name(&[(b"\x55\x04\x0a", b"Corp"), (b"\x55\x04\x03", b"a\x1b[2J\xffb")]);
        assert_eq!(Name(&written).to_string(), "\"CN=a?[2J\u{fffd}b,O=Corp\"");
        assert_eq!(Name(b"").to_string(), "somebody without a name");
    }

    #[test]
    fn times_are_read_in_both_forms() {
        let at = |tag, text: &str| {
            let since = time(tag, text.as_bytes())?.duration_since(SystemTime::UNIX_EPOCH);
            Some(since.unwrap().as_secs())
        };
        assert_eq!(at(UTC_TIME, "490101000000Z"), Some(2_493_072_000));
        assert_eq!(at(UTC_TIME, "700101000001Z"), Some(1));
        assert_eq!(at(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        for (tag, text) in [(UTC_TIME, "soon"), (UTC_TIME, ""), (BIT_STRING, "490101000000Z")] {
            assert_eq!(at(tag, text), None);
        }
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        for odd in [&b""[..], b"\x30\x00", b"\x30\x02\x30\x00", b"\x30\x84\xff\xff\xff\xff"] {
            assert!(Certificate::read(odd).is_err());
        }
        for odd in [&b""[..], b"\x30\x00", b"\xff"] {
            assert_eq!(Algorithm(odd).to_string(), "an unknown algorithm");
            assert_eq!(PublicKey(odd).rsa_bits(), None);
        }
    }
}
