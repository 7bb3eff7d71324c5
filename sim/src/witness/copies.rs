//! What left a session of what it was asked to send.

use super::book::{Book, Rules, after_its_end};
use super::heading::Heading;
use super::message::{Body, Message};
use super::{Bytes, Violation, ensure};
use cync_core::wire::{Direction, FRAME_AT, PacketType};
use cync_core::{Backoff, Instant, Outcome, Stage, Transmit};
use std::time::Duration;

impl Book {
    /// A copy of a message was handed over.
    pub(super) fn on_copy(
        &mut self,
        now: Instant,
        wire: u32,
        index: u32,
        transmit: &Transmit,
        (heading, bytes): (Option<&Heading<'_>>, &[u8]),
    ) -> Result<(), Violation> {
        let Some(message) = self.message(index) else {
            return Err(Violation::new("S2", format!("{transmit:?} of a message that is done")));
        };
        if let Some((at, outcome)) = message.end {
            let what = format!("{transmit:?} after {outcome:?} at {at:?}");
            return Err(Violation::new(after_its_end(outcome), what));
        }
        let Message { copies, deadline, .. } = *message;
        ensure!(!message.is_over, "S2", "{transmit:?} after its end");
        ensure!(u32::from(transmit.attempt) == copies + 1, "S5", "{transmit:?}, {copies} before");
        ensure!(now < deadline, "S8", "{transmit:?} past {deadline:?}");
        ensure!(copies == 0 || !message.once, "S11", "{transmit:?} of a message sent once");
        ensure!(
            !message.superseded,
            "S13",
            "{transmit:?} after a newer command: {:?}",
            message.body
        );
        if copies == 0 {
            let Some(heading) = heading else {
                return Err(Violation::new(
                    "S5",
                    format!("{transmit:?} carries no message number"),
                ));
            };
            self.on_first(index, transmit, heading, bytes)?;
        } else {
            self.check_again(now, wire, message, transmit, bytes)?;
        }
        self.record(now, wire, index, bytes);
        self.check_windows(now, index)
    }

    fn record(&mut self, now: Instant, wire: u32, index: u32, bytes: &[u8]) {
        let (ordinal, overtakes) = (self.firsts, self.under_way.len() as u64);
        let budgeted = self.message(index).is_some_and(|it| it.copies > 0 && !it.riding);
        if budgeted {
            if self.taken.len() >= self.rules.budget.burst.into() {
                self.taken.pop_front();
            }
            self.taken.push_back(now);
        }
        let timer = now + self.rules.longest_timer();
        self.soonest_timer = self.soonest_timer.min(timer);
        let (mut repeated, mut rider) = (self.repeated, None);
        self.edit(index, |message| {
            if message.copies == 0 {
                message.bytes = bytes.into();
                (message.first, message.ordinal) = (now, ordinal);
                message.overtakes = overtakes;
                message.stage = Some(Stage::Sent);
            } else if message.riding {
                message.waived += 1;
                rider = Some((wire, message.ordinal));
                repeated.reconnected += 1;
            } else if message.status.is_some_and(|status| !status.is_ok()) {
                repeated.refused += 1;
            } else {
                repeated.timed_out += 1;
            }
            message.riding = false;
            message.copies += 1;
            message.last = (now, wire);
            message.ran_out = None;
            // Whatever might have ended it did not.
            message.may.clear();
            if message.until == Stage::Sent {
                message.end(now, Outcome::Reached(Stage::Sent));
            }
        });
        if self.message(index).is_some_and(|message| message.copies == 1) {
            self.firsts += 1;
            self.last_first = Some(index);
            self.under_way.push_back(index);
        }
        self.copies += 1;
        self.repeated = repeated;
        self.last_rider = rider.unwrap_or(self.last_rider);
    }

    /// S5 and S7: the first copy says what was asked, and leaves in the order of `send`.
    fn on_first(
        &mut self,
        index: u32,
        transmit: &Transmit,
        heading: &Heading<'_>,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        let in_order =
            self.last_first.is_none_or(|last| index.wrapping_sub(last).cast_signed() > 0);
        ensure!(in_order, "S7", "{transmit:?} behind {:?}", self.last_first);
        let Some(message) = self.message(index) else { return Ok(()) };
        let Heading { kind, endpoint, msg_id, frame } = *heading;
        let is_info = kind == PacketType::DeviceInfo;
        let expected = (message.kind, message.endpoint, message.msg_id.unwrap_or(msg_id));
        ensure!((kind, endpoint, msg_id) == expected, "S5", "{transmit:?} of {:?}", message.body);
        let payload = bytes.get(FRAME_AT..).unwrap_or_default();
        let typed;
        let (says, direction): (&[u8], _) = match &message.body {
            Body::Raw(raw) => {
                ensure!(*raw == *payload, "S5", "{transmit:?} of {:?}", message.body);
                (&[], None)
            }
            Body::Probe => (&[], None),
            Body::Framed(data) => (data, frame.map(|frame| frame.direction)),
            Body::Command(command) => {
                typed = command.data(frame.map_or(0, |frame| frame.counter));
                (&typed, frame.map(|frame| frame.direction))
            }
        };
        if let (Some(direction), Some(frame)) = (direction, &frame) {
            let asked = kind == PacketType::DataChannel;
            let wanted = if asked { Direction::REQUEST } else { Direction::ANNOUNCE };
            let same = direction == wanted
                && frame.op == message.op
                && match frame.data.as_slice() {
                    Some(data) => data == says,
                    None => frame.data.bytes().eq(says.iter().copied()),
                };
            ensure!(same, "S5", "{frame:?} of {:?}", message.body);
        }
        let had_number = message.msg_id.is_some();
        let counter = frame.map(|frame| frame.counter);
        // A late answer to the one that had this number before is not told from one to this, and all `0x43` have one.
        let answerable = is_info || self.used.contains(msg_id);
        let same_number = if is_info {
            self.newest_info.replace(index)
        } else {
            self.used.insert(msg_id);
            if had_number { None } else { self.numbers.push(msg_id.0.into(), index) }
        };
        let same_counter = counter.and_then(|counter| self.counters.push(counter, index));
        let op = frame.map(|frame| frame.op);
        self.edit(index, |message| {
            message.msg_id = Some(msg_id).filter(|_| !is_info);
            message.answerable = answerable;
            message.counter = counter;
            message.op = op.unwrap_or(message.op);
            if !had_number {
                message.same_number = same_number;
            }
            message.same_counter = same_counter;
        });
        self.check_number(index)
    }

    /// S14: an answer to one message cannot be taken for one to another.
    fn check_number(&self, index: u32) -> Result<(), Violation> {
        let Some(message) = self.message(index) else { return Ok(()) };
        // The number was chosen when the message was taken.
        let then = message.queued_at;
        if let Some(number) = message.msg_id {
            let clashes = |at: u32, other: &Message| {
                let was_live = other.may.is_empty() && other.end.is_none_or(|(end, _)| end > then);
                let under_way = other.awaits_receipts(then, self.rules.copy_lifetime);
                at != index && other.msg_id == Some(number) && (was_live || under_way)
            };
            let mut next = self.numbers.newest(number.0.into());
            while let Some((at, other)) = next.and_then(|at| Some((at, self.message(at)?))) {
                let newer = at.wrapping_sub(index).cast_signed() > 0;
                ensure!(
                    newer || !clashes(at, other),
                    "S14",
                    "{number} is that of {at} and {index}"
                );
                next = other.same_number;
            }
        }
        if let Some(counter) = message.counter {
            let mut next = message.same_counter;
            while let Some((at, other)) = next.and_then(|at| Some((at, self.message(at)?))) {
                ensure!(other.counter != Some(counter), "S14", "{counter} counts {at} and {index}");
                next = other.same_counter;
            }
        }
        Ok(())
    }

    /// S3, S5, S8: further copies are equal to the first, spaced, counted, and not too late to be recognised.
    fn check_again(
        &self,
        now: Instant,
        wire: u32,
        message: &Message,
        transmit: &Transmit,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        let Rules { retry, timer, budget, span, .. } = &self.rules;
        let Message { first, last: (last, _), ordinal, .. } = *message;
        ensure!(message.bytes == *bytes, "S5", "{transmit:?} differs from the first copy");
        ensure!(now <= first + *span, "S11", "{transmit:?}, the first copy was at {first:?}");
        if message.riding {
            let before = self.last_rider;
            ensure!(before < (wire, ordinal), "S7", "{transmit:?} of {ordinal} behind {before:?}");
            return Ok(());
        }
        let attempts = message.attempts();
        let most = retry.max_attempts.map_or(u32::MAX, |most| most.get().into());
        ensure!(attempts < most, "S3", "{transmit:?} where {most} attempts are allowed");
        let wait = match retry.backoff {
            Backoff::Flat => Duration::ZERO,
            Backoff::Exponential { base, cap } => {
                let doubled = (1..attempts.min(20)).fold(base, |wait, _| wait * 2);
                doubled.min(cap)
            }
        };
        let earliest = last + timer.floor + wait;
        ensure!(now >= earliest, "S8", "{transmit:?} at {now:?}, the last one was at {last:?}");
        let brought = u64::from(budget.percent) * self.firsts * 10_000
            + u64::from(budget.per_second) * now.as_micros();
        let allowed = u64::from(budget.burst) + brought / 1_000_000;
        let repeats = self.repeated.timed_out + self.repeated.refused;
        ensure!(repeats < allowed, "S8", "{transmit:?} beyond the budget of {allowed}");
        Ok(())
    }

    /// S4: the windows hold.
    fn check_windows(&mut self, now: Instant, index: u32) -> Result<(), Violation> {
        let Rules { window, id_window, copy_lifetime, .. } = self.rules;
        // What rides may find the window full.
        let [held, _] = self.levels.in_flight;
        ensure!(held <= window, "S4", "{held} messages in flight, the window is {window}");
        while let Some(oldest) = self.under_way.front() {
            // A session frees numbers when it is told the time.
            let is_over = |message: &Message| {
                !message.is_live() && !message.awaits_receipts(self.swept, copy_lifetime)
            };
            if !self.message(*oldest).is_none_or(is_over) {
                break;
            }
            self.under_way.pop_front();
        }
        let Some(ordinal) = self.message(index).map(|message| message.ordinal) else {
            return Ok(());
        };
        let mut copied = self.under_way.iter().filter_map(|index| self.message(*index));
        let oldest = copied.find(|message| message.is_under_way(now, copy_lifetime));
        let ahead = ordinal.saturating_sub(oldest.map_or(ordinal, |oldest| oldest.ordinal));
        ensure!(ahead < id_window, "S4", "{ahead} ahead of the oldest number, window {id_window}");
        Ok(())
    }

    /// The whole packet of a message, once it was handed over.
    pub(super) fn packet(&self, index: u32) -> Option<&Bytes> {
        self.message(index).filter(|message| message.copies > 0).map(|message| &message.bytes)
    }
}
