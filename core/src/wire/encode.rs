use super::frame::is_special;
use super::{
    Channel, DeviceInfo, ESCAPE, ESCAPE_XOR, Frame, Layout, Login, MARK, MAX_DECLARED, Packet,
    PacketType, Prefix, TimeResponse,
};
use crate::error::{EncodeError, TooSmall};

/// Writes one packet into a caller's buffer. Bytes that do not fit are counted, so that the error can say how many are
/// needed.
///
/// [`Packet::encode`] is the usual way in; an `Encoder` by hand writes payloads that are in several pieces.
#[derive(Debug)]
pub struct Encoder<'o> {
    out: &'o mut [u8],
    at: usize,
    kind: PacketType,
    sum: u8,
}

impl<'o> Encoder<'o> {
    /// Starts a packet of type `kind`.
    pub fn new(kind: PacketType, out: &'o mut [u8]) -> Self {
        let mut encoder = Self { out, at: 0, kind, sum: 0 };
        encoder.put(&[kind.byte(), 0, 0, 0, 0]);
        encoder
    }

    /// Appends payload bytes as they are.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        let rest = self.out.get_mut(self.at..).unwrap_or_default();
        if let Some((room, _)) = rest.split_at_mut_checked(bytes.len()) {
            // Unlike `copy_from_slice`, this cannot panic even where the compiler does not see that the lengths are equal.
            for (to, from) in room.iter_mut().zip(bytes) {
                *to = *from;
            }
        }
        self.at = self.at.saturating_add(bytes.len());
    }

    /// Appends the seven bytes of the common prefix.
    pub fn put_prefix(&mut self, prefix: Prefix) {
        let [e0, e1, e2, e3] = prefix.endpoint.0.to_be_bytes();
        let [m0, m1] = prefix.msg_id.0.to_be_bytes();
        self.put(&[e0, e1, e2, e3, m0, m1, prefix.flag]);
    }

    /// Starts a frame: its marker and its header.
    pub fn start_frame(&mut self, layout: Layout, header: [u8; 8]) {
        self.put(&[if layout == Layout::Unbound { 0 } else { MARK }]);
        self.sum = 0;
        let [c0, c1, c2, c3, dir, summed @ ..] = header;
        self.put_stuffed(&[c0, c1, c2, c3, dir]);
        self.put_data(&summed);
    }

    /// Appends bytes to the frame: stuffed, and counted into its checksum.
    pub fn put_data(&mut self, bytes: &[u8]) {
        self.sum = bytes.iter().fold(self.sum, |sum, byte| sum.wrapping_add(*byte));
        self.put_stuffed(bytes);
    }

    /// Ends a frame: its checksum, and its marker.
    pub fn end_frame(&mut self) {
        let sum = self.sum;
        self.end_frame_with(sum);
    }

    fn end_frame_with(&mut self, checksum: u8) {
        self.put_stuffed(&[checksum]);
        self.put(&[MARK]);
    }

    fn put_stuffed(&mut self, bytes: &[u8]) {
        if !bytes.iter().any(is_special) {
            return self.put(bytes);
        }
        for byte in bytes {
            if is_special(byte) {
                self.put(&[ESCAPE, byte ^ ESCAPE_XOR]);
            } else {
                self.put(&[*byte]);
            }
        }
    }

    /// Fills in the length. Returns the packet's length in bytes.
    pub fn finish(self) -> Result<usize, EncodeError> {
        let declared = self.at.saturating_sub(super::HEADER_LEN);
        if declared > MAX_DECLARED {
            return Err(EncodeError::TooLarge { kind: self.kind, declared });
        }
        let have = self.out.len();
        let length = u32::try_from(declared).unwrap_or(u32::MAX).to_be_bytes();
        match self.out.first_chunk_mut::<{ super::HEADER_LEN }>() {
            Some([_, field @ ..]) if self.at <= have => *field = length,
            _ => return Err(TooSmall { needed: self.at, have }.into()),
        }
        Ok(self.at)
    }
}

impl Packet<'_> {
    /// Writes the packet into `out` and returns its length in bytes.
    ///
    /// Frames are written stuffed, and bound: [`Layout::BoundPad1`] is accepted on input only. A frame that was decoded
    /// with a wrong checksum keeps it.
    ///
    /// # Errors
    /// [`EncodeError::TooSmall`] says how many bytes `out` needs; [`EncodeError::TooLarge`] if no peer would accept the
    /// packet. In both cases the contents of `out` are of no use.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut to = Encoder::new(self.kind(), out);
        match self {
            Self::AppLogin(login) | Self::Handshake(login) => put_login(&mut to, login)?,
            Self::AppLoginAck(ack) | Self::HelloAck(ack) => to.put(&[ack.status.0, ack.reserved]),
            Self::DeviceInfo(DeviceInfo { prefix, payload })
            | Self::ProbeAck(DeviceInfo { prefix, payload }) => {
                to.put_prefix(*prefix);
                to.put(payload);
            }
            Self::InfoAck(ack) | Self::StatusAck(ack) => {
                to.put(&ack.msg_id.0.to_be_bytes());
                to.put(&[ack.status.0]);
            }
            Self::DataChannel(channel) | Self::StatusBroadcast(channel) => {
                put_channel(&mut to, channel);
            }
            Self::DataResult(receipt) | Self::DataAck(receipt) => to.put_prefix(receipt.prefix()),
            Self::Probe { prefix, extra } => {
                to.put_prefix(*prefix);
                to.put(extra.as_slice());
            }
            Self::ProbeResult(verdict) => {
                to.put_prefix(verdict.receipt.prefix());
                to.put(&[verdict.reserved]);
            }
            Self::TimeRequest { tag } => to.put(&[*tag]),
            Self::TimeResponse(time) => put_time(&mut to, time),
            Self::HeartbeatDev | Self::HeartbeatCloud => {}
            Self::Disconnect { reason } => to.put(reason),
        }
        to.finish()
    }
}

fn put_login(to: &mut Encoder<'_>, login: &Login<'_>) -> Result<(), EncodeError> {
    let auth = login.auth.expose();
    let too_large =
        EncodeError::TooLarge { kind: to.kind, declared: auth.len().saturating_add(10) };
    let auth_len = u16::try_from(auth.len()).map_err(|_| too_large)?;
    to.put(&[login.version]);
    to.put(&login.endpoint.0.to_be_bytes());
    to.put(&auth_len.to_be_bytes());
    to.put(auth);
    to.put(&[login.reserved]);
    to.put(&login.keepalive_s.to_be_bytes());
    Ok(())
}

fn put_channel(to: &mut Encoder<'_>, channel: &Channel<'_>) {
    let Channel { prefix, frame } = channel;
    to.put_prefix(*prefix);
    to.start_frame(frame.layout, frame.header());
    put_frame_data(to, frame);
    to.end_frame_with(frame.checksum());
}

fn put_frame_data(to: &mut Encoder<'_>, frame: &Frame<'_>) {
    match frame.data.as_slice() {
        Some(data) => to.put_data(data),
        None => frame.data.bytes().for_each(|byte| to.put_data(&[byte])),
    }
}

fn put_time(to: &mut Encoder<'_>, time: &TimeResponse) {
    let now = time.local;
    to.put(&[time.tag]);
    to.put(&now.year.to_be_bytes());
    to.put(&[now.month, now.day, now.weekday_sunday1, now.hour, now.minute, now.second]);
    to.put(&now.utc_offset_centihours.to_be_bytes());
}
