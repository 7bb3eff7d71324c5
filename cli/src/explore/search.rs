//! Many seeds on many threads, with a result that does not depend on how many there are.

use cync_sim::explore::Sweep;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How often progress is told.
const SHOWN: Duration = Duration::from_millis(200);

/// The seeds that are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seeds {
    /// The first one.
    pub(super) from: u64,
    /// How many, at most.
    pub(super) count: u64,
    /// None is begun after this time.
    pub(super) time: Option<Duration>,
}

/// What became of them.
pub(super) struct Searched {
    /// All that was run. With a hit, all seeds below its were; how many above it depends on the threads.
    pub(super) sweep: Sweep,
    /// How long it took.
    pub(super) took: Duration,
}

/// Takes the seeds in turn until one breaks something, and then no higher ones. `progress` is told how many are done.
pub(super) fn search(
    seeds: Seeds,
    threads: usize,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Searched {
    let began = Instant::now();
    let (next, done, lowest) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let work = || {
        let mut mine = Sweep::default();
        while !stop.load(Relaxed) && seeds.time.is_none_or(|time| began.elapsed() < time) {
            let nth = next.fetch_add(1, Relaxed);
            // Whoever takes one that is lower than what breaks something finishes it.
            if nth >= seeds.count || nth > lowest.load(Relaxed) {
                break;
            }
            mine.run(seeds.from + nth);
            if mine.hit.is_some() {
                lowest.fetch_min(nth, Relaxed);
                break;
            }
            done.fetch_add(1, Relaxed);
        }
        mine
    };
    let mut sweep = Sweep::default();
    thread::scope(|scope| {
        let (at_work, ended) = mpsc::channel::<()>();
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let at_work = at_work.clone();
                scope.spawn(move || {
                    let mine = work();
                    drop(at_work);
                    mine
                })
            })
            .collect();
        drop(at_work);
        while ended.recv_timeout(SHOWN) == Err(RecvTimeoutError::Timeout) {
            progress(done.load(Relaxed));
        }
        for worker in workers {
            match worker.join() {
                Ok(mine) => sweep.merge(mine),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    Searched { sweep, took: began.elapsed() }
}
