use super::{Command, Direction, Firmware, Layout, MeshPacket, MeshPage, StatusAnnouncement, op};

/// What a frame says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// A device announces its state.
    DeviceStatus(MeshPacket<'a>, StatusAnnouncement),
    /// A request that is a typed command, and the mesh packet that it came in.
    Command(MeshPacket<'a>, Command),
    /// Any other mesh packet.
    Mesh(MeshPacket<'a>),
    /// A device announces its firmware.
    Firmware(Firmware<'a>),
    /// The result of a command: zero is done.
    CommandResult(u8),
    /// A request for the state of all devices.
    MeshQuery {
        /// How many records at most.
        limit: u16,
        /// The first record wanted.
        offset: u16,
    },
    /// The devices behind a bridge.
    MeshPage(MeshPage<'a>),
    /// A page has been received.
    PageReceived,
    /// Not known; the packet is acknowledged all the same.
    Unknown,
}

impl<'a> Meaning<'a> {
    /// What the data of a frame with this layout, direction and operation says.
    pub fn of(layout: Layout, direction: Direction, op: u8, data: &'a [u8]) -> Self {
        match (direction, op, data) {
            (Direction::RESPONSE, _, [status]) => Self::CommandResult(*status),
            (Direction::RESPONSE, op::MESH_QUERY, _) => {
                MeshPage::parse(data).map_or(Self::Unknown, Self::MeshPage)
            }
            (Direction::ANNOUNCE, op::FIRMWARE, _) if layout == Layout::Unbound => {
                Firmware::parse(data).map_or(Self::Unknown, Self::Firmware)
            }
            (Direction::REQUEST, op::MESH_QUERY, [_, _, l0, l1, o0, o1]) => Self::MeshQuery {
                limit: u16::from_le_bytes([*l0, *l1]),
                offset: u16::from_le_bytes([*o0, *o1]),
            },
            (Direction::REQUEST, op::PAGE_RECEIVED, [_, _]) => Self::PageReceived,
            _ => MeshPacket::parse(data)
                .map_or(Self::Unknown, |mesh| Self::of_mesh(direction, op, mesh)),
        }
    }

    fn of_mesh(direction: Direction, op: u8, mesh: MeshPacket<'a>) -> Self {
        let typed = match direction {
            Direction::REQUEST => {
                Command::of_mesh(op, &mesh).map(|command| Self::Command(mesh, command))
            }
            Direction::ANNOUNCE if op == op::STATUS => {
                StatusAnnouncement::parse(mesh).map(|status| Self::DeviceStatus(mesh, status))
            }
            _ => None,
        };
        typed.unwrap_or(Self::Mesh(mesh))
    }
}
