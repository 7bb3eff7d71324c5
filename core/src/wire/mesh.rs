/// The vendor number of mesh packets.
pub(super) const VENDOR: u16 = 0x0211;
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
