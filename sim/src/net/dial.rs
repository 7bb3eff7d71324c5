use super::impair::impair;
use super::parties::Party;
use super::serve::Shared;
use cync_tokio::{Address, compat};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Keeps a device connected to its hub, and acts on what the hub says; ends with the session. That the hub cannot be reached is
/// told once, until it can be.
pub(super) async fn dial(hub: Address, party: Party, shared: Arc<Shared>) {
    let (begin, mut begun) = mpsc::channel(1);
    let told = Arc::new(AtomicBool::new(false));
    let open = || {
        let (hub, party, shared) = (hub.to_string(), party.clone(), Arc::clone(&shared));
        let (begin, told) = (begin.clone(), Arc::clone(&told));
        async move {
            let control = *shared.control.borrow();
            if control.partitioned {
                return Err(io::ErrorKind::NetworkUnreachable.into());
            }
            let stream = match TcpStream::connect(&*hub).await {
                Ok(stream) => stream,
                Err(error) => {
                    if !told.swap(true, Ordering::Relaxed) {
                        tracing::warn!(event = "no_hub", hub, %error, "the hub cannot be reached; trying again");
                    }
                    return Err(error);
                }
            };
            told.store(false, Ordering::Relaxed);
            tracing::info!(event = "connected", hub);
            stream.set_nodelay(true)?;
            let (inside, pump) = impair(stream, Arc::clone(&shared.weather), party.track);
            let pump = async move {
                tokio::select! {
                    biased;
                    () = shared.is_cut(control.cuts) => tracing::info!(event = "cut"),
                    () = pump => {}
                }
            };
            // Whoever takes it runs as long as this does.
            let _ = begin.send(pump).await;
            Ok::<_, io::Error>(compat(inside))
        }
    };
    let keep_connected = async {
        // A device does not give up.
        while let Err(error) = party.client.keep_connected(open).await {
            tracing::debug!(event = "no_session", %error);
        }
    };
    let pump = async {
        let mut pump = None;
        loop {
            let pumped = async {
                match &mut pump {
                    Some(pump) => pump.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Who dials again has given its last connection up.
                Some(next) = begun.recv() => pump = Some(Box::pin(next)),
                () = pumped => pump = None,
            }
        }
    };
    tokio::select! {
        // From the first look at it on there may be messages.
        biased;
        () = keep_connected => {}
        () = pump => {}
        () = shared.obey(&party) => {}
    }
}
