//! The table, as one JSON document that says nothing that differs between two runs of the same.

use super::row::Row;
use crate::outcome::as_json;
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

/// What came of it, as [`cync run`](crate::run) tells it, and what makes it a row.
fn object(row: &Row) -> Value {
    let Row { name, workers, scenario, outcome, missed, .. } = row;
    let mut object = as_json(scenario, outcome, missed);
    object["row"] = json!(name);
    object["workers"] = json!(workers);
    object["loss_ppm"] = json!(row.loss());
    object["holds"] = json!(row.holds());
    object
}
