use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::thread::LocalKey;

/// Bytes that are read or written at a time, at most.
const LEN: usize = 16 * 1024;

type Spare = Cell<Option<Box<[u8]>>>;

thread_local! {
    static READ: Spare = const { Cell::new(None) };
    static WRITTEN: Spare = const { Cell::new(None) };
}

/// A buffer of this thread's, lent to whichever driver is being polled: thousands of connections that have nothing to say need no
/// buffers of their own.
pub(crate) struct Scratch {
    bytes: Box<[u8]>,
    home: &'static LocalKey<Spare>,
}

impl Scratch {
    /// One to read into.
    pub(crate) fn to_read() -> Self {
        Self::of(&READ)
    }

    /// One to write from.
    pub(super) fn to_write() -> Self {
        Self::of(&WRITTEN)
    }

    fn of(home: &'static LocalKey<Spare>) -> Self {
        // It is lent already if a driver is polled by the stream of another; and while a thread ends there is none.
        let spare = home.try_with(Cell::take).ok().flatten();
        Self { bytes: spare.unwrap_or_else(|| vec![0; LEN].into_boxed_slice()), home }
    }
}

impl Deref for Scratch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        // While a thread ends there is nowhere to put it.
        let _ = self.home.try_with(|home| home.set(Some(bytes)));
    }
}
