//! The arguments of commands that serve metrics.

use super::serve::Server;
use crate::arg;
use crate::complain;
use crate::exit::Exit;
use crate::listen::Flags;
use serde_json::json;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where metrics are served
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Serve metrics for Prometheus on this port of this machine, at /metrics; 9400 without a number, any free one with 0
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "9400", value_parser = arg::port)]
    metrics_port: Option<u16>,
    /// The address to serve them on; 0.0.0.0 lets other machines read them
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), requires = "metrics_port")]
    metrics_addr: IpAddr,
}

/// How long metrics are served, for what comes to an end by itself
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Linger {
    /// How many seconds longer to serve them once all is done, so that the final values can be read
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds, requires = "metrics_port")]
    metrics_linger: Duration,
}

const FLAGS: Flags = Flags { port: "--metrics-port", address: "--metrics-addr" };

impl Options {
    /// Starts to serve, if that was asked for.
    ///
    /// # Errors
    /// The exit code, after saying why it is not possible and what to do.
    pub(crate) async fn start(&self) -> Result<Option<Server>, Exit> {
        let Some(port) = self.metrics_port else { return Ok(None) };
        let listen = SocketAddr::new(self.metrics_addr, port);
        let server = Server::start(listen).await;
        server.map(Some).map_err(|error| {
            let why = FLAGS.remedy(listen, &error);
            complain(format_args!("cannot serve metrics on {why}"))
        })
    }
}

impl Linger {
    /// Waits as long as was asked for.
    pub(crate) async fn wait(&self) {
        tokio::time::sleep(self.metrics_linger).await;
    }
}

/// Says where metrics are served, in one line on standard output.
pub(crate) fn announce(server: &Server, json: bool) {
    tracing::info!(event = "metrics", addr = %server.addr());
    let at = format!("http://{}/metrics", server.addr());
    let line = if json { json!({ "metrics": at }).to_string() } else { format!("metrics at {at}") };
    let mut out = io::stdout();
    // A closed standard output does not stop the command.
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).or_else(|_| arg::duration(text))
}
