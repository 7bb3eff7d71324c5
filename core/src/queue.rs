//! What a full queue does with one message more.

/// What to do when a queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum QueuePolicy {
    /// The new message waits outside until there is room: `send` says so, input is not taken.
    Block,
    /// The oldest message that nobody has seen makes room.
    DropOldest,
    /// The new message is turned away, and whoever sent it is told.
    Reject,
}

/// A bounded queue.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Queue {
    /// Messages at most.
    pub limit: u16,
    /// What to do with one more.
    pub policy: QueuePolicy,
}

impl Queue {
    /// A queue of at most `limit` messages with this policy.
    pub const fn new(limit: u16, policy: QueuePolicy) -> Self {
        Self { limit, policy }
    }
}
