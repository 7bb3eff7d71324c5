//! What was accepted lately, so that a repetition is answered again and not acted upon (`docs/protocol.md`, section 7).
//!
//! To forget a message that its sender may still repeat is to act upon it twice. Such an entry is *live*: younger than
//! [`Limits::live_for`], and among the most recently accepted of its sender, as many as [`Limits::places`] says. Nothing that any
//! peer does pushes a live entry out, and that is why this is no plain LRU cache. Every sender that counts its messages of a
//! type, a *partition*, has places of its own, of which the one used longest ago is used again. A sender that comes when all
//! partitions are taken gets the one that was idle longest, unless every one holds a live entry.

mod entry;
mod lookup;
#[cfg(test)]
mod model;
mod payload;
mod record;
mod ring;
#[cfg(test)]
mod tests;

use crate::rng::mix;
use crate::time::Instant;
use crate::wire::{Endpoint, MsgId, PacketType, StatusCode};
use core::num::NonZeroU8;
use core::time::Duration;
use lookup::Spot;
use record::Record;
use ring::{Head, Partition};

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
    /// Exact up to 35 minutes; a longer one may last up to two billionths longer than asked for, never shorter.
    pub ttl: Duration,
    /// How long after a message was accepted its sender may still repeat it. Counts as at most `ttl`.
    pub live_for: Duration,
    /// Partitions at a time: 1 to [`Limits::MAX_COUNTERS`]; what is outside counts as the nearest.
    pub counters: u8,
}

impl Limits {
    /// The most partitions that a cache can have.
    pub const MAX_COUNTERS: u8 = 8;

    /// How many entries each partition of a cache of `seen` entries has room for: an equal share, rounded down to a power of
    /// two. A sender must not have more messages under way than that.
    pub const fn places(&self, seen: usize) -> u16 {
        let share = match seen.checked_div(self.partitions(seen) as usize) {
            Some(share) if share > ring::MAX_PLACES => ring::MAX_PLACES,
            Some(share) => share,
            None => 0,
        };
        match share.checked_ilog2() {
            Some(log) => 1_u16.wrapping_shl(log),
            None => 0,
        }
    }

    const fn partitions(&self, seen: usize) -> u8 {
        let most = if seen < Self::MAX_COUNTERS as usize { seen as u8 } else { Self::MAX_COUNTERS };
        match self.counters {
            0 => 1,
            counters if counters < most => counters,
            _ => most,
        }
    }
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
    /// Twice the partition's index, and one: an optional handle takes no more room than a handle.
    partition: NonZeroU8,
    life: u8,
    number: u32,
}

impl Handle {
    #[inline]
    fn new(index: usize, life: u8, number: u32) -> Self {
        Self { partition: NonZeroU8::MIN | (index as u8) << 1, life, number }
    }

    fn index(self) -> usize {
        usize::from(self.partition.get() >> 1)
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

/// A fixed cache of at most `SEEN` accepted messages, 20 bytes each. Finding and remembering take the same time however full it
/// is, on average, and peers cannot change that.
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
#[derive(Clone, Debug)]
pub struct Dedup<const SEEN: usize> {
    /// Two for each record, so that most buckets hold one entry or none.
    heads: [[Head; 2]; SEEN],
    records: [Record; SEEN],
    partitions: [Partition; Limits::MAX_COUNTERS as usize],
    /// The latest time that was told.
    now: Instant,
    /// No entry expires before this time.
    wake: Instant,
    /// Odd, and unknown to peers, so that they cannot choose messages that share a bucket.
    factor: u64,
    counts: Counts,
    ttl: u32,
    live_for: u32,
    /// Of each partition, a power of two.
    places: u16,
    counters: u8,
    /// A tick is 2^`shift` microseconds.
    shift: u8,
}

impl<const SEEN: usize> Dedup<SEEN> {
    /// An empty cache. `seed` is any number that peers do not know.
    pub fn new(limits: Limits, seed: u64) -> Self {
        const { assert!(SEEN > 0 && SEEN <= ring::MAX_PLACES, "SEEN is 1 to 32768") };
        let fits = |shift: &u8| micros(limits.ttl).wrapping_shr(u32::from(*shift)) <= MAX_TICKS;
        let shift = (0..64).find(fits).unwrap_or(0);
        let limits = if planted!(TtlInWrongUnit) {
            Limits { ttl: limits.ttl / 1_000, ..limits }
        } else {
            limits
        };
        Self {
            heads: [[Head::EMPTY; 2]; SEEN],
            records: [Record::EMPTY; SEEN],
            partitions: [Partition::UNUSED; Limits::MAX_COUNTERS as usize],
            now: Instant::ZERO,
            wake: Instant::ZERO,
            factor: mix(seed) | 1,
            counts: Counts::default(),
            ttl: ticks(limits.ttl, shift),
            live_for: ticks(limits.live_for, shift),
            places: limits.places(SEEN),
            counters: limits.partitions(SEEN),
            shift,
        }
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
    #[inline(always)]
    pub fn entry(&mut self, now: Instant, key: &Key) -> Entry<'_, SEEN> {
        self.advance(now);
        let (sender, id) = (key.sender(), key.id());
        let Some(spot) = self.spot(self.partition_of(sender), id) else {
            return Entry::New(Vacant { dedup: self, sender, id, spot: Spot::NONE });
        };
        if let Some(place) = self.search(spot)
            && let Some(record) = self.records.get_mut(place).filter(|it| !it.is_forgotten())
        {
            record.repetitions = record.repetitions.saturating_add(1);
            self.counts.hits = self.counts.hits.wrapping_add(1);
            return Entry::Repeated(record.verdict());
        }
        Entry::New(Vacant { dedup: self, sender, id, spot })
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
        let (sender, id) = (key.sender(), key.id());
        let spot = self.spot(self.partition_of(sender), id);
        self.accept(sender, id, spot.unwrap_or(Spot::NONE), None)
    }

    /// Remembers a message that is not remembered.
    #[inline(always)]
    fn accept(
        &mut self,
        sender: u64,
        id: u64,
        spot: Spot,
        acknowledged: Option<StatusCode>,
    ) -> Result<Handle, Busy> {
        match self.partitions.get(spot.index) {
            Some(Partition { forgotten: 0, .. }) => self.push(spot, acknowledged).ok_or(Busy),
            _ => self.accept_apart(sender, id, acknowledged),
        }
    }

    /// The same where the sender has no partition, and where messages of it were forgotten, of which this may be one.
    #[cold]
    fn accept_apart(
        &mut self,
        sender: u64,
        id: u64,
        acknowledged: Option<StatusCode>,
    ) -> Result<Handle, Busy> {
        let handle = match self.spot(self.partition_of(sender), id) {
            Some(spot) => self.revive(spot, acknowledged).or_else(|| {
                self.drop_forgotten(spot.index);
                self.push(spot, acknowledged)
            }),
            None => {
                let spot = self.open(sender).and_then(|index| self.spot(index, id));
                spot.and_then(|spot| self.push(spot, acknowledged))
            }
        };
        handle.ok_or_else(|| {
            self.counts.busy = self.counts.busy.wrapping_add(1);
            Busy
        })
    }

    /// Remembers how a message was acknowledged. False if its entry is gone.
    pub fn acknowledge(&mut self, handle: Handle, status: StatusCode) -> bool {
        self.named(handle).map(|record| record.acknowledge(status)).is_some()
    }

    /// Remembers the result that was reported of a message. False if its entry is gone.
    pub fn report(&mut self, handle: Handle, result: Reported) -> bool {
        self.named(handle).map(|record| record.report(result)).is_some()
    }

    /// Lets a message that was never delivered be accepted once more. False if its entry is gone.
    pub fn forget(&mut self, handle: Handle) -> bool {
        let found = self.named(handle).map(Record::forget).is_some();
        if let Some(partition) = self.partitions.get_mut(handle.index()) {
            partition.forgotten = partition.forgotten.wrapping_add(u16::from(found));
        }
        found
    }

    /// What a message was answered; `None` if its entry is gone.
    pub fn verdict(&self, handle: Handle) -> Option<Verdict> {
        let record = self.records.get(self.place_of(handle)?)?;
        (record.life() == handle.life).then(|| record.verdict())
    }

    /// How often a message was repeated; 0 if it is not remembered.
    #[cold]
    pub(crate) fn repetitions(&self, handle: Option<Handle>) -> u16 {
        let verdict = handle.and_then(|handle| self.verdict(handle));
        verdict.map_or(0, |verdict| verdict.repetitions.into())
    }

    /// Drops the entries whose time to live is over, as every call that tells the time does. Returns how many went.
    pub fn purge(&mut self, now: Instant) -> usize {
        self.advance(now)
    }

    #[inline]
    fn advance(&mut self, now: Instant) -> usize {
        if now < self.wake {
            self.now = self.now.max(now);
            return 0;
        }
        self.expire(now)
    }

    #[cold]
    fn expire(&mut self, now: Instant) -> usize {
        let (before, earlier) = (self.len(), self.ticks());
        self.now = self.now.max(now);
        if self.ticks().wrapping_sub(earlier) >= u64::from(self.ttl) {
            // Whatever there was is over; 32 bits may no longer tell.
            self.partitions.iter_mut().for_each(Partition::clear);
        }
        let mut soonest = self.ttl;
        for index in 0..usize::from(self.counters) {
            while let Some(age) = self.age(index, |partition| partition.held) {
                if age < self.ttl {
                    soonest = soonest.min(self.ttl.wrapping_sub(age));
                    break;
                }
                self.drop_oldest(index);
            }
        }
        let wake = self.ticks().saturating_add(u64::from(soonest));
        self.wake =
            Instant::from_micros(wake.saturating_mul(1_u64.wrapping_shl(self.shift.into())));
        before.saturating_sub(self.len())
    }

    /// The time in ticks.
    fn ticks(&self) -> u64 {
        self.now.as_micros().wrapping_shr(self.shift.into())
    }

    /// How long ago, in ticks, a partition accepted the entry of a rank; `None` if it holds none.
    fn age(&self, index: usize, rank: impl FnOnce(&Partition) -> u16) -> Option<u32> {
        let partition = self.partitions.get(index).filter(|partition| partition.held > 0)?;
        let place = self.ring(index)?.place(rank(partition).into());
        Some((self.ticks() as u32).wrapping_sub(self.records.get(place)?.accepted))
    }

    fn drop_oldest(&mut self, index: usize) {
        let forgotten = self.oldest(index).is_some_and(Record::is_forgotten);
        if let Some(partition) = self.partitions.get_mut(index) {
            partition.held = partition.held.saturating_sub(1);
            partition.forgotten = partition.forgotten.saturating_sub(u16::from(forgotten));
        }
    }

    /// Makes room where a full partition's oldest entry is of a forgotten message: that is no eviction.
    fn drop_forgotten(&mut self, index: usize) {
        let full = self.ring(index).is_some_and(|ring| usize::from(ring.held) > ring.mask);
        if full && self.oldest(index).is_some_and(Record::is_forgotten) {
            self.drop_oldest(index);
        }
    }

    fn oldest(&self, index: usize) -> Option<&Record> {
        let ring = self.ring(index)?;
        self.records.get(ring.place(ring.held.into()))
    }

    /// Gives the partition that was idle longest to a new sender, unless every one holds a live entry.
    #[cold]
    fn open(&mut self, sender: u64) -> Option<usize> {
        let (mut longest, mut found) = (0, None);
        for (index, partition) in self.partitions.iter().enumerate().take(self.counters.into()) {
            let idle = match partition.remembered() {
                0 => u32::MAX,
                _ => self.age(index, |_| 1)?,
            };
            if planted!(SenderEvicted) && (found.is_none() || idle > longest) {
                (longest, found) = (idle, Some(index));
            }
            if idle >= self.live_for && (found.is_none() || idle > longest) {
                (longest, found) = (idle, Some(index));
            }
        }
        let partition = self.partitions.get_mut(found?)?;
        let evicted = u64::from(partition.remembered());
        self.counts.evictions = self.counts.evictions.wrapping_add(evicted);
        partition.give_to(sender);
        found
    }

    /// Remembers a forgotten message again, in its old place.
    fn revive(&mut self, spot: Spot, acknowledged: Option<StatusCode>) -> Option<Handle> {
        let Spot { index, ring, id, newest, .. } = spot;
        if newest.rank == 0 {
            return None;
        }
        let rank = self.search_on(index, id, newest.rank.into())?;
        let record = self.records.get_mut(ring.place(rank)).filter(|it| it.is_forgotten())?;
        let life = record.revive(acknowledged);
        let partition = self.partitions.get_mut(index)?;
        partition.forgotten = partition.forgotten.wrapping_sub(1);
        Some(Handle::new(index, life, partition.next.wrapping_sub(rank as u32)))
    }

    /// Remembers a message as its sender's newest one.
    #[inline(always)]
    fn push(&mut self, spot: Spot, acknowledged: Option<StatusCode>) -> Option<Handle> {
        let Spot { index, ring, bucket, id, newest } = spot;
        let now = self.ticks() as u32;
        if ring.next.is_multiple_of(ring::AGE_EVERY) {
            self.age_heads(index);
        }
        let record = self.records.get_mut(ring.place(0))?;
        *record = Record::new(id, newest.rank.into(), ring.mask, now, acknowledged);
        *self.heads.as_flattened_mut().get_mut(bucket)? = Head::new(ring.next);
        let partition = self.partitions.get_mut(index)?;
        if planted!(LiveEntryEvicted) && partition.held > 1 {
            partition.held = 1;
        }
        if usize::from(partition.held) <= ring.mask {
            partition.held = partition.held.wrapping_add(1);
        } else {
            self.counts.evictions = self.counts.evictions.wrapping_add(1);
        }
        partition.next = ring.next.wrapping_add(1);
        Some(Handle::new(index, 0, ring.next))
    }

    /// See [`Ring::age`](ring::Ring::age). It costs every message two heads.
    #[cold]
    fn age_heads(&mut self, index: usize) {
        let Some(ring) = self.ring(index) else { return };
        let heads = self.heads.get_mut(ring.range()).unwrap_or_default();
        heads.as_flattened_mut().iter_mut().for_each(|head| ring.age(head));
    }

    fn place_of(&self, handle: Handle) -> Option<usize> {
        let ring = self.ring(handle.index())?;
        let rank = ring.next.wrapping_sub(handle.number) as usize;
        (rank > 0 && rank <= ring.held.into()).then(|| ring.place(rank))
    }

    fn named(&mut self, handle: Handle) -> Option<&mut Record> {
        let place = self.place_of(handle)?;
        self.records.get_mut(place).filter(|record| record.life() == handle.life)
    }
}
