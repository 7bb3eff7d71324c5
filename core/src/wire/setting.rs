use super::{IndicatorBrightness, IndicatorColour, IndicatorMode};

/// What a wall switch does with its load.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum SwitchMode {
    /// It cuts the current.
    Traditional,
    /// The current stays on, and smart lamps are told what to do.
    Smart,
}

impl SwitchMode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::Traditional, Self::Smart];

    /// `traditional` or `smart`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traditional => "traditional",
            Self::Smart => "smart",
        }
    }

    /// The mode with this [name](Self::name).
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Traditional => 1,
            Self::Smart => 2,
        }
    }

    pub(super) const fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Traditional),
            2 => Some(Self::Smart),
            _ => None,
        }
    }
}

/// The little light of a wall switch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Indicator {
    /// When it shines.
    pub mode: IndicatorMode,
    /// Its colour.
    pub colour: IndicatorColour,
    /// How bright it is.
    pub brightness: IndicatorBrightness,
    /// Whether it blinks while the device has no network.
    pub wifi_blink: bool,
}

impl Indicator {
    /// ```text
    /// mode : 4, colour : 4 | brightness | blink
    /// ```
    pub(super) const fn bytes(self) -> [u8; 3] {
        let Self { mode, colour, brightness, wifi_blink } = self;
        [mode.get() << 4 | colour.get(), brightness.get(), wifi_blink as u8]
    }

    pub(super) fn parse([shine, brightness, blink]: [u8; 3]) -> Option<Self> {
        Some(Self {
            mode: IndicatorMode::new(shine >> 4).ok()?,
            colour: IndicatorColour::new(shine & 0x0f).ok()?,
            brightness: IndicatorBrightness::new(brightness).ok()?,
            wifi_blink: flag(blink)?,
        })
    }
}

/// A byte that is 0 or 1.
pub(super) const fn flag(byte: u8) -> Option<bool> {
    match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}
