use super::NIL;
use super::list::List;
use super::place::{ORDER, Place};

/// Every slot whose number is in use, in the order of `send`: first those that were handed over, whose number may be that of a copy
/// under way, then those that wait for their first transmission. They leave in this order, so one list is enough.
#[derive(Clone, Debug)]
pub(super) struct Order {
    slots: List<ORDER>,
    /// The first that waits.
    queued: u16,
}

impl Order {
    pub(super) const fn new() -> Self {
        Self { slots: List::new(), queued: NIL }
    }

    /// The first of all.
    #[inline]
    pub(super) fn first(&self) -> Option<u16> {
        self.slots.first()
    }

    /// The first that was handed over.
    #[inline]
    pub(super) fn first_sent(&self) -> Option<u16> {
        self.slots.first().filter(|first| *first != self.queued)
    }

    /// The first that waits for its first transmission; all behind it do.
    #[inline]
    pub(super) fn first_queued(&self) -> Option<u16> {
        (self.queued != NIL).then_some(self.queued)
    }

    /// The last that waits for its first transmission.
    pub(super) fn last_queued(&self) -> Option<u16> {
        self.first_queued().and(self.slots.last())
    }

    /// The slot behind another one.
    #[inline]
    pub(super) fn after(places: &[Place], slot: u16) -> Option<u16> {
        List::<ORDER>::after(places, slot)
    }

    /// Appends a slot, which waits for its first transmission.
    #[inline]
    pub(super) fn push(&mut self, places: &mut [Place], slot: u16) {
        #[cfg(planted)]
        if planted!(LastQueuedFirst)
            && let Some(first) = self.first_queued()
        {
            self.slots.insert(places, slot, first);
            self.queued = slot;
            return;
        }
        self.slots.push(places, slot);
        if self.queued == NIL {
            self.queued = slot;
        }
    }

    /// The first that waited does so no longer.
    #[inline]
    pub(super) fn sent_first(&mut self, places: &[Place], first: u16) {
        debug_assert_eq!(self.queued, first, "messages leave in the order of `send`");
        self.queued = Self::after(places, first).unwrap_or(NIL);
    }

    /// Takes a slot out.
    #[inline]
    pub(super) fn remove(&mut self, places: &mut [Place], slot: u16) {
        if self.queued == slot {
            self.sent_first(places, slot);
        }
        self.slots.remove(places, slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_wait_are_behind_those_that_were_handed_over_whatever_is_taken_out() {
        let places = &mut Place::all::<4>();
        let mut order = Order::new();
        (0..4).for_each(|slot| order.push(places, slot));
        assert_eq!((order.first_sent(), order.first_queued()), (None, Some(0)));
        order.sent_first(places, 0);
        assert_eq!((order.first_sent(), order.first_queued()), (Some(0), Some(1)));
        order.remove(places, 1);
        assert_eq!((order.first_sent(), order.first_queued()), (Some(0), Some(2)));
        order.sent_first(places, 2);
        order.remove(places, 0);
        assert_eq!((order.first_sent(), order.first_queued()), (Some(2), Some(3)));
        assert_eq!(order.last_queued(), Some(3));
        order.sent_first(places, 3);
        assert_eq!((order.first_queued(), order.last_queued()), (None, None));
        order.push(places, 0);
        order.remove(places, 2);
        order.remove(places, 3);
        assert_eq!((order.first_sent(), order.first_queued()), (None, Some(0)));
        order.remove(places, 0);
        assert_eq!((order.first(), order.first_queued()), (None, None));
    }
}
