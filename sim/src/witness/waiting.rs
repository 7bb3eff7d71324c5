//! L5: what can leave a session leaves it. A first copy waits for the windows only; a further one for its timer, its back-off
//! and the budget; one for a new connection for nothing.

use super::book::{Book, Rules};
use super::message::Message;
use super::{Violation, Watch, Witness, ensure};
use cync_core::{Backoff, Instant, State};
use std::time::Duration;

impl Witness {
    /// L5: the session has nothing to hand over. There must be nothing that it could.
    pub(super) fn check_nothing_waits(&self) -> Result<(), Violation> {
        let Some(wire) = self.wire.filter(|_| self.watch == Watch::Everything) else {
            return Ok(());
        };
        if self.session.state() != State::Ready || self.hangup.is_some() {
            return Ok(());
        }
        let refused_at = if self.stalled { Some(self.told) } else { self.refused_at };
        let Some(message) = self.book.left_waiting(self.told, wire, refused_at) else {
            return Ok(());
        };
        ensure!(self.has_hung_up(), "L5", "nothing is handed over at {:?}: {message:?}", self.told);
        Ok(())
    }
}

impl Book {
    /// The session was ticked: timers of copies that have run out by now have certainly done so.
    pub(super) fn on_timers(&mut self, now: Instant) {
        if now < self.soonest_timer {
            return;
        }
        let longest = self.rules.longest_timer();
        self.edit_live(
            |message| {
                message.copies > 0 && message.ran_out.is_none() && now >= message.last.0 + longest
            },
            |message| message.ran_out = Some(now),
        );
        let left = self.live.iter().filter_map(|index| self.message(*index));
        let run = left.filter(|message| message.copies > 0 && message.ran_out.is_none());
        let soonest = run.map(|message| message.last.0 + longest).min();
        self.soonest_timer = soonest.unwrap_or(Instant::MAX);
    }

    /// A message that could be handed over now, on this connection, and is not. Timers stood still at `refused_at`, and not since.
    fn left_waiting(
        &self,
        now: Instant,
        wire: u32,
        refused_at: Option<Instant>,
    ) -> Option<&Message> {
        let live = self.live.iter().filter_map(|index| self.message(*index));
        let mut live = live.filter(|message| message.is_surely_live() && now < message.deadline);
        let mut rest = live.clone();
        live.find(|message| {
            message.copies > 0
                && !message.once
                && !message.superseded
                && (message.riding || self.is_due(now, wire, refused_at, message))
        })
        .or_else(|| rest.find(|message| message.copies == 0).filter(|_| self.windows_are_open()))
    }

    /// Whether another copy of a message that was handed over waits for nothing any more.
    fn is_due(
        &self,
        now: Instant,
        wire: u32,
        refused_at: Option<Instant>,
        message: &Message,
    ) -> bool {
        let Rules { retry, span, .. } = &self.rules;
        let Some(ran_out) = message.ran_out.filter(|_| message.last.1 == wire) else {
            return false;
        };
        let attempts = message.attempts();
        let wait = match retry.backoff {
            Backoff::Flat => Duration::ZERO,
            Backoff::Exponential { base, cap } => {
                let doubled = (1..attempts.min(20)).fold(base, |wait, _| wait * 2);
                doubled.min(cap)
            }
        };
        self.swept >= ran_out + wait + retry.jitter
            && now <= message.first + *span
            && retry.max_attempts.is_none_or(|most| attempts < most.get().into())
            && refused_at.is_none_or(|at| at < message.last.0)
            && self.has_tokens(now)
    }

    /// Whether the retry budget certainly has a token: in the time in which all of them come, fewer were taken.
    fn has_tokens(&self, now: Instant) -> bool {
        let budget = self.rules.budget;
        let burst = u64::from(budget.burst);
        let time = (burst * 1_000_000).checked_div(budget.per_second.into()).unwrap_or(u64::MAX);
        let since = now.as_micros().saturating_sub(time);
        let taken = self.taken.iter().rev().take_while(|at| at.as_micros() >= since).count();
        (taken as u64) < burst
    }

    /// Whether another first copy certainly fits the windows.
    fn windows_are_open(&self) -> bool {
        let Rules { window, id_window, copy_lifetime, .. } = self.rules;
        let [_, in_flight] = self.levels.in_flight;
        let mut copied = self.under_way.iter().filter_map(|index| self.message(*index));
        let oldest = copied.find(|message| {
            message.is_live() || message.awaits_receipts(self.swept, copy_lifetime)
        });
        let ahead = oldest.map_or(0, |oldest| self.firsts - oldest.ordinal + oldest.overtakes);
        in_flight < window && ahead < id_window
    }
}

impl Rules {
    /// No copy waits longer for its answer.
    pub(super) fn longest_timer(&self) -> Duration {
        self.timer.ceiling.max(self.timer.floor).max(self.timer.initial)
    }
}

#[cfg(test)]
mod tests {
    use crate::Scenario;
    use crate::world::{Options, run};

    #[test]
    fn a_receipt_that_several_wait_for_is_of_the_oldest_whose_number_was_not_freed_by_a_late_tick()
    {
        let mut text = "schema = 1\nname = \"\"\n[config.device]\nwindow = 3\nid_window = 3\nheartbeat_ms = 700\n\
                        [config.controller]\ninbox_states_limit = 2\ninbox_states_policy = \"block\"\n"
            .to_owned();
        let ops = ["3000\nact = \"power\"\non = true", "4000\nact = \"info\"\nbytes = 0"];
        let ops = [ops[0], ops[1], "5000\nact = \"info\"\nbytes = 0", "6100\nact = \"announce\""];
        for (number, op) in ops.iter().enumerate() {
            text += &format!("[[op]]\nnumber = {number}\nat_ms = {op}\n");
        }
        for fault in [
            "late-tick\"\nside = \"device\"\ntick = 0\nfor_ms = 1000",
            "deaf\"\nat_ms = 0\nside = \"controller\"\nfor_ms = 6000",
            "drop\"\nway = \"to-device\"\npacket = 0x88",
            "drop\"\nway = \"to-device\"\npacket = 0x48\nnumber = 5",
            "late-tick\"\nside = \"device\"\ntick = 6\nfor_ms = 1000",
        ] {
            text += &format!("[[fault]]\nkind = \"{fault}\n");
        }
        let outcome = run(&Scenario::parse(&text).unwrap(), Options::default()).unwrap();
        assert_eq!((outcome.broken, outcome.devices.id_waits), (None, 1));
    }
}
