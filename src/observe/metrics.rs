//! What is counted of requests, for Prometheus. Labels hold no user, and nothing that somebody else
//! than an administrator has chosen.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Audit;

use crate::lock;

/// The bounds of the histogram, in seconds: from what is remembered to the longest wait.
const BOUNDS: [f64; 14] =
    [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];

/// The label of a domain that is not served.
const OTHER: &str = "other";

/// The requests of all listeners. Clones count together.
#[derive(Clone, Debug)]
pub struct RequestMetrics {
    total: Family<Outcomes, Counter>,
    duration: Family<Durations, Histogram, fn() -> Histogram>,
    /// The domains that have a label of their own, in lower case.
    served: Arc<RwLock<HashSet<String>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcomes {
    listener: String,
    verb: &'static str,
    domain: String,
    verdict: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Durations {
    listener: String,
    verb: &'static str,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BOUNDS);
        Self {
            total: Family::default(),
            duration: Family::new_with_constructor(histogram),
            served: Arc::default(),
        }
    }
}

impl RequestMetrics {
    /// These domains, in lower case, are served from now on; all others are counted as one.
    pub fn set_served(&self, domains: HashSet<String>) {
        *lock::write(&self.served) = domains;
    }

    /// Counts a request that was answered.
    pub fn record(&self, audit: &Audit<'_>) {
        let listener = audit.listener.unwrap_or_default().to_owned();
        let verb = audit.verb.name();
        let domain = self.domain_label(audit.whom.domainpart());
        let verdict = audit.outcome.verdict;
        let (verdict, reason) = (verdict.word(), verdict.reason());
        let durations = Durations { listener: listener.clone(), verb };
        self.duration.get_or_create(&durations).observe(audit.took.as_secs_f64());
        self.total.get_or_create(&Outcomes { listener, verb, domain, verdict, reason }).inc();
    }

    fn domain_label(&self, domain: Option<&str>) -> String {
        let served = lock::read(&self.served);
        domain.filter(|domain| served.contains(*domain)).unwrap_or(OTHER).to_owned()
    }

    /// Shows them in a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("requests", "Requests that were answered", self.total.clone());
        registry.register(
            "request_duration_seconds",
            "From the last byte of a request to its answer",
            self.duration.clone(),
        );
    }
}
