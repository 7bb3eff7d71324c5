//! What is wrong on the wire.

use crate::*;
use cync_core::Unknown;
use cync_core::wire::{
    Channel, ChecksumMode, Endpoint, Frame, Framer, MsgId, Packet, Prefix, Resync,
};
use cync_sim::corrupt;
use std::num::NonZeroU16;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that is played by hand, greeted.
struct Talk {
    stream: TcpStream,
    framer: Box<Framer>,
    bytes: Vec<u8>,
}

impl Talk {
    async fn greeted(device: &cync_sim::net::SimulatedDevice) -> Self {
        let stream = TcpStream::connect(device.local_addr()).await.unwrap();
        let framer = Box::new(Framer::new(Resync::Close));
        let mut talk = Self { stream, framer, bytes: Vec::new() };
        talk.say(&solo::hello()).await;
        assert_eq!(talk.hear().await, [0x28, 0, 0, 0, 2, 0, 0]);
        talk
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn hear(&mut self) -> Vec<u8> {
        loop {
            let mut input = self.bytes.as_slice();
            let packet = self.framer.next(&mut input).map(|packet| packet.unwrap().to_vec());
            self.bytes = input.to_vec();
            if let Some(packet) = packet {
                return packet;
            }
            let len = soon(self.stream.read_buf(&mut self.bytes)).await.unwrap();
            assert_ne!(len, 0, "the device closed the connection");
        }
    }

    /// The types of the next packets.
    async fn kinds<const N: usize>(&mut self) -> [u8; N] {
        let mut kinds = [0; N];
        for kind in &mut kinds {
            *kind = self.hear().await[0];
        }
        kinds
    }
}

/// A command to switch the lamp on.
fn command(number: u16) -> Vec<u8> {
    let prefix = Prefix { endpoint: Endpoint(7), msg_id: MsgId(number), flag: 0 };
    let data = power(true).data(u32::from(number));
    let frame = Frame::request(u32::from(number), power(true).op(), &data);
    solo::bytes_of(&Packet::DataChannel(Channel { prefix, frame }))
}

#[tokio::test]
async fn an_invalid_packet_is_answered_and_harms_nothing() {
    let device = calm_device().await;
    let mut talk = Talk::greeted(&device).await;
    let mut wrong_sum = command(1);
    assert!(corrupt(&mut wrong_sum, 1, 1));
    let no_markers = [0x73, 0, 0, 0, 10, 0, 0, 0, 7, 0, 2, 0, 1, 2, 3];
    for (number, packet) in [(1, wrong_sum.as_slice()), (2, &no_markers)] {
        talk.say(packet).await;
        assert_eq!(talk.hear().await, [0x7b, 0, 0, 0, 7, 0, 0, 0, 7, 0, number, 0]);
    }
    talk.say(&[0x55, 0, 0, 0, 1, 9]).await;
    talk.say(&command(3)).await;
    let mut kinds: [u8; 3] = talk.kinds().await;
    kinds.sort_unstable();
    assert_eq!(kinds, [0x73, 0x7b, 0x83], "receipt, result and status of the good one, only");
    assert_eq!((device.applied_count(), device.state().on), (1, true));
}

#[tokio::test]
async fn a_checksum_mismatch_from_the_device_is_counted_and_dropped() {
    let chaos = ChaosConfig { corruption_rate: percent(100), ..ChaosConfig::NONE };
    let device = device(from_device(chaos)).await;
    let client = connect(&device, solo::greeter()).await;
    assert_eq!(device.announce(), 1);
    // A receipt has no checksum; it comes behind the announcement.
    soon(client.send(power(true))).await.unwrap();
    let stats = client.stats();
    assert!((1..=3).contains(&stats.decode_errors.invalid_checksum), "{stats:?}");
    assert_eq!(stats.decode_errors.total(), stats.decode_errors.invalid_checksum);
    assert_eq!(stats.accepted, 0);
    let heard = tokio::time::timeout(MS, client.recv()).await;
    assert!(heard.is_err(), "{heard:?}");
    assert_eq!(client.state(), State::Ready);
}

#[tokio::test]
async fn a_command_times_out_after_exactly_the_allowed_transmissions() {
    let loss = ChaosConfig { packet_loss_rate: percent(100), ..ChaosConfig::NONE };
    for (link, executed) in [(to_device(loss.clone()), 0), (from_device(loss.clone()), 1)] {
        let device = device(link).await;
        let mut config = config(100 * MS);
        config.retry.max_attempts = NonZeroU16::new(3);
        let client = connect(&device, config).await;
        let result = soon(client.send(power(true))).await;
        let Err(SendError::Unknown { why: Unknown::Timeout, receipt }) = result else {
            panic!("{result:?}");
        };
        assert_eq!((receipt.attempts, receipt.stage), (3, Some(Stage::Sent)));
        assert_eq!(client.stats().retransmissions.total(), 2);
        let took = receipt.done_at.since(receipt.queued_at);
        assert!(took >= 300 * MS, "{took:?}");
        assert_eq!(device.applied_count(), executed, "it is unknown to the client");
        assert_eq!(device.link_counts().to_device.packets, 3);
    }
}

#[test]
fn the_packet_of_the_specification_with_a_wrong_checksum_is_no_packet() {
    let bytes = [0x73, 0, 0, 0, 8, 0x7e, 1, 2, 3, 4, 5, 0x99, 0x7e];
    assert!(Packet::decode(&bytes, ChecksumMode::Strict).is_err());
}
