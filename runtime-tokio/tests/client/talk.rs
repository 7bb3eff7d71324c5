//! A peer that the test plays.

use crate::*;
use tokio::io::ReadHalf;

/// A peer whose packets are written by hand.
pub(crate) struct Talk {
    stream: DuplexStream,
    framer: Box<Framer>,
    buffer: Vec<u8>,
}

impl Talk {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self { stream, framer: Box::new(Framer::new(Resync::Close)), buffer: Vec::new() }
    }

    /// Answers the greeting.
    pub(crate) async fn greeted(stream: DuplexStream) -> Self {
        let mut talk = Self::new(stream);
        assert_eq!(talk.hear().await.unwrap().first(), Some(&0x23));
        talk.say(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 })).await;
        talk
    }

    pub(crate) async fn hear(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut input = self.buffer.as_slice();
            if let Some(packet) = self.framer.next(&mut input) {
                let (packet, rest) = (packet.unwrap().to_vec(), input.len());
                self.buffer.drain(..self.buffer.len() - rest);
                return Some(packet);
            }
            self.buffer.clear();
            if self.stream.read_buf(&mut self.buffer).await.unwrap() == 0 {
                return None;
            }
        }
    }

    /// The next message and the first byte of its data.
    pub(crate) async fn hear_message(&mut self) -> (Receipt, Option<u8>) {
        loop {
            let bytes = self.hear().await.unwrap();
            let packet = Packet::decode(&bytes, ChecksumMode::Strict).unwrap();
            if let Packet::DataChannel(channel) = packet {
                let (endpoint, msg_id) = (channel.prefix.endpoint, channel.prefix.msg_id);
                let receipt = Receipt { endpoint, msg_id, status: StatusCode::OK };
                return (receipt, channel.frame.data.bytes().next());
            }
        }
    }

    pub(crate) async fn say(&mut self, packet: &Packet<'_>) {
        let mut bytes = [0; MAX_PACKET];
        let len = packet.encode(&mut bytes).unwrap();
        self.stream.write_all(&bytes[..len]).await.unwrap();
    }

    /// Says signs of life for ever and never reads. Returns what must not be dropped meanwhile.
    pub(crate) fn chatter(self) -> ReadHalf<DuplexStream> {
        let (unread, mut writer) = tokio::io::split(self.stream);
        tokio::spawn(async move {
            while writer.write_all(&[0xd3, 0, 0, 0, 0]).await.is_ok() {
                sleep(SECOND / 10).await;
            }
        });
        unread
    }
}
