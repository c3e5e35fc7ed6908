//! Whom servers are trusted by: an authority that vouches for them, or a key that is known.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use rustls::{Error, RootCertStore};

use super::certificate::{Name, PublicKey};

const PREFIX: &str = "sha256/";

/// The SHA-256 of a server's public key, as certificates carry it (SubjectPublicKeyInfo, RFC 7469,
/// section 2.4): it outlives the certificate where a new one is made for the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin([u8; SHA256_OUTPUT_LEN]);

impl Pin {
    /// Reads `sha256/` and 44 characters of base64; the error says how to find them.
    pub fn parse(source: &str) -> Result<Self, String> {
        let hash = source.strip_prefix(PREFIX).and_then(|code| BASE64_STANDARD.decode(code).ok());
        hash.and_then(|hash| hash.try_into().ok()).map(Self).ok_or_else(|| {
            "write \"sha256/\" and the hash of the server's public key in base64; `openssl x509 -pubkey -noout -in CERT | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64` prints it".to_owned()
        })
    }

    pub(super) fn of(certificate: &CertificateDer<'_>) -> Result<Self, Error> {
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        let hash = digest(&SHA256, &key);
        let hash = hash.as_ref().try_into().map_err(|_| Error::General("no SHA-256".to_owned()))?;
        Ok(Self(hash))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64_STANDARD.encode(self.0))
    }
}

/// The authorities that are trusted, and where they come from.
#[derive(Clone, Debug)]
pub(super) struct Roots {
    /// The authorities.
    pub(super) store: Arc<RootCertStore>,
    /// Whether they are those of `ca_file`, rather than the system's.
    pub(super) are_of_file: bool,
}

impl Roots {
    fn names(&self) -> impl Iterator<Item = Name<'_>> {
        self.store.roots.iter().map(|root| Name(&root.subject))
    }

    /// Their keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = PublicKey<'_>> {
        self.store.roots.iter().map(|root| PublicKey(&root.subject_public_key_info))
    }

    /// Whether one of them has this name.
    pub(super) fn has_name(&self, name: Name<'_>) -> bool {
        self.names().any(|known| known == name)
    }

    /// Whether one of them has this key.
    pub(super) fn has_key(&self, key: PublicKey<'_>) -> bool {
        self.keys().any(|known| known == key)
    }

    /// That they have not what was looked for.
    pub(super) fn lack(&self) -> String {
        const SHOWN: usize = 3;
        if !self.are_of_file {
            return "which this system does not trust".to_owned();
        }
        let names: Vec<String> = self.names().take(SHOWN).map(|name| name.to_string()).collect();
        let more = if self.store.len() > SHOWN { " and others" } else { "" };
        format!("which is not in ca_file (there: {}{more})", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_read_and_written_in_one_form() {
        let text = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(Pin::parse(text).unwrap().to_string(), text);
        for odd in [
            "",
            "sha256/",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha1/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hS",
            "sha256/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert!(Pin::parse(odd).unwrap_err().contains("openssl"), "{odd}");
        }
    }
}
