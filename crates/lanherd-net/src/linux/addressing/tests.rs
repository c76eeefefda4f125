use std::time::Instant;

use super::steps::{MtuChange, StepKind, steps};
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

/// The steps, without those that make places for neighbours.
fn words(old: Option<&Lease>, new: Option<&Lease>) -> Vec<String> {
    let mut words = all_words(old, new);
    words.retain(|words| !words[2..].starts_with("neighbour"));
    words
}

fn all_words(old: Option<&Lease>, new: Option<&Lease>) -> Vec<String> {
    let of = |lease| Addressing::of(lease, &SURROUNDINGS);
    let (old, new) = (old.map(of), new.map(of));
    let mtu = |addressing: &Option<Addressing>| addressing.as_ref().map_or(1500, Addressing::mtu);
    let change = MtuChange {
        old: mtu(&old),
        new: mtu(&new),
    };
    steps(old.as_ref(), new.as_ref(), change)
        .into_iter()
        .map(|step| match step.kind {
            StepKind::Remove => format!("- {}", step.words),
            StepKind::Set | StepKind::SetUnlessThere => format!("+ {}", step.words),
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
fn whoever_will_be_spoken_to_has_a_place_that_is_not_counted_for_as_long_as_the_lease_names_it() {
    let first = Lease {
        dns: vec![Ipv4Addr::new(10, 0, 0, 53), Ipv4Addr::new(9, 9, 9, 9)],
        server_id: Ipv4Addr::new(10, 0, 0, 3),
        ..lease(&[("0.0.0.0", 0, "10.0.0.1"), ("10.1.0.0", 16, "10.0.0.1")])
    };
    let places = |old, new| -> Vec<_> {
        let words = all_words(old, new).into_iter();
        words
            .filter(|words| words[2..].starts_with("neighbour"))
            .collect()
    };
    assert_eq!(
        places(None, Some(&first)),
        [
            "+ neighbour 10.0.0.1",
            "+ neighbour 10.0.0.53",
            "+ neighbour 10.0.0.3"
        ]
    );
    let second = Lease {
        dns: Vec::new(),
        ..first.clone()
    };
    assert_eq!(
        places(Some(&first), Some(&second)),
        ["- neighbour 10.0.0.53"]
    );
    assert_eq!(
        places(Some(&second), None),
        ["- neighbour 10.0.0.1", "- neighbour 10.0.0.3"]
    );
    let permanent = Surroundings {
        neighbour: Some((Ipv4Addr::new(10, 0, 0, 1), Mac([2, 0, 0, 0, 0, 1]))),
        ..SURROUNDINGS
    };
    let routed = Lease {
        routers: vec![Ipv4Addr::new(10, 0, 0, 1)],
        ..second
    };
    let mut set = Addressing::of(&routed, &permanent);
    assert_eq!(set.expected, [Ipv4Addr::new(10, 0, 0, 3)]);
    set.neighbours_were_flushed();
    assert_eq!(
        (set.expected, set.neighbour),
        (Vec::new(), permanent.neighbour)
    );
    let many = Lease {
        dns: (1..=200)
            .map(|host| Ipv4Addr::new(10, 0, 0, host))
            .collect(),
        ..first
    };
    assert_eq!(
        Addressing::of(&many, &SURROUNDINGS).expected.len(),
        MOST_EXPECTED
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
        let without_places = Addressing {
            expected: Vec::new(),
            ..set.clone()
        };
        assert_eq!(found(&standing), without_places);
        standing.pop();
    }
    let no_change = MtuChange {
        old: 1500,
        new: 1500,
    };
    let words: Vec<_> = steps(Some(&without_prefix), Some(&set), no_change)
        .into_iter()
        .map(|step| (step.kind, step.words))
        .filter(|(kind, _)| *kind != StepKind::SetUnlessThere)
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
