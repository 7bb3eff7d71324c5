use core::fmt;

/// The type byte of a packet: the nineteen types of `docs/protocol.md`, section 2.
///
/// Names are those of the protocol page; which side really sends a type is said there. The codec is role-free: any type
/// can be encoded and decoded on either side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
#[repr(u8)]
pub enum PacketType {
    /// A phone application greets the cloud.
    AppLogin = 0x13,
    /// The cloud's answer to [`PacketType::AppLogin`].
    AppLoginAck = 0x18,
    /// A device greets the cloud (or a controller that stands in for it).
    Handshake = 0x23,
    /// The answer to [`PacketType::Handshake`].
    HelloAck = 0x28,
    /// State as datapoints, unframed and without a checksum.
    DeviceInfo = 0x43,
    /// The answer to [`PacketType::DeviceInfo`].
    InfoAck = 0x48,
    /// Commands, results and announcements, framed.
    DataChannel = 0x73,
    /// The cloud's own verdict on a [`PacketType::DataChannel`] packet.
    DataResult = 0x78,
    /// Receipt of a [`PacketType::DataChannel`] packet. It does not say that anything was executed.
    DataAck = 0x7b,
    /// A device's state, framed.
    StatusBroadcast = 0x83,
    /// The answer to [`PacketType::StatusBroadcast`].
    StatusAck = 0x88,
    /// Asks a device to take commands.
    Probe = 0xa3,
    /// The cloud's own verdict on a [`PacketType::Probe`].
    ProbeResult = 0xa8,
    /// The answer to [`PacketType::Probe`].
    ProbeAck = 0xab,
    /// A device asks for the time.
    TimeRequest = 0xc3,
    /// The answer to [`PacketType::TimeRequest`].
    TimeResponse = 0xc8,
    /// A sign of life from a device.
    HeartbeatDev = 0xd3,
    /// The answer to [`PacketType::HeartbeatDev`].
    HeartbeatCloud = 0xd8,
    /// The sender is about to close the connection.
    Disconnect = 0xe3,
}

impl PacketType {
    /// Every type, in ascending order of its byte.
    pub const ALL: [Self; 19] = [
        Self::AppLogin,
        Self::AppLoginAck,
        Self::Handshake,
        Self::HelloAck,
        Self::DeviceInfo,
        Self::InfoAck,
        Self::DataChannel,
        Self::DataResult,
        Self::DataAck,
        Self::StatusBroadcast,
        Self::StatusAck,
        Self::Probe,
        Self::ProbeResult,
        Self::ProbeAck,
        Self::TimeRequest,
        Self::TimeResponse,
        Self::HeartbeatDev,
        Self::HeartbeatCloud,
        Self::Disconnect,
    ];

    /// The type of a type byte; `None` for a byte that is no known type.
    #[inline]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x13 => Self::AppLogin,
            0x18 => Self::AppLoginAck,
            0x23 => Self::Handshake,
            0x28 => Self::HelloAck,
            0x43 => Self::DeviceInfo,
            0x48 => Self::InfoAck,
            0x73 => Self::DataChannel,
            0x78 => Self::DataResult,
            0x7b => Self::DataAck,
            0x83 => Self::StatusBroadcast,
            0x88 => Self::StatusAck,
            0xa3 => Self::Probe,
            0xa8 => Self::ProbeResult,
            0xab => Self::ProbeAck,
            0xc3 => Self::TimeRequest,
            0xc8 => Self::TimeResponse,
            0xd3 => Self::HeartbeatDev,
            0xd8 => Self::HeartbeatCloud,
            0xe3 => Self::Disconnect,
            _ => return None,
        })
    }

    /// The type byte.
    #[inline]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// The protocol page's name, in capitals: `HANDSHAKE`, `DATA_CHANNEL`, ...
    pub const fn name(self) -> &'static str {
        match self {
            Self::AppLogin => "APP_LOGIN",
            Self::AppLoginAck => "APP_LOGIN_ACK",
            Self::Handshake => "HANDSHAKE",
            Self::HelloAck => "HELLO_ACK",
            Self::DeviceInfo => "DEVICE_INFO",
            Self::InfoAck => "INFO_ACK",
            Self::DataChannel => "DATA_CHANNEL",
            Self::DataResult => "DATA_RESULT",
            Self::DataAck => "DATA_ACK",
            Self::StatusBroadcast => "STATUS_BROADCAST",
            Self::StatusAck => "STATUS_ACK",
            Self::Probe => "PROBE",
            Self::ProbeResult => "PROBE_RESULT",
            Self::ProbeAck => "PROBE_ACK",
            Self::TimeRequest => "TIME_REQUEST",
            Self::TimeResponse => "TIME_RESPONSE",
            Self::HeartbeatDev => "HEARTBEAT_DEV",
            Self::HeartbeatCloud => "HEARTBEAT_CLOUD",
            Self::Disconnect => "DISCONNECT",
        }
    }

    /// Whether packets of this type carry an authentication code, which must never be shown.
    pub const fn carries_secret(self) -> bool {
        matches!(self, Self::AppLogin | Self::Handshake)
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::PacketType;

    #[test]
    fn every_type_is_found_by_its_byte_and_no_other_byte_is_a_type() {
        let known = (0..=u8::MAX).filter_map(PacketType::from_byte);
        assert!(known.eq(PacketType::ALL));
        for kind in PacketType::ALL {
            assert_eq!(PacketType::from_byte(kind.byte()), Some(kind));
        }
    }
}
