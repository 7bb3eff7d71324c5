use super::{Frame, op};

/// What stands before the records of a [`MeshPage`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageHeader {
    /// Records in this page.
    pub count: u16,
    /// Zero in every recording.
    pub offset: u16,
    /// Records in all.
    pub total: u16,
}

impl PageHeader {
    const LEN: usize = 6;

    const fn parse([c0, c1, o0, o1, t0, t1]: [u8; Self::LEN]) -> Self {
        Self {
            count: u16::from_le_bytes([c0, c1]),
            offset: u16::from_le_bytes([o0, o1]),
            total: u16::from_le_bytes([t0, t1]),
        }
    }

    /// The header of the page that `frame` is, if it is one.
    pub(super) fn of(frame: &Frame<'_>) -> Option<Self> {
        let mut data = frame.data.bytes();
        let mut bytes = [0; Self::LEN];
        for byte in &mut bytes {
            *byte = data.next()?;
        }
        let header = Self::parse(bytes);
        let records = usize::from(header.count).saturating_mul(MeshRecord::LEN);
        let len = records.saturating_add(Self::LEN);
        (frame.op == op::MESH_QUERY && frame.data.len() == len).then_some(header)
    }
}

/// One page of a mesh query's result (`docs/protocol.md`, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MeshPage<'a> {
    /// What stands before the records.
    pub header: PageHeader,
    records: &'a [[u8; MeshRecord::LEN]],
}

impl<'a> MeshPage<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let (header, rest) = data.split_first_chunk()?;
        let (records, []) = rest.as_chunks() else { return None };
        let header = PageHeader::parse(*header);
        (usize::from(header.count) == records.len()).then_some(Self { header, records })
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
    /// As in [`StatusAnnouncement::color_mode`](super::StatusAnnouncement::color_mode).
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
