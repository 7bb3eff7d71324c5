//! Measurements on real sockets of this machine: other ones each time.

use super::figures::{Group, Measured, Times};
use super::simulated::{COMMANDS, DEVICES, ROUNDS, SAMPLES};
use cync_core::wire::{
    Channel, ChecksumMode, Command, Destination, Direction, Endpoint, Frame, Framer, Login,
    LoginAck, MAX_PACKET, MsgId, Packet, PacketType, Prefix, Resync, Secret, ShortAck, StatusCode,
    op,
};
use cync_core::{AuthCode, Config};
use cync_sim::net::{DeviceOptions, SimulatedDevice};
use cync_sim::{CANARY, Device};
use cync_tokio::{Client, SendError, compat};
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Everything together takes no longer.
const LIMIT: Duration = Duration::from_secs(20);

type Failed = Box<dyn Error + Send + Sync>;

/// Measures everything against simulated devices on free ports.
pub(crate) async fn measure() -> Result<Measured, String> {
    let all = async {
        let device = SimulatedDevice::start(DeviceOptions::default()).await?;
        let to = device.local_addr();
        let (commands, repeated) = commands(to).await?;
        let (data, heartbeat) = data_and_heartbeats(to).await?;
        let acks = [hellos(to).await?, data, states().await?, heartbeat];
        Ok::<_, Failed>(Measured { commands, repeated, acks, group: group().await? })
    };
    match tokio::time::timeout(LIMIT, all).await {
        Ok(measured) => measured.map_err(|error| format!("the sockets failed: {error}")),
        Err(_) => Err(format!("the sockets took longer than {} s", LIMIT.as_secs())),
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn config(endpoint: u32) -> Result<Config, Failed> {
    Ok(Config::greeter(Endpoint(endpoint), AuthCode::new(CANARY)?))
}

async fn client(to: SocketAddr, endpoint: u32) -> Result<Client, Failed> {
    let builder = Client::builder(config(endpoint)?).seed(crate::entropy::seed());
    let client = builder.reconnect(false).connect(to).await?;
    drain(&client);
    Ok(client)
}

/// Takes what the peer sends, as an application does.
fn drain(client: &Client) {
    let client = client.clone();
    tokio::spawn(async move { while client.recv().await.is_some() {} });
}

/// Sends a command: how long until it was acknowledged, and how often it was handed over.
async fn switch(client: &Client, on: bool) -> Result<(Option<u64>, u64), SendError> {
    let began = Instant::now();
    let receipt = client.send(Command::Power { to: Destination::ALL, on }).await?;
    Ok((Some(micros(began)), receipt.attempts.into()))
}

async fn commands(to: SocketAddr) -> Result<(Times, u64), Failed> {
    let client = client(to, 1).await?;
    let (mut times, mut repeated) = (Vec::new(), 0);
    for nth in 0..COMMANDS {
        let (time, copies) = switch(&client, nth % 2 == 0).await.unwrap_or((None, 1));
        times.push(time);
        repeated += copies.saturating_sub(1);
    }
    client.close().await;
    Ok((times.into_iter().collect(), repeated))
}

async fn group() -> Result<Group, Failed> {
    let (mut devices, mut clients) = (Vec::new(), Vec::new());
    for _ in 0..DEVICES {
        let device = SimulatedDevice::start(DeviceOptions::default()).await?;
        clients.push(client(device.local_addr(), 1).await?);
        devices.push(device);
    }
    let (mut rounds, mut commands, mut repeated) = (Vec::new(), Vec::new(), 0);
    for round in 0..ROUNDS {
        let began = Instant::now();
        let mut all = JoinSet::new();
        for client in &clients {
            let client = client.clone();
            all.spawn(async move { switch(&client, round % 2 == 0).await });
        }
        let each: Vec<_> =
            all.join_all().await.into_iter().map(|sent| sent.unwrap_or((None, 1))).collect();
        rounds.push(each.iter().all(|(time, _)| time.is_some()).then(|| micros(began)));
        repeated += each.iter().map(|(_, copies)| copies.saturating_sub(1)).sum::<u64>();
        commands.extend(each.into_iter().map(|(time, _)| time));
    }
    let (rounds, commands) = (rounds.into_iter().collect(), commands.into_iter().collect());
    Ok(Group { rounds, commands, repeated, deepest_queue: None })
}

/// One end of a connection without a session: it times the session at the other end.
struct Wire {
    stream: TcpStream,
    framer: Framer,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were not looked at.
    rest: std::ops::Range<usize>,
}

impl Wire {
    fn new(stream: TcpStream) -> Result<Self, Failed> {
        stream.set_nodelay(true)?;
        let framer = Framer::new(Resync::Close);
        Ok(Self { stream, framer, buffer: vec![0; MAX_PACKET], rest: 0..0 })
    }

    async fn dial(to: SocketAddr) -> Result<Self, Failed> {
        Self::new(TcpStream::connect(to).await?)
    }

    async fn say(&mut self, packet: &Packet<'_>) -> Result<(), Failed> {
        let mut bytes = [0; MAX_PACKET];
        let len = packet.encode(&mut bytes)?;
        self.stream.write_all(bytes.get(..len).unwrap_or_default()).await?;
        Ok(())
    }

    /// Waits for a packet of this type. States are acknowledged meanwhile; other packets do not matter.
    async fn hear(&mut self, kind: PacketType) -> Result<(), Failed> {
        loop {
            let mut input = self.buffer.get(self.rest.clone()).unwrap_or_default();
            let before = input.len();
            let packet = self.framer.next(&mut input);
            self.rest.start += before - input.len();
            let Some(packet) = packet else {
                let len = self.stream.read(&mut self.buffer).await?;
                if len == 0 {
                    return Err("the other end has closed the connection".into());
                }
                self.rest = 0..len;
                continue;
            };
            let packet = Packet::decode(packet?, ChecksumMode::Strict)?;
            let heard = packet.kind();
            if let Packet::StatusBroadcast(channel) = packet {
                let msg_id = channel.prefix.msg_id;
                self.say(&Packet::StatusAck(ShortAck { msg_id, status: StatusCode::OK })).await?;
            }
            if heard == kind {
                return Ok(());
            }
        }
    }

    /// How long a packet waits for the answer of this type.
    async fn time(&mut self, packet: &Packet<'_>, ack: PacketType) -> Result<Option<u64>, Failed> {
        let began = Instant::now();
        self.say(packet).await?;
        self.hear(ack).await?;
        Ok(Some(micros(began)))
    }
}

fn hello(endpoint: u32) -> Packet<'static> {
    Packet::Handshake(Login::new(Endpoint(endpoint), Secret::new(CANARY), 60))
}

/// Every greeting on a connection of its own.
async fn hellos(to: SocketAddr) -> Result<Times, Failed> {
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let mut wire = Wire::dial(to).await?;
        times.push(wire.time(&hello(2), PacketType::HelloAck).await?);
    }
    Ok(times.into_iter().collect())
}

fn prefix(number: u16) -> Prefix {
    Prefix { endpoint: Endpoint(3), msg_id: MsgId(number), flag: 0 }
}

async fn data_and_heartbeats(to: SocketAddr) -> Result<(Times, Times), Failed> {
    let mut wire = Wire::dial(to).await?;
    wire.time(&hello(3), PacketType::HelloAck).await?;
    let (mut data, mut heartbeats) = (Vec::new(), Vec::new());
    for number in 0..SAMPLES {
        let command = Command::Power { to: Destination::ALL, on: number % 2 == 0 };
        let bytes = command.data(number.into());
        let frame = Frame::request(number.into(), command.op(), &bytes);
        let packet = Packet::DataChannel(Channel { prefix: prefix(number), frame });
        data.push(wire.time(&packet, PacketType::DataAck).await?);
        // What else there is to say about the command is not to be waited for with the next.
        wire.hear(PacketType::StatusBroadcast).await?;
        heartbeats.push(wire.time(&Packet::HeartbeatDev, PacketType::HeartbeatCloud).await?);
    }
    Ok((data.into_iter().collect(), heartbeats.into_iter().collect()))
}

/// States that a device without a session announces to a session.
async fn states() -> Result<Times, Failed> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let client = Client::builder(config(3)?).seed(crate::entropy::seed()).build()?;
    let driver = client.drive(compat(TcpStream::connect(listener.local_addr()?).await?));
    tokio::spawn(driver.run());
    drain(&client);
    let mut wire = Wire::new(listener.accept().await?.0)?;
    wire.hear(PacketType::Handshake).await?;
    wire.say(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 })).await?;
    let mut times = Vec::new();
    for number in 0..SAMPLES {
        let data = Device::new(1).announcement().data(number.into());
        let frame = Frame::new(number.into(), Direction::ANNOUNCE, op::STATUS, &data);
        let packet = Packet::StatusBroadcast(Channel { prefix: prefix(number), frame });
        times.push(wire.time(&packet, PacketType::StatusAck).await?);
    }
    Ok(times.into_iter().collect())
}
