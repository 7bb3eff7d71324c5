//! Greeting.

use crate::*;

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
