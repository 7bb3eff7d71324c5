use super::LinkCounts;
use super::dial::dial;
use super::parties::Parties;
use super::serve::{Shared, accept};
use super::weather::{Link, Weather};
use crate::{Device, DeviceState, Ppm};
use cync_core::wire::{Endpoint, StatusCode, op};
use cync_core::{Acknowledge, AuthCode, Config, ConfigError, Request};
use cync_tokio::Address;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Instrument;

/// How a simulated device starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceOptions {
    /// Where to listen, if it does; port 0 is any free one.
    pub listen: SocketAddr,
    /// The endpoint that it greets a hub with, if it dials one.
    pub endpoint: Endpoint,
    /// The authentication code that it greets a hub with.
    pub auth: AuthCode,
    /// The device's mesh address, 1 to 254.
    pub address: u8,
    /// The version of its firmware.
    pub firmware: String,
    /// Its link.
    pub link: Link,
}

impl Default for DeviceOptions {
    /// On any free port of this machine, at address 1, with firmware 1.2.3 and a link on which nothing goes wrong. A hub is
    /// greeted with endpoint 1 and an empty code.
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            endpoint: Endpoint(1),
            auth: AuthCode::default(),
            address: 1,
            firmware: "1.2.3".to_owned(),
            link: Link::default(),
        }
    }
}

/// What a device makes of a greeting.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum HelloAnswer {
    /// It answers as it should.
    #[default]
    Good,
    /// It refuses it with this status, and closes the connection.
    Refused(StatusCode),
    /// It answers with a packet that is not well-formed, and nothing follows.
    Garbled,
}

/// A device that listens, or dials a hub: it answers greetings, commands (receipt, result, status), probes and heartbeats.
///
/// It remembers the messages of everyone who dialled, so that a command repeated on a new connection is not executed again.
/// What goes wrong at random is in its [`Link`]; what goes wrong on demand is done by its methods. Dropping it cuts all
/// connections.
pub struct SimulatedDevice {
    shared: Arc<Shared>,
    addr: SocketAddr,
    firmware: String,
    running: JoinHandle<()>,
}

impl Drop for SimulatedDevice {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl SimulatedDevice {
    /// Starts listening.
    ///
    /// # Errors
    /// If the address cannot be listened on: taken, or not of this machine.
    pub async fn start(options: DeviceOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let addr = listener.local_addr()?;
        let shared = shared(options.address, options.link);
        let accepting = accept(listener, Arc::clone(&shared));
        let running = tokio::spawn(accepting.in_current_span());
        Ok(Self { shared, addr, firmware: options.firmware, running })
    }

    /// Starts dialling a hub, as bulbs dial the cloud: it greets, and keeps itself connected for as long as it exists, with the
    /// waits of [`Redial`](cync_core::Redial). Nobody has to be there yet.
    ///
    /// The numbers of its messages depend on its endpoint and the seed of its link: to a hub that remembers one device, another
    /// with the same two repeats what was said.
    ///
    /// # Errors
    /// The rule that the configuration of its session breaks.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn dial(hub: impl Into<Address>, options: DeviceOptions) -> Result<Self, ConfigError> {
        let DeviceOptions { endpoint, auth, address, firmware, link, .. } = options;
        let mut config = Config::greeter(endpoint, auth);
        config.redial.first_attempts = u8::MAX;
        let shared = shared(address, link);
        let party = shared.parties().dial(config, Instant::now())?;
        let dialling = dial(hub.into(), party, Arc::clone(&shared));
        let running = tokio::spawn(dialling.in_current_span());
        Ok(Self { shared, addr: (Ipv4Addr::UNSPECIFIED, 0).into(), firmware, running })
    }

    /// Where it listens; `0.0.0.0:0` if it dials.
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The version of its firmware.
    pub fn firmware(&self) -> &str {
        &self.firmware
    }

    /// How many commands it has executed, those that changed nothing included.
    pub fn applied_count(&self) -> u64 {
        self.shared.device().applied_count()
    }

    /// What it remembers.
    pub fn state(&self) -> DeviceState {
        self.shared.device().state()
    }

    /// Changes what it remembers, as someone does who uses its own switch: nothing is executed, and nothing announced.
    pub fn set_state(&self, state: DeviceState) {
        self.shared.device().set_state(state);
    }

    /// Announces its state to everyone who is connected. Returns how many they are; one whose queue is full is left out.
    pub fn announce(&self) -> usize {
        let (data, clients) = {
            let mut device = self.shared.device();
            let sno = device.next_sno();
            (device.announcement().data(sno), self.shared.parties().connected())
        };
        let announcement = Request::announce(op::STATUS, &data);
        clients.iter().filter(|client| client.try_send(announcement).is_ok()).count()
    }

    /// What happened to its packets.
    pub fn link_counts(&self) -> LinkCounts {
        self.shared.weather.counts()
    }

    /// From now on what the sessions of its peers count is recorded here, by their endpoints.
    #[cfg(feature = "metrics")]
    pub fn record(&self, metrics: &cync_tokio::metrics::Metrics) {
        self.shared.parties().record(metrics);
    }

    /// How many greetings it has heard, if it listens.
    pub fn hellos(&self) -> u64 {
        self.shared.hellos()
    }

    /// What it makes of greetings from now on, if it listens.
    pub fn answer_hellos(&self, answer: HelloAnswer) {
        self.shared.control.send_modify(|control| control.hello = answer);
    }

    /// From now on nothing that it says gets out, or everything does again. What it hears it acts on all the same.
    pub fn be_silent(&self, silent: bool) {
        self.shared.weather.silence(silent);
    }

    /// Cuts all connections. New ones can be made at once.
    pub fn cut(&self) {
        self.shared.control.send_modify(|control| control.cuts += 1);
    }

    /// Cuts all connections, and closes new ones before anything is said on them, until [`SimulatedDevice::heal`]. A hub cannot
    /// be reached meanwhile.
    pub fn partition(&self) {
        self.shared.control.send_modify(|control| {
            control.cuts += 1;
            control.partitioned = true;
        });
    }

    /// Connections can be made again.
    pub fn heal(&self) {
        self.shared.control.send_modify(|control| control.partitioned = false);
    }
}

/// What the connections of a device at this address of its mesh share.
fn shared(address: u8, link: Link) -> Arc<Shared> {
    // Only one that refuses some has to look at a command before it is acknowledged.
    let acknowledge = if link.to_device.nack_rate > Ppm::ZERO {
        Acknowledge::Manually
    } else {
        Acknowledge::Automatically
    };
    let parties = Parties::new(link.seed, acknowledge);
    Arc::new(Shared::new(Device::new(address), Weather::new(link), parties))
}
