use super::status::MeshPacket;
use super::{Attributes, Destination};
use heapless::Vec;

/// Operations of the inner frame (`docs/protocol.md`, section 5).
pub mod op {
    /// Firmware versions, announced in an unbound frame.
    pub const FIRMWARE: u8 = 0x00;
    /// Asks for the state of all devices behind a bridge.
    pub const MESH_QUERY: u8 = 0x52;
    /// Carries another mesh packet.
    pub const RELAY: u8 = 0x8e;
    /// Confirms a page of a mesh query's result.
    pub const PAGE_RECEIVED: u8 = 0xaf;
    /// Switches on or off.
    pub const POWER: u8 = 0xd0;
    /// Sets the brightness only.
    pub const BRIGHTNESS: u8 = 0xd2;
    /// A device's state, announced.
    pub const STATUS: u8 = 0xdb;
    /// Sets colour, white temperature or an effect.
    pub const COLOUR: u8 = 0xe2;
    /// Sets power, brightness and colour in one.
    pub const COMBINED: u8 = 0xf0;
}

/// The longest data of a typed command, in bytes.
const MAX_DATA: usize = 32;

/// The data of a command's frame.
pub type CommandData = Vec<u8, MAX_DATA>;

/// What can be asked of a device, as values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Command {
    /// Switch on or off.
    Power {
        /// Whom.
        to: Destination,
        /// On, or off.
        on: bool,
    },
    /// Ask for the state of the devices behind a bridge.
    MeshQuery {
        /// How many records at most; `0xffff` is all.
        limit: u16,
        /// The first record wanted.
        offset: u16,
    },
    /// Confirm a page of a [`Command::MeshQuery`]'s result.
    PageReceived,
}

impl Command {
    /// The query for everything.
    pub const QUERY_ALL: Self = Self::MeshQuery { limit: 0xffff, offset: 0 };

    /// The operation byte of the command's frame.
    pub const fn op(&self) -> u8 {
        match self {
            Self::Power { .. } => op::POWER,
            Self::MeshQuery { .. } => op::MESH_QUERY,
            Self::PageReceived => op::PAGE_RECEIVED,
        }
    }

    /// Whom the command is for; `None` if it is for the bridge itself.
    pub const fn destination(&self) -> Option<Destination> {
        match self {
            Self::Power { to, .. } => Some(*to),
            Self::MeshQuery { .. } | Self::PageReceived => None,
        }
    }

    /// What the command sets.
    pub const fn attributes(&self) -> Attributes {
        match self {
            Self::Power { .. } => Attributes::POWER,
            Self::MeshQuery { .. } | Self::PageReceived => Attributes::NONE,
        }
    }

    /// The data of the command's frame. `counter` is the frame's; a mesh packet repeats its low three bytes.
    pub fn data(&self, counter: u32) -> CommandData {
        let mut data = CommandData::new();
        let mut put = |bytes: &[u8]| {
            let fits = data.extend_from_slice(bytes).is_ok();
            debug_assert!(fits, "the longest command fits");
        };
        match *self {
            Self::Power { to, on } => {
                put(&MeshPacket::header(counter, to.address(), op::POWER));
                put(&[u8::from(on), 0, 0]);
            }
            Self::MeshQuery { limit, offset } => {
                let ([l0, l1], [o0, o1]) = (limit.to_le_bytes(), offset.to_le_bytes());
                put(&[0, 0, l0, l1, o0, o1]);
            }
            Self::PageReceived => put(&[op::PAGE_RECEIVED, 1]),
        }
        data
    }

    /// The command that a request's frame asks for; `None` if it is none of these, or a value is out of range.
    pub fn parse(op: u8, data: &[u8]) -> Option<Self> {
        match (op, data) {
            (op::POWER, _) => {
                let mesh = MeshPacket::parse(data).filter(|mesh| mesh.op == op)?;
                match mesh.params {
                    [on @ (0 | 1), 0, 0] => Some(Self::Power {
                        to: Destination::of_address(mesh.destination)?,
                        on: *on == 1,
                    }),
                    _ => None,
                }
            }
            (op::MESH_QUERY, [0, 0, l0, l1, o0, o1]) => Some(Self::MeshQuery {
                limit: u16::from_le_bytes([*l0, *l1]),
                offset: u16::from_le_bytes([*o0, *o1]),
            }),
            (op::PAGE_RECEIVED, [op::PAGE_RECEIVED, 1]) => Some(Self::PageReceived),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_says_what_it_sets_and_of_whom() {
        let to = Destination::device(5).unwrap();
        for (command, sets, whom) in [
            (Command::Power { to, on: true }, Attributes::POWER, Some(to)),
            (Command::QUERY_ALL, Attributes::NONE, None),
            (Command::PageReceived, Attributes::NONE, None),
        ] {
            assert_eq!((command.attributes(), command.destination()), (sets, whom), "{command:?}");
        }
    }

    #[test]
    fn a_command_for_an_address_that_nobody_can_have_is_none() {
        let mut data = Command::Power { to: Destination::ALL, on: true }.data(1);
        for address in [0_u16, 0x00ff, 0x0100, 0x7f01] {
            data[5..7].copy_from_slice(&address.to_le_bytes());
            assert_eq!(Command::parse(op::POWER, &data), None, "{address:04x}");
        }
    }
}
