//! What is answered to which request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue,
    REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use tokio::time::timeout;

use super::api::{ErrorDocument, One};
use super::guard::Guard;
use super::panels::{self, Panels};
use super::stream::{Events, Streams};
use crate::identity::ClientNumber;
use crate::live::Ready;
use crate::metrics::Metrics;
use crate::pool::{Pool, PoolError};
use lanherd_connections::Site;

/// How long may be taken to find out whether the herd is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// Who knows whether the herd is ready.
pub trait Readiness: Send + Sync + 'static {
    /// Whether it is, now.
    fn readiness(&self) -> impl Future<Output = Ready> + Send;
}

impl Readiness for Pool {
    async fn readiness(&self) -> Ready {
        match self.census().await {
            Ok(census) => Ready::from(&census),
            Err(error) => Ready::No(error.to_string()),
        }
    }
}

/// The pages and where they come from.
pub(super) struct Pages<R> {
    pub metrics: Metrics,
    pub readiness: R,
    /// Of the herd behind the live page and the API, where there is one.
    pub streams: Option<Arc<Streams>>,
    /// What the live page shows of that herd.
    pub panels: Arc<Panels>,
    /// Who may ask; whether lanherd runs and the herd is ready, everybody may.
    pub guard: Guard,
    /// Whether only this machine can ask.
    pub is_local: bool,
}

/// Whole, or event by event.
pub(super) type Body = Either<Full<Bytes>, Events>;
type PageReply = Response<Body>;

/// What can be asked for.
enum Resource {
    Metrics,
    Health,
    Readiness,
    Live,
    Panels,
    ClientPanel(ClientNumber),
    Herd,
    History,
    Clients,
    Client(ClientNumber),
    Routers,
    Events,
}

impl Resource {
    const CHOICE: &str = "choose /, /metrics, /healthz, /readyz, /api/v1/herd, /api/v1/history, /api/v1/clients, \
                          /api/v1/clients/7, /api/v1/routers or /api/v1/events\n";

    /// Whether it is for browsers and programs that follow the herd, unlike what monitoring asks for.
    const fn is_of_the_herd(&self) -> bool {
        !matches!(self, Self::Metrics | Self::Health | Self::Readiness)
    }

    fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/metrics" => Self::Metrics,
            "/healthz" => Self::Health,
            "/readyz" => Self::Readiness,
            "/" => Self::Live,
            "/panels" => Self::Panels,
            "/api/v1/herd" => Self::Herd,
            "/api/v1/history" => Self::History,
            "/api/v1/clients" => Self::Clients,
            "/api/v1/routers" => Self::Routers,
            "/api/v1/events" => Self::Events,
            _ => match path.strip_prefix("/panels/clients/") {
                Some(number) => Self::ClientPanel(client_number(number)?),
                None => Self::Client(client_number(path.strip_prefix("/api/v1/clients/")?)?),
            },
        })
    }
}

/// Whether a `Host` is one that only this machine can have. A page from elsewhere, whose name was made to stand for the
/// loopback (DNS rebinding), would else read the herd through its reader's browser.
fn is_own(host: Option<&HeaderValue>) -> bool {
    let Some(host) = host else { return true };
    let authority = host
        .to_str()
        .ok()
        .and_then(|host| host.parse::<Authority>().ok());
    authority.is_some_and(|authority| {
        let name = authority.host().trim_matches(['[', ']']);
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
    })
}

/// A number as it is written everywhere: digits only, and no 0 before them.
fn client_number(text: &str) -> Option<ClientNumber> {
    let number: u32 = text.parse().ok()?;
    (number > 0 && number.to_string() == text).then_some(ClientNumber(number))
}

impl<R: Readiness> Site for Pages<R> {
    type Content = Body;

    async fn answer(&self, request: &Request<Incoming>) -> PageReply {
        let mut answer = self.page(request).await;
        for (name, value) in self.guard.headers() {
            answer.headers_mut().insert(name, value.clone());
        }
        answer
    }
}

impl<R: Readiness> Pages<R> {
    async fn page(&self, request: &Request<Incoming>) -> PageReply {
        let Some(page) = Resource::at(request.uri().path()) else {
            return text(StatusCode::NOT_FOUND, Resource::CHOICE);
        };
        // The answer to HEAD is made as that to GET; hyper leaves out its body.
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "use GET or HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            refusal.headers_mut().insert(ALLOW, allowed);
            return refusal;
        }
        if page.is_of_the_herd()
            && self.is_local
            && self.guard.is_open()
            && !is_own(request.headers().get(HOST))
        {
            let why = "ask for this by the address, or as localhost";
            return refuse(StatusCode::MISDIRECTED_REQUEST, why.to_owned());
        }
        let is_public = matches!(page, Resource::Health | Resource::Readiness);
        if !is_public
            && !self
                .guard
                .admits(request.headers().get(AUTHORIZATION))
                .await
        {
            return unknown(&self.guard);
        }
        match (page, &self.streams) {
            (Resource::Metrics, _) => self.metrics().await,
            (Resource::Health, _) => text(StatusCode::OK, "alive\n"),
            (Resource::Readiness, _) => self.readiness().await,
            (Resource::Live, Some(_)) => live_page(),
            (Resource::Panels, Some(of)) => {
                let whole = request.uri().query() == Some("whole");
                self.panels(Arc::clone(of), whole).await
            }
            (Resource::ClientPanel(number), Some(of)) => match of.live().client(number).await {
                Ok(Some(one)) => html(panels::client(&one, of.live().began_at())),
                Ok(None) => text(
                    StatusCode::NOT_FOUND,
                    format!("there is no client {number}\n"),
                ),
                Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
            },
            (Resource::Herd, Some(of)) => document(of.live().herd().await),
            (Resource::History, Some(of)) => document(Ok(of.live().history())),
            (Resource::Clients, Some(of)) => document(of.live().clients().await),
            (Resource::Client(number), Some(of)) => match of.live().client(number).await {
                Ok(Some(client)) => document(Ok(client)),
                Ok(None) => refuse(
                    StatusCode::NOT_FOUND,
                    format!("there is no client {number}; /api/v1/clients lists all"),
                ),
                Err(error) => document::<One>(Err(error)),
            },
            (Resource::Routers, Some(of)) => document(of.live().routers().await),
            (Resource::Events, Some(streams)) => events(streams, request).await,
            (_, None) => text(
                StatusCode::NOT_FOUND,
                "there is no herd behind this server: choose /metrics, /healthz or /readyz\n",
            ),
        }
    }

    /// Off the reactor: the process' own figures are read from files, and its descriptors are counted one by one.
    async fn metrics(&self) -> PageReply {
        let metrics = self.metrics.clone();
        match tokio::task::spawn_blocking(move || metrics.render()).await {
            Ok(text) => answer(StatusCode::OK, prometheus::TEXT_FORMAT, text),
            Err(error) => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("metrics could not be gathered: {error}\n"),
            ),
        }
    }

    /// What the live page shows, but for its cells and events. Off the reactor: charts take milliseconds.
    async fn panels(&self, streams: Arc<Streams>, whole: bool) -> PageReply {
        // The number first: what is kept under it is never older than it says.
        let look = streams.live().position().looks;
        let herd = match streams.live().herd().await {
            Ok(herd) => herd,
            Err(error) => return text(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        };
        let panels = Arc::clone(&self.panels);
        let made = move || panels.of(streams.live(), (look, &herd), whole);
        match tokio::task::spawn_blocking(made).await {
            Ok(made) => html(made),
            Err(error) => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("the herd cannot be shown: {error}\n"),
            ),
        }
    }

    async fn readiness(&self) -> PageReply {
        match timeout(READY_TIMEOUT, self.readiness.readiness()).await {
            Ok(Ready::Yes(line)) => text(StatusCode::OK, line + "\n"),
            Ok(Ready::No(line)) => text(StatusCode::SERVICE_UNAVAILABLE, line + "\n"),
            Err(_) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the pool did not answer in time\n",
            ),
        }
    }
}

/// The live page. Its script and style are named by a number that nobody else knows, so that a browser runs no other.
fn live_page() -> PageReply {
    let nonce = format!("{:032x}", fastrand::u128(..));
    let mut page = html(panels::shell(&nonce));
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        page.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    page
}

/// Events from where the reader was cut off, which its browser says in `Last-Event-ID`, or from where it wants to begin.
async fn events(streams: &Streams, request: &Request<Incoming>) -> PageReply {
    let cut_off = request.headers().get("last-event-id");
    let wanted = request
        .uri()
        .query()
        .and_then(|query| query.strip_prefix("after="));
    let after = match cut_off.map_or(Ok(wanted), |header| header.to_str().map(Some)) {
        Ok(None) => None,
        Ok(Some(number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok(),
        Ok(Some(_)) | Err(_) => {
            let why = "Last-Event-ID and after are the number of an event: after=120".to_owned();
            return refuse(StatusCode::BAD_REQUEST, why);
        }
    };
    match streams.follow(after).await {
        Ok(events) => dress(StatusCode::OK, "text/event-stream", Either::Right(events)),
        Err(why) => refuse(StatusCode::SERVICE_UNAVAILABLE, why.to_string()),
    }
}

fn document<T: Serialize>(made: Result<T, PoolError>) -> PageReply {
    match made {
        Ok(document) => json(StatusCode::OK, &document),
        Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

fn refuse(status: StatusCode, error: String) -> PageReply {
    json(status, &ErrorDocument { error })
}

fn json(status: StatusCode, document: &impl Serialize) -> PageReply {
    match serde_json::to_string(document) {
        Ok(json) => answer(status, "application/json", json + "\n"),
        Err(error) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the answer cannot be written: {error}\n"),
        ),
    }
}

/// To whoever has not said who he is, or something wrong.
fn unknown(guard: &Guard) -> PageReply {
    let why = "this needs a password, or a token\n";
    let mut answer = text(StatusCode::UNAUTHORIZED, why);
    for scheme in guard.schemes() {
        let scheme = HeaderValue::from_static(scheme);
        answer.headers_mut().append(WWW_AUTHENTICATE, scheme);
    }
    answer
}

fn html(written: String) -> PageReply {
    answer(StatusCode::OK, "text/html; charset=utf-8", written)
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> PageReply {
    answer(status, "text/plain; charset=utf-8", text)
}

fn answer(status: StatusCode, content_type: &'static str, text: impl Into<Bytes>) -> PageReply {
    dress(status, content_type, Either::Left(Full::new(text.into())))
}

/// With the headers that all answers have: nothing is kept, guessed at, framed, or may load anything.
fn dress(status: StatusCode, content_type: &'static str, body: Body) -> PageReply {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_localhost_are_this_machines_own() {
        let is_own = |host: &'static str| is_own(Some(&HeaderValue::from_static(host)));
        for host in [
            "127.0.0.1:9100",
            "[::1]:9100",
            "localhost",
            "LOCALHOST:1",
            "192.0.2.7",
        ] {
            assert!(is_own(host), "{host}");
        }
        for host in [
            "rebound.example",
            "localhost.example:9100",
            "127.0.0.1.example",
            "",
            "a b",
        ] {
            assert!(!is_own(host), "{host}");
        }
    }
}
