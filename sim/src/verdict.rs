//! Whether a run kept what its scenario demands, and if not, by how much.

use crate::Ppm;
use crate::chaos::micros;
use crate::scenario::Limits;
use crate::world::Outcome;
use std::fmt;
use std::time::Duration;

/// A limit that a run did not keep. Its `Display` says by how much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missed {
    /// So many in a thousand commands have to be faster than this.
    Percentile {
        /// How many in a thousand: 500, 950 or 990.
        permille: u16,
        /// They have to be faster than this.
        limit: Duration,
        /// The slowest of them took so long; `None` if it failed, or there was none.
        took: Option<Duration>,
    },
    /// So many commands have to reach their stage, at least.
    Success {
        /// So many, at least.
        limit: Ppm,
        /// So many did.
        reached: u64,
        /// Of so many.
        commands: u64,
    },
    /// Needless copies have to stay below a part of the first transmissions.
    Spurious {
        /// Below this part.
        limit: Ppm,
        /// So many there were.
        spurious: u64,
        /// Of so many first transmissions.
        first: u64,
    },
    /// Executions beyond the first of a command.
    AppliedTwice {
        /// So many, at most.
        limit: u64,
        /// So many there were.
        count: u64,
    },
}

impl Missed {
    /// The limit's name, as in [`Limits`].
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Percentile { permille: 500, .. } => "p50",
            Self::Percentile { permille: 950, .. } => "p95",
            Self::Percentile { .. } => "p99",
            Self::Success { .. } => "success",
            Self::Spurious { .. } => "spurious",
            Self::AppliedTwice { .. } => "applied_twice",
        }
    }
}

impl Limits {
    /// The limits that a run did not keep. What could not be measured, because there was no command, was not kept.
    pub fn missed(&self, outcome: &Outcome) -> Vec<Missed> {
        let percentile = |permille: u16, limit: Option<Duration>| {
            let took = outcome.latency.permille(permille.into()).map(Duration::from_micros);
            let limit = limit.filter(|limit| took.is_none_or(|took| took >= *limit))?;
            Some(Missed::Percentile { permille, limit, took })
        };
        let (reached, commands) = (outcome.reached, outcome.commands);
        let success = self
            .success
            .filter(|limit| commands == 0 || scaled(reached) < share(*limit, commands))
            .map(|limit| Missed::Success { limit, reached, commands });
        let (spurious, first) = (outcome.spurious, outcome.first_counted);
        let needless = self
            .spurious
            .filter(|limit| first == 0 || scaled(spurious) >= share(*limit, first))
            .map(|limit| Missed::Spurious { limit, spurious, first });
        let count = outcome.applied_twice;
        let twice = self
            .applied_twice
            .filter(|limit| count > *limit)
            .map(|limit| Missed::AppliedTwice { limit, count });
        let all = [
            percentile(500, self.p50),
            percentile(950, self.p95),
            percentile(990, self.p99),
            success,
            needless,
            twice,
        ];
        all.into_iter().flatten().collect()
    }
}

const MILLION: u128 = 1_000_000;

const fn scaled(count: u64) -> u128 {
    count as u128 * MILLION
}

/// A rate of a number, in millionths.
const fn share(rate: Ppm, of: u64) -> u128 {
    rate.parts() as u128 * of as u128
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match *self {
            Self::Percentile { limit, took: None, .. } => {
                let limit = Millis(limit);
                write!(f, "{name} must be below {limit}, and that command never succeeded")
            }
            Self::Percentile { limit, took: Some(took), .. } => {
                let over = Millis(took.saturating_sub(limit));
                let (took, limit) = (Millis(took), Millis(limit));
                write!(f, "{name} is {took} and must be below {limit}: {over} too slow")
            }
            Self::Success { commands: 0, .. } => {
                write!(f, "{name} cannot be told: no command was sent")
            }
            Self::Success { limit, reached, commands } => {
                let least = share(limit, commands).div_ceil(MILLION);
                let few = least.saturating_sub(reached.into());
                let (is, limit) = (Percent::of(reached, commands), Percent(limit.parts().into()));
                write!(f, "{name} is {is} and must be {limit} at least: ")?;
                write!(f, "{few} of {commands} commands too few")
            }
            Self::Spurious { first: 0, .. } => {
                write!(f, "{name} cannot be told: no command was handed over")
            }
            Self::Spurious { limit, spurious, first } => {
                let most = share(limit, first).div_ceil(MILLION).saturating_sub(1);
                let many = u128::from(spurious).saturating_sub(most);
                let (is, limit) = (Percent::of(spurious, first), Percent(limit.parts().into()));
                write!(f, "{name} is {is} and must be below {limit}: ")?;
                write!(f, "{many} copies for {first} commands too many")
            }
            Self::AppliedTwice { limit, count } => {
                let many = count - limit;
                write!(f, "{name} is {count} and must be {limit} at most: {many} too many")
            }
        }
    }
}

/// Milliseconds, to the microsecond.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = micros(self.0);
        decimal(f, micros / 1_000, micros % 1_000, 3)?;
        f.write_str(" ms")
    }
}

/// Millionths, as a percentage.
struct Percent(u128);

impl Percent {
    /// Rounded down, so that what is not all of it never reads so.
    fn of(part: u64, whole: u64) -> Self {
        Self(scaled(part).checked_div(whole.into()).unwrap_or(0))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal(f, self.0 / 10_000, self.0 % 10_000, 4)?;
        f.write_str(" %")
    }
}

/// A number and its fraction of so many digits, without zeros behind it.
fn decimal(
    f: &mut fmt::Formatter<'_>,
    whole: impl fmt::Display,
    fraction: impl fmt::Display,
    digits: usize,
) -> fmt::Result {
    let fraction = format!(".{fraction:0>digits$}");
    write!(f, "{whole}{}", fraction.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn rate(text: &str) -> Option<Ppm> {
        text.parse().ok()
    }

    /// A thousand commands of 1 to 1000 ms, the last `failed` of which fail.
    fn outcome(failed: u64) -> Outcome {
        let mut outcome = Outcome { commands: 1_000, ..Outcome::default() };
        outcome.reached = 1_000 - failed;
        (1..=1_000).for_each(|nth| {
            outcome.latency.add((nth <= outcome.reached).then_some(nth * 1_000));
        });
        outcome
    }

    fn texts(limits: Limits, outcome: &Outcome) -> Vec<String> {
        limits.missed(outcome).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_is_missed_without_limits() {
        assert_eq!(Limits::default().missed(&outcome(1_000)), []);
        assert_eq!(Limits::default().missed(&Outcome::default()), []);
    }

    #[test]
    fn a_percentile_must_be_below_its_limit_and_a_failed_command_is_slower_than_any() {
        let run = outcome(20);
        let exact = run.latency.permille(950).unwrap();
        let p95 = |micros| Limits { p95: Some(Duration::from_micros(micros)), ..Limits::default() };
        assert_eq!(p95(exact + 1).missed(&run), []);
        assert_eq!(p95(exact).missed(&run).len(), 1, "equal is not below");
        let p99 = Limits { p99: Some(ms(5_000)), p50: Some(ms(499)), ..Limits::default() };
        let missed = p99.missed(&run);
        assert_eq!(missed.iter().map(Missed::name).collect::<Vec<_>>(), ["p50", "p99"]);
        let p99 = "p99 must be below 5000 ms, and that command never succeeded";
        assert_eq!(missed[1].to_string(), p99);
    }

    #[test]
    fn every_limit_says_by_how_much_it_is_missed() {
        let mut run = outcome(20);
        (run.first_counted, run.spurious, run.applied_twice) = (1_000, 5, 3);
        let limits = Limits {
            success: rate("99.5%"),
            spurious: rate("0.5%"),
            applied_twice: Some(1),
            ..Limits::default()
        };
        assert_eq!(
            texts(limits, &run),
            [
                "success is 98 % and must be 99.5 % at least: 15 of 1000 commands too few",
                "spurious is 0.5 % and must be below 0.5 %: 1 copies for 1000 commands too many",
                "applied_twice is 3 and must be 1 at most: 2 too many",
            ]
        );
        let took = Some(Duration::from_micros(100_250));
        let late = Missed::Percentile { permille: 500, limit: ms(100), took };
        assert_eq!(late.to_string(), "p50 is 100.25 ms and must be below 100 ms: 0.25 ms too slow");
        (run.reached, run.spurious, run.applied_twice) = (995, 4, 1);
        assert_eq!(limits.missed(&run), []);
    }

    #[test]
    fn what_is_not_quite_all_does_not_read_as_all() {
        let missed = Missed::Success {
            limit: rate("100%").unwrap(),
            reached: 9_999_999,
            commands: 10_000_000,
        };
        assert!(missed.to_string().starts_with("success is 99.9999 % and must be 100 %"));
    }

    #[test]
    fn what_could_not_be_measured_was_not_kept() {
        let limits = Limits {
            p50: Some(ms(1)),
            success: rate("0"),
            spurious: rate("1"),
            ..Limits::default()
        };
        assert_eq!(limits.missed(&Outcome::default()).len(), 3);
    }
}
