use core::ops::BitOr;

/// What of a device a command sets: a set of attributes.
///
/// Of two commands for the same device, the newer one makes the older one stale if they have an attribute in common.
///
/// ```
/// use cync_core::wire::Attributes;
///
/// let both = Attributes::POWER | Attributes::BRIGHTNESS;
/// assert!(both.intersects(Attributes::POWER));
/// assert!(!both.intersects(Attributes::COLOUR));
/// assert!(!Attributes::NONE.intersects(Attributes::NONE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Attributes(u8);

impl Attributes {
    /// Nothing: the command asks, or it sets what has no state that a later command replaces.
    pub const NONE: Self = Self(0);
    /// On or off.
    pub const POWER: Self = Self(1);
    /// How bright.
    pub const BRIGHTNESS: Self = Self(1 << 1);
    /// White temperature, colour or effect: of these a device has one at a time, so that they replace each other.
    pub const COLOUR: Self = Self(1 << 2);

    /// The attributes of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets have an attribute in common.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Attributes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}
