//! Bytes to frames and back.

use super::{HEADER_LEN, MAGIC, MAX_PAYLOAD, VERSION};
use crate::error::TooSmall;
use thiserror::Error;

/// Why bytes are not a frame, or a payload does not fit one (`docs/protocol.md`, section 10).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum LabError {
    /// A byte of the magic is wrong: another protocol, or a stream out of step.
    #[error("not a laboratory frame: byte {at} is {found:#04x}")]
    BadMagic {
        /// Which byte of the frame, from 0.
        at: usize,
        /// What it is.
        found: u8,
    },
    /// A version that is not known.
    #[error("laboratory frame of unknown version {0}")]
    Version(u8),
    /// A payload above [`MAX_PAYLOAD`].
    #[error("a payload of {len} bytes is longer than the limit of {MAX_PAYLOAD}")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
    },
}

/// What the bytes at hand are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decoded<'a> {
    /// They start with a whole frame.
    Complete {
        /// The frame.
        frame: Frame<'a>,
        /// Its length in bytes; what follows was not looked at.
        len: usize,
    },
    /// All of them belong to a frame that is not whole.
    Incomplete {
        /// Bytes that are missing at least; as long as the length is not known, those of the header.
        missing: usize,
    },
}

/// One frame, borrowing its payload.
///
/// ```
/// use cync_core::lab::{Decoded, Frame};
///
/// let mut out = [0; 16];
/// let len = Frame::new(b"{}")?.encode(&mut out)?;
/// assert_eq!(out[..len], *b"\xf0\x0d\x01\0\0\0\x02{}");
/// assert_eq!(Frame::decode(&out[..5])?, Decoded::Incomplete { missing: 2 });
/// assert_eq!(Frame::decode(&out)?, Decoded::Complete { frame: Frame::new(b"{}")?, len });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A frame of this payload.
    ///
    /// # Errors
    /// [`LabError::TooLarge`] above [`MAX_PAYLOAD`].
    pub const fn new(payload: &'a [u8]) -> Result<Self, LabError> {
        if payload.len() > MAX_PAYLOAD {
            return Err(LabError::TooLarge { len: payload.len() });
        }
        Ok(Self { payload })
    }

    /// The payload: JSON, unless the sender has other ideas; the codec does not look into it.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Decodes the frame at the front of `bytes`, which are all that came of a stream and was not used yet. After
    /// [`Decoded::Incomplete`] call it again with the same bytes and more behind them; a frame never needs more than
    /// [`MAX_FRAME`](super::MAX_FRAME).
    ///
    /// # Errors
    /// The first thing that is wrong, as soon as it is there to be seen. The stream is then of no more use.
    pub fn decode(bytes: &'a [u8]) -> Result<Decoded<'a>, LabError> {
        for (at, (&found, expected)) in bytes.iter().zip(MAGIC).enumerate() {
            if found != expected {
                return Err(LabError::BadMagic { at, found });
            }
        }
        if let Some(&version) = bytes.get(MAGIC.len())
            && version != VERSION
        {
            return Err(LabError::Version(version));
        }
        let Some((&[_, _, _, l0, l1, l2, l3], rest)) = bytes.split_first_chunk::<HEADER_LEN>()
        else {
            return Ok(Decoded::Incomplete { missing: HEADER_LEN.saturating_sub(bytes.len()) });
        };
        let declared = u32::from_be_bytes([l0, l1, l2, l3]);
        let len = usize::try_from(declared).unwrap_or(usize::MAX);
        if len > MAX_PAYLOAD {
            return Err(LabError::TooLarge { len });
        }
        Ok(match rest.get(..len) {
            Some(payload) => {
                Decoded::Complete { frame: Self { payload }, len: HEADER_LEN.saturating_add(len) }
            }
            None => Decoded::Incomplete { missing: len.saturating_sub(rest.len()) },
        })
    }

    /// Writes the frame into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// Says how many bytes `out` needs; its contents are then of no use.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, TooSmall> {
        let mut to = Writer::new(out);
        to.put_header(self.payload.len());
        to.put(self.payload);
        to.finish()
    }
}

/// Writes into a caller's buffer. Bytes that do not fit are counted, so that the error can say how many are needed.
pub(super) struct Writer<'o> {
    out: &'o mut [u8],
    at: usize,
}

impl<'o> Writer<'o> {
    pub(super) fn new(out: &'o mut [u8]) -> Self {
        Self { out, at: 0 }
    }

    /// The header of a frame whose payload has `len` bytes, at most [`MAX_PAYLOAD`].
    pub(super) fn put_header(&mut self, len: usize) {
        self.put(&MAGIC);
        self.put(&[VERSION]);
        self.put(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        // In two steps, from which the compiler sees that the lengths are equal.
        let rest = self.out.get_mut(self.at..);
        if let Some(room) = rest.and_then(|rest| rest.get_mut(..bytes.len())) {
            room.copy_from_slice(bytes);
        }
        self.at = self.at.saturating_add(bytes.len());
    }

    /// Bytes put so far, whether they fit or not.
    pub(super) const fn len(&self) -> usize {
        self.at
    }

    pub(super) const fn finish(self) -> Result<usize, TooSmall> {
        let have = self.out.len();
        if self.at > have {
            return Err(TooSmall { needed: self.at, have });
        }
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_FRAME;
    use super::*;

    fn frame(payload: &[u8]) -> Frame<'_> {
        Frame::new(payload).unwrap()
    }

    #[test]
    fn a_frame_is_magic_version_length_and_payload() {
        let mut out = [0xaa; 10];
        assert_eq!(frame(b"ab").encode(&mut out), Ok(9));
        assert_eq!(out, [0xf0, 0x0d, 1, 0, 0, 0, 2, b'a', b'b', 0xaa]);
    }

    #[test]
    fn bytes_behind_a_frame_are_left_alone() {
        let bytes = b"\xf0\x0d\x01\0\0\0\x01xrest";
        assert_eq!(Frame::decode(bytes), Ok(Decoded::Complete { frame: frame(b"x"), len: 8 }));
    }

    #[test]
    fn what_is_missing_is_counted_first_of_the_header_then_of_the_payload() {
        let bytes = b"\xf0\x0d\x01\0\0\0\x03abc";
        let missing = [7, 6, 5, 4, 3, 2, 1, 3, 2, 1];
        for (have, missing) in missing.into_iter().enumerate() {
            assert_eq!(Frame::decode(&bytes[..have]), Ok(Decoded::Incomplete { missing }));
        }
        assert_eq!(Frame::decode(bytes), Ok(Decoded::Complete { frame: frame(b"abc"), len: 10 }));
    }

    #[test]
    fn an_empty_payload_is_a_frame() {
        let bytes = b"\xf0\x0d\x01\0\0\0\0";
        assert_eq!(Frame::decode(bytes), Ok(Decoded::Complete { frame: frame(b""), len: 7 }));
    }

    #[test]
    fn a_wrong_byte_is_reported_as_soon_as_it_is_there() {
        assert_eq!(Frame::decode(&[0x23]), Err(LabError::BadMagic { at: 0, found: 0x23 }));
        assert_eq!(Frame::decode(&[0xf0, 0xf0]), Err(LabError::BadMagic { at: 1, found: 0xf0 }));
        assert_eq!(Frame::decode(&[0xf0, 0x0d, 2]), Err(LabError::Version(2)));
    }

    #[test]
    fn the_longest_payload_is_taken_and_one_more_byte_is_refused_by_its_header_alone() {
        let longest = [7; MAX_PAYLOAD];
        let mut out = [0; MAX_FRAME];
        assert_eq!(frame(&longest).encode(&mut out), Ok(MAX_FRAME));
        let whole = Decoded::Complete { frame: frame(&longest), len: MAX_FRAME };
        assert_eq!(Frame::decode(&out), Ok(whole));
        let too_large = Err(LabError::TooLarge { len: 4097 });
        assert_eq!(Frame::decode(b"\xf0\x0d\x01\0\0\x10\x01"), too_large);
        assert_eq!(
            Frame::new(&[7; MAX_PAYLOAD + 1]).map(|_| Decoded::Incomplete { missing: 0 }),
            too_large
        );
    }

    #[test]
    fn an_output_that_is_too_small_is_told_what_is_needed() {
        let error = Err(TooSmall { needed: 9, have: 8 });
        assert_eq!(frame(b"ab").encode(&mut [0; 8]), error);
        assert_eq!(frame(b"ab").encode(&mut []), Err(TooSmall { needed: 9, have: 0 }));
    }
}
