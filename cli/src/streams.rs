//! One framer for every byte stream of a recording that is in the middle of something.

use crate::capture::{Chunk, Direction, Origin};
use crate::cover::Cover;
use cync_core::wire::{Framer, HEADER_LEN, Resync};
use std::collections::BTreeMap;
use std::io;
use thiserror::Error;

/// The most streams that may be in the middle of a packet at once: each takes a packet's room.
const MAX_OPEN: usize = 4096;

/// What a stream consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found<'a> {
    /// A whole packet, and the same with stars in the place of authentication codes, also of one that began in what was before.
    Packet { bytes: &'a [u8], covered: &'a [u8] },
    /// Bytes that are none: what was taken for a header, the same with stars, and how many bytes were skipped.
    Skipped { header: [u8; HEADER_LEN], covered: [u8; HEADER_LEN], skipped: u64 },
}

/// There are as many unfinished streams as are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("more than {MAX_OPEN} connections are in the middle of a packet; split the capture")]
pub(crate) struct TooManyStreams;

/// Bytes left over where streams end.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Pending {
    /// Of all streams.
    pub(crate) bytes: usize,
    /// Of the stream with the most.
    pub(crate) most: usize,
    /// Streams with any.
    pub(crate) streams: usize,
}

impl Pending {
    fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.most = self.most.max(bytes);
        self.streams += usize::from(bytes > 0);
    }
}

type Key = (Option<String>, Option<Direction>);

/// The streams of a recording.
#[derive(Default)]
pub(crate) struct Streams {
    open: BTreeMap<Key, Box<Stream>>,
    pending: Pending,
}

struct Stream {
    framer: Framer,
    cover: Cover,
    skip: Option<Skip>,
    /// The chunk fed last.
    last: Origin,
}

/// A refused header whose end is not known yet.
struct Skip {
    header: [u8; HEADER_LEN],
    /// [`Framer::skipped`] before it.
    before: u64,
}

impl Streams {
    /// Whether a chunk can be taken.
    pub(crate) fn check(&self, chunk: &Chunk) -> Result<(), TooManyStreams> {
        let full = !chunk.alone && self.open.len() >= MAX_OPEN;
        if full && !self.open.contains_key(&key(&chunk.origin)) {
            return Err(TooManyStreams);
        }
        Ok(())
    }

    /// Takes the next chunk and shows what ends in it.
    pub(crate) fn feed(
        &mut self,
        chunk: &Chunk,
        show: &mut impl FnMut(&Origin, Found<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let key = key(&chunk.origin);
        let known = if chunk.alone { None } else { self.open.remove(&key) };
        let mut stream = known.unwrap_or_else(|| Stream::new(&chunk.origin));
        stream.feed(chunk, show)?;
        if chunk.alone {
            self.pending.add(stream.finish(show)?);
        } else if !stream.framer.is_idle() || stream.cover.is_within() {
            self.open.insert(key, stream);
        }
        Ok(())
    }

    /// Ends all streams.
    pub(crate) fn finish(
        mut self,
        show: &mut impl FnMut(&Origin, Found<'_>) -> io::Result<()>,
    ) -> io::Result<Pending> {
        for stream in self.open.values_mut() {
            self.pending.add(stream.finish(show)?);
        }
        Ok(self.pending)
    }
}

fn key(origin: &Origin) -> Key {
    (origin.conn.clone(), origin.direction)
}

impl Stream {
    fn new(origin: &Origin) -> Box<Self> {
        Box::new(Self {
            framer: Framer::new(Resync::Scan),
            cover: Cover::default(),
            skip: None,
            last: origin.clone(),
        })
    }

    fn feed(
        &mut self,
        chunk: &Chunk,
        show: &mut impl FnMut(&Origin, Found<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.last = chunk.origin.clone();
        let mut input = chunk.bytes.as_slice();
        let mut packet = Vec::new();
        loop {
            match self.framer.next(&mut input) {
                Some(Ok(bytes)) => {
                    packet.clear();
                    packet.extend_from_slice(bytes);
                    self.end_skip(show)?;
                    let mut covered = packet.clone();
                    self.cover.apply(&mut covered);
                    show(&self.last, Found::Packet { bytes: &packet, covered: &covered })?;
                }
                Some(Err(error)) => {
                    self.end_skip(show)?;
                    let before = self.framer.skipped().saturating_sub(1);
                    self.skip = Some(Skip { header: error.header, before });
                }
                None => break,
            }
        }
        // A scanning framer holds less than a header, so this much is the start of a packet.
        if self.framer.pending() >= HEADER_LEN {
            self.end_skip(show)?;
        }
        Ok(())
    }

    fn end_skip(
        &mut self,
        show: &mut impl FnMut(&Origin, Found<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(Skip { header, before }) = self.skip.take() else { return Ok(()) };
        let skipped = self.framer.skipped().saturating_sub(before);
        let mut covered = header;
        self.cover.clone().apply(&mut covered);
        // What was taken for a header may reach into what follows.
        let mut gone = header;
        let known = usize::try_from(skipped).unwrap_or(HEADER_LEN).min(HEADER_LEN);
        self.cover.apply(gone.get_mut(..known).unwrap_or_default());
        self.cover.pass(skipped.saturating_sub(HEADER_LEN as u64));
        show(&self.last, Found::Skipped { header, covered, skipped })
    }

    /// The bytes left over.
    fn finish(
        &mut self,
        show: &mut impl FnMut(&Origin, Found<'_>) -> io::Result<()>,
    ) -> io::Result<usize> {
        self.end_skip(show)?;
        Ok(self.framer.pending())
    }
}
