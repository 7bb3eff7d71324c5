//! A session of any of the sizes that are tested, behind one type.

use cync_core::wire::StatusCode;
use cync_core::{
    CivilTime, Config, ConfigError, Deadline, Delivery, DeliveryId, Disconnect, Event, Instant,
    MessageId, Request, RespondError, SendError, Session, State, Stats, TooSmall, Transmit,
};

/// How large a session is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// 6 slots, 24 remembered messages, packets of 1100 bytes: every bound is near.
    Small,
    /// 16 slots, 128 remembered messages, packets of 1100 bytes: the budget of a microcontroller.
    Compact,
    /// The default.
    Full,
}

impl Size {
    /// Messages that can be under way or queued.
    pub const fn slots(self) -> u16 {
        match self {
            Self::Small => 6,
            Self::Compact => 16,
            Self::Full => 128,
        }
    }

    /// Accepted messages that can be remembered.
    pub const fn seen(self) -> u16 {
        match self {
            Self::Small => 24,
            Self::Compact => 128,
            Self::Full => 1024,
        }
    }

    /// The longest packet that is taken, in bytes.
    pub const fn mtu(self) -> usize {
        match self {
            Self::Small | Self::Compact => 1100,
            Self::Full => 4101,
        }
    }
}

/// A session of one of the sizes.
#[derive(Clone, Debug)]
pub enum AnySession {
    /// Of [`Size::Small`].
    Small(Box<Session<6, 24, 1100>>),
    /// Of [`Size::Compact`].
    Compact(Box<Session<16, 128, 1100>>),
    /// Of [`Size::Full`].
    Full(Box<Session>),
}

impl AnySession {
    /// A session of this size.
    ///
    /// # Errors
    /// The rule that `config` breaks.
    pub fn new(size: Size, config: Config, seed: u64) -> Result<Self, ConfigError> {
        Ok(match size {
            Size::Small => Self::Small(Box::new(Session::new(config, seed)?)),
            Size::Compact => Self::Compact(Box::new(Session::new(config, seed)?)),
            Size::Full => Self::Full(Box::new(Session::new(config, seed)?)),
        })
    }
}

macro_rules! forward {
    (mut: $($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {
        impl AnySession {$(
            #[doc = concat!("[`Session::", stringify!($name), "`].")]
            #[allow(clippy::missing_errors_doc, reason = "the session's own method has them")]
            pub fn $name(&mut self, $($arg: $type),*) -> $result {
                match self {
                    Self::Small(session) => session.$name($($arg),*),
                    Self::Compact(session) => session.$name($($arg),*),
                    Self::Full(session) => session.$name($($arg),*),
                }
            }
        )*}
    };
    (ref: $($name:ident() -> $result:ty;)*) => {
        impl AnySession {$(
            #[doc = concat!("[`Session::", stringify!($name), "`].")]
            pub fn $name(&self) -> $result {
                match self {
                    Self::Small(session) => session.$name(),
                    Self::Compact(session) => session.$name(),
                    Self::Full(session) => session.$name(),
                }
            }
        )*}
    };
}

forward! {mut:
    connect(now: Instant) -> ();
    handle_connected(now: Instant) -> ();
    handle_disconnected(now: Instant, why: Disconnect) -> ();
    handle_input(now: Instant, bytes: &[u8]) -> usize;
    handle_timeout(now: Instant) -> ();
    set_wall_clock(now: Instant, civil: CivilTime) -> ();
    send(now: Instant, request: Request<'_>) -> Result<MessageId, SendError>;
    recv(now: Instant) -> Option<Delivery<'_>>;
    respond(now: Instant, delivery: DeliveryId, status: StatusCode) -> Result<(), RespondError>;
    report(now: Instant, delivery: DeliveryId, status: StatusCode) -> Result<(), RespondError>;
    ping(now: Instant) -> Result<(), SendError>;
    cancel(id: MessageId) -> bool;
    close(now: Instant) -> ();
    purge(now: Instant) -> usize;
    poll_transmit(now: Instant, out: &mut [u8]) -> Result<Option<Transmit>, TooSmall>;
    poll_event() -> Option<Event>;
}

forward! {ref:
    poll_timeout() -> Option<Deadline>;
    wants_input() -> bool;
    state() -> State;
    stats() -> &Stats;
    in_flight() -> usize;
    queued() -> usize;
    inbox_len() -> usize;
    remembered() -> usize;
}
