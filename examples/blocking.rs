//! The core without any runtime: a session, a blocking socket, and a loop.
//!
//! The socket's read timeout is the session's next deadline, so that one thread does everything and sleeps whenever it can.

use cync_core::wire::{Command, Destination, Endpoint, MAX_PACKET};
use cync_core::{
    AuthCode, Config, Disconnect, Event, Instant, MessageId, Outcome, Receipt, Request, Session,
    Stage, State,
};
use cync_sim::net::{DeviceOptions, Link, SimulatedDevice};
use cync_sim::{ChaosConfig, DropPattern};
use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

struct Connection {
    session: Session,
    stream: TcpStream,
    start: std::time::Instant,
    /// Bytes that came and were not taken yet.
    input: Vec<u8>,
    ended: Vec<(MessageId, Outcome, Receipt)>,
}

impl Connection {
    fn open(stream: TcpStream, config: Config, seed: u64) -> Result<Self, Box<dyn Error>> {
        stream.set_nodelay(true)?;
        let mut session = Session::new(config, seed)?;
        session.handle_connected(Instant::ZERO);
        let start = std::time::Instant::now();
        let mut this = Self { session, stream, start, input: Vec::new(), ended: Vec::new() };
        while this.session.state() != State::Ready {
            this.turn()?;
        }
        Ok(this)
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    /// Sends a message, and returns how it ended.
    fn send(&mut self, request: Request<'_>) -> Result<(Outcome, Receipt), Box<dyn Error>> {
        let id = self.session.send(self.now(), request)?;
        loop {
            if let Some(at) = self.ended.iter().position(|(ended, ..)| *ended == id) {
                let (_, outcome, receipt) = self.ended.swap_remove(at);
                return Ok((outcome, receipt));
            }
            self.turn()?;
        }
    }

    /// Writes what there is to write, waits for bytes or for the next deadline, and looks what happened.
    fn turn(&mut self) -> Result<(), Box<dyn Error>> {
        let mut buffer = [0; MAX_PACKET];
        while let Some(packet) = self.session.poll_transmit(self.now(), &mut buffer)? {
            self.stream.write_all(&buffer[..packet.len])?;
        }
        if self.input.is_empty() {
            self.wait(&mut buffer)?;
        }
        let taken = self.session.handle_input(self.now(), &self.input);
        self.input.drain(..taken);
        // What the device says unasked. Nobody here wants it, and left alone it would fill the inbox.
        while self.session.recv(self.now()).is_some() {}
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Done { id, outcome, receipt } => self.ended.push((id, outcome, receipt)),
                Event::Hangup(why) => return Err(why.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn wait(&mut self, buffer: &mut [u8]) -> Result<(), Box<dyn Error>> {
        let deadline = self.session.poll_timeout().map(|deadline| deadline.at);
        let left = deadline.map(|at| at.since(self.now()));
        // Zero would mean for ever to the socket.
        self.stream.set_read_timeout(left.map(|left| left.max(Duration::from_millis(1))))?;
        match self.stream.read(buffer) {
            Ok(0) => {
                self.session.handle_disconnected(self.now(), Disconnect::Peer);
                return Err("the device closed the connection".into());
            }
            Ok(len) => self.input.extend_from_slice(&buffer[..len]),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                _ => return Err(error.into()),
            },
        }
        self.session.handle_timeout(self.now());
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // The device lives in a thread of its own, whose runtime is no business of ours.
    let threads =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let second_is_lost = Some(DropPattern::List([2].into()));
    let to_device = ChaosConfig { drop_pattern: second_is_lost, ..ChaosConfig::NONE };
    let link = Link { to_device, ..Link::default() };
    let options = DeviceOptions { link, ..DeviceOptions::default() };
    let device = threads.block_on(SimulatedDevice::start(options))?;

    let config = Config::greeter(Endpoint(0x4588_0f3a), AuthCode::new(b"0123456789abcdef")?);
    // Another seed on every start: the device remembers the message numbers of the last.
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_micros();
    let stream = TcpStream::connect(device.local_addr())?;
    let mut connection = Connection::open(stream, config, u64::try_from(seed)?)?;

    let to = Destination::device(1).ok_or("1 to 254")?;
    for (on, attempts) in [(true, 1), (false, 2), (true, 1)] {
        let request = Request::from(Command::Power { to, on }).until(Stage::Executed);
        let (outcome, receipt) = connection.send(request)?;
        println!("on={on}: {outcome:?} after {} transmission(s)", receipt.attempts);
        assert_eq!(outcome, Outcome::Reached(Stage::Executed));
        assert_eq!(receipt.attempts, attempts, "the second command's first copy was lost");
        assert_eq!(device.state().on, on);
    }
    assert_eq!(device.applied_count(), 3);
    Ok(())
}
