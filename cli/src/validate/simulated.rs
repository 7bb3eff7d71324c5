//! Measurements in virtual time: the same each time, on every machine.

use super::exchanges::{Exchange, Exchanges, Link};
use super::figures::{Ack, Group, Measured, Times};
use cync_sim::scenario::{Act, Op, Phase, Scenario, Work, Workload};
use cync_sim::world::{Options, Stop, run_traced};
use cync_sim::{ChaosConfig, LatencyProfile};
use std::time::Duration;

/// Commands to one device, one after the other.
pub(crate) const COMMANDS: u64 = 1000;
/// Samples of each kind of acknowledgement.
pub(crate) const SAMPLES: u16 = 120;
/// Devices of a group.
pub(crate) const DEVICES: u16 = 10;
/// How often the group is switched.
pub(crate) const ROUNDS: u16 = 100;

/// Measures everything over a link with the default round trip, on which commands take so much longer.
pub(crate) fn measure(profile: Option<LatencyProfile>, stop: Stop) -> Result<Measured, String> {
    let traced = |scenario: &Scenario| traced(scenario, stop);
    let one = traced(&scenario(profile, 1, COMMANDS))?;
    let (commands, repeated) = commands(&one, COMMANDS as usize);
    let mut many = scenario(profile, SAMPLES, SAMPLES.into());
    many.work.ops = (0..SAMPLES).map(ping).collect();
    let many = traced(&many)?;
    let ten = traced(&scenario(profile, DEVICES, u64::from(DEVICES) * u64::from(ROUNDS)))?;
    Ok(Measured { commands, repeated, acks: acks(&one, &many), group: group(&ten) })
}

/// Commands to all devices at once, again and again.
fn scenario(profile: Option<LatencyProfile>, devices: u16, commands: u64) -> Scenario {
    let mut scenario = Scenario { name: "validation".into(), seed: 1, ..Scenario::default() };
    scenario.topology.devices = devices;
    scenario.work = Work { workload: Some(Workload::Group), commands, ..Work::default() };
    let to_device = ChaosConfig { latency_profile: profile, ..ChaosConfig::default() };
    scenario.chaos = vec![Phase { to_device, ..Phase::default() }];
    scenario
}

/// A sign of life, when everything else is done.
fn ping(link: u16) -> Op {
    let at = Duration::from_secs(10) + Duration::from_millis(link.into());
    Op { number: u32::from(link) + 1, at, link, act: Act::Ping }
}

/// What a run says of times. Whether all is right in it is what other runs are watched for.
fn traced(scenario: &Scenario, stop: Stop) -> Result<Exchanges, String> {
    let options = Options { watched: false, stop, ..Options::default() };
    let mut trace = Vec::new();
    let outcome = run_traced(scenario, options, &mut trace)
        .map_err(|error| format!("the simulation cannot be run: {error}"))?;
    if let Some(broken) = outcome.broken {
        return Err(format!("the simulation found a defect: {}", broken.violation));
    }
    if outcome.stopped {
        return Err("interrupted".into());
    }
    Exchanges::of(&trace).ok_or_else(|| "the simulation's trace cannot be read".to_owned())
}

/// The first commands of a link, each with the time of its `send`. A run ends with further ones, which show that all is well.
fn of_link(link: &Link, most: usize) -> impl Iterator<Item = (u64, Option<&Exchange>)> {
    let commands = link.of(Ack::Data);
    link.sent.iter().take(most).enumerate().map(|(nth, sent)| (*sent, commands.get(nth)))
}

fn took(sent: u64, exchange: Option<&Exchange>) -> Option<u64> {
    Some(exchange?.answered? - sent)
}

/// How long the first commands of each link took, and how often they were repeated.
fn commands(all: &Exchanges, most: usize) -> (Times, u64) {
    let each = || all.links.values().flat_map(|link| of_link(link, most));
    let times = each().map(|(sent, exchange)| took(sent, exchange)).collect();
    let repeated = each().filter_map(|(_, exchange)| Some(exchange?.copies - 1)).sum();
    (times, repeated)
}

/// Commands and states of one link, greetings and signs of life of many: there the first of each.
fn acks(one: &Exchanges, many: &Exchanges) -> [Times; 4] {
    Ack::ALL.map(|ack| {
        let (all, most) = match ack {
            Ack::Data | Ack::Status => (one, COMMANDS as usize),
            Ack::Hello | Ack::Heartbeat => (many, 1),
        };
        let kind = |link| Link::of(link, ack).iter().take(most).map(Exchange::time);
        all.links.values().flat_map(kind).collect()
    })
}

fn group(all: &Exchanges) -> Group {
    let most = usize::from(ROUNDS);
    let (commands, repeated) = self::commands(all, most);
    let round = |nth: usize| {
        let one = |link| of_link(link, most).nth(nth);
        let began = all.links.values().filter_map(one).map(|(sent, _)| sent).min()?;
        let ended = |link| one(link)?.1?.answered;
        let ended = all.links.values().map(ended).collect::<Option<Vec<u64>>>()?;
        Some(ended.into_iter().max()? - began)
    };
    let rounds = (0..most).map(round).collect();
    Group { rounds, commands, repeated, deepest_queue: Some(all.deepest_queue) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_plain_link_everything_takes_one_round_trip() {
        let measured = measure(None, Stop(None)).unwrap();
        assert_eq!(measured.commands.quantiles(), [Some(45_000); 4]);
        assert_eq!((measured.commands.count(), measured.repeated), (1000, 0));
        for (times, count) in measured.acks.iter().zip([120, 1000, 1000, 120]) {
            assert_eq!((times.count(), times.quantiles()), (count, [Some(45_000); 4]));
        }
        let group = measured.group;
        assert_eq!((group.rounds.count(), group.rounds.quantiles()), (100, [Some(45_000); 4]));
        assert_eq!(
            (group.commands.count(), group.repeated, group.deepest_queue),
            (1000, 0, Some(0))
        );
    }

    #[test]
    fn with_captured_latencies_commands_take_longer_and_nothing_else_does() {
        let measured = measure(Some(LatencyProfile::Captured), Stop(None)).unwrap();
        let [hello, data, _, heartbeat] = &measured.acks;
        for times in [hello, heartbeat] {
            assert_eq!((times.permille(0), times.permille(1000)), (Some(45_000), Some(45_000)));
        }
        assert!(data.permille(500) > Some(70_000) && data.permille(1000) < Some(331_301));
        assert_eq!(measured.group.commands.ended(), 1000);
        assert!(measured.group.rounds.permille(500) > measured.group.commands.permille(500));
    }
}
