//! Packets between the two ends of a link: what happens to them on their way.

use super::agenda::NEVER;
use super::pipe::{Departure, Parcel};
use super::plan::toward;
use super::{Source, World};
use crate::chaos::below;
use crate::witness::{Flight, Handed};
use crate::{Copy, Fate, FaultKind, Label, Side, Violation, What};
use cync_core::mix;
use cync_core::wire::{self, ChecksumMode, Packet, PacketType};
use std::time::Duration;

/// What a packet is about.
#[derive(Clone, Copy, Debug)]
struct About {
    copy: Copy,
    /// The command that it is a transmission of, from 1.
    command: Option<u64>,
    /// The peer's message that it answers.
    answers: Option<u32>,
    /// When the copy was handed over that it answers.
    since: u64,
    is_greeting: bool,
}

impl World<'_> {
    /// A packet was handed over: it sets out, unless something happens to it.
    pub(super) fn depart(
        &mut self,
        index: usize,
        side: Side,
        handed: &Handed,
    ) -> Result<(), Violation> {
        let place = self.place(index, side);
        let mut out = std::mem::take(&mut self.out);
        let bytes = out.get(..handed.transmit.len).unwrap_or_default();
        self.tap.handed(place, bytes);
        self.tally.packets += 1;
        if self.quiet && !matches!(bytes.first(), Some(0xd3 | 0xd8)) {
            let what = format!("{} is handed over though all is done", handed.transmit.kind);
            return Err(Violation::new("L3", what));
        }
        let about = self.about(index, side, handed, bytes);
        self.count_spurious(index, side, handed);
        let fate = self.fate(index, side, &about);
        self.tell_handed(index, side, (handed, about.answers), bytes, fate.doubled);
        if !fate.lost {
            let mut packet = self.spare.pop().unwrap_or_default();
            packet.clear();
            packet.extend_from_slice(bytes);
            self.carry(index, side, handed, &about, fate, packet);
        }
        std::mem::swap(&mut self.out, &mut out);
        Ok(())
    }

    fn about(&mut self, index: usize, side: Side, handed: &Handed, bytes: &[u8]) -> About {
        let kind = handed.transmit.kind;
        let now = self.now;
        let (end, peer) = self.links[index].both(side);
        let way = toward(side.other());
        let mut about = About {
            copy: Copy {
                link: index as u16,
                way,
                label: Label { kind: kind.byte(), frame: 0, number: 0 },
                attempt: 1,
            },
            command: None,
            answers: None,
            since: now,
            is_greeting: matches!(kind, PacketType::Handshake | PacketType::HelloAck),
        };
        if let Some(message) = handed.message {
            let attempt = handed.transmit.attempt;
            if attempt == 1 {
                let counter = counter_of(kind, bytes);
                end.records.number(message, kind.byte(), prefix_number(bytes), counter);
            }
            about.copy.label.frame = match kind {
                PacketType::DataChannel => wire::Direction::REQUEST.0,
                PacketType::StatusBroadcast => wire::Direction::ANNOUNCE.0,
                _ => 0,
            };
            if let Some(record) = end.records.get(message) {
                about.copy.label.number = record.op;
                about.copy.attempt = record.nth_copy(attempt.into());
                about.command = (record.nth > 0).then_some(record.nth);
            }
            return about;
        }
        let answered = match kind {
            PacketType::DataAck => peer.records.by_number(0x73, prefix_number(bytes)),
            PacketType::ProbeAck => peer.records.by_number(0xa3, prefix_number(bytes)),
            PacketType::StatusAck => peer.records.by_number(0x83, number_at(bytes, 5)),
            PacketType::DataChannel => {
                about.copy.label.frame = wire::Direction::RESPONSE.0;
                counter_of(kind, bytes).and_then(|counter| peer.records.by_counter(counter))
            }
            _ => None,
        };
        let record = answered.and_then(|message| peer.records.get(message));
        let Some(record) = record else {
            end.others = end.others.wrapping_add(1);
            // Kinds that do answer messages have those of the messages.
            let answers = matches!(
                kind,
                PacketType::DataAck
                    | PacketType::ProbeAck
                    | PacketType::StatusAck
                    | PacketType::DataChannel
            );
            about.copy.label.number = end.others | u32::from(answers) << 31;
            return about;
        };
        about.answers = answered;
        about.copy.label.number = record.op;
        if kind == PacketType::DataChannel {
            record.results += 1;
            about.copy.attempt = record.nth_copy(record.results);
        } else {
            record.receipts += 1;
            about.copy.attempt = record.nth_copy(record.receipts);
            let [oldest, newest] = &mut record.unanswered;
            about.since = oldest.take().unwrap_or(now);
            *oldest = newest.take();
        }
        if std::mem::take(&mut record.owed) {
            record.alive -= 1;
        }
        about
    }

    /// A copy is needless if one before it, or an answer to one, is on its way and will arrive.
    fn count_spurious(&mut self, index: usize, side: Side, handed: &Handed) {
        let (Some(message), Side::Controller) = (handed.message, side) else { return };
        let after = self.scenario.limits.spurious_after;
        let Some(record) = self.links[index].end(side).records.get(message) else { return };
        if record.is_trial {
            self.trials.repeated += u64::from(handed.transmit.attempt > 1);
            return;
        }
        if record.nth == 0 {
            return;
        }
        let counts = record.nth > after;
        if handed.transmit.attempt == 1 {
            self.tally.first += 1;
            self.tally.first_counted += u64::from(counts);
        } else {
            self.tally.repeated += 1;
            self.tally.spurious += u64::from(counts && record.alive > 0);
        }
    }

    fn fate(&mut self, index: usize, side: Side, about: &About) -> Fate {
        let now = self.now;
        let link = &mut self.links[index];
        let (end, peer) = link.both(side);
        let same = end.epoch.is_some() && end.epoch == peer.epoch;
        let silent = now < end.silent_until;
        let lost = if silent {
            Some(FaultKind::Silent)
        } else if now < link.partitioned_until {
            Some(FaultKind::Partition)
        } else if side == Side::Controller && now < link.off_until {
            Some(if link.forgets { FaultKind::Amnesia } else { FaultKind::Reboot })
        } else {
            None
        };
        if let Some(kind) = lost {
            self.plan.effects.count(kind);
        }
        if lost.is_some() || !same {
            return Fate { lost: true, ..Fate::default() };
        }
        if about.is_greeting {
            return Fate::default();
        }
        let fate = self.plan.fate(&about.copy, about.command);
        if fate.lost {
            self.plan.note(&about.copy, What::Drop);
        }
        fate
    }

    fn carry(
        &mut self,
        index: usize,
        side: Side,
        handed: &Handed,
        about: &About,
        mut fate: Fate,
        mut bytes: Vec<u8>,
    ) {
        let (now, time, copy) = (self.now, self.time(), &about.copy);
        let lifetime = self.lifetime(side);
        let buffer = self.plan.reorder_buffer(copy.way);
        let refuses =
            handed.transmit.kind == PacketType::HelloAck && now < self.links[index].refusing_until;
        if refuses {
            bytes.iter_mut().skip(5).take(1).for_each(|status| *status = 1);
            self.plan.effects.count(FaultKind::RefuseHello);
        }
        let (end, peer) = self.links[index].both(side);
        if peer.pipe.held() >= buffer {
            fate.held = 0;
        }
        let due = now.saturating_add(self.transit).saturating_add(fate.delay);
        let arrives = due.saturating_add(fate.held).saturating_add(fate.coalesced);
        if arrives >= about.since.saturating_add(lifetime) {
            // No copy takes so long, nor does its answer: the sessions rely on it.
            self.plan.note(copy, What::Drop);
            self.spare.push(bytes);
            return;
        }
        let micros = Duration::from_micros;
        if fate.delay > 0 {
            self.plan.note(copy, What::Delay(micros(fate.delay)));
        }
        if fate.held > 0 {
            self.plan.note(copy, What::Reorder(micros(fate.held)));
            // Answers may overtake each other: each says what it answers.
            self.values.unordered |= side == Side::Controller;
        }
        if fate.coalesced > 0 {
            self.plan.note(copy, What::Coalesce(micros(fate.coalesced)));
        }
        let (bits, count) = (fate.corrupted >> 8, (fate.corrupted & 0xff).max(1) as u8);
        if fate.corrupted != 0 && crate::corrupt::corrupt(&mut bytes, bits, count) {
            self.plan.note(copy, What::Corrupt(fate.corrupted));
        }
        let mut split = None;
        if fate.split != 0 && bytes.len() > 1 {
            let at = 1 + below(mix(fate.split >> 32), bytes.len() as u64 - 1) as usize;
            split = Some((at, (fate.split & 0xffff_ffff).max(1)));
            self.plan.note(copy, What::Split(fate.split));
        }
        if fate.doubled {
            self.plan.note(copy, What::Duplicate);
        }
        let copies = 1 + u32::from(fate.doubled);
        let flight = Flight { bytes, message: handed.message, handed_at: time, forged: refuses };
        let record = match (handed.message, about.answers) {
            (Some(message), _) => end.records.get(message),
            (None, Some(message)) => peer.records.get(message),
            (None, None) => None,
        };
        if let Some(record) = record {
            record.alive += copies;
        }
        let parcel = Parcel { flight, answers: about.answers };
        let departure = Departure { due, held: fate.held, coalesced: fate.coalesced, split };
        if fate.doubled {
            let again = Departure { split: None, ..departure };
            let mut bytes = self.spare.pop().unwrap_or_default();
            bytes.clone_from(&parcel.flight.bytes);
            let twin = Parcel { flight: Flight { bytes, ..parcel.flight }, ..parcel };
            peer.pipe.depart(parcel, departure);
            peer.pipe.depart(twin, again);
        } else {
            peer.pipe.depart(parcel, departure);
        }
        self.schedule_arrival(index, side.other());
    }

    pub(super) fn schedule_arrival(&mut self, index: usize, side: Side) {
        let next = self.links[index].end(side).pipe.next();
        self.set(index, Source::arrival(side), next);
    }

    /// Something arrives.
    pub(super) fn arrive(&mut self, index: usize, side: Side) -> Result<(), Violation> {
        let now = self.now;
        let too_old = (now + 1).saturating_sub(self.lifetime(side.other()));
        let mut late = Vec::new();
        let pipe = &mut self.links[index].end(side).pipe;
        pipe.arrive(now, too_old, |parcel| late.push(parcel));
        for parcel in late {
            self.lost(index, side, parcel);
        }
        if side == Side::Device && now < self.links[index].off_until {
            self.clear(index, side);
        }
        self.schedule_arrival(index, side);
        self.drive(index, side)
    }

    /// A session has dealt with a packet.
    pub(super) fn dealt_with(&mut self, index: usize, side: Side, parcel: Parcel) {
        let Parcel { flight, answers } = parcel;
        self.tell_arrived(index, side, &flight, answers);
        let (end, peer) = self.links[index].both(side);
        if let Some(message) = flight.message {
            peer.witness.answerable(message);
            if let Some(record) = peer.records.get(message) {
                let handed_at = Some(flight.handed_at.as_micros());
                let [oldest, newest] = &mut record.unanswered;
                *if oldest.is_none() { oldest } else { newest } = handed_at;
                if record.owed || record.nth == 0 {
                    record.alive -= 1;
                }
                record.owed |= record.nth > 0;
            }
        }
        if let Some(record) = answers.and_then(|message| end.records.get(message)) {
            record.alive -= 1;
        }
        self.spare.push(flight.bytes);
    }

    /// A packet will not arrive.
    fn lost(&mut self, index: usize, side: Side, parcel: Parcel) {
        let (end, peer) = self.links[index].both(side);
        let record = match (parcel.flight.message, parcel.answers) {
            (Some(message), _) => peer.records.get(message),
            (None, Some(message)) => end.records.get(message),
            (None, None) => None,
        };
        if let Some(record) = record {
            record.alive -= 1;
        }
        self.spare.push(parcel.flight.bytes);
    }

    /// Everything that travels to a side is lost.
    pub(super) fn clear(&mut self, index: usize, side: Side) {
        let mut all = Vec::new();
        self.links[index].end(side).pipe.clear(|parcel| all.push(parcel));
        for parcel in all {
            self.lost(index, side, parcel);
        }
        self.set(index, Source::arrival(side), NEVER);
    }
}

fn number_at(bytes: &[u8], at: usize) -> u16 {
    let number = bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
    number.map_or(0, u16::from_be_bytes)
}

/// The message number in a packet's prefix (`docs/protocol.md`, section 3).
fn prefix_number(bytes: &[u8]) -> u16 {
    number_at(bytes, 9)
}

/// The counter of a packet's inner frame, if it is a `0x73`.
fn counter_of(kind: PacketType, bytes: &[u8]) -> Option<u32> {
    if kind != PacketType::DataChannel {
        return None;
    }
    match Packet::decode(bytes, ChecksumMode::Strict) {
        Ok(Packet::DataChannel(channel)) => Some(channel.frame.counter),
        _ => None,
    }
}
