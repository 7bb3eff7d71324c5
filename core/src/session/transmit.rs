use super::machine::Machine;
use crate::config::Greeting;
use crate::error::{EncodeError, TooSmall};
use crate::event::Transmit;
use crate::outbox::View;
use crate::wire::{
    Direction, Encoder, HEADER_LEN, INFO_FLAG, Login, MAX_DECLARED, MsgId, Packet, PacketType,
    Prefix,
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
        self.answers.first_is_sent();
        if !planted!(InputNotResumed) {
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
            if !allowed && !self.waits_for_budget {
                self.waits_for_budget = true;
                self.stats.budget_waits += 1;
            }
            return Some(at).filter(|_| allowed);
        }
    }

    /// The message to hand over for the first time, if the windows allow it.
    #[inline]
    fn next_first(&mut self) -> Option<u16> {
        let at = self.outbox.first_queued(self.config.window)?;
        let allowed = self.outbox.is_within(self.config.id_window);
        if !allowed && !self.waits_for_ids {
            self.waits_for_ids = true;
            self.stats.id_waits += 1;
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
        let View { id, message, copies, riding, refused, .. } = view;
        let len = encode(view, out).map_err(own_packet)?;
        let now = self.now.as_micros();
        self.unmatched.bring(now);
        if copies == 0 {
            self.budget.bring(now);
            self.waits_for_ids = false;
        } else {
            self.count_copy(riding, refused);
        }
        self.count_attempt(copies);
        self.answers_in_a_row = 0;
        let timer = self.now.plus_micros(self.answer_timer(at));
        let still = self.link.stood_still(self.now);
        self.outbox.sent(self.now, at, timer, still, &mut self.stats);
        self.handed_over();
        self.hang_up_if_drained();
        let attempt = copies.saturating_add(1);
        Ok(Some(Transmit { len, kind: message.kind, id: Some(id), attempt }))
    }

    /// Another copy leaves.
    #[cold]
    fn count_copy(&mut self, riding: bool, refused: bool) {
        let now = self.now.as_micros();
        let reasons = &mut self.stats.retransmissions;
        if riding {
            reasons.reconnected += 1;
        } else {
            self.budget.take(now);
            self.waits_for_budget = false;
            *(if refused { &mut reasons.refused } else { &mut reasons.timeout }) += 1;
        }
    }

    #[inline]
    fn count_attempt(&mut self, copies: u16) {
        let (last, firsts) = match self.stats.attempts.split_last_mut() {
            Some(split) => split,
            None => return,
        };
        *firsts.get_mut(usize::from(copies)).unwrap_or(last) += 1;
    }

    fn handed_over(&mut self) {
        self.stats.packets_sent += 1;
        self.link.sent(self.now);
    }
}

#[inline(always)]
fn encode<'a, I: Iterator<Item = &'a [u8]>>(
    view: View<I>,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let View { message, len, pieces, copies, .. } = view;
    let mut to = Encoder::new(message.kind, out);
    let flag = if message.kind == PacketType::DeviceInfo { INFO_FLAG } else { 0 };
    let again = if planted!(RetryWithNewId) { copies } else { 0 };
    let msg_id = MsgId(message.msg_id.0.wrapping_add(again));
    let prefix = Prefix { endpoint: message.endpoint, msg_id, flag };
    if message.raw {
        to.put_prefix(prefix);
        pieces.for_each(|piece| to.put(piece));
    } else if message.kind == PacketType::Probe {
        to.put_prefix(prefix);
    } else {
        let direction = match message.kind {
            PacketType::StatusBroadcast => Direction::ANNOUNCE,
            _ => Direction::REQUEST,
        };
        let [c0, c1, c2, c3] = message.counter.to_le_bytes();
        let [l0, l1] = len.to_le_bytes();
        to.start_bound(prefix, [c0, c1, c2, c3, direction.0, message.op, l0, l1]);
        pieces.for_each(|piece| to.put_data(piece));
        to.end_frame();
    }
    to.finish()
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
