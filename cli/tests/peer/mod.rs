//! Peers for the `cync` command: simulated devices in another process, and scripted ones that misbehave.

#![allow(dead_code, reason = "every test file uses its part")]

use crate::command::{Run, Running};
use cync_core::wire::{
    Channel, ChecksumMode, Frame, Framer, LoginAck, MAX_PACKET, Packet, Receipt, Resync, StatusCode,
};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// A `cync simulate` in another process.
pub(crate) struct Device {
    running: Running,
    pub(crate) port: String,
}

impl Device {
    /// Starts one on a free port.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut all = vec!["simulate", "--port", "0"];
        all.extend(args);
        let mut running = Running::start(&all);
        let line = running.line();
        let port = line.split_whitespace().find_map(|word| word.strip_prefix("127.0.0.1:"));
        let port = port.unwrap_or_else(|| panic!("no address in {line}")).to_owned();
        Self { running, port }
    }

    /// A connection to it.
    pub(crate) fn dial(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port.parse().unwrap())).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream
    }

    /// Ends it as Ctrl-C does.
    #[cfg(unix)]
    pub(crate) fn interrupt(self) -> Run {
        self.end("INT")
    }

    /// Ends it with a signal.
    #[cfg(unix)]
    pub(crate) fn end(self, signal: &str) -> Run {
        self.running.signal(signal);
        self.running.finish()
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }
}

/// Longer than anything a scripted peer waits for.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Starts `cync toggle` against a port of this machine.
pub(crate) fn start_toggle(port: &str, args: &[&str]) -> Running {
    let mut all = vec!["toggle", "--device-host", "127.0.0.1", "--device-port", port];
    all.extend(args);
    Running::start(&all)
}

/// Runs `cync toggle` against a port of this machine.
pub(crate) fn toggle(port: &str, args: &[&str]) -> Run {
    start_toggle(port, args).finish()
}

/// A port on which nobody listens.
pub(crate) fn unused_port() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// Listens for one connection and does `script` with it. Returns the port.
pub(crate) fn peer(script: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        script(stream);
    });
    port
}

/// Like [`peer`], after a greeting that went well.
pub(crate) fn greeted(script: impl FnOnce(Talk) + Send + 'static) -> String {
    peer(move |stream| {
        let mut talk = Talk::new(stream);
        let hello = talk.hear().unwrap();
        assert_eq!(hello.first(), Some(&0x23));
        talk.say(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 }));
        script(talk);
    })
}

/// Reads until the other side closes.
pub(crate) fn read_to_the_end(mut stream: &TcpStream) {
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
}

/// A connection, packet by packet.
pub(crate) struct Talk {
    stream: TcpStream,
    framer: Box<Framer>,
    buffer: Vec<u8>,
}

impl Talk {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, framer: Box::new(Framer::new(Resync::Close)), buffer: Vec::new() }
    }

    /// The next packet; `None` at the end of the connection.
    pub(crate) fn hear(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut input = self.buffer.as_slice();
            if let Some(packet) = self.framer.next(&mut input) {
                let packet = packet.unwrap().to_vec();
                let rest = input.len();
                self.buffer.drain(..self.buffer.len() - rest);
                return Some(packet);
            }
            self.buffer.resize(4096, 0);
            let len = self.stream.read(&mut self.buffer).unwrap_or(0);
            self.buffer.truncate(len);
            if len == 0 {
                return None;
            }
        }
    }

    /// The next command: its packet.
    pub(crate) fn hear_command(&mut self) -> Option<Vec<u8>> {
        loop {
            let packet = self.hear()?;
            if packet.first() == Some(&0x73) {
                return Some(packet);
            }
        }
    }

    /// The connection; what was read and not heard is lost.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    pub(crate) fn say(&mut self, packet: &Packet<'_>) {
        let mut bytes = [0; MAX_PACKET];
        let len = packet.encode(&mut bytes).unwrap();
        // The other side may have left.
        let _ = self.stream.write_all(&bytes[..len]);
    }

    /// Acknowledges a command with this status.
    pub(crate) fn acknowledge(&mut self, command: &[u8], status: u8) {
        let prefix = Packet::decode(command, ChecksumMode::Strict).unwrap().prefix().unwrap();
        let (endpoint, msg_id) = (prefix.endpoint, prefix.msg_id);
        self.say(&Packet::DataAck(Receipt { endpoint, msg_id, status: StatusCode(status) }));
    }

    /// Reports the result of a command.
    pub(crate) fn report(&mut self, command: &[u8], status: u8) {
        let packet = Packet::decode(command, ChecksumMode::Strict).unwrap();
        let Packet::DataChannel(Channel { prefix, frame }) = packet else { panic!("{packet:?}") };
        let data = [status];
        let frame = Frame::response(frame.counter, frame.op, &data);
        self.say(&Packet::DataChannel(Channel { prefix, frame }));
    }
}
