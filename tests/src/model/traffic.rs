//! Packets and messages: out of one session, under way, into the other, to the application and back.

use super::op::{Forged, Reply};
use super::setup::Side;
use super::transcript::{Received, Shown};
use super::world::{World, status};
use super::{Manner, Violation, ensure};
use crate::solo::{ENDPOINT, bytes_of};
use cync_core::Disconnect;
use cync_core::wire::{
    Channel, ChecksumMode, Frame, MAX_PACKET, MsgId, Packet, PacketType, Prefix, Receipt, ShortAck,
    StatusCode, op,
};
use cync_sim::witness::{Flight, Handed};
use std::collections::VecDeque;

impl World {
    /// Hands up to so many packets over; returns how many. The first is tried with too little room if `pinch`.
    pub(super) fn hand_over(
        &mut self,
        side: Side,
        most: usize,
        pinch: bool,
    ) -> Result<usize, Violation> {
        let mut out = std::mem::take(&mut self.out);
        out.resize(MAX_PACKET, 0);
        let done = self.hand_over_from(side, most, pinch, &mut out);
        self.out = out;
        done
    }

    fn hand_over_from(
        &mut self,
        side: Side,
        most: usize,
        pinch: bool,
        out: &mut [u8],
    ) -> Result<usize, Violation> {
        for count in 0..most {
            let time = self.tell(side);
            let witness = &mut self.end(side).witness;
            let handed = if pinch && count == 0 {
                witness.transmit_pinched(time, out, 3)?
            } else {
                witness.transmit(time, out)?
            };
            let Some(handed) = handed else { return Ok(count) };
            self.handed_over(side, &handed, out[..handed.transmit.len].to_vec());
        }
        Ok(most)
    }

    fn handed_over(&mut self, side: Side, handed: &Handed, bytes: Vec<u8>) {
        let Handed { transmit, message } = *handed;
        let all = if transmit.kind == PacketType::Handshake { &[] } else { bytes.as_slice() };
        self.note(side, Shown::HandedOver(transmit, all.into()));
        let handed_at = self.now;
        let end = self.end(side);
        if let Some(message) = message {
            end.sent.entry(message).or_insert_with(|| bytes.clone());
        }
        let Some(wire) = end.wire else { return };
        let flight = Flight { bytes, message, handed_at, forged: false };
        self.wires.to(wire, side.other()).push_back(flight);
    }

    /// What travels to a side.
    pub(super) fn under_way<T>(
        &mut self,
        side: Side,
        act: impl FnOnce(&mut VecDeque<Flight>) -> T,
    ) -> Option<T> {
        let wire = self.end(side).wire?;
        Some(act(self.wires.to(wire, side)))
    }

    /// Takes the nth packet out of what travels to a side. The greeting is not at stake.
    pub(super) fn pick(&mut self, side: Side, nth: u8) -> Option<(usize, Flight)> {
        let greeting = |packet: &Flight| matches!(packet.bytes.first(), Some(0x23 | 0x28));
        self.under_way(side, |packets| {
            let at = usize::from(nth).checked_rem(packets.len())?;
            if packets.get(at).is_some_and(greeting) {
                return None;
            }
            packets.remove(at).map(|packet| (at, packet))
        })?
    }

    pub(super) fn arrive(&mut self, side: Side, most: usize) {
        let packets = self.under_way(side, |packets| {
            packets.drain(..most.min(packets.len())).collect::<Vec<_>>()
        });
        let arrived = &mut self.end(side).arrived;
        packets.into_iter().flatten().for_each(|packet| arrived.push(packet));
    }

    /// All that travels to a side arrives and is offered; whether anything was taken.
    pub(super) fn hear(&mut self, side: Side) -> Result<bool, Violation> {
        self.arrive(side, usize::MAX);
        let before = self.end(side).arrived.taken;
        self.end(side).arrived.read(usize::MAX);
        self.feed(side)?;
        Ok(self.end(side).arrived.taken > before)
    }

    /// Offers what the driver has read until the session has taken it, or refuses.
    pub(super) fn feed(&mut self, side: Side) -> Result<(), Violation> {
        loop {
            let end = self.end(side);
            let rest = end.arrived.rest();
            if !end.witness.wants_input() || rest.is_empty() && !end.witness.is_stalled() {
                return Ok(());
            }
            if self.watched() {
                self.offer_packet(side)?;
            } else {
                self.offer_piece(side)?;
            }
        }
    }

    /// Offers what was read of the oldest packet. Whoever sent it may be answered if it was dealt with.
    fn offer_packet(&mut self, side: Side) -> Result<(), Violation> {
        let time = self.tell(side);
        let end = self.end(side);
        let Some((flight, from, to)) = end.arrived.next() else {
            return Err(Violation::of("S6", "nothing is refused".into()));
        };
        let before = end.witness.session().stats().packets_received;
        let taken = end.witness.input(time, flight, from, to)?;
        let heard = end.witness.session().stats().packets_received > before;
        let message = flight.message.filter(|_| heard);
        end.arrived.taken += taken.bytes;
        if taken.dealt_with {
            end.arrived.packets.pop_front();
        }
        if let Some(message) = message {
            self.end(side.other()).witness.answerable(message);
        }
        Ok(())
    }

    /// Offers what was read as the manner says, and forgets the packets that were dealt with, without a look at them.
    fn offer_piece(&mut self, side: Side) -> Result<(), Violation> {
        let (time, manner) = (self.tell(side), self.manner);
        let end = self.end(side);
        let rest = end.arrived.rest();
        let piece = match manner {
            Manner::Whole => rest,
            Manner::Pieces(len) => rest.get(..len).unwrap_or(rest),
            _ => end.arrived.rest_of_packet(),
        };
        let before = end.witness.session().stats().packets_received;
        let taken = end.witness.offer(time, piece);
        let whole = taken == piece.len();
        let stalled = end.witness.is_stalled();
        ensure!(whole || stalled, "S6", "{taken} of {} taken", piece.len());
        end.arrived.taken += taken;
        for _ in before..end.witness.session().stats().packets_received {
            end.arrived.packets.pop_front();
        }
        while !stalled && end.arrived.is_whole() {
            end.arrived.packets.pop_front();
        }
        Ok(())
    }

    /// Takes a message, and does with it what the application does; whether there was one.
    pub(super) fn recv(&mut self, side: Side, reply: Reply) -> Result<bool, Violation> {
        let time = self.tell(side);
        let got = self.end(side).witness.recv(time)?;
        self.note(side, Shown::Received(got.as_ref().map(Received::from)));
        if let Some(id) = got.as_ref().and_then(|got| got.id) {
            let end = self.end(side);
            end.taken.push(id);
            let at = end.taken.len() - 1;
            self.reply(side, at, reply)?;
        }
        // There is room now: the rest is offered at once.
        self.feed(side)?;
        Ok(got.is_some())
    }

    /// The application answers a request that it took.
    pub(super) fn reply(&mut self, side: Side, at: usize, reply: Reply) -> Result<(), Violation> {
        let Some((status, reports)) = status(reply) else { return Ok(()) };
        let time = self.tell(side);
        let end = self.end(side);
        let Some(id) = end.taken.get(at).copied() else { return Ok(()) };
        let result = if reports {
            end.witness.report(time, id, status)?
        } else {
            end.witness.respond(time, id, status)?
        };
        self.note(side, Shown::Replied(status, at, result));
        Ok(())
    }

    pub(super) fn forge(&mut self, side: Side, forged: Forged) {
        let Some(bytes) = self.forged(side, forged) else { return };
        let handed_at = self.now;
        let packet = Flight { bytes, message: None, handed_at, forged: true };
        self.under_way(side, |packets| packets.push_back(packet));
    }

    fn forged(&mut self, side: Side, forged: Forged) -> Option<Vec<u8>> {
        let prefix = Prefix { endpoint: ENDPOINT, msg_id: MsgId(0x5151), flag: 0 };
        Some(match forged {
            Forged::Answer { kind, status, ago, other } => {
                answer(kind, StatusCode(status), self.sent_ago(side, ago)?, other)?
            }
            Forged::Malformed(how) => malformed(how),
            Forged::Overlong => vec![0x73, 0, 1, 0, 0],
            Forged::Heartbeat => bytes_of(&Packet::HeartbeatDev),
            Forged::TimeRequest => bytes_of(&Packet::TimeRequest { tag: 12 }),
            Forged::Probe => bytes_of(&Packet::Probe { prefix, extra: None }),
            Forged::Notice => bytes_of(&Packet::Disconnect { reason: &[3] }),
        })
    }

    /// The connection of both goes.
    pub(super) fn cut_both(&mut self) -> Result<(), Violation> {
        Side::BOTH.into_iter().try_for_each(|side| self.cut(side, Disconnect::Error))
    }
}

/// An answer to the message whose packet this is.
fn answer(kind: u8, status: StatusCode, packet: &[u8], other: bool) -> Option<Vec<u8>> {
    let message = Packet::decode(packet, ChecksumMode::Strict).ok()?;
    let Prefix { mut endpoint, msg_id, .. } = message.prefix()?;
    endpoint.0 ^= u32::from(other);
    let receipt = Receipt { endpoint, msg_id, status };
    let short = ShortAck { msg_id, status };
    let prefix = Prefix { endpoint, msg_id, flag: 0 };
    Some(bytes_of(&match kind {
        0x7b => Packet::DataAck(receipt),
        0x78 => Packet::DataResult(receipt),
        0x88 => Packet::StatusAck(short),
        0x48 => Packet::InfoAck(short),
        0xab => Packet::ProbeAck(cync_core::wire::DeviceInfo { prefix, payload: &[7] }),
        _ => {
            let inner = message.frame()?;
            let data = [status.0];
            let counter = inner.counter ^ u32::from(other) << 31;
            let frame = Frame::response(counter, inner.op, &data);
            return Some(bytes_of(&Packet::DataChannel(Channel { prefix, frame })));
        }
    }))
}

/// A packet that cannot be decoded.
fn malformed(how: u8) -> Vec<u8> {
    let prefix = Prefix { endpoint: ENDPOINT, msg_id: MsgId(0x5252), flag: 0 };
    let frame = Frame::request(0x7777_7777, op::POWER, &[1, 2, 3]);
    let mut good = bytes_of(&Packet::DataChannel(Channel { prefix, frame }));
    let len = good.len();
    match how % 6 {
        // A wrong checksum.
        0 => good[len - 2] ^= 0x40,
        // No end marker.
        1 => good[len - 1] = 0,
        // A type that there is not.
        2 => good[0] = 0x99,
        // The inner length says more than there is.
        3 => good[19] = 9,
        // Too short for its prefix.
        4 => return vec![0x73, 0, 0, 0, 2, 1, 2],
        // Of a fixed size, and another length.
        _ => return vec![0x7b, 0, 0, 0, 3, 1, 2, 3],
    }
    good
}
