//! The names that scenario files use for what has one.

use super::value::{Value, choice, names, quote};
use crate::{Direction, FaultKind, LatencyProfile, Side, Size};
use cync_core::{Preset, QueuePolicy, Stage};
use toml::de::DeValue;

names!(Side: Self::Controller => "controller", Self::Device => "device");
names!(Direction: Self::ToDevice => "to-device", Self::FromDevice => "from-device");
names!(Stage: Self::Sent => "sent", Self::Acked => "acked", Self::Executed => "executed");
names!(Size: Self::Small => "small", Self::Compact => "compact", Self::Full => "full");
names!(Preset:
    Self::Lab => "lab",
    Self::Lan => "lan",
    Self::Cloud => "cloud",
    Self::Constrained => "constrained",
);
names!(QueuePolicy:
    Self::Block => "block",
    Self::DropOldest => "drop-oldest",
    Self::Reject => "reject",
);

impl Value for LatencyProfile {
    const NONE: Option<&'static str> = Some("none");

    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        choice(given, &PROFILES)
    }

    fn text(&self) -> Option<String> {
        PROFILES.iter().find(|(_, profile)| profile == self).map(|(name, _)| quote(name))
    }
}

const PROFILES: [(&str, LatencyProfile); 1] = [("captured", LatencyProfile::Captured)];

impl Value for FaultKind {
    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        choice(given, &Self::ALL.map(|kind| (kind.name(), kind)))
    }

    fn text(&self) -> Option<String> {
        Some(quote(self.name()))
    }
}

/// The name that was probably meant.
pub(super) fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Blanks, underscores, capitals and the unit are no distance at all.
    let plain = |name: &str| {
        let name = name.to_ascii_lowercase().replace([' ', '_'], "-");
        name.strip_suffix("-ms").map(str::to_owned).unwrap_or(name)
    };
    let given = plain(given);
    let far = |name: &str| distance(&given, &plain(name));
    let (distance, name) = names.map(|name| (far(name), name)).min()?;
    (distance <= ((given.chars().count() + 1) / 3).min(3)).then_some(name)
}

/// Letters to insert, to remove, to replace or to swap with their neighbours.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    // What is this long is no misspelt name.
    if from.len().abs_diff(to.len()) > 3 {
        return usize::MAX;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut this = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut least = replaced.min(last[column + 1] + 1).min(this[column] + 1);
            let swapped =
                row > 0 && column > 0 && from[row - 1] == *other && *letter == to[column - 1];
            if swapped {
                least = least.min(before_last[column - 1] + 1);
            }
            this.push(least);
        }
        before_last = std::mem::replace(&mut last, this);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_recognised_and_another_word_is_not() {
        let names = ["latency_ms", "drop-oldest", "p99_ms", "every_ms", "seed"];
        for (given, meant) in [
            ("latencyms", Some("latency_ms")),
            ("latency-ms", Some("latency_ms")),
            ("latency", Some("latency_ms")),
            ("Drop Oldest", Some("drop-oldest")),
            ("p9_ms", Some("p99_ms")),
            ("evrey_ms", Some("every_ms")),
            ("sede", Some("seed")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, names.into_iter()), meant, "{given}");
        }
        assert_eq!(nearest(&"x".repeat(1 << 16), names.into_iter()), None);
    }

    #[test]
    fn distances_are_counted_in_letters() {
        for (from, to, letters) in
            [("", "", 0), ("a", "", 1), ("abc", "acb", 1), ("abcd", "bd", 2), ("rate", "rates", 1)]
        {
            assert_eq!(distance(from, to), letters, "{from} {to}");
            assert_eq!(distance(to, from), letters, "{to} {from}");
        }
    }
}
