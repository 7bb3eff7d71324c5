//! Small services.

use crate::*;

const LOCAL: CivilTime = CivilTime {
    year: 2024,
    month: 2,
    day: 29,
    weekday_sunday1: 5,
    hour: 23,
    minute: 59,
    second: 58,
    utc_offset_centihours: -600,
};

#[test]
fn the_time_is_asked_of_the_application() {
    let mut hub = hub();
    hub.session.set_wall_clock(hub.now, LOCAL);
    assert!(hub.out().is_empty(), "nobody asked");
    hub.hear(&Packet::TimeRequest { tag: 12 });
    assert_eq!(hub.events(), [Event::ClockAsked]);
    assert!(hub.out().is_empty());
    hub.session.set_wall_clock(hub.now, LOCAL);
    let out = hub.out();
    assert_eq!(out, [bytes_of(&Packet::TimeResponse(TimeResponse { tag: 13, local: LOCAL }))]);
    hub.session.set_wall_clock(hub.now, LOCAL);
    assert!(hub.out().is_empty());
}

#[test]
fn a_question_for_the_time_is_asked_again_if_its_answer_had_no_room() {
    let mut hub = hub();
    hub.hear(&Packet::TimeRequest { tag: 12 });
    assert_eq!(hub.events(), [Event::ClockAsked]);
    hub.hear(&request(1));
    (2..=127).for_each(|n| assert!(hub.hear(&announcement(n))));
    let id = hub.session.recv(hub.now).unwrap().id().unwrap();
    hub.session.report(hub.now, id, StatusCode::OK).unwrap();
    hub.session.set_wall_clock(hub.now, LOCAL);
    assert!(!hub.events().contains(&Event::ClockAsked), "there is no room yet");
    assert_eq!(hub.out().len(), 128);
    assert_eq!(hub.events(), [Event::ClockAsked]);
    hub.session.set_wall_clock(hub.now, LOCAL);
    assert_eq!(kinds(&hub.out()), [0xc8]);
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

#[test]
fn a_question_for_the_time_goes_with_its_connection() {
    let mut hub = hub();
    hub.hear(&Packet::TimeRequest { tag: 12 });
    assert_eq!(hub.events(), [Event::ClockAsked]);
    reconnect(&mut hub);
    hub.session.set_wall_clock(hub.now, LOCAL);
    assert!(hub.out().is_empty(), "nobody asked on this one");
}
