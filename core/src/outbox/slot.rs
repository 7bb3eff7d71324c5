use super::blocks::Chain;
use crate::event::{NotSent, Outcome, Receipt};
use crate::request::Stage;
use crate::rto::RoundTrip;
use crate::time::Instant;
use crate::wire::{Attributes, Destination, Endpoint, MsgId, PacketType, StatusCode};
use core::hint::cold_path;

/// What a slot sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    pub(crate) endpoint: Endpoint,
    pub(crate) counter: u32,
    pub(crate) msg_id: MsgId,
    pub(crate) kind: PacketType,
    pub(crate) op: u8,
    pub(crate) until: Stage,
    /// Never hand over a second copy.
    pub(crate) once: bool,
    /// The data is the whole payload behind the prefix.
    pub(crate) raw: bool,
    /// What it sets, and of whom; raw payloads and queries set nothing.
    pub(crate) sets: Attributes,
    pub(crate) to: Destination,
}

/// What a message that has not ended waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Its first transmission.
    Queued,
    /// The answer to its last copy, until its timer.
    InFlight,
    /// The end of the wait before its next copy.
    BackOff,
    /// Its next copy.
    Due,
    /// Its next copy, on a connection that it was not handed over on.
    Riding,
    /// A late answer, until its deadline: there will be no further copy.
    LastCall,
}

/// Events of a slot that have not been polled, in the order they are told.
pub(super) mod news {
    pub(in crate::outbox) const SENT: u8 = 1;
    pub(in crate::outbox) const ACKED: u8 = 2;
    pub(in crate::outbox) const EXECUTED: u8 = 4;
    pub(in crate::outbox) const DONE: u8 = 8;
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) message: Message,
    pub(super) data: Chain,
    pub(super) deadline: Instant,
    pub(super) queued_at: Instant,
    pub(super) first_sent: Instant,
    /// When it was handed over last; once it has ended, when it did.
    pub(super) last: Instant,
    pub(super) done: Option<Outcome>,
    pub(super) stage: Option<Stage>,
    pub(super) status: Option<StatusCode>,
    pub(super) phase: Phase,
    /// Copies handed over.
    pub(super) copies: u16,
    /// Copies for a new connection, which use up no attempt.
    pub(super) waived: u16,
    pub(super) acks: Answered,
    pub(super) results: Answered,
    /// The number of its first transmission among all.
    pub(super) ordinal: u16,
    /// How many messages were unacknowledged then: the peer may accept it before any of them.
    pub(super) overtakes: u16,
    /// How long the peer's time had stood still when the timer was set.
    pub(super) still: u32,
    /// The timer was put off since the last copy was handed over, and is no longer counted from there.
    pub(super) put_off: bool,
    /// The next copy was held back.
    pub(super) held_back: bool,
    /// Copies were handed over on this connection, so that answers can be about them.
    pub(super) answerable: bool,
    /// A newer message forbids another copy.
    pub(super) superseded: bool,
    pub(super) news: u8,
}

impl Slot {
    /// What a place holds that was never used: something that is over.
    pub(super) const NONE: Self = Self {
        done: Some(Outcome::NotSent(NotSent::Closed)),
        ..Self::new(
            Instant::ZERO,
            Instant::ZERO,
            Message {
                endpoint: Endpoint(0),
                counter: 0,
                msg_id: MsgId(0),
                kind: PacketType::DataChannel,
                op: 0,
                until: Stage::Sent,
                once: false,
                raw: false,
                sets: Attributes::NONE,
                to: Destination::ALL,
            },
            Chain::EMPTY,
        )
    };

    pub(super) const fn new(
        now: Instant,
        deadline: Instant,
        message: Message,
        data: Chain,
    ) -> Self {
        Self {
            message,
            data,
            deadline,
            queued_at: now,
            first_sent: now,
            last: now,
            done: None,
            stage: None,
            status: None,
            phase: Phase::Queued,
            copies: 0,
            waived: 0,
            acks: Answered::NONE,
            results: Answered::NONE,
            ordinal: 0,
            overtakes: 0,
            still: 0,
            put_off: false,
            held_back: false,
            answerable: false,
            superseded: false,
            news: 0,
        }
    }

    /// The peer's time has stood still for so long.
    pub(super) fn stood_still(&mut self, still: u32) {
        let since = still.wrapping_sub(core::mem::replace(&mut self.still, still));
        self.acks.stood_still(since);
        self.results.stood_still(since);
    }

    /// A copy was handed over.
    #[inline]
    pub(super) fn sent(&mut self, now: Instant, still: u32) {
        self.answerable = true;
        self.last = now;
        (self.still, self.put_off, self.held_back) = (still, false, false);
        self.phase = Phase::InFlight;
    }

    /// Whether answers to copies of it may still come.
    pub(super) fn is_owed_answers(&self) -> bool {
        self.acks.count < self.copies
    }

    /// Whether it was handed over, and nothing says that the peer has accepted it.
    pub(super) fn is_unacknowledged(&self) -> bool {
        self.stage == Some(Stage::Sent)
    }

    /// Whether it sets something that a newer message can make stale.
    pub(super) fn is_replaceable(&self) -> bool {
        !self.message.sets.is_empty() && !self.superseded
    }

    pub(super) fn receipt(&self) -> Receipt {
        Receipt {
            stage: self.stage,
            status: self.status,
            attempts: self.copies,
            queued_at: self.queued_at,
            sent_at: (self.copies > 0).then_some(self.first_sent),
            done_at: self.last,
        }
    }
}

/// The answers of one kind to a message's copies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Answered {
    count: u16,
    sampled: bool,
    /// Between the first transmission and the first answer the peer's time stood still.
    interrupted: bool,
    /// From the first transmission to the first answer, in microseconds of the peer's time; before that answer, how long that time
    /// is known to have stood still.
    first: u32,
}

impl Answered {
    const NONE: Self = Self { count: 0, sampled: false, interrupted: false, first: 0 };

    /// The peer's time stood still for so many microseconds more.
    fn stood_still(&mut self, micros: u32) {
        if self.count == 0 {
            self.first = self.first.saturating_add(micros);
        }
    }

    /// One more answer, `after` microseconds behind the first transmission, of which the peer's time stood still for `still` that
    /// were not told before. Returns a round trip when it is sure: every one of the `copies` was answered, so that the first
    /// answer is one to the first copy.
    #[inline]
    pub(super) fn one_more(&mut self, after: u64, still: u32, copies: u16) -> Option<RoundTrip> {
        if self.count == 0
            && copies == 1
            && still | self.first == 0
            && let Ok(first) = u32::try_from(after)
        {
            *self = Self { count: 1, sampled: true, interrupted: false, first };
            return Some(RoundTrip::Exactly(after));
        }
        cold_path();
        if self.count == 0 {
            let still = self.first.saturating_add(still);
            self.interrupted = still > 0;
            match u32::try_from(after) {
                Ok(after) => self.first = after.saturating_sub(still),
                // So long a time is no round trip, and 32 bits do not tell how much of it the peer's time stood still.
                Err(_) => self.sampled = true,
            }
        }
        self.count = self.count.saturating_add(1);
        if self.count != copies || self.sampled {
            return None;
        }
        self.sampled = true;
        let first = u64::from(self.first);
        Some(match self.interrupted {
            false => RoundTrip::Exactly(first),
            // How long the first answer took in all is known as long as there was no other.
            true => RoundTrip::Between(first, if copies == 1 { after } else { u64::MAX }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_to_one_copy_is_a_round_trip() {
        let mut answered = Answered::NONE;
        assert_eq!(answered.one_more(70, 0, 1), Some(RoundTrip::Exactly(70)));
    }

    #[test]
    fn the_first_answer_counts_once_all_copies_were_answered_and_not_before() {
        let mut answered = Answered::NONE;
        assert_eq!(answered.one_more(900, 0, 3), None);
        assert_eq!(answered.one_more(1_300, 0, 3), None);
        assert_eq!(answered.one_more(1_700, 5, 3), Some(RoundTrip::Exactly(900)));
        assert_eq!(answered.one_more(1_800, 0, 3), None, "once");
    }

    #[test]
    fn the_time_that_the_peers_stood_still_is_left_out_of_what_a_round_trip_was_at_least() {
        let mut answered = Answered::NONE;
        assert_eq!(answered.one_more(900, 200, 1), Some(RoundTrip::Between(700, 900)));
        let mut answered = Answered::NONE;
        answered.stood_still(150);
        answered.stood_still(50);
        assert_eq!(answered.one_more(900, 100, 2), None);
        answered.stood_still(400);
        assert_eq!(answered.one_more(1_700, 0, 2), Some(RoundTrip::Between(600, u64::MAX)));
    }

    #[test]
    fn what_takes_longer_than_can_be_told_is_no_round_trip() {
        let mut answered = Answered::NONE;
        let longest = u64::from(u32::MAX);
        assert_eq!(answered.one_more(longest, 0, 1), Some(RoundTrip::Exactly(longest)));
        for still in [0, 5] {
            let mut answered = Answered::NONE;
            assert_eq!(answered.one_more(longest + 1, still, 1), None);
            let mut answered = Answered::NONE;
            assert_eq!(answered.one_more(longest + 1, still, 2), None);
            assert_eq!(answered.one_more(longest + 2, 0, 2), None);
        }
    }
}
