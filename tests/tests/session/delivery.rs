//! From send to Done.

use crate::*;

#[test]
fn a_command_is_acknowledged_then_executed_and_the_receipt_says_so() {
    let mut pair = production();
    let start = pair.now;
    let id = pair.send(executed());
    let (outcome, receipt) = pair.outcome(id);
    assert_eq!(outcome, Outcome::Reached(Stage::Executed));
    assert_eq!((receipt.stage, receipt.status), (Some(Stage::Executed), Some(StatusCode::OK)));
    assert_eq!((receipt.attempts, receipt.queued_at, receipt.sent_at), (1, start, Some(start)));
    assert_eq!(receipt.done_at, start + 2 * LATENCY);
    let told: Vec<Event> = pair.hub.events.iter().map(|(_, event)| *event).skip(2).collect();
    let end = Event::Done { id, outcome, receipt };
    let stages = [Event::Sent { id }, Event::Acked { id }, Event::Executed { id }, end];
    assert_eq!(
        told.into_iter().filter(|event| *event != Event::Readable).collect::<Vec<_>>(),
        stages
    );
    assert_eq!((pair.device.applied_count(), pair.device.state().on), (1, true));
}

#[test]
fn a_result_that_overtakes_the_acknowledgement_implies_it() {
    let mut hub = hub();
    let (msg_id, counter) = send(&mut hub, power(true));
    hub.hear(&result(counter, &[0]));
    let ended = hub.done();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].0, Outcome::Reached(Stage::Executed));
    assert_eq!(ended[0].1.stage, Some(Stage::Executed));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(hub.events(), []);
    assert_eq!(hub.session.stats().unmatched_answers, 0);
    assert_eq!(hub.session.poll_timeout().unwrap().why, Timer::Silence, "its number is free");
}

#[test]
fn a_lost_command_is_transmitted_again_byte_for_byte_after_exactly_the_timer() {
    let mut pair = production();
    lose(&mut pair, Direction::ToDevice, PacketType::DataChannel, &[0, 1]);
    let start = pair.now;
    let id = pair.send(power(true));
    let (outcome, receipt) = pair.outcome(id);
    assert_eq!((outcome, receipt.attempts), (Outcome::Reached(Stage::Acked), 3));
    assert_eq!(receipt.done_at, start + ms(2_040));
    let copies: Vec<_> =
        pair.handed(Direction::ToDevice).filter(|it| it.transmit.id == Some(id)).collect();
    let times: Vec<_> = copies.iter().map(|copy| copy.at.since(start)).collect();
    assert_eq!(times, [ms(0), ms(1_000), ms(2_000)]);
    assert!(copies.iter().all(|copy| copy.bytes == copies[0].bytes));
    assert_eq!(copies.iter().map(|copy| copy.transmit.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(pair.device.applied_count(), 1);
}

#[test]
fn a_measured_round_trip_shortens_the_timer_to_its_floor() {
    let mut pair = Pair::laboratory(LATENCY);
    pair.connect();
    lose(&mut pair, Direction::ToDevice, PacketType::DataChannel, &[0]);
    let id = pair.send(power(true));
    assert_eq!(pair.outcome(id).1.done_at.since(at(80)), ms(250) + 2 * LATENCY);
}

#[test]
fn a_repeated_command_is_answered_alike_and_not_executed_twice() {
    let mut pair = production();
    lose(&mut pair, Direction::FromDevice, PacketType::DataAck, &[0]);
    let fate = std::mem::replace(&mut pair.fate, Box::new(|_, _| Copies::One));
    let mut fate = fate;
    let mut results = 0;
    pair.fate = Box::new(move |direction, bytes| {
        if direction == Direction::FromDevice && bytes[0] == PacketType::DataChannel.byte() {
            results += 1;
            return if results == 1 { Copies::None } else { Copies::One };
        }
        fate(direction, bytes)
    });
    let id = pair.send(executed());
    assert_eq!(pair.outcome(id).0, Outcome::Reached(Stage::Executed));
    assert_eq!(pair.device.applied_count(), 1);
    assert_eq!(pair.lamp.session.stats().duplicates, 1);
    let answers: Vec<_> = pair
        .handed(Direction::FromDevice)
        .filter(|it| matches!(it.bytes[0], 0x7b | 0x73))
        .map(|it| it.bytes.clone())
        .collect();
    assert_eq!(kinds(&answers), [0x7b, 0x73, 0x7b, 0x73]);
    assert_eq!(answers[..2], answers[2..]);
}

#[test]
fn until_executed_transmits_on_after_the_acknowledgement() {
    let mut hub = hub();
    let (msg_id, counter) = send(&mut hub, executed());
    hub.wait(ms(100));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(hub.tick().at, at(1_000), "the timer of results starts at the transmission");
    assert_eq!(numbers(&hub.out()[0]), (msg_id, counter));
    assert_eq!(hub.tick().at, at(2_000));
    assert_eq!(hub.out().len(), 1);
    hub.hear(&result(counter, &[0]));
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.attempts), (Outcome::Reached(Stage::Executed), 3));
}

#[test]
fn a_page_is_a_result_and_a_delivery() {
    let mut hub = hub();
    let query = Request::from(Command::QUERY_ALL).until(Stage::Executed);
    let (_, counter) = send(&mut hub, query);
    let frame = Frame::response(counter, op::MESH_QUERY, &[0; 6]);
    hub.hear(&Packet::DataChannel(channel(7, frame)));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Executed)]);
    let delivery = hub.session.recv(hub.now).unwrap();
    assert_eq!((delivery.data, delivery.id()), (&[0; 6][..], None));
}

#[test]
fn the_allowed_attempts_end_it_as_unknown_after_exactly_that_many() {
    let retry = RetryPolicy { max_attempts: NonZeroU16::new(3), ..RetryPolicy::default() };
    let mut hub: Solo = Solo::greeted(config(|it| it.retry = retry));
    send(&mut hub, power(true));
    for attempt in 1..=2 {
        assert_eq!(hub.tick().at, at(attempt * 1_000));
        assert_eq!(hub.out().len(), 1);
    }
    assert_eq!(hub.tick().at, at(3_000));
    assert!(hub.out().is_empty());
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.attempts), (Outcome::Unknown(Unknown::Timeout), 3));
    assert_eq!((receipt.done_at, receipt.stage), (at(3_000), Some(Stage::Sent)));
}

#[test]
fn the_deadline_ends_it() {
    let mut hub = hub();
    send(&mut hub, power(true).deadline(ms(1_500)));
    assert_eq!(hub.tick().at, at(1_000));
    assert_eq!(hub.out().len(), 1);
    assert_eq!(hub.tick().at, at(1_500));
    assert_eq!(done(&mut hub), [Outcome::Unknown(Unknown::Timeout)]);
}

#[test]
fn what_was_never_handed_over_ends_as_not_sent() {
    let mut hub = hub();
    hub.session.send(hub.now, power(true)).unwrap();
    assert_eq!(hub.tick().at, at(5_000));
    let (outcome, receipt) = hub.done()[0];
    assert_eq!(outcome, Outcome::NotSent(NotSent::Deadline));
    assert_eq!((receipt.stage, receipt.attempts, receipt.sent_at), (None, 0, None));
}

#[test]
fn a_due_attempt_that_is_not_taken_waits_for_nothing_but_its_deadline() {
    let mut hub = hub();
    send(&mut hub, power(true));
    assert_eq!(hub.tick().at, at(1_000));
    assert_eq!(hub.tick().at, at(5_000));
    assert_eq!(done(&mut hub), [Outcome::Unknown(Unknown::Timeout)]);
}

#[test]
fn a_message_sent_once_is_never_transmitted_twice_and_a_late_answer_still_counts() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, power(true).once());
    assert_eq!(hub.tick().at, at(1_000));
    assert!(hub.out().is_empty());
    assert_eq!(hub.session.poll_timeout().unwrap().at, at(5_000));
    hub.wait(ms(3_999));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn an_announcement_ends_when_it_was_handed_over() {
    let mut lamp: Solo = Solo::greeted(greeter());
    lamp.session.send(lamp.now, Request::announce(op::STATUS, &[0; 19])).unwrap();
    assert_eq!(kinds(&lamp.out()), [0x83]);
    assert_eq!(done(&mut lamp), [Outcome::Reached(Stage::Sent)]);
}

#[test]
fn an_announcement_can_wait_for_its_answer() {
    let mut lamp: Solo = Solo::greeted(greeter());
    let announce = Request::announce(op::STATUS, &[0; 19]).until(Stage::Acked);
    lamp.session.send(lamp.now, announce).unwrap();
    let out = lamp.out();
    let msg_id = MsgId(u16::from_be_bytes([out[0][9], out[0][10]]));
    lamp.hear(&Packet::StatusAck(ShortAck { msg_id, status: StatusCode::OK }));
    assert_eq!(done(&mut lamp), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn a_result_is_not_expected_sooner_than_a_receipt() {
    let mut client: Solo = Solo::connected(greeter());
    client.out();
    client.wait(ms(1_500));
    client.hear(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 }));
    let (msg_id, _) = send(&mut client, executed());
    client.wait(ms(1_400));
    client.hear(&ack(msg_id, StatusCode::OK));
    // Two samples, 1.5 s and 1.4 s: 1.4875 s and four times 0.5875 s.
    assert_eq!(client.tick().at, at(1_500) + ms(3_837) + Duration::from_micros(500));
    assert_eq!(kinds(&client.out()), [0x73]);
}

#[test]
fn results_that_were_never_measured_are_asked_for_more_often_towards_the_deadline() {
    let mut client: Solo = Solo::greeted(greeter());
    let (msg_id, _) = send(&mut client, executed());
    client.hear(&ack(msg_id, StatusCode::OK));
    let mut handed_over = vec![client.now];
    while client.now < at(5_000) {
        client.tick();
        handed_over.extend(client.out().iter().map(|_| client.now));
    }
    assert_eq!(handed_over[..4], [at(0), at(1_000), at(2_000), at(2_750)]);
    assert_eq!(handed_over.len(), 10);
    assert_eq!(done(&mut client), [Outcome::Unknown(Unknown::Timeout)]);
}
