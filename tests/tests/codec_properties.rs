//! Properties of the codec over generated packets, commands and streams.

mod generate;

use cync_core::wire::{
    ChecksumMode, Endpoint, Frame, Framer, Packet, Resync, Secret, mask_secrets,
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
