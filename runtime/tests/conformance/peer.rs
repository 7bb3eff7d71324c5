//! Peers that are dialled, and tasks that can be ended from without.

use crate::stage::*;
use crate::talk::*;
use cync_core::wire::{Endpoint, Login, LoginAck, MAX_PACKET, Packet, Secret, StatusCode};
use cync_core::{Config, Instant};
use cync_runtime::testing::Acceptor;
use cync_runtime::{Builder, ConnectError, Runtime as _, Timer as _};
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

/// Where a peer listens.
pub(crate) const HOME: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 9000);
/// A sign of life.
pub(crate) const HEARTBEAT: &[u8] = &[0xd3, 0, 0, 0, 0];

/// The next connection, greeted.
pub(crate) async fn accept(world: &World, acceptor: &Acceptor) -> Talk {
    Talk::greeted(world.accept(acceptor).await.unwrap().0).await
}

/// Answers the greeting that came.
pub(crate) async fn answer_greeting(talk: &mut Talk, status: StatusCode) {
    talk.say(&Packet::HelloAck(LoginAck { status, reserved: 0 })).await;
}

/// Hears until the end. Returns when it came.
pub(crate) async fn ended(world: &World, mut talk: Talk) -> Duration {
    while talk.hear().await.is_some() {}
    elapsed(world)
}

pub(crate) fn encoded(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = [0; MAX_PACKET];
    let len = packet.encode(&mut bytes).unwrap();
    bytes[..len].to_vec()
}

/// The greeting of a device.
pub(crate) fn hello(endpoint: Endpoint) -> Vec<u8> {
    let login = Login::new(endpoint, Secret::new(b"0123456789abcdef"), 60);
    encoded(&Packet::Handshake(login))
}

pub(crate) fn elapsed(world: &World) -> Duration {
    world.now().since(Instant::ZERO)
}

/// A session that is kept connected to whoever listens at [`HOME`].
pub(crate) async fn dialled(world: &World, config: Config) -> Client {
    Builder::new(config, world.clone()).seed(1).connect(HOME).await.unwrap()
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task that can be dropped at any time.
pub(crate) struct Killable(Arc<Mutex<(Option<Running>, Option<Waker>)>>);

impl Killable {
    pub(crate) fn spawn<R>(world: &World, task: impl Future<Output = R> + Send + 'static) -> Self {
        let running: Running = Box::pin(async move { drop(task.await) });
        let state = Arc::new(Mutex::new((Some(running), None::<Waker>)));
        let polled = Arc::clone(&state);
        world.spawn(std::future::poll_fn(move |context| {
            let mut state = polled.lock().unwrap();
            state.1 = Some(context.waker().clone());
            let done = state.0.as_mut().is_none_or(|task| task.as_mut().poll(context).is_ready());
            if done {
                state.0 = None;
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        Self(state)
    }

    pub(crate) fn kill(self) {
        let (task, waker) = {
            let mut state = self.0.lock().unwrap();
            (state.0.take(), state.1.take())
        };
        drop(task);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// What keeps a session connected to whoever listens at [`HOME`].
pub(crate) fn keeping(
    world: &World,
    client: &Client,
) -> impl Future<Output = Result<(), ConnectError>> + Send + use<> {
    let world = world.clone();
    client.keep_connected(move || {
        let world = world.clone();
        async move { world.dial(HOME).await }
    })
}

/// A session that is kept connected in a task of its own.
pub(crate) fn kept(world: &World, config: Config) -> (Client, Handle<Result<(), ConnectError>>) {
    let client = client(world, config);
    let kept = spawn(world, keeping(world, &client));
    (client, kept)
}
