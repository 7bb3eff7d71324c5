//! Liveness: what must hold once nothing goes wrong any more.

use super::World;
use super::outcome::Tally;
use crate::chaos::micros;
use crate::{Side, Violation};
use cync_core::State;

/// The longest until a session is ready again: a silent peer is given up after its silence, and the longest wait for the
/// next connection follows, perhaps after one that could not be opened.
const AGAIN: u64 = 30_000_000;
/// How often it is looked.
const LOOK: u64 = 250_000;
/// How long everything is still at the end.
const STILL: u64 = 45_000_000;
/// What is under way when all is done takes no longer.
const SETTLE: u64 = 6_000_000;

impl World<'_> {
    /// The faults stop; then everything must come to its end.
    pub(super) fn calm_down(&mut self) -> Result<(), Violation> {
        self.plan.end();
        self.working.end();
        self.schedule_work();
        for index in 0..self.links.len() {
            Side::BOTH.into_iter().for_each(|side| self.forget_tick(index, side));
        }
        for link in &mut self.links {
            (link.partitioned_until, link.refusing_until) = (0, 0);
            link.off_until = link.off_until.min(self.now);
            for side in Side::BOTH {
                let end = link.end(side);
                (end.deaf_until, end.slow_until, end.silent_until) = (0, 0, 0);
                end.early_at = None;
                end.pipe.stalled_until = 0;
            }
        }
        for index in 0..self.links.len() {
            for side in Side::BOTH {
                self.schedule_arrival(index, side);
            }
        }
        self.schedule_timed();
        self.wake_all();
        self.everything_ends()?;
        self.all_are_ready_again()?;
        self.nobody_waits_for_room()?;
        self.later_commands_need_one_attempt()?;
        self.silence_falls()
    }

    /// So much time passes. Nothing more does once somebody wants it to end: then it is false, and what was to be there by now is not
    /// missed.
    fn pass(&mut self, time: u64) -> Result<bool, Violation> {
        let until = self.now.saturating_add(time);
        self.stopped |= self.options.stop.is_set();
        while !self.stopped && self.step(until)? {
            self.stopped |= self.options.stop.is_set();
        }
        Ok(!self.stopped)
    }

    /// L1: every message ends within its deadline.
    fn everything_ends(&mut self) -> Result<(), Violation> {
        let longest = Side::BOTH.map(|side| micros(self.config(side).deadline));
        if !self.pass(longest[0].max(longest[1]))? {
            return Ok(());
        }
        let time = self.time();
        let mut ends = self.links.iter().flat_map(|link| [&link.controller, &link.device]);
        ends.try_for_each(|end| end.witness.check_ends(time))
    }

    /// L4: every session becomes ready again.
    fn all_are_ready_again(&mut self) -> Result<(), Violation> {
        let of = |world: &Self, side| {
            let config = world.config(side);
            let times = [config.silence, config.redial.cap, config.greeting_timeout];
            times.map(micros).into_iter().fold(AGAIN, u64::saturating_add)
        };
        let most = of(self, Side::Controller).max(of(self, Side::Device));
        let until = self.now.saturating_add(most);
        loop {
            let states = self.links.iter().map(|link| {
                let state = |end: &super::link::End<'_>| end.witness.session().state();
                (state(&link.controller), state(&link.device))
            });
            let Some((index, states)) =
                states.enumerate().find(|(_, it)| *it != (State::Ready, State::Ready))
            else {
                return Ok(());
            };
            if self.now >= until {
                let what = format!("link {index} is not ready: {states:?}");
                return Err(Violation::new("L4", what));
            }
            if !self.pass(LOOK)? {
                return Ok(());
            }
        }
    }

    /// L1: commands that wait for room are sent, or given up, one after the other.
    fn nobody_waits_for_room(&mut self) -> Result<(), Violation> {
        let longest = Side::BOTH.map(|side| micros(self.config(side).deadline));
        let longest = longest[0].max(longest[1]);
        let (began, mut waited) = (self.now, false);
        loop {
            let waiting = |link: &super::link::Link<'_>| link.waiting.len();
            let mut all = self.links.iter().map(waiting).enumerate();
            let Some((index, count)) = all.find(|(_, count)| *count > 0) else { break };
            waited = true;
            if self.now.saturating_sub(self.progress.max(began)) > longest {
                let what = format!("{count} commands wait for room on link {index}");
                return Err(Violation::new("L1", what));
            }
            if !self.pass(LOOK)? {
                return Ok(());
            }
        }
        // The last of them end, too.
        if waited { self.everything_ends() } else { Ok(()) }
    }

    /// L2: a command that is sent now needs one attempt.
    fn later_commands_need_one_attempt(&mut self) -> Result<(), Violation> {
        // What has been on its way for as long as a copy can be is gone, and nobody has to remember what could be repeated.
        let remembered = Side::BOTH.map(|side| {
            let config = self.config(side);
            micros(config.peer_span).saturating_add(micros(config.peer_copy_lifetime))
        });
        if !self.pass(remembered[0].max(remembered[1]).saturating_add(SETTLE))? {
            return Ok(());
        }
        let connections = self.connections();
        let Some(missed) = self.missed_trials()? else { return Ok(()) };
        if connections == self.connections() {
            return Err(missed);
        }
        // Whoever heard nothing while faults lasted gives up its connection no later than this: the commands were in its way.
        let silence = Side::BOTH.map(|side| micros(self.config(side).silence));
        self.everything_ends()?;
        if !self.pass(silence[0].max(silence[1]))? {
            return Ok(());
        }
        self.all_are_ready_again()?;
        self.missed_trials()?.map_or(Ok(()), Err)
    }

    /// How many connections there were, of each link.
    fn connections(&self) -> Vec<u32> {
        self.links.iter().map(|link| link.epoch).collect()
    }

    /// Sends a command on every link. What is wrong unless each was executed at once.
    fn missed_trials(&mut self) -> Result<Option<Violation>, Violation> {
        let links = self.links.len() as u64;
        self.trials = Tally::default();
        self.try_every_link()?;
        if !self.pass(SETTLE)? {
            return Ok(None);
        }
        let (reached, repeated) = (self.trials.reached, self.trials.repeated);
        // A timer that has learnt nothing yet, or may not, runs out before the answer can come.
        let timer = self.config(Side::Controller).ack_timer;
        let least = timer.initial.min(timer.ceiling).max(timer.floor);
        if reached == links && (repeated == 0 || micros(least) <= 2 * self.transit) {
            return Ok(None);
        }
        let what =
            format!("of {links} later commands {reached} are executed, {repeated} copies repeated");
        Ok(Some(Violation::new("L2", what)))
    }

    /// L3: both ends fall silent but for signs of life. Then nothing is left anywhere, and lamps show what they should.
    fn silence_falls(&mut self) -> Result<(), Violation> {
        self.quiet = true;
        if !self.pass(STILL)? {
            return Ok(());
        }
        for (index, link) in self.links.iter().enumerate() {
            for (side, end) in [(Side::Controller, &link.controller), (Side::Device, &link.device)]
            {
                let waiting = end.witness.session().inbox_len();
                if waiting > 0 {
                    let what = format!("{waiting} messages wait at the {side:?} of link {index}");
                    return Err(Violation::new("L5", what));
                }
            }
        }
        if self.scenario.topology.controllers > 1 {
            return Ok(());
        }
        let mut all = self.devices.iter().enumerate();
        all.try_for_each(|(index, device)| self.values.check(index, device.lamps()))
    }
}

#[cfg(test)]
mod tests {
    use crate::Scenario;
    use crate::world::{Options, run};

    #[test]
    fn a_session_that_heard_nothing_gives_up_its_connection_later_and_that_is_no_commands_fault() {
        let mut text = "schema = 1\nname = \"\"\nseed = 1\n[topology]\ndevices = 2\n[config.controller]\ndeadline_ms = 1000\n\
                        copy_lifetime_ms = 1000\n[config.device]\ndeadline_ms = 2000\ncopy_lifetime_ms = 600\n"
            .to_owned();
        text += "[[op]]\nact = \"ping\"\nnumber = 0\nat_ms = 1000\nlink = 1\n";
        text += "[[op]]\nact = \"ping\"\nnumber = 1\nat_ms = 50400\n";
        for number in [3, 4] {
            text += "[[fault]]\nkind = \"drop\"\nlink = 1\nway = \"to-device\"\npacket = 0xd8\n";
            text += &format!("number = {number}\n");
        }
        let outcome = run(&Scenario::parse(&text).unwrap(), Options::default()).unwrap();
        assert_eq!((outcome.broken, outcome.devices.connections), (None, 3));
    }
}
