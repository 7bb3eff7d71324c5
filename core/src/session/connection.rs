use super::machine::{ClockAsked, Machine};
use crate::dial::Attempt;
use crate::event::{Disconnect, HangupReason, State};
use crate::link::Closing;

impl<const SLOTS: usize, const SEEN: usize> Machine<SLOTS, SEEN> {
    pub(super) fn connect(&mut self) {
        if !matches!(self.link.state(), State::Draining | State::Closed) {
            self.connect_failed = None;
            self.dialler.start(self.now, self.link.state() != State::Disconnected);
            self.dial_if_due();
        }
    }

    pub(super) fn reconnect(&mut self, on: bool) {
        self.dialler.ask_again(on);
        if !self.dialler.is_on() {
            self.dial_asked = false;
            if self.link.state() == State::Connecting {
                self.link.disconnected();
            }
        }
    }

    pub(super) const fn is_dialling(&self) -> bool {
        self.dialler.is_on()
    }

    /// Asks for a connection whose time has come.
    pub(super) fn dial_if_due(&mut self) {
        if self.dialler.poll(self.now) {
            (self.dial_asked, self.has_rare_news) = (true, true);
            self.stats.dials += 1;
            self.link.connecting();
        }
    }

    pub(super) fn connected(&mut self) {
        if self.link.has_connection() {
            self.stats.disconnections.count(Disconnect::Replaced);
            self.last_end = Some(Disconnect::Replaced);
        }
        if let Some(why) = self.last_end.take() {
            self.stats.reconnections.count(why);
        }
        self.leave_connection();
        self.epoch = self.epoch.wrapping_add(1);
        self.inbox.connected();
        self.stats.connections += 1;
        self.dialler.connected();
        self.dial_asked = false;
        if self.link.state() == State::Closed {
            self.link.hang_up(HangupReason::Closed { left: 0 });
        } else {
            self.link.connected(self.now, &self.config.greeting);
        }
    }

    pub(super) fn disconnected(&mut self, why: Disconnect) {
        let attempt = match self.link.state() {
            State::Connecting => Attempt::Unreachable,
            State::Greeting => Attempt::NotGreeted,
            // After draining nothing is dialled.
            State::Ready | State::Draining => {
                Attempt::Ready { stable: self.link.was_stable(self.now) }
            }
            // One that came after the session was closed.
            State::Closed if self.link.has_connection() => Attempt::NotGreeted,
            // It has been dealt with, or is none that counts.
            State::Disconnected | State::Closed => return self.leave_connection(),
        };
        self.stats.disconnections.count(why);
        if attempt != Attempt::Unreachable {
            self.last_end = Some(why);
        }
        self.leave_connection();
        self.dial_asked = false;
        // What was given up before and not told yet stays so.
        self.connect_failed = self.dialler.ended(self.now, attempt).or(self.connect_failed);
        self.has_rare_news |= self.connect_failed.is_some();
    }

    /// What belongs to a connection goes with it.
    fn leave_connection(&mut self) {
        let ends = matches!(self.link.state(), State::Draining | State::Closed);
        match self.link.hangup() {
            Some(HangupReason::GreetingTimeout) => self.stats.greetings.timed_out += 1,
            Some(HangupReason::Refused(_)) => self.stats.greetings.refused += 1,
            _ => {}
        }
        let ride_through = self.config.ride_through && !ends;
        self.outbox.disconnect(self.now, ride_through, &mut self.stats);
        if !planted!(AnswerOfOldConnection) {
            self.answers.clear();
        }
        self.link.disconnected();
        self.clock_asked = ClockAsked::No;
    }

    pub(super) fn close(&mut self) {
        self.dialler.stop();
        self.dial_asked = false;
        let until = self.now.plus_micros(self.config.drain_timeout);
        match self.link.close(until) {
            Closing::Drains => self.hang_up_if_drained(),
            Closing::HangsUp => self.end_draining(),
            Closing::Over => {
                self.outbox.close(self.now, &mut self.stats);
            }
        }
    }

    /// Ends what is left, and hangs up.
    pub(super) fn end_draining(&mut self) {
        let left = self.outbox.close(self.now, &mut self.stats);
        self.answers.clear();
        self.link.hang_up(HangupReason::Closed { left });
    }

    #[inline]
    pub(super) fn hang_up_if_drained(&mut self) {
        if self.link.state() == State::Draining {
            self.hang_up_if_idle();
        }
    }

    #[cold]
    fn hang_up_if_idle(&mut self) {
        if self.outbox.is_idle() && self.answers.is_empty() {
            self.link.hang_up(HangupReason::Closed { left: 0 });
        }
    }
}
