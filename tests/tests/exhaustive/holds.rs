//! With the bounds that the configuration asks for, every promise holds in every state.

use crate::ends::STEP;
use crate::fingerprint::{self, REPORTS};
use crate::search::explore;
use crate::world::Rules;
use crate::{ends, rules};
use std::collections::BTreeSet;
use std::num::NonZeroU16;

/// What happens in every space: some messages need a second copy, and some end without an answer.
const ALWAYS: [&str; 4] = ["delivered", "reached", "repeated", "unknown"];

/// Asserts that nothing is broken, and that these things happen in the space beside what always does.
fn holds<const SEEN: usize>(rules: &Rules, things: &[&'static str]) {
    let (found, _) = explore::<SEEN>(rules, REPORTS);
    println!("{}", found.size);
    assert_eq!(found.violation, None);
    let expected: BTreeSet<_> = ALWAYS.iter().chain(things).copied().collect();
    assert_eq!(found.seen, expected);
}

#[test]
fn three_messages() {
    holds::<2>(&rules(), &["not sent", "waits"]);
}

#[test]
fn two_messages_on_a_connection_that_is_held_up_with_ticks_that_come_late() {
    let mut rules = Rules { messages: 2, held_up: true, ticks_late: 1, ..rules() };
    // A second copy that is held up is too late before the message is.
    rules.sender.deadline = 3 * STEP;
    holds::<2>(&rules.agreed(2), &["not sent"]);
}

#[test]
fn three_messages_with_one_number() {
    let rules = Rules { numbers: Some(1), ..rules() };
    holds::<2>(&rules, &["refused"]);
}

#[test]
fn two_messages_with_one_number_and_three_copies_each_under_way_at_once() {
    let mut rules = Rules { messages: 2, numbers: Some(1), ..rules() };
    rules.sender.retry.max_attempts = NonZeroU16::new(3);
    rules.sender.deadline = 3 * STEP;
    holds::<2>(&rules.agreed(3), &["refused"]);
}

#[test]
fn three_endpoints_of_which_two_can_be_remembered() {
    holds::<8>(&rules().endpoints(), &["busy", "not sent"]);
}

#[test]
fn one_message_that_rides_through_two_connections() {
    let rules = Rules { messages: 1, ..rules().riding(3, 2) };
    holds::<2>(&rules, &[]);
}

#[test]
#[ignore = "large: a second if optimised, ten if not"]
fn three_messages_with_two_numbers() {
    let rules = Rules { numbers: Some(2), ..rules() };
    holds::<2>(&rules, &["not sent", "refused", "waits"]);
}

#[test]
#[ignore = "large: a second if optimised, ten if not"]
fn four_messages() {
    let rules = Rules { messages: 4, ..rules().agreed(1) };
    holds::<2>(&rules, &["not sent", "waits"]);
}

#[test]
#[ignore = "large: a second if optimised, ten if not"]
fn four_messages_of_which_three_may_be_counted_on() {
    let rules = Rules { messages: 4, ..rules().agreed(1).within(3) };
    holds::<4>(&rules, &["not sent", "waits"]);
}

#[test]
#[ignore = "large: a second if optimised, ten if not"]
fn two_messages_that_ride_through_to_another_connection() {
    let rules = Rules { messages: 2, ..rules().riding(2, 1) };
    holds::<2>(&rules, &["not sent"]);
}

#[test]
#[ignore = "large: a second if optimised, ten if not"]
fn two_messages_that_end_with_their_connection() {
    let rules = Rules { messages: 2, cuts: 1, ..rules() };
    holds::<2>(&rules, &["refused"]);
}

#[test]
fn what_is_left_out_of_a_sessions_state_decides_nothing() {
    let rules = Rules { messages: 2, ..rules() };
    let (all, all_outlines) = explore::<2>(&rules, &[]);
    let (reduced, outlines) = explore::<2>(&rules, REPORTS);
    println!("{}\n{}", all.size, reduced.size);
    assert!(outlines == all_outlines, "the same things can be seen from outside");
    assert!(reduced.size.states < all.size.states / 2);
    let (sender, _) = ends::new::<2>(rules.sender, rules.receiver);
    let text = fingerprint::text(&sender, &[]);
    let mut fields = REPORTS.iter();
    assert_eq!(fields.find(|name| !text.contains(&format!(" {name}: "))), None);
}
