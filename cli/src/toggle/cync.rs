//! Commands over the protocol of Cync devices.

use super::tally::{Ended, Simulated, Tally, milliseconds};
use super::{Args, Told, Until, failure, listen};
use crate::exit::Exit;
use crate::metrics::Server;
use crate::{auth, complain, entropy, log};
use cync_core::wire::{Command, Destination};
use cync_core::{Config, Receipt, Request, Stage};
use cync_sim::net::{DeviceOptions, SimulatedDevice};
use cync_tokio::{Client, SendError};
use std::time::Duration;
use tracing::Instrument;

/// What is settled before anything is connected.
pub(super) struct Setup {
    /// How sessions behave; of a device that dials in, but for its endpoint.
    pub(super) config: Config,
    /// The authentication code, if one is given.
    pub(super) code: Option<Vec<u8>>,
}

pub(super) fn setup(args: &Args) -> Result<Setup, Exit> {
    let code = auth::code(args.auth_file.as_deref()).map_err(complain)?;
    let mut config = if args.listen.is_some() {
        // A command waits for a device that has gone to dial in again.
        let mut config = Config::listener(args.endpoint());
        config.ride_through = true;
        config
    } else {
        let auth = auth::to_greet_with(code.as_deref()).map_err(complain)?;
        Config::greeter(args.endpoint(), auth)
    };
    config.retry.max_attempts = args.max_attempts;
    config.deadline = args.deadline;
    config.redial.first_attempts = 1;
    config.ack_timer.initial = config.ack_timer.initial.min(args.deadline);
    if args.deadline < config.ack_timer.floor {
        let floor = humantime::format_duration(config.ack_timer.floor);
        complain(format_args!("--deadline is too short: one answer may take {floor}"));
        return Err(Exit::Usage);
    }
    Ok(Setup { config, code })
}

pub(super) async fn toggle(
    args: &Args,
    setup: Setup,
    interrupt: impl Future<Output = ()>,
    server: Option<Server>,
) -> Exit {
    let mut tally = Tally::new(args.count, args.json);
    let mut device = None;
    let run = async {
        match args.listen {
            Some(on) => listen::toggle(args, on, setup, server.as_ref(), &mut tally).await,
            None => dial(args, setup.config, server.as_ref(), &mut tally, &mut device).await,
        }
    };
    let exit = tokio::select! {
        exit = run => exit,
        () = interrupt => Exit::Interrupted,
    };
    if matches!(exit, Exit::NotConnected | Exit::Failed) && tally.is_empty() {
        return exit;
    }
    let device = device.map(|device| Simulated {
        applied: device.applied_count(),
        links: Some(device.link_counts()),
    });
    tally.finish(exit, device)
}

/// Dials a device, be it a simulated one.
async fn dial(
    args: &Args,
    config: Config,
    server: Option<&Server>,
    tally: &mut Tally,
    device: &mut Option<SimulatedDevice>,
) -> Exit {
    let chance = entropy::seed();
    let seed = args.seed.unwrap_or(chance);
    if args.simulate {
        match simulated(args, seed).await {
            Ok(simulated) => *device = Some(simulated),
            Err(exit) => return exit,
        }
        tally.seed = Some(seed);
    }
    let (host, port) = args.peer(device.as_ref().map(SimulatedDevice::local_addr));
    // A device that was running before remembers message numbers of earlier runs: they must not start alike.
    let start = if args.simulate { seed } else { chance };
    let endpoint = args.endpoint().to_string();
    let device_id = args.device_id.as_deref().unwrap_or(&endpoint);
    let span = tracing::error_span!("connection", device_id, endpoint);
    let run = async {
        let mut builder = Client::builder(config).seed(start).reconnect(false);
        if let Some(server) = server {
            builder = builder.metrics(server.metrics(), device_id);
        }
        let client = match builder.connect(format!("{host}:{port}")).await {
            Ok(client) => client,
            Err(error) => {
                tracing::warn!(event = "not_connected", %error);
                return failure::not_connected(&host, port, &error);
            }
        };
        tracing::info!(event = "connected", address = format!("{host}:{port}"));
        let exit = commands(args, &client, tally, Dialler::Here).await;
        client.close().await;
        exit
    };
    run.instrument(span).await
}

async fn simulated(args: &Args, seed: u64) -> Result<SimulatedDevice, Exit> {
    let link = args.impairment.link(seed);
    let options = DeviceOptions { address: args.device, link, ..DeviceOptions::default() };
    let listen = options.listen;
    SimulatedDevice::start(options)
        .await
        .map_err(|error| complain(format_args!("cannot listen on {listen}: {error}")))
}

/// Who makes the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialler {
    /// This side, once: what loses its connection is over.
    Here,
    /// The device, which may dial in again.
    Device,
}

/// Sends the commands one after the other, and takes what the device says meanwhile.
pub(super) async fn commands(
    args: &Args,
    client: &Client,
    tally: &mut Tally,
    dialler: Dialler,
) -> Exit {
    let Some(to) = Destination::device(args.device) else { return Exit::Usage };
    tally.watch(client);
    let until = match args.until {
        Until::Acked => Stage::Acked,
        Until::Executed => Stage::Executed,
    };
    let listen = async {
        while let Some(message) = client.recv().await {
            tracing::debug!(event = "message", kind = %message.kind, meaning = ?message.meaning());
        }
        std::future::pending::<()>().await;
    };
    let send = async {
        let mut worst = Exit::Done;
        let mut bar = args.bar();
        for index in 0..args.count {
            if dialler == Dialler::Device && !listen::is_ready(client, args.wait).await {
                bar.clear();
                complain(failure::stays_away(index, args.wait));
                return Exit::NotConnected;
            }
            let on = args.state.is_on(index);
            let request = Request::from(Command::Power { to, on }).until(until);
            let (msg_id, span) = super::message();
            tally.begin();
            bar.show(index.into());
            let result = client.send(request).instrument(span.clone()).await;
            let ended = ended(&result);
            tally.count(ended);
            span.in_scope(|| log_command(index, on, &result));
            let (error, text) = (result.as_ref().err().map(ToString::to_string), outcome(&result));
            args.report(&mut bar, &Told { index, on, msg_id: &msg_id, ended, error, text });
            if let Err(error) = &result {
                let exit = failure::exit(error, until);
                worst = failure::worse(worst, exit);
                if exit == Exit::NotConnected {
                    bar.clear();
                    let lost = tally.settle().map(|stats| stats.disconnections);
                    complain(failure::gave_up(index + 1, error, lost.unwrap_or_default()));
                    break;
                }
            }
        }
        worst
    };
    let exit = tokio::select! {
        worst = send => worst,
        () = listen => Exit::Failed,
    };
    tally.settle();
    exit
}

fn ended(result: &Result<Receipt, SendError>) -> Ended {
    let receipt = result.as_ref().map_or_else(SendError::receipt, Some);
    Ended {
        took: result.as_ref().ok().map(took),
        attempts: receipt.map_or(0, |receipt| receipt.attempts),
        stage: receipt.and_then(|receipt| receipt.stage),
    }
}

fn took(receipt: &Receipt) -> Duration {
    receipt.done_at.since(receipt.queued_at)
}

fn log_command(index: u32, on: bool, result: &Result<Receipt, SendError>) {
    let receipt = result.as_ref().map_or_else(SendError::receipt, Some);
    let elapsed_ms = receipt.map(|receipt| log::milliseconds(took(receipt)));
    let attempts = receipt.map(|receipt| receipt.attempts);
    match result {
        Ok(receipt) => {
            let outcome = stage(receipt);
            tracing::info!(event = "command", index, on, elapsed_ms, outcome, attempts);
        }
        Err(error) => {
            let outcome = match error {
                SendError::Nacked { .. } => "nack",
                SendError::NotSent { .. } => "not_sent",
                SendError::Unknown { .. } => "unknown",
                _ => "refused",
            };
            tracing::warn!(event = "command", index, on, elapsed_ms, outcome, attempts, %error);
        }
    }
}

fn stage(receipt: &Receipt) -> &'static str {
    if receipt.stage == Some(Stage::Executed) { "executed" } else { "acked" }
}

fn outcome(result: &Result<Receipt, SendError>) -> String {
    match result {
        Ok(receipt) => {
            let stage = stage(receipt);
            let times = if receipt.attempts == 1 { "time" } else { "times" };
            let took = milliseconds(took(receipt));
            format!("{stage:<8} in {took:>9}, transmitted {} {times}", receipt.attempts)
        }
        Err(error) if error.receipt().is_some_and(|it| it.stage == Some(Stage::Acked)) => {
            format!("FAILED: {error}; it was acknowledged")
        }
        Err(error) => format!("FAILED: {error}"),
    }
}
