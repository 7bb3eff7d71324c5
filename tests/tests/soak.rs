//! A client and a device on real sockets for a while, with everything going wrong at once: `cargo test -p cync-tests --test soak --
//! --ignored`. `CYNC_SOAK_SECONDS` says for how long, 30 if it is not given.

mod socket;

use cync_core::Stage;
use cync_sim::ChaosConfig;
use cync_sim::net::Link;
use cync_tests::solo::switch;
use socket::*;
use std::time::{Duration, Instant};

/// Commands at a time.
const WORKERS: u32 = 8;
/// What may be allocated after the first tenth of the time.
const GROWTH: u64 = 8 << 20;

/// Bytes of memory in use, where the system tells.
fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split_whitespace().nth(1)?.parse::<u64>().ok()? * 4096)
}

fn weather() -> ChaosConfig {
    ChaosConfig {
        latency: 3 * MS,
        latency_variance: 3 * MS,
        packet_loss_rate: percent(2),
        duplicate_rate: percent(5),
        reorder_rate: percent(5),
        reorder_delay: 20 * MS,
        corruption_rate: percent(1),
        split_rate: percent(5),
        coalesce_rate: percent(5),
        slow_rate: percent(1),
        ..ChaosConfig::NONE
    }
}

#[tokio::test]
#[ignore = "takes half a minute"]
async fn nothing_is_lost_doubled_or_leaked_while_everything_goes_wrong_at_once() {
    let seconds = std::env::var("CYNC_SOAK_SECONDS").map_or(30, |text| text.parse().unwrap());
    let (start, time) = (Instant::now(), Duration::from_secs(seconds));
    let device = device(Link::both(1, weather())).await;
    let mut config = impatient();
    (config.ride_through, config.deadline) = (true, Duration::from_secs(30));
    let client = keep_connected(&device, config).await;
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut done = 0_u64;
                while start.elapsed() < time {
                    let request = switch(1, done.is_multiple_of(2)).until(Stage::Executed);
                    client.send(request).await.unwrap();
                    done += 1;
                }
                done
            })
        })
        .collect();
    let listener = {
        let client = client.clone();
        tokio::spawn(async move { while client.recv().await.is_some() {} })
    };
    let mut before = None;
    while start.elapsed() < time {
        tokio::time::sleep(time / 20).await;
        device.cut();
        if start.elapsed() > time / 10 && before.is_none() {
            before = resident();
        }
    }
    let mut done = 0;
    for worker in workers {
        done += worker.await.unwrap();
    }
    if let (Some(before), Some(now)) = (before, resident()) {
        assert!(now < before + GROWTH, "from {before} to {now} bytes");
    }
    assert_eq!(device.applied_count(), done, "every command exactly once");
    let stats = client.stats();
    assert_eq!((stats.messages_sent, stats.reached), (done, done));
    assert!(stats.greetings.succeeded >= 15, "{stats:?}");
    soon(client.close()).await;
    soon(listener).await.unwrap();
    eprintln!("{done} commands in {:?}; {:?}", start.elapsed(), device.link_counts());
}
