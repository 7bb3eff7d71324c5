use super::setup::Side;

/// Something that a session did.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Line {
    /// In which step.
    pub step: usize,
    /// Which session.
    pub side: Side,
    /// What.
    pub what: String,
}

/// Everything that two sessions did: packets, events, deliveries, results, levels.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Transcript {
    /// In that order.
    pub lines: Vec<Line>,
}

impl Transcript {
    /// As if the order within one step did not matter.
    #[must_use]
    pub fn sorted(&self) -> Self {
        let mut lines = self.lines.clone();
        lines.sort();
        Self { lines }
    }

    /// The first difference, and its step.
    pub fn difference(&self, other: &Self) -> Option<(usize, String)> {
        let longest = self.lines.len().max(other.lines.len());
        let at = (0..longest).find(|at| self.lines.get(*at) != other.lines.get(*at))?;
        let (one, two) = (self.lines.get(at), other.lines.get(at));
        let step = one.or(two).map_or(0, |line| line.step);
        Some((step, format!("{two:?} instead of {one:?}")))
    }
}
