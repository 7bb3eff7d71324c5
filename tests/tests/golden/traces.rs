//! Traces of the dozen, and what becomes of them.

use crate::outcome;
use cync_sim::CANARY;
use cync_sim::Scenario;
use cync_sim::trace::{ReplayError, Replayed, replay};
use cync_sim::world::{Options, run_traced};
use cync_tests::dozen::dozen;

fn traced(scenario: &Scenario) -> String {
    let mut trace = Vec::new();
    let outcome = run_traced(scenario, Options::default(), &mut trace).unwrap();
    assert_eq!(outcome, super::outcome(scenario, Options::default()), "{}", scenario.name);
    String::from_utf8(trace).unwrap()
}

fn named(name: &str) -> Scenario {
    dozen().into_iter().find(|scenario| scenario.name == name).unwrap()
}

fn replayed(trace: &str) -> Result<Replayed, ReplayError> {
    replay(trace.as_bytes())
}

/// The trace with the nth line that contains `what` changed.
fn changed(trace: &str, nth: usize, what: &str, by: impl Fn(&str) -> String) -> String {
    let mut left = nth;
    let lines = trace.lines().map(|line| {
        let hit = line.contains(what);
        left = left.saturating_sub(usize::from(hit));
        if hit && left == 0 {
            left = usize::MAX;
            by(line)
        } else {
            line.to_owned()
        }
    });
    let text: Vec<String> = lines.collect();
    text.join("\n") + "\n"
}

#[test]
fn sessions_alone_do_the_same_as_in_the_world() {
    for scenario in dozen() {
        let trace = traced(&scenario);
        let replayed =
            replayed(&trace).unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        let outcome = outcome(&scenario, Options::default());
        assert_eq!(replayed.hash, outcome.hash, "{}", scenario.name);
        assert_eq!(replayed.calls as usize, trace.lines().count() - 2, "{}", scenario.name);
        assert!(replayed.time <= outcome.time);
    }
}
