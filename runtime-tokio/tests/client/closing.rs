//! Closing in order.

use crate::*;

#[tokio::test(start_paused = true)]
async fn close_brings_what_is_under_way_to_its_end() {
    let (client, driver, mut talk) = talking(greeter(), 4096).await;
    let sent = send(&client, 1);
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
    assert!(matches!(soon(driver).await.unwrap(), End::Hangup(HangupReason::Closed { left: 0 })));
    assert_eq!(client.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn close_waits_no_longer_than_the_messages_deadlines() {
    let (client, _, _silent) = talking(greeter(), 4096).await;
    let sender = client.clone();
    let sent = tokio::spawn(async move { sender.send(power().deadline(SECOND * 9)).await });
    tokio::task::yield_now().await;
    let started = Instant::now();
    soon(client.close()).await;
    assert_eq!(started.elapsed(), SECOND * 9);
    let ended = sent.await.unwrap().unwrap_err();
    assert!(matches!(ended, SendError::Unknown { why: Unknown::Timeout, .. }), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn close_does_not_wait_for_a_peer_that_talks_and_never_reads() {
    let (client, driver, talk) = talking(greeter(), 64).await;
    let unread = talk.chatter();
    sleep(SECOND * 30).await;
    assert_eq!(client.state(), State::Ready);
    let started = Instant::now();
    soon(client.close()).await;
    assert_eq!(started.elapsed(), SECOND, "to flush what was handed over");
    soon(driver).await.unwrap();
    drop(unread);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_talks_and_never_reads_is_given_up_in_the_end() {
    let (_client, driver, talk) = talking(greeter(), 64).await;
    let unread = talk.chatter();
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
    assert!(
        matches!(refused, ConnectError::Hangup(HangupReason::Closed { left: 0 })),
        "{refused:?}"
    );
    assert!(matches!(soon(driver).await.unwrap(), End::Hangup(HangupReason::Closed { left: 0 })));
    assert_eq!(soon(far.read_u8()).await.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    soon(client.close()).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_closed_while_it_drains_is_not_revived_by_a_new_connection() {
    let (client, older, mut talk) = talking(greeter(), 4096).await;
    let sent = send(&client, 1);
    talk.hear_message().await;
    let closer = client.clone();
    let closed = tokio::spawn(async move { closer.close().await });
    tokio::task::yield_now().await;
    let newer = drive(&client, duplex(64).0);
    assert!(matches!(soon(older).await.unwrap(), End::Replaced));
    assert!(matches!(soon(newer).await.unwrap(), End::Hangup(HangupReason::Closed { left: 0 })));
    soon(closed).await.unwrap();
    soon(sent).await.unwrap().unwrap_err();
}
