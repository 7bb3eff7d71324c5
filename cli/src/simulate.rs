//! `cync simulate`: a device on a real socket, until interrupted.

use crate::arg;
use crate::complain;
use crate::entropy;
use crate::exit::Exit;
use crate::impairment::{Impairment, Shown};
use crate::interrupt;
use crate::log::LogLevel;
use crate::metrics;
use cync_sim::net::{DeviceOptions, SimulatedDevice};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// Run a simulated device until interrupted
///
/// It answers greetings, commands (receipt, result, status), probes and heartbeats, and remembers the commands of everyone
/// who dials, so that a repeated one is executed once. The first line it prints says where it listens; Ctrl-C ends it with a
/// summary. Of two clients with the same endpoint it keeps the newer.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The address to listen on; 0.0.0.0 lets other machines dial in
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port to listen on; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 9000, value_parser = arg::listen_port)]
    port: u16,
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
    #[command(flatten)]
    metrics: metrics::Options,
}

const EXAMPLES: &str = "\
Examples:
  cync simulate --port 0
  cync simulate --loss 20% --duplicate 10% --latency 30ms --seed 7
  cync simulate --drop-pattern 1/5
  cync simulate --latency 500ms --latency-variance 50ms --reorder 30% --reorder-delay 100ms --corrupt 5%

Then, in another terminal, with the port it printed:
  cync toggle --device-host 127.0.0.1 --device-port 9000 --count 10 --until executed
";

pub(crate) fn run(args: &Args) -> Exit {
    args.log_level.start();
    match crate::runtime(serve(args)) {
        Ok(exit) => exit,
        Err(error) => complain(format_args!("cannot start: {error}")),
    }
}

async fn serve(args: &Args) -> Exit {
    let listen = SocketAddr::new(args.host, args.port);
    let seed = args.seed.unwrap_or_else(entropy::seed);
    let link = args.impairment.link(seed);
    let options = DeviceOptions { listen, address: args.device, link, ..DeviceOptions::default() };
    let device = match SimulatedDevice::start(options).await {
        Ok(device) => device,
        Err(error) => return complain(cannot_listen(listen, &error)),
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
    let addr = device.local_addr();
    let say = |text: std::fmt::Arguments<'_>| {
        let mut out = io::stdout();
        // A closed standard output does not concern the device.
        let _ = out.write_fmt(text).and_then(|()| out.flush());
    };
    say(format_args!("device {} listens on {addr} (seed {seed})\n", args.device));
    server.iter().for_each(metrics::announce);
    interrupt.await;
    let state = if device.state().on { "on" } else { "off" };
    say(format_args!("\n{:<20} {}\n", "state", state));
    say(format_args!("{:<20} {}\n", "applied by device", device.applied_count()));
    say(format_args!("{}", Shown(device.link_counts())));
    Exit::Interrupted
}

/// Says what to do about an address that cannot be listened on.
pub(crate) fn cannot_listen(listen: SocketAddr, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there; choose another --port, or --port 0 for any free one"
        }
        io::ErrorKind::PermissionDenied => "choose a --port above 1023",
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address; check --host",
        _ => "choose another --host or --port",
    };
    format!("cannot listen on {listen}: {error}; {remedy}")
}
