use super::{Busy, Dedup, Handle, Spot, Verdict};
use crate::wire::StatusCode;

/// What a [`Dedup`] knows of a message that came.
#[derive(Debug)]
pub enum Entry<'a, const SEEN: usize> {
    /// It repeats an accepted one, which was answered so.
    Repeated(Verdict),
    /// It does not.
    New(Vacant<'a, SEEN>),
}

/// The place of a message that is no repetition. To drop it is to remember nothing.
#[derive(Debug)]
pub struct Vacant<'a, const SEEN: usize> {
    pub(super) dedup: &'a mut Dedup<SEEN>,
    pub(super) sender: u64,
    pub(super) id: u64,
    pub(super) spot: Spot,
}

impl<const SEEN: usize> Vacant<'_, SEEN> {
    /// Remembers the message as [`Dedup::insert`] does, and how it is acknowledged if that is known.
    ///
    /// # Errors
    /// As [`Dedup::insert`].
    #[inline]
    pub fn insert(self, acknowledged: Option<StatusCode>) -> Result<Handle, Busy> {
        self.dedup.accept(self.sender, self.id, self.spot, acknowledged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dedup::{Key, Limits};
    use crate::time::Instant;
    use crate::wire::{Endpoint, MsgId, PacketType};
    use core::time::Duration;

    const NOW: Instant = Instant::ZERO;
    const KEY: Key =
        Key { kind: PacketType::DataChannel, endpoint: Endpoint(7), msg_id: MsgId(1), payload: 9 };

    fn insert(dedup: &mut Dedup<4>, status: Option<StatusCode>) -> Option<Handle> {
        match dedup.entry(NOW, &KEY) {
            Entry::New(vacant) => vacant.insert(status).ok(),
            Entry::Repeated(_) => None,
        }
    }

    #[test]
    fn a_vacant_entry_is_remembered_with_its_acknowledgement_also_in_place_of_a_forgotten_one() {
        let second = Duration::from_secs(1);
        let limits = Limits { ttl: second, live_for: second, counters: 1 };
        let mut dedup = Dedup::new(limits, 1);
        assert!(matches!(dedup.entry(NOW, &KEY), Entry::New(_)));
        assert!(dedup.is_empty(), "a vacant entry that is dropped remembers nothing");
        for status in [None, Some(StatusCode(5)), Some(StatusCode::OK), None] {
            let handle = insert(&mut dedup, status).unwrap();
            let verdict = Verdict { acknowledged: status, ..Verdict::default() };
            assert_eq!((dedup.verdict(handle), dedup.len()), (Some(verdict), 1));
            assert_eq!(insert(&mut dedup, status), None, "it is a repetition now");
            assert!(dedup.forget(handle));
            assert_eq!((dedup.verdict(handle), dedup.len()), (None, 0));
        }
    }
}
