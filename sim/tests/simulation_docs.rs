//! The examples of `docs/simulation.md`: each does what its section is about, and nothing breaks by it.

use cync_sim::explore::check;
use cync_sim::{FaultKind, Scenario};
use std::collections::BTreeSet;

#[test]
fn every_kind_of_fault_has_a_section_with_an_example_in_which_it_takes_effect() {
    let page = include_str!("../../docs/simulation.md");
    let (_, rest) = page.split_once("## What goes wrong").expect("a chapter on what goes wrong");
    let (chapter, _) = rest.split_once("\n## ").expect("another chapter");
    let header = chapter.split("```text\n").nth(1).and_then(|it| it.split("```").next());
    let header = header.expect("the lines above the examples");
    let mut kinds = BTreeSet::new();
    for section in chapter.split("\n### ").skip(1) {
        let name = section.split('`').nth(1).expect("a kind in the heading");
        let kind = FaultKind::from_name(name).unwrap_or_else(|| panic!("{name} is no kind"));
        let example = section.split("```toml\n").nth(1).and_then(|it| it.split("```").next());
        let example = example.unwrap_or_else(|| panic!("{name} has no example"));
        let scenario = Scenario::parse(&format!("{header}{example}"));
        let scenario = scenario.unwrap_or_else(|error| panic!("{name}: {error}"));
        let outcome = check(&scenario, false).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(outcome.broken, None, "{name}");
        assert!(outcome.effects.of(kind) > 0, "{name}: it takes no effect");
        kinds.insert(kind);
    }
    assert_eq!(kinds, BTreeSet::from(FaultKind::ALL), "kinds without a section");
}
