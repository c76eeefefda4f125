//! The lab's web server, for clients that fetch something: on port 80 of each of the router's addresses.
//!
//! `/` is a page of text, `/bytes/N` has N bytes, `/status/N` the status N, and `/delay/MS` is answered so many milliseconds
//! late.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::TcpListener;

use super::Shared;
use super::router::sleep_until;
use lanherd_connections::{self as connections, CancellationToken, Http, Plain, Site};
use lanherd_types::family::Family;

const PORT: u16 = 80;
/// As many connections as a herd that fetches may keep open.
const MOST_CONNECTIONS: usize = 1024;
/// How long a connection may last: ten minutes, for whoever reads slowly.
const LIFETIME: Duration = Duration::from_secs(600);
/// How many connections wait to be accepted while the thread is busy.
const BACKLOG: i32 = 1024;
/// The most bytes that are sent in one answer: 1 GiB.
const MOST_BYTES: u64 = 1 << 30;
/// The longest delay.
const MOST_DELAY: Duration = Duration::from_secs(60);
/// What `/bytes/N` consists of.
static BLOCK: [u8; 1 << 16] = [b'.'; 1 << 16];

const TEXT: &str = "text/plain; charset=utf-8";
const PAGES: &str = "choose /, /bytes/N, /status/N or /delay/MS\n";

/// Listens on every address of that family of the calling thread's namespace.
pub(super) fn listen(family: Family) -> io::Result<TcpListener> {
    let address: SocketAddr = match family {
        Family::Ipv4 => (Ipv4Addr::UNSPECIFIED, PORT).into(),
        Family::Ipv6 => (Ipv6Addr::UNSPECIFIED, PORT).into(),
    };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    if family == Family::Ipv6 {
        // IPv4 has a socket of its own.
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// What is served, with how.
pub(super) fn site(shared: &Arc<Shared>) -> Arc<LabHttp> {
    Arc::new(Http {
        handshake: Plain,
        site: Web {
            shared: Arc::clone(shared),
        },
        lifetime: LIFETIME,
    })
}

/// Answers for ever.
pub(super) async fn serve(listener: TcpListener, http: Arc<LabHttp>) {
    let never = CancellationToken::new();
    connections::serve(listener, http, MOST_CONNECTIONS, never).await;
}

type LabHttp = Http<Plain, Web>;

pub(super) struct Web {
    shared: Arc<Shared>,
}

impl Site for Web {
    type Content = Content;

    async fn answer(&self, request: &Request<Incoming>) -> Response<Content> {
        let meeting = self.shared.state().hear_request(Instant::now());
        self.be_late(meeting.at).await;
        if meeting.is_unavailable {
            return text(StatusCode::SERVICE_UNAVAILABLE, "unavailable on purpose\n");
        }
        // The answer to HEAD is made as that to GET; hyper leaves out its body.
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "use GET or HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            refusal.headers_mut().insert(ALLOW, allowed);
            return refusal;
        }
        match Page::read(request.uri().path()) {
            Ok(Page::Front) => text(StatusCode::OK, "This is the lab of lanherd.\n"),
            Ok(Page::Bytes(bytes)) => bytes_of(bytes),
            Ok(Page::Status(status)) => text(status, format!("{status}\n")),
            Ok(Page::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                text(StatusCode::OK, "late on purpose\n")
            }
            Err((status, why)) => text(status, why),
        }
    }
}

impl Web {
    /// Waits until then, or until the leak is mended.
    async fn be_late(&self, at: Instant) {
        let mut changes = self.shared.changes();
        loop {
            let wake = {
                let (state, now) = (self.shared.state(), Instant::now());
                if at <= now || !state.is_leaking(now) {
                    return;
                }
                state.next_end().map_or(at, |end| end.min(at))
            };
            tokio::select! {
                () = sleep_until(Some(wake)) => {}
                // The sender is in what is shared, and so outlives this.
                _ = changes.changed() => {}
            }
        }
    }
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Page {
    Front,
    Bytes(u64),
    Status(StatusCode),
    Delay(Duration),
}

impl Page {
    /// From a path; else with which status and why it is refused.
    fn read(path: &str) -> Result<Self, (StatusCode, &'static str)> {
        let refused = |why| (StatusCode::BAD_REQUEST, why);
        if path == "/" {
            return Ok(Self::Front);
        }
        let parts = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        match parts {
            Some(("bytes", number)) => number
                .parse()
                .ok()
                .filter(|bytes| *bytes <= MOST_BYTES)
                .map(Self::Bytes)
                .ok_or(refused("write a number of bytes up to 1073741824\n")),
            // An answer with a status below 200 would be followed by another (RFC 9110, 15.2).
            Some(("status", number)) => number
                .parse()
                .ok()
                .filter(|status| (200..600).contains(status))
                .and_then(|status| StatusCode::from_u16(status).ok())
                .map(Self::Status)
                .ok_or(refused("write a status from 200 to 599\n")),
            Some(("delay", number)) => number
                .parse()
                .ok()
                .map(Duration::from_millis)
                .filter(|delay| *delay <= MOST_DELAY)
                .map(Self::Delay)
                .ok_or(refused("write a number of milliseconds up to 60000\n")),
            _ => Err((StatusCode::NOT_FOUND, PAGES)),
        }
    }
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Content> {
    let block = text.into();
    let left = block.len() as u64;
    response(status, TEXT, Content { block, left })
}

fn bytes_of(left: u64) -> Response<Content> {
    let block = Bytes::from_static(&BLOCK);
    let content = Content { block, left };
    response(StatusCode::OK, "application/octet-stream", content)
}

fn response(status: StatusCode, kind: &'static str, content: Content) -> Response<Content> {
    let mut response = Response::new(content);
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// So many bytes: a block, over and over.
pub(super) struct Content {
    block: Bytes,
    left: u64,
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX);
        let data = self.block.slice(..length.min(self.block.len()));
        if data.is_empty() {
            return Poll::Ready(None);
        }
        self.left -= data.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn a_path_says_what_is_asked_for_within_bounds() {
        let milliseconds = Duration::from_millis;
        let cases = [
            ("/", Ok(Page::Front)),
            ("/bytes/0", Ok(Page::Bytes(0))),
            ("/bytes/1073741824", Ok(Page::Bytes(MOST_BYTES))),
            ("/bytes/1073741825", Err(400)),
            ("/bytes/-1", Err(400)),
            ("/bytes/", Err(400)),
            ("/bytes", Err(404)),
            ("/status/204", Ok(Page::Status(StatusCode::NO_CONTENT))),
            (
                "/status/599",
                Ok(Page::Status(StatusCode::from_u16(599).expect("a status"))),
            ),
            ("/status/199", Err(400)),
            ("/status/600", Err(400)),
            ("/delay/250", Ok(Page::Delay(milliseconds(250)))),
            ("/delay/60001", Err(400)),
            ("/delay/99999999999999999999", Err(400)),
            ("/delay/1/2", Err(400)),
            ("/nothing", Err(404)),
            ("", Err(404)),
        ];
        for (path, expected) in cases {
            let read = Page::read(path).map_err(|(status, _)| status.as_u16());
            assert_eq!(read, expected, "{path:?}");
        }
    }

    #[tokio::test]
    async fn as_many_bytes_come_as_are_announced() {
        for length in [0, 1, 65_535, 65_536, 65_537, 200_000] {
            let answer = bytes_of(length);
            assert_eq!(answer.body().size_hint().exact(), Some(length));
            let collected = answer.into_body().collect().await.expect("all of it");
            assert_eq!(collected.to_bytes().len() as u64, length);
        }
    }
}
