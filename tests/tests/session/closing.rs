//! Closing.

use crate::*;

#[test]
fn close_brings_to_an_end_what_is_under_way_and_then_hangs_up() {
    let mut hub: Solo = Solo::greeted(config(|it| it.window = 1));
    let (first, _) = send(&mut hub, power(true));
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
    assert_eq!(hub.events(), [Event::Hangup(HangupReason::Closed { left: 0 })]);
    hub.session.handle_disconnected(hub.now, Disconnect::Hangup);
    assert_eq!(hub.events(), [Event::StateChanged(State::Closed)]);
}

#[test]
fn closing_ends_at_the_latest_with_the_deadlines() {
    let mut hub = hub();
    send(&mut hub, power(true));
    hub.session.close(hub.now);
    while !hub.events().contains(&Event::Hangup(HangupReason::Closed { left: 0 })) {
        hub.tick();
    }
    assert_eq!(hub.now, at(5_000));
}

#[test]
fn closing_ends_although_the_tick_comes_late() {
    let mut hub = hub();
    hub.session.send(hub.now, power(true)).unwrap();
    hub.session.close(hub.now);
    hub.wait(ms(25_000));
    assert!(hub.out().is_empty());
    assert!(hub.events().contains(&Event::Hangup(HangupReason::Closed { left: 0 })));
}

#[test]
fn an_idle_session_hangs_up_when_it_is_closed() {
    for mut solo in [hub(), Solo::connected(listener())] {
        solo.events();
        solo.session.close(solo.now);
        assert!(solo.events().contains(&Event::Hangup(HangupReason::Closed { left: 0 })));
    }
}

#[test]
fn a_closed_session_hangs_up_on_a_new_connection() {
    let mut solo: Solo =
        Solo { session: Box::new(Session::new(listener(), 1).unwrap()), now: at(0) };
    solo.session.close(solo.now);
    assert_eq!(solo.events(), [Event::StateChanged(State::Closed)]);
    solo.session.handle_connected(solo.now);
    assert_eq!(solo.events(), [Event::Hangup(HangupReason::Closed { left: 0 })]);
    assert_eq!(solo.session.state(), State::Closed);
}

#[test]
fn a_hang_up_that_was_not_told_in_time_does_not_concern_the_next_connection() {
    let mut hub = hub();
    hub.feed(&[0x16, 3, 1, 2, 0]);
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    assert_eq!(hub.events(), [Event::StateChanged(State::Disconnected)]);
}
