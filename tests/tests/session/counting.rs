//! What is counted.

use crate::*;
use cync_core::{Queue, QueuePolicy, Stats};

fn reconciles(hub: &Solo) {
    let Stats { messages_sent, reached, nacked, not_sent, unknown, .. } = *hub.session.stats();
    let under_way = (hub.session.queued() + hub.session.in_flight()) as u64;
    let ended = reached + nacked + not_sent.total() + unknown.total();
    assert_eq!(messages_sent, ended + under_way);
    let stats = hub.session.stats();
    let copies: u64 = stats.attempts.iter().sum();
    assert_eq!(copies, stats.attempts[0] + stats.retransmissions.total());
    assert_eq!(stats.attempts[0], messages_sent - not_sent.total() - hub.session.queued() as u64);
}

/// Every way for a message to end, one after the other; what is counted adds up after each.
#[test]
fn every_end_of_a_message_has_its_counter_and_all_of_them_add_up() {
    let queue = Queue::new(3, QueuePolicy::DropOldest);
    let mut hub: Solo = Solo::greeted(config(|it| (it.window, it.queue) = (1, queue)));
    let to = device(ADDRESS);
    let lamp = |on| Request::from(Command::Power { to, on });
    let mut steps = 0;
    let mut step = |hub: &mut Solo, act: &mut dyn FnMut(&mut Solo)| {
        act(hub);
        reconciles(hub);
        hub.events();
        steps += 1;
    };
    step(&mut hub, &mut |hub| {
        let (msg_id, _) = send(hub, power(true));
        hub.hear(&ack(msg_id, StatusCode::OK));
    });
    step(&mut hub, &mut |hub| {
        let (msg_id, _) = send(hub, power(true));
        hub.hear(&ack(msg_id, StatusCode(1)));
    });
    step(&mut hub, &mut |hub| {
        let (msg_id, _) = send(hub, power(true));
        let verdict = Ack { endpoint: ENDPOINT, msg_id, status: StatusCode(0x0a) };
        hub.hear(&Packet::DataResult(verdict));
    });
    step(&mut hub, &mut |hub| {
        let id = hub.session.send(hub.now, power(true)).unwrap();
        hub.out();
        hub.session.cancel(id);
        let id = hub.session.send(hub.now, power(true)).unwrap();
        hub.session.cancel(id);
    });
    step(&mut hub, &mut |hub| {
        send(hub, lamp(true));
        hub.session.send(hub.now, lamp(false)).unwrap();
        hub.session.send(hub.now, lamp(true)).unwrap();
        hub.tick();
    });
    step(&mut hub, &mut |hub| {
        for _ in 0..4 {
            hub.session.send(hub.now, power(true)).unwrap();
        }
    });
    step(&mut hub, &mut |hub| drop(times_until(hub, hub.now + ms(6_000))));
    step(&mut hub, &mut |hub| {
        hub.session.send(hub.now, power(true)).unwrap();
        hub.session.send(hub.now, power(true)).unwrap();
        hub.out();
        hub.session.handle_disconnected(hub.now, Disconnect::Error);
        hub.session.handle_connected(hub.now);
        hub.greet();
    });
    step(&mut hub, &mut |hub| {
        hub.session.send(hub.now, power(true)).unwrap();
        hub.session.send(hub.now, power(true)).unwrap();
        hub.out();
        hub.session.close(hub.now);
        hub.wait(ms(5_000) - Duration::from_micros(1));
        hub.session.handle_disconnected(hub.now, Disconnect::Hangup);
    });
    assert_eq!(steps, 9);
    let stats = hub.session.stats();
    assert_eq!((stats.reached, stats.nacked, stats.unknown.expired), (1, 1, 1));
    assert_eq!((stats.unknown.cancelled, stats.not_sent.cancelled), (1, 1));
    assert_eq!((stats.unknown.superseded, stats.not_sent.superseded), (1, 1));
    assert_eq!(stats.not_sent.dropped, 1);
    assert!(stats.unknown.timeout > 0 && stats.not_sent.timeout > 0);
    assert_eq!((stats.unknown.disconnected, stats.not_sent.disconnected), (2, 2));
    let ended = &stats.disconnections;
    assert_eq!((ended.hangup, ended.peer, ended.error, ended.replaced), (1, 0, 1, 0));
    assert_eq!((stats.connections, stats.greetings.succeeded), (2, 2));
}

#[test]
fn every_packet_is_counted_once_when_it_is_handed_over_or_taken() {
    let mut hub = hub();
    let before = *hub.session.stats();
    let (msg_id, _) = send(&mut hub, power(true));
    hub.hear(&ack(msg_id, StatusCode::OK));
    hub.hear(&request(1));
    hub.hear(&request(1));
    hub.hear(&Packet::HeartbeatDev);
    hub.feed(&[0x99, 0, 0, 0, 0]);
    assert_eq!(kinds(&hub.out()), [0x7b, 0x7b, 0xd8]);
    let stats = hub.session.stats();
    assert_eq!(stats.packets_sent - before.packets_sent, 4);
    assert_eq!(stats.packets_received - before.packets_received, 5);
    assert_eq!((stats.accepted, stats.duplicates), (1, 1));
}

#[test]
fn every_way_a_packet_can_be_wrong_has_its_counter() {
    let mut hub = hub();
    let mut sum = bytes_of(&request(1));
    let last = sum.len() - 2;
    sum[last] ^= 1;
    let mut marker = bytes_of(&request(1));
    marker[12] = 0;
    let wrong: [&[u8]; 5] = [
        &sum,
        &marker,
        &[0x99, 0, 0, 0, 0],
        &[0x73, 0, 0, 0, 3, 1, 2, 3],
        &[0x7b, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    for bytes in wrong {
        assert_eq!(hub.feed(bytes), bytes.len());
    }
    let errors = hub.session.stats().decode_errors;
    assert_eq!((errors.invalid_checksum, errors.missing_markers, errors.unknown_type), (1, 1, 1));
    assert_eq!((errors.too_short, errors.invalid_length), (1, 1));
    // What the framer would not let through is never decoded.
    assert_eq!(errors.packet_too_large, 0);
    assert_eq!(hub.session.stats().accepted, 0);
    assert_eq!(hub.session.state(), State::Ready);
}
