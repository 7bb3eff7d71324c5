//! The levels, their thresholds, and whether they are met.

use super::measured::{Measured, Share};
use super::record::P99;
use crate::arg;
use cync_sim::Ppm;
use std::time::Duration;

/// Thresholds
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Thresholds")]
pub(super) struct Thresholds {
    /// What is asked for where packets get lost: success 99%, p99 1500ms, re-transmissions as many as it takes
    #[arg(long)]
    chaos: bool,
    /// At least so many commands must reach their stage [default: 99.9%, with --chaos 99%]
    #[arg(long, value_name = "RATE")]
    min_success: Option<Ppm>,
    /// 99 of 100 commands must not take longer [default: 800ms, with --chaos 1500ms]
    #[arg(long, value_name = "TIME", value_parser = arg::duration)]
    max_p99: Option<Duration>,
    /// Re-transmissions must be fewer, for each command [default: 0.5%, with --chaos any number]
    #[arg(long, value_name = "RATE")]
    max_retransmissions: Option<Ppm>,
    /// Spurious ones among them, of what was about to be answered, must be fewer, for each command
    #[arg(long, value_name = "RATE", default_value = "0.5%")]
    max_spurious: Ppm,
    /// Packets that could not be decoded must not be more
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_decode_errors: u64,
    /// Commands that found the queue full must be fewer
    #[arg(long, value_name = "RATE", default_value = "1%")]
    max_queue_full: Ppm,
    /// Commands that a device executed twice must not be more
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_duplicates: u64,
    /// What was not measured counts as not met
    #[arg(long)]
    require_all: bool,
}

/// The same, with what was not given filled in.
pub(super) struct Limits {
    success: u64,
    /// In microseconds.
    pub(super) p99: u64,
    repeated: Option<u64>,
    spurious: u64,
    decode_errors: u64,
    queue_full: u64,
    duplicates: u64,
    require_all: bool,
}

impl Thresholds {
    pub(super) fn limits(&self) -> Limits {
        let of = |given: Option<Ppm>, lab, chaos| match given {
            Some(rate) => u64::from(rate.parts()),
            None if self.chaos => chaos,
            None => lab,
        };
        let p99 =
            self.max_p99.unwrap_or(Duration::from_millis(if self.chaos { 1_500 } else { 800 }));
        Limits {
            success: of(self.min_success, 999_000, 990_000),
            p99: u64::try_from(p99.as_micros()).unwrap_or(u64::MAX),
            repeated: match self.max_retransmissions {
                None if self.chaos => None,
                given => Some(of(given, 5_000, 0)),
            },
            spurious: self.max_spurious.parts().into(),
            decode_errors: self.max_decode_errors,
            queue_full: self.max_queue_full.parts().into(),
            duplicates: self.max_duplicates,
            require_all: self.require_all,
        }
    }
}

/// How a level stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Met,
    NotMet,
    /// The files say nothing about it.
    NotMeasured,
    /// It is shown, and nothing is asked for.
    NotAsked,
}

/// A figure, in its unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Figure {
    /// So many of so many.
    Share(Share),
    /// Of a time that 99 % do not exceed.
    Time(P99),
    Count(u64),
}

/// What a figure must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bound {
    /// In millionths.
    AtLeast(u64),
    Below(u64),
    /// In microseconds.
    Within(u64),
    AtMost(u64),
}

/// One line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Level {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) figure: Option<Figure>,
    pub(super) bound: Option<Bound>,
    pub(super) verdict: Verdict,
}

/// The table.
pub(super) struct Levels {
    pub(super) all: [Level; 7],
    require_all: bool,
}

impl Levels {
    pub(super) fn judge(measured: &Measured, limits: &Limits) -> Self {
        let share = |share: Share| (share.of > 0).then_some(Figure::Share(share));
        let p99 = Some(measured.p99()).filter(|p99| *p99 != P99::Untold).map(Figure::Time);
        let below = |name, title, figure, limit| level(name, title, share(figure), limit, None);
        let count = |name, title, figure: Option<u64>, limit| {
            level(name, title, figure.map(Figure::Count), Some(Bound::AtMost(limit)), None)
        };
        let spurious = Some(Bound::Below(limits.spurious));
        let queue_full = Some(Bound::Below(limits.queue_full));
        let all = [
            level(
                "success",
                "success",
                share(measured.success),
                Some(Bound::AtLeast(limits.success)),
                None,
            ),
            level(
                "p99",
                "p99 latency",
                p99,
                Some(Bound::Within(limits.p99)),
                Some(measured.fast_enough()),
            ),
            below(
                "retransmissions",
                "re-transmissions",
                measured.repeated,
                limits.repeated.map(Bound::Below),
            ),
            below("spurious", "spurious", measured.spurious, spurious),
            count("decode_errors", "decode errors", measured.decode_errors, limits.decode_errors),
            below("queue_full", "queue full", measured.queue_full, queue_full),
            count("duplicates", "duplicates processed", measured.applied_twice, limits.duplicates),
        ];
        Self { all, require_all: limits.require_all }
    }

    /// Whether nothing that was asked for is missed.
    pub(super) fn all_met(&self) -> bool {
        self.all.iter().all(|level| match level.verdict {
            Verdict::Met | Verdict::NotAsked => true,
            Verdict::NotMet => false,
            Verdict::NotMeasured => !self.require_all || level.bound.is_none(),
        })
    }
}

/// `known` is the verdict, where the figure is less precise than it.
fn level(
    name: &'static str,
    title: &'static str,
    figure: Option<Figure>,
    bound: Option<Bound>,
    known: Option<bool>,
) -> Level {
    let verdict = match (figure, bound) {
        (None, _) => Verdict::NotMeasured,
        (Some(_), None) => Verdict::NotAsked,
        (Some(figure), Some(bound)) if known.unwrap_or_else(|| keeps(figure, bound)) => {
            Verdict::Met
        }
        _ => Verdict::NotMet,
    };
    Level { name, title, figure, bound, verdict }
}

fn keeps(figure: Figure, bound: Bound) -> bool {
    let of = |share: Share, ppm: u64| {
        (u128::from(share.count) * 1_000_000).cmp(&(u128::from(share.of) * u128::from(ppm)))
    };
    match (figure, bound) {
        (Figure::Share(share), Bound::AtLeast(ppm)) => of(share, ppm).is_ge(),
        (Figure::Share(share), Bound::Below(ppm)) => of(share, ppm).is_lt(),
        (Figure::Count(count), Bound::AtMost(most)) => count <= most,
        (Figure::Time(P99::Micros(micros)), Bound::Within(most)) => micros <= most,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_exact_on_both_sides() {
        let share = |count, of| Figure::Share(Share { count, of });
        assert!(keeps(share(999, 1_000), Bound::AtLeast(999_000)));
        assert!(!keeps(share(9_989, 10_000), Bound::AtLeast(999_000)));
        assert!(keeps(share(4, 1_000), Bound::Below(5_000)));
        assert!(!keeps(share(5, 1_000), Bound::Below(5_000)), "as many is not fewer");
        assert!(
            keeps(Figure::Count(2), Bound::AtMost(2)) && !keeps(Figure::Count(3), Bound::AtMost(2))
        );
        assert!(!keeps(Figure::Count(0), Bound::Below(1)), "another unit proves nothing");
    }

    #[test]
    fn what_was_not_measured_fails_only_who_requires_it() {
        let levels = |require_all| Levels {
            all: [level("a", "a", None, Some(Bound::AtMost(0)), None); 7],
            require_all,
        };
        assert!(levels(false).all_met() && !levels(true).all_met());
    }
}
