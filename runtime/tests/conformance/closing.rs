//! Closing in order.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::{HangupReason, NotSent, State, Unknown};
use cync_runtime::testing::pipe;
use cync_runtime::{ConnectError, End, Runtime as _, SendError};
use std::time::Duration;

fn close(world: &World, client: &Client) -> Handle<()> {
    let client = client.clone();
    spawn(world, async move { client.close().await })
}

pub(crate) async fn close_brings_what_is_under_way_to_its_end_and_takes_nothing_new(world: World) {
    let (client, driver, mut talk) = talking(&world, greeter(), 4096).await;
    let sent = send(&world, &client, 1);
    let heard = talk.hear_message().await;
    let closed = close(&world, &client);
    world.sleep(SECOND / 10).await;
    let refused = client.send(numbered(b"2")).await.unwrap_err();
    let draining = cync_core::SendError::NotConnected(State::Draining);
    assert_eq!(refused, SendError::Refused(draining));
    assert_eq!(client.try_send(numbered(b"2")).unwrap_err(), SendError::Refused(draining));
    assert!(!closed.has_ended());
    talk.acknowledge(heard).await;
    closed.ended().await;
    sent.ended().await.unwrap();
    assert!(matches!(driver.ended().await, End::Hangup(HangupReason::Closed { left: 0 })));
    assert_eq!((client.state(), talk.hear().await), (State::Closed, None));
    let refused = client.send(numbered(b"2")).await.unwrap_err();
    let closed = cync_core::SendError::NotConnected(State::Closed);
    assert_eq!(refused, SendError::Refused(closed));
    rest(&world).await;
    assert_eq!(world.tasks(), 0);
}

pub(crate) async fn close_under_load_ends_every_message_with_its_answer(world: World) {
    let mut config = greeter();
    config.window = 16;
    let (client, peer, [driver, _]) = pair(&world, config).await;
    let executed = execute(&world, &peer);
    let sents: Vec<_> =
        (0..100).map(|number| client.try_send(numbered(&[number])).unwrap()).collect();
    client.close().await;
    for sent in sents {
        assert_eq!(sent.await.unwrap().attempts, 1);
    }
    assert!(matches!(driver.ended().await, End::Hangup(HangupReason::Closed { left: 0 })));
    assert_eq!(executed.ended().await, 100);
    assert_eq!(elapsed(&world), Duration::ZERO);
}

pub(crate) async fn what_the_time_for_draining_does_not_suffice_for_is_counted(world: World) {
    let mut config = greeter();
    (config.window, config.queue.limit) = (60, 40);
    let (client, driver, mut talk) = talking(&world, config, 64 * 1024).await;
    let sents: Vec<_> =
        (0..100).map(|number| client.try_send(numbered(&[number])).unwrap()).collect();
    for _ in 0..60 {
        talk.hear_message().await;
    }
    client.close().await;
    assert_eq!(elapsed(&world), SECOND * 20);
    let mut ends = [0, 0];
    for sent in sents {
        match sent.await.unwrap_err() {
            SendError::Unknown { why: Unknown::Closed, .. } => ends[0] += 1,
            SendError::NotSent { why: NotSent::Closed, .. } => ends[1] += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ends, [60, 40]);
    assert!(matches!(driver.ended().await, End::Hangup(HangupReason::Closed { left: 100 })));
}

pub(crate) async fn close_waits_no_longer_than_the_messages_deadlines(world: World) {
    let (client, _, _silent) = talking(&world, greeter(), 4096).await;
    let sent = client.try_send(numbered(b"1").deadline(SECOND * 9)).unwrap();
    client.close().await;
    assert_eq!(elapsed(&world), SECOND * 9);
    let ended = sent.await.unwrap_err();
    assert!(matches!(ended, SendError::Unknown { why: Unknown::Timeout, .. }), "{ended:?}");
}

pub(crate) async fn close_waits_for_a_peer_that_never_reads_for_the_drain_timeout_and_a_second(
    world: World,
) {
    let (client, driver, talk) = talking(&world, greeter(), 64).await;
    let chatter = talk.chatter(&world);
    world.sleep(SECOND * 30).await;
    assert_eq!(client.state(), State::Ready);
    client.close().await;
    // Its signs of life are not answered before the time for draining is over; then there is a second to flush.
    assert_eq!(elapsed(&world), SECOND * (30 + 20 + 1));
    assert!(matches!(driver.ended().await, End::Hangup(HangupReason::Closed { left: 0 })));
    chatter.ended().await;
}

pub(crate) async fn close_waits_for_a_driver_that_is_not_run_for_two_seconds_beyond_draining(
    world: World,
) {
    let client = client(&world, greeter());
    let (near, far) = pipe(64);
    let driver = client.drive(near);
    client.close().await;
    assert_eq!((elapsed(&world), client.state()), (SECOND * 22, State::Closed));
    assert!(matches!(driver.run().await, End::Cut));
    assert_eq!(Talk::new(far).hear().await, None);
}

pub(crate) async fn close_can_be_called_by_many_and_again(world: World) {
    let (client, driver, mut talk) = talking(&world, greeter(), 4096).await;
    let sent = send(&world, &client, 1);
    let heard = talk.hear_message().await;
    let closes = [(); 5].map(|()| close(&world, &client));
    let dropped = Killable::spawn(&world, {
        let client = client.clone();
        async move { client.close().await }
    });
    rest(&world).await;
    dropped.kill();
    assert!(closes.iter().all(|close| !close.has_ended()));
    talk.acknowledge(heard).await;
    for close in closes {
        close.ended().await;
    }
    sent.ended().await.unwrap();
    assert!(matches!(driver.ended().await, End::Hangup(HangupReason::Closed { left: 0 })));
    let before = elapsed(&world);
    client.close().await;
    assert_eq!(elapsed(&world), before);
}

pub(crate) async fn close_without_a_connection_is_done_at_once(world: World) {
    let mut config = greeter();
    config.ride_through = true;
    for stage in ["idle", "dialling", "waiting"] {
        let before = elapsed(&world);
        let client = client(&world, config.clone());
        let sent = client.try_send(numbered(b"1")).unwrap();
        let reader = client.clone();
        let kept = (stage != "idle").then(|| {
            let fault = if stage == "dialling" { "swallow" } else { "refuse" };
            match fault {
                "swallow" => world.network().swallow(HOME),
                _ => world.network().refuse(HOME),
            }
            spawn(&world, keeping(&world, &client))
        });
        let reader = kept.is_some().then(|| spawn(&world, async move { reader.recv().await }));
        rest(&world).await;
        client.close().await;
        assert_eq!(client.state(), State::Closed, "{stage}");
        let ended = sent.await.unwrap_err();
        assert!(matches!(ended, SendError::NotSent { why: NotSent::Closed, .. }), "{ended:?}");
        if let Some(kept) = kept {
            assert!(kept.ended().await.is_ok(), "{stage}");
        }
        if let Some(reader) = reader {
            assert_eq!(reader.ended().await, None);
        }
        let took = elapsed(&world) - before;
        assert_eq!(took, Duration::from_micros(1), "{stage}");
        rest(&world).await;
        assert_eq!(world.tasks(), 0, "{stage}");
    }
}

pub(crate) async fn close_in_the_greeting_is_done_at_once(world: World) {
    let acceptor = world.bind(HOME).await.unwrap();
    let (client, kept) = kept(&world, greeter());
    let stream = world.accept(&acceptor).await.unwrap().0;
    rest(&world).await;
    assert_eq!(client.state(), State::Greeting);
    let before = elapsed(&world);
    client.close().await;
    assert_eq!((elapsed(&world), client.state()), (before, State::Closed));
    assert!(kept.ended().await.is_ok());
    ended(&world, Talk::new(stream)).await;
}

pub(crate) async fn a_connection_for_a_closed_session_ends_at_once(world: World) {
    let (client, _peer, _) = pair(&world, greeter()).await;
    client.close().await;
    let (near, far) = pipe(64);
    let driver = drive(&world, &client, near);
    assert!(matches!(driver.ended().await, End::Hangup(HangupReason::Closed { left: 0 })));
    let refused = client.ready().await.unwrap_err();
    let closed = HangupReason::Closed { left: 0 };
    assert!(
        matches!(refused, ConnectError::Hangup { address: None, why } if why == closed),
        "{refused:?}"
    );
    assert_eq!(Talk::new(far).hear().await, None);
    assert_eq!(elapsed(&world), Duration::ZERO);
}

pub(crate) async fn a_session_closed_while_it_drains_is_not_revived_by_a_new_connection(
    world: World,
) {
    let (client, older, mut talk) = talking(&world, greeter(), 4096).await;
    let sent = send(&world, &client, 1);
    talk.hear_message().await;
    let closed = close(&world, &client);
    rest(&world).await;
    let (near, _far) = pipe(64);
    let newer = drive(&world, &client, near);
    assert!(matches!(older.ended().await, End::Replaced));
    assert!(matches!(newer.ended().await, End::Hangup(HangupReason::Closed { left: 0 })));
    closed.ended().await;
    sent.ended().await.unwrap_err();
}

pub(crate) async fn a_peer_that_goes_while_the_session_drains_closes_it(world: World) {
    let acceptor = world.bind(HOME).await.unwrap();
    let mut config = greeter();
    config.ride_through = true;
    let (client, kept) = kept(&world, config);
    let mut talk = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    let sent = send(&world, &client, 1);
    talk.hear_message().await;
    let closed = close(&world, &client);
    rest(&world).await;
    drop(talk);
    closed.ended().await;
    let ended = sent.ended().await.unwrap_err();
    assert!(matches!(ended, SendError::Unknown { .. }), "{ended:?}");
    assert!(kept.ended().await.is_ok());
    assert_eq!((client.state(), elapsed(&world)), (State::Closed, Duration::from_micros(1)));
}
