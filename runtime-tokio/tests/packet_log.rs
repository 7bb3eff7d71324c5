//! What a hub logs of the greetings that it receives.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cync_core::wire::{Endpoint, Login, MAX_PACKET, Packet, Secret};
use cync_core::{AuthCode, Config};
use cync_tokio::{Client, Hub, Listener, Tokio};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// No four bytes of it stand in the number of a port.
const CANARY: &[u8] = b"canary-zyxwvutsr";

/// All that was said of events and spans on the thread of one test.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

impl Everything {
    fn log(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap()
    }
}

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        writeln!(self.0, "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Text(&mut self.log()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Text(&mut self.log()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Text(&mut self.log()));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_greeting_is_masked_on_the_way_in_however_it_is_split() {
    let everything = Everything::default();
    let _guard = tracing::subscriber::set_default(everything.clone());
    let mut bytes = [0; MAX_PACKET];
    let greeting = Packet::Handshake(Login::new(Endpoint(7), Secret::new(CANARY), 60));
    let len = greeting.encode(&mut bytes).unwrap();
    let greeting = &bytes[..len];
    let listener =
        Listener::bind("127.0.0.1:0", |hello| Ok(Config::listener(hello.endpoint))).await.unwrap();
    for split in 1..len {
        let mut stream = TcpStream::connect(listener.local_addr()).await.unwrap();
        // What comes with the rest of the first greeting is the beginning of a second one.
        let both = [greeting, greeting].concat();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&both[..split]).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(&both[split..len + split]).await.unwrap();
        stream.read_exact(&mut [0; 7]).await.unwrap();
        stream.write_all(&both[len + split..]).await.unwrap();
        // Whether it is hung up on or closed in order, it ends.
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let log = everything.log();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let masked = format!("raw_packet_hex=230000001a03000000070010{}", "2a".repeat(CANARY.len()));
    assert!(log.matches(&masked).count() >= len - 1, "{log}");
    for part in CANARY.windows(4) {
        assert!(!log.contains(&hex(part)), "{log}");
        assert!(!log.contains(std::str::from_utf8(part).unwrap()), "{log}");
    }
}

#[tokio::test]
async fn what_is_logged_of_a_device_has_the_name_that_the_hub_gives_it() {
    let everything = Everything::default();
    let _guard = tracing::subscriber::set_default(everything.clone());
    let hub = Hub::builder(Tokio::default(), |hello| Ok(Config::listener(hello.endpoint)))
        .device_ids(|endpoint| format!("lamp {endpoint}"))
        .build();
    let listener = Listener::with_hub(Tokio::default(), "127.0.0.1:0", hub).await.unwrap();
    let config = Config::greeter(Endpoint(0x21), AuthCode::new(b"0123456789abcdef").unwrap());
    let _device = Client::connect(listener.local_addr(), config).await.unwrap();
    listener.accept().await;
    assert!(everything.log().contains("device_id=\"lamp 00000021\"\n"));
}
