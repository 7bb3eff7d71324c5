//! Answers owed to the peer: written down when a packet is taken, transmitted in that order.

use crate::dedup::Reported;
use crate::error::EncodeError;
use crate::time::CivilTime;
use crate::wire::{
    Channel, Encoder, Endpoint, Frame, LoginAck, MsgId, Packet, PacketType, Prefix, Receipt,
    ShortAck, StatusCode, TimeResponse,
};
use heapless::Deque;

/// Answers that can be owed at a time; what would need more is not taken from the connection yet.
const CAPACITY: usize = 64;
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
    Info(MsgId),
    Status(MsgId),
    Data { endpoint: Endpoint, msg_id: MsgId, status: StatusCode },
    Probe { endpoint: Endpoint, msg_id: MsgId },
    Result { endpoint: Endpoint, counter: u32, op: u8, reported: Reported },
    Time(CivilTime),
    Pong,
}

impl Answer {
    /// Writes the packet; returns its length and type.
    pub(crate) fn encode(self, out: &mut [u8]) -> Result<(usize, PacketType), EncodeError> {
        let data;
        let packet = match self {
            Self::Hello => Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 }),
            Self::Info(msg_id) => Packet::InfoAck(ShortAck { msg_id, status: StatusCode::OK }),
            Self::Status(msg_id) => Packet::StatusAck(ShortAck { msg_id, status: StatusCode::OK }),
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

/// The answers owed, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    owed: Deque<Answer, CAPACITY>,
    /// Heartbeats to answer. They are all alike, so any number of them has room.
    pongs: u16,
}

impl Answers {
    /// Whether all answers that one more packet can ask for have room.
    pub(crate) fn have_room(&self) -> bool {
        self.owed.len() + MOST_PER_PACKET <= CAPACITY
    }

    /// Owes an answer; false if there is no room.
    pub(crate) fn owe(&mut self, answer: Answer) -> bool {
        self.owed.push_back(answer).is_ok()
    }

    /// Owes an answer to a heartbeat.
    pub(crate) fn owe_pong(&mut self) {
        self.pongs = self.pongs.saturating_add(1);
    }

    pub(crate) fn first(&self) -> Option<Answer> {
        self.owed.front().copied().or_else(|| (self.pongs > 0).then_some(Answer::Pong))
    }

    pub(crate) fn first_is_sent(&mut self) {
        if self.owed.pop_front().is_none() {
            self.pongs = self.pongs.saturating_sub(1);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.owed.is_empty() && self.pongs == 0
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
