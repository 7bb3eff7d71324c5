//! Whatever a scenario says, its file says the same.

use crate::scenario::{
    Act, Limits, Op, Overrides, Phase, QueueOverride, Set, Side, Topology, Work, Workload,
};
use crate::{
    ChaosConfig, Copy, Direction, DropPattern, Fault, FaultKind, Label, LatencyProfile, Place, Ppm,
    Scenario, Size, What,
};
use cync_core::{Preset, QueuePolicy, Stage};
use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::time::Duration;
use toml::de::DeTable;

/// What a text says, whether or not it makes sense.
pub(super) fn read_only(text: &str) -> Scenario {
    let document = DeTable::parse(text).unwrap();
    let read = super::super::read::scenario(text, document.get_ref());
    read.map_err(|mistake| format!("{} in\n{text}", mistake.rule)).unwrap()
}

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![0..10_000_000_u64, any::<u64>()].prop_map(Duration::from_micros)
}

fn rate() -> impl Strategy<Value = Ppm> {
    (0..=1_000_000_u32).prop_map(|parts| Ppm::new(parts).unwrap())
}

fn side() -> impl Strategy<Value = Side> {
    prop::sample::select(&Side::BOTH[..])
}

fn way() -> impl Strategy<Value = Direction> {
    prop::sample::select(vec![Direction::ToDevice, Direction::FromDevice])
}

fn stage() -> impl Strategy<Value = Stage> {
    prop::sample::select(vec![Stage::Sent, Stage::Acked, Stage::Executed])
}

prop_compose! {
    fn queue()(
        limit in of(any::<u16>()),
        policy in of(prop::sample::select(
            vec![QueuePolicy::Block, QueuePolicy::DropOldest, QueuePolicy::Reject]
        )),
    ) -> QueueOverride {
        QueueOverride { limit, policy }
    }
}

prop_compose! {
    fn overrides()(
        size in of(prop::sample::select(vec![Size::Small, Size::Compact, Size::Full])),
        preset in of(prop::sample::select(
            vec![Preset::Lab, Preset::Lan, Preset::Cloud, Preset::Constrained]
        )),
        [exponential, ride_through, manual] in any::<[bool; 3]>(),
        [queue, inbox_states, inbox_messages] in [queue(), queue(), queue()],
        [window, id_window] in [of(any::<u16>()), of(any::<u16>())],
        max_attempts in of(any::<std::num::NonZeroU16>()),
        counters in of(any::<u8>()),
        times in vec(of(time()), 12),
    ) -> Overrides {
        Overrides {
            size, preset, exponential, window, queue, id_window, max_attempts, ride_through, manual, inbox_states,
            inbox_messages, counters,
            deadline: times[0],
            jitter: times[1],
            ack_timer_initial: times[2],
            ack_timer_floor: times[3],
            ack_timer_ceiling: times[4],
            copy_lifetime: times[5],
            redial_base: times[6],
            redial_cap: times[7],
            redial_stable: times[8],
            heartbeat: times[9],
            silence: times[10],
            packet_timeout: None,
            dedup_ttl: times[11],
        }
    }
}

fn pattern() -> impl Strategy<Value = DropPattern> {
    prop_oneof![
        btree_set(any::<u64>(), 0..4).prop_map(DropPattern::List),
        any::<(u64, u64)>().prop_map(|(first, every)| DropPattern::Every { first, every }),
    ]
}

prop_compose! {
    fn wild_chaos()(
        times in vec(time(), 6),
        rates in vec(rate(), 9),
        drop_pattern in of(pattern()),
        latency_profile in of(Just(LatencyProfile::Captured)),
        reorder_buffer_size: u16,
        corruption_bytes: u8,
    ) -> ChaosConfig {
        ChaosConfig {
            latency: times[0],
            latency_variance: times[1],
            latency_profile,
            packet_loss_rate: rates[0],
            drop_pattern,
            duplicate_rate: rates[1],
            reorder_rate: rates[2],
            reorder_delay: times[2],
            reorder_buffer_size,
            corruption_rate: rates[3],
            corruption_bytes,
            split_rate: rates[4],
            coalesce_rate: rates[5],
            pause: times[3],
            nack_rate: rates[6],
            slow_rate: rates[7],
            slow: times[4],
            late_tick_rate: rates[8],
            late_tick: times[5],
            early_tick_rate: rates[0],
        }
    }
}

/// Few differences, so that phases and directions have much in common.
fn chaos() -> impl Strategy<Value = ChaosConfig> {
    let few = (0..3_u64, 0..2_u32, of(pattern())).prop_map(|(latency, rate, drop_pattern)| {
        let latency = Duration::from_millis(latency);
        let packet_loss_rate = Ppm::new(rate * 500_000).unwrap();
        ChaosConfig { latency, packet_loss_rate, drop_pattern, ..ChaosConfig::default() }
    });
    prop_oneof![Just(ChaosConfig::default()), few, wild_chaos()]
}

fn phases() -> impl Strategy<Value = Vec<Phase>> {
    vec((chaos(), chaos(), any::<bool>(), 1..9_u64), 0..4).prop_map(|all| {
        let mut after_commands = 0;
        let mut phases = Vec::new();
        for (to_device, from_device, alike, commands) in all {
            let from_device = if alike { to_device.clone() } else { from_device };
            phases.push(Phase { after_commands, to_device, from_device });
            after_commands += commands;
        }
        phases
    })
}

fn act(lamps: u8) -> impl Strategy<Value = Act> {
    let set = prop_oneof![
        any::<bool>().prop_map(Set::Power),
        (0..=100_u8).prop_map(Set::Brightness),
        (0..=100_u8).prop_map(Set::Temperature),
        any::<[u8; 3]>().prop_map(Set::Rgb),
        Just(Set::Probe),
    ];
    let deadline = of((0..=5_000_000_u64).prop_map(Duration::from_micros));
    let send = (0..=lamps, set, stage(), any::<bool>(), deadline).prop_map(
        |(lamp, set, until, once, deadline)| Act::Send { lamp, set, until, once, deadline },
    );
    let others = prop::sample::select(vec![Act::Ping, Act::Announce, Act::Info(9), Act::Cancel(0)]);
    prop_oneof![3 => send, 1 => others]
}

fn ops(links: u16, lamps: u8) -> impl Strategy<Value = Vec<Op>> {
    vec((time(), 0..links, act(lamps)), 0..6).prop_map(|all| {
        let number = |(number, (at, link, act))| Op { number, at, link, act };
        (0..).zip(all).map(number).collect()
    })
}

fn workload() -> impl Strategy<Value = Workload> {
    prop_oneof![
        (1..4_u8).prop_map(|workers| Workload::Closed { workers }),
        time().prop_map(|every| Workload::Steady { every }),
        (any::<u16>(), time()).prop_map(|(size, every)| Workload::Burst { size, every }),
        Just(Workload::Group),
        time().prop_map(|gap| Workload::Random { gap }),
    ]
}

prop_compose! {
    fn copy(links: u16)(
        link in 0..links,
        way in way(),
        label in prop_oneof![
            Just((0x73, 0xf8)), Just((0x73, 0xf9)), Just((0x83, 0xfa)), Just((0x7b, 0)), any::<(u8, u8)>(),
        ],
        number: u32,
        attempt in 1..4_u32,
    ) -> Copy {
        Copy { link, way, label: Label { kind: label.0, frame: label.1, number }, attempt }
    }
}

prop_compose! {
    fn fault(links: u16)(
        kind in prop::sample::select(&FaultKind::ALL[..]),
        copy in copy(links),
        time in time(),
        nth: u64,
        at in time(),
        side in side(),
        way in way(),
        bits: u64,
        status: u8,
    ) -> Fault {
        let Fault { mut place, mut what } = super::super::blank_fault(kind);
        let link = copy.link;
        place = match place {
            Place::Packet(_) => Place::Packet(copy),
            Place::Tick { .. } => Place::Tick { link, side, nth },
            Place::At { .. } => Place::At { link, time: at },
        };
        match &mut what {
            What::Delay(by) | What::Reorder(by) | What::Coalesce(by) | What::Slow(by) | What::LateTick(by)
            | What::Partition(by) | What::RefuseHello(by) | What::Reboot(by) | What::Amnesia(by) => *by = time,
            What::Corrupt(given) | What::Split(given) => *given = bits,
            What::Nack(given) => *given = status,
            What::Stall(given, by) => (*given, *by) = (way, time),
            What::HalfOpen(given) => *given = side,
            What::Silent(given, by) | What::SlowReader(given, by) | What::Deaf(given, by) => (*given, *by) = (side, time),
            What::Drop | What::Duplicate | What::EarlyTick | What::Reset => {}
        }
        Fault { place, what }
    }
}

prop_compose! {
    fn limits()(
        percentiles in vec(of(time()), 3),
        success in of(rate()),
        spurious in of(rate()),
        spurious_after in 0..9_u64,
        applied_twice in of(any::<u64>()),
    ) -> Limits {
        let [p50, p95, p99] = [percentiles[0], percentiles[1], percentiles[2]];
        Limits { p50, p95, p99, success, spurious, spurious_after, applied_twice }
    }
}

fn topology() -> impl Strategy<Value = Topology> {
    (1..4_u16, 1..4_u16, 1..5_u8, time(), side()).prop_map(
        |(controllers, devices, lamps, round_trip, dials)| Topology {
            controllers,
            devices,
            lamps,
            round_trip,
            dials,
        },
    )
}

fn work(links: u16, lamps: u8) -> impl Strategy<Value = Work> {
    let workload = of((workload(), 0..100_u64, of(stage())));
    (workload, ops(links, lamps)).prop_map(|(workload, ops)| {
        let Some((workload, commands, until)) = workload else {
            return Work { ops, ..Work::default() };
        };
        Work { workload: Some(workload), commands, until, ops }
    })
}

/// Any scenario that can be written down: most are refused for one reason or another.
fn wild() -> impl Strategy<Value = Scenario> {
    topology().prop_flat_map(|topology| {
        let links = topology.controllers * topology.devices;
        let head = (any::<String>(), any::<String>(), any::<u64>(), of(time()));
        let configs = prop_oneof![
            (overrides().boxed(), overrides().boxed()),
            overrides().boxed().prop_map(|both| (both, both)),
            Just(Default::default()),
        ];
        let rest = (
            work(links, topology.lamps).boxed(),
            phases().boxed(),
            vec(fault(links).boxed(), 0..4),
            limits().boxed(),
        );
        (head, configs, rest).prop_map(move |(head, configs, (work, chaos, faults, limits))| {
            let (name, about, seed, duration) = head;
            let (controller, device) = configs;
            Scenario {
                name,
                about,
                seed,
                topology,
                controller,
                device,
                work,
                chaos,
                faults,
                duration,
                limits,
            }
        })
    })
}

/// A scenario that makes sense.
fn sensible() -> impl Strategy<Value = Scenario> {
    let configs = (1..=16_u16, any::<[bool; 3]>());
    let sized = (wild().boxed(), 10..100_u64, configs);
    let tamed = sized.prop_map(|(mut scenario, commands, (window, flags))| {
        let [exponential, ride_through, manual] = flags;
        let window = Some(window);
        let both = Overrides { window, exponential, ride_through, manual, ..Overrides::default() };
        (scenario.controller, scenario.device) = (both, Overrides::default());
        scenario.work.workload = Some(Workload::Closed { workers: 1 });
        scenario.work.commands = commands;
        scenario.work.ops.retain(|op| !matches!(op.act, Act::Cancel(_)));
        scenario.duration = None;
        let round_trip = &mut scenario.topology.round_trip;
        *round_trip = (*round_trip).min(Duration::from_millis(1_999));
        scenario.limits = Limits { p99: scenario.limits.p99, ..Limits::default() };
        let last = scenario.chaos.last().map_or(0, |phase| phase.after_commands);
        scenario.work.commands += last;
        for phase in &mut scenario.chaos {
            phase.from_device.latency_profile = None;
            for chaos in [&mut phase.to_device, &mut phase.from_device] {
                if chaos.latency_profile.is_some() {
                    (chaos.latency, chaos.latency_variance) = (Duration::ZERO, Duration::ZERO);
                }
                chaos.reorder_buffer_size |= 1;
                chaos.corruption_bytes |= 1;
                chaos.reorder_delay += Duration::from_micros(1);
                if let Some(DropPattern::Every { first, every }) = &mut chaos.drop_pattern {
                    (*first, *every) = (*first | 1, *every | 1);
                }
                if let Some(DropPattern::List(list)) = &mut chaos.drop_pattern {
                    list.remove(&0);
                }
            }
        }
        let found = |fault: &Fault| {
            let faults = vec![*fault];
            let alone = Scenario { faults, chaos: Vec::new(), ..scenario.clone() };
            alone.check().is_ok()
        };
        scenario.faults = scenario.faults.iter().copied().filter(found).collect();
        scenario
    });
    tamed.prop_filter("time", |scenario| {
        scenario.chaos.iter().all(|phase| {
            let long = |chaos: &ChaosConfig| chaos.reorder_delay.as_micros() > u64::MAX.into();
            !long(&phase.to_device) && !long(&phase.from_device)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::with_cases(256)
    })]

    #[test]
    fn whatever_a_scenario_says_its_file_says_the_same(scenario in wild()) {
        let text = scenario.to_toml();
        prop_assert_eq!(&read_only(&text), &scenario, "{}", text);
        prop_assert_eq!(&read_only(&text).to_toml(), &text);
        match (scenario.check(), Scenario::parse(&text)) {
            (Ok(()), parsed) => prop_assert_eq!(parsed.as_ref(), Ok(&scenario)),
            (Err(found), Err(error)) => prop_assert_eq!(found.rule(), error.rule()),
            (Err(found), Ok(_)) => prop_assert!(false, "accepted in spite of {found}"),
        }
    }

    #[test]
    fn a_sensible_scenario_is_accepted_and_read_as_it_was(scenario in sensible()) {
        let text = scenario.to_toml();
        prop_assert_eq!(Scenario::parse(&text), Ok(scenario), "{}", text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(
        mut text in prop::sample::select(Scenario::library()).prop_map(|(_, text)| text.to_owned()),
        at: prop::sample::Index,
        letters in "[\\[\\]{}=\"0-9a-z_.,\n\t\u{0}-\u{1f}é#-]{0,9}",
        cut in 0..20_usize,
    ) {
        let at = text.floor_char_boundary(at.index(text.len()));
        let end = text.floor_char_boundary((at + cut).min(text.len()));
        text.replace_range(at..end, &letters);
        if let Err(error) = Scenario::parse(&text) {
            prop_assert!(error.line() <= text.lines().count().max(1) + 1, "{}", error);
            prop_assert!(!error.rule().is_empty());
        }
    }
}
