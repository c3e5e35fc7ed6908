//! Signing in by Kerberos with a keytab (SASL mechanism GSSAPI, RFC 4752), on a stream that has
//! carried no LDAP yet.
//!
//! [`context`] talks to Kerberos, [`bind`] to the directory. Over TLS nothing is sealed, because
//! Active Directory refuses both at once, and [`channel_binding`] ties the sign-in to the certificate
//! instead. Without TLS, [`security_layer`] seals what follows.

mod bind;
mod channel_binding;
mod context;
mod security_layer;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use self::bind::{Bind, Offer, Protection, Reply, choice};
use self::context::{Parties, Ticket};
pub use self::security_layer::Layer;

/// Kerberos needs one token and its answer, SASL one more round; a server that wants many plays
/// for time.
const MOST_ROUNDS: usize = 8;

/// A service account that signs in by Kerberos.
#[derive(Clone, Debug)]
pub struct Principal {
    principal: String,
    keytab: PathBuf,
    host: Option<String>,
    must_seal: bool,
}

impl Principal {
    /// The account of this principal, written with its realm, whose keys are in `keytab`; the
    /// library finds them by the environment. `host` is the server's name in Kerberos, if it is not
    /// that of its URL. With `must_seal`, Kerberos protects the connection, and StartTLS is left
    /// out. The error says that this program knows no Kerberos.
    pub fn new(
        principal: String,
        keytab: PathBuf,
        host: Option<String>,
        must_seal: bool,
    ) -> Result<Self, &'static str> {
        Ok(Self { principal, keytab, host, must_seal })
    }

    /// Its principal.
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// Where its keys are.
    pub fn keytab(&self) -> &Path {
        &self.keytab
    }

    /// Whether Kerberos takes the place of TLS on its connections.
    pub fn replaces_tls(&self) -> bool {
        self.must_seal
    }

    /// Signs in on a connection that TLS protects; `certificate` is the server's, in DER. The
    /// KDC has to answer within `ticket_within`.
    pub async fn sign_in<S>(
        &self,
        stream: &mut S,
        host: &str,
        certificate: Option<&[u8]>,
        ticket_within: Duration,
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let binding = certificate.and_then(channel_binding::of);
        self.converse(stream, host, binding, &[Protection::Nothing], ticket_within).await?;
        Ok(())
    }

    /// Signs in on a connection that nothing else protects; says of what comes of it whether
    /// nobody can read it.
    pub async fn sign_in_and_seal<S>(
        &self,
        mut stream: S,
        host: &str,
        ticket_within: Duration,
    ) -> io::Result<(Layer<S>, bool)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let wanted: &[Protection] = if self.must_seal {
            &[Protection::Confidentiality]
        } else {
            &[Protection::Confidentiality, Protection::Integrity]
        };
        let (mut ticket, protection, largest) =
            self.converse(&mut stream, host, None, wanted, ticket_within).await?;
        let hides = protection == Protection::Confidentiality;
        let cipher = Box::new(move |way, message: &[u8]| ticket.protect(hides, way, message));
        Ok((Layer::new(stream, cipher, largest)?, hides))
    }

    async fn converse<S>(
        &self,
        stream: &mut S,
        host: &str,
        binding: Option<Vec<u8>>,
        wanted: &[Protection],
        ticket_within: Duration,
    ) -> io::Result<(Ticket, Protection, usize)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let seals = !wanted.contains(&Protection::Nothing);
        let parties =
            Parties { client: self.principal.clone(), server: self.server_principal(host) };
        let (mut ticket, mut token) = Ticket::get(parties, seals, binding, ticket_within).await?;
        let mut bind = Bind::default();
        for _ in 0..MOST_ROUNDS {
            let Reply::GoOn(answer) = bind.send(stream, &token).await? else {
                return Err(odd("the server ended the sign-in before it proved who it is"));
            };
            if !ticket.is_complete() {
                token = ticket.step(&answer)?;
                continue;
            }
            if !ticket.holds(seals)? {
                return Err(odd("the server did not prove who it is, or cannot seal"));
            }
            let offer = Offer::read(&ticket.open(&answer)?)
                .ok_or_else(|| odd("the server's offer of protections is malformed"))?;
            let protection = offer.choose(wanted).ok_or_else(|| {
                odd("the server offers no protection that would do; see sasl_seal")
            })?;
            let chosen = ticket.sign(&choice(protection, security_layer::LARGEST))?;
            return match bind.send(stream, &chosen).await? {
                Reply::Done => Ok((ticket, protection, offer.largest)),
                Reply::GoOn(_) => Err(odd("the server does not come to an end")),
            };
        }
        Err(odd("the server does not come to an end"))
    }

    /// The principal of the LDAP server (RFC 4120, section 6.2.1), of the account's realm: the KDC
    /// knows which other realm it may be in. Neither DNS nor krb5.conf have a say in it.
    fn server_principal(&self, host: &str) -> String {
        let realm = self.principal.rsplit('@').next().unwrap_or_default();
        let host = self.host.as_deref().unwrap_or(host).to_lowercase();
        format!("ldap/{host}@{realm}")
    }
}

fn odd(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(host: Option<&str>) -> Principal {
        let principal = "svc-xmpp@CORP.EXAMPLE".to_owned();
        Principal::new(principal, "/nowhere".into(), host.map(str::to_owned), false).unwrap()
    }

    #[test]
    fn the_server_is_named_by_its_url_unless_the_configuration_knows_better() {
        assert_eq!(
            account(None).server_principal("DC1.corp.example"),
            "ldap/dc1.corp.example@CORP.EXAMPLE"
        );
        assert_eq!(
            account(Some("dc1.corp.example")).server_principal("192.0.2.1"),
            "ldap/dc1.corp.example@CORP.EXAMPLE"
        );
    }
}
