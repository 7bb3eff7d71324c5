//! What a session does, step by step, at exact times.

use cync_core::wire::{
    Channel, ChecksumMode, Command, Destination, DeviceInfo, Direction as Way, Frame, LoginAck,
    MsgId, Packet, PacketType, Prefix, Receipt as Ack, ShortAck, StatusCode, TimeResponse, Verdict,
    op,
};
use cync_core::{
    CivilTime, Config, Disconnect, Event, HangupReason, Instant, NotSent, Outcome, Request,
    RetryPolicy, SendError, Session, Stage, State, Timer, TooSmall, Unknown,
};
use cync_sim::{Copies, Direction};
use cync_tests::pair::{ADDRESS, Pair};
use cync_tests::solo::{AUTH, ENDPOINT, Solo, bytes_of, greeter, hello, listener};
use std::num::NonZeroU16;
use std::time::Duration;

const LATENCY: Duration = ms(20);
const BUSY: StatusCode = StatusCode(0xb5);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(n: u64) -> Instant {
    Instant::ZERO + ms(n)
}

fn power(on: bool) -> Command {
    Command::Power { to: Destination::device(ADDRESS).expect("in range"), on }
}

fn executed() -> Request<'static> {
    Request::from(power(true)).until(Stage::Executed)
}

fn production() -> Pair {
    let mut pair = Pair::production(LATENCY);
    pair.connect();
    pair
}

fn hub() -> Solo {
    Solo::greeted(listener())
}

/// Loses the packets of one direction and type whose place among their like, from 0, is listed.
fn lose(pair: &mut Pair, from: Direction, kind: PacketType, places: &'static [usize]) {
    let mut seen = 0;
    pair.fate = Box::new(move |direction, bytes| {
        if direction != from || bytes[0] != kind.byte() {
            return Copies::One;
        }
        seen += 1;
        if places.contains(&(seen - 1)) { Copies::None } else { Copies::One }
    });
}

/// The message number and the counter of a `0x73`.
fn numbers(bytes: &[u8]) -> (MsgId, u32) {
    let Ok(Packet::DataChannel(channel)) = Packet::decode(bytes, ChecksumMode::Strict) else {
        panic!("{bytes:02x?} is a 73");
    };
    (channel.prefix.msg_id, channel.frame.counter)
}

fn ack(msg_id: MsgId, status: StatusCode) -> Packet<'static> {
    Packet::DataAck(Ack { endpoint: ENDPOINT, msg_id, status })
}

fn channel(msg_id: u16, frame: Frame<'_>) -> Channel<'_> {
    Channel { prefix: Prefix { endpoint: ENDPOINT, msg_id: MsgId(msg_id), flag: 0 }, frame }
}

fn result(counter: u32, data: &[u8]) -> Packet<'_> {
    Packet::DataChannel(channel(900, Frame::response(counter, op::POWER, data)))
}

fn request(n: u16) -> Packet<'static> {
    Packet::DataChannel(channel(n, Frame::request(u32::from(n), op::POWER, &[1, 2, 3])))
}

fn announcement(n: u16) -> Packet<'static> {
    Packet::StatusBroadcast(channel(n, Frame::announce(u32::from(n), op::STATUS, &[0; 19])))
}

/// Sends, and returns the numbers of what was handed over.
fn send(solo: &mut Solo, request: Request<'_>) -> (MsgId, u32) {
    solo.session.send(solo.now, request).expect("there is room");
    let out = solo.out();
    assert_eq!(out.len(), 1);
    numbers(&out[0])
}

fn done(solo: &mut Solo) -> Vec<Outcome> {
    solo.done().into_iter().map(|(outcome, _)| outcome).collect()
}

fn kinds(packets: &[Vec<u8>]) -> Vec<u8> {
    packets.iter().map(|packet| packet[0]).collect()
}

// Greeting

#[test]
fn either_side_may_greet() {
    let states = |events: &[(Instant, Event)]| -> Vec<(Instant, Event)> {
        events
            .iter()
            .filter(|(_, event)| matches!(event, Event::StateChanged(_)))
            .copied()
            .collect()
    };
    let (greeting, ready) =
        (Event::StateChanged(State::Greeting), Event::StateChanged(State::Ready));
    let pair = production();
    assert_eq!(states(&pair.hub.events), [(at(0), greeting), (at(20), ready)]);
    assert_eq!(states(&pair.lamp.events), [(at(0), greeting), (at(40), ready)]);
    let mut pair = Pair::laboratory(LATENCY);
    pair.connect();
    assert_eq!(states(&pair.hub.events), [(at(0), greeting), (at(40), ready)]);
    assert_eq!(states(&pair.lamp.events), [(at(0), greeting), (at(20), ready)]);
    assert_eq!(pair.handed.len(), 2);
}

#[test]
fn a_refused_greeting_hangs_up_with_its_status() {
    let mut solo: Solo = Solo::connected(greeter());
    assert_eq!(kinds(&solo.out()), [0x23]);
    solo.hear(&Packet::HelloAck(LoginAck { status: StatusCode(7), reserved: 0 }));
    let refused = Event::Hangup(HangupReason::Refused(StatusCode(7)));
    assert_eq!(solo.events(), [refused, Event::StateChanged(State::Greeting)]);
    assert_eq!(
        solo.session.send(solo.now, power(true)),
        Err(SendError::NotConnected(State::Greeting))
    );
}

#[test]
fn a_greeting_that_nobody_answers_hangs_up_after_exactly_the_greeting_timeout() {
    for config in [greeter(), listener()] {
        let mut solo: Solo = Solo::connected(config);
        solo.out();
        solo.events();
        solo.wait(ms(4_999));
        solo.session.handle_timeout(solo.now);
        assert_eq!(solo.events(), []);
        let deadline = solo.tick();
        assert_eq!((deadline.at, deadline.why), (at(5_000), Timer::Greeting));
        assert_eq!(solo.events(), [Event::Hangup(HangupReason::GreetingTimeout)]);
    }
}

#[test]
fn nothing_counts_before_the_greeting() {
    let mut solo: Solo = Solo::connected(listener());
    assert!(solo.hear(&request(1)) && solo.hear(&Packet::HeartbeatDev));
    assert_eq!(solo.session.stats().before_greeting, 2);
    assert!(solo.out().is_empty() && solo.session.recv(solo.now).is_none());
    let mut solo: Solo = Solo::connected(greeter());
    solo.hear(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 }));
    assert_eq!(solo.session.state(), State::Greeting, "an answer to what was not asked");
    assert_eq!(solo.session.stats().unmatched_answers, 1);
}

// From send to Done

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
    let (msg_id, counter) = send(&mut hub, power(true).into());
    hub.hear(&result(counter, &[0]));
    let ended = hub.done();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].0, Outcome::Reached(Stage::Executed));
    assert_eq!(ended[0].1.stage, Some(Stage::Executed));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(hub.events(), []);
    assert_eq!(hub.session.stats().unmatched_answers, 1);
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
    let retry = RetryPolicy { max_attempts: NonZeroU16::new(3) };
    let mut hub: Solo = Solo::greeted(config(|it| it.retry = retry));
    send(&mut hub, power(true).into());
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
    send(&mut hub, Request::from(power(true)).deadline(ms(1_500)));
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
    send(&mut hub, power(true).into());
    assert_eq!(hub.tick().at, at(1_000));
    assert_eq!(hub.tick().at, at(5_000));
    assert_eq!(done(&mut hub), [Outcome::Unknown(Unknown::Timeout)]);
}

#[test]
fn a_message_sent_once_is_never_transmitted_twice_and_a_late_answer_still_counts() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, Request::from(power(true)).once());
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

// Refusals and other answers

#[test]
fn a_refusal_is_final() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, power(true).into());
    hub.hear(&ack(msg_id, StatusCode(3)));
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.status), (Outcome::Nacked(StatusCode(3)), Some(StatusCode(3))));
    let (msg_id, counter) = send(&mut hub, executed());
    hub.hear(&ack(msg_id, StatusCode::OK));
    hub.hear(&result(counter, &[9]));
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.stage), (Outcome::Nacked(StatusCode(9)), Some(Stage::Acked)));
    hub.wait(ms(10_000));
    hub.session.handle_timeout(hub.now);
    assert!(hub.out().is_empty());
}

#[test]
fn a_busy_peer_is_asked_again() {
    let mut hub = hub();
    let (msg_id, counter) = send(&mut hub, power(true).into());
    hub.hear(&ack(msg_id, BUSY));
    assert_eq!(done(&mut hub), []);
    assert_eq!(hub.tick().at, at(1_000));
    assert_eq!(numbers(&hub.out()[0]), (msg_id, counter));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn a_peer_that_stays_busy_is_named_in_the_receipt() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, power(true).into());
    hub.hear(&ack(msg_id, BUSY));
    hub.wait(ms(5_000));
    hub.session.handle_timeout(hub.now);
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.status), (Outcome::Unknown(Unknown::Timeout), Some(BUSY)));
}

#[test]
fn the_clouds_verdict_ends_the_message_it_names_and_no_other() {
    let verdict = |endpoint, msg_id, status| {
        Packet::DataResult(Ack { endpoint, msg_id, status: StatusCode(status) })
    };
    for (code, outcome) in
        [(0x0a, Outcome::Unknown(Unknown::Expired)), (0x05, Outcome::Nacked(StatusCode(5)))]
    {
        let mut hub = hub();
        let (msg_id, _) = send(&mut hub, power(true).into());
        hub.hear(&verdict(ENDPOINT, MsgId(msg_id.0 ^ 1), code));
        hub.hear(&verdict(cync_core::wire::Endpoint(1), msg_id, code));
        assert_eq!(done(&mut hub), []);
        assert_eq!(hub.session.stats().unmatched_answers, 2);
        hub.hear(&verdict(ENDPOINT, msg_id, code));
        assert_eq!(done(&mut hub), [outcome]);
    }
}

#[test]
fn answers_of_another_endpoint_kind_or_number_change_nothing_and_are_counted() {
    let mut hub = hub();
    let (msg_id, counter) = send(&mut hub, executed());
    hub.events();
    let (status, other) = (StatusCode::OK, cync_core::wire::Endpoint(9));
    let prefix = Prefix { endpoint: ENDPOINT, msg_id, flag: 0 };
    let wrong = [
        Packet::DataAck(Ack { endpoint: other, msg_id, status }),
        ack(MsgId(msg_id.0.wrapping_add(1)), status),
        Packet::StatusAck(ShortAck { msg_id, status }),
        Packet::ProbeAck(DeviceInfo { prefix, payload: &[] }),
        result(counter.wrapping_add(1), &[0]),
        Packet::DataChannel(channel(1, Frame::response(counter, op::MESH_QUERY, &[0]))),
        Packet::HelloAck(LoginAck { status, reserved: 0 }),
        Packet::ProbeResult(Verdict {
            receipt: Ack { endpoint: ENDPOINT, msg_id, status },
            reserved: 0,
        }),
    ];
    for packet in &wrong {
        assert!(hub.hear(packet));
    }
    assert_eq!(hub.session.stats().unmatched_answers, wrong.len() as u64);
    assert_eq!((hub.events(), hub.session.in_flight()), (vec![], 1));
    assert_eq!(hub.session.poll_timeout().unwrap().at, at(1_000));
}

#[test]
fn an_answer_to_what_was_not_handed_over_yet_changes_nothing() {
    let mut hub = hub();
    let (msg_id, counter) = send(&mut hub, power(true).into());
    hub.session.send(hub.now, power(false)).unwrap();
    hub.hear(&ack(MsgId(msg_id.0.wrapping_add(1)), StatusCode::OK));
    hub.hear(&result(counter.wrapping_add(1), &[0]));
    assert_eq!(hub.session.stats().unmatched_answers, 2);
    assert_eq!((hub.session.in_flight(), hub.session.queued()), (1, 1));
}

#[test]
fn a_late_answer_is_counted_and_harmless() {
    let mut hub = hub();
    let (msg_id, counter) = send(&mut hub, power(true).into());
    hub.hear(&ack(msg_id, StatusCode::OK));
    // The slot is not free before its end was told.
    hub.hear(&ack(msg_id, StatusCode(1)));
    hub.hear(&result(counter, &[1]));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
    hub.hear(&ack(msg_id, StatusCode(1)));
    assert_eq!(hub.events(), []);
    assert_eq!(hub.session.stats().unmatched_answers, 3);
}

// Disconnection

#[test]
fn a_disconnection_ends_every_message_once() {
    let mut hub: Solo = Solo::greeted(config(|it| it.window = 1));
    for _ in 0..3 {
        hub.session.send(hub.now, power(true)).unwrap();
    }
    assert_eq!(hub.out().len(), 1);
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    let lost = Outcome::NotSent(NotSent::Disconnected);
    let mut outcomes = done(&mut hub);
    outcomes.sort_by_key(|outcome| *outcome == lost);
    assert_eq!(outcomes, [Outcome::Unknown(Unknown::Disconnected), lost, lost]);
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    assert_eq!(hub.events(), []);
    assert_eq!(
        hub.session.send(hub.now, power(true)),
        Err(SendError::NotConnected(State::Disconnected))
    );
    assert_eq!(hub.session.poll_timeout(), None);
}

#[test]
fn a_partial_packet_goes_with_its_connection() {
    let mut hub = hub();
    let bytes = bytes_of(&request(1));
    hub.feed(&bytes[..9]);
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    hub.session.handle_connected(hub.now);
    hub.greet();
    hub.feed(&bytes[9..]);
    assert!(hub.session.recv(hub.now).is_none());
    assert_eq!(hub.session.stats().accepted, 0);
}

#[test]
fn a_command_repeated_on_a_new_connection_is_answered_alike_and_not_delivered_again() {
    let mut lamp: Solo = Solo::greeted(greeter());
    lamp.hear(&request(1));
    let id = lamp.session.recv(lamp.now).and_then(|delivery| delivery.id()).unwrap();
    lamp.session.report(lamp.now, id, StatusCode(4)).unwrap();
    let answers = lamp.out();
    assert_eq!(kinds(&answers), [0x7b, 0x73]);
    lamp.session.handle_disconnected(lamp.now, Disconnect::Peer);
    lamp.session.handle_connected(lamp.now);
    lamp.greet();
    lamp.hear(&request(1));
    assert_eq!(lamp.out(), answers);
    assert!(lamp.session.recv(lamp.now).is_none());
}

#[test]
fn a_result_that_was_reported_without_a_connection_is_told_when_it_is_asked_for() {
    let mut lamp: Solo = Solo::greeted(greeter());
    lamp.hear(&request(1));
    let id = lamp.session.recv(lamp.now).and_then(|delivery| delivery.id()).unwrap();
    lamp.session.handle_disconnected(lamp.now, Disconnect::Peer);
    lamp.session.report(lamp.now, id, StatusCode::OK).unwrap();
    lamp.session.handle_connected(lamp.now);
    lamp.greet();
    assert!(lamp.out().is_empty());
    lamp.hear(&request(1));
    assert_eq!(kinds(&lamp.out()), [0x7b, 0x73]);
}

#[test]
fn a_state_is_a_duplicate_within_its_connection_only() {
    let mut hub = hub();
    hub.hear(&announcement(1));
    hub.hear(&announcement(1));
    assert_eq!(kinds(&hub.out()), [0x88, 0x88]);
    assert_eq!(hub.session.inbox_len(), 1);
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    hub.session.handle_connected(hub.now);
    hub.greet();
    hub.hear(&announcement(1));
    assert_eq!(hub.session.inbox_len(), 2);
}

#[test]
fn a_remembered_message_is_forgotten_after_its_time_to_live() {
    let mut lamp: Solo = Solo::greeted(config(|it| it.silence = ms(1_000_000)));
    lamp.hear(&request(1));
    lamp.wait(ms(299_999));
    lamp.hear(&request(1));
    assert_eq!(lamp.session.inbox_len(), 1);
    lamp.wait(ms(1));
    lamp.hear(&request(1));
    assert_eq!(lamp.session.inbox_len(), 2);
}

// Liveness

#[test]
fn a_heartbeat_comes_after_exactly_21_seconds_without_own_traffic() {
    let mut pair = production();
    pair.run(ms(10_000));
    let id = pair.send(executed());
    pair.outcome(id);
    let quiet_since = pair.handed(Direction::FromDevice).last().unwrap().at;
    pair.run(ms(60_000));
    let beats: Vec<_> = pair.handed.iter().filter(|it| it.bytes == [0xd3, 0, 0, 0, 0]).collect();
    let times: Vec<_> = beats.iter().map(|it| it.at.since(quiet_since)).collect();
    assert_eq!(times, [ms(21_000), ms(42_000)]);
    let answers: Vec<_> = pair.handed.iter().filter(|it| it.bytes[0] == 0xd8).collect();
    assert_eq!(
        answers.iter().map(|it| it.at).collect::<Vec<_>>(),
        beats.iter().map(|it| it.at + LATENCY).collect::<Vec<_>>()
    );
}

#[test]
fn a_silent_peer_is_hung_up_on_after_exactly_60_seconds() {
    let mut hub = hub();
    hub.wait(ms(30_000));
    hub.feed(&[0xd3]);
    hub.feed(&[0, 0, 0, 0]);
    hub.out();
    let deadline = hub.tick();
    assert_eq!((deadline.at, deadline.why), (at(90_000), Timer::Silence));
    assert_eq!(hub.events(), [Event::Hangup(HangupReason::Silent)]);
}

#[test]
fn offering_nothing_is_no_sign_of_life() {
    let mut hub = hub();
    hub.wait(ms(30_000));
    hub.feed(&[]);
    assert_eq!(hub.session.poll_timeout().unwrap().at, at(60_000));
}

#[test]
fn a_packet_has_its_time_from_its_first_byte() {
    let mut hub = hub();
    let bytes = bytes_of(&request(1));
    hub.wait(ms(1_000));
    hub.feed(&bytes[..1]);
    for byte in &bytes[1..10] {
        hub.wait(ms(1_000));
        hub.feed(&[*byte]);
    }
    let deadline = hub.tick();
    assert_eq!((deadline.at, deadline.why), (at(11_000), Timer::Packet));
    assert_eq!(hub.events(), [Event::Hangup(HangupReason::PacketTimeout)]);
}

#[test]
fn the_next_packets_time_starts_with_its_own_first_byte() {
    let mut hub = hub();
    let bytes = [bytes_of(&request(1)), bytes_of(&request(2))].concat();
    hub.feed(&bytes[..3]);
    hub.wait(ms(9_000));
    hub.feed(&bytes[3..bytes.len() - 1]);
    hub.out();
    assert_eq!(hub.tick().at, at(19_000));
}

// Bounds

#[test]
fn the_window_and_the_queue_are_bounded_and_writable_announces_room() {
    let mut hub: Solo = Solo::greeted(config(|it| (it.window, it.queue) = (2, 3)));
    for _ in 0..5 {
        hub.session.send(hub.now, power(true)).unwrap();
    }
    assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Full));
    assert_eq!(hub.events(), []);
    let out = hub.out();
    assert_eq!((out.len(), hub.session.in_flight(), hub.session.queued()), (2, 2, 3));
    assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Full));
    assert_eq!(hub.session.stats().queue_full, 2);
    assert!(!hub.events().contains(&Event::Writable));
    hub.hear(&ack(numbers(&out[0]).0, StatusCode::OK));
    let events = hub.events();
    assert_eq!(events.last(), Some(&Event::Writable));
    hub.session.send(hub.now, power(true)).unwrap();
    assert!(!hub.events().contains(&Event::Writable));
}

#[test]
fn a_session_without_a_queue_takes_what_fits_its_window_and_announces_room() {
    let mut hub: Solo = Solo::greeted(config(|it| (it.window, it.queue) = (1, 0)));
    let (msg_id, _) = send(&mut hub, power(true).into());
    assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Full));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(hub.events().last(), Some(&Event::Writable));
    hub.session.send(hub.now, power(true)).unwrap();
}

#[test]
fn writable_waits_until_the_bytes_have_room_as_well() {
    let mut hub: Solo<8> = Solo::greeted(config(|it| (it.window, it.queue) = (4, 4)));
    let long = Request::frame(0x99, &[7; 400]);
    hub.session.send(hub.now, long).unwrap();
    assert_eq!(hub.session.send(hub.now, long), Err(SendError::Full));
    let out = hub.out();
    assert!(!hub.events().contains(&Event::Writable));
    hub.hear(&ack(numbers(&out[0]).0, StatusCode::OK));
    assert_eq!(hub.events().last(), Some(&Event::Writable));
    hub.session.send(hub.now, long).unwrap();
}

#[test]
fn data_that_could_never_have_room_is_too_long() {
    let mut hub: Solo<8> = Solo::greeted(config(|it| (it.window, it.queue) = (4, 4)));
    let sent = hub.session.send(hub.now, Request::frame(0x99, &[7; 513]));
    assert_eq!(sent, Err(SendError::TooLong { len: 513, max: 512 }));
    hub.session.send(hub.now, Request::frame(0x99, &[7; 512])).unwrap();
}

#[test]
fn the_longest_data_fits_a_packet_however_it_is_stuffed() {
    let mut hub = hub();
    let Err(SendError::TooLong { max, .. }) =
        hub.session.send(hub.now, Request::frame(0x99, &[0; 4_000]))
    else {
        panic!("4000 bytes are too long");
    };
    hub.session.send(hub.now, Request::frame(0x7e, &vec![0x7e; max])).unwrap();
    let out = hub.out();
    assert!(out[0].len() > 2 * max);
    let packet = Packet::decode(&out[0], ChecksumMode::Strict).unwrap();
    assert!(packet.frame().unwrap().data.bytes().eq(std::iter::repeat_n(0x7e, max)));
}

#[test]
fn first_transmissions_leave_in_the_order_of_send() {
    let mut pair = production();
    pair.fate = Box::new(|_, bytes| if bytes[0] == 0x73 { Copies::None } else { Copies::One });
    let ids: Vec<_> = (0..40).map(|_| pair.send(power(true))).collect();
    pair.run(ms(6_000));
    pair.fate = Box::new(|_, _| Copies::One);
    let first: Vec<_> = pair
        .handed
        .iter()
        .filter(|it| it.transmit.attempt == 1)
        .filter_map(|it| it.transmit.id)
        .collect();
    assert_eq!(first, ids[..first.len()]);
    assert_eq!(first.len(), 16, "the window");
    assert_eq!(pair.hub.outcomes().count(), 40);
}

#[test]
fn message_numbers_and_counters_wrap() {
    let mut hub = hub();
    let (mut before, mut wrapped) = (None, false);
    for _ in 0..66_000_u32 {
        let (msg_id, counter) = send(&mut hub, power(true).into());
        if let Some((last, last_counter)) = before.replace((msg_id, counter)) {
            assert_eq!(
                (msg_id.0, counter),
                (last.0.wrapping_add(1), u32::wrapping_add(last_counter, 1))
            );
            wrapped |= msg_id.0 == 0;
        }
        hub.hear(&ack(msg_id, StatusCode::OK));
        assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
    }
    assert!(wrapped);
}

// Input that is refused

/// A session whose inbox takes two requests, and has taken them.
fn full() -> Solo {
    let mut lamp: Solo = Solo::greeted(config(|it| it.inbox = 2));
    assert!(lamp.hear(&request(1)) && lamp.hear(&request(2)));
    lamp.out();
    lamp.events();
    lamp
}

#[test]
fn a_full_inbox_refuses_input_and_goes_on_after_recv() {
    let mut lamp = full();
    let stream =
        [bytes_of(&Packet::HeartbeatDev), bytes_of(&request(3)), bytes_of(&Packet::HeartbeatDev)]
            .concat();
    assert_eq!(lamp.feed(&stream), 5);
    assert!(!lamp.session.wants_input());
    assert_eq!(lamp.feed(&stream[5..]), 0, "nothing was freed");
    assert_eq!(kinds(&lamp.out()), [0xd8]);
    assert_eq!(lamp.session.recv(lamp.now).unwrap().prefix.msg_id, MsgId(1));
    assert!(lamp.session.wants_input());
    assert_eq!(lamp.feed(&stream[5..]), stream.len() - 5);
    for n in 2..4 {
        assert_eq!(lamp.session.recv(lamp.now).unwrap().prefix.msg_id, MsgId(n));
    }
    assert_eq!(kinds(&lamp.out()), [0x7b, 0xd8]);
}

#[test]
fn a_refused_packet_that_came_in_pieces_is_taken_when_nothing_more_is_offered() {
    let mut lamp = full();
    let bytes = bytes_of(&request(3));
    assert_eq!(lamp.feed(&bytes[..10]), 10);
    assert_eq!(lamp.feed(&bytes[10..]), bytes.len() - 10);
    assert!(!lamp.session.wants_input());
    assert_eq!(lamp.feed(&[0xd3]), 0);
    lamp.session.recv(lamp.now).unwrap();
    lamp.feed(&[]);
    assert!(lamp.session.wants_input());
    assert_eq!(kinds(&lamp.out()), [0x7b]);
    assert_eq!(lamp.session.inbox_len(), 2);
}

#[test]
fn answers_in_front_of_a_refused_message_are_taken() {
    let mut lamp = full();
    let (msg_id, _) = send(&mut lamp, power(true).into());
    lamp.feed(&[bytes_of(&ack(msg_id, StatusCode::OK)), bytes_of(&request(3))].concat());
    assert!(!lamp.session.wants_input());
    assert_eq!(done(&mut lamp), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn our_own_refusal_is_not_the_peers_silence() {
    let mut lamp = full();
    let bytes = bytes_of(&request(3));
    lamp.wait(ms(20_000));
    assert_eq!(lamp.feed(&bytes), 0);
    assert_eq!(lamp.session.poll_timeout(), None);
    lamp.wait(ms(1_000_000));
    lamp.session.handle_timeout(lamp.now);
    assert_eq!(lamp.events(), []);
    lamp.session.recv(lamp.now).unwrap();
    let deadline = lamp.session.poll_timeout().unwrap();
    assert_eq!((deadline.at, deadline.why), (lamp.now + ms(40_000), Timer::Silence));
}

#[test]
fn while_input_is_refused_no_answer_is_missed() {
    let retry = RetryPolicy { max_attempts: NonZeroU16::new(1) };
    let mut lamp: Solo = Solo::greeted(config(|it| (it.inbox, it.retry) = (1, retry)));
    lamp.hear(&request(1));
    let request_2 = bytes_of(&request(2));
    lamp.out();
    let (msg_id, _) = send(&mut lamp, Request::from(power(true)).deadline(ms(10_000)));
    let stream = [request_2, bytes_of(&ack(msg_id, StatusCode::OK))].concat();
    assert_eq!(lamp.feed(&stream), 0);
    for _ in 0..8 {
        lamp.tick();
        assert!(lamp.out().is_empty());
    }
    assert_eq!(lamp.session.stats().ack_timeouts, 0);
    lamp.session.recv(lamp.now).unwrap();
    assert_eq!(lamp.feed(&stream), stream.len());
    assert_eq!(done(&mut lamp), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn a_deadline_passes_while_input_is_refused() {
    let mut lamp = full();
    send(&mut lamp, power(true).into());
    lamp.feed(&bytes_of(&request(3)));
    while done(&mut lamp).is_empty() {
        lamp.tick();
    }
    assert_eq!(lamp.now, at(5_000));
}

#[test]
fn states_push_out_older_states() {
    let mut hub: Solo = Solo::greeted(config(|it| it.inbox = 2));
    (1..=5).for_each(|n| assert!(hub.hear(&announcement(n))));
    assert_eq!((hub.session.inbox_len(), hub.session.stats().states_dropped), (2, 3));
    assert_eq!(hub.session.recv(hub.now).unwrap().prefix.msg_id, MsgId(4));
    assert_eq!(kinds(&hub.out()), [0x88; 5]);
}

#[test]
fn a_flood_that_asks_for_answers_is_refused_until_they_are_taken() {
    let mut hub = hub();
    let flood: Vec<u8> = (0..1_000).flat_map(|n| bytes_of(&announcement(n))).collect();
    let taken = hub.feed(&flood);
    assert!(taken < flood.len() && !hub.session.wants_input());
    assert_eq!(hub.feed(&flood[taken..]), 0);
    let mut at = taken;
    let mut answers = 0;
    while at < flood.len() {
        answers += hub.out().len();
        assert!(hub.session.wants_input());
        at += hub.feed(&flood[at..]);
    }
    assert_eq!(answers + hub.out().len(), 1_000);
}

#[test]
fn an_application_that_only_sends_is_not_starved_by_a_flood() {
    let mut hub = hub();
    hub.session.send(hub.now, power(true)).unwrap();
    (0..60).for_each(|n| assert!(hub.hear(&announcement(n))));
    let out = kinds(&hub.out());
    assert_eq!(out.iter().position(|kind| *kind == 0x73), Some(8), "behind eight answers");
}

#[test]
fn a_result_leaves_before_the_state_that_follows_from_it() {
    let mut lamp = Solo::<128, 1024, 4101>::greeted(listener());
    lamp.hear(&request(7));
    assert_eq!(kinds(&lamp.out()), [0x7b]);
    let id = lamp.session.recv(lamp.now).unwrap().id().unwrap();
    lamp.session.send(lamp.now, Request::announce(op::STATUS, &[0; 19])).unwrap();
    lamp.session.report(lamp.now, id, StatusCode::OK).unwrap();
    assert_eq!(kinds(&lamp.out()), [0x73, 0x83]);
}

// Malformed input

#[test]
fn another_protocol_is_hung_up_on_and_nothing_follows() {
    let mut hub = hub();
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    assert_eq!(hub.feed(&hello), hello.len());
    let why = HangupReason::NotThisProtocol(0x16, 0x0301_0200);
    assert_eq!(hub.events(), [Event::Hangup(why)]);
    assert_eq!(hub.session.stats().framing_errors, 1);
    hub.hear(&request(1));
    assert!(hub.out().is_empty() && hub.session.recv(hub.now).is_none());
    assert!(hub.session.send(hub.now, power(true)).is_err());
    assert_eq!((hub.events(), hub.session.poll_timeout()), (vec![], None));
}

#[test]
fn a_packet_with_a_wrong_checksum_is_counted_answered_and_nothing_else() {
    let mut hub = hub();
    for (packet, answer) in [(request(1), 0x7b), (announcement(1), 0x88)] {
        let mut bytes = bytes_of(&packet);
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        hub.feed(&bytes);
        assert_eq!(kinds(&hub.out()), [answer]);
    }
    assert_eq!((hub.session.stats().decode_errors, hub.session.stats().accepted), (2, 0));
    assert_eq!((hub.events(), hub.session.remembered()), (vec![], 0));
    hub.feed(&[0x99, 0, 0, 0, 0]);
    assert_eq!((hub.session.stats().decode_errors, hub.out().len()), (3, 0));
}

// Handing over

#[test]
fn a_buffer_that_is_too_short_is_told_what_is_needed_and_takes_nothing() {
    let mut lamp: Solo = Solo::connected(greeter());
    let mut twin: Solo = Solo::connected(greeter());
    let stage = |solo: &mut Solo, n: usize| match n {
        0 => {}
        1 => {
            let status = StatusCode::OK;
            solo.hear(&Packet::HelloAck(LoginAck { status, reserved: 0 }));
        }
        2 => drop(solo.session.send(solo.now, power(true))),
        3 => drop(solo.hear(&request(1))),
        _ => {
            solo.wait(ms(21_000));
            solo.session.handle_timeout(solo.now);
        }
    };
    for n in 0..5 {
        stage(&mut lamp, n);
        stage(&mut twin, n);
        if n == 3 {
            lamp.session.send(lamp.now, power(false)).unwrap();
            twin.session.send(twin.now, power(false)).unwrap();
        }
        while let Some(packet) = twin.out_one() {
            for have in 0..packet.len() {
                let before = format!("{:?}", lamp.session);
                let short = lamp.session.poll_transmit(lamp.now, &mut vec![0; have]);
                assert_eq!(short, Err(TooSmall { needed: packet.len(), have }));
                assert_eq!(before, format!("{:?}", lamp.session));
            }
            assert_eq!(lamp.out_one(), Some(packet));
        }
    }
}

#[test]
fn nothing_is_handed_over_past_its_deadline_when_the_clock_jumps() {
    let mut hub = hub();
    send(&mut hub, power(true).into());
    hub.tick();
    hub.session.send(hub.now, power(true)).unwrap();
    hub.wait(ms(100_000));
    assert!(hub.out().is_empty());
    assert_eq!(
        done(&mut hub),
        [Outcome::Unknown(Unknown::Timeout), Outcome::NotSent(NotSent::Deadline)]
    );
}

#[test]
fn time_that_goes_back_stands_still() {
    let mut hub = hub();
    hub.wait(ms(1_000));
    hub.session.handle_timeout(hub.now);
    hub.now = Instant::ZERO;
    send(&mut hub, power(true).into());
    assert_eq!(hub.tick().at, at(2_000));
}

#[test]
fn a_deadline_without_end_is_never_reached() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, Request::from(power(true)).once().deadline(Duration::MAX));
    assert_eq!(hub.tick().at, at(1_000));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn the_end_of_time_is_survived() {
    let mut hub = hub();
    hub.hear(&Packet::HeartbeatDev);
    hub.now = Instant::MAX;
    hub.hear(&Packet::HeartbeatDev);
    hub.session.send(hub.now, power(true)).unwrap();
    hub.out();
    hub.session.handle_timeout(hub.now);
    hub.done();
    hub.session.handle_timeout(hub.now);
    assert!(hub.session.poll_timeout().is_none_or(|next| next.at >= Instant::MAX));
}

// Small services

#[test]
fn the_time_is_asked_of_the_application() {
    let mut hub = hub();
    let local = CivilTime {
        year: 2024,
        month: 2,
        day: 29,
        weekday_sunday1: 5,
        hour: 23,
        minute: 59,
        second: 58,
        utc_offset_centihours: -600,
    };
    hub.session.set_wall_clock(hub.now, local);
    assert!(hub.out().is_empty(), "nobody asked");
    hub.hear(&Packet::TimeRequest { tag: 12 });
    assert_eq!(hub.events(), [Event::ClockAsked]);
    assert!(hub.out().is_empty());
    hub.session.set_wall_clock(hub.now, local);
    let out = hub.out();
    assert_eq!(out, [bytes_of(&Packet::TimeResponse(TimeResponse { tag: 13, local }))]);
    hub.session.set_wall_clock(hub.now, local);
    assert!(hub.out().is_empty());
}

#[test]
fn a_probe_is_answered_in_the_form_that_devices_use() {
    let mut lamp: Solo = Solo::greeted(greeter());
    let prefix = Prefix { endpoint: ENDPOINT, msg_id: MsgId(0x1234), flag: 2 };
    lamp.hear(&Packet::Probe { prefix, extra: None });
    let mut form = cync_tests::unhex("ab000003fb45880f3a123400070009");
    form.extend(b"xlink_dev");
    form.resize(1_024, 0);
    assert_eq!(lamp.out(), [form]);
}

#[test]
fn a_probe_reaches_its_acknowledgement_and_can_reach_no_more() {
    let mut pair = production();
    let id = pair.send(Request::probe());
    assert_eq!(pair.outcome(id).0, Outcome::Reached(Stage::Acked));
    let never = pair.try_send(Request::probe().until(Stage::Executed));
    assert_eq!(never, Err(SendError::NeverExecuted(PacketType::Probe)));
}

#[test]
fn device_information_is_always_answered_and_never_a_duplicate() {
    let mut hub = hub();
    let prefix = Prefix { endpoint: ENDPOINT, msg_id: MsgId(0x0101), flag: 6 };
    for _ in 0..2 {
        hub.hear(&Packet::DeviceInfo(DeviceInfo { prefix, payload: &[] }));
    }
    let answer =
        bytes_of(&Packet::InfoAck(ShortAck { msg_id: MsgId(0x0101), status: StatusCode::OK }));
    assert_eq!(hub.out(), [answer.clone(), answer]);
    assert_eq!(hub.session.inbox_len(), 2);
}

#[test]
fn a_second_greeting_is_answered_again() {
    let mut hub = hub();
    hub.feed(&hello());
    assert_eq!(kinds(&hub.out()), [0x28]);
    assert_eq!(hub.session.state(), State::Ready);
}

#[test]
fn an_unknown_direction_is_a_message_and_no_request() {
    let mut hub = hub();
    hub.hear(&Packet::DataChannel(channel(1, Frame::new(1, Way(0x11), 1, &[]))));
    assert_eq!(kinds(&hub.out()), [0x7b]);
    assert_eq!(hub.session.recv(hub.now).map(|delivery| delivery.id()), Some(None));
}

#[test]
fn readable_announces_the_first_delivery_only() {
    let mut hub = hub();
    hub.hear(&request(1));
    hub.hear(&request(2));
    assert_eq!(hub.events(), [Event::Readable]);
    while hub.session.recv(hub.now).is_some() {}
    hub.hear(&request(3));
    assert_eq!(hub.events(), [Event::Readable]);
}

// Closing

#[test]
fn close_brings_to_an_end_what_is_under_way_and_then_hangs_up() {
    let mut hub: Solo = Solo::greeted(config(|it| it.window = 1));
    let (first, _) = send(&mut hub, power(true).into());
    hub.session.send(hub.now, power(false)).unwrap();
    hub.session.close(hub.now);
    assert_eq!(
        hub.session.send(hub.now, power(true)),
        Err(SendError::NotConnected(State::Draining))
    );
    hub.hear(&ack(first, StatusCode::OK));
    let second = numbers(&hub.out()[0]).0;
    hub.hear(&request(7));
    hub.hear(&ack(second, StatusCode::OK));
    let events = hub.events();
    assert!(!events.iter().any(|event| matches!(event, Event::Hangup(_))), "an answer is owed");
    assert_eq!(kinds(&hub.out()), [0x7b]);
    assert_eq!(hub.events(), [Event::Hangup(HangupReason::Closed)]);
    hub.session.handle_disconnected(hub.now, Disconnect::Hangup);
    assert_eq!(hub.events(), [Event::StateChanged(State::Closed)]);
}

#[test]
fn closing_ends_at_the_latest_with_the_deadlines() {
    let mut hub = hub();
    send(&mut hub, power(true).into());
    hub.session.close(hub.now);
    while !hub.events().contains(&Event::Hangup(HangupReason::Closed)) {
        hub.tick();
    }
    assert_eq!(hub.now, at(5_000));
}

#[test]
fn an_idle_session_hangs_up_when_it_is_closed() {
    for mut solo in [hub(), Solo::connected(listener())] {
        solo.events();
        solo.session.close(solo.now);
        assert!(solo.events().contains(&Event::Hangup(HangupReason::Closed)));
    }
}

#[test]
fn a_closed_session_hangs_up_on_a_new_connection() {
    let mut solo: Solo =
        Solo { session: Box::new(Session::new(listener(), 1).unwrap()), now: at(0) };
    solo.session.close(solo.now);
    assert_eq!(solo.events(), [Event::StateChanged(State::Closed)]);
    solo.session.handle_connected(solo.now);
    assert_eq!(solo.events(), [Event::Hangup(HangupReason::Closed)]);
    assert_eq!(solo.session.state(), State::Closed);
}

#[test]
fn a_hang_up_that_was_not_told_in_time_does_not_concern_the_next_connection() {
    let mut hub = hub();
    hub.feed(&[0x16, 3, 1, 2, 0]);
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    assert_eq!(hub.events(), [Event::StateChanged(State::Disconnected)]);
}

// Secrets

#[test]
fn the_authentication_code_is_shown_nowhere() {
    let mut hub: Solo = Solo::connected(listener());
    let hello = hello();
    let (head, tail) = hello.split_at(hello.len() - 1);
    hub.feed(head);
    let mut shown = format!("{:?}{:#?}", hub.session, hub.session);
    hub.feed(tail);
    shown += &format!("{:?}", hub.session);
    shown += &format!("{:?}", hub.events());
    let mut lamp: Solo = Solo::connected(greeter());
    lamp.out();
    shown += &format!("{:?}{:?}", lamp.session, greeter());
    shown += &format!("{:?}", lamp.events());
    let flat: String = shown.split_whitespace().collect();
    for part in AUTH.windows(5) {
        let numbers: Vec<_> = part.iter().map(u8::to_string).collect();
        assert!(!flat.contains(&numbers.join(",")), "as numbers");
        assert!(!flat.contains(&String::from_utf8_lossy(part)[..]), "as text");
        assert!(!flat.contains(&cync_tests::hex(part.iter().copied())), "as hexadecimal digits");
    }
}

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = listener();
    change(&mut config);
    config
}
