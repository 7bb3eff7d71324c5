//! Connections that go, and the next ones.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::wire::{StatusCode, op};
use cync_core::{Event, HangupReason, NotSent, Request, Stage, State, Unknown};
use cync_runtime::testing::{Pipe, pipe};
use cync_runtime::{ConnectError, End, Runtime as _, SendError};
use smol::io::{AsyncRead, AsyncWrite};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

pub(crate) async fn without_ride_through_a_cut_ends_what_is_under_way(world: World) {
    let acceptor = world.bind(HOME).await.unwrap();
    let mut config = greeter();
    (config.window, config.queue.limit) = (1, 1);
    let (client, kept) = kept(&world, config);
    let mut peer = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    let sent = send(&world, &client, 1);
    peer.hear_message().await;
    let queued = client.try_send(numbered(&[2])).unwrap();
    let waiting = send(&world, &client, 3);
    rest(&world).await;
    drop(peer);
    let ended = sent.ended().await.unwrap_err();
    assert!(matches!(ended, SendError::Unknown { why: Unknown::Disconnected, .. }), "{ended:?}");
    let ended = queued.await.unwrap_err();
    assert!(matches!(ended, SendError::NotSent { why: NotSent::Disconnected, .. }), "{ended:?}");
    let ended = waiting.ended().await.unwrap_err();
    assert!(matches!(ended, SendError::Refused(_)), "{ended:?}");
    let peer = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    drop(client);
    assert!(kept.ended().await.is_ok());
    ended_all(&world, peer).await;
}

/// Hears the connection's end, after which there is no task left.
async fn ended_all(world: &World, talk: Talk) {
    ended(world, talk).await;
    rest(world).await;
    assert_eq!(world.tasks(), 0);
}

/// A stream whose writes vanish while it is told so.
struct Muted(Pipe, Arc<AtomicBool>);

impl AsyncRead for Muted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Muted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.1.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_close(context)
    }
}

pub(crate) async fn what_rides_through_is_executed_once_even_if_its_answers_were_lost(
    world: World,
) {
    let acceptor = world.bind(HOME).await.unwrap();
    let mut config = greeter();
    config.ride_through = true;
    let (client, _kept) = kept(&world, config);
    let peer = listener(&world);
    for round in 1..=20 {
        let mute = Arc::new(AtomicBool::new(false));
        let stream = world.accept(&acceptor).await.unwrap().0;
        let cable = stream.cable();
        let _driver = spawn(&world, peer.drive(Muted(stream, Arc::clone(&mute))).run());
        client.ready().await.unwrap();
        rest(&world).await;
        mute.store(true, Ordering::SeqCst);
        let sent = client.try_send(Request::frame(op::POWER, &[0; 13]).until(Stage::Executed));
        let message = peer.recv().await.unwrap();
        peer.report(message.id.unwrap(), StatusCode::OK).unwrap();
        rest(&world).await;
        cable.reset();
        let again = world.accept(&acceptor).await.unwrap().0;
        let cable = again.cable();
        let _driver = drive(&world, &peer, again);
        let receipt = sent.unwrap().await.unwrap();
        assert_eq!((receipt.stage, receipt.attempts), (Some(Stage::Executed), 2));
        assert!(peer.try_recv().is_none(), "it is not delivered again");
        let stats = peer.stats();
        assert_eq!((stats.accepted, stats.duplicates), (round, round));
        cable.reset();
    }
}

pub(crate) async fn what_rides_through_keeps_its_order_and_its_deadline(world: World) {
    let acceptor = world.bind(HOME).await.unwrap();
    let mut config = greeter();
    (config.window, config.queue.limit, config.ride_through) = (2, 8, true);
    let (client, _kept) = kept(&world, config);
    let mut peer = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    let short = Request::frame(0x99, &[99]).deadline(SECOND * 7);
    let sents: Vec<_> =
        (0..8).map(|number| client.try_send(numbered(&[number])).unwrap()).collect();
    let short = client.try_send(short).unwrap();
    for number in 0..2 {
        assert_eq!(peer.hear_message().await.number, Some(number));
    }
    world.network().refuse(HOME);
    drop(peer);
    let ended = short.await.unwrap_err();
    assert!(matches!(ended, SendError::NotSent { why: NotSent::Deadline, .. }), "{ended:?}");
    assert_eq!(elapsed(&world), SECOND * 7, "nobody drives the session, and its time is kept");
    world.network().mend(HOME);
    let mut peer = accept(&world, &acceptor).await;
    for number in 0..8 {
        let heard = peer.hear_message().await;
        assert_eq!(heard.number, Some(number));
        peer.acknowledge(heard).await;
    }
    for sent in sents {
        sent.await.unwrap();
    }
}

pub(crate) async fn a_client_told_not_to_reconnect_does_not_until_it_is_told_to(world: World) {
    let acceptor = world.bind(HOME).await.unwrap();
    let (client, _kept) = kept(&world, greeter());
    let mut peers = vec![accept(&world, &acceptor).await];
    client.ready().await.unwrap();
    for _ in 0..3 {
        client.reconnect(false);
        assert_eq!(client.state(), State::Ready, "the connection that there is stays");
        client.disconnect();
        assert!(matches!(client.ready().await, Err(ConnectError::Closed { address: None })));
        assert_eq!(client.recv().await, None);
        world.sleep(HOUR).await;
        assert_eq!(world.network().links(HOME).len(), 0);
        client.reconnect(true);
        peers.push(accept(&world, &acceptor).await);
        client.ready().await.unwrap();
    }
}

pub(crate) async fn a_client_told_not_to_reconnect_drops_the_connection_that_is_being_opened(
    world: World,
) {
    let acceptor = world.bind(HOME).await.unwrap();
    let client = client(&world, greeter());
    let slow = world.clone();
    let dial = move || {
        let world = slow.clone();
        async move {
            world.sleep(SECOND).await;
            world.dial(HOME).await
        }
    };
    let _kept = spawn(&world, client.keep_connected(dial));
    let talk = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    drop(talk);
    client.reached(State::Connecting).await;
    client.reconnect(false);
    assert_eq!(client.recv().await, None);
    world.sleep(SECOND * 2).await;
    assert_eq!((client.state(), world.network().links(HOME).len()), (State::Disconnected, 0));
    client.reconnect(true);
    let _talk = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
}

pub(crate) async fn a_thousand_cuts_are_followed_by_a_thousand_connections(world: World) {
    let acceptor = world.bind(HOME).await.unwrap();
    let mut config = greeter();
    config.redial.cap = SECOND * 2;
    let (client, kept) = kept(&world, config);
    let (mut cut_at, mut longest) = (Duration::ZERO, Duration::ZERO);
    for round in 1..=1000 {
        let peer = accept(&world, &acceptor).await;
        longest = longest.max(elapsed(&world) - cut_at);
        client.ready().await.unwrap();
        assert_eq!((world.tasks(), world.network().links(HOME).len()), (1, 1));
        let stats = client.stats();
        assert_eq!((stats.dials, stats.connections), (round, round));
        assert_eq!(client.try_recv(), None);
        drop(peer);
        cut_at = elapsed(&world);
    }
    assert!((SECOND * 19 / 10..=SECOND * 2).contains(&longest), "{longest:?}");
    client.close().await;
    assert!(kept.ended().await.is_ok());
}

pub(crate) async fn a_connection_that_lasted_lets_waits_start_anew(world: World) {
    let acceptor = world.bind(HOME).await.unwrap();
    let (client, _kept) = kept(&world, greeter());
    for _ in 0..20 {
        drop(accept(&world, &acceptor).await);
    }
    let peer = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    let since = elapsed(&world);
    let _chatter = peer.chatter(&world);
    world.sleep(SECOND * 60).await;
    assert_eq!(client.stats().connections, 21);
    client.disconnect();
    let _peer = accept(&world, &acceptor).await;
    assert!(elapsed(&world) - since <= SECOND * 60 + Duration::from_millis(250));
}

pub(crate) async fn a_peer_that_vanished_is_noticed_after_exactly_the_silence(world: World) {
    let acceptor = world.bind(HOME).await.unwrap();
    let (client, _kept) = kept(&world, greeter());
    let peer = listener(&world);
    let stream = world.accept(&acceptor).await.unwrap().0;
    let cable = stream.cable();
    let driver = drive(&world, &peer, stream);
    client.ready().await.unwrap();
    let mut events = client.events();
    world.sleep(SECOND * 50).await;
    cable.half_open();
    // It answered what was sent after 42 seconds, and does not what is sent after 63 and 84.
    while events.next().await.unwrap() != Ok(Event::Hangup(HangupReason::Silent)) {}
    assert_eq!((elapsed(&world), client.stats().heartbeats), (SECOND * 102, 4));
    assert!(matches!(driver.ended().await, End::Hangup(HangupReason::Silent)));
    assert_eq!(elapsed(&world), SECOND * 102);
    let again = world.accept(&acceptor).await.unwrap().0;
    let _driver = drive(&world, &peer, again);
    client.ready().await.unwrap();
    assert_eq!((client.stats().connections, peer.stats().connections), (2, 2));
}

pub(crate) async fn a_packet_that_was_cut_off_does_not_reach_into_the_next_connection(
    world: World,
) {
    let acceptor = world.bind(HOME).await.unwrap();
    let (client, _kept) = kept(&world, greeter());
    for cut in 1..8 {
        let mut peer = accept(&world, &acceptor).await;
        client.ready().await.unwrap();
        peer.write(&[0x83, 0, 0, 0, 20, 1, 2, 3][..cut]).await;
        drop(peer);
    }
    let mut peer = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    let sent = send(&world, &client, 1);
    let heard = peer.hear_message().await;
    peer.acknowledge(heard).await;
    sent.ended().await.unwrap();
    let stats = client.stats();
    assert_eq!((stats.decode_errors.total(), stats.framing_errors), (0, 0));
    assert_eq!(client.try_recv(), None);
}

pub(crate) async fn a_packet_that_is_not_finished_costs_the_connection_after_exactly_its_time(
    world: World,
) {
    let (_client, driver, mut peer) = talking(&world, greeter(), 4096).await;
    world.sleep(SECOND * 3).await;
    peer.write(&[0x83, 0, 0, 0, 20, 1]).await;
    let ended = driver.ended().await;
    assert!(matches!(ended, End::Hangup(HangupReason::PacketTimeout)), "{ended:?}");
    assert_eq!(elapsed(&world), SECOND * 13);
}

pub(crate) async fn a_peer_that_talks_and_never_reads_is_given_up_after_exactly_the_write_timeout(
    world: World,
) {
    let (_client, driver, talk) = talking(&world, greeter(), 64).await;
    let chatter = talk.chatter(&world);
    let End::Error(error) = driver.ended().await else { panic!("it ended otherwise") };
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    // Of the thirteenth answer, after 1.2 s, there was room for four bytes.
    assert_eq!(elapsed(&world), Duration::from_millis(61_200));
    chatter.ended().await;
}

pub(crate) async fn a_peer_that_stops_reading_costs_messages_their_deadline_and_no_more(
    world: World,
) {
    let (client, driver, talk) = talking(&world, greeter(), 64).await;
    let data = [7; 1000];
    let request = Request::frame(0x99, &data).deadline(SECOND * 5);
    let sents: Vec<_> = (0..8).map(|_| client.try_send(request).unwrap()).collect();
    for sent in sents {
        let ended = sent.await.unwrap_err();
        assert!(ended.receipt().is_some_and(|receipt| receipt.stage < Some(Stage::Acked)));
        assert_eq!(elapsed(&world), SECOND * 5);
    }
    let ended = driver.ended().await;
    assert!(matches!(ended, End::Hangup(HangupReason::Silent) | End::Error(_)), "{ended:?}");
    assert!((SECOND * 60..=SECOND * 61).contains(&elapsed(&world)));
    drop(talk);
}

pub(crate) async fn a_deadline_is_kept_while_a_connection_is_being_closed(world: World) {
    let mut config = greeter();
    config.ride_through = true;
    let (client, driver, _talk) = talking(&world, config, 64).await;
    let (data, deadline) = ([7; 1000], Duration::from_millis(60_500));
    let sent = client.try_send(Request::frame(0x99, &data).deadline(deadline)).unwrap();
    let ended = sent.await.unwrap_err();
    assert!(matches!(ended, SendError::Unknown { why: Unknown::Timeout, .. }), "{ended:?}");
    assert_eq!(elapsed(&world), deadline);
    assert!(!driver.has_ended(), "the peer has a second to take the rest");
    let ended = driver.ended().await;
    assert!(matches!(ended, End::Hangup(HangupReason::Silent)), "{ended:?}");
    assert_eq!(elapsed(&world), SECOND * 61);
}

pub(crate) async fn a_second_duty_to_dial_goes_on_where_the_first_was_dropped(world: World) {
    let client = client(&world, greeter());
    world.network().swallow(HOME);
    for _ in 0..3 {
        let first = Killable::spawn(&world, keeping(&world, &client));
        rest(&world).await;
        assert_eq!(client.state(), State::Connecting);
        first.kill();
    }
    world.network().mend(HOME);
    let acceptor = world.bind(HOME).await.unwrap();
    let _kept = spawn(&world, keeping(&world, &client));
    let _peer = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
}

pub(crate) async fn a_newer_duty_to_dial_takes_the_place_of_the_older(world: World) {
    let client = client(&world, greeter());
    let acceptor = world.bind(HOME).await.unwrap();
    let older = Killable::spawn(&world, keeping(&world, &client));
    let peer = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    let newer = spawn(&world, keeping(&world, &client));
    rest(&world).await;
    assert_eq!(client.state(), State::Ready, "the connection that there is stays");
    older.kill();
    let _peer = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    drop(peer);
    // One that is not dropped ends when its connection does.
    let newest = spawn(&world, keeping(&world, &client));
    client.disconnect();
    assert!(newer.ended().await.is_ok());
    let _peer = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    assert!(!newest.has_ended());
}

pub(crate) async fn a_connection_that_is_replaced_in_its_greeting_is_no_failed_attempt(
    world: World,
) {
    let acceptor = world.bind(HOME).await.unwrap();
    let mut config = greeter();
    config.redial.first_attempts = 1;
    let (client, kept) = kept(&world, config);
    let _mute = world.accept(&acceptor).await.unwrap();
    rest(&world).await;
    assert_eq!(client.state(), State::Greeting);
    let (near, far) = pipe(4096);
    let _driver = drive(&world, &client, near);
    let peer = Talk::greeted(far).await;
    client.ready().await.unwrap();
    drop(peer);
    let _peer = accept(&world, &acceptor).await;
    client.ready().await.unwrap();
    assert!(!kept.has_ended());
}
