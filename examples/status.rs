//! The states of devices as they come in: `0x83` when a device announces itself, `0x43` when a bridge reports of several.

use cync_core::wire::{DeviceStatus, Endpoint, PacketType};
use cync_core::{AuthCode, Config, Request};
use cync_sim::DeviceState;
use cync_sim::net::{DeviceOptions, SimulatedDevice};
use cync_tokio::Client;
use std::error::Error;

/// Waits for the next message, and returns what it says of a device.
async fn next(client: &Client) -> Result<DeviceStatus, Box<dyn Error>> {
    let message = client.recv().await.ok_or("the connection is gone")?;
    let states: Vec<_> = message.states().collect();
    let [status] = states[..] else { return Err("not one state".into()) };
    println!("{:?}: {status}", message.kind);
    Ok(status)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    announced().await?;
    reported().await
}

/// Someone uses the device's own switch; the device announces it.
async fn announced() -> Result<(), Box<dyn Error>> {
    let device = SimulatedDevice::start(DeviceOptions::default()).await?;
    let config = Config::greeter(Endpoint(0x4588_0f3a), AuthCode::new(b"0123456789abcdef")?);
    let client = Client::connect(device.local_addr(), config).await?;
    for (on, brightness) in [(true, 100), (true, 30), (false, 30)] {
        device.set_state(DeviceState { on, brightness, ..device.state() });
        device.announce();
        let status = next(&client).await?;
        assert_eq!(status.on, on);
        assert_eq!(status.brightness.map(|it| it.get()), Some(brightness), "kept while off");
    }
    client.close().await;
    Ok(())
}

/// A bridge, whose messages go through memory here, reports of a lamp behind it.
async fn reported() -> Result<(), Box<dyn Error>> {
    let endpoint = Endpoint(0x2de4_b5d2);
    let (ours, its) = tokio::io::duplex(4096);
    let (client, driver) = cync_tokio::client(ours, Config::listener(endpoint))?;
    tokio::spawn(driver.run());
    let config = Config::greeter(endpoint, AuthCode::new(b"0123456789abcdef")?);
    let (bridge, driver) = cync_tokio::client(its, config)?;
    tokio::spawn(driver.run());
    bridge.ready().await?;

    // Datapoint 6, 16 bytes: lamp 9 is on, at 80, white 30, reachable; device 5 says so.
    let datapoint = [6, 0, 16, 9, 1, 80, 30, 0, 0, 0, 1, 0, 5, 0, 0, 0, 0, 0, 0];
    bridge.send(Request::raw(PacketType::DeviceInfo, &datapoint)).await?;
    let status = next(&client).await?;
    assert_eq!(status.to_string(), "device 9 on, brightness 80, white 30");
    assert_eq!(status.reporter.map(|it| it.get()), Some(5));
    Ok(())
}
