//! A session of any size behind one type.

use cync_core::wire::StatusCode;
use cync_core::{
    CivilTime, Config, ConfigError, Deadline, Delivery, DeliveryId, Disconnect, Event, Instant,
    MessageId, Request, RespondError, SendError, Session, State, Stats, TooSmall, Transmit,
};

/// Makes a session.
pub(crate) type Make = fn(Config, u64) -> Result<Box<dyn AnySession>, ConfigError>;

/// Makes a session of this size.
pub(crate) fn make<const SLOTS: usize, const SEEN: usize, const MTU: usize>(
    config: Config,
    seed: u64,
) -> Result<Box<dyn AnySession>, ConfigError> {
    Ok(Box::new(Session::<SLOTS, SEEN, MTU>::new(config, seed)?))
}

macro_rules! any_session {
    (
        mut { $($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)* }
        ref { $($look:ident() -> $looked:ty;)* }
    ) => {
        /// What a client and its drivers do with a [`Session`], whatever its size.
        pub(crate) trait AnySession: Send {
            $(fn $name(&mut self, $($arg: $type),*) -> $result;)*
            $(fn $look(&self) -> $looked;)*
        }

        impl<const SLOTS: usize, const SEEN: usize, const MTU: usize> AnySession
            for Session<SLOTS, SEEN, MTU>
        {
            $(fn $name(&mut self, $($arg: $type),*) -> $result {
                Session::$name(self, $($arg),*)
            })*
            $(fn $look(&self) -> $looked {
                Session::$look(self)
            })*
        }
    };
}

any_session! {
    mut {
        connect(now: Instant) -> ();
        reconnect(on: bool) -> ();
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
        poll_transmit(now: Instant, out: &mut [u8]) -> Result<Option<Transmit>, TooSmall>;
        poll_event() -> Option<Event>;
    }
    ref {
        poll_timeout() -> Option<Deadline>;
        is_dialling() -> bool;
        wants_input() -> bool;
        state() -> State;
        stats() -> &Stats;
        in_flight() -> usize;
        queued() -> usize;
        inbox_len() -> usize;
        remembered() -> usize;
    }
}
