//! What observation costs: two sessions joined without delay or loss exchange commands, acknowledgements and results.
//!
//! ```sh
//! cargo run --release -p cync-sim --example witness
//! ```
//!
//! It reads from Linux how long it was on a CPU.

use cync_core::wire::{Command, Destination, Endpoint, MAX_PACKET, StatusCode};
use cync_core::{AuthCode, Config, Instant, SendError};
use cync_sim::witness::{Asked, Flight, What, Witness};
use cync_sim::{CANARY, Size, Violation};

const ENDPOINT: Endpoint = Endpoint(0x4588_0f3a);
const ROUNDS: u64 = 200_000;
const RUNS: usize = 5;

struct Side {
    witness: Witness,
    out: Vec<u8>,
}

/// Everything that one side hands over arrives at the other; returns how many packets there were.
fn carry(
    from: &mut Side,
    to: &mut Side,
    now: Instant,
    flight: &mut Flight,
) -> Result<u64, Violation> {
    let mut count = 0;
    while let Some(handed) = from.witness.transmit(now, &mut from.out)? {
        flight.bytes.clear();
        flight.bytes.extend(from.out.iter().take(handed.transmit.len));
        (flight.message, flight.handed_at) = (handed.message, now);
        to.witness.input(now, flight, 0, handed.transmit.len)?;
        if let Some(message) = handed.message {
            from.witness.answerable(message);
        }
        from.witness.check()?;
        to.witness.check()?;
        count += 1;
    }
    Ok(count)
}

/// Nanoseconds a packet, with this many commands under way at a time.
fn measure(watched: bool, commands: u8) -> Result<f64, Box<dyn std::error::Error>> {
    let new = if watched { Witness::new } else { Witness::unwatched };
    let side = |config, seed| {
        Ok::<_, Box<dyn std::error::Error>>(Side {
            witness: new(Size::Full, config, seed)?,
            out: vec![0; MAX_PACKET],
        })
    };
    let mut hub = side(Config::listener(ENDPOINT), 1)?;
    let mut lamp = side(Config::greeter(ENDPOINT, AuthCode::new(CANARY)?), 2)?;
    let mut now = Instant::ZERO;
    hub.witness.connected(now, 1)?;
    lamp.witness.connected(now, 1)?;
    let mut flight = Flight { bytes: Vec::new(), message: None, handed_at: now, forged: false };
    carry(&mut lamp, &mut hub, now, &mut flight)?;
    carry(&mut hub, &mut lamp, now, &mut flight)?;
    let asked: Vec<_> = (1..=commands)
        .filter_map(Destination::device)
        .map(|to| Asked::new(What::Command(Command::Power { to, on: true })))
        .collect();
    let rounds = ROUNDS / u64::from(commands);
    let mut packets = 0;
    let start = on_cpu()?;
    for _ in 0..rounds {
        now = now + std::time::Duration::from_millis(2);
        for asked in &asked {
            hub.witness.send(now, asked)?.map_err(|error: SendError| error.to_string())?;
        }
        packets += carry(&mut hub, &mut lamp, now, &mut flight)?;
        while let Some(got) = lamp.witness.recv(now)? {
            if let Some(id) = got.id {
                lamp.witness.report(now, id, StatusCode::OK)?.map_err(|error| error.to_string())?;
            }
        }
        packets += carry(&mut lamp, &mut hub, now, &mut flight)?;
        for side in [&mut hub, &mut lamp] {
            while side.witness.event()?.is_some() {}
            if side.witness.session().poll_timeout().is_some_and(|deadline| deadline.at <= now) {
                side.witness.timeout(now)?;
            }
        }
    }
    Ok((on_cpu()? - start) as f64 / packets as f64)
}

/// Nanoseconds that this program was on a CPU: whatever else runs does not count.
fn on_cpu() -> Result<u64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/schedstat")?;
    Ok(stat.split(' ').next().unwrap_or_default().parse()?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("nanoseconds a packet: the least, and the median, of {RUNS} runs");
    for commands in [1, 4, 16] {
        for watched in [false, true] {
            let mut runs = Vec::new();
            for _ in 0..RUNS {
                runs.push(measure(watched, commands)?);
            }
            runs.sort_by(f64::total_cmp);
            let name = if watched { "watched" } else { "unwatched" };
            if let [least, ..] = runs.as_slice() {
                let median = runs.get(RUNS / 2).unwrap_or(least);
                println!("{commands:2} at a time, {name:9}: {least:6.0} {median:6.0}");
            }
        }
    }
    Ok(())
}
