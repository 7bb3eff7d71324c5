use std::cell::Cell;
use std::ops::{Deref, DerefMut};

/// Bytes that are read or written at a time, at most.
const LEN: usize = 16 * 1024;

thread_local! {
    /// One for reading and one for writing, lent to whichever driver is being polled: thousands of connections that have
    /// nothing to say need no buffers.
    static SPARE: [Cell<Vec<u8>>; 2] = const { [Cell::new(Vec::new()), Cell::new(Vec::new())] };
}

/// A buffer for as long as a task is polled.
pub(crate) struct Scratch(Vec<u8>);

impl Scratch {
    pub(crate) fn take() -> Self {
        let spare = |places: &[Cell<Vec<u8>>; 2]| {
            places.iter().map(Cell::take).find(|spare| spare.len() == LEN)
        };
        // While a thread ends there are none.
        let spare = SPARE.try_with(spare).ok().flatten();
        Self(spare.unwrap_or_else(|| vec![0; LEN]))
    }
}

impl Deref for Scratch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let spare = std::mem::take(&mut self.0);
        // While a thread ends there is nowhere to put it.
        let _ = SPARE.try_with(|places| {
            let free = places.iter().find(|place| {
                let kept = place.take();
                let free = kept.is_empty();
                place.set(kept);
                free
            });
            if let Some(place) = free {
                place.set(spare);
            }
        });
    }
}
