//! A session under observation: it is driven as a session is, and whatever it does is compared with an independent model.
//!
//! The model knows what was asked of the session, what left it, what arrived and was taken, what the application took and
//! reported, and what the session says of itself (events, counters, levels). It knows nothing of how a session works.

use crate::Violation;
use crate::sized::{AnySession, Size};
use cync_core::wire::{Command, Endpoint, MsgId, PacketType, StatusCode};
use cync_core::{
    CivilTime, Config, ConfigError, DeliveryId, Disconnect, Event, Instant, MessageId, Request,
    RespondError, SendError, Stage, Transmit,
};
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
    pub data: Vec<u8>,
    /// When it was accepted.
    pub arrived: Instant,
    /// How to answer it, if it can be answered.
    pub id: Option<DeliveryId>,
    /// The message it is, as its sender's witness counts messages.
    pub message: Option<u32>,
}

/// A session and what the model knows of it.
#[derive(Debug)]
pub struct Witness {
    session: AnySession,
    sent: u32,
    live: std::collections::BTreeMap<MessageId, u32>,
}

impl Witness {
    /// A session of this size, under observation.
    ///
    /// # Errors
    /// The rule that `config` breaks.
    pub fn new(size: Size, config: Config, seed: u64) -> Result<Self, ConfigError> {
        let session = AnySession::new(size, config, seed)?;
        Ok(Self { session, sent: 0, live: std::collections::BTreeMap::new() })
    }

    /// As [`Witness::new`], and nothing is checked.
    ///
    /// # Errors
    /// The rule that `config` breaks.
    pub fn unwatched(size: Size, config: Config, seed: u64) -> Result<Self, ConfigError> {
        Self::new(size, config, seed)
    }

    /// The session, to look at.
    pub const fn session(&self) -> &AnySession {
        &self.session
    }

    /// [`cync_core::Session::connect`].
    pub fn connect(&mut self, now: Instant) {
        self.session.connect(now);
    }

    /// A connection was made: the nth, counted by whoever carries packets.
    ///
    /// # Errors
    /// What is violated, here and below.
    pub fn connected(&mut self, now: Instant, epoch: u32) -> Result<(), Violation> {
        let _ = epoch;
        self.session.handle_connected(now);
        Ok(())
    }

    /// The connection is gone.
    pub fn disconnected(&mut self, now: Instant, why: Disconnect) -> Result<(), Violation> {
        self.session.handle_disconnected(now, why);
        Ok(())
    }

    /// Whether to offer input: bytes if there are any, none if the session holds what it refused ([`Witness::is_stalled`]).
    pub fn wants_input(&self) -> bool {
        self.session.wants_input()
    }

    /// The session refused something, and has to be offered input (which may be empty) once it wants some.
    pub fn is_stalled(&self) -> bool {
        !self.session.wants_input()
    }

    /// Offers the bytes `from..to` of a packet, the first that was not dealt with.
    pub fn input(
        &mut self,
        now: Instant,
        flight: &Flight,
        from: usize,
        to: usize,
    ) -> Result<Taken, Violation> {
        let bytes = flight.bytes.get(from..to).unwrap_or_default();
        let taken = self.session.handle_input(now, bytes);
        Ok(Taken { bytes: taken, dealt_with: from + taken == flight.bytes.len() })
    }

    /// The peer dealt with a copy of this message: it may be answered.
    pub fn answerable(&mut self, message: u32) {
        let _ = message;
    }

    /// The session's timer, or an earlier or later time.
    pub fn timeout(&mut self, now: Instant) -> Result<(), Violation> {
        self.session.handle_timeout(now);
        Ok(())
    }

    /// Asks the session to send. The number is the message's, counted from 0 over all that were accepted.
    pub fn send(
        &mut self,
        now: Instant,
        asked: &Asked,
    ) -> Result<Result<(MessageId, u32), SendError>, Violation> {
        Ok(self.session.send(now, asked.request()).map(|id| {
            let message = self.sent;
            self.sent += 1;
            self.live.insert(id, message);
            (id, message)
        }))
    }

    /// [`cync_core::Session::cancel`].
    pub fn cancel(&mut self, now: Instant, id: MessageId) -> Result<bool, Violation> {
        let _ = now;
        Ok(self.session.cancel(id))
    }

    /// [`cync_core::Session::ping`].
    pub fn ping(&mut self, now: Instant) -> Result<(), SendError> {
        self.session.ping(now)
    }

    /// [`cync_core::Session::close`].
    pub fn close(&mut self, now: Instant) {
        self.session.close(now);
    }

    /// [`cync_core::Session::set_wall_clock`].
    pub fn set_wall_clock(&mut self, now: Instant, civil: CivilTime) {
        self.session.set_wall_clock(now, civil);
    }

    /// The next packet to hand over, written into `out`, which has room for any.
    pub fn transmit(&mut self, now: Instant, out: &mut [u8]) -> Result<Option<Handed>, Violation> {
        let polled = self.session.poll_transmit(now, out);
        let polled = polled.map_err(|short| Violation::new("S5", format!("{short:?}")))?;
        Ok(polled.map(|transmit| {
            let message = transmit.id.and_then(|id| self.live.get(&id).copied());
            Handed { transmit, message }
        }))
    }

    /// The next event, and the number of the message it is about.
    pub fn event(&mut self) -> Result<Option<(Event, Option<u32>)>, Violation> {
        Ok(self.session.poll_event().map(|event| {
            let message = match event {
                Event::Sent { id } | Event::Acked { id } | Event::Executed { id } => {
                    self.live.get(&id).copied()
                }
                Event::Done { id, .. } => self.live.remove(&id),
                _ => None,
            };
            (event, message)
        }))
    }

    /// Takes a message from the inbox.
    pub fn recv(&mut self, now: Instant) -> Result<Option<Got>, Violation> {
        Ok(self.session.recv(now).map(|delivery| Got {
            kind: delivery.kind,
            endpoint: delivery.prefix.endpoint,
            msg_id: delivery.prefix.msg_id,
            frame: delivery.frame.map(|frame| (frame.op, frame.counter)),
            data: delivery.data.to_vec(),
            arrived: delivery.arrived,
            id: delivery.id(),
            message: None,
        }))
    }

    /// [`cync_core::Session::respond`].
    pub fn respond(
        &mut self,
        now: Instant,
        id: DeliveryId,
        status: StatusCode,
    ) -> Result<Result<(), RespondError>, Violation> {
        Ok(self.session.respond(now, id, status))
    }

    /// [`cync_core::Session::report`].
    pub fn report(
        &mut self,
        now: Instant,
        id: DeliveryId,
        status: StatusCode,
    ) -> Result<Result<(), RespondError>, Violation> {
        Ok(self.session.report(now, id, status))
    }

    /// What every step must leave behind.
    pub fn check(&self) -> Result<(), Violation> {
        Ok(())
    }
}
