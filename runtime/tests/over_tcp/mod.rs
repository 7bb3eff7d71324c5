//! What a runtime's TCP and time must do; the tests of every adapter include this.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cync_core::wire::Endpoint;
use cync_core::{AuthCode, Config, Hello, Instant, Request, State};
use cync_runtime::{Builder, Client, ConnectError, Listener, Runtime, Timer};
use socket2::{Domain, SockRef, Socket, Type};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const ENDPOINT: Endpoint = Endpoint(7);

fn greeter() -> Config {
    let mut config = Config::greeter(ENDPOINT, AuthCode::new(b"0123456789abcdef").unwrap());
    config.redial.base = Duration::from_millis(1);
    config
}

/// What comes of it, in far more time than it needs.
async fn soon<T: Timer, O>(timer: &T, task: impl Future<Output = O>) -> O {
    let mut limit = timer.sleep_until(timer.now() + Duration::from_secs(60));
    let mut task = pin!(task);
    poll_fn(|context| {
        if Pin::new(&mut limit).poll(context).is_ready() {
            panic!("not within a minute");
        }
        task.as_mut().poll(context)
    })
    .await
}

async fn refusal<R: Runtime + Default>(address: &str) -> ConnectError {
    let runtime = R::default();
    // A name server that is out of reach may take longer than the default to be given up.
    let builder = Builder::new(greeter(), runtime.clone()).connect_timeout(Duration::from_secs(50));
    soon(&runtime, builder.connect(address)).await.unwrap_err()
}

/// One dials, the other accepts; what the first sends is acknowledged, and the second receives it.
pub(crate) async fn a_message_crosses<R: Runtime + Default>() {
    let runtime = R::default();
    let acceptor = runtime.bind(LOOPBACK).await.unwrap();
    let address = runtime.local_addr(&acceptor).unwrap();

    let listener = Builder::new(Config::listener(ENDPOINT), runtime.clone()).build().unwrap();
    let accepts = {
        let (runtime, listener) = (runtime.clone(), listener.clone());
        async move {
            let (stream, _) = runtime.accept(&acceptor).await.unwrap();
            listener.drive(stream).run().await;
        }
    };
    runtime.spawn(accepts);

    soon(&runtime, async {
        let client = Client::<R>::connect(address, greeter()).await.unwrap();
        client.send(Request::frame(0x99, b"1")).await.unwrap();
        let message = listener.recv().await.unwrap();
        assert_eq!((message.frame.unwrap().op, &message.data[..]), (0x99, &b"1"[..]));
        client.close().await;
        assert!(listener.recv().await.is_none(), "the connection is gone");
    })
    .await;
}

/// The error says who was dialled, and what came of it.
pub(crate) async fn a_refused_connection_is_given_up<R: Runtime + Default>() {
    // Nobody else can be given the port, and nobody listens.
    let taken = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    taken.bind(&LOOPBACK.into()).unwrap();
    let address = taken.local_addr().unwrap().as_socket().unwrap().to_string();

    let error = refusal::<R>(&address).await;
    assert!(matches!(error, ConnectError::GaveUp { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with(&format!("{address}: no connection: ")), "{text}");
    assert!(text.contains("refused"), "{text}");
}

/// The error says that it was the name.
pub(crate) async fn a_name_without_address_is_given_up<R: Runtime + Default>() {
    let error = refusal::<R>("no-such-host.invalid:1").await;
    assert!(matches!(error, ConnectError::GaveUp { .. }), "{error:?}");
    let text = error.to_string();
    let stage = "no-such-host.invalid:1: the name could not be resolved: ";
    assert!(text.starts_with(stage), "{text}");
}

/// Both ends of a connection send small packets at once, and notice a peer that is gone.
pub(crate) async fn both_ends_are_tuned<R: Runtime + Default>(
    socket: fn(&R::Stream) -> SockRef<'_>,
) {
    let runtime = R::default();
    let acceptor = runtime.bind(LOOPBACK).await.unwrap();
    let address = runtime.local_addr(&acceptor).unwrap();
    let (dialled, (accepted, peer)) = soon(&runtime, async {
        let dialled = runtime.dial(address).await.unwrap();
        (dialled, runtime.accept(&acceptor).await.unwrap())
    })
    .await;
    assert_eq!(socket(&dialled).local_addr().unwrap().as_socket(), Some(peer));
    for stream in [dialled, accepted] {
        let socket = socket(&stream);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        #[cfg(not(windows))]
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
    }
}

/// Neither that of the timeline, nor one that no clock can tell; what is over comes.
pub(crate) async fn the_end_of_time_never_comes<R: Runtime + Default>() {
    let runtime = R::default();
    for never in [Instant::MAX, Instant::from_micros(u64::MAX - 1)] {
        let mut sleep = runtime.sleep_until(never);
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(Pin::new(&mut sleep).poll(&mut context), Poll::Pending);
    }
    let before = runtime.now();
    let soon = before + Duration::from_millis(1);
    runtime.sleep_until(soon).await;
    assert!(runtime.now() >= soon);
    runtime.sleep_until(before).await;
}

/// A device that dials a hub; the hub's side of it, and the hub.
async fn dialled_in<R: Runtime + Default>() -> (Client<R>, Client<R>, Listener<R>) {
    let admit = |hello: &Hello<'_>| Ok(Config::listener(hello.endpoint));
    let hub = Listener::<R>::bind(LOOPBACK, admit).await.unwrap();
    let device = Client::connect(hub.local_addr(), greeter()).await.unwrap();
    let accepted = hub.accept().await;
    assert_eq!((accepted.endpoint, accepted.is_new), (ENDPOINT, true));
    (device, accepted.client, hub)
}

/// All are taken in the order in which they were sent, each once, through windows, queues and sockets that hold far less.
pub(crate) async fn a_thousand_messages_at_once_cross_in_order<R: Runtime + Default>() {
    let runtime = R::default();
    soon(&runtime, async {
        let (device, client, _hub) = dialled_in::<R>().await;
        let numbers: Vec<[u8; 400]> = (0..1000_u16).map(numbered).collect();
        let mut sends: Vec<_> =
            numbers.iter().map(|data| Some(client.send(Request::frame(0x99, data)))).collect();
        let mut received = Vec::new();
        let mut receiving = Box::pin(device.recv());
        poll_fn(|context| {
            for send in &mut sends {
                if let Some(sending) = send
                    && let Poll::Ready(sent) = Pin::new(sending).poll(context)
                {
                    sent.unwrap();
                    *send = None;
                }
            }
            while let Poll::Ready(message) = receiving.as_mut().poll(context) {
                received.push(message.unwrap().data);
                receiving = Box::pin(device.recv());
            }
            let done = received.len() == 1000 && sends.iter().all(Option::is_none);
            if done { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert!(received.iter().eq(&numbers));
        assert_eq!(device.stats().accepted, 1000);
    })
    .await;
}

fn numbered(number: u16) -> [u8; 400] {
    let mut data = [0; 400];
    data[..2].copy_from_slice(&number.to_be_bytes());
    data
}

/// The hub has the same session for it as before, with a new connection.
pub(crate) async fn a_device_that_was_cut_off_dials_again<R: Runtime + Default>() {
    let runtime = R::default();
    soon(&runtime, async {
        let (device, client, hub) = dialled_in::<R>().await;
        for connections in 2..5 {
            client.disconnect();
            let again = hub.accept().await;
            assert!(!again.is_new);
            client.send(Request::frame(0x99, b"1")).await.unwrap();
            assert!(device.recv().await.is_some());
            assert_eq!(client.stats().connections, connections);
        }
        drop(device);
        client.reached(State::Disconnected).await;
    })
    .await;
}
