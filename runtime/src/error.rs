//! The error types.

use crate::address::{Address, network};
use cync_core::wire::StatusCode;
use cync_core::{ConfigError, GreetError, HangupReason, NotSent, Receipt, Unknown};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Why there is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The configuration breaks a rule.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The session hung up before it was ready.
    #[error("{}{why}", At(address))]
    Hangup {
        /// The peer, if it was dialled by its address.
        address: Option<Address>,
        /// Why.
        why: HangupReason,
    },
    /// The session gave its first connection up.
    #[error("{}{}", At(address), Last(why, last))]
    GaveUp {
        /// The peer, if it was dialled by its address.
        address: Option<Address>,
        /// What failed, of all attempts.
        why: cync_core::ConnectError,
        /// What failed last.
        #[source]
        last: Option<LastFailure>,
    },
    /// The connection ended before the greeting was done.
    #[error("{}the connection was closed before the greeting was done", At(address))]
    Closed {
        /// The peer, if it was dialled by its address.
        address: Option<Address>,
    },
}

impl ConnectError {
    /// Who was dialled, if that is known.
    pub const fn address(&self) -> Option<&Address> {
        match self {
            Self::Config(_) => None,
            Self::Hangup { address, .. }
            | Self::GaveUp { address, .. }
            | Self::Closed { address } => address.as_ref(),
        }
    }
}

/// The last reason for which a session that gave up had no connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LastFailure {
    /// None could be opened.
    Dial(Arc<DialError>),
    /// The session hung up.
    Hangup(HangupReason),
    /// The peer closed it.
    Peer,
    /// It failed.
    Connection(Arc<io::Error>),
}

impl fmt::Display for LastFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial(error) => error.fmt(f),
            Self::Hangup(why) => why.fmt(f),
            Self::Peer => {
                f.write_str("the peer closed the connection before the greeting was done")
            }
            Self::Connection(error) => write!(f, "the connection failed: {error}"),
        }
    }
}

/// What is shared is a source itself, and not as a pointer to it: whoever looks for an [`io::Error`] finds one.
impl std::error::Error for LastFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Dial(error) => Some(&error.source),
            Self::Connection(error) => Some(&**error),
            Self::Hangup(_) | Self::Peer => None,
        }
    }
}

/// Why a connection could not be opened.
#[derive(Debug, Error)]
#[error("{stage}: {source}")]
pub struct DialError {
    /// What failed.
    pub stage: DialStage,
    /// How.
    #[source]
    pub source: io::Error,
}

/// What there is to do before a connection is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DialStage {
    /// Finding the socket addresses of a name.
    Resolve,
    /// Opening a connection to one of them.
    Connect,
}

/// It was not opened.
impl From<io::Error> for DialError {
    fn from(source: io::Error) -> Self {
        Self { stage: DialStage::Connect, source }
    }
}

impl fmt::Display for DialStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "the name could not be resolved",
            Self::Connect => "no connection",
        })
    }
}

/// The address, if there is one, before what is said of it.
struct At<'a>(&'a Option<Address>);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |address| write!(f, "{address}: "))
    }
}

/// What a limit for each address counts as one.
struct Counted(IpAddr);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match network(self.0) {
            IpAddr::V4(ip) => ip.fmt(f),
            IpAddr::V6(ip) => write!(f, "{ip}/64"),
        }
    }
}

/// What failed last, and if that is not known what failed of all.
struct Last<'a>(&'a cync_core::ConnectError, &'a Option<LastFailure>);

impl fmt::Display for Last<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(all, last) = self;
        match last {
            Some(last) => last.fmt(f),
            None => all.fmt(f),
        }
    }
}

/// Why a message did not reach the stage that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The session did not take it.
    #[error(transparent)]
    Refused(#[from] cync_core::SendError),
    /// It waited for room in the queue longer than its sender would.
    #[error("not sent: no room in the queue within {waited:?}")]
    QueueTimeout {
        /// How long it waited.
        waited: Duration,
    },
    /// Too many wait for room in the queue already.
    #[error("not sent: {most} messages wait for room in the queue already")]
    TooManyWaiting {
        /// How many may.
        most: usize,
    },
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
            Self::Refused(_) | Self::QueueTimeout { .. } | Self::TooManyWaiting { .. } => None,
            Self::Nacked { receipt, .. }
            | Self::NotSent { receipt, .. }
            | Self::Unknown { receipt, .. } => Some(receipt),
        }
    }

    /// Whether the peer may have seen the message, and acted on it. If not, no byte of it left.
    pub const fn may_have_been_seen(&self) -> bool {
        matches!(self, Self::Nacked { .. } | Self::Unknown { .. })
    }
}

const fn not_sent(why: &NotSent) -> &'static str {
    match why {
        NotSent::Deadline => "its deadline passed while it waited",
        NotSent::Disconnected => "the connection went while it waited",
        NotSent::Superseded => "a newer command took its place",
        NotSent::Dropped => "the full queue dropped it for a newer one",
        NotSent::Cancelled => "it was cancelled",
        NotSent::Closed => "the session was closed",
        _ => "it never left",
    }
}

const fn unknown(why: &Unknown) -> &'static str {
    match why {
        Unknown::Timeout => "no answer in time",
        Unknown::Disconnected => "the connection went before the answer came",
        Unknown::Expired => "nobody took it",
        Unknown::Superseded => "a newer command forbids repeating it",
        Unknown::Cancelled => "it was cancelled after it had left",
        Unknown::Closed => "the session was closed before the answer came",
        _ => "the answer did not come",
    }
}

/// Why an accepted connection got no session.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdmitError {
    /// What the peer sent is no greeting, or did not come in time.
    #[error(transparent)]
    Greeting(#[from] GreetError),
    /// The connection ended before the greeting was whole.
    #[error("the connection was closed before the greeting was whole")]
    Closed,
    /// The connection failed before the greeting was whole.
    #[error("the connection failed before the greeting was whole: {0}")]
    Io(#[from] io::Error),
    /// The greeting was refused with this status.
    #[error("the greeting was refused with status {0}")]
    Refused(StatusCode),
    /// The configuration for its session breaks a rule.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There are as many connections as there may be, and all have greeted.
    #[error("there are {most} connections already")]
    TooManyConnections {
        /// How many there may be.
        most: usize,
    },
    /// There are as many connections from this address, or its /64 of IPv6, as there may be.
    #[error("there are {most} connections from {} already", Counted(*from))]
    TooManyFromAddress {
        /// The address.
        from: IpAddr,
        /// How many there may be.
        most: usize,
    },
    /// It had not greeted yet when newer connections needed its place.
    #[error("newer connections needed the place of this one, which had not greeted")]
    MadeRoom,
    /// As many endpoints have sessions as may, and each may still be needed.
    #[error("{most} endpoints have sessions already")]
    TooManySessions {
        /// How many there may be.
        most: usize,
    },
}
