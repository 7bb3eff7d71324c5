//! Metrics: what can be scraped of a run, against what the run says itself; and `cync metrics`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;
mod peer;
mod scrape;

use command::{Running, cync};
use cync_core::wire::{Endpoint, Login, LoginAck, MAX_PACKET, Packet, Secret, StatusCode};
use peer::{Talk, unused_port};
use prometheus_parse::{LineInfo, Value};
use scrape::{Scraped, answer, get, port, read_to, said_all, toggle};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// The metrics as they were specified: name, type, labels.
const SPECIFIED: [(&str, &str, &[&str]); 21] = [
    ("tcp_comm_packet_sent_total", "counter", &["device_id", "outcome"]),
    ("tcp_comm_packet_recv_total", "counter", &["device_id", "outcome"]),
    ("tcp_comm_packet_latency_seconds", "histogram", &["device_id"]),
    ("tcp_comm_packet_retransmit_total", "counter", &["device_id", "reason"]),
    ("tcp_comm_decode_errors_total", "counter", &["device_id", "reason"]),
    ("tcp_comm_ack_received_total", "counter", &["device_id", "outcome"]),
    ("tcp_comm_ack_timeout_total", "counter", &["device_id"]),
    ("tcp_comm_idempotent_drop_total", "counter", &["device_id"]),
    ("tcp_comm_send_queue_size", "gauge", &["device_id"]),
    ("tcp_comm_recv_queue_size", "gauge", &["device_id"]),
    ("tcp_comm_queue_full_total", "counter", &["device_id", "queue_type"]),
    ("tcp_comm_retry_attempts_total", "counter", &["attempt_number", "device_id"]),
    ("tcp_comm_message_abandoned_total", "counter", &["device_id", "reason"]),
    ("tcp_comm_dedup_cache_size", "gauge", &[]),
    ("tcp_comm_dedup_cache_hits_total", "counter", &[]),
    ("tcp_comm_dedup_cache_evictions_total", "counter", &[]),
    ("tcp_comm_connection_state", "gauge", &["device_id", "state"]),
    ("tcp_comm_handshake_total", "counter", &["device_id", "outcome"]),
    ("tcp_comm_reconnection_total", "counter", &["device_id", "reason"]),
    ("tcp_comm_heartbeat_total", "counter", &["device_id", "outcome"]),
    ("tcp_comm_framing_errors_total", "counter", &["reason"]),
];

#[test]
fn what_was_scraped_of_a_bad_link_is_what_the_summary_says() {
    let args =
        ["--count", "100", "--seed", "5", "--device-id", "kitchen", "--metrics-linger", "60"];
    let (mut running, port) = toggle(&args);
    for _ in 0..30 {
        running.line();
    }
    let half = Scraped::of(&port);
    read_to(&mut running, "seed ");
    let end = Scraped::of(&port);
    let run = said_all(running);
    let summary = |name: &str| run.summary(name).parse::<u64>().unwrap();

    // Nothing goes back, and what was said in the middle was so.
    let (before, after) = (half.counters(), end.counters());
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert!(before.iter().all(|(series, value)| after[series] >= *value));
    let done = half.value("tcp_comm_packet_latency_seconds_count", None);
    assert!((30..100).contains(&done), "{done}");
    assert_eq!(half.value("tcp_comm_connection_state", Some(("state", "ready"))), 1);

    let attempts =
        |number| end.value("tcp_comm_retry_attempts_total", Some(("attempt_number", number)));
    let reached = end.value("tcp_comm_packet_latency_seconds_count", None);
    assert_eq!(attempts("1"), summary("asked"));
    assert_eq!(reached, summary("acknowledged"));
    assert_eq!(end.sum("tcp_comm_message_abandoned_total"), summary("failed"));
    let again = summary("re-transmissions");
    assert!(again > 20, "{run:?}");
    assert_eq!(end.sum("tcp_comm_packet_retransmit_total"), again);
    assert_eq!(end.value("tcp_comm_packet_retransmit_total", Some(("reason", "timeout"))), again);
    assert_eq!(end.sum("tcp_comm_retry_attempts_total"), 100 + again);
    assert_eq!(end.value("tcp_comm_ack_timeout_total", None), again);
    assert_eq!(end.value("tcp_comm_handshake_total", Some(("outcome", "success"))), 1);
    for quiet in ["decode_errors", "queue_full", "reconnection", "framing_errors"] {
        assert_eq!(end.sum(&format!("tcp_comm_{quiet}_total")), 0, "{quiet}");
    }
    // Answers: one at least for each that was acknowledged, and the results of the same.
    let acked = end.value("tcp_comm_ack_received_total", Some(("outcome", "success")));
    assert!(acked >= summary("acknowledged"), "{acked}");
    assert_eq!(end.value("tcp_comm_ack_received_total", Some(("outcome", "nack"))), 0);
    let hits = end.value("tcp_comm_dedup_cache_hits_total", None);
    assert_eq!(end.value("tcp_comm_idempotent_drop_total", None), hits);

    // Each direction: what one side counted is what the link took or gave, but for the greeting, which it does not touch, and
    // for what was on its way at the end.
    let counts = |name: &str| -> Vec<u64> {
        let words = run.summary(name).split([' ', ',']);
        words.filter_map(|word| word.parse().ok()).collect()
    };
    let ([to, ..], [from, lost, twice, ..]) =
        (&counts("to device")[..], &counts("from device")[..])
    else {
        panic!("{run:?}")
    };
    let (sent, received) = (
        end.value("tcp_comm_packet_sent_total", Some(("outcome", "success"))),
        end.value("tcp_comm_packet_recv_total", Some(("outcome", "success"))),
    );
    assert!((*to + 1..=*to + 8).contains(&sent), "{sent} of {to}");
    let given = from - lost + twice + 1;
    assert!((given - 8..=given).contains(&received), "{received} of {given}");
    assert_eq!(end.sum("tcp_comm_packet_sent_total"), sent);
    assert_eq!(end.sum("tcp_comm_packet_recv_total"), received);

    // Half of the latencies are below the median, and all but one in a hundred below the 99th percentile.
    let percentile = |name: &str| {
        let text = run.summary("latency").split(", ").find_map(|it| it.strip_prefix(name)).unwrap();
        text.trim().strip_suffix(" ms").unwrap().parse::<f64>().unwrap() / 1000.0
    };
    assert!(end.within(percentile("p50")) >= reached / 2);
    assert!(end.within(percentile("p99")) >= reached * 99 / 100);
    assert_eq!(end.within(f64::INFINITY), reached);
    assert_eq!(end.devices(), BTreeSet::from(["kitchen"]));
}

#[test]
fn every_specified_metric_is_there_with_its_type_and_its_labels() {
    let (mut running, port) = toggle(&["--count", "1", "--seed", "1", "--metrics-linger", "60"]);
    read_to(&mut running, "seed ");
    let scraped = Scraped::of(&port);
    let mut types = BTreeMap::new();
    for line in scraped.text.lines() {
        match LineInfo::parse(line) {
            LineInfo::Type { metric_name, metric_alias, .. } => {
                let kind = line.rsplit(' ').next().unwrap().to_owned();
                types.insert(metric_alias.unwrap_or(metric_name), kind);
            }
            LineInfo::Ignored => panic!("{line}"),
            _ => {}
        }
    }
    assert_eq!(types.len(), SPECIFIED.len(), "{types:?}");
    for (name, kind, labels) in SPECIFIED {
        assert_eq!(types.get(name).map(String::as_str), Some(kind), "{name}");
        assert!(scraped.scrape.docs.contains_key(name), "{name} has no help");
        let mut samples = scraped.samples(name).peekable();
        assert!(samples.peek().is_some(), "{name} has no samples");
        for sample in samples {
            let found: BTreeSet<&str> = sample.labels.keys().map(String::as_str).collect();
            assert_eq!(found, labels.iter().copied().collect(), "{name}");
        }
    }
    let url = format!("http://127.0.0.1:{port}/metrics");
    let check = cync(&["metrics", "--check", &url], b"");
    assert_eq!(
        (check.code, &*check.stdout),
        (Some(0), "ok: all 21 metrics are there\n"),
        "{check:?}"
    );
    let listed = cync(&["metrics"], b"");
    for (line, (name, kind, _)) in listed.stdout.lines().zip(SPECIFIED) {
        assert!(line.starts_with(&format!("{name} {kind} {{")), "{line}");
    }
    assert_eq!(listed.stdout.lines().count(), SPECIFIED.len());
    said_all(running);
}

#[test]
fn what_cannot_be_answered_is_refused_and_what_can_still_is() {
    let (mut running, port) = toggle(&["--count", "1", "--seed", "1", "--metrics-linger", "60"]);
    read_to(&mut running, "seed ");
    // Who says nothing keeps nobody waiting.
    let silent: Vec<_> = (0..8)
        .map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse().unwrap())).unwrap())
        .collect();
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(1_000));
    let cases: [(&[u8], &str); 8] = [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404 "),
        (b"GET /metrics/x HTTP/1.1\r\nHost: x\r\n\r\n", "404 "),
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", "405 "),
        (b"DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "405 "),
        (b"\x16\x03\x01 this is not HTTP\r\n\r\n", "400 "),
        (b"GET /metrics HTTP/9\r\n\r\n", "400 "),
        (long.as_bytes(), "431 "),
        (many.as_bytes(), "431 "),
    ];
    for (request, status) in cases {
        let answer = answer(&port, request);
        let shown = String::from_utf8_lossy(&request[..request.len().min(40)]);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{shown}: {answer}");
    }
    let head = answer(&port, b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    let scrapes: Vec<_> = (0..8)
        .map(|_| {
            let port = port.clone();
            thread::spawn(move || get(&port))
        })
        .collect();
    let texts: BTreeSet<String> = scrapes.into_iter().map(|it| it.join().unwrap()).collect();
    assert_eq!(texts.len(), 1, "all the same");
    drop(silent);
    said_all(running);
}

#[test]
fn a_taken_port_is_one_line_with_a_remedy_before_anything_is_done() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let lab = ["toggle", "--simulate", "--wire", "lab"];
    for command in [&["toggle", "--simulate"][..], &lab, &["simulate", "--port", "0"]] {
        let run = cync(&[command, &["--metrics-port", &port]].concat(), b"");
        run.fails(1, "another program listens there; choose another --metrics-port");
        assert_eq!(run.stdout, "");
    }
    let elsewhere = ["toggle", "--simulate", "--metrics-port", "0", "--metrics-addr", "192.0.2.1"];
    cync(&elsewhere, b"").fails(1, "this machine does not have that address; check --metrics-addr");
}

#[test]
fn arguments_that_cannot_be_meant_are_refused() {
    for args in [
        &["--metrics-port", "65536"][..],
        &["--metrics-linger", "5"],
        &["--metrics-port", "0", "--metrics-linger", "soon"],
        &["--metrics-port", "0", "--metrics-addr", "here"],
    ] {
        let run = cync(&[&["toggle", "--simulate"], args].concat(), b"");
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{args:?}: {run:?}");
    }
    // Nothing but an interrupt ends it, and then it is over. It cannot listen there: that would be said otherwise.
    let device =
        ["simulate", "--host", "192.0.2.1", "--metrics-port", "0", "--metrics-linger", "5"];
    let run = cync(&device, b"");
    assert_eq!(run.code, Some(2), "{run:?}");
}

#[test]
fn a_refused_greeting_is_counted_though_no_session_came_about() {
    let device = peer::peer(|stream| {
        let mut talk = Talk::new(stream);
        talk.hear().unwrap();
        talk.say(&Packet::HelloAck(LoginAck { status: StatusCode(1), reserved: 0 }));
        // Its end is the client's.
        assert_eq!(talk.hear(), None);
    });
    let args = ["toggle", "--device-host", "127.0.0.1", "--device-port", &device];
    let lingers = ["--metrics-port", "0", "--metrics-linger", "60"];
    let mut running = Running::start(&[&args[..], &lingers].concat());
    let metrics = port(&running.line());
    let limit = Instant::now() + Duration::from_secs(30);
    let refused = || {
        let scraped = Scraped::of(&metrics);
        let is_watched = scraped.devices().contains("00000001");
        is_watched && scraped.value("tcp_comm_handshake_total", Some(("outcome", "refused"))) == 1
    };
    while !refused() {
        assert!(Instant::now() < limit, "it is not counted");
        thread::yield_now();
    }
    running.kill();
}

fn hello(endpoint: u32) -> Vec<u8> {
    let login = Login::new(Endpoint(endpoint), Secret::new(b"0123456789abcdef"), 60);
    let mut bytes = [0; MAX_PACKET];
    let len = Packet::Handshake(login).encode(&mut bytes).unwrap();
    bytes[..len].to_vec()
}

#[test]
fn a_device_counts_by_endpoint_and_those_beyond_a_hundred_together() {
    let args = ["simulate", "--port", "0", "--metrics-port", "0", "--log-level", "error"];
    let mut running = Running::start(&args);
    let line = running.line();
    let device = line.split_whitespace().find_map(|word| word.strip_prefix("127.0.0.1:")).unwrap();
    let device: u16 = device.parse().unwrap();
    let metrics = port(&running.line());
    let url = format!("http://127.0.0.1:{metrics}/metrics");
    let before = cync(&["metrics", "--check", &url], b"");
    assert_eq!((before.code, &*before.stdout), (Some(0), "ok: all 21 metrics are there\n"));
    let greeted: Vec<_> = (0..110)
        .map(|endpoint| {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, device)).unwrap();
            stream.write_all(&hello(endpoint)).unwrap();
            let mut answer = [0; 7];
            stream.read_exact(&mut answer).unwrap();
            stream
        })
        .collect();
    let scraped = Scraped::of(&metrics);
    assert_eq!(scraped.devices().len(), 101);
    assert!(scraped.devices().is_superset(&BTreeSet::from(["00000000", "00000063", "other"])));
    let greetings = |device: &str| -> f64 {
        let mut found = scraped.samples("tcp_comm_handshake_total").filter(|sample| {
            let labels = &sample.labels;
            labels.get("device_id") == Some(device) && labels.get("outcome") == Some("success")
        });
        match found.next().map(|sample| &sample.value) {
            Some(Value::Counter(value)) => *value,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(["00000000", "00000063", "other"].map(greetings), [1.0, 1.0, 10.0]);
    drop(greeted);
    running.kill();
}

#[test]
fn what_a_check_finds_is_one_line_each() {
    let nothing = cync(&["metrics", "--check", "-"], b"");
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    let missing: Vec<_> = SPECIFIED.iter().map(|(name, ..)| format!("{name}: missing")).collect();
    assert_eq!(nothing.stdout.lines().collect::<Vec<_>>(), missing);
    let text = b"# HELP tcp_comm_dedup_cache_size x\n# TYPE tcp_comm_dedup_cache_size counter\n";
    let wrong = cync(&["metrics", "--check", "-"], text);
    assert!(wrong.stdout.contains("\ntcp_comm_dedup_cache_size: is a gauge, not a counter\n"));
    assert_eq!((wrong.code, wrong.stdout.lines().count()), (Some(1), SPECIFIED.len()));
}

#[test]
fn what_cannot_be_checked_is_said_in_one_line() {
    cync(&["metrics", "--check", "no/such/file"], b"").fails(1, "cannot read no/such/file: ");
    cync(&["metrics", "--check", "-"], b"\xff").fails(1, "cannot read -: ");
    let url = format!("http://127.0.0.1:{}/metrics", unused_port());
    cync(&["metrics", "--check", &url], b"").fails(1, "refused");
    cync(&["metrics", "--check", "https://x/"], b"").fails(1, "only http:// is spoken");
    let other = peer::peer(|mut stream| {
        // One that answers before it is asked does not speak HTTP.
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").unwrap();
        peer::read_to_the_end(&stream);
    });
    let url = format!("http://127.0.0.1:{other}/metrics");
    cync(&["metrics", "--check", &url], b"").fails(1, "it answers with 503 Service Unavailable");
}
