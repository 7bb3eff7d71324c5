//! Packets of 40 bytes, read in chunks of 1460: this library, `tokio-util`'s codec, and the least that any reader must do.
//!
//! - **minimum** reads type, length, endpoint, message id and operation at fixed places and puts packets together that cross a
//!   chunk's border. It verifies nothing: no checksum, no markers, no inner length.
//! - **minimum and checksum** also sums up the frame, as anyone has to who wants to know whether it is whole.
//! - **LengthDelimitedCodec and checksum** puts the same behind `tokio_util::codec::LengthDelimitedCodec`, which cuts the stream into
//!   reference-counted pieces of a growing buffer.
//!
//! This library also un-stuffs, and verifies markers and the inner length.

use crate::contest::{Contender, Contest, TURN};
use bytes::BytesMut;
use cync_core::wire::{
    Channel, ChecksumMode, Endpoint, Frame, Framer, MsgId, Packet, Prefix, Resync, op,
};
use std::hint::black_box;
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

/// Packets of the stream.
pub const PACKETS: usize = 1460;
const PACKET: usize = 40;
const CHUNK: usize = 1460;
/// What `FramedRead` reserves, too.
const CAPACITY: usize = 8 * 1024;

/// The contest; one work is one packet.
pub const CONTEST: Contest = Contest { name: "decode", turn: TURN, contenders };

fn contenders() -> Vec<Contender> {
    let mut framer = Framer::new(Resync::Close);
    let (mut codec, mut buffer) = (codec(), BytesMut::with_capacity(CAPACITY));
    let [mut plain, mut summing] = [Minimum::new(), Minimum::new()];
    vec![
        reader("cync", move |stream| ours(&mut framer, stream)),
        reader("LengthDelimitedCodec and checksum", move |stream| {
            length_delimited(&mut codec, &mut buffer, stream)
        }),
        reader("minimum and checksum", move |stream| summing.run(stream, look_and_sum)),
        reader("minimum", move |stream| plain.run(stream, look)),
    ]
}

/// Reads the whole stream as often as needed to have read so many packets.
fn reader(name: &'static str, mut read: impl FnMut(&[u8]) -> usize + 'static) -> Contender {
    let stream = stream();
    Contender::new(name, move |packets| {
        for _ in 0..packets.div_ceil(PACKETS as u64) {
            assert_eq!(read(black_box(&stream)), PACKETS);
        }
    })
}

fn stream() -> Vec<u8> {
    let mut stream = Vec::new();
    for number in 0..PACKETS {
        let number = u16::try_from(number).expect("few packets");
        // Values that are not stuffed, and a sum that is not: every packet has the same length.
        let mut data = [0x11; 17];
        data[16] = (number % 0x40) as u8;
        let prefix = Prefix { endpoint: Endpoint(0x4588_0f3a), msg_id: MsgId(number), flag: 0 };
        let counter = u32::from(number) & 0x3f3f;
        let packet = Packet::DataChannel(Channel {
            prefix,
            frame: Frame::request(counter, op::COMBINED, &data),
        });
        let mut out = [0; 64];
        let len = packet.encode(&mut out).expect("64 bytes are enough");
        assert_eq!(len, PACKET);
        stream.extend_from_slice(&out[..len]);
    }
    stream
}

#[inline]
fn see(endpoint: u32, msg_id: u16, operation: u8, kind: u8) {
    black_box((endpoint, msg_id, operation, kind));
}

fn ours(framer: &mut Framer, stream: &[u8]) -> usize {
    let mut packets = 0;
    for chunk in stream.chunks(CHUNK) {
        let mut input = chunk;
        while let Some(item) = framer.next(&mut input) {
            let bytes = item.expect("the stream is sound");
            let packet = Packet::decode(bytes, ChecksumMode::Strict).expect("the packet is sound");
            if let Packet::DataChannel(channel) = &packet {
                let Prefix { endpoint, msg_id, .. } = channel.prefix;
                see(endpoint.0, msg_id.0, channel.frame.op, packet.kind().byte());
                packets += 1;
            }
        }
    }
    packets
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .length_field_offset(1)
        .length_field_type::<u32>()
        .length_adjustment(5)
        .num_skip(0)
        .new_codec()
}

fn length_delimited(
    codec: &mut LengthDelimitedCodec,
    buffer: &mut BytesMut,
    stream: &[u8],
) -> usize {
    let mut packets = 0;
    for chunk in stream.chunks(CHUNK) {
        buffer.extend_from_slice(chunk);
        while let Some(packet) = codec.decode(buffer).expect("the stream is sound") {
            look_and_sum(&packet);
            packets += 1;
        }
    }
    packets
}

/// The least any reader must do, with its own buffer for packets that cross a border.
struct Minimum {
    carry: [u8; 4101],
    held: usize,
}

impl Minimum {
    const fn new() -> Self {
        Self { carry: [0; 4101], held: 0 }
    }

    #[inline]
    fn run(&mut self, stream: &[u8], look: impl Fn(&[u8])) -> usize {
        let mut packets = 0;
        for chunk in stream.chunks(CHUNK) {
            let mut at = 0;
            while self.held > 0 {
                let want = if self.held < 5 { 5 } else { total(&self.carry) };
                let take = (want - self.held).min(chunk.len() - at);
                self.carry[self.held..self.held + take].copy_from_slice(&chunk[at..at + take]);
                self.held += take;
                at += take;
                if self.held < want {
                    break;
                }
                if self.held == total(&self.carry) {
                    look(&self.carry[..self.held]);
                    packets += 1;
                    self.held = 0;
                }
            }
            while chunk.len() - at >= 5 {
                let end = at + total(&chunk[at..]);
                if end > chunk.len() {
                    break;
                }
                look(&chunk[at..end]);
                packets += 1;
                at = end;
            }
            let rest = &chunk[at..];
            if !rest.is_empty() {
                self.carry[..rest.len()].copy_from_slice(rest);
                self.held = rest.len();
            }
        }
        packets
    }
}

fn total(bytes: &[u8]) -> usize {
    let length = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
    5 + length as usize
}

#[inline]
fn look(packet: &[u8]) {
    let endpoint = u32::from_be_bytes([packet[5], packet[6], packet[7], packet[8]]);
    let msg_id = u16::from_be_bytes([packet[9], packet[10]]);
    see(endpoint, msg_id, packet[18], packet[0]);
}

#[inline]
fn look_and_sum(packet: &[u8]) {
    let [covered @ .., checksum, _] = &packet[18..] else { panic!("the packet is framed") };
    let sum = covered.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    assert_eq!(sum, *checksum);
    look(packet);
}
