//! Generated packets and streams.

use cync_core::CivilTime;
use cync_core::wire::{
    Channel, DeviceInfo, Direction, Endpoint, Frame, Layout, Login, LoginAck, MAX_PACKET, MsgId,
    Packet, PacketType, Prefix, Receipt, Secret, ShortAck, StatusCode, TimeResponse, Verdict,
};
use proptest::prelude::*;
use std::ops::Range;

/// What a packet is made of, owned; [`Owned::packet`] borrows from it.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    kind: PacketType,
    endpoint: u32,
    msg_id: u16,
    flag: u8,
    counter: u32,
    direction: u8,
    op: u8,
    data: Vec<u8>,
    unbound: bool,
}

impl Owned {
    pub(crate) fn packet(&self) -> Packet<'_> {
        let endpoint = Endpoint(self.endpoint);
        let msg_id = MsgId(self.msg_id);
        let status = StatusCode(self.flag);
        let prefix = Prefix { endpoint, msg_id, flag: self.flag };
        let receipt = Receipt { endpoint, msg_id, status };
        let login = || Login {
            version: self.op,
            endpoint,
            auth: Secret::new(&self.data),
            reserved: self.flag,
            keepalive_s: self.msg_id,
        };
        let ack = LoginAck { status, reserved: self.op };
        let info = DeviceInfo { prefix, payload: &self.data };
        let short = ShortAck { msg_id, status };
        let mut frame = Frame::new(self.counter, Direction(self.direction), self.op, &self.data);
        if self.unbound && self.kind == PacketType::StatusBroadcast {
            frame.layout = Layout::Unbound;
        }
        let channel = Channel { prefix, frame };
        match self.kind {
            PacketType::AppLogin => Packet::AppLogin(login()),
            PacketType::AppLoginAck => Packet::AppLoginAck(ack),
            PacketType::Handshake => Packet::Handshake(login()),
            PacketType::HelloAck => Packet::HelloAck(ack),
            PacketType::DeviceInfo => Packet::DeviceInfo(info),
            PacketType::InfoAck => Packet::InfoAck(short),
            PacketType::DataChannel => Packet::DataChannel(channel),
            PacketType::DataResult => Packet::DataResult(receipt),
            PacketType::DataAck => Packet::DataAck(receipt),
            PacketType::StatusBroadcast => Packet::StatusBroadcast(channel),
            PacketType::StatusAck => Packet::StatusAck(short),
            PacketType::Probe => {
                Packet::Probe { prefix, extra: self.unbound.then_some(self.direction) }
            }
            PacketType::ProbeResult => Packet::ProbeResult(Verdict { receipt, reserved: self.op }),
            PacketType::ProbeAck => Packet::ProbeAck(info),
            PacketType::TimeRequest => Packet::TimeRequest { tag: self.op },
            PacketType::TimeResponse => {
                let [month, day, weekday_sunday1, hour] = self.counter.to_le_bytes();
                let [minute, second, o0, o1] = self.endpoint.to_le_bytes();
                let local = CivilTime {
                    year: self.msg_id,
                    month,
                    day,
                    weekday_sunday1,
                    hour,
                    minute,
                    second,
                    utc_offset_centihours: i16::from_le_bytes([o0, o1]),
                };
                Packet::TimeResponse(TimeResponse { tag: self.op, local })
            }
            PacketType::HeartbeatDev => Packet::HeartbeatDev,
            PacketType::HeartbeatCloud => Packet::HeartbeatCloud,
            PacketType::Disconnect => {
                let reason = if self.data.is_empty() { &[3] } else { self.data.as_slice() };
                Packet::Disconnect { reason }
            }
            other => panic!("no packet is generated for {other}"),
        }
    }
}

/// A packet of any type, rich in marker and escape bytes.
pub(crate) fn packet() -> impl Strategy<Value = Owned> {
    let kind = prop_oneof![
        2 => prop::sample::select(PacketType::ALL.to_vec()),
        1 => prop::sample::select(vec![PacketType::DataChannel, PacketType::StatusBroadcast]),
    ];
    let word = || prop::array::uniform4(byte()).prop_map(u32::from_be_bytes);
    let direction = prop_oneof![4 => 0xf8..=0xfa_u8, 1 => byte()];
    let data = prop_oneof![20 => bytes(0..64), 1 => bytes(1000..2000)];
    (kind, word(), word(), byte(), word(), direction, byte(), data, any::<bool>()).prop_map(
        |(kind, endpoint, msg_id, flag, counter, direction, op, data, unbound)| {
            let msg_id = msg_id as u16;
            Owned { kind, endpoint, msg_id, flag, counter, direction, op, data, unbound }
        },
    )
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![2 => any::<u8>(), 1 => prop::sample::select(vec![0x7e, 0x7d, 0x5e, 0x5d, 0])]
}

/// Bytes, rich in marker and escape bytes.
pub(crate) fn bytes(len: Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(byte(), len)
}

/// Packets, among them corrupted ones and garbage.
pub(crate) fn noisy_stream() -> impl Strategy<Value = Vec<u8>> {
    let intact = packet().prop_map(|owned| encoded(&owned.packet()));
    let corrupt =
        (packet(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(owned, at, byte)| {
            let mut bytes = encoded(&owned.packet());
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        });
    let header = (any::<u8>(), 0_u8..2, 0_u8..32, any::<u8>())
        .prop_map(|(kind, l1, l2, l3)| vec![kind, 0, l1, l2, l3]);
    let part = prop_oneof![6 => intact, 2 => corrupt, 1 => bytes(0..12), 1 => header];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

/// Where to cut a stream: lengths of pieces, over and over.
#[derive(Clone, Debug)]
pub(crate) struct Cuts(Vec<usize>);

impl Cuts {
    pub(crate) fn pieces<'s>(&self, stream: &'s [u8]) -> Vec<&'s [u8]> {
        let mut rest = stream;
        let mut pieces = Vec::new();
        for len in self.0.iter().cycle() {
            let (piece, tail) = rest.split_at((*len).min(rest.len()));
            pieces.push(piece);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        pieces
    }
}

pub(crate) fn cut() -> impl Strategy<Value = Cuts> {
    let lens = prop::collection::vec(prop_oneof![0..6_usize, 0..100_usize], 0..12);
    (lens, 1..100_usize).prop_map(|(mut lens, last)| {
        lens.push(last);
        Cuts(lens)
    })
}

/// The bytes of a packet.
pub(crate) fn encoded(packet: &Packet<'_>) -> Vec<u8> {
    let mut out = [0; MAX_PACKET];
    let len = packet.encode(&mut out).expect("a generated packet is within the limit");
    out[..len].to_vec()
}
