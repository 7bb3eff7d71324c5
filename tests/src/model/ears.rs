//! What one side got, accepted, and owes answers for: the model of a receiver.

use super::book::Label;
use super::setup::{Setup, Side};
use super::wires::Flying;
use super::{Own, Violation, ensure, shown};
use crate::solo::bytes_of;
use cync_core::wire::{
    ChecksumMode, Direction, Endpoint, FRAME_AT, MsgId, Packet, PacketType, Receipt, ShortAck,
    StatusCode,
};
use cync_core::{Acknowledge, Instant, QueuePolicy, RespondError, Stats};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const BUSY: StatusCode = StatusCode(0xb5);
const TOO_LONG: StatusCode = StatusCode(0xb6);
/// Bytes that a lane has for each slot.
const LANE_BYTES: usize = 24;

/// A message of the peer; announcements are told apart within one connection only.
pub(super) type Name = (usize, u32);

/// An accepted message that waits for the application.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) name: Name,
    pub(super) label: Label,
    pub(super) data: Vec<u8>,
    pub(super) arrived: Instant,
    pub(super) wire: u32,
    order: u64,
}

/// What was said to an accepted message.
#[derive(Clone, Default, Debug)]
struct Said {
    at: Instant,
    /// The place among all that were accepted.
    number: u64,
    acknowledged: Option<StatusCode>,
    result: Option<StatusCode>,
    /// How often it was reported.
    reports: u32,
    /// The bytes of the result, once they were handed over.
    bytes: Option<Vec<u8>>,
}

/// An answer that is owed.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Owed {
    /// These bytes.
    Packet(Vec<u8>),
    /// A result of a request.
    Result {
        name: Name,
        request: Label,
        status: StatusCode,
        report: u32,
    },
    Probe(Endpoint, MsgId),
    Time,
}

/// Everything that one side got.
#[derive(Debug)]
pub(super) struct Ears {
    own: Own,
    counters: usize,
    live_for: Duration,
    places: u64,
    /// States, and everything else.
    lanes: [VecDeque<Waiting>; 2],
    order: u64,
    accepted: BTreeMap<Name, Said>,
    /// When a message of this type and endpoint was accepted last.
    partitions: BTreeMap<(u8, Endpoint), Instant>,
    owed: VecDeque<Owed>,
    pongs: u64,
    /// Heartbeats answered.
    pub(super) ponged: u64,
    pub(super) clock_asked: bool,
    /// Answers are accepted and not sent.
    hung_up: bool,
    /// Counted here.
    pub(super) deliveries: u64,
    pub(super) duplicates: u64,
    pub(super) dropped: u64,
    /// How often each request was executed.
    executed: BTreeMap<usize, u32>,
}

/// What the session counted of one message: exactly one of these, and messages dropped for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Verdict {
    accepted: u64,
    duplicates: u64,
    busy: u64,
    oversized: u64,
    dropped: [u64; 2],
}

impl Verdict {
    fn between(before: &Stats, after: &Stats) -> Self {
        Self {
            accepted: after.accepted - before.accepted,
            duplicates: after.duplicates - before.duplicates,
            busy: after.refused_busy - before.refused_busy,
            oversized: after.oversized - before.oversized,
            dropped: [
                after.states_dropped - before.states_dropped,
                after.messages_dropped - before.messages_dropped,
            ],
        }
    }
}

const fn lane_of(kind: PacketType) -> usize {
    match kind {
        PacketType::DeviceInfo | PacketType::StatusBroadcast => 0,
        _ => 1,
    }
}

impl Ears {
    pub(super) fn new(setup: &Setup, side: Side) -> Self {
        let config = setup.config(side);
        let own = setup.own(side).clone();
        Self {
            counters: usize::from(setup.counters),
            live_for: config.peer_span + config.peer_copy_lifetime,
            places: u64::from(setup.places(&own)),
            own,
            lanes: [VecDeque::new(), VecDeque::new()],
            order: 0,
            accepted: BTreeMap::new(),
            partitions: BTreeMap::new(),
            owed: VecDeque::new(),
            pongs: 0,
            ponged: 0,
            clock_asked: false,
            hung_up: false,
            deliveries: 0,
            duplicates: 0,
            dropped: 0,
            executed: BTreeMap::new(),
        }
    }

    /// Accepted messages that wait.
    pub(super) fn waiting(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    /// Messages that can be remembered: those accepted.
    pub(super) fn accepted(&self) -> usize {
        self.accepted.len()
    }

    /// A connection came or went: answers belong to one connection.
    pub(super) fn on_connection(&mut self) {
        self.owed.clear();
        self.pongs = 0;
        self.clock_asked = false;
        self.hung_up = false;
    }

    /// S6: the session has no room for this packet, or for its answers. Is that so?
    pub(super) fn check_refusal(&self, packet: &Flying) -> Result<(), Violation> {
        let answers = self.owed.len() + 2 > usize::from(self.own.size.slots());
        let label = Label::of(&packet.bytes);
        let full = label.as_ref().is_some_and(|label| {
            let lane = lane_of(label.kind);
            self.policy(lane).policy == QueuePolicy::Block
                && self.is_full(lane, self.data(label, &packet.bytes).len())
        });
        ensure!(answers || full, "S6", "refused, though there is room: {label:?}");
        Ok(())
    }

    fn policy(&self, lane: usize) -> cync_core::Queue {
        if lane == 0 { self.own.states } else { self.own.messages }
    }

    /// Whether a lane may have no room: its bytes need not lie in one piece.
    fn is_full(&self, lane: usize, len: usize) -> bool {
        let waiting = &self.lanes[lane];
        let held: usize = waiting.iter().map(|it| it.data.len()).sum();
        let capacity = LANE_BYTES * usize::from(self.own.size.slots());
        // What did not fit behind the others at the end of the ring left less than itself unused.
        let longest = waiting.iter().map(|it| it.data.len()).chain([len]).max().unwrap_or(len);
        waiting.len() >= usize::from(self.policy(lane).limit) || held + len + longest > capacity
    }

    fn data(&self, label: &Label, bytes: &[u8]) -> Vec<u8> {
        match &label.frame {
            Some(frame) => frame.data.clone(),
            None => bytes.get(FRAME_AT..).unwrap_or_default().to_vec(),
        }
    }

    /// S1, S6, S11: a message was dealt with. What the session counted of it must be right.
    pub(super) fn on_message(
        &mut self,
        now: Instant,
        wire: u32,
        packet: &Flying,
        label: &Label,
        stats: (&Stats, &Stats),
    ) -> Result<(), Violation> {
        let verdict = Verdict::between(stats.0, stats.1);
        let kind = label.kind;
        let (lane, data) = (lane_of(kind), self.data(label, &packet.bytes));
        let salt = if kind == PacketType::StatusBroadcast { wire } else { 0 };
        let name = (packet.message.unwrap_or(usize::MAX), salt);
        let known = kind != PacketType::DeviceInfo && self.accepted.contains_key(&name);
        let what = format!("{label:?}: {verdict:?}");
        let Verdict { accepted, duplicates, busy, oversized, dropped } = verdict;
        ensure!(accepted + duplicates + busy + oversized == 1, "S12", "{what}");
        ensure!(accepted == 0 || !known, "S1", "accepted again: {what}");
        ensure!(duplicates == 0 || known, "S6", "taken for a repetition: {what}");
        ensure!(duplicates == 1 || !known, "S11", "a repetition was not recognised: {what}");
        ensure!(dropped[1 - lane] == 0 && (accepted == 1 || dropped[lane] == 0), "S6", "{what}");
        let policy = self.policy(lane).policy;
        if duplicates == 1 {
            self.duplicates += 1;
            self.answer_again(name, label);
        } else if busy == 1 {
            let full = policy == QueuePolicy::Reject && self.is_full(lane, data.len());
            ensure!(
                full || self.is_crowded(now, label),
                "S6",
                "refused though there is room: {what}"
            );
            self.owe_receipt(label, BUSY);
        } else if oversized == 1 {
            let capacity = LANE_BYTES * usize::from(self.own.size.slots());
            ensure!(data.len() > capacity, "S6", "{what}");
            self.owe_receipt(label, TOO_LONG);
        } else {
            for _ in 0..dropped[lane] {
                let drops = policy == QueuePolicy::DropOldest && self.is_full(lane, data.len());
                ensure!(drops, "S6", "dropped by a lane that is to {policy:?}: {what}");
                self.drop_oldest(lane);
            }
            let full = self.lanes[lane].len() >= usize::from(self.policy(lane).limit);
            ensure!(!full, "S4", "accepted beyond the limit: {what}");
            self.accept(now, wire, name, label, data);
        }
        Ok(())
    }

    fn accept(&mut self, now: Instant, wire: u32, name: Name, label: &Label, data: Vec<u8>) {
        self.order += 1;
        self.deliveries += 1;
        let (order, label) = (self.order, label.clone());
        let asked = label.kind == PacketType::DataChannel;
        let manual = asked && self.own.acknowledge == Acknowledge::Manually;
        if !manual {
            self.owe_receipt(&label, StatusCode::OK);
        }
        if label.kind != PacketType::DeviceInfo {
            let acknowledged = (!manual).then_some(StatusCode::OK);
            let number = self.deliveries;
            let said = Said { at: now, number, acknowledged, ..Said::default() };
            self.accepted.insert(name, said);
            self.partitions.insert((label.kind.byte(), label.endpoint), now);
        }
        let lane = lane_of(label.kind);
        self.lanes[lane].push_back(Waiting { name, label, data, arrived: now, wire, order });
    }

    /// What was dropped before anyone answered it is accepted when it is repeated.
    fn drop_oldest(&mut self, lane: usize) {
        let Some(gone) = self.lanes[lane].pop_front() else { return };
        self.dropped += 1;
        let said = self.accepted.get(&gone.name);
        if said.is_some_and(|said| said.acknowledged.is_none()) {
            self.accepted.remove(&gone.name);
        }
    }

    /// Whether as many other senders as can be remembered have messages that may be repeated.
    fn is_crowded(&self, now: Instant, label: &Label) -> bool {
        let own = (label.kind.byte(), label.endpoint);
        let others = self
            .partitions
            .iter()
            .filter(|(partition, at)| **partition != own && now < **at + self.live_for);
        label.kind != PacketType::DeviceInfo && others.count() >= self.counters
    }

    fn owe_receipt(&mut self, label: &Label, status: StatusCode) {
        let Label { endpoint, msg_id, .. } = *label;
        self.owed.push_back(Owed::Packet(bytes_of(&match label.kind {
            PacketType::StatusBroadcast => Packet::StatusAck(ShortAck { msg_id, status }),
            PacketType::DeviceInfo => Packet::InfoAck(ShortAck { msg_id, status }),
            _ => Packet::DataAck(Receipt { endpoint, msg_id, status }),
        })));
    }

    fn answer_again(&mut self, name: Name, label: &Label) {
        let Some(said) = self.accepted.get(&name).cloned() else { return };
        if let Some(status) = said.acknowledged {
            self.owe_receipt(label, status);
        }
        if let Some(status) = said.result {
            let (request, report) = (label.clone(), said.reports);
            self.owed.push_back(Owed::Result { name, request, status, report });
        }
    }

    /// A packet that cannot be decoded is acknowledged, if it is of a type that is.
    pub(super) fn on_undecodable(&mut self, bytes: &[u8]) {
        let Some((&kind, prefix)) = bytes.first().zip(bytes.get(5..12)) else { return };
        let &[e0, e1, e2, e3, m0, m1, _] = prefix else { return };
        let Some(kind) = PacketType::from_byte(kind) else { return };
        let endpoint = Endpoint(u32::from_be_bytes([e0, e1, e2, e3]));
        let msg_id = MsgId(u16::from_be_bytes([m0, m1]));
        if matches!(kind, PacketType::DataChannel | PacketType::StatusBroadcast) {
            self.owe_receipt(&Label { kind, endpoint, msg_id, frame: None }, StatusCode::OK);
        }
    }

    pub(super) fn on_hello(&mut self) {
        let ack = cync_core::wire::LoginAck { status: StatusCode::OK, reserved: 0 };
        self.owed.push_back(Owed::Packet(bytes_of(&Packet::HelloAck(ack))));
    }

    pub(super) fn on_probe(&mut self, label: &Label) {
        self.owed.push_back(Owed::Probe(label.endpoint, label.msg_id));
    }

    pub(super) fn on_heartbeat(&mut self) {
        self.pongs += 1;
    }

    /// The application told the time.
    pub(super) fn on_wall_clock(&mut self) {
        if self.clock_asked && self.owed.len() < usize::from(self.own.size.slots()) {
            self.owed.push_back(Owed::Time);
            self.clock_asked = false;
        }
    }

    /// S1, S6: what the application gets is the oldest message, whole. Returns it.
    pub(super) fn on_recv(&mut self, got: Option<Got>) -> Result<Option<Waiting>, Violation> {
        let orders = self.lanes.each_ref().map(|lane| lane.front().map(|it| it.order));
        let lane = match orders {
            [Some(state), Some(message)] => usize::from(message < state),
            [None, Some(_)] => 1,
            _ => 0,
        };
        let expected = self.lanes[lane].pop_front();
        let (Some(got), Some(waiting)) = (&got, &expected) else {
            ensure!(got.is_none() && expected.is_none(), "S6", "{got:?} instead of {expected:?}");
            return Ok(None);
        };
        let same = got.kind == waiting.label.kind
            && (got.endpoint, got.msg_id) == (waiting.label.endpoint, waiting.label.msg_id)
            && got.counter == waiting.label.frame.as_ref().map(|frame| frame.counter)
            && got.data == waiting.data
            && got.arrived == waiting.arrived;
        ensure!(same, "S1", "{got:?} instead of {waiting:?}");
        Ok(expected)
    }

    /// S11: the application executes a request.
    pub(super) fn on_executed(&mut self, waiting: &Waiting) -> Result<(), Violation> {
        let count = self.executed.entry(waiting.name.0).or_default();
        *count += 1;
        ensure!(*count == 1, "S11", "executed {count} times: {waiting:?}");
        Ok(())
    }

    /// `report` or `respond` (without a result) returned `outcome`; `here` says that the request came on this connection.
    pub(super) fn on_reply(
        &mut self,
        now: Instant,
        waiting: &Waiting,
        here: bool,
        (status, reports): (StatusCode, bool),
        outcome: Result<(), RespondError>,
    ) -> Result<(), Violation> {
        let what = format!("{outcome:?} for {waiting:?}");
        let slots = usize::from(self.own.size.slots());
        let room = slots.saturating_sub(self.owed.len());
        let since = |said: &Said| {
            now >= said.at + self.live_for || self.deliveries - said.number >= self.places
        };
        let said = self.accepted.get(&waiting.name);
        if outcome == Err(RespondError::Forgotten) {
            ensure!(said.is_none_or(since), "S11", "forgotten too early: {what}");
            return Ok(());
        }
        let Some(said) = said.cloned() else {
            return Err(Violation::of("S11", format!("of an unknown request: {what}")));
        };
        let fresh = said.acknowledged.is_none();
        let mut now_said = said;
        let expected = if !reports && !fresh {
            Err(RespondError::Answered)
        } else if !reports && here && room < 2 {
            Err(RespondError::Full)
        } else {
            let mut told = true;
            if fresh {
                let status = if reports { StatusCode::OK } else { status };
                now_said.acknowledged = Some(status);
                let fits = self.owed.len() + 2 <= slots;
                told &= !here || fits;
                if here && fits {
                    self.owe_receipt(&waiting.label, status);
                }
            }
            if reports {
                (now_said.result, now_said.bytes) = (Some(status), None);
                now_said.reports += 1;
                let fits = self.owed.len() < slots;
                told &= !here || fits;
                if here && fits {
                    let (name, request) = (waiting.name, waiting.label.clone());
                    let report = now_said.reports;
                    self.owed.push_back(Owed::Result { name, request, status, report });
                }
            }
            self.accepted.insert(waiting.name, now_said);
            if told { Ok(()) } else { Err(RespondError::Full) }
        };
        if here && outcome.is_ok() && expected == Err(RespondError::Full) {
            // So the session has hung up, and is to say nothing more.
            self.hung_up = true;
            return Ok(());
        }
        ensure!(outcome == expected, "S11", "expected {expected:?}: {what}");
        Ok(())
    }

    /// S3: the session handed over an answer. It must be the one that is owed longest.
    pub(super) fn on_answer_sent(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        ensure!(!self.hung_up, "S10", "{} after a hang-up", shown(bytes));
        let Some(owed) = self.owed.pop_front() else {
            let pong = Packet::decode(bytes, ChecksumMode::Strict) == Ok(Packet::HeartbeatCloud);
            ensure!(pong && self.pongs > 0, "S3", "nobody asked for {}", shown(bytes));
            self.pongs -= 1;
            self.ponged += 1;
            return Ok(());
        };
        let right = match &owed {
            Owed::Packet(expected) => bytes == expected,
            Owed::Probe(endpoint, msg_id) => Label::of(bytes).is_some_and(|label| {
                label.kind == PacketType::ProbeAck
                    && (label.endpoint, label.msg_id) == (*endpoint, *msg_id)
            }),
            Owed::Time => bytes.first() == Some(&0xc8),
            Owed::Result { name, request, status, report } => {
                let expected = request.frame.as_ref().map(|frame| (frame.counter, frame.op));
                let told = self.accepted.get_mut(name);
                // Once reported anew, an older result may still be owed.
                let same = told.is_none_or(|said| {
                    said.reports != *report
                        || said.bytes.get_or_insert_with(|| bytes.to_vec()) == bytes
                });
                let label = Label::of(bytes);
                let frame = label.as_ref().and_then(|label| label.frame.as_ref());
                same && label.as_ref().is_some_and(|label| label.endpoint == request.endpoint)
                    && frame.is_some_and(|frame| {
                        frame.direction == Direction::RESPONSE
                            && Some((frame.counter, frame.op)) == expected
                            && frame.data == [status.0]
                    })
            }
        };
        ensure!(right, "S3", "{} where {owed:02x?} was owed", shown(bytes));
        Ok(())
    }
}

/// What `recv` lent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Got {
    pub(super) kind: PacketType,
    pub(super) endpoint: Endpoint,
    pub(super) msg_id: MsgId,
    pub(super) counter: Option<u32>,
    pub(super) data: Vec<u8>,
    pub(super) arrived: Instant,
}
