//! Receiving, late and by several.

use crate::*;

#[tokio::test(start_paused = true)]
async fn what_came_before_the_end_can_still_be_received() {
    let (client, peer, _, far) = pair().await;
    for _ in 0..3 {
        client.send(power()).await.unwrap();
    }
    drop(client);
    soon(far).await.unwrap();
    for _ in 0..3 {
        assert!(soon(peer.recv()).await.is_some());
    }
    assert_eq!(soon(peer.recv()).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_application_that_reads_late_holds_the_peer_back_and_misses_nothing() {
    let (client, peer, ..) = pair().await;
    let sends: Vec<_> = (0..255).map(|number| send(&client, number)).collect();
    sleep(SECOND * 10).await;
    for number in 0..255 {
        assert_eq!(soon(peer.recv()).await.unwrap().data, [number]);
    }
    for send in sends {
        soon(send).await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn several_readers_share_the_messages() {
    let (client, peer, ..) = pair().await;
    let readers = [(); 3].map(|()| {
        let peer = peer.clone();
        tokio::spawn(async move {
            let mut count = 0;
            while count < 50 && peer.recv().await.is_some() {
                count += 1;
                tokio::task::yield_now().await;
            }
            count
        })
    });
    for _ in 0..150 {
        client.send(power()).await.unwrap();
    }
    for reader in readers {
        assert_eq!(soon(reader).await.unwrap(), 50);
    }
}
