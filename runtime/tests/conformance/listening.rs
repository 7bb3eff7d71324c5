//! A socket that devices dial.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::wire::{Endpoint, op};
use cync_core::{AuthCode, Config, Hello, Request, Stage, State};
use cync_runtime::testing::Pipe;
use cync_runtime::{Builder, Hub, Limits, Listener, Runtime as _};
use std::collections::BTreeSet;
use std::future::Future;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

fn hub(world: &World) -> Hub<World> {
    Hub::builder(world.clone(), |hello| Ok(Config::listener(hello.endpoint))).build()
}

async fn listen(world: &World) -> Listener<World> {
    Listener::with_hub(world.clone(), HOME, hub(world)).await.unwrap()
}

fn device(number: u32) -> Config {
    let auth = AuthCode::new(b"0123456789abcdef").unwrap();
    Config::greeter(Endpoint(number), auth)
}

/// A connection that greets as this endpoint.
async fn greet(world: &World, number: u32) -> Talk {
    let mut talk = Talk::new(world.dial(HOME).await.unwrap());
    talk.write(&hello(Endpoint(number))).await;
    talk
}

pub(crate) async fn a_hundred_devices_are_commanded_at_once(world: World) {
    // As many may greet at once: the oldest of more would have to go, and to dial again.
    let mut limits = Limits::default();
    limits.greeting = 100;
    let admit = |hello: &Hello<'_>| Ok(Config::listener(hello.endpoint));
    let hub = Hub::builder(world.clone(), admit).limits(limits).build();
    let listener = Listener::with_hub(world.clone(), HOME, hub).await.unwrap();
    let devices: Vec<_> = (1..=100_u32)
        .map(|number| {
            let [.., host] = number.to_be_bytes();
            let world = world.at([10, 0, 1, host]);
            spawn(&world.clone(), async move {
                let device =
                    Builder::new(device(number), world.clone()).connect(HOME).await.unwrap();
                execute(&world, &device).ended().await
            })
        })
        .collect();
    let mut peers = BTreeSet::new();
    let mut commanded = Vec::new();
    for _ in 0..100 {
        let accepted = listener.accept().await;
        assert!(accepted.is_new);
        peers.insert((accepted.peer.ip(), accepted.endpoint));
        commanded.push(spawn(&world, async move {
            for _ in 0..10 {
                let power = Request::frame(op::POWER, &[0; 13]).until(Stage::Executed);
                assert_eq!(accepted.client.send(power).await.unwrap().attempts, 1);
            }
        }));
    }
    for commanded in commanded {
        commanded.ended().await;
    }
    assert_eq!((peers.len(), listener.hub().connections()), (100, 100));
    assert_eq!(elapsed(&world), Duration::ZERO);
    drop(listener);
    for device in devices {
        assert!(!device.has_ended(), "it dials again, in vain");
    }
    rest(&world).await;
    assert_eq!(world.network().links(HOME).len(), 0);
}

pub(crate) async fn who_greets_while_nobody_accepts_waits_and_is_not_lost(world: World) {
    let listener = listen(&world).await;
    let mut talks = Vec::new();
    for number in 0..150 {
        let from = world.at([10, 0, 2, u8::try_from(number).unwrap()]);
        talks.push(greet(&from, number).await);
        rest(&world).await;
    }
    assert_eq!(listener.hub().connections(), 150);
    for number in 0..150 {
        assert_eq!(listener.accept().await.endpoint, Endpoint(number), "in the order of coming");
    }
    drop(talks);
}

pub(crate) async fn an_endpoint_that_dials_again_before_it_is_accepted_is_told_once(world: World) {
    let listener = listen(&world).await;
    for _ in 0..1000 {
        let _talk = greet(&world, 1).await;
        rest(&world).await;
    }
    let _other = greet(&world, 2).await;
    let accepted = listener.accept().await;
    assert_eq!((accepted.endpoint, accepted.is_new), (Endpoint(1), true));
    assert_eq!(listener.accept().await.endpoint, Endpoint(2));
    let _again = greet(&world, 1).await;
    assert!(!listener.accept().await.is_new);
    rest(&world).await;
    assert_eq!((listener.hub().connections(), world.tasks()), (2, 1 + 2));
}

pub(crate) async fn those_who_accept_have_their_turns_and_one_that_is_dropped_loses_nothing(
    world: World,
) {
    let listener = std::sync::Arc::new(listen(&world).await);
    let accept = || {
        let listener = listener.clone();
        spawn(&world, async move { listener.accept().await.endpoint.0 })
    };
    for round in 0..20 {
        // It is woken and does not take its turn.
        let mut dropped = Box::pin(listener.accept());
        assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let first = accept();
        rest(&world).await;
        let second = accept();
        rest(&world).await;
        let [one, two] = [round * 2, round * 2 + 1];
        let _one = greet(&world, one).await;
        rest(&world).await;
        assert!(!first.has_ended());
        drop(dropped);
        assert_eq!(first.ended().await, one);
        let _two = greet(&world, two).await;
        assert_eq!(second.ended().await, two);
    }
}

pub(crate) async fn a_listener_that_is_dropped_stops_listening_and_cuts_nothing(world: World) {
    let listener = listen(&world).await;
    let hub = listener.hub().clone();
    let mut ready = greet(&world, 1).await;
    let mut greeting = Talk::new(world.dial(HOME).await.unwrap());
    let bytes = hello(Endpoint(2));
    greeting.write(&bytes[..9]).await;
    rest(&world).await;
    drop(listener);
    rest(&world).await;
    assert_eq!(
        world.dial(HOME).await.err().map(|it| it.kind()),
        Some(ErrorKind::ConnectionRefused)
    );
    greeting.write(&bytes[9..]).await;
    for talk in [&mut ready, &mut greeting] {
        assert_eq!(talk.hear().await.unwrap()[0], 0x28);
    }
    rest(&world).await;
    assert_eq!((hub.connections(), world.tasks()), (2, 2));
    for number in [1, 2] {
        assert_eq!(hub.client(Endpoint(number)).unwrap().state(), State::Ready);
    }
    // The same address can be listened at again, with the same sessions.
    let listener = Listener::with_hub(world.clone(), HOME, hub.clone()).await.unwrap();
    let _again = greet(&world, 1).await;
    assert!(!listener.accept().await.is_new);
    assert_eq!(ready.hear().await, None);
    drop((listener, hub));
    assert_eq!(greeting.hear().await, None, "nobody is left who holds its session");
    rest(&world).await;
    assert_eq!(world.tasks(), 0);
}

pub(crate) async fn nobody_holds_what_greets_after_its_listener_is_gone(world: World) {
    let listener = listen(&world).await;
    let hub = listener.hub().clone();
    let _silent = world.dial(HOME).await.unwrap();
    let mut late = Talk::new(world.dial(HOME).await.unwrap());
    rest(&world).await;
    drop(listener);
    late.write(&hello(Endpoint(2))).await;
    assert_eq!(late.hear().await.unwrap()[0], 0x28);
    let before = elapsed(&world);
    hub.forget(Endpoint(2));
    assert_eq!(late.hear().await, None);
    assert_eq!(elapsed(&world), before);
}

pub(crate) async fn what_is_forgotten_before_anybody_accepts_it_is_cut_and_never_told(
    world: World,
) {
    let listener = listen(&world).await;
    let mut forgotten = greet(&world, 1).await;
    assert_eq!(forgotten.hear().await.unwrap()[0], 0x28);
    listener.hub().forget(Endpoint(1));
    assert_eq!((forgotten.hear().await, elapsed(&world)), (None, Duration::ZERO));
    rest(&world).await;
    assert_eq!(listener.hub().connections(), 0);
    let _kept = greet(&world, 2).await;
    let accepted = listener.accept().await;
    assert_eq!((accepted.endpoint, accepted.is_new), (Endpoint(2), true));
}

pub(crate) async fn an_address_that_is_taken_or_unknown_cannot_be_listened_at(world: World) {
    let listener = listen(&world).await;
    assert_eq!(listener.local_addr(), HOME);
    let taken = Listener::with_hub(world.clone(), HOME, hub(&world)).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    let unknown = Listener::with_hub(world.clone(), "nowhere:1", hub(&world)).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    world.network().name("free.local:0", [([10, 0, 0, 1], 0)]);
    let free = Listener::with_hub(world.clone(), "free.local:0", hub(&world)).await.unwrap();
    assert_eq!(free.local_addr().ip(), HOME.ip());
    assert_ne!(free.local_addr().port(), 0);
    drop((listener, free));
    rest(&world).await;
    assert_eq!(world.tasks(), 0);
}

pub(crate) async fn what_a_connection_is_wrapped_in_counts_towards_its_greeting(world: World) {
    let clock = world.clone();
    let wrap = move |stream: Pipe| {
        let clock = clock.clone();
        async move {
            clock.sleep(SECOND * 2).await;
            Ok(stream)
        }
    };
    let listener = Listener::wrapped(world.clone(), HOME, hub(&world), wrap).await.unwrap();
    let _quick = greet(&world, 1).await;
    let slow = world.dial(HOME).await.unwrap();
    assert_eq!(listener.accept().await.endpoint, Endpoint(1));
    assert_eq!(elapsed(&world), SECOND * 2);
    assert_eq!(ended(&world, Talk::new(slow)).await, SECOND * 5);
    rest(&world).await;
    assert_eq!(listener.hub().rejected(), 1);
}

pub(crate) async fn a_wrap_that_never_ends_or_fails_costs_its_connection_only(world: World) {
    let count = AtomicU32::new(0);
    let wrap = move |stream: Pipe| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move {
            match number {
                0 => std::future::pending().await,
                1 => Err(ErrorKind::InvalidData.into()),
                _ => Ok(stream),
            }
        }
    };
    let listener = Listener::wrapped(world.clone(), HOME, hub(&world), wrap).await.unwrap();
    let never = Talk::new(world.dial(HOME).await.unwrap());
    rest(&world).await;
    let fails = Talk::new(world.dial(HOME).await.unwrap());
    rest(&world).await;
    let _fine = greet(&world, 1).await;
    assert_eq!(listener.accept().await.endpoint, Endpoint(1));
    assert_eq!(ended(&world, fails).await, Duration::from_micros(2), "the two that passed");
    assert_eq!(ended(&world, never).await, SECOND * 5);
    rest(&world).await;
    assert_eq!((listener.hub().rejected(), listener.hub().connections()), (2, 1));
}

pub(crate) async fn ten_thousand_connections_that_say_nothing_keep_no_device_out(world: World) {
    let listener = listen(&world).await;
    let Limits { greeting, per_address, .. } = Limits::default();
    let mut silent = Vec::new();
    for number in 0..10_000_u32 {
        let [.., high, low] = number.to_be_bytes();
        silent.push(world.at([10, 1, high, low]).dial(HOME).await.unwrap());
        if number % 1000 == 999 {
            rest(&world).await;
            assert_eq!((listener.hub().greeting(), world.tasks()), (greeting, 1 + greeting));
        }
    }
    let _device = greet(&world, 1).await;
    assert_eq!(listener.accept().await.endpoint, Endpoint(1));
    assert!(elapsed(&world) < SECOND);
    drop(silent);
    world.sleep(SECOND * 10).await;
    // From one address there are no more than may be, whatever they do.
    let silent: Vec<_> = {
        let mut silent = Vec::new();
        for _ in 0..1000 {
            silent.push(world.dial(HOME).await.unwrap());
        }
        silent
    };
    rest(&world).await;
    assert_eq!(listener.hub().connections(), per_address);
    drop(silent);
}
