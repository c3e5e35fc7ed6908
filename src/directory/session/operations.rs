//! The operations on a session.

use std::sync::Arc;
use std::time::Duration;

use crate::directory::message::{Answer, Control, Operation, Query, oid, paged_results};
use crate::directory::session::Session;
use crate::directory::session::error::SessionError;
use crate::directory::session::multiplexer::Found;
use crate::directory::session::root_dse::RootDse;
use crate::result_code;

/// A search that finds more entries than this is given up: nobody is looking for so many.
const MOST_ENTRIES: usize = 100_000;
const TOO_MANY: SessionError = SessionError::Malformed("more than 100000 entries");

impl Session {
    async fn ask(
        &self,
        operation: Operation<'_>,
        controls: &[Control],
    ) -> Result<Answer, SessionError> {
        Ok(self.multiplexer.ask(&operation, controls).await?.answer)
    }

    /// Binds with a name and a non-empty password (RFC 4513, section 5.1.3), and asks for what the
    /// directory's password policy has to say.
    pub async fn bind(&self, name: &str, password: &str) -> Result<Answer, SessionError> {
        let policy = Control { oid: oid::PASSWORD_POLICY, is_critical: false, value: None };
        self.ask(Operation::Bind { name, password }, &[policy]).await
    }

    /// Binds as whom the TLS client certificate or the local socket says (RFC 4513, section 5.2.3).
    pub async fn bind_external(&self) -> Result<Answer, SessionError> {
        self.ask(Operation::SaslBind { mechanism: "EXTERNAL", token: b"" }, &[]).await
    }

    /// Searches for entries (RFC 4511, section 4.5). References to other servers are not followed.
    pub async fn search(&self, query: &Query<'_>, within: Duration) -> Result<Found, SessionError> {
        self.search_with(query, within, &[]).await
    }

    /// Searches for all entries, in pages where the server has them (RFC 2696), because servers
    /// limit how many they return at once.
    pub async fn search_all(
        &self,
        query: &Query<'_>,
        within: Duration,
    ) -> Result<Found, SessionError> {
        let mut entries = Vec::new();
        let mut cookie = Vec::new();
        loop {
            let page = paged_results::page(&cookie);
            let mut found = self.search_with(query, within, &[page]).await?;
            entries.append(&mut found.entries);
            match paged_results::next_page(&found.answer) {
                Some(next) if found.answer.code == result_code::SUCCESS => {
                    if entries.len() > MOST_ENTRIES {
                        return Err(TOO_MANY);
                    }
                    cookie = next;
                }
                _ => return Ok(Found { entries, answer: found.answer }),
            }
        }
    }

    async fn search_with(
        &self,
        query: &Query<'_>,
        within: Duration,
        controls: &[Control],
    ) -> Result<Found, SessionError> {
        let seconds = u32::try_from(within.as_secs()).unwrap_or(u32::MAX).max(1);
        self.multiplexer.ask(&Operation::Search { query, seconds }, controls).await
    }

    /// What the server says about itself, which is read once.
    pub async fn root_dse(&self, within: Duration) -> Result<Arc<RootDse>, SessionError> {
        let read = || async {
            let query = Query::entry("", &RootDse::ATTRIBUTES);
            let found = self.search(&query, within).await?;
            // A server that shows none to us has nothing to tell.
            let entry = found.entries.into_iter().next().unwrap_or_default();
            Ok::<_, SessionError>(Arc::new(RootDse::new(entry)))
        };
        Ok(Arc::clone(self.root_dse.get_or_try_init(read).await?))
    }

    /// Replaces the values of an attribute by one (RFC 4511, section 4.6).
    pub async fn replace(
        &self,
        dn: &str,
        attribute: &str,
        value: &[u8],
        controls: &[Control],
    ) -> Result<Answer, SessionError> {
        self.ask(Operation::Replace { dn, attribute, value }, controls).await
    }

    /// Sets the password of an entry (RFC 3062).
    pub async fn modify_password(&self, dn: &str, password: &str) -> Result<Answer, SessionError> {
        self.ask(Operation::ModifyPassword { dn, password }, &[]).await
    }
}
