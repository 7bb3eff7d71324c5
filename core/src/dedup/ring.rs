use core::hint::select_unpredictable;

/// The most places of a ring: a rank must be told by 16 bits of a number.
pub(super) const MAX_PLACES: usize = 0x8000;

/// After how many messages of a partition its heads are [aged](Ring::age).
pub(super) const AGE_EVERY: u32 = 0x4000;

/// The messages of one type that one sender counts, numbered in the order of acceptance.
///
/// Entries are named by rank: the newest has rank 1, the oldest rank `held`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Partition {
    /// Whose it is: the endpoint, and the byte of the type. Zero before its first use, as no type has the byte zero.
    sender: u64,
    /// The number of the next message. It goes on when the partition changes hands, so that no handle gets valid again.
    pub(super) next: u32,
    /// Places in use.
    pub(super) held: u16,
    /// How many of these are of forgotten messages.
    pub(super) forgotten: u16,
}

impl Partition {
    /// No message has the number that a new [`Head`] names.
    pub(super) const UNUSED: Self = Self { sender: 0, next: 1, held: 0, forgotten: 0 };

    #[inline]
    pub(super) const fn is_of(&self, sender: u64) -> bool {
        self.sender == sender
    }

    /// Hands it to another sender, empty.
    pub(super) const fn give_to(&mut self, sender: u64) {
        self.sender = sender;
        self.clear();
    }

    pub(super) const fn clear(&mut self) {
        (self.held, self.forgotten) = (0, 0);
    }

    /// Entries that were not forgotten.
    pub(super) const fn remembered(&self) -> u16 {
        self.held.saturating_sub(self.forgotten)
    }
}

/// The newest entry of a bucket: the low half of its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head(u16);

impl Head {
    pub(super) const EMPTY: Self = Self(0);

    #[inline]
    pub(super) const fn new(number: u32) -> Self {
        Self(number as u16)
    }
}

/// An id, scrambled by a number that peers do not know, so that they cannot choose messages that share a bucket. What is
/// scrambled can be told back: no two ids share a bucket and the rest, so that no record needs to hold what its bucket says.
///
/// It is in the high 48 bits, of which the lowest tell the bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scrambled(pub(super) u64);

impl Scrambled {
    pub(super) const ZERO: Self = Self(0);

    /// Each step can be undone, as `factor` is odd. A product carries every bit into all that are higher than itself: of one
    /// that is turned around, multiplied again and turned around again, the low bits depend on all.
    #[inline]
    pub(super) const fn new(id: u64, factor: u64) -> Self {
        let once = (id << 16).wrapping_mul(factor);
        let twice = (once.swap_bytes() << 16).wrapping_mul(factor);
        Self(twice.swap_bytes() << 16)
    }
}

/// The newest entry of a bucket; if there is none, the one that is accepted next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newest {
    /// The low half of its number.
    pub(super) number: u16,
    /// Zero if there is none.
    pub(super) rank: u16,
    /// How many entries of the partition are older.
    pub(super) older: u16,
}

impl Newest {
    pub(super) const NONE: Self = Self { number: 0, rank: 0, older: 0 };
}

/// Where in the arrays a partition's entries are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ring {
    start: usize,
    /// The bits that tell a place within it: there are one more places than this says, a power of two.
    pub(super) mask: usize,
    /// The number of the next message.
    pub(super) next: u32,
    pub(super) held: u16,
}

impl Ring {
    /// Of no partition.
    pub(super) const NONE: Self = Self { start: 0, mask: 0, next: 0, held: 0 };

    /// `places` is a power of two.
    #[inline]
    pub(super) fn new(index: usize, partition: &Partition, places: u16) -> Self {
        let Partition { next, held, .. } = *partition;
        let mask = usize::from(places.wrapping_sub(1));
        Self { start: index.wrapping_mul(places.into()), mask, next, held }
    }

    /// Where its entries are; and its heads, two for each.
    pub(super) fn range(&self) -> core::ops::Range<usize> {
        self.start..self.start.wrapping_add(self.mask).wrapping_add(1)
    }

    /// The rank of a head; more than `held` if it is not held any more.
    #[inline]
    pub(super) fn rank(&self, head: Head) -> u16 {
        (self.next as u16).wrapping_sub(head.0)
    }

    /// What a bucket holds.
    #[inline]
    pub(super) fn newest(&self, head: Head) -> Newest {
        let rank = self.rank(head);
        let held = rank <= self.held;
        let older = select_unpredictable(held, self.held.wrapping_sub(rank), 0);
        let number = select_unpredictable(held, head.0, self.next as u16);
        Newest { number, rank: (self.next as u16).wrapping_sub(number), older }
    }

    /// Of a head that is not held, forgets for how long: 16 bits would tell it from one that is for 2^16 messages only. A head
    /// that is held has at most rank 2^15, and so has one that was aged but for one: 2^14 messages later no rank is near 2^16.
    #[inline]
    pub(super) fn age(&self, head: &mut Head) {
        let long_ago = Head::new(self.next.wrapping_sub(MAX_PLACES as u32 + 1));
        *head = if self.rank(*head) > self.held { long_ago } else { *head };
    }

    /// The place of the entry with this rank; for rank 0, where the next one goes.
    #[inline]
    pub(super) fn place(&self, rank: usize) -> usize {
        self.start | (self.next as usize).wrapping_sub(rank) & self.mask
    }

    /// The place of the entry of which this is the low half of the number.
    #[inline]
    pub(super) fn place_of(&self, low: u16) -> usize {
        self.start | usize::from(low) & self.mask
    }

    /// The place of the entry so many ranks behind the one in this place.
    #[inline]
    pub(super) fn place_behind(&self, place: usize, ranks: usize) -> usize {
        self.start | place.wrapping_sub(ranks) & self.mask
    }

    /// Where the head of an id's bucket is. There are twice as many buckets as places.
    #[inline]
    pub(super) fn bucket(&self, id: Scrambled) -> usize {
        self.start << 1 | (id.0 >> 16) as usize & (self.mask << 1 | 1)
    }
}
