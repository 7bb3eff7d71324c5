//! One side: a session, what its driver and its application keep, and what the model knows of it.

use super::book::Book;
use super::ears::{Ears, Waiting};
use super::ending::Levels;
use super::setup::{Setup, Side};
use super::wires::Arrived;
use super::{Violation, ensure};
use cync_core::{DeliveryId, HangupReason, Instant, Stats};
use cync_sim::AnySession;

/// One side.
#[derive(Debug)]
pub(super) struct End {
    pub(super) session: AnySession,
    pub(super) book: Book,
    pub(super) ears: Ears,
    /// When the session was told the time last.
    pub(super) told: Instant,
    /// The connection that its driver has.
    pub(super) wire: Option<u32>,
    /// The newest connection that it had.
    pub(super) last_wire: Option<u32>,
    pub(super) arrived: Arrived,
    /// The session refused something, which may be a packet that it holds itself.
    pub(super) stalled: bool,
    /// A greeting was handed over on this connection.
    pub(super) greeted: bool,
    /// The session asked for a connection.
    pub(super) dial_asked: bool,
    /// `connect` was called, and not given up.
    pub(super) dials: bool,
    /// There is said to be room for so many bytes.
    pub(super) writable: Option<u16>,
    /// Connections that cannot be opened.
    pub(super) unreachable: u8,
    pub(super) drain_until: Option<Instant>,
    /// A sign of life was asked for.
    pub(super) pinged: bool,
    pub(super) last_sent: Instant,
    pub(super) sent: u64,
    pub(super) heard: u64,
    /// Requests that the application took, and may answer.
    pub(super) taken: Vec<(DeliveryId, Option<Waiting>)>,
    /// The session asked for the connection to be closed.
    pub(super) hangup: Option<HangupReason>,
}

impl End {
    pub(super) fn new(setup: &Setup, side: Side, watched: bool) -> Self {
        let own = setup.own(side);
        let session = AnySession::new(own.size, setup.config(side), own.seed);
        Self {
            session: session.expect("a setup breaks no rule"),
            book: Book::new(setup, side, watched),
            ears: Ears::new(setup, side),
            told: Instant::ZERO,
            wire: None,
            last_wire: None,
            arrived: Arrived::default(),
            stalled: false,
            greeted: false,
            dial_asked: false,
            dials: false,
            writable: None,
            unreachable: 0,
            drain_until: None,
            pinged: false,
            last_sent: Instant::ZERO,
            sent: 0,
            heard: 0,
            taken: Vec::new(),
            hangup: None,
        }
    }

    /// What belongs to a connection goes.
    pub(super) fn reset(&mut self, wire: Option<u32>) {
        self.wire = wire;
        self.last_wire = self.last_wire.max(wire);
        self.arrived = Arrived::default();
        self.stalled = false;
        self.greeted = false;
        self.hangup = None;
        self.writable = None;
        self.pinged = false;
        self.ears.on_connection();
    }

    /// What every step must leave behind.
    pub(super) fn check(&self) -> Result<(), Violation> {
        self.check_levels()?;
        self.check_counters()
    }

    /// S4 and S12: levels are within bounds, and what was sent is somewhere.
    fn check_levels(&self) -> Result<(), Violation> {
        let (queued, in_flight) = (self.session.queued(), self.session.in_flight());
        let own = &self.book.own;
        let limit = usize::from(own.window + own.queue.limit);
        ensure!(in_flight <= own.window.into(), "S4", "{in_flight} in flight");
        ensure!(queued + in_flight <= limit, "S4", "{queued} queued, {in_flight} in flight");
        let Levels { queued: [least, most], in_flight: [least_sent, most_sent] } =
            self.book.levels();
        let right =
            (least..=most).contains(&queued) && (least_sent..=most_sent).contains(&in_flight);
        ensure!(
            right,
            "S12",
            "{queued} queued, expected {least} to {most}; {in_flight} in flight, expected \
             {least_sent} to {most_sent}"
        );
        let waiting = self.ears.waiting();
        let inbox = self.session.inbox_len();
        ensure!(inbox == waiting, "S6", "{inbox} messages wait, expected {waiting}");
        let remembered = self.session.remembered();
        let most = self.ears.accepted().min(own.size.seen().into());
        ensure!(remembered <= most, "S4", "{remembered} remembered, at most {most} expected");
        let held = self.arrived.held();
        ensure!(held <= own.size.mtu(), "S4", "{held} bytes of a packet are held");
        Ok(())
    }

    /// S12: the counters add up, and are what the model counted.
    fn check_counters(&self) -> Result<(), Violation> {
        let stats = self.session.stats();
        let live = (self.session.queued() + self.session.in_flight()) as u64;
        let ended = stats.reached + stats.nacked + stats.not_sent.total() + stats.unknown.total();
        let sent = stats.messages_sent;
        ensure!(sent == ended + live, "S12", "{sent} sent, {ended} ended, {live} live");
        let copies = |message: &super::book::Message| message.copies.len() as u64;
        let book = &self.book;
        let repeated = stats.retransmissions;
        let dropped = stats.states_dropped + stats.messages_dropped;
        for (name, counted, expected) in [
            ("messages_sent", sent, book.messages.len() as u64),
            ("packets_sent", stats.packets_sent, self.sent),
            ("packets_received", stats.packets_received, self.heard),
            ("attempts", stats.attempts.iter().sum(), book.messages.iter().map(copies).sum()),
            ("retransmissions.timeout", repeated.timeout, book.timed_out),
            ("retransmissions.refused", repeated.refused, book.refused),
            ("retransmissions.reconnected", repeated.reconnected, book.reconnected),
            ("accepted", stats.accepted, self.ears.deliveries),
            ("duplicates", stats.duplicates, self.ears.duplicates),
            ("dropped", dropped, self.ears.dropped),
        ] {
            ensure!(counted == expected, "S12", "{name} is {counted}, expected {expected}");
        }
        Ok(())
    }

    /// S12: once everything was told, the counters of outcomes are what was told.
    pub(super) fn check_outcomes(&self) -> Result<(), Violation> {
        let Stats { reached, nacked, not_sent, unknown, .. } = self.session.stats();
        let told = |name: &str| self.book.told.get(name).copied().unwrap_or(0);
        for (name, counted) in [
            ("reached", *reached),
            ("nacked", *nacked),
            ("not sent: Deadline", not_sent.timeout),
            ("not sent: Disconnected", not_sent.disconnected),
            ("not sent: Superseded", not_sent.superseded),
            ("not sent: Dropped", not_sent.dropped),
            ("not sent: Cancelled", not_sent.cancelled),
            ("not sent: Closed", not_sent.closed),
            ("unknown: Timeout", unknown.timeout),
            ("unknown: Disconnected", unknown.disconnected),
            ("unknown: Superseded", unknown.superseded),
            ("unknown: Cancelled", unknown.cancelled),
            ("unknown: Closed", unknown.closed),
            ("unknown: Expired", unknown.expired),
        ] {
            let told = told(name);
            ensure!(counted == told, "S12", "{name}: counted {counted}, told {told}");
        }
        Ok(())
    }
}
