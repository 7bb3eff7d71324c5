//! Acknowledging by hand, and reporting results.

use crate::*;
use cync_core::{Acknowledge, DeliveryId, Queue, QueuePolicy, RespondError};

const NACK: StatusCode = StatusCode(3);

fn manual() -> Solo {
    Solo::greeted(config(|it| it.acknowledge = Acknowledge::Manually))
}

fn take<const N: usize, const M: usize>(solo: &mut Solo<N, M>) -> DeliveryId {
    solo.session.recv(solo.now).and_then(|delivery| delivery.id()).expect("a request")
}

#[test]
fn a_request_is_answered_when_the_application_says_how_and_its_repetitions_alike() {
    for status in [StatusCode::OK, NACK] {
        let mut lamp = manual();
        lamp.hear(&request(1));
        lamp.hear(&request(1));
        assert!(lamp.out().is_empty(), "nothing was said yet");
        let delivery = lamp.session.recv(lamp.now).unwrap();
        assert_eq!(delivery.duplicates, 1);
        let id = delivery.id().unwrap();
        lamp.session.respond(lamp.now, id, status).unwrap();
        let answer = lamp.out();
        assert_eq!(answer, [bytes_of(&ack(MsgId(1), status))]);
        lamp.hear(&request(1));
        assert_eq!(lamp.out(), answer);
        assert!(lamp.session.recv(lamp.now).is_none());
        assert_eq!(lamp.session.stats().duplicates, 2);
    }
}

#[test]
fn a_request_is_answered_once() {
    let mut lamp = manual();
    lamp.hear(&request(1));
    let id = take(&mut lamp);
    lamp.session.respond(lamp.now, id, NACK).unwrap();
    let again = lamp.session.respond(lamp.now, id, StatusCode::OK);
    assert_eq!(again, Err(RespondError::Answered));
    assert_eq!(lamp.out(), [bytes_of(&ack(MsgId(1), NACK))]);
    let mut lamp = hub();
    lamp.hear(&request(1));
    let id = take(&mut lamp);
    assert_eq!(lamp.session.respond(lamp.now, id, NACK), Err(RespondError::Answered));
}

#[test]
fn a_report_acknowledges_what_was_not() {
    let mut lamp = manual();
    lamp.hear(&request(1));
    let id = take(&mut lamp);
    lamp.session.report(lamp.now, id, StatusCode::OK).unwrap();
    let answers = lamp.out();
    assert_eq!(answers[0], bytes_of(&ack(MsgId(1), StatusCode::OK)));
    assert_eq!(kinds(&answers), [0x7b, 0x73]);
    assert_eq!(lamp.session.respond(lamp.now, id, NACK), Err(RespondError::Answered));
    lamp.hear(&request(1));
    assert_eq!(lamp.out(), answers);
}

#[test]
fn a_report_after_a_refusal_leaves_the_refusal() {
    let mut lamp = manual();
    lamp.hear(&request(1));
    let id = take(&mut lamp);
    lamp.session.respond(lamp.now, id, NACK).unwrap();
    lamp.session.report(lamp.now, id, StatusCode(9)).unwrap();
    let answers = lamp.out();
    assert_eq!(answers[0], bytes_of(&ack(MsgId(1), NACK)));
    assert_eq!(kinds(&answers), [0x7b, 0x73]);
}

#[test]
fn a_request_that_is_no_longer_remembered_can_not_be_answered() {
    let mut lamp: Solo = Solo::greeted(config(|it| {
        it.acknowledge = Acknowledge::Manually;
        it.silence = ms(1_000_000);
    }));
    lamp.hear(&request(1));
    let id = take(&mut lamp);
    lamp.wait(ms(300_000));
    assert_eq!(lamp.session.purge(lamp.now), 1);
    let forgotten = Err(RespondError::Forgotten);
    assert_eq!(lamp.session.respond(lamp.now, id, StatusCode::OK), forgotten);
    assert_eq!(lamp.session.report(lamp.now, id, StatusCode::OK), forgotten);
    assert!(lamp.out().is_empty());
}

#[test]
fn an_answer_that_has_no_room_is_taken_when_there_is_some() {
    let mut lamp = manual();
    lamp.hear(&request(1));
    let id = take(&mut lamp);
    (0..127).for_each(|n| assert!(lamp.hear(&announcement(n))));
    assert_eq!(lamp.session.respond(lamp.now, id, NACK), Err(RespondError::Full));
    assert_eq!(lamp.out_one().map(|packet| packet[0]), Some(0x88));
    assert_eq!(lamp.session.respond(lamp.now, id, NACK), Ok(()));
    assert_eq!(lamp.out().last(), Some(&bytes_of(&ack(MsgId(1), NACK))));
}

#[test]
fn a_report_that_has_no_room_is_told_with_a_repetition() {
    let mut lamp = manual();
    lamp.hear(&request(1));
    let id = take(&mut lamp);
    (0..127).for_each(|n| assert!(lamp.hear(&announcement(n))));
    lamp.session.report(lamp.now, id, NACK).unwrap_err();
    let told = kinds(&lamp.out()).iter().filter(|kind| matches!(kind, 0x7b | 0x73)).count();
    assert_eq!(told, 1, "the result took the last place");
    lamp.hear(&request(1));
    assert_eq!(kinds(&lamp.out()), [0x7b, 0x73]);
}

#[test]
fn an_answer_to_a_request_of_an_older_connection_waits_for_its_repetition() {
    let mut lamp = manual();
    lamp.hear(&request(1));
    let id = take(&mut lamp);
    reconnect(&mut lamp);
    lamp.session.respond(lamp.now, id, NACK).unwrap();
    assert!(lamp.out().is_empty());
    lamp.hear(&request(1));
    assert_eq!(lamp.out(), [bytes_of(&ack(MsgId(1), NACK))]);
}

#[test]
fn states_and_whatever_is_no_request_are_acknowledged_by_the_session() {
    let mut hub = manual();
    hub.hear(&announcement(1));
    hub.hear(&Packet::DataChannel(channel(2, Frame::new(1, Way(0x11), 1, &[]))));
    assert_eq!(kinds(&hub.out()), [0x88, 0x7b]);
    hub.hear(&Packet::DataChannel(channel(3, Frame::response(1, 1, &[1, 2]))));
    assert!(hub.out().is_empty(), "results are not acknowledged at all");
}

#[test]
fn a_state_with_a_request_in_it_is_no_request_and_has_no_result() {
    let mut hub = manual();
    hub.hear(&Packet::StatusBroadcast(channel(1, Frame::request(1, op::POWER, &[1, 2, 3]))));
    assert_eq!(kinds(&hub.out()), [0x88]);
    let delivery = hub.session.recv(hub.now).unwrap();
    assert_eq!((delivery.kind, delivery.id()), (PacketType::StatusBroadcast, None));
}

#[test]
fn an_unanswered_request_that_was_displaced_is_accepted_again_and_an_answered_one_is_not() {
    for (acknowledge, accepted) in [(Acknowledge::Manually, 3), (Acknowledge::Automatically, 2)] {
        let mut lamp: Solo = Solo::greeted(config(|it| {
            it.acknowledge = acknowledge;
            it.inbox_messages = Queue::new(1, QueuePolicy::DropOldest);
        }));
        lamp.hear(&request(1));
        lamp.hear(&request(2));
        assert!(lamp.events().contains(&Event::InboxOverrun { dropped: 1 }));
        lamp.hear(&request(1));
        let stats = lamp.session.stats();
        assert_eq!((stats.accepted, stats.messages_dropped), (accepted, accepted - 1));
    }
}
