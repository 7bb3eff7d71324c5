//! What every step must leave behind.

use super::book::{Levels, Repeated};
use super::{Violation, Watch, Witness, ensure};
use cync_core::{Event, Instant};

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
        let fits = self.held <= self.size.mtu() || self.has_hung_up();
        ensure!(fits, "S4", "{} bytes of a packet are held", self.held);
        let remembered = self.session.remembered();
        let most = usize::from(self.size.seen());
        ensure!(remembered <= most, "S4", "{remembered} remembered, at most {most} expected");
        let stats = self.session.stats();
        let live = (queued + in_flight) as u64;
        let ended = stats.reached + stats.nacked + stats.not_sent.total() + stats.unknown.total();
        let sent = stats.messages_sent;
        ensure!(sent == ended + live, "S12", "{sent} sent, {ended} ended, {live} live");
        let counted = [stats.packets_sent, stats.packets_received];
        compare(["packets_sent", "packets_received"], counted, [self.sent, self.heard])
    }

    /// Whether the session has hung up, told or not: then it takes whatever comes, and holds nothing of it.
    pub(super) fn has_hung_up(&self) -> bool {
        let mut ahead = self.session.clone();
        let mut events = std::iter::from_fn(|| ahead.poll_event());
        self.hangup().is_some() || events.any(|event| matches!(event, Event::Hangup(_)))
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
        let stats = self.session.stats();
        let repeated = &stats.retransmissions;
        let Repeated { timed_out, refused, reconnected } = self.book.repeated;
        let names = [
            "messages_sent",
            "attempts",
            "retransmissions.timeout",
            "retransmissions.refused",
            "retransmissions.reconnected",
            "accepted",
            "duplicates",
            "dropped",
        ];
        let counted = [
            stats.messages_sent,
            stats.attempts.iter().sum(),
            repeated.timeout,
            repeated.refused,
            repeated.reconnected,
            stats.accepted,
            stats.duplicates,
            stats.states_dropped + stats.messages_dropped,
        ];
        let (book, ears) = (&self.book, &self.ears);
        let expected = [
            book.accepted,
            book.copies,
            timed_out,
            refused,
            reconnected,
            ears.deliveries,
            ears.duplicates,
            ears.dropped,
        ];
        compare(names, counted, expected)
    }
}

/// S12: what the session counted is what the model counted.
#[inline]
pub(super) fn compare<const N: usize>(
    names: [&str; N],
    counted: [u64; N],
    expected: [u64; N],
) -> Result<(), Violation> {
    if counted == expected {
        return Ok(());
    }
    let differ = names.into_iter().zip(counted).zip(expected);
    for ((name, counted), expected) in differ {
        ensure!(counted == expected, "S12", "{name} is {counted}, expected {expected}");
    }
    Ok(())
}
