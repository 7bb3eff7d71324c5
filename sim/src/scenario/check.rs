//! What makes no sense in a scenario.

use super::{Act, Op, Overrides, Phase, Side, Workload};
use crate::{AnySession, ChaosConfig, DropPattern, Ppm, Scenario};
use cync_core::wire::Endpoint;
use cync_core::{AuthCode, Config, Stage};
use std::fmt;
use std::time::Duration;

/// A step on the way to a place in a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Into this section, or to this field.
    Field(&'static str),
    /// To this element.
    Nth(usize),
}

impl From<&'static str> for Step {
    fn from(name: &'static str) -> Self {
        Self::Field(name)
    }
}

impl From<usize> for Step {
    fn from(nth: usize) -> Self {
        Self::Nth(nth)
    }
}

/// Something in a scenario that makes no sense, or contradicts something else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contradiction {
    place: Vec<Step>,
    rule: String,
}

impl Contradiction {
    fn new<const N: usize>(place: [Step; N], rule: impl Into<String>) -> Self {
        Self { place: place.into(), rule: rule.into() }
    }

    pub(super) fn place(&self) -> &[Step] {
        &self.place
    }

    /// What is wrong, and what would not be.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, step) in self.place.iter().enumerate() {
            match step {
                Step::Field(name) if nth == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Nth(nth) => write!(f, "[{nth}]")?,
            }
        }
        let separator = if self.place.is_empty() { "" } else { ": " };
        write!(f, "{separator}{}", self.rule)
    }
}

impl std::error::Error for Contradiction {}

type Checked = Result<(), Contradiction>;

/// Makes a place out of its steps.
macro_rules! at {
    ($($step:expr),*) => { [$(Step::from($step)),*] };
}

/// Fails with a place and a rule, unless a condition holds.
macro_rules! demand {
    ($holds:expr, [$($step:expr),*], $($rule:tt)+) => {
        if !$holds {
            return Err(Contradiction::new(at![$($step),*], format!($($rule)+)));
        }
    };
}

// Behind the macros that it uses.
mod happenings;

impl Scenario {
    /// Checks that the parts of the scenario make sense, and fit each other.
    ///
    /// # Errors
    /// What does not, and why.
    pub fn check(&self) -> Result<(), Contradiction> {
        self.check_topology()?;
        self.check_configs()?;
        self.check_work()?;
        self.check_ops()?;
        self.check_chaos()?;
        self.check_faults()?;
        self.check_limits()
    }

    fn check_topology(&self) -> Checked {
        let who = &self.topology;
        let counts = [
            ("controllers", who.controllers),
            ("devices", who.devices),
            ("lamps", who.lamps.into()),
        ];
        for (name, count) in counts {
            demand!(count > 0, ["topology", name], "{name} is 0: there is one at least");
        }
        demand!(who.lamps < u8::MAX, ["topology", "lamps"], "lamps is 255: addresses end at 254");
        let links = self.links();
        demand!(
            links <= 1 << 16,
            ["topology"],
            "{} controllers and {} devices have {links} links: there are 65536 at most",
            who.controllers,
            who.devices
        );
        demand!(
            self.duration != Some(Duration::ZERO),
            ["duration_ms"],
            "duration_ms is 0: nothing would happen"
        );
        Ok(())
    }

    fn links(&self) -> u32 {
        u32::from(self.topology.controllers) * u32::from(self.topology.devices)
    }

    /// The configurations of the two sides, as sessions would be given them.
    fn configs(&self) -> Result<[Config; 2], Contradiction> {
        // Whose endpoint it is, and with which code it greets, is nothing that a configuration is refused for.
        let auth = AuthCode::new(&[]).map_err(|error| Contradiction::new([], error.to_string()))?;
        let build = |side, overrides: &Overrides| {
            let greets = self.topology.dials == side;
            let config = if greets {
                Config::greeter(Endpoint(0), auth.clone())
            } else {
                Config::listener(Endpoint(0))
            };
            overrides.apply(config)
        };
        let mut controller = build(Side::Controller, &self.controller);
        let mut device = build(Side::Device, &self.device);
        self.controller.meet(&mut controller, &device);
        self.device.meet(&mut device, &controller);
        Ok([controller, device])
    }

    fn check_configs(&self) -> Checked {
        let [controller, device] = self.configs()?;
        let sides =
            [("controller", &self.controller, controller), ("device", &self.device, device)];
        for (side, overrides, config) in sides {
            let round_trip = self.topology.round_trip;
            let patience = [
                ("copy_lifetime_ms", config.copy_lifetime, "copies are not answered later"),
                ("the time for a greeting", config.greeting_timeout, "no greeting takes so long"),
            ];
            for (name, time, why) in patience {
                demand!(
                    round_trip < time,
                    ["topology", "round_trip_ms"],
                    "round_trip_ms is {round_trip:?}, and {name} of a {side} is {time:?}: {why}"
                );
            }
            let refused = AnySession::new(overrides.size(), config, self.seed).err();
            if let Some(error) = refused {
                let rule = format!("the session of a {side} refuses this configuration: {error}");
                return Err(Contradiction::new(at!["config", side], rule));
            }
        }
        Ok(())
    }

    fn check_work(&self) -> Checked {
        let work = &self.work;
        let Some(workload) = work.workload else {
            demand!(
                work.commands == 0 && work.until.is_none(),
                ["workload"],
                "commands and until say nothing without a kind of workload"
            );
            demand!(
                !work.ops.is_empty(),
                [],
                "nobody is asked for anything: there is no [workload] and no [[op]]"
            );
            return Ok(());
        };
        demand!(
            work.commands > 0,
            ["workload", "commands"],
            "commands is 0: a workload sends one at least"
        );
        let zero = |name| {
            let rule = format!("{name} is 0: it must not be");
            Err(Contradiction::new(at!["workload", name], rule))
        };
        let lamps = self.topology.lamps;
        match workload {
            Workload::Closed { workers: 0 } => zero("workers"),
            Workload::Burst { size: 0, .. } => zero("size"),
            Workload::Steady { every: Duration::ZERO }
            | Workload::Burst { every: Duration::ZERO, .. } => zero("every_ms"),
            Workload::Random { gap: Duration::ZERO } => zero("gap_ms"),
            Workload::Closed { workers } if workers > lamps => {
                let rule = format!(
                    "workers is {workers}, but lamps is {lamps}: each worker has a lamp of its own"
                );
                Err(Contradiction::new(at!["workload", "workers"], rule))
            }
            _ => Ok(()),
        }
    }

    /// How many commands are sent, in all.
    fn commands(&self) -> u64 {
        let ops = self.work.ops.iter().filter(|op| matches!(op.act, Act::Send { .. }));
        self.work.commands.saturating_add(u64::try_from(ops.count()).unwrap_or(u64::MAX))
    }

    fn check_chaos(&self) -> Checked {
        let commands = self.commands();
        let mut before = None;
        for (nth, phase) in self.chaos.iter().enumerate() {
            let after = phase.after_commands;
            let index = nth.saturating_sub(1);
            if nth == 0 {
                demand!(after == 0, ["chaos"], "the first chaos begins at once, not later");
            } else {
                demand!(
                    before < Some(after),
                    ["phase", index, "after_commands"],
                    "after_commands is {after}: phases are in the order in which they begin"
                );
                demand!(
                    after < commands,
                    ["phase", index, "after_commands"],
                    "after_commands is {after}, but {commands} commands are sent: the phase never begins"
                );
            }
            before = Some(after);
            for (way, chaos) in
                [("to_device", &phase.to_device), ("from_device", &phase.from_device)]
            {
                let senseless = senseless(chaos).or_else(|| idle_profile(way, chaos));
                let Some((field, rule)) = senseless else { continue };
                return Err(if nth == 0 {
                    Contradiction::new(at!["chaos", way, field], rule)
                } else {
                    Contradiction::new(at!["phase", index, way, field], rule)
                });
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Checked {
        let limits = &self.limits;
        let percentiles = [("p50_ms", limits.p50), ("p95_ms", limits.p95), ("p99_ms", limits.p99)];
        let given: Vec<_> =
            percentiles.into_iter().filter_map(|(name, limit)| Some((name, limit?))).collect();
        for pair in given.windows(2) {
            let [(lower, less), (upper, more)] = pair else { continue };
            demand!(
                less <= more,
                ["limits", *lower],
                "{lower} is longer than {upper}: a percentile is never longer than a higher one"
            );
        }
        let commands = self.commands();
        if limits.spurious_after > 0 {
            demand!(
                limits.spurious.is_some(),
                ["limits", "spurious_after"],
                "spurious_after says nothing without spurious"
            );
            demand!(
                limits.spurious_after < commands,
                ["limits", "spurious_after"],
                "spurious_after is {}, but {commands} commands are sent: nothing would be counted",
                limits.spurious_after
            );
        }
        demand!(
            limits.spurious != Some(Ppm::ZERO),
            ["limits", "spurious"],
            "spurious is 0: no run stays below that"
        );
        let impossible = limits.success > Some(Ppm::ZERO) && self.is_hopeless();
        demand!(
            !impossible,
            ["limits", "success"],
            "success cannot be: every packet of one direction is lost all the time"
        );
        Ok(())
    }

    /// Whether no command can reach its stage, because all that is sent in one direction is lost from beginning to end.
    fn is_hopeless(&self) -> bool {
        let loses_all = |chaos: &ChaosConfig| {
            chaos.drop_pattern.is_none() && Ppm::new(1_000_000) == Some(chaos.packet_loss_rate)
        };
        let needs_answers = match self.work.workload {
            // They may be content with less.
            Some(Workload::Random { .. }) => self.work.until > Some(Stage::Sent),
            _ => self.work.until != Some(Stage::Sent),
        };
        let ops_do = |op: &Op| !matches!(op.act, Act::Send { until: Stage::Sent, .. });
        let lost = |way: fn(&Phase) -> &ChaosConfig| {
            !self.chaos.is_empty() && self.chaos.iter().all(|phase| loses_all(way(phase)))
        };
        needs_answers
            && self.work.ops.iter().all(ops_do)
            && (lost(|phase| &phase.to_device) || lost(|phase| &phase.from_device))
    }
}

/// A profile where no command travels.
fn idle_profile(way: &str, chaos: &ChaosConfig) -> Option<(&'static str, &'static str)> {
    let rule = "latency_profile is about commands, and they travel to the device only";
    (way == "from_device" && chaos.latency_profile.is_some()).then_some(("latency_profile", rule))
}

/// The field of a chaos that contradicts another, or itself, and the rule.
fn senseless(chaos: &ChaosConfig) -> Option<(&'static str, &'static str)> {
    if chaos.latency_profile.is_some() {
        let replaced = "latency_profile replaces it: there is one or the other";
        if chaos.latency > Duration::ZERO {
            return Some(("latency_ms", replaced));
        }
        // What nobody wrote is not refused.
        let unsaid =
            [ChaosConfig::NONE, ChaosConfig::default()].map(|chaos| chaos.latency_variance);
        if !unsaid.contains(&chaos.latency_variance) {
            return Some(("latency_variance", replaced));
        }
    }
    if chaos.corruption_rate > Ppm::ZERO && chaos.corruption_bytes == 0 {
        return Some((
            "corruption_bytes",
            "corruption_bytes is 0: a corrupted packet has one at least",
        ));
    }
    if chaos.reorder_rate > Ppm::ZERO && chaos.reorder_buffer_size == 0 {
        let rule = "reorder_buffer_size is 0: no packet could be held back";
        return Some(("reorder_buffer_size", rule));
    }
    if chaos.reorder_rate > Ppm::ZERO && chaos.reorder_delay == Duration::ZERO {
        let rule = "reorder_delay_ms is 0: no packet would be overtaken";
        return Some(("reorder_delay_ms", rule));
    }
    match &chaos.drop_pattern {
        Some(DropPattern::Every { every: 0, .. }) => {
            Some(("drop_pattern", "every is 0: the commands of a pattern are some way apart"))
        }
        Some(DropPattern::Every { first: 0, .. }) => {
            Some(("drop_pattern", "first is 0: commands are counted from 1"))
        }
        Some(DropPattern::List(list)) if list.contains(&0) => {
            Some(("drop_pattern", "there is no command 0: commands are counted from 1"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Scenario {
        Scenario::parse("schema = 1\nname = \"\"\n[workload]\nkind = \"group\"\ncommands = 10\n")
            .unwrap()
    }

    #[test]
    fn what_no_file_can_say_is_found_all_the_same() {
        let mut late = good();
        late.chaos.push(Phase { after_commands: 5, ..Phase::default() });
        let found = late.check().unwrap_err();
        assert_eq!(found.to_string(), "chaos: the first chaos begins at once, not later");
        let mut nobody = good();
        nobody.work.workload = None;
        let found = nobody.check().unwrap_err();
        assert!(found.rule().contains("without a kind of workload"), "{found}");
    }

    #[test]
    fn a_contradiction_names_its_place() {
        let mut none = good();
        none.work.commands = 0;
        let found = none.check().unwrap_err();
        let expected = "workload.commands: commands is 0: a workload sends one at least";
        assert_eq!(found.to_string(), expected);
        let idle = Scenario::default().check().unwrap_err();
        assert!(idle.to_string().starts_with("nobody is asked"), "{idle}");
    }
}
