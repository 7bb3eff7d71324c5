//! What a session owes its driver and its peer beyond messages: signs of life, patience, waits between connections that
//! grow, and room for input.

use super::World;
use super::link::End;
use crate::chaos::micros;
use crate::{Side, Violation};
use cync_core::{HangupReason, State};

/// So many waits in a row without one beyond twice the shortest bound happen once in a million million times, if they grow.
const WAITS: u32 = 22;

/// What is known of an end besides its messages.
#[derive(Debug, Default)]
pub(super) struct Manners {
    /// When it handed a packet over last, or its connection was made.
    pub(super) sent_at: u64,
    /// When it took bytes last, or stopped refusing them.
    pub(super) heard_at: u64,
    /// When its connection became ready.
    ready_at: u64,
    /// When its connection ended, or could not be made.
    ended_at: u64,
    /// Waits in a row that were short, with no connection that lasted in between.
    short_waits: u32,
}

impl Manners {
    pub(super) const fn ready(&mut self, now: u64) {
        self.ready_at = now;
    }

    /// The application asks for a connection of its own accord.
    pub(super) const fn asked_again(&mut self) {
        self.short_waits = 0;
    }

    /// A connection ended, or could not be made: `was_ready` if it was.
    pub(super) const fn ended(&mut self, now: u64, was_ready: bool, stable: u64) {
        self.ended_at = now;
        if was_ready && now.saturating_sub(self.ready_at) >= stable {
            self.short_waits = 0;
        }
    }
}

impl World<'_> {
    /// L3: a side that gives signs of life has the next one on its agenda.
    pub(super) fn check_sign_of_life(&self, side: Side, end: &End<'_>) -> Result<(), Violation> {
        let Some(heartbeat) = self.config(side).heartbeat else { return Ok(()) };
        let session = end.witness.session();
        if session.state() != State::Ready || end.congested || end.epoch.is_none() {
            return Ok(());
        }
        let due = end.manners.sent_at + micros(heartbeat);
        let next = session.poll_timeout().map(|next| next.at.as_micros());
        if next.is_none_or(|next| next > due) {
            let what = format!("no sign of life at {due}, the next deadline is {next:?}");
            return Err(Violation::new("L3", what));
        }
        Ok(())
    }

    /// L4: a session does not blame its peer for its own refusal to take input.
    pub(super) fn check_patience(
        &self,
        side: Side,
        end: &End<'_>,
        why: HangupReason,
    ) -> Result<(), Violation> {
        let waits = match why {
            HangupReason::Silent => micros(self.config(side).silence),
            HangupReason::PacketTimeout => micros(self.config(side).packet_timeout),
            _ => return Ok(()),
        };
        let since = end.manners.heard_at;
        let early = self.now < since + waits && why == HangupReason::Silent;
        if end.stalled || early {
            let what = format!("{why}, though it refused input itself, or took some at {since}");
            return Err(Violation::new("L4", what));
        }
        Ok(())
    }

    /// L4: waits between connections grow while none lasts.
    pub(super) fn check_wait(&mut self, index: usize, side: Side) -> Result<(), Violation> {
        let base = micros(self.config(side).redial.base);
        let now = self.now;
        let manners = &mut self.links[index].end(side).manners;
        let waited = now.saturating_sub(manners.ended_at);
        if waited >= 2 * base {
            manners.short_waits = 0;
            return Ok(());
        }
        manners.short_waits += 1;
        if manners.short_waits > WAITS {
            let what = format!("{WAITS} waits in a row are shorter than {} us", 2 * base);
            return Err(Violation::new("L4", what));
        }
        Ok(())
    }

    /// L4: input is taken when there is room for it.
    pub(super) fn check_room(&self, end: &End<'_>) -> Result<(), Violation> {
        let Some(first) = end.pipe.arrived.front() else { return Ok(()) };
        let whole = first.read == first.parcel.flight.bytes.len();
        let session = end.witness.session();
        let empty = session.inbox_len() == 0 && !end.congested;
        if whole && empty && end.epoch.is_some() && !session.wants_input() {
            return Err(Violation::new("L4", "input is refused though there is room".into()));
        }
        Ok(())
    }
}
