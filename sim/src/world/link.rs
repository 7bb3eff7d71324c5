//! A link between a controller and a device: two sessions, and the connection between them.

use super::manners::Manners;
use super::pipe::Pipe;
use super::records::Records;
use super::seat::Seat;
use crate::Side;
use crate::witness::Bytes;
use cync_core::DeliveryId;
use cync_core::wire::StatusCode;
use std::collections::VecDeque;

/// One end of a link.
#[derive(Debug)]
pub(super) struct End<'t> {
    pub(super) witness: Seat<'t>,
    pub(super) records: Records,
    /// What travels to it.
    pub(super) pipe: Pipe,
    /// The connection that its driver has.
    pub(super) epoch: Option<u32>,
    /// Its driver is to open connections.
    pub(super) dials: bool,
    /// How many ticks it has had.
    pub(super) ticks: u64,
    /// What the next one is for: the deadline, how late it is, and whether a needless one comes before.
    pub(super) tick: Option<Tick>,
    /// A needless tick, if one is to come.
    pub(super) early_at: Option<u64>,
    /// `send` has room again for what waits.
    pub(super) writable: bool,
    /// `recv` may have something.
    pub(super) readable: bool,
    /// Its application takes nothing before this time.
    pub(super) deaf_until: u64,
    /// Its driver reads nothing before this time.
    pub(super) slow_until: u64,
    /// What it sends before this time is lost.
    pub(super) silent_until: u64,
    /// Greetings and signs of life that it sent, and other packets that are not about a message.
    pub(super) others: u32,
    /// The session refused something, and is to be offered input once it wants some.
    pub(super) stalled: bool,
    pub(super) manners: Manners,
    /// There was no room on its connection.
    pub(super) congested: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tick {
    pub(super) deadline: u64,
    pub(super) late: u64,
    /// It was due already, and something else happened before it came.
    pub(super) missed: bool,
}

/// Something that a device does with a request, when it has taken its time.
#[derive(Clone, Debug)]
pub(super) struct Reaction {
    pub(super) due: u64,
    pub(super) id: DeliveryId,
    pub(super) message: Option<u32>,
    pub(super) op: u8,
    pub(super) data: Bytes,
    /// It refuses the request with this status.
    pub(super) refusal: Option<StatusCode>,
    /// The life of the device in which it took it.
    pub(super) life: u32,
}

/// A controller, a device, and what joins them.
#[derive(Debug)]
pub(super) struct Link<'t> {
    pub(super) controller: End<'t>,
    pub(super) device: End<'t>,
    /// The newest connection.
    pub(super) epoch: u32,
    /// A connection is being made, and this is when it succeeds, or fails.
    pub(super) dialling: Option<(u64, bool)>,
    /// No packet gets through, and no connection can be made, before this time.
    pub(super) partitioned_until: u64,
    /// Greetings are refused before this time.
    pub(super) refusing_until: u64,
    /// The device is off before this time; and when it comes back, it has forgotten everything.
    pub(super) off_until: u64,
    pub(super) forgets: bool,
    pub(super) life: u32,
    pub(super) reactions: VecDeque<Reaction>,
    /// Commands that wait for room, and who waits.
    pub(super) waiting: VecDeque<crate::scenario::Op>,
}

impl Tick {
    /// Being late has made, or makes, a difference.
    pub(super) const fn matters(&self, now: u64) -> bool {
        self.late > 0 && (self.missed || self.deadline < now)
    }
}

impl<'t> Link<'t> {
    pub(super) const fn end(&mut self, side: Side) -> &mut End<'t> {
        match side {
            Side::Controller => &mut self.controller,
            Side::Device => &mut self.device,
        }
    }

    pub(super) const fn end_ref(&self, side: Side) -> &End<'t> {
        match side {
            Side::Controller => &self.controller,
            Side::Device => &self.device,
        }
    }

    pub(super) const fn both(&mut self, side: Side) -> (&mut End<'t>, &mut End<'t>) {
        match side {
            Side::Controller => (&mut self.controller, &mut self.device),
            Side::Device => (&mut self.device, &mut self.controller),
        }
    }
}
