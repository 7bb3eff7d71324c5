use super::{
    ChecksumMode, Datapoints, Endpoint, FRAME_AT, Frame, HANDSHAKE_VERSION, HEADER_LEN, MARK,
    MAX_DECLARED, MsgId, PacketType, Secret, StatusCode,
};
use crate::error::DecodeError;
use crate::time::CivilTime;

/// Bytes of a greeting's payload that are not the authentication code.
pub(crate) const LOGIN_OVERHEAD: usize = 10;

/// Bytes of a framed packet up to its frame's data: header, prefix, marker, the frame's header.
const PLAIN_HEAD: usize = FRAME_AT + 1 + 8;

/// The seven bytes that most types start their payload with (`docs/protocol.md`, section 3).
///
/// ```text
/// endpoint u32 BE | msg_id u16 BE | flag
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefix {
    /// Whom the packet is about; see the protocol page for what that means in each type.
    pub endpoint: Endpoint,
    /// The sender's message number.
    pub msg_id: MsgId,
    /// A flag; zero nearly everywhere.
    pub flag: u8,
}

impl Prefix {
    /// Its length on the wire, in bytes.
    pub const LEN: usize = 7;

    /// The prefix of a whole packet whose type has one, even if what follows it is of no use.
    pub(crate) fn of_packet(bytes: &[u8]) -> Option<Self> {
        bytes.get(HEADER_LEN..)?.first_chunk().map(Self::parse)
    }

    #[inline]
    const fn parse(bytes: &[u8; Self::LEN]) -> Self {
        let [e0, e1, e2, e3, m0, m1, flag] = *bytes;
        Self {
            endpoint: Endpoint(u32::from_be_bytes([e0, e1, e2, e3])),
            msg_id: MsgId(u16::from_be_bytes([m0, m1])),
            flag,
        }
    }
}

/// The payload of `0x23` and `0x13`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Login<'a> {
    /// The protocol version: 3.
    pub version: u8,
    /// The sender's own id.
    pub endpoint: Endpoint,
    /// The authentication code.
    pub auth: Secret<'a>,
    /// Zero.
    pub reserved: u8,
    /// Seconds of silence after which the sender may be taken for dead.
    pub keepalive_s: u16,
}

impl<'a> Login<'a> {
    /// A greeting as devices send it.
    pub const fn new(endpoint: Endpoint, auth: Secret<'a>, keepalive_s: u16) -> Self {
        Self { version: HANDSHAKE_VERSION, endpoint, auth, reserved: 0, keepalive_s }
    }
}

/// Leaves the authentication code out.
impl core::fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Login")
            .field("version", &self.version)
            .field("endpoint", &self.endpoint)
            .field("auth_len", &self.auth.len())
            .field("reserved", &self.reserved)
            .field("keepalive_s", &self.keepalive_s)
            .finish()
    }
}

/// The payload of `0x28` and `0x18`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LoginAck {
    /// Zero if the greeting was accepted.
    pub status: StatusCode,
    /// Zero.
    pub reserved: u8,
}

/// The payload of `0x43`, and of `0xab`: a prefix and bytes without a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceInfo<'a> {
    /// The common prefix.
    pub prefix: Prefix,
    /// What follows it.
    pub payload: &'a [u8],
}

impl<'a> DeviceInfo<'a> {
    /// The payload of a `0x43` as datapoints.
    pub const fn datapoints(&self) -> Datapoints<'a> {
        Datapoints::new(self.payload)
    }
}

/// The payload of `0x48` and `0x88`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShortAck {
    /// The message number of what is answered.
    pub msg_id: MsgId,
    /// Zero if it was accepted.
    pub status: StatusCode,
}

/// The payload of `0x73` and `0x83`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Channel<'a> {
    /// The common prefix.
    pub prefix: Prefix,
    /// The inner frame.
    pub frame: Frame<'a>,
}

/// The payload of `0x7b` and `0x78`: the prefix of what is answered, with a status instead of the flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The endpoint of what is answered. It does not identify the responder; the connection does.
    pub endpoint: Endpoint,
    /// The message number of what is answered.
    pub msg_id: MsgId,
    /// Zero if it was accepted.
    pub status: StatusCode,
}

impl Receipt {
    #[inline]
    pub(crate) const fn prefix(self) -> Prefix {
        Prefix { endpoint: self.endpoint, msg_id: self.msg_id, flag: self.status.0 }
    }

    const fn of(prefix: Prefix) -> Self {
        let Prefix { endpoint, msg_id, flag } = prefix;
        Self { endpoint, msg_id, status: StatusCode(flag) }
    }
}

/// The payload of `0xa8`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Which probe, and what became of it.
    pub receipt: Receipt,
    /// Zero.
    pub reserved: u8,
}

/// The payload of `0xc8`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeResponse {
    /// Always 13 in the recordings.
    pub tag: u8,
    /// Local time of the site.
    pub local: CivilTime,
}

/// One whole packet, typed, borrowing from the bytes it was decoded from.
///
/// ```
/// use cync_core::wire::{ChecksumMode, Endpoint, MsgId, Packet, Receipt, StatusCode};
///
/// let bytes = [0x7b, 0, 0, 0, 7, 0x45, 0x88, 0x0f, 0x3a, 0, 0x10, 0];
/// let packet = Packet::decode(&bytes, ChecksumMode::Strict)?;
/// let Packet::DataAck(ack) = packet else { panic!("0x7b is a DATA_ACK") };
/// assert_eq!(ack.endpoint, Endpoint(0x4588_0f3a));
/// assert_eq!(ack.msg_id, MsgId(0x10));
/// assert!(ack.status.is_ok());
///
/// let mut out = [0; 12];
/// assert_eq!(packet.encode(&mut out), Ok(12));
/// assert_eq!(out, bytes);
/// # Ok::<(), cync_core::DecodeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// `0x13`
    AppLogin(Login<'a>),
    /// `0x18`
    AppLoginAck(LoginAck),
    /// `0x23`
    Handshake(Login<'a>),
    /// `0x28`
    HelloAck(LoginAck),
    /// `0x43`
    DeviceInfo(DeviceInfo<'a>),
    /// `0x48`
    InfoAck(ShortAck),
    /// `0x73`
    DataChannel(Channel<'a>),
    /// `0x78`
    DataResult(Receipt),
    /// `0x7b`
    DataAck(Receipt),
    /// `0x83`
    StatusBroadcast(Channel<'a>),
    /// `0x88`
    StatusAck(ShortAck),
    /// `0xa3`
    Probe {
        /// The common prefix.
        prefix: Prefix,
        /// An eighth byte that some clients send.
        extra: Option<u8>,
    },
    /// `0xa8`
    ProbeResult(Verdict),
    /// `0xab`
    ProbeAck(DeviceInfo<'a>),
    /// `0xc3`
    TimeRequest {
        /// Always 12 in the recordings.
        tag: u8,
    },
    /// `0xc8`
    TimeResponse(TimeResponse),
    /// `0xd3`
    HeartbeatDev,
    /// `0xd8`
    HeartbeatCloud,
    /// `0xe3`
    Disconnect {
        /// One byte in all known packets.
        reason: &'a [u8],
    },
}

/// The packets that most of the traffic consists of, if they are right as they stand.
pub(crate) enum Plain<'a> {
    /// `0x73` or `0x83`
    Framed(PacketType, Channel<'a>),
    /// `0x7b`
    Ack(Receipt),
}

impl<'a> Plain<'a> {
    /// The short way to what [`Packet::decode`] says of the same bytes; `None` means: ask that.
    #[inline(always)]
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        Self::parse::<false>(bytes)
    }

    /// The same of bytes that are known to be as many as their header declares, and not too many.
    #[inline(always)]
    pub(crate) fn of_whole(bytes: &'a [u8]) -> Option<Self> {
        Self::parse::<true>(bytes)
    }

    /// It calls nothing that is not inlined, so that the packet need not be in memory, and asks for the length of `bytes` twice
    /// only: everything up to a frame's data stands at fixed places.
    #[inline(always)]
    fn parse<const WHOLE: bool>(bytes: &'a [u8]) -> Option<Self> {
        let Some((
            &[byte, l0, l1, l2, l3, ref prefix @ .., MARK, c0, c1, c2, c3, dir, op, n0, n1],
            rest,
        )) = bytes.split_first_chunk::<PLAIN_HEAD>()
        else {
            return match bytes {
                [0x7b, 0, 0, 0, 7, prefix @ ..] => prefix
                    .try_into()
                    .ok()
                    .map(|prefix| Self::Ack(Receipt::of(Prefix::parse(prefix)))),
                _ => None,
            };
        };
        let declared = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let whole = WHOLE || declared == bytes.len() - HEADER_LEN && declared <= MAX_DECLARED;
        if !whole {
            return None;
        }
        let header = [c0, c1, c2, c3, dir, op, n0, n1];
        let channel =
            Channel { prefix: Prefix::parse(prefix), frame: Frame::decode_plain(header, rest)? };
        match byte {
            0x73 => Some(Self::Framed(PacketType::DataChannel, channel)),
            0x83 => Some(Self::Framed(PacketType::StatusBroadcast, channel)),
            _ => None,
        }
    }
}

impl<'a> Packet<'a> {
    /// Decodes the first packet of `bytes`; bytes behind it are left alone.
    ///
    /// # Errors
    /// The first check of `docs/protocol.md`, section 8, that fails, in that order.
    #[inline]
    pub fn decode(bytes: &'a [u8], checksum: ChecksumMode) -> Result<Self, DecodeError> {
        match Plain::of(bytes) {
            Some(Plain::Framed(PacketType::DataChannel, channel)) => Ok(Self::DataChannel(channel)),
            Some(Plain::Framed(_, channel)) => Ok(Self::StatusBroadcast(channel)),
            Some(Plain::Ack(receipt)) => Ok(Self::DataAck(receipt)),
            None => Self::decode_any(bytes, checksum),
        }
    }

    /// Decodes without trying the short way first.
    #[inline(never)]
    pub(crate) fn decode_any(bytes: &'a [u8], checksum: ChecksumMode) -> Result<Self, DecodeError> {
        let Some((&[byte, l0, l1, l2, l3], rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Err(DecodeError::TooShort { have: bytes.len(), need: HEADER_LEN });
        };
        let declared = u32::from_be_bytes([l0, l1, l2, l3]);
        if declared > MAX_DECLARED as u32 {
            return Err(DecodeError::PacketTooLarge { declared });
        }
        let Some(kind) = PacketType::from_byte(byte) else {
            return Err(DecodeError::UnknownType(byte));
        };
        let Some(payload) = rest.get(..declared as usize) else {
            return Err(DecodeError::InvalidLength { have: rest.len(), need: declared as usize });
        };
        Ok(match kind {
            PacketType::AppLogin => Self::AppLogin(Login::decode(payload)?),
            PacketType::Handshake => Self::Handshake(Login::decode(payload)?),
            PacketType::AppLoginAck => Self::AppLoginAck(LoginAck::decode(payload)?),
            PacketType::HelloAck => Self::HelloAck(LoginAck::decode(payload)?),
            PacketType::DeviceInfo => Self::DeviceInfo(DeviceInfo::decode(payload)?),
            PacketType::ProbeAck => Self::ProbeAck(DeviceInfo::decode(payload)?),
            PacketType::InfoAck => Self::InfoAck(ShortAck::decode(payload)?),
            PacketType::StatusAck => Self::StatusAck(ShortAck::decode(payload)?),
            PacketType::DataResult => Self::DataResult(Receipt::decode(payload)?),
            PacketType::DataAck => Self::DataAck(Receipt::decode(payload)?),
            PacketType::Probe => Self::decode_probe(payload)?,
            PacketType::ProbeResult => Self::ProbeResult(Verdict::decode(payload)?),
            PacketType::TimeRequest => {
                let [tag] = *exactly(payload)?;
                Self::TimeRequest { tag }
            }
            PacketType::TimeResponse => Self::TimeResponse(TimeResponse::decode(payload)?),
            PacketType::HeartbeatDev => exactly::<0>(payload).map(|_| Self::HeartbeatDev)?,
            PacketType::HeartbeatCloud => exactly::<0>(payload).map(|_| Self::HeartbeatCloud)?,
            PacketType::Disconnect => {
                let (_, _) = at_least::<1>(payload)?;
                Self::Disconnect { reason: payload }
            }
            PacketType::DataChannel => Self::DataChannel(Channel::decode(kind, payload, checksum)?),
            PacketType::StatusBroadcast => {
                Self::StatusBroadcast(Channel::decode(kind, payload, checksum)?)
            }
        })
    }

    fn decode_probe(payload: &[u8]) -> Result<Self, DecodeError> {
        let (bytes, extra) = match payload.split_first_chunk() {
            Some((bytes, [])) => (bytes, None),
            Some((bytes, [extra])) => (bytes, Some(*extra)),
            _ => {
                return Err(DecodeError::InvalidLength { have: payload.len(), need: Prefix::LEN });
            }
        };
        Ok(Self::Probe { prefix: Prefix::parse(bytes), extra })
    }

    /// The packet's type.
    pub const fn kind(&self) -> PacketType {
        match self {
            Self::AppLogin(_) => PacketType::AppLogin,
            Self::AppLoginAck(_) => PacketType::AppLoginAck,
            Self::Handshake(_) => PacketType::Handshake,
            Self::HelloAck(_) => PacketType::HelloAck,
            Self::DeviceInfo(_) => PacketType::DeviceInfo,
            Self::InfoAck(_) => PacketType::InfoAck,
            Self::DataChannel(_) => PacketType::DataChannel,
            Self::DataResult(_) => PacketType::DataResult,
            Self::DataAck(_) => PacketType::DataAck,
            Self::StatusBroadcast(_) => PacketType::StatusBroadcast,
            Self::StatusAck(_) => PacketType::StatusAck,
            Self::Probe { .. } => PacketType::Probe,
            Self::ProbeResult(_) => PacketType::ProbeResult,
            Self::ProbeAck(_) => PacketType::ProbeAck,
            Self::TimeRequest { .. } => PacketType::TimeRequest,
            Self::TimeResponse(_) => PacketType::TimeResponse,
            Self::HeartbeatDev => PacketType::HeartbeatDev,
            Self::HeartbeatCloud => PacketType::HeartbeatCloud,
            Self::Disconnect { .. } => PacketType::Disconnect,
        }
    }

    /// The endpoint and message number of the types that have a common prefix.
    pub const fn prefix(&self) -> Option<Prefix> {
        Some(match self {
            Self::DeviceInfo(info) | Self::ProbeAck(info) => info.prefix,
            Self::DataChannel(channel) | Self::StatusBroadcast(channel) => channel.prefix,
            Self::DataResult(receipt) | Self::DataAck(receipt) => receipt.prefix(),
            Self::ProbeResult(verdict) => verdict.receipt.prefix(),
            Self::Probe { prefix, .. } => *prefix,
            _ => return None,
        })
    }

    /// The inner frame of a `0x73` or `0x83`.
    pub const fn frame(&self) -> Option<&Frame<'a>> {
        match self {
            Self::DataChannel(channel) | Self::StatusBroadcast(channel) => Some(&channel.frame),
            _ => None,
        }
    }
}

impl<'a> Channel<'a> {
    fn decode(
        kind: PacketType,
        payload: &'a [u8],
        mode: ChecksumMode,
    ) -> Result<Self, DecodeError> {
        let (prefix, region) = at_least(payload)?;
        Ok(Self { prefix: Prefix::parse(prefix), frame: Frame::decode(kind, region, mode)? })
    }
}

impl<'a> Login<'a> {
    fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (_, _) = at_least::<LOGIN_OVERHEAD>(payload)?;
        let (&[version, e0, e1, e2, e3, k0, k1], rest) = at_least(payload)?;
        let auth_len = usize::from(u16::from_be_bytes([k0, k1]));
        match rest.split_at_checked(auth_len) {
            Some((auth, &[reserved, s0, s1])) => Ok(Self {
                version,
                endpoint: Endpoint(u32::from_be_bytes([e0, e1, e2, e3])),
                auth: Secret::new(auth),
                reserved,
                keepalive_s: u16::from_be_bytes([s0, s1]),
            }),
            _ => Err(DecodeError::InvalidLength {
                have: payload.len(),
                need: LOGIN_OVERHEAD + auth_len,
            }),
        }
    }
}

impl LoginAck {
    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let [status, reserved] = *exactly(payload)?;
        Ok(Self { status: StatusCode(status), reserved })
    }
}

impl<'a> DeviceInfo<'a> {
    fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (prefix, payload) = at_least(payload)?;
        Ok(Self { prefix: Prefix::parse(prefix), payload })
    }
}

impl ShortAck {
    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let [m0, m1, status] = *exactly(payload)?;
        Ok(Self { msg_id: MsgId(u16::from_be_bytes([m0, m1])), status: StatusCode(status) })
    }
}

impl Receipt {
    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self::of(Prefix::parse(exactly(payload)?)))
    }
}

impl Verdict {
    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let [prefix @ .., reserved] = exactly::<8>(payload)?;
        Ok(Self { receipt: Receipt::of(Prefix::parse(prefix)), reserved: *reserved })
    }
}

impl TimeResponse {
    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let [tag, y0, y1, month, day, weekday_sunday1, hour, minute, second, o0, o1] =
            *exactly(payload)?;
        let local = CivilTime {
            year: u16::from_be_bytes([y0, y1]),
            month,
            day,
            weekday_sunday1,
            hour,
            minute,
            second,
            utc_offset_centihours: i16::from_be_bytes([o0, o1]),
        };
        Ok(Self { tag, local })
    }
}

#[inline]
/// The frame that is the payload of a `0x73` or `0x83` behind its prefix.
pub(crate) fn frame_of_payload(kind: PacketType, payload: &[u8]) -> Result<Frame<'_>, DecodeError> {
    Frame::decode(kind, payload, ChecksumMode::Strict)
}

fn exactly<const N: usize>(payload: &[u8]) -> Result<&[u8; N], DecodeError> {
    payload.try_into().map_err(|_| DecodeError::InvalidLength { have: payload.len(), need: N })
}

#[inline]
fn at_least<const N: usize>(payload: &[u8]) -> Result<(&[u8; N], &[u8]), DecodeError> {
    payload.split_first_chunk().ok_or(DecodeError::TooShort { have: payload.len(), need: N })
}

/// Overwrites every authentication code in `bytes` with `*` (`0x2a`), for dumps.
///
/// `bytes` is one packet, whole or broken. Of a broken `0x23` or `0x13` everything behind the endpoint is overwritten, and
/// a greeting that stands inside other bytes (after a lost packet border) is found by its form.
pub fn mask_secrets(bytes: &mut [u8]) {
    const STARS: u8 = b'*';
    const AUTH_AT: usize = 12;
    let is_greeting = |byte| PacketType::from_byte(byte).is_some_and(PacketType::carries_secret);
    // From the back: what is overwritten is never the head of a greeting that has yet to be found.
    for at in (1..bytes.len()).rev() {
        let Some([byte, 0, 0, l2, l3, HANDSHAKE_VERSION, _, _, _, _, k0, k1, tail @ ..]) =
            bytes.get_mut(at..)
        else {
            continue;
        };
        let declared = usize::from(u16::from_be_bytes([*l2, *l3]));
        let auth_len = usize::from(u16::from_be_bytes([*k0, *k1]));
        if is_greeting(*byte) && declared == LOGIN_OVERHEAD + auth_len {
            tail.iter_mut().take(auth_len).for_each(|byte| *byte = STARS);
        }
    }
    if bytes.first().is_some_and(|byte| is_greeting(*byte)) {
        let auth_len = match Packet::decode(bytes, ChecksumMode::Strict) {
            Ok(Packet::AppLogin(login) | Packet::Handshake(login)) => login.auth.len(),
            _ => usize::MAX,
        };
        bytes.iter_mut().skip(AUTH_AT).take(auth_len).for_each(|byte| *byte = STARS);
    }
}
