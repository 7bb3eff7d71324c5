pub(crate) mod annotate;

use crate::capture::{Capture, CaptureError, Format};
use crate::colour::Colour;
use crate::complain;
use crate::exit::Exit;
use crate::render::Secrets;
use crate::report::{Form, Report};
use crate::stats::Stats;
use crate::streams::Streams;
use cync_core::wire::ChecksumMode;
use std::io;
use std::path::{Path, PathBuf};

/// Decode a recording, one line a packet.
///
/// Every connection and direction of a recording is one byte stream; packets may be split across its chunks. A chunk
/// without a connection, or one marked as injected, is a stream of its own. Hex lines and raw bytes are one stream.
///
/// A packet that cannot be framed or decoded is shown with the reason, and the exit code is 8. A line that cannot be
/// used is reported on standard error, the other lines are decoded, and the exit code is 1. A packet that the recording
/// leaves unfinished is no error: standard error says so, and --stats counts its bytes as pending.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The recording; - is standard input
    file: PathBuf,
    /// How it is written down [default: by the extension .jsonl .ndjson .hex .raw .bin, otherwise by
    /// its first bytes: text that starts with { is jsonl, hex digits or # is hex, the rest is raw]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write one JSON object a packet
    #[arg(long)]
    json: bool,
    /// Write one JSON object with counts, and no packets
    #[arg(long)]
    stats: bool,
    /// Say of every byte which field it belongs to
    #[arg(long, conflicts_with = "stats")]
    annotate: bool,
    /// Accept frames with a wrong checksum, and flag them
    #[arg(long)]
    lenient: bool,
    /// Show authentication codes instead of stars, with --json and with --annotate
    #[arg(long)]
    show_secrets: bool,
}

const EXAMPLES: &str = "\
Examples:
  cync decode docs/samples/boot.jsonl
  cync decode docs/samples/boot.jsonl --annotate
  cync decode capture.jsonl --stats
  cync encode power --device 5 --on | cync decode - --json
";

/// Runs `cync decode`.
pub(crate) fn run(args: &Args, colour: Colour) -> Exit {
    let form = match args {
        Args { stats: true, .. } => Form::Stats,
        Args { json: true, .. } => Form::Json,
        _ => Form::Plain,
    };
    let annotate = args.annotate.then(|| colour.on(&io::stdout()));
    let report = Report {
        out: io::stdout().lock(),
        form,
        annotate,
        checksum: if args.lenient { ChecksumMode::Lenient } else { ChecksumMode::Strict },
        secrets: if args.show_secrets { Secrets::Shown } else { Secrets::Masked },
        stats: Stats::default(),
    };
    match decode(&args.file, args.format, report) {
        Ok(exit) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => complain(format_args!("cannot write: {error}")),
    }
}

/// Bad lines that are described one by one; the rest is only counted.
const MAX_COMPLAINTS: u64 = 20;

/// Fails only if the output does.
fn decode<W: io::Write>(
    path: &Path,
    format: Option<Format>,
    mut report: Report<W>,
) -> io::Result<Exit> {
    let name = if path.as_os_str() == "-" { Path::new("standard input") } else { path }.display();
    let mut capture = match Capture::open(path, format) {
        Ok(capture) => capture,
        Err(error) => return Ok(complain(format_args!("{name}: {error}"))),
    };
    let mut streams = Streams::default();
    let mut unreadable = false;
    while let Some(chunk) = capture.next() {
        let usable = match chunk {
            Ok(chunk) => match streams.check(&chunk) {
                Ok(()) => Ok(chunk),
                Err(full) => Err(format!("chunk {}: {full}", chunk.origin.n)),
            },
            Err(CaptureError::Io(error)) => {
                unreadable = true;
                complain(format_args!("{name}: cannot read on: {error}"));
                break;
            }
            Err(error @ CaptureError::Line { .. }) => Err(error.to_string()),
        };
        match usable {
            Ok(chunk) => {
                report.stats.chunks += 1;
                report.stats.bytes += chunk.bytes.len() as u64;
                streams.feed(&chunk, &mut |origin, found| report.show(origin, found))?;
            }
            Err(problem) => {
                report.stats.bad_lines += 1;
                if report.stats.bad_lines <= MAX_COMPLAINTS {
                    complain(format_args!("{name}: {problem}"));
                }
            }
        }
    }
    let pending = streams.finish(&mut |origin, found| report.show(origin, found))?;
    if report.form == Form::Stats {
        report.write_json(&report.stats.to_json(pending))?;
    } else if pending.bytes > 0 {
        let (bytes, streams) = (pending.bytes, pending.streams);
        complain(format_args!(
            "{name}: ends inside a packet (bytes left: {bytes}, streams: {streams})"
        ));
    }
    report.out.flush()?;

    let Stats { chunks, bad_lines, .. } = report.stats;
    if bad_lines > MAX_COMPLAINTS {
        complain(format_args!("{name}: {bad_lines} unusable lines in all"));
    }
    Ok(if chunks == 0 && bad_lines == 0 && !unreadable {
        complain(format_args!("{name}: empty: no chunk in it; record some traffic first"))
    } else if unreadable || bad_lines > 0 {
        Exit::Failed
    } else if report.stats.has_errors() {
        Exit::DecodeErrors
    } else {
        Exit::Done
    })
}
