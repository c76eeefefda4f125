//! What an audit found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use lanherd_dhcp::code;
use lanherd_ndp::{NdOption, RouterAdvertisement};
use serde::Serialize;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteFound {
    /// Where it leads, with its length.
    pub prefix: String,
    /// How much it is preferred to others: `low`, `medium`, `high`.
    pub preference: &'static str,
    /// In seconds; `null`: for ever.
    pub seconds: Option<u64>,
}

impl fmt::Display for RouteFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lasts = seconds(self.seconds);
        write!(f, "{} ({}, {lasts})", self.prefix, self.preference)
    }
}

/// One router, as it last advertised itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    pub preference: &'static str,
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
            preference: preference.as_str(),
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
                        preference: route.preference.as_str(),
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

/// A list, or a dash.
fn list<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        "-".to_owned()
    } else {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        items.join(", ")
    }
}

fn seconds(seconds: Option<impl fmt::Display>) -> String {
    seconds.map_or_else(|| "for ever".to_owned(), |seconds| format!("{seconds} s"))
}

fn messages(messages: &BTreeMap<&'static str, u64>) -> String {
    let messages: Vec<String> = messages
        .iter()
        .map(|(word, count)| format!("{count} {}", word.to_uppercase()))
        .collect();
    list(&messages)
}

impl fmt::Display for RouterFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "router {}", self.name)?;
        write!(
            f,
            "  advertisements   {} to all, {} to one host",
            self.to_all, self.to_one
        )?;
        if let (Some(shortest), Some(longest)) =
            (self.shortest_gap_seconds, self.longest_gap_seconds)
        {
            write!(f, "; to all every {shortest:.1} to {longest:.1} s")?;
        }
        let flags = match (self.managed, self.other) {
            (true, true) => "M and O",
            (true, false) => "M",
            (false, true) => "O",
            (false, false) => "none",
        };
        writeln!(f)?;
        if self.lifetime_seconds == 0 {
            write!(f, "  default router   no (lifetime 0)")?;
        } else {
            let (lifetime, preference) = (self.lifetime_seconds, self.preference);
            write!(
                f,
                "  default router   for {lifetime} s, preference {preference}"
            )?;
        }
        writeln!(f, "; flags {flags}")?;
        for prefix in &self.prefixes {
            writeln!(
                f,
                "  prefix           {}: preferred {}, valid {}; {}{}",
                prefix.prefix,
                seconds(prefix.preferred_seconds),
                seconds(prefix.valid_seconds),
                if prefix.on_link { "L" } else { "" },
                if prefix.autonomous { "A" } else { "" },
            )?;
        }
        for (name, value) in [
            ("routes", list(&self.route_information)),
            ("resolvers", list(&self.resolvers)),
            ("search list", list(&self.search)),
            ("NAT64 prefix", list(&self.pref64)),
            ("MTU", list(self.mtu.as_slice())),
            ("captive portal", list(self.captive_portal.as_slice())),
            ("unknown options", list(&self.unknown_options)),
        ] {
            if value != "-" {
                writeln!(f, "  {name:<16} {value}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for ServerFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "DHCP server {}", self.name)?;
        writeln!(f, "  messages         {}", messages(&self.messages))?;
        if let Some(network) = &self.network {
            writeln!(
                f,
                "  leases           of {network}, {}",
                seconds(self.lease_seconds)
            )?;
            writeln!(f, "  routers          {}", list(&self.routers))?;
            writeln!(f, "  resolvers        {}", list(&self.resolvers))?;
            writeln!(f, "  domain           {}", list(self.domain.as_slice()))?;
            writeln!(f, "  options          {}", list(&self.options))?;
        }
        Ok(())
    }
}

impl fmt::Display for ServerFound6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "DHCPv6 server {}", self.name)?;
        writeln!(f, "  DUID             {}", list(self.duid.as_slice()))?;
        writeln!(f, "  messages         {}", messages(&self.messages))?;
        writeln!(f, "  leases           {}", list(&self.leases))?;
        writeln!(f, "  resolvers        {}", list(&self.resolvers))?;
        writeln!(f, "  search list      {}", list(&self.search))?;
        if let Some(status) = &self.status {
            writeln!(f, "  status           {status}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = if self.solicited {
            "asked once"
        } else {
            "asked nothing"
        };
        writeln!(
            f,
            "{}: listened for {:.0} s, {asked}, heard {} of routers and servers",
            self.interface,
            self.seconds,
            match self.messages {
                1 => "1 message".to_owned(),
                more => format!("{more} messages"),
            }
        )?;
        for router in &self.routers {
            write!(f, "\n{router}")?;
        }
        for server in &self.dhcp_servers {
            write!(f, "\n{server}")?;
        }
        for server in &self.dhcp6_servers {
            write!(f, "\n{server}")?;
        }
        for (absent, what) in [
            (self.routers.is_empty(), "no router advertised itself"),
            (self.dhcp_servers.is_empty(), "no DHCP server was heard"),
            (self.dhcp6_servers.is_empty(), "no DHCPv6 server was heard"),
        ] {
            if absent {
                write!(f, "\n{what}")?;
            }
        }
        writeln!(f)?;
        for breach in &self.breaches {
            let Breach {
                level,
                source,
                sender,
                what,
                times,
                ..
            } = breach;
            writeln!(f, "{:<7} {source}: {sender}", level.as_str())?;
            let often = if *times == 1 {
                String::new()
            } else {
                format!(" ({times} times)")
            };
            writeln!(f, "        {}: {what}{often}", breach.requirement)?;
        }
        let Withheld {
            frames_lost,
            breaches,
            untold,
            untold_routers,
        } = self.withheld;
        if frames_lost > 0 {
            writeln!(
                f,
                "withheld: {frames_lost} frames were lost on this machine, so nothing is said of what did not come ({breaches} findings)"
            )?;
        }
        if untold > 0 || untold_routers > 0 {
            writeln!(
                f,
                "not told apart: {untold} more messages that break something, {untold_routers} advertisements of more routers"
            )?;
        }
        write!(
            f,
            "broken: {} must, {} should; worth knowing: {}",
            self.count(Level::Must),
            self.count(Level::Should),
            self.count(Level::Remark)
        )
    }
}
