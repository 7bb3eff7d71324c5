//! Refusals and other answers.

use crate::*;

#[test]
fn a_refusal_is_final() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, power(true));
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
    let (msg_id, counter) = send(&mut hub, power(true));
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
    let (msg_id, _) = send(&mut hub, power(true));
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
        let (msg_id, _) = send(&mut hub, power(true));
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
    let stats = hub.session.stats();
    // A result with a counter that was used lately may be one that nobody waits for any more.
    assert_eq!((stats.unmatched_answers, stats.late_results), (wrong.len() as u64 - 1, 1));
    assert_eq!((hub.events(), hub.session.in_flight()), (vec![], 1));
    assert_eq!(hub.session.poll_timeout().unwrap().at, at(1_000));
}

#[test]
fn an_answer_to_what_was_not_handed_over_yet_changes_nothing() {
    let mut hub = hub();
    let (msg_id, counter) = send(&mut hub, power(true));
    hub.session.send(hub.now, power(false)).unwrap();
    hub.hear(&ack(MsgId(msg_id.0.wrapping_add(1)), StatusCode::OK));
    hub.hear(&result(counter.wrapping_add(1), &[0]));
    let stats = hub.session.stats();
    assert_eq!((stats.unmatched_answers, stats.late_results), (1, 1));
    assert_eq!((hub.session.in_flight(), hub.session.queued()), (1, 1));
}

#[test]
fn a_late_answer_is_counted_and_harmless() {
    let mut hub = hub();
    let (msg_id, counter) = send(&mut hub, power(true));
    hub.hear(&ack(msg_id, StatusCode::OK));
    // The slot is not free before its end was told.
    hub.hear(&ack(msg_id, StatusCode(1)));
    hub.hear(&result(counter, &[1]));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
    hub.hear(&ack(msg_id, StatusCode(1)));
    assert_eq!(hub.events(), []);
    let stats = hub.session.stats();
    assert_eq!((stats.unmatched_answers, stats.late_results), (2, 1));
}

#[test]
fn a_result_without_a_status_does_not_say_that_anything_was_executed() {
    let mut hub = hub();
    let (_, counter) = send(&mut hub, executed());
    hub.events();
    for data in [&[][..], &[0, 0]] {
        hub.hear(&result(counter, data));
        assert_eq!(hub.events(), [Event::Readable]);
        assert_eq!(hub.session.in_flight(), 1);
        assert_eq!(hub.session.recv(hub.now).unwrap().data, data);
    }
}

#[test]
fn a_page_is_the_result_of_its_mesh_query() {
    let mut hub = hub();
    let query = Request::from(Command::QUERY_ALL).until(Stage::Executed);
    let (_, counter) = send(&mut hub, query);
    let page = Frame::response(counter, op::MESH_QUERY, &[0; 6]);
    hub.hear(&Packet::DataChannel(channel(900, page)));
    assert_eq!(hub.session.recv(hub.now).unwrap().data, [0; 6]);
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Executed)]);
}

#[test]
fn the_clouds_consent_says_nothing_of_the_device() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, power(true));
    hub.events();
    hub.hear(&Packet::DataResult(Ack { endpoint: ENDPOINT, msg_id, status: StatusCode::OK }));
    assert_eq!((hub.events(), hub.session.in_flight()), (vec![], 1));
    assert_eq!(hub.session.stats().unmatched_answers, 0);
}

#[test]
fn a_refused_device_information_does_not_take_the_answer_to_the_next() {
    let mut hub = hub();
    let info = |data| Request::raw(PacketType::DeviceInfo, data).until(Stage::Acked);
    let first = hub.session.send(hub.now, info(&[1])).expect("room for it");
    let second = hub.session.send(hub.now, info(&[2])).expect("room for it");
    assert_eq!(kinds(&hub.out()), [0x43, 0x43]);
    let answer =
        |status| Packet::InfoAck(ShortAck { msg_id: cync_core::wire::INFO_MSG_ID, status });
    hub.hear(&answer(BUSY));
    hub.hear(&answer(StatusCode::OK));
    let ended = hub.events().into_iter().filter_map(|event| match event {
        Event::Done { id, outcome, .. } => Some((id, outcome)),
        _ => None,
    });
    assert_eq!(ended.collect::<Vec<_>>(), [(second, Outcome::Reached(Stage::Acked))]);
    assert!(hub.session.cancel(first), "it waits for its deadline");
}
