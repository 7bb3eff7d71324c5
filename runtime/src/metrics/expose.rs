//! The text that is scraped.

use super::Metrics;
use super::family::{FAMILIES, Family, Kind, Read};
use super::ledger::Device;
use super::totals::Totals;
use crate::latencies::Latencies;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// What the names of counters end with; the encoder adds it itself.
const TOTAL: &str = "_total";

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let devices = self.ledger.read();
        let mut all = Totals::default();
        devices.values().for_each(|totals| all.add(totals));
        let whole = BTreeMap::from([(Device::from(""), all)]);
        for (index, family) in FAMILIES.iter().enumerate() {
            let metric_type = match family.kind() {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let name = family.name().strip_suffix(TOTAL).unwrap_or(family.name());
            let metric = encoder.encode_descriptor(name, family.help(), None, metric_type)?;
            let rows = if family.is_by_device() { &devices } else { &whole };
            encode(metric, index, family, rows)?;
        }
        Ok(())
    }
}

fn encode(
    mut metric: MetricEncoder<'_>,
    index: usize,
    family: &Family,
    rows: &BTreeMap<Device, Totals>,
) -> fmt::Result {
    let names: Vec<&str> = match family.read {
        Read::Counts(series) => series.iter().map(|(name, _)| *name).collect(),
        Read::Levels(series) => series.iter().map(|(name, _)| *name).collect(),
        Read::Latencies => Vec::new(),
    };
    for (device, totals) in rows {
        let mut labels: Vec<(&str, &str)> = Vec::new();
        if family.is_by_device() {
            labels.push(("device_id", device));
        }
        if family.kind() == Kind::Histogram {
            histogram(metric.encode_family(&labels)?, totals.latencies())?;
        }
        for (name, value) in names.iter().zip(totals.of(index)) {
            let mut labels = labels.clone();
            labels.extend(family.label().map(|label| (label, *name)));
            let one = |metric: &mut MetricEncoder<'_>| match family.kind() {
                Kind::Counter => metric.encode_counter::<NoLabelSet, _, u64>(value, None),
                _ => metric.encode_gauge(value),
            };
            // A set of no labels would be written as `{}`.
            if labels.is_empty() {
                one(&mut metric)?;
            } else {
                one(&mut metric.encode_family(&labels)?)?;
            }
        }
    }
    Ok(())
}

fn histogram(mut metric: MetricEncoder<'_>, latencies: &Latencies) -> fmt::Result {
    let buckets: Vec<(f64, u64)> = latencies
        .buckets()
        .map(|(most, count)| (most.map_or(f64::INFINITY, |most| most.as_secs_f64()), count))
        .collect();
    let (sum, count) = (latencies.sum().as_secs_f64(), latencies.count());
    metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}

/// The OpenMetrics text of what is registered.
pub(super) fn openmetrics(metrics: &Metrics) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(metrics.clone()));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = text::encode(&mut text, &registry);
    text
}

/// The same in the older text format: there the head of a counter has the name of its series, and nothing marks the end.
pub(super) fn prometheus(openmetrics: &str) -> String {
    let lines = openmetrics.lines().filter(|line| *line != "# EOF");
    lines.flat_map(|line| [head(line), Cow::Borrowed("\n")]).collect()
}

fn head(line: &str) -> Cow<'_, str> {
    let whole = ["# HELP ", "# TYPE "].into_iter().find_map(|start| {
        let (name, rest) = line.strip_prefix(start)?.split_once(' ')?;
        let is_counter = |family: &&Family| family.name().strip_suffix(TOTAL) == Some(name);
        let family = FAMILIES.iter().find(is_counter)?;
        Some(format!("{start}{} {rest}", family.name()))
    });
    whole.map_or(Cow::Borrowed(line), Cow::Owned)
}
