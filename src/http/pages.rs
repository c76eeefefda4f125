//! What is answered to which request.

use std::fmt::Write;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::timeout;

use crate::connections::Site;
use crate::metrics::Metrics;
use crate::phase::Phase;
use crate::pool::{Census, Pool};

/// How long may be taken to find out whether the herd is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

const TEXT: &str = "text/plain; charset=utf-8";

/// Whether the herd is as it should be, with a line to say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// It is.
    Yes(String),
    /// It is not.
    No(String),
}

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

impl From<&Census> for Ready {
    /// A herd is ready when every client that was not told to go is online, and there is one.
    fn from(census: &Census) -> Self {
        let (mut wanted, mut others) = (0, String::new());
        for phase in Phase::ALL.iter().copied() {
            let clients = census.of(phase);
            match phase {
                Phase::Leaving | Phase::Gone => continue,
                Phase::Online => {}
                Phase::Queued
                | Phase::Namespace
                | Phase::Link
                | Phase::Dhcp
                | Phase::Configure
                | Phase::Released
                | Phase::V6Only
                | Phase::NoCarrier
                | Phase::Backoff
                | Phase::Failed => {
                    if clients > 0 {
                        // Writing to a String cannot fail.
                        let _ = write!(others, ", {clients} {phase}");
                    }
                }
            }
            wanted += clients;
        }
        let online = census.of(Phase::Online);
        let line = format!("{online} of {wanted} clients online{others}");
        if wanted > 0 && online == wanted {
            Self::Yes(line)
        } else {
            Self::No(line)
        }
    }
}

/// The pages and where they come from.
pub(super) struct Pages<R> {
    pub metrics: Metrics,
    pub readiness: R,
}

type Answer = Response<Full<Bytes>>;

impl<R: Readiness> Site for Pages<R> {
    type Content = Full<Bytes>;

    async fn answer(&self, request: &Request<Incoming>) -> Answer {
        let page = match request.uri().path() {
            "/metrics" => Page::Metrics,
            "/healthz" => Page::Health,
            "/readyz" => Page::Readiness,
            _ => {
                let choice = "choose /metrics, /healthz or /readyz\n";
                return answer(StatusCode::NOT_FOUND, TEXT, choice);
            }
        };
        // The answer to HEAD is made as that to GET; hyper leaves out its body.
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal = answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "use GET or HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            refusal.headers_mut().insert(ALLOW, allowed);
            return refusal;
        }
        match page {
            Page::Metrics => self.metrics().await,
            Page::Health => answer(StatusCode::OK, TEXT, "alive\n"),
            Page::Readiness => self.readiness().await,
        }
    }
}

impl<R: Readiness> Pages<R> {
    /// Off the reactor: the process' own figures are read from files, and its descriptors are counted one by one.
    async fn metrics(&self) -> Answer {
        let metrics = self.metrics.clone();
        match tokio::task::spawn_blocking(move || metrics.render()).await {
            Ok(text) => answer(StatusCode::OK, prometheus::TEXT_FORMAT, text),
            Err(error) => answer(
                StatusCode::INTERNAL_SERVER_ERROR,
                TEXT,
                format!("metrics could not be gathered: {error}\n"),
            ),
        }
    }

    async fn readiness(&self) -> Answer {
        match timeout(READY_TIMEOUT, self.readiness.readiness()).await {
            Ok(Ready::Yes(line)) => answer(StatusCode::OK, TEXT, line + "\n"),
            Ok(Ready::No(line)) => answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, line + "\n"),
            Err(_) => answer(
                StatusCode::SERVICE_UNAVAILABLE,
                TEXT,
                "the pool did not answer in time\n",
            ),
        }
    }
}

enum Page {
    Metrics,
    Health,
    Readiness,
}

fn answer(status: StatusCode, content_type: &'static str, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(phases: &[(Phase, u32)]) -> Ready {
        Ready::from(&phases.iter().copied().collect::<Census>())
    }

    #[test]
    fn a_herd_is_ready_when_all_that_should_be_online_are() {
        let all = ready(&[(Phase::Online, 10), (Phase::Gone, 3)]);
        assert_eq!(all, Ready::Yes("10 of 10 clients online".to_owned()));
    }

    #[test]
    fn a_herd_that_is_not_ready_says_where_the_others_are() {
        let some = ready(&[(Phase::Online, 7), (Phase::Dhcp, 2), (Phase::Failed, 1)]);
        let line = "7 of 10 clients online, 2 dhcp, 1 failed";
        assert_eq!(some, Ready::No(line.to_owned()));
    }

    #[test]
    fn a_herd_of_nobody_is_not_ready() {
        assert_eq!(ready(&[]), Ready::No("0 of 0 clients online".to_owned()));
    }
}
