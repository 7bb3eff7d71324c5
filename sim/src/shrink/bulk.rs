//! Large steps first: whole kinds of faults, whole links, large parts of the work.

use super::Shrinking;
use super::list::{Faults, List, Ops, link_of};
use crate::scenario::{Act, Op};
use crate::{Fault, Place};
use std::collections::BTreeSet;
use std::mem::discriminant;

/// What the faults of one group have in common: the place they happen at, down to the type of a packet.
fn place(fault: &Fault) -> [u8; 5] {
    let kind = fault.what.kind() as u8;
    match fault.place {
        Place::Packet(copy) => [0, kind, copy.way as u8, copy.label.kind, copy.label.frame],
        Place::Tick { side, .. } => [1, kind, side as u8, 0, 0],
        Place::At { .. } => [2, kind, 0, 0, 0],
    }
}

impl Shrinking<'_> {
    pub(super) fn in_bulk(&mut self) {
        self.keep::<Faults>(|_| false);
        self.only_one_link();
        self.by_group::<Faults, _>(|fault| fault.what.kind());
        self.by_group::<Faults, _>(place);
        self.by_group::<Faults, _>(link_of);
        self.by_group::<Ops, _>(|op| op.link);
        self.drop_kinds_of_ops();
        self.many_fewer_ops();
    }

    /// Keeps one group only, or drops one after the other.
    fn by_group<L: List, K: Ord + Copy>(&mut self, key: impl Fn(&L::Item) -> K) {
        let groups: BTreeSet<K> = L::of(&mut self.best).iter().map(&key).collect();
        if groups.len() < 2 {
            return;
        }
        if groups.iter().any(|group| self.keep::<L>(|item| key(item) == *group)) {
            return;
        }
        for group in groups {
            self.keep::<L>(|item| key(item) != group);
        }
    }

    fn drop_kinds_of_ops(&mut self) {
        for act in [Act::Cancel(0), Act::Ping, Act::Announce, Act::Info(0)] {
            let other = |op: &Op| discriminant(&op.act) != discriminant(&act);
            self.keep::<Ops>(other);
        }
    }
}
