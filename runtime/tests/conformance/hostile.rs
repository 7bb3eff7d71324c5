//! Peers that mean harm: what they cost is bounded, and they cost nobody else anything.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::wire::{
    Channel, Direction, Endpoint, Frame, MsgId, Packet, Prefix, Receipt, StatusCode,
};
use cync_core::{Config, HangupReason, State};
use cync_runtime::testing::{Pipe, pipe};
use cync_runtime::{End, Hub, Listener, Runtime as _};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _, split};
use std::time::Duration;

/// What a connection between two holds in each direction.
const CAPACITY: usize = 4096;
/// What a driver reads at a time, at most.
const READ: u64 = 16 * 1024;

fn request(number: u16) -> Vec<u8> {
    let prefix = Prefix { endpoint: ENDPOINT, msg_id: MsgId(number), flag: 0 };
    let [high, low] = number.to_be_bytes();
    let data = [high, low];
    let frame = Frame::new(u32::from(number), Direction::REQUEST, 0x99, &data);
    encoded(&Packet::DataChannel(Channel { prefix, frame }))
}

/// A peer that greeted, reads nothing, and the stream to write to.
async fn deaf(world: &World, config: Config) -> (Client, Handle<End>, Pipe) {
    let client = client(world, config);
    let (near, mut far) = pipe(CAPACITY);
    let driver = drive(world, &client, near);
    let mut greeting = [0; 31];
    far.read_exact(&mut greeting).await.unwrap();
    far.write_all(&[0x28, 0, 0, 0, 2, 0, 0]).await.unwrap();
    client.ready().await.unwrap();
    (client, driver, far)
}

/// Writes until it is done or the connection has ended, in a task of its own, and reads in another. Returns whether it could.
fn flood(world: &World, to: Pipe, bytes: Vec<u8>) -> Handle<bool> {
    let (mut from, mut to) = split(to);
    let reading =
        spawn(
            world,
            async move { while from.read(&mut [0; 1024]).await.is_ok_and(|len| len > 0) {} },
        );
    spawn(world, async move {
        let done = to.write_all(&bytes).await.is_ok();
        // The connection stays for as long as the other end lets it.
        reading.ended().await;
        done
    })
}

pub(crate) async fn a_peer_that_answers_what_it_was_not_asked_is_hung_up_on(world: World) {
    let (client, driver, far) = deaf(&world, greeter()).await;
    let answers = (0..10_000).flat_map(|number| {
        let (msg_id, status) = (MsgId(number), StatusCode::OK);
        encoded(&Packet::DataAck(Receipt { endpoint: ENDPOINT, msg_id, status }))
    });
    let flood = flood(&world, far, answers.collect());
    let ended = driver.ended().await;
    assert!(matches!(ended, End::Hangup(HangupReason::UnmatchedAnswers)), "{ended:?}");
    assert!(!flood.ended().await, "it was not heard out");
    assert_eq!(client.stats().unmatched_answers, 257);
    assert_eq!(elapsed(&world), Duration::ZERO);
}

pub(crate) async fn a_peer_that_sends_faster_than_is_read_is_held_back_and_loses_nothing(
    world: World,
) {
    let (client, driver, far) = deaf(&world, greeter()).await;
    let cable = far.cable();
    let before = (cable.back().bytes, world.wakes());
    let bytes: Vec<_> = (0..2000).flat_map(request).collect();
    let (len, total) = (request(0).len() as u64, bytes.len() as u64);
    let _flood = flood(&world, far, bytes);
    rest(&world).await;
    let taken = cable.back().bytes - before.0;
    assert_eq!(client.stats().accepted, 50);
    assert!(taken <= 50 * len + READ + CAPACITY as u64, "{taken} of {total}");
    assert!(world.wakes() - before.1 < 200, "{} polls", world.wakes() - before.1);
    // An hour later it is there still: that it waits is not its fault.
    world.sleep(HOUR).await;
    assert_eq!((client.state(), client.stats().accepted), (State::Ready, 50));
    for number in 0..2000_u16 {
        assert_eq!(client.recv().await.unwrap().data, number.to_be_bytes());
    }
    assert!(!driver.has_ended());
}

pub(crate) async fn endless_signs_of_life_cost_few_polls(world: World) {
    let (client, driver, far) = deaf(&world, greeter()).await;
    let before = world.wakes();
    let bytes = HEARTBEAT.repeat(40_000);
    let total = bytes.len() as u64;
    let flood = flood(&world, far, bytes);
    rest(&world).await;
    let polls = world.wakes() - before;
    assert!(polls <= 8 * (total / CAPACITY as u64), "{polls} polls for {total} bytes");
    assert!(!driver.has_ended() && !flood.has_ended());
    assert_eq!(client.stats().packets_received, 1 + 40_000);
}

pub(crate) async fn bytes_that_come_one_by_one_cost_at_most_a_poll_each(world: World) {
    let (client, _driver, far) = deaf(&world, greeter()).await;
    far.cable().read_at_most(1);
    let (before, received) = (world.wakes(), client.stats().packets_received);
    let bytes: Vec<_> = (0..50).flat_map(request).collect();
    let total = bytes.len() as u64;
    let _flood = flood(&world, far, bytes);
    rest(&world).await;
    let polls = world.wakes() - before;
    assert_eq!(client.stats().packets_received - received, 50);
    assert!(polls <= total, "{polls} polls for {total} bytes");
}

pub(crate) async fn whatever_is_not_this_protocol_is_hung_up_on_by_its_first_header(world: World) {
    let cases: [(&[u8], u8, u32); 4] = [
        (b"HTTP/1.1 200 OK\r\n", b'H', u32::from_be_bytes(*b"TTP/")),
        (&[0x16, 3, 1, 2, 0, 1, 0], 0x16, 0x0301_0200),
        (&[0x73, 0xff, 0xff, 0xff, 0xff], 0x73, u32::MAX),
        (&[0x83, 0, 0, 0x10, 1], 0x83, 4097),
    ];
    for (bytes, kind, declared) in cases {
        let (client, driver, mut talk) = talking(&world, greeter(), CAPACITY).await;
        talk.write(bytes).await;
        let ended = driver.ended().await;
        assert!(
            matches!(ended, End::Hangup(HangupReason::NotThisProtocol(first, len)) if (first, len) == (kind, declared)),
            "{ended:?}"
        );
        assert_eq!(client.stats().framing_errors, 1);
        assert_eq!(talk.hear().await, None);
    }
    assert_eq!(elapsed(&world), Duration::ZERO);
}

pub(crate) async fn a_hostile_connection_harms_no_other(world: World) {
    let hub = Hub::builder(world.clone(), |hello| Ok(Config::listener(hello.endpoint))).build();
    let listener = Listener::with_hub(world.clone(), HOME, hub).await.unwrap();
    let device = dialled(&world, greeter()).await;
    let served = listener.accept().await.client;
    let _executed = execute(&world, &served);
    let kinds = [
        HEARTBEAT.repeat(30_000),
        (0..3000).flat_map(request).collect(),
        b"GET / HTTP/1.1\r\n".repeat(1000),
        vec![0x23; 100_000],
        vec![0; 100_000],
    ];
    let mut floods = Vec::new();
    for number in 0..50_u32 {
        for (kind, bytes) in (0..).zip(&kinds) {
            let stream = world.at([10, 0, 3, kind]).dial(HOME).await.unwrap();
            let endpoint = Endpoint(100 + number * 10 + u32::from(kind));
            let greeting = if kind < 2 { hello(endpoint) } else { Vec::new() };
            floods.push(flood(&world, stream, [greeting, bytes.clone()].concat()));
        }
        let receipt = device.send(numbered(b"1")).await.unwrap();
        assert_eq!((receipt.attempts, receipt.done_at), (1, receipt.queued_at));
    }
    rest(&world).await;
    assert_eq!(served.stats().accepted, 50);
    assert_eq!(device.stats().disconnections.peer, 0);
    assert!(listener.hub().connections() <= 1 + 100);
}

pub(crate) async fn a_thousand_endpoints_fill_the_hub_and_no_more(world: World) {
    let hub = Hub::builder(world.clone(), |hello| Ok(Config::listener(hello.endpoint)));
    let hub = hub.build();
    let listener = Listener::with_hub(world.clone(), HOME, hub.clone()).await.unwrap();
    let taking = spawn(&world, async move {
        let mut taken = 0;
        while taken < 256 {
            drop(listener.accept().await);
            taken += 1;
        }
        listener
    });
    for number in 0..1000 {
        let mut talk = Talk::new(world.dial(HOME).await.unwrap());
        talk.write(&hello(Endpoint(number))).await;
        let answered = talk.hear().await.is_some();
        assert_eq!(answered, number < 256, "{number}");
        drop(talk);
        rest(&world).await;
    }
    assert_eq!((hub.clients().len(), hub.connections(), hub.rejected()), (256, 0, 744));
    let listener = taking.ended().await;
    world.sleep(SECOND * 300).await;
    let mut talk = Talk::new(world.dial(HOME).await.unwrap());
    talk.write(&hello(Endpoint(5000))).await;
    assert!(talk.hear().await.is_some() && listener.accept().await.is_new);
    assert_eq!(hub.clients().len(), 256);
}
