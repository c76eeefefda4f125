//! HTTP: one client fetches one URL, and it is told where the time went.

use std::convert::Infallible;
use std::error::Error as _;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::task::unconstrained;
use tokio::time::{Instant, timeout, timeout_at};

use super::hitch::Hitch;
use super::{Excuse, Pace, Place, dns};
use crate::lan::{Arrivals, Connected, Port, StreamTimes};
use crate::phase::words;
use crate::url::{Host, Url};

/// The longest body, in bytes: what is longer is cut off, and is a failure.
const MAX_BODY: u64 = 1 << 30;

/// What to fetch, how often, and how long to wait.
///
/// One fetch is one GET over a connection of its own, which is closed afterwards. The body is counted and thrown away. A
/// redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpSpec {
    /// What.
    pub url: Url,
    /// How many fetches; `None`: until the client goes.
    pub count: Option<u32>,
    /// From one fetch to the next, whether or not it is done.
    pub interval: Duration,
    /// How long all of it may take from the beginning of the connection to the last byte; looking the name up may take as
    /// long before that, with each resolver.
    pub timeout: Duration,
}

impl HttpSpec {
    /// How long a fetch may take where nothing else is said.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

    /// One fetch of `url`.
    pub fn once(url: Url) -> Self {
        Self::times(url, 1)
    }

    /// `count` fetches of `url`, one a second.
    pub fn times(url: Url, count: u32) -> Self {
        Self {
            url,
            count: Some(count),
            interval: Pace::DEFAULT_INTERVAL,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }

    /// Fetches of `url` every `interval`, until the client goes.
    pub fn every(url: Url, interval: Duration) -> Self {
        Self {
            url,
            count: None,
            interval,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }
}

words! {
    /// Why a fetch came to no status, or was broken off: a closed list.
    HttpCause {
        /// It took too long.
        Timeout = "timeout",
        /// Nobody serves that port.
        Refused = "refused",
        /// The server broke the connection off.
        Reset = "reset",
        /// The server cannot be reached: a router says so, or nobody answers ARP.
        Unreachable = "unreachable",
        /// The client has no route to the server.
        NoRoute = "no_route",
        /// The name has no address, or no resolver said so in time.
        NoName = "no_name",
        /// What the server sent is not HTTP: its head, or the frames of its body.
        Malformed = "malformed",
        /// The body is longer than 1 GiB.
        TooLarge = "too_large",
        /// The server's address is the client's own, so that the client itself would answer.
        OwnAddress = "own_address",
        /// The client was not online.
        Offline = "offline",
        /// The tester's own host failed: not the router's fault.
        Tester = "tester",
    }
}

impl From<Hitch> for HttpCause {
    fn from(hitch: Hitch) -> Self {
        match hitch {
            Hitch::Timeout => Self::Timeout,
            Hitch::Refused => Self::Refused,
            Hitch::Reset => Self::Reset,
            Hitch::Unreachable => Self::Unreachable,
            Hitch::NoRoute => Self::NoRoute,
            Hitch::Malformed => Self::Malformed,
            Hitch::Tester => Self::Tester,
        }
    }
}

words! {
    /// The parts of a fetch, in their order.
    HttpPhase {
        /// Looking the name up; left out where the URL has an address.
        Dns = "dns",
        /// Connecting.
        Connect = "connect",
        /// From the request to the first byte of the response.
        FirstByte = "first_byte",
        /// From the first byte to the last one of the body.
        Transfer = "transfer",
    }
}

/// What became of one fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The server, where there was an address to connect to.
    pub server: Option<SocketAddrV4>,
    /// How long the phases took that came to their end, in their order.
    pub phases: Vec<(HttpPhase, Duration)>,
    /// The status, once there was one.
    pub status: Option<u16>,
    /// Bytes of the body that came.
    pub bytes: u64,
    /// Why it did not come to its end.
    pub failure: Option<(HttpCause, String)>,
}

impl Fetch {
    const fn new() -> Self {
        Self {
            server: None,
            phases: Vec::new(),
            status: None,
            bytes: 0,
            failure: None,
        }
    }

    pub(super) fn excused(excuse: Excuse) -> Self {
        let cause = match excuse {
            Excuse::Offline => HttpCause::Offline,
            Excuse::Tester => HttpCause::Tester,
        };
        Self {
            failure: Some((cause, String::new())),
            ..Self::new()
        }
    }

    /// Whether it came to its end, with a status below 400.
    pub fn is_success(&self) -> bool {
        self.failure.is_none() && self.status.is_some_and(|status| status < 400)
    }

    /// How long its phases took together.
    pub fn took(&self) -> Duration {
        self.phases.iter().map(|(_, took)| *took).sum()
    }

    /// What came of it, for a person to read.
    pub fn particulars(&self, url: &Url) -> String {
        let server = match self.server {
            Some(server) => format!(" from {server}"),
            None => String::new(),
        };
        match (&self.failure, self.status) {
            (Some((cause, why)), _) if why.is_empty() => format!("{url}{server}: {cause}"),
            (Some((cause, why)), _) => format!("{url}{server}: {cause}: {why}"),
            (None, Some(status)) => format!("{url}{server}: status {status}"),
            (None, None) => format!("{url}{server}: no status"),
        }
    }

    /// How long request and response took together.
    fn spoken(&self) -> Duration {
        let is_spoken = |phase| matches!(phase, HttpPhase::FirstByte | HttpPhase::Transfer);
        let spoken = self.phases.iter().filter(|(phase, _)| is_spoken(*phase));
        spoken.map(|(_, took)| *took).sum()
    }

    fn ended(&mut self, phase: HttpPhase, took: Duration) {
        self.phases.push((phase, took));
    }
}

/// Why it did not come to its end.
type Failure = (HttpCause, String);

fn of_io(error: &io::Error) -> Failure {
    (Hitch::from(error).into(), error.to_string())
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
    let cause = match io.map(|io| (io.raw_os_error(), Hitch::from(io))) {
        Some((Some(_), hitch)) => hitch.into(),
        Some((None, Hitch::Reset)) => HttpCause::Reset,
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

/// Fetches once.
pub(super) async fn attempt<P: Port>(spec: &HttpSpec, place: &Place<P>) -> Fetch {
    let mut fetch = Fetch::new();
    let address = match address_of(spec, place, &mut fetch).await {
        Ok(address) => address,
        Err(failure) => {
            fetch.failure = Some(failure);
            return fetch;
        }
    };
    let server = SocketAddrV4::new(address, spec.url.port());
    fetch.server = Some(server);
    if place.is_own(address) {
        let why = format!("{address} is the client itself, which would answer");
        fetch.failure = Some((HttpCause::OwnAddress, why));
        return fetch;
    }
    match place.port.connect(server, spec.timeout).await {
        Ok(Connected {
            stream,
            took,
            times,
        }) => {
            fetch.ended(HttpPhase::Connect, took);
            let left = spec.timeout.saturating_sub(took);
            let talked = {
                let until = Instant::now() + left;
                let mut talking = pin!(talk(&spec.url, stream, &times, &mut fetch));
                match timeout_at(until, talking.as_mut()).await {
                    Ok(talked) => Some(talked),
                    Err(_) => finish(talking, &times, left).await,
                }
            };
            let spoken = fetch.spoken();
            fetch.failure = match talked {
                Some(Ok(())) if spoken <= left => None,
                Some(Err(failure)) => Some(failure),
                Some(Ok(())) | None => Some((HttpCause::Timeout, where_it_stood(&fetch))),
            };
        }
        Err(error) => {
            let (cause, why) = of_io(&error);
            fetch.failure = Some((cause, format!("connecting: {why}")));
        }
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

async fn address_of<P: Port>(
    spec: &HttpSpec,
    place: &Place<P>,
    fetch: &mut Fetch,
) -> Result<Ipv4Addr, Failure> {
    let name = match spec.url.host() {
        Host::Address(address) => return Ok(*address),
        Host::Name(name) => name,
    };
    let resolved = dns::address_of(place, name, spec.timeout)
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
    Ok(resolved.address)
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
            let broken = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
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
        *broken.lock().unwrap_or_else(PoisonError::into_inner) = ended.err();
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
