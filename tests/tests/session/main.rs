//! What a session does, step by step, at exact times: one file a subject.

mod answers;
mod bounds;
mod budget;
mod cancelling;
mod closing;
mod counting;
mod delivery;
mod dialling;
mod disconnection;
mod estimating;
mod greeting;
mod handing_over;
mod inbound;
mod liveness;
mod malformed;
mod numbering;
mod presets;
mod queueing;
mod raw;
mod refused_input;
mod responding;
mod retrying;
mod riding;
mod secrets;
mod services;
mod supersession;
mod telling;

use cync_core::wire::{
    Channel, ChecksumMode, Command, Destination, DeviceInfo, Direction as Way, Frame, LoginAck,
    MsgId, Packet, PacketType, Prefix, Receipt as Ack, ShortAck, StatusCode, TimeResponse, Verdict,
    op,
};
use cync_core::{
    CivilTime, Config, ConnectError, Deadline, Disconnect, Event, HandshakeError, HangupReason,
    Instant, MessageId, NotSent, Outcome, Redial, Request, RetryPolicy, SendError, Session, Stage,
    State, Timer, TooSmall, Unknown,
};
use cync_sim::Direction;
use cync_tests::pair::{ADDRESS, Copies, Pair};
use cync_tests::solo::{AUTH, ENDPOINT, Solo, bytes_of, fit, greeter, hello, listener, switch};
use std::num::NonZeroU16;
use std::time::Duration;

const LATENCY: Duration = ms(20);
const BUSY: StatusCode = StatusCode(0xb5);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(n: u64) -> Instant {
    Instant::ZERO + ms(n)
}

fn power(on: bool) -> Request<'static> {
    switch(ADDRESS, on)
}

fn device(address: u8) -> Destination {
    Destination::device(address).expect("1 to 254")
}

fn executed() -> Request<'static> {
    power(true).until(Stage::Executed)
}

fn limit_inbox(config: &mut Config, limit: u16) {
    (config.inbox_states.limit, config.inbox_messages.limit) = (limit, limit);
}

fn production() -> Pair {
    let mut pair = Pair::production(LATENCY);
    pair.connect();
    pair
}

fn hub() -> Solo {
    Solo::greeted(listener())
}

/// Loses the packets of one direction and type whose place among their like, from 0, is listed.
fn lose(pair: &mut Pair, from: Direction, kind: PacketType, places: &'static [usize]) {
    let mut seen = 0;
    pair.fate = Box::new(move |direction, bytes| {
        if direction != from || bytes[0] != kind.byte() {
            return Copies::One;
        }
        seen += 1;
        if places.contains(&(seen - 1)) { Copies::None } else { Copies::One }
    });
}

/// The message number and the counter of a `0x73`.
fn numbers(bytes: &[u8]) -> (MsgId, u32) {
    let Ok(Packet::DataChannel(channel)) = Packet::decode(bytes, ChecksumMode::Strict) else {
        panic!("{bytes:02x?} is a 73");
    };
    (channel.prefix.msg_id, channel.frame.counter)
}

fn ack(msg_id: MsgId, status: StatusCode) -> Packet<'static> {
    Packet::DataAck(Ack { endpoint: ENDPOINT, msg_id, status })
}

fn channel(msg_id: u16, frame: Frame<'_>) -> Channel<'_> {
    Channel { prefix: Prefix { endpoint: ENDPOINT, msg_id: MsgId(msg_id), flag: 0 }, frame }
}

fn result(counter: u32, data: &[u8]) -> Packet<'_> {
    Packet::DataChannel(channel(900, Frame::response(counter, op::POWER, data)))
}

fn request(n: u16) -> Packet<'static> {
    Packet::DataChannel(channel(n, Frame::request(u32::from(n), op::POWER, &[1, 2, 3])))
}

fn announcement(n: u16) -> Packet<'static> {
    Packet::StatusBroadcast(channel(n, Frame::announce(u32::from(n), op::STATUS, &[0; 19])))
}

/// Sends, and returns the numbers of what was handed over.
fn send<const N: usize, const M: usize>(
    solo: &mut Solo<N, M>,
    request: Request<'_>,
) -> (MsgId, u32) {
    solo.session.send(solo.now, request).expect("there is room");
    let out = solo.out();
    assert_eq!(out.len(), 1);
    numbers(&out[0])
}

/// Sends, and hands nothing over.
fn queue(solo: &mut Solo, request: Request<'_>) -> MessageId {
    solo.session.send(solo.now, request).expect("there is room")
}

fn done<const N: usize, const M: usize>(solo: &mut Solo<N, M>) -> Vec<Outcome> {
    solo.done().into_iter().map(|(outcome, _)| outcome).collect()
}

fn kinds(packets: &[Vec<u8>]) -> Vec<u8> {
    packets.iter().map(|packet| packet[0]).collect()
}

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = listener();
    change(&mut config);
    config
}

/// A session that was never connected.
fn unconnected(config: Config) -> Solo {
    Solo { session: Box::new(Session::new(config, 1).expect("it is right")), now: at(0) }
}

/// Ends the connection, and makes and greets another one.
fn reconnect(solo: &mut Solo) {
    solo.session.handle_disconnected(solo.now, Disconnect::Peer);
    solo.session.handle_connected(solo.now);
    if solo.out_one().is_none() {
        solo.feed(&hello());
        assert_eq!(solo.out_one().map(|packet| packet[0]), Some(0x28));
    } else {
        solo.hear(&Packet::HelloAck(LoginAck { status: StatusCode::OK, reserved: 0 }));
    }
}

/// What is handed over up to a time, and when, in milliseconds; every deadline is kept.
fn handed_until(solo: &mut Solo, end: Instant) -> Vec<(u64, Vec<u8>)> {
    let mut handed = Vec::new();
    loop {
        let now = solo.now.as_micros() / 1_000;
        handed.extend(solo.out().into_iter().map(|packet| (now, packet)));
        match solo.session.poll_timeout() {
            Some(next) if next.at <= end => {
                solo.tick();
            }
            _ => break,
        }
    }
    solo.now = solo.now.max(end);
    handed
}

/// The times of [`handed_until`] alone.
fn times_until(solo: &mut Solo, end: Instant) -> Vec<u64> {
    handed_until(solo, end).into_iter().map(|(time, _)| time).collect()
}
