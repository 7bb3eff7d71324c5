//! What was accepted lately, so that a repetition is answered again and not acted upon.

use crate::rng::mix;
use crate::time::Instant;
use crate::wire::{Endpoint, MsgId, PacketType, StatusCode};
use core::time::Duration;

const NIL: u16 = u16::MAX;

/// What makes two packets the same message (`docs/protocol.md`, section 7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    pub(crate) kind: PacketType,
    pub(crate) endpoint: Endpoint,
    pub(crate) msg_id: MsgId,
    /// A hash of the payload behind the prefix: message numbers wrap, and restart when a device boots.
    pub(crate) payload: u32,
}

impl Key {
    fn bucket(&self, buckets: usize) -> usize {
        let id = u64::from(self.endpoint.0) << 16 | u64::from(self.msg_id.0);
        let hash = mix(id ^ u64::from(self.payload) << 32 ^ u64::from(self.kind.byte()));
        // The remainder is below `buckets`, which is a usize.
        (hash % (buckets.max(1) as u64)) as usize
    }
}

/// Hashes a payload for a [`Key`].
pub(crate) fn payload_hash(salt: u32, bytes: impl Iterator<Item = u8>) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ u64::from(salt);
    for byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (mix(hash) >> 32) as u32
}

/// A result that was reported, to be repeated byte for byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reported {
    pub(crate) msg_id: MsgId,
    pub(crate) status: StatusCode,
}

/// The acceptance number of an entry.
pub(crate) type Seq = u64;

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: Key,
    accepted: Instant,
    next: u16,
    reported: Option<Reported>,
}

/// A fixed cache in order of acceptance, with a hash index: insertion and look-up take the same time however full it is.
///
/// A hit does not renew an entry. When it is full, the entry accepted longest ago makes room.
#[derive(Debug)]
pub(crate) struct Dedup<const SEEN: usize> {
    ttl: Duration,
    entries: [Option<Entry>; SEEN],
    heads: [u16; SEEN],
    /// The acceptance number of the oldest entry still held.
    oldest: Seq,
    next: Seq,
}

impl<const SEEN: usize> Dedup<SEEN> {
    pub(crate) const fn new(ttl: Duration) -> Self {
        const { assert!(SEEN > 0 && SEEN < NIL as usize, "SEEN is 1 to 65534") };
        Self { ttl, entries: [None; SEEN], heads: [NIL; SEEN], oldest: 0, next: 0 }
    }

    /// Number of entries held, expired ones that were not purged yet included.
    pub(crate) fn len(&self) -> usize {
        self.next.wrapping_sub(self.oldest) as usize
    }

    /// The entry that `key` repeats, if it is still held at `now`.
    pub(crate) fn find(&self, now: Instant, key: &Key) -> Option<Option<Reported>> {
        let mut at = *self.heads.get(key.bucket(SEEN))?;
        while let Some(entry) = self.entry(at) {
            if entry.key == *key && now.since(entry.accepted) < self.ttl {
                return Some(entry.reported);
            }
            at = entry.next;
        }
        None
    }

    /// Records an accepted message. Returns its acceptance number and whether a live entry had to go for it.
    pub(crate) fn insert(&mut self, now: Instant, key: Key) -> (Seq, bool) {
        self.purge(now);
        let evicts = self.len() == SEEN;
        if evicts {
            self.drop_oldest();
        }
        let seq = self.next;
        self.next = seq.wrapping_add(1);
        let index = Self::index(seq);
        let entry = Entry { key, accepted: now, next: NIL, reported: None };
        if let Some(head) = self.heads.get_mut(key.bucket(SEEN))
            && let Some(place) = self.entries.get_mut(usize::from(index))
        {
            *place = Some(Entry { next: *head, ..entry });
            *head = index;
        }
        (seq, evicts)
    }

    /// Remembers what was reported of an accepted message. False if its entry is gone.
    pub(crate) fn report(&mut self, seq: Seq, key: &Key, reported: Reported) -> bool {
        let entry = self.entries.get_mut(usize::from(Self::index(seq))).and_then(Option::as_mut);
        match entry {
            Some(entry) if entry.key == *key => {
                entry.reported = Some(reported);
                true
            }
            _ => false,
        }
    }

    /// Drops what is older than the time to live. Returns how many entries went.
    pub(crate) fn purge(&mut self, now: Instant) -> usize {
        let before = self.len();
        while let Some(entry) = self.entry(Self::index(self.oldest))
            && self.len() > 0
            && now.since(entry.accepted) >= self.ttl
        {
            self.drop_oldest();
        }
        before - self.len()
    }

    fn drop_oldest(&mut self) {
        let index = Self::index(self.oldest);
        self.oldest = self.oldest.wrapping_add(1);
        let Some(gone) = self.entries.get_mut(usize::from(index)).and_then(Option::take) else {
            return;
        };
        let Some(head) = self.heads.get_mut(gone.key.bucket(SEEN)) else { return };
        if *head == index {
            *head = gone.next;
            return;
        }
        let mut at = *head;
        while let Some(entry) = self.entries.get_mut(usize::from(at)).and_then(Option::as_mut) {
            if entry.next == index {
                entry.next = gone.next;
                return;
            }
            at = entry.next;
        }
    }

    fn entry(&self, index: u16) -> Option<&Entry> {
        self.entries.get(usize::from(index))?.as_ref()
    }

    fn index(seq: Seq) -> u16 {
        // Below SEEN, which is below u16::MAX.
        (seq % SEEN as u64) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(300);

    fn key(n: u16) -> Key {
        let kind = PacketType::DataChannel;
        Key { kind, endpoint: Endpoint(7), msg_id: MsgId(n), payload: 9 }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_repetition_is_found_and_a_different_payload_is_not() {
        let mut dedup = Dedup::<8>::new(TTL);
        dedup.insert(at(0), key(1));
        assert_eq!(dedup.find(at(1), &key(1)), Some(None));
        assert_eq!(dedup.find(at(1), &Key { payload: 8, ..key(1) }), None);
        assert_eq!(dedup.find(at(1), &key(2)), None);
    }

    #[test]
    fn an_entry_expires_after_its_time_to_live_and_hits_do_not_renew_it() {
        let mut dedup = Dedup::<8>::new(TTL);
        dedup.insert(at(0), key(1));
        assert_eq!(dedup.find(at(299), &key(1)), Some(None));
        assert_eq!(dedup.find(at(300), &key(1)), None);
        assert_eq!(dedup.purge(at(300)), 1);
        assert_eq!(dedup.len(), 0);
    }

    #[test]
    fn the_oldest_entry_makes_room_and_all_younger_ones_stay() {
        let mut dedup = Dedup::<8>::new(TTL);
        for n in 0..1000 {
            let (_, evicted) = dedup.insert(at(1), key(n));
            assert_eq!(evicted, n >= 8);
            for m in 0..=n {
                assert_eq!(dedup.find(at(1), &key(m)).is_some(), m + 8 > n, "{m} after {n}");
            }
        }
    }

    #[test]
    fn a_reported_result_is_kept_with_its_message_only() {
        let mut dedup = Dedup::<2>::new(TTL);
        let (seq, _) = dedup.insert(at(0), key(1));
        let reported = Reported { msg_id: MsgId(5), status: StatusCode::OK };
        assert!(dedup.report(seq, &key(1), reported));
        assert_eq!(dedup.find(at(1), &key(1)), Some(Some(reported)));
        dedup.insert(at(0), key(2));
        dedup.insert(at(0), key(3));
        assert!(!dedup.report(seq, &key(1), reported));
        assert_eq!(dedup.find(at(1), &key(3)), Some(None));
    }
}
