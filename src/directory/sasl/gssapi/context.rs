//! The Kerberos side of the sign-in: everything that calls the system's library.
//!
//! Its calls read files and wait for a KDC, so they are made where blocking is allowed, one at a
//! time: they share the process's ticket cache. The texts of its errors are kept for each thread,
//! so an error becomes text where it arose.

use std::io;
use std::time::Duration;

use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::Error;
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_NT_KRB5_PRINCIPAL, OidSet};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::aside::aside;
use crate::directory::diagnosis::of_ticket;
use crate::directory::sasl::gssapi::security_layer::Direction;
use crate::directory::session::error::ConnectError;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A sign-in that is going on, or the protection that came of it.
#[derive(Debug)]
pub(super) struct KerberosContext {
    context: ClientCtx,
    binding: Option<Vec<u8>>,
}

/// Whom to sign in where.
#[derive(Debug)]
pub(super) struct Parties {
    /// The principal of the service account.
    pub(super) client: String,
    /// The principal of the LDAP server.
    pub(super) server: String,
}

impl KerberosContext {
    /// Gets a ticket from the KDC, or from the cache while the one there is good for long enough;
    /// gives the first token for the server.
    pub(super) async fn get(
        parties: Parties,
        seals: bool,
        binding: Option<Vec<u8>>,
        within: Duration,
    ) -> Result<(Self, Vec<u8>), ConnectError> {
        let realm = parties.client.rsplit('@').next().unwrap_or_default().to_owned();
        let get = async {
            let turn = ONE_AT_A_TIME.lock().await;
            let begun = aside(move || {
                let _turn = turn;
                begin(&parties, seals, binding).map_err(|error| refused(&error, &parties))
            });
            let defect = || Err(io::Error::other("the sign-in by Kerberos has a defect").into());
            begun.await.unwrap_or_else(defect)
        };
        timeout(within, get).await.unwrap_or_else(|_| {
            let text = format!(
                "no Kerberos ticket within {within:?}; can the KDC of {realm} be reached, and does krb5.conf, or $KRB5_CONFIG, know it?"
            );
            Err(ConnectError::Unreachable(text))
        })
    }

    /// Takes the server's token and gives the next one; an empty one ends the Kerberos part.
    pub(super) fn step(&mut self, token: &[u8]) -> io::Result<Vec<u8>> {
        let token = self.context.step(Some(token), self.binding.as_deref()).map_err(failed)?;
        Ok(token.map(|token| token.to_vec()).unwrap_or_default())
    }

    /// Whether both sides have proved who they are.
    pub(super) fn is_complete(&self) -> bool {
        self.context.is_complete()
    }

    /// Whether the server has proved who it is, and messages can be sealed if they are to be.
    pub(super) fn holds(&self, seals: bool) -> io::Result<bool> {
        let mut wanted = CtxFlags::GSS_C_MUTUAL_FLAG;
        wanted.set(CtxFlags::GSS_C_INTEG_FLAG | CtxFlags::GSS_C_CONF_FLAG, seals);
        Ok(self.context.flags().map_err(failed)?.contains(wanted))
    }

    /// Protects a message against changes, without hiding it.
    pub(super) fn sign(&mut self, message: &[u8]) -> io::Result<Vec<u8>> {
        Ok(self.context.wrap(false, message).map_err(failed)?.to_vec())
    }

    /// The content of a protected message, hidden or not.
    pub(super) fn open(&mut self, message: &[u8]) -> io::Result<Vec<u8>> {
        Ok(self.context.unwrap(message).map_err(failed)?.to_vec())
    }

    /// Protects messages in one direction and checks those of the other; with `hides`, against
    /// readers as well.
    pub(super) fn protect(
        &mut self,
        hides: bool,
        way: Direction,
        message: &[u8],
    ) -> io::Result<Vec<u8>> {
        match way {
            Direction::Seal => Ok(self.context.wrap(hides, message).map_err(failed)?.to_vec()),
            Direction::Open if hides && !is_hidden(message) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "a message that is not sealed"))
            }
            Direction::Open => self.open(message),
        }
    }
}

/// Whether a token is of the kind that says whether it is encrypted (RFC 4121, section 4.2.6.2). Those of
/// older ciphers, of which RC4 is still met (RFC 4757), do not.
pub(super) fn tells_whether_it_is_hidden(token: &[u8]) -> bool {
    token.starts_with(&[0x05, 0x04])
}

/// Whether a token says that it is encrypted (RFC 4121, section 4.2.6.2). The library tells only
/// that it is genuine; it checks that this is what the sender wrote.
fn is_hidden(token: &[u8]) -> bool {
    const SEALED: u8 = 0x02;
    matches!(token, [0x05, 0x04, flags, ..] if flags & SEALED != 0)
}

fn begin(
    parties: &Parties,
    seals: bool,
    binding: Option<Vec<u8>>,
) -> Result<(KerberosContext, Vec<u8>), Error> {
    let name = |name: &str| Name::new(name.as_bytes(), Some(GSS_NT_KRB5_PRINCIPAL));
    let mechanism = GSS_MECH_KRB5;
    let mechanisms = OidSet::singleton(mechanism)?;
    let client = name(&parties.client)?;
    let credential = Cred::acquire(Some(&client), None, CredUsage::Initiate, Some(&mechanisms))?;
    let mut flags = CtxFlags::GSS_C_MUTUAL_FLAG | CtxFlags::GSS_C_SEQUENCE_FLAG;
    let sealing =
        CtxFlags::GSS_C_INTEG_FLAG | CtxFlags::GSS_C_CONF_FLAG | CtxFlags::GSS_C_REPLAY_FLAG;
    flags.set(sealing, seals);
    let mut context =
        ClientCtx::new(Some(credential), name(&parties.server)?, flags, Some(mechanism));
    let token = context.step(None, binding.as_deref())?;
    let token = token.map(|token| token.to_vec()).unwrap_or_default();
    Ok((KerberosContext { context, binding }, token))
}

fn failed(error: Error) -> io::Error {
    io::Error::other(format!("Kerberos: {}", words(&error.to_string())))
}

/// What the library has to say itself, which stands in brackets behind what GSSAPI says for all.
fn words(text: &str) -> &str {
    let own = text.split_once(" (").and_then(|(_, own)| own.trim_end().strip_suffix(')'));
    own.filter(|own| !own.is_empty()).unwrap_or(text)
}

fn refused(error: &Error, Parties { client, server }: &Parties) -> ConnectError {
    let text = error.to_string();
    ConnectError::Refused(of_ticket(error.minor, words(&text), client, server))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_speaks_for_itself() {
        for (text, own) in [
            ("Unspecified GSS failure.  Minor (Clock skew (too) great)", "Clock skew (too) great"),
            ("No context has been established ()", "No context has been established ()"),
            ("A token was invalid", "A token was invalid"),
        ] {
            assert_eq!(words(text), own);
        }
    }

    #[test]
    fn tokens_of_old_ciphers_are_told_apart() {
        assert!(tells_whether_it_is_hidden(b"\x05\x04\x03\xff"));
        // The frame and the head of a token of RC4 (RFC 4757, section 7.3).
        let old = b"\x60\x30\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x02\x01\x11\x00";
        for old in [&old[..], b"\x05", b""] {
            assert!(!tells_whether_it_is_hidden(old), "{old:?}");
        }
    }

    #[test]
    fn only_encrypted_tokens_count_as_hidden() {
        assert!(is_hidden(b"\x05\x04\x03\xff"));
        assert!(is_hidden(b"\x05\x04\x06\xff"));
        for open in [&b""[..], b"\x05\x04", b"\x05\x04\x01\xff", b"\x04\x04\x02", b"\x60\x2b\x06"] {
            assert!(!is_hidden(open), "{open:?}");
        }
    }
}
