use super::{HEADER_LEN, MAX_DECLARED, MAX_PACKET, PacketType};
use core::fmt;
use thiserror::Error;

/// What to do after a header that cannot be one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum Resync {
    /// Report it and take no more: on a live connection TCP loses nothing, so this is a foreign protocol.
    #[default]
    Close,
    /// Report it, then look for the next plausible header byte by byte: for recordings.
    Scan,
}

/// A header that declares more than the limit: the stream is out of step, or speaks another protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("packet too large: type {:#04x} declares {} bytes of payload", header[0], self.declared())]
pub struct FramingError {
    /// The five bytes that were taken for a header.
    pub header: [u8; HEADER_LEN],
}

impl FramingError {
    /// The declared payload length in bytes.
    #[inline]
    pub const fn declared(&self) -> u32 {
        let [_, l0, l1, l2, l3] = self.header;
        u32::from_be_bytes([l0, l1, l2, l3])
    }

    /// The name of the reason as metrics and reports spell it.
    pub const fn reason(&self) -> &'static str {
        "packet_too_large"
    }
}

/// What a [`Framer`] found.
pub type Framed<'a> = Result<&'a [u8], FramingError>;

/// Cuts a byte stream into whole packets, of known and unknown types (`docs/protocol.md`, sections 2 and 8).
///
/// A packet that lies wholly inside the input is lent from there and never copied; only one that is split between inputs
/// is put together here. Any way of splitting the same bytes gives the same packets and errors. Memory is this one
/// struct; work is linear in the input.
///
/// `MTU` is the longest whole packet in bytes. It cannot raise the limit of the protocol above
/// [`MAX_DECLARED`].
///
/// ```
/// use cync_core::wire::{Framer, Resync};
///
/// let mut framer: Framer = Framer::new(Resync::Close);
/// let mut input: &[u8] = &[0xd3, 0, 0, 0, 0, 0xd8, 0, 0];
/// assert_eq!(framer.next(&mut input), Some(Ok(&[0xd3, 0, 0, 0, 0][..])));
/// assert_eq!(framer.next(&mut input), None);
/// assert_eq!(framer.pending(), 3);
///
/// let mut input: &[u8] = &[0, 0];
/// assert_eq!(framer.next(&mut input), Some(Ok(&[0xd8, 0, 0, 0, 0][..])));
/// ```
#[derive(Clone)]
pub struct Framer<const MTU: usize = MAX_PACKET> {
    carry: [u8; MTU],
    /// Bytes of `carry` in use.
    held: usize,
    mode: Resync,
    sync: Sync,
    skipped: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sync {
    /// The next byte starts a packet.
    Aligned,
    /// The carry holds the beginning of a packet.
    Partial,
    /// The carry holds one whole packet, to be dropped when it has been looked at.
    Complete,
    /// Looking for a plausible header.
    Scanning,
    /// A framing error ended the stream.
    Closed,
}

/// What the front of the stream is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Front {
    /// Nothing whole; all input has been taken.
    Partial,
    /// This many bytes of the input.
    InInput(usize),
    /// This many bytes of the carry.
    InCarry(usize),
    /// Not a packet.
    Broken(FramingError),
}

/// Leaves the bytes out: they may be those of a greeting, also when it has been dealt with.
impl<const MTU: usize> fmt::Debug for Framer<MTU> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("held", &self.held)
            .field("mode", &self.mode)
            .field("sync", &self.sync)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

impl<const MTU: usize> Framer<MTU> {
    const LIMIT: usize = {
        assert!(MTU >= HEADER_LEN, "a framer holds at least a header");
        if MTU - HEADER_LEN < MAX_DECLARED { MTU - HEADER_LEN } else { MAX_DECLARED }
    };

    /// A framer at the start of a stream.
    pub const fn new(mode: Resync) -> Self {
        Self { carry: [0; MTU], held: 0, mode, sync: Sync::Aligned, skipped: 0 }
    }

    /// The next packet or error. Takes what it has dealt with off the front of `input`; `None` when `input` is used up
    /// and nothing whole is left.
    ///
    /// After an error in mode [`Resync::Close`] the rest of the stream is swallowed.
    #[inline]
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Option<Framed<'s>> {
        if let Some((packet, rest)) = self.whole_in(input) {
            *input = rest;
            return Some(Ok(packet));
        }
        // By value: a caller whose `input` is never lent to a call can keep it in registers.
        let (item, rest) = self.next_slow(input);
        *input = rest;
        item
    }

    #[inline(never)]
    fn next_slow<'s, 'i: 's>(&'s mut self, input: &'i [u8]) -> (Option<Framed<'s>>, &'i [u8]) {
        self.accept();
        let mut rest = input;
        let item = match self.front(&mut rest) {
            Front::Partial => None,
            Front::InInput(len) => rest.split_at_checked(len).map(|(packet, behind)| {
                rest = behind;
                Ok(packet)
            }),
            Front::InCarry(len) => self.carry.get(..len).map(Ok),
            Front::Broken(error) => Some(Err(error)),
        };
        (item, rest)
    }

    /// A whole packet at the front of the input and what is behind it, if nothing else is to be done first.
    #[inline]
    pub(crate) fn whole_in<'i>(&self, input: &'i [u8]) -> Option<(&'i [u8], &'i [u8])> {
        if self.sync != Sync::Aligned {
            return None;
        }
        let header = *input.first_chunk()?;
        let declared = FramingError { header }.declared() as usize;
        if declared > Self::LIMIT {
            return None;
        }
        input.split_at_checked(HEADER_LEN + declared)
    }

    /// Bytes held back because their packet is not whole yet.
    pub const fn pending(&self) -> usize {
        match self.sync {
            Sync::Complete | Sync::Closed => 0,
            Sync::Aligned | Sync::Partial | Sync::Scanning => self.held,
        }
    }

    /// Bytes thrown away so far while looking for a header.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Whether the framer is between packets and in step, so that a new one would do as well.
    pub const fn is_idle(&self) -> bool {
        matches!(self.sync, Sync::Aligned | Sync::Complete)
    }

    /// Whether a whole packet that was put together here was not [accepted](Framer::accept) yet.
    pub(crate) const fn holds_packet(&self) -> bool {
        matches!(self.sync, Sync::Complete)
    }

    /// Back to the start of a stream.
    pub(crate) fn reset(&mut self) {
        self.held = 0;
        self.sync = Sync::Aligned;
    }

    /// What stands at the front of the stream. A whole packet stays there: in the input, or until [`Framer::accept`].
    #[inline]
    pub(crate) fn front(&mut self, input: &mut &[u8]) -> Front {
        let (front, rest) = self.front_slow(input);
        *input = rest;
        front
    }

    /// Takes a packet that [`Framer::front`] found in the carry off the stream, if it did.
    #[inline]
    pub(crate) fn accept(&mut self) {
        if self.sync == Sync::Complete {
            self.reset();
        }
    }

    /// The packet that [`Framer::front`] found in the carry.
    pub(crate) fn carried(&self, len: usize) -> &[u8] {
        self.carry.get(..len).unwrap_or_default()
    }

    #[cold]
    #[inline(never)]
    fn front_slow<'i>(&mut self, mut rest: &'i [u8]) -> (Front, &'i [u8]) {
        let input = &mut rest;
        let front = loop {
            match self.sync {
                Sync::Complete => break Front::InCarry(self.held),
                Sync::Closed => {
                    let swallowed = self.held.saturating_add(input.len());
                    self.skipped = self.skipped.saturating_add(swallowed as u64);
                    self.held = 0;
                    *input = &[];
                    break Front::Partial;
                }
                Sync::Scanning => {
                    if !self.scan(input) {
                        break Front::Partial;
                    }
                    self.sync = if self.held == 0 { Sync::Aligned } else { Sync::Partial };
                }
                Sync::Aligned | Sync::Partial => {
                    let Some(header) = self.peek_header(input) else {
                        self.hold_part(input, HEADER_LEN);
                        break Front::Partial;
                    };
                    let error = FramingError { header };
                    let declared = error.declared() as usize;
                    if declared > Self::LIMIT {
                        self.sync = match self.mode {
                            Resync::Close => Sync::Closed,
                            Resync::Scan => Sync::Scanning,
                        };
                        self.skip_one(input);
                        break Front::Broken(error);
                    }
                    let total = HEADER_LEN + declared;
                    if self.held == 0 && total <= input.len() {
                        break Front::InInput(total);
                    }
                    self.hold_part(input, total);
                    if self.held < total {
                        break Front::Partial;
                    }
                    self.sync = Sync::Complete;
                }
            }
        };
        (front, rest)
    }

    /// Looks for a plausible header; true when the stream starts with one.
    fn scan(&mut self, input: &mut &[u8]) -> bool {
        while let Some(header) = self.peek_header(input) {
            if Self::plausible(header) {
                return true;
            }
            self.skip_one(input);
        }
        self.hold(input, HEADER_LEN);
        false
    }

    fn plausible(header: [u8; HEADER_LEN]) -> bool {
        let [kind, l0, l1, l2, l3] = header;
        PacketType::from_byte(kind).is_some()
            && l0 == 0
            && l1 == 0
            && usize::from(u16::from_be_bytes([l2, l3])) <= Self::LIMIT
    }

    /// The first five bytes of the stream, from the carry and the input together.
    fn peek_header(&self, input: &[u8]) -> Option<[u8; HEADER_LEN]> {
        match self.held {
            0 => return input.first_chunk().copied(),
            HEADER_LEN.. => return self.carry.first_chunk().copied(),
            _ => {}
        }
        let mut header = [0; HEADER_LEN];
        let mut bytes = self.carried(self.held).iter().chain(input);
        for to in &mut header {
            *to = *bytes.next()?;
        }
        Some(header)
    }

    fn skip_one(&mut self, input: &mut &[u8]) {
        self.skipped = self.skipped.saturating_add(1);
        if self.held == 0 {
            *input = input.get(1..).unwrap_or_default();
        } else if let Some(header) = self.carry.first_chunk_mut() {
            // More than a header is held only of a packet, which is not skipped.
            let [_, b1, b2, b3, b4] = *header;
            *header = [b1, b2, b3, b4, 0];
            self.held = self.held.saturating_sub(1);
        }
    }

    /// Moves input into the carry until it holds `want` bytes of a packet.
    fn hold_part(&mut self, input: &mut &[u8], want: usize) {
        self.hold(input, want);
        if self.held > 0 {
            self.sync = Sync::Partial;
        }
    }

    /// Moves input into the carry until it holds `want` bytes.
    fn hold(&mut self, input: &mut &[u8], want: usize) {
        let missing = want.saturating_sub(self.held);
        let (bytes, rest) = input.split_at_checked(missing).unwrap_or((input, &[]));
        let free = self.carry.get_mut(self.held..).unwrap_or_default();
        if let Some((room, _)) = free.split_at_mut_checked(bytes.len()) {
            for (to, from) in room.iter_mut().zip(bytes) {
                *to = *from;
            }
            self.held = self.held.saturating_add(bytes.len());
        }
        *input = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_framer_reports_once_and_swallows_the_rest() {
        let mut framer: Framer = Framer::new(Resync::Close);
        let mut input: &[u8] = &[0x16, 3, 1, 0, 0x53, 1, 0xd3, 0, 0, 0, 0];
        let error = framer.next(&mut input).unwrap().unwrap_err();
        assert_eq!(error.declared(), 0x0301_0053);
        assert_eq!(framer.next(&mut input), None);
        assert!(input.is_empty());
        let mut more: &[u8] = &[0xd3, 0, 0, 0, 0];
        assert_eq!(framer.next(&mut more), None);
    }

    #[test]
    fn a_closed_framer_holds_nothing_of_a_header_that_came_in_pieces() {
        let mut framer: Framer = Framer::new(Resync::Close);
        assert_eq!(framer.next(&mut &[0x16, 3, 1][..]), None);
        let mut rest: &[u8] = &[0, 0x53, 1];
        assert!(framer.next(&mut rest).unwrap().is_err());
        assert_eq!(framer.next(&mut rest), None);
        assert_eq!((framer.pending(), framer.skipped()), (0, 6));
    }

    #[test]
    fn a_small_framer_refuses_what_it_cannot_hold() {
        let mut framer: Framer<12> = Framer::new(Resync::Scan);
        let mut input: &[u8] = &[0x43, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(framer.next(&mut input).unwrap().is_err());
    }

    #[test]
    fn a_packet_that_was_not_accepted_stays_at_the_front() {
        let mut framer: Framer = Framer::new(Resync::Close);
        let mut first: &[u8] = &[0xd3, 0];
        assert_eq!(framer.front(&mut first), Front::Partial);
        let mut rest: &[u8] = &[0, 0, 0, 0xd8];
        assert_eq!(framer.front(&mut rest), Front::InCarry(5));
        assert_eq!(framer.front(&mut rest), Front::InCarry(5));
        assert_eq!(rest, [0xd8]);
        framer.accept();
        assert_eq!(framer.pending(), 0);
        assert_eq!(rest, [0xd8]);
    }
}
