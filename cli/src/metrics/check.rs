//! What is wrong with a text that ought to expose the metrics.

use cync_tokio::metrics::{FAMILIES, Family, Kind};
use prometheus_parse::{LineInfo, SampleType};
use std::collections::{BTreeMap, BTreeSet};

/// What a text says of its metrics, as far as it can be read.
#[derive(Default)]
struct Exposed {
    types: BTreeMap<String, SampleType>,
    helped: BTreeSet<String>,
    samples: BTreeSet<String>,
}

/// What is wrong, a line each; nothing if all is well.
pub(super) fn problems(text: &str) -> Vec<String> {
    let (mut exposed, mut problems) = (Exposed::default(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        match LineInfo::parse(line) {
            LineInfo::Doc { metric_name, .. } => {
                exposed.helped.insert(metric_name.to_owned());
            }
            LineInfo::Type { metric_name, metric_alias, sample_type } => {
                exposed.types.insert(metric_alias.unwrap_or(metric_name), sample_type);
            }
            LineInfo::Sample { metric_name, value, .. } if value.parse::<f64>().is_ok() => {
                exposed.samples.insert(metric_name.to_owned());
            }
            LineInfo::Empty => {}
            LineInfo::Ignored if line.starts_with('#') => {}
            LineInfo::Sample { .. } | LineInfo::Ignored => {
                problems.push(format!("line {number}: not a sample: {}", line.escape_debug()));
            }
        }
    }
    // Series of a device are there from its start, so that before the first one there are none.
    let any = FAMILIES.iter().any(|family| family.is_by_device() && exposed.has_samples(family));
    problems.extend(FAMILIES.iter().filter_map(|family| exposed.problem(family, any)));
    problems
}

impl Exposed {
    /// `any` says whether there is any device.
    fn problem(&self, family: &Family, any: bool) -> Option<String> {
        let (name, kind) = (family.name(), family.kind().name());
        // The head of a counter has another name in the OpenMetrics format.
        let heads = [Some(name), name.strip_suffix("_total")];
        let head = heads.into_iter().flatten().find(|head| self.types.contains_key(*head));
        let Some(head) = head else {
            return Some(match self.has_samples(family) {
                true => format!("{name}: has no TYPE, and is a {kind}"),
                false => format!("{name}: missing"),
            });
        };
        let found = self.types.get(head).copied().unwrap_or(SampleType::Untyped);
        if found != sample_type(family.kind()) {
            return Some(format!("{name}: is a {kind}, not a {}", spelled(found)));
        }
        if !self.helped.contains(head) {
            return Some(format!("{name}: has no HELP"));
        }
        let has = self.has_samples(family) || family.is_by_device() && !any;
        (!has).then(|| format!("{name}: has no samples"))
    }

    fn has_samples(&self, family: &Family) -> bool {
        let has = |suffix: &str| self.samples.contains(&format!("{}{suffix}", family.name()));
        match family.kind() {
            Kind::Histogram => ["_bucket", "_sum", "_count"].into_iter().all(has),
            _ => has(""),
        }
    }
}

const fn sample_type(kind: Kind) -> SampleType {
    match kind {
        Kind::Counter => SampleType::Counter,
        Kind::Gauge => SampleType::Gauge,
        Kind::Histogram => SampleType::Histogram,
    }
}

const fn spelled(found: SampleType) -> &'static str {
    match found {
        SampleType::Counter => "counter",
        SampleType::Gauge => "gauge",
        SampleType::Histogram => "histogram",
        SampleType::Summary => "summary",
        SampleType::Untyped => "metric without a known type",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cync_core::Config;
    use cync_core::wire::Endpoint;
    use cync_tokio::Client;
    use cync_tokio::metrics::Metrics;

    #[test]
    fn before_the_first_device_there_are_no_series_of_one() {
        let metrics = Metrics::default();
        for text in [metrics.encode(), metrics.encode_openmetrics()] {
            assert_eq!(problems(&text), [""; 0], "{text}");
            let name = "tcp_comm_dedup_cache_size";
            let without = text.replace(&format!("\n{name} "), "\nother ");
            assert_eq!(problems(&without), [format!("{name}: has no samples")]);
        }
    }

    /// Both formats of the metrics of one session.
    fn texts() -> [String; 2] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let client = Client::new(Config::listener(Endpoint(1))).unwrap();
        let metrics = Metrics::default();
        let _watched = metrics.watch("lamp", &client);
        [metrics.encode(), metrics.encode_openmetrics()]
    }

    #[test]
    fn what_is_exposed_is_right_in_both_formats() {
        for text in texts() {
            assert_eq!(problems(&text), [""; 0], "{text}");
        }
    }

    #[test]
    fn every_metric_that_is_missing_is_named_once() {
        let missing: Vec<_> = FAMILIES.iter().map(|it| format!("{}: missing", it.name())).collect();
        assert_eq!(problems(""), missing);
    }

    #[test]
    fn what_is_wrong_with_a_metric_is_said() {
        let [text, _] = texts();
        let name = "tcp_comm_send_queue_size";
        let cases = [
            (
                format!("# TYPE {name} gauge"),
                format!("# TYPE {name} counter"),
                "is a gauge, not a counter",
            ),
            (format!("# TYPE {name} gauge\n"), String::new(), "has no TYPE, and is a gauge"),
            (format!("# HELP {name} "), format!("# {name} "), "has no HELP"),
            (format!("\n{name}{{"), "\nother{".to_owned(), "has no samples"),
        ];
        for (from, to, problem) in cases {
            assert!(text.contains(&from), "{from}");
            assert_eq!(problems(&text.replace(&from, &to)), [format!("{name}: {problem}")]);
        }
        let count = "tcp_comm_packet_latency_seconds_count";
        let problem = "tcp_comm_packet_latency_seconds: has no samples";
        assert_eq!(problems(&text.replace(count, "count")), [problem]);
        let broken = format!("{text}tcp_comm_x{{a=\"b\"}} many\n<html>\n");
        let [sample, html] = &problems(&broken)[..] else { panic!("{broken}") };
        assert!(sample.ends_with("not a sample: tcp_comm_x{a=\\\"b\\\"} many"), "{sample}");
        assert!(html.ends_with("not a sample: <html>"), "{html}");
    }
}
