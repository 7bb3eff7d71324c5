//! A hub that devices dial, as real ones do: it checks their codes, and keeps their sessions when they dial again.

use cync_core::wire::{Command, Destination, Endpoint, Meaning, StatusCode};
use cync_core::{AuthCode, Config, HangupReason, Hello, Request, Stage};
use cync_tokio::{Client, ConnectError, LastFailure, Listener};
use std::error::Error;
use std::net::SocketAddr;

const LAMP: (Endpoint, &[u8]) = (Endpoint(0x4588_0f3a), b"0123456789abcdef");
const PLUG: (Endpoint, &[u8]) = (Endpoint(0x2de4_b5d2), b"fedcba9876543210");
const REFUSED: StatusCode = StatusCode(1);

/// Decides about a greeting: with which configuration a device gets a session, or with which status it is refused.
fn admit(hello: &Hello<'_>) -> Result<Config, StatusCode> {
    let known = [LAMP, PLUG].into_iter().find(|(endpoint, _)| *endpoint == hello.endpoint);
    match known {
        Some((endpoint, code)) if hello.auth().matches(code) => Ok(Config::listener(endpoint)),
        _ => Err(REFUSED),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = Listener::bind("127.0.0.1:0", admit).await?;
    let address = listener.local_addr();
    let on = Command::Power { to: Destination::ALL, on: true };
    let switch_on = Request::from(on).until(Stage::Executed);

    for who in [LAMP, PLUG] {
        let device = device(address, who).await?;
        let accepted = listener.accept().await;
        println!("{} dialled in from {}", accepted.endpoint, accepted.peer);
        assert_eq!((accepted.endpoint, accepted.is_new), (who.0, true));
        let receipt = accepted.client.send(switch_on).await?;
        println!("{} executed it after {} transmission(s)", who.0, receipt.attempts);

        device.disconnect();
        let again = listener.accept().await;
        println!("{} dialled again; is its session new? {}", again.endpoint, again.is_new);
        assert_eq!((again.endpoint, again.is_new), (who.0, false));
        again.client.ready().await?;
        // It is the same session, so that whoever holds a client of it need not care.
        accepted.client.send(switch_on).await?;
        assert_eq!(accepted.client.stats().connections, 2);
    }

    let (endpoint, _) = LAMP;
    let Err(error) = device(address, (endpoint, b"not its own code")).await else {
        return Err("a wrong code was admitted".into());
    };
    println!("a wrong code: {error}");
    let refused = HangupReason::Refused(REFUSED);
    assert!(matches!(
        error,
        ConnectError::GaveUp { last: Some(LastFailure::Hangup(why)), .. } if why == refused
    ));
    Ok(())
}

/// A device: dials the hub, greets, and executes what it is asked.
async fn device(
    hub: SocketAddr,
    (endpoint, code): (Endpoint, &[u8]),
) -> Result<Client, ConnectError> {
    let mut config = Config::greeter(endpoint, AuthCode::new(code)?);
    // Real devices dial for ever. This one takes the first refusal for an answer; once it was ready, it goes on, too.
    config.redial.first_attempts = 1;
    let client = Client::connect(hub, config).await?;
    let app = client.clone();
    tokio::spawn(async move {
        while let Some(message) = app.recv().await {
            if let (Some(Meaning::Command(_, command)), Some(id)) = (message.meaning(), message.id)
            {
                println!("    {endpoint}: {command}");
                // If there is no room for the result now, the next repetition of the request is answered with it.
                let _ = app.report(id, StatusCode::OK);
            }
        }
    });
    Ok(client)
}
