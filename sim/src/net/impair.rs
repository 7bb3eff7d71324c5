use crate::chaos::{Chaos, Copies, Direction, Label};
use cync_core::wire::{Framer, Resync};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Bytes read at a time, and bytes that a pipe holds.
const BUFFER: usize = 16 * 1024;
/// Packets on their way in one direction; more wait outside, as on a slow link.
const ON_THE_WAY: usize = 4096;

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
    inner: Mutex<(Chaos, LinkCounts)>,
    latency: Duration,
}

impl Weather {
    pub(super) fn new(chaos: Chaos, latency: Duration) -> Self {
        Self { inner: Mutex::new((chaos, LinkCounts::default())), latency }
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
        let copies = inner.0.draw(direction, label);
        let counts = match direction {
            Direction::ToDevice => &mut inner.1.to_device,
            Direction::FromDevice => &mut inner.1.from_device,
        };
        counts.packets += 1;
        match copies {
            Copies::None => {
                counts.dropped += 1;
                0
            }
            Copies::One => 1,
            Copies::Two => {
                counts.duplicated += 1;
                2
            }
        }
    }
}

/// Puts weather between a connection and whoever gets the returned stream. Runs until both directions have ended; dropping
/// the future cuts the connection.
pub(super) fn impair<IO: AsyncRead + AsyncWrite>(
    io: IO,
    weather: Arc<Weather>,
) -> (DuplexStream, impl Future<Output = ()>) {
    let (inside, outside) = tokio::io::duplex(BUFFER);
    let pump = async move {
        let (io_read, io_write) = tokio::io::split(io);
        let (pipe_read, pipe_write) = tokio::io::split(outside);
        tokio::join!(
            carry(io_read, pipe_write, Direction::ToDevice, &weather),
            carry(pipe_read, io_write, Direction::FromDevice, &weather),
        );
    };
    (inside, pump)
}

/// One direction: packets in order, each as late as the latency says.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    weather: &Weather,
) {
    let (depart, mut arrive) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    let reading = async move {
        let mut framer: Framer = Framer::new(Resync::Close);
        let mut buffer = vec![0; BUFFER];
        while let Ok(len @ 1..) = from.read(&mut buffer).await {
            let mut input = buffer.get(..len).unwrap_or_default();
            let due = Instant::now() + weather.latency;
            while let Some(framed) = framer.next(&mut input) {
                let (bytes, copies) = match framed {
                    Ok(packet) => (packet.to_vec(), weather.copies(direction, packet)),
                    // Not packets: whoever is behind the link has to see that for himself.
                    Err(error) => (error.header.to_vec(), 1),
                };
                for _ in 0..copies {
                    if depart.send((due, bytes.clone())).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    let writing = async move {
        while let Some((due, bytes)) = arrive.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        // The other side may have closed already, which is what this says.
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}
