//! Requests and their acknowledgements over TCP on the loopback interface, beside a bare echo on the same runtime.
//!
//! `cargo run --profile bench -p cync-bench-runtimes`
//!
//! A client's process and a server's share one core, with one thread for tasks each. A request is 40 bytes on the wire. Ours is
//! answered by its acknowledgement, with everything that makes it reliable: numbers, timers, a memory of what was accepted. The bare
//! echo sends the 40 bytes back, through `tokio-util`'s `LengthDelimitedCodec`. Contenders take turns, and what is compared is the
//! median of the ratios of turns that had the same machine. It needs Linux, whose `/proc` tells memory and processor time.

mod cell;
mod child;
mod echo;
mod load;
mod memory;
mod options;
mod ours;
mod pair;
mod report;
mod syscalls;
mod world;

use cell::{CONTENDERS, Cell, Effort};
use clap::{Parser as _, ValueEnum as _};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use options::{Contender, Hidden, Options, RuntimeName, argument};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

/// Bytes of a request on the wire.
const PACKET: usize = 40;
const DEPTHS: [usize; 2] = [1, 32];
const CONNECTIONS: [usize; 4] = [1, 10, 100, 1000];
/// Where system calls are counted: in flight, connections.
const COUNTED: [(usize, usize); 3] = [(1, 1), (32, 1), (1, 100)];
/// Those whose idle connections are measured, the yardstick first.
const IDLE: [Contender; 3] = [Contender::Echo, Contender::Compact, Contender::Cync];

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match &options.child {
        Some(Hidden::Child(child)) => child::run(child),
        None => measure(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Outcome<()> {
    match pin(options.core) {
        Ok(core) => println!("everything runs on core {core}"),
        Err(error) => println!("SKIP: not pinned to one core, figures scatter: {error}"),
    }
    let mut results = Vec::new();
    for runtime in RuntimeName::value_variants() {
        if options.runtime.is_none_or(|only| only == *runtime) {
            results.extend(measure_runtime(*runtime, options)?);
        }
    }
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{:#}\n", Value::Array(results)))?;
    }
    Ok(())
}

/// Keeps this process, and those that it starts, on one core.
fn pin(core: Option<usize>) -> Outcome<usize> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this)?;
    let last = || (0..CpuSet::count()).rev().find(|core| allowed.is_set(*core).unwrap_or(false));
    let core = core.or_else(last).ok_or("there is none")?;
    let mut one = CpuSet::new();
    one.set(core)?;
    sched_setaffinity(this, &one)?;
    Ok(core)
}

fn measure_runtime(runtime: RuntimeName, options: &Options) -> Outcome<Vec<Value>> {
    let millis = Duration::from_millis;
    let (turns, most, idle) = if options.quick { (2, 10, 100) } else { (30, 1000, 1000) };
    let mut results = Vec::new();
    for depth in DEPTHS.into_iter().filter(|it| options.depth.is_none_or(|only| only == *it)) {
        for connections in CONNECTIONS {
            if connections > most || options.connections.is_some_and(|only| only != connections) {
                continue;
            }
            let length = match connections {
                _ if options.quick => millis(30),
                1000 => millis(200),
                _ => millis(100),
            };
            let cell = Cell { runtime, depth, connections };
            results.push(report::cell(cell, &cell.measure(Effort { turns, length })?));
        }
    }
    if options.depth.is_some() || options.connections.is_some() {
        return Ok(results);
    }
    let measured: Result<Vec<_>, _> =
        IDLE.into_iter().map(|contender| memory::measure(runtime, contender, idle)).collect();
    results.push(report::memory(&argument(runtime), idle, &measured?));
    if !syscalls::can_count() {
        println!("\nSKIP: system calls are not counted, there is no strace");
        return Ok(results);
    }
    for (depth, connections) in COUNTED {
        let cell = Cell { runtime, depth, connections };
        let length = millis(if options.quick { 50 } else { 500 });
        let measured: Result<Vec<_>, _> =
            CONTENDERS.into_iter().map(|it| syscalls::measure(cell, it, length)).collect();
        results.push(report::syscalls(cell, &measured?));
    }
    Ok(results)
}
