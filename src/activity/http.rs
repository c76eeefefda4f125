//! HTTP: one client fetches one URL, and it is told where the time went.

use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error as _;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::{Pin, pin};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::task::unconstrained;
use tokio::time::{Instant, timeout, timeout_at};

use super::kind::{
    About, ActivityKind, Buckets, CommandLineOption, Counter, Failures, Families, Histogram,
    KindDetail, Layout, Observed, Time, TimeLayout, causes,
};
use super::socket_error::SocketError;
use super::{ClientContext, Detail, Ending, Outcome, Spec, dns};
use crate::blame::Blame;
use crate::lan::{Arrivals, Connected, Port, StreamTimes};
use crate::pool::{Pool, PoolError, RunReport, Selection};
use crate::run::RunBuilder;
use crate::url::{Host, Url};
use lanherd_types::words;

/// The longest body, in bytes: what is longer is cut off, and is a failure.
const MAX_BODY: u64 = 1 << 30;

/// What to fetch, how often, and how long all of it may take from the beginning of the connection to the last byte; looking the
/// name up may take as long before that, with each resolver.
///
/// One fetch is one GET over a connection of its own, which is closed afterwards. The body is counted and thrown away. A
/// redirect is not followed.
pub type HttpSpec = Spec<Url>;

/// What is known of fetches beside what all activities have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HttpDetail {
    /// The server that was asked last, with its port.
    pub server: Option<SocketAddrV4>,
    /// Bytes of bodies that came.
    pub bytes: u64,
}

impl HttpDetail {
    /// What a detail of any kind says, if it is of this one.
    pub const fn of(detail: &Detail) -> Option<&Self> {
        match detail {
            Detail::Http(detail) => Some(detail),
            _ => None,
        }
    }
}

impl KindDetail for HttpDetail {
    fn record(&mut self, attempt: &Self) {
        self.server = attempt.server.or(self.server);
        self.bytes = self.bytes.saturating_add(attempt.bytes);
    }

    fn add(&mut self, others: &Self) {
        self.bytes = self.bytes.saturating_add(others.bytes);
    }
}

/// Classes of status codes (RFC 9110, 15).
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The class of a status. A server may send any number from 100 to 999.
fn class(status: &str) -> Cow<'_, str> {
    let first = status.get(..1).unwrap_or_default();
    let class = CLASSES.iter().find(|class| class.starts_with(first));
    Cow::Borrowed(class.copied().unwrap_or("other"))
}

impl ActivityKind for Url {
    const ABOUT: About = About {
        word: "http",
        option: CommandLineOption {
            name: "fetch",
            value: "URL",
            help: "Fetch this whenever online, such as `http://www.lab.test/`; may be given again",
            more: None,
        },
        verb: "fetch",
        one: "fetch",
        many: "fetches",
        succeeded: "succeeded",
        did_well: "succeeded",
        failed: "failed",
        well: "fetches that succeeded",
        none: "nothing was fetched",
        done: "fetched",
        of: "fetches of",
        time: Time {
            signal: "HTTP time",
            figure: "http_time",
            aliases: &["http", "fetch", "fetch time"],
            hint: Some("all phases"),
            chart: "Fetches",
            // It may begin with a lookup, and connects, asks, and reads twice.
            waits: 8,
            drift_floor_ms: 1.0,
        },
        failures: Failures {
            objective: "failed fetches",
            share: "the share of failed fetches",
            are_counted: true,
            figure: "http_failures",
            label: "failed fetches",
            chart: "Failed fetches",
        },
        // The name's lookup has a part of the time.
        causes: causes!(HttpCause, late: Timeout, NoName),
        bad_answers: &[],
        counts: &[],
        metrics: Families {
            labels: &[],
            values: |_| Vec::new(),
            time: Histogram {
                name: "http_phase_duration_seconds",
                help: "How long each phase of an HTTP fetch took, where it came to its end.",
                buckets: Buckets::RoundTrips,
                observed: Observed::Phases("phase", &PHASES),
            },
            answers: Some(Counter {
                name: "http_requests_total",
                help: "HTTP fetches that came to their end by class of status code.",
                label: "code",
                values: &CLASSES,
                value: class,
            }),
            failures: Counter::by_cause(
                "http_errors_total",
                "HTTP fetches that did not come to their end, those that could not be begun included.",
            ),
            of_each_client: None,
        },
        layout: Layout {
            subject: "url",
            succeeded: "succeeded",
            failed: "failed",
            answers: Some("statuses"),
            has_phases: true,
            times: TimeLayout::Apart,
        },
        output: None,
    };
    const TIMEOUT: Duration = Duration::from_secs(10);
    const MOST_IN_FLIGHT: usize = 100;
    const FILES: u64 = 1;

    type Detail = HttpDetail;

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error: crate::url::UrlError| error.to_string())
    }

    fn patience(&self, timeout: Duration) -> Duration {
        // Each resolver has as long as the fetch itself.
        timeout.saturating_mul(1 + dns::RESOLVERS)
    }

    async fn attempt<P: Port>(&self, timeout: Duration, place: &ClientContext<P>) -> Outcome {
        fetch(self, timeout, place).await.outcome(self)
    }
}

/// The words of the phases.
const PHASES: [&str; HttpPhase::ALL.len()] = {
    let mut words = [""; HttpPhase::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = HttpPhase::ALL[at].as_str();
        at += 1;
    }
    words
};

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

/// Who is to blame.
const fn blame(cause: HttpCause) -> Blame {
    match cause {
        HttpCause::Timeout | HttpCause::Reset | HttpCause::Unreachable => Blame::Network,
        HttpCause::Refused | HttpCause::Malformed | HttpCause::TooLarge => Blame::Target,
        HttpCause::NoRoute | HttpCause::NoName | HttpCause::OwnAddress => Blame::Router,
        HttpCause::Offline => Blame::Client,
        HttpCause::Tester => Blame::Tester,
    }
}

impl From<SocketError> for HttpCause {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Timeout => Self::Timeout,
            SocketError::Refused => Self::Refused,
            SocketError::Reset => Self::Reset,
            SocketError::Unreachable => Self::Unreachable,
            SocketError::NoRoute => Self::NoRoute,
            SocketError::Malformed => Self::Malformed,
            SocketError::Tester => Self::Tester,
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

    /// Whether it came to its end, with a status below 400.
    pub fn is_success(&self) -> bool {
        self.failure.is_none() && self.status.is_some_and(|status| status < 400)
    }

    /// How long its phases took together.
    pub fn took(&self) -> Duration {
        self.phases.iter().map(|(_, took)| *took).sum()
    }

    /// As what became of an attempt of any kind.
    pub fn outcome(self, url: &Url) -> Outcome {
        let is_success = self.is_success();
        let why = (!is_success).then(|| self.particulars(url));
        let (ending, took) = match (&self.failure, self.status) {
            (Some((cause, _)), _) => (Ending::Failed(cause.as_str()), None),
            (None, Some(status)) => {
                let ending = Ending::Answered {
                    answer: Some(status.to_string().into()),
                    is_success,
                };
                (ending, Some(self.took()))
            }
            // What came to its end has a status.
            (None, None) => (Ending::Failed(HttpCause::Malformed.as_str()), None),
        };
        let phases = self.phases.iter();
        Outcome {
            ending,
            took,
            phases: phases
                .map(|(phase, took)| (phase.as_str(), *took))
                .collect(),
            detail: Detail::Http(HttpDetail {
                server: self.server,
                bytes: self.bytes,
            }),
            why,
        }
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

impl Pool {
    /// Lets clients fetch a URL, each over a connection of its own, as [`Pool::run`].
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub async fn fetch(&self, which: Selection, spec: HttpSpec) -> Result<RunReport, PoolError> {
        self.run(which, spec).await
    }
}

impl RunBuilder {
    /// Each client fetches this whenever it is online; may be said again.
    pub fn fetch(self, url: Url) -> Self {
        self.activity(url)
    }
}

/// Why it did not come to its end.
type Failure = (HttpCause, String);

fn of_io(error: &io::Error) -> Failure {
    (SocketError::from(error).into(), error.to_string())
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

/// Fetches once.
async fn fetch<P: Port>(url: &Url, timeout: Duration, place: &ClientContext<P>) -> Fetch {
    let mut fetch = Fetch::new();
    let address = match address_of(url, timeout, place, &mut fetch).await {
        Ok(address) => address,
        Err(failure) => {
            fetch.failure = Some(failure);
            return fetch;
        }
    };
    let server = SocketAddrV4::new(address, url.port());
    fetch.server = Some(server);
    if place.is_own(address) {
        let why = format!("{address} is the client itself, which would answer");
        fetch.failure = Some((HttpCause::OwnAddress, why));
        return fetch;
    }
    match place.port.connect(server.into(), timeout).await {
        Ok(Connected {
            stream,
            took,
            times,
        }) => {
            fetch.ended(HttpPhase::Connect, took);
            let left = timeout.saturating_sub(took);
            let talked = {
                let until = Instant::now() + left;
                let mut talking = pin!(talk(url, stream, &times, &mut fetch));
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
    url: &Url,
    timeout: Duration,
    place: &ClientContext<P>,
    fetch: &mut Fetch,
) -> Result<Ipv4Addr, Failure> {
    let name = match url.host() {
        Host::Address(address) => return Ok(*address),
        Host::Name(name) => name,
    };
    let resolved = dns::address_of(place, name, timeout)
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
