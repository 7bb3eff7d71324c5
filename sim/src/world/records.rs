//! What is known of the messages that one side sent.

use crate::scenario::Set;
use cync_core::Instant;
use std::collections::VecDeque;

/// Numbers that are looked up at a time; older messages have been answered, or nobody waits for that any more.
const NUMBERS: usize = 1 << 10;

/// One message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// What it is called.
    pub(super) op: u32,
    /// Which command it is, from 1; 0 if it is none.
    pub(super) nth: u64,
    /// The lamp and what it sets, if it is a command.
    pub(super) command: Option<(u8, Set)>,
    /// It shows that everything works in the end, and is no command of the scenario.
    pub(super) is_trial: bool,
    pub(super) once: bool,
    pub(super) sent_at: Instant,
    /// Copies of it and answers to it that are on their way, or owed.
    pub(super) alive: u32,
    /// An answer is owed.
    pub(super) owed: bool,
    /// When the copies were handed over that were taken and not answered, oldest first.
    pub(super) unanswered: [Option<u64>; 2],
    /// How many messages before it were called the same: a device that has forgotten a command announces its execution again.
    pub(super) namesakes: u32,
    pub(super) receipts: u32,
    pub(super) results: u32,
    /// How often the device took it, and executed it, and in which life it did so last.
    pub(super) delivered: u32,
    pub(super) executed: u32,
    pub(super) executed_in: u32,
    pub(super) done: bool,
}

/// Nobody waits for an answer to anything that old.
const SETTLED: u64 = 30_000_000;

impl Record {
    pub(super) const fn new(
        op: u32,
        nth: u64,
        command: Option<(u8, Set)>,
        sent_at: Instant,
    ) -> Self {
        Self {
            op,
            nth,
            command,
            is_trial: false,
            once: false,
            sent_at,
            alive: 0,
            owed: false,
            unanswered: [None; 2],
            namesakes: 0,
            receipts: 0,
            results: 0,
            delivered: 0,
            executed: 0,
            executed_in: 0,
            done: false,
        }
    }

    /// What its nth copy, or the nth answer to it, is to the faults: no two of one name are alike.
    pub(super) const fn nth_copy(&self, nth: u32) -> u32 {
        nth | self.namesakes << 16
    }

    /// It was sent so long ago that nothing more can come of it.
    pub(super) const fn is_settled(&self, now: Instant) -> bool {
        now.as_micros().saturating_sub(self.sent_at.as_micros()) > SETTLED
    }
}

/// The messages of one side that are not settled.
#[derive(Debug)]
pub(super) struct Records {
    first: u32,
    records: VecDeque<Record>,
    /// By the type's class and the message number, and by the counter of the inner frame.
    numbers: Vec<(u32, u32)>,
    counters: Vec<(u32, u32)>,
}

impl Records {
    /// Of a session that counts on from another one.
    pub(super) fn starting_at(first: u32) -> Self {
        Self {
            first,
            records: VecDeque::new(),
            numbers: vec![(u32::MAX, 0); NUMBERS],
            counters: vec![(u32::MAX, u32::MAX); NUMBERS],
        }
    }

    /// The next message. Those that nobody can be waiting for are forgotten.
    pub(super) fn push(&mut self, record: Record, settled: impl Fn(&Record) -> bool) {
        while self.records.front().is_some_and(|oldest| oldest.done && settled(oldest)) {
            self.records.pop_front();
            self.first += 1;
        }
        self.records.push_back(record);
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn get(&mut self, message: u32) -> Option<&mut Record> {
        self.records.get_mut(message.checked_sub(self.first)? as usize)
    }

    /// A first copy shows which numbers a message has.
    pub(super) fn number(&mut self, message: u32, kind: u8, msg_id: u16, counter: Option<u32>) {
        let key = u32::from(kind) << 16 | u32::from(msg_id);
        self.numbers[usize::from(msg_id) % NUMBERS] = (key, message);
        if let Some(counter) = counter {
            self.counters[counter as usize % NUMBERS] = (counter, message);
        }
    }

    pub(super) fn by_number(&self, kind: u8, msg_id: u16) -> Option<u32> {
        let (key, message) = self.numbers[usize::from(msg_id) % NUMBERS];
        (key == (u32::from(kind) << 16 | u32::from(msg_id))).then_some(message)
    }

    pub(super) fn by_counter(&self, counter: u32) -> Option<u32> {
        let (known, message) = self.counters[counter as usize % NUMBERS];
        (known == counter && message != u32::MAX).then_some(message)
    }
}
