use crate::witness::Got;
use cync_core::wire::{Endpoint, MsgId, PacketType};
use cync_core::{Delivery, Instant};

/// What an application took from its session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered<'a> {
    pub(crate) kind: PacketType,
    pub(crate) endpoint: Endpoint,
    pub(crate) msg_id: MsgId,
    /// The operation and the counter of its inner frame.
    pub(crate) frame: Option<(u8, u32)>,
    pub(crate) data: &'a [u8],
    pub(crate) arrived: Instant,
}

impl<'a> From<&'a Got> for Delivered<'a> {
    fn from(got: &'a Got) -> Self {
        let Got { kind, endpoint, msg_id, frame, ref data, arrived, .. } = *got;
        Self { kind, endpoint, msg_id, frame, data, arrived }
    }
}

impl<'a> From<Delivery<'a>> for Delivered<'a> {
    fn from(delivery: Delivery<'a>) -> Self {
        Self {
            kind: delivery.kind,
            endpoint: delivery.prefix.endpoint,
            msg_id: delivery.prefix.msg_id,
            frame: delivery.frame.map(|frame| (frame.op, frame.counter)),
            data: delivery.data,
            arrived: delivery.arrived,
        }
    }
}
