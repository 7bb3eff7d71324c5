//! Where messages are found without looking at all of them.

use super::ears::Name;
use cync_core::MessageId;
use cync_core::wire::MsgId;

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

/// Ids of messages that are not done, and their numbers: few.
#[derive(Default, Debug)]
pub(super) struct Ids(Vec<(MessageId, u32)>);

impl Ids {
    pub(super) fn get(&self, id: MessageId) -> Option<u32> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, index)| *index)
    }

    pub(super) fn insert(&mut self, id: MessageId, index: u32) {
        self.0.push((id, index));
    }

    pub(super) fn remove(&mut self, id: MessageId) -> Option<u32> {
        let at = self.0.iter().position(|(known, _)| *known == id)?;
        Some(self.0.swap_remove(at).1)
    }
}

/// Values by the names of messages, which are counted: those that come in a row are in different buckets.
#[derive(Debug)]
pub(super) struct Table<V> {
    buckets: Vec<Vec<(Name, V)>>,
    len: usize,
}

impl<V> Table<V> {
    pub(super) fn new() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| Vec::new()).collect(), len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    fn bucket(&self, name: Name) -> &[(Name, V)] {
        self.buckets.get((name.0 % BUCKETS) as usize).map_or(&[], Vec::as_slice)
    }

    pub(super) fn get(&self, name: Name) -> Option<&V> {
        self.bucket(name).iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, name: Name) -> Option<&mut V> {
        let bucket = self.buckets.get_mut((name.0 % BUCKETS) as usize)?;
        bucket.iter_mut().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(super) fn insert(&mut self, name: Name, value: V) {
        if let Some(known) = self.get_mut(name) {
            *known = value;
        } else if let Some(bucket) = self.buckets.get_mut((name.0 % BUCKETS) as usize) {
            bucket.push((name, value));
            self.len += 1;
        }
    }

    /// Removes what has this name, if it is as it is to be.
    pub(super) fn remove_if(&mut self, name: Name, is: impl Fn(&V) -> bool) {
        if let Some(bucket) = self.buckets.get_mut((name.0 % BUCKETS) as usize)
            && let Some(at) = bucket.iter().position(|(known, value)| *known == name && is(value))
        {
            bucket.swap_remove(at);
            self.len -= 1;
        }
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

    #[test]
    fn a_table_holds_what_it_was_given_last_under_each_name() {
        let mut table = Table::new();
        let names = || (0..3 * BUCKETS).flat_map(|at| [(at, 0), (at, 1)]);
        names().for_each(|name| table.insert(name, 7));
        names().for_each(|name| table.insert(name, name.0 + name.1));
        assert_eq!(table.len(), 6 * BUCKETS as usize);
        for name in names() {
            assert_eq!(table.get(name), Some(&(name.0 + name.1)));
            table.remove_if(name, |value| *value == name.0);
            assert_eq!(table.get(name).is_none(), name.1 == 0);
        }
        assert_eq!(table.len(), 3 * BUCKETS as usize);
    }
}
