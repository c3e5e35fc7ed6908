//! How families of metrics are written.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The labels of what there is once.
pub(super) const NONE: [(&str, &str); 0] = [];

/// Writes families of metrics.
pub(super) struct Families<'a>(pub(super) DescriptorEncoder<'a>);

impl Families<'_> {
    fn family<L: EncodeLabelSet>(
        &mut self,
        (name, help): (&str, &str),
        kind: MetricType,
        metrics: impl Iterator<Item = (L, impl EncodeMetric)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, metric) in metrics {
            metric.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    pub(super) fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, i64)>,
    ) -> fmt::Result {
        let metrics = values.into_iter().map(|(labels, value)| (labels, ConstGauge::new(value)));
        self.family((name, help), MetricType::Gauge, metrics)
    }

    pub(super) fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let metrics = values.into_iter().map(|(labels, value)| (labels, ConstCounter::new(value)));
        self.family((name, help), MetricType::Counter, metrics)
    }

    pub(super) fn seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let metrics = std::iter::once((NONE, ConstCounter::new(value)));
        self.family((name, help), MetricType::Counter, metrics)
    }
}

/// A number of things, which is never so large.
pub(super) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
