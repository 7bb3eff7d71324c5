//! Every defect that can be planted in the core shows: in the model of two sessions, or, where that does not look, in an
//! exchange of its own. `CONTRIBUTING.md` has the command.
#![cfg(planted)]

use cync_core::planted::{Defect, plant};
use cync_core::wire::{Command, Destination, Endpoint, PacketType};
use cync_core::{
    AuthCode, Config, Disconnect, Event, Instant, Queue, QueuePolicy, SendError, Session, mix,
};
use cync_tests::model::{Case, OP_LEN, SETUP_LEN, Violation, compare, run};
use std::time::{Duration, Instant as Clock};

/// Cases that the model notices a defect within.
const CASES: u64 = 5_000;

/// What the model of two sessions cannot notice.
struct Beyond {
    defect: Defect,
    why: &'static str,
    /// An exchange that is well without the defect.
    is_well: fn() -> bool,
}

const BEYOND_THE_MODEL: [Beyond; 5] = [
    Beyond {
        defect: Defect::ReadableLost,
        why: "its applications try to receive without being told",
        is_well: readable_is_told,
    },
    Beyond {
        defect: Defect::WritableLost,
        why: "its applications try to send without being told",
        is_well: writable_is_told,
    },
    Beyond {
        defect: Defect::BackOffResetEarly,
        why: "it does not know how long waits may be",
        is_well: waits_grow,
    },
    Beyond {
        defect: Defect::HeartbeatStarved,
        why: "it misses no heartbeat",
        is_well: a_full_inbox_leaves_heartbeats,
    },
    Beyond {
        defect: Defect::OwnRefusalBlamed,
        why: "it doubts no reason to hang up",
        is_well: a_full_inbox_is_no_silence,
    },
];

/// The nth case: the same in every run.
fn case(nth: u64) -> Case {
    let word = |at: u64| mix(mix(nth) ^ at);
    let ops = (word(0) % 120) as usize;
    let bytes: Vec<u8> = (1..).map(|at| word(at) as u8).take(SETUP_LEN + ops * OP_LEN).collect();
    Case::from_bytes(&bytes)
}

/// The first violation, and how many cases it took.
fn first_violation() -> Option<(u64, Violation)> {
    (1..=CASES).find_map(|nth| {
        let case = case(nth);
        run(&case).and_then(|()| compare(&case)).err().map(|violation| (nth, violation))
    })
}

/// One test for all, since a defect is planted in every session of the process.
#[test]
fn every_planted_defect_shows_and_nothing_does_without_one() {
    let mut hidden = Vec::new();
    for &defect in Defect::ALL {
        let beyond = BEYOND_THE_MODEL.iter().find(|beyond| beyond.defect == defect);
        let name = defect.name();
        let began = Clock::now();
        plant(Some(defect));
        let (shows, how) = match beyond {
            Some(Beyond { why, is_well, .. }) => {
                (!is_well(), format!("an exchange of its own: {why}"))
            }
            None => match first_violation() {
                Some((cases, violation)) => {
                    (true, format!("{} after {cases} cases", violation.invariant))
                }
                None => (false, format!("nothing in {CASES} cases")),
            },
        };
        plant(None);
        let expected = defect.noticed_by();
        println!("{name:28} {how} (of {expected}), {} ms", began.elapsed().as_millis());
        if !shows {
            hidden.push(name);
        }
    }
    assert_eq!(hidden, [""; 0], "these do not show");
    assert_eq!(first_violation(), None, "without a defect");
    for Beyond { defect, is_well, .. } in BEYOND_THE_MODEL {
        assert!(is_well(), "{} without being planted", defect.name());
    }
}

/// Two sessions on a wire without delay or loss. The lamp greets, and asks for connections.
struct Pair {
    hub: Session,
    lamp: Session,
    now: Instant,
}

impl Pair {
    fn new(change: impl FnOnce(&mut Config, &mut Config)) -> Self {
        let (endpoint, auth) = (Endpoint(7), AuthCode::new(b"0123456789abcdef").expect("16 bytes"));
        let mut hub = Config::listener(endpoint);
        let mut lamp = Config::greeter(endpoint, auth);
        change(&mut hub, &mut lamp);
        let session = |config, seed| Session::new(config, seed).expect("no rule is broken");
        let now = Instant::from_micros(1);
        let mut pair = Self { hub: session(hub, 1), lamp: session(lamp, 2), now };
        pair.lamp.connect(now);
        pair.connect();
        pair
    }

    fn connect(&mut self) {
        self.hub.handle_connected(self.now);
        self.lamp.handle_connected(self.now);
        self.exchange();
    }

    /// Carries everything; what is refused is lost.
    fn exchange(&mut self) {
        while carry(&mut self.hub, &mut self.lamp, self.now)
            | carry(&mut self.lamp, &mut self.hub, self.now)
        {}
    }

    fn command(&mut self) -> Result<(), SendError> {
        let to = Destination::device(1).expect("1 to 254");
        let sent = self.hub.send(self.now, Command::Power { to, on: true });
        self.exchange();
        sent.map(drop)
    }

    /// Lets time pass up to the lamp's next deadline, or so far; what it sends goes nowhere. Whether it was a heartbeat.
    fn lamp_alone(&mut self, until: Instant) -> bool {
        let due = self.lamp.poll_timeout().map_or(until, |deadline| deadline.at);
        self.now = due.min(until);
        self.lamp.handle_timeout(self.now);
        let mut out = [0; 4101];
        let sent = self.lamp.poll_transmit(self.now, &mut out).expect("there is room");
        sent.is_some_and(|packet| packet.kind == PacketType::HeartbeatDev)
    }
}

/// Whether there was anything to carry.
fn carry(from: &mut Session, to: &mut Session, now: Instant) -> bool {
    let (mut any, mut out) = (false, [0; 4101]);
    while let Some(packet) = from.poll_transmit(now, &mut out).expect("there is room") {
        to.handle_input(now, &out[..packet.len]);
        any = true;
    }
    any
}

fn told(session: &mut Session, what: impl Fn(&Event) -> bool) -> bool {
    let events: Vec<Event> = std::iter::from_fn(|| session.poll_event()).collect();
    events.iter().any(what)
}

fn readable_is_told() -> bool {
    let mut pair = Pair::new(|_, _| {});
    (0..3).all(|_| {
        pair.command().expect("the queue has room");
        let told = told(&mut pair.lamp, |event| *event == Event::Readable);
        while pair.lamp.recv(pair.now).is_some() {}
        told
    })
}

fn writable_is_told() -> bool {
    let mut pair = Pair::new(|hub, _| (hub.window, hub.queue.limit) = (1, 0));
    let to = Destination::device(1).expect("1 to 254");
    pair.hub.send(pair.now, Command::Power { to, on: true }).expect("the window has room");
    let other = Destination::device(2).expect("1 to 254");
    let full = pair.hub.send(pair.now, Command::Power { to: other, on: true });
    assert_eq!(full, Err(SendError::Full));
    pair.exchange();
    told(&mut pair.hub, |event| *event == Event::Writable)
}

/// While connections last no longer than their greeting, some of many waits are long.
fn waits_grow() -> bool {
    let mut pair = Pair::new(|_, _| {});
    (0..20).any(|_| {
        pair.hub.handle_disconnected(pair.now, Disconnect::Peer);
        pair.lamp.handle_disconnected(pair.now, Disconnect::Peer);
        let due = pair.lamp.poll_timeout().expect("it dials again").at;
        let wait = due.since(pair.now);
        pair.now = due;
        pair.lamp.handle_timeout(due);
        pair.connect();
        wait > Duration::from_secs(5)
    })
}

/// A lamp that refuses input, as its application does not receive.
fn refusing() -> Pair {
    let mut pair = Pair::new(|_, lamp| lamp.inbox_messages = Queue::new(1, QueuePolicy::Block));
    while pair.lamp.wants_input() {
        pair.command().expect("the queue has room");
    }
    pair
}

fn a_full_inbox_leaves_heartbeats() -> bool {
    let mut pair = refusing();
    let until = pair.now + Duration::from_secs(25);
    while pair.now < until {
        if pair.lamp_alone(until) {
            return true;
        }
    }
    false
}

fn a_full_inbox_is_no_silence() -> bool {
    let mut pair = refusing();
    let until = pair.now + Duration::from_secs(100);
    while pair.now < until {
        pair.lamp_alone(until);
    }
    !told(&mut pair.lamp, |event| matches!(event, Event::Hangup(_)))
}
