//! Resident memory of connections that have nothing to say.

use crate::Outcome;
use crate::options::{Contender, RuntimeName};
use crate::pair::Pair;
use std::time::Duration;

/// Connections that are opened before: what is done once is done then.
const FIRST: usize = 10;

/// KiB of one connection.
pub(crate) struct Memory {
    pub(crate) contender: Contender,
    pub(crate) server: f64,
    pub(crate) client: f64,
}

/// What `connections` take that each have sent one message, and been answered.
pub(crate) fn measure(
    runtime: RuntimeName,
    contender: Contender,
    connections: usize,
) -> Outcome<Memory> {
    let mut pair = Pair::start(runtime, contender, 1)?;
    pair.open(FIRST)?;
    pair.turn(Duration::ZERO)?;
    let before = resident(&pair)?;
    pair.open(connections)?;
    pair.turn(Duration::ZERO)?;
    let after = resident(&pair)?;
    let [server, client] = [0, 1].map(|at: usize| (after[at] - before[at]) / connections as f64);
    Ok(Memory { contender, server, client })
}

/// KiB of the server's process and of the client's.
fn resident(pair: &Pair) -> Outcome<[f64; 2]> {
    let [server, client] = pair.pids().map(|pid| -> Outcome<f64> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(number.ok_or("a process has no VmRSS")?.trim().parse()?)
    });
    Ok([server?, client?])
}
