//! Where the authentication code comes from: the environment or a file, never the command line, which others can see.

use cync_core::{AuthCode, ConfigError};
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The environment variable with the code.
pub(crate) const VARIABLE: &str = "CYNC_AUTH_CODE";

/// Stands for the code where none is given.
pub(crate) const PLACEHOLDER: &[u8] = b"0000000000000000";

/// Longer than any code: sixteen bytes are usual.
const MAX_LEN: usize = 255;

/// Why there is no usable code. It never repeats the code.
#[derive(Debug, Error)]
pub(crate) enum AuthError {
    #[error("cannot read the authentication code from {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error(
        "the authentication code is not 1 to {MAX_LEN} printable ASCII characters; write just the \
         code into {VARIABLE} or the file"
    )]
    Malformed,
}

/// The code from `file` if one is named, otherwise from the environment; `None` if it is nowhere.
pub(crate) fn code(file: Option<&Path>) -> Result<Option<Vec<u8>>, AuthError> {
    match file {
        Some(path) => check(&read(path)?).map(Some),
        None => std::env::var_os(VARIABLE)
            .map(OsString::into_encoded_bytes)
            .filter(|code| !code.is_empty())
            .map(|code| check(&code))
            .transpose(),
    }
}

/// The code to greet with: this one, or the placeholder.
///
/// # Errors
/// If it is longer than the longest that can be greeted with.
pub(crate) fn to_greet_with(code: Option<&[u8]>) -> Result<AuthCode, ConfigError> {
    AuthCode::new(code.unwrap_or(PLACEHOLDER))
}

fn read(path: &Path) -> Result<Vec<u8>, AuthError> {
    const MAX_FILE: u64 = 2 * MAX_LEN as u64;
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_end(&mut text))
        .map_err(|error| AuthError::Unreadable { path: path.to_owned(), error })?;
    Ok(text)
}

fn check(text: &[u8]) -> Result<Vec<u8>, AuthError> {
    let code = text.trim_ascii();
    let fits = (1..=MAX_LEN).contains(&code.len());
    (fits && code.iter().all(u8::is_ascii_graphic))
        .then(|| code.to_vec())
        .ok_or(AuthError::Malformed)
}
