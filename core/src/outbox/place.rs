use super::NIL;
use super::slot::Slot;
use crate::event::MessageId;
use crate::time::Instant;
use core::fmt;

/// One slot: what it holds, and where it stands in every list.
///
/// All of it in one piece: whoever looks at a message looks at most of this.
#[derive(Clone)]
pub(super) struct Place {
    /// The message; of a free place one that has ended and been told.
    pub(super) slot: Slot,
    /// When its timer runs out, if it has one.
    pub(super) when: Instant,
    /// Which timer it has; what it says is the timers' own business.
    pub(super) timer: u16,
    /// Neighbours in the lists of each kind.
    pub(super) links: [Link; KINDS],
    /// The one behind it in its bucket of each index.
    pub(super) next: [u16; INDEXES],
    /// The slot behind it among those with events to tell.
    pub(super) next_with_news: u16,
    /// Counts how often it was used, so that a stale id is told from a live one.
    pub(super) generation: u32,
}

/// Kinds of lists. A slot is in at most one of each kind.
const KINDS: usize = 2;
/// Free slots, and slots whose next transmission is due.
pub(super) const DUE: usize = 0;
/// Slots whose number is in use.
pub(super) const ORDER: usize = 1;

/// Indexes of slots by a number.
const INDEXES: usize = 3;
pub(super) const BY_MSG_ID: usize = 0;
pub(super) const BY_COUNTER: usize = 1;
pub(super) const BY_DESTINATION: usize = 2;

/// The neighbours of a slot in a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// The slot itself if it is in no list.
    pub(super) before: u16,
    pub(super) behind: u16,
}

impl Place {
    /// Free places, each in no list and linked to the one behind it.
    pub(super) fn all<const N: usize>() -> [Self; N] {
        core::array::from_fn(|at| {
            let nowhere = Link { before: at as u16, behind: NIL };
            let mut place = Self {
                slot: Slot::NONE,
                when: Instant::ZERO,
                timer: NIL,
                links: [nowhere; KINDS],
                next: [NIL; INDEXES],
                next_with_news: NIL,
                generation: 0,
            };
            if at + 1 < N {
                place.give_back(at as u16 + 1);
            }
            place
        })
    }
}

/// How many bits of an id say which slot it is; the others count how often that was used.
const fn slot_bits<const N: usize>() -> u32 {
    usize::BITS - N.saturating_sub(1).leading_zeros()
}

/// The slot that an id is about, if it is one of this session.
pub(super) const fn slot_of<const N: usize>(id: MessageId) -> u16 {
    (id.0 & ((1 << slot_bits::<N>()) - 1)) as u16
}

impl Place {
    /// The id of the message in this place, which is that of the slot `at`.
    #[inline]
    pub(super) const fn id<const N: usize>(&self, at: u16) -> MessageId {
        MessageId(self.generation << slot_bits::<N>() | at as u32)
    }

    /// Whether the message in this place has ended, that was told, and its number is free: then it is no longer there.
    #[inline]
    pub(super) const fn is_over(&self) -> bool {
        // What has ended has a timer as long as copies of it may be under way.
        self.timer == NIL && self.slot.done.is_some() && self.slot.news == 0
    }

    /// Links this place, which is in no list, to the free place that is used after it.
    #[inline]
    pub(super) fn give_back(&mut self, next: u16) {
        let [due, ..] = &mut self.links;
        due.behind = next;
    }

    /// The free place that is used after this one.
    #[inline]
    pub(super) fn take(&self) -> u16 {
        let [due, ..] = &self.links;
        due.behind
    }
}

/// What decides something: of a free place, not what it held.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, when, timer, links, next, next_with_news, generation } = self;
        if self.is_over() {
            let mut free = f.debug_struct("Free");
            return free.field("behind", &self.take()).field("generation", generation).finish();
        }
        f.debug_struct("Place")
            .field("slot", slot)
            .field("when", when)
            .field("timer", timer)
            .field("links", links)
            .field("next", next)
            .field("next_with_news", next_with_news)
            .field("generation", generation)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_slot_and_is_told_from_those_before_it_as_long_as_there_are_bits() {
        let later = |generation| {
            let [place] = Place::all::<1>();
            Place { generation, ..place }
        };
        assert_eq!(later(0).id::<1>(0), MessageId(0));
        assert_eq!(later(9).id::<1>(0), MessageId(9));
        assert_eq!(later(1 << 25).id::<128>(127), MessageId(127));
        for at in [0, 1, 126, 127] {
            let id = later(0x1ff_fffe).id::<128>(at);
            assert_eq!((slot_of::<128>(id), id.0 >> 7), (at, 0x1ff_fffe));
        }
        assert_eq!(slot_of::<100>(later(3).id::<100>(99)), 99);
    }

    #[test]
    fn a_place_is_as_large_as_two_cache_lines() {
        assert_eq!(size_of::<Place>(), 128);
    }
}
