//! How messages end: what must, or may, have ended them, and whether what is told of it is so.

use super::book::{Book, Message};
use super::op::What;
use super::{Violation, ensure};
use cync_core::{
    Event, Instant, MessageId, NotSent, Outcome, QueuePolicy, Receipt, Stage, Unknown,
};

/// Live messages as the model knows them: certainly, and at most.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Levels {
    pub(super) queued: [usize; 2],
    pub(super) in_flight: [usize; 2],
}

impl Book {
    /// A newer command forbids further copies of older ones that set the same of the same.
    pub(super) fn supersede(&mut self, now: Instant, newer: What) {
        let Some(to) = newer.to() else { return };
        for message in self.messages.iter_mut().filter(|message| message.is_live()) {
            let what = message.ask.what;
            let stale =
                what.to().is_some_and(|other| to.meets(other)) && what.sets() & newer.sets() != 0;
            if !stale || message.superseded {
                continue;
            }
            message.superseded = true;
            if message.copies.is_empty() {
                message.end(now, Outcome::NotSent(NotSent::Superseded));
            } else {
                // At once, or when its timer runs out.
                message.may.push((now, Outcome::Unknown(Unknown::Superseded)));
            }
        }
    }

    /// S6: the full queue dropped so many messages, the oldest that were never handed over.
    pub(super) fn on_dropped(&mut self, now: Instant, dropped: u64) -> Result<(), Violation> {
        let policy = self.own.queue.policy;
        ensure!(
            dropped == 0 || policy == QueuePolicy::DropOldest,
            "S6",
            "{dropped} dropped from a queue that is to {policy:?}"
        );
        for _ in 0..dropped {
            let outcome = Outcome::NotSent(NotSent::Dropped);
            let queued = |message: &&mut Message| message.is_live() && message.copies.is_empty();
            let mut sure = true;
            let mut any = false;
            for oldest in self.messages.iter_mut().filter(queued) {
                any = true;
                if sure && oldest.is_surely_live() {
                    oldest.end(now, outcome);
                    break;
                }
                // It may have ended before, and then the next one was dropped.
                sure = false;
                let last = oldest.is_surely_live();
                oldest.may.push((now, outcome));
                if last {
                    break;
                }
            }
            ensure!(any, "S6", "dropped what was handed over");
        }
        Ok(())
    }

    /// The connection is gone, or replaced; `ends` says that none follows.
    pub(super) fn on_disconnect(&mut self, now: Instant, ends: bool) {
        let rides = self.own.ride_through && !ends;
        for message in self.messages.iter_mut().filter(|message| message.is_live()) {
            let handed_over = !message.copies.is_empty();
            if rides && !handed_over {
                continue;
            }
            if rides && !message.once && !message.superseded {
                message.riding = true;
            } else if message.superseded {
                message.end(now, Outcome::Unknown(Unknown::Superseded));
            } else {
                let outcome = message.ends_as(NotSent::Disconnected, Unknown::Disconnected);
                message.end(now, outcome);
            }
        }
    }

    /// `close` ended what there was.
    pub(super) fn on_closed(&mut self, now: Instant) {
        for message in self.messages.iter_mut().filter(|message| message.is_live()) {
            message.end(now, message.ends_as(NotSent::Closed, Unknown::Closed));
        }
    }

    /// `cancel` returned `cancelled`.
    pub(super) fn on_cancel(
        &mut self,
        now: Instant,
        id: MessageId,
        cancelled: bool,
    ) -> Result<(), Violation> {
        let watched = self.watched;
        let message = self.index(id).and_then(|index| self.message(index));
        if !watched {
            return Ok(());
        }
        let Some(message) = message.filter(|message| message.is_live()) else {
            ensure!(!cancelled, "S2", "{id} was cancelled after its end");
            return Ok(());
        };
        if cancelled {
            message.end(now, message.ends_as(NotSent::Cancelled, Unknown::Cancelled));
        } else {
            ensure!(!message.is_surely_live(), "S2", "{id} has not ended, and was not cancelled");
            message.is_over = true;
        }
        Ok(())
    }

    /// The session was ticked; `drained` says that the time for draining is over.
    pub(super) fn on_tick(&mut self, now: Instant, drained: bool) {
        let Self { own, .. } = self;
        let most = own.retry.max_attempts.map_or(usize::MAX, |most| usize::from(most.get()));
        let floor = own.timer.floor;
        for message in self.messages.iter_mut().filter(|message| message.is_live()) {
            if message.deadline <= now {
                message.end(now, message.ends_as(NotSent::Deadline, Unknown::Timeout));
                continue;
            }
            let waited = message.last_copy().is_some_and(|at| now >= at + floor);
            if waited && message.copies.len() - message.waived >= most && !message.once {
                message.may.push((now, Outcome::Unknown(Unknown::Timeout)));
            }
            if drained {
                message.may.push((now, message.ends_as(NotSent::Closed, Unknown::Closed)));
            }
        }
    }

    /// Packets were asked for: what comes too late to be handed over may end.
    pub(super) fn on_late(&mut self, now: Instant) {
        let late = |message: &&mut Message| message.is_live() && message.deadline <= now;
        for message in self.messages.iter_mut().filter(late) {
            message.may.push((now, message.ends_as(NotSent::Deadline, Unknown::Timeout)));
        }
    }

    /// S2, S3, S15: an event is about a live message, comes once and in order, and is true.
    pub(super) fn on_event(&mut self, event: &Event) -> Result<(), Violation> {
        let (id, stage) = match *event {
            Event::Sent { id } => (id, Some(Stage::Sent)),
            Event::Acked { id } => (id, Some(Stage::Acked)),
            Event::Executed { id } => (id, Some(Stage::Executed)),
            Event::Done { id, .. } => (id, None),
            _ => return Ok(()),
        };
        let watched = self.watched;
        let Some(message) = self.index(id).and_then(|index| self.message(index)) else {
            return Err(Violation::of("S2", format!("{event:?} of no live message")));
        };
        if !watched {
            if stage.is_none() {
                self.forget(id);
            }
            return Ok(());
        }
        if let Some(stage) = stage {
            ensure!(message.told < Some(stage), "S2", "{event:?} behind {:?}", message.told);
            ensure!(message.stage >= Some(stage), "S3", "{event:?} at {:?}", message.stage);
            message.told = Some(stage);
        }
        if let Event::Done { outcome, receipt, .. } = *event {
            check_end(message, outcome, &receipt)?;
            message.done = true;
            message.end = Some((receipt.done_at, outcome));
            self.forget(id);
            *self.told.entry(name(outcome)).or_default() += 1;
        }
        Ok(())
    }

    /// L1: what has not been told at this time, though its deadline is over.
    pub(super) fn overdue(&self, now: Instant) -> Option<&Message> {
        self.messages.iter().find(|message| !message.done && message.deadline <= now)
    }

    /// How many messages are live.
    pub(super) fn levels(&self) -> Levels {
        let mut levels = Levels::default();
        for message in self.messages.iter().filter(|message| message.is_live()) {
            let Levels { queued, in_flight } = &mut levels;
            let [surely, at_most] = if message.copies.is_empty() { queued } else { in_flight };
            *surely += usize::from(message.is_surely_live());
            *at_most += 1;
        }
        levels
    }
}

/// Outcomes as the counters tell them apart.
pub(super) fn name(outcome: Outcome) -> String {
    match outcome {
        Outcome::Reached(_) => "reached".into(),
        Outcome::Nacked(_) => "nacked".into(),
        Outcome::NotSent(why) => format!("not sent: {why:?}"),
        Outcome::Unknown(why) => format!("unknown: {why:?}"),
    }
}

fn check_end(message: &Message, outcome: Outcome, receipt: &Receipt) -> Result<(), Violation> {
    let Message { end, may, copies, ask, .. } = message;
    let copies = copies.len();
    let at = receipt.done_at;
    let must = end.is_some_and(|end| end == (at, outcome));
    let may_be = may.iter().any(|(since, other)| *other == outcome && *since <= at)
        && end.is_none_or(|(end, _)| at <= end);
    let invariant = match outcome {
        Outcome::NotSent(_) => "S15",
        Outcome::Nacked(_) => "S9",
        _ => "S3",
    };
    ensure!(
        must || may_be,
        invariant,
        "{outcome:?} at {at:?}; expected {end:?} or {may:?}; {ask:?}, {copies} copies"
    );
    let nothing_left = matches!(outcome, Outcome::NotSent(_));
    ensure!(nothing_left == (copies == 0), "S15", "{outcome:?} with {copies} copies of {ask:?}");
    ensure!(usize::from(receipt.attempts) == copies, "S3", "{receipt:?} of {copies} copies");
    let first = message.copies.first().map(|(at, _)| *at);
    let times = (receipt.queued_at, receipt.sent_at);
    ensure!(times == (message.queued_at, first), "S3", "{receipt:?}, sent at {first:?}");
    if must && may.is_empty() {
        let seen = (message.stage, message.status);
        ensure!((receipt.stage, receipt.status) == seen, "S3", "{receipt:?}, expected {seen:?}");
    }
    if let Outcome::Reached(stage) = outcome {
        ensure!(stage >= message.until, "S3", "{outcome:?} of {ask:?}");
        let answered = stage == Stage::Sent || message.answerable;
        ensure!(answered, "S3", "{outcome:?} of what the peer never got: {ask:?}");
    }
    Ok(())
}
