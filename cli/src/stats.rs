use crate::streams::Pending;
use cync_core::DecodeError;
use cync_core::wire::Packet;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a recording holds, in numbers.
#[derive(Default)]
pub(crate) struct Stats {
    pub(crate) chunks: u64,
    pub(crate) bytes: u64,
    pub(crate) bad_lines: u64,
    pub(crate) packets: u64,
    decoded: u64,
    pub(crate) flagged: u64,
    skipped: u64,
    pub(crate) types: BTreeMap<u8, u64>,
    pub(crate) errors: BTreeMap<&'static str, u64>,
    errors_by_type: BTreeMap<u8, u64>,
}

impl Stats {
    /// Counts one framed packet.
    pub(crate) fn count(&mut self, type_byte: u8, decoded: &Result<Packet<'_>, DecodeError>) {
        self.packets += 1;
        *self.types.entry(type_byte).or_default() += 1;
        match decoded {
            Ok(packet) => {
                self.decoded += 1;
                let flagged = packet.frame().is_some_and(|frame| !frame.checksum_valid());
                self.flagged += u64::from(flagged);
            }
            Err(error) => self.count_error(type_byte, error.reason()),
        }
    }

    /// Counts one run of bytes that are no packet, by the first of them, as it is shown.
    pub(crate) fn count_skip(&mut self, type_byte: u8, reason: &'static str, skipped: u64) {
        self.skipped += skipped;
        self.count_error(type_byte, reason);
    }

    fn count_error(&mut self, type_byte: u8, reason: &'static str) {
        *self.errors.entry(reason).or_default() += 1;
        *self.errors_by_type.entry(type_byte).or_default() += 1;
    }

    /// Whether anything could not be framed or decoded.
    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// As one JSON object.
    pub(crate) fn to_json(&self, pending: Pending) -> Value {
        let by_type = |counts: &BTreeMap<u8, u64>| -> Value {
            counts.iter().map(|(byte, count)| (format!("{byte:#04x}"), *count)).collect()
        };
        let errors: Value =
            self.errors.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
        json!({
            "chunks": self.chunks,
            "bytes": self.bytes,
            "bad_lines": self.bad_lines,
            "packets": self.packets,
            "decoded": self.decoded,
            "flagged": self.flagged,
            "types": by_type(&self.types),
            "errors": errors,
            "errors_by_type": by_type(&self.errors_by_type),
            "skipped_bytes": self.skipped,
            "pending_bytes": pending.bytes,
            "max_pending_bytes": pending.most,
        })
    }
}
