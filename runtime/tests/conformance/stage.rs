//! The parties of a behaviour, and what they are made of.

use cync_core::wire::{Endpoint, StatusCode};
use cync_core::{AuthCode, Config};
use cync_runtime::testing::{Pipe, Spawn, Task, Virtual, pipe};
use cync_runtime::{Builder, End, Runtime as _};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

/// What runs tasks on the runtime that is tested.
#[derive(Clone, Copy)]
pub(crate) struct Executor(pub(crate) fn(Task));

impl Spawn for Executor {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0(Box::pin(task));
    }
}

/// What behaviours run in: virtual time and a network in memory.
pub(crate) type World = Virtual<Executor>;
pub(crate) type Client = cync_runtime::Client<World>;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const ENDPOINT: Endpoint = Endpoint(1);

/// The configuration of a side that greets, and that waits long for answers.
pub(crate) fn greeter() -> Config {
    let mut config = Config::greeter(ENDPOINT, AuthCode::new(b"0123456789abcdef").unwrap());
    (config.deadline, config.drain_timeout) = (24 * HOUR, SECOND * 20);
    config
}

pub(crate) fn client(world: &World, config: Config) -> Client {
    Builder::new(config, world.clone()).seed(1).build().unwrap()
}

pub(crate) fn listener(world: &World) -> Client {
    client(world, Config::listener(ENDPOINT))
}

/// What comes of a task, for whoever waits for it.
pub(crate) struct Handle<R>(Arc<Mutex<(Option<R>, Option<Waker>)>>);

impl<R> Handle<R> {
    pub(crate) async fn ended(self) -> R {
        std::future::poll_fn(|context| {
            let mut state = self.0.lock().unwrap();
            match state.0.take() {
                Some(result) => Poll::Ready(result),
                None => {
                    state.1 = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.0.lock().unwrap().0.is_some()
    }
}

/// Runs something in a task of its own.
pub(crate) fn spawn<R: Send + 'static>(
    world: &World,
    task: impl Future<Output = R> + Send + 'static,
) -> Handle<R> {
    let state = Arc::new(Mutex::new((None, None::<Waker>)));
    let handle = Handle(Arc::clone(&state));
    world.spawn(async move {
        let result = task.await;
        let waker = {
            let mut state = state.lock().unwrap();
            state.0 = Some(result);
            state.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    });
    handle
}

/// Gives the client this connection.
pub(crate) fn drive(world: &World, client: &Client, io: Pipe) -> Handle<End> {
    spawn(world, client.drive(io).run())
}

/// A client and its peer, ready, and their drivers.
pub(crate) async fn pair(world: &World, config: Config) -> (Client, Client, [Handle<End>; 2]) {
    let (client, peer) = (client(world, config), listener(world));
    let (near, far) = pipe(4096);
    let drivers = [drive(world, &client, near), drive(world, &peer, far)];
    client.ready().await.unwrap();
    peer.ready().await.unwrap();
    (client, peer, drivers)
}

/// Executes whatever the peer is asked for. Returns how often.
pub(crate) fn execute(world: &World, peer: &Client) -> Handle<u64> {
    let peer = peer.clone();
    spawn(world, async move {
        let mut executed = 0;
        while let Some(message) = peer.recv().await {
            if let Some(id) = message.id {
                peer.report(id, StatusCode::OK).unwrap();
                executed += 1;
            }
        }
        executed
    })
}

/// Everything that can happen at this instant happens. A microsecond passes.
pub(crate) async fn rest(world: &World) {
    world.sleep(Duration::from_micros(1)).await;
}
