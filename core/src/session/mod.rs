//! The state machine that wires the parts together: the only place that knows them all.

mod receive;
mod transmit;

use crate::answers::{Answer, Answers};
use crate::config::{Config, ConfigError};
use crate::dedup::{Dedup, Limits, Reported};
use crate::event::{Deadline, Disconnect, Event, HangupReason, MessageId, State, Timer, Transmit};
use crate::inbox::{Delivery, DeliveryId, Inbox};
use crate::link::Link;
use crate::outbox::{Message, Outbox};
use crate::request::{Body, Request, Stage};
use crate::retry::Next;
use crate::rng::SplitMix64;
use crate::rto::Estimator;
use crate::stats::Stats;
use crate::time::{CivilTime, Instant};
use crate::wire::{Framer, MAX_PACKET, MsgId, PacketType, Resync, StatusCode};
use crate::{RespondError, SendError, TooSmall};
use core::time::Duration;

/// The longest delay of a packet that was handed over.
const DELAY: Duration = Duration::from_secs(2);
/// Senders and types whose messages are remembered at a time.
const COUNTERS: u8 = 4;

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
/// that is taken, in bytes.
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
#[derive(Debug)]
pub struct Session<
    const SLOTS: usize = 128,
    const SEEN: usize = 1024,
    const MTU: usize = MAX_PACKET,
> {
    framer: Framer<MTU>,
    machine: Machine<SLOTS, SEEN>,
}

/// Everything but the framer, which lends the packets that change it.
#[derive(Debug)]
struct Machine<const SLOTS: usize, const SEEN: usize> {
    config: Config,
    now: Instant,
    link: Link,
    outbox: Outbox<SLOTS>,
    inbox: Inbox<SLOTS>,
    answers: Answers,
    dedup: Dedup<SEEN>,
    ack_time: Estimator,
    result_time: Estimator,
    next_msg_id: u16,
    next_counter: u32,
    /// Counts connections, so that a state is a repetition only within its own.
    epoch: u32,
    stats: Stats,
    /// Answers transmitted since the last message, or since there were none.
    answers_in_a_row: u8,
    readable: bool,
    /// The shortest data that `send` refused since `Writable` was told.
    refused: Option<usize>,
    clock_asked: ClockAsked,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ClockAsked {
    No,
    Yes { told: bool },
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

    /// A connection was made; either side may have opened it. A session that was closed hangs up.
    pub fn handle_connected(&mut self, now: Instant) {
        let machine = &mut self.machine;
        machine.tick(now);
        machine.disconnect();
        self.framer.reset();
        machine.epoch = machine.epoch.wrapping_add(1);
        if machine.link.state() == State::Closed {
            machine.link.hang_up(HangupReason::Closed);
        } else {
            machine.link.connected(machine.now, &machine.config.greeting);
        }
    }

    /// The connection is gone. What was handed over ends as unknown, what was not as not sent.
    pub fn handle_disconnected(&mut self, now: Instant, _why: Disconnect) {
        self.machine.tick(now);
        self.machine.disconnect();
        self.framer.reset();
    }

    /// Bytes came. Returns how many were taken: fewer than given if there is no room for a message or for the answers
    /// owed. Then offer the rest again once [`Session::wants_input`] is true.
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
        let machine = &mut self.machine;
        machine.tick(now);
        if machine.clock_asked == ClockAsked::No {
            return;
        }
        machine.clock_asked = if machine.answers.owe(Answer::Time(civil)) {
            ClockAsked::No
        } else {
            ClockAsked::Yes { told: false }
        };
    }

    /// Takes a message to send. It leaves by [`Session::poll_transmit`], in the order of `send`, and ends in exactly one
    /// [`Event::Done`].
    ///
    /// # Errors
    /// [`SendError::Full`] until [`Event::Writable`]; [`SendError::NotConnected`] outside [`State::Ready`]. Nothing was
    /// taken in that case.
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
    pub fn recv(&mut self, now: Instant) -> Option<Delivery<'_>> {
        let machine = &mut self.machine;
        machine.tick(now);
        machine.link.take(machine.now);
        machine.readable = false;
        machine.inbox.lend()
    }

    /// Reports a delivered request as executed (status 0) or failed: a result frame that repeats its number. A repetition
    /// of the request, on this connection or a later one, is answered with the same bytes.
    ///
    /// # Errors
    /// [`RespondError::Full`] if too many answers are owed to send this one now; a repetition will be answered with it.
    pub fn report(
        &mut self,
        now: Instant,
        delivery: DeliveryId,
        status: StatusCode,
    ) -> Result<(), RespondError> {
        self.machine.tick(now);
        self.machine.report(&delivery, status)
    }

    /// Ends the session: takes nothing new, brings what is under way to its end, then hangs up.
    pub fn close(&mut self, now: Instant) {
        self.machine.tick(now);
        self.machine.link.drain();
        self.machine.hang_up_if_drained();
    }

    /// Writes the next packet to hand over into `out`; `None` if there is none. Handing over starts an attempt's timer, so
    /// call it only while the connection takes bytes. Call it again until it returns `None`, and after every other call
    /// that changes the session.
    ///
    /// # Errors
    /// If `out` is shorter than the packet; nothing was taken.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        out: &mut [u8],
    ) -> Result<Option<Transmit>, TooSmall> {
        self.machine.tick(now);
        self.machine.transmit(out)
    }

    /// The next event. Call it until it returns `None`: a message's slot is free only when its `Done` was taken.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.machine.poll_event()
    }

    /// When to call [`Session::handle_timeout`], if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let machine = &self.machine;
        let message = machine.outbox.timeout().map(|at| Deadline { at, why: Timer::Message });
        let link = machine.link.deadline(&machine.config);
        [message, link].into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// Whether [`Session::handle_input`] would take bytes. While it would not, neither silence nor a missing answer is held
    /// against the peer.
    pub fn wants_input(&self) -> bool {
        !self.machine.link.is_refusing()
    }

    /// How far the session is.
    pub fn state(&self) -> State {
        self.machine.link.state()
    }

    /// What was counted.
    pub fn stats(&self) -> &Stats {
        &self.machine.stats
    }

    /// Messages handed over and not done.
    pub fn in_flight(&self) -> usize {
        usize::from(self.machine.outbox.in_flight())
    }

    /// Messages waiting for their first transmission.
    pub fn queued(&self) -> usize {
        self.machine.outbox.queued()
    }

    /// Accepted messages waiting for [`Session::recv`].
    pub fn inbox_len(&self) -> usize {
        self.machine.inbox.len()
    }

    /// Accepted messages that are remembered.
    pub fn remembered(&self) -> usize {
        self.machine.dedup.len()
    }
}

impl<const SLOTS: usize, const SEEN: usize> Machine<SLOTS, SEEN> {
    fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        config.check(SLOTS)?;
        let mut rng = SplitMix64::new(seed);
        let start = rng.next();
        let limits =
            Limits { ttl: config.dedup_ttl, live_for: config.deadline + DELAY, counters: COUNTERS };
        Ok(Self {
            now: Instant::ZERO,
            link: Link::new(),
            outbox: Outbox::new(),
            inbox: Inbox::new(config.inbox),
            answers: Answers::default(),
            dedup: Dedup::new(limits, rng.next()),
            ack_time: Estimator::new(config.ack_timer),
            result_time: Estimator::new(config.ack_timer),
            next_msg_id: start as u16,
            next_counter: (start >> 32) as u32,
            epoch: 0,
            stats: Stats::default(),
            answers_in_a_row: 0,
            readable: false,
            refused: None,
            clock_asked: ClockAsked::No,
            config,
        })
    }

    /// Time never goes back.
    fn tick(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn send(&mut self, request: &Request<'_>) -> Result<MessageId, SendError> {
        if self.link.state() != State::Ready || !self.link.is_up() {
            return Err(SendError::NotConnected(self.link.state()));
        }
        let counter = self.next_counter;
        let (kind, op) = match request.body {
            Body::Command(command) => (PacketType::DataChannel, command.op()),
            Body::Frame { op, .. } => (PacketType::DataChannel, op),
            Body::Announce { op, .. } => (PacketType::StatusBroadcast, op),
            Body::Probe => (PacketType::Probe, 0),
        };
        if request.until == Stage::Executed && kind != PacketType::DataChannel {
            return Err(SendError::NeverExecuted(kind));
        }
        let typed;
        let data = match request.body {
            Body::Command(command) => {
                typed = command.data(counter);
                &typed
            }
            Body::Frame { data, .. } | Body::Announce { data, .. } => data,
            Body::Probe => &[],
        };
        let max = transmit::MAX_DATA.min(Outbox::<SLOTS>::CAPACITY);
        if data.len() > max {
            return Err(SendError::TooLong { len: data.len(), max });
        }
        let message = Message {
            kind,
            endpoint: request.endpoint.unwrap_or(self.config.endpoint),
            msg_id: self.free_msg_id(),
            counter,
            op,
            until: request.until,
            once: request.once,
            deadline: self.now + request.deadline.unwrap_or(self.config.deadline),
        };
        let has_room = self.has_room(data.len());
        let id = if has_room { self.outbox.push(self.now, message, data) } else { None };
        let Some(id) = id else {
            self.stats.queue_full += 1;
            self.refused = Some(self.refused.map_or(data.len(), |len| len.min(data.len())));
            return Err(SendError::Full);
        };
        self.next_msg_id = message.msg_id.0.wrapping_add(1);
        self.next_counter = counter.wrapping_add(1);
        Ok(id)
    }

    /// Whether `send` would take so many bytes of data.
    fn has_room(&self, len: usize) -> bool {
        let held = self.outbox.queued() + usize::from(self.outbox.in_flight());
        let limit = usize::from(self.config.window) + usize::from(self.config.queue);
        held < limit && self.outbox.has_room(len)
    }

    fn free_msg_id(&self) -> MsgId {
        let mut msg_id = MsgId(self.next_msg_id);
        while self.outbox.uses(msg_id) {
            msg_id = MsgId(msg_id.0.wrapping_add(1));
        }
        msg_id
    }

    fn report(&mut self, delivery: &DeliveryId, status: StatusCode) -> Result<(), RespondError> {
        let reported = Reported { msg_id: self.free_msg_id(), status };
        let (endpoint, frame) = (delivery.prefix.endpoint, delivery.frame);
        let result = Answer::Result { endpoint, counter: frame.counter, op: frame.op, reported };
        self.next_msg_id = reported.msg_id.0.wrapping_add(1);
        self.dedup.report(delivery.accepted, reported);
        if self.link.is_ready() && !self.answers.owe(result) {
            return Err(RespondError::Full);
        }
        Ok(())
    }

    fn on_timeout(&mut self) {
        let now = self.now;
        self.link.handle_timeout(now, &self.config);
        while let Some(expired) = self.outbox.expired(now) {
            let at = expired.slot;
            if expired.over {
                self.outbox.give_up(now, at);
                continue;
            }
            if self.link.is_refusing() {
                // The answer may be among what is refused.
                self.outbox.rearm(at, now + self.answer_timer(at));
                continue;
            }
            self.stats.ack_timeouts += 1;
            match self.config.retry.next(expired.attempts, expired.once) {
                Next::Again => self.outbox.retry(at),
                Next::Wait => self.outbox.wait(at),
                Next::GiveUp => self.outbox.give_up(now, at),
            }
        }
        self.hang_up_if_drained();
    }

    /// How long to wait for the next answer to a message.
    fn answer_timer(&self, at: u16) -> Duration {
        let receipt = self.ack_time.timer();
        if self.outbox.stage(at) < Some(Stage::Acked) {
            return receipt;
        }
        let left = self.outbox.deadline(at).map_or(Duration::ZERO, |at| at.since(self.now));
        // A result is never there before the receipt could be.
        self.result_time.timer_within(left).max(receipt)
    }

    fn disconnect(&mut self) {
        self.outbox.disconnect(self.now);
        self.answers.clear();
        self.link.disconnected();
        self.clock_asked = ClockAsked::No;
    }

    fn hang_up_if_drained(&mut self) {
        if self.link.state() == State::Draining && self.outbox.is_idle() && self.answers.is_empty()
        {
            self.link.hang_up(HangupReason::Closed);
        }
    }

    fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.outbox.poll_event() {
            return Some(event);
        }
        if let Some(why) = self.link.poll_hangup() {
            return Some(Event::Hangup(why));
        }
        if let Some(state) = self.link.poll_state() {
            return Some(Event::StateChanged(state));
        }
        if core::mem::take(&mut self.readable) {
            return Some(Event::Readable);
        }
        if self.clock_asked == (ClockAsked::Yes { told: false }) && self.answers.have_room() {
            self.clock_asked = ClockAsked::Yes { told: true };
            return Some(Event::ClockAsked);
        }
        let ready = self.link.is_up() && self.link.state() == State::Ready;
        if self.refused.is_some_and(|len| ready && self.has_room(len)) {
            self.refused = None;
            return Some(Event::Writable);
        }
        None
    }
}
