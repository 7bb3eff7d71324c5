use super::ring::{Newest, Ring, Scrambled};
use super::{Dedup, Limits};
use core::hint::select_unpredictable;

/// Where a message belongs, and what is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    /// Its partition's index; [`NOWHERE`] if its sender has none.
    pub(super) index: usize,
    /// Where its partition's entries are.
    pub(super) ring: Ring,
    /// Where the head of its bucket is.
    pub(super) bucket: usize,
    pub(super) id: Scrambled,
    /// What its bucket holds.
    pub(super) newest: Newest,
}

/// The index of no partition.
const NOWHERE: usize = Limits::MAX_COUNTERS as usize;

impl Spot {
    /// Of a message whose sender has no partition.
    pub(super) const NONE: Self = Self {
        index: NOWHERE,
        ring: Ring::NONE,
        bucket: 0,
        id: Scrambled::ZERO,
        newest: Newest::NONE,
    };
}

impl<const SEEN: usize> Dedup<SEEN> {
    /// The index of a sender's partition; [`NOWHERE`] if it has none.
    ///
    /// Whose turn it is cannot be predicted, so the first four are compared without asking at each whether it is the one. There
    /// are seldom more.
    #[inline(always)]
    pub(super) fn partition_of(&self, sender: u64) -> usize {
        let [_, others @ .., _, _, _, _] = &self.partitions;
        let index = others.iter().zip(1..).fold(0, |found, (partition, index)| {
            select_unpredictable(partition.is_of(sender), index, found)
        });
        match self.partitions.get(index) {
            Some(partition) if partition.is_of(sender) => index,
            _ => self.partition_beyond(sender),
        }
    }

    #[cold]
    fn partition_beyond(&self, sender: u64) -> usize {
        let place = self.partitions.iter().skip(4).position(|it| it.is_of(sender));
        place.map_or(NOWHERE, |place| place.wrapping_add(4))
    }

    #[inline(always)]
    pub(super) fn ring(&self, index: usize) -> Option<Ring> {
        self.partitions.get(index).map(|partition| Ring::new(index, partition, self.places))
    }

    /// Where a message of this partition belongs.
    #[inline(always)]
    pub(super) fn spot(&self, index: usize, id: u64) -> Option<Spot> {
        let ring = self.ring(index)?;
        let id = Scrambled::new(id, self.factor);
        let bucket = ring.bucket(id);
        let newest = ring.newest(*self.heads.as_flattened().get(bucket)?);
        Some(Spot { index, ring, bucket, id, newest })
    }

    /// The place of the newest entry like this, forgotten ones included.
    ///
    /// Links lead from newer entries to older ones, so that the entries of a ring need not be unlinked: a link to what is not
    /// held any more is the end.
    ///
    /// How long a chain is cannot be predicted, but that two steps are enough mostly can: so two are taken without asking
    /// whether one would do. Where there is nothing to step to, the same place is looked at again; where the bucket holds
    /// nothing at all, that is the place of the message that is accepted next, which is written to anyway.
    #[inline(always)]
    pub(super) fn search(&self, spot: Spot) -> Option<usize> {
        let Spot { ring, id, newest, .. } = spot;
        let (mask, older) = (ring.mask, usize::from(newest.older));
        let first = ring.place_of(newest.number);
        let record = self.records.get(first)?;
        let behind = record.behind(mask);
        let behind = select_unpredictable(behind <= older, behind, 0);
        let second = ring.place_behind(first, behind);
        let next = self.records.get(second)?;
        let (differs, next_differs) = (record.differs(id), next.differs(id));
        if differs.min(next_differs) <= mask as u64 {
            let place = select_unpredictable(differs <= mask as u64, first, second);
            return (newest.rank > 0).then_some(place);
        }
        let further = next.behind(mask);
        if further.wrapping_sub(1) >= older.wrapping_sub(behind) {
            return None;
        }
        let rank = usize::from(newest.rank).wrapping_add(behind).wrapping_add(further);
        self.search_on(spot.index, id, rank).map(|rank| ring.place(rank))
    }

    /// The rank of the newest entry like this, from this rank on.
    #[inline(never)]
    pub(super) fn search_on(&self, index: usize, id: Scrambled, mut rank: usize) -> Option<usize> {
        let ring = self.ring(index)?;
        while rank <= ring.held.into() {
            let record = self.records.get(ring.place(rank))?;
            if record.differs(id) <= ring.mask as u64 {
                return Some(rank);
            }
            let behind = record.behind(ring.mask);
            if behind == 0 {
                return None;
            }
            rank = rank.wrapping_add(behind);
        }
        None
    }
}
