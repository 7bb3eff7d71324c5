use super::frame::{has_special, is_special, word_has_special};
use super::{
    Channel, DeviceInfo, ESCAPE, ESCAPE_XOR, Frame, HEADER_LEN, Layout, Login, MARK, MAX_DECLARED,
    Packet, PacketType, Prefix, TimeResponse,
};
use crate::error::{EncodeError, TooSmall};

/// Writes one packet into a caller's buffer. Bytes that do not fit are counted, so that the error can say how many are
/// needed.
///
/// [`Packet::encode`] is the usual way in; an `Encoder` by hand writes payloads that are in several pieces.
// What a frame without special bytes needs is inlined, and calls nothing that takes the encoder by reference: so the compiler
// keeps it in registers, and knows the places of everything up to the data.
#[derive(Debug)]
pub struct Encoder<'o> {
    out: &'o mut [u8],
    at: usize,
    kind: PacketType,
    sum: u8,
}

impl<'o> Encoder<'o> {
    /// Starts a packet of type `kind`.
    #[inline]
    pub fn new(kind: PacketType, out: &'o mut [u8]) -> Self {
        // The header is written when the length is known.
        Self { out, at: HEADER_LEN, kind, sum: 0 }
    }

    /// Appends payload bytes as they are.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        if let Some(room) = room(self.out, self.at, bytes.len()) {
            // Unlike `copy_from_slice`, this cannot panic even where the compiler does not see that the lengths are equal.
            for (to, from) in room.iter_mut().zip(bytes) {
                *to = *from;
            }
        }
        self.at = self.at.saturating_add(bytes.len());
    }

    #[inline]
    fn put_array<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some(room) = self.out.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut()) {
            *room = bytes;
        }
        self.at = self.at.saturating_add(N);
    }

    /// Appends the seven bytes of the common prefix.
    #[inline]
    pub fn put_prefix(&mut self, prefix: Prefix) {
        let rest = self.out.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut());
        if let Some([e0, e1, e2, e3, m0, m1, flag]) = rest {
            [*e0, *e1, *e2, *e3] = prefix.endpoint.0.to_be_bytes();
            [*m0, *m1] = prefix.msg_id.0.to_be_bytes();
            *flag = prefix.flag;
        }
        self.at = self.at.saturating_add(Prefix::LEN);
    }

    /// Starts a frame: its marker and its header.
    #[inline]
    pub fn start_frame(&mut self, layout: Layout, header: [u8; 8]) {
        let mark = if layout == Layout::Unbound { 0 } else { MARK };
        let [c0, c1, c2, c3, dir, op, l0, l1] = header;
        self.sum = op.wrapping_add(l0).wrapping_add(l1);
        if !has_special(&header) {
            self.put_array([mark, c0, c1, c2, c3, dir, op, l0, l1]);
        } else {
            self.put_array([mark]);
            self.at = put_stuffed(self.out, self.at, &header);
        }
    }

    /// Appends bytes to the frame: stuffed, and counted into its checksum.
    #[inline]
    pub fn put_data(&mut self, bytes: &[u8]) {
        let room = room(self.out, self.at, bytes.len());
        if let Some(sum) = room.and_then(|room| copy_plain(room, bytes)) {
            self.sum = self.sum.wrapping_add(sum);
            self.at = self.at.saturating_add(bytes.len());
        } else {
            self.sum = bytes.iter().fold(self.sum, |sum, byte| sum.wrapping_add(*byte));
            self.at = put_stuffed(self.out, self.at, bytes);
        }
    }

    /// Ends a frame: its checksum, and its marker.
    #[inline]
    pub fn end_frame(&mut self) {
        let sum = self.sum;
        self.end_frame_with(sum);
    }

    #[inline]
    fn end_frame_with(&mut self, checksum: u8) {
        if is_special(&checksum) {
            self.put_array([ESCAPE, checksum ^ ESCAPE_XOR, MARK]);
        } else {
            self.put_array([checksum, MARK]);
        }
    }

    /// Fills in the length. Returns the packet's length in bytes.
    #[inline]
    pub fn finish(self) -> Result<usize, EncodeError> {
        let declared = self.at.saturating_sub(HEADER_LEN);
        if declared > MAX_DECLARED {
            return Err(EncodeError::TooLarge { kind: self.kind, declared });
        }
        let have = self.out.len();
        let [_, _, l0, l1] = u32::try_from(declared).unwrap_or(u32::MAX).to_be_bytes();
        match self.out.first_chunk_mut() {
            Some(header) if self.at <= have => *header = [self.kind.byte(), 0, 0, l0, l1],
            _ => return Err(TooSmall { needed: self.at, have }.into()),
        }
        Ok(self.at)
    }
}

/// Writes a packet with a bound frame, as an [`Encoder`] does, if nothing in it has to be stuffed and there is room for it: then
/// everything has its place from the start. Returns its length. The data are fewer than a packet can take.
#[inline(always)]
pub(crate) fn put_plain_frame(
    kind: PacketType,
    prefix: Prefix,
    header: [u8; 8],
    data: &[u8],
    out: &mut [u8],
) -> Option<usize> {
    let (start, rest) = out.split_first_chunk_mut::<{ HEADER_LEN + 16 }>()?;
    let (room, rest) = rest.split_at_mut_checked(data.len())?;
    let end = rest.first_chunk_mut()?;
    let word = u64::from_le_bytes(header);
    if word_has_special(word) {
        return None;
    }
    let [.., op, l0, l1] = header;
    let sum = copy_plain(room, data)?.wrapping_add(op).wrapping_add(l0).wrapping_add(l1);
    if is_special(&sum) {
        return None;
    }
    *end = [sum, MARK];
    let len = start.len() + data.len() + end.len();
    let [.., d0, d1] = (len - HEADER_LEN).to_be_bytes();
    let [flag, mark] = [prefix.flag, MARK].map(u64::from);
    let [endpoint, msg_id] = [prefix.endpoint.0, prefix.msg_id.0.into()].map(u64::from);
    let prefix = endpoint << 32 | msg_id << 16 | flag << 8 | mark;
    let [s0, s1, s2, s3, s4, bound @ ..] = start;
    [*s0, *s1, *s2, *s3, *s4] = [kind.byte(), 0, 0, d0, d1];
    // Of both words the bytes in the order in which they leave.
    *bound = (u128::from(prefix.swap_bytes()) | u128::from(word) << 64).to_le_bytes();
    Some(len)
}

/// So many bytes of `out` from `at` on, if there are so many.
#[inline]
fn room(out: &mut [u8], at: usize, len: usize) -> Option<&mut [u8]> {
    out.get_mut(at..).and_then(|rest| rest.split_at_mut_checked(len)).map(|(room, _)| room)
}

/// Copies bytes of which none has to be stuffed, and sums them up in the same pass; `None` if one has.
#[inline(always)]
fn copy_plain(to: &mut [u8], from: &[u8]) -> Option<u8> {
    let (to, from, sum) = copy_pieces::<16>(to, from, 0)?;
    let (to, from, sum) = copy_pieces::<8>(to, from, sum)?;
    let (_, _, sum) = copy_pieces::<1>(to, from, sum)?;
    Some(sum as u8)
}

/// The same in pieces of `N` bytes, each of which is dealt with at once, as far as there are whole ones. Returns what is left, and
/// `sum` with that of these pieces.
#[inline(always)]
fn copy_pieces<'t, 'f, const N: usize>(
    to: &'t mut [u8],
    from: &'f [u8],
    mut sum: u16,
) -> Option<(&'t mut [u8], &'f [u8], u16)> {
    let (pieces, rest) = from.as_chunks::<N>();
    let (to_pieces, to_rest) = to.as_chunks_mut();
    for (to, piece) in to_pieces.iter_mut().zip(pieces) {
        if has_special(piece) {
            return None;
        }
        *to = *piece;
        sum = to.iter().fold(sum, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    }
    Some((to_rest, rest, sum))
}

/// Writes bytes at `at`, stuffed, as far as they fit. Returns where the next one goes.
#[cold]
#[inline(never)]
fn put_stuffed(out: &mut [u8], mut at: usize, bytes: &[u8]) -> usize {
    let mut put = |byte| {
        if let Some(to) = out.get_mut(at) {
            *to = byte;
        }
        at = at.saturating_add(1);
    };
    for byte in bytes {
        if is_special(byte) {
            put(ESCAPE);
            put(byte ^ ESCAPE_XOR);
        } else {
            put(*byte);
        }
    }
    at
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
            Self::AppLoginAck(ack) | Self::HelloAck(ack) => {
                to.put_array([ack.status.0, ack.reserved])
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SplitMix64;
    use crate::wire::{Endpoint, MsgId};

    #[test]
    fn a_plain_frame_is_what_an_encoder_writes_and_is_none_if_a_byte_is_special_or_has_no_room() {
        let mut rng = SplitMix64::new(1);
        let (mut plain, mut special, mut short) = (0, 0, 0);
        for _ in 0..30_000 {
            let data: [u8; 64] = core::array::from_fn(|_| (rng.next() % 0x7e) as u8);
            let (data, counter) = (&data[..(rng.next() % 65) as usize], rng.next() as u32);
            let [endpoint, msg_id] = [rng.next() as u32, rng.next() as u32];
            let prefix =
                Prefix { endpoint: Endpoint(endpoint), msg_id: MsgId(msg_id as u16), flag: 7 };
            let frame = Frame::request(counter, rng.next() as u8, data);
            let packet = Packet::DataChannel(Channel { prefix, frame });
            let (mut expected, mut out) = ([0; 256], [0; 256]);
            let needed = packet.encode(&mut expected).unwrap();
            let have = needed.saturating_sub((rng.next() % 8 / 7) as usize);
            let kind = PacketType::DataChannel;
            let len = put_plain_frame(kind, prefix, frame.header(), data, &mut out[..have]);
            let nothing_is_stuffed = needed == HEADER_LEN + 16 + data.len() + 2;
            assert_eq!(len, (nothing_is_stuffed && have == needed).then_some(needed));
            match len {
                Some(len) => assert_eq!(out[..len], expected[..len]),
                None if nothing_is_stuffed => short += 1,
                None => special += 1,
            }
            plain += usize::from(len.is_some());
        }
        assert!(plain.min(special).min(short) > 1_000, "{plain} {special} {short}");
    }
}
