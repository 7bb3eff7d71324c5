//! The state machine that wires the parts together: the only place that knows them all.

mod connection;
mod machine;
mod receive;
mod respond;
mod rules;
mod send;
mod timeout;
mod transmit;

use crate::config::{Config, ConfigError};
use crate::event::{Deadline, Disconnect, Event, MessageId, State, Transmit};
use crate::inbox::{Delivery, DeliveryId};
use crate::request::Request;
use crate::stats::Stats;
use crate::time::{CivilTime, Instant};
use crate::wire::{Framer, MAX_PACKET, Resync, StatusCode};
use crate::{RespondError, SendError, TooSmall};
use core::time::Duration;
use machine::Machine;

/// One end of a conversation with one endpoint.
///
/// It takes bytes and clock ticks and returns packets to send, deadlines, events and delivered messages. It never reads a
/// clock, allocates, or calls back; equal inputs give equal outputs. A driver does, in any order:
///
/// - when bytes came: [`Session::handle_input`]; it may take fewer than it was given;
/// - when the deadline has come: [`Session::handle_timeout`];
/// - after any of these and after every call of the application: [`Session::poll_transmit`] until `None` while the
///   connection takes bytes, [`Session::poll_event`] until `None`, then [`Session::poll_timeout`].
///
/// `SLOTS` messages can be under way or queued, `SEEN` accepted ones are remembered, and `MTU` is the longest whole packet
/// that is taken, in bytes; a peer that sends a longer one is hung up on. The data of a message that is sent has at most 64 bytes
/// a slot, that of one that is accepted 24: longer ones are refused. `SLOTS` is 2 to 16,383, `SEEN` 1 to 32,768 and `MTU` at
/// least 5; other sizes do not compile.
///
/// A clone is a snapshot: given the same, both do the same. Only one of them may go on with the conversation.
///
/// ```
/// use cync_core::wire::{Command, Destination, Endpoint};
/// use cync_core::{AuthCode, Config, Event, Instant, Outcome, Session, Stage};
///
/// let endpoint = Endpoint(0x4588_0f3a);
/// let mut hub: Session = Session::new(Config::listener(endpoint), 1)?;
/// let mut lamp: Session = Session::new(
///     Config::greeter(endpoint, AuthCode::new(b"0123456789abcdef")?), 2)?;
///
/// // A driver moves bytes. These two are joined by a wire without delay or loss.
/// let now = Instant::ZERO;
/// fn carry(from: &mut Session, to: &mut Session, now: Instant) {
///     let mut out = [0; 4101];
///     while let Ok(Some(packet)) = from.poll_transmit(now, &mut out) {
///         assert_eq!(to.handle_input(now, &out[..packet.len]), packet.len);
///     }
/// }
/// hub.handle_connected(now);
/// lamp.handle_connected(now);
/// carry(&mut lamp, &mut hub, now);
/// carry(&mut hub, &mut lamp, now);
///
/// let on = Command::Power { to: Destination::device(1).ok_or("range")?, on: true };
/// let id = hub.send(now, on)?;
/// carry(&mut hub, &mut lamp, now);
/// assert_eq!(lamp.recv(now).map(|it| it.data[10]), Some(1));
/// carry(&mut lamp, &mut hub, now);
///
/// let outcome = core::iter::from_fn(|| hub.poll_event()).find_map(|event| match event {
///     Event::Done { id: done, outcome, .. } if done == id => Some(outcome),
///     _ => None,
/// });
/// assert_eq!(outcome, Some(Outcome::Reached(Stage::Acked)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Session<
    const SLOTS: usize = 128,
    const SEEN: usize = 1024,
    const MTU: usize = MAX_PACKET,
> {
    framer: Framer<MTU>,
    machine: Machine<SLOTS, SEEN>,
}

impl<const SLOTS: usize, const SEEN: usize, const MTU: usize> Session<SLOTS, SEEN, MTU> {
    /// A session without a connection. `seed` decides where message numbers start; two sessions that speak to the same
    /// peer within the time it remembers messages need different ones.
    ///
    /// # Errors
    /// The rule that `config` breaks.
    pub fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        Ok(Self { framer: Framer::new(Resync::Close), machine: Machine::new(config, seed)? })
    }

    /// Asks for a connection by [`Event::Dial`], and for others whenever it goes, after the waits of
    /// [`Config::redial`]. A first connection is given up by [`Event::ConnectFailed`]; once the session was ready it never
    /// gives up. Without this call the session takes the connections it is given and asks for none.
    pub fn connect(&mut self, now: Instant) {
        self.machine.tick(now);
        self.machine.connect();
    }

    /// Whether to ask for another connection when one goes, once the session was ready. It does, unless told otherwise; then
    /// it asks for none until [`Session::connect`] is called again, and takes those that it is given.
    pub fn reconnect(&mut self, on: bool) {
        self.machine.reconnect(on);
    }

    /// Whether it asks for connections: after [`Session::connect`], until it is closed, gives up, or was ready and is not to
    /// [reconnect](Session::reconnect).
    pub fn is_dialling(&self) -> bool {
        self.machine.is_dialling()
    }

    /// A connection was made; either side may have opened it. It replaces one that there was. A session that was closed hangs
    /// up.
    pub fn handle_connected(&mut self, now: Instant) {
        self.machine.tick(now);
        self.machine.connected();
        if !(planted!(PartialKept) && self.framer.pending() > 0) {
            self.framer.reset();
        }
    }

    /// The connection is gone, or could not be opened. Unless [`Config::ride_through`] keeps them, messages that were handed
    /// over end as unknown, the others as not sent.
    pub fn handle_disconnected(&mut self, now: Instant, why: Disconnect) {
        self.machine.tick(now);
        self.machine.disconnected(why);
        if !(planted!(PartialKept) && self.framer.pending() > 0) {
            self.framer.reset();
        }
    }

    /// Bytes came. Returns how many were taken: fewer than given if there is no room for a message or for the answers
    /// owed. Then offer the rest again once [`Session::wants_input`] is true, also if none is left: of a packet that came in
    /// pieces the session holds all, refused or not.
    #[must_use = "bytes that were not taken have to be offered again"]
    pub fn handle_input(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let (framer, machine) = (&mut self.framer, &mut self.machine);
        machine.tick(now);
        machine.receive(framer, bytes)
    }

    /// The time of [`Session::poll_timeout`] has come. Earlier or later does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.machine.tick(now);
        self.machine.on_timeout();
    }

    /// The local time of the site, asked for by [`Event::ClockAsked`]; answers the peer's question. If too many answers are owed
    /// already, the event comes again when there is room.
    pub fn set_wall_clock(&mut self, now: Instant, civil: CivilTime) {
        self.machine.tick(now);
        self.machine.set_wall_clock(civil);
    }

    /// Takes a message to send. It leaves by [`Session::poll_transmit`], in the order of `send`, and ends in exactly one
    /// [`Event::Done`].
    ///
    /// A typed command makes older ones stale that set the same [attributes](crate::wire::Command::attributes) of the same
    /// device: those that wait end, and those that were handed over are not repeated.
    ///
    /// # Errors
    /// [`SendError::Full`] until [`Event::Writable`]; [`SendError::NotConnected`] outside [`State::Ready`] and after
    /// [`Event::Hangup`], unless [`Config::ride_through`] lets messages wait for a connection. The others say what is wrong with
    /// the request. Nothing was taken in any case.
    pub fn send<'a>(
        &mut self,
        now: Instant,
        request: impl Into<Request<'a>>,
    ) -> Result<MessageId, SendError> {
        self.machine.tick(now);
        self.machine.send(&request.into())
    }

    /// Lends the oldest accepted message; the one lent before is given up. Once it returned `None`,
    /// [`Event::Readable`] announces the next.
    #[inline]
    pub fn recv(&mut self, now: Instant) -> Option<Delivery<'_>> {
        self.machine.tick(now);
        self.machine.recv()
    }

    /// Acknowledges a delivered request (status 0), or refuses it (any other), if [`Config::acknowledge`] leaves that to the
    /// application. Its repetitions are answered in the same way. Of a request that came on an earlier connection the answer
    /// is kept for its repetition.
    ///
    /// # Errors
    /// [`RespondError::Answered`] if it has been; [`RespondError::Forgotten`] if it is no longer remembered;
    /// [`RespondError::Full`] if too many answers are owed: try again once some have left.
    pub fn respond(
        &mut self,
        now: Instant,
        delivery: DeliveryId,
        status: StatusCode,
    ) -> Result<(), RespondError> {
        self.machine.tick(now);
        self.machine.respond(&delivery, status)
    }

    /// Reports a delivered request as executed (status 0) or failed: a result frame that repeats its number. A repetition
    /// of the request, on this connection or a later one, is answered with the same bytes. A request that was not acknowledged
    /// is with this.
    ///
    /// # Errors
    /// [`RespondError::Full`] if too many answers are owed to send this one now, [`RespondError::Forgotten`] if the request is no
    /// longer remembered. In the first case a repetition will be answered with it.
    pub fn report(
        &mut self,
        now: Instant,
        delivery: DeliveryId,
        status: StatusCode,
    ) -> Result<(), RespondError> {
        self.machine.tick(now);
        self.machine.report(&delivery, status)
    }

    /// Sends a sign of life with the next [`Session::poll_transmit`].
    ///
    /// # Errors
    /// [`SendError::NotConnected`] outside [`State::Ready`] and after [`Event::Hangup`].
    pub fn ping(&mut self, now: Instant) -> Result<(), SendError> {
        self.machine.tick(now);
        self.machine.ping()
    }

    /// Ends a message now; true if it had not ended. Its `Done` comes all the same: if a byte of it was handed over, the peer may
    /// still act on it.
    pub fn cancel(&mut self, id: MessageId) -> bool {
        self.machine.cancel(id)
    }

    /// Ends the session: takes nothing new, brings what is under way to its end within [`Config::drain_timeout`], then hangs
    /// up. What the time does not suffice for ends as closed.
    pub fn close(&mut self, now: Instant) {
        self.machine.tick(now);
        self.machine.close();
    }

    /// Forgets accepted messages whose time to live is over, as it also happens in passing. Returns how many.
    pub fn purge(&mut self, now: Instant) -> usize {
        self.machine.tick(now);
        self.machine.purge()
    }

    /// Writes the next packet to hand over into `out`; `None` if there is none. Handing over starts an attempt's timer, so
    /// call it only while the connection takes bytes. Call it again until it returns `None`, and after every other call
    /// that changes the session.
    ///
    /// # Errors
    /// If `out` is shorter than the packet; nothing was taken.
    #[inline]
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        out: &mut [u8],
    ) -> Result<Option<Transmit>, TooSmall> {
        self.machine.tick(now);
        self.machine.poll_transmit(out)
    }

    /// The next event. Call it until it returns `None`: a message's slot is free only when its `Done` was taken.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.machine.poll_event()
    }

    /// When to call [`Session::handle_timeout`], if nothing else happens before. What is due is dealt with there; afterwards
    /// this is later than the time given.
    #[inline]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        self.machine.poll_timeout()
    }

    /// Whether [`Session::handle_input`] would take bytes. While it would not, neither silence nor a missing answer is held
    /// against the peer.
    pub fn wants_input(&self) -> bool {
        self.machine.wants_input()
    }

    /// How far the session is.
    pub fn state(&self) -> State {
        self.machine.state()
    }

    /// What was counted.
    pub fn stats(&self) -> &Stats {
        self.machine.stats()
    }

    /// Messages handed over and not done.
    pub fn in_flight(&self) -> usize {
        self.machine.in_flight()
    }

    /// Messages waiting for their first transmission.
    pub fn queued(&self) -> usize {
        self.machine.queued()
    }

    /// Accepted messages waiting for [`Session::recv`].
    pub fn inbox_len(&self) -> usize {
        self.machine.inbox_len()
    }

    /// Accepted messages that are remembered.
    pub fn remembered(&self) -> usize {
        self.machine.remembered()
    }

    /// The smoothed round trip of acknowledgements, once one was measured.
    pub fn round_trip(&self) -> Option<Duration> {
        self.machine.round_trip()
    }
}
