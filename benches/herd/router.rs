//! The router that every way is measured against: the lab, in the house's process and so not in the subject's.

use std::io;
use std::net::Ipv4Addr;

use lanherd::identity::Mac;
use lanherd::lab::{Ipv6Config, Lab, LabConfig};

use super::measure::Family;

/// How the subject learns the router's address: as `address mac`, in its environment.
pub const ENVIRONMENT: &str = "HERD_ROUTER";

/// Starts it behind `uplink`.
pub fn start(uplink: &str, family: Family) -> io::Result<Lab> {
    Lab::start(LabConfig {
        uplink: uplink.to_owned(),
        ipv6: (family == Family::Dual).then(ipv6),
        ..LabConfig::default()
    })
    .map_err(io::Error::other)
}

/// One prefix and a default route: what every way sets of IPv6.
fn ipv6() -> Ipv6Config {
    let defaults = Ipv6Config::default();
    Ipv6Config {
        prefixes: defaults.prefixes.into_iter().take(1).collect(),
        routes: Vec::new(),
        pref64: None,
        ..defaults
    }
}

/// The value of [`ENVIRONMENT`].
pub fn describe(lab: &Lab) -> String {
    format!("{} {}", lab.router(), lab.router_mac())
}

/// The router's address, as the house has described it.
pub fn described() -> Option<(Ipv4Addr, Mac)> {
    let text = std::env::var(ENVIRONMENT).ok()?;
    let (address, mac) = text.split_once(' ')?;
    Some((address.parse().ok()?, mac.parse().ok()?))
}
