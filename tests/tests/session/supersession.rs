//! A newer command makes older ones stale.

use crate::*;
use cync_core::wire::{Brightness, Colour, Temperature};

const STALE: Outcome = Outcome::Unknown(Unknown::Superseded);
const STALE_NOT_SENT: Outcome = Outcome::NotSent(NotSent::Superseded);

fn switch_to(to: Destination, on: bool) -> Request<'static> {
    Command::Power { to, on }.into()
}

fn on() -> Request<'static> {
    switch_to(device(ADDRESS), true)
}

fn off() -> Request<'static> {
    switch_to(device(ADDRESS), false)
}

fn dim(to: Destination) -> Request<'static> {
    Command::Brightness { to, brightness: Brightness::MIN }.into()
}

/// Whether a queued message is made stale by a newer one.
fn replaces(older: Request<'_>, newer: Request<'_>) -> bool {
    let mut hub = hub();
    queue(&mut hub, older);
    queue(&mut hub, newer);
    let ended = done(&mut hub);
    assert!(ended.is_empty() || ended == [STALE_NOT_SENT], "{ended:?}");
    assert_eq!(hub.out().len() + ended.len(), 2);
    !ended.is_empty()
}

#[test]
fn a_retry_of_on_after_its_answers_were_lost_does_not_undo_a_later_off() {
    let mut pair = production();
    let mut answers = 0;
    pair.fate = Box::new(move |direction, bytes| {
        let is_answer = direction == Direction::FromDevice && bytes[0] != 0x83;
        answers += usize::from(is_answer);
        if is_answer && answers <= 2 { Copies::None } else { Copies::One }
    });
    let on = pair.send(on().deadline(ms(3_000)));
    pair.run(ms(100));
    let off = pair.send(off());
    assert_eq!(pair.outcome(off).0, Outcome::Reached(Stage::Acked));
    let start = pair.hub.done(off).unwrap().1.queued_at;
    let (outcome, receipt) = pair.outcome(on);
    assert_eq!((outcome, receipt.attempts), (STALE, 1), "on is not repeated");
    assert_eq!(receipt.done_at, start + ms(900), "when its timer runs out");
    pair.run(ms(5_000));
    assert_eq!((pair.device.state().on, pair.device.applied_count()), (false, 2));
}

#[test]
fn what_waits_for_its_first_transmission_ends_at_once_and_never_leaves() {
    let mut hub: Solo = Solo::greeted(config(|it| it.window = 1));
    send(&mut hub, power(true));
    hub.session.send(hub.now, on()).unwrap();
    hub.session.send(hub.now, off()).unwrap();
    let (outcome, receipt) = hub.done()[0];
    assert_eq!((outcome, receipt.attempts, receipt.sent_at), (STALE_NOT_SENT, 0, None));
    assert_eq!(hub.session.queued(), 1);
}

#[test]
fn an_answer_in_time_still_counts_for_what_was_superseded_in_flight() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, on());
    send(&mut hub, off());
    assert_eq!(done(&mut hub), []);
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn what_was_superseded_in_flight_has_no_second_copy_and_ends_with_its_timer() {
    let mut hub = hub();
    send(&mut hub, on());
    hub.wait(ms(500));
    let (_, off) = send(&mut hub, off());
    hub.events();
    assert_eq!(hub.tick().at, at(1_000));
    assert!(hub.out().is_empty());
    assert_eq!(done(&mut hub), [STALE]);
    assert_eq!(hub.tick().at, at(1_500));
    assert_eq!(numbers(&hub.out()[0]).1, off);
}

#[test]
fn a_refusal_for_the_time_being_does_not_repeat_what_was_superseded() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, on());
    send(&mut hub, off());
    hub.hear(&ack(msg_id, BUSY));
    hub.tick();
    assert_eq!(done(&mut hub), [STALE]);
}

#[test]
fn the_acknowledgement_of_what_waits_for_its_result_does_not_repeat_it_either() {
    let mut hub = hub();
    let (msg_id, _) = send(&mut hub, on().until(Stage::Executed));
    send(&mut hub, off());
    hub.wait(ms(300));
    hub.hear(&ack(msg_id, StatusCode::OK));
    hub.events();
    assert_eq!(hub.tick().at, at(1_000));
    assert_eq!(done(&mut hub), [STALE]);
    assert_eq!(hub.out().len(), 1, "the second copy of off");
}

#[test]
fn a_copy_that_is_due_or_waits_for_its_time_never_leaves() {
    // Due: its timer has run out, and it was not handed over yet.
    let mut hub = hub();
    send(&mut hub, on());
    hub.tick();
    hub.session.send(hub.now, off()).unwrap();
    assert_eq!(done(&mut hub), [STALE]);
    assert_eq!(hub.out().len(), 1);
    // Backing off.
    let mut hub: Solo = Solo::greeted(config(|it| it.retry = RetryPolicy::exponential()));
    send(&mut hub, on());
    hub.tick();
    assert!(hub.out().is_empty());
    hub.session.send(hub.now, off()).unwrap();
    assert_eq!(done(&mut hub), [STALE]);
    assert_eq!(hub.out().len(), 1);
}

#[test]
fn what_is_sent_once_and_was_superseded_ends_with_its_timer_and_not_with_its_deadline() {
    let mut hub = hub();
    send(&mut hub, on().once());
    send(&mut hub, off().once());
    hub.events();
    hub.tick();
    assert_eq!((done(&mut hub), hub.now), (vec![STALE], at(1_000)));
}

#[test]
fn commands_of_the_same_attribute_replace_each_other_where_their_destinations_meet() {
    let (lamp, group) = (device(ADDRESS), Destination::group(3).unwrap());
    let outlet = |number| Destination::outlet(ADDRESS, number).unwrap();
    let meet = [
        (lamp, lamp),
        (lamp, group),
        (group, lamp),
        (group, Destination::group(4).unwrap()),
        (Destination::ALL, lamp),
        (lamp, Destination::ALL),
        (lamp, outlet(1)),
        (outlet(1), lamp),
        (outlet(2), outlet(2)),
        (group, outlet(1)),
    ];
    for (older, newer) in meet {
        assert!(replaces(switch_to(older, true), switch_to(newer, false)), "{older} {newer}");
    }
    for (older, newer) in [(lamp, device(6)), (outlet(1), outlet(2)), (outlet(1), device(6))] {
        assert!(!replaces(switch_to(older, true), switch_to(newer, false)), "{older} {newer}");
    }
}

#[test]
fn commands_of_different_attributes_leave_each_other_alone() {
    let to = device(ADDRESS);
    let white = Request::from(Command::Temperature { to, temperature: Temperature::MIN });
    let rgb = Request::from(Command::Rgb { to, rgb: cync_core::wire::Rgb([1, 2, 3]) });
    assert!(!replaces(on(), dim(to)) && !replaces(dim(to), white) && !replaces(white, on()));
    assert!(replaces(white, rgb) && replaces(rgb, white) && replaces(dim(to), dim(to)));
}

#[test]
fn what_a_combined_command_keeps_it_does_not_replace() {
    let to = device(ADDRESS);
    let combined =
        |brightness, colour| Request::from(Command::Combined { to, on: true, brightness, colour });
    let white = Request::from(Command::Temperature { to, temperature: Temperature::MIN });
    let bright = Some(Brightness::MIN);
    let shine = Some(Colour::White(Temperature::MIN));
    assert!(replaces(off(), combined(None, None)), "power is always set");
    assert!(!replaces(dim(to), combined(None, shine)) && replaces(dim(to), combined(bright, None)));
    assert!(!replaces(white, combined(bright, None)) && replaces(white, combined(None, shine)));
    assert!(!replaces(combined(None, None), dim(to)) && replaces(combined(bright, None), dim(to)));
}

#[test]
fn raw_payloads_frames_questions_and_probes_never_replace_and_are_never_replaced() {
    let others = [
        power(true),
        Request::probe(),
        Command::QUERY_ALL.into(),
        Command::ReadSettings { to: device(ADDRESS) }.into(),
    ];
    for other in others {
        assert!(!replaces(other, off()) && !replaces(on(), other) && !replaces(other, other));
    }
}

#[test]
fn a_command_for_all_ends_what_it_makes_stale_in_the_order_of_send() {
    let mut hub: Solo = Solo::greeted(config(|it| it.window = 4));
    let mut ids = Vec::new();
    for address in 1..=8 {
        ids.push(hub.session.send(hub.now, switch_to(device(address), true)).unwrap());
    }
    hub.session.send(hub.now, dim(device(1))).unwrap();
    let first = hub.out();
    assert_eq!(first.len(), 4);
    // Of the four in flight one was answered, and two are due.
    hub.hear(&ack(numbers(&first[1]).0, StatusCode::OK));
    hub.events();
    hub.tick();
    assert_eq!(hub.out_one().as_ref(), Some(&first[0]));
    hub.events();
    hub.session.send(hub.now, switch_to(Destination::ALL, false)).unwrap();
    let ended: Vec<_> = hub
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Done { id, outcome, .. } => Some((id, outcome)),
            _ => None,
        })
        .collect();
    let expected: Vec<_> = [(2, STALE), (3, STALE)]
        .into_iter()
        .chain((4..8).map(|at| (at, STALE_NOT_SENT)))
        .map(|(at, outcome)| (ids[at], outcome))
        .collect();
    assert_eq!(ended, expected);
    assert_eq!((hub.session.in_flight(), hub.session.queued()), (1, 2));
    assert_eq!(hub.session.stats().unknown.superseded, 2);
    assert_eq!(hub.session.stats().not_sent.superseded, 4);
}

#[test]
fn a_chain_of_switches_leaves_the_last_one_only() {
    let mut hub: Solo = Solo::greeted(config(|it| it.window = 1));
    send(&mut hub, power(true));
    for n in 0..100 {
        hub.session.send(hub.now, switch_to(device(ADDRESS), n % 2 == 0)).unwrap();
    }
    assert_eq!(done(&mut hub), [STALE_NOT_SENT; 99]);
    assert_eq!(hub.session.queued(), 1);
}
