use super::{DATA, Pair, STEP_US, Totals};
use crate::wire::Wire;
use kcp::Kcp;
use std::cell::RefCell;
use std::hint::black_box;
use std::io::{self, Write};
use std::rc::Rc;

/// Both peers speak of the same conversation.
const CONVERSATION: u32 = 7;
/// What kcp's own header adds to every message.
const OVERHEAD: usize = 24;
/// kcp's default for the longest datagram.
const DATAGRAM: usize = 1400;

/// Two control blocks of the crate `kcp`, a reliable and ordered layer over datagrams.
///
/// Settings in its favour: `nodelay`, no congestion control, no fast re-transmission (nothing is lost), windows as large as the number
/// in flight, and `flush` at once. `update` is called once a millisecond, as it counts in milliseconds.
///
/// With `DEADLINES` both peers are also told the time before, and asked with `check` for their next deadline after each step, as a
/// driver has to. `check` looks at every message in flight.
pub struct KcpPair<const DEADLINES: bool> {
    sender: Kcp<Datagrams>,
    receiver: Kcp<Datagrams>,
    now_us: u64,
    there: Datagrams,
    back: Datagrams,
    /// Datagrams that must have been written, if nothing was written twice.
    expected: u64,
    totals: Totals,
}

#[derive(Clone)]
struct Datagrams(Rc<RefCell<Wire>>, Rc<RefCell<u64>>);

impl Datagrams {
    fn new(in_flight: usize, longest: usize) -> Self {
        let wire = Wire::new(in_flight, longest);
        Self(Rc::new(RefCell::new(wire)), Rc::default())
    }
}

impl Write for Datagrams {
    #[inline]
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        wire.room()[..datagram.len()].copy_from_slice(datagram);
        wire.push(datagram.len());
        *self.1.borrow_mut() += 1;
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<const DEADLINES: bool> KcpPair<DEADLINES> {
    /// A pair for single messages.
    pub fn new(in_flight: usize) -> Self {
        Self::with_datagrams(in_flight, OVERHEAD + DATA.len())
    }

    /// A pair for bursts, in datagrams as long as may be.
    pub fn for_bursts(in_flight: usize) -> Self {
        Self::with_datagrams(in_flight, DATAGRAM)
    }

    fn with_datagrams(in_flight: usize, longest: usize) -> Self {
        let window = u16::try_from(in_flight).expect("at most 1000");
        let (there, back) =
            (Datagrams::new(in_flight, longest), Datagrams::new(in_flight, longest));
        let [sender, receiver] = [&there, &back].map(|out| {
            let mut kcp = Kcp::new(CONVERSATION, out.clone());
            kcp.set_nodelay(true, 10, 0, true);
            kcp.set_wndsize(window, window);
            kcp.update(0).expect("nothing is written yet");
            kcp
        });
        let totals = Totals::default();
        let mut pair = Self { sender, receiver, now_us: 0, there, back, expected: 0, totals };
        // The sender learns the receiver's window from its first answer.
        pair.send();
        pair.complete();
        pair
    }

    /// Time for so many messages passes.
    #[inline]
    fn pass_time(&mut self, messages: usize) {
        let before = self.now_ms();
        self.now_us += STEP_US * messages as u64;
        let now = self.now_ms();
        if DEADLINES || now != before {
            self.sender.update(now).expect("the wire takes everything");
            self.receiver.update(now).expect("the wire takes everything");
        }
    }

    #[inline]
    fn now_ms(&self) -> u32 {
        // It wraps after 49 days, and no bench takes as long.
        (self.now_us / 1000) as u32
    }

    #[inline]
    fn submit(&mut self) {
        self.sender.send(black_box(&DATA)).expect("there is room");
        self.totals.sent += 1;
    }

    fn deliver(&mut self) {
        let mut data = [0; DATA.len()];
        while let Ok(len) = self.receiver.recv(&mut data) {
            black_box(&data[..len]);
            self.totals.delivered += 1;
        }
        self.receiver.flush().expect("the wire takes everything");
        if DEADLINES {
            black_box(self.receiver.check(self.now_ms()));
        }
    }

    fn take_answers(&mut self) {
        let before = self.sender.wait_snd();
        let mut wire = self.back.0.borrow_mut();
        while let Some(answer) = black_box(wire.pop()) {
            self.sender.input(answer).expect("the datagram is sound");
        }
        self.totals.completed += (before - self.sender.wait_snd()) as u64;
        if DEADLINES {
            black_box(self.sender.check(self.now_ms()));
        }
    }
}

impl<const DEADLINES: bool> Pair for KcpPair<DEADLINES> {
    #[inline]
    fn send(&mut self) {
        self.pass_time(1);
        self.submit();
        self.sender.flush().expect("the wire takes everything");
        self.expected += 1;
    }

    #[inline]
    fn complete(&mut self) {
        {
            let mut wire = self.there.0.borrow_mut();
            let datagram = black_box(wire.pop()).expect("a datagram is under way");
            self.receiver.input(datagram).expect("the datagram is sound");
        }
        self.deliver();
        self.take_answers();
        self.expected += 1;
    }

    fn burst(&mut self, messages: usize) {
        self.pass_time(messages);
        (0..messages).for_each(|_| self.submit());
        self.sender.flush().expect("the wire takes everything");
        {
            let mut wire = self.there.0.borrow_mut();
            while let Some(datagram) = black_box(wire.pop()) {
                self.receiver.input(datagram).expect("the datagram is sound");
            }
        }
        self.deliver();
        self.take_answers();
        let [a_message, an_answer] =
            [OVERHEAD + DATA.len(), OVERHEAD].map(|len| messages.div_ceil(DATAGRAM / len) as u64);
        self.expected += a_message + an_answer;
    }

    fn totals(&self) -> Totals {
        let datagrams = *self.there.1.borrow() + *self.back.1.borrow();
        assert_eq!(datagrams, self.expected, "something was transmitted twice");
        self.totals
    }
}
