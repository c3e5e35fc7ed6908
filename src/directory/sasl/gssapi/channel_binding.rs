//! What ties a sign-in to the TLS connection that carries it, so that nobody in between can pass it
//! on: the hash of the server's certificate (`tls-server-end-point`, RFC 5929, section 4).

use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};

use crate::directory::message::ber::{Reader, tag};
use crate::directory::tls::algorithm;

const PREFIX: &[u8] = b"tls-server-end-point:";

/// The binding for a certificate in DER; `None` where the RFC defines none for its signature.
pub(super) fn of(certificate: &[u8]) -> Option<Vec<u8>> {
    let hash = digest(hash_function(certificate)?, certificate);
    Some([PREFIX, hash.as_ref()].concat())
}

/// The hash function of the certificate's signature, but SHA-256 instead of MD5 and SHA-1.
fn hash_function(certificate: &[u8]) -> Option<&'static Algorithm> {
    let mut certificate = Reader::new(Reader::new(certificate).expect(tag::SEQUENCE).ok()?);
    certificate.expect(tag::SEQUENCE).ok()?;
    let mut signature = Reader::new(certificate.expect(tag::SEQUENCE).ok()?);
    match signature.expect(tag::OBJECT_IDENTIFIER).ok()? {
        algorithm::RSA_WITH_MD5 | algorithm::RSA_WITH_SHA1 | algorithm::ECDSA_WITH_SHA1 => {
            Some(&SHA256)
        }
        algorithm::RSA_WITH_SHA256 | algorithm::ECDSA_WITH_SHA256 => Some(&SHA256),
        algorithm::RSA_WITH_SHA384 | algorithm::ECDSA_WITH_SHA384 => Some(&SHA384),
        algorithm::RSA_WITH_SHA512 | algorithm::ECDSA_WITH_SHA512 => Some(&SHA512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate with nothing in it but this signature algorithm.
    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let element = |tag: u8, content: &[u8]| {
            [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
        };
        let signature = element(tag::SEQUENCE, &element(tag::OBJECT_IDENTIFIER, algorithm));
        element(tag::SEQUENCE, &[element(tag::SEQUENCE, b""), signature].concat())
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        for (algorithm, length) in [
            (&b"\x2a\x86\x48\xce\x3d\x04\x03\x02"[..], 32),
            (b"\x2a\x86\x48\xce\x3d\x04\x03\x03", 48),
            (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", 64),
            (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", 32),
        ] {
            let binding = of(&certificate(algorithm)).unwrap();
            assert_eq!(binding.strip_prefix(PREFIX).unwrap().len(), length);
        }
    }

    #[test]
    fn without_a_known_hash_there_is_no_binding() {
        let ed25519 = b"\x2b\x65\x70";
        assert_eq!(of(&certificate(ed25519)), None);
        for odd in [&b""[..], b"\x30\x00", b"\x30\x80", b"HTTP"] {
            assert_eq!(of(odd), None);
        }
    }
}
