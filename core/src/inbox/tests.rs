use super::*;
use crate::queue::QueuePolicy::{self, Block, DropOldest, Reject};
use crate::rng::SplitMix64;
use crate::wire::{Direction, Endpoint, Layout, MsgId};
use std::collections::VecDeque;
use std::vec::Vec;

const STATE: PacketType = PacketType::StatusBroadcast;
const INFO: PacketType = PacketType::DeviceInfo;
const DATA: PacketType = PacketType::DataChannel;
/// One kind of each lane.
const LANES: [PacketType; 2] = [STATE, DATA];

fn header(kind: PacketType, n: u16) -> Header {
    let prefix = Prefix { endpoint: Endpoint(1), msg_id: MsgId(n), flag: 0 };
    let arrived = Instant::from_micros(u64::from(n));
    Header { kind, prefix, frame: None, arrived, handle: None }
}

/// An inbox both of whose lanes have this limit and policy.
fn inbox(limit: u16, policy: QueuePolicy) -> Inbox<8> {
    Inbox::new(Queue::new(limit, policy), Queue::new(limit, policy))
}

/// What happens to a message, as a session does it.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Fate {
    /// It was taken, and so many had to go for it.
    Taken(usize),
    Refused(Room),
}

fn offer<const N: usize>(inbox: &mut Inbox<N>, kind: PacketType, n: u16, len: usize) -> Fate {
    match inbox.room(kind, len) {
        Room::Yes(mut place) => {
            let gone = core::iter::from_fn(|| inbox.displace(&mut place)).count();
            let waited = inbox.len();
            let is_only = inbox.push(place, header(kind, n), |place| place.fill(n as u8));
            assert_eq!((inbox.len(), is_only), (waited + 1, waited == 0));
            Fate::Taken(gone)
        }
        room => Fate::Refused(room),
    }
}

fn place<const N: usize>(inbox: &mut Inbox<N>, kind: PacketType, len: usize) -> Place {
    match inbox.room(kind, len) {
        Room::Yes(place) => place,
        room => panic!("{room:?}"),
    }
}

/// Puts in an empty message for which there is room.
fn put<const N: usize>(inbox: &mut Inbox<N>, header: Header) {
    let mut place = place(inbox, header.kind, 0);
    assert_eq!(inbox.displace(&mut place), None);
    inbox.push(place, header, |_| {});
}

fn lend<const N: usize>(inbox: &mut Inbox<N>) -> Option<u16> {
    inbox.lend(0).map(|delivery| delivery.prefix.msg_id.0)
}

fn lend_all<const N: usize>(inbox: &mut Inbox<N>) -> Vec<u16> {
    core::iter::from_fn(|| lend(inbox)).collect()
}

#[test]
fn messages_of_both_lanes_come_out_in_the_order_in_which_they_came() {
    let mut inbox = inbox(4, Block);
    for (n, kind) in (0..).zip([DATA, STATE, INFO, DATA, DATA, STATE]) {
        assert_eq!(offer(&mut inbox, kind, n, 5), Fate::Taken(0));
    }
    assert_eq!(inbox.len(), 6);
    assert_eq!(lend_all(&mut inbox), [0, 1, 2, 3, 4, 5]);
    assert_eq!(inbox.len(), 0);
}

#[test]
fn the_order_holds_where_the_number_of_the_turn_wraps() {
    let mut rng = SplitMix64::new(3);
    for start in u16::MAX - 9..=u16::MAX {
        let mut inbox = inbox(4, Block);
        inbox.turn = start;
        let (mut next, mut expected) = (0, 0);
        while next < 200 {
            let kind = LANES[(rng.next() % 2) as usize];
            if offer(&mut inbox, kind, next, 1) == Fate::Taken(0) {
                next += 1;
            } else {
                assert_eq!(lend(&mut inbox), Some(expected));
                expected += 1;
            }
        }
        assert!(lend_all(&mut inbox).into_iter().eq(expected..next));
    }
}

#[test]
fn a_message_that_waits_while_any_number_of_states_pass_is_still_the_oldest() {
    let mut inbox = inbox(2, DropOldest);
    for n in 0..3 {
        offer(&mut inbox, LANES[usize::from(n % 2)], n, 1);
    }
    for _ in 0..u32::from(u16::MAX) * 2 {
        offer(&mut inbox, STATE, 9, 1);
    }
    assert_eq!(lend_all(&mut inbox), [1, 9, 9]);
}

#[test]
fn what_was_refused_does_not_count_for_the_order() {
    let mut inbox = Inbox::<8>::new(Queue::new(1, Block), Queue::new(2, Block));
    for (n, kind) in (0..).zip([STATE, DATA, DATA]) {
        assert_eq!(offer(&mut inbox, kind, n, 1), Fate::Taken(0));
    }
    for _ in 0..17_000 {
        assert_eq!(offer(&mut inbox, STATE, 9, 1), Fate::Refused(Room::Later));
        assert_eq!(offer(&mut inbox, DATA, 9, 1), Fate::Refused(Room::Later));
    }
    assert_eq!(lend(&mut inbox), Some(0));
    assert_eq!(offer(&mut inbox, STATE, 3, 1), Fate::Taken(0));
    assert_eq!(lend_all(&mut inbox), [1, 2, 3]);
}

#[test]
fn what_is_lent_is_given_up_by_every_other_call() {
    let mut inbox = inbox(1, DropOldest);
    offer(&mut inbox, DATA, 0, 1);
    assert_eq!(lend(&mut inbox), Some(0));
    assert_eq!(offer(&mut inbox, DATA, 1, 1), Fate::Taken(0), "it was handed over");
    assert_eq!(lend_all(&mut inbox), [1]);
}

#[test]
fn blocked_lanes_hold_back_what_is_new_and_lose_nothing() {
    for kind in LANES {
        let mut inbox = inbox(3, Block);
        for n in 0..3 {
            assert_eq!(offer(&mut inbox, kind, n, 8), Fate::Taken(0));
        }
        assert_eq!(offer(&mut inbox, kind, 3, 8), Fate::Refused(Room::Later));
        assert_eq!(lend(&mut inbox), Some(0));
        assert_eq!(offer(&mut inbox, kind, 3, 8), Fate::Taken(0));
        assert_eq!(offer(&mut inbox, kind, 4, 8), Fate::Refused(Room::Later));
        assert_eq!(lend_all(&mut inbox), [1, 2, 3]);
    }
}

#[test]
fn rejecting_lanes_turn_away_what_is_new_and_lose_nothing_they_accepted() {
    for kind in LANES {
        let mut inbox = inbox(3, Reject);
        for n in 0..3 {
            assert_eq!(offer(&mut inbox, kind, n, 8), Fate::Taken(0));
        }
        assert_eq!(offer(&mut inbox, kind, 3, 8), Fate::Refused(Room::Busy));
        assert_eq!(lend(&mut inbox), Some(0));
        assert_eq!(offer(&mut inbox, kind, 4, 8), Fate::Taken(0));
        assert_eq!(offer(&mut inbox, kind, 5, 8), Fate::Refused(Room::Busy));
        assert_eq!(lend_all(&mut inbox), [1, 2, 4]);
    }
}

#[test]
fn dropping_lanes_drop_exactly_the_oldest_that_was_never_handed_over() {
    for kind in LANES {
        let mut inbox = inbox(3, DropOldest);
        for n in 0..3 {
            assert_eq!(offer(&mut inbox, kind, n, 8), Fate::Taken(0));
        }
        assert_eq!(offer(&mut inbox, kind, 3, 8), Fate::Taken(1));
        assert_eq!(lend(&mut inbox), Some(1));
        assert_eq!(offer(&mut inbox, kind, 4, 8), Fate::Taken(0), "the one lent was handed over");
        assert_eq!(offer(&mut inbox, kind, 5, 8), Fate::Taken(1));
        assert_eq!(lend_all(&mut inbox), [3, 4, 5]);
    }
}

#[test]
fn no_more_is_dropped_than_the_bytes_of_the_new_message_need() {
    for kind in LANES {
        let mut inbox = Inbox::<2>::new(Queue::new(1, DropOldest), Queue::new(1, DropOldest));
        assert_eq!(offer(&mut inbox, kind, 0, 48), Fate::Taken(0));
        assert_eq!(offer(&mut inbox, kind, 1, 48), Fate::Taken(1));
        assert_eq!(offer(&mut inbox, kind, 2, 49), Fate::Refused(Room::Never));
        assert_eq!(lend_all(&mut inbox), [1]);

        let mut inbox = self::inbox(4, DropOldest);
        for n in 0..4 {
            assert_eq!(offer(&mut inbox, kind, n, 48), Fate::Taken(0));
        }
        assert_eq!(offer(&mut inbox, kind, 4, 96), Fate::Taken(2));
        assert_eq!(lend_all(&mut inbox), [2, 3, 4]);
    }
}

#[test]
fn what_was_displaced_is_named() {
    let mut inbox = inbox(1, DropOldest);
    let handle = Some(self::handle(7));
    put(&mut inbox, Header { handle, ..header(STATE, 0) });
    let mut of_data = place(&mut inbox, DATA, 0);
    assert_eq!(inbox.displace(&mut of_data), None, "the other lane has room");
    let mut of_info = place(&mut inbox, INFO, 0);
    assert_eq!(inbox.displace(&mut of_info), Some(Displaced { kind: STATE, handle }));
    assert_eq!(inbox.displace(&mut of_info), None);
    assert_eq!(inbox.len(), 0);
}

#[test]
fn a_full_lane_costs_the_other_nothing() {
    for policy in [Block, DropOldest, Reject] {
        for (full, other) in [(STATE, DATA), (DATA, STATE)] {
            let mut inbox = inbox(4, policy);
            for n in 0..9 {
                offer(&mut inbox, full, n, 48);
            }
            for n in 10..14 {
                assert_eq!(offer(&mut inbox, other, n, 48), Fate::Taken(0));
            }
        }
    }
}

#[test]
fn what_a_lane_could_never_hold_is_never_taken_and_displaces_nothing() {
    for policy in [Block, DropOldest, Reject] {
        let mut inbox = inbox(4, policy);
        offer(&mut inbox, DATA, 1, 1);
        assert_eq!(offer(&mut inbox, DATA, 2, 8 * 24 + 1), Fate::Refused(Room::Never));
        assert_eq!(offer(&mut inbox, DATA, 2, usize::MAX), Fate::Refused(Room::Never));
        assert_eq!(lend_all(&mut inbox), [1]);
        let mut none = Inbox::<8>::new(Queue::new(0, policy), Queue::new(8, policy));
        assert_eq!(offer(&mut none, STATE, 3, 0), Fate::Refused(Room::Never));
    }
    let mut large = Inbox::<4096>::new(Queue::new(1, Block), Queue::new(1, Block));
    assert!(matches!(large.room(DATA, 65_535), Room::Yes(_)));
    assert_eq!(large.room(DATA, 65_536), Room::Never);
}

#[test]
fn limits_beyond_the_slots_there_are_leave_the_states_fewer() {
    let mut inbox = Inbox::<8>::new(Queue::new(u16::MAX, Reject), Queue::new(6, Reject));
    let taken = LANES
        .map(|kind| (0..20).filter(|n| offer(&mut inbox, kind, *n, 1) == Fate::Taken(0)).count());
    assert_eq!(taken, [2, 6]);
    let mut inbox = Inbox::<8>::new(Queue::new(1, Reject), Queue::new(u16::MAX, Reject));
    let taken = LANES
        .map(|kind| (0..20).filter(|n| offer(&mut inbox, kind, *n, 1) == Fate::Taken(0)).count());
    assert_eq!(taken, [0, 8]);
}

#[test]
fn a_message_is_lent_as_it_came() {
    let mut inbox = inbox(4, Block);
    let header = Header {
        kind: DATA,
        prefix: Prefix { endpoint: Endpoint(0x4588_0f3a), msg_id: MsgId(0x1234), flag: 0x56 },
        frame: Some(FrameHeader {
            layout: Layout::BoundPad1,
            counter: 0x789a_bcde,
            direction: Direction::REQUEST,
            op: 0xd0,
            checksum_valid: false,
        }),
        arrived: Instant::from_micros(0x0123_4567_89ab_cdef),
        handle: Some(handle(1)),
    };
    let place = place(&mut inbox, DATA, 3);
    assert!(inbox.push(place, header, |place| place.copy_from_slice(&[1, 2, 3])));
    let lent = inbox.lend(5).unwrap();
    let Header { kind, prefix, frame, arrived, handle } = header;
    assert_eq!((lent.kind, lent.prefix, lent.frame, lent.arrived), (kind, prefix, frame, arrived));
    assert_eq!((lent.data, lent.duplicates), (&[1, 2, 3][..], 0));
    let id = DeliveryId { prefix, frame: frame.unwrap(), handle: handle.unwrap(), epoch: 5 };
    assert_eq!(lent.id(), Some(id));
    assert_eq!(Delivery { handle: None, ..lent }.id(), None);
    let announced = frame.map(|frame| FrameHeader { direction: Direction::ANNOUNCE, ..frame });
    assert_eq!(Delivery { frame: announced, ..lent }.id(), None);
}

#[test]
fn a_message_of_an_earlier_connection_never_looks_like_one_of_the_present() {
    let mut inbox = inbox(4, DropOldest);
    for kinds in [&[STATE, DATA, DATA][..], &[DATA], &[STATE]] {
        inbox.connected();
        kinds.iter().for_each(|kind| put(&mut inbox, header(*kind, 1)));
    }
    let epochs = |inbox: &mut Inbox<8>, present| -> Vec<u32> {
        core::iter::from_fn(|| inbox.lend(present).map(|it| it.epoch)).take(3).collect()
    };
    assert_eq!(epochs(&mut inbox, 9), [8, 8, 8]);
    assert_eq!(epochs(&mut inbox, 9), [8, 9]);
    put(&mut inbox, header(DATA, 1));
    inbox.connected();
    assert_eq!(epochs(&mut inbox, 10), [9], "also if the later connection brought nothing");
}

#[test]
fn the_inbox_is_small() {
    assert!(size_of::<Inbox<128>>() <= 11_500);
    assert!(size_of::<Inbox<16>>() <= 1_500);
}

fn handle(n: u16) -> Handle {
    Handle::numbered(u32::from(n))
}

/// One lane as it should be: what waits, oldest first.
struct Model {
    kind: PacketType,
    queue: Queue,
    waiting: VecDeque<Waiting>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Waiting {
    n: u32,
    len: usize,
    kind: PacketType,
}

impl Model {
    fn new(kind: PacketType, queue: Queue) -> Self {
        Self { kind, queue, waiting: VecDeque::new() }
    }

    fn bytes(&self) -> usize {
        self.waiting.iter().map(|it| it.len).sum()
    }

    /// Whether a refusal is right: all places are taken, or the bytes and what the longest message can leave unused.
    fn may_be_full(&self, len: usize) -> bool {
        let longest = self.waiting.iter().map(|it| it.len).fold(len, usize::max);
        self.waiting.len() == usize::from(self.queue.limit)
            || self.bytes() + len + longest > CAPACITY
    }

    /// Whether a message may be taken.
    fn may_have_room(&self, len: usize) -> bool {
        self.waiting.len() < usize::from(self.queue.limit) && self.bytes() + len <= CAPACITY
    }
}

const CAPACITY: usize = 8 * 24;

/// A byte that tells which message it belongs to and where it stands in it.
fn byte(n: u32, at: usize) -> u8 {
    crate::rng::mix(u64::from(n) << 16 | at as u64) as u8
}

fn frame(n: u32) -> FrameHeader {
    let (layout, direction) = (Layout::Bound, Direction::REQUEST);
    FrameHeader { layout, counter: n, direction, op: n as u8, checksum_valid: true }
}

/// Random use of an inbox beside its model. Returns how often a message was taken, refused, displaced and lent.
fn walk(seed: u64, states: Queue, messages: Queue) -> [u32; 4] {
    let mut rng = SplitMix64::new(seed);
    let mut inbox = Inbox::<8>::new(states, messages);
    let mut lanes = [Model::new(STATE, states), Model::new(DATA, messages)];
    let mut lent: Option<usize> = None;
    let [mut taken, mut refused, mut displaced, mut handed_over] = [0; 4];
    inbox.turn = rng.next() as u16;
    for n in 0..6_000_u32 {
        if rng.next() % 5 < 2 {
            let delivery = inbox.lend(0);
            if let Some(lane) = lent.take() {
                lanes[lane].waiting.pop_front();
            }
            lent = (0..2)
                .filter(|at| !lanes[*at].waiting.is_empty())
                .min_by_key(|at| lanes[*at].waiting.front().map(|it| it.n));
            let expected = lent.and_then(|lane| lanes[lane].waiting.front());
            assert_eq!(delivery.is_some(), expected.is_some());
            if let (Some(delivery), Some(expected)) = (delivery, expected) {
                assert_eq!(delivery.frame, Some(frame(expected.n)));
                assert_eq!(delivery.kind, expected.kind);
                let bytes = (0..expected.len).map(|at| byte(expected.n, at));
                assert!(bytes.eq(delivery.data.iter().copied()), "{n}: data of {expected:?}");
                handed_over += 1;
            }
        } else {
            let at = (rng.next() % 2) as usize;
            let longest = [12, 40, 80, CAPACITY as u64 + 2][(rng.next() % 4) as usize];
            let len = (rng.next() % longest) as usize;
            let kind = if at == 0 && rng.next().is_multiple_of(2) { INFO } else { lanes[at].kind };
            let room = inbox.room(kind, len);
            if let Some(lane) = lent.take() {
                lanes[lane].waiting.pop_front();
            }
            let lane = &mut lanes[at];
            match (room, lane.queue.policy) {
                (Room::Never, _) => assert!(len > CAPACITY),
                (Room::Later, Block) | (Room::Busy, Reject) => {
                    assert!(lane.may_be_full(len));
                    refused += 1;
                }
                (Room::Yes(mut place), policy) => {
                    assert!(len <= CAPACITY);
                    while let Some(gone) = inbox.displace(&mut place) {
                        assert_eq!(policy, DropOldest);
                        assert!(lane.may_be_full(len), "{n}: no need to displace anything");
                        let oldest = lane.waiting.pop_front().unwrap();
                        let handle = Some(handle(oldest.n as u16));
                        assert_eq!(gone, Displaced { kind: oldest.kind, handle });
                        displaced += 1;
                    }
                    assert!(lane.may_have_room(len));
                    let header = Header {
                        frame: Some(frame(n)),
                        handle: Some(handle(n as u16)),
                        ..header(kind, n as u16)
                    };
                    inbox.push(place, header, |place| {
                        (0..).zip(place).for_each(|(at, to)| *to = byte(n, at));
                    });
                    lane.waiting.push_back(Waiting { n, len, kind });
                    taken += 1;
                }
                other => panic!("{n}: {other:?}"),
            }
        }
        let waiting: usize = lanes.iter().map(|it| it.waiting.len()).sum();
        assert_eq!(inbox.len(), waiting - usize::from(lent.is_some()));
    }
    [taken, refused, displaced, handed_over]
}

#[test]
fn any_use_does_what_two_plain_queues_would_do() {
    let policies = [Block, DropOldest, Reject];
    for (n, (states, messages)) in
        policies.iter().flat_map(|states| policies.map(|it| (*states, it))).enumerate()
    {
        for limit in 1..8 {
            let (states, messages) = (Queue::new(limit, states), Queue::new(8 - limit, messages));
            let counts = walk(n as u64 * 8 + u64::from(limit), states, messages);
            let [taken, refused, displaced, handed_over] = counts;
            assert!(taken > 1_000 && handed_over > 500, "{counts:?}");
            let drops = [states, messages].map(|it| it.policy == DropOldest);
            assert_eq!((displaced > 100, refused > 100), (drops != [false; 2], drops != [true; 2]));
        }
    }
}
