//! One exchange: send, encode, the peer decodes, recognises repetitions, delivers and answers, the sender completes.
//!
//! - **in flight**: so many messages are under way at all times; the oldest is completed, then a new one is sent. Answers come in the
//!   order of the messages, one at a time. kcp looks at every message in flight in each `flush`.
//! - **burst**: so many messages are sent, then all of them travel, then all answers. It is kcp's best case: one `flush` serves all,
//!   datagrams are full, and the first answer completes everything.
//! - **sessions**: so many pairs, in a shuffled order, one exchange each: whatever a pair needs has left the caches in between.
//!
//! Sizes of this library's sessions stand behind its name: slots, messages remembered, longest packet.

use crate::contest::{Contender, Contest, TURN};
use crate::pairs::{Floor, KcpPair, Mqtt, Ours, Pair};

type Default = Ours<128, 1024, 4101>;
type Compact = Ours<16, 128, 1100>;
type Large = Ours<1024, 1024, 4101>;

const DEFAULT: &str = "cync 128/1024/4101";
const COMPACT: &str = "cync 16/128/1100";
const LARGE: &str = "cync 1024/1024/4101";

/// All contests about exchanges.
pub const CONTESTS: &[Contest] = &[
    Contest { name: "1 in flight", turn: TURN, contenders: one_in_flight },
    Contest {
        name: "16 in flight",
        turn: TURN,
        contenders: || in_flight::<Default>(DEFAULT, 16, Default::new),
    },
    Contest {
        name: "100 in flight",
        turn: TURN,
        contenders: || in_flight::<Default>(DEFAULT, 100, Default::new),
    },
    Contest {
        name: "1000 in flight",
        turn: TURN,
        contenders: || in_flight::<Large>(LARGE, 1000, Large::new),
    },
    Contest {
        name: "burst of 16",
        turn: TURN,
        contenders: || burst::<Default>(DEFAULT, 16, Default::new),
    },
    Contest {
        name: "burst of 100",
        turn: TURN,
        contenders: || burst::<Default>(DEFAULT, 100, Default::new),
    },
    Contest {
        name: "burst of 1000",
        turn: TURN,
        contenders: || burst::<Large>(LARGE, 1000, Large::new),
    },
    Contest { name: "100 sessions", turn: TURN, contenders: || sessions(100) },
    Contest { name: "10000 sessions", turn: TURN, contenders: || sessions(10_000) },
];

fn one_in_flight() -> Vec<Contender> {
    let mut contenders = in_flight::<Default>(DEFAULT, 1, Default::new);
    contenders.insert(1, slide(COMPACT, 1, Compact::new));
    contenders.insert(2, slide(LARGE, 1, Large::new));
    contenders
}

fn in_flight<P: Pair + 'static>(
    name: &'static str,
    in_flight: usize,
    ours: fn(usize) -> P,
) -> Vec<Contender> {
    vec![
        slide(name, in_flight, ours),
        slide("kcp", in_flight, KcpPair::<false>::new),
        slide("kcp with deadlines", in_flight, KcpPair::<true>::new),
        slide("rumqttc", in_flight, Mqtt::new),
        slide("floor", in_flight, Floor::new),
    ]
}

fn burst<P: Pair + 'static>(
    name: &'static str,
    messages: usize,
    ours: fn(usize) -> P,
) -> Vec<Contender> {
    vec![
        bursts(name, messages, ours),
        bursts("kcp", messages, KcpPair::<false>::for_bursts),
        bursts("rumqttc", messages, Mqtt::new),
        bursts("floor", messages, Floor::new),
    ]
}

fn sessions(count: usize) -> Vec<Contender> {
    vec![
        visit(DEFAULT, count, Default::new),
        visit(COMPACT, count, Compact::new),
        visit("kcp", count, KcpPair::<false>::new),
        visit("kcp with deadlines", count, KcpPair::<true>::new),
        visit("rumqttc", count, Mqtt::new),
        visit("floor", count, Floor::new),
    ]
}

fn slide<P: Pair + 'static>(
    name: &'static str,
    in_flight: usize,
    pair: fn(usize) -> P,
) -> Contender {
    let mut pair = Box::new(pair(in_flight));
    (0..in_flight).for_each(|_| pair.send());
    Contender::new(name, move |exchanges| {
        for _ in 0..exchanges {
            pair.complete();
            pair.send();
        }
        audit(&*pair, in_flight as u64);
    })
}

fn bursts<P: Pair + 'static>(
    name: &'static str,
    messages: usize,
    pair: fn(usize) -> P,
) -> Contender {
    let mut pair = Box::new(pair(messages));
    Contender::new(name, move |mut exchanges| {
        while exchanges > 0 {
            let now = exchanges.min(messages as u64);
            pair.burst(now as usize);
            exchanges -= now;
        }
        audit(&*pair, 0);
    })
}

fn visit<P: Pair + 'static>(name: &'static str, count: usize, pair: fn(usize) -> P) -> Contender {
    let mut pairs: Vec<_> = (0..count).map(|_| Box::new(pair(1))).collect();
    shuffle(&mut pairs);
    for pair in &mut pairs {
        pair.send();
        pair.complete();
    }
    let mut at = 0;
    Contender::new(name, move |exchanges| {
        for _ in 0..exchanges {
            let pair = &mut pairs[at];
            pair.send();
            pair.complete();
            at = (at + 1) % count;
        }
        audit(&*pairs[at], 0);
    })
}

/// Every message was delivered and completed once, but for those under way.
fn audit(pair: &impl Pair, in_flight: u64) {
    let totals = pair.totals();
    let done = totals.sent - in_flight;
    assert_eq!((totals.delivered, totals.completed), (done, done));
}

/// Always the same order, and none that a prefetcher knows.
fn shuffle<T>(items: &mut [T]) {
    for at in (1..items.len()).rev() {
        let other = cync_core::mix(at as u64) % (at as u64 + 1);
        items.swap(at, other as usize);
    }
}
