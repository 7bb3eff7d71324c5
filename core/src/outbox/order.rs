use super::NIL;

/// Lists of slots: first in, first out, and out of the middle, all in constant time. A slot is in at most one of the `LISTS`.
#[derive(Debug)]
pub(super) struct Lists<const N: usize, const LISTS: usize> {
    /// Of each slot: the one before it and the one behind it; itself before itself if it is in no list.
    links: [[u16; 2]; N],
    ends: [Ends; LISTS],
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    head: u16,
    tail: u16,
    len: u16,
}

impl<const N: usize, const LISTS: usize> Lists<N, LISTS> {
    pub(super) fn new() -> Self {
        Self {
            links: core::array::from_fn(|slot| [slot as u16, NIL]),
            ends: [Ends { head: NIL, tail: NIL, len: 0 }; LISTS],
        }
    }

    pub(super) fn len(&self, list: usize) -> u16 {
        self.ends.get(list).map_or(0, |ends| ends.len)
    }

    #[inline]
    pub(super) fn first(&self, list: usize) -> Option<u16> {
        let head = self.ends.get(list)?.head;
        (head != NIL).then_some(head)
    }

    /// The slot behind another one in its list.
    pub(super) fn after(&self, slot: u16) -> Option<u16> {
        let [_, next] = *self.links.get(usize::from(slot))?;
        (next != NIL).then_some(next)
    }

    /// Appends a slot that is in no list; otherwise changes nothing.
    #[inline]
    pub(super) fn push(&mut self, list: usize, slot: u16) {
        let Some(ends) = self.ends.get_mut(list) else { return };
        let Some(link) = self.links.get_mut(usize::from(slot)) else { return };
        let [before, _] = *link;
        if before != slot {
            return;
        }
        *link = [ends.tail, NIL];
        match self.links.get_mut(usize::from(ends.tail)) {
            Some([_, next]) => *next = slot,
            None => ends.head = slot,
        }
        ends.tail = slot;
        ends.len = ends.len.wrapping_add(1);
    }

    /// Takes a slot out of the list that it is in, if it is in it.
    #[inline]
    pub(super) fn remove(&mut self, list: usize, slot: u16) {
        let Some(ends) = self.ends.get_mut(list) else { return };
        let Some(link) = self.links.get_mut(usize::from(slot)) else { return };
        let [before, behind] = *link;
        if before == slot {
            return;
        }
        *link = [slot, NIL];
        match self.links.get_mut(usize::from(before)) {
            Some([_, next]) => *next = behind,
            None => ends.head = behind,
        }
        match self.links.get_mut(usize::from(behind)) {
            Some([previous, _]) => *previous = before,
            None => ends.tail = before,
        }
        ends.len = ends.len.wrapping_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn slots_leave_in_the_order_they_came_whatever_is_taken_out() {
        let mut lists = Lists::<8, 2>::new();
        (0..8).for_each(|slot| lists.push(0, slot));
        lists.push(0, 3);
        lists.push(1, 3);
        [0, 7, 4, 4].iter().for_each(|slot| lists.remove(0, *slot));
        lists.push(0, 0);
        lists.push(1, 4);
        assert_eq!((lists.len(0), lists.len(1)), (6, 1));
        assert_eq!((lists.after(1), lists.after(0)), (Some(2), None));
        let left: Vec<u16> =
            core::iter::from_fn(|| lists.first(0).inspect(|slot| lists.remove(0, *slot))).collect();
        assert_eq!(left, [1, 2, 3, 5, 6, 0]);
        assert_eq!((lists.first(0), lists.first(1)), (None, Some(4)));
    }
}
