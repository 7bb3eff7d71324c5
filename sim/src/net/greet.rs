use cync_core::wire::{ChecksumMode, Endpoint, Framer, Packet, Resync};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How long a connection may take to say who it is.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A greeting is shorter than this; what comes before it counts, too.
const MOST: usize = 4096;

/// Who dialled, and the bytes that said so (and whatever came with them).
pub(super) struct Greeting {
    pub(super) endpoint: Endpoint,
    pub(super) bytes: Vec<u8>,
}

/// Reads until the first packet is whole. `None` if it is not a greeting, or does not come in time.
pub(super) async fn read_greeting(from: &mut (impl AsyncRead + Unpin)) -> Option<Greeting> {
    tokio::time::timeout(TIMEOUT, read(from)).await.ok().flatten()
}

async fn read(from: &mut (impl AsyncRead + Unpin)) -> Option<Greeting> {
    let mut bytes = Vec::with_capacity(MOST);
    while bytes.len() < MOST {
        let mut room = from.take((MOST - bytes.len()) as u64);
        if room.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let mut framer: Framer = Framer::new(Resync::Close);
        let Some(first) = framer.next(&mut bytes.as_slice()) else { continue };
        let packet = Packet::decode(first.ok()?, ChecksumMode::Strict).ok()?;
        let Packet::Handshake(login) = packet else { return None };
        return Some(Greeting { endpoint: login.endpoint, bytes });
    }
    None
}
