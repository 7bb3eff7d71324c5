//! What a session tells its driver and its application.

use crate::request::Stage;
use crate::time::Instant;
use crate::wire::{PacketType, StatusCode};
use core::fmt;

/// The number of a message that `send` accepted; unique among those that are not done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageId(pub(crate) u32);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// How far a session is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum State {
    /// No connection.
    Disconnected,
    /// [`Event::Dial`] asked for a connection, which is not there yet.
    Connecting,
    /// Connected; the greeting has not been answered, or has not come.
    Greeting,
    /// Messages flow.
    Ready,
    /// `close` was called: what is under way is brought to an end, nothing new is taken.
    Draining,
    /// The session has ended.
    Closed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected => "disconnected",
            Self::Connecting => "connecting",
            Self::Greeting => "greeting",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Closed => "closed",
        })
    }
}

/// Why the session wants the connection closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HangupReason {
    /// The greeting was not answered, or did not come, in time.
    #[error("the peer did not greet in time")]
    GreetingTimeout,
    /// The peer refused the greeting.
    #[error("the peer refused the greeting with status {0}")]
    Refused(StatusCode),
    /// Nothing came from the peer for too long.
    #[error("the peer fell silent")]
    Silent,
    /// A packet was begun and not finished in time.
    #[error("the peer did not finish a packet in time")]
    PacketTimeout,
    /// What the peer sends is not this protocol.
    #[error("the peer does not speak this protocol: a header of type {0:#04x} declares {1} bytes")]
    NotThisProtocol(u8, u32),
    /// The peer keeps answering what it was not asked.
    #[error("the peer answers what it was not asked")]
    UnmatchedAnswers,
    /// `close` was called, and what was under way has ended or its time has.
    #[error("closed, with {left} messages not brought to their end")]
    Closed {
        /// Messages that the time for draining did not suffice for; each has its own `Done`.
        left: u16,
    },
}

/// Why a first connection was given up (see [`Session::connect`](crate::Session::connect)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No connection could be opened.
    #[error("no connection could be opened")]
    Unreachable,
    /// Connections could be opened, and no greeting succeeded.
    #[error("the greeting failed: {0}")]
    Handshake(#[from] HandshakeError),
}

/// How a greeting failed for good.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer refused the greeting, answered something else, or did not answer.
    #[error("the peer did not answer as it should")]
    InvalidResponse,
}

/// Why a connection is gone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Disconnect {
    /// The session asked for it.
    Hangup,
    /// The peer closed it.
    Peer,
    /// The connection failed.
    Error,
    /// A newer connection took its place.
    Replaced,
}

/// Why a message was not sent. No byte of it was handed over: it is safe to send it again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum NotSent {
    /// Its deadline passed while it waited.
    Deadline,
    /// The connection went while it waited.
    Disconnected,
    /// A newer command for the same attribute of the same device made it pointless.
    Superseded,
    /// The full queue dropped it for a newer message.
    Dropped,
    /// `cancel` was called.
    Cancelled,
    /// `close` was called, and the time for draining did not suffice.
    Closed,
}

/// Why it is unknown whether a message was executed. At least one byte of it was handed over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Unknown {
    /// The allowed attempts, or the deadline, passed without the answer.
    Timeout,
    /// The connection went before the answer came.
    Disconnected,
    /// The cloud says that nobody took it.
    Expired,
    /// It was not answered, and a newer command for the same attribute of the same device forbids repeating it.
    Superseded,
    /// `cancel` was called.
    Cancelled,
    /// `close` was called, and the time for draining did not suffice.
    Closed,
}

/// How a message ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The stage that was asked for, or a later one, was reached.
    Reached(Stage),
    /// The peer refused it.
    Nacked(StatusCode),
    /// It never left.
    NotSent(NotSent),
    /// It left, and the stage was not reached in time.
    Unknown(Unknown),
}

impl Outcome {
    /// Whether the stage that was asked for was reached.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Reached(_))
    }
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The highest stage seen.
    pub stage: Option<Stage>,
    /// The status the peer reported last, if any.
    pub status: Option<StatusCode>,
    /// How often it was handed over; a copy for a new connection (see [`Config::ride_through`](crate::Config)) counts here,
    /// and uses up no attempt of the policy.
    pub attempts: u16,
    /// When `send` accepted it.
    pub queued_at: Instant,
    /// When it was handed over first.
    pub sent_at: Option<Instant>,
    /// When it ended.
    pub done_at: Instant,
}

/// One event. See [`Session::poll_event`](crate::Session::poll_event).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The session's state changed to this.
    StateChanged(State),
    /// Open a connection, then call `handle_connected`; if that fails, `handle_disconnected`.
    Dial,
    /// A first connection was given up; [`Session::connect`](crate::Session::connect) may be called again.
    ConnectFailed(ConnectError),
    /// Close the connection, then call `handle_disconnected`.
    Hangup(HangupReason),
    /// A message was handed over for the first time.
    Sent {
        /// Which.
        id: MessageId,
    },
    /// The peer acknowledged a message.
    Acked {
        /// Which.
        id: MessageId,
    },
    /// The peer reported a message as executed.
    Executed {
        /// Which.
        id: MessageId,
    },
    /// A message ended. Comes exactly once for every id that `send` returned.
    Done {
        /// Which.
        id: MessageId,
        /// How.
        outcome: Outcome,
        /// The particulars.
        receipt: Receipt,
    },
    /// `recv` has something, after it had nothing.
    Readable,
    /// `send` takes messages, after it refused one because there was no room.
    Writable,
    /// Accepted messages were dropped from the full inbox for newer ones, since this was told last.
    InboxOverrun {
        /// How many.
        dropped: u32,
    },
    /// The peer asks for the time: call `set_wall_clock`.
    ClockAsked,
}

/// A packet that `poll_transmit` wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// Bytes written.
    pub len: usize,
    /// The packet's type.
    pub kind: PacketType,
    /// The message it belongs to, if it is none of the session's own.
    pub id: Option<MessageId>,
    /// Which transmission of the message this is, from 1; 0 for the session's own packets.
    pub attempt: u16,
}

/// When `handle_timeout` is to be called, and what for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// What for.
    pub why: Timer,
}

/// What a deadline is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Timer {
    /// A connection is to be asked for.
    Dial,
    /// What `close` left time for has to end.
    Drain,
    /// The retry budget lets the next copy pass.
    RetryBudget,
    /// The peer has to greet.
    Greeting,
    /// A sign of life is due.
    Heartbeat,
    /// The peer has been silent for long.
    Silence,
    /// A packet has to be finished.
    Packet,
    /// A message: its answer, or its end.
    Message,
}
