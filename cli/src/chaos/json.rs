//! The table, as one JSON document that says nothing that differs between two runs of the same.

use super::row::Row;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes the document.
pub(super) fn write(rows: &[Row], interrupted: bool, out: &mut impl Write) -> io::Result<()> {
    let holds = rows.iter().all(Row::holds);
    let rows: Vec<Value> = rows.iter().map(object).collect();
    let version = env!("CARGO_PKG_VERSION");
    let document =
        json!({ "version": version, "holds": holds, "interrupted": interrupted, "rows": rows });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn object(row: &Row) -> Value {
    let Row { name, workers, scenario, outcome, .. } = row;
    let micros = |permille| row.permille(permille);
    let broken = outcome.broken.as_ref().map(|broken| {
        json!({
            "invariant": broken.violation.to_string(),
            "at_us": broken.at.as_micros() as u64,
        })
    });
    let missed: Vec<Value> = row
        .missed
        .iter()
        .map(|missed| json!({ "limit": missed.name(), "how": missed.to_string() }))
        .collect();
    json!({
        "row": name,
        "name": scenario.name,
        "seed": scenario.seed,
        "workers": workers,
        "loss_ppm": row.loss(),
        "commands": outcome.commands,
        "reached": outcome.reached,
        "nacked": outcome.nacked,
        "not_sent": outcome.not_sent,
        "unknown": outcome.unknown,
        "refused": outcome.refused,
        "success_ppm": row.success(),
        "latency_us": {
            "p50": micros(500),
            "p95": micros(950),
            "p99": micros(990),
            "max": row.longest(),
        },
        "first_copies": outcome.first,
        "repeated": outcome.repeated,
        "spurious": outcome.spurious,
        "spurious_of": outcome.first_counted,
        "duplicates_dropped": {
            "by_device": outcome.devices.duplicates,
            "by_controller": outcome.controllers.duplicates,
        },
        "unmatched_answers": outcome.controllers.unmatched_answers,
        "executed": outcome.executed,
        "applied_twice": outcome.applied_twice,
        "packets": outcome.packets,
        "virtual_us": outcome.time.as_micros() as u64,
        "hash": format!("{:016x}", outcome.hash),
        "holds": row.holds(),
        "missed": missed,
        "broken": broken,
    })
}
