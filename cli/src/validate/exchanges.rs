//! Questions and answers in a trace, as a proxy between the sessions would time them.

use super::figures::Ack;
use cync_core::wire::{ChecksumMode, Direction, Framer, Packet, Resync};
use serde_json::Value;
use std::collections::BTreeMap;

/// A packet that asks for an answer, on its link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Exchange {
    /// When its first copy was handed over.
    pub(crate) asked: u64,
    /// When the first answer came.
    pub(crate) answered: Option<u64>,
    /// How often it was handed over.
    pub(crate) copies: u64,
}

impl Exchange {
    pub(crate) fn time(&self) -> Option<u64> {
        Some(self.answered? - self.asked)
    }
}

/// What happened on one link.
#[derive(Clone, Default, Debug)]
pub(crate) struct Link {
    /// When commands were given to the session.
    pub(crate) sent: Vec<u64>,
    /// In the order of their first copies, as [`Ack::ALL`] has their kinds.
    exchanges: [Vec<Exchange>; 4],
    /// What names a packet, and which exchange it is.
    open: BTreeMap<Name, usize>,
}

/// The kind of a packet, who asked, and its endpoint and number, if it has some.
type Name = (Ack, bool, u32, u16);

/// Everything that a trace says of times.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    pub(crate) links: BTreeMap<u64, Link>,
    /// Commands that were not handed over when the time went on, on one link, at most.
    pub(crate) deepest_queue: u64,
    /// What arrived at each end, cut into packets.
    framers: BTreeMap<(u64, bool), Framer>,
    now: u64,
}

impl Exchanges {
    /// Reads a trace; `None` if it is none.
    pub(crate) fn of(trace: &[u8]) -> Option<Self> {
        let mut all = Self::default();
        // The first line says which scenario was run.
        for line in str::from_utf8(trace).ok()?.lines().skip(1).filter(|line| matters(line)) {
            let line: Value = serde_json::from_str(line).ok()?;
            all.call(line.get("call")?.as_str()?, &line)?;
        }
        Some(all)
    }

    fn call(&mut self, call: &str, line: &Value) -> Option<()> {
        let (at, link) = (line.get("t")?.as_u64()?, line.get("link")?.as_u64()?);
        let device = line.get("side")?.as_str()? == "device";
        if at > self.now {
            self.look_at_queues();
            self.now = at;
        }
        match call {
            "send" if !device => self.links.entry(link).or_default().sent.push(at),
            "transmit" => {
                let Some(bytes) = line.get("out")?.get("bytes") else { return Some(()) };
                let bytes = bytes_of(bytes.as_str()?)?;
                let packet = Packet::decode(&bytes, ChecksumMode::Strict).ok()?;
                self.links.entry(link).or_default().asked(at, device, &packet);
            }
            "input" => {
                let bytes = bytes_of(line.get("bytes")?.as_str()?)?;
                let taken = usize::try_from(line.get("out")?.as_u64()?).ok()?;
                let mut input = bytes.get(..taken)?;
                let framer = self
                    .framers
                    .entry((link, device))
                    .or_insert_with(|| Framer::new(Resync::Close));
                while let Some(packet) = framer.next(&mut input) {
                    let packet = Packet::decode(packet.ok()?, ChecksumMode::Strict).ok()?;
                    self.links.entry(link).or_default().answered(at, device, &packet);
                }
            }
            _ => {}
        }
        Some(())
    }

    fn look_at_queues(&mut self) {
        let waiting = |link: &Link| link.sent.len().saturating_sub(link.of(Ack::Data).len()) as u64;
        let deepest = self.links.values().map(waiting).max();
        self.deepest_queue = self.deepest_queue.max(deepest.unwrap_or(0));
    }
}

impl Link {
    /// Everything of one kind, in the order of the first copies.
    pub(crate) fn of(&self, ack: Ack) -> &[Exchange] {
        self.exchanges.get(ack as usize).map_or(&[], Vec::as_slice)
    }

    fn asked(&mut self, at: u64, device: bool, packet: &Packet<'_>) {
        let (ack, endpoint, msg_id) = match packet {
            Packet::Handshake(_) => (Ack::Hello, 0, 0),
            Packet::DataChannel(channel) if channel.frame.direction == Direction::REQUEST => {
                (Ack::Data, channel.prefix.endpoint.0, channel.prefix.msg_id.0)
            }
            Packet::StatusBroadcast(channel) => (Ack::Status, 0, channel.prefix.msg_id.0),
            Packet::HeartbeatDev => (Ack::Heartbeat, 0, 0),
            _ => return,
        };
        let Some(all) = self.exchanges.get_mut(ack as usize) else { return };
        let name = (ack, device, endpoint, msg_id);
        if let Some(open) = self.open.get(&name).and_then(|nth| all.get_mut(*nth)) {
            open.copies += 1;
            return;
        }
        self.open.insert(name, all.len());
        all.push(Exchange { asked: at, answered: None, copies: 1 });
    }

    /// `device` heard an answer.
    fn answered(&mut self, at: u64, device: bool, packet: &Packet<'_>) {
        let name = match packet {
            Packet::HelloAck(_) => (Ack::Hello, device, 0, 0),
            Packet::DataAck(receipt) => (Ack::Data, device, receipt.endpoint.0, receipt.msg_id.0),
            Packet::StatusAck(ack) => (Ack::Status, device, 0, ack.msg_id.0),
            Packet::HeartbeatCloud => (Ack::Heartbeat, device, 0, 0),
            _ => return,
        };
        // Later answers are to further copies.
        let Some(nth) = self.open.remove(&name) else { return };
        let exchange = self.exchanges.get_mut(name.0 as usize).and_then(|all| all.get_mut(nth));
        if let Some(exchange) = exchange {
            exchange.answered = Some(at);
        }
    }
}

/// Whether a line is about a packet or a command: most are not, and need not be read.
fn matters(line: &str) -> bool {
    line.contains("\"call\":\"send\"")
        || line.contains("\"call\":\"input\"")
        || line.contains("\"call\":\"transmit\"") && !line.contains("\"out\":null")
}

/// Bytes of a trace. Those of the authentication code are not in it: they matter to nobody here.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    crate::hex::decode(text.replace('*', "0").as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_copy_and_the_first_answer_make_an_exchange() {
        let trace = br#"{"cync-trace":2}
{"t":0,"link":3,"side":"device","call":"transmit","out":{"bytes":"230000001a03000000010010*0*1*2*3*4*5*6*7*8*9*a*b*c*d*e*f00003c","id":null,"attempt":0}}
{"t":5,"link":3,"side":"device","call":"transmit","out":null}
{"t":45,"link":3,"side":"device","call":"input","bytes":"2800000002000000","out":3}
{"t":46,"link":3,"side":"device","call":"input","bytes":"00020000","out":4}
{"t":50,"link":3,"side":"controller","call":"send","what":["probe"],"out":"x"}
{"t":60,"link":3,"side":"controller","call":"transmit","out":{"bytes":"d300000000","id":null,"attempt":0}}
{"t":61,"link":3,"side":"controller","call":"transmit","out":{"bytes":"d300000000","id":null,"attempt":0}}
{"t":70,"link":3,"side":"controller","call":"input","bytes":"d800000000d800000000","out":10}
"#;
        let all = Exchanges::of(trace).unwrap();
        let link = &all.links[&3];
        let [hello, data, status, heartbeat] = &link.exchanges;
        assert_eq!(hello[..], [Exchange { asked: 0, answered: Some(46), copies: 1 }]);
        assert_eq!(heartbeat[..], [Exchange { asked: 60, answered: Some(70), copies: 2 }]);
        assert!(data.is_empty() && status.is_empty());
        assert_eq!((&link.sent[..], all.deepest_queue), (&[50][..], 1));
        assert!(Exchanges::of(b"{}\n{\"call\":\"input\"}").is_none());
    }
}
