use super::Key;

/// The most places of a ring: a rank must be told by 16 bits of a number.
pub(super) const MAX_PLACES: usize = 0x8000;

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
    pub(super) const UNUSED: Self = Self { sender: 0, next: 0, held: 0, forgotten: 0 };

    #[inline]
    pub(super) const fn is_of(&self, key: &Key) -> bool {
        self.sender == key.sender()
    }

    /// Hands it to another sender, empty.
    pub(super) const fn give_to(&mut self, key: &Key) {
        self.sender = key.sender();
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

/// Where in the arrays a partition's entries are.
#[derive(Clone, Copy)]
pub(super) struct Ring {
    start: usize,
    places: usize,
    /// The number of the next message.
    pub(super) next: usize,
    pub(super) held: usize,
}

impl Ring {
    /// `places` is a power of two.
    #[inline]
    pub(super) fn new(index: usize, partition: &Partition, places: u16) -> Self {
        let places = usize::from(places);
        let Partition { next, held, .. } = *partition;
        Self {
            start: index.wrapping_mul(places),
            places,
            next: next as usize,
            held: usize::from(held),
        }
    }

    /// The rank of the entry of which this is the low half of the number; more than `held` if it is not held any more.
    #[inline]
    pub(super) fn rank(&self, low: u16) -> usize {
        let newer = (self.next as u16).wrapping_sub(low).wrapping_sub(1);
        usize::from(newer).wrapping_add(1)
    }

    /// The place of the entry with this rank; for rank 0, where the next one goes.
    #[inline]
    pub(super) fn place(&self, rank: usize) -> usize {
        let number = self.next.wrapping_sub(rank);
        self.start | number & self.places.wrapping_sub(1)
    }

    /// The place of the entry of which this is the low half of the number.
    #[inline]
    pub(super) fn place_of(&self, low: u16) -> usize {
        self.start | usize::from(low) & self.places.wrapping_sub(1)
    }

    /// Where the head of an id's bucket is. There are as many buckets as places.
    #[inline]
    pub(super) fn bucket(&self, id: u64, factor: u64) -> usize {
        let product = u128::from(id << 16).wrapping_mul(u128::from(factor));
        let hash = (product >> 64) as u64 ^ product as u64;
        self.start | (hash >> 32) as usize & self.places.wrapping_sub(1)
    }
}
