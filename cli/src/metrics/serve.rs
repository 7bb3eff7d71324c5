//! The HTTP server of metrics.

use cync_tokio::metrics::{Metrics, OPENMETRICS, PROMETHEUS};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::http::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OnceCell, Semaphore};

const PATH: &str = "/metrics";
/// Requests at a time; others wait in the system's queue.
const MOST: usize = 32;
/// How long one request and its answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// What serves the metrics of this process, for as long as its runtime runs.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    metrics: Metrics,
    addr: SocketAddr,
}

static SERVER: OnceCell<Server> = OnceCell::const_new();

impl Server {
    /// Starts the server. When it was started before this is the same one, wherever it listens.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub(crate) async fn start(listen: SocketAddr) -> io::Result<Self> {
        let start = async || {
            let listener = TcpListener::bind(listen).await?;
            let server = Self { metrics: Metrics::default(), addr: listener.local_addr()? };
            tokio::spawn(accept(listener, server.metrics.clone()));
            io::Result::Ok(server)
        };
        SERVER.get_or_try_init(start).await.cloned()
    }

    /// Where it listens.
    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it serves.
    pub(crate) const fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

async fn accept(listener: TcpListener, metrics: Metrics) {
    let room = Arc::new(Semaphore::new(MOST));
    // It is never closed.
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let metrics = metrics.clone();
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, metrics).await {
                        tracing::debug!(event = "metrics_request", %peer, %error);
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(event = "accept", %error);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One request; whoever wants another connects again.
async fn serve(stream: TcpStream, metrics: Metrics) -> Result<(), hyper::Error> {
    let answer = service_fn(move |request: Request<Incoming>| {
        let response = respond(&request, &metrics);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(LONGEST_HEAD)
        .timer(TokioTimer::new())
        // Who has asked may have nothing more to say.
        .half_close(true)
        .header_read_timeout(TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer);
    // A peer that does not read its answer is not waited for.
    tokio::time::timeout(TIMEOUT, connection).await.unwrap_or(Ok(()))
}

fn respond<B>(request: &Request<B>, metrics: &Metrics) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    if request.uri().path() != PATH {
        let text = format!("not found: metrics are at {PATH}\n");
        return response(StatusCode::NOT_FOUND, TEXT, text);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let text = "only GET is allowed\n".to_owned();
        let mut response = response(StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let mut accepted = request.headers().get_all(ACCEPT).iter();
    let mut response = if accepted.any(is_openmetrics) {
        response(StatusCode::OK, OPENMETRICS, metrics.encode_openmetrics())
    } else {
        response(StatusCode::OK, PROMETHEUS, metrics.encode())
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn is_openmetrics(accept: &HeaderValue) -> bool {
    accept.to_str().is_ok_and(|accept| accept.contains("application/openmetrics-text"))
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[tokio::test]
    async fn a_second_start_gives_the_same_server() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let first = Server::start(any).await.unwrap();
        let second = Server::start(any).await.unwrap();
        assert_eq!(first.addr(), second.addr());
        let client =
            cync_tokio::Client::new(cync_core::Config::listener(cync_core::wire::Endpoint(1)))
                .unwrap();
        let _watched = first.metrics().watch("lamp", &client);
        assert!(second.metrics().encode().contains("device_id=\"lamp\""));
    }

    #[test]
    fn an_answer_is_in_the_format_that_was_asked_for() {
        let kind = |accept: Option<&str>| {
            let mut request = Request::get(PATH);
            if let Some(accept) = accept {
                request = request.header(ACCEPT, accept);
            }
            let answer = respond(&request.body(()).unwrap(), &Metrics::default());
            answer.headers()[CONTENT_TYPE].to_str().unwrap().to_owned()
        };
        assert_eq!([kind(None), kind(Some("*/*")), kind(Some("text/plain"))], [PROMETHEUS; 3]);
        let scraper =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3";
        assert_eq!(kind(Some(scraper)), OPENMETRICS);
    }
}
