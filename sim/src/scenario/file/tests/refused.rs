//! Every rule, broken once, with the place and the words.

use super::{SMALL, with};
use crate::Scenario;

/// Checks that a text is refused at a place, in words that contain `rule`.
#[track_caller]
fn refused_at(text: &str, at: usize, rule: &str) {
    let error = Scenario::parse(text).expect_err(text);
    let line = text[..at].matches('\n').count() + 1;
    let column = text[..at].chars().rev().take_while(|letter| *letter != '\n').count() + 1;
    assert!(error.rule().contains(rule), "{error}");
    assert_eq!((error.line(), error.column()), (line, column), "{error}");
}

/// Checks that a text is refused where `mark` stands in it.
#[track_caller]
fn refused(text: &str, mark: &str, rule: &str) {
    refused_at(text, text.find(mark).expect(mark), rule);
}

/// Checks that more sections behind the small scenario are refused where `mark` stands in them.
#[track_caller]
fn refused_with(more: &str, mark: &str, rule: &str) {
    refused_at(&format!("{SMALL}{more}"), SMALL.len() + more.find(mark).expect(mark), rule);
}

/// A scenario with this workload and these sections.
#[track_caller]
fn refused_work(work: &str, mark: &str, rule: &str) {
    refused(&format!("schema = 1\nname = \"\"\n{work}"), mark, rule);
}

#[test]
fn the_example_of_the_message_is_exact() {
    let text = format!("{SMALL}[chaos]\npacket_loss_rate = 1.2 # much\n");
    let error = Scenario::parse(&text).unwrap_err();
    let expected = "line 7, column 20: packet_loss_rate is 1.2: a rate is from 0 to 1, or from \"0%\" to \"100%\"\n   \
                    7 | packet_loss_rate = 1.2 # much\n     |                    ^";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_is_no_toml() {
    refused_at("schema = ", 9, "not TOML");
    refused("schema = 1\nname = \"a\"\nname = \"b\"\n", "name = \"b", "duplicate key");
}

#[test]
fn another_schema_names_both_whatever_else_the_file_says() {
    let text = "schema = 2\nweather = \"fine\"\n";
    refused(text, "2", "schema is 2: this version of cync reads schema 1");
    refused("name = \"x\"\n", "", "schema is missing: a scenario says");
    refused("shema = 1\n", "shema", "did you mean schema?");
    refused("schema = \"one\"\n", "\"one\"", "whole number");
}

#[test]
fn unknown_fields_and_names_say_what_was_probably_meant() {
    refused_with(
        "[chaos]\npacket_los_rate = 0.1\n",
        "packet_los",
        "did you mean packet_loss_rate?",
    );
    refused_with("[chaos]\nlatency = 1\n", "latency", "did you mean latency_ms?");
    refused_with(
        "[chaos]\nweather = 1\n",
        "weather",
        "there is no weather in [chaos]: there is latency_ms,",
    );
    refused_with("[chaos.to_device]\nlos = 1\n", "los", "in [chaos.to_device]");
    refused_with("[limit]\np50_ms = 1\n", "limit", "did you mean limits?");
    refused_with(
        "[limits]\nduration_ms = 1\n",
        "duration_ms",
        "it belongs above the first section",
    );
    refused_with("[topology]\ndials = \"divice\"\n", "\"divice\"", "did you mean \"device\"?");
    refused_with(
        "[topology]\ndials = \"cloud\"\n",
        "\"cloud\"",
        "one of \"controller\", \"device\"",
    );
    refused_with(
        "[[op]]\nact = \"ping\"\nnumber = 1\nat_ms = 1\nlamp = 1\n",
        "lamp",
        "no lamp in [[op]]",
    );
}

#[test]
fn what_has_to_be_given() {
    refused("schema = 1\n", "", "name is missing");
    refused_work(
        "[workload]\nkind = \"steady\"\n",
        "[workload]",
        "every_ms is missing in [workload]",
    );
    refused_work("[workload]\ncommands = 1\n", "[workload]", "kind is missing");
    refused_with("[[fault]]\nat_ms = 1\n", "[[fault]]", "kind is missing in [[fault]]");
    refused_with("[[fault]]\nkidn = \"reset\"\n", "kidn", "did you mean kind?");
    refused_with("[[fault]]\nkind = \"stall\"\nat_ms = 1\n", "[[fault]]", "way is missing");
}

#[test]
fn values_of_another_type_or_out_of_range() {
    refused_with("[topology]\ndevices = 70000\n", "70000", "from 0 to 65535");
    refused_with("[topology]\ndevices = -1\n", "-1", "from 0 to 65535");
    refused_with("[topology]\ndevices = 1.5\n", "1.5", "whole number");
    refused_with("[config]\nride_through = 1\n", "1", "true or false");
    refused_with("[config]\nmax_attempts = 0\n", "0", "from 1 to 65535");
    refused_with("[config]\nsize = 3\n", "3", "one of \"small\"");
    let (slow, late) =
        ("[topology]\nround_trip_ms = 2000\n", "[config]\ncopy_lifetime_ms = 9000\n");
    refused_with(
        slow,
        "2000",
        "copy_lifetime_ms of a controller is 2s: copies are not answered later",
    );
    let slow = format!("[topology]\nround_trip_ms = 5000\n{late}");
    refused_with(
        &slow,
        "5000",
        "the time for a greeting of a controller is 5s: no greeting takes so long",
    );
    refused_with("[topology]\nround_trip_ms = -4\n", "-4", "from 0");
    refused_with("[topology]\nround_trip_ms = 0.0001\n", "0.0001", "no finer");
    refused_with("[topology]\nround_trip_ms = 1e3\n", "1e3", "number of milliseconds");
    refused_with("[topology]\nround_trip_ms = 0x10\n", "0x10", "number of milliseconds");
    refused_with("[topology]\nround_trip_ms = 99999999999999999999\n", "9999", "less than");
    refused("schema = 1\nname = \"\"\ntopology = 3\n", "3", "it is a section, [topology]");
    refused("schema = 1\nname = \"\"\nop = 3\n", "3", "each is a section, [[op]]");
    refused("schema = 1\nname = \"\"\nop = [7]\n", "7", "each is a section, [[op]]");
    refused("schema = 1\nname = 5\n", "5", "a text in quotes");
    refused("schema = 1\nname = \"\"\nseed = -5\n", "-5", "64 bits");
    for rate in ["1.2", "-0.1", "nan", "inf", "2", "\"101%\"", "\"x\"", "1e-1", "true", "0x1"] {
        refused_with(
            &format!("[chaos]\nduplicate_rate =\t{rate}\n"),
            rate,
            "a rate is from 0 to 1",
        );
    }
    for rate in ["0.0000001", "\"0.00001%\""] {
        refused_with(&format!("[chaos]\nduplicate_rate =\t{rate}\n"), rate, "no finer");
    }
    for pattern in ["3", "[0.5]", "{ first = 1 }", "{ first = 1, every = 2, x = 3 }", "\"all\""] {
        refused_with(
            &format!("[chaos]\ndrop_pattern =\t{pattern}\n"),
            pattern,
            "numbers of commands",
        );
    }
}

#[test]
fn there_is_one_of_each_at_least_and_links_can_be_numbered() {
    for name in ["controllers", "devices", "lamps"] {
        refused_with(&format!("[topology]\n{name} = 0\n"), "0", "there is one at least");
    }
    refused_with("[topology]\nlamps = 255\n", "255", "254");
    refused_with("[topology]\ncontrollers = 300\ndevices = 300\n", "[topology]", "90000 links");
}

#[test]
fn a_configuration_that_a_session_refuses_names_the_sessions_rule() {
    refused_with(
        "[config]\ndeadline_ms = 100\n",
        "[config]",
        "deadline (100ms) is shorter than one timer",
    );
    let rule = "the session of a device refuses";
    refused_with("[config.device]\nwindow = 0\n", "[config.device]", rule);
    refused_with("[config]\nsize = \"small\"\n", "[config]", "slots");
    // Only who greets has a heartbeat.
    refused_with("[config]\nheartbeat_ms = 60000\n", "[config]", "heartbeat");
}

#[test]
fn work_that_is_none() {
    refused_work("", "", "nobody is asked for anything");
    let work = |kind: &str, more: &str| format!("[workload]\nkind = \"{kind}\"\n{more}");
    refused_work(&work("closed", "commands = 0\n"), "0\n", "commands is 0");
    refused_work(&work("closed", "commands = 9\nworkers = 0\n"), "0\n", "workers is 0");
    refused_work(&work("closed", "commands = 9\nworkers = 2\n"), "2\n", "lamps is 1");
    refused_work(&work("steady", "commands = 9\nevery_ms = 0\n"), "0\n", "every_ms is 0");
    refused_work(&work("burst", "commands = 9\nsize = 2\nevery_ms = 0\n"), "0\n", "every_ms is 0");
    refused_work(&work("burst", "commands = 9\nsize = 0\nevery_ms = 1\n"), "0\n", "size is 0");
    refused_work(&work("random", "commands = 9\ngap_ms = 0\n"), "0\n", "gap_ms is 0");
}

#[test]
fn operations_that_cannot_be_done() {
    let last = "[[op]]\nact = \"ping\"\nnumber = 4294967286\nat_ms = 1\n";
    refused_with(last, "4294967286", "the 10 commands of the workload have the numbers behind it");
    with(&last.replace("286", "285"));
    let op = |more: &str| format!("[[op]]\nnumber = 1\nat_ms = 5\n{more}");
    let power = |more: &str| op(&format!("act = \"power\"\non = true\n{more}"));
    refused_with(&power("link = 12\n"), "12", "the topology has 1, numbered from 0");
    refused_with(&power("lamp = 12\n"), "12", "each device has 1");
    refused_with(&power("deadline_ms = 5001\n"), "5001", "longer than the controller's own, 5s");
    let brightness = op("act = \"brightness\"\nvalue = 101\n");
    refused_with(&brightness, "101", "from 0 to 100");
    refused_with(&op("act = \"temperature\"\nvalue = 254\n"), "254", "from 0 to 100");
    let other = "[[op]]\nact = \"ping\"\nat_ms = 6\nnumber = 01";
    let twice = power(&other.replace("01", "1 # again\n"));
    refused_with(&twice, "1 # again", "no two are alike");
    refused_with(&op("act = \"cancel\"\ncommand = 77\n"), "77", "no operation of this number");
    refused_with(&op("act = \"cancel\"\ncommand = 1 # itself\n"), "1 # itself", "is a command");
    let elsewhere =
        "[[op]]\nact = \"cancel\"\nnumber = 2\nat_ms = 6\nlink = 1 # other\ncommand = 1\n";
    let elsewhere = format!("{}[topology]\ndevices = 2\n", power(elsewhere));
    refused_with(&elsewhere, "1 # other", "sent on another link");
}

#[test]
fn what_would_happen_behind_the_end() {
    let text = "schema = 1\nname = \"\"\nduration_ms = 7\n";
    let op = "[[op]]\nact = \"ping\"\nnumber = 1\n";
    refused(&format!("{text}{op}at_ms = 700\n"), "700", "duration_ms is shorter");
    let fault = "at_ms = 1\n[[fault]]\nkind = \"reset\"\n";
    refused(&format!("{text}{op}{fault}at_ms = 900\n"), "900", "duration_ms is shorter");
    refused(&text.replace('7', "0"), "0", "nothing would happen");
}

#[test]
fn chaos_that_contradicts_itself() {
    let chaos = |more: &str| format!("[chaos]\n{more}");
    refused_with(&chaos("corruption_rate = 0.1\ncorruption_bytes = 0\n"), "0\n", "one at least");
    refused_with(
        "[chaos]\ncorruption_rate = 0.1\n[chaos.from_device]\ncorruption_bytes = 0\n",
        "0\n",
        "one at least",
    );
    refused_with(&chaos("reorder_rate = 0.1\nreorder_buffer_size = 0\n"), "0\n", "held back");
    refused_with(&chaos("reorder_rate = 0.1\nreorder_delay_ms = 0\n"), "0\n", "overtaken");
    refused_with(&chaos("drop_pattern = [1, 0]\n"), "[1, 0]", "counted from 1");
    refused_with(&chaos("drop_pattern = { first = 0, every = 5 }\n"), "{", "counted from 1");
    refused_with(&chaos("drop_pattern = { first = 1, every = 0 }\n"), "{", "every is 0");
}

#[test]
fn a_latency_besides_a_profile_of_latencies() {
    let captured = "[chaos]\nlatency_profile = \"captured\"\n";
    refused_with(&format!("{captured}latency_ms = 44\n"), "44", "replaces it");
    refused_with(&format!("{captured}latency_variance = 9\n"), "9", "replaces it");
    let later =
        format!("[chaos]\nlatency_ms = 1\n[[phase]]\nafter_commands = 1\n{}", &captured[8..]);
    refused_with(&later, "[[phase]]", "replaces it");
    super::with(&later.replace("[[phase]]", "[[phase]]\nlatency_ms = 0"));
    let none = format!("{captured}[[phase]]\nafter_commands = 1\nlatency_ms = 2\n");
    refused_with(&none, "2\n", "replaces it");
    super::with(&format!("{none}latency_profile = \"none\"\n"));
    let back = "[chaos.from_device]\nlatency_profile = \"captured\"\n";
    refused_with(back, "\"captured\"", "to the device only");
    refused_with("[chaos]\nlatency_profile = \"lan\"\n", "\"lan\"", "one of \"captured\"");
}

#[test]
fn phases_out_of_order_or_never() {
    let phase = |after: &str| format!("[[phase]]\nafter_commands = {after}\n");
    refused_with(&phase("0"), "0", "in the order in which they begin");
    refused_with(&(phase("5") + &phase("4")), "4", "in the order in which they begin");
    refused_with(&(phase("5") + &phase("5 # again")), "5 # again", "in the order");
    refused_with(&phase("10"), "10", "10 commands are sent: the phase never begins");
    let second = phase("5") + "reorder_rate = 1\nreorder_buffer_size = 0\n";
    refused_with(&second, "0\n", "held back");
    let inherited = phase("5") + "corruption_bytes = 0\n" + &phase("6") + "corruption_rate = 1\n";
    refused_with(&inherited, "[[phase]]\nafter_commands = 6", "one at least");
}

#[test]
fn faults_that_cannot_happen() {
    let packet = |more: &str| format!("[[fault]]\nkind = \"drop\"\nway = \"to-device\"\n{more}");
    refused_with(&packet("packet = 0x74\n"), "0x74", "no packet is of this type");
    refused_with(&packet("packet = \"0x23\"\n"), "\"0x23\"", "greetings are never tampered with");
    refused_with(&packet("packet = \"lamp\"\n"), "\"lamp\"", "it is a byte, such as 0x73");
    refused_with(&packet("packet = 0x73\n"), "[[fault]]", "frame is 0xf8 (a request)");
    refused_with(&packet("packet = 0xd3\nframe = 0xf8\n"), "0xf8", "a 0xd3 has no inner frame");
    refused_with(&packet("packet = 0xd3\nattempt = 0\n"), "0\n", "counted from 1");
    refused_with(&packet("packet = 0xd3\nlink = 9\n"), "9", "the topology has 1");
    refused_with("[[fault]]\nkind = \"reset\"\nat_ms = 1\nlink = 9\n", "9", "the topology has 1");
    let tick = "[[fault]]\nkind = \"early-tick\"\nside = \"device\"\ntick = 1\nlink = 9\n";
    refused_with(tick, "9", "the topology has 1");
    let corrupt = packet("packet = 0xd3\nbits = 0\n").replace("drop", "corrupt");
    refused_with(&corrupt, "0\n", "one at least is set");
    let nack = packet("packet = 0x73\nframe = 0xf8\nstatus = 0\n").replace("drop", "nack");
    refused_with(&nack, "0\n", "no refusal");
    for kind in ["partition", "reboot", "amnesia", "refuse-hello"] {
        let fault = format!("[[fault]]\nkind = \"{kind}\"\nat_ms = 1\nfor_ms = 0\n");
        refused_with(&fault, "0\n", "that would be no fault");
    }
    refused_with("[[fault]]\nkind = \"meteor\"\n", "\"meteor\"", "one of \"drop\", \"duplicate\"");
}

#[test]
fn a_fault_at_a_place_where_its_kind_does_not_happen() {
    use crate::{Fault, Place, What};
    let place = Place::At { link: 0, time: std::time::Duration::from_secs(1) };
    let mut scenario = super::parse(SMALL);
    scenario.faults.push(Fault { place, what: What::Drop });
    let found = scenario.check().unwrap_err();
    assert_eq!(found.to_string(), "fault[0].kind: drop does not happen at such a place");
}

#[test]
fn limits_that_no_run_can_keep() {
    refused_with("[limits]\np50_ms = 200\np95_ms = 100\n", "200", "p50_ms is longer than p95_ms");
    refused_with("[limits]\np95_ms = 200\np99_ms = 100\n", "200", "p95_ms is longer than p99_ms");
    refused_with("[limits]\np50_ms = 200\np99_ms = 100\n", "200", "p50_ms is longer than p99_ms");
    refused_with("[limits]\nspurious = 0\n", "0", "no run stays below");
    refused_with("[limits]\nspurious_after = 5\n", "5", "nothing without spurious");
    let after = "[limits]\nspurious = 0.1\nspurious_after = 10\n";
    refused_with(after, "10", "nothing would be counted");
    let hopeless = "[limits]\nsuccess = \"1%\"\n[chaos.from_device]\npacket_loss_rate = 1\n";
    refused_with(hopeless, "\"1%\"", "success cannot be");
}

#[test]
fn what_only_looks_impossible_is_accepted() {
    let hopeless = "[limits]\nsuccess = 1\n[chaos]\npacket_loss_rate = 1\n";
    let one_way_each = "[chaos]\n[chaos.to_device]\npacket_loss_rate = 1\n[[phase]]\nafter_commands = 5\n\
                        packet_loss_rate = 0\n[phase.from_device]\npacket_loss_rate = 1\n";
    super::with(&format!("[limits]\nsuccess = 1\n{one_way_each}"));
    for more in [
        "drop_pattern = [1]\n",
        "[[phase]]\nafter_commands = 5\npacket_loss_rate = 0.99\n",
        "[[op]]\nact = \"probe\"\nnumber = 1\nat_ms = 1\nuntil = \"sent\"\n",
    ] {
        super::with(&format!("{hopeless}{more}"));
    }
    let text = SMALL.replace("commands", "until = \"sent\"\ncommands");
    super::parse(&format!("{text}{hopeless}"));
    super::with("[limits]\np50_ms = 100\np95_ms = 100\np99_ms = 100\nsuccess = 0\n");
}
