use super::NIL;
use super::place::Place;
use super::slot::Slot;

/// Slots by a number, the `KEY`-th of each: look-up takes constant time while the numbers in use are consecutive or random.
#[derive(Clone, Debug)]
pub(super) struct Index<const N: usize, const KEY: usize> {
    heads: [u16; N],
}

impl<const N: usize, const KEY: usize> Index<N, KEY> {
    pub(super) const fn new() -> Self {
        Self { heads: [NIL; N] }
    }

    fn bucket(key: u32) -> usize {
        key as usize % N.max(1)
    }

    #[inline]
    pub(super) fn insert(&mut self, places: &mut [Place], key: u32, slot: u16) {
        if let Some(head) = self.heads.get_mut(Self::bucket(key))
            && let Some(place) = places.get_mut(usize::from(slot))
            && let Some(next) = place.next.get_mut(KEY)
        {
            *next = core::mem::replace(head, slot);
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, places: &mut [Place], key: u32, slot: u16) {
        let Some(behind) = Self::after(places, slot) else { return };
        let Some(head) = self.heads.get_mut(Self::bucket(key)) else { return };
        let mut at = *head;
        if at == slot {
            *head = behind;
            return;
        }
        while let Some(place) = places.get_mut(usize::from(at))
            && let Some(next) = place.next.get_mut(KEY)
        {
            at = *next;
            if at == slot {
                *next = behind;
                return;
            }
        }
    }

    /// The one of [`Index::candidates`], the newest of several.
    #[inline(always)]
    pub(super) fn find(
        &self,
        places: &[Place],
        key: u32,
        is_it: impl Fn(&Slot) -> bool,
    ) -> Option<u16> {
        let mut at = self.first(key)?;
        loop {
            let place = places.get(usize::from(at))?;
            if is_it(&place.slot) {
                return Some(at);
            }
            at = *place.next.get(KEY)?;
        }
    }

    /// The slots that may have this number, and others that share its bucket; the newest first.
    pub(super) fn candidates<'a>(
        &self,
        places: &'a [Place],
        key: u32,
    ) -> impl Iterator<Item = u16> + use<'a, N, KEY> {
        let mut at = self.first(key);
        core::iter::from_fn(move || {
            let slot = at?;
            at = Self::next(places, slot);
            Some(slot)
        })
    }

    /// The first of [`Index::candidates`].
    #[inline]
    pub(super) fn first(&self, key: u32) -> Option<u16> {
        self.heads.get(Self::bucket(key)).copied().filter(|head| *head != NIL)
    }

    /// The candidate behind another one.
    pub(super) fn next(places: &[Place], slot: u16) -> Option<u16> {
        Self::after(places, slot).filter(|next| *next != NIL)
    }

    #[inline]
    fn after(places: &[Place], slot: u16) -> Option<u16> {
        places.get(usize::from(slot))?.next.get(KEY).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_found_until_they_are_removed() {
        let places = &mut Place::all::<4>();
        let mut index = Index::<4, 0>::new();
        for (key, slot) in [(1, 0), (5, 1), (9, 2), (2, 3)] {
            index.insert(places, key, slot);
        }
        assert!(index.candidates(places, 5).eq([2, 1, 0]));
        places[1].slot.copies = 1;
        assert_eq!(index.find(places, 5, |slot| slot.copies > 0), Some(1));
        assert_eq!(index.find(places, 2, |slot| slot.copies > 0), None);
        index.remove(places, 5, 1);
        assert!(index.candidates(places, 5).eq([2, 0]));
        index.remove(places, 9, 2);
        index.remove(places, 1, 0);
        assert_eq!(index.candidates(places, 1).next(), None);
        assert!(index.candidates(places, 2).eq([3]));
    }
}
