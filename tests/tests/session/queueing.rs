//! The send queue: what it does when it is full.

use crate::*;
use cync_core::{Queue, QueuePolicy};

fn queueing<const N: usize>(limit: u16, policy: QueuePolicy) -> Solo<N> {
    let queue = Queue::new(limit, policy);
    let config = config(|it| (it.window, it.queue) = (1, queue));
    Solo::greeted(fit(config, N as u16, 1024))
}

fn queue_two<const N: usize>(hub: &mut Solo<N>) {
    (0..2).for_each(|_| assert!(hub.session.send(hub.now, power(true)).is_ok()));
}

fn counters(hub: &mut Solo<16>) -> Vec<u32> {
    let mut counters = Vec::new();
    while let Some(packet) = hub.out_one() {
        let (msg_id, counter) = numbers(&packet);
        counters.push(counter);
        hub.hear(&ack(msg_id, StatusCode::OK));
    }
    counters
}

#[test]
fn queue_full_blocks_until_writable() {
    let mut hub = queueing::<16>(2, QueuePolicy::Block);
    let (msg_id, first) = send(&mut hub, power(true));
    queue_two(&mut hub);
    assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Full));
    assert!(!hub.events().contains(&Event::Writable));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(hub.events().last(), Some(&Event::Writable));
    hub.session.send(hub.now, power(true)).unwrap();
    let expected: Vec<u32> = (1..4).map(|n| first.wrapping_add(n)).collect();
    assert_eq!(counters(&mut hub), expected, "nothing was lost");
}

#[test]
fn queue_full_drops_oldest_that_was_never_handed_over() {
    let mut hub = queueing::<16>(2, QueuePolicy::DropOldest);
    let (msg_id, first) = send(&mut hub, power(true));
    let ids: Vec<_> = (0..5).map(|_| hub.session.send(hub.now, power(true)).unwrap()).collect();
    let dropped: Vec<_> = hub
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Done { id, outcome, receipt } => Some((id, outcome, receipt.attempts)),
            _ => None,
        })
        .collect();
    let expected = |at: usize| (ids[at], Outcome::NotSent(NotSent::Dropped), 0);
    assert_eq!(dropped, [expected(0), expected(1), expected(2)]);
    assert_eq!(hub.session.stats().not_sent.dropped, 3);
    assert_eq!((hub.session.in_flight(), hub.session.queued()), (1, 2));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(counters(&mut hub), [first.wrapping_add(4), first.wrapping_add(5)]);
}

#[test]
fn queue_full_rejects_and_promises_no_room() {
    let mut hub = queueing::<16>(2, QueuePolicy::Reject);
    let (msg_id, _) = send(&mut hub, power(true));
    queue_two(&mut hub);
    for refused in 1..=3 {
        assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Rejected));
        assert_eq!(hub.session.stats().queue_full, refused);
    }
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert!(!hub.events().contains(&Event::Writable));
    hub.session.send(hub.now, power(true)).unwrap();
}

#[test]
fn nothing_is_dropped_for_a_message_that_has_no_room_all_the_same() {
    let mut hub = queueing::<8>(3, QueuePolicy::DropOldest);
    // Of the eight blocks five are in flight.
    let (msg_id, _) = send(&mut hub, Request::frame(1, &[7; 300]));
    queue_two(&mut hub);
    let long = Request::frame(1, &[7; 200]);
    assert_eq!(hub.session.send(hub.now, long), Err(SendError::Full));
    assert_eq!((hub.session.queued(), hub.session.stats().not_sent.dropped), (2, 0));
    hub.events();
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(hub.events().last(), Some(&Event::Writable));
    hub.session.send(hub.now, long).unwrap();
    assert_eq!((hub.session.queued(), hub.session.stats().not_sent.dropped), (3, 0));
}

#[test]
fn no_more_is_dropped_than_the_bytes_of_the_new_message_need() {
    let mut hub = queueing::<8>(6, QueuePolicy::DropOldest);
    // Of the eight blocks one is free, and four are needed.
    for len in [100, 100, 100, 10] {
        hub.session.send(hub.now, Request::frame(1, &vec![7; len])).unwrap();
    }
    hub.session.send(hub.now, Request::frame(1, &[7; 250])).unwrap();
    assert_eq!((hub.session.queued(), hub.session.stats().not_sent.dropped), (3, 2));
}

#[test]
fn what_was_dropped_keeps_its_slot_until_that_was_told_and_writable_follows() {
    let mut hub = queueing::<3>(1, QueuePolicy::DropOldest);
    send(&mut hub, power(true));
    queue_two(&mut hub);
    assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Full));
    let events = hub.events();
    assert_eq!(events.last(), Some(&Event::Writable));
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Done { .. })).count(), 1);
    hub.session.send(hub.now, power(true)).unwrap();
}

#[test]
fn a_queue_without_places_drops_what_waits_for_the_window_and_nothing_else() {
    let mut hub = queueing::<4>(0, QueuePolicy::DropOldest);
    queue_two(&mut hub);
    assert_eq!(done(&mut hub), [Outcome::NotSent(NotSent::Dropped)]);
    assert_eq!(hub.out().len(), 1);
    assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Full));
    assert_eq!((done(&mut hub), hub.session.in_flight()), (vec![], 1));
}

#[test]
fn a_command_takes_the_place_of_the_one_it_makes_stale_whatever_the_policy() {
    let to = device(ADDRESS);
    for policy in [QueuePolicy::Block, QueuePolicy::DropOldest, QueuePolicy::Reject] {
        let mut hub = queueing::<16>(2, policy);
        send(&mut hub, power(true));
        hub.session.send(hub.now, power(true)).unwrap();
        hub.session.send(hub.now, Command::Power { to, on: true }).unwrap();
        hub.session.send(hub.now, Command::Power { to, on: false }).unwrap();
        assert_eq!(done(&mut hub), [Outcome::NotSent(NotSent::Superseded)], "{policy:?}");
        assert_eq!((hub.session.queued(), hub.session.stats().queue_full), (2, 0));
    }
}

#[test]
fn writable_comes_with_the_room_that_a_deadline_a_cancellation_or_a_new_connection_makes() {
    let full = || {
        let mut hub = queueing::<16>(0, QueuePolicy::Block);
        let id = hub.session.send(hub.now, power(true)).unwrap();
        hub.out();
        assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Full));
        assert!(!hub.events().contains(&Event::Writable));
        (hub, id)
    };
    let (mut hub, id) = full();
    assert!(hub.session.cancel(id));
    assert_eq!(hub.events().last(), Some(&Event::Writable));
    let (mut hub, _) = full();
    hub.wait(ms(5_000));
    hub.session.handle_timeout(hub.now);
    assert_eq!(hub.events().last(), Some(&Event::Writable));
    let (mut hub, _) = full();
    hub.session.handle_disconnected(hub.now, Disconnect::Peer);
    assert!(!hub.events().contains(&Event::Writable), "send would say that there is no connection");
    hub.session.handle_connected(hub.now);
    hub.feed(&hello());
    assert_eq!(hub.events().last(), Some(&Event::Writable));
}

#[test]
fn numbers_that_may_be_under_way_hold_their_slots_and_writable_follows_when_they_are_free() {
    let mut hub = queueing::<2>(1, QueuePolicy::Block);
    let ids: Vec<_> = (0..2)
        .map(|_| {
            let id = hub.session.send(hub.now, power(true)).unwrap();
            hub.out();
            hub.session.cancel(id);
            id
        })
        .collect();
    assert_eq!(ids.len(), 2);
    hub.events();
    assert_eq!((hub.session.queued(), hub.session.in_flight()), (0, 0));
    assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Full));
    assert_eq!(hub.events(), []);
    assert_eq!(hub.tick(), Deadline { at: at(2_000), why: Timer::Message });
    assert_eq!(hub.events(), [Event::Writable]);
}

#[test]
fn a_command_for_all_takes_the_places_of_those_that_it_makes_stale() {
    let mut hub = queueing::<16>(3, QueuePolicy::Block);
    send(&mut hub, power(true));
    for address in 1..=3 {
        let request = Command::Power { to: device(address), on: true };
        hub.session.send(hub.now, request).unwrap();
    }
    assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Full));
    hub.session.send(hub.now, Command::Power { to: Destination::ALL, on: false }).unwrap();
    assert_eq!(done(&mut hub), [Outcome::NotSent(NotSent::Superseded); 3]);
    assert_eq!(hub.session.queued(), 1);
}

#[test]
fn what_is_in_flight_leaves_no_place_to_the_command_that_makes_it_stale() {
    let mut hub = queueing::<16>(0, QueuePolicy::Block);
    let command = |on| Command::Power { to: device(ADDRESS), on };
    send(&mut hub, command(true).into());
    assert_eq!(hub.session.send(hub.now, command(false)), Err(SendError::Full));
    // And as it was refused, nothing was made stale by it.
    hub.tick();
    assert_eq!(hub.out().len(), 1);
}
