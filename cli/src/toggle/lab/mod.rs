//! Commands over the laboratory's frame: one connection an attempt, and any answer is success.

mod count;
mod talk;

use super::tally::{Ended, Simulated, Tally, milliseconds};
use super::{Args, Told, failure};
use crate::exit::Exit;
use crate::metrics::Server;
use crate::printable::one_line;
use crate::{complain, entropy, log};
use count::Counter;
use cync_core::lab::{Exchange, ExchangeConfig, LabFailure, LabOutcome, Toggle};
use cync_core::{Instant, Stage};
use cync_sim::net::{LabDevice, LabOptions};
use std::time::Duration;
use talk::Talk;
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
    server: Option<Server>,
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
    let counter = Counter::new(server.map(|server| server.metrics().counted(device_id)));
    let span = tracing::error_span!("device", device_id);
    let run = commands(args, config, &address, device_id, counter, &mut tally).instrument(span);
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
    mut counter: Counter,
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
        let mut talk = Talk::new(address, exchange, counter.begin());
        let outcome = talk.run().instrument(span.clone()).await;
        let (took, attempts) = (talk.now().since(Instant::ZERO), talk.attempts);
        talk.count.over(outcome, took);
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
