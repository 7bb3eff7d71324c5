use core::fmt;
use thiserror::Error;

/// A value that the wire has no room for, and the range that it has.
///
/// ```
/// use cync_core::wire::Brightness;
///
/// let error = Brightness::new(101).unwrap_err();
/// assert_eq!(error.to_string(), "brightness 101 is out of range: 0 to 100");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
#[error("{field} {value} is out of range: {min} to {max}")]
pub struct ValueError {
    /// What the value is of.
    pub field: &'static str,
    /// The value.
    pub value: u32,
    /// The least that is allowed.
    pub min: u32,
    /// The greatest that is allowed.
    pub max: u32,
}

/// A number between two others, both included.
macro_rules! ranged {
    ($(#[$doc:meta])* $name:ident($int:ty): $field:literal $min:literal to $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name($int);

        impl $name {
            /// The least.
            pub const MIN: Self = Self($min);
            /// The greatest.
            pub const MAX: Self = Self($max);

            /// The value, if it is in range.
            ///
            /// # Errors
            #[doc = concat!("If it is not ", $min, " to ", $max, ".")]
            pub const fn new(value: $int) -> Result<Self, ValueError> {
                match value {
                    $min..=$max => Ok(Self(value)),
                    _ => Err(Self::refuse(value as u32)),
                }
            }

            /// The number.
            pub const fn get(self) -> $int {
                self.0
            }

            const fn refuse(value: u32) -> ValueError {
                ValueError { field: $field, value, min: $min, max: $max }
            }
        }

        impl TryFrom<u32> for $name {
            type Error = ValueError;

            fn try_from(value: u32) -> Result<Self, ValueError> {
                <$int>::try_from(value).map_or(Err(Self::refuse(value)), Self::new)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

ranged! {
    /// The number of a device in its mesh.
    MeshId(u8): "device" 1 to 254
}
ranged! {
    /// The number of one outlet of a device that has several, or of one gang of a switch.
    Outlet(u8): "outlet" 1 to 126
}
ranged! {
    /// The number of a group.
    Group(u16): "group" 0 to 32766
}
ranged! {
    /// How bright, in percent.
    Brightness(u8): "brightness" 0 to 100
}
ranged! {
    /// How bright, in tenths of a percent.
    Level(u16): "level" 0 to 1000
}
ranged! {
    /// A white on the device's own scale.
    ///
    /// Whether 0 is the warm or the cool end is not known: it cannot be told from recordings, and other implementations
    /// disagree. Most of them take 0 for warm, 2000 K, and 100 for cool, 7000 K.
    Temperature(u8): "temperature" 0 to 100
}
ranged! {
    /// When a switch's indicator shines; the meaning of the numbers is not known.
    IndicatorMode(u8): "indicator mode" 0 to 15
}
ranged! {
    /// A switch's indicator colour; the meaning of the numbers is not known.
    IndicatorColour(u8): "indicator colour" 0 to 15
}
ranged! {
    /// How bright a switch's indicator is, in percent.
    IndicatorBrightness(u8): "indicator brightness" 1 to 100
}

/// Red, green and blue, each 0 to 255.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rgb(pub [u8; 3]);

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::Hex(&self.0).fmt(f)
    }
}

/// What a lamp shines with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Colour {
    /// A white.
    White(Temperature),
    /// A colour.
    Rgb(Rgb),
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::White(white) => write!(f, "white {white}"),
            Self::Rgb(rgb) => write!(f, "rgb {rgb}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;
    use std::format;

    fn is_exactly<T>(min: u32, max: u32, get: fn(T) -> u32)
    where
        T: TryFrom<u32, Error = ValueError> + Debug + PartialEq,
    {
        for value in (0..=0x1_0001).chain([u32::MAX]) {
            match T::try_from(value) {
                Ok(made) => assert_eq!((true, get(made)), ((min..=max).contains(&value), value)),
                Err(error) => {
                    assert!(!(min..=max).contains(&value), "{error}");
                    assert_eq!((error.value, error.min, error.max), (value, min, max));
                }
            }
        }
    }

    #[test]
    fn a_value_is_taken_exactly_if_it_is_in_range_and_the_error_says_the_range() {
        is_exactly::<MeshId>(1, 254, |value| value.get().into());
        is_exactly::<Outlet>(1, 126, |value| value.get().into());
        is_exactly::<Group>(0, 0x7ffe, |value| value.get().into());
        is_exactly::<Brightness>(0, 100, |value| value.get().into());
        is_exactly::<Level>(0, 1000, |value| value.get().into());
        is_exactly::<Temperature>(0, 100, |value| value.get().into());
        is_exactly::<IndicatorMode>(0, 15, |value| value.get().into());
        is_exactly::<IndicatorColour>(0, 15, |value| value.get().into());
        is_exactly::<IndicatorBrightness>(1, 100, |value| value.get().into());
    }

    #[test]
    fn an_error_names_what_is_out_of_range() {
        for (error, says) in [
            (MeshId::new(0).unwrap_err(), "device 0 is out of range: 1 to 254"),
            (Outlet::new(127).unwrap_err(), "outlet 127 is out of range: 1 to 126"),
            (Group::new(u16::MAX).unwrap_err(), "group 65535 is out of range: 0 to 32766"),
            (Level::try_from(70_000).unwrap_err(), "level 70000 is out of range: 0 to 1000"),
            (
                IndicatorBrightness::new(0).unwrap_err(),
                "indicator brightness 0 is out of range: 1 to 100",
            ),
        ] {
            assert_eq!(format!("{error}"), says);
        }
    }
}
