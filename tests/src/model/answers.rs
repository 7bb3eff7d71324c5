//! Answers that one side gets: the model of which message they are about, and what they make of it.

use super::book::{Book, Label};
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
    pub(super) fn of(label: &Label, bytes: &[u8]) -> Option<(Self, PacketType)> {
        let data = PacketType::DataChannel;
        let last = StatusCode(bytes.last().copied().unwrap_or(0));
        Some(match label.kind {
            PacketType::DataAck => (Self::Receipt(last), data),
            PacketType::DataResult => (Self::Verdict(last), data),
            PacketType::StatusAck => (Self::Receipt(last), PacketType::StatusBroadcast),
            PacketType::InfoAck => (Self::Receipt(last), PacketType::DeviceInfo),
            PacketType::ProbeAck => (Self::Receipt(StatusCode::OK), PacketType::Probe),
            _ => {
                let frame = label.frame.as_ref()?;
                let [status] = frame.data[..] else { return None };
                let result = frame.direction == Direction::RESPONSE && label.kind == data;
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
        label: &Label,
        answer: (Heard, PacketType),
        stats: (&Stats, &Stats),
    ) -> Result<(), Violation> {
        let (heard, kind) = answer;
        let counted = Counted::between(stats.0, stats.1);
        let mut about: Vec<usize> = (0..self.messages.len())
            .filter(|index| self.is_about(*index, wire, kind, heard, label))
            .collect();
        if kind != PacketType::DeviceInfo {
            // Whoever got the number last has it.
            about.drain(..about.len().saturating_sub(1));
        }
        let known = format!("{label:?}, {heard:?}: {counted:?}");
        if about.is_empty() {
            let nothing = counted.matched() == 0 && counted.ended == 0;
            ensure!(nothing, "S14", "an answer to nothing was matched: {known}");
        }
        if let Heard::Receipt(_) = heard
            && counted.matched() == 1
        {
            self.on_receipt(now, kind, &about);
        }
        let live = |index: &&usize| self.messages[**index].is_live();
        let Some(&index) = about.iter().find(live) else {
            ensure!(counted.ended == 0, "S14", "what has ended ended again: {known}");
            return Ok(());
        };
        let surely = self.messages[index].is_surely_live();
        // Of a `0x43` any may be meant: they share one number.
        if surely && kind != PacketType::DeviceInfo {
            let taken = counted.matched() == 1 || matches!(heard, Heard::Verdict(_));
            ensure!(taken && counted.unmatched + counted.late == 0, "S3", "not matched: {known}");
        }
        if kind == PacketType::DeviceInfo {
            // All that wait for it could be the one.
            for index in about {
                self.advance(now, index, heard, false);
            }
            return Ok(());
        }
        self.advance(now, index, heard, true);
        Ok(())
    }

    /// A forged answer is as good as one of the peer: nothing tells them apart.
    pub(super) fn believe(&mut self, wire: u32, label: &Label, (heard, kind): (Heard, PacketType)) {
        for index in 0..self.messages.len() {
            if self.is_about(index, wire, kind, heard, label) {
                self.messages[index].answerable = true;
            }
        }
    }

    /// A receipt frees a number sooner than time does.
    fn on_receipt(&mut self, now: Instant, kind: PacketType, about: &[usize]) {
        let lifetime = self.copy_lifetime;
        let waits = |index: &&usize| {
            let message = &self.messages[**index];
            message.receipts < message.copies.len()
                && message.last_copy().is_some_and(|at| at + lifetime > now)
        };
        // Those that share one number are answered in order.
        let index = match kind {
            PacketType::DeviceInfo => about.iter().find(waits),
            _ => about.last(),
        };
        if let Some(&index) = index {
            self.messages[index].receipts += 1;
        }
    }

    fn is_about(
        &self,
        index: usize,
        wire: u32,
        kind: PacketType,
        heard: Heard,
        label: &Label,
    ) -> bool {
        let message = &self.messages[index];
        let is_answerable = message.kind == kind && message.was_handed_over_on(wire);
        let addressed = !matches!(kind, PacketType::DataChannel | PacketType::Probe)
            || message.endpoint == label.endpoint;
        is_answerable
            && match (heard, &label.frame) {
                (Heard::Result(_), Some(frame)) => {
                    message.counter == Some(frame.counter) && message.op == frame.op
                }
                _ if kind == PacketType::DeviceInfo => label.msg_id == INFO_MSG_ID,
                _ => addressed && message.msg_id == Some(label.msg_id),
            }
    }

    /// What an answer makes of a live message; unless it is `surely` meant, what it may make of it.
    fn advance(&mut self, now: Instant, index: usize, heard: Heard, surely: bool) {
        let retries = self.own.retry.retry_on;
        let Some(message) = self.message(index) else { return };
        if !message.is_live() {
            return;
        }
        let temporary = |status| status == BUSY || retries.contains(&status);
        let (Heard::Receipt(status) | Heard::Result(status) | Heard::Verdict(status)) = heard;
        let stage = if matches!(heard, Heard::Result(_)) { Stage::Executed } else { Stage::Acked };
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
            Some(outcome) => message.may.push((now, outcome)),
            None => {}
        }
    }
}
