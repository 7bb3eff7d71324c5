//! An accepted connection whose endpoint is not known yet.

use crate::config::MAX_AUTH;
use crate::error::{DecodeError, EncodeError, TooSmall};
use crate::time::Instant;
use crate::wire::{
    ChecksumMode, Endpoint, HEADER_LEN, LOGIN_OVERHEAD, Login, LoginAck, Packet, PacketType,
    Secret, StatusCode,
};
use core::fmt;
use core::num::NonZeroU8;
use core::time::Duration;
use heapless::Vec;
use thiserror::Error;

/// The longest payload of a greeting.
const MAX_PAYLOAD: usize = LOGIN_OVERHEAD + MAX_AUTH;
/// The longest greeting: all that is ever held.
const MAX_GREETING: usize = HEADER_LEN + MAX_PAYLOAD;

/// Why a connection was not greeted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum GreetError {
    /// The greeting was not whole in time.
    #[error("the peer did not greet in time")]
    Timeout,
    /// The greeting's header declares more than any greeting has.
    #[error("a greeting of {declared} bytes is longer than the {MAX_PAYLOAD} that are taken")]
    TooLong {
        /// The declared payload length.
        declared: u32,
    },
    /// The first byte is not the type of a greeting.
    #[error("the peer does not greet: its first byte is {0:#04x}")]
    NotAGreeting(u8),
    /// The greeting is malformed.
    #[error("the greeting is malformed: {0}")]
    Decode(DecodeError),
}

/// A whole greeting (`docs/protocol.md`, section 3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hello<'a> {
    /// Who greets.
    pub endpoint: Endpoint,
    /// [`PacketType::Handshake`] of a device, [`PacketType::AppLogin`] of an application.
    pub kind: PacketType,
    /// Seconds of silence after which the sender may be taken for dead, in its own words.
    pub keepalive_s: u16,
    auth: Secret<'a>,
}

impl<'a> Hello<'a> {
    const fn new(kind: PacketType, login: Login<'a>) -> Self {
        let Login { endpoint, auth, keepalive_s, .. } = login;
        Self { endpoint, kind, keepalive_s, auth }
    }

    /// The authentication code, which proves who greets to whoever knows it.
    pub const fn auth(&self) -> Secret<'a> {
        self.auth
    }
}

/// Leaves the authentication code out.
impl fmt::Debug for Hello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello")
            .field("endpoint", &self.endpoint)
            .field("kind", &self.kind)
            .field("keepalive_s", &self.keepalive_s)
            .field("auth_len", &self.auth.len())
            .finish()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    Reading,
    Whole,
    Failed(GreetError),
}

/// Reads the greeting of an accepted connection, and nothing else, so that the session of its endpoint can take over.
///
/// It holds one greeting at most, and takes none of the bytes behind it. What a header declares is checked before anything
/// is held for it. When [`Greeter::poll`] has a [`Hello`], and the driver has found the endpoint's session (and checked the
/// authentication code, if it knows it), it calls [`Session::handle_connected`](crate::Session::handle_connected), feeds
/// [`Greeter::bytes`] to [`Session::handle_input`](crate::Session::handle_input), which answers the greeting, and goes on
/// with the bytes that the greeter did not take.
///
/// ```
/// use cync_core::wire::{Endpoint, Login, Packet, Secret};
/// use cync_core::{Config, Greeter, Instant, Session, State};
/// use core::time::Duration;
///
/// let mut stream = [0; 64];
/// let login = Login::new(Endpoint(7), Secret::new(b"0123456789abcdef"), 60);
/// let len = Packet::Handshake(login).encode(&mut stream)?;
///
/// let now = Instant::ZERO;
/// let mut greeter = Greeter::new(now, Duration::from_secs(5));
/// assert_eq!(greeter.handle_input(now, &stream), len);
/// let hello = greeter.poll().ok_or("it is whole")??;
/// assert_eq!(hello.endpoint, Endpoint(7));
///
/// let mut session: Session = Session::new(Config::listener(hello.endpoint), 1)?;
/// session.handle_connected(now);
/// assert_eq!(session.handle_input(now, greeter.bytes()), len);
/// assert_eq!(session.state(), State::Ready);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Greeter {
    held: Vec<u8, MAX_GREETING>,
    deadline: Instant,
    progress: Progress,
}

/// Leaves the bytes out: they are those of a greeting.
impl fmt::Debug for Greeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Greeter")
            .field("held", &self.held.len())
            .field("deadline", &self.deadline)
            .field("progress", &self.progress)
            .finish()
    }
}

impl Greeter {
    /// A greeter for a connection that was accepted now and has to greet before `timeout` has passed:
    /// [`Config::greeting_timeout`](crate::Config::greeting_timeout) of the sessions it is for.
    pub fn new(now: Instant, timeout: Duration) -> Self {
        Self { held: Vec::new(), deadline: now + timeout, progress: Progress::Reading }
    }

    /// Bytes came. Returns how many were taken: those of the greeting that were missing; none once [`Greeter::poll`] has a
    /// result, and none when the time is over. Any way of splitting the same bytes takes the same ones.
    #[must_use = "bytes that were not taken are the session's"]
    pub fn handle_input(&mut self, now: Instant, bytes: &[u8]) -> usize {
        self.handle_timeout(now);
        let mut rest = bytes;
        while self.progress == Progress::Reading {
            match self.missing() {
                Err(error) => self.progress = Progress::Failed(error),
                Ok(0) => {
                    self.progress = self.hello().map_or_else(Progress::Failed, |_| Progress::Whole)
                }
                Ok(missing) => {
                    let (piece, behind) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
                    if piece.is_empty() || self.held.extend_from_slice(piece).is_err() {
                        break;
                    }
                    rest = behind;
                }
            }
        }
        bytes.len().saturating_sub(rest.len())
    }

    /// The time of [`Greeter::poll_timeout`] has come. Earlier or later does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.progress == Progress::Reading && self.deadline <= now {
            self.progress = Progress::Failed(GreetError::Timeout);
        }
    }

    /// When to call [`Greeter::handle_timeout`], if nothing else happens before; `None` when there is a result.
    pub fn poll_timeout(&self) -> Option<Instant> {
        (self.progress == Progress::Reading).then_some(self.deadline)
    }

    /// The result, the same at every call; `None` as long as there is none. After an error the connection is of no use.
    pub fn poll(&self) -> Option<Result<Hello<'_>, GreetError>> {
        match self.progress {
            Progress::Reading => None,
            Progress::Whole => Some(self.hello()),
            Progress::Failed(error) => Some(Err(error)),
        }
    }

    /// The whole greeting, header included, for the session that takes over; empty unless [`Greeter::poll`] has a
    /// [`Hello`]. The authentication code is part of it: never show these bytes.
    pub fn bytes(&self) -> &[u8] {
        if self.progress == Progress::Whole { &self.held } else { &[] }
    }

    /// Writes the answer that refuses the greeting, and returns its length in bytes: `0x18` to an application, `0x28` to
    /// everybody else, with `status`. Then close the connection.
    ///
    /// # Errors
    /// If `out` is shorter than the answer.
    pub fn refuse(&self, status: NonZeroU8, out: &mut [u8]) -> Result<usize, TooSmall> {
        let ack = LoginAck { status: StatusCode(status.get()), reserved: 0 };
        let answer = match self.kind() {
            Some(PacketType::AppLogin) => Packet::AppLoginAck(ack),
            _ => Packet::HelloAck(ack),
        };
        let have = out.len();
        answer.encode(out).map_err(|error| match error {
            EncodeError::TooSmall(too_small) => too_small,
            EncodeError::TooLarge { declared, .. } => TooSmall { needed: declared, have },
        })
    }

    fn kind(&self) -> Option<PacketType> {
        self.held.first().copied().and_then(PacketType::from_byte)
    }

    /// Bytes that are missing, as far as is known: of the type, then of the header, then of the payload.
    fn missing(&self) -> Result<usize, GreetError> {
        let is_greeting = matches!(self.kind(), Some(PacketType::Handshake | PacketType::AppLogin));
        match *self.held.as_slice() {
            [] => Ok(1),
            [first, ..] if !is_greeting => Err(GreetError::NotAGreeting(first)),
            [_, l0, l1, l2, l3, ref payload @ ..] => {
                let declared = u32::from_be_bytes([l0, l1, l2, l3]);
                match usize::try_from(declared) {
                    Ok(len) if len <= MAX_PAYLOAD => Ok(len.saturating_sub(payload.len())),
                    _ => Err(GreetError::TooLong { declared }),
                }
            }
            ref partial => Ok(HEADER_LEN.saturating_sub(partial.len())),
        }
    }

    fn hello(&self) -> Result<Hello<'_>, GreetError> {
        match Packet::decode(&self.held, ChecksumMode::Strict) {
            Ok(Packet::Handshake(login)) => Ok(Hello::new(PacketType::Handshake, login)),
            Ok(Packet::AppLogin(login)) => Ok(Hello::new(PacketType::AppLogin, login)),
            Ok(other) => Err(GreetError::NotAGreeting(other.kind().byte())),
            Err(error) => Err(GreetError::Decode(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::{String, ToString};

    const AUTH: &[u8] = b"c4n4ry-auth-c0de";
    const TIMEOUT: Duration = Duration::from_secs(5);

    fn greeter() -> Greeter {
        Greeter::new(Instant::ZERO, TIMEOUT)
    }

    fn greeting(kind: PacketType, auth: &[u8]) -> std::vec::Vec<u8> {
        let login = Login::new(Endpoint(7), Secret::new(auth), 60);
        let packet = match kind {
            PacketType::AppLogin => Packet::AppLogin(login),
            _ => Packet::Handshake(login),
        };
        let mut out = [0; 256];
        let len = packet.encode(&mut out).unwrap();
        out[..len].to_vec()
    }

    fn feed(greeter: &mut Greeter, bytes: &[u8]) -> usize {
        greeter.handle_input(Instant::ZERO, bytes)
    }

    fn error(greeter: &Greeter) -> Option<GreetError> {
        greeter.poll().and_then(Result::err)
    }

    #[test]
    fn a_greeting_split_at_any_byte_is_put_together() {
        for kind in [PacketType::Handshake, PacketType::AppLogin] {
            let whole = greeting(kind, AUTH);
            for at in 0..whole.len() {
                let mut greeter = greeter();
                let (head, tail) = whole.split_at(at);
                assert_eq!(feed(&mut greeter, head), head.len());
                assert!(greeter.poll().is_none() && greeter.bytes().is_empty());
                assert_eq!(feed(&mut greeter, tail), tail.len());
                let hello = greeter.poll().unwrap().unwrap();
                assert_eq!(
                    (hello.kind, hello.endpoint, hello.keepalive_s),
                    (kind, Endpoint(7), 60)
                );
                assert_eq!(hello.auth().expose(), AUTH);
                assert_eq!(greeter.bytes(), whole);
                assert_eq!(greeter.poll_timeout(), None);
            }
        }
    }

    #[test]
    fn bytes_behind_the_greeting_are_not_taken() {
        let whole = greeting(PacketType::Handshake, AUTH);
        let mut greeter = greeter();
        assert_eq!(feed(&mut greeter, &[&whole[..], &[0xd3, 0, 0, 0, 0]].concat()), whole.len());
        assert_eq!(feed(&mut greeter, &[0xd3, 0, 0, 0, 0]), 0);
        assert_eq!(feed(&mut greeter, &whole), 0);
        assert_eq!(greeter.bytes(), whole);
    }

    #[test]
    fn the_longest_and_the_shortest_code_are_taken() {
        for auth in [&[][..], &[b'x'; MAX_AUTH]] {
            let whole = greeting(PacketType::Handshake, auth);
            let mut greeter = greeter();
            assert_eq!(feed(&mut greeter, &whole), whole.len());
            assert_eq!(greeter.poll().unwrap().unwrap().auth().expose(), auth);
        }
        assert_eq!(greeting(PacketType::Handshake, &[0; MAX_AUTH]).len(), MAX_GREETING);
    }

    #[test]
    fn what_declares_more_than_a_greeting_has_is_refused_by_its_header_alone() {
        let mut greeter = greeter();
        let whole = greeting(PacketType::Handshake, &[b'x'; MAX_AUTH + 1]);
        assert_eq!(feed(&mut greeter, &whole[..4]), 4);
        assert_eq!(error(&greeter), None);
        assert_eq!(feed(&mut greeter, &whole[4..]), 1);
        assert_eq!(error(&greeter), Some(GreetError::TooLong { declared: 75 }));
        assert_eq!(feed(&mut greeter, &whole[5..]), 0);
        assert!(greeter.bytes().is_empty());
        let mut greeter = self::greeter();
        assert_eq!(feed(&mut greeter, &[0x13, 0xff, 0xff, 0xff, 0xff, 0]), 5);
        assert_eq!(error(&greeter), Some(GreetError::TooLong { declared: u32::MAX }));
    }

    #[test]
    fn any_other_first_byte_is_refused_at_once() {
        for first in (0..=u8::MAX).filter(|first| ![0x13, 0x23].contains(first)) {
            let mut greeter = greeter();
            assert_eq!(feed(&mut greeter, &[first, 3, 1, 2, 0, 1]), 1);
            assert_eq!(error(&greeter), Some(GreetError::NotAGreeting(first)));
            assert_eq!(greeter.poll_timeout(), None);
        }
    }

    #[test]
    fn a_greeting_whose_lengths_disagree_is_malformed() {
        let mut whole = greeting(PacketType::Handshake, AUTH);
        whole[11] = 15;
        let mut greeter = greeter();
        assert_eq!(feed(&mut greeter, &whole), whole.len());
        let lengths = DecodeError::InvalidLength { have: 26, need: 25 };
        assert_eq!(error(&greeter), Some(GreetError::Decode(lengths)));
        let mut greeter = self::greeter();
        assert_eq!(feed(&mut greeter, &[0x23, 0, 0, 0, 0, 0]), 5);
        let short = DecodeError::TooShort { have: 0, need: LOGIN_OVERHEAD };
        assert_eq!(error(&greeter), Some(GreetError::Decode(short)));
    }

    #[test]
    fn a_greeting_may_take_exactly_its_timeout() {
        let whole = greeting(PacketType::Handshake, AUTH);
        let (head, tail) = whole.split_at(20);
        let (deadline, before) = (Instant::ZERO + TIMEOUT, Instant::from_micros(4_999_999));
        for ticked in [false, true] {
            let mut greeter = greeter();
            feed(&mut greeter, head);
            assert_eq!(greeter.poll_timeout(), Some(deadline));
            greeter.handle_timeout(before);
            assert_eq!(error(&greeter), None);
            if ticked {
                greeter.handle_timeout(deadline);
                assert_eq!(error(&greeter), Some(GreetError::Timeout));
            }
            assert_eq!(greeter.handle_input(deadline, tail), 0);
            assert_eq!(error(&greeter), Some(GreetError::Timeout));
            assert_eq!(greeter.poll_timeout(), None);
            let mut greeter = self::greeter();
            feed(&mut greeter, head);
            assert_eq!(greeter.handle_input(before, tail), tail.len());
            greeter.handle_timeout(deadline);
            assert!(greeter.poll().unwrap().is_ok());
        }
    }

    #[test]
    fn a_refusal_is_of_the_kind_of_the_greeting() {
        let status = NonZeroU8::MIN.saturating_add(6);
        for (kind, answer) in [(PacketType::Handshake, 0x28), (PacketType::AppLogin, 0x18)] {
            let mut greeter = greeter();
            feed(&mut greeter, &greeting(kind, AUTH));
            let mut out = [0xaa; 8];
            assert_eq!(greeter.refuse(status, &mut out), Ok(7));
            assert_eq!(out, [answer, 0, 0, 0, 2, 7, 0, 0xaa]);
            let too_small = TooSmall { needed: 7, have: 6 };
            assert_eq!(greeter.refuse(status, &mut [0; 6]), Err(too_small));
        }
    }

    #[test]
    fn nothing_that_is_shown_has_the_authentication_code() {
        let whole = greeting(PacketType::Handshake, AUTH);
        let mut malformed = whole.clone();
        malformed[11] = 15;
        let mut shown = String::new();
        for bytes in [&whole[..20], &whole, &malformed] {
            let mut greeter = greeter();
            feed(&mut greeter, bytes);
            shown += &format!("{greeter:?}{greeter:#?}{:?}{:#?}", greeter.poll(), greeter.poll());
            shown += &error(&greeter).map(|error| error.to_string()).unwrap_or_default();
        }
        assert!(shown.contains("auth_len: 16"));
        let flat: String = shown.split_whitespace().collect();
        for part in AUTH.windows(5) {
            let numbers: std::vec::Vec<_> = part.iter().map(u8::to_string).collect();
            assert!(!flat.contains(&numbers.join(",")), "as numbers");
            assert!(!flat.contains(&String::from_utf8_lossy(part)[..]), "as text");
        }
    }
}
