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
    /// When the session was told the time last; what it is told after that at the same time may be wrong.
    told: Instant,
    misled: bool,
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
        Self { witness, record: None, told: Instant::ZERO, misled: false }
    }

    /// A seat that everything is written down of; it is new, and this is the device's life.
    pub(super) fn traced(witness: Witness, log: Shared<'t>, place: Place, life: u32) -> Self {
        let record = Record { log, place, delivered: 0, deliveries: VecDeque::new() };
        let mut record = Box::new(record);
        record.note(Instant::from_micros(place.time), |_| (Call::New { life }, None));
        Self { record: Some(record), ..Self::new(witness) }
    }

    /// From here on, whoever knows what time it is is told an earlier one.
    pub(super) const fn mislead(&mut self) {
        self.misled = true;
    }

    /// What the session is told.
    fn tell(&mut self, now: Instant) -> Instant {
        let knows = self.told == now;
        self.told = now;
        if self.misled && knows { Instant::from_micros(now.as_micros() / 2) } else { now }
    }

    /// Makes a call, and writes it down if anybody wants it.
    #[inline]
    fn call<T>(
        &mut self,
        now: Instant,
        make: impl FnOnce(&mut Witness) -> T,
        note: impl FnOnce(&mut Record<'t>, &T) -> (Call, Option<Value>),
    ) -> T {
        if self.record.is_none() { make(&mut self.witness) } else { self.noted(now, make, note) }
    }

    #[cold]
    #[inline(never)]
    fn noted<T>(
        &mut self,
        now: Instant,
        make: impl FnOnce(&mut Witness) -> T,
        note: impl FnOnce(&mut Record<'t>, &T) -> (Call, Option<Value>),
    ) -> T {
        let made = make(&mut self.witness);
        if let Some(record) = &mut self.record {
            record.note(now, |record| note(record, &made));
        }
        made
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
        let now = self.tell(now);
        self.call(now, |witness| witness.connect(now), |_, ()| (Call::Connect, None));
    }

    pub(super) fn connected(&mut self, now: Instant, epoch: u32) -> Result<(), Violation> {
        let now = self.tell(now);
        self.call(now, |witness| witness.connected(now, epoch), |_, _| (Call::Connected, None))
    }

    pub(super) fn disconnected(&mut self, now: Instant, why: Disconnect) -> Result<(), Violation> {
        let now = self.tell(now);
        let note = |_: &mut Record<'t>, _: &_| (Call::Disconnected(why), None);
        self.call(now, |witness| witness.disconnected(now, why), note)
    }

    pub(super) fn wants_input(&self) -> bool {
        self.witness.wants_input()
    }

    #[inline]
    pub(super) fn input(
        &mut self,
        now: Instant,
        flight: &Flight,
        from: usize,
        to: usize,
    ) -> Result<Taken, Violation> {
        let now = self.tell(now);
        self.call(
            now,
            |witness| witness.input(now, flight, from, to),
            |_, taken| {
                let out = taken.as_ref().ok().map(|taken| taken.bytes.into());
                (Call::Input(hide(&flight.bytes, from..to)), out)
            },
        )
    }

    pub(super) fn answerable(&mut self, message: u32) {
        self.witness.answerable(message);
    }

    pub(super) fn timeout(&mut self, now: Instant) -> Result<(), Violation> {
        self.told = now;
        self.call(now, |witness| witness.timeout(now), |_, _| (Call::Timeout, None))
    }

    pub(super) fn send(
        &mut self,
        now: Instant,
        asked: &Asked,
    ) -> Result<Result<(MessageId, u32), SendError>, Violation> {
        let now = self.tell(now);
        self.call(
            now,
            |witness| witness.send(now, asked),
            |_, sent| {
                let id = |sent: &Result<(MessageId, u32), SendError>| sent.map(|(id, _)| id);
                let out = sent.as_ref().ok().map(|sent| out::send(id(sent)));
                (Call::Send(asked.clone()), out)
            },
        )
    }

    pub(super) fn cancel(&mut self, now: Instant, id: MessageId) -> Result<bool, Violation> {
        self.call(
            now,
            |witness| witness.cancel(now, id),
            |_, was_live| {
                let out = was_live.as_ref().ok().map(|was_live| (*was_live).into());
                (Call::Cancel(id.to_string()), out)
            },
        )
    }

    pub(super) fn ping(&mut self, now: Instant) -> Result<(), SendError> {
        let now = self.tell(now);
        let note =
            |_: &mut Record<'t>, done: &Result<(), SendError>| (Call::Ping, Some(out::done(*done)));
        self.call(now, |witness| witness.ping(now), note)
    }

    pub(super) fn set_wall_clock(&mut self, now: Instant, civil: CivilTime) {
        let now = self.tell(now);
        let note = |_: &mut Record<'t>, (): &()| (Call::Clock(civil), None);
        self.call(now, |witness| witness.set_wall_clock(now, civil), note);
    }

    #[inline]
    pub(super) fn transmit(
        &mut self,
        now: Instant,
        packet: &mut [u8],
    ) -> Result<Option<Handed>, Violation> {
        let now = self.tell(now);
        if self.record.is_none() {
            return self.witness.transmit(now, packet);
        }
        let handed = self.witness.transmit(now, packet);
        self.call(
            now,
            |_| handed,
            |_, handed| {
                let transmit = |handed: &Option<Handed>| {
                    out::transmit(packet, handed.as_ref().map(|handed| &handed.transmit))
                };
                (Call::Transmit, handed.as_ref().ok().map(transmit))
            },
        )
    }

    #[inline]
    pub(super) fn event(
        &mut self,
        now: Instant,
    ) -> Result<Option<(Event, Option<u32>)>, Violation> {
        self.call(now, Witness::event, |_, event| {
            let text = |event: &Option<(Event, Option<u32>)>| {
                out::event(event.as_ref().map(|(event, _)| event))
            };
            (Call::Event, event.as_ref().ok().map(text))
        })
    }

    pub(super) fn recv(&mut self, now: Instant) -> Result<Option<Got>, Violation> {
        let now = self.tell(now);
        self.call(
            now,
            |witness| witness.recv(now),
            |record, got| {
                if let Ok(Some(got)) = got {
                    record.deliver(got.id);
                }
                let out = |got: &Option<Got>| out::recv(got.as_ref().map(Into::into).as_ref());
                (Call::Recv, got.as_ref().ok().map(out))
            },
        )
    }

    pub(super) fn respond(
        &mut self,
        now: Instant,
        id: DeliveryId,
        status: StatusCode,
    ) -> Result<Result<(), RespondError>, Violation> {
        let now = self.tell(now);
        self.call(
            now,
            |witness| witness.respond(now, id, status),
            |record, done| {
                let out = done.as_ref().ok().map(|done| out::done(*done));
                (Call::Respond(record.nth(id), status), out)
            },
        )
    }

    pub(super) fn report(
        &mut self,
        now: Instant,
        id: DeliveryId,
        status: StatusCode,
    ) -> Result<Result<(), RespondError>, Violation> {
        let now = self.tell(now);
        self.call(
            now,
            |witness| witness.report(now, id, status),
            |record, done| {
                let out = done.as_ref().ok().map(|done| out::done(*done));
                (Call::Report(record.nth(id), status), out)
            },
        )
    }

    /// What every step must leave behind.
    pub(super) fn check(&self) -> Result<(), Violation> {
        self.witness.check()
    }

    /// Everything that could be done was done: when is the session to be told the time?
    pub(super) fn rest(&mut self, now: Instant) -> Option<Deadline> {
        let deadline = self.session().poll_timeout();
        if self.record.is_none() {
            return deadline;
        }
        let (state, wants_input) = (self.session().state(), self.session().wants_input());
        let out = out::rest(deadline.as_ref(), state, wants_input);
        self.call(now, |_| (), |_, ()| (Call::Rest, Some(out)));
        deadline
    }
}

impl Record<'_> {
    fn note(&mut self, now: Instant, note: impl FnOnce(&mut Self) -> (Call, Option<Value>)) {
        self.place.time = now.as_micros();
        let (call, out) = note(self);
        self.log.borrow_mut().call(self.place, &call, out);
    }

    /// The application has taken something.
    fn deliver(&mut self, id: Option<DeliveryId>) {
        self.delivered += 1;
        self.deliveries.push_back(id);
        if self.deliveries.len() > DELIVERIES {
            self.deliveries.pop_front();
        }
    }

    /// Which delivery of the session it is, from 0. One that is not known is one that has not come.
    fn nth(&self, id: DeliveryId) -> u64 {
        let back = self.deliveries.iter().rev().position(|known| *known == Some(id));
        back.map_or(u64::MAX, |back| self.delivered - 1 - back as u64)
    }
}
