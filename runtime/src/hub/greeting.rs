use super::sessions::Joined;
use super::{Admitted, HubShared, Place, REFUSED};
use crate::builder::Builder;
use crate::driver::{Driver, Scratch};
use crate::error::AdmitError;
use crate::runtime::Timer;
use cync_core::wire::{Endpoint, StatusCode};
use cync_core::{Config, Greeter};
use futures_io::{AsyncRead, AsyncWrite};
use std::future::{Future, poll_fn};
use std::io;
use std::num::NonZeroU8;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

/// Opens a stream, waits for its greeting, and finds its session.
pub(super) async fn admit<IO: AsyncRead + AsyncWrite + Unpin, T: Timer>(
    hub: &Arc<HubShared<T>>,
    mut place: Place<T>,
    open: impl Future<Output = io::Result<IO>>,
) -> Result<Admitted<IO, T>, AdmitError> {
    let mut io = place.meanwhile(open).await??;
    let (greeter, rest) = place.meanwhile(read(hub, &place, &mut io)).await??;
    let (endpoint, config) = match greeted(hub, &greeter)? {
        Ok(admitted) => admitted,
        Err(status) => {
            // It was refused whether or not it waits to be told so.
            let _told = place.meanwhile(refuse(&mut io, &greeter, status)).await;
            return Err(AdmitError::Refused(StatusCode(status.get())));
        }
    };
    let returned = place.join(endpoint, |sessions| sessions.rejoin(endpoint).ok_or(None));
    let Joined { client, is_new, .. } = match returned {
        Ok(joined) => joined,
        Err(Some(error)) => return Err(error),
        Err(None) => {
            let needed = config.dedup_ttl;
            // The application is not called with the hub locked: it may ask the hub.
            let fresh = (hub.shape)(Builder::new(config, hub.timer.clone())).build()?;
            let now = hub.timer.now();
            place.join(endpoint, |sessions| {
                sessions.join(endpoint, &fresh, needed, &hub.limits, now)
            })?
        }
    };
    let read = [greeter.bytes(), &rest].concat();
    let driver = hub.span(endpoint).in_scope(|| {
        if !is_new && client.has_connection() {
            tracing::info!(event = "replaced", %endpoint, "the endpoint dialled in again");
        }
        Driver::new(Arc::clone(&client.shared), io, read).in_place(place)
    });
    Ok(Admitted { endpoint, client, is_new, driver })
}

/// Reads until the greeting is whole. What came behind it is returned with it.
async fn read<IO: AsyncRead + Unpin, T: Timer>(
    hub: &HubShared<T>,
    place: &Place<T>,
    io: &mut IO,
) -> Result<(Greeter, Vec<u8>), AdmitError> {
    let now = hub.timer.now();
    let mut greeter = Greeter::new(now, place.deadline().since(now));
    let rest = poll_fn(|context| {
        while greeter.poll().is_none() {
            let mut buffer = Scratch::to_read();
            let len = match Pin::new(&mut *io).poll_read(context, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(AdmitError::Closed)),
                Poll::Ready(Ok(len)) => len,
            };
            let read = buffer.get(..len).unwrap_or_default();
            let taken = greeter.handle_input(hub.timer.now(), read);
            if taken < read.len() {
                return Poll::Ready(Ok(read.get(taken..).unwrap_or_default().to_vec()));
            }
        }
        Poll::Ready(Ok(Vec::new()))
    });
    let rest = rest.await?;
    Ok((greeter, rest))
}

/// Who greeted and the session's configuration, or the status to refuse the greeting with.
fn greeted<T: Timer>(
    hub: &HubShared<T>,
    greeter: &Greeter,
) -> Result<Result<(Endpoint, Config), NonZeroU8>, AdmitError> {
    let Some(hello) = greeter.poll().transpose()? else { return Err(AdmitError::Closed) };
    Ok(match (hub.admit)(&hello) {
        Ok(config) => Ok((hello.endpoint, config)),
        Err(StatusCode(status)) => Err(NonZeroU8::new(status).unwrap_or(REFUSED)),
    })
}

/// Tells the peer that its greeting is refused, and closes the connection.
async fn refuse<IO: AsyncWrite + Unpin>(
    io: &mut IO,
    greeter: &Greeter,
    status: NonZeroU8,
) -> io::Result<()> {
    let mut answer = [0; 16];
    let len = greeter.refuse(status, &mut answer).map_err(io::Error::other)?;
    let mut written = 0;
    poll_fn(|context| {
        while written < len {
            let rest = answer.get(written..len).unwrap_or_default();
            match Pin::new(&mut *io).poll_write(context, rest)? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(more) => written += more,
                Poll::Pending => return Poll::Pending,
            }
        }
        Pin::new(&mut *io).poll_close(context)
    })
    .await
}
