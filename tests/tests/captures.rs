//! Recordings of real traffic are understood, if there are any: `CYNC_CAPTURES` names their folder.

use cync_core::wire::{ChecksumMode, Layout, MAX_PACKET, Packet, Resync, Stuffing};
use cync_tests::recording::{Chunk, chunks};
use cync_tests::stream::Cut;
use std::collections::BTreeMap;

/// The reads of every byte stream of a recording; `None` if there are no recordings.
///
/// A stream is one direction of one connection; a read that was injected, or whose connection is not known, is its own.
fn streams(name: &str) -> Option<Vec<Vec<Vec<u8>>>> {
    let mut streams: BTreeMap<(String, bool, usize), Vec<Vec<u8>>> = BTreeMap::new();
    for (line, Chunk { conn, to_device, bytes, .. }) in chunks(name)?.into_iter().enumerate() {
        let key = match conn {
            Some(conn) => (conn, to_device, 0),
            None => (String::new(), to_device, line),
        };
        streams.entry(key).or_default().push(bytes);
    }
    Some(streams.into_values().collect())
}

fn cut(stream: &[Vec<u8>]) -> Cut {
    Cut::of(Resync::Scan, stream.iter().map(Vec::as_slice))
}

#[derive(PartialEq, Eq, Default, Debug)]
struct Count {
    framed: usize,
    decoded: usize,
    /// Packets refused, by type and reason.
    refused: BTreeMap<(u8, &'static str), usize>,
    framing_errors: usize,
    pending: usize,
}

fn count(streams: &[Vec<Vec<u8>>], mode: ChecksumMode) -> Count {
    let mut count = Count::default();
    for stream in streams {
        let cut = cut(stream);
        count.framing_errors += cut.errors().len();
        count.pending += cut.pending;
        for bytes in cut.packets() {
            count.framed += 1;
            match Packet::decode(bytes, mode) {
                Ok(packet) => {
                    count.decoded += 1;
                    assert_encodes_as_written(&packet, bytes);
                }
                Err(error) => *count.refused.entry((bytes[0], error.reason())).or_default() += 1,
            }
        }
    }
    count
}

fn assert_encodes_as_written(packet: &Packet<'_>, bytes: &[u8]) {
    let canonical = packet.frame().is_none_or(|frame| {
        frame.layout != Layout::BoundPad1 && frame.stuffing() != Stuffing::RawSpecialBytes
    });
    if canonical {
        let mut out = [0; MAX_PACKET];
        let len = packet.encode(&mut out).expect("it was no longer when it came");
        assert_eq!(&out[..len], bytes);
    }
}

#[test]
fn twenty_five_booting_devices_are_understood_completely() {
    let Some(streams) = streams("fleet-boot-25-devices.jsonl") else { return };
    let expected = Count { framed: 2380, decoded: 2380, ..Count::default() };
    assert_eq!(count(&streams, ChecksumMode::Strict), expected);
}

#[test]
fn split_reads_are_put_together_and_only_stale_checksums_refused() {
    let Some(streams) = streams("controller-commands-split-reads.jsonl") else { return };
    let refused = BTreeMap::from([((0x83, "invalid_checksum"), 104)]);
    let strict = Count { framed: 2647, decoded: 2543, refused, ..Count::default() };
    assert_eq!(count(&streams, ChecksumMode::Strict), strict);
    let lenient = Count { framed: 2647, decoded: 2647, ..Count::default() };
    assert_eq!(count(&streams, ChecksumMode::Lenient), lenient);
}

#[test]
fn a_foreign_protocol_yields_one_error_a_connection_and_no_packet() {
    let Some(streams) = streams("tls-hellos-on-plain-port.jsonl") else { return };
    let mut errors = 0;
    for chunk in streams.iter().flatten() {
        let cut = cut(std::slice::from_ref(chunk));
        assert_eq!(cut.packets().count(), 0);
        assert!(cut.pending <= 4, "{}", cut.pending);
        assert_eq!(cut.errors().len(), 1);
        errors += 1;
    }
    assert_eq!(errors, 54);
}
