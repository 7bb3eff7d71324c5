use super::NIL;

/// Slots in an order: first in, first out, and out of the middle. All in constant time.
#[derive(Debug)]
pub(super) struct Order<const N: usize> {
    /// Of each slot: the one before it and the one behind it; `None` if it is not in this order.
    links: [Option<(u16, u16)>; N],
    head: u16,
    tail: u16,
    len: usize,
}

impl<const N: usize> Order<N> {
    pub(super) const fn new() -> Self {
        Self { links: [None; N], head: NIL, tail: NIL, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn first(&self) -> Option<u16> {
        (self.head != NIL).then_some(self.head)
    }

    /// Appends a slot that is not in this order yet; otherwise changes nothing.
    pub(super) fn push(&mut self, slot: u16) {
        let tail = self.tail;
        match self.links.get_mut(usize::from(slot)) {
            Some(place @ None) => *place = Some((tail, NIL)),
            _ => return,
        }
        match self.links.get_mut(usize::from(tail)) {
            Some(Some((_, next))) => *next = slot,
            _ => self.head = slot,
        }
        self.tail = slot;
        self.len += 1;
    }

    /// Takes a slot out, if it is in this order.
    pub(super) fn remove(&mut self, slot: u16) {
        let Some((before, behind)) = self.links.get_mut(usize::from(slot)).and_then(Option::take)
        else {
            return;
        };
        match self.links.get_mut(usize::from(before)) {
            Some(Some((_, next))) => *next = behind,
            _ => self.head = behind,
        }
        match self.links.get_mut(usize::from(behind)) {
            Some(Some((previous, _))) => *previous = before,
            _ => self.tail = before,
        }
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn slots_leave_in_the_order_they_came_whatever_is_taken_out() {
        let mut order = Order::<8>::new();
        (0..8).for_each(|slot| order.push(slot));
        order.push(3);
        [0, 7, 4, 4].iter().for_each(|slot| order.remove(*slot));
        order.push(0);
        assert_eq!(order.len(), 6);
        let left: Vec<u16> =
            core::iter::from_fn(|| order.first().inspect(|slot| order.remove(*slot))).collect();
        assert_eq!(left, [1, 2, 3, 5, 6, 0]);
        assert_eq!(order.first(), None);
    }
}
