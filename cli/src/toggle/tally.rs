//! What became of all commands together.

use crate::complain;
use crate::exit::Exit;
use crate::impairment::Shown;
use cync_core::Stage;
use cync_sim::net::LinkCounts;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::time::Duration;

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
}

impl Tally {
    pub(super) fn new(asked: u32) -> Self {
        Self { asked, ..Self::default() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.ended == 0
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

    fn percentile(&self, percent: usize) -> String {
        let rank = (self.latencies.len() * percent).div_ceil(100).max(1);
        self.latencies.get(rank - 1).map_or_else(|| "-".to_owned(), |took| milliseconds(*took))
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
        let (p50, p99) = (self.percentile(50), self.percentile(99));
        line("latency", &format_args!("p50 {p50}, p99 {p99}"))
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
        let mut tally = Tally::new(100);
        assert_eq!(tally.percentile(50), "-");
        tally.latencies = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(
            (tally.percentile(50), tally.percentile(99)),
            ("50.0 ms".into(), "99.0 ms".into())
        );
        tally.latencies.truncate(1);
        assert_eq!(
            (tally.percentile(50), tally.percentile(99)),
            ("1.0 ms".into(), "1.0 ms".into())
        );
    }
}
