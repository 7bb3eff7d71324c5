//! Answers owed to the peer: written down when a packet is taken, transmitted in that order.

use crate::dedup::Reported;
use crate::error::EncodeError;
use crate::time::CivilTime;
use crate::wire::{
    Channel, Encoder, Endpoint, Frame, LoginAck, MsgId, Packet, PacketType, Prefix, Receipt,
    ShortAck, StatusCode, TimeResponse,
};
use heapless::Deque;

/// Answers that one packet can ask for: a receipt, and a repeated result.
const MOST_PER_PACKET: usize = 2;
/// What a `0xab` says (`docs/protocol.md`, section 3).
const PROBE_ANSWER: &[u8] = b"\x07\x00\x09xlink_dev";
/// Payload of a `0xab` behind its prefix.
const PROBE_ANSWER_LEN: usize = 1012;
/// The tag of a `0xc8`.
const TIME_TAG: u8 = 13;

/// One answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Hello,
    Info { msg_id: MsgId, status: StatusCode },
    Status { msg_id: MsgId, status: StatusCode },
    Data { endpoint: Endpoint, msg_id: MsgId, status: StatusCode },
    Probe { endpoint: Endpoint, msg_id: MsgId },
    Result { endpoint: Endpoint, counter: u32, op: u8, reported: Reported },
    Time(CivilTime),
    Pong,
}

impl Answer {
    /// Writes the packet if it is a receipt, as nearly every answer is: without its becoming a `Packet`.
    #[inline]
    pub(crate) fn encode_receipt(&self, out: &mut [u8]) -> Option<Result<usize, EncodeError>> {
        let Self::Data { endpoint, msg_id, status } = *self else { return None };
        let mut to = Encoder::new(PacketType::DataAck, out);
        to.put_prefix(Receipt { endpoint, msg_id, status }.prefix());
        Some(to.finish())
    }

    /// Writes the packet; returns its length and type.
    #[inline(never)]
    pub(crate) fn encode(&self, out: &mut [u8]) -> Result<(usize, PacketType), EncodeError> {
        let data;
        let packet = match *self {
            Self::Hello => Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 }),
            Self::Info { msg_id, status } => Packet::InfoAck(ShortAck { msg_id, status }),
            Self::Status { msg_id, status } => Packet::StatusAck(ShortAck { msg_id, status }),
            Self::Data { endpoint, msg_id, status } => {
                Packet::DataAck(Receipt { endpoint, msg_id, status })
            }
            Self::Result { endpoint, counter, op, reported } => {
                data = [reported.status.0];
                let prefix = Prefix { endpoint, msg_id: reported.msg_id, flag: 0 };
                Packet::DataChannel(Channel { prefix, frame: Frame::response(counter, op, &data) })
            }
            Self::Time(local) => Packet::TimeResponse(TimeResponse { tag: TIME_TAG, local }),
            Self::Pong => Packet::HeartbeatCloud,
            Self::Probe { endpoint, msg_id } => return encode_probe_answer(endpoint, msg_id, out),
        };
        Ok((packet.encode(out)?, packet.kind()))
    }
}

fn encode_probe_answer(
    endpoint: Endpoint,
    msg_id: MsgId,
    out: &mut [u8],
) -> Result<(usize, PacketType), EncodeError> {
    let mut to = Encoder::new(PacketType::ProbeAck, out);
    to.put_prefix(Prefix { endpoint, msg_id, flag: 0 });
    to.put(PROBE_ANSWER);
    (PROBE_ANSWER.len()..PROBE_ANSWER_LEN).for_each(|_| to.put(&[0]));
    Ok((to.finish()?, PacketType::ProbeAck))
}

/// The answers owed, oldest first. What would need more than `N` at a time is not taken from the connection yet.
#[derive(Clone, Debug)]
pub(crate) struct Answers<const N: usize> {
    owed: Deque<Answer, N>,
    /// Heartbeats to answer. They are all alike, so any number of them has room.
    pongs: u16,
}

impl<const N: usize> Answers<N> {
    pub(crate) const fn new() -> Self {
        const { assert!(N >= MOST_PER_PACKET, "the answers that one packet asks for have room") };
        Self { owed: Deque::new(), pongs: 0 }
    }

    /// Whether all answers that one more packet can ask for have room.
    #[inline]
    pub(crate) fn have_room(&self) -> bool {
        self.owed.len() <= const { N - MOST_PER_PACKET }
    }

    /// Owes an answer; false if there is no room.
    #[inline]
    pub(crate) fn owe(&mut self, answer: Answer) -> bool {
        self.owed.push_back(answer).is_ok()
    }

    /// Owes an answer to a heartbeat.
    pub(crate) fn owe_pong(&mut self) {
        self.pongs = self.pongs.saturating_add(1);
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<&Answer> {
        self.owed.front().or_else(|| (self.pongs > 0).then_some(&Answer::Pong))
    }

    #[inline]
    pub(crate) fn first_is_sent(&mut self) {
        if self.owed.pop_front().is_none() {
            self.pongs = self.pongs.saturating_sub(1);
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.owed.is_empty() && self.pongs == 0
    }

    pub(crate) fn clear(&mut self) {
        self.owed.clear();
        self.pongs = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: StatusCode = StatusCode(0xb5);

    fn bytes(answer: Answer, out: &mut [u8]) -> &[u8] {
        let (len, kind) = answer.encode(out).unwrap();
        assert_eq!(kind.byte(), out[0]);
        let mut short = [0; 32];
        let receipt = answer.encode_receipt(&mut short).map(|len| &short[..len.unwrap()]);
        assert_eq!(receipt, (kind == PacketType::DataAck).then_some(&out[..len]));
        &out[..len]
    }

    #[test]
    fn every_receipt_says_the_status_it_was_given() {
        let (endpoint, msg_id, mut out) = (Endpoint(0x4588_0f3a), MsgId(0x1234), [0; 32]);
        let data = Answer::Data { endpoint, msg_id, status: BUSY };
        let prefixed = [0x7b, 0, 0, 0, 7, 0x45, 0x88, 0x0f, 0x3a, 0x12, 0x34, 0xb5];
        assert_eq!(bytes(data, &mut out), prefixed);
        let info = Answer::Info { msg_id, status: BUSY };
        assert_eq!(bytes(info, &mut out), [0x48, 0, 0, 0, 3, 0x12, 0x34, 0xb5]);
        let status = Answer::Status { msg_id, status: BUSY };
        assert_eq!(bytes(status, &mut out), [0x88, 0, 0, 0, 3, 0x12, 0x34, 0xb5]);
    }

    #[test]
    fn there_is_room_while_the_answers_of_one_more_packet_fit() {
        let mut answers = Answers::<3>::new();
        assert!(answers.have_room() && answers.is_empty());
        assert!(answers.owe(Answer::Hello) && answers.have_room());
        assert!(answers.owe(Answer::Hello) && !answers.have_room());
        assert!(answers.owe(Answer::Hello) && !answers.owe(Answer::Hello));
        answers.first_is_sent();
        assert!(!answers.have_room());
        answers.first_is_sent();
        assert!(answers.have_room() && !answers.is_empty());
    }

    #[test]
    fn answers_leave_in_order_and_heartbeats_any_number_of_them_after_the_others() {
        let mut answers = Answers::<2>::new();
        let all = [1, 2].map(|n| Answer::Info { msg_id: MsgId(n), status: StatusCode::OK });
        answers.owe_pong();
        assert!(all.into_iter().all(|answer| answers.owe(answer)));
        answers.owe_pong();
        assert!(!answers.have_room());
        let order = core::iter::from_fn(|| {
            let first = answers.first().copied();
            answers.first_is_sent();
            first
        });
        assert!(order.eq(all.into_iter().chain([Answer::Pong; 2])));
        assert!(answers.is_empty());
        answers.first_is_sent();
        assert!(answers.is_empty());
    }

    #[test]
    fn an_answer_takes_sixteen_bytes_and_the_queue_little_more() {
        assert_eq!(size_of::<Answer>(), 16);
        assert!(size_of::<Answers<128>>() <= 128 * 16 + 40);
    }
}
