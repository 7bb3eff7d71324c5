//! Our clients, on both sides.

use crate::load::{Caller, Trips};
use crate::world::World;
use crate::{Outcome, PACKET};
use cync_core::wire::{Endpoint, HEADER_LEN, op};
use cync_core::{AuthCode, Config, Preset, Request};
use cync_runtime::{Builder, Client, Runtime};
use futures_util::future::try_join_all;
use std::net::SocketAddr;
use std::time::Instant;

const ENDPOINT: Endpoint = Endpoint(0x4588_0f3a);
/// Beside the data: the prefix, two markers, the frame's header and its checksum.
const AROUND: usize = HEADER_LEN + 7 + 2 + 8 + 1;
const DATA: [u8; PACKET - AROUND] = [0x5a; PACKET - AROUND];

/// A session of the default size and configuration, with room for so many in flight; or of the smallest.
fn builder<W: World, const COMPACT: bool>(
    mut config: Config,
    depth: usize,
) -> Outcome<Builder<W::Runtime>> {
    if COMPACT {
        let config = config.preset(Preset::Constrained);
        return Ok(Client::builder(config).compact());
    }
    let depth = u16::try_from(depth)?;
    let places = config.window + config.queue.limit;
    config.window = config.window.max(depth);
    config.queue.limit = places - config.window;
    Ok(Client::builder(config))
}

/// Takes every message. The session acknowledges them.
pub(crate) async fn serve<W: World, const COMPACT: bool>(
    stream: <W::Runtime as Runtime>::Stream,
    depth: usize,
) -> Outcome<()> {
    let client = builder::<W, COMPACT>(Config::listener(ENDPOINT), depth)?.build()?;
    let driver = client.drive(stream);
    W::Runtime::default().spawn(async move {
        driver.run().await;
    });
    while client.recv().await.is_some() {}
    Ok(())
}

/// A client that dialled.
pub(crate) struct OurCaller<W: World, const COMPACT: bool>(Client<W::Runtime>);

impl<W: World, const COMPACT: bool> Caller for OurCaller<W, COMPACT> {
    type Runtime = W::Runtime;

    async fn open(server: SocketAddr, depth: usize) -> Outcome<Self> {
        let auth = AuthCode::new(b"0123456789abcdef")?;
        let config = Config::greeter(ENDPOINT, auth);
        Ok(Self(builder::<W, COMPACT>(config, depth)?.reconnect(false).connect(server).await?))
    }

    async fn turn(self, depth: usize, until: Instant) -> Outcome<(Self, Trips)> {
        let client = &self.0;
        let before = client.stats().retransmissions.total();
        let one = async || {
            let (mut trips, mut now) = (Trips::default(), Instant::now());
            loop {
                client.send(Request::frame(op::COMBINED, &DATA)).await?;
                now = trips.ended(now);
                if now >= until {
                    return Outcome::Ok(trips);
                }
            }
        };
        let mut trips = Trips::default();
        if depth == 1 {
            trips = one().await?;
        } else {
            for its in try_join_all((0..depth).map(|_| one())).await? {
                trips.add(its);
            }
        }
        trips.again = client.stats().retransmissions.total() - before;
        Ok((self, trips))
    }
}
