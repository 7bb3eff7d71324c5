//! Messages on their way: slots from `send` to `Done`.
//!
//! Everything the session reports or transmits about a message is derived from its slot, so that no queue of events or
//! packets can overflow. Look-up by number, order and deadline do not depend on how many messages are under way.

mod blocks;
mod index;
mod order;
mod timers;

use crate::event::{Event, MessageId, NotSent, Outcome, Receipt, Unknown};
use crate::request::Stage;
use crate::time::Instant;
use crate::wire::{Endpoint, MsgId, PacketType, StatusCode};
use blocks::{Blocks, Chain};
use index::Index;
use order::Order;
use timers::Timers;

/// No slot.
const NIL: u16 = u16::MAX;

/// What a slot sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    pub(crate) kind: PacketType,
    pub(crate) endpoint: Endpoint,
    pub(crate) msg_id: MsgId,
    pub(crate) counter: u32,
    pub(crate) op: u8,
    pub(crate) until: Stage,
    pub(crate) once: bool,
    pub(crate) deadline: Instant,
}

/// Events of a slot that have not been polled, in the order they are told.
mod news {
    pub(super) const SENT: u8 = 1;
    pub(super) const ACKED: u8 = 2;
    pub(super) const EXECUTED: u8 = 4;
    pub(super) const DONE: u8 = 8;
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    message: Message,
    data: Chain,
    stage: Option<Stage>,
    status: Option<StatusCode>,
    attempts: u16,
    queued_at: Instant,
    first_sent: Instant,
    last_sent: Instant,
    done: Option<(Outcome, Instant)>,
    news: u8,
}

/// What became of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Matched {
    /// The slot's handle.
    pub(crate) slot: u16,
    /// How often the message was handed over so far.
    pub(crate) attempts: u16,
    /// When it was handed over first and last.
    pub(crate) first_sent: Instant,
    pub(crate) last_sent: Instant,
    /// The stage before this answer.
    pub(crate) stage: Option<Stage>,
    pub(crate) until: Stage,
}

#[derive(Debug)]
pub(crate) struct Outbox<const SLOTS: usize> {
    slots: [Option<Slot>; SLOTS],
    /// Counts how often each slot was used, so that a stale id is told from a live one.
    generations: [u16; SLOTS],
    blocks: Blocks<SLOTS>,
    free: Order<SLOTS>,
    /// Waiting for their first transmission, in `send` order.
    queued: Order<SLOTS>,
    /// Waiting for another transmission, in the order their timers ran out.
    due: Order<SLOTS>,
    /// Slots with events to tell.
    news: Order<SLOTS>,
    timers: Timers<SLOTS>,
    by_msg_id: Index<SLOTS>,
    by_counter: Index<SLOTS>,
    in_flight: u16,
    live: u16,
}

impl<const SLOTS: usize> Outbox<SLOTS> {
    /// Bytes of data that there is room for in all.
    pub(crate) const CAPACITY: usize = Blocks::<SLOTS>::CAPACITY;

    pub(crate) fn new() -> Self {
        const { assert!(SLOTS > 0 && SLOTS < NIL as usize, "SLOTS is 1 to 65534") };
        let mut free = Order::new();
        (0..SLOTS as u16).for_each(|slot| free.push(slot));
        Self {
            slots: [None; SLOTS],
            generations: [0; SLOTS],
            blocks: Blocks::new(),
            free,
            queued: Order::new(),
            due: Order::new(),
            news: Order::new(),
            timers: Timers::new(),
            by_msg_id: Index::new(),
            by_counter: Index::new(),
            in_flight: 0,
            live: 0,
        }
    }

    /// Messages handed over and not done.
    pub(crate) fn in_flight(&self) -> u16 {
        self.in_flight
    }

    /// Messages waiting for their first transmission.
    pub(crate) fn queued(&self) -> usize {
        self.queued.len()
    }

    /// Whether every message is done.
    pub(crate) fn is_idle(&self) -> bool {
        self.live == 0
    }

    /// Whether a message that is not done uses this number.
    pub(crate) fn uses(&self, msg_id: MsgId) -> bool {
        self.by_msg_id.candidates(u32::from(msg_id.0)).any(|slot| {
            self.slot(slot).is_some_and(|slot| slot.message.msg_id == msg_id && slot.done.is_none())
        })
    }

    /// Whether there is room for one more message with so many bytes of data.
    pub(crate) fn has_room(&self, len: usize) -> bool {
        self.free.first().is_some() && self.blocks.have_room(len)
    }

    /// Takes a message in; `None` if there is no room for it.
    pub(crate) fn push(
        &mut self,
        now: Instant,
        message: Message,
        data: &[u8],
    ) -> Option<MessageId> {
        let at = self.free.first()?;
        let data = self.blocks.store(data)?;
        *self.slots.get_mut(usize::from(at))? = Some(Slot {
            message,
            data,
            stage: None,
            status: None,
            attempts: 0,
            queued_at: now,
            first_sent: now,
            last_sent: now,
            done: None,
            news: 0,
        });
        self.free.remove(at);
        self.queued.push(at);
        self.timers.set(at, message.deadline);
        self.by_msg_id.insert(u32::from(message.msg_id.0), at);
        self.by_counter.insert(message.counter, at);
        self.live += 1;
        Some(self.id(at))
    }

    /// The message to hand over next: one that is due again, or a first one if `window` allows it.
    pub(crate) fn next_to_send(&self, window: u16) -> Option<u16> {
        self.due.first().or_else(|| self.queued.first().filter(|_| self.in_flight < window))
    }

    /// A slot's id, message, data length, data in pieces, and attempts so far.
    pub(crate) fn look(&self, at: u16) -> Option<View<impl Iterator<Item = &[u8]>>> {
        let slot = self.slot(at)?;
        Some(View {
            id: self.id(at),
            message: slot.message,
            len: slot.data.len(),
            pieces: self.blocks.pieces(slot.data),
            attempts: slot.attempts,
        })
    }

    /// When the time of a slot's message is over.
    pub(crate) fn deadline(&self, at: u16) -> Option<Instant> {
        Some(self.slot(at)?.message.deadline)
    }

    /// The stage that a slot has reached.
    pub(crate) fn stage(&self, at: u16) -> Option<Stage> {
        self.slot(at)?.stage
    }

    /// Records that a copy was handed over; the answer is waited for until `timer`.
    pub(crate) fn sent(&mut self, now: Instant, at: u16, timer: Instant) {
        let Some(slot) = self.slot_mut(at) else { return };
        let first = slot.attempts == 0;
        slot.attempts = slot.attempts.saturating_add(1);
        slot.last_sent = now;
        if first {
            slot.first_sent = now;
        }
        let Message { until, deadline, .. } = slot.message;
        self.due.remove(at);
        self.queued.remove(at);
        self.timers.set(at, timer.min(deadline));
        if first {
            self.in_flight += 1;
            self.advance(now, at, Stage::Sent);
            if until == Stage::Sent {
                self.finish(now, at, Outcome::Reached(Stage::Sent));
            }
        }
    }

    /// The earliest timer.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| at)
    }

    /// A slot whose timer has run out.
    pub(crate) fn expired(&self, now: Instant) -> Option<Expired> {
        let (at, index) = self.timers.first()?;
        let slot = self.slot(index).filter(|_| at <= now)?;
        Some(Expired {
            slot: index,
            attempts: slot.attempts,
            once: slot.message.once,
            over: slot.message.deadline <= now,
        })
    }

    /// Queues another transmission of a slot.
    pub(crate) fn retry(&mut self, at: u16) {
        if let Some(deadline) = self.deadline(at) {
            self.timers.set(at, deadline);
            self.due.push(at);
        }
    }

    /// Leaves a slot to its deadline.
    pub(crate) fn wait(&mut self, at: u16) {
        if let Some(deadline) = self.deadline(at) {
            self.timers.set(at, deadline);
        }
    }

    /// Waits for the next answer until `timer`; a transmission that is due is put off until then.
    pub(crate) fn rearm(&mut self, at: u16, timer: Instant) {
        if let Some(deadline) = self.deadline(at) {
            self.due.remove(at);
            self.timers.set(at, timer.min(deadline));
        }
    }

    /// The message under way that an answer is about: of this type, this number and, if given, this endpoint.
    pub(crate) fn find(
        &self,
        kind: PacketType,
        msg_id: MsgId,
        endpoint: Option<Endpoint>,
    ) -> Option<Matched> {
        self.by_msg_id.candidates(u32::from(msg_id.0)).find_map(|at| {
            self.matched(at, |message| {
                message.kind == kind
                    && message.msg_id == msg_id
                    && endpoint.is_none_or(|endpoint| message.endpoint == endpoint)
            })
        })
    }

    /// The request under way that a result is about.
    pub(crate) fn find_result(&self, counter: u32, op: u8) -> Option<Matched> {
        self.by_counter.candidates(counter).find_map(|at| {
            self.matched(at, |message| {
                message.kind == PacketType::DataChannel
                    && message.counter == counter
                    && message.op == op
            })
        })
    }

    fn matched(&self, at: u16, is: impl Fn(&Message) -> bool) -> Option<Matched> {
        let slot = self.slot(at)?;
        let waiting = slot.attempts > 0 && slot.done.is_none();
        (waiting && is(&slot.message)).then_some(Matched {
            slot: at,
            attempts: slot.attempts,
            first_sent: slot.first_sent,
            last_sent: slot.last_sent,
            stage: slot.stage,
            until: slot.message.until,
        })
    }

    /// Records that a message reached a stage; one that was reached already changes nothing.
    pub(crate) fn advance(&mut self, now: Instant, at: u16, stage: Stage) {
        let Some(slot) = self.slot_mut(at) else { return };
        if slot.stage >= Some(stage) {
            return;
        }
        slot.stage = Some(stage);
        slot.news |= match stage {
            Stage::Sent => news::SENT,
            Stage::Acked => news::ACKED,
            Stage::Executed => news::EXECUTED,
        };
        if stage > Stage::Sent {
            slot.status = Some(StatusCode::OK);
        }
        let reached = stage > Stage::Sent && stage >= slot.message.until;
        self.news.push(at);
        if reached {
            self.finish(now, at, Outcome::Reached(stage));
        }
    }

    /// Records a status that ends nothing.
    pub(crate) fn note(&mut self, at: u16, status: StatusCode) {
        if let Some(slot) = self.slot_mut(at) {
            slot.status = Some(status);
        }
    }

    /// Ends a message.
    pub(crate) fn finish(&mut self, now: Instant, at: u16, outcome: Outcome) {
        let Some(slot) = self.slot_mut(at).filter(|slot| slot.done.is_none()) else { return };
        slot.done = Some((outcome, now));
        slot.news |= news::DONE;
        if let Outcome::Nacked(status) = outcome {
            slot.status = Some(status);
        }
        let in_flight = slot.attempts > 0;
        let (msg_id, counter) = (slot.message.msg_id, slot.message.counter);
        let data = core::mem::replace(&mut slot.data, Chain::EMPTY);
        self.in_flight -= u16::from(in_flight);
        self.live -= 1;
        self.blocks.release(data);
        self.queued.remove(at);
        self.due.remove(at);
        self.timers.stop(at);
        self.by_msg_id.remove(u32::from(msg_id.0), at);
        self.by_counter.remove(counter, at);
        self.news.push(at);
    }

    /// Ends a message whose time is over.
    pub(crate) fn give_up(&mut self, now: Instant, at: u16) {
        let sent = self.slot(at).is_some_and(|slot| slot.attempts > 0);
        let outcome = if sent {
            Outcome::Unknown(Unknown::Timeout)
        } else {
            Outcome::NotSent(NotSent::Deadline)
        };
        self.finish(now, at, outcome);
    }

    /// Ends every message because the connection is gone.
    pub(crate) fn disconnect(&mut self, now: Instant) {
        while let Some((_, at)) = self.timers.first() {
            let sent = self.slot(at).is_some_and(|slot| slot.attempts > 0);
            let outcome = if sent {
                Outcome::Unknown(Unknown::Disconnected)
            } else {
                Outcome::NotSent(NotSent::Disconnected)
            };
            self.finish(now, at, outcome);
        }
    }

    /// The next event of a slot; the last one frees it.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        let at = self.news.first()?;
        let id = self.id(at);
        let slot = self.slot_mut(at)?;
        let bit = 1 << slot.news.trailing_zeros().min(3);
        slot.news &= !bit;
        let quiet = slot.news == 0;
        let event = match bit {
            news::SENT => Event::Sent { id },
            news::ACKED => Event::Acked { id },
            news::EXECUTED => Event::Executed { id },
            _ => {
                let (outcome, done_at) = slot.done?;
                let receipt = Receipt {
                    stage: slot.stage,
                    status: slot.status,
                    attempts: slot.attempts,
                    queued_at: slot.queued_at,
                    sent_at: (slot.attempts > 0).then_some(slot.first_sent),
                    done_at,
                };
                self.release(at);
                Event::Done { id, outcome, receipt }
            }
        };
        if quiet {
            self.news.remove(at);
        }
        Some(event)
    }

    fn release(&mut self, at: u16) {
        if let Some(slot) = self.slots.get_mut(usize::from(at)) {
            *slot = None;
        }
        if let Some(generation) = self.generations.get_mut(usize::from(at)) {
            *generation = generation.wrapping_add(1);
        }
        self.free.push(at);
    }

    fn id(&self, at: u16) -> MessageId {
        let generation = self.generations.get(usize::from(at)).copied().unwrap_or(0);
        MessageId(u32::from(generation) << 16 | u32::from(at))
    }

    fn slot(&self, at: u16) -> Option<&Slot> {
        self.slots.get(usize::from(at))?.as_ref()
    }

    fn slot_mut(&mut self, at: u16) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(at))?.as_mut()
    }
}

/// A slot, for transmission.
pub(crate) struct View<I> {
    pub(crate) id: MessageId,
    pub(crate) message: Message,
    pub(crate) len: u16,
    pub(crate) pieces: I,
    pub(crate) attempts: u16,
}

/// A slot whose timer has run out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Expired {
    pub(crate) slot: u16,
    pub(crate) attempts: u16,
    pub(crate) once: bool,
    /// Its overall deadline has passed.
    pub(crate) over: bool,
}
