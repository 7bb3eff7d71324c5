//! What is told of a session: events, states, counts.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::{Event, MessageId, NotSent, Outcome, Stage, State};
use cync_runtime::metrics::Metrics;
use cync_runtime::testing::pipe;
use cync_runtime::{Builder, Events, Missed};
use smol::future::poll_once;
use std::time::Duration;

/// What was told and is there.
async fn told(events: &mut Events<World>) -> Vec<Event> {
    let mut all = Vec::new();
    while let Some(Some(event)) = poll_once(events.next()).await {
        all.push(event.unwrap());
    }
    all
}

fn of(id: MessageId, events: &[Event]) -> Vec<&'static str> {
    let name = |event: &Event| match event {
        Event::Sent { id: of } if *of == id => Some("sent"),
        Event::Acked { id: of } if *of == id => Some("acked"),
        Event::Executed { id: of } if *of == id => Some("executed"),
        Event::Done { id: of, outcome, .. } if *of == id => {
            assert_eq!(*outcome, Outcome::Reached(Stage::Executed));
            Some("done")
        }
        _ => None,
    };
    events.iter().filter_map(name).collect()
}

pub(crate) async fn the_events_of_a_message_come_in_their_order_to_every_subscriber(world: World) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let (mut first, mut second) = (client.events(), client.events());
    let _executed = execute(&world, &peer);
    let number = [1];
    let sent = client.try_send(numbered(&number).until(Stage::Executed)).unwrap();
    let id = sent.id();
    sent.await.unwrap();
    let mut third = client.events();
    for events in [&mut first, &mut second] {
        assert_eq!(of(id, &told(events).await), ["sent", "acked", "executed", "done"]);
    }
    assert_eq!(told(&mut third).await, [], "from the time of subscribing");
    drop(first);
    client.send(numbered(&number)).await.unwrap();
    let first_of_next = second.next().await.unwrap().unwrap();
    assert!(matches!(first_of_next, Event::Sent { .. }), "{first_of_next:?}");
}

pub(crate) async fn a_subscriber_that_is_slow_is_told_how_many_events_it_missed(world: World) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let mut events = client.events();
    let reader = spawn(&world, async move { while peer.recv().await.is_some() {} });
    let mut last = None;
    for _ in 0..100 {
        let sent = client.try_send(numbered(&[1])).unwrap();
        last = Some(sent.id());
        sent.await.unwrap();
    }
    // Sent, acked and done, of each; 256 are kept.
    assert_eq!(events.next().await, Some(Err(Missed(44))));
    let kept = told(&mut events).await;
    assert_eq!(kept.len(), 256);
    assert!(matches!(kept.last(), Some(Event::Done { id, .. }) if Some(*id) == last));
    client.send(numbered(&[1])).await.unwrap();
    assert_eq!(told(&mut events).await.len(), 3);
    drop((client, events));
    reader.ended().await;
}

pub(crate) async fn a_subscriber_is_told_of_an_end_at_its_time_though_nobody_drives(world: World) {
    let mut config = greeter();
    config.ride_through = true;
    let client = client(&world, config);
    let mut events = client.events();
    let telling = world.clone();
    let told = spawn(&world, async move {
        let mut ends = Vec::new();
        while ends.len() < 2 {
            if let Event::Done { id, outcome, .. } = events.next().await.unwrap().unwrap() {
                ends.push((id, outcome, elapsed(&telling)));
            }
        }
        ends
    });
    rest(&world).await;
    // Whoever sends them does not wait. The time of the second comes first.
    let later = client.try_send(numbered(&[1]).deadline(SECOND * 9)).unwrap().id();
    rest(&world).await;
    let sooner = client.try_send(numbered(&[2]).deadline(SECOND * 3)).unwrap().id();
    let late = Outcome::NotSent(NotSent::Deadline);
    let microsecond = Duration::from_micros(1);
    assert_eq!(
        told.ended().await,
        [(sooner, late, SECOND * 3 + microsecond * 2), (later, late, SECOND * 9 + microsecond)]
    );
}

pub(crate) async fn what_is_over_is_counted_as_such_though_nobody_drives(world: World) {
    let mut config = greeter();
    config.ride_through = true;
    let metrics = Metrics::default();
    let builder = Builder::new(config, world.clone()).seed(1).metrics(&metrics, "lamp");
    let client = builder.build().unwrap();
    let gauge = |value| format!("tcp_comm_send_queue_size{{device_id=\"lamp\"}} {value}\n");
    for round in 1..=2_u8 {
        drop(client.try_send(numbered(&[round]).deadline(SECOND)).unwrap());
        assert_eq!(client.queued(), 1);
        assert!(metrics.encode().contains(&gauge(1)));
        world.sleep(SECOND).await;
        if round == 1 {
            assert_eq!((client.queued(), client.stats().not_sent.timeout), (0, 1));
        } else {
            assert!(metrics.encode().contains(&gauge(0)));
        }
    }
    assert_eq!(client.stats().not_sent.timeout, 2);
}

pub(crate) async fn the_stream_of_events_ends_with_the_session(world: World) {
    let (client, _peer, drivers) = pair(&world, greeter()).await;
    let mut events = client.events();
    let watching = spawn(&world, async move {
        let mut states = Vec::new();
        while let Some(event) = events.next().await {
            if let Event::StateChanged(state) = event.unwrap() {
                states.push(state);
            }
        }
        (states, events.next().await)
    });
    rest(&world).await;
    client.close().await;
    let (states, after) = watching.ended().await;
    assert_eq!((states, after), (vec![State::Draining, State::Closed], None));
    for driver in drivers {
        driver.ended().await;
    }
    assert_eq!(client.events().next().await, None);
}

pub(crate) async fn the_states_of_a_session_are_told_from_the_present_one_to_its_end(world: World) {
    let client = client(&world, greeter());
    let mut states = client.states();
    assert_eq!(states.next().await, Some(State::Disconnected));
    for _ in 0..2 {
        assert!(poll_once(states.next()).await.is_none());
        let (near, far) = pipe(4096);
        let driver = drive(&world, &client, near);
        assert_eq!(states.next().await, Some(State::Greeting));
        let talk = Talk::greeted(far).await;
        assert_eq!(states.next().await, Some(State::Ready));
        drop(talk);
        driver.ended().await;
        assert_eq!(states.next().await, Some(State::Disconnected));
    }
    client.close().await;
    assert_eq!((states.next().await, states.next().await), (Some(State::Closed), None));
}

pub(crate) async fn what_is_counted_agrees_at_both_ends(world: World) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let executed = execute(&world, &peer);
    for number in 0..50 {
        client.send(numbered(&[number])).until(Stage::Executed).await.unwrap();
    }
    rest(&world).await;
    let (near, far) = (client.stats(), peer.stats());
    assert_eq!((near.packets_sent, near.packets_received), (51, 101));
    assert_eq!((far.packets_received, far.packets_sent), (51, 101));
    assert_eq!((near.messages_sent, near.reached, near.acks.ok), (50, 50, 100));
    assert_eq!((far.accepted, far.duplicates), (50, 0));
    assert_eq!((near.attempts[0], near.retransmissions.total()), (50, 0));
    drop(client);
    assert_eq!(executed.ended().await, 50);
}
