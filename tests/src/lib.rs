//! What the tests of this package share: vectors, recordings, hexadecimal, streams cut into packets, sessions in virtual time, and the
//! properties that tests and fuzzers check alike.

pub mod dozen;
pub mod model;
pub mod pair;
pub mod property;
pub mod recording;
pub mod solo;
pub mod stream;

#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;

use serde_json::Value;
use std::fmt::Write;

/// The vectors of `tests/vectors/packets.json`.
///
/// # Panics
/// If the file is not JSON.
pub fn vectors() -> Value {
    let text = include_str!("../vectors/packets.json");
    serde_json::from_str(text).expect("the vectors are JSON")
}

/// The requests, and the mesh page, of `tests/vectors/requests.json`.
///
/// # Panics
/// If the file is not JSON.
pub fn requests() -> Value {
    let text = include_str!("../vectors/requests.json");
    serde_json::from_str(text).expect("the vectors are JSON")
}

/// A string member of a JSON object.
///
/// # Panics
/// If there is none of this name.
pub fn text<'v>(object: &'v Value, name: &str) -> &'v str {
    object[name].as_str().unwrap_or_else(|| panic!("{name} is a string in {object}"))
}

/// An array member of a JSON object.
///
/// # Panics
/// If there is none of this name.
pub fn array<'v>(object: &'v Value, name: &str) -> &'v [Value] {
    object[name].as_array().unwrap_or_else(|| panic!("{name} is an array in {object}"))
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    bytes.into_iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that hexadecimal digits stand for.
///
/// # Panics
/// If `text` is anything else.
pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "an even number of digits: {text}");
    let pairs = (0..text.len()).step_by(2).map(|at| text.get(at..at + 2));
    pairs
        .map(|pair| pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect::<Option<_>>()
        .unwrap_or_else(|| panic!("hexadecimal digits: {text}"))
}
