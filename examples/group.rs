//! Commands for a group, and what becomes of an older command for one of its members that was not answered: it is not repeated,
//! since a late copy would undo the newer command.

use cync_core::wire::{Command, Destination, Endpoint, Group};
use cync_core::{AuthCode, Config, Event, NotSent, Request, Stage, Unknown};
use cync_sim::net::{DeviceOptions, Link, SimulatedDevice};
use cync_sim::{ChaosConfig, DropPattern};
use cync_tokio::{Client, SendError};
use std::error::Error;

// One thread, so that nothing leaves between two `try_send` in a row.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // The third command that leaves is lost, and so would be repeated.
    let lost = Some(DropPattern::List([3].into()));
    let to_device = ChaosConfig { drop_pattern: lost, ..ChaosConfig::NONE };
    let link = Link { to_device, ..Link::default() };
    let device = SimulatedDevice::start(DeviceOptions { link, ..DeviceOptions::default() }).await?;
    let config = Config::greeter(Endpoint(0x4588_0f3a), AuthCode::new(b"0123456789abcdef")?);
    let client = Client::connect(device.local_addr(), config).await?;

    let lamp = Destination::device(1).ok_or("1 to 254")?;
    let group = Group::new(3)?;
    let executed = |command| client.send(Request::from(command).until(Stage::Executed));
    executed(Command::JoinGroup { to: lamp, group }).await?;
    executed(Command::Power { to: group.into(), on: true }).await?;
    println!("group 3 is on; device 1 is a member of it, and on: {}", device.state().on);
    assert!(device.state().on);

    let off = Command::Power { to: group.into(), on: false };
    let on = Command::Power { to: lamp, on: true };

    // "on" leaves, and is lost. The one for the group comes before it is repeated.
    let mut events = client.events();
    let older = client.try_send(on)?;
    while let Some(event) = events.next().await {
        if event? == (Event::Sent { id: older.id() }) {
            break;
        }
    }
    executed(off).await?;
    let Err(error) = older.await else { return Err("it was lost".into()) };
    println!("{on}, which was lost, then {off}: the first is {error}");
    assert!(matches!(
        error,
        SendError::Unknown { why: Unknown::Superseded, receipt } if receipt.attempts == 1
    ));
    assert!(!device.state().on, "the newer command stands");

    // "on" is still in the queue when the one for the group comes.
    let older = client.try_send(on)?;
    let newer = client.try_send(Request::from(off).until(Stage::Executed))?;
    let Err(error) = older.await else { return Err("it was replaced".into()) };
    println!("{on}, then at once {off}: the first is {error}");
    assert!(matches!(error, SendError::NotSent { why: NotSent::Superseded, .. }));
    newer.await?;

    assert_eq!(device.applied_count(), 4, "joined; on, off, off");
    client.close().await;
    Ok(())
}
