use crate::chaos::micros;
use crate::{Attempts, ChaosConfig, Copy, Direction, Fate, Label, corrupt};
use cync_core::mix;
use cync_core::wire::{self, Endpoint, PacketType};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the link to the device does to packets.
///
/// Greetings and what is no packet travel as long as the latency says, and nothing else happens to them. The rates of late and
/// early ticks have no meaning here: the sessions on a socket have real timers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// What the draws depend on. Equal packets have equal fates under equal seeds, whenever they come.
    pub seed: u64,
    /// What happens on the way to the device, and what it does to commands: refuse them, or take its time.
    pub to_device: ChaosConfig,
    /// What happens on the way back.
    pub from_device: ChaosConfig,
}

impl Link {
    /// The same in both directions.
    pub fn both(seed: u64, chaos: ChaosConfig) -> Self {
        Self { seed, to_device: chaos.clone(), from_device: chaos }
    }
}

impl Default for Link {
    /// Nothing goes wrong.
    fn default() -> Self {
        Self::both(0, ChaosConfig::NONE)
    }
}

/// What happened to the packets of one direction, greetings left out.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Counts {
    /// Packets that set out.
    pub packets: u64,
    /// Packets that were lost.
    pub dropped: u64,
    /// Packets that arrived twice.
    pub duplicated: u64,
    /// Packets that were held back, so that later ones could overtake them.
    pub reordered: u64,
    /// Packets of which bytes were changed.
    pub corrupted: u64,
    /// Packets that arrived in two pieces.
    pub split: u64,
    /// Packets that waited for the next one.
    pub coalesced: u64,
}

/// What happened on all links of a device.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LinkCounts {
    /// Towards the device.
    pub to_device: Counts,
    /// From the device.
    pub from_device: Counts,
}

impl LinkCounts {
    const fn of(&mut self, way: Direction) -> &mut Counts {
        match way {
            Direction::ToDevice => &mut self.to_device,
            Direction::FromDevice => &mut self.from_device,
        }
    }
}

/// What one party has sent and was sent, on all of its connections: draws are about the nth copy of a message.
#[derive(Debug)]
pub(super) struct Track {
    link: u16,
    /// With the commands that were counted so far.
    attempts: Mutex<(Attempts, u64)>,
}

impl Track {
    pub(super) fn new(party: Endpoint) -> Self {
        let link = (mix(u64::from(party.0)) >> 48) as u16;
        Self { link, attempts: Mutex::default() }
    }

    /// One more copy, and the number of the command that it is a transmission of, if it is the first one.
    fn count(&self, way: Direction, label: Label) -> (Copy, Option<u64>) {
        let mut inner = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = Copy { link: self.link, ..inner.0.count(way, label) };
        let is_request = label.kind() == Some(PacketType::DataChannel)
            && label.frame == wire::Direction::REQUEST.0;
        let first = copy.attempt == 1 && is_request && way == Direction::ToDevice;
        inner.1 += u64::from(first);
        (copy, first.then_some(inner.1))
    }

    /// What the draws about the device's own part in a command depend on.
    pub(super) const fn command(&self, number: u32) -> Copy {
        let (kind, frame) = (PacketType::DataChannel.byte(), wire::Direction::REQUEST.0);
        let label = Label { kind, frame, number };
        Copy { link: self.link, way: Direction::ToDevice, label, attempt: 1 }
    }
}

/// Decides what happens to packets, and counts it, for all connections of a device.
#[derive(Debug)]
pub(super) struct Weather {
    link: Link,
    counts: Mutex<LinkCounts>,
    silent: AtomicBool,
}

impl Weather {
    pub(super) fn new(link: Link) -> Self {
        Self { link, counts: Mutex::default(), silent: AtomicBool::new(false) }
    }

    /// Whether nothing gets out of the device.
    pub(super) fn silence(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    pub(super) const fn seed(&self) -> u64 {
        self.link.seed
    }

    pub(super) const fn chaos(&self, way: Direction) -> &ChaosConfig {
        match way {
            Direction::ToDevice => &self.link.to_device,
            Direction::FromDevice => &self.link.from_device,
        }
    }

    /// How long to wait for what is on its way when a session has ended.
    pub(super) fn settle(&self) -> Duration {
        self.link.from_device.longest_delay() + Duration::from_secs(1)
    }

    fn lock(&self) -> MutexGuard<'_, LinkCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counts(&self) -> LinkCounts {
        *self.lock()
    }

    /// A packet was held back.
    pub(super) fn reordered(&self, way: Direction) {
        self.lock().of(way).reordered += 1;
    }

    /// What happens to a packet; corruption has happened already.
    pub(super) fn fate(&self, track: &Track, way: Direction, packet: &mut [u8]) -> Fate {
        let chaos = self.chaos(way);
        let lost = way == Direction::FromDevice && self.silent.load(Ordering::Relaxed);
        let Some(label) = Label::of(packet) else {
            return Fate { lost, delay: micros(chaos.latency), ..Fate::default() };
        };
        let (copy, command) = track.count(way, label);
        let mut fate = chaos.fate(self.link.seed, &copy, command);
        fate.lost |= lost;
        let mut counts = self.lock();
        let counts = counts.of(way);
        counts.packets += 1;
        if fate.lost {
            counts.dropped += 1;
            return fate;
        }
        if fate.corrupted != 0 {
            counts.corrupted += u64::from(corrupt(packet, fate.corrupted, chaos.corruption_bytes));
        }
        counts.duplicated += u64::from(fate.doubled);
        counts.split += u64::from(fate.split != 0);
        counts.coalesced += u64::from(fate.coalesced != 0);
        fate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DropPattern;
    use cync_core::wire::{Channel, Frame, MAX_PACKET, MsgId, Packet, Prefix};

    fn request(number: u16) -> Vec<u8> {
        let prefix = Prefix { endpoint: Endpoint(1), msg_id: MsgId(number), flag: 0 };
        let frame = Frame::request(u32::from(number), 0xd0, &[1, 2, 3]);
        let mut bytes = [0; MAX_PACKET];
        let len = Packet::DataChannel(Channel { prefix, frame }).encode(&mut bytes).unwrap();
        bytes[..len].to_vec()
    }

    #[test]
    fn a_pattern_counts_the_commands_of_each_party_whatever_else_is_sent() {
        let pattern = Some(DropPattern::Every { first: 1, every: 2 });
        let link = Link::both(1, ChaosConfig { drop_pattern: pattern, ..ChaosConfig::NONE });
        let weather = Weather::new(link);
        for party in [Endpoint(1), Endpoint(2)] {
            let track = Track::new(party);
            let lost = |way, mut packet: Vec<u8>| weather.fate(&track, way, &mut packet).lost;
            let to = Direction::ToDevice;
            assert!(lost(to, request(7)), "the first command");
            assert!(!lost(to, request(7)), "its repetition");
            assert!(!lost(to, vec![0xd3, 0, 0, 0, 0]), "no command");
            assert!(!lost(to, request(8)), "the second");
            assert!(!lost(Direction::FromDevice, request(9)), "the other way");
            assert!(lost(to, request(9)), "the third");
        }
        let LinkCounts { to_device, from_device } = weather.counts();
        assert_eq!((to_device.packets, to_device.dropped), (10, 4));
        assert_eq!((from_device.packets, from_device.dropped), (2, 0));
    }

    #[test]
    fn a_silent_device_says_nothing_at_all_and_hears_everything() {
        let weather = Weather::new(Link::default());
        let track = Track::new(Endpoint(1));
        let lost = |way, packet: &[u8]| weather.fate(&track, way, &mut packet.to_vec()).lost;
        let greeting = [0x28, 0, 0, 0, 2, 0, 0];
        weather.silence(true);
        assert!(lost(Direction::FromDevice, &greeting) && lost(Direction::FromDevice, &request(1)));
        assert!(!lost(Direction::ToDevice, &request(2)));
        weather.silence(false);
        assert!(!lost(Direction::FromDevice, &request(1)));
    }
}
