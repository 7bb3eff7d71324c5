//! One row of the table: a scenario, and what came of it.

use crate::outcome::success;
use crate::progress::Bar;
use cync_core::ConfigError;
use cync_sim::scenario::Workload;
use cync_sim::world::{Options, Outcome, Stop, run};
use cync_sim::{Missed, Scenario};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Commands under way at a time: every row is run with each of these.
pub(super) const WORKERS: [u8; 2] = [1, 10];

/// A scenario that is run, and what came of it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) workers: u8,
    pub(super) scenario: Scenario,
    pub(super) outcome: Outcome,
    /// The limits that were not kept.
    pub(super) missed: Vec<Missed>,
    /// How long it took; the same run may take longer next time.
    pub(super) took: Duration,
    /// It was run to its end.
    pub(super) done: bool,
}

impl Row {
    /// A row of the library with so many workers, each with a lamp of its own.
    pub(super) fn new(
        name: &'static str,
        text: &str,
        workers: u8,
        commands: Option<u64>,
        seed: Option<u64>,
    ) -> Result<Self, String> {
        let mut scenario = Scenario::parse(text).map_err(|error| error.to_string())?;
        scenario.topology.lamps = workers;
        scenario.work.workload = Some(Workload::Closed { workers });
        scenario.work.commands = commands.unwrap_or(scenario.work.commands);
        scenario.seed = seed.unwrap_or(scenario.seed);
        let phases = scenario.chaos.iter().map(|phase| phase.after_commands);
        let least = phases.chain([scenario.limits.spurious_after]).max().unwrap_or_default();
        if scenario.work.commands <= least {
            return Err(format!(
                "--commands {} is too few for {name}, which is judged by what comes after {least}",
                scenario.work.commands
            ));
        }
        let (outcome, missed, took) = (Outcome::default(), Vec::new(), Duration::ZERO);
        Ok(Self { name, workers, scenario, outcome, missed, took, done: false })
    }

    fn run(&mut self, stop: Stop) -> Result<(), ConfigError> {
        let begin = Instant::now();
        self.outcome = run(&self.scenario, Options { stop, ..Options::default() })?;
        self.took = begin.elapsed();
        self.missed = self.scenario.limits.missed(&self.outcome);
        self.done = !self.outcome.stopped;
        Ok(())
    }

    /// Every invariant, and every limit.
    pub(super) fn holds(&self) -> bool {
        self.outcome.broken.is_none() && self.missed.is_empty()
    }

    /// The greatest rate of losses, of either direction, in millionths.
    pub(super) fn loss(&self) -> u32 {
        let ways =
            self.scenario.chaos.iter().flat_map(|phase| [&phase.to_device, &phase.from_device]);
        ways.map(|way| way.packet_loss_rate.parts()).max().unwrap_or_default()
    }

    /// So many in a thousand commands did not take longer, in microseconds.
    pub(super) fn permille(&self, permille: u64) -> Option<u64> {
        self.outcome.latency.permille(permille)
    }

    /// The longest, in microseconds; `None` if one failed.
    pub(super) fn longest(&self) -> Option<u64> {
        let latency = &self.outcome.latency;
        (latency.endless() == 0 && latency.total() > 0).then_some(latency.max())
    }

    /// Commands that reached their stage, in millionths of all.
    pub(super) fn success(&self) -> u64 {
        success(&self.outcome).unwrap_or_default()
    }

    /// Needless copies, in millionths of the first ones that count; rounded down.
    pub(super) fn spurious(&self) -> u64 {
        let Outcome { spurious, first_counted, .. } = self.outcome;
        spurious.saturating_mul(1_000_000).checked_div(first_counted).unwrap_or_default()
    }

    /// Messages that were recognised as repetitions, at both ends.
    pub(super) const fn duplicates(&self) -> u64 {
        self.outcome.devices.duplicates + self.outcome.controllers.duplicates
    }

    /// What does not hold, a line each.
    pub(super) fn problems(&self) -> Vec<String> {
        let broken = self.outcome.broken.as_ref().map(|broken| {
            let at = broken.at.as_micros();
            format!("{}, at {}.{:06} s", broken.violation, at / 1_000_000, at % 1_000_000)
        });
        broken.into_iter().chain(self.missed.iter().map(ToString::to_string)).collect()
    }
}

/// Runs them all, on as many threads as there are processors, unless it is to stop.
///
/// One world is always on one thread: what comes of it does not
/// depend on the others.
pub(super) fn run_all(
    rows: &mut [Row],
    stop: &'static AtomicBool,
    bar: Bar,
) -> Result<(), ConfigError> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(rows.len());
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Ok(())));
    let shown = Mutex::new((bar, 0));
    let waiting: Vec<Mutex<&mut Row>> = rows.iter_mut().map(Mutex::new).collect();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed)
                    && let Some(row) = waiting.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    // Nobody else has this one.
                    let Ok(mut row) = row.lock() else { continue };
                    if let (Err(error), Ok(mut failed)) = (row.run(Stop(Some(stop))), failed.lock())
                    {
                        *failed = Err(error);
                    }
                    if let Ok(mut shown) = shown.lock() {
                        let (bar, commands) = &mut *shown;
                        *commands += row.outcome.commands;
                        bar.show(*commands);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or(Ok(()))
}
