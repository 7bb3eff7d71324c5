//! Commands as the data of a frame, and back (`docs/protocol.md`, section 5).

use super::{Command, op};
use crate::wire::setting::flag;
use crate::wire::{
    Brightness, Colour, Destination, Effect, Group, Indicator, Level, MeshPacket, Rgb, SwitchMode,
    Temperature,
};
use heapless::Vec;

/// The longest data of a typed command, in bytes: the ten bytes of a mesh packet and six of [`Command::Combined`].
const MAX_DATA: usize = 16;

/// The data of a command's frame.
pub type CommandData = Vec<u8, MAX_DATA>;

/// In a combined command: leave it as it is.
const KEEP: u8 = 0xff;
/// The mode of a device that shines in a colour.
const MODE_RGB: u8 = 0xfe;
/// The kind of a built-in light show.
const SHOW: u8 = 1;

/// What the first parameter of [`op::COLOUR`] says that follows.
mod colour {
    pub(super) const RGB: u8 = 0x04;
    pub(super) const TEMPERATURE: u8 = 0x05;
    pub(super) const EFFECT: u8 = 0x07;
    pub(super) const FADE: u8 = 0x08;
}

/// Operations of mesh packets in a relay, and what their first parameters say that follows.
mod relay {
    pub(super) const SETTING: u8 = 0xf7;
    pub(super) const SWITCH_MODE: u8 = 0x01;
    pub(super) const INDICATOR: u8 = 0x06;
    pub(super) const QUESTION: u8 = 0xea;
    pub(super) const ANSWER_ME: u8 = 0x10;
    pub(super) const SETTINGS: u8 = 0x01;
    pub(super) const FIRMWARE: u8 = 0x05;
    pub(super) const MEMBERSHIP: u8 = 0xd7;
}

impl Command {
    /// The data of the command's frame. `counter` is the frame's; a mesh packet repeats its low three bytes.
    pub fn data(&self, counter: u32) -> CommandData {
        let mut data = CommandData::new();
        let mut put = |bytes: &[u8]| {
            let fits = data.extend_from_slice(bytes).is_ok();
            debug_assert!(fits, "the longest command fits");
        };
        if let Some(to) = self.destination() {
            put(&MeshPacket::header(counter, to.address(), self.mesh_op()));
        }
        match *self {
            Self::Power { on, .. } => put(&[u8::from(on), 0, 0]),
            Self::Brightness { brightness, .. } => put(&[brightness.get()]),
            Self::Fade { level, over_ms, .. } => {
                put(&[colour::FADE]);
                put(&level.get().to_be_bytes());
                put(&over_ms.to_be_bytes());
            }
            Self::Temperature { temperature, .. } => put(&[colour::TEMPERATURE, temperature.get()]),
            Self::Rgb { rgb: Rgb([r, g, b]), .. } => put(&[colour::RGB, r, g, b]),
            Self::Effect { effect, .. } => {
                let [index, nonce] = effect.code();
                put(&[colour::EFFECT, SHOW, index, nonce]);
            }
            Self::Combined { on, brightness, colour, .. } => {
                put(&[u8::from(on), brightness.map_or(KEEP, Brightness::get)]);
                put(&match colour {
                    None => [KEEP; 4],
                    Some(Colour::White(white)) => [white.get(), 0, 0, 0],
                    Some(Colour::Rgb(Rgb([r, g, b]))) => [MODE_RGB, r, g, b],
                });
            }
            Self::SwitchMode { mode, .. } => put(&[relay::SWITCH_MODE, mode.byte()]),
            Self::Indicator { indicator, .. } => {
                put(&[relay::INDICATOR]);
                put(&indicator.bytes());
            }
            Self::JoinGroup { group, .. } => put_membership(put, true, group),
            Self::LeaveGroup { group, .. } => put_membership(put, false, group),
            Self::ReadSettings { .. } => put(&[relay::ANSWER_ME, relay::SETTINGS]),
            Self::ReadFirmware { .. } => put(&[relay::ANSWER_ME, relay::FIRMWARE]),
            Self::MeshQuery { limit, offset } => {
                let ([l0, l1], [o0, o1]) = (limit.to_le_bytes(), offset.to_le_bytes());
                put(&[0, 0, l0, l1, o0, o1]);
            }
            Self::PageReceived => put(&[op::PAGE_RECEIVED, 1]),
        }
        data
    }

    /// The operation of the mesh packet; outside a relay it is the frame's.
    const fn mesh_op(&self) -> u8 {
        match self {
            Self::SwitchMode { .. } | Self::Indicator { .. } => relay::SETTING,
            Self::ReadSettings { .. } | Self::ReadFirmware { .. } => relay::QUESTION,
            Self::JoinGroup { .. } | Self::LeaveGroup { .. } => relay::MEMBERSHIP,
            _ => self.op(),
        }
    }

    /// The command that a request's frame asks for; `None` if it is none of these, or a value is out of range.
    ///
    /// What a device does not look at may differ from what [`Command::data`] writes: the last byte of an effect, and the
    /// colour of a combined command that keeps it or sets a white.
    pub fn parse(op: u8, data: &[u8]) -> Option<Self> {
        match (op, data) {
            (op::MESH_QUERY, [0, 0, l0, l1, o0, o1]) => Some(Self::MeshQuery {
                limit: u16::from_le_bytes([*l0, *l1]),
                offset: u16::from_le_bytes([*o0, *o1]),
            }),
            (op::PAGE_RECEIVED, [op::PAGE_RECEIVED, 1]) => Some(Self::PageReceived),
            _ => Self::of_mesh(op, &MeshPacket::parse(data)?),
        }
    }

    /// The command in the mesh packet of a request's frame.
    pub(in crate::wire) fn of_mesh(op: u8, mesh: &MeshPacket<'_>) -> Option<Self> {
        let to = Destination::of_address(mesh.destination)?;
        if op == op::RELAY {
            return Self::of_relay(to, mesh);
        }
        if op != mesh.op {
            return None;
        }
        Some(match (op, mesh.params) {
            (op::POWER, &[on, 0, 0]) => Self::Power { to, on: flag(on)? },
            (op::BRIGHTNESS, &[percent]) => {
                Self::Brightness { to, brightness: Brightness::new(percent).ok()? }
            }
            (op::COLOUR, &[colour::FADE, l0, l1, m0, m1]) => Self::Fade {
                to,
                level: Level::new(u16::from_be_bytes([l0, l1])).ok()?,
                over_ms: u16::from_be_bytes([m0, m1]),
            },
            (op::COLOUR, &[colour::TEMPERATURE, white]) => {
                Self::Temperature { to, temperature: Temperature::new(white).ok()? }
            }
            (op::COLOUR, &[colour::RGB, r, g, b]) => Self::Rgb { to, rgb: Rgb([r, g, b]) },
            (op::COLOUR, &[colour::EFFECT, SHOW, index, _]) => {
                Self::Effect { to, effect: Effect::of_index(index)? }
            }
            (op::COMBINED, &[on, percent, mode, r, g, b]) => Self::Combined {
                to,
                on: flag(on)?,
                brightness: match percent {
                    KEEP => None,
                    _ => Some(Brightness::new(percent).ok()?),
                },
                colour: match mode {
                    KEEP => None,
                    MODE_RGB => Some(Colour::Rgb(Rgb([r, g, b]))),
                    _ => Some(Colour::White(Temperature::new(mode).ok()?)),
                },
            },
            _ => return None,
        })
    }

    fn of_relay(to: Destination, mesh: &MeshPacket<'_>) -> Option<Self> {
        Some(match (mesh.op, mesh.params) {
            (relay::SETTING, &[relay::SWITCH_MODE, mode]) => {
                Self::SwitchMode { to, mode: SwitchMode::of_byte(mode)? }
            }
            (relay::SETTING, &[relay::INDICATOR, shine, brightness, blink]) => {
                Self::Indicator { to, indicator: Indicator::parse([shine, brightness, blink])? }
            }
            (relay::QUESTION, &[relay::ANSWER_ME, relay::SETTINGS]) => Self::ReadSettings { to },
            (relay::QUESTION, &[relay::ANSWER_ME, relay::FIRMWARE]) => Self::ReadFirmware { to },
            (relay::MEMBERSHIP, &[joins, g0, g1]) => {
                let address = u16::from_le_bytes([g0, g1]);
                let group = Destination::of_address(address)?.group_number()?;
                if flag(joins)? {
                    Self::JoinGroup { to, group }
                } else {
                    Self::LeaveGroup { to, group }
                }
            }
            _ => return None,
        })
    }
}

fn put_membership(mut put: impl FnMut(&[u8]), joins: bool, group: Group) {
    let [g0, g1] = Destination::from(group).address().to_le_bytes();
    put(&[u8::from(joins), g0, g1]);
}
