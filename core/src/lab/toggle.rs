//! The one request there is.

use super::MAX_PAYLOAD;
use super::frame::{LabError, Writer};
use crate::error::TooSmall;

/// A request to switch a device on or off. Its payload is the JSON object
/// `{"opcode":"toggle","device_id":"...","msg_id":"...","state":true}`; in spite of the name `state` is the state wanted.
///
/// ```
/// use cync_core::lab::{Decoded, Frame, Toggle};
///
/// let mut out = [0; 128];
/// let len = Toggle::new("DEVICE123", "abc123", true)?.encode(&mut out)?;
/// let Decoded::Complete { frame, .. } = Frame::decode(&out[..len])? else { panic!("it is whole") };
/// assert_eq!(
///     frame.payload(),
///     br#"{"opcode":"toggle","device_id":"DEVICE123","msg_id":"abc123","state":true}"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Toggle<'a> {
    device_id: &'a str,
    msg_id: &'a str,
    state: bool,
    payload_len: usize,
}

impl<'a> Toggle<'a> {
    /// A request to the device that people call `device_id`, named `msg_id`, to be on or off. Both names are written as
    /// JSON strings, whatever is in them.
    ///
    /// # Errors
    /// [`LabError::TooLarge`] if the names, written as JSON, are longer than a frame takes.
    pub fn new(device_id: &'a str, msg_id: &'a str, state: bool) -> Result<Self, LabError> {
        let mut toggle = Self { device_id, msg_id, state, payload_len: 0 };
        let mut counted = Writer::new(&mut []);
        toggle.put_payload(&mut counted);
        toggle.payload_len = counted.len();
        if toggle.payload_len > MAX_PAYLOAD {
            return Err(LabError::TooLarge { len: toggle.payload_len });
        }
        Ok(toggle)
    }

    /// Writes the whole frame into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// Says how many bytes `out` needs; its contents are then of no use.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, TooSmall> {
        let mut to = Writer::new(out);
        to.put_header(self.payload_len);
        self.put_payload(&mut to);
        to.finish()
    }

    fn put_payload(&self, to: &mut Writer<'_>) {
        to.put(br#"{"opcode":"toggle","device_id":"#);
        put_string(to, self.device_id);
        to.put(br#","msg_id":"#);
        put_string(to, self.msg_id);
        to.put(br#","state":"#);
        to.put(if self.state { b"true}" } else { b"false}" });
    }
}

/// A JSON string (RFC 8259, section 7): quote, backslash and control characters are escaped, all else stands as it is.
fn put_string(to: &mut Writer<'_>, text: &str) {
    to.put(b"\"");
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => to.put(&[b'\\', byte]),
            0..0x20 => {
                to.put(&[b'\\', b'u', b'0', b'0', hex_digit(byte >> 4), hex_digit(byte & 15)])
            }
            _ => to.put(&[byte]),
        }
    }
    to.put(b"\"");
}

const fn hex_digit(value: u8) -> u8 {
    match value {
        0..10 => b'0'.wrapping_add(value),
        _ => b'a'.wrapping_sub(10).wrapping_add(value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Decoded, Frame, HEADER_LEN, MAX_FRAME};
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    fn payload(device_id: &str, msg_id: &str, state: bool) -> String {
        let mut out = [0; MAX_FRAME];
        let len = Toggle::new(device_id, msg_id, state).unwrap().encode(&mut out).unwrap();
        let Ok(Decoded::Complete { frame, len: whole }) = Frame::decode(&out) else { panic!() };
        assert_eq!(whole, len);
        String::from_utf8(Vec::from(frame.payload())).unwrap()
    }

    #[test]
    fn the_payload_is_one_json_object_of_four_members() {
        let expected = r#"{"opcode":"toggle","device_id":"lamp","msg_id":"01","state":false}"#;
        assert_eq!(payload("lamp", "01", false), expected);
        let expected = r#"{"opcode":"toggle","device_id":"","msg_id":"","state":true}"#;
        assert_eq!(payload("", "", true), expected);
    }

    #[test]
    fn quotes_backslashes_and_control_characters_are_escaped_and_nothing_else() {
        let expected = concat!(
            r#"{"opcode":"toggle","device_id":"a\"b\\c/","#,
            "\"msg_id\":\"\\u0000\\u000a\\u001f \u{7f}ä€💡\",\"state\":true}"
        );
        assert_eq!(payload("a\"b\\c/", "\0\n\x1f \x7fä€💡", true), expected);
    }

    #[test]
    fn a_request_that_no_frame_takes_is_refused_when_it_is_made() {
        let overhead = payload("", "", true).len();
        let fits = "\n".repeat((MAX_PAYLOAD - overhead) / 6);
        assert!(Toggle::new(&fits, "", true).is_ok());
        let longer = [&fits[..], "\n"].concat();
        let len = overhead + 6 * longer.len();
        assert_eq!(Toggle::new(&longer, "", true), Err(LabError::TooLarge { len }));
        let exact = "x".repeat(MAX_PAYLOAD - overhead);
        assert_eq!(payload("", &exact, true).len(), MAX_PAYLOAD);
        let one_more = Toggle::new(&exact, "x", true);
        assert_eq!(one_more, Err(LabError::TooLarge { len: MAX_PAYLOAD + 1 }));
    }

    #[test]
    fn an_output_that_is_too_small_is_told_what_is_needed() {
        let toggle = Toggle::new("a\"", "b", true).unwrap();
        let needed = HEADER_LEN + payload("a\"", "b", true).len();
        for have in 0..needed {
            let mut out = [0; 128];
            assert_eq!(toggle.encode(&mut out[..have]), Err(TooSmall { needed, have }));
        }
        assert_eq!(toggle.encode(&mut [0; 128][..needed]), Ok(needed));
    }
}
