use super::machine::Machine;
use crate::answers::Answer;
use crate::dedup::Reported;
use crate::error::RespondError;
use crate::inbox::DeliveryId;
use crate::wire::StatusCode;

impl<const SLOTS: usize, const SEEN: usize> Machine<SLOTS, SEEN> {
    pub(super) fn respond(
        &mut self,
        delivery: &DeliveryId,
        status: StatusCode,
    ) -> Result<(), RespondError> {
        let verdict = self.dedup.verdict(delivery.handle).ok_or(RespondError::Forgotten)?;
        if verdict.acknowledged.is_some() {
            return Err(RespondError::Answered);
        }
        if self.is_answerable(delivery) && !self.owe_receipt(delivery, status) {
            return Err(RespondError::Full);
        }
        self.dedup.acknowledge(delivery.handle, status);
        Ok(())
    }

    pub(super) fn report(
        &mut self,
        delivery: &DeliveryId,
        status: StatusCode,
    ) -> Result<(), RespondError> {
        let verdict = self.dedup.verdict(delivery.handle).ok_or(RespondError::Forgotten)?;
        let answerable = self.is_answerable(delivery);
        let mut told = true;
        if verdict.acknowledged.is_none() {
            self.dedup.acknowledge(delivery.handle, StatusCode::OK);
            told = !answerable || self.owe_receipt(delivery, StatusCode::OK);
        }
        let reported = Reported { msg_id: self.free_msg_id(), status };
        self.next_msg_id = reported.msg_id.0.wrapping_add(1);
        self.dedup.report(delivery.handle, reported);
        let (endpoint, frame) = (delivery.prefix.endpoint, delivery.frame);
        let result = Answer::Result { endpoint, counter: frame.counter, op: frame.op, reported };
        told &= !answerable || self.answers.owe(result);
        if told { Ok(()) } else { Err(RespondError::Full) }
    }

    /// Whether an answer may be sent now: answers of one connection are nothing to another.
    fn is_answerable(&self, delivery: &DeliveryId) -> bool {
        self.link.is_ready() && (delivery.epoch == self.epoch || planted!(AnswerOfOldConnection))
    }

    fn owe_receipt(&mut self, delivery: &DeliveryId, status: StatusCode) -> bool {
        let (endpoint, msg_id) = (delivery.prefix.endpoint, delivery.prefix.msg_id);
        self.answers.have_room() && self.answers.owe(Answer::Data { endpoint, msg_id, status })
    }
}
