//! Scenarios that show a planted defect shrink to a handful of operations and faults. `CONTRIBUTING.md` has the command.
#![cfg(planted)]

use cync_core::planted::{Defect, plant};
use cync_sim::Scenario;
use cync_sim::explore::draw;
use cync_sim::shrink::{self, MOST_RUNS, Shrunk};
use std::time::Instant as Clock;

/// Seeds within which one shows a defect.
const SEEDS: u64 = 200;
/// Operations and faults together.
const HANDFUL: usize = 5;

/// Defects that show within so few seeds that this test is not the one of finding them.
const DEFECTS: [Defect; 8] = [
    Defect::LiveEntryEvicted,
    Defect::RememberedBeforeAccepted,
    Defect::AnswerOfWrongKind,
    Defect::ReceiptTakenForResult,
    Defect::RetryWithNewId,
    Defect::WindowIgnored,
    Defect::TtlInWrongUnit,
    Defect::SupersededResent,
];

fn shrunk(seed: u64) -> Option<Shrunk> {
    shrink::shrink(&draw(seed), MOST_RUNS, &mut |it| shrink::breaks(it), &mut |_| {})
}

/// One test for all, since a defect is planted in every session of the process.
#[test]
fn what_shows_a_planted_defect_shrinks_to_a_handful() {
    for defect in DEFECTS {
        plant(Some(defect));
        let began = Clock::now();
        let name = defect.name();
        let result = (0..SEEDS).find_map(|seed| shrunk(seed).map(|result| (seed, result)));
        let (seed, result) = result.unwrap_or_else(|| panic!("{name} shows in no seed"));
        let Shrunk { scenario, invariant, runs, .. } = &result;
        let (ops, faults) = (scenario.work.ops.len(), scenario.faults.len());
        let took = began.elapsed().as_millis();
        println!(
            "{name:26} {invariant:4} seed {seed:3}, operations {ops}, faults {faults}, runs {runs}, {took} ms"
        );
        assert!(result.explicit && !result.exhausted, "{name}");
        assert!(ops + faults <= HANDFUL, "{name}: {scenario:?}");
        let file = Scenario::parse(&scenario.to_toml()).expect("what is shrunk can be written");
        assert_eq!(shrink::breaks(&file).map(|found| found.invariant), Some(*invariant));
        plant(None);
        assert_eq!(shrink::breaks(&file), None, "{name}: a sound core keeps it");
    }
}
