use crate::chaos::micros;
use crate::{Attempts, ChaosConfig, Copy, Direction, Fate, Label, corrupt};
use cync_core::mix;
use cync_core::wire::{self, Channel, ChecksumMode, Endpoint, Packet, PacketType};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the link to the device does to packets.
///
/// Greetings and what is no packet travel as long as the latency says, and nothing else happens to them. The rates of late and
/// early ticks have no meaning here: the sessions on a socket have real timers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// What the draws depend on. Whoever says the same again has it go wrong in the same way under the same seed, whenever it comes
    /// and whatever numbers it begins with: a draw is about how far a message is behind its sender's first one, and which copy of it.
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
    tracked: Mutex<Tracked>,
}

#[derive(Default, Debug)]
struct Tracked {
    attempts: Attempts,
    /// Commands that were counted so far.
    commands: u64,
    first: Option<First>,
}

/// The numbers of the first command. A sender begins with any, and counts on from there.
#[derive(Clone, Copy, Debug)]
struct First {
    id: u16,
    counter: u32,
}

impl First {
    /// Those of a packet, if it is a command.
    fn of(way: Direction, packet: &[u8]) -> Option<Self> {
        match Packet::decode(packet, ChecksumMode::Lenient) {
            Ok(Packet::DataChannel(Channel { prefix, frame }))
                if way == Direction::ToDevice && frame.direction == wire::Direction::REQUEST =>
            {
                Some(Self { id: prefix.msg_id.0, counter: frame.counter })
            }
            _ => None,
        }
    }

    /// The label with the distance from the first command instead of a number that whoever sends commands has chosen. The device's own
    /// numbers follow from the seed.
    fn behind(self, way: Direction, label: Label) -> Label {
        let from_device = way == Direction::FromDevice;
        let number = match (label.kind(), from_device) {
            (Some(PacketType::DataChannel), true) if label.frame == wire::Direction::RESPONSE.0 => {
                label.number.wrapping_sub(self.counter)
            }
            (Some(PacketType::DataChannel | PacketType::Probe), false)
            | (Some(PacketType::DataAck | PacketType::DataResult), true)
            | (Some(PacketType::ProbeAck | PacketType::ProbeResult), true) => {
                (label.number as u16).wrapping_sub(self.id).into()
            }
            _ => label.number,
        };
        Label { number, ..label }
    }
}

impl Track {
    pub(super) fn new(party: Endpoint) -> Self {
        let link = (mix(u64::from(party.0)) >> 48) as u16;
        Self { link, tracked: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Tracked> {
        self.tracked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more copy, and the number of the command that it is a transmission of, if it is the first one.
    fn count(&self, way: Direction, label: Label, packet: &[u8]) -> (Copy, Option<u64>) {
        let mut inner = self.lock();
        inner.first = inner.first.or_else(|| First::of(way, packet));
        let copy = inner.attempts.count(way, label);
        let label = inner.first.map_or(label, |first| first.behind(way, label));
        let copy = Copy { link: self.link, label, ..copy };
        let is_request = label.kind() == Some(PacketType::DataChannel)
            && label.frame == wire::Direction::REQUEST.0;
        let first = copy.attempt == 1 && is_request && way == Direction::ToDevice;
        inner.commands += u64::from(first);
        (copy, first.then_some(inner.commands))
    }

    /// What the draws about the device's own part in a command depend on.
    pub(super) fn command(&self, number: u32) -> Copy {
        let (kind, frame) = (PacketType::DataChannel.byte(), wire::Direction::REQUEST.0);
        let way = Direction::ToDevice;
        let label = Label { kind, frame, number };
        let label = self.lock().first.map_or(label, |first| first.behind(way, label));
        Copy { link: self.link, way, label, attempt: 1 }
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
        let (copy, command) = track.count(way, label, packet);
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
    use cync_core::wire::{Frame, MAX_PACKET, MsgId, Prefix};

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

    #[test]
    fn what_is_said_again_with_other_numbers_goes_wrong_in_the_same_way() {
        let rate = |text: &str| text.parse().unwrap();
        let chaos = ChaosConfig {
            packet_loss_rate: rate("30%"),
            duplicate_rate: rate("30%"),
            nack_rate: rate("30%"),
            ..ChaosConfig::NONE
        };
        let fates = |first: u16| {
            let weather = Weather::new(Link::both(9, chaos.clone()));
            let track = Track::new(Endpoint(1));
            let fate = |number: u16, way, mut packet: Vec<u8>| {
                let fate = weather.fate(&track, way, &mut packet);
                (fate, chaos.refuses(9, &track.command(number.into())))
            };
            let fates_of = |number: u16| {
                let [high, low] = number.to_be_bytes();
                let ack = vec![0x7b, 0, 0, 0, 7, 0, 0, 0, 1, high, low, 0];
                let mut result = request(number);
                result[17] = wire::Direction::RESPONSE.0;
                let (to, from) = (Direction::ToDevice, Direction::FromDevice);
                [(to, request(number)), (from, ack), (from, result)]
                    .map(|(way, packet)| fate(number, way, packet))
            };
            (first..first + 100)
                .flat_map(|number| [number; 2])
                .flat_map(fates_of)
                .collect::<Vec<_>>()
        };
        assert_eq!(fates(0x1200), fates(0xff00));
        let lost = fates(0).iter().filter(|(fate, _)| fate.lost).count();
        assert_eq!(lost, 181, "of 600");
    }
}
