//! One side: a session under observation, and what its driver and its application keep.

use super::setup::{Setup, Side};
use super::wires::Arrived;
use cync_core::{DeliveryId, Instant, MessageId, Outcome, Receipt};
use cync_sim::witness::Witness;
use std::collections::BTreeMap;

/// One side.
#[derive(Debug)]
pub(super) struct End {
    pub(super) witness: Witness,
    /// When the session was told the time last.
    pub(super) told: Instant,
    /// The connection that its driver has.
    pub(super) wire: Option<u32>,
    /// The newest connection that it had.
    pub(super) last_wire: Option<u32>,
    pub(super) arrived: Arrived,
    /// The session asked for a connection.
    pub(super) dial_asked: bool,
    /// `connect` was called, and not given up.
    pub(super) dials: bool,
    /// There is said to be room for so many bytes.
    pub(super) writable: Option<usize>,
    /// Connections that cannot be opened.
    pub(super) unreachable: u8,
    /// Every id that `send` returned, newest last.
    pub(super) ids: Vec<MessageId>,
    /// The first copies of messages.
    pub(super) sent: BTreeMap<u32, Vec<u8>>,
    pub(super) done: BTreeMap<MessageId, (Outcome, Receipt)>,
    /// Requests that the application took, and may answer.
    pub(super) taken: Vec<DeliveryId>,
}

impl End {
    pub(super) fn new(setup: &Setup, side: Side, watched: bool) -> Self {
        let own = setup.own(side);
        let new = if watched { Witness::new } else { Witness::unwatched };
        let witness = new(own.size, setup.config(side), own.seed);
        Self {
            witness: witness.expect("a setup breaks no rule"),
            told: Instant::ZERO,
            wire: None,
            last_wire: None,
            arrived: Arrived::default(),
            dial_asked: false,
            dials: false,
            writable: None,
            unreachable: 0,
            ids: Vec::new(),
            sent: BTreeMap::new(),
            done: BTreeMap::new(),
            taken: Vec::new(),
        }
    }

    /// What belongs to a connection goes.
    pub(super) fn reset(&mut self, wire: Option<u32>) {
        self.wire = wire;
        self.last_wire = self.last_wire.max(wire);
        self.arrived = Arrived::default();
        self.writable = None;
        self.dial_asked = false;
    }
}
