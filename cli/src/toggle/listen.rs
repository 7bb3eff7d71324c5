//! Commands to a device that dials in, as real ones do.

use super::cync::{Dialler, Setup, commands};
use super::tally::Tally;
use super::{Args, failure};
use crate::complain;
use crate::exit::Exit;
use crate::listen::LISTEN;
use crate::metrics::Server;
use crate::output::say_aside;
use cync_core::wire::{Endpoint, PacketType, StatusCode};
use cync_core::{Config, Hello};
use cync_tokio::{Accepted, Client, Hub, Limits, Listener, Tokio};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tracing::Instrument;

/// What a greeting is refused with.
const REFUSED: StatusCode = StatusCode(1);

/// Whom commands are for: the endpoint that is asked for, else the first that greets as it should.
#[derive(Clone, Debug)]
struct Wanted(Arc<OnceLock<Endpoint>>);

impl Wanted {
    fn new(asked: Option<Endpoint>) -> Self {
        Self(Arc::new(asked.map_or_else(OnceLock::new, OnceLock::from)))
    }

    fn is(&self, endpoint: Endpoint) -> bool {
        self.0.get() == Some(&endpoint)
    }

    /// Admits devices: the one that is wanted with the right code, if one is given, and all others, which are ignored.
    fn admit(
        &self,
        Setup { config, code }: &Setup,
        hello: &Hello<'_>,
    ) -> Result<Config, StatusCode> {
        let is_device = hello.kind == PacketType::Handshake;
        let is_right = code.as_ref().is_none_or(|code| hello.auth().matches(code));
        let is_other = self.0.get().is_some_and(|wanted| *wanted != hello.endpoint);
        if !is_device || !(is_right || is_other) {
            return Err(REFUSED);
        }
        self.0.get_or_init(|| hello.endpoint);
        let mut config = config.clone();
        config.endpoint = hello.endpoint;
        Ok(config)
    }
}

/// Waits for a device, and sends it the commands.
pub(super) async fn toggle(
    args: &Args,
    on: SocketAddr,
    setup: Setup,
    server: Option<&Server>,
    tally: &mut Tally,
) -> Exit {
    let wanted = Wanted::new(args.endpoint);
    let listener = match listener(args, on, setup, wanted.clone()).await {
        Ok(listener) => listener,
        Err(error) => return complain(LISTEN.cannot_listen(on, &error)),
    };
    let addr = listener.local_addr();
    say_aside(format_args!("listens on {addr} for a device that dials in\n"));
    tracing::info!(event = "listening", %addr);
    let others = Cell::new(0);
    let first = within(args.wait, async {
        let device = next(&listener, &wanted, &others).await;
        // Whoever has gone by now may dial in again.
        device.client.ready().await.map(|()| device)
    });
    let Some(Ok(Accepted { endpoint, client, .. })) = first.await else {
        let greeted = failure::Greeted {
            others: others.get(),
            rejected: listener.hub().rejected(),
            asked: args.endpoint,
        };
        return failure::nobody_dialled(addr, args.wait, &greeted);
    };
    let device_id = args.device_id(endpoint);
    if let Some(server) = server {
        server.metrics().watch(&device_id, &client).until_the_end();
    }
    let span = tracing::error_span!("device", device_id, %endpoint);
    let sending = commands(args, &client, tally, Dialler::Device).instrument(span);
    let exit = tokio::select! {
        exit = sending => exit,
        exit = ignore_all(&listener, &wanted, &others) => exit,
    };
    client.close().await;
    exit
}

async fn listener(
    args: &Args,
    on: SocketAddr,
    setup: Setup,
    wanted: Wanted,
) -> std::io::Result<Listener> {
    // What ends TLS in front of it has one address, whoever dials.
    let mut limits = Limits::default();
    limits.per_address = limits.connections;
    let (named, label) = (wanted.clone(), args.device_id.clone());
    let runtime = Tokio::default();
    let hub = Hub::builder(runtime, move |hello| wanted.admit(&setup, hello))
        .limits(limits)
        .device_ids(move |endpoint| match &label {
            Some(label) if named.is(endpoint) => label.clone(),
            _ => endpoint.to_string(),
        })
        .build();
    Listener::with_hub(runtime, on, hub).await
}

/// The next connection of the device that is wanted. Others are told of once, counted, and not talked to.
async fn next(listener: &Listener, wanted: &Wanted, others: &Cell<u32>) -> Accepted {
    loop {
        let accepted = listener.accept().await;
        if wanted.is(accepted.endpoint) {
            return accepted;
        }
        if accepted.is_new {
            others.set(others.get().saturating_add(1));
            let Accepted { endpoint, peer, client, .. } = accepted;
            tracing::warn!(event = "ignored", %endpoint, %peer, "another device dialled in");
            // What it says is in nobody's way.
            tokio::spawn(async move { while client.recv().await.is_some() {} });
        }
    }
}

/// Never ends: the session of the device that is wanted goes on by itself when that dials in again.
async fn ignore_all(listener: &Listener, wanted: &Wanted, others: &Cell<u32>) -> Exit {
    loop {
        next(listener, wanted, others).await;
    }
}

/// Whether the device is connected, or dials in again within this time.
pub(super) async fn is_ready(client: &Client, wait: Duration) -> bool {
    matches!(within(wait, client.ready()).await, Some(Ok(())))
}

/// What came within this time; without one it is waited for as long as it takes.
async fn within<T>(limit: Duration, wait: impl Future<Output = T>) -> Option<T> {
    match limit {
        Duration::ZERO => Some(wait.await),
        limit => tokio::time::timeout(limit, wait).await.ok(),
    }
}
