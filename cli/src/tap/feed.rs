//! What the relays saw, on its way to the recorder: bounded, and never waited for.

use crate::capture::Direction;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

/// Bytes that may wait for the recorder, with what it takes to keep them.
const MOST: usize = 16 << 20;
/// What keeping an event takes, however few bytes it has.
const OVERHEAD: usize = 128;

/// Something that happened on a connection.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) at: Instant,
    /// The number of the connection, from 1.
    pub(super) conn: u64,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Opened(SocketAddr),
    /// Bytes that were read, and how many of the same direction were missed right before them.
    Read {
        direction: Direction,
        bytes: Vec<u8>,
        missed: u64,
    },
    /// A direction is over, and so many bytes at its end were missed.
    Over {
        direction: Direction,
        missed: u64,
    },
    /// Something to be said about it among its packets.
    Remark(String),
    /// Something to be said about it on standard error.
    Problem(String),
}

/// Where events go in.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    to: Sender<(Event, usize)>,
    used: Arc<AtomicUsize>,
    missed: Arc<AtomicU64>,
}

/// Where they come out.
#[derive(Debug)]
pub(super) struct Backlog {
    from: Receiver<(Event, usize)>,
    used: Arc<AtomicUsize>,
    missed: Arc<AtomicU64>,
    /// Events that came out.
    pub(super) taken: Arc<AtomicU64>,
}

/// Both ends of it.
pub(super) fn feed() -> (Feed, Backlog) {
    let (to, from) = channel();
    let (used, missed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let taken = Arc::new(AtomicU64::new(0));
    let backlog = Backlog { from, used: Arc::clone(&used), missed: Arc::clone(&missed), taken };
    (Feed { to, used, missed }, backlog)
}

impl Feed {
    /// Whether there was room for so many bytes, which are in use from now on.
    fn reserve(&self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|used| *used <= MOST);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn send(&self, conn: u64, what: What, takes: usize) {
        // Without a recorder nobody wants to know.
        let _ = self.to.send((Event { at: Instant::now(), conn, what }, takes));
    }

    /// Both directions of a connection: what the side that dialled sends, and what the target does. What there is no room to
    /// begin with is missed as a whole.
    pub(super) fn open(&self, conn: u64, peer: SocketAddr, dialler: Direction) -> (Probe, Probe) {
        // With room for its end, so that no end is ever lost.
        let seen = self.reserve(3 * OVERHEAD);
        if seen {
            self.send(conn, What::Opened(peer), OVERHEAD);
        }
        let probe =
            |direction| Probe { feed: self.clone(), conn, direction, recorded: seen, missed: 0 };
        (probe(dialler), probe(dialler.other()))
    }

    /// Says something about a connection among its packets.
    pub(super) fn remark(&self, conn: u64, remark: String) {
        self.say(conn, remark.len(), What::Remark(remark));
    }

    /// Says something on standard error, when the recorder comes to it.
    pub(super) fn complain(&self, conn: u64, problem: String) {
        self.say(conn, problem.len(), What::Problem(problem));
    }

    fn say(&self, conn: u64, len: usize, what: What) {
        let takes = OVERHEAD + len;
        if self.reserve(takes) {
            self.send(conn, what, takes);
        }
    }
}

impl Backlog {
    /// The next event; `None` when there can be no more.
    pub(super) fn next(&self) -> Option<Event> {
        let (event, takes) = self.from.recv().ok()?;
        self.used.fetch_sub(takes, Ordering::Relaxed);
        self.taken.fetch_add(1, Ordering::Relaxed);
        Some(event)
    }

    /// All bytes that were relayed and not recorded.
    pub(super) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

/// One direction of a connection. Its drop is the direction's end.
#[derive(Debug)]
pub(super) struct Probe {
    feed: Feed,
    conn: u64,
    direction: Direction,
    recorded: bool,
    /// Since the last bytes for which there was room.
    missed: u64,
}

impl Probe {
    /// Notes bytes that were read, if there is room.
    pub(super) fn saw(&mut self, bytes: &[u8]) {
        let takes = OVERHEAD + bytes.len();
        if bytes.is_empty() {
        } else if self.recorded && self.feed.reserve(takes) {
            let missed = std::mem::take(&mut self.missed);
            let what = What::Read { direction: self.direction, bytes: bytes.to_vec(), missed };
            self.feed.send(self.conn, what, takes);
        } else {
            let len = bytes.len() as u64;
            self.missed += len;
            self.feed.missed.fetch_add(len, Ordering::Relaxed);
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if self.recorded {
            let what = What::Over { direction: self.direction, missed: self.missed };
            self.feed.send(self.conn, what, OVERHEAD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: ([u8; 4], u16) = ([127, 0, 0, 1], 1);

    #[test]
    fn what_finds_no_room_is_counted_and_told_with_what_comes_next() {
        let (feed, backlog) = feed();
        let (mut probe, other) = feed.open(1, PEER.into(), Direction::DevToCloud);
        let piece = vec![7; 1 << 20];
        (0..20).for_each(|_| probe.saw(&piece));
        assert!(matches!(backlog.next().unwrap().what, What::Opened(_)));
        for nth in 0..15 {
            let What::Read { bytes, missed: 0, .. } = backlog.next().unwrap().what else {
                panic!("{nth}: nothing was missed before");
            };
            assert_eq!(bytes, piece);
        }
        assert_eq!(backlog.missed(), 5 << 20);
        probe.saw(&[1]);
        assert!(matches!(backlog.next().unwrap().what, What::Read { missed: 0x50_0000, .. }));
        drop((probe, other));
        for _ in 0..2 {
            assert!(matches!(backlog.next().unwrap().what, What::Over { missed: 0, .. }));
        }
        assert_eq!(feed.used.load(Ordering::Relaxed), 0);
        drop(feed);
        assert!(backlog.next().is_none());
    }

    #[test]
    fn an_end_is_told_even_if_there_is_no_room_for_anything_else() {
        let (feed, backlog) = feed();
        let (mut probe, other) = feed.open(1, PEER.into(), Direction::DevToCloud);
        while feed.reserve(OVERHEAD) {}
        probe.saw(&[1, 2]);
        let (mut unseen, _) = feed.open(2, PEER.into(), Direction::DevToCloud);
        unseen.saw(&[3]);
        feed.complain(1, "nobody hears it".to_owned());
        drop((probe, other, unseen, feed));
        let ends = std::iter::from_fn(|| backlog.next()).skip(1).map(|event| match event.what {
            What::Over { direction, missed } => (event.conn, direction, missed),
            what => panic!("{what:?}"),
        });
        let expected = [(1, Direction::DevToCloud, 2), (1, Direction::CloudToDev, 0)];
        assert_eq!(ends.collect::<Vec<_>>(), expected);
        assert_eq!(backlog.missed(), 3);
    }
}
