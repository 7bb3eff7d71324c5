//! One exchange, over real connections.

use super::count::Count;
use super::name;
use crate::log;
use cync_core::Instant;
use cync_core::lab::{Exchange, LabEvent, LabOutcome, MAX_FRAME};
use cync_core::wire::{Hex, mask_secrets};
use std::io;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Dialling = Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>;

/// One exchange, over real connections.
pub(super) struct Talk<'a> {
    address: &'a str,
    exchange: Exchange<'a>,
    /// What is counted of it.
    pub(super) count: Count<'a>,
    begun: tokio::time::Instant,
    dialling: Option<Dialling>,
    stream: Option<TcpStream>,
    /// What the connection has yet to take.
    unwritten: Vec<u8>,
    /// When the request was handed over first.
    first_sent: Option<Instant>,
    /// How often the request was handed over.
    pub(super) attempts: u16,
    /// Why there was no connection last.
    pub(super) error: Option<io::Error>,
}

/// What the connection does next.
enum Moved {
    Dialled(io::Result<TcpStream>),
    Wrote(io::Result<usize>),
    Read(io::Result<usize>),
    Timeout,
}

impl<'a> Talk<'a> {
    pub(super) fn new(address: &'a str, exchange: Exchange<'a>, count: Count<'a>) -> Self {
        Self {
            address,
            exchange,
            count,
            begun: tokio::time::Instant::now(),
            dialling: None,
            stream: None,
            unwritten: Vec::new(),
            first_sent: None,
            attempts: 0,
            error: None,
        }
    }

    /// The time of the exchange, which began at zero.
    pub(super) fn now(&self) -> Instant {
        Instant::ZERO + self.begun.elapsed()
    }

    pub(super) async fn run(&mut self) -> LabOutcome {
        let mut buffer = vec![0; MAX_FRAME];
        loop {
            self.events();
            if let Some(outcome) = self.exchange.outcome() {
                return outcome;
            }
            self.hand_over();
            match self.moved(&mut buffer).await {
                Moved::Timeout => self.exchange.handle_timeout(self.now()),
                Moved::Dialled(Ok(stream)) => {
                    self.dialling = None;
                    // Without it the request is only later.
                    let _ = stream.set_nodelay(true);
                    self.stream = Some(stream);
                    self.count.connected();
                    self.exchange.handle_connected(self.now());
                }
                Moved::Wrote(Ok(len @ 1..)) => {
                    self.unwritten.drain(..len);
                }
                Moved::Read(Ok(len @ 1..)) => self.answered(buffer.get(..len).unwrap_or_default()),
                Moved::Wrote(Ok(_)) | Moved::Read(Ok(_)) => self.gone(None),
                Moved::Dialled(Err(error)) | Moved::Wrote(Err(error)) | Moved::Read(Err(error)) => {
                    self.gone(Some(error));
                }
            }
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.exchange.poll_event() {
            match event {
                LabEvent::Dial { .. } => {
                    self.count.dialling();
                    let address = self.address.to_owned();
                    self.dialling = Some(Box::pin(async { TcpStream::connect(address).await }));
                }
                LabEvent::AttemptFailed { attempt, why } => {
                    (self.dialling, self.stream) = (None, None);
                    self.unwritten.clear();
                    self.count.failed(why, self.error.is_some());
                    let elapsed_ms = log::milliseconds(self.now().since(Instant::ZERO));
                    let error = self.error.as_ref().map(tracing::field::display);
                    tracing::info!(
                        event = "attempt",
                        elapsed_ms,
                        outcome = name(why),
                        attempt,
                        error
                    );
                }
                _ => {}
            }
        }
    }

    /// Takes the request off the exchange, if it is time.
    fn hand_over(&mut self) {
        let mut out = [0; MAX_FRAME];
        let now = self.now();
        // There is room for every request that could be made.
        let Ok(Some(len)) = self.exchange.poll_transmit(now, &mut out) else { return };
        self.unwritten = out.get(..len).unwrap_or_default().to_vec();
        self.attempts += 1;
        self.error = None;
        self.count.handed_over(self.attempts);
        let first = *self.first_sent.get_or_insert(now);
        log_packet("send", &self.unwritten, now.since(first), self.attempts);
    }

    async fn moved(&mut self, buffer: &mut [u8]) -> Moved {
        let Self { exchange, begun, dialling, stream, unwritten, .. } = self;
        let until = exchange.poll_timeout().unwrap_or_default();
        let sleep = tokio::time::sleep_until(*begun + until.since(Instant::ZERO));
        let moves = async {
            match (stream, dialling) {
                (Some(stream), _) if unwritten.is_empty() => Moved::Read(stream.read(buffer).await),
                (Some(stream), _) => Moved::Wrote(stream.write(unwritten).await),
                (None, Some(dialling)) => Moved::Dialled(dialling.await),
                (None, None) => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            moved = moves => moved,
            () = sleep => Moved::Timeout,
        }
    }

    fn answered(&mut self, bytes: &[u8]) {
        let now = self.now();
        let since = now.since(self.first_sent.unwrap_or(now));
        log_packet("recv", bytes, since, self.attempts);
        self.count.answered(bytes);
        self.exchange.handle_input(now, bytes);
    }

    fn gone(&mut self, error: Option<io::Error>) {
        (self.stream, self.dialling, self.error) = (None, None, error);
        self.exchange.handle_disconnected(self.now());
    }
}

fn log_packet(direction: &str, bytes: &[u8], since: Duration, attempt: u16) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let mut shown = bytes.to_vec();
    // Whoever answers may speak the other protocol.
    mask_secrets(&mut shown);
    tracing::debug!(
        event = "tcp_packet",
        direction,
        raw_packet_hex = %Hex(&shown),
        elapsed_ms = log::milliseconds(since),
        outcome = "success",
        attempt,
    );
}
