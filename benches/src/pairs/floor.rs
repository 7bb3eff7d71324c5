use super::{DATA, Pair, Totals};
use crate::wire::Wire;
use std::hint::black_box;

const ENDPOINT: [u8; 4] = [0x45, 0x88, 0x0f, 0x3a];
/// Where the inner frame's data begin: behind header, prefix, marker, counter, direction, operation and length.
const BEHIND_HEADERS: usize = 5 + 7 + 1 + 8;
const PACKET: usize = BEHIND_HEADERS + DATA.len() + 2;
const RECEIPT: usize = 12;

/// The least anyone must do who speaks this protocol: the bytes of a request and of its receipt, and one bit for each message number at
/// either end. Fields are read at fixed places. Nothing is verified, stuffed, timed, kept for another transmission or remembered
/// for long, and no step can be refused.
pub struct Floor {
    next: u32,
    waiting: Numbers,
    seen: Numbers,
    there: Wire,
    back: Wire,
    totals: Totals,
}

/// A bit for each of as many message numbers in a row as are ever in flight, twice.
#[derive(Default)]
struct Numbers([u64; 32]);

impl Numbers {
    #[inline]
    fn place(&mut self, number: u16) -> (&mut u64, u64) {
        let at = usize::from(number) % 2048;
        (&mut self.0[at / 64], 1 << (at % 64))
    }

    /// Sets a bit; false if it was set.
    #[inline]
    fn insert(&mut self, number: u16) -> bool {
        let (word, bit) = self.place(number);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Clears a bit; false if it was clear.
    #[inline]
    fn remove(&mut self, number: u16) -> bool {
        let (word, bit) = self.place(number);
        let there = *word & bit != 0;
        *word &= !bit;
        there
    }
}

impl Floor {
    /// A pair with room for so many messages in flight.
    pub fn new(in_flight: usize) -> Self {
        Self {
            next: 0,
            waiting: Numbers::default(),
            seen: Numbers::default(),
            there: Wire::new(in_flight, PACKET),
            back: Wire::new(in_flight, RECEIPT),
            totals: Totals::default(),
        }
    }

    #[inline]
    fn deliver(&mut self) -> bool {
        let Some(packet) = black_box(self.there.pop()) else { return false };
        let number = u16::from_be_bytes([packet[9], packet[10]]);
        if self.seen.insert(number) {
            // Far behind, so that the number is new when it comes again.
            self.seen.remove(number.wrapping_add(1024));
            black_box(&packet[BEHIND_HEADERS..BEHIND_HEADERS + DATA.len()]);
            self.totals.delivered += 1;
        }
        let receipt = self.back.room();
        receipt[..5].copy_from_slice(&[0x7b, 0, 0, 0, 7]);
        receipt[5..11].copy_from_slice(&packet[5..11]);
        receipt[11] = 0;
        self.back.push(RECEIPT);
        true
    }

    #[inline]
    fn take_answer(&mut self) -> bool {
        let Some(receipt) = black_box(self.back.pop()) else { return false };
        let number = u16::from_be_bytes([receipt[9], receipt[10]]);
        self.totals.completed += u64::from(self.waiting.remove(number));
        true
    }
}

impl Pair for Floor {
    #[inline]
    fn send(&mut self) {
        self.next = self.next.wrapping_add(1);
        let number = self.next as u16;
        self.waiting.insert(number);
        let data = black_box(&DATA);
        let packet = self.there.room();
        packet[..5].copy_from_slice(&[0x73, 0, 0, 0, (PACKET - 5) as u8]);
        packet[5..9].copy_from_slice(&ENDPOINT);
        packet[9..11].copy_from_slice(&number.to_be_bytes());
        packet[11..13].copy_from_slice(&[0, 0x7e]);
        packet[13..17].copy_from_slice(&self.next.to_le_bytes());
        packet[17..BEHIND_HEADERS].copy_from_slice(&[0xf8, 0xf0, DATA.len() as u8, 0]);
        packet[BEHIND_HEADERS..PACKET - 2].copy_from_slice(data);
        let covered = &packet[18..PACKET - 2];
        packet[PACKET - 2] = covered.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        packet[PACKET - 1] = 0x7e;
        self.there.push(PACKET);
        self.totals.sent += 1;
    }

    #[inline]
    fn complete(&mut self) {
        assert!(self.deliver() && self.take_answer());
    }

    fn burst(&mut self, messages: usize) {
        (0..messages).for_each(|_| self.send());
        while self.deliver() {}
        while self.take_answer() {}
    }

    fn totals(&self) -> Totals {
        self.totals
    }
}
