//! Clients and drivers over in-memory streams, in paused time: an hour passes at once, and whatever waits for nothing hangs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cync_core::wire::{
    ChecksumMode, Command, Destination, Endpoint, Framer, LoginAck, MAX_PACKET, Packet, Receipt,
    Resync, StatusCode,
};
use cync_core::{AuthCode, Config, HangupReason, NotSent, Request, Stage, State, Unknown};
use cync_tokio::{Client, ConnectError, End, SendError};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream, DuplexStream, ReadBuf, duplex,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn greeter() -> Config {
    Config::greeter(Endpoint(1), AuthCode::new(b"0123456789abcdef").unwrap())
}

fn narrow(window: u16, queue: u16) -> Config {
    let mut config = greeter();
    (config.window, config.queue) = (window, queue);
    config
}

fn client(config: Config) -> Client {
    Client::new(config, 1).unwrap()
}

fn listener() -> Client {
    Client::new(Config::listener(Endpoint(1)), 2).unwrap()
}

/// Gives the client this connection.
fn drive(client: &Client, io: impl AsyncRead + AsyncWrite + Send + 'static) -> JoinHandle<End> {
    tokio::spawn(client.drive(io).run())
}

/// A client and its peer, ready, and their drivers.
async fn pair() -> (Client, Client, JoinHandle<End>, JoinHandle<End>) {
    let (client, peer) = (client(greeter()), listener());
    let (near, far) = duplex(4096);
    let drivers = (drive(&client, near), drive(&peer, far));
    client.ready().await.unwrap();
    peer.ready().await.unwrap();
    (client, peer, drivers.0, drivers.1)
}

/// Executes whatever the peer is asked for.
fn execute(peer: &Client) -> JoinHandle<()> {
    let peer = peer.clone();
    tokio::spawn(async move {
        while let Some(message) = peer.recv().await {
            if let Some(id) = message.id {
                peer.report(id, StatusCode::OK).unwrap();
            }
        }
    })
}

/// A frame that carries a number, to be waited for very long.
fn numbered(number: &[u8; 1]) -> Request<'_> {
    Request::frame(0x99, number).deadline(24 * HOUR)
}

fn power() -> Command {
    Command::Power { to: Destination::device(1).unwrap(), on: true }
}

/// Ends when the future does, and fails if that takes longer than an hour.
#[track_caller]
fn soon<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move { timeout(HOUR, future).await.unwrap_or_else(|_| panic!("it hangs at {place}")) }
}

/// A peer whose packets are written by hand.
struct Talk {
    stream: DuplexStream,
    framer: Box<Framer>,
    buffer: Vec<u8>,
}

impl Talk {
    fn new(stream: DuplexStream) -> Self {
        Self { stream, framer: Box::new(Framer::new(Resync::Close)), buffer: Vec::new() }
    }

    /// Answers the greeting.
    async fn greeted(stream: DuplexStream) -> Self {
        let mut talk = Self::new(stream);
        assert_eq!(talk.hear().await.unwrap().first(), Some(&0x23));
        talk.say(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 })).await;
        talk
    }

    async fn hear(&mut self) -> Option<Vec<u8>> {
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
    async fn hear_message(&mut self) -> (Receipt, Option<u8>) {
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

    async fn say(&mut self, packet: &Packet<'_>) {
        let mut bytes = [0; MAX_PACKET];
        let len = packet.encode(&mut bytes).unwrap();
        self.stream.write_all(&bytes[..len]).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn commands_are_executed_and_reported() {
    let (client, peer, ..) = pair().await;
    execute(&peer);
    for _ in 0..100 {
        let receipt = client.send(Request::from(power()).until(Stage::Executed)).await.unwrap();
        assert_eq!((receipt.stage, receipt.attempts), (Some(Stage::Executed), 1));
    }
    assert_eq!(peer.stats().duplicates, 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_stays_ready_for_a_day_without_being_busy() {
    let (client, peer, ..) = pair().await;
    sleep(24 * HOUR).await;
    assert_eq!((client.state(), peer.state()), (State::Ready, State::Ready));
    let heartbeats = client.stats().heartbeats;
    assert!((4000..4200).contains(&heartbeats), "{heartbeats}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_to_be_flushed_is_flushed() {
    let (client, peer) = (client(greeter()), listener());
    let (near, far) = duplex(64);
    drive(&client, BufStream::new(near));
    drive(&peer, BufStream::new(far));
    soon(client.ready()).await.unwrap();
    execute(&peer);
    let sent = Instant::now();
    client.send(Request::from(power()).until(Stage::Executed)).await.unwrap();
    assert_eq!(sent.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_client_ends_its_driver_and_tells_the_peer() {
    let (client, peer, near, far) = pair().await;
    let other = client.clone();
    drop(client);
    sleep(SECOND).await;
    assert!(!near.is_finished());
    drop(other);
    assert!(matches!(soon(near).await.unwrap(), End::Replaced));
    assert!(matches!(soon(far).await.unwrap(), End::Peer));
    assert_eq!(peer.state(), State::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn a_client_dropped_while_it_sends_leaves_nothing_behind() {
    let client = client(greeter());
    let (near, far) = duplex(4096);
    let driver = drive(&client, near);
    let mut talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let sending = tokio::spawn(async move { client.send(numbered(b"1")).await });
    talk.hear_message().await;
    sending.abort();
    assert!(matches!(soon(driver).await.unwrap(), End::Replaced));
    assert_eq!(soon(talk.hear()).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_dropped_ends_the_messages_that_wait() {
    let client = client(narrow(1, 100));
    let (near, far) = duplex(4096);
    let driver = drive(&client, near);
    let mut talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let (sent, queued) = (client.clone(), client.clone());
    let sent = tokio::spawn(async move { sent.send(numbered(b"1")).await });
    talk.hear_message().await;
    let queued = tokio::spawn(async move { queued.send(numbered(b"2")).await });
    let reader = client.clone();
    let reader = tokio::spawn(async move { reader.recv().await });
    sleep(SECOND).await;
    driver.abort();
    let sent = soon(sent).await.unwrap().unwrap_err();
    assert!(matches!(sent, SendError::Unknown { why: Unknown::Disconnected, .. }), "{sent:?}");
    let queued = soon(queued).await.unwrap().unwrap_err();
    assert!(matches!(queued, SendError::NotSent { why: NotSent::Disconnected, .. }), "{queued:?}");
    assert_eq!(soon(reader).await.unwrap(), None);
    let refused = soon(client.send(power())).await.unwrap_err();
    assert!(matches!(refused, SendError::Refused(_)), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_never_run_keeps_nobody_waiting() {
    let client = client(greeter());
    let driver = client.drive(duplex(64).0);
    let waiting = client.clone();
    let waiting = tokio::spawn(async move { waiting.ready().await });
    sleep(SECOND).await;
    drop(driver);
    assert!(matches!(soon(waiting).await.unwrap(), Err(ConnectError::Closed)));
}

/// Sends ten messages at once, which the peer acknowledges one by one, and returns the order in which they came.
async fn order_of_ten(config: Config) -> Vec<u8> {
    let client = client(config);
    let (near, far) = duplex(4096);
    drive(&client, near);
    let mut talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let mut sends = Vec::new();
    for number in 0..10 {
        let client = client.clone();
        sends.push(tokio::spawn(async move { client.send(numbered(&[number])).await }));
        tokio::task::yield_now().await;
    }
    let mut order = Vec::new();
    while order.len() < sends.len() {
        let (receipt, number) = soon(talk.hear_message()).await;
        if !order.contains(&number.unwrap()) {
            order.push(number.unwrap());
        }
        talk.say(&Packet::DataAck(receipt)).await;
    }
    for send in sends {
        soon(send).await.unwrap().unwrap();
    }
    order
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_room_are_served_in_turn() {
    let in_turn: Vec<_> = (0..10).collect();
    for (window, queue) in [(1, 1), (2, 3), (1, 0), (3, 0)] {
        let order = order_of_ten(narrow(window, queue)).await;
        assert_eq!(order, in_turn, "window {window}, queue {queue}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_messages_are_taken_than_window_and_queue_have_room_for() {
    let (client, peer) = (client(narrow(2, 3)), listener());
    let (near, far) = duplex(4096);
    drive(&client, near);
    drive(&peer, far);
    client.ready().await.unwrap();
    let taken = (0..100).take_while(|_| client.post(power()).is_ok()).count();
    assert_eq!(taken, 5);
    sleep(SECOND).await;
    assert!(client.post(power()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn giving_up_the_wait_for_room_lets_the_next_in() {
    let client = client(narrow(1, 1));
    let (near, far) = duplex(4096);
    drive(&client, near);
    let mut talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let sends: Vec<_> = (0..4)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.send(numbered(&[number])).await })
        })
        .collect();
    sleep(SECOND / 10).await;
    sends[2].abort();
    for expected in [0, 1, 3] {
        let receipt = loop {
            let (receipt, number) = soon(talk.hear_message()).await;
            if number == Some(expected) {
                break receipt;
            }
        };
        talk.say(&Packet::DataAck(receipt)).await;
    }
    let [_, _, cancelled, last] = sends.try_into().unwrap_or_else(|_| unreachable!());
    assert!(cancelled.await.unwrap_err().is_cancelled());
    soon(last).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_send_does_not_disturb_those_after_it() {
    let (client, peer, ..) = pair().await;
    for _ in 0..300 {
        let sending = pin!(client.send(power()));
        assert!(timeout(Duration::ZERO, sending).await.is_err());
        client.send(power()).await.unwrap();
        while timeout(Duration::ZERO, peer.recv()).await.is_ok() {}
    }
}

#[tokio::test(start_paused = true)]
async fn close_brings_what_is_under_way_to_its_end() {
    let client = client(greeter());
    let (near, far) = duplex(4096);
    let driver = drive(&client, near);
    let mut talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let sender = client.clone();
    let sent = tokio::spawn(async move { sender.send(numbered(b"1")).await });
    let (receipt, _) = talk.hear_message().await;
    let closer = client.clone();
    let closed = tokio::spawn(async move { closer.close().await });
    sleep(SECOND / 10).await;
    let refused = client.send(power()).await.unwrap_err();
    let draining = cync_core::SendError::NotConnected(State::Draining);
    assert_eq!(refused, SendError::Refused(draining));
    assert!(!closed.is_finished());
    talk.say(&Packet::DataAck(receipt)).await;
    soon(closed).await.unwrap();
    soon(sent).await.unwrap().unwrap();
    assert!(matches!(soon(driver).await.unwrap(), End::Hangup(HangupReason::Closed)));
    assert_eq!(client.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn close_waits_no_longer_than_the_messages_deadlines() {
    let client = client(greeter());
    let (near, far) = duplex(4096);
    drive(&client, near);
    let _silent = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let sender = client.clone();
    let sent =
        tokio::spawn(async move { sender.send(Request::from(power()).deadline(SECOND * 9)).await });
    tokio::task::yield_now().await;
    let started = Instant::now();
    soon(client.close()).await;
    assert!((SECOND * 9..SECOND * 10).contains(&started.elapsed()), "{:?}", started.elapsed());
    let ended = sent.await.unwrap().unwrap_err();
    assert!(matches!(ended, SendError::Unknown { why: Unknown::Timeout, .. }), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn close_does_not_wait_for_a_peer_that_talks_and_never_reads() {
    let client = client(greeter());
    let (near, far) = duplex(64);
    let driver = drive(&client, near);
    let talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let (unread, mut writer) = tokio::io::split(talk.stream);
    tokio::spawn(async move {
        while writer.write_all(&[0xd3, 0, 0, 0, 0]).await.is_ok() {
            sleep(SECOND / 10).await;
        }
    });
    sleep(SECOND * 30).await;
    assert_eq!(client.state(), State::Ready);
    let started = Instant::now();
    soon(client.close()).await;
    assert!(started.elapsed() < SECOND * 10, "{:?}", started.elapsed());
    soon(driver).await.unwrap();
    drop(unread);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_talks_and_never_reads_is_given_up_in_the_end() {
    let client = client(greeter());
    let (near, far) = duplex(64);
    let driver = drive(&client, near);
    let talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let (unread, mut writer) = tokio::io::split(talk.stream);
    tokio::spawn(async move {
        while writer.write_all(&[0xd3, 0, 0, 0, 0]).await.is_ok() {
            sleep(SECOND / 10).await;
        }
    });
    let End::Error(error) = soon(driver).await.unwrap() else { panic!("it ended otherwise") };
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    drop(unread);
}

#[tokio::test(start_paused = true)]
async fn a_connection_for_a_closed_session_ends_at_once() {
    let (client, _peer, ..) = pair().await;
    client.close().await;
    let (near, mut far) = duplex(64);
    let driver = drive(&client, near);
    let refused = soon(client.ready()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Hangup(HangupReason::Closed)), "{refused:?}");
    assert!(matches!(soon(driver).await.unwrap(), End::Hangup(HangupReason::Closed)));
    assert_eq!(soon(far.read_u8()).await.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    soon(client.close()).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_closed_while_it_drains_is_not_revived_by_a_new_connection() {
    let client = client(greeter());
    let (near, far) = duplex(4096);
    let older = drive(&client, near);
    let mut talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let sender = client.clone();
    let sent = tokio::spawn(async move { sender.send(numbered(b"1")).await });
    talk.hear_message().await;
    let closer = client.clone();
    let closed = tokio::spawn(async move { closer.close().await });
    tokio::task::yield_now().await;
    let newer = drive(&client, duplex(64).0);
    assert!(matches!(soon(older).await.unwrap(), End::Replaced));
    assert!(matches!(soon(newer).await.unwrap(), End::Hangup(HangupReason::Closed)));
    soon(closed).await.unwrap();
    soon(sent).await.unwrap().unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_newer_connection_ends_the_older_and_its_messages() {
    let client = client(greeter());
    let (near, far) = duplex(4096);
    let older = drive(&client, near);
    let mut talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let sender = client.clone();
    let sent = tokio::spawn(async move { sender.send(numbered(b"1")).await });
    talk.hear_message().await;
    let (near, far) = duplex(4096);
    let newer = drive(&client, near);
    assert!(matches!(soon(older).await.unwrap(), End::Replaced));
    assert_eq!(soon(talk.hear()).await, None);
    let ended = soon(sent).await.unwrap().unwrap_err();
    assert!(matches!(ended, SendError::Unknown { why: Unknown::Disconnected, .. }), "{ended:?}");
    let mut talk = Talk::greeted(far).await;
    soon(client.ready()).await.unwrap();
    let sender = client.clone();
    let sent = tokio::spawn(async move { sender.send(numbered(b"2")).await });
    let (receipt, _) = talk.hear_message().await;
    talk.say(&Packet::DataAck(receipt)).await;
    soon(sent).await.unwrap().unwrap();
    assert!(!newer.is_finished());
}

#[tokio::test(start_paused = true)]
async fn every_replaced_driver_ends() {
    let (client, peer, ..) = pair().await;
    for _ in 0..100 {
        let (near, far) = duplex(4096);
        let older = drive(&client, near);
        let replaced = client.drive(duplex(64).0);
        drive(&peer, far);
        let (near, far) = duplex(4096);
        drive(&client, near);
        drive(&peer, far);
        assert!(matches!(soon(older).await.unwrap(), End::Replaced));
        assert!(matches!(soon(replaced.run()).await, End::Replaced));
        soon(client.ready()).await.unwrap();
        soon(client.send(power())).await.unwrap();
        soon(peer.recv()).await.unwrap();
    }
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert!(tasks <= 4, "{tasks} tasks are left");
}

type Running = Pin<Box<dyn Future<Output = End> + Send>>;

/// A connection that gives the session to another one while it is being read from.
struct Usurped(Client, Arc<Mutex<Option<(Running, DuplexStream)>>>);

impl AsyncRead for Usurped {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let Self(client, newer) = &*self;
        newer.lock().unwrap().get_or_insert_with(|| {
            let (near, far) = duplex(64);
            let mut newer: Running = Box::pin(client.drive(near).run());
            let mut nobody = Context::from_waker(Waker::noop());
            assert!(newer.as_mut().poll(&mut nobody).is_pending());
            (newer, far)
        });
        Poll::Pending
    }
}

impl AsyncWrite for Usurped {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_busy_when_it_is_replaced_ends_all_the_same() {
    for _ in 0..30 {
        let (client, newer) = (client(greeter()), Arc::default());
        let started = Instant::now();
        let older = drive(&client, Usurped(client.clone(), Arc::clone(&newer)));
        assert!(matches!(soon(older).await.unwrap(), End::Replaced));
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_before_the_end_can_still_be_received() {
    let (client, peer, _, far) = pair().await;
    for _ in 0..3 {
        client.send(power()).await.unwrap();
    }
    drop(client);
    soon(far).await.unwrap();
    for _ in 0..3 {
        assert!(soon(peer.recv()).await.is_some());
    }
    assert_eq!(soon(peer.recv()).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_application_that_reads_late_holds_the_peer_back_and_misses_nothing() {
    let (client, peer, ..) = pair().await;
    let sends: Vec<_> = (0..255)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.send(numbered(&[number])).await })
        })
        .collect();
    sleep(SECOND * 10).await;
    for number in 0..255 {
        assert_eq!(soon(peer.recv()).await.unwrap().data, [number]);
    }
    for send in sends {
        soon(send).await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn several_readers_share_the_messages() {
    let (client, peer, ..) = pair().await;
    let readers = [(); 3].map(|()| {
        let peer = peer.clone();
        tokio::spawn(async move {
            let mut count = 0;
            while count < 50 && peer.recv().await.is_some() {
                count += 1;
                tokio::task::yield_now().await;
            }
            count
        })
    });
    for _ in 0..150 {
        client.send(power()).await.unwrap();
    }
    for reader in readers {
        assert_eq!(soon(reader).await.unwrap(), 50);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_reading_costs_messages_their_deadline_and_no_more() {
    let client = client(greeter());
    let (near, far) = duplex(64);
    let driver = drive(&client, near);
    let talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    let data = [7; 1000];
    let sends: Vec<_> = (0..60)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.send(Request::frame(0x99, &data)).await })
        })
        .collect();
    for send in sends {
        let ended = soon(send).await.unwrap().unwrap_err();
        assert!(matches!(
            ended.receipt().map(|receipt| receipt.stage < Some(Stage::Acked)),
            Some(true)
        ));
    }
    assert!(matches!(
        soon(driver).await.unwrap(),
        End::Hangup(HangupReason::Silent) | End::Error(_)
    ));
    drop(talk);
}

#[tokio::test(start_paused = true)]
async fn what_is_posted_and_not_waited_for_is_sent_all_the_same() {
    let (client, peer, ..) = pair().await;
    client.post(power()).unwrap();
    assert!(soon(peer.recv()).await.is_some());
}
