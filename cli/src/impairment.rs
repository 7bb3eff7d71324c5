//! What the simulated link does to packets, as arguments.

use crate::arg;
use cync_sim::Ppm;
use cync_sim::net::{Link, LinkCounts};
use std::fmt;
use std::time::Duration;

/// The longest latency that a greeting can cross, there and back, before either side gives it up.
const MAX_LATENCY: Duration = Duration::from_secs(2);

/// The link to a simulated device
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Impairment {
    /// How often a packet is lost, in each direction: 20%, 0.2
    #[arg(long, value_name = "RATE", default_value = "0%")]
    loss: Ppm,
    /// How often a packet arrives twice, in each direction: 10%, 0.1
    #[arg(long, value_name = "RATE", default_value = "0%")]
    duplicate: Ppm,
    /// How long a packet travels, in each direction: 30ms, at most 2s
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = latency)]
    latency: Duration,
}

impl Impairment {
    /// These arguments would be ignored where the link is a real one.
    pub(crate) fn only_with_simulate(arg: clap::Arg) -> clap::Arg {
        match arg.get_id().as_str() {
            "loss" | "duplicate" | "latency" => arg.conflicts_with("device_host"),
            _ => arg,
        }
    }

    pub(crate) const fn link(self, seed: u64) -> Link {
        let Self { loss, duplicate, latency } = self;
        Link { seed, loss, duplicate, latency }
    }
}

fn latency(text: &str) -> Result<Duration, String> {
    let latency = arg::duration(text)?;
    if latency > MAX_LATENCY {
        let most = humantime::format_duration(MAX_LATENCY);
        return Err(format!("longer than {most}: no greeting would be answered in time"));
    }
    Ok(latency)
}

/// What happened on the links of a device, as lines of a summary.
pub(crate) struct Shown(pub(crate) LinkCounts);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LinkCounts { to_device, from_device } = self.0;
        for (way, counts) in [("to device", to_device), ("from device", from_device)] {
            write!(f, "{way:<20} {} packets, ", counts.packets)?;
            writeln!(f, "{} dropped, {} duplicated", counts.dropped, counts.duplicated)?;
        }
        Ok(())
    }
}
