//! What is known of streams beside what all activities have in common.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::activity::Detail;
use crate::activity::kind::KindDetail;
use crate::family::Family;
use lanherd_stream::client::{DirectionStreamed, Streamed};
use lanherd_stream::limiter::Limiter;
use lanherd_stream::protocol::Direction;
use lanherd_stream::rates::Rates;
use lanherd_types::words;

words! {
    /// Whose limit a stream's speed was.
    StreamLimit {
        /// Its own rate: it was not to be faster.
        Rate = "rate",
        /// What lies between client and sink.
        Network = "network",
        /// The sink: it did not send, or read, as fast as it could have gone.
        Sink = "sink",
        /// The tester: the client did not.
        Tester = "tester",
    }
}

impl StreamLimit {
    /// Of what went in that direction.
    pub const fn of(limiter: Limiter, direction: Direction) -> Self {
        match (limiter, direction) {
            (Limiter::Rate, _) => Self::Rate,
            (Limiter::Network, _) => Self::Network,
            (Limiter::Sender, Direction::Up) | (Limiter::Receiver, Direction::Down) => Self::Tester,
            (Limiter::Sender, Direction::Down) | (Limiter::Receiver, Direction::Up) => Self::Sink,
        }
    }

    /// Whether it is neither end's.
    const fn is_others(self) -> bool {
        matches!(self, Self::Rate | Self::Network)
    }
}

/// What is known of streams beside what all activities have in common.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StreamDetail {
    /// The sink that was connected to last, where there was an address.
    pub server: Option<SocketAddr>,
    /// What was sent, where anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up: Option<Box<DirectionFigures>>,
    /// What was received, where anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<Box<DirectionFigures>>,
}

/// Figures of one direction of streams that came to their end.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DirectionFigures {
    /// Bytes that arrived, as both ends have counted them.
    pub bytes: u64,
    /// What had arrived when the time was over, by that time.
    #[serde(rename = "goodput_mbit_s")]
    pub goodput: Rates,
    /// The longest time in which nothing came to whoever received.
    #[serde(rename = "longest_gap_ms", serialize_with = "in_milliseconds")]
    pub longest_gap: Duration,
    /// Segments with data that were sent, those that were sent again included.
    pub segments: u64,
    /// Segments that were sent again.
    pub retransmitted_segments: u64,
    /// For how long whoever sent had something under way.
    #[serde(rename = "busy_s", serialize_with = "in_seconds")]
    pub busy: Duration,
    /// For how long of that the window of whoever received was the limit.
    #[serde(rename = "receiver_limited_s", serialize_with = "in_seconds")]
    pub receiver_limited: Duration,
    /// For how long of that the buffer of whoever sent was.
    #[serde(rename = "sender_limited_s", serialize_with = "in_seconds")]
    pub sender_limited: Duration,
    /// The congestion control of whoever sent last.
    pub congestion_control: String,
    /// Whose limit their speed was, by how many it was so of.
    pub limited_by: BTreeMap<StreamLimit, u64>,
}

fn in_milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_micros() as f64 / 1e3)
}

fn in_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1e3).round() / 1e3)
}

impl DirectionFigures {
    fn of(streamed: DirectionStreamed, direction: Direction) -> Self {
        let limit = StreamLimit::of(streamed.limiter, direction);
        let mut goodput = Rates::default();
        goodput.record(
            streamed.measured as f64 * 8.0,
            streamed.took,
            limit.is_others(),
        );
        Self {
            bytes: streamed.bytes,
            goodput,
            longest_gap: streamed.longest_gap,
            segments: streamed.tcp.segments,
            retransmitted_segments: streamed.tcp.retransmitted,
            busy: streamed.tcp.busy,
            receiver_limited: streamed.tcp.receiver_limited,
            sender_limited: streamed.tcp.buffer_limited,
            congestion_control: streamed.congestion_control,
            limited_by: BTreeMap::from([(limit, 1)]),
        }
    }

    fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.goodput.add(&other.goodput);
        self.longest_gap = self.longest_gap.max(other.longest_gap);
        self.segments = self.segments.saturating_add(other.segments);
        self.retransmitted_segments = self
            .retransmitted_segments
            .saturating_add(other.retransmitted_segments);
        self.busy = self.busy.saturating_add(other.busy);
        self.receiver_limited = self.receiver_limited.saturating_add(other.receiver_limited);
        self.sender_limited = self.sender_limited.saturating_add(other.sender_limited);
        self.congestion_control
            .clone_from(&other.congestion_control);
        for (limit, count) in &other.limited_by {
            *self.limited_by.entry(*limit).or_default() += count;
        }
    }
}

/// Adds what is known of the others, where there is any.
fn add(own: &mut Option<Box<DirectionFigures>>, other: Option<&DirectionFigures>) {
    if let Some(other) = other {
        own.get_or_insert_default().add(other);
    }
}

impl StreamDetail {
    /// What a detail of any kind says, if it is of this one.
    pub const fn of(detail: &Detail) -> Option<&Self> {
        match detail {
            Detail::Stream(detail) => Some(detail),
            _ => None,
        }
    }

    /// Of a stream that came to its end at that sink.
    pub fn streamed(server: Option<SocketAddr>, streamed: Streamed) -> Self {
        let figures = |one: Option<DirectionStreamed>, direction| {
            one.map(|one| Box::new(DirectionFigures::of(one, direction)))
        };
        Self {
            server,
            up: figures(streamed.up, Direction::Up),
            down: figures(streamed.down, Direction::Down),
        }
    }

    /// The figures of one direction.
    pub fn direction(&self, direction: Direction) -> Option<&DirectionFigures> {
        match direction {
            Direction::Up => self.up.as_deref(),
            Direction::Down => self.down.as_deref(),
        }
    }
}

impl KindDetail for StreamDetail {
    fn record(&mut self, attempt: &Self) {
        self.server = attempt.server.or(self.server);
        self.add(attempt);
    }

    fn add(&mut self, others: &Self) {
        add(&mut self.up, others.up.as_deref());
        add(&mut self.down, others.down.as_deref());
    }

    fn family(&self) -> Option<Family> {
        self.server.map(|server| Family::of(server.ip()))
    }
}
