//! What was measured, as tables.

use crate::cell::{Cell, Measured};
use crate::load::Turn;
use crate::memory::Memory;
use crate::options::{Contender, argument};
use crate::syscalls::Syscalls;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The most that the tail of round trips may take, as often as the echo's.
const P99: f64 = 1.25;
/// The most that an idle connection of the smallest size may take more than the echo's, in KiB.
const IDLE: f64 = 12.0;
/// A count as rare as this, of one message, is not shown.
const RARE: f64 = 0.005;

/// A figure of one turn.
type Figure = fn(&Turn) -> f64;

const FIGURES: [(&str, Figure); 4] = [
    ("messages_per_second", Turn::per_second),
    ("p50_us", |turn| turn.p50 as f64 / 1e3),
    ("p99_us", |turn| turn.p99 as f64 / 1e3),
    ("cpu_us", |turn| turn.cpu as f64 / 1e3 / turn.messages as f64),
];

/// The fewest messages a second, as often as the echo's: it reads and writes a message at a time, which costs nothing more when one is
/// in flight, or when those that are came by as many connections.
const fn least(cell: Cell) -> f64 {
    if cell.depth == 1 || cell.connections >= 100 { 0.9 } else { 1.0 }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "NOT met" }
}

fn row(name: &str, ratios: [f64; FIGURES.len()]) {
    let [rate, p50, p99, cpu] = ratios;
    println!("  {name:18} {rate:9.2}x {p50:8.2}x {p99:8.2}x {cpu:8.2}x");
}

/// Prints one cell. Returns it as JSON.
pub(crate) fn cell(cell: Cell, measured: &[Measured]) -> Value {
    let Cell { runtime, depth, connections } = cell;
    let name = argument(runtime);
    println!("\n{name}, {depth} in flight on each of {connections} connections");
    println!(
        "  {:18} {:>10} {:>9} {:>9} {:>9}",
        "medians", "messages/s", "p50 us", "p99 us", "CPU us"
    );
    let mut contenders = Vec::new();
    for it in measured {
        let [rate, p50, p99, cpu] = FIGURES.map(|(_, of)| it.median(of));
        println!("  {:18} {rate:10.0} {p50:9.1} {p99:9.1} {cpu:9.2}", it.0.name());
        let turns = it.1.iter().map(|turn| {
            Value::Object(
                FIGURES.map(|(name, of)| (name.to_owned(), json!(of(turn)))).into_iter().collect(),
            )
        });
        contenders.push(json!({
            "name": it.0.name(), "messages_per_second": rate, "p50_us": p50, "p99_us": p99, "cpu_us": cpu,
            "turns": turns.collect::<Vec<_>>(),
        }));
    }
    let [ours, echo, ..] = measured else { return Value::Null };
    let ratios = FIGURES.map(|(_, of)| ours.ratio(echo, of));
    let [rate, _, p99, _] = ratios;
    let of_medians = FIGURES.map(|(_, of)| ours.median(of) / echo.median(of));
    row("ratio of medians", of_medians);
    row("median of ratios", ratios);
    let again: u64 = ours.1.iter().map(|turn| turn.again).sum();
    if again > 0 {
        println!(
            "  {again} requests were transmitted again: this machine was too slow to answer in time"
        );
    }
    let least = least(cell);
    println!(
        "  asked: messages/s at least {least:.2}x: {}; p99 at most {P99:.2}x: {}",
        verdict(rate >= least),
        verdict(p99 <= P99)
    );
    json!({
        "runtime": name, "depth": depth, "connections": connections, "contenders": contenders,
        "transmitted_again": again,
        "ratio_of_medians": of_medians, "median_of_ratios": ratios,
    })
}

/// Prints what idle connections take, the echo's first. Returns it as JSON.
pub(crate) fn memory(runtime: &str, connections: usize, measured: &[Memory]) -> Value {
    println!("\n{runtime}, resident KiB of one of {connections} idle connections");
    let (here, there) = ("server", "client");
    println!("  {:18} {here:>8} {there:>8}   above: {here:>6} {there:>7}", "");
    let Some(echo) = measured.first() else { return Value::Null };
    for it in measured {
        let [server, client] = [it.server - echo.server, it.client - echo.client];
        let asked = match it.contender {
            Contender::Compact => format!(
                "   asked: at most {IDLE:.0} above: {}",
                verdict(server.max(client) <= IDLE)
            ),
            _ => String::new(),
        };
        print!("  {:18} {:8.1} {:8.1}", it.contender.name(), it.server, it.client);
        println!("         {server:7.1} {client:7.1}{asked}");
    }
    let rows = measured.iter().map(
        |it| json!({"name": it.contender.name(), "server_kib": it.server, "client_kib": it.client}),
    );
    json!({"runtime": runtime, "connections": connections, "idle": rows.collect::<Vec<_>>()})
}

/// Prints system calls by name. Returns them as JSON.
pub(crate) fn syscalls(cell: Cell, measured: &[Syscalls]) -> Value {
    let Cell { runtime, depth, connections } = cell;
    let name = argument(runtime);
    println!(
        "\n{name}, system calls of one message, {depth} in flight on each of {connections} connections"
    );
    let names: BTreeSet<_> = measured
        .iter()
        .flat_map(|it| it.each.iter().filter(|(_, each)| **each >= RARE).map(|(name, _)| name))
        .collect();
    print!("  {:18}", "");
    names.iter().for_each(|name| print!(" {name:>12}"));
    println!(" {:>8}", "all");
    for it in measured {
        print!("  {:18}", it.contender.name());
        for name in &names {
            print!(" {:12.2}", it.each.get(*name).copied().unwrap_or_default());
        }
        println!(" {:8.2}", it.each.values().sum::<f64>());
    }
    let rows = measured.iter().map(|it| json!({"name": it.contender.name(), "each": it.each}));
    json!({
        "runtime": name, "depth": depth, "connections": connections,
        "syscalls": rows.collect::<Vec<_>>(),
    })
}
