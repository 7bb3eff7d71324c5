//! The cache beside a naive model of its rules, step by step.

use super::*;
use crate::rng::SplitMix64;
use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

/// The messages of one sender, oldest first, and who that is.
type Sender = (Option<(PacketType, Endpoint)>, Vec<Entry>);

/// The rules, and nothing clever.
struct Model {
    limits: Limits,
    places: usize,
    now: Instant,
    partitions: Vec<Sender>,
    counts: Counts,
}

#[derive(Clone)]
struct Entry {
    key: Key,
    accepted: Instant,
    forgotten: bool,
    verdict: Verdict,
    handle: Option<Handle>,
}

impl Model {
    fn len(&self) -> usize {
        self.entries().filter(|entry| !entry.forgotten).count()
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.partitions.iter().flat_map(|(_, entries)| entries)
    }

    fn purge(&mut self, now: Instant) -> usize {
        self.now = self.now.max(now);
        let before = self.len();
        for (_, entries) in &mut self.partitions {
            entries.retain(|entry| self.now.since(entry.accepted) < self.limits.ttl);
        }
        before - self.len()
    }

    fn entry(&mut self, key: &Key) -> Option<&mut Entry> {
        let entries = self.partitions.iter_mut().flat_map(|(_, entries)| entries);
        entries.into_iter().find(|entry| entry.key == *key)
    }

    fn named(&mut self, handle: Handle) -> Option<&mut Entry> {
        let entries = self.partitions.iter_mut().flat_map(|(_, entries)| entries);
        entries.into_iter().find(|it| it.handle == Some(handle) && !it.forgotten)
    }

    fn find(&mut self, now: Instant, key: &Key) -> Option<Verdict> {
        self.purge(now);
        let entry = self.entry(key).filter(|entry| !entry.forgotten)?;
        entry.verdict.repetitions = entry.verdict.repetitions.saturating_add(1);
        let verdict = entry.verdict;
        self.counts.hits += 1;
        Some(verdict)
    }

    /// Since when a partition is idle, if it may be taken over; `None` in it if it holds nothing.
    fn idle_since(&self, entries: &[Entry]) -> Option<Option<Instant>> {
        if entries.iter().all(|entry| entry.forgotten) {
            return Some(None);
        }
        let since = entries.last()?.accepted;
        (self.now.since(since) >= self.limits.live_for).then_some(Some(since))
    }

    fn insert(&mut self, now: Instant, key: &Key) -> Result<(), Busy> {
        self.purge(now);
        if let Some(entry) = self.entry(key) {
            assert!(entry.forgotten);
            (entry.forgotten, entry.verdict) = (false, Verdict::default());
            return Ok(());
        }
        let sender = Some((key.kind, key.endpoint));
        let mut index = self.partitions.iter().position(|(of, _)| *of == sender);
        if index.is_none() {
            let idle = self.partitions.iter().enumerate();
            let idle = idle.filter_map(|(i, (_, entries))| Some((self.idle_since(entries)?, i)));
            let Some((_, longest)) = idle.min() else {
                self.counts.busy += 1;
                return Err(Busy);
            };
            let (_, entries) = core::mem::replace(&mut self.partitions[longest], (sender, vec![]));
            self.counts.evictions += entries.iter().filter(|it| !it.forgotten).count() as u64;
            index = Some(longest);
        }
        let (_, entries) = &mut self.partitions[index.unwrap()];
        if entries.len() == self.places {
            self.counts.evictions += u64::from(!entries.remove(0).forgotten);
        }
        let (accepted, verdict) = (self.now, Verdict::default());
        entries.push(Entry { key: *key, accepted, forgotten: false, verdict, handle: None });
        Ok(())
    }
}

/// Every message that was accepted, with what it may still be repeated by: a witness that knows neither places nor partitions.
#[derive(Default)]
struct Log(Vec<Entry>);

impl Log {
    fn accepted(&mut self, entry: &Entry) {
        let place = |entry: &Entry| entry.handle.map(|it| (it.partition, it.number));
        match self.0.iter_mut().find(|it| place(it) == place(entry)) {
            Some(known) => *known = entry.clone(),
            None => self.0.push(entry.clone()),
        }
    }

    fn live(&mut self, now: Instant, limits: Limits, window: usize) -> Vec<&Entry> {
        self.0.retain(|entry| now.since(entry.accepted) < limits.live_for);
        let mut newer = BTreeMap::new();
        let live = self.0.iter().rev().filter(|entry| {
            let rank = newer.entry((entry.key.kind, entry.key.endpoint)).or_insert(0);
            *rank += 1;
            *rank <= window && !entry.forgotten
        });
        live.collect()
    }
}

fn agrees_with_the_model<const SEEN: usize>(limits: Limits, seed: u64, steps: u32) -> [u64; 6] {
    let mut rng = SplitMix64::new(seed);
    let mut below = |n: usize| (rng.next() % n as u64) as usize;
    let mut dedup = Dedup::<SEEN>::new(limits, seed);
    let places = usize::from(limits.places(SEEN));
    let partitions = vec![(None, vec![]); usize::from(limits.counters)];
    let counts = Counts::default();
    let mut model = Model { limits, places, now: Instant::ZERO, partitions, counts };
    let mut now = Instant::ZERO;
    let (mut keys, mut handles, mut log) = (vec![], vec![], Log::default());
    let (mut expired, mut revived, mut checked) = (0, 0, 0);
    for step in 0..steps {
        now = match below(500) {
            0 => now + limits.ttl,
            1 => now + Duration::from_micros(below(1 << 33) as u64),
            2..=4 => now + limits.live_for,
            5..=20 => Instant::from_micros(now.as_micros().saturating_sub(below(1 << 22) as u64)),
            21..=300 => now + Duration::from_micros(below(1 << 18) as u64),
            _ => now,
        };
        let lately = |len: usize, back: usize| len.saturating_sub(1 + back);
        let kind = [PacketType::DataChannel, PacketType::StatusBroadcast][below(2)];
        // Most of the traffic is that of few senders.
        let most = 1 + below(1 + usize::from(limits.counters));
        let endpoint = Endpoint(below(most) as u32);
        let (msg_id, payload) = (MsgId(below(2 * places) as u16), below(2) as u32);
        let fresh = Key { kind, endpoint, msg_id, payload };
        let again = keys.get(lately(keys.len(), below(SEEN))).copied();
        let key = again.filter(|_| below(2) == 0).unwrap_or(fresh);
        let handle: Option<Handle> = handles.get(lately(handles.len(), below(SEEN))).copied();
        match (below(20), handle) {
            (0, _) => {
                let dropped = dedup.purge(now);
                assert_eq!(dropped, model.purge(now), "step {step}");
                expired += dropped as u64;
            }
            (1 | 2, Some(handle)) => {
                let known = model.named(handle).map(|entry| entry.forgotten = true).is_some();
                assert_eq!(dedup.forget(handle), known, "step {step}");
                let logged = log.0.iter_mut().find(|entry| entry.handle == Some(handle));
                logged.into_iter().for_each(|entry| entry.forgotten = true);
            }
            (3, Some(handle)) => {
                let status = StatusCode(payload as u8);
                let known = model.named(handle).map(|it| it.verdict.acknowledged = Some(status));
                assert_eq!(dedup.acknowledge(handle, status), known.is_some(), "step {step}");
            }
            (4, Some(handle)) => {
                let result = Reported { msg_id, status: StatusCode(payload as u8) };
                let known = model.named(handle).map(|it| it.verdict.result = Some(result));
                assert_eq!(dedup.report(handle, result), known.is_some(), "step {step}");
            }
            _ => {
                let found = dedup.find(now, &key);
                assert_eq!(found, model.find(now, &key), "step {step}");
                if found.is_none() {
                    revived += u64::from(model.entry(&key).is_some());
                    let inserted = dedup.insert(now, &key);
                    assert_eq!(inserted.map(|_| ()), model.insert(now, &key), "step {step}");
                    if let (Ok(handle), Some(entry)) = (inserted, model.entry(&key)) {
                        entry.handle = Some(handle);
                        log.accepted(entry);
                        handles.push(handle);
                        keys.push(key);
                    }
                }
            }
        }
        assert_eq!((dedup.len(), dedup.counts()), (model.len(), model.counts), "step {step}");
        if let Some(handle) = handle {
            let expected = model.named(handle).map(|entry| entry.verdict);
            assert_eq!(dedup.verdict(handle), expected, "step {step}");
        }
        for entry in log.live(model.now, limits, places) {
            let handle = entry.handle.unwrap();
            assert!(dedup.verdict(handle).is_some(), "step {step}: {:?}", entry.key);
            checked += 1;
        }
    }
    let Counts { hits, evictions, busy } = model.counts;
    [hits, evictions, busy, expired, revived, checked]
}

#[test]
fn it_agrees_with_the_naive_model_and_no_live_entry_is_ever_evicted() {
    let limits = |counters| Limits {
        ttl: Duration::from_secs(12),
        live_for: Duration::from_secs(5),
        counters,
    };
    let mut happened = [0; 6];
    for seed in 0..20 {
        for counts in [
            agrees_with_the_model::<64>(limits(4), seed, 5_000),
            agrees_with_the_model::<13>(limits(1), seed, 5_000),
            agrees_with_the_model::<50>(limits(8), seed, 5_000),
        ] {
            happened.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }
    assert!(happened.iter().all(|count| *count > 1000), "{happened:?}");
}
