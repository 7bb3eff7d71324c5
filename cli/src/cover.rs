//! Authentication codes in a byte stream, however it is cut.

use cync_core::wire::{HANDSHAKE_VERSION, PacketType, mask_secrets};

/// Header, version, endpoint and the length of the code.
const BEFORE_CODE: usize = 12;
/// What a greeting declares without its code.
const OVERHEAD: usize = 10;
const STAR: u8 = b'*';

/// Covers the authentication codes in one stream with stars.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cover {
    /// The last bytes of the stream.
    last: [u8; BEFORE_CODE],
    /// Bytes of a code that are still to come.
    left: usize,
}

impl Cover {
    /// Covers the next part of the stream: a whole packet, bytes between packets, or what is left of a packet. Returns whether
    /// it covered anything.
    ///
    /// A code is found in a greeting that stands at the front of a part, whatever is wrong with it, and in whatever looks like
    /// a greeting elsewhere, even if it began in an earlier part.
    pub(crate) fn apply(&mut self, part: &mut [u8]) -> bool {
        let original = part.to_vec();
        mask_secrets(part);
        for (byte, shown) in original.iter().zip(part.iter_mut()) {
            if self.left > 0 {
                self.left -= 1;
                *shown = STAR;
            }
            self.last.rotate_left(1);
            if let Some(last) = self.last.last_mut() {
                *last = *byte;
            }
            self.left = self.left.max(self.code_len().unwrap_or(0));
        }
        original != part
    }

    /// Bytes that nobody shows have gone by.
    pub(crate) fn pass(&mut self, bytes: u64) {
        if bytes > 0 {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            *self = Self { left: self.left.saturating_sub(bytes), ..Self::default() };
        }
    }

    /// Whether what comes next may be of a code: it is one, or the last bytes may be the beginning of a greeting.
    pub(crate) fn is_within(&self) -> bool {
        let begins = |tail: &[u8]| {
            let [kind, rest @ ..] = tail else { return false };
            let greets = PacketType::from_byte(*kind).is_some_and(PacketType::carries_secret);
            greets
                && rest.iter().take(2).all(|byte| *byte == 0)
                && rest.get(4).is_none_or(|version| *version == HANDSHAKE_VERSION)
        };
        self.left > 0 || (1..BEFORE_CODE).any(|at| self.last.get(at..).is_some_and(begins))
    }

    /// The length of the code, if one begins here.
    fn code_len(&self) -> Option<usize> {
        let [kind, 0, 0, l2, l3, HANDSHAKE_VERSION, _, _, _, _, k0, k1] = self.last else {
            return None;
        };
        let code = usize::from(u16::from_be_bytes([k0, k1]));
        let declared = usize::from(u16::from_be_bytes([l2, l3]));
        let greets = PacketType::from_byte(kind).is_some_and(PacketType::carries_secret);
        (greets && declared == OVERHEAD + code).then_some(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting() -> Vec<u8> {
        let head = [0x23, 0, 0, 0, 26, 3, 0, 0, 0, 1, 0, 16];
        [&head[..], b"canary-auth-code", &[0, 0, 60]].concat()
    }

    fn covered() -> Vec<u8> {
        let mut covered = greeting();
        covered[12..28].fill(b'*');
        covered
    }

    #[test]
    fn a_code_is_covered_however_its_stream_is_cut() {
        let stream = [&[9; 7], &greeting()[..], &[9; 7]].concat();
        let expected = [&[9; 7], &covered()[..], &[9; 7]].concat();
        for cut in 1..stream.len() {
            let mut shown = stream.clone();
            let mut cover = Cover::default();
            shown.chunks_mut(cut).for_each(|part| {
                cover.apply(part);
            });
            // A part that begins with the greeting and is cut short is covered to its end.
            let agrees = |(shown, expected)| shown == expected || shown == STAR;
            assert!(shown.iter().copied().zip(expected.iter().copied()).all(agrees), "{cut}");
            assert!(
                !shown.windows(4).any(|four| b"canary-auth-code".windows(4).any(|it| it == four))
            );
        }
    }

    #[test]
    fn a_code_that_pretends_to_hold_a_greeting_hides_nothing_of_the_next_one() {
        let mut pretended = greeting();
        pretended.truncate(12);
        let mut stream = [pretended, greeting()].concat();
        assert!(Cover::default().apply(&mut stream));
        assert!(stream[24..40].iter().all(|byte| *byte == STAR), "{stream:?}");
    }

    #[test]
    fn what_has_no_code_stays() {
        let mut bytes = [0x7b, 0, 0, 0, 7, 0x45, 0x88, 0x0f, 0x3a, 0, 0x10, 0];
        assert!(!Cover::default().apply(&mut bytes));
        assert_eq!(bytes[..6], [0x7b, 0, 0, 0, 7, 0x45]);
    }
}
