//! What is told of the state, and when.

use crate::*;

fn states(solo: &mut Solo) -> Vec<State> {
    let states = solo.events().into_iter().filter_map(|event| match event {
        Event::StateChanged(state) => Some(state),
        _ => None,
    });
    states.collect()
}

#[test]
fn every_state_of_a_whole_life_is_told_in_order() {
    let mut solo = unconnected(greeter());
    assert_eq!(states(&mut solo), []);
    solo.session.connect(solo.now);
    assert_eq!(states(&mut solo), [State::Connecting]);
    solo.session.handle_connected(solo.now);
    assert_eq!(states(&mut solo), [State::Greeting]);
    solo.out();
    solo.hear(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 }));
    assert_eq!(states(&mut solo), [State::Ready]);
    solo.session.handle_disconnected(solo.now, Disconnect::Peer);
    assert_eq!(states(&mut solo), [State::Disconnected]);
    solo.tick();
    assert_eq!(states(&mut solo), [State::Connecting]);
    solo.session.handle_connected(solo.now);
    solo.greet();
    let id = solo.session.send(solo.now, power(true)).unwrap();
    solo.session.close(solo.now);
    assert_eq!(states(&mut solo), [State::Draining]);
    solo.session.cancel(id);
    solo.session.handle_disconnected(solo.now, Disconnect::Hangup);
    assert_eq!(states(&mut solo), [State::Closed]);
}

#[test]
fn a_connection_that_went_and_came_between_two_polls_is_told_as_both() {
    let mut hub = hub();
    reconnect(&mut hub);
    assert_eq!(states(&mut hub), [State::Disconnected, State::Ready]);
    for _ in 0..3 {
        reconnect(&mut hub);
    }
    assert_eq!(states(&mut hub), [State::Disconnected, State::Ready], "however often");
}

#[test]
fn a_connection_that_came_and_went_between_two_polls_is_not_told() {
    let mut solo = unconnected(listener());
    solo.session.handle_connected(solo.now);
    solo.feed(&hello());
    solo.session.handle_disconnected(solo.now, Disconnect::Peer);
    assert_eq!(solo.events(), []);
}

#[test]
fn the_ends_of_messages_are_told_before_the_disconnection_that_caused_them() {
    let mut hub = hub();
    let id = hub.session.send(hub.now, power(true)).unwrap();
    hub.out();
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    let events = hub.events();
    assert!(
        matches!(events[..], [Event::Sent { .. }, Event::Done { id: done, .. }, _] if done == id)
    );
    assert_eq!(events[2], Event::StateChanged(State::Disconnected));
}

#[test]
fn a_ping_leaves_at_once_and_its_answer_is_counted() {
    let mut lamp: Solo = Solo::greeted(greeter());
    lamp.session.ping(lamp.now).unwrap();
    lamp.session.ping(lamp.now).unwrap();
    assert_eq!(lamp.out(), [bytes_of(&Packet::HeartbeatDev)], "one says as much as two");
    lamp.hear(&Packet::HeartbeatCloud);
    let stats = lamp.session.stats();
    assert_eq!((stats.heartbeats, stats.heartbeats_answered), (1, 1));
    assert_eq!(stats.unmatched_answers, 0);
    lamp.session.handle_disconnected(lamp.now, Disconnect::Peer);
    let refused = lamp.session.ping(lamp.now);
    assert_eq!(refused, Err(SendError::NotConnected(State::Disconnected)));
}

#[test]
fn nothing_is_sent_or_pinged_on_a_connection_that_is_hung_up_on() {
    let mut hub = hub();
    hub.feed(&[0x16, 3, 1, 2, 0]);
    let refused = Err(SendError::NotConnected(State::Ready));
    assert_eq!(hub.session.ping(hub.now), refused);
    assert_eq!(hub.session.send(hub.now, power(true)).map(drop), refused);
    assert!(hub.out().is_empty());
}
