//! What the simulated link does to packets, as arguments.

use crate::arg;
use cync_sim::net::{Counts, Link, LinkCounts};
use cync_sim::{ChaosConfig, DropPattern, Ppm};
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// The longest time on the way: nobody waits longer for the answer to a greeting, or expects a copy of a command later.
const MAX_ON_THE_WAY: Duration = Duration::from_secs(2);

/// The link to a simulated device
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Impairment {
    /// How often a packet is lost, in each direction: 20%, 0.2
    #[arg(long, value_name = "RATE", default_value = "0%")]
    loss: Ppm,
    /// Which commands lose their first transmission, and nothing else is lost: 1,6,11, or 1/5 for the first and every fifth
    /// behind it
    #[arg(long, value_name = "COMMANDS", conflicts_with = "loss", value_parser = arg::drop_pattern)]
    drop_pattern: Option<DropPattern>,
    /// How often a packet arrives twice, in each direction: 10%, 0.1
    #[arg(long, value_name = "RATE", default_value = "0%")]
    duplicate: Ppm,
    /// How long a packet travels, in each direction: 30ms, at most 2s
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = on_the_way)]
    latency: Duration,
    /// How far the latency varies around its value, up and down; packets keep their order all the same
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = on_the_way, requires = "latency")]
    latency_variance: Duration,
    /// How often a packet is held back so that later ones overtake it, in each direction: 30%, 0.3
    #[arg(long, value_name = "RATE", default_value = "0%")]
    reorder: Ppm,
    /// For how long it is held back, at most 2s
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = on_the_way, requires = "reorder")]
    reorder_delay: Duration,
    /// How often a byte of a packet is changed so that its checksum is wrong, in each direction: 5%, 0.05. Packets without a
    /// checksum are spared
    #[arg(long, value_name = "RATE", default_value = "0%")]
    corrupt: Ppm,
}

impl Impairment {
    /// These arguments would be ignored where the link is a real one.
    pub(crate) fn only_with_simulate(arg: clap::Arg) -> clap::Arg {
        match arg.get_id().as_str() {
            "loss" | "drop_pattern" | "duplicate" | "latency" | "latency_variance" | "reorder"
            | "reorder_delay" | "corrupt" => arg.conflicts_with_all(["device_host", "listen"]),
            _ => arg,
        }
    }

    pub(crate) fn link(&self, seed: u64) -> Link {
        let chaos = ChaosConfig {
            packet_loss_rate: self.loss,
            drop_pattern: self.drop_pattern.clone(),
            duplicate_rate: self.duplicate,
            latency: self.latency,
            latency_variance: self.latency_variance,
            reorder_rate: self.reorder,
            reorder_delay: self.reorder_delay,
            corruption_rate: self.corrupt,
            ..ChaosConfig::NONE
        };
        Link::both(seed, chaos)
    }
}

fn on_the_way(text: &str) -> Result<Duration, String> {
    let time = arg::duration(text)?;
    if time > MAX_ON_THE_WAY {
        let most = humantime::format_duration(MAX_ON_THE_WAY);
        return Err(format!("longer than {most}: nobody would wait for the answer"));
    }
    Ok(time)
}

/// What happened on the links of a device, as an object.
pub(crate) fn as_json(LinkCounts { to_device, from_device }: LinkCounts) -> Value {
    let way = |counts: Counts| {
        json!({
            "packets": counts.packets,
            "dropped": counts.dropped,
            "duplicated": counts.duplicated,
            "reordered": counts.reordered,
            "corrupted": counts.corrupted,
        })
    };
    json!({ "to_device": way(to_device), "from_device": way(from_device) })
}

/// What happened on the links of a device, as lines of a summary.
pub(crate) struct Shown(pub(crate) LinkCounts);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LinkCounts { to_device, from_device } = self.0;
        for (way, counts) in [("to device", to_device), ("from device", from_device)] {
            let Counts { packets, dropped, duplicated, reordered, corrupted, .. } = counts;
            write!(f, "{way:<20} {packets} packets, {dropped} dropped, {duplicated} duplicated")?;
            for (count, what) in [(reordered, "reordered"), (corrupted, "corrupted")] {
                if count > 0 {
                    write!(f, ", {count} {what}")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        impairment: Impairment,
    }

    fn chaos(line: &str) -> ChaosConfig {
        let Link { seed, to_device, from_device } =
            Line::try_parse_from(line.split(' ')).unwrap().impairment.link(7);
        assert_eq!((seed, &to_device), (7, &from_device), "both ways alike");
        to_device
    }

    #[test]
    fn each_argument_is_one_property_of_the_link() {
        let ms = Duration::from_millis;
        let percent = |text: &str| text.parse::<Ppm>().unwrap();
        let none = ChaosConfig::NONE;
        let cases = [
            ("--loss 20%", ChaosConfig { packet_loss_rate: percent("20%"), ..none.clone() }),
            (
                "--drop-pattern 1/5",
                ChaosConfig { drop_pattern: arg::drop_pattern("1/5").ok(), ..none.clone() },
            ),
            ("--duplicate 10%", ChaosConfig { duplicate_rate: percent("10%"), ..none.clone() }),
            ("--latency 30ms", ChaosConfig { latency: ms(30), ..none.clone() }),
            (
                "--latency 30ms --latency-variance 9ms",
                ChaosConfig { latency: ms(30), latency_variance: ms(9), ..none.clone() },
            ),
            ("--reorder 30%", ChaosConfig { reorder_rate: percent("30%"), ..none.clone() }),
            (
                "--reorder 30% --reorder-delay 100ms",
                ChaosConfig {
                    reorder_rate: percent("30%"),
                    reorder_delay: ms(100),
                    ..none.clone()
                },
            ),
            ("--corrupt 5%", ChaosConfig { corruption_rate: percent("5%"), ..none.clone() }),
        ];
        for (arguments, wanted) in cases {
            assert_ne!(wanted, none, "{arguments}");
            assert_eq!(chaos(&format!("cync {arguments}")), wanted, "{arguments}");
        }
        assert_eq!(chaos("cync"), none);
        for alone in ["--latency-variance 9ms", "--reorder-delay 100ms"] {
            let line = format!("cync {alone}");
            assert!(Line::try_parse_from(line.split(' ')).is_err(), "{alone} does nothing");
        }
    }
}
