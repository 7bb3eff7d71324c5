//! What came of a simulated run, as an object: the same for every command that prints one (`docs/output.md`).

use cync_sim::world::{Broken, Outcome};
use cync_sim::{FaultKind, Missed, Scenario};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The percentiles that are told of latencies, in thousandths.
pub(crate) const PERCENTILES: [(&str, u64); 3] = [("p50", 500), ("p95", 950), ("p99", 990)];

/// Commands that reached their stage, in millionths of all; rounded down, so that what is not all of it never reads so.
pub(crate) fn success(outcome: &Outcome) -> Option<u64> {
    let reached = u128::from(outcome.reached) * 1_000_000;
    u64::try_from(reached.checked_div(outcome.commands.into())?).ok()
}

/// The longest that succeeded, in microseconds.
pub(crate) fn longest(outcome: &Outcome) -> Option<u64> {
    let latency = &outcome.latency;
    (latency.total() > latency.endless()).then(|| latency.max())
}

/// The faults that happened, and how often.
pub(crate) fn effects(outcome: &Outcome) -> impl Iterator<Item = (FaultKind, u64)> {
    let all = FaultKind::ALL.into_iter().map(|kind| (kind, outcome.effects.of(kind)));
    all.filter(|(_, count)| *count > 0)
}

/// All that is told of a run.
pub(crate) fn as_json(scenario: &Scenario, outcome: &Outcome, missed: &[Missed]) -> Value {
    let told = PERCENTILES.map(|(name, permille)| (name, outcome.latency.permille(permille)));
    let latency = told.into_iter().chain([("max", longest(outcome))]);
    let latency: Map<String, Value> =
        latency.map(|(name, micros)| (name.to_owned(), json!(micros))).collect();
    let effects: Map<String, Value> =
        effects(outcome).map(|(kind, count)| (kind.name().to_owned(), count.into())).collect();
    let missed: Vec<Value> = missed
        .iter()
        .map(|missed| json!({ "limit": missed.name(), "what": missed.to_string() }))
        .collect();
    let broken = outcome.broken.as_ref().map(|Broken { violation, at }| {
        let at = micros(*at);
        json!({ "invariant": violation.invariant, "what": violation.what, "at_us": at })
    });
    json!({
        "scenario": scenario.name,
        "seed": scenario.seed,
        "commands": outcome.commands,
        "reached": outcome.reached,
        "success_ppm": success(outcome),
        "nacked": outcome.nacked,
        "not_sent": outcome.not_sent,
        "unknown": outcome.unknown,
        "refused": outcome.refused,
        "latency_us": latency,
        "retransmissions": outcome.repeated,
        "spurious": outcome.spurious,
        "spurious_of": outcome.first_counted,
        "duplicates_dropped": {
            "by_device": outcome.devices.duplicates,
            "by_controller": outcome.controllers.duplicates,
        },
        "unmatched_answers": outcome.controllers.unmatched_answers,
        "executed": outcome.executed,
        "applied_twice": outcome.applied_twice,
        "packets": outcome.packets,
        "faults": effects,
        "time_us": micros(outcome.time),
        "hash": format!("{:016x}", outcome.hash),
        "missed": missed,
        "broken": broken,
        "interrupted": outcome.stopped,
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
