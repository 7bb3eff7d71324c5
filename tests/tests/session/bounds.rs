//! Bounds.

use crate::*;

#[test]
fn the_window_and_the_queue_are_bounded_and_writable_announces_room() {
    let mut hub: Solo = Solo::greeted(config(|it| (it.window, it.queue.limit) = (2, 3)));
    for _ in 0..5 {
        hub.session.send(hub.now, power(true)).unwrap();
    }
    assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Full));
    assert_eq!(hub.events(), []);
    let out = hub.out();
    assert_eq!((out.len(), hub.session.in_flight(), hub.session.queued()), (2, 2, 3));
    assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Full));
    assert_eq!(hub.session.stats().queue_full, 2);
    assert!(!hub.events().contains(&Event::Writable));
    hub.hear(&ack(numbers(&out[0]).0, StatusCode::OK));
    let events = hub.events();
    assert_eq!(events.last(), Some(&Event::Writable));
    hub.session.send(hub.now, power(true)).unwrap();
    assert!(!hub.events().contains(&Event::Writable));
}

#[test]
fn a_session_without_a_queue_takes_what_fits_its_window_and_announces_room() {
    let mut hub: Solo = Solo::greeted(config(|it| (it.window, it.queue.limit) = (1, 0)));
    let (msg_id, _) = send(&mut hub, power(true));
    assert_eq!(hub.session.send(hub.now, power(true)), Err(SendError::Full));
    hub.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(hub.events().last(), Some(&Event::Writable));
    hub.session.send(hub.now, power(true)).unwrap();
}

#[test]
fn writable_waits_until_the_bytes_have_room_as_well() {
    let mut hub: Solo<8> =
        Solo::greeted(fit(config(|it| (it.window, it.queue.limit) = (4, 4)), 8, 1024));
    let long = Request::frame(0x99, &[7; 400]);
    hub.session.send(hub.now, long).unwrap();
    assert_eq!(hub.session.send(hub.now, long), Err(SendError::Full));
    let out = hub.out();
    assert!(!hub.events().contains(&Event::Writable));
    hub.hear(&ack(numbers(&out[0]).0, StatusCode::OK));
    assert_eq!(hub.events().last(), Some(&Event::Writable));
    hub.session.send(hub.now, long).unwrap();
}

#[test]
fn data_that_could_never_have_room_is_too_long() {
    let mut hub: Solo<8> =
        Solo::greeted(fit(config(|it| (it.window, it.queue.limit) = (4, 4)), 8, 1024));
    let sent = hub.session.send(hub.now, Request::frame(0x99, &[7; 513]));
    assert_eq!(sent, Err(SendError::TooLong { len: 513, max: 512 }));
    hub.session.send(hub.now, Request::frame(0x99, &[7; 512])).unwrap();
}

#[test]
fn the_longest_data_fits_a_packet_however_it_is_stuffed() {
    let mut hub = hub();
    let Err(SendError::TooLong { max, .. }) =
        hub.session.send(hub.now, Request::frame(0x99, &[0; 4_000]))
    else {
        panic!("4000 bytes are too long");
    };
    hub.session.send(hub.now, Request::frame(0x7e, &vec![0x7e; max])).unwrap();
    let out = hub.out();
    assert!(out[0].len() > 2 * max);
    let packet = Packet::decode(&out[0], ChecksumMode::Strict).unwrap();
    assert!(packet.frame().unwrap().data.bytes().eq(std::iter::repeat_n(0x7e, max)));
}

#[test]
fn data_may_be_as_long_as_the_slots_say() {
    let mut lamp: Solo<4, 16, 400> =
        Solo::greeted(fit(config(|it| (it.window, it.queue.limit) = (1, 3)), 4, 16));
    for (len, status) in [(96, StatusCode::OK), (97, StatusCode(0xb6))] {
        let data = vec![1; len];
        let frame = Frame::request(len as u32, op::POWER, &data);
        assert!(lamp.hear(&Packet::DataChannel(channel(1, frame))));
        assert_eq!(lamp.out(), [bytes_of(&ack(MsgId(1), status))]);
    }
    let longest = lamp.session.send(lamp.now, Request::frame(1, &[1; 256])).map(drop);
    let longer = lamp.session.send(lamp.now, Request::frame(1, &[1; 257])).map(drop);
    assert_eq!((longest, longer), (Ok(()), Err(SendError::TooLong { len: 257, max: 256 })));
}

#[test]
fn first_transmissions_leave_in_the_order_of_send() {
    let mut pair = production();
    pair.fate = Box::new(|_, bytes| if bytes[0] == 0x73 { Copies::None } else { Copies::One });
    let ids: Vec<_> = (0..40).map(|_| pair.send(power(true))).collect();
    pair.run(ms(6_000));
    pair.fate = Box::new(|_, _| Copies::One);
    let first: Vec<_> = pair
        .handed
        .iter()
        .filter(|it| it.transmit.attempt == 1)
        .filter_map(|it| it.transmit.id)
        .collect();
    assert_eq!(first, ids[..first.len()]);
    assert_eq!(first.len(), 16, "the window");
    assert_eq!(pair.hub.outcomes().count(), 40);
}

#[test]
fn message_numbers_and_counters_wrap() {
    let mut hub = hub();
    let (mut before, mut wrapped) = (None, false);
    for _ in 0..66_000_u32 {
        let (msg_id, counter) = send(&mut hub, power(true));
        if let Some((last, last_counter)) = before.replace((msg_id, counter)) {
            assert_eq!(
                (msg_id.0, counter),
                (last.0.wrapping_add(1), u32::wrapping_add(last_counter, 1))
            );
            wrapped |= msg_id.0 == 0;
        }
        hub.hear(&ack(msg_id, StatusCode::OK));
        assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
    }
    assert!(wrapped);
}

#[test]
fn a_first_transmission_waits_for_those_that_may_have_been_accepted_before_an_older_message() {
    let mut hub: Solo =
        Solo::greeted(config(|it| (it.window, it.id_window, it.queue.limit) = (2, 2, 8)));
    for _ in 0..4 {
        hub.session.send(hub.now, power(true)).unwrap();
    }
    let out = hub.out();
    assert_eq!(out.len(), 2);
    // The second may have been accepted before the first: with the third it would be one of three that are to be remembered.
    hub.hear(&ack(numbers(&out[0]).0, StatusCode::OK));
    assert_eq!(hub.out(), [[0; 0]; 0]);
    assert_eq!(hub.session.stats().id_waits, 1);
    hub.hear(&ack(numbers(&out[1]).0, StatusCode::OK));
    assert_eq!(hub.out().len(), 2);
}

#[test]
fn what_waits_in_the_queue_leaves_in_the_order_of_send() {
    let mut hub = hub();
    for address in 1..=12 {
        hub.session.send(hub.now, switch(address, true)).unwrap();
    }
    let counters: Vec<u32> = hub.out().iter().map(|packet| numbers(packet).1).collect();
    let first = counters[0];
    assert!(counters.iter().copied().eq((0..12).map(|n| first.wrapping_add(n))), "{counters:?}");
}
