//! The controller on smol: the same client, another runtime below it.

use cync_async_std::smol::Client;
use cync_core::wire::{Command, Destination, Endpoint};
use cync_core::{AuthCode, Config, Event, Request, Stage, State};
use cync_sim::net::{DeviceOptions, SimulatedDevice};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    // The device lives in a thread of its own, whose runtime is no business of ours.
    let threads =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let device = threads.block_on(SimulatedDevice::start(DeviceOptions::default()))?;
    smol::block_on(control(&device))
}

async fn control(device: &SimulatedDevice) -> Result<(), Box<dyn Error>> {
    let mut config = Config::greeter(Endpoint(0x4588_0f3a), AuthCode::new(b"0123456789abcdef")?);
    config.ride_through = true;
    let client = Client::connect(device.local_addr(), config).await?;
    let to = Destination::device(1).ok_or("1 to 254")?;
    let switch = |on| Request::from(Command::Power { to, on }).until(Stage::Executed);

    for on in [true, false, true] {
        let receipt = client.send(switch(on)).await?;
        println!("on={on}: executed after {} transmission(s)", receipt.attempts);
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
    client.close().await;
    Ok(())
}
