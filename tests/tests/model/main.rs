//! The invariants of two sessions, over operation lists: see `tests/README.md`.

mod regressions;

use cync_tests::model::{Case, OP_LEN, SETUP_LEN, compare, run};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseError};
use std::fmt;

/// The same cases every time, and others for whoever asks for a number of them.
fn cases(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    let mut config = ProptestConfig::with_cases(asked.unwrap_or(cases));
    config.failure_persistence = None;
    if asked.is_none() {
        config.rng_seed = RngSeed::Fixed(1);
    }
    config
}

/// A case that is shown in two lines, to be copied from there.
struct Drawn(Case);

impl fmt::Debug for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { setup, ops } = &self.0;
        write!(f, "{setup:?}\n{ops:?}")
    }
}

fn case(ops: usize) -> impl Strategy<Value = Drawn> {
    let setup = prop::array::uniform(any::<u8>());
    let op = prop::array::uniform(any::<u8>());
    (setup, prop::collection::vec(op, 0..ops)).prop_map(
        |(setup, ops): ([u8; SETUP_LEN], Vec<[u8; OP_LEN]>)| {
            Drawn(Case::from_bytes(&[setup.as_slice(), ops.as_flattened()].concat()))
        },
    )
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn every_invariant_holds_after_every_operation_and_once_the_faults_stop(case in case(120)) {
        run(&case.0).map_err(|violation| TestCaseError::fail(violation.to_string()))?;
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn how_drivers_go_about_it_changes_nothing(case in case(120)) {
        compare(&case.0).map_err(|violation| TestCaseError::fail(violation.to_string()))?;
    }
}
