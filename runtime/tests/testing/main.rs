//! The runtime for tests, over futures-executor: virtual time, pipes, the network, and sessions over them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod clock;
mod metrics;
mod network;
mod pipes;
mod sessions;

use cync_core::Instant;
use cync_runtime::testing::{Spawn, Virtual};
use futures_executor::{ThreadPool, block_on};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

/// Tests with threads, whose order is another each time, are repeated.
const ROUNDS: usize = 10;

#[derive(Clone)]
struct Pool(ThreadPool);

impl Spawn for Pool {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut task = Box::pin(task);
        // A thread of this pool would end with a task that panics, and leave the other tasks behind.
        self.0.spawn_ok(poll_fn(move |context| {
            let polled = catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context)));
            polled.unwrap_or(Poll::Ready(()))
        }));
    }
}

type World = Virtual<Pool>;

fn pool(threads: usize) -> Pool {
    Pool(ThreadPool::builder().pool_size(threads).create().unwrap())
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn at(time: Duration) -> Instant {
    Instant::ZERO + time
}

/// A test on one thread, where the order of everything is the same each time.
fn on_one_thread<F, R>(test: impl FnOnce(World) -> F) -> R
where
    F: Future<Output = R> + Send + 'static,
    R: Send + 'static,
{
    let pool = pool(1);
    let world = Virtual::new(pool.clone());
    let run = world.run(test(world.clone()));
    let (tell, told) = mpsc::channel();
    pool.spawn(async move { tell.send(run.await).unwrap() });
    told.recv().expect("the test ends")
}

/// A test on five threads, one of which polls the test itself.
fn on_threads<F: Future>(test: impl FnOnce(World) -> F) -> F::Output {
    let world = Virtual::new(pool(4));
    block_on(world.run(test(world.clone())))
}

/// A test on one thread, and on several.
fn run<F: Future<Output = ()> + Send + 'static>(test: impl Fn(World) -> F) {
    on_one_thread(&test);
    (0..ROUNDS).for_each(|_| on_threads(&test));
}
