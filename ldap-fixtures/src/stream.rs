//! An XMPP client that does little, and that fast: hundreds of them at once hold nobody up but the
//! server (RFC 6120). Where it matters that clients are real ones, see [`xmpp`](crate::xmpp).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::xmpp::Outcome;

/// How long a server may take for one reply.
const PATIENCE: Duration = Duration::from_secs(120);

const OPENING: &str = "<?xml version='1.0'?><stream:stream to='example.com' version='1.0' \
                       xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// A client's stream. The server's certificate is not verified.
#[derive(Debug)]
pub struct Stream {
    connection: Connection,
    unread: String,
}

#[derive(Debug)]
enum Connection {
    Clear(TcpStream),
    Encrypted(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Connects to this port of 127.0.0.1, and goes as far as to be asked for a password over TLS.
    pub fn open(port: u16) -> Result<Self> {
        let (mut clear, mut unread) = (connect(port)?, String::new());
        clear.write_all(OPENING.as_bytes())?;
        read_to(&mut clear, &mut unread, "</stream:features>")?;
        clear.write_all(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")?;
        read_to(&mut clear, &mut unread, "/>")?;
        let name = ServerName::try_from("example.com")?;
        let session = ClientConnection::new(Arc::new(config()?), name)?;
        let encrypted = Box::new(StreamOwned::new(session, clear));
        Self::begin(Connection::Encrypted(encrypted))
    }

    /// The same in clear text, as far as the server lets it.
    pub fn open_clear(port: u16) -> Result<Self> {
        Self::begin(Connection::Clear(connect(port)?))
    }

    fn begin(connection: Connection) -> Result<Self> {
        let mut stream = Self { connection, unread: String::new() };
        stream.write(OPENING)?;
        stream.read_to("</stream:features>")?;
        Ok(stream)
    }

    /// Signs in by SASL PLAIN (RFC 4616), and binds a resource. It may be tried again.
    pub fn sign_in(&mut self, user: &str, password: &str) -> Result<Outcome> {
        let message = STANDARD.encode(format!("\0{user}\0{password}"));
        self.write(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{message}</auth>"
        ))?;
        let reply = self.read_to(">")?;
        if reply.starts_with("<failure") {
            let condition = self.read_to("/>")?;
            self.read_to("</failure>")?;
            let condition = condition.trim_start_matches('<').trim_end_matches("/>");
            return Ok(Outcome::NotSignedIn(condition.to_owned()));
        }
        if !reply.starts_with("<success") {
            bail!("neither success nor failure: {reply}");
        }
        self.write(OPENING)?;
        self.read_to("</stream:features>")?;
        self.write(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        )?;
        self.read_to("</iq>")?;
        Ok(Outcome::Success)
    }

    /// Pings the server (XEP-0199); how long the reply took.
    pub fn ping(&mut self) -> Result<Duration> {
        let start = Instant::now();
        self.write("<iq type='get' id='ping' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>")?;
        self.read_to("id='ping'")?;
        self.read_to(">")?;
        Ok(start.elapsed())
    }

    fn write(&mut self, text: &str) -> Result<()> {
        Ok(match &mut self.connection {
            Connection::Clear(stream) => stream.write_all(text.as_bytes()),
            Connection::Encrypted(stream) => stream.write_all(text.as_bytes()),
        }?)
    }

    fn read_to(&mut self, end: &str) -> Result<String> {
        match &mut self.connection {
            Connection::Clear(stream) => read_to(stream, &mut self.unread, end),
            Connection::Encrypted(stream) => read_to(stream, &mut self.unread, end),
        }
    }
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The text up to and with the next `end`.
fn read_to(stream: &mut impl Read, unread: &mut String, end: &str) -> Result<String> {
    loop {
        if let Some((text, rest)) = unread.split_once(end) {
            let found = format!("{text}{end}");
            *unread = rest.to_owned();
            return Ok(found);
        }
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes)?;
        if length == 0 {
            bail!("the stream ended before {end:?}: {unread}");
        }
        let bytes = bytes.get(..length).context("more was read than there was room for")?;
        unread.push_str(&String::from_utf8_lossy(bytes));
    }
}

fn config() -> Result<ClientConfig> {
    let provider = ring::default_provider();
    let verifier = Arc::new(Anybody(provider.clone()));
    Ok(ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

/// Takes every server for the right one.
#[derive(Debug)]
struct Anybody(CryptoProvider);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
