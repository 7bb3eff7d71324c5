//! The retry budget: trouble is not answered with a storm.

use crate::*;
use cync_core::RetryBudget;

fn budget(percent: u16, per_second: u16, burst: u16) -> Solo {
    let rules = RetryBudget { percent, per_second, burst };
    Solo::greeted(config(|it| it.retry_budget = rules))
}

fn fill(hub: &mut Solo, count: usize) -> Vec<Vec<u8>> {
    for _ in 0..count {
        queue(hub, power(true));
    }
    hub.out()
}

#[test]
fn a_burst_passes_and_the_rest_comes_as_tokens_do() {
    let mut hub = budget(0, 10, 3);
    fill(&mut hub, 6);
    let times = times_until(&mut hub, at(1_950));
    // The timer runs out for all of them at a second; it brings a tenth of a second's token to the full bucket's three.
    assert_eq!(times, [1_000, 1_000, 1_000, 1_100, 1_200, 1_300]);
    assert_eq!(hub.session.stats().retransmissions.timeout, 6);
}

#[test]
fn the_wake_up_of_the_budget_is_named_and_exact() {
    let mut hub = budget(0, 10, 1);
    fill(&mut hub, 2);
    assert_eq!(hub.tick(), Deadline { at: at(1_000), why: Timer::Message });
    assert_eq!(hub.out().len(), 1);
    assert_eq!(hub.tick(), Deadline { at: at(1_100), why: Timer::RetryBudget });
    assert_eq!(hub.out().len(), 1);
    assert_eq!(hub.session.stats().budget_waits, 1);
    assert_eq!(hub.session.poll_timeout().unwrap().at, at(2_000));
}

#[test]
fn a_wake_up_that_nobody_made_use_of_is_not_repeated_at_once() {
    let mut hub = budget(0, 10, 1);
    fill(&mut hub, 2);
    hub.tick();
    hub.out();
    assert_eq!(hub.tick().why, Timer::RetryBudget);
    // The connection takes no bytes. What is due waits for nothing but its deadline.
    let next = hub.session.poll_timeout().unwrap();
    assert_eq!(next, Deadline { at: at(2_000), why: Timer::Message });
    assert_eq!(hub.out().len(), 1);
}

#[test]
fn a_copy_that_waits_uses_up_no_attempt_and_never_outlives_its_deadline() {
    let mut hub = budget(0, 0, 2);
    fill(&mut hub, 1);
    let times = times_until(&mut hub, at(5_000));
    assert_eq!(times, [1_000, 2_000], "the two tokens there will ever be");
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.attempts), (Outcome::Unknown(Unknown::Timeout), 3));
    assert_eq!(receipt.done_at, at(5_000));
    assert_eq!(hub.session.stats().budget_waits, 1);
}

#[test]
fn an_answer_counts_while_the_copy_waits() {
    let mut hub = budget(0, 0, 0);
    let first = fill(&mut hub, 1);
    hub.tick();
    assert!(hub.out().is_empty());
    hub.hear(&ack(numbers(&first[0]).0, StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
    assert_eq!(hub.session.poll_timeout().unwrap().why, Timer::Silence);
}

#[test]
fn first_transmissions_are_never_held_back_and_bring_their_share() {
    let mut hub = budget(50, 0, 1);
    fill(&mut hub, 1);
    hub.tick();
    assert_eq!(hub.out().len(), 1, "the only token");
    hub.tick();
    assert_eq!(hub.out().len(), 0);
    // Two first transmissions bring one.
    assert_eq!(fill(&mut hub, 1).len(), 1);
    assert_eq!(fill(&mut hub, 1).len(), 2, "a first copy, and the one that waited");
    assert_eq!(hub.session.stats().retransmissions.timeout, 2);
}

#[test]
fn every_wait_for_the_budget_is_counted_once() {
    let mut hub = budget(0, 2, 1);
    fill(&mut hub, 3);
    let times = times_until(&mut hub, at(1_999));
    assert_eq!(times, [1_000, 1_500]);
    assert_eq!(hub.session.stats().budget_waits, 2);
}

#[test]
fn a_wait_for_the_budget_that_no_copy_ended_is_counted_as_any_other() {
    let mut hub = budget(0, 0, 0);
    for waits in 1..=3 {
        fill(&mut hub, 1);
        while hub.done().is_empty() {
            hub.tick();
            hub.out();
        }
        assert_eq!(hub.session.stats().budget_waits, waits);
    }
}
