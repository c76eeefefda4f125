//! The file `resolv.conf` of a client: what its lease says, and what it has of IPv6. Pure.

use std::net::IpAddr;

use lanherd_dhcp::Lease;

use crate::config::LINK;
use crate::lan::ipv6::Addressing6;

/// The resolvers of one family, and the names that are searched with them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct NameServers {
    servers: Vec<IpAddr>,
    search: Vec<String>,
}

impl From<&Lease> for NameServers {
    fn from(lease: &Lease) -> Self {
        let domain = lease.domain.iter().filter(|_| lease.search.is_empty());
        Self {
            servers: lease.dns.iter().copied().map(IpAddr::from).collect(),
            search: lease.search.iter().chain(domain).cloned().collect(),
        }
    }
}

impl From<&Addressing6> for NameServers {
    fn from(addressing: &Addressing6) -> Self {
        let servers = addressing.resolvers.iter().copied();
        Self {
            servers: servers.map(IpAddr::from).collect(),
            search: addressing.search.clone(),
        }
    }
}

/// What a client's resolver file says (`resolv.conf(5)`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ResolverFile {
    /// What the lease says; `None`: there is no lease.
    pub leased: Option<NameServers>,
    /// What there is of IPv6.
    pub ipv6: NameServers,
}

impl ResolverFile {
    /// Where it comes from, for whoever reads the file.
    pub fn comment(&self) -> &'static str {
        let leased = self.leased.as_ref().map(|leased| &leased.servers[..]);
        match (leased, self.ipv6.servers.is_empty()) {
            (None, true) => "no lease",
            (Some([]), true) => "the lease names no DNS server",
            (Some(_), true) => "from the lease",
            (None | Some([]), false) => "from IPv6",
            (Some(_), false) => "from the lease, then from IPv6",
        }
    }

    /// Its lines: the resolvers of the lease before those of IPv6, each name that is searched once.
    ///
    /// Names come from the network: those that are not plain host names are left out, or one with a line break in it would
    /// add lines of its own.
    pub fn lines(&self) -> String {
        let all = || self.leased.iter().chain([&self.ipv6]);
        let mut search: Vec<&str> = Vec::new();
        for name in all().flat_map(|of_family| &of_family.search) {
            if is_host_name(name) && !search.contains(&name.as_str()) {
                search.push(name);
            }
        }
        let mut lines = String::new();
        if !search.is_empty() {
            lines.push_str("search ");
            lines.push_str(&search.join(" "));
            lines.push('\n');
        }
        for server in all().flat_map(|of_family| &of_family.servers) {
            lines.push_str("nameserver ");
            lines.push_str(&server.to_string());
            // RFC 8106, 5.1: a link-local resolver is written with its link.
            if matches!(server, IpAddr::V6(server) if server.is_unicast_link_local()) {
                lines.push('%');
                lines.push_str(LINK);
            }
            lines.push('\n');
        }
        lines
    }
}

fn is_host_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Instant;

    use super::*;
    use lanherd_dhcp::Lifetime;

    #[test]
    fn resolver_lines_name_servers_and_refuse_names_that_would_add_lines() {
        let lease = Lease {
            dns: vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)],
            domain: Some("ignored.example".into()),
            search: vec![
                "lan.example".into(),
                "evil\nnameserver 6.6.6.6".into(),
                String::new(),
            ],
            address: Ipv4Addr::new(10, 0, 0, 7),
            prefix_len: 24,
            server_id: Ipv4Addr::new(10, 0, 0, 1),
            routers: Vec::new(),
            routes: Vec::new(),
            mtu: None,
            lifetime: Lifetime::Infinite,
            requested_at: Instant::now(),
        };
        let lines = |lease: &Lease| {
            let file = ResolverFile {
                leased: Some(lease.into()),
                ..ResolverFile::default()
            };
            file.lines()
        };
        assert_eq!(
            lines(&lease),
            "search lan.example\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n"
        );
        // What IPv6 adds stands behind it, and goes without it.
        let ipv6 = NameServers::from(&Addressing6 {
            resolvers: vec![
                Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x53),
            ],
            search: vec!["lan.example".into(), "six.example".into(), "a b".into()],
            ..Addressing6::default()
        });
        let mut both = ResolverFile {
            leased: Some((&lease).into()),
            ipv6,
        };
        assert_eq!(
            both.lines(),
            "search lan.example six.example\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n\
             nameserver fe80::1%lan0\nnameserver 2001:db8::53\n"
        );
        assert_eq!(both.comment(), "from the lease, then from IPv6");
        both.leased = None;
        assert_eq!(
            both.lines(),
            "search lan.example six.example\nnameserver fe80::1%lan0\nnameserver 2001:db8::53\n"
        );
        assert_eq!(both.comment(), "from IPv6");
        let lease = Lease {
            search: Vec::new(),
            ..lease
        };
        assert_eq!(lines(&lease).lines().next(), Some("search ignored.example"));
        let lease = Lease {
            dns: Vec::new(),
            domain: None,
            ..lease
        };
        assert_eq!(lines(&lease), "");
    }
}
