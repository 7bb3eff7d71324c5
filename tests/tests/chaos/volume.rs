//! Many commands, twice.

use crate::*;

const DEVICES: u32 = 20;
const COMMANDS_EACH: u32 = 250;
/// With this one no command needs more than four transmissions, so that the test is short.
const SEED: u64 = 100;

/// Few commands under way, and a timer much longer than all of them together take: a copy that nothing was lost for would
/// depend on how busy the machine is, and so would a command that waits in the queue for longer than its deadline.
fn config() -> Config {
    let mut config = socket::config(400 * MS);
    (config.window, config.retry_budget.burst) = (8, 100);
    config.deadline = 30 * 1000 * MS;
    config
}

/// How often every command of every device was transmitted.
async fn house() -> Vec<Vec<u16>> {
    let chaos = ChaosConfig { packet_loss_rate: percent(10), ..ChaosConfig::NONE };
    let devices = (0..DEVICES).map(|nth| {
        let link = Link::both(SEED + u64::from(nth), chaos.clone());
        tokio::spawn(async move {
            let device = device(link).await;
            let client = connect(&device, at(nth, config())).await;
            let receipts = all(send_all(&client, COMMANDS_EACH, Stage::Acked)).await;
            // Of the last one only the receipt may have been awaited.
            until(|| device.applied_count() >= u64::from(COMMANDS_EACH)).await;
            soon(client.close()).await;
            assert_eq!(device.applied_count(), u64::from(COMMANDS_EACH), "each exactly once");
            receipts.iter().map(|receipt| receipt.attempts).collect()
        })
    });
    let mut attempts = Vec::new();
    for device in devices.collect::<Vec<JoinHandle<_>>>() {
        attempts.push(soon(device).await.unwrap());
    }
    attempts
}

#[tokio::test]
async fn five_thousand_commands_at_ten_percent_loss_end_exactly_alike_twice() {
    let (first, second) = tokio::join!(house(), house());
    assert_eq!(first, second);
    let attempts: Vec<u16> = first.into_iter().flatten().collect();
    assert_eq!(attempts.len(), 5000);
    let again: u64 = attempts.iter().map(|attempts| u64::from(attempts - 1)).sum();
    // A copy is in vain if it is lost, or if both of its answers are: 10.9 %.
    assert!((550..680).contains(&again), "{again}");
}
