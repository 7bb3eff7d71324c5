//! What tells one state of a session from another: what its derived `Debug` writes, hashed.

use std::fmt::{self, Debug, Write};
use std::hash::{DefaultHasher, Hasher};

/// Fields that decide nothing here. Without them far more states are the same.
pub(crate) const REPORTS: &[&str] = &[
    // They count, for people to read.
    "stats",
    "counts",
    "repetitions",
    // They learn from round trips how long to wait; here that is fixed.
    "ack_time",
    "result_time",
    // They hold back what comes too often; here they last for all that can happen.
    "budget",
    "unmatched",
    // They tell silence, which is longer than anything here lasts.
    "beat_at",
    "silent_at",
    // Data, which follow from the message's counter; and what is left of others.
    "bytes",
];

/// A hash of what `state` writes of itself, but for the values of the fields named `without`.
pub(crate) fn of(state: &impl Debug, without: &'static [&'static str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text(state, without).as_bytes());
    hasher.finish()
}

/// What `state` writes of itself, but for the values of the fields named `without`.
pub(crate) fn text(state: &impl Debug, without: &'static [&'static str]) -> String {
    let mut filter = Filter { text: String::new(), without, leaving_out: None, name_next: false };
    write!(filter, "{state:?}").expect("a string takes everything");
    filter.text
}

/// A derived `Debug` writes the name of a field, and what stands between two fields, in one piece each.
struct Filter {
    text: String,
    without: &'static [&'static str],
    /// How deep within the value of a field that is left out.
    leaving_out: Option<usize>,
    /// A field's name may be next.
    name_next: bool,
}

impl Write for Filter {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let bytes = piece.as_bytes();
        let opens = matches!(bytes, [.., b'{', b' '] | [b'('] | [b'[']);
        let closes = matches!(bytes, [.., b'}' | b')' | b']']);
        if let Some(depth) = self.leaving_out {
            if depth > 0 || !(closes || matches!(bytes, [b',', b' '])) {
                self.leaving_out = Some(depth + usize::from(opens) - usize::from(closes));
                return Ok(());
            }
            self.leaving_out = None;
        }
        if self.name_next && self.without.contains(&piece) {
            self.leaving_out = Some(0);
        }
        self.name_next = matches!(bytes, [.., b'{', b' '] | [b',', b' ']);
        self.text.push_str(piece);
        Ok(())
    }
}
