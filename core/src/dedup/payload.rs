use crate::rng::mix;
use crate::wire::Frame;

/// Any odd number whose bits look random.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hashes a frame for a [`Key`](super::Key).
///
/// Frames that say the same have the same hash, however they are stuffed; the checksum, which follows from the rest, does not
/// count. `salt` keeps apart what must not match: of a `0x83`, which is a repetition within its connection only, make it the
/// number of the connection. It is no defence against intent: who chooses the bytes can choose the hash.
#[inline]
pub fn payload_hash(salt: u32, frame: &Frame<'_>) -> u32 {
    let header = u64::from(frame.counter)
        | u64::from(frame.direction.0) << 32
        | u64::from(frame.op) << 40
        // A usize of at most 65,535. As the length counts, words may overlap and be padded.
        | (frame.data.len() as u64) << 48;
    // The data and what stands before it are hashed side by side, as neither waits for the other.
    let header = fold(u64::from(salt).wrapping_add(1).wrapping_mul(SPREAD), header);
    let data = match frame.data.as_slice() {
        Some(bytes) => of_slice(0, bytes),
        None => of_bytes(0, frame.data.bytes()),
    };
    (mix(header.rotate_left(32) ^ data) >> 32) as u32
}

#[inline]
fn fold(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(SPREAD);
    hash ^ hash >> 32
}

/// Bytes from the lowest to the highest of a word, of which the first falls out.
#[inline]
fn shift_in(word: u64, byte: u8) -> u64 {
    word >> 8 | u64::from(byte) << 56
}

/// Whole words, then the last eight bytes again, whether or not they were covered.
#[inline]
fn of_slice(seed: u64, bytes: &[u8]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(seed, |hash, word| fold(hash, u64::from_le_bytes(*word)));
    let last = match bytes.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => bytes.iter().take(7).fold(0, |word, byte| shift_in(word, *byte)),
    };
    fold(hash, last)
}

/// The same, byte by byte.
fn of_bytes(seed: u64, bytes: impl Iterator<Item = u8>) -> u64 {
    let (mut hash, mut word, mut count) = (seed, 0, 0_u8);
    for byte in bytes {
        word = shift_in(word, byte);
        count = count.wrapping_add(1);
        if count.is_multiple_of(8) {
            hash = fold(hash, word);
        }
    }
    fold(hash, word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Channel, ChecksumMode, Endpoint, MsgId, Packet, Prefix, Stuffing};
    use std::collections::BTreeSet;
    use std::vec::Vec;

    #[test]
    fn the_hash_by_words_is_the_hash_by_bytes() {
        let bytes: [u8; 300] = core::array::from_fn(|i| (i * i * 31 + 7) as u8);
        for len in 0..bytes.len() {
            let slice = &bytes[..len];
            assert_eq!(of_slice(5, slice), of_bytes(5, slice.iter().copied()), "{len}");
        }
    }

    #[test]
    fn every_field_every_byte_the_length_and_the_salt_change_the_hash() {
        let data: [u8; 20] = core::array::from_fn(|i| i as u8 * 3);
        for len in 0..=data.len() {
            let data = &data[..len];
            let frame = Frame::request(77, 0xd0, data);
            let mut seen = BTreeSet::from([payload_hash(0, &frame)]);
            let longer = [data, &[0]].concat();
            let mut others: Vec<u32> = Vec::from([
                payload_hash(1, &frame),
                payload_hash(0, &Frame::request(78, 0xd0, data)),
                payload_hash(0, &Frame::request(77, 0xd1, data)),
                payload_hash(0, &Frame::response(77, 0xd0, data)),
                payload_hash(0, &Frame::request(77, 0xd0, &longer)),
            ]);
            for at in 0..len {
                let mut changed = data.to_vec();
                changed[at] ^= 1;
                others.push(payload_hash(0, &Frame::request(77, 0xd0, &changed)));
            }
            assert!(others.into_iter().all(|hash| seen.insert(hash)), "{len}");
        }
    }

    #[test]
    fn a_stuffed_frame_has_the_hash_of_the_frame_that_it_says() {
        let prefix = Prefix { endpoint: Endpoint(1), msg_id: MsgId(2), flag: 0 };
        let data = [1, 0x7e, 3, 0x7d, 5, 0x7e, 7, 8, 9, 0x7e, 11];
        for len in 0..=data.len() {
            let frame = Frame::request(4, 0xd0, &data[..len]);
            let mut out = [0; 64];
            let packet = Packet::DataChannel(Channel { prefix, frame });
            let end = packet.encode(&mut out).unwrap();
            let Ok(Packet::DataChannel(read)) = Packet::decode(&out[..end], ChecksumMode::Strict)
            else {
                panic!("it decodes")
            };
            assert_eq!(read.frame.stuffing() == Stuffing::Unstuffed, len >= 2, "{len}");
            assert_eq!(payload_hash(0, &read.frame), payload_hash(0, &frame), "{len}");
        }
    }

    #[test]
    fn consecutive_frames_collide_as_seldom_as_random_numbers() {
        let frames = 0..100_000_u32;
        let hashes: BTreeSet<u32> =
            frames.clone().map(|n| payload_hash(0, &Frame::request(n, 0xd0, &[1, 2]))).collect();
        // 1.2 pairs are expected to collide.
        assert!(frames.len() - hashes.len() <= 6);
    }
}
