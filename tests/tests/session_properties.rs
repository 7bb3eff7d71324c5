//! Properties of sessions over random links, random applications and hostile peers.

mod generate;

use cync_core::wire::{ChecksumMode, Command, Destination, Packet, StatusCode, op};
use cync_core::{
    AckTimer, Acknowledge, Config, Disconnect, Event, MessageId, Outcome, Queue, QueuePolicy,
    Request, RetryPolicy, SendError, Stage,
};
use cync_sim::Ppm;
use cync_tests::pair::{ADDRESS, Manner, Pair};
use cync_tests::solo::{Solo, bytes_of, fit, listener, switch};
use generate::{bytes, cut, encoded, noisy_stream, packet};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;
use std::time::Duration;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

fn power(on: bool) -> Request<'static> {
    switch(ADDRESS, on)
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send { until: Stage, once: bool, deadline: Duration },
    Probe,
    Wait(Duration),
    Cut,
}

impl Step {
    fn request(self) -> Option<Request<'static>> {
        match self {
            Self::Send { until, once, deadline } => {
                let request = power(true).until(until).deadline(deadline);
                Some(if once { request.once() } else { request })
            }
            Self::Probe => Some(Request::probe()),
            Self::Wait(_) | Self::Cut => None,
        }
    }
}

fn send() -> impl Strategy<Value = Step> {
    let until =
        select(vec![Stage::Sent, Stage::Acked, Stage::Acked, Stage::Executed, Stage::Executed]);
    (until, prop::bool::weighted(0.2), 1..=5_000_u64)
        .prop_map(|(until, once, deadline)| Step::Send { until, once, deadline: ms(deadline) })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => send(),
        1 => Just(Step::Probe),
        4 => (0..1_500_u64).prop_map(|time| Step::Wait(ms(time))),
        1 => Just(Step::Cut),
    ]
}

#[derive(Clone, Debug)]
struct Scenario {
    seed: u64,
    loss: u32,
    duplicate: u32,
    latency: Duration,
    laboratory: bool,
    steps: Vec<Step>,
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let steps = prop::collection::vec(step(), 1..60);
    (any::<u64>(), 0..=400_000_u32, 0..=500_000_u32, 0..=500_u64, any::<bool>(), steps).prop_map(
        |(seed, loss, duplicate, latency, laboratory, steps)| Scenario {
            seed,
            loss,
            duplicate,
            latency: ms(latency),
            laboratory,
            steps,
        },
    )
}

/// Runs a scenario until every message has ended; returns the ids with it.
fn run(scenario: &Scenario, manner: Manner) -> (Pair, Vec<MessageId>) {
    let Scenario { seed, loss, duplicate, latency, laboratory, steps } = scenario;
    let new = if *laboratory { Pair::laboratory } else { Pair::production };
    let mut pair = new(*latency);
    pair.manner = manner;
    let rate = |parts| Ppm::new(parts).expect("at most a million");
    pair.set_chaos(*seed, rate(*loss), rate(*duplicate));
    pair.connect();
    let mut ids = Vec::new();
    for step in steps {
        match *step {
            Step::Wait(time) => pair.run(time),
            Step::Cut => {
                pair.cut();
                pair.connect();
            }
            Step::Send { .. } | Step::Probe => {
                ids.extend(step.request().map(|request| pair.send(request)));
            }
        }
    }
    pair.run(ms(9_000));
    (pair, ids)
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn every_message_ends_once_and_what_is_executed_is_executed_once(scenario in scenario()) {
        let (pair, ids) = run(&scenario, Manner::default());
        prop_assert_eq!(pair.hub.outcomes().count(), ids.len());
        prop_assert_eq!((pair.hub.session.queued(), pair.hub.session.in_flight()), (0, 0));
        prop_assert!(pair.executions.values().all(|count| *count == 1), "{:?}", pair.executions);
        let commands = pair.executions.len() as u64;
        prop_assert!(pair.device.applied_count() == commands && commands <= ids.len() as u64);
        for id in ids {
            let Some((outcome, receipt)) = pair.hub.done(id) else {
                return Err(TestCaseError::fail("every message ends"));
            };
            let executions = pair.counter(id).and_then(|counter| pair.executions.get(&counter));
            if outcome == Outcome::Reached(Stage::Executed) {
                prop_assert_eq!(executions, Some(&1));
            }
            let copies = pair.handed.iter().filter(|it| it.transmit.id == Some(id)).count();
            match outcome {
                Outcome::NotSent(_) => prop_assert_eq!((copies, executions), (0, None)),
                _ => prop_assert!(copies >= 1),
            }
            prop_assert!(receipt.done_at >= receipt.queued_at);
        }
    }

    #[test]
    fn how_drivers_go_about_it_changes_nothing(scenario in scenario(), piece in 1..40_usize) {
        let manners = [
            Manner { needless_ticks: true, ..Manner::default() },
            Manner { piece, ..Manner::default() },
            Manner { events_first: true, ..Manner::default() },
        ];
        let (plain, _) = run(&scenario, Manner::default());
        prop_assert_eq!(plain.transcript(), run(&scenario, Manner::default()).0.transcript());
        for manner in manners {
            let (pair, _) = run(&scenario, manner);
            prop_assert_eq!(&pair.handed, &plain.handed);
            if manner.events_first {
                let sorted = |pair: &Pair| {
                    let mut told: Vec<_> = pair.hub.events.iter().map(|it| format!("{it:?}")).collect();
                    told.sort();
                    told
                };
                prop_assert_eq!(sorted(&pair), sorted(&plain));
            } else {
                prop_assert_eq!(pair.transcript(), plain.transcript());
            }
        }
    }

    #[test]
    fn once_the_faults_stop_a_send_succeeds_at_its_first_attempt(scenario in scenario()) {
        let (mut pair, _) = run(&scenario, Manner::default());
        pair.set_chaos(0, Ppm::ZERO, Ppm::ZERO);
        pair.latency = ms(10);
        pair.run(ms(2_000));
        let id = pair.send(power(true).until(Stage::Executed));
        let (outcome, receipt) = pair.outcome(id);
        prop_assert_eq!((outcome, receipt.attempts), (Outcome::Reached(Stage::Executed), 1));
    }
}

// A small session, a hostile peer and a careless driver.

type Small = Solo<4, 4, 64>;

/// What a small session does when there is a choice.
#[derive(Clone, Copy, Debug)]
struct Manners {
    queue: QueuePolicy,
    inbox: QueuePolicy,
    ride_through: bool,
    manually: bool,
    backs_off: bool,
}

fn manners() -> impl Strategy<Value = Manners> {
    let policy = || select(vec![QueuePolicy::Block, QueuePolicy::DropOldest, QueuePolicy::Reject]);
    (policy(), policy(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(queue, inbox, ride_through, manually, backs_off)| Manners {
            queue,
            inbox,
            ride_through,
            manually,
            backs_off,
        },
    )
}

impl Manners {
    fn config(self) -> Config {
        let mut config = small();
        let drops = self.queue == QueuePolicy::DropOldest;
        config.queue = Queue::new(2 - u16::from(drops), self.queue);
        config.inbox_messages.policy = self.inbox;
        config.ride_through = self.ride_through;
        if self.manually {
            config.acknowledge = Acknowledge::Manually;
        }
        if self.backs_off {
            config.retry = RetryPolicy::exponential();
        }
        config.redial.cap = ms(1_000);
        config
    }
}

fn small() -> Config {
    let mut config = listener();
    (config.window, config.queue.limit) = (2, 2);
    config.retry.max_attempts = std::num::NonZeroU16::new(3);
    config.ack_timer = AckTimer { initial: ms(300), ..AckTimer::default() };
    fit(config, 4, 4)
}

#[derive(Clone, Debug)]
enum Act {
    Feed(Vec<u8>),
    /// Answers the packet that was handed over last.
    Answer {
        kind: u8,
        status: u8,
        other: bool,
    },
    Send {
        until: Stage,
        len: usize,
        deadline: u64,
    },
    /// A command that makes others stale.
    Switch {
        device: u8,
        on: bool,
    },
    Cancel,
    HandOver {
        room: usize,
    },
    Recv {
        report: Option<u8>,
    },
    Respond(u8),
    Wait(u64),
    Back(u64),
    Tick,
    Events(usize),
    Disconnect,
    Connect,
    Dial,
    Close,
}

fn act() -> impl Strategy<Value = Act> {
    let status = || select(vec![0, 0, 0, 1, 5, 0x0a, 0xb5]);
    prop_oneof![
        4 => noisy_stream().prop_map(Act::Feed),
        4 => packet().prop_map(|packet| Act::Feed(encoded(&packet.packet()))),
        1 => bytes(0..40).prop_map(Act::Feed),
        8 => (select(vec![0x7b, 0x73, 0x78, 0x88, 0xab, 0x48]), status(), prop::bool::weighted(0.2))
            .prop_map(|(kind, status, other)| Act::Answer { kind, status, other }),
        8 => (select(vec![Stage::Sent, Stage::Acked, Stage::Executed]), 0..300_usize, 0..3_000_u64)
            .prop_map(|(until, len, deadline)| Act::Send { until, len, deadline }),
        4 => (0..4_u8, any::<bool>()).prop_map(|(device, on)| Act::Switch { device, on }),
        1 => Just(Act::Cancel),
        8 => (0..120_usize).prop_map(|room| Act::HandOver { room }),
        2 => status().prop_map(Act::Respond),
        1 => Just(Act::Dial),
        4 => proptest::option::of(status()).prop_map(|report| Act::Recv { report }),
        4 => (0..2_000_u64).prop_map(Act::Wait),
        1 => (0..2_000_u64).prop_map(Act::Back),
        6 => Just(Act::Tick),
        6 => (0..6_usize).prop_map(Act::Events),
        1 => Just(Act::Disconnect),
        2 => Just(Act::Connect),
        1 => prop::bool::weighted(0.1).prop_map(|close| if close { Act::Close } else { Act::Tick }),
    ]
}

/// What the model of the application knows.
#[derive(Default)]
struct Book {
    live: BTreeSet<MessageId>,
    handed: BTreeSet<MessageId>,
    last: Vec<u8>,
    hung_up: bool,
    /// The shortest data that was refused for want of room.
    refused: Option<usize>,
    /// Data of this length has room.
    room: Option<usize>,
}

impl Book {
    fn event(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Done { id, outcome, receipt } => {
                prop_assert!(self.live.remove(&id), "{id} ends twice");
                let handed = self.handed.remove(&id);
                prop_assert_eq!(matches!(outcome, Outcome::NotSent(_)), !handed);
                prop_assert_eq!(receipt.attempts > 0, handed);
            }
            Event::Hangup(_) => self.hung_up = true,
            Event::Writable => {
                self.room = self.refused.take();
                prop_assert!(self.room.is_some(), "nothing was refused");
            }
            _ => {}
        }
        Ok(())
    }

    fn sent(
        &mut self,
        sent: Result<MessageId, SendError>,
        len: usize,
    ) -> Result<(), TestCaseError> {
        match sent {
            Ok(id) => prop_assert!(self.live.insert(id), "{id} is in use"),
            Err(SendError::Full) => {
                self.refused = Some(self.refused.map_or(len, |shortest| shortest.min(len)));
            }
            Err(SendError::TooLong { .. }) => prop_assert!(len > 256),
            Err(_) => {}
        }
        Ok(())
    }

    fn act(&mut self, solo: &mut Small, act: &Act) -> Result<(), TestCaseError> {
        let now = solo.now;
        match act {
            Act::Feed(bytes) => {
                let taken = solo.feed(bytes);
                prop_assert!(taken <= bytes.len());
                prop_assert!(taken == bytes.len() || !solo.session.wants_input());
            }
            Act::Answer { kind, status, other } => {
                if let Some(answer) = self.answer(*kind, *status, *other) {
                    solo.feed(&answer);
                }
            }
            Act::Send { until, len, deadline } => {
                let data = vec![0x7e; *len];
                let request =
                    Request::frame(op::POWER, &data).until(*until).deadline(ms(*deadline));
                self.sent(solo.session.send(now, request), *len)?;
            }
            Act::Switch { device, on } => {
                // Device 0 stands for all of them.
                let to = Destination::device(*device).unwrap_or(Destination::ALL);
                let command = Command::Power { to, on: *on };
                self.sent(solo.session.send(now, command), command.data(0).len())?;
            }
            Act::Cancel => {
                if let Some(id) = self.live.first() {
                    solo.session.cancel(*id);
                }
            }
            Act::HandOver { room } => {
                let mut out = vec![0; *room];
                match solo.session.poll_transmit(now, &mut out) {
                    Ok(Some(transmit)) => {
                        prop_assert!(!self.hung_up, "{transmit:?} after a hang-up");
                        out.truncate(transmit.len);
                        let packet =
                            Packet::decode(&out, ChecksumMode::Strict).expect("own packets decode");
                        prop_assert_eq!(packet.kind(), transmit.kind);
                        prop_assert_eq!(&bytes_of(&packet), &out);
                        if let Some(id) = transmit.id {
                            prop_assert!(self.live.contains(&id));
                            self.handed.insert(id);
                            self.last = out;
                        }
                    }
                    Ok(None) => {}
                    Err(short) => prop_assert!(short.needed > short.have && short.have == *room),
                }
            }
            Act::Recv { report } => {
                let id = solo.session.recv(now).and_then(|delivery| delivery.id());
                if let (Some(id), Some(status)) = (id, report) {
                    let _ = solo.session.report(now, id, StatusCode(*status));
                }
            }
            Act::Respond(status) => {
                if let Some(id) = solo.session.recv(now).and_then(|delivery| delivery.id()) {
                    let _ = solo.session.respond(now, id, StatusCode(*status));
                    let again = solo.session.respond(now, id, StatusCode(*status));
                    prop_assert!(again.is_err(), "answered twice");
                }
            }
            Act::Dial => solo.session.connect(now),
            Act::Wait(time) => solo.wait(ms(*time)),
            Act::Back(time) => {
                let earlier = now.as_micros().saturating_sub(time * 1_000);
                solo.session.handle_timeout(cync_core::Instant::from_micros(earlier));
            }
            Act::Tick => {
                solo.session.handle_timeout(now);
                let next = solo.session.poll_timeout();
                prop_assert!(
                    next.is_none_or(|next| next.at > now),
                    "{next:?} after a tick at {now:?}"
                );
            }
            Act::Events(count) => {
                let mut drained = false;
                for _ in 0..*count {
                    let Some(event) = solo.session.poll_event() else {
                        drained = true;
                        break;
                    };
                    self.event(event)?;
                    if let Some(len) = self.room.take() {
                        let data = vec![0; len];
                        let sent = solo.session.send(now, Request::frame(op::POWER, &data));
                        prop_assert!(sent.is_ok(), "{sent:?} after Writable");
                        self.live.extend(sent);
                    }
                }
                if let Some(len) = self.refused.filter(|_| drained) {
                    // Whoever waits for `Writable` would not be told.
                    let data = vec![0; len];
                    let sent = solo.session.send(now, Request::frame(op::POWER, &data));
                    prop_assert!(sent.is_err(), "there was room all the time");
                }
            }
            Act::Disconnect => {
                solo.session.handle_disconnected(now, Disconnect::Peer);
                self.hung_up = false;
            }
            Act::Connect => {
                solo.session.handle_connected(now);
                self.hung_up = false;
                solo.feed(&cync_tests::solo::hello());
            }
            Act::Close => solo.session.close(now),
        }
        Ok(())
    }

    fn answer(&self, kind: u8, status: u8, other: bool) -> Option<Vec<u8>> {
        let prefix = self.last.get(5..11)?;
        let number = self.last.get(9..11)?;
        let mut answer = match kind {
            0x73 => {
                let Ok(Packet::DataChannel(mut channel)) =
                    Packet::decode(&self.last, ChecksumMode::Strict)
                else {
                    return None;
                };
                let (counter, data) = (channel.frame.counter, [status]);
                channel.frame = cync_core::wire::Frame::response(counter, channel.frame.op, &data);
                return Some(bytes_of(&Packet::DataChannel(channel)));
            }
            0x48 | 0x88 => [&[kind, 0, 0, 0, 3], number, &[status]].concat(),
            _ => [&[kind, 0, 0, 0, 7], prefix, &[status]].concat(),
        };
        if other {
            answer[6] ^= 1;
        }
        Some(answer)
    }

    fn check(&self, solo: &Small) -> Result<(), TestCaseError> {
        let (queued, in_flight) = (solo.session.queued(), solo.session.in_flight());
        prop_assert!(in_flight <= 2 && queued + in_flight <= 4);
        prop_assert!(solo.session.inbox_len() <= 4 && solo.session.remembered() <= 4);
        prop_assert!(queued + in_flight <= self.live.len());
        let stats = solo.session.stats();
        let ended = stats.reached + stats.nacked + stats.not_sent.total() + stats.unknown.total();
        prop_assert_eq!(stats.messages_sent, ended + (queued + in_flight) as u64);
        prop_assert_eq!(
            stats.attempts[0] + stats.retransmissions.total(),
            stats.attempts.iter().sum::<u64>()
        );
        Ok(())
    }
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn whatever_the_peer_and_the_driver_do_every_message_ends_once(
        manners in manners(),
        acts in prop::collection::vec(act(), 1..120),
    ) {
        let mut solo: Small = Solo::greeted(manners.config());
        let mut book = Book::default();
        for act in &acts {
            book.act(&mut solo, act)?;
            book.check(&solo)?;
        }
        if manners.ride_through {
            solo.session.close(solo.now);
        }
        solo.session.handle_disconnected(solo.now, Disconnect::Peer);
        for event in solo.events() {
            book.event(event)?;
        }
        prop_assert!(book.live.is_empty());
        prop_assert_eq!((solo.session.queued(), solo.session.in_flight()), (0, 0));
        solo.session.handle_connected(solo.now);
        if solo.session.state() == cync_core::State::Greeting {
            solo.greet();
            solo.session.send(solo.now, power(true)).expect("nothing is left over");
        }
    }

    #[test]
    fn cutting_the_input_changes_nothing(stream in requests(), cuts in cut()) {
        let whole = Heard::of([stream.as_slice()]);
        prop_assert_eq!(&whole, &Heard::of(cuts.pieces(&stream)));
        prop_assert_eq!(&whole, &Heard::of(stream.chunks(1)));
    }
}

/// Streams that a session of this size refuses now and then, with noise between.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let request = (any::<u16>(), bytes(0..40)).prop_map(|(number, data)| {
        let prefix = cync_core::wire::Prefix {
            endpoint: cync_tests::solo::ENDPOINT,
            msg_id: cync_core::wire::MsgId(number),
            flag: 0,
        };
        let frame = cync_core::wire::Frame::request(1, op::POWER, &data);
        bytes_of(&Packet::DataChannel(cync_core::wire::Channel { prefix, frame }))
    });
    let piece = prop_oneof![6 => request, 1 => noisy_stream()];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

/// Everything that can be observed of a session while it takes a stream.
#[derive(PartialEq, Debug)]
struct Heard {
    packets: Vec<Vec<u8>>,
    events: Vec<Event>,
    messages: Vec<Vec<u8>>,
    refusals: usize,
    stats: cync_core::Stats,
}

impl Heard {
    fn of<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut solo: Small = Solo::greeted(small());
        let (mut packets, mut events, mut messages) = (Vec::new(), Vec::new(), Vec::new());
        let mut refusals = 0;
        let mut collect = |solo: &mut Small| {
            packets.extend(solo.out());
            events.extend(solo.events());
            while let Some(delivery) = solo.session.recv(solo.now) {
                messages.push(delivery.data.to_vec());
            }
        };
        for piece in pieces {
            let mut rest = piece;
            loop {
                rest = &rest[solo.feed(rest)..];
                if solo.session.wants_input() {
                    break;
                }
                refusals += 1;
                collect(&mut solo);
            }
            assert!(rest.is_empty());
        }
        collect(&mut solo);
        Self { packets, events, messages, refusals, stats: *solo.session.stats() }
    }
}
