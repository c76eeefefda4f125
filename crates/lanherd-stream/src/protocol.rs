//! What a client and a sink say to each other, version 1. Pure: bytes to messages and back.
//!
//! Each message is a head of eight bytes and a body. The head: [`MAGIC`], the version, the kind, and the length of the body (two
//! bytes). All numbers are big-endian. A body may be longer than what is known of its kind: the rest belongs to a later minor
//! change, and is passed over.
//!
//! | kind | who says it, and where | body |
//! |---|---|---|
//! | 1 open | the client, first on a connection, which is the control connection | directions (1 up, 2 down, 3 both; 1 byte), rate in bits a second (8; 0: as fast as it goes), duration in milliseconds (4), congestion control (1 byte of length, then the name; none: the usual one) |
//! | 2 accepted | the sink, on the control connection | cookie (16), most bytes in each direction (8), congestion control that the sink sends with (as above) |
//! | 3 refused | the sink, on the control connection, which it closes then | reason (1), words for people (1 byte of length, then UTF-8) |
//! | 4 data | the client, first on a connection of its own for each direction | cookie (16), direction (1 up, 2 down) |
//! | 5 result | the sink, on the control connection, when all data connections have ended | directions (1), then for each, up first, fourteen numbers of 8 bytes and one of 1: [`Counted`] |
//!
//! After "data" come bytes of no meaning, in that direction, until whoever sends ends the connection on its side (FIN). Whoever receives
//! then does the same, so that the sender knows that all has been read.
//!
//! A sink says nothing to anybody who has not said "open", but that it speaks another version, and sends nothing in bulk but over a
//! connection on which its cookie, which nobody can guess, came back.

mod codec;
#[cfg(test)]
mod tests;

use std::time::Duration;

use lanherd_net::bulk::TcpFigures;
use lanherd_types::words;

pub use self::codec::{DecodeError, Decoded, MessageReader, ReadError, decode};

/// The version that is spoken here.
pub const VERSION: u8 = 1;
/// How each message begins.
pub const MAGIC: [u8; 4] = *b"LHSK";
/// The length of a head, in bytes.
pub const HEAD: usize = 8;
/// The longest body, in bytes.
pub const LONGEST_BODY: usize = 512;
/// The longest name of a congestion control, in bytes (`TCP_CA_NAME_MAX` of the kernel, without its zero).
pub const LONGEST_NAME: usize = 15;
/// The longest words of a refusal, in bytes.
pub const LONGEST_WORDS: usize = 255;

words! {
    /// In which direction bytes go, as the client sees it.
    Direction {
        /// From the client to the sink.
        Up = "up",
        /// From the sink to the client.
        Down = "down",
    }
}

words! {
    /// In which directions bytes go, as the client sees it.
    Directions {
        /// From the client to the sink.
        Up = "up",
        /// From the sink to the client.
        Down = "down",
        /// In both directions at the same time, over a connection each.
        Both = "both",
    }
}

impl Directions {
    /// Whether bytes go in that direction.
    pub const fn include(self, direction: Direction) -> bool {
        matches!(
            (self, direction),
            (Self::Both, _) | (Self::Up, Direction::Up) | (Self::Down, Direction::Down)
        )
    }
}

/// What a cookie is: a sink makes one for each stream, and knows its data connections by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cookie(pub [u8; 16]);

impl std::fmt::Debug for Cookie {
    /// Whoever knows it can send in another's name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookie(..)")
    }
}

/// What a client would like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// In which directions bytes are to go.
    pub directions: Directions,
    /// In bits a second in each direction; `None`: as fast as it goes.
    pub rate: Option<u64>,
    /// For how long, in whole milliseconds.
    pub lasts: Duration,
    /// With which congestion control the sink is to send; `None`: the usual one.
    pub congestion_control: Option<String>,
}

/// What a sink is ready for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// By which the data connections are known.
    pub cookie: Cookie,
    /// So many bytes in each direction end the stream.
    pub most_bytes: u64,
    /// With which congestion control the sink sends; empty where it does not.
    pub congestion_control: String,
}

words! {
    /// Why a sink serves a client not.
    RefusalReason {
        /// It serves as many streams as it may.
        Busy = "busy",
        /// The stream is to last longer than one may.
        TooLong = "too_long",
        /// It cannot send with that congestion control.
        CongestionControl = "congestion_control",
        /// It does not speak the client's version.
        Version = "version",
        /// It failed itself.
        Failed = "failed",
    }
}

/// That a sink does not serve a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why, in a word.
    pub reason: RefusalReason,
    /// Why, for people.
    pub words: String,
}

/// What opens a data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data {
    /// That of the stream.
    pub cookie: Cookie,
    /// In which direction bytes go over this connection.
    pub direction: Direction,
}

words! {
    /// How one direction of a stream ended at the sink.
    DirectionEnd {
        /// As it should.
        Whole = "whole",
        /// At the sink's limit of bytes.
        Limit = "limit",
        /// The connection was broken off.
        Broken = "broken",
        /// No data connection came.
        Missing = "missing",
        /// It went on for longer than it was to.
        Late = "late",
    }
}

/// What a sink has counted of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// How it ended.
    pub end: DirectionEnd,
    /// Bytes that it received; of the other direction those that it sent.
    pub bytes: u64,
    /// From the first byte to the last.
    pub took: Duration,
    /// The longest time between two arrivals; of bytes that it sent, zero.
    pub longest_gap: Duration,
    /// Bytes that had come when the time was over, and how long that was; of bytes that it sent, zero.
    pub measured: (u64, Duration),
    /// For how long, all in all, it came late to send what was due at a rate; of bytes that it received, zero.
    pub late: Duration,
    /// What its kernel says, where it sent; else zeros. Round trips and times in whole microseconds.
    pub tcp: TcpFigures,
}

impl Counted {
    /// Nothing was counted.
    pub fn nothing(end: DirectionEnd) -> Self {
        Self {
            end,
            bytes: 0,
            took: Duration::ZERO,
            longest_gap: Duration::ZERO,
            measured: (0, Duration::ZERO),
            late: Duration::ZERO,
            tcp: TcpFigures::default(),
        }
    }
}

/// What a sink has counted of a stream: of each direction that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamResult {
    /// Of what the client sent.
    pub up: Option<Counted>,
    /// Of what the sink sent.
    pub down: Option<Counted>,
}

/// Anything that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A client would like a stream.
    Open(Open),
    /// The sink is ready for it.
    Accepted(Accepted),
    /// It is not.
    Refused(Refused),
    /// A data connection begins.
    Data(Data),
    /// All data connections have ended.
    Result(Box<StreamResult>),
}
