//! What waits to be written: bounded, and under pressure full of what matters.

use std::collections::VecDeque;

/// What becomes of a record for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rank {
    /// It makes room for others, or is dropped: DEBUG and TRACE.
    Disposable,
    /// It waits: INFO and above.
    Essential,
}

/// What is to be written next.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// A record.
    Record(Vec<u8>),
    /// That so many records were dropped since this was said last.
    Dropped(u64),
}

/// Records in the order in which they came, up to a number of bytes. It waits for nobody, and knows no clock.
#[derive(Debug)]
pub(super) struct Queue {
    limit: usize,
    used: usize,
    /// Number of the next record.
    next: u64,
    essential: VecDeque<(u64, Vec<u8>)>,
    disposable: VecDeque<(u64, Vec<u8>)>,
    dropped: u64,
}

impl Queue {
    /// An empty one that holds this many bytes of records, or a single record that is longer.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            next: 0,
            essential: VecDeque::new(),
            disposable: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Takes a record. Where there is no room, the oldest disposable ones go for it, and if that is not enough a disposable
    /// record itself.
    ///
    /// # Errors
    /// An essential record for which there is no room is given back: it has to wait for [`Queue::pop`].
    pub(super) fn push(&mut self, rank: Rank, record: Vec<u8>) -> Result<(), Vec<u8>> {
        while !self.has_room_for(record.len())
            && let Some((_, oldest)) = self.disposable.pop_front()
        {
            self.used -= oldest.len();
            self.dropped += 1;
        }
        let has_room = self.has_room_for(record.len());
        let line = match (rank, has_room) {
            (Rank::Essential, true) => &mut self.essential,
            (Rank::Essential, false) => return Err(record),
            (Rank::Disposable, true) => &mut self.disposable,
            (Rank::Disposable, false) => {
                self.dropped += 1;
                return Ok(());
            }
        };
        self.used += record.len();
        line.push_back((self.next, record));
        self.next += 1;
        Ok(())
    }

    /// Takes out what is to be written next. That records were dropped is said as soon as half of the room is free again.
    pub(super) fn pop(&mut self) -> Option<Next> {
        if self.dropped > 0 && self.used <= self.limit / 2 {
            return Some(Next::Dropped(std::mem::take(&mut self.dropped)));
        }
        let number =
            |line: &VecDeque<(u64, _)>| line.front().map_or(u64::MAX, |(number, _)| *number);
        let line = match number(&self.essential) < number(&self.disposable) {
            true => &mut self.essential,
            false => &mut self.disposable,
        };
        let (_, record) = line.pop_front()?;
        self.used -= record.len();
        Some(Next::Record(record))
    }

    fn has_room_for(&self, len: usize) -> bool {
        self.used == 0 || self.used + len <= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::Rank::{Disposable, Essential};
    use super::*;

    fn record(text: &str) -> Next {
        Next::Record(text.into())
    }

    fn all(queue: &mut Queue) -> Vec<Next> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    fn full_of(records: &[(Rank, &str)]) -> Queue {
        let mut queue = Queue::new(8);
        for (rank, text) in records {
            assert_eq!(queue.push(*rank, (*text).into()), Ok(()));
        }
        queue
    }

    #[test]
    fn what_has_room_comes_out_as_it_went_in() {
        let mut queue = full_of(&[
            (Disposable, "aa"),
            (Essential, "bb"),
            (Disposable, "cc"),
            (Essential, "dd"),
        ]);
        assert_eq!(all(&mut queue), ["aa", "bb", "cc", "dd"].map(record));
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn the_oldest_disposable_record_makes_room_whatever_came_before_it() {
        let before = [(Essential, "aa"), (Disposable, "bb"), (Disposable, "cc"), (Essential, "dd")];
        for (rank, left) in [(Essential, "ee"), (Disposable, "ff")] {
            let mut queue = full_of(&before);
            assert_eq!(queue.push(rank, left.into()), Ok(()));
            let [first, second] = ["aa", "cc"].map(record);
            let [third, fourth] = ["dd", left].map(record);
            assert_eq!(queue.pop(), Some(first));
            assert_eq!(queue.pop(), Some(second));
            assert_eq!(queue.pop(), Some(Next::Dropped(1)), "half of the room is free");
            assert_eq!(all(&mut queue), [third, fourth]);
        }
    }

    #[test]
    fn an_essential_record_waits_if_only_such_are_there_and_a_disposable_one_is_dropped() {
        let mut queue = full_of(&[(Essential, "aaaa"), (Essential, "bbbb")]);
        assert_eq!(queue.push(Disposable, b"c".into()), Ok(()));
        assert_eq!(queue.push(Essential, b"d".into()), Err(b"d".into()));
        assert_eq!(queue.pop(), Some(record("aaaa")));
        assert_eq!(queue.push(Essential, b"d".into()), Ok(()));
        assert_eq!(queue.pop(), Some(record("bbbb")));
        assert_eq!(all(&mut queue), [Next::Dropped(1), record("d")]);
    }

    #[test]
    fn a_long_essential_record_takes_the_room_of_several_disposable_ones() {
        let mut queue = full_of(&[(Disposable, "aa"), (Disposable, "bb"), (Disposable, "cc")]);
        assert_eq!(queue.push(Essential, b"dddddd".into()), Ok(()));
        assert_eq!(all(&mut queue), [record("cc"), record("dddddd"), Next::Dropped(2)]);
    }

    #[test]
    fn what_is_longer_than_all_the_room_waits_until_it_is_alone() {
        let mut queue = full_of(&[(Essential, "a")]);
        let long = b"0123456789".to_vec();
        assert_eq!(queue.push(Essential, long.clone()), Err(long.clone()));
        assert_eq!(queue.pop(), Some(record("a")));
        assert_eq!(queue.push(Essential, long), Ok(()));
        assert_eq!(queue.pop(), Some(record("0123456789")));
    }

    #[test]
    fn dropped_records_are_counted_in_one_line_and_only_once() {
        let mut queue = Queue::new(8);
        for _ in 0..100 {
            assert_eq!(queue.push(Disposable, b"1234".into()), Ok(()));
        }
        assert_eq!(all(&mut queue), [record("1234"), Next::Dropped(98), record("1234")]);
        assert_eq!(queue.pop(), None);
    }
}
