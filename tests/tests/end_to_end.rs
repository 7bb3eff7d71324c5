//! A client and a simulated device over real TCP, with packets lost and duplicated in both directions.

use cync_core::wire::{Command, Destination, Endpoint};
use cync_core::{AuthCode, Config, Stage};
use cync_sim::net::{Counts, DeviceOptions, Link, SimulatedDevice};
use cync_sim::{ChaosConfig, Ppm};
use cync_tests::solo::switch;
use cync_tokio::Client;
use std::time::Duration;

const SENDERS: u32 = 16;
const COMMANDS_EACH: u32 = 40;
const LOSS: u32 = 200_000;
const DUPLICATE: u32 = 100_000;
/// Five percentage points.
const TOLERANCE: u64 = 50_000;

fn config() -> Config {
    let auth = AuthCode::new(b"0123456789abcdef").expect("16 bytes fit");
    let mut config = Config::greeter(Endpoint(0x4588_0f3a), auth);
    // A command must not fail by bad luck: the device's losses are the subject, not the default deadline.
    config.deadline = Duration::from_secs(30);
    config
}

async fn device(link: Link) -> SimulatedDevice {
    let options = DeviceOptions { link, ..DeviceOptions::default() };
    SimulatedDevice::start(options).await.expect("any free port will do")
}

async fn connect(device: &SimulatedDevice) -> Client {
    let builder = Client::builder(config()).seed(1).reconnect(false);
    builder.connect(device.local_addr()).await.expect("the device answers")
}

fn assert_rates(counts: Counts) {
    let Counts { packets, dropped, duplicated, .. } = counts;
    assert!(packets > 800, "too few packets to speak of rates: {counts:?}");
    let lost = dropped * 1_000_000 / packets;
    let doubled = duplicated * 1_000_000 / (packets - dropped);
    assert!(lost.abs_diff(u64::from(LOSS)) < TOLERANCE, "{counts:?}");
    assert!(doubled.abs_diff(u64::from(DUPLICATE)) < TOLERANCE, "{counts:?}");
}

#[tokio::test]
async fn every_command_is_executed_exactly_once_while_packets_are_lost_both_ways() {
    let [packet_loss_rate, duplicate_rate] =
        [LOSS, DUPLICATE].map(|parts| Ppm::new(parts).unwrap());
    let chaos = ChaosConfig { packet_loss_rate, duplicate_rate, ..ChaosConfig::NONE };
    let device = device(Link::both(42, chaos)).await;
    let client = connect(&device).await;
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for n in 0..COMMANDS_EACH {
                    let request = switch(1, n.is_multiple_of(2));
                    let receipt = client.send(request.until(Stage::Executed)).await.unwrap();
                    assert_eq!(receipt.stage, Some(Stage::Executed));
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    assert_eq!(device.applied_count(), u64::from(SENDERS * COMMANDS_EACH));
    assert!(client.stats().retransmissions.total() > 100, "nothing was lost: {:?}", client.stats());
    let counts = device.link_counts();
    assert_rates(counts.to_device);
    assert_rates(counts.from_device);
    client.close().await;
}

#[tokio::test]
async fn the_device_announces_its_new_state() {
    let device = device(Link::default()).await;
    let client = connect(&device).await;
    let to = Destination::device(1).unwrap();
    client.send(Command::Power { to, on: true }).await.unwrap();
    let message = client.recv().await.unwrap();
    let Some(cync_core::wire::Meaning::DeviceStatus(_, status)) = message.meaning() else {
        panic!("not a status: {message:?}");
    };
    assert_eq!((status.device, status.on), (1, true));
    client.close().await;
    assert!(client.recv().await.is_none());
}
