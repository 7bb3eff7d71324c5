//! The wire: bytes to typed, borrowed packets and back (`docs/protocol.md`).
//!
//! [`Framer`] cuts a byte stream into whole packets, [`Packet::decode`] types one, [`Packet::encode`] writes one.
//! [`Frame`] is the checksummed inner frame of `0x73` and `0x83`; [`Command`] and [`Meaning`] say what its data asks
//! and reports.

mod attributes;
mod command;
mod datapoint;
mod destination;
mod device;
mod display;
mod effect;
mod encode;
mod firmware;
mod frame;
pub(crate) mod framer;
mod id;
mod kind;
mod meaning;
mod mesh;
mod packet;
mod page;
mod paging;
mod result;
mod setting;
mod status;
mod value;

pub use attributes::Attributes;
pub use command::{Command, CommandData, op};
pub use datapoint::{Datapoint, Datapoints, StatusRecord};
pub use destination::Destination;
pub use device::{DeviceStatus, Light};
pub use display::Hex;
pub use effect::Effect;
pub use encode::Encoder;
pub(crate) use encode::put_plain_frame;
pub use firmware::Firmware;
pub use frame::{ChecksumMode, Direction, Frame, FrameData, Layout, Stuffing, checksum};
pub use framer::{Framed, Framer, FramingError, Resync};
pub use id::{Endpoint, MsgId, Secret, StatusCode};
pub use kind::PacketType;
pub use meaning::Meaning;
pub use mesh::MeshPacket;
pub use packet::{
    Channel, DeviceInfo, Login, LoginAck, Packet, Prefix, Receipt, ShortAck, TimeResponse, Verdict,
    mask_secrets,
};
pub(crate) use packet::{LOGIN_OVERHEAD, Plain, frame_of_payload};
pub use page::{MeshPage, MeshRecord, PageHeader};
pub use paging::{MeshPages, NextPage};
pub use result::ResultData;
pub use setting::{Indicator, SwitchMode};
pub use status::StatusAnnouncement;
pub use value::{
    Brightness, Colour, Group, IndicatorBrightness, IndicatorColour, IndicatorMode, Level, MeshId,
    Outlet, Rgb, Temperature, ValueError,
};

/// Bytes before the payload: type and length (`docs/protocol.md`, section 2).
pub const HEADER_LEN: usize = 5;
/// Largest declared payload length that is accepted (`docs/protocol.md`, section 2).
pub const MAX_DECLARED: usize = 4096;
/// Largest whole packet: header and payload.
pub const MAX_PACKET: usize = HEADER_LEN + MAX_DECLARED;
/// Where the inner frame of `0x73` and `0x83` starts, counted from the first byte of the packet.
pub const FRAME_AT: usize = 12;
/// Marks the start and the end of an inner frame.
pub const MARK: u8 = 0x7e;
/// Announces a stuffed byte inside an inner frame.
pub const ESCAPE: u8 = 0x7d;
/// A stuffed byte is xored with this.
pub const ESCAPE_XOR: u8 = 0x20;
/// The message id that every `0x43` carries (`docs/protocol.md`, section 3).
pub const INFO_MSG_ID: MsgId = MsgId(0x0101);
/// The flag that every `0x43` carries.
pub const INFO_FLAG: u8 = 0x06;
/// The protocol version of a handshake.
pub const HANDSHAKE_VERSION: u8 = 0x03;
