use super::mesh::VENDOR;
use super::{MeshPacket, op};

/// One device's state as it announces it: operation `db`, 19 bytes of data (`docs/protocol.md`, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatusAnnouncement {
    /// The device's mesh address.
    pub device: u16,
    /// Whether the mesh reaches it.
    pub reachable: bool,
    /// On or off.
    pub on: bool,
    /// 0 to 100; keeps its value while off.
    pub brightness: u8,
    /// 0 to 100 is a white temperature, 254 colour, 129 a running effect.
    pub color_mode: u8,
    /// Red, green, blue.
    pub rgb: [u8; 3],
}

impl StatusAnnouncement {
    /// The data of the announcement; `sno` is the sender's running number.
    pub fn data(&self, sno: u32) -> [u8; 19] {
        let [s0, s1, s2, _] = sno.to_le_bytes();
        let [d0, d1] = self.device.to_le_bytes();
        let [v0, v1] = VENDOR.to_le_bytes();
        let [r, g, b] = self.rgb;
        let (reachable, on) = (u8::from(self.reachable), u8::from(self.on));
        let (brightness, mode) = (self.brightness, self.color_mode);
        [
            s0,
            s1,
            s2,
            d0,
            d1,
            d0,
            d1,
            op::STATUS,
            v0,
            v1,
            reachable,
            on,
            brightness,
            mode,
            r,
            g,
            b,
            0,
            0,
        ]
    }

    pub(super) fn parse(mesh: MeshPacket<'_>) -> Option<Self> {
        let [reachable, on, brightness, color_mode, r, g, b, _, _] = *mesh.params else {
            return None;
        };
        (mesh.op == op::STATUS).then_some(Self {
            device: mesh.source,
            reachable: reachable != 0,
            on: on != 0,
            brightness,
            color_mode,
            rgb: [r, g, b],
        })
    }
}
