//! One request, one answer, and another attempt if there is none.

use super::Toggle;
use crate::config::ConfigError;
use crate::error::TooSmall;
use crate::rng::SplitMix64;
use crate::time::Instant;
use core::num::NonZeroU16;
use core::time::Duration;
use thiserror::Error;

/// The wait before the second attempt; every further one waits twice as long as the one before.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
/// No wait is longer, the random part apart.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// What is added to a wait at random, at most, in microseconds.
const JITTER_MICROS: u64 = 100_000;

/// How an [`Exchange`] behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExchangeConfig {
    /// Connections that are made at most, the first included.
    pub attempts: NonZeroU16,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// How long an attempt may take from its connection to the first byte of the answer.
    pub io_timeout: Duration,
}

impl Default for ExchangeConfig {
    /// 2 attempts, 1.0 s, 1.5 s.
    fn default() -> Self {
        Self {
            attempts: NonZeroU16::MIN.saturating_add(1),
            connect_timeout: Duration::from_secs(1),
            io_timeout: Duration::from_millis(1500),
        }
    }
}

/// Why an attempt came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
#[non_exhaustive]
pub enum LabFailure {
    /// The connection was not there in time.
    #[error("the connection was not made in time")]
    ConnectTimeout,
    /// The connection could not be made.
    #[error("the connection could not be made")]
    ConnectFailed,
    /// The request was not taken off [`Exchange::poll_transmit`] in time.
    #[error("the request could not be sent in time")]
    SendTimeout,
    /// No byte came back in time.
    #[error("no answer came in time")]
    AnswerTimeout,
    /// The connection went before a byte came back.
    #[error("the connection went before an answer came")]
    Disconnected,
}

/// What an exchange tells its driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LabEvent {
    /// Make a new connection, then say so with [`Exchange::handle_connected`] or [`Exchange::handle_disconnected`].
    Dial {
        /// For which attempt, from 1.
        attempt: u16,
    },
    /// An attempt came to nothing. Close its connection, or give up making it, and do not report its end.
    AttemptFailed {
        /// Which, from 1.
        attempt: u16,
        /// Why.
        why: LabFailure,
    },
}

/// How an exchange ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LabOutcome {
    /// A byte came back: success, whatever it says.
    Answered {
        /// In which attempt, from 1.
        attempt: u16,
        /// From handing the request over to the first byte of the answer.
        round_trip: Duration,
    },
    /// Every attempt came to nothing.
    Failed {
        /// What became of the last one.
        why: LabFailure,
        /// Whether the request was handed over in any attempt: then the device may have acted on it.
        handed_over: bool,
    },
}

impl LabOutcome {
    /// Whether the request was answered.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Answered { .. })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Dialling { told: bool, until: Instant },
    Connected { sent: Option<Instant>, until: Instant },
    BackingOff { until: Instant },
    Done(LabOutcome),
}

/// One request and its answer, over as many connections as it takes.
///
/// As a [`Session`](crate::Session), it never opens a socket or reads a clock. A driver calls a `handle_*` when something
/// happened and then, until [`Exchange::outcome`] is there: [`Exchange::poll_event`] until `None`,
/// [`Exchange::poll_transmit`] while the connection takes bytes, [`Exchange::poll_timeout`]. With the outcome, it closes the
/// connection.
///
/// Every attempt has a connection of its own and sends the same bytes. It fails if the connection cannot be made, is late,
/// or goes, or if the answer is late. The next one follows after 250 ms, 500 ms, and so on up to 5 s, each with up to
/// 100 ms added at random.
///
/// ```
/// use cync_core::Instant;
/// use cync_core::lab::{Exchange, ExchangeConfig, LabEvent, Toggle};
///
/// let request = Toggle::new("DEVICE123", "abc123", true)?;
/// let now = Instant::ZERO;
/// let mut exchange = Exchange::new(now, ExchangeConfig::default(), 1, request)?;
/// assert_eq!(exchange.poll_event(), Some(LabEvent::Dial { attempt: 1 }));
/// exchange.handle_connected(now);
/// let mut out = [0; 128];
/// let len = exchange.poll_transmit(now, &mut out)?;
/// assert_eq!(len, Some(request.encode(&mut [0; 128])?));
/// exchange.handle_input(now, b"whatever");
/// assert!(exchange.outcome().is_some_and(|outcome| outcome.is_success()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Exchange<'a> {
    request: Toggle<'a>,
    config: ExchangeConfig,
    rng: SplitMix64,
    now: Instant,
    /// From 1.
    attempt: u16,
    phase: Phase,
    handed_over: bool,
    /// What was not told yet.
    failed: Option<(u16, LabFailure)>,
}

impl<'a> Exchange<'a> {
    /// An exchange that asks for its first connection at once. `seed` decides what is added to the waits between attempts.
    ///
    /// # Errors
    /// [`ConfigError::Zero`] if a time-out is less than a microsecond.
    pub fn new(
        now: Instant,
        config: ExchangeConfig,
        seed: u64,
        request: Toggle<'a>,
    ) -> Result<Self, ConfigError> {
        let ExchangeConfig { connect_timeout, io_timeout, .. } = config;
        for (time, field) in [(connect_timeout, "connect_timeout"), (io_timeout, "io_timeout")] {
            if time.as_micros() == 0 {
                return Err(ConfigError::Zero { field });
            }
        }
        Ok(Self {
            request,
            config,
            rng: SplitMix64::new(seed),
            now,
            attempt: 1,
            phase: Phase::Dialling { told: false, until: now + connect_timeout },
            handed_over: false,
            failed: None,
        })
    }

    /// The connection that was asked for is there. One that was not asked for is ignored.
    pub fn handle_connected(&mut self, now: Instant) {
        self.tick(now);
        if let Phase::Dialling { told: true, .. } = self.phase {
            let until = self.now + self.config.io_timeout;
            self.phase = Phase::Connected { sent: None, until };
        }
    }

    /// The connection that was asked for could not be made, or is gone. Of one that was not asked for nothing is noted.
    pub fn handle_disconnected(&mut self, now: Instant) {
        self.tick(now);
        match self.phase {
            Phase::Dialling { told: true, .. } => self.fail(LabFailure::ConnectFailed),
            Phase::Connected { .. } => self.fail(LabFailure::Disconnected),
            Phase::Dialling { told: false, .. } | Phase::BackingOff { .. } | Phase::Done(_) => {}
        }
    }

    /// Bytes came. What came before the request was handed over answers nothing, and is ignored.
    pub fn handle_input(&mut self, now: Instant, bytes: &[u8]) {
        self.tick(now);
        if let Phase::Connected { sent: Some(sent), .. } = self.phase
            && !bytes.is_empty()
        {
            let (attempt, round_trip) = (self.attempt, self.now.since(sent));
            self.phase = Phase::Done(LabOutcome::Answered { attempt, round_trip });
        }
    }

    /// The time of [`Exchange::poll_timeout`] has come. Earlier or later does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.tick(now);
        if self.poll_timeout().is_none_or(|at| at > self.now) {
            return;
        }
        match self.phase {
            Phase::Dialling { .. } => self.fail(LabFailure::ConnectTimeout),
            Phase::Connected { sent: None, .. } => self.fail(LabFailure::SendTimeout),
            Phase::Connected { sent: Some(_), .. } => self.fail(LabFailure::AnswerTimeout),
            Phase::BackingOff { .. } => {
                self.attempt = self.attempt.saturating_add(1);
                let until = self.now + self.config.connect_timeout;
                self.phase = Phase::Dialling { told: false, until };
            }
            Phase::Done(_) => {}
        }
    }

    /// Writes the request into `out` and returns its length in bytes, once in every attempt; `None` if there is nothing to
    /// send.
    ///
    /// # Errors
    /// If `out` is shorter than the request; nothing was taken.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        out: &mut [u8],
    ) -> Result<Option<usize>, TooSmall> {
        self.tick(now);
        match self.phase {
            Phase::Connected { sent: None, until } if self.now < until => {
                let len = self.request.encode(out)?;
                self.phase = Phase::Connected { sent: Some(self.now), until };
                self.handed_over = true;
                Ok(Some(len))
            }
            _ => Ok(None),
        }
    }

    /// The next event. Call it until it returns `None` after every `handle_*`: of failures only the last is kept.
    pub fn poll_event(&mut self) -> Option<LabEvent> {
        if let Some((attempt, why)) = self.failed.take() {
            return Some(LabEvent::AttemptFailed { attempt, why });
        }
        match &mut self.phase {
            Phase::Dialling { told, .. } if !*told => {
                *told = true;
                Some(LabEvent::Dial { attempt: self.attempt })
            }
            _ => None,
        }
    }

    /// When to call [`Exchange::handle_timeout`], if nothing else happens before; `None` when it is over.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Dialling { until, .. }
            | Phase::Connected { until, .. }
            | Phase::BackingOff { until } => Some(until),
            Phase::Done(_) => None,
        }
    }

    /// How it ended; `None` as long as it has not.
    pub const fn outcome(&self) -> Option<LabOutcome> {
        match self.phase {
            Phase::Done(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Time never goes back.
    fn tick(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn fail(&mut self, why: LabFailure) {
        self.failed = Some((self.attempt, why));
        self.phase = if self.attempt < self.config.attempts.get() {
            Phase::BackingOff { until: self.now + self.backoff() }
        } else {
            Phase::Done(LabOutcome::Failed { why, handed_over: self.handed_over })
        };
    }

    /// The wait after the present attempt.
    fn backoff(&mut self) -> Duration {
        let doublings = u32::from(self.attempt.saturating_sub(1));
        let wait = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(doublings));
        let jitter = Duration::from_micros(self.rng.next() % (JITTER_MICROS + 1));
        wait.min(LONGEST_BACKOFF).saturating_add(jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + MS(millis)
    }

    fn request() -> Toggle<'static> {
        Toggle::new("lamp", "01", true).unwrap()
    }

    fn attempts(attempts: u16) -> Exchange<'static> {
        let attempts = NonZeroU16::new(attempts).unwrap();
        let config = ExchangeConfig { attempts, ..ExchangeConfig::default() };
        Exchange::new(Instant::ZERO, config, 1, request()).unwrap()
    }

    fn exchange() -> Exchange<'static> {
        Exchange::new(Instant::ZERO, ExchangeConfig::default(), 1, request()).unwrap()
    }

    fn connected() -> Exchange<'static> {
        let mut exchange = exchange();
        events(&mut exchange);
        exchange.handle_connected(at(0));
        exchange
    }

    /// Connected at zero, request handed over at 10 ms.
    fn asked() -> Exchange<'static> {
        let mut exchange = connected();
        assert!(transmit(&mut exchange, at(10)).is_some());
        exchange
    }

    fn events(exchange: &mut Exchange<'_>) -> Vec<LabEvent> {
        std::iter::from_fn(|| exchange.poll_event()).collect()
    }

    fn transmit(exchange: &mut Exchange<'_>, now: Instant) -> Option<Vec<u8>> {
        let mut out = [0; 128];
        let len = exchange.poll_transmit(now, &mut out).unwrap();
        len.map(|len| Vec::from(&out[..len]))
    }

    fn tick(exchange: &mut Exchange<'_>) -> Instant {
        let at = exchange.poll_timeout().unwrap();
        exchange.handle_timeout(at);
        assert!(exchange.poll_timeout().is_none_or(|next| next > at));
        at
    }

    /// The failure that was told, which must be the only event.
    fn failure(exchange: &mut Exchange<'_>) -> (u16, LabFailure) {
        match events(exchange)[..] {
            [LabEvent::AttemptFailed { attempt, why }] => (attempt, why),
            ref other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_connection_is_asked_for_once_an_attempt() {
        let mut exchange = exchange();
        assert_eq!(events(&mut exchange), [LabEvent::Dial { attempt: 1 }]);
        tick(&mut exchange);
        assert_eq!(failure(&mut exchange), (1, LabFailure::ConnectTimeout));
        tick(&mut exchange);
        assert_eq!(events(&mut exchange), [LabEvent::Dial { attempt: 2 }]);
        assert_eq!(events(&mut exchange), []);
    }

    #[test]
    fn the_request_is_sent_once_a_connection_and_the_same_bytes_on_each() {
        let mut exchange = exchange();
        events(&mut exchange);
        assert_eq!(transmit(&mut exchange, at(0)), None, "nothing leaves without a connection");
        exchange.handle_connected(at(0));
        let first = transmit(&mut exchange, at(0)).unwrap();
        let mut expected = [0; 128];
        let len = request().encode(&mut expected).unwrap();
        assert_eq!(first, expected[..len]);
        assert_eq!(transmit(&mut exchange, at(1)), None);
        exchange.handle_disconnected(at(2));
        assert_eq!(transmit(&mut exchange, at(3)), None);
        let dial = tick(&mut exchange);
        events(&mut exchange);
        exchange.handle_connected(dial);
        assert_eq!(transmit(&mut exchange, dial), Some(first));
    }

    #[test]
    fn any_byte_is_an_answer_and_none_is_not() {
        let mut exchange = asked();
        exchange.handle_input(at(20), &[]);
        assert_eq!(exchange.outcome(), None);
        exchange.handle_input(at(35), &[0x15]);
        let answered = LabOutcome::Answered { attempt: 1, round_trip: MS(25) };
        assert_eq!(exchange.outcome(), Some(answered));
        assert!(answered.is_success());
        assert_eq!(exchange.poll_timeout(), None);
    }

    #[test]
    fn what_came_before_the_request_left_is_no_answer() {
        let mut exchange = connected();
        exchange.handle_input(at(5), b"welcome");
        assert_eq!(exchange.outcome(), None);
        assert!(transmit(&mut exchange, at(10)).is_some());
        assert_eq!(exchange.outcome(), None);
    }

    #[test]
    fn nothing_changes_an_outcome() {
        let mut exchange = asked();
        exchange.handle_input(at(20), b"ok");
        let outcome = exchange.outcome();
        exchange.handle_input(at(30), b"more");
        exchange.handle_disconnected(at(40));
        exchange.handle_connected(at(50));
        exchange.handle_timeout(at(100_000));
        assert_eq!(exchange.outcome(), outcome);
        assert_eq!(
            (events(&mut exchange), transmit(&mut exchange, at(100_001))),
            (Vec::new(), None)
        );
    }

    #[test]
    fn a_connection_may_take_exactly_the_connect_timeout() {
        let mut exchange = exchange();
        events(&mut exchange);
        exchange.handle_timeout(Instant::from_micros(999_999));
        assert_eq!(events(&mut exchange), []);
        assert_eq!(tick(&mut exchange), at(1000));
        assert_eq!(failure(&mut exchange), (1, LabFailure::ConnectTimeout));
    }

    #[test]
    fn an_answer_may_take_exactly_the_io_timeout_from_the_connection_on() {
        let mut exchange = asked();
        exchange.handle_timeout(Instant::from_micros(1_499_999));
        assert_eq!(events(&mut exchange), []);
        assert_eq!(tick(&mut exchange), at(1500));
        assert_eq!(failure(&mut exchange), (1, LabFailure::AnswerTimeout));
        exchange.handle_input(at(1501), b"late");
        assert_eq!(exchange.outcome(), None, "its connection is closed");
    }

    #[test]
    fn a_request_that_cannot_be_handed_over_in_time_is_not_handed_over_late() {
        let mut exchange = connected();
        assert_eq!(transmit(&mut exchange, at(1500)), None);
        assert_eq!(tick(&mut exchange), at(1500));
        assert_eq!(failure(&mut exchange), (1, LabFailure::SendTimeout));
    }

    #[test]
    fn a_refused_connection_and_a_lost_one_are_told_apart() {
        let mut exchange = exchange();
        events(&mut exchange);
        exchange.handle_disconnected(at(3));
        assert_eq!(failure(&mut exchange), (1, LabFailure::ConnectFailed));
        let mut exchange = asked();
        exchange.handle_disconnected(at(11));
        assert_eq!(failure(&mut exchange), (1, LabFailure::Disconnected));
    }

    #[test]
    fn a_connection_that_was_not_asked_for_changes_nothing() {
        let mut exchange = exchange();
        exchange.handle_connected(at(0));
        exchange.handle_disconnected(at(0));
        assert_eq!(exchange.poll_timeout(), Some(at(1000)));
        assert_eq!(events(&mut exchange), [LabEvent::Dial { attempt: 1 }]);
        exchange.handle_disconnected(at(0));
        assert_eq!(failure(&mut exchange), (1, LabFailure::ConnectFailed));
        exchange.handle_connected(at(1));
        exchange.handle_disconnected(at(1));
        tick(&mut exchange);
        assert_eq!(events(&mut exchange), [LabEvent::Dial { attempt: 2 }]);
    }

    #[test]
    fn the_second_attempt_follows_after_250_to_350_ms_and_has_its_own_time() {
        let mut exchange = asked();
        exchange.handle_disconnected(at(100));
        let dial = tick(&mut exchange);
        assert!((at(350)..=at(450)).contains(&dial), "{dial:?}");
        assert_eq!(exchange.poll_timeout(), Some(dial + MS(1000)));
        events(&mut exchange);
        exchange.handle_connected(dial + MS(999));
        assert_eq!(exchange.poll_timeout(), Some(dial + MS(2499)));
        assert!(transmit(&mut exchange, dial + MS(1000)).is_some());
        exchange.handle_input(dial + MS(2498), b"ok");
        let answered = LabOutcome::Answered { attempt: 2, round_trip: MS(1498) };
        assert_eq!(exchange.outcome(), Some(answered));
    }

    #[test]
    fn after_the_last_attempt_it_has_failed_and_says_whether_the_device_may_have_acted() {
        let mut exchange = asked();
        tick(&mut exchange);
        tick(&mut exchange);
        events(&mut exchange);
        tick(&mut exchange);
        assert_eq!(failure(&mut exchange), (2, LabFailure::ConnectTimeout));
        let (why, handed_over) = (LabFailure::ConnectTimeout, true);
        assert_eq!(exchange.outcome(), Some(LabOutcome::Failed { why, handed_over }));
        assert_eq!(exchange.poll_timeout(), None);

        let mut exchange = attempts(1);
        events(&mut exchange);
        exchange.handle_disconnected(at(0));
        let (why, handed_over) = (LabFailure::ConnectFailed, false);
        assert_eq!(exchange.outcome(), Some(LabOutcome::Failed { why, handed_over }));
    }

    #[test]
    fn the_waits_double_up_to_five_seconds_and_each_has_its_own_random_part() {
        let mut exchange = attempts(70);
        let mut waits = Vec::new();
        while exchange.outcome().is_none() {
            let failed = tick(&mut exchange);
            if exchange.outcome().is_none() {
                waits.push(tick(&mut exchange).since(failed));
            }
        }
        let fixed = [250, 500, 1000, 2000, 4000].into_iter().chain(std::iter::repeat(5000));
        let jitter: Vec<_> =
            waits.iter().zip(fixed).map(|(wait, fixed)| *wait - MS(fixed)).collect();
        assert_eq!(jitter.len(), 69);
        assert!(jitter.iter().all(|jitter| *jitter <= MS(100)), "{jitter:?}");
        assert!(jitter.iter().any(|jitter| *jitter < MS(10)), "{jitter:?}");
        assert!(jitter.iter().any(|jitter| *jitter > MS(90)), "{jitter:?}");
    }

    #[test]
    fn an_output_that_is_too_small_takes_nothing() {
        let mut exchange = connected();
        let needed = request().encode(&mut [0; 128]).unwrap();
        let error = TooSmall { needed, have: needed - 1 };
        assert_eq!(exchange.poll_transmit(at(0), &mut [0; 128][..needed - 1]), Err(error));
        assert_eq!(exchange.poll_transmit(at(0), &mut [0; 128][..needed]), Ok(Some(needed)));
    }

    #[test]
    fn time_that_goes_back_stands_still() {
        let mut exchange = asked();
        exchange.handle_timeout(at(500));
        exchange.handle_input(at(3), b"ok");
        let answered = LabOutcome::Answered { attempt: 1, round_trip: MS(490) };
        assert_eq!(exchange.outcome(), Some(answered));
    }

    #[test]
    fn a_timeout_of_less_than_a_microsecond_is_refused() {
        let none = Duration::from_nanos(999);
        let base = ExchangeConfig::default();
        for (config, field) in [
            (ExchangeConfig { connect_timeout: none, ..base }, "connect_timeout"),
            (ExchangeConfig { io_timeout: none, ..base }, "io_timeout"),
        ] {
            let error = Exchange::new(Instant::ZERO, config, 1, request()).unwrap_err();
            assert_eq!(error, ConfigError::Zero { field });
        }
    }
}
