//! Disconnection.

use crate::*;

#[test]
fn a_disconnection_ends_every_message_once() {
    let mut hub: Solo = Solo::greeted(config(|it| it.window = 1));
    for _ in 0..3 {
        hub.session.send(hub.now, power(true)).unwrap();
    }
    assert_eq!(hub.out().len(), 1);
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    let lost = Outcome::NotSent(NotSent::Disconnected);
    assert_eq!(done(&mut hub), [Outcome::Unknown(Unknown::Disconnected), lost, lost]);
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    assert_eq!(hub.events(), []);
    assert_eq!(
        hub.session.send(hub.now, power(true)),
        Err(SendError::NotConnected(State::Disconnected))
    );
    // What was handed over may arrive yet, so that its number is not used for another.
    assert_eq!(hub.tick(), Deadline { at: at(2_000), why: Timer::Message });
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
    assert_eq!(greeted_again(&mut lamp), [0x23]);
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

#[test]
fn a_connection_owes_no_answers_of_the_one_before() {
    let mut lamp: Solo = Solo::greeted(greeter());
    assert!(lamp.hear(&request(1)) && lamp.hear(&Packet::HeartbeatDev));
    lamp.session.handle_disconnected(lamp.now, Disconnect::Peer);
    lamp.session.handle_connected(lamp.now);
    assert_eq!(greeted_again(&mut lamp), [0x23]);
}

/// Greets; returns the types of all that was handed over meanwhile.
fn greeted_again(lamp: &mut Solo) -> Vec<u8> {
    let mut out = lamp.out();
    lamp.hear(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 }));
    out.extend(lamp.out());
    kinds(&out)
}

#[test]
fn every_reason_for_a_disconnection_has_its_counter() {
    let mut hub = hub();
    let reasons = [
        Disconnect::Hangup,
        Disconnect::Peer,
        Disconnect::Peer,
        Disconnect::Error,
        Disconnect::Replaced,
    ];
    for why in reasons {
        hub.session.handle_disconnected(hub.now, why);
        hub.session.handle_disconnected(hub.now, why);
        hub.session.handle_connected(hub.now);
        hub.greet();
    }
    hub.session.handle_connected(hub.now);
    let stats = hub.session.stats();
    let ended = &stats.disconnections;
    assert_eq!((ended.hangup, ended.peer, ended.error, ended.replaced), (1, 2, 1, 2));
    assert_eq!(stats.connections, 7);
}
