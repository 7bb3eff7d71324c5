//! Properties that hold for all bytes. Each is one function, which unit tests, corpus replay and fuzzers call.

use crate::stream::Cut;
use cync_core::EncodeError;
use cync_core::wire::{ChecksumMode, MAX_PACKET, Packet, Resync, Stuffing, mask_secrets};

/// A stream of arbitrary bytes, in both resync modes and both checksum modes.
///
/// Asserts that
/// - cutting the stream into pieces, where the data itself says, changes neither packets nor errors nor what is held or
///   thrown away, and every byte is accounted for;
/// - what is held stays below one packet;
/// - no packet makes decoding, display or masking panic, and a displayed packet is one line;
/// - bytes behind a packet change nothing, so that the short way of decoding gives what the full rules give;
/// - what decodes encodes to bytes that decode to an equal packet and encode to the same bytes again.
pub fn decode_stream(data: &[u8]) {
    for resync in [Resync::Scan, Resync::Close] {
        let whole = Cut::of(resync, [data]);
        assert_eq!(whole, Cut::of(resync, pieces(data)), "cutting the stream changed it");
        for packet in whole.packets() {
            decode_packet(packet);
        }
    }
    decode_packet(data);
}

/// The second half of [`decode_stream`], for bytes that are taken for one packet.
pub fn decode_packet(bytes: &[u8]) {
    mask_secrets(&mut bytes.to_vec());
    let followed = [bytes, &[0x5a]].concat();
    let is_whole = bytes.first_chunk().is_some_and(|&[_, l0, l1, l2, l3]| {
        u32::from_be_bytes([l0, l1, l2, l3]) as usize + 5 <= bytes.len()
    });
    for mode in [ChecksumMode::Strict, ChecksumMode::Lenient] {
        if is_whole {
            assert_eq!(Packet::decode(bytes, mode), Packet::decode(&followed, mode));
        }
        let Ok(packet) = Packet::decode(bytes, mode) else { continue };
        let line = packet.to_string();
        assert!(!line.contains(char::is_control), "one record, one line: {line:?}");
        round_trip(&packet, mode);
    }
}

/// A decoded packet encodes to bytes that decode to an equal packet.
///
/// Two exceptions, both of a sender that did not stuff. With the stuffing added a packet may exceed the limit. And a
/// stuffed frame may by accident read right as it stands; decoders then take it so.
fn round_trip(packet: &Packet<'_>, mode: ChecksumMode) {
    let mut out = [0; MAX_PACKET];
    let len = match packet.encode(&mut out) {
        Ok(len) => len,
        Err(EncodeError::TooLarge { .. }) => {
            let stuffing = packet.frame().map_or(Stuffing::None, |frame| frame.stuffing());
            return assert_ne!(stuffing, Stuffing::None, "{packet:?} is as long as it was");
        }
        Err(error) => panic!("{packet:?}: {error}"),
    };
    let again = Packet::decode(&out[..len], mode).expect("what was encoded decodes");
    if again.frame().is_some_and(|frame| frame.stuffing() == Stuffing::RawSpecialBytes) {
        return;
    }
    let mut expected = *packet;
    if let Packet::DataChannel(channel) = &mut expected {
        channel.frame.layout = cync_core::wire::Layout::Bound;
    }
    assert_eq!(again, expected);
    let mut twice = [0; MAX_PACKET];
    assert_eq!(again.encode(&mut twice), Ok(len));
    assert_eq!(twice, out);
}

/// Pieces of `data`, their lengths drawn from `data`: from single bytes to a few dozen, now and then an empty one.
fn pieces(data: &[u8]) -> Vec<&[u8]> {
    let mut state = data.len();
    let mut rest = data;
    let mut pieces: Vec<&[u8]> = Vec::new();
    while let Some(&byte) = rest.first() {
        state = state.wrapping_mul(31).wrapping_add(usize::from(byte));
        let shortest = usize::from(pieces.last().is_some_and(|last| last.is_empty()));
        let len = (state >> 3) % [2, 7, 60][state % 3];
        let (piece, tail) = rest.split_at(len.max(shortest).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}
