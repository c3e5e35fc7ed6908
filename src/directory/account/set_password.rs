//! Setting a password as the service account.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::deadline::Deadline;
use crate::directory::diagnosis::{Judged, of_password_change, of_root_dse};
use crate::directory::locate::trial::Work;
use crate::directory::message::{Control, LdapResult, oid};
use crate::directory::pool::attempts::{Attempt, Attempts};
use crate::directory::pool::service::ServicePool;
use crate::directory::session::Session;
use crate::directory::session::root_dse::RootDse;
use crate::named::named;
use crate::observe::StepUnderWay;
use crate::result_code;
use crate::verdict::{Denial, Outage, Outcome};

/// `PolicyHintsRequestValue ::= SEQUENCE { Flags INTEGER }` with the flag 1: keep to the password
/// policy (MS-ADTS, section 3.1.1.3.4.1.27).
const KEEP_TO_POLICY: &[u8] = b"\x30\x03\x02\x01\x01";

named! {
    /// How passwords are set.
    pub enum PasswordMethod {
        /// Not at all.
        Off = "off",
        /// By what the server's root DSE offers.
        Auto = "auto",
        /// By the password modify operation (RFC 3062).
        Exop = "exop",
        /// By replacing Active Directory's `unicodePwd` (MS-ADTS, section 3.1.1.3.1.5).
        UnicodePwd = "unicode-pwd",
    }
}

impl PasswordMethod {
    /// What a server offers, if it offers anything.
    pub(in crate::directory) fn offered_by(root_dse: &RootDse) -> Option<Self> {
        if root_dse.has_password_modify() {
            Some(Self::Exop)
        } else {
            root_dse.has_unicode_pwd().then_some(Self::UnicodePwd)
        }
    }
}

/// Sets the password of an entry, on a session of its own: this may not be repeated, so it must
/// not start on one that could have died. A server that takes no changes hands on to another one.
pub(in crate::directory) async fn set(
    pool: &ServicePool,
    method: PasswordMethod,
    dn: &str,
    password: &SecretString,
    by: Deadline,
) -> Result<Outcome, Outcome> {
    if method == PasswordMethod::Off {
        return Err(Denial::PasswordChangeOff.into());
    }
    Attempts::new(&pool.connector.servers, Work::Answer, by)
        .uncut()
        .run(|context| async move {
            let session = match pool.open_besides(&context.avoided, by).await {
                Ok(session) => session,
                // What a server said that takes no changes says more.
                Err(outcome) => return Attempt::Over(context.unjudged.unwrap_or(outcome)),
            };
            set_on(&session, method, dn, password, by).await.unwrap_or_else(|attempt| attempt)
        })
        .await
}

/// What has become of the attempt, early or late.
async fn set_on(
    session: &Session,
    method: PasswordMethod,
    dn: &str,
    password: &SecretString,
    by: Deadline,
) -> Result<Attempt<Outcome>, Attempt<Outcome>> {
    let method = match method {
        PasswordMethod::Auto => choose(session, by).await?,
        chosen => chosen,
    };
    let step = StepUnderWay::begin("set password", &session.server);
    let answer = match method {
        PasswordMethod::UnicodePwd => replace_unicode_pwd(session, dn, password, by).await,
        _ => modify_password(session, dn, password, by).await,
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(outcome) => {
            let words = outcome.detail.as_deref().unwrap_or(outcome.verdict.reason());
            step.ends(|| words.to_owned());
            return Err(Attempt::Over(outcome));
        }
    };
    step.ends(|| format!("by {}: {}", method.name(), result_code::described(answer.code)));
    let judgement = of_password_change(&answer, session.is_private);
    Ok(Attempt::answered(&session.server, judgement))
}

async fn choose(session: &Session, by: Deadline) -> Result<PasswordMethod, Attempt<Outcome>> {
    let root_dse = read_root_dse(session, by).await.map_err(Attempt::Over)?;
    let server = &session.server;
    let refusal = |outage| Outcome::from(outage).from_server(server);
    if root_dse.is_read_only() {
        let (judged, outcome) = (Judged::NotHere, refusal(Outage::ReadOnly));
        return Err(Attempt::Answered { server: Arc::clone(server), judged, outcome });
    }
    let offered = PasswordMethod::offered_by(&root_dse);
    offered.ok_or_else(|| Attempt::Over(refusal(Outage::NoPasswordOperation)))
}

async fn read_root_dse(session: &Session, by: Deadline) -> Result<Arc<RootDse>, Outcome> {
    let read = session.root_dse(by.remaining()).await;
    read.map_err(|error| error.outcome(&session.server))?
        .map_err(|answer| of_root_dse(&answer).outcome(&session.server))
}

async fn modify_password(
    session: &Session,
    dn: &str,
    password: &SecretString,
    by: Deadline,
) -> Result<LdapResult, Outcome> {
    // Not every server ignores what it does not know.
    let root_dse = read_root_dse(session, by).await;
    let asks_policy = root_dse.is_ok_and(|root_dse| root_dse.has_control(oid::PASSWORD_POLICY));
    let modified = session.modify_password(dn, password.expose_secret(), asks_policy).await;
    modified.map_err(|error| error.outcome(&session.server))
}

/// Replaces the password by one that the policy has to accept, as if the user had set it.
async fn replace_unicode_pwd(
    session: &Session,
    dn: &str,
    password: &SecretString,
    by: Deadline,
) -> Result<LdapResult, Outcome> {
    if !session.is_private {
        return Err(Outcome::from(Outage::ClearText).from_server(&session.server));
    }
    let hint = |oid| Control { oid, is_critical: true, value: Some(KEEP_TO_POLICY.to_vec()) };
    let known = read_root_dse(session, by).await?.policy_hints();
    let hints: Vec<Control> = known.into_iter().map(hint).collect();
    let secret = password.expose_secret();
    let value = quoted_utf16(secret);
    let replaced = session.replace_secret(dn, "unicodePwd", &value, secret, &hints).await;
    replaced.map_err(|error| error.outcome(&session.server))
}

/// The password between quotation marks, in UTF-16 with the low byte first.
fn quoted_utf16(password: &str) -> Vec<u8> {
    let quoted = std::iter::once('"').chain(password.chars()).chain(std::iter::once('"'));
    quoted
        .flat_map(|character| character.encode_utf16(&mut [0; 2]).to_vec())
        .flat_map(u16::to_le_bytes)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_quoted_in_utf16() {
        assert_eq!(quoted_utf16("aé\""), b"\"\0a\0\xe9\0\"\0\"\0");
        assert_eq!(quoted_utf16("😀"), b"\"\0\x3d\xd8\x00\xde\"\0");
        assert_eq!(quoted_utf16(""), b"\"\0\"\0");
    }
}
