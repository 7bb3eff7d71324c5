use core::fmt;

/// A party's id: a device, or an account. Big-endian on the wire (`docs/protocol.md`, section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Endpoint(pub u32);

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The message number at bytes 9 and 10 of a packet, big-endian (`docs/protocol.md`, section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct MsgId(pub u16);

impl fmt::Display for MsgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

/// A status byte in an answer or a result: zero is done, anything else is a refusal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct StatusCode(pub u8);

impl StatusCode {
    /// Accepted, or done.
    pub const OK: Self = Self(0);

    /// Whether this is the one status that is not a refusal.
    #[inline]
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

/// An authentication code. It has no `Debug` and no `Display`, so that it cannot reach a log by accident.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret<'a>(&'a [u8]);

impl<'a> Secret<'a> {
    /// Wraps the bytes of an authentication code.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether it is this code. It takes as long for a wrong one as for the right one of the same length, so that nobody finds
    /// it out byte by byte.
    pub fn matches(&self, code: &[u8]) -> bool {
        let differs = self.0.iter().zip(code).fold(0, |all, (one, other)| all | (one ^ other));
        core::hint::black_box(differs) == 0 && self.0.len() == code.len()
    }

    /// The code itself; for sending only. To compare it there is [`Secret::matches`].
    pub const fn expose(&self) -> &'a [u8] {
        self.0
    }

    /// Its length in bytes, which is no secret.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no bytes at all.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
