//! What a session counts.

use crate::error::DecodeError;
use crate::event::Disconnect;

/// Plain counters, from the session's start.
///
/// Together with the outcomes and receipts of messages they cover every metric that a session can know; what is a level and
/// not a count (`in_flight`, `queued`, `inbox_len`, `remembered`, `state`) has a method of its own.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Packets handed over.
    pub packets_sent: u64,
    /// Whole packets received, unusable ones included.
    pub packets_received: u64,
    /// Messages that `send` accepted.
    pub messages_sent: u64,
    /// Messages that ended because the stage that was asked for was reached.
    pub reached: u64,
    /// Messages that the peer refused.
    pub nacked: u64,
    /// Messages of which no byte was handed over, by reason.
    pub not_sent: Abandoned,
    /// Messages that were handed over and ended without their stage, by reason.
    pub unknown: Abandoned,
    /// Copies handed over beyond the first, by reason.
    pub retransmissions: Retransmissions,
    /// Copies handed over by their number: the first, the second, and so on; the last counts all further ones.
    pub attempts: [u64; 8],
    /// Timers that ran out without an answer.
    pub ack_timeouts: u64,
    /// Times that the retry budget held a copy back.
    pub budget_waits: u64,
    /// Times that a first transmission had to wait for message numbers of which copies may be under way.
    pub id_waits: u64,
    /// Answers to messages of this session.
    pub acks: Acks,
    /// Answers that belong to no message under way: repeated, or invented, or later than any could be.
    pub unmatched_answers: u64,
    /// Results of messages that had ended without waiting for them.
    pub late_results: u64,
    /// Messages recognised as repetitions: not delivered.
    pub duplicates: u64,
    /// Messages accepted for delivery.
    pub accepted: u64,
    /// States that the full inbox dropped for newer ones.
    pub states_dropped: u64,
    /// Other messages that the full inbox dropped for newer ones.
    pub messages_dropped: u64,
    /// Messages refused as busy, because the inbox was full or too many counters were in use.
    pub refused_busy: u64,
    /// Times that input was not taken because the inbox or the answers owed were full.
    pub input_refusals: u64,
    /// Messages longer than the inbox, which could not be taken.
    pub oversized: u64,
    /// Remembered messages that had to make room before their time to live; none that could still be repeated.
    pub dedup_evictions: u64,
    /// Packets that could not be decoded, by reason.
    pub decode_errors: DecodeErrors,
    /// Packets that came before the greeting.
    pub before_greeting: u64,
    /// Streams that fell out of step.
    pub framing_errors: u64,
    /// `send` refused because the queue was full.
    pub queue_full: u64,
    /// Heartbeats sent.
    pub heartbeats: u64,
    /// Heartbeats answered by the peer.
    pub heartbeats_answered: u64,
    /// Greetings, by outcome.
    pub greetings: Greetings,
    /// Connections asked for.
    pub dials: u64,
    /// Connections made.
    pub connections: u64,
    /// Connections that ended, by reason.
    pub disconnections: Disconnections,
    /// Connections made after an earlier one, by how that ended.
    pub reconnections: Disconnections,
}

/// Messages that ended without an answer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Abandoned {
    /// The deadline passed, or the allowed attempts.
    pub timeout: u64,
    /// The connection went.
    pub disconnected: u64,
    /// A newer command took their place.
    pub superseded: u64,
    /// The full queue dropped them.
    pub dropped: u64,
    /// They were cancelled.
    pub cancelled: u64,
    /// The session was closed.
    pub closed: u64,
    /// The cloud found nobody to take them.
    pub expired: u64,
}

impl Abandoned {
    /// All of them.
    pub const fn total(&self) -> u64 {
        let Self { timeout, disconnected, superseded, dropped, cancelled, closed, expired } = *self;
        timeout + disconnected + superseded + dropped + cancelled + closed + expired
    }
}

/// Copies beyond the first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Retransmissions {
    /// The timer of the copy before ran out.
    pub timeout: u64,
    /// The peer refused the copy before for the time being.
    pub refused: u64,
    /// The connection of the copy before went.
    pub reconnected: u64,
}

impl Retransmissions {
    /// All of them.
    pub const fn total(&self) -> u64 {
        self.timeout + self.refused + self.reconnected
    }
}

/// Answers to messages.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Acks {
    /// Accepted, or done.
    pub ok: u64,
    /// Refused for good.
    pub nack: u64,
    /// Refused for the time being.
    pub busy: u64,
}

/// Packets that could not be decoded, named as [`DecodeError::reason`] does.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct DecodeErrors {
    /// `too_short`.
    pub too_short: u64,
    /// `invalid_length`.
    pub invalid_length: u64,
    /// `unknown_type`.
    pub unknown_type: u64,
    /// `invalid_checksum`.
    pub invalid_checksum: u64,
    /// `missing_0x7e_markers`.
    pub missing_markers: u64,
    /// `packet_too_large`.
    pub packet_too_large: u64,
}

impl DecodeErrors {
    pub(crate) const fn count(&mut self, error: &DecodeError) {
        let counter = match error {
            DecodeError::TooShort { .. } => &mut self.too_short,
            DecodeError::InvalidLength { .. } => &mut self.invalid_length,
            DecodeError::UnknownType(_) => &mut self.unknown_type,
            DecodeError::InvalidChecksum { .. } => &mut self.invalid_checksum,
            DecodeError::MissingMarkers => &mut self.missing_markers,
            DecodeError::PacketTooLarge { .. } => &mut self.packet_too_large,
        };
        *counter = counter.wrapping_add(1);
    }

    /// All of them.
    pub const fn total(&self) -> u64 {
        let Self {
            too_short,
            invalid_length,
            unknown_type,
            invalid_checksum,
            missing_markers,
            packet_too_large,
        } = *self;
        too_short
            + invalid_length
            + unknown_type
            + invalid_checksum
            + missing_markers
            + packet_too_large
    }
}

/// Greetings.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Greetings {
    /// Answered as they should.
    pub succeeded: u64,
    /// Refused by the peer.
    pub refused: u64,
    /// Not answered, or not come, in time.
    pub timed_out: u64,
}

/// Connections that ended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Disconnections {
    /// The session asked for it.
    pub hangup: u64,
    /// The peer closed it.
    pub peer: u64,
    /// It failed, or could not be opened.
    pub error: u64,
    /// A newer one took its place.
    pub replaced: u64,
}

impl Disconnections {
    pub(crate) const fn count(&mut self, why: Disconnect) {
        let counter = match why {
            Disconnect::Hangup => &mut self.hangup,
            Disconnect::Peer => &mut self.peer,
            Disconnect::Error => &mut self.error,
            Disconnect::Replaced => &mut self.replaced,
        };
        *counter = counter.wrapping_add(1);
    }

    /// All of them.
    pub const fn total(&self) -> u64 {
        self.hangup + self.peer + self.error + self.replaced
    }
}
