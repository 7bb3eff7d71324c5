//! What must hold over real TCP while a link misbehaves, exactly and not on average: draws are hashes of what a packet is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../socket/mod.rs"]
mod socket;
mod volume;

use cync_core::{Config, Receipt, Request, SendError as Refusal, Stage, State};
use cync_sim::net::Link;
use cync_sim::{ChaosConfig, DropPattern};
use cync_tests::solo::{greeter, switch};
use cync_tokio::{Client, SendError};
use socket::*;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Sends so many commands, as fast as the window lets them leave, none of which supersedes another. They leave in this order.
fn send_all(client: &Client, count: u32, until: Stage) -> Vec<JoinHandle<Receipt>> {
    let send = |nth: u32| {
        let client = client.clone();
        tokio::spawn(async move {
            let request = switch(1, nth.is_multiple_of(2)).until(until);
            soon(client.send(request)).await.unwrap()
        })
    };
    (0..count).map(send).collect()
}

async fn all(commands: Vec<JoinHandle<Receipt>>) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for command in commands {
        receipts.push(soon(command).await.unwrap());
    }
    receipts
}

fn took(receipt: &Receipt) -> Duration {
    receipt.done_at.since(receipt.queued_at)
}

#[tokio::test]
async fn deterministic_packet_loss_of_every_fifth_command_costs_exactly_twenty_retransmissions() {
    let drop_pattern = Some(DropPattern::Every { first: 1, every: 5 });
    let device = device(Link::both(1, ChaosConfig { drop_pattern, ..ChaosConfig::NONE })).await;
    let mut config = config(800 * MS);
    (config.window, config.retry_budget.burst) = (28, 20);
    let client = connect(&device, config).await;
    let receipts = all(send_all(&client, 100, Stage::Acked)).await;
    for (nth, receipt) in receipts.iter().enumerate() {
        assert_eq!(receipt.attempts, if nth % 5 == 0 { 2 } else { 1 }, "command {}", nth + 1);
    }
    assert_eq!(client.stats().retransmissions.total(), 20);
    let counts = device.link_counts();
    assert_eq!((counts.to_device.dropped, counts.from_device.dropped), (20, 0));
    assert_eq!(device.applied_count(), 100);
}

#[tokio::test]
async fn a_500ms_latency_delays_commands_and_repeats_none() {
    let chaos = ChaosConfig { latency: 500 * MS, latency_variance: 50 * MS, ..ChaosConfig::NONE };
    let device = device(to_device(chaos)).await;
    let client = connect(&device, greeter()).await;
    for receipt in all(send_all(&client, 16, Stage::Executed)).await {
        assert!((450 * MS..1500 * MS).contains(&took(&receipt)), "{receipt:?}");
        assert_eq!(receipt.attempts, 1);
    }
    assert_eq!(device.applied_count(), 16);
}

#[tokio::test]
async fn duplicate_delivery_applies_every_command_once() {
    let chaos = ChaosConfig { duplicate_rate: percent(50), ..ChaosConfig::NONE };
    let device = device(Link::both(1, chaos)).await;
    let client = connect(&device, config(2000 * MS)).await;
    let receipts = all(send_all(&client, 200, Stage::Executed)).await;
    assert!(receipts.iter().all(|receipt| receipt.attempts == 1));
    assert_eq!(device.applied_count(), 200);
    let counts = device.link_counts();
    for counts in [counts.to_device, counts.from_device] {
        let rate = counts.duplicated * 100 / counts.packets;
        assert!((40..=60).contains(&rate), "{counts:?}");
    }
}

#[tokio::test]
async fn reordering_loses_nothing_and_leaves_the_newest_state() {
    let chaos =
        ChaosConfig { reorder_rate: percent(30), reorder_delay: 100 * MS, ..ChaosConfig::NONE };
    let device = device(Link::both(1, chaos)).await;
    let client = connect(&device, config(2000 * MS)).await;
    let rapid = all(send_all(&client, 100, Stage::Executed)).await;
    assert!(rapid.iter().any(|receipt| took(receipt) >= 100 * MS), "nothing was held back");
    assert_eq!(device.applied_count(), 100);
    for on in [true, false, true, true, false, true, false, true, false, true] {
        let receipt = soon(client.send(Request::from(power(on)).until(Stage::Executed))).await;
        assert_eq!((receipt.unwrap().attempts, device.state().on), (1, on));
    }
    let counts = device.link_counts();
    assert!(counts.to_device.reordered > 10 && counts.from_device.reordered > 10, "{counts:?}");
    assert_eq!((device.applied_count(), counts.to_device.dropped), (110, 0));
}

#[tokio::test]
async fn a_network_partition_fails_commands_until_it_heals() {
    let device = calm_device().await;
    let client = keep_connected(&device, impatient()).await;
    for round in 1..=3 {
        soon(client.send(power(true))).await.unwrap();
        device.partition();
        soon(client.reached(State::Disconnected)).await;
        let result = soon(client.send(power(false))).await;
        let not_connected = matches!(result, Err(SendError::Refused(Refusal::NotConnected(_))));
        assert!(not_connected, "{result:?}");
        assert_eq!(device.applied_count(), 2 * round - 1);
        device.heal();
        soon(client.ready()).await.unwrap();
        soon(client.send(power(false))).await.unwrap();
        assert_eq!((device.state().on, device.applied_count()), (false, 2 * round));
    }
    assert_eq!(device.hellos(), 4);
}
