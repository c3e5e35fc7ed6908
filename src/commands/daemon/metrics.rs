//! The metrics of a daemon, as Prometheus reads them: what there is to say at the moment.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;

use super::families::{Families, NONE, number};
use super::process;
use crate::directory::facts::{DirectoryFacts, ServerFacts};
use crate::listen::metrics::MetricsFormat;
use crate::observe::metrics::RequestMetrics;

/// What all names begin with but those of the process.
const PREFIX: &str = "xmpp_ldap_auth";

/// How often there was each of three things.
type LabelledCounts = [(&'static str, u64); 3];

/// What there is to say at the moment, besides requests that were answered.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Each listener, its connections, and its requests that are not answered yet.
    pub(super) listeners: Vec<(String, usize, usize)>,
    pub(super) late_answers: u64,
    pub(super) directories: Vec<(String, DirectoryFacts)>,
    pub(super) guard_refusals: Option<LabelledCounts>,
    /// Some cache, which may be one of several of its kind, and what became of look-ups in it.
    pub(super) lookups: Vec<(&'static str, LabelledCounts)>,
    pub(super) is_reloaded: bool,
    pub(super) log_lines_lost: u64,
}

impl Snapshot {
    /// All of it, and `requests`.
    pub(super) fn written(self, requests: &RequestMetrics, format: MetricsFormat) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::Usage));
        let own = registry.sub_registry_with_prefix(PREFIX);
        requests.register(own);
        own.register_collector(Box::new(self));
        let mut written = String::new();
        let result = match format {
            MetricsFormat::OpenMetrics => text::encode(&mut written, &registry),
            MetricsFormat::Text => prometheus_text::encode(&mut written, &registry),
        };
        if let Err(error) = result {
            tracing::error!(%error, "the metrics cannot be written");
        }
        written
    }

    fn servers(&self) -> impl Iterator<Item = (&String, &ServerFacts)> {
        self.directories
            .iter()
            .flat_map(|(name, facts)| facts.servers.iter().map(move |server| (name, server)))
    }
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Families(encoder);
        to.gauges(
            "build_info",
            "The version that runs",
            [([("version", env!("CARGO_PKG_VERSION"))], 1)],
        )?;
        let listeners = self.listeners.iter();
        to.gauges(
            "connections",
            "Connections that are open",
            listeners.clone().map(|(name, open, _)| ([("listener", name)], number(*open))),
        )?;
        to.gauges(
            "requests_in_flight",
            "Requests that are not answered yet",
            listeners.map(|(name, _, in_flight)| ([("listener", name)], number(*in_flight))),
        )?;
        to.counters(
            "late_answers",
            "Answers that came when their clients had ceased to wait",
            [(NONE, self.late_answers)],
        )?;
        self.encode_directories(&mut to)?;
        to.counters(
            "guard_refusals",
            "How often the lock-out guard stepped in",
            self.guard_refusals.iter().flatten().map(|(kind, count)| ([("kind", *kind)], *count)),
        )?;
        let mut lookups = BTreeMap::new();
        for (cache, counts) in &self.lookups {
            for (result, count) in counts {
                *lookups.entry([("cache", *cache), ("result", *result)]).or_default() += count;
            }
        }
        to.counters("cache", "Look-ups in what is remembered", lookups)?;
        to.gauges(
            "reload_success",
            "Whether the configuration that was read last is in use",
            [(NONE, i64::from(self.is_reloaded))],
        )?;
        to.counters(
            "log_lines_lost",
            "Lines of the log that nobody took in time",
            [(NONE, self.log_lines_lost)],
        )
    }
}

impl Snapshot {
    fn encode_directories(&self, to: &mut Families<'_>) -> fmt::Result {
        let labels = |name, server: &ServerFacts| {
            let [directory, server]: [&str; 2] = [name, &server.name];
            [("directory", directory.to_owned()), ("server", server.to_owned())]
        };
        to.gauges(
            "directory_up",
            "Whether a server is asked",
            self.servers().map(|(name, server)| (labels(name, server), i64::from(server.is_up))),
        )?;
        let operations = self.servers().flat_map(|(name, server)| {
            server.operations.iter().map(move |(operation, result, count)| {
                let which = [("operation", *operation), ("result", *result)];
                ((labels(name, server), which), *count)
            })
        });
        to.counters("directory_operations", "Operations on a server, by their ends", operations)?;
        let expiries = self.servers().filter_map(|(name, server)| {
            let at = server.certificate_expires?.duration_since(std::time::UNIX_EPOCH).ok()?;
            Some((labels(name, server), i64::try_from(at.as_secs()).ok()?))
        });
        to.gauges(
            "certificate_expiry_timestamp_seconds",
            "When the certificate expires that a server showed last",
            expiries,
        )?;
        let sessions = self.directories.iter().flat_map(|(name, facts)| {
            let labels = move |state| [("directory", name.as_str()), ("state", state)];
            let sessions = facts.sessions;
            [(labels("busy"), number(sessions.busy)), (labels("idle"), number(sessions.idle))]
        });
        to.gauges("pool_connections", "Connections to a directory that are open", sessions)
    }
}
