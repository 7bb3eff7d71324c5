use super::*;
use crate::rng::SplitMix64;
use std::boxed::Box;
use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

const LIMITS: Limits = Limits { ttl: secs(300), live_for: secs(7), counters: 4 };
const DAY: u64 = 24 * 60 * 60;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn key(n: u16) -> Key {
    let kind = PacketType::DataChannel;
    Key { kind, endpoint: Endpoint(7), msg_id: MsgId(n), payload: 9 }
}

/// A message of another sender.
fn of(endpoint: u32, n: u16) -> Key {
    Key { endpoint: Endpoint(endpoint), ..key(n) }
}

fn dedup<const SEEN: usize>() -> Dedup<SEEN> {
    Dedup::new(LIMITS, 1)
}

fn holds<const SEEN: usize>(dedup: &mut Dedup<SEEN>, now: Instant, key: &Key) -> bool {
    dedup.find(now, key).is_some()
}

#[test]
fn a_repetition_is_found_and_what_differs_in_any_part_of_the_key_is_not() {
    let mut dedup = dedup::<8>();
    dedup.insert(at(0), &key(1)).unwrap();
    assert_eq!(dedup.find(at(1), &key(1)), Some(Verdict { repetitions: 1, ..Verdict::default() }));
    let others = [
        Key { kind: PacketType::StatusBroadcast, ..key(1) },
        Key { endpoint: Endpoint(8), ..key(1) },
        Key { msg_id: MsgId(2), ..key(1) },
        Key { payload: 8, ..key(1) },
    ];
    assert!(others.iter().all(|other| dedup.find(at(1), other).is_none()));
    assert_eq!(dedup.counts(), Counts { hits: 1, ..Counts::default() });
}

#[test]
fn ttl_expiry_is_exact_and_repetitions_do_not_renew_it() {
    let mut dedup = dedup::<8>();
    let start = Instant::from_micros(123_456_789);
    dedup.insert(start, &key(1)).unwrap();
    dedup.insert(start + Duration::from_micros(1), &key(2)).unwrap();
    let last = start + Duration::from_micros(299_999_999);
    assert!(holds(&mut dedup, last, &key(1)));
    assert_eq!((dedup.purge(last), dedup.len()), (0, 2));
    assert!(!holds(&mut dedup, start + secs(300), &key(1)));
    assert!(holds(&mut dedup, start + secs(300), &key(2)));
    assert_eq!((dedup.purge(start + secs(301)), dedup.len()), (1, 0));
    assert_eq!(dedup.counts(), Counts { hits: 2, ..Counts::default() });
}

#[test]
fn a_time_to_live_beyond_35_minutes_is_never_shorter_and_at_most_two_billionths_longer() {
    let longest = Duration::from_micros(u64::MAX / 4);
    let edge = Duration::from_micros(MAX_TICKS);
    let tick = Duration::from_micros(1);
    for ttl in [edge, edge + tick, secs(3600), secs(30 * DAY), longest] {
        let mut rng = SplitMix64::new(5);
        for _ in 0..200 {
            let mut dedup = Dedup::<8>::new(Limits { ttl, ..LIMITS }, 1);
            let start = Instant::from_micros(rng.next() >> 2);
            dedup.insert(start, &key(1)).unwrap();
            assert!(holds(&mut dedup, start + (ttl - tick), &key(1)), "{ttl:?}");
            let late = if ttl == edge { Duration::ZERO } else { ttl / 500_000_000 };
            assert!(!holds(&mut dedup, start + ttl + late, &key(1)), "{ttl:?}");
        }
    }
}

#[test]
fn whatever_time_passes_between_two_calls_an_old_entry_never_looks_young() {
    // 2^32 microseconds, give or take the time to live, is where 32 bits would mistake the age of an entry.
    let wrap = 1 << 32;
    let steps = [300_000_000, wrap - 1, wrap, wrap + 1, wrap + 299_999_999, 365 * DAY * 1_000_000];
    for step in steps.map(Duration::from_micros) {
        let mut dedup = dedup::<8>();
        let handle = dedup.insert(at(1), &key(1)).unwrap();
        dedup.insert(at(200), &of(8, 1)).unwrap();
        assert!(!holds(&mut dedup, at(200) + step, &key(1)), "{step:?}");
        assert!(!holds(&mut dedup, at(200) + step, &of(8, 1)), "{step:?}");
        assert_eq!((dedup.len(), dedup.verdict(handle)), (0, None));
        dedup.insert(at(200) + step, &key(1)).unwrap();
        assert!(holds(&mut dedup, at(200) + step, &key(1)), "{step:?}");
    }
    assert_eq!(dedup::<8>().find(Instant::MAX, &key(1)), None);
}

#[test]
fn time_that_goes_back_stands_still() {
    let mut dedup = dedup::<8>();
    dedup.insert(at(1000), &key(1)).unwrap();
    dedup.insert(at(10), &key(2)).unwrap();
    assert!(holds(&mut dedup, at(0), &key(1)));
    assert!(holds(&mut dedup, at(1299), &key(2)));
    assert!(!holds(&mut dedup, at(1300), &key(2)));
    assert!(!holds(&mut dedup, at(1299), &key(2)));
}

#[test]
fn lru_eviction_drops_the_entry_accepted_longest_ago_of_the_same_partition_only() {
    let mut dedup = dedup::<32>();
    assert_eq!(LIMITS.places(32), 8);
    dedup.insert(at(1), &of(8, 0)).unwrap();
    for n in 0..1000 {
        dedup.insert(at(1), &key(n)).unwrap();
        assert_eq!(dedup.counts().evictions, u64::from(n).saturating_sub(7));
        for m in 0..=n {
            assert_eq!(holds(&mut dedup, at(1), &key(m)), m + 8 > n, "{m} after {n}");
        }
        assert!(holds(&mut dedup, at(1), &of(8, 0)));
    }
}

#[test]
fn numbers_that_wrap_do_not_matter() {
    // Those of links and heads wrap three times, that of the partition once.
    let mut dedup = dedup::<32>();
    dedup.insert(at(0), &key(0)).unwrap();
    dedup.partitions[0].next = u32::MAX - 100_000;
    dedup.partitions[0].held = 0;
    let mut rng = SplitMix64::new(3);
    let mut held: VecDeque<(Key, Handle)> = VecDeque::new();
    for n in 0..200_000_u32 {
        let key = Key { payload: rng.next() as u32, ..key(n as u16) };
        assert!(!holds(&mut dedup, at(0), &key), "{n}");
        held.push_back((key, dedup.insert(at(0), &key).unwrap()));
        let gone = (held.len() > 8).then(|| held.pop_front()).flatten();
        assert!(gone.is_none_or(|(key, _)| !holds(&mut dedup, at(0), &key)), "{n}");
        assert!(gone.is_none_or(|(_, handle)| dedup.verdict(handle).is_none()), "{n}");
        assert!(held.iter().all(|(key, _)| holds(&mut dedup, at(0), key)), "{n}");
        assert!(held.iter().all(|(_, handle)| dedup.verdict(*handle).is_some()), "{n}");
    }
}

/// How often a bucket was asked for that holds none of the entries that are held.
fn heads_stay_told_apart<const SEEN: usize>() -> u32 {
    let limits = Limits { counters: 1, ..LIMITS };
    let mut dedup = Box::new(Dedup::<SEEN>::new(limits, 1));
    dedup.insert(at(0), &key(0)).unwrap();
    let spot = |dedup: &Dedup<SEEN>, key: &Key| dedup.spot(0, key.id()).unwrap();
    let bucket = spot(&dedup, &key(0)).bucket;
    let mut rng = SplitMix64::new(9);
    let (mut since, mut empty) = (1, 0);
    while empty < 200_000 {
        let next = Key { payload: rng.next() as u32, ..key(1) };
        if spot(&dedup, &next).bucket == bucket {
            continue;
        }
        let newest = spot(&dedup, &key(0)).newest;
        assert_eq!(usize::from(newest.rank), if since <= SEEN { since } else { 0 });
        empty += u32::from(newest.rank == 0);
        dedup.insert(at(0), &next).unwrap();
        since += 1;
    }
    empty
}

#[test]
fn a_head_that_was_not_used_for_long_is_never_taken_for_one_that_is_held() {
    assert_eq!(heads_stay_told_apart::<8>(), 200_000);
    assert_eq!(heads_stay_told_apart::<1024>(), 200_000);
    assert_eq!(heads_stay_told_apart::<{ ring::MAX_PLACES }>(), 200_000);
}

#[test]
fn an_id_can_be_told_from_what_it_is_scrambled_to() {
    let mut rng = SplitMix64::new(4);
    for _ in 0..10_000 {
        let (id, factor) = (rng.next() >> 16, rng.next() | 1);
        // Newton's iteration doubles the bits that are right, of which any odd number has three.
        let inverse = (0..5).fold(factor, |inverse: u64, _| {
            inverse.wrapping_mul(2_u64.wrapping_sub(factor.wrapping_mul(inverse)))
        });
        let twice = ring::Scrambled::new(id, factor).0.swap_bytes() << 16;
        let once = twice.wrapping_mul(inverse).swap_bytes() << 16;
        assert_eq!(once.wrapping_mul(inverse) >> 16, id);
    }
}

#[test]
fn a_partition_too_many_is_refused_while_all_others_hold_live_entries() {
    let mut dedup = dedup::<32>();
    for sender in 0..4 {
        dedup.insert(at(u64::from(sender)), &of(sender, 1)).unwrap();
    }
    let late = Instant::from_micros(6_999_999);
    assert_eq!(dedup.insert(late, &of(4, 1)), Err(Busy));
    assert_eq!(dedup.counts(), Counts { busy: 1, ..Counts::default() });
    assert!((0..4).all(|sender| holds(&mut dedup, late, &of(sender, 1))));
    // The others go on as before.
    assert!((0..4).all(|sender| dedup.insert(late, &of(sender, 2)).is_ok()));
}

#[test]
fn a_new_partition_takes_over_the_one_that_was_idle_longest() {
    let mut dedup = dedup::<32>();
    for (sender, time) in [(2, 0), (1, 2), (0, 3), (2, 4), (3, 5)] {
        dedup.insert(at(time), &of(sender, time as u16)).unwrap();
    }
    dedup.insert(at(12), &of(4, 1)).unwrap();
    assert!(!holds(&mut dedup, at(12), &of(1, 2)));
    assert_eq!((dedup.counts().evictions, dedup.len()), (1, 5));
    dedup.insert(at(12), &of(5, 1)).unwrap();
    assert!(!holds(&mut dedup, at(12), &of(0, 3)));
    dedup.insert(at(12), &of(6, 1)).unwrap();
    assert!(!holds(&mut dedup, at(12), &of(2, 4)) && !holds(&mut dedup, at(12), &of(2, 0)));
    assert_eq!((dedup.counts().evictions, dedup.len()), (4, 4));
    assert!(holds(&mut dedup, at(12), &of(3, 5)));
    // What is over needs no partition.
    assert_eq!(dedup.purge(at(311)), 1);
    dedup.insert(at(311), &of(3, 6)).unwrap();
    assert_eq!(dedup.counts().evictions, 4);
}

#[test]
fn the_verdict_is_kept_with_its_message_and_repetitions_are_counted() {
    let mut dedup = dedup::<32>();
    let first = dedup.insert(at(0), &key(1)).unwrap();
    let second = dedup.insert(at(0), &key(2)).unwrap();
    assert_eq!(dedup.verdict(first), Some(Verdict::default()));
    assert!(dedup.acknowledge(first, StatusCode(0)));
    let acknowledged = Verdict { acknowledged: Some(StatusCode(0)), ..Verdict::default() };
    assert_eq!(dedup.verdict(first), Some(acknowledged));
    let result = Reported { msg_id: MsgId(0xabcd), status: StatusCode(0xff) };
    assert!(dedup.report(first, result));
    assert!(dedup.acknowledge(first, StatusCode(0xb5)));
    let expected =
        Verdict { acknowledged: Some(StatusCode(0xb5)), result: Some(result), repetitions: 0 };
    for repetitions in (1..=255).chain([255, 255]) {
        let expected = Verdict { repetitions, ..expected };
        assert_eq!(dedup.find(at(1), &key(1)), Some(expected));
        assert_eq!(dedup.verdict(first), Some(expected));
    }
    assert_eq!(dedup.verdict(second), Some(Verdict::default()));
}

#[test]
fn a_stale_handle_names_nothing() {
    fn is_stale(dedup: &mut Dedup<32>, handle: Handle) -> bool {
        let result = Reported { msg_id: MsgId(1), status: StatusCode(1) };
        let before = std::format!("{dedup:?}");
        let changed = dedup.acknowledge(handle, StatusCode(1))
            | dedup.report(handle, result)
            | dedup.forget(handle)
            | dedup.verdict(handle).is_some();
        !changed && before == std::format!("{dedup:?}")
    }
    let mut dedup = dedup::<32>();
    let retired = dedup.insert(at(0), &key(0)).unwrap();
    assert!(dedup.verdict(retired).is_some());
    (1..=8).for_each(|n| assert!(dedup.insert(at(0), &key(n)).is_ok()));
    assert!(is_stale(&mut dedup, retired));

    let replaced = dedup.insert(at(0), &of(1, 0)).unwrap();
    (2..=4).for_each(|sender| assert!(dedup.insert(at(9), &of(sender, 0)).is_ok()));
    (0..8).for_each(|n| assert!(dedup.insert(at(9), &of(5, n)).is_ok()));
    assert!(is_stale(&mut dedup, replaced));

    let expired = dedup.insert(at(9), &of(5, 8)).unwrap();
    dedup.purge(at(309));
    assert!(is_stale(&mut dedup, expired));

    let forgotten = dedup.insert(at(309), &key(1)).unwrap();
    assert!(dedup.forget(forgotten));
    assert!(is_stale(&mut dedup, forgotten));
    let again = dedup.insert(at(309), &key(1)).unwrap();
    assert!(is_stale(&mut dedup, forgotten));
    assert_eq!(dedup.verdict(again), Some(Verdict::default()));
    let invented = Handle { partition: NonZeroU8::MAX, ..again };
    assert!(is_stale(&mut dedup, invented));
}

#[test]
fn a_forgotten_message_is_accepted_again_and_remembered_in_its_old_place() {
    let mut dedup = dedup::<32>();
    let first = dedup.insert(at(0), &key(0)).unwrap();
    dedup.acknowledge(first, StatusCode::OK);
    (1..8).for_each(|n| assert!(dedup.insert(at(0), &key(n)).is_ok()));
    assert!(dedup.forget(first));
    assert_eq!((dedup.len(), dedup.find(at(1), &key(0))), (7, None));
    let again = dedup.insert(at(1), &key(0)).unwrap();
    assert_eq!((dedup.len(), dedup.verdict(again)), (8, Some(Verdict::default())));
    assert!((0..8).all(|n| holds(&mut dedup, at(1), &key(n))));
    assert_eq!(dedup.counts().evictions, 0);
    // It is the oldest still, and a forgotten one that makes room is no eviction.
    assert!(dedup.forget(again));
    dedup.insert(at(2), &key(8)).unwrap();
    assert_eq!((dedup.len(), dedup.counts().evictions), (8, 0));
    dedup.insert(at(2), &key(9)).unwrap();
    assert_eq!((dedup.len(), dedup.counts().evictions), (8, 1));
    assert!(!holds(&mut dedup, at(2), &key(1)));
}

#[test]
fn a_message_dropped_again_and_again_does_not_push_out_what_its_sender_may_repeat() {
    let mut dedup = dedup::<32>();
    (0..7).for_each(|n| assert!(dedup.insert(at(0), &key(n)).is_ok()));
    for _ in 0..1000 {
        assert!(!holds(&mut dedup, at(1), &key(7)));
        let handle = dedup.insert(at(1), &key(7)).unwrap();
        assert!(dedup.forget(handle));
    }
    assert!((0..7).all(|n| holds(&mut dedup, at(1), &key(n))));
}

#[test]
fn limits_out_of_range_count_as_the_nearest() {
    let places = |counters, seen| Limits { counters, ..LIMITS }.places(seen);
    assert_eq!((places(0, 32), places(1, 32)), (32, 32));
    assert_eq!((places(8, 32), places(9, 32), places(255, 32)), (4, 4, 4));
    assert_eq!((places(4, 1024), places(2, 128), places(3, 1024)), (256, 64, 256));
    assert_eq!((places(8, 3), places(1, 0), places(1, 1 << 20)), (1, 0, 1 << 15));
    let live_for = secs(400);
    let mut dedup = Dedup::<4>::new(Limits { live_for, counters: 1, ..LIMITS }, 1);
    dedup.insert(at(0), &key(1)).unwrap();
    assert_eq!(dedup.insert(at(299), &of(1, 1)), Err(Busy));
    assert!(dedup.insert(at(300), &of(1, 1)).is_ok());
    let none = Limits { ttl: Duration::ZERO, ..LIMITS };
    let mut dedup = Dedup::<4>::new(none, 1);
    dedup.insert(at(0), &key(1)).unwrap();
    assert!(!holds(&mut dedup, at(0), &key(1)));
}

#[test]
fn a_cache_fits_its_budget() {
    assert_eq!((size_of::<Record>(), size_of::<[Head; 2]>()), (16, 4));
    assert!(size_of::<Dedup<1024>>() <= 20_700);
    assert!(size_of::<Dedup<128>>() <= 2_800);
    assert_eq!(size_of::<Handle>(), 8);
}

/// A plain LRU of the same size, for comparison.
struct Lru {
    keys: VecDeque<Key>,
    capacity: usize,
}

impl Lru {
    /// Whether a message is accepted.
    fn accepts(&mut self, key: &Key) -> bool {
        let found = self.keys.iter().position(|held| held == key);
        found.map(|at| self.keys.remove(at));
        self.keys.push_back(*key);
        if self.keys.len() > self.capacity {
            self.keys.pop_front();
        }
        found.is_none()
    }
}

#[test]
fn a_flood_from_elsewhere_makes_an_lru_accept_a_message_twice_and_this_cache_not() {
    const SEEN: usize = 64;
    type Attack = fn(u32) -> Key;
    let attacks: [(&str, Attack); 3] = [
        ("one other endpoint", |n| of(8, n as u16)),
        ("one other type", |n| Key { kind: PacketType::StatusBroadcast, ..key(n as u16) }),
        ("an endpoint a message", |n| of(100 + n, 1)),
    ];
    for (name, attack) in attacks {
        for flood in [SEEN as u32, 10 * SEEN as u32, 1000 * SEEN as u32] {
            let mut lru = Lru { keys: VecDeque::new(), capacity: SEEN };
            let mut dedup = dedup::<SEEN>();
            assert!(lru.accepts(&key(1)));
            assert!(!holds(&mut dedup, at(0), &key(1)) && dedup.insert(at(0), &key(1)).is_ok());
            // All of them until the sender's last repetition may come.
            for n in 0..flood {
                let now = Instant::from_micros(u64::from(n) * 6_999_999 / u64::from(flood));
                lru.accepts(&attack(n));
                if !holds(&mut dedup, now, &attack(n)) {
                    // Taken or refused, as it may be.
                    let _ = dedup.insert(now, &attack(n));
                }
            }
            assert!(lru.accepts(&key(1)), "{name}, {flood}: the LRU forgot it");
            assert!(holds(&mut dedup, Instant::from_micros(6_999_999), &key(1)), "{name}, {flood}");
        }
    }
}

#[test]
fn whoever_does_not_know_the_seed_cannot_make_it_slow() {
    fn bucket(dedup: &Dedup<1024>, key: &Key) -> usize {
        dedup.spot(0, key.id()).unwrap().bucket
    }
    // Keys that share a bucket under one seed.
    let mut known = Box::new(Dedup::<1024>::new(Limits { counters: 1, ..LIMITS }, 1));
    let keys = (0..).map(|payload| Key { payload, ..key(1) });
    let chosen: Vec<Key> = keys.filter(|key| bucket(&known, key) == 5).take(1024).collect();
    let mut other = Box::new(Dedup::<1024>::new(Limits { counters: 1, ..LIMITS }, 2));
    for dedup in [&mut known, &mut other] {
        chosen.iter().for_each(|key| assert!(dedup.insert(at(0), key).is_ok()));
    }
    let most = |dedup: &Dedup<1024>| {
        let mut used = vec![0; 2048];
        chosen.iter().for_each(|key| used[bucket(dedup, key)] += 1);
        used.into_iter().max().unwrap()
    };
    assert_eq!(most(&known), 1024);
    assert!(most(&other) <= 10, "{}", most(&other));
}
