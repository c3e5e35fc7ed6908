//! TLS to the directory: whom to trust, whom to expect, and who we are.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How to speak TLS with the servers of one directory.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

/// The certificates of a CA file, or why they cannot be used.
pub fn roots_from(ca_file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(ca_file)
        .map_err(|error| format!("cannot read it: {error}"))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| format!("not a PEM certificate: {error}"))?;
        roots.add(certificate).map_err(|error| format!("not a usable certificate: {error}"))?;
    }
    if roots.is_empty() { Err("there is no PEM certificate in it".to_owned()) } else { Ok(roots) }
}

/// The certificates that this system trusts, or why there are none.
///
/// A certificate that cannot be read costs only itself.
pub fn system_roots() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        Err("this system trusts no certificates (Debian: install ca-certificates); set ca_file"
            .to_owned())
    } else {
        Ok(roots)
    }
}

/// The certificate chain and key with which we sign in.
pub fn client_identity(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("client_cert_file: {error}"))?;
    let key =
        PrivateKeyDer::from_pem_file(key).map_err(|error| format!("client_key_file: {error}"))?;
    Ok((chain, key))
}

impl Tls {
    /// TLS 1.2 or later that trusts `roots` and expects `server_name`, or else the host of the
    /// server's URL. The error says why `client` does not fit.
    pub fn new(
        roots: RootCertStore,
        client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
        server_name: Option<ServerName<'static>>,
    ) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let config = match client {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Self { config: Arc::new(config), server_name })
    }

    /// Does the handshake with the server whose URL has this host.
    pub async fn handshake<S>(&self, host: &str, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
        };
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await.map_err(explained)
    }
}

/// The server's certificate, in DER.
pub fn certificate_of<S>(stream: &TlsStream<S>) -> Option<Vec<u8>> {
    let certificates = stream.get_ref().1.peer_certificates()?;
    Some(certificates.first()?.to_vec())
}

/// The error with its cause in an administrator's words.
fn explained(error: io::Error) -> io::Error {
    let Some(rustls::Error::InvalidCertificate(cause)) =
        error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        return if error.kind() == io::ErrorKind::UnexpectedEof {
            io::Error::new(
                error.kind(),
                "the server closed the connection during the TLS handshake; is it a TLS port?",
            )
        } else {
            error
        };
    };
    let text = match cause {
        CertificateError::UnknownIssuer => {
            "the certificate is from an unknown CA; set ca_file".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate has expired: {cause}")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!(
                "the certificate is for another name: {cause}; use that name in the URL, or set server_name"
            )
        }
        other => format!("the certificate is not acceptable: {other}"),
    };
    io::Error::new(error.kind(), text)
}
