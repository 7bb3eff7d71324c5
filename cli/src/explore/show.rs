//! What many schedules did, for people and as JSON.

use super::search::Searched;
use cync_sim::FaultKind;
use cync_sim::explore::{RUNS, Sweep};
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Names that a column of the matrix has room for.
const fn short(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Drop => "drop",
        FaultKind::Duplicate => "dupl",
        FaultKind::Delay => "dela",
        FaultKind::Reorder => "reor",
        FaultKind::Corrupt => "corr",
        FaultKind::Split => "spli",
        FaultKind::Coalesce => "coal",
        FaultKind::Nack => "nack",
        FaultKind::Slow => "slow",
        FaultKind::LateTick => "late",
        FaultKind::EarlyTick => "earl",
        FaultKind::Stall => "stal",
        FaultKind::Reset => "rese",
        FaultKind::HalfOpen => "half",
        FaultKind::Partition => "part",
        FaultKind::Silent => "sile",
        FaultKind::RefuseHello => "refu",
        FaultKind::SlowReader => "read",
        FaultKind::Deaf => "deaf",
        FaultKind::Reboot => "rebo",
        FaultKind::Amnesia => "amne",
    }
}

/// Every two kinds, each pair once.
fn pairs() -> impl Iterator<Item = (FaultKind, FaultKind)> {
    let below = |(at, one): (usize, FaultKind)| {
        FaultKind::ALL.into_iter().take(at).map(move |other| (other, one))
    };
    FaultKind::ALL.into_iter().enumerate().flat_map(below)
}

/// Those that never took effect in the same schedule.
fn never_met(sweep: &Sweep) -> Vec<(FaultKind, FaultKind)> {
    pairs().filter(|(one, other)| sweep.both(*one, *other) == 0).collect()
}

/// For people.
pub(super) fn summary(
    out: &mut impl Write,
    from: u64,
    searched: &Searched,
    matrix: bool,
) -> io::Result<()> {
    let Searched { sweep, took } = searched;
    let mut line = |name: &str, value: String| writeln!(out, "{name:<20} {value}");
    line("first seed", from.to_string())?;
    line("schedules", format!("{}, each run in {RUNS} manners", sweep.schedules))?;
    line("distinct", sweep.distinct().to_string())?;
    line("commands", sweep.commands.to_string())?;
    line("packets", format!("{}, those of the first run of each only", sweep.packets))?;
    line("real time", format!("{}.{:03} s", took.as_secs(), took.subsec_millis()))?;
    let rate = u128::from(sweep.packets) * RUNS as u128 * 1_000_000 / took.as_micros().max(1);
    line("packets a second", format!("{rate}, of all runs"))?;
    line("faults", "schedules in which they took effect, and how often".into())?;
    for kind in FaultKind::ALL {
        let (schedules, times) = (sweep.both(kind, kind), sweep.effects.of(kind));
        line(&format!("  {kind}"), format!("{schedules:>9} {times:>12}"))?;
    }
    let (all, never) = (pairs().count(), never_met(sweep));
    let rest = match (never.len(), matrix) {
        (0, _) => "",
        (_, true) => "; those below never did",
        (_, false) => "; --matrix names the others",
    };
    line("pairs of faults", format!("{} of {all} met in a schedule{rest}", all - never.len()))?;
    if matrix {
        self::matrix(out, sweep, &never)?;
    }
    Ok(())
}

/// Schedules in which both of two kinds took effect, below 120 columns.
fn matrix(out: &mut impl Write, sweep: &Sweep, never: &[(FaultKind, FaultKind)]) -> io::Result<()> {
    writeln!(
        out,
        "\nSchedules in which both took effect; where a kind meets itself, those in which it did:\n"
    )?;
    let header: String =
        FaultKind::ALL.iter().map(|kind| format!(" {:>4}", short(*kind))).collect();
    writeln!(out, "    {header}")?;
    for (at, one) in FaultKind::ALL.into_iter().enumerate() {
        let cell = |other: FaultKind| match sweep.both(one, other) {
            0 => "    -".to_owned(),
            count @ 1..=9_999 => format!(" {count:>4}"),
            count => format!(" {:>3}k", count / 1_000),
        };
        let cells: String = FaultKind::ALL.into_iter().take(at + 1).map(cell).collect();
        writeln!(out, "{}{cells}", short(one))?;
    }
    writeln!(out)?;
    for row in FaultKind::ALL.chunks(7) {
        let legend: Vec<_> = row.iter().map(|kind| format!("{} {kind}", short(*kind))).collect();
        writeln!(out, "{}", legend.join(", "))?;
    }
    for pairs in never.chunks(4) {
        let pairs: Vec<_> = pairs.iter().map(|(one, other)| format!("{one} + {other}")).collect();
        writeln!(out, "never met: {}", pairs.join(", "))?;
    }
    Ok(())
}

/// The same of equal seeds, whatever the time and the threads.
pub(super) fn json(from: u64, sweep: &Sweep, matrix: bool, interrupted: bool) -> Value {
    let faults = FaultKind::ALL.into_iter().map(|kind| {
        let (schedules, times) = (sweep.both(kind, kind), sweep.effects.of(kind));
        (kind.name().to_owned(), json!({ "schedules": schedules, "times": times }))
    });
    let never: Vec<Value> = never_met(sweep)
        .into_iter()
        .map(|(one, other)| json!([one.name(), other.name()]))
        .collect();
    let mut object = json!({
        "from": from,
        "schedules": sweep.schedules,
        "distinct": sweep.distinct(),
        "commands": sweep.commands,
        "packets": sweep.packets,
        "faults": Map::from_iter(faults),
        "never_met": never,
        "interrupted": interrupted,
        "broken": null,
    });
    if matrix {
        let row = |one: FaultKind| {
            let cells = FaultKind::ALL.into_iter();
            cells.map(|other| (other.name().to_owned(), sweep.both(one, other).into())).collect()
        };
        let rows = FaultKind::ALL.map(|one| (one.name().to_owned(), Value::Object(row(one))));
        object["matrix"] = Value::Object(Map::from_iter(rows));
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn short_names_have_four_letters_and_differ() {
        let names = BTreeSet::from(FaultKind::ALL.map(short));
        assert_eq!(names.len(), FaultKind::ALL.len());
        assert!(names.iter().all(|name| name.len() == 4), "{names:?}");
    }

    #[test]
    fn every_two_kinds_are_one_pair() {
        let (all, kinds) = (pairs().collect::<BTreeSet<_>>(), FaultKind::ALL.len());
        assert_eq!((all.len(), pairs().count()), (kinds * (kinds - 1) / 2, all.len()));
        assert!(all.iter().all(|(one, other)| one != other));
    }
}
