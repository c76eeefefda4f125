//! One fetch: from the name to the last byte.

use std::convert::Infallible;
use std::error::Error as _;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::task::unconstrained;
use tokio::time::{Instant, timeout, timeout_at};

use super::fetch::Fetch;
use super::{HttpCause, HttpPhase};
use crate::activity::dialing::{Undialed, dial};
use crate::activity::socket_error::SocketError;
use crate::activity::{ClientContext, FamilyChoice, dns};
use crate::family::Family;
use crate::lan::{Arrivals, Connected, Port, StreamTimes};
use crate::url::{Host, Url};

/// The longest body, in bytes: what is longer is cut off, and is a failure.
const MAX_BODY: u64 = 1 << 30;
/// Why it did not come to its end.
type Failure = (HttpCause, String);

fn lost(family: Family) -> Failure {
    let why = format!("the client lost {}", family.name());
    (HttpCause::Offline, why)
}

/// What became of a connection that stood. Only what the kernel refused, and what is wrong with the request, can be the
/// tester's; all else was the server's doing.
fn of_hyper(error: &hyper::Error) -> Failure {
    let source = error.source();
    // A request that was called off says what the connection broke on.
    if let Some(inner) = source.and_then(|source| source.downcast_ref::<hyper::Error>()) {
        return of_hyper(inner);
    }
    let io = source.and_then(|source| source.downcast_ref::<io::Error>());
    let cause = match io.map(|io| (io.raw_os_error(), SocketError::from(io))) {
        Some((Some(_), error)) => error.into(),
        Some((None, SocketError::Reset)) => HttpCause::Reset,
        None if error.is_user() => HttpCause::Tester,
        None if error.is_incomplete_message() || error.is_closed() || error.is_canceled() => {
            HttpCause::Reset
        }
        // The head cannot be read, or something came before it was asked for; or the body cannot: of that hyper says so by
        // errors of input and output that have no number.
        Some((None, _)) | None => HttpCause::Malformed,
    };
    let why = match source {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    (cause, why)
}

/// Fetches a URL once, within so long from the beginning of the connection.
pub(super) async fn fetch<P: Port>(
    url: &Url,
    choice: FamilyChoice,
    timeout: Duration,
    client: &ClientContext<P>,
) -> Fetch {
    let mut fetch = Fetch::new();
    let (address, other) = match addresses_of(url, choice, timeout, client, &mut fetch).await {
        Ok(addresses) => addresses,
        Err(failure) => {
            fetch.failure = Some(failure);
            return fetch;
        }
    };
    let server = SocketAddr::new(address, url.port());
    fetch.server = Some(server);
    if client.is_own(address) {
        let why = format!("{address} is the client itself, which would answer");
        fetch.failure = Some((HttpCause::OwnAddress, why));
        return fetch;
    }
    let other = other.filter(|other| !client.is_own(*other));
    let other = other.map(|other| SocketAddr::new(other, url.port()));
    let dialed = dial(client, server, other, timeout).await;
    fetch.server = Some(dialed.server);
    let family = Family::of(dialed.server.ip());
    match dialed.result {
        Ok(Connected {
            stream,
            took,
            times,
        }) => {
            fetch.ended(HttpPhase::Connect, took);
            let left = timeout.saturating_sub(took);
            let talked = {
                let until = Instant::now() + left;
                let talking = pin!(talk(url, stream, &times, &mut fetch));
                let mut talking = pin!(client.while_unchanged(family, talking));
                match timeout_at(until, talking.as_mut()).await {
                    Ok(talked) => Some(talked),
                    Err(_) => finish(talking, &times, left).await,
                }
            };
            let talked = match talked {
                Some(Some(talked)) => Some(talked),
                Some(None) => Some(Err(lost(family))),
                None => None,
            };
            let spoken = fetch.spoken();
            fetch.failure = match talked {
                Some(Ok(())) if spoken <= left => None,
                Some(Err(failure)) => Some(failure),
                Some(Ok(())) | None => Some((HttpCause::Timeout, where_it_stood(&fetch))),
            };
        }
        Err(Undialed::Failed(error, why)) => {
            fetch.failure = Some((error.into(), format!("connecting: {why}")));
        }
        Err(Undialed::Lost(family)) => fetch.failure = Some(lost(family)),
    }
    fetch
}

/// Time is over. What came in time may be there, and nobody has come to read it yet: reads until nothing new comes, or what
/// comes is too late.
async fn finish<T>(
    mut talking: Pin<&mut impl Future<Output = T>>,
    times: &StreamTimes,
    left: Duration,
) -> Option<T> {
    let mut in_vain = 0;
    while in_vain < 3 {
        let before = times.arrivals();
        let polled = timeout(Duration::ZERO, unconstrained(talking.as_mut())).await;
        if let Ok(ended) = polled {
            return Some(ended);
        }
        let now = times.arrivals();
        if now.last > Some(left) {
            return None;
        }
        in_vain = if now == before { in_vain + 1 } else { 0 };
    }
    None
}

fn where_it_stood(fetch: &Fetch) -> String {
    match fetch.status {
        Some(status) => format!("status {status}, then {} bytes of the body", fetch.bytes),
        None => "connected, but no response".to_owned(),
    }
}

/// The address of the server, and that of the other family, where it may be used and there is one.
async fn addresses_of<P: Port>(
    url: &Url,
    choice: FamilyChoice,
    timeout: Duration,
    client: &ClientContext<P>,
    fetch: &mut Fetch,
) -> Result<(IpAddr, Option<IpAddr>), Failure> {
    let name = match url.host() {
        Host::Address(address) => return Ok((*address, None)),
        Host::Name(name) => name,
    };
    let resolved = dns::addresses_of(client, name, choice, timeout)
        .await
        .map_err(|unresolved| {
            let cause = if unresolved.is_the_testers {
                HttpCause::Tester
            } else {
                HttpCause::NoName
            };
            (cause, unresolved.why)
        })?;
    fetch.ended(HttpPhase::Dns, resolved.took);
    Ok((resolved.address, resolved.other))
}

/// Sends the request over a connection, and takes the response.
///
/// Times are those of the stream, which ends them where the kernel had what came; where it does not tell, they end where it
/// was read.
async fn talk<S>(
    url: &Url,
    stream: S,
    times: &StreamTimes,
    fetch: &mut Fetch,
) -> Result<(), Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let request = Request::get(url.path())
        .header(header::HOST, url.authority())
        .header(
            header::USER_AGENT,
            concat!("lanherd/", env!("CARGO_PKG_VERSION")),
        )
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| (HttpCause::Tester, error.to_string()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| of_hyper(&error))?;
    let broken = Mutex::new(None);
    let conversation = async {
        let began = Instant::now();
        let response = sender.send_request(request).await.map_err(|error| {
            let broken = broken.lock().take();
            // Where the connection broke before the request was handed over, only the connection knows on what.
            match broken {
                Some(broken) if error.is_canceled() || error.is_closed() => of_hyper(&broken),
                _ => of_hyper(&error),
            }
        })?;
        fetch.status = Some(response.status().as_u16());
        let first_byte = times.arrivals().first.unwrap_or_else(|| began.elapsed());
        fetch.ended(HttpPhase::FirstByte, first_byte);
        let is_framed = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING]
            .iter()
            .any(|name| response.headers().contains_key(name));
        take_body(response, fetch).await?;
        let Arrivals { last, end, .. } = times.arrivals();
        // Where nothing else says where the body ends, the connection's end does.
        let last_byte = if is_framed { last } else { end.or(last) };
        let all = last_byte.unwrap_or_else(|| began.elapsed());
        fetch.ended(HttpPhase::Transfer, all.saturating_sub(first_byte));
        Ok(())
    };
    let drive = async {
        // Its errors are told to the conversation, which may still have to read what came before its end.
        let ended = connection.await;
        *broken.lock() = ended.err();
        pending::<Infallible>().await
    };
    tokio::select! {
        ended = conversation => ended,
        never = drive => match never {},
    }
}

async fn take_body(response: Response<Incoming>, fetch: &mut Fetch) -> Result<(), Failure> {
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| of_hyper(&error))?;
        let length = frame.data_ref().map_or(0, Bytes::len);
        fetch.bytes = fetch.bytes.saturating_add(length as u64);
        if fetch.bytes > MAX_BODY {
            return Err((HttpCause::TooLarge, format!("{MAX_BODY} bytes and more")));
        }
    }
    Ok(())
}
