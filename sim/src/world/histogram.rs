/// Values up to this are kept exactly, above to one in a thousand.
const EXACT_BITS: u32 = 10;
const EXACT: u64 = 1 << EXACT_BITS;
/// Powers of two above: up to some seventy minutes of microseconds.
const OCTAVES: usize = 22;

/// How often which time was taken, in microseconds: of a fixed size, however many there are.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
    /// Those that never ended: longer than any time.
    endless: u64,
    max: u64,
}

impl Histogram {
    /// One more; `None` if it never ended.
    pub fn add(&mut self, micros: Option<u64>) {
        self.total += 1;
        let Some(micros) = micros else {
            self.endless += 1;
            return;
        };
        self.max = self.max.max(micros);
        let place = place(micros);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += 1;
    }

    /// How many there are.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// How many never ended.
    pub const fn endless(&self) -> u64 {
        self.endless
    }

    /// The longest that ended.
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// The least time that so many in a thousand do not exceed; `None` if that one never ended, or there is none at all.
    pub fn permille(&self, permille: u64) -> Option<u64> {
        let rank = (self.total * permille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return Some(highest(place).min(self.max));
            }
        }
        None
    }

    /// Every time that was taken, to the precision that is kept, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counts.map(|(place, count)| (highest(place).min(self.max), *count))
    }

    /// Adds another one.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, theirs)| *mine += theirs);
        self.total += other.total;
        self.endless += other.endless;
        self.max = self.max.max(other.max);
    }
}

/// Of values below 2 * EXACT themselves; above, a thousand and some places for every power of two.
fn place(micros: u64) -> usize {
    let octave = micros.max(1).ilog2().saturating_sub(EXACT_BITS).min(OCTAVES as u32);
    let within = (micros >> octave).min(2 * EXACT - 1);
    (u64::from(octave) * EXACT + within) as usize
}

/// The highest value of a place.
fn highest(place: usize) -> u64 {
    let place = place as u64;
    let octave = (place / EXACT).saturating_sub(1);
    ((place - octave * EXACT + 1) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_to_one_in_a_thousand() {
        for micros in (0..5_000).chain((0..32).map(|bit| 1 << bit)).chain([45_000, 1_234_567]) {
            let kept = highest(place(micros));
            assert!(kept >= micros && kept - micros <= micros / 1_000, "{micros} as {kept}");
        }
        assert_eq!(place(2_047) + 1, place(2_048));
    }

    #[test]
    fn the_rank_is_the_nearest_one_and_what_never_ended_comes_last() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.permille(500), None);
        (1..=98).for_each(|micros| histogram.add(Some(micros)));
        histogram.add(None);
        histogram.add(None);
        assert_eq!(histogram.permille(500), Some(50));
        assert_eq!(histogram.permille(980), Some(98));
        assert_eq!(histogram.permille(990), None);
        assert_eq!((histogram.total(), histogram.endless(), histogram.max()), (100, 2, 98));
    }
}
