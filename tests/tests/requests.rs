//! Typed commands, results and states: recorded and constructed bytes, and properties over all values.

use cync_core::wire::{
    Brightness, ChecksumMode, Colour, Command, Destination, DeviceStatus, Effect, Endpoint, Frame,
    Group, Indicator, IndicatorBrightness, IndicatorColour, IndicatorMode, Level, Light, Login,
    Meaning, MeshId, MeshPage, MeshPages, MeshRecord, NextPage, Packet, PacketType, PageHeader,
    ResultData, Rgb, Secret, StatusCode, SwitchMode, Temperature, op,
};
use cync_core::{Config, Instant, Session};
use cync_tests::{array, requests, text, unhex, vectors};
use proptest::prelude::*;
use std::num::NonZeroU16;

fn meaning<'p>(packet: &Packet<'p>) -> Option<Meaning<'p>> {
    let frame = packet.frame()?;
    let data = frame.data.as_slice().expect("nothing is stuffed");
    Some(Meaning::of(frame.layout, frame.direction, frame.op, data))
}

fn page(bytes: &[u8]) -> (Frame<'_>, MeshPage<'_>) {
    let packet = Packet::decode(bytes, ChecksumMode::Strict).expect("a packet");
    let Some(Meaning::MeshPage(page)) = meaning(&packet) else { panic!("{packet}") };
    (*packet.frame().expect("a frame"), page)
}

#[test]
fn every_command_vector_is_read_and_written_as_it_stands() {
    let vectors = requests();
    let mut written = 0;
    for vector in array(&vectors, "commands") {
        let name = text(vector, "name");
        let bytes = unhex(text(vector, "hex"));
        let packet = Packet::decode(&bytes, ChecksumMode::Strict).unwrap();
        let frame = packet.frame().unwrap();
        let mut scratch = [0; 64];
        let data = frame.data.read(&mut scratch).unwrap();
        let command = Command::parse(frame.op, data).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(command.to_string(), text(vector, "says"), "{name}");
        assert!(packet.to_string().ends_with(text(vector, "says")), "{packet}");

        let own = command.data(frame.counter);
        let same = own == data;
        assert_eq!(same, vector["differs"].is_null(), "{name}: {own:02x?}");
        assert_eq!(Command::parse(command.op(), &own), Some(command), "{name}");
        written += usize::from(same);
    }
    assert_eq!(written, 25);
}

#[test]
fn the_recorded_page_lists_31_devices() {
    let bytes = unhex(text(&requests(), "mesh_page"));
    let (frame, page) = page(&bytes);
    let header = PageHeader { count: 31, offset: 0, total: 31 };
    assert_eq!((page.header, page.records().len()), (header, 31));
    assert_eq!(ResultData::of(&frame), Some(ResultData::Page(header)));

    let all: Vec<DeviceStatus> =
        page.records().map(|record| DeviceStatus::of_record(&record).unwrap()).collect();
    let listed = Some(Meaning::MeshPage(page));
    assert!(DeviceStatus::all_in(PacketType::DataChannel, listed, &[]).eq(all.iter().copied()));
    let shown: Vec<String> = all.iter().take(5).map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "device 103 on, brightness 75, product 81",
            "device 11 off, brightness 13, white 10",
            "device 44 on, brightness 13, white 0",
            "device 12 on, brightness 100, white 10",
            "device 66 on, brightness 13, white 10",
        ]
    );
    assert!(all.iter().all(|status| status.online && status.outlet.is_none()));
    assert!(all.iter().skip(1).all(|status| status.product.is_none()));
}

#[test]
fn a_page_is_a_result_however_it_is_stuffed() {
    let record = [0x7e; 24];
    let mut data = vec![1, 0, 0, 0, 1, 0];
    data.extend(record);
    let frame = Frame::response(0x7d, op::MESH_QUERY, &data);
    let prefix = cync_core::wire::Prefix {
        endpoint: cync_core::wire::Endpoint(1),
        msg_id: cync_core::wire::MsgId(1),
        flag: 0,
    };
    let packet = Packet::DataChannel(cync_core::wire::Channel { prefix, frame });
    let mut out = [0; 128];
    let len = packet.encode(&mut out).unwrap();
    assert_eq!(len, 12 + 1 + 9 + 30 + 25 + 1, "24 data bytes and the counter are stuffed");
    let decoded = Packet::decode(&out[..len], ChecksumMode::Strict).unwrap();
    let header = PageHeader { count: 1, offset: 0, total: 1 };
    assert_eq!(ResultData::of(decoded.frame().unwrap()), Some(ResultData::Page(header)));
}

#[test]
fn recorded_results_are_typed() {
    let vectors = vectors();
    let find = |name: &str| {
        let valid = array(&vectors, "valid");
        let vector = valid.iter().find(|vector| vector["name"] == name);
        unhex(text(vector.unwrap_or_else(|| panic!("{name}")), "hex"))
    };
    let result = find("result_only");
    let packet = Packet::decode(&result, ChecksumMode::Strict).unwrap();
    let done = Some(ResultData::Status(StatusCode::OK));
    assert_eq!(ResultData::of(packet.frame().unwrap()), done);

    let announced = find("status_on_bri10_cm10_ctr1f");
    let packet = Packet::decode(&announced, ChecksumMode::Strict).unwrap();
    assert_eq!(ResultData::of(packet.frame().unwrap()), None);
}

/// Both packets of one read: the announcement and the datapoint of the same device.
fn announced_and_reported(name: &str) -> (DeviceStatus, DeviceStatus) {
    let vectors = vectors();
    let vector = array(&vectors, "valid").iter().find(|vector| vector["name"] == name);
    let vector = vector.unwrap_or_else(|| panic!("{name}"));
    let bytes = unhex(text(vector, "hex"));
    let first = Packet::decode(&bytes, ChecksumMode::Strict).expect("a packet");
    let mut out = [0; 256];
    let len = first.encode(&mut out).expect("room");
    let second = Packet::decode(&bytes[len..], ChecksumMode::Strict).expect("a packet");
    let Some(Meaning::DeviceStatus(_, announced)) = meaning(&first) else { panic!("{first}") };
    let Packet::DeviceInfo(info) = second else { panic!("{second}") };
    let record = info.datapoints().find_map(|point| point.as_status()).expect("a state");
    (
        DeviceStatus::of_announcement(&announced).expect("a device"),
        DeviceStatus::of_datapoint(&record).expect("a device"),
    )
}

#[test]
fn announcement_and_datapoint_of_one_event_are_the_same_status() {
    let (announced, reported) = announced_and_reported("compound_status_and_info_1");
    let device = MeshId::new(238).unwrap();
    assert_eq!(
        announced,
        DeviceStatus {
            device,
            outlet: None,
            online: true,
            on: true,
            brightness: Brightness::new(10).ok(),
            light: Temperature::new(10).ok().map(Light::White),
            product: None,
            reporter: None,
        }
    );
    assert_eq!(reported, DeviceStatus { reporter: Some(device), ..announced });
}

#[test]
fn a_delivered_message_says_what_it_says_of_devices_however_it_came() {
    let vectors = vectors();
    let compound = "compound_status_and_info_1";
    let vector = array(&vectors, "valid").iter().find(|vector| vector["name"] == compound);
    let mut hub: Session = Session::new(Config::listener(Endpoint(1)), 1).unwrap();
    let mut hello = [0; 64];
    let login = Login::new(Endpoint(1), Secret::new(b"0123456789abcdef"), 60);
    let len = Packet::Handshake(login).encode(&mut hello).unwrap();
    hub.handle_connected(Instant::ZERO);
    let stream = [&hello[..len], &unhex(text(vector.unwrap(), "hex"))].concat();
    assert_eq!(hub.handle_input(Instant::ZERO, &stream), stream.len());
    let (announced, reported) = announced_and_reported(compound);
    for status in [announced, reported] {
        let message = hub.recv(Instant::ZERO).unwrap();
        assert_eq!(message.states().collect::<Vec<_>>(), [status]);
    }
    assert_eq!(hub.recv(Instant::ZERO), None);
}

#[test]
fn a_code_matches_itself_alone() {
    let code = Secret::new(b"0123456789abcdef");
    assert!(code.matches(b"0123456789abcdef"));
    for other in [&b"0123456789abcdee"[..], b"0123456789abcde", b"0123456789abcdef0", b"", b"1"] {
        assert!(!code.matches(other));
    }
    assert!(Secret::new(b"").matches(b""));
}

#[test]
fn a_datapoint_of_a_device_that_is_off_does_not_say_how_bright_it_will_be() {
    let (announced, reported) = announced_and_reported("compound_status_and_info_off");
    assert!(!announced.on && !reported.on);
    assert_eq!(announced.brightness, Brightness::new(24).ok());
    assert_eq!(reported.brightness, None);
    let same = DeviceStatus { brightness: None, reporter: Some(announced.device), ..announced };
    assert_eq!(reported, same);
}

#[test]
fn a_record_that_is_of_no_device_has_no_status() {
    let record = MeshRecord {
        device: 0,
        device_type: 0,
        reachable: true,
        on: true,
        brightness: 1,
        color_mode: 1,
        rgb: [0; 3],
    };
    assert_eq!(DeviceStatus::of_record(&record), None);
    assert!(DeviceStatus::of_record(&MeshRecord { device: 1, ..record }).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

    #[test]
    fn a_command_is_parsed_from_its_own_data(command in command(), counter: u32) {
        let data = command.data(counter);
        prop_assert_eq!(Command::parse(command.op(), &data), Some(command));
        let frame = Frame::request(counter, command.op(), &data);
        prop_assert!(frame.checksum_valid());
    }

    /// A byte more, a byte less, a byte changed: another command or none, never one that says something else than its data.
    #[test]
    fn what_is_parsed_from_changed_data_says_what_it_is(
        command in command(), counter: u32, at in any::<prop::sample::Index>(), byte: u8, len in -1..2_isize,
    ) {
        let mut data = command.data(counter).to_vec();
        data.resize(data.len().saturating_add_signed(len), byte);
        if !data.is_empty() {
            let at = at.index(data.len());
            data[at] = byte;
        }
        if let Some(parsed) = Command::parse(command.op(), &data) {
            prop_assert_eq!(parsed.op(), command.op());
            let own = parsed.data(counter);
            prop_assert_eq!(own.len(), data.len());
            prop_assert_eq!(Command::parse(parsed.op(), &own), Some(parsed));
        }
    }

    #[test]
    fn arbitrary_data_is_a_command_of_its_own_operation_or_none(
        op: u8, data in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        if let Some(command) = Command::parse(op, &data) {
            prop_assert_eq!(command.op(), op);
            prop_assert_eq!(Command::parse(op, &command.data(0)), Some(command));
        }
    }

    #[test]
    fn a_command_says_all_that_it_asks(one in command(), other in command()) {
        prop_assert_eq!(one == other, one.to_string() == other.to_string());
    }

    #[test]
    fn paging_ends_whatever_is_answered(
        limit in prop::option::of(1..=u16::MAX), most in 1..64_u16, answers in prop::collection::vec(header(), 64),
    ) {
        let most = NonZeroU16::new(most).unwrap();
        let mut pages = match limit.and_then(NonZeroU16::new) {
            Some(limit) => MeshPages::of_at_most(limit, most),
            None => MeshPages::all(most),
        };
        let mut queries = vec![pages.query()];
        let mut ends = Vec::new();
        for page in answers {
            match pages.on_page(page) {
                NextPage::Query(query) => {
                    prop_assert!(ends.is_empty(), "{query} after the end");
                    queries.push(query);
                }
                end => ends.push(end),
            }
        }
        prop_assert!(queries.len() <= usize::from(most.get()));
        prop_assert!(!ends.is_empty() && ends.iter().all(|end| *end == ends[0]));
        let offsets: Vec<u16> = queries.iter().map(|query| match query {
            Command::MeshQuery { offset, .. } => *offset,
            other => panic!("{other}"),
        }).collect();
        prop_assert!(offsets.is_sorted_by(|a, b| a < b), "{offsets:?}: no record is asked for twice");
    }

    #[test]
    fn paging_gets_every_record_of_a_bridge_that_pages(
        records in 0..300_u16, limit in 1..40_u16, counts_all: bool,
    ) {
        let many = NonZeroU16::new(1000).unwrap();
        let mut pages = MeshPages::of_at_most(NonZeroU16::new(limit).unwrap(), many);
        let mut query = pages.query();
        let mut had = 0;
        loop {
            let Command::MeshQuery { limit, offset } = query else { panic!("{query}") };
            prop_assert_eq!(offset, had, "neither a gap nor an overlap");
            let count = records.saturating_sub(offset).min(limit);
            had += count;
            let total = if counts_all { records } else { count };
            match pages.on_page(PageHeader { count, offset, total }) {
                NextPage::Query(next) => query = next,
                end => {
                    prop_assert_eq!(end, NextPage::Complete);
                    break;
                }
            }
        }
        prop_assert_eq!(had, records);
    }
}

#[test]
fn paging_gives_up_when_no_more_pages_are_allowed() {
    let mut pages = MeshPages::all(NonZeroU16::new(2).unwrap());
    let page = PageHeader { count: 3, offset: 0, total: 9 };
    let rest = Command::MeshQuery { limit: 0xffff, offset: 3 };
    assert_eq!(pages.on_page(page), NextPage::Query(rest));
    assert_eq!(pages.on_page(page), NextPage::GaveUp);
    assert_eq!(pages.on_page(PageHeader { total: 0, ..page }), NextPage::GaveUp);
}

#[test]
fn paging_gives_up_where_records_have_no_number() {
    let mut pages = MeshPages::of_at_most(NonZeroU16::new(40_000).unwrap(), NonZeroU16::MAX);
    let page = PageHeader { count: 40_000, offset: 0, total: 0xffff };
    let rest = Command::MeshQuery { limit: 40_000, offset: 40_000 };
    assert_eq!(pages.on_page(page), NextPage::Query(rest));
    assert_eq!(pages.on_page(page), NextPage::GaveUp);
}

fn header() -> impl Strategy<Value = PageHeader> {
    let small = || prop_oneof![4 => 0..40_u16, 1 => any::<u16>()];
    (small(), small(), small()).prop_map(|(count, offset, total)| PageHeader {
        count,
        offset,
        total,
    })
}

fn destination() -> impl Strategy<Value = Destination> {
    prop_oneof![
        (1..=254_u8).prop_map(|device| MeshId::new(device).expect("in range").into()),
        (1..=254_u8, 1..=126_u8)
            .prop_map(|(device, outlet)| Destination::outlet(device, outlet).expect("in range")),
        group().prop_map(Destination::from),
        Just(Destination::ALL),
    ]
}

fn group() -> impl Strategy<Value = Group> {
    (0..=0x7ffe_u16).prop_map(|group| Group::new(group).expect("in range"))
}

fn brightness() -> impl Strategy<Value = Brightness> {
    (0..=100_u8).prop_map(|percent| Brightness::new(percent).expect("in range"))
}

fn temperature() -> impl Strategy<Value = Temperature> {
    (0..=100_u8).prop_map(|white| Temperature::new(white).expect("in range"))
}

fn rgb() -> impl Strategy<Value = Rgb> {
    any::<[u8; 3]>().prop_map(Rgb)
}

fn indicator() -> impl Strategy<Value = Indicator> {
    (0..16_u8, 0..16_u8, 1..=100_u8, any::<bool>()).prop_map(
        |(mode, colour, brightness, wifi_blink)| Indicator {
            mode: IndicatorMode::new(mode).expect("in range"),
            colour: IndicatorColour::new(colour).expect("in range"),
            brightness: IndicatorBrightness::new(brightness).expect("in range"),
            wifi_blink,
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    let lamp = (destination(), any::<bool>(), brightness(), temperature(), rgb()).prop_flat_map(
        |(to, on, brightness, temperature, rgb)| {
            let colours = vec![None, Some(Colour::White(temperature)), Some(Colour::Rgb(rgb))];
            (prop::option::of(Just(brightness)), prop::sample::select(colours)).prop_flat_map(
                move |(kept, colour)| {
                    prop::sample::select(vec![
                        Command::Power { to, on },
                        Command::Brightness { to, brightness },
                        Command::Temperature { to, temperature },
                        Command::Rgb { to, rgb },
                        Command::Combined { to, on, brightness: kept, colour },
                    ])
                },
            )
        },
    );
    let show = (destination(), prop::sample::select(Effect::ALL.to_vec()))
        .prop_map(|(to, effect)| Command::Effect { to, effect });
    let fade = (destination(), 0..=1000_u16, any::<u16>()).prop_map(|(to, level, over_ms)| {
        Command::Fade { to, level: Level::new(level).expect("in range"), over_ms }
    });
    let setting = (destination(), group(), indicator()).prop_flat_map(|(to, group, indicator)| {
        prop::sample::select(vec![
            Command::SwitchMode { to, mode: SwitchMode::Traditional },
            Command::SwitchMode { to, mode: SwitchMode::Smart },
            Command::Indicator { to, indicator },
            Command::JoinGroup { to, group },
            Command::LeaveGroup { to, group },
            Command::ReadSettings { to },
            Command::ReadFirmware { to },
        ])
    });
    prop_oneof![
        4 => lamp,
        1 => show,
        1 => fade,
        2 => setting,
        1 => any::<(u16, u16)>().prop_map(|(limit, offset)| Command::MeshQuery { limit, offset }),
        1 => Just(Command::PageReceived),
    ]
}
