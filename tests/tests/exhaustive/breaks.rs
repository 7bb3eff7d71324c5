//! With one bound a step lower a promise is broken, and this is a shortest way there.
//!
//! What one end knows of itself its configuration refuses. These are ends that do not agree, and networks that do not keep to
//! what both were told of them.

use crate::ends::{self, STEP};
use crate::fingerprint::REPORTS;
use crate::search::explore;
use crate::world::{A, B, Rules, Violation};
use crate::{rules, whole_steps};
use cync_core::{ConfigError, Session};
use std::num::NonZeroU16;
use std::time::Duration;

/// Asserts what is broken first, and how.
fn breaks<const SEEN: usize>(rules: &Rules, promise: Violation, way: &[&str]) {
    let (found, _) = explore::<SEEN>(rules, REPORTS);
    println!("{}", found.size);
    let (violation, actions) = found.violation.expect("a promise is broken");
    let actions: Vec<_> = actions.iter().map(String::as_str).collect();
    assert_eq!((violation, &actions[..]), (promise, way));
}

#[test]
fn a_receiver_that_remembers_one_message_less_than_the_sender_counts_on() {
    let mut rules = rules();
    rules.receiver.id_window = 1;
    breaks::<1>(
        &rules,
        Violation::DeliveredTwice(A),
        &[
            "send A",
            "hand over A1",
            "A1 arrives",
            "wait",
            "send B",
            "hand over B1",
            "tick",
            "hand over A2",
            "B1 arrives",
            "A2 arrives",
        ],
    );
}

#[test]
fn a_receiver_that_remembers_two_messages_instead_of_three() {
    let mut rules = rules();
    rules.sender.id_window = 3;
    breaks::<2>(
        &rules,
        Violation::DeliveredTwice(A),
        &[
            "send A",
            "hand over A1",
            "send B",
            "hand over B1",
            "send C",
            "A1 arrives",
            "B1 arrives",
            "wait",
            "the answer to B1 arrives",
            "hand over C1",
            "tick",
            "hand over A2",
            "C1 arrives",
            "A2 arrives",
        ],
    );
}

#[test]
fn a_receiver_that_forgets_a_step_too_early() {
    let mut rules = rules();
    rules.receiver.peer_copy_lifetime -= STEP;
    rules.receiver.dedup_ttl -= STEP;
    breaks::<2>(
        &rules,
        Violation::DeliveredTwice(A),
        &[
            "send A",
            "hand over A1",
            "A1 arrives",
            "wait",
            "tick",
            "hand over A2",
            "wait",
            "A2 arrives",
        ],
    );
}

#[test]
fn a_sender_that_repeats_for_a_step_longer_than_the_receiver_was_told() {
    let mut rules = rules();
    rules.sender.retry.max_attempts = NonZeroU16::new(3);
    rules.sender.deadline += STEP;
    assert_eq!(whole_steps(rules.sender.span()), rules.receiver.peer_span + STEP);
    breaks::<2>(
        &rules,
        Violation::DeliveredTwice(A),
        &[
            "send A",
            "hand over A1",
            "A1 arrives",
            "wait",
            "tick",
            "hand over A2",
            "wait",
            "tick",
            "hand over A3",
            "wait",
            "A3 arrives",
        ],
    );
}

#[test]
fn a_receiver_that_does_not_know_that_messages_ride_through() {
    let mut rules = rules().riding(3, 1);
    let Rules { receiver: uninformed, .. } = crate::rules();
    rules.receiver = uninformed;
    breaks::<2>(
        &rules,
        Violation::DeliveredTwice(A),
        &[
            "send A",
            "hand over A1",
            "A1 arrives",
            "cut",
            "wait",
            "wait",
            "connect",
            "hand over A2",
            "wait",
            "A2 arrives",
        ],
    );
}

#[test]
fn a_receiver_that_gives_an_endpoints_memory_to_another_a_step_too_early() {
    let mut rules = rules().endpoints();
    rules.receiver.peer_span -= STEP;
    breaks::<8>(
        &rules,
        Violation::DeliveredTwice(A),
        &[
            "send A",
            "hand over A1",
            "send B",
            "hand over B1",
            "A1 arrives",
            "B1 arrives",
            "the answer to B1 arrives",
            "wait",
            "send C",
            "hand over C1",
            "tick",
            "hand over A2",
            "C1 arrives",
            "A2 arrives",
        ],
    );
}

#[test]
fn a_sender_that_uses_a_number_again_a_step_too_early() {
    let mut rules = Rules { numbers: Some(1), ..rules() };
    rules.sender.copy_lifetime -= STEP;
    breaks::<2>(
        &rules,
        Violation::NumberReused { of: A, by: B },
        &[
            "send A",
            "hand over A1",
            "wait",
            "tick",
            "hand over A2",
            "wait",
            "tick",
            "send B",
            "hand over B1",
        ],
    );
}

#[test]
fn a_sender_that_goes_on_a_step_too_early() {
    let mut rules = rules();
    rules.sender.copy_lifetime -= STEP;
    breaks::<2>(
        &rules,
        Violation::DeliveredTwice(A),
        &[
            "send A",
            "hand over A1",
            "A1 arrives",
            "wait",
            "tick",
            "hand over A2",
            "wait",
            "tick",
            "send B",
            "hand over B1",
            "send C",
            "hand over C1",
            "B1 arrives",
            "C1 arrives",
            "A2 arrives",
        ],
    );
}

#[test]
fn copies_that_arrive_a_step_later_than_they_should() {
    let mut rules = rules();
    rules.copies_last += 1;
    breaks::<2>(
        &rules,
        Violation::DeliveredTwice(A),
        &[
            "send A",
            "hand over A1",
            "A1 arrives",
            "wait",
            "tick",
            "hand over A2",
            "the answer to A1 arrives",
            "wait",
            "wait",
            "A2 arrives",
        ],
    );
}

#[test]
fn answers_that_arrive_a_step_later_than_they_should() {
    let mut rules = Rules { numbers: Some(1), ..rules() };
    rules.answers_last += 1;
    breaks::<2>(
        &rules,
        Violation::WrongAnswer { to: A, resolved: B },
        &[
            "send A",
            "hand over A1",
            "wait",
            "tick",
            "hand over A2",
            "A2 arrives",
            "wait",
            "tick",
            "wait",
            "tick",
            "send B",
            "hand over B1",
            "the answer to A2 arrives",
        ],
    );
}

#[test]
fn a_network_that_repeats_what_it_has_delivered() {
    let rules = Rules { copies_repeat: true, ..rules() };
    breaks::<2>(
        &rules,
        Violation::DeliveredTwice(A),
        &[
            "send A",
            "hand over A1",
            "A1 arrives, not for the last time",
            "the answer to A1 arrives",
            "send B",
            "hand over B1",
            "send C",
            "hand over C1",
            "B1 arrives, not for the last time",
            "C1 arrives, not for the last time",
            "A1 arrives, not for the last time",
        ],
    );
}

#[test]
fn what_an_end_knows_of_itself_is_refused() {
    let rules = rules();
    let refused = |config| Session::<4, 4, 64>::new(config, 0).map(|_| ()).unwrap_err();

    let mut fewer = rules.receiver.clone();
    fewer.id_window = 5;
    let expected = ConfigError::TooFewSeen { seen: 4, counters: 1, places: 4, id_window: 5 };
    assert_eq!(refused(fewer), expected);

    let mut earlier = rules.receiver.clone();
    earlier.dedup_ttl -= Duration::from_micros(1);
    assert!(matches!(refused(earlier), ConfigError::TimeToLive { .. }));

    let mut narrower = rules.sender.clone();
    narrower.id_window = 1;
    assert_eq!(refused(narrower), ConfigError::IdWindow { id_window: 1, window: 2 });
    ends::new::<4>(rules.sender, rules.receiver);
}
