//! Byte streams in memory.

use crate::wakers::Wakes;
use futures_io::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Two ends of a byte stream, each of which reads what the other writes. In each direction `capacity` bytes can be on their way;
/// who wants to write more waits.
pub fn pipe(capacity: usize) -> (Pipe, Pipe) {
    let wire = Arc::new(Wire(Mutex::new(Inner {
        lanes: Default::default(),
        capacity,
        read_at_most: usize::MAX,
        write_at_most: usize::MAX,
        half_open: false,
        reset: false,
        wakes: Wakes::default(),
    })));
    (Pipe { wire: Arc::clone(&wire), end: 0 }, Pipe { wire, end: 1 })
}

/// One end of a byte stream. When it is dropped or closed the other end reads the rest, and then its end; when it is dropped the
/// other's writes give [`BrokenPipe`](io::ErrorKind::BrokenPipe).
pub struct Pipe {
    wire: Arc<Wire>,
    /// 0 or 1: it writes to the lane of this number and reads from the other.
    end: usize,
}

/// What both ends of a byte stream have in common: to watch it and to do harm to it. It keeps neither end open.
#[derive(Clone)]
pub struct Cable(Arc<Wire>);

/// What went in one direction of a [`Pipe`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Counts {
    /// Bytes that were written.
    pub bytes: u64,
    /// Calls of `poll_write` at one end.
    pub writes: u64,
    /// Calls of `poll_read` at the other.
    pub reads: u64,
}

struct Wire(Mutex<Inner>);

struct Inner {
    lanes: [Lane; 2],
    capacity: usize,
    read_at_most: usize,
    write_at_most: usize,
    half_open: bool,
    reset: bool,
    wakes: Wakes,
}

/// One direction.
#[derive(Default)]
struct Lane {
    bytes: VecDeque<u8>,
    /// Nothing is written any more.
    ended: bool,
    /// Nobody reads any more.
    deaf: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    counts: Counts,
}

impl Wire {
    fn with<R>(&self, act: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut inner);
        let wakes = inner.wakes.take();
        drop(inner);
        wakes.into_iter().for_each(Wakes::wake);
        result
    }
}

impl Inner {
    fn lanes(&mut self, end: usize) -> (&mut Lane, &mut Lane) {
        let [first, second] = &mut self.lanes;
        if end == 0 { (first, second) } else { (second, first) }
    }

    fn wake(&mut self, waker: Option<Waker>) {
        waker.into_iter().for_each(|waker| self.wakes.add(waker));
    }

    fn wake_everybody(&mut self) {
        for end in [0, 1] {
            let (lane, _) = self.lanes(end);
            let wakers = [lane.reader.take(), lane.writer.take()];
            wakers.into_iter().for_each(|waker| self.wake(waker));
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.reset { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    fn poll_read(
        &mut self,
        end: usize,
        buffer: &mut [u8],
        context: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let (capacity, half_open) = (self.capacity, self.half_open);
        let most = buffer.len().min(self.read_at_most);
        let fine = self.check();
        let (_, lane) = self.lanes(end);
        lane.counts.reads += 1;
        fine?;
        let len = most.min(lane.bytes.len());
        if half_open || (len == 0 && most > 0 && !lane.ended) {
            lane.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        buffer.iter_mut().zip(lane.bytes.drain(..len)).for_each(|(to, byte)| *to = byte);
        lane.reader = None;
        let writer = if lane.bytes.len() < capacity { lane.writer.take() } else { None };
        self.wake(writer);
        Poll::Ready(Ok(len))
    }

    fn poll_write(
        &mut self,
        end: usize,
        bytes: &[u8],
        context: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let (capacity, half_open) = (self.capacity, self.half_open);
        let most = bytes.len().min(self.write_at_most);
        let fine = self.check();
        let (lane, _) = self.lanes(end);
        lane.counts.writes += 1;
        fine?;
        if lane.ended || (lane.deaf && !half_open) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = if half_open { most } else { capacity.saturating_sub(lane.bytes.len()) };
        let len = most.min(room);
        if len == 0 && most > 0 {
            lane.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        lane.counts.bytes += len as u64;
        lane.writer = None;
        if !half_open {
            lane.bytes.extend(bytes.iter().take(len));
            let reader = lane.reader.take();
            self.wake(reader);
        }
        Poll::Ready(Ok(len))
    }

    /// This end writes nothing any more.
    fn end(&mut self, end: usize) {
        let (lane, _) = self.lanes(end);
        lane.ended = true;
        let reader = lane.reader.take();
        self.wake(reader);
    }

    /// This end reads nothing any more.
    fn deafen(&mut self, end: usize) {
        let (_, lane) = self.lanes(end);
        lane.deaf = true;
        lane.bytes.clear();
        let writer = lane.writer.take();
        self.wake(writer);
    }
}

impl Pipe {
    /// What can be known of the stream and done to it, while both ends are in use.
    pub fn cable(&self) -> Cable {
        Cable(Arc::clone(&self.wire))
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").field("end", &self.end).finish_non_exhaustive()
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.wire.with(|inner| {
            inner.end(self.end);
            inner.deafen(self.end);
        });
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.wire.with(|inner| inner.poll_read(self.end, buffer, context))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wire.with(|inner| inner.poll_write(self.end, bytes, context))
    }

    /// There is nothing to flush.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.wire.with(|inner| inner.check()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.wire.with(|inner| {
            inner.check()?;
            inner.end(self.end);
            Ok(())
        }))
    }
}

impl Cable {
    /// How many bytes can be on their way in each direction. None can with 0: writes wait until there is more.
    pub fn set_capacity(&self, bytes: usize) {
        self.0.with(|inner| {
            inner.capacity = bytes;
            inner.wake_everybody();
        });
    }

    /// How many bytes one read takes at most; at least one.
    pub fn read_at_most(&self, bytes: usize) {
        self.0.with(|inner| inner.read_at_most = bytes.max(1));
    }

    /// How many bytes one write takes at most; at least one.
    pub fn write_at_most(&self, bytes: usize) {
        self.0.with(|inner| inner.write_at_most = bytes.max(1));
    }

    /// From now on nothing arrives, and nobody is told, as when the peer's machine lost its power: what is written vanishes, reads
    /// wait for ever, even if the other end is dropped. [`Cable::reset`] is still possible.
    pub fn half_open(&self) {
        self.0.with(|inner| {
            inner.half_open = true;
            inner.lanes.iter_mut().for_each(|lane| lane.bytes.clear());
            inner.wake_everybody();
        });
    }

    /// Both ends get [`ConnectionReset`](io::ErrorKind::ConnectionReset) from now on; what is on its way is lost.
    pub fn reset(&self) {
        self.0.with(|inner| {
            inner.reset = true;
            inner.wake_everybody();
        });
    }

    /// Whether both ends are there, and it was not [reset](Cable::reset).
    pub fn is_whole(&self) -> bool {
        self.0.with(|inner| !inner.reset && inner.lanes.iter().all(|lane| !lane.deaf))
    }

    /// What went from the first end to the second; of a connection, from the end that dialled.
    pub fn forth(&self) -> Counts {
        self.0.with(|inner| inner.lanes(0).0.counts)
    }

    /// What went from the second end to the first.
    pub fn back(&self) -> Counts {
        self.0.with(|inner| inner.lanes(1).0.counts)
    }
}

impl fmt::Debug for Cable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (forth, back) = (self.forth(), self.back());
        f.debug_struct("Cable").field("forth", &forth).field("back", &back).finish_non_exhaustive()
    }
}
