//! What a run did, as one number.

use crate::trace::{Delivered, Place};
use cync_core::{Event, mix};
use std::hash::{Hash, Hasher};

/// Spreads a word over the hash; the constant is 2^64 divided by the golden ratio, made odd.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Packets, deliveries and events each have a lane: in which order a driver asks for them does not matter.
#[derive(Clone, Copy, Debug)]
enum Lane {
    Packets,
    Deliveries,
    Events,
}

/// A running hash over every byte and event of a run.
#[derive(Clone, Debug)]
pub(crate) struct Tap {
    lanes: [u64; 3],
    lane: Lane,
    /// The sum over all events, whatever their order at one time.
    events: u64,
}

impl Tap {
    pub(crate) const fn new() -> Self {
        Self { lanes: [0; 3], lane: Lane::Packets, events: 0 }
    }

    const fn word(&mut self, word: u64) {
        let hash = &mut self.lanes[self.lane as usize];
        *hash = (hash.rotate_left(23) ^ word).wrapping_mul(SPREAD);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.word(word.try_into().map_or(0, u64::from_le_bytes));
        }
        let rest = words.remainder().iter().rev();
        self.word(rest.fold(0, |rest, byte| rest << 8 | u64::from(*byte)));
    }

    const fn begin(&mut self, lane: Lane, place: Place) {
        self.lane = lane;
        self.place(place);
    }

    const fn place(&mut self, place: Place) {
        self.word(place.time);
        self.word((place.link as u64) << 1 | place.side as u64);
    }

    /// A packet that a session handed over.
    pub(crate) fn handed(&mut self, place: Place, packet: &[u8]) {
        self.begin(Lane::Packets, place);
        self.bytes(packet);
    }

    /// A message that an application took.
    pub(crate) fn delivered(&mut self, place: Place, got: &Delivered<'_>) {
        self.begin(Lane::Deliveries, place);
        self.word(u64::from(got.kind.byte()) << 32 | u64::from(got.msg_id.0));
        self.bytes(got.data);
    }

    /// An event, with everything that it says.
    pub(crate) fn event(&mut self, place: Place, event: &Event) {
        self.lane = Lane::Events;
        let before = std::mem::take(&mut self.lanes[Lane::Events as usize]);
        self.place(place);
        match event {
            Event::StateChanged(state) => self.tagged(1, state),
            Event::Dial => self.word(2),
            Event::ConnectFailed(why) => self.tagged(3, why),
            Event::Hangup(why) => self.tagged(4, why),
            Event::Sent { id } => self.tagged(5, id),
            Event::Acked { id } => self.tagged(6, id),
            Event::Executed { id } => self.tagged(7, id),
            Event::Done { id, outcome, receipt } => {
                self.tagged(8, &(id, outcome, receipt.stage, receipt.status, receipt.attempts));
                self.word(receipt.done_at.as_micros());
            }
            Event::Readable => self.word(9),
            Event::Writable => self.word(10),
            Event::InboxOverrun { dropped } => self.tagged(11, dropped),
            Event::ClockAsked => self.word(12),
            other => self.bytes(format!("{other:?}").as_bytes()),
        }
        let [.., events] = &mut self.lanes;
        let event = mix(*events);
        self.events = self.events.wrapping_add(event);
        *events = (before.rotate_left(23) ^ event).wrapping_mul(SPREAD);
    }

    fn tagged(&mut self, tag: u64, what: &impl Hash) {
        self.word(tag);
        what.hash(self);
    }

    pub(crate) const fn hash(&self) -> u64 {
        let [packets, deliveries, events] = self.lanes;
        mix(packets ^ mix(deliveries ^ mix(events)))
    }

    /// As [`Tap::hash`], and the order of events at one time does not matter.
    pub(crate) const fn gist(&self) -> u64 {
        let [packets, deliveries, _] = self.lanes;
        mix(packets ^ mix(deliveries ^ mix(self.events)))
    }
}

/// Every number is one word, whatever the machine.
impl Hasher for Tap {
    fn finish(&self) -> u64 {
        self.hash()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.bytes(bytes);
    }

    fn write_u8(&mut self, number: u8) {
        self.word(number.into());
    }

    fn write_u16(&mut self, number: u16) {
        self.word(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.word(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.word(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.word(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.word(number as u64);
    }
}
