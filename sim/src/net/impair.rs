use super::weather::{Track, Weather};
use crate::chaos::{below, micros};
use crate::{Arrival, ChaosConfig, Direction, Fate, Lane};
use cync_core::mix;
use cync_core::wire::{Framer, HEADER_LEN, Resync};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

/// Bytes read at a time, and bytes that a pipe holds.
const BUFFER: usize = 16 * 1024;
/// Packets on their way in one direction; more wait outside, as on a slow link.
const ON_THE_WAY: usize = 4096;
/// Their bytes.
const BYTES_ON_THE_WAY: usize = 256 * 1024;
/// Packets that have set out and that the other side has not looked at.
const BACKLOG: usize = 64;

/// Puts weather between a connection and whoever gets the returned stream. Runs until both directions have ended, or the
/// connection has failed; dropping the future cuts the connection.
pub(super) fn impair<IO: AsyncRead + AsyncWrite>(
    io: IO,
    weather: Arc<Weather>,
    track: Arc<Track>,
) -> (DuplexStream, impl Future<Output = ()>) {
    let (inside, pump) = impair_by(io, weather, move |_: &[u8]| Arc::clone(&track));
    let pump = async move {
        if let Err(error) = pump.await {
            tracing::debug!(event = "connection", %error);
        }
    };
    (inside, pump)
}

/// Like [`impair`], where each packet says itself whose it is. The future tells how the connection failed.
pub(super) fn impair_by<IO: AsyncRead + AsyncWrite>(
    io: IO,
    weather: Arc<Weather>,
    track_of: impl Fn(&[u8]) -> Arc<Track>,
) -> (DuplexStream, impl Future<Output = io::Result<()>>) {
    let (inside, outside) = tokio::io::duplex(BUFFER);
    let pump = async move {
        let (io_read, io_write) = tokio::io::split(io);
        let (pipe_read, pipe_write) = tokio::io::split(outside);
        let (to, from) = (Direction::ToDevice, Direction::FromDevice);
        // In boxes: each holds the packet that it cuts, and is in a future of a future that is moved.
        let inwards = Box::pin(carry(io_read, pipe_write, to, &weather, &track_of));
        let outwards = Box::pin(carry(pipe_read, io_write, from, &weather, &track_of));
        tokio::try_join!(inwards, outwards).map(|_| ())
    };
    (inside, pump)
}

/// A packet on its way.
struct OnTheWay {
    due: u64,
    /// Of those that are due together the first one goes first.
    nth: u64,
    bytes: Vec<u8>,
    /// What is to be done with it when it arrives.
    fate: Fate,
    _room: OwnedSemaphorePermit,
}

impl OnTheWay {
    const fn turn(&self) -> (u64, u64) {
        (self.due, self.nth)
    }
}

impl PartialEq for OnTheWay {
    fn eq(&self, other: &Self) -> bool {
        self.turn() == other.turn()
    }
}

impl Eq for OnTheWay {}

impl PartialOrd for OnTheWay {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The one whose turn comes first is the greatest.
impl Ord for OnTheWay {
    fn cmp(&self, other: &Self) -> Ordering {
        other.turn().cmp(&self.turn())
    }
}

/// Microseconds since a connection began.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn now(self) -> u64 {
        micros(self.0.elapsed())
    }

    /// Waits for a time. A time that has come is not waited for: timers round up to their next tick.
    async fn until(self, at: u64) {
        if at > self.now() {
            tokio::time::sleep_until(self.0 + Duration::from_micros(at)).await;
        }
    }
}

/// One direction: packets in order, but for those that are held back, each as late as its latency says. A failure of the
/// connection is an error; of the pipe it is the end, since the other direction may still have something to say.
async fn carry(
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    way: Direction,
    weather: &Weather,
    track_of: &impl Fn(&[u8]) -> Arc<Track>,
) -> io::Result<()> {
    let (depart, arrive) = mpsc::channel::<OnTheWay>(BACKLOG);
    let clock = Clock(Instant::now());
    let reading = Reading { weather, track_of, way, clock, depart }.run(from);
    let writing = async {
        let mut arrivals = Arrivals { clock, arrive, on_the_way: BinaryHeap::new(), open: true };
        let result = arrivals.write(to, weather.chaos(way)).await;
        match way {
            Direction::FromDevice => result,
            Direction::ToDevice => Ok(()),
        }
    };
    tokio::try_join!(reading, writing).map(|_| ())
}

/// The side where packets set out.
struct Reading<'a, T> {
    weather: &'a Weather,
    track_of: &'a T,
    way: Direction,
    clock: Clock,
    depart: mpsc::Sender<OnTheWay>,
}

impl<T: Fn(&[u8]) -> Arc<Track>> Reading<'_, T> {
    async fn run(self, mut from: impl AsyncRead + Unpin) -> io::Result<()> {
        let room = Arc::new(Semaphore::new(BYTES_ON_THE_WAY));
        let mut framer: Framer = Framer::new(Resync::Close);
        let mut buffer = vec![0; BUFFER];
        let mut lane = Lane::default();
        let mut nth = 0;
        // What is no packet, and all that follows it, passes as it is: whoever is behind the link has to see that for himself.
        let mut foreign = false;
        let untouched =
            || Fate { delay: micros(self.weather.chaos(self.way).latency), ..Fate::default() };
        loop {
            let len = from.read(&mut buffer).await?;
            if len == 0 {
                return Ok(());
            }
            let mut input = buffer.get(..len).unwrap_or_default();
            while !input.is_empty() {
                let (held, whole) = (framer.pending(), input);
                let (mut bytes, fate) = if foreign {
                    (std::mem::take(&mut input).to_vec(), untouched())
                } else {
                    match framer.next(&mut input) {
                        None => break,
                        Some(Ok(packet)) => {
                            let mut packet = packet.to_vec();
                            let track = (self.track_of)(&packet);
                            let fate = self.weather.fate(&track, self.way, &mut packet);
                            (packet, fate)
                        }
                        Some(Err(error)) => {
                            foreign = true;
                            let behind = HEADER_LEN.saturating_sub(held);
                            input = whole.get(behind..).unwrap_or_default();
                            (error.header.to_vec(), untouched())
                        }
                    }
                };
                if fate.lost {
                    continue;
                }
                let most = self.weather.chaos(self.way).reorder_buffer_size;
                let Arrival { at, held } = lane.arrival(self.clock.now(), &fate, most);
                if held {
                    self.weather.reordered(self.way);
                }
                // The second of two travels right behind the first, whatever happens to that one.
                let second = fate.doubled.then(|| (bytes.clone(), Fate::default()));
                for (bytes, fate) in [(std::mem::take(&mut bytes), fate)].into_iter().chain(second)
                {
                    let len = bytes.len().max(BYTES_ON_THE_WAY / ON_THE_WAY);
                    let len = u32::try_from(len).unwrap_or(u32::MAX);
                    let Ok(room) = Arc::clone(&room).acquire_many_owned(len).await else {
                        return Ok(());
                    };
                    let packet = OnTheWay { due: at, nth, bytes, fate, _room: room };
                    nth += 1;
                    if self.depart.send(packet).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// The side where they arrive.
struct Arrivals {
    clock: Clock,
    arrive: mpsc::Receiver<OnTheWay>,
    on_the_way: BinaryHeap<OnTheWay>,
    /// More may set out.
    open: bool,
}

impl Arrivals {
    /// The next packet that arrives, not later than at `limit`; `None` if that comes first, or nothing more will.
    async fn next(&mut self, limit: Option<u64>) -> Option<OnTheWay> {
        loop {
            while let Ok(packet) = self.arrive.try_recv() {
                self.on_the_way.push(packet);
            }
            let due = self.on_the_way.peek().map(|packet| packet.due);
            let now = self.clock.now();
            if due.is_some_and(|due| due <= now) {
                return self.on_the_way.pop();
            }
            if limit.is_some_and(|limit| limit <= now) || due.is_none() && !self.open {
                return None;
            }
            let first = due.unwrap_or(u64::MAX).min(limit.unwrap_or(u64::MAX));
            let wait = async {
                match first {
                    u64::MAX => std::future::pending().await,
                    first => self.clock.until(first).await,
                }
            };
            tokio::select! {
                packet = self.arrive.recv(), if self.open => match packet {
                    Some(packet) => self.on_the_way.push(packet),
                    None => self.open = false,
                },
                () = wait => {}
            }
        }
    }

    /// Writes what arrives, until nothing more will.
    async fn write(
        &mut self,
        mut to: impl AsyncWrite + Unpin,
        chaos: &ChaosConfig,
    ) -> io::Result<()> {
        // What waits for the next packet, and until when.
        let mut waiting = Vec::new();
        let mut limit = None;
        loop {
            let Some(OnTheWay { bytes, fate, .. }) = self.next(limit).await else {
                to.write_all(&waiting).await?;
                waiting.clear();
                if limit.take().is_some() {
                    continue;
                }
                // The other side may have closed already, which is what this says.
                let _ = to.shutdown().await;
                return Ok(());
            };
            waiting.extend_from_slice(&bytes);
            if fate.coalesced != 0 && waiting.len() < BUFFER {
                limit.get_or_insert(self.clock.now().saturating_add(fate.coalesced));
                continue;
            }
            limit = None;
            if fate.split != 0 && bytes.len() > 1 {
                let last = waiting.len() - bytes.len();
                let cut = 1 + below(mix(fate.split ^ 1), bytes.len() as u64 - 1);
                let cut = last + usize::try_from(cut).unwrap_or(1);
                to.write_all(waiting.get(..cut).unwrap_or_default()).await?;
                to.flush().await?;
                waiting.drain(..cut);
                self.clock.until(self.clock.now().saturating_add(chaos.pause(fate.split))).await;
            }
            to.write_all(&waiting).await?;
            waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests;
