//! A controller dials a device, switches it on and off, and does not mind when the connection is cut.

use cync_core::wire::{Command, Destination, Endpoint};
use cync_core::{AuthCode, Config, Event, Request, Stage, State};
use cync_sim::net::{DeviceOptions, SimulatedDevice};
use cync_tokio::Client;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In the place of a real device.
    let device = SimulatedDevice::start(DeviceOptions::default()).await?;

    let mut config = Config::greeter(Endpoint(0x4588_0f3a), AuthCode::new(b"0123456789abcdef")?);
    // Messages wait for the next connection, within their deadline, instead of ending with this one.
    config.ride_through = true;
    let client = Client::connect(device.local_addr(), config).await?;
    let to = Destination::device(1).ok_or("1 to 254")?;
    // Done when the device has executed it; without `until`, when it has received it.
    let switch = |on| Request::from(Command::Power { to, on }).until(Stage::Executed);

    for on in [true, false, true] {
        let receipt = client.send(switch(on)).await?;
        println!(
            "on={on}: executed after {} transmission(s), {:?}",
            receipt.attempts,
            receipt.done_at.since(receipt.queued_at)
        );
        assert_eq!(device.state().on, on);
    }

    let mut events = client.events();
    device.cut();
    println!("the connection was cut");
    let sent = client.try_send(switch(false))?;
    while let Some(event) = events.next().await {
        if let Event::StateChanged(state) = event? {
            println!("the session is {state}");
            if state == State::Ready {
                break;
            }
        }
    }
    let receipt = sent.await?;
    println!("on=false: executed after {} transmission(s)", receipt.attempts);

    assert!(!device.state().on);
    assert_eq!(device.applied_count(), 4, "each command once, whatever was cut");
    assert_eq!(device.hellos(), 2);
    client.close().await;
    Ok(())
}
