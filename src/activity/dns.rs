//! DNS: one client asks the resolver that its lease named for the addresses of a name.

pub mod message;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

pub use self::message::Rcode;
use self::message::{NoReply, Reply};
use super::kind::{
    About, ActivityKind, Buckets, CommandLineOption, Counter, Failures, Families, Histogram,
    KindDetail, Layout, Observed, Time, TimeLayout, causes,
};
use super::socket_error::SocketError;
use super::{ClientContext, Detail, Ending, Outcome, Spec};
use crate::blame::Blame;
use crate::host_name::HostName;
use crate::lan::{Connected, Datagram, Datagrams, Port};
use crate::pool::{Pool, PoolError, RunReport, Selection};
use crate::run::RunBuilder;
use lanherd_types::words;

/// The port of DNS servers (RFC 1035, 4.2).
const PORT: u16 = 53;
/// The longest datagram; without EDNS a server sends 512 bytes at most (RFC 1035, 2.3.4).
const MAX_DATAGRAM: usize = 4_096;
/// How many datagrams are read after time is over, at most.
const MOST_LATE: usize = 64;
/// How many of the lease's resolvers are asked for a name that is needed for something else; as many as resolv.conf(5).
pub(super) const RESOLVERS: u32 = 3;

/// What to look up, how often, and how long the answer may take.
///
/// One lookup is one query (A, recursion desired) by UDP to the first resolver of the lease, and is not repeated; only an
/// answer that does not fit is asked for again, over TCP (RFC 7766, 5).
pub type DnsSpec = Spec<HostName>;

/// What is known of lookups beside what all activities have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DnsDetail {
    /// The resolver that was asked last.
    pub server: Option<Ipv4Addr>,
    /// The addresses of the latest lookup that found some.
    pub addresses: Vec<Ipv4Addr>,
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
}

impl ActivityKind for HostName {
    const ABOUT: About = About {
        word: "dns",
        option: CommandLineOption {
            name: "resolve",
            value: "NAME",
            help: "Look this name up whenever online, with the resolver that the lease names; may be given again",
            more: None,
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
        metrics: Families {
            labels: &[],
            values: |_| Vec::new(),
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
        text.parse()
            .map_err(|error: crate::host_name::HostNameError| error.to_string())
    }

    /// Asks the first resolver of the lease.
    async fn attempt<P: Port>(&self, timeout: Duration, place: &ClientContext<P>) -> Outcome {
        let lookup = match place.leased.resolvers.first() {
            Some(server) => ask(place, *server, self, timeout).await,
            None => no_resolver(),
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
        /// The lease names no resolver.
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

/// What became of one lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Who was asked.
    pub server: Option<Ipv4Addr>,
    /// Whether the query was handed to the kernel.
    pub was_sent: bool,
    /// What came of it.
    pub result: Result<DnsAnswer, Unanswered>,
}

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsAnswer {
    /// The response code.
    pub rcode: Rcode,
    /// The addresses; none, where the code is not [`Rcode::NoError`].
    pub addresses: Vec<Ipv4Addr>,
    /// From just before the query was sent until the kernel had the answer.
    pub took: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// From the closed list.
    pub cause: DnsCause,
    /// The particulars, for a person to read; empty where there are none.
    pub detail: String,
}

impl Unanswered {
    fn new(cause: DnsCause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
        }
    }
}

impl From<&io::Error> for Unanswered {
    fn from(error: &io::Error) -> Self {
        Self::new(SocketError::from(error).into(), error.to_string())
    }
}

impl Lookup {
    /// Whether there is an address.
    pub fn is_success(&self) -> bool {
        matches!(&self.result, Ok(answer) if answer.rcode == Rcode::NoError)
    }

    /// As what became of an attempt of any kind.
    pub fn outcome(self, name: &HostName) -> Outcome {
        let is_success = self.is_success();
        let why = (!is_success).then(|| self.particulars(name));
        let mut detail = DnsDetail {
            server: self.server,
            addresses: Vec::new(),
            asked: self.was_sent.into(),
        };
        let (ending, took) = match self.result {
            Ok(answer) => {
                if is_success {
                    detail.addresses = answer.addresses;
                }
                let ending = Ending::Answered {
                    answer: Some(answer.rcode.as_str().into()),
                    is_success,
                };
                (ending, Some(answer.took))
            }
            Err(unanswered) => (Ending::Failed(unanswered.cause.as_str()), None),
        };
        Outcome {
            ending,
            took,
            phases: Vec::new(),
            detail: Detail::Dns(detail),
            why,
        }
    }

    /// What came of it, for a person to read.
    pub fn particulars(&self, name: &HostName) -> String {
        let server = match self.server {
            Some(server) => format!(" from {server}"),
            None => String::new(),
        };
        match &self.result {
            Ok(answer) => format!("{name}{server}: {}", answer.rcode),
            Err(Unanswered { cause, detail }) if detail.is_empty() => {
                format!("{name}{server}: {cause}")
            }
            Err(Unanswered { cause, detail }) => format!("{name}{server}: {cause}: {detail}"),
        }
    }
}

/// Why a name that is needed for something else has no address.
pub(super) struct Unresolved {
    /// Whether the tester is to blame.
    pub(super) is_the_testers: bool,
    /// The particulars, for a person to read.
    pub(super) why: String,
}

/// A name that is needed for something else.
pub(super) struct Resolved {
    /// Its address.
    pub(super) address: Ipv4Addr,
    /// How long the answers took, those of resolvers that did not know included.
    pub(super) took: Duration,
}

/// The address of a name that is needed for something else: of each resolver of the lease in turn, until one knows.
pub(super) async fn address_of<P: Port>(
    place: &ClientContext<P>,
    name: &HostName,
    timeout: Duration,
) -> Result<Resolved, Unresolved> {
    let mut latest = no_resolver();
    let mut took = Duration::ZERO;
    for server in place.leased.resolvers.iter().take(RESOLVERS as usize) {
        let began = Instant::now();
        latest = ask(place, *server, name, timeout).await;
        took += match &latest.result {
            Ok(answer) => answer.took,
            Err(_) => began.elapsed(),
        };
        match &latest.result {
            Ok(answer) if answer.rcode == Rcode::NoError => {
                let address = first_of_a_host(name, *server, &answer.addresses)?;
                return Ok(Resolved { address, took });
            }
            // The others would say the same: these are answers, not failures to answer.
            Ok(answer) if matches!(answer.rcode, Rcode::NxDomain | Rcode::NoData) => break,
            Ok(_) | Err(_) => {}
        }
    }
    let cause = latest.result.as_ref().err().map(|no| no.cause);
    Err(Unresolved {
        is_the_testers: cause == Some(DnsCause::Tester),
        why: latest.particulars(name),
    })
}

/// The first address that can be another host's. What a resolver blocks it often says to be 0.0.0.0 or 127.0.0.1, which
/// would be the client itself, and would answer.
fn first_of_a_host(
    name: &HostName,
    server: Ipv4Addr,
    addresses: &[Ipv4Addr],
) -> Result<Ipv4Addr, Unresolved> {
    let is_nobodys = |address: &Ipv4Addr| {
        address.is_unspecified()
            || address.is_loopback()
            || address.is_broadcast()
            || address.is_multicast()
    };
    let first = addresses.iter().find(|address| !is_nobodys(address));
    first.copied().ok_or_else(|| {
        let said: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        Unresolved {
            is_the_testers: false,
            why: format!(
                "{name} from {server}: {}, no other host's address",
                said.join(", ")
            ),
        }
    })
}

fn no_resolver() -> Lookup {
    Lookup {
        server: None,
        was_sent: false,
        result: Err(Unanswered::new(DnsCause::NoResolver, "")),
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
    pub fn resolve(self, name: HostName) -> Self {
        self.activity(name)
    }
}

async fn ask<P: Port>(
    place: &ClientContext<P>,
    server: Ipv4Addr,
    name: &HostName,
    timeout: Duration,
) -> Lookup {
    let mut lookup = Lookup {
        server: Some(server),
        was_sent: false,
        result: Err(Unanswered::new(DnsCause::Tester, "")),
    };
    if place.is_own(server) {
        let detail = "the client itself, which would answer";
        lookup.result = Err(Unanswered::new(DnsCause::OwnAddress, detail));
        return lookup;
    }
    let id = place.random_id();
    let query = match message::query(id, name) {
        Ok(query) => query,
        Err(error) => {
            lookup.result = Err(Unanswered::new(DnsCause::Tester, error.to_string()));
            return lookup;
        }
    };
    let to = SocketAddr::from((server, PORT));
    let socket = match place.port.udp(to).await {
        Ok(socket) => socket,
        Err(error) => {
            lookup.result = Err((&error).into());
            return lookup;
        }
    };
    let exchange = Exchange {
        place,
        to,
        query: &query,
        id,
        name,
        timeout,
        until: Instant::now() + timeout,
    };
    let mut passed_over = PassedOver::default();
    lookup.was_sent = true;
    let answered = timeout_at(exchange.until, exchange.run(&socket, &mut passed_over)).await;
    lookup.result = match answered {
        Ok(answered) => answered,
        Err(_) => exchange.read_what_came(&socket, passed_over),
    };
    if let Err(unanswered) = &lookup.result {
        lookup.was_sent = !matches!(unanswered.cause, DnsCause::NoRoute | DnsCause::Tester);
    }
    lookup
}

/// What came while an answer was waited for, and was none.
#[derive(Debug, Default)]
struct PassedOver {
    /// What is worth to be told of them most, the later of two that are worth the same.
    finding: Option<Unanswered>,
    /// What came from elsewhere, and answers nothing that was asked.
    strangers: u32,
    /// When one that was right came, but too late.
    late: Option<Duration>,
}

impl PassedOver {
    /// The causes, those first that say most of why there is no answer.
    const RANKS: [DnsCause; 5] = [
        DnsCause::Truncated,
        DnsCause::WrongSource,
        DnsCause::Malformed,
        DnsCause::WrongQuestion,
        DnsCause::WrongId,
    ];

    fn note(&mut self, cause: DnsCause, detail: String) {
        let rank = |cause| Self::RANKS.iter().position(|known| *known == cause);
        match &self.finding {
            Some(known) if rank(known.cause) < rank(cause) => {}
            _ => self.finding = Some(Unanswered::new(cause, detail)),
        }
    }

    /// An answer may still have come after it: so what was passed over is told only when none did.
    fn unanswered(self) -> Unanswered {
        match (self.finding, self.late, self.strangers) {
            (Some(finding), ..) => finding,
            (None, Some(late), _) => {
                let detail = format!("it came after {:.3} s", late.as_secs_f64());
                Unanswered::new(DnsCause::Timeout, detail)
            }
            (None, None, 0) => Unanswered::new(DnsCause::Timeout, ""),
            (None, None, strangers) => {
                let detail = format!("{strangers} datagrams from elsewhere were ignored");
                Unanswered::new(DnsCause::Timeout, detail)
            }
        }
    }
}

/// What a datagram is to a query.
enum Said {
    /// Its answer, and how long it took.
    DnsAnswer(DnsAnswer),
    /// That its answer did not fit, and how long that took.
    Truncated(Duration),
    /// None, and it was noted why.
    Nothing,
}

/// One query, and the wait for its answer.
struct Exchange<'a, P> {
    place: &'a ClientContext<P>,
    to: SocketAddr,
    query: &'a [u8],
    id: u16,
    name: &'a HostName,
    timeout: Duration,
    until: Instant,
}

impl<P: Port> Exchange<'_, P> {
    async fn run(
        &self,
        socket: &P::Udp,
        passed_over: &mut PassedOver,
    ) -> Result<DnsAnswer, Unanswered> {
        socket
            .send(self.query)
            .await
            .map_err(|error| Unanswered::from(&error))?;
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            let datagram = socket
                .recv(&mut buffer)
                .await
                .map_err(|error| Unanswered::from(&error))?;
            match self.read(datagram, &buffer, passed_over) {
                Said::DnsAnswer(answer) => return Ok(answer),
                Said::Truncated(took) => {
                    let cut = "no answer over TCP in time".to_owned();
                    passed_over.note(DnsCause::Truncated, cut);
                    return self.over_tcp(took).await;
                }
                Said::Nothing => {}
            }
        }
    }

    /// Time is over. What came in time may be there, and nobody has come to read it yet.
    fn read_what_came(
        &self,
        socket: &P::Udp,
        mut passed_over: PassedOver,
    ) -> Result<DnsAnswer, Unanswered> {
        let mut buffer = vec![0; MAX_DATAGRAM];
        for _ in 0..MOST_LATE {
            match socket.try_recv(&mut buffer) {
                Ok(datagram) => match self.read(datagram, &buffer, &mut passed_over) {
                    Said::DnsAnswer(answer) => return Ok(answer),
                    Said::Truncated(_) => {
                        let cut = "no time was left to ask over TCP".to_owned();
                        passed_over.note(DnsCause::Truncated, cut);
                    }
                    Said::Nothing => {}
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err((&error).into()),
            }
        }
        Err(passed_over.unanswered())
    }

    fn read(&self, datagram: Datagram, buffer: &[u8], passed_over: &mut PassedOver) -> Said {
        let Datagram { length, from, took } = datagram;
        let bytes = buffer.get(..length).unwrap_or(buffer);
        let reply = message::read(bytes, self.id, self.name);
        if took > self.timeout {
            if reply.is_ok() && from == self.to {
                passed_over.late = Some(took);
            }
            return Said::Nothing;
        }
        match reply {
            // Whoever answers to a random id at a random port has seen the query.
            Ok(_) if from != self.to => {
                let asked = self.to;
                let detail = format!("{asked} was asked, and {from} answered");
                passed_over.note(DnsCause::WrongSource, detail);
                Said::Nothing
            }
            Err(_) if from != self.to => {
                passed_over.strangers += 1;
                Said::Nothing
            }
            Ok(reply) if reply.is_truncated => Said::Truncated(took),
            Ok(Reply {
                rcode, addresses, ..
            }) => Said::DnsAnswer(DnsAnswer {
                rcode,
                addresses,
                took,
            }),
            Err(no) => {
                let cause = match no {
                    NoReply::Malformed(_) => DnsCause::Malformed,
                    NoReply::WrongId(_) => DnsCause::WrongId,
                    NoReply::WrongQuestion(_) => DnsCause::WrongQuestion,
                };
                passed_over.note(cause, no.to_string());
                Said::Nothing
            }
        }
    }

    /// The same over TCP, each message behind its length (RFC 1035, 4.2.2).
    async fn over_tcp(&self, udp_took: Duration) -> Result<DnsAnswer, Unanswered> {
        let left = self.until.saturating_duration_since(Instant::now());
        let (bytes, tcp_took) = self.exchange_over_tcp(left).await.map_err(|error| {
            // That it was cut off is the server's, and so is what keeps the rest from being had; but not what fails here.
            let cause = match SocketError::from(&error) {
                SocketError::Tester => DnsCause::Tester,
                _ => DnsCause::Truncated,
            };
            Unanswered::new(cause, format!("over TCP: {error}"))
        })?;
        match message::read(&bytes, self.id, self.name) {
            Ok(reply) if reply.is_truncated => {
                Err(Unanswered::new(DnsCause::Truncated, "over TCP, too"))
            }
            Ok(reply) => Ok(DnsAnswer {
                rcode: reply.rcode,
                addresses: reply.addresses,
                took: udp_took + tcp_took,
            }),
            Err(no) => Err(Unanswered::new(
                DnsCause::Malformed,
                format!("over TCP: {no}"),
            )),
        }
    }

    /// The answer, and how long connection and answer took.
    async fn exchange_over_tcp(&self, left: Duration) -> io::Result<(Vec<u8>, Duration)> {
        let Connected {
            mut stream,
            took,
            times,
        } = self.place.port.connect(self.to, left).await?;
        let length = u16::try_from(self.query.len()).map_err(io::Error::other)?;
        let message = [&length.to_be_bytes(), self.query].concat();
        let began = Instant::now();
        stream.write_all(&message).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        let answered = times.arrivals().last.unwrap_or_else(|| began.elapsed());
        Ok((answer, took + answered))
    }
}
