//! Devices that dial, as real ones do: `cync toggle --listen` and `cync simulate --dial`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;
mod peer;
mod scrape;

use command::{Run, Running, command, cync};
use peer::{read_to_the_end, unused_port};
use scrape::{get, port, read_to, said_all};
use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;

/// A `cync toggle` that waits for a device, and where.
fn listening(args: &[&str]) -> (Running, String) {
    let all = [&["toggle", "--listen", "127.0.0.1:0"][..], args].concat();
    listens(Running::start(&all))
}

fn listens(mut running: Running) -> (Running, String) {
    let line = running.complaint("listens on ");
    let addr = line.split(' ').nth(2).unwrap().to_owned();
    (running, addr)
}

/// A simulated device that dials.
fn device(hub: &str, args: &[&str]) -> Running {
    let all = [&["simulate", "--dial", hub][..], args].concat();
    dials(Running::start(&all), hub)
}

fn dials(mut running: Running, hub: &str) -> Running {
    let line = running.line();
    assert!(line.starts_with(&format!("device 1 dials {hub} as ")), "{line}");
    running
}

fn summary(run: &Run, names: [&str; 3]) -> [String; 3] {
    names.map(|name| run.summary(name).to_owned())
}

const DONE: [&str; 3] = ["asked", "acknowledged", "executed"];

#[test]
#[cfg(unix)]
fn a_device_that_dials_over_a_bad_link_executes_every_command_once() {
    for (args, impairments) in [
        (&[][..], &["--loss", "20%", "--seed", "7"][..]),
        (&["--endpoint", "0x45880f3a"], &["--duplicate", "50%", "--endpoint", "0x45880f3a"]),
    ] {
        let all = [&["--count", "20", "--until", "executed"], args].concat();
        let (toggle, hub) = listening(&all);
        let device = device(&hub, impairments);
        let run = toggle.finish();
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(summary(&run, DONE), ["20", "20", "20"], "{run:?}");
        assert_eq!(run.stderr.lines().count(), 1, "only where it listens: {run:?}");
        device.interrupt();
        let device = device.finish();
        assert_eq!((device.code, device.summary("applied by device")), (Some(130), "20"));
    }
}

/// Relays what dials it to this address, and cuts each connection when it is told to. Returns where it listens.
fn relay(to: String, cut: Receiver<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        while let Ok((near, _)) = listener.accept() {
            let Ok(far) = TcpStream::connect(&to) else { return };
            let ends = [near, far];
            ends.iter().for_each(|end| end.set_nodelay(true).unwrap());
            for (from, to) in [(0, 1), (1, 0)] {
                let (mut from, mut to) =
                    (ends[from].try_clone().unwrap(), ends[to].try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut from, &mut to).is_ok());
            }
            if cut.recv().is_err() {
                return;
            }
            ends.iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
        }
    });
    addr
}

#[test]
#[cfg(unix)]
fn a_device_whose_connection_goes_dials_again_and_nothing_is_lost_or_done_twice() {
    let (mut toggle, hub) = listening(&["--count", "300", "--until", "executed"]);
    let (cut, cuts) = mpsc::channel();
    let hub = relay(hub, cuts);
    let device = device(&hub, &["--latency", "2ms"]);
    for _ in 0..3 {
        toggle.line();
        cut.send(()).unwrap();
    }
    let run = toggle.finish();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(summary(&run, DONE), ["300", "300", "300"], "{run:?}");
    // What is cut before its greeting is no connection of the session's yet.
    let told = run.summary("connections");
    let numbers: Vec<u32> = told.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    let [made, lost, again] = numbers[..] else { panic!("{told}") };
    assert!((1..=3).contains(&lost) && made == lost + 1 && again == lost, "{told}");
    device.interrupt();
    let device = device.finish();
    assert_eq!(device.summary("applied by device"), "300", "{device:?}");
    assert!(device.stderr.matches("event=disconnected").count() >= 3, "{device:?}");
}

#[test]
#[cfg(unix)]
fn a_device_that_is_replaced_midway_is_sent_what_is_left() {
    let args = ["--count", "200", "--until", "executed", "--deadline", "1m"];
    let (mut toggle, hub) = listening(&args);
    let latency = ["--latency", "5ms"];
    let mut gone = device(&hub, &latency);
    toggle.line();
    gone.kill();
    let successor = device(&hub, &latency);
    let run = toggle.finish();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(summary(&run, DONE), ["200", "200", "200"], "{run:?}");
    successor.interrupt();
    let applied: u32 = successor.finish().summary("applied by device").parse().unwrap();
    assert!((1..200).contains(&applied), "{applied}");
}

#[test]
fn a_device_that_goes_for_good_ends_the_run_with_a_summary() {
    let (mut toggle, hub) =
        listening(&["--count", "1000000", "--deadline", "250ms", "--wait", "8s"]);
    let mut gone = device(&hub, &["--latency", "2ms"]);
    toggle.line();
    gone.kill();
    let run = toggle.finish();
    run.fails(3, "the device went, and did not dial in again within 8s (--wait)");
    assert_eq!(run.summary("asked"), "1000000");
}

#[test]
#[cfg(unix)]
fn another_device_is_told_of_once_and_ignored() {
    let args = ["--endpoint", "0x45880f3a", "--count", "5", "--until", "executed"];
    let (mut toggle, hub) = listening(&args);
    let (cut, cuts) = mpsc::channel();
    let other = device(&relay(hub.clone(), cuts), &["--endpoint", "0x2de4b5d2"]);
    let line = toggle.complaint("another device dialled in");
    assert!(line.contains("2de4b5d2"), "{line}");
    cut.send(()).unwrap();
    let right = device(&hub, &["--endpoint", "0x45880f3a"]);
    let run = toggle.finish();
    assert_eq!((run.code, run.summary("executed")), (Some(0), "5"), "{run:?}");
    assert_eq!(run.stderr.matches("another device").count(), 1, "{run:?}");
    for (device, applied) in [(other, "0"), (right, "5")] {
        device.interrupt();
        assert_eq!(device.finish().summary("applied by device"), applied);
    }
}

#[test]
fn only_others_that_dial_in_are_named_as_what_is_wrong() {
    let (mut toggle, hub) = listening(&["--endpoint", "7", "--wait", "8s"]);
    let _other = device(&hub, &[]);
    toggle.complaint("another device dialled in");
    let run = toggle.finish();
    run.fails(3, "no device 00000007 dialled in on 127.0.0.1:");
    run.fails(3, "within 8s; others did: check --endpoint");
}

#[test]
fn nobody_who_dials_in_is_said_in_one_line() {
    let (toggle, hub) = listening(&["--wait", "50ms"]);
    let run = toggle.finish();
    run.fails(3, &format!("no device dialled in on {hub} within 50ms; make it dial {hub}"));
    assert_eq!((&*run.stdout, run.stderr.lines().count()), ("", 2));
}

#[test]
fn what_dials_in_and_does_not_greet_is_named_as_what_is_wrong() {
    let (toggle, hub) = listening(&["--wait", "8s"]);
    let mut stream = TcpStream::connect(&hub).unwrap();
    stream.write_all(b"\x16\x03\x01\x00\x53\x01\x00\x00\x4f\x03\x03").unwrap();
    read_to_the_end(&stream);
    let run = toggle.finish();
    run.fails(3, "what dialled did not greet, or not with the right code");
    assert!(run.stderr.contains("its first byte is 0x16"), "{run:?}");
}

#[test]
fn a_device_with_another_code_is_refused_and_no_code_is_shown() {
    const CODES: [&str; 2] = ["canary-0123456789", "wrong-canary-3456"];
    let start = |args: &[&str], code: &str| {
        let mut command = command(args);
        command.args(["--log-level", "trace"]).env("CYNC_AUTH_CODE", code);
        Running::spawn(command, b"")
    };
    let (mut toggle, hub) = listens(start(&["toggle", "--listen", "127.0.0.1:0"], CODES[0]));
    let dial = ["simulate", "--dial", &hub];
    let mut wrong = dials(start(&dial, CODES[1]), &hub);
    toggle.complaint("the greeting was refused with status 01");
    let mut right = dials(start(&dial, CODES[0]), &hub);
    let run = toggle.finish();
    assert_eq!((run.code, run.summary("acknowledged")), (Some(0), "1"), "{run:?}");
    wrong.kill();
    right.kill();
    for run in [run, wrong.finish(), right.finish()] {
        for code in CODES {
            let hex: String = code.bytes().map(|byte| format!("{byte:02x}")).collect();
            for text in [&run.stdout, &run.stderr] {
                assert!(!text.contains(code) && !text.contains(&hex), "{text}");
            }
        }
    }
}

#[test]
fn what_is_logged_and_counted_of_the_device_has_its_label() {
    let logs = ["--log-level", "debug", "--log-format", "json"];
    let metrics = ["--metrics-port", "0", "--metrics-linger", "60", "--quiet"];
    let label = ["--count", "3", "--device-id", "kitchen"];
    let (mut toggle, hub) = listening(&[&logs[..], &metrics, &label].concat());
    let _device = device(&hub, &["--endpoint", "9"]);
    let port = port(&toggle.line());
    read_to(&mut toggle, "asked ");
    let text = get(&port);
    let count = "tcp_comm_packet_latency_seconds_count{device_id=\"kitchen\"} 3\n";
    assert!(text.contains(count), "{text}");
    let run = said_all(toggle);
    let records = run.stderr.lines().filter(|line| line.contains("\"event\":\"tcp_packet\""));
    let records: Vec<_> = records.collect();
    assert!(records.len() > 6, "{run:?}");
    for record in records {
        assert!(record.contains("\"device_id\":\"kitchen\""), "{record}");
    }
}

#[test]
#[cfg(unix)]
fn a_hub_that_is_not_there_is_said_once_and_dialled_until_it_is() {
    let hub = format!("127.0.0.1:{}", unused_port());
    let mut device = device(&hub, &["--log-level", "debug"]);
    for _ in 0..4 {
        device.complaint("event=unreachable");
    }
    let toggle = Running::start(&["toggle", "--listen", &hub, "--until", "executed"]).finish();
    assert_eq!((toggle.code, toggle.summary("executed")), (Some(0), "1"), "{toggle:?}");
    device.complaint("event=disconnected");
    device.interrupt();
    let run = device.finish();
    assert_eq!((run.code, run.summary("applied by device")), (Some(130), "1"), "{run:?}");
    let before = run.stderr.split("event=connected").next().unwrap();
    assert_eq!(before.matches("event=no_hub").count(), 1, "{run:?}");
}

#[test]
#[cfg(unix)]
fn an_interrupt_while_waiting_ends_it_with_a_summary() {
    let (toggle, _) = listening(&["--wait", "0s", "--count", "4"]);
    toggle.interrupt();
    let run = toggle.finish();
    assert_eq!((run.code, run.summary("not attempted")), (Some(130), "4"), "{run:?}");
}

#[test]
fn an_address_that_cannot_be_listened_on_is_one_line_with_a_remedy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let run = cync(&["toggle", "--listen", &taken], b"");
    run.fails(1, "another program listens there; choose another port in --listen");
    assert_eq!((&*run.stdout, run.stderr.lines().count()), ("", 1));
    let elsewhere = cync(&["toggle", "--listen", "192.0.2.1:0"], b"");
    elsewhere.fails(1, "this machine does not have that address");
}

#[test]
fn wrong_arguments_are_usage_errors_that_say_what_is_right() {
    for (args, says) in [
        ("toggle --listen localhost:9000", "127.0.0.1:9001"),
        ("toggle --listen 127.0.0.1", "not an address to listen on"),
        ("toggle --listen 127.0.0.1:0 --wire lab", "cannot be used with '--wire lab'"),
        ("toggle --listen 127.0.0.1:0 --simulate", "cannot be used with"),
        ("toggle --listen 127.0.0.1:0 --device-host x", "cannot be used with"),
        ("toggle --listen 127.0.0.1:0 --device-port 9000", "cannot be used with"),
        ("toggle --listen 127.0.0.1:0 --loss 5%", "cannot be used with"),
        ("toggle --listen 127.0.0.1:0 --wait 5", "30ms"),
        ("toggle --simulate --wait 5s", "cannot be used with"),
        ("simulate --dial lamp", "not a target"),
        ("simulate --dial lamp:1 --wire lab", "cannot be used with '--wire lab'"),
        ("simulate --dial lamp:1 --port 9000", "cannot be used with"),
        ("simulate --dial lamp:1 --host ::1", "cannot be used with"),
        ("simulate --endpoint 7", "--dial"),
        ("simulate --auth-file x", "--dial"),
        ("simulate --port 0 --endpoint 7", "cannot be used with"),
        ("simulate --host ::1 --auth-file x", "cannot be used with"),
    ] {
        let run = cync(&args.split(' ').collect::<Vec<_>>(), b"");
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{args}: {run:?}");
        assert!(run.stderr.contains(says), "{args}: {run:?}");
    }
}
