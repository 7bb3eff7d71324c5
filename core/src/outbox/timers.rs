use super::NIL;
use super::order::Order;
use super::place::Place;
use crate::time::Instant;

/// What `Place::timer` says of a timer that runs in the order of `send`. Smaller numbers are positions in the heap; `NIL` says that
/// there is no timer.
const IN_ORDER: u16 = NIL - 1;

/// One timer a slot, earliest first; of several that run out at once, that of the slot that was handed over first.
///
/// Nearly every timer is one of a first transmission, and these are set in the order in which they run out. So they need no place
/// of their own: the first of them is found, and the next one is found from there in the order of `send`. All others, and what
/// would run out before the one set last, are kept in a binary heap that knows where each slot stands.
#[derive(Clone, Debug)]
pub(super) struct Timers<const N: usize> {
    /// The first slot whose timer runs in the order of `send`.
    first: u16,
    /// When the one set last of these runs out; zero if there is none.
    last: Instant,
    len: u16,
    heap: [u16; N],
}

impl<const N: usize> Timers<N> {
    pub(super) const fn new() -> Self {
        const { assert!(N < IN_ORDER as usize, "a position in the heap is not mistaken for a mark") };
        Self { first: NIL, last: Instant::ZERO, len: 0, heap: [NIL; N] }
    }

    /// The earliest timer.
    #[inline]
    pub(super) fn first(&self, places: &[Place]) -> Option<(Instant, u16)> {
        let mut first = self.first;
        if self.len > 0 {
            let top = self.slot_at(0);
            if is_before(places, top, first) {
                first = top;
            }
        }
        places.get(usize::from(first)).map(|place| (place.when, first))
    }

    /// Sets the timer of a slot that was handed over for the first time just now.
    #[inline]
    pub(super) fn start(&mut self, places: &mut [Place], slot: u16, at: Instant) {
        let Some(place) = places.get_mut(usize::from(slot)) else { return };
        if place.timer != NIL || at < self.last {
            return self.set(places, slot, at);
        }
        (place.timer, place.when) = (IN_ORDER, at);
        self.last = at;
        if self.first == NIL {
            self.first = slot;
        }
    }

    /// Sets the timer of a slot, or moves it.
    pub(super) fn set(&mut self, places: &mut [Place], slot: u16, at: Instant) {
        let Some(place) = places.get_mut(usize::from(slot)) else { return };
        let position = place.timer;
        let earlier = at < core::mem::replace(&mut place.when, at);
        if position >= self.len {
            if position == IN_ORDER {
                self.leave_order(places, slot);
            }
            self.push_to_heap(places, slot);
        } else if earlier {
            self.rise(places, position);
        } else {
            self.sink(places, position);
        }
    }

    /// Stops the timer of a slot.
    #[inline(always)]
    pub(super) fn stop(&mut self, places: &mut [Place], slot: u16) {
        let Some(place) = places.get_mut(usize::from(slot)) else { return };
        match core::mem::replace(&mut place.timer, NIL) {
            NIL => {}
            IN_ORDER => self.leave_order(places, slot),
            position => self.take_from_heap(places, position),
        }
    }

    /// The timer of a slot runs no longer in the order of `send`.
    #[inline(always)]
    fn leave_order(&mut self, places: &[Place], slot: u16) {
        if self.first != slot {
            return;
        }
        // What is passed over here is so once only: all that come are behind it.
        self.first = NIL;
        let mut next = Order::after(places, slot);
        while let Some(at) = next
            && let Some(place) = places.get(usize::from(at))
            && place.slot.copies > 0
        {
            if place.timer == IN_ORDER {
                self.first = at;
                return;
            }
            next = Order::after(places, at);
        }
        self.last = Instant::ZERO;
    }

    fn push_to_heap(&mut self, places: &mut [Place], slot: u16) {
        let position = self.len;
        self.len += 1;
        self.put_at(places, position, slot);
        self.rise(places, position);
    }

    fn take_from_heap(&mut self, places: &mut [Place], position: u16) {
        if position >= self.len {
            return;
        }
        self.len -= 1;
        if position < self.len {
            let last = self.slot_at(self.len);
            self.put_at(places, position, last);
            let position = self.rise(places, position);
            self.sink(places, position);
        }
    }

    fn rise(&mut self, places: &mut [Place], mut position: u16) -> u16 {
        while position > 0 {
            let parent = (position - 1) / 2;
            if !self.earlier(places, position, parent) {
                break;
            }
            self.swap(places, position, parent);
            position = parent;
        }
        position
    }

    fn sink(&mut self, places: &mut [Place], mut position: u16) {
        loop {
            let left = position.saturating_mul(2).saturating_add(1);
            let right = left.saturating_add(1);
            let earlier = right < self.len && self.earlier(places, right, left);
            let least = if earlier { right } else { left };
            if least >= self.len || !self.earlier(places, least, position) {
                return;
            }
            self.swap(places, position, least);
            position = least;
        }
    }

    fn earlier(&self, places: &[Place], a: u16, b: u16) -> bool {
        is_before(places, self.slot_at(a), self.slot_at(b))
    }

    fn swap(&mut self, places: &mut [Place], a: u16, b: u16) {
        let (slot_a, slot_b) = (self.slot_at(a), self.slot_at(b));
        self.put_at(places, a, slot_b);
        self.put_at(places, b, slot_a);
    }

    fn put_at(&mut self, places: &mut [Place], position: u16, slot: u16) {
        if let Some(entry) = self.heap.get_mut(usize::from(position))
            && let Some(place) = places.get_mut(usize::from(slot))
        {
            *entry = slot;
            place.timer = position;
        }
    }

    fn slot_at(&self, position: u16) -> u16 {
        self.heap.get(usize::from(position)).copied().unwrap_or(NIL)
    }
}

/// Whether the timer of a slot runs out before that of another one; if that is none, it does.
#[inline]
fn is_before(places: &[Place], a: u16, b: u16) -> bool {
    let [a, b] = [a, b].map(|slot| places.get(usize::from(slot)));
    let (Some(a), Some(b)) = (a, b) else { return b.is_none() };
    // Numbers in use are less than half of what 16 bits tell apart from each other.
    let since = b.slot.ordinal.wrapping_sub(a.slot.ordinal);
    a.when < b.when || a.when == b.when && (1..u16::MAX / 2).contains(&since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SplitMix64;

    const SLOTS: usize = 16;

    /// Timers beside a model that looks at all of them.
    struct Modelled {
        places: [Place; SLOTS],
        order: Order,
        timers: Timers<SLOTS>,
        /// When each runs out, and how many were handed over before it.
        model: [Option<(Instant, u16)>; SLOTS],
        handed_over: u16,
        /// The most that there were in the heap.
        heaped: u16,
    }

    impl Modelled {
        fn new() -> Self {
            let (places, timers) = (Place::all(), Timers::new());
            let (order, model) = (Order::new(), [None; SLOTS]);
            Self { places, order, timers, model, handed_over: 0, heaped: 0 }
        }

        /// A slot is handed over for the first time, in place of what it held before.
        fn start(&mut self, slot: u16, at: u64) {
            self.stop(slot);
            self.order.remove(&mut self.places, slot);
            self.order.push(&mut self.places, slot);
            self.order.sent_first(&self.places, slot);
            let place = &mut self.places[usize::from(slot)];
            (place.slot.copies, place.slot.ordinal) = (1, self.handed_over);
            self.timers.start(&mut self.places, slot, Instant::from_micros(at));
            self.model[usize::from(slot)] = Some((Instant::from_micros(at), self.handed_over));
            self.handed_over += 1;
            self.check();
        }

        /// The timer of a slot that was handed over before is set, or moved.
        fn set(&mut self, slot: u16, at: u64) {
            let place = &self.places[usize::from(slot)];
            if place.slot.copies == 0 {
                return self.start(slot, at);
            }
            let ordinal = place.slot.ordinal;
            self.timers.set(&mut self.places, slot, Instant::from_micros(at));
            self.model[usize::from(slot)] = Some((Instant::from_micros(at), ordinal));
            self.check();
        }

        fn stop(&mut self, slot: u16) {
            self.timers.stop(&mut self.places, slot);
            self.model[usize::from(slot)] = None;
            self.check();
        }

        fn check(&mut self) {
            self.heaped = self.heaped.max(self.timers.len);
            let model = self.model.iter().zip(0..);
            let first = model.filter_map(|(timer, slot)| timer.map(|timer| (timer, slot))).min();
            assert_eq!(self.timers.first(&self.places), first.map(|((at, _), slot)| (at, slot)));
        }
    }

    #[test]
    fn the_first_timer_is_the_earliest_and_of_several_that_of_the_slot_handed_over_first() {
        let mut timers = Modelled::new();
        let mut rng = SplitMix64::new(1);
        for _ in 0..30_000 {
            let slot = (rng.next() % SLOTS as u64) as u16;
            match rng.next() % 4 {
                0 => timers.stop(slot),
                1 => timers.start(slot, rng.next() % 50),
                _ => timers.set(slot, rng.next() % 50),
            }
        }
        assert!(timers.heaped > 4);
    }

    #[test]
    fn the_first_timer_is_the_earliest_whatever_comes_in_order_and_whatever_does_not() {
        let mut timers = Modelled::new();
        let mut rng = SplitMix64::new(2);
        for now in 0..20_000 {
            let slot = (rng.next() % SLOTS as u64) as u16;
            // Answers, deadlines, and in every other thousand steps anything.
            match (rng.next() % 5, now / 1_000 % 2) {
                (0 | 1, _) => timers.start(slot, now + 250),
                (2, _) => timers.set(slot, now + 5_000),
                (3, 0) => timers.set(slot, now + rng.next() % 6_000),
                _ => timers.stop(slot),
            }
        }
        assert!(timers.heaped > 1);
    }

    #[test]
    fn timers_of_first_transmissions_need_no_heap() {
        let mut timers = Modelled::new();
        for now in 0..1_000 {
            // Messages are handed over, and answered in whatever order.
            let at = |before: u64| (now + SLOTS as u64 - before) as u16 % SLOTS as u16;
            timers.start(at(0), now + 250);
            timers.stop(at(10 - now % 3));
        }
        assert_eq!(timers.heaped, 0);
    }

    #[test]
    fn once_none_is_left_in_order_timers_may_be_shorter_again() {
        let mut timers = Modelled::new();
        timers.start(0, 1_000);
        timers.start(1, 250);
        assert_eq!(timers.heaped, 1);
        timers.stop(0);
        timers.start(2, 251);
        assert_eq!(timers.heaped, 1);
    }
}
