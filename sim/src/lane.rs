use crate::Fate;

/// When the packets of one direction of a link arrive: in the order in which they set out, but for those that are held back.
/// Times are microseconds of any one timeline.
#[derive(Clone, Default, Debug)]
pub struct Lane {
    /// When the last one arrives that was not held back: no later one is earlier.
    last: u64,
    /// When those that are held back arrive.
    held: Vec<u64>,
}

/// An arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// When.
    pub at: u64,
    /// The packet is held back: those that set out after it may arrive before.
    pub held: bool,
}

impl Lane {
    /// When a packet that sets out now arrives. At most `most` packets are held back at a time; a further one travels on.
    pub fn arrival(&mut self, now: u64, fate: &Fate, most: u16) -> Arrival {
        let at = now.saturating_add(fate.delay).max(self.last);
        self.held.retain(|until| *until > now);
        if fate.held > 0 && self.held.len() < usize::from(most) {
            let at = at.saturating_add(fate.held);
            self.held.push(at);
            return Arrival { at, held: true };
        }
        self.last = at;
        Arrival { at, held: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(delay: u64) -> Fate {
        Fate { delay, ..Fate::default() }
    }

    fn held(held: u64) -> Fate {
        Fate { delay: 10, held, ..Fate::default() }
    }

    #[test]
    fn packets_keep_their_order_however_their_latencies_vary() {
        let mut lane = Lane::default();
        let delays = [(0, 50), (1, 10), (2, 49), (60, 0), (61, 100)];
        let arrivals = delays.map(|(now, delay)| lane.arrival(now, &late(delay), 10).at);
        assert_eq!(arrivals, [50, 50, 51, 60, 161]);
    }

    #[test]
    fn a_packet_that_is_held_back_is_overtaken_and_delays_no_other() {
        let mut lane = Lane::default();
        assert_eq!(lane.arrival(0, &held(100), 10), Arrival { at: 110, held: true });
        assert_eq!(lane.arrival(5, &late(10), 10), Arrival { at: 15, held: false });
        assert_eq!(lane.arrival(200, &late(10), 10).at, 210);
    }

    #[test]
    fn so_many_are_held_back_at_a_time_and_a_further_one_travels_on() {
        let mut lane = Lane::default();
        let arrivals = [0, 1, 2].map(|now| lane.arrival(now, &held(100), 2));
        assert_eq!(arrivals.map(|arrival| arrival.held), [true, true, false]);
        assert_eq!(arrivals[2].at, 12);
        assert!(!lane.arrival(109, &held(100), 2).held, "the first arrives at 110");
        assert!(lane.arrival(110, &held(100), 2).held);
        assert!(!Lane::default().arrival(0, &held(100), 0).held, "none may be held back");
    }
}
