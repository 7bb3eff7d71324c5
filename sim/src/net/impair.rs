use crate::{Attempts, ChaosConfig, Direction, Fate, Label};
use cync_core::wire::{Framer, Resync};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
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

/// What happened to the packets of one direction, greetings left out.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Packets that set out.
    pub packets: u64,
    /// Packets that were lost.
    pub dropped: u64,
    /// Packets that arrived twice.
    pub duplicated: u64,
}

/// What happened on all links of a device.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LinkCounts {
    /// Towards the device.
    pub to_device: Counts,
    /// From the device.
    pub from_device: Counts,
}

/// Decides what happens to packets, and counts it, for all connections of a device.
pub(super) struct Weather {
    inner: Mutex<(Attempts, LinkCounts)>,
    seed: u64,
    chaos: ChaosConfig,
    latency: Duration,
}

impl Weather {
    pub(super) fn new(seed: u64, chaos: ChaosConfig, latency: Duration) -> Self {
        Self { inner: Mutex::default(), seed, chaos, latency }
    }

    /// How long to wait for what is on its way when a session has ended.
    pub(super) fn settle(&self) -> Duration {
        self.latency + Duration::from_secs(1)
    }

    pub(super) fn counts(&self) -> LinkCounts {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn copies(&self, direction: Direction, packet: &[u8]) -> usize {
        let Some(label) = Label::of(packet) else { return 1 };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = inner.0.count(direction, label);
        let fate = self.chaos.fate(self.seed, &copy, None);
        let counts = match direction {
            Direction::ToDevice => &mut inner.1.to_device,
            Direction::FromDevice => &mut inner.1.from_device,
        };
        counts.packets += 1;
        counts.dropped += u64::from(fate.lost);
        counts.duplicated += u64::from(fate.doubled);
        match fate {
            Fate { lost: true, .. } => 0,
            Fate { doubled: true, .. } => 2,
            _ => 1,
        }
    }
}

/// Puts weather between a connection and whoever gets the returned stream. Runs until both directions have ended, or the
/// connection has failed; dropping the future cuts the connection.
pub(super) fn impair<IO: AsyncRead + AsyncWrite>(
    io: IO,
    weather: Arc<Weather>,
) -> (DuplexStream, impl Future<Output = ()>) {
    let (inside, outside) = tokio::io::duplex(BUFFER);
    let pump = async move {
        let (io_read, io_write) = tokio::io::split(io);
        let (pipe_read, pipe_write) = tokio::io::split(outside);
        let (to, from) = (Direction::ToDevice, Direction::FromDevice);
        let both = async {
            tokio::try_join!(
                carry(io_read, pipe_write, to, &weather),
                carry(pipe_read, io_write, from, &weather),
            )
        };
        if let Err(error) = both.await {
            tracing::debug!(event = "connection", %error);
        }
    };
    (inside, pump)
}

/// A packet on its way.
struct OnTheWay {
    due: Instant,
    bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

/// One direction: packets in order, each as late as the latency says. A failure of the connection is an error; of the pipe it
/// is the end, since the other direction may still have something to say.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    weather: &Weather,
) -> io::Result<()> {
    let (depart, mut arrive) = mpsc::channel::<OnTheWay>(ON_THE_WAY);
    let room = Arc::new(Semaphore::new(BYTES_ON_THE_WAY));
    let reading = async move {
        let mut framer: Framer = Framer::new(Resync::Close);
        let mut buffer = vec![0; BUFFER];
        loop {
            let len = from.read(&mut buffer).await?;
            if len == 0 {
                return Ok(());
            }
            let mut input = buffer.get(..len).unwrap_or_default();
            let due = Instant::now() + weather.latency;
            while let Some(framed) = framer.next(&mut input) {
                let (bytes, copies) = match framed {
                    Ok(packet) => (packet.to_vec(), weather.copies(direction, packet)),
                    // Not packets: whoever is behind the link has to see that for himself.
                    Err(error) => (error.header.to_vec(), 1),
                };
                for _ in 0..copies {
                    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                    let Ok(room) = Arc::clone(&room).acquire_many_owned(len).await else {
                        return Ok(());
                    };
                    let packet = OnTheWay { due, bytes: bytes.clone(), _room: room };
                    if depart.send(packet).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    };
    let writing = async move {
        while let Some(packet) = arrive.recv().await {
            // The timer rounds up to its next tick, which a link without latency does not have.
            if packet.due > Instant::now() {
                tokio::time::sleep_until(packet.due).await;
            }
            match (to.write_all(&packet.bytes).await, direction) {
                (Ok(()), _) => {}
                (Err(error), Direction::FromDevice) => return Err(error),
                (Err(_), Direction::ToDevice) => return Ok(()),
            }
        }
        // The other side may have closed already, which is what this says.
        let _ = to.shutdown().await;
        Ok(())
    };
    tokio::try_join!(reading, writing).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    fn fine() -> Arc<Weather> {
        Arc::new(Weather::new(1, ChaosConfig::NONE, Duration::ZERO))
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_fails_ends_both_directions_even_if_nobody_reads() {
        const HEARTBEAT: [u8; 5] = [0xd3, 0, 0, 0, 0];
        let (io, mut far) = tokio::io::duplex(64);
        let (mut inside, pump) = impair(io, fine());
        let pump = tokio::spawn(pump);
        let flood = HEARTBEAT.repeat(100_000);
        let stuck = timeout(Duration::from_millis(200), far.write_all(&flood)).await;
        assert!(stuck.is_err(), "everything was taken");
        drop(far);
        inside.write_all(&HEARTBEAT).await.unwrap();
        timeout(Duration::from_secs(10), pump).await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_on_its_way_arrives_after_the_device_has_closed() {
        let (io, mut far) = tokio::io::duplex(64);
        let (mut inside, pump) = impair(io, fine());
        let pump = tokio::spawn(pump);
        let bytes = [0xd8, 0, 0, 0, 0].repeat(50);
        inside.write_all(&bytes).await.unwrap();
        drop(inside);
        let mut arrived = vec![0; bytes.len()];
        timeout(Duration::from_secs(10), far.read_exact(&mut arrived)).await.unwrap().unwrap();
        assert_eq!(arrived, bytes);
        drop(far);
        timeout(Duration::from_secs(10), pump).await.unwrap().unwrap();
    }
}
