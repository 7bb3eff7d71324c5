//! The fields of every section but operations and faults, for reading and for writing.

use super::fields::Fields;
use super::value::{Value, choice, names, quote};
use crate::scenario::{Limits, Overrides, QueueOverride, Topology, Work, Workload};
use crate::{ChaosConfig, Scenario};
use std::time::Duration;
use toml::de::DeValue;

/// What stands above the first section, behind the schema.
pub(super) fn head<F: Fields>(f: &mut F, scenario: &mut Scenario) -> Result<(), F::Error> {
    f.required("name", &mut scenario.name)?;
    f.field("about", &mut scenario.about)?;
    f.field("seed", &mut scenario.seed)?;
    f.field("duration_ms", &mut scenario.duration)
}

pub(super) fn topology<F: Fields>(f: &mut F, topology: &mut Topology) -> Result<(), F::Error> {
    f.field("controllers", &mut topology.controllers)?;
    f.field("devices", &mut topology.devices)?;
    f.field("lamps", &mut topology.lamps)?;
    f.field("round_trip_ms", &mut topology.round_trip)?;
    f.field("dials", &mut topology.dials)
}

pub(super) fn overrides<F: Fields>(f: &mut F, config: &mut Overrides) -> Result<(), F::Error> {
    f.field("size", &mut config.size)?;
    f.field("preset", &mut config.preset)?;
    f.field("exponential", &mut config.exponential)?;
    f.field("window", &mut config.window)?;
    let QueueOverride { limit, policy } = &mut config.queue;
    f.field("queue_limit", limit)?;
    f.field("queue_policy", policy)?;
    f.field("id_window", &mut config.id_window)?;
    f.field("deadline_ms", &mut config.deadline)?;
    f.field("max_attempts", &mut config.max_attempts)?;
    f.field("jitter_ms", &mut config.jitter)?;
    f.field("ack_timer_initial_ms", &mut config.ack_timer_initial)?;
    f.field("ack_timer_floor_ms", &mut config.ack_timer_floor)?;
    f.field("ack_timer_ceiling_ms", &mut config.ack_timer_ceiling)?;
    f.field("copy_lifetime_ms", &mut config.copy_lifetime)?;
    f.field("ride_through", &mut config.ride_through)?;
    f.field("redial_base_ms", &mut config.redial_base)?;
    f.field("redial_cap_ms", &mut config.redial_cap)?;
    f.field("redial_stable_ms", &mut config.redial_stable)?;
    f.field("heartbeat_ms", &mut config.heartbeat)?;
    f.field("silence_ms", &mut config.silence)?;
    f.field("packet_timeout_ms", &mut config.packet_timeout)?;
    f.field("manual", &mut config.manual)?;
    let QueueOverride { limit, policy } = &mut config.inbox_states;
    f.field("inbox_states_limit", limit)?;
    f.field("inbox_states_policy", policy)?;
    let QueueOverride { limit, policy } = &mut config.inbox_messages;
    f.field("inbox_messages_limit", limit)?;
    f.field("inbox_messages_policy", policy)?;
    f.field("dedup_ttl_ms", &mut config.dedup_ttl)?;
    f.field("counters", &mut config.counters)
}

/// The fields that `[chaos]` itself has for the way to the device only.
pub(super) fn latency<F: Fields>(f: &mut F, chaos: &mut ChaosConfig) -> Result<(), F::Error> {
    f.field("latency_ms", &mut chaos.latency)?;
    f.field("latency_variance", &mut chaos.latency_variance)?;
    f.field("latency_profile", &mut chaos.latency_profile)
}

/// The other fields of chaos.
pub(super) fn impairments<F: Fields>(f: &mut F, chaos: &mut ChaosConfig) -> Result<(), F::Error> {
    f.field("packet_loss_rate", &mut chaos.packet_loss_rate)?;
    f.field("drop_pattern", &mut chaos.drop_pattern)?;
    f.field("duplicate_rate", &mut chaos.duplicate_rate)?;
    f.field("reorder_rate", &mut chaos.reorder_rate)?;
    f.field("reorder_delay_ms", &mut chaos.reorder_delay)?;
    f.field("reorder_buffer_size", &mut chaos.reorder_buffer_size)?;
    f.field("corruption_rate", &mut chaos.corruption_rate)?;
    f.field("corruption_bytes", &mut chaos.corruption_bytes)?;
    f.field("split_rate", &mut chaos.split_rate)?;
    f.field("coalesce_rate", &mut chaos.coalesce_rate)?;
    f.field("pause_ms", &mut chaos.pause)?;
    f.field("nack_rate", &mut chaos.nack_rate)?;
    f.field("slow_rate", &mut chaos.slow_rate)?;
    f.field("slow_ms", &mut chaos.slow)?;
    f.field("late_tick_rate", &mut chaos.late_tick_rate)?;
    f.field("late_tick_ms", &mut chaos.late_tick)?;
    f.field("early_tick_rate", &mut chaos.early_tick_rate)
}

/// All fields of chaos.
pub(super) fn chaos<F: Fields>(f: &mut F, chaos: &mut ChaosConfig) -> Result<(), F::Error> {
    latency(f, chaos)?;
    impairments(f, chaos)
}

/// What kind of workload one is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Closed,
    Steady,
    Burst,
    Group,
    Random,
}

names!(Kind:
    Self::Closed => "closed",
    Self::Steady => "steady",
    Self::Burst => "burst",
    Self::Group => "group",
    Self::Random => "random",
);

impl Kind {
    const fn of(workload: Workload) -> Self {
        match workload {
            Workload::Closed { .. } => Self::Closed,
            Workload::Steady { .. } => Self::Steady,
            Workload::Burst { .. } => Self::Burst,
            Workload::Group => Self::Group,
            Workload::Random { .. } => Self::Random,
        }
    }

    const fn blank(self) -> Workload {
        match self {
            Self::Closed => Workload::Closed { workers: 1 },
            Self::Steady => Workload::Steady { every: Duration::ZERO },
            Self::Burst => Workload::Burst { size: 0, every: Duration::ZERO },
            Self::Group => Workload::Group,
            Self::Random => Workload::Random { gap: Duration::ZERO },
        }
    }
}

/// A workload of the same kind that says nothing that is not required.
pub(super) const fn blank_workload(given: Workload) -> Workload {
    Kind::of(given).blank()
}

/// The workload, and what else is said of it.
pub(super) fn workload<F: Fields>(f: &mut F, work: &mut Work) -> Result<(), F::Error> {
    let given = work.workload.unwrap_or(Workload::Group);
    let mut kind = Kind::of(given);
    f.tag("kind", &mut kind)?;
    let mut workload = if Kind::of(given) == kind { given } else { kind.blank() };
    match &mut workload {
        Workload::Closed { workers } => f.field("workers", workers)?,
        Workload::Steady { every } => f.required("every_ms", every)?,
        Workload::Burst { size, every } => {
            f.required("size", size)?;
            f.required("every_ms", every)?;
        }
        Workload::Group => {}
        Workload::Random { gap } => f.required("gap_ms", gap)?,
    }
    work.workload = Some(workload);
    f.required("commands", &mut work.commands)?;
    f.field("until", &mut work.until)
}

pub(super) fn limits<F: Fields>(f: &mut F, limits: &mut Limits) -> Result<(), F::Error> {
    f.field("p50_ms", &mut limits.p50)?;
    f.field("p95_ms", &mut limits.p95)?;
    f.field("p99_ms", &mut limits.p99)?;
    f.field("success", &mut limits.success)?;
    f.field("spurious", &mut limits.spurious)?;
    f.field("spurious_after", &mut limits.spurious_after)?;
    f.field("applied_twice", &mut limits.applied_twice)
}
