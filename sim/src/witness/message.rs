//! A message that `send` accepted, as the model sees it.

use super::{Asked, Bytes, What};
use cync_core::wire::{Command, Destination, Endpoint, MsgId, PacketType, StatusCode};
use cync_core::{Instant, NotSent, Outcome, Stage, Unknown};
use std::time::Duration;

/// What a message says.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Command(Command),
    Framed(Bytes),
    Probe,
    Raw(Bytes),
}

impl Body {
    /// Bytes that the session has to keep, at most.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Command(command) => command.data(0).len(),
            Self::Framed(data) | Self::Raw(data) => data.len(),
            Self::Probe => 0,
        }
    }
}

/// How far the model knows a message to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Standing {
    /// It has not ended, as far as the model can know.
    pub(super) live: bool,
    /// It has certainly not ended.
    pub(super) surely: bool,
    /// A byte of it left.
    pub(super) left: bool,
}

/// A message that `send` accepted.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) body: Body,
    pub(super) kind: PacketType,
    pub(super) op: u8,
    pub(super) endpoint: Endpoint,
    pub(super) until: Stage,
    pub(super) once: bool,
    /// Whom a typed command is for.
    pub(super) to: Option<Destination>,
    /// What it sets.
    pub(super) sets: u8,
    pub(super) queued_at: Instant,
    pub(super) deadline: Instant,
    /// Of the first copy; all others are equal.
    pub(super) bytes: Bytes,
    pub(super) msg_id: Option<MsgId>,
    pub(super) counter: Option<u32>,
    /// Copies that were handed over.
    pub(super) copies: u32,
    /// When the first was.
    pub(super) first: Instant,
    /// When the last was, and on which connection.
    pub(super) last: (Instant, u32),
    /// The place of its first copy among the first copies of all.
    pub(super) ordinal: u64,
    /// Messages that may have been overtaken by its first copy.
    pub(super) overtakes: u64,
    /// A tick came that was too late for an answer to the last copy.
    pub(super) ran_out: Option<Instant>,
    /// Copies for a new connection.
    pub(super) waived: u32,
    /// It waits for a new connection, on which it was not handed over.
    pub(super) riding: bool,
    /// A newer command forbids another copy.
    pub(super) superseded: bool,
    /// Receipts that came for it.
    pub(super) receipts: u32,
    pub(super) stage: Option<Stage>,
    pub(super) status: Option<cync_core::wire::StatusCode>,
    /// The peer dealt with a copy, or somebody forged an answer.
    pub(super) answerable: bool,
    /// How it must have ended, and when.
    pub(super) end: Option<(Instant, Outcome)>,
    /// It has ended in one of the ways that it may have.
    pub(super) is_over: bool,
    /// How it may have ended, and since when.
    pub(super) may: Vec<(Instant, Outcome)>,
    /// What it may also have seen: an answer that may be about another message need not have changed stage and status.
    pub(super) may_have_seen: Vec<(Option<Stage>, Option<StatusCode>)>,
    pub(super) told: Option<Stage>,
    pub(super) done: bool,
    /// The message before it among those whose numbers, and whose counters, share a bucket.
    pub(super) same_number: Option<u32>,
    pub(super) same_counter: Option<u32>,
}

impl Message {
    /// As it was asked for, by a session with this endpoint whose messages may take so long.
    pub(super) fn new(now: Instant, asked: &Asked, endpoint: Endpoint, longest: Duration) -> Self {
        let (body, kind, op) = match &asked.what {
            What::Command(command) => {
                (Body::Command(*command), PacketType::DataChannel, command.op())
            }
            What::Frame(op, data) => {
                (Body::Framed(data.as_slice().into()), PacketType::DataChannel, *op)
            }
            What::Announce(op, data) => {
                (Body::Framed(data.as_slice().into()), PacketType::StatusBroadcast, *op)
            }
            What::Probe => (Body::Probe, PacketType::Probe, 0),
            What::Raw(kind, payload) => (Body::Raw(payload.as_slice().into()), *kind, 0),
        };
        let announced = matches!(kind, PacketType::StatusBroadcast | PacketType::DeviceInfo);
        let (to, sets) = match &asked.what {
            What::Command(command) => (command.destination(), sets(command)),
            _ => (None, 0),
        };
        Self {
            body,
            kind,
            op,
            endpoint: asked.endpoint.unwrap_or(endpoint),
            until: asked.until.unwrap_or(if announced { Stage::Sent } else { Stage::Acked }),
            once: asked.once || announced,
            to,
            sets,
            queued_at: now,
            deadline: now + asked.deadline.unwrap_or(longest),
            bytes: Bytes::EMPTY,
            msg_id: asked.msg_id.map(MsgId).filter(|_| kind != PacketType::DeviceInfo),
            counter: None,
            copies: 0,
            first: Instant::ZERO,
            last: (Instant::ZERO, 0),
            ordinal: 0,
            overtakes: 0,
            ran_out: None,
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
            may_have_seen: Vec::new(),
            told: None,
            done: false,
            same_number: None,
            same_counter: None,
        }
    }

    pub(super) const fn is_live(&self) -> bool {
        self.end.is_none() && !self.is_over
    }

    pub(super) const fn is_surely_live(&self) -> bool {
        self.is_live() && self.may.is_empty()
    }

    pub(super) const fn standing(&self) -> Standing {
        Standing { live: self.is_live(), surely: self.is_surely_live(), left: self.copies > 0 }
    }

    pub(super) fn end(&mut self, now: Instant, outcome: Outcome) {
        self.end.get_or_insert((now, outcome));
    }

    /// It may have ended so, at any time from now on.
    pub(super) fn may_end(&mut self, now: Instant, outcome: Outcome) {
        if self.may.iter().all(|(_, known)| *known != outcome) {
            self.may.push((now, outcome));
        }
    }

    /// How it ends for a reason that says whether a byte of it left.
    pub(super) const fn ends_as(&self, not_sent: NotSent, unknown: Unknown) -> Outcome {
        if self.copies == 0 { Outcome::NotSent(not_sent) } else { Outcome::Unknown(unknown) }
    }

    /// Receipts may still come for it, whatever the time is.
    pub(super) const fn is_owed_receipts(&self) -> bool {
        self.receipts < self.copies
    }

    /// Receipts may still come for it.
    pub(super) fn awaits_receipts(&self, now: Instant, copy_lifetime: Duration) -> bool {
        self.is_owed_receipts() && self.last.0 + copy_lifetime > now
    }

    /// Receipts are taken for its. A session frees numbers when a message ends, and when it is told the time, last at `swept`.
    pub(super) fn has_number(&self, swept: Instant, copy_lifetime: Duration) -> bool {
        let then = self.end.map_or(swept, |(end, _)| end.max(swept));
        self.is_owed_receipts()
            && (self.is_surely_live() || self.awaits_receipts(then, copy_lifetime))
    }

    /// Copies of it are certainly under way, so that its number must not be used for another one.
    pub(super) fn is_under_way(&self, now: Instant, copy_lifetime: Duration) -> bool {
        self.is_surely_live() || self.awaits_receipts(now, copy_lifetime)
    }

    /// It may hold a slot: it is live, or its end was not told, or copies of it may be under way.
    pub(super) const fn may_occupy(&self) -> bool {
        self.is_live() || !self.done || self.is_owed_receipts()
    }

    pub(super) fn held(&self) -> usize {
        if self.is_live() { self.body.held() } else { 0 }
    }

    /// Copies on this connection are known to the peer; connections are counted, so that the last copy tells.
    pub(super) const fn was_handed_over_on(&self, wire: u32) -> bool {
        self.copies > 0 && self.last.1 == wire
    }

    /// Copies that the retry policy counts.
    pub(super) const fn attempts(&self) -> u32 {
        self.copies - self.waived
    }

    /// A newer command makes this one stale: it sets something that the newer one sets, and one device may be meant by both.
    pub(super) fn is_stale(&self, to: Destination, sets: u8) -> bool {
        self.sets & sets != 0
            && !self.superseded
            && self.is_live()
            && self.to.is_some_and(|other| meet(to, other))
    }
}

/// What a command sets of which a device has one value: 1 is the power, 2 the brightness, 4 what it shines with.
pub(super) const fn sets(command: &Command) -> u8 {
    match command {
        Command::Power { .. } => 1,
        Command::Brightness { .. } | Command::Fade { .. } => 2,
        Command::Temperature { .. } | Command::Rgb { .. } | Command::Effect { .. } => 4,
        Command::Combined { brightness, colour, .. } => {
            1 | (brightness.is_some() as u8) << 1 | (colour.is_some() as u8) << 2
        }
        _ => 0,
    }
}

/// Whether one device may be meant by both, as the protocol's page says it; not as the session computes it.
pub(super) fn meet(one: Destination, other: Destination) -> bool {
    match (one.device_id(), other.device_id()) {
        (Some(device), Some(other_device)) => {
            let (outlet, other_outlet) = (one.outlet_number(), other.outlet_number());
            device == other_device
                && (outlet == other_outlet || outlet.is_none() || other_outlet.is_none())
        }
        // The members of groups are not known.
        _ => true,
    }
}
