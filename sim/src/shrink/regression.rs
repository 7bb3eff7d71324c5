//! A shrunk scenario as a test.

use super::Shrunk;
use std::fmt::Write;

/// What each invariant promises, as the name of a test.
const SENTENCES: [(&str, &str); 28] = [
    ("S1", "a_message_is_delivered_once_and_intact"),
    ("S2", "a_message_ends_once"),
    ("S3", "an_outcome_is_what_happened"),
    ("S4", "no_bound_is_exceeded"),
    ("S5", "a_packet_says_what_it_is_claimed_to_say"),
    ("S6", "a_full_queue_loses_only_what_it_may"),
    ("S7", "first_transmissions_leave_in_the_order_of_sending"),
    ("S8", "copies_are_as_far_apart_as_the_policy_says"),
    ("S9", "what_was_refused_for_good_is_not_sent_again"),
    ("S10", "a_malformed_packet_changes_nothing"),
    ("S11", "a_device_never_executes_a_command_twice"),
    ("S12", "no_message_is_unaccounted_for"),
    ("S13", "an_older_command_never_overwrites_a_newer_one"),
    ("S14", "an_answer_ends_only_the_message_that_it_answers"),
    ("S15", "no_byte_has_left_of_what_was_not_sent"),
    ("S16", "no_secret_leaves"),
    ("C1", "an_output_asks_for_nothing_but_what_the_contract_says"),
    ("C2", "an_early_tick_changes_nothing"),
    ("C3", "pieces_of_the_input_are_as_good_as_the_whole"),
    ("C4", "the_order_of_asking_does_not_matter"),
    ("C5", "time_that_goes_back_stands_still"),
    ("C6", "equal_scenarios_have_equal_runs"),
    ("C7", "nothing_is_allocated"),
    ("L1", "every_message_ends_within_its_deadline"),
    ("L2", "later_commands_need_one_attempt"),
    ("L3", "both_ends_fall_silent"),
    ("L4", "every_session_becomes_ready_again"),
    ("L5", "nothing_waits_for_ever"),
];

fn name(invariant: &str) -> String {
    let sentence = SENTENCES.iter().find(|(name, _)| *name == invariant);
    sentence.map_or_else(
        || format!("{}_holds", invariant.to_lowercase()),
        |(_, sentence)| (*sentence).to_owned(),
    )
}

/// A raw string that holds any text.
fn raw(text: &str) -> String {
    let longest = text
        .split('"')
        .skip(1)
        .map(|behind| behind.bytes().take_while(|byte| *byte == b'#').count() + 1)
        .max();
    let hashes = "#".repeat(longest.unwrap_or(1));
    format!("r{hashes}\"\n{text}\"{hashes}")
}

/// A test that fails as long as the scenario breaks an invariant.
pub fn to_test(shrunk: &Shrunk) -> String {
    let Shrunk { scenario, invariant, message, .. } = shrunk;
    let mut test = String::new();
    // Writing into a string does not fail.
    let _ = write!(
        test,
        "/// {invariant}, as long as it is broken: {message}
#[test]
fn {name}() {{
    let scenario = cync_sim::Scenario::parse({raw}).unwrap();
    let outcome = cync_sim::explore::check(&scenario, false).unwrap();
    assert_eq!(outcome.broken, None);
}}
",
        message = message.replace('\n', " "),
        name = name(invariant),
        raw = raw(&scenario.to_toml()),
    );
    test
}
