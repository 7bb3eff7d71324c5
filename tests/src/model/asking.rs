//! What is sent, byte for byte: it follows from the operation and from how many messages there were.

use super::op::{Ask, What};
use super::setup::Side;
use crate::solo::{ENDPOINT, bytes_of};
use cync_core::wire::{Channel, Endpoint, FRAME_AT, Frame, MsgId, Packet, PacketType, Prefix, op};
use cync_sim::witness::{self, Asked};
use std::time::Duration;

impl Ask {
    /// As it is asked of the session of this side that took so many messages before.
    pub(super) fn asked(&self, side: Side, index: u32) -> Asked {
        Asked {
            what: what(self.what, side, index),
            until: self.until,
            once: self.once,
            deadline: self.deadline.map(Duration::from_millis),
            msg_id: self.msg_id,
            endpoint: self.other_endpoint.then_some(Endpoint(ENDPOINT.0 ^ 1)),
        }
    }
}

fn what(what: What, side: Side, index: u32) -> witness::What {
    let data = |len: u16| {
        let mix = |at: u16| (u32::from(at) * 7 + index * 31) as u8;
        (0..len).map(|at| if at % 5 == 2 { 0x7c + mix(at) % 3 } else { mix(at) }).collect()
    };
    match what {
        What::Power(_) | What::Brightness(_) | What::Both(_) => {
            what.command().map_or(witness::What::Probe, witness::What::Command)
        }
        What::Frame(len) => witness::What::Frame(op::POWER, data(len)),
        What::Announce(len) => witness::What::Announce(op::POWER, data(len)),
        What::Probe => witness::What::Probe,
        What::Info(len) => witness::What::Raw(PacketType::DeviceInfo, data(len)),
        What::Raw(len) => {
            let counter = 0xc000_0000 | index << 1 | side as u32;
            let data: Vec<u8> = data(len.min(1_900));
            let frame = Frame::request(counter, op::POWER, &data);
            let prefix = Prefix { endpoint: ENDPOINT, msg_id: MsgId(0), flag: 0 };
            let packet = bytes_of(&Packet::DataChannel(Channel { prefix, frame }));
            witness::What::Raw(PacketType::DataChannel, packet[FRAME_AT..].to_vec())
        }
    }
}
