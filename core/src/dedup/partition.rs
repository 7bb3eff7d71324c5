use super::{Kept, Key};
use crate::wire::{Endpoint, PacketType};

/// The most places of a ring. A number that is stale by less than two rings must not look current in 16 bits.
pub(super) const MAX_PLACES: usize = 0x7fff;

/// The messages of one type that one sender counts: a ring of places, each of them numbered in the order of acceptance.
///
/// Entries are named by rank: the newest has rank 1, the oldest rank `held`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Partition {
    endpoint: Endpoint,
    /// `None` before its first use.
    kind: Option<PacketType>,
    /// The number of the next message. It goes on when the partition changes hands, so that no handle gets valid again.
    pub(super) next: u32,
    /// Where in the ring the next message goes.
    at: u16,
    /// Places in use.
    pub(super) held: u16,
    /// How many of these are of forgotten messages.
    pub(super) forgotten: u16,
}

impl Partition {
    pub(super) const UNUSED: Self =
        Self { endpoint: Endpoint(0), kind: None, next: 0, at: 0, held: 0, forgotten: 0 };

    #[inline]
    pub(super) fn is_of(&self, key: &Key) -> bool {
        self.endpoint == key.endpoint && self.kind == Some(key.kind)
    }

    /// Hands it to another sender, empty.
    pub(super) const fn give_to(&mut self, key: &Key) {
        (self.endpoint, self.kind) = (key.endpoint, Some(key.kind));
        self.clear();
    }

    pub(super) const fn clear(&mut self) {
        (self.held, self.forgotten) = (0, 0);
    }

    /// Entries that were not forgotten.
    pub(super) const fn remembered(&self) -> u16 {
        self.held.saturating_sub(self.forgotten)
    }

    /// The rank of the entry with this number, or the low half of it, if it is held.
    #[inline]
    pub(super) fn rank(&self, low: u16) -> Option<u16> {
        let rank = (self.next as u16).wrapping_sub(low);
        (rank > 0 && rank <= self.held).then_some(rank)
    }

    /// The place of the entry with this rank in a ring of so many places.
    #[inline]
    pub(super) const fn place(&self, rank: u16, places: u16) -> u16 {
        let lap = if rank <= self.at { 0 } else { places };
        self.at.wrapping_add(lap).wrapping_sub(rank)
    }

    /// Gives up the oldest entry, which is this one. Whether it was not forgotten before.
    #[inline]
    pub(super) const fn drop_oldest(&mut self, kept: Kept) -> bool {
        let forgotten = kept.has(Kept::FORGOTTEN);
        self.held = self.held.saturating_sub(1);
        self.forgotten = self.forgotten.saturating_sub(forgotten as u16);
        !forgotten
    }

    /// Takes the next place, which is not in use.
    #[inline]
    pub(super) const fn take_place(&mut self, places: u16) {
        let at = self.at.wrapping_add(1);
        self.at = if at < places { at } else { 0 };
        self.held = self.held.wrapping_add(1);
        self.next = self.next.wrapping_add(1);
    }
}
