//! Scrapes a command that serves metrics.

#![allow(dead_code, reason = "every test file uses its part")]

use crate::command::{Run, Running};
use prometheus_parse::{Sample, Scrape, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Duration;

/// What a server answers to these bytes.
pub(crate) fn answer(port: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse().unwrap())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // It may have answered, and closed, before it has read everything.
    let _ = stream.write_all(request).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

pub(crate) fn get(port: &str) -> String {
    let answer = answer(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

/// What was scraped.
pub(crate) struct Scraped {
    pub(crate) text: String,
    pub(crate) scrape: Scrape,
}

impl Scraped {
    pub(crate) fn of(port: &str) -> Self {
        let text = get(port);
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        Self { scrape: Scrape::parse(lines).unwrap(), text }
    }

    pub(crate) fn samples(&self, name: &str) -> impl Iterator<Item = &Sample> {
        self.scrape.samples.iter().filter(move |sample| sample.metric == name)
    }

    /// The value of a series.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, label: Option<(&str, &str)>) -> u64 {
        let mut found = self.samples(name).filter(|sample| {
            label.is_none_or(|(label, value)| sample.labels.get(label) == Some(value))
        });
        let (first, others) = (found.next(), found.count());
        assert_eq!(others, 0, "{name} {label:?}");
        match first.map(|sample| &sample.value) {
            Some(Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value)) => {
                *value as u64
            }
            other => panic!("{name} {label:?} is {other:?} in\n{}", self.text),
        }
    }

    /// All series of a counter together.
    pub(crate) fn sum(&self, name: &str) -> u64 {
        let values = self.samples(name).map(|sample| match sample.value {
            Value::Counter(value) => value as u64,
            ref other => panic!("{name} is {other:?}"),
        });
        values.sum()
    }

    /// Every counter and its value.
    pub(crate) fn counters(&self) -> BTreeMap<String, u64> {
        let counters = self.scrape.samples.iter().filter_map(|sample| match sample.value {
            Value::Counter(value) => {
                Some((format!("{} {}", sample.metric, sample.labels), value as u64))
            }
            _ => None,
        });
        counters.collect()
    }

    /// How many messages took no longer than this.
    pub(crate) fn within(&self, limit: f64) -> u64 {
        let histogram = self.samples("tcp_comm_packet_latency_seconds").next().unwrap();
        let Value::Histogram(buckets) = &histogram.value else { panic!("{histogram:?}") };
        let bucket = buckets.iter().find(|bucket| bucket.less_than >= limit).unwrap();
        bucket.count as u64
    }

    pub(crate) fn devices(&self) -> BTreeSet<&str> {
        self.scrape.samples.iter().filter_map(|sample| sample.labels.get("device_id")).collect()
    }
}

/// The port in the line that says where metrics are.
pub(crate) fn port(line: &str) -> String {
    let port =
        line.strip_prefix("metrics at http://127.0.0.1:").and_then(|it| it.split('/').next());
    port.unwrap_or_else(|| panic!("no port in {line}")).to_owned()
}

/// Reads the output up to the line that starts so.
pub(crate) fn read_to(running: &mut Running, start: &str) -> String {
    loop {
        let line = running.line();
        if line.starts_with(start) {
            return line;
        }
    }
}

/// Starts a toggle on a bad link with these arguments; returns it and the port of its metrics.
pub(crate) fn toggle(args: &[&str]) -> (Running, String) {
    let base = ["toggle", "--simulate", "--loss", "20%", "--metrics-port", "0"];
    let mut running = Running::start(&[&base[..], args].concat());
    let port = port(&running.line());
    (running, port)
}

/// Ends a run that lingers; what it said.
pub(crate) fn said_all(running: Running) -> Run {
    #[cfg(unix)]
    {
        running.interrupt();
        let run = running.finish();
        assert_eq!(run.code, Some(0), "{run:?}");
        run
    }
    #[cfg(not(unix))]
    {
        let mut running = running;
        running.kill();
        running.finish()
    }
}
