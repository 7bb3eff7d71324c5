use std::fmt;
use std::str::FromStr;

/// A probability in parts per million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Ppm(u32);

impl Ppm {
    /// Never.
    pub const ZERO: Self = Self(0);
    const ONE: u32 = 1_000_000;

    /// So many parts per million; `None` above a million.
    pub const fn new(parts: u32) -> Option<Self> {
        if parts <= Self::ONE { Some(Self(parts)) } else { None }
    }

    /// Parts per million.
    pub const fn parts(self) -> u32 {
        self.0
    }

    /// Whether `hash`, evenly distributed, falls within the probability.
    pub const fn hits(self, hash: u64) -> bool {
        // The upper half of hash times a million is evenly distributed below a million.
        (((hash >> 32) * Self::ONE as u64) >> 32) < self.0 as u64
    }
}

/// A rate that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RateError(String);

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a rate: write 20%, 0.5% or a number from 0 to 1, such as 0.2",
            self.0
        )
    }
}

impl std::error::Error for RateError {}

/// Reads `20%`, `0.5%` or `0.2`, to the millionth.
impl FromStr for Ppm {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (number, unit) = match text.strip_suffix('%') {
            Some(number) => (number, 10_000),
            None => (text, Self::ONE),
        };
        let parts = || -> Option<u32> {
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            if whole.is_empty() && fraction.is_empty() || !digits(whole) || !digits(fraction) {
                return None;
            }
            let mut parts = if whole.is_empty() { 0 } else { whole.parse::<u32>().ok()? };
            parts = parts.checked_mul(unit)?;
            let mut place = unit;
            for digit in fraction.bytes() {
                place /= 10;
                parts = parts.checked_add(u32::from(digit - b'0') * place)?;
            }
            Some(parts)
        };
        parts().and_then(Self::new).ok_or_else(|| RateError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Ppm {
        text.parse().unwrap()
    }

    #[test]
    fn rates_are_read_as_percentages_and_as_fractions() {
        for (text, parts) in [
            ("20%", 200_000),
            ("0.2", 200_000),
            ("0.5%", 5_000),
            (".5", 500_000),
            ("1", 1_000_000),
            ("100%", 1_000_000),
            ("0", 0),
            ("0.0000001", 0),
        ] {
            assert_eq!(rate(text).parts(), parts, "{text}");
        }
        for text in ["", "%", ".", "20", "1.1", "100.1%", "-1%", "x", "1e-1", "5000%", "١%"] {
            assert!(text.parse::<Ppm>().is_err(), "{text}");
        }
    }
}
