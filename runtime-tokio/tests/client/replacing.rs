//! A newer connection takes the place of the older.

use crate::*;

#[tokio::test(start_paused = true)]
async fn a_newer_connection_ends_the_older_and_its_messages() {
    let (client, older, mut talk) = talking(greeter(), 4096).await;
    let sent = send(&client, 1);
    talk.hear_message().await;
    let (near, far) = duplex(4096);
    let newer = drive(&client, near);
    assert!(matches!(soon(older).await.unwrap(), End::Replaced));
    assert_eq!(soon(talk.hear()).await, None);
    let ended = soon(sent).await.unwrap().unwrap_err();
    assert!(matches!(ended, SendError::Unknown { why: Unknown::Disconnected, .. }), "{ended:?}");
    let mut talk = Talk::greeted(far).await;
    soon(client.ready()).await.unwrap();
    let sent = send(&client, 2);
    let (receipt, _) = talk.hear_message().await;
    talk.say(&Packet::DataAck(receipt)).await;
    soon(sent).await.unwrap().unwrap();
    assert!(!newer.is_finished());
}

#[tokio::test(start_paused = true)]
async fn every_replaced_driver_ends() {
    let (client, peer, ..) = pair().await;
    for _ in 0..100 {
        let (near, far) = duplex(4096);
        let older = drive(&client, near);
        let replaced = client.drive(duplex(64).0);
        drive(&peer, far);
        let (near, far) = duplex(4096);
        drive(&client, near);
        drive(&peer, far);
        assert!(matches!(soon(older).await.unwrap(), End::Replaced));
        assert!(matches!(soon(replaced.run()).await, End::Replaced));
        soon(client.ready()).await.unwrap();
        soon(client.send(power())).await.unwrap();
        soon(peer.recv()).await.unwrap();
    }
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert!(tasks <= 4, "{tasks} tasks are left");
}

type Running = Pin<Box<dyn Future<Output = End> + Send>>;

/// A connection that gives the session to another one while it is being read from.
struct Usurped(Client, Arc<Mutex<Option<(Running, DuplexStream)>>>);

impl AsyncRead for Usurped {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let Self(client, newer) = &*self;
        newer.lock().unwrap().get_or_insert_with(|| {
            let (near, far) = duplex(64);
            let mut newer: Running = Box::pin(client.drive(near).run());
            let mut nobody = Context::from_waker(Waker::noop());
            assert!(newer.as_mut().poll(&mut nobody).is_pending());
            (newer, far)
        });
        Poll::Pending
    }
}

impl AsyncWrite for Usurped {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_busy_when_it_is_replaced_ends_all_the_same() {
    for _ in 0..30 {
        let (client, newer) = (client(greeter()), Arc::default());
        let started = Instant::now();
        let older = drive(&client, Usurped(client.clone(), Arc::clone(&newer)));
        assert!(matches!(soon(older).await.unwrap(), End::Replaced));
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
