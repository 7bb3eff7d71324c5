//! Packets: out of the session, and into it.

use super::answers::Heard;
use super::heading::{Heading, shown};
use super::{Flight, Handed, Taken, Violation, Watch, Witness, ensure};
use crate::CANARY;
use cync_core::wire::{ChecksumMode, MAX_DECLARED, Packet, PacketType};
use cync_core::{Instant, State, Stats, TooSmall, Transmit};

/// Bytes of a packet's type and length.
const HEADER: usize = 5;

impl Witness {
    /// The next packet to hand over, written into `out`, which has room for any.
    pub fn transmit(&mut self, now: Instant, out: &mut [u8]) -> Result<Option<Handed>, Violation> {
        match self.poll_transmit(now, out) {
            Ok(transmit) => self.handed_over(transmit, out),
            Err(short) => Err(Violation::new("S5", format!("{short:?}"))),
        }
    }

    /// [`Witness::transmit`], first into so little room, which must change nothing unless it suffices, then into as much as
    /// the session says that it needs.
    pub fn transmit_pinched(
        &mut self,
        now: Instant,
        out: &mut [u8],
        room: usize,
    ) -> Result<Option<Handed>, Violation> {
        let short = match self.poll_transmit(now, out.get_mut(..room).unwrap_or_default()) {
            Ok(transmit) => return self.handed_over(transmit, out),
            Err(short) => short,
        };
        ensure!(short.have == room && short.needed > room, "S5", "{short:?} with {room}");
        self.check()?;
        let enough = out.get_mut(..short.needed).unwrap_or_default();
        let polled = self.poll_transmit(now, enough);
        let fits = matches!(&polled, Ok(Some(transmit)) if transmit.len == short.needed);
        ensure!(fits, "S5", "{polled:?} after {short:?}");
        self.handed_over(polled.unwrap_or_default(), out)
    }

    fn poll_transmit(
        &mut self,
        now: Instant,
        out: &mut [u8],
    ) -> Result<Option<Transmit>, TooSmall> {
        if self.watch == Watch::Everything {
            let now = self.tell(now);
            self.book.on_late(now);
        }
        self.session.poll_transmit(now, out)
    }

    fn handed_over(
        &mut self,
        transmit: Option<Transmit>,
        out: &[u8],
    ) -> Result<Option<Handed>, Violation> {
        let Some(transmit) = transmit else {
            self.check_nothing_waits()?;
            return Ok(None);
        };
        let message = transmit.id.and_then(|id| self.ids.get(id));
        if self.watch != Watch::Nothing {
            let bytes = out.get(..transmit.len).unwrap_or_default();
            self.check_handed_over(&transmit, message, bytes)?;
        }
        Ok(Some(Handed { transmit, message }))
    }

    /// S5, S10, S14, S16, and what the model makes of the packet.
    fn check_handed_over(
        &mut self,
        transmit: &Transmit,
        message: Option<u32>,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        let decoded = Packet::decode(bytes, ChecksumMode::Strict);
        let Ok(packet) = decoded else {
            let what = format!("{transmit:?}: {decoded:?}, {:?}", shown(bytes));
            return Err(Violation::new("S5", what));
        };
        let len = packet.encode(&mut self.scratch).unwrap_or_default();
        let again = self.scratch.get(..len).unwrap_or_default();
        let same = packet.kind() == transmit.kind && again == bytes;
        ensure!(same, "S5", "{transmit:?} is {packet:?}");
        let greeting = packet.kind() == PacketType::Handshake;
        let secret = contains_canary(bytes);
        ensure!(secret == (greeting && self.has_canary), "S16", "{transmit:?}: {packet:?}");
        let now = self.told;
        let Some(wire) = self.wire else {
            return Err(Violation::new("S5", format!("{transmit:?} without a connection")));
        };
        ensure!(self.hangup.is_none(), "S10", "{transmit:?} after a hang-up");
        let may = self.greeted || greeting || self.session.state() != State::Greeting;
        ensure!(may, "S14", "{transmit:?} before the greeting");
        self.sent += 1;
        let idle = now >= self.last_sent + self.heartbeat;
        let pinged = std::mem::take(&mut self.pinged);
        self.last_sent = now;
        if transmit.id.is_some() {
            let Some(message) = message else {
                return Err(Violation::new("S2", format!("{transmit:?} of no message")));
            };
            if self.watch == Watch::Everything {
                let heading = Heading::of(&packet);
                let heading = (heading.as_ref(), bytes);
                self.book.on_copy(now, wire, message, transmit, heading)?;
            }
        } else if greeting {
            ensure!(!self.greeted, "S5", "a second greeting");
            self.greeted = true;
        } else if packet.kind() == PacketType::HeartbeatDev {
            ensure!(idle || pinged, "L3", "a needless heartbeat");
        } else if self.watch == Watch::Everything {
            self.ears.on_answer_sent(&packet, Heading::of(&packet).as_ref(), bytes)?;
        }
        Ok(())
    }

    /// Offers the bytes `from..to` of a packet, the first that was not dealt with.
    pub fn input(
        &mut self,
        now: Instant,
        flight: &Flight,
        from: usize,
        to: usize,
    ) -> Result<Taken, Violation> {
        let piece = flight.bytes.get(from..to).unwrap_or_default();
        if self.watch == Watch::Everything && is_out_of_step(flight) {
            self.watch = Watch::Bounds;
        }
        let before = *self.session.stats();
        let state = self.session.state();
        let told = self.tell(now);
        let taken = self.session.handle_input(now, piece);
        if state == State::Greeting && self.session.state() == State::Ready {
            self.dials.on_ready(told);
        }
        let was_stalled = self.stalled;
        self.stalled = !self.session.wants_input();
        let whole = from + taken == flight.bytes.len();
        let received = self.session.stats().packets_received - before.packets_received;
        self.heard += received;
        let dealt_with = received > 0 || whole && !self.stalled;
        self.held = if dealt_with { 0 } else { from + taken };
        if was_stalled || self.stalled {
            // Its timers stood still, and do so until it is offered input again.
            self.refused_at = Some(told);
        }
        self.patience.on_input(told, flight, self.held > 0 && !self.stalled);
        if self.watch != Watch::Nothing {
            let refused = taken < piece.len();
            ensure!(!refused || self.stalled, "S6", "{taken} of {} taken", piece.len());
        }
        if self.watch == Watch::Everything {
            ensure!(received <= 1, "S10", "{received} packets where one was offered");
            if received == 1 {
                self.check_dealt_with(told, flight, &before, state)?;
            } else if self.stalled {
                let decoded = Packet::decode(&flight.bytes, self.checksum).ok();
                let heading = decoded.and_then(|packet| Heading::of(&packet));
                self.ears.check_refusal(heading.as_ref(), &flight.bytes)?;
            }
        }
        Ok(Taken { bytes: taken, dealt_with })
    }

    /// Offers bytes of any number of packets, of which the model can make nothing: the session is unwatched from then on. Returns
    /// how many were taken.
    pub fn offer(&mut self, now: Instant, bytes: &[u8]) -> usize {
        self.unwatch();
        let taken = self.session.handle_input(now, bytes);
        self.stalled = !self.session.wants_input();
        taken
    }

    /// One packet was dealt with: the session must have made of it what the model does.
    fn check_dealt_with(
        &mut self,
        now: Instant,
        flight: &Flight,
        before: &Stats,
        state: State,
    ) -> Result<(), Violation> {
        let Some(wire) = self.wire else { return Ok(()) };
        let after = self.session.stats();
        let Ok(packet) = Packet::decode(&flight.bytes, self.checksum) else {
            check_malformed(before, after)?;
            if state != State::Greeting {
                self.ears.on_undecodable(&flight.bytes);
            }
            return Ok(());
        };
        if state == State::Greeting {
            self.patience.on_greeting(&packet);
            let greets = match &packet {
                Packet::Handshake(_) => self.expects,
                Packet::HelloAck(ack) => !self.expects && self.greeted && ack.status.is_ok(),
                _ => false,
            };
            let ready = self.session.state() == State::Ready;
            ensure!(ready == greets, "S14", "{} after {packet:?}", self.session.state());
            if greets && self.expects {
                self.ears.on_hello();
            }
            return Ok(());
        }
        let heading = Heading::of(&packet);
        match (&packet, &heading) {
            (Packet::Probe { .. }, Some(heading)) => self.ears.on_probe(heading),
            (Packet::HeartbeatDev, _) => self.ears.pongs += 1,
            (Packet::TimeRequest { .. }, _) => self.ears.clock_asked = true,
            (Packet::Handshake(_), _) if self.expects => self.ears.on_hello(),
            (_, Some(heading)) => {
                let stats = (before, after);
                if let Some(answer) = Heard::of(heading, &flight.bytes) {
                    if flight.forged {
                        self.book.believe(wire, heading, answer);
                    }
                    return self.book.on_answer(now, wire, heading, answer, stats);
                }
                self.ears.on_message(now, wire, flight, heading, stats)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether what is not what its sender handed over says of itself that it is longer or shorter than it is.
fn is_out_of_step(flight: &Flight) -> bool {
    let &[_, l0, l1, l2, l3, ..] = flight.bytes.as_slice() else { return flight.forged };
    let declared = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    flight.forged && declared <= MAX_DECLARED && HEADER + declared != flight.bytes.len()
}

fn contains_canary(bytes: &[u8]) -> bool {
    let [first, ..] = *CANARY;
    bytes.iter().enumerate().any(|(at, byte)| {
        *byte == first && bytes.get(at..).is_some_and(|rest| rest.starts_with(CANARY))
    })
}

/// S10: a malformed packet is counted, and changes nothing else.
fn check_malformed(before: &Stats, after: &Stats) -> Result<(), Violation> {
    let counted = after.decode_errors.total() - before.decode_errors.total();
    ensure!(counted == 1, "S10", "a malformed packet was counted {counted} times");
    let mut rest = *after;
    rest.decode_errors = before.decode_errors;
    rest.packets_received = before.packets_received;
    ensure!(rest == *before, "S10", "a malformed packet changed {before:?} to {after:?}");
    Ok(())
}
