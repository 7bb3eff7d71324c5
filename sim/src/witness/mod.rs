//! A session under observation: it is driven as a session is, and whatever it does is compared with an independent model.
//!
//! The model knows what was asked of the session, what left it, what arrived and was taken, what the application took and
//! reported, and what the session says of itself (events, counters, levels). It knows nothing of how a session works.
//!
//! | what | where |
//! |---|---|
//! | S2: every id is told exactly one end; S3, S9, S15: the end is true; S6: a full queue drops the oldest | `ending.rs` |
//! | S3, S9, S14: which message an answer is about, and what it makes of it | `answers.rs` |
//! | S4: windows; S5, S7, S8, S11, S13, S14: what every copy says, and when and how often it leaves | `copies.rs` |
//! | S4: the limit of the queue; S6: what is refused had no room; C6: what is taken and refused for good | `book.rs` |
//! | S1, S6, S11: what arrived is accepted once, whole, in order, or refused with a reason | `ears.rs` |
//! | S3, S10, S11: answers are those that are owed | `replies.rs` |
//! | S5, S10, S14, S16: packets as bytes, and what became of those that arrived; L3: heartbeats | `packets.rs` |
//! | S4, S6, S12: levels and counters after every step; L1: nothing is overdue | `levels.rs` |
//! | L4: why a session hangs up, and that it does; that it asks for connections in time | `patience.rs`, `dials.rs` |
//! | L5: nothing waits that could be handed over | `waiting.rs` |
//! | C1: nothing is due after a tick; C6: sending while connected; S6: `Writable` has a reason; S12: what is told | here |
//!
//! # What is assumed, and what is given up when it does not hold
//!
//! - A copy arrives within [`Config::copy_lifetime`] of its sender, or not at all. Once one was later, and after
//!   [`Witness::too_late`], what was accepted may be accepted again (S1, S11).
//! - What arrives is what the peer handed over, unless [`Flight::forged`] says otherwise. A forged answer is believed: a message
//!   may end by it. Once a forged message was dealt with, neither what the session remembers (S1, S11, and S6 of repetitions
//!   and refusals) nor what it owes to the peer (S3 and S11 of answers) is compared any more.
//! - Something forged that says of itself that it is shorter or longer than it is leaves the stream out of step: from then on only
//!   what needs no model is checked (S4, S5, S10 after a hang-up, S12 among the session's own counters, S16, C1).
//! - A result says a status and nothing else. One that says more is a message to the model, which ends nothing.
//!
//! What happened long ago is forgotten: messages that are done and whose copies were answered or cannot be any more, all but the
//! last 64; accepted messages of a sender that are older than the last that the session can remember. So nothing here grows
//! with the number of messages.

mod answers;
mod asked;
mod book;
mod bytes;
mod copies;
mod dials;
mod ears;
mod ending;
mod heading;
mod index;
mod levels;
mod message;
mod packets;
mod patience;
mod replies;
#[cfg(test)]
mod tests;
mod waiting;

pub use asked::{Asked, Flight, Got, Handed, Taken, What};
pub use bytes::Bytes;

use crate::sized::{AnySession, Size};
use crate::{CANARY, Violation};
use book::Book;
use cync_core::wire::{ChecksumMode, MAX_PACKET, StatusCode};
use cync_core::{
    AuthCode, CivilTime, Config, ConfigError, DeliveryId, Disconnect, Event, Greeting,
    HangupReason, Instant, MessageId, RespondError, SendError, State,
};
use dials::Dials;
use ears::Ears;
use index::Ids;
use patience::Patience;
use std::time::Duration;

/// Fails with a [`Violation`] unless something holds.
macro_rules! ensure {
    ($condition:expr, $invariant:expr, $($what:tt)+) => {
        if !$condition {
            return Err($crate::Violation::new($invariant, format!($($what)+)));
        }
    };
}
use ensure;

/// How much is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Watch {
    /// All there is.
    Everything,
    /// What needs no model of what arrived.
    Bounds,
    /// Calls are passed on.
    Nothing,
}

/// A session and what the model knows of it.
#[derive(Debug)]
pub struct Witness {
    session: AnySession,
    watch: Watch,
    size: Size,
    checksum: ChecksumMode,
    heartbeat: Duration,
    drain_timeout: Duration,
    ride_through: bool,
    /// It waits to be greeted.
    expects: bool,
    /// Its authentication code is the one that is looked for.
    has_canary: bool,
    book: Book,
    ears: Ears,
    patience: Patience,
    dials: Dials,
    /// Messages that are not done.
    ids: Ids,
    /// Some of them were told to be, since all events were taken last.
    told_ends: bool,
    /// Messages that were accepted.
    accepted: u32,
    scratch: Vec<u8>,
    /// When the session was told the time last.
    told: Instant,
    wire: Option<u32>,
    /// A greeting was handed over on this connection.
    greeted: bool,
    /// The session refused something, which may be a packet that it holds itself.
    stalled: bool,
    /// Bytes that were taken of a packet that was not dealt with.
    held: usize,
    hangup: Option<HangupReason>,
    /// [`Witness::close`] was called.
    closed: bool,
    /// When the session was offered input last that it had refused some before, or refused some.
    refused_at: Option<Instant>,
    /// The state that was told last.
    state_told: State,
    /// Messages that were told to be dropped from the inbox.
    overrun: u64,
    drain_until: Option<Instant>,
    /// A sign of life was asked for.
    pinged: bool,
    last_sent: Instant,
    sent: u64,
    heard: u64,
    /// The shortest data that was refused for want of room.
    shortest_refused: Option<usize>,
    /// There is said to be room for so many bytes.
    room: Option<usize>,
}

impl Witness {
    /// A session of this size, under observation.
    ///
    /// # Errors
    /// The rule that `config` breaks.
    pub fn new(size: Size, config: Config, seed: u64) -> Result<Self, ConfigError> {
        Self::succeeding(size, config, seed, 0)
    }

    /// A session that takes the place of one that accepted so many messages: it goes on counting them, so that whoever got some
    /// of the other's does not take them for its own.
    ///
    /// # Errors
    /// The rule that `config` breaks.
    pub fn succeeding(
        size: Size,
        config: Config,
        seed: u64,
        accepted: u32,
    ) -> Result<Self, ConfigError> {
        let canary = AuthCode::new(CANARY)?;
        let has_canary = matches!(&config.greeting, Greeting::Send { auth, .. } if *auth == canary);
        Ok(Self {
            watch: Watch::Everything,
            size,
            checksum: config.checksum,
            heartbeat: config.heartbeat.unwrap_or(Duration::MAX),
            drain_timeout: config.drain_timeout,
            ride_through: config.ride_through,
            expects: config.greeting == Greeting::Expect,
            has_canary,
            book: Book::new(size, &config, accepted),
            ears: Ears::new(size, &config),
            patience: Patience::new(size, &config),
            dials: Dials::new(config.redial),
            ids: Ids::default(),
            told_ends: false,
            accepted,
            scratch: vec![0; MAX_PACKET],
            told: Instant::ZERO,
            wire: None,
            greeted: false,
            stalled: false,
            held: 0,
            hangup: None,
            closed: false,
            refused_at: None,
            state_told: State::Disconnected,
            overrun: 0,
            drain_until: None,
            pinged: false,
            last_sent: Instant::ZERO,
            sent: 0,
            heard: 0,
            shortest_refused: None,
            room: None,
            session: AnySession::new(size, config, seed)?,
        })
    }

    /// A session that is not observed: calls are passed on, and messages counted.
    ///
    /// # Errors
    /// The rule that `config` breaks.
    pub fn unwatched(size: Size, config: Config, seed: u64) -> Result<Self, ConfigError> {
        let mut witness = Self::new(size, config, seed)?;
        witness.unwatch();
        Ok(witness)
    }

    /// From now on calls are only passed on, and messages counted.
    pub const fn unwatch(&mut self) {
        self.watch = Watch::Nothing;
    }

    /// Whether anything is compared with a model.
    pub const fn is_watched(&self) -> bool {
        matches!(self.watch, Watch::Everything)
    }

    /// The session, to look at.
    pub const fn session(&self) -> &AnySession {
        &self.session
    }

    /// Messages that were accepted, those of the sessions before included: the number of the next.
    pub const fn accepted(&self) -> u32 {
        self.accepted
    }

    /// How much the model remembers of the messages that were sent, and of those that arrived.
    pub fn remembered(&self) -> usize {
        let sent: usize = self.book.remembered().iter().sum();
        sent + self.ears.remembered()
    }

    /// Heartbeats that were answered.
    pub const fn heartbeats_answered(&self) -> u64 {
        self.ears.ponged
    }

    /// The session asked for its connection to be closed.
    pub const fn hangup(&self) -> Option<HangupReason> {
        self.hangup
    }

    /// The packet of a message, if it was handed over and may still be under way.
    pub fn packet(&self, message: u32) -> Option<&[u8]> {
        self.book.packet(message).map(|bytes| &**bytes)
    }

    /// Copies arrive, or will, later than [`Config::copy_lifetime`] allows: what was accepted may be accepted again.
    pub const fn too_late(&mut self) {
        self.ears.too_late = true;
    }

    /// The latest time that the session was told.
    fn tell(&mut self, now: Instant) -> Instant {
        self.told = self.told.max(now);
        self.told
    }

    /// [`cync_core::Session::connect`].
    pub fn connect(&mut self, now: Instant) {
        let told = self.tell(now);
        self.dials.on_connect(told, self.session.state());
        self.session.connect(now);
    }

    /// A connection was made: the nth, counted by whoever carries packets.
    ///
    /// # Errors
    /// What is violated, here and below.
    pub fn connected(&mut self, now: Instant, epoch: u32) -> Result<(), Violation> {
        let ends = matches!(self.session.state(), State::Draining | State::Closed);
        let told = self.tell(now);
        self.session.handle_connected(now);
        self.last_sent = told;
        self.dials.on_connected();
        self.on_connection(Some(epoch), ends);
        Ok(())
    }

    /// The connection is gone.
    pub fn disconnected(&mut self, now: Instant, why: Disconnect) -> Result<(), Violation> {
        let state = self.session.state();
        let ends = matches!(state, State::Draining | State::Closed);
        let told = self.tell(now);
        self.dials.on_disconnected(told, state);
        self.session.handle_disconnected(now, why);
        self.on_connection(None, ends);
        Ok(())
    }

    /// What belongs to a connection goes.
    fn on_connection(&mut self, wire: Option<u32>, ends: bool) {
        self.wire = wire;
        self.stalled = false;
        self.held = 0;
        self.greeted = false;
        self.hangup = None;
        self.pinged = false;
        self.drain_until = None;
        self.room = None;
        self.patience.on_connection(self.told);
        if self.watch == Watch::Everything {
            self.book.on_disconnect(self.told, ends);
            self.ears.on_connection();
        }
    }

    /// Whether to offer input: bytes if there are any, none if the session holds what it refused ([`Witness::is_stalled`]).
    pub fn wants_input(&self) -> bool {
        self.session.wants_input()
    }

    /// The session refused something when it was offered input last, and has to be offered input (which may be empty) once it
    /// wants some.
    pub const fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// The peer dealt with a copy of this message: it may be answered.
    pub fn answerable(&mut self, message: u32) {
        self.book.edit(message, |message| message.answerable = true);
    }

    /// The session's timer, or an earlier or later time. C1: what was due is dealt with.
    pub fn timeout(&mut self, now: Instant) -> Result<(), Violation> {
        let told = self.tell(now);
        self.session.handle_timeout(now);
        if self.watch == Watch::Nothing {
            return Ok(());
        }
        if self.watch == Watch::Everything {
            self.book.on_tick(told, self.drain_until.is_some_and(|until| until <= told));
            self.check_waits()?;
        }
        let next = self.session.poll_timeout();
        ensure!(next.is_none_or(|next| next.at > told), "C1", "{next:?} after a tick at {told:?}");
        Ok(())
    }

    /// Asks the session to send. The number is the message's, counted from 0 over all that were accepted.
    pub fn send(
        &mut self,
        now: Instant,
        asked: &Asked,
    ) -> Result<Result<(MessageId, u32), SendError>, Violation> {
        let told = self.tell(now);
        let dropped = self.session.stats().not_sent.dropped;
        let result = self.session.send(now, asked.request());
        if self.watch == Watch::Everything {
            let dropped = self.session.stats().not_sent.dropped - dropped;
            self.book.on_dropped(told, dropped)?;
            let state = self.session.state();
            let may_send = state == State::Ready
                || self.ride_through && !matches!(state, State::Draining | State::Closed);
            let connected = !matches!(result, Err(SendError::NotConnected(_)));
            ensure!(may_send || !connected, "C6", "{result:?} while {state}");
        }
        match result {
            Ok(id) => {
                let message = self.accepted;
                self.accepted = message.wrapping_add(1);
                let known = self.ids.get(id);
                self.ids.insert(id, message);
                if self.watch != Watch::Nothing {
                    ensure!(known.is_none(), "S2", "{id} is in use");
                }
                if self.watch == Watch::Everything {
                    self.book.on_accepted(told, asked)?;
                }
                Ok(Ok((id, message)))
            }
            Err(error) => {
                if self.watch == Watch::Everything {
                    self.book.on_refused(asked, error)?;
                }
                if error == SendError::Full {
                    let len = book::asked_len(asked);
                    self.shortest_refused =
                        Some(self.shortest_refused.map_or(len, |shortest| shortest.min(len)));
                }
                Ok(Err(error))
            }
        }
    }

    /// [`cync_core::Session::cancel`], at the time that the session was told last: it is not told the time.
    pub fn cancel(&mut self, now: Instant, id: MessageId) -> Result<bool, Violation> {
        let _ = now;
        let cancelled = self.session.cancel(id);
        if self.watch == Watch::Everything {
            let index = self.ids.get(id);
            self.book.on_cancel(self.told, id, index, cancelled)?;
        }
        Ok(cancelled)
    }

    /// [`cync_core::Session::ping`].
    pub fn ping(&mut self, now: Instant) -> Result<(), SendError> {
        self.tell(now);
        let pinged = self.session.ping(now);
        self.pinged |= pinged.is_ok();
        pinged
    }

    /// [`cync_core::Session::close`].
    pub fn close(&mut self, now: Instant) {
        let told = self.tell(now);
        let was_draining = self.session.state() == State::Draining;
        self.session.close(now);
        self.closed = true;
        self.dials.on_close();
        if self.session.queued() + self.session.in_flight() == 0 {
            if self.watch == Watch::Everything {
                self.book.on_closed(told);
            }
        } else if !was_draining {
            self.drain_until = Some(told + self.drain_timeout);
        }
    }

    /// [`cync_core::Session::purge`].
    pub fn purge(&mut self, now: Instant) -> usize {
        self.tell(now);
        self.session.purge(now)
    }

    /// [`cync_core::Session::set_wall_clock`].
    pub fn set_wall_clock(&mut self, now: Instant, civil: CivilTime) {
        self.tell(now);
        self.session.set_wall_clock(now, civil);
        self.ears.on_wall_clock();
    }

    /// The next event, and the number of the message it is about.
    pub fn event(&mut self) -> Result<Option<(Event, Option<u32>)>, Violation> {
        let Some(event) = self.session.poll_event() else {
            if self.watch == Watch::Everything {
                self.check_told()?;
            }
            return Ok(None);
        };
        let message = match event {
            Event::Sent { id } | Event::Acked { id } | Event::Executed { id } => self.ids.get(id),
            Event::Done { id, .. } => {
                self.told_ends = true;
                self.ids.remove(id)
            }
            _ => None,
        };
        match self.watch {
            Watch::Everything => self.book.on_event(&event, message)?,
            Watch::Bounds => {
                let done = matches!(event, Event::Done { .. });
                ensure!(!done || message.is_some(), "S2", "{event:?} of no live message");
            }
            Watch::Nothing => {}
        }
        self.dials.on_event(&event);
        match event {
            Event::Hangup(why) => {
                self.hangup = Some(why);
                self.check_hangup(why)?;
            }
            Event::StateChanged(state) => self.state_told = state,
            Event::InboxOverrun { dropped } => self.overrun += u64::from(dropped),
            Event::Writable => {
                self.room = self.shortest_refused.take();
                ensure!(self.room.is_some(), "S6", "writable, and nothing was refused");
            }
            _ => {}
        }
        Ok(Some((event, message)))
    }

    /// All events were taken: they said what there was to say.
    fn check_told(&mut self) -> Result<(), Violation> {
        if std::mem::take(&mut self.told_ends) {
            self.book.told.check(self.session.stats())?;
        }
        self.dials.check(self.book.swept)?;
        let (state, told) = (self.session.state(), self.state_told);
        ensure!(state == told, "S12", "{state}, and {told} was told last");
        let (dropped, told) = (self.ears.dropped, self.overrun);
        ensure!(dropped == told, "S12", "{dropped} dropped from the inbox, and {told} told");
        Ok(())
    }

    /// There is room for so many bytes of data, of which [`Event::Writable`] told; it is told once.
    pub const fn room(&mut self) -> Option<usize> {
        self.room.take()
    }

    /// Takes a message from the inbox.
    pub fn recv(&mut self, now: Instant) -> Result<Option<Got>, Violation> {
        self.tell(now);
        let delivery = self.session.recv(now);
        let seen = match self.watch {
            Watch::Everything => self.ears.on_recv(delivery.as_ref())?,
            Watch::Bounds | Watch::Nothing => None,
        };
        Ok(delivery.map(|delivery| {
            let (data, message) = seen.unwrap_or_else(|| (delivery.data.into(), None));
            Got {
                kind: delivery.kind,
                endpoint: delivery.prefix.endpoint,
                msg_id: delivery.prefix.msg_id,
                frame: delivery.frame.map(|frame| (frame.op, frame.counter)),
                data,
                arrived: delivery.arrived,
                id: delivery.id(),
                message,
            }
        }))
    }

    /// [`cync_core::Session::respond`].
    pub fn respond(
        &mut self,
        now: Instant,
        id: DeliveryId,
        status: StatusCode,
    ) -> Result<Result<(), RespondError>, Violation> {
        let told = self.tell(now);
        let outcome = self.session.respond(now, id, status);
        self.check_reply(told, &id, (status, false), outcome)?;
        Ok(outcome)
    }

    /// [`cync_core::Session::report`].
    pub fn report(
        &mut self,
        now: Instant,
        id: DeliveryId,
        status: StatusCode,
    ) -> Result<Result<(), RespondError>, Violation> {
        let told = self.tell(now);
        let outcome = self.session.report(now, id, status);
        self.check_reply(told, &id, (status, true), outcome)?;
        Ok(outcome)
    }

    fn check_reply(
        &mut self,
        now: Instant,
        id: &DeliveryId,
        reply: (StatusCode, bool),
        outcome: Result<(), RespondError>,
    ) -> Result<(), Violation> {
        if self.watch != Watch::Everything {
            return Ok(());
        }
        let ready = matches!(self.session.state(), State::Ready | State::Draining);
        self.ears.on_reply(now, id, self.wire.filter(|_| ready), reply, outcome)
    }
}
