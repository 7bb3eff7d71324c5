use super::{ClockAsked, Machine};
use crate::answers::Answer;
use crate::config::Greeting;
use crate::dedup::{Key, payload_hash};
use crate::event::{HangupReason, Outcome, State, Unknown};
use crate::inbox::{FrameHeader, Header, Room};
use crate::outbox::Matched;
use crate::request::Stage;
use crate::wire::framer::Front;
use crate::wire::{
    Channel, DeviceInfo, Direction, Endpoint, Framer, FramingError, LoginAck, MsgId, Packet,
    PacketType, Prefix, Receipt, StatusCode, op,
};

/// Our own extension: the peer has no room at the moment. The message is transmitted again.
const BUSY: StatusCode = StatusCode(0xb5);
/// The cloud's verdict that nobody took a message (`docs/protocol.md`, section 3).
const EXPIRED: StatusCode = StatusCode(0x0a);

/// Whether a packet was dealt with, or has to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Taken {
    Yes,
    /// There is no room for it, or for its answers.
    NotYet,
}

impl<const SLOTS: usize, const SEEN: usize> Machine<SLOTS, SEEN> {
    pub(super) fn receive<const MTU: usize>(
        &mut self,
        framer: &mut Framer<MTU>,
        bytes: &[u8],
    ) -> usize {
        let mut input = bytes;
        let mut whole = false;
        self.link.take(self.now);
        while self.link.is_up() {
            let front = framer.front(&mut input);
            let (packet, len) = match front {
                Front::Partial => break,
                Front::Broken(error) => {
                    self.on_framing_error(error);
                    break;
                }
                Front::InInput(len) => (input.get(..len).unwrap_or_default(), len),
                Front::InCarry(len) => (framer.carried(len), len),
            };
            if self.on_packet(packet) == Taken::NotYet {
                self.link.refuse(self.now);
                break;
            }
            framer.accept(&mut input, len);
            whole = true;
        }
        if !self.link.is_up() {
            input = &[];
        }
        let taken = bytes.len() - input.len();
        if taken > 0 {
            self.link.received(self.now, framer.pending() > 0, whole);
        }
        self.hang_up_if_drained();
        taken
    }

    fn on_framing_error(&mut self, error: FramingError) {
        self.stats.framing_errors += 1;
        let [kind, ..] = error.header;
        self.link.hang_up(HangupReason::NotThisProtocol(kind, error.declared()));
    }

    fn on_packet(&mut self, bytes: &[u8]) -> Taken {
        let taken = match Packet::decode(bytes, self.config.checksum) {
            Ok(packet) => self.on_decoded(&packet),
            Err(_) => self.on_undecodable(bytes),
        };
        self.stats.packets_received += u64::from(taken == Taken::Yes);
        taken
    }

    fn on_decoded(&mut self, packet: &Packet<'_>) -> Taken {
        if self.link.state() == State::Greeting {
            return self.on_greeting(packet);
        }
        match packet {
            Packet::DataChannel(channel) => return self.on_data(channel),
            Packet::StatusBroadcast(channel) => {
                return self.on_message(PacketType::StatusBroadcast, channel);
            }
            Packet::DeviceInfo(info) => return self.on_info(info),
            Packet::Handshake(_) if self.config.greeting == Greeting::Expect => {
                return self.owe(Answer::Hello);
            }
            Packet::Probe { prefix: Prefix { endpoint, msg_id, .. }, .. } => {
                return self.owe(Answer::Probe { endpoint: *endpoint, msg_id: *msg_id });
            }
            Packet::DataAck(receipt) => self.on_ack(receipt),
            Packet::DataResult(receipt) => self.on_verdict(receipt),
            Packet::StatusAck(ack) => {
                self.on_answer(PacketType::StatusBroadcast, ack.msg_id, None, ack.status);
            }
            Packet::ProbeAck(DeviceInfo { prefix, .. }) => {
                let Prefix { endpoint, msg_id, .. } = *prefix;
                self.on_answer(PacketType::Probe, msg_id, Some(endpoint), StatusCode::OK);
            }
            Packet::TimeRequest { .. } => self.clock_asked = ClockAsked::Yes { told: false },
            Packet::HeartbeatDev => self.answers.owe_pong(),
            Packet::HelloAck(_) | Packet::AppLoginAck(_) | Packet::ProbeResult(_) => {
                self.stats.unmatched_answers += 1;
            }
            Packet::InfoAck(_)
            | Packet::HeartbeatCloud
            | Packet::TimeResponse(_)
            | Packet::Disconnect { .. }
            | Packet::Handshake(_)
            | Packet::AppLogin(_) => {}
        }
        Taken::Yes
    }

    /// Until the greeting is done nothing else counts.
    fn on_greeting(&mut self, packet: &Packet<'_>) -> Taken {
        match (&self.config.greeting, packet) {
            (Greeting::Expect, Packet::Handshake(_)) => {
                self.link.ready();
                return self.owe(Answer::Hello);
            }
            (Greeting::Send { .. }, Packet::HelloAck(LoginAck { status, .. })) => {
                match self.link.hello_sent_at() {
                    Some(_) if !status.is_ok() => {
                        self.link.hang_up(HangupReason::Refused(*status));
                    }
                    Some(at) => {
                        self.ack_time.sample(self.now.since(at));
                        self.link.ready();
                    }
                    None => self.stats.unmatched_answers += 1,
                }
            }
            _ => self.stats.before_greeting += 1,
        }
        Taken::Yes
    }

    /// Devices acknowledge what they cannot use; whoever sent it learns from the missing result.
    fn on_undecodable(&mut self, bytes: &[u8]) -> Taken {
        let kind = bytes.first().copied().and_then(PacketType::from_byte);
        let answer = match (kind, Prefix::of_packet(bytes)) {
            (Some(PacketType::StatusBroadcast), Some(prefix)) => {
                Some(Answer::Status(prefix.msg_id))
            }
            (Some(PacketType::DataChannel), Some(Prefix { endpoint, msg_id, .. })) => {
                Some(Answer::Data { endpoint, msg_id, status: StatusCode::OK })
            }
            _ => None,
        };
        if let Some(answer) = answer.filter(|_| self.link.is_ready())
            && self.owe(answer) == Taken::NotYet
        {
            return Taken::NotYet;
        }
        self.stats.decode_errors += 1;
        Taken::Yes
    }

    fn owe(&mut self, answer: Answer) -> Taken {
        if self.answers.have_room() && self.answers.owe(answer) {
            Taken::Yes
        } else {
            Taken::NotYet
        }
    }

    fn on_data(&mut self, channel: &Channel<'_>) -> Taken {
        let frame = &channel.frame;
        if frame.direction != Direction::RESPONSE {
            return self.on_message(PacketType::DataChannel, channel);
        }
        // A mesh query may be answered with its page alone; other data says nothing of the execution.
        let status = match frame.data.single() {
            Some(status) => Some(StatusCode(status)),
            None if self.on_message(PacketType::DataChannel, channel) == Taken::NotYet => {
                return Taken::NotYet;
            }
            None => {
                (frame.op == op::MESH_QUERY && !frame.data.is_empty()).then_some(StatusCode::OK)
            }
        };
        if let Some(status) = status {
            self.on_result(frame.counter, frame.op, status);
        }
        Taken::Yes
    }

    fn on_result(&mut self, counter: u32, op: u8, status: StatusCode) {
        let Some(found) = self.outbox.find_result(counter, op) else {
            self.stats.unmatched_answers += 1;
            return;
        };
        if found.attempts == 1 {
            self.result_time.sample(self.now.since(found.first_sent));
        }
        if status.is_ok() {
            self.outbox.advance(self.now, found.slot, Stage::Executed);
        } else {
            self.outbox.finish(self.now, found.slot, Outcome::Nacked(status));
        }
    }

    fn on_ack(&mut self, receipt: &Receipt) {
        let Receipt { endpoint, msg_id, status } = *receipt;
        self.on_answer(PacketType::DataChannel, msg_id, Some(endpoint), status);
    }

    fn on_answer(
        &mut self,
        kind: PacketType,
        msg_id: MsgId,
        endpoint: Option<Endpoint>,
        status: StatusCode,
    ) {
        let Some(found) = self.outbox.find(kind, msg_id, endpoint) else {
            self.stats.unmatched_answers += 1;
            return;
        };
        let Matched { slot, attempts, first_sent, last_sent, stage, until } = found;
        match status {
            StatusCode::OK if stage >= Some(Stage::Acked) => {}
            StatusCode::OK => {
                if attempts == 1 {
                    self.ack_time.sample(self.now.since(first_sent));
                }
                self.outbox.advance(self.now, slot, Stage::Acked);
                if until == Stage::Executed {
                    self.outbox.rearm(slot, last_sent + self.answer_timer(slot));
                }
            }
            BUSY => self.outbox.note(slot, BUSY),
            refused => self.outbox.finish(self.now, slot, Outcome::Nacked(refused)),
        }
    }

    /// The cloud's own word on a message: nobody took it, or it was refused.
    fn on_verdict(&mut self, receipt: &Receipt) {
        let Receipt { endpoint, msg_id, status } = *receipt;
        let Some(found) = self.outbox.find(PacketType::DataChannel, msg_id, Some(endpoint)) else {
            self.stats.unmatched_answers += 1;
            return;
        };
        let outcome = match status {
            EXPIRED => Outcome::Unknown(Unknown::Expired),
            StatusCode::OK => return,
            refused => Outcome::Nacked(refused),
        };
        self.outbox.finish(self.now, found.slot, outcome);
    }

    /// A `0x43` has no message number: every one counts.
    fn on_info(&mut self, info: &DeviceInfo<'_>) -> Taken {
        let (prefix, len) = (info.prefix, info.payload.len());
        let kind = PacketType::DeviceInfo;
        if self.owe(Answer::Info(prefix.msg_id)) == Taken::NotYet {
            return Taken::NotYet;
        }
        if self.inbox.room(kind, len) == Room::Never {
            self.stats.oversized += 1;
            return Taken::Yes;
        }
        let header = Header { kind, prefix, frame: None, arrived: self.now, accepted: None };
        self.deliver(header, info.payload.iter().copied(), len);
        Taken::Yes
    }

    /// A framed message: answered, and delivered unless it repeats one that was accepted.
    fn on_message(&mut self, kind: PacketType, channel: &Channel<'_>) -> Taken {
        let Channel { prefix, frame } = channel;
        let Prefix { endpoint, msg_id, .. } = *prefix;
        if !self.answers.have_room() {
            return Taken::NotYet;
        }
        let is_state = kind == PacketType::StatusBroadcast;
        let salt = if is_state { self.epoch } else { 0 };
        let key = Key { kind, endpoint, msg_id, payload: payload_hash(salt, frame) };
        let receipt = if is_state {
            Some(Answer::Status(msg_id))
        } else if frame.direction == Direction::RESPONSE {
            None
        } else {
            Some(Answer::Data { endpoint, msg_id, status: StatusCode::OK })
        };
        if let Some(verdict) = self.dedup.find(self.now, &key) {
            self.stats.duplicates += 1;
            let result = verdict.result.map(|reported| {
                let (counter, op) = (frame.counter, frame.op);
                Answer::Result { endpoint, counter, op, reported }
            });
            for answer in receipt.into_iter().chain(result) {
                self.answers.owe(answer);
            }
            return Taken::Yes;
        }
        match self.inbox.room(kind, frame.data.len()) {
            Room::Yes => {}
            Room::Later => return Taken::NotYet,
            Room::Never => {
                self.stats.oversized += 1;
                return Taken::Yes;
            }
        }
        let Ok(accepted) = self.dedup.insert(self.now, &key) else {
            if kind == PacketType::DataChannel {
                self.answers.owe(Answer::Data { endpoint, msg_id, status: BUSY });
            }
            return Taken::Yes;
        };
        self.stats.dedup_evictions = self.dedup.counts().evictions;
        if let Some(receipt) = receipt {
            self.answers.owe(receipt);
        }
        let header = Header {
            kind,
            prefix: *prefix,
            frame: Some(FrameHeader {
                layout: frame.layout,
                counter: frame.counter,
                direction: frame.direction,
                op: frame.op,
            }),
            arrived: self.now,
            accepted: Some(accepted),
        };
        self.deliver(header, frame.data.bytes(), frame.data.len());
        Taken::Yes
    }

    fn deliver(&mut self, header: Header, data: impl Iterator<Item = u8>, len: usize) {
        self.stats.accepted += 1;
        self.readable |= self.inbox.len() == 0;
        self.stats.states_dropped += self.inbox.push(header, data, len) as u64;
    }
}
