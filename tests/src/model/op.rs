//! What can happen: the operations that a case is a list of.

use super::setup::Side;
use cync_core::wire::{Brightness, Command, Destination};
use cync_core::{Disconnect, Stage};

/// Bytes that decide one [`Op`].
pub const OP_LEN: usize = 6;

/// Whom a typed command is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// A device.
    Device(u8),
    /// An outlet of device 1.
    Outlet(u8),
    /// A group.
    Group,
    /// All.
    All,
}

impl To {
    /// As it is sent.
    ///
    /// # Panics
    /// If the number is out of range.
    pub fn destination(self) -> Destination {
        match self {
            Self::Device(device) => Destination::device(device).expect("1 to 254"),
            Self::Outlet(outlet) => Destination::outlet(1, outlet).expect("1 to 126"),
            Self::Group => Destination::group(3).expect("0 to 32766"),
            Self::All => Destination::ALL,
        }
    }

    /// Whether one device may be meant by both, as the protocol's page says it; not as the session computes it.
    pub const fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Group | Self::All, _) | (_, Self::Group | Self::All) => true,
            (Self::Device(one), Self::Device(two)) | (Self::Outlet(one), Self::Outlet(two)) => {
                one == two
            }
            (Self::Device(device), Self::Outlet(_)) | (Self::Outlet(_), Self::Device(device)) => {
                device == 1
            }
        }
    }
}

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// A typed command that sets the power.
    Power(To),
    /// A typed command that sets the brightness.
    Brightness(To),
    /// A typed command that sets power and brightness, and keeps the colour.
    Both(To),
    /// A frame with so many bytes of data, all of them special; it overlaps with nothing.
    Frame(u16),
    /// An announcement with so many bytes of data.
    Announce(u16),
    /// A probe.
    Probe,
    /// A `0x73` as it stands, with so many bytes of data in its frame.
    Raw(u16),
    /// A `0x43` with so many bytes.
    Info(u16),
}

impl What {
    /// What a typed command sets: 1 is the power, 2 the brightness.
    pub const fn sets(self) -> u8 {
        match self {
            Self::Power(_) => 1,
            Self::Brightness(_) => 2,
            Self::Both(_) => 3,
            _ => 0,
        }
    }

    /// Whom a typed command is for.
    pub const fn to(self) -> Option<To> {
        match self {
            Self::Power(to) | Self::Brightness(to) | Self::Both(to) => Some(to),
            _ => None,
        }
    }

    /// The typed command.
    ///
    /// # Panics
    /// Never: the brightness is in range.
    pub fn command(self) -> Option<Command> {
        let brightness = Brightness::new(40).expect("0 to 100");
        let to = self.to()?.destination();
        Some(match self {
            Self::Power(_) => Command::Power { to, on: true },
            Self::Brightness(_) => Command::Brightness { to, brightness },
            _ => Command::Combined { to, on: true, brightness: Some(brightness), colour: None },
        })
    }
}

/// A message to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask {
    /// What.
    pub what: What,
    /// `Request::until`; `None` leaves the request's own.
    pub until: Option<Stage>,
    /// `Request::once`.
    pub once: bool,
    /// `Request::deadline`, in milliseconds.
    pub deadline: Option<u64>,
    /// `Request::msg_id`.
    pub msg_id: Option<u16>,
    /// Send it to another endpoint than the session's.
    pub other_endpoint: bool,
}

impl Ask {
    /// This, with the request's own choices.
    pub const fn of(what: What) -> Self {
        Self { what, until: None, once: false, deadline: None, msg_id: None, other_endpoint: false }
    }

    /// Until this stage.
    #[must_use]
    pub const fn until(self, stage: Stage) -> Self {
        Self { until: Some(stage), ..self }
    }
}

/// What the application does with a message that it took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// Nothing.
    None,
    /// `Session::report` with this status.
    Report(u8),
    /// `Session::respond` with this status.
    Respond(u8),
}

/// A packet from nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forged {
    /// An answer of this type (`0x7b`, `0x73`, `0x78`, `0x88`, `0x48`, `0xab`) and status to the message that the receiver sent
    /// so many messages ago.
    Answer {
        /// The type.
        kind: u8,
        /// The status.
        status: u8,
        /// How many messages ago.
        ago: u8,
        /// Of another endpoint.
        other: bool,
    },
    /// A `0x73` that is malformed in one of several ways.
    Malformed(u8),
    /// A header that declares more than any packet has.
    Overlong,
    /// A heartbeat.
    Heartbeat,
    /// A question for the time.
    TimeRequest,
    /// A probe.
    Probe,
    /// A notice that the connection is about to be closed.
    Notice,
}

/// One operation. Numbers of packets, messages and deliveries count from the oldest and wrap around what there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// A good moment: everything is handed over, delivered, offered, received, executed, reported and told on both sides.
    Exchange,
    /// Time passes; nobody is told.
    Wait(u64),
    /// `Session::handle_timeout`, now.
    Tick(Side),
    /// Time passes until the session's deadline, or up to so many milliseconds if that is sooner; then it is ticked.
    TickDue(Side, u64),
    /// `Session::handle_timeout` with a time so many milliseconds ago.
    TickBack(Side, u64),
    /// `Session::send`.
    Send(Side, Ask),
    /// `Session::cancel` of the nth message.
    Cancel(Side, u8),
    /// Up to so many packets are handed over; the first is tried with too little room before.
    HandOver(Side, u8),
    /// Up to so many events are taken.
    Events(Side, u8),
    /// All packets are handed over and all events taken.
    Drive(Side),
    /// Up to so many packets arrive at this side.
    Arrive(Side, u8),
    /// Up to so many bytes of what arrived are offered.
    Offer(Side, u16),
    /// All that is under way to this side arrives and is offered.
    Hear(Side),
    /// The nth packet under way to this side is lost.
    Lose(Side, u8),
    /// The nth packet under way to this side arrives twice, the second time behind all others.
    Duplicate(Side, u8),
    /// The nth packet under way to this side falls behind all others.
    Reorder(Side, u8),
    /// The checksum of the nth packet under way to this side becomes a wrong one.
    Corrupt(Side, u8),
    /// A packet that nobody sent gets under way to this side.
    Forge(Side, Forged),
    /// `Session::recv`.
    Recv(Side, Reply),
    /// The application answers the nth delivery that it took before.
    Answer(Side, u8, Reply),
    /// `Session::handle_disconnected`.
    Cut(Side, Disconnect),
    /// A new connection; only this side knows of it unless `both`.
    Connect {
        /// Who opened it.
        side: Side,
        /// The other side accepts it at once.
        both: bool,
    },
    /// This side learns of the newest connection.
    Accept(Side),
    /// `Session::connect`.
    Dial(Side),
    /// The next so many connections that this side asks for cannot be opened.
    Fail(Side, u8),
    /// `Session::ping`.
    Ping(Side),
    /// `Session::set_wall_clock`.
    WallClock(Side),
    /// `Session::purge`.
    Purge(Side),
    /// `Session::close`.
    Close(Side),
}

impl Op {
    /// An operation drawn from bytes.
    pub fn from_bytes(bytes: [u8; OP_LEN]) -> Self {
        let [kind, at, a, b, c, d] = bytes;
        let side = if at & 1 == 0 { Side::Hub } else { Side::Lamp };
        // Most of the time few, sometimes any number.
        let few = if a < 192 { a % 4 } else { a - 192 };
        match kind {
            0..=19 => Self::Exchange,
            20..=31 => Self::Wait(time(a, b)),
            32..=37 => Self::Tick(side),
            38..=63 => Self::TickDue(side, 50 + time(a, b)),
            64..=67 => Self::TickBack(side, time(a, b)),
            68..=111 => Self::Send(side, ask(at, a, b, c, d)),
            112..=115 => Self::Cancel(side, a),
            116..=133 => Self::HandOver(side, 1 + few),
            134..=141 => Self::Events(side, 1 + few),
            142..=157 => Self::Drive(side),
            158..=167 => Self::Arrive(side, 1 + few),
            168..=177 => Self::Offer(side, u16::from(a) * u16::from(b) / 64),
            178..=193 => Self::Hear(side),
            194..=201 => Self::Lose(side, few),
            202..=207 => Self::Duplicate(side, few),
            208..=212 => Self::Reorder(side, few),
            213..=214 => Self::Corrupt(side, few),
            215..=222 => Self::Forge(side, forged(a, b, c)),
            223..=232 => Self::Recv(side, reply(a, b)),
            233..=237 => Self::Answer(side, a, reply(b, c)),
            238..=240 => Self::Cut(side, why(a)),
            241..=246 => Self::Connect { side, both: a % 4 != 0 },
            247 => Self::Accept(side),
            248 => Self::Dial(side),
            249 => Self::Fail(side, few),
            250 => Self::Ping(side),
            251 => Self::WallClock(side),
            252 => Self::Purge(side),
            253 => Self::Wait(10 * time(a, b)),
            254 if a < 64 => Self::Close(side),
            _ => Self::Exchange,
        }
    }
}

/// Operations drawn from bytes; what is left over is not used.
pub fn ops_from_bytes(bytes: &[u8]) -> Vec<Op> {
    bytes.as_chunks().0.iter().map(|chunk| Op::from_bytes(*chunk)).collect()
}

/// Milliseconds: mostly of the order of a round trip or a timer.
const fn time(a: u8, b: u8) -> u64 {
    let fine = b as u64;
    match a % 8 {
        0..=2 => fine / 4,
        3..=5 => fine * 2,
        6 => fine * 8,
        _ => fine * 25,
    }
}

fn ask(at: u8, a: u8, b: u8, c: u8, d: u8) -> Ask {
    let to = match b % 8 {
        0..=3 => To::Device(1),
        4 => To::Device(2),
        5 => To::Outlet(1 + b / 128),
        6 => To::Group,
        _ => To::All,
    };
    let len = [0, 1, 12, 40, 70, 130, 170, 400, 2_100][usize::from(b % 9)];
    let what = match a % 16 {
        0..=3 => What::Power(to),
        4 => What::Brightness(to),
        5 => What::Both(to),
        6..=10 => What::Frame(len),
        11 => What::Announce(len),
        12 => What::Probe,
        13 => What::Raw(len),
        14 => What::Info(len),
        _ => What::Frame(len / 2),
    };
    let until = match c % 8 {
        0..=2 => None,
        3..=5 => Some(Stage::Executed),
        6 => Some(Stage::Acked),
        _ => Some(Stage::Sent),
    };
    Ask {
        what,
        until,
        once: c / 8 % 8 == 7,
        deadline: (c / 64 == 3).then(|| u64::from(d) * 20),
        msg_id: (at / 2 % 8 == 7).then_some(u16::from(d % 3) + 0x7d7d),
        other_endpoint: at / 16 == 15,
    }
}

fn forged(a: u8, b: u8, c: u8) -> Forged {
    let kind = [0x7b, 0x73, 0x78, 0x7b, 0x73, 0x88, 0x48, 0xab][usize::from(a % 8)];
    match b {
        0..=179 => Forged::Answer {
            kind,
            status: [0, 0xb5, 5, 1, 0x0a, 0][usize::from(b % 6)],
            ago: c % 4,
            other: c / 32 == 7,
        },
        180..=210 => Forged::Malformed(c),
        211 => Forged::Overlong,
        212..=224 => Forged::Heartbeat,
        225..=234 => Forged::TimeRequest,
        235..=244 => Forged::Probe,
        _ => Forged::Notice,
    }
}

const fn reply(a: u8, b: u8) -> Reply {
    let status = match b % 8 {
        0..=4 => 0,
        5 => 1,
        6 => 5,
        _ => 0xb5,
    };
    match a % 4 {
        0 => Reply::None,
        1 => Reply::Respond(status),
        _ => Reply::Report(status),
    }
}

const fn why(a: u8) -> Disconnect {
    match a % 3 {
        0 => Disconnect::Peer,
        1 => Disconnect::Error,
        _ => Disconnect::Hangup,
    }
}
