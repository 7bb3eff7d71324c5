//! How often which fault happens, and the draws that decide it.

use crate::{Direction, Label, LatencyProfile, Ppm};
use cync_core::mix;
use cync_core::wire;
use std::collections::BTreeSet;
use std::time::Duration;

/// Which commands lose their first transmission, whatever the rates say. Commands are counted from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DropPattern {
    /// These.
    List(BTreeSet<u64>),
    /// This one, and every nth behind it.
    Every {
        /// The first.
        first: u64,
        /// How far apart; not zero.
        every: u64,
    },
}

impl DropPattern {
    /// Whether the first transmission of the nth command is lost.
    pub fn drops(&self, command: u64) -> bool {
        match self {
            Self::List(list) => list.contains(&command),
            Self::Every { first, every } => command
                .checked_sub(*first)
                .and_then(|behind| behind.checked_rem(*every))
                .is_some_and(|rest| rest == 0),
        }
    }
}

/// What happens to the packets of one direction, and how often.
///
/// TCP loses nothing: what a rate does to a packet is what a radio, a proxy or a device behind the connection would do, between
/// two whole packets of the byte stream. Greetings are spared. The first ten fields are the specification's, with its defaults.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChaosConfig {
    /// `latency_ms`: how much longer a packet travels.
    pub latency: Duration,
    /// `latency_variance`, in milliseconds: a latency that is not zero is evenly distributed this far around its value, and
    /// never negative.
    /// Packets keep their order all the same.
    pub latency_variance: Duration,
    /// Commands travel longer as this says, instead of `latency` and its variance, and other packets do not: real devices answer
    /// those as fast as the link carries them, and take their time for commands. Packets keep their order all the same.
    pub latency_profile: Option<LatencyProfile>,
    /// How often a packet is lost.
    pub packet_loss_rate: Ppm,
    /// Commands whose first transmission is lost; if it is given, nothing else is, whatever the rate says.
    pub drop_pattern: Option<DropPattern>,
    /// How often a packet that is not lost arrives twice, the second right behind the first.
    pub duplicate_rate: Ppm,
    /// How often a packet is held back, so that later ones overtake it.
    pub reorder_rate: Ppm,
    /// `reorder_delay_ms`: for how long.
    pub reorder_delay: Duration,
    /// So many packets are held back at a time, at most; a further one travels on.
    pub reorder_buffer_size: u16,
    /// How often bytes of a packet are changed: bytes that its checksum covers, so that the change shows. Packets without a
    /// checksum are spared.
    pub corruption_rate: Ppm,
    /// How many.
    pub corruption_bytes: u8,
    /// How often a packet arrives in two pieces.
    pub split_rate: Ppm,
    /// How often a packet waits for the next one to arrive with it.
    pub coalesce_rate: Ppm,
    /// How long a pause the last two make, at most.
    pub pause: Duration,
    /// How often the device refuses a command.
    pub nack_rate: Ppm,
    /// How often the device takes its time for a command.
    pub slow_rate: Ppm,
    /// How long, at most.
    pub slow: Duration,
    /// How often a session's timer is late.
    pub late_tick_rate: Ppm,
    /// How late, at most.
    pub late_tick: Duration,
    /// How often a session is told the time without need.
    pub early_tick_rate: Ppm,
}

impl ChaosConfig {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        latency: Duration::ZERO,
        latency_variance: Duration::ZERO,
        latency_profile: None,
        packet_loss_rate: Ppm::ZERO,
        drop_pattern: None,
        duplicate_rate: Ppm::ZERO,
        reorder_rate: Ppm::ZERO,
        reorder_delay: Duration::from_millis(50),
        reorder_buffer_size: 10,
        corruption_rate: Ppm::ZERO,
        corruption_bytes: 1,
        split_rate: Ppm::ZERO,
        coalesce_rate: Ppm::ZERO,
        pause: Duration::from_millis(20),
        nack_rate: Ppm::ZERO,
        slow_rate: Ppm::ZERO,
        slow: Duration::from_millis(200),
        late_tick_rate: Ppm::ZERO,
        late_tick: Duration::from_millis(50),
        early_tick_rate: Ppm::ZERO,
    };
}

impl Default for ChaosConfig {
    /// The specification's: no rate, no latency, and a variance of 5 ms.
    fn default() -> Self {
        Self { latency_variance: Duration::from_millis(5), ..Self::NONE }
    }
}

/// What a draw depends on: nothing but the packet and which copy of it this is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Copy {
    /// The link it travels on.
    pub link: u16,
    /// Which way.
    pub way: Direction,
    /// What it is.
    pub label: Label,
    /// Which copy, from 1.
    pub attempt: u32,
}

/// What happens to one copy of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Fate {
    /// It is lost.
    pub lost: bool,
    /// It arrives twice.
    pub doubled: bool,
    /// It travels longer, in microseconds.
    pub delay: u64,
    /// It is held back for so many microseconds, and overtaken; zero if not.
    pub held: u64,
    /// Bytes of it are changed, as these random bits say; zero if not.
    pub corrupted: u64,
    /// It arrives in two pieces, as these random bits say; zero if not.
    pub split: u64,
    /// It waits for the next one, for so many microseconds at most; zero if not.
    pub coalesced: u64,
}

/// What a draw is about, so that two draws about one packet have nothing to do with each other.
#[derive(Clone, Copy)]
#[repr(u64)]
enum About {
    Loss = 1,
    Duplicate,
    Reorder,
    Corruption,
    Latency,
    Split,
    Coalesce,
    Pause,
    Nack,
    Slow,
    SlowBy,
    LateTick,
    LateBy,
    EarlyTick,
}

/// Random bits that depend on a seed and on what they are for, and on nothing else.
#[derive(Clone, Copy, Debug)]
struct Bits(u64);

impl Bits {
    fn of(seed: u64, copy: &Copy) -> Self {
        let Copy { link, way, label, attempt } = *copy;
        let what = u64::from(link) << 49 | u64::from(way as u8) << 48 | label.bits();
        // There is no room for the uppermost bit of the link above; here it has one of its own.
        let which = u64::from(link >> 15) << 32 | u64::from(attempt);
        Self(mix(mix(mix(seed) ^ what) ^ which))
    }

    const fn about(self, about: About) -> u64 {
        mix(self.0 ^ about as u64)
    }

    const fn hit(self, about: About, rate: Ppm) -> bool {
        rate.parts() > 0 && rate.hits(self.about(about))
    }

    /// Evenly distributed from 0 to `most`.
    fn up_to(self, about: About, most: u64) -> u64 {
        below(self.about(about), most.saturating_add(1))
    }

    /// From a microsecond to `most`, in microseconds; nothing if that is nothing.
    fn up_to_most(self, about: About, most: Duration) -> u64 {
        let most = micros(most);
        self.up_to(about, most).saturating_add(1).min(most)
    }
}

/// Spreads a hash evenly over the numbers below `limit`.
pub(crate) fn below(hash: u64, limit: u64) -> u64 {
    let wide = u128::from(hash) * u128::from(limit);
    u64::try_from(wide >> 64).unwrap_or(0)
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl ChaosConfig {
    /// Nothing ever happens to a packet.
    pub fn is_calm(&self) -> bool {
        let Self { latency, packet_loss_rate, drop_pattern, duplicate_rate, .. } = self;
        let Self { reorder_rate, corruption_rate, split_rate, coalesce_rate, .. } = self;
        let rates = [packet_loss_rate, duplicate_rate, reorder_rate, corruption_rate];
        latency.is_zero()
            && self.latency_profile.is_none()
            && drop_pattern.is_none()
            && rates.into_iter().chain([split_rate, coalesce_rate]).all(|it| *it == Ppm::ZERO)
    }

    /// What happens to a copy of a packet. `command` is the number of the command that it is a transmission of, from 1.
    pub fn fate(&self, seed: u64, copy: &Copy, command: Option<u64>) -> Fate {
        let bits = Bits::of(seed, copy);
        let lost = match &self.drop_pattern {
            Some(pattern) => copy.attempt == 1 && command.is_some_and(|nth| pattern.drops(nth)),
            None => bits.hit(About::Loss, self.packet_loss_rate),
        };
        let mut fate = Fate { lost, delay: self.delay(bits, copy.label), ..Fate::default() };
        if lost {
            return fate;
        }
        fate.doubled = bits.hit(About::Duplicate, self.duplicate_rate);
        if bits.hit(About::Reorder, self.reorder_rate) {
            fate.held = micros(self.reorder_delay);
        }
        if bits.hit(About::Corruption, self.corruption_rate) {
            fate.corrupted = bits.about(About::Corruption) | 1;
        }
        if bits.hit(About::Split, self.split_rate) {
            fate.split = bits.about(About::Split) | 1;
        }
        if bits.hit(About::Coalesce, self.coalesce_rate) {
            fate.coalesced = bits.up_to_most(About::Pause, self.pause);
        }
        fate
    }

    fn delay(&self, bits: Bits, label: Label) -> u64 {
        if let Some(profile) = self.latency_profile {
            let commands = (wire::PacketType::DataChannel.byte(), wire::Direction::REQUEST.0);
            let is_command = (label.kind, label.frame) == commands;
            return if is_command { profile.extra(bits.about(About::Latency)) } else { 0 };
        }
        let latency = micros(self.latency);
        let variance = micros(self.latency_variance);
        if variance == 0 || latency == 0 {
            return latency;
        }
        let drawn = bits.up_to(About::Latency, variance.saturating_mul(2));
        latency.saturating_add(drawn).saturating_sub(variance)
    }

    /// How much longer a packet travels at most, held back or not.
    #[cfg(feature = "net")]
    pub(crate) fn longest_delay(&self) -> Duration {
        let latency = match self.latency_profile {
            Some(profile) => Duration::from_micros(profile.longest()),
            None => self.latency + self.latency_variance,
        };
        latency + self.reorder_delay + self.pause
    }

    /// The pause between the two pieces of a packet, in microseconds.
    pub fn pause(&self, split: u64) -> u64 {
        1 + below(mix(split), micros(self.pause))
    }

    /// Whether the device refuses this copy of a command when it takes it.
    pub fn refuses(&self, seed: u64, copy: &Copy) -> bool {
        self.nack_rate > Ppm::ZERO && Bits::of(seed, copy).hit(About::Nack, self.nack_rate)
    }

    /// How long the device takes for a command, in microseconds.
    pub fn takes(&self, seed: u64, copy: &Copy) -> u64 {
        let bits = Bits::of(seed, copy);
        if bits.hit(About::Slow, self.slow_rate) {
            bits.up_to_most(About::SlowBy, self.slow)
        } else {
            0
        }
    }

    /// How late the nth tick of an end of a link is, in microseconds.
    pub fn late_by(&self, seed: u64, link: u16, way: Direction, nth: u64) -> u64 {
        if self.late_tick_rate == Ppm::ZERO {
            return 0;
        }
        let bits = Self::tick(seed, link, way, nth);
        if bits.hit(About::LateTick, self.late_tick_rate) {
            bits.up_to_most(About::LateBy, self.late_tick)
        } else {
            0
        }
    }

    /// Whether there is a needless tick before the nth.
    pub fn is_early(&self, seed: u64, link: u16, way: Direction, nth: u64) -> bool {
        self.early_tick_rate > Ppm::ZERO
            && Self::tick(seed, link, way, nth).hit(About::EarlyTick, self.early_tick_rate)
    }

    fn tick(seed: u64, link: u16, way: Direction, nth: u64) -> Bits {
        let end = u64::from(link) << 1 | u64::from(way as u8);
        Bits(mix(mix(mix(seed ^ 0x7469_636b) ^ end) ^ nth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Ppm {
        text.parse().unwrap()
    }

    fn copy(number: u32, attempt: u32) -> Copy {
        let label = Label { kind: 0x73, frame: 0xf8, number };
        Copy { link: 0, way: Direction::ToDevice, label, attempt }
    }

    #[test]
    fn the_realised_rates_are_the_asked_ones() {
        let chaos = ChaosConfig {
            packet_loss_rate: rate("20%"),
            duplicate_rate: rate("10%"),
            ..ChaosConfig::NONE
        };
        let fates = (0..100_000).map(|number| chaos.fate(1, &copy(number, 1), None));
        let (mut lost, mut doubled) = (0, 0);
        for fate in fates {
            lost += u32::from(fate.lost);
            doubled += u32::from(fate.doubled);
        }
        assert!((19_500..20_500).contains(&lost), "{lost}");
        assert!((7_700..8_300).contains(&doubled), "a tenth of what is not lost: {doubled}");
    }

    #[test]
    fn every_copy_of_a_packet_is_drawn_anew() {
        let chaos = ChaosConfig { packet_loss_rate: rate("50%"), ..ChaosConfig::NONE };
        let lost: Vec<bool> = (1..50).map(|nth| chaos.fate(7, &copy(3, nth), None).lost).collect();
        assert!(lost.contains(&true) && lost.contains(&false));
    }

    #[test]
    fn no_two_links_have_the_same_draws() {
        let on = |link, number| Copy { link, ..copy(number, 1) };
        for bit in 0..16 {
            let other = 1 << bit;
            let same =
                (0..100).filter(|it| Bits::of(1, &on(0, *it)).0 == Bits::of(1, &on(other, *it)).0);
            assert_eq!(same.count(), 0, "0 and {other}");
        }
    }

    #[test]
    fn nothing_takes_longer_than_the_most_that_was_given() {
        let most = Duration::from_micros(3);
        let always = rate("100%");
        let chaos = ChaosConfig {
            coalesce_rate: always,
            split_rate: always,
            pause: most,
            slow_rate: always,
            slow: most,
            late_tick_rate: always,
            late_tick: most,
            ..ChaosConfig::NONE
        };
        let mut seen = [const { BTreeSet::new() }; 4];
        for number in 0..1_000 {
            let one = copy(number, 1);
            let fate = chaos.fate(1, &one, None);
            let late = chaos.late_by(1, 0, Direction::ToDevice, number.into());
            let all = [fate.coalesced, chaos.pause(fate.split), chaos.takes(1, &one), late];
            seen.iter_mut().zip(all).for_each(|(seen, time)| _ = seen.insert(time));
        }
        assert_eq!(seen, [const { [1, 2, 3] }; 4].map(BTreeSet::from));
    }

    #[test]
    fn the_latency_stays_within_its_variance_and_is_never_negative() {
        let ms = Duration::from_millis;
        let chaos = ChaosConfig { latency: ms(500), latency_variance: ms(50), ..ChaosConfig::NONE };
        let delays: Vec<u64> =
            (0..10_000).map(|number| chaos.fate(1, &copy(number, 1), None).delay).collect();
        assert!(delays.iter().all(|delay| (450_000..=550_000).contains(delay)));
        assert!(delays.iter().any(|delay| *delay < 455_000));
        assert!(delays.iter().any(|delay| *delay > 545_000));
        let none = ChaosConfig::default();
        assert!((0..1_000).all(|number| none.fate(1, &copy(number, 1), None).delay == 0));
    }

    #[test]
    fn a_pattern_drops_first_transmissions_of_commands_and_wins_over_the_rate() {
        let every = DropPattern::Every { first: 1, every: 5 };
        let chaos = ChaosConfig {
            packet_loss_rate: rate("100%"),
            drop_pattern: Some(every),
            ..ChaosConfig::NONE
        };
        let lost = |command, attempt| chaos.fate(1, &copy(9, attempt), command).lost;
        let numbers: Vec<u64> = (1..=12).filter(|nth| lost(Some(*nth), 1)).collect();
        assert_eq!(numbers, [1, 6, 11]);
        assert!(!lost(Some(1), 2), "a repetition");
        assert!(!lost(None, 1), "no command");
        let list = DropPattern::List([2, 3].into());
        assert_eq!((1..9).filter(|nth| list.drops(*nth)).collect::<Vec<_>>(), [2, 3]);
    }
}
