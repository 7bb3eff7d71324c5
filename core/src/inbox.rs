//! Accepted messages that wait for the application.

use crate::dedup::Handle;
use crate::time::Instant;
use crate::wire::{Direction, Layout, Meaning, PacketType, Prefix};

/// Bytes a ring has for each of the session's slots.
const BYTES_PER_SLOT: usize = 24;

/// What a message is, apart from its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) kind: PacketType,
    pub(crate) prefix: Prefix,
    /// Of the inner frame, if there is one.
    pub(crate) frame: Option<FrameHeader>,
    pub(crate) arrived: Instant,
    pub(crate) accepted: Option<Handle>,
}

/// The header of a delivered message's inner frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// How it was bound to its packet.
    pub layout: Layout,
    /// The sender's number of the request.
    pub counter: u32,
    /// Request, response or announcement.
    pub direction: Direction,
    /// The operation.
    pub op: u8,
}

/// Names a delivered request, to report its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeliveryId {
    pub(crate) prefix: Prefix,
    pub(crate) frame: FrameHeader,
    pub(crate) accepted: Handle,
}

/// A message from the peer, lent until the session is used again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery<'a> {
    /// The packet's type: `0x43`, `0x73` or `0x83`.
    pub kind: PacketType,
    /// Endpoint, message number and flag.
    pub prefix: Prefix,
    /// The inner frame's header, if the type has one.
    pub frame: Option<FrameHeader>,
    /// The inner frame's data, un-stuffed; of a `0x43` the datapoints.
    pub data: &'a [u8],
    /// When it came.
    pub arrived: Instant,
    accepted: Option<Handle>,
}

impl<'a> Delivery<'a> {
    /// What to report the result with; `None` if the message is not a request.
    pub fn id(&self) -> Option<DeliveryId> {
        let frame = self.frame.filter(|frame| frame.direction == Direction::REQUEST)?;
        Some(DeliveryId { prefix: self.prefix, frame, accepted: self.accepted? })
    }

    /// What the inner frame says.
    pub fn meaning(&self) -> Option<Meaning<'a>> {
        self.frame.map(|frame| Meaning::of(frame.layout, frame.direction, frame.op, self.data))
    }
}

/// Whether a message has room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Room {
    Yes,
    /// Not before the application takes something.
    Later,
    /// It is longer than the inbox.
    Never,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    header: Header,
    order: u64,
    start: usize,
    len: usize,
    /// Bytes left unused before it, so that it is one slice.
    pad: usize,
}

/// Messages in a ring of bytes; each is one slice.
#[derive(Debug)]
struct Ring<const N: usize> {
    bytes: [[u8; BYTES_PER_SLOT]; N],
    records: [Option<Record>; N],
    head: usize,
    count: usize,
    limit: usize,
    end: usize,
    used: usize,
}

impl<const N: usize> Ring<N> {
    const CAPACITY: usize = N * BYTES_PER_SLOT;

    fn new(limit: usize) -> Self {
        let bytes = [[0; BYTES_PER_SLOT]; N];
        Self { bytes, records: [None; N], head: 0, count: 0, limit: limit.min(N), end: 0, used: 0 }
    }

    /// Where a message of this length would start, and how many bytes are left unused for it.
    fn place(&self, len: usize) -> (usize, usize) {
        if self.end + len > Self::CAPACITY { (0, Self::CAPACITY - self.end) } else { (self.end, 0) }
    }

    fn room(&self, len: usize) -> Room {
        if len > Self::CAPACITY {
            Room::Never
        } else if self.count == 0
            || (self.count < self.limit && self.used + self.place(len).1 + len <= Self::CAPACITY)
        {
            Room::Yes
        } else {
            Room::Later
        }
    }

    fn push(&mut self, header: Header, order: u64, data: impl Iterator<Item = u8>, len: usize) {
        if self.count == 0 {
            (self.end, self.used) = (0, 0);
        }
        let (start, pad) = self.place(len);
        let room = self.bytes.as_flattened_mut().get_mut(start..start + len);
        for (to, from) in room.into_iter().flatten().zip(data) {
            *to = from;
        }
        if let Some(place) = self.records.get_mut((self.head + self.count) % N) {
            *place = Some(Record { header, order, start, len, pad });
        }
        self.count += 1;
        self.end = start + len;
        self.used += pad + len;
    }

    fn first(&self) -> Option<&Record> {
        self.records.get(self.head)?.as_ref()
    }

    fn drop_first(&mut self) {
        if let Some(record) = self.records.get_mut(self.head).and_then(Option::take) {
            self.head = (self.head + 1) % N;
            self.count -= 1;
            self.used -= record.pad + record.len;
        }
    }

    fn data(&self, record: &Record) -> &[u8] {
        let bytes = self.bytes.as_flattened();
        bytes.get(record.start..record.start + record.len).unwrap_or_default()
    }
}

/// States, of which a newer one may push out the oldest, apart from everything else, which waits.
#[derive(Debug)]
pub(crate) struct Inbox<const SLOTS: usize> {
    states: Ring<SLOTS>,
    others: Ring<SLOTS>,
    next_order: u64,
    lent: Option<Lane>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lane {
    States,
    Others,
}

impl Lane {
    fn of(kind: PacketType) -> Self {
        match kind {
            PacketType::DeviceInfo | PacketType::StatusBroadcast => Self::States,
            _ => Self::Others,
        }
    }
}

impl<const SLOTS: usize> Inbox<SLOTS> {
    pub(crate) fn new(limit: u16) -> Self {
        let limit = usize::from(limit);
        Self { states: Ring::new(limit), others: Ring::new(limit), next_order: 0, lent: None }
    }

    /// Whether a message of this type and length has room now. States always have, unless they are too long.
    pub(crate) fn room(&mut self, kind: PacketType, len: usize) -> Room {
        self.take_back();
        match Lane::of(kind) {
            Lane::Others => self.others.room(len),
            Lane::States if len > Ring::<SLOTS>::CAPACITY => Room::Never,
            Lane::States => Room::Yes,
        }
    }

    /// Takes a message that has [`Room::Yes`]. Returns how many older states had to go for it.
    pub(crate) fn push(
        &mut self,
        header: Header,
        data: impl Iterator<Item = u8>,
        len: usize,
    ) -> usize {
        self.take_back();
        let order = self.next_order;
        self.next_order += 1;
        match Lane::of(header.kind) {
            Lane::Others => {
                self.others.push(header, order, data, len);
                0
            }
            Lane::States => {
                let before = self.states.count;
                while self.states.room(len) == Room::Later {
                    self.states.drop_first();
                }
                let dropped = before - self.states.count;
                self.states.push(header, order, data, len);
                dropped
            }
        }
    }

    /// Lends the oldest message; the one lent before is given up.
    pub(crate) fn lend(&mut self) -> Option<Delivery<'_>> {
        self.take_back();
        let state = self.states.first().map(|record| record.order);
        let other = self.others.first().map(|record| record.order);
        let (lane, ring) = match (state, other) {
            (Some(state), other) if other.is_none_or(|other| state < other) => {
                (Lane::States, &self.states)
            }
            _ => (Lane::Others, &self.others),
        };
        let record = ring.first()?;
        self.lent = Some(lane);
        let Header { kind, prefix, frame, arrived, accepted } = record.header;
        Some(Delivery { kind, prefix, frame, data: ring.data(record), arrived, accepted })
    }

    /// Messages that were not handed over yet.
    pub(crate) fn len(&self) -> usize {
        self.states.count + self.others.count - usize::from(self.lent.is_some())
    }

    fn take_back(&mut self) {
        match self.lent.take() {
            Some(Lane::States) => self.states.drop_first(),
            Some(Lane::Others) => self.others.drop_first(),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SplitMix64;
    use crate::wire::{Endpoint, MsgId};

    fn header(kind: PacketType, n: u16) -> Header {
        let prefix = Prefix { endpoint: Endpoint(1), msg_id: MsgId(n), flag: 0 };
        Header { kind, prefix, frame: None, arrived: Instant::ZERO, accepted: None }
    }

    fn push(inbox: &mut Inbox<4>, kind: PacketType, n: u16, len: usize) -> usize {
        inbox.push(header(kind, n), core::iter::repeat_n(n as u8, len), len)
    }

    #[test]
    fn messages_of_both_lanes_come_out_in_the_order_they_came() {
        let mut inbox = Inbox::<4>::new(4);
        let kinds = [PacketType::DataChannel, PacketType::StatusBroadcast, PacketType::DataChannel];
        for (n, kind) in (0..).zip(kinds) {
            push(&mut inbox, kind, n, 5);
        }
        for n in 0..3 {
            assert_eq!(inbox.lend().unwrap().prefix.msg_id, MsgId(n));
        }
        assert!(inbox.lend().is_none());
        assert_eq!(inbox.len(), 0);
    }

    #[test]
    fn a_full_inbox_drops_the_oldest_states_and_holds_back_the_rest() {
        let mut inbox = Inbox::<4>::new(2);
        let (state, data) = (PacketType::StatusBroadcast, PacketType::DataChannel);
        assert_eq!(push(&mut inbox, state, 0, 1), 0);
        assert_eq!(push(&mut inbox, state, 1, 1), 0);
        assert_eq!(push(&mut inbox, state, 2, 1), 1);
        push(&mut inbox, data, 3, 1);
        push(&mut inbox, data, 4, 1);
        assert_eq!(inbox.room(data, 1), Room::Later);
        assert_eq!(inbox.room(data, 97), Room::Never);
        assert_eq!(inbox.lend().unwrap().prefix.msg_id, MsgId(1));
        assert_eq!(inbox.lend().unwrap().prefix.msg_id, MsgId(2));
        assert_eq!(inbox.lend().unwrap().prefix.msg_id, MsgId(3));
        assert_eq!(inbox.room(data, 1), Room::Yes);
    }

    #[test]
    fn no_message_overwrites_another_whatever_their_lengths() {
        let mut inbox = Inbox::<8>::new(8);
        let mut rng = SplitMix64::new(7);
        let (mut pushed, mut taken) = (0_u16, 0_u16);
        for _ in 0..20_000 {
            let len = (rng.next() % 90) as usize;
            if rng.next().is_multiple_of(2) && inbox.room(PacketType::DataChannel, len) == Room::Yes
            {
                let data = core::iter::repeat_n(pushed as u8, len);
                inbox.push(header(PacketType::DataChannel, pushed), data, len);
                pushed = pushed.wrapping_add(1);
            } else if let Some(delivery) = inbox.lend() {
                assert_eq!(delivery.prefix.msg_id, MsgId(taken));
                assert!(delivery.data.iter().all(|byte| *byte == taken as u8));
                taken = taken.wrapping_add(1);
            }
        }
        assert!(taken > 5_000);
    }
}
