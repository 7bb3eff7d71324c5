//! A packet that is handed over, travels, and arrives, in virtual time: the simulator, with whole sessions at both ends, beside
//! a bare ping-pong over tokio's paused clock and beside a hand-written heap of events, which both carry the bytes alone.

use crate::contest::{Contender, Contest};
use cync_sim::Scenario;
use cync_sim::scenario::{Work, Workload};
use cync_sim::world::{self, Options};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes of a command, which is what most packets are.
const PACKET: [u8; 36] = [0x73; 36];
/// How long it travels.
const TRANSIT: Duration = Duration::from_micros(22_500);
/// Packets for one command: command, receipt, result, state, and the receipt of that.
const EACH: u64 = 5;

/// The contest.
pub const CONTEST: Contest = Contest {
    name: "one packet in virtual time",
    // A world begins with greetings and ends with two minutes in which nothing but signs of life may happen.
    turn: Duration::from_millis(20),
    contenders: || {
        vec![
            Contender::new("simulator, all invariants", |packets| simulate(packets, true)),
            Contender::new("simulator, sessions alone", |packets| simulate(packets, false)),
            Contender::new("tokio's paused clock", ping_pong),
            Contender::new("a heap of events", heap),
        ]
    },
};

fn simulate(packets: u64, watched: bool) {
    let commands = packets.div_ceil(EACH).max(1);
    let mut scenario = Scenario { seed: 1, ..Scenario::default() };
    scenario.topology.lamps = 10;
    scenario.work =
        Work { workload: Some(Workload::Closed { workers: 10 }), commands, ..Work::default() };
    let outcome = world::run(&scenario, Options { watched, ..Options::default() });
    let outcome = outcome.expect("the defaults are valid");
    assert!(outcome.broken.is_none() && outcome.packets >= packets, "{outcome:?}");
}

/// Two tasks send a packet to and fro; each hop takes its time by a timer.
fn ping_pong(packets: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O");
    runtime.block_on(async {
        let (one, other) = tokio::io::duplex(4096);
        let hops = packets.div_ceil(2);
        let peer = tokio::spawn(hop(other, hops, false));
        hop(one, hops, true).await;
        peer.await.expect("no panic");
    });
}

async fn hop(mut io: tokio::io::DuplexStream, hops: u64, begins: bool) {
    let mut packet = PACKET;
    for _ in 0..hops {
        if !begins {
            io.read_exact(&mut packet).await.expect("the peer writes");
        }
        tokio::time::sleep(TRANSIT).await;
        io.write_all(&packet).await.expect("the peer reads");
        if begins {
            io.read_exact(&mut packet).await.expect("the peer writes");
        }
    }
}

/// The least that a simulator must do: events in the order of their time, each with its bytes.
fn heap(packets: u64) {
    let mut events = BinaryHeap::new();
    let transit = TRANSIT.as_micros() as u64;
    (0..10).for_each(|nth| events.push(Reverse((transit, nth, PACKET.to_vec()))));
    for nth in 0..packets {
        let Some(Reverse((now, _, packet))) = events.pop() else { return };
        events.push(Reverse((now + transit, nth + 10, black_box(packet))));
    }
}
