//! Two peers each, with a wire between them that neither loses, delays nor reorders.

mod floor;
mod kcp;
mod mqtt;
mod ours;

pub use floor::Floor;
pub use kcp::KcpPair;
pub use mqtt::Mqtt;
pub use ours::Ours;

/// The data of a message. With this library's framing it becomes a packet of 40 bytes, with kcp's one of 41.
pub const DATA: [u8; 17] = [0x11; 17];

/// Microseconds between one message and the next. A thousand in flight then take 20 ms from the first to the last, less than the
/// shortest timer of any contender, and nothing is ever transmitted twice.
const STEP_US: u64 = 20;

/// A sender, a receiver, and what is under way between them.
pub trait Pair {
    /// Sends one message. Its packet is under way.
    fn send(&mut self);

    /// The oldest packet under way arrives, is delivered and is answered; the answer arrives and completes the message.
    fn complete(&mut self);

    /// Sends so many messages at once, which arrive, are delivered, answered and completed at once.
    fn burst(&mut self, messages: usize);

    /// Messages sent, delivered and completed so far.
    ///
    /// # Panics
    /// If anything was transmitted or received twice.
    fn totals(&self) -> Totals;
}

/// What a [`Pair`] has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// Messages sent.
    pub sent: u64,
    /// Messages the receiver's application got.
    pub delivered: u64,
    /// Messages the sender's application knows to be received.
    pub completed: u64,
}
