use super::ledger::Ledger;
use super::snapshot::{Snapshot, Source};
use super::*;
use crate::latencies::Latencies;
use cync_core::{State, Stats};
use std::collections::BTreeSet;
use std::time::Duration;

/// A session that counted this.
struct Counted(Stats);

impl Source for Counted {
    fn catch_up(&self) {}

    fn snapshot(&self) -> Snapshot {
        let mut latencies = Latencies::default();
        [1, 45, 45, 6_000].into_iter().for_each(|ms| latencies.record(Duration::from_millis(ms)));
        let (queued, inbox_len, remembered) = (101, 102, 103);
        Snapshot { stats: self.0, latencies, queued, inbox_len, remembered, state: State::Ready }
    }
}

/// Every count another number.
fn distinct() -> Stats {
    let mut it = Stats::default();
    (it.packets_sent, it.packets_received, it.before_greeting) = (1, 200, 3);
    (it.messages_sent, it.reached, it.nacked) = (4, 5, 6);
    (it.not_sent.timeout, it.not_sent.disconnected, it.not_sent.superseded) = (10, 20, 30);
    (it.not_sent.dropped, it.not_sent.cancelled, it.not_sent.closed) = (40, 50, 60);
    (it.unknown.timeout, it.unknown.disconnected, it.unknown.superseded) = (1, 2, 3);
    (it.unknown.cancelled, it.unknown.closed, it.unknown.expired) = (5, 6, 7);
    let again = &mut it.retransmissions;
    (again.timeout, again.refused, again.reconnected) = (7, 8, 9);
    it.attempts = [11, 12, 13, 14, 15, 16, 17, 18];
    (it.ack_timeouts, it.unmatched_answers, it.late_results) = (19, 20, 21);
    (it.acks.ok, it.acks.nack, it.acks.busy) = (22, 23, 24);
    (it.duplicates, it.dedup_evictions, it.queue_full) = (25, 26, 27);
    (it.states_dropped, it.messages_dropped) = (1_000, 2_000);
    (it.refused_busy, it.input_refusals) = (4_000, 8_000);
    let wrong = &mut it.decode_errors;
    (wrong.too_short, wrong.invalid_length, wrong.unknown_type) = (28, 29, 30);
    (wrong.invalid_checksum, wrong.missing_markers, wrong.packet_too_large) = (31, 32, 33);
    (it.framing_errors, it.heartbeats, it.heartbeats_answered) = (34, 35, 36);
    (it.greetings.succeeded, it.greetings.refused, it.greetings.timed_out) = (37, 38, 39);
    let again = &mut it.reconnections;
    (again.hangup, again.peer, again.error, again.replaced) = (40, 41, 42, 43);
    it
}

fn watch(metrics: &Metrics, device_id: &str, stats: Stats) -> (Watched, Arc<Counted>) {
    let session = Arc::new(Counted(stats));
    let number = metrics.ledger.begin(device_id, Arc::clone(&session) as _);
    (Watched { ledger: Arc::clone(&metrics.ledger), number: Some(number) }, session)
}

/// The value of one series.
#[track_caller]
fn value(metrics: &Metrics, series: &str) -> String {
    let text = metrics.encode();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}")).to_owned()
}

fn devices(text: &str) -> BTreeSet<&str> {
    let values =
        text.lines().filter_map(|line| line.split_once("{device_id=\"")?.1.split_once('"'));
    values.map(|(device, _)| device).collect()
}

#[test]
fn every_count_has_its_series() {
    let metrics = Metrics::default();
    let _watched = watch(&metrics, "lamp", distinct());
    assert_eq!(metrics.encode(), include_str!("tests.prom"));
}

#[test]
fn openmetrics_differs_in_the_heads_of_counters_and_in_its_end() {
    let metrics = Metrics::default();
    let _watched = watch(&metrics, "lamp", distinct());
    let (old, new) = (metrics.encode(), metrics.encode_openmetrics());
    assert!(new.contains("\n# TYPE tcp_comm_ack_timeout counter\n") && new.ends_with("\n# EOF\n"));
    assert!(old.contains("\n# TYPE tcp_comm_ack_timeout_total counter\n") && !old.contains("EOF"));
    let series = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(series(&old), series(&new));
}

#[test]
fn what_a_session_counted_stays_when_it_is_gone_and_its_levels_do_not() {
    let metrics = Metrics::default();
    let sum = "tcp_comm_ack_timeout_total{device_id=\"lamp\"}";
    let (queue, ready) = (
        "tcp_comm_send_queue_size{device_id=\"lamp\"}",
        "tcp_comm_connection_state{device_id=\"lamp\",state=\"ready\"}",
    );
    let (unwatched, _session) = watch(&metrics, "lamp", distinct());
    let (_watched, gone) = watch(&metrics, "lamp", distinct());
    let values = |metrics: &Metrics| [sum, queue, ready].map(|series| value(metrics, series));
    assert_eq!(values(&metrics), ["38", "202", "2"]);
    drop(unwatched);
    assert_eq!(values(&metrics), ["38", "101", "1"]);
    drop(gone);
    assert_eq!(values(&metrics), ["38", "0", "0"]);
    assert_eq!(metrics.ledger.watched(), 0, "nothing of it is kept");
    assert_eq!(value(&metrics, "tcp_comm_packet_latency_seconds_count{device_id=\"lamp\"}"), "8");
}

#[test]
fn devices_beyond_the_limit_share_a_label() {
    let metrics = Metrics::with_limit(2);
    let ids = ["a", "b", "c", "d", "a", "other"];
    let _watched = ids.map(|id| watch(&metrics, id, distinct()));
    let text = metrics.encode();
    assert_eq!(devices(&text), BTreeSet::from(["a", "b", "other"]));
    let timeouts =
        |id| value(&metrics, &format!("tcp_comm_ack_timeout_total{{device_id=\"{id}\"}}"));
    assert_eq!(["a", "b", "other"].map(timeouts), ["38", "19", "57"]);
}

#[test]
fn who_has_had_a_label_keeps_it_and_the_room_it_takes() {
    let metrics = Metrics::with_limit(1);
    drop(watch(&metrics, "a", distinct()));
    let _others = ["b", "a"].map(|id| watch(&metrics, id, distinct()));
    assert_eq!(devices(&metrics.encode()), BTreeSet::from(["a", "other"]));
    assert_eq!(value(&metrics, "tcp_comm_ack_timeout_total{device_id=\"a\"}"), "38");
}

#[test]
fn an_id_can_neither_end_its_label_nor_be_longer_than_128_bytes() {
    let metrics = Metrics::default();
    let hostile = "a\"} 1\nx{y=\"\\";
    let long = "\u{e4}".repeat(100);
    let _watched = [hostile, &long].map(|id| watch(&metrics, id, distinct()));
    let text = metrics.encode();
    assert!(text.contains("_total{device_id=\"a\\\"} 1\\nx{y=\\\"\\\\\"} 19\n"), "{text}");
    assert!(text.contains(&format!("_total{{device_id=\"{}\"}} 19\n", "\u{e4}".repeat(64))));
    assert!(text.lines().all(|line| line.starts_with('#') || line.starts_with("tcp_comm_")));
}

#[test]
fn a_session_that_is_gone_frees_its_memory_without_a_scrape() {
    let ledger = Ledger::new(1);
    for _ in 0..1_000 {
        ledger.begin("lamp", Arc::new(Counted(Stats::default())));
    }
    assert_eq!(ledger.watched(), 1);
}

#[test]
fn there_are_heads_before_there_are_devices() {
    let text = Metrics::default().encode();
    for family in &FAMILIES {
        let (name, kind) = (family.name(), family.kind().name());
        assert!(text.contains(&format!("# HELP {name} {}\n# TYPE {name} {kind}\n", family.help())));
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
    }
    assert_eq!(text.lines().count(), 2 * FAMILIES.len() + 4, "{text}");
}

#[test]
fn the_documentation_has_every_metric_as_it_is() {
    let docs = include_str!("../../../docs/metrics.md");
    let rows: Vec<&str> = docs.lines().filter(|line| line.starts_with("| `tcp_comm_")).collect();
    assert_eq!(rows.len(), FAMILIES.len());
    for (row, family) in rows.iter().zip(&FAMILIES) {
        let mark = if family.is_by_device() { " \\*" } else { "" };
        let label = family.label().map_or(String::new(), |label| {
            let values: Vec<_> = family.values().iter().map(|it| format!("`{it}`")).collect();
            format!(" `{label}`: {}", values.join(", "))
        });
        let (name, kind) = (family.name(), family.kind().name());
        let start = format!("| `{name}`{mark} | {kind} |{label} |");
        assert!(row.starts_with(&start), "{start}\n{row}");
    }
}
