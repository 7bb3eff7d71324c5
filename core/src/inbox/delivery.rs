use super::Handle;
use crate::time::Instant;
use crate::wire::{DeviceStatus, Direction, Layout, Meaning, PacketType, Prefix};

/// The header of a delivered message's inner frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// How it was bound to its packet.
    pub layout: Layout,
    /// The sender's number of the request.
    pub counter: u32,
    /// Request, response or announcement.
    pub direction: Direction,
    /// The operation.
    pub op: u8,
    /// Whether its checksum is right; only under [`ChecksumMode::Lenient`](crate::wire::ChecksumMode::Lenient) it may not be.
    pub checksum_valid: bool,
}

/// Names a delivered request, to report its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeliveryId {
    pub(crate) prefix: Prefix,
    pub(crate) frame: FrameHeader,
    pub(crate) handle: Handle,
    /// The number of the connection it came on. If there was a later connection when it was lent, it is the number before that
    /// connection's: what counts is whether it is the present one.
    pub(crate) epoch: u32,
}

/// A message from the peer, lent until the session is used again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery<'a> {
    /// The packet's type: `0x43`, `0x73` or `0x83`.
    pub kind: PacketType,
    /// Endpoint, message number and flag.
    pub prefix: Prefix,
    /// The inner frame's header, if the type has one.
    pub frame: Option<FrameHeader>,
    /// The inner frame's data, un-stuffed; of a `0x43` the datapoints.
    pub data: &'a [u8],
    /// When it came.
    pub arrived: Instant,
    /// How often it has been repeated so far; a repetition is answered and not delivered. 255 stands for that many or more.
    pub duplicates: u16,
    pub(crate) handle: Option<Handle>,
    pub(super) epoch: u32,
}

impl<'a> Delivery<'a> {
    /// What to report the result with; `None` if the message is not a request, which only a `0x73` can be.
    pub fn id(&self) -> Option<DeliveryId> {
        let is_request = |frame: &FrameHeader| {
            self.kind == PacketType::DataChannel && frame.direction == Direction::REQUEST
        };
        let frame = self.frame.filter(is_request)?;
        Some(DeliveryId { prefix: self.prefix, frame, handle: self.handle?, epoch: self.epoch })
    }

    /// What the inner frame says.
    pub fn meaning(&self) -> Option<Meaning<'a>> {
        self.frame.map(|frame| Meaning::of(frame.layout, frame.direction, frame.op, self.data))
    }

    /// What it says of devices; nothing, if it is no state.
    pub fn states(&self) -> impl Iterator<Item = DeviceStatus> + use<'a> {
        DeviceStatus::all_in(self.kind, self.meaning(), self.data)
    }
}
