//! A hub and a lamp, joined by two one-way links, in virtual time: the same run, every time, as fast as it can be computed.

use crate::solo::{greeter, listener};
use cync_core::wire::{ChecksumMode, MAX_PACKET, Packet, op};
use cync_core::{
    Config, Disconnect, Event, Instant, MessageId, Outcome, Receipt, Request, SendError, Session,
    Transmit, mix,
};
use cync_sim::{Attempts, ChaosConfig, Device, Direction, Label, Ppm};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// The lamp's mesh address.
pub const ADDRESS: u8 = 5;

/// A packet that was handed over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handed {
    /// When.
    pub at: Instant,
    /// Which way.
    pub direction: Direction,
    /// What the session said of it.
    pub transmit: Transmit,
    /// The packet.
    pub bytes: Vec<u8>,
}

/// One side: a session, and what its driver keeps.
#[derive(Debug)]
pub struct End {
    /// The session.
    pub session: Box<Session>,
    /// What it told, and when.
    pub events: Vec<(Instant, Event)>,
    /// Bytes that arrived and were not taken yet.
    waiting: Vec<u8>,
    /// The session refused something, which may be a packet that it holds itself.
    stalled: bool,
    /// Messages that were accepted and are not done.
    live: BTreeSet<MessageId>,
}

impl End {
    fn new(config: Config, seed: u64) -> Self {
        let session = Box::new(Session::new(config, seed).expect("the configuration is right"));
        Self {
            session,
            events: Vec::new(),
            waiting: Vec::new(),
            stalled: false,
            live: BTreeSet::new(),
        }
    }

    /// Offers what is waiting, in pieces; whether there was anything.
    fn offer(&mut self, now: Instant, piece: usize) -> bool {
        if !self.session.wants_input() || self.waiting.is_empty() && !self.stalled {
            return false;
        }
        loop {
            let bytes = self.waiting.chunks(piece).next().unwrap_or_default();
            let taken = self.session.handle_input(now, bytes);
            self.stalled = !self.session.wants_input();
            self.waiting.drain(..taken);
            if self.stalled || self.waiting.is_empty() {
                return true;
            }
        }
    }

    /// How a message ended, if it has.
    pub fn done(&self, wanted: MessageId) -> Option<(Outcome, Receipt)> {
        self.events.iter().rev().find_map(|(_, event)| match *event {
            Event::Done { id, outcome, receipt } if id == wanted => Some((outcome, receipt)),
            _ => None,
        })
    }

    /// How all messages ended, in that order.
    pub fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        self.events.iter().filter_map(|(_, event)| match event {
            Event::Done { outcome, .. } => Some(*outcome),
            _ => None,
        })
    }
}

/// How many copies of a packet arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Copies {
    /// It is lost.
    None,
    /// As it should be.
    One,
    /// It is duplicated.
    Two,
}

/// Decides how many copies of a packet arrive.
pub type Fate = Box<dyn FnMut(Direction, &[u8]) -> Copies>;

/// How the drivers go about it. None of it may change what the sessions do.
#[derive(Clone, Copy, Default, Debug)]
pub struct Manner {
    /// Call `handle_timeout` at every step, also when nothing is due.
    pub needless_ticks: bool,
    /// Take events before packets, instead of after them.
    pub events_first: bool,
    /// Cut what arrives into pieces of one to so many bytes; 0 leaves it whole.
    pub piece: usize,
}

/// A hub, a lamp and all that is between them.
///
/// Every step checks that each message ends once, that what is neither queued nor in flight has ended, that deadlines lie
/// in the future once they were dealt with, that packets are what their sender says they are, and that nothing follows a hang-up.
pub struct Pair {
    /// The side that sends commands.
    pub hub: End,
    /// The side that executes them.
    pub lamp: End,
    /// The lamp itself.
    pub device: Device,
    /// The present.
    pub now: Instant,
    /// How often the lamp executed each request, by its counter.
    pub executions: BTreeMap<u32, usize>,
    /// Every packet handed over so far.
    pub handed: Vec<Handed>,
    /// How long packets travel.
    pub latency: Duration,
    /// What happens to them.
    pub fate: Fate,
    /// How the drivers go about it.
    pub manner: Manner,
    travelling: VecDeque<(Instant, Direction, Vec<u8>)>,
    hung_up: bool,
    packets_hash: u64,
    events_hash: u64,
}

impl Pair {
    /// A hub that is greeted and a lamp that greets, as in production.
    pub fn production(latency: Duration) -> Self {
        Self::new(listener(), greeter(), latency)
    }

    /// A hub that greets and a lamp that is greeted, as in a laboratory.
    pub fn laboratory(latency: Duration) -> Self {
        Self::new(greeter(), listener(), latency)
    }

    /// Two sessions that are not connected, and links without faults.
    ///
    /// # Panics
    /// If a rule of a configuration is broken.
    pub fn new(hub: Config, lamp: Config, latency: Duration) -> Self {
        Self {
            hub: End::new(hub, 1),
            lamp: End::new(lamp, 2),
            device: Device::new(ADDRESS),
            now: Instant::ZERO,
            executions: BTreeMap::new(),
            handed: Vec::new(),
            latency,
            fate: Box::new(|_, _| Copies::One),
            manner: Manner::default(),
            travelling: VecDeque::new(),
            hung_up: false,
            packets_hash: 0,
            events_hash: 0,
        }
    }

    /// Connects the two and lets them greet.
    pub fn connect(&mut self) {
        self.hung_up = false;
        self.hub.session.handle_connected(self.now);
        self.lamp.session.handle_connected(self.now);
        self.run(4 * self.latency);
    }

    /// Cuts the connection; what was on its way is lost.
    pub fn cut(&mut self) {
        self.travelling.clear();
        for end in [&mut self.hub, &mut self.lamp] {
            end.waiting.clear();
            end.stalled = false;
            end.session.handle_disconnected(self.now, Disconnect::Error);
        }
        self.settle();
    }

    /// Loses and duplicates packets at random, greetings excepted.
    pub fn set_chaos(&mut self, seed: u64, loss: Ppm, duplicate: Ppm) {
        let chaos =
            ChaosConfig { packet_loss_rate: loss, duplicate_rate: duplicate, ..ChaosConfig::NONE };
        let mut attempts = Attempts::default();
        self.fate = Box::new(move |direction, bytes| {
            let Some(label) = Label::of(bytes) else { return Copies::One };
            let fate = chaos.fate(seed, &attempts.count(direction, label), None);
            match (fate.lost, fate.doubled) {
                (true, _) => Copies::None,
                (_, true) => Copies::Two,
                _ => Copies::One,
            }
        });
    }

    /// Sends from the hub.
    ///
    /// # Errors
    /// If the session does not take it.
    ///
    /// # Panics
    /// If the id is one of a message that has not ended.
    pub fn try_send<'a>(
        &mut self,
        request: impl Into<Request<'a>>,
    ) -> Result<MessageId, SendError> {
        let id = self.hub.session.send(self.now, request)?;
        assert!(self.hub.live.insert(id), "{id} is in use");
        self.settle();
        Ok(id)
    }

    /// Sends from the hub.
    ///
    /// # Panics
    /// If the session does not take it.
    pub fn send<'a>(&mut self, request: impl Into<Request<'a>>) -> MessageId {
        self.try_send(request).expect("the session takes it")
    }

    /// Runs until a message of the hub has ended.
    ///
    /// # Panics
    /// If it never does.
    pub fn outcome(&mut self, id: MessageId) -> (Outcome, Receipt) {
        loop {
            if let Some(done) = self.hub.done(id) {
                return done;
            }
            self.now = self.next().expect("a message that has not ended has a deadline");
            self.settle();
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = next;
            self.settle();
        }
        self.now = end;
    }

    /// Packets of one direction handed over so far, with their times.
    pub fn handed(&self, wanted: Direction) -> impl DoubleEndedIterator<Item = &Handed> {
        self.handed.iter().filter(move |handed| handed.direction == wanted)
    }

    /// The counter of a command of the hub that was handed over.
    pub fn counter(&self, id: MessageId) -> Option<u32> {
        let copy = self.handed(Direction::ToDevice).rfind(|it| it.transmit.id == Some(id))?;
        let packet = Packet::decode(&copy.bytes, ChecksumMode::Strict).ok()?;
        packet.frame().map(|frame| frame.counter)
    }

    /// A hash of every packet and one of every event so far.
    pub const fn transcript(&self) -> (u64, u64) {
        (self.packets_hash, self.events_hash)
    }

    /// When something happens next.
    fn next(&self) -> Option<Instant> {
        let arrival = self.travelling.front().map(|(at, ..)| *at);
        let timeout = |end: &End| end.session.poll_timeout().map(|deadline| deadline.at);
        [arrival, timeout(&self.hub), timeout(&self.lamp)].into_iter().flatten().min()
    }

    /// Everything that happens at the present instant.
    fn settle(&mut self) {
        while self.arrive()
            | self.drive(Direction::ToDevice)
            | self.drive(Direction::FromDevice)
            | self.react()
        {}
        for end in [&self.hub, &self.lamp] {
            let (queued, in_flight) = (end.session.queued(), end.session.in_flight());
            assert_eq!(
                end.live.len(),
                queued + in_flight,
                "{queued} queued, {in_flight} in flight"
            );
        }
    }

    fn arrive(&mut self) -> bool {
        let mut busy = false;
        while let Some((_, direction, bytes)) =
            self.travelling.pop_front_if(|(at, ..)| *at <= self.now)
        {
            busy = true;
            match direction {
                Direction::ToDevice => self.lamp.waiting.extend(bytes),
                Direction::FromDevice => self.hub.waiting.extend(bytes),
            }
        }
        busy
    }

    /// One turn of the driver whose packets go in `direction`.
    fn drive(&mut self, direction: Direction) -> bool {
        let Manner { needless_ticks, events_first, piece } = self.manner;
        let now = self.now;
        let end = self.end(direction);
        let offered = end.offer(now, if piece == 0 { usize::MAX } else { piece });
        let due = end.session.poll_timeout().is_some_and(|deadline| deadline.at <= now);
        if due || needless_ticks {
            end.session.handle_timeout(now);
            let next = end.session.poll_timeout();
            assert!(next.is_none_or(|next| next.at > now), "{next:?} after a tick at {now:?}");
        }
        let mut busy = offered || due;
        if events_first {
            busy |= self.tell(direction);
        }
        busy |= self.hand_over(direction);
        busy | self.tell(direction)
    }

    fn end(&mut self, direction: Direction) -> &mut End {
        match direction {
            Direction::ToDevice => &mut self.hub,
            Direction::FromDevice => &mut self.lamp,
        }
    }

    fn hand_over(&mut self, direction: Direction) -> bool {
        let (now, mut busy) = (self.now, false);
        let mut out = vec![0; MAX_PACKET];
        while let Some(transmit) = {
            let session = &mut self.end(direction).session;
            session.poll_transmit(now, &mut out).expect("room for any packet")
        } {
            assert!(!self.hung_up, "{transmit:?} after a hang-up");
            busy = true;
            let bytes = out[..transmit.len].to_vec();
            check(&bytes, &transmit);
            let copies = match (self.fate)(direction, &bytes) {
                Copies::None => 0,
                Copies::One => 1,
                Copies::Two => 2,
            };
            let arrival = (now + self.latency, direction, bytes.clone());
            self.travelling.extend(std::iter::repeat_n(arrival, copies));
            record(&mut self.packets_hash, format_args!("{now:?} {transmit:?} {bytes:?}"));
            self.handed.push(Handed { at: now, direction, transmit, bytes });
        }
        busy
    }

    fn tell(&mut self, direction: Direction) -> bool {
        let (now, mut busy, mut hung_up) = (self.now, false, false);
        while let Some(event) = self.end(direction).session.poll_event() {
            let end = self.end(direction);
            busy = true;
            end.events.push((now, event));
            record(&mut self.events_hash, format_args!("{now:?} {direction:?} {event:?}"));
            let end = self.end(direction);
            match event {
                Event::Done { id, .. } => assert!(end.live.remove(&id), "{id} ends twice"),
                Event::Hangup(_) => hung_up = true,
                _ => {}
            }
        }
        if hung_up {
            // A session that has hung up hands nothing over, whatever its driver does.
            self.hung_up = true;
            self.hand_over(direction);
            self.cut();
        }
        busy
    }

    /// The applications: the lamp executes what it is asked, the hub looks at the states and forgets them.
    fn react(&mut self) -> bool {
        let (now, mut busy) = (self.now, false);
        while self.hub.session.recv(now).is_some() {}
        let end = &mut self.lamp;
        while let Some(delivery) = end.session.recv(now) {
            busy = true;
            let (Some(id), Some(frame)) = (delivery.id(), delivery.frame) else { continue };
            *self.executions.entry(frame.counter).or_default() += 1;
            let reaction = self.device.handle(frame.op, delivery.data);
            // Results that have no room are asked for again, and announcements are not promised.
            let _ = end.session.report(now, id, reaction.status);
            if let Some(status) = reaction.announce {
                let data = status.data(self.device.next_sno());
                let announced = end.session.send(now, Request::announce(op::STATUS, &data));
                end.live.extend(announced.ok());
            }
        }
        busy
    }
}

fn record(hash: &mut u64, what: std::fmt::Arguments<'_>) {
    for byte in what.to_string().bytes() {
        *hash = mix(*hash ^ u64::from(byte));
    }
}

/// A packet is what its sender says it is, and writes back to the same bytes.
fn check(bytes: &[u8], transmit: &Transmit) {
    let packet = Packet::decode(bytes, ChecksumMode::Strict).expect("own packets decode");
    assert_eq!((packet.kind(), bytes.len()), (transmit.kind, transmit.len));
    assert_eq!(crate::solo::bytes_of(&packet), bytes);
}
