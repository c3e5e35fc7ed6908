//! The native protocol, version 1, as pure codecs: what front ends and the daemon say to each other
//! over a stream socket.
//!
//! ```text
//! → {"hello":1,"client":"mod_auth_xmpp_ldap 0.2.0"}       ← {"hello":1,"server":"xmpp-ldap-auth 0.2.0"}
//! → {"id":7,"verb":"auth","user":"alice","domain":"example.com","password":"…","within_ms":5000}
//! ← {"id":7,"verdict":"yes","reason":"ok"}
//! → {"cancel":7}
//! ← {"bye":1}
//! ← {"error":"version"}
//! ```
//!
//! One JSON object a line. No line break can stand within one, so that no field can forge a request,
//! and an id ties each answer to its request, so that they come in any order and a late one is harmless.
//! Unknown keys are ignored on both sides.

pub(super) mod json;
mod lines;

use std::fmt;
use std::io::Write;
use std::num::NonZeroU64;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;

use self::json::Object;
pub use self::lines::{LineTooLong, Lines};
use crate::request::{Refused, Request};
use crate::verdict::{Denial, NO, Outage, UNKNOWN, Verdict, YES};

/// The only version that there is.
pub const VERSION: u64 = 1;

/// The longest line that a daemon reads, with its end: a password of 65 kB with each byte escaped.
pub const LONGEST_LINE: usize = 400_000;

/// The longest line that a client reads, with its end.
pub const LONGEST_REPLY: usize = 4_096;

/// What ties an answer to its request: an integer that every language can hold (RFC 7493, section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(NonZeroU64);

impl RequestId {
    /// The first one.
    pub const FIRST: Self = Self(NonZeroU64::MIN);
    const LAST: u64 = (1 << 53) - 1;

    fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).filter(|id| id.get() <= Self::LAST).map(Self)
    }

    /// The one after this, or the first one again.
    pub fn next(self) -> Self {
        Self::new(self.0.get() + 1).unwrap_or(Self::FIRST)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolFault {
    /// The other side speaks another version.
    #[error("version")]
    Version,
    /// There is no hello where it should be, or one where none should be.
    #[error("hello")]
    Hello,
    /// A line is no JSON object, has a key twice, or is nested too deeply.
    #[error("json")]
    Json,
    /// The id of a request is none, or belongs to one that is not answered yet.
    #[error("id")]
    Id,
    /// A line is too long.
    #[error("line")]
    Line,
}

/// What a client says.
#[derive(Debug)]
pub enum FromClient {
    /// It speaks this version.
    Hello {
        /// Which is not necessarily ours.
        version: u64,
    },
    /// It asks.
    Ask(Ask),
    /// It does not wait for this answer any more.
    Cancel(RequestId),
}

/// A request, and how it is to be answered.
#[derive(Debug)]
pub struct Ask {
    /// Which answer is its.
    pub id: RequestId,
    /// For how long the client waits; `None` where it does not say so, or not even a millisecond.
    pub within: Option<Duration>,
    /// What is asked.
    pub request: Result<Request, Refused>,
}

/// What a daemon says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromDaemon {
    /// It speaks this version.
    Hello {
        /// Which is not necessarily ours.
        version: u64,
    },
    /// The answer to the request of this id.
    Answer(RequestId, Verdict),
    /// It takes no more requests on this connection.
    Bye,
    /// It closes the connection, and whether that is for the version.
    Error {
        /// Of the protocol.
        is_version: bool,
    },
    /// What this version does not know.
    Other,
}

/// Reads a line of a client.
pub fn read_client(line: &[u8]) -> Result<FromClient, ProtocolFault> {
    let object = Object::read(line).ok_or(ProtocolFault::Json)?;
    if object.has("hello") {
        let version = object.whole("hello").ok_or(ProtocolFault::Hello)?;
        return Ok(FromClient::Hello { version });
    }
    let id = |key| object.whole(key).and_then(RequestId::new).ok_or(ProtocolFault::Id);
    if object.has("cancel") {
        return id("cancel").map(FromClient::Cancel);
    }
    let request = match object.text("verb") {
        Some(verb) => {
            let [user, domain, password] =
                ["user", "domain", "password"].map(|key| object.text(key));
            Request::of_fields(&verb, user.as_deref(), domain.as_deref(), password.as_deref())
        }
        None => Err(Refused::unreadable()),
    };
    let within = object.number("within_ms").and_then(milliseconds);
    Ok(FromClient::Ask(Ask { id: id("id")?, within, request }))
}

/// So many milliseconds, of which fractions are cut; `None` where there is not even one.
pub(super) fn milliseconds(number: f64) -> Option<Duration> {
    let whole = (number >= 1.0).then(|| number.trunc() / 1e3)?;
    Some(Duration::try_from_secs_f64(whole).unwrap_or(Duration::MAX))
}

/// Reads a line of a daemon.
pub fn read_daemon(line: &[u8]) -> Result<FromDaemon, ProtocolFault> {
    let object = Object::read(line).ok_or(ProtocolFault::Json)?;
    if object.has("hello") {
        let version = object.whole("hello").ok_or(ProtocolFault::Hello)?;
        return Ok(FromDaemon::Hello { version });
    }
    if let Some(error) = object.text("error") {
        return Ok(FromDaemon::Error { is_version: error == ProtocolFault::Version.to_string() });
    }
    if object.has("bye") {
        return Ok(FromDaemon::Bye);
    }
    let Some(id) = object.whole("id").and_then(RequestId::new) else {
        return Ok(FromDaemon::Other);
    };
    let [verdict, reason] = ["verdict", "reason"].map(|key| object.text(key).unwrap_or_default());
    let verdict = match verdict.as_str() {
        YES => Verdict::Granted,
        NO => Verdict::Denied(Denial::named(&reason)),
        UNKNOWN => Verdict::Unavailable(Outage::named(&reason)),
        _ => Verdict::Unavailable(Outage::Unexplained),
    };
    Ok(FromDaemon::Answer(id, verdict))
}

/// Writes a client's greeting.
pub fn write_client_hello(out: &mut Vec<u8>, client: &str) {
    write_line(out, format_args!("{{\"hello\":{VERSION},\"client\":{}}}", Value::from(client)));
}

/// Writes a daemon's greeting.
pub fn write_daemon_hello(out: &mut Vec<u8>, daemon: &str) {
    write_line(out, format_args!("{{\"hello\":{VERSION},\"server\":{}}}", Value::from(daemon)));
}

/// Writes a request for whose answer the client waits so long, which is at least a millisecond.
pub fn write_request(out: &mut Vec<u8>, id: RequestId, request: &Request, within: Duration) {
    // With room for all of it, because what is moved leaves a copy behind.
    let password = match request {
        Request::Auth { password, .. } | Request::SetPass { password, .. } => {
            Some(password.expose_secret())
        }
        Request::IsUser { .. } => None,
    };
    let account = request.account();
    let texts =
        account.localpart().len() + account.domainpart().len() + password.map_or(0, str::len);
    out.reserve(128 + 2 * texts);
    let _ = write!(out, "{{\"id\":{id},\"verb\":\"{}\",\"user\":", request.verb().name());
    let _ = serde_json::to_writer(&mut *out, account.localpart());
    out.extend_from_slice(b",\"domain\":");
    let _ = serde_json::to_writer(&mut *out, account.domainpart());
    if let Some(password) = password {
        out.extend_from_slice(b",\"password\":");
        let _ = serde_json::to_writer(&mut *out, password);
    }
    write_line(out, format_args!(",\"within_ms\":{}}}", within.as_millis().max(1)));
}

/// Writes that the client does not wait for an answer any more.
pub fn write_cancel(out: &mut Vec<u8>, id: RequestId) {
    write_line(out, format_args!("{{\"cancel\":{id}}}"));
}

/// Writes an answer.
pub fn write_answer(out: &mut Vec<u8>, id: RequestId, verdict: Verdict) {
    let (word, reason) = (verdict.word(), verdict.reason());
    write_line(out, format_args!("{{\"id\":{id},\"verdict\":\"{word}\",\"reason\":\"{reason}\"}}"));
}

/// Writes that no more requests are taken on this connection.
pub fn write_bye(out: &mut Vec<u8>) {
    write_line(out, format_args!("{{\"bye\":1}}"));
}

/// Writes why the connection is closed.
pub fn write_error(out: &mut Vec<u8>, fault: ProtocolFault) {
    write_line(out, format_args!("{{\"error\":\"{fault}\"}}"));
}

fn write_line(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests;
