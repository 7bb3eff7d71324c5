use crate::{Copy, Direction, Label};
use std::collections::{BTreeMap, VecDeque};

/// Messages whose attempts are counted at a time; of older ones counting starts again.
const REMEMBERED: usize = 65_536;

/// Counts the copies of every message by what the packets themselves say.
#[derive(Default, Debug)]
pub struct Attempts {
    counts: BTreeMap<(Direction, Label), u32>,
    order: VecDeque<(Direction, Label)>,
}

impl Attempts {
    /// One more copy.
    pub fn count(&mut self, way: Direction, label: Label) -> Copy {
        let attempt = self.counts.entry((way, label)).or_insert_with(|| {
            self.order.push_back((way, label));
            0
        });
        *attempt = attempt.wrapping_add(1);
        let attempt = *attempt;
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        Copy { link: 0, way, label, attempt }
    }
}
