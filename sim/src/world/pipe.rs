//! One direction of a connection: packets on their way, and the end of the stream.

use super::agenda::NEVER;
use crate::witness::Flight;
use cync_core::Disconnect;
use std::collections::VecDeque;

/// Bytes that a connection holds in one direction, unread ones included, before it takes no more.
const CAPACITY: usize = 64 * 1024;

/// A packet, and what the world knows of it.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) flight: Flight,
    /// The receiver's message that it answers.
    pub(super) answers: Option<u32>,
}

/// What travels.
#[derive(Debug)]
enum Cargo {
    Packet(Parcel),
    /// The other side has closed.
    End(Disconnect),
}

#[derive(Debug)]
struct Travelling {
    due: u64,
    cargo: Cargo,
    /// It was held back, so that others overtake it.
    held: bool,
    /// It waits for the next one.
    coalesced: bool,
    /// The first piece's length, and the pause behind it.
    split: Option<(usize, u64)>,
}

/// A packet that has arrived: bytes up to `read` can be read, and those up to `taken` were.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) parcel: Parcel,
    pub(super) read: usize,
    pub(super) taken: usize,
}

/// How a packet sets out.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Departure {
    pub(super) due: u64,
    pub(super) held: u64,
    pub(super) coalesced: u64,
    pub(super) split: Option<(usize, u64)>,
}

#[derive(Debug, Default)]
pub(super) struct Pipe {
    travelling: VecDeque<Travelling>,
    /// What has arrived and was not dealt with.
    pub(super) arrived: VecDeque<Arrived>,
    bytes: usize,
    held: u16,
    /// Nothing arrives sooner than what set out before.
    last_due: u64,
    /// Nothing arrives before.
    pub(super) stalled_until: u64,
    /// When the rest of the last packet that arrived can be read.
    rest_due: Option<u64>,
    pub(super) end: Option<Disconnect>,
}

impl Pipe {
    pub(super) const fn has_room(&self) -> bool {
        self.bytes < CAPACITY
    }

    /// How many packets are held back.
    pub(super) const fn held(&self) -> u16 {
        self.held
    }

    /// Packets on their way, and those that have arrived and were not dealt with.
    pub(super) fn len(&self) -> usize {
        self.travelling.len() + self.arrived.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.travelling.is_empty() && self.arrived.is_empty()
    }

    /// When the next one arrives, or the rest of the last.
    pub(super) fn next(&self) -> u64 {
        let next = self.rest_due.or_else(|| self.travelling.front().map(|first| first.due));
        next.map_or(NEVER, |due| due.max(self.stalled_until))
    }

    /// A packet sets out.
    pub(super) fn depart(&mut self, parcel: Parcel, departure: Departure) {
        self.bytes += parcel.flight.bytes.len();
        let Departure { due, held, coalesced, split } = departure;
        let due = due.max(self.last_due);
        let last = self.travelling.iter().rposition(|it| !it.held);
        if let Some(last) = last
            && self.travelling.get(last).is_some_and(|it| it.coalesced)
            && let Some(last) = self.travelling.remove(last)
        {
            // It may overtake what is held back.
            self.insert(Travelling { due: last.due.min(due), coalesced: false, ..last });
        }
        let mut one = Travelling {
            due: due + held + coalesced,
            cargo: Cargo::Packet(parcel),
            held: held > 0,
            coalesced: coalesced > 0,
            split,
        };
        if one.held {
            one.coalesced = false;
            self.held += 1;
        } else {
            self.last_due = due;
        }
        self.insert(one);
    }

    /// The sender closes: the other side learns it behind everything else.
    pub(super) fn close(&mut self, due: u64, why: Disconnect) {
        let last = self.travelling.iter().map(|it| it.due).max().unwrap_or(0);
        let due = due.max(last).max(self.last_due);
        let end = Cargo::End(why);
        self.insert(Travelling { due, cargo: end, held: false, coalesced: false, split: None });
    }

    fn insert(&mut self, one: Travelling) {
        let behind = self.travelling.iter().rev().take_while(|it| it.due > one.due).count();
        self.travelling.insert(self.travelling.len() - behind, one);
    }

    /// What is due arrives; what has been on its way since `too_old` or before is lost, and handed to `lost`.
    pub(super) fn arrive(&mut self, now: u64, too_old: u64, mut lost: impl FnMut(Parcel)) {
        while self.next() <= now {
            if self.rest_due.is_some() {
                self.read_rest();
                continue;
            }
            let Some(first) = self.travelling.pop_front() else { return };
            self.held -= u16::from(first.held);
            match first.cargo {
                Cargo::End(why) => self.end = Some(why),
                Cargo::Packet(parcel) if parcel.flight.handed_at.as_micros() <= too_old => {
                    self.bytes -= parcel.flight.bytes.len();
                    lost(parcel);
                }
                Cargo::Packet(parcel) => {
                    let len = parcel.flight.bytes.len();
                    let split = first.split.filter(|(at, _)| *at > 0 && *at < len);
                    self.rest_due = split.map(|(_, pause)| now + pause);
                    let read = split.map_or(len, |(at, _)| at);
                    self.arrived.push_back(Arrived { parcel, read, taken: 0 });
                }
            }
        }
    }

    fn read_rest(&mut self) {
        self.rest_due = None;
        if let Some(last) = self.arrived.back_mut() {
            last.read = last.parcel.flight.bytes.len();
        }
    }

    /// The first packet that arrived was dealt with.
    pub(super) fn dealt_with(&mut self) -> Option<Parcel> {
        let arrived = self.arrived.pop_front()?;
        self.bytes -= arrived.parcel.flight.bytes.len();
        Some(arrived.parcel)
    }

    /// Half of the first packet arrives at once, and nothing after it; whether there was one.
    pub(super) fn tear(&mut self) -> bool {
        while let Some(first) = self.travelling.pop_front() {
            if let Cargo::Packet(parcel) = first.cargo {
                let read = parcel.flight.bytes.len() / 2;
                self.arrived.push_back(Arrived { parcel, read, taken: 0 });
                return true;
            }
        }
        false
    }

    /// Everything on its way is lost.
    pub(super) fn clear(&mut self, mut lost: impl FnMut(Parcel)) {
        for one in self.travelling.drain(..) {
            if let Cargo::Packet(parcel) = one.cargo {
                lost(parcel);
            }
        }
        for arrived in self.arrived.drain(..) {
            lost(arrived.parcel);
        }
        *self = Self { stalled_until: self.stalled_until, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cync_core::Instant;

    /// What has arrived by this time, of packets with these first bytes.
    fn arrived(pipe: &mut Pipe, now: u64) -> Vec<u8> {
        pipe.arrive(now, 0, |_| {});
        let first = |it: &Arrived| it.parcel.flight.bytes.first().copied();
        pipe.arrived.drain(..).filter_map(|it| first(&it)).collect()
    }

    fn parcel(name: u8) -> Parcel {
        let handed_at = Instant::from_micros(1);
        let flight = Flight { bytes: vec![name], message: None, handed_at, forged: false };
        Parcel { flight, answers: None }
    }

    #[test]
    fn two_that_arrive_together_overtake_one_that_is_held_back() {
        let mut pipe = Pipe::default();
        pipe.depart(parcel(1), Departure { due: 10, held: 90, ..Departure::default() });
        pipe.depart(parcel(2), Departure { due: 20, coalesced: 100, ..Departure::default() });
        pipe.depart(parcel(3), Departure { due: 30, ..Departure::default() });
        assert_eq!(arrived(&mut pipe, 29), [0; 0]);
        assert_eq!(arrived(&mut pipe, 30), [2, 3]);
        assert_eq!(arrived(&mut pipe, 100), [1]);
    }
}
