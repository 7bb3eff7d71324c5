//! The inbox: its two lanes and their policies.

use crate::*;
use cync_core::wire::{Endpoint, Meaning};
use cync_core::{Queue, QueuePolicy};

fn lanes(states: Queue, messages: Queue) -> Solo {
    Solo::greeted(config(|it| (it.inbox_states, it.inbox_messages) = (states, messages)))
}

fn taken(hub: &mut Solo) -> Vec<u16> {
    let mut taken = Vec::new();
    while let Some(delivery) = hub.session.recv(hub.now) {
        taken.push(delivery.prefix.msg_id.0);
    }
    taken
}

#[test]
fn blocked_messages_wait_outside_and_states_behind_them_too() {
    let mut hub = lanes(Queue::new(9, QueuePolicy::DropOldest), Queue::new(1, QueuePolicy::Block));
    assert!(hub.hear(&request(1)) && !hub.hear(&request(2)));
    assert!(!hub.session.wants_input());
    assert_eq!(hub.session.stats().input_refusals, 1);
    assert_eq!(taken(&mut hub), [1]);
    assert!(hub.hear(&request(2)));
    assert_eq!(hub.session.stats().refused_busy, 0);
}

#[test]
fn rejected_messages_are_answered_busy_and_accepted_when_they_are_repeated_later() {
    let mut hub = lanes(Queue::new(1, QueuePolicy::Reject), Queue::new(1, QueuePolicy::Reject));
    assert!(hub.hear(&request(1)) && hub.hear(&request(2)));
    assert!(hub.hear(&announcement(3)) && hub.hear(&announcement(4)));
    let prefix = Prefix { endpoint: ENDPOINT, msg_id: MsgId(0x0101), flag: 6 };
    assert!(hub.hear(&Packet::DeviceInfo(DeviceInfo { prefix, payload: &[1] })));
    let msg_id = MsgId;
    let expected = [
        ack(msg_id(1), StatusCode::OK),
        ack(msg_id(2), BUSY),
        Packet::StatusAck(ShortAck { msg_id: msg_id(3), status: StatusCode::OK }),
        Packet::StatusAck(ShortAck { msg_id: msg_id(4), status: BUSY }),
        Packet::InfoAck(ShortAck { msg_id: msg_id(0x0101), status: BUSY }),
    ];
    assert_eq!(hub.out(), expected.map(|packet| bytes_of(&packet)));
    assert_eq!(hub.session.stats().refused_busy, 3);
    assert_eq!(taken(&mut hub), [1, 3]);
    assert!(hub.hear(&request(2)) && hub.hear(&announcement(4)));
    assert_eq!(taken(&mut hub), [2, 4]);
    assert_eq!((hub.session.stats().duplicates, hub.session.stats().accepted), (0, 4));
}

#[test]
fn dropping_lanes_tell_how_many_they_dropped_since_that_was_told() {
    let drop = Queue::new(2, QueuePolicy::DropOldest);
    let mut hub = lanes(drop, drop);
    (1..=5).for_each(|n| assert!(hub.hear(&announcement(n))));
    (11..=13).for_each(|n| assert!(hub.hear(&request(n))));
    assert_eq!(hub.events(), [Event::Readable, Event::InboxOverrun { dropped: 4 }]);
    let stats = hub.session.stats();
    assert_eq!((stats.states_dropped, stats.messages_dropped, stats.accepted), (3, 1, 8));
    assert!(hub.hear(&announcement(6)));
    assert_eq!(hub.events(), [Event::InboxOverrun { dropped: 1 }]);
    assert_eq!(hub.events(), []);
    assert_eq!(taken(&mut hub), [5, 12, 13, 6], "in the order in which they came");
}

#[test]
fn a_message_that_was_lent_is_not_dropped() {
    let mut hub =
        lanes(Queue::new(1, QueuePolicy::DropOldest), Queue::new(1, QueuePolicy::DropOldest));
    hub.hear(&request(1));
    assert_eq!(hub.session.recv(hub.now).map(|it| it.prefix.msg_id), Some(MsgId(1)));
    hub.hear(&request(2));
    assert_eq!(hub.session.stats().messages_dropped, 0);
    assert_eq!(taken(&mut hub), [2]);
}

#[test]
fn a_message_longer_than_the_inbox_is_refused_for_good() {
    let mut lamp: Solo<4> =
        Solo::greeted(fit(config(|it| (it.window, it.queue.limit) = (2, 2)), 4, 1024));
    let data = [5; 97];
    let long = |len: usize| {
        Packet::DataChannel(channel(len as u16, Frame::request(1, op::POWER, &data[..len])))
    };
    assert!(lamp.hear(&long(97)) && lamp.hear(&long(96)));
    let answers = [ack(MsgId(97), StatusCode(0xb6)), ack(MsgId(96), StatusCode::OK)];
    assert_eq!(lamp.out(), answers.map(|packet| bytes_of(&packet)));
    assert_eq!((lamp.session.stats().oversized, lamp.session.inbox_len()), (1, 1));
    let prefix = Prefix { endpoint: ENDPOINT, msg_id: MsgId(0x0101), flag: 6 };
    assert!(lamp.hear(&Packet::DeviceInfo(DeviceInfo { prefix, payload: &data })));
    let status = StatusCode(0xb6);
    assert_eq!(
        lamp.out(),
        [bytes_of(&Packet::InfoAck(ShortAck { msg_id: MsgId(0x0101), status }))]
    );
}

#[test]
fn a_sender_beyond_the_counters_is_told_that_the_session_is_busy() {
    let mut hub = hub();
    let from = |endpoint: u32| {
        let prefix = Prefix { endpoint: Endpoint(endpoint), msg_id: MsgId(1), flag: 0 };
        Packet::DataChannel(Channel { prefix, frame: Frame::request(1, op::POWER, &[1]) })
    };
    for endpoint in 1..=4 {
        assert!(hub.hear(&from(endpoint)));
    }
    hub.out();
    assert!(hub.hear(&from(5)));
    let receipt = |status| {
        bytes_of(&Packet::DataAck(Ack { endpoint: Endpoint(5), msg_id: MsgId(1), status }))
    };
    assert_eq!(hub.out(), [receipt(BUSY)]);
    assert_eq!((hub.session.stats().refused_busy, hub.session.stats().accepted), (1, 4));
    // What was accepted may be repeated for seven seconds.
    hub.wait(ms(6_999));
    assert!(hub.hear(&from(5)));
    assert_eq!(hub.out(), [receipt(BUSY)]);
    hub.wait(ms(1));
    assert!(hub.hear(&from(5)));
    assert_eq!(hub.out(), [receipt(StatusCode::OK)]);
    assert_eq!(hub.session.stats().dedup_evictions, 1);
}

#[test]
fn duplicates_are_counted_in_the_delivery_until_it_is_lent() {
    let mut hub = hub();
    (0..3).for_each(|_| assert!(hub.hear(&request(1))));
    let delivery = hub.session.recv(hub.now).unwrap();
    assert_eq!((delivery.duplicates, delivery.prefix.msg_id), (2, MsgId(1)));
    assert_eq!(hub.session.stats().duplicates, 2);
    assert_eq!(kinds(&hub.out()), [0x7b; 3]);
    assert!(taken(&mut hub).is_empty());
    [2, 3, 3, 1].into_iter().for_each(|n| assert!(hub.hear(&request(n))));
    let later = [(); 3].map(|()| hub.session.recv(hub.now).map(|it| it.duplicates));
    assert_eq!(later, [Some(0), Some(1), None]);
}

#[test]
fn a_blocked_lane_of_states_holds_back_announcements_and_device_information_alike() {
    let block = Queue::new(1, QueuePolicy::Block);
    let mut hub = lanes(block, block);
    let prefix = Prefix { endpoint: ENDPOINT, msg_id: MsgId(0x0101), flag: 6 };
    let info = Packet::DeviceInfo(DeviceInfo { prefix, payload: &[1] });
    assert!(hub.hear(&announcement(1)) && !hub.hear(&announcement(2)));
    assert_eq!(taken(&mut hub), [1]);
    assert!(hub.hear(&info) && !hub.hear(&info));
    assert_eq!(taken(&mut hub), [0x0101]);
    assert!(hub.hear(&announcement(2)) && hub.hear(&request(3)));
    assert_eq!(taken(&mut hub), [2, 3]);
    assert_eq!(hub.session.stats().input_refusals, 2);
}

#[test]
fn a_delivery_says_what_its_frame_means() {
    let mut hub = hub();
    let command = Command::Power { to: device(ADDRESS), on: true };
    let data = command.data(7);
    hub.hear(&Packet::DataChannel(channel(1, Frame::request(7, command.op(), &data))));
    let delivery = hub.session.recv(hub.now).unwrap();
    assert!(matches!(delivery.meaning(), Some(Meaning::Command(_, it)) if it == command));
}

#[test]
fn duplicate_detection_tells_a_repetition_from_what_differs_in_anything() {
    let mut lamp = hub();
    let with = |endpoint: u32, msg_id, counter, op, data: &'static [u8]| {
        let prefix = Prefix { endpoint: Endpoint(endpoint), msg_id: MsgId(msg_id), flag: 0 };
        Packet::DataChannel(Channel { prefix, frame: Frame::request(counter, op, data) })
    };
    let different = [
        with(1, 2, 3, 4, &[5]),
        with(2, 2, 3, 4, &[5]),
        with(1, 3, 3, 4, &[5]),
        with(1, 2, 4, 4, &[5]),
        with(1, 2, 3, 5, &[5]),
        with(1, 2, 3, 4, &[6]),
        with(1, 2, 3, 4, &[5, 5]),
    ];
    assert!(different.iter().all(|packet| lamp.hear(packet)));
    assert_eq!((lamp.session.stats().accepted, lamp.session.stats().duplicates), (7, 0));
    assert!(different.iter().all(|packet| lamp.hear(packet)));
    assert_eq!((lamp.session.stats().accepted, lamp.session.stats().duplicates), (7, 7));
}

#[test]
fn lru_eviction_forgets_what_its_sender_accepted_longest_ago_and_counts_it() {
    let mut lamp: Solo<128, 16> = Solo::greeted(fit(listener(), 128, 16));
    let hear = |lamp: &mut Solo<128, 16>, n| {
        assert!(lamp.hear(&request(n)));
        lamp.out();
        while lamp.session.recv(lamp.now).is_some() {}
        lamp.session.stats().accepted
    };
    (1..=20).for_each(|n| assert_eq!(hear(&mut lamp, n), u64::from(n)));
    assert_eq!((lamp.session.remembered(), lamp.session.stats().dedup_evictions), (16, 4));
    (5..=20).for_each(|n| assert_eq!(hear(&mut lamp, n), 20, "{n} is remembered"));
    assert_eq!(hear(&mut lamp, 4), 21, "and the ones before are not");
    assert_eq!(lamp.session.stats().dedup_evictions, 5);
}

#[test]
fn ttl_expiry_is_not_put_off_by_repetitions() {
    let mut lamp: Solo = Solo::greeted(config(|it| {
        (it.dedup_ttl, it.silence) = (ms(10_000), ms(1_000_000));
    }));
    for second in 0..10 {
        lamp.now = at(second * 1_000);
        assert!(lamp.hear(&request(1)));
    }
    assert_eq!((lamp.session.stats().accepted, lamp.session.stats().duplicates), (1, 9));
    lamp.now = at(10_000);
    assert!(lamp.hear(&request(1)));
    assert_eq!(lamp.session.stats().accepted, 2);
}
