//! A device that dials, as bulbs do, and a session in the place of its hub.

use crate::*;
use cync_core::wire::{Endpoint, Meaning};
use cync_core::{AuthCode, Config, Request};
use cync_sim::DeviceState;
use cync_sim::net::{DeviceOptions, SimulatedDevice};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const ENDPOINT: Endpoint = Endpoint(0x4588_0f3a);

/// A hub that knows one device, whose session is kept from connection to connection.
struct Hub {
    client: Client,
    listener: TcpListener,
}

impl Hub {
    async fn new() -> Self {
        let client = Client::builder(Config::listener(ENDPOINT)).seed(1).build().unwrap();
        Self { client, listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    /// A device that dials it, behind a link on which this goes wrong on the way to the device.
    fn device(&self, chaos: ChaosConfig) -> SimulatedDevice {
        let auth = AuthCode::new(solo::AUTH).unwrap();
        let link = to_device(chaos);
        let options = DeviceOptions { endpoint: ENDPOINT, auth, link, ..DeviceOptions::default() };
        SimulatedDevice::dial(self.listener.local_addr().unwrap(), options).unwrap()
    }

    /// Takes the device's next connection, and waits until it has greeted.
    async fn accept(&self) -> JoinHandle<()> {
        let (stream, _) = soon(self.listener.accept()).await.unwrap();
        let driver = self.client.drive(compat(stream));
        let driven = tokio::spawn(async move { drop(driver.run().await) });
        soon(self.client.ready()).await.unwrap();
        driven
    }

    async fn executed(&self, on: bool) -> cync_core::Receipt {
        let request = Request::from(power(on)).until(Stage::Executed);
        soon(self.client.send(request)).await.unwrap()
    }

    /// The next state that the device announces: whether it is on, and how bright.
    async fn told(&self) -> (bool, u8) {
        let message = soon(self.client.recv()).await.unwrap();
        let Some(Meaning::DeviceStatus(_, status)) = message.meaning() else {
            panic!("not a status: {message:?}");
        };
        assert_eq!((message.prefix.endpoint, status.device), (ENDPOINT, 1));
        (status.on, status.brightness)
    }
}

#[tokio::test]
async fn a_device_that_dials_executes_what_its_hub_says_and_announces_what_it_is() {
    let hub = Hub::new().await;
    let device = hub.device(ChaosConfig::NONE);
    hub.accept().await;
    assert_eq!(hub.client.stats().greetings.succeeded, 1);
    let brightness = device.state().brightness;
    for (nth, on) in (1..).zip([true, false, true]) {
        let receipt = hub.executed(on).await;
        assert_eq!((receipt.stage, receipt.attempts), (Some(Stage::Executed), 1));
        assert_eq!((device.state().on, device.applied_count()), (on, nth));
        assert_eq!(hub.told().await, (on, brightness));
    }
    device.set_state(DeviceState { on: false, brightness: 40, ..device.state() });
    assert_eq!(device.announce(), 1);
    assert_eq!(hub.told().await, (false, 40));
    assert_eq!(device.applied_count(), 3);
    assert_eq!((device.hellos(), device.local_addr().port()), (0, 0), "nobody dials it");
}

#[tokio::test]
async fn a_device_greets_with_its_endpoint_and_code() {
    let hub = Hub::new().await;
    let _device = hub.device(ChaosConfig::NONE);
    let (mut stream, _) = soon(hub.listener.accept()).await.unwrap();
    let mut heard = vec![0; solo::hello().len()];
    soon(stream.read_exact(&mut heard)).await.unwrap();
    assert_eq!(heard, solo::hello());
}

#[tokio::test]
async fn a_device_whose_connection_is_cut_dials_its_hub_again() {
    let hub = Hub::new().await;
    let device = hub.device(ChaosConfig::NONE);
    for nth in 1..=3 {
        let driven = hub.accept().await;
        hub.executed(true).await;
        assert_eq!(device.applied_count(), nth);
        device.cut();
        soon(driven).await.unwrap();
    }
    hub.accept().await;
    assert_eq!(hub.client.stats().greetings.succeeded, 4);
}

#[tokio::test]
async fn a_hub_that_cuts_the_connection_is_dialled_again_and_repeats_nothing_that_was_executed() {
    let mut hub = Hub::new().await;
    let mut config = Config::listener(ENDPOINT);
    config.ride_through = true;
    hub.client = Client::builder(config).seed(1).build().unwrap();
    let device = hub.device(ChaosConfig::NONE);
    let driven = hub.accept().await;
    device.be_silent(true);
    let waiting = {
        let client = hub.client.clone();
        tokio::spawn(async move { client.send(power(true)).await })
    };
    until(|| device.applied_count() == 1).await;
    driven.abort();
    assert!(soon(driven).await.unwrap_err().is_cancelled());
    device.be_silent(false);
    hub.accept().await;
    let receipt = soon(waiting).await.unwrap().unwrap();
    assert!(receipt.attempts >= 2, "{receipt:?}");
    assert_eq!(device.applied_count(), 1);
}

#[tokio::test]
async fn a_device_that_is_cut_off_is_not_connected_until_that_heals() {
    let hub = Hub::new().await;
    let device = hub.device(ChaosConfig::NONE);
    let driven = hub.accept().await;
    device.partition();
    soon(driven).await.unwrap();
    assert_eq!(device.announce(), 0);
    // It would have dialled after a quarter of a second at most.
    let dialled = tokio::time::timeout(300 * MS, hub.listener.accept()).await;
    assert!(dialled.is_err(), "{dialled:?}");
    device.heal();
    hub.accept().await;
    hub.executed(true).await;
    assert!(device.state().on);
}

#[tokio::test]
async fn a_device_that_dials_loses_and_refuses_commands_as_its_link_says() {
    let hub = Hub::new().await;
    let first = Some(cync_sim::DropPattern::List([1].into()));
    let device = hub.device(ChaosConfig { drop_pattern: first, ..ChaosConfig::NONE });
    hub.accept().await;
    let attempts = [hub.executed(true).await.attempts, hub.executed(false).await.attempts];
    assert_eq!((attempts, device.link_counts().to_device.dropped), ([2, 1], 1));

    let hub = Hub::new().await;
    let device = hub.device(ChaosConfig { nack_rate: percent(100), ..ChaosConfig::NONE });
    hub.accept().await;
    let refused = soon(hub.client.send(power(true))).await;
    assert!(matches!(refused, Err(SendError::Nacked { .. })), "{refused:?}");
    assert_eq!(device.applied_count(), 0);
}

#[tokio::test]
async fn a_device_that_is_dropped_leaves_its_hub() {
    let hub = Hub::new().await;
    let device = hub.device(ChaosConfig::NONE);
    let driven = hub.accept().await;
    drop(device);
    soon(driven).await.unwrap();
    assert_eq!(hub.client.state(), State::Disconnected);
}
