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
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

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

    fn of(certificate: &CertificateDer<'_>) -> Result<Self, Error> {
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

/// The server has another key than those that are pinned.
#[derive(Debug, thiserror::Error)]
#[error("the server's key is not among the pins; if it was changed on purpose, add \"{0}\"")]
pub(super) struct WrongKey(Pin);

/// Verifies servers.
#[derive(Debug)]
pub(super) struct Verifier {
    authority: Option<Arc<WebPkiServerVerifier>>,
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// A verifier that wants a certificate of one of these authorities for the name and the day, if
    /// there are any, and one of these keys, if there are any.
    pub(super) fn new(
        roots: Option<RootCertStore>,
        pins: Vec<Pin>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let authority = roots.map(|roots| {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
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
        if let Some(authority) = &self.authority {
            authority.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            )?;
        }
        // With neither, nobody is trusted.
        if self.authority.is_none() || !self.pins.is_empty() {
            let pin = Pin::of(end_entity)?;
            if !self.pins.contains(&pin) {
                let other = OtherError(Arc::new(WrongKey(pin)));
                return Err(Error::InvalidCertificate(CertificateError::Other(other)));
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
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
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
