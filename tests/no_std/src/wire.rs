//! What bytes from a peer can reach: the codec, and everything that is called on a session once it is made.

use crate::{Call, Entry, Parts};
use core::hint::black_box;
use core::num::NonZeroU8;
use cync_core::dedup::{Dedup, Key};
use cync_core::wire::{
    ChecksumMode, Command, DeviceInfo, DeviceStatus, Direction, Encoder, Endpoint, Frame,
    FrameData, Framer, Layout, Meaning, MeshPage, MeshPages, MeshRecord, MsgId, Packet, PacketType,
    PageHeader, Prefix, ResultData, StatusAnnouncement, StatusCode, StatusRecord, checksum,
};
use cync_core::{
    CivilTime, Delivery, DeliveryId, Disconnect, Greeter, MessageId, Request, Session, lab,
};

/// The roots of the wire path: the codec, the default session, the compact one, and one whose sizes are no powers of two.
#[unsafe(no_mangle)]
pub static CYNC_WIRE: [&[Entry]; 5] = [
    CODEC,
    BESIDE,
    Of::<128, 1024, 4101>::SESSION,
    Of::<16, 128, 1100>::SESSION,
    Of::<7, 100, 333>::SESSION,
];

const CODEC: &[Entry] = &[
    decode,
    encode,
    encode_in_pieces,
    frame,
    frame_data,
    meaning,
    mesh_page,
    datapoints,
    command,
    parse_command,
];

/// What a peer reaches beside a session.
const BESIDE: &[Entry] = &[
    device_status,
    mesh_pages,
    result_data,
    greeter_input,
    greeter_refuse,
    lab_decode,
    lab_exchange,
    dedup_find,
];

extern "C" fn device_status(call: &mut Call) {
    type Reports<'a> = (StatusAnnouncement, StatusRecord, MeshRecord);
    let Parts { object, .. } = call.parts::<Reports<'_>>();
    let (announcement, datapoint, record) = object;
    black_box(DeviceStatus::of_announcement(announcement));
    black_box((DeviceStatus::of_datapoint(datapoint), DeviceStatus::of_record(record)));
}

extern "C" fn mesh_pages(call: &mut Call) {
    let Parts { object: (pages, header), .. } = call.parts::<(MeshPages, PageHeader)>();
    black_box((pages.query(), pages.on_page(*header)));
}

extern "C" fn result_data(call: &mut Call) {
    let Parts { object: frame, .. } = call.parts::<Frame<'_>>();
    black_box(ResultData::of(frame).map(|result| result.status()));
}

extern "C" fn greeter_input(call: &mut Call) {
    let Parts { object: greeter, now, input, .. } = call.parts::<Greeter>();
    black_box(greeter.handle_input(now, input));
    greeter.handle_timeout(now);
    black_box((greeter.poll().map(|hello| hello.is_ok()), greeter.poll_timeout()));
    black_box(greeter.bytes());
}

extern "C" fn greeter_refuse(call: &mut Call) {
    let Parts { object, out, .. } = call.parts::<(Greeter, NonZeroU8)>();
    black_box(object.0.refuse(object.1, out)).ok();
}

extern "C" fn lab_decode(call: &mut Call) {
    black_box(lab::Frame::decode(call.parts::<()>().input)).ok();
}

extern "C" fn lab_exchange(call: &mut Call) {
    let Parts { object: exchange, now, input, out } = call.parts::<lab::Exchange<'_>>();
    exchange.handle_connected(now);
    exchange.handle_input(now, input);
    exchange.handle_timeout(now);
    exchange.handle_disconnected(now);
    black_box(exchange.poll_transmit(now, out)).ok();
    black_box((exchange.poll_event(), exchange.poll_timeout(), exchange.outcome()));
}

extern "C" fn dedup_find(call: &mut Call) {
    let Parts { object, now, .. } = call.parts::<(Dedup<100>, Key, StatusCode)>();
    let (dedup, key, status) = object;
    if dedup.find(now, key).is_none()
        && let Ok(handle) = dedup.insert(now, key)
    {
        black_box((dedup.acknowledge(handle, *status), dedup.verdict(handle)));
        black_box(dedup.forget(handle));
    }
    black_box((dedup.purge(now), dedup.len(), dedup.counts()));
}

extern "C" fn decode(call: &mut Call) {
    let Parts { object: mode, input, .. } = call.parts::<ChecksumMode>();
    let packet = Packet::decode(input, *mode).map_err(|error| (error, error.reason()));
    let seen =
        packet.map(|packet| (packet, packet.kind(), packet.prefix(), packet.frame().copied()));
    black_box(seen).ok();
}

extern "C" fn encode(call: &mut Call) {
    let Parts { object: packet, out, .. } = call.parts::<Packet<'_>>();
    black_box(packet.encode(out)).ok();
}

extern "C" fn encode_in_pieces(call: &mut Call) {
    let Parts { object: kind, now, input, out } = call.parts::<PacketType>();
    let now = now.as_micros();
    let mut encoder = Encoder::new(*kind, out);
    let prefix = Prefix { endpoint: Endpoint(now as u32), msg_id: MsgId(now as u16), flag: 0 };
    encoder.put_prefix(prefix);
    encoder.start_frame(Layout::Bound, now.to_be_bytes());
    encoder.put_data(input);
    encoder.end_frame();
    encoder.put(input);
    black_box(encoder.finish()).ok();
}

extern "C" fn frame(call: &mut Call) {
    let Parts { object: direction, now, input, .. } = call.parts::<Direction>();
    let (counter, op) = (now.as_micros() as u32, now.as_micros() as u8);
    let frame = Frame::new(counter, *direction, op, input);
    black_box((frame.stuffing(), frame.checksum(), frame.computed_checksum(), checksum(op, input)));
    frame.body().for_each(|byte| {
        black_box(byte);
    });
    black_box(frame);
}

extern "C" fn frame_data(call: &mut Call) {
    let Parts { object: data, out, .. } = call.parts::<FrameData<'_>>();
    black_box((data.read(out), data.as_slice(), data.len(), data.is_empty()));
}

extern "C" fn meaning(call: &mut Call) {
    let Parts { object, input, .. } = call.parts::<(Layout, Direction, u8)>();
    black_box(Meaning::of(object.0, object.1, object.2, input));
}

extern "C" fn mesh_page(call: &mut Call) {
    let Parts { object: page, .. } = call.parts::<MeshPage<'_>>();
    page.records().for_each(|record| {
        black_box(record);
    });
}

extern "C" fn datapoints(call: &mut Call) {
    let Parts { object: info, .. } = call.parts::<DeviceInfo<'_>>();
    let mut points = info.datapoints();
    for point in points.by_ref() {
        black_box((point.as_u16(), point.as_text(), point.as_status()));
    }
    black_box(points.trailing());
}

extern "C" fn command(call: &mut Call) {
    let Parts { object: command, now, .. } = call.parts::<Command>();
    black_box((command.op(), command.data(now.as_micros() as u32)));
}

extern "C" fn parse_command(call: &mut Call) {
    let Parts { object: op, input, .. } = call.parts::<u8>();
    black_box(Command::parse(*op, input));
}

/// The functions of one size of session.
struct Of<const SLOTS: usize, const SEEN: usize, const MTU: usize>;

impl<const SLOTS: usize, const SEEN: usize, const MTU: usize> Of<SLOTS, SEEN, MTU> {
    const SESSION: &[Entry] = &[
        Self::framer,
        Self::connect,
        Self::handle_connected,
        Self::handle_disconnected,
        Self::handle_input,
        Self::handle_timeout,
        Self::set_wall_clock,
        Self::send_command,
        Self::send_request,
        Self::recv,
        Self::respond,
        Self::report,
        Self::ping,
        Self::cancel,
        Self::purge,
        Self::close,
        Self::poll_transmit,
        Self::poll_event,
        Self::poll_timeout,
        Self::look,
    ];

    fn parts(call: &mut Call) -> Parts<'_, Session<SLOTS, SEEN, MTU>> {
        call.parts()
    }

    /// A session, and something else.
    fn parts_with<T>(call: &mut Call) -> Parts<'_, (Session<SLOTS, SEEN, MTU>, T)> {
        call.parts()
    }

    extern "C" fn framer(call: &mut Call) {
        let Parts { object: framer, mut input, .. } = call.parts::<Framer<MTU>>();
        black_box(framer.next(&mut input).map(|item| item.map_err(|error| error.reason())));
        black_box((input, framer.pending(), framer.skipped(), framer.is_idle()));
    }

    extern "C" fn connect(call: &mut Call) {
        let Parts { object: session, now, .. } = Self::parts(call);
        session.connect(now);
        session.reconnect(false);
        black_box(session.is_dialling());
    }

    extern "C" fn handle_connected(call: &mut Call) {
        let Parts { object: session, now, .. } = Self::parts(call);
        session.handle_connected(now);
    }

    extern "C" fn handle_disconnected(call: &mut Call) {
        let Parts { object, now, .. } = Self::parts_with::<Disconnect>(call);
        object.0.handle_disconnected(now, object.1);
    }

    extern "C" fn handle_input(call: &mut Call) {
        let Parts { object: session, now, input, .. } = Self::parts(call);
        black_box(session.handle_input(now, input));
    }

    extern "C" fn handle_timeout(call: &mut Call) {
        let Parts { object: session, now, .. } = Self::parts(call);
        session.handle_timeout(now);
    }

    extern "C" fn set_wall_clock(call: &mut Call) {
        let Parts { object, now, .. } = Self::parts_with::<CivilTime>(call);
        object.0.set_wall_clock(now, object.1);
    }

    extern "C" fn send_command(call: &mut Call) {
        let Parts { object, now, .. } = Self::parts_with::<Command>(call);
        black_box(object.0.send(now, object.1)).ok();
    }

    extern "C" fn send_request(call: &mut Call) {
        let Parts { object, now, .. } = Self::parts_with::<Request<'_>>(call);
        black_box(object.0.send(now, object.1)).ok();
    }

    extern "C" fn recv(call: &mut Call) {
        let Parts { object: session, now, .. } = Self::parts(call);
        let seen = |delivery: Delivery<'_>| {
            black_box((delivery.id(), delivery.meaning().is_some(), delivery.data));
        };
        black_box(session.recv(now).map(seen));
    }

    extern "C" fn respond(call: &mut Call) {
        let Parts { object, now, .. } = Self::parts_with::<(DeliveryId, StatusCode)>(call);
        let (session, (delivery, status)) = object;
        black_box(session.respond(now, *delivery, *status)).ok();
    }

    extern "C" fn ping(call: &mut Call) {
        let Parts { object: session, now, .. } = Self::parts(call);
        black_box(session.ping(now)).ok();
    }

    extern "C" fn cancel(call: &mut Call) {
        let Parts { object, .. } = Self::parts_with::<MessageId>(call);
        black_box(object.0.cancel(object.1));
    }

    extern "C" fn purge(call: &mut Call) {
        let Parts { object: session, now, .. } = Self::parts(call);
        black_box(session.purge(now));
    }

    extern "C" fn report(call: &mut Call) {
        let Parts { object, now, .. } = Self::parts_with::<(DeliveryId, StatusCode)>(call);
        let (session, (delivery, status)) = object;
        black_box(session.report(now, *delivery, *status)).ok();
    }

    extern "C" fn close(call: &mut Call) {
        let Parts { object: session, now, .. } = Self::parts(call);
        session.close(now);
    }

    extern "C" fn poll_transmit(call: &mut Call) {
        let Parts { object: session, now, out, .. } = Self::parts(call);
        black_box(session.poll_transmit(now, out)).ok();
    }

    extern "C" fn poll_event(call: &mut Call) {
        black_box(Self::parts(call).object.poll_event());
    }

    extern "C" fn poll_timeout(call: &mut Call) {
        black_box(Self::parts(call).object.poll_timeout());
    }

    extern "C" fn look(call: &mut Call) {
        let session = Self::parts(call).object;
        black_box((session.wants_input(), session.state(), *session.stats()));
        black_box((session.in_flight(), session.queued()));
        black_box((session.inbox_len(), session.remembered(), session.round_trip()));
    }
}
