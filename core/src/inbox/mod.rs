//! Accepted messages that wait for the application.
//!
//! States (`0x43`, `0x83`) and everything else wait in two lanes, each with its own limit, bytes and policy, so that a flood
//! of states costs no command its place. They are handed over in the order in which they came, whatever their lane.

mod delivery;
mod lane;
mod ring;

pub use delivery::{Delivery, DeliveryId, FrameHeader};

use crate::queue::{Queue, QueuePolicy};
use crate::time::Instant;
use crate::wire::{PacketType, Prefix};
use lane::{Lane, Record};

/// Names an accepted message in the memory of accepted messages.
pub(crate) use crate::dedup::Handle;

/// What a message is, apart from its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) kind: PacketType,
    pub(crate) prefix: Prefix,
    /// Of the inner frame, if there is one.
    pub(crate) frame: Option<FrameHeader>,
    pub(crate) arrived: Instant,
    /// If it is remembered.
    pub(crate) handle: Option<Handle>,
}

/// Whether a message has room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Room {
    /// Yes, once [`Inbox::displace`] has made it.
    Yes(Place),
    /// Not before the application takes something.
    Later,
    /// No, and whoever sent it is to be told.
    Busy,
    /// It is longer than its lane.
    Never,
}

/// Where a message goes. It stands until something else is put into the inbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    lane: Which,
    len: u16,
    /// Where its data starts; `None` as long as older messages have to make room.
    start: Option<u32>,
}

/// A message that made room for a newer one. It was never handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Displaced {
    pub(crate) kind: PacketType,
    pub(crate) handle: Option<Handle>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Which {
    States,
    Messages,
}

impl Which {
    const fn of(kind: PacketType) -> Self {
        match kind {
            PacketType::DeviceInfo | PacketType::StatusBroadcast => Self::States,
            _ => Self::Messages,
        }
    }
}

/// The two lanes.
#[derive(Clone, Debug)]
pub(crate) struct Inbox<const SLOTS: usize> {
    /// Of both lanes: first the places of the states, then those of the messages.
    records: [Record; SLOTS],
    states: Lane<SLOTS>,
    messages: Lane<SLOTS>,
    /// Counts how often the lane changed from one message to the next: the lowest bit tells the lane of the newest.
    ///
    /// While a message waits, its own lane takes fewer than `SLOTS` others, and between two of these the lane changes twice
    /// at most. So numbers of waiting messages are less than `2 * SLOTS` apart, however long they wait, and wrap safely.
    turn: u16,
    lent: Option<Which>,
}

impl<const SLOTS: usize> Inbox<SLOTS> {
    /// Numbers of waiting messages are less than `2 * SLOTS` apart: half of what 16 bits tell apart.
    const MAX_SLOTS: u16 = u16::MAX / 4;

    /// An empty inbox. If the limits together exceed `SLOTS`, states get what the messages leave.
    pub(crate) fn new(states: Queue, messages: Queue) -> Self {
        const { assert!(SLOTS <= Self::MAX_SLOTS as usize, "SLOTS is at most 16383") };
        let slots = SLOTS as u16;
        let of_messages = messages.limit.min(slots);
        let of_states = states.limit.min(slots.saturating_sub(of_messages));
        Self {
            records: [Record::EMPTY; SLOTS],
            states: Lane::new(0, of_states, states.policy),
            messages: Lane::new(of_states, of_messages, messages.policy),
            turn: 0,
            lent: None,
        }
    }

    /// Whether a message of this type and length has room now. The message lent is given up.
    #[inline(always)]
    pub(crate) fn room(&mut self, kind: PacketType, len: usize) -> Room {
        self.take_back();
        let Ok(len) = u16::try_from(len) else { return Room::Never };
        let which = Which::of(kind);
        match self.lane(which).start(len) {
            start @ Some(_) => Room::Yes(Place { lane: which, len, start }),
            None => self.no_room(which, len),
        }
    }

    #[cold]
    fn no_room(&self, lane: Which, len: u16) -> Room {
        match self.lane(lane).policy(len) {
            None => Room::Never,
            Some(QueuePolicy::Block) => Room::Later,
            Some(QueuePolicy::DropOldest) => Room::Yes(Place { lane, len, start: None }),
            Some(QueuePolicy::Reject) => Room::Busy,
        }
    }

    /// Drops the oldest message of the lane if it has to make room. To be called until it returns `None`.
    #[inline(always)]
    pub(crate) fn displace(&mut self, place: &mut Place) -> Option<Displaced> {
        if place.start.is_some() {
            return None;
        }
        // The place itself is lent to no call, so that it need not be in memory.
        let gone = self.drop_oldest(place.lane)?;
        place.start = self.lane(place.lane).start(place.len);
        Some(gone)
    }

    #[cold]
    fn drop_oldest(&mut self, lane: Which) -> Option<Displaced> {
        let (lane, records) = self.lane_mut(lane);
        let oldest = lane.first(records)?;
        let gone = Displaced { kind: oldest.kind, handle: oldest.handle };
        lane.pop(records);
        Some(gone)
    }

    /// Takes a message, whose data is written into its place. Whether no other waits.
    #[inline(always)]
    pub(crate) fn push(
        &mut self,
        place: Place,
        header: Header,
        write: impl FnOnce(&mut [u8]),
    ) -> bool {
        let Place { lane: which, len, start: Some(start) } = place else { return false };
        self.turn = self.turn.wrapping_add((self.turn ^ which as u16) & 1);
        let record = Record::new(header, self.turn, len);
        let is_only = self.is_empty();
        let (lane, records) = self.lane_mut(which);
        lane.push(records, record, start, write);
        is_only
    }

    /// There is another connection than all messages came on that there are.
    pub(crate) fn connected(&mut self) {
        self.states.outlive();
        self.messages.outlive();
    }

    /// Lends the oldest message; the one lent before is given up. `epoch` is the number of the present connection. How often the
    /// message has been repeated is not known here.
    #[inline]
    pub(crate) fn lend(&mut self, epoch: u32) -> Option<Delivery<'_>> {
        self.take_back();
        if self.is_empty() { None } else { self.lend_first(epoch) }
    }

    #[inline(never)]
    fn lend_first(&mut self, epoch: u32) -> Option<Delivery<'_>> {
        let which = self.oldest();
        self.lent = Some(which);
        let lane = self.lane(which);
        let record = lane.first(&self.records)?;
        Some(Delivery {
            kind: record.kind,
            prefix: record.prefix(),
            frame: record.frame,
            data: lane.first_data(record),
            arrived: record.arrived(),
            duplicates: 0,
            handle: record.handle,
            epoch: epoch.wrapping_sub(u32::from(lane.first_is_outlived())),
        })
    }

    /// The lane of the oldest message, if there is one.
    fn oldest(&self) -> Which {
        if self.states.is_empty() {
            return Which::Messages;
        }
        let state = self.states.first(&self.records);
        match self.messages.first(&self.records).zip(state) {
            Some((message, state)) if message.is_before(state) => Which::Messages,
            _ => Which::States,
        }
    }

    /// Messages that were not handed over yet.
    pub(crate) fn len(&self) -> usize {
        let held = self.states.len() + self.messages.len();
        held.saturating_sub(usize::from(self.lent.is_some()))
    }

    /// Whether no message is kept, be it one that is lent.
    fn is_empty(&self) -> bool {
        self.states.is_empty() && self.messages.is_empty()
    }

    #[inline(always)]
    fn take_back(&mut self) {
        if let Some(lent) = self.lent {
            self.give_up(lent);
        }
    }

    #[inline]
    fn give_up(&mut self, lent: Which) {
        self.lent = None;
        match lent {
            Which::States => self.states.pop(&self.records),
            Which::Messages => self.messages.pop(&self.records),
        }
    }

    fn lane(&self, which: Which) -> &Lane<SLOTS> {
        match which {
            Which::States => &self.states,
            Which::Messages => &self.messages,
        }
    }

    fn lane_mut(&mut self, which: Which) -> (&mut Lane<SLOTS>, &mut [Record; SLOTS]) {
        let lane = match which {
            Which::States => &mut self.states,
            Which::Messages => &mut self.messages,
        };
        (lane, &mut self.records)
    }
}

#[cfg(test)]
mod tests;
