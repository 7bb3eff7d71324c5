//! A device that does not do as it is told.

use crate::*;
use cync_core::wire::StatusCode;
use cync_core::{Request, Unknown};

#[tokio::test]
async fn a_refused_command_is_told_as_refused_and_not_executed() {
    let chaos = ChaosConfig { nack_rate: percent(50), ..ChaosConfig::NONE };
    let device = device(to_device(chaos)).await;
    let client = connect(&device, solo::greeter()).await;
    let (mut refused, mut executed) = (0, 0);
    for nth in 0..40 {
        match soon(client.send(power(nth % 2 == 0))).await {
            Ok(receipt) => {
                assert_eq!(receipt.stage, Some(Stage::Acked));
                executed += 1;
            }
            Err(SendError::Nacked { status, receipt }) => {
                assert_eq!((status, receipt.attempts), (StatusCode(1), 1));
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused >= 10 && executed >= 10, "{refused} refused, {executed} executed");
    assert_eq!(device.applied_count(), executed);
}

#[tokio::test]
async fn a_slow_device_acknowledges_at_once_and_executes_later() {
    let chaos = ChaosConfig { slow_rate: percent(100), slow: 300 * MS, ..ChaosConfig::NONE };
    let device = device(to_device(chaos)).await;
    let client = connect(&device, config(1000 * MS)).await;
    let mut longest = std::time::Duration::ZERO;
    for on in [true, false, true] {
        let request = Request::from(power(on)).until(Stage::Executed);
        let receipt = soon(client.send(request)).await.unwrap();
        assert_eq!((receipt.attempts, device.state().on), (1, on));
        longest = longest.max(receipt.done_at.since(receipt.queued_at));
    }
    assert!(longest >= 50 * MS, "three draws up to 300 ms: {longest:?}");
}

#[tokio::test]
async fn a_device_that_stops_answering_leaves_commands_unknown() {
    let device = calm_device().await;
    let client = connect(&device, solo::greeter()).await;
    device.be_silent(true);
    let result = soon(client.send(Request::from(power(true)).deadline(300 * MS))).await;
    let Err(SendError::Unknown { why: Unknown::Timeout, receipt }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(receipt.stage, Some(Stage::Sent));
    assert_eq!(device.applied_count(), 1, "it was executed all the same");
    device.be_silent(false);
    soon(client.send(power(false))).await.unwrap();
    assert!(!device.state().on);
}

#[tokio::test]
async fn a_connection_that_is_cut_ends_what_was_under_way() {
    let device = calm_device().await;
    let client = connect(&device, solo::greeter()).await;
    device.be_silent(true);
    let waiting = {
        let client = client.clone();
        tokio::spawn(async move { client.send(power(true)).await })
    };
    until(|| device.applied_count() == 1).await;
    device.cut();
    let result = soon(waiting).await.unwrap();
    let Err(SendError::Unknown { why: Unknown::Disconnected, receipt }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(receipt.attempts, 1);
    soon(client.reached(State::Disconnected)).await;
}

#[tokio::test]
async fn a_slow_device_executes_what_it_acknowledged_even_if_the_connection_goes() {
    let chaos = ChaosConfig { slow_rate: percent(100), slow: 300 * MS, ..ChaosConfig::NONE };
    let device = device(to_device(chaos)).await;
    let mut config = impatient();
    (config.ride_through, config.ack_timer.initial) = (true, 250 * MS);
    let client = keep_connected(&device, config).await;
    for nth in 1..=3 {
        let before = client.stats().acks.ok;
        let waiting = {
            let client = client.clone();
            let request = Request::from(power(true)).until(Stage::Executed);
            tokio::spawn(async move { client.send(request).await })
        };
        until(|| client.stats().acks.ok > before).await;
        device.cut();
        soon(waiting).await.unwrap().unwrap();
        assert_eq!(device.applied_count(), nth);
    }
}
