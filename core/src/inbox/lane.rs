use super::ring::Ring;
use super::{FrameHeader, Handle, Header};
use crate::queue::QueuePolicy;
use crate::time::Instant;
use crate::wire::{Endpoint, MsgId, PacketType, Prefix};

/// What is kept of a message beside its data. Taken apart so that it is small: there are as many as slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// In halves, lower half first: a `u64` would have to lie at a multiple of eight.
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
    pub(super) const EMPTY: Self = Self {
        arrived: [0; 2],
        frame: None,
        handle: None,
        endpoint: Endpoint(0),
        msg_id: MsgId(0),
        len: 0,
        turn: 0,
        flag: 0,
        kind: PacketType::DataChannel,
    };

    #[inline(always)]
    pub(super) fn new(header: Header, turn: u16, len: u16) -> Self {
        let Header { kind, prefix, frame, arrived, handle, .. } = header;
        let Prefix { endpoint, msg_id, flag } = prefix;
        let micros = arrived.as_micros();
        let arrived = [micros as u32, (micros >> 32) as u32];
        Self { arrived, frame, handle, endpoint, msg_id, len, turn, flag, kind }
    }

    pub(super) const fn prefix(&self) -> Prefix {
        Prefix { endpoint: self.endpoint, msg_id: self.msg_id, flag: self.flag }
    }

    pub(super) fn arrived(&self) -> Instant {
        let [lower, upper] = self.arrived;
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
    /// The oldest message's record.
    head: u16,
    count: u16,
    /// How many of the oldest came on an earlier connection than the present one.
    outlived: u16,
    policy: QueuePolicy,
}

impl<const N: usize> Lane<N> {
    pub(super) const fn new(base: u16, limit: u16, policy: QueuePolicy) -> Self {
        Self { data: Ring::new(), base, limit, head: base, count: 0, outlived: 0, policy }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.count)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Where the data of a message of this length would start, if there is room for it now.
    #[inline]
    pub(super) fn start(&self, len: u16) -> Option<u32> {
        if self.count < self.limit { self.data.place(len) } else { None }
    }

    /// What is done with a message for which there is no room; `None` if not even the empty lane has room for it.
    pub(super) fn policy(&self, len: u16) -> Option<QueuePolicy> {
        let possible = usize::from(len) <= Ring::<N>::CAPACITY && self.limit > 0;
        possible.then_some(self.policy)
    }

    /// Adds a message, whose data starts where [`Lane::start`] says.
    #[inline(always)]
    pub(super) fn push(
        &mut self,
        records: &mut [Record],
        record: Record,
        start: u32,
        write: impl FnOnce(&mut [u8]),
    ) {
        let Some(place) = records.get_mut(usize::from(self.place(self.count))) else { return };
        *place = record;
        self.count += 1;
        self.data.push(start, record.len, write);
    }

    /// The oldest message.
    #[inline]
    pub(super) fn first<'a>(&self, records: &'a [Record]) -> Option<&'a Record> {
        if self.count == 0 { None } else { records.get(usize::from(self.head)) }
    }

    /// The data of the oldest message, whose record this is.
    pub(super) fn first_data(&self, first: &Record) -> &[u8] {
        self.data.first(first.len)
    }

    /// Whether the oldest message came on an earlier connection than the present one.
    pub(super) const fn first_is_outlived(&self) -> bool {
        self.outlived > 0
    }

    /// There is another connection than all messages came on that there are.
    pub(super) const fn outlive(&mut self) {
        self.outlived = self.count;
    }

    /// Gives up the oldest message.
    #[inline]
    pub(super) fn pop(&mut self, records: &[Record]) {
        if self.count > 1 {
            return self.pop_first(records);
        }
        // From the start again: what was used last is in the caches.
        (self.head, self.count, self.outlived) = (self.base, 0, 0);
        self.data.clear();
    }

    /// The same if there are others behind it.
    #[inline(never)]
    fn pop_first(&mut self, records: &[Record]) {
        let len = self.first(records).map_or(0, |first| first.len);
        self.count -= 1;
        self.outlived = self.outlived.saturating_sub(1);
        self.head = self.place(1);
        let next = self.first(records).map_or(0, |next| next.len);
        self.data.pop(len, next);
    }

    /// The record of the nth message from the oldest; `n` is at most the limit.
    fn place(&self, n: u16) -> u16 {
        let (at, end) = (self.head + n, self.base + self.limit);
        if at < end { at } else { at - self.limit }
    }
}
