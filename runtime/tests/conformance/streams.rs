//! Byte streams that cut what goes through them, or keep it for themselves until they are flushed.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::wire::{LoginAck, Packet, StatusCode};
use cync_core::{Config, HangupReason, Stage};
use cync_runtime::testing::{Pipe, Sleep, pipe};
use cync_runtime::{Builder, End, SendError, Timer as _};
use futures_io::{AsyncRead, AsyncWrite};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// A hundred messages each way, executed, over a stream that was changed like this.
async fn a_hundred_both_ways(world: &World, change: impl FnOnce(&cync_runtime::testing::Cable)) {
    let (client, peer) = (client(world, greeter()), listener(world));
    let (near, far) = pipe(64);
    change(&near.cable());
    let _drivers = [drive(world, &client, near), drive(world, &peer, far)];
    client.ready().await.unwrap();
    peer.ready().await.unwrap();
    let executed = [execute(world, &peer), execute(world, &client)];
    let both = [client.clone(), peer.clone()].map(|from| {
        spawn(world, async move {
            for number in 0..100 {
                let data = [number; 90];
                let request = cync_core::Request::frame(0x99, &data);
                let receipt = from.send(request).until(Stage::Executed).await.unwrap();
                assert_eq!(receipt.attempts, 1);
            }
        })
    });
    for sent in both {
        sent.ended().await;
    }
    client.close().await;
    for executed in executed {
        assert_eq!(executed.ended().await, 100);
    }
    assert_eq!((client.stats().framing_errors, peer.stats().framing_errors), (0, 0));
}

pub(crate) async fn a_stream_that_takes_one_byte_at_a_time_carries_everything(world: World) {
    a_hundred_both_ways(&world, |cable| cable.write_at_most(1)).await;
}

pub(crate) async fn a_stream_that_brings_one_byte_at_a_time_carries_everything(world: World) {
    a_hundred_both_ways(&world, |cable| cable.read_at_most(1)).await;
}

pub(crate) async fn a_stream_that_holds_one_byte_carries_everything(world: World) {
    a_hundred_both_ways(&world, |cable| {
        cable.write_at_most(1);
        cable.read_at_most(1);
        cable.set_capacity(1);
    })
    .await;
}

pub(crate) async fn a_packet_may_come_in_two_pieces_cut_anywhere(world: World) {
    let (client, _driver, mut talk) = talking(&world, greeter(), 4096).await;
    let mut cut = 0;
    loop {
        let sent = send(&world, &client, 1);
        let receipt = talk.hear_message().await.receipt;
        let mut bytes = [0; 64];
        let len = Packet::DataAck(receipt).encode(&mut bytes).unwrap();
        let Some((first, rest_of_it)) = bytes[..len].split_at_checked(cut) else { break };
        talk.write(first).await;
        rest(&world).await;
        assert_eq!(sent.has_ended(), rest_of_it.is_empty(), "{cut} of {len} bytes");
        talk.write(rest_of_it).await;
        assert_eq!(sent.ended().await.unwrap().attempts, 1);
        cut += 1;
    }
    assert_eq!(cut, 13);
}

pub(crate) async fn a_greeting_may_come_byte_by_byte_with_what_follows(world: World) {
    let client = client(&world, greeter());
    let (near, far) = pipe(4096);
    let _driver = drive(&world, &client, near);
    let mut talk = Talk::new(far);
    talk.hear().await.unwrap();
    let mut bytes = [0; 64];
    let ack = LoginAck { status: StatusCode::OK, reserved: 0 };
    let len = Packet::HelloAck(ack).encode(&mut bytes).unwrap();
    let end = len + Packet::HeartbeatCloud.encode(&mut bytes[len..]).unwrap();
    for byte in &bytes[..end] {
        talk.write(&[*byte]).await;
        world.sleep(SECOND / 10).await;
    }
    client.ready().await.unwrap();
    assert_eq!((client.stats().packets_received, client.stats().heartbeats_answered), (2, 1));
}

/// A stream that keeps what is written until it has been flushed, which takes a while.
struct Slow {
    io: Pipe,
    world: World,
    /// How long a flush takes.
    takes: Duration,
    kept: Vec<u8>,
    flushing: Option<Sleep>,
}

impl Slow {
    fn new(io: Pipe, world: &World, takes: Duration) -> Self {
        Self { io, world: world.clone(), takes, kept: Vec::new(), flushing: None }
    }
}

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.kept.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, world, takes, kept, flushing } = &mut *self;
        if !kept.is_empty() {
            let flushed = flushing.get_or_insert_with(|| world.sleep(*takes));
            ready!(Pin::new(flushed).poll(context));
            let written = ready!(Pin::new(io).poll_write(context, kept))?;
            assert_eq!(written, kept.len(), "there is room");
            (*kept, *flushing) = (Vec::new(), None);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_close(context)
    }
}

pub(crate) async fn a_stream_that_has_to_be_flushed_is_flushed_also_at_its_end(world: World) {
    let (client, peer) = (client(&world, greeter()), listener(&world));
    let (near, far) = pipe(4096);
    let slow = Slow::new(near, &world, SECOND / 10);
    let driver = spawn(&world, client.drive(slow).run());
    let far = drive(&world, &peer, far);
    client.ready().await.unwrap();
    assert_eq!(world.now().as_micros(), 100_000, "the greeting is flushed");
    let receipt = client.send(numbered(&[1])).await.unwrap();
    assert_eq!(receipt.done_at.since(receipt.queued_at), SECOND / 10);
    let (started, message) = (world.now(), peer.recv().await.unwrap());
    // The last that is to be told: that something was acknowledged.
    let telling = peer.clone();
    let told = spawn(&world, async move {
        telling.report(message.id.unwrap(), StatusCode::OK).unwrap();
        telling.send(numbered(&[2])).await
    });
    client.recv().await.unwrap();
    client.close().await;
    let end = driver.ended().await;
    assert!(matches!(end, End::Hangup(HangupReason::Closed { left: 0 })), "{end:?}");
    assert_eq!(world.now().since(started), SECOND / 10, "it ends once it is flushed");
    assert_eq!(told.ended().await.unwrap().attempts, 1);
    let end = far.ended().await;
    assert!(matches!(end, End::Peer), "{end:?}");
}

pub(crate) async fn a_stream_that_is_never_flushed_is_given_up_like_one_that_takes_nothing(
    world: World,
) {
    let builder = Builder::new(greeter(), world.clone()).write_timeout(SECOND * 2);
    let client = builder.build().unwrap();
    let (near, _far) = pipe(4096);
    let End::Error(error) = client.drive(Slow::new(near, &world, HOUR)).run().await else {
        panic!("it ended otherwise")
    };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "it took nothing of what waits within 2s");
    assert_eq!(world.now().as_micros(), 2_000_000);
}

pub(crate) async fn a_stream_that_collects_and_is_never_flushed_is_given_up_though_it_takes_more(
    world: World,
) {
    world.limit(SECOND * 60);
    let builder = Builder::new(Config::listener(ENDPOINT), world.clone());
    let client = builder.write_timeout(Duration::from_millis(1950)).build().unwrap();
    let (near, far) = pipe(4096);
    let driver = spawn(&world, client.drive(Slow::new(near, &world, HOUR)).run());
    let mut talk = Talk::new(far);
    talk.write(&hello(ENDPOINT)).await;
    // Ten signs of life a second, each of which is answered.
    let _chatter = talk.chatter(&world);
    let End::Error(error) = driver.ended().await else { panic!("it ended otherwise") };
    assert_eq!((error.kind(), world.now().as_micros()), (io::ErrorKind::TimedOut, 1_950_000));
    assert_eq!(client.stats().packets_sent, 1 + 20, "taken all the same");
}

pub(crate) async fn what_came_before_a_write_failed_is_heard_and_nothing_is_handed_over_behind_it(
    world: World,
) {
    let (client, driver, mut talk) = talking(&world, narrow(2, 8), 16).await;
    let first = send(&world, &client, 1);
    let heard = talk.hear_message().await;
    let second = send(&world, &client, 2);
    rest(&world).await;
    let third = send(&world, &client, 3);
    rest(&world).await;
    // The second is half-way, and the peer goes: what it said last is there.
    talk.acknowledge(heard).await;
    drop(talk);
    assert_eq!(first.ended().await.unwrap().attempts, 1);
    let (second, third) = (second.ended().await, third.ended().await);
    assert!(matches!(second, Err(SendError::Unknown { .. })), "{second:?}");
    assert!(matches!(third, Err(SendError::NotSent { .. })), "{third:?}");
    let End::Error(error) = driver.ended().await else { panic!("it ended otherwise") };
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}
