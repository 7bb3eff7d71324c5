use super::*;
use crate::scenario::{Act, Op, Overrides, Phase, Set, Topology, Work, Workload};
use crate::world::{self, Options};
use crate::{ChaosConfig, Copy, Direction, Fault, FaultKind, Label, Place, Side, Size, What};
use cync_core::{Stage, mix};
use std::time::Duration;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn send(number: u32, at: Duration, link: u16) -> Op {
    let act = Act::Send {
        lamp: 1 + (number % 3) as u8,
        set: Set::Brightness(17),
        until: Stage::Executed,
        once: number.is_multiple_of(2),
        deadline: Some(ms(4_321)),
    };
    Op { number, at, link, act }
}

fn packet(number: u32, attempt: u32, what: What) -> Fault {
    let label = Label { kind: 0x73, frame: 0xf8, number };
    let copy = Copy { link: 0, way: Direction::ToDevice, label, attempt };
    Fault { place: Place::Packet(copy), what }
}

/// Much of everything: 40 commands on six links, a fault for each of them, and a few others.
fn large() -> Scenario {
    let mut scenario = Scenario { seed: 77, ..Scenario::default() };
    scenario.topology = Topology {
        controllers: 2,
        devices: 3,
        lamps: 3,
        round_trip: ms(31),
        dials: Side::Controller,
    };
    scenario.controller =
        Overrides { size: Some(Size::Small), window: Some(2), ..Overrides::default() };
    scenario.device = Overrides { counters: Some(2), ride_through: true, ..Overrides::default() };
    let time = |nth: u32| Duration::from_micros(1_000_123 + u64::from(nth) * 37_031);
    scenario.work.ops = (0..40).map(|nth| send(nth, time(nth), (nth % 6) as u16)).collect();
    for number in 0..40 {
        scenario.faults.push(match number % 4 {
            0 => packet(number, 1, What::Drop),
            1 => packet(number, 1, What::Delay(ms(123))),
            2 => packet(number, 1, What::Duplicate),
            _ => packet(number, 2, What::Corrupt(0xdead_beef)),
        });
    }
    let place = Place::At { link: 0, time: Duration::from_micros(1_500_777) };
    scenario.faults.push(Fault { place, what: What::Partition(ms(2_345)) });
    scenario
}

/// Shrinks with a made-up invariant.
fn shrunk(scenario: &Scenario, mut holds: impl FnMut(&Scenario) -> bool) -> Shrunk {
    let mut breaks = |scenario: &Scenario| {
        let message = format!("{} operations", scenario.work.ops.len());
        (!holds(scenario)).then_some(Found { invariant: "S11", message, recording: None })
    };
    shrink(scenario, MOST_RUNS, &mut breaks, &mut |_| {}).unwrap()
}

fn number_of(fault: &Fault) -> Option<u32> {
    match fault.place {
        Place::Packet(copy) => Some(copy.label.number),
        _ => None,
    }
}

#[test]
fn one_operation_and_one_fault_are_all_that_is_left_of_many() {
    let breaks = |scenario: &Scenario| {
        let op = |op: &Op| matches!(op.act, Act::Send { set: Set::Brightness(2..), .. });
        let fault = |fault: &Fault| fault.what == What::Drop;
        scenario.work.ops.iter().any(op) && scenario.faults.iter().any(fault)
    };
    let shrunk = shrunk(&large(), |scenario| !breaks(scenario));
    let act = Act::Send {
        lamp: 1,
        set: Set::Brightness(2),
        until: Stage::Acked,
        once: false,
        deadline: None,
    };
    let ops = vec![Op { number: 0, at: Duration::ZERO, link: 0, act }];
    let number = shrunk.scenario.faults.first().and_then(number_of).unwrap();
    let faults = vec![packet(number, 1, What::Drop)];
    let work = Work { ops, ..Work::default() };
    assert_eq!(shrunk.scenario, Scenario { seed: 1, work, faults, ..Scenario::default() });
    assert_eq!(shrunk.message, "1 operations");
    assert!(shrunk.explicit && !shrunk.exhausted);
    assert!(shrunk.runs < 200, "{} runs", shrunk.runs);
}

#[test]
fn an_operation_keeps_the_faults_of_its_packets_when_numbers_change() {
    // An operation whose first copy is dropped, whatever its number, on a link with three lamps.
    let breaks = |scenario: &Scenario| {
        scenario.topology.lamps == 3
            && scenario.work.ops.iter().any(|op| {
                op.at >= ms(2_000) && scenario.faults.contains(&packet(op.number, 1, What::Drop))
            })
    };
    let Shrunk { scenario, .. } = shrunk(&large(), |scenario| !breaks(scenario));
    assert_eq!(scenario.faults, [packet(0, 1, What::Drop)]);
    let [op] = scenario.work.ops[..] else { panic!("{:?}", scenario.work.ops) };
    assert_eq!((op.number, op.at, scenario.topology.lamps), (0, ms(2_000), 3));
}

#[test]
fn settings_that_matter_stay_and_others_go() {
    let breaks = |scenario: &Scenario| {
        let kinds = |kind| scenario.faults.iter().any(|fault| fault.what.kind() == kind);
        kinds(FaultKind::Partition)
            && kinds(FaultKind::Corrupt)
            && scenario.controller.window.is_some_and(|window| window < 3)
            && scenario.work.ops.iter().any(|op| op.link == 4)
    };
    let Shrunk { scenario, .. } = shrunk(&large(), |scenario| !breaks(scenario));
    assert_eq!(scenario.controller, Overrides { window: Some(2), ..Overrides::default() });
    assert_eq!(scenario.device, Overrides::default());
    // Five links are needed: one controller with five devices would be as many, but nobody is ever added.
    let Topology { controllers, devices, lamps, round_trip, dials } = scenario.topology;
    assert_eq!((controllers, devices, lamps), (2, 3, 1));
    assert_eq!((round_trip, dials), (ms(45), Side::Device));
    assert_eq!(scenario.work.ops.len(), 1);
    let whats: Vec<What> = scenario.faults.iter().map(|fault| fault.what).collect();
    assert_eq!(whats, [What::Corrupt(1), What::Partition(ms(1_000))]);
}

#[test]
fn two_that_make_up_for_each_other_go_together() {
    // As long as there are two faults or none beside the drop of number 0.
    let breaks = |scenario: &Scenario| {
        let drop = scenario.faults.iter().any(|fault| fault.what == What::Drop);
        drop && scenario.faults.len() % 2 == 1
    };
    let mut scenario = large();
    scenario.faults.truncate(5);
    let Shrunk { scenario, .. } = shrunk(&scenario, |scenario| !breaks(scenario));
    assert_eq!(scenario.faults.len(), 1);
}

#[test]
fn a_cancellation_never_outlives_its_command() {
    let mut scenario = large();
    scenario.work.ops.push(Op { number: 40, at: ms(5_000), link: 3, act: Act::Cancel(9) });
    let cancels = |op: &Op| matches!(op.act, Act::Cancel(_));
    let Shrunk { scenario, .. } = shrunk(&scenario, |scenario| {
        let ops = &scenario.work.ops;
        for op in ops {
            if let Act::Cancel(number) = op.act {
                assert!(ops.iter().any(|op| op.number == number), "{ops:?}");
            }
        }
        !ops.iter().any(cancels)
    });
    let numbers: Vec<u32> = scenario.work.ops.iter().map(|op| op.number).collect();
    assert_eq!(numbers, [0, 1]);
    assert_eq!(scenario.work.ops[1].act, Act::Cancel(0));
}

#[test]
fn another_invariant_is_not_what_was_asked_for() {
    let mut breaks = |scenario: &Scenario| {
        let invariant = if scenario.work.ops.len() > 3 { "S11" } else { "S1" };
        Some(Found { invariant, message: String::new(), recording: None })
    };
    let shrunk = shrink(&large(), MOST_RUNS, &mut breaks, &mut |_| {}).unwrap();
    assert_eq!((shrunk.invariant, shrunk.scenario.work.ops.len()), ("S11", 4));
}

#[test]
fn what_breaks_nothing_is_not_shrunk() {
    assert_eq!(shrink(&large(), MOST_RUNS, &mut |_| None, &mut |_| {}), None);
}

#[test]
fn the_bound_is_kept_and_told() {
    let (mut runs, mut last) = (0, None);
    let mut breaks = |scenario: &Scenario| {
        runs += 1;
        let breaks = scenario.faults.len() > 20;
        breaks.then_some(Found { invariant: "S1", message: String::new(), recording: None })
    };
    let shrunk = shrink(&large(), 30, &mut breaks, &mut |progress| last = Some(*progress)).unwrap();
    assert_eq!((shrunk.runs, shrunk.exhausted), (30, true));
    let faults = shrunk.scenario.faults.len() as u64;
    assert_eq!(
        last.map(|last| (last.runs, last.steps, last.faults)),
        Some((30, shrunk.steps, faults))
    );
    assert_eq!(runs, 30);
}

/// A run that draws much, from the scenario's workload and its chaos.
fn drawn(workload: Workload, seed: u64) -> Scenario {
    let rate = |text: &str| text.parse().unwrap();
    let chaos = ChaosConfig {
        packet_loss_rate: rate("10%"),
        duplicate_rate: rate("10%"),
        reorder_rate: rate("5%"),
        corruption_rate: rate("5%"),
        split_rate: rate("5%"),
        coalesce_rate: rate("5%"),
        nack_rate: rate("2%"),
        slow_rate: rate("5%"),
        late_tick_rate: rate("5%"),
        early_tick_rate: rate("5%"),
        latency: ms(20),
        ..ChaosConfig::default()
    };
    let mut scenario = Scenario { seed, ..Scenario::default() };
    scenario.topology = Topology { controllers: 2, devices: 2, lamps: 3, ..Topology::default() };
    scenario.work = Work {
        workload: Some(workload),
        commands: 100,
        until: Some(Stage::Executed),
        ops: Vec::new(),
    };
    let back = ChaosConfig { latency: Duration::ZERO, ..chaos.clone() };
    scenario.chaos = vec![Phase { after_commands: 0, to_device: chaos, from_device: back }];
    let place = Place::At { link: 1, time: ms(1_500) };
    scenario.faults.push(Fault { place, what: What::Amnesia(ms(700)) });
    scenario
}

const WORKLOADS: [Workload; 5] = [
    Workload::Closed { workers: 3 },
    Workload::Steady { every: ms(40) },
    Workload::Burst { size: 7, every: ms(300) },
    Workload::Group,
    Workload::Random { gap: ms(50) },
];

#[test]
fn a_recorded_run_repeats_without_draws() {
    for (workload, seed) in WORKLOADS.into_iter().zip(1..) {
        let scenario = drawn(workload, seed);
        let options = Options { record: true, ..Options::default() };
        let outcome = world::run(&scenario, options).unwrap();
        assert_eq!(outcome.broken, None, "{workload:?}");
        assert!(outcome.recording.faults.len() > 100);
        let explicit = explicit::explicit(&scenario, &outcome.recording);
        explicit.check().unwrap();
        let again = world::run(&explicit, options).unwrap();
        assert_eq!(again.hash, outcome.hash, "{workload:?}");
        assert_eq!(Scenario::parse(&explicit.to_toml()).unwrap(), explicit);
    }
}

/// What a run does is a made-up invariant here: the core has no known defects.
#[test]
fn a_drawn_run_becomes_the_operations_and_faults_that_matter() {
    for (workload, seed) in WORKLOADS.into_iter().zip(1..) {
        let mut breaks = |scenario: &Scenario| {
            scenario.check().ok()?;
            let options = Options { record: true, ..Options::default() };
            let outcome = world::run(scenario, options).ok()?;
            let found = outcome.effects.of(FaultKind::Nack) > 0 && outcome.devices.duplicates > 0;
            let (message, recording) = (String::new(), Some(outcome.recording));
            found.then_some(Found { invariant: "S9", message, recording })
        };
        let shrunk = shrink(&drawn(workload, seed), MOST_RUNS, &mut breaks, &mut |_| {}).unwrap();
        assert!(shrunk.explicit && !shrunk.exhausted);
        assert!(shrunk.runs < 300, "{workload:?}: {} runs", shrunk.runs);
        assert_minimal(&shrunk.scenario, &mut |scenario| breaks(scenario).is_some());
        let Shrunk { scenario, .. } = shrunk;
        // A refusal, and a repetition: of another command, perhaps.
        assert!(scenario.work.ops.len() + scenario.faults.len() <= 4, "{scenario:?}");
        assert_eq!((scenario.topology, scenario.seed), (Topology::default(), 1));
    }
}

#[test]
fn draws_that_matter_stay_and_it_is_told() {
    let breaks = |scenario: &Scenario| {
        let loses = |phase: &Phase| phase.from_device.packet_loss_rate.parts() > 0;
        scenario.work.workload.is_some()
            && scenario.work.commands > 6
            && scenario.chaos.iter().any(loses)
    };
    let scenario = drawn(Workload::Random { gap: ms(50) }, 3);
    let Shrunk { scenario, explicit, .. } = shrunk(&scenario, |scenario| !breaks(scenario));
    assert!(!explicit);
    let work =
        Work { workload: Some(Workload::Closed { workers: 1 }), commands: 7, ..Work::default() };
    let from_device = ChaosConfig { packet_loss_rate: "10%".parse().unwrap(), ..ChaosConfig::NONE };
    let chaos = vec![Phase { after_commands: 0, to_device: ChaosConfig::NONE, from_device }];
    let plain = Scenario { seed: 1, work, chaos, ..Scenario::default() };
    // Durations that say nothing without their rates are as they are without chaos, or rounder.
    let rounded = |it: &Scenario| {
        let mut it = it.clone();
        times::durations(&mut it).for_each(|time| *time = Duration::ZERO);
        it
    };
    assert_eq!(rounded(&scenario), rounded(&plain));
}

/// Nothing can be taken away from it: neither one operation nor one fault.
#[track_caller]
fn assert_minimal(scenario: &Scenario, breaks: &mut dyn FnMut(&Scenario) -> bool) {
    assert!(breaks(scenario));
    for nth in 0..scenario.work.ops.len() {
        let mut less = scenario.clone();
        less.work.ops.remove(nth);
        without_empty_cancels(&mut less);
        assert!(less.check().is_err() || !breaks(&less), "without operation {nth}: {scenario:?}");
    }
    for nth in 0..scenario.faults.len() {
        let mut less = scenario.clone();
        less.faults.remove(nth);
        assert!(!breaks(&less), "without fault {nth}: {scenario:?}");
    }
}

/// Whatever breaks: a hash of what there is decides, once in so many times.
#[test]
fn whatever_breaks_the_result_breaks_too_and_has_nothing_to_spare() {
    for odds in [2, 5, 10, 30, 100] {
        for salt in 0..6 {
            let all = large();
            let numbers = |scenario: &Scenario| {
                let ops = scenario.work.ops.iter().map(|op| u64::from(op.number));
                let faults = scenario.faults.iter().map(|it| number_of(it).map_or(99, u64::from));
                ops.chain([1 << 32]).chain(faults).fold(salt, |hash, it| mix(hash ^ it))
            };
            let whole = numbers(&all);
            let breaks = |scenario: &Scenario| {
                let hash = numbers(scenario);
                hash == whole || hash % odds == 0
            };
            let result = shrunk(&all, |scenario| !breaks(scenario));
            assert!(!result.exhausted);
            assert_minimal(&result.scenario, &mut |scenario| breaks(scenario));
            assert_eq!(shrunk(&all, |scenario| !breaks(scenario)), result, "the same every time");
        }
    }
}
