//! What may be asked through one listener, and how much is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::newcomers::Newcomers;
use super::settings::ListenerTerms;
use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::observe::metrics::RequestMetrics;
use crate::observe::trouble::Trouble;
use crate::pending::{Dispatcher, Pending, Timing};
use crate::request::{Refused, Request, Whom};
use crate::verdict::{Denial, Outage, Outcome, Verdict};

/// What is decided at the last moment, as that memory stands in for a directory, is told a little later.
const PUNCTUAL: Duration = Duration::from_millis(100);

/// What the connections of one listener have in common.
#[derive(Debug)]
pub struct Front<A> {
    name: Arc<str>,
    state: watch::Sender<FrontState>,
    dispatcher: Dispatcher<A>,
    counts: Arc<ListenerCounts>,
    misuse: Trouble,
    newcomers: Newcomers,
}

/// What can change while there are connections.
#[derive(Clone, Debug)]
struct FrontState {
    terms: Arc<ListenerTerms>,
    is_closing: bool,
}

/// When a connection is to end: with its listener, or when its client may not connect any more.
#[derive(Clone, Debug)]
pub struct Closing {
    state: watch::Receiver<FrontState>,
    /// `None` for the listener itself.
    client: Option<Client>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A process of this user, if that could be found out.
    Local(Option<u32>),
    /// Whoever reaches the port.
    OfPort,
}

/// How much goes on at a listener.
#[derive(Debug, Default)]
pub struct ListenerCounts {
    /// Connections that are open.
    pub connections: AtomicUsize,
    /// Requests that are not answered yet.
    pub in_flight: AtomicUsize,
    /// Requests that came.
    pub requests: AtomicU64,
    /// Answers that came when their clients had ceased to wait.
    pub late: AtomicU64,
}

/// A request that came through a listener.
#[derive(Debug)]
pub struct ReceivedRequest {
    pending: Pending,
    by: Deadline,
    counts: Arc<ListenerCounts>,
}

impl<A> Front<A> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much goes on.
    pub fn counts(&self) -> &ListenerCounts {
        &self.counts
    }

    /// That clients break the protocol, or ask without credentials. Any process can do so as often as
    /// it likes, so that the log is not to tell of each time.
    pub fn misuse(&self) -> &Trouble {
        &self.misuse
    }

    /// The connections whose clients have not shown yet that they may ask.
    pub(super) fn newcomers(&self) -> &Newcomers {
        &self.newcomers
    }

    /// Who may ask what, now.
    pub fn terms(&self) -> Arc<ListenerTerms> {
        Arc::clone(&self.state.borrow().terms)
    }

    /// Keeps to other terms from now on, and lets the connections end whose clients may not connect
    /// by them.
    pub fn set_terms(&self, terms: ListenerTerms) {
        self.state.send_modify(|state| state.terms = Arc::new(terms));
    }

    /// Lets its connections end.
    pub fn close(&self) {
        self.state.send_modify(|state| state.is_closing = true);
    }

    /// When a connection with this client is to end.
    pub fn closing(&self, client: Client) -> Closing {
        Closing { state: self.state.subscribe(), client: Some(client) }
    }

    /// When the listener itself is to end.
    pub(super) fn ending(&self) -> Closing {
        Closing { state: self.state.subscribe(), client: None }
    }
}

impl Client {
    /// Whose process it is, if that is known.
    pub fn user(self) -> Option<u32> {
        match self {
            Self::Local(user) => user,
            Self::OfPort => None,
        }
    }
}

impl FrontState {
    fn is_over_for(&self, client: Option<Client>) -> bool {
        self.is_closing || client.is_some_and(|client| !self.terms.admit(client))
    }
}

impl Closing {
    /// Whether it is to end now.
    pub fn is_now(&self) -> bool {
        self.state.borrow().is_over_for(self.client)
    }

    /// Waits until it is to end. Cancel-safe.
    pub async fn comes(&mut self) {
        let client = self.client;
        if self.state.wait_for(|state| state.is_over_for(client)).await.is_err() {
            std::future::pending().await
        }
    }
}

impl<A: Answer> Front<A> {
    /// A listener of this name, whose requests `answerer` is asked, and counted in `metrics`.
    pub fn new(
        name: &str,
        terms: ListenerTerms,
        answerer: Arc<A>,
        metrics: RequestMetrics,
    ) -> Self {
        let name: Arc<str> = name.into();
        Self {
            dispatcher: Dispatcher::through(Arc::clone(&name), answerer, metrics),
            name,
            state: watch::Sender::new(FrontState { terms: Arc::new(terms), is_closing: false }),
            counts: Arc::default(),
            misuse: Trouble::default(),
            newcomers: Newcomers::default(),
        }
    }

    /// Waits for the password changes that nobody waits for any more.
    pub async fn settle(&self) {
        self.dispatcher.settle().await;
    }

    /// When a request must be answered that came at this moment, and whose client waits so long;
    /// `None` if it does not wait at all.
    pub fn deadline(&self, since: Instant, within: Option<Duration>) -> Deadline {
        let within = within.unwrap_or_default().min(self.terms().answer_within);
        Deadline::after(since, within)
    }

    /// Starts work on a request whose last byte was read at this moment. `closing` is that of its
    /// connection.
    pub fn begin(
        &self,
        request: Result<Request, Refused>,
        read: Instant,
        by: Deadline,
        closing: &Closing,
    ) -> ReceivedRequest {
        let timing = Timing { born: read, read };
        let pending = match request.and_then(|request| self.terms().check(request)) {
            Ok(request) if closing.is_now() => {
                let whom = Whom::Account(Arc::clone(request.account()));
                let outcome = Outage::Closing.into();
                self.dispatcher.settled(request.verb(), whom, timing, outcome)
            }
            request => self.dispatcher.begin(request, timing, by),
        };
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        self.counts.in_flight.fetch_add(1, Ordering::Relaxed);
        ReceivedRequest { pending, by, counts: Arc::clone(&self.counts) }
    }
}

impl ListenerTerms {
    /// Whether this client may be connected. Where users are named, whoever comes through a port is
    /// none of them: nobody knows whose process that is.
    pub(super) fn admit(&self, client: Client) -> bool {
        let Some(users) = &self.users else { return true };
        client.user().is_some_and(|user| users.contains(&user))
    }

    /// The request, if it may be made.
    fn check(&self, request: Request) -> Result<Request, Refused> {
        let verb = request.verb();
        let domain = request.account().domainpart();
        let is_served = |domains: &Vec<String>| domains.iter().any(|served| served == domain);
        let denial = if !self.verbs.contains(&verb) {
            Denial::NotAllowed
        } else if !self.domains.as_ref().is_none_or(is_served) {
            Denial::UnknownDomain
        } else {
            return Ok(request);
        };
        Err(Refused { verb, whom: Whom::Account(Arc::clone(request.account())), denial })
    }
}

impl ReceivedRequest {
    /// What became of it. Cancel-safe.
    pub async fn outcome(&mut self) -> Outcome {
        self.pending.outcome().await
    }

    /// It was answered so.
    pub fn tell(&mut self, outcome: &Outcome) {
        self.count_late(outcome, Instant::now() > self.by.instant() + PUNCTUAL);
        self.pending.tell(outcome);
    }

    /// Nobody waits for its answer any more, or it could not be written.
    pub fn keep(&mut self, outcome: &Outcome) {
        self.count_late(outcome, true);
        self.pending.keep(outcome);
    }

    /// That the time is up is said when it is, and no answer that came too late.
    fn count_late(&self, outcome: &Outcome, is_late: bool) {
        if is_late && outcome.verdict != Verdict::Unavailable(Outage::DeadlinePassed) {
            self.counts.late.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for ReceivedRequest {
    fn drop(&mut self) {
        self.counts.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_users_are_named_nobody_comes_through_a_port() {
        let terms = |users| ListenerTerms { users, ..ListenerTerms::default() };
        let clients = [Client::Local(Some(7)), Client::Local(None), Client::OfPort];
        let admitted = |terms: ListenerTerms| clients.map(|client| terms.admit(client));
        assert_eq!(admitted(terms(None)), [true; 3]);
        assert_eq!(admitted(terms(Some(vec![7]))), [true, false, false]);
    }
}
