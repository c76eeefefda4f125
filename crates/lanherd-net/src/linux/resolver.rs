//! The file `resolv.conf` of a client, from its lease. Pure.

use lanherd_dhcp::Lease;

/// The resolver file's lines for a lease (`resolv.conf(5)`).
///
/// Names come from the network: those that are not plain host names are left out, or one with a line break in it would
/// add lines of its own.
pub(super) fn resolver_lines(lease: &Lease) -> String {
    let mut lines = String::new();
    let search: Vec<&str> = lease
        .search
        .iter()
        .chain(lease.domain.iter().filter(|_| lease.search.is_empty()))
        .map(String::as_str)
        .filter(|name| is_host_name(name))
        .collect();
    if !search.is_empty() {
        lines.push_str("search ");
        lines.push_str(&search.join(" "));
        lines.push('\n');
    }
    for server in &lease.dns {
        lines.push_str("nameserver ");
        lines.push_str(&server.to_string());
        lines.push('\n');
    }
    lines
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
    use std::net::Ipv4Addr;
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
        assert_eq!(
            resolver_lines(&lease),
            "search lan.example\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n"
        );
        let lease = Lease {
            search: Vec::new(),
            ..lease
        };
        assert_eq!(
            resolver_lines(&lease).lines().next(),
            Some("search ignored.example")
        );
        let lease = Lease {
            dns: Vec::new(),
            domain: None,
            ..lease
        };
        assert_eq!(resolver_lines(&lease), "");
    }
}
