//! `cync toggle`: switches a device, and says what became of every command.

mod cync;
mod failure;
mod json;
mod lab;
mod listen;
mod tally;

use crate::exit::Exit;
use crate::impairment::Impairment;
use crate::log::{LogFormat, LogLevel};
use crate::metrics::{self, Server};
use crate::progress::{Bar, Until as Over};
use crate::wire::Wire;
use crate::{arg, complain, interrupt};
use clap::{ArgGroup, ValueEnum};
use cync_core::wire::Endpoint;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;
use tally::Ended;
use tracing::Span;
use uuid::Uuid;

/// Switch a device on and off, reliably
///
/// Every command is transmitted until it is acknowledged, or executed, or its deadline has passed; what became of it is
/// printed. With --simulate the device is a simulated one on a free port, behind a link that loses and duplicates packets.
///
/// Real devices dial: with --listen they are waited for, in the place of the vendor's cloud, and behind something that ends their
/// TLS. A line on standard error says where. A device that goes and dials in again is sent what is left; if it does not,
/// the exit code is 3. If an authentication code is given, one that greets with another is refused.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("peer").required(true).args(["simulate", "device_host", "listen"])))]
#[command(mut_args(Impairment::only_with_simulate))]
pub(crate) struct Args {
    /// What the device speaks
    #[arg(long, value_enum, value_name = "WIRE", default_value_t = Wire::Cync)]
    wire: Wire,
    /// Start a simulated device for this run, instead of dialling one
    #[arg(long, conflicts_with = "device_port")]
    simulate: bool,
    /// The host name or address of the device to dial
    #[arg(long, value_name = "HOST")]
    device_host: Option<String>,
    /// The port the device listens on
    #[arg(long, value_name = "PORT", default_value_t = 9000, value_parser = arg::port_to_dial)]
    device_port: u16,
    /// Where to listen for the device, which dials in as real ones do: an IP address and a port; port 0 takes any free one
    #[arg(long, value_name = "IP:PORT", value_parser = crate::listen::address, conflicts_with = "device_port")]
    listen: Option<SocketAddr>,
    /// How long to wait for it to dial in, at first and whenever it has gone; 0 waits as long as it takes
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = arg::duration, conflicts_with_all = ["simulate", "device_host"])]
    wait: Duration,
    /// What logs and metrics, and requests with --wire lab, call the device; its endpoint or, with --wire lab, its host if not given
    #[arg(long, value_name = "LABEL")]
    device_id: Option<String>,
    /// The endpoint to greet with and to put into commands, 0x00000001 if not given; with --listen the device that is waited for,
    /// the first that greets if not given: 0x..., eight hex digits, or decimal
    #[arg(long, value_name = "U32", value_parser = arg::endpoint)]
    endpoint: Option<Endpoint>,
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
    /// Transmissions of one command at most, the first included; if not given as many as fit the deadline, with --wire lab 2
    #[arg(long, value_name = "N", value_parser = arg::attempts)]
    max_attempts: Option<NonZeroU16>,
    /// How long one command may take, from 250ms
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = arg::duration)]
    deadline: Duration,
    /// A file with the authentication code to greet with, or to be greeted with; wins over CYNC_AUTH_CODE
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
    /// How it is logged
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Pretty)]
    log_format: LogFormat,
    /// How long a connection may take to be made; 1s if not given
    #[arg(long, value_name = "TIME", value_parser = arg::duration, help_heading = "With --wire lab")]
    connect_timeout: Option<Duration>,
    /// How long an answer may take from the connection on; 1.5s if not given
    #[arg(long, value_name = "TIME", value_parser = arg::duration, help_heading = "With --wire lab")]
    io_timeout: Option<Duration>,
    #[command(flatten)]
    metrics: metrics::Options,
    #[command(flatten)]
    linger: metrics::Linger,
    #[command(flatten, next_help_heading = "With --simulate")]
    impairment: Impairment,
    /// Repeats the same losses and other faults; random if not given
    #[arg(long, value_name = "N", help_heading = "With --simulate", conflicts_with_all = ["device_host", "listen"])]
    seed: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  cync toggle --simulate --state alternate --count 100 --until executed --loss 20% --duplicate 10%
  cync toggle --device-host 192.168.1.50 --device-id kitchen --state on --until executed
  cync toggle --listen 0.0.0.0:23778 --endpoint 0x45880f3a --state on --until executed
  cync toggle --simulate --count 100 --quiet --json
  cync toggle --simulate --wire lab --state on --log-level debug --log-format json

Against `cync simulate`, started in another terminal:
  cync toggle --device-host 127.0.0.1 --count 10 --until executed

For `cync simulate --dial 127.0.0.1:9000`, started in another terminal:
  cync toggle --listen 127.0.0.1:9000 --count 10 --until executed

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
    let ran = match args.wire {
        Wire::Cync => match cync::setup(args) {
            Ok(setup) => {
                args.logged(|interrupt, server| cync::toggle(args, setup, interrupt, server))
            }
            Err(exit) => return exit,
        },
        Wire::Lab => match lab::config(args) {
            Ok(config) => {
                args.logged(|interrupt, server| lab::toggle(args, config, interrupt, server))
            }
            Err(exit) => return exit,
        },
    };
    ran.unwrap_or_else(|error| complain(format_args!("cannot start: {error}")))
}

type Interrupt = std::pin::Pin<Box<dyn Future<Output = ()>>>;

impl Args {
    /// Runs a task with a log, metrics, and what ends it early.
    fn logged<F: Future<Output = Exit>>(
        &self,
        task: impl FnOnce(Interrupt, Option<Server>) -> F,
    ) -> io::Result<Exit> {
        let _log = self.log_level.start(self.log_format)?;
        crate::runtime(async {
            let (interrupt, until) = match (interrupt::listen(), interrupt::listen()) {
                (Ok(interrupt), Ok(until)) => (interrupt, until),
                (Err(error), _) | (_, Err(error)) => {
                    return complain(format_args!("cannot wait for an interrupt: {error}"));
                }
            };
            let server = match self.metrics.start().await {
                Ok(server) => server,
                Err(exit) => return exit,
            };
            server.iter().for_each(|server| metrics::announce(server, self.json));
            let exit = task(Box::pin(interrupt), server).await;
            if exit != Exit::Interrupted {
                tokio::select! {
                    () = self.linger.wait() => {}
                    () = until => {}
                }
            }
            exit
        })
    }

    /// The endpoint to greet with.
    fn endpoint(&self) -> Endpoint {
        self.endpoint.unwrap_or(Endpoint(1))
    }

    /// What logs and metrics call the device of this endpoint.
    fn device_id(&self, endpoint: Endpoint) -> String {
        self.device_id.clone().unwrap_or_else(|| endpoint.to_string())
    }

    /// The host and the port to dial.
    fn peer(&self, simulated: Option<SocketAddr>) -> (String, u16) {
        match simulated {
            Some(addr) => (addr.ip().to_string(), addr.port()),
            None => (self.device_host.clone().unwrap_or_default(), self.device_port),
        }
    }

    /// How far the commands are, on a terminal.
    fn bar(&self) -> Bar {
        let wanted = self.count > 1 && !self.quiet && !self.json;
        Bar::new("commands", Over::Count(self.count.into()), wanted)
    }

    /// Prints what became of a command.
    fn report(&self, bar: &mut Bar, told: &Told<'_>) {
        if self.quiet {
            return;
        }
        if self.json {
            return json::report(told);
        }
        bar.clear();
        let Told { index, on, text, .. } = told;
        let state = if *on { "on" } else { "off" };
        let width = self.count.to_string().len();
        // A closed standard output does not stop the commands.
        let _ = writeln!(io::stdout(), "{:>width$} {state:<3} {text}", index + 1);
    }
}

/// What is told of a command.
struct Told<'a> {
    index: u32,
    on: bool,
    msg_id: &'a str,
    ended: Ended,
    error: Option<String>,
    /// In words.
    text: String,
}

/// A new message's correlation id, and the span of all that is logged of it.
fn message() -> (String, Span) {
    let msg_id = Uuid::now_v7().simple().to_string();
    let span = tracing::error_span!("command", msg_id);
    (msg_id, span)
}
