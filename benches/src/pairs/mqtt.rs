use super::{DATA, Pair, Totals};
use bytes::{Bytes, BytesMut};
use rumqttc::{Event, Incoming, MqttState, Packet, Publish, QoS, Request};
use std::hint::black_box;

/// The longest packet either side takes.
const LONGEST: usize = 10 * 1024;

/// Two states of rumqttc's client (MQTT 3.1.1) that publish and acknowledge with quality of service 1: at least once, so the receiver
/// recognises no repetition, and there is no checksum.
///
/// Topic and payload of every message are made before and cloned, as cheap as `Publish` allows. The states read the clock themselves.
pub struct Mqtt {
    sender: MqttState,
    receiver: MqttState,
    there: BytesMut,
    back: BytesMut,
    message: Publish,
    totals: Totals,
}

impl Mqtt {
    /// A pair with room for so many messages in flight.
    pub fn new(in_flight: usize) -> Self {
        let in_flight = u16::try_from(in_flight).expect("at most 1000");
        Self {
            sender: MqttState::new(in_flight, false),
            receiver: MqttState::new(in_flight, false),
            there: BytesMut::with_capacity(64 * usize::from(in_flight)),
            back: BytesMut::with_capacity(64 * usize::from(in_flight)),
            message: Publish::from_bytes("lamp/1", QoS::AtLeastOnce, Bytes::from_static(&DATA)),
            totals: Totals::default(),
        }
    }

    /// Takes the oldest packet off the way there; false if there is none.
    fn deliver(&mut self) -> bool {
        let Ok(packet) = Packet::read(black_box(&mut self.there), LONGEST) else { return false };
        let answer = self.receiver.handle_incoming_packet(packet).expect("the packet is sound");
        while let Some(event) = self.receiver.events.pop_front() {
            if let Event::Incoming(Incoming::Publish(publish)) = event {
                black_box(&publish.payload);
                self.totals.delivered += 1;
            }
        }
        let answer = answer.expect("it is acknowledged");
        answer.write(&mut self.back, LONGEST).expect("the packet is short");
        true
    }

    /// Takes the oldest answer off the way back; false if there is none.
    fn take_answer(&mut self) -> bool {
        let Ok(packet) = Packet::read(black_box(&mut self.back), LONGEST) else { return false };
        let next = self.sender.handle_incoming_packet(packet).expect("the packet is sound");
        assert!(next.is_none(), "no number is used twice");
        while let Some(event) = self.sender.events.pop_front() {
            self.totals.completed += u64::from(matches!(event, Event::Incoming(_)));
        }
        true
    }
}

impl Pair for Mqtt {
    #[inline]
    fn send(&mut self) {
        let request = Request::Publish(black_box(&self.message).clone());
        let packet = self.sender.handle_outgoing_packet(request).expect("there is room");
        let packet = packet.expect("its number is free");
        packet.write(&mut self.there, LONGEST).expect("the packet is short");
        self.totals.sent += 1;
    }

    #[inline]
    fn complete(&mut self) {
        assert!(self.deliver() && self.take_answer());
    }

    fn burst(&mut self, messages: usize) {
        (0..messages).for_each(|_| self.send());
        while self.deliver() {}
        while self.take_answer() {}
    }

    fn totals(&self) -> Totals {
        self.totals
    }
}
