//! Liveness.

use crate::*;

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

#[test]
fn a_message_that_leaves_instead_is_the_sign_of_life() {
    let mut lamp: Solo = Solo::greeted(greeter());
    assert_eq!((lamp.tick().why, lamp.now), (Timer::Heartbeat, at(21_000)));
    lamp.session.send(lamp.now, Request::announce(op::STATUS, &[0; 19])).unwrap();
    assert_eq!(kinds(&lamp.out()), [0x83]);
    // Its number is kept for as long as it may be under way.
    assert_eq!(lamp.tick(), Deadline { at: at(23_000), why: Timer::Message });
    assert_eq!(lamp.tick(), Deadline { at: at(42_000), why: Timer::Heartbeat });
}
