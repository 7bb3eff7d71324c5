//! Sessions of those who dial in, and the limits of what they may use.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::wire::{Endpoint, PacketType, StatusCode, op};
use cync_core::{Config, ConfigError, GreetError, Hello, Request, Stage, State};
use cync_runtime::testing::{Pipe, pipe};
use cync_runtime::{AdmitError, Admitted, Builder, ConnectError, Driver, End, Hub, Limits};
use std::net::IpAddr;
use std::time::Duration;

fn open(world: &World) -> Hub<World> {
    limited(world, Limits::default())
}

fn limited(world: &World, limits: Limits) -> Hub<World> {
    let admit = |hello: &Hello<'_>| {
        let mut config = Config::listener(hello.endpoint);
        config.silence = 24 * HOUR;
        Ok(config)
    };
    Hub::builder(world.clone(), admit).limits(limits).build()
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

type Greeted = Result<Admitted<Pipe, World>, AdmitError>;

/// A connection that has not greeted, and what comes of it.
fn enter(world: &World, hub: &Hub<World>, from: Option<IpAddr>) -> (Talk, Handle<Greeted>) {
    let (near, far) = pipe(4096);
    let hub = hub.clone();
    (Talk::new(near), spawn(world, async move { hub.greet(far, from).await }))
}

/// A connection of this endpoint that greeted.
async fn join(world: &World, hub: &Hub<World>, endpoint: u32) -> Result<Joined, AdmitError> {
    let (mut talk, greeted) = enter(world, hub, None);
    talk.write(&hello(Endpoint(endpoint))).await;
    let Admitted { client, is_new, driver, .. } = greeted.ended().await?;
    let driver = spawn(world, driver.run());
    assert_eq!(talk.hear().await.unwrap(), [0x28, 0, 0, 0, 2, 0, 0]);
    Ok(Joined { talk, client, is_new, driver })
}

struct Joined {
    talk: Talk,
    client: Client,
    is_new: bool,
    driver: Handle<End>,
}

impl Joined {
    /// The peer goes, and no client is held.
    async fn leave(self) {
        drop(self.talk);
        self.driver.ended().await;
    }
}

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
    let (_second, _greeting) = enter(&world, &hub, None);
    rest(&world).await;
    let (mut third, refused) = enter(&world, &hub, None);
    let refused = refused.ended().await.unwrap_err();
    assert!(matches!(refused, AdmitError::TooManyConnections { most: 2 }), "{refused:?}");
    assert_eq!(third.hear().await, None);
    assert_eq!((hub.connections(), hub.greeting(), hub.rejected()), (2, 1, 1));
    first.leave().await;
    join(&world, &hub, 3).await.unwrap();
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

pub(crate) async fn a_greeting_has_exactly_its_time_and_may_come_byte_by_byte(world: World) {
    let hub = open(&world);
    let (_silent, greeted) = enter(&world, &hub, None);
    let ended = greeted.ended().await.unwrap_err();
    assert!(matches!(ended, AdmitError::Greeting(GreetError::Timeout)), "{ended:?}");
    assert_eq!(elapsed(&world), SECOND * 5);
    // 31 bytes, one every 160 ms: the last one comes after 4.8 s.
    let (mut slow, greeted) = enter(&world, &hub, None);
    let bytes = hello(Endpoint(7));
    for byte in &bytes {
        slow.write(&[*byte]).await;
        world.sleep(Duration::from_millis(160)).await;
    }
    assert_eq!(greeted.ended().await.unwrap().endpoint, Endpoint(7));
    // And one that would be whole when its time is over is not.
    let (mut late, greeted) = enter(&world, &hub, None);
    let (head, tail) = bytes.split_at(30);
    late.write(head).await;
    world.sleep(SECOND * 5).await;
    let ended = greeted.ended().await.unwrap_err();
    assert!(matches!(ended, AdmitError::Greeting(GreetError::Timeout)), "{ended:?}");
    assert_eq!((tail.len(), late.hear().await), (1, None));
}

pub(crate) async fn a_refused_greeting_is_answered_in_its_own_kind(world: World) {
    let hub = Hub::builder(world.clone(), |hello| match hello.endpoint {
        Endpoint(1) => Err(StatusCode::OK),
        _ => Err(StatusCode(0x21)),
    });
    let hub = hub.build();
    for (endpoint, kind, status) in [(1, 0x28, 1), (2, 0x28, 0x21), (2, 0x18, 0x21)] {
        let (mut talk, greeted) = enter(&world, &hub, None);
        let mut greeting = hello(Endpoint(endpoint));
        if kind == 0x18 {
            greeting[0] = PacketType::AppLogin.byte();
        }
        talk.write(&greeting).await;
        let refused = greeted.ended().await.unwrap_err();
        assert!(matches!(refused, AdmitError::Refused(StatusCode(it)) if it == status));
        assert_eq!(talk.hear().await.unwrap(), [kind, 0, 0, 0, 2, status, 0]);
        assert_eq!(talk.hear().await, None);
    }
    assert_eq!((hub.connections(), hub.clients().len(), hub.rejected()), (0, 0, 3));
}

pub(crate) async fn a_device_is_told_with_which_status_it_was_refused(world: World) {
    let hub = Hub::builder(world.clone(), |_| Err(StatusCode(0x21))).build();
    let device = client(&world, greeter());
    let (near, far) = pipe(4096);
    let driver = drive(&world, &device, near);
    hub.greet(far, None).await.unwrap_err();
    let refused = cync_core::HangupReason::Refused(StatusCode(0x21));
    assert!(matches!(driver.ended().await, End::Hangup(why) if why == refused));
}

pub(crate) async fn a_session_is_ready_when_its_connection_is_admitted_and_shows_no_code(
    world: World,
) {
    let hub = open(&world);
    let (mut talk, greeted) = enter(&world, &hub, None);
    talk.write(&hello(Endpoint(7))).await;
    let admitted = greeted.ended().await.unwrap();
    assert_eq!(admitted.client.state(), State::Ready);
    admitted.client.try_send(numbered(b"1")).unwrap();
    let code = format!("{:?}", b"0123456789abcdef").replace(['[', ']'], "");
    assert!(!format!("{admitted:?}").contains(&code));
    let _driver = spawn(&world, admitted.driver.run());
    assert_eq!(talk.hear().await.unwrap()[0], 0x28);
    assert_eq!(talk.hear_message().await.number, Some(b'1'));
}

pub(crate) async fn what_came_with_the_greeting_is_not_lost(world: World) {
    let hub = open(&world);
    let (mut talk, greeted) = enter(&world, &hub, None);
    let mut bytes = hello(Endpoint(7));
    for _ in 0..3 {
        bytes.extend_from_slice(HEARTBEAT);
    }
    bytes.extend_from_slice(&HEARTBEAT[..2]);
    talk.write(&bytes).await;
    let Admitted { client, driver, .. } = greeted.ended().await.unwrap();
    let _driver = spawn(&world, driver.run());
    talk.write(&HEARTBEAT[2..]).await;
    assert_eq!(talk.hear().await.unwrap()[0], 0x28);
    rest(&world).await;
    assert_eq!(client.stats().packets_received, 5);
    assert_eq!(client.stats().framing_errors, 0);
}

pub(crate) async fn whatever_is_no_greeting_is_turned_away_at_once(world: World) {
    let hub = open(&world);
    for garbage in
        [b"GET / HTTP/1.1\r\n\r\n".as_slice(), HEARTBEAT, &[0x23, 0xff, 0xff, 0xff, 0xff]]
    {
        let (mut talk, greeted) = enter(&world, &hub, None);
        talk.write(garbage).await;
        let ended = greeted.ended().await.unwrap_err();
        assert!(matches!(ended, AdmitError::Greeting(_)), "{ended:?}");
        assert_eq!(talk.hear().await, None);
    }
    let (talk, greeted) = enter(&world, &hub, None);
    talk.cable().reset();
    assert!(matches!(greeted.ended().await.unwrap_err(), AdmitError::Io(_)));
    assert_eq!((hub.connections(), hub.rejected()), (0, 4));
    assert_eq!(elapsed(&world), Duration::ZERO);
}

pub(crate) async fn a_configuration_that_breaks_a_rule_costs_its_connection_only(world: World) {
    let hub = Hub::builder(world.clone(), |hello| {
        let mut config = Config::listener(hello.endpoint);
        config.window = u16::from(hello.endpoint != Endpoint(1));
        Ok(config)
    });
    let hub = hub.build();
    let refused = join(&world, &hub, 1).await.err().unwrap();
    let broken = ConfigError::Zero { field: "window" };
    assert!(matches!(&refused, AdmitError::Config(rule) if *rule == broken), "{refused:?}");
    join(&world, &hub, 2).await.unwrap();
}

pub(crate) async fn a_greeting_that_is_dropped_gives_its_place_up(world: World) {
    let hub = open(&world);
    let (near, far) = pipe(64);
    let greeting = hub.clone();
    let greeting = Killable::spawn(&world, async move { greeting.greet(far, None).await });
    rest(&world).await;
    assert_eq!((hub.connections(), hub.greeting()), (1, 1));
    greeting.kill();
    assert_eq!((hub.connections(), hub.greeting()), (0, 0));
    assert_eq!(Talk::new(near).hear().await, None);
    // And so does a driver that is not run.
    let (mut talk, greeted) = enter(&world, &hub, None);
    talk.write(&hello(Endpoint(7))).await;
    let Admitted { driver, client, .. } = greeted.ended().await.unwrap();
    assert_eq!(hub.connections(), 1);
    drop::<Driver<_, _>>(driver);
    assert_eq!((hub.connections(), client.state()), (0, State::Disconnected));
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
