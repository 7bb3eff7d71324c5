//! Which sessions are watched, and what those counted that are gone.

use super::counts::Source;
use super::totals::Totals;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What devices share whose ids are too many.
const OTHER: &str = "other";
/// The longest id, in bytes; the rest of a longer one is cut off.
const LONGEST: usize = 128;

pub(super) type Device = Arc<str>;

pub(super) struct Ledger {
    book: Mutex<Book>,
    most: usize,
}

#[derive(Default)]
struct Book {
    watched: BTreeMap<u64, Session>,
    next: u64,
    /// All devices there ever were, and what their sessions counted that are gone.
    past: BTreeMap<Device, Totals>,
}

struct Session {
    device: Device,
    source: Arc<dyn Source>,
}

impl Book {
    /// Keeps the counts of a session, and nothing else of it.
    fn settle(&mut self, session: &Session) {
        let totals = self.past.entry(Arc::clone(&session.device)).or_default();
        totals.add_counts(&session.source.counts());
    }

    /// Takes out the sessions that nobody else has any more: nothing is counted in them.
    fn take_gone(&mut self) -> Vec<Session> {
        let is_gone = |_: &u64, session: &mut Session| Arc::strong_count(&session.source) == 1;
        let gone: Vec<_> = self.watched.extract_if(.., is_gone).map(|(_, gone)| gone).collect();
        gone.iter().for_each(|session| self.settle(session));
        gone
    }
}

impl Ledger {
    pub(super) fn new(most: usize) -> Self {
        Self { book: Mutex::default(), most }
    }

    /// A session is dropped with the lock free: its drop may run code of the application's, which may come here.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, device_id: &str, source: Arc<dyn Source>) -> u64 {
        let mut book = self.book();
        let gone = book.take_gone();
        let mut device = device_id.get(..device_id.floor_char_boundary(LONGEST)).unwrap_or(OTHER);
        let known = book.past.keys().filter(|known| &***known != OTHER).count();
        if !book.past.contains_key(device) && known >= self.most {
            device = OTHER;
        }
        let device = Device::from(device);
        book.past.entry(Arc::clone(&device)).or_default();
        let number = book.next;
        book.next += 1;
        book.watched.insert(number, Session { device, source });
        drop(book);
        drop(gone);
        number
    }

    pub(super) fn end(&self, number: u64) {
        let mut book = self.book();
        let session = book.watched.remove(&number);
        if let Some(session) = &session {
            book.settle(session);
        }
        drop(book);
        drop(session);
    }

    /// What every device has now.
    pub(super) fn read(&self) -> BTreeMap<Device, Totals> {
        let sources = |book: &Book| -> Vec<_> {
            book.watched.values().map(|session| Arc::clone(&session.source)).collect()
        };
        let watched = sources(&self.book());
        // With the lock free.
        watched.into_iter().for_each(|source| source.catch_up());
        let mut book = self.book();
        let gone = book.take_gone();
        let mut devices = book.past.clone();
        for session in book.watched.values() {
            let totals = devices.entry(Arc::clone(&session.device)).or_default();
            let counts = session.source.counts();
            totals.add_counts(&counts);
            totals.add_levels(&counts);
        }
        drop(book);
        drop(gone);
        devices
    }

    pub(super) fn watched(&self) -> usize {
        self.book().watched.len()
    }
}
