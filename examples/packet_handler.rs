//! A legacy packet handler behind the core, which it is not asked to understand.
//!
//! Every packet that comes is
//!
//! 1. matched as an answer, ACK or NACK, to a message of our own: its sender is told, nobody else;
//! 2. otherwise recognised as a repetition: it is answered as it was before, and dropped;
//! 3. otherwise new: the legacy handler has it, and says how it is answered.
//!
//! `Session::handle_input` does the first two by itself, whatever is in the bytes: whole packets, pieces, or many. What is left
//! comes out of `Session::recv`. With `Acknowledge::Manually` a request is answered by `Session::respond`, after the handler has
//! seen it; a device that asks again before that gets no answer yet, and the handler is not asked again.

use cync_core::wire::{Command, Destination, Endpoint, Hex, StatusCode};
use cync_core::{Acknowledge, Config, Event, Instant, Outcome, Request, Session, Stage};
use std::error::Error;

const ENDPOINT: Endpoint = Endpoint(0x2de4_b5d2);
/// Version 3, the endpoint, a code of no bytes, 60 s.
const GREETING: [u8; 15] = [0x23, 0, 0, 0, 10, 3, 0x2d, 0xe4, 0xb5, 0xd2, 0, 0, 0, 0, 60];
/// Message 1537: switch device 5 on.
const REQUEST: [u8; 36] = [
    0x73, 0, 0, 0, 0x1f, 0x2d, 0xe4, 0xb5, 0xd2, 0x15, 0x37, 0, // header and prefix
    0x7e, 0x21, 0, 0, 0, 0xf8, 0xd0, 0x0d, 0, 0x21, 0, 0, 0, 0, 5, 0, 0xd0, 0x11, 2, 1, 0, 0, 0xe7,
    0x7e,
];

/// The answer to a message: status 0 is an ACK, any other a NACK.
const fn answer(number: u16, status: u8) -> [u8; 12] {
    let [n0, n1] = number.to_be_bytes();
    [0x7b, 0, 0, 0, 7, 0x2d, 0xe4, 0xb5, 0xd2, n0, n1, status]
}

/// What was there before: it knows packets, and nothing of repetitions and answers.
#[derive(Default)]
struct LegacyHandler {
    handled: Vec<Command>,
}

impl LegacyHandler {
    fn handle(&mut self, op: u8, data: &[u8]) -> StatusCode {
        let Some(command) = Command::parse(op, data) else { return StatusCode(1) };
        self.handled.push(command);
        StatusCode::OK
    }
}

/// What a packet turned out to be.
#[derive(PartialEq, Debug)]
enum Was {
    AnswerToOurs(Outcome),
    Repetition,
    New,
    /// The protocol's own: greetings, signs of life, answers to nothing.
    Other,
}

struct Handler {
    session: Session,
    legacy: LegacyHandler,
}

impl Handler {
    fn new() -> Result<Self, Box<dyn Error>> {
        let mut config = Config::listener(ENDPOINT);
        config.acknowledge = Acknowledge::Manually;
        let mut session = Session::new(config, 1)?;
        session.handle_connected(Instant::ZERO);
        Ok(Self { session, legacy: LegacyHandler::default() })
    }

    /// One packet comes. Returns what it was, and the bytes to write.
    fn packet(&mut self, now: Instant, packet: &[u8]) -> Result<(Was, Vec<u8>), Box<dyn Error>> {
        let duplicates = self.session.stats().duplicates;
        // Takes less only while nobody takes what came before.
        assert_eq!(self.session.handle_input(now, packet), packet.len());

        let mut was = Was::Other;
        while let Some(event) = self.session.poll_event() {
            if let Event::Done { outcome, .. } = event {
                was = Was::AnswerToOurs(outcome);
            }
        }
        if self.session.stats().duplicates > duplicates {
            was = Was::Repetition;
        }
        while let Some(delivery) = self.session.recv(now) {
            was = Was::New;
            let Some(frame) = delivery.frame else { continue };
            let status = self.legacy.handle(frame.op, delivery.data);
            // Only requests are answered by the application.
            if let Some(id) = delivery.id() {
                self.session.respond(now, id, status)?;
            }
        }
        Ok((was, self.output(now)?))
    }

    /// What there is to write.
    fn output(&mut self, now: Instant) -> Result<Vec<u8>, Box<dyn Error>> {
        let (mut all, mut out) = (Vec::new(), [0; 4101]);
        while let Some(packet) = self.session.poll_transmit(now, &mut out)? {
            all.extend_from_slice(&out[..packet.len]);
        }
        Ok(all)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let now = Instant::ZERO;
    let mut handler = Handler::new()?;
    handler.packet(now, &GREETING)?;
    let on = Command::Power { to: Destination::device(5).ok_or("1 to 254")?, on: true };
    // Left alone, the session counts its messages itself.
    handler.session.send(now, Request::from(on).msg_id(0x10))?;
    handler.session.send(now, Request::from(Command::QUERY_ALL).msg_id(0x11))?;
    handler.output(now)?;

    let acked = Was::AnswerToOurs(Outcome::Reached(Stage::Acked));
    let nacked = Was::AnswerToOurs(Outcome::Nacked(StatusCode(5)));
    let cases: [(&[u8], Was, &[u8]); 5] = [
        (&answer(0x10, 0), acked, &[]),
        (&answer(0x11, 5), nacked, &[]),
        (&REQUEST, Was::New, &answer(0x1537, 0)),
        (&REQUEST, Was::Repetition, &answer(0x1537, 0)),
        (&answer(0x10, 0), Was::Other, &[]),
    ];
    for (packet, expected, answered) in cases {
        let (was, output) = handler.packet(now, packet)?;
        println!("in  {}", Hex(packet));
        println!("    {was:?}");
        println!("out {}", Hex(&output));
        assert_eq!(was, expected);
        assert_eq!(output, answered);
    }
    assert_eq!(handler.legacy.handled, [on], "once");
    Ok(())
}
