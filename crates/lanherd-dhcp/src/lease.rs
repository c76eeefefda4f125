//! What a server granted, and when it must be extended.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::domain::{parse_names, parse_search_list};
use super::options::code;
use super::{Ignored, Message, Remark, RemarkReason};
use lanherd_types::domain_name::NameList;

/// Option 51's value for a lease without an end (RFC 2131, 3.3).
const INFINITY: u32 = u32::MAX;
/// The fuzz on a default T1 or T2, as a fraction of the lease time to either side (RFC 2131, 4.4.5).
const TIMER_FUZZ: f64 = 0.01;
/// The smallest packet that every IPv4 host must accept (RFC 791, 3.1); less is a server's mistake.
const MIN_MTU: u16 = 576;

/// How many routes of option 121 are kept. Home routers send none or a handful; a kernel takes each by a request of its own, so
/// that thousands, which fit into one message, would hold a client up.
pub const MAX_ROUTES: usize = 64;
/// How many routers of option 3, and how many name servers of option 6, are kept: more than any host asks in turn (glibc asks
/// three), and as many as a row of a table can show.
pub const MAX_HOSTS: usize = 8;

/// How long a lease lasts (RFC 2131, 3.3: `0xffffffff` is infinity).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is released.
    Infinite,
    /// For so long, counted from [`Lease::requested_at`]; `0 < t1 < t2 < lease`.
    Finite {
        /// Until it ends.
        lease: Duration,
        /// Until the client asks its server for more (RENEWING).
        t1: Duration,
        /// Until the client asks any server for more (REBINDING).
        t2: Duration,
    },
}

/// A route: to `destination/prefix_len` through `gateway` (`0.0.0.0`: on the link; RFC 3442).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The network, with the bits beyond the prefix cleared.
    pub destination: Ipv4Addr,
    /// How many bits of it count, 0 to 32.
    pub prefix_len: u8,
    /// The next hop.
    pub gateway: Ipv4Addr,
}

impl Route {
    /// The default route through `gateway`.
    pub const fn default_through(gateway: Ipv4Addr) -> Self {
        Self {
            destination: Ipv4Addr::UNSPECIFIED,
            prefix_len: 0,
            gateway,
        }
    }
}

/// An address granted by a server, with what came with it.
///
/// All of it is checked: addresses are those of hosts, names have only a domain name's characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The address that is leased.
    pub address: Ipv4Addr,
    /// The length of its network's prefix: option 1, or where there is none the natural one of its class (RFC 791, 3.2),
    /// as other clients have it.
    pub prefix_len: u8,
    /// The server that granted it.
    pub server_id: Ipv4Addr,
    /// Option 3, in the server's order of preference; at most [`MAX_HOSTS`].
    pub routers: Vec<Ipv4Addr>,
    /// What to install: option 121 where present (it overrides 3, RFC 3442), else a default route via the first router; at
    /// most [`MAX_ROUTES`].
    pub routes: Vec<Route>,
    /// Option 6, in the server's order of preference; at most [`MAX_HOSTS`].
    pub dns: Vec<Ipv4Addr>,
    /// Option 15, without a dot at its end; of several names the first.
    pub domain: Option<String>,
    /// Option 119 (RFC 3397); where there is none and option 15 has several names, these. At most 32.
    pub search: Vec<String>,
    /// Option 26, in bytes, at least 576.
    pub mtu: Option<u16>,
    /// How long it lasts.
    pub lifetime: Lifetime,
    /// When the REQUEST that won it was sent: the lease counts from here (RFC 2131, 4.4.1 and 4.4.5).
    pub requested_at: Instant,
}

/// A lease, and what is to be said of the options that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The lease that the message grants.
    pub lease: Lease,
    /// The options that were not used as they stand: for each and each reason one.
    pub remarks: Vec<Remark>,
}

impl Lease {
    /// The router that packets for elsewhere go to: the gateway of the first default route.
    pub fn router(&self) -> Option<Ipv4Addr> {
        self.routes
            .iter()
            .find(|route| route.prefix_len == 0)
            .map(|route| route.gateway)
    }

    /// When it ends; `None`: never.
    pub fn expires_at(&self) -> Option<Instant> {
        self.at(|_, _, lease| lease)
    }

    /// T1: when its server is asked for more; `None`: never.
    pub fn renew_at(&self) -> Option<Instant> {
        self.at(|t1, _, _| t1)
    }

    /// T2: when any server is asked for more; `None`: never.
    pub fn rebind_at(&self) -> Option<Instant> {
        self.at(|_, t2, _| t2)
    }

    fn at(&self, pick: impl Fn(Duration, Duration, Duration) -> Duration) -> Option<Instant> {
        match self.lifetime {
            Lifetime::Infinite => None,
            Lifetime::Finite { lease, t1, t2 } => {
                self.requested_at.checked_add(pick(t1, t2, lease))
            }
        }
    }

    /// What `ack` grants to the client whose REQUEST was sent at `requested_at`; `rng` gives the fuzz of T1 and T2.
    ///
    /// `Err` where it grants nothing that can be used.
    pub fn from_ack(
        ack: &Message,
        requested_at: Instant,
        rng: &mut fastrand::Rng,
    ) -> Result<Grant, Ignored> {
        let (address, server_id) = granted(ack)?;
        // RFC 2131, table 3: an OFFER or ACK names its server, and an ACK has a lease time.
        let seconds = ack
            .options
            .seconds(code::LEASE_TIME)
            .ok_or(Ignored::NoLeaseTime)?;
        if seconds == 0 {
            return Err(Ignored::ZeroLeaseTime);
        }
        let mut values = Values {
            ack,
            address,
            remarks: Vec::new(),
        };
        let prefix_len = values.prefix_len();
        let routers = values.routers();
        let to_install = values.routes(&routers);
        let dns = values.hosts(code::DNS_SERVERS);
        let mut domains = values.domains();
        let mut search = values.search();
        if search.is_empty() && domains.len() > 1 {
            search.clone_from(&domains);
        }
        domains.truncate(1);
        let lease = Self {
            address,
            prefix_len,
            server_id,
            routes: to_install,
            routers,
            dns,
            domain: domains.pop(),
            search,
            mtu: values.mtu(),
            lifetime: values.lifetime(seconds, rng),
            requested_at,
        };
        Ok(Grant {
            lease,
            remarks: values.remarks,
        })
    }
}

/// The address that an OFFER or ACK is about, and the server that it is from: an address that a client can use, of a server
/// that it can answer.
///
/// A server that is wrong about this is wrong for all its clients: one that used its own server's address would answer its own
/// questions.
pub(super) fn granted(message: &Message) -> Result<(Ipv4Addr, Ipv4Addr), Ignored> {
    let address = usable(message.yiaddr)
        // Link-local addresses "SHOULD NOT be configured [...] by a DHCP server" (RFC 3927, 1.6): no router forwards them.
        // RFC 3927, 1.6: no link-local address is taken from a server.
        .filter(|address| !address.is_link_local())
        .ok_or(Ignored::UnusableAddress)?;
    // RFC 2131, table 3: an OFFER or ACK names its server, and an ACK has a lease time.
    let server_id = server_id(message).ok_or(Ignored::NoServerId)?;
    if address == server_id || address == message.giaddr {
        return Err(Ignored::ServersAddress);
    }
    let (prefix_len, _) = prefix_len(message, address);
    // Of 31 bits both addresses are hosts' (RFC 3021), of 32 the only one is.
    if prefix_len <= 30 {
        let hosts = u32::MAX >> prefix_len;
        match address.to_bits() & hosts {
            0 => return Err(Ignored::NetworkAddress),
            host if host == hosts => return Err(Ignored::BroadcastAddress),
            _ => {}
        }
    }
    Ok((address, server_id))
}

/// `address`, if a host can have it: not of 0/8, loopback, multicast, or 240/4 with its broadcast address.
// RFC 1122, 3.2.1.3: no address is used that no host can have.
fn usable(address: Ipv4Addr) -> Option<Ipv4Addr> {
    (1..224)
        .contains(&address.octets()[0])
        .then_some(address)
        .filter(|address| !address.is_loopback())
}

/// Option 54, if it is a host's address: RENEW and RELEASE will be sent there.
pub(super) fn server_id(message: &Message) -> Option<Ipv4Addr> {
    message.options.address(code::SERVER_ID).and_then(usable)
}

/// The length of the prefix that `message` gives to `address`, and whether its option 1 is a mask.
fn prefix_len(message: &Message, address: Ipv4Addr) -> (u8, bool) {
    let natural = match address.octets()[0] {
        0..128 => 8,
        128..192 => 16,
        192.. => 24,
    };
    let Some(mask) = message.options.address(code::SUBNET_MASK) else {
        return (natural, true);
    };
    let ones = mask.to_bits().leading_ones();
    // A mask of no ones at all would put the whole Internet on the link.
    if ones == 0 || ones != mask.to_bits().count_ones() {
        return (natural, false);
    }
    (u8::try_from(ones).unwrap_or(natural), true)
}

/// Reads the values that come with an address, passing over those that cannot be used.
struct Values<'a> {
    ack: &'a Message,
    address: Ipv4Addr,
    remarks: Vec<Remark>,
}

impl Values<'_> {
    fn remark(&mut self, option: u8, reason: RemarkReason) {
        let is_known = |known: &Remark| (known.option, known.reason) == (option, reason);
        if !self.remarks.iter().any(is_known) {
            self.remarks.push(Remark {
                option,
                offset: self.ack.notes.offset(option),
                length: self.ack.options.get(option).map_or(0, |value| value.len()),
                reason,
            });
        }
    }

    fn prefix_len(&mut self) -> u8 {
        let (prefix_len, is_mask) = prefix_len(self.ack, self.address);
        if !is_mask {
            self.remark(code::SUBNET_MASK, RemarkReason::Value);
        }
        prefix_len
    }

    /// A client that is named as its own router has none: what it sent there would never leave it.
    fn routers(&mut self) -> Vec<Ipv4Addr> {
        let mut routers = self.hosts(code::ROUTERS);
        if routers.contains(&self.address) {
            routers.retain(|router| *router != self.address);
            self.remark(code::ROUTERS, RemarkReason::OwnAddress);
        }
        routers
    }

    fn hosts(&mut self, code: u8) -> Vec<Ipv4Addr> {
        let mut hosts = Vec::new();
        for address in self.ack.options.addresses(code) {
            match usable(address) {
                Some(host) if hosts.len() < MAX_HOSTS => hosts.push(host),
                Some(_) => self.remark(code, RemarkReason::OverLimit),
                None => self.remark(code, RemarkReason::Value),
            }
        }
        hosts
    }

    /// "If the DHCP server returns both a Classless Static Routes option and a Router option, the DHCP client MUST ignore
    /// the Router option" (RFC 3442), even where the former has no default route.
    fn routes(&mut self, routers: &[Ipv4Addr]) -> Vec<Route> {
        // RFC 3442: option 121 overrides option 3.
        let Some(offered) = self.ack.options.routes() else {
            return routers
                .first()
                .map(|router| Route::default_through(*router))
                .into_iter()
                .collect();
        };
        let mut kept: Vec<Route> = Vec::new();
        for route in offered {
            if kept.len() == MAX_ROUTES {
                self.remark(code::CLASSLESS_ROUTES, RemarkReason::OverLimit);
                break;
            }
            let is_known = |known: &Route| {
                (known.destination, known.prefix_len) == (route.destination, route.prefix_len)
            };
            let on_link = route.gateway.is_unspecified();
            if route.gateway == self.address {
                self.remark(code::CLASSLESS_ROUTES, RemarkReason::OwnAddress);
            } else if (on_link || usable(route.gateway).is_some()) && !kept.iter().any(is_known) {
                kept.push(route);
            } else {
                self.remark(code::CLASSLESS_ROUTES, RemarkReason::Value);
            }
        }
        kept
    }

    fn domains(&mut self) -> Vec<String> {
        let Some(text) = self.ack.options.text(code::DOMAIN_NAME) else {
            return Vec::new();
        };
        let names = self.names(code::DOMAIN_NAME, parse_names(&text));
        if names.len() > 1 {
            self.remark(code::DOMAIN_NAME, RemarkReason::SeveralNames);
        }
        names
    }

    fn search(&mut self) -> Vec<String> {
        let value = self.ack.options.get(code::DOMAIN_SEARCH);
        let list = parse_search_list(&value.unwrap_or_default());
        self.names(code::DOMAIN_SEARCH, list)
    }

    fn names(&mut self, code: u8, list: NameList) -> Vec<String> {
        if list.dropped > 0 {
            self.remark(code, RemarkReason::Value);
        }
        if list.beyond > 0 {
            self.remark(code, RemarkReason::OverLimit);
        }
        list.names
    }

    fn mtu(&mut self) -> Option<u16> {
        let mtu = self.ack.options.short(code::MTU)?;
        if mtu < MIN_MTU {
            self.remark(code::MTU, RemarkReason::Value);
            return None;
        }
        Some(mtu)
    }

    /// T1 and T2 as the server says; where it does not, or says what breaks their order, 0.5 and 0.875 of the lease with
    /// some fuzz, so that a herd does not renew as one (RFC 2131, 4.4.5).
    fn lifetime(&mut self, seconds: u32, rng: &mut fastrand::Rng) -> Lifetime {
        // RFC 2131, 3.3: a lease of 0xffffffff never ends and has no timers.
        if seconds == INFINITY {
            return Lifetime::Infinite;
        }
        let lease = Duration::from_secs(seconds.into());
        let mut fuzzed =
            |fraction: f64| lease.mul_f64(fraction + TIMER_FUZZ * (2.0 * rng.f64() - 1.0));
        // RFC 2131, 4.4.5: T1 is 0.5 and T2 0.875 of the lease, with fuzz, where the server names none.
        let (default_t1, default_t2) = (fuzzed(0.5), fuzzed(0.875));
        let given = |code| {
            self.ack
                .options
                .seconds(code)
                .map(|seconds| Duration::from_secs(seconds.into()))
        };
        let given_t1 = given(code::RENEWAL_TIME);
        let t1 = given_t1.unwrap_or(default_t1);
        let t2 = given(code::REBINDING_TIME).unwrap_or(default_t2);
        // RFC 2131, 4.4.5: T1 comes before T2, and T2 before the end.
        if Duration::ZERO < t1 && t1 < t2 && t2 < lease {
            return Lifetime::Finite { lease, t1, t2 };
        }
        let wrong = match given_t1 {
            Some(_) => code::RENEWAL_TIME,
            None => code::REBINDING_TIME,
        };
        self.remark(wrong, RemarkReason::Value);
        Lifetime::Finite {
            lease,
            t1: default_t1,
            t2: default_t2,
        }
    }
}

#[cfg(test)]
mod tests;
