//! What became of a run.

use super::records::Record;
use super::{Effects, Histogram, World};
use crate::scenario::Op;
use crate::{Fault, Side, Violation};
use cync_core::{Outcome as Ending, SendError, Stats};
use std::time::Duration;

/// A broken invariant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// What does not hold.
    pub violation: Violation,
    /// When it was found, since the start.
    pub at: Duration,
}

/// What a run drew, as explicit faults, and what was sent, as explicit operations: with these it is repeated without draws.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Recording {
    /// What was done.
    pub ops: Vec<Op>,
    /// What went wrong.
    pub faults: Vec<Fault>,
}

/// What became of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Equal runs have equal hashes: over every byte and every event.
    pub hash: u64,
    /// Commands that were asked for.
    pub commands: u64,
    /// Those that reached their stage.
    pub reached: u64,
    /// Those that were refused, by the device.
    pub nacked: u64,
    /// Those of which no byte left.
    pub not_sent: u64,
    /// Those of which nobody knows.
    pub unknown: u64,
    /// Those that `send` did not take.
    pub refused: u64,
    /// How long they took, from `send` to their end, in microseconds; those that failed never ended.
    pub latency: Histogram,
    /// First transmissions of commands.
    pub first: u64,
    /// Further ones.
    pub repeated: u64,
    /// Those of the first transmissions that count for `spurious`.
    pub first_counted: u64,
    /// Further transmissions that were needless: an earlier copy, or an answer to one, was on its way and arrived.
    pub spurious: u64,
    /// Commands that devices executed.
    pub executed: u64,
    /// Executions beyond the first of a command: only a device that forgets does that.
    pub applied_twice: u64,
    /// Packets that were handed over.
    pub packets: u64,
    /// How much time passed.
    pub time: Duration,
    /// How often each kind of fault took effect.
    pub effects: Effects,
    /// What the sessions of all controllers counted.
    pub controller: Stats,
    /// What the sessions of all devices counted.
    pub device: Stats,
    /// The invariant that does not hold, if there is one.
    pub broken: Option<Broken>,
    /// If it was asked for.
    pub recording: Recording,
}

/// What is counted while a run goes on.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) commands: u64,
    pub(super) reached: u64,
    pub(super) nacked: u64,
    pub(super) not_sent: u64,
    pub(super) unknown: u64,
    pub(super) refused: u64,
    pub(super) latency: Histogram,
    pub(super) first: u64,
    pub(super) repeated: u64,
    pub(super) first_counted: u64,
    pub(super) spurious: u64,
    pub(super) executed: u64,
    pub(super) applied_twice: u64,
    pub(super) packets: u64,
}

impl Tally {
    /// `send` did not take a command.
    pub(super) fn refused(&mut self, _error: &SendError) {
        self.refused += 1;
        self.latency.add(None);
    }

    /// A command has ended.
    pub(super) fn ended(&mut self, record: &Record, outcome: &Ending, now: u64) {
        let took = now.saturating_sub(record.sent_at.as_micros());
        self.latency.add(outcome.is_success().then_some(took));
        *match outcome {
            Ending::Reached(_) => &mut self.reached,
            Ending::Nacked(_) => &mut self.nacked,
            Ending::NotSent(_) => &mut self.not_sent,
            Ending::Unknown(_) => &mut self.unknown,
        } += 1;
    }
}

impl World {
    pub(super) fn outcome(mut self, broken: Option<Broken>) -> Outcome {
        let recording =
            Recording { ops: self.working.take_recorded(), faults: self.plan.take_recorded() };
        let stats = |world: &mut Self, side: Side| {
            let ends = world.links.iter_mut().map(|link| *link.end(side).witness.session().stats());
            ends.reduce(|all, one| all.plus(&one)).unwrap_or_default()
        };
        let (controller, device) =
            (stats(&mut self, Side::Controller), stats(&mut self, Side::Device));
        let tally = self.tally;
        Outcome {
            hash: self.tap.hash(),
            commands: tally.commands,
            reached: tally.reached,
            nacked: tally.nacked,
            not_sent: tally.not_sent,
            unknown: tally.unknown,
            refused: tally.refused,
            latency: tally.latency,
            first: tally.first,
            repeated: tally.repeated,
            first_counted: tally.first_counted,
            spurious: tally.spurious,
            executed: tally.executed,
            applied_twice: tally.applied_twice,
            packets: tally.packets,
            time: Duration::from_micros(self.now),
            effects: self.plan.effects,
            controller,
            device,
            broken,
            recording,
        }
    }
}
