//! The operations on a session.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::directory::message::{
    Control, LEFT_OUT, LdapResult, Operation, Query, oid, paged_results,
};
use crate::directory::session::Session;
use crate::directory::session::error::SessionError;
use crate::directory::session::multiplexer::Found;
use crate::directory::session::peculiarities::PolicyControl;
use crate::directory::session::root_dse::RootDse;
use crate::directory::session::tally::OperationKind;
use crate::result_code;

/// A search that finds more entries than this is given up: nobody is looking for so many.
const MOST_ENTRIES: usize = 100_000;

/// Asks what the password policy has to say (draft-behera-ldap-password-policy-11, section 6.1).
const POLICY: Control = Control { oid: oid::PASSWORD_POLICY, is_critical: false, value: None };

impl Session {
    async fn ask(
        &self,
        operation: Operation<'_>,
        controls: &[Control],
    ) -> Result<LdapResult, SessionError> {
        Ok(self.perform(&operation, controls).await?.answer)
    }

    async fn perform(
        &self,
        operation: &Operation<'_>,
        controls: &[Control],
    ) -> Result<Found, SessionError> {
        let begun = self.record.tally.begin(OperationKind::of(operation));
        let found = self.multiplexer.ask(operation, controls).await?;
        if self.record.answer_signal.is_awaited() {
            self.record.answer_signal.answered(Instant::now());
        }
        begun.answered(found.answer.code == result_code::SUCCESS);
        Ok(found)
    }

    /// Asks for what holds a secret, which the server may repeat in its words.
    async fn ask_with(
        &self,
        secret: &str,
        operation: Operation<'_>,
        controls: &[Control],
    ) -> Result<LdapResult, SessionError> {
        match self.ask(operation, controls).await {
            Ok(answer) => Ok(answer.to_secret(secret)),
            Err(SessionError::Disconnected(words)) => {
                // They are told between quotation marks, with escapes.
                let shown = format!("{secret:?}");
                let is_repeated = words.contains(shown.trim_matches('"'));
                Err(SessionError::Disconnected(if is_repeated {
                    LEFT_OUT.to_owned()
                } else {
                    words
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Binds with a name and a non-empty password (RFC 4513, section 5.1.3), and asks for what the
    /// directory's password policy has to say, unless the server takes no such question.
    pub async fn bind(&self, name: &str, password: &str) -> Result<LdapResult, SessionError> {
        let known = &self.record.peculiarities;
        let was = known.policy();
        if let PolicyControl::Refused { .. } = was {
            return self.ask_with(password, bind_as(name, password), &[]).await;
        }
        let bound = self.ask_with(password, bind_as(name, password), &[POLICY]).await;
        match &bound {
            Ok(answer) if was != PolicyControl::Taken && refuses_control(answer.code) => {
                let without = self.ask_with(password, bind_as(name, password), &[]).await?;
                if !refuses_control(without.code) {
                    known.learn_policy(PolicyControl::Refused { at: Instant::now() });
                }
                return Ok(without);
            }
            Ok(_) => known.learn_policy(PolicyControl::Taken),
            Err(error) if error.is_end() => known.learn_policy(PolicyControl::Suspected),
            Err(_) => {}
        }
        bound
    }

    /// Binds as nobody, which says nothing about any account: whether the server answers that, with
    /// the control of the password policy or without it. Before, it has to answer a search, because one
    /// that answers nothing says nothing about the control.
    pub(in crate::directory) async fn answers_bind_as_nobody(
        &self,
        with_control: bool,
    ) -> Result<bool, SessionError> {
        self.ask(Operation::Search { query: &Query::entry("", &[]), seconds: 1 }, &[]).await?;
        let controls: &[Control] = if with_control { &[POLICY] } else { &[] };
        match self.ask(bind_as("", ""), controls).await {
            Ok(answer) => Ok(!refuses_control(answer.code)),
            Err(error) if error.is_end() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Binds as whom the TLS client certificate or the local socket says (RFC 4513, section 5.2.3).
    pub async fn bind_external(&self) -> Result<LdapResult, SessionError> {
        self.ask(Operation::SaslBind { mechanism: "EXTERNAL", token: b"" }, &[]).await
    }

    /// Searches for entries (RFC 4511, section 4.5). References to other servers are not followed.
    pub async fn search(&self, query: &Query<'_>, within: Duration) -> Result<Found, SessionError> {
        self.search_with(query, within, &[]).await
    }

    /// Searches for all entries, in pages where the server has them (RFC 2696), because servers
    /// limit how many they return at once. Of pages that are refused, smaller ones are tried, and then
    /// none.
    pub async fn search_all(
        &self,
        query: &Query<'_>,
        within: Duration,
    ) -> Result<Found, SessionError> {
        let mut is_first = true;
        let mut last = None;
        for size in self.record.peculiarities.page_sizes() {
            let found = self.search_in_pages(query, within, size).await?;
            if !refuses_pages(found.answer.code) {
                if !is_first {
                    self.record.peculiarities.learn_page_size(size);
                }
                return Ok(found);
            }
            is_first = false;
            last = Some(found);
        }
        match last {
            Some(found) => Ok(found),
            None => self.search(query, within).await,
        }
    }

    async fn search_in_pages(
        &self,
        query: &Query<'_>,
        within: Duration,
        size: Option<u32>,
    ) -> Result<Found, SessionError> {
        let page = |cookie: &[u8]| size.map(|size| paged_results::page(size, cookie));
        let mut all = self.search_with(query, within, page(&[]).as_slice()).await?;
        while all.answer.code == result_code::SUCCESS
            && let Some(cookie) = paged_results::next_page(&all.answer)
        {
            if all.entries.len() > MOST_ENTRIES {
                return Err(SessionError::TOO_LARGE);
            }
            let mut next = self.search_with(query, within, page(&cookie).as_slice()).await?;
            all.entries.append(&mut next.entries);
            all.references.append(&mut next.references);
            all.has_nameless |= next.has_nameless;
            all.answer = next.answer;
        }
        Ok(all)
    }

    async fn search_with(
        &self,
        query: &Query<'_>,
        within: Duration,
        controls: &[Control],
    ) -> Result<Found, SessionError> {
        let seconds = u32::try_from(within.as_secs()).unwrap_or(u32::MAX).max(1);
        self.perform(&Operation::Search { query, seconds }, controls).await
    }

    /// What the server says about itself, which is read once; or its answer, where it said nothing.
    pub async fn root_dse(
        &self,
        within: Duration,
    ) -> Result<Result<Arc<RootDse>, LdapResult>, SessionError> {
        if let Some(known) = self.root_dse.get() {
            return Ok(Ok(Arc::clone(known)));
        }
        let found = self.search(&Query::entry("", &RootDse::ATTRIBUTES), within).await?;
        let shown = found.entries.into_iter().find(|entry| !entry.is_empty());
        let Some(entry) = shown.filter(|_| found.answer.code == result_code::SUCCESS) else {
            return Ok(Err(found.answer));
        };
        let read = Arc::new(RootDse::new(entry));
        Ok(Ok(Arc::clone(self.root_dse.get_or_init(|| async { read }).await)))
    }

    /// Replaces the values of an attribute by one (RFC 4511, section 4.6), which holds this secret.
    pub async fn replace_secret(
        &self,
        dn: &str,
        attribute: &str,
        value: &[u8],
        secret: &str,
        controls: &[Control],
    ) -> Result<LdapResult, SessionError> {
        self.ask_with(secret, Operation::Replace { dn, attribute, value }, controls).await
    }

    /// Sets the password of an entry (RFC 3062); `asks_policy` says whether to ask for what the
    /// directory's password policy has to say.
    pub async fn modify_password(
        &self,
        dn: &str,
        password: &str,
        asks_policy: bool,
    ) -> Result<LdapResult, SessionError> {
        let controls: &[Control] = if asks_policy { &[POLICY] } else { &[] };
        self.ask_with(password, Operation::ModifyPassword { dn, password }, controls).await
    }
}

fn bind_as<'a>(name: &'a str, password: &'a str) -> Operation<'a> {
    Operation::Bind { name, password }
}

/// Whether a server may have answered so because of a control.
fn refuses_control(code: u32) -> bool {
    matches!(code, result_code::PROTOCOL_ERROR | result_code::UNAVAILABLE_CRITICAL_EXTENSION)
}

fn refuses_pages(code: u32) -> bool {
    code == result_code::ADMIN_LIMIT_EXCEEDED || refuses_control(code)
}
