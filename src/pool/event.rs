//! What happens in a herd, as it happens: for whoever follows it.

mod ipv6;
mod words;

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::outage::Share;
use super::restart::GiveUp;
use crate::client::ipv6::Ipv6EventKind;
use crate::dhcp::{LossReason, Unanswered};
use crate::family::Family;
use crate::fault::Fault;
use crate::identity::ClientNumber;
use crate::phase::{Cause, Phase, Stage};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts all events of a pool from 1; a gap says that the reader was too slow.
    pub sequence: u64,
    /// When, counted from the beginning of the pool, in seconds.
    #[serde(with = "seconds")]
    pub after: Duration,
    /// The client that it happened to; `None`: the herd as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientNumber>,
    /// What happened, with what is to be said of it.
    #[serde(flatten)]
    pub what: EventKind,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The client went from one phase to another.
    Phase {
        /// What it was doing.
        from: Phase,
        /// What it is doing now.
        to: Phase,
    },
    /// A lease was acquired.
    Bound {
        /// The address that the lease is of.
        address: Ipv4Addr,
        /// The server that gave it.
        server: Ipv4Addr,
        /// From the first message to the acknowledgement, in seconds.
        #[serde(with = "seconds")]
        took: Duration,
    },
    /// The lease was extended, or confirmed.
    Renewed {
        /// The address that the lease is of.
        address: Ipv4Addr,
    },
    /// The lease is not held any more.
    Lost {
        /// Why the lease ended.
        reason: LossReason,
        /// How it came about, where there is more to say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// No server gave a useful answer, however often the client asked; a lease that it holds goes on.
    Unanswered {
        /// What it asked.
        asked: Unanswered,
        /// What came instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// A server's message is not as it should be. Told of each client and each kind of flaw once.
    FlawedMessage {
        /// The option that it is about; absent where it is the message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        option: Option<u8>,
        /// In which way, in one word.
        reason: String,
        /// The particulars, for a person to read.
        detail: String,
    },
    /// So many flawed messages more were counted, and are told in this number only: their clients had told as many kinds of
    /// flaws as one life of a client tells.
    FlawedMessagesNotTold {
        /// How many since this was told last.
        messages: u64,
    },
    /// So many DHCP messages and ARP packets were dropped unread, as so many waited for their client already: a flood.
    PacketsDropped {
        /// How many since this was told last.
        packets: u64,
    },
    /// A server answered the client's INFORM.
    Informed {
        /// The server that answered.
        server: Ipv4Addr,
        /// The codes of the options that it sent, in their order.
        options: Vec<u8>,
    },
    /// The client failed; its life is over.
    Failed {
        /// How far the client had come.
        stage: Stage,
        /// Why, as a word of the closed list.
        cause: Cause,
        /// The family that it is of; absent where of none in particular.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        family: Option<Family>,
        /// The particulars, for a person to read.
        detail: String,
    },
    /// Something befell the client that it mends by itself.
    Troubled {
        /// How far the client had come.
        stage: Stage,
        /// Why, as a word of the closed list.
        cause: Cause,
        /// The family that it is of; absent where of none in particular.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        family: Option<Family>,
        /// The particulars, for a person to read.
        detail: String,
    },
    /// A client that is to have IPv6 is usable in a family.
    FamilyUp {
        /// The family that it is usable in.
        family: Family,
        /// From the first message of that family, in seconds.
        #[serde(with = "seconds")]
        took: Duration,
    },
    /// A client is not usable any more in a family, or not in time; it goes on trying.
    FamilyDown {
        /// The family that it is not usable in.
        family: Family,
        /// How far the client had come.
        stage: Stage,
        /// Why, as a word of the closed list.
        cause: Cause,
        /// The particulars, for a person to read.
        detail: String,
    },
    /// The client will be started again.
    Restarting {
        /// Why it ended; absent where it was ordered, or ended by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// After this wait, in seconds.
        #[serde(with = "seconds")]
        wait: Duration,
    },
    /// The client will not be started again.
    GivenUp {
        /// Why it is not started again.
        why: GiveUp,
    },
    /// Most of the herd is down: the router is.
    OutageBegan {
        /// How many clients it had taken when it was recognised.
        clients: usize,
        /// Out of how many clients that an outage can take.
        of: usize,
        /// The family that it is of, where the herd has two and the other is well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        family: Option<Family>,
    },
    /// Most of the herd is down in the other family as well: it is the same outage.
    OutageSpread {
        /// The family that it is of.
        family: Family,
        /// How many clients were down in it when that was recognised.
        clients: usize,
        /// Out of how many clients.
        of: usize,
    },
    /// So much of what the outage took is back.
    OutageBack {
        /// How large a share of them is back.
        share: Share,
        /// How long after its beginning, in seconds.
        #[serde(with = "seconds")]
        took: Duration,
    },
    /// The outage is over.
    OutageEnded {
        /// How many clients it took in all.
        clients: usize,
        /// The only family that it was of, where the herd has two.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        family: Option<Family>,
        /// How long after its beginning, in seconds.
        #[serde(with = "seconds")]
        took: Duration,
    },
    /// The tester did not run: it was stopped or suspended, or the machine had no time for it. What ran out meanwhile is
    /// not the router's doing.
    TesterStoodStill {
        /// How long it stood still, in seconds.
        #[serde(rename = "took", with = "seconds")]
        lasted: Duration,
    },
    /// A fault was made on purpose.
    FaultBegan {
        /// The kind of fault.
        fault: Fault,
        /// For how long, in seconds; 0 for what happens at one moment.
        #[serde(with = "seconds")]
        lasts: Duration,
        /// How many clients were online to feel it.
        clients: usize,
    },
    /// All clients that a fault took offline are back.
    FaultRecovered {
        /// The kind of fault.
        fault: Fault,
        /// How long after its beginning, in seconds; absent where it took no client offline.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            with = "optional_seconds"
        )]
        took: Option<Duration>,
    },
    /// Something happened to a client's IPv6.
    Ipv6 {
        /// What, as a word of the closed list.
        kind: Ipv6EventKind,
        /// The particulars, for a person to read.
        detail: String,
    },
}

/// Cuts a text at [`MOST_DETAIL`] characters, and says how many it had more.
fn shorten(text: &mut String) {
    let Some((end, _)) = text.char_indices().nth(MOST_DETAIL) else {
        return;
    };
    let more = text.split_off(end).chars().count();
    // Writing to a string cannot fail.
    let _ = write!(text, "... ({more} characters more)");
}

/// So many characters of particulars an event has at most: they may be a server's words, and events are kept for readers that are
/// slow.
pub const MOST_DETAIL: usize = 1_000;

impl EventKind {
    /// With particulars of [`MOST_DETAIL`] characters at most, which say how many were left out.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        match &mut self {
            Self::Lost { detail, .. } | Self::Unanswered { detail, .. } => {
                detail.iter_mut().for_each(shorten);
            }
            Self::FlawedMessage { detail, .. }
            | Self::Failed { detail, .. }
            | Self::Troubled { detail, .. }
            | Self::FamilyDown { detail, .. }
            | Self::Ipv6 { detail, .. } => shorten(detail),
            Self::FamilyUp { .. }
            | Self::Phase { .. }
            | Self::Bound { .. }
            | Self::Renewed { .. }
            | Self::FlawedMessagesNotTold { .. }
            | Self::PacketsDropped { .. }
            | Self::Informed { .. }
            | Self::Restarting { .. }
            | Self::GivenUp { .. }
            | Self::OutageBegan { .. }
            | Self::OutageSpread { .. }
            | Self::OutageBack { .. }
            | Self::OutageEnded { .. }
            | Self::TesterStoodStill { .. }
            | Self::FaultBegan { .. }
            | Self::FaultRecovered { .. } => {}
        }
        self
    }

    /// Whether it is a step that clients take all the time, and of which a herd takes too many to be read.
    pub const fn is_step(&self) -> bool {
        match self {
            Self::Phase { .. }
            | Self::Bound { .. }
            | Self::Renewed { .. }
            | Self::FamilyUp { .. } => true,
            Self::Ipv6 { kind, .. } => kind.is_step(),
            _ => false,
        }
    }

    /// Whether something is wrong.
    pub const fn is_bad(&self) -> bool {
        match self {
            Self::Failed { .. }
            | Self::Troubled { .. }
            | Self::FamilyDown { .. }
            | Self::Lost { .. }
            | Self::Unanswered { .. }
            | Self::FlawedMessage { .. }
            | Self::FlawedMessagesNotTold { .. }
            | Self::PacketsDropped { .. }
            | Self::GivenUp { .. }
            | Self::OutageBegan { .. }
            | Self::OutageSpread { .. } => true,
            Self::Ipv6 { kind, .. } => kind.is_bad(),
            _ => false,
        }
    }
}

/// Durations as seconds, with a fraction.
mod seconds {
    use super::{Deserialize, Duration};
    use serde::{Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(duration.as_secs_f64())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Durations that may be absent.
mod optional_seconds {
    use super::{Deserialize, Duration};
    use serde::{Deserializer, Serializer, de::Error};

    #[allow(clippy::ref_option, reason = "the shape that serde calls")]
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => to.serialize_some(&duration.as_secs_f64()),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Option::<f64>::deserialize(from)?
            .map(Duration::try_from_secs_f64)
            .transpose()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_back_from_its_json() {
        for what in [
            EventKind::Phase {
                from: Phase::Queued,
                to: Phase::Namespace,
            },
            EventKind::Restarting {
                cause: None,
                wait: Duration::from_millis(1_500),
            },
            EventKind::Lost {
                reason: LossReason::Expired,
                detail: Some("3 acknowledgements came and were ignored".to_owned()),
            },
            EventKind::Unanswered {
                asked: Unanswered::Informing,
                detail: None,
            },
            EventKind::FlawedMessage {
                option: Some(6),
                reason: "length".to_owned(),
                detail: "option 6 at byte 270".to_owned(),
            },
            EventKind::FlawedMessagesNotTold { messages: 7 },
            EventKind::PacketsDropped { packets: 7 },
            EventKind::OutageBegan {
                clients: 6,
                of: 10,
                family: Some(Family::Ipv6),
            },
            EventKind::OutageSpread {
                family: Family::Ipv4,
                clients: 6,
                of: 10,
            },
            EventKind::OutageBack {
                share: Share::Most,
                took: Duration::from_secs(3),
            },
            EventKind::TesterStoodStill {
                lasted: Duration::from_secs(60),
            },
            EventKind::Troubled {
                stage: Stage::Router,
                cause: Cause::NoRouter,
                family: Some(Family::Ipv6),
                detail: "nobody advertised".to_owned(),
            },
            EventKind::FamilyUp {
                family: Family::Ipv6,
                took: Duration::from_millis(1_250),
            },
            EventKind::FamilyDown {
                family: Family::Ipv6,
                stage: Stage::Online,
                cause: Cause::RouterLost,
                detail: "withdrawn".to_owned(),
            },
            EventKind::Ipv6 {
                kind: Ipv6EventKind::Renumbered,
                detail: "another prefix".to_owned(),
            },
            EventKind::FaultRecovered {
                fault: Fault::DhcpMute,
                took: None,
            },
            EventKind::FaultRecovered {
                fault: Fault::Crash,
                took: Some(Duration::from_millis(250)),
            },
        ] {
            let event = Event {
                sequence: 7,
                after: Duration::from_millis(1_250),
                client: Some(ClientNumber(3)),
                what,
            };
            let json = serde_json::to_string(&event).expect("json");
            assert_eq!(
                serde_json::from_str::<Event>(&json).expect("an event"),
                event,
                "{json}"
            );
        }
    }

    #[test]
    fn what_is_told_of_the_herd_names_no_client() {
        let event = Event {
            sequence: 1,
            after: Duration::ZERO,
            client: None,
            what: EventKind::OutageBegan {
                clients: 6,
                of: 10,
                family: None,
            },
        };
        let json = serde_json::to_string(&event).expect("json");
        assert_eq!(
            json,
            r#"{"sequence":1,"after":0.0,"event":"outage_began","clients":6,"of":10}"#
        );
    }

    #[test]
    fn the_particulars_of_an_event_have_a_bound_and_say_what_was_left_out() {
        let failed = |detail: &str| EventKind::Failed {
            stage: Stage::Dhcp,
            cause: Cause::Nak,
            family: None,
            detail: detail.to_owned(),
        };
        let whole = failed(&"\u{e9}".repeat(MOST_DETAIL));
        assert_eq!(whole.clone().bounded(), whole);
        let cut = failed(&"\u{e9}".repeat(MOST_DETAIL + 234)).bounded();
        let shown = "\u{e9}".repeat(MOST_DETAIL) + "... (234 characters more)";
        assert_eq!(cut, failed(&shown));
        let lost = EventKind::Lost {
            reason: LossReason::Expired,
            detail: Some("x".repeat(70_000)),
        };
        let json = serde_json::to_string(&lost.bounded()).expect("json");
        assert!(json.len() < MOST_DETAIL + 100, "{json}");
    }
}
