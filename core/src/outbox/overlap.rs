//! Which messages a newer one makes stale.
//!
//! Repeating an old command after a newer one for the same attribute of the same device would undo the newer one.

use super::index::Index;
use super::order::Order;
use super::slot::{Phase, Slot};
use super::{BY_DESTINATION, Outbox};
use crate::event::{NotSent, Outcome, Unknown};
use crate::stats::Stats;
use crate::time::Instant;
use crate::wire::{Attributes, Destination};

/// Where a destination's messages are found: by its device, and all of groups in one place.
pub(super) const fn key(to: Destination) -> u32 {
    if to.is_many() { 0 } else { (to.address() & 0xff) as u32 }
}

impl<const SLOTS: usize> Outbox<SLOTS> {
    /// Whether a message waits for its first transmission that setting this would make stale.
    pub(crate) fn has_stale(&self, to: Destination, sets: Attributes) -> bool {
        let mut found = false;
        self.visit(to, |slot| found |= slot.phase == Phase::Queued && is_stale(slot, to, sets));
        found
    }

    fn visit(&self, to: Destination, mut see: impl FnMut(&Slot)) {
        if to.is_many() {
            let slots = self.slots.iter().map(|place| &place.slot);
            slots.filter(|slot| slot.done.is_none()).for_each(see);
            return;
        }
        for bucket in [key(to), 0] {
            for at in self.by_destination.candidates(&self.slots, bucket) {
                if let Some(slot) = self.slot(at) {
                    see(slot);
                }
            }
        }
    }

    /// A newer message sets these attributes. What waits for its first transmission ends; of what was handed over no further
    /// copy is: it ends when its timer runs out, and if that was before, now.
    pub(crate) fn supersede(
        &mut self,
        now: Instant,
        to: Destination,
        sets: Attributes,
        stats: &mut Stats,
    ) {
        if sets.is_empty() {
            return;
        }
        if to.is_many() {
            // Whoever it is for: all of them, in the order of `send`.
            let mut next = self.order.first();
            while let Some(at) = next {
                next = Order::after(&self.slots, at);
                self.replace(now, at, to, sets, stats);
            }
            return;
        }
        for bucket in [key(to), 0] {
            let mut next = self.by_destination.first(bucket);
            while let Some(at) = next {
                next = Index::<SLOTS, BY_DESTINATION>::next(&self.slots, at);
                self.replace(now, at, to, sets, stats);
            }
        }
    }

    fn replace(
        &mut self,
        now: Instant,
        at: u16,
        to: Destination,
        sets: Attributes,
        stats: &mut Stats,
    ) {
        let Some(slot) = self.slot_mut(at).filter(|slot| is_stale(slot, to, sets)) else { return };
        match slot.phase {
            Phase::Queued => {
                self.finish(now, at, Outcome::NotSent(NotSent::Superseded), stats);
            }
            Phase::Due | Phase::Riding | Phase::BackOff => {
                self.finish(now, at, Outcome::Unknown(Unknown::Superseded), stats);
            }
            Phase::InFlight | Phase::LastCall => {
                slot.superseded = true;
                self.forget_destination(at);
            }
        }
    }

    /// A message cannot be made stale any more.
    #[inline(never)]
    pub(super) fn forget_destination(&mut self, at: u16) {
        if let Some(slot) = self.slot(at) {
            let key = key(slot.message.to);
            self.by_destination.remove(&mut self.slots, key, at);
        }
    }
}

fn is_stale(slot: &Slot, to: Destination, sets: Attributes) -> bool {
    slot.done.is_none()
        && slot.is_replaceable()
        && slot.message.sets.intersects(sets)
        && slot.message.to.overlaps(to)
}
