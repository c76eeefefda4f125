//! A client's lease as its file says it.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::super::state_file::{Content, Hex};
use super::super::text_format;
use super::{Clock, LeaseRecord};
use lanherd_dhcp::{Lease, Lifetime, Route};
use lanherd_types::identity::Mac;

/// The file with a client's lease. What other protocols hold may stand beside `dhcp4`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rundir) struct StoredLease {
    pub mac: Mac,
    pub dhcp4: StoredDhcp4,
}

/// The IPv4 lease in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rundir) struct StoredDhcp4 {
    pub state: State,
    /// The client's option 61.
    pub client_id: Option<Hex>,
    /// Where the server's last message came from.
    pub server_mac: Option<Mac>,
    /// The server's identifier, option 54.
    pub server: Ipv4Addr,
    pub address: Prefix,
    pub routers: Vec<Ipv4Addr>,
    pub routes: Vec<StoredRoute>,
    pub dns: Vec<Ipv4Addr>,
    pub domain: Option<String>,
    pub search: Vec<String>,
    /// The MTU of the link, in bytes.
    pub mtu: Option<u16>,
    /// When it was requested, in milliseconds since 1970 UTC.
    pub requested_at_ms: u64,
    pub lifetime: StoredLifetime,
}

/// How far the lease has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::rundir) enum State {
    /// The server has acknowledged it.
    Bound,
    /// It has been requested only.
    Requested,
}

/// A route of the lease; a gateway of `0.0.0.0` is the link itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::rundir) struct StoredRoute {
    pub destination: Prefix,
    pub gateway: Ipv4Addr,
}

/// How long the lease lasts from when it was requested, and when it is to be extended (RFC 2131, 4.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::rundir) enum StoredLifetime {
    Infinite,
    Finite {
        lease_ms: u64,
        t1_ms: u64,
        t2_ms: u64,
    },
}

impl StoredLease {
    /// Returns what is to be written of a lease.
    pub fn of(held: &LeaseRecord, clock: Clock) -> Self {
        let lease = &held.lease;
        let age = clock.instant.saturating_duration_since(lease.requested_at);
        let requested = clock.wall.checked_sub(age).unwrap_or(UNIX_EPOCH);
        Self {
            mac: held.mac,
            dhcp4: StoredDhcp4 {
                state: if held.is_requested {
                    State::Requested
                } else {
                    State::Bound
                },
                client_id: held.client_id.clone().map(Hex),
                server_mac: held.server,
                server: lease.server_id,
                address: Prefix(lease.address, lease.prefix_len),
                routers: lease.routers.clone(),
                routes: lease.routes.iter().map(StoredRoute::of).collect(),
                dns: lease.dns.clone(),
                domain: lease.domain.clone(),
                search: lease.search.clone(),
                mtu: lease.mtu,
                requested_at_ms: millis(requested.duration_since(UNIX_EPOCH).unwrap_or_default()),
                lifetime: StoredLifetime::of(lease.lifetime),
            },
        }
    }

    /// Returns the lease, timed by the clock that nobody sets; the reason where there is no such lease.
    pub fn into_record(self, clock: Clock) -> Result<LeaseRecord, String> {
        let Self { mac, dhcp4 } = self;
        let requested = UNIX_EPOCH
            .checked_add(Duration::from_millis(dhcp4.requested_at_ms))
            .ok_or("no clock goes as far as when it was requested")?;
        // After the clock was set back the request may lie ahead: it counts as just sent.
        let age = clock.wall.duration_since(requested).unwrap_or_default();
        let requested_at = clock.instant.checked_sub(age);
        Ok(LeaseRecord {
            mac,
            server: dhcp4.server_mac,
            client_id: dhcp4.client_id.map(|Hex(bytes)| bytes),
            is_requested: dhcp4.state == State::Requested,
            lease: Lease {
                address: dhcp4.address.0,
                prefix_len: dhcp4.address.1,
                server_id: dhcp4.server,
                routers: dhcp4.routers,
                routes: dhcp4
                    .routes
                    .into_iter()
                    .map(StoredRoute::into_route)
                    .collect(),
                dns: dhcp4.dns,
                domain: dhcp4.domain,
                search: dhcp4.search,
                mtu: dhcp4.mtu,
                lifetime: dhcp4.lifetime.checked()?,
                requested_at: requested_at.ok_or("no clock goes back to when it was requested")?,
            },
        })
    }
}

impl StoredRoute {
    fn of(route: &Route) -> Self {
        Self {
            destination: Prefix(route.destination, route.prefix_len),
            gateway: route.gateway,
        }
    }

    fn into_route(self) -> Route {
        let Prefix(destination, prefix_len) = self.destination;
        Route {
            destination,
            prefix_len,
            gateway: self.gateway,
        }
    }
}

impl StoredLifetime {
    fn of(lifetime: Lifetime) -> Self {
        match lifetime {
            Lifetime::Infinite => Self::Infinite,
            Lifetime::Finite { lease, t1, t2 } => Self::Finite {
                lease_ms: millis(lease),
                t1_ms: millis(t1),
                t2_ms: millis(t2),
            },
        }
    }

    fn checked(self) -> Result<Lifetime, String> {
        let Self::Finite {
            lease_ms,
            t1_ms,
            t2_ms,
        } = self
        else {
            return Ok(Lifetime::Infinite);
        };
        if !(0 < t1_ms && t1_ms < t2_ms && t2_ms < lease_ms) {
            return Err(format!(
                "T1, T2 and the lease do not end in this order: {t1_ms}, {t2_ms}, {lease_ms} ms"
            ));
        }
        let [lease, t1, t2] = [lease_ms, t1_ms, t2_ms].map(Duration::from_millis);
        Ok(Lifetime::Finite { lease, t1, t2 })
    }
}

fn millis(span: Duration) -> u64 {
    span.as_millis().try_into().unwrap_or(u64::MAX)
}

impl Content for StoredLease {
    const KIND: &'static str = "record of a lease";
    const REMEDY: &'static str = "remove it; the server keeps the lease until it expires";
    const FIRST_KEY: &'static str = "mac ";

    fn parse_text_format(text: &str) -> Option<Self> {
        text_format::lease(text)
    }
}

/// An address with the length of its prefix, in bits: `10.0.0.7/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rundir) struct Prefix(pub Ipv4Addr, pub u8);

lanherd_types::serde_as_text!(Prefix);

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = || {
            let (address, length) = text.split_once('/')?;
            let length = length.parse().ok().filter(|length| *length <= 32)?;
            Some(Self(address.parse().ok()?, length))
        };
        parts().ok_or_else(|| format!("{text:?} is no address with a prefix"))
    }
}
