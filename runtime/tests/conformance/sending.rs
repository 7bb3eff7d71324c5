//! Messages that are sent, and how they end.

use crate::stage::*;
use crate::talk::*;
use cync_core::wire::{Packet, StatusCode, op};
use cync_core::{NotSent, Receipt, Request, Stage, Unknown};
use cync_runtime::SendError;
use cync_runtime::Timer as _;
use cync_runtime::testing::pipe;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub(crate) async fn a_message_is_executed_and_reported(world: World) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let _executed = execute(&world, &peer);
    let power = Request::frame(op::POWER, &[0; 13]);
    let receipt = client.send(power).until(Stage::Executed).await.unwrap();
    assert_eq!((receipt.stage, receipt.attempts), (Some(Stage::Executed), 1));
    assert_eq!(receipt.done_at, receipt.queued_at, "no time passes in memory");
}

pub(crate) async fn an_acknowledgement_of_a_played_peer_completes_a_send(world: World) {
    let (client, _driver, mut talk) = talking(&world, greeter(), 4096).await;
    let sent = send(&world, &client, 7);
    let heard = talk.hear_message().await;
    assert_eq!(heard.number, Some(7));
    world.sleep(SECOND / 10).await;
    assert!(!sent.has_ended());
    talk.acknowledge(heard).await;
    let receipt = sent.ended().await.unwrap();
    assert_eq!((receipt.stage, receipt.attempts), (Some(Stage::Acked), 1));
    assert_eq!(receipt.done_at.since(receipt.queued_at), SECOND / 10);
}

pub(crate) async fn acknowledged_is_not_executed(world: World) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let number = [1];
    let acked = client.send(numbered(&number)).await.unwrap();
    assert_eq!(acked.stage, Some(Stage::Acked));
    let waiting = client.clone();
    let executed =
        spawn(&world, async move { waiting.send(numbered(&[2])).until(Stage::Executed).await });
    world.sleep(SECOND / 10).await;
    assert!(!executed.has_ended(), "the peer acknowledged it, and has not executed it");
    assert!(peer.recv().await.unwrap().data == [1]);
    let second = peer.recv().await.unwrap();
    peer.report(second.id.unwrap(), StatusCode::OK).unwrap();
    let receipt = executed.ended().await.unwrap();
    assert_eq!((receipt.stage, receipt.attempts), (Some(Stage::Executed), 1));
    assert_eq!(receipt.done_at.since(receipt.queued_at), SECOND / 10);
}

pub(crate) async fn a_window_of_messages_is_under_way_and_the_next_follows_each_answer(
    world: World,
) {
    let (client, _driver, mut talk) = talking(&world, greeter(), 4096).await;
    let data: Vec<_> = (0..40).map(|number| [number]).collect();
    let sent: Vec<_> =
        data.iter().map(|number| client.try_send(numbered(number)).unwrap()).collect();
    let mut heard = Vec::new();
    for number in 0..16 {
        heard.push(talk.hear_message().await);
        assert_eq!(heard.last().unwrap().number, Some(number));
    }
    assert!(smol::future::poll_once(talk.hear()).await.is_none(), "the window is full");
    for number in 16..40 {
        talk.acknowledge(heard.remove(0)).await;
        heard.push(talk.hear_message().await);
        assert_eq!(heard.last().unwrap().number, Some(number));
    }
    for heard in heard {
        talk.acknowledge(heard).await;
    }
    for sent in sent {
        assert_eq!(sent.await.unwrap().attempts, 1);
    }
}

/// A message with a number of two bytes.
async fn sent(client: Client, number: u16) -> Result<Receipt, SendError> {
    client.send(Request::frame(0x99, &number.to_le_bytes())).until(Stage::Executed).await
}

/// Executes what comes until there is no connection. Returns the numbers, in the order in which they came.
fn collect(world: &World, peer: &Client) -> Handle<Vec<u16>> {
    let peer = peer.clone();
    spawn(world, async move {
        let mut numbers = Vec::new();
        while let Some(message) = peer.recv().await {
            numbers.push(u16::from_le_bytes(message.data.as_slice().try_into().unwrap()));
            peer.report(message.id.unwrap(), StatusCode::OK).unwrap();
        }
        numbers
    })
}

pub(crate) async fn a_thousand_concurrent_sends_all_succeed_and_each_is_executed_once(
    world: World,
) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let executed = collect(&world, &peer);
    let sends: Vec<_> =
        (0..1000).map(|number| spawn(&world, sent(client.clone(), number))).collect();
    for send in sends {
        assert_eq!(send.ended().await.unwrap().attempts, 1);
    }
    assert_eq!(client.stats().reached, 1000);
    drop(client);
    let mut executed = executed.ended().await;
    executed.sort_unstable();
    assert!(executed.iter().copied().eq(0..1000));
}

pub(crate) async fn a_thousand_who_wait_for_room_are_served_in_the_order_in_which_they_came(
    world: World,
) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let mut sends = Vec::new();
    for number in 0..1000 {
        let mut sending: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(sent(client.clone(), number));
        assert!(smol::future::poll_once(&mut sending).await.is_none());
        sends.push(spawn(&world, sending));
    }
    let executed = collect(&world, &peer);
    for send in sends {
        send.ended().await.unwrap();
    }
    drop(client);
    assert!(executed.ended().await.into_iter().eq(0..1000));
}

pub(crate) async fn a_refusal_ends_a_send_with_its_status(world: World) {
    let (client, _driver, mut talk) = talking(&world, greeter(), 4096).await;
    let sent = send(&world, &client, 1);
    let mut heard = talk.hear_message().await;
    heard.receipt.status = StatusCode(9);
    talk.acknowledge(heard).await;
    let Err(SendError::Nacked { status, receipt }) = sent.ended().await else { panic!("sent") };
    assert_eq!((status, receipt.status, receipt.attempts), (StatusCode(9), Some(status), 1));
    assert_eq!(client.stats().nacked, 1);
}

pub(crate) async fn a_reported_failure_ends_a_send_that_waits_for_the_execution(world: World) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let sending = client.clone();
    let sent =
        spawn(&world, async move { sending.send(numbered(&[1])).until(Stage::Executed).await });
    let message = peer.recv().await.unwrap();
    peer.report(message.id.unwrap(), StatusCode(3)).unwrap();
    let Err(SendError::Nacked { status, receipt }) = sent.ended().await else { panic!("sent") };
    assert_eq!((status, receipt.stage), (StatusCode(3), Some(Stage::Acked)));
}

pub(crate) async fn what_nobody_answers_ends_as_unknown_exactly_at_its_deadline(world: World) {
    let (client, _driver, talk) = talking(&world, greeter(), 4096).await;
    let number = [1];
    let started = world.now();
    let ended = client.send(numbered(&number)).deadline(SECOND * 7).await;
    let Err(SendError::Unknown { why: Unknown::Timeout, receipt }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(world.now().since(started), SECOND * 7);
    assert_eq!(receipt.done_at, world.now());
    // One each quarter of a second, which is the shortest timer; none at the deadline.
    assert_eq!(receipt.attempts, 28);
    drop(talk);
}

pub(crate) async fn what_never_left_the_queue_ends_as_not_sent_exactly_at_its_deadline(
    world: World,
) {
    let (client, _driver, mut talk) = talking(&world, narrow(1, 10), 4096).await;
    let first = send(&world, &client, 1);
    talk.hear_message().await;
    let number = [2];
    let started = world.now();
    let ended = client.send(numbered(&number)).deadline(SECOND * 3).await;
    let Err(SendError::NotSent { why: NotSent::Deadline, receipt }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(world.now().since(started), SECOND * 3);
    assert_eq!((receipt.attempts, receipt.sent_at, receipt.stage), (0, None, None));
    assert!(!first.has_ended());
}

pub(crate) async fn a_copy_after_a_lost_answer_is_answered_and_not_executed_again(world: World) {
    let (client, peer) = (client(&world, greeter()), listener(&world));
    let ((near, relay_near), (relay_far, far)) = (pipe(4096), pipe(4096));
    drive(&world, &client, near);
    drive(&world, &peer, far);
    let (mut relay_near, mut relay_far) = (Talk::new(relay_near), Talk::new(relay_far));
    relay_far.write(&relay_near.hear().await.unwrap()).await;
    relay_near.write(&relay_far.hear().await.unwrap()).await;
    client.ready().await.unwrap();
    let started = world.now();
    let sent = send(&world, &client, 5);
    let first = relay_near.hear().await.unwrap();
    relay_far.write(&first).await;
    assert_eq!(relay_far.hear().await.unwrap().first(), Some(&0x7b), "which is lost");
    let again = relay_near.hear().await.unwrap();
    assert_eq!(again, first);
    assert_eq!(world.now().since(started), Duration::from_millis(250));
    relay_far.write(&again).await;
    relay_near.write(&relay_far.hear().await.unwrap()).await;
    let receipt = sent.ended().await.unwrap();
    assert_eq!((receipt.stage, receipt.attempts), (Some(Stage::Acked), 2));
    let message = peer.try_recv().unwrap();
    assert_eq!((message.data.as_slice(), message.duplicates), ([5].as_slice(), 1));
    assert_eq!(peer.try_recv(), None);
}

pub(crate) async fn a_busy_peer_is_asked_again_until_it_takes_the_message(world: World) {
    let (client, _driver, mut talk) = talking(&world, greeter(), 4096).await;
    let sent = send(&world, &client, 1);
    for _ in 0..3 {
        let mut heard = talk.hear_message().await;
        heard.receipt.status = StatusCode(0xb5);
        talk.acknowledge(heard).await;
    }
    let heard = talk.hear_message().await;
    talk.acknowledge(heard).await;
    let receipt = sent.ended().await.unwrap();
    assert_eq!(receipt.attempts, 4);
    assert_eq!(receipt.done_at.since(receipt.queued_at), Duration::from_millis(750));
    assert_eq!(client.stats().retransmissions.refused, 3);
}

pub(crate) async fn what_is_given_to_the_session_and_not_awaited_is_sent_all_the_same(
    world: World,
) {
    let (client, peer, _) = pair(&world, greeter()).await;
    drop(client.try_send(numbered(&[1])).unwrap());
    drop(client.send(numbered(&[2])));
    drop(client.try_send(Request::probe()).unwrap());
    drop(client.try_send(numbered(&[3])).unwrap());
    let numbers = [peer.recv().await.unwrap().data, peer.recv().await.unwrap().data];
    assert_eq!(numbers, [[1], [3]], "nothing is sent before it is polled");
    rest(&world).await;
    assert_eq!((client.stats().messages_sent, client.stats().reached), (3, 3));
}

pub(crate) async fn a_ping_is_answered(world: World) {
    let (client, _driver, mut talk) = talking(&world, greeter(), 4096).await;
    client.ping().unwrap();
    assert_eq!(talk.hear().await.unwrap(), [0xd3, 0, 0, 0, 0]);
    talk.say(&Packet::HeartbeatCloud).await;
    rest(&world).await;
    let stats = client.stats();
    assert_eq!((stats.heartbeats, stats.heartbeats_answered), (1, 1));
    drop(talk);
    client.reached(cync_core::State::Disconnected).await;
    let refused = cync_core::SendError::NotConnected(cync_core::State::Disconnected);
    assert_eq!(client.ping(), Err(SendError::Refused(refused)));
}
