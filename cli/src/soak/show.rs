//! How it goes, as lines of a table or of JSON.

use super::growth::{Growth, Memory};
use cync_sim::world::Progress;
use serde_json::json;
use std::io::{self, Write};

/// The head of the table.
pub(super) fn head(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:>9}  {:>9}  {:>9}  {:>8}  {:>13}  {:>10}  {:>12}  {:>14}",
        "virtual",
        "commands",
        "success",
        "messages",
        "at the least",
        "remembered",
        "resident KiB",
        "high-water KiB",
    )
}

/// A line of it.
pub(super) fn line(
    out: &mut impl Write,
    progress: &Progress,
    memory: Option<Memory>,
) -> io::Result<()> {
    let Progress { time, commands, ended, reached, held, least, .. } = progress;
    let seconds = time.as_secs();
    let clock = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Rounded down, so that what is not all of it never reads so.
    let success = (u128::from(*reached) * 1_000_000).checked_div((*ended).into()).unwrap_or(0);
    let success = format!("{}.{:04} %", success / 10_000, success % 10_000);
    let show =
        |of: fn(Memory) -> u64| memory.map_or("not available".into(), |it| of(it).to_string());
    let (resident, peak) = (show(|it| it.resident), show(|it| it.peak));
    writeln!(
        out,
        "{clock:>9}  {commands:>9}  {success:>9}  {:>8}  {:>13}  {:>10}  {resident:>12}  {peak:>14}",
        held.messages, least.messages, least.remembered,
    )?;
    out.flush()
}

/// The same as an object.
pub(super) fn json_line(
    out: &mut impl Write,
    progress: &Progress,
    memory: Option<Memory>,
) -> io::Result<()> {
    let Progress { time, commands, ended, reached, held, least, .. } = progress;
    let object = json!({
        "virtual_s": time.as_secs(),
        "commands": commands,
        "ended": ended,
        "reached": reached,
        "messages": held.messages,
        "least_messages": least.messages,
        "remembered": least.remembered,
        "resident_kib": memory.map(|memory| memory.resident),
        "high_water_kib": memory.map(|memory| memory.peak),
    });
    writeln!(out, "{object}")?;
    out.flush()
}

/// The end: what is wrong, and what grew.
pub(super) fn verdict(
    out: &mut impl Write,
    problems: &[String],
    growth: &Growth,
    interrupted: bool,
) -> io::Result<()> {
    writeln!(out)?;
    for problem in problems {
        writeln!(out, "{problem}")?;
    }
    let verdict = match (problems.is_empty(), interrupted) {
        (false, _) => "FAILED",
        (true, true) => "interrupted, and up to then nothing grew",
        (true, false) => "nothing grew",
    };
    writeln!(out, "{verdict}: {}", growth.summary())?;
    out.flush()
}

/// The same as an object.
pub(super) fn json_verdict(
    out: &mut impl Write,
    problems: &[String],
    interrupted: bool,
) -> io::Result<()> {
    let holds = problems.is_empty();
    let object = json!({ "holds": holds, "interrupted": interrupted, "problems": problems });
    writeln!(out, "{object}")?;
    out.flush()
}
