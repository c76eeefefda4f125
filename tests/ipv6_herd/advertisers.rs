//! Routers that advertise, and lease nothing: radvd, dnsmasq and systemd-networkd.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd::client::ipv6::AddressOrigin;
use lanherd::phase::{Cause, Phase};
use lanherd_testkit::world::{in_a_world, ip};

use super::PATIENCE;
use super::daemon::{Daemon, prepare, prepare_machine};
use super::herd::{
    Herd, ONLINE, families_are_kept_apart, global, in_kernel, is_left_of, pings, seconds_until,
};

#[test]
fn a_herd_of_all_families_beside_radvd_and_what_becomes_of_it_when_the_router_ceases() {
    in_a_world(|| async {
        prepare();
        let dnsmasq = Daemon::dnsmasq(&[]);
        let options = "prefix fd00:77::/64 { }; RDNSS fd00:77::53 { }; DNSSL lan.test { };";
        let radvd = Daemon::radvd(options);
        let herd = Herd::start().await;
        let log = || dnsmasq.log();
        herd.until(ONLINE, log).await;
        families_are_kept_apart();
        let mut all = BTreeSet::new();
        for number in [3, 4, 5, 6] {
            let state = herd.ipv6(number).await;
            assert_eq!(
                state.router().map(|it| it.to_string()).as_deref(),
                Some("fe80::1")
            );
            assert_eq!(state.resolvers.len(), 1);
            assert_eq!(state.search, ["lan.test"]);
            let told: Vec<_> = state.global().map(|it| it.address).collect();
            assert_eq!(told, global(number));
            assert!(state.global().all(|it| it.origin == AddressOrigin::Stable));
            all.extend(told);
            all.extend(state.link_local());
            pings(number, "fd00:77::1").await;
        }
        assert_eq!(all.len(), 8, "{all:?}");
        pings(5, "10.9.0.1").await;
        // The default route leads through the router, and whatever is not on the link goes there.
        let routes = ip("-n ns3 -6 route show");
        assert!(routes.contains("default via fe80::1 dev lan0"), "{routes}");
        assert!(routes.contains("fd00:77::/64 dev lan0"), "{routes}");
        let resolvers = fs::read_to_string("/etc/netns/ns5/resolv.conf").expect("a file");
        assert!(resolvers.contains("10.9.0.53") && resolvers.contains("fd00:77::53"));

        radvd.cease();
        let (four, six, both) = (Phase::Online, Phase::Router, Phase::Partial);
        herd.until([four, four, six, six, both, both], log).await;
        let failure = herd.client(5).await.failure.expect("a failure");
        assert_eq!(failure.cause, Cause::RouterLost, "{failure}");
        let _radvd = Daemon::radvd(options);
        herd.until(ONLINE, log).await;
        assert_eq!(herd.client(3).await.restarts, 0);
        herd.end().await;
    });
}

#[test]
fn the_o_flag_of_dnsmasq_has_resolvers_asked_for() {
    in_a_world(|| async {
        prepare();
        let dnsmasq = Daemon::dnsmasq(&[
            "--enable-ra",
            "--ra-param=far0,3,600",
            "--dhcp-range=fd00:77::,ra-stateless,64,10m",
            "--dhcp-option=option6:dns-server,[fd00:77::53]",
        ]);
        let herd = Herd::start().await;
        herd.until(ONLINE, || dnsmasq.log()).await;
        for number in [3, 4, 5, 6] {
            let started = Instant::now();
            while herd.ipv6(number).await.resolvers.is_empty() {
                assert!(started.elapsed() < PATIENCE, "{}", dnsmasq.log());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let state = herd.ipv6(number).await;
            assert!(state.other && !state.managed && state.lease.is_none());
            assert_eq!(
                state.resolvers,
                ["fd00:77::53".parse::<Ipv6Addr>().expect("one")]
            );
            pings(number, "fd00:77::1").await;
        }
        families_are_kept_apart();
        herd.end().await;
    });
}

/// What a router says of one prefix, in seconds.
struct Expected {
    prefix: &'static str,
    preferred: u64,
    valid: u64,
    router: u64,
}

/// What every client of IPv6 has of a router's advertisements, by lanherd and by the kernel.
async fn have_what_is_advertised(herd: &Herd, expected: &Expected, router: Ipv6Addr) {
    for number in [3, 4, 5, 6] {
        let state = herd.ipv6(number).await;
        assert_eq!(state.router(), Some(router));
        is_left_of(seconds_until(state.routers[0].valid_until), expected.router);
        let own: Vec<_> = state.global().collect();
        let stand = in_kernel(number);
        assert_eq!((own.len(), stand.len()), (1, 1), "{own:?} {stand:?}");
        let text = stand[0].address.to_string();
        assert!(text.starts_with(expected.prefix), "{text}");
        assert_eq!(stand[0].address, own[0].address);
        for preferred in [seconds_until(own[0].preferred_until), stand[0].preferred] {
            is_left_of(preferred, expected.preferred);
        }
        for valid in [seconds_until(own[0].valid_until), stand[0].valid] {
            is_left_of(valid, expected.valid);
        }
        let shown = ip(&format!("-n ns{number} -6 route show default"));
        let expires = shown.split(" expires ").nth(1).expect("it ends");
        let left = expires.split_once("sec").expect("seconds").0.parse().ok();
        is_left_of(left, expected.router);
        assert!(
            shown.contains(&format!("default via {router} dev lan0")),
            "{shown}"
        );
    }
}

#[test]
fn dnsmasq_that_only_advertises_has_addresses_formed_and_nothing_asked_for() {
    in_a_world(|| async {
        prepare();
        let dnsmasq = Daemon::dnsmasq(&[
            "--enable-ra",
            "--ra-param=far0,3,900",
            "--dhcp-range=fd00:77::,ra-only,64,20m",
        ]);
        let herd = Herd::start().await;
        herd.until(ONLINE, || dnsmasq.log()).await;
        families_are_kept_apart();
        let expected = Expected {
            prefix: "fd00:77::",
            preferred: 1200,
            valid: 1200,
            router: 900,
        };
        let router = "fe80::1".parse().expect("an address");
        have_what_is_advertised(&herd, &expected, router).await;
        for number in [3, 4, 5, 6] {
            let state = herd.ipv6(number).await;
            assert!(!state.managed && !state.other && state.lease.is_none());
            // Without being told it names itself, by the address that it has on the LAN.
            let itself: Ipv6Addr = "fd00:77::1".parse().expect("an address");
            assert!(state.resolvers.is_empty() || state.resolvers == [itself]);
            pings(number, "fd00:77::1").await;
        }
        // Nobody has asked it for anything by DHCPv6.
        for word in ["DHCPSOLICIT", "DHCPINFORMATION-REQUEST"] {
            assert!(!dnsmasq.log().contains(word), "{}", dnsmasq.log());
        }
        herd.end().await;
    });
}

/// The link-local address that the far end has.
fn of_far_end() -> Option<Ipv6Addr> {
    let text = ip("-6 -o address show dev far0 scope link -tentative");
    let mut words = text.split_whitespace();
    words.find_map(|word| word.split_once('/')?.0.parse().ok())
}

#[test]
fn networkd_advertises_and_another_prefix_of_it_takes_the_place_of_the_first() {
    in_a_world(|| async {
        prepare_machine();
        let config = |prefix: &str| {
            format!(
                "[Match]\nName=far0\n[Network]\nLinkLocalAddressing=ipv6\nIPv6AcceptRA=no\nAddress=10.9.0.1/24\n\
                 Address={prefix}1/64\nIPv6SendRA=yes\n[IPv6SendRA]\nRouterLifetimeSec=600\n\
                 DNS=fd00:77::53\nDomains=lan.test\n[IPv6Prefix]\nPrefix={prefix}/64\n\
                 PreferredLifetimeSec=1800\nValidLifetimeSec=3600\n\
                 [IPv6RoutePrefix]\nRoute=fd00:99::/48\nLifetimeSec=900\n"
            )
        };
        let networkd = Daemon::networkd(&config("fd00:77::"));
        let started = Instant::now();
        let router = loop {
            let has_ipv4 = ip("-4 address show dev far0").contains("10.9.0.1");
            if let Some(router) = of_far_end().filter(|_| has_ipv4) {
                break router;
            }
            assert!(started.elapsed() < PATIENCE, "{}", networkd.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let dnsmasq = Daemon::dnsmasq(&[]);
        let herd = Herd::start().await;
        let log = || format!("{}\n{}", dnsmasq.log(), networkd.log());
        herd.until(ONLINE, log).await;
        families_are_kept_apart();
        let expected = Expected {
            prefix: "fd00:77::",
            preferred: 1800,
            valid: 3600,
            router: 600,
        };
        have_what_is_advertised(&herd, &expected, router).await;
        for number in [3, 4, 5, 6] {
            let state = herd.ipv6(number).await;
            assert!(!state.managed && !state.other);
            assert_eq!(
                state.resolvers,
                ["fd00:77::53".parse::<Ipv6Addr>().expect("one")]
            );
            assert_eq!(state.search, ["lan.test"]);
            let shown = ip(&format!("-n ns{number} -6 route show fd00:99::/48"));
            assert!(shown.contains(&format!("via {router}")), "{shown}");
            pings(number, "fd00:77::1").await;
        }
        // It ends as a system that shuts down does: its last word is that it is no router.
        networkd.cease();
        let (four, six, both) = (Phase::Online, Phase::Router, Phase::Partial);
        herd.until([four, four, six, six, both, both], || dnsmasq.log())
            .await;
        let failure = herd.client(3).await.by_family;
        let failure = failure.ipv6.expect("IPv6").failure.expect("a failure");
        assert_eq!(failure.cause, Cause::RouterLost, "{failure}");

        let _networkd = Daemon::networkd(&config("fd00:78::"));
        herd.until(ONLINE, || dnsmasq.log()).await;
        let renumbered = Expected {
            prefix: "fd00:78::",
            ..expected
        };
        for number in [3, 4, 5, 6] {
            let began = Instant::now();
            // The old prefix goes on for its lifetime: networkd has not withdrawn it.
            while !global(number)
                .iter()
                .any(|it| it.to_string().starts_with(renumbered.prefix))
            {
                assert!(began.elapsed() < PATIENCE, "{}", dnsmasq.log());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            pings(number, "fd00:78::1").await;
        }
        herd.end().await;
    });
}

/// Whether a client is usable in both families, and goes on being so.
async fn counts_as_usable(herd: &Herd, number: usize) {
    let started = Instant::now();
    loop {
        let before = herd.client(number).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let after = herd.client(number).await;
        let families = [
            (&before.by_family.ipv4, &after.by_family.ipv4),
            (&before.by_family.ipv6, &after.by_family.ipv6),
        ];
        let grows = families.into_iter().all(|(before, after)| {
            let (before, after) = (before.as_ref().expect("one"), after.as_ref().expect("one"));
            after.is_up && after.usable > before.usable
        });
        if grows && after.phase == Phase::Online && after.usable > before.usable {
            return;
        }
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{before:#?}\n{after:#?}"
        );
    }
}

#[test]
fn what_somebody_removes_of_either_family_is_set_again_and_the_client_counts_as_usable_from_then_on()
 {
    in_a_world(|| async {
        prepare();
        let dnsmasq = Daemon::dnsmasq(&[]);
        let _radvd = Daemon::radvd("prefix fd00:77::/64 { };");
        let herd = Herd::start().await;
        herd.until(ONLINE, || dnsmasq.log()).await;
        counts_as_usable(&herd, 5).await;
        for removes in [
            "-4 address flush dev lan0",
            "-6 address flush dev lan0 scope global",
        ] {
            let shows = format!(
                "-n ns5 {} address show dev lan0 scope global",
                &removes[..2]
            );
            ip(&format!("-n ns5 {removes}"));
            let started = Instant::now();
            while !ip(&shows).contains("inet") {
                assert!(started.elapsed() < PATIENCE, "{removes}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            counts_as_usable(&herd, 5).await;
        }
        assert_eq!(herd.client(5).await.restarts, 0);
        herd.end().await;
    });
}
