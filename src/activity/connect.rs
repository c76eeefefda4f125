//! TCP connect probes: one client opens a connection to a port, and closes it as soon as it stands.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::Serialize;

use super::dialing::{Undialed, dial};
use super::kind::{
    About, ActivityKind, Buckets, CommandLineOption, Counter, Failures, Histogram, KindDetail,
    Layout, MetricFamilies, Observed, Time, TimeLayout, causes,
};
use super::socket_error::SocketError;
use super::{
    AttemptOutcome, ClientContext, Detail, Ending, FamilyChoice, HasFamilies, InFamilies,
    OverFamily, Spec, dns, ping,
};
use crate::blame::Blame;
use crate::family::{Families, Family};
use crate::identity::ClientNumber;
use crate::lan::{Connected, Port};
use crate::pool::{Pool, PoolError, RunReport, Selection};
use crate::run::RunBuilder;
use crate::target::Target;
use lanherd_types::words;

/// What to connect to, how often, and how long it may take until the connection stands; looking a name up may take as long
/// before that, with each resolver.
///
/// One attempt is one TCP handshake, of which the kernel repeats what is lost (RFC 9293, 3.8.1). Nothing is sent over the
/// connection, which is closed at once.
pub type ConnectSpec = Spec<OverFamily<Endpoint>>;

/// A port of a target: `router:80`, `8.8.8.8:53`, `www.lab.test:80`, `client 3:22`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The host whose port it is.
    pub target: Target,
    /// The number of the port; never 0.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            // As it is written: "the router" is for sentences, and here a port follows.
            Target::Router => f.pad(&format!("router:{}", self.port)),
            Target::Address(IpAddr::V6(address)) => f.pad(&format!("[{address}]:{}", self.port)),
            target => f.pad(&format!("{target}:{}", self.port)),
        }
    }
}

words! {
    /// Why a connection did not come about: a closed list.
    ConnectCause {
        /// Nothing came back in time.
        Timeout = "timeout",
        /// Nobody serves that port.
        Refused = "refused",
        /// The other side broke the connection off before it stood.
        Reset = "reset",
        /// The other side cannot be reached: a router says so, or nobody answers ARP.
        Unreachable = "unreachable",
        /// The client has no route to it.
        NoRoute = "no_route",
        /// The name has no address, or no resolver said so in time.
        NoName = "no_name",
        /// There was no address to connect to: the lease names no router, or the other client holds no address.
        NoTarget = "no_target",
        /// The address is the client's own, so that the client itself would answer.
        OwnAddress = "own_address",
        /// The client was not online.
        Offline = "offline",
        /// The tester's own host failed: not the router's fault.
        Tester = "tester",
    }
}

impl From<SocketError> for ConnectCause {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Timeout => Self::Timeout,
            SocketError::Refused => Self::Refused,
            SocketError::Reset => Self::Reset,
            SocketError::Unreachable => Self::Unreachable,
            SocketError::NoRoute => Self::NoRoute,
            // Nothing is read, so that nothing read can be wrong.
            SocketError::Malformed | SocketError::Tester => Self::Tester,
        }
    }
}

/// Who is to blame.
const fn blame(cause: ConnectCause) -> Blame {
    match cause {
        ConnectCause::Timeout | ConnectCause::Reset | ConnectCause::Unreachable => Blame::Network,
        ConnectCause::Refused => Blame::Target,
        ConnectCause::NoRoute
        | ConnectCause::NoName
        | ConnectCause::NoTarget
        | ConnectCause::OwnAddress => Blame::Router,
        ConnectCause::Offline => Blame::Client,
        ConnectCause::Tester => Blame::Tester,
    }
}

/// What is known of connections beside what all activities have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ConnectDetail {
    /// The address and port that were connected to last, where there was an address.
    pub server: Option<SocketAddr>,
}

impl ConnectDetail {
    /// What a detail of any kind says, if it is of this one.
    pub const fn of(detail: &Detail) -> Option<&Self> {
        match detail {
            Detail::Connect(detail) => Some(detail),
            _ => None,
        }
    }
}

impl KindDetail for ConnectDetail {
    fn record(&mut self, attempt: &Self) {
        self.server = attempt.server.or(self.server);
    }

    fn add(&mut self, _others: &Self) {}

    fn family(&self) -> Option<Family> {
        self.server.map(|server| Family::of(server.ip()))
    }
}

/// What comes of all attempts is in one family.
const ENDS: Counter = Counter {
    label: "outcome",
    values: &["connected"],
    ..Counter::by_cause(
        "connections_total",
        "Attempts to open a TCP connection by what came of them, those that could not be begun included.",
    )
};

impl HasFamilies for Endpoint {
    fn standing(&self) -> InFamilies {
        self.target.standing()
    }
}

impl ActivityKind for OverFamily<Endpoint> {
    const ABOUT: About = About {
        word: "connect",
        option: CommandLineOption {
            name: "connect",
            value: "TARGET:PORT",
            help: "Open a TCP connection to this whenever online, such as router:80, 8.8.8.8:53 or www.lab.test:80; may be given again",
            more: Some("It is closed as soon as it stands; nothing is sent over it."),
        },
        verb: "connect",
        one: "connection",
        many: "connections",
        succeeded: "succeeded",
        did_well: "succeeded",
        failed: "failed",
        well: "connections that came about",
        none: "nobody connected to anything",
        done: "connected to",
        of: "connections to",
        time: Time {
            signal: "TCP connect time",
            figure: "connect_time",
            aliases: &["connect", "connection", "connect time"],
            hint: Some("from the first segment to the answer"),
            chart: "Connections",
            // The kernel tells how long it took; a lab on the same machine may be late to answer.
            waits: 2,
            drift_floor_ms: 0.1,
        },
        failures: Failures {
            objective: "failed connections",
            share: "the share of failed connections",
            are_counted: true,
            figure: "connect_failures",
            label: "failed connections",
            chart: "Failed connections",
        },
        // The name's lookup has a part of the time.
        causes: causes!(ConnectCause, late: Timeout, NoName),
        bad_answers: &[],
        counts: &[],
        rates: &[],
        metrics: MetricFamilies {
            labels: &[],
            values: |_, _| Vec::new(),
            time: Histogram {
                name: "connect_duration_seconds",
                help: "From the first segment of a TCP connection to the answer of the other side.",
                buckets: Buckets::RoundTrips,
                observed: Observed::Whole,
            },
            answers: Some(Counter {
                value: |_| Cow::Borrowed("connected"),
                ..ENDS
            }),
            failures: ENDS,
            of_each_client: None,
        },
        layout: Layout {
            subject: "target",
            succeeded: "succeeded",
            failed: "failed",
            answers: None,
            has_phases: false,
            times: TimeLayout::Apart,
        },
        output: None,
    };
    const TIMEOUT: Duration = Duration::from_secs(5);
    const MOST_IN_FLIGHT: usize = 100;
    const FILES: u64 = 1;

    type Detail = ConnectDetail;

    fn read(text: &str) -> Result<Self, String> {
        Self::read(text, Endpoint::read)
    }

    fn family_choice(&self, families: Families) -> FamilyChoice {
        self.choice(families)
    }

    fn patience(&self, timeout: Duration) -> Duration {
        match self.to.target {
            // Each resolver has as long as the connection itself.
            Target::Name(_) => timeout.saturating_mul(1 + dns::RESOLVERS),
            _ => timeout,
        }
    }

    fn client(&self) -> Option<ClientNumber> {
        self.to.target.client()
    }

    async fn attempt<P: Port>(
        &self,
        timeout: Duration,
        client: &ClientContext<P>,
    ) -> AttemptOutcome {
        let mut detail = ConnectDetail::default();
        match self.connect(timeout, client, &mut detail).await {
            Ok(took) => AttemptOutcome {
                ending: Ending::Answered {
                    answer: None,
                    is_success: true,
                },
                took: Some(took),
                phases: Vec::new(),
                family: None,
                detail: Detail::Connect(detail),
                why: None,
            },
            Err((cause, why)) => {
                let why = match detail.server {
                    Some(server) if self.to_string() != server.to_string() => {
                        format!("{self} ({server}): {cause}: {why}")
                    }
                    _ => format!("{self}: {cause}: {why}"),
                };
                AttemptOutcome::failed(cause.as_str(), why, Detail::Connect(detail))
            }
        }
    }
}

impl Endpoint {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "{text:?} is nothing to connect to: write a target and a port, as router:80, 8.8.8.8:53, [2001:db8::1]:53 or \
                 www.lab.test:80"
            )
        };
        let (target, port) = text.trim().rsplit_once(':').ok_or_else(refuse)?;
        let port: u16 = port.parse().map_err(|_| refuse())?;
        if port == 0 {
            return Err(refuse());
        }
        let in_brackets = target.strip_prefix('[');
        let in_brackets = in_brackets.and_then(|rest| rest.strip_suffix(']'));
        let target: Target = in_brackets
            .unwrap_or(target)
            .parse()
            .map_err(|_| refuse())?;
        let is_ipv6 = matches!(target, Target::Address(IpAddr::V6(_)));
        // Without brackets nobody could tell where an address of IPv6 ends.
        if is_ipv6 != in_brackets.is_some() {
            return Err(refuse());
        }
        Ok(Self { target, port })
    }
}

impl OverFamily<Endpoint> {
    /// Connects once; how long that took, or why it did not come about, with the particulars.
    async fn connect<P: Port>(
        &self,
        timeout: Duration,
        client: &ClientContext<P>,
        detail: &mut ConnectDetail,
    ) -> Result<Duration, (ConnectCause, String)> {
        let choice = self.choice(client.families);
        let connected = reach(&self.to, choice, timeout, client, &mut detail.server).await?;
        Ok(connected.took)
    }
}

/// Connects to a port; notes its address as soon as there is one. Fails with why it did not come about, and the particulars.
pub(super) async fn reach<P: Port>(
    to: &Endpoint,
    choice: FamilyChoice,
    timeout: Duration,
    client: &ClientContext<P>,
    noted: &mut Option<SocketAddr>,
) -> Result<Connected<P::Stream>, (ConnectCause, String)> {
    let (address, other) = match &to.target {
        Target::Name(name) => dns::addresses_of(client, name, choice, timeout)
            .await
            .map(|resolved| (resolved.address, resolved.other))
            .map_err(|unresolved| {
                let cause = if unresolved.is_the_testers {
                    ConnectCause::Tester
                } else {
                    ConnectCause::NoName
                };
                (cause, unresolved.why)
            })?,
        target => ping::address_at(target, choice, timeout, client)
            .await
            .map(|address| (address, None))
            .map_err(|why| (ConnectCause::NoTarget, why))?,
    };
    let server = SocketAddr::new(address, to.port);
    *noted = Some(server);
    // A client that connects to itself by its number was told to. By any other name it is another that was meant.
    let is_meant = to.target == Target::Client(client.identity.number);
    if client.is_own(address) && !is_meant {
        let why = format!("{address} is the client itself, which would answer");
        return Err((ConnectCause::OwnAddress, why));
    }
    let other = other.filter(|other| !client.is_own(*other));
    let other = other.map(|other| SocketAddr::new(other, to.port));
    let dialed = dial(client, server, other, timeout).await;
    *noted = Some(dialed.server);
    dialed.result.map_err(|undialed| match undialed {
        Undialed::Failed(error, why) => (error.into(), why),
        Undialed::Lost(family) => {
            let why = format!("the client lost {}", family.name());
            (ConnectCause::Offline, why)
        }
    })
}

impl Pool {
    /// Lets clients open a TCP connection, each from its own address, as [`Pool::run`].
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub async fn connect(
        &self,
        which: Selection,
        spec: ConnectSpec,
    ) -> Result<RunReport, PoolError> {
        self.run(which, spec).await
    }
}

impl RunBuilder {
    /// Each client opens a TCP connection to this whenever it is online; may be said again.
    pub fn connect(self, endpoint: impl Into<OverFamily<Endpoint>>) -> Self {
        self.activity(endpoint.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<OverFamily<Endpoint>, String> {
        <OverFamily<Endpoint> as ActivityKind>::read(text)
    }

    #[test]
    fn an_endpoint_is_a_target_and_a_port_and_is_told_as_such() {
        for (text, told) in [
            ("router:80", "router:80"),
            ("8.8.8.8:53", "8.8.8.8:53"),
            ("Google DNS:53", "Google DNS:53"),
            ("www.lab.test:8080", "www.lab.test:8080"),
            ("client 3:22", "client 3:22"),
            ("[2001:DB8::1]:53", "[2001:db8::1]:53"),
            ("router:80 over ipv6", "router:80 over IPv6"),
        ] {
            let endpoint = read(text).expect(text);
            assert_eq!(endpoint.to_string(), told);
            assert_eq!(read(told), Ok(endpoint), "it reads what it tells");
        }
        assert_eq!(
            read("client 3:22").expect("one").client(),
            Some(ClientNumber(3))
        );
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_the_remedy() {
        for text in [
            "router",
            "router:",
            ":80",
            "router:0",
            "router:65536",
            "router:http",
            "nobody:80",
            "0.0.0.0:80",
            "2001:db8::1:80",
            "[192.0.2.1]:80",
            "[::1]:80",
            "",
        ] {
            let why = read(text).expect_err(text);
            assert!(why.contains("as router:80"), "{why}");
        }
    }
}
