//! Bytes as text, without the authentication code.

use crate::CANARY;
use std::ops::Range;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A part of a packet in hexadecimal. Of the authentication code, wherever in the packet it is, every byte is a star and the
/// byte's place in the code: so it can be told which bytes of it are in the part.
pub(crate) fn hide(packet: &[u8], part: Range<usize>) -> String {
    let code = packet.windows(CANARY.len()).position(|bytes| bytes == CANARY);
    let mut text = String::with_capacity(2 * part.len());
    for (at, byte) in packet.iter().enumerate().take(part.end).skip(part.start) {
        let place = code.and_then(|code| at.checked_sub(code)).filter(|at| *at < CANARY.len());
        match place {
            Some(place) => text.extend(['*', digit(place)]),
            None => text.extend([digit(usize::from(byte >> 4)), digit(usize::from(byte & 15))]),
        }
    }
    text
}

fn digit(value: usize) -> char {
    DIGITS.get(value).map_or('?', |digit| char::from(*digit))
}

/// The bytes that a text from [`hide`] stands for.
pub(super) fn show(text: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| DIGITS.iter().position(|known| *known == digit);
    let mut pairs = text.as_bytes().chunks_exact(2);
    let bytes = pairs
        .by_ref()
        .map(|pair| match pair {
            [b'*', place] => CANARY.get(value(*place)?).copied(),
            [high, low] => u8::try_from(value(*high)? << 4 | value(*low)?).ok(),
            _ => None,
        })
        .collect();
    if pairs.remainder().is_empty() { bytes } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_hidden_wherever_a_packet_is_cut_and_comes_back() {
        let packet = [&[0x23, 0, 0, 0, 0x1a, 3][..], CANARY, &[0, 0, 60]].concat();
        let whole = hide(&packet, 0..packet.len());
        assert_eq!(whole, "230000001a03*0*1*2*3*4*5*6*7*8*9*a*b*c*d*e*f00003c");
        for cut in 0..=packet.len() {
            let parts = hide(&packet, 0..cut) + &hide(&packet, cut..packet.len());
            assert_eq!(parts, whole);
        }
        assert_eq!(show(&whole), Some(packet));
    }

    #[test]
    fn what_is_no_hexadecimal_is_nothing() {
        for text in ["0", "0g", "G0", "**", "*", "é", "0*"] {
            assert_eq!(show(text), None, "{text}");
        }
        assert_eq!(show("00ff"), Some(vec![0, 255]));
    }
}
