//! Messages that come, and the applications that take them: late, several at once, or not at all.

use crate::stage::*;
use crate::talk::*;
use cync_core::wire::{Packet, StatusCode};
use cync_core::{
    Acknowledge, CivilTime, Config, Event, Queue, QueuePolicy, Request, RespondError, Stage,
};
use cync_runtime::testing::pipe;
use cync_runtime::{Builder, SendError, Timer as _};
use smol::future::poll_once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A client and a peer of this configuration, ready.
async fn with_peer(world: &World, config: Config) -> (Client, Client) {
    let (near, far) = pipe(4096);
    let (client, peer) = (client(world, greeter()), client(world, config));
    drive(world, &client, near);
    drive(world, &peer, far);
    client.ready().await.unwrap();
    peer.ready().await.unwrap();
    (client, peer)
}

fn listening(but: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::listener(ENDPOINT);
    but(&mut config);
    config
}

pub(crate) async fn a_repeated_message_is_delivered_once_and_answered_each_time(world: World) {
    let peer = listener(&world);
    let (near, far) = pipe(4096);
    let _driver = drive(&world, &peer, far);
    let (sender, bytes) = (client(&world, greeter()), pipe(4096));
    // What a sender says, to be said by hand.
    let _sender = drive(&world, &sender, bytes.0);
    let (mut from, mut to) = (Talk::new(bytes.1), Talk::new(near));
    to.write(&from.hear().await.unwrap()).await;
    from.write(&to.hear().await.unwrap()).await;
    sender.ready().await.unwrap();
    drop(sender.try_send(numbered(&[8])).unwrap());
    let message = from.hear().await.unwrap();
    for _ in 0..3 {
        to.write(&message).await;
    }
    let answers = [to.hear().await, to.hear().await, to.hear().await];
    assert!(answers[0].as_ref().is_some_and(|answer| answer[0] == 0x7b));
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let delivered = peer.try_recv().unwrap();
    assert_eq!((delivered.data.as_slice(), delivered.duplicates), ([8].as_slice(), 2));
    to.write(&message).await;
    assert_eq!(to.hear().await, answers[0]);
    assert_eq!((peer.try_recv(), peer.stats().duplicates), (None, 3));
}

pub(crate) async fn an_application_that_reads_late_holds_the_peer_back_and_misses_nothing(
    world: World,
) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let mut sends = Vec::new();
    for number in 0..200 {
        sends.push(send(&world, &client, number));
        rest(&world).await;
    }
    assert_eq!(sends.iter().filter(|send| send.has_ended()).count(), 50, "so many fit the inbox");
    let before = world.wakes();
    world.sleep(Duration::from_millis(200)).await;
    assert_eq!(world.wakes() - before, 1, "nobody is polled while input is refused");
    world.sleep(SECOND * 10).await;
    for number in 0..200 {
        assert_eq!(peer.recv().await.unwrap().data, [number]);
    }
    for send in sends {
        send.ended().await.unwrap();
    }
    assert_eq!(peer.stats().accepted, 200);
    assert!(poll_once(peer.recv()).await.is_none());
}

/// Sends announcements with these numbers.
async fn announce(world: &World, client: &Client, numbers: std::ops::Range<u8>) {
    for number in numbers {
        client.send(Request::announce(0x34, &[number])).await.unwrap();
        rest(world).await;
    }
}

pub(crate) async fn states_that_nobody_takes_make_room_for_newer_ones_which_is_told(world: World) {
    let config = listening(|config| config.inbox_states = Queue::new(5, QueuePolicy::DropOldest));
    let (client, peer) = with_peer(&world, config).await;
    let mut events = peer.events();
    announce(&world, &client, 0..12).await;
    let mut told = 0;
    while let Some(event) = poll_once(events.next()).await {
        if let Event::InboxOverrun { dropped } = event.unwrap().unwrap() {
            told += dropped;
        }
    }
    assert_eq!((told, peer.stats().states_dropped), (7, 7));
    for number in 7..12 {
        assert_eq!(peer.try_recv().unwrap().data, [number]);
    }
    assert_eq!(peer.try_recv(), None);
}

pub(crate) async fn a_full_inbox_that_rejects_says_so_until_there_is_room(world: World) {
    let config = listening(|config| config.inbox_messages = Queue::new(2, QueuePolicy::Reject));
    let (client, peer) = with_peer(&world, config).await;
    for number in [1, 2] {
        client.send(numbered(&[number])).await.unwrap();
    }
    let started = world.now();
    let third = send(&world, &client, 3);
    world.sleep(Duration::from_millis(600)).await;
    assert!(!third.has_ended());
    assert_eq!(peer.stats().refused_busy, 3);
    assert_eq!(peer.recv().await.unwrap().data, [1]);
    let receipt = third.ended().await.unwrap();
    assert_eq!((receipt.attempts, world.now().since(started)), (4, Duration::from_millis(750)));
    assert_eq!(peer.recv().await.unwrap().data, [2]);
    assert_eq!(peer.recv().await.unwrap().data, [3]);
}

pub(crate) async fn several_readers_share_the_messages_and_each_comes_once(world: World) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let readers = [(); 5].map(|()| {
        let peer = peer.clone();
        spawn(&world, async move {
            let mut numbers = Vec::new();
            while let Some(message) = peer.recv().await {
                numbers.push(message.data[0]);
                smol::future::yield_now().await;
            }
            numbers
        })
    });
    let sends: Vec<_> = (0..=255).map(|number| send(&world, &client, number)).collect();
    for sent in sends {
        sent.ended().await.unwrap();
    }
    drop(client);
    let mut all = Vec::new();
    for reader in readers {
        all.extend(reader.ended().await);
    }
    all.sort_unstable();
    assert!(all.into_iter().eq(0..=255), "none is missing, and none came twice");
}

pub(crate) async fn a_reader_that_goes_passes_on_what_it_was_woken_for(world: World) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let mut first = Box::pin(peer.recv());
    assert!(poll_once(&mut first).await.is_none());
    let reader = peer.clone();
    let second = spawn(&world, async move { reader.recv().await });
    rest(&world).await;
    client.send(numbered(&[1])).await.unwrap();
    rest(&world).await;
    assert!(!second.has_ended(), "the first was woken");
    drop(first);
    assert_eq!(second.ended().await.unwrap().data, [1]);
}

pub(crate) async fn the_end_of_the_connection_is_told_to_every_reader_even_if_the_first_goes(
    world: World,
) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let mut first = Box::pin(peer.recv());
    assert!(poll_once(&mut first).await.is_none());
    let readers = [(); 3].map(|()| {
        let peer = peer.clone();
        spawn(&world, async move { peer.recv().await })
    });
    rest(&world).await;
    drop(client);
    rest(&world).await;
    drop(first);
    for reader in readers {
        assert_eq!(reader.ended().await, None);
    }
}

pub(crate) async fn the_end_of_the_connection_is_told_to_those_behind_a_reader_that_is_not_polled(
    world: World,
) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let mut first = Box::pin(peer.recv());
    assert!(poll_once(&mut first).await.is_none());
    let reader = peer.clone();
    let second = spawn(&world, async move { reader.recv().await });
    rest(&world).await;
    drop(client);
    assert_eq!((second.ended().await, first.await), (None, None));
}

pub(crate) async fn what_came_before_the_end_can_still_be_received(world: World) {
    let (client, peer, [_, far]) = pair(&world, greeter()).await;
    for number in 0..3 {
        client.send(numbered(&[number])).await.unwrap();
    }
    drop(client);
    far.ended().await;
    for number in 0..3 {
        assert_eq!(peer.recv().await.unwrap().data, [number]);
    }
    assert_eq!((peer.recv().await, peer.try_recv()), (None, None));
}

pub(crate) async fn the_application_acknowledges_if_that_is_left_to_it(world: World) {
    let config = listening(|config| config.acknowledge = Acknowledge::Manually);
    let (client, peer) = with_peer(&world, config).await;
    let (first, second) = (send(&world, &client, 1), send(&world, &client, 2));
    world.sleep(SECOND / 10).await;
    assert!(!first.has_ended() && !second.has_ended());
    for _ in 0..2 {
        let message = peer.recv().await.unwrap();
        let status = if message.data == [1] { StatusCode::OK } else { StatusCode(4) };
        peer.respond(message.id.unwrap(), status).unwrap();
        assert_eq!(peer.respond(message.id.unwrap(), status), Err(RespondError::Answered));
    }
    assert_eq!(first.ended().await.unwrap().stage, Some(Stage::Acked));
    let ended = second.ended().await;
    let Err(SendError::Nacked { status: StatusCode(4), receipt }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(receipt.done_at.since(receipt.queued_at), SECOND / 10);
    let third = send(&world, &client, 3);
    let message = peer.recv().await.unwrap();
    peer.report(message.id.unwrap(), StatusCode::OK).unwrap();
    assert_eq!(third.ended().await.unwrap().attempts, 1, "a report acknowledges");
}

const CIVIL: CivilTime = CivilTime {
    year: 2024,
    month: 2,
    day: 29,
    weekday_sunday1: 5,
    hour: 23,
    minute: 59,
    second: 58,
    utc_offset_centihours: -600,
};

pub(crate) async fn a_peer_that_asks_for_the_time_is_told(world: World) {
    let asked = Packet::TimeRequest { tag: 12 };
    let telling = Builder::new(greeter(), world.clone()).local_time(|| CIVIL);
    let telling = telling.build().unwrap();
    let (near, far) = pipe(4096);
    let _driver = drive(&world, &telling, near);
    let mut talk = Talk::greeted(far).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        talk.say(&asked).await;
        answers.push(talk.hear().await.unwrap());
    }
    let (client, _driver, mut talk) = talking(&world, greeter(), 4096).await;
    let mut events = client.events();
    talk.say(&asked).await;
    while events.next().await.unwrap() != Ok(Event::ClockAsked) {}
    assert!(poll_once(talk.hear()).await.is_none());
    client.set_wall_clock(CIVIL);
    answers.push(talk.hear().await.unwrap());
    for answer in answers {
        let answer = Packet::decode(&answer, cync_core::wire::ChecksumMode::Strict).unwrap();
        let Packet::TimeResponse(told) = answer else { panic!("{answer:?}") };
        assert_eq!(told.local, CIVIL);
    }
    client.set_wall_clock(CIVIL);
    rest(&world).await;
    assert!(poll_once(talk.hear()).await.is_none(), "what was not asked is not told");
}

pub(crate) async fn whoever_tells_the_time_may_use_the_client(world: World) {
    let (asked, known) = (Arc::new(AtomicU32::new(0)), Arc::new(OnceLock::<Client>::new()));
    let (count, using) = (Arc::clone(&asked), Arc::clone(&known));
    let telling = Builder::new(greeter(), world.clone()).local_time(move || {
        assert_eq!(count.fetch_add(1, Ordering::Relaxed), 0, "it was asked already");
        assert_eq!(using.get().unwrap().try_recv(), None);
        CIVIL
    });
    let client = known.get_or_init(|| telling.build().unwrap());
    let (near, far) = pipe(4096);
    let _driver = drive(&world, client, near);
    let mut talk = Talk::greeted(far).await;
    talk.say(&Packet::TimeRequest { tag: 12 }).await;
    let answer = talk.hear().await.unwrap();
    let answer = Packet::decode(&answer, cync_core::wire::ChecksumMode::Strict).unwrap();
    assert!(matches!(answer, Packet::TimeResponse(told) if told.local == CIVIL), "{answer:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
