//! A packet as a JSON object: what it says, field by field, then its bytes.

use crate::hex;
use cync_core::wire::{
    Channel, Colour, Command, Datapoint, Destination, DeviceInfo, Frame, Login, LoginAck,
    MAX_PACKET, Meaning, MeshPacket, MeshPage, Packet, PacketType, Prefix, Receipt, ShortAck,
    TimeResponse, Verdict, op,
};
use serde_json::{Map, Value, json};

/// Whether the authentication code is in the bytes that are shown, or stars are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Secrets {
    Shown,
    Masked,
}

type Fields = Map<String, Value>;

/// The object of `packet`, which was decoded from `bytes`.
pub(crate) fn object(packet: &Packet<'_>, bytes: &[u8], secrets: Secrets) -> Value {
    let mut fields = head(packet.kind(), bytes);
    match packet {
        Packet::AppLogin(login) | Packet::Handshake(login) => {
            put_login(&mut fields, login, secrets)
        }
        Packet::AppLoginAck(LoginAck { status, reserved })
        | Packet::HelloAck(LoginAck { status, reserved }) => {
            put(&mut fields, json!({"status": status.0, "reserved": reserved}));
        }
        Packet::DeviceInfo(info) => put_info(&mut fields, info),
        Packet::InfoAck(ShortAck { msg_id, status })
        | Packet::StatusAck(ShortAck { msg_id, status }) => {
            put(&mut fields, json!({"msg_id": msg_id.0, "status": status.0}));
        }
        Packet::DataChannel(Channel { prefix, frame })
        | Packet::StatusBroadcast(Channel { prefix, frame }) => {
            put_prefix(&mut fields, prefix);
            put_frame(&mut fields, frame);
        }
        Packet::DataAck(receipt) => put_receipt(&mut fields, receipt, "status"),
        Packet::DataResult(receipt) => put_receipt(&mut fields, receipt, "code"),
        Packet::Probe { prefix, extra } => {
            put_prefix(&mut fields, prefix);
            put(&mut fields, json!({"extra": extra}));
        }
        Packet::ProbeResult(Verdict { receipt, reserved }) => {
            put_receipt(&mut fields, receipt, "code");
            put(&mut fields, json!({"reserved": reserved}));
        }
        Packet::ProbeAck(DeviceInfo { prefix, payload }) => {
            put_prefix(&mut fields, prefix);
            put(&mut fields, json!({"payload": digits(payload)}));
        }
        Packet::TimeRequest { tag } => put(&mut fields, json!({"tag": tag})),
        Packet::TimeResponse(time) => put_time(&mut fields, time),
        Packet::HeartbeatDev | Packet::HeartbeatCloud => {}
        Packet::Disconnect { reason } => put(&mut fields, json!({"reason": digits(reason)})),
        _ => {}
    }
    put(&mut fields, json!({"hex": digits(bytes)}));
    if let Some(frame) = packet.frame() {
        put(
            &mut fields,
            json!({
                "inner_hex": hex::encode(frame.body()),
                "checksum": frame.checksum(),
                "valid": frame.checksum_valid(),
            }),
        );
    }
    Value::Object(fields)
}

/// The object of a packet of which only the type and the masked bytes can be shown.
pub(crate) fn outline(kind: PacketType, bytes: &[u8]) -> Value {
    let mut fields = head(kind, bytes);
    put(&mut fields, json!({"hex": digits(bytes)}));
    Value::Object(fields)
}

fn head(kind: PacketType, bytes: &[u8]) -> Fields {
    let length = bytes.len().saturating_sub(cync_core::wire::HEADER_LEN);
    let mut fields = Fields::new();
    put(&mut fields, json!({"type": kind.byte(), "type_name": kind.name(), "length": length}));
    fields
}

fn put(fields: &mut Fields, more: Value) {
    if let Value::Object(more) = more {
        fields.extend(more);
    }
}

fn digits(bytes: &[u8]) -> String {
    hex::encode(bytes.iter().copied())
}

/// Printable ASCII as it is; a backslash twice, other bytes as `\xNN`, so that nothing is lost.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
        text
    })
}

fn put_prefix(fields: &mut Fields, prefix: &Prefix) {
    let Prefix { endpoint, msg_id, flag } = prefix;
    put(fields, json!({"endpoint": endpoint.to_string(), "msg_id": msg_id.0, "flag": flag}));
}

fn put_receipt(fields: &mut Fields, receipt: &Receipt, status_name: &str) {
    let Receipt { endpoint, msg_id, status } = receipt;
    put(
        fields,
        json!({"endpoint": endpoint.to_string(), "msg_id": msg_id.0, status_name: status.0}),
    );
}

fn put_login(fields: &mut Fields, login: &Login<'_>, secrets: Secrets) {
    let auth = match secrets {
        Secrets::Shown => digits(login.auth.expose()),
        Secrets::Masked => "*".repeat(2 * login.auth.len()),
    };
    put(
        fields,
        json!({
            "version": login.version,
            "endpoint": login.endpoint.to_string(),
            "auth_len": login.auth.len(),
            "auth": auth,
            "reserved": login.reserved,
            "keepalive_s": login.keepalive_s,
        }),
    );
}

fn put_time(fields: &mut Fields, time: &TimeResponse) {
    let local = time.local;
    put(
        fields,
        json!({
            "tag": time.tag,
            "year": local.year,
            "month": local.month,
            "day": local.day,
            "weekday_sunday1": local.weekday_sunday1,
            "hour": local.hour,
            "minute": local.minute,
            "second": local.second,
            "utc_offset_centihours": local.utc_offset_centihours,
        }),
    );
}

fn put_info(fields: &mut Fields, info: &DeviceInfo<'_>) {
    put_prefix(fields, &info.prefix);
    let mut datapoints = info.datapoints();
    let points: Vec<Value> = datapoints.by_ref().map(|point| datapoint(&point)).collect();
    put(fields, json!({"datapoints": points, "trailing": digits(datapoints.trailing())}));
}

fn datapoint(point: &Datapoint<'_>) -> Value {
    let mut value = json!({
        "index": point.index,
        "dtype": point.dtype,
        "len": point.value.len(),
        "value": digits(point.value),
    });
    if let Some(number) = point.as_u16() {
        value["u16"] = json!(number);
    } else if let Some(bytes) = point.as_text() {
        value["text"] = json!(text(bytes));
    } else if let Some(status) = point.as_status() {
        value["device"] = json!({
            "id": status.device,
            "on": status.on,
            "brightness": status.brightness,
            "color_mode": status.color_mode,
            "rgb": digits(&status.rgb),
            "reachable": status.reachable,
            "byte8": status.byte8,
            "reporter": status.reporter,
        });
    }
    value
}

fn put_frame(fields: &mut Fields, frame: &Frame<'_>) {
    let mut scratch = [0; MAX_PACKET];
    let data = frame.data.read(&mut scratch).unwrap_or_default();
    put(
        fields,
        json!({
            "frame": {
                "layout": frame.layout.name(),
                "stuffing": frame.stuffing().name(),
                "counter": frame.counter,
                "dir": frame.direction.0,
                "dir_name": frame.direction.name(),
                "op": frame.op,
                "data_len": data.len(),
                "data": digits(data),
                "checksum": frame.checksum(),
                "checksum_calc": frame.computed_checksum(),
                "checksum_valid": frame.checksum_valid(),
            },
            "meaning": meaning(Meaning::of(frame.layout, frame.direction, frame.op, data)),
        }),
    );
}

fn meaning(meaning: Meaning<'_>) -> Value {
    match meaning {
        Meaning::DeviceStatus(packet, status) => json!({
            "kind": "device_status",
            "mesh": mesh(&packet),
            "device": status.device,
            "reachable": status.reachable,
            "on": status.on,
            "brightness": status.brightness,
            "color_mode": status.color_mode,
            "rgb": digits(&status.rgb),
        }),
        Meaning::Command(packet, command) => {
            let mut value = json!({"kind": "mesh_packet", "mesh": mesh(&packet)});
            if command.op() != op::RELAY {
                value["command"] = command_object(&command);
            }
            value
        }
        Meaning::Mesh(packet) => json!({"kind": "mesh_packet", "mesh": mesh(&packet)}),
        Meaning::Firmware(firmware) => json!({
            "kind": "firmware_version",
            "which": if firmware.of_device { "device" } else { "network" },
            "text": text(firmware.text),
        }),
        Meaning::CommandResult(status) => json!({"kind": "command_result", "status": status}),
        Meaning::MeshQuery { limit, offset } => {
            json!({"kind": "mesh_query", "limit": limit, "offset": offset})
        }
        Meaning::MeshPage(page) => mesh_page(&page),
        Meaning::PageReceived => json!({"kind": "page_received"}),
        _ => Value::Null,
    }
}

fn mesh(packet: &MeshPacket<'_>) -> Value {
    json!({
        "sno": packet.sno,
        "src": packet.source,
        "dst": packet.destination,
        "mesh_op": packet.op,
        "vendor": packet.vendor,
        "params": digits(packet.params),
    })
}

/// What a command asks. A relay stands for itself, in its mesh packet.
fn command_object(command: &Command) -> Value {
    let mut value = match command {
        Command::Power { on, .. } => json!({"name": "power", "on": on}),
        Command::Brightness { brightness, .. } => {
            json!({"name": "brightness", "brightness": brightness.get()})
        }
        Command::Fade { level, over_ms, .. } => {
            json!({"name": "fade", "level": level.get(), "over_ms": over_ms})
        }
        Command::Temperature { temperature, .. } => {
            json!({"name": "temperature", "temperature": temperature.get()})
        }
        Command::Rgb { rgb, .. } => json!({"name": "rgb", "rgb": rgb.to_string()}),
        Command::Effect { effect, .. } => json!({"name": "effect", "effect": effect.name()}),
        Command::Combined { on, brightness, colour, .. } => {
            let mut value = json!({"name": "set", "on": on});
            if let Some(brightness) = brightness {
                value["brightness"] = json!(brightness.get());
            }
            match colour {
                Some(Colour::White(white)) => value["temperature"] = json!(white.get()),
                Some(Colour::Rgb(rgb)) => value["rgb"] = json!(rgb.to_string()),
                None => {}
            }
            value
        }
        _ => return Value::Null,
    };
    if let Some(to) = command.destination() {
        value["to"] = destination(to);
    }
    value
}

fn destination(to: Destination) -> Value {
    match (to.device_id(), to.outlet_number(), to.group_number()) {
        (Some(device), Some(outlet), _) => {
            json!({"device": device.get(), "outlet": outlet.get()})
        }
        (Some(device), None, _) => json!({"device": device.get()}),
        (_, _, Some(group)) => json!({"group": group.get()}),
        _ => json!("all"),
    }
}

fn mesh_page(page: &MeshPage<'_>) -> Value {
    let record = |record: cync_core::wire::MeshRecord| {
        json!({
            "device": record.device,
            "device_type": record.device_type,
            "reachable": record.reachable,
            "on": record.on,
            "brightness": record.brightness,
            "color_mode": record.color_mode,
            "rgb": digits(&record.rgb),
        })
    };
    json!({
        "kind": "mesh_page",
        "count": page.header.count,
        "offset": page.header.offset,
        "total": page.header.total,
        "records": page.records().map(record).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn text_keeps_every_byte() {
        assert_eq!(text(b"{\"a\":1}"), "{\"a\":1}");
        assert_eq!(text(b"\\x00\0\xff\n"), "\\\\x00\\x00\\xff\\x0a");
    }
}
