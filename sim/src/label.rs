use cync_core::wire::{self, Packet, PacketType};

/// Which way a packet travels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// Towards the device.
    ToDevice,
    /// From the device.
    FromDevice,
}

/// What a packet is to the one who counts attempts: all copies of a message have the same label.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Label {
    /// The packet's type.
    pub kind: u8,
    /// Tells requests, results and announcements apart: the direction of the inner frame, or zero.
    pub frame: u8,
    /// Which message it is or answers, as whoever counts attempts counts messages.
    pub number: u32,
}

impl Label {
    /// The label of a packet by its own numbers; `None` for greetings and for what is no packet, which are never tampered with.
    pub fn of(packet: &[u8]) -> Option<Self> {
        let packet = Packet::decode(packet, wire::ChecksumMode::Lenient).ok()?;
        let kind = packet.kind();
        let (frame, number) = match &packet {
            Packet::Handshake(_)
            | Packet::HelloAck(_)
            | Packet::AppLogin(_)
            | Packet::AppLoginAck(_) => return None,
            Packet::DataChannel(channel) | Packet::StatusBroadcast(channel) => {
                let direction = channel.frame.direction;
                let number = match direction {
                    wire::Direction::RESPONSE => channel.frame.counter,
                    _ => u32::from(channel.prefix.msg_id.0),
                };
                (direction.0, number)
            }
            Packet::StatusAck(ack) => (0, u32::from(ack.msg_id.0)),
            // Every 0x43 has the same number; they are told apart by how many there were.
            Packet::DeviceInfo(_) => (0, 0),
            other => (0, other.prefix().map_or(0, |prefix| u32::from(prefix.msg_id.0))),
        };
        Some(Self { kind: kind.byte(), frame, number })
    }

    /// All of it, below bit 48.
    pub(crate) const fn bits(self) -> u64 {
        (self.kind as u64) << 40 | (self.frame as u64) << 32 | self.number as u64
    }

    /// The packet's type.
    pub const fn kind(&self) -> Option<PacketType> {
        PacketType::from_byte(self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_are_never_tampered_with() {
        assert_eq!(Label::of(&[0x28, 0, 0, 0, 2, 0, 0]), None);
        assert!(Label::of(&[0xd3, 0, 0, 0, 0]).is_some());
    }
}
