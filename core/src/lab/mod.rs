//! The laboratory's own frame and its exchange (`docs/protocol.md`, section 10). No real device speaks it: it is for
//! test beds that want one switch thrown, and to see that bytes come back.
//!
//! ```text
//! F0 0D | version 01 | length u32 BE | payload, JSON: opcode, device_id, msg_id, state
//! ```
//!
//! [`Frame`] is the codec, [`Toggle`] writes the request, [`Exchange`] asks for connections, sends the request and waits
//! for its answer. What an answer says is not looked at: any byte that comes back is success, an assumption that only a
//! test bed can make. Of a real device a [`Session`](crate::Session) tells more.

mod exchange;
mod frame;
mod toggle;

pub use exchange::{Exchange, ExchangeConfig, LabEvent, LabFailure, LabOutcome};
pub use frame::{Decoded, Frame, LabError};
pub use toggle::Toggle;

/// The two bytes that every frame starts with.
pub const MAGIC: [u8; 2] = [0xf0, 0x0d];
/// The version behind them.
pub const VERSION: u8 = 1;
/// Bytes before the payload: magic, version, length.
pub const HEADER_LEN: usize = 7;
/// The longest payload, in bytes.
pub const MAX_PAYLOAD: usize = 4096;
/// The longest whole frame, in bytes.
pub const MAX_FRAME: usize = HEADER_LEN + MAX_PAYLOAD;
