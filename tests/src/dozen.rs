//! A dozen short scenarios which, all together, have every kind of fault take effect.

use cync_core::{Preset, QueuePolicy, Stage};
use cync_sim::scenario::{Act, Op, Overrides, Phase, QueueOverride, Set, Topology, Workload};
use cync_sim::{
    ChaosConfig, Direction, DropPattern, Fault, Place, Ppm, Scenario, Side, Size, What,
};
use std::time::Duration;

/// A dozen scenarios of a few hundred commands each. Their names are unique.
pub fn dozen() -> Vec<Scenario> {
    vec![
        plain(),
        lossy(),
        mixed_up(),
        damaged(),
        moody(),
        badly_timed(),
        torn(),
        quiet_peers(),
        rebooting(),
        crowd(),
        modest(),
        everything(),
    ]
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn percent(parts: u32) -> Ppm {
    Ppm::new(parts * 10_000).unwrap_or_default()
}

fn named(name: &str, workload: Workload, commands: u64) -> Scenario {
    let mut scenario = Scenario { name: name.into(), seed: 2025, ..Scenario::default() };
    scenario.about = "One of a dozen whose hashes are known.".into();
    scenario.work.workload = Some(workload);
    scenario.work.commands = commands;
    if let Workload::Closed { workers } = workload {
        scenario.topology.lamps = workers;
    }
    scenario
}

fn both_ways(chaos: ChaosConfig) -> Vec<Phase> {
    vec![Phase { after_commands: 0, to_device: chaos.clone(), from_device: chaos }]
}

/// Faults on link 0: what, and after how many milliseconds.
fn at(faults: &[(u64, What)]) -> Vec<Fault> {
    let fault = |(time, what): &(u64, What)| Fault {
        place: Place::At { link: 0, time: ms(*time) },
        what: *what,
    };
    faults.iter().map(fault).collect()
}

fn plain() -> Scenario {
    named("plain", Workload::Closed { workers: 1 }, 200)
}

fn lossy() -> Scenario {
    let mut scenario = named("lossy", Workload::Closed { workers: 10 }, 400);
    scenario.work.until = Some(Stage::Executed);
    let chaos = ChaosConfig { packet_loss_rate: percent(20), ..ChaosConfig::default() };
    scenario.chaos = both_ways(chaos);
    let pattern = DropPattern::Every { first: 2, every: 5 };
    let chaos = ChaosConfig { drop_pattern: Some(pattern), ..ChaosConfig::NONE };
    scenario.chaos.extend([Phase { after_commands: 300, ..both_ways(chaos).remove(0) }]);
    scenario
}

fn mixed_up() -> Scenario {
    let mut scenario = named("mixed-up", Workload::Closed { workers: 4 }, 400);
    scenario.chaos = both_ways(ChaosConfig {
        latency: ms(100),
        latency_variance: ms(60),
        duplicate_rate: percent(30),
        reorder_rate: percent(30),
        reorder_buffer_size: 2,
        ..ChaosConfig::NONE
    });
    scenario
}

fn damaged() -> Scenario {
    let mut scenario = named("damaged", Workload::Closed { workers: 4 }, 300);
    scenario.chaos = both_ways(ChaosConfig {
        corruption_rate: percent(10),
        corruption_bytes: 3,
        split_rate: percent(20),
        coalesce_rate: percent(20),
        ..ChaosConfig::NONE
    });
    scenario
}

fn moody() -> Scenario {
    let mut scenario = named("moody", Workload::Closed { workers: 3 }, 300);
    scenario.chaos = both_ways(ChaosConfig {
        nack_rate: percent(10),
        slow_rate: percent(30),
        slow: ms(700),
        ..ChaosConfig::default()
    });
    scenario
}

fn badly_timed() -> Scenario {
    let mut scenario = named("badly-timed", Workload::Steady { every: ms(70) }, 300);
    scenario.chaos = both_ways(ChaosConfig {
        packet_loss_rate: percent(15),
        late_tick_rate: percent(30),
        late_tick: ms(400),
        early_tick_rate: percent(30),
        ..ChaosConfig::default()
    });
    scenario
}

fn torn() -> Scenario {
    let mut scenario = named("torn", Workload::Steady { every: ms(40) }, 400);
    scenario.controller.ride_through = true;
    scenario.faults = at(&[
        (1_000, What::Stall(Direction::ToDevice, ms(600))),
        (2_010, What::Reset),
        (5_000, What::HalfOpen(Side::Controller)),
        (8_000, What::Partition(ms(900))),
        (10_000, What::Stall(Direction::FromDevice, ms(300))),
        (12_005, What::Reset),
    ]);
    scenario
}

fn quiet_peers() -> Scenario {
    let mut scenario = named("quiet-peers", Workload::Burst { size: 20, every: ms(700) }, 400);
    scenario.device.size = Some(Size::Compact);
    scenario.device.preset = Some(Preset::Constrained);
    scenario.faults = at(&[
        (600, What::Deaf(Side::Device, ms(1_100))),
        (3_000, What::SlowReader(Side::Controller, ms(800))),
        (5_000, What::Silent(Side::Device, ms(1_500))),
        (8_000, What::RefuseHello(ms(1_200))),
        (8_001, What::Reset),
    ]);
    scenario
}

fn rebooting() -> Scenario {
    let mut scenario = named("rebooting", Workload::Random { gap: ms(90) }, 400);
    scenario.topology.lamps = 3;
    scenario.chaos =
        both_ways(ChaosConfig { packet_loss_rate: percent(5), ..ChaosConfig::default() });
    scenario.faults = at(&[(2_000, What::Reboot(ms(1_500))), (7_000, What::Amnesia(ms(400)))]);
    scenario
}

fn crowd() -> Scenario {
    let mut scenario = named("crowd", Workload::Group, 400);
    scenario.topology = Topology { controllers: 2, devices: 5, ..Topology::default() };
    scenario.chaos =
        both_ways(ChaosConfig { packet_loss_rate: percent(10), ..ChaosConfig::default() });
    scenario
}

fn modest() -> Scenario {
    let mut scenario = named("modest", Workload::Burst { size: 30, every: ms(3_000) }, 300);
    scenario.topology.dials = Side::Controller;
    let queue = QueueOverride { limit: Some(8), policy: Some(QueuePolicy::DropOldest) };
    scenario.controller = Overrides {
        size: Some(Size::Compact),
        preset: Some(Preset::Constrained),
        window: Some(4),
        queue,
        exponential: true,
        ..Overrides::default()
    };
    scenario.device = Overrides { manual: true, ..Overrides::default() };
    scenario.chaos = both_ways(ChaosConfig { packet_loss_rate: percent(5), ..ChaosConfig::NONE });
    scenario
}

fn everything() -> Scenario {
    let mut scenario = named("everything", Workload::Random { gap: ms(60) }, 400);
    scenario.topology.lamps = 4;
    scenario.chaos = both_ways(ChaosConfig {
        packet_loss_rate: percent(8),
        duplicate_rate: percent(8),
        reorder_rate: percent(8),
        corruption_rate: percent(4),
        corruption_bytes: 2,
        split_rate: percent(8),
        coalesce_rate: percent(8),
        nack_rate: percent(2),
        slow_rate: percent(8),
        late_tick_rate: percent(8),
        early_tick_rate: percent(8),
        ..ChaosConfig::default()
    });
    scenario.faults = at(&[(3_000, What::Reset), (6_000, What::Partition(ms(700)))]);
    let send = |number: u32, millis: u64, lamp: u8, set: Set| Op {
        number,
        at: ms(millis),
        link: 0,
        act: Act::Send {
            lamp,
            set,
            until: Stage::Executed,
            once: number == 2,
            deadline: (number == 3).then(|| ms(900)),
        },
    };
    let act = |number: u32, millis: u64, act: Act| Op { number, at: ms(millis), link: 0, act };
    scenario.work.ops = vec![
        send(1, 900, 1, Set::Rgb([1, 2, 3])),
        send(2, 1_000, 0, Set::Power(true)),
        send(3, 1_100, 2, Set::Temperature(40)),
        send(4, 1_200, 2, Set::Probe),
        act(5, 1_101, Act::Cancel(3)),
        act(6, 1_300, Act::Ping),
        act(7, 1_400, Act::Announce),
        act(8, 1_500, Act::Info(120)),
    ];
    scenario
}
