use super::NIL;
use super::slot::Slot;
use crate::event::MessageId;
use crate::time::Instant;

/// One slot: what it holds, and where it stands in every list.
///
/// All of it in one piece: whoever looks at a message looks at most of this.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The message, if there is one.
    pub(super) slot: Option<Slot>,
    /// When its timer runs out, if it has one.
    pub(super) when: Instant,
    /// Which timer it has; what it says is the timers' own business.
    pub(super) timer: u16,
    /// Neighbours in the lists of each kind.
    pub(super) links: [Link; KINDS],
    /// The one behind it in its bucket of each index.
    pub(super) next: [u16; INDEXES],
    /// Counts how often it was used, so that a stale id is told from a live one.
    pub(super) generation: u32,
}

/// Kinds of lists. A slot is in at most one of each kind.
const KINDS: usize = 3;
/// What a slot waits for: being used, or its next transmission.
pub(super) const WAITING: usize = 0;
/// Slots whose number may be that of a copy under way.
pub(super) const NUMBERED: usize = 1;
/// Slots with timers in the order in which these run out.
pub(super) const TIMED: usize = 2;

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
    /// As many free places as fit, each in no list.
    pub(super) fn all<const N: usize>() -> [Self; N] {
        core::array::from_fn(|at| {
            let nowhere = Link { before: at as u16, behind: NIL };
            Self {
                slot: None,
                when: Instant::ZERO,
                timer: NIL,
                links: [nowhere; KINDS],
                next: [NIL; INDEXES],
                generation: 0,
            }
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

    /// Links this place, which is in no list, to the free place that is used after it.
    #[inline]
    pub(super) fn give_back(&mut self, next: u16) {
        let [waiting, ..] = &mut self.links;
        waiting.behind = next;
    }

    /// The free place that is used after this one.
    #[inline]
    pub(super) fn take(&self) -> u16 {
        let [waiting, ..] = &self.links;
        waiting.behind
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
