//! A message from the peer.

use cync_core::wire::{DeviceStatus, Meaning, PacketType, Prefix};
use cync_core::{Delivery, DeliveryId, FrameHeader, Instant};

/// A message from the peer.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Message {
    /// The packet's type: `0x43`, `0x73` or `0x83`.
    pub kind: PacketType,
    /// Endpoint, message number and flag.
    pub prefix: Prefix,
    /// The inner frame's header, if the type has one.
    pub frame: Option<FrameHeader>,
    /// The inner frame's data, un-stuffed; of a `0x43` the datapoints.
    pub data: Vec<u8>,
    /// When it came, on the client's timeline.
    pub arrived: Instant,
    /// How often it had been repeated when it was taken: repetitions are answered, and not delivered.
    pub duplicates: u16,
    /// What to report the result with, if it is a request.
    pub id: Option<DeliveryId>,
}

impl Message {
    /// What the inner frame says.
    pub fn meaning(&self) -> Option<Meaning<'_>> {
        self.frame.map(|frame| Meaning::of(frame.layout, frame.direction, frame.op, &self.data))
    }

    /// What it says of devices; nothing, if it is no state.
    pub fn states(&self) -> impl Iterator<Item = DeviceStatus> + '_ {
        DeviceStatus::all_in(self.kind, self.meaning(), &self.data)
    }
}

impl From<Delivery<'_>> for Message {
    fn from(delivery: Delivery<'_>) -> Self {
        Self {
            kind: delivery.kind,
            prefix: delivery.prefix,
            frame: delivery.frame,
            data: delivery.data.to_vec(),
            arrived: delivery.arrived,
            duplicates: delivery.duplicates,
            id: delivery.id(),
        }
    }
}
