//! Streams of traffic: one client sends to a sink, receives from it, or both, and it is told how much arrived.

mod detail;
mod plan;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

pub use self::detail::{DirectionFigures, StreamDetail, StreamLimit};
pub use self::plan::StreamPlan;
use super::connect::{ConnectCause, reach};
use super::kind::{
    About, ActivityKind, Buckets, CommandLineOption, Count, Counter, Failures, Histogram, Layout,
    MetricFamilies, Observed, RateFigure, Time, TimeLayout, causes,
};
use super::socket_error::SocketError;
use super::{AttemptOutcome, ClientContext, Detail, Ending, FamilyChoice, OverFamily, Spec, dns};
use crate::blame::Blame;
use crate::family::{Families, Family};
use crate::lan::{Connected, Port};
use crate::pool::{Pool, PoolError, RunReport, Selection};
use crate::run::RunBuilder;
use lanherd_stream::client::{StreamFailure, stream};
use lanherd_stream::protocol::Direction;
use lanherd_stream::rates::Rates;
use lanherd_types::words;

/// What to stream, how often, and how long it may take until the connections stand, or nothing may arrive; looking the name up may take as
/// long before that, with each resolver.
///
/// One attempt is one stream, for as long as its plan says. The next begins when it has ended, and the interval is over.
pub type StreamSpec = Spec<OverFamily<StreamPlan>>;

/// How long what is in the queues of the network may take to arrive when the time of a stream is over.
const DRAIN: Duration = Duration::from_secs(60);
/// How often something may be waited for as long as the timeout, beside the resolvers: three connections, two answers, a stall and an end.
const WAITS: u32 = 7;

words! {
    /// Why a stream came to no end: a closed list.
    StreamCause {
        /// Nothing came back in time: no connection stood, or the sink said nothing.
        Timeout = "timeout",
        /// Nobody serves that port.
        Refused = "refused",
        /// A connection was broken off.
        Reset = "reset",
        /// The sink cannot be reached: a router says so, or nobody answers ARP.
        Unreachable = "unreachable",
        /// The client has no route to it.
        NoRoute = "no_route",
        /// The name has no address, or no resolver said so in time.
        NoName = "no_name",
        /// There was no address to connect to: the lease names no router.
        NoTarget = "no_target",
        /// The address is the client's own.
        OwnAddress = "own_address",
        /// What answers is no sink of this version, or has counted other bytes than the client.
        Malformed = "malformed",
        /// The sink does not serve it: it has enough to do, or its limits forbid it.
        Declined = "declined",
        /// The stream stood still: nothing arrived for as long as the timeout.
        Stalled = "stalled",
        /// The client was not online.
        Offline = "offline",
        /// The tester's own host failed: not the router's fault.
        Tester = "tester",
    }
}

impl From<SocketError> for StreamCause {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Malformed => Self::Malformed,
            error => ConnectCause::from(error).into(),
        }
    }
}

impl From<ConnectCause> for StreamCause {
    fn from(cause: ConnectCause) -> Self {
        match cause {
            ConnectCause::Timeout => Self::Timeout,
            ConnectCause::Refused => Self::Refused,
            ConnectCause::Reset => Self::Reset,
            ConnectCause::Unreachable => Self::Unreachable,
            ConnectCause::NoRoute => Self::NoRoute,
            ConnectCause::NoName => Self::NoName,
            ConnectCause::NoTarget => Self::NoTarget,
            ConnectCause::OwnAddress => Self::OwnAddress,
            ConnectCause::Offline => Self::Offline,
            ConnectCause::Tester => Self::Tester,
        }
    }
}

/// Who is to blame.
const fn blame(cause: StreamCause) -> Blame {
    match cause {
        StreamCause::Timeout
        | StreamCause::Reset
        | StreamCause::Unreachable
        | StreamCause::Stalled => Blame::Network,
        StreamCause::Refused | StreamCause::Malformed | StreamCause::Declined => Blame::Target,
        StreamCause::NoRoute
        | StreamCause::NoName
        | StreamCause::NoTarget
        | StreamCause::OwnAddress => Blame::Router,
        StreamCause::Offline => Blame::Client,
        StreamCause::Tester => Blame::Tester,
    }
}

/// What a failure of a stream is for a report.
fn cause_of(failure: &StreamFailure<std::io::Error>) -> StreamCause {
    match failure {
        StreamFailure::Connect(error) | StreamFailure::Broken(error, _) => {
            SocketError::from(error).into()
        }
        StreamFailure::Refused(_) | StreamFailure::Limit(_) => StreamCause::Declined,
        StreamFailure::Malformed(_)
        | StreamFailure::OutOfPlace
        | StreamFailure::Miscounted { .. } => StreamCause::Malformed,
        StreamFailure::Stalled { .. } => StreamCause::Stalled,
        StreamFailure::Silent { .. } => StreamCause::Timeout,
        StreamFailure::Shape(_) => StreamCause::Tester,
    }
}

/// What comes of all attempts is in one family.
const ENDS: Counter = Counter {
    label: "outcome",
    values: &["completed"],
    ..Counter::by_cause(
        "streams_total",
        "Streams of traffic by what came of them, those that could not be begun included.",
    )
};

/// A number of one direction.
fn of(detail: &Detail, direction: Direction, number: fn(&DirectionFigures) -> u64) -> u64 {
    let figures = StreamDetail::of(detail).and_then(|detail| detail.direction(direction));
    figures.map_or(0, number)
}

/// The rates of one direction.
fn goodput(detail: &Detail, direction: Direction, sum: &mut Rates) {
    let figures = StreamDetail::of(detail).and_then(|detail| detail.direction(direction));
    if let Some(figures) = figures {
        sum.add(&figures.goodput);
    }
}

impl ActivityKind for OverFamily<StreamPlan> {
    const ABOUT: About = About {
        word: "stream",
        option: CommandLineOption {
            name: "stream",
            value: "PLAN",
            help: "Stream to or from a sink whenever online, as \"down to sink.lab.test\" or \"up 2 Mbit/s to 192.0.2.10 for 30s\"; may be given again",
            more: Some(
                "A direction (up, down or both), a rate or as fast as it goes, the sink (`lanherd sink`, or the lab's, sink.lab.test), for how \
                 long (10s if nothing is said), and behind that the congestion control of both ends, as \"with bbr\" (cubic if nothing is \
                 said, and the kernel has it). Over TCP.",
            ),
        },
        verb: "stream",
        one: "stream",
        many: "streams",
        succeeded: "succeeded",
        did_well: "came to their end",
        failed: "failed",
        well: "streams that came to their end",
        none: "nobody streamed anything",
        done: "streamed",
        of: "streams",
        time: Time {
            signal: "stream connect time",
            figure: "stream_connect_time",
            aliases: &["stream connect"],
            hint: Some("of its first connection"),
            chart: "Streams: time to connect",
            // The kernel tells how long it took; a lab on the same machine may be late to answer.
            waits: 2,
            drift_floor_ms: 0.1,
        },
        failures: Failures {
            objective: "failed streams",
            share: "the share of failed streams",
            are_counted: true,
            figure: "stream_failures",
            label: "failed streams",
            chart: "Failed streams",
        },
        causes: causes!(StreamCause, late: Timeout, NoName, Stalled),
        bad_answers: &[],
        counts: &[
            Count {
                total: "stream_bytes_up",
                metric: (
                    "stream_sent_bytes_total",
                    "Bytes of streams that came to their end, from clients to sinks.",
                ),
                objective: None,
                of: |detail| of(detail, Direction::Up, |figures| figures.bytes),
            },
            Count {
                total: "stream_bytes_down",
                metric: (
                    "stream_received_bytes_total",
                    "Bytes of streams that came to their end, from sinks to clients.",
                ),
                objective: None,
                of: |detail| of(detail, Direction::Down, |figures| figures.bytes),
            },
            Count {
                total: "stream_retransmitted_segments",
                metric: (
                    "stream_retransmitted_segments_total",
                    "Segments of streams that came to their end that were sent again, by either end.",
                ),
                objective: None,
                of: |detail| {
                    let again =
                        |direction| of(detail, direction, |figures| figures.retransmitted_segments);
                    again(Direction::Up).saturating_add(again(Direction::Down))
                },
            },
        ],
        rates: &[
            RateFigure {
                name: "goodput",
                of: |detail, sum| {
                    goodput(detail, Direction::Up, sum);
                    goodput(detail, Direction::Down, sum);
                },
            },
            RateFigure {
                name: "upload goodput",
                of: |detail, sum| goodput(detail, Direction::Up, sum),
            },
            RateFigure {
                name: "download goodput",
                of: |detail, sum| goodput(detail, Direction::Down, sum),
            },
        ],
        metrics: MetricFamilies {
            labels: &[],
            values: |_, _| Vec::new(),
            time: Histogram {
                name: "stream_connect_duration_seconds",
                help: "From the first segment of a stream's first connection to the answer of the sink.",
                buckets: Buckets::RoundTrips,
                observed: Observed::Whole,
            },
            answers: Some(Counter {
                value: |_| Cow::Borrowed("completed"),
                ..ENDS
            }),
            failures: ENDS,
            of_each_client: None,
        },
        layout: Layout {
            subject: "plan",
            succeeded: "succeeded",
            failed: "failed",
            answers: None,
            has_phases: false,
            times: TimeLayout::Apart,
        },
        output: None,
    };
    const TIMEOUT: Duration = Duration::from_secs(10);
    // The next begins when this one has ended: two of one client at a time are two plans.
    const MOST_IN_FLIGHT: usize = 1;
    const FILES: u64 = 3;

    type Detail = StreamDetail;

    fn read(text: &str) -> Result<Self, String> {
        Self::read(text, StreamPlan::read)
    }

    fn family_choice(&self, families: Families) -> FamilyChoice {
        self.choice(families)
    }

    fn patience(&self, timeout: Duration) -> Duration {
        let waits = timeout.saturating_mul(WAITS + dns::RESOLVERS);
        waits.saturating_add(self.to.lasts + DRAIN)
    }

    async fn attempt<P: Port>(
        &self,
        timeout: Duration,
        client: &ClientContext<P>,
    ) -> AttemptOutcome {
        let mut server = None;
        match self.stream(timeout, client, &mut server).await {
            Ok((took, detail)) => AttemptOutcome {
                ending: Ending::Answered {
                    answer: None,
                    is_success: true,
                },
                took: Some(took),
                phases: Vec::new(),
                family: None,
                detail: Detail::Stream(detail),
                why: None,
            },
            Err((cause, why)) => {
                let at = server.map_or_else(String::new, |server| format!(" ({server})"));
                let why = format!("{self}{at}: {cause}: {why}");
                let detail = StreamDetail {
                    server,
                    ..StreamDetail::default()
                };
                AttemptOutcome::failed(cause.as_str(), why, Detail::Stream(detail))
            }
        }
    }
}

impl OverFamily<StreamPlan> {
    /// Streams once: how long its first connection took, and what came of it; or why it came to no end, with the particulars.
    async fn stream<P: Port>(
        &self,
        timeout: Duration,
        client: &ClientContext<P>,
        server: &mut Option<SocketAddr>,
    ) -> Result<(Duration, StreamDetail), (StreamCause, String)> {
        let choice = self.choice(client.families);
        let Connected {
            stream: control,
            took,
            ..
        } = reach(&self.to.sink, choice, timeout, client, server)
            .await
            .map_err(|(cause, why)| (cause.into(), why))?;
        let Some(sink) = *server else {
            return Err((StreamCause::Tester, "no address was noted".to_owned()));
        };
        let family = Family::of(sink.ip());
        let connect = || async {
            let connected = client.port.connect(sink, timeout).await;
            connected.map(|connected| connected.stream)
        };
        let open = self.to.open();
        let streaming = pin!(stream(control, &open, timeout, connect));
        let within = self.patience(timeout);
        let limited = tokio::time::timeout(within, client.while_unchanged(family, streaming));
        match limited.await {
            Ok(Some(Ok(streamed))) => Ok((took, StreamDetail::streamed(*server, streamed))),
            Ok(Some(Err(failure))) => Err((cause_of(&failure), told(&failure))),
            Ok(None) => {
                let why = format!("the client lost {}", family.name());
                Err((StreamCause::Offline, why))
            }
            Err(_) => {
                let why = format!("it had not ended after {} s", within.as_secs());
                Err((StreamCause::Timeout, why))
            }
        }
    }
}

/// A failure, with what is behind it.
fn told(failure: &StreamFailure<std::io::Error>) -> String {
    match failure {
        StreamFailure::Connect(error) => format!("{failure}: {error}"),
        failure => failure.to_string(),
    }
}

impl Pool {
    /// Lets clients stream to and from a sink, each over connections of its own, as [`Pool::run`].
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub async fn stream(&self, which: Selection, spec: StreamSpec) -> Result<RunReport, PoolError> {
        self.run(which, spec).await
    }
}

impl RunBuilder {
    /// Each client streams so whenever it is online; may be said again.
    pub fn stream(self, plan: impl Into<OverFamily<StreamPlan>>) -> Self {
        self.activity(plan.into())
    }
}
