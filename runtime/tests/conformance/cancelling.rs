//! Messages that are taken back, and sends that are dropped wherever they wait.

use crate::stage::*;
use crate::talk::*;
use cync_core::{NotSent, Receipt, Stage, Unknown};
use cync_runtime::{SendError, Timer as _};
use smol::future::poll_once;
use std::future::Future;
use std::pin::Pin;

pub(crate) async fn what_is_cancelled_before_it_left_was_not_sent(world: World) {
    let (client, _driver, mut talk) = talking(&world, narrow(1, 4), 4096).await;
    let first = client.try_send(numbered(&[1])).unwrap();
    let heard = talk.hear_number(1).await;
    let second = client.try_send(numbered(&[2])).unwrap();
    let id = second.id();
    let second = spawn(&world, second);
    world.sleep(SECOND / 10).await;
    assert!(client.cancel(id) && !client.cancel(id));
    let ended = second.ended().await;
    let Err(SendError::NotSent { why: NotSent::Cancelled, receipt }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!((receipt.attempts, receipt.done_at), (0, world.now()));
    let third = client.try_send(numbered(&[3])).unwrap();
    talk.acknowledge(heard).await;
    assert_eq!(talk.hear_message().await.number, Some(3));
    assert_eq!(first.await.unwrap().attempts, 1);
    assert!(client.cancel(third.id()));
}

pub(crate) async fn what_is_cancelled_after_it_left_is_unknown_and_is_not_repeated(world: World) {
    let (client, _driver, mut talk) = talking(&world, greeter(), 4096).await;
    let sent = client.try_send(numbered(&[1])).unwrap();
    let id = sent.id();
    let sent = spawn(&world, sent);
    let heard = talk.hear_number(1).await;
    world.sleep(SECOND / 10).await;
    assert!(client.cancel(id));
    let ended = sent.ended().await;
    let Err(SendError::Unknown { why: Unknown::Cancelled, receipt }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!((receipt.attempts, receipt.stage), (1, Some(Stage::Sent)));
    assert_eq!(receipt.done_at, world.now());
    world.sleep(SECOND).await;
    assert!(poll_once(talk.hear()).await.is_none(), "no copy follows");
    talk.acknowledge(heard).await;
    rest(&world).await;
    assert_eq!(client.stats().unknown.cancelled, 1);
}

pub(crate) async fn cancelling_makes_room_for_whoever_waits(world: World) {
    let (client, _driver, mut talk) = talking(&world, narrow(1, 1), 4096).await;
    drop(client.try_send(numbered(&[1])).unwrap());
    let second = client.try_send(numbered(&[2])).unwrap();
    let heard = talk.hear_number(1).await;
    let third = send(&world, &client, 3);
    rest(&world).await;
    assert!(client.cancel(second.id()));
    talk.acknowledge(heard).await;
    let heard = talk.hear_message().await;
    assert_eq!(heard.number, Some(3));
    talk.acknowledge(heard).await;
    third.ended().await.unwrap();
}

/// Who is sent while two messages are under way already, and how it is dropped.
type Sending = Pin<Box<dyn Future<Output = Result<Receipt, SendError>> + Send>>;

/// Sends the numbers 1 to 4 where there is room for one under way and one that waits; polls the third so often at most, each time
/// something has happened, and drops it. Returns what the peer heard, and whether the third had ended.
async fn dropped_after(world: &World, polls: usize) -> (Vec<u8>, bool) {
    let (client, _driver, mut talk) = talking(world, narrow(1, 1), 4096).await;
    let begin = |number: u8| -> Sending {
        let client = client.clone();
        Box::pin(async move { client.send(numbered(&[number])).await })
    };
    let mut sends = [begin(1), begin(2)];
    for sending in &mut sends {
        assert!(poll_once(sending).await.is_none());
    }
    let mut third = begin(3);
    let mut ended = false;
    let mut polled = 0;
    let mut heard = Vec::new();
    let mut fourth = None;
    // Before each poll one thing more has happened: nothing, then room, then its turn, then its answer.
    while polled < polls && !ended {
        ended = poll_once(&mut third).await.is_some();
        polled += 1;
        fourth.get_or_insert_with(|| send(world, &client, 4));
        rest(world).await;
        if !ended {
            let next = talk.hear_message().await;
            heard.extend(next.number);
            talk.acknowledge(next).await;
            rest(world).await;
        }
    }
    drop(third);
    let fourth = fourth.unwrap_or_else(|| send(world, &client, 4));
    while heard.last() != Some(&4) {
        let next = talk.hear_message().await;
        heard.extend(next.number);
        talk.acknowledge(next).await;
    }
    assert_eq!(fourth.ended().await.unwrap().attempts, 1);
    for sending in sends {
        assert_eq!(sending.await.unwrap().attempts, 1);
    }
    assert_eq!(client.stats().unmatched_answers, 0);
    assert_eq!(
        client.send(numbered(&[5]).deadline(SECOND)).await.unwrap_err().receipt().unwrap().attempts,
        4
    );
    (heard, ended)
}

pub(crate) async fn a_send_dropped_while_it_waits_for_room_never_leaves_and_later_goes_on(
    world: World,
) {
    // Not polled; polled and waiting, with room that it was woken for; accepted; handed over; answered.
    assert_eq!(dropped_after(&world, 0).await, (vec![1, 2, 4], false));
    assert_eq!(dropped_after(&world, 1).await, (vec![1, 2, 4], false));
    assert_eq!(dropped_after(&world, 2).await, (vec![1, 2, 3, 4], false));
    assert_eq!(dropped_after(&world, 3).await, (vec![1, 2, 3, 4], false));
    assert_eq!(dropped_after(&world, 4).await, (vec![1, 2, 3, 4], true));
}

pub(crate) async fn of_those_who_wait_any_can_go_and_the_others_are_served_in_turn(world: World) {
    for gone in 0_u8..8 {
        let (client, _driver, mut talk) = talking(&world, narrow(1, 1), 4096).await;
        drop(client.try_send(numbered(&[1])).unwrap());
        drop(client.try_send(numbered(&[2])).unwrap());
        let mut waiting = Vec::new();
        for number in 3_u8..6 {
            let client = client.clone();
            let mut sending: Sending =
                Box::pin(async move { client.send(numbered(&[number])).await });
            assert!(poll_once(&mut sending).await.is_none());
            waiting.push((number, sending));
        }
        let heard = talk.hear_number(1).await;
        talk.acknowledge(heard).await;
        let second = talk.hear_number(2).await;
        rest(&world).await;
        // The first of them was woken, and all are polled by nobody.
        waiting.retain(|(number, _)| gone & 1 << (number - 3) == 0);
        let left: Vec<_> = waiting.iter().map(|(number, _)| *number).collect();
        let waiting: Vec<_> =
            waiting.into_iter().map(|(_, sending)| spawn(&world, sending)).collect();
        let last = send(&world, &client, 9);
        talk.acknowledge(second).await;
        for number in left.into_iter().chain([9]) {
            let heard = talk.hear_message().await;
            assert_eq!(heard.number, Some(number), "{gone:03b} are gone");
            talk.acknowledge(heard).await;
        }
        for sending in waiting {
            sending.ended().await.unwrap();
        }
        last.ended().await.unwrap();
    }
}

pub(crate) async fn a_message_whose_sender_is_gone_still_gives_its_room_back(world: World) {
    let (client, peer, _) = pair(&world, narrow(1, 1)).await;
    let _executed = execute(&world, &peer);
    for round in 0..300_u16 {
        let data = round.to_le_bytes();
        let request = cync_core::Request::frame(0x99, &data);
        let mut sending = Box::pin(client.send(request));
        // Several threads may have brought it to its end already.
        let _ = poll_once(&mut sending).await;
        drop(sending);
        assert_eq!(client.send(request).await.unwrap().attempts, 1);
    }
    assert_eq!(client.stats().reached, 600);
}
