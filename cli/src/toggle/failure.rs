//! What a failure means for whoever runs the command.

use crate::complain;
use crate::exit::Exit;
use crate::printable::one_line;
use cync_core::wire::Endpoint;
use cync_core::{Disconnections, HangupReason, NotSent, Stage, Unknown};
use cync_tokio::{ConnectError, DialError, LastFailure, SendError};
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The exit code for a command that failed.
pub(super) fn exit(error: &SendError, until: Stage) -> Exit {
    match error {
        SendError::Refused(cync_core::SendError::NotConnected(_))
        | SendError::NotSent { why: NotSent::Disconnected, .. }
        | SendError::Unknown { why: Unknown::Disconnected, .. } => Exit::NotConnected,
        SendError::Nacked { .. } => Exit::Nacked,
        SendError::Unknown { receipt, .. }
            if until == Stage::Executed && receipt.stage == Some(Stage::Acked) =>
        {
            Exit::NotExecuted
        }
        SendError::Unknown { .. } | SendError::NotSent { .. } => Exit::NoAnswer,
        _ => Exit::Failed,
    }
}

/// Says why a run ended early, and what may have happened.
pub(super) fn gave_up(commands: u32, error: &SendError, lost: Disconnections) -> String {
    let plural = if commands == 1 { "" } else { "s" };
    let why = if lost.hangup > 0 && lost.hangup == lost.total() {
        "this side hung up: what the device sent is not the protocol, or it sent nothing for too long; --log-level \
         debug says which"
    } else {
        "the device stopped, or another client with the same --endpoint took its place"
    };
    format!("gave up after {commands} command{plural}: {error}; {why}")
}

/// Says why a run ended early whose device may dial in again.
pub(super) fn stays_away(commands: u32, wait: Duration) -> String {
    let plural = if commands == 1 { "" } else { "s" };
    let wait = humantime::format_duration(wait);
    format!(
        "gave up after {commands} command{plural}: the device went, and did not dial in again within {wait} (--wait)"
    )
}

/// Who dialled in, but for the device that was waited for.
pub(super) struct Greeted {
    /// Other devices.
    pub(super) others: u32,
    /// Connections that did not greet, or not as they should.
    pub(super) rejected: u64,
    /// The endpoint that was waited for, if it was one.
    pub(super) asked: Option<Endpoint>,
}

/// Says that no device dialled in, and what to do.
pub(super) fn nobody_dialled(addr: SocketAddr, wait: Duration, greeted: &Greeted) -> Exit {
    let wait = humantime::format_duration(wait);
    let who = greeted.asked.map_or_else(|| "no device".to_owned(), |it| format!("no device {it}"));
    let remedy = match *greeted {
        Greeted { others: 1.., .. } => "others did: check --endpoint".to_owned(),
        Greeted { rejected: 1.., .. } => {
            "what dialled did not greet, or not with the right code: check the authentication code, and what ends TLS \
             in front"
                .to_owned()
        }
        _ => format!("make it dial {addr}, or wait longer with --wait"),
    };
    complain(format_args!("{who} dialled in on {addr} within {wait}; {remedy}"));
    Exit::NotConnected
}

/// The one that tells more of two: a lost connection, a refusal, silence, then a missing result.
pub(super) fn worse(a: Exit, b: Exit) -> Exit {
    const ORDER: [Exit; 5] =
        [Exit::NotConnected, Exit::Nacked, Exit::NoAnswer, Exit::NotExecuted, Exit::Failed];
    ORDER.into_iter().find(|exit| *exit == a || *exit == b).unwrap_or(Exit::Done)
}

/// Says why there is no connection, and what to do.
pub(super) fn not_connected(host: &str, port: u16, error: &ConnectError) -> Exit {
    let is_it_one = || "is it a Cync device, and is --device-port right?".to_owned();
    let hangup = |why: &HangupReason| match why {
        HangupReason::Refused(_) => "check --endpoint and the authentication code".to_owned(),
        _ => is_it_one(),
    };
    // An error says itself where it was; here that is the beginning of the line, as it was given.
    let (why, remedy): (&dyn Display, _) = match error {
        ConnectError::GaveUp { last: Some(LastFailure::Dial(failure)), .. } => {
            (&failure.source, dial(port, failure))
        }
        ConnectError::GaveUp { last: Some(last), .. } => match last {
            LastFailure::Hangup(why) => (why, hangup(why)),
            _ => (last, is_it_one()),
        },
        ConnectError::GaveUp { why, last: None, .. } => (why, is_it_one()),
        ConnectError::Hangup { why, .. } => (why, hangup(why)),
        ConnectError::Closed { .. } => (&LastFailure::Peer, is_it_one()),
        _ => (error, "check the arguments".to_owned()),
    };
    let host = one_line(host);
    complain(format_args!("cannot connect to {host}:{port}: {why}; {remedy}"));
    match error {
        ConnectError::Config(_) => Exit::Failed,
        _ => Exit::NotConnected,
    }
}

/// What to do about a connection that could not be opened.
fn dial(port: u16, failure: &DialError) -> String {
    match failure.source.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("nothing listens there; start a device with `cync simulate --port {port}`")
        }
        _ => "check --device-host and --device-port".to_owned(),
    }
}
