//! Which servers are trusted: those that an authority vouches for, those whose key is known, or
//! only those for which both is so.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::rejection::{Presented, of_proof, rejected};
use super::trust::{Pin, Roots};

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
