//! A newer connection takes the place of the older.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::{Config, Unknown};
use cync_runtime::testing::{Pipe, pipe};
use cync_runtime::{Builder, ConnectError, Driver, End, Hub, Listener, SendError};
use smol::io::{AsyncRead, AsyncWrite};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(crate) async fn a_newer_connection_ends_the_older_and_its_messages(world: World) {
    let (client, older, mut talk) = talking(&world, greeter(), 4096).await;
    let sent = send(&world, &client, 1);
    talk.hear_message().await;
    let (near, far) = pipe(4096);
    let newer = drive(&world, &client, near);
    assert!(matches!(older.ended().await, End::Replaced));
    assert_eq!(talk.hear().await, None);
    let ended = sent.ended().await.unwrap_err();
    assert!(matches!(ended, SendError::Unknown { why: Unknown::Disconnected, .. }), "{ended:?}");
    let mut talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let sent = send(&world, &client, 2);
    let heard = talk.hear_message().await;
    talk.acknowledge(heard).await;
    sent.ended().await.unwrap();
    assert!(!newer.has_ended());
    assert_eq!(client.stats().disconnections.replaced, 1);
}

pub(crate) async fn every_replaced_driver_ends(world: World) {
    let (client, peer, _) = pair(&world, greeter()).await;
    for _ in 0..100 {
        let (near, far) = pipe(4096);
        let older = drive(&world, &client, near);
        let (unused, _far) = pipe(64);
        let replaced = client.drive(unused);
        let _driver = drive(&world, &peer, far);
        let (near, far) = pipe(4096);
        let _drivers = [drive(&world, &client, near), drive(&world, &peer, far)];
        assert!(matches!(older.ended().await, End::Replaced));
        assert!(matches!(replaced.run().await, End::Replaced));
        client.ready().await.unwrap();
        client.send(numbered(b"1")).await.unwrap();
        peer.recv().await.unwrap();
        rest(&world).await;
        assert_eq!(world.tasks(), 2);
    }
}

type Running = Pin<Box<dyn Future<Output = End> + Send>>;

/// A connection that gives the session to another one while it is being read from.
struct Usurped(Client, Arc<Mutex<Option<(Running, Pipe)>>>);

impl AsyncRead for Usurped {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        let Self(client, newer) = &*self;
        newer.lock().unwrap().get_or_insert_with(|| {
            let (near, far) = pipe(64);
            let driver: Driver<_, World> = client.drive(near);
            let mut newer: Running = Box::pin(driver.run());
            let mut nobody = Context::from_waker(Waker::noop());
            assert!(newer.as_mut().poll(&mut nobody).is_pending());
            (newer, far)
        });
        Poll::Pending
    }
}

impl AsyncWrite for Usurped {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

pub(crate) async fn a_driver_that_is_busy_when_it_is_replaced_ends_all_the_same(world: World) {
    for _ in 0..30 {
        let (client, newer) = (client(&world, greeter()), Arc::default());
        let io = Usurped(client.clone(), Arc::clone(&newer));
        let older = spawn(&world, client.drive(io).run());
        assert!(matches!(older.ended().await, End::Replaced));
        assert_eq!(elapsed(&world), Duration::ZERO);
    }
}

pub(crate) async fn a_driver_was_replaced_even_if_the_newer_connection_is_gone_when_it_ends(
    world: World,
) {
    let (client, _peer, _) = pair(&world, greeter()).await;
    let (near, _far) = pipe(64);
    let older = client.drive(near);
    let (near, _far) = pipe(64);
    drop(client.drive(near));
    assert!(matches!(older.run().await, End::Replaced));
}

pub(crate) async fn a_connection_of_the_applications_own_takes_the_place_of_a_dialled_one(
    world: World,
) {
    let (client, kept) = kept(&world, greeter());
    let acceptor = cync_runtime::Runtime::bind(&world, HOME).await.unwrap();
    let talk = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    let (near, far) = pipe(4096);
    let own = drive(&world, &client, near);
    ended(&world, talk).await;
    let own_talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    world.sleep(SECOND * 50).await;
    assert_eq!(world.network().links(HOME).len(), 0, "there is one already");
    drop(own_talk);
    assert!(matches!(own.ended().await, End::Peer));
    let _talk = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    assert!(!kept.has_ended());
}

pub(crate) async fn of_two_clients_of_one_endpoint_the_second_wins_and_the_first_is_told(
    world: World,
) {
    let hub = Hub::builder(world.clone(), |hello| Ok(Config::listener(hello.endpoint))).build();
    let listener = Listener::with_hub(world.clone(), HOME, hub).await.unwrap();
    let connect =
        |seed| Builder::new(greeter(), world.clone()).seed(seed).reconnect(false).connect(HOME);
    let first = connect(1).await.unwrap();
    let accepted = listener.accept().await;
    assert!(accepted.is_new);
    let second = connect(2).await.unwrap();
    let again = listener.accept().await;
    assert!(!again.is_new);
    rest(&world).await;
    assert!(matches!(first.ready().await, Err(ConnectError::Closed { .. })));
    assert_eq!(first.recv().await, None);
    second.ready().await.unwrap();
    second.send(numbered(b"2")).await.unwrap();
    assert_eq!(accepted.client.recv().await.unwrap().data, b"2");
    assert_eq!(again.client.stats().disconnections.replaced, 1);
    assert_eq!(listener.hub().connections(), 1);
    drop((first, second));
    rest(&world).await;
    assert_eq!((listener.hub().connections(), world.tasks()), (0, 1), "who accepts stays");
}
