//! The phase without faults: every message ends, both ends fall silent, and the next message succeeds at once.

use super::op::{Ask, What};
use super::setup::Side;
use super::world::World;
use super::{Size, Violation, ensure};
use cync_core::{Outcome, Stage, State};
use std::fmt::Write;
use std::time::Duration;

/// More steps than any calm phase needs.
const MANY: usize = 100_000;

impl World {
    /// Stops all faults and checks that everything comes to its end: L1, then L4, L2, L3.
    pub(super) fn calm(mut self) -> Result<(), Violation> {
        let step = self.step;
        let done = self.come_to_rest();
        done.map_err(|violation| Violation { step: step + violation.step, ..violation })
    }

    fn come_to_rest(&mut self) -> Result<(), Violation> {
        for side in Side::BOTH {
            self.end(side).unreachable = 0;
            self.tick(side, None)?;
        }
        let longest = self.longest();
        self.run(longest)?;
        for side in Side::BOTH {
            let session = self.end(side).witness.session();
            let left = session.queued() + session.in_flight();
            ensure!(left == 0, "L1", "{left} messages never end");
        }
        self.check_secrets()?;
        if self
            .ends
            .iter()
            .any(|end| matches!(end.witness.session().state(), State::Closed | State::Draining))
        {
            return Ok(());
        }
        self.reconnect()?;
        self.succeed()?;
        self.be_silent()
    }

    /// After so long nothing of what was is left: deadlines, copies, what is remembered, redials.
    fn longest(&self) -> Duration {
        let [hub, lamp] = Side::BOTH.map(|side| {
            let config = self.setup.config(side);
            config.deadline + config.copy_lifetime * 3 + config.silence + config.redial.cap
        });
        hub.max(lamp) * 2
    }

    /// Drivers and applications are prompt, and the links are without faults.
    fn run(&mut self, time: Duration) -> Result<(), Violation> {
        let until = self.now + time;
        for count in 0.. {
            self.exchange()?;
            self.settle()?;
            let timeout =
                |end: &super::end::End| end.witness.session().poll_timeout().map(|it| it.at);
            let next = self.ends.iter().filter_map(timeout).min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            ensure!(next > self.now, "C1", "{next:?} is due again and again at {:?}", self.now);
            self.now = next;
            for side in Side::BOTH {
                let now = self.now;
                if timeout(self.end(side)).is_some_and(|at| at <= now) {
                    self.tick(side, None)?;
                }
            }
            ensure!(count < MANY, "L3", "the two never fall silent");
        }
        self.now = until;
        Ok(())
    }

    /// After a step of the calm phase.
    fn settle(&mut self) -> Result<(), Violation> {
        for side in Side::BOTH {
            let now = self.now;
            self.end(side).witness.check()?;
            self.end(side).witness.check_ends(now)?;
        }
        self.step += 1;
        // A driver that was not asked for a connection may have one all the same: the other side opened it.
        let idle = self.ends.iter().all(|end| end.wire.is_none() && !end.dials);
        let open = self.ends.iter().all(|end| end.witness.session().state() != State::Closed);
        if idle && open {
            self.open(Side::Hub, true)?;
            self.exchange()?;
        }
        Ok(())
    }

    /// L4: however often the connection goes, it is ready again soon.
    fn reconnect(&mut self) -> Result<(), Violation> {
        for round in 0..3 {
            if round > 0 {
                self.cut_both()?;
            }
            let soon = self.setup.config(Side::Hub).redial.cap * 3;
            self.run(soon)?;
            for side in Side::BOTH {
                let state = self.end(side).witness.session().state();
                ensure!(state == State::Ready, "L4", "{side:?} is {state} after {round} cuts");
            }
        }
        // Numbers are free and nothing is live in the peer's memory.
        let longest = self.longest();
        self.run(longest)
    }

    /// L2: a message to an idle peer takes one attempt.
    fn succeed(&mut self) -> Result<(), Violation> {
        for side in Side::BOTH {
            let before = self.end(side).ids.len();
            self.send(side, &Ask::of(What::Frame(4)).until(Stage::Executed))?;
            let taken = self.end(side).ids.len() > before;
            let Some(id) = self.end(side).ids.last().copied().filter(|_| taken) else {
                return Err(Violation::of("L2", format!("{side:?} takes no message")));
            };
            self.end(side).done.remove(&id);
            self.exchange()?;
            let done = self.end(side).done.get(&id).copied();
            let reached = done.is_some_and(|(outcome, receipt)| {
                outcome == Outcome::Reached(Stage::Executed) && receipt.attempts == 1
            });
            ensure!(reached, "L2", "not executed at once: {done:?}");
        }
        Ok(())
    }

    /// L3: both ends fall silent but for heartbeats.
    fn be_silent(&mut self) -> Result<(), Violation> {
        let before = self
            .ends
            .each_ref()
            .map(|end| (end.witness.heartbeats_answered(), *end.witness.session().stats()));
        self.run(Duration::from_millis(self.setup.liveness.1 * 3))?;
        for (end, (ponged, stats)) in self.ends.iter().zip(before) {
            let now = end.witness.session().stats();
            let heartbeats = now.heartbeats - stats.heartbeats;
            let pongs = end.witness.heartbeats_answered() - ponged;
            let other = now.packets_sent - stats.packets_sent - heartbeats - pongs;
            ensure!(other == 0, "L3", "{other} packets beside heartbeats");
            ensure!(now.connections == stats.connections, "L3", "the idle connection went");
        }
        Ok(())
    }

    /// S16: nothing that a session shows of itself has the authentication code in it.
    fn check_secrets(&mut self) -> Result<(), Violation> {
        let mut text = String::with_capacity(1 << 15);
        for side in Side::BOTH {
            // It is long: of the compact size it is checked in one case of eight, of the full size in tests of their own.
            let own = self.setup.own(side);
            if match own.size {
                Size::Small => true,
                Size::Compact => (own.seed / 2).is_multiple_of(8),
                Size::Full => false,
            } {
                let session = self.end(side).witness.session();
                text.clear();
                write!(text, "{session:?}").expect("a string takes everything");
                ensure!(
                    super::find_secret(&text).is_none(),
                    "S16",
                    "the session's Debug shows the code"
                );
            }
        }
        let leak = self.notes.leak();
        ensure!(leak.is_none(), "S16", "{leak:?}");
        Ok(())
    }
}
