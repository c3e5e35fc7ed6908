//! What takes the events of this process.

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Hands over each event up to a level. There are no spans: a registry of them would be a third of what a
/// relay remembers.
#[derive(Debug)]
pub struct EachEvent<T> {
    level: LevelFilter,
    take: T,
}

impl<T: Fn(&Event<'_>) + Send + Sync + 'static> EachEvent<T> {
    /// Lets `take` take the events of this process from now on, if nothing does yet.
    pub fn begin(level: LevelFilter, take: T) {
        // A second start, as in tests, changes nothing.
        let _ = tracing::subscriber::set_global_default(Self { level, take });
    }
}

impl<T: Fn(&Event<'_>) + Send + Sync + 'static> Subscriber for EachEvent<T> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.is_span() && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        (self.take)(event);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
