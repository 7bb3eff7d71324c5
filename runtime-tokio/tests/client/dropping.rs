//! Clients and drivers that are dropped.

use crate::*;

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
    let (client, driver, mut talk) = talking(greeter(), 4096).await;
    let sending = tokio::spawn(async move { client.send(numbered(b"1")).await });
    talk.hear_message().await;
    sending.abort();
    assert!(matches!(soon(driver).await.unwrap(), End::Replaced));
    assert_eq!(soon(talk.hear()).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_dropped_ends_the_messages_that_wait() {
    let (client, driver, mut talk) = talking(narrow(1, 100), 4096).await;
    let sent = send(&client, 1);
    talk.hear_message().await;
    let queued = send(&client, 2);
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
