//! Connections: two one-way links each, in which packets travel until the case says what becomes of them.

use super::setup::Side;
use cync_core::DecodeError;
use cync_core::Instant;
use cync_core::wire::{ChecksumMode, Packet};
use cync_sim::witness::Flight;
use std::collections::{BTreeMap, VecDeque};

/// Makes the checksum of a packet a wrong one, if it has a checksum.
pub(super) fn corrupt(packet: &mut Flight) {
    let Some(at) = packet.bytes.len().checked_sub(2) else { return };
    for flip in 1..=u8::MAX {
        let mut bytes = packet.bytes.clone();
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= flip;
        }
        let decoded = Packet::decode(&bytes, ChecksumMode::Strict);
        if matches!(decoded, Err(DecodeError::InvalidChecksum { .. })) {
            packet.bytes = bytes;
            return;
        }
    }
}

/// What travels to one side on one connection.
#[derive(Default, Debug)]
pub(super) struct Link {
    pub(super) packets: VecDeque<Flight>,
}

/// All connections that matter: at most three.
#[derive(Default, Debug)]
pub(super) struct Wires {
    newest: u32,
    links: BTreeMap<(u32, Side), Link>,
}

impl Wires {
    /// A new connection; connections that nobody is at go.
    pub(super) fn open(&mut self, in_use: [Option<u32>; 2]) -> u32 {
        self.newest += 1;
        let newest = self.newest;
        self.links.retain(|(wire, _), _| in_use.contains(&Some(*wire)));
        newest
    }

    pub(super) fn newest(&self) -> Option<u32> {
        (self.newest > 0).then_some(self.newest)
    }

    /// What travels to a side.
    pub(super) fn to(&mut self, wire: u32, side: Side) -> &mut VecDeque<Flight> {
        &mut self.links.entry((wire, side)).or_default().packets
    }

    /// Loses what has been under way for longer than a copy can be.
    pub(super) fn lose_old(&mut self, before: Instant) {
        for link in self.links.values_mut() {
            link.packets.retain(|packet| packet.handed_at >= before);
        }
    }
}

/// What arrived at a side on its present connection.
#[derive(Default, Debug)]
pub(super) struct Arrived {
    bytes: Vec<u8>,
    /// Packets that the session has not dealt with, and where they end in `bytes`.
    pub(super) packets: VecDeque<(usize, Flight)>,
    /// How much the driver has read.
    offered: usize,
    /// How much the session has taken.
    pub(super) taken: usize,
}

impl Arrived {
    pub(super) fn push(&mut self, packet: Flight) {
        self.bytes.extend(&packet.bytes);
        self.packets.push_back((self.bytes.len(), packet));
    }

    /// The driver reads so many bytes more.
    pub(super) fn read(&mut self, bytes: usize) {
        self.offered = self.offered.saturating_add(bytes).min(self.bytes.len());
    }

    /// What was read and not taken.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..self.offered]
    }

    /// The part of the rest that belongs to the oldest packet that was not dealt with.
    pub(super) fn rest_of_packet(&self) -> &[u8] {
        let end = self.packets.front().map_or(self.offered, |(end, _)| *end);
        &self.bytes[self.taken..self.offered.min(end).max(self.taken)]
    }

    /// The oldest packet that was not dealt with, and which part of it was read and not taken.
    pub(super) fn next(&self) -> Option<(&Flight, usize, usize)> {
        let (end, packet) = self.packets.front()?;
        let start = end - packet.bytes.len();
        Some((packet, self.taken - start, self.offered.min(*end).max(self.taken) - start))
    }

    /// Whether the oldest packet that was not dealt with was taken to its last byte.
    pub(super) fn is_whole(&self) -> bool {
        self.packets.front().is_some_and(|(end, _)| *end <= self.taken)
    }
}
