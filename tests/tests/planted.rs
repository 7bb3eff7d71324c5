//! Every defect that can be planted in the core is noticed by the model of two sessions: see `CONTRIBUTING.md`.
#![cfg(planted)]

use cync_core::mix;
use cync_core::planted::{Defect, plant};
use cync_tests::model::{Case, OP_LEN, SETUP_LEN, Violation, compare, run};

/// Cases that every defect is noticed within.
const CASES: u64 = 3_000;

/// What this model cannot notice, and why.
const BEYOND_THE_MODEL: &[(Defect, &str)] = &[];

/// The nth case: the same in every run.
fn case(nth: u64) -> Case {
    let word = |at: u64| mix(mix(nth) ^ at);
    let ops = (word(0) % 120) as usize;
    let bytes: Vec<u8> = (1..).map(|at| word(at) as u8).take(SETUP_LEN + ops * OP_LEN).collect();
    Case::from_bytes(&bytes)
}

/// The first violation, and how many cases it took.
fn first_violation() -> Option<(u64, Violation)> {
    (1..=CASES).find_map(|nth| {
        let case = case(nth);
        run(&case).and_then(|()| compare(&case)).err().map(|violation| (nth, violation))
    })
}

/// One test for all, since a defect is planted in every session of the process.
#[test]
fn every_planted_defect_is_noticed_and_nothing_is_without_one() {
    let mut missed = Vec::new();
    for &defect in Defect::ALL {
        plant(Some(defect));
        let found = first_violation();
        plant(None);
        let name = defect.name();
        match &found {
            Some((cases, Violation { invariant, what, .. })) => {
                println!(
                    "{name}: {invariant} after {cases} cases, {}: {what:.100}",
                    defect.noticed_by()
                );
            }
            None => {
                println!("{name}: not noticed in {CASES} cases");
                missed.push(name);
            }
        }
    }
    println!("{missed:?}");
    assert_eq!(first_violation(), None, "without a defect");
}
