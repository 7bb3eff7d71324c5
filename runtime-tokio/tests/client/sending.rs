//! Sending: commands, room, turns.

use crate::*;

#[tokio::test(start_paused = true)]
async fn commands_are_executed_and_reported() {
    let (client, peer, ..) = pair().await;
    execute(&peer);
    for _ in 0..100 {
        let receipt = client.send(power().until(Stage::Executed)).await.unwrap();
        assert_eq!((receipt.stage, receipt.attempts), (Some(Stage::Executed), 1));
    }
    assert_eq!(peer.stats().duplicates, 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_stays_ready_for_a_day_without_being_busy() {
    let (client, peer, ..) = pair().await;
    sleep(24 * HOUR).await;
    assert_eq!((client.state(), peer.state()), (State::Ready, State::Ready));
    assert_eq!(client.stats().heartbeats, 24 * 3600 / 21);
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
    client.send(power().until(Stage::Executed)).await.unwrap();
    assert_eq!(sent.elapsed(), Duration::ZERO);
}

/// Sends ten messages at once, which the peer acknowledges one by one, and returns the order in which they came.
async fn order_of_ten(config: Config) -> Vec<u8> {
    let (client, _, mut talk) = talking(config, 4096).await;
    let mut sends = Vec::new();
    for number in 0..10 {
        sends.push(send(&client, number));
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
    let (client, _, mut talk) = talking(narrow(1, 1), 4096).await;
    let sends: Vec<_> = (0..4).map(|number| send(&client, number)).collect();
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
async fn a_peer_that_stops_reading_costs_messages_their_deadline_and_no_more() {
    let (client, driver, talk) = talking(greeter(), 64).await;
    let data = [7; 1000];
    let sends: Vec<_> = (0..60)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                client.send(Request::frame(0x99, &data).deadline(SECOND * 5)).await
            })
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
