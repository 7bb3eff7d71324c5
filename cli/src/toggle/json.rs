//! What became of a command, as one JSON object.

use super::Told;
use cync_core::Stage;
use serde_json::json;
use std::io::{self, Write};

/// Prints the object.
pub(super) fn report(told: &Told<'_>) {
    let Told { index, on, msg_id, ended, error, .. } = told;
    let latency = ended.took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    let object = json!({
        "command": index + 1,
        "msg_id": msg_id,
        "on": on,
        "acknowledged": ended.stage >= Some(Stage::Acked),
        "executed": ended.stage >= Some(Stage::Executed),
        "error": error,
        "attempts": ended.attempts,
        "latency_us": latency,
    });
    // A closed standard output does not stop the commands.
    let _ = writeln!(io::stdout(), "{object}");
}
