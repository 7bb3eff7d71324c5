//! Writes down what the relays saw, on a thread of its own: whoever reads it may be slow.

use super::feed::{Backlog, Event, What};
use super::outlet::Outlet;
use super::strand::{Piece, Strand};
use super::summary::{Seen, Summary};
use crate::capture::{Chunk, Direction, Origin};
use crate::hex;
use crate::output::say_aside;
use crate::render::Secrets;
use crate::report::{Form, Report};
use crate::stats::Stats;
use crate::streams::Streams;
use cync_core::wire::ChecksumMode;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::{Instant, SystemTime};

/// What standard output is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Show {
    /// Readable lines, one a packet.
    Packets,
    /// The capture.
    Capture,
    /// The summary alone.
    Nothing,
}

/// Takes events, and writes packets and captures.
pub(super) struct Recorder {
    show: Show,
    secrets: Secrets,
    start: Instant,
    started: SystemTime,
    stdout: Outlet,
    /// Where the capture goes as well.
    file: Option<Outlet>,
    /// Connections, and how many of their directions are not over.
    open: BTreeMap<u64, u8>,
    strands: BTreeMap<(u64, Direction), Recorded>,
    reports: BTreeMap<Direction, Report<Vec<u8>>>,
    chunks: u64,
    covered: u64,
    unfinished: u64,
}

/// A direction of a connection that is being recorded.
struct Recorded {
    strand: Strand,
    /// Decodes it as `cync decode` does its capture.
    streams: Streams,
    gaps: u32,
}

impl Recorded {
    /// As the capture names it: behind a gap another stream begins.
    fn name(&self, conn: u64) -> String {
        match self.gaps {
            0 => conn.to_string(),
            gaps => format!("{conn}+{gaps}"),
        }
    }
}

impl Recorder {
    pub(super) fn new(
        show: Show,
        checksum: ChecksumMode,
        secrets: Secrets,
        stdout: Outlet,
        file: Option<Outlet>,
    ) -> Self {
        let form = if show == Show::Packets { Form::Plain } else { Form::Stats };
        let report = || Report {
            out: Vec::new(),
            form,
            checksum,
            secrets,
            annotate: None,
            stats: Stats::default(),
        };
        let directions = [Direction::DevToCloud, Direction::CloudToDev];
        Self {
            show,
            secrets,
            start: Instant::now(),
            started: SystemTime::now(),
            stdout,
            file,
            open: BTreeMap::new(),
            strands: BTreeMap::new(),
            reports: directions.into_iter().map(|it| (it, report())).collect(),
            chunks: 0,
            covered: 0,
            unfinished: 0,
        }
    }

    /// Writes until nothing more can happen, and then the summary. Returns whether all of the capture could be written.
    pub(super) fn run(mut self, backlog: &Backlog, mut summary: impl FnMut() -> Summary) -> bool {
        while let Some(event) = backlog.next() {
            self.note(event);
        }
        let seen = self.reports.into_iter().map(|(direction, report)| {
            let Stats { bytes, packets, flagged, types, errors, .. } = report.stats;
            Seen { direction, bytes, packets, flagged, types, errors }
        });
        let mut summary = summary();
        summary.seen = seen.collect();
        summary.covered = self.covered;
        summary.unfinished = self.unfinished;
        summary.missed = backlog.missed();
        if self.show == Show::Capture {
            say_aside(&summary);
        } else {
            self.stdout.write(&summary.to_string());
        }
        let captures = self.file.iter().chain((self.show == Show::Capture).then_some(&self.stdout));
        !captures.into_iter().any(Outlet::has_failed)
    }

    fn note(&mut self, Event { at, conn, what }: Event) {
        match what {
            What::Opened(peer) => {
                self.open.insert(conn, 2);
                self.remark(at, conn, format_args!("connection from {peer}"));
            }
            What::Remark(remark) => self.remark(at, conn, remark),
            What::Problem(problem) => {
                crate::complain(problem);
            }
            What::Read { direction, bytes, missed } => {
                let mut recorded = self.take(conn, direction);
                if missed > 0 {
                    self.gap(at, conn, direction, &mut recorded, missed);
                }
                if let Some(piece) = recorded.strand.read(&bytes) {
                    self.put(at, conn, direction, &mut recorded, piece);
                }
                self.strands.insert((conn, direction), recorded);
            }
            What::Over { direction, missed } => {
                let mut recorded = self.take(conn, direction);
                if missed > 0 {
                    self.gap(at, conn, direction, &mut recorded, missed);
                }
                self.end(at, conn, direction, recorded);
                let left = self.open.remove(&conn).unwrap_or(0);
                if left > 1 {
                    self.open.insert(conn, left - 1);
                } else {
                    self.remark(at, conn, "connection ended");
                }
            }
        }
    }

    fn take(&mut self, conn: u64, direction: Direction) -> Recorded {
        let new = || Recorded {
            strand: Strand::new(self.secrets == Secrets::Masked),
            streams: Streams::default(),
            gaps: 0,
        };
        self.strands.remove(&(conn, direction)).unwrap_or_else(new)
    }

    fn gap(
        &mut self,
        at: Instant,
        conn: u64,
        direction: Direction,
        recorded: &mut Recorded,
        missed: u64,
    ) {
        if let Some(piece) = recorded.strand.gap(missed) {
            self.put(at, conn, direction, recorded, piece);
        }
        self.finish(at, conn, direction, std::mem::take(&mut recorded.streams));
        recorded.gaps = recorded.gaps.saturating_add(1);
        self.remark(at, conn, format_args!("{missed} bytes {} missed", direction.name()));
    }

    fn end(&mut self, at: Instant, conn: u64, direction: Direction, mut recorded: Recorded) {
        let piece = recorded.strand.end();
        let missed = recorded.strand.untold();
        if piece.is_some() || missed > 0 {
            let bytes = piece.map(|piece| piece.bytes).unwrap_or_default();
            self.put(at, conn, direction, &mut recorded, Piece { bytes, missed });
        }
        self.covered += recorded.strand.covered();
        self.finish(at, conn, direction, recorded.streams);
    }

    /// Ends a stream that was decoded.
    fn finish(&mut self, at: Instant, conn: u64, direction: Direction, streams: Streams) {
        let Some(report) = self.reports.get_mut(&direction) else { return };
        let pending = streams.finish(&mut |origin, found| report.show(origin, found));
        // Writing to memory does not fail.
        let pending = pending.map_or(0, |pending| pending.bytes);
        self.flush(at, direction);
        if pending > 0 {
            self.unfinished += pending as u64;
            let name = direction.name();
            self.remark(at, conn, format_args!("{name} ends inside a packet: {pending} bytes"));
        }
    }

    /// Writes a chunk of the capture, and the packets that end in it.
    fn put(
        &mut self,
        at: Instant,
        conn: u64,
        direction: Direction,
        recorded: &mut Recorded,
        piece: Piece,
    ) {
        let Piece { bytes, missed } = piece;
        let (n, name) = (self.chunks, recorded.name(conn));
        self.chunks += 1;
        if self.file.is_some() || self.show == Show::Capture {
            let t = at.saturating_duration_since(self.start);
            let mut line = json!({
                "n": n,
                "conn": name,
                "direction": direction.name(),
                "t": t.as_secs_f64(),
                "ts": humantime::format_rfc3339_micros(self.started + t).to_string(),
                "injected": false,
                "hex": hex::encode(bytes.iter().copied()),
            });
            if missed > 0 {
                line["missed"] = json!(missed);
            }
            let line = format!("{line}\n");
            if let Some(file) = &mut self.file {
                file.write(&line);
            }
            if self.show == Show::Capture {
                self.stdout.write(&line);
            }
        }
        let Some(report) = self.reports.get_mut(&direction) else { return };
        report.stats.bytes += bytes.len() as u64;
        let origin = Origin { n, conn: Some(name), direction: Some(direction) };
        let chunk = Chunk { origin, alone: false, bytes };
        // Writing to memory does not fail.
        let _ = recorded.streams.feed(&chunk, &mut |origin, found| report.show(origin, found));
        self.flush(at, direction);
    }

    /// Writes the lines of a direction's report, each with the time.
    fn flush(&mut self, at: Instant, direction: Direction) {
        let Some(report) = self.reports.get_mut(&direction) else { return };
        let lines = String::from_utf8(std::mem::take(&mut report.out)).unwrap_or_default();
        if self.show == Show::Packets && !lines.is_empty() {
            let time = self.time(at);
            let timed =
                lines.lines().fold(String::new(), |timed, line| timed + &time + line + "\n");
            self.stdout.write(&timed);
        }
    }

    /// Something about a connection that is no packet.
    fn remark(&mut self, at: Instant, conn: u64, remark: impl Display) {
        if self.show == Show::Packets {
            let line = format!("{}{:>6} {conn} {remark}\n", self.time(at), "-");
            self.stdout.write(&line);
        }
    }

    /// The margin of a line.
    fn time(&self, at: Instant) -> String {
        format!("{:>9.3} ", at.saturating_duration_since(self.start).as_secs_f64())
    }
}
