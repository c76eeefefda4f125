//! Events in words, for people to read.

use std::fmt;

use super::EventKind;

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase { from, to } => write!(f, "{from} -> {to}"),
            Self::Bound {
                address,
                server,
                took,
            } => {
                write!(f, "bound to {address} by {server} in {took:.1?}")
            }
            Self::Renewed { address } => write!(f, "{address} extended"),
            Self::Informed { server, options } => {
                write!(f, "{server} answered INFORM with options {options:?}")
            }
            Self::Lost {
                reason,
                detail: Some(detail),
            } => write!(f, "lease lost: {reason}; {detail}"),
            Self::Lost {
                reason,
                detail: None,
            } => write!(f, "lease lost: {reason}"),
            Self::Unanswered {
                asked,
                detail: Some(detail),
            } => write!(f, "no useful answer while {asked}: {detail}"),
            Self::Unanswered {
                asked,
                detail: None,
            } => write!(f, "no answer while {asked}"),
            Self::FlawedMessage { detail, .. } => write!(f, "a server's message: {detail}"),
            Self::Failed {
                stage,
                cause,
                detail,
                ..
            } => write!(f, "failed: {stage}: {cause}: {detail}"),
            Self::Troubled {
                stage,
                cause,
                detail,
                ..
            } => {
                write!(f, "in trouble: {stage}: {cause}: {detail}")
            }
            Self::FamilyUp { family, took } => {
                write!(f, "usable over {} after {took:.1?}", family.name())
            }
            Self::FamilyDown {
                family,
                stage,
                cause,
                detail,
            } => write!(
                f,
                "not usable over {}: {stage}: {cause}: {detail}",
                family.name()
            ),
            Self::Ipv6 { detail, .. } => f.write_str(detail),
            Self::Restarting {
                cause: Some(cause),
                wait,
            } => {
                write!(f, "restarts in {wait:.1?}, after {cause}")
            }
            Self::Restarting { cause: None, wait } => write!(f, "restarts in {wait:.1?}"),
            Self::GivenUp { why } => write!(f, "given up: {why}"),
            Self::FlawedMessagesNotTold { .. }
            | Self::PacketsDropped { .. }
            | Self::OutageBegan { .. }
            | Self::OutageSpread { .. }
            | Self::OutageBack { .. }
            | Self::OutageEnded { .. }
            | Self::TesterStoodStill { .. }
            | Self::FaultBegan { .. }
            | Self::FaultRecovered { .. } => self.of_herd(f),
        }
    }
}

impl EventKind {
    /// What happened to the herd as a whole.
    fn of_herd(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PacketsDropped { packets } => {
                let were = if *packets == 1 {
                    "packet was"
                } else {
                    "packets were"
                };
                write!(
                    f,
                    "flood: {packets} {were} dropped, as too many waited for their client"
                )
            }
            Self::FlawedMessagesNotTold { messages: 1 } => {
                write!(
                    f,
                    "servers' messages: 1 more was flawed, and is only counted"
                )
            }
            Self::FlawedMessagesNotTold { messages } => {
                write!(
                    f,
                    "servers' messages: {messages} more were flawed, and are only counted"
                )
            }
            Self::OutageBegan {
                clients,
                of,
                family: None,
            } => {
                write!(f, "outage: {clients} of {of} clients are down at once")
            }
            Self::OutageBegan {
                clients,
                of,
                family: Some(family),
            } => {
                let family = family.name();
                write!(
                    f,
                    "outage of {family}: {clients} of {of} clients are down at once"
                )
            }
            Self::OutageSpread {
                family,
                clients,
                of,
            } => {
                let family = family.name();
                write!(
                    f,
                    "outage: {clients} of {of} clients are down in {family} as well"
                )
            }
            Self::OutageBack { share, took } => {
                write!(f, "outage: a share of {share} is back after {took:.1?}")
            }
            Self::OutageEnded {
                clients,
                took,
                family,
            } => {
                f.write_str("outage ")?;
                if let Some(family) = family {
                    write!(f, "of {} ", family.name())?;
                }
                write!(f, "over after {took:.1?}: it took {clients} clients")
            }
            Self::TesterStoodStill { lasted } => {
                write!(f, "the tester stood still for {lasted:.1?}")
            }
            Self::FaultBegan {
                fault,
                lasts,
                clients,
            } if lasts.is_zero() => {
                let s = if *clients == 1 { "" } else { "s" };
                write!(f, "fault {fault}: on {clients} client{s}")
            }
            Self::FaultBegan {
                fault,
                lasts,
                clients,
            } => {
                write!(
                    f,
                    "fault {fault}: for {lasts:.1?}, with {clients} clients online"
                )
            }
            Self::FaultRecovered {
                fault,
                took: Some(took),
            } => {
                write!(f, "fault {fault}: recovered after {took:.1?}")
            }
            Self::FaultRecovered { fault, took: None } => {
                write!(f, "fault {fault}: took nobody offline")
            }
            // Of a client: those are told above.
            _ => Ok(()),
        }
    }
}
