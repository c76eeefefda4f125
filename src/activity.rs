//! What clients do once they are online: activities. Each kind is a file, which says all of it: how it reads, how it is
//! attempted, what may come of it, and what is measured. Here they are registered; all else knows activities, and no kind.

mod address_order;
mod by_kind;
pub mod command;
pub mod connect;
mod context;
mod dialing;
pub mod dns;
mod driver;
mod family_choice;
pub mod http;
pub mod kind;
mod outcome;
mod over_family;
pub mod ping;
mod registry;
mod socket_error;
mod spec;
pub mod stream;
#[cfg(test)]
mod tests;

pub use self::by_kind::ByKind;
pub(crate) use self::by_kind::fields;
use self::command::CommandLine;
use self::connect::Endpoint;
pub use self::context::{
    ClientContext, Connectivity, Ipv6Config, LeasedConfig, Sequence, Siblings,
};
use self::dns::Question;
pub use self::driver::run;
pub use self::family_choice::FamilyChoice;
use self::kind::{About, ActivityKind, KindDetail};
pub use self::outcome::{AttemptOutcome, Ending, SkipReason};
pub use self::over_family::{HasFamilies, InFamilies, OverFamily, SourceChoice};
use self::registry::kinds;
pub use self::spec::{Activity, Pace, Spec};
use self::stream::StreamPlan;
use crate::host_name::HostName;
use crate::target::Target;
use crate::url::Url;

kinds! {
    /// Echo requests to a target.
    Ping(OverFamily<Target>),
    /// Lookups of a name.
    Dns(Question),
    /// Fetches of a URL.
    Http(OverFamily<Url>),
    /// Runs of a command line.
    Command(CommandLine),
    /// TCP connections to a port.
    Connect(OverFamily<Endpoint>),
    /// Streams of traffic to and from a sink.
    Stream(OverFamily<StreamPlan>),
}

/// What is done to something of which no family is said.
macro_rules! over_no_family {
    ($($subject:ty => $kind:ident,)+) => {$(
        impl From<$subject> for Subject {
            fn from(subject: $subject) -> Self {
                Self::$kind(subject.into())
            }
        }
    )+};
}

over_no_family! {
    Target => Ping,
    HostName => Dns,
    Url => Http,
    Endpoint => Connect,
    StreamPlan => Stream,
}
