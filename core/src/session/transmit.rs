use super::Machine;
use crate::config::Greeting;
use crate::error::{EncodeError, TooSmall};
use crate::event::Transmit;
use crate::outbox::View;
use crate::wire::{
    Direction, Encoder, HEADER_LEN, Layout, Login, MAX_DECLARED, Packet, PacketType, Prefix,
};

/// The longest data of a message: it fits a packet even if every byte has to be stuffed.
pub(super) const MAX_DATA: usize = (MAX_DECLARED - 7 - 2) / 2 - 9;

/// Answers go first, so that a result precedes the state that follows from it; but a peer that keeps asking does not keep
/// messages from leaving: after so many answers one message has its turn.
const ANSWERS_IN_A_ROW: u8 = 8;

impl<const SLOTS: usize, const SEEN: usize> Machine<SLOTS, SEEN> {
    pub(super) fn transmit(&mut self, out: &mut [u8]) -> Result<Option<Transmit>, TooSmall> {
        if self.link.owes_hello() {
            return self.transmit_hello(out);
        }
        let message = self.next_in_time();
        if !self.link.is_ready() {
            return Ok(None);
        }
        let enough = self.answers_in_a_row >= ANSWERS_IN_A_ROW || self.answers.is_empty();
        if let Some(at) = message.filter(|_| enough) {
            return self.transmit_message(at, out);
        }
        if let Some(answer) = self.answers.first() {
            let (len, kind) = answer.encode(out).map_err(own_packet)?;
            self.answers.first_is_sent();
            self.link.take(self.now);
            self.answers_in_a_row =
                if self.answers.is_empty() { 0 } else { self.answers_in_a_row.saturating_add(1) };
            self.handed_over();
            self.hang_up_if_drained();
            return Ok(Some(Transmit { len, kind, id: None, attempt: 0 }));
        }
        if self.link.owes_ping() {
            let len = Packet::HeartbeatDev.encode(out).map_err(own_packet)?;
            self.stats.heartbeats += 1;
            self.handed_over();
            let kind = PacketType::HeartbeatDev;
            return Ok(Some(Transmit { len, kind, id: None, attempt: 0 }));
        }
        Ok(None)
    }

    /// The message to hand over next; those whose time is over end here, should the tick that ends them come late.
    fn next_in_time(&mut self) -> Option<u16> {
        while let Some(at) = self.outbox.next_to_send(self.config.window) {
            if self.outbox.deadline(at)? > self.now {
                return Some(at);
            }
            self.outbox.give_up(self.now, at);
            self.hang_up_if_drained();
        }
        None
    }

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
        let (id, kind, attempt) = (view.id, view.message.kind, view.attempts.saturating_add(1));
        let len = encode(view, out).map_err(own_packet)?;
        self.answers_in_a_row = 0;
        self.stats.retransmissions += u64::from(attempt > 1);
        self.outbox.sent(self.now, at, self.now + self.answer_timer(at));
        self.handed_over();
        self.hang_up_if_drained();
        Ok(Some(Transmit { len, kind, id: Some(id), attempt }))
    }

    fn handed_over(&mut self) {
        self.stats.packets_sent += 1;
        self.link.sent(self.now);
    }
}

fn encode<'a, I: Iterator<Item = &'a [u8]>>(
    view: View<I>,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let View { message, len, pieces, .. } = view;
    let mut to = Encoder::new(message.kind, out);
    to.put_prefix(Prefix { endpoint: message.endpoint, msg_id: message.msg_id, flag: 0 });
    if message.kind != PacketType::Probe {
        let direction = match message.kind {
            PacketType::StatusBroadcast => Direction::ANNOUNCE,
            _ => Direction::REQUEST,
        };
        let [c0, c1, c2, c3] = message.counter.to_le_bytes();
        let [l0, l1] = len.to_le_bytes();
        to.start_frame(Layout::Bound, [c0, c1, c2, c3, direction.0, message.op, l0, l1]);
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
