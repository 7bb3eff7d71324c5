//! Sessions that are kept connected, over real sockets.

use crate::*;
use std::net::Ipv4Addr;
use tokio::net::{TcpListener, TcpStream};

async fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// Plays the peer's part of the greeting on the next connection.
async fn greet(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut hello = [0; 31];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(hello[0], 0x23);
    stream.write_all(&[0x28, 0, 0, 0, 2, 0, 0]).await.unwrap();
    stream
}

fn impatient() -> Config {
    let mut config = greeter();
    config.redial.base = Duration::from_millis(1);
    config
}

#[tokio::test]
async fn a_connection_that_goes_is_followed_by_another_until_the_session_is_closed() {
    let listener = listen().await;
    let client = client(impatient());
    let dialler = tokio::spawn(client.keep_connected(listener.local_addr().unwrap()));
    for _ in 0..3 {
        let stream = greet(&listener).await;
        client.ready().await.unwrap();
        drop(stream);
        client.reached(State::Disconnected).await;
    }
    let mut stream = greet(&listener).await;
    client.ready().await.unwrap();
    let end = async { while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {} };
    tokio::join!(client.close(), end);
    assert!(dialler.await.unwrap().is_ok());
    assert!(client.recv().await.is_none());
}

#[tokio::test]
async fn a_first_connection_is_given_up_and_everyone_who_waits_is_told() {
    let listener = listen().await;
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let client = client(impatient());
    let dialler = client.keep_connected(addr);
    let (ready, dialled) = tokio::join!(client.ready(), dialler);
    let unreachable = cync_core::ConnectError::Unreachable;
    assert!(matches!(ready, Err(ConnectError::GaveUp(why)) if why == unreachable), "{ready:?}");
    assert!(matches!(dialled, Err(ConnectError::GaveUp(why)) if why == unreachable), "{dialled:?}");
    assert!(client.recv().await.is_none());
}

#[tokio::test]
async fn nobody_dials_for_clients_that_are_gone() {
    let listener = listen().await;
    let client = client(impatient());
    let dialler = tokio::spawn(client.keep_connected(listener.local_addr().unwrap()));
    let mut stream = greet(&listener).await;
    client.ready().await.unwrap();
    drop(client);
    assert!(dialler.await.unwrap().is_ok());
    assert!(matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_)), "the connection is cut");
}

#[tokio::test]
async fn a_dialler_that_is_dropped_leaves_a_session_that_waits_for_no_connection() {
    let client = client(impatient());
    drop(client.keep_connected("127.0.0.1:1"));
    assert!(matches!(client.ready().await, Err(ConnectError::Closed)));
    assert!(client.recv().await.is_none());
}
