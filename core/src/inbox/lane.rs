use super::ring::Ring;
use super::{FrameHeader, Handle, Header, Room};
use crate::queue::QueuePolicy;
use crate::time::Instant;
use crate::wire::{Endpoint, MsgId, PacketType, Prefix};

/// What is kept of a message beside its data. Taken apart so that it is small: there are as many as slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// In halves, upper half first: a `u64` would have to lie at a multiple of eight.
    arrived: [u32; 2],
    pub(super) frame: Option<FrameHeader>,
    pub(super) handle: Option<Handle>,
    endpoint: Endpoint,
    msg_id: MsgId,
    /// Bytes of data.
    len: u16,
    turn: u16,
    flag: u8,
    pub(super) kind: PacketType,
}

impl Record {
    fn new(header: &Header, turn: u16, len: u16) -> Self {
        let Header { kind, prefix, frame, arrived, handle, .. } = *header;
        let Prefix { endpoint, msg_id, flag } = prefix;
        let micros = arrived.as_micros();
        let arrived = [(micros >> 32) as u32, micros as u32];
        Self { arrived, frame, handle, endpoint, msg_id, len, turn, flag, kind }
    }

    pub(super) const fn prefix(&self) -> Prefix {
        Prefix { endpoint: self.endpoint, msg_id: self.msg_id, flag: self.flag }
    }

    pub(super) fn arrived(&self) -> Instant {
        let [upper, lower] = self.arrived;
        Instant::from_micros(u64::from(upper) << 32 | u64::from(lower))
    }

    /// Whether it came before a message of the other lane, which has another turn.
    pub(super) const fn is_before(&self, other: &Self) -> bool {
        other.turn.wrapping_sub(self.turn) < u16::MAX / 2
    }
}

/// Messages of one kind in the order in which they came: a part of the records, and a ring of bytes.
#[derive(Clone, Debug)]
pub(super) struct Lane<const N: usize> {
    data: Ring<N>,
    /// Its first record.
    base: u16,
    /// How many records it has.
    limit: u16,
    /// The oldest message's record, counted from `base`.
    head: u16,
    count: u16,
    /// How many of the oldest came on an earlier connection than the newest.
    outlived: u16,
    policy: QueuePolicy,
}

impl<const N: usize> Lane<N> {
    pub(super) const fn new(base: u16, limit: u16, policy: QueuePolicy) -> Self {
        Self { data: Ring::new(), base, limit, head: 0, count: 0, outlived: 0, policy }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// The length as it is kept, if the empty lane could hold a message so long.
    fn possible(&self, len: usize) -> Option<u16> {
        u16::try_from(len).ok().filter(|_| len <= Ring::<N>::CAPACITY && self.limit > 0)
    }

    fn has_room(&self, len: u16) -> bool {
        self.count < self.limit && self.data.has_room(len)
    }

    pub(super) fn room(&self, len: usize) -> Room {
        match self.possible(len) {
            None => Room::Never,
            Some(len) if self.has_room(len) => Room::Yes,
            Some(_) => match self.policy {
                QueuePolicy::Block => Room::Later,
                QueuePolicy::DropOldest => Room::Yes,
                QueuePolicy::Reject => Room::Busy,
            },
        }
    }

    /// Whether the oldest message has to go for one of this length.
    #[inline]
    pub(super) fn displaces(&self, len: usize) -> bool {
        self.policy == QueuePolicy::DropOldest
            && self.possible(len).is_some_and(|len| !self.has_room(len))
    }

    /// Adds a message; false if there is no room.
    #[inline(always)]
    pub(super) fn push(
        &mut self,
        records: &mut [Option<Record>],
        header: &Header,
        turn: u16,
        len: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> bool {
        let Some(len) = self.possible(len).filter(|_| self.count < self.limit) else {
            return false;
        };
        let Some(place) = records.get_mut(self.place(self.count)) else { return false };
        let taken = self.data.push(len, write);
        if taken {
            *place = Some(Record::new(header, turn, len));
            self.count += 1;
        }
        taken
    }

    /// The oldest message.
    #[inline]
    pub(super) fn first<'a>(&self, records: &'a [Option<Record>]) -> Option<&'a Record> {
        if self.count == 0 { None } else { records.get(self.place(0))?.as_ref() }
    }

    /// The data of the oldest message, whose record this is.
    pub(super) fn first_data(&self, first: &Record) -> &[u8] {
        self.data.first(first.len)
    }

    /// Whether the oldest message came on an earlier connection than the newest.
    pub(super) const fn first_is_outlived(&self) -> bool {
        self.outlived > 0
    }

    /// The next message comes on another connection than all there are.
    pub(super) const fn outlive(&mut self) {
        self.outlived = self.count;
    }

    /// Gives up the oldest message.
    pub(super) fn pop(&mut self, records: &[Option<Record>]) {
        let Some(len) = self.first(records).map(|first| first.len) else { return };
        self.count -= 1;
        self.outlived = self.outlived.saturating_sub(1);
        if self.count == 0 {
            // From the start again: what was used last is in the caches.
            self.head = 0;
            return self.data.clear();
        }
        self.head = if self.head + 1 < self.limit { self.head + 1 } else { 0 };
        let next = self.first(records).map_or(0, |next| next.len);
        self.data.pop(len, next);
    }

    /// The record of the nth message from the oldest; `n` is at most the limit.
    fn place(&self, n: u16) -> usize {
        let at = self.head + n;
        usize::from(self.base + if at < self.limit { at } else { at - self.limit })
    }
}
