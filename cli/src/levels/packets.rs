//! Commands as a log of packets shows them, where nothing else tells how they ended.

use super::record::Packet;
use std::collections::{HashMap, VecDeque};

/// Messages whose packets may still come. Copies of a message leave within its deadline, so this many lie between.
const REMEMBERED: usize = 65_536;

/// What the packets of one message say.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Message {
    /// Packets that carried it.
    pub(super) copies: u64,
    /// The first one that succeeded took so long, if it says.
    pub(super) sent: Option<Option<u64>>,
    /// So did the first answer.
    pub(super) answered: Option<Option<u64>>,
}

/// Messages whose packets may still come, in the order in which they began; of bounded size.
#[derive(Default)]
pub(super) struct Packets {
    open: HashMap<String, Message>,
    order: VecDeque<String>,
    /// Whether any answer was logged. If none was, only sending tells.
    pub(super) answers: bool,
}

impl Packets {
    /// Takes a packet. Returns a message that is too old for further ones.
    pub(super) fn take(&mut self, packet: Packet) -> Option<Message> {
        self.answers |= packet.received;
        let name = packet.message?;
        let known = self.open.contains_key(&name);
        // An answer to nothing begins no message: the peer's own packets are received, too.
        if !known && packet.received {
            return None;
        }
        let oldest = (!known && self.order.len() == REMEMBERED)
            .then(|| self.order.pop_front())
            .flatten()
            .and_then(|name| self.open.remove(&name));
        if !known {
            self.order.push_back(name.clone());
        }
        let message = self.open.entry(name).or_default();
        message.copies += u64::from(!packet.received);
        if packet.succeeded {
            let end = if packet.received { &mut message.answered } else { &mut message.sent };
            end.get_or_insert(packet.micros);
        }
        oldest
    }

    /// The messages that are left.
    pub(super) fn rest(&mut self) -> impl Iterator<Item = Message> {
        self.order.clear();
        self.open.drain().map(|(_, message)| message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(name: &str, received: bool) -> Packet {
        Packet { received, message: Some(name.to_owned()), succeeded: true, micros: Some(5) }
    }

    #[test]
    fn messages_that_are_too_old_make_room_in_their_order() {
        let mut packets = Packets::default();
        assert!(packets.take(packet("answer", true)).is_none(), "it begins nothing");
        for number in 0..REMEMBERED {
            assert!(packets.take(packet(&number.to_string(), false)).is_none());
        }
        assert!(packets.take(packet("0", false)).is_none(), "another copy");
        assert!(packets.take(packet("0", true)).is_none());
        let oldest = packets.take(packet("more", false)).unwrap();
        assert_eq!(
            (oldest.copies, oldest.sent, oldest.answered),
            (2, Some(Some(5)), Some(Some(5)))
        );
        assert_eq!(packets.rest().count(), REMEMBERED);
    }
}
