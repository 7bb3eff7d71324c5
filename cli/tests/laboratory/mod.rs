//! Devices of the laboratory that do as a test says.

use cync_core::lab::{Decoded, Frame};
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Listens, and does `script` with each connection. Returns the port.
pub(crate) fn peers(mut script: impl FnMut(u32, TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        for (number, stream) in (1..).zip(listener.incoming()) {
            let stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            script(number, stream);
        }
    });
    port
}

/// Reads one request.
pub(crate) fn request(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        if let Decoded::Complete { len, .. } = Frame::decode(&bytes).unwrap() {
            assert_eq!(len, bytes.len(), "a request comes once a connection");
            return bytes;
        }
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.extend(byte);
    }
}
