use cync_core::wire::StatusCode;
use cync_core::{ConfigError, HangupReason, NotSent, Receipt, Unknown};
use thiserror::Error;

/// Why there is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The configuration breaks a rule.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be reached.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The connection was not made in time.
    #[error("no connection within {0:?}")]
    Timeout(std::time::Duration),
    /// The session hung up before it was ready.
    #[error(transparent)]
    Hangup(#[from] HangupReason),
    /// The session gave its first connection up.
    #[error(transparent)]
    GaveUp(#[from] cync_core::ConnectError),
    /// The peer closed the connection before it was ready.
    #[error("the peer closed the connection before the greeting was done")]
    Closed,
}

/// Why a message did not reach the stage that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The session did not take it.
    #[error(transparent)]
    Refused(#[from] cync_core::SendError),
    /// The peer refused it.
    #[error("the peer refused the message with status {status}")]
    Nacked {
        /// The peer's status.
        status: StatusCode,
        /// The particulars.
        receipt: Receipt,
    },
    /// No byte of it left: it is safe to send it again.
    #[error("not sent: {}", not_sent(why))]
    NotSent {
        /// Why.
        why: NotSent,
        /// The particulars.
        receipt: Receipt,
    },
    /// It left, and the stage was not reached: it may or may not have been executed.
    #[error("unknown: {}", unknown(why))]
    Unknown {
        /// Why.
        why: Unknown,
        /// The particulars.
        receipt: Receipt,
    },
}

impl SendError {
    /// What is known of the message, if the session took it.
    pub const fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Refused(_) => None,
            Self::Nacked { receipt, .. }
            | Self::NotSent { receipt, .. }
            | Self::Unknown { receipt, .. } => Some(receipt),
        }
    }
}

const fn not_sent(why: &NotSent) -> &'static str {
    match why {
        NotSent::Deadline => "its deadline passed while it waited",
        NotSent::Disconnected => "the connection went while it waited",
        _ => "it never left",
    }
}

const fn unknown(why: &Unknown) -> &'static str {
    match why {
        Unknown::Timeout => "no answer in time",
        Unknown::Disconnected => "the connection went before the answer came",
        Unknown::Expired => "nobody took it",
        _ => "the answer did not come",
    }
}
