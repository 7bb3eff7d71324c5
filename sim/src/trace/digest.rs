use cync_core::mix;

/// What the lines of a trace come to: it shows whether somebody changed one, which a session need not notice.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Digest(u64);

impl Digest {
    /// One more line, without its end.
    pub(super) fn line(&mut self, line: &[u8]) {
        self.word(line.len() as u64);
        for word in line.chunks(8) {
            self.word(word.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    const fn word(&mut self, word: u64) {
        self.0 = mix(self.0 ^ word).wrapping_add(self.0.rotate_left(23));
    }

    pub(super) fn text(self) -> String {
        format!("{:016x}", self.0)
    }
}
