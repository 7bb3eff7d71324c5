//! Message numbers: chosen, kept as long as a copy may be under way, and used again.

use crate::*;
use cync_core::AckTimer;

fn lossy_window(id_window: u16) -> Solo {
    Solo::greeted(config(|it| {
        (it.window, it.id_window) = (2, id_window);
        (it.ack_timer, it.deadline) = (AckTimer::fixed(ms(5_000)), ms(60_000));
        it.peer_span = ms(60_000);
    }))
}

#[test]
fn a_number_may_be_chosen_and_is_refused_while_it_is_in_use() {
    let mut hub = hub();
    let chosen = power(true).msg_id(0x1234);
    let id = hub.session.send(hub.now, chosen).unwrap();
    let in_use = Err(SendError::NumberInUse(MsgId(0x1234)));
    assert_eq!(hub.session.send(hub.now, chosen), in_use, "queued");
    assert_eq!(numbers(&hub.out()[0]).0, MsgId(0x1234));
    assert_eq!(hub.session.send(hub.now, chosen), in_use, "in flight");
    hub.hear(&ack(MsgId(0x1234), StatusCode::OK));
    assert!(
        matches!(hub.events()[..], [Event::Sent { .. }, Event::Acked { .. }, Event::Done { id: done, .. }] if done == id)
    );
    assert_eq!(send(&mut hub, chosen).0, MsgId(0x1234), "all its copies were answered");
}

#[test]
fn a_number_of_which_a_copy_may_be_under_way_is_free_after_exactly_the_copy_lifetime() {
    let mut hub = hub();
    let chosen = power(true).msg_id(7);
    let id = hub.session.send(hub.now, chosen).unwrap();
    hub.out();
    hub.wait(ms(400));
    hub.session.handle_timeout(hub.now);
    hub.session.cancel(id);
    hub.events();
    hub.wait(ms(1_600) - Duration::from_micros(1));
    hub.session.handle_timeout(hub.now);
    let in_use = Err(SendError::NumberInUse(MsgId(7)));
    assert_eq!(hub.session.send(hub.now, chosen), in_use);
    assert_eq!(hub.tick(), Deadline { at: at(2_000), why: Timer::Message });
    assert_eq!(send(&mut hub, chosen).0, MsgId(7));
}

#[test]
fn a_disconnection_does_not_free_numbers_any_sooner() {
    let mut hub = hub();
    let chosen = power(true).msg_id(7);
    let (msg_id, _) = send(&mut hub, chosen);
    hub.wait(ms(1_999));
    reconnect(&mut hub);
    hub.events();
    let in_use = Err(SendError::NumberInUse(MsgId(7)));
    assert_eq!(hub.session.send(hub.now, chosen), in_use);
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(hub.session.stats().unmatched_answers, 1, "an answer to another connection");
    assert_eq!(hub.session.send(hub.now, chosen), in_use);
    assert_eq!(hub.tick().at, at(2_000));
    hub.session.send(hub.now, chosen).unwrap();
}

#[test]
fn a_number_that_another_message_has_is_passed_over() {
    let mut hub = hub();
    let (MsgId(first), _) = send(&mut hub, power(true));
    let next = first.wrapping_add(1);
    send(&mut hub, power(true).msg_id(next));
    send(&mut hub, power(true).msg_id(next.wrapping_add(1)));
    assert_eq!(send(&mut hub, power(true)).0, MsgId(next.wrapping_add(2)));
}

#[test]
fn an_id_wrap_with_ids_in_flight_matches_every_answer_and_passes_over_what_is_in_use() {
    let mut hub = hub();
    loop {
        let (msg_id, _) = send(&mut hub, power(true));
        hub.hear(&ack(msg_id, StatusCode::OK));
        done(&mut hub);
        if msg_id == MsgId(0xfff7) {
            break;
        }
    }
    // One number behind the wrap is taken.
    let mut sent = vec![send(&mut hub, executed().msg_id(3))];
    sent.extend((0..15).map(|_| send(&mut hub, executed())));
    let numbers_sent: Vec<u16> = sent.iter().map(|(msg_id, _)| msg_id.0).collect();
    let expected: Vec<u16> =
        [3].into_iter().chain(0xfff8..=0xffff).chain([0, 1, 2]).chain(4..=7).collect();
    assert_eq!(numbers_sent, expected);
    hub.tick();
    assert_eq!(hub.out().len(), 10, "as the budget allows");
    for (msg_id, counter) in sent.into_iter().rev() {
        hub.hear(&ack(msg_id, StatusCode::OK));
        hub.hear(&result(counter, &[0]));
        assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Executed)]);
    }
    assert_eq!(hub.session.stats().unmatched_answers, 0);
}

#[test]
fn a_first_transmission_waits_while_it_would_be_the_id_windows_distance_ahead() {
    let mut hub = lossy_window(4);
    let (oldest, _) = send(&mut hub, power(true));
    for _ in 0..3 {
        let (msg_id, _) = send(&mut hub, power(true));
        hub.hear(&ack(msg_id, StatusCode::OK));
    }
    hub.session.send(hub.now, power(true)).unwrap();
    hub.session.send(hub.now, power(true)).unwrap();
    assert!(hub.out().is_empty());
    assert!(hub.out().is_empty());
    assert_eq!((hub.session.queued(), hub.session.stats().id_waits), (2, 1));
    hub.hear(&ack(oldest, StatusCode::OK));
    assert_eq!(hub.out().len(), 2);
    assert_eq!(hub.session.stats().id_waits, 1);
}

#[test]
fn a_wait_for_numbers_that_no_copy_ended_is_counted_as_any_other() {
    let mut hub = lossy_window(2);
    send(&mut hub, power(true));
    let (msg_id, _) = send(&mut hub, power(true));
    hub.hear(&ack(msg_id, StatusCode::OK));
    hub.events();
    for waits in 1..=3 {
        let id = queue(&mut hub, power(true));
        assert!(hub.out().is_empty());
        assert!(hub.session.cancel(id));
        assert_eq!(hub.session.stats().id_waits, waits);
    }
}

#[test]
fn a_number_that_is_never_answered_holds_the_others_back_for_exactly_the_copy_lifetime() {
    let mut hub = lossy_window(2);
    let id = hub.session.send(hub.now, power(true)).unwrap();
    hub.out();
    hub.wait(ms(300));
    let (msg_id, _) = send(&mut hub, power(true));
    hub.hear(&ack(msg_id, StatusCode::OK));
    hub.session.send(hub.now, power(true)).unwrap();
    hub.session.cancel(id);
    hub.events();
    assert!(hub.out().is_empty());
    assert_eq!(hub.tick(), Deadline { at: at(2_000), why: Timer::Message });
    assert_eq!(hub.out().len(), 1);
}

#[test]
fn copies_of_what_is_under_way_do_not_wait_for_the_id_window() {
    let mut hub = lossy_window(2);
    send(&mut hub, power(true));
    let (msg_id, _) = send(&mut hub, power(true));
    hub.hear(&ack(msg_id, StatusCode::OK));
    hub.session.send(hub.now, power(true)).unwrap();
    assert!(hub.out().is_empty());
    assert_eq!(hub.tick().at, at(5_000));
    assert_eq!(hub.out().len(), 1);
}

#[test]
fn a_device_that_reboots_and_restarts_its_counters_is_understood() {
    let mut hub = hub();
    (1..=3).for_each(|n| assert!(hub.hear(&announcement(n)) && hub.hear(&request(n))));
    while hub.session.recv(hub.now).is_some() {}
    hub.out();
    let (before, _) = send(&mut hub, power(true));
    reconnect(&mut hub);
    hub.events();
    // Its states are new ones, whatever their numbers.
    (1..=3).for_each(|n| assert!(hub.hear(&announcement(n))));
    assert_eq!((hub.session.inbox_len(), hub.session.stats().duplicates), (3, 0));
    // A request is another one if it says anything else.
    let other = Frame::request(1, op::POWER, &[1, 2, 4]);
    assert!(hub.hear(&Packet::DataChannel(channel(1, other))));
    assert_eq!((hub.session.inbox_len(), hub.session.stats().duplicates), (4, 0));
    // What cannot be told from a repetition is answered as one.
    assert!(hub.hear(&request(1)));
    assert_eq!(hub.session.stats().duplicates, 1);
    assert_eq!(kinds(&hub.out()), [0x88, 0x88, 0x88, 0x7b, 0x7b]);
    // And what it is asked is answered under its own number.
    let (msg_id, _) = send(&mut hub, power(false));
    assert_eq!(msg_id.0, before.0.wrapping_add(1));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn every_wait_for_the_id_window_is_counted_once() {
    let mut hub = lossy_window(2);
    for waits in 1..=3 {
        let (oldest, _) = send(&mut hub, power(true));
        let (msg_id, _) = send(&mut hub, power(true));
        hub.hear(&ack(msg_id, StatusCode::OK));
        hub.session.send(hub.now, power(true)).unwrap();
        assert!(hub.out().is_empty() && hub.out().is_empty());
        assert_eq!(hub.session.stats().id_waits, waits);
        hub.hear(&ack(oldest, StatusCode::OK));
        let out = hub.out();
        hub.hear(&ack(numbers(&out[0]).0, StatusCode::OK));
        assert_eq!(done(&mut hub).len(), 3);
    }
}

#[test]
fn what_was_never_answered_holds_nothing_back_once_its_number_is_free() {
    let mut hub = lossy_window(3);
    for _ in 0..4 {
        let id = hub.session.send(hub.now, switch(1, true)).unwrap();
        assert_eq!(hub.out().len(), 1);
        assert!(hub.session.cancel(id));
        hub.events();
        assert_eq!(hub.tick().why, Timer::Message);
    }
    for address in 1..=2 {
        hub.session.send(hub.now, switch(address, true)).unwrap();
    }
    assert_eq!((hub.out().len(), hub.session.stats().id_waits), (2, 0));
}
