//! Clients, drivers and those who dial, dropped in any order: nobody hangs, and no task stays.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::{NotSent, State, Unknown};
use cync_runtime::testing::pipe;
use cync_runtime::{Builder, ConnectError, End, Runtime as _, SendError};

async fn nothing_is_left(world: &World) {
    rest(world).await;
    assert_eq!(world.tasks(), 0);
}

pub(crate) async fn dropping_the_last_client_ends_its_driver_and_tells_the_peer(world: World) {
    let (client, peer, [near, far]) = pair(&world, greeter()).await;
    let other = client.clone();
    drop(client);
    world.sleep(SECOND).await;
    assert!(!near.has_ended());
    drop(other);
    assert!(matches!(near.ended().await, End::Cut));
    assert!(matches!(far.ended().await, End::Peer));
    assert_eq!(peer.state(), State::Disconnected);
    nothing_is_left(&world).await;
}

pub(crate) async fn a_client_dropped_while_it_sends_leaves_nothing_behind(world: World) {
    let (client, driver, mut talk) = talking(&world, greeter(), 4096).await;
    let sending = Killable::spawn(&world, async move { client.send(numbered(b"1")).await });
    talk.hear_message().await;
    sending.kill();
    assert!(matches!(driver.ended().await, End::Cut));
    assert_eq!(talk.hear().await, None);
    nothing_is_left(&world).await;
}

pub(crate) async fn what_was_sent_ends_with_the_last_client(world: World) {
    let mut config = greeter();
    (config.window, config.ride_through) = (1, true);
    let (client, driver, mut talk) = talking(&world, config, 4096).await;
    let sents = [1, 2].map(|number| client.try_send(numbered(&[number])).unwrap());
    talk.hear_message().await;
    let (mut events, mut states) = (client.events(), client.states());
    drop(client);
    let [first, second] = sents;
    let ended = first.await.unwrap_err();
    assert!(matches!(ended, SendError::Unknown { .. }), "{ended:?}");
    let ended = second.await.unwrap_err();
    assert!(matches!(ended, SendError::NotSent { .. }), "{ended:?}");
    while events.next().await.is_some() {}
    assert_eq!((states.next().await, states.next().await), (Some(State::Closed), None));
    assert!(matches!(driver.ended().await, End::Cut));
    assert_eq!(talk.hear().await, None);
    nothing_is_left(&world).await;
}

pub(crate) async fn a_driver_that_is_dropped_ends_the_messages_that_wait(world: World) {
    let mut config = greeter();
    (config.window, config.queue.limit) = (1, 100);
    let client = client(&world, config);
    let (near, far) = pipe(4096);
    let driver = Killable::spawn(&world, client.drive(near).run());
    let mut talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let sent = send(&world, &client, 1);
    talk.hear_message().await;
    let queued = send(&world, &client, 2);
    let reader = client.clone();
    let reader = spawn(&world, async move { reader.recv().await });
    world.sleep(SECOND / 10).await;
    driver.kill();
    let sent = sent.ended().await.unwrap_err();
    assert!(matches!(sent, SendError::Unknown { why: Unknown::Disconnected, .. }), "{sent:?}");
    let queued = queued.ended().await.unwrap_err();
    assert!(matches!(queued, SendError::NotSent { why: NotSent::Disconnected, .. }), "{queued:?}");
    assert_eq!(reader.ended().await, None);
    let refused = client.send(numbered(b"3")).await.unwrap_err();
    assert!(matches!(refused, SendError::Refused(_)), "{refused:?}");
    while talk.hear().await.is_some() {}
    nothing_is_left(&world).await;
}

pub(crate) async fn a_driver_that_is_never_run_keeps_nobody_waiting(world: World) {
    let client = client(&world, greeter());
    let (near, far) = pipe(64);
    let driver = client.drive(near);
    let waiting = client.clone();
    let waiting = spawn(&world, async move { waiting.ready().await });
    world.sleep(SECOND).await;
    drop(driver);
    let ended = waiting.ended().await;
    assert!(matches!(ended, Err(ConnectError::Closed { address: None })), "{ended:?}");
    assert_eq!(Talk::new(far).hear().await, None);
    nothing_is_left(&world).await;
}

pub(crate) async fn whoever_dials_ends_with_the_last_client_whatever_it_is_doing(world: World) {
    for stage in ["resting", "dialling", "greeting", "ready", "waiting"] {
        let acceptor = world.bind(HOME).await.unwrap();
        if stage == "dialling" {
            world.network().swallow(HOME);
        }
        let (client, kept) = kept(&world, greeter());
        let mut stream = None;
        if ["greeting", "ready", "waiting"].contains(&stage) {
            stream = Some(world.accept(&acceptor).await.unwrap().0);
        }
        let mut talk = None;
        if ["ready", "waiting"].contains(&stage) {
            talk = Some(Talk::greeted(stream.take().unwrap()).await);
            client.ready().await.unwrap();
        }
        if stage == "waiting" {
            world.network().refuse(HOME);
            drop(talk.take());
        }
        if stage != "resting" {
            rest(&world).await;
        }
        drop(client);
        assert!(kept.ended().await.is_ok(), "{stage}");
        nothing_is_left(&world).await;
        assert_eq!(world.network().links(HOME).len(), 0, "{stage}");
        world.network().mend(HOME);
    }
}

pub(crate) async fn a_dialler_that_is_dropped_cuts_its_connection_and_nobody_waits_for_another(
    world: World,
) {
    let acceptor = world.bind(HOME).await.unwrap();
    let client = client(&world, greeter());
    drop(keeping(&world, &client));
    assert!(matches!(client.ready().await, Err(ConnectError::Closed { .. })));
    assert_eq!(client.recv().await, None);
    let kept = Killable::spawn(&world, keeping(&world, &client));
    let talk = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    let reader = client.clone();
    let reader = spawn(&world, async move { reader.recv().await });
    rest(&world).await;
    kept.kill();
    assert_eq!(reader.ended().await, None);
    assert!(matches!(client.ready().await, Err(ConnectError::Closed { .. })));
    ended(&world, talk).await;
    nothing_is_left(&world).await;
}

pub(crate) async fn time_is_kept_for_a_message_when_whoever_dialled_is_dropped(world: World) {
    let mut config = greeter();
    config.ride_through = true;
    let client = client(&world, config);
    let kept = Killable::spawn(&world, keeping(&world, &client));
    let sent = client.try_send(numbered(b"1")).unwrap();
    let sender = client.clone();
    let timed = spawn(&world, async move {
        sender.send(numbered(b"2")).deadline(SECOND * 9).await.unwrap_err()
    });
    world.sleep(SECOND).await;
    kept.kill();
    let ended = timed.ended().await;
    assert!(matches!(ended, SendError::NotSent { why: NotSent::Deadline, .. }), "{ended:?}");
    assert_eq!(elapsed(&world), SECOND * 9);
    drop(client);
    let ended = sent.await.unwrap_err();
    assert!(matches!(ended, SendError::NotSent { .. }), "{ended:?}");
    nothing_is_left(&world).await;
}

pub(crate) async fn everything_can_be_dropped_from_within_another_task(world: World) {
    let acceptor = world.bind(HOME).await.unwrap();
    for _ in 0..100 {
        let builder = Builder::new(greeter(), world.clone()).seed(1);
        let connecting = spawn(&world, builder.connect(HOME));
        let mut talk = accept(&world, &acceptor).await;
        let client = connecting.ended().await.unwrap();
        let tasks: Vec<_> = (0..10)
            .map(|number| {
                let client = client.clone();
                Killable::spawn(&world, async move {
                    let _ = client.send(numbered(&[number])).await;
                    client.recv().await;
                })
            })
            .collect();
        talk.hear_message().await;
        drop(client);
        let killer = spawn(&world, async move { tasks.into_iter().for_each(Killable::kill) });
        while talk.hear().await.is_some() {}
        killer.ended().await;
        nothing_is_left(&world).await;
    }
}
