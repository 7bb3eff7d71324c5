use super::machine::Machine;
use crate::config::Greeting;
use crate::error::{EncodeError, TooSmall};
use crate::event::Transmit;
use crate::outbox::{Data, Message, View};
use crate::wire::{
    Direction, Encoder, HEADER_LEN, INFO_FLAG, Layout, Login, MAX_DECLARED, MsgId, Packet,
    PacketType, Prefix, put_plain_frame,
};

/// The longest data of a message that is written into a frame: it fits a packet even if every byte has to be stuffed.
pub(super) const fn longest_data() -> usize {
    (MAX_DECLARED - Prefix::LEN - 2) / 2 - 9
}

/// Answers go first, so that a result precedes the state that follows from it; but a peer that keeps asking does not keep
/// messages from leaving: after so many answers one message has its turn.
const ANSWERS_IN_A_ROW: u8 = 8;

impl<const SLOTS: usize, const SEEN: usize> Machine<SLOTS, SEEN> {
    /// Writes what is next. What is decided here makes no call: nearly every second time there is nothing to write.
    #[inline]
    pub(super) fn poll_transmit(&mut self, out: &mut [u8]) -> Result<Option<Transmit>, TooSmall> {
        if self.answers.is_empty() {
            if self.has_more_to_transmit() { self.transmit(out) } else { Ok(None) }
        } else if self.link.is_ready() && self.answers_in_a_row < ANSWERS_IN_A_ROW {
            self.transmit_answer(out)
        } else {
            self.transmit(out)
        }
    }

    /// Whether there may be anything but answers to transmit.
    #[inline]
    fn has_more_to_transmit(&self) -> bool {
        self.outbox.is_waiting() || self.link.owes_ping() || self.link.owes_hello()
    }

    /// Writes what is next if that is not an answer: or else one, if there is one.
    #[inline(never)]
    fn transmit(&mut self, out: &mut [u8]) -> Result<Option<Transmit>, TooSmall> {
        if !self.link.is_ready() {
            return if self.link.owes_hello() { self.transmit_hello(out) } else { Ok(None) };
        }
        if let Some(at) = self.next_message() {
            return self.transmit_message(at, out);
        }
        if !self.answers.is_empty() {
            return self.transmit_answer(out);
        }
        // What was given up just now may have been the last that kept a closing session up.
        if self.link.owes_ping() && self.link.is_ready() {
            return self.transmit_ping(out);
        }
        Ok(None)
    }

    #[inline(never)]
    fn transmit_answer(&mut self, out: &mut [u8]) -> Result<Option<Transmit>, TooSmall> {
        match self.answers.first().and_then(|answer| answer.encode_receipt(out)) {
            Some(written) => {
                let len = written.map_err(own_packet)?;
                Ok(Some(self.answered(len, PacketType::DataAck)))
            }
            None => self.transmit_other_answer(out),
        }
    }

    /// Writes an answer that is no receipt.
    #[inline(never)]
    fn transmit_other_answer(&mut self, out: &mut [u8]) -> Result<Option<Transmit>, TooSmall> {
        let Some(answer) = self.answers.first() else { return Ok(None) };
        let (len, kind) = answer.encode(out).map_err(own_packet)?;
        Ok(Some(self.answered(len, kind)))
    }

    /// The first answer was handed over.
    #[inline]
    fn answered(&mut self, len: usize, kind: PacketType) -> Transmit {
        let had_room = self.answers.have_room();
        self.answers.first_is_sent();
        // If it was refused for another reason, this makes no room.
        if !had_room && self.answers.have_room() && !planted!(InputNotResumed) {
            self.link.take(self.now);
        }
        self.answers_in_a_row =
            if self.answers.is_empty() { 0 } else { self.answers_in_a_row.saturating_add(1) };
        self.handed_over();
        self.hang_up_if_drained();
        Transmit { len, kind, id: None, attempt: 0 }
    }

    #[cold]
    fn transmit_ping(&mut self, out: &mut [u8]) -> Result<Option<Transmit>, TooSmall> {
        let len = Packet::HeartbeatDev.encode(out).map_err(own_packet)?;
        self.stats.heartbeats += 1;
        self.handed_over();
        let kind = PacketType::HeartbeatDev;
        Ok(Some(Transmit { len, kind, id: None, attempt: 0 }))
    }

    /// The message to hand over next; those whose time is over end here, should the tick that ends them come late.
    #[inline]
    fn next_message(&mut self) -> Option<u16> {
        loop {
            let at = self.next_due().or_else(|| self.next_first())?;
            if planted!(HandedOverAtDeadline) && self.outbox.deadline(at)? == self.now {
                return Some(at);
            }
            if self.outbox.deadline(at)? > self.now {
                return Some(at);
            }
            self.outbox.give_up(self.now, at, &mut self.stats);
            self.hang_up_if_drained();
        }
    }

    /// The message to hand over again, if one is due and the budget allows it.
    #[inline]
    fn next_due(&mut self) -> Option<u16> {
        if self.outbox.first_due().is_some() { self.next_allowed() } else { None }
    }

    /// The same if there may be one.
    #[cold]
    fn next_allowed(&mut self) -> Option<u16> {
        loop {
            let at = self.outbox.first_due()?;
            if self.outbox.is_riding(at) {
                return Some(at);
            }
            if self.outbox.deadline(at)? <= self.now {
                return Some(at);
            }
            if self.now > self.outbox.first_sent(at)?.plus_micros(self.config.span) {
                // The peer may not remember it any longer.
                self.outbox.last_call(at);
                continue;
            }
            let allowed = self.budget.has(self.now.as_micros());
            if !allowed {
                self.waits_for_budget = true;
                self.stats.budget_waits += u64::from(self.outbox.hold_back(at));
            }
            return Some(at).filter(|_| allowed);
        }
    }

    /// The message to hand over for the first time, if the windows allow it.
    #[inline]
    fn next_first(&mut self) -> Option<u16> {
        let at = self.outbox.first_queued(self.config.window)?;
        let allowed = self.outbox.is_within(self.config.id_window);
        if !allowed {
            self.stats.id_waits += u64::from(self.outbox.hold_back(at));
        }
        Some(at).filter(|_| allowed)
    }

    #[cold]
    fn transmit_hello(&mut self, out: &mut [u8]) -> Result<Option<Transmit>, TooSmall> {
        let Greeting::Send { auth, keepalive_s } = &self.config.greeting else { return Ok(None) };
        let login = Login::new(self.config.endpoint, auth.secret(), *keepalive_s);
        let len = Packet::Handshake(login).encode(out).map_err(own_packet)?;
        self.link.hello_sent(self.now);
        self.handed_over();
        Ok(Some(Transmit { len, kind: PacketType::Handshake, id: None, attempt: 0 }))
    }

    fn transmit_message(&mut self, at: u16, out: &mut [u8]) -> Result<Option<Transmit>, TooSmall> {
        let Some(view) = self.outbox.look(at) else { return Ok(None) };
        let View { message: &Message { kind, .. }, copies, .. } = view;
        let len = encode(view, out).map_err(own_packet)?;
        self.unmatched.bring(self.now.as_micros());
        self.answers_in_a_row = 0;
        let attempt = if copies == 0 {
            self.first_copy_left(at);
            1
        } else {
            self.another_copy_left(at, copies);
            copies.saturating_add(1)
        };
        self.handed_over();
        self.hang_up_if_drained();
        Ok(Some(Transmit { len, kind, id: self.outbox.id(at), attempt }))
    }

    #[inline(always)]
    fn first_copy_left(&mut self, at: u16) {
        self.budget.bring(self.now.as_micros());
        let [first, ..] = &mut self.stats.attempts;
        *first += 1;
        let timer = self.now.plus_micros(self.ack_time.timer());
        let still = self.link.stood_still(self.now);
        self.outbox.sent_first(self.now, at, timer, still, &mut self.stats);
    }

    #[cold]
    fn another_copy_left(&mut self, at: u16, copies: u16) {
        let now = self.now.as_micros();
        let reasons = &mut self.stats.retransmissions;
        if self.outbox.is_riding(at) {
            reasons.reconnected += 1;
        } else {
            let refused = self.outbox.is_refused(at);
            self.budget.take(now);
            self.waits_for_budget = false;
            *(if refused { &mut reasons.refused } else { &mut reasons.timeout }) += 1;
        }
        if let Some((last, firsts)) = self.stats.attempts.split_last_mut() {
            *firsts.get_mut(usize::from(copies)).unwrap_or(last) += 1;
        }
        let timer = self.now.plus_micros(self.answer_timer(at));
        let still = self.link.stood_still(self.now);
        self.outbox.sent_again(self.now, at, timer, still);
    }

    fn handed_over(&mut self) {
        self.stats.packets_sent += 1;
        self.link.sent(self.now);
    }
}

/// Writes a message. Nearly every one is a frame whose data is in one piece, with nothing in it that has to be stuffed.
#[inline(always)]
fn encode<const SLOTS: usize>(view: View<'_, SLOTS>, out: &mut [u8]) -> Result<usize, EncodeError> {
    let View { message, data, copies, .. } = view;
    if let Some(header) = header(message, data.len())
        && let Some(piece) = data.whole()
        && let Some(len) =
            put_plain_frame(message.kind, prefix(message, copies), header, piece, out)
    {
        return Ok(len);
    }
    encode_any(message, data, copies, out)
}

#[inline(never)]
fn encode_any<const SLOTS: usize>(
    message: &Message,
    data: Data<'_, SLOTS>,
    copies: u16,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let mut to = Encoder::new(message.kind, out);
    to.put_prefix(prefix(message, copies));
    if let Some(header) = header(message, data.len()) {
        to.start_frame(Layout::Bound, header);
        data.pieces().for_each(|piece| to.put_data(piece));
        to.end_frame();
    } else {
        data.pieces().for_each(|piece| to.put(piece));
    }
    to.finish()
}

#[inline(always)]
fn prefix(message: &Message, copies: u16) -> Prefix {
    let Message { endpoint, msg_id, kind, .. } = *message;
    let flag = if kind == PacketType::DeviceInfo { INFO_FLAG } else { 0 };
    let again = if planted!(RetryWithNewId) { copies } else { 0 };
    Prefix { endpoint, msg_id: MsgId(msg_id.0.wrapping_add(again)), flag }
}

/// What stands in front of the data in a message's frame; `None` if the data is not in one.
#[inline(always)]
fn header(message: &Message, len: u16) -> Option<[u8; 8]> {
    let direction = match message.kind {
        _ if message.raw => return None,
        PacketType::DataChannel => Direction::REQUEST,
        PacketType::StatusBroadcast => Direction::ANNOUNCE,
        _ => return None,
    };
    let [direction, op, len] = [direction.0.into(), message.op.into(), u64::from(len)];
    Some((u64::from(message.counter) | direction << 32 | op << 40 | len << 48).to_le_bytes())
}

/// What this side writes is never longer than a packet may be: `send` refuses what could become so.
fn own_packet(error: EncodeError) -> TooSmall {
    match error {
        EncodeError::TooSmall(too_small) => too_small,
        EncodeError::TooLarge { declared, .. } => {
            TooSmall { needed: HEADER_LEN + declared, have: 0 }
        }
    }
}
