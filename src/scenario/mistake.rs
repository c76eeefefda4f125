//! What can be wrong with a scenario.

use std::num::NonZeroU32;

use super::activities::all_kinds;
use super::{ClientCount, ClientCountError, Timespan};
use crate::activity::Kind;
use crate::chaos::PlanError;
use crate::dhcp::PersonaError;
use crate::family::Family;
use crate::identity::ClientNumber;
use crate::lab::{AddressRange, LabFaultError};
use crate::metrics::{LabelError, Metrics};
use crate::pool::GroupName;

/// Why a scenario makes no sense although each of its values does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// The scenario has no clients.
    #[error("there are no clients: say how many as clients, or in a group")]
    NoClients,
    /// Too many, in all groups.
    #[error(transparent)]
    Clients(ClientCountError),
    /// Two groups of one name; the pool's own group bears the pool's.
    #[error("there are two groups called {name}: give one of them another name")]
    GroupTwice {
        /// The name that two groups have.
        name: GroupName,
        /// The place of the second, counted from 0.
        index: usize,
    },
    /// Something about a group.
    #[error("group {name}: {mistake}")]
    Group {
        /// The name of the group.
        name: GroupName,
        /// Its place, counted from 0.
        index: usize,
        /// What is wrong with it.
        mistake: Box<Mistake>,
    },
    /// Something about what clients say of themselves.
    #[error("persona: {0}")]
    Persona(PersonaError),
    /// Something about what is to be broken.
    #[error("chaos: {0}")]
    Chaos(PlanError),
    /// Each client would be several series in whatever scrapes them.
    #[error(
        "gauges of each of {0} clients would be too many series: ask for {MOST} clients at most, or leave \
         metrics-per-client out; the report has every client",
        MOST = Metrics::MOST_PER_CLIENT
    )]
    MetricsPerClient(ClientCount),
    /// Nothing serves them.
    #[error(
        "metrics-per-client is for metrics: say where they are served as metrics, or leave it out"
    )]
    NoMetrics,
    /// Something about the labels of the run.
    #[error(transparent)]
    Label(LabelError),
    /// Nothing says where.
    #[error(
        "there is no place for the clients: name the interface that they stand on as parent, or choose the lab"
    )]
    NoPlace,
    /// Both a parent and the lab are named.
    #[error("parent and lab exclude each other: leave one of them out")]
    TwoPlaces,
    /// The key is the lab's, and the lab is not asked for.
    #[error("{0} is the lab's: choose the lab, or leave {0} out")]
    LabOnly(&'static str),
    /// No client would see what the lab says over IPv6.
    #[error(
        "lab-ipv6 is for clients that have IPv6, and none has: write family = \"dual\", or leave it out"
    )]
    NoIpv6InLab,
    /// The lab cannot be broken in that way.
    #[error("lab-fault: {0}")]
    LabFault(LabFaultError),
    /// A lab ends with its process.
    #[error(
        "nothing can be adopted in the lab, which ends with its process: leave adopt out, or name an interface as parent"
    )]
    Adopt,
    /// The key is that of activities, and none are asked for.
    #[error(
        "{0} is for {kinds}, and there are none: name a target as ping, or leave {0} out",
        kinds = all_kinds()
    )]
    NothingToDo(&'static str),
    /// What is to be done cannot be.
    #[error("{why}")]
    NotToBeDone {
        /// Of what kind it is.
        kind: Kind,
        /// Why, with the remedy.
        why: String,
    },
    /// Nobody would answer.
    #[error(
        "client {number} cannot be {done} in a herd of {clients}: name one of 1 to {clients}, or ask for more clients",
        done = .kind.about().done
    )]
    NoSuchClient {
        /// To whom something is to be done.
        number: ClientNumber,
        /// What the clients are to do.
        kind: Kind,
        /// How many clients the herd has.
        clients: ClientCount,
    },
    /// Something goes over a family that these clients are not to have.
    #[error(
        "{} {subject} goes over {}, which these clients are not to have: say family dual, or leave it out",
        .kind.about().verb,
        .over.name()
    )]
    NotOver {
        /// What the clients are to do.
        kind: Kind,
        /// What it is done to.
        subject: String,
        /// The family that it goes over.
        over: Family,
    },
    /// Not every client could have an address.
    #[error(
        "{clients} clients are more than the {} addresses of the lab's range {range}: ask for fewer clients, or widen \
         lab-range", .range.len()
    )]
    MoreThanAddresses {
        /// How many clients there are.
        clients: ClientCount,
        /// The addresses that the lab gives out.
        range: AddressRange,
    },
    /// The key is of DHCP over IPv4, and nobody is to have that.
    #[error(
        "{0} is for DHCP over IPv4, and no client is to have IPv4: leave it out, or choose ipv4 or dual as family"
    )]
    NoIpv4(&'static str),
    /// The key is of IPv6, and nobody is to have that.
    #[error(
        "{0} is for IPv6, and no client is to have IPv6: leave it out, or choose ipv6 or dual as family"
    )]
    WithoutIpv6(&'static str),
    /// Something is to come from a delegated prefix, and none is asked for.
    #[error(
        "ping {subject}: no prefix is delegated to these clients: say delegated-prefix, or leave out where it comes from"
    )]
    NoDelegatedPrefix {
        /// What is pinged.
        subject: String,
    },
    /// A passthru macvlan has its parent to itself.
    #[error(
        "{0} clients cannot share a parent in mode passthru: ask for 1 client, or choose bridge, private or vepa"
    )]
    Passthru(ClientCount),
    /// The time is below what can be kept.
    #[error("{key} is too short: write {least} at least", key = name(.0), least = .1)]
    TooShort(&'static str, Timespan),
    /// The end would come before anything is done.
    #[error(
        "what is done every {every} may never be done in {hold}: write a shorter time as every, or a longer one as for"
    )]
    NoTimeToWork {
        /// From one time to the next.
        every: Timespan,
        /// Until the end.
        hold: Timespan,
    },
    /// The key is that of storms, and none are asked for.
    #[error(
        "storm-every is for storms, and there are none: say how many clients as storm, or leave storm-every out"
    )]
    NoStorm,
    /// More would leave than there are.
    #[error(
        "{storm} clients cannot leave a herd of {clients}: ask for a smaller storm, or for more clients"
    )]
    StormTooLarge {
        /// The storm's clients.
        storm: NonZeroU32,
        /// How many clients the herd has.
        clients: ClientCount,
    },
}

impl Mistake {
    /// The keys that are to blame, the first of them that is there most, each with its table's name and place in front where it is in
    /// one: a group has what the whole herd has where it says nothing itself.
    pub fn keys(&self) -> Vec<String> {
        match self {
            Self::Group { index, mistake, .. } => {
                let own = mistake.key();
                let table = format!("group.{index}");
                vec![format!("{table}.{own}"), own.to_owned(), table]
            }
            Self::GroupTwice { index, .. } => vec![format!("group.{index}.name")],
            other => vec![other.key().to_owned()],
        }
    }

    /// The key that is most to blame, with its table's name in front where it is in one.
    const fn key(&self) -> &'static str {
        match self {
            Self::NoPlace | Self::TwoPlaces => "parent",
            Self::GroupTwice { .. } | Self::Group { .. } => "group",
            Self::Persona(_) => "persona",
            Self::Chaos(_) => "chaos",
            Self::Label(_) => "label",
            Self::MetricsPerClient(_) | Self::NoMetrics => "metrics-per-client",
            Self::LabFault(_) => "lab-fault",
            Self::NoIpv6InLab => "lab-ipv6",
            Self::Adopt => "adopt",
            Self::LabOnly(key)
            | Self::NoIpv4(key)
            | Self::WithoutIpv6(key)
            | Self::NothingToDo(key)
            | Self::TooShort(key, _) => key,
            Self::NoClients
            | Self::Clients(_)
            | Self::MoreThanAddresses { .. }
            | Self::Passthru(_) => "clients",
            Self::NoTimeToWork { .. } => "every",
            Self::NoSuchClient { kind, .. }
            | Self::NotOver { kind, .. }
            | Self::NotToBeDone { kind, .. } => kind.about().option.name,
            Self::NoDelegatedPrefix { .. } => "ping",
            Self::NoStorm => "soak.storm-every",
            Self::StormTooLarge { .. } => "soak.storm",
        }
    }
}

/// A key's own name, which is the option's.
fn name(key: &'static str) -> &'static str {
    key.rsplit('.').next().unwrap_or(key)
}
