//! Which of a host's addresses is used first (RFC 6724, 6). Pure.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

use super::Connectivity;

/// Orders the addresses of a host for a client that has so much, those of a family that it does not have last; of equals the one
/// that was named first stays first.
///
/// Of the rules of RFC 6724 (6) those that tell destinations of a client with one link apart: 1 (there is a source), 2 (of
/// the destination's scope), 5 (with its label), 6 (precedence) and 10 (leave the order as it is).
pub(super) fn ordered(mut addresses: Vec<IpAddr>, connectivity: &Connectivity) -> Vec<IpAddr> {
    addresses.sort_by_key(|address| rank(*address, connectivity));
    addresses
}

/// What is less comes first.
fn rank(to: IpAddr, connectivity: &Connectivity) -> (bool, bool, bool, Reverse<u8>) {
    let policy = Policy::of(to);
    let sources = sources(to, connectivity);
    let of_scope = |source: &&IpAddr| scope(**source) == scope(to);
    let matching = |source: &&IpAddr| Policy::of(**source).label == policy.label;
    // The kernel takes a source of the destination's scope, and of these one with its label (RFC 6724, 5).
    let source = sources
        .iter()
        .filter(of_scope)
        .find(matching)
        .or_else(|| sources.iter().find(of_scope))
        .or_else(|| sources.first());
    (
        source.is_none(),
        !source.as_ref().is_some_and(of_scope),
        !source.as_ref().is_some_and(matching),
        Reverse(policy.precedence),
    )
}

/// The client's addresses of the family of `to`.
fn sources(to: IpAddr, connectivity: &Connectivity) -> Vec<IpAddr> {
    match to {
        IpAddr::V4(_) => {
            let own = connectivity.ipv4.iter();
            own.map(|own| own.address.into()).collect()
        }
        IpAddr::V6(_) => {
            let own = connectivity.ipv6.iter().flat_map(|own| &own.addresses);
            own.copied().map(IpAddr::from).collect()
        }
    }
}

/// How far an address reaches (RFC 6724, 3.1, 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Link,
    Global,
}

fn scope(address: IpAddr) -> Scope {
    let is_of_link = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    if is_of_link {
        Scope::Link
    } else {
        Scope::Global
    }
}

/// A row of the default policy table (RFC 6724, 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Policy {
    precedence: u8,
    label: u8,
}

impl Policy {
    const fn new(precedence: u8, label: u8) -> Self {
        Self { precedence, label }
    }

    /// That of an address; the table's rows that are obsolete, and that no host can have, are left out.
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::new(35, 4),
            IpAddr::V6(address) if address.is_unique_local() => Self::new(3, 13),
            IpAddr::V6(address) => match address.segments() {
                [0x2002, ..] => Self::new(30, 2),
                [0x2001, 0, ..] => Self::new(5, 5),
                _ if address == Ipv6Addr::LOCALHOST => Self::new(50, 0),
                _ => Self::new(40, 1),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::activity::{Ipv6Config, LeasedConfig};

    fn with(ipv4: bool, ipv6: &[&str]) -> Connectivity {
        let leased = LeasedConfig {
            address: [10, 77, 0, 7].into(),
            router: None,
            resolvers: Vec::new(),
        };
        let addresses = ipv6.iter().map(|text| text.parse().expect("an address"));
        let config = Ipv6Config {
            addresses: addresses.collect(),
            ..Ipv6Config::default()
        };
        Connectivity {
            ipv4: ipv4.then(|| Arc::new(leased)),
            ipv6: (!ipv6.is_empty()).then(|| Arc::new(config)),
            is_joining: false,
        }
    }

    fn order(connectivity: &Connectivity, addresses: &[&str]) -> Vec<String> {
        let addresses = addresses.iter().map(|text| text.parse().expect("one"));
        let ordered = ordered(addresses.collect(), connectivity);
        ordered.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_global_address_of_ipv6_comes_first_and_a_local_one_only_for_who_has_such() {
        let global = with(true, &["2001:db8:77::7", "fe80::7"]);
        let local = with(true, &["fd00::7", "fe80::7"]);
        for (has, given, first) in [
            (&global, ["192.0.2.1", "2001:db8::1"], "2001:db8::1"),
            // Precedence 3 is below 35, and the labels do not match either.
            (&global, ["fd00::1", "192.0.2.1"], "192.0.2.1"),
            // From a local address nothing comes back from beyond: the label of IPv4 matches.
            (&local, ["2001:db8::1", "192.0.2.1"], "192.0.2.1"),
            (&global, ["2001:db8::1", "2001:db8::2"], "2001:db8::1"),
            (&global, ["2002:c000:201::1", "2001:db8::2"], "2001:db8::2"),
        ] {
            assert_eq!(order(has, &given)[0], first, "{given:?}");
        }
        let both = with(true, &["fd00::7", "2001:db8:77::7", "fe80::7"]);
        assert_eq!(
            order(&both, &["fd00::1", "192.0.2.1", "2001:db8::1"]),
            ["2001:db8::1", "192.0.2.1", "fd00::1"]
        );
    }

    #[test]
    fn what_the_client_cannot_reach_comes_last() {
        let only_ipv4 = with(true, &[]);
        let of_link = with(true, &["fe80::7"]);
        let only_ipv6 = with(false, &["2001:db8:77::7", "fe80::7"]);
        for (has, given, first) in [
            (&only_ipv4, ["2001:db8::1", "192.0.2.1"], "192.0.2.1"),
            (&of_link, ["2001:db8::1", "192.0.2.1"], "192.0.2.1"),
            (&only_ipv6, ["192.0.2.1", "2001:db8::1"], "2001:db8::1"),
        ] {
            assert_eq!(order(has, &given)[0], first, "{given:?}");
        }
    }
}
