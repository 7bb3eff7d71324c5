//! A scenario out of its text, section by section.

use super::SCHEMA;
use super::fields::{Fields, Mistake, Reader};
use super::happenings::{blank_fault, blank_op, fault, op};
use super::sections::{chaos, head, impairments, limits, overrides, topology, workload};
use crate::scenario::{Act, Phase};
use crate::{FaultKind, Scenario};
use toml::de::DeTable;

/// The scenario that a document describes, whether or not it makes sense.
pub(super) fn scenario(text: &str, document: &DeTable<'_>) -> Result<Scenario, Mistake> {
    let mut top = Reader::new(text, document);
    schema(&mut top)?;
    let mut scenario = Scenario::default();
    head(&mut top, &mut scenario)?;
    top.section("topology", |f| topology(f, &mut scenario.topology))?;
    top.section("config", |f| {
        let Scenario { controller, device, .. } = &mut scenario;
        overrides(f, controller)?;
        *device = *controller;
        f.section("controller", |f| overrides(f, controller))?;
        f.section("device", |f| overrides(f, device))?;
        Ok(())
    })?;
    top.section("workload", |f| workload(f, &mut scenario.work))?;
    top.list("op", |f| {
        let mut next = blank_op(Act::Ping);
        op(f, &mut next)?;
        scenario.work.ops.push(next);
        Ok(())
    })?;
    let mut phase = Phase::default();
    if top.section("chaos", |f| both(f, &mut phase))? {
        scenario.chaos.push(phase);
    }
    top.list("phase", |f| {
        if scenario.chaos.is_empty() {
            scenario.chaos.push(Phase::default());
        }
        let mut phase = scenario.chaos.last().cloned().unwrap_or_default();
        f.required("after_commands", &mut phase.after_commands)?;
        both(f, &mut phase)?;
        scenario.chaos.push(phase);
        Ok(())
    })?;
    top.list("fault", |f| {
        let mut next = blank_fault(FaultKind::Reset);
        fault(f, &mut next)?;
        scenario.faults.push(next);
        Ok(())
    })?;
    top.section("limits", |f| limits(f, &mut scenario.limits))?;
    top.finish()?;
    Ok(scenario)
}

/// Another schema has other rules: it is refused before any of them.
fn schema(top: &mut Reader<'_>) -> Result<(), Mistake> {
    let mut schema = SCHEMA;
    top.tag("schema", &mut schema).map_err(|Mistake { at, rule }| {
        let rule =
            format!("{rule}: a scenario says which rules it is written by, schema = {SCHEMA}");
        Mistake { at, rule }
    })?;
    if schema == SCHEMA {
        return Ok(());
    }
    let rule =
        format!("schema is {schema}: this version of cync reads schema {SCHEMA} and no other");
    Err(Mistake { at: top.place_of("schema"), rule })
}

/// What is said of both directions, and then what is said of one.
fn both(f: &mut Reader<'_>, phase: &mut Phase) -> Result<(), Mistake> {
    chaos(f, &mut phase.to_device)?;
    impairments(f, &mut phase.from_device)?;
    f.section("to_device", |f| chaos(f, &mut phase.to_device))?;
    f.section("from_device", |f| chaos(f, &mut phase.from_device))?;
    Ok(())
}
