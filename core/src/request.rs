//! What an application asks a session to send.

use crate::wire::{Command, Endpoint, MsgId, PacketType};
use core::fmt;
use core::time::Duration;

/// How far a message has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// Handed over to the connection. It says nothing about the peer.
    Sent,
    /// The peer acknowledged that it received the message. It says nothing about validity or execution.
    Acked,
    /// The peer reported that it executed the message.
    Executed,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sent => "sent",
            Self::Acked => "acknowledged",
            Self::Executed => "executed",
        })
    }
}

/// What to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Body<'a> {
    Command(Command),
    Frame { op: u8, data: &'a [u8] },
    Announce { op: u8, data: &'a [u8] },
    Raw { kind: PacketType, payload: &'a [u8] },
    Probe,
}

/// A message to send, and how hard to try.
///
/// ```
/// use cync_core::wire::{Command, Destination};
/// use cync_core::{Request, Stage};
///
/// let lamp = Destination::device(5).ok_or("1 to 254")?;
/// let request = Request::from(Command::Power { to: lamp, on: true }).until(Stage::Executed);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'a> {
    pub(crate) body: Body<'a>,
    pub(crate) until: Stage,
    pub(crate) once: bool,
    pub(crate) deadline: Option<Duration>,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) msg_id: Option<MsgId>,
}

impl<'a> Request<'a> {
    const fn new(body: Body<'a>, until: Stage) -> Self {
        Self { body, until, once: false, deadline: None, endpoint: None, msg_id: None }
    }

    /// A request frame in a `0x73`, by operation and data: for operations that [`Command`] does not know.
    pub const fn frame(op: u8, data: &'a [u8]) -> Self {
        Self::new(Body::Frame { op, data }, Stage::Acked)
    }

    /// An announcement frame in a `0x83`. It is handed over once: devices never repeat their announcements.
    pub const fn announce(op: u8, data: &'a [u8]) -> Self {
        Self::new(Body::Announce { op, data }, Stage::Sent).once()
    }

    /// A `0x43`, `0x73`, `0x83` or `0xa3` with this payload behind its prefix, as it stands; of a `0x73` and a `0x83` the whole
    /// inner frame with its markers. It overlaps with no command. A `0x43` and a `0x83` are handed over once.
    ///
    /// A result names its request by the inner counter, which of a raw `0x73` is the caller's. So a result counts for one only once its
    /// receipt has come; but give those that are to be [`Stage::Executed`] and are under way at a time different counters, or the
    /// result of one counts for another that was received.
    pub const fn raw(kind: PacketType, payload: &'a [u8]) -> Self {
        match kind {
            PacketType::DeviceInfo | PacketType::StatusBroadcast => {
                Self::new(Body::Raw { kind, payload }, Stage::Sent).once()
            }
            _ => Self::new(Body::Raw { kind, payload }, Stage::Acked),
        }
    }

    /// A `0xa3`, answered by `0xab`.
    pub const fn probe() -> Self {
        Self::new(Body::Probe, Stage::Acked)
    }

    /// Transmit until this stage is reached. The default is [`Stage::Acked`]; only commands and frames can be
    /// [`Stage::Executed`].
    #[must_use]
    pub const fn until(mut self, stage: Stage) -> Self {
        self.until = stage;
        self
    }

    /// Never hand over a second copy.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Give up this long after `send`, instead of after the configured time, which is the longest.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Use this message number, instead of the session's next; refused while another message uses it, or copies of one that did
    /// may be under way. An answer to that one which comes later still is taken for one to this; and a raw payload with the number and
    /// the bytes of one that the peer remembers is answered as its repetition, and not acted on. A `0x43` has none.
    #[must_use]
    pub const fn msg_id(mut self, number: u16) -> Self {
        self.msg_id = Some(MsgId(number));
        self
    }

    /// Put this endpoint into the prefix, instead of the session's.
    #[must_use]
    pub const fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }
}

impl From<Command> for Request<'_> {
    fn from(command: Command) -> Self {
        Self::new(Body::Command(command), Stage::Acked)
    }
}
