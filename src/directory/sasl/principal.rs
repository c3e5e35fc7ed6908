//! A service account that signs in while connecting, before the first LDAP operation.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::directory::session::error::ConnectError;

/// What the configuration says about an account that signs in by Kerberos.
#[derive(Clone, Debug)]
pub struct KerberosAccount {
    /// Its principal, with the realm.
    pub name: String,
    /// The file with its keys. The library finds it by the environment.
    pub keytab: PathBuf,
    /// The server's host name in Kerberos, if it is not that of its URL.
    pub host: Option<String>,
    /// Whether Kerberos protects the connection, so that StartTLS is left out.
    pub must_seal: bool,
}

/// A stream to a server.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// What protects a stream before anybody signs in on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// It does not leave this machine.
    Local,
    /// TLS, with this certificate of the server, in DER.
    Tls(Option<Vec<u8>>),
    /// Nothing.
    Clear,
}

/// What comes of signing in.
pub struct SignedIn {
    /// The stream to go on with.
    pub stream: Box<dyn ByteStream>,
    /// Whether nobody on the way can read it.
    pub is_private: bool,
}

/// A service account that signs in while connecting.
pub trait Principal: fmt::Debug + Send + Sync {
    /// What the configuration says about it.
    fn account(&self) -> &KerberosAccount;

    /// Signs in on a stream to `host` that has carried no LDAP yet, with a ticket that must be had
    /// within `ticket_within`.
    fn sign_in<'a>(
        &'a self,
        stream: Box<dyn ByteStream>,
        host: &'a str,
        transport: Transport,
        ticket_within: Duration,
    ) -> BoxFuture<'a, Result<SignedIn, ConnectError>>;
}
