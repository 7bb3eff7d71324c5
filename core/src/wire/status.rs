use super::{Direction, Layout, op};
use core::fmt;

/// The vendor number of mesh packets.
const VENDOR: u16 = 0x0211;
/// Bytes of a mesh packet before its parameters.
const MESH_HEADER: usize = 10;

/// A packet of the Bluetooth mesh, as the data of most operations is (`docs/protocol.md`, section 5).
///
/// ```text
/// sno u24 LE | source u16 LE | destination u16 LE | op | vendor u16 LE | params ...
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MeshPacket<'a> {
    /// The sender's sequence number.
    pub sno: u32,
    /// The sender's mesh address; zero in requests.
    pub source: u16,
    /// Whom it is for.
    pub destination: u16,
    /// The mesh operation.
    pub op: u8,
    /// `0x0211`; some clients send zero.
    pub vendor: u16,
    /// What the operation needs.
    pub params: &'a [u8],
}

impl<'a> MeshPacket<'a> {
    pub(super) fn header(counter: u32, destination: u16, op: u8) -> [u8; MESH_HEADER] {
        let [s0, s1, s2, _] = counter.to_le_bytes();
        let [d0, d1] = destination.to_le_bytes();
        let [v0, v1] = VENDOR.to_le_bytes();
        [s0, s1, s2, 0, 0, d0, d1, op, v0, v1]
    }

    /// The mesh packet in a frame's data; `None` if the data is shorter than its header.
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        let (&[s0, s1, s2, a0, a1, d0, d1, op, v0, v1], params) =
            data.split_first_chunk::<MESH_HEADER>()?;
        Some(Self {
            sno: u32::from_le_bytes([s0, s1, s2, 0]),
            source: u16::from_le_bytes([a0, a1]),
            destination: u16::from_le_bytes([d0, d1]),
            op,
            vendor: u16::from_le_bytes([v0, v1]),
            params,
        })
    }
}

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

    fn parse(mesh: MeshPacket<'_>) -> Option<Self> {
        let [reachable, on, brightness, color_mode, r, g, b, _, _] = *mesh.params else {
            return None;
        };
        Some(Self {
            device: mesh.source,
            reachable: reachable != 0,
            on: on != 0,
            brightness,
            color_mode,
            rgb: [r, g, b],
        })
    }
}

/// A firmware version, announced in an unbound frame (`docs/protocol.md`, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Firmware<'a> {
    /// The device's own firmware; otherwise that of its network part.
    pub of_device: bool,
    /// ASCII digits.
    pub text: &'a [u8],
}

impl<'a> Firmware<'a> {
    const LEN: usize = 32;
    const WHICH_AT: usize = 13;

    fn parse(data: &'a [u8]) -> Option<Self> {
        if data.len() != Self::LEN {
            return None;
        }
        let [which, text @ ..] = data.get(Self::WHICH_AT..)? else { return None };
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        Some(Self { of_device: *which != 0, text: text.get(..end)? })
    }
}

/// One page of a mesh query's result (`docs/protocol.md`, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MeshPage<'a> {
    /// Records in this page.
    pub count: u16,
    /// Zero in every recording.
    pub offset: u16,
    /// Records in all.
    pub total: u16,
    records: &'a [[u8; MeshRecord::LEN]],
}

impl<'a> MeshPage<'a> {
    fn parse(data: &'a [u8]) -> Option<Self> {
        let (&[c0, c1, o0, o1, t0, t1], rest) = data.split_first_chunk()?;
        let (records, []) = rest.as_chunks() else { return None };
        let count = u16::from_le_bytes([c0, c1]);
        (usize::from(count) == records.len()).then_some(Self {
            count,
            offset: u16::from_le_bytes([o0, o1]),
            total: u16::from_le_bytes([t0, t1]),
            records,
        })
    }

    /// The records, in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = MeshRecord> + use<'a> {
        self.records.iter().map(MeshRecord::parse)
    }
}

/// One device in a [`MeshPage`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MeshRecord {
    /// The device's mesh address.
    pub device: u16,
    /// The product type, in the first record only (the bridge itself); otherwise zero.
    pub device_type: u8,
    /// Whether the mesh reaches it.
    pub reachable: bool,
    /// On or off.
    pub on: bool,
    /// 0 to 100; may be non-zero while off.
    pub brightness: u8,
    /// As in [`StatusAnnouncement::color_mode`].
    pub color_mode: u8,
    /// Red, green, blue.
    pub rgb: [u8; 3],
}

impl MeshRecord {
    const LEN: usize = 24;

    fn parse(bytes: &[u8; Self::LEN]) -> Self {
        let [
            d0,
            d1,
            device_type,
            reachable,
            _,
            _,
            _,
            _,
            on,
            _,
            _,
            _,
            brightness,
            _,
            _,
            _,
            mode,
            _,
            _,
            _,
            r,
            g,
            b,
            _,
        ] = *bytes;
        Self {
            device: u16::from_le_bytes([d0, d1]),
            device_type,
            reachable: reachable != 0,
            on: on != 0,
            brightness,
            color_mode: mode,
            rgb: [r, g, b],
        }
    }
}

/// What a frame says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// A device announces its state.
    DeviceStatus(MeshPacket<'a>, StatusAnnouncement),
    /// Any other mesh packet.
    Mesh(MeshPacket<'a>),
    /// A device announces its firmware.
    Firmware(Firmware<'a>),
    /// The result of a command: zero is done.
    CommandResult(u8),
    /// A request for the state of all devices.
    MeshQuery {
        /// How many records at most.
        limit: u16,
        /// The first record wanted.
        offset: u16,
    },
    /// The devices behind a bridge.
    MeshPage(MeshPage<'a>),
    /// A page has been received.
    PageReceived,
    /// Not known; the packet is acknowledged all the same.
    Unknown,
}

impl<'a> Meaning<'a> {
    /// What the data of a frame with this layout, direction and operation says.
    pub fn of(layout: Layout, direction: Direction, op: u8, data: &'a [u8]) -> Self {
        match (direction, op, data) {
            (Direction::RESPONSE, _, [status]) => Self::CommandResult(*status),
            (Direction::RESPONSE, op::MESH_QUERY, _) => {
                MeshPage::parse(data).map_or(Self::Unknown, Self::MeshPage)
            }
            (Direction::ANNOUNCE, op::FIRMWARE, _) if layout == Layout::Unbound => {
                Firmware::parse(data).map_or(Self::Unknown, Self::Firmware)
            }
            (Direction::REQUEST, op::MESH_QUERY, [_, _, l0, l1, o0, o1]) => Self::MeshQuery {
                limit: u16::from_le_bytes([*l0, *l1]),
                offset: u16::from_le_bytes([*o0, *o1]),
            },
            (Direction::REQUEST, op::PAGE_RECEIVED, [_, _]) => Self::PageReceived,
            (Direction::ANNOUNCE, op::STATUS, _) => Self::of_status(data),
            _ => MeshPacket::parse(data).map_or(Self::Unknown, Self::Mesh),
        }
    }

    fn of_status(data: &'a [u8]) -> Self {
        let Some(mesh) = MeshPacket::parse(data) else { return Self::Unknown };
        match StatusAnnouncement::parse(mesh) {
            Some(status) if mesh.op == op::STATUS => Self::DeviceStatus(mesh, status),
            _ => Self::Mesh(mesh),
        }
    }
}

/// One datapoint of a `0x43` (`docs/protocol.md`, section 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datapoint<'a> {
    /// Which one; a slot number for device states.
    pub index: u8,
    /// How to read the value: 0 bytes, 2 a number, 9 text.
    pub dtype: u8,
    /// The value.
    pub value: &'a [u8],
}

impl<'a> Datapoint<'a> {
    /// The value as a number, if it is one.
    pub fn as_u16(&self) -> Option<u16> {
        match (self.dtype, self.value) {
            (2, [high, low]) => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// The value as text, if it is one.
    pub const fn as_text(&self) -> Option<&'a [u8]> {
        if self.dtype == 9 { Some(self.value) } else { None }
    }

    /// The value as a device's state, if it is one.
    pub fn as_status(&self) -> Option<StatusRecord> {
        if self.dtype != 0 {
            return None;
        }
        let &[device, on, brightness, color_mode, r, g, b, reachable, byte8, reporter, ..] =
            <&[u8; 16]>::try_from(self.value).ok()?;
        let rgb = [r, g, b];
        Some(StatusRecord { device, on, brightness, color_mode, rgb, reachable, byte8, reporter })
    }
}

/// A device's state in a `0x43`, byte for byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatusRecord {
    /// The device's mesh id.
    pub device: u8,
    /// 1 is on.
    pub on: u8,
    /// 0 to 100; 0 while off.
    pub brightness: u8,
    /// As in [`StatusAnnouncement::color_mode`]; 255 is none.
    pub color_mode: u8,
    /// Red, green, blue.
    pub rgb: [u8; 3],
    /// 1 is reachable.
    pub reachable: u8,
    /// Zero for the reporter itself; otherwise of unknown meaning.
    pub byte8: u8,
    /// The mesh id of the device that reports.
    pub reporter: u8,
}

/// The datapoints of a `0x43`, in order. Never an error: what does not fit is [`Datapoints::trailing`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Datapoints<'a> {
    rest: &'a [u8],
}

impl<'a> Datapoints<'a> {
    pub(super) const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    /// After the last datapoint: the bytes that are none.
    pub const fn trailing(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Datapoints<'a> {
    type Item = Datapoint<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&[index, high, low], rest) = self.rest.split_first_chunk()?;
        let head = u16::from_be_bytes([high, low]);
        let (value, rest) = rest.split_at_checked(usize::from(head & 0x0fff))?;
        self.rest = rest;
        Some(Datapoint { index, dtype: high >> 4, value })
    }
}

impl fmt::Debug for Datapoints<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}
