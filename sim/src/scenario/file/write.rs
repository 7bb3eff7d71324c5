//! A scenario as a text: what is as it would be anyway is left out.

use super::SCHEMA;
use super::fields::{Entry, Writer};
use super::happenings::{blank_fault, blank_op, fault, op};
use super::sections::{
    blank_workload, chaos, head, impairments, latency, limits, overrides, topology, workload,
};
use crate::scenario::{Limits, Overrides, Phase, Topology, Work};
use crate::{ChaosConfig, Scenario};

/// One field as it is written.
type Line = (&'static str, String);

/// The fields that differ from those of `base`, and those that have to be given.
fn changed(entries: Vec<Entry>, base: &[Entry]) -> Vec<Line> {
    let differs = |entry: &Entry| {
        let as_before = base.iter().any(|old| old.name == entry.name && old.text == entry.text);
        entry.always || !as_before
    };
    let entries = entries.into_iter().filter(differs);
    entries.filter_map(|Entry { name, text, .. }| Some((name, text?))).collect()
}

/// A text that grows section by section.
struct Text(String);

impl Text {
    fn lines(&mut self, lines: &[Line]) {
        for (name, value) in lines {
            self.0 += &format!("{name} = {value}\n");
        }
    }

    fn section(&mut self, header: &str, lines: &[Line]) {
        self.0 += &format!("\n{header}\n");
        self.lines(lines);
    }

    fn section_unless_empty(&mut self, header: &str, lines: &[Line]) {
        if !lines.is_empty() {
            self.section(header, lines);
        }
    }
}

/// The scenario as a text.
pub(super) fn scenario(scenario: &Scenario) -> String {
    let Scenario { topology: who, controller, device, work, faults, .. } = scenario;
    let mut text = Text(format!("schema = {SCHEMA}\n"));
    let of_head = |scenario: &Scenario| Writer::entries(|f| head(f, &mut scenario.clone()));
    text.lines(&changed(of_head(scenario), &of_head(&Scenario::default())));

    let of_topology = |mut who: Topology| Writer::entries(|f| topology(f, &mut who));
    let lines = changed(of_topology(*who), &of_topology(Topology::default()));
    text.section_unless_empty("[topology]", &lines);

    let of_config = |mut config: Overrides| Writer::entries(|f| overrides(f, &mut config));
    let base = of_config(Overrides::default());
    let mut controller = changed(of_config(*controller), &base);
    let mut device = changed(of_config(*device), &base);
    let both = take_common(&mut controller, &mut device);
    text.section_unless_empty("[config]", &both);
    text.section_unless_empty("[config.controller]", &controller);
    text.section_unless_empty("[config.device]", &device);

    if let Some(given) = work.workload {
        let of_work = |mut work: Work| Writer::entries(|f| workload(f, &mut work));
        let base = Work { workload: Some(blank_workload(given)), ..Work::default() };
        let work = Work { ops: Vec::new(), ..work.clone() };
        text.section("[workload]", &changed(of_work(work), &of_work(base)));
    }
    phases(&mut text, &scenario.chaos);
    for next in &work.ops {
        let base = Writer::entries(|f| op(f, &mut blank_op(next.act)));
        let lines = changed(Writer::entries(|f| op(f, &mut next.clone())), &base);
        text.section("[[op]]", &lines);
    }
    for next in faults {
        let base = Writer::entries(|f| fault(f, &mut blank_fault(next.what.kind())));
        let lines = changed(Writer::entries(|f| fault(f, &mut next.clone())), &base);
        text.section("[[fault]]", &lines);
    }
    let of_limits = |mut given: Limits| Writer::entries(|f| limits(f, &mut given));
    let lines = changed(of_limits(scenario.limits), &of_limits(Limits::default()));
    text.section_unless_empty("[limits]", &lines);
    text.0
}

/// Moves what is said of both alike out of them.
fn take_common(one: &mut Vec<Line>, other: &mut Vec<Line>) -> Vec<Line> {
    let (both, rest) = std::mem::take(one).into_iter().partition(|line| other.contains(line));
    *one = rest;
    other.retain(|line| !both.contains(line));
    both
}

fn phases(text: &mut Text, all: &[Phase]) {
    let mut before = Phase::default();
    for (nth, phase) in all.iter().enumerate() {
        let of_latency = |chaos: &ChaosConfig| Writer::entries(|f| latency(f, &mut chaos.clone()));
        let of_rest = |chaos: &ChaosConfig| Writer::entries(|f| impairments(f, &mut chaos.clone()));
        let of_all = |with: &ChaosConfig| Writer::entries(|f| chaos(f, &mut with.clone()));
        let (to, from) = (&phase.to_device, &phase.from_device);
        let mut shared = changed(of_latency(to), &of_latency(&before.to_device));
        let mut to_device = changed(of_rest(to), &of_rest(&before.to_device));
        let mut from_device = changed(of_all(from), &of_all(&before.from_device));
        shared.append(&mut take_common(&mut to_device, &mut from_device));
        let header = if nth == 0 {
            text.section("[chaos]", &shared);
            "chaos"
        } else {
            text.section("[[phase]]", &[("after_commands", phase.after_commands.to_string())]);
            text.lines(&shared);
            "phase"
        };
        text.section_unless_empty(&format!("[{header}.to_device]"), &to_device);
        text.section_unless_empty(&format!("[{header}.from_device]"), &from_device);
        before = phase.clone();
    }
}
