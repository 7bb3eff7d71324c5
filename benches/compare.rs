//! All contests, contenders taking turns, as a table: medians, ratios to this library, allocations. It reports; what it asserts is that
//! this library does not allocate and that nothing was lost or transmitted twice.
//!
//! `cargo bench -p cync-benches --bench compare -- sessions` runs the contests whose names contain `sessions`.

use cync_benches::contest::{Contest, Measured, OURS};
use cync_benches::{decode, exchange};

/// Turns of a contender.
const TURNS: usize = 301;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let is_bench = arguments.any(|argument| argument == "--bench");
    // Without it this is a test, which only has to run.
    let turns = if is_bench { TURNS } else { 1 };
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let contests = exchange::CONTESTS.iter().chain([&decode::CONTEST]);
    let chosen =
        contests.filter(|contest| filter.as_ref().is_none_or(|it| contest.name.contains(it)));
    for contest in chosen {
        print(contest, &contest.run(turns));
    }
}

fn print(contest: &Contest, measured: &[Measured]) {
    let (ours, others): (Vec<_>, Vec<_>) =
        measured.iter().partition(|measured| measured.name.starts_with(OURS));
    println!("\n{:36} {:>9} {:>17} {:>8}", contest.name, "median ns", "10 % .. 90 %", "allocs");
    for it in measured {
        let (low, median, high) = (it.percentile(10), it.percentile(50), it.percentile(90));
        println!("  {:34} {median:9.1} {low:7.1} .. {high:6.1} {:8.2}", it.name, it.allocations);
    }
    for ours in ours {
        let ratios = others.iter().map(|other| {
            let ratio = ours.percentile(50) / other.percentile(50);
            format!("{ratio:.2}x {}", other.name)
        });
        println!("  {} takes {}", ours.name, ratios.collect::<Vec<_>>().join(", "));
    }
}
