//! First connections: how they come about, and how they are given up.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::wire::StatusCode;
use cync_core::{Config, ConfigError, HandshakeError, HangupReason, State};
use cync_runtime::{Builder, ConnectError, DialStage, LastFailure, Runtime as _};
use std::error::Error;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// One attempt to connect.
fn once() -> Config {
    let mut config = greeter();
    config.redial.first_attempts = 1;
    config
}

/// What a first connection was given up for, of all attempts and last. Nothing is left of it.
async fn given_up(
    world: &World,
    config: Config,
    to: &str,
) -> (cync_core::ConnectError, LastFailure) {
    let refused = Builder::new(config, world.clone()).seed(1).connect(to).await;
    let Err(ConnectError::GaveUp { address, why, last }) = refused else {
        panic!("it ended otherwise: {refused:?}");
    };
    assert_eq!(address.map(|address| address.to_string()).as_deref(), Some(to));
    rest(world).await;
    assert_eq!((world.tasks(), world.network().links(HOME).len()), (0, 0));
    (why, last.unwrap())
}

fn dial_failure(failure: &LastFailure) -> (DialStage, ErrorKind) {
    let LastFailure::Dial(error) = failure else { panic!("{failure:?}") };
    (error.stage, error.source.kind())
}

/// The kind of the operating system's error among the sources of this one.
fn io_kind(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    match error.downcast_ref::<io::Error>() {
        Some(error) => Some(error.kind()),
        None => error.source().and_then(io_kind),
    }
}

const GREETING_FAILED: cync_core::ConnectError =
    cync_core::ConnectError::Handshake(HandshakeError::InvalidResponse);
const MICRO: Duration = Duration::from_micros(1);

pub(crate) async fn a_first_connection_that_is_refused_three_times_is_given_up(world: World) {
    let (why, last) = given_up(&world, greeter(), "10.0.0.1:9000").await;
    assert_eq!(why, cync_core::ConnectError::Unreachable);
    assert_eq!(dial_failure(&last), (DialStage::Connect, ErrorKind::ConnectionRefused));
    let waits = Duration::from_millis(250 + 500);
    assert!((MICRO * 3..=waits).contains(&elapsed(&world)), "{:?}", elapsed(&world));
}

pub(crate) async fn what_a_connection_was_given_up_for_is_found_among_the_sources(world: World) {
    let refused = Builder::new(once(), world.clone()).connect(HOME).await.unwrap_err();
    assert_eq!(io_kind(&refused), Some(ErrorKind::ConnectionRefused));
    let acceptor = world.bind(HOME).await.unwrap();
    let connecting = spawn(&world, Builder::new(once(), world.clone()).connect(HOME));
    let (stream, _) = world.accept(&acceptor).await.unwrap();
    stream.cable().reset();
    assert_eq!(io_kind(&connecting.ended().await.unwrap_err()), Some(ErrorKind::ConnectionReset));
}

pub(crate) async fn a_name_that_nobody_has_is_told_as_such(world: World) {
    let (why, last) = given_up(&world, once(), "nowhere.local:9000").await;
    assert_eq!(why, cync_core::ConnectError::Unreachable);
    assert_eq!(dial_failure(&last), (DialStage::Resolve, ErrorKind::NotFound));
    assert_eq!(elapsed(&world), MICRO);
    let none: [std::net::SocketAddr; 0] = [];
    world.network().name("empty.local:9000", none);
    let (_, last) = given_up(&world, once(), "empty.local:9000").await;
    assert_eq!(dial_failure(&last), (DialStage::Resolve, ErrorKind::NotFound));
}

pub(crate) async fn an_attempt_that_nobody_answers_takes_exactly_the_connect_timeout(world: World) {
    world.network().swallow(HOME);
    let (why, last) = given_up(&world, once(), "10.0.0.1:9000").await;
    assert_eq!(why, cync_core::ConnectError::Unreachable);
    assert_eq!(dial_failure(&last), (DialStage::Connect, ErrorKind::TimedOut));
    assert_eq!(elapsed(&world), SECOND * 5 + MICRO);
    let patient = Builder::new(once(), world.clone()).connect_timeout(SECOND * 70);
    patient.connect(HOME).await.unwrap_err();
    assert_eq!(elapsed(&world), SECOND * 75 + MICRO);
}

pub(crate) async fn all_addresses_of_a_name_share_one_connect_timeout(world: World) {
    let addrs = [1, 2, 3, 4].map(|last| ([10, 0, 0, last], 9000).into());
    addrs.into_iter().for_each(|addr| world.network().swallow(addr));
    world.network().name("slow.local:9000", addrs);
    given_up(&world, once(), "slow.local:9000").await;
    assert_eq!(elapsed(&world), SECOND * 5 + MICRO);
}

pub(crate) async fn an_address_that_does_not_answer_leaves_time_for_the_next(world: World) {
    let acceptor = world.bind(HOME).await.unwrap();
    let deaf = ([10, 0, 0, 9], 9000).into();
    world.network().swallow(deaf);
    world.network().name("lamp.local:9000", [deaf, HOME]);
    let accepting = world.clone();
    let peer = spawn(&world, async move { accept(&accepting, &acceptor).await });
    let client = Builder::new(once(), world.clone()).connect("lamp.local:9000").await.unwrap();
    assert_eq!((client.state(), elapsed(&world)), (State::Ready, SECOND * 5 / 2));
    drop(peer.ended().await);
}

pub(crate) async fn the_first_address_of_a_name_that_answers_is_taken(world: World) {
    let acceptor = world.bind(HOME).await.unwrap();
    world.network().name("lamp.local:9000", [([10, 0, 0, 9], 9000).into(), HOME]);
    let accepting = world.clone();
    let peer = spawn(&world, async move { accept(&accepting, &acceptor).await });
    let client = Builder::new(once(), world.clone()).connect("lamp.local:9000").await.unwrap();
    assert_eq!((client.state(), elapsed(&world)), (State::Ready, Duration::ZERO));
    assert_eq!(client.stats().dials, 1);
    drop(peer.ended().await);
}

/// Does something with the only connection there is, and gives up.
async fn after<F: Future<Output = Option<Talk>> + Send + 'static>(
    world: &World,
    act: impl Fn(Talk) -> F + Send + 'static,
) -> (cync_core::ConnectError, LastFailure) {
    let acceptor = world.bind(HOME).await.unwrap();
    let accepting = world.clone();
    world.spawn(async move {
        let (stream, _) = accepting.accept(&acceptor).await.unwrap();
        drop(acceptor);
        if let Some(peer) = act(Talk::new(stream)).await {
            ended(&accepting, peer).await;
        }
    });
    given_up(world, once(), "10.0.0.1:9000").await
}

pub(crate) async fn a_peer_that_never_greets_is_given_exactly_the_greeting_timeout(world: World) {
    let (why, last) = after(&world, |peer| async { Some(peer) }).await;
    assert_eq!(why, GREETING_FAILED);
    assert!(matches!(last, LastFailure::Hangup(HangupReason::GreetingTimeout)), "{last:?}");
    assert_eq!(elapsed(&world), SECOND * 5 + MICRO);
}

pub(crate) async fn a_peer_of_another_protocol_is_told_apart_at_once(world: World) {
    let (why, last) = after(&world, |mut peer| async move {
        peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        Some(peer)
    })
    .await;
    assert_eq!(why, GREETING_FAILED);
    let http = u32::from_be_bytes(*b"TTP/");
    assert!(
        matches!(last, LastFailure::Hangup(HangupReason::NotThisProtocol(b'H', len)) if len == http),
        "{last:?}"
    );
    assert_eq!(elapsed(&world), MICRO);
}

pub(crate) async fn a_greeting_that_is_refused_is_told_with_its_status(world: World) {
    let (why, last) = after(&world, |mut peer| async move {
        peer.hear().await.unwrap();
        answer_greeting(&mut peer, StatusCode(0x21)).await;
        Some(peer)
    })
    .await;
    assert_eq!(why, GREETING_FAILED);
    let LastFailure::Hangup(HangupReason::Refused(status)) = last else { panic!("{last:?}") };
    assert_eq!((status, elapsed(&world)), (StatusCode(0x21), MICRO));
}

pub(crate) async fn a_peer_that_hangs_up_at_once_is_told_apart_from_one_that_fails(world: World) {
    let (why, last) = after(&world, |_| async { None }).await;
    assert_eq!(why, GREETING_FAILED);
    // It may be gone before the greeting is written.
    assert!(matches!(last, LastFailure::Peer | LastFailure::Connection(_)), "{last:?}");
    let (_, last) = after(&world, |mut peer| async move {
        peer.hear().await.unwrap();
        None
    })
    .await;
    assert!(matches!(last, LastFailure::Peer), "{last:?}");
    let (why, last) = after(&world, |mut peer| async move {
        peer.hear().await.unwrap();
        peer.cable().reset();
        None
    })
    .await;
    assert_eq!(why, GREETING_FAILED);
    let LastFailure::Connection(error) = last else { panic!("{last:?}") };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

pub(crate) async fn connecting_that_is_dropped_half_way_leaves_nothing_behind(world: World) {
    world.network().swallow(HOME);
    for stage in ["dialling", "greeting", "waiting"] {
        let acceptor = world.bind(HOME).await.unwrap();
        let config = greeter();
        let builder = Builder::new(config, world.clone()).seed(1);
        let connecting = Killable::spawn(&world, builder.connect(HOME));
        let mut accepted = None;
        if stage == "greeting" {
            accepted = Some(Talk::new(world.accept(&acceptor).await.unwrap().0));
        }
        rest(&world).await;
        assert_eq!(world.tasks(), 2, "{stage}");
        connecting.kill();
        rest(&world).await;
        assert_eq!((world.tasks(), world.network().links(HOME).len()), (0, 0), "{stage}");
        if let Some(peer) = accepted {
            ended(&world, peer).await;
        }
        drop(acceptor);
        match stage {
            "dialling" => world.network().mend(HOME),
            _ => world.network().refuse(HOME),
        }
    }
}

pub(crate) async fn a_configuration_that_breaks_a_rule_is_refused_before_anything_is_done(
    world: World,
) {
    let acceptor = world.bind(HOME).await.unwrap();
    let mut config = greeter();
    config.silence = Duration::ZERO;
    let refused = Builder::new(config, world.clone()).connect(HOME).await.unwrap_err();
    let broken = ConfigError::Zero { field: "silence" };
    assert!(matches!(&refused, ConnectError::Config(rule) if *rule == broken), "{refused:?}");
    assert_eq!(refused.address(), None);
    rest(&world).await;
    assert_eq!((world.tasks(), world.network().links(HOME).len()), (0, 0));
    drop(acceptor);
}

pub(crate) async fn a_connection_that_was_given_up_can_be_asked_for_again(world: World) {
    let client = client(&world, once());
    keeping(&world, &client).await.unwrap_err();
    assert!(matches!(client.ready().await, Err(ConnectError::GaveUp { address: None, .. })));
    let acceptor = world.bind(HOME).await.unwrap();
    let kept = spawn(&world, keeping(&world, &client));
    let peer = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    client.close().await;
    assert!(kept.ended().await.is_ok());
    ended(&world, peer).await;
}
