//! What clients do once they are online: activities. Each kind is a file, which says all of it: how it reads, how it is
//! attempted, what may come of it, and what is measured. Here they are registered; all else knows activities, and no kind.

mod by_kind;
pub mod command;
pub mod connect;
mod context;
pub mod dns;
mod driver;
mod family_choice;
pub mod http;
pub mod kind;
mod outcome;
pub mod ping;
mod registry;
mod socket_error;
mod spec;

pub use self::by_kind::ByKind;
pub(crate) use self::by_kind::fields;
use self::command::CommandLine;
use self::connect::Endpoint;
pub use self::context::{
    ClientContext, Connectivity, Ipv6Config, LeasedConfig, Sequence, Siblings,
};
pub use self::driver::run;
pub use self::family_choice::FamilyChoice;
use self::kind::{About, ActivityKind, KindDetail};
pub use self::outcome::{AttemptOutcome, Ending, SkipReason};
use self::registry::kinds;
pub use self::spec::{Activity, Pace, Spec};
use crate::host_name::HostName;
use crate::target::Target;
use crate::url::Url;

kinds! {
    /// Echo requests to a target.
    Ping(Target),
    /// Lookups of a name.
    Dns(HostName),
    /// Fetches of a URL.
    Http(Url),
    /// Runs of a command line.
    Command(CommandLine),
    /// TCP connections to a port.
    Connect(Endpoint),
}
