//! Greetings of those who dial in.

use crate::arrivals::*;
use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::wire::{Endpoint, PacketType, StatusCode};
use cync_core::{Config, ConfigError, GreetError, State};
use cync_runtime::testing::pipe;
use cync_runtime::{AdmitError, Admitted, Driver, End, Hub};
use std::time::Duration;

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

pub(crate) async fn a_greeting_was_refused_whether_or_not_its_peer_waits_to_be_told(world: World) {
    let hub = Hub::builder(world.clone(), |_| Err(StatusCode(0x21))).build();
    let was_refused = |greeted: Greeted| {
        let ended = greeted.unwrap_err();
        assert!(matches!(ended, AdmitError::Refused(StatusCode(0x21))), "{ended:?}");
    };
    let (mut gone, greeted) = enter(&world, &hub, None);
    gone.write(&hello(Endpoint(7))).await;
    drop(gone);
    was_refused(greeted.ended().await);
    assert_eq!(elapsed(&world), Duration::ZERO);
    // One that does not read has the time of its greeting.
    let (near, far) = pipe(3);
    let (mut deaf, asked) = (Talk::new(near), hub.clone());
    let greeted = spawn(&world, async move { asked.greet(far, None).await });
    deaf.write(&hello(Endpoint(7))).await;
    was_refused(greeted.ended().await);
    assert_eq!((elapsed(&world), hub.connections(), hub.rejected()), (SECOND * 5, 0, 2));
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
