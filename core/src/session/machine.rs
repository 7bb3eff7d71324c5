use super::rules::Rules;
use crate::answers::{Answer, Answers};
use crate::config::{Config, ConfigError};
use crate::dedup::Dedup;
use crate::dial::Dialler;
use crate::event::{ConnectError, Disconnect, Event, State};
use crate::inbox::{Delivery, Inbox};
use crate::link::{Limits, Link};
use crate::outbox::Outbox;
use crate::retry::{Bucket, RetryBudget};
use crate::rng::SplitMix64;
use crate::rto::Estimator;
use crate::stats::Stats;
use crate::time::{CivilTime, Instant, micros};
use core::time::Duration;

/// Answers that nobody waits for: so many at once, so many a second, and four for every copy that is handed over, because
/// whatever carries it may double it, and the answers to both. More are no accident.
const UNMATCHED: RetryBudget = RetryBudget { percent: 400, per_second: 32, burst: 256 };

/// Everything but the framer, which lends the packets that change it.
#[derive(Clone, Debug)]
pub(super) struct Machine<const SLOTS: usize, const SEEN: usize> {
    pub(super) config: Rules,
    pub(super) now: Instant,
    /// For draws that must not depend on the order of other draws.
    pub(super) seed: u64,
    pub(super) link: Link,
    pub(super) dialler: Dialler,
    pub(super) dial_asked: bool,
    pub(super) connect_failed: Option<ConnectError>,
    pub(super) outbox: Outbox<SLOTS>,
    pub(super) inbox: Inbox<SLOTS>,
    pub(super) answers: Answers<SLOTS>,
    pub(super) dedup: Dedup<SEEN>,
    pub(super) ack_time: Estimator,
    pub(super) result_time: Estimator,
    pub(super) budget: Bucket,
    pub(super) unmatched: Bucket,
    pub(super) next_msg_id: u16,
    pub(super) next_counter: u32,
    /// Counts connections, so that a state is a repetition only within its own.
    pub(super) epoch: u32,
    /// How the connection before ended, until there is another one.
    pub(super) last_end: Option<Disconnect>,
    pub(super) stats: Stats,
    /// Answers transmitted since the last message, or since there were none.
    pub(super) answers_in_a_row: u8,
    /// A copy waits for the budget.
    pub(super) waits_for_budget: bool,
    pub(super) readable: bool,
    /// A repetition came since there was no message to receive.
    pub(super) repeated: bool,
    /// The shortest data that `send` refused since `Writable` was told.
    pub(super) refused: Option<u16>,
    /// Messages dropped from the inbox since that was told last.
    pub(super) dropped: u32,
    pub(super) clock_asked: ClockAsked,
    /// There may be news of the dialler, the clock, the dropped or the refused: whoever has some says so.
    pub(super) has_rare_news: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ClockAsked {
    No,
    Yes { told: bool },
}

impl<const SLOTS: usize, const SEEN: usize> Machine<SLOTS, SEEN> {
    pub(super) fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        config.check(SLOTS, SEEN)?;
        let mut rng = SplitMix64::new(seed);
        let start = rng.next();
        Ok(Self {
            now: Instant::ZERO,
            seed: rng.next(),
            link: Link::new(Limits::new(&config)),
            dialler: Dialler::new(config.redial, rng.next()),
            dial_asked: false,
            connect_failed: None,
            outbox: Outbox::new(micros(config.copy_lifetime)),
            inbox: Inbox::new(config.inbox_states, config.inbox_messages),
            answers: Answers::new(),
            dedup: Dedup::new(config.memory(), rng.next()),
            ack_time: Estimator::new(config.ack_timer),
            result_time: Estimator::new(config.ack_timer),
            budget: Bucket::new(config.retry_budget),
            unmatched: Bucket::new(UNMATCHED),
            next_msg_id: start as u16,
            next_counter: (start >> 32) as u32,
            epoch: 0,
            last_end: None,
            stats: Stats::default(),
            answers_in_a_row: 0,
            waits_for_budget: false,
            readable: false,
            repeated: false,
            refused: None,
            dropped: 0,
            clock_asked: ClockAsked::No,
            has_rare_news: false,
            config: Rules::new(config),
        })
    }

    /// Time never goes back.
    #[inline]
    pub(super) fn tick(&mut self, now: Instant) {
        if now > self.now {
            self.now = now;
        }
    }

    #[inline(always)]
    pub(super) fn recv(&mut self) -> Option<Delivery<'_>> {
        // If it was refused because too many answers are owed, this makes no room.
        if self.link.is_refusing() && self.answers.have_room() && !planted!(InputNotResumed) {
            self.link.take(self.now);
        }
        self.readable = false;
        let mut delivery = self.inbox.lend(self.epoch);
        if self.repeated {
            match &mut delivery {
                Some(delivery) => delivery.duplicates = self.dedup.repetitions(delivery.handle),
                None => self.repeated = false,
            }
        }
        delivery
    }

    pub(super) fn set_wall_clock(&mut self, civil: CivilTime) {
        if self.clock_asked != ClockAsked::No {
            self.clock_asked = if self.answers.owe(Answer::Time(civil)) {
                ClockAsked::No
            } else {
                self.has_rare_news = true;
                ClockAsked::Yes { told: false }
            };
        }
    }

    pub(super) fn purge(&mut self) -> usize {
        self.dedup.purge(self.now)
    }

    #[inline(always)]
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        if self.outbox.has_news() {
            return self.outbox.poll_event();
        }
        let quiet = !self.link.has_news() && !self.readable && !self.has_rare_news;
        if quiet { None } else { self.poll_own_event() }
    }

    /// The next event that is about no message.
    #[inline(never)]
    fn poll_own_event(&mut self) -> Option<Event> {
        if self.link.has_news()
            && let Some(event) = self.link.poll_event()
        {
            return Some(event);
        }
        if core::mem::take(&mut self.readable) {
            return Some(Event::Readable);
        }
        if let Some(error) = self.connect_failed.take() {
            return Some(Event::ConnectFailed(error));
        }
        if core::mem::take(&mut self.dial_asked) {
            return Some(Event::Dial);
        }
        if self.dropped > 0 {
            return Some(Event::InboxOverrun { dropped: core::mem::take(&mut self.dropped) });
        }
        if self.clock_asked == (ClockAsked::Yes { told: false }) && self.answers.have_room() {
            self.clock_asked = ClockAsked::Yes { told: true };
            return Some(Event::ClockAsked);
        }
        if !planted!(WritableLost)
            && self
                .refused
                .is_some_and(|len| self.may_send() && self.may_have_room(usize::from(len)))
        {
            self.refused = None;
            return Some(Event::Writable);
        }
        // What is left waits for room.
        self.has_rare_news =
            self.refused.is_some() || self.clock_asked == ClockAsked::Yes { told: false };
        None
    }

    pub(super) fn wants_input(&self) -> bool {
        !self.link.is_refusing()
    }

    pub(super) fn state(&self) -> State {
        self.link.state()
    }

    pub(super) fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(super) fn in_flight(&self) -> usize {
        usize::from(self.outbox.in_flight())
    }

    pub(super) fn queued(&self) -> usize {
        usize::from(self.outbox.queued())
    }

    pub(super) fn inbox_len(&self) -> usize {
        self.inbox.len()
    }

    pub(super) fn remembered(&self) -> usize {
        self.dedup.len()
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.ack_time.round_trip().map(Duration::from_micros)
    }
}
