//! How messages end, one by one and all at once, and when their slots are free again.

use super::order::Order;
use super::slot::{Phase, Slot, news};
use super::{Chain, Outbox, place};
use crate::event::{MessageId, NotSent, Outcome, Unknown};
use crate::stats::Stats;
use crate::time::Instant;

impl<const SLOTS: usize> Outbox<SLOTS> {
    /// Ends a message. Its number stays in use as long as copies of it may be under way.
    #[inline(never)]
    pub(crate) fn finish(&mut self, now: Instant, at: u16, outcome: Outcome, stats: &mut Stats) {
        self.conclude(now, at, outcome, stats);
    }

    /// As [`Outbox::finish`], in place.
    #[inline(always)]
    pub(super) fn conclude(&mut self, now: Instant, at: u16, outcome: Outcome, stats: &mut Stats) {
        let Some(slot) = self.slot_mut(at).filter(|slot| slot.done.is_none()) else { return };
        slot.done = Some(outcome);
        if let Outcome::Nacked(status) = outcome {
            slot.status = Some(status);
        }
        let last_sent = core::mem::replace(&mut slot.last, now);
        let data = core::mem::replace(&mut slot.data, Chain::EMPTY);
        let (in_flight, owed) = (slot.copies > 0, slot.is_owed_answers());
        self.tell(at, news::DONE);
        if in_flight {
            self.in_flight -= 1;
        } else {
            self.queued -= 1;
        }
        self.blocks.release(data);
        self.due.remove(&mut self.slots, at);
        if self.slot(at).is_some_and(Slot::is_replaceable) {
            self.forget_destination(at);
        }
        count(outcome, stats);
        if !(owed && self.keeps_number(now, at, last_sent)) {
            self.forget_number(at);
        }
    }

    /// Whether a copy of a message that has ended may be under way, which was handed over last at `last_sent`: then its number
    /// stays in use as long.
    #[inline(never)]
    fn keeps_number(&mut self, now: Instant, at: u16, last_sent: Instant) -> bool {
        let gone = last_sent.plus_micros(self.copy_lifetime);
        let keeps = gone > now && !planted!(IdReusedEarly);
        if keeps {
            self.timers.set(&mut self.slots, at, gone);
        }
        keeps
    }

    /// No copy of a message can be under way any more.
    #[inline(never)]
    pub(crate) fn free_number(&mut self, at: u16) {
        self.forget_number(at);
        self.release_if_over(at);
    }

    /// As [`Outbox::free_number`], in place, of a message whose end was not told: its slot is not free yet.
    #[inline(always)]
    fn forget_number(&mut self, at: u16) {
        let Some(slot) = self.slot_mut(at) else { return };
        let (msg_id, counter) = (slot.message.msg_id, slot.message.counter);
        let unacknowledged = slot.is_unacknowledged();
        self.unacknowledged = self.unacknowledged.wrapping_sub(u16::from(unacknowledged));
        self.timers.stop(&mut self.slots, at);
        self.order.remove(&mut self.slots, at);
        self.by_msg_id.remove(&mut self.slots, u32::from(msg_id.0), at);
        self.by_counter.remove(&mut self.slots, counter, at);
    }

    /// Frees a slot once its message's end was told and its number is free.
    #[inline(always)]
    pub(super) fn release_if_over(&mut self, at: u16) {
        let Some(place) = self.slots.get_mut(usize::from(at)) else { return };
        if place.is_over() {
            place.generation = place.generation.wrapping_add(1);
            place.give_back(self.free);
            self.free = at;
        }
    }

    /// Ends a message for a reason that says whether a byte of it left.
    fn end(
        &mut self,
        now: Instant,
        at: u16,
        not_sent: NotSent,
        unknown: Unknown,
        stats: &mut Stats,
    ) {
        let left = self.slot(at).is_some_and(|slot| slot.copies > 0);
        let outcome = if left { Outcome::Unknown(unknown) } else { Outcome::NotSent(not_sent) };
        self.finish(now, at, outcome, stats);
    }

    /// Ends a message whose time is over, or whose attempts are used up.
    pub(crate) fn give_up(&mut self, now: Instant, at: u16, stats: &mut Stats) {
        self.end(now, at, NotSent::Deadline, Unknown::Timeout, stats);
    }

    /// Ends a message at the application's wish. False if it has ended before.
    pub(crate) fn cancel(&mut self, now: Instant, id: MessageId, stats: &mut Stats) -> bool {
        let at = place::slot_of::<SLOTS>(id);
        let live = self.id(at) == Some(id) && self.slot(at).is_some_and(|slot| slot.done.is_none());
        let goes_on = planted!(RetryAfterCancel) && self.first_sent(at).is_some();
        if live && !goes_on {
            self.end(now, at, NotSent::Cancelled, Unknown::Cancelled, stats);
        }
        live
    }

    /// Ends the oldest message that was never handed over, to make room. False if there is none.
    pub(crate) fn drop_oldest(&mut self, now: Instant, stats: &mut Stats) -> bool {
        let oldest = if planted!(NewestDropped) {
            self.order.last_queued()
        } else {
            self.order.first_queued()
        };
        if let Some(at) = oldest {
            self.finish(now, at, Outcome::NotSent(NotSent::Dropped), stats);
        }
        oldest.is_some()
    }

    /// Ends every message because the session is closed. Returns how many there were.
    pub(crate) fn close(&mut self, now: Instant, stats: &mut Stats) -> u16 {
        let left = self.queued + self.in_flight;
        self.for_each_live(|outbox, at| {
            outbox.end(now, at, NotSent::Closed, Unknown::Closed, stats);
        });
        left
    }

    /// The connection is gone: no answer can come to what was handed over on it. With `ride_through` messages that may be
    /// repeated are kept for the next connection; the others end.
    pub(crate) fn disconnect(&mut self, now: Instant, ride_through: bool, stats: &mut Stats) {
        self.for_each_live(|outbox, at| outbox.leave(now, at, ride_through, stats));
        let mut next = self.order.first_sent();
        while let Some(at) = next.filter(|at| Some(*at) != self.order.first_queued()) {
            next = Order::after(&self.slots, at);
            if let Some(slot) = self.slot_mut(at).filter(|_| !planted!(AnswerOfOldConnection)) {
                slot.answerable = false;
            }
        }
    }

    fn leave(&mut self, now: Instant, at: u16, ride_through: bool, stats: &mut Stats) {
        let Some(slot) = self.slot_mut(at) else { return };
        let (once, superseded) = (slot.message.once, slot.superseded);
        match slot.phase {
            Phase::Queued if ride_through => {}
            _ if ride_through && !once && !superseded => {
                // Taken out and appended again: what rides leaves in the order of its first transmission.
                self.due.remove(&mut self.slots, at);
                self.change_phase(at, Phase::Riding, Instant::MAX);
                self.due.push(&mut self.slots, at);
            }
            _ if superseded => {
                self.end(now, at, NotSent::Superseded, Unknown::Superseded, stats);
            }
            _ => self.end(now, at, NotSent::Disconnected, Unknown::Disconnected, stats),
        }
    }

    /// Every message that has not ended, in the order of `send`.
    fn for_each_live(&mut self, mut act: impl FnMut(&mut Self, u16)) {
        let mut next = self.order.first();
        while let Some(at) = next {
            next = Order::after(&self.slots, at);
            if self.slot(at).is_some_and(|slot| slot.done.is_none()) {
                act(self, at);
            }
        }
    }
}

fn count(outcome: Outcome, stats: &mut Stats) {
    let counter = match outcome {
        Outcome::Reached(_) => &mut stats.reached,
        Outcome::Nacked(_) => &mut stats.nacked,
        Outcome::NotSent(why) => match why {
            NotSent::Deadline => &mut stats.not_sent.timeout,
            NotSent::Disconnected => &mut stats.not_sent.disconnected,
            NotSent::Superseded => &mut stats.not_sent.superseded,
            NotSent::Dropped => &mut stats.not_sent.dropped,
            NotSent::Cancelled => &mut stats.not_sent.cancelled,
            NotSent::Closed => &mut stats.not_sent.closed,
        },
        Outcome::Unknown(why) => match why {
            Unknown::Timeout => &mut stats.unknown.timeout,
            Unknown::Disconnected => &mut stats.unknown.disconnected,
            Unknown::Expired => &mut stats.unknown.expired,
            Unknown::Superseded => &mut stats.unknown.superseded,
            Unknown::Cancelled => &mut stats.unknown.cancelled,
            Unknown::Closed => &mut stats.unknown.closed,
        },
    };
    *counter = counter.wrapping_add(1);
}
