//! What became of all commands together.

use crate::complain;
use crate::exit::Exit;
use crate::impairment::{self, Shown};
use cync_core::{Disconnections, Stage, Stats};
use cync_sim::net::LinkCounts;
use cync_tokio::Client;
use serde_json::{Map, Value, json};
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::time::Duration;

/// What is told of latencies: names, and how many in a thousand.
const PERCENTILES: [(&str, usize); 6] =
    [("p50", 500), ("p90", 900), ("p95", 950), ("p99", 990), ("p99.9", 999), ("max", 1000)];

/// What became of one command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// How long it took; `None` if it failed.
    pub(super) took: Option<Duration>,
    /// How often it was transmitted.
    pub(super) attempts: u16,
    /// The highest stage seen.
    pub(super) stage: Option<Stage>,
}

/// What a device says that was simulated for the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Simulated {
    /// How often it executed a command.
    pub(super) applied: u64,
    /// What happened on its links, if it has any to tell of; such a device executes nothing twice.
    pub(super) links: Option<LinkCounts>,
}

/// Counts of commands.
#[derive(Debug, Default)]
pub(super) struct Tally {
    asked: u32,
    begun: u32,
    ended: u32,
    acked: u32,
    executed: u32,
    failed: u32,
    latencies: Vec<Duration>,
    retransmissions: u64,
    pub(super) seed: Option<u64>,
    /// Whose session the commands are sent on, while they are.
    client: Option<Client>,
    /// What that session counted by then.
    session: Option<Stats>,
    /// The summary is one JSON object.
    json: bool,
}

impl Tally {
    pub(super) fn new(asked: u32, json: bool) -> Self {
        Self { asked, json, ..Self::default() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.ended == 0
    }

    /// From now on commands are sent here.
    pub(super) fn watch(&mut self, client: &Client) {
        self.client = Some(client.clone());
    }

    /// No more of them are: what becomes of the connection from now on is nobody's loss.
    pub(super) fn settle(&mut self) -> Option<&Stats> {
        if let Some(client) = self.client.take() {
            self.session = Some(client.stats());
        }
        self.session.as_ref()
    }

    pub(super) const fn begin(&mut self) {
        self.begun += 1;
    }

    pub(super) fn count(&mut self, ended: Ended) {
        let Ended { took, attempts, stage } = ended;
        self.ended += 1;
        self.failed += u32::from(took.is_none());
        self.latencies.extend(took);
        self.retransmissions += u64::from(attempts.saturating_sub(1));
        self.acked += u32::from(stage >= Some(Stage::Acked));
        self.executed += u32::from(stage >= Some(Stage::Executed));
    }

    /// Prints the summary. A device that executed more often than it was asked to is a failure, whatever else went well.
    pub(super) fn finish(mut self, exit: Exit, device: Option<Simulated>) -> Exit {
        self.settle();
        self.latencies.sort_unstable();
        let mut text = self.to_string();
        if let Some(Simulated { applied, links }) = device {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:<20} {applied}", "applied by device");
            let _ = links.map(|links| write!(text, "{}", Shown(links)));
        }
        if let Some(seed) = self.seed {
            let _ = writeln!(text, "{:<20} {seed}", "seed");
        }
        if self.json {
            text = format!("{}\n", json!({ "summary": self.as_json(device) }));
        }
        if let Err(error) = io::stdout().write_all(text.as_bytes())
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return complain(format_args!("cannot write the summary: {error}"));
        }
        match device {
            Some(Simulated { applied, links: Some(_) }) if applied > u64::from(self.asked) => {
                complain(format_args!(
                    "the device executed {applied} commands of {}: some of them twice",
                    self.asked
                ))
            }
            _ => exit,
        }
    }

    /// The least latency that so many in a thousand do not exceed: the nearest rank.
    fn permille(&self, permille: usize) -> Option<Duration> {
        let rank = (self.latencies.len() * permille).div_ceil(1000).max(1);
        self.latencies.get(rank - 1).copied()
    }

    fn as_json(&self, device: Option<Simulated>) -> Value {
        let (applied, links) = (device.map(|it| it.applied), device.and_then(|it| it.links));
        let session = self.session.as_ref();
        let micros = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let latency: Map<String, Value> = PERCENTILES
            .iter()
            .map(|(name, permille)| ((*name).into(), json!(self.permille(*permille).map(micros))))
            .collect();
        json!({
            "asked": self.asked,
            "acknowledged": self.acked,
            "executed": self.executed,
            "failed": self.failed,
            "interrupted": self.begun - self.ended,
            "not_attempted": self.asked - self.begun,
            "retransmissions": self.retransmissions,
            "latency_us": latency,
            "dials": session.map(|stats| stats.dials),
            "connections": session.map(|stats| stats.connections),
            "disconnections": session.map(|stats| by_reason(stats.disconnections)),
            "reconnections": session.map(|stats| by_reason(stats.reconnections)),
            "applied_by_device": applied,
            "links": links.map(impairment::as_json),
            "seed": self.seed,
        })
    }
}

/// Connections that ended, or were made again, by the reason of the end: named as in the metrics.
fn reasons(counts: Disconnections) -> [(&'static str, u64); 4] {
    let Disconnections { hangup, peer, error, replaced, .. } = counts;
    [("hangup", hangup), ("peer", peer), ("error", error), ("replaced", replaced)]
}

fn by_reason(counts: Disconnections) -> Value {
    reasons(counts).into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect()
}

/// What became of connections, if any was lost.
struct Lost<'a>(&'a Stats);

impl fmt::Display for Lost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { connections, disconnections, reconnections, .. } = self.0;
        let told = reasons(*disconnections).into_iter().filter(|(_, count)| *count > 0);
        let told: Vec<String> = told.map(|(name, count)| format!("{name} {count}")).collect();
        let (lost, again) = (disconnections.total(), reconnections.total());
        write!(f, "{connections}, {lost} lost ({}), {again} made again", told.join(", "))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: &dyn fmt::Display| writeln!(f, "{name:<20} {value}");
        line("asked", &self.asked)?;
        line("acknowledged", &self.acked)?;
        line("executed", &self.executed)?;
        line("failed", &self.failed)?;
        if self.ended < self.begun {
            line("interrupted", &format_args!("{} (it may be executed)", self.begun - self.ended))?;
        }
        if self.begun < self.asked {
            line("not attempted", &(self.asked - self.begun))?;
        }
        line("re-transmissions", &self.retransmissions)?;
        if let Some(stats) = self.session.as_ref().filter(|it| it.disconnections.total() > 0) {
            line("connections", &Lost(stats))?;
        }
        let shown = |(name, permille): &(&str, usize)| {
            let took = self.permille(*permille).map_or_else(|| "-".to_owned(), milliseconds);
            format!("{name} {took}")
        };
        line("latency", &PERCENTILES.iter().map(shown).collect::<Vec<_>>().join(", "))
    }
}

/// A latency in milliseconds, to the tenth.
pub(super) fn milliseconds(took: Duration) -> String {
    let tenths = took.as_micros().div_ceil(100);
    format!("{}.{} ms", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut tally = Tally::new(1000, false);
        assert_eq!(tally.permille(500), None);
        tally.latencies = (1..=1000).map(Duration::from_millis).collect();
        let of = |tally: &Tally| PERCENTILES.map(|(_, permille)| tally.permille(permille));
        let expected = [500, 900, 950, 990, 999, 1000].map(Duration::from_millis).map(Some);
        assert_eq!(of(&tally), expected);
        let latency =
            "p50 500.0 ms, p90 900.0 ms, p95 950.0 ms, p99 990.0 ms, p99.9 999.0 ms, max 1000.0 ms";
        assert!(tally.to_string().ends_with(&format!("{latency}\n")), "{tally}");
        tally.latencies.truncate(1);
        assert_eq!(of(&tally), [Some(Duration::from_millis(1)); 6]);
    }
}
