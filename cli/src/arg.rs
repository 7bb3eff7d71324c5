//! Values on the command line that every subcommand spells alike.

use cync_core::wire::{Endpoint, Rgb, ValueError};
use cync_sim::DropPattern;
use std::num::NonZeroU16;
use std::time::Duration;
use thiserror::Error;

/// Why a value on the command line is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub(crate) enum ArgError {
    #[error(
        "not an endpoint: write 0x and up to eight hex digits, exactly eight hex digits, or a \
         decimal number up to 4294967295"
    )]
    Endpoint,
    #[error("not a number from 0 to {max}: write it in decimal, or in hex with 0x")]
    Number { max: u32 },
    #[error("not a number: write it in decimal, or in hex with 0x")]
    NoNumber,
    #[error(transparent)]
    OutOfRange(#[from] ValueError),
    #[error("not a colour: write six hex digits, two each for red, green and blue, as in 00fbff")]
    Rgb,
    #[error("not a port: write a number from 0 to 65535")]
    Port,
    #[error("not a port to dial: write a number from 1 to 65535")]
    PortToDial,
    #[error("not a number from 1 to 65535: the first transmission counts, too")]
    Attempts,
    #[error(
        "not commands: write their numbers, counted from 1, as in 1,6,11, or the first and how far \
         apart they are, as in 1/5"
    )]
    DropPattern,
}

/// An endpoint: `0x` and hex digits, exactly eight hex digits, otherwise decimal.
///
/// Logs and packets show an endpoint as eight hex digits, so those are hex even if all of them are decimal digits.
pub(crate) fn endpoint(text: &str) -> Result<Endpoint, ArgError> {
    let value = match text.len() {
        8 if text.bytes().all(|byte| byte.is_ascii_hexdigit()) => parse(text, 16),
        _ => number(text),
    };
    value.map(Endpoint).ok_or(ArgError::Endpoint)
}

/// A number of 32 bits, in decimal or with `0x` in hex.
pub(crate) fn u32(text: &str) -> Result<u32, ArgError> {
    number(text).ok_or(ArgError::Number { max: u32::MAX })
}

/// A number of 16 bits, in decimal or with `0x` in hex.
pub(crate) fn u16(text: &str) -> Result<u16, ArgError> {
    number(text)
        .and_then(|value| u16::try_from(value).ok())
        .ok_or(ArgError::Number { max: u16::MAX.into() })
}

/// A value of the protocol, which knows its range itself.
pub(crate) fn value<T: TryFrom<u32, Error = ValueError>>(text: &str) -> Result<T, ArgError> {
    Ok(T::try_from(number(text).ok_or(ArgError::NoNumber)?)?)
}

/// A colour: six hex digits.
pub(crate) fn rgb(text: &str) -> Result<Rgb, ArgError> {
    let number = (text.len() == 6).then(|| parse(text, 16)).flatten().ok_or(ArgError::Rgb)?;
    let [_, r, g, b] = number.to_be_bytes();
    Ok(Rgb([r, g, b]))
}

/// A port to dial.
pub(crate) fn port_to_dial(text: &str) -> Result<u16, ArgError> {
    u16(text).ok().filter(|port| *port > 0).ok_or(ArgError::PortToDial)
}

/// A port to listen on; 0 is any free one.
pub(crate) fn port(text: &str) -> Result<u16, ArgError> {
    u16(text).map_err(|_| ArgError::Port)
}

/// How often something may be tried.
pub(crate) fn attempts(text: &str) -> Result<NonZeroU16, ArgError> {
    u16(text).ok().and_then(NonZeroU16::new).ok_or(ArgError::Attempts)
}

/// Commands that lose their first transmission: `1,6,11`, or `1/5` for the first and every fifth behind it.
pub(crate) fn drop_pattern(text: &str) -> Result<DropPattern, ArgError> {
    let nth = |text: &str| number(text).filter(|nth| *nth > 0).map(u64::from);
    let pattern = match text.split_once('/') {
        Some((first, every)) => {
            nth(first).zip(nth(every)).map(|(first, every)| DropPattern::Every { first, every })
        }
        None => text.split(',').map(nth).collect::<Option<_>>().map(DropPattern::List),
    };
    pattern.ok_or(ArgError::DropPattern)
}

/// A length of time with its unit: `30ms`, `5s`, `1s 500ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "not a length of time: write a number and its unit, such as 30ms or 5s".into())
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => parse(digits, 16),
        None => parse(text, 10),
    }
}

/// `from_str_radix` alone would take a sign.
fn parse(digits: &str, radix: u32) -> Option<u32> {
    digits
        .chars()
        .all(|digit| digit.is_digit(radix))
        .then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_hex_digits_or_0x_are_hex_and_the_rest_is_decimal() {
        for (text, value) in [
            ("2de4b5d2", 0x2de4_b5d2),
            ("12345678", 0x1234_5678),
            ("0x10", 0x10),
            ("0XfF", 0xff),
            ("1234567", 1_234_567),
            ("123456789", 123_456_789),
            ("4294967295", u32::MAX),
            ("0", 0),
        ] {
            assert_eq!(endpoint(text), Ok(Endpoint(value)), "{text}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in ["", "0x", "+1234567", "-1", "4294967296", "0x100000000", "2de4b5d", "1 2"] {
            assert_eq!(endpoint(text), Err(ArgError::Endpoint), "{text}");
        }
    }

    #[test]
    fn a_colour_is_six_hex_digits() {
        assert_eq!(rgb("00fBff"), Ok(Rgb([0, 0xfb, 0xff])));
        for text in ["", "00fbf", "00fbfff", "0x00fb", "+0fbff", "00fbfg", "00fbé"] {
            assert_eq!(rgb(text), Err(ArgError::Rgb), "{text}");
        }
    }

    #[test]
    fn commands_are_listed_or_given_by_the_first_and_their_distance() {
        let listed = [("1,6,11", vec![1, 6, 11]), ("7", vec![7]), ("3,3,2", vec![2, 3])];
        for (text, numbers) in listed {
            let list = DropPattern::List(numbers.into_iter().collect());
            assert_eq!(drop_pattern(text), Ok(list), "{text}");
        }
        assert_eq!(drop_pattern("1/5"), Ok(DropPattern::Every { first: 1, every: 5 }));
        for text in ["", ",", "0", "1,0", "1,", "0/5", "1/0", "1/", "/5", "1/5/2", "1 6", "-1", "x"]
        {
            assert_eq!(drop_pattern(text), Err(ArgError::DropPattern), "{text}");
        }
    }

    #[test]
    fn a_value_out_of_its_range_is_the_error_of_the_value() {
        use cync_core::wire::MeshId;
        let error = MeshId::try_from(300).unwrap_err();
        assert_eq!(value::<MeshId>("0x12c"), Err(ArgError::OutOfRange(error)));
        assert_eq!(value::<MeshId>("254"), Ok(MeshId::MAX));
        assert_eq!(value::<MeshId>("4294967296"), Err(ArgError::NoNumber));
        assert_eq!(value::<MeshId>("-1"), Err(ArgError::NoNumber));
    }

    #[test]
    fn numbers_keep_their_range() {
        assert_eq!(u16("0x1537"), Ok(0x1537));
        assert_eq!(u16("65536"), Err(ArgError::Number { max: 65535 }));
        assert_eq!(u32("0xffffffff"), Ok(u32::MAX));
    }
}
