use super::{DATA, Pair, STEP_US, Totals};
use crate::wire::Wire;
use cync_core::wire::{Endpoint, op};
use cync_core::{AuthCode, Config, Event, Instant, Outcome, Request, Session, Stage, State};
use std::hint::black_box;

const ENDPOINT: Endpoint = Endpoint(0x4588_0f3a);
/// The longest packet, with every byte of it stuffed that can be.
const LONGEST: usize = 72;

/// A controller and a device of this library, driven as the contract asks: `poll_transmit`, `poll_event` and `recv` until they
/// have nothing, and `poll_timeout` after every step.
pub struct Ours<const SLOTS: usize, const SEEN: usize, const MTU: usize> {
    controller: Session<SLOTS, SEEN, MTU>,
    device: Session<SLOTS, SEEN, MTU>,
    now: Instant,
    there: Wire,
    back: Wire,
    totals: Totals,
}

/// The configurations of controller and device with so many messages in flight.
fn configs(in_flight: usize, slots: usize, seen: usize) -> [Config; 2] {
    let auth = AuthCode::new(b"0123456789abcdef").expect("16 bytes are a code");
    [Config::listener(ENDPOINT), Config::greeter(ENDPOINT, auth)].map(|mut config| {
        config.window = u16::try_from(in_flight).expect("at most 1000");
        config.queue.limit = u16::try_from(slots - in_flight).expect("at most 1024");
        config.inbox_states.limit = 1;
        config.inbox_messages.limit = u16::try_from(slots - 1).expect("at most 1024");
        config.counters = 1;
        config.id_window = u16::try_from(seen).expect("at most 1024");
        config
    })
}

impl<const SLOTS: usize, const SEEN: usize, const MTU: usize> Ours<SLOTS, SEEN, MTU> {
    /// A pair that is ready, with room for so many messages in flight.
    pub fn new(in_flight: usize) -> Self {
        let [hub, lamp] = configs(in_flight, SLOTS, SEEN);
        let mut pair = Self {
            controller: Session::new(hub, 1).expect("the configuration is sound"),
            device: Session::new(lamp, 2).expect("the configuration is sound"),
            now: Instant::ZERO,
            there: Wire::new(in_flight, LONGEST),
            back: Wire::new(in_flight, LONGEST),
            totals: Totals::default(),
        };
        let now = pair.now;
        pair.controller.handle_connected(now);
        pair.device.handle_connected(now);
        transmit(&mut pair.device, now, &mut pair.back);
        let greeting = pair.back.drain();
        assert_eq!(pair.controller.handle_input(now, greeting), greeting.len());
        transmit(&mut pair.controller, now, &mut pair.there);
        let answer = pair.there.drain();
        assert_eq!(pair.device.handle_input(now, answer), answer.len());
        pair.take_events();
        assert_eq!([pair.controller.state(), pair.device.state()], [State::Ready; 2]);
        pair
    }

    fn submit(&mut self) {
        self.now = Instant::from_micros(self.now.as_micros() + STEP_US);
        let request = Request::frame(op::COMBINED, black_box(&DATA));
        black_box(self.controller.send(self.now, request)).expect("there is room");
        self.totals.sent += 1;
    }

    fn deliver(&mut self) {
        let Self { device, now, back, totals, .. } = self;
        while let Some(event) = device.poll_event() {
            if event == Event::Readable {
                while let Some(delivery) = device.recv(*now) {
                    black_box(delivery.data);
                    totals.delivered += 1;
                }
            }
        }
        transmit(device, *now, back);
        black_box(device.poll_timeout());
    }

    fn take_events(&mut self) {
        while let Some(event) = self.controller.poll_event() {
            let acked = Outcome::Reached(Stage::Acked);
            if matches!(event, Event::Done { outcome, .. } if outcome == acked) {
                self.totals.completed += 1;
            }
        }
        black_box(self.controller.poll_timeout());
    }
}

fn transmit<const SLOTS: usize, const SEEN: usize, const MTU: usize>(
    from: &mut Session<SLOTS, SEEN, MTU>,
    now: Instant,
    wire: &mut Wire,
) {
    while let Some(packet) = from.poll_transmit(now, wire.room()).expect("the packet fits") {
        wire.push(packet.len);
    }
}

impl<const SLOTS: usize, const SEEN: usize, const MTU: usize> Pair for Ours<SLOTS, SEEN, MTU> {
    #[inline]
    fn send(&mut self) {
        self.submit();
        transmit(&mut self.controller, self.now, &mut self.there);
    }

    #[inline]
    fn complete(&mut self) {
        let packet = black_box(self.there.pop()).expect("a packet is under way");
        assert_eq!(self.device.handle_input(self.now, packet), packet.len());
        self.deliver();
        while let Some(answer) = black_box(self.back.pop()) {
            assert_eq!(self.controller.handle_input(self.now, answer), answer.len());
        }
        self.take_events();
    }

    fn burst(&mut self, messages: usize) {
        (0..messages).for_each(|_| self.submit());
        transmit(&mut self.controller, self.now, &mut self.there);
        let mut taken = 0;
        loop {
            let bytes = &black_box(self.there.drain())[taken..];
            if bytes.is_empty() {
                break;
            }
            // Fewer than all if the answers to all are more than it can owe.
            taken += self.device.handle_input(self.now, bytes);
            self.deliver();
        }
        let answers = black_box(self.back.drain());
        assert_eq!(self.controller.handle_input(self.now, answers), answers.len());
        self.take_events();
    }

    fn totals(&self) -> Totals {
        for stats in [self.controller.stats(), self.device.stats()] {
            let again = stats.retransmissions.total() + stats.duplicates + stats.unmatched_answers;
            assert_eq!((again, stats.ack_timeouts, stats.decode_errors.total()), (0, 0, 0));
        }
        self.totals
    }
}
