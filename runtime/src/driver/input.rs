use super::{End, Scratch};
use crate::shared::Inner;
use cync_core::Instant;
use futures_io::AsyncRead;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Bytes that were read just now.
pub(super) struct Read {
    bytes: Scratch,
    len: usize,
}

impl Read {
    /// Whether there was no more than this.
    pub(super) fn is_short(&self) -> bool {
        self.len < self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Bytes that were read and that the session did not take.
pub(super) struct Input {
    held: Vec<u8>,
    /// The session refused something, which may be a packet that it holds itself.
    stalled: bool,
    /// There was nothing to read when it was looked at last; the connection calls when there is.
    listening: bool,
}

/// Leaves the bytes out: they may be those of a greeting.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("held", &self.held.len())
            .field("stalled", &self.stalled)
            .finish()
    }
}

impl Input {
    pub(super) const fn new(held: Vec<u8>) -> Self {
        Self { held, stalled: false, listening: false }
    }

    /// There may be something to read.
    pub(super) const fn look_again(&mut self) {
        self.listening = false;
    }

    /// Whether the session has taken all that was read.
    pub(super) const fn wants_more(&self) -> bool {
        !self.stalled && self.held.is_empty()
    }

    /// Whether there may be something to read that nobody would call for.
    pub(super) const fn has_to_look(&self) -> bool {
        !self.listening && self.wants_more()
    }

    /// Reads what there is, unless the session has yet to take what was read before, or there is nothing.
    ///
    /// # Errors
    /// The connection has ended.
    pub(super) fn poll_read<IO: AsyncRead>(
        &mut self,
        io: Pin<&mut IO>,
        context: &mut Context<'_>,
    ) -> Result<Option<Read>, End> {
        if !self.has_to_look() {
            return Ok(None);
        }
        let mut bytes = Scratch::to_read();
        match io.poll_read(context, &mut bytes) {
            Poll::Pending => {
                self.listening = true;
                Ok(None)
            }
            Poll::Ready(Ok(0)) => Err(End::Peer),
            Poll::Ready(Ok(len)) => Ok(Some(Read { bytes, len })),
            Poll::Ready(Err(error)) => Err(End::failed(error)),
        }
    }

    /// Whether the session has something to take, now that it takes input.
    pub(super) fn can_go_on(&self, inner: &Inner) -> bool {
        !self.wants_more() && inner.session.wants_input()
    }

    /// Offers what was held back and what was read to the session.
    pub(super) fn offer(&mut self, inner: &mut Inner, now: Instant, read: Option<&Read>) {
        if self.can_go_on(inner) {
            let taken = inner.session.handle_input(now, &self.held);
            self.held.drain(..taken);
            if self.held.is_empty() {
                self.held = Vec::new();
            }
        } else if let Some(read) = read {
            let taken = inner.session.handle_input(now, read.bytes());
            self.held.extend_from_slice(read.bytes().get(taken..).unwrap_or_default());
        } else {
            return;
        }
        self.stalled = !inner.session.wants_input();
    }
}
