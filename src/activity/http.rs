//! HTTP: one client fetches one URL, and it is told where the time went.

mod exchange;
mod fetch;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use self::exchange::fetch;
pub use self::fetch::Fetch;
use super::kind::{
    About, ActivityKind, Buckets, CommandLineOption, Counter, Failures, Histogram, KindDetail,
    Layout, MetricFamilies, Observed, Time, TimeLayout, causes,
};
use super::socket_error::SocketError;
use super::{
    AttemptOutcome, ClientContext, Detail, FamilyChoice, HasFamilies, InFamilies, OverFamily, Spec,
    dns,
};
use crate::blame::Blame;
use crate::family::{Families, Family};
use crate::lan::Port;
use crate::pool::{Pool, PoolError, RunReport, Selection};
use crate::run::RunBuilder;
use crate::url::{Host, Url};
use lanherd_types::words;

/// What to fetch, how often, and how long all of it may take from the beginning of the connection to the last byte; looking the
/// name up may take as long before that, with each resolver.
///
/// One fetch is one GET over a connection of its own, which is closed afterwards. The body is counted and thrown away. A
/// redirect is not followed.
pub type HttpSpec = Spec<OverFamily<Url>>;

/// What is known of fetches beside what all activities have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HttpDetail {
    /// The server that was asked last, with its port.
    pub server: Option<SocketAddr>,
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

    fn family(&self) -> Option<Family> {
        self.server.map(|server| Family::of(server.ip()))
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

impl HasFamilies for Url {
    fn standing(&self) -> InFamilies {
        match self.host() {
            Host::Address(address) => InFamilies::Only(Family::of(*address)),
            Host::Name(_) => InFamilies::Named,
        }
    }
}

impl ActivityKind for OverFamily<Url> {
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
        rates: &[],
        metrics: MetricFamilies {
            labels: &[],
            values: |_, _| Vec::new(),
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
        Self::read(text, |text| {
            text.parse()
                .map_err(|error: crate::url::UrlError| error.to_string())
        })
    }

    fn family_choice(&self, families: Families) -> FamilyChoice {
        self.choice(families)
    }

    fn patience(&self, timeout: Duration) -> Duration {
        // Each resolver has as long as the fetch itself.
        timeout.saturating_mul(1 + dns::RESOLVERS)
    }

    async fn attempt<P: Port>(
        &self,
        timeout: Duration,
        client: &ClientContext<P>,
    ) -> AttemptOutcome {
        let choice = self.choice(client.families);
        fetch(&self.to, choice, timeout, client).await.outcome(self)
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
        /// The time to connect.
        Connect = "connect",
        /// From the request to the first byte of the response.
        FirstByte = "first_byte",
        /// From the first byte to the last one of the body.
        Transfer = "transfer",
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
    pub fn fetch(self, url: impl Into<OverFamily<Url>>) -> Self {
        self.activity(url.into())
    }
}
