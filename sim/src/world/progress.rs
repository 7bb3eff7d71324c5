//! How a run goes, while it goes on.

use super::World;
use crate::chaos::micros;
use std::time::Duration;

/// What a world holds at one moment: everything in it that could grow with the number of commands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Held {
    /// Messages of which something can still come, those that have ended included.
    pub messages: u64,
    /// Commands that have not ended.
    pub open: u64,
    /// Packets on their way.
    pub packets: u64,
    /// Buffers for packets, those in use included. They are used again, so there are never more than there were packets at
    /// one moment.
    pub buffers: u64,
    /// What the models of the sessions remember, to compare them with.
    pub remembered: u64,
}

impl Held {
    fn of(world: &World<'_>) -> Self {
        let mut held = Self { open: world.working.open, ..Self::default() };
        for link in &world.links {
            held.messages += (link.waiting.len() + link.reactions.len()) as u64;
            for end in [&link.controller, &link.device] {
                held.messages += end.records.len() as u64;
                held.packets += end.pipe.len() as u64;
                held.remembered += end.witness.remembered() as u64;
            }
        }
        held.buffers = held.packets + world.spare.len() as u64;
        held
    }

    fn each(self, other: Self, choose: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            messages: choose(self.messages, other.messages),
            open: choose(self.open, other.open),
            packets: choose(self.packets, other.packets),
            buffers: choose(self.buffers, other.buffers),
            remembered: choose(self.remembered, other.remembered),
        }
    }

    /// The greater of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        self.each(other, u64::max)
    }

    /// The lesser of each.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        self.each(other, u64::min)
    }
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The time, since the start.
    pub time: Duration,
    /// Commands that were asked for.
    pub commands: u64,
    /// Those that have ended, one way or the other, or were refused.
    pub ended: u64,
    /// Those that reached their stage.
    pub reached: u64,
    /// Packets that were handed over.
    pub packets: u64,
    /// What the world holds now.
    pub held: Held,
    /// The least of each that it held at any moment since it was asked last.
    pub least: Held,
    /// The most of each that it held at any moment since it was asked last.
    pub most: Held,
}

/// Asks a world at regular times.
pub(super) struct Slices<'a> {
    every: u64,
    next: u64,
    /// Since it was asked last.
    range: Option<(Held, Held)>,
    observer: &'a mut dyn FnMut(&Progress),
}

impl<'a> Slices<'a> {
    pub(super) fn new(every: Duration, observer: &'a mut dyn FnMut(&Progress)) -> Self {
        let every = micros(every).max(1);
        Self { every, next: every, range: None, observer }
    }

    /// Everything up to now has happened. The next thing is in the future: whoever is to be told before then is told now.
    pub(super) fn pass(&mut self, world: &World<'_>, until: u64) {
        self.look(world);
        let (due, _) = world.agenda.first();
        while self.next < due.min(until) {
            self.tell(world, self.next);
            self.next = self.next.saturating_add(self.every);
        }
    }

    /// It is over.
    pub(super) fn end(mut self, world: &World<'_>) {
        // What was held on the way to the end says nothing of what is held in the end.
        self.range = None;
        self.tell(world, world.now);
    }

    fn look(&mut self, world: &World<'_>) {
        let held = Held::of(world);
        let (least, most) = self.range.unwrap_or((held, held));
        self.range = Some((least.min(held), most.max(held)));
    }

    fn tell(&mut self, world: &World<'_>, time: u64) {
        self.look(world);
        let held = Held::of(world);
        let (least, most) = self.range.take().unwrap_or((held, held));
        let tally = &world.tally;
        (self.observer)(&Progress {
            time: Duration::from_micros(time),
            commands: tally.commands,
            ended: tally.reached + tally.nacked + tally.not_sent + tally.unknown + tally.refused,
            reached: tally.reached,
            packets: tally.packets,
            held,
            least,
            most,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, run, run_observed};
    use super::*;
    use crate::Scenario;

    fn steady(commands: u64) -> Scenario {
        let text = format!(
            "schema = 1\nname = \"steady\"\n[workload]\nkind = \"steady\"\nevery_ms = 500\n\
             commands = {commands}\n[chaos]\npacket_loss_rate = \"10%\"\n"
        );
        Scenario::parse(&text).unwrap()
    }

    #[test]
    fn whoever_is_told_how_a_run_goes_changes_nothing() {
        let scenario = steady(300);
        let mut told = Vec::new();
        let every = Duration::from_secs(10);
        let observed =
            run_observed(&scenario, Options::default(), every, &mut |it| told.push(*it)).unwrap();
        assert_eq!(observed, run(&scenario, Options::default()).unwrap());
        let (end, slices) = told.split_last().unwrap();
        assert_eq!(slices.len(), 14, "300 commands take not quite 150 seconds");
        for (nth, slice) in (1..).zip(slices) {
            assert_eq!(slice.time, every * nth);
            assert!(slice.commands.abs_diff(20 * u64::from(nth)) <= 1, "{slice:?}");
            assert!(slice.ended <= slice.commands && slice.reached <= slice.ended);
        }
        assert_eq!((end.commands, end.ended), (300, 300), "the world's own are none of them");
        assert_eq!((end.time, end.packets), (observed.time, observed.packets));
        assert_eq!(end.reached, observed.reached);
        assert_eq!((end.held.open, end.held.packets), (0, 0), "at rest");
    }

    #[test]
    fn what_is_held_lies_between_the_least_and_the_most_and_both_are_reached() {
        let mut told = Vec::new();
        let (options, every) = (Options::default(), Duration::from_secs(60));
        run_observed(&steady(1_000), options, every, &mut |it| told.push(*it)).unwrap();
        for it in &told {
            assert_eq!((it.held.min(it.least), it.held.max(it.most)), (it.least, it.most));
        }
        let first = told.first().unwrap();
        assert_eq!((first.least.packets, first.least.open), (0, 0));
        assert!(first.most.packets > 0 && first.most.open > 0, "{first:?}");
        assert!(first.most.buffers >= first.most.packets);
    }

    #[test]
    fn buffers_are_used_again_those_of_doubled_packets_too() {
        let mut scenario = steady(2_000);
        scenario.chaos.iter_mut().for_each(|phase| {
            phase.to_device.duplicate_rate = "50%".parse().unwrap();
            phase.from_device.duplicate_rate = "50%".parse().unwrap();
        });
        let (mut packets, mut buffers) = (0, 0);
        let (options, every) = (Options::default(), Duration::from_secs(60));
        run_observed(&scenario, options, every, &mut |it| {
            packets = packets.max(it.most.packets);
            buffers = it.held.buffers;
        })
        .unwrap();
        assert!(buffers <= packets, "{buffers} buffers, but never more than {packets} packets");
    }
}
