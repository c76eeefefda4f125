//! What an audit found, for people and for programs.

mod text;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use lanherd_dhcp::code;
use lanherd_ndp::{NdOption, RouterAdvertisement};
use serde::{Deserialize, Serialize};

use crate::audit::Settings;
use crate::breach::Breach;
use crate::requirement::Level;
use crate::router::RouterLog;
use crate::{dhcp, dhcp6};

/// The version of the report as JSON. Fields may be added within one.
pub const SCHEMA: u32 = 1;

/// What could not be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Withheld {
    /// Frames that the kernel dropped because they were not read in time.
    pub frames_lost: u64,
    /// Breaches that are not told, because they rest on a frame that did not come, and frames were lost.
    pub breaches: usize,
    /// Messages that broke something beyond the kinds that are kept.
    pub untold: u64,
    /// Router advertisements from more routers than are kept apart.
    pub untold_routers: u64,
}

/// A prefix of the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixFound {
    /// The prefix with its length: `2001:db8::/64`.
    pub prefix: String,
    /// The L flag.
    pub on_link: bool,
    /// The A flag.
    pub autonomous: bool,
    /// In seconds; `null`: for ever.
    pub preferred_seconds: Option<u64>,
    /// In seconds; `null`: for ever.
    pub valid_seconds: Option<u64>,
}

/// A route through a router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteFound {
    /// Where it leads, with its length.
    pub prefix: String,
    /// How much it is preferred to others: `low`, `medium`, `high`.
    pub preference: Cow<'static, str>,
    /// In seconds; `null`: for ever.
    pub seconds: Option<u64>,
}

/// One router, as it last advertised itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouterFound {
    /// Link-local address and MAC.
    pub name: String,
    /// Advertisements to all nodes.
    pub to_all: u64,
    /// Advertisements to one host.
    pub to_one: u64,
    /// The shortest time between two to all nodes, in seconds.
    pub shortest_gap_seconds: Option<f64>,
    /// The longest time between two to all nodes, in seconds.
    pub longest_gap_seconds: Option<f64>,
    /// The router lifetime in seconds; 0: it is no default router.
    pub lifetime_seconds: u16,
    /// How much it is preferred to others: `low`, `medium`, `high`.
    pub preference: Cow<'static, str>,
    /// The M flag.
    pub managed: bool,
    /// The O flag.
    pub other: bool,
    /// The hop limit for hosts; `null`: unspecified.
    pub hop_limit: Option<u8>,
    /// The MTU in bytes.
    pub mtu: Option<u32>,
    /// The prefixes that it advertises.
    pub prefixes: Vec<PrefixFound>,
    /// Routes through it.
    pub routes: Vec<String>,
    /// The same with what is said of each.
    pub route_information: Vec<RouteFound>,
    /// The resolvers that it names.
    pub resolvers: Vec<Ipv6Addr>,
    /// How long they are good, in seconds; `null`: for ever, or it names none.
    pub resolver_seconds: Option<u64>,
    /// Names that are searched.
    pub search: Vec<String>,
    /// The NAT64 prefixes that it names.
    pub pref64: Vec<String>,
    /// The captive portal's URI.
    pub captive_portal: Option<String>,
    /// Options that are not known.
    pub unknown_options: Vec<u8>,
}

/// One DHCP server, as it last offered or granted an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerFound {
    /// Server identifier and MAC.
    pub name: String,
    /// How many messages of each type.
    pub messages: BTreeMap<&'static str, u64>,
    /// The network that it leases addresses of.
    pub network: Option<String>,
    /// The routers that it names.
    pub routers: Vec<Ipv4Addr>,
    /// The resolvers that it names.
    pub resolvers: Vec<Ipv4Addr>,
    /// The domain that it names.
    pub domain: Option<String>,
    /// The lease time in seconds; `null`: for ever, or not told.
    pub lease_seconds: Option<u32>,
    /// Its options in their order.
    pub options: Vec<u8>,
}

/// One `DHCPv6` server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerFound6 {
    /// Address and MAC.
    pub name: String,
    /// The server identifier.
    pub duid: Option<String>,
    /// How many messages of each type.
    pub messages: BTreeMap<&'static str, u64>,
    /// Addresses and prefixes that it last offered or granted.
    pub leases: Vec<String>,
    /// The resolvers that it names.
    pub resolvers: Vec<Ipv6Addr>,
    /// Names that are searched.
    pub search: Vec<String>,
    /// Its latest status, where it was no success.
    pub status: Option<String>,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version of this form.
    pub schema: u32,
    /// The interface that was listened on.
    pub interface: String,
    /// For how long it was listened, in seconds.
    pub seconds: f64,
    /// Whether anything was asked, or only listened.
    pub solicited: bool,
    /// Messages of routers and servers that were heard.
    pub messages: u64,
    /// The routers that were heard.
    pub routers: Vec<RouterFound>,
    /// The DHCP servers.
    pub dhcp_servers: Vec<ServerFound>,
    /// The `DHCPv6` servers.
    pub dhcp6_servers: Vec<ServerFound6>,
    /// What breaks a requirement, what binds most first.
    pub breaches: Vec<Breach>,
    /// What could not be said.
    pub withheld: Withheld,
}

impl Report {
    #[expect(clippy::too_many_arguments, reason = "all that an audit has")]
    pub(crate) fn new<'a>(
        settings: &Settings,
        now: Duration,
        solicited: bool,
        messages: u64,
        routers: impl Iterator<Item = &'a RouterLog>,
        servers: impl Iterator<Item = &'a dhcp::ServerLog>,
        servers6: impl Iterator<Item = &'a dhcp6::Dhcp6ServerLog>,
        breaches: Vec<Breach>,
        withheld: Withheld,
    ) -> Self {
        Self {
            schema: SCHEMA,
            interface: settings.interface.clone(),
            seconds: now.as_secs_f64(),
            solicited,
            messages,
            routers: routers.map(RouterFound::of).collect(),
            dhcp_servers: servers.map(ServerFound::of).collect(),
            dhcp6_servers: servers6.map(ServerFound6::of).collect(),
            breaches,
            withheld,
        }
    }

    /// How many kinds of breach of that level there are.
    pub fn count(&self, level: Level) -> usize {
        self.breaches
            .iter()
            .filter(|breach| breach.level == level)
            .count()
    }
}

impl RouterFound {
    pub(crate) fn of(router: &RouterLog) -> Self {
        let RouterAdvertisement {
            hop_limit,
            managed,
            other,
            preference,
            lifetime,
            ..
        } = router.latest;
        let mut found = Self {
            name: router.name.clone(),
            to_all: router.to_all,
            to_one: router.to_one,
            shortest_gap_seconds: router.shortest_gap.map(|gap| gap.as_secs_f64()),
            longest_gap_seconds: router.longest_gap.map(|gap| gap.as_secs_f64()),
            lifetime_seconds: lifetime,
            preference: preference.as_str().into(),
            managed,
            other,
            hop_limit,
            mtu: None,
            prefixes: Vec::new(),
            routes: Vec::new(),
            route_information: Vec::new(),
            resolvers: Vec::new(),
            resolver_seconds: None,
            search: Vec::new(),
            pref64: Vec::new(),
            captive_portal: None,
            unknown_options: Vec::new(),
        };
        for option in &router.options {
            match option {
                NdOption::Prefix(prefix) => found.prefixes.push(PrefixFound {
                    prefix: prefix.prefix.to_string(),
                    on_link: prefix.on_link,
                    autonomous: prefix.autonomous,
                    preferred_seconds: prefix.preferred.duration().map(|span| span.as_secs()),
                    valid_seconds: prefix.valid.duration().map(|span| span.as_secs()),
                }),
                NdOption::Mtu(mtu) => found.mtu = Some(*mtu),
                NdOption::Route(route) => {
                    found.routes.push(route.prefix.to_string());
                    found.route_information.push(RouteFound {
                        prefix: route.prefix.to_string(),
                        preference: route.preference.as_str().into(),
                        seconds: route.lifetime.duration().map(|span| span.as_secs()),
                    });
                }
                NdOption::Resolvers(resolvers) => {
                    found.resolvers.extend(&resolvers.servers);
                    found.resolver_seconds = resolvers.lifetime.duration().map(|it| it.as_secs());
                }
                NdOption::SearchList(search) => found.search.extend(search.names.clone()),
                NdOption::Pref64(pref64) => found.pref64.push(pref64.prefix.to_string()),
                NdOption::CaptivePortal(uri) => found.captive_portal = Some(uri.clone()),
                NdOption::Other { code, .. } => found.unknown_options.push(*code),
                NdOption::SourceLinkLayer(_)
                | NdOption::TargetLinkLayer(_)
                | NdOption::RedirectedHeader(_)
                | NdOption::Nonce(_)
                | NdOption::EncryptedDns(_) => (),
            }
        }
        found
    }
}

impl ServerFound {
    fn of(server: &dhcp::ServerLog) -> Self {
        let lease = server.lease.as_ref();
        let options = server.latest.as_ref().map(|message| &message.options);
        Self {
            name: server.name.clone(),
            messages: server
                .messages
                .iter()
                .map(|(kind, count)| (kind.as_str(), *count))
                .collect(),
            network: lease.map(|lease| {
                let hosts = u32::MAX.checked_shr(lease.prefix_len.into()).unwrap_or(0);
                let network = Ipv4Addr::from_bits(lease.address.to_bits() & !hosts);
                format!("{network}/{}", lease.prefix_len)
            }),
            routers: lease.map_or_else(Vec::new, |lease| lease.routers.clone()),
            resolvers: lease.map_or_else(Vec::new, |lease| lease.dns.clone()),
            domain: lease.and_then(|lease| lease.domain.clone()),
            lease_seconds: options
                .and_then(|options| options.seconds(code::LEASE_TIME))
                .filter(|seconds| *seconds != u32::MAX),
            options: options.map_or_else(Vec::new, |options| {
                options.iter().map(|(code, _)| code).collect()
            }),
        }
    }
}

impl ServerFound6 {
    fn of(server: &dhcp6::Dhcp6ServerLog) -> Self {
        let mut leases = Vec::new();
        for ia in &server.associations {
            leases.extend(ia.addresses().map(|held| held.address.to_string()));
            leases.extend(ia.prefixes().map(|held| held.prefix.to_string()));
        }
        Self {
            name: server.name.clone(),
            duid: server.duid.as_ref().map(ToString::to_string),
            messages: server
                .messages
                .iter()
                .map(|(kind, count)| (kind.as_str(), *count))
                .collect(),
            leases,
            resolvers: server.parameters.dns.clone(),
            search: server.parameters.search.clone(),
            status: server.status.as_ref().map(ToString::to_string),
        }
    }
}
