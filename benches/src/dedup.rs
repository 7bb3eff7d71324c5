//! Remembering messages: this library's cache, and one of the same size made of the `lru` crate with the hash of rustc.
//!
//! One work is one message, which is looked up and accepted, by which the oldest makes room, and a repetition of one of those
//! remembered, which is counted. Both caches must find every repetition, for which the LRU cache must not do what it is named for: a
//! hit that moves its entry to the front pushes younger ones out. **keys alone** is what it takes to make up the keys, which all do.
//!
//! Messages are numbered at random or in sequence, and come from as many senders as there are partitions, in turn.

use crate::contest::{Contender, Contest, TURN};
use cync_core::dedup::{Dedup, Entry, Key, Limits, Verdict, payload_hash};
use cync_core::wire::{Endpoint, Frame, MsgId, PacketType, StatusCode, op};
use cync_core::{Instant, mix};
use lru::LruCache;
use rustc_hash::FxBuildHasher;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::Duration;

/// All contests about remembered messages.
pub const CONTESTS: &[Contest] = &[
    contest("1024 remembered, random, 1 sender", || caches::<1024>(Numbers::Random, 1)),
    contest("1024 remembered, random, 4 senders", || caches::<1024>(Numbers::Random, 4)),
    contest("1024 remembered, in sequence, 1 sender", || caches::<1024>(Numbers::Sequential, 1)),
    contest("1024 remembered, in sequence, 4 senders", || caches::<1024>(Numbers::Sequential, 4)),
    contest("8192 remembered, random, 1 sender", || caches::<8192>(Numbers::Random, 1)),
    contest("8192 remembered, random, 4 senders", || caches::<8192>(Numbers::Random, 4)),
    contest("8192 remembered, in sequence, 1 sender", || caches::<8192>(Numbers::Sequential, 1)),
    contest("8192 remembered, in sequence, 4 senders", || caches::<8192>(Numbers::Sequential, 4)),
    contest("hash of 17 bytes", || hashes(17)),
];

const fn contest(name: &'static str, contenders: fn() -> Vec<Contender>) -> Contest {
    Contest { name, turn: TURN, contenders }
}

const TTL: Duration = Duration::from_secs(300);

/// How messages are numbered.
#[derive(Clone, Copy)]
enum Numbers {
    Random,
    Sequential,
}

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

    /// A contender that is given messages and repetitions, and says whether it told one from the other; at first it is filled.
    fn contender(
        self,
        name: &'static str,
        mut step: impl FnMut(Instant, Key, Key) -> bool + 'static,
    ) -> Contender {
        // 10,000 messages a second: none gets old.
        let time = |n: u64| Instant::from_micros(n * 100);
        let from = self.remembered * self.senders;
        for n in from..from + self.remembered {
            assert!(step(time(n), self.message(n), self.message(n)), "{name}");
        }
        let mut next = from + self.remembered;
        Contender::new(name, move |messages| {
            for n in next..next + messages {
                assert!(step(time(n), self.message(n), self.repeated(n)), "{name}");
            }
            next += messages;
        })
    }
}

fn caches<const SEEN: usize>(numbers: Numbers, senders: u8) -> Vec<Contender> {
    let traffic = Traffic { numbers, senders: senders.into(), remembered: SEEN as u64 };
    let limits = Limits { ttl: TTL, live_for: Duration::from_secs(7), counters: senders };
    let mut dedup = Box::new(Dedup::<SEEN>::new(limits, 1));
    let capacity = NonZeroUsize::new(SEEN).expect("not zero");
    let mut lru = LruCache::with_hasher(capacity, FxBuildHasher);
    vec![
        traffic.contender("cync", move |now, message, repeated| {
            ours(&mut dedup, now, message, repeated)
        }),
        traffic.contender("lru", move |now, message, repeated| {
            theirs(&mut lru, now, message, repeated)
        }),
        traffic.contender("keys alone", |now, message, repeated| {
            black_box((now, message, repeated));
            true
        }),
    ]
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

fn theirs(
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

/// The hash of a payload, and FNV-1a of the same bytes.
fn hashes(len: usize) -> Vec<Contender> {
    let data: &'static [u8] = Vec::from_iter((0..len).map(|n| n as u8 * 3)).leak();
    let frame = Frame::request(1, op::COMBINED, data);
    let fnv1a = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    vec![
        Contender::new("cync", move |times| {
            for _ in 0..times {
                black_box(payload_hash(0, black_box(&frame)));
            }
        }),
        Contender::new("FNV-1a", move |times| {
            for _ in 0..times {
                black_box(black_box(&frame).body().fold(0xcbf2_9ce4_8422_2325, fnv1a));
            }
        }),
    ]
}
