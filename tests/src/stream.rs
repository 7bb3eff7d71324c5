//! A byte stream run through a [`Framer`].

use cync_core::wire::{Framer, FramingError, MAX_PACKET, Resync};

/// What a framer made of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// Packets and errors, in order.
    pub items: Vec<Result<Vec<u8>, FramingError>>,
    /// How many bytes had been thrown away when the item came, item by item.
    pub skipped_before: Vec<u64>,
    /// Bytes held at the end.
    pub pending: usize,
    /// Bytes thrown away in all.
    pub skipped: u64,
}

impl Cut {
    /// Runs `pieces`, one after the other, through one framer.
    ///
    /// # Panics
    /// If a bound or the conservation of bytes is broken: what went in was delivered, thrown away, or is held.
    pub fn of<'p>(resync: Resync, pieces: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut framer: Framer = Framer::new(resync);
        let mut items = Vec::new();
        let mut skipped_before = Vec::new();
        let (mut taken, mut delivered) = (0, 0);
        for piece in pieces {
            let mut input = piece;
            while let Some(item) = framer.next(&mut input) {
                let item = item.map(<[u8]>::to_vec);
                delivered += item.as_ref().map_or(0, Vec::len);
                items.push(item);
                skipped_before.push(framer.skipped());
                assert!(framer.pending() <= MAX_PACKET, "held: {}", framer.pending());
            }
            taken += piece.len();
            assert!(input.is_empty(), "a framer that has no more items has taken its input");
            assert!(framer.pending() < MAX_PACKET, "held between inputs: {}", framer.pending());
            assert_eq!(
                taken as u64,
                delivered as u64 + framer.skipped() + framer.pending() as u64,
                "every byte was delivered, thrown away, or is held"
            );
        }
        Self { items, skipped_before, pending: framer.pending(), skipped: framer.skipped() }
    }

    /// The packets, in order.
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> {
        self.items.iter().filter_map(|item| item.as_deref().ok())
    }

    /// The errors, in order, each with the number of bytes that were thrown away until the next item.
    pub fn errors(&self) -> Vec<(FramingError, u64)> {
        let before = self.skipped_before.iter();
        let after = self.skipped_before.iter().skip(1).chain([&self.skipped]);
        let runs = before.zip(after).map(|(before, after)| after - before);
        // An error is reported when its first byte has been thrown away.
        self.items
            .iter()
            .zip(runs)
            .filter_map(|(item, run)| Some(((*item).clone().err()?, run + 1)))
            .collect()
    }
}
