//! Clocks that are not as exact as one would like.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::{Config, HangupReason, Instant, State, Unknown};
use cync_runtime::testing::{Sleep, pipe};
use cync_runtime::{Builder, End, Runtime as _, SendError, Timer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A timer whose sleeps end too early: all by the same time, unless they are shorter.
#[derive(Clone)]
struct Early(World, Duration);

impl Timer for Early {
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        let left = at.since(self.now());
        self.0.sleep_until(if left > self.1 { self.now() + (left - self.1) } else { at })
    }
}

pub(crate) async fn a_timer_that_rings_a_little_early_leaves_no_deadline_unnoticed(world: World) {
    for early in [1, 999, 1000, 15_625, 20_000] {
        let timer = Early(world.clone(), Duration::from_micros(early));
        let client = Builder::new(greeter(), timer).seed(1).build().unwrap();
        let (near, far) = pipe(4096);
        let driver = spawn(&world, client.drive(near).run());
        let _silent = Talk::greeted(far).await;
        client.ready().await.unwrap();
        let started = elapsed(&world);
        let ended = client.send(numbered(&[1]).deadline(SECOND * 9)).await.unwrap_err();
        assert!(matches!(ended, SendError::Unknown { why: Unknown::Timeout, .. }), "{ended:?}");
        assert_eq!(elapsed(&world) - started, SECOND * 9);
        // Then it is silent for too long.
        let ended = driver.ended().await;
        assert!(matches!(ended, End::Hangup(HangupReason::Silent)), "{ended:?}");
        assert_eq!(elapsed(&world) - started, SECOND * 60);
    }
}

/// A timer whose time can jump, as that of a machine that sleeps. What was slept for ends as if it had not.
#[derive(Clone)]
struct Sleepy(World, Arc<AtomicU64>);

impl Sleepy {
    fn slept(&self) -> Duration {
        Duration::from_micros(self.1.load(Ordering::SeqCst))
    }
}

impl Timer for Sleepy {
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        self.0.now() + self.slept()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        self.0.sleep_until(Instant::ZERO + at.since(Instant::ZERO + self.slept()))
    }
}

pub(crate) async fn a_machine_that_slept_for_hours_goes_on(world: World) {
    let acceptor = world.bind(HOME).await.unwrap();
    let timer = Sleepy(world.clone(), Arc::default());
    let mut config: Config = greeter();
    config.deadline = SECOND * 5;
    config.ride_through = true;
    let client = Builder::new(config, timer.clone()).seed(1).build().unwrap();
    let dialled = world.clone();
    let keeping = client.keep_connected(move || {
        let world = dialled.clone();
        async move { world.dial(HOME).await }
    });
    let _kept = spawn(&world, keeping);
    let mut older = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    let sent = client.try_send(numbered(&[1])).unwrap();
    older.hear_number(1).await;
    timer.1.fetch_add(8 * 3_600_000_000, Ordering::SeqCst);
    // Its time is over, and no copy leaves any more; the peer was silent for hours, too.
    let ended = sent.await.unwrap_err();
    assert!(matches!(ended, SendError::Unknown { why: Unknown::Timeout, .. }), "{ended:?}");
    assert!(elapsed(&world) <= SECOND, "{:?}", elapsed(&world));
    while older.hear().await.is_some() {}
    let mut newer = accept(&world, &acceptor).await;
    client.reached(State::Ready).await;
    let sending = client.clone();
    let sent = spawn(&world, async move { sending.send(numbered(&[2])).await });
    let heard = newer.hear_number(2).await;
    newer.acknowledge(heard).await;
    assert_eq!(sent.ended().await.unwrap().attempts, 1);
}
