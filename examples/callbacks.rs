//! A callback for each message, as legacy code has it: called once, when the message was acknowledged or refused, or when neither
//! will be known.

use cync_core::wire::{Command, Destination, Endpoint};
use cync_core::{AuthCode, Config};
use cync_sim::ChaosConfig;
use cync_sim::net::{DeviceOptions, Link, SimulatedDevice};
use cync_tokio::{Client, SendError};
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

/// What is told of a message when it ends.
#[derive(Debug)]
struct Completion {
    correlation_id: String,
    ack_received: bool,
    /// Why not: refused, and with which status, or not sent, or not known.
    nack_reason: Option<String>,
}

/// A message that has not ended, and whom to tell.
struct ControlMessageCallback {
    message: Completion,
    callback: Box<dyn FnOnce(Completion) + Send>,
}

impl ControlMessageCallback {
    fn new(callback: impl FnOnce(Completion) + Send + 'static) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let correlation_id = format!("{:08x}-{number:08x}", std::process::id());
        let message = Completion { correlation_id, ack_received: false, nack_reason: None };
        Self { message, callback: Box::new(callback) }
    }

    fn complete<T>(mut self, end: Result<T, SendError>) {
        self.message.ack_received = end.is_ok();
        self.message.nack_reason = end.err().map(|error| error.to_string());
        (self.callback)(self.message);
    }
}

/// Returns at once; the callback is called when the message ends, which it does within [`Config::deadline`].
///
/// A task for each message is the simplest. Who has very many keeps them in a map by `Sent::id`, and completes them from
/// `Client::events`, where each ends in one `Event::Done`.
fn send_with_callback(client: &Client, command: Command, callback: ControlMessageCallback) {
    match client.try_send(command) {
        Ok(sent) => {
            tokio::spawn(async move { callback.complete(sent.await) });
        }
        Err(refused) => callback.complete::<()>(Err(refused)),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let on = Command::Power { to: Destination::device(1).ok_or("1 to 254")?, on: true };
    let (tell, told) = mpsc::channel();
    for refuses in [false, true] {
        let device = device(refuses).await?;
        let config = Config::greeter(Endpoint(0x4588_0f3a), AuthCode::new(b"0123456789abcdef")?);
        let client = Client::connect(device.local_addr(), config).await?;
        let tell = tell.clone();
        let callback = ControlMessageCallback::new(move |completion| {
            println!("called back: {completion:?}");
            // Nobody listens any more when the program ends early.
            let _ = tell.send(completion);
        });
        println!("message {}: {on}", callback.message.correlation_id);
        send_with_callback(&client, on, callback);
        // Brings the message to its end.
        client.close().await;
    }
    drop(tell);
    // Ends when the last callback is gone.
    let all: Vec<Completion> = tokio::task::spawn_blocking(move || told.iter().collect()).await?;

    assert!(matches!(&all[..], [first, second]
        if first.ack_received && first.nack_reason.is_none()
        && !second.ack_received
        && second.nack_reason.as_deref() == Some("the peer refused the message with status 01")
        && first.correlation_id != second.correlation_id));
    Ok(())
}

/// A device that acknowledges every command, or refuses every one.
async fn device(refuses: bool) -> Result<SimulatedDevice, Box<dyn Error>> {
    let nack_rate = if refuses { "100%" } else { "0%" }.parse()?;
    let link = Link::both(0, ChaosConfig { nack_rate, ..ChaosConfig::NONE });
    Ok(SimulatedDevice::start(DeviceOptions { link, ..DeviceOptions::default() }).await?)
}
