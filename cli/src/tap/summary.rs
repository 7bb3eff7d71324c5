use crate::capture::Direction;
use crate::impairment::Shown;
use cync_core::wire::PacketType;
use cync_sim::net::LinkCounts;
use std::collections::BTreeMap;
use std::fmt;

/// What went through the tap.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) connections: u64,
    /// Connections whose target could not be reached.
    pub(super) unreached: u64,
    pub(super) seen: Vec<Seen>,
    /// Packets, or what was left of them, in which something was masked.
    pub(super) covered: u64,
    /// Bytes of packets that were never completed.
    pub(super) unfinished: u64,
    /// Bytes that were relayed and not recorded.
    pub(super) missed: u64,
    /// What was done to packets on purpose, and the seed that repeats it.
    pub(super) faults: Option<(LinkCounts, u64)>,
}

/// What went through in one direction.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) direction: Direction,
    pub(super) bytes: u64,
    pub(super) packets: u64,
    /// Packets that were accepted with a wrong checksum.
    pub(super) flagged: u64,
    pub(super) types: BTreeMap<u8, u64>,
    pub(super) errors: BTreeMap<&'static str, u64>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: fmt::Arguments<'_>| writeln!(f, "{name:<20} {value}");
        line("connections", format_args!("{}", self.connections))?;
        if self.unreached > 0 {
            line("target not reached", format_args!("{}", self.unreached))?;
        }
        for Seen { direction, bytes, packets, flagged, types, errors } in &self.seen {
            line(direction.name(), format_args!("{packets} packets, {bytes} bytes"))?;
            for (byte, count) in types {
                match PacketType::from_byte(*byte) {
                    Some(kind) => line(&format!("  {byte:02x}"), format_args!("{count} {kind}"))?,
                    None => line(&format!("  {byte:02x}"), format_args!("{count} unknown"))?,
                }
            }
            for (reason, count) in errors {
                line(&format!("  {reason}"), format_args!("{count}"))?;
            }
            if *flagged > 0 {
                line("  flagged", format_args!("{flagged}"))?;
            }
        }
        let errors = self.seen.iter().flat_map(|seen| seen.errors.values()).sum::<u64>();
        line("decode errors", format_args!("{errors}"))?;
        line("masked", format_args!("{}", self.covered))?;
        for (name, bytes) in [("unfinished", self.unfinished), ("not recorded", self.missed)] {
            if bytes > 0 {
                line(name, format_args!("{bytes} bytes"))?;
            }
        }
        if let Some((counts, seed)) = self.faults {
            write!(f, "{}", Shown(counts))?;
            writeln!(f, "{:<20} {seed}", "seed")?;
        }
        Ok(())
    }
}
