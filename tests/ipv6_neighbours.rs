//! What clients and their kernel make of routers' advertisements, one by one, on a real kernel: neighbours, and the link's MTU. Needs
//! root.
//!
//! The table of IPv6 has 1,024 places for all namespaces together (arp(7)), and the kernel takes whoever advertises into it, also where
//! it does not follow advertisements. Places that lanherd has set (`extern_learn`) are not counted.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's way to fail; helpers of tests are not recognised as such"
)]

use std::collections::BTreeMap;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lanherd::family::Families;
use lanherd::identity::{Mac, PoolName, Seed};
use lanherd::lan::linux::{LanConfig, LinuxLan};
use lanherd::metrics::Metrics;
use lanherd::phase::Phase;
use lanherd::pool::{Pool, PoolConfig};
use lanherd_testkit::world::{PARENT, in_a_world, ip, nothing_is_left};
use socket2::{Domain, Protocol, Socket, Type};

/// How many routers a client keeps in mind ([docs/ipv6.md], "Limits").
const MOST_ROUTERS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(60);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// How long a router says that it is a default router.
const LIFETIME: u16 = 1800;

const fn link_local(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last)
}

/// The far end of the cable, from which any number of routers advertise.
struct Routers {
    index: u32,
    mac: Mac,
}

impl Routers {
    fn new() -> Self {
        ip("link set far0 down");
        ip("link set far0 addrgenmode none");
        ip("link set far0 up");
        let text = ip("-o link show dev far0");
        let mac = text.split_once("link/ether ").expect("a MAC").1;
        Self {
            index: nix::net::if_::if_nametoindex("far0").expect("far0"),
            mac: mac[..17].parse().expect("a MAC"),
        }
    }

    /// An advertisement of the router with that number to all nodes (RFC 4861, 4.2), without options but for its hardware address.
    fn advertise(&self, number: u16, lifetime: u16, mac: Option<Mac>) {
        let option = mac.map(|mac| [&[1, 1], &mac.octets()[..]].concat());
        self.advertise_with(number, lifetime, &option.unwrap_or_default());
    }

    /// The same with these options.
    fn advertise_with(&self, number: u16, lifetime: u16, options: &[u8]) {
        let source = link_local(number);
        ip(&format!("address replace {source}/64 dev far0 nodad"));
        let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6));
        let socket = socket.expect("this test needs root: it sends as routers do");
        let source = SocketAddrV6::new(source, 0, 0, self.index);
        socket
            .bind(&SocketAddr::from(source).into())
            .expect("bound");
        socket.set_multicast_hops_v6(255).expect("set");
        let mut message = vec![134, 0, 0, 0, 64, 0];
        message.extend(lifetime.to_be_bytes());
        message.extend([0; 8]);
        message.extend(options);
        let to = SocketAddrV6::new(ALL_NODES, 0, 0, self.index);
        socket
            .send_to(&message, &SocketAddr::from(to).into())
            .expect("sent");
    }
}

/// What the client's kernel knows of other hosts: each with what it says of it. Groups have places of their own, which nobody counts.
fn known() -> BTreeMap<Ipv6Addr, String> {
    let text = ip("-n ns1 -6 neigh show dev lan0 nud all");
    let places = text.lines().filter_map(|line| {
        let (address, words) = line.split_once(' ')?;
        let address: Ipv6Addr = address.parse().expect("an address");
        (!address.is_multicast()).then(|| (address, words.to_owned()))
    });
    places.collect()
}

/// Waits until that holds of the client's neighbours, and none of them counts against the table's limit.
async fn until(what: &str, holds: impl Fn(&BTreeMap<Ipv6Addr, String>) -> bool) {
    let began = Instant::now();
    loop {
        let known = known();
        let is_counted = |words: &String| !words.contains("extern_learn");
        if holds(&known) && !known.values().any(is_counted) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not so that {what}: {known:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs a test with one client of IPv6 that waits for a router.
fn with_a_client(test: impl AsyncFnOnce(&Routers, &Pool) + Send + 'static) {
    with_a_client_on(1500, test);
}

/// The same on a parent of that MTU.
fn with_a_client_on(mtu: u32, test: impl AsyncFnOnce(&Routers, &Pool) + Send + 'static) {
    in_a_world(move || async move {
        for end in ["far0", PARENT] {
            ip(&format!("link set {end} mtu {mtu}"));
        }
        let routers = Routers::new();
        let name = PoolName::default();
        let lan = LinuxLan::open(LanConfig::new(PARENT, name.clone())).await;
        let (lan, _) = lan.expect("a lan");
        let metrics = Metrics::new(&name, Seed(7)).expect("metrics");
        let config = PoolConfig {
            families: Families::Ipv6,
            // None of the routers has a prefix.
            lease_deadline: Duration::from_secs(3600),
            ..PoolConfig::new(name)
        };
        let pool = Pool::start(Arc::new(lan.clone()), config, metrics).await;
        let pool = pool.expect("a pool");
        pool.create(1).await.expect("created");
        let began = Instant::now();
        while pool.status().await.expect("a status").clients[0].phase != Phase::Router {
            assert!(began.elapsed() < PATIENCE, "it asks for no router");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        test(&routers, &pool).await;
        pool.tear_down().await.expect("torn down");
        assert_eq!(lan.close().await, []);
        nothing_is_left();
    });
}

#[test]
fn whoever_advertises_is_a_neighbour_that_is_not_counted_whether_it_is_used_or_not() {
    with_a_client(async |routers, _pool| {
        assert_eq!(known(), BTreeMap::new());
        let own = |last| Mac([2, 0, 0x5e, 0xff, 0, last]);
        routers.advertise(1, LIFETIME, Some(own(1)));
        routers.advertise(2, 0, Some(own(2)));
        // Without the option it is known by its frame.
        routers.advertise(3, LIFETIME, None);
        routers.advertise(4, 0, None);
        until("each has a place that is not counted", |known| {
            known.len() == 4
        })
        .await;
        let known = known();
        for (number, mac) in [(1, own(1)), (2, own(2)), (3, routers.mac), (4, routers.mac)] {
            let place = &known[&link_local(number)];
            assert!(
                place.contains(&format!("lladdr {mac} ")),
                "{number}: {place}"
            );
        }
        let routes = ip("-n ns1 -6 route show default");
        assert!(
            routes.contains("via fe80::1 ") && !routes.contains("fe80::2"),
            "{routes}"
        );
    });
}

#[test]
fn of_made_up_routers_the_latest_are_kept_and_none_is_counted() {
    with_a_client(async |routers, _pool| {
        const SOURCES: u16 = 100;
        for number in 1..=SOURCES {
            routers.advertise(number, LIFETIME, None);
            // What comes faster than clients look at it is dropped, and counted by the kernel until it collects it.
            until("the latest has a place", |known| {
                known.contains_key(&link_local(number))
            })
            .await;
        }
        let bound = u16::try_from(MOST_ROUTERS).expect("few");
        let latest: Vec<_> = (SOURCES + 1 - bound..=SOURCES).map(link_local).collect();
        until("the latest have places that are not counted", |known| {
            known.keys().eq(&latest)
        })
        .await;
    });
}

#[test]
fn made_up_senders_that_are_no_default_routers_do_not_displace_the_one_that_is() {
    with_a_client(async |routers, pool| {
        const SOURCES: u16 = 100;
        routers.advertise(1, LIFETIME, None);
        for number in 2..=SOURCES {
            routers.advertise(number, 0, None);
            until("the latest has a place", |known| {
                known.contains_key(&link_local(number))
            })
            .await;
        }
        until("the latest have places that are not counted", |known| {
            known.len() == MOST_ROUTERS && known.contains_key(&link_local(SOURCES))
        })
        .await;
        assert!(known().contains_key(&link_local(1)));
        let status = pool.status().await.expect("a status");
        let state = status.clients[0].ipv6.as_ref().expect("a state");
        assert_eq!(state.router(), Some(link_local(1)));
    });
}

#[test]
fn an_advertised_mtu_counts_up_to_what_the_link_carries() {
    with_a_client_on(9000, async |routers, _pool| {
        let advertise = |mtu: u32| {
            let option = [&[5, 1, 0, 0], &mtu.to_be_bytes()[..]].concat();
            routers.advertise_with(1, LIFETIME, &option);
        };
        let becomes = async |what: &str, holds: fn(&str) -> bool| {
            let began = Instant::now();
            loop {
                let routes = ip("-n ns1 -6 route show default");
                if routes.contains("via fe80::1 ") && holds(&routes) {
                    return;
                }
                assert!(began.elapsed() < PATIENCE, "not so that {what}: {routes}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        advertise(4000);
        becomes("4,000 bytes count", |routes| routes.contains("mtu 4000")).await;
        // Whoever says more than the link carries is not believed, and then something else that is heard.
        advertise(9001);
        advertise(3000);
        becomes("3,000 bytes count", |routes| routes.contains("mtu 3000")).await;
        advertise(9001);
        // Of this one the client's route tells that it was looked at.
        routers.advertise(2, LIFETIME, None);
        until("the second router is known", |known| known.len() == 2).await;
        becomes("9,001 bytes are ignored", |routes| {
            routes.contains("mtu 3000")
        })
        .await;
        ip(&format!("link set {PARENT} mtu 1500"));
        becomes("what is above the link's counts no more", |routes| {
            !routes.contains("mtu")
        })
        .await;
    });
}
