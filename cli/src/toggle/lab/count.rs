//! What is counted of exchanges: as a session counts its own.

use cync_core::lab::{Frame, LabError, LabFailure, LabOutcome};
use cync_core::{Abandoned, DecodeErrors, Disconnect, Disconnections, State};
use cync_tokio::metrics::{Counted, Counts};
use std::time::Duration;

/// Counts the exchanges of a run, for whoever asks; if nobody can, nothing.
#[derive(Debug)]
pub(super) struct Counter(Option<Counted>);

impl Counter {
    pub(super) const fn new(counted: Option<Counted>) -> Self {
        Self(counted)
    }

    /// The next exchange, which waits for its connection.
    pub(super) fn begin(&mut self) -> Count<'_> {
        self.update(|counts| {
            counts.stats.messages_sent += 1;
            counts.queued = 1;
        });
        Count {
            counter: self,
            copies: 0,
            failed: None,
            is_connected: false,
            last_end: None,
            is_over: false,
        }
    }

    fn update(&mut self, change: impl FnOnce(&mut Counts)) {
        if let Some(counted) = &mut self.0 {
            counted.update(change);
        }
    }
}

/// Counts one exchange. One that is dropped before it is over was cancelled. It has connections of its own: the first of each is
/// no reconnection, whatever was before.
#[derive(Debug)]
pub(super) struct Count<'a> {
    counter: &'a mut Counter,
    /// How often the request was handed over.
    copies: u16,
    /// What became of the last of these copies; before the first, of the first attempt.
    failed: Option<LabFailure>,
    is_connected: bool,
    /// How its last connection ended, unless one was made since.
    last_end: Option<Disconnect>,
    is_over: bool,
}

impl Count<'_> {
    pub(super) fn dialling(&mut self) {
        self.counter.update(|counts| {
            counts.stats.dials += 1;
            counts.state = State::Connecting;
        });
    }

    pub(super) fn connected(&mut self) {
        self.is_connected = true;
        let last_end = self.last_end.take();
        self.counter.update(|counts| {
            counts.stats.connections += 1;
            if let Some(why) = last_end {
                count(&mut counts.stats.reconnections, why);
            }
            counts.state = State::Ready;
        });
    }

    /// The request was handed over for the `number`th time, from 1.
    pub(super) fn handed_over(&mut self, number: u16) {
        self.copies = number;
        let failed = self.failed.take();
        self.counter.update(|counts| {
            let stats = &mut counts.stats;
            stats.packets_sent += 1;
            let place = usize::from(number.saturating_sub(1)).min(stats.attempts.len() - 1);
            stats.attempts[place] += 1;
            if number == 1 {
                counts.queued = 0;
            } else if failed.is_some_and(is_late) {
                stats.retransmissions.timeout += 1;
            } else {
                stats.retransmissions.reconnected += 1;
            }
        });
    }

    /// What came of the answer by its first read: nothing waits for the rest.
    pub(super) fn answered(&mut self, bytes: &[u8]) {
        self.counter.update(|counts| {
            counts.stats.packets_received += 1;
            counts.stats.acks.ok += 1;
            if let Err(error) = Frame::decode(bytes) {
                *reason(&mut counts.stats.decode_errors, error) += 1;
            }
        });
    }

    /// An attempt came to nothing; whether that was an error of its connection.
    pub(super) fn failed(&mut self, why: LabFailure, is_error: bool) {
        self.failed.get_or_insert(why);
        if why == LabFailure::AnswerTimeout {
            self.counter.update(|counts| counts.stats.ack_timeouts += 1);
        }
        self.disconnected(match why {
            LabFailure::ConnectTimeout | LabFailure::ConnectFailed => Disconnect::Error,
            LabFailure::Disconnected if is_error => Disconnect::Error,
            LabFailure::Disconnected => Disconnect::Peer,
            _ => Disconnect::Hangup,
        });
    }

    /// It has ended, so long after it began.
    pub(super) fn over(&mut self, outcome: LabOutcome, took: Duration) {
        match outcome {
            LabOutcome::Answered { .. } => self.end(|counts| {
                counts.stats.reached += 1;
                counts.latencies.record(took);
            }),
            LabOutcome::Failed { why, .. } if is_late(why) => self.abandon(|it| &mut it.timeout),
            LabOutcome::Failed { .. } => self.abandon(|it| &mut it.disconnected),
        }
    }

    /// Ends without an answer, for this reason.
    fn abandon(&mut self, why: impl FnOnce(&mut Abandoned) -> &mut u64) {
        let left = self.copies > 0;
        self.end(|counts| {
            let stats = &mut counts.stats;
            *why(if left { &mut stats.unknown } else { &mut stats.not_sent }) += 1;
        });
    }

    fn end(&mut self, change: impl FnOnce(&mut Counts)) {
        self.is_over = true;
        self.counter.update(|counts| {
            counts.queued = 0;
            change(counts);
        });
        if self.is_connected {
            self.disconnected(Disconnect::Hangup);
        }
    }

    /// The connection is gone, or could not be made.
    fn disconnected(&mut self, why: Disconnect) {
        if std::mem::take(&mut self.is_connected) {
            self.last_end = Some(why);
        }
        self.counter.update(|counts| {
            count(&mut counts.stats.disconnections, why);
            counts.state = State::Disconnected;
        });
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.abandon(|it| &mut it.cancelled);
        }
    }
}

const fn is_late(why: LabFailure) -> bool {
    matches!(why, LabFailure::SendTimeout | LabFailure::AnswerTimeout)
}

fn count(ends: &mut Disconnections, why: Disconnect) {
    *match why {
        Disconnect::Hangup => &mut ends.hangup,
        Disconnect::Peer => &mut ends.peer,
        Disconnect::Replaced => &mut ends.replaced,
        _ => &mut ends.error,
    } += 1;
}

/// The reason that comes nearest to why an answer is no frame.
const fn reason(errors: &mut DecodeErrors, error: LabError) -> &mut u64 {
    match error {
        LabError::TooLarge { .. } => &mut errors.packet_too_large,
        // Another protocol, or another version.
        _ => &mut errors.unknown_type,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cync_tokio::metrics::Metrics;
    use std::collections::BTreeMap;

    fn counter() -> (Metrics, Counter) {
        let metrics = Metrics::default();
        let counter = Counter::new(Some(metrics.counted("lamp")));
        (metrics, counter)
    }

    /// Every series that is not 0, without its common parts; of latencies only their number.
    fn shown(metrics: &Metrics) -> BTreeMap<String, u64> {
        let text = metrics.encode().replace("device_id=\"lamp\"", "").replace("tcp_comm_", "");
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket"));
        let series = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let value = value.parse().unwrap_or(0);
            (value > 0).then(|| (name.replace(['{', '}', '"'], ""), value))
        });
        series.collect()
    }

    fn map<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }

    #[test]
    fn what_was_not_handed_over_when_it_was_dropped_was_cancelled_and_not_sent() {
        let (metrics, mut counter) = counter();
        let mut count = counter.begin();
        assert_eq!(
            shown(&metrics),
            map([("send_queue_size", 1), ("connection_state,state=disconnected", 1)])
        );
        count.dialling();
        assert_eq!(
            shown(&metrics),
            map([("send_queue_size", 1), ("connection_state,state=connecting", 1)])
        );
        drop(count);
        drop(counter);
        let cancelled = ("message_abandoned_total,reason=cancelled", 1);
        assert_eq!(shown(&metrics), map([cancelled, ("packet_sent_total,outcome=not_sent", 1)]));
    }

    #[test]
    fn what_was_handed_over_when_it_was_dropped_was_cancelled_and_may_be_executed() {
        let (metrics, mut counter) = counter();
        let mut count = counter.begin();
        count.dialling();
        count.connected();
        count.handed_over(1);
        let sent = ("packet_sent_total,outcome=success", 1);
        let first = ("retry_attempts_total,attempt_number=1", 1);
        assert_eq!(shown(&metrics), map([sent, first, ("connection_state,state=ready", 1)]));
        drop(count);
        let cancelled = ("message_abandoned_total,reason=cancelled", 1);
        let state = ("connection_state,state=disconnected", 1);
        assert_eq!(shown(&metrics), map([sent, first, cancelled, state]));
    }

    #[test]
    fn a_copy_has_the_reason_for_which_the_copy_before_came_to_nothing() {
        let (metrics, mut counter) = counter();
        let mut count = counter.begin();
        count.failed(LabFailure::ConnectFailed, true);
        count.connected();
        count.handed_over(1);
        count.failed(LabFailure::AnswerTimeout, false);
        count.failed(LabFailure::ConnectTimeout, true);
        count.connected();
        count.handed_over(2);
        for number in 3..=10 {
            count.failed(LabFailure::Disconnected, true);
            count.connected();
            count.handed_over(number);
        }
        count.failed(LabFailure::Disconnected, false);
        let why = LabFailure::Disconnected;
        count.over(LabOutcome::Failed { why, handed_over: true }, Duration::ZERO);
        drop(count);
        let mut expected = map([
            ("ack_timeout_total", 1),
            ("connection_state,state=disconnected", 1),
            ("message_abandoned_total,reason=disconnected", 1),
            ("packet_retransmit_total,reason=reconnected", 8),
            ("packet_retransmit_total,reason=timeout", 1),
            ("packet_sent_total,outcome=success", 10),
            ("reconnection_total,reason=error", 8),
            ("reconnection_total,reason=hangup", 1),
            ("retry_attempts_total,attempt_number=8+", 3),
        ]);
        let nth = |number| (format!("retry_attempts_total,attempt_number={number}"), 1);
        expected.extend((1..8).map(nth));
        assert_eq!(shown(&metrics), expected);
    }
}
