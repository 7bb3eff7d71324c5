//! Clients and drivers over in-memory streams, in paused time: an hour passes at once, and whatever waits for nothing hangs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod closing;
mod dialling;
mod dropping;
mod receiving;
mod replacing;
mod sending;
mod talk;

use cync_core::wire::{
    ChecksumMode, Endpoint, Framer, LoginAck, MAX_PACKET, Packet, Receipt, Resync, StatusCode, op,
};
use cync_core::{AuthCode, Config, HangupReason, NotSent, Request, Stage, State, Unknown};
use cync_tokio::{Client, ConnectError, End, SendError};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use talk::Talk;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream, DuplexStream, ReadBuf, duplex,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn greeter() -> Config {
    let mut config = Config::greeter(Endpoint(1), AuthCode::new(b"0123456789abcdef").unwrap());
    (config.deadline, config.drain_timeout) = (24 * HOUR, SECOND * 20);
    config
}

fn narrow(window: u16, queue: u16) -> Config {
    let mut config = greeter();
    (config.window, config.queue.limit) = (window, queue);
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
    Request::frame(0x99, number)
}

/// A frame that no other supersedes, with the default deadline.
fn power() -> Request<'static> {
    Request::frame(op::POWER, &[0; 13]).deadline(SECOND * 5)
}

/// Ends when the future does, and fails if that takes longer than an hour.
#[track_caller]
fn soon<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move { timeout(HOUR, future).await.unwrap_or_else(|_| panic!("it hangs at {place}")) }
}

/// A client that is ready, its driver, and its peer, which the test plays; the stream between them holds `capacity` bytes.
async fn talking(config: Config, capacity: usize) -> (Client, JoinHandle<End>, Talk) {
    let client = client(config);
    let (near, far) = duplex(capacity);
    let driver = drive(&client, near);
    let talk = Talk::greeted(far).await;
    client.ready().await.unwrap();
    (client, driver, talk)
}

/// Sends a number, in a task of its own.
fn send(client: &Client, number: u8) -> JoinHandle<Result<cync_core::Receipt, SendError>> {
    let client = client.clone();
    tokio::spawn(async move { client.send(numbered(&[number])).await })
}
