//! Commands over the laboratory's frame: one connection an attempt, and any answer is success.

use super::tally::{Ended, Simulated, Tally, milliseconds};
use super::{Args, Told, failure};
use crate::exit::Exit;
use crate::printable::one_line;
use crate::{complain, entropy, log};
use cync_core::lab::{
    Exchange, ExchangeConfig, LabEvent, LabFailure, LabOutcome, MAX_FRAME, Toggle,
};
use cync_core::wire::{Hex, mask_secrets};
use cync_core::{Instant, Stage};
use cync_sim::net::{LabDevice, LabOptions};
use std::io;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing::Instrument;

pub(super) fn config(args: &Args) -> Result<ExchangeConfig, Exit> {
    let default = ExchangeConfig::default();
    let timeout = |flag, given: Option<Duration>, default| match given {
        Some(time) if time.as_micros() == 0 => {
            complain(format_args!("{flag} is too short: write a time above zero, such as 1s"));
            Err(Exit::Usage)
        }
        given => Ok(given.unwrap_or(default)),
    };
    Ok(ExchangeConfig {
        attempts: args.max_attempts.unwrap_or(default.attempts),
        connect_timeout: timeout(
            "--connect-timeout",
            args.connect_timeout,
            default.connect_timeout,
        )?,
        io_timeout: timeout("--io-timeout", args.io_timeout, default.io_timeout)?,
    })
}

pub(super) async fn toggle(
    args: &Args,
    config: ExchangeConfig,
    interrupt: impl Future<Output = ()>,
) -> Exit {
    let device = if args.simulate {
        let options = LabOptions::default();
        match LabDevice::start(options).await {
            Ok(device) => Some(device),
            Err(error) => {
                return complain(format_args!("cannot listen on {}: {error}", options.listen));
            }
        }
    } else {
        None
    };
    let (host, port) = args.peer(device.as_ref().map(LabDevice::local_addr));
    let address = format!("{host}:{port}");
    let device_id = args.device_id.as_deref().unwrap_or(&host);
    let mut tally = Tally::new(args.count, args.json);
    let span = tracing::error_span!("device", device_id);
    let run = commands(args, config, &address, device_id, &mut tally).instrument(span);
    let exit = tokio::select! {
        exit = run => exit,
        () = interrupt => Exit::Interrupted,
    };
    let device = device.map(|device| Simulated { applied: device.applied_count(), links: None });
    tally.finish(exit, device)
}

/// Sends the commands one after the other. Each has connections of its own: one that fails does not end the run.
async fn commands(
    args: &Args,
    config: ExchangeConfig,
    address: &str,
    device_id: &str,
    tally: &mut Tally,
) -> Exit {
    let mut worst = Exit::Done;
    let mut last_error = None;
    let mut bar = args.bar();
    for index in 0..args.count {
        let on = args.state.is_on(index);
        let (msg_id, span) = super::message();
        let request = match Toggle::new(device_id, &msg_id, on) {
            Ok(request) => request,
            Err(error) => {
                complain(format_args!("--device-id is too long: {error}"));
                return Exit::Usage;
            }
        };
        let exchange = match Exchange::new(Instant::ZERO, config, entropy::seed(), request) {
            Ok(exchange) => exchange,
            Err(error) => return complain(error),
        };
        tally.begin();
        bar.show(index.into());
        let mut talk = Talk::new(address, exchange);
        let outcome = talk.run().instrument(span.clone()).await;
        let (took, attempts) = (talk.now().since(Instant::ZERO), talk.attempts);
        let took = outcome.is_success().then_some(took);
        let ended = Ended { took, attempts, stage: outcome.is_success().then_some(Stage::Acked) };
        tally.count(ended);
        span.in_scope(|| log_command(index, on, attempts, talk.now(), outcome));
        let error = match outcome {
            LabOutcome::Failed { why, .. } => Some(why.to_string()),
            LabOutcome::Answered { .. } => None,
        };
        let text = shown(outcome, took, attempts);
        args.report(&mut bar, &Told { index, on, msg_id: &msg_id, ended, error, text });
        if let LabOutcome::Failed { why, .. } = outcome {
            worst = failure::worse(worst, exit(why));
            last_error = talk.error.take().map(|error| error.to_string()).or(Some(why.to_string()));
        }
    }
    if worst == Exit::NotConnected {
        let (address, why) = (one_line(address), last_error.unwrap_or_default());
        complain(format_args!(
            "no answer from {address}: {why}; check --device-host and --device-port, or start a device with \
             `cync simulate --wire lab`"
        ));
    }
    worst
}

const fn exit(why: LabFailure) -> Exit {
    match why {
        LabFailure::SendTimeout | LabFailure::AnswerTimeout => Exit::NoAnswer,
        _ => Exit::NotConnected,
    }
}

const fn name(why: LabFailure) -> &'static str {
    match why {
        LabFailure::ConnectTimeout => "connect_timeout",
        LabFailure::ConnectFailed => "connect_failed",
        LabFailure::SendTimeout => "send_timeout",
        LabFailure::AnswerTimeout => "answer_timeout",
        LabFailure::Disconnected => "disconnected",
        _ => "failed",
    }
}

fn log_command(index: u32, on: bool, attempts: u16, now: Instant, outcome: LabOutcome) {
    let elapsed_ms = log::milliseconds(now.since(Instant::ZERO));
    match outcome {
        LabOutcome::Answered { .. } => {
            tracing::info!(event = "command", index, on, elapsed_ms, outcome = "success", attempts);
        }
        LabOutcome::Failed { why, handed_over } => {
            let outcome = name(why);
            tracing::warn!(
                event = "command",
                index,
                on,
                elapsed_ms,
                outcome,
                attempts,
                handed_over
            );
        }
    }
}

fn shown(outcome: LabOutcome, took: Option<Duration>, attempts: u16) -> String {
    let times = if attempts == 1 { "time" } else { "times" };
    match outcome {
        LabOutcome::Answered { .. } => {
            let took = milliseconds(took.unwrap_or_default());
            format!("answered in {took:>9}, transmitted {attempts} {times}")
        }
        LabOutcome::Failed { why, handed_over: true } => {
            format!("FAILED: {why}; transmitted {attempts} {times}, it may be executed")
        }
        LabOutcome::Failed { why, handed_over: false } => {
            format!("FAILED: {why}; nothing was sent")
        }
    }
}

type Dialling = Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>;

/// One exchange, over real connections.
struct Talk<'a> {
    address: &'a str,
    exchange: Exchange<'a>,
    begun: tokio::time::Instant,
    dialling: Option<Dialling>,
    stream: Option<TcpStream>,
    /// What the connection has yet to take.
    unwritten: Vec<u8>,
    /// When the request was handed over first.
    first_sent: Option<Instant>,
    /// How often the request was handed over.
    attempts: u16,
    /// Why there was no connection last.
    error: Option<io::Error>,
}

/// What the connection does next.
enum Moved {
    Dialled(io::Result<TcpStream>),
    Wrote(io::Result<usize>),
    Read(io::Result<usize>),
    Timeout,
}

impl<'a> Talk<'a> {
    fn new(address: &'a str, exchange: Exchange<'a>) -> Self {
        Self {
            address,
            exchange,
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
    fn now(&self) -> Instant {
        Instant::ZERO + self.begun.elapsed()
    }

    async fn run(&mut self) -> LabOutcome {
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
                    let address = self.address.to_owned();
                    self.dialling = Some(Box::pin(async { TcpStream::connect(address).await }));
                }
                LabEvent::AttemptFailed { attempt, why } => {
                    (self.dialling, self.stream) = (None, None);
                    self.unwritten.clear();
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
