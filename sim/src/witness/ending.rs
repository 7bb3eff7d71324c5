//! How messages end: what must, or may, have ended them, and whether what is told of it is so.

use super::book::{Book, Rules};
use super::levels::compare;
use super::message::Message;
use super::{Violation, ensure};
use cync_core::wire::Destination;
use cync_core::{
    Event, Instant, MessageId, NotSent, Outcome, QueuePolicy, Receipt, Stage, Stats, Unknown,
};

/// How often each outcome was told.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Told([u64; 14]);

const NAMES: [&str; 14] = [
    "reached",
    "nacked",
    "not sent: deadline",
    "not sent: disconnected",
    "not sent: superseded",
    "not sent: dropped",
    "not sent: cancelled",
    "not sent: closed",
    "unknown: timeout",
    "unknown: disconnected",
    "unknown: superseded",
    "unknown: cancelled",
    "unknown: closed",
    "unknown: expired",
];

impl Told {
    fn count(&mut self, outcome: Outcome) {
        let at = match outcome {
            Outcome::Reached(_) => 0,
            Outcome::Nacked(_) => 1,
            Outcome::NotSent(why) => match why {
                NotSent::Deadline => 2,
                NotSent::Disconnected => 3,
                NotSent::Superseded => 4,
                NotSent::Dropped => 5,
                NotSent::Cancelled => 6,
                NotSent::Closed => 7,
                _ => return,
            },
            Outcome::Unknown(why) => match why {
                Unknown::Timeout => 8,
                Unknown::Disconnected => 9,
                Unknown::Superseded => 10,
                Unknown::Cancelled => 11,
                Unknown::Closed => 12,
                Unknown::Expired => 13,
                _ => return,
            },
        };
        if let Some(count) = self.0.get_mut(at) {
            *count += 1;
        }
    }

    /// S12: once everything was told, the counters of outcomes are what was told.
    pub(super) fn check(&self, stats: &Stats) -> Result<(), Violation> {
        let Stats { reached, nacked, not_sent, unknown, .. } = stats;
        let counted = [
            *reached,
            *nacked,
            not_sent.timeout,
            not_sent.disconnected,
            not_sent.superseded,
            not_sent.dropped,
            not_sent.cancelled,
            not_sent.closed,
            unknown.timeout,
            unknown.disconnected,
            unknown.superseded,
            unknown.cancelled,
            unknown.closed,
            unknown.expired,
        ];
        compare(NAMES, counted, self.0)
    }
}

impl Book {
    /// A newer command forbids further copies of older ones that set the same of the same.
    pub(super) fn supersede(&mut self, now: Instant, to: Destination, sets: u8) {
        if sets == 0 {
            return;
        }
        self.edit_live(
            |message| message.is_stale(to, sets),
            |message| {
                message.superseded = true;
                if message.copies == 0 {
                    message.end(now, Outcome::NotSent(NotSent::Superseded));
                } else {
                    // At once, or when its timer runs out.
                    message.may_end(now, Outcome::Unknown(Unknown::Superseded));
                }
            },
        );
    }

    /// S6: the full queue dropped so many messages, the oldest that were never handed over.
    pub(super) fn on_dropped(&mut self, now: Instant, dropped: u64) -> Result<(), Violation> {
        let (_, policy) = self.rules.queue;
        ensure!(
            dropped == 0 || policy == QueuePolicy::DropOldest,
            "S6",
            "{dropped} dropped from a queue that is to {policy:?}"
        );
        for _ in 0..dropped {
            let outcome = Outcome::NotSent(NotSent::Dropped);
            let (mut sure, mut any, mut found) = (true, false, false);
            self.edit_live(
                |message| message.copies == 0,
                |oldest| {
                    if found {
                        return;
                    }
                    any = true;
                    found = oldest.is_surely_live();
                    if sure && found {
                        oldest.end(now, outcome);
                    } else {
                        // It may have ended before, and then the next one was dropped.
                        sure = false;
                        oldest.may_end(now, outcome);
                    }
                },
            );
            ensure!(any, "S6", "dropped what was handed over");
        }
        Ok(())
    }

    /// The connection is gone, or replaced; `ends` says that none follows.
    pub(super) fn on_disconnect(&mut self, now: Instant, ends: bool) {
        let rides = self.rules.ride_through && !ends;
        self.edit_live(
            |message| !rides || message.copies > 0,
            |message| {
                if rides && !message.once && !message.superseded {
                    message.riding = true;
                } else if message.superseded {
                    message.end(now, Outcome::Unknown(Unknown::Superseded));
                } else {
                    message.end(now, message.ends_as(NotSent::Disconnected, Unknown::Disconnected));
                }
            },
        );
    }

    /// `close` ended what there was.
    pub(super) fn on_closed(&mut self, now: Instant) {
        self.edit_live(
            |_| true,
            |message| message.end(now, message.ends_as(NotSent::Closed, Unknown::Closed)),
        );
    }

    /// `cancel` returned `cancelled` for a message that is not done.
    pub(super) fn on_cancel(
        &mut self,
        now: Instant,
        id: MessageId,
        index: Option<u32>,
        cancelled: bool,
    ) -> Result<(), Violation> {
        let message = index.and_then(|index| Some((index, self.message(index)?)));
        let Some((index, message)) = message.filter(|(_, message)| message.is_live()) else {
            ensure!(!cancelled, "S2", "{id} was cancelled after its end");
            return Ok(());
        };
        let surely = message.is_surely_live();
        ensure!(cancelled || !surely, "S2", "{id} has not ended, and was not cancelled");
        self.edit(index, |message| {
            if cancelled {
                message.end(now, message.ends_as(NotSent::Cancelled, Unknown::Cancelled));
            } else {
                message.is_over = true;
            }
        });
        Ok(())
    }

    /// The session was ticked; `drained` says that the time for draining is over.
    pub(super) fn on_tick(&mut self, now: Instant, drained: bool) {
        let Rules { retry, timer, .. } = self.rules;
        self.swept = self.swept.max(now);
        self.on_timers(now);
        if now >= self.soonest {
            self.edit_live(
                |message| message.deadline <= now,
                |message| message.end(now, message.ends_as(NotSent::Deadline, Unknown::Timeout)),
            );
            let left = self.live.iter().filter_map(|index| self.message(*index));
            self.soonest = left.map(|message| message.deadline).min().unwrap_or(Instant::MAX);
        }
        if let Some(most) = retry.max_attempts.map(|most| u32::from(most.get())) {
            self.edit_live(
                |message| {
                    let waited = message.copies > 0 && now >= message.last.0 + timer.floor;
                    waited && message.attempts() >= most && !message.once
                },
                |message| message.may_end(now, Outcome::Unknown(Unknown::Timeout)),
            );
        }
        if drained {
            self.edit_live(
                |_| true,
                |message| message.may_end(now, message.ends_as(NotSent::Closed, Unknown::Closed)),
            );
        }
        self.forget_settled();
    }

    /// Packets were asked for: what comes too late to be handed over may end.
    pub(super) fn on_late(&mut self, now: Instant) {
        if now < self.soonest_late {
            return;
        }
        self.edit_live(
            |message| message.deadline <= now,
            |message| {
                message.may_end(now, message.ends_as(NotSent::Deadline, Unknown::Timeout));
            },
        );
        let left = self.live.iter().filter_map(|index| self.message(*index));
        let later = left.map(|message| message.deadline).filter(|deadline| *deadline > now);
        self.soonest_late = later.min().unwrap_or(Instant::MAX);
    }

    /// S2, S3, S15: an event is about a live message, comes once and in order, and is true.
    pub(super) fn on_event(&mut self, event: &Event, index: Option<u32>) -> Result<(), Violation> {
        let stage = match *event {
            Event::Sent { .. } => Some(Stage::Sent),
            Event::Acked { .. } => Some(Stage::Acked),
            Event::Executed { .. } => Some(Stage::Executed),
            Event::Done { .. } => None,
            _ => return Ok(()),
        };
        let Some((index, message)) = index.and_then(|at| Some((at, self.message(at)?))) else {
            return Err(Violation::new("S2", format!("{event:?} of no live message")));
        };
        if let Event::Done { outcome, receipt, .. } = *event {
            check_end(message, outcome, &receipt)?;
            self.edit(index, |message| {
                message.done = true;
                message.end = Some((receipt.done_at, outcome));
            });
            self.told.count(outcome);
            self.forget_settled();
        } else if let Some(stage) = stage {
            ensure!(message.told < Some(stage), "S2", "{event:?} behind {:?}", message.told);
            ensure!(message.stage >= Some(stage), "S3", "{event:?} at {:?}", message.stage);
            self.edit(index, |message| message.told = Some(stage));
        }
        Ok(())
    }
}

fn check_end(message: &Message, outcome: Outcome, receipt: &Receipt) -> Result<(), Violation> {
    let Message { end, may, copies, body, .. } = message;
    let copies = *copies;
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
        "{outcome:?} at {at:?}; expected {end:?} or {may:?}; {body:?}, {copies} copies"
    );
    let nothing_left = matches!(outcome, Outcome::NotSent(_));
    ensure!(nothing_left == (copies == 0), "S15", "{outcome:?} with {copies} copies of {body:?}");
    ensure!(message.told == receipt.stage, "S2", "{receipt:?}, and {:?} was told", message.told);
    ensure!(u32::from(receipt.attempts) == copies, "S3", "{receipt:?} of {copies} copies");
    let first = (copies > 0).then_some(message.first);
    let times = (receipt.queued_at, receipt.sent_at);
    ensure!(times == (message.queued_at, first), "S3", "{receipt:?}, sent at {first:?}");
    if must && may.is_empty() {
        let seen = (message.stage, message.status);
        let told = (receipt.stage, receipt.status);
        let right = told == seen || message.may_have_seen.contains(&told);
        ensure!(right, "S3", "{receipt:?}, expected {seen:?} or {:?}", message.may_have_seen);
    }
    if let Outcome::Reached(stage) = outcome {
        ensure!(stage >= message.until, "S3", "{outcome:?} of {body:?}");
        let answered = stage == Stage::Sent || message.answerable;
        ensure!(answered, "S3", "{outcome:?} of what the peer never got: {body:?}");
    }
    Ok(())
}
