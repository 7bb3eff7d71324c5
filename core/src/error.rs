//! The error types.

use crate::event::State;
use crate::wire::{MsgId, PacketType};
use core::time::Duration;
use thiserror::Error;

/// Why bytes are not a packet (`docs/protocol.md`, section 8).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Fewer bytes than the structure needs.
    #[error("too short: {have} bytes where at least {need} are needed")]
    TooShort {
        /// Bytes present.
        have: usize,
        /// Bytes the structure needs.
        need: usize,
    },
    /// A length field that does not fit the bytes or the type.
    #[error("invalid length: {have} bytes where {need} are expected")]
    InvalidLength {
        /// Bytes present, or declared.
        have: usize,
        /// Bytes the type or the inner length field asks for.
        need: usize,
    },
    /// A type byte that is not one of the nineteen.
    #[error("unknown packet type {0:#04x}")]
    UnknownType(u8),
    /// The inner frame's sum does not match its checksum byte.
    #[error("invalid checksum: the frame says {found:#04x}, its bytes sum up to {expected:#04x}")]
    InvalidChecksum {
        /// The sum of the bytes.
        expected: u8,
        /// The checksum byte of the frame.
        found: u8,
    },
    /// The payload of a `0x73` or `0x83` is not enclosed in frame markers.
    #[error("missing 0x7e markers around the inner frame")]
    MissingMarkers,
    /// The header declares more than [`MAX_DECLARED`](crate::wire::MAX_DECLARED) bytes.
    #[error("packet too large: {declared} bytes declared")]
    PacketTooLarge {
        /// The declared payload length.
        declared: u32,
    },
}

impl DecodeError {
    /// The name of the reason as metrics and reports spell it.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::InvalidLength { .. } => "invalid_length",
            Self::UnknownType(_) => "unknown_type",
            Self::InvalidChecksum { .. } => "invalid_checksum",
            Self::MissingMarkers => "missing_0x7e_markers",
            Self::PacketTooLarge { .. } => "packet_too_large",
        }
    }
}

/// Why a packet cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The output is too short; nothing in it is of use.
    #[error(transparent)]
    TooSmall(#[from] TooSmall),
    /// The payload would be longer than any peer accepts.
    #[error("a {kind} packet with {declared} bytes of payload is longer than the limit of 4096")]
    TooLarge {
        /// The packet's type.
        kind: PacketType,
        /// The payload's length in bytes.
        declared: usize,
    },
}

/// The output is too short for one whole packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the output has {have} bytes, the packet needs {needed}")]
pub struct TooSmall {
    /// Bytes the packet needs.
    pub needed: usize,
    /// Bytes the output has.
    pub have: usize,
}

/// Why `send` took nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The session is not ready, or is, and has asked for its connection to be closed.
    #[error("not connected: the session is {0}")]
    NotConnected(State),
    /// The queue is full; `Event::Writable` tells when it is not.
    #[error("the send queue is full")]
    Full,
    /// The queue is full, and its policy is to turn messages away.
    #[error("the send queue is full and rejects messages")]
    Rejected,
    /// The chosen message number belongs to a message of which copies may still be under way.
    #[error("message number {0} is in use")]
    NumberInUse(MsgId),
    /// A message may not take longer than the session's messages do, because the peer remembers them only so long.
    #[error("a deadline of {asked:?} is longer than the session's ({max:?})")]
    DeadlineTooLong {
        /// What was asked for.
        asked: Duration,
        /// The session's own.
        max: Duration,
    },
    /// Messages of this type cannot be sent.
    #[error("a {0} packet is not a message")]
    NotAMessage(PacketType),
    /// The raw payload is none of its type.
    #[error("the payload is not one of its type: {0}")]
    Malformed(DecodeError),
    /// The data could be too long for a packet once it is stuffed, or for the session's memory, or it is for its type.
    #[error("{len} bytes of data are more than the {max} that are taken")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest that is taken.
        max: usize,
    },
    /// Packets of this type have no result, so that the stage asked for could never be reached.
    #[error("a {0} packet is never reported as executed")]
    NeverExecuted(PacketType),
}

/// Why a request could not be answered, or its result not reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RespondError {
    /// Too many answers are owed.
    #[error("too many answers are owed already")]
    Full,
    /// The request is no longer remembered.
    #[error("the request is no longer remembered")]
    Forgotten,
    /// It was answered before: automatically, or by an earlier call.
    #[error("the request was answered already")]
    Answered,
}
