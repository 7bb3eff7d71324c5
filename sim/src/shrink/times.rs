//! Times become round, and short.

use super::Shrinking;
use super::settings::{chaos_durations, overridden_durations};
use crate::scenario::{Act, Op, Workload};
use crate::{Fault, Place, Scenario, What};
use std::time::Duration;

/// What times are rounded to, in microseconds, the roundest first.
const ROUND: [u64; 4] = [1_000_000, 100_000, 10_000, 1_000];

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Down to one part in so many powers of two a time is shortened at once.
const SHARES: u32 = 6;

/// How far a time is from being round: 0 for none at all, 1 for whole seconds, and so on.
pub(super) fn roughness(time: Duration) -> u32 {
    let time = micros(time);
    if time == 0 {
        return 0;
    }
    let nth = ROUND.iter().position(|unit| time.is_multiple_of(*unit));
    1 + nth.unwrap_or(ROUND.len()) as u32
}

/// Times that are rounder than this one, or shorter and as round; the plainest first.
fn plainer(time: Duration) -> Vec<Duration> {
    let now = micros(time);
    let mut all = vec![0];
    for unit in ROUND {
        let below = now / unit * unit;
        all.extend([below, below.saturating_add(unit)]);
    }
    let unit = ROUND.into_iter().find(|unit| now.is_multiple_of(*unit)).unwrap_or(1);
    all.extend((1..=SHARES).map(|share| (now - (now >> share)) / unit * unit));
    all.push(now.saturating_sub(unit));
    let mut all: Vec<Duration> = all.into_iter().map(Duration::from_micros).collect();
    all.retain(|it| (roughness(*it), *it) < (roughness(time), time));
    all.sort_by_key(|it| (roughness(*it), *it));
    all.dedup();
    all
}

/// When operations and faults are due.
pub(super) fn moments(scenario: &Scenario) -> impl Iterator<Item = Duration> {
    let faults = scenario.faults.iter().filter_map(|fault| match fault.place {
        Place::At { time, .. } => Some(time),
        Place::Packet(_) | Place::Tick { .. } => None,
    });
    scenario.work.ops.iter().map(|op| op.at).chain(faults)
}

fn moments_mut(scenario: &mut Scenario) -> impl Iterator<Item = &mut Duration> {
    let faults = scenario.faults.iter_mut().filter_map(|fault| match &mut fault.place {
        Place::At { time, .. } => Some(time),
        Place::Packet(_) | Place::Tick { .. } => None,
    });
    scenario.work.ops.iter_mut().map(|op| &mut op.at).chain(faults)
}

/// Every length of time in a scenario, always in the same order.
pub(super) fn durations(scenario: &mut Scenario) -> impl Iterator<Item = &mut Duration> {
    let Scenario { topology, controller, device, work, chaos, faults, duration, .. } = scenario;
    let configured =
        overridden_durations(controller).into_iter().chain(overridden_durations(device)).flatten();
    let workload = work.workload.as_mut().and_then(workload_duration);
    let ops = work.ops.iter_mut().filter_map(op_duration);
    let phases = chaos.iter_mut().flat_map(|phase| {
        let (to, from) = (&mut phase.to_device, &mut phase.from_device);
        chaos_durations(to).into_iter().chain(chaos_durations(from))
    });
    [&mut topology.round_trip]
        .into_iter()
        .chain(configured)
        .chain(workload)
        .chain(ops)
        .chain(phases)
        .chain(faults.iter_mut().filter_map(fault_duration))
        .chain(duration)
}

const fn workload_duration(workload: &mut Workload) -> Option<&mut Duration> {
    match workload {
        Workload::Steady { every } | Workload::Burst { every, .. } => Some(every),
        Workload::Random { gap } => Some(gap),
        Workload::Closed { .. } | Workload::Group => None,
    }
}

const fn op_duration(op: &mut Op) -> Option<&mut Duration> {
    match &mut op.act {
        Act::Send { deadline, .. } => deadline.as_mut(),
        _ => None,
    }
}

const fn fault_duration(fault: &mut Fault) -> Option<&mut Duration> {
    match &mut fault.what {
        What::Delay(time)
        | What::Reorder(time)
        | What::Coalesce(time)
        | What::Slow(time)
        | What::LateTick(time)
        | What::Stall(_, time)
        | What::Partition(time)
        | What::Silent(_, time)
        | What::RefuseHello(time)
        | What::SlowReader(_, time)
        | What::Deaf(_, time)
        | What::Reboot(time)
        | What::Amnesia(time) => Some(time),
        What::Drop
        | What::Duplicate
        | What::Corrupt(_)
        | What::Split(_)
        | What::Nack(_)
        | What::EarlyTick
        | What::Reset
        | What::HalfOpen(_) => None,
    }
}

impl Shrinking<'_> {
    pub(super) fn rounder_durations(&mut self) {
        for nth in 0..durations(&mut self.best).count() {
            loop {
                // A configuration's default may have taken the place of one.
                let Some(time) = durations(&mut self.best).nth(nth).map(|it| *it) else { return };
                let change = |to| {
                    move |scenario: &mut Scenario| {
                        if let Some(time) = durations(scenario).nth(nth) {
                            *time = to;
                        }
                    }
                };
                if !plainer(time).into_iter().any(|to| self.change(change(to))) {
                    break;
                }
            }
        }
    }

    pub(super) fn rounder_times(&mut self) {
        for unit in ROUND {
            self.change(|scenario| {
                for time in moments_mut(scenario) {
                    *time = Duration::from_micros(micros(*time) / unit * unit);
                }
            });
        }
        self.shorter_gaps();
        for nth in 0..moments(&self.best).count() {
            loop {
                let Some(time) = moments(&self.best).nth(nth) else { return };
                let change = |to| {
                    move |scenario: &mut Scenario| {
                        if let Some(time) = moments_mut(scenario).nth(nth) {
                            *time = to;
                        }
                    }
                };
                if !plainer(time).into_iter().any(|to| self.change(change(to))) {
                    break;
                }
            }
        }
    }

    /// Moves everything from a moment on closer to what comes before.
    fn shorter_gaps(&mut self) {
        let mut before = Duration::ZERO;
        loop {
            let Some(next) = moments(&self.best).filter(|time| *time > before).min() else {
                return;
            };
            let gap = next - before;
            let change = |shorter: Duration| {
                move |scenario: &mut Scenario| {
                    for time in moments_mut(scenario).filter(|time| **time >= next) {
                        *time = (*time - gap).saturating_add(shorter);
                    }
                }
            };
            if !plainer(gap).into_iter().any(|shorter| self.change(change(shorter))) {
                before = next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plainer_times_are_rounder_or_shorter_and_never_the_same() {
        let ms = Duration::from_millis;
        assert_eq!(plainer(Duration::ZERO), []);
        assert_eq!(plainer(ms(1000)), [Duration::ZERO]);
        assert_eq!(plainer(ms(3000)), [0, 1000, 2000].map(ms));
        assert_eq!(plainer(ms(1234)).first(), Some(&Duration::ZERO));
        assert_eq!(plainer(ms(1234))[1..5], [1000, 2000, 1200, 1300].map(ms));
        for time in [1, 999, 1_000, 45_000, 123_456, 7_000_001] {
            let time = Duration::from_micros(time);
            let plainness = |it: Duration| (roughness(it), it);
            assert!(
                plainer(time).into_iter().all(|it| plainness(it) < plainness(time)),
                "{time:?}"
            );
        }
    }
}
