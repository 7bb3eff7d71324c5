use super::*;
use crate::Ppm;
use crate::net::Link;
use cync_core::wire::{Channel, ChecksumMode, Endpoint, Frame, MAX_PACKET, MsgId, Packet, Prefix};
use tokio::time::timeout;

fn pump(io: DuplexStream, chaos: ChaosConfig) -> (DuplexStream, impl Future<Output = ()>) {
    let weather = Arc::new(Weather::new(Link::both(1, chaos)));
    impair(io, weather, Arc::new(Track::new(Endpoint(1))))
}

fn fine(io: DuplexStream) -> (DuplexStream, impl Future<Output = ()>) {
    pump(io, ChaosConfig::NONE)
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_fails_ends_both_directions_even_if_nobody_reads() {
    const HEARTBEAT: [u8; 5] = [0xd3, 0, 0, 0, 0];
    let (io, mut far) = tokio::io::duplex(64);
    let (mut inside, pump) = fine(io);
    let pump = tokio::spawn(pump);
    let flood = HEARTBEAT.repeat(100_000);
    let stuck = timeout(Duration::from_millis(200), far.write_all(&flood)).await;
    assert!(stuck.is_err(), "everything was taken");
    drop(far);
    inside.write_all(&HEARTBEAT).await.unwrap();
    timeout(Duration::from_secs(10), pump).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_arrives_after_the_device_has_closed() {
    let (io, mut far) = tokio::io::duplex(64);
    let (mut inside, pump) = fine(io);
    let pump = tokio::spawn(pump);
    let bytes = [0xd8, 0, 0, 0, 0].repeat(50);
    inside.write_all(&bytes).await.unwrap();
    drop(inside);
    let mut arrived = vec![0; bytes.len()];
    timeout(Duration::from_secs(10), far.read_exact(&mut arrived)).await.unwrap().unwrap();
    assert_eq!(arrived, bytes);
    drop(far);
    timeout(Duration::from_secs(10), pump).await.unwrap().unwrap();
}

const MS: Duration = Duration::from_millis(1);
const ALWAYS: Ppm = Ppm::new(1_000_000).unwrap();

fn packet(number: u16) -> Vec<u8> {
    let prefix = Prefix { endpoint: Endpoint(1), msg_id: MsgId(number), flag: 0 };
    let frame = Frame::request(u32::from(number), 0xd0, &[1, 2, 3, 4]);
    let mut bytes = [0; MAX_PACKET];
    let len = Packet::DataChannel(Channel { prefix, frame }).encode(&mut bytes).unwrap();
    bytes[..len].to_vec()
}

/// What arrives of packets that set out so many milliseconds after each other, read by read: when, in milliseconds, and
/// what.
async fn sent(chaos: ChaosConfig, packets: u16, gap: u32) -> Vec<(u128, Vec<u8>)> {
    let (io, mut far) = tokio::io::duplex(BUFFER);
    let (mut inside, pump) = self::pump(io, chaos);
    let pump = tokio::spawn(pump);
    let start = Instant::now();
    let sending = async {
        for number in 0..packets {
            far.write_all(&packet(number)).await.unwrap();
            tokio::time::sleep(gap * MS).await;
        }
        drop(far);
    };
    let receiving = async {
        let mut reads = Vec::new();
        let mut buffer = vec![0; BUFFER];
        loop {
            let len = inside.read(&mut buffer).await.unwrap();
            if len == 0 {
                return reads;
            }
            reads.push((start.elapsed().as_millis(), buffer[..len].to_vec()));
        }
    };
    let ((), reads) = tokio::join!(sending, receiving);
    drop(inside);
    pump.await.unwrap();
    reads
}

/// When which packet was whole.
fn arrivals(reads: &[(u128, Vec<u8>)]) -> Vec<(u128, u16)> {
    let mut framer: Framer = Framer::new(Resync::Close);
    let mut arrivals = Vec::new();
    for (at, bytes) in reads {
        let mut input = bytes.as_slice();
        while let Some(packet) = framer.next(&mut input) {
            arrivals.push((*at, number(packet.unwrap())));
        }
    }
    arrivals
}

fn number(bytes: &[u8]) -> u16 {
    Packet::decode(bytes, ChecksumMode::Lenient).unwrap().prefix().unwrap().msg_id.0
}

#[tokio::test(start_paused = true)]
async fn packets_that_are_held_back_are_overtaken_and_all_arrive() {
    let chaos = ChaosConfig {
        reorder_rate: Ppm::new(300_000).unwrap(),
        reorder_delay: 20 * MS,
        ..ChaosConfig::NONE
    };
    let reads = sent(chaos, 100, 1).await;
    let arrivals = arrivals(&reads);
    let numbers: Vec<u16> = arrivals.iter().map(|(_, number)| *number).collect();
    assert!(!numbers.is_sorted(), "{numbers:?}");
    let late: Vec<u128> = arrivals.iter().map(|(at, nth)| at - u128::from(*nth)).collect();
    let held = late.iter().filter(|late| **late >= 19).count();
    assert!((15..=45).contains(&held), "{late:?}");
    assert!(late.iter().all(|late| *late <= 1 || (19..=22).contains(late)), "{late:?}");
    let mut sorted = numbers;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..100).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn latencies_vary_and_the_order_stays() {
    let (latency, latency_variance) = (30 * MS, 20 * MS);
    let reads = sent(ChaosConfig { latency, latency_variance, ..ChaosConfig::NONE }, 100, 1).await;
    let bytes: Vec<u8> = reads.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(bytes, (0..100).flat_map(packet).collect::<Vec<_>>());
    let (first, last) = (reads.first().unwrap().0, reads.last().unwrap().0);
    assert!((10..=51).contains(&first), "{first}");
    assert!((99 + 10..=99 + 51).contains(&last), "{last}");
    assert!(reads.len() > 10, "some arrive together, since none overtakes: {}", reads.len());
}

#[tokio::test(start_paused = true)]
async fn a_split_packet_arrives_in_two_pieces_and_whole() {
    let reads = sent(ChaosConfig { split_rate: ALWAYS, ..ChaosConfig::NONE }, 10, 100).await;
    let bytes: Vec<u8> = reads.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(bytes, (0..10).flat_map(packet).collect::<Vec<_>>());
    let whole = packet(0).len();
    let at_ends = |at: &usize| at.is_multiple_of(whole);
    let cuts: Vec<usize> = reads
        .iter()
        .scan(0, |at, (_, bytes)| {
            *at += bytes.len();
            Some(*at)
        })
        .collect();
    assert_eq!(cuts.iter().filter(|at| !at_ends(at)).count(), 10, "{cuts:?}");
    assert_eq!(cuts.iter().filter(|at| at_ends(at)).count(), 10, "{cuts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_packet_waits_for_the_next_one_but_not_for_ever() {
    let pause = 500 * MS;
    let chaos = ChaosConfig { coalesce_rate: ALWAYS, pause, ..ChaosConfig::NONE };
    let reads = sent(chaos.clone(), 3, 1).await;
    assert_eq!(reads.len(), 1, "they arrive together");
    assert_eq!(reads[0].1, (0..3).flat_map(packet).collect::<Vec<_>>());
    assert!(reads[0].0 <= 502, "{}", reads[0].0);
    let reads = sent(chaos, 1, 1000).await;
    assert!((1..=501).contains(&reads[0].0), "{}", reads[0].0);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_packet_passes_with_all_that_follows_however_it_is_cut() {
    let chaos = ChaosConfig { packet_loss_rate: ALWAYS, ..ChaosConfig::NONE };
    let garbage = [&packet(1)[..], &[0xff; 9], &packet(2)].concat();
    for piece in 1..garbage.len() {
        let (io, mut far) = tokio::io::duplex(BUFFER);
        let (mut inside, pump) = self::pump(io, chaos.clone());
        let pump = tokio::spawn(pump);
        for piece in garbage.chunks(piece) {
            far.write_all(piece).await.unwrap();
            tokio::time::sleep(MS).await;
        }
        drop(far);
        let mut arrived = Vec::new();
        inside.read_to_end(&mut arrived).await.unwrap();
        assert_eq!(arrived, garbage[packet(1).len()..], "in pieces of {piece}");
        drop(inside);
        pump.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn changed_bytes_show_and_a_doubled_packet_arrives_twice() {
    let chaos =
        ChaosConfig { corruption_rate: ALWAYS, duplicate_rate: ALWAYS, ..ChaosConfig::NONE };
    let bytes: Vec<u8> = sent(chaos, 1, 1).await.into_iter().flat_map(|read| read.1).collect();
    let (first, second) = bytes.split_at(packet(0).len());
    assert_eq!(first, second);
    assert!(Packet::decode(first, ChecksumMode::Lenient).is_ok());
    assert!(Packet::decode(first, ChecksumMode::Strict).is_err());
}
