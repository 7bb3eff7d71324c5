use super::{PacketLog, Scratch};
use crate::runtime::Timer;
use crate::shared::{Inner, Shared};
use cync_core::Instant;
use cync_core::wire::MAX_PACKET;
use futures_io::AsyncWrite;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes handed over and not written yet.
#[derive(Default)]
pub(super) struct Output {
    held: Held,
    /// What was written may still be on this side: streams that compress, encrypt or collect have to be flushed.
    unflushed: bool,
    /// The connection took nothing when it was looked at last.
    blocked: bool,
    /// The connection will take nothing any more.
    failed: bool,
    /// The session had more than fits a buffer.
    cut_short: bool,
    /// When something began to wait, or some of what had been refused was taken since.
    moved: Instant,
}

/// Bytes, in a buffer that is lent as long as the connection takes them at once.
#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    Filled(Scratch, usize),
    Left(Vec<u8>, usize),
}

impl Output {
    fn waiting(&self) -> &[u8] {
        match &self.held {
            Held::Nothing => &[],
            Held::Filled(bytes, len) => bytes.get(..*len).unwrap_or_default(),
            Held::Left(bytes, written) => bytes.get(*written..).unwrap_or_default(),
        }
    }

    /// The connection has called.
    pub(super) const fn look_again(&mut self) {
        self.blocked = false;
    }

    /// From now on the session hands nothing over: what did not leave is told as such.
    pub(super) const fn fail(&mut self) {
        self.failed = true;
    }

    /// Bytes that wait.
    pub(super) fn held(&self) -> usize {
        self.waiting().len()
    }

    /// Nothing waits, to be written or to be flushed.
    pub(super) fn is_written(&self) -> bool {
        self.held() == 0 && !self.unflushed
    }

    /// The session has more to hand over than had room when it was asked last.
    pub(super) const fn was_cut_short(&self) -> bool {
        self.cut_short
    }

    /// When the connection is given up unless it takes, or flushes, something of what waits.
    pub(super) fn stalls_at(&self, limit: Duration) -> Option<Instant> {
        (!self.is_written()).then(|| self.moved + limit)
    }

    /// Writes what waits as far as the connection takes it. Returns whether it took something.
    pub(super) fn poll_write<T: Timer>(
        &mut self,
        mut io: Pin<&mut impl AsyncWrite>,
        shared: &Shared<T>,
        context: &mut Context<'_>,
    ) -> io::Result<bool> {
        if self.blocked || self.is_written() {
            return Ok(false);
        }
        // A stream that collects takes bytes though none of them go.
        let refused = matches!(self.held, Held::Left(..));
        let mut written = 0;
        let all = self.held();
        while written < all {
            let rest = self.waiting().get(written..).unwrap_or_default();
            match io.as_mut().poll_write(context, rest)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(len) => written += len,
                Poll::Pending => {
                    self.blocked = true;
                    break;
                }
            }
        }
        self.unflushed |= written > 0;
        self.keep(written);
        if written == all && self.unflushed {
            // Most streams have nothing to flush, and say so at once.
            self.unflushed = io.as_mut().poll_flush(context)?.is_pending();
            self.blocked = self.unflushed;
        }
        if refused && written > 0 && !self.is_written() {
            self.moved = shared.now();
        }
        Ok(written > 0)
    }

    /// Keeps what is left when so many bytes were written.
    fn keep(&mut self, written: usize) {
        let left = self.waiting().get(written..).unwrap_or_default();
        self.held = match (left.is_empty(), std::mem::take(&mut self.held)) {
            (true, _) | (_, Held::Nothing) => Held::Nothing,
            (_, Held::Left(bytes, before)) => Held::Left(bytes, before + written),
            (_, Held::Filled(bytes, len)) => {
                Held::Left(bytes.get(written..len).unwrap_or_default().to_vec(), 0)
            }
        };
    }

    /// Lets the session hand over packets, if all before were written.
    pub(super) fn fill(&mut self, inner: &mut Inner, now: Instant, packets: &mut PacketLog) {
        self.cut_short = false;
        if self.failed || self.held() > 0 {
            return;
        }
        let mut bytes = Scratch::to_write();
        let mut len = 0;
        loop {
            let room = bytes.get_mut(len..).unwrap_or_default();
            if room.len() < MAX_PACKET {
                self.cut_short = true;
                break;
            }
            let Ok(Some(transmit)) = inner.session.poll_transmit(now, room) else { break };
            packets.sent(inner, now, &transmit, room);
            len += transmit.len;
        }
        if len > 0 {
            if self.is_written() {
                self.moved = now;
            }
            (self.held, self.blocked) = (Held::Filled(bytes, len), false);
        }
    }
}
