//! What became of a command, as one JSON object.

use cync_core::{Receipt, Stage};
use cync_tokio::SendError;
use serde_json::json;
use std::io::{self, Write};

/// Prints the object.
pub(super) fn report(index: u32, on: bool, result: &Result<Receipt, SendError>) {
    let receipt = match result {
        Ok(receipt) => Some(receipt),
        Err(error) => error.receipt(),
    };
    let stage = receipt.and_then(|receipt| receipt.stage);
    let latency = result.as_ref().ok().map(|receipt| {
        let took = receipt.done_at.since(receipt.queued_at);
        u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
    });
    let object = json!({
        "command": index + 1,
        "on": on,
        "acknowledged": stage >= Some(Stage::Acked),
        "executed": stage >= Some(Stage::Executed),
        "error": result.as_ref().err().map(ToString::to_string),
        "attempts": receipt.map_or(0, |receipt| receipt.attempts),
        "latency_us": latency,
    });
    // A closed standard output does not stop the commands.
    let _ = writeln!(io::stdout(), "{object}");
}
