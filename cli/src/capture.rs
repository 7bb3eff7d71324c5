//! Recordings in their three forms, read chunk by chunk in bounded memory.

use crate::hex::{self, HexError};
use crate::lines::{Line, Lines, MAX_LINE};
use clap::ValueEnum;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use thiserror::Error;

/// How a recording is written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line, one line a read: n, conn, direction, injected, hex
    Jsonl,
    /// Hex digits, one line a read; blanks, colons, empty lines and # comments are fine
    Hex,
    /// The bytes themselves
    Raw,
}

/// Who sent a chunk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Direction {
    DevToCloud,
    CloudToDev,
}

impl Direction {
    const fn parse(name: &str) -> Option<Self> {
        match name.as_bytes() {
            b"dev_to_cloud" => Some(Self::DevToCloud),
            b"cloud_to_dev" => Some(Self::CloudToDev),
            _ => None,
        }
    }

    /// The way back.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::DevToCloud => Self::CloudToDev,
            Self::CloudToDev => Self::DevToCloud,
        }
    }

    /// As recordings spell it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DevToCloud => "dev_to_cloud",
            Self::CloudToDev => "cloud_to_dev",
        }
    }
}

/// Where bytes come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    /// The chunk's number.
    pub(crate) n: u64,
    /// The connection, if the recording tells.
    pub(crate) conn: Option<String>,
    /// The sender, if the recording tells.
    pub(crate) direction: Option<Direction>,
}

/// The bytes of one read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Chunk {
    pub(crate) origin: Origin,
    /// Whether nothing before or after it continues it.
    pub(crate) alone: bool,
    pub(crate) bytes: Vec<u8>,
}

/// Why a chunk cannot be had.
#[derive(Debug, Error)]
pub(crate) enum CaptureError {
    /// Nothing comes after this one.
    #[error("cannot read it: {0}")]
    Io(#[from] io::Error),
    /// Other lines may be fine.
    #[error("line {line}: {problem}")]
    Line { line: u64, problem: BadLine },
}

/// What is wrong with a line, and what to do.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(crate) enum BadLine {
    #[error("longer than {MAX_LINE} bytes; split it, a packet may continue on the next line")]
    TooLong,
    #[error("not JSON (column {column}); write one object a line, or choose another --format")]
    NotJson { column: usize },
    #[error("a JSON value that is no object; write one object a line")]
    NotAnObject,
    #[error("no usable \"{name}\"; give it as {expected}")]
    Field { name: &'static str, expected: &'static str },
    #[error(transparent)]
    Hex(#[from] HexError),
}

/// A recording that is being read.
pub(crate) struct Capture {
    input: Input,
    next_n: u64,
}

enum Input {
    Jsonl(Lines<Box<dyn BufRead>>),
    Hex(Lines<Box<dyn BufRead>>),
    Raw(Box<dyn BufRead>),
    Ended,
}

impl Capture {
    /// Opens a file, or standard input for `-`. Without a `format` the name's extension decides, then the first bytes.
    pub(crate) fn open(path: &Path, format: Option<Format>) -> Result<Self, CaptureError> {
        let stdin = path.as_os_str() == "-";
        let mut input: Box<dyn BufRead> = if stdin {
            Box::new(io::stdin().lock())
        } else {
            Box::new(BufReader::with_capacity(RAW_PIECE, File::open(path)?))
        };
        let format = match format.or_else(|| by_extension(path)) {
            Some(format) => format,
            None => {
                let front = read_front(&mut input)?;
                let format = by_content(&front);
                input = Box::new(Cursor::new(front).chain(input));
                format
            }
        };
        let input = match format {
            Format::Jsonl => Input::Jsonl(Lines::new(input)),
            Format::Hex => Input::Hex(Lines::new(input)),
            Format::Raw => Input::Raw(input),
        };
        Ok(Self { input, next_n: 0 })
    }

    /// The next chunk; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Result<Chunk, CaptureError>> {
        loop {
            let step = match &mut self.input {
                Input::Ended => return None,
                Input::Raw(input) => read_raw(input, self.next_n),
                Input::Hex(lines) => read_line(lines, |line| hex_line(line, self.next_n)),
                Input::Jsonl(lines) => read_line(lines, json_line),
            };
            match step {
                Ok(Step::Blank) => {}
                Ok(Step::Chunk(chunk)) => {
                    self.next_n += 1;
                    return Some(Ok(chunk));
                }
                Ok(Step::End) => self.input = Input::Ended,
                Err(error) => {
                    if let CaptureError::Io(_) = error {
                        self.input = Input::Ended;
                    }
                    return Some(Err(error));
                }
            }
        }
    }
}

/// What comes next in a recording.
enum Step {
    Chunk(Chunk),
    /// A line without a chunk.
    Blank,
    End,
}

/// The most bytes of one read in [`Format::Raw`].
const RAW_PIECE: usize = 1 << 16;

fn read_raw(input: &mut Box<dyn BufRead>, n: u64) -> Result<Step, CaptureError> {
    let bytes = loop {
        match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?.to_vec(),
        }
    };
    input.consume(bytes.len());
    Ok(if bytes.is_empty() { Step::End } else { Step::Chunk(unnamed(n, bytes)) })
}

fn read_line(
    lines: &mut Lines<Box<dyn BufRead>>,
    parse: impl FnOnce(&[u8]) -> Result<Step, BadLine>,
) -> Result<Step, CaptureError> {
    let parsed = match lines.next()? {
        None => return Ok(Step::End),
        Some(Line::TooLong) => Err(BadLine::TooLong),
        Some(Line::Whole(line)) => parse(line),
    };
    parsed.map_err(|problem| CaptureError::Line { line: lines.number, problem })
}

fn hex_line(line: &[u8], n: u64) -> Result<Step, BadLine> {
    let code = line.split(|byte| *byte == b'#').next().unwrap_or_default();
    if code.trim_ascii().is_empty() {
        return Ok(Step::Blank);
    }
    Ok(Step::Chunk(unnamed(n, hex::decode(code)?)))
}

/// A chunk of the one stream that hex lines and raw bytes are.
const fn unnamed(n: u64, bytes: Vec<u8>) -> Chunk {
    Chunk { origin: Origin { n, conn: None, direction: None }, alone: false, bytes }
}

fn json_line(line: &[u8]) -> Result<Step, BadLine> {
    if line.trim_ascii().is_empty() {
        return Ok(Step::Blank);
    }
    let value: Value = serde_json::from_slice(line)
        .map_err(|error| BadLine::NotJson { column: error.column() })?;
    let Value::Object(fields) = value else { return Err(BadLine::NotAnObject) };
    let n = field(&fields, "n", "the number of the chunk", Value::as_u64)?;
    let conn = field(&fields, "conn", "the connection's name, or null", |value| match value {
        Value::Null => Some(None),
        Value::String(name) => Some(Some(name.clone())),
        _ => None,
    })?;
    let directions = "\"dev_to_cloud\" or \"cloud_to_dev\"";
    let direction =
        field(&fields, "direction", directions, |value| value.as_str().and_then(Direction::parse))?;
    let digits = field(&fields, "hex", "the bytes, two hex digits each", Value::as_str)?;
    let injected = match fields.get("injected") {
        None | Some(Value::Null) => false,
        Some(_) => field(&fields, "injected", "true or false", Value::as_bool)?,
    };
    let bytes = hex::decode(digits.as_bytes())?;
    let alone = injected || conn.is_none();
    let origin = Origin { n, conn, direction: Some(direction) };
    Ok(Step::Chunk(Chunk { origin, alone, bytes }))
}

fn field<'v, T>(
    fields: &'v Map<String, Value>,
    name: &'static str,
    expected: &'static str,
    read: impl FnOnce(&'v Value) -> Option<T>,
) -> Result<T, BadLine> {
    fields.get(name).and_then(read).ok_or(BadLine::Field { name, expected })
}

fn by_extension(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "hex" => Some(Format::Hex),
        "raw" | "bin" => Some(Format::Raw),
        _ => None,
    }
}

/// Enough to tell a packet's header, which has zeros in it, from text.
const FRONT: usize = cync_core::wire::HEADER_LEN;

fn read_front(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    const MAX_BLANK: usize = 4096;
    let mut front = Vec::new();
    for byte in input.bytes() {
        front.push(byte?);
        let enough = front.len() >= FRONT && !front.trim_ascii().is_empty();
        if enough || front.len() >= MAX_BLANK {
            break;
        }
    }
    Ok(front)
}

fn by_content(front: &[u8]) -> Format {
    let front = front.strip_prefix(b"\xef\xbb\xbf").unwrap_or(front);
    let text = front.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace());
    match front.trim_ascii().first() {
        Some(b'{') if text => Format::Jsonl,
        Some(byte) if text && (*byte == b'#' || byte.is_ascii_hexdigit()) => Format::Hex,
        None => Format::Hex,
        _ => Format::Raw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_form() {
        assert_eq!(by_content(b"{\"n\":0"), Format::Jsonl);
        assert_eq!(by_content(b"\n d3 00 00"), Format::Hex);
        assert_eq!(by_content(b"# a comment"), Format::Hex);
        assert_eq!(by_content(b""), Format::Hex);
        assert_eq!(by_content(b"\x7b\0\0\0\x07"), Format::Raw);
        assert_eq!(by_content(b"\x23\0\0\0\x1a"), Format::Raw);
        assert_eq!(by_content(b"\x16\x03\x01\0\x53"), Format::Raw);
    }

    #[test]
    fn a_line_says_which_field_it_lacks() {
        let lacks = |line: &str| match json_line(line.as_bytes()) {
            Err(BadLine::Field { name, .. }) => name,
            _ => panic!("{line} is refused for a field"),
        };
        assert_eq!(lacks(r#"{}"#), "n");
        assert_eq!(lacks(r#"{"n":-1}"#), "n");
        assert_eq!(lacks(r#"{"n":1}"#), "conn");
        assert_eq!(lacks(r#"{"n":1,"conn":7}"#), "conn");
        assert_eq!(lacks(r#"{"n":1,"conn":null,"direction":"up"}"#), "direction");
        assert_eq!(lacks(r#"{"n":1,"conn":null,"direction":"dev_to_cloud"}"#), "hex");
    }

    #[test]
    fn a_chunk_without_a_connection_and_an_injected_one_are_alone() {
        let alone = |line: &str| match json_line(line.as_bytes()).unwrap() {
            Step::Chunk(chunk) => chunk.alone,
            Step::Blank | Step::End => panic!("{line} has a chunk"),
        };
        assert!(!alone(r#"{"n":1,"conn":"a","direction":"dev_to_cloud","hex":""}"#));
        assert!(alone(r#"{"n":1,"conn":null,"direction":"dev_to_cloud","hex":""}"#));
        assert!(alone(r#"{"n":1,"conn":"a","direction":"dev_to_cloud","injected":true,"hex":""}"#));
    }
}
