/// Bytes a ring has for each of the session's slots.
const BYTES_PER_SLOT: usize = 24;

/// The bytes of one lane's messages, oldest first; each message is one slice.
///
/// A message that does not fit behind the newest one starts at zero, and the bytes left at the end stay unused until the
/// oldest message is the one at zero. So the places follow from the lengths, which the lane's records keep.
#[derive(Clone, Debug)]
pub(super) struct Ring<const N: usize> {
    bytes: [[u8; BYTES_PER_SLOT]; N],
    /// Where the oldest message starts.
    start: u32,
    /// Where the newest one ends.
    end: u32,
    /// Whether the newest one lies before the oldest.
    wrapped: bool,
}

impl<const N: usize> Ring<N> {
    pub(super) const CAPACITY: usize = N * BYTES_PER_SLOT;

    pub(super) const fn new() -> Self {
        const { assert!(Self::CAPACITY <= u32::MAX as usize / 2, "sums of two places fit") };
        Self { bytes: [[0; BYTES_PER_SLOT]; N], start: 0, end: 0, wrapped: false }
    }

    /// Where a message of this length would start, if there is room for it.
    #[inline]
    pub(super) fn place(&self, len: u16) -> Option<u32> {
        let len = u32::from(len);
        if self.wrapped {
            (self.end + len <= self.start).then_some(self.end)
        } else if self.end + len <= Self::CAPACITY as u32 {
            Some(self.end)
        } else {
            (len <= self.start).then_some(0)
        }
    }

    /// Adds a message that is written into its [place](Ring::place).
    #[inline]
    pub(super) fn push(&mut self, start: u32, len: u16, write: impl FnOnce(&mut [u8])) {
        self.wrapped |= start != self.end;
        self.end = start + u32::from(len);
        if let Some(place) = self.bytes.as_flattened_mut().get_mut(range(start, len)) {
            write(place);
        }
    }

    /// The oldest message, which has this length.
    pub(super) fn first(&self, len: u16) -> &[u8] {
        self.bytes.as_flattened().get(range(self.start, len)).unwrap_or_default()
    }

    /// Gives up the oldest message, which was the only one.
    pub(super) fn clear(&mut self) {
        (self.start, self.end, self.wrapped) = (0, 0, false);
    }

    /// Gives up the oldest message, which has this length; `next` is the length of the one behind it.
    pub(super) fn pop(&mut self, len: u16, next: u16) {
        let behind = self.start + u32::from(len);
        if behind + u32::from(next) <= Self::CAPACITY as u32 {
            self.start = behind;
        } else {
            (self.start, self.wrapped) = (0, false);
        }
    }
}

fn range(start: u32, len: u16) -> core::ops::Range<usize> {
    let start = start as usize;
    start..start + usize::from(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(ring: &mut Ring<1>, byte: u8, len: u16) -> bool {
        let place = ring.place(len);
        if let Some(start) = place {
            ring.push(start, len, |place| place.fill(byte));
        }
        place.is_some()
    }

    #[test]
    fn a_message_that_does_not_fit_behind_the_newest_starts_at_zero() {
        let mut ring = Ring::<1>::new();
        assert!(push(&mut ring, 1, 10) && push(&mut ring, 2, 10));
        assert!(!push(&mut ring, 3, 5), "4 bytes behind, none before");
        ring.pop(10, 10);
        assert!(push(&mut ring, 3, 10), "10 bytes before the oldest");
        assert!(!push(&mut ring, 4, 1), "the 4 bytes at the end are left unused");
        assert!(push(&mut ring, 4, 0), "no byte always has room");
        assert_eq!(ring.first(10), [2; 10]);
        ring.pop(10, 10);
        assert_eq!(ring.first(10), [3; 10]);
        assert!(push(&mut ring, 5, 14), "all that is behind");
        ring.pop(10, 0);
        ring.pop(0, 14);
        assert_eq!(ring.first(14), [5; 14]);
        ring.clear();
        assert!(push(&mut ring, 6, 24), "empty, it holds its capacity");
        assert!(!push(&mut ring, 7, 1));
    }

    #[test]
    fn an_empty_message_behind_the_last_byte_harms_nothing() {
        let mut ring = Ring::<1>::new();
        assert!(push(&mut ring, 1, 20) && push(&mut ring, 2, 4) && push(&mut ring, 3, 0));
        ring.pop(20, 4);
        assert!(push(&mut ring, 4, 20));
        ring.pop(4, 0);
        assert_eq!(ring.first(0), []);
        ring.pop(0, 20);
        assert_eq!(ring.first(20), [4; 20]);
    }
}
