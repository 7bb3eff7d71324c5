//! Properties of the codec over generated packets, commands and streams.

mod generate;

use cync_core::wire::{
    Channel, ChecksumMode, Direction, ESCAPE, ESCAPE_XOR, Encoder, Endpoint, Frame, Framer, Layout,
    MARK, MsgId, Packet, Prefix, Resync, Secret, mask_secrets,
};
use cync_core::{EncodeError, TooSmall};
use cync_tests::property;
use cync_tests::stream::Cut;
use generate::{bytes, cut, encoded, noisy_stream, packet};
use proptest::prelude::*;

const AUTH: &[u8] = b"c4n4ry-auth-c0de";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn what_was_encoded_decodes_to_itself(owned in packet()) {
        let original = owned.packet();
        let first = encoded(&original);
        let decoded = Packet::decode(&first, ChecksumMode::Strict).unwrap();
        prop_assert_eq!(decoded, original);
        prop_assert_eq!(encoded(&decoded), first);
    }

    #[test]
    fn a_buffer_that_is_too_small_is_told_what_is_needed(owned in packet(), room in any::<prop::sample::Index>()) {
        let original = owned.packet();
        let whole = encoded(&original);
        let have = room.index(whole.len());
        let mut out = vec![0; have];
        let error = original.encode(&mut out).unwrap_err();
        prop_assert_eq!(error, EncodeError::TooSmall(TooSmall { needed: whole.len(), have }));
        out.resize(whole.len(), 0);
        prop_assert_eq!(original.encode(&mut out), Ok(whole.len()));
        prop_assert_eq!(out, whole);
    }

    #[test]
    fn a_frame_is_stuffed_byte_by_byte_whatever_its_pieces_and_its_buffer(
        counter: u32, direction: u8, op: u8, flag: u8, data in mostly_plain(), cuts in cut(),
    ) {
        let frame = Frame::new(counter, Direction(direction), op, &data);
        let prefix = Prefix { endpoint: Endpoint(!counter), msg_id: MsgId(7), flag };
        let expected = stuffed_byte_by_byte(prefix, &frame);
        let packet = Packet::DataChannel(Channel { prefix, frame });
        let in_pieces = |out: &mut [u8]| {
            let mut to = Encoder::new(packet.kind(), out);
            to.put_prefix(prefix);
            let [c0, c1, c2, c3] = counter.to_le_bytes();
            let [l0, l1] = (data.len() as u16).to_le_bytes();
            to.start_frame(Layout::Bound, [c0, c1, c2, c3, direction, op, l0, l1]);
            cuts.pieces(&data).into_iter().for_each(|piece| to.put_data(piece));
            to.end_frame();
            to.finish()
        };
        let needed = expected.len();
        for have in 0..needed {
            let error = Err(EncodeError::TooSmall(TooSmall { needed, have }));
            prop_assert_eq!(packet.encode(&mut vec![0; have]), error);
            prop_assert_eq!(in_pieces(&mut vec![0; have]), error);
        }
        for spare in 0..9 {
            let untouched = [expected.as_slice(), &[0xaa; 9][..spare]].concat();
            let (mut whole, mut pieces) = (vec![0xaa; needed + spare], vec![0xaa; needed + spare]);
            prop_assert_eq!((packet.encode(&mut whole), &whole), (Ok(needed), &untouched));
            prop_assert_eq!((in_pieces(&mut pieces), &pieces), (Ok(needed), &untouched));
        }
    }

    #[test]
    fn cutting_a_noisy_stream_changes_nothing(stream in noisy_stream(), cuts in cut()) {
        for resync in [Resync::Scan, Resync::Close] {
            let whole = Cut::of(resync, [stream.as_slice()]);
            prop_assert_eq!(&whole, &Cut::of(resync, cuts.pieces(&stream)));
            prop_assert_eq!(&whole, &Cut::of(resync, stream.chunks(1)));
        }
        property::decode_stream(&stream);
    }

    #[test]
    fn cutting_arbitrary_bytes_changes_nothing(stream in bytes(0..300), cuts in cut()) {
        for resync in [Resync::Scan, Resync::Close] {
            prop_assert_eq!(Cut::of(resync, [stream.as_slice()]), Cut::of(resync, cuts.pieces(&stream)));
        }
        property::decode_stream(&stream);
    }

    #[test]
    fn a_small_framer_never_holds_more_than_its_size(stream in noisy_stream(), cuts in cut()) {
        for resync in [Resync::Scan, Resync::Close] {
            let mut framer: Framer<48> = Framer::new(resync);
            for piece in cuts.pieces(&stream) {
                let mut input = piece;
                while let Some(item) = framer.next(&mut input) {
                    prop_assert!(item.is_err() || item.is_ok_and(|packet| packet.len() <= 48));
                }
                prop_assert!(input.is_empty() && framer.pending() < 48);
            }
        }
    }

    #[test]
    fn no_dump_shows_an_authentication_code(
        greeting in greeting(), before in prop_oneof![bytes(0..40), noisy_stream(), decoy()], after in noisy_stream(),
        kept in any::<prop::sample::Index>(),
    ) {
        let truncated = &greeting[..kept.index(greeting.len() + 1)];
        let whole = [greeting.as_slice(), &after].concat();
        for dump in [
            whole.clone(),
            truncated.to_vec(),
            [before.as_slice(), &whole].concat(),
            [before.as_slice(), truncated].concat(),
            [&whole[..], &whole].concat(),
        ] {
            let mut masked = dump.clone();
            mask_secrets(&mut masked);
            prop_assert_eq!(masked.len(), dump.len());
            for shown in AUTH.windows(4) {
                prop_assert!(!masked.windows(4).any(|bytes| bytes == shown), "{:?}", masked);
            }
        }
    }

    #[test]
    fn masking_leaves_packets_without_a_secret_alone(owned in packet()) {
        let original = owned.packet();
        prop_assume!(!original.kind().carries_secret());
        let short = encoded(&original);
        prop_assume!(!short.windows(2).any(|pair| pair == [0x13, 0] || pair == [0x23, 0]));
        let mut masked = short.clone();
        mask_secrets(&mut masked);
        prop_assert_eq!(masked, short);
    }

    #[test]
    fn a_shown_greeting_has_no_authentication_code(endpoint: u32, keepalive_s: u16) {
        let login = cync_core::wire::Login::new(Endpoint(endpoint), Secret::new(AUTH), keepalive_s);
        let numbers = AUTH.iter().map(u8::to_string).collect::<Vec<_>>();
        let shapes = [
            String::from_utf8_lossy(AUTH).into_owned(),
            cync_tests::hex(AUTH.iter().copied()),
            numbers.join(", "),
            numbers.join(",\n"),
        ];
        for packet in [Packet::Handshake(login), Packet::AppLogin(login)] {
            for shown in [format!("{packet}"), format!("{packet:?}"), format!("{packet:#?}")] {
                let flat = shown.split_whitespace().collect::<String>();
                for shape in &shapes {
                    let flat_shape = shape.split_whitespace().collect::<String>();
                    prop_assert!(!flat.contains(&flat_shape), "{shown}");
                }
            }
        }
    }
}

/// Data of which half needs no stuffing, and a quarter does in one place.
fn mostly_plain() -> impl Strategy<Value = Vec<u8>> {
    let unmarked = |byte| if matches!(byte, MARK | ESCAPE) { 0 } else { byte };
    let plain = move || prop::collection::vec(any::<u8>().prop_map(unmarked), 0..70);
    let at = any::<prop::sample::Index>();
    let once =
        (plain(), at, prop::sample::select(vec![MARK, ESCAPE])).prop_map(|(data, at, byte)| {
            let (before, behind) = data.split_at(at.index(data.len() + 1));
            [before, &[byte], behind].concat()
        });
    prop_oneof![2 => plain(), 1 => once, 1 => bytes(0..70)]
}

/// What a packet with this frame is on the wire, written down as the rule says it.
fn stuffed_byte_by_byte(prefix: Prefix, frame: &Frame<'_>) -> Vec<u8> {
    let mut payload = prefix.endpoint.0.to_be_bytes().to_vec();
    payload.extend(prefix.msg_id.0.to_be_bytes());
    payload.extend([prefix.flag, MARK]);
    for byte in frame.body() {
        match byte {
            MARK | ESCAPE => payload.extend([ESCAPE, byte ^ ESCAPE_XOR]),
            _ => payload.push(byte),
        }
    }
    payload.push(MARK);
    let mut packet = vec![0x73];
    packet.extend((payload.len() as u32).to_be_bytes());
    packet.extend(payload);
    packet
}

fn greeting() -> impl Strategy<Value = Vec<u8>> {
    (any::<u32>(), any::<u16>(), any::<bool>()).prop_map(|(endpoint, keepalive_s, app)| {
        let login = cync_core::wire::Login::new(Endpoint(endpoint), Secret::new(AUTH), keepalive_s);
        encoded(&if app { Packet::AppLogin(login) } else { Packet::Handshake(login) })
    })
}

/// Bytes in the form of a greeting whose code would reach into what follows.
fn decoy() -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(vec![0x13, 0x23]), 0_u8..20, bytes(0..3)).prop_map(
        |(kind, auth_len, tail)| {
            let head = [kind, 0, 0, 0, 10 + auth_len, 3, 9, 9, 9, 9, 0, auth_len];
            [&head, tail.as_slice()].concat()
        },
    )
}

/// Counter `7e`, operation 1, no data: as it stands the stuffed frame has a length of one, one byte of data, and the
/// same sum, because the direction is zero.
#[test]
fn a_stuffed_frame_that_reads_right_as_it_stands_is_taken_as_it_stands() {
    use cync_core::wire::{Channel, Direction, MsgId, Prefix, Stuffing};
    let prefix = Prefix { endpoint: Endpoint(1), msg_id: MsgId(1), flag: 0 };
    let frame = Frame::new(0x7e, Direction(0), 1, &[]);
    let bytes = encoded(&Packet::DataChannel(Channel { prefix, frame }));
    let decoded = Packet::decode(&bytes, ChecksumMode::Strict).unwrap();
    let frame = decoded.frame().unwrap();
    assert_eq!(frame.stuffing(), Stuffing::RawSpecialBytes);
    assert_eq!(frame.data.as_slice(), Some(&[0][..]));
    property::decode_stream(&bytes);
}
