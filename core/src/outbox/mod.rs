//! Messages on their way: slots from `send` to `Done`, and until no copy of them can be under way.
//!
//! Everything the session reports or transmits about a message is derived from its slot, so that no queue of events or
//! packets can overflow. Look-up by number, destination, order and deadline does not depend on how many messages are under way.

mod answered;
mod blocks;
mod ending;
mod index;
mod list;
mod news;
mod order;
mod overlap;
mod place;
mod slot;
mod timers;

pub(crate) use answered::Matched;
pub(crate) use blocks::Data;
pub(crate) use slot::Message;

use crate::event::{Event, MessageId, Outcome};
use crate::request::Stage;
use crate::stats::Stats;
use crate::time::Instant;
use crate::wire::{MsgId, PacketType, StatusCode};
use blocks::{Blocks, Chain};
use index::Index;
use list::List;
use news::News;
use order::Order;
use place::{BY_COUNTER, BY_DESTINATION, BY_MSG_ID, DUE, Place};
use slot::{Phase, Slot, news as told};
use timers::Timers;

/// No slot.
const NIL: u16 = u16::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Outbox<const SLOTS: usize> {
    slots: [Place; SLOTS],
    /// The slot to be used next, `NIL` if there is none; each free one is linked to the one that was free before it. What was used
    /// last is used first: it is in the caches.
    free: u16,
    /// Those whose numbers are in use.
    ///
    /// Nearly always those that wait for their first transmission end in the same order, if at all. So only those of them have
    /// timers that end before one in front of them: among the others the first one ends first, and what has a timer and is the
    /// first one does not end later than these.
    order: Order,
    /// The last deadline of those that came since none waited for its first transmission.
    last_deadline: Instant,
    /// Waiting for another transmission, in the order they became due.
    due: List<DUE>,
    /// Slots with events to tell.
    news: News,
    /// Wraps: messages that it is compared for are fewer than `id_window` apart, which is less than half of what 16 bits tell
    /// apart.
    next_ordinal: u16,
    /// Messages waiting for their first transmission.
    queued: u16,
    /// Messages handed over and not done.
    in_flight: u16,
    /// Messages of which copies may be under way, and of which nothing says that the peer has accepted one.
    unacknowledged: u16,
    /// The longest that a copy can be under way, in microseconds.
    copy_lifetime: u64,
    timers: Timers<SLOTS>,
    by_msg_id: Index<SLOTS, BY_MSG_ID>,
    by_counter: Index<SLOTS, BY_COUNTER>,
    by_destination: Index<SLOTS, BY_DESTINATION>,
    blocks: Blocks<SLOTS>,
}

impl<const SLOTS: usize> Outbox<SLOTS> {
    /// Bytes of data that there is room for in all.
    pub(crate) const CAPACITY: usize = Blocks::<SLOTS>::CAPACITY;

    pub(crate) fn new(copy_lifetime: u64) -> Self {
        const { assert!(SLOTS > 0 && SLOTS < NIL as usize, "SLOTS is 1 to 65534") };
        Self {
            slots: Place::all(),
            free: 0,
            order: Order::new(),
            last_deadline: Instant::ZERO,
            due: List::new(),
            news: News::new(),
            next_ordinal: 0,
            queued: 0,
            in_flight: 0,
            unacknowledged: 0,
            copy_lifetime,
            timers: Timers::new(),
            by_msg_id: Index::new(),
            by_counter: Index::new(),
            by_destination: Index::new(),
            blocks: Blocks::new(),
        }
    }

    /// Messages handed over and not done.
    pub(crate) fn in_flight(&self) -> u16 {
        self.in_flight
    }

    /// Messages waiting for their first transmission.
    pub(crate) fn queued(&self) -> u16 {
        self.queued
    }

    /// Whether every message is done.
    pub(crate) fn is_idle(&self) -> bool {
        self.queued == 0 && self.in_flight == 0
    }

    /// Whether this number is that of a message that is not done, or of a copy that may be under way.
    pub(crate) fn uses(&self, msg_id: MsgId) -> bool {
        let is_it = |slot: &Slot| {
            slot.message.msg_id == msg_id && slot.message.kind != PacketType::DeviceInfo
        };
        self.by_msg_id.find(&self.slots, u32::from(msg_id.0), is_it).is_some()
    }

    /// The messages that have this number.
    #[cfg(planted)]
    pub(crate) fn users(&self, msg_id: MsgId) -> impl Iterator<Item = &Message> {
        let candidates = self.by_msg_id.candidates(&self.slots, u32::from(msg_id.0));
        let messages = candidates.filter_map(|at| Some(&self.slot(at)?.message));
        messages.filter(move |message| message.msg_id == msg_id)
    }

    /// Whether there is room for one more message with so many bytes of data.
    pub(crate) fn has_room(&self, len: usize) -> bool {
        self.has_slot() && self.blocks.have_room(len)
    }

    /// Whether there would be if no message waited for its first transmission. A slot is not free before the end of its message
    /// was told, so that there has to be one.
    pub(crate) fn may_have_room(&self, len: usize) -> bool {
        let queued =
            core::iter::successors(self.order.first_queued(), |at| Order::after(&self.slots, *at));
        let held = queued.filter_map(|at| self.slot(at)).map(|slot| slot.data);
        self.has_slot() && self.blocks.would_have_room(len, held)
    }

    /// Whether there is a slot for one more message.
    fn has_slot(&self) -> bool {
        self.free != NIL
    }

    /// Takes a message in; `None` if there is no room for it.
    #[inline(always)]
    pub(crate) fn push(
        &mut self,
        now: Instant,
        deadline: Instant,
        message: Message,
        data: &[u8],
    ) -> Option<MessageId> {
        let at = self.free;
        let place = self.slots.get_mut(usize::from(at))?;
        let data = self.blocks.store(data)?;
        self.free = place.take();
        place.slot = Slot { ordinal: self.next_ordinal, ..Slot::new(now, deadline, message, data) };
        let id = place.id::<SLOTS>(at);
        if deadline >= self.last_deadline || self.order.first_queued().is_none() {
            self.last_deadline = deadline;
        } else {
            self.timers.set(&mut self.slots, at, deadline);
        }
        self.order.push(&mut self.slots, at);
        self.by_msg_id.insert(&mut self.slots, u32::from(message.msg_id.0), at);
        self.by_counter.insert(&mut self.slots, message.counter, at);
        if !message.sets.is_empty() {
            self.by_destination.insert(&mut self.slots, overlap::key(message.to), at);
        }
        self.queued += 1;
        Some(id)
    }

    /// Whether a message waits to be handed over.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        self.order.first_queued().is_some() || self.due.first().is_some()
    }

    /// The message whose next copy is due longest.
    pub(crate) fn first_due(&self) -> Option<u16> {
        self.due.first()
    }

    /// The message to be handed over first, if the window allows one.
    pub(crate) fn first_queued(&self, window: u16) -> Option<u16> {
        let windowed = self.in_flight < window || planted!(WindowIgnored);
        self.order.first_queued().filter(|_| windowed)
    }

    /// Whether with a first transmission at most `id_window` messages, this one included, could have been accepted since the
    /// peer accepted one of which copies may be under way: all that were handed over after it, and those from before that it
    /// may have overtaken.
    ///
    /// Of all messages the sum is greatest for the oldest: one that follows another overtakes at most that one more.
    pub(crate) fn is_within(&self, id_window: u16) -> bool {
        let oldest = self.order.first_sent().and_then(|at| self.slot(at));
        oldest.is_none_or(|slot| {
            let since = self.next_ordinal.wrapping_sub(slot.ordinal);
            since.saturating_add(slot.overtakes) < id_window
        })
    }

    /// A slot's message, its data, and copies so far.
    #[inline]
    pub(crate) fn look(&self, at: u16) -> Option<View<'_, SLOTS>> {
        let slot = self.slot(at)?;
        Some(View {
            message: &slot.message,
            data: self.blocks.data(slot.data),
            copies: slot.copies,
        })
    }

    /// When the time of a slot's message is over.
    pub(crate) fn deadline(&self, at: u16) -> Option<Instant> {
        Some(self.slot(at)?.deadline)
    }

    /// When a slot's message was handed over first, if it was.
    pub(crate) fn first_sent(&self, at: u16) -> Option<Instant> {
        self.slot(at).filter(|slot| slot.copies > 0).map(|slot| slot.first_sent)
    }

    /// Whether a slot's next copy is one for a new connection.
    pub(crate) fn is_riding(&self, at: u16) -> bool {
        self.slot(at).is_some_and(|slot| slot.phase == Phase::Riding)
    }

    /// Whether a slot's copy before was refused for the time being.
    pub(crate) fn is_refused(&self, at: u16) -> bool {
        self.slot(at).and_then(|slot| slot.status).is_some_and(|status| !status.is_ok())
    }

    /// The stage that a slot has reached.
    pub(crate) fn stage(&self, at: u16) -> Option<Stage> {
        self.slot(at)?.stage
    }

    /// Records that the first that was queued was handed over; the answer is waited for until `timer`.
    #[inline(always)]
    pub(crate) fn sent_first(
        &mut self,
        now: Instant,
        at: u16,
        timer: Instant,
        still: u32,
        stats: &mut Stats,
    ) {
        let (ordinal, overtakes) = (self.next_ordinal, self.unacknowledged);
        let Some(slot) = self.slot_mut(at) else { return };
        slot.copies = 1;
        slot.sent(now, still);
        slot.first_sent = now;
        (slot.ordinal, slot.overtakes) = (ordinal, overtakes);
        slot.stage = Some(Stage::Sent);
        slot.news = told::SENT;
        let timer = if planted!(TimerFromSend) {
            let waited = now.micros_since(slot.queued_at);
            Instant::from_micros(timer.as_micros().saturating_sub(waited))
        } else {
            timer
        };
        let timer = timer.min(slot.deadline);
        let until = slot.message.until;
        self.next_ordinal = ordinal.wrapping_add(1);
        self.queued -= 1;
        self.in_flight += 1;
        self.unacknowledged = overtakes.wrapping_add(1);
        self.order.sent_first(&self.slots, at);
        self.timers.start(&mut self.slots, at, timer);
        self.news.push(&mut self.slots, at);
        if until == Stage::Sent {
            self.finish(now, at, Outcome::Reached(Stage::Sent), stats);
        }
    }

    /// Records that another copy was handed over; the answer is waited for until `timer`.
    pub(crate) fn sent_again(&mut self, now: Instant, at: u16, timer: Instant, still: u32) {
        let Some(slot) = self.slot_mut(at) else { return };
        slot.waived = slot.waived.saturating_add(u16::from(slot.phase == Phase::Riding));
        slot.copies = slot.copies.saturating_add(1);
        slot.stood_still(still);
        slot.sent(now, still);
        let timer = timer.min(slot.deadline);
        self.timers.set(&mut self.slots, at, timer);
        self.due.remove(&mut self.slots, at);
    }

    /// The earliest timer, and whose.
    #[inline]
    fn first_timer(&self) -> Option<(Instant, u16)> {
        let first = self.timers.first(&self.slots);
        let Some(queued) = self.order.first_queued() else { return first };
        let deadline = self.slot(queued)?.deadline;
        first.filter(|(at, _)| *at <= deadline).or(Some((deadline, queued)))
    }

    /// The earliest timer.
    #[inline]
    pub(crate) fn timeout(&self) -> Option<Instant> {
        // Whatever has a timer has a number.
        self.order.first()?;
        self.first_timer().map(|(at, _)| at)
    }

    /// A slot whose timer has run out.
    pub(crate) fn expired(&self, now: Instant) -> Option<Expired> {
        let (when, at) = self.first_timer().filter(|(when, _)| *when <= now)?;
        let slot = self.slot(at)?;
        let what = if slot.done.is_some() {
            Expiry::Number
        } else if slot.deadline <= now {
            Expiry::Deadline
        } else if slot.phase == Phase::BackOff {
            Expiry::BackOff
        } else {
            Expiry::Answer {
                attempts: slot.copies.saturating_sub(slot.waived),
                once: slot.message.once,
                superseded: slot.superseded,
                still: slot.still,
                counter: slot.message.counter,
            }
        };
        Some(Expired { slot: at, when, what })
    }

    /// A slot's next copy is held back. Whether it was not before.
    #[cold]
    pub(crate) fn hold_back(&mut self, at: u16) -> bool {
        self.slot_mut(at).is_some_and(|slot| !core::mem::replace(&mut slot.held_back, true))
    }

    /// Queues another transmission of a slot.
    pub(crate) fn retry(&mut self, at: u16) {
        self.change_phase(at, Phase::Due, Instant::MAX);
        self.due.push(&mut self.slots, at);
    }

    /// Has a slot wait before its next transmission.
    pub(crate) fn back_off(&mut self, at: u16, until: Instant) {
        self.change_phase(at, Phase::BackOff, until);
    }

    /// Leaves a slot to its deadline.
    pub(crate) fn last_call(&mut self, at: u16) {
        self.due.remove(&mut self.slots, at);
        self.change_phase(at, Phase::LastCall, Instant::MAX);
    }

    /// Waits longer for the answer: until `timer`, of a peer whose time has stood still for so long.
    pub(crate) fn put_off(&mut self, at: u16, timer: Instant, still: u32) {
        if let Some(slot) = self.slot_mut(at) {
            slot.stood_still(still);
            slot.put_off = true;
        }
        self.change_phase(at, Phase::InFlight, timer);
    }

    /// Waits for the result, `timer` microseconds from the last copy; a transmission that is due is put off until then.
    ///
    /// If the timer was put off, how long the peer's time stood still since that copy is not known: it is as if it had until now.
    pub(crate) fn await_result(&mut self, now: Instant, at: u16, timer: u64, still: u32) {
        let Some(slot) = self.slot_mut(at) else { return };
        let mut from = slot.last;
        if slot.put_off {
            slot.stood_still(still);
            from = now;
        }
        self.due.remove(&mut self.slots, at);
        self.change_phase(at, Phase::InFlight, from.plus_micros(timer));
    }

    fn change_phase(&mut self, at: u16, phase: Phase, timer: Instant) {
        if let Some(slot) = self.slot_mut(at) {
            slot.phase = phase;
            let deadline = slot.deadline;
            self.timers.set(&mut self.slots, at, timer.min(deadline));
        }
    }

    /// Records that an answer brought a message to a stage; one that was reached already changes nothing. Whether it did, and the
    /// message goes on.
    #[inline(always)]
    pub(crate) fn advance(
        &mut self,
        now: Instant,
        at: u16,
        stage: Stage,
        stats: &mut Stats,
    ) -> bool {
        let Some(slot) = self.slot_mut(at) else { return false };
        if slot.done.is_some() || slot.stage >= Some(stage) {
            return false;
        }
        let unacknowledged = slot.is_unacknowledged();
        slot.stage = Some(stage);
        slot.status = Some(StatusCode::OK);
        let reached = stage >= slot.message.until;
        let news = match stage {
            Stage::Sent => told::SENT,
            Stage::Acked => told::ACKED,
            Stage::Executed => told::EXECUTED,
        };
        self.tell(at, news);
        self.unacknowledged = self.unacknowledged.wrapping_sub(u16::from(unacknowledged));
        if reached {
            self.conclude(now, at, Outcome::Reached(stage), stats);
        }
        !reached
    }

    /// Has an event of a slot to tell.
    #[inline(always)]
    fn tell(&mut self, at: u16, what: u8) {
        let Some(slot) = self.slot_mut(at) else { return };
        let quiet = slot.news == 0;
        slot.news |= what;
        if quiet {
            self.news.push(&mut self.slots, at);
        }
    }

    /// Records a status that ends nothing.
    pub(crate) fn note(&mut self, at: u16, status: StatusCode) {
        if let Some(slot) = self.slot_mut(at).filter(|slot| slot.done.is_none()) {
            slot.status = Some(status);
        }
    }

    /// Whether there is an event to tell.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        usize::from(self.news.first()) < SLOTS
    }

    /// The next event of a slot; the last one frees it.
    #[inline(always)]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        let at = self.news.first();
        let place = self.slots.get_mut(usize::from(at))?;
        let id = place.id::<SLOTS>(at);
        let slot = &mut place.slot;
        let bit = slot.news & slot.news.wrapping_neg();
        slot.news &= !bit;
        if slot.news == 0 {
            self.news.pop(&self.slots);
        }
        Some(match bit {
            told::DONE => return self.poll_end(at, id),
            told::SENT => Event::Sent { id },
            told::ACKED => Event::Acked { id },
            _ => Event::Executed { id },
        })
    }

    /// The last event of a slot.
    #[inline(never)]
    fn poll_end(&mut self, at: u16, id: MessageId) -> Option<Event> {
        self.release_if_over(at);
        let slot = self.slot(at)?;
        Some(Event::Done { id, outcome: slot.done?, receipt: slot.receipt() })
    }

    /// The id of a slot's message.
    pub(crate) fn id(&self, at: u16) -> Option<MessageId> {
        self.slots.get(usize::from(at)).map(|place| place.id::<SLOTS>(at))
    }

    #[inline]
    fn slot(&self, at: u16) -> Option<&Slot> {
        self.slots.get(usize::from(at)).map(|place| &place.slot)
    }

    #[inline]
    fn slot_mut(&mut self, at: u16) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(at)).map(|place| &mut place.slot)
    }
}

/// A slot, for transmission.
#[derive(Clone, Copy)]
pub(crate) struct View<'o, const SLOTS: usize> {
    pub(crate) message: &'o Message,
    pub(crate) data: Data<'o, SLOTS>,
    pub(crate) copies: u16,
}

/// A slot whose timer has run out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Expired {
    pub(crate) slot: u16,
    pub(crate) when: Instant,
    pub(crate) what: Expiry,
}

/// What a slot's timer was for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expiry {
    /// No copy of the ended message can be under way any more.
    Number,
    /// The message's time is over.
    Deadline,
    /// The wait before the next copy is over.
    BackOff,
    /// The answer did not come in time.
    Answer { attempts: u16, once: bool, superseded: bool, still: u32, counter: u32 },
}
