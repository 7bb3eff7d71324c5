//! The model of a device against a real one: the controller's side of a recording is played to it, read by read at the recorded
//! times, and it gives the answers that the real device gave. `CYNC_CAPTURES` names the folder of recordings;
//! `docs/model-validity.md` has what is compared, and the differences.

use cync_core::wire::{
    ChecksumMode, Command, Destination, Direction, Framer, Packet, PacketType, Resync, ShortAck,
    StatusCode, op,
};
use cync_core::{AuthCode, Config, Instant, Request, State};
use cync_sim::{Device, Lamps};
use cync_tests::recording::{Chunk, chunks};
use cync_tests::solo::Solo;
use std::collections::{BTreeMap, BTreeSet};

/// What asks for an answer: a probe, or a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Asked {
    kind: PacketType,
    endpoint: u32,
    msg_id: u16,
    /// Of a command, its counter and operation.
    frame: Option<(u32, u8)>,
}

/// An answer, and everything in it that the question decides.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Answer {
    Receipt { endpoint: u32, msg_id: u16, status: u8 },
    Result { endpoint: u32, counter: u32, op: u8, data: Vec<u8> },
    Probe { endpoint: u32, msg_id: u16, flag: u8, name: Vec<u8>, len: usize },
}

impl Answer {
    fn of(packet: &Packet<'_>) -> Option<Self> {
        Some(match packet {
            Packet::DataAck(receipt) => Self::Receipt {
                endpoint: receipt.endpoint.0,
                msg_id: receipt.msg_id.0,
                status: receipt.status.0,
            },
            Packet::DataChannel(channel) if channel.frame.direction == Direction::RESPONSE => {
                let (endpoint, frame) = (channel.prefix.endpoint.0, channel.frame);
                let data = frame.data.bytes().collect();
                Self::Result { endpoint, counter: frame.counter, op: frame.op, data }
            }
            Packet::ProbeAck(info) => {
                let name = info.payload.iter().take(12).copied().collect();
                let (endpoint, msg_id) = (info.prefix.endpoint.0, info.prefix.msg_id.0);
                let (flag, len) = (info.prefix.flag, info.payload.len());
                Self::Probe { endpoint, msg_id, flag, name, len }
            }
            _ => return None,
        })
    }

    /// Whether it can be the answer to this.
    fn answers(&self, asked: &Asked) -> bool {
        let command = asked.kind == PacketType::DataChannel;
        match *self {
            Self::Receipt { endpoint, msg_id, .. } => {
                command && (endpoint, msg_id) == (asked.endpoint, asked.msg_id)
            }
            Self::Result { counter, op, .. } => asked.frame == Some((counter, op)),
            Self::Probe { endpoint, msg_id, .. } => {
                !command && (endpoint, msg_id) == (asked.endpoint, asked.msg_id)
            }
        }
    }
}

/// What was asked, and how it was answered, in the order of both.
#[derive(Default, Debug)]
struct Talk {
    asked: Vec<Asked>,
    answers: Vec<Vec<Answer>>,
    /// Which question each answer answers, in the order of the answers.
    order: Vec<usize>,
    /// Message numbers of results.
    results: Vec<u16>,
    /// What the device said besides, by type.
    besides: BTreeMap<u8, usize>,
    unmatched: Vec<Answer>,
}

impl Talk {
    fn hear(&mut self, to_device: bool, packet: &Packet<'_>) {
        match packet {
            Packet::DataChannel(channel) if to_device => self.ask(Asked {
                kind: PacketType::DataChannel,
                endpoint: channel.prefix.endpoint.0,
                msg_id: channel.prefix.msg_id.0,
                frame: Some((channel.frame.counter, channel.frame.op)),
            }),
            Packet::Probe { prefix, .. } if to_device => self.ask(Asked {
                kind: PacketType::Probe,
                endpoint: prefix.endpoint.0,
                msg_id: prefix.msg_id.0,
                frame: None,
            }),
            _ if to_device => {}
            packet => match Answer::of(packet) {
                Some(answer) => {
                    if let Packet::DataChannel(channel) = packet {
                        self.results.push(channel.prefix.msg_id.0);
                    }
                    self.answer(answer);
                }
                None => *self.besides.entry(packet.kind().byte()).or_default() += 1,
            },
        }
    }

    fn ask(&mut self, asked: Asked) {
        self.asked.push(asked);
        self.answers.push(Vec::new());
    }

    /// The controller of the recording gives all commands the same number: a receipt is for the oldest one without. A result
    /// names its command, the newest of that name.
    fn answer(&mut self, answer: Answer) {
        let receipt = |other: &Answer| matches!(other, Answer::Receipt { .. });
        let fits = |nth: &usize| answer.answers(&self.asked[*nth]);
        let nth = if receipt(&answer) {
            (0..self.asked.len()).filter(fits).find(|nth| !self.answers[*nth].iter().any(receipt))
        } else {
            (0..self.asked.len()).rev().find(fits)
        };
        match nth {
            Some(nth) => {
                self.order.push(nth);
                self.answers[nth].push(answer);
            }
            None => self.unmatched.push(answer),
        }
    }

    /// Commands between whose first and last answer another one was answered.
    fn interleaved(&self) -> usize {
        let between = |nth: usize| {
            let first = self.order.iter().position(|it| *it == nth).expect("it was answered");
            let last = self.order.iter().rposition(|it| *it == nth).expect("it was answered");
            self.order[first..=last].iter().any(|it| *it != nth)
        };
        (0..self.asked.len()).filter(|nth| between(*nth)).count()
    }

    /// Pairs of results that follow each other whose numbers do so, too.
    fn steps_of_one(&self) -> usize {
        self.results.windows(2).filter(|pair| pair[1] == pair[0].wrapping_add(1)).count()
    }
}

/// The connection of a recording on which a controller spoke, and what was said on it.
struct Recorded {
    reads: Vec<Chunk>,
    talk: Talk,
    endpoint: cync_core::wire::Endpoint,
    /// Whom commands were for.
    destinations: BTreeSet<u16>,
}

fn recorded(name: &str) -> Option<Recorded> {
    let mut reads = chunks(name)?;
    let spoken: BTreeSet<_> =
        reads.iter().filter(|read| read.to_device).filter_map(|read| read.conn.clone()).collect();
    assert_eq!(spoken.len(), 1, "one connection on which both sides speak");
    reads.retain(|read| read.conn.as_ref().is_some_and(|conn| spoken.contains(conn)));
    let (mut talk, mut destinations) = (Talk::default(), BTreeSet::new());
    let mut endpoint = None;
    let mut framers = [(); 2].map(|()| Framer::<4101>::new(Resync::Close));
    for read in &reads {
        let mut input = read.bytes.as_slice();
        while let Some(packet) = framers[usize::from(read.to_device)].next(&mut input) {
            let packet = Packet::decode(packet.expect("a packet"), ChecksumMode::Lenient);
            let packet = packet.expect("every packet of the recording can be decoded");
            if let Packet::Handshake(login) = packet {
                endpoint = Some(login.endpoint);
            }
            if let (true, Packet::DataChannel(channel)) = (read.to_device, packet) {
                let data: Vec<u8> = channel.frame.data.bytes().collect();
                let command = Command::parse(channel.frame.op, &data).expect("a command");
                destinations.extend(command.destination().map(Destination::address));
            }
            talk.hear(read.to_device, &packet);
        }
    }
    let endpoint = endpoint.expect("the device greeted");
    Some(Recorded { reads, talk, endpoint, destinations })
}

/// A lamp for every device that commands are for; the first is a member of all groups that they are for. Who the members were
/// is not in the recording.
fn lamps(destinations: &BTreeSet<u16>) -> Lamps {
    let all = || destinations.iter().filter_map(|address| Destination::of_address(*address));
    let mut lamps: Vec<Device> =
        all().filter_map(Destination::device_id).map(|id| Device::new(id.get())).collect();
    let first = all().find(|to| to.device_id().is_some()).expect("a device");
    for group in all().filter_map(Destination::group_number) {
        let join = Command::JoinGroup { to: first, group };
        assert!(lamps[0].handle(join.op(), &join.data(0)).status.is_ok());
    }
    Lamps::new(lamps)
}

/// The model, and what was said to it and what it said.
struct Simulated {
    solo: Solo,
    lamps: Lamps,
    talk: Talk,
    framer: Framer,
}

impl Simulated {
    fn new(recorded: &Recorded, lamps: Lamps) -> Self {
        let auth = AuthCode::new(cync_sim::CANARY).expect("16 bytes");
        let solo = Solo::connected(Config::greeter(recorded.endpoint, auth));
        Self { solo, lamps, talk: Talk::default(), framer: Framer::new(Resync::Close) }
    }

    /// Lets time pass until then.
    fn until(&mut self, at: u64) {
        let at = Instant::from_micros(at);
        while self.solo.session.poll_timeout().is_some_and(|deadline| deadline.at <= at) {
            self.solo.tick();
            self.settle();
        }
        self.solo.now = at;
    }

    fn read(&mut self, bytes: &[u8]) {
        let mut input = bytes;
        while let Some(packet) = self.framer.next(&mut input) {
            let packet = Packet::decode(packet.expect("a packet"), ChecksumMode::Strict);
            self.talk.hear(true, &packet.expect("what a controller says is right"));
        }
        assert_eq!(self.solo.feed(bytes), bytes.len(), "the device has room");
        self.settle();
    }

    /// The application acts, and what is to be handed over is. The recorded answers are to other announcements than the model's:
    /// those are answered here.
    fn settle(&mut self) {
        loop {
            self.solo.events();
            let mut acted = false;
            while let Some(delivery) = self.solo.session.recv(self.solo.now) {
                acted = true;
                let (Some(id), Some(frame)) = (delivery.id(), delivery.frame) else { continue };
                let reaction = self.lamps.handle(frame.op, delivery.data);
                let now = self.solo.now;
                self.solo.session.report(now, id, reaction.status).expect("room for a result");
                if let Some(announcement) = reaction.announce {
                    let data = self.lamps.announce(&announcement);
                    let request = Request::announce(op::STATUS, &data);
                    self.solo.session.send(now, request).expect("room for an announcement");
                }
            }
            let packets = self.solo.out();
            if packets.is_empty() && !acted {
                return;
            }
            for bytes in packets {
                let packet = Packet::decode(&bytes, ChecksumMode::Strict).expect("a packet");
                self.talk.hear(false, &packet);
                if let Packet::StatusBroadcast(channel) = packet {
                    let msg_id = channel.prefix.msg_id;
                    let status = StatusCode::OK;
                    self.solo.hear(&Packet::StatusAck(ShortAck { msg_id, status }));
                }
            }
        }
    }
}

/// What the model with these lamps says to the recorded controller.
fn simulated(recorded: &Recorded, lamps: Lamps) -> Talk {
    let mut model = Simulated::new(recorded, lamps);
    model.settle();
    for read in recorded.reads.iter().filter(|read| read.to_device) {
        model.until(read.at);
        model.read(&read.bytes);
        assert_eq!(model.solo.session.state(), State::Ready);
    }
    model.talk
}

/// The commands that were not answered alike.
fn differing(one: &Talk, other: &Talk) -> Vec<usize> {
    assert_eq!(one.asked, other.asked, "the same questions");
    assert_eq!((&one.unmatched[..], &other.unmatched[..]), (&[][..], &[][..]));
    (0..one.asked.len()).filter(|nth| one.answers[*nth] != other.answers[*nth]).collect()
}

const RECORDING: &str = "controller-commands-split-reads.jsonl";

#[test]
fn the_model_answers_every_command_as_the_recorded_device_did() {
    let Some(recorded) = recorded(RECORDING) else { return };
    let model = simulated(&recorded, lamps(&recorded.destinations));
    let real = recorded.talk;
    let asked = |kind| real.asked.iter().filter(|asked| asked.kind == kind).count();
    assert_eq!((asked(PacketType::Probe), asked(PacketType::DataChannel)), (1, 121));
    assert!(real.answers.iter().all(|answers| !answers.is_empty()));
    let [query] = differing(&real, &model)[..] else {
        panic!("only the query of the mesh differs")
    };
    assert_eq!(real.asked[query].frame.map(|(_, op)| op), Some(op::MESH_QUERY));
    let Some((Answer::Result { op: op::MESH_QUERY, data, .. }, rest)) =
        real.answers[query].split_last()
    else {
        panic!("the real device ends with a page")
    };
    assert_eq!((data.len(), rest), (6 + 31 * 24, &model.answers[query][..]));
}

#[test]
fn what_the_model_does_otherwise_besides_is_what_is_written_down() {
    let Some(recorded) = recorded(RECORDING) else { return };
    let model = simulated(&recorded, lamps(&recorded.destinations));
    let real = recorded.talk;
    assert_eq!((real.interleaved(), model.interleaved()), (82, 51));
    assert_eq!((real.results.len(), real.steps_of_one()), (122, 121));
    assert_eq!((model.results.len(), model.steps_of_one()), (121, 2));
    let of_real = [(0x23, 1), (0x43, 41), (0x83, 125), (0xc3, 6), (0xd3, 35)];
    assert_eq!(real.besides, BTreeMap::from(of_real));
    assert_eq!(model.besides, BTreeMap::from([(0x23, 1), (0x83, 119), (0xd3, 46)]));
}

#[test]
fn another_model_would_be_noticed() {
    let Some(recorded) = recorded(RECORDING) else { return };
    let nobody = simulated(&recorded, Lamps::new([]));
    assert_eq!(differing(&recorded.talk, &nobody).len(), 121, "every command fails");
}
