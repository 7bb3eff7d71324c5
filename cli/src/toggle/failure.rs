//! What a failure means for whoever runs the command.

use crate::complain;
use crate::exit::Exit;
use cync_core::{HangupReason, NotSent, Stage, Unknown};
use cync_tokio::{ConnectError, SendError};
use std::io;

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
pub(super) fn gave_up(commands: u32, error: &SendError) -> String {
    let plural = if commands == 1 { "" } else { "s" };
    format!(
        "gave up after {commands} command{plural}: {error}; the device stopped, or another client with the same \
         --endpoint took its place"
    )
}

/// The one that tells more of two: a lost connection, a refusal, silence, then a missing result.
pub(super) fn worse(a: Exit, b: Exit) -> Exit {
    const ORDER: [Exit; 5] =
        [Exit::NotConnected, Exit::Nacked, Exit::NoAnswer, Exit::NotExecuted, Exit::Failed];
    ORDER.into_iter().find(|exit| *exit == a || *exit == b).unwrap_or(Exit::Done)
}

/// Says why there is no connection, and what to do.
pub(super) fn not_connected(host: &str, port: u16, error: &ConnectError) -> Exit {
    let remedy = match error {
        ConnectError::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            format!("nothing listens there; start a device with `cync simulate --port {port}`")
        }
        ConnectError::Io(_) | ConnectError::Timeout(_) => {
            "check --device-host and --device-port".to_owned()
        }
        ConnectError::Hangup(HangupReason::Refused(_)) => {
            "check --endpoint and the authentication code".to_owned()
        }
        ConnectError::Hangup(_) | ConnectError::Closed => {
            "is it a Cync device, and is --device-port right?".to_owned()
        }
        _ => "check the arguments".to_owned(),
    };
    complain(format_args!("cannot connect to {host}:{port}: {error}; {remedy}"));
    match error {
        ConnectError::Config(_) => Exit::Failed,
        _ => Exit::NotConnected,
    }
}
