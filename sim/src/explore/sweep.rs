//! What many scenarios did, one after the other.

use super::{check, draw};
use crate::FaultKind;
use crate::world::{Broken, Effects};
use std::collections::BTreeSet;

/// How many kinds there are.
const KINDS: usize = FaultKind::ALL.len();

/// A seed whose scenario breaks something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Which.
    pub seed: u64,
    /// What.
    pub broken: Broken,
}

/// What the scenarios of many seeds did. Several of them, of different seeds, can be made one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sweep {
    /// Scenarios that were run.
    pub schedules: u64,
    /// Hashes of what they did: equal ones did the same.
    hashes: BTreeSet<u64>,
    /// Commands that they sent.
    pub commands: u64,
    /// Packets that were handed over, those of the runs in other manners left out.
    pub packets: u64,
    /// How often each kind of fault took effect in all of them.
    pub effects: Effects,
    /// Schedules in which both of two kinds took effect.
    matrix: [[u64; KINDS]; KINDS],
    /// The lowest seed that breaks something.
    pub hit: Option<Hit>,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            schedules: 0,
            hashes: BTreeSet::new(),
            commands: 0,
            packets: 0,
            effects: Effects::default(),
            matrix: [[0; KINDS]; KINDS],
            hit: None,
        }
    }
}

impl Sweep {
    /// Draws the scenario of a seed and runs it, with everything that must hold.
    pub fn run(&mut self, seed: u64) {
        // What is drawn can be configured: a test says so.
        let Ok(outcome) = check(&draw(seed), false) else { return };
        self.schedules += 1;
        self.hashes.insert(outcome.hash);
        self.commands += outcome.commands;
        self.packets += outcome.packets;
        self.effects.add(&outcome.effects);
        for (row, one) in self.matrix.iter_mut().zip(FaultKind::ALL) {
            for (cell, other) in row.iter_mut().zip(FaultKind::ALL) {
                let both = outcome.effects.of(one) > 0 && outcome.effects.of(other) > 0;
                *cell += u64::from(both);
            }
        }
        if let Some(broken) = outcome.broken {
            self.hit(Hit { seed, broken });
        }
    }

    fn hit(&mut self, hit: Hit) {
        if self.hit.as_ref().is_none_or(|known| hit.seed < known.seed) {
            self.hit = Some(hit);
        }
    }

    /// Schedules that did something that no other one did.
    pub fn distinct(&self) -> usize {
        self.hashes.len()
    }

    /// Schedules in which both kinds took effect.
    pub fn both(&self, one: FaultKind, other: FaultKind) -> u64 {
        let row = self.matrix.get(one as usize);
        row.and_then(|row| row.get(other as usize)).copied().unwrap_or(0)
    }

    /// Adds another one.
    pub fn merge(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.hashes.extend(other.hashes);
        self.commands += other.commands;
        self.packets += other.packets;
        self.effects.add(&other.effects);
        for (mine, theirs) in self.matrix.iter_mut().zip(other.matrix) {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine += theirs);
        }
        if let Some(hit) = other.hit {
            self.hit(hit);
        }
    }
}
