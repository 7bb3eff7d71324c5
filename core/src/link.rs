//! The connection's own state: greeting, liveness, hanging up.

use crate::config::{Config, Greeting};
use crate::event::{Deadline, HangupReason, State, Timer};
use crate::time::Instant;

/// The greeting that this side sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hello {
    None,
    Owed,
    Sent(Instant),
}

#[derive(Debug)]
pub(crate) struct Link {
    state: State,
    hello: Hello,
    connected_at: Instant,
    last_sent: Instant,
    last_received: Instant,
    /// When the first byte of a packet that is not whole yet came.
    partial_since: Option<Instant>,
    /// Since when input is refused: what does not come meanwhile is not the peer's fault.
    refusing_since: Option<Instant>,
    ping: bool,
    hangup: Option<HangupReason>,
    hangup_told: bool,
    state_told: State,
    closing: bool,
}

impl Link {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Disconnected,
            hello: Hello::None,
            connected_at: Instant::ZERO,
            last_sent: Instant::ZERO,
            last_received: Instant::ZERO,
            partial_since: None,
            refusing_since: None,
            ping: false,
            hangup: None,
            hangup_told: false,
            state_told: State::Disconnected,
            closing: false,
        }
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Whether packets are exchanged: connected, and not hung up.
    pub(crate) const fn is_up(&self) -> bool {
        self.hangup.is_none()
            && matches!(self.state, State::Greeting | State::Ready | State::Draining)
    }

    /// Whether messages are exchanged.
    pub(crate) const fn is_ready(&self) -> bool {
        self.hangup.is_none() && matches!(self.state, State::Ready | State::Draining)
    }

    pub(crate) fn connected(&mut self, now: Instant, greeting: &Greeting) {
        let hello =
            if matches!(greeting, Greeting::Send { .. }) { Hello::Owed } else { Hello::None };
        let state_told = self.state_told;
        *self = Self {
            state: State::Greeting,
            hello,
            connected_at: now,
            last_sent: now,
            last_received: now,
            state_told,
            ..Self::new()
        };
    }

    pub(crate) fn disconnected(&mut self) {
        self.state = if self.closing { State::Closed } else { State::Disconnected };
        self.hello = Hello::None;
        self.partial_since = None;
        self.refusing_since = None;
        self.ping = false;
        self.hangup = None;
        self.hangup_told = false;
    }

    /// The greeting is done.
    pub(crate) fn ready(&mut self) {
        if self.state == State::Greeting {
            self.state = State::Ready;
        }
    }

    pub(crate) fn drain(&mut self) {
        self.closing = true;
        match self.state {
            State::Ready => self.state = State::Draining,
            State::Greeting => self.hang_up(HangupReason::Closed),
            State::Disconnected => self.state = State::Closed,
            State::Draining | State::Closed => {}
        }
    }

    /// Asks for the connection to be closed; the first reason stands.
    pub(crate) fn hang_up(&mut self, why: HangupReason) {
        self.hangup.get_or_insert(why);
    }

    pub(crate) const fn owes_hello(&self) -> bool {
        self.hangup.is_none() && matches!(self.hello, Hello::Owed)
    }

    pub(crate) fn hello_sent(&mut self, now: Instant) {
        self.hello = Hello::Sent(now);
    }

    /// When the greeting that is being answered was sent.
    pub(crate) const fn hello_sent_at(&self) -> Option<Instant> {
        match self.hello {
            Hello::Sent(at) => Some(at),
            Hello::None | Hello::Owed => None,
        }
    }

    pub(crate) const fn owes_ping(&self) -> bool {
        self.ping
    }

    /// A packet was handed over, which is a sign of life whatever it is.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.last_sent = now;
        self.ping = false;
    }

    /// Bytes came; `partial` says that the last packet among them is not whole, `fresh` that it began with them.
    pub(crate) fn received(&mut self, now: Instant, partial: bool, fresh: bool) {
        self.last_received = now;
        self.partial_since = match self.partial_since {
            _ if !partial => None,
            Some(since) if !fresh => Some(since),
            _ => Some(now),
        };
    }

    pub(crate) const fn is_refusing(&self) -> bool {
        self.refusing_since.is_some()
    }

    /// Input is refused from now on. The time that the peer has stands still.
    pub(crate) fn refuse(&mut self, now: Instant) {
        self.refusing_since.get_or_insert(now);
    }

    /// Input is taken again.
    pub(crate) fn take(&mut self, now: Instant) {
        if let Some(since) = self.refusing_since.take() {
            let stood_still = now.since(since);
            self.last_received = self.last_received + stood_still;
            self.partial_since = self.partial_since.map(|since| since + stood_still);
        }
    }

    /// What happens next if nothing else does.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Deadline> {
        if !self.is_up() {
            return None;
        }
        let greeting = (self.state == State::Greeting)
            .then(|| (self.connected_at + config.greeting_timeout, Timer::Greeting));
        let heartbeat = config
            .heartbeat
            .filter(|_| self.is_ready() && !self.ping)
            .map(|after| (self.last_sent + after, Timer::Heartbeat));
        let silence = Some((self.last_received + config.silence, Timer::Silence))
            .filter(|_| !self.is_refusing());
        let packet = self
            .partial_since
            .filter(|_| !self.is_refusing())
            .map(|since| (since + config.packet_timeout, Timer::Packet));
        let all = [greeting, packet, silence, heartbeat];
        let (at, why) = all.into_iter().flatten().min_by_key(|(at, _)| *at)?;
        Some(Deadline { at, why })
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, config: &Config) {
        while let Some(Deadline { at, why }) = self.deadline(config)
            && at <= now
        {
            match why {
                Timer::Greeting => self.hang_up(HangupReason::GreetingTimeout),
                Timer::Silence => self.hang_up(HangupReason::Silent),
                Timer::Packet => self.hang_up(HangupReason::PacketTimeout),
                Timer::Heartbeat | Timer::Message => self.ping = true,
            }
        }
    }

    /// A hang-up, once.
    pub(crate) fn poll_hangup(&mut self) -> Option<HangupReason> {
        let why = self.hangup.filter(|_| !self.hangup_told)?;
        self.hangup_told = true;
        Some(why)
    }

    /// A new state, once.
    pub(crate) fn poll_state(&mut self) -> Option<State> {
        let news = (self.state != self.state_told).then_some(self.state);
        self.state_told = self.state;
        news
    }
}
