use crate::chaos::below;
use cync_core::wire::{ChecksumMode, Layout, Packet, Stuffing};
use cync_core::{DecodeError, mix};

/// Where a bound frame's body starts in its packet.
const BODY_AT: usize = 13;
/// The operation, the first byte of a body that the checksum covers.
const OP_AT: usize = 5;
/// The data. The length before it is covered as well, and left alone: changed, it would be noticed before the checksum is.
const DATA_AT: usize = 8;
const MARK: u8 = 0x7e;
const ESCAPE: u8 = 0x7d;
/// Changes are drawn so often until one shows. Of one byte all do, of several about one in 256 does not.
const DRAWS: u64 = 64;

/// Changes `count` bytes of the operation and the data of a packet, as `bits` say, or all of them if there are fewer: its
/// length stays, and strict decoding fails with `InvalidChecksum`.
///
/// Returns whether it did. A packet without a checksum, one that is wrong already, and one of which no change would show are
/// left as they are.
///
/// ```
/// use cync_core::DecodeError;
/// use cync_core::wire::{ChecksumMode, Packet};
///
/// let mut packet = [
///     0x73, 0, 0, 0, 20, 0, 0, 0, 1, 0, 1, 0, 0x7e, 1, 0, 0, 0, 0xf8, 0xd0, 2, 0, 0x11, 2, 0xe5, 0x7e,
/// ];
/// assert!(Packet::decode(&packet, ChecksumMode::Strict).is_ok());
/// assert!(cync_sim::corrupt(&mut packet, 7, 1));
/// let decoded = Packet::decode(&packet, ChecksumMode::Strict);
/// assert!(matches!(decoded, Err(DecodeError::InvalidChecksum { .. })));
/// ```
pub fn corrupt(bytes: &mut [u8], bits: u64, count: u8) -> bool {
    let covered = covered(bytes);
    let count = covered.len().min(usize::from(count));
    if count == 0 {
        return false;
    }
    for draw in 0..DRAWS {
        let changed = change(bytes, covered.clone(), mix(bits) ^ draw, count);
        let decoded = Packet::decode(&changed, ChecksumMode::Strict);
        if matches!(decoded, Err(DecodeError::InvalidChecksum { .. })) {
            bytes.copy_from_slice(&changed);
            return true;
        }
    }
    false
}

/// The places of the bytes that may be changed; none if the packet is not right as it is. A byte that was stuffed is left out.
fn covered(bytes: &[u8]) -> Vec<usize> {
    let Ok(packet) = Packet::decode(bytes, ChecksumMode::Strict) else { return Vec::new() };
    let Some(frame) = packet.frame() else { return Vec::new() };
    let stuffed = frame.stuffing() == Stuffing::Unstuffed;
    let end = DATA_AT + frame.data.len();
    let mut at = BODY_AT + usize::from(frame.layout == Layout::BoundPad1);
    let mut places = Vec::new();
    for nth in 0..end {
        let escaped = stuffed && bytes.get(at) == Some(&ESCAPE);
        if !escaped && (nth == OP_AT || nth >= DATA_AT) {
            places.push(at);
        }
        at += 1 + usize::from(escaped);
    }
    places
}

/// The packet with `count` of the bytes at `places` changed. None of them becomes a mark or an escape.
fn change(bytes: &[u8], mut places: Vec<usize>, bits: u64, count: usize) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let mut bits = bits;
    for _ in 0..count {
        bits = mix(bits.wrapping_add(1));
        let drawn = usize::try_from(below(bits, places.len() as u64)).unwrap_or(0);
        if let Some(byte) = changed.get_mut(places.swap_remove(drawn)) {
            *byte = other_than(*byte, bits);
        }
    }
    changed
}

/// A byte that is not this one, and neither a mark nor an escape.
fn other_than(byte: u8, bits: u64) -> u8 {
    let plain = |drawn: &u8| *drawn != byte && !matches!(*drawn, MARK | ESCAPE);
    let start = (bits & 0xff) as u8;
    (0..=u8::MAX).map(|step| start.wrapping_add(step)).find(plain).unwrap_or(!byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cync_core::wire::{Channel, Endpoint, Frame, MAX_PACKET, MsgId, Prefix};

    fn encoded(packet: &Packet<'_>) -> Vec<u8> {
        let mut bytes = [0; MAX_PACKET];
        let len = packet.encode(&mut bytes).unwrap();
        bytes[..len].to_vec()
    }

    fn framed(counter: u32, data: &[u8]) -> Vec<u8> {
        let prefix = Prefix { endpoint: Endpoint(0x7e7d), msg_id: MsgId(0x7e7d), flag: 0 };
        let frame = Frame::request(counter, 0xd0, data);
        encoded(&Packet::DataChannel(Channel { prefix, frame }))
    }

    fn differences(one: &[u8], other: &[u8]) -> Vec<usize> {
        assert_eq!(one.len(), other.len());
        (0..one.len()).filter(|at| one[*at] != other[*at]).collect()
    }

    #[test]
    fn exactly_so_many_covered_bytes_are_changed_and_the_checksum_fails() {
        let good = framed(1, &[0x11, 0x02, 1, 2, 3, 4]);
        let mut touched = std::collections::BTreeSet::new();
        for bits in 0..2_000 {
            for count in 1..=7_u8 {
                let mut bytes = good.clone();
                assert!(corrupt(&mut bytes, bits, count));
                let decoded = Packet::decode(&bytes, ChecksumMode::Strict);
                assert!(matches!(decoded, Err(DecodeError::InvalidChecksum { .. })), "{decoded:?}");
                let places = differences(&good, &bytes);
                assert_eq!(places.len(), usize::from(count));
                touched.extend(places);
            }
        }
        let covered: Vec<usize> = [18].into_iter().chain(21..27).collect();
        assert_eq!(touched.into_iter().collect::<Vec<_>>(), covered, "all of them, and no other");
    }

    #[test]
    fn stuffed_bytes_anywhere_before_move_the_covered_ones() {
        for counter in [0x7e7d_7e7d, 0x7e, 0x7d00] {
            let good = framed(counter, &[0x7e, 9, 0x7d, 8, 0x7e]);
            for bits in 0..500 {
                let mut bytes = good.clone();
                assert!(corrupt(&mut bytes, bits, 2));
                let decoded = Packet::decode(&bytes, ChecksumMode::Strict);
                assert!(matches!(decoded, Err(DecodeError::InvalidChecksum { .. })), "{decoded:?}");
                let lenient = Packet::decode(&bytes, ChecksumMode::Lenient).unwrap();
                let frame = lenient.frame().unwrap();
                assert_eq!((frame.counter, frame.data.len()), (counter, 5), "not covered");
            }
        }
    }

    #[test]
    fn more_bytes_than_there_are_is_all_of_them_and_none_is_none() {
        let good = framed(1, &[5]);
        let mut bytes = good.clone();
        assert!(corrupt(&mut bytes, 3, u8::MAX));
        assert_eq!(differences(&good, &bytes), [18, 21]);
        let mut bytes = good.clone();
        assert!(!corrupt(&mut bytes, 3, 0));
        assert_eq!(bytes, good);
    }

    #[test]
    fn what_has_no_checksum_and_what_is_wrong_already_is_left_alone() {
        let wrong = {
            let mut bytes = framed(1, &[5]);
            assert!(corrupt(&mut bytes, 3, 1));
            bytes
        };
        let heartbeat = encoded(&Packet::HeartbeatDev);
        for packet in [wrong, heartbeat, Vec::new(), vec![0x73], framed(1, &[5])[..20].to_vec()] {
            let mut bytes = packet.clone();
            assert!(!corrupt(&mut bytes, 3, 1));
            assert_eq!(bytes, packet);
        }
    }

    #[test]
    fn equal_bits_change_equal_bytes() {
        let changed = |bits| {
            let mut bytes = framed(1, &[1, 2, 3, 4, 5, 6, 7, 8]);
            assert!(corrupt(&mut bytes, bits, 3));
            bytes
        };
        assert_eq!(changed(11), changed(11));
        assert_ne!(changed(11), changed(12));
    }
}
