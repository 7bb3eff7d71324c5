//! All contests, contenders taking turns, as a table: medians, ratios to this library, allocations. It reports; what it asserts is that
//! this library does not allocate and that nothing was lost or transmitted twice.
//!
//! `cargo bench -p cync-benches --bench compare -- sessions` runs the contests whose names contain `sessions`.

use cync_benches::contest::{Contest, Measured, OURS};
use cync_benches::{decode, dedup, exchange, world};

/// What this library's contenders are called that may allocate.
const SIMULATOR: &str = "simulator";

/// Turns of a contender.
const TURNS: usize = 301;

fn main() {
    // Without `--bench` this is a test, which only has to run.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let turns = if is_bench { TURNS } else { 1 };
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let chosen = |contest: &&Contest| filter.as_ref().is_none_or(|it| contest.name.contains(it));
    let contests = exchange::CONTESTS.iter().chain([&decode::CONTEST]);
    let contests = contests.chain(dedup::CONTESTS).chain([&world::CONTEST]).filter(chosen);
    let results: Vec<_> = contests
        .map(|contest| {
            let measured = contest.run(turns);
            print(contest.name, &measured);
            (contest.name, measured)
        })
        .collect();
    print_growth(&results);
}

fn print(contest: &str, measured: &[Measured]) {
    let is_ours = |it: &&Measured| it.name.starts_with(OURS) || it.name.starts_with(SIMULATOR);
    let (ours, others): (Vec<_>, Vec<_>) = measured.iter().partition(is_ours);
    println!("\n{contest:36} {:>9} {:>17} {:>8}", "median ns", "10 % .. 90 %", "allocs");
    for it in measured {
        let (low, median, high) = (it.percentile(10), it.percentile(50), it.percentile(90));
        println!("  {:34} {median:9.1} {low:7.1} .. {high:6.1} {:8.2}", it.name, it.allocations);
    }
    for ours in ours {
        let ratios = others.iter().map(|it| format!("{:.2}x {}", ours.ratio(it), it.name));
        println!("  {} takes {}", ours.name, ratios.collect::<Vec<_>>().join(", "));
    }
}

/// How the time of one exchange grows with the number in flight, each contender against itself.
fn print_growth(results: &[(&str, Vec<Measured>)]) {
    let mut in_flight = results.iter().filter(|(contest, _)| contest.ends_with("in flight"));
    let Some((from, one)) = in_flight.next() else { return };
    println!();
    for (contest, measured) in in_flight {
        let growths = measured.iter().filter_map(|it| {
            let alone = one.iter().find(|alone| alone.name == it.name)?;
            Some(format!("{:.2}x {}", it.percentile(50) / alone.percentile(50), it.name))
        });
        println!("{from} -> {contest}: {}", growths.collect::<Vec<_>>().join(", "));
    }
}
