use core::fmt;

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
    /// As in [`StatusAnnouncement::color_mode`](super::StatusAnnouncement::color_mode); 255 is none.
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
