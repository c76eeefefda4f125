//! DNS: one client asks the resolver that its lease named for the addresses of a name.

mod exchange;
mod lookup;
pub mod message;
mod question;
mod resolving;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use self::exchange::ask;
use self::lookup::no_resolver;
pub use self::lookup::{DnsAnswer, Lookup, Unanswered};
pub use self::message::Rcode;
pub use self::question::{Question, RecordType};
pub(super) use self::resolving::{RESOLVERS, addresses_of};
use super::kind::{
    About, ActivityKind, Buckets, CommandLineOption, Counter, Failures, Histogram, KindDetail,
    Layout, MetricFamilies, Observed, Time, TimeLayout, causes,
};
use super::socket_error::SocketError;
use super::{AttemptOutcome, ClientContext, Detail, FamilyChoice, Spec};
use crate::blame::Blame;
use crate::family::{Families, Family};
use crate::lan::Port;
use crate::pool::{Pool, PoolError, RunReport, Selection};
use crate::run::RunBuilder;
use lanherd_types::words;

/// What to look up, how often, and how long the answer may take.
///
/// One lookup is one query (A or AAAA, recursion desired) by UDP to the first resolver of the client, or to the first one of a
/// family, and is not repeated; only an answer that does not fit is asked for again, over TCP (RFC 7766, 5).
pub type DnsSpec = Spec<Question>;

/// What is known of lookups beside what all activities have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DnsDetail {
    /// The resolver that was asked last.
    pub server: Option<IpAddr>,
    /// The addresses of the latest lookup that found some.
    pub addresses: Vec<IpAddr>,
    /// Queries that were handed to the kernel.
    pub asked: u64,
}

impl DnsDetail {
    /// What a detail of any kind says, if it is of this one.
    pub const fn of(detail: &Detail) -> Option<&Self> {
        match detail {
            Detail::Dns(detail) => Some(detail),
            _ => None,
        }
    }
}

impl KindDetail for DnsDetail {
    fn record(&mut self, attempt: &Self) {
        self.server = attempt.server.or(self.server);
        if !attempt.addresses.is_empty() {
            self.addresses.clone_from(&attempt.addresses);
        }
        self.asked += attempt.asked;
    }

    fn add(&mut self, others: &Self) {
        self.asked += others.asked;
    }

    fn family(&self) -> Option<Family> {
        self.server.map(Family::of)
    }
}

impl ActivityKind for Question {
    const ABOUT: About = About {
        word: "dns",
        option: CommandLineOption {
            name: "resolve",
            value: "NAME",
            help: "Look this name up whenever online, with the resolver that the lease names; may be given again",
            more: Some(
                "Behind the name may stand which records are asked for and over which family: \"www.lab.test AAAA\", \"www.lab.test over \
                 ipv6\". Where that is not said: A, unless the client has only IPv6, of the client's first resolver.",
            ),
        },
        verb: "resolve",
        one: "lookup",
        many: "lookups",
        succeeded: "succeeded",
        did_well: "succeeded",
        failed: "failed",
        well: "lookups that found an address",
        none: "no name was looked up",
        done: "looked up",
        of: "lookups of",
        time: Time {
            signal: "DNS lookup time",
            figure: "dns_time",
            aliases: &["dns", "lookup", "lookup time"],
            hint: None,
            chart: "Lookups",
            // It is sent, answered by the lab, and read.
            waits: 3,
            drift_floor_ms: 1.0,
        },
        failures: Failures {
            objective: "failed lookups",
            share: "the share of failed lookups",
            are_counted: true,
            figure: "dns_failures",
            label: "failed lookups",
            chart: "Failed lookups",
        },
        causes: causes!(DnsCause, late: Timeout),
        bad_answers: BAD_ANSWERS,
        counts: &[],
        rates: &[],
        metrics: MetricFamilies {
            labels: &[],
            values: |_, _| Vec::new(),
            time: Histogram {
                name: "dns_query_duration_seconds",
                help: "From a DNS query to its answer.",
                buckets: Buckets::RoundTrips,
                // The resolver that each client's own lease names. An address would make a series for each router.
                observed: Observed::Under("server", "lease"),
            },
            answers: Some(Counter {
                name: "dns_responses_total",
                help: "Answers to DNS queries by response code; nodata: none, and no address either.",
                label: "rcode",
                values: &RCODES,
                value: |rcode| Cow::Borrowed(rcode),
            }),
            failures: Counter::by_cause(
                "dns_errors_total",
                "DNS lookups without an answer, those that could not be sent included.",
            ),
            of_each_client: None,
        },
        layout: Layout {
            subject: "name",
            succeeded: "succeeded",
            failed: "failed",
            answers: Some("rcodes"),
            has_phases: false,
            times: TimeLayout::Apart,
        },
        output: None,
    };
    const TIMEOUT: Duration = Duration::from_secs(5);
    const MOST_IN_FLIGHT: usize = 100;
    const FILES: u64 = 1;

    type Detail = DnsDetail;

    fn read(text: &str) -> Result<Self, String> {
        Self::read(text)
    }

    fn family_choice(&self, families: Families) -> FamilyChoice {
        self.choice(families)
    }

    /// Asks the first resolver that will do.
    async fn attempt<P: Port>(
        &self,
        timeout: Duration,
        client: &ClientContext<P>,
    ) -> AttemptOutcome {
        let connectivity = client.connectivity();
        let is_meant = |server: &IpAddr| {
            let family = Family::of(*server);
            self.family.is_none_or(|said| said == family)
        };
        let first = connectivity.resolvers().find(is_meant);
        let record = self.record(client.families);
        let lookup = match first {
            Some(server) => ask(client, server, &self.name, record, timeout).await,
            None => no_resolver(self.family),
        };
        lookup.outcome(self)
    }
}

words! {
    /// Why a lookup was not answered: a closed list.
    DnsCause {
        /// Nothing came back in time.
        Timeout = "timeout",
        /// Nobody serves DNS there (ICMP port unreachable, or a reset).
        Refused = "refused",
        /// The resolver cannot be reached: a router says so, or nobody answers ARP.
        Unreachable = "unreachable",
        /// The client has no route to the resolver.
        NoRoute = "no_route",
        /// What came back in time could not be read.
        Malformed = "malformed",
        /// The query was answered from another address, or port, than it was sent to: a resolver with several addresses that
        /// does not answer from the one that was asked. Hosts drop such answers.
        WrongSource = "wrong_source",
        /// What came back in time has another id than the query.
        WrongId = "wrong_id",
        /// What came back in time answers another question.
        WrongQuestion = "wrong_question",
        /// The answer did not fit into a datagram, and could not be had over TCP (RFC 7766, 5).
        Truncated = "truncated",
        /// The resolver's address is the client's own, so that the client itself would answer.
        OwnAddress = "own_address",
        /// The client has no resolver, or none of the family that was to be asked.
        NoResolver = "no_resolver",
        /// The client was not online.
        Offline = "offline",
        /// The tester's own host failed: not the router's fault.
        Tester = "tester",
    }
}

/// Who is to blame.
const fn blame(cause: DnsCause) -> Blame {
    match cause {
        DnsCause::Timeout | DnsCause::Unreachable => Blame::Network,
        DnsCause::Refused
        | DnsCause::Malformed
        | DnsCause::WrongSource
        | DnsCause::WrongId
        | DnsCause::WrongQuestion
        | DnsCause::Truncated => Blame::Target,
        DnsCause::NoRoute | DnsCause::OwnAddress | DnsCause::NoResolver => Blame::Router,
        DnsCause::Offline => Blame::Client,
        DnsCause::Tester => Blame::Tester,
    }
}

/// The words of all response codes.
const RCODES: [&str; Rcode::ALL.len()] = {
    let mut words = [""; Rcode::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = Rcode::ALL[at].as_str();
        at += 1;
    }
    words
};

/// Those of them that say that there is no address: all but the first.
const BAD_ANSWERS: &[&str] = RCODES.split_at(1).1;

impl From<SocketError> for DnsCause {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Timeout => Self::Timeout,
            SocketError::Refused | SocketError::Reset => Self::Refused,
            SocketError::Unreachable => Self::Unreachable,
            SocketError::NoRoute => Self::NoRoute,
            SocketError::Malformed => Self::Malformed,
            SocketError::Tester => Self::Tester,
        }
    }
}

impl Pool {
    /// Lets clients look a name up, each with the resolver of its lease, as [`Pool::run`].
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub async fn resolve(&self, which: Selection, spec: DnsSpec) -> Result<RunReport, PoolError> {
        self.run(which, spec).await
    }
}

impl RunBuilder {
    /// Each client looks this name up whenever it is online; may be said again.
    pub fn resolve(self, what: impl Into<Question>) -> Self {
        self.activity(what.into())
    }
}
