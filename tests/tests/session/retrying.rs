//! When a message is transmitted again, and when no more.

use crate::*;
use cync_core::{AckTimer, Backoff};

fn retrying(retry: RetryPolicy) -> Solo {
    Solo::greeted(config(|it| (it.retry, it.deadline) = (retry, ms(60_000))))
}

/// The specified policy without its jitter.
fn exponential() -> RetryPolicy {
    RetryPolicy { jitter: Duration::ZERO, ..RetryPolicy::exponential() }
}

#[test]
fn send_with_ack_reaches_its_stage_with_one_copy() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, power(true));
    hub.wait(ms(40));
    hub.hear(&ack(msg_id, StatusCode::OK));
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.attempts), (Outcome::Reached(Stage::Acked), 1));
    assert_eq!((receipt.sent_at, receipt.done_at), (Some(at(0)), at(40)));
    let stats = hub.session.stats();
    assert_eq!((stats.acks.ok, stats.reached, stats.ack_timeouts), (1, 1, 0));
}

#[test]
fn retry_on_timeout_hands_over_the_same_bytes_after_exactly_the_timer() {
    let mut hub = hub();
    hub.session.send(hub.now, power(true)).unwrap();
    let handed = handed_until(&mut hub, at(4_999));
    assert_eq!(handed.iter().map(|it| it.0).collect::<Vec<_>>(), [0, 1_000, 2_000, 3_000, 4_000]);
    assert!(handed.iter().all(|it| it.1 == handed[0].1));
    assert_eq!((hub.session.stats().ack_timeouts, done(&mut hub)), (4, vec![]));
}

#[test]
fn max_retries_exceeded_ends_as_unknown_after_three_re_transmissions() {
    let mut hub = retrying(exponential());
    hub.session.send(hub.now, power(true)).unwrap();
    let times = times_until(&mut hub, at(30_000));
    // Timers of a second, and waits of 250, 500 and 1000 ms.
    assert_eq!(times, [0, 1_250, 2_750, 4_750]);
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.attempts), (Outcome::Unknown(Unknown::Timeout), 4));
    assert_eq!(receipt.done_at, at(5_750));
    assert_eq!(hub.session.stats().attempts, [1, 1, 1, 1, 0, 0, 0, 0]);
}

#[test]
fn ticks_that_are_a_little_late_cost_no_attempt() {
    let flat = RetryPolicy { max_attempts: NonZeroU16::new(3), ..RetryPolicy::default() };
    let mut hub = Solo::greeted(config(|it| {
        (it.retry, it.ack_timer, it.deadline) = (flat, AckTimer::fixed(ms(300)), ms(60_000));
    }));
    hub.session.send(hub.now, power(true)).unwrap();
    let mut handed = times_until(&mut hub, at(0));
    while let Some(deadline) = hub.session.poll_timeout() {
        let late = deadline.at + ms(99);
        if late > at(2_000) {
            break;
        }
        hub.session.handle_timeout(late);
        hub.now = late;
        handed.extend(times_until(&mut hub, late));
    }
    assert_eq!(handed, [0, 399, 798]);
}

#[test]
fn exponential_waits_double_up_to_five_seconds() {
    let mut hub = retrying(RetryPolicy { max_attempts: NonZeroU16::new(8), ..exponential() });
    hub.session.send(hub.now, power(true)).unwrap();
    let times = times_until(&mut hub, at(59_000));
    let waits: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0] - 1_000).collect();
    assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    assert_eq!(hub.session.stats().attempts, [1; 8]);
}

#[test]
fn jitter_makes_a_wait_longer_by_less_than_its_limit_and_differently_each_time() {
    let mut jitters: Vec<u64> = Vec::new();
    for seed in 0..200 {
        let mut config = listener();
        (config.retry, config.deadline) = (RetryPolicy::exponential(), ms(60_000));
        let session = Box::new(Session::new(config, seed).unwrap());
        let mut hub: Solo = Solo { session, now: at(0) };
        hub.session.handle_connected(hub.now);
        hub.greet();
        send(&mut hub, power(true));
        for (retry, wait) in [250_000, 500_000, 1_000_000].into_iter().enumerate() {
            let before = hub.now.as_micros();
            while hub.out().is_empty() {
                hub.tick();
            }
            let jitter = hub.now.as_micros() - before - 1_000_000 - wait;
            assert!(jitter < 100_000, "{jitter} before retry {retry}");
            jitters.push(jitter);
        }
    }
    for tenth in 0..10 {
        let range = tenth * 10_000..(tenth + 1) * 10_000;
        let share = jitters.iter().filter(|jitter| range.contains(*jitter)).count();
        assert!((35..=90).contains(&share), "{share} of 600 in {range:?}");
    }
}

#[test]
fn a_late_ack_of_any_copy_counts_also_between_two_of_them() {
    let mut hub = retrying(exponential());
    let (msg_id, _) = send(&mut hub, power(true));
    hub.tick();
    assert!(hub.out().is_empty(), "it backs off");
    hub.wait(ms(100));
    hub.hear(&ack(msg_id, StatusCode::OK));
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.attempts), (Outcome::Reached(Stage::Acked), 1));
    hub.wait(ms(60_000));
    hub.session.handle_timeout(hub.now);
    assert!(hub.out().is_empty());
}

#[test]
fn a_nack_ends_a_message_whatever_it_waits_for() {
    let outcome = [Outcome::Nacked(StatusCode(3))];
    let mut hub = retrying(exponential());
    let (in_flight, _) = send(&mut hub, power(true));
    hub.hear(&ack(in_flight, StatusCode(3)));
    assert_eq!(done(&mut hub), outcome);
    let (backing_off, _) = send(&mut hub, power(true));
    hub.tick();
    hub.hear(&ack(backing_off, StatusCode(3)));
    assert_eq!(done(&mut hub), outcome);
    let (once, _) = send(&mut hub, power(true).once());
    hub.tick();
    hub.hear(&ack(once, StatusCode(3)));
    assert_eq!(done(&mut hub), outcome);
    assert_eq!((hub.session.stats().nacked, hub.session.stats().acks.nack), (3, 3));
    hub.wait(ms(60_000));
    hub.session.handle_timeout(hub.now);
    assert!(hub.out().is_empty(), "a refusal is never repeated");
}

#[test]
fn codes_that_the_policy_lists_are_for_the_time_being_and_others_are_not() {
    static CODES: [StatusCode; 1] = [StatusCode(7)];
    let mut hub = retrying(RetryPolicy { retry_on: &CODES, ..RetryPolicy::default() });
    let (msg_id, counter) = send(&mut hub, executed());
    hub.hear(&ack(msg_id, StatusCode(7)));
    assert_eq!((done(&mut hub), hub.session.stats().acks.busy), (vec![], 1));
    assert_eq!(hub.tick().at, at(1_000));
    assert_eq!(hub.out().len(), 1);
    assert_eq!(hub.session.stats().retransmissions.refused, 1);
    hub.hear(&result(counter, &[7]));
    assert_eq!(done(&mut hub), []);
    hub.tick();
    assert_eq!(hub.out().len(), 1);
    hub.hear(&result(counter, &[8]));
    assert_eq!(done(&mut hub), [Outcome::Nacked(StatusCode(8))]);
    assert_eq!(hub.session.stats().retransmissions.refused, 2);
}

#[test]
fn a_message_for_once_that_is_refused_for_the_time_being_is_not_repeated() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, power(true).once());
    hub.hear(&ack(msg_id, BUSY));
    assert_eq!(times_until(&mut hub, at(5_000)), [0; 0]);
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.status), (Outcome::Unknown(Unknown::Timeout), Some(BUSY)));
}

#[test]
fn no_copy_follows_the_first_by_more_than_the_span_and_a_late_answer_still_counts() {
    // With timers of a second at most, and ticks a tenth of a second late, the third follows the first by 2.2 s.
    let retry = RetryPolicy { max_attempts: NonZeroU16::new(3), ..RetryPolicy::default() };
    let mut hub: Solo = Solo::greeted(config(|it| {
        (it.retry, it.ack_timer) = (retry, AckTimer::fixed(ms(1_000)));
    }));
    let (msg_id, _) = send(&mut hub, power(true));
    hub.tick();
    // The connection takes no bytes until the end of that span.
    hub.wait(ms(1_200));
    assert_eq!(hub.out().len(), 1, "at its end is in time");
    assert_eq!(hub.tick().at, at(3_200));
    assert!(hub.out().is_empty(), "and behind it is not");
    assert_eq!(done(&mut hub), []);
    assert_eq!(hub.session.poll_timeout().unwrap().at, at(5_000));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn what_waits_for_its_last_answer_after_the_span_ends_with_its_deadline() {
    let retry = RetryPolicy { max_attempts: NonZeroU16::new(2), ..RetryPolicy::default() };
    let mut hub: Solo = Solo::greeted(config(|it| {
        (it.retry, it.ack_timer) = (retry, AckTimer::fixed(ms(1_000)));
    }));
    send(&mut hub, executed());
    hub.tick();
    hub.wait(ms(100) + Duration::from_micros(1));
    assert!(hub.out().is_empty());
    assert_eq!(hub.tick().at, at(5_000));
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.attempts), (Outcome::Unknown(Unknown::Timeout), 1));
}

#[test]
fn a_flat_policy_with_jitter_waits_that_much_after_its_timer() {
    let mut hub =
        retrying(RetryPolicy { jitter: ms(10), backoff: Backoff::Flat, ..RetryPolicy::default() });
    hub.session.send(hub.now, power(true)).unwrap();
    let times = times_until(&mut hub, at(10_500));
    assert!(times.windows(2).all(|pair| (1_000..1_010).contains(&(pair[1] - pair[0]))));
    assert_eq!(times.len(), 11);
    assert!(times.windows(2).any(|pair| pair[1] - pair[0] > 1_000));
}

#[test]
fn attempts_beyond_the_eighth_are_counted_together() {
    let mut hub: Solo = Solo::greeted(config(|it| it.ack_timer = AckTimer::fixed(ms(250))));
    hub.session.send(hub.now, power(true)).unwrap();
    assert_eq!(times_until(&mut hub, at(2_900)).len(), 12);
    assert_eq!(hub.session.stats().attempts, [1, 1, 1, 1, 1, 1, 1, 5]);
}
