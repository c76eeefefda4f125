//! From a lease to what the kernel is asked to set, and from one such state to the next. Pure.

use std::net::Ipv4Addr;

use netlink_packet_route::route::RouteProtocol;

use super::LINK_INDEX;
use crate::netlink::Request;
use crate::netlink::request::{self, Reach};
use lanherd_dhcp::{Lease, Route};
use lanherd_types::identity::Mac;

/// The smallest MTU that a host must accept from a server, in bytes (RFC 2132, 5.1).
const SMALLEST_MTU: u16 = 68;

/// What is set in a client's namespace while it holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addressing {
    address: Ipv4Addr,
    prefix_len: u8,
    routes: Vec<Route>,
    /// Whether the route to the prefix stands, which the kernel adds with the address.
    reaches_prefix: bool,
    neighbour: Option<(Ipv4Addr, Mac)>,
    mtu: u32,
}

/// What the LAN itself says about every client's addressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// The parent's MTU, in bytes: no macvlan on it can have a larger one.
    pub mtu: u32,
    /// A neighbour that is to be known for good where it is the client's router.
    pub neighbour: Option<(Ipv4Addr, Mac)>,
}

impl Addressing {
    /// Makes the addressing that `lease` asks for.
    ///
    /// Of several routes to one destination the first counts. An MTU above the parent's, or below what RFC 2132 allows,
    /// is left aside.
    pub fn of(lease: &Lease, surroundings: &Surroundings) -> Self {
        let mut routes: Vec<Route> = Vec::with_capacity(lease.routes.len());
        for route in lease.routes.iter().map(on_its_boundary) {
            let is_new = routes.iter().all(|known| {
                (known.destination, known.prefix_len) != (route.destination, route.prefix_len)
            });
            if is_new {
                routes.push(route);
            }
        }
        // Gateways may be reachable only through routes to the link itself: those come first.
        routes.sort_by_key(|route| !route.gateway.is_unspecified());
        let gateway = lease.router();
        Self {
            address: lease.address,
            prefix_len: lease.prefix_len,
            routes,
            reaches_prefix: true,
            neighbour: surroundings
                .neighbour
                .filter(|(address, _)| Some(*address) == gateway),
            mtu: lease
                .mtu
                .filter(|mtu| *mtu >= SMALLEST_MTU)
                .map(u32::from)
                .filter(|mtu| *mtu <= surroundings.mtu)
                .unwrap_or(surroundings.mtu),
        }
    }

    /// Makes the addressing that was found in a namespace: of the routes, those that a DHCP client has set, and the one to
    /// the prefix.
    pub fn found(
        (address, prefix_len): (Ipv4Addr, u8),
        standing: &[(Route, RouteProtocol)],
        mtu: u32,
    ) -> Self {
        // It is the DHCP client's own where it was lost once.
        let prefix = to_prefix(address, prefix_len);
        let routes = standing
            .iter()
            .filter(|(route, protocol)| *protocol == RouteProtocol::Dhcp && *route != prefix)
            .map(|(route, _)| *route)
            .collect();
        Self {
            address,
            prefix_len,
            routes,
            reaches_prefix: standing.iter().any(|(route, _)| *route == prefix),
            neighbour: None,
            mtu,
        }
    }

    /// The link's MTU while this stands, in bytes.
    pub fn mtu(&self) -> u32 {
        self.mtu
    }

    /// Returns what of this addressing is missing among the link's addresses and routes; `None` if nothing is. Who has set
    /// them does not matter.
    pub fn loss(
        &self,
        addresses: &[(Ipv4Addr, u8)],
        routes: &[(Route, RouteProtocol)],
    ) -> Option<Loss> {
        let stands = |route: &Route| routes.iter().any(|(standing, _)| standing == route);
        if !addresses.contains(&(self.address, self.prefix_len)) {
            // Its routes went with it.
            return Some(Loss {
                words: address_words(self),
                left: None,
            });
        }
        let (left, missing): (Vec<_>, Vec<_>) = self.routes.iter().copied().partition(stands);
        let lost_prefix = self
            .prefix_route()
            .filter(|route| self.reaches_prefix && !stands(route));
        let words: Vec<_> = lost_prefix
            .iter()
            .chain(&missing)
            .map(route_words)
            .collect();
        (!words.is_empty()).then(|| Loss {
            words: words.join(" and "),
            left: Some(Self {
                routes: left,
                reaches_prefix: self.reaches_prefix && lost_prefix.is_none(),
                ..self.clone()
            }),
        })
    }

    /// The route to the prefix, where the kernel adds one with the address and the lease does not put another in its
    /// place.
    fn prefix_route(&self) -> Option<Route> {
        let route = to_prefix(self.address, self.prefix_len);
        let is_replaced = self.routes.iter().any(|other| {
            (other.destination, other.prefix_len) == (route.destination, route.prefix_len)
        });
        let is_added = route.prefix_len < 32 && route.destination.octets()[0] != 0;
        (is_added && !is_replaced).then_some(route)
    }

    fn reach(&self, route: &Route) -> Reach {
        let in_prefix = route.gateway.is_unspecified()
            || network(route.gateway, self.prefix_len) == network(self.address, self.prefix_len);
        if in_prefix {
            Reach::Prefix
        } else {
            Reach::OnLink
        }
    }
}

/// What of a client's addressing somebody else removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    /// The address or routes that were removed, for a person to read.
    pub words: String,
    /// The addressing that is left.
    pub left: Option<Addressing>,
}

/// The kernel refuses a destination with bits set beyond its prefix; servers do send them.
fn on_its_boundary(route: &Route) -> Route {
    Route {
        destination: network(route.destination, route.prefix_len),
        ..*route
    }
}

/// The route to an address's prefix.
fn to_prefix(address: Ipv4Addr, prefix_len: u8) -> Route {
    Route {
        destination: network(address, prefix_len),
        prefix_len,
        gateway: Ipv4Addr::UNSPECIFIED,
    }
}

fn network(address: Ipv4Addr, prefix_len: u8) -> Ipv4Addr {
    let mask = u32::MAX
        .checked_shl(32 - u32::from(prefix_len.min(32)))
        .unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

/// One request with the words for it, for the case that it is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub words: String,
    pub request: Request,
    pub kind: StepKind,
}

/// Whether a step takes something away, which may have gone by itself, or sets something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepKind {
    Remove,
    Set,
}

/// A link's MTU as it is, and as it is to be, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MtuChange {
    pub old: u32,
    pub new: u32,
}

/// The steps from what stands to what is to stand.
pub(super) fn steps(
    old: Option<&Addressing>,
    new: Option<&Addressing>,
    mtu: MtuChange,
) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(old) = old {
        removals(old, new, &mut steps);
    }
    if mtu.old != mtu.new {
        steps.push(set(
            format!("MTU {}", mtu.new),
            request::set_mtu(LINK_INDEX, mtu.new),
        ));
    }
    if let Some(new) = new {
        additions(old, new, &mut steps);
    }
    steps
}

fn removals(old: &Addressing, new: Option<&Addressing>, steps: &mut Vec<Step>) {
    let mut remove = |words: String, request| {
        steps.push(Step {
            words,
            request,
            kind: StepKind::Remove,
        });
    };
    if let Some((address, mac)) = old.neighbour
        && new.and_then(|new| new.neighbour) != old.neighbour
    {
        remove(
            format!("neighbour {address} at {mac}"),
            request::delete_neighbour(LINK_INDEX, address),
        );
    }
    let keeps_address =
        new.is_some_and(|new| (new.address, new.prefix_len) == (old.address, old.prefix_len));
    if keeps_address {
        for route in &old.routes {
            if new.is_some_and(|new| !new.routes.contains(route)) {
                remove(route_words(route), request::delete_route(LINK_INDEX, route));
            }
        }
    } else {
        // Its routes go with it.
        remove(
            address_words(old),
            request::delete_address(LINK_INDEX, old.address, old.prefix_len),
        );
    }
}

fn additions(old: Option<&Addressing>, new: &Addressing, steps: &mut Vec<Step>) {
    let kept = old.filter(|old| (old.address, old.prefix_len) == (new.address, new.prefix_len));
    if kept.is_none() {
        steps.push(set(
            address_words(new),
            request::add_address(LINK_INDEX, new.address, new.prefix_len),
        ));
    }
    // A route that the lease before had put in its place has been removed.
    let lost_prefix = kept.is_some_and(|old| !old.reaches_prefix || old.prefix_route().is_none());
    let prefix_route = new.prefix_route().filter(|_| lost_prefix);
    let missing = new
        .routes
        .iter()
        .filter(|route| kept.is_none_or(|old| !old.routes.contains(route)));
    for route in prefix_route.iter().chain(missing) {
        steps.push(set(
            route_words(route),
            request::add_route(LINK_INDEX, route, new.reach(route), new.address),
        ));
    }
    if let Some((address, mac)) = new.neighbour
        && kept.is_none_or(|old| old.neighbour != new.neighbour)
    {
        steps.push(set(
            format!("neighbour {address} at {mac}"),
            request::add_neighbour(LINK_INDEX, address, mac),
        ));
    }
}

fn set(words: String, request: Request) -> Step {
    Step {
        words,
        request,
        kind: StepKind::Set,
    }
}

fn address_words(addressing: &Addressing) -> String {
    format!("address {}/{}", addressing.address, addressing.prefix_len)
}

fn route_words(route: &Route) -> String {
    let Route {
        destination,
        prefix_len,
        gateway,
    } = route;
    if gateway.is_unspecified() {
        format!("route to {destination}/{prefix_len} on the link")
    } else {
        format!("route to {destination}/{prefix_len} through {gateway}")
    }
}

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
    use std::time::Instant;

    use super::*;
    use lanherd_dhcp::Lifetime;

    const SURROUNDINGS: Surroundings = Surroundings {
        mtu: 1500,
        neighbour: None,
    };

    fn lease(routes: &[(&str, u8, &str)]) -> Lease {
        Lease {
            address: Ipv4Addr::new(10, 0, 0, 7),
            prefix_len: 24,
            server_id: Ipv4Addr::new(10, 0, 0, 1),
            routers: Vec::new(),
            routes: routes
                .iter()
                .map(|(destination, prefix_len, gateway)| Route {
                    destination: destination.parse().expect("an address"),
                    prefix_len: *prefix_len,
                    gateway: gateway.parse().expect("an address"),
                })
                .collect(),
            dns: Vec::new(),
            domain: None,
            search: Vec::new(),
            mtu: None,
            lifetime: Lifetime::Infinite,
            requested_at: Instant::now(),
        }
    }

    fn words(old: Option<&Lease>, new: Option<&Lease>) -> Vec<String> {
        let of = |lease| Addressing::of(lease, &SURROUNDINGS);
        let (old, new) = (old.map(of), new.map(of));
        let mtu =
            |addressing: &Option<Addressing>| addressing.as_ref().map_or(1500, Addressing::mtu);
        let change = MtuChange {
            old: mtu(&old),
            new: mtu(&new),
        };
        steps(old.as_ref(), new.as_ref(), change)
            .into_iter()
            .map(|step| match step.kind {
                StepKind::Remove => format!("- {}", step.words),
                StepKind::Set => format!("+ {}", step.words),
            })
            .collect()
    }

    fn by_dhcp(routes: &[Route]) -> Vec<(Route, RouteProtocol)> {
        routes
            .iter()
            .map(|route| (*route, RouteProtocol::Dhcp))
            .collect()
    }

    #[test]
    fn a_first_lease_sets_address_then_link_routes_then_gateways() {
        let lease = lease(&[("0.0.0.0", 0, "10.1.0.1"), ("10.1.0.1", 32, "0.0.0.0")]);
        assert_eq!(
            words(None, Some(&lease)),
            [
                "+ address 10.0.0.7/24",
                "+ route to 10.1.0.1/32 on the link",
                "+ route to 0.0.0.0/0 through 10.1.0.1",
            ]
        );
    }

    #[test]
    fn a_renewal_that_changes_nothing_asks_nothing_of_the_kernel() {
        let lease = lease(&[("0.0.0.0", 0, "10.0.0.1")]);
        assert_eq!(words(Some(&lease), Some(&lease)), [""; 0]);
    }

    #[test]
    fn a_renewal_with_another_router_replaces_only_the_route() {
        let old = lease(&[("0.0.0.0", 0, "10.0.0.1")]);
        let new = lease(&[("0.0.0.0", 0, "10.0.0.2")]);
        assert_eq!(
            words(Some(&old), Some(&new)),
            [
                "- route to 0.0.0.0/0 through 10.0.0.1",
                "+ route to 0.0.0.0/0 through 10.0.0.2"
            ]
        );
    }

    #[test]
    fn another_address_replaces_everything_and_no_lease_removes_it() {
        let old = lease(&[("0.0.0.0", 0, "10.0.0.1")]);
        let new = Lease {
            address: Ipv4Addr::new(10, 0, 0, 9),
            ..old.clone()
        };
        assert_eq!(
            words(Some(&old), Some(&new)),
            [
                "- address 10.0.0.7/24",
                "+ address 10.0.0.9/24",
                "+ route to 0.0.0.0/0 through 10.0.0.1"
            ]
        );
        assert_eq!(words(Some(&new), None), ["- address 10.0.0.9/24"]);
    }

    #[test]
    fn of_two_routes_to_one_destination_the_first_counts_even_where_stray_bits_hide_it() {
        let lease = lease(&[("10.9.0.0", 16, "10.0.0.1"), ("10.9.3.4", 16, "10.0.0.2")]);
        assert_eq!(
            words(None, Some(&lease))[1..],
            ["+ route to 10.9.0.0/16 through 10.0.0.1".to_owned()]
        );
    }

    #[test]
    fn an_mtu_is_followed_only_between_68_and_the_parents() {
        for (offered, set) in [
            (67, 1500),
            (68, 68),
            (1400, 1400),
            (1500, 1500),
            (9000, 1500),
        ] {
            let lease = Lease {
                mtu: Some(offered),
                ..lease(&[])
            };
            assert_eq!(
                Addressing::of(&lease, &SURROUNDINGS).mtu,
                set,
                "offered {offered}"
            );
        }
    }

    #[test]
    fn a_lease_without_the_mtu_that_the_last_one_had_restores_the_links_own() {
        let with = Lease {
            mtu: Some(1400),
            ..lease(&[])
        };
        assert_eq!(words(Some(&with), Some(&lease(&[]))), ["+ MTU 1500"]);
        assert_eq!(
            words(Some(&with), None),
            ["- address 10.0.0.7/24", "+ MTU 1500"]
        );
    }

    #[test]
    fn the_neighbour_is_known_for_good_only_where_it_is_the_router() {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let surroundings = Surroundings {
            neighbour: Some((Ipv4Addr::new(10, 0, 0, 1), mac)),
            mtu: 1500,
        };
        let through =
            |gateway| Addressing::of(&lease(&[("0.0.0.0", 0, gateway)]), &surroundings).neighbour;
        assert_eq!(through("10.0.0.1"), surroundings.neighbour);
        assert_eq!(through("10.0.0.2"), None);
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_left_is_what_a_new_lease_starts_from() {
        let lease = lease(&[("0.0.0.0", 0, "10.0.0.1"), ("10.9.0.0", 16, "10.0.0.2")]);
        let standing = Addressing::of(&lease, &SURROUNDINGS);
        let addresses = [(lease.address, 24)];
        let all = [&[to_prefix(lease.address, 24)][..], &lease.routes].concat();
        assert_eq!(standing.loss(&addresses, &by_dhcp(&all)), None);
        let loss = standing.loss(&[], &[]).expect("all");
        assert_eq!(
            (loss.words.as_str(), loss.left),
            ("address 10.0.0.7/24", None)
        );
        let restoring = |loss: &Loss| -> Vec<_> {
            let no_change = MtuChange {
                old: 1500,
                new: 1500,
            };
            let steps = steps(loss.left.as_ref(), Some(&standing), no_change).into_iter();
            steps.map(|step| (step.kind, step.words)).collect()
        };
        for missing in [0, 1, 2] {
            let mut routes = all.clone();
            let missing = routes.remove(missing);
            let routes = by_dhcp(&routes);
            let loss = standing.loss(&addresses, &routes).expect("a route");
            assert_eq!(loss.words, route_words(&missing));
            let left = loss.left.as_ref().expect("the address");
            assert_eq!(left.loss(&addresses, &routes), None, "it is told once");
            assert_eq!(restoring(&loss), [(StepKind::Set, loss.words.clone())]);
        }
        let loss = standing.loss(&addresses, &[]).expect("all routes");
        let each = all.iter().map(|route| (StepKind::Set, route_words(route)));
        assert_eq!(restoring(&loss), each.collect::<Vec<_>>());
    }

    #[test]
    fn a_prefix_without_a_route_of_its_own_is_not_missed() {
        let single = Lease {
            prefix_len: 32,
            ..lease(&[("10.1.0.1", 32, "0.0.0.0")])
        };
        let replaced = lease(&[("10.0.0.0", 24, "10.0.0.1")]);
        for lease in [single, replaced] {
            let standing = Addressing::of(&lease, &SURROUNDINGS);
            let addresses = [(lease.address, lease.prefix_len)];
            assert_eq!(standing.loss(&addresses, &by_dhcp(&lease.routes)), None);
        }
    }

    #[test]
    fn what_is_found_is_what_was_set_less_what_is_gone_and_never_somebody_elses() {
        let lease = lease(&[("0.0.0.0", 0, "10.0.0.1"), ("10.9.0.0", 16, "10.0.0.2")]);
        let set = Addressing::of(&lease, &SURROUNDINGS);
        let prefix = to_prefix(lease.address, 24);
        let theirs = Route {
            destination: Ipv4Addr::new(10, 8, 0, 0),
            prefix_len: 16,
            gateway: Ipv4Addr::new(10, 0, 0, 3),
        };
        let mut standing = by_dhcp(&lease.routes);
        standing.push((theirs, RouteProtocol::Static));
        let found =
            |standing: &[_]| Addressing::found((lease.address, lease.prefix_len), standing, 1500);
        let addresses = [(lease.address, 24)];
        let without_prefix = found(&standing);
        assert_eq!(without_prefix.loss(&addresses, &standing), None);
        for protocol in [RouteProtocol::Kernel, RouteProtocol::Dhcp] {
            standing.push((prefix, protocol));
            assert_eq!(found(&standing), set);
            standing.pop();
        }
        let no_change = MtuChange {
            old: 1500,
            new: 1500,
        };
        let words: Vec<_> = steps(Some(&without_prefix), Some(&set), no_change)
            .into_iter()
            .map(|step| (step.kind, step.words))
            .collect();
        assert_eq!(words, [(StepKind::Set, route_words(&prefix))]);
    }

    #[test]
    fn the_prefix_is_reached_again_when_the_route_that_stood_in_its_place_is_no_more() {
        let replaced = lease(&[("10.0.0.0", 24, "10.0.0.1")]);
        assert_eq!(
            words(Some(&replaced), Some(&lease(&[]))),
            [
                "- route to 10.0.0.0/24 through 10.0.0.1",
                "+ route to 10.0.0.0/24 on the link"
            ]
        );
    }

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
            ..lease(&[])
        };
        assert_eq!(
            resolver_lines(&lease),
            "search lan.example\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n"
        );
        let lease = Lease {
            search: Vec::new(),
            ..lease
        };
        assert!(resolver_lines(&lease).starts_with("search ignored.example\n"));
        assert_eq!(resolver_lines(&self::lease(&[])), "");
    }

    #[test]
    fn networks_are_masked_at_every_prefix_length() {
        let all = Ipv4Addr::BROADCAST;
        for (prefix_len, expected) in [
            (0, "0.0.0.0"),
            (1, "128.0.0.0"),
            (24, "255.255.255.0"),
            (32, "255.255.255.255"),
        ] {
            assert_eq!(network(all, prefix_len).to_string(), expected);
        }
        assert_eq!(network(all, 200), all);
    }
}
