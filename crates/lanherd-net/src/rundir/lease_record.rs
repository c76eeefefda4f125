//! The record of a lease that a client holds: enough to give the lease back in the client's name, or to ask for it again,
//! after the process was killed.
//!
//! Its file stands beside the record of the client's namespace and outlives it: between two lives a client has no
//! namespace, and holds its lease all the same. It is put in place as a whole before the address is set, and removed when the lease is given back
//! or has ended.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::pool_dir::PoolPath;
use super::state_file::{self, END, NONE, field, fields, optional, or_none};
use lanherd_dhcp::{Config, Lease, Lifetime, Message, Route, Transmit, code};
use lanherd_types::identity::Mac;

/// One instant on both clocks: leases are timed by the one that nobody sets, files by the one that outlives a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub instant: Instant,
    pub wall: SystemTime,
}

impl Clock {
    /// Now.
    pub fn now() -> Self {
        Self {
            instant: Instant::now(),
            wall: SystemTime::now(),
        }
    }
}

/// A client's lease, and what else the RELEASE of it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaseRecord {
    /// The client's MAC.
    pub mac: Mac,
    /// The MAC from which the server's last message came, where one came.
    pub server: Option<Mac>,
    /// The value of the client's option 61, if it has one.
    pub client_id: Option<Vec<u8>>,
    /// Whether it has been requested only: the server may have granted it, and of what it grants no more is known than the
    /// address.
    pub is_requested: bool,
    pub lease: Lease,
}

impl LeaseRecord {
    /// The lease that a REQUEST asks for which answers an offer (RFC 2131, table 5: with options 50 and 54); `None` where
    /// it is another one, which asks for a lease that is written down already.
    pub fn requested(mac: Mac, server: Option<Mac>, request: &Message) -> Option<Self> {
        let options = &request.options;
        let address = |code| <[u8; 4]>::try_from(options.get(code)?.as_ref()).ok();
        let requested = address(code::REQUESTED_ADDRESS)?;
        let server_id = address(code::SERVER_ID)?;
        Some(Self {
            mac,
            server,
            client_id: options.get(code::CLIENT_ID).map(Cow::into_owned),
            is_requested: true,
            lease: Lease {
                address: requested.into(),
                prefix_len: 32,
                server_id: server_id.into(),
                routers: Vec::new(),
                routes: Vec::new(),
                dns: Vec::new(),
                domain: None,
                search: Vec::new(),
                mtu: None,
                lifetime: Lifetime::Infinite,
                requested_at: Instant::now(),
            },
        })
    }

    /// Whether the server may have given the address to somebody else by now.
    pub fn is_expired(&self, clock: Clock) -> bool {
        self.lease
            .expires_at()
            .is_some_and(|end| end <= clock.instant)
    }

    /// The RELEASE (RFC 2131, table 5), under the client identifier with which the lease was won (3.1(6)).
    pub fn release(&self, rng: &mut fastrand::Rng) -> Transmit {
        let mut transmit = Config::new(self.mac).release_of(&self.lease, rng);
        let options = &mut transmit.message.options;
        options.remove(code::CLIENT_ID);
        if let Some(client_id) = &self.client_id {
            options.push(code::CLIENT_ID, client_id.as_slice());
        }
        transmit
    }

    /// The file's text.
    pub fn to_text(&self, clock: Clock) -> String {
        let lease = &self.lease;
        let age = clock.instant.saturating_duration_since(lease.requested_at);
        let requested = clock.wall.checked_sub(age).unwrap_or(UNIX_EPOCH);
        let requested = requested.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut text = String::new();
        let mut line = |key: &str, value: &dyn fmt::Display| {
            // Writing to a String does not fail.
            let _ = writeln!(text, "{key} {value}");
        };
        line("mac", &self.mac);
        line("server-mac", &or_none(self.server));
        line("client-id", &or_none(self.client_id.as_deref().map(hex)));
        if self.is_requested {
            line("state", &REQUESTED);
        }
        line("server", &lease.server_id);
        line("address", &Prefix(lease.address, lease.prefix_len));
        for router in &lease.routers {
            line("router", router);
        }
        for route in &lease.routes {
            let to = Prefix(route.destination, route.prefix_len);
            line("route", &format!("{to} {}", route.gateway));
        }
        for server in &lease.dns {
            line("dns", server);
        }
        if let Some(domain) = &lease.domain {
            line("domain", domain);
        }
        for domain in &lease.search {
            line("search", domain);
        }
        line("mtu", &or_none(lease.mtu));
        line("requested", &requested.as_millis());
        match lease.lifetime {
            Lifetime::Infinite => line("lifetime", &INFINITE),
            Lifetime::Finite { lease, t1, t2 } => {
                let [lease, t1, t2] = [lease, t1, t2].map(|span| span.as_millis());
                line("lifetime", &format!("{lease} {t1} {t2}"));
            }
        }
        text.push_str(END);
        text
    }

    /// Parses a record; `None` where the text is cut short or is none.
    pub fn parse(text: &str, clock: Clock) -> Option<Self> {
        if !text.ends_with(END) {
            return None;
        }
        let address: Prefix = field(text, "address")?.parse().ok()?;
        let requested = UNIX_EPOCH.checked_add(millis(field(text, "requested")?)?)?;
        // After the clock was set back the request may lie ahead: it counts as just sent.
        let age = clock.wall.duration_since(requested).unwrap_or_default();
        Some(Self {
            mac: field(text, "mac")?.parse().ok()?,
            server: optional(field(text, "server-mac")?).ok()?,
            client_id: match field(text, "client-id")? {
                NONE => None,
                digits => Some(bytes(digits)?),
            },
            is_requested: match field(text, "state") {
                None => false,
                Some(REQUESTED) => true,
                Some(_) => return None,
            },
            lease: Lease {
                address: address.0,
                prefix_len: address.1,
                server_id: field(text, "server")?.parse().ok()?,
                routers: addresses(text, "router")?,
                routes: fields(text, "route").map(route).collect::<Option<_>>()?,
                dns: addresses(text, "dns")?,
                domain: field(text, "domain").map(str::to_owned),
                search: fields(text, "search").map(str::to_owned).collect(),
                mtu: optional(field(text, "mtu")?).ok()?,
                lifetime: lifetime(field(text, "lifetime")?)?,
                requested_at: clock.instant.checked_sub(age)?,
            },
        })
    }
}

/// The file with a client's lease.
#[derive(Debug, Clone)]
pub(crate) struct LeaseFile {
    /// The client's namespace.
    pub namespace: String,
    pool: PoolPath,
    name: String,
}

impl LeaseFile {
    /// The end of the file's name; no namespace is called so, since theirs end in a digit.
    pub const EXTENSION: &'static str = ".lease";

    /// In the folder of its pool.
    pub fn new(pool: &PoolPath, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            pool: pool.clone(),
            name: format!("{namespace}{}", Self::EXTENSION),
        }
    }

    /// The lease, if there is a file with a whole one.
    pub fn read(&self, clock: Clock) -> io::Result<Option<LeaseRecord>> {
        let Some(folder) = self.pool.find()? else {
            return Ok(None);
        };
        let text = folder.read(&self.name)?;
        Ok(text.and_then(|text| LeaseRecord::parse(&text, clock)))
    }

    /// Writes the lease down in place of an earlier one.
    pub fn write(&self, held: &LeaseRecord, clock: Clock) -> io::Result<()> {
        state_file::replace(&*self.pool.open()?, &self.name, &held.to_text(clock))
    }

    /// Forgets the lease: it was given back, or has ended.
    pub fn remove(&self) -> io::Result<()> {
        match self.pool.find()? {
            Some(folder) => state_file::remove(&folder, &self.name),
            None => Ok(()),
        }
    }

    /// For messages.
    pub fn path(&self) -> PathBuf {
        self.pool.path().join(&self.name)
    }
}

/// The word for a lease that has been requested only.
const REQUESTED: &str = "requested";

/// The word for a lease without an end.
const INFINITE: &str = "infinite";

/// `10.0.0.7/24`.
struct Prefix(Ipv4Addr, u8);

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}

impl FromStr for Prefix {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, length) = text.split_once('/').ok_or(())?;
        let length = length.parse().ok().filter(|length| *length <= 32);
        Ok(Self(address.parse().map_err(|_| ())?, length.ok_or(())?))
    }
}

fn route(text: &str) -> Option<Route> {
    let (to, gateway) = text.split_once(' ')?;
    let Prefix(destination, prefix_len) = to.parse().ok()?;
    Some(Route {
        destination,
        prefix_len,
        gateway: gateway.parse().ok()?,
    })
}

fn addresses(text: &str, key: &str) -> Option<Vec<Ipv4Addr>> {
    fields(text, key)
        .map(|address| address.parse().ok())
        .collect()
}

fn lifetime(text: &str) -> Option<Lifetime> {
    if text == INFINITE {
        return Some(Lifetime::Infinite);
    }
    let mut spans = text.split(' ').map(millis);
    let (lease, t1, t2) = (spans.next()??, spans.next()??, spans.next()??);
    let in_order = Duration::ZERO < t1 && t1 < t2 && t2 < lease;
    in_order.then_some(Lifetime::Finite { lease, t1, t2 })
}

fn millis(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests;
