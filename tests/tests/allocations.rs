//! A session allocates nothing, ever. In a binary of its own: whatever else ran beside it could allocate.

use cync_core::wire::{Command, Destination, MAX_PACKET, StatusCode};
use cync_core::{Event, Instant, Outcome, Request, Session, Stage};
use cync_tests::solo::{greeter, listener};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

const EXCHANGES: u32 = 10_000;
/// The first copy of every so many requests is lost, so that timers and copies are measured, too.
const LOST: u32 = 10;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[allow(unsafe_code, reason = "counting allocations needs a global allocator")]
// SAFETY: both methods hand their arguments to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// No timer of an attempt is longer here: nothing but the first one, before anything was measured.
const ACK_TIMER: Duration = Duration::from_secs(1);

/// Hands every packet that is due from one session to the other. Returns how many there were.
fn carry(from: &mut Session, to: &mut Session, now: Instant, out: &mut [u8]) -> u32 {
    let mut packets = 0;
    while let Some(transmit) = from.poll_transmit(now, out).expect("room for any packet") {
        assert_eq!(to.handle_input(now, &out[..transmit.len]), transmit.len);
        packets += 1;
    }
    packets
}

/// One request from `send` to `Done`, with its receipt, its result and its events.
fn exchange(hub: &mut Session, lamp: &mut Session, now: &mut Instant, out: &mut [u8], lost: bool) {
    let to = Destination::device(5).expect("1 to 254");
    let request = Request::from(Command::Power { to, on: true }).until(Stage::Executed);
    let id = hub.send(*now, request).expect("room for one");
    if lost {
        assert!(hub.poll_transmit(*now, out).expect("room for any packet").is_some());
        *now = *now + ACK_TIMER;
        hub.handle_timeout(*now);
    }
    assert_eq!(carry(hub, lamp, *now, out), 1);
    let delivery = lamp.recv(*now).and_then(|delivery| delivery.id()).expect("a request came");
    lamp.report(*now, delivery, StatusCode::OK).expect("room for a result");
    assert_eq!(carry(lamp, hub, *now, out), 2, "the receipt and the result");
    let done = std::iter::from_fn(|| hub.poll_event()).find_map(|event| match event {
        Event::Done { id: done, outcome, .. } if done == id => Some(outcome),
        _ => None,
    });
    assert_eq!(done, Some(Outcome::Reached(Stage::Executed)));
    while hub.poll_event().is_some() || lamp.poll_event().is_some() {}
    assert!(hub.recv(*now).is_none());
    *now = *now + Duration::from_millis(1);
}

#[test]
fn ten_thousand_exchanges_allocate_nothing() {
    let mut hub: Box<Session> = Box::new(Session::new(listener(), 1).expect("sound"));
    let mut lamp: Box<Session> = Box::new(Session::new(greeter(), 2).expect("sound"));
    let (mut now, mut out) = (Instant::ZERO, [0; MAX_PACKET]);
    let before = ALLOCATIONS.get();
    assert!(before > 0, "the sessions' boxes were counted");

    hub.handle_connected(now);
    lamp.handle_connected(now);
    carry(&mut lamp, &mut hub, now, &mut out);
    carry(&mut hub, &mut lamp, now, &mut out);
    for number in 0..EXCHANGES {
        let lost = number % LOST == LOST - 1;
        exchange(&mut hub, &mut lamp, &mut now, &mut out, lost);
    }

    let allocations = ALLOCATIONS.get() - before;
    assert_eq!(hub.stats().retransmissions.total(), u64::from(EXCHANGES / LOST));
    assert_eq!(black_box(allocations), 0);
}
