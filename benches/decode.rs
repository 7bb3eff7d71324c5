//! Packets of 40 bytes, read in chunks of 1460: this library beside a loop that does the least any reader must do.
//!
//! The minimum loop reads type, length, endpoint, message id and operation at fixed places and puts packets together that
//! cross a chunk's border. It verifies nothing: no checksum, no markers, no inner length. A second one also sums up the frame, as
//! anyone has to who wants to know whether it is whole.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cync_core::wire::{
    Channel, ChecksumMode, Endpoint, Frame, Framer, MsgId, Packet, Prefix, Resync, op,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const PACKETS: usize = 1460;
const PACKET: usize = 40;
const CHUNK: usize = 1460;

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "counting allocations needs a global allocator")]
// SAFETY: both methods hand their arguments to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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

fn look(packet: &[u8]) {
    let endpoint = u32::from_be_bytes([packet[5], packet[6], packet[7], packet[8]]);
    let msg_id = u16::from_be_bytes([packet[9], packet[10]]);
    see(endpoint, msg_id, packet[18], packet[0]);
}

fn look_and_sum(packet: &[u8]) {
    let [covered @ .., checksum, _] = &packet[18..] else { panic!("the packet is framed") };
    let sum = covered.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    assert_eq!(sum, *checksum);
    look(packet);
}

fn decode(criterion: &mut Criterion) {
    let stream = stream();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let mut framer = Framer::new(Resync::Close);
    let packets = ours(&mut framer, &stream);
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    println!("{allocations} allocations for {packets} packets");
    assert_eq!((packets, allocations), (PACKETS, 0));
    assert_eq!(Minimum::new().run(&stream, look), PACKETS);
    assert_eq!(Minimum::new().run(&stream, look_and_sum), PACKETS);

    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(PACKETS as u64));
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    group.bench_function("minimum", |bencher| {
        let mut minimum = Minimum::new();
        bencher.iter(|| minimum.run(black_box(&stream), look));
    });
    group.bench_function("minimum_and_checksum", |bencher| {
        let mut minimum = Minimum::new();
        bencher.iter(|| minimum.run(black_box(&stream), look_and_sum));
    });
    group.bench_function("framer_and_packet", |bencher| {
        let mut framer = Framer::new(Resync::Close);
        bencher.iter(|| ours(&mut framer, black_box(&stream)));
    });
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
