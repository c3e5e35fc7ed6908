//! Which servers are trusted: those that an authority vouches for, those whose key is known, or
//! only those for which both is so.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::certificate::{Name, PublicKey};
use super::rejection::{Presented, of_proof, rejected};

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

/// Verifies servers.
#[derive(Debug)]
pub(super) struct Verifier {
    authority: Option<(Arc<WebPkiServerVerifier>, Roots)>,
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// A verifier that wants a certificate of one of these authorities for the name and the day, if
    /// there are any, and one of these keys, if there are any.
    pub(super) fn new(
        roots: Option<Roots>,
        pins: Vec<Pin>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let authority = roots.map(|roots| {
            let store = Arc::clone(&roots.store);
            WebPkiServerVerifier::builder_with_provider(store, Arc::clone(&provider))
                .build()
                .map(|verifier| (verifier, roots))
                .map_err(|error| error.to_string())
        });
        Ok(Self { authority: authority.transpose()?, pins, provider })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some((authority, roots)) = &self.authority {
            let presented = Presented { own: end_entity, others: intermediates, roots };
            authority
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| presented.explain(error))?;
        }
        // With neither, nobody is trusted.
        if self.authority.is_none() || !self.pins.is_empty() {
            let pin = Pin::of(end_entity)?;
            if !self.pins.contains(&pin) {
                return Err(rejected(format!(
                    "the server's key is not among the pins; if it was changed on purpose, add \"{pin}\""
                )));
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
            .map_err(|error| of_proof(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
            .map_err(|error| of_proof(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
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
