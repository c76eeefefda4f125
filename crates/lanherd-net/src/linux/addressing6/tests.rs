mod delegated;

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use netlink_packet_route::address::AddressFlags;

use super::standing::*;
use crate::lan::ipv6::Route6;
use crate::lan::ipv6::{Address6, Addressing6, Neighbour6, RouterPreference};
use crate::linux::addressing::steps::StepKind;
use crate::netlink::request6::{FoundAddress, INFINITE, RouteKey};

const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);
const GLOBAL: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const OTHER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn default_through(gateway: Ipv6Addr, until: Instant) -> Route6 {
    Route6 {
        destination: Ipv6Addr::UNSPECIFIED,
        prefix_len: 0,
        gateway: Some(gateway),
        preference: RouterPreference::Medium,
        until: Some(until),
        mtu: None,
        hop_limit: None,
    }
}

/// What a client has that was advertised a prefix for 100 and 200 seconds, and a router for 100.
fn advertised(at: Instant) -> Addressing6 {
    Addressing6 {
        addresses: vec![
            Address6 {
                address: GLOBAL,
                prefix_len: 64,
                is_on_link: true,
                preferred_until: Some(at + secs(100)),
                valid_until: Some(at + secs(200)),
                detects_duplicates: true,
            },
            Address6::link_local(LINK_LOCAL, true),
        ],
        routes: vec![default_through(ROUTER, at + secs(100))],
        neighbours: vec![Neighbour6 {
            address: ROUTER,
            mac: None,
            is_router: true,
        }],
        ..Addressing6::default()
    }
}

fn words(plan: &Plan6) -> Vec<String> {
    let sign = |kind| match kind {
        StepKind::Remove => '-',
        StepKind::Set | StepKind::SetUnlessThere => '+',
    };
    let steps = plan.steps.iter();
    steps
        .map(|step| format!("{} {}", sign(step.kind), step.words))
        .collect()
}

fn found(address: Ipv6Addr, flags: AddressFlags) -> FoundAddress {
    FoundAddress {
        address,
        prefix_len: 64,
        flags,
        preferred: 100,
        valid: 200,
        is_ours: true,
    }
}

#[test]
fn what_is_new_is_set_in_the_order_in_which_it_is_needed() {
    let now = Instant::now();
    let plan = Standing6::default().plan(&advertised(now), now);
    assert_eq!(
        words(&plan),
        [
            "+ address fe80::7/64",
            "+ address 2001:db8::7/64",
            "+ neighbour fe80::1",
            "+ route to ::/0 through fe80::1",
        ]
    );
    assert_eq!(plan.again_by, None);
    let gone = plan.standing.plan(&Addressing6::default(), now);
    assert_eq!(
        words(&gone),
        [
            "- address fe80::7/64",
            "- address 2001:db8::7/64",
            "- neighbour fe80::1",
            "- route to ::/0 through fe80::1",
        ]
    );
    assert!(gone.standing.is_empty() && !plan.standing.is_empty());
}

#[test]
fn the_same_again_asks_nothing_and_a_prolongation_only_when_less_than_half_is_left() {
    let began = Instant::now();
    let standing = Standing6::default()
        .plan(&advertised(began), began)
        .standing;
    let at = |seconds| {
        let now = began + secs(seconds);
        standing.plan(&advertised(now), now)
    };
    assert_eq!(at(0).steps, []);
    let soon = at(40);
    assert_eq!(soon.steps, []);
    // The route ends at 100, and so does the preference of the address.
    assert_eq!(soon.again_by, Some(began + secs(70)));
    let late = at(60);
    assert_eq!(
        words(&late),
        [
            "+ address 2001:db8::7/64",
            "+ route to ::/0 through fe80::1"
        ]
    );
    assert_eq!(late.again_by, None);
    // At that moment the same is set again, and the kernel is told whatever the share.
    let then = began + secs(70);
    let again = standing.plan(&advertised(began + secs(10)), then);
    assert_eq!(again.steps.len(), 2, "{:?}", words(&again));
}

#[test]
fn what_ends_earlier_or_is_deprecated_is_told_at_once_and_what_is_over_is_removed() {
    let began = Instant::now();
    let standing = Standing6::default()
        .plan(&advertised(began), began)
        .standing;
    let now = began + secs(10);
    let mut wanted = advertised(began);
    wanted.addresses[0].preferred_until = Some(now);
    let deprecated = standing.plan(&wanted, now);
    assert_eq!(words(&deprecated), ["+ address 2001:db8::7/64"]);
    let unchanged = deprecated.standing.plan(&wanted, now + secs(50));
    assert_eq!(unchanged.steps, [], "it is deprecated already");
    wanted.addresses[0].valid_until = Some(now);
    wanted.routes[0].until = Some(now);
    assert_eq!(
        words(&deprecated.standing.plan(&wanted, now)),
        [
            "- address 2001:db8::7/64",
            "- route to ::/0 through fe80::1"
        ]
    );
}

#[test]
fn routers_have_metrics_of_their_own_in_the_order_in_which_they_are_preferred() {
    let now = Instant::now();
    let until = now + secs(1_800);
    let routers = |gateways: &[Ipv6Addr]| Addressing6 {
        routes: gateways
            .iter()
            .map(|gateway| default_through(*gateway, until))
            .collect(),
        ..Addressing6::default()
    };
    let metrics = |plan: &Plan6| -> Vec<_> {
        let standing = plan.standing.routes.iter();
        standing
            .map(|route| (route.key.metric, route.key.gateway))
            .collect()
    };
    let both = Standing6::default().plan(&routers(&[ROUTER, OTHER, ROUTER]), now);
    assert_eq!(metrics(&both), [(1024, Some(ROUTER)), (1025, Some(OTHER))]);
    // The second takes the place of the first before its old one is removed.
    let one = both.standing.plan(&routers(&[OTHER]), now);
    assert_eq!(metrics(&one), [(1024, Some(OTHER))]);
    assert_eq!(
        words(&one),
        [
            "+ route to ::/0 through fe80::2",
            "- route to ::/0 through fe80::2"
        ]
    );
}

#[test]
fn routes_on_the_link_come_first_and_bits_beyond_their_prefix_do_not_matter() {
    let now = Instant::now();
    let on_link = Route6 {
        destination: GLOBAL,
        prefix_len: 64,
        gateway: None,
        ..default_through(ROUTER, now + secs(60))
    };
    let wanted = Addressing6 {
        routes: vec![default_through(ROUTER, now + secs(60)), on_link],
        ..Addressing6::default()
    };
    assert_eq!(
        words(&Standing6::default().plan(&wanted, now)),
        [
            "+ route to 2001:db8::/64 on the link",
            "+ route to ::/0 through fe80::1"
        ]
    );
}

#[test]
fn a_neighbour_whose_link_address_changes_is_written_again_and_so_are_all_after_a_flush() {
    let now = Instant::now();
    let mut standing = Standing6::default().plan(&advertised(now), now).standing;
    let mut wanted = advertised(now);
    wanted.neighbours[0].mac = Some(lanherd_types::identity::Mac([2, 0, 0, 0, 0, 1]));
    assert_eq!(words(&standing.plan(&wanted, now)), ["+ neighbour fe80::1"]);
    standing.neighbours_were_flushed();
    let again = standing.plan(&advertised(now), now);
    assert_eq!(words(&again), ["+ neighbour fe80::1"]);
}

#[test]
fn duplicate_address_detection_ends_in_one_of_three_ways() {
    let now = Instant::now();
    let standing = Standing6::default().plan(&advertised(now), now).standing;
    let route = standing.routes[0].key;
    let tentative = AddressFlags::Tentative;
    let examine = |addresses: &[FoundAddress]| standing.examine(addresses, &[route], now);

    let pending = examine(&[found(GLOBAL, tentative), found(LINK_LOCAL, tentative)]);
    assert_eq!(pending.standing, standing);
    assert_eq!((pending.unique.len(), pending.duplicate.len()), (0, 0));

    let none = AddressFlags::empty();
    let unique = examine(&[found(GLOBAL, none), found(LINK_LOCAL, none)]);
    assert_eq!(unique.unique, [LINK_LOCAL, GLOBAL]);
    let again = unique.standing.examine(
        &[found(GLOBAL, none), found(LINK_LOCAL, none)],
        &[route],
        now,
    );
    assert_eq!(again.unique, [Ipv6Addr::UNSPECIFIED; 0], "it is told once");

    // The kernel removes one that has a lifetime, and keeps one that has none.
    let failed = found(LINK_LOCAL, tentative | AddressFlags::Dadfailed);
    let duplicate = examine(&[failed]);
    assert_eq!(duplicate.duplicate, [LINK_LOCAL, GLOBAL]);
    assert_eq!(duplicate.lost, [""; 0]);
    let removed: Vec<_> = duplicate.steps.iter().map(|step| &step.words).collect();
    assert_eq!(removed, ["address fe80::7/64"]);
    assert_eq!(duplicate.standing.addresses().count(), 0);
}

#[test]
fn what_somebody_removes_is_told_and_what_ends_by_itself_is_not() {
    let began = Instant::now();
    let mut wanted = advertised(began);
    for address in &mut wanted.addresses {
        address.detects_duplicates = false;
    }
    let standing = Standing6::default().plan(&wanted, began).standing;
    let none = AddressFlags::Nodad;
    let lost = standing.examine(&[found(LINK_LOCAL, none)], &[], began + secs(5));
    assert_eq!(
        lost.lost,
        ["address 2001:db8::7/64", "route to ::/0 through fe80::1"]
    );
    let restored = lost.standing.plan(&wanted, began + secs(5));
    assert_eq!(restored.steps.len(), 2);
    let ended = standing.examine(&[found(LINK_LOCAL, none)], &[], began + secs(200));
    assert_eq!(ended.lost, [""; 0]);
    assert_eq!(ended.standing.addresses().collect::<Vec<_>>(), [LINK_LOCAL]);
}

#[test]
fn what_is_found_is_what_the_next_addressing_starts_from_and_never_somebody_elses() {
    let now = Instant::now();
    let ours = found(GLOBAL, AddressFlags::empty());
    let theirs = FoundAddress {
        address: OTHER,
        valid: INFINITE,
        is_ours: false,
        ..ours
    };
    let key = RouteKey {
        destination: Ipv6Addr::UNSPECIFIED,
        prefix_len: 0,
        metric: 1024,
        gateway: Some(ROUTER),
    };
    let standing = Standing6::default().with_found(&[ours, theirs], &[key], now);
    assert_eq!(
        words(&standing.plan(&advertised(now), now)),
        [
            "+ address fe80::7/64",
            "+ neighbour fe80::1",
            "+ route to ::/0 through fe80::1"
        ],
        "the address stands as it is wanted"
    );
    assert_eq!(
        words(&standing.plan(&Addressing6::default(), now)),
        [
            "- address 2001:db8::7/64",
            "- route to ::/0 through fe80::1"
        ]
    );
}

#[test]
fn what_is_found_stays_until_it_is_known_what_of_it_is_right_and_nobody_is_asked_about_it_again() {
    let now = Instant::now();
    let none = AddressFlags::empty();
    let key = RouteKey {
        destination: Ipv6Addr::UNSPECIFIED,
        prefix_len: 0,
        metric: 1024,
        gateway: Some(ROUTER),
    };
    let all = [found(LINK_LOCAL, none), found(GLOBAL, none)];
    let standing = Standing6::default().with_found(&all, &[key], now);
    let mut first = Addressing6 {
        addresses: vec![Address6::link_local(LINK_LOCAL, true)],
        keeps_found: true,
        ..Addressing6::default()
    };
    let plan = standing.plan(&first, now);
    assert_eq!(
        plan.unique,
        [LINK_LOCAL],
        "the kernel does not say so again"
    );
    assert!(plan.keeps_found);
    assert!(
        words(&plan).iter().all(|step| step.starts_with('+')),
        "{:?}",
        words(&plan)
    );
    assert_eq!(plan.standing.addresses().count(), 2);
    assert!(plan.standing.leads_through(ROUTER));

    let again = plan.standing.plan(&first, now);
    assert_eq!(
        (again.unique, again.keeps_found),
        (Vec::new(), true),
        "once"
    );
    let wanted = plan.standing.plan(&advertised(now), now);
    assert_eq!(wanted.unique, [GLOBAL]);
    assert!(!wanted.keeps_found && words(&wanted).iter().all(|step| step.starts_with('+')));

    first.keeps_found = false;
    let plan = plan.standing.plan(&first, now);
    assert!(!plan.keeps_found);
    assert_eq!(plan.standing.addresses().collect::<Vec<_>>(), [LINK_LOCAL]);
    assert!(!plan.standing.leads_through(ROUTER));
}

// By RFC 6724 (5, rules 6 and 7).
#[test]
fn a_route_has_the_temporary_address_that_fits_where_it_leads() {
    let now = Instant::now();
    let (global, own) = (GLOBAL, Ipv6Addr::new(0xfd00, 0x77, 0, 0, 0, 0, 0, 7));
    let to = |destination, prefix_len| Route6 {
        destination,
        prefix_len,
        ..default_through(ROUTER, now + secs(100))
    };
    let mut wanted = Addressing6 {
        routes: vec![
            default_through(ROUTER, now + secs(100)),
            to(own, 64),
            to(GLOBAL, 64),
            to(Ipv6Addr::new(0xfd00, 0x99, 0, 0, 0, 0, 0, 0), 48),
        ],
        ..Addressing6::default()
    };
    let sources = |standing: &Standing6| -> Vec<_> {
        let routes = standing.routes.iter();
        routes.map(|it| it.source).collect()
    };
    let none = Standing6::default().plan(&wanted, now);
    assert_eq!(sources(&none.standing), [None; 4]);
    wanted.sources = vec![own, global];
    let both = none.standing.plan(&wanted, now);
    assert_eq!(
        sources(&both.standing),
        [Some(global), Some(own), Some(global), Some(own)]
    );
    assert_eq!(both.steps.len(), 4, "all are told anew");
    assert_eq!(both.standing.plan(&wanted, now).steps, []);
    wanted.sources = vec![own];
    let plan = both.standing.plan(&wanted, now);
    assert_eq!(sources(&plan.standing), [None, Some(own), None, Some(own)]);
}
