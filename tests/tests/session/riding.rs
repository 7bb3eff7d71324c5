//! Riding through: messages that are kept when the connection goes.

use crate::*;

fn riding(change: impl FnOnce(&mut Config)) -> Solo {
    Solo::greeted(config(|it| {
        it.ride_through = true;
        change(it);
    }))
}

fn lamp_power(on: bool) -> Command {
    Command::Power { to: device(ADDRESS), on }
}

#[test]
fn a_reconnect_during_retry_hands_over_again_the_same_bytes_in_the_order_of_their_first_copy() {
    let mut hub = riding(|_| {});
    for address in 1..=4 {
        hub.session.send(hub.now, switch(address, true)).unwrap();
    }
    let first = hub.out();
    assert_eq!(first.len(), 4);
    // The first is due for its second copy, the second has had it, and the third is answered.
    hub.tick();
    assert_eq!(hub.out_one().as_ref(), Some(&first[0]));
    hub.hear(&ack(numbers(&first[2]).0, StatusCode::OK));
    reconnect(&mut hub);
    assert_eq!(hub.out(), [first[0].clone(), first[1].clone(), first[3].clone()]);
    assert_eq!(hub.session.stats().retransmissions.reconnected, 3);
    for packet in [&first[0], &first[1], &first[3]] {
        hub.hear(&ack(numbers(packet).0, StatusCode::OK));
    }
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked); 4]);
}

#[test]
fn a_copy_for_a_new_connection_uses_up_no_attempt_and_no_budget_and_is_in_the_receipt() {
    let mut hub = riding(|it| {
        it.retry.max_attempts = NonZeroU16::new(2);
        it.retry_budget = cync_core::RetryBudget { percent: 0, per_second: 0, burst: 1 };
    });
    send(&mut hub, power(true));
    for _ in 0..3 {
        reconnect(&mut hub);
        assert_eq!(hub.out().len(), 1);
    }
    // The only token is there for the second attempt.
    assert_eq!(hub.tick().at, at(1_000));
    assert_eq!(hub.out().len(), 1);
    assert_eq!(hub.tick().at, at(2_000));
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.attempts), (Outcome::Unknown(Unknown::Timeout), 5));
    let stats = hub.session.stats();
    assert_eq!((stats.retransmissions.reconnected, stats.retransmissions.timeout), (3, 1));
}

#[test]
fn what_rides_through_keeps_its_deadline() {
    let mut hub = riding(|_| {});
    send(&mut hub, power(true));
    hub.session.send(hub.now, power(false).deadline(ms(2_500))).unwrap();
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    assert_eq!(hub.tick(), Deadline { at: at(2_500), why: Timer::Message });
    assert_eq!(done(&mut hub), [Outcome::NotSent(NotSent::Deadline)]);
    assert_eq!(hub.tick(), Deadline { at: at(5_000), why: Timer::Message });
    assert_eq!(done(&mut hub), [Outcome::Unknown(Unknown::Timeout)]);
    hub.session.handle_connected(hub.now);
    hub.greet();
    assert!(hub.out().is_empty());
}

#[test]
fn a_message_for_once_does_not_ride_through_unless_it_never_left() {
    let mut hub = riding(|it| it.window = 1);
    send(&mut hub, power(true).once());
    hub.session.send(hub.now, power(false).once()).unwrap();
    reconnect(&mut hub);
    assert_eq!(done(&mut hub), [Outcome::Unknown(Unknown::Disconnected)]);
    let out = hub.out();
    assert_eq!(out.len(), 1);
    hub.hear(&ack(numbers(&out[0]).0, StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn a_superseded_message_does_not_ride_through() {
    let mut hub = riding(|_| {});
    send(&mut hub, lamp_power(true).into());
    let (_, newer) = send(&mut hub, lamp_power(false).into());
    reconnect(&mut hub);
    assert_eq!(done(&mut hub), [Outcome::Unknown(Unknown::Superseded)]);
    let out = hub.out();
    assert_eq!(out.iter().map(|packet| numbers(packet).1).collect::<Vec<_>>(), [newer]);
}

#[test]
fn what_waits_for_its_new_connection_can_be_superseded() {
    let mut hub = riding(|_| {});
    send(&mut hub, lamp_power(true).into());
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    hub.events();
    hub.session.send(hub.now, lamp_power(false)).unwrap();
    assert_eq!(done(&mut hub), [Outcome::Unknown(Unknown::Superseded)]);
    hub.session.handle_connected(hub.now);
    hub.feed(&hello());
    let out = hub.out();
    assert_eq!(kinds(&out), [0x28, 0x73], "off, and not on after it");
    assert_eq!(lamp_power(false).data(numbers(&out[1]).1)[..], frame_data(&out[1]));
}

fn frame_data(bytes: &[u8]) -> Vec<u8> {
    let packet = Packet::decode(bytes, ChecksumMode::Strict).expect("own packets decode");
    packet.frame().into_iter().flat_map(|frame| frame.data.bytes()).collect()
}

#[test]
fn queued_messages_are_kept_behind_those_that_were_handed_over() {
    let mut hub = riding(|it| it.window = 2);
    for address in 1..=4 {
        hub.session.send(hub.now, switch(address, true)).unwrap();
    }
    let first = hub.out();
    reconnect(&mut hub);
    assert_eq!(hub.out(), first);
    assert_eq!((hub.session.in_flight(), hub.session.queued()), (2, 2));
    for packet in &first {
        hub.hear(&ack(numbers(packet).0, StatusCode::OK));
    }
    let rest: Vec<u32> = hub.out().iter().map(|packet| numbers(packet).1).collect();
    let counter = numbers(&first[0]).1;
    assert_eq!(rest, [counter.wrapping_add(2), counter.wrapping_add(3)]);
}

#[test]
fn send_is_taken_while_there_is_no_connection_and_leaves_with_the_next() {
    let mut hub = unconnected(config(|it| it.ride_through = true));
    hub.session.send(hub.now, power(true)).unwrap();
    hub.session.connect(hub.now);
    assert_eq!(hub.session.state(), State::Connecting);
    hub.session.send(hub.now, power(false)).unwrap();
    hub.session.handle_connected(hub.now);
    hub.session.send(hub.now, power(true)).unwrap();
    assert!(hub.out().is_empty(), "nothing before the greeting");
    hub.feed(&hello());
    assert_eq!(kinds(&hub.out()), [0x28, 0x73, 0x73, 0x73]);
}

#[test]
fn without_ride_through_send_is_refused_in_every_state_but_ready_with_its_name() {
    let mut hub = unconnected(listener());
    let refused = |hub: &mut Solo| hub.session.send(hub.now, power(true)).unwrap_err().to_string();
    assert_eq!(refused(&mut hub), "not connected: the session is disconnected");
    hub.session.connect(hub.now);
    assert_eq!(refused(&mut hub), "not connected: the session is connecting");
    hub.session.handle_connected(hub.now);
    assert_eq!(refused(&mut hub), "not connected: the session is greeting");
    hub.greet();
    send(&mut hub, power(true));
    hub.session.close(hub.now);
    assert_eq!(refused(&mut hub), "not connected: the session is draining");
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    assert_eq!(refused(&mut hub), "not connected: the session is closed");
}

#[test]
fn answers_of_the_old_connection_say_nothing_of_what_rides_until_it_was_handed_over_again() {
    let mut hub = riding(|_| {});
    let (msg_id, counter) = send(&mut hub, executed());
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    hub.session.handle_connected(hub.now);
    hub.feed(&hello());
    assert_eq!(hub.out_one().map(|packet| packet[0]), Some(0x28));
    hub.hear(&ack(msg_id, StatusCode::OK));
    hub.hear(&result(counter, &[0]));
    hub.hear(&Packet::DataResult(Ack { endpoint: ENDPOINT, msg_id, status: StatusCode(5) }));
    assert_eq!(done(&mut hub), []);
    let stats = hub.session.stats();
    assert_eq!((stats.unmatched_answers, stats.late_results), (2, 1));
    assert_eq!(kinds(&hub.out()), [0x73]);
    hub.hear(&result(counter, &[0]));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Executed)]);
}

#[test]
fn the_stage_reached_on_the_old_connection_is_kept() {
    let mut hub = riding(|_| {});
    let (msg_id, counter) = send(&mut hub, executed());
    hub.hear(&ack(msg_id, StatusCode::OK));
    reconnect(&mut hub);
    assert_eq!(hub.out().len(), 1);
    hub.hear(&result(counter, &[0]));
    let events = hub.events();
    let acked = events.iter().filter(|event| matches!(event, Event::Acked { .. })).count();
    let executed = events.iter().filter(|event| matches!(event, Event::Executed { .. })).count();
    assert_eq!((acked, executed), (1, 1));
}

#[test]
fn a_connection_that_replaces_another_is_ridden_to() {
    let mut hub = riding(|_| {});
    let (msg_id, _) = send(&mut hub, power(true));
    hub.session.handle_connected(hub.now);
    let states: Vec<_> =
        hub.events().into_iter().filter(|event| matches!(event, Event::StateChanged(_))).collect();
    let (gone, greeting) =
        (Event::StateChanged(State::Disconnected), Event::StateChanged(State::Greeting));
    assert_eq!(states, [gone, greeting]);
    hub.feed(&hello());
    assert_eq!(kinds(&hub.out()), [0x28, 0x73]);
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
    assert_eq!(hub.session.stats().disconnections.replaced, 1);
}

#[test]
fn close_without_a_connection_ends_what_waits_for_one() {
    let mut hub = riding(|_| {});
    send(&mut hub, power(true));
    hub.session.send(hub.now, power(true)).unwrap();
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    hub.session.close(hub.now);
    let closed = [Outcome::Unknown(Unknown::Closed), Outcome::NotSent(NotSent::Closed)];
    assert_eq!(done(&mut hub), closed);
    assert_eq!(hub.session.state(), State::Closed);
}

#[test]
fn ten_cuts_in_a_row_lose_nothing_and_execute_nothing_twice() {
    let ride = |mut config: Config| {
        config.ride_through = true;
        config
    };
    let mut pair = Pair::new(ride(listener()), ride(greeter()), LATENCY);
    pair.connect();
    let ids: Vec<MessageId> = (0..10)
        .flat_map(|_| {
            let ids = [pair.send(executed()), pair.send(executed())];
            pair.run(ms(30));
            pair.cut();
            pair.connect();
            ids
        })
        .collect();
    pair.run(ms(5_000));
    for id in ids {
        assert_eq!(pair.hub.done(id).map(|(it, _)| it), Some(Outcome::Reached(Stage::Executed)));
    }
    assert!(pair.executions.len() == 20 && pair.executions.values().all(|times| *times == 1));
}

#[test]
fn nothing_rides_through_the_end_of_a_drain() {
    let mut hub = riding(|it| it.window = 1);
    send(&mut hub, power(true));
    hub.session.send(hub.now, power(true)).unwrap();
    hub.session.close(hub.now);
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    let lost = [Outcome::Unknown(Unknown::Disconnected), Outcome::NotSent(NotSent::Disconnected)];
    assert_eq!(done(&mut hub), lost);
    assert_eq!((hub.session.in_flight(), hub.session.queued()), (0, 0));
}

#[test]
fn what_is_sent_without_a_connection_leaves_behind_what_rides_through() {
    let mut hub = riding(|it| it.window = 8);
    for address in 1..=2 {
        hub.session.send(hub.now, switch(address, true)).unwrap();
    }
    let ridden = hub.out();
    hub.session.handle_disconnected(hub.now, Disconnect::Error);
    for address in 3..=4 {
        hub.session.send(hub.now, switch(address, true)).unwrap();
    }
    reconnect(&mut hub);
    let all = hub.out();
    assert_eq!((all.len(), &all[..2]), (4, &ridden[..]));
    let counter = numbers(&ridden[1]).1;
    let behind: Vec<u32> = all[2..].iter().map(|packet| numbers(packet).1).collect();
    assert_eq!(behind, [counter.wrapping_add(1), counter.wrapping_add(2)]);
}
