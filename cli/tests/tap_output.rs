//! `cync tap`: output that fails, blocks or is not wanted, and arguments that cannot be used.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;
mod peer;
mod tapped;

use command::{Run, command, cync};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Stdio};
use std::thread;
use tapped::{Scratch, Tap, pair, read_all};

const HEARTBEAT: [u8; 5] = [0xd3, 0, 0, 0, 0];

/// Sends so many heartbeats through, and checks that all arrive; then the connection has ended.
fn relay(pair: (TcpStream, TcpStream), count: usize) {
    relay_all(pair, HEARTBEAT.repeat(count));
}

fn relay_all((mut client, server): (TcpStream, TcpStream), bytes: Vec<u8>) {
    let reading = thread::spawn(move || read_all(server));
    client.write_all(&bytes).unwrap();
    drop(client);
    assert!(reading.join().unwrap() == bytes, "everything arrives, and nothing else");
}

/// A tap whose standard output is the test's business, and whose first line is on standard error.
struct Capturing {
    child: Child,
    stderr: BufReader<ChildStderr>,
    port: String,
}

impl Capturing {
    fn start(listener: &TcpListener, args: &[&str]) -> Self {
        let to = listener.local_addr().unwrap().to_string();
        let mut command = command(&["tap", "--listen", "127.0.0.1:0", "--json", "--to", &to]);
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut stderr, mut line) = (BufReader::new(child.stderr.take().unwrap()), String::new());
        stderr.read_line(&mut line).unwrap();
        let addr = line.split_whitespace().nth(3).unwrap().trim_end_matches(',');
        let port = addr.strip_prefix("127.0.0.1:").unwrap().to_owned();
        Self { child, stderr, port }
    }

    /// What it writes to standard output until its end, and what is on standard error behind the first line.
    fn finish(mut self) -> Run {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.child.stdout.take().map(|mut from| from.read_to_string(&mut stdout).unwrap());
        self.stderr.read_to_string(&mut stderr).unwrap();
        Run { code: self.child.wait().unwrap().code(), stdout, stderr }
    }
}

#[test]
fn the_capture_on_standard_output_is_what_decode_reads() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tap = Capturing::start(&listener, &["--count", "1"]);
    relay(pair(&tap.port, &listener), 3);
    let run = tap.finish();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("cloud_to_dev         3 packets, 15 bytes"), "{run:?}");
    let line = &run.json()[0];
    let names: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(names, ["n", "conn", "direction", "t", "ts", "injected", "hex"]);
    let decoded = cync(&["decode", "-", "--stats"], run.stdout.as_bytes());
    assert_eq!((decoded.code, &*decoded.stderr), (Some(0), ""), "{decoded:?}");
    assert_eq!(
        (&decoded.json()[0]["packets"], &decoded.json()[0]["bytes"]),
        (&3.into(), &15.into())
    );
}

#[test]
fn standard_output_shows_what_decode_shows_of_the_capture_with_the_time() {
    let scratch = Scratch::new("same.jsonl");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tap = Tap::to(&listener, &["--count", "1", "--output", scratch.path()]);
    let (mut client, mut server) = pair(&tap.port, &listener);
    for bytes in [&HEARTBEAT[..], &[0xff; 5], b"\x83\0\0\0\x02\x01\x02\xd3"] {
        client.write_all(bytes).unwrap();
        server.read_exact(&mut vec![0; bytes.len()]).unwrap();
    }
    drop((client, server));
    let run = tap.finish();
    let decoded = cync(&["decode", scratch.path()], b"");
    assert_eq!((decoded.code, decoded.stdout.lines().count()), (Some(8), 3), "{decoded:?}");
    let timed = |line: &str| {
        let (time, line) = line.split_at_checked(10)?;
        time.contains('.').then(|| line.to_owned())
    };
    let mut shown: Vec<_> = run.stdout.lines().filter_map(timed).collect();
    shown.retain(|line| !line.trim_start().starts_with('-'));
    assert_eq!(shown, decoded.stdout.lines().collect::<Vec<_>>(), "{run:?}");
    assert_eq!((run.summary("decode errors"), run.summary("unfinished")), ("2", "1 bytes"));
}

#[test]
fn output_that_nobody_reads_stops_no_traffic_and_the_capture_says_what_it_missed() {
    const COUNT: usize = 6000;
    let packet = [&[0xe3, 0, 0, 0x10, 0][..], &[7; 0x1000]].concat();
    let all = packet.repeat(COUNT);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tap = Capturing::start(&listener, &["--count", "1"]);
    relay_all(pair(&tap.port, &listener), all);
    let run = tap.finish();
    let lines = run.json();
    let captured: usize = lines.iter().map(|line| line["hex"].as_str().unwrap().len() / 2).sum();
    let missed: u64 = lines.iter().filter_map(|line| line["missed"].as_u64()).sum();
    assert!(missed > 0, "the pipe holds less than that");
    assert_eq!(captured + usize::try_from(missed).unwrap(), COUNT * packet.len());
    assert!(lines.last().unwrap()["conn"].as_str().unwrap().starts_with("1+"));
    let decoded = cync(&["decode", "-"], run.stdout.as_bytes());
    assert!(decoded.code == Some(0), "{:?}", (decoded.code, decoded.stderr));
}

#[test]
fn a_closed_standard_output_is_one_line_and_stops_no_traffic() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut tap = Capturing::start(&listener, &["--count", "2"]);
    drop(tap.child.stdout.take());
    relay(pair(&tap.port, &listener), 10);
    relay(pair(&tap.port, &listener), 1000);
    tap.finish().fails(1, "cannot write to standard output: nobody reads it any more");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_one_line_and_stops_no_traffic() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tap = Tap::to(&listener, &["--count", "2", "--output", "/dev/full"]);
    relay(pair(&tap.port, &listener), 10);
    relay(pair(&tap.port, &listener), 1000);
    let run = tap.finish();
    run.fails(1, "cannot write to /dev/full: No space left on device");
    assert_eq!(run.summary("cloud_to_dev"), "1010 packets, 5050 bytes");
}

#[test]
fn quiet_shows_the_first_line_and_the_summary_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tap = Tap::to(&listener, &["--count", "1", "--quiet"]);
    relay(pair(&tap.port, &listener), 1);
    let run = tap.finish();
    assert_eq!((run.code, run.stdout.lines().nth(1)), (Some(0), Some("connections          1")));
}

#[test]
fn what_cannot_be_done_is_one_line_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let tap = |listen: &str, to: &str, more: &[&str]| {
        cync(&[&["tap", "--listen", listen, "--to", to], more].concat(), b"")
    };
    tap(&taken, "127.0.0.1:9", &[]).fails(1, "another program listens there; choose another port");
    tap("192.0.2.1:0", "127.0.0.1:9", &[]).fails(1, "this machine does not have that address");
    tap("127.0.0.1:0", "no-such-host.invalid:9000", &[]).fails(3, "check --to");
    tap(&taken, &taken, &[]).fails(2, "is where the tap listens itself");
    let nowhere = ["--output", "/no/such/directory/file"];
    tap("127.0.0.1:0", "127.0.0.1:9", &nowhere).fails(1, "check --output");
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for (args, says) in [
        ("--listen localhost --to a:1", "as in 127.0.0.1:9001"),
        ("--listen 127.0.0.1:99999 --to a:1", "as in 127.0.0.1:9001"),
        ("--listen 127.0.0.1:0 --to a", "as in 192.168.1.50:9000"),
        ("--listen 127.0.0.1:0 --to a:0", "as in 192.168.1.50:9000"),
        ("--listen 127.0.0.1:0", "--to"),
        ("--listen 127.0.0.1:0 --to a:1 --count 0", "--count"),
        ("--listen 127.0.0.1:0 --to a:1 --loss 101%", "--loss"),
        ("--listen 127.0.0.1:0 --to a:1 --json --quiet", "--quiet"),
    ] {
        let args: Vec<_> = ["tap"].into_iter().chain(args.split_whitespace()).collect();
        let run = cync(&args, b"");
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{run:?}");
        assert!(run.stderr.contains(says), "{run:?}");
    }
}

#[test]
fn lenient_shows_and_flags_a_wrong_checksum_and_relays_it_either_way() {
    const BAD_SUM: [u8; 42] = *b"\x83\0\0\0\x25\x38\xe8\xcf\x46\0\x09\0\x7e\x1f\0\0\0\xfa\xdb\x13\0\x87\x25\x11\xee\0\xee\0\xdb\x11\
        \x02\x01\x01\x0a\x0a\xff\xff\xff\0\0\x89\x7e";
    for (args, shown, counted, errors) in [
        (&["--lenient"][..], "BAD CHECKSUM: device 238 on, brightness 10", "  flagged", "0"),
        (&[], "invalid_checksum", "  invalid_checksum", "1"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scratch = Scratch::new("sum.jsonl");
        let output = ["--count", "1", "--device-dials", "--output", scratch.path()];
        let tap = Tap::to(&listener, &[args, &output].concat());
        let (mut device, hub) = pair(&tap.port, &listener);
        device.write_all(&BAD_SUM).unwrap();
        drop(device);
        assert_eq!(read_all(hub), BAD_SUM);
        let run = tap.finish();
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stdout.contains(shown), "{run:?}");
        assert_eq!((run.summary("decode errors"), run.summary(counted)), (errors, "1"), "{run:?}");
        // The capture is the same either way.
        let decoded = cync(&["decode", scratch.path()], b"");
        assert_eq!(decoded.code, Some(8), "{decoded:?}");
    }
}
