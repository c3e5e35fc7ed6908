//! What may be asked through one listener, and how much is.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::settings::Terms;
use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::observe::metrics::RequestMetrics;
use crate::observe::trouble::Trouble;
use crate::pending::{Pending, Requests, Timing};
use crate::request::{Refused, Request, Whom};
use crate::verdict::{Denial, Outage, Outcome};

/// What the connections of one listener have in common.
#[derive(Debug)]
pub struct Front<A> {
    name: Arc<str>,
    terms: RwLock<Arc<Terms>>,
    requests: Requests<A>,
    counts: Arc<Counts>,
    closing: watch::Sender<bool>,
    misuse: Trouble,
}

/// How much goes on at a listener.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections that are open.
    pub connections: AtomicUsize,
    /// Requests that are not answered yet.
    pub in_flight: AtomicUsize,
    /// Requests that came.
    pub requests: AtomicU64,
    /// Answers that were given when their clients had ceased to wait.
    pub late: AtomicU64,
}

/// A request that came through a listener.
#[derive(Debug)]
pub struct Received {
    pending: Pending,
    by: Deadline,
    counts: Arc<Counts>,
}

impl<A> Front<A> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much goes on.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// That clients break the protocol, or ask without credentials. Any process can do so as often as
    /// it likes, so that the log is not to tell of each time.
    pub fn misuse(&self) -> &Trouble {
        &self.misuse
    }

    /// Who may ask what, now.
    pub fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps to other terms from now on.
    pub fn set_terms(&self, terms: Terms) {
        *self.terms.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(terms);
    }

    /// Lets its connections end.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Becomes true when connections are to end.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }
}

impl<A: Answer> Front<A> {
    /// A listener of this name, whose requests `answerer` is asked, and counted in `metrics`.
    pub fn new(name: &str, terms: Terms, answerer: Arc<A>, metrics: RequestMetrics) -> Self {
        let name: Arc<str> = name.into();
        Self {
            requests: Requests::through(Arc::clone(&name), answerer, metrics),
            name,
            terms: RwLock::new(Arc::new(terms)),
            counts: Arc::default(),
            closing: watch::Sender::new(false),
            misuse: Trouble::default(),
        }
    }

    /// Waits for the password changes that nobody waits for any more.
    pub async fn settle(&self) {
        self.requests.settle().await;
    }

    /// Starts work on a request whose last byte was read at this moment, and whose client waits so
    /// long; `None` if it does not wait at all.
    pub fn begin(
        &self,
        request: Result<Request, Refused>,
        within: Option<Duration>,
        read: Instant,
    ) -> Received {
        let terms = self.terms();
        let timing = Timing { born: read, read };
        let by = Deadline::after(read, within.unwrap_or_default().min(terms.answer_within));
        let pending = match request.and_then(|request| terms.check(request)) {
            Ok(request) if *self.closing.borrow() => {
                self.settled(&request, timing, Outage::Closing.into())
            }
            Ok(request) if within.is_none() => {
                self.settled(&request, timing, Outage::DeadlinePassed.into())
            }
            request => self.requests.begin(request, timing, by),
        };
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        self.counts.in_flight.fetch_add(1, Ordering::Relaxed);
        Received { pending, by, counts: Arc::clone(&self.counts) }
    }

    fn settled(&self, request: &Request, timing: Timing, outcome: Outcome) -> Pending {
        let whom = Whom::Account(Arc::clone(request.account()));
        self.requests.settled(request.verb(), whom, timing, outcome)
    }
}

impl Terms {
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

impl Received {
    /// What became of it. Cancel-safe.
    pub async fn outcome(&mut self) -> Outcome {
        self.pending.outcome().await
    }

    /// It is answered so now.
    pub fn tell(&mut self, outcome: &Outcome) {
        if Instant::now() > self.by.instant() {
            self.counts.late.fetch_add(1, Ordering::Relaxed);
        }
        self.pending.tell(outcome);
    }

    /// Nobody waits for its answer any more.
    pub fn keep(&mut self, outcome: &Outcome) {
        self.pending.keep(outcome);
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.counts.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
