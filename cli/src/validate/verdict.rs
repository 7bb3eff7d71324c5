//! What was measured, against what is asked for.

use super::figures::{Ack, Group, Measured, Times};
use std::fmt;

/// Half, 95 % and 99 % of the commands should be faster, in microseconds: what people take for instant, and for working.
pub(crate) const ASPIRED: [u64; 3] = [100_000, 300_000, 800_000];
/// How much longer than at real devices they may take.
const MARGINS: [u64; 3] = [20_000, 50_000, 100_000];
/// More than so many in a thousand are acknowledged.
pub(crate) const SUCCESS_PERMILLE: usize = 999;
/// 99 % of the rounds of a group are faster.
pub(crate) const GROUP_LIMIT: u64 = 2_000_000;

/// Half, 95 % and 99 % of the commands must be faster: the recorded times, and a margin.
pub(crate) fn adjusted() -> [u64; 3] {
    let (_, [p50, p95, p99, _]) = Ack::Data.recorded();
    let [m50, m95, m99] = MARGINS;
    [p50 + m50, p95 + m95, p99 + m99]
}

/// What 99 % of the acknowledgements say of a time-out of two seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Band {
    /// Up to 800 ms.
    Good,
    /// Up to 1600 ms.
    Aggressive,
    /// Above that, or not acknowledged at all.
    TooLow,
}

impl Band {
    pub(crate) fn of(p99: Option<u64>) -> Self {
        match p99 {
            Some(0..=800_000) => Self::Good,
            Some(800_001..=1_600_000) => Self::Aggressive,
            _ => Self::TooLow,
        }
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "2 s validated",
            Self::Aggressive => "2 s may be too aggressive",
            Self::TooLow => "2 s too low",
        })
    }
}

/// The time-out that 99 % of the acknowledgements recommend, in microseconds: two and a half times as long.
pub(crate) const fn recommended(p99: u64) -> u64 {
    p99.saturating_mul(5) / 2
}

/// Whether commands were fast enough, and enough of them acknowledged.
pub(crate) fn commands_met(times: &Times) -> bool {
    let fast = adjusted().into_iter().zip(times.quantiles());
    fast.into_iter().all(|(target, time)| time.is_some_and(|time| time < target)) && many(times)
}

fn many(times: &Times) -> bool {
    times.ended() * 1000 > times.count() * SUCCESS_PERMILLE
}

/// Whether ten devices at once were.
pub(crate) fn group_met(group: &Group) -> bool {
    group.rounds.permille(990).is_some_and(|p99| p99 < GROUP_LIMIT) && many(&group.commands)
}

/// Whether everything was.
pub(crate) fn all_met(measured: &Measured) -> bool {
    let in_time = |times: &Times| Band::of(times.permille(990)) == Band::Good;
    let acks = measured.acks.iter().all(in_time);
    commands_met(&measured.commands) && acks && group_met(&measured.group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(micros: u64, endless: usize) -> Times {
        let ended = std::iter::repeat_n(Some(micros), 1000 - endless);
        ended.chain(std::iter::repeat_n(None, endless)).collect()
    }

    #[test]
    fn targets_are_the_recorded_times_and_a_margin() {
        assert_eq!(adjusted(), [108_800, 264_800, 336_700]);
        assert!(commands_met(&times(108_799, 0)));
        assert!(!commands_met(&times(108_800, 0)), "half are not faster");
        assert!(!commands_met(&times(1, 1)), "99.9 % is not more than that");
    }

    #[test]
    fn the_bands_of_a_time_out() {
        for (p99, band) in [
            (Some(800_000), Band::Good),
            (Some(800_001), Band::Aggressive),
            (Some(1_600_000), Band::Aggressive),
            (Some(1_600_001), Band::TooLow),
            (None, Band::TooLow),
        ] {
            assert_eq!(Band::of(p99), band, "{p99:?}");
        }
        assert_eq!(recommended(1_200_000), 3_000_000);
    }

    #[test]
    fn a_group_must_be_done_in_two_seconds() {
        let group = |rounds| Group { rounds, commands: times(1, 0), ..Group::default() };
        assert!(group_met(&group(times(1_999_999, 9))));
        assert!(!group_met(&group(times(2_000_000, 0))));
        assert!(!group_met(&group(times(1, 11))));
    }

    #[test]
    fn everything_is_met_only_if_each_part_is() {
        let good = Measured {
            commands: times(1, 0),
            acks: [1; 4].map(|time| times(time, 0)),
            group: Group { rounds: times(1, 0), commands: times(1, 0), ..Group::default() },
            ..Measured::default()
        };
        assert!(all_met(&good));
        let mut slow = good.clone();
        slow.acks[3] = times(800_001, 0);
        assert!(!all_met(&slow));
        assert!(!all_met(&Measured { commands: times(1, 2), ..good.clone() }));
        assert!(!all_met(&Measured { group: Group::default(), ..good }));
    }
}
