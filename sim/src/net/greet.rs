use cync_core::wire::{Endpoint, PacketType};
use cync_core::{Config, GreetError, Greeter, Instant};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// Who dialled, and the bytes that said so (and whatever came with them).
pub(super) struct Greeting {
    pub(super) endpoint: Endpoint,
    pub(super) bytes: Vec<u8>,
}

/// Reads until the first packet is whole. `None` if the connection ends before.
///
/// # Errors
/// If it is not a device's greeting, or does not come in time.
pub(super) async fn read_greeting(
    from: &mut (impl AsyncRead + Unpin),
) -> Result<Option<Greeting>, GreetError> {
    let limit = Config::listener(Endpoint::default()).greeting_timeout;
    timeout(limit, read(from, limit)).await.unwrap_or(Err(GreetError::Timeout))
}

/// The runtime's clock decides when the time is over: the greeter's stands still.
async fn read(
    from: &mut (impl AsyncRead + Unpin),
    limit: Duration,
) -> Result<Option<Greeting>, GreetError> {
    let now = Instant::ZERO;
    let mut greeter = Greeter::new(now, limit);
    let mut bytes = Vec::new();
    let mut looked = 0;
    loop {
        if !matches!(from.read_buf(&mut bytes).await, Ok(1..)) {
            return Ok(None);
        }
        looked += greeter.handle_input(now, &bytes[looked..]);
        match greeter.poll().transpose()? {
            Some(hello) if hello.kind == PacketType::Handshake => {
                let endpoint = hello.endpoint;
                return Ok(Some(Greeting { endpoint, bytes }));
            }
            Some(hello) => return Err(GreetError::NotAGreeting(hello.kind.byte())),
            None => {}
        }
    }
}
