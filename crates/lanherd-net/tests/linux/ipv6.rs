//! Clients that speak IPv6: what they hear, what is set for them, and what the kernel makes of it.

mod frames;
mod traffic;
mod upkeep;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lanherd_net::frame6::{Ends6, dhcp6_frame, discovery_frame};
use lanherd_net::lan::ipv6::{
    Address6, Addressing6, DadOutcome, Neighbour6, Packet6, Reachability, Route6, RouterPreference,
};
use lanherd_net::lan::{
    CommandEnd, CommandRequest, Datagrams, Lan, PingCause, PingOutcome, Port, PortEvent,
};
use lanherd_net::linux::{LanConfig, LinuxLan, LinuxPort, MacvlanMode};
use lanherd_types::family::Families;
use nix::sched::{CloneFlags, unshare};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use lanherd_testkit::world::{
    ROUTER, Router, Told, behind, client, config, echo_request, end, in_a_world, ip, lease, open,
    soon, until,
};

/// The router's addresses.
const ROUTER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ROUTERS_GLOBAL: Ipv6Addr = global(1);
/// Behind the router.
pub(super) const BEYOND: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const ALL_DHCP_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

const fn global(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, last)
}

const fn beyond(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, last)
}

pub(super) const fn link_local(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last)
}

/// A router that speaks IPv6, and does not advertise itself unless a test has it do so.
pub(super) fn router6() -> Router {
    let router = Router::start();
    router.ip(&format!("addr add {ROUTER6}/64 dev far0 nodad"));
    router.ip(&format!("addr add {ROUTERS_GLOBAL}/64 dev far0 nodad"));
    router.ip(&format!("addr add {BEYOND}/128 dev lo"));
    router.run(|| {
        std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").expect("written");
    });
    router
}

/// Runs a test [behind] such a router, on a LAN in this mode.
pub(super) fn behind_router6(
    mode: MacvlanMode,
    test: impl AsyncFnOnce(&LinuxLan, &Router) + Send + 'static,
) {
    behind(router6, LanConfig { mode, ..config() }, test);
}

/// A raw ICMPv6 socket of the router's: the kernel sums what it sends.
fn icmp6(router: &Router) -> Socket {
    let socket = router.run(|| Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)));
    let socket = socket.expect("a raw socket");
    socket.set_multicast_hops_v6(255).expect("hops");
    socket.set_unicast_hops_v6(255).expect("hops");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket
}

fn far0(router: &Router) -> u32 {
    let text = router.ip("-o link show far0");
    let number = text.split(':').next().expect("a number");
    number.trim().parse().expect("a number")
}

/// Sends an ICMPv6 message of the router's.
fn send(router: &Router, to: Ipv6Addr, message: &[u8]) {
    let to = SocketAddrV6::new(to, 0, 0, far0(router));
    icmp6(router)
        .send_to(message, &SocketAddr::from(to).into())
        .expect("sent");
}

/// A router advertisement with a prefix that every client of the kernel's own would take.
fn advertisement() -> Vec<u8> {
    let mut message = vec![134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend([3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 14, 16, 0, 0, 0, 0]);
    message.extend(global(0).octets());
    message
}

pub(super) async fn attach(lan: &LinuxLan, families: Families, number: u32) -> (LinuxPort, Told) {
    let told = Told::default();
    let port = lan
        .attach_speaking(families, &client(number), told.inbox())
        .await;
    (port.expect("attached"), told)
}

fn packets(told: &Told) -> Vec<Arc<Packet6>> {
    let events = told.events().into_iter();
    let discovered = events.filter_map(|event| match event {
        PortEvent::Icmp6(packet) => Some(packet),
        _ => None,
    });
    discovered.collect()
}

fn outcomes(told: &Told) -> Vec<(Ipv6Addr, DadOutcome)> {
    let events = told.events().into_iter();
    let detected = events.filter_map(|event| match event {
        PortEvent::Address6(address, outcome) => Some((address, outcome)),
        _ => None,
    });
    detected.collect()
}

pub(super) fn unconfigured(told: &Told) -> Vec<String> {
    let events = told.events().into_iter();
    let lost = events.filter_map(|event| match event {
        PortEvent::Unconfigured6(what) => Some(what),
        _ => None,
    });
    lost.collect()
}

pub(super) fn until_in(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

fn address(last: u16, detects_duplicates: bool) -> Address6 {
    Address6 {
        address: global(last),
        prefix_len: 64,
        is_on_link: true,
        preferred_until: Some(until_in(1_800)),
        valid_until: Some(until_in(3_600)),
        detects_duplicates,
    }
}

/// What a client has that believed [`advertisement`].
pub(super) fn addressing(last: u16) -> Addressing6 {
    Addressing6 {
        addresses: vec![
            Address6::link_local(link_local(last), false),
            address(last, false),
        ],
        routes: vec![Route6 {
            destination: Ipv6Addr::UNSPECIFIED,
            prefix_len: 0,
            gateway: Some(ROUTER6),
            preference: RouterPreference::High,
            until: Some(until_in(1_800)),
            mtu: Some(1_400),
            hop_limit: Some(64),
        }],
        neighbours: vec![Neighbour6 {
            address: ROUTER6,
            mac: None,
            is_router: true,
        }],
        ..Addressing6::default()
    }
}

fn addresses(number: u32) -> String {
    ip(&format!("-n ns{number} -6 -o -d address show dev lan0"))
}

fn routes(number: u32) -> String {
    ip(&format!("-n ns{number} -6 route show dev lan0"))
}

pub(super) async fn answered(port: &LinuxPort, target: Ipv6Addr, sequence: u16) {
    match port.ping(echo_request(target, sequence), PATIENCE).await {
        PingOutcome::Reply(time) => assert!(!time.is_zero() && time < PATIENCE),
        PingOutcome::Lost(cause) => panic!("{target}: {cause}"),
    }
}

#[test]
fn what_is_set_stands_in_the_kernel_and_pings_are_answered_or_lost_for_the_right_reason() {
    behind_router6(MacvlanMode::Bridge, async |lan, router| {
        router.ip(&format!("route add unreachable {}/128", beyond(2)));
        let (port, told) = attach(lan, Families::Ipv6, 1).await;
        assert_eq!(
            port.ping(echo_request(BEYOND, 1), PATIENCE).await,
            PingOutcome::Lost(PingCause::NoRoute)
        );
        let configured = port.configure6(addressing(7)).await.expect("set");
        assert_eq!(configured.again_by, None);
        let set = addresses(1);
        for part in [
            "inet6 fe80::7/64 scope link nodad",
            "inet6 2001:db8:9::7/64 scope global",
            "valid_lft 3600sec preferred_lft 1800sec",
        ] {
            assert!(set.contains(part), "{part}: {set}");
        }
        assert!(!set.contains("tentative"), "{set}");
        let set = routes(1);
        for part in [
            "default via fe80::1 proto ra metric 1024",
            "mtu 1400 hoplimit 64",
            "pref high",
            "expires 1",
            "2001:db8:9::/64 proto kernel",
        ] {
            assert!(set.contains(part), "{part}: {set}");
        }
        answered(&port, ROUTER6, 2).await;
        answered(&port, ROUTERS_GLOBAL, 3).await;
        answered(&port, BEYOND, 4).await;
        let neighbour = ip("-n ns1 -6 neigh show dev lan0 fe80::1");
        for part in [&router.mac().to_string(), "extern_learn", "router"] {
            assert!(neighbour.contains(part), "{part}: {neighbour}");
        }
        assert_eq!(
            port.ping(echo_request(beyond(2), 5), PATIENCE).await,
            PingOutcome::Lost(PingCause::Unreachable)
        );
        assert_eq!(
            port.ping(echo_request(global(0x99), 6), PATIENCE).await,
            PingOutcome::Lost(PingCause::HostDown)
        );
        assert_eq!(port.duplicates(BEYOND.into()), 0);

        // The router answers when it is looked for, and says nothing else.
        assert!(
            packets(&told)
                .iter()
                .all(|packet| packet.content()[0] == 136)
        );
        assert_eq!(told.events().len(), 1 + packets(&told).len());
        port.configure6(Addressing6::default()).await.expect("set");
        assert_eq!(
            (addresses(1), unconfigured(&told)),
            (String::new(), Vec::new())
        );
        assert!(!routes(1).contains("default"), "{}", routes(1));
    });
}

#[test]
fn an_address_is_asked_for_and_told_unique_or_whose_it_is() {
    behind_router6(MacvlanMode::Private, async |lan, router| {
        let (port, told) = attach(lan, Families::Dual, 1).await;
        let mut wanted = Addressing6 {
            addresses: vec![
                Address6::link_local(link_local(7), true),
                // One without end, and one with a lifetime: the kernel treats them differently.
                Address6::link_local(ROUTER6, true),
                address(1, true),
                address(7, true),
            ],
            ..Addressing6::default()
        };
        port.configure6(wanted.clone()).await.expect("set");
        assert!(addresses(1).contains("tentative"), "{}", addresses(1));
        until("all is known", || outcomes(&told).len() == 4).await;
        let duplicate = DadOutcome::Duplicate {
            holder: Some(router.mac()),
        };
        let mut known = outcomes(&told);
        known.sort_by_key(|(address, _)| *address);
        let mut expected = vec![
            (global(1), duplicate),
            (global(7), DadOutcome::Unique),
            (ROUTER6, duplicate),
            (link_local(7), DadOutcome::Unique),
        ];
        expected.sort_by_key(|(address, _)| *address);
        assert_eq!(known, expected);
        assert!(
            packets(&told)
                .iter()
                .any(|packet| packet.content()[0] == 136)
        );
        let left = addresses(1);
        assert!(
            left.contains("fe80::7/") && left.contains("::7/64") && !left.contains("tentative"),
            "{left}"
        );
        assert!(!left.contains("::1/"), "{left}");
        assert_eq!(unconfigured(&told), [""; 0]);
        // The same again is no question, and changes nothing.
        wanted.addresses.remove(2);
        wanted.addresses.remove(1);
        port.configure6(wanted).await.expect("set");
        assert_eq!((addresses(1), outcomes(&told).len()), (left, 4));
    });
}

#[test]
fn two_clients_never_have_the_same_address_whatever_the_kernel_would_allow() {
    behind_router6(MacvlanMode::Private, async |lan, _| {
        let (one, _) = attach(lan, Families::Dual, 1).await;
        let (other, told) = attach(lan, Families::Dual, 2).await;
        one.configure6(addressing(7)).await.expect("set");
        let mut wanted = addressing(7);
        wanted.addresses.push(address(8, false));
        other.configure6(wanted.clone()).await.expect("set");
        let duplicate = DadOutcome::Duplicate {
            holder: Some(client(1).mac),
        };
        assert_eq!(
            outcomes(&told),
            [(link_local(7), duplicate), (global(7), duplicate)]
        );
        let left = addresses(2);
        assert!(left.contains("::8/64") && !left.contains("::7/"), "{left}");
        // Whoever leaves lets others have it.
        drop(one);
        assert_eq!(lan.detach(&client(1)).await, []);
        other.configure6(wanted).await.expect("set");
        assert_eq!(outcomes(&told).len(), 2);
        assert!(addresses(2).contains("fe80::7/64"), "{}", addresses(2));
    });
}

#[test]
fn an_advertisement_makes_a_counted_neighbour_which_the_clients_own_entry_takes_out_of_the_count() {
    behind_router6(MacvlanMode::Bridge, async |lan, router| {
        let (port, _) = attach(lan, Families::Ipv6, 1).await;
        let known = || ip("-n ns1 -6 neigh show dev lan0 nud all");
        assert_eq!(known(), "");
        send(router, ALL_NODES, &advertisement());
        until("the kernel knows the router", || {
            known().contains("fe80::1")
        })
        .await;
        assert!(!known().contains("extern_learn"), "{}", known());
        port.configure6(addressing(7)).await.expect("set");
        let is_its_own = || known().contains("extern_learn");
        assert!(is_its_own(), "{}", known());
        // The next one leaves it the client's.
        let heard = || {
            let counters = ip("netns exec ns1 cat /proc/net/snmp6");
            let line = counters
                .lines()
                .find_map(|line| line.strip_prefix("Icmp6InRouterAdvertisements"));
            line.and_then(|count| count.trim().parse::<u64>().ok())
        };
        let before = heard().expect("a count");
        send(router, ALL_NODES, &advertisement());
        until("the kernel has heard another one", || {
            heard() > Some(before)
        })
        .await;
        assert!(is_its_own(), "{}", known());
    });
}

#[test]
fn what_comes_for_an_address_that_nobody_was_asked_about_is_received_as_soon_as_it_is_set() {
    const CLIENTS: u16 = 60;
    behind_router6(MacvlanMode::Private, async |lan, _router| {
        // What keeps the kernel's queue waiting: namespaces come and go meanwhile.
        let is_over = Arc::new(AtomicBool::new(false));
        let others = [(); 4].map(|()| {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || {
                let mut made = 0;
                while made < 5_000 && !is_over.load(Ordering::Relaxed) {
                    unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
                    made += 1;
                }
            })
        });
        let (mut answered, mut ports) = (0, Vec::new());
        for number in 2..CLIENTS + 2 {
            let (port, _told) = attach(lan, Families::Ipv6, number.into()).await;
            port.configure6(addressing(number)).await.expect("set");
            // The client itself answers, if what it sends to its own address comes to it.
            let request = echo_request(global(number), number);
            let outcome = port.ping(request, Duration::from_millis(500)).await;
            answered += u16::from(matches!(outcome, PingOutcome::Reply(_)));
            ports.push(port);
        }
        is_over.store(true, Ordering::Relaxed);
        for other in others {
            other.join().expect("ended");
        }
        assert_eq!(answered, CLIENTS);
        drop(ports);
        for number in 2..CLIENTS + 2 {
            assert_eq!(lan.detach(&client(number.into())).await, []);
        }
    });
}
