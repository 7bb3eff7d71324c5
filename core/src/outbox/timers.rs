use super::NIL;
use super::order::List;
use super::place::{Place, TIMED};
use crate::time::Instant;

/// What `Place::timer` says of a timer in the first or the second run. Smaller numbers are positions in the heap; `NIL` says that
/// there is no timer.
const IN_RUN: [u16; 2] = [NIL - 2, NIL - 1];

/// One timer a slot, earliest first.
///
/// Nearly all timers are set in the order in which they run out: those of answers among themselves, and those of deadlines. Each
/// of these two goes to the end of a list, in constant time however many there are. What fits the end of neither is kept in a
/// binary heap that knows where each slot stands.
#[derive(Clone, Debug)]
pub(super) struct Timers<const N: usize> {
    runs: [List<TIMED>; 2],
    len: u16,
    heap: [u16; N],
}

impl<const N: usize> Timers<N> {
    pub(super) const fn new() -> Self {
        const { assert!(N <= NIL as usize - 2, "a position in the heap is not mistaken for a run") };
        Self { runs: [List::new(), List::new()], len: 0, heap: [NIL; N] }
    }

    /// The earliest timer.
    #[inline]
    pub(super) fn first(&self, places: &[Place]) -> Option<(Instant, u16)> {
        let [a, b] = &self.runs;
        let mut first = timer(places, a.head());
        let mut consider = |other: Option<(Instant, u16)>| {
            if let Some((at, _)) = other
                && first.is_none_or(|(earliest, _)| at < earliest)
            {
                first = other;
            }
        };
        consider(timer(places, b.head()));
        if self.len > 0 {
            consider(timer(places, self.slot_at(0)));
        }
        first
    }

    /// Sets the timer of a slot, or moves it.
    #[inline]
    pub(super) fn set(&mut self, places: &mut [Place], slot: u16, at: Instant) {
        let Some(place) = places.get_mut(usize::from(slot)) else { return };
        let mark = place.timer;
        if mark != NIL && self.moved(places, slot, mark, at) {
            return;
        }
        let mark = self.run_for(places, at);
        put(places, slot, mark, at);
        match self.run_mut(mark) {
            Some(run) => run.push(places, slot),
            None => self.push_to_heap(places, slot),
        }
    }

    /// Moves a timer within the heap or at the end of its run. Otherwise false, and it is stopped.
    fn moved(&mut self, places: &mut [Place], slot: u16, mark: u16, at: Instant) -> bool {
        if mark < self.len {
            let earlier = Some(at) < end(places, slot);
            put(places, slot, mark, at);
            if earlier {
                self.rise(places, mark);
            } else {
                self.sink(places, mark);
            }
            return true;
        }
        let stays = self.run_mut(mark).is_some_and(|run| {
            run.tail() == slot && end(places, run.before_tail(places)) <= Some(at)
        });
        if stays {
            put(places, slot, mark, at);
        } else {
            self.stop(places, slot);
        }
        stays
    }

    /// Stops the timer of a slot.
    #[inline]
    pub(super) fn stop(&mut self, places: &mut [Place], slot: u16) {
        let Some(place) = places.get_mut(usize::from(slot)) else { return };
        let mark = core::mem::replace(&mut place.timer, NIL);
        match self.run_mut(mark) {
            Some(run) => run.remove(places, slot),
            None => self.take_from_heap(places, mark),
        }
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

    /// The run that a timer fits the end of; of two the one that ends later, so that early timers and late ones do not mix. `NIL`
    /// if it fits neither.
    #[inline]
    fn run_for(&self, places: &[Place], at: Instant) -> u16 {
        let [a, b] = &self.runs;
        let (a, b) = (end(places, a.tail()), end(places, b.tail()));
        let [in_a, in_b] = IN_RUN;
        if b <= Some(at) && (a < b || a > Some(at)) {
            in_b
        } else if a <= Some(at) {
            in_a
        } else {
            NIL
        }
    }

    #[inline]
    fn run_mut(&mut self, mark: u16) -> Option<&mut List<TIMED>> {
        let [a, b] = &mut self.runs;
        let [in_a, in_b] = IN_RUN;
        match mark {
            _ if mark == in_a => Some(a),
            _ if mark == in_b => Some(b),
            _ => None,
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
        end(places, self.slot_at(a)) < end(places, self.slot_at(b))
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

/// When the timer of this slot runs out; `None` of none.
#[inline]
fn end(places: &[Place], slot: u16) -> Option<Instant> {
    places.get(usize::from(slot)).map(|place| place.when)
}

#[inline]
fn timer(places: &[Place], slot: u16) -> Option<(Instant, u16)> {
    end(places, slot).map(|at| (at, slot))
}

#[inline]
fn put(places: &mut [Place], slot: u16, mark: u16, at: Instant) {
    if let Some(place) = places.get_mut(usize::from(slot)) {
        (place.timer, place.when) = (mark, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SplitMix64;

    const SLOTS: usize = 16;

    /// Timers beside a model that looks at all of them.
    struct Modelled {
        places: [Place; SLOTS],
        timers: Timers<SLOTS>,
        model: [Option<Instant>; SLOTS],
        /// The most that there were in the heap.
        heaped: u16,
    }

    impl Modelled {
        fn new() -> Self {
            let (places, timers) = (Place::all(), Timers::new());
            Self { places, timers, model: [None; SLOTS], heaped: 0 }
        }

        fn set(&mut self, slot: u16, at: u64) {
            let at = Instant::from_micros(at);
            self.timers.set(&mut self.places, slot, at);
            self.model[usize::from(slot)] = Some(at);
            self.check();
        }

        fn stop(&mut self, slot: u16) {
            self.timers.stop(&mut self.places, slot);
            self.model[usize::from(slot)] = None;
            self.check();
        }

        fn check(&mut self) {
            self.heaped = self.heaped.max(self.timers.len);
            let first = self.timers.first(&self.places);
            assert_eq!(first.map(|(at, _)| at), self.model.iter().flatten().min().copied());
            if let Some((at, slot)) = first {
                assert_eq!(self.model[usize::from(slot)], Some(at));
            }
        }
    }

    #[test]
    fn the_first_timer_is_always_the_earliest_of_those_that_run() {
        let mut timers = Modelled::new();
        let mut rng = SplitMix64::new(1);
        for _ in 0..10_000 {
            let slot = (rng.next() % SLOTS as u64) as u16;
            if rng.next().is_multiple_of(3) {
                timers.stop(slot);
            } else {
                timers.set(slot, rng.next() % 50);
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
                (0 | 1, _) => timers.set(slot, now + 250),
                (2, _) => timers.set(slot, now + 5_000),
                (3, 0) => timers.set(slot, now + rng.next() % 6_000),
                _ => timers.stop(slot),
            }
        }
        assert!(timers.heaped > 1);
    }

    #[test]
    fn timers_that_come_in_the_order_of_two_waits_need_no_heap() {
        let mut timers = Modelled::new();
        for now in 0..1_000 {
            // A message waits with its deadline, is handed over five steps later, and done after another five.
            let at = |before: u64| (now + SLOTS as u64 - before) as u16 % SLOTS as u16;
            timers.set(at(0), now + 5_000);
            timers.set(at(5), now + 250);
            timers.stop(at(10));
        }
        assert_eq!(timers.heaped, 0);
    }
}
