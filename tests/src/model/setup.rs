//! What a case is made of beside its operations: the two configurations.

use crate::solo::{AUTH, ENDPOINT};
use cync_core::wire::StatusCode;
use cync_core::{
    AckTimer, Acknowledge, AuthCode, Backoff, Config, Greeting, Queue, QueuePolicy, RetryBudget,
    RetryPolicy,
};
use cync_sim::Size;
use std::num::NonZeroU16;
use std::time::Duration;

/// Bytes that decide a [`Setup`].
pub const SETUP_LEN: usize = 40;

/// One of the two sides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// One.
    Hub,
    /// The other.
    Lamp,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Hub, Self::Lamp];

    /// The one at the other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Hub => Self::Lamp,
            Self::Lamp => Self::Hub,
        }
    }
}

/// What may differ between the two sides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Own {
    /// How large the session is.
    pub size: Size,
    /// Where it starts to count.
    pub seed: u64,
    /// `Config::window`.
    pub window: u16,
    /// `Config::queue`.
    pub queue: Queue,
    /// `Config::retry`.
    pub retry: RetryPolicy,
    /// `Config::retry_budget`.
    pub budget: RetryBudget,
    /// `Config::ack_timer`.
    pub timer: AckTimer,
    /// `Config::deadline`, in milliseconds.
    pub deadline: u64,
    /// `Config::ride_through`.
    pub ride_through: bool,
    /// `Config::acknowledge`.
    pub acknowledge: Acknowledge,
    /// `Config::inbox_states`.
    pub states: Queue,
    /// `Config::inbox_messages`.
    pub messages: Queue,
}

/// The two configurations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setup {
    /// One side.
    pub hub: Own,
    /// The other side.
    pub lamp: Own,
    /// Who greets.
    pub greeter: Side,
    /// `Config::copy_lifetime` of both, in milliseconds.
    pub copy_lifetime: u64,
    /// `Config::counters` of both.
    pub counters: u8,
    /// `Config::id_window` of both, unless a window is larger or the memory smaller.
    pub id_window: u16,
    /// `Config::heartbeat` of the side that greets and `Config::silence` of both, in milliseconds.
    pub liveness: (u64, u64),
    /// `Config::packet_timeout` of both, in milliseconds.
    pub packet_timeout: u64,
    /// Remember accepted messages not a moment longer than their sender may repeat them.
    pub tight_memory: bool,
}

const ACK_TIMER: AckTimer = AckTimer {
    initial: Duration::from_secs(1),
    floor: Duration::from_millis(250),
    ceiling: Duration::from_secs(5),
};

impl Own {
    /// The defaults of a session.
    pub const DEFAULT: Self = Self {
        size: Size::Full,
        seed: 1,
        window: 16,
        queue: Queue::new(100, QueuePolicy::Block),
        retry: RetryPolicy {
            max_attempts: None,
            backoff: Backoff::Flat,
            jitter: Duration::ZERO,
            retry_on: &[],
        },
        budget: RetryBudget { percent: 100, per_second: 10, burst: 10 },
        timer: ACK_TIMER,
        deadline: 5_000,
        ride_through: false,
        acknowledge: Acknowledge::Automatically,
        states: Queue::new(50, QueuePolicy::DropOldest),
        messages: Queue::new(50, QueuePolicy::Block),
    };

    /// A session of [`Size::Small`] with every limit at its least.
    pub const SMALL: Self = Self {
        size: Size::Small,
        window: 2,
        queue: Queue::new(2, QueuePolicy::Block),
        states: Queue::new(2, QueuePolicy::DropOldest),
        messages: Queue::new(2, QueuePolicy::Block),
        ..Self::DEFAULT
    };
}

impl Setup {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        hub: Own::DEFAULT,
        lamp: Own { seed: 2, ..Own::DEFAULT },
        greeter: Side::Hub,
        copy_lifetime: 2_000,
        counters: 4,
        id_window: 256,
        liveness: (21_000, 60_000),
        packet_timeout: 10_000,
        tight_memory: false,
    };

    /// Two small sessions.
    pub const SMALL: Self = Self {
        hub: Own::SMALL,
        lamp: Own { seed: 2, ..Own::SMALL },
        counters: 2,
        id_window: 6,
        ..Self::DEFAULT
    };

    /// What one side may choose.
    pub const fn own(&self, side: Side) -> &Own {
        match side {
            Side::Hub => &self.hub,
            Side::Lamp => &self.lamp,
        }
    }

    /// Whether a full queue drops its oldest message on either side.
    pub(crate) fn drops_what_waits(&self) -> bool {
        [&self.hub, &self.lamp].iter().any(|own| own.queue.policy == QueuePolicy::DropOldest)
    }

    /// Messages of each counter that a side remembers: its share, rounded down to a power of two.
    pub(crate) fn places(&self, own: &Own) -> u16 {
        let share = own.size.seen() / u16::from(self.counters);
        share.checked_ilog2().map_or(0, |log| 1 << log)
    }

    /// Message numbers that either side may have in use, and the other has to remember.
    pub fn id_window(&self) -> u16 {
        let most = self.places(&self.hub).min(self.places(&self.lamp));
        self.id_window.min(most).max(self.hub.window).max(self.lamp.window)
    }

    /// The configuration of one side.
    ///
    /// # Panics
    /// Never: the code is short enough.
    pub fn config(&self, side: Side) -> Config {
        let ms = Duration::from_millis;
        let mut config = self.without_peer(side);
        let peer = self.without_peer(side.other());
        config.peer_span = peer.span();
        config.peer_copy_lifetime = peer.copy_lifetime;
        config.dedup_ttl = config.peer_span + config.peer_copy_lifetime;
        if !self.tight_memory {
            config.dedup_ttl += ms(300_000);
        }
        config
    }

    fn without_peer(&self, side: Side) -> Config {
        let ms = Duration::from_millis;
        let own = self.own(side);
        let mut config = Config::listener(ENDPOINT);
        if side == self.greeter {
            let auth = AuthCode::new(AUTH).expect("16 bytes");
            config.greeting = Greeting::Send { auth, keepalive_s: 60 };
            config.heartbeat = Some(ms(self.liveness.0));
        }
        config.silence = ms(self.liveness.1);
        config.window = own.window;
        config.queue = own.queue;
        config.id_window = self.id_window();
        config.deadline = ms(own.deadline);
        config.retry = own.retry;
        config.retry_budget = own.budget;
        config.ack_timer = own.timer;
        config.copy_lifetime = ms(self.copy_lifetime);
        config.ride_through = own.ride_through;
        config.redial.cap = ms(2_000);
        config.packet_timeout = ms(self.packet_timeout);
        config.drain_timeout = ms(3_000);
        config.acknowledge = own.acknowledge;
        config.inbox_states = own.states;
        config.inbox_messages = own.messages;
        config.counters = self.counters;
        config
    }

    /// A setup drawn from bytes: any bytes give one that breaks no rule.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut bytes = bytes.iter().copied();
        let mut draw = |limit: u8| bytes.next().unwrap_or(0) % limit;
        let counters = [2, 4, 1][usize::from(draw(3))];
        let (hub, lamp) = (own(&mut draw, 1, counters), own(&mut draw, 2, counters));
        Self {
            hub,
            lamp,
            greeter: Side::BOTH[usize::from(draw(2))],
            copy_lifetime: [2_000, 500, 5_000][usize::from(draw(3))],
            counters,
            id_window: [256, 0, 3, 8][usize::from(draw(4))],
            liveness: [(21_000, 60_000), (900, 2_500)][usize::from(draw(2))],
            packet_timeout: [10_000, 700][usize::from(draw(2))],
            tight_memory: draw(2) == 1,
        }
    }
}

fn own(draw: &mut impl FnMut(u8) -> u8, seed: u64, counters: u8) -> Own {
    let size = [Size::Small, Size::Small, Size::Compact, Size::Full][usize::from(draw(4))];
    let plain = draw(3) == 0;
    let seed = seed + 2 * u64::from(draw(8));
    // The peer, which may be small, has to remember what is in flight.
    let window = 1 + u16::from(draw(4)).min(Size::Small.seen() / u16::from(counters) / 2 - 1);
    if plain && size == Size::Full {
        return Own { seed, window, ..Own::DEFAULT };
    }
    let ms = Duration::from_millis;
    let policies = [QueuePolicy::Block, QueuePolicy::DropOldest, QueuePolicy::Reject];
    let spare = size.slots() - window - 1;
    let queue = Queue::new(u16::from(draw(6)).min(spare), policies[usize::from(draw(3))]);
    let mut lane =
        |limit: u16| Queue::new(1 + u16::from(draw(limit as u8)), policies[usize::from(draw(3))]);
    let (states, messages) = (lane(3), lane(3));
    let max_attempts = NonZeroU16::new([0, 0, 1, 2, 4][usize::from(draw(5))]);
    let backoff = match draw(3) {
        0 => Backoff::Flat,
        1 => Backoff::Exponential { base: ms(100), cap: ms(100_000) },
        _ => Backoff::Exponential { base: ms(250), cap: ms(400) },
    };
    let retry_on: &'static [StatusCode] = [&[][..], &[StatusCode(5)]][usize::from(draw(2))];
    let jitter = ms([0, 60][usize::from(draw(2))]);
    let budget = match draw(4) {
        0 | 1 => RetryBudget::default(),
        2 => RetryBudget { percent: 0, per_second: 2, burst: 1 },
        _ => RetryBudget { percent: 50, per_second: 0, burst: 3 },
    };
    let timer = match draw(3) {
        0 => ACK_TIMER,
        1 => AckTimer::fixed(ms(300)),
        _ => AckTimer { initial: ms(400), floor: ms(60), ceiling: ms(1_000) },
    };
    Own {
        size,
        seed,
        window,
        queue,
        retry: RetryPolicy { max_attempts, backoff, jitter, retry_on },
        budget,
        timer,
        deadline: [5_000, 2_000, 12_000][usize::from(draw(3))],
        ride_through: draw(2) == 1,
        acknowledge: [Acknowledge::Automatically, Acknowledge::Manually][usize::from(draw(2))],
        states,
        messages,
    }
}
