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

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use self::bind::{BindAnswer, LayerOffer, Protection, SaslBind, choice};
use self::context::{KerberosContext, Parties, tells_whether_it_is_hidden};
use self::security_layer::SecurityLayer;
use crate::directory::sasl::principal::{
    ByteStream, KerberosAccount, Principal, SignedIn, Transport,
};
use crate::directory::session::error::ConnectError;

/// Kerberos needs one token and its answer, SASL one more round; a server that wants many plays
/// for time.
const MOST_ROUNDS: usize = 8;

/// The account, which signs in by GSSAPI.
pub(super) fn principal(account: KerberosAccount) -> Arc<dyn Principal> {
    Arc::new(GssapiPrincipal(account))
}

#[derive(Debug)]
struct GssapiPrincipal(KerberosAccount);

impl Principal for GssapiPrincipal {
    fn account(&self) -> &KerberosAccount {
        &self.0
    }

    fn sign_in<'a>(
        &'a self,
        stream: Box<dyn ByteStream>,
        host: &'a str,
        transport: Transport,
        ticket_within: Duration,
    ) -> BoxFuture<'a, Result<SignedIn, ConnectError>> {
        Box::pin(self.sign_in_by_gssapi(stream, host, transport, ticket_within))
    }
}

impl GssapiPrincipal {
    async fn sign_in_by_gssapi(
        &self,
        mut stream: Box<dyn ByteStream>,
        host: &str,
        transport: Transport,
        ticket_within: Duration,
    ) -> Result<SignedIn, ConnectError> {
        use Protection::{Confidentiality, Integrity, Nothing};
        let (binding, wanted): (_, &[Protection]) = match transport {
            Transport::Tls(certificate) => {
                (certificate.as_deref().and_then(channel_binding::of), &[Nothing])
            }
            Transport::Local | Transport::Clear if self.0.must_seal => (None, &[Confidentiality]),
            Transport::Local | Transport::Clear => (None, &[Confidentiality, Integrity]),
        };
        let (mut context, protection, largest) =
            self.converse(&mut *stream, host, binding, wanted, ticket_within).await?;
        let hides = match protection {
            Nothing => return Ok(SignedIn { stream, is_private: true }),
            Integrity => false,
            Confidentiality => true,
        };
        let cipher = Box::new(move |way, message: &[u8]| context.protect(hides, way, message));
        let stream = Box::new(SecurityLayer::new(stream, cipher, largest)?);
        Ok(SignedIn { stream, is_private: hides })
    }

    /// Signs in, and settles with the server on one of the `wanted` protections; gives with it the
    /// largest sealed message that the server takes.
    async fn converse(
        &self,
        stream: &mut dyn ByteStream,
        host: &str,
        binding: Option<Vec<u8>>,
        wanted: &[Protection],
        ticket_within: Duration,
    ) -> Result<(KerberosContext, Protection, usize), ConnectError> {
        let seals = !wanted.contains(&Protection::Nothing);
        let parties = Parties { client: self.0.name.clone(), server: self.server_principal(host) };
        let (mut context, mut token) =
            KerberosContext::get(parties, seals, binding, ticket_within).await?;
        let mut bind = SaslBind::default();
        for _ in 0..MOST_ROUNDS {
            let BindAnswer::Next(answer) = bind.send(stream, &token).await? else {
                return Err(odd("the server ended the sign-in before it proved who it is"));
            };
            if !context.is_complete() {
                token = context.step(&answer)?;
                continue;
            }
            if !context.holds(seals)? {
                return Err(odd("the server did not prove who it is, or cannot seal"));
            }
            if seals && !tells_whether_it_is_hidden(&answer) {
                return Err(odd(
                    "the ticket is of an old cipher such as RC4, with which nothing is sealed safely: let the service account and the domain controllers have AES (msDS-SupportedEncryptionTypes), or use ldaps://",
                ));
            }
            let offer = LayerOffer::read(&context.open(&answer)?)
                .ok_or_else(|| odd("the server's offer of protections is malformed"))?;
            let protection = offer.choose(wanted).ok_or_else(|| {
                odd("the server offers no protection that would do; see sasl_seal")
            })?;
            let chosen = context.sign(&choice(protection, security_layer::LARGEST))?;
            return match bind.send(stream, &chosen).await? {
                BindAnswer::Complete => Ok((context, protection, offer.largest)),
                BindAnswer::Next(_) => Err(odd("the server does not come to an end")),
            };
        }
        Err(odd("the server does not come to an end"))
    }

    /// The principal of the LDAP server (RFC 4120, section 6.2.1), of the account's realm: the KDC
    /// knows which other realm it may be in. Neither DNS nor krb5.conf have a say in it.
    fn server_principal(&self, host: &str) -> String {
        let realm = self.0.name.rsplit('@').next().unwrap_or_default();
        let host = self.0.host.as_deref().unwrap_or(host).to_lowercase();
        format!("ldap/{host}@{realm}")
    }
}

fn odd(text: &str) -> ConnectError {
    ConnectError::Unreachable(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(host: Option<&str>) -> GssapiPrincipal {
        GssapiPrincipal(KerberosAccount {
            name: "svc-xmpp@CORP.EXAMPLE".to_owned(),
            keytab: "/nowhere".into(),
            host: host.map(str::to_owned),
            must_seal: false,
        })
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
