//! Clients that speak IPv6: what they hear, what is set for them, and what the kernel makes of it.

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
fn an_advertisement_is_taken_once_for_all_who_speak_ipv6_and_the_kernel_makes_nothing_of_it() {
    behind_router6(MacvlanMode::Private, async |lan, router| {
        let (_one, first) = attach(lan, Families::Dual, 1).await;
        let (_other, second) = attach(lan, Families::Ipv6, 2).await;
        let (ipv4, third) = attach(lan, Families::Ipv4, 3).await;
        send(router, ALL_NODES, &advertisement());
        until("both hear it", || {
            packets(&first).len() == 1 && packets(&second).len() == 1
        })
        .await;
        let packet = packets(&first).remove(0);
        assert!(Arc::ptr_eq(&packet, &packets(&second)[0]));
        assert_eq!(packet.link_source, router.mac());
        assert_eq!((packet.source, packet.destination), (ROUTER6, ALL_NODES));
        assert_eq!(packet.hop_limit, 255);
        assert!(packet.is_sound && !packet.is_fragment);
        assert_eq!(packet.content()[4..], advertisement()[4..]);
        assert_eq!(packets(&third), []);
        // Time enough for the kernel to make an address of it, if it were to.
        tokio::time::sleep(Duration::from_millis(300)).await;
        for number in 1..=3 {
            assert_eq!(addresses(number), "");
            assert!(!routes(number).contains("default"), "{}", routes(number));
        }
        let refused = ipv4.configure6(addressing(3)).await.expect_err("refused");
        assert!(refused.detail.contains("speaks IPv4 only"), "{refused}");
        assert_eq!(
            ipv4.ping(echo_request(ROUTER6, 1), PATIENCE).await,
            PingOutcome::Lost(PingCause::NoRoute)
        );
    });
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

/// An error of this type and code that quotes an echo request from the client to the router.
fn error_about(kind: u8, code: u8, request: &[u8], client: Ipv6Addr) -> Vec<u8> {
    let length = u16::try_from(request.len()).expect("short").to_be_bytes();
    let mut error = vec![kind, code, 0, 0, 0, 0, 5, 0];
    error.extend([0x60, 0, 0, 0, length[0], length[1], 58, 64]);
    error.extend(client.octets());
    error.extend(ROUTERS_GLOBAL.octets());
    error.extend(request);
    error
}

#[test]
fn a_router_that_refuses_the_source_or_the_size_of_a_ping_is_told_as_that() {
    behind_router6(MacvlanMode::Private, async |lan, router| {
        router.run(|| {
            let ignored = "/proc/sys/net/ipv6/icmp/echo_ignore_all";
            std::fs::write(ignored, "1").expect("written");
        });
        let raw = UdpSocket::from(icmp6(router));
        raw.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let (port, _) = attach(lan, Families::Ipv6, 1).await;
        port.configure6(addressing(7)).await.expect("set");
        let answering = thread::spawn(move || {
            let mut errors = [(1, 5), (2, 0), (3, 0), (1, 3)].into_iter();
            let mut message = [0; 256];
            while let Ok((length, from)) = raw.recv_from(&mut message) {
                if message[0] != 128 {
                    continue;
                }
                let Some((kind, code)) = errors.next() else {
                    return;
                };
                let error = error_about(kind, code, &message[..length], global(7));
                raw.send_to(&error, from).expect("sent");
                if errors.len() == 0 {
                    return;
                }
            }
        });
        for (sequence, cause) in [
            PingCause::SourceRefused,
            PingCause::TooBig,
            PingCause::TtlExceeded,
            PingCause::Unreachable,
        ]
        .into_iter()
        .enumerate()
        {
            let sequence = u16::try_from(sequence).expect("few");
            assert_eq!(
                port.ping(echo_request(ROUTERS_GLOBAL, sequence), PATIENCE)
                    .await,
                PingOutcome::Lost(cause)
            );
        }
        answering.join().expect("answered");
    });
}

const fn beyond(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, last)
}

#[test]
fn connections_and_datagrams_go_over_ipv6_and_errors_say_what_was_seen() {
    behind_router6(MacvlanMode::Bridge, async |lan, router| {
        router.ip(&format!("route add unreachable {}/128", beyond(2)));
        let listener = router.run(|| TcpListener::bind("[::]:80").expect("port 80"));
        let echo = router.run(|| UdpSocket::bind("[::]:53").expect("port 53"));
        let (port, _) = attach(lan, Families::Ipv6, 1).await;
        port.configure6(addressing(7)).await.expect("set");
        let server = thread::spawn(move || {
            let (mut stream, from) = listener.accept().expect("a connection");
            let mut word = [0; 4];
            stream.read_exact(&mut word).expect("a word");
            stream.write_all(&word).expect("sent");
            let mut datagram = [0; 64];
            for _ in 0..2 {
                let (length, asked_by) = echo.recv_from(&mut datagram).expect("a datagram");
                echo.send_to(&datagram[..length], asked_by).expect("sent");
            }
            from.ip()
        });
        let mut connected = port
            .connect(SocketAddr::from((BEYOND, 80)), PATIENCE)
            .await
            .expect("connected");
        assert!(!connected.took.is_zero() && connected.took < PATIENCE);
        connected.stream.write_all(b"word").await.expect("sent");
        let mut word = [0; 4];
        connected.stream.read_exact(&mut word).await.expect("read");
        assert_eq!(&word, b"word");
        // A link-local address needs no word of the link: there is one.
        for server in [ROUTERS_GLOBAL, ROUTER6] {
            let to = SocketAddr::from((server, 53));
            let udp = port.udp(to).await.expect("open");
            udp.send(b"ask").await.expect("sent");
            let mut answer = [0; 64];
            let came = udp.recv(&mut answer).await.expect("an answer");
            assert_eq!((&answer[..came.length], came.from), (&b"ask"[..], to));
            assert!(!came.took.is_zero() && came.took < PATIENCE);
        }
        assert_eq!(server.join().expect("a server"), global(7));
        let refused = port.connect(SocketAddr::from((BEYOND, 81)), PATIENCE).await;
        let refused = refused.map(drop).expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let udp = port.udp((beyond(2), 53).into()).await.expect("open");
        udp.send(b"ask").await.expect("sent");
        let lost = udp.recv(&mut [0; 64]).await.map(drop);
        let lost = lost.expect_err("unreachable");
        assert_eq!(lost.kind(), ErrorKind::HostUnreachable, "{lost}");
    });
}

/// The client's resolver file, without its heading.
fn resolver(number: u32) -> String {
    let file = std::fs::read_to_string(format!("/etc/netns/ns{number}/resolv.conf"));
    let file = file.expect("a resolver file");
    file.lines().skip(1).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_resolver_file_has_both_families_and_a_link_local_resolver_is_asked() {
    behind_router6(MacvlanMode::Private, async |lan, router| {
        let dns = router.run(|| UdpSocket::bind("[::]:53").expect("port 53"));
        dns.set_read_timeout(Some(4 * PATIENCE)).expect("a limit");
        let served = thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = dns.recv_from(&mut query) {
                let mut answer = query[..length].to_vec();
                answer[2] |= 0x80;
                let is_aaaa = answer.ends_with(&[0, 28, 0, 1]);
                if is_aaaa {
                    answer[7] = 1;
                    answer.extend([0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 9, 0, 16]);
                    answer.extend(BEYOND.octets());
                }
                dns.send_to(&answer, from).expect("sent");
                if is_aaaa {
                    return Some(from.ip());
                }
            }
            None
        });
        let (port, _) = attach(lan, Families::Dual, 1).await;
        let wanted = Addressing6 {
            resolvers: vec![ROUTER6, ROUTERS_GLOBAL],
            search: vec!["six.example".into()],
            ..addressing(7)
        };
        port.configure6(wanted.clone()).await.expect("set");
        let of_ipv6 = "nameserver fe80::1%lan0\nnameserver 2001:db8:9::1";
        assert_eq!(resolver(1), format!("search six.example\n{of_ipv6}"));
        let request = CommandRequest {
            line: "getent ahostsv6 www.test.example".to_owned(),
            environment: Vec::new(),
            timeout: 4 * PATIENCE,
        };
        let ran = port.command(request).await;
        assert_eq!(ran.end, CommandEnd::Exit(0), "{}", ran.output);
        assert!(ran.output.contains(&BEYOND.to_string()), "{}", ran.output);
        assert_eq!(
            served.join().expect("a server"),
            Some(link_local(7).into()),
            "the first was asked, over the link"
        );
        // The lease's stand before them, and either goes with its family.
        port.configure(&lease(7)).await.expect("configured");
        assert_eq!(
            resolver(1),
            format!("search lan.example six.example\nnameserver {ROUTER}\n{of_ipv6}")
        );
        port.configure6(addressing(7)).await.expect("set");
        assert_eq!(
            resolver(1),
            format!("search lan.example\nnameserver {ROUTER}")
        );
        port.configure6(wanted).await.expect("set");
        port.deconfigure().await.expect("deconfigured");
        assert_eq!(resolver(1), format!("search six.example\n{of_ipv6}"));
        port.configure6(Addressing6::default()).await.expect("set");
        assert_eq!(resolver(1), "");
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
fn what_somebody_removes_is_told_and_set_again_and_what_ends_is_no_news() {
    behind_router6(MacvlanMode::Bridge, async |lan, _| {
        let (port, told) = attach(lan, Families::Dual, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        let mut wanted = addressing(7);
        wanted.addresses.push(Address6 {
            valid_until: Some(until_in(2)),
            preferred_until: Some(until_in(1)),
            ..address(8, false)
        });
        port.configure6(wanted.clone()).await.expect("set");
        ip("-n ns1 -6 address del 2001:db8:9::7/64 dev lan0");
        soon("it is told", || !unconfigured(&told).is_empty()).await;
        assert_eq!(
            unconfigured(&told),
            ["address 2001:db8:9::7/64 was removed by somebody else"]
        );
        port.configure6(wanted).await.expect("set");
        assert!(
            addresses(1).contains("::7/64 scope global"),
            "{}",
            addresses(1)
        );
        answered(&port, BEYOND, 1).await;
        until("the lifetime ends", || !addresses(1).contains("::8/64")).await;
        // Longer than the kernel's notification takes.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(unconfigured(&told).len(), 1, "{:?}", told.events());
        assert_eq!(told.unconfigured(), [""; 0], "IPv4 is as it was");
    });
}

#[test]
fn a_carrier_that_is_lost_takes_the_neighbours_and_the_next_addressing_brings_them_back() {
    behind_router6(MacvlanMode::Bridge, async |lan, router| {
        let (port, told) = attach(lan, Families::Dual, 1).await;
        let mut wanted = addressing(7);
        wanted.neighbours[0].mac = Some(router.mac());
        port.configure6(wanted.clone()).await.expect("set");
        let learned = || ip("-n ns1 -6 neigh show dev lan0").contains("extern_learn");
        assert!(learned());
        router.ip("link set far0 down");
        until("it is told", || {
            told.events().contains(&PortEvent::CarrierLost)
        })
        .await;
        until("they are gone", || !learned()).await;
        let before = addresses(1);
        assert!(before.contains("::7/64"), "{before}");
        router.ip("link set far0 up");
        until("it is told", || {
            told.events().contains(&PortEvent::CarrierBack)
        })
        .await;
        assert!(!learned());
        port.configure6(wanted).await.expect("set");
        assert!(learned());
        assert_eq!(unconfigured(&told), [""; 0]);
    });
}

#[test]
fn frames_of_a_client_are_heard_and_a_dhcpv6_server_is_not_told_that_nobody_listens() {
    behind_router6(MacvlanMode::Bridge, async |lan, router| {
        let number = far0(router);
        let server = router.run(|| {
            let server = UdpSocket::bind("[::]:547").expect("port 547");
            server
                .join_multicast_v6(&ALL_DHCP_SERVERS, number)
                .expect("joined");
            server.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            server
        });
        let (port, told) = attach(lan, Families::Dual, 1).await;
        port.configure6(addressing(7)).await.expect("set");
        let mac = client(1).mac;
        let solicit = Ends6::to_group(mac, link_local(7), ALL_DHCP_SERVERS);
        let solicit = dhcp6_frame(&solicit, b"solicit").expect("fits");
        let unreachables = || {
            let text = ip("netns exec ns1 cat /proc/net/snmp6");
            let line = text
                .lines()
                .find(|line| line.starts_with("Icmp6OutDestUnreachs"));
            let count = line.and_then(|line| line.split_whitespace().nth(1));
            count.expect("a count").parse::<u64>().expect("a number")
        };
        let exchange = |answer: &'static [u8]| {
            port.transmit6(&solicit).expect("sent");
            let mut message = [0; 64];
            let (length, from) = server.recv_from(&mut message).expect("a message");
            assert_eq!(&message[..length], b"solicit");
            assert_eq!((from.ip(), from.port()), (link_local(7).into(), 546));
            server.send_to(answer, from).expect("answered");
        };
        let heard = |content: &[u8]| {
            told.events().into_iter().find_map(|event| match event {
                PortEvent::Dhcp6(packet) if packet.content() == content => Some(packet),
                _ => None,
            })
        };
        // The kernel limits how many errors it sends, and may keep one to itself.
        let deadline = Instant::now() + Duration::from_secs(20);
        while unreachables() == 0 {
            assert!(
                Instant::now() < deadline,
                "nobody listens, and the server is not told"
            );
            exchange(b"advertise");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        until("it is heard", || heard(b"advertise").is_some()).await;
        port.hear_dhcp6().await.expect("open");
        port.hear_dhcp6().await.expect("open already");
        let before = unreachables();
        for _ in 0..3 {
            exchange(b"reply");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        until("it is heard", || heard(b"reply").is_some()).await;
        let answer = heard(b"reply").expect("one");
        assert_eq!(answer.source, ROUTER6);
        assert_eq!(answer.link_source, router.mac());
        assert!(answer.is_sound);
        assert_eq!(unreachables(), before);

        // In the name of a client that has died.
        drop(port);
        assert_eq!(lan.detach(&client(1)).await, []);
        lan.transmit6_for(&client(1), &solicit).expect("sent");
        let mut message = [0; 64];
        let (length, _) = server.recv_from(&mut message).expect("a message");
        assert_eq!(&message[..length], b"solicit");
        lan.transmit6_for(&client(2), &solicit)
            .expect_err("another's MAC");
    });
}

#[test]
fn a_solicitation_goes_out_and_fragments_and_other_chatter_do_not_pass_for_answers() {
    behind_router6(MacvlanMode::Bridge, async |lan, router| {
        let solicited = icmp6(router);
        solicited
            .join_multicast_v6(&ALL_ROUTERS, far0(router))
            .expect("joined");
        let (port, told) = attach(lan, Families::Dual, 1).await;
        let ends = Ends6::to_group(client(1).mac, Ipv6Addr::UNSPECIFIED, ALL_ROUTERS);
        let solicitation = discovery_frame(&ends, &[133, 0, 0, 0, 0, 0, 0, 0]).expect("fits");
        port.transmit6(&solicitation).expect("sent");
        let mut message = [0; 64];
        loop {
            let length = (&solicited).read(&mut message).expect("a message");
            if message[0] == 133 {
                assert_eq!(length, 8);
                break;
            }
        }
        // An echo request for everybody, and a datagram for another port.
        send(router, ALL_NODES, &[128, 0, 0, 0, 0, 1, 0, 1]);
        let whole = router.run(|| Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::from(255))));
        let whole = whole.expect("a raw socket");
        let sends = |offset: u16, more: u16| {
            let content = advertisement();
            let fragment = [
                &[58, 0][..],
                &(offset << 3 | more).to_be_bytes(),
                &[0, 0, 0, 7],
                &content,
            ]
            .concat();
            let length = u16::try_from(fragment.len()).expect("short").to_be_bytes();
            let packet = [
                &[0x60, 0, 0, 0][..],
                &length,
                &[44, 255],
                &ROUTER6.octets(),
                &ALL_NODES.octets(),
                &fragment,
            ]
            .concat();
            let to = SocketAddrV6::new(ALL_NODES, 0, 0, far0(router));
            whole
                .send_to(&packet, &SocketAddr::from(to).into())
                .expect("sent");
        };
        sends(5, 0);
        sends(0, 1);
        sends(0, 0);
        send(router, ALL_NODES, &advertisement());
        until("the last is heard", || {
            packets(&told).iter().any(|packet| !packet.is_fragment)
        })
        .await;
        let heard: Vec<_> = packets(&told)
            .iter()
            .map(|packet| (packet.content()[0], packet.is_fragment, packet.is_sound))
            .collect();
        assert_eq!(
            heard,
            [(134, true, false), (134, true, false), (134, false, true)]
        );
    });
}

#[test]
fn who_says_that_it_is_no_router_any_more_is_heard_by_those_whose_router_it_is() {
    behind_router6(MacvlanMode::Private, async |lan, router| {
        let (one, told) = attach(lan, Families::Dual, 1).await;
        let (other, others) = attach(lan, Families::Dual, 2).await;
        one.configure6(addressing(7)).await.expect("set");
        let mut without = addressing(8);
        without.routes.clear();
        other.configure6(without).await.expect("set");
        let advertisement =
            |target: Ipv6Addr| [&[136, 0, 0, 0, 0x20, 0, 0, 0][..], &target.octets()].concat();
        send(router, ALL_NODES, &advertisement(global(0x55)));
        send(router, ALL_NODES, &advertisement(ROUTER6));
        let about_router = |told: &Told| {
            let mut packets = packets(told);
            packets.retain(|packet| packet.destination == ALL_NODES);
            packets.len()
        };
        until("it is heard", || about_router(&told) == 1).await;
        assert_eq!(about_router(&others), 0);
    });
}

#[test]
fn a_router_that_does_not_answer_any_more_is_told_and_so_is_its_return() {
    behind_router6(MacvlanMode::Private, async |lan, router| {
        let (port, told) = attach(lan, Families::Dual, 1).await;
        let (other, others) = attach(lan, Families::Dual, 2).await;
        for (port, last) in [(&port, 7), (&other, 8)] {
            let mut wanted = addressing(last);
            wanted.neighbours[0].mac = Some(router.mac());
            port.configure6(wanted).await.expect("set");
        }
        let reached = |told: &Told| -> Vec<_> {
            let events = told.events().into_iter();
            let known = events.filter_map(|event| match event {
                PortEvent::Router6(router, reachability) => Some((router, reachability)),
                _ => None,
            });
            known.collect()
        };
        router.ip(&format!("addr del {ROUTER6}/64 dev far0"));
        // The kernel waits for five seconds until it asks, and asks three times, a second apart.
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut sequence = 0;
        while reached(&told).is_empty() {
            assert!(
                Instant::now() < deadline,
                "waited in vain: {:?}",
                told.events()
            );
            sequence += 1;
            let _ = port
                .ping(echo_request(BEYOND, sequence), Duration::from_millis(300))
                .await;
            // One that the kernel refuses is refused at once.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(reached(&told), [(ROUTER6, Reachability::Unreachable)]);
        router.ip(&format!("addr add {ROUTER6}/64 dev far0 nodad"));
        while reached(&told).len() < 2 {
            assert!(
                Instant::now() < deadline,
                "waited in vain: {:?}",
                told.events()
            );
            sequence += 1;
            let _ = port
                .ping(echo_request(BEYOND, sequence), Duration::from_millis(300))
                .await;
            // One that the kernel refuses is refused at once.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(reached(&told)[1], (ROUTER6, Reachability::Reachable));
        assert_eq!(reached(&others), [], "it has sent nothing");
        assert_eq!(unconfigured(&told), [""; 0]);
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
fn a_herd_that_is_taken_over_keeps_its_ipv6_or_loses_all_of_it_where_it_is_to_speak_ipv4_only() {
    in_a_world(|| async {
        let router = router6();
        let adopt = || async {
            let config = LanConfig {
                adopt: Some(2),
                ..config()
            };
            LinuxLan::open(config).await.expect("opened")
        };
        {
            let lan = open().await;
            let (one, _) = attach(&lan, Families::Dual, 1).await;
            let (other, _) = attach(&lan, Families::Ipv4, 2).await;
            one.configure6(addressing(7)).await.expect("set");
            for port in [&one, &other] {
                let last = if std::ptr::eq(port, &raw const one) {
                    7
                } else {
                    8
                };
                port.configure(&lease(last)).await.expect("configured");
            }
            // And killed: dropped without being closed.
        }
        let before = addresses(1);
        let (lan, cleared) = adopt().await;
        assert_eq!(cleared.adopted, 2);
        let (one, told) = attach(&lan, Families::Dual, 1).await;
        let (other, others) = attach(&lan, Families::Dual, 2).await;
        let kept = addresses(1);
        assert!(
            kept.contains("2001:db8:9::7/64") && before.contains("::7/64"),
            "{kept}"
        );
        answered(&one, BEYOND, 1).await;
        // Whoever was IPv4 only is not any more, and takes nothing by itself.
        send(&router, ALL_NODES, &advertisement());
        until("it is heard", || packets(&others).len() == 1).await;
        assert_eq!(addresses(2), "");
        other.configure6(addressing(7)).await.expect("set");
        assert_eq!(outcomes(&others).len(), 2, "the first has these");
        other.configure6(addressing(8)).await.expect("set");
        answered(&other, BEYOND, 1).await;
        // What is not wanted any more is removed.
        let mut wanted = addressing(9);
        wanted.addresses.remove(0);
        wanted
            .addresses
            .push(Address6::link_local(link_local(7), false));
        one.configure6(wanted).await.expect("set");
        let left = addresses(1);
        assert!(
            left.contains("::9/64") && !left.contains("9::7/64"),
            "{left}"
        );
        assert_eq!(unconfigured(&told), [""; 0]);
        drop((one, other, lan));

        let (lan, _) = adopt().await;
        let (one, told) = attach(&lan, Families::Ipv4, 1).await;
        assert_eq!((addresses(1), routes(1)), (String::new(), String::new()));
        send(&router, ALL_NODES, &advertisement());
        let ipv4 = one.ping(echo_request(ROUTER, 1), PATIENCE).await;
        assert!(matches!(ipv4, PingOutcome::Reply(_)), "{ipv4:?}");
        assert_eq!((addresses(1), packets(&told)), (String::new(), Vec::new()));
        drop(one);
        end(&lan).await;
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
