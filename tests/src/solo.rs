//! One session in virtual time, whose peer is the test.

use cync_core::wire::{
    Command, CommandData, Destination, Endpoint, Login, LoginAck, MAX_PACKET, Packet, Secret,
    StatusCode, op,
};
use cync_core::{AuthCode, Config, Deadline, Event, Instant, Outcome, Receipt, Request, Session};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

/// The endpoint of the sessions here.
pub const ENDPOINT: Endpoint = Endpoint(0x4588_0f3a);
/// Their authentication code: looked for wherever it must not be.
pub const AUTH: &[u8] = cync_sim::CANARY;

/// The configuration of a side that greets, with [`AUTH`].
///
/// # Panics
/// Never: the code is short enough.
pub fn greeter() -> Config {
    Config::greeter(ENDPOINT, AuthCode::new(AUTH).expect("16 bytes"))
}

/// The configuration of a side that is greeted.
pub fn listener() -> Config {
    Config::listener(ENDPOINT)
}

/// A configuration whose limits that do not matter fit so few slots and remembered messages.
#[must_use]
pub fn fit(mut config: Config, slots: u16, seen: u16) -> Config {
    for lane in [&mut config.inbox_states, &mut config.inbox_messages] {
        lane.limit = lane.limit.min(slots / 2);
    }
    config.counters = config.counters.min(u8::try_from(seen / config.window).unwrap_or(u8::MAX));
    let share = seen / u16::from(config.counters);
    config.id_window = config.id_window.min(share.checked_ilog2().map_or(0, |log| 1 << log));
    config
}

/// Switches a device without superseding, or being superseded by, any other message.
///
/// # Panics
/// If `address` is not 1 to 254.
pub fn switch(address: u8, on: bool) -> Request<'static> {
    static DATA: LazyLock<BTreeMap<(u8, bool), CommandData>> = LazyLock::new(|| {
        let commands = (1..=254).flat_map(|device| [(device, false), (device, true)]);
        let data = commands.filter_map(|(device, on)| {
            let to = Destination::device(device)?;
            Some(((device, on), Command::Power { to, on }.data(0)))
        });
        data.collect()
    });
    Request::frame(op::POWER, &DATA[&(address, on)])
}

/// The bytes of a packet.
///
/// # Panics
/// If it cannot be encoded.
pub fn bytes_of(packet: &Packet<'_>) -> Vec<u8> {
    let mut out = vec![0; MAX_PACKET];
    let len = packet.encode(&mut out).expect("the packet can be encoded");
    out.truncate(len);
    out
}

/// The greeting that a peer of [`listener`] sends.
pub fn hello() -> Vec<u8> {
    bytes_of(&Packet::Handshake(Login::new(ENDPOINT, Secret::new(AUTH), 60)))
}

/// A session and its time. The test plays the peer.
#[derive(Debug)]
pub struct Solo<const SLOTS: usize = 128, const SEEN: usize = 1024, const MTU: usize = MAX_PACKET> {
    /// The session.
    pub session: Box<Session<SLOTS, SEEN, MTU>>,
    /// The present.
    pub now: Instant,
}

impl<const SLOTS: usize, const SEEN: usize, const MTU: usize> Solo<SLOTS, SEEN, MTU> {
    /// A session that is connected at time zero, and has not greeted.
    ///
    /// # Panics
    /// If a rule of the configuration is broken.
    pub fn connected(config: Config) -> Self {
        let session = Box::new(Session::new(config, 1).expect("the configuration is right"));
        let mut solo = Self { session, now: Instant::ZERO };
        solo.session.handle_connected(solo.now);
        solo
    }

    /// A session that was greeted at time zero; its answer and its events have been taken.
    ///
    /// # Panics
    /// If a rule of the configuration is broken.
    pub fn greeted(config: Config) -> Self {
        let mut solo = Self::connected(config);
        solo.greet();
        solo
    }

    /// Plays the peer's part of the greeting; what the session says of it is taken away.
    pub fn greet(&mut self) {
        if self.out().is_empty() {
            self.feed(&hello());
        } else {
            self.hear(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 }));
        }
        self.out();
        self.events();
    }

    /// Offers bytes; returns how many were taken.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        self.session.handle_input(self.now, bytes)
    }

    /// Offers a packet; returns whether it was taken.
    pub fn hear(&mut self, packet: &Packet<'_>) -> bool {
        let bytes = bytes_of(packet);
        self.feed(&bytes) == bytes.len()
    }

    /// Every packet that is to be handed over now.
    pub fn out(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.out_one()).collect()
    }

    /// The next packet that is to be handed over now.
    ///
    /// # Panics
    /// If the longest packet is not long enough.
    pub fn out_one(&mut self) -> Option<Vec<u8>> {
        let mut out = vec![0; MAX_PACKET];
        let transmit = self.session.poll_transmit(self.now, &mut out).expect("room for any packet");
        transmit.map(|transmit| {
            out.truncate(transmit.len);
            out
        })
    }

    /// Every event there is.
    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    /// What ended, according to the events there are; the others are lost.
    pub fn done(&mut self) -> Vec<(Outcome, Receipt)> {
        let done = |event| match event {
            Event::Done { outcome, receipt, .. } => Some((outcome, receipt)),
            _ => None,
        };
        self.events().into_iter().filter_map(done).collect()
    }

    /// Lets time pass without telling the session.
    pub fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Jumps to the next deadline, and tells the session.
    ///
    /// # Panics
    /// If there is none, or if it is not over afterwards.
    pub fn tick(&mut self) -> Deadline {
        let deadline = self.session.poll_timeout().expect("something is to come");
        self.now = self.now.max(deadline.at);
        self.session.handle_timeout(self.now);
        let next = self.session.poll_timeout();
        assert!(next.is_none_or(|next| next.at > self.now), "{next:?} at {:?}", self.now);
        deadline
    }
}
