//! A session's seat in the world: every call of it goes through here, so that a trace lacks none.

use crate::Violation;
use crate::sized::AnySession;
use crate::trace::{Call, DELIVERIES, Place, Shared, hide, out};
use crate::witness::{Asked, Flight, Got, Handed, Taken, Witness};
use cync_core::wire::StatusCode;
use cync_core::{
    CivilTime, Deadline, DeliveryId, Disconnect, Event, Instant, MessageId, RespondError, SendError,
};
use serde_json::Value;
use std::collections::VecDeque;

/// A session under observation, and what writes down what is said to it and what it says.
#[derive(Debug)]
pub(super) struct Seat<'t> {
    witness: Witness,
    record: Option<Box<Record<'t>>>,
}

#[derive(Debug)]
struct Record<'t> {
    log: Shared<'t>,
    place: Place,
    /// What can be answered, so that a trace can say which it was.
    delivered: u64,
    deliveries: VecDeque<Option<DeliveryId>>,
}

impl<'t> Seat<'t> {
    pub(super) const fn new(witness: Witness) -> Self {
        Self { witness, record: None }
    }

    /// A seat that everything is written down of; it is new, and this is the device's life.
    pub(super) fn traced(witness: Witness, log: Shared<'t>, place: Place, life: u32) -> Self {
        let record = Record { log, place, delivered: 0, deliveries: VecDeque::new() };
        let mut seat = Self { witness, record: Some(Box::new(record)) };
        seat.note(Instant::from_micros(place.time), |_| (Call::New { life }, None));
        seat
    }

    /// Writes a call down, if anybody wants it.
    fn note(&mut self, now: Instant, call: impl FnOnce(&mut Record<'t>) -> (Call, Option<Value>)) {
        if let Some(record) = &mut self.record {
            record.place.time = now.as_micros();
            let (call, out) = call(record);
            record.log.borrow_mut().call(record.place, &call, out);
        }
    }

    /// The session, to look at.
    pub(super) const fn session(&self) -> &AnySession {
        self.witness.session()
    }

    /// How much its model remembers.
    pub(super) fn remembered(&self) -> usize {
        self.witness.remembered()
    }

    /// L1: what should have ended by now has.
    pub(super) fn check_ends(&self, now: Instant) -> Result<(), Violation> {
        self.witness.check_ends(now)
    }

    /// Messages that it has accepted, in all its lives.
    pub(super) const fn accepted(&self) -> u32 {
        self.witness.accepted()
    }

    pub(super) fn connect(&mut self, now: Instant) {
        self.witness.connect(now);
        self.note(now, |_| (Call::Connect, None));
    }

    pub(super) fn connected(&mut self, now: Instant, epoch: u32) -> Result<(), Violation> {
        let done = self.witness.connected(now, epoch);
        self.note(now, |_| (Call::Connected, None));
        done
    }

    pub(super) fn disconnected(&mut self, now: Instant, why: Disconnect) -> Result<(), Violation> {
        let done = self.witness.disconnected(now, why);
        self.note(now, |_| (Call::Disconnected(why), None));
        done
    }

    pub(super) fn wants_input(&self) -> bool {
        self.witness.wants_input()
    }

    pub(super) fn input(
        &mut self,
        now: Instant,
        flight: &Flight,
        from: usize,
        to: usize,
    ) -> Result<Taken, Violation> {
        let taken = self.witness.input(now, flight, from, to);
        self.note(now, |_| {
            let out = taken.as_ref().ok().map(|taken| taken.bytes.into());
            (Call::Input(hide(&flight.bytes, from..to)), out)
        });
        taken
    }

    pub(super) fn answerable(&mut self, message: u32) {
        self.witness.answerable(message);
    }

    pub(super) fn timeout(&mut self, now: Instant) -> Result<(), Violation> {
        let done = self.witness.timeout(now);
        self.note(now, |_| (Call::Timeout, None));
        done
    }

    pub(super) fn send(
        &mut self,
        now: Instant,
        asked: &Asked,
    ) -> Result<Result<(MessageId, u32), SendError>, Violation> {
        let sent = self.witness.send(now, asked);
        self.note(now, |_| {
            let out = sent.as_ref().ok().map(|sent| out::send(sent.as_ref().map(|(id, _)| *id)));
            (Call::Send(asked.clone()), out)
        });
        sent
    }

    pub(super) fn cancel(&mut self, now: Instant, id: MessageId) -> Result<bool, Violation> {
        let was_live = self.witness.cancel(now, id);
        self.note(now, |_| {
            (Call::Cancel(id.to_string()), was_live.as_ref().ok().map(|live| (*live).into()))
        });
        was_live
    }

    pub(super) fn ping(&mut self, now: Instant) -> Result<(), SendError> {
        let done = self.witness.ping(now);
        self.note(now, |_| (Call::Ping, Some(out::done(done.as_ref().copied()))));
        done
    }

    pub(super) fn set_wall_clock(&mut self, now: Instant, civil: CivilTime) {
        self.witness.set_wall_clock(now, civil);
        self.note(now, |_| (Call::Clock(civil), None));
    }

    pub(super) fn transmit(
        &mut self,
        now: Instant,
        packet: &mut [u8],
    ) -> Result<Option<Handed>, Violation> {
        let handed = self.witness.transmit(now, packet);
        self.note(now, |_| {
            let out = handed.as_ref().ok().map(|handed| {
                out::transmit(packet, handed.as_ref().map(|handed| &handed.transmit))
            });
            (Call::Transmit, out)
        });
        handed
    }

    pub(super) fn event(
        &mut self,
        now: Instant,
    ) -> Result<Option<(Event, Option<u32>)>, Violation> {
        let event = self.witness.event();
        self.note(now, |_| {
            let out =
                event.as_ref().ok().map(|event| out::event(event.as_ref().map(|(event, _)| event)));
            (Call::Event, out)
        });
        event
    }

    pub(super) fn recv(&mut self, now: Instant) -> Result<Option<Got>, Violation> {
        let got = self.witness.recv(now);
        self.note(now, |record| {
            if let Ok(Some(got)) = &got {
                record.delivered += 1;
                record.deliveries.push_back(got.id);
                if record.deliveries.len() > DELIVERIES {
                    record.deliveries.pop_front();
                }
            }
            (
                Call::Recv,
                got.as_ref().ok().map(|got| out::recv(got.as_ref().map(Into::into).as_ref())),
            )
        });
        got
    }

    pub(super) fn respond(
        &mut self,
        now: Instant,
        id: DeliveryId,
        status: StatusCode,
    ) -> Result<Result<(), RespondError>, Violation> {
        let done = self.witness.respond(now, id, status);
        self.note(now, |record| {
            let out = done.as_ref().ok().map(|done| out::done(done.as_ref().copied()));
            (Call::Respond(record.nth(id), status), out)
        });
        done
    }

    pub(super) fn report(
        &mut self,
        now: Instant,
        id: DeliveryId,
        status: StatusCode,
    ) -> Result<Result<(), RespondError>, Violation> {
        let done = self.witness.report(now, id, status);
        self.note(now, |record| {
            let out = done.as_ref().ok().map(|done| out::done(done.as_ref().copied()));
            (Call::Report(record.nth(id), status), out)
        });
        done
    }

    /// What every step must leave behind.
    pub(super) fn check(&self) -> Result<(), Violation> {
        self.witness.check()
    }

    /// Everything that could be done was done: when is the session to be told the time?
    pub(super) fn rest(&mut self, now: Instant) -> Option<Deadline> {
        let deadline = self.session().poll_timeout();
        if self.record.is_some() {
            let (state, wants_input) = (self.session().state(), self.session().wants_input());
            let out = out::rest(deadline.as_ref(), state, wants_input);
            self.note(now, |_| (Call::Rest, Some(out)));
        }
        deadline
    }
}

impl Record<'_> {
    /// Which delivery of the session it is, from 0. One that is not known is one that has not come.
    fn nth(&self, id: DeliveryId) -> u64 {
        let back = self.deliveries.iter().rev().position(|known| *known == Some(id));
        back.map_or(u64::MAX, |back| self.delivered - 1 - back as u64)
    }
}
