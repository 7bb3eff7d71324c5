//! `cync toggle --wire lab --metrics-port`: what is scraped of it, count by count.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;
mod laboratory;
mod peer;
mod scrape;

use command::Running;
use laboratory::{peers, request};
use peer::{Device, read_to_the_end, start_toggle, unused_port};
use prometheus_parse::Value;
use scrape::{Scraped, port, read_to};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::TcpStream;

/// An answer as a laboratory's device gives it.
const ANSWER: &[u8] = b"\xf0\x0d\x01\0\0\0\x02{}";

/// Starts a run against this port; returns it and the port of its metrics. However busy the machine is, it connects in time.
fn toggle(device: &str, args: &str) -> (Running, String) {
    let served = ["--metrics-port", "0", "--metrics-linger", "60"];
    let base = [&["--wire", "lab", "--connect-timeout", "60s"], &served[..]].concat();
    let args: Vec<_> = base.into_iter().chain(args.split_whitespace()).collect();
    let mut running = start_toggle(device, &args);
    let metrics = port(&running.line());
    (running, metrics)
}

/// What is scraped of a run when it is over.
fn end(device: &str, args: &str) -> Scraped {
    let (mut running, metrics) = toggle(device, args);
    read_to(&mut running, "latency ");
    let scraped = Scraped::of(&metrics);
    running.kill();
    scraped
}

/// Every series that is not 0, by its name and its label beside the device.
fn counts(scraped: &Scraped) -> BTreeMap<String, u64> {
    let counts = scraped.scrape.samples.iter().filter_map(|sample| {
        let (Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value)) = sample.value
        else {
            return None;
        };
        let name = sample.metric.strip_prefix("tcp_comm_").unwrap();
        let labels = sample.labels.iter().filter(|(label, _)| *label != "device_id");
        let labels: String = labels.map(|(_, value)| format!(" {value}")).collect();
        let is_count = value > 0.0 && !name.ends_with("_sum");
        is_count.then(|| (format!("{name}{labels}"), value as u64))
    });
    counts.collect()
}

fn map<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

/// What always holds of metrics, of which one message at most is under way.
#[track_caller]
fn adds_up(scraped: &Scraped) {
    let of = |name: &str, label| scraped.value(&format!("tcp_comm_{name}"), label);
    let first = of("retry_attempts_total", Some(("attempt_number", "1")));
    let reached = of("packet_latency_seconds_count", None);
    let not_sent = of("packet_sent_total", Some(("outcome", "not_sent")));
    let ended = reached + scraped.sum("tcp_comm_message_abandoned_total") - not_sent;
    assert!((ended..=ended + 1).contains(&first), "{first} handed over, {ended} ended");
    let again = scraped.sum("tcp_comm_packet_retransmit_total");
    assert_eq!(scraped.sum("tcp_comm_retry_attempts_total"), first + again);
    assert_eq!(of("packet_sent_total", Some(("outcome", "success"))), first + again);
}

#[test]
fn every_answer_counts_with_its_latency() {
    let device = Device::start(&["--wire", "lab"]);
    let scraped = end(&device.port, "--count 3 --io-timeout 60s");
    let expected = map([
        ("ack_received_total success", 3),
        ("packet_latency_seconds_count", 3),
        ("packet_recv_total success", 3),
        ("packet_sent_total success", 3),
        ("retry_attempts_total 1", 3),
    ]);
    assert_eq!(counts(&scraped), expected);
    assert_eq!(scraped.devices(), BTreeSet::from(["127.0.0.1"]));
}

#[test]
fn what_a_device_never_answers_is_given_up_after_its_last_copy() {
    let device = Device::start(&["--wire", "lab", "--mode", "timeout"]);
    let scraped = end(&device.port, "--device-id lamp --io-timeout 200ms --max-attempts 3");
    let expected = map([
        ("ack_timeout_total", 3),
        ("message_abandoned_total timeout", 1),
        ("packet_retransmit_total timeout", 2),
        ("packet_sent_total success", 3),
        ("reconnection_total hangup", 2),
        ("retry_attempts_total 1", 1),
        ("retry_attempts_total 2", 1),
        ("retry_attempts_total 3", 1),
    ]);
    assert_eq!(counts(&scraped), expected);
    assert_eq!(scraped.devices(), BTreeSet::from(["lamp"]));
}

#[test]
fn what_a_device_closes_the_connection_on_is_repeated_for_that() {
    let device = Device::start(&["--wire", "lab", "--mode", "disconnect"]);
    let expected = map([
        ("message_abandoned_total disconnected", 1),
        ("packet_retransmit_total reconnected", 1),
        ("packet_sent_total success", 2),
        ("reconnection_total peer", 1),
        ("retry_attempts_total 1", 1),
        ("retry_attempts_total 2", 1),
    ]);
    assert_eq!(counts(&end(&device.port, "--io-timeout 60s")), expected);
}

#[test]
fn an_answer_to_the_second_copy_took_as_long_as_both() {
    let port = peers(|number, mut stream| {
        request(&mut stream);
        if number > 1 {
            stream.write_all(ANSWER).unwrap();
        }
        read_to_the_end(&stream);
    });
    let scraped = end(&port, "--io-timeout 5s");
    let expected = map([
        ("ack_received_total success", 1),
        ("ack_timeout_total", 1),
        ("packet_latency_seconds_count", 1),
        ("packet_recv_total success", 1),
        ("packet_retransmit_total timeout", 1),
        ("packet_sent_total success", 2),
        ("reconnection_total hangup", 1),
        ("retry_attempts_total 1", 1),
        ("retry_attempts_total 2", 1),
    ]);
    assert_eq!(counts(&scraped), expected);
    // The first copy's time, and the wait of 250 ms or more.
    assert_eq!((scraped.within(5.0), scraped.within(f64::INFINITY)), (0, 1));
}

#[test]
fn what_found_no_connection_was_not_sent() {
    let expected =
        map([("message_abandoned_total disconnected", 2), ("packet_sent_total not_sent", 2)]);
    assert_eq!(counts(&end(&unused_port(), "--count 2 --max-attempts 1")), expected);
}

#[test]
fn an_answer_that_is_no_frame_is_success_and_a_decode_error() {
    let answers: [&[u8]; 5] =
        [b"whatever", b"\xf0\x0d\x02\0\0\0\0", b"\xf0\x0d\x01\xff\xff\xff\xff", b"\xf0", ANSWER];
    let port = peers(move |number, mut stream| {
        request(&mut stream);
        stream.write_all(answers[number as usize - 1]).unwrap();
        read_to_the_end(&stream);
    });
    let expected = map([
        ("ack_received_total success", 5),
        ("decode_errors_total packet_too_large", 1),
        ("decode_errors_total unknown_type", 2),
        ("packet_latency_seconds_count", 5),
        ("packet_recv_total decode_error", 3),
        ("packet_recv_total success", 2),
        ("packet_sent_total success", 5),
        ("retry_attempts_total 1", 5),
    ]);
    assert_eq!(counts(&end(&port, "--count 5 --io-timeout 60s")), expected);
}

#[test]
fn what_always_holds_holds_while_everything_happens() {
    const COUNT: u64 = 5;
    let port = peers(|number, mut stream: TcpStream| {
        request(&mut stream);
        match number {
            5 => return,
            1 | 2 => stream.write_all(ANSWER).unwrap(),
            3 => stream.write_all(b"whatever").unwrap(),
            _ => {}
        }
        read_to_the_end(&stream);
    });
    let (mut running, metrics) =
        toggle(&port, &format!("--count {COUNT} --io-timeout 5s --max-attempts 1"));
    for _ in 0..COUNT {
        running.line();
        adds_up(&Scraped::of(&metrics));
    }
    read_to(&mut running, "latency ");
    let scraped = Scraped::of(&metrics);
    adds_up(&scraped);
    running.kill();
    let expected = map([
        ("ack_received_total success", 3),
        ("ack_timeout_total", 1),
        ("decode_errors_total unknown_type", 1),
        ("message_abandoned_total disconnected", 1),
        ("message_abandoned_total timeout", 1),
        ("packet_latency_seconds_count", 3),
        ("packet_recv_total decode_error", 1),
        ("packet_recv_total success", 2),
        ("packet_sent_total success", 5),
        ("retry_attempts_total 1", 5),
    ]);
    assert_eq!(counts(&scraped), expected);
}

#[test]
#[cfg(unix)]
fn what_is_under_way_is_seen_until_an_interrupt_ends_it() {
    let (heard, hears) = std::sync::mpsc::channel();
    let port = peers(move |_, mut stream| {
        request(&mut stream);
        heard.send(()).unwrap();
        read_to_the_end(&stream);
    });
    let (running, metrics) = toggle(&port, "--io-timeout 1h --count 3");
    hears.recv().unwrap();
    let scraped = Scraped::of(&metrics);
    adds_up(&scraped);
    let expected = map([
        ("connection_state ready", 1),
        ("packet_sent_total success", 1),
        ("retry_attempts_total 1", 1),
    ]);
    assert_eq!(counts(&scraped), expected);
    running.interrupt();
    let run = running.finish();
    assert_eq!((run.code, run.summary("interrupted")), (Some(130), "1 (it may be executed)"));
}
