//! The rest of the public interface: what is called before there is a session, and what turns values into text.

use crate::wire::CYNC_WIRE;
use crate::{Call, Entry, Parts};
use core::fmt::{self, Debug, Display, Write};
use core::hint::black_box;
use core::mem::MaybeUninit;
use core::time::Duration;
use cync_core::dedup::{Busy, Dedup};
use cync_core::wire::{
    Command, Datapoints, Destination, Encoder, Endpoint, Framer, FramingError, Hex, Meaning, MsgId,
    Packet, PacketType, Resync, Secret, StatusCode, ValueError, mask_secrets,
};
use cync_core::{
    AckTimer, AuthCode, Config, ConfigError, ConnectError, DecodeError, Delivery, EncodeError,
    Event, GreetError, Greeter, HangupReason, Instant, MessageId, Outcome, Preset, Request,
    RespondError, RetryPolicy, SendError, Session, Stage, State, Stats, TooSmall, lab, mix,
};

/// The roots of the whole interface.
#[unsafe(no_mangle)]
pub static CYNC_API: (&[&[Entry]], &[Entry]) = (
    &CYNC_WIRE,
    &[
        new::<128, 1024, 4101>,
        new::<16, 128, 1100>,
        framer,
        presets,
        request,
        destination,
        instant,
        secrets,
        debug::<Session>,
        debug::<Framer>,
        debug::<Config>,
        debug::<Event>,
        debug::<Delivery<'_>>,
        debug::<Stats>,
        debug::<Packet<'_>>,
        debug::<Meaning<'_>>,
        debug::<Datapoints<'_>>,
        debug::<Encoder<'_>>,
        debug::<Request<'_>>,
        display::<Packet<'_>>,
        display::<PacketType>,
        display::<Hex<'_>>,
        display::<Endpoint>,
        display::<MsgId>,
        display::<StatusCode>,
        display::<MessageId>,
        display::<State>,
        display::<HangupReason>,
        display::<FramingError>,
        display::<DecodeError>,
        display::<EncodeError>,
        display::<TooSmall>,
        display::<SendError>,
        display::<RespondError>,
        display::<ConfigError>,
        display::<ConnectError>,
        display::<GreetError>,
        display::<Busy>,
        display::<lab::LabError>,
        display::<ValueError>,
        display::<Command>,
        debug::<Greeter>,
        debug::<lab::Exchange<'_>>,
        debug::<Dedup<100>>,
        lab_exchange,
    ],
);

extern "C" fn new<const SLOTS: usize, const SEEN: usize, const MTU: usize>(call: &mut Call) {
    type Place<S> = (MaybeUninit<S>, Config);
    let Parts { object, now, .. } = call.parts::<Place<Session<SLOTS, SEEN, MTU>>>();
    let (place, config) = object;
    let session = Session::new(config.clone(), now.as_micros());
    black_box(session.map(|session| place.write(session) as *const _)).ok();
}

extern "C" fn lab_exchange(call: &mut Call) {
    type Place<'a> = (MaybeUninit<lab::Exchange<'a>>, lab::ExchangeConfig, lab::Toggle<'a>);
    let Parts { object: (place, config, toggle), now, .. } = call.parts::<Place<'_>>();
    let exchange = lab::Exchange::new(now, *config, now.as_micros(), *toggle);
    black_box(exchange.map(|exchange| place.write(exchange) as *const _)).ok();
}

extern "C" fn framer(call: &mut Call) {
    let Parts { object, .. } = call.parts::<(MaybeUninit<Framer>, Resync)>();
    object.0.write(Framer::new(object.1));
}

extern "C" fn presets(call: &mut Call) {
    let Parts { now, input, .. } = call.parts::<()>();
    let endpoint = Endpoint(now.as_micros() as u32);
    black_box(AuthCode::new(input).map(|auth| Config::greeter(endpoint, auth))).ok();
    let config = Config::listener(endpoint).preset(Preset::Lab);
    black_box((config.span(), RetryPolicy::exponential(), AckTimer::from_p99(config.deadline)));
}

extern "C" fn request(call: &mut Call) {
    let Parts { object, input, .. } = call.parts::<(u8, Stage, Endpoint, Duration, Outcome)>();
    let (op, stage, endpoint, deadline, outcome) = *object;
    black_box((Request::announce(op, input), Request::probe(), outcome.is_success()));
    black_box(Request::raw(PacketType::DeviceInfo, input).msg_id(u16::from(op)));
    let request = Request::frame(op, input).until(stage).once().deadline(deadline);
    black_box(request.endpoint(endpoint));
}

extern "C" fn destination(call: &mut Call) {
    let number = call.parts::<u16>().object;
    let device = Destination::device(*number as u8).map(|it| (it.address(), it.includes(*number)));
    black_box((device, Destination::group(*number)));
}

extern "C" fn instant(call: &mut Call) {
    let Parts { object: (duration, other), now, .. } = call.parts::<(Duration, Instant)>();
    black_box((now + *duration, now.since(*other), mix(now.as_micros())));
}

extern "C" fn secrets(call: &mut Call) {
    let Parts { input, out, .. } = call.parts::<()>();
    mask_secrets(out);
    let secret = Secret::new(input);
    black_box((secret.expose(), secret.len(), secret.is_empty()));
}

extern "C" fn debug<T: Debug>(call: &mut Call) {
    let Parts { object, out, .. } = call.parts::<T>();
    black_box(write!(Text(out), "{object:?} {object:#?}")).ok();
}

extern "C" fn display<T: Display>(call: &mut Call) {
    let Parts { object, out, .. } = call.parts::<T>();
    black_box(write!(Text(out), "{object} {object:>40}")).ok();
}

/// Text in a caller's buffer.
struct Text<'a>(&'a mut [u8]);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = core::mem::take(&mut self.0);
        let (to, rest) = room.split_at_mut_checked(text.len()).ok_or(fmt::Error)?;
        to.copy_from_slice(text.as_bytes());
        self.0 = rest;
        Ok(())
    }
}
