//! A write that says whether the device has it, in the place of one that says whether a socket buffer has it.
//!
//! Both write the same raw bytes to a device behind a link that loses three packets of ten, each way.

use cync_core::wire::{Endpoint, Login, Packet, PacketType, Secret};
use cync_core::{AuthCode, Config, Request, RetryPolicy};
use cync_sim::ChaosConfig;
use cync_sim::net::{DeviceOptions, Link, SimulatedDevice};
use cync_tokio::Client;
use std::error::Error;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const COMMANDS: u16 = 20;
const ENDPOINT: Endpoint = Endpoint(0x2de4_b5d2);
const CODE: &[u8; 16] = b"0123456789abcdef";
/// "Power on" for device 5, as legacy code has it: a header, a prefix with a message number, and from `FRAME` on the frame.
const POWER_ON: [u8; 36] = [
    0x73, 0, 0, 0, 0x1f, 0x2d, 0xe4, 0xb5, 0xd2, 0x15, 0x37, 0, // header and prefix
    0x7e, 0x21, 0, 0, 0, 0xf8, 0xd0, 0x0d, 0, 0x21, 0, 0, 0, 0, 5, 0, 0xd0, 0x11, 2, 1, 0, 0, 0xe7,
    0x7e,
];
const NUMBER: usize = 9;
const FRAME: usize = 12;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (said, did) = legacy().await?;
    println!("legacy:   {said} of {COMMANDS} writes said true, {did} commands were executed");
    assert_eq!(said, u64::from(COMMANDS), "whatever became of it");
    assert!(did < said, "some never arrived");

    let (said, did) = reliable().await?;
    println!("reliable: {said} of {COMMANDS} writes said true, {did} commands were executed");
    // A write whose four attempts are all lost says false; and so does one that is executed, and whose answers are all lost.
    assert!(said > u64::from(COMMANDS) / 2 && said < u64::from(COMMANDS));
    assert!(said <= did, "whatever was said to have arrived has");
    assert!(did <= u64::from(COMMANDS), "and nothing was executed twice");
    Ok(())
}

/// `writer.write(data)`, then `wait_for(writer.drain(), 2.0)`.
async fn legacy_write(writer: &mut TcpStream, data: &[u8]) -> bool {
    let drained = async {
        writer.write_all(data).await?;
        writer.flush().await
    };
    matches!(timeout(Duration::from_secs(2), drained).await, Ok(Ok(())))
}

/// What takes its place. False is "refused, or not known to have arrived"; the error that is dropped here says which.
async fn reliable_write(client: &Client, frame: &[u8]) -> bool {
    client.send(Request::raw(PacketType::DataChannel, frame)).await.is_ok()
}

fn reliable_config() -> Result<Config, Box<dyn Error>> {
    let mut config = Config::greeter(ENDPOINT, AuthCode::new(CODE)?);
    config.deadline = Duration::from_secs(5);
    // 4 attempts, which are 3 retries: after 0.25 s, 0.5 s and 1 s, each a little later, beyond the time for an answer.
    config.retry = RetryPolicy::exponential();
    Ok(config)
}

async fn legacy() -> Result<(u64, u64), Box<dyn Error>> {
    let device = lossy_device().await?;
    let mut stream = TcpStream::connect(device.local_addr()).await?;
    let mut greeting = [0; 64];
    let login = Login::new(ENDPOINT, Secret::new(CODE), 60);
    let len = Packet::Handshake(login).encode(&mut greeting)?;
    stream.write_all(&greeting[..len]).await?;
    stream.read_exact(&mut [0; 7]).await?;

    let mut said = 0;
    for number in 0..COMMANDS {
        let mut packet = POWER_ON;
        packet[NUMBER..NUMBER + 2].copy_from_slice(&number.to_be_bytes());
        said += u64::from(legacy_write(&mut stream, &packet).await);
    }
    // Every command is executed or lost.
    let over = || device.applied_count() + device.link_counts().to_device.dropped >= said;
    wait_until(over).await?;
    Ok((said, device.applied_count()))
}

async fn reliable() -> Result<(u64, u64), Box<dyn Error>> {
    let device = lossy_device().await?;
    let client = Client::connect(device.local_addr(), reliable_config()?).await?;
    let writes: Vec<_> = (0..COMMANDS)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { reliable_write(&client, &POWER_ON[FRAME..]).await })
        })
        .collect();
    let mut said = 0;
    for write in writes {
        said += u64::from(write.await?);
    }
    // A command is acknowledged just before it is executed.
    wait_until(|| device.applied_count() >= said).await?;
    client.close().await;
    Ok((said, device.applied_count()))
}

async fn lossy_device() -> Result<SimulatedDevice, Box<dyn Error>> {
    let chaos = ChaosConfig { packet_loss_rate: "30%".parse()?, ..ChaosConfig::NONE };
    let options =
        DeviceOptions { address: 5, link: Link::both(5, chaos), ..DeviceOptions::default() };
    Ok(SimulatedDevice::start(options).await?)
}

async fn wait_until(over: impl Fn() -> bool) -> Result<(), tokio::time::error::Elapsed> {
    timeout(Duration::from_secs(5), async {
        while !over() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}
