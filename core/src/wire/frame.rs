use super::{ESCAPE, ESCAPE_XOR, MARK, PacketType};
use crate::error::DecodeError;

/// Bytes of a frame's body that are not data: counter, direction, operation, length, checksum.
const OVERHEAD: usize = 9;
/// Where the data starts in a body, after un-stuffing.
const DATA_AT: usize = 8;

/// What to do with a frame whose checksum is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum ChecksumMode {
    /// A wrong checksum is [`DecodeError::InvalidChecksum`].
    #[default]
    Strict,
    /// The frame is kept and [`Frame::checksum_valid`] says what it is worth. One device family sends stale checksums
    /// (`docs/protocol.md`, section 4).
    Lenient,
}

/// How a frame is bound to its packet (`docs/protocol.md`, section 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// `0x7e` at byte 12 and at the end: what every peer sends.
    Bound,
    /// A `0x73` with an extra zero before the start marker. Accepted, never produced: real devices ignore it.
    BoundPad1,
    /// A `0x83` with zero instead of the start marker, as firmware reports have it.
    Unbound,
}

impl Layout {
    /// `bound`, `bound_pad1` or `unbound`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::BoundPad1 => "bound_pad1",
            Self::Unbound => "unbound",
        }
    }
}

/// What the sender did with marker and escape bytes inside the frame (`docs/protocol.md`, section 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stuffing {
    /// There are none.
    None,
    /// They were stuffed, and have been un-stuffed.
    Unstuffed,
    /// They were left as they are.
    RawSpecialBytes,
}

impl Stuffing {
    /// `none`, `unstuffed` or `raw_special_bytes`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unstuffed => "unstuffed",
            Self::RawSpecialBytes => "raw_special_bytes",
        }
    }
}

/// The direction byte of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Direction(pub u8);

impl Direction {
    /// A request: towards a device.
    pub const REQUEST: Self = Self(0xf8);
    /// The result of a request.
    pub const RESPONSE: Self = Self(0xf9);
    /// Something a device says unasked.
    pub const ANNOUNCE: Self = Self(0xfa);

    /// `request`, `response`, `announce`, or `unknown`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::REQUEST => "request",
            Self::RESPONSE => "response",
            Self::ANNOUNCE => "announce",
            _ => "unknown",
        }
    }
}

/// The inner frame of a `0x73` or `0x83` (`docs/protocol.md`, section 4).
///
/// ```text
/// 7e | counter u32 LE | dir | op | len u16 LE | data ... | checksum | 7e
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// How the frame is bound to its packet.
    pub layout: Layout,
    /// The sender's number of the request; a result repeats it.
    pub counter: u32,
    /// Request, response or announcement.
    pub direction: Direction,
    /// The operation, see [`op`](super::op).
    pub op: u8,
    /// The data, still stuffed where the sender stuffed it.
    pub data: FrameData<'a>,
    checksum: u8,
    computed: u8,
}

impl<'a> Frame<'a> {
    /// A frame to be sent, with its checksum; `data` is what follows the length field, un-stuffed.
    ///
    /// Of `data` longer than 65,535 bytes the rest is left out; a packet that long cannot be encoded anyway.
    pub fn new(counter: u32, direction: Direction, op: u8, data: &'a [u8]) -> Self {
        let data = FrameData::plain(data);
        let computed = frame_sum(op, data.len, data);
        Self { layout: Layout::Bound, counter, direction, op, data, checksum: computed, computed }
    }

    /// A request, direction `f8`.
    pub fn request(counter: u32, op: u8, data: &'a [u8]) -> Self {
        Self::new(counter, Direction::REQUEST, op, data)
    }

    /// The result of a request, direction `f9`.
    pub fn response(counter: u32, op: u8, data: &'a [u8]) -> Self {
        Self::new(counter, Direction::RESPONSE, op, data)
    }

    /// An announcement, direction `fa`.
    pub fn announce(counter: u32, op: u8, data: &'a [u8]) -> Self {
        Self::new(counter, Direction::ANNOUNCE, op, data)
    }

    /// The checksum byte as it stands in the frame.
    pub const fn checksum(&self) -> u8 {
        self.checksum
    }

    /// The sum of the frame's bytes, which the checksum should equal.
    pub const fn computed_checksum(&self) -> u8 {
        self.computed
    }

    /// Whether the checksum is right. It is a sum: it guards against accidents, not against intent.
    pub const fn checksum_valid(&self) -> bool {
        self.checksum == self.computed
    }

    /// What the sender did with marker and escape bytes.
    pub fn stuffing(&self) -> Stuffing {
        if self.data.stuffed {
            Stuffing::Unstuffed
        } else if self.header().iter().chain(self.data.raw).chain([&self.checksum]).any(is_special)
        {
            Stuffing::RawSpecialBytes
        } else {
            Stuffing::None
        }
    }

    /// The frame's bytes between the markers, un-stuffed: header, data, checksum.
    pub fn body(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.header().into_iter().chain(self.data.bytes()).chain([self.checksum])
    }

    pub(super) fn header(&self) -> [u8; DATA_AT] {
        let [c0, c1, c2, c3] = self.counter.to_le_bytes();
        let [l0, l1] = self.data.len.to_le_bytes();
        [c0, c1, c2, c3, self.direction.0, self.op, l0, l1]
    }

    /// The bound frame with this header and these bytes behind it, if it is right as it stands.
    #[inline]
    pub(super) fn decode_plain(header: [u8; DATA_AT], rest: &'a [u8]) -> Option<Self> {
        let [.., l0, l1] = header;
        let (data, end) = rest.split_at_checked(u16::from_le_bytes([l0, l1]).into())?;
        let [checksum, MARK] = end else { return None };
        let plain = Self::as_it_stands(Layout::Bound, header, data, *checksum);
        plain.checksum_valid().then_some(plain)
    }

    /// Decodes the region of a packet from byte 12 to its end.
    pub(super) fn decode(
        kind: PacketType,
        region: &'a [u8],
        mode: ChecksumMode,
    ) -> Result<Self, DecodeError> {
        let (layout, body) = match (kind, region) {
            (_, [MARK]) => (Layout::Bound, &[][..]),
            (_, [MARK, body @ .., MARK]) => (Layout::Bound, body),
            (PacketType::DataChannel, [0, MARK]) => (Layout::BoundPad1, &[][..]),
            (PacketType::DataChannel, [0, MARK, body @ .., MARK]) => (Layout::BoundPad1, body),
            (PacketType::StatusBroadcast, [0, body @ .., MARK]) => (Layout::Unbound, body),
            _ => return Err(DecodeError::MissingMarkers),
        };
        let Some((header, [data @ .., checksum])) = body.split_first_chunk() else {
            return Err(DecodeError::TooShort { have: body.len(), need: OVERHEAD });
        };
        let plain = Self::as_it_stands(layout, *header, data, *checksum);
        if plain.fits() && plain.checksum_valid() {
            return Ok(plain);
        }
        Self::decode_irregular(plain, body, mode)
    }

    /// The candidate in which nothing is stuffed.
    #[inline]
    fn as_it_stands(layout: Layout, header: [u8; DATA_AT], data: &'a [u8], checksum: u8) -> Self {
        let [c0, c1, c2, c3, dir, op, l0, l1] = header;
        Self {
            layout,
            counter: u32::from_le_bytes([c0, c1, c2, c3]),
            direction: Direction(dir),
            op,
            data: FrameData { raw: data, len: u16::from_le_bytes([l0, l1]), stuffed: false },
            checksum,
            computed: sum(data).wrapping_add(op).wrapping_add(l0).wrapping_add(l1),
        }
    }

    /// Whether the length field is right, for a frame as it stands.
    #[inline]
    fn fits(&self) -> bool {
        usize::from(self.data.len) == self.data.raw.len()
    }

    /// The candidate rule (`docs/protocol.md`, section 4), for a body that is not right as it is: stuffed, or broken.
    #[cold]
    fn decode_irregular(
        plain: Self,
        body: &'a [u8],
        mode: ChecksumMode,
    ) -> Result<Self, DecodeError> {
        let unstuffed = Self::decode_stuffed(body, plain.layout);
        let frame = match (plain.fits(), unstuffed) {
            (_, Some(frame)) if frame.checksum_valid() => frame,
            (true, _) => plain,
            (false, Some(frame)) => frame,
            (false, None) => {
                return Err(DecodeError::InvalidLength {
                    have: plain.data.raw.len(),
                    need: usize::from(plain.data.len),
                });
            }
        };
        if frame.checksum_valid() || mode == ChecksumMode::Lenient {
            Ok(frame)
        } else {
            Err(DecodeError::InvalidChecksum { expected: frame.computed, found: frame.checksum })
        }
    }

    /// The un-stuffed candidate; `None` if nothing is stuffed, an escape is unpaired, or the length does not fit.
    fn decode_stuffed(body: &'a [u8], layout: Layout) -> Option<Self> {
        if !body.contains(&ESCAPE) {
            return None;
        }
        let mut rest = Unstuff { raw: body, stuffed: true };
        let mut header = [0; DATA_AT];
        for byte in &mut header {
            *byte = rest.next()?;
        }
        let data = rest.raw;
        let [c0, c1, c2, c3, dir, op, l0, l1] = header;
        let len = u16::from_le_bytes([l0, l1]);
        let mut computed = op.wrapping_add(l0).wrapping_add(l1);
        for _ in 0..len {
            computed = computed.wrapping_add(rest.next()?);
        }
        let raw = data.get(..data.len().checked_sub(rest.raw.len())?)?;
        let checksum = rest.next()?;
        rest.raw.is_empty().then_some(Self {
            layout,
            counter: u32::from_le_bytes([c0, c1, c2, c3]),
            direction: Direction(dir),
            op,
            data: FrameData { raw, len, stuffed: true },
            checksum,
            computed,
        })
    }
}

/// Frames are equal when they say the same; how they were stuffed does not count.
impl PartialEq for Frame<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.layout == other.layout && self.body().eq(other.body())
    }
}

impl Eq for Frame<'_> {}

/// The data of a frame, lent from the packet.
#[derive(Clone, Copy, Debug)]
pub struct FrameData<'a> {
    raw: &'a [u8],
    len: u16,
    stuffed: bool,
}

impl<'a> FrameData<'a> {
    /// Number of bytes, un-stuffed.
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes in one piece, if the sender stuffed nothing (nearly every packet).
    #[inline]
    pub fn as_slice(&self) -> Option<&'a [u8]> {
        (!self.stuffed).then_some(self.raw)
    }

    /// The byte, if there is exactly one: a result's status.
    pub(crate) fn single(&self) -> Option<u8> {
        self.bytes().next().filter(|_| self.len == 1)
    }

    /// The bytes, un-stuffed.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + Clone + use<'a> {
        Unstuff { raw: self.raw, stuffed: self.stuffed }
    }

    /// Writes the bytes into a place that has as many; into a longer one zeros behind them.
    #[inline]
    pub(crate) fn write_to(&self, place: &mut [u8]) {
        match self.as_slice() {
            Some(bytes) if bytes.len() == place.len() => {
                // Unlike `copy_from_slice`, this cannot panic.
                for (to, from) in place.iter_mut().zip(bytes) {
                    *to = *from;
                }
            }
            _ => {
                let mut bytes = self.bytes();
                place.fill_with(|| bytes.next().unwrap_or(0));
            }
        }
    }

    /// The bytes as they are, with nothing stuffed; of more than 65,535 the rest is left out.
    pub(crate) fn plain(bytes: &'a [u8]) -> Self {
        let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        Self { raw: bytes.get(..usize::from(len)).unwrap_or(bytes), len, stuffed: false }
    }

    /// The bytes in one piece: lent if nothing is stuffed, otherwise un-stuffed into `scratch`.
    /// `None` if `scratch` is needed and shorter than [`FrameData::len`].
    pub fn read<'b>(&self, scratch: &'b mut [u8]) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        if let Some(bytes) = self.as_slice() {
            return Some(bytes);
        }
        let out = scratch.get_mut(..self.len())?;
        for (to, from) in out.iter_mut().zip(self.bytes()) {
            *to = from;
        }
        Some(out)
    }
}

#[derive(Clone)]
struct Unstuff<'a> {
    raw: &'a [u8],
    stuffed: bool,
}

impl Iterator for Unstuff<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        match self.raw {
            [ESCAPE, byte, rest @ ..] if self.stuffed => {
                self.raw = rest;
                Some(byte ^ ESCAPE_XOR)
            }
            [ESCAPE] if self.stuffed => None,
            [byte, rest @ ..] => {
                self.raw = rest;
                Some(*byte)
            }
            [] => None,
        }
    }
}

#[inline]
pub(super) const fn is_special(byte: &u8) -> bool {
    matches!(*byte, MARK | ESCAPE)
}

/// Whether a byte of `word` has to be stuffed. Without a way out, so that all eight are compared at once.
#[inline]
pub(super) fn has_special<const N: usize>(word: &[u8; N]) -> bool {
    word.iter().fold(false, |any, byte| any | is_special(byte))
}

/// As [`has_special`], of a word that is in a register anyway.
#[inline]
pub(super) const fn word_has_special(word: u64) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7f * EACH);
    // Of each byte of these the highest bit says whether it is one from `ESCAPE` on, and whether it is one behind `MARK`.
    let (from_escape, behind_mark) = (low + 3 * EACH, low + EACH);
    from_escape & !(behind_mark | word) & (0x80 * EACH) != 0
}

/// The checksum of a frame: operation, length and data, summed modulo 256. Counter and direction are not covered.
///
/// ```
/// assert_eq!(cync_core::wire::checksum(0x8e, &[0x00]), 0x8f);
/// ```
pub fn checksum(op: u8, data: &[u8]) -> u8 {
    let len = u16::try_from(data.len()).unwrap_or(u16::MAX);
    frame_sum(op, len, FrameData { raw: data, len, stuffed: false })
}

fn frame_sum(op: u8, len: u16, data: FrameData<'_>) -> u8 {
    let [l0, l1] = len.to_le_bytes();
    sum(data.raw).wrapping_add(op).wrapping_add(l0).wrapping_add(l1)
}

/// The sum of `bytes` modulo 256. Words of a constant length become vector instructions.
#[inline]
fn sum(bytes: &[u8]) -> u8 {
    let (words, rest) = bytes.as_chunks::<8>();
    let total = words.iter().fold(0, |total: u8, block| total.wrapping_add(sum_block(block)));
    rest.iter().take(7).fold(total, |total, byte| total.wrapping_add(*byte))
}

#[inline]
fn sum_block<const N: usize>(block: &[u8; N]) -> u8 {
    block.iter().fold(0, |total, byte| total.wrapping_add(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_by_words_is_the_sum_by_bytes() {
        let bytes: [u8; 700] = core::array::from_fn(|i| (i * i * 31 + 255) as u8);
        for len in 0..bytes.len() {
            let plain = bytes[..len].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            assert_eq!(sum(&bytes[..len]), plain);
        }
        assert_eq!(sum(&[255; 5000]), (255 * 5000 % 256) as u8);
    }

    #[test]
    fn a_word_has_special_bytes_exactly_if_one_of_its_bytes_is_special() {
        for byte in 0..=u8::MAX {
            for (at, other) in (0..8).flat_map(|at| [0, 0x7c, 0x7f, 0x80, 0xff].map(|it| (at, it)))
            {
                let mut bytes = [other; 8];
                bytes[at] = byte;
                assert_eq!(has_special(&bytes), is_special(&byte), "{bytes:?}");
                let word = u64::from_le_bytes(bytes);
                assert_eq!(word_has_special(word), is_special(&byte), "{bytes:?}");
            }
        }
    }

    #[test]
    fn the_data_of_a_frame_fills_its_place_and_what_is_left_of_that_is_zero() {
        let raw = [1, 2, ESCAPE, 0x5e, 5];
        let stuffed = FrameData { raw: &raw, len: 4, stuffed: true };
        for (data, bytes) in
            [(FrameData::plain(&raw), [1, 2, 0x7d, 0x5e, 5, 0]), (stuffed, [1, 2, 0x7e, 5, 0, 0])]
        {
            for len in [data.len(), 6] {
                let mut place = [9; 6];
                data.write_to(&mut place[..len]);
                assert_eq!((&place[..len], &place[len..]), (&bytes[..len], &[9; 6][len..]));
            }
        }
    }

    #[test]
    fn compensating_changes_pass_the_checksum() {
        let frame = Frame::request(1, 0xd0, &[1, 2, 3]);
        let forged = Frame::request(9, 0xd0, &[3, 2, 1]);
        assert_eq!(frame.checksum(), forged.checksum());
    }
}
