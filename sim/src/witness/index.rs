//! Where messages are found without looking at all of them.

use cync_core::wire::MsgId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

const BUCKETS: u32 = 256;
/// Numbers that are given before the older half of those remembered is forgotten.
const GENERATION: u32 = 16_384;

/// The newest message of every bucket; every message knows the one before it in its bucket.
#[derive(Debug)]
pub(super) struct Chains {
    newest: Vec<Option<u32>>,
}

impl Chains {
    pub(super) fn new() -> Self {
        Self { newest: vec![None; BUCKETS as usize] }
    }

    /// The newest message that may have this key.
    pub(super) fn newest(&self, key: u32) -> Option<u32> {
        self.newest.get((key % BUCKETS) as usize).copied().flatten()
    }

    /// A message gets a key. Returns the one before it in its bucket.
    pub(super) fn push(&mut self, key: u32, index: u32) -> Option<u32> {
        self.newest.get_mut((key % BUCKETS) as usize)?.replace(index)
    }
}

/// Message numbers that were used not long ago: by one of the last 16 to 32 thousand messages.
#[derive(Debug)]
pub(super) struct Used {
    generations: [Vec<u64>; 2],
    count: u32,
}

impl Used {
    pub(super) fn new() -> Self {
        Self { generations: [Vec::new(), Vec::new()], count: 0 }
    }

    pub(super) fn contains(&self, number: MsgId) -> bool {
        let (word, bit) = place(number);
        self.generations.iter().any(|words| words.get(word).is_some_and(|word| word & bit != 0))
    }

    pub(super) fn insert(&mut self, number: MsgId) {
        if self.count == GENERATION {
            self.count = 0;
            self.generations.rotate_left(1);
            let [_, newer] = &mut self.generations;
            newer.clear();
        }
        self.count += 1;
        let (word, bit) = place(number);
        let [_, newer] = &mut self.generations;
        if newer.is_empty() {
            newer.resize(1 << 10, 0);
        }
        if let Some(word) = newer.get_mut(word) {
            *word |= bit;
        }
    }
}

const fn place(number: MsgId) -> (usize, u64) {
    (number.0 as usize / 64, 1 << (number.0 % 64))
}

/// A map that is never iterated over, of keys that need no defence.
pub(super) type Map<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;

/// Multiplies and folds.
#[derive(Default, Debug)]
pub(super) struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32((*byte).into());
        }
    }

    fn write_u32(&mut self, n: u32) {
        self.0 = (self.0.rotate_left(29) ^ u64::from(n)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_used_until_so_many_others_were() {
        let mut used = Used::new();
        used.insert(MsgId(7));
        for number in 100..100 + GENERATION as u16 - 1 {
            used.insert(MsgId(number));
        }
        assert!(used.contains(MsgId(7)) && !used.contains(MsgId(8)));
        for number in 20_000..20_000 + GENERATION as u16 {
            used.insert(MsgId(number));
        }
        assert!(used.contains(MsgId(7)), "of the older half");
        used.insert(MsgId(9));
        assert!(!used.contains(MsgId(7)) && used.contains(MsgId(20_000)));
    }
}
