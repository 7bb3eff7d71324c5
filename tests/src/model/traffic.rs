//! Packets and messages: out of one session, under way, into the other, to the application and back.

use super::answers::Heard;
use super::book::Label;
use super::ears::Got;
use super::op::{Forged, Reply};
use super::setup::Side;
use super::wires::Flying;
use super::world::{World, status};
use super::{Manner, Violation, ensure, shown};
use crate::solo::{AUTH, ENDPOINT, bytes_of};
use cync_core::wire::{
    Channel, ChecksumMode, Frame, MAX_PACKET, MsgId, Packet, PacketType, Prefix, Receipt, ShortAck,
    StatusCode, op,
};
use cync_core::{Disconnect, State, Stats, Transmit};
use std::collections::VecDeque;

impl World {
    /// Hands up to so many packets over; returns how many. The first is tried with too little room if `pinch`.
    pub(super) fn hand_over(
        &mut self,
        side: Side,
        most: usize,
        pinch: bool,
    ) -> Result<usize, Violation> {
        let mut out = vec![0; MAX_PACKET];
        for count in 0..most {
            let room = if pinch && count == 0 { 3 } else { MAX_PACKET };
            let Some(transmit) = self.poll_transmit(side, &mut out, room)? else {
                return Ok(count);
            };
            let bytes = out[..transmit.len].to_vec();
            self.handed_over(side, &transmit, bytes)?;
        }
        Ok(most)
    }

    fn poll_transmit(
        &mut self,
        side: Side,
        out: &mut [u8],
        room: usize,
    ) -> Result<Option<Transmit>, Violation> {
        let (time, now) = (self.tell(side), self.now);
        let end = self.end(side);
        end.book.on_late(now);
        let polled = end.session.poll_transmit(time, &mut out[..room]);
        let short = match polled {
            Ok(transmit) => return Ok(transmit),
            Err(short) => short,
        };
        ensure!(short.have == room && short.needed > room, "S5", "{short:?} with {room}");
        if end.book.watched {
            end.check()?;
        }
        let polled = end.session.poll_transmit(time, &mut out[..short.needed]);
        let fits = matches!(&polled, Ok(Some(transmit)) if transmit.len == short.needed);
        ensure!(fits, "S5", "{polled:?} after {short:?}");
        Ok(polled.unwrap_or_default())
    }

    /// S5, and what the model makes of the packet.
    fn handed_over(
        &mut self,
        side: Side,
        transmit: &Transmit,
        bytes: Vec<u8>,
    ) -> Result<(), Violation> {
        let all = if transmit.kind == PacketType::Handshake { &[] } else { bytes.as_slice() };
        self.note(side, format_args!("{transmit:?} {}", crate::hex(all.iter().copied())));
        let decoded = Packet::decode(&bytes, ChecksumMode::Strict);
        let Ok(packet) = decoded else {
            return Err(Violation::of(
                "S5",
                format!("{transmit:?}: {decoded:?}, {}", shown(&bytes)),
            ));
        };
        let same = packet.kind() == transmit.kind && bytes_of(&packet) == bytes;
        ensure!(same, "S5", "{transmit:?} is {packet:?}");
        let greeting = packet.kind() == PacketType::Handshake;
        let secret = bytes.windows(AUTH.len()).any(|part| part == AUTH);
        ensure!(secret == greeting, "S16", "{transmit:?}: {}", shown(&bytes));
        let now = self.now;
        let heartbeat = self.setup.config(side).heartbeat;
        let end = self.end(side);
        let Some(wire) = end.wire else {
            return Err(Violation::of("S5", format!("{transmit:?} without a connection")));
        };
        ensure!(end.hangup.is_none(), "S10", "{transmit:?} after a hang-up");
        let may = end.greeted || greeting || end.session.state() != State::Greeting;
        ensure!(may, "S14", "{transmit:?} before the greeting");
        end.sent += 1;
        let mut message = None;
        if let Some(id) = transmit.id {
            message = Some(end.book.on_copy(now, wire, id, transmit, &bytes)?);
        } else if greeting {
            ensure!(!end.greeted, "S5", "a second greeting");
            end.greeted = true;
        } else if packet.kind() == PacketType::HeartbeatDev {
            let due = heartbeat.is_some_and(|after| now >= end.last_sent + after);
            ensure!(due || end.pinged || !end.book.watched, "L3", "a needless heartbeat");
        } else if end.book.watched {
            end.ears.on_answer_sent(&bytes)?;
        }
        (end.pinged, end.last_sent) = (false, now);
        let flying = Flying { bytes, message, handed_at: now, forged: false };
        self.wires.to(wire, side.other()).push_back(flying);
        Ok(())
    }

    /// What travels to a side.
    pub(super) fn under_way<T>(
        &mut self,
        side: Side,
        act: impl FnOnce(&mut VecDeque<Flying>) -> T,
    ) -> Option<T> {
        let wire = self.end(side).wire?;
        Some(act(self.wires.to(wire, side)))
    }

    /// Takes the nth packet out of what travels to a side. The greeting is not at stake.
    pub(super) fn pick(&mut self, side: Side, nth: u8) -> Option<(usize, Flying)> {
        let greeting = |packet: &Flying| matches!(packet.bytes.first(), Some(0x23 | 0x28));
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
        let manner = self.manner;
        loop {
            let end = self.end(side);
            if !end.session.wants_input() || end.arrived.rest().is_empty() && !end.stalled {
                return Ok(());
            }
            let piece = match manner {
                Manner::Whole => end.arrived.rest().to_vec(),
                Manner::Pieces(len) => {
                    end.arrived.rest()[..].chunks(len).next().unwrap_or(&[]).to_vec()
                }
                _ => end.arrived.rest_of_packet().to_vec(),
            };
            let before = *end.session.stats();
            let state = end.session.state();
            let time = self.tell(side);
            let end = self.end(side);
            let taken = end.session.handle_input(time, &piece);
            end.stalled = !end.session.wants_input();
            end.arrived.taken += taken;
            let whole = taken == piece.len();
            ensure!(whole || end.stalled, "S6", "{taken} of {} taken", piece.len());
            if self.watched() {
                self.dealt_with(side, &before, state)?;
            } else {
                self.skip(side, &before);
            }
        }
    }

    /// Forgets the packets that were dealt with, without a look at them.
    fn skip(&mut self, side: Side, before: &Stats) {
        let end = self.end(side);
        let dealt_with = end.session.stats().packets_received - before.packets_received;
        for _ in 0..dealt_with {
            end.arrived.packets.pop_front();
        }
        while !end.stalled && end.arrived.is_whole() {
            end.arrived.packets.pop_front();
        }
    }

    /// Works out what became of the bytes that were offered last: of one packet at most.
    fn dealt_with(&mut self, side: Side, before: &Stats, state: State) -> Result<(), Violation> {
        let end = self.end(side);
        let after = *end.session.stats();
        match after.packets_received - before.packets_received {
            0 if end.stalled => match end.arrived.packets.front() {
                Some((_, packet)) => end.ears.check_refusal(packet),
                None => Err(Violation::of("S6", "nothing is refused".into())),
            },
            0 => {
                // Half a packet, or one that a session which hangs up swallows.
                if end.arrived.is_whole() {
                    end.arrived.packets.pop_front();
                }
                Ok(())
            }
            1 => {
                let Some((_, packet)) = end.arrived.packets.pop_front() else {
                    return Err(Violation::of("S10", "a packet that nobody sent".into()));
                };
                end.heard += 1;
                self.heard(side, &packet, (before, &after), state)
            }
            more => Err(Violation::of("S10", format!("{more} packets where one was offered"))),
        }
    }

    /// One packet was dealt with: the session must have made of it what the model does.
    fn heard(
        &mut self,
        side: Side,
        packet: &Flying,
        stats: (&Stats, &Stats),
        state: State,
    ) -> Result<(), Violation> {
        let now = self.now;
        if let Some(index) = packet.message
            && let Some(message) = self.end(side.other()).book.message(index)
        {
            message.answerable = true;
        }
        let expects = side != self.setup.greeter;
        let end = self.end(side);
        let Some(wire) = end.wire else { return Ok(()) };
        let decoded = Packet::decode(&packet.bytes, ChecksumMode::Strict);
        let Ok(decoded) = decoded else {
            check_malformed(stats)?;
            if state != State::Greeting {
                end.ears.on_undecodable(&packet.bytes);
            }
            return Ok(());
        };
        if state == State::Greeting {
            let kind = decoded.kind();
            let greets = if expects {
                kind == PacketType::Handshake
            } else {
                kind == PacketType::HelloAck && end.greeted
            };
            let ready = end.session.state() == State::Ready;
            ensure!(ready == greets, "S14", "{} after {decoded:?}", end.session.state());
            if greets && expects {
                end.ears.on_hello();
            }
            return Ok(());
        }
        match decoded {
            Packet::Probe { .. } => {
                Label::of(&packet.bytes).iter().for_each(|label| end.ears.on_probe(label));
            }
            Packet::HeartbeatDev => end.ears.on_heartbeat(),
            Packet::TimeRequest { .. } => end.ears.clock_asked = true,
            Packet::Handshake(_) if expects => end.ears.on_hello(),
            _ => {
                let Some(label) = Label::of(&packet.bytes) else { return Ok(()) };
                if let Some(answer) = Heard::of(&label, &packet.bytes) {
                    if packet.forged {
                        end.book.believe(wire, &label, answer);
                    }
                    return end.book.on_answer(now, wire, &label, answer, stats);
                }
                end.ears.on_message(now, wire, packet, &label, stats)?;
            }
        }
        Ok(())
    }

    /// Takes a message, and does with it what the application does; whether there was one.
    pub(super) fn recv(&mut self, side: Side, reply: Reply) -> Result<bool, Violation> {
        let time = self.tell(side);
        let watched = self.watched();
        let end = self.end(side);
        let mut id = None;
        let got = end.session.recv(time).map(|delivery| {
            id = delivery.id();
            Got {
                kind: delivery.kind,
                endpoint: delivery.prefix.endpoint,
                msg_id: delivery.prefix.msg_id,
                counter: delivery.frame.map(|frame| frame.counter),
                data: delivery.data.to_vec(),
                arrived: delivery.arrived,
            }
        });
        let any = got.is_some();
        self.note(side, format_args!("{got:?}"));
        let end = self.end(side);
        let waiting = if watched { end.ears.on_recv(got)? } else { None };
        if let Some(id) = id {
            if let Some(waiting) = &waiting {
                end.ears.on_executed(waiting)?;
            }
            end.taken.push((id, waiting));
            let at = end.taken.len() - 1;
            self.reply(side, at, reply)?;
        }
        // There is room now: the rest is offered at once.
        self.feed(side)?;
        Ok(any)
    }

    /// The application answers a request that it took.
    pub(super) fn reply(&mut self, side: Side, at: usize, reply: Reply) -> Result<(), Violation> {
        let Some((status, reports)) = status(reply) else { return Ok(()) };
        let (time, now) = (self.tell(side), self.now);
        let end = self.end(side);
        let Some((id, waiting)) = end.taken.get(at).cloned() else { return Ok(()) };
        let result = if reports {
            end.session.report(time, id, status)
        } else {
            end.session.respond(time, id, status)
        };
        if let Some(waiting) = waiting {
            let here = end.wire == Some(waiting.wire)
                && matches!(end.session.state(), State::Ready | State::Draining);
            end.ears.on_reply(now, &waiting, here, (status, reports), result)?;
        }
        self.note(side, format_args!("{status} for {at}: {result:?}"));
        Ok(())
    }

    pub(super) fn forge(&mut self, side: Side, forged: Forged) {
        let Some(bytes) = self.forged(side, forged) else { return };
        let handed_at = self.now;
        let packet = Flying { bytes, message: None, handed_at, forged: true };
        self.under_way(side, |packets| packets.push_back(packet));
    }

    fn forged(&mut self, side: Side, forged: Forged) -> Option<Vec<u8>> {
        let prefix = Prefix { endpoint: ENDPOINT, msg_id: MsgId(0x5151), flag: 0 };
        Some(match forged {
            Forged::Answer { kind, status, ago, other } => {
                let label = self.sent_ago(side, ago)?;
                answer(kind, StatusCode(status), &label, other)?
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
    pub(super) fn cut_both(&mut self) {
        for side in Side::BOTH {
            self.cut(side, Disconnect::Error);
        }
    }
}

/// S10: a malformed packet is counted, and changes nothing else.
fn check_malformed((before, after): (&Stats, &Stats)) -> Result<(), Violation> {
    let counted = after.decode_errors.total() - before.decode_errors.total();
    ensure!(counted == 1, "S10", "a malformed packet was counted {counted} times");
    let mut rest = *after;
    rest.decode_errors = before.decode_errors;
    rest.packets_received = before.packets_received;
    ensure!(rest == *before, "S10", "a malformed packet changed {before:?} to {after:?}");
    Ok(())
}

/// An answer to the message with this label.
fn answer(kind: u8, status: StatusCode, label: &Label, other: bool) -> Option<Vec<u8>> {
    let mut endpoint = label.endpoint;
    endpoint.0 ^= u32::from(other);
    let msg_id = label.msg_id;
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
            let inner = label.frame.as_ref()?;
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
