//! The metrics that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every metric, and its labels.
const SPECIFIED: [(&str, &[&str]); 21] = [
    ("tcp_comm_packet_sent_total", &["device_id", "outcome"]),
    ("tcp_comm_packet_recv_total", &["device_id", "outcome"]),
    ("tcp_comm_packet_latency_seconds", &["device_id"]),
    ("tcp_comm_packet_retransmit_total", &["device_id", "reason"]),
    ("tcp_comm_decode_errors_total", &["device_id", "reason"]),
    ("tcp_comm_ack_received_total", &["device_id", "outcome"]),
    ("tcp_comm_ack_timeout_total", &["device_id"]),
    ("tcp_comm_idempotent_drop_total", &["device_id"]),
    ("tcp_comm_send_queue_size", &["device_id"]),
    ("tcp_comm_recv_queue_size", &["device_id"]),
    ("tcp_comm_queue_full_total", &["device_id", "queue_type"]),
    ("tcp_comm_retry_attempts_total", &["device_id", "attempt_number"]),
    ("tcp_comm_message_abandoned_total", &["device_id", "reason"]),
    ("tcp_comm_dedup_cache_size", &[]),
    ("tcp_comm_dedup_cache_hits_total", &[]),
    ("tcp_comm_dedup_cache_evictions_total", &[]),
    ("tcp_comm_connection_state", &["device_id", "state"]),
    ("tcp_comm_handshake_total", &["device_id", "outcome"]),
    ("tcp_comm_reconnection_total", &["device_id", "reason"]),
    ("tcp_comm_heartbeat_total", &["device_id", "outcome"]),
    ("tcp_comm_framing_errors_total", &["reason"]),
];

/// What the series of a histogram add to its name.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The values that a label has; `None` if any is possible, or not known.
type Values = Option<BTreeSet<String>>;

/// Metrics with their labels, and names of recorded expressions.
#[derive(Default)]
pub(crate) struct Metrics {
    exposed: BTreeMap<String, BTreeMap<String, Values>>,
    recorded: BTreeSet<String>,
}

impl Metrics {
    /// What `docs/metrics.md` lists, which has values of labels, too; without it what is specified.
    pub(crate) fn of_the_project() -> Self {
        let specified = Self::specified();
        let Ok(page) = fs::read_to_string(root().join("docs/metrics.md")) else { return specified };
        let documented = Self::documented(&page);
        let labels = |all: &Self| -> Vec<(String, Vec<String>)> {
            let sorted = |labels: &BTreeMap<String, Values>| labels.keys().cloned().collect();
            all.exposed.iter().map(|(name, labels)| (name.clone(), sorted(labels))).collect()
        };
        assert_eq!(labels(&documented), labels(&specified), "docs/metrics.md");
        documented
    }

    fn specified() -> Self {
        let labels =
            |labels: &[&str]| labels.iter().map(|label| ((*label).to_owned(), None)).collect();
        let all = SPECIFIED.iter().map(|(name, of)| ((*name).to_owned(), labels(of)));
        Self { exposed: all.collect(), ..Self::default() }
    }

    /// Rows such as ``| `tcp_comm_x_total` \* | counter | `outcome`: `success`, `not_sent` | ..``; a star is `device_id`.
    fn documented(page: &str) -> Self {
        let rows = page.lines().filter(|line| line.starts_with("| `tcp_comm_"));
        let exposed = rows.map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let quoted = |cell: &str| -> Vec<String> {
                cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
            };
            let mut labels = BTreeMap::new();
            if cells[1].contains('*') {
                labels.insert("device_id".to_owned(), None);
            }
            if let [label, values @ ..] = quoted(cells[3]).as_slice() {
                labels.insert(label.clone(), Some(values.iter().cloned().collect()));
            }
            (quoted(cells[1]).swap_remove(0), labels)
        });
        Self { exposed: exposed.collect(), ..Self::default() }
    }

    pub(crate) fn record(&mut self, name: &str) {
        self.recorded.insert(name.to_owned());
    }

    pub(crate) fn is_recorded(&self, name: &str) -> bool {
        self.recorded.contains(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.exposed.keys().map(String::as_str)
    }

    /// The metric that a series belongs to.
    pub(crate) fn of_series(&self, series: &str) -> Option<(&str, &BTreeMap<String, Values>)> {
        let histogram = PARTS.iter().find_map(|part| series.strip_suffix(part));
        let histogram = histogram.filter(|name| name.ends_with("_seconds"));
        let name = histogram.unwrap_or(series);
        // A histogram has no series of its own name.
        if histogram.is_none() && name.ends_with("_seconds") {
            return None;
        }
        self.exposed.get_key_value(name).map(|(name, labels)| (name.as_str(), labels))
    }
}

#[test]
fn the_page_of_metrics_is_understood() {
    let page = "\
| metric | type | label: values | meaning | from |
|---|---|---|---|---|
| `tcp_comm_a_total` \\* | counter | `outcome`: `success`, `8+` | so | `a`; `b` |
| `tcp_comm_b` | gauge | | so | `c` |";
    let metrics = Metrics::documented(page);
    let (_, labels) = metrics.of_series("tcp_comm_a_total").unwrap();
    let values: BTreeSet<_> = ["success", "8+"].map(str::to_owned).into();
    let expected = [("device_id".to_owned(), None), ("outcome".to_owned(), Some(values))];
    assert_eq!(labels, &BTreeMap::from(expected));
    assert!(metrics.of_series("tcp_comm_b").unwrap().1.is_empty());
    assert_eq!(metrics.names().count(), 2);
}
