//! One line for every packet and every error, readable or as JSON.

use crate::capture::{Direction, Origin};
use crate::decode::annotate;
use crate::hex;
use crate::render::{self, Secrets};
use crate::stats::Stats;
use crate::streams::Found;
use cync_core::wire::{ChecksumMode, FramingError, Packet, PacketType};
use serde_json::{Value, json};
use std::io::{self, Write};

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// Readable lines.
    Plain,
    /// JSON lines.
    Json,
    /// Nothing but the numbers at the end.
    Stats,
}

/// Decodes what streams consist of, counts it, and writes it.
pub(crate) struct Report<W> {
    pub(crate) out: W,
    pub(crate) form: Form,
    /// Every byte is said to belong to a field, in colours or not.
    pub(crate) annotate: Option<bool>,
    pub(crate) checksum: ChecksumMode,
    pub(crate) secrets: Secrets,
    pub(crate) stats: Stats,
}

impl<W: Write> Report<W> {
    /// Takes the next part of a stream.
    pub(crate) fn show(&mut self, origin: &Origin, found: Found<'_>) -> io::Result<()> {
        match found {
            Found::Packet { bytes, covered } => self.show_packet(origin, bytes, covered),
            Found::Skipped { header, covered, skipped } => {
                let error = FramingError { header };
                let shown = if self.secrets == Secrets::Masked { covered } else { header };
                let [type_byte, ..] = shown;
                self.stats.count_skip(type_byte, error.reason(), skipped);
                // What the error says of the header would show what is covered.
                let what = match shown == header {
                    true => error.to_string(),
                    false => "what is left of a greeting".to_owned(),
                };
                let detail = format!("{what}; {skipped} bytes skipped");
                self.write_error(origin, error.reason(), &detail, &shown, Some(skipped))
            }
        }
    }

    fn show_packet(&mut self, origin: &Origin, bytes: &[u8], covered: &[u8]) -> io::Result<()> {
        let decoded = Packet::decode(bytes, self.checksum);
        self.stats.count(bytes.first().copied().unwrap_or_default(), &decoded);
        if self.form == Form::Stats {
            return Ok(());
        }
        let shown = if self.secrets == Secrets::Masked { covered } else { bytes };
        match decoded {
            Err(error) => self.write_error(origin, error.reason(), &error.to_string(), shown, None),
            Ok(packet) if shown == bytes => {
                self.write_packet(origin, packet.kind(), Some(&packet), shown)
            }
            // Decoded again, so that no field can show what the bytes do not.
            Ok(packet) => {
                let masked = Packet::decode(shown, ChecksumMode::Lenient).ok();
                self.write_packet(origin, packet.kind(), masked.as_ref(), shown)
            }
        }
    }

    fn write_packet(
        &mut self,
        origin: &Origin,
        kind: PacketType,
        packet: Option<&Packet<'_>>,
        shown: &[u8],
    ) -> io::Result<()> {
        match (self.form, packet) {
            (Form::Stats, _) => Ok(()),
            (Form::Plain, Some(packet)) => writeln!(self.out, "{} {packet}", margin(origin)),
            (Form::Plain, None) => {
                let digits = hex::encode(shown.iter().copied());
                writeln!(self.out, "{} {:02x} {kind} {digits}", margin(origin), kind.byte())
            }
            (Form::Json, packet) => {
                let object = match packet {
                    Some(packet) => render::object(packet, shown, self.secrets),
                    None => render::outline(kind, shown),
                };
                let mut line = origin_json(origin);
                line["packet"] = object;
                self.add_fields(&mut line, shown);
                self.write_json(&line)
            }
        }?;
        self.write_fields(shown)
    }

    fn add_fields(&self, line: &mut Value, shown: &[u8]) {
        if self.annotate.is_some() {
            line["fields"] = annotate::json(&annotate::fields(shown, self.secrets));
        }
    }

    fn write_fields(&mut self, shown: &[u8]) -> io::Result<()> {
        match (self.form, self.annotate) {
            (Form::Plain, Some(coloured)) => {
                let fields = annotate::fields(shown, self.secrets);
                annotate::write(&mut self.out, &fields, coloured)
            }
            _ => Ok(()),
        }
    }

    fn write_error(
        &mut self,
        origin: &Origin,
        reason: &str,
        detail: &str,
        shown: &[u8],
        skipped: Option<u64>,
    ) -> io::Result<()> {
        let digits = hex::encode(shown.iter().copied());
        match self.form {
            Form::Stats => Ok(()),
            Form::Plain => {
                writeln!(self.out, "{} ERROR {reason} ({detail}) {digits}", margin(origin))
            }
            Form::Json => {
                let mut line = origin_json(origin);
                line["error"] = json!(reason);
                line["type"] = json!(shown.first());
                line["hex"] = json!(digits);
                match skipped {
                    Some(skipped) => line["skipped"] = json!(skipped),
                    None => self.add_fields(&mut line, shown),
                }
                self.write_json(&line)
            }
        }?;
        match skipped {
            // Of what is no packet nothing but the supposed header is kept.
            Some(_) => Ok(()),
            None => self.write_fields(shown),
        }
    }

    /// Writes one line of JSON.
    pub(crate) fn write_json(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.out, "{value}")
    }
}

fn origin_json(origin: &Origin) -> Value {
    let Origin { n, conn, direction } = origin;
    json!({"n": n, "conn": conn, "direction": direction.map(Direction::name)})
}

/// Chunk, connection and direction. The name is escaped: a recording is anybody's text.
fn margin(origin: &Origin) -> String {
    let conn =
        origin.conn.as_deref().map_or("-".to_owned(), |conn| conn.escape_debug().to_string());
    let arrow = match origin.direction {
        Some(Direction::DevToCloud) => "->",
        Some(Direction::CloudToDev) => "<-",
        None => "--",
    };
    format!("{:>6} {conn} {arrow}", origin.n)
}
