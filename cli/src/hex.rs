use std::fmt::Write;
use thiserror::Error;

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn encode(bytes: impl IntoIterator<Item = u8>) -> String {
    bytes.into_iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Why text is not bytes in hexadecimal. It never repeats the digits: they may be a secret's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub(crate) enum HexError {
    #[error(
        "byte {at} of the hex is no hex digit; use 0-9 and a-f, blanks or colons between bytes"
    )]
    NotADigit { at: usize },
    #[error("an odd number of hex digits ({digits}); write each byte with two digits")]
    Odd { digits: usize },
}

/// Reads hexadecimal digits, in either case, with blanks and colons anywhere between them.
pub(crate) fn decode(text: &[u8]) -> Result<Vec<u8>, HexError> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (at, byte) in text.iter().enumerate() {
        if byte.is_ascii_whitespace() || *byte == b':' {
            continue;
        }
        let Some(digit) = digit(*byte) else { return Err(HexError::NotADigit { at: at + 1 }) };
        high = match high {
            None => Some(digit),
            Some(high) => {
                bytes.push(high << 4 | digit);
                None
            }
        };
    }
    match high {
        None => Ok(bytes),
        Some(_) => Err(HexError::Odd { digits: 2 * bytes.len() + 1 }),
    }
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_colons_do_not_count() {
        assert_eq!(decode(b" d3:00 00\t00:00\r"), Ok(vec![0xd3, 0, 0, 0, 0]));
        assert_eq!(encode([0xd3, 0, 0x0a]), "d3000a");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_digits() {
        assert_eq!(decode(b"d30"), Err(HexError::Odd { digits: 3 }));
        assert_eq!(decode(b"d3 0g"), Err(HexError::NotADigit { at: 5 }));
    }
}
