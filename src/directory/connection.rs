//! One connection to a directory server, and the operations that are done on it.
//!
//! This is the only user of ldap3's handle. Its conveniences that panic on odd answers or leak are
//! not used: searches are streamed, and entries are read by hand.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ldap3::controls::{Control, PagedResults, RawControl};
use ldap3::exop::PasswordModify;
use ldap3::{
    DerefAliases, Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Mod, Scope,
    SearchOptions, StdStream,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::OnceCell;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::ber;
use super::entry::Entry;
use super::guard::{self, Broken};
use super::root_dse::RootDse;
use super::servers::Server;
use super::tls;

/// The connection ended, or cannot be used any more, before the answer came.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Lost(String);

impl Lost {
    /// No answer came for so long that the connection must be taken for dead.
    pub fn silent() -> Self {
        Self("no answer came".to_owned())
    }
}

/// A server's answer to an operation.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The result code (RFC 4511, section 4.1.9).
    pub code: u32,
    /// The diagnostic message.
    pub text: String,
    /// The controls that came with it (RFC 4511, section 4.1.11).
    pub controls: Vec<ResponseControl>,
}

/// A control of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseControl {
    /// What it is.
    pub oid: String,
    /// What it says.
    pub value: Option<Vec<u8>>,
}

impl From<LdapResult> for Answer {
    fn from(result: LdapResult) -> Self {
        let controls = result
            .ctrls
            .into_iter()
            .map(|Control(_, raw)| ResponseControl { oid: raw.ctype, value: raw.val })
            .collect();
        Self { code: result.rc, text: result.text, controls }
    }
}

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// The entries.
    pub entries: Vec<Entry>,
    /// How the search ended.
    pub answer: Answer,
}

/// The password policy control, request and response (draft-behera-ldap-password-policy-11, section
/// 6).
pub const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// The paged results control (RFC 2696), and how many entries a page may have. Servers allow 500 or
/// more.
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
const PAGE: i32 = 500;

/// Asks for entries without attributes (RFC 4511, section 4.5.1.8).
const NO_ATTRIBUTES: &str = "1.1";

/// What to search for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The base DN; empty for the root DSE.
    pub base: &'a str,
    /// Which entries below it.
    pub depth: Depth,
    /// The filter (RFC 4515).
    pub filter: &'a str,
    /// The attributes to read.
    pub attributes: &'a [&'a str],
    /// How many entries to ask for at most; 0 for all.
    pub at_most: i32,
}

/// The entries that a search is about.
#[derive(Clone, Copy, Debug)]
pub enum Depth {
    /// The base alone.
    Base,
    /// The base and everything below.
    Subtree,
}

/// An open connection. Dropping it closes the socket.
#[derive(Debug)]
pub struct Connection {
    ldap: Ldap,
    driver: AbortHandle,
    relay: AbortHandle,
    /// The server at the other end.
    pub server: Arc<str>,
    /// When it was opened.
    pub opened: Instant,
    /// Whether nobody on the way can read it.
    pub is_private: bool,
    /// Why the relay ended.
    end: Arc<OnceLock<String>>,
    root_dse: OnceCell<Arc<RootDse>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
        self.relay.abort();
    }
}

impl Connection {
    /// A connection over a stream on which no LDAP is outstanding; `is_private` says whether nobody on
    /// the way can read it.
    pub(super) async fn over<S>(stream: S, server: &Server, is_private: bool) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (mut ours, theirs) = UnixStream::pair()?;
        let name = Arc::clone(&server.name);
        let end = Arc::new(OnceLock::new());
        let tell = Arc::clone(&end);
        let relay = tokio::spawn(async move {
            let end = match guard::relay(stream, &mut ours).await {
                Broken::Io(error) => Broken::Io(tls::explained(error)),
                end => end,
            };
            tracing::debug!(server = %name, %end, "connection ended");
            // Before ldap3 sees its end of the socket pair closed.
            let _ = tell.set(end.to_string());
        });
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(theirs.into_std()?));
        // The scheme only tells ldap3 that it is handed a Unix socket.
        let (connection, ldap) =
            LdapConnAsync::with_settings(settings, "ldapi:///").await.map_err(io::Error::other)?;
        let driver = tokio::spawn(connection.drive());
        Ok(Self {
            ldap,
            driver: driver.abort_handle(),
            relay: relay.abort_handle(),
            server: Arc::clone(&server.name),
            opened: Instant::now(),
            is_private,
            end,
            root_dse: OnceCell::new(),
        })
    }

    /// What ended it, rather than how ldap3 noticed.
    fn lost(&self, error: &LdapError) -> Lost {
        Lost(self.end.get().cloned().unwrap_or_else(|| error.to_string()))
    }

    fn answer(&self, result: Result<LdapResult, LdapError>) -> Result<Answer, Lost> {
        result.map(Answer::from).map_err(|error| self.lost(&error))
    }

    /// Whether it is known to have ended.
    pub fn is_closed(&self) -> bool {
        self.driver.is_finished() || self.relay.is_finished()
    }

    /// Binds with a name and a non-empty password (RFC 4513, section 5.1.3), and asks for what the
    /// directory's password policy has to say.
    pub async fn bind(&self, name: &str, password: &str) -> Result<Answer, Lost> {
        let policy = RawControl { ctype: PASSWORD_POLICY.to_owned(), crit: false, val: None };
        let bound = self.ldap.clone().with_controls(policy).simple_bind(name, password).await;
        self.answer(bound)
    }

    /// Binds as whom the TLS client certificate or the local socket says (RFC 4513, section 5.2.3).
    pub async fn bind_external(&self) -> Result<Answer, Lost> {
        self.answer(self.ldap.clone().sasl_external_bind().await)
    }

    /// Searches for entries (RFC 4511, section 4.5). References to other servers are not followed.
    pub async fn search(&self, query: &Query<'_>, within: Duration) -> Result<Found, Lost> {
        self.search_with(query, within, Vec::new()).await
    }

    /// Searches for all entries, in pages where the server has them (RFC 2696), because servers
    /// limit how many they return at once.
    pub async fn search_all(&self, query: &Query<'_>, within: Duration) -> Result<Found, Lost> {
        let mut entries = Vec::new();
        let mut cookie = Vec::new();
        loop {
            let page = PagedResults { size: PAGE, cookie }.into();
            let mut found = self.search_with(query, within, vec![page]).await?;
            entries.append(&mut found.entries);
            let control = found.answer.controls.iter().find(|control| control.oid == PAGED_RESULTS);
            let next = control.and_then(|control| ber::page_cookie(control.value.as_deref()?));
            match next {
                Some(next) if !next.is_empty() && found.answer.code == 0 => cookie = next,
                _ => return Ok(Found { entries, answer: found.answer }),
            }
        }
    }

    async fn search_with(
        &self,
        query: &Query<'_>,
        within: Duration,
        controls: Vec<RawControl>,
    ) -> Result<Found, Lost> {
        let scope = match query.depth {
            Depth::Base => Scope::Base,
            Depth::Subtree => Scope::Subtree,
        };
        let seconds = i32::try_from(within.as_secs()).unwrap_or(i32::MAX).max(1);
        let options = SearchOptions::new()
            .deref(DerefAliases::Never)
            .sizelimit(query.at_most)
            .timelimit(seconds);
        let attributes: &[&str] =
            if query.attributes.is_empty() { &[NO_ATTRIBUTES] } else { query.attributes };
        let mut ldap = self.ldap.clone();
        if !controls.is_empty() {
            ldap.with_controls(controls);
        }
        let mut stream = ldap
            .with_search_options(options)
            .streaming_search(query.base, scope, query.filter, attributes)
            .await
            .map_err(|error| self.lost(&error))?;
        let mut entries = Vec::new();
        while let Some(entry) = stream.next().await.map_err(|error| self.lost(&error))? {
            if !entry.is_ref() && !entry.is_intermediate() {
                let entry = Entry::read(entry);
                entries.push(entry.ok_or_else(|| Lost("an entry of an odd form".to_owned()))?);
            }
        }
        Ok(Found { entries, answer: stream.finish().await.into() })
    }

    /// What the server says about itself, which is read once.
    pub async fn root_dse(&self, within: Duration) -> Result<Arc<RootDse>, Lost> {
        let read = || async {
            let query = Query {
                base: "",
                depth: Depth::Base,
                filter: "(objectClass=*)",
                attributes: &RootDse::ATTRIBUTES,
                at_most: 1,
            };
            let found = self.search(&query, within).await?;
            // A server that shows none to us has nothing to tell.
            let entry = found.entries.into_iter().next().unwrap_or_default();
            Ok::<_, Lost>(Arc::new(RootDse::new(entry)))
        };
        Ok(Arc::clone(self.root_dse.get_or_try_init(read).await?))
    }

    /// Replaces the values of an attribute by one (RFC 4511, section 4.6).
    pub async fn replace(
        &self,
        dn: &str,
        attribute: &str,
        value: Vec<u8>,
        controls: Vec<RawControl>,
    ) -> Result<Answer, Lost> {
        let change = Mod::Replace(attribute.as_bytes().to_vec(), HashSet::from([value]));
        let mut ldap = self.ldap.clone();
        if !controls.is_empty() {
            ldap.with_controls(controls);
        }
        self.answer(ldap.modify(dn, vec![change]).await)
    }

    /// Sets the password of an entry (RFC 3062).
    pub async fn modify_password(&self, dn: &str, password: &str) -> Result<Answer, Lost> {
        let request =
            PasswordModify { user_id: Some(dn), old_pass: None, new_pass: Some(password) };
        self.answer(self.ldap.clone().extended(request).await.map(|done| done.1))
    }
}
