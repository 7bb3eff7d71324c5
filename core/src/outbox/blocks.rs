use super::NIL;

/// Bytes of one block: the data of nearly every message fits one.
const BLOCK: usize = 64;

/// Where a message's bytes are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    first: u16,
    len: u16,
}

impl Chain {
    pub(super) const EMPTY: Self = Self { first: NIL, len: 0 };
}

/// Outgoing bytes in blocks chained by index, so that a session is one fixed piece of memory however long its messages.
#[derive(Clone, Debug)]
pub(super) struct Blocks<const N: usize> {
    bytes: [[u8; BLOCK]; N],
    next: [u16; N],
    free: u16,
    available: usize,
}

impl<const N: usize> Blocks<N> {
    pub(super) const CAPACITY: usize = N * BLOCK;

    pub(super) fn new() -> Self {
        let next = core::array::from_fn(|at| if at + 1 < N { (at + 1) as u16 } else { NIL });
        Self { bytes: [[0; BLOCK]; N], next, free: 0, available: N }
    }

    pub(super) const fn have_room(&self, len: usize) -> bool {
        len.div_ceil(BLOCK) <= self.available
    }

    /// Whether there is room once these have been released.
    pub(super) fn would_have_room(&self, len: usize, without: impl Iterator<Item = Chain>) -> bool {
        let blocks = without.map(|chain| usize::from(chain.len).div_ceil(BLOCK));
        len.div_ceil(BLOCK) <= blocks.fold(self.available, usize::saturating_add)
    }

    /// Stores `data`; `None` if there is no room for it.
    #[inline]
    pub(super) fn store(&mut self, data: &[u8]) -> Option<Chain> {
        let len = u16::try_from(data.len()).ok()?;
        if (1..=BLOCK).contains(&data.len()) {
            return Some(Chain { len, first: self.store_piece(data, NIL)? });
        }
        if !self.have_room(data.len()) {
            return None;
        }
        let mut first = NIL;
        for piece in data.chunks(BLOCK).rev() {
            first = self.store_piece(piece, first)?;
        }
        Some(Chain { first, len })
    }

    /// Stores bytes that fit one block, in front of the block `behind`.
    #[inline(always)]
    fn store_piece(&mut self, piece: &[u8], behind: u16) -> Option<u16> {
        let at = self.free;
        let next = self.next.get_mut(usize::from(at))?;
        self.free = core::mem::replace(next, behind);
        self.available -= 1;
        for (to, from) in self.bytes.get_mut(usize::from(at))?.iter_mut().zip(piece) {
            *to = *from;
        }
        Some(at)
    }

    pub(super) fn release(&mut self, chain: Chain) {
        let mut at = chain.first;
        while let Some(next) = self.next.get_mut(usize::from(at)) {
            let following = core::mem::replace(next, self.free);
            self.free = at;
            self.available += 1;
            at = following;
        }
    }

    /// The stored bytes.
    #[inline]
    pub(super) const fn data(&self, chain: Chain) -> Data<'_, N> {
        Data { blocks: self, chain }
    }
}

/// Bytes that are stored.
#[derive(Clone, Copy)]
pub(crate) struct Data<'b, const N: usize> {
    blocks: &'b Blocks<N>,
    chain: Chain,
}

impl<'b, const N: usize> Data<'b, N> {
    pub(crate) const fn len(self) -> u16 {
        self.chain.len
    }

    /// All of them, if they are in one piece.
    #[inline]
    pub(crate) fn whole(self) -> Option<&'b [u8]> {
        self.blocks.bytes.get(usize::from(self.chain.first))?.get(..usize::from(self.chain.len))
    }

    /// All of them, in pieces.
    pub(crate) fn pieces(self) -> impl Iterator<Item = &'b [u8]> {
        let (blocks, mut at, mut left) =
            (self.blocks, self.chain.first, usize::from(self.chain.len));
        core::iter::from_fn(move || {
            let piece = blocks.bytes.get(usize::from(at))?.get(..left.min(BLOCK))?;
            at = *blocks.next.get(usize::from(at))?;
            left -= piece.len();
            Some(piece)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn bytes_come_back_whole_and_released_blocks_are_used_again() {
        let mut blocks = Blocks::<4>::new();
        for round in 0..10_u8 {
            let data: Vec<u8> = (0..200).map(|n| n ^ round).collect();
            let chain = blocks.store(&data).unwrap();
            assert!(blocks.store(&[1]).is_none());
            let back: Vec<u8> = blocks.data(chain).pieces().flatten().copied().collect();
            assert_eq!(back, data);
            blocks.release(chain);
        }
        let (a, b) = (blocks.store(&[1; 65]).unwrap(), blocks.store(&[2; 128]).unwrap());
        blocks.release(a);
        let c = blocks.store(&[3; 100]).unwrap();
        assert!(blocks.data(b).pieces().flatten().eq(&[2; 128]));
        assert!(blocks.data(c).pieces().flatten().eq(&[3; 100]));
        let empty = blocks.store(&[]).unwrap();
        assert_eq!(blocks.data(empty).pieces().count(), 0);
    }
}
