use super::machine::{ClockAsked, Machine};
use crate::answers::Answer;
use crate::config::{Acknowledge, Greeting};
use crate::dedup::{Entry, Handle, Key, Verdict, payload_hash};
use crate::error::DecodeError;
use crate::event::{HangupReason, Outcome, State, Unknown};
use crate::inbox::{FrameHeader, Header, Place, Room};
use crate::outbox::Matched;
use crate::request::Stage;
use crate::wire::framer::Front;
use crate::wire::{
    Channel, ChecksumMode, DeviceInfo, Direction, Endpoint, FrameData, Framer, FramingError,
    LoginAck, MsgId, Packet, PacketType, Plain, Prefix, Receipt, ResultData, StatusCode,
};

/// Our own extension: the peer has no room at the moment. The message is transmitted again.
pub(super) const BUSY: StatusCode = StatusCode(0xb5);
/// Our own extension: the message is longer than the peer can ever take.
const TOO_LONG: StatusCode = StatusCode(0xb6);
/// How far back the counter of a message that has ended may lie for its result to be late, and not invented.
const LATE_RESULTS: u32 = 1 << 15;
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
        // Whether a packet was taken, and whether the one behind it is not whole.
        let (mut whole, mut partial) = (false, false);
        if self.link.is_refusing() && (!bytes.is_empty() || framer.holds_packet()) {
            self.link.take(self.now);
        }
        loop {
            if !self.link.is_up() {
                input = &[];
                break;
            }
            let (packet, behind) = match framer.whole_in(input) {
                Some(found) => found,
                None => match framer.front(&mut input) {
                    Front::Partial => {
                        partial = framer.pending() > 0;
                        break;
                    }
                    Front::Broken(error) => {
                        self.on_framing_error(error);
                        continue;
                    }
                    Front::InInput(len) => input.split_at_checked(len).unwrap_or_default(),
                    Front::InCarry(len) => (framer.carried(len), input),
                },
            };
            if self.on_packet(packet) == Taken::NotYet {
                self.stats.input_refusals += u64::from(self.link.refuse(self.now));
                break;
            }
            self.stats.packets_received += 1;
            framer.accept();
            input = behind;
            whole = true;
            self.hang_up_if_drained();
            if input.is_empty() {
                // What follows would come to the same, at more expense.
                if !bytes.is_empty() {
                    self.link.received(self.now, false, true);
                }
                return bytes.len();
            }
        }
        let taken = bytes.len() - input.len();
        if taken > 0 {
            self.link.received(self.now, partial, whole);
        }
        taken
    }

    #[cold]
    fn on_framing_error(&mut self, error: FramingError) {
        self.stats.framing_errors += 1;
        let [kind, ..] = error.header;
        self.link.hang_up(HangupReason::NotThisProtocol(kind, error.declared()));
    }

    #[inline]
    fn on_packet(&mut self, bytes: &[u8]) -> Taken {
        let plain = if self.link.is_ready() { Plain::of_whole(bytes) } else { None };
        match plain {
            Some(Plain::Framed(kind, channel)) => self.on_framed(kind, &channel),
            Some(Plain::Ack(receipt)) => {
                self.on_ack(&receipt);
                Taken::Yes
            }
            None => self.on_other(bytes),
        }
    }

    /// A packet that is not among the few that most of the traffic consists of.
    #[inline(never)]
    fn on_other(&mut self, bytes: &[u8]) -> Taken {
        let checksum = match bytes.first().copied().and_then(PacketType::from_byte) {
            // A damaged request is not executed, and a damaged result not believed.
            Some(PacketType::DataChannel) => ChecksumMode::Strict,
            _ => self.config.checksum,
        };
        match Packet::decode_any(bytes, checksum) {
            Ok(packet) => self.on_decoded(&packet),
            Err(error) => self.on_undecodable(bytes, &error),
        }
    }

    fn on_decoded(&mut self, packet: &Packet<'_>) -> Taken {
        if self.link.state() == State::Greeting {
            return self.on_greeting(packet);
        }
        match packet {
            Packet::DataChannel(channel) | Packet::StatusBroadcast(channel) => {
                return self.on_framed(packet.kind(), channel);
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
            Packet::InfoAck(ack) => {
                self.on_answer(PacketType::DeviceInfo, ack.msg_id, None, ack.status);
            }
            Packet::ProbeAck(DeviceInfo { prefix, .. }) => {
                let Prefix { endpoint, msg_id, .. } = *prefix;
                self.on_answer(PacketType::Probe, msg_id, Some(endpoint), StatusCode::OK);
            }
            Packet::TimeRequest { .. } => {
                (self.clock_asked, self.has_rare_news) = (ClockAsked::Yes { told: false }, true);
            }
            Packet::HeartbeatDev => self.answers.owe_pong(),
            Packet::HeartbeatCloud => self.stats.heartbeats_answered += 1,
            Packet::HelloAck(_) | Packet::AppLoginAck(_) | Packet::ProbeResult(_) => {
                self.on_unmatched();
            }
            Packet::TimeResponse(_)
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
                self.is_greeted();
                return self.owe(Answer::Hello);
            }
            (Greeting::Send { .. }, Packet::AppLoginAck(LoginAck { status, .. }))
                if !status.is_ok() =>
            {
                self.link.hang_up(HangupReason::Refused(*status));
            }
            (Greeting::Send { .. }, Packet::HelloAck(LoginAck { status, .. })) => {
                match self.link.hello_sent_at() {
                    Some(_) if !status.is_ok() => {
                        self.link.hang_up(HangupReason::Refused(*status));
                    }
                    Some(at) => {
                        self.ack_time.sample(self.now.micros_since(at));
                        self.is_greeted();
                    }
                    None => self.on_unmatched(),
                }
            }
            _ => self.stats.before_greeting += 1,
        }
        Taken::Yes
    }

    fn is_greeted(&mut self) {
        self.link.ready(self.now);
        self.dialler.established();
        self.stats.greetings.succeeded += 1;
    }

    /// An answer that nobody waits for. A peer that sends many is not one of this protocol.
    #[cold]
    fn on_unmatched(&mut self) {
        self.stats.unmatched_answers += 1;
        if !self.unmatched.take(self.now.as_micros()) {
            self.link.hang_up(HangupReason::UnmatchedAnswers);
        }
    }

    /// Devices acknowledge what they cannot use; whoever sent it learns from the missing result.
    fn on_undecodable(&mut self, bytes: &[u8], error: &DecodeError) -> Taken {
        let kind = bytes.first().copied().and_then(PacketType::from_byte);
        let answer = match (kind, Prefix::of_packet(bytes)) {
            (Some(PacketType::StatusBroadcast), Some(prefix)) => {
                Some(Answer::Status { msg_id: prefix.msg_id, status: StatusCode::OK })
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
        self.stats.decode_errors.count(error);
        Taken::Yes
    }

    fn owe(&mut self, answer: Answer) -> Taken {
        if self.answers.have_room() && self.answers.owe(answer) {
            Taken::Yes
        } else {
            Taken::NotYet
        }
    }

    #[inline]
    fn on_framed(&mut self, kind: PacketType, channel: &Channel<'_>) -> Taken {
        if kind == PacketType::DataChannel && channel.frame.direction == Direction::RESPONSE {
            self.on_result_frame(channel)
        } else {
            self.on_message(kind, channel)
        }
    }

    #[inline(never)]
    fn on_result_frame(&mut self, channel: &Channel<'_>) -> Taken {
        let frame = &channel.frame;
        let result = ResultData::of(frame);
        let status = result.and_then(|result| result.status());
        // A status alone is the session's; whatever else a result carries is the application's.
        if !matches!(result, Some(ResultData::Status(_)))
            && self.on_message(PacketType::DataChannel, channel) == Taken::NotYet
        {
            return Taken::NotYet;
        }
        if let Some(status) = status {
            self.on_result(frame.counter, frame.op, status);
        }
        Taken::Yes
    }

    fn on_result(&mut self, counter: u32, op: u8, status: StatusCode) {
        let still = self.link.has_stood_still();
        let Some(found) = self.outbox.take_result(self.now, still, counter, op) else {
            // Most messages end with their receipt, and their results come all the same.
            if self.next_counter.wrapping_sub(counter).wrapping_sub(1) < LATE_RESULTS {
                self.stats.late_results += 1;
            } else {
                self.on_unmatched();
            }
            return;
        };
        if let Some(round_trip) = found.round_trip {
            self.result_time.measured(round_trip);
        }
        self.count_ack(status);
        if status.is_ok() {
            self.outbox.advance(self.now, found.slot, Stage::Executed, &mut self.stats);
        } else {
            self.refused(found.slot, status);
        }
    }

    fn on_ack(&mut self, receipt: &Receipt) {
        let Receipt { endpoint, msg_id, status } = *receipt;
        self.take_answer(PacketType::DataChannel, msg_id, Some(endpoint), status);
    }

    #[inline(never)]
    fn on_answer(
        &mut self,
        kind: PacketType,
        msg_id: MsgId,
        endpoint: Option<Endpoint>,
        status: StatusCode,
    ) {
        self.take_answer(kind, msg_id, endpoint, status);
    }

    /// As [`Machine::on_answer`], in place: nearly every answer is a receipt of a request.
    #[inline(always)]
    fn take_answer(
        &mut self,
        kind: PacketType,
        msg_id: MsgId,
        endpoint: Option<Endpoint>,
        status: StatusCode,
    ) {
        let still = self.link.has_stood_still();
        let Some(found) = self.outbox.take_receipt(self.now, still, kind, msg_id, endpoint) else {
            return self.on_unmatched();
        };
        let Matched { slot, done, round_trip } = found;
        if let Some(round_trip) = round_trip {
            self.ack_time.measured(round_trip);
        }
        self.count_ack(status);
        if done {
            return;
        }
        if !status.is_ok() {
            return self.refused(slot, status);
        }
        if planted!(ReceiptTakenForResult) {
            self.outbox.advance(self.now, slot, Stage::Executed, &mut self.stats);
        }
        if self.outbox.advance(self.now, slot, Stage::Acked, &mut self.stats) {
            self.await_result(slot);
        }
    }

    /// A message was acknowledged, and goes on until its result comes.
    #[inline(never)]
    fn await_result(&mut self, slot: u16) {
        let (timer, still) = (self.answer_timer(slot), self.link.stood_still(self.now));
        self.outbox.await_result(self.now, slot, timer, still);
    }

    /// The peer refused a message: for the time being, so that its timer goes on, or for good.
    #[cold]
    fn refused(&mut self, slot: u16, status: StatusCode) {
        if self.is_temporary(status) || planted!(NackResent) {
            self.outbox.note(slot, status);
        } else {
            self.outbox.finish(self.now, slot, Outcome::Nacked(status), &mut self.stats);
        }
    }

    fn is_temporary(&self, status: StatusCode) -> bool {
        status == BUSY || self.config.retry.retries(status)
    }

    fn count_ack(&mut self, status: StatusCode) {
        let is_temporary = !status.is_ok() && self.is_temporary(status);
        let acks = &mut self.stats.acks;
        let counter = match status {
            StatusCode::OK => &mut acks.ok,
            _ if is_temporary => &mut acks.busy,
            _ => &mut acks.nack,
        };
        *counter += 1;
    }

    /// The cloud's own word on a message: nobody took it, or it was refused.
    fn on_verdict(&mut self, receipt: &Receipt) {
        let Receipt { endpoint, msg_id, status } = *receipt;
        let kind = PacketType::DataChannel;
        let Some(found) = self.outbox.take_verdict(kind, msg_id, endpoint) else {
            return self.on_unmatched();
        };
        match status {
            StatusCode::OK => {}
            EXPIRED => {
                let outcome = Outcome::Unknown(Unknown::Expired);
                self.outbox.finish(self.now, found.slot, outcome, &mut self.stats);
            }
            refused => self.refused(found.slot, refused),
        }
    }

    /// A `0x43` has no message number: every one counts.
    fn on_info(&mut self, info: &DeviceInfo<'_>) -> Taken {
        let (prefix, len) = (info.prefix, info.payload.len());
        let kind = PacketType::DeviceInfo;
        if !self.answers.have_room() {
            return Taken::NotYet;
        }
        let msg_id = prefix.msg_id;
        let place = match self.inbox.room(kind, len) {
            Room::Later => return Taken::NotYet,
            Room::Yes(place) => Ok(place),
            Room::Busy => Err(BUSY),
            Room::Never => Err(TOO_LONG),
        };
        let status = place.err().unwrap_or(StatusCode::OK);
        self.answers.owe(Answer::Info { msg_id, status });
        let Ok(place) = place else {
            self.count_refusal(status);
            return Taken::Yes;
        };
        let header = Header { kind, prefix, frame: None, arrived: self.now, handle: None };
        self.deliver(place, header, &FrameData::plain(info.payload));
        Taken::Yes
    }

    /// A framed message: answered, and delivered unless it repeats one that was accepted.
    #[inline(never)]
    fn on_message(&mut self, kind: PacketType, channel: &Channel<'_>) -> Taken {
        let Channel { prefix, frame } = channel;
        if !self.answers.have_room() {
            return Taken::NotYet;
        }
        let salt = if kind == PacketType::StatusBroadcast { self.epoch } else { 0 };
        let (endpoint, msg_id) = (prefix.endpoint, prefix.msg_id);
        let key = Key { kind, endpoint, msg_id, payload: payload_hash(salt, frame) };
        let entry = match self.dedup.entry(self.now, &key) {
            Entry::New(entry) => entry,
            Entry::Repeated(verdict) => {
                self.stats.duplicates += 1;
                self.repeated = true;
                self.answer_again(kind, channel, &verdict);
                return Taken::Yes;
            }
        };
        let is_request = kind == PacketType::DataChannel && frame.direction == Direction::REQUEST;
        let at_once = self.config.acknowledge == Acknowledge::Automatically || !is_request;
        let place = match self.inbox.room(kind, frame.data.len()) {
            room @ (Room::Later | Room::Busy) if planted!(RememberedBeforeAccepted) => {
                let _ = entry.insert(Some(StatusCode::OK));
                if room == Room::Later {
                    return Taken::NotYet;
                }
                return self.turn_away(kind, channel, BUSY);
            }
            Room::Yes(place) => place,
            Room::Later => return Taken::NotYet,
            Room::Busy => return self.turn_away(kind, channel, BUSY),
            Room::Never => return self.turn_away(kind, channel, TOO_LONG),
        };
        let Ok(handle) = entry.insert(at_once.then_some(StatusCode::OK)) else {
            return self.turn_away(kind, channel, BUSY);
        };
        self.stats.dedup_evictions = self.dedup.counts().evictions;
        if at_once {
            self.owe_receipt_of(kind, channel, StatusCode::OK);
        }
        let header = Header {
            kind,
            prefix: *prefix,
            frame: Some(FrameHeader {
                layout: frame.layout,
                counter: frame.counter,
                direction: frame.direction,
                op: frame.op,
                checksum_valid: frame.checksum_valid(),
            }),
            arrived: self.now,
            handle: Some(handle),
        };
        self.deliver(place, header, &frame.data);
        Taken::Yes
    }

    /// A repetition gets the answers that the message got, and none while that has none.
    #[inline(never)]
    fn answer_again(&mut self, kind: PacketType, channel: &Channel<'_>, verdict: &Verdict) {
        if planted!(DuplicateNotAnswered) {
            return;
        }
        if let Some(status) = verdict.acknowledged {
            self.owe_receipt_of(kind, channel, status);
        }
        if let Some(reported) = verdict.result {
            let (endpoint, frame) = (channel.prefix.endpoint, &channel.frame);
            let (counter, op) = (frame.counter, frame.op);
            self.answers.owe(Answer::Result { endpoint, counter, op, reported });
        }
    }

    /// Owes the receipt of a framed message, if it gets one: results do not.
    #[inline]
    fn owe_receipt_of(&mut self, kind: PacketType, channel: &Channel<'_>, status: StatusCode) {
        let Prefix { endpoint, msg_id, .. } = channel.prefix;
        if kind == PacketType::StatusBroadcast {
            self.answers.owe(Answer::Status { msg_id, status });
        } else if channel.frame.direction != Direction::RESPONSE {
            self.answers.owe(Answer::Data { endpoint, msg_id, status });
        }
    }

    /// A framed message for which there is no room.
    #[cold]
    fn turn_away(&mut self, kind: PacketType, channel: &Channel<'_>, why: StatusCode) -> Taken {
        self.count_refusal(why);
        self.owe_receipt_of(kind, channel, why);
        Taken::Yes
    }

    #[cold]
    fn count_refusal(&mut self, why: StatusCode) {
        match why {
            TOO_LONG => self.stats.oversized += 1,
            _ => self.stats.refused_busy += 1,
        }
    }

    /// Puts an accepted message into the inbox, in place of older ones if that is the policy.
    #[inline(always)]
    fn deliver(&mut self, mut place: Place, header: Header, data: &FrameData<'_>) {
        while let Some(gone) = self.inbox.displace(&mut place) {
            (self.dropped, self.has_rare_news) = (self.dropped.saturating_add(1), true);
            match gone.kind {
                PacketType::DataChannel => self.stats.messages_dropped += 1,
                _ => self.stats.states_dropped += 1,
            }
            self.forget_unanswered(gone.handle);
        }
        self.stats.accepted += 1;
        let is_only = self.inbox.push(place, header, |place| data.write_to(place));
        self.readable |= is_only && !(planted!(ReadableLost) && self.stats.accepted > 1);
    }

    /// A request that was dropped before anyone saw or answered it is accepted again when it is repeated.
    fn forget_unanswered(&mut self, handle: Option<Handle>) {
        let Some(handle) = handle else { return };
        if self.dedup.verdict(handle).is_some_and(|verdict| verdict.acknowledged.is_none()) {
            self.dedup.forget(handle);
        }
    }
}
