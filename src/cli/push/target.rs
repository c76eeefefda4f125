//! To whom is pushed, and who is told of failures.

use std::fmt;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, Uri, header};
use hyper_util::rt::TokioIo;
use lanherd::identity::PoolName;
use lanherd::metrics::Metrics;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long one message may take, from the connection to the answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// So much of an answer that refuses is read, in bytes.
const MOST_ANSWER: usize = 64 * 1024;

/// In which form metrics are pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PushFormat {
    /// Prometheus' text, as a Pushgateway takes it.
    Gateway,
    /// OTLP over HTTP, in JSON.
    Otlp,
}

/// Where metrics are pushed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushTarget {
    format: PushFormat,
    url: WebUrl,
}

impl PushTarget {
    pub fn gateway(text: &str) -> Result<Self, String> {
        let (format, url) = (PushFormat::Gateway, text.parse()?);
        Ok(Self { format, url })
    }

    pub fn otlp(text: &str) -> Result<Self, String> {
        let mut url: WebUrl = text.parse()?;
        // As OTEL_EXPORTER_OTLP_ENDPOINT has it; what has a path is meant as it stands.
        if url.path() == "/" {
            url = url.with_path("/v1/metrics")?;
        }
        let format = PushFormat::Otlp;
        Ok(Self { format, url })
    }

    /// The same, with the pool in the URL where a gateway has one place for all that is pushed.
    pub fn of_pool(&self, pool: &PoolName) -> Self {
        let path = self.url.path();
        if self.format == PushFormat::Otlp || path.contains("/metrics/job/") {
            return self.clone();
        }
        let base = path.trim_end_matches('/');
        let path = format!("{base}/metrics/job/lanherd/pool/{pool}");
        // A pool's name has no sign that a path cannot have.
        let url = self.url.with_path(&path).unwrap_or(self.url.clone());
        Self {
            url,
            ..self.clone()
        }
    }

    /// What is sent there.
    pub fn body(
        &self,
        metrics: &Metrics,
        instance: &str,
        started: SystemTime,
        now: SystemTime,
    ) -> String {
        match self.format {
            PushFormat::Gateway => metrics.render(),
            PushFormat::Otlp => metrics.otlp(instance, started, now).to_string(),
        }
    }

    /// Sends a body there, which is taken if the answer is 2xx.
    pub async fn push(&self, body: String) -> Result<(), String> {
        match self.format {
            // What an earlier run of the pool left there goes.
            PushFormat::Gateway => self
                .url
                .send(Method::PUT, "text/plain; version=0.0.4", body),
            PushFormat::Otlp => self.url.send(Method::POST, "application/json", body),
        }
        .await
    }
}

impl fmt::Display for PushTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// Who is told of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    /// A command of the shell, on its standard input.
    Command(String),
    /// A server, to which it is posted.
    Url(WebUrl),
}

impl Hook {
    pub fn read(text: &str) -> Result<Self, String> {
        if text.starts_with("http://") {
            return text.parse().map(Self::Url);
        }
        if text.starts_with("https://") {
            return Err(format!(
                "it is told over TLS, which lanherd does not speak: run a command, as curl -sS --data-binary @- {text}"
            ));
        }
        if text.trim().is_empty() {
            return Err(
                "it is empty: name a command, or a URL that begins with http://".to_owned(),
            );
        }
        Ok(Self::Command(text.to_owned()))
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => write!(f, "{command:?}"),
            Self::Url(url) => url.fmt(f),
        }
    }
}

/// A URL of a server on the host's own network: other than those that clients fetch, it may be the loopback's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebUrl(Uri);

impl std::str::FromStr for WebUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text
            .parse()
            .map_err(|error| format!("it is no URL: {error}"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(
                    "lanherd does not speak TLS: push to an agent on this machine that does"
                        .to_owned(),
                );
            }
            _ => return Err("a URL begins with http:// and a host".to_owned()),
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err(
                "a user in a URL is shown to whoever lists processes: leave it out".to_owned(),
            );
        }
        Ok(Self(uri))
    }
}

impl TryFrom<String> for WebUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<WebUrl> for String {
    fn from(url: WebUrl) -> Self {
        url.0.to_string()
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl WebUrl {
    fn path(&self) -> &str {
        self.0.path()
    }

    fn with_path(&self, path: &str) -> Result<Self, String> {
        let authority = self
            .0
            .authority()
            .map_or("", |authority| authority.as_str());
        format!("http://{authority}{path}").parse()
    }

    /// Sends a body there, and takes an answer of 2xx for its arrival.
    pub async fn send(&self, method: Method, kind: &str, body: String) -> Result<(), String> {
        match timeout(TIMEOUT, self.exchange(method, kind, body)).await {
            Ok(sent) => sent,
            Err(_) => Err(format!("no answer within {}s", TIMEOUT.as_secs())),
        }
    }

    async fn exchange(&self, method: Method, kind: &str, body: String) -> Result<(), String> {
        let host = self.0.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let port = self.0.port_u16().unwrap_or(80);
        let stream = TcpStream::connect((bare, port))
            .await
            .map_err(|error| error.to_string())?;
        let authority = self
            .0
            .authority()
            .map_or("", |authority| authority.as_str());
        let path = self.0.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, authority)
            .header(
                header::USER_AGENT,
                concat!("lanherd/", env!("CARGO_PKG_VERSION")),
            )
            .header(header::CONTENT_TYPE, kind)
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await;
        let answered = match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                let status = answer.status();
                let body = Limited::new(answer.into_body(), MOST_ANSWER)
                    .collect()
                    .await;
                let body = body
                    .map(http_body_util::Collected::to_bytes)
                    .unwrap_or_default();
                let said = String::from_utf8_lossy(&body);
                let said: String = said.trim().chars().take(200).collect();
                Err(format!("{status}: {said}")
                    .trim_end_matches(": ")
                    .to_owned())
            }
            Err(error) => Err(error.to_string()),
        };
        connection.abort();
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(text: &str) -> String {
        let pool = "home".parse().expect("a name");
        let read = PushTarget::gateway(text).expect(text);
        read.of_pool(&pool).to_string()
    }

    #[test]
    fn a_gateway_has_a_place_for_each_pool_unless_the_url_names_one() {
        for (text, url) in [
            (
                "http://127.0.0.1:9091",
                "http://127.0.0.1:9091/metrics/job/lanherd/pool/home",
            ),
            (
                "http://gw/push/",
                "http://gw/push/metrics/job/lanherd/pool/home",
            ),
            (
                "http://[::1]:9091/metrics/job/tonight",
                "http://[::1]:9091/metrics/job/tonight",
            ),
        ] {
            assert_eq!(gateway(text), url);
        }
    }

    #[test]
    fn otlp_has_its_path_where_there_is_none() {
        for (text, url) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/metrics"),
            (
                "http://a:9090/api/v1/otlp/v1/metrics",
                "http://a:9090/api/v1/otlp/v1/metrics",
            ),
        ] {
            assert_eq!(PushTarget::otlp(text).expect(text).to_string(), url);
        }
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused_with_the_remedy() {
        for (text, says) in [
            ("https://gw", "does not speak TLS"),
            ("gw:9091", "begins with http://"),
            ("", "no URL"),
            ("http://me:word@gw", "leave it out"),
        ] {
            let error = PushTarget::gateway(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
        let error = Hook::read("https://chat/x").expect_err("TLS");
        assert!(
            error.contains("curl -sS --data-binary @- https://chat/x"),
            "{error}"
        );
        assert!(Hook::read(" ").is_err());
    }

    #[test]
    fn a_hook_is_a_url_or_a_command_and_reads_back() {
        for (text, hook) in [
            (
                "logger -t lanherd",
                Hook::Command("logger -t lanherd".to_owned()),
            ),
            (
                "http://127.0.0.1:8080/x?y",
                Hook::Url("http://127.0.0.1:8080/x?y".parse().expect("a URL")),
            ),
        ] {
            assert_eq!(Hook::read(text), Ok(hook.clone()));
            let json = serde_json::to_string(&hook).expect("json");
            assert_eq!(serde_json::from_str::<Hook>(&json).expect(&json), hook);
        }
    }
}
