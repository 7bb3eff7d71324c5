//! De-duplication beside a cache of the same size made of the `lru` crate with the hash of rustc, and the hash of a payload beside
//! FNV-1a.
//!
//! Every message is looked up, accepted, by which the oldest makes room, and followed by a repetition of one of those remembered,
//! which is counted. Both caches must find every repetition, for which the LRU cache must not do what it is named for: a hit that
//! moves its entry to the front pushes younger ones out. `keys_alone` is what it takes to make up the keys.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use cync_core::dedup::{Dedup, Entry, Key, Limits, Verdict, payload_hash};
use cync_core::wire::{Endpoint, Frame, MsgId, PacketType, StatusCode, op};
use cync_core::{Instant, mix};
use lru::LruCache;
use rustc_hash::FxBuildHasher;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::Duration;

const TTL: Duration = Duration::from_secs(300);
/// Messages of an iteration.
const BATCH: u64 = 1024;

/// How messages are numbered.
#[derive(Clone, Copy)]
enum Numbers {
    Random,
    Sequential,
}

/// Messages of as many senders as there are partitions, in turn.
#[derive(Clone, Copy)]
struct Traffic {
    numbers: Numbers,
    senders: u64,
    remembered: u64,
}

impl Traffic {
    /// The message of this number in the order of acceptance.
    fn message(self, n: u64) -> Key {
        let random = mix(n);
        let msg_id = match self.numbers {
            Numbers::Random => random >> 32,
            Numbers::Sequential => n / self.senders,
        };
        Key {
            kind: PacketType::DataChannel,
            endpoint: Endpoint((n % self.senders) as u32),
            msg_id: MsgId(msg_id as u16),
            payload: random as u32,
        }
    }

    /// One of those accepted last, the newest among them.
    fn repeated(self, n: u64) -> Key {
        let back = (mix(!n) >> 32).wrapping_mul(self.remembered) >> 32;
        self.message(n - back)
    }

    fn run(self, from: u64, mut step: impl FnMut(Instant, Key, Key) -> bool) -> u64 {
        let found = (from..from + BATCH).filter(|n| {
            // 10,000 messages a second: none gets old.
            step(Instant::from_micros(n * 100), self.message(*n), self.repeated(*n))
        });
        found.count() as u64
    }

    fn fill(self, mut step: impl FnMut(Instant, Key, Key) -> bool) -> u64 {
        let from = self.remembered * self.senders;
        for n in from..from + self.remembered {
            step(Instant::from_micros(n * 100), self.message(n), self.message(n));
        }
        from + self.remembered
    }

    fn bench<const SEEN: usize>(self, group: &mut BenchmarkGroup<'_, WallTime>) {
        group.throughput(Throughput::Elements(BATCH));
        let name = match self.numbers {
            Numbers::Random => "random",
            Numbers::Sequential => "sequential",
        };
        let at = format!("{SEEN}/{name}/{}", self.senders);
        group.bench_function(format!("keys_alone/{at}"), |bencher| {
            let mut next = self.remembered;
            bencher.iter(|| {
                next += BATCH;
                self.run(next, |now, message, repeated| {
                    black_box((now, message, repeated));
                    true
                })
            });
        });
        group.bench_function(format!("lru/{at}"), |bencher| {
            let capacity = NonZeroUsize::new(SEEN).expect("not zero");
            let mut cache = LruCache::with_hasher(capacity, FxBuildHasher);
            let mut step = |now, message, repeated| plain(&mut cache, now, message, repeated);
            let mut next = self.fill(&mut step);
            bencher.iter(|| {
                assert_eq!(self.run(next, &mut step), BATCH);
                next += BATCH;
            });
        });
        group.bench_function(format!("dedup/{at}"), |bencher| {
            let limits =
                Limits { ttl: TTL, live_for: Duration::from_secs(7), counters: self.senders as u8 };
            let mut cache = Box::new(Dedup::<SEEN>::new(limits, 1));
            let mut step = |now, message, repeated| ours(&mut cache, now, message, repeated);
            let mut next = self.fill(&mut step);
            bencher.iter(|| {
                assert_eq!(self.run(next, &mut step), BATCH);
                next += BATCH;
            });
        });
    }
}

/// Whether the new message was new and the repetition found.
fn plain(
    cache: &mut LruCache<Key, (Instant, Verdict), FxBuildHasher>,
    now: Instant,
    message: Key,
    repeated: Key,
) -> bool {
    let fresh = |(accepted, verdict): &mut (Instant, Verdict)| {
        (now.since(*accepted) < TTL).then(|| {
            verdict.repetitions = verdict.repetitions.saturating_add(1);
            *verdict
        })
    };
    let new = cache.peek_mut(&message).and_then(fresh).is_none();
    if new {
        cache.push(message, (now, Verdict::default()));
    }
    black_box(cache.peek_mut(&repeated).and_then(fresh)).is_some() && new
}

fn ours<const SEEN: usize>(
    cache: &mut Dedup<SEEN>,
    now: Instant,
    message: Key,
    repeated: Key,
) -> bool {
    let new = match cache.entry(now, &message) {
        Entry::New(entry) => black_box(entry.insert(Some(StatusCode::OK))).is_ok(),
        Entry::Repeated(_) => false,
    };
    black_box(cache.find(now, &repeated)).is_some() && new
}

fn dedup(c: &mut Criterion) {
    let mut group = c.benchmark_group("dedup");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for numbers in [Numbers::Random, Numbers::Sequential] {
        for senders in [1, 4] {
            Traffic { numbers, senders, remembered: 1024 }.bench::<1024>(&mut group);
            Traffic { numbers, senders, remembered: 8192 }.bench::<8192>(&mut group);
        }
    }
    group.finish();
}

fn hash(c: &mut Criterion) {
    let mut group = c.benchmark_group("payload_hash");
    let data: Vec<u8> = (0..64).map(|n| n * 3).collect();
    for len in [1, 17, 64] {
        let frame = Frame::request(1, op::COMBINED, &data[..len]);
        group.bench_function(format!("fnv1a/{len}"), |bencher| {
            bencher.iter(|| {
                let bytes = black_box(&frame).body();
                bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
                })
            });
        });
        group.bench_function(format!("payload_hash/{len}"), |bencher| {
            bencher.iter(|| payload_hash(0, black_box(&frame)));
        });
    }
    group.finish();
}

criterion_group!(benches, dedup, hash);
criterion_main!(benches);
