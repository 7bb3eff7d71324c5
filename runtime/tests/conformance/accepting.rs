//! Errors of the socket that devices dial, and what it is bound to.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::wire::Endpoint;
use cync_core::{Config, Instant};
use cync_runtime::testing::{Acceptor, Pipe, Sleep};
use cync_runtime::{Address, Hub, Listener, Runtime, Timer};
use smol::future::yield_now;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A world in which accepting gives these errors first, one by one.
#[derive(Clone)]
struct Faulty {
    world: World,
    errors: Errors,
}

impl Timer for Faulty {
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        self.world.now()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        self.world.sleep_until(at)
    }
}

impl Runtime for Faulty {
    type Stream = Pipe;
    type Acceptor = Acceptor;

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.world.spawn(task);
    }

    async fn resolve(&self, address: &Address) -> io::Result<Vec<SocketAddr>> {
        self.world.resolve(address).await
    }

    async fn dial(&self, to: SocketAddr) -> io::Result<Pipe> {
        self.world.dial(to).await
    }

    async fn bind(&self, on: SocketAddr) -> io::Result<Acceptor> {
        self.world.bind(on).await
    }

    fn local_addr(&self, acceptor: &Acceptor) -> io::Result<SocketAddr> {
        self.world.local_addr(acceptor)
    }

    async fn accept(&self, acceptor: &Acceptor) -> io::Result<(Pipe, SocketAddr)> {
        let error = self.errors.lock().unwrap().pop_front();
        match error {
            Some(error) => Err(error.into()),
            None => self.world.accept(acceptor).await,
        }
    }
}

/// What accepting gives first.
type Errors = Arc<Mutex<VecDeque<ErrorKind>>>;

async fn listen(world: &World, errors: Errors) -> io::Result<Listener<Faulty>> {
    let runtime = Faulty { world: world.clone(), errors };
    let hub = Hub::builder(runtime.clone(), |hello| Ok(Config::listener(hello.endpoint))).build();
    Listener::with_hub(runtime, HOME, hub).await
}

/// When a device is accepted after these errors.
async fn accepted_after(world: &World, errors: Vec<ErrorKind>) -> Duration {
    let started = elapsed(world);
    let errors = Arc::new(Mutex::new(errors.into()));
    let listener = listen(world, errors).await.unwrap();
    let mut talk = Talk::new(world.dial(HOME).await.unwrap());
    talk.write(&hello(Endpoint(1))).await;
    assert_eq!(listener.accept().await.endpoint, Endpoint(1));
    let took = elapsed(world) - started;
    drop(listener);
    rest(world).await;
    took
}

pub(crate) async fn an_error_that_concerns_one_connection_delays_no_other(world: World) {
    let errors = [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset, ErrorKind::Interrupted];
    let took = accepted_after(&world, errors.repeat(1000)).await;
    assert_eq!(took, Duration::ZERO);
}

pub(crate) async fn after_any_other_error_there_is_a_pause(world: World) {
    // Of too many open files there is no kind; it would come again at once, over and over.
    let errors = [ErrorKind::OutOfMemory, ErrorKind::Other, ErrorKind::InvalidInput];
    let took = accepted_after(&world, errors.to_vec()).await;
    assert_eq!(took, Duration::from_millis(300));
}

pub(crate) async fn a_listener_that_is_dropped_in_a_pause_stops_listening_at_once(world: World) {
    let listener =
        listen(&world, Arc::new(Mutex::new([ErrorKind::OutOfMemory].into()))).await.unwrap();
    rest(&world).await;
    drop(listener);
    rest(&world).await;
    assert_eq!(world.tasks(), 0);
    drop(listen(&world, Arc::default()).await.unwrap());
}

pub(crate) async fn of_the_addresses_of_a_name_the_first_that_is_free_is_listened_at(world: World) {
    let hub = || Hub::builder(world.clone(), |hello| Ok(Config::listener(hello.endpoint))).build();
    let next: SocketAddr = ([10, 0, 0, 2], 9000).into();
    world.network().name("both.local:9000", [HOME, next]);
    let mut listeners = Vec::new();
    for expected in [HOME, next] {
        let listener = Listener::with_hub(world.clone(), "both.local:9000", hub()).await.unwrap();
        assert_eq!(listener.local_addr(), expected);
        listeners.push(listener);
    }
    let taken = Listener::with_hub(world.clone(), "both.local:9000", hub()).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
}

/// On an executor with one thread, where whoever never waits keeps all others from running.
#[test]
fn connections_that_never_cease_leave_others_their_turn() {
    crate::runtimes::tokio_current_thread(|world| async move {
        let errors = vec![ErrorKind::ConnectionAborted; 100_000];
        let errors = Arc::new(Mutex::new(VecDeque::from(errors)));
        let _listener = listen(&world, Arc::clone(&errors)).await.unwrap();
        for _ in 0..10 {
            yield_now().await;
        }
        let left = errors.lock().unwrap().len();
        assert!((50_000..100_000).contains(&left), "{left} of 100,000 are left after ten turns");
    });
}
