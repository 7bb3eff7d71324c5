use super::Bytes;
use cync_core::wire::{Endpoint, FRAME_AT, Frame, MsgId, Packet, PacketType};

/// What identifies a packet that is a message or an answer to one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heading<'a> {
    pub(super) kind: PacketType,
    pub(super) endpoint: Endpoint,
    pub(super) msg_id: MsgId,
    pub(super) frame: Option<Frame<'a>>,
}

impl<'a> Heading<'a> {
    /// Of a packet, if it has a message number.
    pub(super) fn of(packet: &Packet<'a>) -> Option<Self> {
        let (endpoint, msg_id) = match packet {
            Packet::DataChannel(channel) | Packet::StatusBroadcast(channel) => {
                (channel.prefix.endpoint, channel.prefix.msg_id)
            }
            Packet::DeviceInfo(info) | Packet::ProbeAck(info) => {
                (info.prefix.endpoint, info.prefix.msg_id)
            }
            Packet::Probe { prefix, .. } => (prefix.endpoint, prefix.msg_id),
            Packet::DataAck(receipt) | Packet::DataResult(receipt) => {
                (receipt.endpoint, receipt.msg_id)
            }
            Packet::StatusAck(ack) | Packet::InfoAck(ack) => (Endpoint(0), ack.msg_id),
            _ => return None,
        };
        Some(Self { kind: packet.kind(), endpoint, msg_id, frame: packet.frame().copied() })
    }

    /// What the application gets of a message whose packet this is.
    pub(super) fn data(&self, packet: &[u8]) -> Bytes {
        match &self.frame {
            Some(frame) => {
                frame.data.as_slice().map_or_else(|| frame.data.bytes().collect(), Bytes::from)
            }
            None => packet.get(FRAME_AT..).unwrap_or_default().into(),
        }
    }

    /// How long that is.
    pub(super) fn data_len(&self, packet: &[u8]) -> usize {
        match &self.frame {
            Some(frame) => frame.data.len(),
            None => packet.len().saturating_sub(FRAME_AT),
        }
    }

    /// What is kept of it.
    pub(super) fn tag(&self) -> Tag {
        let Self { kind, endpoint, msg_id, frame } = *self;
        Tag { kind, endpoint, msg_id, frame: frame.map(|frame| (frame.op, frame.counter)) }
    }
}

/// A heading without the data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tag {
    pub(super) kind: PacketType,
    pub(super) endpoint: Endpoint,
    pub(super) msg_id: MsgId,
    /// The operation and the counter of the inner frame.
    pub(super) frame: Option<(u8, u32)>,
}

/// The start of a packet, as digits.
pub(super) fn shown(bytes: &[u8]) -> Bytes {
    bytes.iter().copied().take(32).collect()
}
