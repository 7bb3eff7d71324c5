use super::counts::Shelf;
use super::ledger::Ledger;
use super::*;
use cync_core::wire::{Command, Destination, Endpoint};
use cync_core::{Config, Instant, Request, Session, State, Stats};
use std::collections::BTreeSet;
use std::time::Duration;

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

/// Counts this, and levels and latencies.
fn fill(counts: &mut Counts, stats: Stats) {
    counts.stats = stats;
    (counts.queued, counts.inbox_len, counts.remembered) = (101, 102, 103);
    counts.state = State::Ready;
    let times = [1, 45, 45, 6_000].map(Duration::from_millis);
    times.into_iter().for_each(|took| counts.latencies.record(took));
}

/// What has counted this.
fn count(metrics: &Metrics, device_id: &str, stats: Stats) -> Counted {
    let mut counted = metrics.counted(device_id);
    counted.update(|counts| fill(counts, stats));
    counted
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
    let _counted = count(&metrics, "lamp", distinct());
    assert_eq!(metrics.encode(), include_str!("tests.prom"));
}

#[test]
fn openmetrics_differs_in_the_heads_of_counters_and_in_its_end() {
    let metrics = Metrics::default();
    let _counted = count(&metrics, "lamp", distinct());
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
    let ends = count(&metrics, "lamp", distinct());
    let gone = Arc::new(Shelf::default());
    let mut counts = Counts::default();
    fill(&mut counts, distinct());
    gone.put(counts);
    metrics.begin("lamp", Arc::clone(&gone) as _).until_the_end();
    let values = |metrics: &Metrics| [sum, queue, ready].map(|series| value(metrics, series));
    assert_eq!(values(&metrics), ["38", "202", "2"]);
    drop(ends);
    assert_eq!(values(&metrics), ["38", "101", "1"]);
    drop(gone);
    assert_eq!(values(&metrics), ["38", "0", "0"]);
    assert_eq!(metrics.ledger.watched(), 0, "nothing of it is kept");
    assert_eq!(value(&metrics, "tcp_comm_packet_latency_seconds_count{device_id=\"lamp\"}"), "8");
}

#[test]
fn a_session_driven_by_hand_is_seen_as_it_is_when_it_was_read() {
    let metrics = Metrics::default();
    let mut counted = metrics.counted("lamp");
    let of = |name: &str| value(&metrics, &format!("tcp_comm_{name}{{device_id=\"lamp\"}}"));
    let state = |name: &str| {
        value(
            &metrics,
            &format!("tcp_comm_connection_state{{device_id=\"lamp\",state=\"{name}\"}}"),
        )
    };
    assert_eq!([state("disconnected"), of("send_queue_size")], ["1", "0"]);

    let mut config = Config::listener(Endpoint(1));
    config.ride_through = true;
    let mut session: Session = Session::new(config, 1).unwrap();
    let to = Destination::device(1).unwrap();
    session.send(Instant::ZERO, Request::from(Command::Power { to, on: true })).unwrap();
    session.handle_connected(Instant::ZERO);
    assert_eq!([state("disconnected"), of("send_queue_size")], ["1", "0"], "it was not read");
    let took = Duration::from_millis(45);
    counted.update(|counts| {
        counts.latencies.record(took);
        counts.read(&session);
    });
    assert_eq!([state("disconnected"), state("greeting")], ["0", "1"]);
    assert_eq!([of("send_queue_size"), of("packet_latency_seconds_count")], ["1", "1"]);

    drop(counted);
    assert_eq!([state("disconnected"), state("greeting")], ["0", "0"]);
    assert_eq!([of("send_queue_size"), of("packet_latency_seconds_count")], ["0", "1"]);
    assert_eq!(metrics.ledger.watched(), 0, "nothing of it is kept");
}

#[test]
fn a_change_is_seen_whole_or_not_at_all() {
    const CHANGES: u64 = 10_000;
    let metrics = Metrics::default();
    let mut counted = metrics.counted("lamp");
    let totals = || {
        let devices = metrics.ledger.read();
        let of = |name: &str| {
            let family = FAMILIES.iter().position(|family| family.name() == name).unwrap();
            devices["lamp"].of(family)[0]
        };
        let handed_over = of("tcp_comm_retry_attempts_total");
        (handed_over, devices["lamp"].latencies().count(), of("tcp_comm_packet_sent_total"))
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..CHANGES {
                counted.update(|counts| {
                    counts.stats.attempts[0] += 1;
                    counts.latencies.record(Duration::ZERO);
                    counts.stats.packets_sent += 1;
                });
            }
        });
        loop {
            let (handed_over, reached, sent) = totals();
            assert_eq!((reached, sent), (handed_over, handed_over));
            if sent == CHANGES {
                break;
            }
        }
    });
}

#[test]
fn a_change_may_use_the_metrics_that_it_is_a_part_of() {
    let metrics = Metrics::default();
    let mut counted = count(&metrics, "lamp", distinct());
    let series = "tcp_comm_ack_timeout_total{device_id=\"lamp\"}";
    counted.update(|counts| {
        counts.stats.ack_timeouts += 1;
        assert_eq!(value(&metrics, series), "19", "it is not done");
        drop(count(&metrics, "lamp", distinct()));
    });
    assert_eq!(value(&metrics, series), "39");
}

#[test]
fn a_change_that_panics_takes_no_scrape_with_it() {
    let metrics = Metrics::default();
    let mut counted = count(&metrics, "lamp", distinct());
    let change = std::panic::AssertUnwindSafe(|| {
        counted.update(|counts| {
            counts.stats.ack_timeouts += 1;
            panic!("on purpose");
        });
    });
    assert!(std::panic::catch_unwind(change).is_err());
    assert_eq!(value(&metrics, "tcp_comm_ack_timeout_total{device_id=\"lamp\"}"), "19");
}

#[test]
fn devices_beyond_the_limit_share_a_label() {
    let metrics = Metrics::with_limit(2);
    let ids = ["a", "b", "c", "d", "a", "other"];
    let _counted = ids.map(|id| count(&metrics, id, distinct()));
    let text = metrics.encode();
    assert_eq!(devices(&text), BTreeSet::from(["a", "b", "other"]));
    let timeouts =
        |id| value(&metrics, &format!("tcp_comm_ack_timeout_total{{device_id=\"{id}\"}}"));
    assert_eq!(["a", "b", "other"].map(timeouts), ["38", "19", "57"]);
}

#[test]
fn who_has_had_a_label_keeps_it_and_the_room_it_takes() {
    let metrics = Metrics::with_limit(1);
    drop(count(&metrics, "a", distinct()));
    let _others = ["b", "a"].map(|id| count(&metrics, id, distinct()));
    assert_eq!(devices(&metrics.encode()), BTreeSet::from(["a", "other"]));
    assert_eq!(value(&metrics, "tcp_comm_ack_timeout_total{device_id=\"a\"}"), "38");
}

#[test]
fn an_id_can_neither_end_its_label_nor_be_longer_than_128_bytes() {
    let metrics = Metrics::default();
    let hostile = "a\"} 1\nx{y=\"\\";
    let long = "\u{e4}".repeat(100);
    let _counted = [hostile, &long].map(|id| count(&metrics, id, distinct()));
    let text = metrics.encode();
    assert!(text.contains("_total{device_id=\"a\\\"} 1\\nx{y=\\\"\\\\\"} 19\n"), "{text}");
    assert!(text.contains(&format!("_total{{device_id=\"{}\"}} 19\n", "\u{e4}".repeat(64))));
    assert!(text.lines().all(|line| line.starts_with('#') || line.starts_with("tcp_comm_")));
}

#[test]
fn a_session_that_is_gone_frees_its_memory_without_a_scrape() {
    let ledger = Ledger::new(1);
    for _ in 0..1_000 {
        ledger.begin("lamp", Arc::new(Shelf::default()));
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
