use super::greet::{Greeting, read_greeting};
use super::impair::{LinkCounts, Weather, impair};
use super::parties::Parties;
use crate::{ChaosConfig, Device, DeviceState, Ppm};
use cync_core::Request;
use cync_core::wire::op;
use cync_tokio::{Client, Message};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::Instant;

/// Connections at a time.
const MOST: usize = 256;
/// Connections at a time that have not greeted yet; the oldest makes room.
const MOST_SILENT: usize = 256;

/// What the link to the device does to packets, greetings excepted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Link {
    /// What the draws depend on.
    pub seed: u64,
    /// How often a packet is lost, in each direction.
    pub loss: Ppm,
    /// How often a packet that is not lost arrives twice, in each direction.
    pub duplicate: Ppm,
    /// How long a packet travels, in each direction.
    pub latency: Duration,
}

/// How a simulated device starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceOptions {
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// The device's mesh address, 1 to 254.
    pub address: u8,
    /// Its link.
    pub link: Link,
}

/// A device that listens: it answers greetings, commands (receipt, result, status), probes and heartbeats.
///
/// It remembers the messages of everyone who dialled, so that a command repeated on a new connection is not executed again. Dropping it cuts all connections.
pub struct SimulatedDevice {
    shared: Arc<Shared>,
    addr: SocketAddr,
    accepting: JoinHandle<()>,
}

struct Shared {
    device: Mutex<Device>,
    weather: Arc<Weather>,
    parties: Mutex<Parties>,
}

impl Drop for SimulatedDevice {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl SimulatedDevice {
    /// Starts listening.
    ///
    /// # Errors
    /// If the address cannot be listened on: taken, or not of this machine.
    pub async fn start(options: DeviceOptions) -> io::Result<Self> {
        let DeviceOptions { listen, address, link } = options;
        let listener = TcpListener::bind(listen).await?;
        let addr = listener.local_addr()?;
        let chaos = ChaosConfig {
            packet_loss_rate: link.loss,
            duplicate_rate: link.duplicate,
            ..ChaosConfig::NONE
        };
        let shared = Arc::new(Shared {
            device: Mutex::new(Device::new(address)),
            weather: Arc::new(Weather::new(link.seed, chaos, link.latency)),
            parties: Mutex::new(Parties::new(link.seed)),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { shared, addr, accepting })
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many commands it has executed, those that changed nothing included.
    pub fn applied_count(&self) -> u64 {
        self.shared.device().applied_count()
    }

    /// What it remembers.
    pub fn state(&self) -> DeviceState {
        self.shared.device().state()
    }

    /// What happened to its packets.
    pub fn link_counts(&self) -> LinkCounts {
        self.shared.weather.counts()
    }
}

impl Shared {
    fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn parties(&self) -> MutexGuard<'_, Parties> {
        self.parties.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Executes a request, reports its result and announces the new state.
    fn react(&self, client: &Client, message: &Message) {
        let (Some(id), Some(frame)) = (message.id, message.frame) else { return };
        let (reaction, sno) = {
            let mut device = self.device();
            (device.handle(frame.op, &message.data), device.next_sno())
        };
        tracing::debug!(event = "request", op = frame.op, status = %reaction.status);
        // A result that has no room is asked for again by the repetition of its request.
        let _ = client.report(id, reaction.status);
        if let Some(status) = reaction.announce {
            // Announcements are not promised to anyone.
            let _ = client.post(Request::announce(op::STATUS, &status.data(sno)));
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let (mut greeting, mut connections) = (JoinSet::new(), JoinSet::new());
    let mut silent = VecDeque::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    silent.retain(|task: &AbortHandle| !task.is_finished());
                    if silent.len() >= MOST_SILENT && let Some(oldest) = silent.pop_front() {
                        tracing::warn!(event = "no_greeting", "too many connections that do not greet");
                        oldest.abort();
                    }
                    silent.push_back(greeting.spawn(greet(stream, peer)));
                    // It may have greeted already: then it is not one of the silent.
                    tokio::task::yield_now().await;
                }
                Err(error) => {
                    tracing::warn!(event = "accept", %error);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(greeted) = greeting.join_next() => match greeted {
                Ok(Some(greeted)) if connections.len() < MOST => {
                    connections.spawn(serve(greeted, Arc::clone(&shared)));
                }
                Ok(Some(Greeted { peer, .. })) => {
                    tracing::warn!(event = "refused", %peer, "too many connections");
                }
                Ok(None) | Err(_) => {}
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A connection that greeted.
struct Greeted {
    peer: SocketAddr,
    greeting: Greeting,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
}

/// Waits for a connection to say who it is.
async fn greet(stream: TcpStream, peer: SocketAddr) -> Option<Greeted> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(event = "nodelay", %peer, %error);
    }
    let (mut reader, writer) = stream.into_split();
    match read_greeting(&mut reader).await {
        Ok(Some(greeting)) => return Some(Greeted { peer, greeting, reader, writer }),
        Ok(None) => {
            tracing::warn!(event = "no_greeting", %peer, "the peer left without a greeting")
        }
        Err(error) => tracing::warn!(event = "no_greeting", %peer, %error, "closed"),
    }
    None
}

/// One connection, from its greeting to its end.
async fn serve(greeted: Greeted, shared: Arc<Shared>) {
    let Greeted { peer, greeting: Greeting { endpoint, bytes }, reader, writer } = greeted;
    let Some(client) = shared.parties().join(endpoint, Instant::now()) else {
        tracing::warn!(event = "refused", %peer, %endpoint, "too many parties");
        return;
    };
    tracing::info!(event = "connected", %peer, %endpoint);
    let io = tokio::io::join(io::Cursor::new(bytes).chain(reader), writer);
    let (inside, pump) = impair(io, Arc::clone(&shared.weather));
    let driver = client.drive(inside).run();
    let app = async {
        while let Some(message) = client.recv().await {
            shared.react(&client, &message);
        }
        std::future::pending::<()>().await;
    };
    let session = async {
        tokio::select! {
            end = driver => tracing::info!(event = "disconnected", %peer, %endpoint, ?end),
            () = app => {}
        }
    };
    tokio::pin!(pump, session);
    tokio::select! {
        () = &mut pump => session.await,
        // What is on its way still arrives; a peer that does not read is not waited for.
        () = &mut session => {
            let _ = tokio::time::timeout(shared.weather.settle(), pump).await;
        }
    }
    shared.parties().leave(endpoint, Instant::now());
}
