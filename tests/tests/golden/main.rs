//! Hashes of a dozen runs: they change only if what sessions do changes, or what the simulator does.
//!
//! `cargo test -p cync-tests --test golden` runs them without optimisations, and with `--release` with them: both must agree.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod traces;

use cync_sim::FaultKind;
use cync_sim::scenario::{Scenario, Work};
use cync_sim::world::{Options, Outcome, run};
use cync_tests::dozen::dozen;
use std::fmt::Write;

/// If one of these changes, a change of behaviour must have been meant: then replace the table by the one the test prints.
const HASHES: [(&str, u64); 12] = [
    ("plain", 0x35aba999cf3d7973),
    ("lossy", 0xe36610ee354258db),
    ("mixed-up", 0xca81cf87acc2ab13),
    ("damaged", 0x3b9273dad8957f72),
    ("moody", 0xdd8c6e7f4bda192b),
    ("badly-timed", 0x0007d9a11c3081b6),
    ("torn", 0xf7b12ae8cf6baa96),
    ("quiet-peers", 0x309ba798ec1b00e6),
    ("rebooting", 0xea247f868c758c40),
    ("crowd", 0x4bdbedb59a7bbd33),
    ("modest", 0xda3cb0d67b9bb878),
    ("everything", 0xcbe291f90f89b0c0),
];

pub(crate) fn outcome(scenario: &Scenario, options: Options) -> Outcome {
    let outcome = run(scenario, options).unwrap();
    assert_eq!(outcome.broken, None, "{}", scenario.name);
    outcome
}

#[test]
fn every_run_has_the_hash_that_it_has_always_had() {
    let (mut expected, mut came) = (String::new(), String::new());
    for (name, hash) in HASHES {
        let _ = writeln!(expected, "    (\"{name}\", {hash:#018x}),");
    }
    for scenario in dozen() {
        let hash = outcome(&scenario, Options::default()).hash;
        let _ = writeln!(came, "    (\"{}\", {hash:#018x}),", scenario.name);
    }
    assert!(
        came == expected,
        "what sessions do, or what the simulator does, has changed; if that is meant, the hashes are\n{came}"
    );
}

#[test]
fn the_dozen_has_every_kind_of_fault_take_effect() {
    let runs: Vec<Outcome> =
        dozen().iter().map(|scenario| outcome(scenario, Options::default())).collect();
    for kind in FaultKind::ALL {
        assert!(runs.iter().any(|run| run.effects.of(kind) > 0), "{kind}");
    }
}

#[test]
fn a_run_is_the_same_again_whether_it_is_watched_or_recorded_or_neither() {
    for scenario in dozen() {
        let first = outcome(&scenario, Options::default());
        for watched in [true, false] {
            for record in [true, false] {
                let mut again =
                    outcome(&scenario, Options { watched, record, ..Options::default() });
                again.recording = first.recording.clone();
                assert_eq!(again, first, "{}", scenario.name);
            }
        }
    }
}

#[test]
fn another_seed_has_another_hash() {
    for scenario in dozen() {
        let other = Scenario { seed: scenario.seed + 1, ..scenario.clone() };
        let hash = |scenario| outcome(scenario, Options::default()).hash;
        assert_ne!(hash(&scenario), hash(&other), "{}", scenario.name);
    }
}

/// The scenario without any draw: everything that was done and went wrong in a run, as explicit operations and faults.
fn spelled_out(scenario: &Scenario, outcome: &Outcome) -> Scenario {
    Scenario {
        work: Work { ops: outcome.recording.ops.clone(), ..Work::default() },
        faults: outcome.recording.faults.clone(),
        chaos: Vec::new(),
        ..scenario.clone()
    }
}

#[test]
fn a_recorded_run_is_the_same_again_without_a_draw() {
    let record = Options { record: true, ..Options::default() };
    for scenario in dozen() {
        let drawn = outcome(&scenario, record);
        let explicit = spelled_out(&scenario, &drawn);
        assert_eq!(explicit.check(), Ok(()), "{}", scenario.name);
        let again = outcome(&explicit, record);
        assert_eq!(again.hash, drawn.hash, "{}", scenario.name);
        assert_eq!(again, drawn, "{}", scenario.name);
        let written = Scenario::parse(&explicit.to_toml()).unwrap();
        assert_eq!(outcome(&written, record), drawn, "{}, from a file", scenario.name);
    }
}
