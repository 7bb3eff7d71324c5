use super::NIL;
use super::place::{Link, Place};

/// A list of slots: first in, first out, and out of the middle, all in constant time. A slot is in at most one list of a `KIND`.
#[derive(Clone, Debug)]
pub(super) struct List<const KIND: usize> {
    head: u16,
    tail: u16,
}

impl<const KIND: usize> List<KIND> {
    pub(super) const fn new() -> Self {
        Self { head: NIL, tail: NIL }
    }

    #[inline]
    pub(super) fn first(&self) -> Option<u16> {
        (self.head != NIL).then_some(self.head)
    }

    #[inline]
    pub(super) fn last(&self) -> Option<u16> {
        (self.tail != NIL).then_some(self.tail)
    }

    /// The slot behind another one in its list.
    pub(super) fn after(places: &[Place], slot: u16) -> Option<u16> {
        let behind = places.get(usize::from(slot))?.links.get(KIND)?.behind;
        (behind != NIL).then_some(behind)
    }

    #[inline]
    fn link(places: &mut [Place], slot: u16) -> Option<&mut Link> {
        places.get_mut(usize::from(slot))?.links.get_mut(KIND)
    }

    /// Appends a slot that is in no list of this kind; otherwise changes nothing.
    #[inline]
    pub(super) fn push(&mut self, places: &mut [Place], slot: u16) {
        let Some(link) = Self::link(places, slot).filter(|link| link.before == slot) else {
            return;
        };
        *link = Link { before: self.tail, behind: NIL };
        match Self::link(places, self.tail) {
            Some(last) => last.behind = slot,
            None => self.head = slot,
        }
        self.tail = slot;
    }

    /// Puts a slot that is in no list of this kind in front of one that is in this.
    #[cfg(planted)]
    pub(super) fn insert(&mut self, places: &mut [Place], slot: u16, behind: u16) {
        let before = Self::link(places, behind).map_or(NIL, |link| link.before);
        if let Some(link) = Self::link(places, slot) {
            *link = Link { before, behind };
        }
        if let Some(link) = Self::link(places, behind) {
            link.before = slot;
        }
        match Self::link(places, before) {
            Some(link) => link.behind = slot,
            None => self.head = slot,
        }
    }

    /// Takes a slot out of the list that it is in, if it is in it.
    #[inline]
    pub(super) fn remove(&mut self, places: &mut [Place], slot: u16) {
        let Some(link) = Self::link(places, slot).filter(|link| link.before != slot) else {
            return;
        };
        let Link { before, behind } = core::mem::replace(link, Link { before: slot, behind: NIL });
        match Self::link(places, before) {
            Some(link) => link.behind = behind,
            None => self.head = behind,
        }
        match Self::link(places, behind) {
            Some(link) => link.before = before,
            None => self.tail = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn slots_leave_in_the_order_they_came_whatever_is_taken_out() {
        let places = &mut Place::all::<8>();
        let (mut list, mut other) = (List::<0>::new(), List::<0>::new());
        (0..8).for_each(|slot| list.push(places, slot));
        list.push(places, 3);
        other.push(places, 3);
        assert_eq!(other.first(), None);
        [0, 7, 4, 4].iter().for_each(|slot| list.remove(places, *slot));
        list.push(places, 0);
        other.push(places, 4);
        assert_eq!((List::<0>::after(places, 1), List::<0>::after(places, 0)), (Some(2), None));
        assert_eq!(list.last(), Some(0));
        let left: Vec<u16> =
            core::iter::from_fn(|| list.first().inspect(|slot| list.remove(places, *slot)))
                .collect();
        assert_eq!(left, [1, 2, 3, 5, 6, 0]);
        assert_eq!((list.last(), other.first()), (None, Some(4)));
    }

    #[test]
    fn lists_of_different_kinds_do_not_touch_each_other() {
        let places = &mut Place::all::<3>();
        let (mut list, mut other) = (List::<0>::new(), List::<1>::new());
        [0, 1, 2].iter().for_each(|slot| list.push(places, *slot));
        [2, 1, 0].iter().for_each(|slot| other.push(places, *slot));
        list.remove(places, 1);
        assert_eq!((List::<0>::after(places, 0), List::<1>::after(places, 2)), (Some(2), Some(1)));
    }
}
