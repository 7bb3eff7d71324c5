//! What a session owes to its peer, and whether it says that and nothing else.

use super::ears::{Ears, Name, Request, Said};
use super::heading::{Heading, Tag, shown};
use super::{Bytes, Violation, ensure};
use cync_core::wire::{
    Direction, Endpoint, LoginAck, MsgId, Packet, PacketType, Receipt, ShortAck, StatusCode,
};
use cync_core::{DeliveryId, Instant, RespondError};

/// An answer that is owed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Owed {
    /// These bytes.
    Packet(Bytes),
    /// A result of a request.
    Result {
        name: Name,
        tag: Tag,
        status: StatusCode,
        report: u32,
    },
    Probe(Endpoint, MsgId),
    Time,
}

impl Ears {
    pub(super) fn owe(&mut self, packet: &Packet<'_>) {
        let mut bytes = [0; 32];
        let len = packet.encode(&mut bytes).unwrap_or_default();
        self.owed.push_back(Owed::Packet(bytes.get(..len).unwrap_or_default().into()));
    }

    pub(super) fn owe_receipt(&mut self, tag: &Tag, status: StatusCode) {
        let Tag { kind, endpoint, msg_id, .. } = *tag;
        self.owe(&match kind {
            PacketType::StatusBroadcast => Packet::StatusAck(ShortAck { msg_id, status }),
            PacketType::DeviceInfo => Packet::InfoAck(ShortAck { msg_id, status }),
            _ => Packet::DataAck(Receipt { endpoint, msg_id, status }),
        });
    }

    /// A message was repeated: so is what was said to it.
    pub(super) fn answer_again(&mut self, name: Name, tag: &Tag) {
        let Some(said) = self.accepted.get(name) else { return };
        let Said { acknowledged, result, reports, .. } = *said;
        if let Some(status) = acknowledged {
            self.owe_receipt(tag, status);
        }
        if let Some(status) = result {
            self.owed.push_back(Owed::Result { name, tag: *tag, status, report: reports });
        }
    }

    /// A packet that cannot be decoded is acknowledged, if it is of a type that is.
    pub(super) fn on_undecodable(&mut self, bytes: &[u8]) {
        let Some((&kind, prefix)) = bytes.first().zip(bytes.get(5..12)) else { return };
        let &[e0, e1, e2, e3, m0, m1, _] = prefix else { return };
        let Some(kind) = PacketType::from_byte(kind) else { return };
        let endpoint = Endpoint(u32::from_be_bytes([e0, e1, e2, e3]));
        let msg_id = MsgId(u16::from_be_bytes([m0, m1]));
        if matches!(kind, PacketType::DataChannel | PacketType::StatusBroadcast) {
            self.owe_receipt(&Tag { kind, endpoint, msg_id, frame: None }, StatusCode::OK);
        }
    }

    pub(super) fn on_hello(&mut self) {
        self.owe(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 }));
    }

    pub(super) fn on_probe(&mut self, heading: &Heading<'_>) {
        self.owed.push_back(Owed::Probe(heading.endpoint, heading.msg_id));
    }

    /// The application told the time.
    pub(super) fn on_wall_clock(&mut self) {
        if self.clock_asked && self.owed.len() < self.slots {
            self.owed.push_back(Owed::Time);
            self.clock_asked = false;
        }
    }

    /// `report`, or `respond` (without a result), returned `outcome`; `wire` is the connection that is ready.
    pub(super) fn on_reply(
        &mut self,
        now: Instant,
        id: &DeliveryId,
        wire: Option<u32>,
        (status, reports): (StatusCode, bool),
        outcome: Result<(), RespondError>,
    ) -> Result<(), Violation> {
        let request = self.lent.iter().rev().find(|(lent, _)| lent == id);
        let Some(request) = request.map(|(_, request)| *request) else {
            let forgotten = outcome == Err(RespondError::Forgotten) || self.misled;
            ensure!(forgotten, "S11", "{outcome:?} for what was not lent, or long ago: {id:?}");
            return Ok(());
        };
        if self.misled {
            return Ok(());
        }
        let Request { name, tag, wire: came_on, .. } = request;
        let here = wire == Some(came_on);
        let (slots, owed) = (self.slots, self.owed.len());
        let (live_for, places, deliveries) = (self.live_for, self.places, self.deliveries);
        let said = self.accepted.get_mut(name);
        if outcome == Err(RespondError::Forgotten) {
            let may = |Said { age, .. }: &Said| {
                now >= age.at + live_for || deliveries - age.place >= places
            };
            let may = said.is_none_or(|said| may(said));
            ensure!(may, "S11", "forgotten too early: {request:?}");
            return Ok(());
        }
        let Some(said) = said else {
            let what = format!("{outcome:?} for an unknown request: {request:?}");
            return Err(Violation::new("S11", what));
        };
        let fresh = said.acknowledged.is_none();
        let mut receipt = None;
        let mut result = None;
        let expected = if !reports && !fresh {
            Err(RespondError::Answered)
        } else if !reports && here && owed + 2 > slots {
            Err(RespondError::Full)
        } else {
            let mut told = true;
            let mut owed = owed;
            if fresh {
                let status = if reports { StatusCode::OK } else { status };
                said.acknowledged = Some(status);
                let fits = owed + 2 <= slots;
                told &= !here || fits;
                if here && fits {
                    owed += 1;
                    receipt = Some(status);
                }
            }
            if reports {
                (said.result, said.bytes) = (Some(status), None);
                said.reports += 1;
                let fits = owed < slots;
                told &= !here || fits;
                if here && fits {
                    result = Some(Owed::Result { name, tag, status, report: said.reports });
                }
            }
            if told { Ok(()) } else { Err(RespondError::Full) }
        };
        if let Some(status) = receipt {
            self.owe_receipt(&tag, status);
        }
        self.owed.extend(result);
        if here && outcome.is_ok() && expected == Err(RespondError::Full) {
            // So the session has hung up, and is to say nothing more.
            self.hung_up = true;
            return Ok(());
        }
        ensure!(outcome == expected, "S11", "{outcome:?}, expected {expected:?}: {request:?}");
        Ok(())
    }

    /// S3: the session handed over an answer. It must be the one that is owed longest.
    pub(super) fn on_answer_sent(
        &mut self,
        packet: &Packet<'_>,
        heading: Option<&Heading<'_>>,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        ensure!(!self.hung_up, "S10", "{:?} after a hang-up", shown(bytes));
        if self.misled {
            self.owed.clear();
            self.ponged += u64::from(*packet == Packet::HeartbeatCloud);
            return Ok(());
        }
        let Some(owed) = self.owed.pop_front() else {
            let pong = *packet == Packet::HeartbeatCloud;
            ensure!(pong && self.pongs > 0, "S3", "nobody asked for {:?}", shown(bytes));
            self.pongs -= 1;
            self.ponged += 1;
            return Ok(());
        };
        let right = match &owed {
            Owed::Packet(expected) => *expected == *bytes,
            Owed::Probe(endpoint, msg_id) => heading.is_some_and(|heading| {
                heading.kind == PacketType::ProbeAck
                    && (heading.endpoint, heading.msg_id) == (*endpoint, *msg_id)
            }),
            Owed::Time => bytes.first() == Some(&0xc8),
            Owed::Result { name, tag, status, report } => {
                // Once reported anew, an older result may still be owed.
                let told = self.accepted.get_mut(*name).filter(|said| said.reports == *report);
                let same = told
                    .is_none_or(|said| **said.bytes.get_or_insert_with(|| bytes.into()) == *bytes);
                let frame = heading.and_then(|heading| heading.frame);
                same && heading.is_some_and(|heading| heading.endpoint == tag.endpoint)
                    && frame.is_some_and(|frame| {
                        frame.direction == Direction::RESPONSE
                            && Some((frame.op, frame.counter)) == tag.frame
                            && frame.data.bytes().eq([status.0])
                    })
            }
        };
        ensure!(right, "S3", "{:?} where {owed:?} was owed", shown(bytes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::Scenario;
    use crate::world::{Options, run};

    #[test]
    fn a_request_that_was_dropped_and_comes_again_is_as_old_as_it_was() {
        let mut text = "schema = 1\nname = \"\"\n[topology]\nlamps = 2\n[config.controller]\nwindow = 4\nid_window = 6\n\
                        max_attempts = 2\nack_timer_initial_ms = 0\nack_timer_ceiling_ms = 300\ncopy_lifetime_ms = 400\n\
                        [config.device]\nmanual = true\ninbox_messages_limit = 1\n\
                        inbox_messages_policy = \"drop-oldest\"\ndedup_ttl_ms = 0\n"
            .to_owned();
        let power = "power\"\non = true";
        let ops = [
            power,
            power,
            "brightness\"\nvalue = 0",
            power,
            "power\"\nlamp = 2\non = true",
            "rgb\"\nvalue = [0, 0, 0]",
            power,
        ];
        for (number, op) in ops.iter().enumerate() {
            text += &format!("[[op]]\nnumber = {number}\nat_ms = 1000\nact = \"{op}\n");
        }
        for fault in ["slow\"\nfor_ms = 1000\nnumber = 3", "drop\"\nnumber = 6"] {
            let packet = "way = \"to-device\"\npacket = 0x73\nframe = 0xf8";
            text += &format!("[[fault]]\nkind = \"{fault}\n{packet}\n");
        }
        let outcome = run(&Scenario::parse(&text).unwrap(), Options::default()).unwrap();
        assert_eq!((outcome.broken, outcome.executed), (None, 5));
    }
}
