//! Reads the text that is to be checked.

use crate::exit::Exit;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;
use tokio::net::TcpStream;

/// The longest text, in bytes.
const LONGEST: usize = 16 << 20;
/// How long a program may take to give it.
const TIMEOUT: Duration = Duration::from_secs(10);

type Failure = Box<dyn Error + Send + Sync>;

/// The text at an address, in a file or on standard input.
///
/// # Errors
/// Why it could not be read.
pub(super) fn fetch(from: &str) -> Result<String, Failure> {
    match from {
        "-" => read(io::stdin().lock()),
        _ if from.starts_with("https://") => Err("only http:// is spoken".into()),
        _ if from.starts_with("http://") => download(from),
        _ => read(File::open(from)?),
    }
}

fn read(from: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    from.take(LONGEST as u64 + 1).read_to_string(&mut text)?;
    if text.len() > LONGEST {
        return Err(format!("longer than {LONGEST} bytes").into());
    }
    Ok(text)
}

fn download(url: &str) -> Result<String, Failure> {
    let mut result = Err("it was not asked for".into());
    crate::runtime(async {
        let answer = tokio::time::timeout(TIMEOUT, get(url)).await;
        result = answer.unwrap_or_else(|_| Err(format!("not within {TIMEOUT:?}").into()));
        Exit::Done
    })?;
    result
}

async fn get(url: &str) -> Result<String, Failure> {
    let uri: Uri = url.parse()?;
    let authority = uri.authority().ok_or("no host in the address")?;
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header(HOST, authority.as_str());
    let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("it answers with {status}").into());
    }
    let body = Limited::new(response.into_body(), LONGEST).collect().await?;
    Ok(String::from_utf8(body.to_bytes().to_vec())?)
}
