use super::HelloAnswer;
use super::greet::{Greeting, read_greeting};
use super::impair::impair;
use super::parties::{Parties, Party};
use super::weather::Weather;
use crate::{Device, Direction};
use cync_core::Request;
use cync_core::wire::{Endpoint, StatusCode, op};
use cync_tokio::{Client, Message, compat};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedMutexGuard, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tracing::Instrument;

/// Connections at a time.
const MOST: usize = 256;
/// Connections at a time that have not greeted yet; the oldest makes room.
const MOST_SILENT: usize = 256;
/// How long a connection stays whose greeting was answered with nonsense.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a command that a link refuses is refused with.
const REFUSED: StatusCode = StatusCode(1);

/// What a device and its connections share.
pub(super) struct Shared {
    device: Mutex<Device>,
    pub(super) weather: Arc<Weather>,
    parties: Mutex<Parties>,
    pub(super) control: watch::Sender<Control>,
    hellos: AtomicU64,
}

/// What the device was told to do to its connections.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Control {
    /// How often all connections were cut.
    pub(super) cuts: u64,
    /// New connections are closed.
    pub(super) partitioned: bool,
    pub(super) hello: HelloAnswer,
}

impl Shared {
    pub(super) fn new(device: Device, weather: Weather, parties: Parties) -> Self {
        Self {
            device: Mutex::new(device),
            weather: Arc::new(weather),
            parties: Mutex::new(parties),
            control: watch::Sender::new(Control::default()),
            hellos: AtomicU64::new(0),
        }
    }

    pub(super) fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn parties(&self) -> MutexGuard<'_, Parties> {
        self.parties.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hellos(&self) -> u64 {
        self.hellos.load(Ordering::Relaxed)
    }

    /// Ends when connections are cut again; they were so often before.
    pub(super) async fn is_cut(&self, before: u64) {
        let mut control = self.control.subscribe();
        // The sender is here: it does not go.
        let _ = control.wait_for(|control| control.cuts != before).await;
    }

    /// Acts on the messages of a party one after the other, until no more can come.
    pub(super) async fn obey(self: &Arc<Self>, party: &Party) {
        loop {
            let turn = Arc::clone(&party.turn).lock_owned().await;
            let Some(message) = party.client.recv().await else { return };
            self.react(party, message, turn).await;
        }
    }

    /// Takes its time for a message, then acts on it. It does so even if the connection goes meanwhile: the message was
    /// acknowledged, and its repetitions will not be delivered. Until then nothing else has the party's turn.
    async fn react(self: &Arc<Self>, party: &Party, message: Message, turn: OwnedMutexGuard<()>) {
        let chaos = self.weather.chaos(Direction::ToDevice);
        let copy = party.track.command(message.prefix.msg_id.0.into());
        let refused = chaos.refuses(self.weather.seed(), &copy);
        let time = chaos.takes(self.weather.seed(), &copy);
        if time == 0 {
            self.act(&party.client, &message, refused);
            return;
        }
        let (shared, client) = (Arc::clone(self), party.client.clone());
        let late = async move {
            tokio::time::sleep(Duration::from_micros(time)).await;
            shared.act(&client, &message, refused);
            drop(turn);
        };
        // Nothing in it fails.
        let _ = tokio::spawn(late.in_current_span()).await;
    }

    /// Executes a request, reports its result and announces the new state; or refuses it.
    fn act(&self, client: &Client, message: &Message, refused: bool) {
        let (Some(id), Some(frame)) = (message.id, message.frame) else { return };
        if refused {
            tracing::debug!(event = "request", op = frame.op, status = %REFUSED);
            // One that has no room is asked for again by the repetition of its request.
            let _ = client.respond(id, REFUSED);
            return;
        }
        let (reaction, sno) = {
            let mut device = self.device();
            (device.handle(frame.op, &message.data), device.next_sno())
        };
        tracing::debug!(event = "request", op = frame.op, status = %reaction.status);
        // It was acknowledged already, unless commands may be refused.
        let _ = client.respond(id, StatusCode::OK);
        // A result that has no room is asked for again by the repetition of its request.
        let _ = client.report(id, reaction.status);
        if let Some(status) = reaction.announce {
            // Announcements are not promised to anyone.
            let _ = client.try_send(Request::announce(op::STATUS, &status.data(sno)));
        }
    }
}

/// A connection's share in its party, given up on drop.
struct Joined<'a> {
    shared: &'a Shared,
    endpoint: Endpoint,
    party: Party,
}

impl<'a> Joined<'a> {
    /// `None` if there are too many parties.
    fn new(shared: &'a Shared, endpoint: Endpoint) -> Option<Self> {
        let party = shared.parties().join(endpoint, Instant::now())?;
        Some(Self { shared, endpoint, party })
    }
}

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        self.shared.parties().leave(self.endpoint, Instant::now());
    }
}

/// Takes connections, and serves them.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let (mut greeting, mut connections) = (JoinSet::new(), JoinSet::new());
    let mut silent = VecDeque::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let Control { cuts, partitioned, .. } = *shared.control.borrow();
                    if partitioned {
                        tracing::debug!(event = "partitioned", %peer);
                        continue;
                    }
                    silent.retain(|task: &AbortHandle| !task.is_finished());
                    if silent.len() >= MOST_SILENT && let Some(oldest) = silent.pop_front() {
                        tracing::warn!(event = "no_greeting", "too many connections that do not greet");
                        oldest.abort();
                    }
                    let greeted = greet(stream, peer, cuts).in_current_span();
                    silent.push_back(greeting.spawn(greeted));
                    // It may have greeted already: then it is not one of the silent.
                    tokio::task::yield_now().await;
                }
                Err(error) => {
                    tracing::warn!(event = "accept", %error);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(greeted) = greeting.join_next() => match greeted {
                Ok(Some(greeted)) if connections.len() < MOST => {
                    let Greeted { peer, greeting: Greeting { endpoint, .. }, .. } = &greeted;
                    let span = tracing::error_span!("connection", %peer, %endpoint);
                    let serving = serve_until_cut(greeted, Arc::clone(&shared));
                    connections.spawn(serving.instrument(span));
                }
                Ok(Some(Greeted { peer, .. })) => {
                    tracing::warn!(event = "refused", %peer, "too many connections");
                }
                Ok(None) | Err(_) => {}
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A connection that greeted.
struct Greeted {
    peer: SocketAddr,
    /// How often connections had been cut when this one was made.
    cuts: u64,
    greeting: Greeting,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
}

/// Waits for a connection to say who it is.
async fn greet(stream: TcpStream, peer: SocketAddr, cuts: u64) -> Option<Greeted> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(event = "nodelay", %peer, %error);
    }
    let (mut reader, writer) = stream.into_split();
    match read_greeting(&mut reader).await {
        Ok(Some(greeting)) => return Some(Greeted { peer, cuts, greeting, reader, writer }),
        Ok(None) => {
            tracing::warn!(event = "no_greeting", %peer, "the peer left without a greeting")
        }
        Err(error) => tracing::warn!(event = "no_greeting", %peer, %error, "closed"),
    }
    None
}

/// One connection, from its greeting to its end, which may be that it is cut.
async fn serve_until_cut(greeted: Greeted, shared: Arc<Shared>) {
    let before = greeted.cuts;
    let hello = shared.control.borrow().hello;
    shared.hellos.fetch_add(1, Ordering::Relaxed);
    tokio::select! {
        biased;
        () = shared.is_cut(before) => tracing::info!(event = "cut"),
        () = async {
            match hello {
                HelloAnswer::Good => serve(greeted, &shared).await,
                HelloAnswer::Refused(status) => answer(greeted, &refusal(status), false).await,
                HelloAnswer::Garbled => answer(greeted, &GARBLED, true).await,
            }
        } => {}
    }
}

/// An answer to a greeting that has a byte too many.
const GARBLED: [u8; 8] = [0x28, 0, 0, 0, 3, 0, 0, 0];

const fn refusal(status: StatusCode) -> [u8; 7] {
    [0x28, 0, 0, 0, 2, status.0, 0]
}

/// Answers a greeting with these bytes, and if it `stays` waits for the peer to leave.
async fn answer(greeted: Greeted, bytes: &[u8], stays: bool) {
    let Greeted { mut reader, mut writer, .. } = greeted;
    if writer.write_all(bytes).await.is_err() || !stays {
        return;
    }
    let mut buffer = [0; 1024];
    let gone = async { while matches!(reader.read(&mut buffer).await, Ok(1..)) {} };
    // Longer than anyone waits for an answer; then the connection is closed.
    let _ = tokio::time::timeout(PATIENCE, gone).await;
}

/// One connection, from its greeting to its end.
async fn serve(greeted: Greeted, shared: &Arc<Shared>) {
    let Greeted { peer, greeting: Greeting { endpoint, bytes }, reader, writer, .. } = greeted;
    let Some(joined) = Joined::new(shared, endpoint) else {
        tracing::warn!(event = "refused", %peer, %endpoint, "too many parties");
        return;
    };
    tracing::info!(event = "connected", %peer, %endpoint);
    let io = tokio::io::join(io::Cursor::new(bytes).chain(reader), writer);
    let party = &joined.party;
    let (inside, pump) = impair(io, Arc::clone(&shared.weather), Arc::clone(&party.track));
    let driver = party.client.drive(compat(inside)).run();
    let app = async {
        shared.obey(party).await;
        std::future::pending::<()>().await;
    };
    let session = async {
        tokio::select! {
            end = driver => tracing::info!(event = "disconnected", %peer, %endpoint, ?end),
            () = app => {}
        }
    };
    tokio::pin!(pump, session);
    tokio::select! {
        () = &mut pump => session.await,
        // What is on its way still arrives; a peer that does not read is not waited for.
        () = &mut session => {
            let _ = tokio::time::timeout(shared.weather.settle(), pump).await;
        }
    }
}
