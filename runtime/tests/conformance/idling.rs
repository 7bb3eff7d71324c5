//! How often anything is polled: as often as something happens, and not while nothing does.

use crate::stage::*;
use crate::talk::*;
use cync_core::{Queue, QueuePolicy, Stage, State};
use cync_runtime::testing::pipe;
use cync_runtime::{Builder, Runtime as _, Timer as _};
use std::time::Duration;

pub(crate) async fn an_idle_connection_costs_a_few_polls_for_each_sign_of_life(world: World) {
    let (client, peer, _) = pair(&world, greeter()).await;
    rest(&world).await;
    let before = world.wakes();
    world.sleep(HOUR).await;
    let beats = 3600 / 21;
    assert_eq!((client.stats().heartbeats, client.stats().heartbeats_answered), (beats, beats));
    assert_eq!((client.state(), peer.state()), (State::Ready, State::Ready));
    // Each side wakes for its own timer and for what comes; a timer that moved meanwhile may ring for nothing.
    let polls = world.wakes() - before;
    assert!((beats * 2..=beats * 5).contains(&polls), "{polls} polls for {beats} signs of life");
}

pub(crate) async fn nobody_is_polled_while_a_peer_does_not_read(world: World) {
    let (client, _driver, _talk) = talking(&world, greeter(), 64).await;
    let sends: Vec<_> = (0..10).map(|number| send(&world, &client, number)).collect();
    world.sleep(SECOND * 10).await;
    let before = world.wakes();
    world.sleep(SECOND * 10).await;
    let polls = world.wakes() - before;
    assert!(polls <= 45, "{polls} polls: four timers a second, and one");
    assert!(sends.iter().all(|send| !send.has_ended()));
}

pub(crate) async fn nobody_is_polled_while_an_application_does_not_take_what_came(world: World) {
    let mut config = cync_core::Config::listener(ENDPOINT);
    config.inbox_messages = Queue::new(2, QueuePolicy::Block);
    let (client, peer) = (client(&world, greeter()), crate::stage::client(&world, config));
    let (near, far) = pipe(4096);
    let _drivers = [drive(&world, &client, near), drive(&world, &peer, far)];
    client.ready().await.unwrap();
    let sends: Vec<_> = (0..10)
        .map(|number| {
            let client = client.clone();
            spawn(&world, async move { client.send(numbered(&[number])).once().await })
        })
        .collect();
    world.sleep(SECOND * 10).await;
    let before = world.wakes();
    world.sleep(SECOND * 10).await;
    let polls = world.wakes() - before;
    assert_eq!(polls, 1, "only who slept");
    let executed = execute(&world, &peer);
    for sent in sends {
        assert_eq!(sent.ended().await.unwrap().attempts, 1);
    }
    drop(client);
    assert_eq!(executed.ended().await, 10);
}

pub(crate) async fn nobody_is_polled_while_a_session_waits_to_dial_again(world: World) {
    let address = ([10, 0, 0, 1], 9000).into();
    let acceptor = world.bind(address).await.unwrap();
    let peer = listener(&world);
    let (accepting, driven) = (world.clone(), peer.clone());
    let accepted = spawn(&world, async move {
        let (stream, _) = accepting.accept(&acceptor).await.unwrap();
        driven.drive(stream).run().await;
    });
    let mut config = greeter();
    config.redial.base = SECOND * 30;
    let builder = Builder::new(config, world.clone()).seed(1);
    let client = builder.connect(cync_runtime::Address::from(address)).await.unwrap();
    // From now on dialling takes for ever.
    world.network().swallow(address);
    peer.disconnect();
    accepted.ended().await;
    client.reached(State::Disconnected).await;
    rest(&world).await;
    let (started, before) = (world.now(), world.wakes());
    client.reached(State::Connecting).await;
    let waited = world.now().since(started);
    assert!(waited > Duration::ZERO && waited <= SECOND * 30, "{waited:?}");
    rest(&world).await;
    let polls = world.wakes() - before;
    assert_eq!(polls, 4, "whoever dials, twice, and whoever waits for it, and then rests");
}

/// On an executor with one thread, where nothing happens at once.
#[test]
fn an_exchange_costs_an_exact_number_of_polls() {
    crate::runtimes::tokio_current_thread(|world| async move {
        let (client, peer, _) = pair(&world, greeter()).await;
        let _executed = execute(&world, &peer);
        client.send(numbered(&[1])).until(Stage::Executed).await.unwrap();
        rest(&world).await;
        let before = world.wakes();
        for _ in 0..100 {
            client.send(numbered(&[1])).until(Stage::Executed).await.unwrap();
        }
        // Drivers hand over, receive, answer, receive; the reader executes; the sender is told, for which its driver lets it go
        // first, and comes back.
        assert_eq!(world.wakes() - before, 800);
    });
}

#[test]
fn an_idle_hour_costs_an_exact_number_of_polls() {
    crate::runtimes::tokio_current_thread(|world| async move {
        let (client, _peer, _) = pair(&world, greeter()).await;
        rest(&world).await;
        let before = world.wakes();
        world.sleep(HOUR).await;
        assert_eq!((world.wakes() - before, client.stats().heartbeats), (600, 171));
    });
}
