//! A peer that the behaviour plays, packet by packet.

use crate::stage::*;
use cync_core::wire::{
    ChecksumMode, Framer, LoginAck, MAX_PACKET, Packet, Receipt, Resync, StatusCode,
};
use cync_core::{Config, Request};
use cync_runtime::testing::{Cable, Pipe, pipe};
use cync_runtime::{End, SendError};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A sign of life.
const ALIVE: [u8; 5] = [0xd3, 0, 0, 0, 0];

/// A peer whose packets are written by hand. It reads only while it hears.
pub(crate) struct Talk {
    stream: Pipe,
    framer: Box<Framer>,
    buffer: Vec<u8>,
}

/// A message as a [`Talk`] heard it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Heard {
    /// What acknowledges it, with the status to be changed at will.
    pub(crate) receipt: Receipt,
    /// The first byte of its data.
    pub(crate) number: Option<u8>,
}

impl Talk {
    pub(crate) fn new(stream: Pipe) -> Self {
        Self { stream, framer: Box::new(Framer::new(Resync::Close)), buffer: Vec::new() }
    }

    /// Waits for a greeting and answers it.
    pub(crate) async fn greeted(stream: Pipe) -> Self {
        let mut talk = Self::new(stream);
        assert_eq!(talk.hear().await.unwrap().first(), Some(&0x23));
        talk.say(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 })).await;
        talk
    }

    /// What is known of the stream, and can be done to it.
    pub(crate) fn cable(&self) -> Cable {
        self.stream.cable()
    }

    /// The next packet; `None` at the end of the connection.
    pub(crate) async fn hear(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut input = self.buffer.as_slice();
            if let Some(packet) = self.framer.next(&mut input) {
                let (packet, rest) = (packet.unwrap().to_vec(), input.len());
                self.buffer.drain(..self.buffer.len() - rest);
                return Some(packet);
            }
            self.buffer.clear();
            let mut read = [0; 4096];
            let len = self.stream.read(&mut read).await.unwrap();
            if len == 0 {
                return None;
            }
            self.buffer.extend_from_slice(&read[..len]);
        }
    }

    /// The next message; anything else is passed over.
    pub(crate) async fn hear_message(&mut self) -> Heard {
        loop {
            let bytes = self.hear().await.unwrap();
            let packet = Packet::decode(&bytes, ChecksumMode::Strict).unwrap();
            if let Packet::DataChannel(channel) = packet {
                let (endpoint, msg_id) = (channel.prefix.endpoint, channel.prefix.msg_id);
                let receipt = Receipt { endpoint, msg_id, status: StatusCode::OK };
                return Heard { receipt, number: channel.frame.data.bytes().next() };
            }
        }
    }

    /// Waits for the message with this number; copies of those with smaller ones are passed over.
    pub(crate) async fn hear_number(&mut self, number: u8) -> Heard {
        loop {
            let heard = self.hear_message().await;
            if heard.number >= Some(number) {
                assert_eq!(heard.number, Some(number));
                return heard;
            }
        }
    }

    pub(crate) async fn say(&mut self, packet: &Packet<'_>) {
        let mut bytes = [0; MAX_PACKET];
        let len = packet.encode(&mut bytes).unwrap();
        self.write(&bytes[..len]).await;
    }

    /// Acknowledges a message with success.
    pub(crate) async fn acknowledge(&mut self, heard: Heard) {
        self.say(&Packet::DataAck(heard.receipt)).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Says signs of life until the connection ends, and never reads.
    pub(crate) fn chatter(mut self, world: &World) -> Handle<()> {
        let clock = world.clone();
        spawn(world, async move {
            while self.stream.write_all(&ALIVE).await.is_ok() {
                clock.sleep(SECOND / 10).await;
            }
        })
    }
}

/// A client that is ready, its driver, and its peer, which the behaviour plays; the stream between them holds `capacity` bytes
/// each way.
pub(crate) async fn talking(
    world: &World,
    config: Config,
    capacity: usize,
) -> (Client, Handle<End>, Talk) {
    let client = client(world, config);
    let (near, far) = pipe(capacity);
    let driver = drive(world, &client, near);
    let talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    (client, driver, talk)
}

/// A request whose data is a number, which no other supersedes.
pub(crate) fn numbered(number: &[u8; 1]) -> Request<'_> {
    Request::frame(0x99, number)
}

/// Sends a number, in a task of its own.
pub(crate) fn send(
    world: &World,
    client: &Client,
    number: u8,
) -> Handle<Result<cync_core::Receipt, SendError>> {
    let client = client.clone();
    spawn(world, async move { client.send(numbered(&[number])).await })
}

/// The configuration of a side that greets, with these limits.
pub(crate) fn narrow(window: u16, queue: u16) -> Config {
    let mut config = greeter();
    (config.window, config.queue.limit) = (window, queue);
    config
}
