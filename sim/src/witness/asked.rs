//! What is asked of a session, and what whoever carries packets has to know of them.

use super::Bytes;
use cync_core::wire::{Command, Endpoint, MsgId, PacketType};
use cync_core::{DeliveryId, Instant, Request, Stage, Transmit};
use std::time::Duration;

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A typed command.
    Command(Command),
    /// A request frame with this operation and data.
    Frame(u8, Vec<u8>),
    /// An announcement, a `0x83`.
    Announce(u8, Vec<u8>),
    /// A probe, a `0xa3`.
    Probe,
    /// Any packet type with this payload behind the prefix.
    Raw(PacketType, Vec<u8>),
}

/// A message as the application asks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// What it says.
    pub what: What,
    /// When it is done, if not as the session has it.
    pub until: Option<Stage>,
    /// It is handed over once at most.
    pub once: bool,
    /// Its own deadline, from `send`.
    pub deadline: Option<Duration>,
    /// Its message number.
    pub msg_id: Option<u16>,
    /// The endpoint in its prefix, if not the session's.
    pub endpoint: Option<Endpoint>,
}

impl Asked {
    /// A message with nothing special about it.
    pub const fn new(what: What) -> Self {
        Self { what, until: None, once: false, deadline: None, msg_id: None, endpoint: None }
    }

    /// What `send` takes.
    pub fn request(&self) -> Request<'_> {
        let request = match &self.what {
            What::Command(command) => Request::from(*command),
            What::Frame(op, data) => Request::frame(*op, data),
            What::Announce(op, data) => Request::announce(*op, data),
            What::Probe => Request::probe(),
            What::Raw(kind, payload) => Request::raw(*kind, payload),
        };
        let request = if self.once { request.once() } else { request };
        let request = self.until.map_or(request, |stage| request.until(stage));
        let request = self.deadline.map_or(request, |time| request.deadline(time));
        let request = self.msg_id.map_or(request, |number| request.msg_id(number));
        self.endpoint.map_or(request, |endpoint| request.endpoint(endpoint))
    }
}

/// A packet that was handed over, as whoever carries it has to know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flight {
    /// The whole packet, as it arrives.
    pub bytes: Vec<u8>,
    /// The message it is a copy of, as its sender's witness counts messages.
    pub message: Option<u32>,
    /// When it was handed over.
    pub handed_at: Instant,
    /// It is not what its sender handed over, and may say anything.
    pub forged: bool,
}

/// A packet that the session wants handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handed {
    /// What the session says of it.
    pub transmit: Transmit,
    /// The message it is a copy of: the nth that was accepted, from 0.
    pub message: Option<u32>,
}

/// What became of bytes that were offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// So many were taken.
    pub bytes: usize,
    /// The session has dealt with the packet: it will not be offered again.
    pub dealt_with: bool,
}

/// What the application took from the inbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Got {
    /// The packet's type.
    pub kind: PacketType,
    /// Whose it is.
    pub endpoint: Endpoint,
    /// Its number.
    pub msg_id: MsgId,
    /// The operation and the counter of its inner frame.
    pub frame: Option<(u8, u32)>,
    /// What it says.
    pub data: Bytes,
    /// When it was accepted.
    pub arrived: Instant,
    /// How to answer it, if it can be answered.
    pub id: Option<DeliveryId>,
    /// The message it is, as its sender's witness counts messages; `None` of what was forged, and of an unwatched session.
    pub message: Option<u32>,
}
