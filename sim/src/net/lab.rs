//! A device of the laboratory, on a real socket.

use cync_core::lab::{Decoded, Frame, HEADER_LEN, LabError, MAX_FRAME};
use cync_core::wire::Hex;
use serde_json::{Value, json};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

/// Connections at a time.
const MOST: usize = 256;
/// How long a connection stays on which nothing comes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long nothing is accepted after accepting failed.
const PAUSE: Duration = Duration::from_millis(100);

/// What a laboratory device does with a request.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum LabMode {
    /// It acts on it and answers.
    #[default]
    Success,
    /// It acts on it, and answers so long after.
    Delay(Duration),
    /// It acts on it, and never answers.
    Timeout,
    /// It acts on it, and closes the connection instead of an answer.
    Disconnect,
    /// It closes every connection before it has read anything.
    Reject,
}

/// How a laboratory device starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LabOptions {
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// What it does with requests.
    pub mode: LabMode,
}

impl Default for LabOptions {
    /// On any free port of this machine, answering at once.
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 0).into(), mode: LabMode::default() }
    }
}

/// A device that listens for the requests of [`cync_core::lab`]. Dropping it cuts all connections.
///
/// ```
/// use cync_core::lab::Toggle;
/// use cync_sim::net::{LabDevice, LabOptions};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let device = LabDevice::start(LabOptions::default()).await?;
/// let mut stream = tokio::net::TcpStream::connect(device.local_addr()).await?;
/// let mut request = [0; 128];
/// let len = Toggle::new("lamp", "01", true)?.encode(&mut request)?;
/// stream.write_all(&request[..len]).await?;
/// assert_eq!(stream.read_u16().await?, 0xf00d);
/// assert!(device.is_on());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LabDevice {
    shared: Arc<Shared>,
    addr: SocketAddr,
    running: JoinHandle<()>,
}

struct Shared {
    mode: LabMode,
    on: AtomicBool,
    applied: AtomicU64,
    connections: AtomicU64,
}

impl Drop for LabDevice {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl LabDevice {
    /// Starts listening.
    ///
    /// # Errors
    /// If the address cannot be listened on: taken, or not of this machine.
    pub async fn start(options: LabOptions) -> io::Result<Self> {
        let LabOptions { listen, mode } = options;
        let listener = TcpListener::bind(listen).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            mode,
            on: AtomicBool::new(false),
            applied: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        let accepting = accept(listener, Arc::clone(&shared));
        let running = tokio::spawn(accepting.in_current_span());
        Ok(Self { shared, addr, running })
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Whether it was switched on last.
    pub fn is_on(&self) -> bool {
        self.shared.on.load(Ordering::Relaxed)
    }

    /// How many requests it has acted on: a request that comes twice counts twice, there is no de-duplication.
    pub fn applied_count(&self) -> u64 {
        self.shared.applied.load(Ordering::Relaxed)
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    shared.connections.fetch_add(1, Ordering::Relaxed);
                    if shared.mode == LabMode::Reject {
                        tracing::info!(event = "request", %peer, outcome = "rejected");
                    } else if connections.len() >= MOST {
                        tracing::warn!(event = "refused", %peer, "too many connections");
                    } else {
                        let span = tracing::error_span!("connection", %peer);
                        let serving = serve(stream, Arc::clone(&shared));
                        connections.spawn(serving.instrument(span));
                    }
                }
                Err(error) => {
                    tracing::warn!(event = "accept", %error);
                    sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Why a connection was closed.
#[derive(Debug, Error)]
enum Closed {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] LabError),
    #[error("the request is not a toggle with device_id, msg_id and state")]
    Request,
}

/// One connection, from its first byte to its end.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    tracing::debug!(event = "connected");
    match talk(stream, &shared).await {
        Ok(()) => tracing::debug!(event = "disconnected"),
        Err(error) => tracing::warn!(event = "disconnected", %error),
    }
}

/// Acts on requests until the peer leaves, or nothing has come for long.
async fn talk(mut stream: TcpStream, shared: &Shared) -> Result<(), Closed> {
    stream.set_nodelay(true)?;
    let mut held = Vec::new();
    let mut buffer = vec![0; MAX_FRAME];
    loop {
        let len = match timeout(PATIENCE, stream.read(&mut buffer)).await {
            Err(_) | Ok(Ok(0)) => return Ok(()),
            Ok(read) => read?,
        };
        held.extend_from_slice(buffer.get(..len).unwrap_or_default());
        while let Decoded::Complete { frame, len } = Frame::decode(&held)? {
            let bytes = held.get(..len).unwrap_or_default();
            let goes_on = act(&mut stream, shared, bytes, frame).await?;
            held.drain(..len);
            if !goes_on {
                return Ok(());
            }
        }
    }
}

/// Acts on one request; whether the connection goes on.
async fn act(
    stream: &mut TcpStream,
    shared: &Shared,
    bytes: &[u8],
    frame: Frame<'_>,
) -> Result<bool, Closed> {
    let came = Instant::now();
    let request: Value = serde_json::from_slice(frame.payload()).map_err(|_| Closed::Request)?;
    let text = |name| request.get(name).and_then(Value::as_str).ok_or(Closed::Request);
    let (device_id, msg_id) = (text("device_id")?, text("msg_id")?);
    let state = request.get("state").and_then(Value::as_bool).ok_or(Closed::Request)?;
    if text("opcode")? != "toggle" {
        return Err(Closed::Request);
    }
    let span = tracing::error_span!("request", msg_id, device_id);
    async {
        tracing::debug!(event = "tcp_packet", direction = "recv", raw_packet_hex = %Hex(bytes), outcome = "success");
        shared.on.store(state, Ordering::Relaxed);
        shared.applied.fetch_add(1, Ordering::Relaxed);
        let outcome = match shared.mode {
            LabMode::Success => "answered",
            LabMode::Delay(delay) => {
                sleep(delay).await;
                "answered"
            }
            LabMode::Timeout => "not_answered",
            LabMode::Disconnect | LabMode::Reject => "disconnected",
        };
        if outcome == "answered" {
            answer(stream, msg_id, state, came).await?;
        }
        tracing::info!(event = "request", on = state, outcome);
        Ok(outcome != "disconnected")
    }
    .instrument(span)
    .await
}

async fn answer(
    stream: &mut TcpStream,
    msg_id: &str,
    state: bool,
    came: Instant,
) -> Result<(), Closed> {
    let payload = json!({ "opcode": "ack", "msg_id": msg_id, "state": state }).to_string();
    let mut out = vec![0; HEADER_LEN + payload.len()];
    let frame = Frame::new(payload.as_bytes())?;
    let len = frame.encode(&mut out).map_err(io::Error::other)?;
    let bytes = out.get(..len).unwrap_or_default();
    stream.write_all(bytes).await?;
    let elapsed_ms = u64::try_from(came.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(
        event = "tcp_packet",
        direction = "send",
        raw_packet_hex = %Hex(bytes),
        elapsed_ms,
        outcome = "success",
    );
    Ok(())
}
