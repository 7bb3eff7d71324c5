use cync_runtime::testing::{Cable, Pipe, pipe};
use futures_io::{AsyncRead as _, AsyncWrite as _};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell::default());
    (Arc::clone(&bell), bell.into())
}

type Polled<T> = Poll<Result<T, ErrorKind>>;

fn kind<T>(polled: Poll<io::Result<T>>) -> Polled<T> {
    polled.map_err(|error| error.kind())
}

fn read_with(pipe: &mut Pipe, waker: &Waker) -> Polled<Vec<u8>> {
    let mut buffer = [0; 100];
    let read = Pin::new(pipe).poll_read(&mut Context::from_waker(waker), &mut buffer);
    kind(read.map_ok(|len| buffer[..len].to_vec()))
}

fn read(pipe: &mut Pipe) -> Polled<Vec<u8>> {
    read_with(pipe, Waker::noop())
}

fn write_with(pipe: &mut Pipe, bytes: &[u8], waker: &Waker) -> Polled<usize> {
    kind(Pin::new(pipe).poll_write(&mut Context::from_waker(waker), bytes))
}

fn write(pipe: &mut Pipe, bytes: &[u8]) -> Polled<usize> {
    write_with(pipe, bytes, Waker::noop())
}

fn close(pipe: &mut Pipe) -> Polled<()> {
    kind(Pin::new(pipe).poll_close(&mut Context::from_waker(Waker::noop())))
}

fn bytes(bytes: &[u8]) -> Polled<Vec<u8>> {
    Poll::Ready(Ok(bytes.to_vec()))
}

fn failed<T>(kind: ErrorKind) -> Polled<T> {
    Poll::Ready(Err(kind))
}

fn counts(cable: &Cable) -> [(u64, u64, u64); 2] {
    [cable.forth(), cable.back()].map(|counts| (counts.bytes, counts.writes, counts.reads))
}

#[test]
fn each_end_reads_what_the_other_wrote() {
    let (mut near, mut far) = pipe(100);
    assert_eq!(write(&mut near, b"there"), Poll::Ready(Ok(5)));
    assert_eq!(write(&mut near, b" you are"), Poll::Ready(Ok(8)));
    assert_eq!(write(&mut far, b"back"), Poll::Ready(Ok(4)));
    assert_eq!(read(&mut far), bytes(b"there you are"));
    assert_eq!(read(&mut far), Poll::Pending);
    assert_eq!(read(&mut near), bytes(b"back"));
    assert_eq!(counts(&near.cable()), [(13, 2, 2), (4, 1, 1)]);
}

#[test]
fn a_full_pipe_makes_the_writer_wait_until_there_is_room() {
    let (mut near, mut far) = pipe(4);
    let (writer, waker) = bell();
    assert_eq!(write_with(&mut near, b"abcdef", &waker), Poll::Ready(Ok(4)));
    assert_eq!(write_with(&mut near, b"ef", &waker), Poll::Pending);
    // The other direction has room of its own.
    assert_eq!(write(&mut far, b"1234"), Poll::Ready(Ok(4)));
    assert_eq!(writer.rings(), 0);
    far.cable().read_at_most(1);
    assert_eq!(read(&mut far), bytes(b"a"));
    assert_eq!(read(&mut far), bytes(b"b"));
    assert_eq!(writer.rings(), 1);
    assert_eq!(write_with(&mut near, b"efg", &waker), Poll::Ready(Ok(2)));
    assert_eq!(read(&mut far), bytes(b"c"));
    // Nobody waits.
    assert_eq!(writer.rings(), 1);
}

#[test]
fn a_reader_is_woken_once_for_what_comes() {
    let (mut near, mut far) = pipe(100);
    let (reader, waker) = bell();
    assert_eq!(read_with(&mut far, &waker), Poll::Pending);
    assert_eq!(write(&mut near, b"a"), Poll::Ready(Ok(1)));
    assert_eq!(write(&mut near, b"b"), Poll::Ready(Ok(1)));
    assert_eq!(reader.rings(), 1);
    assert_eq!(read_with(&mut far, &waker), bytes(b"ab"));
}

#[test]
fn one_byte_at_a_time_is_a_stream_too() {
    let (mut near, mut far) = pipe(100);
    near.cable().write_at_most(1);
    near.cable().read_at_most(1);
    assert_eq!(write(&mut near, b"abc"), Poll::Ready(Ok(1)));
    assert_eq!(write(&mut near, b"bc"), Poll::Ready(Ok(1)));
    assert_eq!(read(&mut far), bytes(b"a"));
    assert_eq!(read(&mut far), bytes(b"b"));
    assert_eq!(read(&mut far), Poll::Pending);
}

#[test]
fn capacity_may_change_in_use() {
    let (mut near, _far) = pipe(100);
    let (writer, waker) = bell();
    near.cable().set_capacity(0);
    assert_eq!(write_with(&mut near, b"abc", &waker), Poll::Pending);
    near.cable().set_capacity(2);
    assert_eq!(writer.rings(), 1);
    assert_eq!(write_with(&mut near, b"abc", &waker), Poll::Ready(Ok(2)));
    near.cable().set_capacity(1);
    assert_eq!(write_with(&mut near, b"c", &waker), Poll::Pending);
}

#[test]
fn what_was_written_before_the_end_is_read_before_it() {
    let (mut near, mut far) = pipe(100);
    let (reader, waker) = bell();
    assert_eq!(read_with(&mut far, &waker), Poll::Pending);
    assert_eq!(write(&mut near, b"last words"), Poll::Ready(Ok(10)));
    drop(near);
    assert_eq!(reader.rings(), 1);
    assert_eq!(read(&mut far), bytes(b"last words"));
    assert_eq!(read(&mut far), bytes(b""));
    assert_eq!(write(&mut far, b"?"), failed(ErrorKind::BrokenPipe));
    assert!(!far.cable().is_whole());
}

#[test]
fn dropping_an_end_wakes_who_waits_at_the_other() {
    let (near, mut far) = pipe(0);
    let [(reader, reads), (writer, writes)] = [bell(), bell()];
    assert_eq!(read_with(&mut far, &reads), Poll::Pending);
    assert_eq!(write_with(&mut far, b"a", &writes), Poll::Pending);
    drop(near);
    assert_eq!((reader.rings(), writer.rings()), (1, 1));
}

#[test]
fn closing_ends_one_direction_only() {
    let (mut near, mut far) = pipe(100);
    assert_eq!(close(&mut near), Poll::Ready(Ok(())));
    assert_eq!(read(&mut far), bytes(b""));
    assert_eq!(write(&mut near, b"more"), failed(ErrorKind::BrokenPipe));
    assert_eq!(write(&mut far, b"still here"), Poll::Ready(Ok(10)));
    assert_eq!(read(&mut near), bytes(b"still here"));
}

#[test]
fn nothing_arrives_over_a_half_open_pipe_and_nobody_is_told() {
    let (mut near, mut far) = pipe(4);
    assert_eq!(write(&mut near, b"lost"), Poll::Ready(Ok(4)));
    near.cable().half_open();
    assert_eq!(read(&mut far), Poll::Pending);
    assert_eq!(write(&mut near, b"more than it held"), Poll::Ready(Ok(17)));
    assert_eq!(read(&mut far), Poll::Pending);
    drop(near);
    assert_eq!(read(&mut far), Poll::Pending);
    assert_eq!(write(&mut far, b"who is there?"), Poll::Ready(Ok(13)));
    far.cable().reset();
    assert_eq!(read(&mut far), failed(ErrorKind::ConnectionReset));
}

#[test]
fn a_reset_is_told_to_both_ends() {
    let (mut near, mut far) = pipe(4);
    let [(reader, reads), (writer, writes)] = [bell(), bell()];
    assert_eq!(write(&mut far, b"lost"), Poll::Ready(Ok(4)));
    assert_eq!(read_with(&mut far, &reads), Poll::Pending);
    assert_eq!(write_with(&mut far, b"more", &writes), Poll::Pending);
    near.cable().reset();
    assert_eq!((reader.rings(), writer.rings()), (1, 1));
    for end in [&mut near, &mut far] {
        assert_eq!(read(end), failed(ErrorKind::ConnectionReset));
        assert_eq!(write(end, b"a"), failed(ErrorKind::ConnectionReset));
        assert_eq!(close(end), failed(ErrorKind::ConnectionReset));
        assert!(!end.cable().is_whole());
    }
}
