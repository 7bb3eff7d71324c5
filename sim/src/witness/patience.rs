//! L4: a session hangs up for a reason, says which, and does so in time.

use super::{Flight, Violation, Watch, Witness, ensure};
use crate::Size;
use cync_core::wire::{Packet, StatusCode};
use cync_core::{Config, HangupReason, Instant, State};
use std::time::Duration;

/// Answers to nothing that a session puts up with, at least, before it takes them for an attack.
const UNMATCHED: u64 = 256;

/// What is known of a connection that its session may hang up for.
#[derive(Debug)]
pub(super) struct Patience {
    greeting: Duration,
    packet: Duration,
    /// The longest packet that is taken.
    mtu: usize,
    connected_at: Instant,
    /// When the first bytes were taken of a packet that is not whole.
    begun: Option<Instant>,
    /// A tick came that was too late for such a packet.
    waited: bool,
    /// The peer refused the greeting.
    refused: Option<StatusCode>,
    /// Something forged was taken, so that the stream may be out of step, or a packet that is too long for this session.
    strange: bool,
}

impl Patience {
    pub(super) const fn new(size: Size, config: &Config) -> Self {
        Self {
            greeting: config.greeting_timeout,
            packet: config.packet_timeout,
            mtu: size.mtu(),
            connected_at: Instant::ZERO,
            begun: None,
            waited: false,
            refused: None,
            strange: false,
        }
    }

    /// A connection came or went.
    pub(super) const fn on_connection(&mut self, now: Instant) {
        let Self { greeting, packet, mtu, .. } = *self;
        let (begun, waited, refused, strange) = (None, false, None, false);
        *self = Self { greeting, packet, mtu, connected_at: now, begun, waited, refused, strange };
    }

    /// Input was offered, of which so much is a packet that is not whole.
    pub(super) fn on_input(&mut self, now: Instant, flight: &Flight, is_partial: bool) {
        self.strange |= flight.forged || flight.bytes.len() > self.mtu;
        self.begun = is_partial.then(|| self.begun.unwrap_or(now));
    }

    /// A packet came before the session was ready.
    pub(super) const fn on_greeting(&mut self, packet: &Packet<'_>) {
        if let Packet::HelloAck(ack) | Packet::AppLoginAck(ack) = packet
            && !ack.status.is_ok()
        {
            self.refused = Some(ack.status);
        }
    }
}

impl Witness {
    /// What has waited for too long is not waited for any more: the session was just told the time.
    pub(super) fn check_waits(&mut self) -> Result<(), Violation> {
        let (now, patience) = (self.told, &mut self.patience);
        let packet = patience.begun.is_some_and(|begun| now >= begun + patience.packet);
        patience.waited |= packet;
        let greets = self.session.state() == State::Greeting && self.wire.is_some();
        let greeting = greets && now >= patience.connected_at + patience.greeting;
        if packet || greeting {
            let what = if packet { "the rest of a packet" } else { "a greeting" };
            ensure!(
                self.has_hung_up(),
                "L4",
                "{what} is waited for at {now:?}: {patience:?}",
                patience = self.patience
            );
        }
        Ok(())
    }

    /// Why the session hangs up is so.
    pub(super) fn check_hangup(&self, why: HangupReason) -> Result<(), Violation> {
        if self.watch != Watch::Everything {
            return Ok(());
        }
        let Patience { greeting, connected_at, waited, refused, strange, .. } = self.patience;
        let right = match why {
            HangupReason::GreetingTimeout => self.told >= connected_at + greeting,
            HangupReason::PacketTimeout => waited,
            HangupReason::Refused(status) => refused == Some(status),
            HangupReason::NotThisProtocol(..) => strange,
            HangupReason::UnmatchedAnswers => self.session.stats().unmatched_answers > UNMATCHED,
            HangupReason::Closed { .. } => self.closed,
            // Whoever drives it knows when it heard something last.
            _ => true,
        };
        ensure!(right, "L4", "{why} at {:?}: {:?}", self.told, self.patience);
        Ok(())
    }
}
