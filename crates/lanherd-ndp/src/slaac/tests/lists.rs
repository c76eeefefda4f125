//! Resolvers, names, prefixes of the NAT64, portals: what is told of them, and when it ends.

use super::*;
use crate::options::{Pref64, Resolvers, SearchList};

fn resolvers(servers: &[&str], lifetime: u32) -> NdOption {
    NdOption::Resolvers(Resolvers {
        lifetime: Lifetime::from_secs(lifetime),
        servers: servers
            .iter()
            .map(|it| it.parse().expect("an address"))
            .collect(),
    })
}

fn search(names: &[&str], lifetime: u32) -> NdOption {
    NdOption::SearchList(SearchList {
        lifetime: Lifetime::from_secs(lifetime),
        names: names.iter().map(ToString::to_string).collect(),
    })
}

fn pref64(text: &str, lifetime: u32) -> NdOption {
    NdOption::Pref64(Pref64 {
        prefix: prefix(text),
        lifetime: Lifetime::from_secs(lifetime),
    })
}

impl Harness {
    fn servers(&self) -> Vec<String> {
        self.host
            .resolvers()
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

// RFC 8106, 6.2: a lifetime of 0 removes a resolver at once.
#[test]
fn s20_resolvers_have_lifetimes_of_their_own_and_0_removes_them() {
    let mut harness = Harness::soliciting();
    let three = ["2001:db8::1", "2001:db8::2", "2001:db8::3"];
    harness.receive(&ra(
        1800,
        vec![resolvers(&three, 600), search(&["lan.test"], 300)],
    ));
    let told = Event::ResolversChanged {
        servers: three
            .iter()
            .map(|it| it.parse().expect("an address"))
            .collect(),
        search: vec!["lan.test".to_owned()],
    };
    assert!(harness.happened().contains(&told));
    harness.until(100.0);
    harness.receive(&ra(
        1800,
        vec![resolvers(&three, 600), search(&["lan.test"], 300)],
    ));
    assert_eq!(harness.happened(), []);
    harness.receive(&ra(1800, vec![resolvers(&three[1..2], 0)]));
    assert_eq!(harness.servers(), ["2001:db8::1", "2001:db8::3"]);
    harness.until(400.0);
    assert_eq!(harness.host.search(), [] as [&str; 0]);
    // Not with the router.
    harness.receive(&ra(0, vec![]));
    assert_eq!(harness.servers().len(), 2);
    harness.until(700.0);
    assert_eq!(harness.servers(), [] as [&str; 0]);
}

// RFC 8106, 6.2: new resolvers stand first, in the order of the option, and a full list loses what ends first.
#[test]
fn s20_of_more_resolvers_than_are_kept_those_that_end_first_go() {
    let mut harness = Harness::soliciting();
    let many: Vec<String> = (1..=9)
        .map(|number| format!("2001:db8::{number}"))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    harness.receive(&ra(
        1800,
        vec![resolvers(&many[..4], 100), resolvers(&many[4..], 600)],
    ));
    let servers = harness.servers();
    assert_eq!(servers.len(), 8);
    assert!(!servers.contains(&"2001:db8::4".to_owned()), "{servers:?}");
}

// RFC 8106, 5.3.1: resolvers of DHCP come before those of routers.
// RFC 8106, 5.1: a link-local resolver is written with its link.
#[test]
fn s20_resolvers_of_dhcp_come_first_and_link_local_ones_have_their_link() {
    let mut harness = Harness::soliciting();
    harness.receive(&ra(1800, vec![resolvers(&["fe80::1", "2001:db8::1"], 600)]));
    let of_dhcp = ["192.0.2.1", "2001:db8::1"].map(|it| it.parse().expect("an address"));
    let merged = merged_resolvers(&of_dhcp, harness.host.resolvers());
    let written: Vec<String> = merged.iter().map(|it| scoped(*it, "lan0")).collect();
    assert_eq!(written, ["192.0.2.1", "2001:db8::1", "fe80::1%lan0"]);
}

// RFC 8781, 5: several prefixes of the NAT64 may be advertised, each with its lifetime.
// RFC 8781, 4.1: the lifetime is counted in eights of seconds.
#[test]
fn s23_prefixes_of_the_nat64_come_and_go() {
    let mut harness = Harness::soliciting();
    let (known, own) = ("64:ff9b::/96", "2001:db8:64::/56");
    harness.receive(&ra(1800, vec![pref64(known, 600), pref64(own, 1201)]));
    let both = Event::Pref64Changed(vec![prefix(own), prefix(known)]);
    assert!(harness.happened().contains(&both));
    harness.receive(&ra(1800, vec![pref64(known, 0)]));
    assert_eq!(
        harness.happened(),
        [Event::Pref64Changed(vec![prefix(own)])]
    );
    harness.until(1207.9);
    assert_eq!(harness.happened(), []);
    harness.until(1208.0);
    assert_eq!(harness.happened(), [Event::Pref64Changed(vec![])]);
}

#[test]
fn s26_a_captive_portal_is_told_when_it_changes_and_ends_with_its_router() {
    let mut harness = Harness::soliciting();
    let portal = |uri: &str| NdOption::CaptivePortal(uri.to_owned());
    let told = |uri: &str| Event::CaptivePortalChanged(Some(uri.to_owned()));
    harness.receive(&ra(1800, vec![portal("https://a.test")]));
    assert!(harness.happened().contains(&told("https://a.test")));
    harness.receive(&ra(1800, vec![portal("https://a.test")]));
    assert_eq!(harness.happened(), []);
    harness.receive(&ra(1800, vec![portal("https://b.test")]));
    assert_eq!(harness.happened(), [told("https://b.test")]);
    harness.until(1800.0);
    assert!(
        harness
            .happened()
            .contains(&Event::CaptivePortalChanged(None))
    );
}

#[test]
fn s26_resolvers_over_encrypted_connections_are_told_when_they_change() {
    let mut harness = Harness::soliciting();
    let encrypted = |lifetime| {
        NdOption::EncryptedDns(EncryptedDns {
            priority: 1,
            lifetime: Lifetime::from_secs(lifetime),
            name: "dns.test".to_owned(),
            addresses: vec![ROUTER],
            parameters: Vec::new(),
        })
    };
    let changes = |harness: &mut Harness| {
        let names = |event| match event {
            Event::EncryptedDnsChanged(all) => Some(all.len()),
            _ => None,
        };
        harness
            .happened()
            .into_iter()
            .filter_map(names)
            .collect::<Vec<_>>()
    };
    harness.receive(&ra(1800, vec![encrypted(600)]));
    assert_eq!(changes(&mut harness), [1]);
    harness.until(300.0);
    harness.receive(&ra(1800, vec![encrypted(700)]));
    assert_eq!(changes(&mut harness), []);
    harness.until(1000.0);
    assert_eq!(changes(&mut harness), [0]);
}
