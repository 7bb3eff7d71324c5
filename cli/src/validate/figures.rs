//! What was measured.

/// Times in microseconds; those that never ended are longer than any.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Times {
    sorted: Vec<u64>,
    endless: usize,
}

impl Times {
    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.sorted.len() + self.endless
    }

    /// How many ended.
    pub(crate) const fn ended(&self) -> usize {
        self.sorted.len()
    }

    /// The least time that so many in a thousand do not exceed: the nearest rank. `None` if it has no end, or there is none.
    pub(crate) fn permille(&self, permille: usize) -> Option<u64> {
        let rank = (self.count() * permille).div_ceil(1000).max(1);
        self.sorted.get(rank - 1).copied()
    }

    /// Half, 95 %, 99 %, and the longest.
    pub(crate) fn quantiles(&self) -> [Option<u64>; 4] {
        [500, 950, 990, 1000].map(|permille| self.permille(permille))
    }
}

impl FromIterator<Option<u64>> for Times {
    fn from_iter<I: IntoIterator<Item = Option<u64>>>(times: I) -> Self {
        let mut all = Self::default();
        for time in times {
            match time {
                Some(time) => all.sorted.push(time),
                None => all.endless += 1,
            }
        }
        all.sorted.sort_unstable();
        all
    }
}

/// Packets and the acknowledgements that they get.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Ack {
    Hello,
    Data,
    Status,
    Heartbeat,
}

impl Ack {
    pub(crate) const ALL: [Self; 4] = [Self::Hello, Self::Data, Self::Status, Self::Heartbeat];

    /// The acknowledgement, what it answers, and what that is called.
    pub(crate) const fn name(self) -> [&'static str; 3] {
        match self {
            Self::Hello => ["0x28", "0x23", "greeting"],
            Self::Data => ["0x7b", "0x73", "command"],
            Self::Status => ["0x88", "0x83", "status"],
            Self::Heartbeat => ["0xd8", "0xd3", "sign of life"],
        }
    }

    /// How many were recorded, and half, 95 %, 99 % and the longest, in microseconds (`docs/protocol.md`, section 9): the command's at 21 to 25
    /// devices at once, the others' at the vendor's cloud.
    pub(crate) const fn recorded(self) -> (usize, [u64; 4]) {
        match self {
            Self::Hello => (50, [44_000, 60_400, 73_100, 73_900]),
            Self::Data => (346, [88_800, 214_800, 236_700, 331_300]),
            Self::Status => (113, [43_000, 48_100, 54_700, 89_000]),
            Self::Heartbeat => (3877, [42_200, 49_200, 91_900, 243_500]),
        }
    }
}

/// Ten devices at a time.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Group {
    /// From the first `send` to the last acknowledgement of a round.
    pub(crate) rounds: Times,
    /// Each command by itself.
    pub(crate) commands: Times,
    /// Further copies of commands.
    pub(crate) repeated: u64,
    /// Commands that waited in a session's queue at a time, at most; `None` where it cannot be seen.
    pub(crate) deepest_queue: Option<u64>,
}

/// Everything that is measured in one way.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Measured {
    /// From `send` to the acknowledgement.
    pub(crate) commands: Times,
    /// Further copies of them.
    pub(crate) repeated: u64,
    /// As [`Ack::ALL`] has them.
    pub(crate) acks: [Times; 4],
    pub(crate) group: Group,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_is_the_nearest_one_and_what_never_ended_comes_last() {
        let times: Times = (1..=98).rev().map(Some).chain([None, None]).collect();
        assert_eq!((times.count(), times.ended()), (100, 98));
        assert_eq!(times.quantiles(), [Some(50), Some(95), None, None]);
        assert_eq!(times.permille(980), Some(98));
        let one: Times = [Some(7)].into_iter().collect();
        assert_eq!(one.quantiles(), [Some(7); 4]);
        assert_eq!(Times::default().quantiles(), [None; 4]);
    }
}
