//! What a session counts.

/// Plain counters, from the session's start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Packets handed over.
    pub packets_sent: u64,
    /// Whole packets received, unusable ones included.
    pub packets_received: u64,
    /// Messages handed over a second time or more often.
    pub retransmissions: u64,
    /// Timers that ran out without an answer.
    pub ack_timeouts: u64,
    /// Answers that belong to no message under way: late, repeated, or invented.
    pub unmatched_answers: u64,
    /// Messages recognised as repetitions: answered again, not delivered.
    pub duplicates: u64,
    /// Messages accepted for delivery.
    pub accepted: u64,
    /// States that a newer one pushed out of the full inbox.
    pub states_dropped: u64,
    /// Messages longer than the inbox, which could not be taken.
    pub oversized: u64,
    /// Remembered messages that had to make room before their time.
    pub dedup_evictions: u64,
    /// Packets that could not be decoded.
    pub decode_errors: u64,
    /// Packets that came before the greeting.
    pub before_greeting: u64,
    /// Streams that fell out of step.
    pub framing_errors: u64,
    /// `send` refused because the queue was full.
    pub queue_full: u64,
    /// Heartbeats sent.
    pub heartbeats: u64,
}
