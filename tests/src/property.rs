//! Properties that hold for all bytes. Each is one function, which unit tests, corpus replay and fuzzers call.

use crate::stream::Cut;
use cync_core::lab::{Decoded, Frame, LabError, MAX_FRAME};
use cync_core::wire::{ChecksumMode, MAX_PACKET, Packet, Resync, Stuffing, mask_secrets};
use cync_core::{EncodeError, GreetError, Greeter, Instant};
use std::time::Duration;

/// The longest greeting: header, payload without code, code.
const MAX_GREETING: usize = 5 + 10 + 64;

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

/// A stream of arbitrary bytes, as laboratory frames.
///
/// Asserts that
/// - cutting the stream into pieces changes neither the frames nor the error that ends them nor what is held;
/// - no frame is whole before the bytes that were said to be missing have come, and what is held stays below one frame;
/// - what decodes encodes to the same bytes.
pub fn decode_lab_stream(data: &[u8]) {
    let whole = lab_frames([data]);
    assert_eq!(whole, lab_frames(pieces(data)), "cutting the stream changed it");
    assert_eq!(whole, lab_frames(data.chunks(1)), "cutting the stream changed it");
}

/// The frames of a stream, the error that ended it, and the bytes held at the end.
fn lab_frames<'p>(
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<Vec<u8>>, Option<LabError>, Vec<u8>) {
    let (mut frames, mut held, mut needed) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            match Frame::decode(&held) {
                Ok(Decoded::Complete { frame, len }) => {
                    assert!(len >= needed, "whole with {len} bytes where {needed} were needed");
                    let mut out = [0; MAX_FRAME];
                    assert_eq!(frame.encode(&mut out), Ok(len));
                    assert_eq!(out[..len], held[..len]);
                    frames.push(frame.payload().to_vec());
                    held.drain(..len);
                    needed = 0;
                }
                Ok(Decoded::Incomplete { missing }) => {
                    assert!(missing > 0 && held.len() + missing >= needed);
                    needed = held.len() + missing;
                    assert!(needed <= MAX_FRAME, "held: {}, missing: {missing}", held.len());
                    break;
                }
                Err(error) => return (frames, Some(error), Vec::new()),
            }
        }
    }
    (frames, None, held)
}

/// Arbitrary bytes of a peer that nobody knows yet.
///
/// Asserts that
/// - cutting them into pieces changes neither the result nor what is taken;
/// - what is taken is the first packet as its header declares it, and never more than the longest greeting;
/// - a good first packet that is a greeting is accepted and given back whole, and nothing else is.
pub fn greet(data: &[u8]) {
    let expected = greeting_in(data);
    for taken in [greeted([data], &expected), greeted(pieces(data), &expected)] {
        let whole = match expected {
            None => data.len(),
            Some(Err(GreetError::NotAGreeting(_))) => 1,
            Some(Err(GreetError::TooLong { .. })) => 5,
            _ => 5 + usize::from(data[4]),
        };
        assert_eq!(taken, whole);
        assert!(taken <= MAX_GREETING);
    }
}

/// What a greeter has to say of `data`, said without one; of a good greeting its length.
fn greeting_in(data: &[u8]) -> Option<Result<usize, GreetError>> {
    let &first = data.first()?;
    if ![0x13, 0x23].contains(&first) {
        return Some(Err(GreetError::NotAGreeting(first)));
    }
    let &[_, l0, l1, l2, l3] = data.first_chunk()?;
    let declared = u32::from_be_bytes([l0, l1, l2, l3]);
    if declared > 10 + 64 {
        return Some(Err(GreetError::TooLong { declared }));
    }
    let whole = data.get(..5 + declared as usize)?;
    let decoded = Packet::decode(whole, ChecksumMode::Strict);
    Some(decoded.map(|_| whole.len()).map_err(GreetError::Decode))
}

/// Runs pieces through one greeter, whose result must be the expected one; returns how many bytes it took.
fn greeted<'p>(
    pieces: impl IntoIterator<Item = &'p [u8]>,
    expected: &Option<Result<usize, GreetError>>,
) -> usize {
    let mut greeter = Greeter::new(Instant::ZERO, Duration::from_secs(5));
    let (mut taken, mut stopped) = (Vec::new(), false);
    for piece in pieces {
        let len = greeter.handle_input(Instant::ZERO, piece);
        assert!(!stopped || len == 0, "bytes behind the greeting");
        stopped |= len < piece.len();
        assert!(!stopped || greeter.poll().is_some(), "bytes refused before there was a result");
        taken.extend_from_slice(&piece[..len]);
    }
    let result = greeter.poll().map(|result| result.map(|_| greeter.bytes().len()));
    assert_eq!(&result, expected);
    let is_good = matches!(result, Some(Ok(_)));
    assert_eq!(greeter.bytes(), if is_good { &taken[..] } else { &[] });
    taken.len()
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
