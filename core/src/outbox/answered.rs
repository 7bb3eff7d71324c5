//! Which message an answer is about (`docs/protocol.md`, section 7).

use super::Outbox;
use super::slot::Slot;
use crate::request::Stage;
use crate::rto::RoundTrip;
use crate::time::Instant;
use crate::wire::{Endpoint, MsgId, PacketType};

/// The message that an answer is about: under way, or ended with copies that may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Matched {
    /// Its slot.
    pub(crate) slot: u16,
    /// It has ended.
    pub(crate) done: bool,
    /// A round trip that this answer makes sure of.
    pub(crate) round_trip: Option<RoundTrip>,
}

impl<const SLOTS: usize> Outbox<SLOTS> {
    /// Takes a receipt for the message of this type, this number and, if given, this endpoint. The peer's time has stood still for
    /// so long.
    #[inline(always)]
    pub(crate) fn take_receipt(
        &mut self,
        now: Instant,
        still: u32,
        kind: PacketType,
        msg_id: MsgId,
        endpoint: Option<Endpoint>,
    ) -> Option<Matched> {
        let at = match self.find(kind, msg_id, endpoint) {
            None if planted!(StrayAnswerTaken) => (0..SLOTS as u16).find(|at| {
                let live = |slot: &&Slot| slot.answerable && slot.done.is_none();
                self.slot(*at).filter(live).is_some_and(|slot| kind == slot.message.kind)
            })?,
            found => found?,
        };
        let slot = self.slot_mut(at)?;
        let after = now.micros_since(slot.first_sent);
        let round_trip = slot.acks.one_more(after, still.wrapping_sub(slot.still), slot.copies);
        let done = slot.done.is_some();
        if done {
            self.answered_late(at);
        }
        Some(Matched { slot: at, done, round_trip })
    }

    /// One more copy of a message that has ended was answered: if it was the last, none is under way any more.
    #[cold]
    fn answered_late(&mut self, at: u16) {
        if self.slot(at).is_some_and(|slot| !slot.is_owed_answers()) {
            self.free_number(at);
        }
    }

    /// Takes a result for the request with this counter and operation. The peer's time has stood still for so long.
    pub(crate) fn take_result(
        &mut self,
        now: Instant,
        still: u32,
        counter: u32,
        op: u8,
    ) -> Option<Matched> {
        let at = self.by_counter.find(&self.slots, counter, |slot| {
            let message = &slot.message;
            slot.answerable
                && message.kind == PacketType::DataChannel
                && message.counter == counter
                && message.op == op
                // The counter of a raw one may be that of others, of which this may be the result: it says nothing of a message
                // that the peer may not have.
                && (!message.raw || slot.stage >= Some(Stage::Acked))
        })?;
        let slot = self.slot_mut(at)?;
        let after = now.micros_since(slot.first_sent);
        let round_trip = slot.results.one_more(after, still.wrapping_sub(slot.still), slot.copies);
        Some(Matched { slot: at, done: slot.done.is_some(), round_trip })
    }

    /// The message of this type, number and endpoint, for the cloud's verdict on it.
    pub(crate) fn take_verdict(
        &self,
        kind: PacketType,
        msg_id: MsgId,
        endpoint: Endpoint,
    ) -> Option<Matched> {
        let at = self.find(kind, msg_id, Some(endpoint))?;
        let done = self.slot(at)?.done.is_some();
        Some(Matched { slot: at, done, round_trip: None })
    }

    #[inline(always)]
    fn find(&self, kind: PacketType, msg_id: MsgId, endpoint: Option<Endpoint>) -> Option<u16> {
        let endpoint = endpoint.filter(|_| !planted!(AnswerOfWrongEndpoint));
        if kind == PacketType::DeviceInfo {
            return self.find_info(msg_id, endpoint);
        }
        let is_it = |slot: &Slot| is_answered(slot, kind, msg_id, endpoint);
        self.by_msg_id.find(&self.slots, u32::from(msg_id.0), is_it)
    }

    /// These share one number, and each is answered once, in order.
    #[cold]
    fn find_info(&self, msg_id: MsgId, endpoint: Option<Endpoint>) -> Option<u16> {
        let owed = |slot: &Slot| {
            is_answered(slot, PacketType::DeviceInfo, msg_id, endpoint) && slot.is_owed_answers()
        };
        let candidates = self.by_msg_id.candidates(&self.slots, u32::from(msg_id.0));
        candidates.filter(|at| self.slot(*at).is_some_and(owed)).last()
    }
}

/// Whether an answer to a message of this type, this number and, if given, this endpoint is one to that in a slot.
#[inline(always)]
fn is_answered(slot: &Slot, kind: PacketType, msg_id: MsgId, endpoint: Option<Endpoint>) -> bool {
    let message = &slot.message;
    slot.answerable
        && (message.kind == kind || planted!(AnswerOfWrongKind))
        && message.msg_id == msg_id
        && endpoint.is_none_or(|endpoint| message.endpoint == endpoint)
}
