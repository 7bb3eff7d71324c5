//! Long runs over links that delay, reorder, lose, repeat, corrupt and cut packets; and what is given up when an assumption breaks.

use super::*;
use cync_core::wire::{
    Brightness, Channel, Command, Destination, Endpoint, Frame, MsgId, Packet, PacketType, Prefix,
    op,
};
use cync_core::{Acknowledge, Backoff, Outcome, Queue, QueuePolicy, RetryPolicy, Stage};
use std::collections::{BTreeMap, VecDeque};

const ENDPOINT: Endpoint = Endpoint(0x4588_0f3a);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Numbers that look random, and are the same every time.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % limit
    }

    fn one_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }
}

struct Side {
    witness: Witness,
    /// What travels to it, by the time of arrival.
    under_way: BTreeMap<(Instant, u64), Flight>,
    /// What arrived, and how much of the first was taken.
    arrived: VecDeque<Flight>,
    taken: usize,
    done: BTreeMap<u32, Outcome>,
}

type Change = fn(&mut Config);

/// Two sessions and their links.
struct World {
    sides: [Side; 2],
    draws: Draws,
    now: Instant,
    epoch: u32,
    count: u64,
    latency: u64,
    out: Vec<u8>,
}

impl World {
    fn new(size: Size, seed: u64, change: impl Fn(&mut Config)) -> Self {
        let side = |mut config: Config, seed| {
            change(&mut config);
            config.peer_span = config.span();
            config.peer_copy_lifetime = config.copy_lifetime;
            Side {
                witness: Witness::new(size, config, seed).unwrap(),
                under_way: BTreeMap::new(),
                arrived: VecDeque::new(),
                taken: 0,
                done: BTreeMap::new(),
            }
        };
        let auth = AuthCode::new(CANARY).unwrap();
        let mut world = Self {
            sides: [side(Config::listener(ENDPOINT), 1), side(Config::greeter(ENDPOINT, auth), 2)],
            draws: Draws(seed),
            now: Instant::from_micros(1_000_000),
            epoch: 0,
            count: 0,
            latency: 0,
            out: vec![0; MAX_PACKET],
        };
        world.reconnect().unwrap();
        world.latency = 600_000;
        world
    }

    fn reconnect(&mut self) -> Result<(), Violation> {
        self.epoch += 1;
        for side in &mut self.sides {
            side.under_way.clear();
            side.arrived.clear();
            side.taken = 0;
            side.witness.connected(self.now, self.epoch)?;
        }
        self.settle()
    }

    /// Hands everything over, with its fate, and takes all events; whether anything was handed over.
    fn hand_over(&mut self, at: usize) -> Result<bool, Violation> {
        let mut busy = false;
        while let Some(handed) = self.sides[at].witness.transmit(self.now, &mut self.out)? {
            busy = true;
            let bytes = self.out[..handed.transmit.len].to_vec();
            let greeting = matches!(bytes.first(), Some(0x23 | 0x28));
            let flight =
                Flight { bytes, message: handed.message, handed_at: self.now, forged: false };
            if !greeting && self.draws.one_in(8) {
                continue;
            }
            let copies = if !greeting && self.draws.one_in(10) { 2 } else { 1 };
            for _ in 0..copies {
                let mut flight = flight.clone();
                if !greeting && flight.bytes.len() > 24 && self.draws.one_in(20) {
                    let sum = flight.bytes.len() - 2;
                    flight.bytes[sum] ^= 0x40;
                    let spoilt = Packet::decode(&flight.bytes, ChecksumMode::Strict).is_err();
                    flight.forged = !spoilt;
                }
                let delay = if greeting { 0 } else { self.draws.below(self.latency + 1) };
                self.count += 1;
                let at_time = self.now + Duration::from_micros(delay);
                self.sides[1 - at].under_way.insert((at_time, self.count), flight);
            }
        }
        let side = &mut self.sides[at];
        while let Some((event, message)) = side.witness.event()? {
            if let (Event::Done { outcome, .. }, Some(message)) = (event, message) {
                assert!(side.done.insert(message, outcome).is_none());
            }
        }
        Ok(busy)
    }

    fn take_in(&mut self, at: usize) -> Result<bool, Violation> {
        let (now, draws) = (self.now, &mut self.draws);
        let [hub, lamp] = &mut self.sides;
        let (side, other) = if at == 0 { (hub, lamp) } else { (lamp, hub) };
        while let Some(entry) = side.under_way.first_entry()
            && entry.key().0 <= now
        {
            side.arrived.push_back(entry.remove());
        }
        let mut busy = false;
        while side.witness.wants_input()
            && let Some(flight) = side.arrived.front()
        {
            let len = flight.bytes.len();
            let piece = if draws.one_in(5) { draws.below(len as u64) as usize } else { len };
            let taken = side.witness.input(now, flight, side.taken, piece.max(side.taken))?;
            side.taken += taken.bytes;
            busy = true;
            if taken.dealt_with {
                if let Some(message) = flight.message {
                    other.witness.answerable(message);
                }
                side.arrived.pop_front();
                side.taken = 0;
            }
            side.witness.check()?;
        }
        while let Some(got) = side.witness.recv(now)? {
            busy = true;
            if let Some(id) = got.id {
                let status = StatusCode(if draws.one_in(30) { 7 } else { 0 });
                let _ = side.witness.report(now, id, status)?;
            }
        }
        Ok(busy)
    }

    /// Everything that happens at this instant.
    fn settle(&mut self) -> Result<(), Violation> {
        loop {
            let mut busy = false;
            for at in 0..2 {
                let now = self.now;
                let side = &mut self.sides[at];
                let due = side.witness.session().poll_timeout();
                if due.is_some_and(|due| due.at <= now) {
                    side.witness.timeout(now)?;
                    busy = true;
                }
                busy |= self.take_in(at)?;
                busy |= self.hand_over(at)?;
                self.sides[at].witness.check()?;
                self.sides[at].witness.check_ends(now)?;
            }
            if !busy {
                return Ok(());
            }
        }
    }

    /// Time passes; whatever is due in between happens.
    fn pass(&mut self, time: Duration) -> Result<(), Violation> {
        let until = self.now + time;
        loop {
            let timers = self.sides.iter().filter_map(|side| {
                let due = side.witness.session().poll_timeout().map(|due| due.at);
                let arrives = side.under_way.first_key_value().map(|(key, _)| key.0);
                due.into_iter().chain(arrives).min()
            });
            let Some(next) = timers.min().filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            self.settle()?;
            if self.sides.iter().any(|side| side.witness.hangup().is_some()) {
                self.reconnect()?;
            }
        }
        self.now = until;
        self.settle()
    }

    fn send(&mut self) -> Result<(), Violation> {
        let at = self.draws.below(2) as usize;
        let to = Destination::device(1 + self.draws.below(40) as u8).unwrap();
        let brightness = Brightness::new(40).unwrap();
        let data = vec![0x7e; self.draws.below(60) as usize];
        let what = match self.draws.below(9) {
            0 | 1 => What::Command(Command::Power { to, on: true }),
            2 => What::Command(Command::Brightness { to, brightness }),
            3 => What::Frame(op::POWER, data),
            4 => What::Announce(op::POWER, data),
            5 => What::Probe,
            6 => What::Raw(PacketType::DeviceInfo, data),
            _ => What::Command(Command::Power { to, on: false }),
        };
        let mut asked = Asked::new(what);
        let is_request = matches!(asked.what, What::Command(_) | What::Frame(..));
        if is_request && self.draws.one_in(2) {
            asked.until = Some(Stage::Executed);
        }
        asked.once = self.draws.one_in(10);
        let sent = self.sides[at].witness.send(self.now, &asked)?;
        if let Ok((id, _)) = sent
            && self.draws.one_in(50)
        {
            self.sides[at].witness.cancel(self.now, id)?;
        }
        Ok(())
    }

    fn run(&mut self, steps: u64) -> Result<(), Violation> {
        for _ in 0..steps {
            self.send()?;
            if self.draws.one_in(500) {
                self.reconnect()?;
            }
            if self.draws.one_in(3) {
                let pause = self.draws.below(400);
                self.pass(ms(pause))?;
            }
        }
        self.pass(ms(20_000))
    }
}

const fn configurations() -> [(Size, Change); 5] {
    [
        (Size::Full, |_| {}),
        (Size::Full, |config| {
            (config.ride_through, config.window, config.queue.limit) = (true, 40, 60);
        }),
        (Size::Compact, |config| {
            (config.window, config.counters, config.id_window) = (4, 2, 64);
            config.queue = Queue::new(8, QueuePolicy::DropOldest);
            config.inbox_states = Queue::new(4, QueuePolicy::DropOldest);
            config.inbox_messages = Queue::new(4, QueuePolicy::Reject);
            config.retry.max_attempts = std::num::NonZeroU16::new(3);
        }),
        (Size::Small, |config| {
            (config.window, config.counters, config.id_window) = (2, 2, 8);
            config.queue = Queue::new(2, QueuePolicy::Reject);
            config.inbox_states = Queue::new(3, QueuePolicy::Block);
            config.inbox_messages = Queue::new(3, QueuePolicy::Block);
            config.ride_through = true;
        }),
        (Size::Full, |config| {
            config.acknowledge = Acknowledge::Manually;
            config.retry = RetryPolicy {
                backoff: Backoff::Exponential { base: ms(100), cap: ms(1_000) },
                ..RetryPolicy::default()
            };
        }),
    ]
}

#[test]
fn copies_that_are_later_than_any_can_be_are_no_violation() {
    for (seed, (size, change)) in (1..).zip(configurations()) {
        let mut world = World::new(size, seed, change);
        world.latency = 9_000_000;
        world.run(1_000).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        assert!(world.sides.iter().all(|side| side.witness.ears.too_late));
    }
}

#[test]
fn the_model_holds_over_long_runs_on_bad_links_and_does_not_grow() {
    for (seed, (size, change)) in (1..).zip(configurations()) {
        let mut world = World::new(size, seed, change);
        world.run(3_000).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        for side in &world.sides {
            let accepted = u64::from(side.witness.accepted());
            assert_eq!(side.done.len() as u64, accepted, "all were told");
            assert!(accepted > 200 && side.witness.is_watched(), "seed {seed}: {accepted}");
            let reached = side.done.values().filter(|outcome| outcome.is_success()).count();
            assert!(reached as u64 > accepted / 2, "{reached} of {accepted}");
            let remembered = side.witness.book.remembered();
            let [messages, live, under_way] = remembered;
            assert!(messages <= 64 && live == 0 && under_way <= 64, "seed {seed}: {remembered:?}");
            let remembered = side.witness.ears.remembered();
            assert!(remembered <= 4 * usize::from(size.seen()) + 256, "seed {seed}: {remembered}");
        }
    }
}

/// Two sessions that have greeted, without faults.
fn quiet() -> World {
    let mut world = World::new(Size::Full, 1, |_| {});
    world.latency = 0;
    world
}

fn request(msg_id: u16) -> Flight {
    let prefix = Prefix { endpoint: ENDPOINT, msg_id: MsgId(msg_id), flag: 0 };
    let frame = Frame::request(0x7777, op::POWER, &[1, 2, 3]);
    let packet = Packet::DataChannel(Channel { prefix, frame });
    let mut bytes = vec![0; MAX_PACKET];
    let len = packet.encode(&mut bytes).unwrap();
    bytes.truncate(len);
    let handed_at = Instant::from_micros(1_000_000);
    Flight { bytes, message: Some(5), handed_at, forged: false }
}

impl World {
    fn hear(&mut self, flight: &Flight) -> Result<Taken, Violation> {
        let taken = self.sides[0].witness.input(self.now, flight, 0, flight.bytes.len())?;
        self.sides[0].witness.check()?;
        Ok(taken)
    }
}

#[test]
fn a_repetition_that_comes_in_time_has_to_be_recognised_and_one_that_is_late_does_not() {
    let mut world = quiet();
    let first = request(9);
    assert!(world.hear(&first).unwrap().dealt_with);
    // Another message under the name of the first: as if the session had not recognised it.
    let other = request(10);
    assert_eq!(world.hear(&other).unwrap_err().invariant, "S1");

    let mut world = quiet();
    world.hear(&first).unwrap();
    world.now = first.handed_at + ms(2_000);
    world.hear(&other).unwrap();
    assert!(world.sides[0].witness.is_watched());

    let mut world = quiet();
    world.hear(&first).unwrap();
    world.sides[0].witness.too_late();
    world.hear(&other).unwrap();
}

#[test]
fn a_message_that_is_taken_for_a_repetition_without_being_one_is_a_violation() {
    let mut world = quiet();
    world.hear(&request(9)).unwrap();
    let other = Flight { message: Some(6), ..request(9) };
    assert_eq!(world.hear(&other).unwrap_err().invariant, "S6");
}

#[test]
fn what_is_forged_may_say_anything() {
    let mut world = quiet();
    let first = request(9);
    world.hear(&first).unwrap();
    world.hear(&Flight { forged: true, ..first.clone() }).unwrap();
    world.hear(&Flight { message: Some(6), ..first }).unwrap();
    let got = world.sides[0].witness.recv(world.now).unwrap().unwrap();
    assert_eq!((got.message, got.msg_id), (Some(5), MsgId(9)));
    world.settle().unwrap();
    assert!(world.sides[0].witness.is_watched());
}

#[test]
fn what_is_forged_and_out_of_step_leaves_only_what_needs_no_model() {
    let mut world = quiet();
    let mut flight = Flight { forged: true, ..request(9) };
    flight.bytes[4] += 3;
    world.hear(&flight).unwrap();
    assert!(!world.sides[0].witness.is_watched());
    world.hear(&request(10)).unwrap();
    world.settle().unwrap();
}

#[test]
fn a_session_in_the_place_of_another_goes_on_counting() {
    let mut world = quiet();
    let asked = Asked::new(What::Frame(op::POWER, vec![1]));
    let (_, message) = world.sides[1].witness.send(world.now, &asked).unwrap().unwrap();
    assert_eq!(message, 0);
    world.settle().unwrap();
    let accepted = world.sides[1].witness.accepted();
    let auth = AuthCode::new(CANARY).unwrap();
    let config = Config::greeter(ENDPOINT, auth);
    world.sides[1].witness = Witness::succeeding(Size::Full, config, 3, accepted).unwrap();
    world.reconnect().unwrap();
    let (_, message) = world.sides[1].witness.send(world.now, &asked).unwrap().unwrap();
    assert_eq!(message, 1);
    world.settle().unwrap();
}

#[test]
fn an_unwatched_session_counts_messages_alike_and_compares_nothing() {
    let mut watched = Witness::new(Size::Small, small(), 1).unwrap();
    let mut unwatched = Witness::unwatched(Size::Small, small(), 1).unwrap();
    let now = Instant::ZERO;
    for index in 0..3 {
        let asked = Asked::new(What::Frame(op::POWER, vec![index]));
        let sent = watched.send(now, &asked).unwrap();
        assert_eq!(sent, unwatched.send(now, &asked).unwrap());
        assert_eq!(sent.map(|(_, message)| message), Ok(index.into()));
    }
    assert!(watched.is_watched() && !unwatched.is_watched());
    unwatched.sent += 1;
    unwatched.check().unwrap();
    watched.sent += 1;
    assert_eq!(watched.check().unwrap_err().invariant, "S12");
}

fn small() -> Config {
    let mut config = Config::listener(ENDPOINT);
    config.ride_through = true;
    (config.window, config.counters, config.id_window) = (2, 2, 8);
    config.queue = Queue::new(2, QueuePolicy::Block);
    config.inbox_states = Queue::new(3, QueuePolicy::Block);
    config.inbox_messages = Queue::new(3, QueuePolicy::Block);
    config
}
