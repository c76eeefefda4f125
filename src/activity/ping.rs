//! ICMP echo: one client, one target, at an interval.

use std::fmt::Display;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use serde::Serialize;

use super::kind::{
    About, ActivityKind, Buckets, CommandLineOption, Count, CountObjective, Counter, Failures,
    Histogram, KindDetail, Layout, MetricFamilies, Observed, Time, TimeLayout, causes,
};
use super::{
    AttemptOutcome, ClientContext, Detail, Ending, FamilyChoice, HasFamilies, InFamilies,
    OverFamily, SourceChoice, Spec, Subject, dns,
};
use crate::blame::Blame;
use crate::family::{Families, Family};
use crate::identity::ClientNumber;
use crate::lan::{PingCause, PingOutcome, Port};
use crate::pool::{Pool, PoolError, RunReport, Selection};
use crate::run::RunBuilder;
use crate::target::Target;

/// Whom to ping, how often, and how long an answer may take.
pub type PingSpec = Spec<OverFamily<Target>>;

/// What is known of echo requests beside what all activities have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PingDetail {
    /// The latest address of the target, where there was one to send to.
    pub address: Option<IpAddr>,
    /// Requests that were handed to the kernel.
    pub sent: u64,
    /// Answers of that address to requests that it had answered already, as far as they came before the next was over.
    pub duplicates: u64,
}

impl PingDetail {
    /// What a detail of any kind says, if it is of this one.
    pub const fn of(detail: &Detail) -> Option<&Self> {
        match detail {
            Detail::Ping(detail) => Some(detail),
            _ => None,
        }
    }
}

impl KindDetail for PingDetail {
    fn record(&mut self, attempt: &Self) {
        self.address = attempt.address.or(self.address);
        self.sent += attempt.sent;
        self.duplicates += attempt.duplicates;
    }

    fn add(&mut self, others: &Self) {
        self.address = self.address.or(others.address);
        self.sent += others.sent;
        self.duplicates += others.duplicates;
    }

    fn family(&self) -> Option<Family> {
        self.address.map(Family::of)
    }
}

impl HasFamilies for Target {
    const HAS_SOURCE: bool = true;

    fn standing(&self) -> InFamilies {
        match self {
            Self::Address(address) => InFamilies::Only(Family::of(*address)),
            Self::Name(_) => InFamilies::Named,
            Self::Router | Self::GoogleDns | Self::CloudflareDns | Self::Client(_) => {
                InFamilies::Each
            }
        }
    }
}

impl ActivityKind for OverFamily<Target> {
    const ABOUT: About = About {
        word: "ping",
        option: CommandLineOption {
            name: "ping",
            value: "TARGET",
            help: "Ping this whenever online: an address, router, \"Google DNS\", \"Cloudflare DNS\", a name or \"client 3\"; may \
                   be given again",
            more: None,
        },
        verb: "ping",
        one: "ping",
        many: "pings",
        succeeded: "answered",
        did_well: "were answered",
        failed: "lost",
        well: "pings answered",
        none: "nobody pinged anything that answered, or could have",
        done: "pinged",
        of: "pings of",
        time: Time {
            signal: "ping round trip",
            figure: "ping_rtt",
            aliases: &["ping", "round trip", "rtt"],
            hint: None,
            chart: "Round trips",
            // The kernel stamps the reply, and a request is sent once.
            waits: 2,
            drift_floor_ms: 0.1,
        },
        failures: Failures {
            objective: "packet loss",
            share: "packet loss",
            are_counted: false,
            figure: "ping_loss",
            label: "lost pings",
            chart: "Lost pings",
        },
        causes: causes!(PingCause, late: Timeout),
        bad_answers: &[],
        counts: &[
            Count {
                total: "pings_sent",
                metric: (
                    "ping_requests_total",
                    "ICMP echo requests handed to the kernel.",
                ),
                objective: None,
                of: |detail| PingDetail::of(detail).map_or(0, |detail| detail.sent),
            },
            Count {
                total: "ping_duplicates",
                metric: (
                    "ping_duplicates_total",
                    "Answers to ICMP echo requests that had been answered already.",
                ),
                objective: Some(CountObjective {
                    name: "duplicate pings",
                    what: "answers to pings that had been answered already",
                    short: "duplicates",
                }),
                of: |detail| PingDetail::of(detail).map_or(0, |detail| detail.duplicates),
            },
        ],
        rates: &[],
        metrics: MetricFamilies {
            labels: &["target", "family"],
            values: |subject, family| {
                // No series names a client.
                let target = match (subject.client(), subject) {
                    (Some(_), _) => "a client".to_owned(),
                    (None, Subject::Ping(target)) => {
                        let is_alike = |to: &OverFamily<Target>| to.source == SourceChoice::Chosen;
                        if is_alike(target) {
                            target.to.to_string()
                        } else {
                            OverFamily::from(target.to.clone())
                                .from_delegated()
                                .to_string()
                        }
                    }
                    (None, _) => subject.to_string(),
                };
                vec![target, family.as_str().to_owned()]
            },
            time: Histogram {
                name: "ping_rtt_seconds",
                help: "Round trip time of answered ICMP echo requests.",
                buckets: Buckets::RoundTrips,
                observed: Observed::Whole,
            },
            answers: None,
            failures: Counter::by_cause(
                "ping_errors_total",
                "ICMP echo requests without an answer, those that could not be sent included.",
            ),
            of_each_client: Some((
                "client_ping_rtt_seconds",
                "Median round trip time of all answered ICMP echo requests of the client.",
            )),
        },
        layout: Layout {
            subject: "target",
            succeeded: "received",
            failed: "lost",
            answers: None,
            has_phases: false,
            times: TimeLayout::Beside("rtt"),
        },
        output: None,
    };
    const TIMEOUT: Duration = Duration::from_secs(2);
    const MOST_IN_FLIGHT: usize = 10_000;
    // The socket is the client's own.
    const FILES: u64 = 0;

    type Detail = PingDetail;

    fn read(text: &str) -> Result<Self, String> {
        Self::read(text, |text| {
            text.parse()
                .map_err(|error: crate::target::TargetError| error.to_string())
        })
    }

    fn family_choice(&self, families: Families) -> FamilyChoice {
        self.choice(families)
    }

    fn is_from_delegated(&self) -> bool {
        self.source == SourceChoice::Delegated
    }

    fn patience(&self, timeout: Duration) -> Duration {
        match self.to {
            // Each resolver has as long as the target itself.
            Target::Name(_) => timeout.saturating_mul(1 + dns::RESOLVERS),
            _ => timeout,
        }
    }

    fn detail(&self) -> PingDetail {
        PingDetail {
            address: self.to.address(self.family.unwrap_or(Family::Ipv4)),
            ..PingDetail::default()
        }
    }

    fn client(&self) -> Option<ClientNumber> {
        self.to.client()
    }

    /// Sends one request, and waits for the answer.
    async fn attempt<P: Port>(
        &self,
        timeout: Duration,
        client: &ClientContext<P>,
    ) -> AttemptOutcome {
        let choice = self.choice(client.families);
        let address = match address_at(&self.to, choice, timeout, client).await {
            Ok(address) => address,
            Err(why) => {
                let why = format!("{self}: {}: {why}", PingCause::NoTarget);
                return lost(PingCause::NoTarget, why, PingDetail::default());
            }
        };
        let mut detail = PingDetail {
            address: Some(address),
            ..PingDetail::default()
        };
        // A client that pings itself by its number was told to. By any other name it is another that was meant.
        let is_meant = self.to == Target::Client(client.identity.number);
        if client.is_own(address) && !is_meant {
            let cause = PingCause::OwnAddress;
            let why =
                format!("{self}: {cause}: {address} is the client itself, which would answer");
            return lost(cause, why, detail);
        }
        let mut request = client.echo_request(address);
        if self.source == SourceChoice::Delegated {
            let connectivity = client.connectivity();
            let own = connectivity
                .ipv6
                .as_ref()
                .and_then(|own| own.behind.first());
            let Some(own) = own else {
                let why = format!(
                    "{self}: {}: no prefix is delegated to the client",
                    PingCause::NoTarget
                );
                return lost(PingCause::NoTarget, why, detail);
            };
            request.source = Some(*own);
        }
        let pinging = pin!(client.port.ping(request, timeout));
        let family = Family::of(address);
        let Some(outcome) = client.while_unchanged(family, pinging).await else {
            let cause = PingCause::Offline;
            let why = format!("{self}: {cause}: the client lost {}", family.name());
            return lost(cause, why, detail);
        };
        detail.duplicates = client.port.duplicates(address);
        self::outcome(self, outcome, detail)
    }
}

fn lost(cause: PingCause, why: String, mut detail: PingDetail) -> AttemptOutcome {
    detail.sent = u64::from(cause.was_sent());
    AttemptOutcome::failed(cause.as_str(), why, Detail::Ping(detail))
}

/// What a port says of one echo request, with what is known of it besides, as an outcome.
pub fn outcome(
    target: &impl Display,
    of_port: PingOutcome,
    mut detail: PingDetail,
) -> AttemptOutcome {
    match of_port {
        PingOutcome::Reply(rtt) => {
            detail.sent = 1;
            AttemptOutcome {
                ending: Ending::Answered {
                    answer: None,
                    is_success: true,
                },
                took: Some(rtt),
                phases: Vec::new(),
                family: None,
                detail: Detail::Ping(detail),
                why: None,
            }
        }
        PingOutcome::Lost(cause) => {
            let why = match detail.address {
                Some(address) if target.to_string() != address.to_string() => {
                    format!("{target} ({address}): {cause}")
                }
                _ => format!("{target}: {cause}"),
            };
            lost(cause, why, detail)
        }
    }
}

/// The address at this moment, or why there is none.
pub(super) async fn address_at<P: Port>(
    target: &Target,
    choice: FamilyChoice,
    timeout: Duration,
    client: &ClientContext<P>,
) -> Result<IpAddr, String> {
    let family = match (target, choice) {
        (Target::Name(name), _) => {
            // On the heap: most targets are no names, and a whole herd may ping at once.
            let resolved = Box::pin(dns::addresses_of(client, name, choice, timeout)).await;
            return resolved
                .map(|resolved| resolved.address)
                .map_err(|unresolved| unresolved.why);
        }
        (_, FamilyChoice::Only(family)) => family,
        // Only a name may have either.
        (_, FamilyChoice::Either | FamilyChoice::All) => Family::Ipv4,
    };
    match target {
        Target::Router => client
            .connectivity()
            .router(family)
            .ok_or_else(|| match family {
                Family::Ipv4 => "the lease names no router".to_owned(),
                Family::Ipv6 => "the client has no default router of IPv6".to_owned(),
            }),
        Target::GoogleDns | Target::CloudflareDns | Target::Address(_) | Target::Name(_) => target
            .address(family)
            .ok_or_else(|| format!("{target} has no address")),
        Target::Client(number) => (client.siblings)(*number, family).ok_or_else(|| match family {
            Family::Ipv4 => format!("client {number} holds no address"),
            Family::Ipv6 => format!("client {number} holds no address of IPv6"),
        }),
    }
}

/// Who is to blame.
const fn blame(cause: PingCause) -> Blame {
    cause.blame()
}

impl Pool {
    /// Lets clients ping, all at the same time, and returns when each has its results, as [`Pool::run`].
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub async fn ping(&self, which: Selection, spec: PingSpec) -> Result<RunReport, PoolError> {
        self.run(which, spec).await
    }
}

impl RunBuilder {
    /// Each client pings this whenever it is online; may be said again.
    pub fn ping(self, target: impl Into<OverFamily<Target>>) -> Self {
        self.activity(target.into())
    }
}

#[cfg(test)]
mod tests;
