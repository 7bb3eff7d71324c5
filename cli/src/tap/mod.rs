//! `cync tap`: relays connections byte for byte, and writes down what went through.
//!
//! Two halves that never wait for each other: `relay` moves bytes between sockets (through `watched`, which notes what is
//! read), `record` decodes and writes on a thread of its own, and `feed` is the bounded way from the first to the second.

mod feed;
mod outlet;
mod record;
mod relay;
mod strand;
mod summary;
mod watched;

use crate::capture::Direction;
use crate::complain;
use crate::entropy;
use crate::exit::Exit;
use crate::impairment::Impairment;
use crate::interrupt;
use crate::listen::{self, LISTEN};
use crate::output::say_aside;
use crate::render::Secrets;
use crate::target::{Target, comes_back};
use cync_core::wire::ChecksumMode;
use cync_sim::net::ImpairedPath;
use feed::Feed;
use outlet::Outlet;
use record::{Recorder, Show};
use relay::{Faults, relay};
use std::fs::File;
use std::io::{self, LineWriter};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use summary::Summary;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use watched::Watched;

/// Connections at a time; further ones wait until one has ended.
const MOST: usize = 256;
/// How long nothing of what is left at the end can be written before it is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Watch live traffic: relay connections byte for byte, and decode both directions
///
/// Whoever dials --listen talks to --to, and sees no difference: ends, resets and slow readers are passed on, and no output is
/// waited for. If output is slower than the traffic, it says how many bytes it missed. The first line says where the tap
/// listens; Ctrl-C ends it with a summary.
///
/// Each line has the seconds since the start, the number of the chunk, the connection, the direction, and the packet as `cync
/// decode` shows it. What --json and --output write, `cync decode` reads. The authentication codes of greetings are masked in
/// everything that is written, and in nothing that is relayed.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to listen, an IP address and a port; port 0 takes any free one
    #[arg(long, value_name = "IP:PORT", value_parser = listen::address)]
    listen: SocketAddr,
    /// Where to relay to, a name or an IP address and a port
    #[arg(long, value_name = "HOST:PORT")]
    to: Target,
    /// Whoever dials is the device, as real devices are; otherwise the target is
    #[arg(long)]
    device_dials: bool,
    /// Write the capture to standard output, one JSON object a line; what is said otherwise goes to standard error
    #[arg(long)]
    json: bool,
    /// Show no packets
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Write the capture to a file as well
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Accept frames with a wrong checksum, and flag them; they are relayed either way
    #[arg(long)]
    lenient: bool,
    /// Write authentication codes instead of stars
    #[arg(long)]
    show_secrets: bool,
    /// End after so many connections
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[command(flatten)]
    impairment: Impairment,
    /// Repeats the same losses and other faults; random if not given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  cync tap --listen 127.0.0.1:9001 --to 127.0.0.1:9000
  cync tap --listen 0.0.0.0:9001 --to hub.local:9000 --device-dials --output evening.jsonl
  cync tap --listen 127.0.0.1:9001 --to 127.0.0.1:9000 --json | cync decode - --format jsonl --json
  cync tap --listen 127.0.0.1:9001 --to 127.0.0.1:9000 --loss 20% --seed 7 --quiet

Then, in other terminals:
  cync simulate --port 9000
  cync toggle --device-host 127.0.0.1 --device-port 9001 --count 10 --until executed
";

/// Runs `cync tap`.
pub(crate) fn run(args: &Args) -> Exit {
    match crate::runtime(tap(args)) {
        Ok(exit) => exit,
        Err(error) => complain(format_args!("cannot start: {error}")),
    }
}

/// What the connections share.
struct Tap {
    target: Target,
    feed: Feed,
    faults: Option<Faults>,
    /// What the side that dials sends.
    dialler: Direction,
    unreached: Arc<AtomicU64>,
}

async fn tap(args: &Args) -> Exit {
    let (listen, target) = (args.listen, &args.to);
    match target.resolve().await {
        Ok(found) if found.iter().any(|found| comes_back(listen, *found)) => {
            complain(format_args!(
                "{target} is where the tap listens itself; give --to the address of the other side"
            ));
            return Exit::Usage;
        }
        Ok(_) => {}
        Err(error) => {
            complain(format_args!("cannot find {target}: {error}; check --to"));
            return Exit::NotConnected;
        }
    }
    let listener = match TcpListener::bind(listen).await {
        Ok(listener) => listener,
        Err(error) => return complain(LISTEN.cannot_listen(listen, &error)),
    };
    let file = match args.output.as_ref().map(|path| (path.display(), File::create(path))) {
        None => None,
        Some((name, Ok(file))) => Some(Outlet::new(name.to_string(), LineWriter::new(file))),
        Some((name, Err(error))) => {
            return complain(format_args!("{name}: cannot write it: {error}; check --output"));
        }
    };
    // Whoever reads the first line may interrupt at once.
    let (interrupt, addr) = match (interrupt::listen(), listener.local_addr()) {
        (Ok(interrupt), Ok(addr)) => (interrupt, addr),
        (Err(error), _) | (_, Err(error)) => {
            return complain(format_args!("cannot start: {error}"));
        }
    };
    let seed = args.seed.unwrap_or_else(entropy::seed);
    let link = args.impairment.link(seed);
    let path = (!link.to_device.is_calm()).then(|| ImpairedPath::new(link));
    let mut first = format!("tap listens on {addr}, relays to {target}");
    if path.is_some() {
        first += &format!(" (seed {seed})");
    }
    first += "\n";
    let mut stdout = Outlet::new("standard output", io::stdout());
    if args.json {
        say_aside(first)
    } else {
        stdout.write(&first)
    }

    let show = match args {
        Args { json: true, .. } => Show::Capture,
        Args { quiet: true, .. } => Show::Nothing,
        _ => Show::Packets,
    };
    let secrets = if args.show_secrets { Secrets::Shown } else { Secrets::Masked };
    let checksum = if args.lenient { ChecksumMode::Lenient } else { ChecksumMode::Strict };
    let recorder = Recorder::new(show, checksum, secrets, stdout, file);
    let (feed, backlog) = feed::feed();
    let (unreached, connections) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (done, recorded) = oneshot::channel();
    let taken = Arc::clone(&backlog.taken);
    let summary = {
        let (path, unreached, connections) =
            (path.clone(), Arc::clone(&unreached), Arc::clone(&connections));
        move || Summary {
            connections: connections.load(Ordering::Relaxed),
            unreached: unreached.load(Ordering::Relaxed),
            faults: path.as_ref().map(|path| (path.counts(), seed)),
            ..Summary::default()
        }
    };
    std::thread::spawn(move || done.send(recorder.run(&backlog, summary)));

    let tap = Tap {
        target: target.clone(),
        feed,
        faults: path.map(|path| Faults { path, device_dials: args.device_dials }),
        dialler: if args.device_dials { Direction::DevToCloud } else { Direction::CloudToDev },
        unreached: Arc::clone(&unreached),
    };
    let ended = tokio::select! {
        biased;
        () = interrupt => Exit::Interrupted,
        () = accept(listener, tap, args.count, &connections) => Exit::Done,
    };
    let is_whole = match finish(recorded, &taken).await {
        Some(is_whole) => is_whole,
        None => {
            complain("the output is not read; the rest of it and the summary are left out");
            false
        }
    };
    match ended {
        Exit::Done if !is_whole => Exit::Failed,
        Exit::Done if unreached.load(Ordering::Relaxed) > 0 => Exit::NotConnected,
        ended => ended,
    }
}

/// Waits until everything is written. `None` if it comes no further, or is interrupted again.
async fn finish(mut recorded: oneshot::Receiver<bool>, taken: &AtomicU64) -> Option<bool> {
    let again = interrupt::listen().ok()?;
    let stuck = async {
        let mut before = None;
        while before != Some(taken.load(Ordering::Relaxed)) {
            before = Some(taken.load(Ordering::Relaxed));
            tokio::time::sleep(PATIENCE).await;
        }
    };
    tokio::select! {
        recorded = &mut recorded => recorded.ok(),
        () = stuck => None,
        () = again => None,
    }
}

/// Takes connections, all or so many, until they have ended.
async fn accept(listener: TcpListener, tap: Tap, count: Option<u64>, connections: &AtomicU64) {
    let tap = Arc::new(tap);
    let mut listener = Some(listener);
    let mut open = JoinSet::new();
    let mut conn = 0;
    let (mut was_full, mut was_failing) = (false, false);
    while listener.is_some() || !open.is_empty() {
        let next = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = next, if open.len() < MOST => match accepted {
                Ok((stream, peer)) => {
                    conn += 1;
                    was_failing = false;
                    connections.store(conn, Ordering::Relaxed);
                    open.spawn(connect(conn, stream, peer, Arc::clone(&tap)));
                    if open.len() == MOST && !was_full {
                        was_full = true;
                        let full = format!("{MOST} connections at a time; further ones wait");
                        tap.feed.complain(conn, full);
                    }
                    if count == Some(conn) {
                        listener = None;
                    }
                }
                Err(error) => {
                    if !was_failing {
                        was_failing = true;
                        let problem = format!("cannot take a connection: {error}; trying again");
                        tap.feed.complain(conn, problem);
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = open.join_next() => {}
        }
    }
}

/// One connection, from its beginning to its end.
async fn connect(conn: u64, dialler: TcpStream, peer: SocketAddr, tap: Arc<Tap>) {
    let (sent, received) = tap.feed.open(conn, peer, tap.dialler);
    let mut dialler = Watched::new(dialler, sent);
    let mut target = match tap.target.dial().await {
        Ok(target) => Watched::new(target, received),
        Err(error) => {
            tap.unreached.fetch_add(1, Ordering::Relaxed);
            let target = &tap.target;
            let problem = format!(
                "connection {conn}: cannot reach {target}: {error}; closed it, still listening: is the target running?"
            );
            tap.feed.complain(conn, problem);
            return;
        }
    };
    if let Err(error) = relay(&mut dialler, &mut target, tap.faults.as_ref()).await {
        tap.feed.remark(conn, format!("connection failed: {error}"));
        dialler.reset();
        target.reset();
    }
}
