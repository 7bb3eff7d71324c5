//! Dialling: when a connection is asked for, and when no more.

use crate::*;

const INVALID: Event =
    Event::ConnectFailed(ConnectError::Handshake(HandshakeError::InvalidResponse));

/// A session that has asked for its first connection, as its driver knows.
fn dialling(config: Config) -> Solo {
    seeded(config, 1)
}

fn seeded(config: Config, seed: u64) -> Solo {
    let session = Box::new(Session::new(config, seed).expect("the configuration is right"));
    let mut solo = Solo { session, now: at(0) };
    solo.session.connect(solo.now);
    assert_eq!(solo.events(), [Event::StateChanged(State::Connecting), Event::Dial]);
    solo
}

/// Lets the dial that was asked for come to nothing.
fn fail(solo: &mut Solo) {
    solo.session.handle_disconnected(solo.now, Disconnect::Error);
}

/// Waits for the next dial; returns how long that took, in microseconds.
fn wait_for_dial(solo: &mut Solo) -> u64 {
    let since = solo.now;
    assert_eq!(solo.tick().why, Timer::Dial);
    assert_eq!(solo.events().last(), Some(&Event::Dial));
    assert_eq!(solo.session.state(), State::Connecting);
    solo.now.as_micros() - since.as_micros()
}

fn ready(solo: &mut Solo) {
    solo.session.handle_connected(solo.now);
    solo.greet();
    assert_eq!(solo.session.state(), State::Ready);
}

#[test]
fn connect_asks_for_a_connection_at_once_and_once() {
    let mut solo = dialling(greeter());
    assert_eq!((solo.session.state(), solo.session.stats().dials), (State::Connecting, 1));
    assert_eq!(solo.session.poll_timeout(), None, "it is the driver's turn");
    solo.session.connect(solo.now);
    assert_eq!((solo.events(), solo.session.stats().dials), (vec![], 1));
    solo.session.handle_connected(solo.now);
    assert_eq!(solo.events(), [Event::StateChanged(State::Greeting)]);
    solo.session.connect(solo.now);
    assert_eq!(solo.events(), []);
}

#[test]
fn without_connect_no_connection_is_asked_for() {
    let mut hub = hub();
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    assert_eq!(hub.events(), [Event::StateChanged(State::Disconnected)]);
    assert_eq!((hub.session.poll_timeout(), hub.session.stats().dials), (None, 0));
}

#[test]
fn a_first_connect_gives_up_after_three_hellos_that_nobody_answers() {
    let mut solo = dialling(greeter());
    for hellos in 1..=3 {
        solo.session.handle_connected(solo.now);
        assert_eq!(kinds(&solo.out()), [0x23]);
        assert_eq!(solo.tick().why, Timer::Greeting);
        assert!(solo.events().contains(&Event::Hangup(HangupReason::GreetingTimeout)));
        solo.session.handle_disconnected(solo.now, Disconnect::Hangup);
        if hellos < 3 {
            assert_eq!(solo.events(), [Event::StateChanged(State::Disconnected)]);
            wait_for_dial(&mut solo);
        }
    }
    assert_eq!(solo.events(), [Event::StateChanged(State::Disconnected), INVALID]);
    assert_eq!((solo.session.poll_timeout(), solo.session.stats().dials), (None, 3));
    assert_eq!(solo.session.stats().greetings.timed_out, 3);
}

#[test]
fn a_refused_greeting_counts_as_an_invalid_answer_whichever_packet_refuses_it() {
    let status = StatusCode(7);
    for refusal in [
        Packet::HelloAck(LoginAck { status, reserved: 0 }),
        Packet::AppLoginAck(LoginAck { status, reserved: 0 }),
    ] {
        let mut solo = dialling(config_with(|it| it.redial.first_attempts = 1));
        solo.session.handle_connected(solo.now);
        solo.out();
        solo.hear(&refusal);
        assert_eq!(solo.events()[0], Event::Hangup(HangupReason::Refused(status)));
        solo.session.handle_disconnected(solo.now, Disconnect::Hangup);
        assert_eq!(solo.events(), [Event::StateChanged(State::Disconnected), INVALID]);
        assert_eq!(solo.session.stats().greetings.refused, 1);
    }
}

fn config_with(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = greeter();
    change(&mut config);
    config
}

#[test]
fn a_peer_that_says_0x18_with_status_zero_has_answered_nothing() {
    let mut solo = dialling(greeter());
    solo.session.handle_connected(solo.now);
    solo.out();
    solo.hear(&Packet::AppLoginAck(LoginAck { status: StatusCode::OK, reserved: 0 }));
    assert_eq!(solo.session.state(), State::Greeting);
    assert_eq!(solo.session.stats().before_greeting, 1);
}

#[test]
fn a_first_connect_that_reaches_nobody_says_so_after_three_dials() {
    let mut solo = dialling(greeter());
    for dial in 1..=3 {
        fail(&mut solo);
        if dial < 3 {
            wait_for_dial(&mut solo);
        }
    }
    let unreachable = Event::ConnectFailed(ConnectError::Unreachable);
    assert_eq!(solo.events(), [Event::StateChanged(State::Disconnected), unreachable]);
    assert_eq!((solo.session.poll_timeout(), solo.session.state()), (None, State::Disconnected));
    assert_eq!(solo.session.stats().disconnections.error, 3);
}

#[test]
fn connect_may_be_called_again_after_it_was_given_up_and_tries_as_often_again() {
    let mut solo = dialling(config_with(|it| it.redial.first_attempts = 2));
    for _ in 0..3 {
        fail(&mut solo);
        wait_for_dial(&mut solo);
        fail(&mut solo);
        assert!(solo.events().contains(&Event::ConnectFailed(ConnectError::Unreachable)));
        solo.session.connect(solo.now);
        assert_eq!(solo.events(), [Event::StateChanged(State::Connecting), Event::Dial]);
    }
    ready(&mut solo);
}

#[test]
fn that_connect_was_given_up_is_told_whatever_comes_by_itself_and_goes_before() {
    let mut solo = dialling(config_with(|it| it.redial.first_attempts = 1));
    fail(&mut solo);
    solo.session.handle_connected(solo.now);
    solo.session.handle_disconnected(solo.now, Disconnect::Peer);
    let unreachable = Event::ConnectFailed(ConnectError::Unreachable);
    assert_eq!(solo.events(), [Event::StateChanged(State::Disconnected), unreachable]);
}

#[test]
fn that_connect_was_given_up_is_not_told_once_it_was_called_again() {
    let mut solo = dialling(config_with(|it| it.redial.first_attempts = 1));
    fail(&mut solo);
    solo.session.connect(solo.now);
    assert_eq!(solo.events(), [Event::Dial], "the state is what it was when it was told last");
}

#[test]
fn connect_during_a_wait_ends_it() {
    let mut solo = dialling(greeter());
    fail(&mut solo);
    solo.events();
    assert_eq!(solo.session.poll_timeout().unwrap().why, Timer::Dial);
    solo.session.connect(solo.now);
    assert_eq!(solo.events(), [Event::StateChanged(State::Connecting), Event::Dial]);
    assert_eq!(solo.session.poll_timeout(), None);
}

#[test]
fn once_established_it_never_gives_up() {
    let mut solo = dialling(greeter());
    ready(&mut solo);
    solo.session.handle_disconnected(solo.now, Disconnect::Peer);
    for _ in 0..1_000 {
        wait_for_dial(&mut solo);
        fail(&mut solo);
    }
    assert!(!solo.events().iter().any(|event| matches!(event, Event::ConnectFailed(_))));
    wait_for_dial(&mut solo);
    ready(&mut solo);
    assert_eq!(solo.session.stats().dials, 1_002);
}

#[test]
fn waits_double_from_their_base_to_their_cap_and_are_spread_over_all_of_it() {
    // The longest waits, in milliseconds, of failures in a row.
    let longest = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000];
    let mut waits = vec![Vec::new(); longest.len()];
    for seed in 0..400 {
        let mut solo = seeded(greeter(), seed);
        ready(&mut solo);
        solo.session.handle_disconnected(solo.now, Disconnect::Peer);
        for waits in &mut waits {
            waits.push(wait_for_dial(&mut solo));
            fail(&mut solo);
        }
    }
    for (waits, longest) in waits.iter().zip(longest) {
        let longest = longest * 1_000;
        assert!(waits.iter().all(|wait| *wait <= longest), "{longest}");
        // Full jitter: every tenth of the range has its share, 40 on average.
        for tenth in 0..10 {
            let range = tenth * longest / 10..(tenth + 1) * longest / 10;
            let share = waits.iter().filter(|wait| range.contains(wait)).count();
            assert!(
                (15..=70).contains(&share),
                "{share} of 400 waits up to {longest} in {range:?}"
            );
        }
    }
}

#[test]
fn the_waits_of_a_seed_are_always_the_same() {
    let waits = |seed| -> Vec<u64> {
        let mut solo = seeded(greeter(), seed);
        ready(&mut solo);
        solo.session.handle_disconnected(solo.now, Disconnect::Peer);
        let waits = (0..6).map(|_| {
            let wait = wait_for_dial(&mut solo);
            fail(&mut solo);
            wait
        });
        waits.collect()
    };
    assert_eq!(waits(1), waits(1));
    assert_ne!(waits(1), waits(2));
}

/// Fails so often that waits are long, then has a connection ready for a time; returns the longest of many next waits.
fn longest_wait_after(ready_for: Duration) -> u64 {
    let waits = (0..200).map(|seed| {
        let mut config = greeter();
        (config.silence, config.heartbeat) = (ms(1_000_000), None);
        let mut solo = seeded(config, seed);
        ready(&mut solo);
        solo.session.handle_disconnected(solo.now, Disconnect::Peer);
        for _ in 0..4 {
            wait_for_dial(&mut solo);
            fail(&mut solo);
        }
        wait_for_dial(&mut solo);
        ready(&mut solo);
        solo.wait(ready_for);
        solo.session.handle_disconnected(solo.now, Disconnect::Peer);
        wait_for_dial(&mut solo)
    });
    waits.max().unwrap_or(0)
}

#[test]
fn waits_start_again_once_a_connection_was_stable_for_exactly_a_minute() {
    let unstable = longest_wait_after(ms(60_000) - Duration::from_micros(1));
    assert!((7_000_000..=8_000_000).contains(&unstable), "the sixth failure in a row: {unstable}");
    let stable = longest_wait_after(ms(60_000));
    assert!((200_000..=250_000).contains(&stable), "the first failure: {stable}");
}

#[test]
fn close_while_dialling_ends_it_at_once_and_what_comes_of_it_is_hung_up_on() {
    let mut solo = dialling(greeter());
    solo.session.close(solo.now);
    assert_eq!(solo.events(), [Event::StateChanged(State::Closed)]);
    assert_eq!(solo.session.poll_timeout(), None);
    solo.session.handle_connected(solo.now);
    assert_eq!(solo.events(), [Event::Hangup(HangupReason::Closed { left: 0 })]);
    assert!(solo.out().is_empty());
    solo.session.handle_disconnected(solo.now, Disconnect::Hangup);
    solo.session.connect(solo.now);
    assert_eq!((solo.events(), solo.session.poll_timeout()), (vec![], None), "closed is closed");
}

#[test]
fn close_during_a_wait_ends_the_wait() {
    let mut solo = dialling(greeter());
    fail(&mut solo);
    solo.session.close(solo.now);
    solo.events();
    assert_eq!((solo.session.poll_timeout(), solo.session.state()), (None, State::Closed));
}

#[test]
fn a_dial_that_was_not_told_yet_is_not_told_once_it_is_pointless() {
    let mut solo = unconnected(greeter());
    solo.session.connect(solo.now);
    solo.session.handle_connected(solo.now);
    assert_eq!(solo.events(), [Event::StateChanged(State::Greeting)]);
    let mut solo = unconnected(greeter());
    solo.session.connect(solo.now);
    solo.session.close(solo.now);
    assert_eq!(solo.events(), [Event::StateChanged(State::Closed)]);
}

#[test]
fn a_connection_that_comes_by_itself_ends_the_wait_for_the_next_dial() {
    let mut solo = dialling(greeter());
    fail(&mut solo);
    solo.events();
    solo.session.handle_connected(solo.now);
    assert_eq!(solo.session.poll_timeout().unwrap().why, Timer::Greeting);
    solo.greet();
    assert_eq!(solo.session.poll_timeout().unwrap().why, Timer::Heartbeat);
}

#[test]
fn a_redial_without_a_spread_would_be_a_config_error_and_the_shortest_is_one_microsecond() {
    let one = Duration::from_micros(1);
    let redial = Redial { base: one, cap: one, ..Redial::default() };
    let mut solo = dialling(config_with(|it| it.redial = redial));
    ready(&mut solo);
    solo.session.handle_disconnected(solo.now, Disconnect::Peer);
    solo.events();
    for _ in 0..20 {
        assert!(wait_for_dial(&mut solo) <= 1);
        fail(&mut solo);
    }
}

#[test]
fn the_state_of_a_dial_that_succeeds_goes_through_no_disconnection() {
    let mut solo = dialling(listener());
    solo.session.handle_connected(solo.now);
    solo.feed(&hello());
    assert_eq!(solo.events(), [Event::StateChanged(State::Ready)], "the latest state, once");
    solo.session.handle_disconnected(solo.now, Disconnect::Peer);
    solo.session.handle_connected(solo.now);
    let gone = Event::StateChanged(State::Disconnected);
    assert_eq!(solo.events(), [gone, Event::StateChanged(State::Greeting)]);
}

#[test]
fn who_is_not_to_reconnect_is_asked_for_no_connection_until_connecting_again() {
    let mut solo = dialling(greeter());
    ready(&mut solo);
    assert!(solo.session.is_dialling());
    solo.session.reconnect(false);
    assert!(!solo.session.is_dialling());
    assert_eq!(solo.session.state(), State::Ready, "the connection stays");
    solo.session.handle_disconnected(solo.now, Disconnect::Peer);
    solo.events();
    assert_eq!((solo.session.state(), solo.session.poll_timeout()), (State::Disconnected, None));
    solo.session.connect(solo.now);
    assert_eq!(solo.events(), [Event::StateChanged(State::Connecting), Event::Dial]);
    solo.session.reconnect(false);
    assert_eq!(solo.events(), [Event::StateChanged(State::Disconnected)]);
    fail(&mut solo);
    assert_eq!((solo.events(), solo.session.poll_timeout()), (vec![], None));
    ready(&mut solo);
}

#[test]
fn a_first_connection_is_tried_as_often_whether_or_not_there_are_to_be_others() {
    let mut solo = dialling(greeter());
    solo.session.reconnect(false);
    fail(&mut solo);
    solo.events();
    wait_for_dial(&mut solo);
    ready(&mut solo);
    assert!(!solo.session.is_dialling(), "it was ready");
    solo.session.handle_disconnected(solo.now, Disconnect::Peer);
    assert_eq!(solo.session.poll_timeout(), None);
    solo.session.reconnect(true);
    assert_eq!(solo.session.poll_timeout(), None, "to be asked for by connect");
    solo.session.connect(solo.now);
    ready(&mut solo);
    solo.session.handle_disconnected(solo.now, Disconnect::Peer);
    solo.events();
    wait_for_dial(&mut solo);
}

#[test]
fn a_dial_that_was_not_told_yet_is_not_told_to_who_is_not_to_reconnect() {
    let mut solo = dialling(greeter());
    ready(&mut solo);
    solo.session.handle_disconnected(solo.now, Disconnect::Peer);
    solo.events();
    let due = solo.session.poll_timeout().unwrap();
    solo.session.handle_timeout(due.at);
    solo.session.reconnect(false);
    assert_eq!(solo.events(), []);
}
