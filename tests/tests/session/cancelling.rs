//! Cancelling, and deadlines, whatever a message waits for.

use crate::*;
use cync_core::RetryBudget;

/// A message in one of the states between `send` and its end.
struct Waiting {
    what: &'static str,
    hub: Solo,
    id: MessageId,
    /// The time by which it has got there.
    now: u64,
    left: bool,
}

/// One of each state. All have been sent at time zero.
fn waiting() -> Vec<Waiting> {
    let ride = || Solo::greeted(config(|it| it.ride_through = true));
    let mut all = Vec::new();
    let mut add = |what, hub: Solo, id, now, left| all.push(Waiting { what, hub, id, now, left });

    let mut queued = hub();
    let id = queue(&mut queued, power(true));
    add("queued", queued, id, 0, false);

    let mut windowed: Solo = Solo::greeted(config(|it| it.window = 1));
    queue(&mut windowed, power(false));
    let id = queue(&mut windowed, power(true));
    windowed.out();
    add("waiting for the window", windowed, id, 0, false);

    let mut in_flight = hub();
    let id = queue(&mut in_flight, power(true));
    in_flight.out();
    add("in flight", in_flight, id, 0, true);

    let mut acknowledged = hub();
    let id = queue(&mut acknowledged, executed());
    let out = acknowledged.out();
    acknowledged.hear(&ack(numbers(&out[0]).0, StatusCode::OK));
    add("waiting for its result", acknowledged, id, 0, true);

    let mut backing_off: Solo = Solo::greeted(config(|it| it.retry = RetryPolicy::exponential()));
    let id = queue(&mut backing_off, power(true));
    backing_off.out();
    backing_off.tick();
    add("backing off", backing_off, id, 1_000, true);

    let mut due = hub();
    let id = queue(&mut due, power(true));
    due.out();
    due.tick();
    add("due", due, id, 1_000, true);

    let none = RetryBudget { percent: 0, per_second: 1, burst: 0 };
    let mut held_back: Solo = Solo::greeted(config(|it| it.retry_budget = none));
    let id = queue(&mut held_back, power(true));
    held_back.out();
    held_back.tick();
    held_back.out();
    add("held back by the budget", held_back, id, 1_000, true);

    let mut last = hub();
    let id = queue(&mut last, power(true).once());
    last.out();
    last.tick();
    add("waiting for a late answer", last, id, 1_000, true);

    let mut riding = ride();
    let id = queue(&mut riding, power(true));
    riding.out();
    riding.session.handle_disconnected(riding.now, Disconnect::Peer);
    add("waiting for a connection", riding, id, 0, true);

    let mut queued = ride();
    let id = queue(&mut queued, power(true));
    queued.session.handle_disconnected(queued.now, Disconnect::Peer);
    add("queued without a connection", queued, id, 0, false);
    all
}

fn end_of(hub: &mut Solo, wanted: MessageId) -> Option<(Outcome, Instant)> {
    hub.events().into_iter().find_map(|event| match event {
        Event::Done { id, outcome, receipt } if id == wanted => Some((outcome, receipt.done_at)),
        _ => None,
    })
}

#[test]
fn cancellation_ends_a_message_at_once_whatever_it_waits_for_and_nothing_of_it_follows() {
    for Waiting { what, mut hub, id, now, left } in waiting() {
        assert_eq!(hub.now, at(now), "{what}");
        assert!(hub.session.cancel(id) && !hub.session.cancel(id), "{what}");
        let outcome = if left {
            Outcome::Unknown(Unknown::Cancelled)
        } else {
            Outcome::NotSent(NotSent::Cancelled)
        };
        assert_eq!(end_of(&mut hub, id), Some((outcome, at(now))), "{what}");
        assert!(!hub.session.cancel(id));
        let stats = *hub.session.stats();
        assert_eq!(stats.not_sent.cancelled + stats.unknown.cancelled, 1);
        let mut out = vec![0; 4101];
        while hub.session.poll_timeout().is_some_and(|next| next.at <= at(10_000)) {
            hub.tick();
            while let Some(transmit) = hub.session.poll_transmit(hub.now, &mut out).unwrap() {
                assert_ne!(transmit.id, Some(id), "{what}");
            }
            hub.events();
        }
    }
}

#[test]
fn the_deadline_ends_a_message_at_its_time_whatever_it_waits_for() {
    for Waiting { what, mut hub, id, left, .. } in waiting() {
        hub.events();
        let outcome = if left {
            Outcome::Unknown(Unknown::Timeout)
        } else {
            Outcome::NotSent(NotSent::Deadline)
        };
        // Nothing more can be handed over: ticks alone.
        while hub.now < at(4_999) {
            let next = hub.session.poll_timeout().map_or(at(4_999), |next| next.at);
            hub.now = next.min(at(4_999)).max(hub.now);
            hub.session.handle_timeout(hub.now);
        }
        assert_eq!(end_of(&mut hub, id), None, "{what}");
        assert_eq!(hub.tick(), Deadline { at: at(5_000), why: Timer::Message }, "{what}");
        assert_eq!(end_of(&mut hub, id), Some((outcome, at(5_000))), "{what}");
    }
}

#[test]
fn a_deadline_of_its_own_is_shorter_than_the_sessions() {
    let mut hub = hub();
    let asked = ms(5_000) + Duration::from_micros(1);
    let sent = hub.session.send(hub.now, power(true).deadline(asked));
    assert_eq!(sent, Err(SendError::DeadlineTooLong { asked, max: ms(5_000) }));
    assert_eq!((hub.session.queued(), hub.session.stats().messages_sent), (0, 0));
    hub.session.send(hub.now, power(true).deadline(ms(5_000))).unwrap();
    hub.session.send(hub.now, power(true).deadline(ms(1))).unwrap();
    assert_eq!(hub.tick().at, at(1));
    assert_eq!(done(&mut hub), [Outcome::NotSent(NotSent::Deadline)]);
}

#[test]
fn a_message_without_any_time_is_never_handed_over() {
    let mut hub = hub();
    hub.session.send(hub.now, power(true).deadline(Duration::ZERO)).unwrap();
    assert!(hub.out().is_empty());
    assert_eq!(done(&mut hub), [Outcome::NotSent(NotSent::Deadline)]);
}

#[test]
fn a_cancelled_message_makes_room_in_the_window() {
    let mut hub: Solo = Solo::greeted(config(|it| it.window = 1));
    let id = queue(&mut hub, power(true));
    queue(&mut hub, power(false));
    assert_eq!(hub.out().len(), 1);
    assert!(hub.session.cancel(id));
    assert_eq!(hub.out().len(), 1);
}

#[test]
fn an_id_is_not_reused_so_that_cancelling_a_message_that_ended_touches_no_other() {
    let mut hub: Solo<2> =
        Solo::greeted(fit(config(|it| (it.window, it.queue.limit) = (1, 0)), 2, 1024));
    let first = hub.session.send(hub.now, power(true)).unwrap();
    let out = hub.out();
    hub.hear(&ack(numbers(&out[0]).0, StatusCode::OK));
    done(&mut hub);
    for _ in 0..2 {
        let next = hub.session.send(hub.now, power(true)).unwrap();
        assert_ne!(next, first);
        assert!(!hub.session.cancel(first) && hub.session.cancel(next));
        hub.events();
    }
}

#[test]
fn an_answer_after_cancellation_is_matched_and_changes_nothing() {
    let mut hub = hub();
    let id = queue(&mut hub, executed());
    let (msg_id, counter) = numbers(&hub.out()[0]);
    hub.session.cancel(id);
    hub.events();
    hub.hear(&result(counter, &[0]));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!((hub.events(), hub.session.stats().unmatched_answers), (vec![], 0));
    assert_eq!(hub.session.stats().acks.ok, 2);
}
