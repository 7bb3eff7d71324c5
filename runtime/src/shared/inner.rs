//! What is behind the lock.

use crate::error::LastFailure;
use crate::events::{Subscribers, label};
use crate::latencies::Latencies;
use crate::session::AnySession;
use crate::wakers::{Line, Ticket, Wakes, seat};
use cync_core::{ConnectError, Event, HangupReason, Instant, MessageId, Outcome, Receipt, State};
use std::collections::BTreeMap;
use std::task::{Context, Waker};
use tracing::Span;

/// The end of a message that somebody waits for.
#[derive(Debug)]
pub(crate) enum End {
    /// It has not come.
    Expected(Option<Waker>),
    /// It has.
    Come(Outcome, Receipt),
}

/// What a session without a connection wants of whoever dials for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    /// A connection.
    Dial,
    /// No more connections: the first one did not come about.
    GiveUp(ConnectError),
}

/// Which of the drivers that a session had, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seat(u64);

/// Which of those who dialled for a session, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shift(u64);

/// Who sees to it that there is a connection.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Upkeep {
    /// Somebody dials when the session asks for it, and keeps its time meanwhile.
    pub(crate) dialler: bool,
    /// The peer may dial in again.
    pub(crate) hub: bool,
}

pub(crate) struct Inner {
    pub(crate) session: Box<dyn AnySession>,
    /// The messages whose end somebody waits for.
    pub(crate) ends: BTreeMap<MessageId, End>,
    /// In which span of the application a message was sent, while it has not ended and debugging is on.
    spans: BTreeMap<MessageId, Span>,
    /// Those who wait for room for a message.
    pub(crate) senders: Line,
    /// Those who wait for a message.
    pub(crate) readers: Line,
    /// Those who wait for a change of anything else.
    pub(crate) watchers: Line,
    pub(crate) subscribers: Subscribers,
    pub(crate) latencies: Latencies,
    pub(crate) upkeep: Upkeep,
    pub(crate) ask: Option<Ask>,
    /// The task that dials.
    dialler: Option<Waker>,
    shift: Shift,
    /// The task that drives the present connection.
    driver: Option<Waker>,
    /// It was woken, and has not come yet.
    driver_called: bool,
    driven: bool,
    /// Somebody was told of the end of a message since the driver looked last.
    pub(crate) told: bool,
    seat: Seat,
    /// Why the session hung up on its last connection, if it did.
    pub(crate) hangup: Option<HangupReason>,
    /// Why the first connection was given up.
    pub(crate) gave_up: Option<ConnectError>,
    /// Why there was no connection last, until there is one.
    pub(crate) last_failure: Option<LastFailure>,
    /// The peer asked for the time, and nobody has told it.
    pub(crate) clock_asked: bool,
    pub(super) wakes: Wakes,
}

impl Inner {
    pub(super) fn new(session: Box<dyn AnySession>) -> Self {
        Self {
            session,
            ends: BTreeMap::new(),
            spans: BTreeMap::new(),
            senders: Line::default(),
            readers: Line::default(),
            watchers: Line::default(),
            subscribers: Subscribers::default(),
            latencies: Latencies::default(),
            upkeep: Upkeep::default(),
            ask: None,
            dialler: None,
            shift: Shift(0),
            driver: None,
            driver_called: false,
            driven: false,
            told: false,
            seat: Seat(0),
            hangup: None,
            gave_up: None,
            last_failure: None,
            clock_asked: false,
            wakes: Wakes::default(),
        }
    }

    /// The session is a new driver's from now on.
    pub(super) fn new_driver(&mut self) -> Seat {
        self.seat = Seat(self.seat.0 + 1);
        (self.driven, self.driver_called) = (true, false);
        let replaced = self.driver.take();
        self.wakes.discard(replaced);
        (self.hangup, self.gave_up, self.ask) = (None, None, None);
        self.changed();
        self.seat
    }

    /// Whether there is a connection, or may be another one.
    pub(crate) fn goes_on(&self) -> bool {
        let Upkeep { dialler, hub } = self.upkeep;
        let another = hub || (dialler && self.session.is_dialling());
        self.driven || (another && self.session.state() != State::Closed)
    }

    /// Whether it takes no more messages, for good.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.session.state(), State::Draining | State::Closed)
    }

    /// Whether somebody calls the session when its deadlines come.
    pub(crate) const fn is_attended(&self) -> bool {
        self.driven || self.upkeep.dialler
    }

    pub(crate) const fn is_driven(&self) -> bool {
        self.driven
    }

    pub(crate) fn is_driven_by(&self, seat: Seat) -> bool {
        self.driven && self.seat == seat
    }

    /// Whether a newer driver has been given the session, be it gone by now.
    pub(crate) fn is_replaced(&self, seat: Seat) -> bool {
        self.seat != seat
    }

    /// A message was sent just now: what is logged of it belongs to the span that the application is in.
    pub(crate) fn note_span(&mut self, id: MessageId) {
        if tracing::enabled!(tracing::Level::DEBUG) {
            self.spans.insert(id, Span::current());
        }
    }

    /// The span in which a message was sent.
    pub(crate) fn span(&self, id: MessageId) -> Option<Span> {
        self.spans.get(&id).cloned()
    }

    /// Waits in a line.
    pub(crate) fn wait(
        &mut self,
        line: fn(&mut Self) -> &mut Line,
        ticket: &mut Option<Ticket>,
        context: &Context<'_>,
    ) {
        let replaced = line(self).wait(ticket, context);
        self.wakes.discard(replaced);
    }

    /// Leaves a line, served or not.
    pub(crate) fn leave(&mut self, line: fn(&mut Self) -> &mut Line, ticket: Ticket) {
        let spent = line(self).leave(ticket);
        self.wakes.discard(spent);
    }

    /// Waits for the end of a message; the end, if it has come.
    pub(crate) fn wait_for_end(
        &mut self,
        id: MessageId,
        context: &Context<'_>,
    ) -> Option<(Outcome, Receipt)> {
        match self.ends.get_mut(&id)? {
            End::Expected(waker) => {
                let replaced = seat(waker, context);
                self.wakes.discard(replaced);
                None
            }
            End::Come(outcome, receipt) => {
                let end = (*outcome, *receipt);
                self.ends.remove(&id);
                Some(end)
            }
        }
    }

    /// Nobody waits for the end of a message any more.
    pub(crate) fn forget_end(&mut self, id: MessageId) {
        if let Some(End::Expected(waker)) = self.ends.remove(&id) {
            self.wakes.discard(waker);
        }
    }

    /// A waker that is not needed any more.
    pub(crate) fn discard(&mut self, waker: Option<Waker>) {
        self.wakes.discard(waker);
    }

    /// The driver is woken by this from now on.
    pub(crate) fn seat_driver(&mut self, context: &Context<'_>) {
        self.driver_called = false;
        let replaced = seat(&mut self.driver, context);
        self.wakes.discard(replaced);
    }

    /// Somebody dials from now on; whoever did before does not.
    pub(crate) fn begin_shift(&mut self) -> Shift {
        if self.session.state() == State::Connecting {
            // Whoever was asked for this connection will not bring it.
            self.ask = Some(Ask::Dial);
        }
        self.dialler.take().into_iter().for_each(|waker| self.wakes.add(waker));
        self.upkeep.dialler = true;
        self.gave_up = None;
        self.shift = Shift(self.shift.0 + 1);
        self.shift
    }

    pub(crate) fn is_on_shift(&self, shift: Shift) -> bool {
        self.shift == shift
    }

    /// Nobody dials any more, unless somebody else has begun to.
    pub(crate) fn end_shift(&mut self, shift: Shift) {
        if self.is_on_shift(shift) {
            self.upkeep.dialler = false;
            let dialler = self.dialler.take();
            self.wakes.discard(dialler);
            self.wake_everybody();
        }
    }

    /// Whoever dials is woken by this from now on.
    pub(crate) fn seat_dialler(&mut self, context: &Context<'_>) {
        let replaced = seat(&mut self.dialler, context);
        self.wakes.discard(replaced);
    }

    /// There may be something to do for the driver, or while there is none for whoever dials. If nobody does, those who wait for
    /// events keep the time, and its next deadline may be another one.
    pub(crate) fn wake_driver(&mut self) {
        if !self.is_attended() {
            self.subscribers.wake(&mut self.wakes);
            return;
        }
        let waker = match (self.driven, self.driver_called) {
            (true, true) => return,
            (true, false) => &self.driver,
            (false, _) => &self.dialler,
        };
        if let Some(waker) = waker {
            self.wakes.add(waker.clone());
            self.driver_called = self.driven;
        }
    }

    /// What watchers look at may have changed.
    pub(crate) fn changed(&mut self) {
        self.watchers.all().for_each(|waker| self.wakes.add(waker.clone()));
    }

    /// There may be room for a message, or never will be.
    pub(crate) fn wake_sender(&mut self) {
        self.senders.first().into_iter().for_each(|waker| self.wakes.add(waker.clone()));
    }

    /// There may be a message, or none will come any more.
    pub(crate) fn wake_reader(&mut self) {
        self.readers.first().into_iter().for_each(|waker| self.wakes.add(waker.clone()));
    }

    /// Nobody drives the session any more, who waits for something from it has to look after it.
    pub(crate) fn undriven(&mut self) {
        self.driven = false;
        let driver = self.driver.take();
        self.wakes.discard(driver);
        self.wake_everybody();
    }

    pub(crate) fn wake_everybody(&mut self) {
        let ends = self.ends.values().filter_map(|end| match end {
            End::Expected(waker) => waker.as_ref(),
            End::Come(..) => None,
        });
        let lines = [&self.senders, &self.readers, &self.watchers];
        let all = lines.into_iter().flat_map(Line::all).chain(ends).chain(&self.dialler);
        all.for_each(|waker| self.wakes.add(waker.clone()));
        self.subscribers.wake(&mut self.wakes);
    }

    /// Calls the session if its deadline has come. Returns the next one.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Instant> {
        let deadline = self.session.poll_timeout()?.at;
        if deadline > now {
            return Some(deadline);
        }
        self.session.handle_timeout(now);
        self.session.poll_timeout().map(|deadline| deadline.at)
    }

    /// Passes the session's events on.
    pub(crate) fn settle(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.subscribers.tell(&event, &mut self.wakes);
            match event {
                Event::Done { id, outcome, receipt } => {
                    let span = self.spans.remove(&id).unwrap_or_else(Span::none);
                    span.in_scope(|| {
                        let attempts = receipt.attempts;
                        tracing::debug!(event = "done", outcome = label(outcome), %id, end = ?outcome, attempts);
                    });
                    if outcome.is_success() {
                        self.latencies.record(receipt.done_at.since(receipt.queued_at));
                    }
                    // Nobody waits for the others.
                    if let Some(end) = self.ends.get_mut(&id)
                        && let End::Expected(Some(waker)) =
                            std::mem::replace(end, End::Come(outcome, receipt))
                    {
                        self.wakes.add(waker);
                        self.told = true;
                    }
                }
                Event::StateChanged(state) => {
                    tracing::debug!(event = "state", %state);
                    if state == State::Closed {
                        self.wake_everybody();
                    } else {
                        self.changed();
                    }
                    if state == State::Draining {
                        // Whoever waits for room is told that there will be none.
                        self.senders.all().for_each(|waker| self.wakes.add(waker.clone()));
                    }
                }
                Event::Hangup(why) => {
                    tracing::debug!(event = "hangup", %why);
                    self.hangup = Some(why);
                    self.wake_driver();
                }
                Event::Dial => {
                    self.ask = Some(Ask::Dial);
                    self.wake_driver();
                }
                Event::ConnectFailed(why) => {
                    tracing::debug!(event = "gave_up", %why);
                    (self.ask, self.gave_up) = (Some(Ask::GiveUp(why)), Some(why));
                    self.wake_driver();
                    self.changed();
                }
                Event::Readable => self.wake_reader(),
                Event::Writable => self.wake_sender(),
                Event::InboxOverrun { dropped } => tracing::warn!(event = "inbox_overrun", dropped),
                Event::ClockAsked => self.clock_asked = true,
                _ => {}
            }
        }
    }
}
