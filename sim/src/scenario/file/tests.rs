//! What files say, what they must not say, and that what is written is read again.

mod arbitrary;
mod refused;

use super::fields::{Entry, Writer};
use super::{happenings, sections};
use crate::scenario::{Act, Set, Side, Work, Workload};
use crate::{ChaosConfig, DropPattern, FaultKind, Place, Scenario, What};
use cync_core::{Preset, QueuePolicy, Stage};
use std::collections::BTreeSet;
use std::time::Duration;

const SMALL: &str = "schema = 1\nname = \"small\"\n[workload]\nkind = \"closed\"\ncommands = 10\n";

fn parse(text: &str) -> Scenario {
    Scenario::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The small scenario with more sections.
fn with(more: &str) -> Scenario {
    parse(&format!("{SMALL}{more}"))
}

#[test]
fn what_is_not_said_is_the_default() {
    let scenario = parse(SMALL);
    assert_eq!(scenario.topology, crate::scenario::Topology::default());
    assert_eq!(scenario.work.workload, Some(Workload::Closed { workers: 1 }));
    assert_eq!((scenario.seed, scenario.duration, scenario.work.until), (0, None, None));
    assert!(scenario.chaos.is_empty() && scenario.faults.is_empty());
}

#[test]
fn rates_and_times_are_read_as_they_are_written() {
    for (text, parts) in [
        ("0.2", 200_000),
        ("\"20%\"", 200_000),
        ("\"0.5%\"", 5_000),
        ("1", 1_000_000),
        ("\"100%\"", 1_000_000),
        ("0.000_001", 1),
        ("\"0.0001%\"", 1),
        ("0.29", 290_000),
    ] {
        let scenario = with(&format!("[chaos]\npacket_loss_rate = {text}\n"));
        assert_eq!(scenario.chaos[0].to_device.packet_loss_rate.parts(), parts, "{text}");
        assert_eq!(scenario.chaos[0].from_device.packet_loss_rate.parts(), parts, "{text}");
    }
    for (text, micros) in [("2.5", 2_500), ("45", 45_000), ("0.001", 1), ("1_000", 1_000_000)] {
        let scenario = with(&format!("[topology]\nround_trip_ms = {text}\n"));
        assert_eq!(scenario.topology.round_trip, Duration::from_micros(micros), "{text}");
    }
}

#[test]
fn a_side_overrides_what_is_said_of_both() {
    let scenario = with(
        "[config]\npreset = \"cloud\"\nwindow = 8\nqueue_policy = \"drop-oldest\"\nexponential = true\n\
         [config.device]\nwindow = 4\n",
    );
    let (controller, device) = (scenario.controller, scenario.device);
    assert_eq!((controller.window, device.window), (Some(8), Some(4)));
    assert_eq!((controller.preset, device.preset), (Some(Preset::Cloud), Some(Preset::Cloud)));
    assert_eq!(device.queue.policy, Some(QueuePolicy::DropOldest));
    assert!(controller.exponential && device.exponential);
    let again = scenario.to_toml();
    assert!(again.contains("[config.device]\nwindow = 4\n"), "{again}");
    assert!(again.contains("[config.controller]\nwindow = 8\n"), "{again}");
}

#[test]
fn chaos_is_of_both_directions_but_latency_and_a_direction_overrides_it() {
    let scenario = with(
        "[chaos]\nlatency_ms = 100\nduplicate_rate = 0.1\ndrop_pattern = { first = 1, every = 5 }\n\
         [chaos.from_device]\nlatency_ms = 7\nduplicate_rate = 0.3\n",
    );
    let [phase] = &scenario.chaos[..] else { panic!() };
    let (to, from) = (&phase.to_device, &phase.from_device);
    assert_eq!((to.latency.as_millis(), from.latency.as_millis()), (100, 7));
    assert_eq!((to.duplicate_rate.parts(), from.duplicate_rate.parts()), (100_000, 300_000));
    let pattern = Some(DropPattern::Every { first: 1, every: 5 });
    assert_eq!((&to.drop_pattern, &from.drop_pattern), (&pattern, &pattern));
}

#[test]
fn what_a_phase_does_not_mention_is_as_before() {
    let scenario = with(
        "[chaos]\nduplicate_rate = 0.1\ndrop_pattern = [1, 6]\n\
         [[phase]]\nafter_commands = 3\nlatency_ms = 500\n\
         [[phase]]\nafter_commands = 6\ndrop_pattern = \"none\"\n[phase.from_device]\nduplicate_rate = 0\n",
    );
    let [first, second, third] = &scenario.chaos[..] else { panic!() };
    assert_eq!(first.to_device.latency, Duration::ZERO);
    assert_eq!(second.to_device.latency, Duration::from_millis(500));
    assert_eq!(second.to_device.drop_pattern, first.to_device.drop_pattern);
    assert_eq!(second.from_device, first.from_device);
    assert_eq!((third.after_commands, third.to_device.duplicate_rate.parts()), (6, 100_000));
    assert_eq!(
        (&third.to_device.drop_pattern, third.from_device.duplicate_rate.parts()),
        (&None, 0)
    );
    assert_eq!(third.to_device.latency, second.to_device.latency);
}

#[test]
fn operations_and_faults_are_read_in_either_form() {
    let text = "schema = 1\nname = \"\"\n\
        op = [{ act = \"rgb\", number = 7, at_ms = 1, value = [1, 2, 3], until = \"executed\", once = true }]\n\
        [[fault]]\nkind = \"drop\"\nway = \"to-device\"\npacket = \"0x73\"\nframe = \"f8\"\nnumber = 17\nattempt = 2\n\
        [[fault]]\nkind = \"silent\"\nside = \"device\"\nat_ms = 5\nfor_ms = 2.5\n\
        [[fault]]\nkind = \"early-tick\"\nside = \"controller\"\ntick = 9\n";
    let scenario = parse(text);
    let Act::Send { set, until, once, lamp, deadline } = scenario.work.ops[0].act else { panic!() };
    assert_eq!((set, until, once, lamp), (Set::Rgb([1, 2, 3]), Stage::Executed, true, 1));
    assert_eq!(deadline, None);
    let [drop, silent, tick] = &scenario.faults[..] else { panic!() };
    let Place::Packet(copy) = drop.place else { panic!() };
    assert_eq!((copy.label.kind, copy.label.frame, copy.label.number), (0x73, 0xf8, 17));
    assert_eq!((copy.attempt, copy.link), (2, 0));
    assert_eq!(silent.what, What::Silent(Side::Device, Duration::from_micros(2_500)));
    assert_eq!(tick.place, Place::Tick { link: 0, side: Side::Controller, nth: 9 });
}

#[test]
fn every_kind_of_fault_can_be_written_and_read() {
    for kind in FaultKind::ALL {
        let faults = vec![super::blank_fault(kind)];
        let scenario = Scenario { faults, ..Scenario::default() };
        let text = scenario.to_toml();
        assert_eq!(arbitrary::read_only(&text), scenario, "{text}");
    }
}

const DOCUMENTED: &str = include_str!("../../../../docs/scenarios.md");

#[test]
fn the_example_of_the_documentation_is_accepted() {
    let (_, behind) = DOCUMENTED.split_once("```toml\n").unwrap();
    let (example, _) = behind.split_once("```").unwrap();
    assert_eq!(parse(example).name, "High loss");
}

#[test]
fn every_field_and_every_name_is_documented() {
    let mut entries = Writer::entries(|f| {
        let mut scenario = Scenario::default();
        sections::head(f, &mut scenario)?;
        sections::topology(f, &mut scenario.topology)?;
        sections::overrides(f, &mut scenario.controller)?;
        sections::chaos(f, &mut ChaosConfig::default())?;
        sections::limits(f, &mut scenario.limits)
    });
    let every = Duration::ZERO;
    for workload in [
        Workload::Closed { workers: 1 },
        Workload::Steady { every },
        Workload::Burst { size: 1, every },
        Workload::Group,
        Workload::Random { gap: every },
    ] {
        let mut work = Work { workload: Some(workload), ..Work::default() };
        entries.append(&mut Writer::entries(|f| sections::workload(f, &mut work)));
    }
    let send = |set| Act::Send { lamp: 1, set, until: Stage::Acked, once: false, deadline: None };
    let sets = [
        Set::Power(true),
        Set::Brightness(1),
        Set::Temperature(1),
        Set::Rgb([0; 3]),
        Set::Relayed(true),
        Set::Probe,
    ];
    let acts = [Act::Cancel(1), Act::Ping, Act::Announce, Act::Info(1)];
    for act in sets.map(send).into_iter().chain(acts) {
        let mut op = happenings::blank_op(act);
        entries.append(&mut Writer::entries(|f| happenings::op(f, &mut op)));
    }
    for kind in FaultKind::ALL {
        let mut fault = super::blank_fault(kind);
        entries.append(&mut Writer::entries(|f| happenings::fault(f, &mut fault)));
    }
    let rows: BTreeSet<&str> =
        DOCUMENTED.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    for Entry { name, text, .. } in entries {
        assert!(rows.contains(name), "no row for {name}");
        // Names of kinds have rows of their own.
        if matches!(name, "kind" | "act") {
            let kind = text.unwrap();
            assert!(rows.contains(kind.trim_matches('"')), "no row for {kind}");
        }
    }
}
