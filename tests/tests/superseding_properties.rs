//! Properties of commands that supersede each other, over links that lose, duplicate and break, ridden through or not.

use cync_core::wire::{Brightness, Command, Destination};
use cync_core::{Backoff, MessageId, Outcome, Request, RetryPolicy, Stage, Unknown};
use cync_sim::{Direction, Ppm};
use cync_tests::pair::{ADDRESS, Pair};
use cync_tests::solo::{greeter, listener};
use proptest::prelude::*;
use std::num::NonZeroU16;
use std::time::Duration;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What a command sets, and to what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Set {
    Power(bool),
    Brightness(u8),
    Both(bool, u8),
}

impl Set {
    fn command(self, to: Destination) -> Command {
        let level = |percent| Brightness::new(percent).expect("at most 100");
        match self {
            Self::Power(on) => Command::Power { to, on },
            Self::Brightness(percent) => Command::Brightness { to, brightness: level(percent) },
            Self::Both(on, percent) => {
                Command::Combined { to, on, brightness: Some(level(percent)), colour: None }
            }
        }
    }

    fn power(self) -> Option<bool> {
        match self {
            Self::Power(on) | Self::Both(on, _) => Some(on),
            Self::Brightness(_) => None,
        }
    }

    fn brightness(self) -> Option<u8> {
        match self {
            Self::Brightness(percent) | Self::Both(_, percent) => Some(percent),
            Self::Power(_) => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send { set: Set, to_all: bool, once: bool },
    Wait(u64),
    Cut { for_ms: u64 },
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let set = prop_oneof![
        any::<bool>().prop_map(Set::Power),
        (1..=100_u8).prop_map(Set::Brightness),
        (any::<bool>(), 1..=100_u8).prop_map(|(on, percent)| Set::Both(on, percent)),
    ];
    prop_oneof![
        8 => (set, prop::bool::weighted(0.2), prop::bool::weighted(0.1))
            .prop_map(|(set, to_all, once)| Step::Send { set, to_all, once }),
        4 => (0..700_u64).prop_map(Step::Wait),
        1 => (0..2_000_u64).prop_map(|for_ms| Step::Cut { for_ms }),
        1 => any::<prop::sample::Index>().prop_map(|at| Step::Cancel(at.index(64))),
    ]
}

#[derive(Clone, Debug)]
struct Scenario {
    seed: u64,
    loss: u32,
    duplicate: u32,
    latency: u64,
    window: u16,
    ride_through: bool,
    exponential: bool,
    steps: Vec<Step>,
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let steps = prop::collection::vec(step(), 1..50);
    let link = (any::<u64>(), 0..=400_000_u32, 0..=300_000_u32, 1..=300_u64);
    (link, 1..=4_u16, any::<bool>(), any::<bool>(), steps).prop_map(
        |((seed, loss, duplicate, latency), window, ride_through, exponential, steps)| Scenario {
            seed,
            loss,
            duplicate,
            latency,
            window,
            ride_through,
            exponential,
            steps,
        },
    )
}

/// Runs a scenario until every message has ended; returns what was sent, in this order.
fn run(scenario: &Scenario) -> (Pair, Vec<(MessageId, Set)>) {
    let mut config = listener();
    (config.window, config.ride_through) = (scenario.window, scenario.ride_through);
    if scenario.exponential {
        config.retry = RetryPolicy {
            max_attempts: NonZeroU16::new(4),
            backoff: Backoff::Exponential { base: ms(100), cap: ms(400) },
            ..RetryPolicy::exponential()
        };
    }
    let mut pair = Pair::new(config, greeter(), ms(scenario.latency));
    let rate = |parts| Ppm::new(parts).expect("at most a million");
    pair.set_chaos(scenario.seed, rate(scenario.loss), rate(scenario.duplicate));
    pair.connect();
    let mut sent: Vec<(MessageId, Set)> = Vec::new();
    let lamp = Destination::device(ADDRESS).expect("1 to 254");
    for step in &scenario.steps {
        match *step {
            Step::Wait(time) => pair.run(ms(time)),
            Step::Cut { for_ms } => {
                pair.cut();
                pair.run(ms(for_ms));
                pair.connect();
            }
            Step::Cancel(at) => {
                if let Some((id, _)) = sent.get(at) {
                    pair.hub.session.cancel(*id);
                }
            }
            Step::Send { set, to_all, once } => {
                let to = if to_all { Destination::ALL } else { lamp };
                let request = Request::from(set.command(to)).until(Stage::Executed);
                let request = if once { request.once() } else { request };
                sent.extend(pair.try_send(request).ok().map(|id| (id, set)));
            }
        }
    }
    pair.run(ms(9_000));
    (pair, sent)
}

/// Whether the lamp may have this value at rest: that of the newest command that was executed, or of a later one of which that
/// is unknown.
fn may_be<T: PartialEq>(ends: &[(Outcome, Option<T>)], value: &T, first: &T) -> bool {
    for (outcome, sets) in ends.iter().rev() {
        let Some(sets) = sets else { continue };
        match outcome {
            Outcome::Reached(_) => return sets == value,
            Outcome::Unknown(_) if sets == value => return true,
            _ => {}
        }
    }
    value == first
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn at_rest_the_lamp_is_as_the_newest_command_wants_it(scenario in scenario()) {
        let (pair, sent) = run(&scenario);
        prop_assert_eq!(pair.hub.outcomes().count(), sent.len());
        prop_assert!(pair.executions.values().all(|times| *times == 1));
        let ends: Vec<(Outcome, Set)> = sent
            .iter()
            .filter_map(|(id, set)| Some((pair.hub.done(*id)?.0, *set)))
            .collect();
        let state = pair.device.state();
        let new = cync_sim::Device::new(ADDRESS);
        let powers: Vec<_> = ends.iter().map(|(end, set)| (*end, set.power())).collect();
        prop_assert!(may_be(&powers, &state.on, &new.state().on), "on: {} after {ends:?}", state.on);
        let levels: Vec<_> = ends.iter().map(|(end, set)| (*end, set.brightness())).collect();
        let (is, was) = (state.brightness, new.state().brightness);
        prop_assert!(may_be(&levels, &is, &was), "brightness: {is} after {ends:?}");
    }

    #[test]
    fn no_copy_of_a_command_leaves_after_a_newer_one_that_makes_it_stale(scenario in scenario()) {
        let (pair, sent) = run(&scenario);
        let ids: Vec<MessageId> = sent.iter().map(|(id, _)| *id).collect();
        let order = |id: Option<MessageId>| ids.iter().position(|it| Some(*it) == id);
        let mut newest = [None; 2];
        for handed in pair.handed(Direction::ToDevice) {
            let Some(at) = order(handed.transmit.id) else { continue };
            let set = sent[at].1;
            let sets = [set.power().is_some(), set.brightness().is_some()];
            for (newest, sets) in newest.iter_mut().zip(sets) {
                if sets {
                    prop_assert!(newest.is_none_or(|newest| newest <= at), "{at} after {newest:?}");
                    *newest = Some(at);
                }
            }
        }
        // Ids are reused in the long run, but not within these few.
        let mut unique = ids.clone();
        unique.sort();
        unique.dedup();
        prop_assert_eq!(unique.len(), ids.len());
    }

    #[test]
    fn riding_through_no_message_ends_for_its_connection_alone_but_once(scenario in scenario()) {
        let scenario = Scenario { ride_through: true, ..scenario };
        let (pair, _) = run(&scenario);
        let once = scenario.steps.iter().filter(|step| matches!(step, Step::Send { once: true, .. }));
        let lost = pair.hub.outcomes().filter(|end| *end == Outcome::Unknown(Unknown::Disconnected));
        prop_assert!(lost.count() <= once.count());
        prop_assert_eq!(pair.hub.session.stats().not_sent.disconnected, 0);
    }
}
