//! A thread that writes records, so that whoever logs does not wait for a slow standard error.

use super::queue::{Next, Queue, Rank};
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes of records that wait at most.
const LIMIT: usize = 1 << 20;
/// How long whoever ends waits for a standard error that takes nothing at all.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one that takes nothing for now, and does not wait, is left alone.
const PAUSE: Duration = Duration::from_millis(10);

/// Where records are put.
#[derive(Clone)]
pub(super) struct LogWriter(Arc<Shared>);

/// Ends the writer when dropped: what waits is written first.
#[must_use = "what waits is written when this is dropped"]
pub(crate) struct LogGuard(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// There may be something to write.
    filled: Condvar,
    /// There may be room, or the writer has ended.
    emptied: Condvar,
}

struct State {
    queue: Queue,
    /// Records that were written.
    written: u64,
    /// Nothing follows but what waits.
    closing: bool,
    /// Nothing is written any more.
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogWriter {
    /// Starts a thread that writes records to `sink`, each with one call if `sink` takes it. `dropped` is the record that says
    /// that so many were dropped.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub(super) fn start(
        sink: impl Write + Send + 'static,
        dropped: impl Fn(u64) -> Vec<u8> + Send + 'static,
    ) -> io::Result<(Self, LogGuard)> {
        Self::with_limit(LIMIT, sink, dropped)
    }

    fn with_limit(
        limit: usize,
        sink: impl Write + Send + 'static,
        dropped: impl Fn(u64) -> Vec<u8> + Send + 'static,
    ) -> io::Result<(Self, LogGuard)> {
        let state = State { queue: Queue::new(limit), written: 0, closing: false, ended: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            filled: Condvar::new(),
            emptied: Condvar::new(),
        });
        let writing = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            // Also if it panics: nobody waits for it then.
            let _ended = Ended(&writing);
            write(&writing, sink, dropped);
        })?;
        Ok((Self(Arc::clone(&shared)), LogGuard(shared)))
    }

    /// Hands a record over. Only an essential one may wait for room.
    pub(super) fn put(&self, rank: Rank, mut record: Vec<u8>) {
        let Shared { filled, emptied, .. } = &*self.0;
        let mut state = self.0.lock();
        while !state.ended {
            match state.queue.push(rank, record) {
                Ok(()) => return filled.notify_one(),
                Err(refused) => record = refused,
            }
            state = emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let Shared { filled, emptied, .. } = &*self.0;
        let mut state = self.0.lock();
        state.closing = true;
        filled.notify_one();
        while !state.ended {
            let before = state.written;
            let (again, waited) =
                emptied.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = again;
            if waited.timed_out() && state.written == before {
                return;
            }
        }
    }
}

struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.emptied.notify_all();
    }
}

/// Writes until there is nothing more to come, or nobody to read it.
fn write(shared: &Shared, mut sink: impl Write, dropped: impl Fn(u64) -> Vec<u8>) {
    let mut state = shared.lock();
    loop {
        let record = match state.queue.pop() {
            Some(Next::Record(record)) => record,
            Some(Next::Dropped(count)) => dropped(count),
            None if state.closing => return,
            None => {
                state = shared.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
        };
        drop(state);
        shared.emptied.notify_all();
        if write_whole(&mut sink, &record).is_err() {
            return;
        }
        state = shared.lock();
        state.written += 1;
    }
}

fn write_whole(sink: &mut impl Write, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        match sink.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(len) => rest = rest.get(len..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Another program made it so, and shares it.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Rank::{Disposable, Essential};
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Takes a record each time that it is told what becomes of one.
    struct Sink {
        told: Receiver<io::Result<()>>,
        writes: Sender<Vec<u8>>,
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.told.recv().unwrap_or(Ok(()))?;
            self.writes.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Log {
        writer: LogWriter,
        guard: LogGuard,
        tell: Sender<io::Result<()>>,
        written: Receiver<Vec<u8>>,
    }

    fn log(limit: usize) -> Log {
        let ((tell, told), (writes, written)) = (channel(), channel());
        let dropped = |count| format!("{count} dropped").into_bytes();
        let (writer, guard) = LogWriter::with_limit(limit, Sink { told, writes }, dropped).unwrap();
        Log { writer, guard, tell, written }
    }

    fn texts(written: &Receiver<Vec<u8>>) -> Vec<String> {
        written.iter().map(|record| String::from_utf8(record).unwrap()).collect()
    }

    #[test]
    fn a_sink_that_takes_nothing_delays_no_disposable_record() {
        let Log { writer, guard, tell, written } = log(8);
        for number in 0..1000 {
            writer.put(Disposable, format!("{number:04}").into_bytes());
        }
        writer.put(Essential, b"last".into());
        drop(tell);
        drop((guard, writer));
        let written = texts(&written);
        let of_all = written.iter().find_map(|text| text.strip_suffix(" dropped")).unwrap();
        // Whether the first was taken off before the second came is chance.
        assert!(of_all == "999" || of_all == "998", "{written:?}");
        assert_eq!(written.iter().filter(|text| text.ends_with("dropped")).count(), 1);
        assert!(
            written.contains(&"0999".to_owned()) && written.last().unwrap() == "last",
            "{written:?}"
        );
    }

    #[test]
    fn an_essential_record_waits_for_room_and_is_written() {
        let Log { writer, guard, tell, written } = log(4);
        let puts = thread::spawn(move || {
            for number in 0..50 {
                writer.put(Essential, format!("{number:04}").into_bytes());
            }
        });
        for number in 0..50 {
            tell.send(Ok(())).unwrap();
            assert_eq!(written.recv().unwrap(), format!("{number:04}").into_bytes());
        }
        puts.join().unwrap();
        drop(guard);
        assert_eq!(texts(&written), [""; 0]);
    }

    #[test]
    fn nobody_waits_for_a_sink_that_is_closed() {
        let Log { writer, guard, tell, written } = log(4);
        tell.send(Err(ErrorKind::BrokenPipe.into())).unwrap();
        for _ in 0..50 {
            writer.put(Essential, b"0123".into());
        }
        drop((guard, tell));
        assert_eq!(texts(&written), [""; 0]);
    }

    #[test]
    fn what_is_taken_in_parts_or_later_is_written_whole() {
        struct Reluctant(Vec<u8>, u32);
        impl Write for &mut Reluctant {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1 += 1;
                match self.1 {
                    1 => Err(ErrorKind::Interrupted.into()),
                    2 => Err(ErrorKind::WouldBlock.into()),
                    _ => self.0.write(&bytes[..2]),
                }
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut sink = Reluctant(Vec::new(), 0);
        write_whole(&mut &mut sink, b"012345").unwrap();
        assert_eq!(sink.0, b"012345");
    }
}
