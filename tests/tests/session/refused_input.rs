//! Input that is refused.

use crate::*;
use cync_core::AckTimer;

/// A session whose inbox takes two requests, and has taken them.
fn full() -> Solo {
    let mut lamp: Solo = Solo::greeted(config(|it| limit_inbox(it, 2)));
    assert!(lamp.hear(&request(1)) && lamp.hear(&request(2)));
    lamp.out();
    lamp.events();
    lamp
}

#[test]
fn a_full_inbox_refuses_input_and_goes_on_after_recv() {
    let mut lamp = full();
    let stream =
        [bytes_of(&Packet::HeartbeatDev), bytes_of(&request(3)), bytes_of(&Packet::HeartbeatDev)]
            .concat();
    assert_eq!(lamp.feed(&stream), 5);
    assert!(!lamp.session.wants_input());
    assert_eq!(lamp.feed(&stream[5..]), 0, "nothing was freed");
    assert_eq!(kinds(&lamp.out()), [0xd8]);
    assert_eq!(lamp.session.recv(lamp.now).unwrap().prefix.msg_id, MsgId(1));
    assert!(lamp.session.wants_input());
    assert_eq!(lamp.feed(&stream[5..]), stream.len() - 5);
    for n in 2..4 {
        assert_eq!(lamp.session.recv(lamp.now).unwrap().prefix.msg_id, MsgId(n));
    }
    assert_eq!(kinds(&lamp.out()), [0x7b, 0xd8]);
}

#[test]
fn a_refused_packet_that_came_in_pieces_is_taken_when_nothing_more_is_offered() {
    let mut lamp = full();
    let bytes = bytes_of(&request(3));
    assert_eq!(lamp.feed(&bytes[..10]), 10);
    assert_eq!(lamp.feed(&bytes[10..]), bytes.len() - 10);
    assert!(!lamp.session.wants_input());
    assert_eq!(lamp.feed(&[0xd3]), 0);
    lamp.session.recv(lamp.now).unwrap();
    lamp.feed(&[]);
    assert!(lamp.session.wants_input());
    assert_eq!(kinds(&lamp.out()), [0x7b]);
    assert_eq!(lamp.session.inbox_len(), 2);
}

#[test]
fn a_refused_packet_that_is_taken_later_is_no_sign_of_life_then() {
    let mut lamp = full();
    let bytes = bytes_of(&request(3));
    lamp.feed(&bytes[..10]);
    lamp.feed(&bytes[10..]);
    let last_byte = lamp.now;
    lamp.session.recv(lamp.now).unwrap();
    lamp.wait(ms(30_000));
    lamp.feed(&[]);
    assert_eq!(kinds(&lamp.out()).first(), Some(&0x7b));
    while lamp.session.state() == State::Ready && lamp.now < last_byte + ms(60_000) {
        lamp.tick();
        lamp.out();
    }
    let hangup = Event::Hangup(HangupReason::Silent);
    assert_eq!((lamp.now, lamp.events().contains(&hangup)), (last_byte + ms(60_000), true));
}

#[test]
fn input_is_wanted_again_only_when_what_it_was_refused_for_has_room() {
    // Too many answers are owed: taking messages changes nothing.
    let mut hub = hub();
    (0..127).for_each(|n| assert!(hub.hear(&announcement(n))));
    assert!(!hub.hear(&announcement(127)));
    while hub.session.recv(hub.now).is_some() {}
    assert!(!hub.session.wants_input());
    assert_eq!(kinds(&Vec::from_iter(hub.out_one())), [0x88]);
    assert!(hub.session.wants_input() && hub.hear(&announcement(127)));
    // The inbox is full: handing answers over changes nothing, and nor does offering nothing.
    let mut lamp: Solo = Solo::greeted(config(|it| limit_inbox(it, 1)));
    assert!(lamp.hear(&request(1)) && !lamp.hear(&request(2)));
    assert_eq!(kinds(&lamp.out()), [0x7b]);
    assert!(!lamp.session.wants_input());
    lamp.feed(&[]);
    assert!(!lamp.session.wants_input());
    assert!(lamp.session.recv(lamp.now).is_some());
    assert!(lamp.session.wants_input() && lamp.hear(&request(2)));
}

#[test]
fn a_peer_that_reads_no_answers_is_not_silent_whatever_the_application_takes() {
    let mut hub: Solo = Solo::greeted(config(|it| {
        it.retry.max_attempts = NonZeroU16::new(1);
        it.deadline = ms(100_000);
    }));
    let (msg_id, _) = send(&mut hub, power(true));
    (0..127).for_each(|n| assert!(hub.hear(&announcement(n))));
    let rest = [bytes_of(&announcement(127)), bytes_of(&ack(msg_id, StatusCode::OK))].concat();
    assert_eq!(hub.feed(&rest), 0);
    for _ in 0..90 {
        while hub.session.recv(hub.now).is_some() {}
        hub.wait(ms(1_000));
        hub.session.handle_timeout(hub.now);
    }
    assert!(
        hub.events()
            .iter()
            .all(|event| matches!(event, Event::Sent { .. } | Event::InboxOverrun { .. }))
    );
    hub.out();
    assert_eq!(hub.feed(&rest), rest.len());
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn answers_in_front_of_a_refused_message_are_taken() {
    let mut lamp = full();
    let (msg_id, _) = send(&mut lamp, power(true));
    lamp.feed(&[bytes_of(&ack(msg_id, StatusCode::OK)), bytes_of(&request(3))].concat());
    assert!(!lamp.session.wants_input());
    assert_eq!(done(&mut lamp), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn our_own_refusal_is_not_the_peers_silence() {
    let mut lamp = full();
    let bytes = bytes_of(&request(3));
    lamp.wait(ms(20_000));
    assert_eq!(lamp.feed(&bytes), 0);
    assert_eq!(lamp.session.poll_timeout(), None);
    lamp.wait(ms(1_000_000));
    lamp.session.handle_timeout(lamp.now);
    assert_eq!(lamp.events(), []);
    lamp.session.recv(lamp.now).unwrap();
    let deadline = lamp.session.poll_timeout().unwrap();
    assert_eq!((deadline.at, deadline.why), (lamp.now + ms(40_000), Timer::Silence));
}

#[test]
fn while_input_is_refused_no_answer_is_missed() {
    let retry = RetryPolicy { max_attempts: NonZeroU16::new(1), ..RetryPolicy::default() };
    let mut lamp: Solo = Solo::greeted(config(|it| {
        limit_inbox(it, 1);
        it.retry = retry;
        it.deadline = ms(10_000);
    }));
    lamp.hear(&request(1));
    let request_2 = bytes_of(&request(2));
    lamp.out();
    let (msg_id, _) = send(&mut lamp, power(true));
    let stream = [request_2, bytes_of(&ack(msg_id, StatusCode::OK))].concat();
    assert_eq!(lamp.feed(&stream), 0);
    for _ in 0..8 {
        lamp.tick();
        assert!(lamp.out().is_empty());
    }
    assert_eq!(lamp.session.stats().ack_timeouts, 0);
    lamp.session.recv(lamp.now).unwrap();
    assert_eq!(lamp.feed(&stream), stream.len());
    assert_eq!(done(&mut lamp), [Outcome::Reached(Stage::Acked)]);
}

#[test]
fn a_deadline_passes_while_input_is_refused() {
    let mut lamp = full();
    send(&mut lamp, power(true));
    lamp.feed(&bytes_of(&request(3)));
    while done(&mut lamp).is_empty() {
        lamp.tick();
    }
    assert_eq!(lamp.now, at(5_000));
}

#[test]
fn states_push_out_older_states() {
    let mut hub: Solo = Solo::greeted(config(|it| limit_inbox(it, 2)));
    (1..=5).for_each(|n| assert!(hub.hear(&announcement(n))));
    assert_eq!((hub.session.inbox_len(), hub.session.stats().states_dropped), (2, 3));
    assert_eq!(hub.session.recv(hub.now).unwrap().prefix.msg_id, MsgId(4));
    assert_eq!(kinds(&hub.out()), [0x88; 5]);
}

#[test]
fn a_flood_that_asks_for_answers_is_refused_until_they_are_taken() {
    let mut hub = hub();
    let flood: Vec<u8> = (0..1_000).flat_map(|n| bytes_of(&announcement(n))).collect();
    let taken = hub.feed(&flood);
    assert!(taken < flood.len() && !hub.session.wants_input());
    assert_eq!(hub.feed(&flood[taken..]), 0);
    let mut at = taken;
    let mut answers = 0;
    while at < flood.len() {
        answers += hub.out().len();
        assert!(hub.session.wants_input());
        at += hub.feed(&flood[at..]);
    }
    assert_eq!(answers + hub.out().len(), 1_000);
}

#[test]
fn an_application_that_only_sends_is_not_starved_by_a_flood() {
    let mut hub = hub();
    hub.session.send(hub.now, power(true)).unwrap();
    (0..60).for_each(|n| assert!(hub.hear(&announcement(n))));
    let out = kinds(&hub.out());
    assert_eq!(out.iter().position(|kind| *kind == 0x73), Some(8), "behind eight answers");
}

#[test]
fn a_result_leaves_before_the_state_that_follows_from_it() {
    let mut lamp = Solo::<128, 1024, 4101>::greeted(listener());
    lamp.hear(&request(7));
    assert_eq!(kinds(&lamp.out()), [0x7b]);
    let id = lamp.session.recv(lamp.now).unwrap().id().unwrap();
    lamp.session.send(lamp.now, Request::announce(op::STATUS, &[0; 19])).unwrap();
    lamp.session.report(lamp.now, id, StatusCode::OK).unwrap();
    assert_eq!(kinds(&lamp.out()), [0x73, 0x83]);
}

/// Sends, refuses input from `from` to `to`, takes it again, and returns when the next copy leaves; all in milliseconds.
fn copy_after_refusal(from: u64, to: u64) -> u64 {
    let mut lamp: Solo = Solo::greeted(config(|it| limit_inbox(it, 1)));
    lamp.hear(&request(1));
    lamp.out();
    send(&mut lamp, power(true));
    lamp.now = at(from);
    assert_eq!(lamp.feed(&bytes_of(&request(2))), 0);
    if to < 1_000 {
        assert_eq!(lamp.session.poll_timeout().map(|next| next.at), Some(at(1_000)));
    }
    while lamp.session.poll_timeout().is_some_and(|next| next.at <= at(to)) {
        lamp.tick();
        assert!(lamp.out().is_empty(), "nothing is repeated while input is refused");
    }
    lamp.now = at(to);
    assert!(lamp.session.recv(lamp.now).is_some());
    assert!(lamp.hear(&request(2)));
    while kinds(&lamp.out()).last() != Some(&0x73) {
        lamp.tick();
    }
    assert_eq!(lamp.session.stats().ack_timeouts, 1);
    lamp.now.as_micros() / 1_000
}

#[test]
fn the_timer_of_an_answer_is_shifted_by_exactly_the_time_that_input_was_refused() {
    assert_eq!(copy_after_refusal(0, 0), 1_000);
    assert_eq!(copy_after_refusal(100, 400), 1_300);
    assert_eq!(copy_after_refusal(0, 999), 1_999);
    // Once the timer has run out meanwhile it starts anew there, and stands still from then on.
    assert_eq!(copy_after_refusal(100, 1_400), 2_400);
}

/// Sends, refuses input with the receipt in it from 100 ms to `to`, takes it again, and returns when the next copy leaves; all in
/// milliseconds.
fn copy_after_a_receipt_that_was_refused_until(to: u64) -> u64 {
    let mut lamp: Solo = Solo::greeted(config(|it| {
        limit_inbox(it, 1);
        it.ack_timer = AckTimer::fixed(ms(2_000));
        it.deadline = ms(10_000);
    }));
    lamp.hear(&request(1));
    lamp.out();
    let (msg_id, _) = send(&mut lamp, executed());
    lamp.now = at(100);
    let stream = [bytes_of(&request(2)), bytes_of(&ack(msg_id, StatusCode::OK))].concat();
    assert_eq!(lamp.feed(&stream), 0);
    while lamp.session.poll_timeout().is_some_and(|next| next.at <= at(to)) {
        lamp.tick();
        assert!(lamp.out().is_empty(), "nothing is repeated while input is refused");
    }
    lamp.now = at(to);
    assert!(lamp.session.recv(lamp.now).is_some());
    assert_eq!(lamp.feed(&stream), stream.len());
    while kinds(&lamp.out()).last() != Some(&0x73) {
        lamp.tick();
    }
    lamp.now.as_micros() / 1_000
}

#[test]
fn a_result_is_waited_for_without_the_time_that_input_was_refused() {
    assert_eq!(copy_after_a_receipt_that_was_refused_until(100), 2_000);
    assert_eq!(copy_after_a_receipt_that_was_refused_until(500), 2_400);
    assert_eq!(copy_after_a_receipt_that_was_refused_until(1_999), 3_899);
    // Once the timer has run out meanwhile, it starts anew with the receipt.
    assert_eq!(copy_after_a_receipt_that_was_refused_until(2_500), 4_500);
}

#[test]
fn a_message_of_one_attempt_does_not_end_because_its_receipt_was_refused_for_long() {
    let mut lamp: Solo = Solo::greeted(config(|it| {
        limit_inbox(it, 1);
        it.ack_timer = AckTimer::fixed(ms(1_000));
        it.retry.max_attempts = NonZeroU16::new(1);
    }));
    lamp.hear(&request(1));
    lamp.out();
    let (msg_id, counter) = send(&mut lamp, executed());
    let stream = [bytes_of(&request(2)), bytes_of(&ack(msg_id, StatusCode::OK))].concat();
    assert_eq!(lamp.feed(&stream), 0);
    lamp.wait(ms(3_000));
    lamp.session.handle_timeout(lamp.now);
    lamp.session.recv(lamp.now).unwrap();
    assert_eq!(lamp.feed(&stream), stream.len());
    lamp.session.handle_timeout(lamp.now);
    lamp.hear(&result(counter, &[0]));
    assert_eq!(done(&mut lamp), [Outcome::Reached(Stage::Executed)]);
    assert_eq!(lamp.session.stats().ack_timeouts, 0);
}

#[test]
fn several_refusals_add_up() {
    let mut lamp: Solo = Solo::greeted(config(|it| limit_inbox(it, 1)));
    lamp.hear(&request(1));
    lamp.out();
    send(&mut lamp, power(true));
    for n in 2..5 {
        lamp.wait(ms(100));
        assert_eq!(lamp.feed(&bytes_of(&request(n))), 0);
        lamp.wait(ms(50));
        lamp.session.recv(lamp.now).unwrap();
        assert!(lamp.hear(&request(n)));
        lamp.out();
    }
    assert_eq!(lamp.tick().at, at(1_000), "where the timer stands");
    assert!(lamp.out().is_empty());
    assert_eq!(lamp.tick().at, at(1_150));
    assert_eq!(kinds(&lamp.out()), [0x73]);
    assert_eq!(lamp.session.stats().input_refusals, 3);
}

#[test]
fn a_packets_time_stands_still_while_input_is_refused() {
    let mut lamp = full();
    let stream = [bytes_of(&request(3)), bytes_of(&request(4))[..6].to_vec()].concat();
    let (first, rest) = stream.split_at(10);
    assert_eq!(lamp.feed(first), 10);
    assert_eq!(lamp.tick(), Deadline { at: at(10_000), why: Timer::Packet });
    let mut lamp = full();
    assert_eq!(lamp.feed(first), 10);
    lamp.wait(ms(4_000));
    // The packet is whole now, and has no room. Where it ends another one begins.
    assert!(lamp.feed(rest) < rest.len());
    assert_eq!(lamp.session.poll_timeout(), None);
    lamp.wait(ms(30_000));
    lamp.session.handle_timeout(lamp.now);
    assert_eq!(lamp.events(), []);
    lamp.session.recv(lamp.now).unwrap();
    lamp.feed(&stream[stream.len() - 6..]);
    assert_eq!(lamp.tick(), Deadline { at: at(44_000), why: Timer::Packet });
}

#[test]
fn an_application_that_only_sends_is_served_while_ten_thousand_status_packets_arrive() {
    let mut hub = hub();
    let (mut answered, mut reached, mut answer) = (0, 0, None);
    for n in 0..10_000 {
        // The answer to the last command comes among the states. The application never calls `recv`.
        let arrived = [bytes_of(&announcement(n)), answer.take().unwrap_or_default()].concat();
        assert_eq!(hub.feed(&arrived), arrived.len());
        reached += done(&mut hub).len();
        hub.session.send(hub.now, power(true)).unwrap();
        for packet in hub.out() {
            match packet[0] {
                0x88 => answered += 1,
                _ => answer = Some(bytes_of(&ack(numbers(&packet).0, StatusCode::OK))),
            }
        }
        hub.wait(ms(1));
    }
    assert_eq!((answered, reached), (10_000, 9_999));
    let stats = hub.session.stats();
    assert_eq!((stats.retransmissions.total(), stats.input_refusals), (0, 0));
    assert_eq!((hub.session.inbox_len(), stats.states_dropped), (50, 9_950));
}

#[test]
fn a_flood_in_one_piece_holds_no_command_back_for_more_than_eight_answers() {
    let mut hub = hub();
    let flood: Vec<u8> = (0..10_000).flat_map(|n| bytes_of(&announcement(n))).collect();
    let (mut taken, mut commands, mut answers) = (0, 0, 0);
    while taken < flood.len() {
        taken += hub.feed(&flood[taken..]);
        let sent = (0..2).filter(|_| hub.session.send(hub.now, power(true)).is_ok()).count();
        let out = kinds(&hub.out());
        let longest = out.split(|kind| *kind == 0x73).map(<[u8]>::len).take(sent).max();
        assert!(longest.is_none_or(|longest| longest <= 8), "{out:02x?}");
        answers += out.iter().filter(|kind| **kind == 0x88).count();
        commands += sent;
        done(&mut hub);
        hub.wait(ms(500));
        hub.session.handle_timeout(hub.now);
    }
    assert_eq!(answers, 10_000);
    assert!(commands > 0);
}

/// A session that sends one message after the other, refuses input with the answer in it after 50 ms for so long, and takes it
/// again; what it takes for the round trip then, and the timer of the next message.
fn learnt_from_refusals(of: Duration, times: u16) -> [Option<Duration>; 2] {
    let mut lamp: Solo = Solo::greeted(config(|it| {
        limit_inbox(it, 1);
        it.deadline = ms(20_000_000);
    }));
    for n in 0..times {
        lamp.hear(&request(2 * n));
        lamp.out();
        let (msg_id, _) = send(&mut lamp, power(true));
        lamp.wait(ms(50));
        let answer = bytes_of(&ack(msg_id, StatusCode::OK));
        let stream = [bytes_of(&request(2 * n + 1)), answer].concat();
        assert_eq!(lamp.feed(&stream), 0);
        let end = lamp.now + of;
        while lamp.session.poll_timeout().is_some_and(|next| next.at <= end) {
            lamp.tick();
            assert!(lamp.out().is_empty(), "nothing is repeated while input is refused");
        }
        lamp.now = end;
        assert!(lamp.session.recv(lamp.now).is_some());
        assert_eq!(lamp.feed(&stream), stream.len());
        assert_eq!(done(&mut lamp), [Outcome::Reached(Stage::Acked)]);
        while lamp.session.recv(lamp.now).is_some() {}
        lamp.out();
    }
    send(&mut lamp, power(true));
    let timer = lamp.session.poll_timeout().map(|next| next.at.since(lamp.now));
    [lamp.session.round_trip(), timer]
}

#[test]
fn the_time_that_input_was_refused_is_no_part_of_a_round_trip() {
    for refused in [900, 10_000, 4_000_000] {
        assert_eq!(learnt_from_refusals(ms(refused), 3), [None, Some(ms(1_000))], "{refused} ms");
    }
    // It was no longer than this, which is less than was expected: once.
    assert_eq!(learnt_from_refusals(ms(100), 3), [Some(ms(150)), Some(ms(450))]);
    // As many microseconds as 32 bits hold, and one more.
    let wraps = Duration::from_micros(1 << 32);
    assert_eq!(learnt_from_refusals(wraps, 1), [None, Some(ms(1_000))]);
}

#[test]
fn a_round_trip_that_shrinks_is_learnt_though_each_answer_is_refused_for_a_moment() {
    let mut lamp: Solo = Solo::greeted(config(|it| limit_inbox(it, 1)));
    let (slow, _) = send(&mut lamp, power(true));
    lamp.wait(ms(800));
    lamp.hear(&ack(slow, StatusCode::OK));
    assert_eq!(lamp.session.round_trip(), Some(ms(800)));
    for n in 0..50 {
        lamp.hear(&request(2 * n));
        lamp.out();
        let (msg_id, _) = send(&mut lamp, power(true));
        lamp.wait(ms(40));
        assert!(!lamp.hear(&request(2 * n + 1)));
        lamp.wait(ms(10));
        assert!(lamp.session.recv(lamp.now).is_some());
        assert!(lamp.hear(&request(2 * n + 1)) && lamp.hear(&ack(msg_id, StatusCode::OK)));
        assert!(lamp.session.recv(lamp.now).is_some());
        lamp.out();
        lamp.events();
    }
    let learnt = lamp.session.round_trip().unwrap();
    assert!((ms(50)..ms(60)).contains(&learnt), "{learnt:?}");
}

#[test]
fn a_round_trip_that_is_longer_even_without_the_refusals_is_learnt() {
    let mut lamp: Solo = Solo::greeted(config(|it| {
        limit_inbox(it, 1);
        it.ack_timer.initial = ms(2_000);
    }));
    lamp.hear(&request(1));
    lamp.out();
    let (msg_id, _) = send(&mut lamp, power(true));
    assert!(!lamp.hear(&request(2)));
    lamp.wait(ms(100));
    lamp.session.recv(lamp.now).unwrap();
    assert!(lamp.hear(&request(2)));
    lamp.out();
    // The timer is put off, a second copy leaves, and both are answered.
    lamp.tick();
    lamp.tick();
    assert_eq!((lamp.now, kinds(&lamp.out())), (at(2_100), vec![0x73]));
    lamp.wait(ms(200));
    lamp.hear(&ack(msg_id, StatusCode::OK));
    lamp.wait(ms(2_100));
    lamp.hear(&ack(msg_id, StatusCode::OK));
    assert_eq!(lamp.session.round_trip(), Some(ms(2_200)));
}

#[test]
fn a_refusal_of_any_length_is_not_the_peers_silence_though_no_tick_came_meanwhile() {
    let hour = ms(3_600_000);
    for refused in [Duration::from_micros(1 << 32), hour, hour * 2] {
        let mut lamp: Solo = Solo::greeted(config(|it| {
            limit_inbox(it, 1);
            it.deadline = hour * 3;
        }));
        lamp.hear(&request(1));
        lamp.out();
        send(&mut lamp, power(true));
        lamp.wait(ms(900));
        assert!(!lamp.hear(&request(2)));
        lamp.wait(refused);
        lamp.session.recv(lamp.now).unwrap();
        assert!(lamp.hear(&request(2)));
        lamp.wait(ms(99));
        lamp.session.handle_timeout(lamp.now);
        assert_eq!((kinds(&lamp.out()), lamp.session.stats().ack_timeouts), (vec![0x7b], 0));
        lamp.wait(ms(1_001));
        lamp.session.handle_timeout(lamp.now);
        assert_eq!(kinds(&lamp.out()), [0x73]);
    }
}
