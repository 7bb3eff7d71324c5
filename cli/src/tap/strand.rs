//! One direction of a connection, as it goes into the capture.

use crate::cover::Cover;
use cync_core::wire::{ChecksumMode, Framer, Packet, Resync};

/// Bytes that go into the capture as one chunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    /// Bytes that were missed before it: it begins with a packet, and does not continue what was before.
    pub(super) missed: u64,
}

/// Holds back the beginning of a packet until the rest is there, since it may have a code that is to be covered.
///
/// Where bytes were missed nobody knows whether the next ones are the rest of a greeting: they are left out, and count as
/// missed, up to the first packet that can be decoded.
pub(super) struct Strand {
    framer: Box<Framer>,
    /// What the framer holds back.
    held: Vec<u8>,
    /// [`Framer::skipped`], as far as it is dealt with.
    skipped: u64,
    cover: Option<Cover>,
    /// Parts in which something was covered.
    covered: u64,
    /// Missed, and not told yet.
    missed: u64,
    /// After a gap, until the first packet that can be decoded.
    lost: bool,
}

impl Strand {
    /// The beginning of a stream, whose codes are covered or not.
    pub(super) fn new(covers: bool) -> Self {
        Self {
            framer: Box::new(Framer::new(Resync::Scan)),
            held: Vec::new(),
            skipped: 0,
            cover: covers.then(Cover::default),
            covered: 0,
            missed: 0,
            lost: false,
        }
    }

    /// How many parts have had something covered in them so far.
    pub(super) const fn covered(&self) -> u64 {
        self.covered
    }

    /// Takes what was read. Returns what is whole by now.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<Piece> {
        self.held.extend_from_slice(bytes);
        let parts = self.parts(bytes);
        let mut piece = Vec::new();
        let mut held = std::mem::take(&mut self.held);
        let mut at = 0;
        for Part { len, is_packet } in parts {
            let part = held.get_mut(at..at + len).unwrap_or_default();
            at += len;
            if self.lost && !(is_packet && Packet::decode(part, ChecksumMode::Strict).is_ok()) {
                self.missed += part.len() as u64;
                continue;
            }
            self.lost = false;
            self.cover(part);
            piece.extend_from_slice(part);
        }
        held.drain(..at.min(held.len()));
        self.held = held;
        let missed = if piece.is_empty() { 0 } else { std::mem::take(&mut self.missed) };
        (!piece.is_empty()).then_some(Piece { bytes: piece, missed })
    }

    /// Notes that bytes were missed here. Returns what was held back: its rest never came.
    pub(super) fn gap(&mut self, missed: u64) -> Option<Piece> {
        let piece = self.end();
        let covers = self.cover.is_some();
        let (covered, before) = (self.covered, self.missed);
        *self = Self { covered, missed: before + missed, lost: true, ..Self::new(covers) };
        piece
    }

    /// What is left at the end of the stream, and how much was missed before it.
    pub(super) fn end(&mut self) -> Option<Piece> {
        let mut bytes = std::mem::take(&mut self.held);
        if self.lost {
            self.missed += bytes.len() as u64;
            return None;
        }
        self.cover(&mut bytes);
        (!bytes.is_empty()).then_some(Piece { bytes, missed: 0 })
    }

    /// Bytes that were missed, and that no piece has told.
    pub(super) const fn untold(&self) -> u64 {
        self.missed
    }

    fn cover(&mut self, part: &mut [u8]) {
        let covered = self.cover.as_mut().is_some_and(|cover| cover.apply(part));
        self.covered += u64::from(covered);
    }

    /// What the framer makes of these bytes and those it held back, without what it holds back now.
    fn parts(&mut self, bytes: &[u8]) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut input = bytes;
        loop {
            let packet = match self.framer.next(&mut input) {
                Some(Ok(packet)) => Some(packet.len()),
                Some(Err(_)) => continue,
                None => None,
            };
            let skipped = self.framer.skipped().saturating_sub(self.skipped);
            self.skipped = self.framer.skipped();
            if let Ok(len @ 1..) = usize::try_from(skipped) {
                parts.push(Part { len, is_packet: false });
            }
            match packet {
                Some(len) => parts.push(Part { len, is_packet: true }),
                None => return parts,
            }
        }
    }
}

struct Part {
    len: usize,
    is_packet: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARTBEAT: [u8; 5] = [0xd3, 0, 0, 0, 0];

    fn greeting() -> Vec<u8> {
        let head = [0x23, 0, 0, 0, 26, 3, 0, 0, 0, 1, 0, 16];
        [&head[..], b"canary-auth-code", &[0, 0, 60]].concat()
    }

    fn all(strand: &mut Strand, stream: &[u8], cut: usize) -> Vec<u8> {
        let mut pieces: Vec<_> = stream.chunks(cut).filter_map(|it| strand.read(it)).collect();
        pieces.extend(strand.end());
        assert!(pieces.iter().all(|piece| piece.missed == 0));
        pieces.into_iter().flat_map(|piece| piece.bytes).collect()
    }

    #[test]
    fn every_byte_but_a_code_comes_out_however_the_stream_is_cut() {
        let stream = [&greeting()[..], &HEARTBEAT, &[0xff; 9], &HEARTBEAT, &[0x73, 0, 0]].concat();
        let mut expected = stream.clone();
        expected[12..28].fill(b'*');
        for cut in 1..=stream.len() {
            let mut strand = Strand::new(true);
            assert_eq!(all(&mut strand, &stream, cut), expected, "{cut}");
            assert_eq!((strand.covered(), strand.untold()), (1, 0));
            assert_eq!(all(&mut Strand::new(false), &stream, cut), stream, "{cut}");
        }
    }

    #[test]
    fn a_greeting_that_is_never_completed_shows_nothing_of_its_code() {
        for len in 13..28 {
            let mut strand = Strand::new(true);
            assert_eq!(strand.read(&greeting()[..len]), None);
            let shown = strand.end().unwrap().bytes;
            assert_eq!(shown.len(), len);
            assert!(shown[12..].iter().all(|byte| *byte == b'*'), "{shown:?}");
        }
    }

    #[test]
    fn a_code_that_a_false_header_cuts_in_two_is_covered_whole() {
        let stream = [&[0, 0, 0, 0, 20], &greeting()[..], &HEARTBEAT].concat();
        for cut in 1..=stream.len() {
            let shown = all(&mut Strand::new(true), &stream, cut);
            assert_eq!(shown.len(), stream.len());
            assert!(shown[17..33].iter().all(|byte| *byte == b'*'), "{cut}: {shown:?}");
        }
    }

    #[test]
    fn after_a_gap_nothing_comes_out_before_a_packet_that_can_be_decoded() {
        for known in 0..28 {
            let mut strand = Strand::new(true);
            let held = strand.gap(known);
            assert_eq!(held, None);
            let rest = &greeting()[usize::try_from(known).unwrap().max(1)..];
            assert_eq!(strand.read(rest), None, "{known}");
            // What is left of the greeting may pretend to be the beginning of a long packet.
            let more = HEARTBEAT.repeat(2000);
            let Piece { bytes, missed } = strand.read(&more).unwrap();
            assert_eq!(strand.end(), None);
            assert!(bytes.len() > more.len() / 2, "{known}: {}", bytes.len());
            assert!(bytes.chunks(5).all(|packet| packet == HEARTBEAT), "{known}");
            let all = known + rest.len() as u64 + more.len() as u64;
            assert_eq!((missed + bytes.len() as u64, strand.untold()), (all, 0), "{known}");
        }
    }

    #[test]
    fn what_was_held_back_before_a_gap_comes_out_on_its_own() {
        let mut strand = Strand::new(true);
        assert_eq!(strand.read(&HEARTBEAT[..3]), None);
        let held = strand.gap(100);
        assert_eq!(held, Some(Piece { bytes: HEARTBEAT[..3].to_vec(), missed: 0 }));
        let piece = strand.read(&HEARTBEAT);
        assert_eq!(piece, Some(Piece { bytes: HEARTBEAT.to_vec(), missed: 100 }));
    }
}
