use super::ring::Scrambled;
use super::{Key, Reported, Verdict};
use crate::wire::{MsgId, StatusCode};

impl Key {
    /// What tells the messages of a partition apart, in 48 bits.
    #[inline]
    pub(super) const fn id(&self) -> u64 {
        (self.payload as u64) << 16 | self.msg_id.0 as u64
    }

    /// What tells partitions apart.
    #[inline]
    pub(super) const fn sender(&self) -> u64 {
        (self.endpoint.0 as u64) << 8 | self.kind.byte() as u64
    }
}

/// An accepted message, what it was answered and what became of it, in 16 bytes: four to a cache line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// Its scrambled id. Where that tells the place of the bucket is the link instead, and in the low 16 bits the number of the
    /// packet that reported the result.
    word: u64,
    /// When it was accepted, in ticks. No entry is held for two times to live, so 32 bits tell its age.
    pub(super) accepted: u32,
    result: StatusCode,
    acknowledged: StatusCode,
    pub(super) repetitions: u8,
    marks: u8,
}

/// Where in [`Record::word`] the link begins.
const LINK: u32 = 16;

const ACKNOWLEDGED: u8 = 1;
const REPORTED: u8 = 2;
const FORGOTTEN: u8 = 4;
/// The other marks count how often the entry was forgotten: handles from before that are stale.
const LIFE: u8 = 8;

impl Record {
    pub(super) const EMPTY: Self = Self::new(Scrambled::ZERO, 0, 0, 0, None);

    /// Of a message that is accepted. `behind` is the link, by how many ranks the next older entry in the same bucket is behind
    /// this one; zero if there is none.
    #[inline]
    pub(super) const fn new(
        id: Scrambled,
        behind: usize,
        mask: usize,
        accepted: u32,
        acknowledged: Option<StatusCode>,
    ) -> Self {
        let (acknowledged, marks) = match acknowledged {
            Some(status) => (status, ACKNOWLEDGED),
            None => (StatusCode::OK, 0),
        };
        let id = id.0 >> LINK;
        let word = (id ^ (id ^ behind as u64) & mask as u64) << LINK;
        Self { word, accepted, result: StatusCode::OK, acknowledged, repetitions: 0, marks }
    }

    /// How this differs from the entry in the same bucket with that id: in what `mask` has the bits of only, where the link is,
    /// if this is it.
    #[inline]
    pub(super) const fn differs(&self, id: Scrambled) -> u64 {
        (self.word ^ id.0) >> LINK
    }

    /// The link, of which `mask` has the bits.
    #[inline]
    pub(super) const fn behind(&self, mask: usize) -> usize {
        (self.word >> LINK) as usize & mask
    }

    pub(super) const fn life(&self) -> u8 {
        self.marks / LIFE
    }

    #[inline]
    pub(super) const fn is_forgotten(&self) -> bool {
        self.marks & FORGOTTEN != 0
    }

    #[inline]
    pub(super) fn verdict(&self) -> Verdict {
        let result = Reported { msg_id: MsgId(self.word as u16), status: self.result };
        Verdict {
            acknowledged: (self.marks & ACKNOWLEDGED != 0).then_some(self.acknowledged),
            result: (self.marks & REPORTED != 0).then_some(result),
            repetitions: self.repetitions,
        }
    }

    pub(super) const fn acknowledge(&mut self, status: StatusCode) {
        self.acknowledged = status;
        self.marks |= ACKNOWLEDGED;
    }

    pub(super) const fn report(&mut self, result: Reported) {
        self.word = self.word >> LINK << LINK | result.msg_id.0 as u64;
        self.result = result.status;
        self.marks |= REPORTED;
    }

    pub(super) const fn forget(&mut self) {
        self.marks = self.life().wrapping_add(1).wrapping_mul(LIFE) | FORGOTTEN;
        self.repetitions = 0;
    }

    /// Returns how often it was forgotten.
    pub(super) const fn revive(&mut self, acknowledged: Option<StatusCode>) -> u8 {
        self.marks &= !FORGOTTEN;
        if let Some(status) = acknowledged {
            self.acknowledge(status);
        }
        self.life()
    }
}
