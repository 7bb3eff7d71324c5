//! Moves bytes between a connection and a session.

mod bell;
mod input;
mod output;
mod packets;
mod scratch;

use crate::alarm::{Alarm, until};
use crate::error::LastFailure;
use crate::hub::Place;
use crate::runtime::Timer;
use crate::shared::{Seat, Shared};
use bell::Bell;
use cync_core::{Disconnect, HangupReason, Instant};
use futures_io::{AsyncRead, AsyncWrite};
use input::{Input, Read};
use output::Output;
use packets::PacketLog;
pub(crate) use scratch::Scratch;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long what is left may take to be written when the session hangs up.
const FLUSH: Duration = Duration::from_secs(1);
/// Reads in a row, after which others have their turn.
const TURN: u32 = 32;

/// Why a driver ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum End {
    /// The session hung up.
    Hangup(HangupReason),
    /// The peer closed the connection.
    Peer,
    /// The connection failed.
    Error(Arc<io::Error>),
    /// A newer connection has the session.
    Replaced,
    /// The application disconnected, or dropped its last client.
    Cut,
}

impl End {
    fn failed(error: io::Error) -> Self {
        Self::Error(Arc::new(error))
    }
}

/// Moves bytes between a connection and a session, and sleeps until its deadlines. Dropping it is a disconnection.
#[must_use = "a driver does nothing unless it is run"]
#[derive(Debug)]
pub struct Driver<IO, T: Timer> {
    io: IO,
    lease: Lease<T>,
    input: Input,
    packets: PacketLog,
    /// What the connection takes up of a hub.
    place: Option<Place<T>>,
}

/// The right to drive a session, given up on drop.
#[derive(Debug)]
struct Lease<T: Timer> {
    shared: Arc<Shared<T>>,
    seat: Seat,
    why: Disconnect,
    failure: Option<LastFailure>,
}

impl<T: Timer> Drop for Lease<T> {
    fn drop(&mut self) {
        self.shared.give_up(self.seat, self.why, self.failure.take());
    }
}

impl<IO: AsyncRead + AsyncWrite, T: Timer> Driver<IO, T> {
    /// A driver of a connection from which these bytes were read already. The session has them before the driver is run: one that
    /// was greeted is ready.
    pub(crate) fn new(shared: Arc<Shared<T>>, io: IO, read: Vec<u8>) -> Self {
        let mut packets = PacketLog::new();
        packets.received(shared.now(), &read);
        let mut input = Input::new(read);
        let seat = shared.take_over(|inner, now| input.offer(inner, now, None));
        Self {
            io,
            lease: Lease { shared, seat, why: Disconnect::Error, failure: None },
            input,
            packets,
            place: None,
        }
    }

    /// A driver of a connection that has this place in a hub.
    pub(crate) fn in_place(mut self, place: Place<T>) -> Self {
        self.place = Some(place);
        self
    }

    /// Drives the session until the connection ends.
    pub async fn run(self) -> End {
        let Self { io, mut lease, input, packets, place: _place } = self;
        let mut io = pin!(io);
        let mut work = Work {
            shared: &lease.shared,
            seat: lease.seat,
            input,
            output: Output::default(),
            packets,
            alarm: Alarm::new(),
        };
        let mut bell = Bell::new();
        let mut end = poll_fn(|context| {
            let called = bell.answer(context);
            if called {
                work.input.look_again();
                work.output.look_again();
            }
            let mut connection = Context::from_waker(bell.waker());
            work.poll(called, io.as_mut(), &mut connection, context)
        })
        .await;
        if let End::Peer | End::Error(_) = end {
            // A peer that dialled again may have closed the older connection by now.
            end = work.taken_away().unwrap_or(end);
        }
        if let End::Hangup(_) = end {
            work.flush(io.as_mut()).await;
        }
        (lease.why, lease.failure) = match &end {
            End::Hangup(why) => (Disconnect::Hangup, Some(LastFailure::Hangup(*why))),
            End::Peer => (Disconnect::Peer, Some(LastFailure::Peer)),
            End::Replaced => (Disconnect::Replaced, None),
            End::Cut => (Disconnect::Hangup, None),
            End::Error(error) => {
                (Disconnect::Error, Some(LastFailure::Connection(Arc::clone(error))))
            }
        };
        end
    }
}

struct Work<'a, T: Timer> {
    shared: &'a Shared<T>,
    seat: Seat,
    input: Input,
    output: Output,
    packets: PacketLog,
    alarm: Alarm<T>,
}

/// What one look at the session leaves to do.
struct Next {
    now: Instant,
    deadline: Option<Instant>,
    hangup: Option<HangupReason>,
    /// There is something left that can be done at once.
    again: bool,
    /// Somebody was told of the end of a message.
    told: bool,
}

impl<T: Timer> Work<'_, T> {
    /// Does what there is to do, with one waker for the connection, which has `called` or not, and one for all else.
    ///
    /// Unless the connection called, what the session has to say goes first: the answer may be there when it is read next. And who
    /// was told of the end of a message has a turn before more is read, to send the next, with which it is one write.
    fn poll<IO: AsyncRead + AsyncWrite>(
        &mut self,
        called: bool,
        mut io: Pin<&mut IO>,
        connection: &mut Context<'_>,
        context: &mut Context<'_>,
    ) -> Poll<End> {
        let mut look = called;
        let mut again = true;
        for _ in 0..TURN {
            if let Err(error) = self.output.poll_write(io.as_mut(), self.shared, connection) {
                return Poll::Ready(self.hear_out(io, connection, context, error));
            }
            let read = match look {
                true => self.input.poll_read(io.as_mut(), connection),
                false => Ok(None),
            };
            let read = match read {
                Ok(None) if !again => return Poll::Pending,
                Ok(read) => read,
                Err(end) => return Poll::Ready(end),
            };
            let all_was_read = read.as_ref().is_some_and(Read::is_short);
            let Some(next) = self.step(read, context) else {
                return Poll::Ready(self.taken_away().unwrap_or(End::Cut));
            };
            match self.output.poll_write(io.as_mut(), self.shared, connection) {
                Ok(true) => self.input.look_again(),
                Ok(false) => {}
                Err(error) => {
                    return Poll::Ready(self.hear_out(io, connection, context, error));
                }
            }
            if let Some(why) = next.hangup {
                return Poll::Ready(End::Hangup(why));
            }
            let limit = self.shared.settings.write_timeout;
            let stalls = self.output.stalls_at(limit);
            let rang = match next.deadline.into_iter().chain(stalls).min() {
                Some(at) => self.alarm.poll_ring(&self.shared.timer, next.now, at, context),
                None => false,
            };
            if rang && stalls.is_some_and(|at| at <= next.now) {
                let stalled = format!("it took nothing of what waits within {limit:?}");
                return Poll::Ready(End::failed(io::Error::new(io::ErrorKind::TimedOut, stalled)));
            }
            if next.told && all_was_read {
                break;
            }
            again = rang || (next.again && self.output.is_written());
            look = self.input.has_to_look();
            if !again && !look {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// The connection takes nothing any more. What it brought before is heard: answers to what it took, and why it went.
    fn hear_out<IO: AsyncRead>(
        &mut self,
        mut io: Pin<&mut IO>,
        connection: &mut Context<'_>,
        context: &Context<'_>,
        error: io::Error,
    ) -> End {
        self.output.fail();
        self.input.look_again();
        for _ in 0..TURN {
            let Ok(Some(read)) = self.input.poll_read(io.as_mut(), connection) else { break };
            match self.step(Some(read), context) {
                None => return self.taken_away().unwrap_or(End::Cut),
                Some(Next { hangup: Some(why), .. }) => return End::Hangup(why),
                Some(_) => {}
            }
        }
        End::failed(error)
    }

    /// Everything that is done with the session at one instant; `None` if it has been taken away. Whatever happens to it
    /// afterwards wakes this task.
    fn step(&mut self, read: Option<Read>, context: &Context<'_>) -> Option<Next> {
        let Self { shared, seat, input, output, packets, .. } = self;
        shared.with_events(|inner, now| {
            if !inner.is_driven_by(*seat) {
                return None;
            }
            inner.seat_driver(context);
            if let Some(read) = &read {
                packets.received(now, read.bytes());
            }
            input.offer(inner, now, read.as_ref());
            output.fill(inner, now, packets);
            inner.settle();
            let mut next = Next {
                now,
                deadline: inner.session.poll_timeout().map(|deadline| deadline.at),
                hangup: inner.hangup,
                again: output.was_cut_short() || input.can_go_on(inner),
                told: std::mem::take(&mut inner.told),
            };
            if next.deadline.is_some_and(|at| at <= now) {
                next.deadline = inner.tick(now);
                inner.settle();
                (next.hangup, next.again) = (inner.hangup, true);
            }
            Some(next)
        })
    }

    /// How the session was taken from this driver, if it was.
    fn taken_away(&self) -> Option<End> {
        self.shared.look(|inner| match inner.is_replaced(self.seat) {
            true => Some(End::Replaced),
            false => (!inner.is_driven()).then_some(End::Cut),
        })
    }

    /// Calls the session when its deadlines come, as long as it has no other driver: its messages have theirs.
    fn keep_time(&mut self, context: &mut Context<'_>) {
        let Self { shared, seat, alarm, .. } = self;
        let due = || {
            shared.with(|inner, now| {
                let due = if inner.is_driven_by(*seat) { inner.tick(now) } else { None };
                due.map(|due| (now, due))
            })
        };
        while let Some((now, due)) = due()
            && alarm.poll_ring(&shared.timer, now, due, context)
        {}
    }

    /// Writes what is left, and closes the connection. The peer may be gone already: there is nobody left to tell.
    async fn flush<IO: AsyncWrite>(&mut self, mut io: Pin<&mut IO>) {
        let shared = self.shared;
        let flushed = poll_fn(|context| {
            self.keep_time(context);
            let output = &mut self.output;
            output.look_again();
            while !output.is_written() {
                let before = output.held();
                match output.poll_write(io.as_mut(), shared, context) {
                    Err(_) => return Poll::Ready(()),
                    Ok(_) if output.held() == before && !output.is_written() => {
                        return Poll::Pending;
                    }
                    Ok(_) => {}
                }
            }
            io.as_mut().poll_close(context).map(|_| ())
        });
        until(&shared.timer, shared.now() + FLUSH, flushed).await;
    }
}
