//! Every planted defect is found by exploration, and `docs/planted-defects.md` shows it by a scenario that still does.
//! `CONTRIBUTING.md` has the command.
#![cfg(planted)]

use cync_core::planted::{Defect, plant};
use cync_sim::Scenario;
use cync_sim::explore::{check, draw};
use cync_sim::shrink;

/// Seeds within which one shows a defect.
const SEEDS: u64 = 200;
/// Operations and faults together.
const HANDFUL: usize = 5;
/// What needs more to show at all: the table says why.
const LARGER: [Defect; 1] = [Defect::BackOffResetEarly];

/// What a seed breaks.
fn broken(seed: u64) -> Option<&'static str> {
    let outcome = check(&draw(seed), false).expect("what is drawn can be configured");
    outcome.broken.map(|broken| broken.violation.invariant)
}

/// The scenario that the table has of a defect.
fn documented(defect: Defect) -> Scenario {
    let table = include_str!("../../docs/planted-defects.md");
    let name = defect.name();
    let heading = format!("<code>{name}</code>");
    let part = table.split(&heading).nth(1);
    let toml = part.and_then(|part| part.split("```toml\n").nth(1)?.split("```").next());
    let toml = toml.unwrap_or_else(|| panic!("{name} is not in the table"));
    Scenario::parse(toml).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What `docs/simulation.md` has step by step: its scenario that fails, and what is left of it.
fn the_tutorial_is_right() {
    let page = include_str!("../../docs/simulation.md");
    let (_, tutorial) = page.split_once("## From a failure to its test").expect("the tutorial");
    let mut files = tutorial.split("```toml\n").skip(1).filter_map(|it| it.split("```").next());
    let (failing, smallest) = (files.next().expect("a file"), files.next().expect("another"));
    let failing = Scenario::parse(failing).expect("a scenario");
    plant(Some(Defect::SupersededResent));
    let shrunk =
        shrink::shrink(&failing, shrink::MOST_RUNS, &mut |it| shrink::breaks(it), &mut |_| {});
    plant(None);
    let shrunk = shrunk.expect("it fails");
    assert_eq!((shrunk.invariant, shrunk.scenario.to_toml().as_str()), ("S13", smallest));
    assert_eq!(shrink::breaks(&failing), None, "a sound core keeps it");
}

/// One test for all, since a defect is planted in every session of the process.
#[test]
fn exploration_finds_every_planted_defect_and_the_table_has_a_handful_that_shows_it() {
    for &defect in Defect::ALL {
        let (name, scenario) = (defect.name(), documented(defect));
        plant(Some(defect));
        let hit = (0..SEEDS).find_map(|seed| broken(seed).map(|invariant| (seed, invariant)));
        let (seed, invariant) = hit.unwrap_or_else(|| panic!("{name} shows in no seed"));
        println!("{name:26} {invariant:4} seed {seed:3}");
        assert!(shrink::breaks(&scenario).is_some(), "{name}: what the table has does not show it");
        plant(None);
        assert_eq!(shrink::breaks(&scenario), None, "{name}: a sound core keeps it");
        let left =
            scenario.work.ops.len() + scenario.work.commands as usize + scenario.faults.len();
        assert!(left <= HANDFUL || LARGER.contains(&defect), "{name}: {left} are left");
    }
    for seed in 0..SEEDS {
        assert_eq!(broken(seed), None, "seed {seed} without a defect");
    }
    the_tutorial_is_right();
}
