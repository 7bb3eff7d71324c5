/// No time.
pub(super) const NEVER: u64 = u64::MAX;

/// What is due when: a tournament over a fixed number of sources. Of those due at one time the lowest goes first.
#[derive(Debug)]
pub(super) struct Agenda {
    /// A complete binary tree: the winner of 1 is in front, those of n are 2n and 2n + 1.
    winners: Vec<u32>,
    times: Vec<u64>,
}

impl Agenda {
    pub(super) fn new(sources: usize) -> Self {
        let leaves = sources.next_power_of_two().max(2);
        let mut agenda = Self { winners: vec![0; leaves], times: vec![NEVER; leaves] };
        for node in (1..leaves).rev() {
            agenda.decide(node);
        }
        agenda
    }

    /// The earliest: when, and which source.
    pub(super) fn first(&self) -> (u64, usize) {
        let winner = self.winners[1] as usize;
        (self.times[winner], winner)
    }

    /// When a source is due.
    pub(super) fn time(&self, source: usize) -> u64 {
        self.times[source]
    }

    /// A source is due at another time.
    pub(super) fn set(&mut self, source: usize, time: u64) {
        if self.times[source] == time {
            return;
        }
        self.times[source] = time;
        let mut node = (source + self.times.len()) / 2;
        while node > 0 {
            self.decide(node);
            node /= 2;
        }
    }

    fn decide(&mut self, node: usize) {
        let (left, right) = (self.winner(2 * node), self.winner(2 * node + 1));
        let earlier = self.times[right as usize] < self.times[left as usize];
        self.winners[node] = if earlier { right } else { left };
    }

    fn winner(&self, node: usize) -> u32 {
        match node.checked_sub(self.times.len()) {
            Some(leaf) => leaf as u32,
            None => self.winners[node],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_goes_first_and_of_equals_the_lowest() {
        let mut agenda = Agenda::new(5);
        assert_eq!(agenda.first().0, NEVER);
        for (source, time) in [(4, 30), (2, 20), (3, 20), (0, 40)] {
            agenda.set(source, time);
        }
        let mut order = Vec::new();
        while agenda.first().0 < NEVER {
            let (time, source) = agenda.first();
            order.push((time, source));
            agenda.set(source, NEVER);
        }
        assert_eq!(order, [(20, 2), (20, 3), (30, 4), (40, 0)]);
    }
}
