use super::{Busy, Dedup, Handle, Key, Spot, Verdict};
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
    pub(super) key: Key,
    pub(super) spot: Option<Spot>,
}

impl<const SEEN: usize> Vacant<'_, SEEN> {
    /// Remembers the message as [`Dedup::insert`] does, and how it is acknowledged if that is known.
    ///
    /// # Errors
    /// As [`Dedup::insert`].
    #[inline]
    pub fn insert(self, acknowledged: Option<StatusCode>) -> Result<Handle, Busy> {
        self.dedup.accept(&self.key, self.spot, acknowledged)
    }
}
