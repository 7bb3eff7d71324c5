//! Closing.

use crate::*;
use cync_core::Disconnections;

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

#[test]
fn a_connection_that_was_closed_counts_as_one_that_ended() {
    let mut hub = hub();
    hub.session.close(hub.now);
    hub.session.handle_disconnected(hub.now, Disconnect::Hangup);
    hub.session.handle_disconnected(hub.now, Disconnect::Hangup);
    assert_eq!(hub.session.stats().disconnections.hangup, 1);
}

#[test]
fn connect_after_close_asks_for_nothing() {
    let mut hub = hub();
    send(&mut hub, power(true));
    hub.session.close(hub.now);
    hub.session.connect(hub.now);
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    assert!(!hub.events().contains(&Event::Dial));
    assert_eq!(hub.tick().why, Timer::Message);
    assert_eq!((hub.session.poll_timeout(), hub.session.stats().dials), (None, 0));
}

#[test]
fn what_the_time_for_draining_does_not_suffice_for_is_counted_in_the_hang_up() {
    let mut hub: Solo = Solo::greeted(config(|it| (it.window, it.drain_timeout) = (1, ms(700))));
    send(&mut hub, power(true));
    hub.session.send(hub.now, power(true)).unwrap();
    hub.session.send(hub.now, power(true)).unwrap();
    hub.session.close(hub.now);
    hub.events();
    assert_eq!(hub.tick(), Deadline { at: at(700), why: Timer::Drain });
    let closed = Outcome::NotSent(NotSent::Closed);
    let events = hub.events();
    assert_eq!(events.last(), Some(&Event::Hangup(HangupReason::Closed { left: 3 })));
    let ended: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Done { outcome, .. } => Some(*outcome),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [Outcome::Unknown(Unknown::Closed), closed, closed]);
    let stats = hub.session.stats();
    assert_eq!((stats.unknown.closed, stats.not_sent.closed), (1, 2));
    assert!(hub.out().is_empty());
}

#[test]
fn a_drain_goes_on_re_transmitting() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, power(true));
    hub.session.close(hub.now);
    assert_eq!(hub.tick().at, at(1_000));
    assert_eq!(hub.out().len(), 1);
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert!(hub.events().contains(&Event::Hangup(HangupReason::Closed { left: 0 })));
}

#[test]
fn close_before_the_greeting_hangs_up_and_greets_no_more() {
    let mut solo: Solo = Solo::connected(greeter());
    solo.session.close(solo.now);
    assert!(solo.out().is_empty());
    assert!(solo.events().contains(&Event::Hangup(HangupReason::Closed { left: 0 })));
    solo.session.handle_disconnected(solo.now, Disconnect::Hangup);
    assert_eq!(solo.events(), [Event::StateChanged(State::Closed)]);
}

#[test]
fn a_peer_that_hangs_up_during_a_drain_ends_what_is_under_way() {
    let mut hub = hub();
    send(&mut hub, power(true));
    hub.session.close(hub.now);
    hub.events();
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    let events = hub.events();
    assert!(matches!(
        events[..],
        [
            Event::Done { outcome: Outcome::Unknown(Unknown::Disconnected), .. },
            Event::StateChanged(State::Closed)
        ]
    ));
}

#[test]
fn close_after_a_hang_up_ends_everything_and_the_first_reason_stands() {
    let mut hub = hub();
    send(&mut hub, power(true));
    hub.feed(&[0x16, 3, 1, 2, 0]);
    hub.session.close(hub.now);
    let events = hub.events();
    assert!(matches!(events[0], Event::Sent { .. }));
    assert!(matches!(events[1], Event::Done { outcome: Outcome::Unknown(Unknown::Closed), .. }));
    assert_eq!(
        events[2..],
        [
            Event::Hangup(HangupReason::NotThisProtocol(0x16, 0x0301_0200)),
            Event::StateChanged(State::Draining)
        ]
    );
    hub.session.handle_disconnected(hub.now, Disconnect::Hangup);
    assert_eq!(hub.events(), [Event::StateChanged(State::Closed)]);
}

#[test]
fn a_connection_that_comes_after_the_close_counts_as_one_that_ended_when_it_goes() {
    let mut hub = hub();
    hub.session.close(hub.now);
    hub.session.handle_disconnected(hub.now, Disconnect::Hangup);
    hub.session.handle_connected(hub.now);
    hub.session.handle_connected(hub.now);
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    let stats = hub.session.stats();
    assert_eq!((stats.connections, stats.disconnections.total()), (3, 3));
    let Disconnections { hangup, replaced, peer, .. } = stats.disconnections;
    assert_eq!((hangup, replaced, peer), (1, 1, 1));
    assert_eq!(hub.session.state(), State::Closed);
}
