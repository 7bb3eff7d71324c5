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

/// What is compared to find a repetition: the 48 bits of [`Key::id`], and in the low 16 a link, by how many ranks the next older
/// entry in the same bucket is behind this one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot(u64);

impl Slot {
    pub(super) const EMPTY: Self = Self(0);

    /// The entry that is accepted next, whose bucket is headed by the one with this rank.
    #[inline]
    pub(super) const fn new(id: u64, head: usize) -> Self {
        // So far behind, it is no longer held.
        let behind = if head < 0xffff { head } else { 0xffff };
        Self(id << 16 | behind as u64)
    }

    #[inline]
    pub(super) const fn id(self) -> u64 {
        self.0 >> 16
    }

    /// By how many ranks the next older entry in the bucket is behind this one; at least one.
    #[inline]
    pub(super) const fn behind(self) -> u16 {
        self.0 as u16
    }
}

/// A [`Verdict`], and what became of its entry, in six bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    result_id: MsgId,
    result: StatusCode,
    acknowledged: StatusCode,
    pub(super) repetitions: u8,
    marks: u8,
}

const ACKNOWLEDGED: u8 = 1;
const REPORTED: u8 = 2;
const FORGOTTEN: u8 = 4;
/// The other marks count how often the entry was forgotten: handles from before that are stale.
const LIFE: u8 = 8;

impl Kept {
    pub(super) const NEW: Self = Self {
        result_id: MsgId(0),
        result: StatusCode::OK,
        acknowledged: StatusCode::OK,
        repetitions: 0,
        marks: 0,
    };

    /// Of a message that is accepted.
    #[inline]
    pub(super) const fn of(acknowledged: Option<StatusCode>) -> Self {
        match acknowledged {
            Some(acknowledged) => Self { acknowledged, marks: ACKNOWLEDGED, ..Self::NEW },
            None => Self::NEW,
        }
    }

    pub(super) const fn life(self) -> u8 {
        self.marks / LIFE
    }

    #[inline]
    pub(super) const fn is_forgotten(self) -> bool {
        self.marks & FORGOTTEN != 0
    }

    #[inline]
    pub(super) fn verdict(self) -> Verdict {
        let result = Reported { msg_id: self.result_id, status: self.result };
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
        (self.result_id, self.result) = (result.msg_id, result.status);
        self.marks |= REPORTED;
    }

    pub(super) const fn forget(&mut self) {
        let life = self.life().wrapping_add(1).wrapping_mul(LIFE);
        *self = Self { marks: life | FORGOTTEN, ..Self::NEW };
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
