//! The one place where chance comes in.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A random number from the operating system, small enough to be typed again.
pub(crate) fn seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}
