//! The server's process, and the client's: a contender each, told over a pipe what to do.

use crate::Outcome;
use crate::echo::{self, EchoCaller};
use crate::load::{Caller, Load};
use crate::options::{Child, Contender, Role, RuntimeName};
use crate::ours::{self, OurCaller};
use crate::world::{AsyncStd, Smol, Tokio, World};
use cync_runtime::Runtime;
use std::io::BufRead;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// What the server says once it listens, before its address.
pub(crate) const LISTENS: &str = "listens ";
/// What a client says when it has done something of which there is nothing to tell.
pub(crate) const DONE: &str = "done";

/// Runs until the pipe of orders is closed.
pub(crate) fn run(child: &Child) -> Outcome<()> {
    match child.runtime {
        RuntimeName::Tokio => in_world::<Tokio>(child),
        RuntimeName::AsyncStd => in_world::<AsyncStd>(child),
        RuntimeName::Smol => in_world::<Smol>(child),
    }
}

fn in_world<W: World>(child: &Child) -> Outcome<()> {
    let orders = orders();
    W::block_on(async move {
        let depth = child.depth;
        match (child.role, child.contender) {
            (Role::Serve, contender) => serve::<W>(contender, depth).await,
            (Role::Load, Contender::Cync) => obey::<OurCaller<W, false>>(orders, depth).await,
            (Role::Load, Contender::Compact) => obey::<OurCaller<W, true>>(orders, depth).await,
            (Role::Load, Contender::Echo) => obey::<EchoCaller<W, false>>(orders, depth).await,
            (Role::Load, Contender::Coalescing) => obey::<EchoCaller<W, true>>(orders, depth).await,
        }
    })?
}

/// Lines from the pipe. When it is closed, whoever started this process is gone, and so is it.
fn orders() -> UnboundedReceiver<String> {
    let (send, receive) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
        std::process::exit(0);
    });
    receive
}

async fn serve<W: World>(contender: Contender, depth: usize) -> Outcome<()> {
    let runtime = W::Runtime::default();
    let acceptor = runtime.bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
    println!("{LISTENS}{}", runtime.local_addr(&acceptor)?);
    W::Runtime::default().spawn(async move {
        while let Ok((stream, _)) = runtime.accept(&acceptor).await {
            runtime.spawn(async move {
                let served = match contender {
                    Contender::Cync => ours::serve::<W, false>(stream, depth).await,
                    Contender::Compact => ours::serve::<W, true>(stream, depth).await,
                    Contender::Echo => echo::serve::<W, false>(W::bare(stream)).await,
                    Contender::Coalescing => echo::serve::<W, true>(W::bare(stream)).await,
                };
                if let Err(error) = served {
                    eprintln!("the server of {contender:?}: {error}");
                }
            });
        }
    });
    std::future::pending().await
}

async fn obey<C: Caller>(mut orders: UnboundedReceiver<String>, depth: usize) -> Outcome<()> {
    let mut load = Load::<C>::new();
    while let Some(order) = orders.recv().await {
        match order.split(' ').collect::<Vec<_>>().as_slice() {
            ["open", server, count] => {
                load.open(server.parse::<SocketAddr>()?, depth, count.parse()?).await?;
                println!("{DONE}");
            }
            ["turn", millis] => {
                let turn = load.turn(depth, Duration::from_millis(millis.parse()?)).await?;
                println!("{}", turn.to_line());
            }
            _ => return Err(format!("no such order: {order}").into()),
        }
    }
    Ok(())
}
