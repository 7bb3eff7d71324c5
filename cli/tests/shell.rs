//! Where options come from, completions, manual, colours, and what the end of a pipe does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::{Run, Running, command, cync, run};
use serde_json::json;
use std::path::PathBuf;
use std::process::Stdio;

/// A place of this test's own.
fn path(name: &str) -> String {
    format!("{}/shell-{name}", env!("CARGO_TARGET_TMPDIR"))
}

fn file(name: &str, text: &[u8]) -> String {
    let path = path(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn with(args: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command = command(args);
    command.envs(variables.iter().copied());
    run(command, b"")
}

const ENCODE: [&str; 3] = ["encode", "power", "--on"];

/// What addresses the packet of `encode power` goes to.
fn device(run: &Run) -> u8 {
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    let decoded = cync(&["decode", "-", "--json"], run.stdout.as_bytes()).json().remove(0);
    let to = &decoded["packet"]["meaning"]["command"]["to"]["device"];
    u8::try_from(to.as_u64().unwrap()).unwrap()
}

#[test]
fn a_flag_beats_its_variable_and_a_variable_beats_the_file() {
    let config = file("order.toml", b"[encode.power]\ndevice = 9\n[toggle]\ncount = 3\n");
    let filed = [&["--config", &config][..], &ENCODE].concat();
    let variable = [("CYNC_ENCODE_POWER_DEVICE", "7")];
    assert_eq!(device(&with(&ENCODE, &[])), 1);
    assert_eq!(device(&with(&filed, &[])), 9);
    assert_eq!(device(&with(&ENCODE, &[("CYNC_CONFIG", &config)])), 9);
    assert_eq!(device(&with(&ENCODE, &variable)), 7);
    assert_eq!(device(&with(&filed, &variable)), 7);
    assert_eq!(device(&with(&filed, &[("CYNC_ENCODE_POWER_DEVICE", "")])), 9, "empty is not set");
    assert_eq!(device(&with(&[&filed[..], &["--device", "5"]].concat(), &variable)), 5);
    assert_eq!(device(&with(&[&filed[..], &["--device=5"]].concat(), &variable)), 5);
}

#[test]
fn the_usual_file_is_read_if_it_is_there() {
    let folder = PathBuf::from(path("home"));
    std::fs::create_dir_all(folder.join("cync")).unwrap();
    std::fs::write(folder.join("cync/config.toml"), "[encode.power]\ndevice = 4\n").unwrap();
    let mut command = command(&ENCODE);
    command.env("XDG_CONFIG_HOME", &folder);
    assert_eq!(device(&run(command, b"")), 4);
}

#[test]
fn what_does_not_go_together_with_something_stronger_is_left_out() {
    let config = file(
        "lamp.toml",
        b"[toggle]\ndevice-host = \"192.0.2.1\"\ndevice-port = 9001\nlatency = \"1ms\"\n",
    );
    let simulate = ["--config", &config, "toggle", "--simulate", "--quiet"];
    let run = cync(&simulate, b"");
    assert_eq!((run.code, run.summary("acknowledged")), (Some(0), "1"), "{run:?}");
    // To all: another destination than the one device.
    let all = with(&["encode", "power", "--on", "--all"], &[("CYNC_ENCODE_POWER_DEVICE", "7")]);
    assert_eq!(all.code, Some(0), "{all:?}");
    let listed =
        with(&["chaos", "--only", "step", "--commands", "1"], &[("CYNC_CHAOS_ONLY", "high-loss")]);
    listed.fails(2, "too few for step");
    let several = [("CYNC_CHAOS_ONLY", "step,high-loss")];
    let run = with(&["chaos", "--commands", "1"], &several);
    assert_eq!(run.code, Some(2), "{run:?}");
}

#[test]
fn what_is_of_no_use_with_a_stronger_wire_is_left_out() {
    let toggle = ["toggle", "--simulate", "--quiet", "--count", "1"];
    let (lab, executed) = (("CYNC_TOGGLE_WIRE", "lab"), ("CYNC_TOGGLE_UNTIL", "executed"));
    let by_wire = with(&[&toggle[..], &["--wire", "lab"]].concat(), &[executed]);
    assert_eq!((by_wire.code, by_wire.summary("executed")), (Some(0), "0"), "{by_wire:?}");
    let by_stage = with(&[&toggle[..], &["--until", "executed"]].concat(), &[lab]);
    assert_eq!((by_stage.code, by_stage.summary("executed")), (Some(0), "1"), "{by_stage:?}");
    let both = with(&toggle, &[lab, executed]);
    both.fails(2, "CYNC_TOGGLE_WIRE: the argument '--until' cannot be used with '--wire lab'");
}

#[test]
fn what_needs_something_that_is_left_out_is_left_out_with_it() {
    let config = file(
        "needs.toml",
        b"[toggle]\nreorder = \"10%\"\nreorder-delay = \"20ms\"\nmetrics-port = 0\nmetrics-linger = 1\n",
    );
    let lab = ["--config", &config, "toggle", "--simulate", "--wire", "lab"];
    assert_eq!(with(&lab, &[]).code, Some(0));
    let code = ("CYNC_SIMULATE_AUTH_FILE", "/no/such/file");
    let mut listens = command(&["simulate", "--wire", "lab"]);
    listens.envs([("CYNC_SIM_PORT", "0"), ("CYNC_SIMULATE_DIAL", "127.0.0.1:1"), code]);
    let line = Running::spawn(listens, b"").line();
    assert!(line.starts_with("laboratory device listens on 127.0.0.1:"), "{line}");
    let alone = with(&["simulate"], &[code]);
    alone.fails(2, "CYNC_SIMULATE_AUTH_FILE: the following required arguments were not provided");
}

#[test]
fn what_a_file_sets_in_case_of_something_else_is_left_out_without_it() {
    let config = file(
        "in_case.toml",
        b"[toggle]\nreorder-delay = \"20ms\"\nlatency-variance = \"1ms\"\nmetrics-addr = \"192.0.2.1\"\nquiet = true\n",
    );
    let toggle = ["--config", &config, "toggle", "--simulate"];
    let alone = cync(&toggle, b"");
    assert_eq!((alone.code, alone.summary("acknowledged")), (Some(0), "1"), "{alone:?}");
    assert_eq!(with(&toggle, &[("CYNC_TOGGLE_REORDER", "10%")]).code, Some(0));
    let served = cync(&[&toggle[..], &["--metrics-port", "0"]].concat(), b"");
    served.fails(1, "cannot serve metrics on 192.0.2.1");
    // Whoever sets it for this run hears that it does nothing.
    let delay = [("CYNC_TOGGLE_REORDER_DELAY", "20ms")];
    with(&toggle, &delay).fails(2, "CYNC_TOGGLE_REORDER_DELAY: the following required arguments");
    let run = cync(&["--config", &config, "toggle"], b"");
    assert!(
        run.code == Some(2) && run.stderr.contains("<--simulate|--device-host <HOST>"),
        "{run:?}"
    );
    // Two that need the same.
    let both = file("both.toml", b"[toggle]\nmetrics-addr = \"::1\"\nmetrics-linger = 600\n");
    let run = cync(&["--config", &both, "toggle", "--simulate"], b"");
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn a_required_option_may_come_from_anywhere() {
    let run = with(&["toggle"], &[("CYNC_TOGGLE_SIMULATE", "yes"), ("CYNC_TOGGLE_COUNT", "2")]);
    assert_eq!((run.code, run.summary("acknowledged")), (Some(0), "2"), "{run:?}");
    let config = file("required.toml", b"[toggle]\nsimulate = true\nquiet = true\njson = true\n");
    let run = with(&["--config", &config, "toggle"], &[("CYNC_TOGGLE_QUIET", "0")]);
    assert_eq!((run.code, run.json().len()), (Some(0), 2), "a command and the summary: {run:?}");
}

#[test]
fn a_wrong_variable_is_one_line_that_names_it() {
    for (name, value, says) in [
        ("CYNC_TOGGLE_COUNT", "many", "invalid value 'many' for '--count <N>'"),
        ("CYNC_TOGGLE_COUNT", "0\nx", "invalid value"),
        ("CYNC_TOGGLE_QUIET", "perhaps", "neither true nor false"),
        ("CYNC_TOGGLE_STATE", "up", "[possible values: on, off, alternate]"),
        ("CYNC_COLOR", "red", "[possible values: auto, always, never]"),
    ] {
        let run = with(&["toggle", "--simulate"], &[(name, value)]);
        run.fails(2, &format!("cync: {name}: "));
        assert!(run.stderr.contains(says) && run.stderr.lines().count() == 1, "{run:?}");
    }
    let both = [("CYNC_TOGGLE_SIMULATE", "1"), ("CYNC_TOGGLE_DEVICE_HOST", "x")];
    let run = with(&["toggle"], &both);
    run.fails(2, "cync: CYNC_TOGGLE_");
    assert!(run.stderr.contains("cannot be used with"), "{run:?}");
    let run = with(&["chaos"], &[("CYNC_CHAOS_CHART", "high-loss:17")]);
    run.fails(
        2,
        "cync: CYNC_CHAOS_CHART: the following required arguments were not provided: --html",
    );
}

#[test]
fn a_wrong_file_is_one_line_with_its_place() {
    let missing = path("no-such-file.toml");
    let toggle = |config: &str| cync(&["toggle", "--simulate", "--config", config], b"");
    toggle(&missing).fails(2, &format!("cync: {missing}: cannot read it: "));
    for (text, says) in [
        (
            &b"[toggle]\ncuont = 1\n"[..],
            ":2: toggle.cuont: unknown key; there are wire, simulate, ",
        ),
        (b"[simulate]\nport = \"x\"\n", ":2: simulate.port: invalid value 'x' for '--port <PORT>'"),
        (b"x = [\n", ": not TOML: "),
        (b"#\xff\n", ":1: not text: write it in UTF-8"),
        (&[b'#'; (1 << 20) + 1], ": longer than 1048576 bytes"),
    ] {
        let name = file("wrong.toml", text);
        let run = toggle(&name);
        run.fails(2, &format!("cync: {name}:"));
        assert!(run.stderr.contains(says) && run.stderr.lines().count() == 1, "{run:?}");
    }
    // It does not keep anybody from what helps.
    let broken = file("broken.toml", b"[");
    for args in [&["config", "--sample"][..], &["completions", "bash"], &["man"], &["--help"]] {
        assert_eq!(with(args, &[("CYNC_CONFIG", &broken)]).code, Some(0), "{args:?}");
    }
    with(&["config"], &[("CYNC_CONFIG", &broken)]).fails(2, "not TOML");
}

#[test]
fn config_shows_what_is_set_and_where() {
    let config = file("shown.toml", b"[toggle]\ncount = 3\nquiet = true\n");
    let variables = [("CYNC_TOGGLE_COUNT", "5"), ("CYNC_CHAOS_ONLY", "step,high-loss")];
    let run = with(&["config", "--config", &config, "--json"], &variables);
    assert_eq!(run.code, Some(0), "{run:?}");
    let expected = json!({"file": config, "options": [
        {"option": "toggle.count", "value": "5", "source": "CYNC_TOGGLE_COUNT"},
        {"option": "toggle.quiet", "value": true, "source": format!("{config}:3: toggle.quiet")},
        {"option": "chaos.only", "value": ["step", "high-loss"], "source": "CYNC_CHAOS_ONLY"},
    ]});
    assert_eq!(run.json(), [expected]);
    let run = cync(&["config"], b"");
    assert_eq!(run.summary("file"), "none (/no/such/folder/cync/config.toml would be read)");
    let sample = cync(&["config", "--sample"], b"");
    let sample = file("sample.toml", sample.stdout.as_bytes());
    let shown = cync(&["config", "--config", &sample], b"");
    assert_eq!((shown.code, shown.stdout.lines().count()), (Some(0), 1), "{shown:?}");
}

/// The names of all commands, as the help has them.
fn commands() -> Vec<String> {
    let help = cync(&["--help"], b"").stdout;
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names: Vec<String> =
        lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    assert!(names.len() > 14 && names.contains(&"man".into()), "{names:?}");
    names
}

#[test]
fn completions_and_pages_mention_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = cync(&["completions", shell], b"");
        assert_eq!((script.code, script.stderr.as_str()), (Some(0), ""));
        for name in commands() {
            assert!(script.stdout.contains(&name), "{shell}: {name}");
        }
        assert!(script.stdout.contains("drop-pattern"), "{shell}");
    }
    assert_eq!(cync(&["completions", "tcl"], b"").code, Some(2));
    let dir = path("man");
    let run = cync(&["man", "--dir", &dir], b"");
    assert_eq!((run.code, run.stderr.as_str(), run.stdout.as_str()), (Some(0), "", ""));
    let read = |name: &str| std::fs::read_to_string(format!("{dir}/{name}.1")).unwrap();
    for name in commands().iter().filter(|name| *name != "help") {
        assert!(read("cync").contains(&format!("cync\\-{name}")), "{name}");
        assert!(read(&format!("cync-{name}")).contains(".SH SYNOPSIS"), "{name}");
    }
    assert!(read("cync-encode-power").contains("CYNC_ENCODE_POWER_DEVICE"));
    assert_eq!(cync(&["man", "toggle"], b"").stdout, read("cync-toggle"));
    cync(&["man", "tugle"], b"").fails(2, "no command \"tugle\"; there are toggle, ");
    cync(&["man", "--dir", "/dev/null/x"], b"").fails(1, "cannot write to /dev/null/x");
}

#[cfg(unix)]
#[test]
fn bash_understands_its_completions() {
    let script = file("completions.bash", cync(&["completions", "bash"], b"").stdout.as_bytes());
    let bash = std::process::Command::new("bash").args(["-n", &script]).output();
    // Not everybody has it.
    let Ok(output) = bash else { return };
    assert!(output.status.success(), "{output:?}");
}

const BAD_SUM: &str =
    "830000002538e8cf460009007e1f000000fadb1300872511ee00ee00db110201010a0affffff0000897e";
const GREETING: &str = "230000001a0338e8cf46001063616e6172792d617574682d636f646500003c";

#[test]
fn annotated_packets_have_a_line_for_each_field() {
    let run = cync(&["encode", "power", "--device", "5", "--on", "--counter", "126"], b"");
    let run = cync(&["decode", "-", "--annotate"], run.stdout.as_bytes());
    assert_eq!(run.code, Some(0), "{run:?}");
    for line in [
        "         0000  73                       type                   DATA_CHANNEL",
        "         0001  00 00 00 21              length                 33",
        "         000d  7d 5e 00 00 00           counter                126 (stuffed)",
        "         0012  f8                       direction              request",
        "         001c  05 00                    destination            5",
        "         001e  d0                       mesh operation         d0: power on, device 5",
        "         0021  01                       state                  on",
    ] {
        assert!(run.stdout.lines().any(|it| it == line), "{line}\n{}", run.stdout);
    }
    assert!(run.stdout.contains("checksum               right\n"), "{}", run.stdout);
    let broken = cync(&["decode", "-", "--annotate"], b"7b00000001aa\n");
    assert_eq!(broken.code, Some(8), "{broken:?}");
    assert!(broken.stdout.contains("not decoded            invalid_length"), "{broken:?}");
    let wrong = cync(&["decode", "-", "--annotate", "--lenient"], BAD_SUM.as_bytes());
    assert!(wrong.stdout.contains("wrong: it should be"), "{wrong:?}");
    let json = &cync(&["decode", "-", "--annotate", "--json"], b"d300000000").json()[0];
    let expected = json!([
        {"at": 0, "len": 1, "hex": "d3", "field": "type", "value": "HEARTBEAT_DEV"},
        {"at": 1, "len": 4, "hex": "00000000", "field": "length", "value": "0"},
    ]);
    assert_eq!(json["fields"], expected);
}

#[test]
fn annotated_greetings_keep_the_code_unless_it_is_asked_for() {
    let annotate = |more: &[&str]| {
        let args = [&["decode", "-", "--annotate", "--format", "hex"][..], more].concat();
        cync(&args, GREETING.as_bytes()).stdout
    };
    for masked in [annotate(&[]), annotate(&["--json"])] {
        assert!(
            !masked.contains("canary")
                && !masked.contains("63616e")
                && !masked.contains("63 61 6e")
        );
        assert!(masked.contains("masked"), "{masked}");
    }
    assert!(annotate(&["--show-secrets"]).contains("authentication code    canary-auth-code\n"));
}

#[test]
fn there_are_colours_where_they_are_wanted_and_nowhere_else() {
    let decode = ["decode", "-", "--annotate", "--format", "raw"];
    let coloured = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = command(&[&decode[..], args].concat());
        command.envs(variables.iter().copied());
        let run = run(command, &[0xd3, 0, 0, 0, 0]);
        assert_eq!(run.code, Some(0), "{run:?}");
        run.stdout.contains('\u{1b}')
    };
    assert!(!coloured(&[], &[]), "it is no terminal");
    assert!(coloured(&["--color", "always"], &[]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]), "the command line wins");
    assert!(coloured(&[], &[("CYNC_COLOR", "always")]));
    assert!(!coloured(&["--color=never"], &[("CYNC_COLOR", "always")]));
    let help = |choice: &str| cync(&["toggle", "--help", "--color", choice], b"").stdout;
    assert!(help("always").contains('\u{1b}') && !help("auto").contains('\u{1b}'));
}

/// Every command that ends by itself soon.
fn quick() -> Vec<Vec<&'static str>> {
    [
        "--help",
        "toggle --simulate --count 3",
        "toggle --simulate --json",
        "decode docs/samples/boot.jsonl --annotate",
        "encode power --on",
        "encode hello",
        "scenario list",
        "scenario show step",
        "scenario check --json /no/such/file",
        "run group --json",
        "chaos --only step --commands 1100",
        "soak --hours 2",
        "soak --hours 2 --json",
        "explore --seeds 2",
        "shrink --seed 3",
        "replay /no/such/file --json",
        "config --sample",
        "completions bash",
        "man",
        "validate --date yesterday",
    ]
    .map(|line| line.split(' ').collect())
    .into()
}

#[test]
fn nobody_minds_that_nobody_reads() {
    for args in quick() {
        let mut command = command(&args);
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        let code = child.wait().unwrap().code();
        assert!([Some(0), Some(1), Some(2)].contains(&code), "{args:?}: {code:?}");
    }
}

#[cfg(unix)]
#[test]
fn closed_streams_are_no_reason_to_panic() {
    for args in quick() {
        let line = format!("exec '{}' {} >&- 2>&-", env!("CARGO_BIN_EXE_cync"), args.join(" "));
        let mut shell = std::process::Command::new("sh");
        shell.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let code = shell.args(["-c", &line]).stdin(Stdio::null()).status().unwrap().code();
        assert!([Some(0), Some(1), Some(2)].contains(&code), "{args:?}: {code:?}");
    }
}

/// Writing to it always fails, for want of room.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_told() {
    for line in [
        "--help",
        "config --sample",
        "completions bash",
        "man",
        "scenario list",
        "encode power --on",
        "soak --hours 2",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let mut command = command(&args);
        command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}: {stderr}");
        assert!(stderr.starts_with("cync: ") && stderr.lines().count() == 1, "{line}: {stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_ends_long_commands_with_what_there_is_by_then() {
    let long = file(
        "long.toml",
        b"schema = 1\nname = \"long\"\n[workload]\nkind = \"closed\"\ncommands = 100000000\n",
    );
    for (args, says) in [
        (&["chaos", "--commands", "50000000"][..], "of 18 runs these 0 came to their end"),
        (&["soak", "--hours", "100000"], "interrupted, and up to then nothing grew: "),
        (&["run", &long], "verdict              interrupted\n"),
        (&["shrink", &long], "interrupted before it was known"),
        (&["validate"], "interrupted: "),
        (&["explore", "--seeds", "100000000"], "schedules "),
        (&["toggle", "--simulate", "--count", "100000", "--quiet"], "not attempted "),
        (&["simulate", "--port", "0"], "applied by device "),
    ] {
        let running = command::Running::start(args);
        // A signal before that ends the process without a summary.
        running.until_it_catches_interrupts();
        running.interrupt();
        let run = running.finish();
        assert_eq!(run.code, Some(130), "{args:?}: {run:?}");
        let all = run.stdout + &run.stderr;
        assert!(all.contains(says), "{args:?}: {says} in {all}");
        assert!(!all.contains('\r'), "progress is for terminals: {all}");
    }
}
