//! The table, as text.

use super::row::Row;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

/// Headings of the columns, as in the page.
pub(super) const HEADINGS: [&str; 15] = [
    "row",
    "workers",
    "loss",
    "success",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "max ms",
    "repeated",
    "spurious",
    "dup dropped",
    "applied twice",
    "virtual",
    "real",
    "verdict",
];

/// A row's cells.
pub(super) fn cells(row: &Row) -> [String; 15] {
    let millis = |micros: Option<u64>| micros.map_or_else(|| "never".into(), millis);
    let outcome = &row.outcome;
    [
        row.scenario.name.clone(),
        row.workers.to_string(),
        percent(row.loss().into()),
        percent(row.success()),
        millis(row.permille(500)),
        millis(row.permille(950)),
        millis(row.permille(990)),
        millis(row.longest()),
        outcome.repeated.to_string(),
        percent(row.spurious()),
        row.duplicates().to_string(),
        outcome.applied_twice.to_string(),
        format!("{} s", outcome.time.as_secs()),
        format!("{} ms", row.took.as_millis()),
        verdict(row).into(),
    ]
}

pub(super) const fn verdict(row: &Row) -> &'static str {
    match (&row.outcome.broken, row.missed.is_empty()) {
        (Some(_), _) => "BROKEN",
        (None, false) => "MISSED",
        (None, true) => "ok",
    }
}

/// Millionths, as a percentage, of which nothing is rounded.
pub(super) fn percent(millionths: u64) -> String {
    let digits = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
    format!("{} %", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// Microseconds, as milliseconds with one digit behind the point.
pub(super) fn millis(micros: u64) -> String {
    let tenths = micros.saturating_add(50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// What it all comes to, in a sentence.
pub(super) fn summary(rows: &[Row]) -> String {
    let held = rows.iter().filter(|row| row.holds()).count();
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    let commands = sum(|row| row.outcome.commands);
    let packets = sum(|row| row.outcome.packets);
    let virtual_time: Duration = rows.iter().map(|row| row.outcome.time).sum();
    let minutes = virtual_time.as_secs() / 60;
    format!(
        "{held} of {} runs hold: {commands} commands, {packets} packets, {} h {:02} min of virtual time",
        rows.len(),
        minutes / 60,
        minutes % 60,
    )
}

/// Writes the table, and what does not hold below it.
pub(super) fn write(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    let all: Vec<[String; 15]> =
        std::iter::once(HEADINGS.map(String::from)).chain(rows.iter().map(cells)).collect();
    let mut widths = [0; 15];
    for cells in &all {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.len().max(*width);
        }
    }
    for cells in &all {
        let mut line = String::new();
        for (nth, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let _ = match nth {
                0 => write!(line, "{cell:<width$}"),
                14 => write!(line, "  {cell}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        writeln!(out, "{line}")?;
    }
    writeln!(out)?;
    for row in rows {
        for problem in row.problems() {
            writeln!(out, "{}, workers {}: {problem}", row.name, row.workers)?;
        }
    }
    writeln!(out, "{}", summary(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_exact_and_a_time_is_rounded_to_a_tenth_of_a_millisecond() {
        let percents = [(0, "0 %"), (1, "0.0001 %"), (5_000, "0.5 %"), (999_999, "99.9999 %")];
        for (millionths, text) in percents {
            assert_eq!(percent(millionths), text);
        }
        assert_eq!(percent(1_000_000), "100 %");
        let times = [(0, "0.0"), (45_000, "45.0"), (45_049, "45.0"), (45_050, "45.1")];
        for (micros, text) in times {
            assert_eq!(millis(micros), text);
        }
    }
}
