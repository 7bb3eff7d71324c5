//! The runtimes on which contenders run.

use cync_runtime::Runtime;
use std::future::Future;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt as _};

/// A runtime that has one thread for its tasks.
pub(crate) trait World: 'static {
    /// What our clients run on, and what dials, listens and spawns for all contenders: their sockets are set alike.
    type Runtime: Runtime + Default;
    /// A connection as the codec of `tokio-util` takes it, with as little around it as possible.
    type Bare: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Runs to the end of this future, which only gives orders: the work is in tasks.
    fn block_on<F: Future>(orders: F) -> io::Result<F::Output>;

    fn bare(stream: <Self::Runtime as Runtime>::Stream) -> Self::Bare;
}

/// Tokio's `current_thread` runtime.
pub(crate) struct Tokio;

impl World for Tokio {
    type Runtime = cync_tokio::Tokio;
    type Bare = tokio::net::TcpStream;

    fn block_on<F: Future>(orders: F) -> io::Result<F::Output> {
        Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(orders))
    }

    fn bare(stream: <Self::Runtime as Runtime>::Stream) -> Self::Bare {
        stream.into_inner()
    }
}

/// async-std, with `ASYNC_STD_THREAD_COUNT` threads.
pub(crate) struct AsyncStd;

impl World for AsyncStd {
    type Runtime = cync_async_std::AsyncStd;
    type Bare = Compat<async_std::net::TcpStream>;

    fn block_on<F: Future>(orders: F) -> io::Result<F::Output> {
        Ok(async_std::task::block_on(orders))
    }

    fn bare(stream: <Self::Runtime as Runtime>::Stream) -> Self::Bare {
        stream.compat()
    }
}

/// smol's global executor, with `SMOL_THREADS` threads.
pub(crate) struct Smol;

impl World for Smol {
    type Runtime = cync_async_std::smol::Smol;
    type Bare = Compat<smol::net::TcpStream>;

    fn block_on<F: Future>(orders: F) -> io::Result<F::Output> {
        Ok(smol::block_on(orders))
    }

    fn bare(stream: <Self::Runtime as Runtime>::Stream) -> Self::Bare {
        stream.compat()
    }
}
