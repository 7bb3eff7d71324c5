//! Raw requests of each kind.

use crate::*;
use cync_core::wire::DeviceInfo;

/// The payload behind the prefix of a packet.
fn payload(packet: &Packet<'_>) -> Vec<u8> {
    bytes_of(packet)[12..].to_vec()
}

fn raw(hub: &mut Solo, kind: PacketType, payload: &[u8], until: Stage) -> Vec<u8> {
    let request = Request::raw(kind, payload).until(until);
    queue(hub, request);
    hub.out_one().expect("it leaves")
}

fn number(packet: &[u8]) -> MsgId {
    MsgId(u16::from_be_bytes([packet[9], packet[10]]))
}

#[test]
fn a_raw_request_leaves_as_it_stands_and_is_matched_by_the_counter_in_it() {
    let mut hub = hub();
    let frame = payload(&Packet::DataChannel(channel(1, Frame::request(77, 0x99, &[1, 0x7e, 2]))));
    let out = raw(&mut hub, PacketType::DataChannel, &frame, Stage::Executed);
    assert_eq!((out[0], &out[12..]), (0x73, &frame[..]));
    hub.hear(&ack(number(&out), StatusCode::OK));
    hub.hear(&Packet::DataChannel(channel(9, Frame::response(77, 0x99, &[0]))));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Executed)]);
}

#[test]
fn of_raw_requests_with_one_counter_the_result_of_one_acknowledges_no_other() {
    let mut hub = hub();
    let frame = payload(&Packet::DataChannel(channel(1, Frame::request(77, 0x99, &[]))));
    let [first, second] =
        [(); 2].map(|()| raw(&mut hub, PacketType::DataChannel, &frame, Stage::Acked));
    // The second is lost. The first is received, and then executed.
    hub.hear(&ack(number(&first), StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
    hub.hear(&Packet::DataChannel(channel(9, Frame::response(77, 0x99, &[0]))));
    assert_eq!(done(&mut hub), []);
    hub.tick();
    assert_eq!(hub.out().concat(), second, "it is transmitted again");
    hub.hear(&ack(number(&second), StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn a_raw_request_is_repeated_byte_for_byte_and_moves_no_counter() {
    let mut hub = hub();
    let (_, before) = send(&mut hub, power(true));
    let frame = payload(&Packet::DataChannel(channel(1, Frame::request(77, 0x99, &[]))));
    let out = raw(&mut hub, PacketType::DataChannel, &frame, Stage::Acked);
    hub.tick();
    assert_eq!(hub.out()[1], out);
    hub.hear(&ack(number(&out), StatusCode::OK));
    assert_eq!(send(&mut hub, power(true)).1, before.wrapping_add(1));
}

#[test]
fn a_raw_state_ends_when_it_left_or_is_matched_by_its_number() {
    let mut lamp: Solo = Solo::greeted(greeter());
    let frame = payload(&announcement(1));
    let out = raw(&mut lamp, PacketType::StatusBroadcast, &frame, Stage::Sent);
    assert_eq!((out[0], &out[12..]), (0x83, &frame[..]));
    assert_eq!(done(&mut lamp), [Outcome::Reached(Stage::Sent)]);
    let out = raw(&mut lamp, PacketType::StatusBroadcast, &frame, Stage::Acked);
    lamp.hear(&Packet::StatusAck(ShortAck { msg_id: number(&out), status: StatusCode(2) }));
    assert_eq!(done(&mut lamp), [Outcome::Nacked(StatusCode(2))]);
}

#[test]
fn device_informations_share_a_number_and_are_answered_in_the_order_they_left() {
    let mut lamp: Solo = Solo::greeted(greeter());
    let info = |payload| Request::raw(PacketType::DeviceInfo, payload).until(Stage::Acked);
    let ids = [&[1][..], &[2], &[3]].map(|data| lamp.session.send(lamp.now, info(data)).unwrap());
    let out = lamp.out();
    let numbers: Vec<MsgId> = out.iter().map(|packet| number(packet)).collect();
    assert_eq!(numbers, [MsgId(0x0101); 3]);
    for (packet, data) in out.iter().zip([1, 2, 3]) {
        let Ok(Packet::DeviceInfo(DeviceInfo { prefix, payload })) =
            Packet::decode(packet, ChecksumMode::Strict)
        else {
            panic!("{packet:02x?} is a 43");
        };
        assert_eq!((prefix.flag, payload), (6, &[data][..]));
    }
    lamp.events();
    for (id, status) in ids.into_iter().zip([0, 5, 0]) {
        lamp.hear(&Packet::InfoAck(ShortAck { msg_id: MsgId(0x0101), status: StatusCode(status) }));
        let ended = lamp.events().into_iter().find_map(|event| match event {
            Event::Done { id, outcome, .. } => Some((id, outcome)),
            _ => None,
        });
        let outcome = match status {
            0 => Outcome::Reached(Stage::Acked),
            code => Outcome::Nacked(StatusCode(code)),
        };
        assert_eq!(ended, Some((id, outcome)));
    }
    assert_eq!(lamp.session.stats().unmatched_answers, 0);
}

#[test]
fn device_information_is_handed_over_once_and_its_number_can_not_be_chosen() {
    let mut lamp: Solo = Solo::greeted(greeter());
    let info = Request::raw(PacketType::DeviceInfo, &[1]).until(Stage::Acked).msg_id(9);
    lamp.session.send(lamp.now, info).unwrap();
    assert_eq!(number(&lamp.out()[0]), MsgId(0x0101));
    lamp.tick();
    assert!(lamp.out().is_empty());
    lamp.session.send(lamp.now, power(true).msg_id(0x0101)).expect("nobody else's number");
}

#[test]
fn a_raw_probe_may_carry_one_byte_and_is_matched_by_its_answer() {
    let mut hub = hub();
    let out = raw(&mut hub, PacketType::Probe, &[3], Stage::Acked);
    assert_eq!((out[0], &out[12..]), (0xa3, &[3][..]));
    let prefix = Prefix { endpoint: ENDPOINT, msg_id: number(&out), flag: 0 };
    hub.hear(&Packet::ProbeAck(DeviceInfo { prefix, payload: &[] }));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
    let long = hub.session.send(hub.now, Request::raw(PacketType::Probe, &[3, 4]));
    assert_eq!(long, Err(SendError::TooLong { len: 2, max: 1 }));
}

#[test]
fn what_is_no_message_or_none_of_its_type_is_refused() {
    let mut hub = hub();
    for kind in [PacketType::Handshake, PacketType::DataAck, PacketType::HeartbeatDev] {
        let refused = hub.session.send(hub.now, Request::raw(kind, &[]));
        assert_eq!(refused, Err(SendError::NotAMessage(kind)));
    }
    for kind in [PacketType::DataChannel, PacketType::StatusBroadcast] {
        let refused = hub.session.send(hub.now, Request::raw(kind, &[1, 2, 3]));
        assert!(matches!(refused, Err(SendError::Malformed(_))), "{refused:?}");
    }
    for kind in [PacketType::DeviceInfo, PacketType::StatusBroadcast] {
        let frame = payload(&announcement(1));
        let never = hub.session.send(hub.now, Request::raw(kind, &frame).until(Stage::Executed));
        assert_eq!(never, Err(SendError::NeverExecuted(kind)));
    }
    assert_eq!(hub.session.stats().messages_sent, 0);
}

#[test]
fn a_message_for_another_endpoint_is_answered_by_that_one_alone() {
    let mut hub = hub();
    let other = cync_core::wire::Endpoint(7);
    let (msg_id, _) = send(&mut hub, power(true).endpoint(other));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(done(&mut hub), []);
    hub.hear(&Packet::DataAck(Ack { endpoint: other, msg_id, status: StatusCode::OK }));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
}
