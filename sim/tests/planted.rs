//! Scenarios that show a planted defect shrink to a handful of operations and faults. `CONTRIBUTING.md` has the command.
#![cfg(planted)]

use cync_core::planted::{Defect, plant};
use cync_sim::shrink::{self, MOST_RUNS};
use std::time::Instant;

use cync_sim::explore::draw;
#[test]
fn planted_defects_shrink() {
    for seed in 1..=200 {
        let s = draw(seed);
        let b = shrink::breaks(&s);
        if let Some(b) = b { println!("clean: seed {seed}: {} {}", b.invariant, b.message) }
    }
    for &defect in Defect::ALL {
        if std::env::var("ONLY").is_ok_and(|only| only != defect.name()) { continue }
        plant(Some(defect));
        let found = (1..=200).find(|seed| { if std::env::var("ONLY").is_ok() { println!("{seed}"); } shrink::breaks(&draw(*seed)).is_some() });
        let Some(seed) = found else {
            println!("{:26} nothing", defect.name());
            continue;
        };
        let began = Instant::now();
        let s = shrink::shrink(&draw(seed), MOST_RUNS, &mut |s| shrink::breaks(s), &mut |p| if std::env::var("ONLY").is_ok() { println!("{p:?}")}).unwrap();
        println!(
            "{:26} {:4} seed {seed:3} ops {} faults {} explicit {} exhausted {} runs {} steps {} {} ms",
            defect.name(), s.invariant, s.scenario.work.ops.len(), s.scenario.faults.len(), s.explicit, s.exhausted, s.runs, s.steps,
            began.elapsed().as_millis()
        );
        if std::env::var("SHOW").is_ok() {
            println!("{}\n{}", s.message, s.scenario.to_toml());
        }
    }
    plant(None);
}
