//! Sessions of those who dial in, and the limits of what they may use.

use crate::arrivals::*;
use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::wire::{Endpoint, op};
use cync_core::{Config, ConfigError, Request, Stage, State};
use cync_runtime::testing::pipe;
use cync_runtime::{AdmitError, Builder, ConnectError, End, Hub, Limits};
use smol::future::poll_once;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

pub(crate) async fn a_session_outlives_its_connections(world: World) {
    let hub = open(&world);
    let first = join(&world, &hub, 7).await.unwrap();
    assert!(first.is_new);
    assert_eq!(first.client.state(), State::Ready);
    let reader = first.client.clone();
    let reader = spawn(&world, async move { reader.recv().await });
    let kept = first.client.clone();
    first.leave().await;
    world.sleep(HOUR).await;
    assert_eq!(kept.state(), State::Disconnected);
    assert!(!reader.has_ended(), "it may dial in again");
    let waiting = kept.clone();
    let waiting = spawn(&world, async move { waiting.ready().await });
    rest(&world).await;
    let again = join(&world, &hub, 7).await.unwrap();
    assert!(!again.is_new);
    assert!(waiting.ended().await.is_ok());
    assert_eq!((kept.stats().connections, hub.clients().len()), (2, 1));
    drop(reader);
}

pub(crate) async fn a_command_repeated_on_the_next_connection_is_answered_and_not_delivered_again(
    world: World,
) {
    let hub = open(&world);
    let mut config = greeter();
    config.ride_through = true;
    let device = client(&world, config);
    let mut served = None;
    let mut sent = None;
    for round in 0..3 {
        let (near, far) = pipe(4096);
        let cable = near.cable();
        let driver = drive(&world, &device, near);
        let admitted = hub.greet(far, None).await.unwrap();
        assert_eq!(admitted.is_new, round == 0);
        let hub_client = served.get_or_insert(admitted.client).clone();
        let serving = spawn(&world, admitted.driver.run());
        device.ready().await.unwrap();
        sent.get_or_insert_with(|| {
            device.try_send(Request::frame(op::POWER, &[0; 13]).until(Stage::Executed)).unwrap()
        });
        if round == 0 {
            hub_client.recv().await.unwrap();
        }
        rest(&world).await;
        assert!(hub_client.try_recv().is_none());
        let stats = hub_client.stats();
        assert_eq!((stats.accepted, stats.duplicates), (1, round));
        cable.reset();
        assert!(matches!(driver.ended().await, End::Error(_)));
        assert!(matches!(serving.ended().await, End::Error(_)));
    }
}

pub(crate) async fn a_newer_connection_of_an_endpoint_takes_the_place_of_the_older(world: World) {
    let hub = open(&world);
    let mut older = join(&world, &hub, 7).await.unwrap();
    let other = join(&world, &hub, 8).await.unwrap();
    for _ in 0..50 {
        let newer = join(&world, &hub, 7).await.unwrap();
        assert!(!newer.is_new);
        assert!(matches!(older.driver.ended().await, End::Replaced));
        assert_eq!(older.talk.hear().await, None);
        assert_eq!((hub.connections(), hub.clients().len()), (2, 2));
        older = newer;
    }
    assert!(!other.driver.has_ended());
}

pub(crate) async fn one_connection_too_many_is_turned_away_until_another_goes(world: World) {
    let hub = limited(&world, limits(|limits| limits.connections = 2));
    let first = join(&world, &hub, 1).await.unwrap();
    let _second = join(&world, &hub, 2).await.unwrap();
    let (mut third, refused) = enter(&world, &hub, None);
    let refused = refused.ended().await.unwrap_err();
    assert!(matches!(refused, AdmitError::TooManyConnections { most: 2 }), "{refused:?}");
    assert_eq!(third.hear().await, None);
    assert_eq!((hub.connections(), hub.greeting(), hub.rejected()), (2, 0, 1));
    first.leave().await;
    join(&world, &hub, 3).await.unwrap();
}

pub(crate) async fn one_that_has_not_greeted_makes_room_where_all_connections_are_taken(
    world: World,
) {
    let hub = limited(&world, limits(|limits| limits.connections = 3));
    let first = join(&world, &hub, 1).await.unwrap();
    let (_oldest, made_room) = enter(&world, &hub, None);
    rest(&world).await;
    let _silent = enter(&world, &hub, None);
    rest(&world).await;
    let second = join(&world, &hub, 2).await.unwrap();
    let ended = made_room.ended().await.unwrap_err();
    assert!(matches!(ended, AdmitError::MadeRoom), "{ended:?}");
    rest(&world).await;
    assert_eq!((hub.connections(), hub.greeting()), (3, 1));
    let third = join(&world, &hub, 3).await.unwrap();
    let refused = enter(&world, &hub, None).1.ended().await.unwrap_err();
    assert!(matches!(refused, AdmitError::TooManyConnections { most: 3 }), "{refused:?}");
    assert!([&first, &second, &third].iter().all(|joined| !joined.driver.has_ended()));
    rest(&world).await;
    assert_eq!((hub.connections(), hub.greeting(), hub.rejected()), (3, 0, 3));
}

pub(crate) async fn one_that_made_room_is_not_admitted_with_a_greeting_that_has_come(world: World) {
    let hub = limited(&world, limits(|limits| limits.connections = 1));
    for _ in 0..10 {
        let (near, far) = pipe(4096);
        let mut late = Talk::new(near);
        let greeting = hub.greet(far, None);
        let mut greeting = pin!(greeting);
        assert!(poll_once(&mut greeting).await.is_none());
        late.write(&hello(Endpoint(1))).await;
        let (newer, _waits) = enter(&world, &hub, None);
        rest(&world).await;
        let ended = greeting.await.unwrap_err();
        assert!(matches!(ended, AdmitError::MadeRoom), "{ended:?}");
        drop(newer);
        rest(&world).await;
    }
    assert_eq!((hub.connections(), hub.clients().len()), (0, 0));
}

pub(crate) async fn those_that_made_room_and_are_slow_to_go_are_no_more_than_may_be_there(
    world: World,
) {
    let hub = limited(&world, limits(|limits| limits.connections = 2));
    let mut slow = Vec::new();
    for _ in 0..10 {
        let (near, far) = pipe(64);
        let mut greeting = Box::pin(hub.greet(far, None));
        // Whoever has a place is not polled again.
        if poll_once(&mut greeting).await.is_none() {
            slow.push((greeting, near));
        }
    }
    assert_eq!((slow.len(), hub.connections(), hub.greeting(), hub.rejected()), (4, 4, 2, 6));
    drop(slow);
    assert_eq!((hub.connections(), hub.greeting()), (0, 0));
    join(&world, &hub, 1).await.unwrap();
}

pub(crate) async fn a_flood_from_one_address_pushes_no_greeting_from_another_out(world: World) {
    let hub = open(&world);
    let (mut slow, greeted) = enter(&world, &hub, Some(IpAddr::from([10, 0, 0, 7])));
    let bytes = hello(Endpoint(7));
    slow.write(&bytes[..30]).await;
    rest(&world).await;
    let Limits { greeting, per_address, .. } = hub.limits();
    assert!(greeting <= per_address, "one address alone can fill it");
    let mut flood = VecDeque::new();
    for number in 0..1000 {
        flood.push_back(enter(&world, &hub, Some(IpAddr::from([10, 0, 0, 8]))));
        if number % 100 > 90 {
            flood.pop_front();
        }
        rest(&world).await;
    }
    assert_eq!(hub.greeting(), greeting);
    slow.write(&bytes[30..]).await;
    assert_eq!(greeted.ended().await.unwrap().endpoint, Endpoint(7));
}

pub(crate) async fn whoever_has_an_address_of_ipv6_has_a_network_of_them(world: World) {
    let hub = limited(&world, limits(|limits| limits.per_address = 2));
    let addresses = ["2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8::2"];
    let [first, second, third] = addresses.map(|it| Some(it.parse().unwrap()));
    let _there = [first, second].map(|from| enter(&world, &hub, from));
    rest(&world).await;
    let refused = enter(&world, &hub, third).1.ended().await.unwrap_err();
    assert!(
        matches!(refused, AdmitError::TooManyFromAddress { from, most: 2 } if Some(from) == third),
        "{refused:?}"
    );
    assert_eq!(refused.to_string(), "there are 2 connections from 2001:db8::/64 already");
    // Another network, and addresses of IPv4 as a socket for both kinds gives them, which have nothing in common.
    let others = ["2001:db8:0:1::1", "::ffff:10.0.0.1", "::ffff:10.0.0.2", "::ffff:10.0.0.2"];
    let _others = others.map(|from| enter(&world, &hub, Some(from.parse().unwrap())));
    rest(&world).await;
    let same = Some(IpAddr::from([10, 0, 0, 2]));
    let refused = enter(&world, &hub, same).1.ended().await.unwrap_err();
    assert_eq!(refused.to_string(), "there are 2 connections from 10.0.0.2 already");
    assert_eq!((hub.connections(), hub.rejected()), (6, 2));
}

pub(crate) async fn one_connection_too_many_from_an_address_is_turned_away(world: World) {
    let hub = limited(&world, limits(|limits| limits.per_address = 2));
    let here = Some(IpAddr::from([10, 0, 0, 5]));
    let there = Some(IpAddr::from([10, 0, 0, 6]));
    let (first, gone) = enter(&world, &hub, here);
    let _second = enter(&world, &hub, here);
    rest(&world).await;
    let refused = enter(&world, &hub, here).1.ended().await.unwrap_err();
    assert!(
        matches!(refused, AdmitError::TooManyFromAddress { from, most: 2 } if Some(from) == here),
        "{refused:?}"
    );
    let _others = [enter(&world, &hub, there), enter(&world, &hub, None)];
    drop(first);
    assert!(matches!(gone.ended().await.unwrap_err(), AdmitError::Closed));
    let _again = enter(&world, &hub, here);
    rest(&world).await;
    assert_eq!((hub.connections(), hub.rejected()), (4, 2));
}

pub(crate) async fn the_oldest_that_has_not_greeted_makes_room_for_one_more(world: World) {
    let hub = limited(&world, limits(|limits| limits.greeting = 2));
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(enter(&world, &hub, None));
        rest(&world).await;
    }
    assert_eq!((hub.greeting(), hub.connections(), hub.rejected()), (2, 2, 3));
    let mut last = waiting.split_off(3);
    for (mut talk, made_room) in waiting {
        let ended = made_room.ended().await.unwrap_err();
        assert!(matches!(ended, AdmitError::MadeRoom), "{ended:?}");
        assert_eq!(talk.hear().await, None);
    }
    let (mut talk, greeted) = last.remove(0);
    talk.write(&hello(Endpoint(7))).await;
    let _admitted = greeted.ended().await.unwrap();
    assert_eq!((hub.greeting(), hub.connections()), (1, 2));
}

pub(crate) async fn a_session_makes_room_only_when_nothing_that_it_remembers_matters(world: World) {
    let hub = limited(&world, limits(|limits| limits.sessions = 1));
    let first = join(&world, &hub, 1).await.unwrap();
    world.sleep(HOUR).await;
    let too_many = |refused: AdmitError| {
        assert!(matches!(refused, AdmitError::TooManySessions { most: 1 }), "{refused:?}");
    };
    too_many(join(&world, &hub, 2).await.err().unwrap());
    let client = first.client.clone();
    first.leave().await;
    // As long as it remembers messages, which is 300 s.
    world.sleep(SECOND * 300 - Duration::from_micros(1)).await;
    too_many(join(&world, &hub, 2).await.err().unwrap());
    world.sleep(Duration::from_micros(1)).await;
    assert!(join(&world, &hub, 2).await.unwrap().is_new);
    assert!(hub.client(Endpoint(1)).is_none());
    assert_eq!((client.recv().await, client.state()), (None, State::Disconnected));
    assert!(matches!(client.ready().await, Err(ConnectError::Closed { .. })));
}

pub(crate) async fn a_session_that_was_forgotten_does_not_cost_its_successor_its_place(
    world: World,
) {
    let hub = limited(&world, limits(|limits| limits.sessions = 1));
    let older = join(&world, &hub, 1).await.unwrap();
    hub.forget(Endpoint(1));
    let newer = join(&world, &hub, 1).await.unwrap();
    assert!(newer.is_new);
    older.leave().await;
    world.sleep(SECOND * 301).await;
    let refused = join(&world, &hub, 2).await.err().unwrap();
    assert!(matches!(refused, AdmitError::TooManySessions { most: 1 }), "{refused:?}");
    assert_eq!((newer.driver.has_ended(), newer.client.state()), (false, State::Ready));
    newer.leave().await;
    world.sleep(SECOND * 300).await;
    join(&world, &hub, 2).await.unwrap();
}

pub(crate) async fn what_is_forgotten_is_cut_unless_a_client_is_held(world: World) {
    let hub = open(&world);
    let Joined { client, driver, mut talk, .. } = join(&world, &hub, 1).await.unwrap();
    drop(client);
    rest(&world).await;
    assert!(!driver.has_ended());
    hub.forget(Endpoint(1));
    assert!(matches!(driver.ended().await, End::Cut));
    assert_eq!(talk.hear().await, None);
    let held = join(&world, &hub, 2).await.unwrap();
    hub.forget(Endpoint(2));
    hub.forget(Endpoint(3));
    rest(&world).await;
    assert_eq!((held.driver.has_ended(), held.client.state()), (false, State::Ready));
    let client = held.client.clone();
    held.leave().await;
    assert_eq!(client.recv().await, None);
    assert_eq!((hub.connections(), hub.clients().len()), (0, 0));
}

pub(crate) async fn a_hub_that_is_dropped_cuts_the_sessions_that_nobody_holds(world: World) {
    let hub = open(&world);
    let Joined { client, driver, mut talk, .. } = join(&world, &hub, 1).await.unwrap();
    drop(client);
    let held = join(&world, &hub, 2).await.unwrap();
    let (_waiting, greeting) = enter(&world, &hub, None);
    rest(&world).await;
    drop(hub);
    rest(&world).await;
    assert!(!driver.has_ended(), "somebody greets still");
    greeting.ended().await.unwrap_err();
    assert!(matches!(driver.ended().await, End::Cut));
    assert_eq!(talk.hear().await, None);
    assert_eq!((held.driver.has_ended(), held.client.state()), (false, State::Ready));
    let client = held.client.clone();
    held.leave().await;
    assert_eq!(client.recv().await, None, "there is no hub to dial in to");
    rest(&world).await;
    assert_eq!(world.tasks(), 0);
}

pub(crate) async fn a_session_that_was_closed_keeps_nobody_waiting_and_is_followed_by_a_new_one(
    world: World,
) {
    let hub = open(&world);
    let first = join(&world, &hub, 1).await.unwrap();
    let client = first.client.clone();
    first.leave().await;
    let (reading, watching) = (client.clone(), client.clone());
    let reading = spawn(&world, async move { reading.recv().await });
    let watching = spawn(&world, async move { watching.ready().await });
    rest(&world).await;
    client.close().await;
    assert_eq!(reading.ended().await, None);
    assert!(matches!(watching.ended().await, Err(ConnectError::Closed { .. })));
    assert_eq!(client.recv().await, None);
    assert!(join(&world, &hub, 1).await.unwrap().is_new);
}

pub(crate) async fn sessions_are_made_in_the_shape_that_the_hub_says(world: World) {
    let hub = Hub::builder(world.clone(), |hello| Ok(Config::listener(hello.endpoint)))
        .sessions(Builder::compact)
        .build();
    let refused = join(&world, &hub, 1).await.err().unwrap();
    assert!(matches!(refused, AdmitError::Config(ConfigError::TooFewSlots { slots: 16, .. })));
}

pub(crate) async fn whoever_shapes_a_session_may_ask_the_hub(world: World) {
    let known = Arc::new(OnceLock::<Hub<World>>::new());
    let asked = Arc::clone(&known);
    let hub = Hub::builder(world.clone(), |hello| Ok(Config::listener(hello.endpoint)))
        .sessions(move |builder| {
            let (hub, (told, answer)) = (asked.get().unwrap().clone(), mpsc::channel());
            // From another thread: this one would wait for itself.
            std::thread::spawn(move || told.send((hub.greeting(), hub.clients().len())).unwrap());
            assert_eq!(answer.recv_timeout(SECOND * 10), Ok((1, 0)));
            builder
        })
        .build();
    let hub = known.get_or_init(|| hub);
    assert!(join(&world, hub, 1).await.unwrap().is_new);
}
