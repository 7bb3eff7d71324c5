use cync_core::mix;
use cync_core::wire::{self, Packet, PacketType};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::str::FromStr;

/// Messages whose attempts are counted at a time; of older ones counting starts again.
const REMEMBERED: usize = 65_536;

/// A probability in parts per million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Ppm(u32);

impl Ppm {
    /// Never.
    pub const ZERO: Self = Self(0);
    const ONE: u32 = 1_000_000;

    /// So many parts per million; `None` above a million.
    pub const fn new(parts: u32) -> Option<Self> {
        if parts <= Self::ONE { Some(Self(parts)) } else { None }
    }

    /// Parts per million.
    pub const fn parts(self) -> u32 {
        self.0
    }

    /// Whether `hash`, evenly distributed, falls within the probability.
    const fn hits(self, hash: u64) -> bool {
        // The upper half of hash times a million is evenly distributed below a million.
        (((hash >> 32) * Self::ONE as u64) >> 32) < self.0 as u64
    }
}

/// A rate that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RateError(String);

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a rate: write 20%, 0.5% or a number from 0 to 1, such as 0.2",
            self.0
        )
    }
}

impl std::error::Error for RateError {}

/// Reads `20%`, `0.5%` or `0.2`, to the millionth.
impl FromStr for Ppm {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (number, unit) = match text.strip_suffix('%') {
            Some(number) => (number, 10_000),
            None => (text, Self::ONE),
        };
        let parts = || -> Option<u32> {
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            if whole.is_empty() && fraction.is_empty() || !digits(whole) || !digits(fraction) {
                return None;
            }
            let mut parts = if whole.is_empty() { 0 } else { whole.parse::<u32>().ok()? };
            parts = parts.checked_mul(unit)?;
            let mut place = unit;
            for digit in fraction.bytes() {
                place /= 10;
                parts = parts.checked_add(u32::from(digit - b'0') * place)?;
            }
            Some(parts)
        };
        parts().and_then(Self::new).ok_or_else(|| RateError(text.to_owned()))
    }
}

/// Which way a packet travels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// Towards the device.
    ToDevice,
    /// From the device.
    FromDevice,
}

/// What a packet is to the one who counts attempts: all copies of a message have the same label.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Label {
    kind: u8,
    /// Tells requests, results and announcements apart.
    frame: u8,
    /// The message number; of a result the number of what it answers.
    number: u32,
}

impl Label {
    /// The label of a packet; `None` for greetings and for what is no packet, which are never tampered with.
    pub fn of(packet: &[u8]) -> Option<Self> {
        let packet = Packet::decode(packet, wire::ChecksumMode::Lenient).ok()?;
        let kind = packet.kind();
        let (frame, number) = match &packet {
            Packet::Handshake(_)
            | Packet::HelloAck(_)
            | Packet::AppLogin(_)
            | Packet::AppLoginAck(_) => return None,
            Packet::DataChannel(channel) | Packet::StatusBroadcast(channel) => {
                let direction = channel.frame.direction;
                let number = match direction {
                    wire::Direction::RESPONSE => channel.frame.counter,
                    _ => u32::from(channel.prefix.msg_id.0),
                };
                (direction.0, number)
            }
            Packet::StatusAck(ack) => (0, u32::from(ack.msg_id.0)),
            // Every 0x43 has the same number; they are told apart by how many there were.
            Packet::DeviceInfo(_) => (0, 0),
            other => (0, other.prefix().map_or(0, |prefix| u32::from(prefix.msg_id.0))),
        };
        Some(Self { kind: kind.byte(), frame, number })
    }

    /// The packet's type.
    pub const fn kind(&self) -> Option<PacketType> {
        PacketType::from_byte(self.kind)
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

/// Loss and duplication of every packet in both directions, on every attempt, drawn from a seed.
///
/// A draw is a hash of (seed, direction, kind, message number, attempt): it does not depend on time, nor on any other packet.
#[derive(Clone, Debug)]
pub struct Chaos {
    seed: u64,
    loss: Ppm,
    duplicate: Ppm,
    attempts: BTreeMap<(Direction, Label), u32>,
    order: VecDeque<(Direction, Label)>,
}

impl Chaos {
    /// Chaos with these rates.
    pub const fn new(seed: u64, loss: Ppm, duplicate: Ppm) -> Self {
        Self { seed, loss, duplicate, attempts: BTreeMap::new(), order: VecDeque::new() }
    }

    /// The fate of the next copy of a message.
    pub fn draw(&mut self, direction: Direction, label: Label) -> Copies {
        let attempt = self.count(direction, label);
        let hash = self.hash(direction, label, attempt);
        if self.loss.hits(mix(hash ^ 1)) {
            Copies::None
        } else if self.duplicate.hits(mix(hash ^ 2)) {
            Copies::Two
        } else {
            Copies::One
        }
    }

    fn count(&mut self, direction: Direction, label: Label) -> u32 {
        let attempts = &mut self.attempts;
        let attempt = attempts.entry((direction, label)).or_insert_with(|| {
            self.order.push_back((direction, label));
            0
        });
        *attempt = attempt.wrapping_add(1);
        let attempt = *attempt;
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.attempts.remove(&oldest);
        }
        attempt
    }

    fn hash(&self, direction: Direction, label: Label, attempt: u32) -> u64 {
        let what = u64::from(direction as u8) << 48
            | u64::from(label.kind) << 40
            | u64::from(label.frame) << 32
            | u64::from(label.number);
        mix(mix(mix(self.seed) ^ what) ^ u64::from(attempt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Ppm {
        text.parse().unwrap()
    }

    fn label(number: u32) -> Label {
        Label { kind: 0x73, frame: 0xf8, number }
    }

    #[test]
    fn rates_are_read_as_percentages_and_as_fractions() {
        for (text, parts) in [
            ("20%", 200_000),
            ("0.2", 200_000),
            ("0.5%", 5_000),
            (".5", 500_000),
            ("1", 1_000_000),
            ("100%", 1_000_000),
            ("0", 0),
            ("0.0000001", 0),
        ] {
            assert_eq!(rate(text).parts(), parts, "{text}");
        }
        for text in ["", "%", ".", "20", "1.1", "100.1%", "-1%", "x", "1e-1", "5000%", "١%"] {
            assert!(text.parse::<Ppm>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_draw_depends_on_nothing_but_the_packet_and_its_attempt() {
        let new = || Chaos::new(7, rate("30%"), rate("30%"));
        let (mut a, mut b) = (new(), new());
        let alone: Vec<Copies> = (0..50).map(|_| a.draw(Direction::ToDevice, label(3))).collect();
        let among: Vec<Copies> = (0..50)
            .map(|n| {
                b.draw(Direction::ToDevice, label(100 + n));
                b.draw(Direction::FromDevice, label(3));
                b.draw(Direction::ToDevice, label(3))
            })
            .collect();
        assert_eq!(alone, among);
        assert!(
            [Copies::None, Copies::One, Copies::Two].iter().all(|copies| alone.contains(copies))
        );
    }

    #[test]
    fn the_realised_rates_are_the_asked_ones() {
        let mut chaos = Chaos::new(1, rate("20%"), rate("10%"));
        let (mut lost, mut doubled) = (0, 0);
        for number in 0..100_000 {
            match chaos.draw(Direction::ToDevice, label(number)) {
                Copies::None => lost += 1,
                Copies::Two => doubled += 1,
                Copies::One => {}
            }
        }
        assert!((19_500..20_500).contains(&lost), "{lost}");
        assert!((7_700..8_300).contains(&doubled), "a tenth of what is not lost: {doubled}");
    }

    #[test]
    fn greetings_are_never_tampered_with() {
        assert_eq!(Label::of(&[0x28, 0, 0, 0, 2, 0, 0]), None);
        assert!(Label::of(&[0xd3, 0, 0, 0, 0]).is_some());
    }
}
