//! A `cync tap`, and both of its neighbours.

#![allow(dead_code, reason = "every test file uses its part")]

use crate::command::{Run, Running};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Longer than anything takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A tap in another process.
pub(crate) struct Tap {
    running: Running,
    pub(crate) port: String,
}

impl Tap {
    /// Starts one on a free port, in front of a port of this machine.
    pub(crate) fn start(to: &str, args: &[&str]) -> Self {
        let to = format!("127.0.0.1:{to}");
        let mut all = vec!["tap", "--listen", "127.0.0.1:0", "--to", &to];
        all.extend(args);
        let mut running = Running::start(&all);
        let line = running.line();
        let addr = line.split_whitespace().nth(3).and_then(|word| word.strip_suffix(','));
        let port = addr.and_then(|addr| addr.strip_prefix("127.0.0.1:"));
        let port = port.unwrap_or_else(|| panic!("no address in {line}")).to_owned();
        Self { running, port }
    }

    /// Starts one in front of a listener.
    pub(crate) fn to(listener: &TcpListener, args: &[&str]) -> Self {
        Self::start(&listener.local_addr().unwrap().port().to_string(), args)
    }

    /// Ends it as Ctrl-C does.
    #[cfg(unix)]
    pub(crate) fn interrupt(self) -> Run {
        self.running.interrupt();
        self.running.finish()
    }

    /// Waits for its end.
    pub(crate) fn finish(self) -> Run {
        self.running.finish()
    }
}

/// A connection to a port of this machine.
pub(crate) fn dial(port: &str) -> TcpStream {
    patient(TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap())
}

/// A connection through a tap: where it begins, and where it ends.
pub(crate) fn pair(port: &str, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = dial(port);
    (client, patient(listener.accept().unwrap().0))
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Everything up to the end of a direction.
pub(crate) fn read_all(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The bytes of a connection.
#[derive(PartialEq, Eq)]
pub(crate) struct Bytes {
    pub(crate) sent: Vec<u8>,
    pub(crate) received: Vec<u8>,
}

/// Collects the bytes of one connection on its way to a port of this machine.
pub(crate) struct Between {
    pub(crate) port: String,
    collecting: JoinHandle<Bytes>,
}

impl Between {
    pub(crate) fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, to) = (listener.local_addr().unwrap().port().to_string(), to.to_owned());
        let collecting = thread::spawn(move || {
            let (client, server) = (listener.accept().unwrap().0, dial(&to));
            let upwards = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let upwards = thread::spawn(move || carry(upwards.0, upwards.1));
            let received = carry(server, client);
            Bytes { sent: upwards.join().unwrap(), received }
        });
        Self { port, collecting }
    }

    /// All of them, when the connection has ended.
    pub(crate) fn finish(self) -> Bytes {
        self.collecting.join().unwrap()
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        all.extend_from_slice(&buffer[..len]);
        if to.write_all(&buffer[..len]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    all
}

/// A file that is gone when the test is.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cync-tap-{}-{nth}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub(crate) fn read(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
