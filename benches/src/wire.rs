use std::collections::VecDeque;

/// Packets under way, oldest first, side by side in a ring of bytes that is allocated once.
pub(crate) struct Wire {
    bytes: Box<[u8]>,
    packets: VecDeque<(usize, usize)>,
    longest: usize,
    end: usize,
}

impl Wire {
    /// A wire for so many packets, none longer than `longest` bytes.
    pub(crate) fn new(packets: usize, longest: usize) -> Self {
        Self {
            bytes: vec![0; (packets + 2) * longest].into_boxed_slice(),
            packets: VecDeque::with_capacity(packets + 1),
            longest,
            end: 0,
        }
    }

    /// Where to write the next packet.
    #[inline]
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.packets.is_empty() || self.end + self.longest > self.bytes.len() {
            self.end = 0;
        }
        &mut self.bytes[self.end..self.end + self.longest]
    }

    /// The packet written into the room has this length.
    #[inline]
    pub(crate) fn push(&mut self, len: usize) {
        self.packets.push_back((self.end, len));
        self.end += len;
    }

    /// Takes the oldest packet off.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<&[u8]> {
        let (start, len) = self.packets.pop_front()?;
        Some(&self.bytes[start..start + len])
    }

    /// Takes everything off that was pushed since the wire was empty: what one read of a stream gives.
    pub(crate) fn drain(&mut self) -> &[u8] {
        self.packets.clear();
        &self.bytes[..self.end]
    }
}
