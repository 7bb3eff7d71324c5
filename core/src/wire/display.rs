use super::{
    Channel, DeviceInfo, DeviceStatus, Frame, Login, LoginAck, Meaning, Packet, Receipt, ShortAck,
};
use core::fmt;

/// Longest frame data that is shown with its meaning; a longer one is un-stuffed data of at most a packet.
const SCRATCH: usize = super::MAX_PACKET;

/// One readable line, without the authentication code.
impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x} {:<16}", self.kind().byte(), self.kind())?;
        match self {
            Self::AppLogin(login) | Self::Handshake(login) => login.fmt_fields(f),
            Self::AppLoginAck(LoginAck { status, .. })
            | Self::HelloAck(LoginAck { status, .. }) => {
                write!(f, " status={status}")
            }
            Self::DeviceInfo(info) => info.fmt_datapoints(f),
            Self::InfoAck(ShortAck { msg_id, status })
            | Self::StatusAck(ShortAck { msg_id, status }) => {
                write!(f, " msg={msg_id} status={status}")
            }
            Self::DataChannel(Channel { prefix, frame })
            | Self::StatusBroadcast(Channel { prefix, frame }) => {
                write!(f, " {} msg={}", prefix.endpoint, prefix.msg_id)?;
                frame.fmt_fields(f)
            }
            Self::DataResult(receipt) | Self::DataAck(receipt) => receipt.fmt_fields(f),
            Self::ProbeResult(verdict) => verdict.receipt.fmt_fields(f),
            Self::Probe { prefix, .. } => {
                write!(f, " {} msg={} flag={:02x}", prefix.endpoint, prefix.msg_id, prefix.flag)
            }
            Self::ProbeAck(info) => {
                let DeviceInfo { prefix, payload } = info;
                write!(f, " {} msg={} {} bytes", prefix.endpoint, prefix.msg_id, payload.len())
            }
            Self::TimeRequest { .. } | Self::HeartbeatDev | Self::HeartbeatCloud => Ok(()),
            Self::TimeResponse(time) => {
                let t = time.local;
                write!(f, " {:04}-{:02}-{:02}", t.year, t.month, t.day)?;
                write!(f, " {:02}:{:02}:{:02}", t.hour, t.minute, t.second)?;
                write!(f, " offset={} centihours", t.utc_offset_centihours)
            }
            Self::Disconnect { reason } => write!(f, " reason={}", Hex(reason)),
        }
    }
}

impl Login<'_> {
    fn fmt_fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, endpoint, auth, keepalive_s, .. } = self;
        write!(f, " {endpoint} version={version} auth={} bytes", auth.len())?;
        write!(f, " keepalive={keepalive_s}s")
    }
}

impl Receipt {
    fn fmt_fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {} msg={} status={}", self.endpoint, self.msg_id, self.status)
    }
}

impl DeviceInfo<'_> {
    fn fmt_datapoints(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {} msg={}", self.prefix.endpoint, self.prefix.msg_id)?;
        let mut datapoints = self.datapoints();
        for point in datapoints.by_ref() {
            write!(f, " {:02x}:", point.index)?;
            if let Some(status) = point.as_status() {
                match DeviceStatus::of_datapoint(&status) {
                    Some(status) => write!(f, "{status}")?,
                    None => write!(f, "{}", Hex(point.value))?,
                }
            } else if let Some(number) = point.as_u16() {
                write!(f, "{number}")?;
            } else if let Some(text) = point.as_text() {
                write!(f, "\"{}\"", text.escape_ascii())?;
            } else {
                write!(f, "{}", Hex(point.value))?;
            }
        }
        if !datapoints.trailing().is_empty() {
            write!(f, " trailing={}", Hex(datapoints.trailing()))?;
        }
        Ok(())
    }
}

impl Frame<'_> {
    fn fmt_fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counter, direction, op, .. } = self;
        write!(f, " {} op={op:02x} counter={counter}", direction.name())?;
        if self.layout != super::Layout::Bound {
            write!(f, " {}", self.layout.name())?;
        }
        if !self.checksum_valid() {
            write!(f, " BAD CHECKSUM")?;
        }
        let mut scratch = [0; SCRATCH];
        let Some(data) = self.data.read(&mut scratch) else { return Ok(()) };
        match Meaning::of(self.layout, *direction, *op, data) {
            Meaning::DeviceStatus(mesh, status) => match DeviceStatus::of_announcement(&status) {
                Some(status) => write!(f, ": {status}"),
                None => write!(f, ": status of no device, {:04x}", mesh.source),
            },
            Meaning::Command(_, command) => write!(f, ": {command}"),
            Meaning::Mesh(mesh) => {
                write!(f, ": mesh op={:02x} {}->", mesh.op, mesh.source)?;
                write!(f, "{:#06x} params={}", mesh.destination, Hex(mesh.params))
            }
            Meaning::Firmware(firmware) => {
                let which = if firmware.of_device { "device" } else { "network" };
                write!(f, ": {which} firmware {}", firmware.text.escape_ascii())
            }
            Meaning::CommandResult(0) => write!(f, ": done"),
            Meaning::CommandResult(status) => write!(f, ": failed with {status:02x}"),
            Meaning::MeshQuery { limit, offset } => {
                write!(f, ": mesh query limit={limit} offset={offset}")
            }
            Meaning::MeshPage(page) => {
                write!(f, ": mesh page, {} of {} devices", page.header.count, page.header.total)
            }
            Meaning::PageReceived => write!(f, ": page received"),
            Meaning::Unknown => write!(f, " data={}", Hex(data)),
        }
    }
}

/// Bytes, displayed as hexadecimal digits. Of a packet that may carry an authentication code, see
/// [`mask_secrets`](super::mask_secrets) first.
#[derive(Clone, Copy)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
