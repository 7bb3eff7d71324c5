//! Which message an answer is about (`docs/protocol.md`, section 7).

use super::Outbox;
use super::slot::Slot;
use crate::request::Stage;
use crate::time::Instant;
use crate::wire::{Endpoint, MsgId, PacketType};

/// The message that an answer is about: under way, or ended with copies that may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Matched {
    /// Its slot.
    pub(crate) slot: u16,
    /// It has ended.
    pub(crate) done: bool,
    /// The stage before this answer.
    pub(crate) stage: Option<Stage>,
    pub(crate) until: Stage,
    /// A round trip that this answer makes sure of, in microseconds.
    pub(crate) round_trip: Option<u64>,
}

impl<const SLOTS: usize> Outbox<SLOTS> {
    /// Takes a receipt for the message of this type, this number and, if given, this endpoint.
    #[inline(always)]
    pub(crate) fn take_receipt(
        &mut self,
        now: Instant,
        kind: PacketType,
        msg_id: MsgId,
        endpoint: Option<Endpoint>,
    ) -> Option<Matched> {
        let at = match self.find(kind, msg_id, endpoint) {
            None if planted!(StrayAnswerTaken) => (0..SLOTS as u16).find(|at| {
                let live = self.answerable(*at).filter(|slot| slot.done.is_none());
                live.is_some_and(|slot| kind == slot.message.kind)
            })?,
            found => found?,
        };
        let slot = self.slot_mut(at)?;
        let round_trip = slot.acks.one_more(now.micros_since(slot.first_sent), slot.copies);
        let matched = Matched { round_trip, ..Self::matched(at, slot) };
        if matched.done && !slot.is_owed_answers() {
            self.free_number(at);
        }
        Some(matched)
    }

    /// Takes a result for the request with this counter and operation.
    pub(crate) fn take_result(&mut self, now: Instant, counter: u32, op: u8) -> Option<Matched> {
        let at = self.by_counter.candidates(&self.slots, counter).find(|at| {
            self.answerable(*at).is_some_and(|slot| {
                let message = &slot.message;
                message.kind == PacketType::DataChannel
                    && message.counter == counter
                    && message.op == op
            })
        })?;
        let slot = self.slot_mut(at)?;
        let round_trip = slot.results.one_more(now.micros_since(slot.first_sent), slot.copies);
        Some(Matched { round_trip, ..Self::matched(at, slot) })
    }

    /// The message of this type, number and endpoint, for the cloud's verdict on it.
    pub(crate) fn take_verdict(
        &self,
        kind: PacketType,
        msg_id: MsgId,
        endpoint: Endpoint,
    ) -> Option<Matched> {
        let at = self.find(kind, msg_id, Some(endpoint))?;
        self.slot(at).map(|slot| Self::matched(at, slot))
    }

    fn find(&self, kind: PacketType, msg_id: MsgId, endpoint: Option<Endpoint>) -> Option<u16> {
        let endpoint = endpoint.filter(|_| !planted!(AnswerOfWrongEndpoint));
        let mut found = self.by_msg_id.candidates(&self.slots, u32::from(msg_id.0)).filter(|at| {
            self.answerable(*at).is_some_and(|slot| {
                let message = &slot.message;
                (message.kind == kind || planted!(AnswerOfWrongKind))
                    && message.msg_id == msg_id
                    && endpoint.is_none_or(|endpoint| message.endpoint == endpoint)
            })
        });
        match kind {
            // They share one number, and each is answered once, in order.
            PacketType::DeviceInfo => found.filter(|at| self.is_owed(*at)).last(),
            _ => found.next(),
        }
    }

    fn is_owed(&self, at: u16) -> bool {
        self.slot(at).is_some_and(Slot::is_owed_answers)
    }

    /// A slot of which copies were handed over on this connection.
    fn answerable(&self, at: u16) -> Option<&Slot> {
        self.slot(at).filter(|slot| slot.answerable)
    }

    fn matched(at: u16, slot: &Slot) -> Matched {
        Matched {
            slot: at,
            done: slot.done.is_some(),
            stage: slot.stage,
            until: slot.message.until,
            round_trip: None,
        }
    }
}
