use crate::shared::{Inner, Seat, Shared};
use cync_core::wire::{Hex, MAX_PACKET, mask_secrets};
use cync_core::{Disconnect, HangupReason, Instant, Transmit};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes read at a time.
const READ: usize = 16 * 1024;
/// Packets are handed over while fewer bytes than this wait to be written.
const WRITE: usize = 16 * 1024;
/// How long a connection may take no byte of what is waiting. The session cannot know: a peer that talks is alive to it.
const STALL: Duration = Duration::from_secs(60);
/// How long what is left may take to be written when the session hangs up.
const FLUSH: Duration = Duration::from_secs(1);

/// Why a driver ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum End {
    /// The session hung up.
    Hangup(HangupReason),
    /// The peer closed the connection.
    Peer,
    /// The connection failed.
    Error(io::Error),
    /// A newer connection has the session, or the last client was dropped.
    Replaced,
}

/// Moves bytes between a connection and a session, and sleeps until its deadlines. Dropping it is a disconnection.
#[must_use = "a driver does nothing unless it is run"]
pub struct Driver<IO> {
    io: IO,
    lease: Lease,
}

/// The right to drive a session, given up on drop.
struct Lease {
    shared: Arc<Shared>,
    driver: Seat,
    why: Disconnect,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.give_up(&self.driver, self.why);
    }
}

impl<IO: AsyncRead + AsyncWrite> Driver<IO> {
    pub(crate) fn new(shared: Arc<Shared>, io: IO) -> Self {
        let driver = shared.take_over();
        Self { io, lease: Lease { shared, driver, why: Disconnect::Error } }
    }

    /// Drives the session until the connection ends.
    pub async fn run(self) -> End {
        let Self { io, mut lease } = self;
        let (mut reader, mut writer) = tokio::io::split(io);
        let mut input = Input { bytes: vec![0; READ], taken: 0, len: 0, stalled: false };
        let mut output = Output {
            bytes: Vec::with_capacity(WRITE + MAX_PACKET),
            written: 0,
            unflushed: false,
            moved: tokio::time::Instant::now(),
        };
        let end = loop {
            let shared = &*lease.shared;
            let Some(next) = step(shared, &lease.driver, &mut input, &mut output) else {
                break End::Replaced;
            };
            if let Some(why) = next.hangup {
                let flush = async {
                    writer.write_all(output.waiting()).await?;
                    writer.shutdown().await
                };
                // The peer may be gone already; there is nobody left to tell.
                let _ = tokio::time::timeout(FLUSH, flush).await;
                break End::Hangup(why);
            }
            let sleep = async {
                match next.deadline.and_then(|at| shared.when(at)) {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let stalled = output.moved + STALL;
            tokio::select! {
                read = reader.read(&mut input.bytes), if input.is_used_up() => match read {
                    Ok(0) => break End::Peer,
                    Ok(len) => (input.taken, input.len) = (0, len),
                    Err(error) => break End::Error(error),
                },
                written = output.write(&mut writer), if !output.is_written() => {
                    if let Err(error) = written {
                        break End::Error(error);
                    }
                },
                () = tokio::time::sleep_until(stalled), if !output.waiting().is_empty() => {
                    break End::Error(io::ErrorKind::TimedOut.into());
                }
                () = sleep => {}
                () = lease.driver.notified() => {}
            }
        };
        lease.why = match end {
            End::Hangup(_) => Disconnect::Hangup,
            End::Peer => Disconnect::Peer,
            End::Replaced => Disconnect::Replaced,
            End::Error(_) => Disconnect::Error,
        };
        end
    }
}

/// Bytes read and not taken yet.
struct Input {
    bytes: Vec<u8>,
    taken: usize,
    len: usize,
    /// The session refused something, which may be a packet that it holds itself.
    stalled: bool,
}

impl Input {
    fn waiting(&self) -> &[u8] {
        self.bytes.get(self.taken..self.len).unwrap_or_default()
    }

    fn is_used_up(&self) -> bool {
        self.taken >= self.len
    }

    /// Whether the session has something to take, now that it takes input.
    fn can_go_on(&self, inner: &Inner) -> bool {
        inner.session.wants_input() && (self.stalled || !self.is_used_up())
    }

    /// Offers what is waiting to the session.
    fn offer(&mut self, inner: &mut Inner, now: Instant) {
        self.taken += inner.session.handle_input(now, self.waiting());
        self.stalled = !inner.session.wants_input();
    }
}

/// Bytes handed over and not written yet.
struct Output {
    bytes: Vec<u8>,
    written: usize,
    /// What was written may still be on this side: streams that compress, encrypt or collect have to be flushed.
    unflushed: bool,
    /// When some of what is waiting was written last, or began to wait.
    moved: tokio::time::Instant,
}

impl Output {
    fn waiting(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    fn is_written(&self) -> bool {
        self.waiting().is_empty() && !self.unflushed
    }

    /// Writes some of what is waiting, or flushes if nothing is. Dropping the future loses nothing.
    async fn write(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if self.waiting().is_empty() {
            to.flush().await?;
            self.unflushed = false;
            return Ok(());
        }
        match to.write(self.waiting()).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            len => self.written += len,
        }
        self.moved = tokio::time::Instant::now();
        self.unflushed = true;
        if self.waiting().is_empty() {
            // Most streams have nothing to flush, and say so at once.
            let flush = poll_fn(|context| Poll::Ready(Pin::new(&mut *to).poll_flush(context)));
            if let Poll::Ready(flushed) = flush.await {
                flushed?;
                self.unflushed = false;
            }
        }
        Ok(())
    }

    /// Lets the session hand over packets while there is room.
    fn fill(&mut self, inner: &mut Inner, now: Instant) {
        self.bytes.drain(..self.written);
        self.written = 0;
        if self.bytes.is_empty() {
            self.moved = tokio::time::Instant::now();
        }
        while self.bytes.len() < WRITE {
            let start = self.bytes.len();
            self.bytes.resize(start + MAX_PACKET, 0);
            let transmit = inner.session.poll_transmit(now, &mut self.bytes[start..]);
            let Ok(Some(transmit)) = transmit else {
                self.bytes.truncate(start);
                return;
            };
            self.bytes.truncate(start + transmit.len);
            log_sent(&transmit, &self.bytes[start..]);
        }
    }
}

struct Next {
    deadline: Option<Instant>,
    hangup: Option<HangupReason>,
}

/// Everything that is done with the session at one instant; `None` if another driver has it.
fn step(shared: &Shared, driver: &Seat, input: &mut Input, output: &mut Output) -> Option<Next> {
    let mut inner = shared.lock();
    if !inner.is_driven_by(driver) {
        return None;
    }
    let now = shared.now();
    if input.can_go_on(&inner) {
        input.offer(&mut inner, now);
    }
    if inner.session.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
        inner.session.handle_timeout(now);
    }
    output.fill(&mut inner, now);
    if input.can_go_on(&inner) {
        inner.wake();
    }
    shared.tell(&mut inner);
    let hangup = shared.hangup();
    let deadline = inner.session.poll_timeout().map(|deadline| deadline.at);
    Some(Next { deadline, hangup })
}

fn log_sent(transmit: &Transmit, bytes: &[u8]) {
    if tracing::enabled!(tracing::Level::TRACE) {
        let mut shown = bytes.to_vec();
        mask_secrets(&mut shown);
        let Transmit { kind, attempt, .. } = transmit;
        tracing::trace!(event = "tcp_packet", direction = "send", %kind, attempt, raw_packet_hex = %Hex(&shown));
    }
}
