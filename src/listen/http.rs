//! The questions of Prosody's mod_auth_http and of MongooseIM's `http` back end, which ask alike.
//!
//! | request | fields | yes | no |
//! |---|---|---|---|
//! | `GET /check_password` | `user`, `server`, `pass` | 200 `true` | 200 `false` |
//! | `GET /user_exists` | `user`, `server` | 200 `true` | 200 `false` |
//! | `POST /set_password` | the same as a form | 204 | 403 |
//!
//! 403 means also that something is not done here, whether it may not be asked or there is no such
//! question, 401 that the credentials are missing or wrong, and 400 that nobody could tell, or that it
//! was asked by a wrong method or with a field twice. Those are the statuses that MongooseIM up to 6.8.0
//! survives; `unavailable_status` changes the one for "cannot tell".

mod connection;
pub mod credentials;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Duration, Instant};

pub(super) use self::connection::{Api, converse};
use super::front::{Closing, Front, ReceivedRequest};
use crate::answer::Answer;
use crate::protocol::http::MalformedHttp;
use crate::protocol::http::form::FormFields;
use crate::protocol::http::head::{Head, Method};
use crate::protocol::http::reply::{Reply, Status};
use crate::request::{Refused, Request, Verb};
use crate::verdict::{Denial, Outcome, Verdict};

/// Serves a connection until it ends.
pub async fn serve<A: Answer>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    front: &Front<A>,
    closing: Closing,
) {
    let questions = AuthApi { front, closing: closing.clone() };
    if let Err(error) = converse(stream, &questions, front.newcomers().comes(), closing).await {
        tracing::debug!(listener = front.name(), %error, "a client is gone");
    }
}

/// The questions that come through a listener.
struct AuthApi<'a, A> {
    front: &'a Front<A>,
    closing: Closing,
}

impl<A: Answer> Api for AuthApi<'_, A> {
    /// `None` where nothing was asked.
    type Asked = Option<(ReceivedRequest, Outcome)>;

    fn admit(&self, head: &Head) -> Result<(), Reply> {
        if self.front.terms().http.credentials.admit(head.authorization.as_deref()) {
            return Ok(());
        }
        if let Some(unlogged) = self.front.misuse().comes() {
            tracing::warn!(
                listener = self.front.name(),
                more_since_last_line = unlogged,
                "a client has no credentials, or wrong ones; see credentials_file"
            );
        }
        Err(Reply::text(Status::Unauthorized, "credentials are missing or wrong"))
    }

    async fn reply(&self, head: &Head, body: &[u8], read: Instant) -> (Reply, Self::Asked) {
        let (word, fields) = match (head.method, head.path.as_str()) {
            (Method::Get, "/check_password") => ("auth", head.query.as_slice()),
            (Method::Get, "/user_exists") => ("isuser", head.query.as_slice()),
            (Method::Post, "/set_password") => ("setpass", body),
            (Method::Get, "/set_password") | (Method::Post, "/check_password" | "/user_exists") => {
                let text = "this is asked by another method";
                return (Reply::text(Status::BadRequest, text), None);
            }
            (Method::Get | Method::Post, _) => ("", &[][..]),
            (Method::Other, _) => {
                return (Reply::text(Status::BadRequest, "this is no question"), None);
            }
        };
        let form = FormFields::parse(fields);
        let is_repeated = form == Err(MalformedHttp);
        let FormFields { user, server, pass } = form.unwrap_or_default();
        let request = Request::of_fields(word, user.as_deref(), server.as_deref(), pass.as_deref());
        let verb = match &request {
            Ok(request) => request.verb(),
            Err(Refused { verb, .. }) => *verb,
        };
        let by = self.front.deadline(read, Some(Duration::MAX));
        let mut asked = self.front.begin(request, read, by, &self.closing);
        let outcome = asked.outcome().await;
        let reply = if is_repeated {
            Reply::text(Status::BadRequest, "a field is given twice")
        } else {
            self.reply_to(verb, outcome.verdict)
        };
        (reply, Some((asked, outcome)))
    }

    fn sent(&self, asked: Self::Asked, is_sent: bool) {
        match asked {
            Some((mut asked, outcome)) if is_sent => asked.tell(&outcome),
            Some((mut asked, outcome)) => asked.keep(&outcome),
            None => {}
        }
    }
}

impl<A: Answer> AuthApi<'_, A> {
    fn reply_to(&self, verb: Verb, verdict: Verdict) -> Reply {
        let reason = verdict.reason();
        match (verb, verdict) {
            (Verb::SetPass, Verdict::Granted) => Reply::text(Status::NoContent, ""),
            (_, Verdict::Granted) => Reply::text(Status::Ok, "true"),
            // There any 200 would be taken for a yes.
            (Verb::SetPass, Verdict::Denied(_))
            | (_, Verdict::Denied(Denial::NotAllowed | Denial::Unsupported)) => {
                Reply::text(Status::Forbidden, reason)
            }
            (_, Verdict::Denied(_)) => Reply::text(Status::Ok, "false"),
            (_, Verdict::Unavailable(_)) => {
                Reply::text(self.front.terms().http.unavailable, reason)
            }
        }
    }
}
