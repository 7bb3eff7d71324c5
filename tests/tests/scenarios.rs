//! Every scenario that comes with the simulator keeps its limits and breaks no invariant, with fewer commands than it asks for;
//! `cync chaos` and `cync soak` run them whole.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cync_sim::Scenario;
use cync_sim::scenario::Workload;
use cync_sim::world::{Options, run};

/// Enough for the step, which is judged by what comes after 1050 commands.
const MOST: u64 = 1_200;

#[track_caller]
fn keeps(name: &str, scenario: &Scenario) {
    let outcome = run(scenario, Options::default()).unwrap();
    let missed: Vec<String> =
        scenario.limits.missed(&outcome).iter().map(ToString::to_string).collect();
    assert_eq!((outcome.broken, missed), (None, Vec::new()), "{name}");
}

fn library() -> impl Iterator<Item = (&'static str, Scenario)> {
    Scenario::library().iter().map(|(name, text)| {
        let mut scenario = Scenario::parse(text).unwrap();
        scenario.work.commands = scenario.work.commands.min(MOST);
        (*name, scenario)
    })
}

#[test]
fn every_row_of_the_chaos_table_holds_with_one_worker_and_with_ten() {
    for (name, mut scenario) in library().take(9) {
        for workers in [1, 10] {
            scenario.topology.lamps = workers;
            scenario.work.workload = Some(Workload::Closed { workers });
            keeps(name, &scenario);
        }
    }
}

#[test]
fn every_other_scenario_keeps_its_limits() {
    for (name, scenario) in library().skip(9) {
        keeps(name, &scenario);
    }
}

#[test]
fn what_happens_at_random_may_happen_otherwise_and_the_limits_are_kept_all_the_same() {
    for (name, mut scenario) in library().skip(9) {
        for seed in 2..=3 {
            scenario.seed = seed;
            keeps(name, &scenario);
        }
    }
}
