//! Time without a clock.

use core::ops::Add;
use core::time::Duration;

/// A point on the caller's timeline, in microseconds since a start the caller chose. It never reads a clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Instant(u64);

impl Instant {
    /// The start of the timeline.
    pub const ZERO: Self = Self(0);
    /// The end of the timeline: later than anything that happens.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `micros` microseconds after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Time since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.micros_since(earlier))
    }

    pub(crate) const fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) const fn plus_micros(self, later: u64) -> Self {
        Self(self.0.saturating_add(later))
    }
}

/// Whole microseconds of a time span; the longest there is if they do not fit.
pub(crate) const fn micros(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000_000).saturating_add(span.subsec_micros() as u64)
}

/// Saturates at [`Instant::MAX`].
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        self.plus_micros(micros(later))
    }
}

/// Local time of a site, as a `0xc8` tells it (`docs/protocol.md`, section 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CivilTime {
    /// Year.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Day of the week; Sunday is 1.
    pub weekday_sunday1: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second.
    pub second: u8,
    /// Offset from UTC in hundredths of an hour: -600 is six hours behind.
    pub utc_offset_centihours: i16,
}
