//! The inner frame of a 0x73 or 0x83, whose numbers are little-endian and whose bytes may be stuffed.

use super::{Part, Role, Unit, Walk, colour_mode, digits, on_off, percent, status, yes_no};
use crate::render::text;
use cync_core::wire::{
    Command, ESCAPE, Firmware, Frame, Layout, MARK, Meaning, MeshPage, Stuffing,
};

/// Everything behind the prefix.
pub(super) fn frame(walk: &mut Walk<'_>, frame: &Frame<'_>) {
    match frame.layout {
        Layout::Bound => {}
        Layout::BoundPad1 => walk.take(1, Role::Frame, "padding", super::nothing),
        Layout::Unbound => walk.take(1, Role::Frame, "no marker", super::nothing),
    }
    if frame.layout != Layout::Unbound {
        walk.take(1, Role::Frame, "marker", super::nothing);
    }
    let stuffed = frame.stuffing() == Stuffing::Unstuffed;
    let units = units(walk, stuffed);
    let body: Vec<u8> = units.iter().map(|(byte, _)| *byte).collect();
    let data_end = body.len().saturating_sub(1).max(HEAD);
    let mut parts = Parts { walk, units: &units, body: &body, at: 0 };
    parts.take((4, "counter", number), Role::Frame);
    parts.take((1, "direction", |_| String::new()), Role::Frame);
    parts.named(frame.direction.name().into());
    parts.take((1, "operation", digits), Role::Frame);
    parts.take((2, "data length", number), Role::Frame);
    let data = body.get(HEAD..data_end).unwrap_or_default();
    meaning(&mut parts, Meaning::of(frame.layout, frame.direction, frame.op, data), data);
    parts.up_to(data_end, Role::Unknown, "data");
    let (role, value) = if frame.checksum_valid() {
        (Role::Sum, "right".to_owned())
    } else {
        (Role::WrongSum, format!("wrong: it should be {:02x}", frame.computed_checksum()))
    };
    parts.take((1, "checksum", |_| String::new()), role);
    parts.named(value);
    parts.up_to(body.len(), Role::Unknown, "data");
    walk.take(1, Role::Frame, "marker", super::nothing);
}

/// Counter, direction, operation, length.
const HEAD: usize = 8;

/// The bytes up to the last marker, each with the room that it takes.
fn units(walk: &Walk<'_>, stuffed: bool) -> Vec<Unit> {
    let rest = walk.bytes.get(walk.at..).unwrap_or_default();
    let mut rest = rest.strip_suffix(&[MARK]).unwrap_or(rest);
    let mut units = Vec::new();
    loop {
        rest = match rest {
            [ESCAPE, byte, rest @ ..] if stuffed => {
                units.push((byte ^ cync_core::wire::ESCAPE_XOR, 2));
                rest
            }
            [byte, rest @ ..] => {
                units.push((*byte, 1));
                rest
            }
            [] => return units,
        };
    }
}

/// Takes the un-stuffed bytes of a frame in turn.
struct Parts<'p, 'w, 'b> {
    walk: &'p mut Walk<'w>,
    units: &'b [Unit],
    body: &'b [u8],
    at: usize,
}

impl Parts<'_, '_, '_> {
    fn take(&mut self, (count, name, value): Part, role: Role) {
        let end = (self.at + count).min(self.body.len());
        let (units, bytes) = (self.units.get(self.at..end), self.body.get(self.at..end));
        let (units, bytes) = (units.unwrap_or_default(), bytes.unwrap_or_default());
        let mut value = value(bytes);
        if bytes.len() < units.iter().map(|(_, len)| len).sum() {
            value = format!("{value} (stuffed)").trim_start().to_owned();
        }
        self.walk.units(units, role, name, value);
        self.at = end;
    }

    /// What the part that was taken last says.
    fn named(&mut self, value: String) {
        if let Some(field) = self.walk.fields.last_mut() {
            field.value = format!("{value} {}", field.value).trim_end().to_owned();
        }
    }

    /// What the part that was taken last stands for.
    fn explained(&mut self, command: &Command) {
        if let Some(field) = self.walk.fields.last_mut() {
            field.value = format!("{}: {command}", field.value);
        }
    }

    fn all(&mut self, parts: &[Part]) {
        for part in parts {
            let role = if part.1 == "reserved" { Role::Unknown } else { Role::Data };
            self.take(*part, role);
        }
    }

    /// What is left of the data.
    fn up_to(&mut self, end: usize, role: Role, name: &'static str) {
        self.take((end.saturating_sub(self.at), name, super::nothing), role);
    }
}

fn number(bytes: &[u8]) -> String {
    bytes.iter().rev().fold(0_u64, |all, byte| all << 8 | u64::from(*byte)).to_string()
}

const RESERVED: &str = "reserved";
const MESH: [Part; 5] = [
    (3, "sequence number", number),
    (2, "source", number),
    (2, "destination", number),
    (1, "mesh operation", digits),
    (2, "vendor", |bytes| super::digits(&bytes.iter().rev().copied().collect::<Vec<_>>())),
];
const ANNOUNCED: [Part; 6] = [
    (1, "reachable", yes_no),
    (1, "state", on_off),
    (1, "brightness", percent),
    (1, "colour mode", colour_mode),
    (3, "red green blue", digits),
    (2, RESERVED, super::nothing),
];
const PAGE: [Part; 3] = [(2, "records", number), (2, "offset", number), (2, "in all", number)];
const RECORD: [Part; 12] = [
    (2, "device", number),
    (1, "device type", number),
    (1, "reachable", yes_no),
    (4, RESERVED, super::nothing),
    (1, "state", on_off),
    (3, RESERVED, super::nothing),
    (1, "brightness", percent),
    (3, RESERVED, super::nothing),
    (1, "colour mode", colour_mode),
    (3, RESERVED, super::nothing),
    (3, "red green blue", digits),
    (1, RESERVED, super::nothing),
];

fn meaning(parts: &mut Parts<'_, '_, '_>, meaning: Meaning<'_>, data: &[u8]) {
    match meaning {
        Meaning::DeviceStatus(..) => {
            parts.all(&MESH);
            parts.all(&ANNOUNCED);
        }
        Meaning::Command(_, command) => {
            let (addresses, vendor) = MESH.split_at(4);
            parts.all(addresses);
            parts.explained(&command);
            parts.all(vendor);
            parts.all(parameters(&command));
            parts.up_to(HEAD + data.len(), Role::Data, "parameters");
        }
        Meaning::Mesh(_) => {
            parts.all(&MESH);
            parts.up_to(HEAD + data.len(), Role::Data, "parameters");
        }
        Meaning::Firmware(firmware) => self::firmware(parts, &firmware),
        Meaning::CommandResult(_) => parts.all(&[(1, "status", status)]),
        Meaning::MeshQuery { .. } => {
            parts.all(&[
                (2, RESERVED, super::nothing),
                (2, "limit", number),
                (2, "offset", number),
            ]);
        }
        Meaning::MeshPage(page) => self::page(parts, &page),
        Meaning::PageReceived => parts.all(&[(2, "page received", super::nothing)]),
        _ => parts.up_to(HEAD + data.len(), Role::Unknown, "data"),
    }
}

fn parameters(command: &Command) -> &'static [Part] {
    match command {
        Command::Power { .. } => &[(1, "state", on_off), (2, RESERVED, super::nothing)],
        Command::Brightness { .. } => &[(1, "brightness", percent)],
        Command::Fade { .. } => &[
            (1, "kind", digits),
            (2, "tenths of a percent", super::number),
            (2, "ms", super::number),
        ],
        Command::Temperature { .. } => &[(1, "kind", digits), (1, "white", number)],
        Command::Rgb { .. } => &[(1, "kind", digits), (3, "red green blue", digits)],
        Command::Effect { .. } => &[
            (1, "kind", digits),
            (1, "show", number),
            (1, "effect", number),
            (1, RESERVED, super::nothing),
        ],
        Command::Combined { .. } => &[
            (1, "state", on_off),
            (1, "brightness", keep_or_percent),
            (1, "colour mode", colour_mode),
            (3, "red green blue", digits),
        ],
        _ => &[],
    }
}

fn keep_or_percent(bytes: &[u8]) -> String {
    if bytes == [0xff] { "as it is".into() } else { percent(bytes) }
}

fn firmware(parts: &mut Parts<'_, '_, '_>, firmware: &Firmware<'_>) {
    parts.all(&[(13, RESERVED, super::nothing)]);
    parts.take((1, "which", super::nothing), Role::Data);
    parts.named(if firmware.of_device { "device" } else { "network" }.into());
    parts.take((firmware.text.len(), "firmware", text), Role::Data);
    let end = HEAD + 32;
    parts.up_to(end, Role::Unknown, RESERVED);
}

fn page(parts: &mut Parts<'_, '_, '_>, page: &MeshPage<'_>) {
    parts.all(&PAGE);
    for _ in page.records() {
        parts.all(&RECORD);
    }
}
