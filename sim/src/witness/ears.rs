//! What a session got and accepted: the model of a receiver.

use super::heading::{Heading, Tag};
use super::index::Table;
use super::replies::Owed;
use super::{Bytes, Flight, Violation, ensure};
use crate::Size;
use cync_core::wire::{Endpoint, PacketType, StatusCode};
use cync_core::{Acknowledge, Config, Delivery, DeliveryId, Instant, Queue, QueuePolicy, Stats};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(super) const BUSY: StatusCode = StatusCode(0xb5);
const TOO_LONG: StatusCode = StatusCode(0xb6);
/// Bytes that a lane has for each slot.
const LANE_BYTES: usize = 24;
/// Accepted messages of one sender that are remembered beyond those that the session can remember.
const MARGIN: usize = 16;
/// Messages that were dropped of which it is remembered how old they are.
const REVIVABLE: usize = 64;
/// Senders that are remembered without a look at how old they are.
const SENDERS: usize = 64;

/// A message of the peer; announcements are told apart within one connection only.
pub(super) type Name = (u32, u32);

/// An accepted message that waits for the application.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) message: Option<u32>,
    pub(super) request: Request,
    data: Bytes,
    arrived: Instant,
    order: u64,
}

/// An accepted message, as far as its answers need it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) name: Name,
    /// The place among all that were accepted.
    pub(super) number: u64,
    pub(super) tag: Tag,
    pub(super) wire: u32,
}

/// When a message was accepted for the first time, and its place then among all that were accepted: so long, and among so many,
/// it is remembered.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Age {
    pub(super) at: Instant,
    pub(super) place: u64,
}

/// What was said to an accepted message.
#[derive(Clone, Default, Debug)]
pub(super) struct Said {
    pub(super) age: Age,
    pub(super) number: u64,
    pub(super) acknowledged: Option<StatusCode>,
    pub(super) result: Option<StatusCode>,
    /// How often it was reported.
    pub(super) reports: u32,
    /// The bytes of the result, once they were handed over.
    pub(super) bytes: Option<Bytes>,
    /// The application took it.
    executed: bool,
}

/// A sender of messages of one type.
#[derive(Debug)]
struct Sender {
    /// When a message of it was accepted last.
    last: Instant,
    /// Those accepted last, and their places among all.
    accepted: VecDeque<(Name, u64)>,
}

/// Everything that a session got.
#[derive(Debug)]
pub(super) struct Ears {
    acknowledge: Acknowledge,
    pub(super) slots: usize,
    counters: usize,
    pub(super) live_for: Duration,
    copy_lifetime: Duration,
    pub(super) places: u64,
    /// States, and everything else.
    policies: [Queue; 2],
    lanes: [VecDeque<Waiting>; 2],
    /// Bytes that wait.
    held: [usize; 2],
    order: u64,
    pub(super) accepted: Table<Said>,
    senders: BTreeMap<(u8, Endpoint), Sender>,
    /// Messages that were dropped before anyone answered them. Accepted again, they are as old as they were.
    revivable: VecDeque<(Name, Age)>,
    /// Of some of them nothing is known any more.
    forgot_senders: bool,
    /// Requests that the application took, and may answer.
    pub(super) lent: VecDeque<(DeliveryId, Request)>,
    pub(super) owed: VecDeque<Owed>,
    pub(super) pongs: u64,
    /// Heartbeats answered.
    pub(super) ponged: u64,
    pub(super) clock_asked: bool,
    /// Answers are accepted and not sent.
    pub(super) hung_up: bool,
    /// Something forged was dealt with: what is remembered, and what is owed, is not known any more.
    pub(super) misled: bool,
    /// Copies came later than any can: what was forgotten may be accepted again.
    pub(super) too_late: bool,
    /// Counted here.
    pub(super) deliveries: u64,
    pub(super) duplicates: u64,
    pub(super) dropped: u64,
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
    const fn between(before: &Stats, after: &Stats) -> Self {
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
    pub(super) fn new(size: Size, config: &Config) -> Self {
        let slots = usize::from(size.slots());
        let share = size.seen() / u16::from(config.counters).max(1);
        Self {
            acknowledge: config.acknowledge,
            slots,
            counters: config.counters.into(),
            live_for: config.peer_span + config.peer_copy_lifetime,
            copy_lifetime: config.peer_copy_lifetime,
            places: share.checked_ilog2().map_or(0, |log| 1 << log),
            policies: [config.inbox_states, config.inbox_messages],
            lanes: [VecDeque::new(), VecDeque::new()],
            held: [0; 2],
            order: 0,
            accepted: Table::new(),
            senders: BTreeMap::new(),
            revivable: VecDeque::new(),
            forgot_senders: false,
            lent: VecDeque::new(),
            owed: VecDeque::new(),
            pongs: 0,
            ponged: 0,
            clock_asked: false,
            hung_up: false,
            misled: false,
            too_late: false,
            deliveries: 0,
            duplicates: 0,
            dropped: 0,
        }
    }

    /// Accepted messages that wait.
    pub(super) fn waiting(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    /// Messages that the session can remember.
    pub(super) fn most_remembered(&self) -> usize {
        if self.forgot_senders || self.misled || self.too_late {
            usize::MAX
        } else {
            self.accepted.len()
        }
    }

    /// Everything that is remembered.
    pub(super) fn remembered(&self) -> usize {
        let of_senders: usize = self.senders.values().map(|sender| sender.accepted.len()).sum();
        self.accepted.len() + of_senders + self.revivable.len() + self.lent.len() + self.owed.len()
    }

    /// A connection came or went: answers belong to one connection.
    pub(super) fn on_connection(&mut self) {
        self.owed.clear();
        self.pongs = 0;
        self.clock_asked = false;
        self.hung_up = false;
    }

    fn capacity(&self) -> usize {
        LANE_BYTES * self.slots
    }

    fn policy(&self, lane: usize) -> Queue {
        let [states, messages] = self.policies;
        if lane == 0 { states } else { messages }
    }

    const fn lane(&mut self, lane: usize) -> (&mut VecDeque<Waiting>, &mut usize) {
        let ([states, messages], [held_states, held_messages]) = (&mut self.lanes, &mut self.held);
        if lane == 0 { (states, held_states) } else { (messages, held_messages) }
    }

    /// S6: the session has no room for this packet, or for its answers. Is that so?
    pub(super) fn check_refusal(
        &self,
        heading: Option<&Heading<'_>>,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        let answers = self.owed.len() + 2 > self.slots;
        let full = || {
            heading.is_some_and(|heading| {
                let lane = lane_of(heading.kind);
                self.policy(lane).policy == QueuePolicy::Block
                    && self.is_full(lane, heading.data_len(bytes))
            })
        };
        let right = answers || self.misled || full();
        ensure!(right, "S6", "refused, though there is room: {heading:?}");
        Ok(())
    }

    /// Whether a lane may have no room: its bytes need not lie in one piece.
    fn is_full(&self, lane: usize, len: usize) -> bool {
        let [states, messages] = &self.lanes;
        let [held_states, held_messages] = self.held;
        let (waiting, held) =
            if lane == 0 { (states, held_states) } else { (messages, held_messages) };
        // What did not fit behind the others at the end of the ring left less than itself unused.
        let longest = || waiting.iter().map(|it| it.data.len()).chain([len]).max().unwrap_or(len);
        waiting.len() >= usize::from(self.policy(lane).limit)
            || held + len + longest() > self.capacity()
    }

    /// S1, S6, S11: a message was dealt with. What the session counted of it must be right.
    pub(super) fn on_message(
        &mut self,
        now: Instant,
        wire: u32,
        flight: &Flight,
        heading: &Heading<'_>,
        stats: (&Stats, &Stats),
    ) -> Result<(), Violation> {
        let verdict = Verdict::between(stats.0, stats.1);
        let Heading { kind, .. } = *heading;
        let lane = lane_of(kind);
        self.misled |= flight.forged;
        self.too_late |= now >= flight.handed_at + self.copy_lifetime;
        let message = flight.message.filter(|_| !flight.forged);
        let salt = if kind == PacketType::StatusBroadcast { wire } else { 0 };
        let name = (message.unwrap_or(u32::MAX), salt);
        let known = kind != PacketType::DeviceInfo && self.accepted.get(name).is_some();
        let Verdict { accepted, duplicates, busy, oversized, dropped } = verdict;
        let one = accepted + duplicates + busy + oversized == 1;
        ensure!(one, "S12", "{heading:?}: {verdict:?}");
        if !self.misled {
            let again = accepted == 1 && known && !self.too_late;
            ensure!(!again, "S1", "accepted again: {heading:?}: {verdict:?}");
            let fresh = duplicates == 1 && !known;
            ensure!(!fresh, "S6", "taken for a repetition: {heading:?}: {verdict:?}");
            let missed = known && duplicates == 0 && !self.too_late;
            ensure!(!missed, "S11", "a repetition was not recognised: {heading:?}: {verdict:?}");
        }
        let [states_dropped, messages_dropped] = dropped;
        let (gone, others) = if lane == 0 {
            (states_dropped, messages_dropped)
        } else {
            (messages_dropped, states_dropped)
        };
        ensure!(others == 0 && (accepted == 1 || gone == 0), "S6", "{heading:?}: {verdict:?}");
        let len = heading.data_len(&flight.bytes);
        let policy = self.policy(lane).policy;
        if duplicates == 1 {
            self.duplicates += 1;
            self.answer_again(name, &heading.tag());
        } else if busy == 1 {
            let full = policy == QueuePolicy::Reject && self.is_full(lane, len);
            let right = full || self.misled || self.is_crowded(now, heading);
            ensure!(right, "S6", "refused though there is room: {heading:?}: {verdict:?}");
            self.owe_receipt(&heading.tag(), BUSY);
        } else if oversized == 1 {
            ensure!(len > self.capacity(), "S6", "{heading:?}: {verdict:?}");
            self.owe_receipt(&heading.tag(), TOO_LONG);
        } else {
            for _ in 0..gone {
                let drops = policy == QueuePolicy::DropOldest && self.is_full(lane, len);
                ensure!(drops, "S6", "dropped by a lane that is to {policy:?}: {heading:?}");
                self.drop_oldest(lane);
            }
            let limit = usize::from(self.policy(lane).limit);
            let waiting = self.lane(lane).0.len();
            ensure!(waiting < limit, "S4", "accepted beyond the limit: {heading:?}: {verdict:?}");
            let data = heading.data(&flight.bytes);
            self.accept(now, (wire, name, message), heading.tag(), data);
        }
        Ok(())
    }

    fn accept(
        &mut self,
        now: Instant,
        (wire, name, message): (u32, Name, Option<u32>),
        tag: Tag,
        data: Bytes,
    ) {
        self.order += 1;
        self.deliveries += 1;
        let (order, number) = (self.order, self.deliveries);
        let asked = tag.kind == PacketType::DataChannel;
        let manual = asked && self.acknowledge == Acknowledge::Manually;
        if !manual {
            self.owe_receipt(&tag, StatusCode::OK);
        }
        if tag.kind != PacketType::DeviceInfo {
            let acknowledged = (!manual).then_some(StatusCode::OK);
            let known = self.revivable.iter().rev().find(|(dropped, _)| *dropped == name);
            let age = known.map_or(Age { at: now, place: number }, |(_, age)| *age);
            let said = Said { age, number, acknowledged, ..Said::default() };
            self.accepted.insert(name, said);
            self.remember(now, (tag.kind.byte(), tag.endpoint), (name, number));
        }
        let request = Request { name, number, tag, wire };
        let (waiting, held) = self.lane(lane_of(tag.kind));
        *held += data.len();
        waiting.push_back(Waiting { message, request, data, arrived: now, order });
    }

    /// The session remembers so many messages of a sender; older ones are forgotten here, too.
    fn remember(&mut self, now: Instant, sender: (u8, Endpoint), accepted: (Name, u64)) {
        if self.senders.len() > SENDERS {
            let live_for = self.live_for;
            self.forgot_senders = true;
            self.senders.retain(|_, sender| {
                let live = now < sender.last + live_for;
                if !live {
                    forget(&mut self.accepted, &mut sender.accepted, 0);
                }
                live
            });
        }
        let most = usize::try_from(self.places).unwrap_or(usize::MAX).saturating_add(MARGIN);
        let sender = self
            .senders
            .entry(sender)
            .or_insert_with(|| Sender { last: now, accepted: VecDeque::new() });
        sender.last = now;
        sender.accepted.push_back(accepted);
        forget(&mut self.accepted, &mut sender.accepted, most);
    }

    /// What was dropped before anyone answered it is accepted when it is repeated.
    fn drop_oldest(&mut self, lane: usize) {
        let Some(gone) = self.take_oldest(lane) else { return };
        self.dropped += 1;
        let Request { name, number, tag, .. } = gone.request;
        let age = self.accepted.get(name).map(|said| said.age);
        self.accepted.remove_if(name, |said| said.acknowledged.is_none());
        if self.accepted.get(name).is_none()
            && let Some(sender) = self.senders.get_mut(&(tag.kind.byte(), tag.endpoint))
            && let Some(at) = sender.accepted.iter().rposition(|known| *known == (name, number))
        {
            // However often it is accepted again, it is one of those that are remembered.
            sender.accepted.remove(at);
            if self.revivable.len() >= REVIVABLE {
                self.revivable.pop_front();
            }
            self.revivable.extend(age.map(|age| (name, age)));
        }
    }

    fn take_oldest(&mut self, lane: usize) -> Option<Waiting> {
        let (waiting, held) = self.lane(lane);
        let oldest = waiting.pop_front()?;
        *held -= oldest.data.len();
        Some(oldest)
    }

    /// Whether as many other senders as can be remembered have messages that may be repeated.
    fn is_crowded(&self, now: Instant, heading: &Heading<'_>) -> bool {
        let own = (heading.kind.byte(), heading.endpoint);
        let others = self
            .senders
            .iter()
            .filter(|(key, sender)| **key != own && now < sender.last + self.live_for);
        heading.kind != PacketType::DeviceInfo && others.count() >= self.counters
    }

    /// S1, S6, S11: what the application gets is the oldest message, whole, and a request once only. Returns it.
    pub(super) fn on_recv(
        &mut self,
        got: Option<&Delivery<'_>>,
    ) -> Result<Option<(Bytes, Option<u32>)>, Violation> {
        let orders = self.lanes.each_ref().map(|lane| lane.front().map(|it| it.order));
        let lane = match orders {
            [Some(state), Some(message)] => usize::from(message < state),
            [None, Some(_)] => 1,
            _ => 0,
        };
        let expected = self.take_oldest(lane);
        let (Some(got), Some(waiting)) = (got, expected.as_ref()) else {
            let nothing = got.is_none() && expected.is_none();
            ensure!(nothing, "S6", "{got:?} instead of {expected:?}");
            return Ok(None);
        };
        let tag = &waiting.request.tag;
        let same = got.kind == tag.kind
            && (got.prefix.endpoint, got.prefix.msg_id) == (tag.endpoint, tag.msg_id)
            && got.frame.map(|frame| (frame.op, frame.counter)) == tag.frame
            && waiting.data == *got.data
            && got.arrived == waiting.arrived;
        ensure!(same, "S1", "{got:?} instead of {waiting:?}");
        if let Some(id) = got.id() {
            let Request { name, number, .. } = waiting.request;
            let said = self.accepted.get_mut(name).filter(|said| said.number == number);
            if let Some(said) = said {
                ensure!(!said.executed, "S11", "executed again: {waiting:?}");
                said.executed = true;
            }
            self.lend(id, waiting.request);
        }
        Ok(expected.map(|waiting| (waiting.data, waiting.message)))
    }

    fn lend(&mut self, id: DeliveryId, request: Request) {
        if self.lent.len() > 2 * self.accepted.len() + MARGIN {
            let accepted = &self.accepted;
            self.lent.retain(|(_, request)| {
                accepted.get(request.name).is_some_and(|said| said.number == request.number)
            });
        }
        self.lent.push_back((id, request));
    }
}

/// Forgets the oldest messages of a sender until there are so many.
fn forget(accepted: &mut Table<Said>, of_sender: &mut VecDeque<(Name, u64)>, most: usize) {
    while of_sender.len() > most
        && let Some((name, number)) = of_sender.pop_front()
    {
        accepted.remove_if(name, |said| said.number == number);
    }
}
