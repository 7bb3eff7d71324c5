//! Connections that do not come about, and connections that go.

use crate::*;
use cync_core::wire::StatusCode;
use cync_core::{ConnectError as GaveUp, HandshakeError, HangupReason, SendError as Refusal};
use cync_sim::net::HelloAnswer;
use tokio::net::TcpStream;

#[tokio::test]
async fn a_malformed_hello_is_given_up_as_an_invalid_response_after_three() {
    let device = calm_device().await;
    device.answer_hellos(HelloAnswer::Garbled);
    let mut config = impatient();
    config.greeting_timeout = 200 * MS;
    let client = Client::builder(config).seed(1).build().unwrap();
    let addr = device.local_addr();
    let dial = move || async move { TcpStream::connect(addr).await.map(compat) };
    let result = soon(client.keep_connected(dial)).await;
    let invalid = GaveUp::Handshake(HandshakeError::InvalidResponse);
    let given_up = matches!(result, Err(ConnectError::GaveUp { why, .. }) if why == invalid);
    assert!(given_up, "{result:?}");
    assert_eq!((device.hellos(), client.stats().greetings.timed_out), (3, 3));
    assert_eq!(client.stats().decode_errors.total(), 3);
    device.answer_hellos(HelloAnswer::Good);
    tokio::spawn(client.keep_connected(dial));
    soon(client.ready()).await.unwrap();
}

#[tokio::test]
async fn a_refused_hello_says_with_what() {
    let device = calm_device().await;
    device.answer_hellos(HelloAnswer::Refused(StatusCode(5)));
    let mut config = solo::greeter();
    config.redial.first_attempts = 1;
    let builder = Client::builder(config).seed(1);
    let error = soon(builder.connect(device.local_addr())).await.unwrap_err();
    assert_eq!(error.address(), Some(&device.local_addr().into()));
    let ConnectError::GaveUp { last: Some(LastFailure::Hangup(why)), .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(why, HangupReason::Refused(StatusCode(5)));
    assert_eq!(device.hellos(), 1);
}

#[tokio::test]
async fn a_command_during_reconnection_is_refused_as_not_connected() {
    let device = calm_device().await;
    let client = keep_connected(&device, impatient()).await;
    device.partition();
    soon(client.reached(State::Disconnected)).await;
    let result = soon(client.send(power(true))).await;
    let Err(SendError::Refused(Refusal::NotConnected(state))) = result else {
        panic!("{result:?}");
    };
    assert!(matches!(state, State::Disconnected | State::Connecting | State::Greeting), "{state}");
    device.heal();
    soon(client.ready()).await.unwrap();
    soon(client.send(power(true))).await.unwrap();
    assert_eq!((device.hellos(), device.applied_count()), (2, 1));
}

#[tokio::test]
async fn a_command_during_reconnection_rides_through_if_it_may() {
    let device = calm_device().await;
    let mut config = impatient();
    config.ride_through = true;
    let client = keep_connected(&device, config).await;
    device.partition();
    soon(client.reached(State::Disconnected)).await;
    let waiting = {
        let client = client.clone();
        tokio::spawn(async move { client.send(power(true)).await })
    };
    // Several connections fail meanwhile.
    let failed = || {
        let stats = client.stats();
        stats.disconnections.peer + stats.disconnections.error >= 5
    };
    until(failed).await;
    assert!(!waiting.is_finished());
    device.heal();
    let receipt = soon(waiting).await.unwrap().unwrap();
    assert_eq!((receipt.attempts, device.applied_count()), (1, 1));
}

#[tokio::test]
async fn a_command_that_is_repeated_on_a_new_connection_is_executed_once() {
    let device = calm_device().await;
    let mut config = impatient();
    config.ride_through = true;
    let client = keep_connected(&device, config).await;
    device.be_silent(true);
    let waiting = {
        let client = client.clone();
        tokio::spawn(async move { client.send(power(true)).await })
    };
    until(|| device.applied_count() == 1).await;
    device.be_silent(false);
    device.cut();
    let receipt = soon(waiting).await.unwrap().unwrap();
    assert!(receipt.attempts >= 2, "{receipt:?}");
    assert_eq!((device.hellos(), device.applied_count()), (2, 1));
}
