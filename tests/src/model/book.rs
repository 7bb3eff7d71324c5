//! What one side was asked to send, and what left it: the model of a sender.

use super::op::{Ask, What};
use super::setup::{Setup, Side};
use super::{Own, Violation, ensure};
use crate::solo::{ENDPOINT, bytes_of};
use cync_core::wire::{
    Channel, ChecksumMode, Direction, Endpoint, FRAME_AT, Frame, MsgId, Packet, PacketType, Prefix,
    StatusCode, op,
};
use cync_core::{
    Backoff, Instant, MessageId, NotSent, Outcome, QueuePolicy, Request, SendError, Stage,
    Transmit, Unknown,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A message that `send` accepted.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) ask: Ask,
    pub(super) kind: PacketType,
    pub(super) op: u8,
    pub(super) endpoint: Endpoint,
    pub(super) until: Stage,
    pub(super) once: bool,
    /// What the peer's application gets of it.
    pub(super) data: Vec<u8>,
    pub(super) queued_at: Instant,
    pub(super) deadline: Instant,
    /// Of the first copy; all others are equal.
    pub(super) bytes: Vec<u8>,
    pub(super) msg_id: Option<MsgId>,
    pub(super) counter: Option<u32>,
    /// When copies were handed over, and on which connection.
    pub(super) copies: Vec<(Instant, u32)>,
    /// The place of its first copy among the first copies of all.
    pub(super) ordinal: usize,
    /// Copies for a new connection.
    pub(super) waived: usize,
    /// It waits for a new connection, on which it was not handed over.
    pub(super) riding: bool,
    /// A newer command forbids another copy.
    pub(super) superseded: bool,
    /// Receipts that came for it.
    pub(super) receipts: usize,
    pub(super) stage: Option<Stage>,
    pub(super) status: Option<StatusCode>,
    /// The peer dealt with a copy, or somebody forged an answer.
    pub(super) answerable: bool,
    /// How it must have ended, and when.
    pub(super) end: Option<(Instant, Outcome)>,
    /// It has ended in one of the ways that it may have.
    pub(super) is_over: bool,
    /// How it may have ended, and since when.
    pub(super) may: Vec<(Instant, Outcome)>,
    pub(super) told: Option<Stage>,
    pub(super) done: bool,
}

impl Message {
    /// It has not ended, as far as the model can know.
    pub(super) const fn is_live(&self) -> bool {
        self.end.is_none() && !self.is_over
    }

    /// It has certainly not ended.
    pub(super) const fn is_surely_live(&self) -> bool {
        self.is_live() && self.may.is_empty()
    }

    pub(super) fn end(&mut self, now: Instant, outcome: Outcome) {
        self.end.get_or_insert((now, outcome));
    }

    /// How it ends for a reason that says whether a byte of it left.
    pub(super) const fn ends_as(&self, not_sent: NotSent, unknown: Unknown) -> Outcome {
        if self.copies.is_empty() { Outcome::NotSent(not_sent) } else { Outcome::Unknown(unknown) }
    }

    pub(super) fn last_copy(&self) -> Option<Instant> {
        self.copies.last().map(|(at, _)| *at)
    }

    /// Copies of it are certainly under way, so that its number must not be used for another one.
    pub(super) fn is_under_way(&self, now: Instant, copy_lifetime: Duration) -> bool {
        self.is_surely_live()
            || self.receipts < self.copies.len()
                && self.last_copy().is_some_and(|at| at + copy_lifetime > now)
    }

    pub(super) fn was_handed_over_on(&self, wire: u32) -> bool {
        self.copies.iter().any(|(_, on)| *on == wire)
    }

    /// Copies that the retry policy counts.
    fn attempts(&self) -> usize {
        self.copies.len() - self.waived
    }
}

/// Everything that one side was asked to send.
#[derive(Debug)]
pub(super) struct Book {
    side: Side,
    /// Check what happens, instead of only writing it down.
    pub(super) watched: bool,
    pub(super) own: Own,
    pub(super) copy_lifetime: Duration,
    /// The latest after its first that another copy is handed over.
    span: Duration,
    id_window: u16,
    pub(super) messages: Vec<Message>,
    live: BTreeMap<MessageId, usize>,
    /// Every id that was ever returned, newest last.
    pub(super) ids: Vec<MessageId>,
    firsts: usize,
    last_first: Option<usize>,
    /// The connection and the first copy's place of the message that was handed over for a new connection last.
    last_rider: (u32, usize),
    /// Copies behind the first one, by the reason.
    pub(super) timed_out: u64,
    pub(super) refused: u64,
    pub(super) reconnected: u64,
    /// How often each outcome was told.
    pub(super) told: BTreeMap<String, u64>,
    /// The shortest data that was refused for want of room.
    pub(super) shortest_refused: Option<u16>,
}

/// A request, and what of it the model has to know.
pub(super) struct Draft {
    kind: PacketType,
    op: u8,
    data: Vec<u8>,
    payload: Vec<u8>,
    /// Bytes of a typed command, whose data depends on its number.
    typed: usize,
}

impl Draft {
    pub(super) fn new(side: Side, index: usize, what: What) -> Self {
        let data = |len: u16| {
            let mix = |at: u16| (usize::from(at) * 7 + index * 31) as u8;
            (0..len).map(|at| if at % 5 == 2 { 0x7c + mix(at) % 3 } else { mix(at) }).collect()
        };
        let plain = |kind, len| Self {
            kind,
            op: op::POWER,
            data: data(len),
            payload: Vec::new(),
            typed: 0,
        };
        match what {
            What::Power(_) | What::Brightness(_) | What::Both(_) => {
                let command = what.command();
                let op = command.map_or(0, |command| command.op());
                let typed = command.map_or(0, |command| command.data(0).len());
                Self { op, typed, ..plain(PacketType::DataChannel, 0) }
            }
            What::Frame(len) => plain(PacketType::DataChannel, len),
            What::Announce(len) => plain(PacketType::StatusBroadcast, len),
            What::Probe => plain(PacketType::Probe, 0),
            What::Info(len) => plain(PacketType::DeviceInfo, len),
            What::Raw(len) => {
                let draft = plain(PacketType::DataChannel, len.min(1_900));
                let counter = 0xc000_0000 | (index as u32) << 1 | side as u32;
                let frame = Frame::request(counter, draft.op, &draft.data);
                let prefix = Prefix { endpoint: ENDPOINT, msg_id: MsgId(0), flag: 0 };
                let packet = bytes_of(&Packet::DataChannel(Channel { prefix, frame }));
                Self { payload: packet[FRAME_AT..].to_vec(), ..draft }
            }
        }
    }

    pub(super) fn request(&self, ask: &Ask) -> Request<'_> {
        let request = match (ask.what, ask.what.command()) {
            (_, Some(command)) => Request::from(command),
            (What::Announce(_), _) => Request::announce(self.op, &self.data),
            (What::Probe, _) => Request::probe(),
            (What::Info(_), _) => Request::raw(self.kind, &self.data),
            (What::Raw(_), _) => Request::raw(self.kind, &self.payload),
            _ => Request::frame(self.op, &self.data),
        };
        let request = if ask.once { request.once() } else { request };
        let request = ask.until.map_or(request, |stage| request.until(stage));
        let ms = Duration::from_millis;
        let request = ask.deadline.map_or(request, |time| request.deadline(ms(time)));
        let request = ask.msg_id.map_or(request, |number| request.msg_id(number));
        if ask.other_endpoint { request.endpoint(other_endpoint()) } else { request }
    }

    /// Bytes that the session has to keep, at most.
    fn len(&self) -> usize {
        self.data.len().max(self.payload.len()).max(self.typed)
    }
}

fn other_endpoint() -> Endpoint {
    Endpoint(ENDPOINT.0 ^ 1)
}

impl Book {
    pub(super) fn new(setup: &Setup, side: Side, watched: bool) -> Self {
        let config = setup.config(side);
        Self {
            side,
            watched,
            own: setup.own(side).clone(),
            copy_lifetime: config.copy_lifetime,
            span: config.span(),
            id_window: config.id_window,
            messages: Vec::new(),
            live: BTreeMap::new(),
            ids: Vec::new(),
            firsts: 0,
            last_first: None,
            last_rider: (0, 0),
            timed_out: 0,
            refused: 0,
            reconnected: 0,
            told: BTreeMap::new(),
            shortest_refused: None,
        }
    }

    pub(super) fn index(&self, id: MessageId) -> Option<usize> {
        self.live.get(&id).copied()
    }

    pub(super) fn forget(&mut self, id: MessageId) {
        self.live.remove(&id);
    }

    pub(super) fn message(&mut self, index: usize) -> Option<&mut Message> {
        self.messages.get_mut(index)
    }

    pub(super) fn draft(&self, what: What) -> Draft {
        Draft::new(self.side, self.messages.len(), what)
    }

    /// `send` returned `result`, and by doing so dropped so many messages.
    pub(super) fn on_send(
        &mut self,
        now: Instant,
        ask: &Ask,
        draft: Draft,
        result: Result<MessageId, SendError>,
        dropped: u64,
    ) -> Result<(), Violation> {
        self.on_dropped(now, dropped)?;
        let id = match result {
            Ok(id) => id,
            Err(error) if self.watched => return self.on_refused(ask, &draft, error),
            Err(error) => {
                if error == SendError::Full {
                    self.note_refused(&draft);
                }
                return Ok(());
            }
        };
        let forbidden = self.forbidden(ask, &draft);
        ensure!(forbidden.is_none(), "C6", "{ask:?} was taken, expected {forbidden:?}");
        ensure!(!self.live.contains_key(&id), "S2", "{id} is in use");
        let by_itself = Stage::Acked;
        let announced = matches!(ask.what, What::Announce(_) | What::Info(_));
        let index = self.messages.len();
        self.supersede(now, ask.what);
        self.live.insert(id, index);
        self.ids.push(id);
        let ms = Duration::from_millis;
        self.messages.push(Message {
            ask: *ask,
            kind: draft.kind,
            op: draft.op,
            endpoint: if ask.other_endpoint { other_endpoint() } else { ENDPOINT },
            until: ask.until.unwrap_or(if announced { Stage::Sent } else { by_itself }),
            once: ask.once || announced,
            data: draft.data,
            queued_at: now,
            deadline: now + ms(ask.deadline.unwrap_or(self.own.deadline)),
            bytes: Vec::new(),
            msg_id: ask.msg_id.map(MsgId).filter(|_| draft.kind != PacketType::DeviceInfo),
            counter: None,
            copies: Vec::new(),
            ordinal: 0,
            waived: 0,
            riding: false,
            superseded: false,
            receipts: 0,
            stage: None,
            status: None,
            answerable: false,
            end: None,
            is_over: false,
            may: Vec::new(),
            told: None,
            done: false,
        });
        if !self.watched {
            return Ok(());
        }
        let held = self.messages.iter().filter(|message| message.is_surely_live()).count();
        let limit = usize::from(self.own.window + self.own.queue.limit);
        ensure!(held <= limit, "S4", "{held} messages where {limit} are allowed");
        Ok(())
    }

    /// Why a message may never be taken.
    fn forbidden(&self, ask: &Ask, draft: &Draft) -> Option<&'static str> {
        let executed = ask.until == Some(Stage::Executed);
        let slots = usize::from(self.own.size.slots());
        let data = draft.len() > slots * 64;
        match ask.what {
            What::Announce(_) | What::Probe | What::Info(_) if executed => Some("NeverExecuted"),
            _ if ask.deadline.is_some_and(|time| time > self.own.deadline) => {
                Some("DeadlineTooLong")
            }
            What::Frame(len) | What::Announce(len) if data || len > 2_034 => Some("TooLong"),
            _ if data => Some("TooLong"),
            _ => None,
        }
    }

    fn on_refused(&mut self, ask: &Ask, draft: &Draft, error: SendError) -> Result<(), Violation> {
        let name = format!("{error:?}");
        if let SendError::NotConnected(_) = error {
            return Ok(());
        }
        if let Some(expected) = self.forbidden(ask, draft) {
            ensure!(name.starts_with(expected), "C6", "{error} for {ask:?}, expected {expected}");
            return Ok(());
        }
        let live = self.messages.iter().filter(|message| message.is_live()).count();
        let occupied = self.messages.iter().filter(|message| self.may_occupy(message));
        let policy = self.own.queue.policy;
        match error {
            SendError::NumberInUse(number) => {
                let uses = |message: &Message| {
                    // A number that was not handed over is not known.
                    message.msg_id.is_none_or(|msg_id| msg_id == number)
                        && (message.is_live() || message.receipts < message.copies.len())
                };
                ensure!(self.messages.iter().any(uses), "S14", "{error} for {ask:?}");
            }
            SendError::Full | SendError::Rejected => {
                let blocks = occupied.clone().map(|it| it.bytes_held().div_ceil(64)).sum::<usize>();
                let slots = usize::from(self.own.size.slots());
                let is_full = live >= usize::from(self.own.window + self.own.queue.limit)
                    || occupied.count() >= slots
                    || blocks + draft.len().div_ceil(64) > slots;
                ensure!(is_full, "S6", "{error} with {live} messages, for {ask:?}");
                let rejects = policy == QueuePolicy::Reject;
                ensure!(rejects == (error == SendError::Rejected), "S6", "{error} by {policy:?}");
                if !rejects {
                    self.note_refused(draft);
                }
            }
            _ => ensure!(false, "C6", "{error} for {ask:?}"),
        }
        Ok(())
    }

    fn note_refused(&mut self, draft: &Draft) {
        let len = u16::try_from(draft.len()).unwrap_or(u16::MAX);
        self.shortest_refused = Some(self.shortest_refused.map_or(len, |known| known.min(len)));
    }

    /// Whether it may hold a slot: it is live, or its end was not told, or copies of it may be under way.
    fn may_occupy(&self, message: &Message) -> bool {
        message.is_live() || !message.done || message.receipts < message.copies.len()
    }

    /// A copy of a message was handed over. Returns which one.
    pub(super) fn on_copy(
        &mut self,
        now: Instant,
        wire: u32,
        id: MessageId,
        transmit: &Transmit,
        bytes: &[u8],
    ) -> Result<usize, Violation> {
        let Some(index) = self.index(id) else {
            return Err(Violation::of("S2", format!("{transmit:?} of no message")));
        };
        if !self.watched {
            self.record(now, wire, index, bytes);
            return Ok(index);
        }
        let message = &self.messages[index];
        if let Some((at, outcome)) = message.end {
            let what = format!("{transmit:?} after {outcome:?} at {at:?}");
            return Err(Violation::of(after_its_end(outcome), what));
        }
        let copies = message.copies.len();
        ensure!(!message.is_over, "S2", "{transmit:?} after its end");
        ensure!(usize::from(transmit.attempt) == copies + 1, "S5", "{transmit:?}, {copies} before");
        ensure!(now < message.deadline, "S8", "{transmit:?} past {:?}", message.deadline);
        ensure!(copies == 0 || !message.once, "S11", "{transmit:?} of a message sent once");
        ensure!(
            !message.superseded,
            "S13",
            "{transmit:?} after a newer command: {:?}",
            message.ask
        );
        if copies == 0 {
            self.check_first(index, transmit, bytes)?;
        } else {
            self.check_again(now, wire, index, transmit, bytes)?;
        }
        self.record(now, wire, index, bytes);
        self.check_windows(now, index)?;
        Ok(index)
    }

    fn record(&mut self, now: Instant, wire: u32, index: usize, bytes: &[u8]) {
        let firsts = self.firsts;
        let message = &mut self.messages[index];
        let first = message.copies.is_empty();
        if first {
            message.bytes = bytes.to_vec();
            message.ordinal = firsts;
            message.stage = Some(Stage::Sent);
            (self.firsts, self.last_first) = (firsts + 1, Some(index));
        } else if message.riding {
            message.waived += 1;
            self.last_rider = (wire, message.ordinal);
            self.reconnected += 1;
        } else if message.status.is_some_and(|status| !status.is_ok()) {
            self.refused += 1;
        } else {
            self.timed_out += 1;
        }
        message.riding = false;
        message.copies.push((now, wire));
        // Whatever might have ended it did not.
        message.may.clear();
        if message.until == Stage::Sent {
            message.end(now, Outcome::Reached(Stage::Sent));
        }
    }

    /// S5 and S7: the first copy says what was asked, and leaves in the order of `send`.
    fn check_first(
        &mut self,
        index: usize,
        transmit: &Transmit,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        ensure!(self.last_first < Some(index), "S7", "{transmit:?} behind {:?}", self.last_first);
        let Some(label) = Label::of(bytes) else {
            return Err(Violation::of("S5", format!("{transmit:?} carries no message number")));
        };
        let Label { kind, endpoint, msg_id, frame } = label;
        let before = self.messages.iter().take(index);
        let reused: Vec<_> = before.map(|message| message.msg_id).collect();
        let message = &mut self.messages[index];
        let is_info = kind == PacketType::DeviceInfo;
        let expected = (message.kind, message.endpoint, message.msg_id.unwrap_or(msg_id));
        ensure!((kind, endpoint, msg_id) == expected, "S5", "{transmit:?} of {:?}", message.ask);
        message.msg_id = Some(msg_id).filter(|_| !is_info);
        // A late answer to the one that had this number before is not told from one to this, and all `0x43` have one.
        message.answerable = is_info || reused.contains(&Some(msg_id));
        if let Some(frame) = frame {
            message.counter = Some(frame.counter);
            if let Some(command) = message.ask.what.command() {
                message.data = command.data(frame.counter).to_vec();
            }
            let asked = kind == PacketType::DataChannel;
            let direction = if asked { Direction::REQUEST } else { Direction::ANNOUNCE };
            let same = frame.op == message.op
                && frame.data == message.data
                && frame.direction == direction;
            ensure!(same, "S5", "{frame:?} of {:?}", message.ask);
        } else if is_info {
            ensure!(bytes[FRAME_AT..] == message.data, "S5", "{transmit:?} of {:?}", message.ask);
        }
        self.check_number(index)
    }

    /// S14: an answer to one message cannot be taken for one to another.
    fn check_number(&self, index: usize) -> Result<(), Violation> {
        let message = &self.messages[index];
        for (at, other) in self.messages.iter().enumerate().take(index) {
            // The number was chosen when the message was taken.
            let then = message.queued_at;
            let was_live = other.may.is_empty() && other.end.is_none_or(|(end, _)| end > then);
            let under_way = other.receipts < other.copies.len()
                && other.last_copy().is_some_and(|at| at + self.copy_lifetime > then);
            let same_number = message.msg_id.is_some() && other.msg_id == message.msg_id;
            let clash = same_number && (was_live || under_way);
            ensure!(!clash, "S14", "{:?} is the number of {at} and {index}", message.msg_id);
            let same_counter = message.counter.is_some() && other.counter == message.counter;
            ensure!(!same_counter, "S14", "{:?} counts {at} and {index}", message.counter);
        }
        Ok(())
    }

    /// S3, S5, S8: further copies are equal to the first, spaced, counted, and not too late to be recognised.
    fn check_again(
        &self,
        now: Instant,
        wire: u32,
        index: usize,
        transmit: &Transmit,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        let message = &self.messages[index];
        let Own { retry, timer, budget, .. } = &self.own;
        let (first, last) = (message.copies[0].0, message.last_copy().unwrap_or_default());
        ensure!(bytes == message.bytes, "S5", "{transmit:?} differs from the first copy");
        ensure!(now <= first + self.span, "S11", "{transmit:?}, the first copy was at {first:?}");
        if message.riding {
            let in_order = self.last_rider < (wire, message.ordinal);
            ensure!(
                in_order,
                "S7",
                "{transmit:?} of {} behind {:?}",
                message.ordinal,
                self.last_rider
            );
            return Ok(());
        }
        let attempts = message.attempts();
        let most = retry.max_attempts.map_or(usize::MAX, |most| usize::from(most.get()));
        ensure!(attempts < most, "S3", "{transmit:?} where {most} attempts are allowed");
        let wait = match retry.backoff {
            Backoff::Flat => Duration::ZERO,
            Backoff::Exponential { base, cap } => {
                let doubled = (1..attempts.min(20)).fold(base, |wait, _| wait * 2);
                doubled.min(cap)
            }
        };
        let earliest = last + timer.floor + wait;
        ensure!(now >= earliest, "S8", "{transmit:?} at {now:?}, the last one was at {last:?}");
        let brought = u64::from(budget.percent) * self.firsts as u64 * 10_000
            + u64::from(budget.per_second) * now.as_micros();
        let allowed = u64::from(budget.burst) + brought / 1_000_000;
        let repeats = self.timed_out + self.refused;
        ensure!(repeats < allowed, "S8", "{transmit:?} beyond the budget of {allowed}");
        Ok(())
    }

    /// S4: the windows hold.
    fn check_windows(&self, now: Instant, index: usize) -> Result<(), Violation> {
        let message = &self.messages[index];
        let in_flight = |message: &&Message| message.is_surely_live() && !message.copies.is_empty();
        let window = usize::from(self.own.window);
        // What rides may find the window full.
        let held = self.messages.iter().filter(in_flight).count();
        ensure!(held <= window, "S4", "{held} messages in flight, the window is {window}");
        let numbered = |other: &&Message| {
            !other.copies.is_empty() && other.is_under_way(now, self.copy_lifetime)
        };
        let oldest = self.messages.iter().filter(numbered).map(|other| other.ordinal).min();
        let ahead = message.ordinal - oldest.unwrap_or(message.ordinal).min(message.ordinal);
        let id_window = usize::from(self.id_window);
        ensure!(ahead < id_window, "S4", "{ahead} ahead of the oldest number, window {id_window}");
        Ok(())
    }
}

impl Message {
    fn bytes_held(&self) -> usize {
        if self.is_live() { self.data.len().max(self.ask_len()) } else { 0 }
    }

    /// At most so much is kept of a payload that is sent as it stands.
    fn ask_len(&self) -> usize {
        match self.ask.what {
            What::Raw(len) => 2 * usize::from(len) + 12,
            What::Power(_) | What::Brightness(_) | What::Both(_) => 16,
            _ => 0,
        }
    }
}

/// Which invariant a copy breaks that is handed over after its message's end.
const fn after_its_end(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Nacked(_) => "S9",
        Outcome::NotSent(_) => "S15",
        Outcome::Unknown(Unknown::Superseded) => "S13",
        Outcome::Reached(_) | Outcome::Unknown(_) => "S2",
    }
}

/// What identifies a packet that is a message or an answer to one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Label {
    pub(super) kind: PacketType,
    pub(super) endpoint: Endpoint,
    pub(super) msg_id: MsgId,
    pub(super) frame: Option<Inner>,
}

/// The inner frame, un-stuffed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Inner {
    pub(super) counter: u32,
    pub(super) direction: Direction,
    pub(super) op: u8,
    pub(super) data: Vec<u8>,
}

impl Label {
    /// Of a whole packet, if it has a message number.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let packet = Packet::decode(bytes, ChecksumMode::Strict).ok()?;
        let frame = packet.frame().map(|frame| Inner {
            counter: frame.counter,
            direction: frame.direction,
            op: frame.op,
            data: frame.data.bytes().collect(),
        });
        let (endpoint, msg_id) = match packet {
            Packet::DataChannel(channel) | Packet::StatusBroadcast(channel) => {
                (channel.prefix.endpoint, channel.prefix.msg_id)
            }
            Packet::DeviceInfo(info) | Packet::ProbeAck(info) => {
                (info.prefix.endpoint, info.prefix.msg_id)
            }
            Packet::Probe { prefix, .. } => (prefix.endpoint, prefix.msg_id),
            Packet::DataAck(receipt) | Packet::DataResult(receipt) => {
                (receipt.endpoint, receipt.msg_id)
            }
            Packet::StatusAck(ack) | Packet::InfoAck(ack) => (Endpoint(0), ack.msg_id),
            _ => return None,
        };
        Some(Self { kind: packet.kind(), endpoint, msg_id, frame })
    }
}
