//! A day of a client that is left alone with a device that restarts every hour: it is always ready again, and nothing grows. In a
//! binary of its own: whatever else ran beside it could allocate.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(dead_code, reason = "the parties have more uses than this")]

#[path = "conformance/peer.rs"]
mod peer;
#[path = "conformance/runtimes.rs"]
mod runtimes;
#[path = "conformance/stage.rs"]
mod stage;
#[path = "conformance/talk.rs"]
mod talk;

use cync_core::wire::op;
use cync_core::{Instant, Request, Stage, State};
use cync_runtime::testing::Acceptor;
use cync_runtime::{Runtime as _, Timer as _};
use peer::*;
use stage::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOURS: u32 = 24;
/// How long a device that restarts refuses connections.
const DOWN: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(30);
/// What the threads of a runtime may come to hold for their own use in the course of time: each has two buffers to read and write.
const OF_THREADS: isize = 4 * 2 * 16 * 1024 + 4096;

struct Counting;

/// Bytes that are allocated.
static ALLOCATED: AtomicIsize = AtomicIsize::new(0);
/// Threads of the runtime that is tested, at most.
static THREADS: AtomicIsize = AtomicIsize::new(1);

#[allow(unsafe_code, reason = "counting bytes needs a global allocator")]
// SAFETY: both methods hand their arguments to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size().cast_signed(), Ordering::SeqCst);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size().cast_signed(), Ordering::SeqCst);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Restarts on every hour: its connection goes, it refuses others for a while, and comes back without a memory.
async fn device(world: World, acceptor: Acceptor) {
    for hour in 1..=HOURS {
        let session = listener(&world);
        let stream = world.accept(&acceptor).await.unwrap().0;
        let driver = Killable::spawn(&world, session.drive(stream).run());
        let executing = execute(&world, &session);
        world.sleep_until(Instant::ZERO + HOUR * hour).await;
        world.network().refuse(HOME);
        driver.kill();
        executing.ended().await;
        world.sleep(DOWN).await;
        world.network().mend(HOME);
    }
}

/// What there is at one time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Holdings {
    tasks: usize,
    links: usize,
    bytes: isize,
}

fn holdings(world: &World) -> Holdings {
    let (tasks, links) = (world.tasks(), world.network().links(HOME).len());
    Holdings { tasks, links, bytes: ALLOCATED.load(Ordering::SeqCst) }
}

/// Sends a command a minute, some of them while the device is down.
async fn a_day(world: &World, ride_through: bool) {
    let acceptor = world.bind(HOME).await.unwrap();
    world.spawn(device(world.clone(), acceptor));
    let mut config = greeter();
    (config.deadline, config.ride_through) = (DEADLINE, ride_through);
    let client = dialled(world, config).await;
    let (mut accepted, mut executed) = (0, 0);
    let mut seen = Vec::with_capacity(2);
    for minute in 0..HOURS * 60 {
        let start = Instant::ZERO + MINUTE * minute;
        world.sleep_until(start + SECOND * 5).await;
        let power = Request::frame(op::POWER, &[0; 13]).until(Stage::Executed);
        if let Ok(sent) = client.try_send(power) {
            accepted += 1;
            let before = world.now();
            let ended = sent.await;
            assert!(world.now().since(before) <= DEADLINE, "{ended:?}");
            executed += u32::from(ended.is_ok());
        }
        world.sleep_until(start + SECOND * 50).await;
        assert_eq!(client.state(), State::Ready, "{minute} minutes");
        if [100, 1420].contains(&minute) {
            seen.push(holdings(world));
        }
    }
    let [early, late] = seen[..] else { panic!("{seen:?}") };
    assert_eq!((late.tasks, late.links), (early.tasks, early.links));
    let growth = late.bytes - early.bytes;
    assert!((-OF_THREADS..=OF_THREADS).contains(&growth), "{growth} bytes more");
    if THREADS.load(Ordering::SeqCst) == 1 {
        assert_eq!(growth, 0);
    }
    let (restarts, stats) = (HOURS - 1, client.stats());
    assert_eq!((stats.connections, stats.dials), (u64::from(HOURS), 160));
    if ride_through {
        // Once it waits for the next attempt for longer than the deadline.
        assert_eq!((accepted, executed), (HOURS * 60, HOURS * 60 - 1));
    } else {
        assert_eq!((accepted, executed), (HOURS * 60 - restarts, accepted));
    }
    client.close().await;
}

async fn a_day_without_ride_through(world: World) {
    a_day(&world, false).await;
}

async fn a_day_with_ride_through(world: World) {
    a_day(&world, true).await;
}

/// One after the other: all allocate from the same heap.
#[test]
fn a_client_left_alone_for_a_day_is_always_ready_again_and_holds_no_more_at_its_end() {
    THREADS.store(1, Ordering::SeqCst);
    runtimes::tokio_current_thread(a_day_without_ride_through);
    runtimes::tokio_current_thread(a_day_with_ride_through);
    THREADS.store(4, Ordering::SeqCst);
    runtimes::tokio_multi_thread(a_day_without_ride_through);
    runtimes::tokio_multi_thread(a_day_with_ride_through);
    runtimes::async_std(a_day_without_ride_through);
    runtimes::async_std(a_day_with_ride_through);
    runtimes::smol(a_day_without_ride_through);
    runtimes::smol(a_day_with_ride_through);
}
