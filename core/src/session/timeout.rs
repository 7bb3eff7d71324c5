use super::machine::Machine;
use crate::event::{Deadline, Outcome, Timer, Unknown};
use crate::outbox::{Expired, Expiry};
use crate::request::Stage;
use crate::retry::Next;
use crate::rng::mix;
use crate::time::Instant;

/// Of a tick that is not later than this, in microseconds, it is told exactly how long input was refused meanwhile: half of what 32
/// bits hold. The other half is for the timer itself.
const LATEST: u64 = 1 << 31;

impl<const SLOTS: usize, const SEEN: usize> Machine<SLOTS, SEEN> {
    #[inline]
    pub(super) fn poll_timeout(&self) -> Option<Deadline> {
        let mut first = self.link.deadline();
        let mut consider = |at: Instant, why: Timer| {
            if at < first.at {
                core::hint::cold_path();
                first = Deadline { at, why };
            }
        };
        if let Some(at) = self.outbox.timeout() {
            consider(at, Timer::Message);
        }
        consider(self.dialler.due(), Timer::Dial);
        if self.waits_for_budget
            && self.outbox.first_due().is_some()
            && let Some(at) = self.budget.next().map(Instant::from_micros)
            && at > self.now
        {
            consider(at, Timer::RetryBudget);
        }
        (first.at < Instant::MAX).then_some(first)
    }

    pub(super) fn on_timeout(&mut self) {
        let now = self.now;
        while let Some(expired) = self.outbox.expired(now) {
            self.on_expired(&expired);
        }
        self.hang_up_if_drained();
        self.link.handle_timeout(now);
        if self.link.drain_is_over(now) {
            self.end_draining();
        }
        self.dial_if_due();
    }

    fn on_expired(&mut self, expired: &Expired) {
        let (now, at) = (self.now, expired.slot);
        let (attempts, once, superseded, still, counter) = match expired.what {
            Expiry::Number => return self.outbox.free_number(at),
            Expiry::Deadline => return self.outbox.give_up(now, at, &mut self.stats),
            Expiry::BackOff => return self.outbox.retry(at),
            Expiry::Answer { attempts, once, superseded, still, counter } => {
                (attempts, once, superseded, still, counter)
            }
        };
        let stood_still = self.link.stood_still(now);
        // 32 bits do not tell how much of so long a time it was that input was refused.
        let late = now.micros_since(expired.when) > LATEST && self.link.has_refused();
        if self.link.is_refusing() || late {
            // The answer may be among what is refused, or was.
            let timer = now.plus_micros(self.answer_timer(at));
            return self.outbox.put_off(at, timer, stood_still);
        }
        let missed = stood_still.wrapping_sub(still);
        let later = expired.when.plus_micros(u64::from(missed));
        if later > now {
            return self.outbox.put_off(at, later, stood_still);
        }
        self.stats.ack_timeouts += 1;
        let superseded = superseded && !planted!(SupersededResent);
        if superseded {
            let outcome = Outcome::Unknown(Unknown::Superseded);
            return self.outbox.finish(now, at, outcome, &mut self.stats);
        }
        if planted!(GivenUpBeforeDeadline)
            && self.outbox.deadline(at) < Some(now.plus_micros(self.answer_timer(at)))
        {
            return self.outbox.give_up(now, at, &mut self.stats);
        }
        let draw = mix(self.seed ^ u64::from(counter) << 16 ^ u64::from(attempts));
        match self.config.retry.next(attempts, once, draw) {
            Next::Again(0) => self.outbox.retry(at),
            Next::Again(wait) => self.outbox.back_off(at, now.plus_micros(wait)),
            Next::Wait => self.outbox.last_call(at),
            Next::GiveUp => self.outbox.give_up(now, at, &mut self.stats),
        }
    }

    /// How long to wait for the next answer to a message, in microseconds.
    #[inline]
    pub(super) fn answer_timer(&self, at: u16) -> u64 {
        let receipt = self.ack_time.timer();
        if self.outbox.stage(at) < Some(Stage::Acked) {
            return receipt;
        }
        let left = self.outbox.deadline(at).map_or(0, |at| at.micros_since(self.now));
        // A result is never there before the receipt could be.
        self.result_time.timer_within(left).max(receipt)
    }
}
