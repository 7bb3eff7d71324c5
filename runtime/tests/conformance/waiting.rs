//! Waiting for room: in line, for how long, and how many.

use crate::stage::*;
use crate::talk::*;
use cync_core::{
    NotSent, Queue, QueuePolicy, Request, SendError as Refusal, Stage, State, Unknown,
};
use cync_runtime::testing::pipe;
use cync_runtime::{Builder, End, SendError, Timer as _};
use smol::future::poll_once;
use std::pin::pin;
use std::time::Duration;

/// A client with room for one message under way and one that waits, and both are there; its peer has heard the first.
async fn full(world: &World) -> (Client, Handle<End>, Talk, Heard) {
    let (client, driver, mut talk) = talking(world, narrow(1, 1), 4096).await;
    drop(client.try_send(numbered(&[1])).unwrap());
    drop(client.try_send(numbered(&[2])).unwrap());
    let heard = talk.hear_message().await;
    (client, driver, talk, heard)
}

pub(crate) async fn whoever_waits_for_room_gives_up_after_exactly_the_time_allowed(world: World) {
    let (client, _driver, mut talk, first) = full(&world).await;
    let started = world.now();
    let ended = client.send_timeout(numbered(&[3]), SECOND * 3).await;
    assert_eq!(ended, Err(SendError::QueueTimeout { waited: SECOND * 3 }));
    assert_eq!(world.now().since(started), SECOND * 3);
    assert_eq!(
        client.send(numbered(&[3])).timeout(Duration::ZERO).await,
        Err(SendError::QueueTimeout { waited: Duration::ZERO })
    );
    let next = send(&world, &client, 4);
    talk.acknowledge(first).await;
    for expected in [2, 4] {
        let heard = talk.hear_number(expected).await;
        talk.acknowledge(heard).await;
    }
    assert_eq!(next.ended().await.unwrap().attempts, 1);
    assert_eq!(client.stats().messages_sent, 3);
}

pub(crate) async fn room_that_comes_in_time_is_used(world: World) {
    let (client, _driver, mut talk, first) = full(&world).await;
    let sending = client.clone();
    let sent = spawn(&world, async move { sending.send_timeout(numbered(&[3]), SECOND * 3).await });
    world.sleep(SECOND * 2).await;
    talk.acknowledge(first).await;
    world.sleep(SECOND * 10).await;
    assert!(!sent.has_ended(), "the time for waiting does not count once there was room");
    for expected in [2, 3] {
        let heard = talk.hear_number(expected).await;
        talk.acknowledge(heard).await;
    }
    sent.ended().await.unwrap();
}

pub(crate) async fn a_send_that_gave_up_and_is_kept_holds_nobody_up(world: World) {
    let (client, _driver, mut talk, first) = full(&world).await;
    let mut gave_up = pin!(client.send_timeout(numbered(&[3]), SECOND));
    assert_eq!((&mut gave_up).await, Err(SendError::QueueTimeout { waited: SECOND }));
    let next = send(&world, &client, 4);
    talk.acknowledge(first).await;
    for expected in [2, 4] {
        let heard = talk.hear_number(expected).await;
        talk.acknowledge(heard).await;
    }
    next.ended().await.unwrap();
    assert!(poll_once(gave_up).await.is_none(), "it has ended");
}

pub(crate) async fn no_more_wait_for_room_than_may(world: World) {
    let client = Builder::new(narrow(1, 1), world.clone()).seed(1).most_waiting(2).build().unwrap();
    let (near, far) = pipe(4096);
    let _driver = drive(&world, &client, near);
    let mut talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let sends: Vec<_> = (1..=4)
        .map(|number| {
            let sending = client.clone();
            let mut sending = Box::pin(async move { sending.send(numbered(&[number])).await });
            smol::future::block_on(async { assert!(poll_once(&mut sending).await.is_none()) });
            spawn(&world, sending)
        })
        .collect();
    let many = client.send(numbered(&[5])).await;
    assert_eq!(many, Err(SendError::TooManyWaiting { most: 2 }));
    for expected in 1..=4 {
        let heard = talk.hear_number(expected).await;
        talk.acknowledge(heard).await;
    }
    for sent in sends {
        sent.ended().await.unwrap();
    }
}

pub(crate) async fn what_cannot_wait_is_not_taken_before_those_who_do(world: World) {
    let (client, _driver, mut talk, first) = full(&world).await;
    assert_eq!(client.try_send(numbered(&[9])).unwrap_err(), SendError::Refused(Refusal::Full));
    let mut waiting = pin!(client.send(numbered(&[3])));
    assert!(poll_once(&mut waiting).await.is_none());
    talk.acknowledge(first).await;
    let second = talk.hear_number(2).await;
    rest(&world).await;
    assert_eq!(client.try_send(numbered(&[9])).unwrap_err(), SendError::Refused(Refusal::Full));
    assert!(poll_once(&mut waiting).await.is_none(), "it has the room that there was");
    talk.acknowledge(second).await;
    let third = talk.hear_number(3).await;
    drop(client.try_send(numbered(&[9])).unwrap());
    talk.acknowledge(third).await;
    waiting.await.unwrap();
}

pub(crate) async fn a_queue_that_rejects_turns_away_the_newest_and_keeps_the_others(world: World) {
    let mut config = narrow(1, 2);
    config.queue.policy = QueuePolicy::Reject;
    let (client, _driver, mut talk) = talking(&world, config, 4096).await;
    let sends = [1, 2, 3].map(|number| client.try_send(numbered(&[number])).unwrap());
    let refused = Err(SendError::Refused(Refusal::Rejected));
    assert_eq!(client.send(numbered(&[4])).await, refused);
    for expected in [1, 2, 3] {
        let heard = talk.hear_number(expected).await;
        talk.acknowledge(heard).await;
    }
    for sent in sends {
        sent.await.unwrap();
    }
    assert_eq!(client.stats().queue_full, 1);
}

pub(crate) async fn a_queue_that_drops_drops_the_oldest_that_never_left(world: World) {
    let mut config = narrow(1, 2);
    config.queue = Queue::new(2, QueuePolicy::DropOldest);
    let (client, _driver, mut talk) = talking(&world, config, 4096).await;
    let first = client.try_send(numbered(&[1])).unwrap();
    let heard = talk.hear_number(1).await;
    let [second, third, fourth, fifth] =
        [2, 3, 4, 5].map(|number| client.try_send(numbered(&[number])).unwrap());
    for dropped in [second, third] {
        let ended = dropped.await;
        let Err(SendError::NotSent { why: NotSent::Dropped, receipt }) = ended else {
            panic!("{ended:?}")
        };
        assert_eq!((receipt.attempts, receipt.done_at), (0, receipt.queued_at));
    }
    talk.acknowledge(heard).await;
    for expected in [4, 5] {
        let heard = talk.hear_number(expected).await;
        talk.acknowledge(heard).await;
    }
    for sent in [first, fourth, fifth] {
        sent.await.unwrap();
    }
    assert_eq!(client.stats().not_sent.dropped, 2);
}

pub(crate) async fn a_session_that_closes_refuses_those_who_wait_at_once(world: World) {
    let (client, _driver, _talk, _) = full(&world).await;
    let waiting = [3, 4, 5].map(|number| send(&world, &client, number));
    rest(&world).await;
    let started = world.now();
    let closing = client.clone();
    let closed = spawn(&world, async move { closing.close().await });
    for waiting in waiting {
        let refused = Refusal::NotConnected(State::Draining);
        assert_eq!(waiting.ended().await, Err(SendError::Refused(refused)));
    }
    assert_eq!(world.now(), started);
    closed.ended().await;
    assert_eq!(world.now().since(started), SECOND * 20, "what is under way has this time");
}

pub(crate) async fn a_session_that_closes_refuses_also_those_behind_a_sender_that_is_not_polled(
    world: World,
) {
    let (client, _driver, _talk, _) = full(&world).await;
    let mut first = Box::pin(client.send(numbered(&[3])));
    assert!(poll_once(&mut first).await.is_none());
    let second = send(&world, &client, 4);
    rest(&world).await;
    let (started, closing) = (world.now(), client.clone());
    let closed = spawn(&world, async move { closing.close().await });
    let refused = Refusal::NotConnected(State::Draining);
    assert_eq!(second.ended().await, Err(SendError::Refused(refused)));
    assert_eq!((first.await, world.now()), (Err(SendError::Refused(refused)), started));
    closed.ended().await;
}

pub(crate) async fn closing_without_a_connection_refuses_those_who_wait_at_once(world: World) {
    let client = client(&world, riding(1, 1));
    let taken = [1, 2].map(|number| client.try_send(numbered(&[number])).unwrap());
    let waiting = [3, 4, 5].map(|number| send(&world, &client, number));
    rest(&world).await;
    let started = world.now();
    client.close().await;
    for waiting in waiting {
        let refused = Refusal::NotConnected(State::Closed);
        assert_eq!(waiting.ended().await, Err(SendError::Refused(refused)));
    }
    for taken in taken {
        let ended = taken.await;
        assert!(matches!(ended, Err(SendError::NotSent { why: NotSent::Closed, .. })), "{ended:?}");
    }
    assert_eq!(world.now(), started);
}

/// With messages that wait for a connection.
fn riding(window: u16, queue: u16) -> cync_core::Config {
    let mut config = narrow(window, queue);
    config.ride_through = true;
    config
}

pub(crate) async fn a_message_that_nobody_drives_ends_exactly_at_its_deadline(world: World) {
    let client = client(&world, riding(1, 1));
    let started = world.now();
    let ended = client.send(numbered(&[1])).deadline(SECOND * 40).await;
    assert!(matches!(ended, Err(SendError::NotSent { why: NotSent::Deadline, .. })), "{ended:?}");
    assert_eq!(world.now().since(started), SECOND * 40);
    assert_eq!(world.tasks(), 0);
}

pub(crate) async fn a_message_whose_connection_went_ends_exactly_at_its_deadline(world: World) {
    let (client, driver, mut talk) = talking(&world, riding(1, 10), 4096).await;
    let started = world.now();
    let sent = spawn(&world, {
        let client = client.clone();
        async move { client.send(numbered(&[1])).deadline(SECOND * 40).await }
    });
    talk.hear_message().await;
    world.sleep(SECOND / 10).await;
    drop(talk);
    driver.ended().await;
    let ended = sent.ended().await;
    let Err(SendError::Unknown { why: Unknown::Timeout, receipt }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!((receipt.attempts, receipt.done_at.since(started)), (1, SECOND * 40));
    assert_eq!(world.now().since(started), SECOND * 40);
}

pub(crate) async fn room_that_nobody_drives_comes_with_the_deadline_of_what_took_it(world: World) {
    let client = client(&world, riding(1, 1));
    for number in [1, 2] {
        drop(client.try_send(numbered(&[number]).deadline(SECOND * 7)).unwrap());
    }
    let started = world.now();
    let ended = client.send(numbered(&[3])).deadline(SECOND * 2).await;
    let Err(SendError::NotSent { why: NotSent::Deadline, receipt }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(receipt.queued_at.since(started), SECOND * 7);
    assert_eq!(receipt.done_at.since(started), SECOND * 9);
}

pub(crate) async fn what_is_over_takes_no_room_though_nobody_drives(world: World) {
    let client = client(&world, riding(1, 1));
    for number in [1, 2] {
        drop(client.try_send(numbered(&[number]).deadline(SECOND * 7)).unwrap());
    }
    world.sleep(SECOND * 7 - Duration::from_micros(1)).await;
    assert_eq!(client.try_send(numbered(&[3])).unwrap_err(), SendError::Refused(Refusal::Full));
    rest(&world).await;
    drop(client.try_send(numbered(&[3])).unwrap());
}

pub(crate) async fn a_message_waits_for_a_connection_and_leaves_with_the_next(world: World) {
    let client = client(&world, riding(4, 4));
    let sent = send(&world, &client, 1);
    world.sleep(SECOND * 30).await;
    let (near, far) = pipe(4096);
    let _driver = drive(&world, &client, near);
    let mut talk = Talk::greeted(far).await;
    let heard = talk.hear_number(1).await;
    talk.acknowledge(heard).await;
    let receipt = sent.ended().await.unwrap();
    assert_eq!((receipt.attempts, receipt.stage), (1, Some(Stage::Acked)));
    assert_eq!(receipt.done_at.since(receipt.queued_at), SECOND * 30);
}

pub(crate) async fn a_peer_that_does_not_read_makes_senders_wait_and_loses_nothing(world: World) {
    let (client, peer) = (client(&world, greeter()), listener(&world));
    let (near, far) = pipe(4096);
    let cable = near.cable();
    let _drivers = [drive(&world, &client, near), drive(&world, &peer, far)];
    client.ready().await.unwrap();
    cable.set_capacity(0);
    let sends: Vec<_> = (0..250)
        .map(|number| {
            let client = client.clone();
            spawn(&world, async move {
                let data = [number; 300];
                let request = Request::frame(0x99, &data).once();
                client.send(request.until(Stage::Executed)).await
            })
        })
        .collect();
    world.sleep(SECOND * 50).await;
    assert!(sends.iter().all(|send| !send.has_ended()));
    assert!(client.stats().messages_sent < 120, "the others wait for room");
    let before = world.wakes();
    world.sleep(SECOND * 8).await;
    assert_eq!(world.wakes() - before, 1, "nobody is polled meanwhile");
    cable.set_capacity(64);
    let executed = execute(&world, &peer);
    for send in sends {
        assert_eq!(send.ended().await.unwrap().attempts, 1);
    }
    drop(client);
    assert_eq!(executed.ended().await, 250);
}

pub(crate) async fn a_peer_that_talks_and_takes_no_byte_for_a_minute_is_given_up(world: World) {
    let (client, driver, talk) = talking(&world, greeter(), 64).await;
    let cable = talk.cable();
    let talks = talk.chatter(&world);
    rest(&world).await;
    let started = world.now();
    let data = [7; 1000];
    let sending = client.clone();
    let sent = spawn(&world, async move { sending.send(Request::frame(0x99, &data)).await });
    world.sleep(SECOND * 30).await;
    // It takes something now: the time starts again.
    cable.set_capacity(128);
    let End::Error(error) = driver.ended().await else { panic!("it ended otherwise") };
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(world.now().since(started), SECOND * 90);
    assert_eq!(cable.forth().bytes, 31 + 128, "the greeting, and what there was room for");
    let ended = sent.ended().await;
    assert!(
        matches!(ended, Err(SendError::Unknown { why: Unknown::Disconnected, .. })),
        "{ended:?}"
    );
    talks.ended().await;
}
