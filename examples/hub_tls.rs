//! A hub behind TLS: what a connection is wrapped in is the byte stream's own affair.
//!
//! Real devices need suites with RSA key exchange and CBC, which rustls leaves out on purpose: they cannot dial this. For them wrap
//! an OpenSSL stream in exactly the same way (`docs/decisions/029-tls-is-the-byte-streams.md`). Between ends of our own this will do.

use cync_core::wire::{Command, Destination, Endpoint, Meaning, StatusCode};
use cync_core::{AuthCode, Config, Hello, Request, Stage};
use cync_tokio::{Client, Compat, Hub, Listener, Tokio, compat};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const NAME: &str = "hub.local";
const ENDPOINT: Endpoint = Endpoint(0x4588_0f3a);
const CODE: &[u8] = b"0123456789abcdef";

fn admit(hello: &Hello<'_>) -> Result<Config, StatusCode> {
    match (hello.endpoint, hello.auth().expose()) {
        (ENDPOINT, CODE) => Ok(Config::listener(ENDPOINT)),
        _ => Err(StatusCode(1)),
    }
}

/// Both sides of TLS, with a certificate that is made now and that the device knows.
fn tls() -> Result<(TlsAcceptor, TlsConnector), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let server =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key)?;
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok((Arc::new(server).into(), Arc::new(client).into()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (acceptor, connector) = tls()?;
    let runtime = Tokio::default();
    let hub = Hub::builder(runtime, admit).build();
    let wrap = move |stream: Compat<TcpStream>| {
        let handshake = acceptor.accept(stream.into_inner());
        async { Ok(compat(handshake.await?)) }
    };
    let listener = Listener::wrapped(runtime, "127.0.0.1:0", hub, wrap).await?;
    let address = listener.local_addr();

    let device = device(address, connector).await?;
    let accepted = listener.accept().await;
    println!("{} dialled in from {}", accepted.endpoint, accepted.peer);
    // Its greeting is still to be answered.
    accepted.client.ready().await?;
    let on = Command::Power { to: Destination::ALL, on: true };
    let switch_on = Request::from(on).until(Stage::Executed);
    let receipt = accepted.client.send(switch_on).await?;
    println!("{} executed it after {} transmission(s)", accepted.endpoint, receipt.attempts);

    device.disconnect();
    let again = listener.accept().await;
    println!("{} dialled again; is its session new? {}", again.endpoint, again.is_new);
    assert!(!again.is_new);
    again.client.ready().await?;
    accepted.client.send(switch_on).await?;

    let mut config = Config::greeter(ENDPOINT, AuthCode::new(CODE)?);
    config.redial.first_attempts = 1;
    let Err(error) = Client::connect(address, config).await else {
        return Err("a device without TLS was admitted".into());
    };
    println!("without TLS: {error}");
    assert_eq!(listener.hub().clients().len(), 1, "it got no session");
    Ok(())
}

/// A device that dials with TLS, again whenever the connection goes, and executes what it is asked.
async fn device(hub: SocketAddr, connector: TlsConnector) -> Result<Client, Box<dyn Error>> {
    let client = Client::new(Config::greeter(ENDPOINT, AuthCode::new(CODE)?))?;
    tokio::spawn(client.keep_connected(move || {
        let connector = connector.clone();
        async move {
            let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
            let stream = connector.connect(name, TcpStream::connect(hub).await?).await?;
            io::Result::Ok(compat(stream))
        }
    }));
    client.ready().await?;
    let app = client.clone();
    tokio::spawn(async move {
        while let Some(message) = app.recv().await {
            if let (Some(Meaning::Command(_, command)), Some(id)) = (message.meaning(), message.id)
            {
                println!("    {ENDPOINT}: {command}");
                // If there is no room for the result now, the next repetition of the request is answered with it.
                let _ = app.report(id, StatusCode::OK);
            }
        }
    });
    Ok(client)
}
