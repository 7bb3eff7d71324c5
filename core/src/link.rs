//! The connection's own state: greeting, liveness, hanging up.

use crate::config::{Config, Greeting};
use crate::event::{Deadline, Event, HangupReason, State, Timer};
use crate::time::{Instant, micros};
use core::hint::cold_path;

/// The greeting that this side sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hello {
    None,
    Owed,
    Sent(Instant),
}

/// What is exchanged: what the state and the hang-up come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Exchanges {
    /// Nothing: there is no connection, or it is to be closed.
    Nothing,
    Greetings,
    Messages,
}

/// What closing comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Closing {
    /// Messages are exchanged, and are brought to their end.
    Drains,
    /// There is a connection, and none that messages are exchanged on.
    HangsUp,
    /// There is no connection.
    Over,
}

#[derive(Clone, Debug)]
pub(crate) struct Link {
    state: State,
    /// Follows from `state` and `hangup`, and is asked for more often than they change.
    exchanges: Exchanges,
    hello: Hello,
    limits: Limits,
    /// Until when the greeting, or draining, has time; `MAX` if there is neither.
    until: Instant,
    /// From when on this connection counts as stable; `MAX` before the greeting is done.
    stable_from: Instant,
    /// Until when the rest of a packet has time of which the first byte came; `MAX` if there is none.
    packet_until: Instant,
    /// When the peer has been silent for too long, if nothing comes.
    silent_at: Instant,
    /// When a sign of life is due, if nothing is sent before; `MAX` if it is wanted already.
    beat_at: Instant,
    /// Since when input is refused: what does not come meanwhile is not the peer's fault. `MAX` while it is not.
    refusing_since: Instant,
    /// Microseconds that the peer's time has stood still.
    stood_still: u64,
    ping: bool,
    hangup: Option<HangupReason>,
    hangup_told: bool,
    state_told: State,
    /// The state or the hang-up changed since these were told last.
    has_news: bool,
    /// The connection went since the state was told last.
    went: bool,
}

/// How long each thing may take, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    greeting: u64,
    packet: u64,
    silence: u64,
    /// Silence of this side; the longest time there is without heartbeats.
    heartbeat: u64,
    /// A connection that was ready for so long was stable: trouble starts counting anew.
    stable: u64,
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            greeting: micros(config.greeting_timeout),
            packet: micros(config.packet_timeout),
            silence: micros(config.silence),
            heartbeat: config.heartbeat.map_or(u64::MAX, micros),
            stable: micros(config.redial.stable),
        }
    }
}

impl Link {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            state: State::Disconnected,
            exchanges: Exchanges::Nothing,
            hello: Hello::None,
            limits,
            until: Instant::MAX,
            stable_from: Instant::MAX,
            packet_until: Instant::MAX,
            silent_at: Instant::MAX,
            beat_at: Instant::MAX,
            refusing_since: Instant::MAX,
            stood_still: 0,
            ping: false,
            hangup: None,
            hangup_told: false,
            state_told: State::Disconnected,
            has_news: false,
            went: false,
        }
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Whether packets are exchanged: connected, and not hung up.
    pub(crate) const fn is_up(&self) -> bool {
        !matches!(self.exchanges, Exchanges::Nothing)
    }

    /// Whether there is a connection, be it one that is to be closed.
    pub(crate) const fn has_connection(&self) -> bool {
        match self.state {
            State::Greeting | State::Ready | State::Draining => true,
            // One that came after the session was closed.
            State::Closed => self.hangup.is_some(),
            State::Disconnected | State::Connecting => false,
        }
    }

    /// Whether messages are exchanged.
    pub(crate) const fn is_ready(&self) -> bool {
        matches!(self.exchanges, Exchanges::Messages)
    }

    /// The state or the hang-up may have changed.
    const fn changed(&mut self) {
        self.has_news = true;
        self.exchanges = match (self.hangup, self.state) {
            (None, State::Greeting) => Exchanges::Greetings,
            (None, State::Ready | State::Draining) => Exchanges::Messages,
            _ => Exchanges::Nothing,
        };
    }

    /// Whether messages have been exchanged on this connection for so long that trouble starts counting anew.
    pub(crate) fn was_stable(&self, now: Instant) -> bool {
        self.stable_from <= now
    }

    /// A connection has been asked for.
    pub(crate) fn connecting(&mut self) {
        if self.state == State::Disconnected {
            self.state = State::Connecting;
            self.changed();
        }
    }

    pub(crate) fn connected(&mut self, now: Instant, greeting: &Greeting) {
        let hello =
            if matches!(greeting, Greeting::Send { .. }) { Hello::Owed } else { Hello::None };
        let Self { limits, state_told, went, stood_still, .. } = *self;
        *self = Self {
            state: State::Greeting,
            hello,
            until: now.plus_micros(limits.greeting),
            silent_at: now.plus_micros(limits.silence),
            beat_at: now.plus_micros(limits.heartbeat),
            state_told,
            went,
            stood_still,
            ..Self::new(limits)
        };
        self.changed();
    }

    pub(crate) fn disconnected(&mut self) {
        let closing = matches!(self.state, State::Draining | State::Closed);
        self.went |= self.has_connection() && self.state_told != State::Disconnected && !closing;
        self.state = if closing { State::Closed } else { State::Disconnected };
        self.hello = Hello::None;
        self.stable_from = Instant::MAX;
        self.packet_until = Instant::MAX;
        self.refusing_since = Instant::MAX;
        self.ping = false;
        self.hangup = None;
        self.hangup_told = false;
        self.until = Instant::MAX;
        self.changed();
    }

    /// The greeting is done.
    pub(crate) fn ready(&mut self, now: Instant) {
        if self.state == State::Greeting {
            self.state = State::Ready;
            self.until = Instant::MAX;
            self.stable_from = now.plus_micros(self.limits.stable);
            self.changed();
        }
    }

    /// Takes nothing new from now on. What was begun has time `until` then.
    pub(crate) fn close(&mut self, until: Instant) -> Closing {
        let closing = match self.state {
            State::Ready if self.hangup.is_none() => {
                self.state = State::Draining;
                self.until = until;
                Closing::Drains
            }
            State::Greeting | State::Ready => {
                self.state = State::Draining;
                self.until = Instant::MAX;
                Closing::HangsUp
            }
            State::Disconnected | State::Connecting => {
                self.state = State::Closed;
                Closing::Over
            }
            State::Draining | State::Closed => Closing::Drains,
        };
        self.changed();
        closing
    }

    /// Whether the time for draining is over.
    pub(crate) fn drain_is_over(&self, now: Instant) -> bool {
        self.is_up() && self.state == State::Draining && self.until <= now
    }

    /// Asks for the connection to be closed; the first reason stands.
    pub(crate) fn hang_up(&mut self, why: HangupReason) {
        self.hangup.get_or_insert(why);
        self.changed();
    }

    /// What the connection is to be closed for, if it is.
    pub(crate) const fn hangup(&self) -> Option<HangupReason> {
        self.hangup
    }

    pub(crate) const fn owes_hello(&self) -> bool {
        matches!(self.exchanges, Exchanges::Greetings) && matches!(self.hello, Hello::Owed)
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

    /// A sign of life is wanted.
    pub(crate) fn ping(&mut self) {
        self.ping = true;
        self.beat_at = Instant::MAX;
    }

    /// A packet was handed over, which is a sign of life whatever it is.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.ping = false;
        self.beat_at = now.plus_micros(self.limits.heartbeat);
    }

    /// Bytes came; `partial` says that the last packet among them is not whole, `fresh` that it began with them.
    pub(crate) fn received(&mut self, now: Instant, partial: bool, fresh: bool) {
        self.silent_at = now.plus_micros(self.limits.silence);
        if !partial {
            self.packet_until = Instant::MAX;
            return;
        }
        cold_path();
        let until = now.plus_micros(self.limits.packet);
        // Unless it is fresh, the packet that was begun before goes on.
        self.packet_until = if fresh { until } else { self.packet_until.min(until) };
    }

    pub(crate) fn is_refusing(&self) -> bool {
        self.refusing_since != Instant::MAX
    }

    /// Input is refused from now on: the peer's time stands still. Whether it was taken before.
    pub(crate) fn refuse(&mut self, now: Instant) -> bool {
        let news = !self.is_refusing();
        self.refusing_since = self.refusing_since.min(now);
        news
    }

    /// Input is taken again.
    #[inline]
    pub(crate) fn take(&mut self, now: Instant) {
        if self.is_refusing() {
            self.goes_on(now.micros_since(self.refusing_since));
        }
    }

    /// The peer's time stood still for so long, and goes on.
    #[cold]
    fn goes_on(&mut self, stood_still: u64) {
        self.refusing_since = Instant::MAX;
        self.stood_still = self.stood_still.saturating_add(stood_still);
        self.silent_at = self.silent_at.plus_micros(stood_still);
        self.packet_until = self.packet_until.plus_micros(stood_still);
    }

    /// Whether the peer's time has ever stood still.
    pub(crate) const fn has_refused(&self) -> bool {
        self.stood_still > 0
    }

    /// As [`Link::stood_still`], while input is taken.
    #[inline]
    pub(crate) const fn has_stood_still(&self) -> u32 {
        self.stood_still as u32
    }

    /// Microseconds that the peer's time has stood still up to `now`, wrapping: only differences count.
    #[inline]
    pub(crate) fn stood_still(&self, now: Instant) -> u32 {
        self.stood_still.wrapping_add(now.micros_since(self.refusing_since)) as u32
    }

    /// What happens next if nothing else does; at `MAX` if nothing does.
    #[inline]
    pub(crate) fn deadline(&self) -> Deadline {
        if !self.is_up() {
            return Deadline { at: Instant::MAX, why: Timer::Silence };
        }
        let starved = planted!(HeartbeatStarved) && self.is_refusing();
        let beats = self.is_ready() && !starved;
        let at = if beats { self.beat_at } else { Instant::MAX };
        let mut first = Deadline { at, why: Timer::Heartbeat };
        // At the same time, what is named later here goes first.
        let mut consider = |at: Instant, why: Timer| {
            if at <= first.at {
                // Heartbeats keep everything else from coming first.
                cold_path();
                first = Deadline { at, why };
            }
        };
        if !self.is_refusing() || planted!(OwnRefusalBlamed) {
            consider(self.silent_at, Timer::Silence);
            consider(self.packet_until, Timer::Packet);
        }
        let greets = self.state == State::Greeting;
        consider(self.until, if greets { Timer::Greeting } else { Timer::Drain });
        first
    }

    /// Acts on what has become due; the end of draining is the session's.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let early = if planted!(TickActsEarly) { 1_000_000 } else { 0 };
        loop {
            let Deadline { at, why } = self.deadline();
            if at > now.plus_micros(early) || at == Instant::MAX {
                return;
            }
            match why {
                Timer::Greeting => self.hang_up(HangupReason::GreetingTimeout),
                Timer::Packet => self.hang_up(HangupReason::PacketTimeout),
                Timer::Heartbeat => self.ping(),
                Timer::Drain => return,
                _ => self.hang_up(HangupReason::Silent),
            }
        }
    }

    /// Whether there may be a hang-up or a new state to tell.
    pub(crate) const fn has_news(&self) -> bool {
        self.has_news
    }

    /// A hang-up or a new state, each once.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        if let Some(why) = self.hangup.filter(|_| !self.hangup_told) {
            self.hangup_told = true;
            return Some(Event::Hangup(why));
        }
        // That the connection went is told even if there is another one by now.
        let state = if core::mem::take(&mut self.went) { State::Disconnected } else { self.state };
        if state != self.state_told {
            self.state_told = state;
            return Some(Event::StateChanged(state));
        }
        self.has_news = self.state != state;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Endpoint;

    const S: u64 = 1_000_000;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * S)
    }

    fn config() -> Config {
        Config::listener(Endpoint(1))
    }

    fn ready() -> Link {
        let mut link = Link::new(Limits::new(&config()));
        link.connected(at(0), &Greeting::Expect);
        link.ready(at(0));
        assert_eq!(link.poll_event(), Some(Event::StateChanged(State::Ready)));
        link
    }

    fn due(link: &Link) -> Option<(u64, Timer)> {
        let first = link.deadline();
        (first.at < Instant::MAX).then_some((first.at.as_micros() / S, first.why))
    }

    #[test]
    fn of_several_timers_the_first_is_named() {
        let mut link = Link::new(Limits::new(&config()));
        assert_eq!(due(&link), None);
        link.connected(at(0), &Greeting::Expect);
        assert_eq!(due(&link), Some((5, Timer::Greeting)));
        link.ready(at(1));
        assert_eq!(due(&link), Some((60, Timer::Silence)));
        link.received(at(2), true, false);
        assert_eq!(due(&link), Some((12, Timer::Packet)));
        link.close(at(7));
        assert_eq!(due(&link), Some((7, Timer::Drain)));
        link.hang_up(HangupReason::Silent);
        assert_eq!(due(&link), None);
    }

    #[test]
    fn a_packets_time_starts_with_its_own_first_byte() {
        let mut link = ready();
        link.received(at(1), true, false);
        link.received(at(3), true, false);
        assert_eq!(due(&link), Some((11, Timer::Packet)), "the same packet");
        link.received(at(4), true, true);
        assert_eq!(due(&link), Some((14, Timer::Packet)), "the next one");
        link.received(at(5), false, true);
        assert_eq!(due(&link), Some((65, Timer::Silence)));
    }

    #[test]
    fn refusing_stops_what_the_peer_owes_and_shifts_it_by_exactly_that_time() {
        let mut link = ready();
        link.received(at(1), true, false);
        assert!(link.refuse(at(2)) && !link.refuse(at(3)));
        assert_eq!((due(&link), link.stood_still(at(5))), (None, 3_000_000));
        link.take(at(6));
        link.take(at(7));
        assert_eq!((due(&link), link.stood_still(at(9))), (Some((15, Timer::Packet)), 4_000_000));
    }

    #[test]
    fn the_first_reason_to_hang_up_stands_and_is_told_once() {
        let mut link = ready();
        link.hang_up(HangupReason::Silent);
        link.hang_up(HangupReason::PacketTimeout);
        assert_eq!(link.poll_event(), Some(Event::Hangup(HangupReason::Silent)));
        assert_eq!(link.poll_event(), None);
        assert!(!link.is_up() && !link.is_ready() && link.has_connection());
    }

    #[test]
    fn what_closing_comes_to_depends_on_the_state() {
        let mut greeting = Link::new(Limits::new(&config()));
        greeting.connected(at(0), &Greeting::Expect);
        let mut hung_up = ready();
        hung_up.hang_up(HangupReason::Silent);
        let mut dialling = Link::new(Limits::new(&config()));
        dialling.connecting();
        let cases = [
            (ready(), Closing::Drains, State::Draining),
            (greeting, Closing::HangsUp, State::Draining),
            (hung_up, Closing::HangsUp, State::Draining),
            (dialling, Closing::Over, State::Closed),
            (Link::new(Limits::new(&config())), Closing::Over, State::Closed),
        ];
        for (mut link, closing, state) in cases {
            assert_eq!((link.close(at(9)), link.state()), (closing, state));
            link.disconnected();
            assert_eq!(link.state(), State::Closed);
        }
    }

    #[test]
    fn a_connection_that_went_is_told_even_if_there_is_another_one() {
        let mut link = ready();
        link.disconnected();
        link.connected(at(1), &Greeting::Expect);
        assert_eq!(link.poll_event(), Some(Event::StateChanged(State::Disconnected)));
        assert_eq!(link.poll_event(), Some(Event::StateChanged(State::Greeting)));
        assert_eq!(link.poll_event(), None);
        // One that was only asked for did not go.
        let mut link = Link::new(Limits::new(&config()));
        link.connecting();
        assert_eq!(link.poll_event(), Some(Event::StateChanged(State::Connecting)));
        link.disconnected();
        link.connected(at(1), &Greeting::Expect);
        assert_eq!(link.poll_event(), Some(Event::StateChanged(State::Greeting)));
    }
}
