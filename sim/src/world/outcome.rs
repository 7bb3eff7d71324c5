//! What became of a run.

use super::records::Record;
use super::{Effects, Histogram, World};
use crate::scenario::Op;
use crate::{Fault, Side, Violation};
use cync_core::{Outcome as Ending, Stats};
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

/// What sessions counted, all of one side together.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counted {
    /// Connections made.
    pub connections: u64,
    /// Timers that ran out without an answer.
    pub ack_timeouts: u64,
    /// Messages recognised as repetitions: not delivered.
    pub duplicates: u64,
    /// Packets that could not be decoded.
    pub decode_errors: u64,
    /// Answers that belong to no message under way.
    pub unmatched_answers: u64,
    /// Times that `send` had no room.
    pub queue_full: u64,
    /// Times that input was not taken.
    pub input_refusals: u64,
    /// States that the full inbox dropped for newer ones.
    pub states_dropped: u64,
    /// Times that a first transmission waited for message numbers.
    pub id_waits: u64,
    /// Times that the retry budget held a copy back.
    pub budget_waits: u64,
}

impl Counted {
    fn add(mut self, stats: &Stats) -> Self {
        self.connections += stats.connections;
        self.ack_timeouts += stats.ack_timeouts;
        self.duplicates += stats.duplicates;
        self.decode_errors += stats.decode_errors.total();
        self.unmatched_answers += stats.unmatched_answers;
        self.queue_full += stats.queue_full;
        self.input_refusals += stats.input_refusals;
        self.states_dropped += stats.states_dropped;
        self.id_waits += stats.id_waits;
        self.budget_waits += stats.budget_waits;
        self
    }
}

/// What became of a run.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Outcome {
    /// Equal runs have equal hashes: over every byte and every event.
    pub hash: u64,
    /// As `hash`, and the order of events at one time does not matter.
    pub gist: u64,
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
    pub controllers: Counted,
    /// What the sessions of all devices counted.
    pub devices: Counted,
    /// The invariant that does not hold, if there is one.
    pub broken: Option<Broken>,
    /// If it was asked for.
    pub recording: Recording,
    /// Somebody wanted it to end before its end: [`Stop`](super::Stop).
    pub stopped: bool,
}

/// What is counted while a run goes on.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) commands: u64,
    /// Those that `send` took.
    pub(super) sent: u64,
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
    pub(super) fn refused(&mut self) {
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

impl World<'_> {
    pub(super) fn outcome(mut self, broken: Option<Broken>) -> Outcome {
        let recording =
            Recording { ops: self.working.take_recorded(), faults: self.plan.take_recorded() };
        let counted = |side: Side| {
            self.links.iter().fold(Counted::default(), |all, link| {
                let end = match side {
                    Side::Controller => &link.controller,
                    Side::Device => &link.device,
                };
                all.add(end.witness.session().stats())
            })
        };
        let (controllers, devices) = (counted(Side::Controller), counted(Side::Device));
        let tally = self.tally;
        Outcome {
            hash: self.tap.hash(),
            gist: self.tap.gist(),
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
            controllers,
            devices,
            broken,
            recording,
            stopped: self.stopped,
        }
    }
}
