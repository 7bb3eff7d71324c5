//! `cync simulate`: a device on a real socket, until interrupted.

use crate::arg;
use crate::auth;
use crate::complain;
use crate::entropy;
use crate::exit::Exit;
use crate::impairment::{Impairment, Shown};
use crate::interrupt;
use crate::listen::Flags;
use crate::log::{LogFormat, LogLevel};
use crate::metrics;
use crate::target::Target;
use crate::wire::Wire;
use clap::ValueEnum;
use cync_core::wire::Endpoint;
use cync_sim::net::{DeviceOptions, LabDevice, LabMode, LabOptions, SimulatedDevice};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tracing::Instrument;

/// Run a simulated device until interrupted
///
/// It answers greetings, commands (receipt, result, status), probes and heartbeats, and remembers the commands of everyone
/// who dials, so that a repeated one is executed once. The first line it prints says where it listens; Ctrl-C ends it with a
/// summary. Of two clients with the same endpoint it keeps the newer.
///
/// With --dial it dials, as real devices do: it greets a hub with its endpoint and its authentication code, and dials again, with
/// waits that grow up to half a minute, whenever it has no connection.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What it speaks
    #[arg(long, value_enum, value_name = "WIRE", default_value_t = Wire::Cync)]
    wire: Wire,
    /// The address to listen on; 0.0.0.0 lets other machines dial in
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port to listen on; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 9000, value_parser = arg::port)]
    port: u16,
    /// Dial this hub instead of listening, as real devices do, and again whenever the connection goes: a name or an IP address, and
    /// a port
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["host", "port"])]
    dial: Option<Target>,
    /// The endpoint to greet the hub with: 0x..., eight hex digits, or decimal
    #[arg(long, value_name = "U32", default_value = "0x00000001", value_parser = arg::endpoint, requires = "dial", conflicts_with_all = ["host", "port"])]
    endpoint: Endpoint,
    /// A file with the authentication code to greet the hub with; wins over CYNC_AUTH_CODE
    #[arg(long, value_name = "FILE", requires = "dial", conflicts_with_all = ["host", "port"])]
    auth_file: Option<PathBuf>,
    /// The mesh address to answer to; commands for another one are acknowledged and fail
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=254))]
    device: u8,
    #[command(flatten)]
    impairment: Impairment,
    /// Repeats the same losses and other faults; random if not given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How much to log, on standard error
    #[arg(long, value_name = "LEVEL", default_value = "info", ignore_case = true)]
    log_level: LogLevel,
    /// How it is logged
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Pretty)]
    log_format: LogFormat,
    #[command(flatten)]
    metrics: metrics::Options,
    /// What becomes of requests
    #[arg(long, value_enum, value_name = "MODE", default_value_t = Mode::Success, help_heading = "With --wire lab")]
    mode: Mode,
    /// How long --mode delay waits; 1s if not given
    #[arg(long, value_name = "TIME", value_parser = arg::duration, help_heading = "With --wire lab")]
    delay: Option<Duration>,
}

/// What becomes of a laboratory request.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Mode {
    /// It is executed and answered
    Success,
    /// It is executed, and answered --delay later
    Delay,
    /// It is executed and never answered
    Timeout,
    /// It is executed, and the connection closed instead of an answer
    Disconnect,
    /// Connections are closed before anything is read
    Reject,
}

const EXAMPLES: &str = "\
Examples:
  cync simulate --port 0
  cync simulate --loss 20% --duplicate 10% --latency 30ms --seed 7
  cync simulate --drop-pattern 1/5
  cync simulate --dial 127.0.0.1:9000 --endpoint 0x45880f3a --loss 20%
  cync simulate --wire lab --mode delay --delay 2s
  cync simulate --latency 500ms --latency-variance 50ms --reorder 30% --reorder-delay 100ms --corrupt 5%

Then, in another terminal, with the port it printed:
  cync toggle --device-host 127.0.0.1 --device-port 9000 --count 10 --until executed
";

pub(crate) fn run(args: &Args) -> Exit {
    let log = match args.log_level.start(args.log_format) {
        Ok(log) => log,
        Err(error) => return complain(format_args!("cannot start: {error}")),
    };
    let ran = match args.wire {
        Wire::Cync => {
            let span = tracing::error_span!("device", device_id = %args.device);
            crate::runtime(serve(args).instrument(span))
        }
        Wire::Lab => crate::runtime(serve_lab(args)),
    };
    drop(log);
    ran.unwrap_or_else(|error| complain(format_args!("cannot start: {error}")))
}

/// Prints something. A closed standard output does not concern the device.
fn say(text: std::fmt::Arguments<'_>) {
    let mut out = io::stdout();
    let _ = out.write_fmt(text).and_then(|()| out.flush());
}

async fn serve_lab(args: &Args) -> Exit {
    let mode = match (args.mode, args.delay) {
        (Mode::Delay, delay) => LabMode::Delay(delay.unwrap_or(Duration::from_secs(1))),
        (_, Some(_)) => {
            complain("--delay is of no use without --mode delay");
            return Exit::Usage;
        }
        (Mode::Success, None) => LabMode::Success,
        (Mode::Timeout, None) => LabMode::Timeout,
        (Mode::Disconnect, None) => LabMode::Disconnect,
        (Mode::Reject, None) => LabMode::Reject,
    };
    let listen = SocketAddr::new(args.host, args.port);
    let device = match LabDevice::start(LabOptions { listen, mode }).await {
        Ok(device) => device,
        Err(error) => return complain(LISTEN.cannot_listen(listen, &error)),
    };
    // Whoever reads the first line may interrupt at once.
    let interrupt = match interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => return complain(format_args!("cannot wait for an interrupt: {error}")),
    };
    say(format_args!("laboratory device listens on {}\n", device.local_addr()));
    interrupt.await;
    let state = if device.is_on() { "on" } else { "off" };
    say(format_args!("\n{:<20} {state}\n", "state"));
    say(format_args!("{:<20} {}\n", "applied by device", device.applied_count()));
    say(format_args!("{:<20} {}\n", "connections", device.connections()));
    Exit::Interrupted
}

const LISTEN: Flags = Flags { port: "--port", address: "--host" };

/// The device, and what the first line says of it.
async fn start(args: &Args, seed: u64) -> Result<(SimulatedDevice, String), Exit> {
    let link = args.impairment.link(seed);
    let options = DeviceOptions { address: args.device, link, ..DeviceOptions::default() };
    let Some(hub) = &args.dial else {
        let listen = SocketAddr::new(args.host, args.port);
        let device = SimulatedDevice::start(DeviceOptions { listen, ..options }).await;
        let device = device.map_err(|error| complain(LISTEN.cannot_listen(listen, &error)))?;
        let does = format!("listens on {}", device.local_addr());
        return Ok((device, does));
    };
    let code = auth::code(args.auth_file.as_deref()).map_err(complain)?;
    let auth = auth::to_greet_with(code.as_deref()).map_err(complain)?;
    let endpoint = args.endpoint;
    let options = DeviceOptions { endpoint, auth, ..options };
    let device = SimulatedDevice::dial(hub.to_string(), options).map_err(complain)?;
    Ok((device, format!("dials {hub} as {endpoint}")))
}

async fn serve(args: &Args) -> Exit {
    let seed = args.seed.unwrap_or_else(entropy::seed);
    let (device, does) = match start(args, seed).await {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let server = match args.metrics.start().await {
        Ok(server) => server,
        Err(exit) => return exit,
    };
    if let Some(server) = &server {
        device.record(server.metrics());
    }
    // Whoever reads the first line may interrupt at once.
    let interrupt = match interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => return complain(format_args!("cannot wait for an interrupt: {error}")),
    };
    say(format_args!("device {} {does} (seed {seed})\n", args.device));
    server.iter().for_each(|server| metrics::announce(server, false));
    interrupt.await;
    let state = if device.state().on { "on" } else { "off" };
    say(format_args!("\n{:<20} {}\n", "state", state));
    say(format_args!("{:<20} {}\n", "applied by device", device.applied_count()));
    say(format_args!("{}", Shown(device.link_counts())));
    Exit::Interrupted
}
