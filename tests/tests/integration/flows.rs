//! What works when nothing goes wrong.

use crate::*;
use cync_core::Request;
use cync_core::wire::{Command, Destination, Group, Meaning, PacketType};
use cync_sim::DeviceState;

#[tokio::test]
async fn the_hello_flow_makes_a_session_ready() {
    let device = calm_device().await;
    let client = Client::builder(solo::greeter()).seed(1).build().unwrap();
    assert_eq!((client.state(), device.hellos()), (State::Disconnected, 0));
    let stream = tokio::net::TcpStream::connect(device.local_addr()).await.unwrap();
    let driver = client.drive(compat(stream));
    assert_eq!(client.state(), State::Greeting);
    tokio::spawn(driver.run());
    soon(client.ready()).await.unwrap();
    assert_eq!((client.state(), device.hellos()), (State::Ready, 1));
    let stats = client.stats();
    assert_eq!((stats.greetings.succeeded, stats.decode_errors.total()), (1, 0));
    soon(client.close()).await;
    assert_eq!(client.state(), State::Closed);
}

#[tokio::test]
async fn toggle_light_switches_it_on_and_off_and_on() {
    let device = calm_device().await;
    let client = connect(&device, config(2000 * MS)).await;
    for (nth, on) in (1..).zip([true, false, true]) {
        let request = Request::from(power(on)).until(Stage::Executed);
        let receipt = soon(client.send(request)).await.unwrap();
        assert_eq!((receipt.stage, receipt.attempts), (Some(Stage::Executed), 1));
        assert_eq!((device.state().on, device.applied_count()), (on, nth));
    }
}

#[tokio::test]
async fn a_status_broadcast_reaches_everyone_who_is_connected() {
    let device = calm_device().await;
    let clients = [
        connect(&device, at(1, solo::greeter())).await,
        connect(&device, at(2, solo::greeter())).await,
    ];
    let state = DeviceState { on: true, brightness: 40, color_mode: 70, ..device.state() };
    device.set_state(state);
    assert_eq!(device.announce(), 2);
    for client in clients {
        let message = soon(client.recv()).await.unwrap();
        assert_eq!(message.kind, PacketType::StatusBroadcast);
        let Some(Meaning::DeviceStatus(_, status)) = message.meaning() else {
            panic!("not a status: {message:?}");
        };
        assert_eq!((status.device, status.reachable, status.on), (1, true, true));
        assert_eq!((status.brightness, status.color_mode), (40, 70));
        assert_eq!(message.id, None, "nobody waits for its result");
    }
    assert_eq!(device.applied_count(), 0, "nothing was executed");
    assert_eq!(device.firmware(), "1.2.3");
}

#[tokio::test]
async fn a_heartbeat_is_answered() {
    let device = calm_device().await;
    let client = connect(&device, solo::greeter()).await;
    client.ping().unwrap();
    until(|| client.stats().heartbeats_answered == 1).await;
    assert_eq!(client.stats().heartbeats, 1);
}

#[tokio::test]
async fn a_silent_line_keeps_itself_alive_by_heartbeats() {
    let device = calm_device().await;
    let mut config = solo::greeter();
    (config.heartbeat, config.silence) = (Some(50 * MS), 1000 * MS);
    let client = connect(&device, config).await;
    // It would be dead after a second of silence.
    until(|| client.stats().heartbeats_answered >= 25).await;
    assert_eq!((client.state(), device.hellos()), (State::Ready, 1));
    assert_eq!(client.stats().messages_sent, 0);
}

#[tokio::test]
async fn a_group_of_ten_devices_is_switched_in_parallel() {
    let group = Group::new(3).unwrap();
    let mut house = tokio::task::JoinSet::new();
    for nth in 0..10 {
        house.spawn(async move {
            let device = calm_device().await;
            let client = connect(&device, at(100 + nth, config(2000 * MS))).await;
            let to = Destination::device(1).unwrap();
            client.send(Command::JoinGroup { to, group }).await.unwrap();
            (device, client)
        });
    }
    let house = soon(house.join_all()).await;
    let mut commands = tokio::task::JoinSet::new();
    for (_, client) in &house {
        let client = client.clone();
        commands.spawn(async move {
            let on = Command::Power { to: group.into(), on: true };
            client.send(Request::from(on).until(Stage::Executed)).await
        });
    }
    for receipt in soon(commands.join_all()).await {
        let receipt = receipt.unwrap();
        assert_eq!((receipt.stage, receipt.attempts), (Some(Stage::Executed), 1));
        let took = receipt.done_at.since(receipt.queued_at);
        assert!(took < 2000 * MS, "{took:?}");
    }
    for (device, _) in &house {
        assert_eq!((device.state().on, device.applied_count()), (true, 2));
    }
}
