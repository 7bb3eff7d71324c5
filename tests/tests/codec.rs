//! The vectors: every known packet field by field, every malformed one with its reason.

use cync_core::wire::{
    Channel, ChecksumMode, Datapoint, DeviceInfo, Endpoint, Frame, Login, LoginAck, Meaning,
    MeshPacket, MsgId, Packet, Receipt, Resync, ShortAck, TimeResponse,
};
use cync_tests::stream::Cut;
use cync_tests::{array, hex, text, unhex, vectors};
use serde_json::{Map, Value};

/// An expected JSON object, of which every member must be compared.
struct Expected(Map<String, Value>);

impl Expected {
    fn new(value: &Value) -> Self {
        Self(value.as_object().expect("an object").clone())
    }

    #[track_caller]
    fn field(&mut self, name: &str, found: impl Into<Value>) -> &mut Self {
        assert_eq!(self.0.remove(name), Some(found.into()), "{name}");
        self
    }

    /// A member that is there only if the packet has it.
    #[track_caller]
    fn optional(&mut self, name: &str, found: Option<impl Into<Value>>) -> &mut Self {
        assert_eq!(self.0.remove(name), found.map(Into::into), "{name}");
        self
    }

    fn endpoint(&mut self, endpoint: Endpoint) -> &mut Self {
        self.field("endpoint", endpoint.to_string())
    }

    fn msg_id(&mut self, msg_id: MsgId) -> &mut Self {
        self.field("msg_id", msg_id.0)
    }

    fn object(&mut self, name: &str) -> Self {
        Self::new(&self.0.remove(name).unwrap_or_else(|| panic!("{name} is expected")))
    }

    #[track_caller]
    fn end(&self) {
        assert!(self.0.is_empty(), "not compared: {:?}", self.0);
    }
}

fn compare_packet(expected: &Value, bytes: &[u8], packet: &Packet<'_>) {
    let mut want = Expected::new(expected);
    want.field("hex", hex(bytes.iter().copied()))
        .field("length", bytes.len() - 5)
        .field("type", packet.kind().byte())
        .field("type_name", packet.kind().name());
    match packet {
        Packet::Handshake(login) | Packet::AppLogin(login) => compare_login(&mut want, login),
        Packet::HelloAck(LoginAck { status, reserved })
        | Packet::AppLoginAck(LoginAck { status, reserved }) => {
            want.field("status", status.0).field("reserved", *reserved);
        }
        Packet::InfoAck(ShortAck { msg_id, status })
        | Packet::StatusAck(ShortAck { msg_id, status }) => {
            want.msg_id(*msg_id).field("status", status.0);
        }
        Packet::DataAck(Receipt { endpoint, msg_id, status }) => {
            want.endpoint(*endpoint).msg_id(*msg_id).field("status", status.0);
        }
        Packet::DeviceInfo(info) => compare_info(&mut want, info),
        Packet::DataChannel(Channel { prefix, frame })
        | Packet::StatusBroadcast(Channel { prefix, frame }) => {
            want.endpoint(prefix.endpoint).msg_id(prefix.msg_id).field("flag", prefix.flag);
            compare_frame(&mut want, frame);
        }
        Packet::TimeRequest { tag } => {
            want.field("tag", *tag);
        }
        Packet::TimeResponse(time) => compare_time(&mut want, time),
        Packet::HeartbeatDev | Packet::HeartbeatCloud => {}
        other => panic!("no vector has {other:?}"),
    }
    want.end();
}

fn compare_login(want: &mut Expected, login: &Login<'_>) {
    want.field("version", login.version)
        .endpoint(login.endpoint)
        .field("auth_len", login.auth.len())
        .field("auth", hex(login.auth.expose().iter().copied()))
        .field("reserved", login.reserved)
        .field("keepalive_s", login.keepalive_s);
}

fn compare_info(want: &mut Expected, info: &DeviceInfo<'_>) {
    want.endpoint(info.prefix.endpoint).msg_id(info.prefix.msg_id).field("flag", info.prefix.flag);
    let points = want.0.remove("datapoints").expect("datapoints are expected");
    let points = points.as_array().expect("datapoints are an array");
    let mut datapoints = info.datapoints();
    assert_eq!(datapoints.by_ref().count(), points.len());
    want.field("trailing", hex(datapoints.trailing().iter().copied()));
    for (expected, point) in points.iter().zip(info.datapoints()) {
        compare_datapoint(Expected::new(expected), &point);
    }
}

fn compare_datapoint(mut want: Expected, point: &Datapoint<'_>) {
    want.field("index", point.index)
        .field("dtype", point.dtype)
        .field("len", point.value.len())
        .field("value", hex(point.value.iter().copied()))
        .optional("u16", point.as_u16())
        .optional("text", point.as_text().map(String::from_utf8_lossy));
    if let Some(status) = point.as_status() {
        want.object("device")
            .field("id", status.device)
            .field("on", status.on)
            .field("brightness", status.brightness)
            .field("color_mode", status.color_mode)
            .field("rgb", hex(status.rgb))
            .field("reachable", status.reachable)
            .field("byte8", status.byte8)
            .field("reporter", status.reporter)
            .end();
    }
    want.end();
}

fn compare_frame(want: &mut Expected, frame: &Frame<'_>) {
    let mut scratch = [0; 4096];
    let data = frame.data.read(&mut scratch).expect("the data fits");
    want.object("frame")
        .field("layout", frame.layout.name())
        .field("stuffing", frame.stuffing().name())
        .field("counter", frame.counter)
        .field("dir", frame.direction.0)
        .field("dir_name", frame.direction.name())
        .field("op", frame.op)
        .field("data_len", frame.data.len())
        .field("data", hex(data.iter().copied()))
        .field("checksum", frame.checksum())
        .field("checksum_calc", frame.computed_checksum())
        .field("checksum_valid", frame.checksum_valid())
        .end();
    want.field("inner_hex", hex(frame.body()))
        .field("checksum", frame.checksum())
        .field("valid", frame.checksum_valid());
    let meaning = Meaning::of(frame.layout, frame.direction, frame.op, data);
    compare_meaning(want.object("meaning"), &meaning);
}

fn compare_meaning(mut want: Expected, meaning: &Meaning<'_>) {
    match meaning {
        Meaning::DeviceStatus(mesh, status) => {
            want.field("kind", "device_status")
                .field("device", status.device)
                .field("reachable", status.reachable)
                .field("on", status.on)
                .field("brightness", status.brightness)
                .field("color_mode", status.color_mode)
                .field("rgb", hex(status.rgb));
            compare_mesh(want.object("mesh"), mesh);
        }
        Meaning::Mesh(mesh) | Meaning::Command(mesh, _) => {
            want.field("kind", "mesh_packet");
            compare_mesh(want.object("mesh"), mesh);
        }
        Meaning::Firmware(firmware) => {
            want.field("kind", "firmware_version")
                .field("which", if firmware.of_device { "device" } else { "network" })
                .field("text", String::from_utf8_lossy(firmware.text));
        }
        Meaning::CommandResult(status) => {
            want.field("kind", "command_result").field("status", *status);
        }
        other => panic!("no vector means {other:?}"),
    }
    want.end();
}

fn compare_mesh(mut want: Expected, mesh: &MeshPacket<'_>) {
    want.field("sno", mesh.sno)
        .field("src", mesh.source)
        .field("dst", mesh.destination)
        .field("mesh_op", mesh.op)
        .field("vendor", mesh.vendor)
        .field("params", hex(mesh.params.iter().copied()))
        .end();
}

fn compare_time(want: &mut Expected, time: &TimeResponse) {
    let local = time.local;
    want.field("tag", time.tag)
        .field("year", local.year)
        .field("month", local.month)
        .field("day", local.day)
        .field("weekday_sunday1", local.weekday_sunday1)
        .field("hour", local.hour)
        .field("minute", local.minute)
        .field("second", local.second)
        .field("utc_offset_centihours", local.utc_offset_centihours);
}

/// Whether the sender wrote the packet as [`Packet::encode`] would.
fn is_canonical(packet: &Packet<'_>) -> bool {
    use cync_core::wire::{Layout, Stuffing};
    packet.frame().is_none_or(|frame| {
        frame.layout != Layout::BoundPad1 && frame.stuffing() != Stuffing::RawSpecialBytes
    })
}

#[test]
fn every_valid_vector_is_cut_decoded_and_encoded_as_written() {
    let vectors = vectors();
    let mut packets = 0;
    for vector in array(&vectors, "valid").iter().chain(array(&vectors, "derived_valid")) {
        println!("{}", text(vector, "name"));
        let expected = array(&vector["expected"], "packets");
        let bytes = unhex(text(vector, "hex"));
        for resync in [Resync::Close, Resync::Scan] {
            let cut = Cut::of(resync, [bytes.as_slice()]);
            assert_eq!((cut.pending, cut.skipped, cut.errors()), (0, 0, Vec::new()));
            assert_eq!(cut.items.len(), expected.len());
            for (expected, bytes) in expected.iter().zip(cut.packets()) {
                let packet = Packet::decode(bytes, ChecksumMode::Strict).unwrap();
                compare_packet(expected, bytes, &packet);
                if is_canonical(&packet) {
                    let mut out = [0; 4101];
                    let len = packet.encode(&mut out).unwrap();
                    assert_eq!(hex(out[..len].iter().copied()), text(expected, "hex"));
                }
                packets += 1;
            }
        }
    }
    assert_eq!(packets, 2 * 74);
}

#[test]
fn every_malformed_vector_is_refused_with_its_reason() {
    for vector in array(&vectors(), "malformed") {
        let bytes = unhex(text(vector, "hex"));
        let error = Packet::decode(&bytes, ChecksumMode::Strict).unwrap_err();
        let reason = text(&vector["expected"], "decode_error");
        assert_eq!(error.reason(), reason, "{}: {error}", text(vector, "name"));
    }
}

#[test]
fn a_scanning_framer_does_with_malformed_vectors_what_they_say() {
    for vector in array(&vectors(), "malformed") {
        let name = text(vector, "name");
        let expected = &vector["expected"]["framer"];
        let cut = Cut::of(Resync::Scan, [unhex(text(vector, "hex")).as_slice()]);
        let frames: Vec<_> = cut.packets().map(|packet| hex(packet.iter().copied())).collect();
        assert_eq!(Value::from(frames), expected["frames"], "{name}");
        let errors: Vec<_> = cut
            .errors()
            .into_iter()
            .map(|(error, skipped)| {
                serde_json::json!({ "reason": error.reason(), "skipped": skipped })
            })
            .collect();
        assert_eq!(Value::from(errors), expected["errors"], "{name}");
        assert_eq!(Value::from(cut.pending), expected["pending"], "{name}");
    }
}

#[test]
fn a_closing_framer_delivers_nothing_after_its_first_error() {
    let mut closed = 0;
    for vector in array(&vectors(), "malformed") {
        let name = text(vector, "name");
        let bytes = unhex(text(vector, "hex"));
        let scanned = Cut::of(Resync::Scan, [bytes.as_slice()]);
        let cut = Cut::of(Resync::Close, [bytes.as_slice()]);
        let until_error = scanned.items.iter().position(Result::is_err);
        let expected = until_error.map_or(&scanned.items[..], |at| &scanned.items[..=at]);
        assert_eq!(cut.items, expected, "{name}");
        if until_error.is_some() {
            assert_eq!(cut.pending, 0, "{name}");
            closed += 1;
        }
    }
    assert_eq!(closed, 7);
}

#[test]
fn lenient_decoding_keeps_a_frame_with_a_wrong_checksum_and_flags_it() {
    let vectors = vectors();
    let vector = array(&vectors, "malformed")
        .iter()
        .find(|vector| vector["name"] == "status_checksum_flipped")
        .unwrap();
    let bytes = unhex(text(vector, "hex"));
    let packet = Packet::decode(&bytes, ChecksumMode::Lenient).unwrap();
    let frame = packet.frame().unwrap();
    assert!(!frame.checksum_valid());
    assert_eq!((frame.checksum(), frame.computed_checksum()), (0x89, 0x88));
    let mut out = [0; 64];
    let len = packet.encode(&mut out).unwrap();
    assert_eq!(out[..len], bytes);
}
