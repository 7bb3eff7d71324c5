//! What goes wrong in one run: explicit faults, and those that are drawn.

use crate::scenario::Phase;
use crate::{ChaosConfig, Copy, Direction, Fate, Fault, FaultKind, Place, Scenario, Side, What};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::chaos::micros;

/// How often each kind of fault took effect.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Effects([u64; FaultKind::ALL.len()]);

impl Effects {
    /// How often this kind did.
    pub const fn of(&self, kind: FaultKind) -> u64 {
        self.0[kind as usize]
    }

    pub(super) const fn count(&mut self, kind: FaultKind) {
        self.0[kind as usize] += 1;
    }

    /// Adds those of another run.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// The faults of a run.
#[derive(Debug)]
pub(super) struct Plan {
    seed: u64,
    phases: Vec<Phase>,
    phase: usize,
    packets: BTreeMap<Copy, Vec<What>>,
    ticks: BTreeMap<(u16, Side, u64), Vec<What>>,
    /// What happens at a time, the next one last.
    timed: Vec<(Duration, u16, What)>,
    /// Faults that took effect, as explicit ones; `None` if nobody asked for them.
    recorded: Option<Vec<Fault>>,
    pub(super) effects: Effects,
    /// The faults are over.
    calm: bool,
    /// Nothing is drawn for packets: to the device, from it.
    is_calm: [bool; 2],
}

impl Plan {
    pub(super) fn new(scenario: &Scenario, record: bool) -> Self {
        let mut plan = Self {
            seed: scenario.seed,
            phases: scenario.chaos.clone(),
            phase: 0,
            packets: BTreeMap::new(),
            ticks: BTreeMap::new(),
            timed: Vec::new(),
            recorded: record.then(Vec::new),
            effects: Effects::default(),
            calm: false,
            is_calm: [false; 2],
        };
        for Fault { place, what } in scenario.faults.iter().copied() {
            match place {
                Place::Packet(copy) => plan.packets.entry(copy).or_default().push(what),
                Place::Tick { link, side, nth } => {
                    plan.ticks.entry((link, side, nth)).or_default().push(what);
                }
                Place::At { link, time } => plan.timed.push((time, link, what)),
            }
        }
        plan.timed.sort_by_key(|(time, ..)| *time);
        plan.timed.reverse();
        plan
    }

    /// So many commands have been sent.
    pub(super) fn advance(&mut self, commands: u64) {
        while self.phases.get(self.phase + 1).is_some_and(|next| next.after_commands <= commands) {
            self.phase += 1;
            self.look_ahead();
        }
    }

    fn look_ahead(&mut self) {
        let ways = [Direction::ToDevice, Direction::FromDevice];
        self.is_calm = ways.map(|way| self.chaos(way).is_none_or(ChaosConfig::is_calm));
    }

    /// Nothing goes wrong any more.
    pub(super) fn end(&mut self) {
        self.calm = true;
        self.timed.clear();
    }

    fn chaos(&self, way: Direction) -> Option<&ChaosConfig> {
        let phase = self.phases.get(self.phase).filter(|_| !self.calm)?;
        Some(match way {
            Direction::ToDevice => &phase.to_device,
            Direction::FromDevice => &phase.from_device,
        })
    }

    /// How many packets are held back at a time, at most.
    pub(super) fn reorder_buffer(&self, way: Direction) -> u16 {
        self.chaos(way).map_or(u16::MAX, |chaos| {
            if chaos.reorder_rate.parts() == 0 { u16::MAX } else { chaos.reorder_buffer_size }
        })
    }

    /// What happens to a copy of a packet.
    pub(super) fn fate(&mut self, copy: &Copy, command: Option<u64>) -> Fate {
        if self.is_calm[copy.way as usize] && self.packets.is_empty() {
            return Fate::default();
        }
        let seed = self.seed;
        let mut fate = self.chaos(copy.way).map_or_else(Fate::default, |chaos| {
            let mut fate = chaos.fate(seed, copy, command);
            if fate.split != 0 {
                // The pause is a part of the fate from here on.
                fate.split = fate.split << 32 | chaos.pause(fate.split) & 0xffff_ffff;
            }
            if fate.corrupted != 0 {
                // So is how many bytes are changed.
                let count = chaos.corruption_bytes.max(1);
                fate.corrupted = fate.corrupted << 8 | u64::from(count);
            }
            fate
        });
        if !self.packets.is_empty() && !self.calm {
            for what in self.packets.get(copy).into_iter().flatten() {
                match *what {
                    What::Drop => fate.lost = true,
                    What::Duplicate => fate.doubled = true,
                    What::Delay(time) => fate.delay = micros(time),
                    What::Reorder(time) => fate.held = micros(time),
                    What::Corrupt(bits) => fate.corrupted = bits,
                    What::Split(bits) => fate.split = bits,
                    What::Coalesce(time) => fate.coalesced = micros(time),
                    _ => {}
                }
            }
        }
        fate
    }

    /// A fault took effect on a packet.
    pub(super) fn note(&mut self, copy: &Copy, what: What) {
        self.effects.count(what.kind());
        if let Some(recorded) = &mut self.recorded {
            recorded.push(Fault { place: Place::Packet(*copy), what });
        }
    }

    /// Whether, and how, the device refuses a command.
    pub(super) fn refusal(&mut self, copy: &Copy) -> Option<u8> {
        let drawn = self.chaos(copy.way).is_some_and(|chaos| chaos.refuses(self.seed, copy));
        let explicit = self.packet_fault(copy, |what| match what {
            What::Nack(status) => Some(status),
            _ => None,
        });
        let status = explicit.or(drawn.then_some(1))?;
        self.note(copy, What::Nack(status));
        Some(status)
    }

    /// How long the device takes for a command, in microseconds.
    pub(super) fn service(&mut self, copy: &Copy) -> u64 {
        let drawn = self.chaos(copy.way).map_or(0, |chaos| chaos.takes(self.seed, copy));
        let explicit = self.packet_fault(copy, |what| match what {
            What::Slow(time) => Some(micros(time)),
            _ => None,
        });
        let time = explicit.unwrap_or(drawn);
        if time > 0 {
            self.note(copy, What::Slow(Duration::from_micros(time)));
        }
        time
    }

    fn packet_fault<T>(&self, copy: &Copy, find: impl Fn(What) -> Option<T>) -> Option<T> {
        if self.packets.is_empty() || self.calm {
            return None;
        }
        self.packets.get(copy).into_iter().flatten().find_map(|what| find(*what))
    }

    /// How late the nth tick of an end is, in microseconds, and whether a needless one comes before.
    pub(super) fn tick(&self, link: u16, side: Side, nth: u64) -> (u64, bool) {
        let way = toward(side);
        let (mut late, mut early) = self.chaos(way).map_or((0, false), |chaos| {
            let seed = self.seed;
            (chaos.late_by(seed, link, way, nth), chaos.is_early(seed, link, way, nth))
        });
        if !self.ticks.is_empty() && !self.calm {
            for what in self.ticks.get(&(link, side, nth)).into_iter().flatten() {
                match *what {
                    What::LateTick(time) => late = micros(time),
                    What::EarlyTick => early = true,
                    _ => {}
                }
            }
        }
        (late, early)
    }

    /// A fault took effect on a tick.
    pub(super) fn note_tick(&mut self, link: u16, side: Side, nth: u64, what: What) {
        self.effects.count(what.kind());
        if let Some(recorded) = &mut self.recorded {
            recorded.push(Fault { place: Place::Tick { link, side, nth }, what });
        }
    }

    /// When something happens next, in microseconds since the start.
    pub(super) fn next_timed(&self) -> Option<u64> {
        self.timed.last().map(|(time, ..)| micros(*time))
    }

    pub(super) fn pop_timed(&mut self) -> Option<(Duration, u16, What)> {
        self.timed.pop()
    }

    pub(super) fn note_timed(&mut self, link: u16, time: Duration, what: What) {
        if let Some(recorded) = &mut self.recorded {
            recorded.push(Fault { place: Place::At { link, time }, what });
        }
    }

    pub(super) fn take_recorded(&mut self) -> Vec<Fault> {
        self.recorded.take().unwrap_or_default()
    }
}

/// The direction of what arrives at a side.
pub(super) const fn toward(side: Side) -> Direction {
    match side {
        Side::Device => Direction::ToDevice,
        Side::Controller => Direction::FromDevice,
    }
}
