//! `cync toggle`: switches a device, and says what became of every command.

mod failure;
mod json;
mod tally;

use crate::exit::Exit;
use crate::impairment::Impairment;
use crate::log::LogLevel;
use crate::metrics;
use crate::progress::{Bar, Until as Over};
use crate::{arg, auth, complain, entropy, interrupt};
use clap::{ArgGroup, ValueEnum};
use cync_core::wire::{Command, Destination, Endpoint};
use cync_core::{AuthCode, Config, Receipt, Request, Stage};
use cync_sim::net::{DeviceOptions, SimulatedDevice};
use cync_tokio::{Client, SendError};
use std::io::{self, Write};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;
use tally::Tally;

/// Switch a device on and off, reliably
///
/// Every command is transmitted until it is acknowledged, or executed, or its deadline has passed; what became of it is
/// printed. With --simulate the device is a simulated one on a free port, behind a link that loses and duplicates packets.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("peer").required(true).args(["simulate", "device_host"])))]
#[command(mut_args(Impairment::only_with_simulate))]
pub(crate) struct Args {
    /// Start a simulated device for this run, instead of dialling one
    #[arg(long, conflicts_with = "device_port")]
    simulate: bool,
    /// The host name or address of the device to dial
    #[arg(long, value_name = "HOST")]
    device_host: Option<String>,
    /// The port the device listens on
    #[arg(long, value_name = "PORT", default_value_t = 9000, value_parser = arg::port)]
    device_port: u16,
    /// What logs and metrics call the device; its endpoint if not given
    #[arg(long, value_name = "LABEL")]
    device_id: Option<String>,
    /// The endpoint to greet with and to put into commands: 0x..., eight hex digits, or decimal
    #[arg(long, value_name = "U32", default_value = "0x00000001", value_parser = arg::endpoint)]
    endpoint: Endpoint,
    /// The mesh address of the lamp to switch
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=254))]
    device: u8,
    /// What to switch it to
    #[arg(long, value_enum, default_value_t = Target::Alternate)]
    state: Target,
    /// How many commands to send, one after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// When a command is done
    #[arg(long, value_enum, default_value_t = Until::Acked)]
    until: Until,
    /// Transmissions of one command at most, the first included; as many as fit the deadline if not given
    #[arg(long, value_name = "N", value_parser = arg::attempts)]
    max_attempts: Option<NonZeroU16>,
    /// How long one command may take, from 250ms
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = arg::duration)]
    deadline: Duration,
    /// A file with the authentication code; wins over CYNC_AUTH_CODE
    #[arg(long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Print the summary only
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON object a command, and one with the summary
    #[arg(long)]
    json: bool,
    /// How much to log, on standard error
    #[arg(long, value_name = "LEVEL", default_value = "warn", ignore_case = true)]
    log_level: LogLevel,
    #[command(flatten)]
    metrics: metrics::Options,
    #[command(flatten, next_help_heading = "With --simulate")]
    impairment: Impairment,
    /// Repeats the same losses and other faults; random if not given. A device that is dialled has a seed of its own
    #[arg(long, value_name = "N", help_heading = "With --simulate")]
    seed: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  cync toggle --simulate --state alternate --count 100 --until executed --loss 20% --duplicate 10%
  cync toggle --device-host 192.168.1.50 --device-id kitchen --state on --until executed
  cync toggle --simulate --count 100 --quiet --json

Against `cync simulate`, started in another terminal:
  cync toggle --device-host 127.0.0.1 --count 10 --until executed

Exit codes: 0 all done, 3 not connected, 4 no answer in time, 5 refused, 6 acknowledged but not executed,
130 interrupted; `cync --help` has them all.
";

/// What to switch to.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Target {
    On,
    Off,
    /// On, off, on, ...
    Alternate,
}

impl Target {
    const fn is_on(self, index: u32) -> bool {
        match self {
            Self::On => true,
            Self::Off => false,
            Self::Alternate => index.is_multiple_of(2),
        }
    }
}

/// When a command is done.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Until {
    /// When the device says that it received it
    Acked,
    /// When the device says that it executed it
    Executed,
}

pub(crate) fn run(args: &Args) -> Exit {
    let config = match config(args) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    args.log_level.start();
    match crate::runtime(toggle(args, config)) {
        Ok(exit) => exit,
        Err(error) => complain(format_args!("cannot start: {error}")),
    }
}

fn config(args: &Args) -> Result<Config, Exit> {
    let code = auth::code(args.auth_file.as_deref())
        .map_err(complain)?
        .unwrap_or_else(|| auth::PLACEHOLDER.to_vec());
    let auth = AuthCode::new(&code).map_err(complain)?;
    let mut config = Config::greeter(args.endpoint, auth);
    config.retry.max_attempts = args.max_attempts;
    config.deadline = args.deadline;
    config.redial.first_attempts = 1;
    config.ack_timer.initial = config.ack_timer.initial.min(args.deadline);
    if args.deadline < config.ack_timer.floor {
        let floor = humantime::format_duration(config.ack_timer.floor);
        complain(format_args!("--deadline is too short: one answer may take {floor}"));
        return Err(Exit::Usage);
    }
    Ok(config)
}

async fn toggle(args: &Args, config: Config) -> Exit {
    let interrupt = match interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => return complain(format_args!("cannot wait for an interrupt: {error}")),
    };
    tokio::pin!(interrupt);
    let server = match args.metrics.start().await {
        Ok(server) => server,
        Err(exit) => return exit,
    };
    server.iter().for_each(metrics::announce);
    let chance = entropy::seed();
    let seed = args.seed.unwrap_or(chance);
    let device = if args.simulate {
        match simulated(args, seed).await {
            Ok(device) => Some(device),
            Err(exit) => return exit,
        }
    } else {
        None
    };
    let (host, port) = match (&device, &args.device_host) {
        (Some(device), _) => (device.local_addr().ip().to_string(), device.local_addr().port()),
        (None, host) => (host.clone().unwrap_or_default(), args.device_port),
    };
    // A device that was running before remembers message numbers of earlier runs: they must not start alike.
    let start = if device.is_some() { seed } else { chance };
    let mut tally = Tally::new(args.count);
    tally.json = args.json;
    let run = async {
        let mut builder = Client::builder(config).seed(start).reconnect(false);
        if let Some(server) = &server {
            builder = builder.metrics(server.metrics(), &device_id(args));
        }
        let client = match builder.connect(format!("{host}:{port}")).await {
            Ok(client) => client,
            Err(error) => return failure::not_connected(&host, port, &error),
        };
        let exit = commands(args, &client, &mut tally).await;
        client.close().await;
        exit
    };
    let exit = tokio::select! {
        exit = run => exit,
        () = &mut interrupt => Exit::Interrupted,
    };
    let exit = if exit == Exit::NotConnected && tally.is_empty() {
        exit
    } else {
        tally.seed = args.simulate.then_some(seed);
        tally.finish(exit, device.as_ref())
    };
    if exit != Exit::Interrupted {
        tokio::select! {
            () = args.metrics.linger() => {}
            () = interrupt => {}
        }
    }
    exit
}

/// What logs and metrics call the device.
fn device_id(args: &Args) -> String {
    args.device_id.clone().unwrap_or_else(|| args.endpoint.to_string())
}

async fn simulated(args: &Args, seed: u64) -> Result<SimulatedDevice, Exit> {
    let link = args.impairment.link(seed);
    let options = DeviceOptions { address: args.device, link, ..DeviceOptions::default() };
    let listen = options.listen;
    SimulatedDevice::start(options)
        .await
        .map_err(|error| complain(format_args!("cannot listen on {listen}: {error}")))
}

/// Sends the commands one after the other, and takes what the device says meanwhile.
async fn commands(args: &Args, client: &Client, tally: &mut Tally) -> Exit {
    let Some(to) = Destination::device(args.device) else { return Exit::Usage };
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
        let wanted = args.count > 1 && !args.quiet && !args.json;
        let mut bar = Bar::new("commands", Over::Count(args.count.into()), wanted);
        for index in 0..args.count {
            let on = args.state.is_on(index);
            let request = Request::from(Command::Power { to, on }).until(until);
            tally.begin();
            bar.show(index.into());
            let result = client.send(request).await;
            tally.count(&result);
            log(args, index, on, &result);
            if args.json && !args.quiet {
                json::report(index, on, &result);
            } else if !args.quiet {
                bar.clear();
                report(args, index, on, &result);
            }
            if let Err(error) = &result {
                let exit = failure::exit(error, until);
                worst = failure::worse(worst, exit);
                if exit == Exit::NotConnected {
                    bar.clear();
                    complain(failure::gave_up(index + 1, error));
                    break;
                }
            }
        }
        worst
    };
    tokio::select! {
        worst = send => worst,
        () = listen => Exit::Failed,
    }
}

fn log(args: &Args, index: u32, on: bool, result: &Result<Receipt, SendError>) {
    let device_id = device_id(args);
    match result {
        Ok(receipt) => {
            tracing::info!(event = "command", device_id, index, on, attempts = receipt.attempts);
        }
        Err(error) => tracing::warn!(event = "command", device_id, index, on, %error),
    }
}

fn report(args: &Args, index: u32, on: bool, result: &Result<Receipt, SendError>) {
    let state = if on { "on" } else { "off" };
    let outcome = match result {
        Ok(receipt) => {
            let stage = if receipt.stage == Some(Stage::Executed) { "executed" } else { "acked" };
            let times = if receipt.attempts == 1 { "time" } else { "times" };
            let took = tally::milliseconds(receipt.done_at.since(receipt.queued_at));
            format!("{stage:<8} in {took:>9}, transmitted {} {times}", receipt.attempts)
        }
        Err(error) => format!("FAILED: {error}"),
    };
    let width = args.count.to_string().len();
    // A closed standard output does not stop the commands.
    let _ = writeln!(io::stdout(), "{:>width$} {state:<3} {outcome}", index + 1);
}
