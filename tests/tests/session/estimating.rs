//! What the session learns of the round trip, and how fast.

use crate::*;
use std::collections::VecDeque;

/// Sends so many messages, a window at a time; returns how many copies of each were needless, as all but the first are on
/// links without faults.
fn needless(pair: &mut Pair, until: Stage, window: usize, count: usize) -> Vec<u16> {
    let (mut under_way, mut needless) = (VecDeque::new(), Vec::new());
    let mut end = |pair: &mut Pair, oldest| {
        let (outcome, receipt) = pair.outcome(oldest);
        assert_eq!(outcome, Outcome::Reached(until));
        needless.push(receipt.attempts - 1);
    };
    for _ in 0..count {
        if under_way.len() == window {
            under_way.pop_front().into_iter().for_each(|oldest| end(pair, oldest));
        }
        under_way.push_back(pair.send(power(true).until(until)));
    }
    under_way.into_iter().for_each(|oldest| end(pair, oldest));
    assert_eq!(pair.hub.session.stats().not_sent.total(), 0);
    needless
}

/// A round trip grows tenfold after a hundred messages; returns the needless copies of the next hundred, up to the last.
fn tenfold(until: Stage, window: usize, before: Duration) -> Vec<u16> {
    let mut pair = production();
    pair.latency = before / 2;
    assert_eq!(needless(&mut pair, until, window, 100), [0; 100]);
    pair.run(ms(10_000));
    pair.latency = before * 5;
    let mut needless = needless(&mut pair, until, window, 100);
    let last = needless.iter().rposition(|copies| *copies > 0).map_or(0, |last| last + 1);
    needless.truncate(last);
    needless
}

#[test]
fn a_round_trip_that_grows_tenfold_is_learnt_within_two_messages_sent_one_by_one() {
    for until in [Stage::Acked, Stage::Executed] {
        assert_eq!(tenfold(until, 1, ms(40)), [1, 1], "{until:?}, to 400 ms");
        assert_eq!(tenfold(until, 1, ms(200)), [7, 7], "{until:?}, to 2 s");
    }
}

#[test]
fn a_round_trip_that_grows_tenfold_is_learnt_within_one_full_window_or_two() {
    for until in [Stage::Acked, Stage::Executed] {
        // The first eleven messages of the first window get a copy, as the budget allows, and none of the next.
        let copies = tenfold(until, 16, ms(40));
        assert_eq!((copies.len(), copies.iter().sum::<u16>()), (11, 11), "{until:?}, to 400 ms");
        // The second window leaves before all copies of the first have been answered.
        let copies = tenfold(until, 16, ms(200));
        assert_eq!((copies.len(), copies.iter().sum::<u16>()), (32, 54), "{until:?}, to 2 s");
    }
}

#[test]
fn a_message_that_has_ended_tells_the_round_trip_once_all_its_copies_were_answered() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, power(true));
    hub.tick();
    assert_eq!(hub.out().len(), 1);
    hub.wait(ms(500));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
    assert_eq!(hub.session.round_trip(), None, "it may be the answer to either copy");
    hub.wait(ms(1_000));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(hub.session.round_trip(), Some(ms(1_500)));
    assert_eq!(hub.session.stats().unmatched_answers, 0);
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(hub.session.stats().unmatched_answers, 1, "more answers than copies");
}

#[test]
fn a_copy_whose_answer_is_lost_tells_nothing() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, power(true));
    hub.tick();
    hub.out();
    hub.hear(&ack(msg_id, StatusCode::OK));
    hub.wait(ms(10_000));
    hub.session.handle_timeout(hub.now);
    assert_eq!(hub.session.round_trip(), None);
}

#[test]
fn the_round_trip_is_smoothed_as_rfc_6298_says() {
    let mut hub = hub();
    for (sample, smoothed) in [(200, 200_000), (400, 225_000), (100, 209_375)] {
        let (msg_id, _) = send(&mut hub, power(true));
        hub.wait(ms(sample));
        hub.hear(&ack(msg_id, StatusCode::OK));
        assert_eq!(hub.session.round_trip(), Some(Duration::from_micros(smoothed)));
        done(&mut hub);
    }
    // The variation is 100, 125 and 125 ms.
    hub.session.send(hub.now, power(true)).unwrap();
    let start = hub.now;
    hub.out();
    assert_eq!(hub.tick().at, start + Duration::from_micros(209_375 + 4 * 125_000));
}

#[test]
fn the_greeting_is_the_first_measurement_of_the_side_that_greets() {
    let mut client: Solo = Solo::connected(greeter());
    client.out();
    client.wait(ms(300));
    client.hear(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 }));
    assert_eq!(client.session.round_trip(), Some(ms(300)));
    assert_eq!(hub().session.round_trip(), None);
}
