use crate::{World, at, on_threads, run, secs};
use cync_core::Instant;
use cync_runtime::{Runtime, Timer};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// Lets everything else that can run have its turn.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn hours_pass_at_once_and_cost_one_poll() {
    run(|world| async move {
        world.sleep(5 * HOUR).await;
        assert_eq!(world.now(), at(5 * HOUR));
        assert_eq!(world.wakes(), 2);
    });
}

#[test]
fn who_sleeps_wakes_at_its_instant_whatever_the_others_do() {
    run(|world| async move {
        for task in 1..=40 {
            let world = world.clone();
            world.clone().spawn(async move {
                for turn in 1..=50 {
                    let due = at(Duration::from_micros(task * turn));
                    world.sleep_until(due).await;
                    assert_eq!(world.now(), due);
                    yield_now().await;
                    assert_eq!(world.now(), due);
                }
            });
        }
        world.sleep(Duration::from_micros(40 * 50 + 1)).await;
        assert_eq!(world.tasks(), 0);
        // Each polled at first, after each sleep and after each turn of others; and this one twice.
        assert_eq!(world.wakes(), 40 * (1 + 2 * 50) + 2);
    });
}

/// Writes its name down when it is woken.
struct Scribe(char, Arc<Mutex<String>>);

impl Wake for Scribe {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn sleepers_of_one_instant_are_woken_in_the_order_in_which_they_began() {
    run(|world| async move {
        let order = Arc::new(Mutex::new(String::new()));
        let mut sleeps = Vec::new();
        for (name, length) in [('a', 2), ('b', 1), ('c', 2), ('d', 1)] {
            let waker = Waker::from(Arc::new(Scribe(name, Arc::clone(&order))));
            let mut sleep = world.sleep(secs(length));
            assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
            sleeps.push(sleep);
        }
        world.sleep(secs(3)).await;
        assert_eq!(*order.lock().unwrap(), "bdac");
    });
}

#[test]
fn time_stands_still_while_a_task_can_run() {
    run(|world| async move {
        let other = world.clone();
        world.spawn(async move {
            for _ in 0..1000 {
                yield_now().await;
                assert_eq!(other.now(), Instant::ZERO);
            }
        });
        world.sleep(Duration::from_micros(1)).await;
        assert_eq!(world.now(), Instant::from_micros(1));
        assert_eq!((world.tasks(), world.wakes()), (0, 1001 + 2));
    });
}

#[test]
fn a_sleep_that_was_dropped_wakes_nobody() {
    run(|world| async move {
        let mut sleep = world.sleep(HOUR);
        let sleeps =
            poll_fn(|context| Poll::Ready(Pin::new(&mut sleep).poll(context).is_pending()));
        assert!(sleeps.await);
        drop(sleep);
        world.sleep(2 * HOUR).await;
        assert_eq!((world.now(), world.wakes()), (at(2 * HOUR), 2));
    });
}

#[test]
fn a_sleep_until_now_is_over() {
    run(|world| async move {
        world.sleep(Duration::ZERO).await;
        assert_eq!((world.now(), world.wakes()), (Instant::ZERO, 1));
    });
}

#[test]
fn time_passes_only_while_something_is_run() {
    let world = World::new(crate::pool(1));
    let sleeper = world.clone();
    world.spawn(async move { sleeper.sleep(HOUR).await });
    futures_executor::block_on(world.run(async {}));
    assert_eq!(world.now(), Instant::ZERO);
    futures_executor::block_on(world.run(world.sleep(2 * HOUR)));
    assert_eq!((world.now(), world.tasks()), (at(2 * HOUR), 0));
}

#[test]
#[should_panic = "everything waits for something that never comes (after 7s, with 2 tasks)"]
fn a_hang_is_reported() {
    on_threads(|world| async move {
        world.spawn(pending());
        let sleeper = world.clone();
        world.spawn(async move { sleeper.sleep_until(Instant::MAX).await });
        world.sleep(secs(7)).await;
        pending::<()>().await;
    });
}

#[test]
#[should_panic = "the limit of virtual time is reached (after 3600s, with 0 tasks)"]
fn a_test_that_takes_too_long_is_reported() {
    on_threads(|world| async move {
        world.limit(HOUR);
        loop {
            world.sleep(Duration::from_secs(60)).await;
        }
    });
}

#[test]
#[should_panic = "something is polled for ever (after 2s, with 1 tasks)"]
fn what_spins_is_reported() {
    on_threads(|world| async move {
        world.sleep(secs(2)).await;
        world.spawn(async {
            loop {
                yield_now().await;
            }
        });
        world.sleep(secs(1)).await;
    });
}

#[test]
#[should_panic = "a task panicked (after 1s, with 0 tasks)"]
fn a_panic_of_a_task_is_reported() {
    on_threads(|world| async move {
        let other = world.clone();
        world.spawn(async move {
            other.sleep(secs(1)).await;
            panic!("as it should");
        });
        world.sleep(HOUR).await;
    });
}

#[test]
#[should_panic = "one future is run already"]
fn two_futures_are_not_run_at_once() {
    let world = World::new(crate::pool(1));
    let _first = world.run(async {});
    let _second = world.run(async {});
}
