//! Travel times as they were measured.

use crate::chaos::below;

/// The round trip that the measured times include, in microseconds: the default one of a simulated link.
const BASE: u64 = 45_000;

/// Parts that a distribution is divided into.
const WHOLE: u64 = 1_000_000;

/// Round trips of a `0x73` and its `0x7b`: so many millionths of them took no longer than so many microseconds.
///
/// The median, 95 %, 99 % and the longest are the row of `docs/protocol.md`, section 9, of 346 commands to 21 to 25 devices at
/// once; 21 % took longer than 128 ms. How short the shortest was is not known: none is shorter than the base round trip.
const CAPTURED: [(u64, u64); 6] = [
    (0, BASE),
    (500_000, 88_800),
    (790_000, 128_000),
    (950_000, 214_800),
    (990_000, 236_700),
    (WHOLE, 331_300),
];

/// A distribution of the time that commands take longer than the base round trip.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LatencyProfile {
    /// As real devices acknowledged commands: half within 88.8 ms, 95 % within 214.8 ms, 99 % within 236.7 ms, all within
    /// 331.3 ms, a base round trip of 45 ms included.
    Captured,
}

impl LatencyProfile {
    const fn points(self) -> &'static [(u64, u64)] {
        match self {
            Self::Captured => &CAPTURED,
        }
    }

    /// The round trip that so many millionths of all do not exceed, in microseconds, on a link with a base round trip of 45 ms.
    pub fn round_trip(self, millionths: u64) -> u64 {
        let points = self.points();
        let (mut from, mut least) = (0, BASE);
        for (to, most) in points.iter().copied() {
            if millionths <= to {
                let part = (most - least) * (millionths - from);
                return least + part.checked_div(to - from).unwrap_or(0);
            }
            (from, least) = (to, most);
        }
        least
    }

    /// The extra travel time that 64 random bits stand for, in microseconds.
    pub(crate) fn extra(self, bits: u64) -> u64 {
        self.round_trip(below(bits, WHOLE + 1)) - BASE
    }

    /// The longest extra travel time, in microseconds.
    #[cfg(any(test, feature = "net"))]
    pub(crate) fn longest(self) -> u64 {
        self.round_trip(WHOLE) - BASE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Options, Outcome, run};
    use crate::{ChaosConfig, Scenario};
    use cync_core::mix;

    #[test]
    fn the_table_is_the_row_of_the_measurements_and_straight_between_its_points() {
        let at = |millionths| LatencyProfile::Captured.round_trip(millionths);
        let row = [0, 500_000, 950_000, 990_000, WHOLE].map(at);
        assert_eq!(row, [45_000, 88_800, 214_800, 236_700, 331_300]);
        assert_eq!((at(790_000), at(790_001)), (128_000, 128_000));
        assert_eq!(
            [250_000, 870_000, 970_000, 995_000].map(at),
            [66_900, 171_400, 225_750, 284_000]
        );
        assert_eq!(at(u64::MAX), 331_300, "beyond the end there is nothing longer");
        assert!((0..=WHOLE).step_by(997).map(at).is_sorted());
    }

    #[test]
    fn what_is_drawn_has_the_distribution_of_the_table() {
        let profile = LatencyProfile::Captured;
        assert_eq!((profile.extra(0), profile.extra(u64::MAX)), (0, profile.longest()));
        let drawn: Vec<u64> = (0..100_000).map(|seed| BASE + profile.extra(mix(seed))).collect();
        for permille in [10, 250, 500, 790, 900, 950, 990, 999] {
            let most = profile.round_trip(permille * 1_000);
            let within = drawn.iter().filter(|time| **time <= most).count() as u64;
            assert!(within.abs_diff(permille * 100) < 400, "{permille}: {within} of 100,000");
        }
    }

    /// What 50, 95 and 99 % of the commands do not exceed, and none does, in microseconds.
    fn realised(outcome: &Outcome) -> [u64; 4] {
        let [p50, p95, p99] =
            [500, 950, 990].map(|permille| outcome.latency.permille(permille).unwrap());
        [p50, p95, p99, outcome.latency.max()]
    }

    #[test]
    fn commands_of_a_run_take_as_long_as_the_profile_says() {
        let mut scenario = Scenario::parse(
            "schema = 1\nname = \"\"\nseed = 1\n[workload]\nkind = \"closed\"\ncommands = 20000\n\
             [chaos]\nlatency_profile = \"captured\"\n",
        )
        .unwrap();
        let outcome = run(&scenario, Options::default()).unwrap();
        assert_eq!((outcome.broken.as_ref(), outcome.reached), (None, outcome.commands));
        assert_eq!(realised(&outcome), [88_959, 214_143, 236_031, 331_110]);
        let library =
            Scenario::library().iter().find(|(name, _)| *name == "captured-latency").unwrap();
        scenario = Scenario::parse(library.1).unwrap();
        let outcome = run(&scenario, Options::default()).unwrap();
        assert_eq!(realised(&outcome), [89_599, 215_167, 235_647, 329_076]);
    }

    #[test]
    fn only_commands_are_delayed() {
        use crate::{Copy, Direction, Label};
        let latency_profile = Some(LatencyProfile::Captured);
        let chaos = ChaosConfig { latency_profile, ..ChaosConfig::NONE };
        let delay = |kind, frame, number| {
            let label = Label { kind, frame, number };
            let copy = Copy { link: 0, way: Direction::ToDevice, label, attempt: 1 };
            chaos.fate(1, &copy, None).delay
        };
        assert!((0..100).any(|number| delay(0x73, 0xf8, number) > 0));
        for (kind, frame) in [(0x73, 0xf9), (0x83, 0xfa), (0x88, 0), (0xd8, 0), (0xa3, 0)] {
            assert!((0..100).all(|number| delay(kind, frame, number) == 0), "{kind:02x}");
        }
    }
}
