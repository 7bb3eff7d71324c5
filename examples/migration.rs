//! From legacy writes to reliable ones in steps: both wrapped, a share of the devices on the new path, compared, and back again.
//!
//! Twenty lamps stand behind links that lose a fifth of all packets, each way. `docs/migration.md` has the story.

use cync_core::wire::{Command, Destination, Endpoint, Login, Packet, Secret};
use cync_core::{AuthCode, Config, MessageId};
use cync_sim::ChaosConfig;
use cync_sim::net::{DeviceOptions, Link, SimulatedDevice};
use cync_tokio::{Client, SendError};
use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

type Failure = Box<dyn Error + Send + Sync>;

const LAMPS: u32 = 20;
/// For each lamp in each step.
const MESSAGES: u16 = 5;
const CODE: &[u8; 16] = b"0123456789abcdef";
/// Legacy code greets under an endpoint of its own: of two connections of one endpoint only the newer stays.
const LEGACY: Endpoint = Endpoint(0x7fff_0001);
/// "Power on" for device 5, as legacy code has it: a header, a prefix with a message number, and a frame.
const POWER_ON: [u8; 36] = [
    0x73, 0, 0, 0, 0x1f, 0x7f, 0xff, 0, 0x01, 0, 0, 0, // header and prefix
    0x7e, 0x21, 0, 0, 0, 0xf8, 0xd0, 0x0d, 0, 0x21, 0, 0, 0, 0, 5, 0, 0xd0, 0x11, 2, 1, 0, 0, 0xe7,
    0x7e,
];
const NUMBER: usize = 9;
/// The device that it is for.
const ADDRESS: u8 = 5;

/// Which way a message goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Path {
    Legacy,
    Reliable,
}

/// How many of a hundred devices are on the new path.
struct Rollout(AtomicU8);

impl Rollout {
    /// A device keeps its side while the share stays; a larger share only adds devices, a smaller one only takes some away.
    fn path(&self, device: Endpoint) -> Path {
        if bucket(device) < self.0.load(SeqCst) { Path::Reliable } else { Path::Legacy }
    }
}

/// A device's place from 0 to 99: the same in every process, on every machine and in every release.
fn bucket(device: Endpoint) -> u8 {
    let mut hash = device.0;
    for factor in [0x85eb_ca6b, 0xc2b2_ae35] {
        hash = (hash ^ (hash >> 15)).wrapping_mul(factor);
    }
    ((u64::from(hash ^ (hash >> 16)) * 100) >> 32) as u8
}

/// What became of the messages of one path.
#[derive(Clone, Copy, Default)]
struct Outcomes {
    sent: u64,
    /// The path said that it was done.
    done: u64,
    /// It said that it was not.
    failed: u64,
    /// It said that nobody knows.
    unknown: u64,
    /// What the devices did.
    executed: u64,
}

impl Outcomes {
    fn add(&mut self, said: Said) {
        self.sent += 1;
        match said {
            Said::Done => self.done += 1,
            Said::Failed => self.failed += 1,
            Said::Unknown => self.unknown += 1,
        }
    }

    fn merge(&mut self, other: Self) {
        self.sent += other.sent;
        self.done += other.done;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.executed += other.executed;
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, done, failed, unknown, executed } = self;
        let untrue = done.saturating_sub(*executed);
        write!(
            f,
            "{sent:>4} sent, {done:>4} said done, {failed} failed, {unknown} unknown; {executed:>4} executed, {untrue} said done and were not"
        )
    }
}

#[derive(Clone, Copy)]
enum Said {
    Done,
    Failed,
    Unknown,
}

/// The transport that there was: it knows what a socket buffer took.
struct Legacy {
    stream: TcpStream,
    number: u16,
}

impl Legacy {
    async fn connect(device: &SimulatedDevice) -> Result<Self, Failure> {
        let mut stream = TcpStream::connect(device.local_addr()).await?;
        let mut greeting = [0; 64];
        let len =
            Packet::Handshake(Login::new(LEGACY, Secret::new(CODE), 60)).encode(&mut greeting)?;
        stream.write_all(&greeting[..len]).await?;
        stream.read_exact(&mut [0; 7]).await?;
        Ok(Self { stream, number: 0 })
    }

    async fn write(&mut self) -> Said {
        let mut packet = POWER_ON;
        packet[NUMBER..NUMBER + 2].copy_from_slice(&self.number.to_be_bytes());
        self.number += 1;
        match timeout(Duration::from_secs(2), self.stream.write_all(&packet)).await {
            Ok(Ok(())) => Said::Done,
            _ => Said::Failed,
        }
    }
}

/// The new transport, while the lamp is on that path.
#[derive(Default)]
struct Reliable {
    client: Option<Client>,
    under_way: HashSet<MessageId>,
    /// Messages that it was given, ever.
    given: u64,
}

/// Both transports of a lamp behind one `write`.
struct Lamp {
    endpoint: Endpoint,
    to: Destination,
    rollout: Arc<Rollout>,
    legacy: tokio::sync::Mutex<Legacy>,
    reliable: Mutex<Reliable>,
    device: SimulatedDevice,
}

impl Lamp {
    async fn new(endpoint: Endpoint, rollout: Arc<Rollout>) -> Result<Arc<Self>, Failure> {
        let chaos = ChaosConfig {
            packet_loss_rate: "20%".parse()?,
            latency: Duration::from_millis(20),
            ..ChaosConfig::NONE
        };
        let link = Link::both(u64::from(endpoint.0), chaos);
        let device = SimulatedDevice::start(DeviceOptions {
            address: ADDRESS,
            link,
            ..DeviceOptions::default()
        })
        .await?;
        let legacy = tokio::sync::Mutex::new(Legacy::connect(&device).await?);
        let reliable = Mutex::default();
        let to = Destination::device(ADDRESS).ok_or("1 to 254")?;
        Ok(Arc::new(Self { endpoint, to, rollout, legacy, reliable, device }))
    }

    fn reliable(&self) -> MutexGuard<'_, Reliable> {
        self.reliable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self) -> (Path, Said) {
        // Chosen and handed over in one step, so that `retire` misses nothing.
        let handed_over = {
            let mut reliable = self.reliable();
            match (self.rollout.path(self.endpoint), &reliable.client) {
                (Path::Reliable, Some(client)) => {
                    let sent = client.try_send(Command::Power { to: self.to, on: true });
                    reliable.given += 1;
                    if let Ok(sent) = &sent {
                        reliable.under_way.insert(sent.id());
                    }
                    Some(sent)
                }
                _ => None,
            }
        };
        let end = match handed_over {
            None => return (Path::Legacy, self.legacy.lock().await.write().await),
            Some(Err(refused)) => Err(refused),
            Some(Ok(sent)) => {
                let id = sent.id();
                let end = sent.await;
                self.reliable().under_way.remove(&id);
                end
            }
        };
        let said = match end {
            Ok(_) => Said::Done,
            Err(SendError::Unknown { .. }) => Said::Unknown,
            Err(_) => Said::Failed,
        };
        (Path::Reliable, said)
    }

    /// Before the lamp changes to the new path.
    async fn prepare(&self) -> Result<(), Failure> {
        if self.reliable().client.is_none() {
            let config = Config::greeter(self.endpoint, AuthCode::new(CODE)?);
            let client = Client::connect(self.device.local_addr(), config).await?;
            self.reliable().client = Some(client);
        }
        Ok(())
    }

    /// After the lamp has left the new path. A copy that was repeated from now on could undo what the legacy path writes: there is
    /// none once this returns.
    fn retire(&self) -> (Option<Client>, usize) {
        let mut reliable = self.reliable();
        let client = reliable.client.take();
        let ended =
            |client: &Client| reliable.under_way.iter().filter(|id| client.cancel(**id)).count();
        let cancelled = client.as_ref().map_or(0, ended);
        (client, cancelled)
    }
}

/// All lamps, and the switch.
struct Fleet {
    rollout: Arc<Rollout>,
    lamps: Vec<Arc<Lamp>>,
}

impl Fleet {
    async fn new() -> Result<Self, Failure> {
        let rollout = Arc::new(Rollout(AtomicU8::new(0)));
        let mut lamps = Vec::new();
        for number in 0..LAMPS {
            lamps.push(Lamp::new(Endpoint(0x4588_0f00 + number), Arc::clone(&rollout)).await?);
        }
        Ok(Self { rollout, lamps })
    }

    /// Sets the share, up or down. Says how many messages under way were cancelled.
    async fn set(&self, percent: u8) -> Result<usize, Failure> {
        let next = Rollout(AtomicU8::new(percent));
        let stays = |lamp: &&Arc<Lamp>| next.path(lamp.endpoint) == Path::Reliable;
        for lamp in self.lamps.iter().filter(stays) {
            lamp.prepare().await?;
        }
        self.rollout.0.store(percent, SeqCst);
        let left = self.lamps.iter().filter(|lamp| !stays(lamp));
        let retired: Vec<_> = left.map(|lamp| lamp.retire()).collect();
        let cancelled = retired.iter().map(|(_, cancelled)| cancelled).sum();
        // New messages are on the legacy path already; nobody waits for the connections' ends.
        for client in retired.into_iter().filter_map(|(client, _)| client) {
            tokio::spawn(async move { client.close().await });
        }
        Ok(cancelled)
    }

    /// A message for every lamp.
    fn write(&self) -> Vec<JoinHandle<(Path, Said)>> {
        let write = |lamp: &Arc<Lamp>| {
            let lamp = Arc::clone(lamp);
            tokio::spawn(async move { lamp.write().await })
        };
        self.lamps.iter().map(write).collect()
    }

    fn reliable_lamps(&self) -> usize {
        let on_it = |lamp: &&Arc<Lamp>| self.rollout.path(lamp.endpoint) == Path::Reliable;
        self.lamps.iter().filter(on_it).count()
    }

    /// Some messages for every lamp, all lamps at once, and what became of them, by path.
    async fn traffic(&self) -> Result<[Outcomes; 2], Failure> {
        let lamps = self.lamps.iter().map(|lamp| tokio::spawn(lamp_traffic(Arc::clone(lamp))));
        let mut total = [Outcomes::default(); 2];
        for lamp in lamps.collect::<Vec<_>>() {
            let (path, outcomes) = lamp.await??;
            total[path as usize].merge(outcomes);
        }
        Ok(total)
    }
}

async fn lamp_traffic(lamp: Arc<Lamp>) -> Result<(Path, Outcomes), Failure> {
    let (applied, dropped) =
        (lamp.device.applied_count(), lamp.device.link_counts().to_device.dropped);
    let path = lamp.rollout.path(lamp.endpoint);
    let mut outcomes = Outcomes::default();
    for _ in 0..MESSAGES {
        let (taken, said) = lamp.write().await;
        assert_eq!(taken, path, "a device stays on its side");
        outcomes.add(said);
    }
    // A legacy write is executed or lost a while after it was called done; a reliable one is executed by then, or nearly.
    let executed = || lamp.device.applied_count() - applied;
    let lost = || lamp.device.link_counts().to_device.dropped - dropped;
    let over = || executed() + if path == Path::Legacy { lost() } else { 0 } >= outcomes.done;
    wait_until(over).await?;
    outcomes.executed = executed();
    Ok((path, outcomes))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    the_switch_is_sticky();
    let fleet = Fleet::new().await?;
    let mut total = [Outcomes::default(); 2];
    for percent in [0, 10, 50, 100] {
        fleet.set(percent).await?;
        let step = fleet.traffic().await?;
        println!("{percent:>3} %: {} of {LAMPS} lamps on the new path", fleet.reliable_lamps());
        for (path, outcomes) in ["legacy", "reliable"].into_iter().zip(step) {
            if outcomes.sent > 0 {
                println!("       {path:<8} {outcomes}");
            }
        }
        total.iter_mut().zip(step).for_each(|(total, step)| total.merge(step));
        let [_, reliable] = step;
        // What has to hold before the share grows.
        assert!(reliable.done <= reliable.executed, "what was said to be done is done");
        assert!(reliable.executed <= reliable.sent, "and nothing was done twice");
        assert!(reliable.done * 100 >= reliable.sent * 99, "99 of 100 are done");
    }
    let [legacy, reliable] = total;
    println!("all    legacy   {legacy}\nall    reliable {reliable}");
    assert!(legacy.executed < legacy.done, "the legacy path says done of what was lost");

    roll_back(&fleet).await
}

/// Back to nobody, while messages are under way.
async fn roll_back(fleet: &Fleet) -> Result<(), Failure> {
    let given = || fleet.lamps.iter().map(|lamp| lamp.reliable().given).sum::<u64>();
    let goal = given() + u64::from(LAMPS);
    let under_way = fleet.write();
    wait_until(|| given() == goal).await?;
    let cancelled = fleet.set(0).await?;
    assert_eq!(fleet.reliable_lamps(), 0);

    // New messages go the legacy way at once: the others have not even been told of their ends.
    for end in fleet.write() {
        assert_eq!(end.await?.0, Path::Legacy);
    }
    // And every message of before has an end.
    let mut before = [Outcomes::default(); 2];
    for end in under_way {
        let (path, said) = end.await?;
        before[path as usize].add(said);
    }
    let [_, reliable] = before;
    assert!(cancelled as u64 <= reliable.unknown + reliable.failed);
    println!(
        "  0 %: rolled back; {cancelled} messages under way were cancelled, {} were done before, and all new ones went the legacy way",
        reliable.done
    );
    Ok(())
}

/// Nobody at 0 %, everybody at 100 %, about as many as it says in between, and none that goes back as the share grows.
fn the_switch_is_sticky() {
    let devices = || (0..10_000).map(|number| Endpoint(0x4588_0000 + number));
    let share = |percent| {
        let rollout = Rollout(AtomicU8::new(percent));
        devices().filter(|device| rollout.path(*device) == Path::Reliable).collect::<HashSet<_>>()
    };
    assert!(share(0).is_empty());
    assert_eq!(share(100).len(), 10_000);
    for (less, more) in [(0, 1), (1, 10), (10, 50), (50, 99), (99, 100)] {
        assert!(share(less).is_subset(&share(more)), "{less} % is a part of {more} %");
        assert!(share(more).len().abs_diff(usize::from(more) * 100) <= 150, "{more} %");
    }
}

async fn wait_until(over: impl Fn() -> bool) -> Result<(), tokio::time::error::Elapsed> {
    timeout(Duration::from_secs(10), async {
        while !over() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}
