//! What every step must leave behind.

use super::book::{Levels, Repeated};
use super::{Violation, Watch, Witness, ensure};
use cync_core::Instant;
use cync_core::Stats;

impl Witness {
    /// S4, S6, S12: what every step must leave behind.
    pub fn check(&self) -> Result<(), Violation> {
        match self.watch {
            Watch::Everything => self.check_bounds().and_then(|()| self.check_model()),
            Watch::Bounds => self.check_bounds(),
            Watch::Nothing => Ok(()),
        }
    }

    /// L1: nothing is left at this time whose deadline is over. Only what drivers in time leave behind satisfies this.
    pub fn check_ends(&self, now: Instant) -> Result<(), Violation> {
        let overdue = self.book.overdue(now);
        ensure!(overdue.is_none(), "L1", "not ended at {now:?}: {overdue:?}");
        Ok(())
    }

    /// S4 and S12: levels are within bounds, and what was sent is somewhere.
    fn check_bounds(&self) -> Result<(), Violation> {
        let (queued, in_flight) = (self.session.queued(), self.session.in_flight());
        let rules = &self.book.rules;
        ensure!(in_flight <= rules.window, "S4", "{in_flight} in flight");
        let within = queued + in_flight <= rules.limit();
        ensure!(within, "S4", "{queued} queued, {in_flight} in flight");
        ensure!(self.held <= self.size.mtu(), "S4", "{} bytes of a packet are held", self.held);
        let remembered = self.session.remembered();
        let most = usize::from(self.size.seen());
        ensure!(remembered <= most, "S4", "{remembered} remembered, at most {most} expected");
        let stats = self.session.stats();
        let live = (queued + in_flight) as u64;
        let ended = stats.reached + stats.nacked + stats.not_sent.total() + stats.unknown.total();
        let sent = stats.messages_sent;
        ensure!(sent == ended + live, "S12", "{sent} sent, {ended} ended, {live} live");
        for (name, counted, expected) in [
            ("packets_sent", stats.packets_sent, self.sent),
            ("packets_received", stats.packets_received, self.heard),
        ] {
            ensure!(counted == expected, "S12", "{name} is {counted}, expected {expected}");
        }
        Ok(())
    }

    /// S4, S6, S12: levels and counters are what the model counted.
    fn check_model(&self) -> Result<(), Violation> {
        let (queued, in_flight) = (self.session.queued(), self.session.in_flight());
        let Levels { queued: [least, most], in_flight: [least_sent, most_sent] } = self.book.levels;
        let right =
            (least..=most).contains(&queued) && (least_sent..=most_sent).contains(&in_flight);
        ensure!(
            right,
            "S12",
            "{queued} queued, expected {least} to {most}; {in_flight} in flight, expected \
             {least_sent} to {most_sent}"
        );
        let waiting = self.ears.waiting();
        let inbox = self.session.inbox_len();
        ensure!(inbox == waiting, "S6", "{inbox} messages wait, expected {waiting}");
        let (remembered, most) = (self.session.remembered(), self.ears.most_remembered());
        ensure!(remembered <= most, "S4", "{remembered} remembered, at most {most} expected");
        let Stats { messages_sent, attempts, retransmissions, accepted, duplicates, .. } =
            self.session.stats();
        let Repeated { timed_out, refused, reconnected } = self.book.repeated;
        let stats = self.session.stats();
        for (name, counted, expected) in [
            ("messages_sent", *messages_sent, self.book.accepted),
            ("attempts", attempts.iter().sum(), self.book.copies),
            ("retransmissions.timeout", retransmissions.timeout, timed_out),
            ("retransmissions.refused", retransmissions.refused, refused),
            ("retransmissions.reconnected", retransmissions.reconnected, reconnected),
            ("accepted", *accepted, self.ears.deliveries),
            ("duplicates", *duplicates, self.ears.duplicates),
            ("dropped", stats.states_dropped + stats.messages_dropped, self.ears.dropped),
        ] {
            ensure!(counted == expected, "S12", "{name} is {counted}, expected {expected}");
        }
        Ok(())
    }
}
