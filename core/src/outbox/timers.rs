use super::NIL;
use crate::time::Instant;

/// One timer a slot, earliest first: a binary heap that knows where each slot stands.
#[derive(Debug)]
pub(super) struct Timers<const N: usize> {
    heap: [u16; N],
    len: usize,
    /// Where each slot stands in the heap; `NIL` if it has no timer.
    positions: [u16; N],
    /// When the timer of each slot runs out.
    times: [Instant; N],
}

impl<const N: usize> Timers<N> {
    pub(super) const fn new() -> Self {
        Self { heap: [NIL; N], len: 0, positions: [NIL; N], times: [Instant::ZERO; N] }
    }

    /// The earliest timer.
    pub(super) fn first(&self) -> Option<(Instant, u16)> {
        let slot = self.heap.get(..self.len)?.first().copied()?;
        Some((self.at(slot), slot))
    }

    /// Sets the timer of a slot, or moves it.
    pub(super) fn set(&mut self, slot: u16, at: Instant) {
        let Some(time) = self.times.get_mut(usize::from(slot)) else { return };
        let before = core::mem::replace(time, at);
        let mut position = self.position(slot);
        if position >= self.len {
            position = self.len;
            self.len += 1;
            self.place(position, slot);
            self.rise(position);
        } else if at < before {
            self.rise(position);
        } else {
            self.sink(position);
        }
    }

    /// Stops the timer of a slot.
    pub(super) fn stop(&mut self, slot: u16) {
        let position = self.position(slot);
        if position >= self.len {
            return;
        }
        self.len -= 1;
        if let Some(place) = self.positions.get_mut(usize::from(slot)) {
            *place = NIL;
        }
        if position < self.len {
            let last = self.slot_at(self.len);
            self.place(position, last);
            let position = self.rise(position);
            self.sink(position);
        }
    }

    fn rise(&mut self, mut position: usize) -> usize {
        while position > 0 {
            let parent = (position - 1) / 2;
            if !self.earlier(position, parent) {
                break;
            }
            self.swap(position, parent);
            position = parent;
        }
        position
    }

    fn sink(&mut self, mut position: usize) {
        loop {
            let (left, right) = (2 * position + 1, 2 * position + 2);
            let least = if right < self.len && self.earlier(right, left) { right } else { left };
            if least >= self.len || !self.earlier(least, position) {
                return;
            }
            self.swap(position, least);
            position = least;
        }
    }

    fn earlier(&self, a: usize, b: usize) -> bool {
        self.at(self.slot_at(a)) < self.at(self.slot_at(b))
    }

    fn swap(&mut self, a: usize, b: usize) {
        let (slot_a, slot_b) = (self.slot_at(a), self.slot_at(b));
        self.place(a, slot_b);
        self.place(b, slot_a);
    }

    fn place(&mut self, position: usize, slot: u16) {
        if let Some(place) = self.heap.get_mut(position)
            && let Some(index) = self.positions.get_mut(usize::from(slot))
        {
            *place = slot;
            *index = position as u16;
        }
    }

    fn slot_at(&self, position: usize) -> u16 {
        self.heap.get(position).copied().unwrap_or(NIL)
    }

    fn position(&self, slot: u16) -> usize {
        self.positions.get(usize::from(slot)).map_or(usize::MAX, |position| usize::from(*position))
    }

    /// When the timer of a slot runs out, if it has one.
    pub(super) fn at(&self, slot: u16) -> Instant {
        self.times.get(usize::from(slot)).map_or(Instant::MAX, |at| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SplitMix64;

    #[test]
    fn the_first_timer_is_always_the_earliest_of_those_that_run() {
        let mut timers = Timers::<16>::new();
        let mut model = [None; 16];
        let mut rng = SplitMix64::new(1);
        for _ in 0..10_000 {
            let slot = (rng.next() % 16) as u16;
            if rng.next().is_multiple_of(3) {
                timers.stop(slot);
                model[usize::from(slot)] = None;
            } else {
                let at = Instant::from_micros(rng.next() % 50);
                timers.set(slot, at);
                model[usize::from(slot)] = Some(at);
            }
            let earliest = model.iter().flatten().min().copied();
            assert_eq!(timers.first().map(|(at, _)| at), earliest);
            if let Some((at, slot)) = timers.first() {
                assert_eq!(model[usize::from(slot)], Some(at));
            }
        }
    }
}
