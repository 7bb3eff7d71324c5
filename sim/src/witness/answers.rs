//! Answers that a session gets: the model of which message they are about, and what they make of it.

use super::book::Book;
use super::heading::Heading;
use super::message::{Body, Message};
use super::{Violation, ensure};
use cync_core::wire::{Direction, INFO_MSG_ID, PacketType, StatusCode};
use cync_core::{Acks, Instant, Outcome, Stage, Stats, Unknown};

const BUSY: StatusCode = StatusCode(0xb5);
const EXPIRED: StatusCode = StatusCode(0x0a);

/// An answer: a receipt, a result, or the cloud's verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    Receipt(StatusCode),
    Result(StatusCode),
    Verdict(StatusCode),
}

impl Heard {
    /// What a packet answers, if it is an answer.
    pub(super) fn of(heading: &Heading<'_>, bytes: &[u8]) -> Option<(Self, PacketType)> {
        let data = PacketType::DataChannel;
        let last = StatusCode(bytes.last().copied().unwrap_or(0));
        Some(match heading.kind {
            PacketType::DataAck => (Self::Receipt(last), data),
            PacketType::DataResult => (Self::Verdict(last), data),
            PacketType::StatusAck => (Self::Receipt(last), PacketType::StatusBroadcast),
            PacketType::InfoAck => (Self::Receipt(last), PacketType::DeviceInfo),
            PacketType::ProbeAck => (Self::Receipt(StatusCode::OK), PacketType::Probe),
            _ => {
                let frame = heading.frame?;
                let mut said = frame.data.bytes();
                let (Some(status), None) = (said.next(), said.next()) else { return None };
                let result = frame.direction == Direction::RESPONSE && heading.kind == data;
                return result.then_some((Self::Result(StatusCode(status)), data));
            }
        })
    }
}

/// What the session counted while it took one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Counted {
    acks: Acks,
    unmatched: u64,
    late: u64,
    ended: u64,
}

impl Counted {
    fn between(before: &Stats, after: &Stats) -> Self {
        let mut acks = after.acks;
        acks.ok -= before.acks.ok;
        acks.nack -= before.acks.nack;
        acks.busy -= before.acks.busy;
        let ended = |stats: &Stats| stats.reached + stats.nacked + stats.unknown.expired;
        Self {
            acks,
            unmatched: after.unmatched_answers - before.unmatched_answers,
            late: after.late_results - before.late_results,
            ended: ended(after) - ended(before),
        }
    }

    const fn matched(&self) -> u64 {
        self.acks.ok + self.acks.nack + self.acks.busy
    }
}

impl Book {
    /// S3, S9, S14: an answer came and was dealt with.
    pub(super) fn on_answer(
        &mut self,
        now: Instant,
        wire: u32,
        heading: &Heading<'_>,
        answer: (Heard, PacketType),
        stats: (&Stats, &Stats),
    ) -> Result<(), Violation> {
        let mut about = std::mem::take(&mut self.touched);
        about.clear();
        self.find(wire, heading, answer, &mut about);
        let done = self.on_answer_about(now, heading, answer, stats, &about);
        self.touched = about;
        done
    }

    /// The messages that an answer may be about, in the order of `send`.
    fn find(
        &self,
        wire: u32,
        heading: &Heading<'_>,
        (heard, kind): (Heard, PacketType),
        about: &mut Vec<u32>,
    ) {
        let is_about = |message: &Message| is_about(message, wire, kind, heard, heading);
        let by_counter = match (heard, &heading.frame) {
            (Heard::Result(_), Some(frame)) => Some(frame.counter),
            _ => None,
        };
        let is_info = kind == PacketType::DeviceInfo;
        let mut next = match by_counter {
            Some(counter) => self.counters.newest(counter),
            None if is_info => self.newest_info,
            None => self.numbers.newest(heading.msg_id.0.into()),
        };
        while let Some((index, message)) = next.and_then(|at| Some((at, self.message(at)?))) {
            if is_about(message) {
                about.push(index);
            }
            next = if by_counter.is_some() { message.same_counter } else { message.same_number };
        }
        if is_info {
            about.reverse();
        } else {
            // Whoever got the number last has it.
            let newest = about.iter().copied().max_by_key(|at| at.wrapping_sub(self.oldest()));
            about.clear();
            about.extend(newest);
        }
    }

    fn on_answer_about(
        &mut self,
        now: Instant,
        heading: &Heading<'_>,
        (heard, kind): (Heard, PacketType),
        stats: (&Stats, &Stats),
        about: &[u32],
    ) -> Result<(), Violation> {
        let counted = Counted::between(stats.0, stats.1);
        if about.is_empty() {
            let nothing = counted.matched() == 0 && counted.ended == 0;
            let what = "an answer to nothing was matched";
            ensure!(nothing, "S14", "{what}: {heading:?}, {heard:?}: {counted:?}");
        }
        if let Heard::Receipt(_) = heard
            && counted.matched() == 1
        {
            self.on_receipt(kind, about);
        }
        let live = |index: &&u32| self.message(**index).is_some_and(|message| message.is_live());
        let Some(&index) = about.iter().find(live) else {
            let what = "what has ended ended again";
            ensure!(counted.ended == 0, "S14", "{what}: {heading:?}, {heard:?}: {counted:?}");
            return Ok(());
        };
        // Of a `0x43` any may be meant: they share one number.
        if kind == PacketType::DeviceInfo {
            // All that wait for it could be the one.
            about.iter().for_each(|index| self.advance(now, *index, heard, false));
            return Ok(());
        }
        if self.message(index).is_some_and(|message| message.is_surely_live()) {
            let taken = counted.matched() == 1 || matches!(heard, Heard::Verdict(_));
            let right = taken && counted.unmatched + counted.late == 0;
            ensure!(right, "S3", "not matched: {heading:?}, {heard:?}: {counted:?}");
        }
        self.advance(now, index, heard, true);
        Ok(())
    }

    /// A forged answer is as good as one of the peer: nothing tells them apart.
    pub(super) fn believe(
        &mut self,
        wire: u32,
        heading: &Heading<'_>,
        answer: (Heard, PacketType),
    ) {
        let (heard, kind) = answer;
        let mut about = std::mem::take(&mut self.touched);
        about.clear();
        let is_about = |index: &u32| {
            let message = self.message(*index);
            message.is_some_and(|message| is_about(message, wire, kind, heard, heading))
        };
        about.extend(self.live.iter().copied().filter(is_about));
        for index in &about {
            self.edit(*index, |message| message.answerable = true);
        }
        self.touched = about;
    }

    /// A receipt frees a number sooner than time does.
    fn on_receipt(&mut self, kind: PacketType, about: &[u32]) {
        let (swept, lifetime) = (self.swept, self.rules.copy_lifetime);
        let waits = |index: &&u32| {
            self.message(**index).is_some_and(|message| message.has_number(swept, lifetime))
        };
        // Those that share one number are answered in order.
        let index = match kind {
            PacketType::DeviceInfo => about.iter().find(waits),
            _ => about.last(),
        };
        if let Some(&index) = index {
            self.edit(index, |message| message.receipts += 1);
        }
    }

    /// What an answer makes of a live message; unless it is `surely` meant, what it may make of it.
    fn advance(&mut self, now: Instant, index: u32, heard: Heard, surely: bool) {
        let retries = self.rules.retry.retry_on;
        self.soonest_timer = self.soonest_timer.min(now);
        self.edit(index, |message| {
            if !message.is_live() {
                return;
            }
            let seen = (message.stage, message.status);
            // The timer begins anew, for what is awaited now.
            message.ran_out = None;
            if !surely && !message.may_have_seen.contains(&seen) {
                message.may_have_seen.push(seen);
            }
            let temporary = |status| status == BUSY || retries.contains(&status);
            let (Heard::Receipt(status) | Heard::Result(status) | Heard::Verdict(status)) = heard;
            let result = matches!(heard, Heard::Result(_));
            let stage = if result { Stage::Executed } else { Stage::Acked };
            let outcome = match heard {
                Heard::Verdict(StatusCode::OK) => return,
                Heard::Verdict(EXPIRED) => Some(Outcome::Unknown(Unknown::Expired)),
                _ if status.is_ok() => {
                    if message.stage < Some(stage) {
                        (message.stage, message.status) = (Some(stage), Some(status));
                    }
                    (stage >= message.until).then_some(Outcome::Reached(stage))
                }
                _ if temporary(status) => {
                    message.status = Some(status);
                    None
                }
                _ => {
                    message.status = Some(status);
                    Some(Outcome::Nacked(status))
                }
            };
            match outcome {
                Some(outcome) if surely => message.end(now, outcome),
                Some(outcome) => message.may_end(now, outcome),
                None => {}
            }
        });
    }
}

fn is_about(
    message: &Message,
    wire: u32,
    kind: PacketType,
    heard: Heard,
    heading: &Heading<'_>,
) -> bool {
    let is_answerable = message.kind == kind && message.was_handed_over_on(wire);
    let addressed = !matches!(kind, PacketType::DataChannel | PacketType::Probe)
        || message.endpoint == heading.endpoint;
    is_answerable
        && match (heard, &heading.frame) {
            (Heard::Result(_), Some(frame)) => {
                let unique = !matches!(message.body, Body::Raw(_));
                message.counter == Some(frame.counter)
                    && message.op == frame.op
                    && (unique || message.stage >= Some(Stage::Acked))
            }
            _ if kind == PacketType::DeviceInfo => heading.msg_id == INFO_MSG_ID,
            _ => addressed && message.msg_id == Some(heading.msg_id),
        }
}
