//! Handing over.

use crate::*;

#[test]
fn a_buffer_that_is_too_short_is_told_what_is_needed_and_takes_nothing() {
    let mut lamp: Solo = Solo::connected(greeter());
    let mut twin: Solo = Solo::connected(greeter());
    let stage = |solo: &mut Solo, n: usize| match n {
        0 => {}
        1 => {
            let status = StatusCode::OK;
            solo.hear(&Packet::HelloAck(LoginAck { status, reserved: 0 }));
        }
        2 => drop(solo.session.send(solo.now, power(true))),
        3 => drop(solo.hear(&request(1))),
        _ => {
            solo.wait(ms(21_000));
            solo.session.handle_timeout(solo.now);
        }
    };
    for n in 0..5 {
        stage(&mut lamp, n);
        stage(&mut twin, n);
        if n == 3 {
            lamp.session.send(lamp.now, power(false)).unwrap();
            twin.session.send(twin.now, power(false)).unwrap();
        }
        while let Some(packet) = twin.out_one() {
            for have in 0..packet.len() {
                let before = format!("{:?}", lamp.session);
                let short = lamp.session.poll_transmit(lamp.now, &mut vec![0; have]);
                assert_eq!(short, Err(TooSmall { needed: packet.len(), have }));
                assert_eq!(before, format!("{:?}", lamp.session));
            }
            assert_eq!(lamp.out_one(), Some(packet));
        }
    }
}

#[test]
fn nothing_is_handed_over_past_its_deadline_when_the_clock_jumps() {
    let mut hub = hub();
    send(&mut hub, power(true));
    hub.tick();
    hub.session.send(hub.now, power(true)).unwrap();
    hub.wait(ms(100_000));
    assert!(hub.out().is_empty());
    assert_eq!(
        done(&mut hub),
        [Outcome::Unknown(Unknown::Timeout), Outcome::NotSent(NotSent::Deadline)]
    );
}

#[test]
fn time_that_goes_back_stands_still() {
    let mut hub = hub();
    hub.wait(ms(1_000));
    hub.session.handle_timeout(hub.now);
    hub.now = Instant::ZERO;
    send(&mut hub, power(true));
    assert_eq!(hub.tick().at, at(2_000));
}

#[test]
fn a_deadline_without_end_is_never_reached() {
    let mut hub: Solo = Solo::greeted(config(|it| it.deadline = Duration::MAX));
    let (msg_id, _) = send(&mut hub, power(true).once());
    assert_eq!(hub.tick().at, at(1_000));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn the_end_of_time_is_survived() {
    let mut hub = hub();
    hub.hear(&Packet::HeartbeatDev);
    hub.now = Instant::MAX;
    hub.hear(&Packet::HeartbeatDev);
    hub.session.send(hub.now, power(true)).unwrap();
    hub.out();
    hub.session.handle_timeout(hub.now);
    hub.done();
    hub.session.handle_timeout(hub.now);
    assert!(hub.session.poll_timeout().is_none_or(|next| next.at >= Instant::MAX));
}
