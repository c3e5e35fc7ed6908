//! TLS to the directory: whom to trust, whom to expect, and who we are.

pub(in crate::directory) mod algorithm;
mod certificate;
mod explain;
mod files;
mod rejection;
#[cfg(test)]
mod tests;
mod trust;
mod verifier;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use self::explain::explained;
pub use self::trust::Pin;
use self::trust::Roots;
use self::verifier::Verifier;

use crate::named::named;

/// What the configuration says about TLS with the servers of one directory.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// Which servers are trusted.
    pub trust: Trust,
    /// The keys of which a server must have one, if there are any.
    pub pins: Vec<Pin>,
    /// The name that certificates must be for, if it is not the host of the URL.
    pub server_name: Option<ServerName<'static>>,
    /// The PEM files of the certificate with which we sign in, and of its key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
}

/// Who vouches for servers.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The authorities in this PEM file.
    File(PathBuf),
    /// The authorities that this machine trusts.
    System,
    /// The pins alone: neither names nor dates count.
    Pins,
    /// Nobody: no server is to be spoken TLS with.
    Nobody,
}

named! {
    /// A version of TLS.
    pub enum TlsVersion {
        /// RFC 5246.
        Tls12 = "1.2",
        /// RFC 8446.
        Tls13 = "1.3",
    }
}

impl TlsVersion {
    fn and_later(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::Tls12 => &BOTH,
            Self::Tls13 => BOTH.get(..1).unwrap_or_default(),
        }
    }
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {text}")]
pub struct TlsError {
    /// The key at fault.
    pub key: &'static str,
    /// What is wrong.
    pub text: String,
}

/// TLS with the servers of one directory.
#[derive(Debug)]
pub struct Tls {
    settings: TlsSettings,
    config: Arc<ClientConfig>,
    authorities: Vec<String>,
    own: Option<String>,
    remarks: Vec<(&'static str, String)>,
}

impl Trust {
    /// What is read to know whom it trusts, and can change: the file, or what the environment names in
    /// place of the system's own.
    pub fn paths(&self) -> Vec<PathBuf> {
        match self {
            Self::File(path) => vec![path.clone()],
            Self::System => files::environment_paths().collect(),
            Self::Pins | Self::Nobody => Vec::new(),
        }
    }
}

impl TlsSettings {
    /// The authorities that are trusted, if any are, and what deserves a second look about them.
    fn roots(&self) -> Result<(Option<RootCertStore>, Vec<String>), TlsError> {
        let roots = match &self.trust {
            Trust::File(path) => files::roots(path).map(|roots| (Some(roots), Vec::new())),
            Trust::System => files::system_roots().map(|(roots, remarks)| (Some(roots), remarks)),
            Trust::Pins | Trust::Nobody => return Ok((None, Vec::new())),
        };
        roots.map_err(|text| TlsError { key: "ca_file", text })
    }

    fn build(&self, roots: Option<RootCertStore>) -> Result<ClientConfig, TlsError> {
        let at = |key: &'static str| move |text| TlsError { key, text };
        let are_of_file = matches!(self.trust, Trust::File(_));
        let roots = roots.map(|store| Roots { store: Arc::new(store), are_of_file });
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(roots, self.pins.clone(), Arc::clone(&provider))
            .map_err(at("ca_file"))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.min_version.and_later())
            .map_err(|error| at("min_version")(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let Some((certificate, key)) = &self.client else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = files::chain(certificate).map_err(at("client_cert_file"))?;
        let key = files::key(key).map_err(at("client_key_file"))?;
        files::check_identity(&chain, &key, builder.crypto_provider())
            .map_err(|(key, text)| TlsError { key, text })?;
        builder.with_client_auth_cert(chain, key).map_err(|_| {
            at("client_cert_file")("this certificate, or its key, cannot be used".to_owned())
        })
    }
}

impl Tls {
    /// Reads the files of these settings.
    pub fn new(settings: TlsSettings) -> Result<Self, TlsError> {
        let now = SystemTime::now();
        let (roots, mut remarks) = settings.roots()?;
        let mut authorities = Vec::new();
        if let Trust::File(path) = &settings.trust {
            (authorities, remarks) =
                files::authorities(path, now).map_err(|text| TlsError { key: "ca_file", text })?;
        }
        let config = Arc::new(settings.build(roots)?);
        let mut remarks: Vec<_> = remarks.into_iter().map(|text| ("ca_file", text)).collect();
        let chain = settings.client.as_ref().and_then(|(path, _)| files::chain(path).ok());
        let own = chain.and_then(|chain| certificate_for_people(chain.first()?, now));
        let own = own.map(|(own, ends_soon)| {
            let remark = || ("client_cert_file", format!("{own}: renew it"));
            remarks.extend(ends_soon.then(remark));
            own
        });
        Ok(Self { settings, config, authorities, own, remarks })
    }

    /// The authorities of `ca_file`, each with its issuer and its end, for people.
    pub fn authorities(&self) -> &[String] {
        &self.authorities
    }

    /// Our own certificate, with its issuer and its end, for people.
    pub fn own_certificate(&self) -> Option<&str> {
        self.own.as_deref()
    }

    /// What is right but deserves a second look, and at which key: files of the environment that vouch
    /// for nobody, and certificates that end soon.
    pub fn remarks(&self) -> &[(&'static str, String)] {
        &self.remarks
    }

    /// Whether anybody with a certificate of a public authority is trusted.
    pub fn trusts_everybody(&self) -> bool {
        matches!(self.settings.trust, Trust::System) && self.settings.pins.is_empty()
    }

    /// Does the handshake with the server whose URL has this host; `starts_tls` says whether it was
    /// agreed on in LDAP.
    pub async fn handshake<S>(
        &self,
        host: &str,
        stream: S,
        starts_tls: bool,
    ) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = match &self.settings.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).map_err(|_| {
                io::Error::other("the host in the URL is no name that a certificate can be for")
            })?,
        };
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(name, stream).await;
        stream.map_err(|error| explain::of_handshake(error, starts_tls))
    }
}

/// When a certificate expires, if that can be read.
pub fn certificate_expiry(certificate: &[u8]) -> Option<SystemTime> {
    certificate::Certificate::read(certificate).ok()?.not_after
}

/// What a certificate says, for people, and whether it ends soon.
pub fn certificate_for_people(certificate: &[u8], now: SystemTime) -> Option<(String, bool)> {
    let certificate = certificate::Certificate::read(certificate).ok()?;
    Some((certificate.to_string(), certificate.ends_soon(now)))
}

/// What a server and this program negotiated.
#[derive(Clone, Debug)]
pub struct NegotiatedTls {
    /// The version of TLS, for people.
    pub version: &'static str,
    /// The server's certificate, in DER.
    pub certificate: Option<Vec<u8>>,
}

/// What was negotiated for this stream.
pub fn negotiated<S>(stream: &TlsStream<S>) -> NegotiatedTls {
    let (_, connection) = stream.get_ref();
    let certificate = connection.peer_certificates().and_then(|certificates| certificates.first());
    NegotiatedTls {
        version: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        },
        certificate: certificate.map(|certificate| certificate.to_vec()),
    }
}
