//! The yardstick: `tokio-util`'s `LengthDelimitedCodec` and nothing else. It verifies nothing, remembers nothing, and has no timers.

use crate::load::{Caller, Trips};
use crate::world::World;
use crate::{Outcome, PACKET};
use bytes::{Bytes, BytesMut};
use cync_runtime::Runtime;
use futures_util::{SinkExt, StreamExt};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// What the codec puts before each frame.
const LENGTH: usize = 4;

type Connection<W> = Framed<<W as World>::Bare, LengthDelimitedCodec>;

/// Echoes every frame. With `COALESCE`, those that came together go together; otherwise each by itself.
pub(crate) async fn serve<W: World, const COALESCE: bool>(stream: W::Bare) -> Outcome<()> {
    let mut framed: Connection<W> = Framed::new(stream, LengthDelimitedCodec::new());
    while let Some(frame) = framed.next().await {
        reply::<W, COALESCE>(&mut framed, frame?.freeze()).await?;
    }
    Ok(())
}

async fn reply<W: World, const COALESCE: bool>(
    framed: &mut Connection<W>,
    frame: Bytes,
) -> io::Result<()> {
    if !COALESCE {
        return framed.send(frame).await;
    }
    framed.feed(frame).await?;
    if holds_frame(framed.read_buffer()) { Ok(()) } else { flush::<W>(framed).await }
}

async fn flush<W: World>(framed: &mut Connection<W>) -> io::Result<()> {
    SinkExt::<Bytes>::flush(framed).await
}

fn holds_frame(received: &BytesMut) -> bool {
    received.split_first_chunk::<LENGTH>().is_some_and(|(length, rest)| {
        usize::try_from(u32::from_be_bytes(*length)).is_ok_and(|length| length <= rest.len())
    })
}

/// A connection to the echo.
pub(crate) struct EchoCaller<W: World, const COALESCE: bool>(Connection<W>);

impl<W: World, const COALESCE: bool> Caller for EchoCaller<W, COALESCE> {
    type Runtime = W::Runtime;

    async fn open(server: SocketAddr, _depth: usize) -> Outcome<Self> {
        let stream = W::Runtime::default().dial(server).await?;
        Ok(Self(Framed::new(W::bare(stream), LengthDelimitedCodec::new())))
    }

    async fn turn(mut self, depth: usize, until: Instant) -> Outcome<(Self, Trips)> {
        const BODY: &[u8] = &[0x5a; PACKET - LENGTH];
        let framed = &mut self.0;
        let (mut trips, mut in_flight) = (Trips::default(), VecDeque::with_capacity(depth));
        for _ in 0..depth {
            in_flight.push_back(Instant::now());
            framed.feed(Bytes::from_static(BODY)).await?;
            if !COALESCE {
                flush::<W>(framed).await?;
            }
        }
        flush::<W>(framed).await?;
        while let Some(began) = in_flight.pop_front() {
            framed.next().await.ok_or("the server closed the connection")??;
            let now = trips.ended(began);
            if now < until {
                in_flight.push_back(now);
                reply::<W, COALESCE>(framed, Bytes::from_static(BODY)).await?;
            } else if COALESCE {
                flush::<W>(framed).await?;
            }
        }
        Ok((self, trips))
    }
}
