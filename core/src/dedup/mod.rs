//! What was accepted lately, so that a repetition is answered again and not acted upon (`docs/protocol.md`, section 7).
//!
//! To forget a message that its sender may still repeat is to act upon it twice. Such an entry is *live*, and nothing that any
//! peer does pushes it out: it is younger than [`Limits::live_for`], and among the most recently accepted of its sender's, as
//! many as [`Dedup::places`] says. That is why this is not a plain LRU cache. Every sender that counts its messages, a
//! *partition*, has places of its own, of which the oldest is used again. A sender that comes when all partitions are taken
//! gets the one that was idle longest, but only if none of its entries is live.

mod entry;
mod partition;
mod payload;
#[cfg(test)]
mod tests;

use crate::rng::mix;
use crate::time::Instant;
use crate::wire::{Endpoint, MsgId, PacketType, StatusCode};
use core::num::NonZeroU8;
use core::time::Duration;
use partition::Partition;

pub use entry::{Entry, Vacant};
pub use payload::payload_hash;

/// What makes two packets the same message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    /// The packet's type. Together with the endpoint it names the partition.
    pub kind: PacketType,
    /// The endpoint in the packet's prefix.
    pub endpoint: Endpoint,
    /// The message number in the packet's prefix.
    pub msg_id: MsgId,
    /// The [`payload_hash`]: message numbers wrap, and restart when a device boots.
    pub payload: u32,
}

/// How long and for how many senders messages are remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How long an entry is found; repetitions do not renew it.
    ///
    /// Exact up to 35 minutes; a longer one may last up to a billionth longer than asked for, never shorter.
    pub ttl: Duration,
    /// How long after a message was accepted its sender may still repeat it. Counts as at most `ttl`.
    pub live_for: Duration,
    /// Partitions at a time: 1 to [`Limits::MAX_COUNTERS`]; what is outside counts as the nearest.
    pub counters: u8,
}

impl Limits {
    /// The most partitions that a cache can have.
    pub const MAX_COUNTERS: u8 = 8;
}

/// A result that was reported, to be repeated byte for byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reported {
    /// The number of the packet that reported it.
    pub msg_id: MsgId,
    /// The status that it reported.
    pub status: StatusCode,
}

/// What an accepted message was answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Verdict {
    /// The acknowledgement, if there was one yet.
    pub acknowledged: Option<StatusCode>,
    /// The result, if there was one yet.
    pub result: Option<Reported>,
    /// How many repetitions were found so far; 255 stands for that many or more.
    pub repetitions: u8,
}

/// Names an accepted message. Once its entry is gone, and until 2^32 more were accepted, it names nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Handle {
    /// The partition's index, from 1: an optional handle takes no more room than a handle.
    partition: NonZeroU8,
    life: u8,
    number: u32,
}

impl Handle {
    fn new(index: usize, life: u8, number: u32) -> Option<Self> {
        let partition = NonZeroU8::MIN.saturating_add(u8::try_from(index).ok()?);
        Some(Self { partition, life, number })
    }

    fn index(self) -> usize {
        usize::from(self.partition.get()).saturating_sub(1)
    }
}

#[cfg(test)]
impl Handle {
    /// A handle that is told from others by its number.
    pub(crate) const fn numbered(number: u32) -> Self {
        Self { partition: NonZeroU8::MIN, life: 0, number }
    }
}

/// Every partition holds a live entry: the message of one more sender must not be accepted now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("messages of too many senders are remembered")]
pub struct Busy;

/// What a [`Dedup`] counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Repetitions found.
    pub hits: u64,
    /// Entries dropped before their time to live was over; none of them was live.
    pub evictions: u64,
    /// Messages refused as [`Busy`].
    pub busy: u64,
}

/// What is compared to find a repetition: eight bytes, of which many share a cache line.
#[derive(Clone, Copy, Debug)]
struct Slot {
    payload: u32,
    msg_id: MsgId,
    /// The low half of the number of the next older entry in the same bucket; its own if there is none.
    older: u16,
}

/// A [`Verdict`], and what became of its entry, in six bytes.
#[derive(Clone, Copy, Debug)]
struct Kept {
    result_id: MsgId,
    result: StatusCode,
    acknowledged: StatusCode,
    repetitions: u8,
    marks: u8,
}

impl Kept {
    const ACKNOWLEDGED: u8 = 1;
    const REPORTED: u8 = 2;
    const FORGOTTEN: u8 = 4;
    /// The other marks count how often the entry was forgotten: handles from before that are stale.
    const LIFE: u8 = 8;

    const fn new(marks: u8) -> Self {
        let (none, done) = (MsgId(0), StatusCode::OK);
        Self { result_id: none, result: done, acknowledged: done, repetitions: 0, marks }
    }

    /// Of a message that is accepted.
    #[inline]
    const fn of(life: u8, acknowledged: Option<StatusCode>) -> Self {
        match acknowledged {
            Some(status) => Self { acknowledged: status, ..Self::new(life | Self::ACKNOWLEDGED) },
            None => Self::new(life),
        }
    }

    const fn has(self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    const fn life(self) -> u8 {
        self.marks / Self::LIFE
    }

    fn verdict(self) -> Verdict {
        let result = Reported { msg_id: self.result_id, status: self.result };
        Verdict {
            acknowledged: self.has(Self::ACKNOWLEDGED).then_some(self.acknowledged),
            result: self.has(Self::REPORTED).then_some(result),
            repetitions: self.repetitions,
        }
    }
}

/// Where a message belongs.
#[derive(Clone, Copy, Debug)]
struct Spot {
    /// Its partition's index.
    index: usize,
    bucket: usize,
    found: Option<Found>,
}

/// The entry of a message, be it one that was forgotten.
#[derive(Clone, Copy, Debug)]
struct Found {
    place: usize,
    rank: u16,
}

/// The most ticks that a time to live can have: 32 bits hold two of them.
const MAX_TICKS: u64 = (1 << 31) - 2;

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A duration in ticks of 2^`shift` microseconds: never shorter, unless it is longer than a time to live can be.
fn ticks(duration: Duration, shift: u8) -> u32 {
    // Both ends of a longer tick are rounded, each by less than one.
    let rounding = if shift == 0 { 0 } else { 2 };
    let whole = micros(duration).wrapping_shr(u32::from(shift)).min(MAX_TICKS);
    (whole as u32).wrapping_add(rounding)
}

/// A fixed cache of at most `SEEN` accepted messages. It takes the same time for every message, however full it is and
/// whatever peers send.
///
/// Only messages whose repetition must not be acted upon belong into it. Time that goes back counts as time that stands
/// still.
///
/// ```
/// use core::time::Duration;
/// use cync_core::Instant;
/// use cync_core::dedup::{Dedup, Key, Limits};
/// use cync_core::wire::{Endpoint, MsgId, PacketType, StatusCode};
///
/// let limits =
///     Limits { ttl: Duration::from_secs(300), live_for: Duration::from_secs(7), counters: 4 };
/// let mut dedup = Dedup::<1024>::new(limits, 42);
/// let (kind, now) = (PacketType::DataChannel, Instant::ZERO);
/// let key = Key { kind, endpoint: Endpoint(0x4588_0f3a), msg_id: MsgId(1), payload: 0x1234_5678 };
///
/// assert_eq!(dedup.find(now, &key), None);
/// let handle = dedup.insert(now, &key)?;
/// dedup.acknowledge(handle, StatusCode::OK);
///
/// let again = dedup.find(now + Duration::from_secs(1), &key);
/// assert_eq!(again.and_then(|verdict| verdict.acknowledged), Some(StatusCode::OK));
/// # Ok::<(), cync_core::dedup::Busy>(())
/// ```
#[derive(Debug)]
pub struct Dedup<const SEEN: usize> {
    /// Of each bucket, the low half of the number of its newest entry; of a bucket without entries, any number.
    heads: [u16; SEEN],
    slots: [Slot; SEEN],
    /// When an entry was accepted, in ticks. No entry is held for two times to live, so 32 bits tell its age.
    accepted: [u32; SEEN],
    kept: [Kept; SEEN],
    partitions: [Partition; Limits::MAX_COUNTERS as usize],
    /// The latest time that was told, in ticks.
    now: u64,
    /// No entry expires before this time, in ticks.
    wake: u64,
    /// Odd, and unknown to peers, so that they cannot choose messages that share a bucket.
    factor: u64,
    counts: Counts,
    ttl: u32,
    live_for: u32,
    places: u16,
    counters: u8,
    /// A tick is 2^`shift` microseconds.
    shift: u8,
}

impl<const SEEN: usize> Dedup<SEEN> {
    /// An empty cache. `seed` is any number that peers do not know.
    pub fn new(limits: Limits, seed: u64) -> Self {
        const { assert!(SEEN > 0 && SEEN <= partition::MAX_PLACES, "SEEN is 1 to 32767") };
        let ttl = micros(limits.ttl);
        let shift = (0..64).find(|shift| ttl.wrapping_shr(u32::from(*shift)) <= MAX_TICKS);
        let shift = shift.unwrap_or(0);
        let most = Limits::MAX_COUNTERS.min(u8::try_from(SEEN).unwrap_or(u8::MAX));
        let counters = limits.counters.clamp(1, most);
        let ttl = ticks(limits.ttl, shift);
        Self {
            heads: [0; SEEN],
            slots: [Slot { payload: 0, msg_id: MsgId(0), older: 0 }; SEEN],
            accepted: [0; SEEN],
            kept: [Kept::new(0); SEEN],
            partitions: [Partition::UNUSED; Limits::MAX_COUNTERS as usize],
            now: 0,
            wake: 0,
            factor: mix(seed) | 1,
            counts: Counts::default(),
            ttl,
            live_for: ticks(limits.live_for, shift).min(ttl),
            places: (SEEN as u16).checked_div(u16::from(counters)).unwrap_or(0),
            counters,
            shift,
        }
    }

    /// How many entries each partition has room for: `SEEN` divided by the number of partitions.
    pub const fn places(&self) -> u16 {
        self.places
    }

    /// Number of entries, without those that were over at the latest time that was told.
    pub fn len(&self) -> usize {
        self.partitions.iter().map(|partition| usize::from(partition.remembered())).sum()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was counted.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The entry that `key` repeats, if there is one; counts the repetition.
    pub fn find(&mut self, now: Instant, key: &Key) -> Option<Verdict> {
        match self.entry(now, key) {
            Entry::Repeated(verdict) => Some(verdict),
            Entry::New(_) => None,
        }
    }

    /// As [`Dedup::find`]. If there is none, what was found out is kept for accepting the message.
    #[inline]
    pub fn entry(&mut self, now: Instant, key: &Key) -> Entry<'_, SEEN> {
        self.advance(now);
        let spot = self.locate(key);
        let found = spot.and_then(|spot| self.kept.get_mut(spot.found?.place));
        if let Some(kept) = found.filter(|kept| !kept.has(Kept::FORGOTTEN)) {
            kept.repetitions = kept.repetitions.saturating_add(1);
            self.counts.hits = self.counts.hits.wrapping_add(1);
            return Entry::Repeated(kept.verdict());
        }
        Entry::New(Vacant { dedup: self, key: *key, spot })
    }

    /// Remembers an accepted message that [`Dedup::find`] did not find. If its partition is full, the entry accepted longest
    /// ago makes room.
    ///
    /// A message that was [forgotten](Dedup::forget) gets its old place again, and the age that it had: how long its sender
    /// may repeat it does not depend on what became of it here.
    ///
    /// # Errors
    /// [`Busy`] if it needs a partition and all hold live entries. A partition that holds entries counts as live until
    /// [`Limits::live_for`] after the last message it accepted, be that forgotten or not.
    pub fn insert(&mut self, now: Instant, key: &Key) -> Result<Handle, Busy> {
        self.advance(now);
        let spot = self.locate(key);
        self.accept(key, spot, None)
    }

    /// Remembers how a message was acknowledged. False if its entry is gone.
    pub fn acknowledge(&mut self, handle: Handle, status: StatusCode) -> bool {
        self.change(handle, |kept| {
            kept.acknowledged = status;
            kept.marks |= Kept::ACKNOWLEDGED;
        })
    }

    /// Remembers the result that was reported of a message. False if its entry is gone.
    pub fn report(&mut self, handle: Handle, result: Reported) -> bool {
        self.change(handle, |kept| {
            (kept.result_id, kept.result) = (result.msg_id, result.status);
            kept.marks |= Kept::REPORTED;
        })
    }

    /// Lets a message that was never delivered be accepted once more. False if its entry is gone.
    pub fn forget(&mut self, handle: Handle) -> bool {
        let found = self.change(handle, |kept| {
            let life = kept.life().wrapping_add(1).wrapping_mul(Kept::LIFE);
            *kept = Kept::new(life | Kept::FORGOTTEN);
        });
        if let Some(partition) = self.partitions.get_mut(handle.index()) {
            partition.forgotten = partition.forgotten.wrapping_add(u16::from(found));
        }
        found
    }

    /// What a message was answered; `None` if its entry is gone.
    pub fn verdict(&self, handle: Handle) -> Option<Verdict> {
        let kept = self.kept.get(self.place_of(handle)?)?;
        (kept.life() == handle.life).then(|| kept.verdict())
    }

    /// Drops the entries whose time to live is over, as every call that tells the time does. Returns how many went.
    pub fn purge(&mut self, now: Instant) -> usize {
        self.advance(now)
    }

    #[inline]
    fn advance(&mut self, now: Instant) -> usize {
        let now = now.as_micros().wrapping_shr(u32::from(self.shift));
        if now < self.wake {
            self.now = self.now.max(now);
            return 0;
        }
        self.expire(now)
    }

    #[inline(never)]
    fn expire(&mut self, now: u64) -> usize {
        let before = self.len();
        if now.saturating_sub(self.now) >= u64::from(self.ttl) {
            // Whatever there was is over; 32 bits may no longer tell.
            self.partitions.iter_mut().for_each(Partition::clear);
        }
        self.now = self.now.max(now);
        let mut soonest = self.ttl;
        for index in 0..usize::from(self.counters) {
            while let Some(partition) = self.partitions.get(index)
                && partition.held > 0
                && let Some(age) = self.age(index, partition, partition.held)
            {
                if age < self.ttl {
                    soonest = soonest.min(self.ttl.wrapping_sub(age));
                    break;
                }
                self.drop_oldest(index);
            }
        }
        self.wake = self.now.saturating_add(u64::from(soonest));
        before.saturating_sub(self.len())
    }

    /// How long ago, in ticks, a partition accepted the entry of this rank.
    fn age(&self, index: usize, partition: &Partition, rank: u16) -> Option<u32> {
        let accepted = *self.accepted.get(self.place(index, partition, rank))?;
        Some((self.now as u32).wrapping_sub(accepted))
    }

    /// Gives the partition that was idle longest to a new sender, unless every one holds a live entry.
    #[inline(never)]
    fn open(&mut self, key: Key) -> Option<usize> {
        let (mut longest, mut found) = (0, None);
        for (index, partition) in self.partitions.iter().enumerate().take(self.counters.into()) {
            let idle = match self.age(index, partition, 1) {
                Some(idle) if partition.remembered() > 0 => idle,
                _ => u32::MAX,
            };
            if idle >= self.live_for && (found.is_none() || idle > longest) {
                (longest, found) = (idle, Some(index));
            }
        }
        let index = found?;
        let partition = self.partitions.get_mut(index)?;
        let evicted = u64::from(partition.remembered());
        self.counts.evictions = self.counts.evictions.wrapping_add(evicted);
        partition.give_to(&key);
        Some(index)
    }

    /// Where a message belongs, if its sender has a partition.
    #[inline]
    fn locate(&self, key: &Key) -> Option<Spot> {
        let mut partitions = self.partitions.iter().enumerate();
        let (index, partition) = partitions.find(|(_, partition)| partition.is_of(key))?;
        let bucket = self.bucket(index, key);
        Some(Spot { index, bucket, found: self.search(index, partition, bucket, key) })
    }

    /// The newest entry of a key, forgotten ones included.
    ///
    /// Links lead from newer entries to older ones, so that the entries of a ring need not be unlinked: a link to what is not
    /// held any more is the end. A head that was not used for 2^16 messages may lead into another bucket, which does no harm.
    #[inline]
    fn search(
        &self,
        index: usize,
        partition: &Partition,
        bucket: usize,
        key: &Key,
    ) -> Option<Found> {
        let mut number = *self.heads.get(bucket)?;
        let mut newer = 0;
        while let Some(rank) = partition.rank(number).filter(|rank| *rank > newer) {
            let place = self.place(index, partition, rank);
            let slot = self.slots.get(place)?;
            if slot.payload == key.payload && slot.msg_id == key.msg_id {
                return Some(Found { place, rank });
            }
            (newer, number) = (rank, slot.older);
        }
        None
    }

    /// Remembers a message that is not remembered, where it belongs.
    #[inline]
    fn accept(
        &mut self,
        key: &Key,
        spot: Option<Spot>,
        acknowledged: Option<StatusCode>,
    ) -> Result<Handle, Busy> {
        // What `open` returns goes through registers, unlike a `Spot`.
        let spot = spot.or_else(|| {
            let index = self.open(*key)?;
            Some(Spot { index, bucket: self.bucket(index, key), found: None })
        });
        let handle = spot.and_then(|spot| {
            self.revive(&spot, acknowledged).or_else(|| self.push(&spot, key, acknowledged))
        });
        handle.ok_or_else(|| {
            self.counts.busy = self.counts.busy.wrapping_add(1);
            Busy
        })
    }

    #[inline]
    fn revive(&mut self, spot: &Spot, acknowledged: Option<StatusCode>) -> Option<Handle> {
        let Found { place, rank } = spot.found?;
        let kept = self.kept.get_mut(place).filter(|kept| kept.has(Kept::FORGOTTEN))?;
        *kept = Kept::of(kept.life().wrapping_mul(Kept::LIFE), acknowledged);
        let partition = self.partitions.get_mut(spot.index)?;
        partition.forgotten = partition.forgotten.wrapping_sub(1);
        Handle::new(spot.index, kept.life(), partition.next.wrapping_sub(u32::from(rank)))
    }

    #[inline]
    fn push(&mut self, spot: &Spot, key: &Key, acknowledged: Option<StatusCode>) -> Option<Handle> {
        let ring = self.ring(spot.index);
        let partition = self.partitions.get_mut(spot.index)?;
        let number = partition.next;
        // Where the entry before the first one would be: in a full ring, the oldest one.
        let place = ring.wrapping_add(usize::from(partition.place(0, self.places)));
        let kept = self.kept.get_mut(place)?;
        if partition.held == self.places {
            let is_evicted = partition.drop_oldest(*kept);
            self.counts.evictions = self.counts.evictions.wrapping_add(u64::from(is_evicted));
        }
        let head = self.heads.get_mut(spot.bucket)?;
        let older = if partition.rank(*head).is_some() { *head } else { number as u16 };
        *head = number as u16;
        *self.slots.get_mut(place)? = Slot { payload: key.payload, msg_id: key.msg_id, older };
        *self.accepted.get_mut(place)? = self.now as u32;
        *kept = Kept::of(0, acknowledged);
        partition.take_place(self.places);
        Handle::new(spot.index, 0, number)
    }

    fn drop_oldest(&mut self, index: usize) {
        let oldest = self.partitions.get(index).map(|it| self.place(index, it, it.held));
        let kept = oldest.and_then(|place| self.kept.get(place));
        if let (Some(partition), Some(kept)) = (self.partitions.get_mut(index), kept) {
            partition.drop_oldest(*kept);
        }
    }

    fn change(&mut self, handle: Handle, change: impl FnOnce(&mut Kept)) -> bool {
        let place = self.place_of(handle);
        let kept = place.and_then(|place| self.kept.get_mut(place));
        kept.filter(|kept| kept.life() == handle.life).map(change).is_some()
    }

    fn place_of(&self, handle: Handle) -> Option<usize> {
        let index = handle.index();
        let partition = self.partitions.get(index)?;
        let rank = u16::try_from(partition.next.wrapping_sub(handle.number)).ok()?;
        let held = rank > 0 && rank <= partition.held;
        held.then(|| self.place(index, partition, rank))
    }

    /// Where in the arrays a partition's entry of this rank is. Rank 0 is where the next one goes.
    #[inline]
    fn place(&self, index: usize, partition: &Partition, rank: u16) -> usize {
        self.ring(index).wrapping_add(usize::from(partition.place(rank, self.places)))
    }

    #[inline]
    fn bucket(&self, index: usize, key: &Key) -> usize {
        let id = u64::from(key.payload) << 16 | u64::from(key.msg_id.0);
        let hash = id.wrapping_mul(self.factor);
        let hash = (hash ^ hash >> 32).wrapping_mul(SPREAD) >> 32;
        // Scaled from 32 bits to a ring's places.
        let bucket = hash.wrapping_mul(u64::from(self.places)) >> 32;
        self.ring(index).wrapping_add(bucket as usize)
    }

    /// Where in the arrays a partition's places and buckets start.
    #[inline]
    fn ring(&self, index: usize) -> usize {
        index.wrapping_mul(usize::from(self.places))
    }
}

/// Any odd number whose bits look random.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
