//! Which field every byte of a packet belongs to.

mod frame;
mod show;

pub(crate) use show::{json, write};

use crate::render::{Secrets, text};
use cync_core::wire::{ChecksumMode, DeviceInfo, HEADER_LEN, Login, Packet, PacketType};

/// What a field is part of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Type and length of the packet.
    Header,
    /// Who is spoken to, and about which message.
    Ids,
    /// What holds the inner frame together.
    Frame,
    /// The checksum, if it is right.
    Sum,
    /// The checksum, if it is wrong.
    WrongSum,
    /// What is said.
    Data,
    /// An authentication code.
    Secret,
    /// Bytes of which nobody knows the meaning, or that should not be there.
    Unknown,
}

/// Bytes of a packet that belong together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Field {
    /// Where they begin.
    pub(crate) at: usize,
    /// The bytes as they stand in the packet: still stuffed.
    pub(crate) bytes: Vec<u8>,
    pub(crate) role: Role,
    pub(crate) name: &'static str,
    /// What they say; nothing if the bytes say it themselves.
    pub(crate) value: String,
}

/// A byte, and how many bytes it takes in the packet: two if it is stuffed.
type Unit = (u8, usize);

/// Takes the bytes of a packet in turn, so that none is left out and none is taken twice.
struct Walk<'b> {
    bytes: &'b [u8],
    at: usize,
    fields: Vec<Field>,
}

impl Walk<'_> {
    /// As many bytes as there are, of so many.
    fn take(&mut self, count: usize, role: Role, name: &'static str, value: fn(&[u8]) -> String) {
        let have = self.bytes.len() - self.at;
        let bytes = self.bytes.get(self.at..self.at + count.min(have)).unwrap_or_default();
        let value = if bytes.len() == count { value(bytes) } else { "cut off".into() };
        self.push(bytes.to_vec(), role, name, value);
    }

    /// The bytes behind those that were taken last.
    fn push(&mut self, bytes: Vec<u8>, role: Role, name: &'static str, value: String) {
        if !bytes.is_empty() {
            let at = self.at;
            self.at += bytes.len();
            self.fields.push(Field { at, bytes, role, name, value });
        }
    }

    /// So many units, of which some are stuffed.
    fn units(&mut self, units: &[Unit], role: Role, name: &'static str, value: String) {
        let count: usize = units.iter().map(|(_, len)| len).sum();
        let end = (self.at + count).min(self.bytes.len());
        let bytes = self.bytes.get(self.at..end).unwrap_or_default().to_vec();
        self.push(bytes, role, name, value);
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn rest(&mut self, role: Role, name: &'static str, value: fn(&[u8]) -> String) {
        self.take(self.left(), role, name, value);
    }
}

/// The fields of one packet, whole or broken: in order, without a gap, up to its end. `bytes` are masked already if they have
/// to be.
pub(crate) fn fields(bytes: &[u8], secrets: Secrets) -> Vec<Field> {
    let mut walk = Walk { bytes, at: 0, fields: Vec::new() };
    walk.take(1, Role::Header, "type", |bytes| {
        let kind = bytes.first().and_then(|byte| PacketType::from_byte(*byte));
        kind.map_or("unknown".into(), |kind| kind.name().into())
    });
    walk.take(HEADER_LEN - 1, Role::Header, "length", number);
    match Packet::decode(bytes, ChecksumMode::Lenient) {
        Ok(packet) => payload(&mut walk, &packet, secrets),
        Err(error) => {
            let left = walk.bytes.get(walk.at..).unwrap_or_default().to_vec();
            walk.push(left, Role::Unknown, "not decoded", error.reason().into());
        }
    }
    walk.rest(Role::Unknown, "behind the packet", nothing);
    walk.fields
}

fn payload(walk: &mut Walk<'_>, packet: &Packet<'_>, secrets: Secrets) {
    use Role::{Data, Ids, Unknown};
    match packet {
        Packet::AppLogin(it) | Packet::Handshake(it) => login(walk, it, secrets),
        Packet::AppLoginAck(_) | Packet::HelloAck(_) => {
            walk.take(1, Data, "status", status);
            walk.take(1, Unknown, "reserved", nothing);
        }
        Packet::DeviceInfo(info) => {
            prefix(walk);
            datapoints(walk, info);
        }
        Packet::InfoAck(_) | Packet::StatusAck(_) => {
            walk.take(2, Ids, "message number", number);
            walk.take(1, Data, "status", status);
        }
        Packet::DataChannel(channel) | Packet::StatusBroadcast(channel) => {
            prefix(walk);
            frame::frame(walk, &channel.frame);
        }
        Packet::DataAck(_) | Packet::DataResult(_) | Packet::ProbeResult(_) => {
            walk.take(4, Ids, "endpoint", digits);
            walk.take(2, Ids, "message number", number);
            walk.take(1, Data, "status", status);
            walk.rest(Unknown, "reserved", nothing);
        }
        Packet::Probe { .. } => {
            prefix(walk);
            walk.rest(Unknown, "extra", nothing);
        }
        Packet::ProbeAck(_) => {
            prefix(walk);
            walk.rest(Unknown, "payload", nothing);
        }
        Packet::TimeRequest { .. } => walk.take(1, Unknown, "tag", number),
        Packet::TimeResponse(_) => time(walk),
        Packet::Disconnect { .. } => walk.rest(Data, "reason", digits),
        _ => {}
    }
}

fn login(walk: &mut Walk<'_>, login: &Login<'_>, secrets: Secrets) {
    walk.take(1, Role::Data, "version", number);
    walk.take(4, Role::Ids, "endpoint", digits);
    walk.take(2, Role::Data, "code length", number);
    let value = match secrets {
        Secrets::Shown => text,
        Secrets::Masked => |_: &[u8]| "masked".to_owned(),
    };
    walk.take(login.auth.len(), Role::Secret, "authentication code", value);
    walk.take(1, Role::Unknown, "reserved", nothing);
    walk.take(2, Role::Data, "keep-alive", |bytes| format!("{} s", number(bytes)));
}

fn prefix(walk: &mut Walk<'_>) {
    walk.take(4, Role::Ids, "endpoint", digits);
    walk.take(2, Role::Ids, "message number", number);
    walk.take(1, Role::Ids, "flag", number);
}

fn datapoints(walk: &mut Walk<'_>, info: &DeviceInfo<'_>) {
    for point in info.datapoints() {
        walk.take(1, Role::Data, "datapoint", digits);
        walk.take(2, Role::Data, "kind and length", |bytes| {
            let [high, low] = *bytes else { return String::new() };
            let head = u16::from_be_bytes([high, low]);
            format!("kind {}, {} bytes", head >> 12, head & 0x0fff)
        });
        if point.as_status().is_some() {
            for (count, name, value) in STATUS {
                walk.take(count, Role::Data, name, value);
            }
            walk.take(6, Role::Unknown, "reserved", nothing);
        } else if point.as_text().is_some() {
            walk.take(point.value.len(), Role::Data, "text", text);
        } else if point.as_u16().is_some() {
            walk.take(2, Role::Data, "number", number);
        } else {
            walk.take(point.value.len(), Role::Data, "value", nothing);
        }
    }
    walk.rest(Role::Unknown, "trailing", nothing);
}

/// A field of so many bytes, and how to read it.
type Part = (usize, &'static str, fn(&[u8]) -> String);

const STATUS: [Part; 8] = [
    (1, "device", number),
    (1, "state", on_off),
    (1, "brightness", percent),
    (1, "colour mode", colour_mode),
    (3, "red green blue", digits),
    (1, "reachable", yes_no),
    (1, "byte 8", number),
    (1, "reporter", number),
];

fn time(walk: &mut Walk<'_>) {
    walk.take(1, Role::Unknown, "tag", number);
    walk.take(2, Role::Data, "year", number);
    for name in ["month", "day", "weekday from Sunday 1", "hour", "minute", "second"] {
        walk.take(1, Role::Data, name, number);
    }
    walk.take(2, Role::Data, "offset from UTC", |bytes| {
        let [high, low] = *bytes else { return String::new() };
        format!("{} hundredths of an hour", i16::from_be_bytes([high, low]))
    });
}

fn nothing(_: &[u8]) -> String {
    String::new()
}

/// Big-endian, as everything outside the inner frame.
fn number(bytes: &[u8]) -> String {
    bytes.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte)).to_string()
}

fn digits(bytes: &[u8]) -> String {
    crate::hex::encode(bytes.iter().copied())
}

fn status(bytes: &[u8]) -> String {
    match bytes {
        [0] => "0 (accepted)".into(),
        _ => format!("{} (refused)", number(bytes)),
    }
}

fn on_off(bytes: &[u8]) -> String {
    if bytes == [0] { "off".into() } else { "on".into() }
}

fn yes_no(bytes: &[u8]) -> String {
    if bytes == [0] { "no".into() } else { "yes".into() }
}

fn percent(bytes: &[u8]) -> String {
    format!("{} %", number(bytes))
}

fn colour_mode(bytes: &[u8]) -> String {
    match bytes {
        [white @ 0..=100] => format!("white {white}"),
        [129] => "effect".into(),
        [254] => "colour".into(),
        [255] => "none".into(),
        _ => number(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every byte, once, in order.
    fn covers(bytes: &[u8]) {
        let mut at = 0;
        for field in fields(bytes, Secrets::Masked) {
            assert_eq!(field.at, at, "{field:?}");
            assert!(!field.bytes.is_empty() && !field.name.is_empty(), "{field:?}");
            assert_eq!(bytes.get(at..at + field.bytes.len()), Some(&field.bytes[..]));
            at += field.bytes.len();
        }
        assert_eq!(at, bytes.len());
    }

    fn vectors() -> Vec<Vec<u8>> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/packets.json");
        let all: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut found = Vec::new();
        for group in ["valid", "derived_valid", "malformed"] {
            for vector in all[group].as_array().unwrap() {
                found.push(crate::hex::decode(vector["hex"].as_str().unwrap().as_bytes()).unwrap());
            }
        }
        assert!(found.len() > 50, "{}", found.len());
        found
    }

    #[test]
    fn every_byte_of_every_vector_belongs_to_exactly_one_field() {
        for bytes in vectors() {
            (0..=bytes.len()).for_each(|end| covers(&bytes[..end]));
        }
    }

    #[test]
    fn of_every_valid_vector_every_byte_is_accounted_for() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/packets.json");
        let all: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for vector in all["valid"].as_array().unwrap() {
            for packet in vector["expected"]["packets"].as_array().unwrap() {
                let hex = packet["hex"].as_str().unwrap();
                let fields = fields(&crate::hex::decode(hex.as_bytes()).unwrap(), Secrets::Shown);
                let odd = |it: &&Field| {
                    ["not decoded", "behind the packet"].contains(&it.name) || it.value == "cut off"
                };
                assert_eq!(fields.iter().find(odd), None, "{}", vector["name"]);
            }
        }
    }

    proptest! {
        #[test]
        fn every_byte_of_anything_belongs_to_exactly_one_field(
            kind in any::<u8>(), payload in prop::collection::vec(any::<u8>(), 0..80), extra in 0..3_u8
        ) {
            let length = (payload.len() as u8).saturating_sub(extra);
            covers(&[&[kind, 0, 0, 0, length], &payload[..]].concat());
        }

        #[test]
        fn every_byte_of_a_changed_vector_belongs_to_exactly_one_field(
            nth in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()
        ) {
            let vectors = vectors();
            let mut bytes = vectors[nth.index(vectors.len())].clone();
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            covers(&bytes);
        }
    }
}
