//! Frames, addresses and pings.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use lanherd_dhcp::options::MessageType;
use lanherd_dhcp::{Lease, Message, Route, Transmit};
use lanherd_net::lan::{Lan, PingCause, PingOutcome, Port};
use lanherd_net::linux::{LanConfig, LinuxLan, LinuxPort};
use lanherd_types::identity::Mac;

use lanherd_testkit::world::{
    ROUTER, Router, Told, attach, attach_told, behind_a_router, client, config, echo_request, end,
    in_a_world, ip, lease, on_a_lan, open, until,
};

fn message(message_type: MessageType, mac: Mac) -> Message {
    Message::request(message_type, mac, 7)
}

#[test]
fn replies_come_only_to_the_client_they_are_for() {
    behind_a_router(async |lan, router| {
        let told = [Told::default(), Told::default()];
        let mut ports = Vec::new();
        for (number, told) in (1..).zip(&told) {
            ports.push(
                lan.attach(&client(number), told.inbox())
                    .await
                    .expect("attached"),
            );
        }
        let to_first = message(MessageType::Offer, client(1).mac).encode();
        let to_second = message(MessageType::Offer, client(2).mac).encode();
        router.broadcast(&message(MessageType::Offer, Mac([2, 0, 0, 0, 0, 9])).encode());
        router.broadcast(&to_second);
        router.send_to(client(1).mac, &to_first);
        // Addressed to the second, about the first: it is the second's to drop.
        router.send_to(client(2).mac, &to_first);
        until("three were delivered", || {
            told.iter().map(|told| told.messages().len()).sum::<usize>() == 3
        })
        .await;
        assert_eq!(told[0].messages(), std::slice::from_ref(&to_first));
        assert_eq!(told[1].messages(), [to_second, to_first]);
    });
}

#[test]
fn what_clients_send_is_not_heard_as_a_reply() {
    behind_a_router(async |lan, router| {
        let (port, told) = attach_told(lan, 1).await;
        port.transmit(&broadcast(MessageType::Discover))
            .expect("sent");
        let mut buffer = [0; 1500];
        let (length, from) = router.server.recv_from(&mut buffer).expect("heard");
        assert_eq!(
            buffer[..length],
            message(MessageType::Discover, client(1).mac).encode()
        );
        assert_eq!(from.to_string(), "0.0.0.0:68");
        assert_eq!(told.messages(), Vec::<Vec<u8>>::new());
    });
}

fn broadcast(message_type: MessageType) -> Transmit {
    Transmit {
        message: message(message_type, client(1).mac),
        source: Ipv4Addr::UNSPECIFIED,
        destination: Ipv4Addr::BROADCAST,
    }
}

fn unicast(message_type: MessageType) -> Transmit {
    Transmit {
        source: lease(7).address,
        destination: ROUTER,
        ..broadcast(message_type)
    }
}

#[test]
fn a_renewal_goes_through_the_clients_own_stack_and_a_reply_to_it_is_not_answered_with_an_error() {
    behind_a_router(async |lan, router| {
        let (port, told) = attach_told(lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        port.transmit(&unicast(MessageType::Request)).expect("sent");
        let mut buffer = [0; 1500];
        let (_, from) = router.server.recv_from(&mut buffer).expect("heard");
        assert_eq!(from.to_string(), "10.9.0.7:68");
        // Connected, the socket would be told of an ICMP error.
        router.server.connect("10.9.0.7:68").expect("connected");
        let reply = message(MessageType::Ack, client(1).mac).encode();
        router.server.send(&reply).expect("sent");
        until("the reply is delivered", || {
            told.messages() == [reply.clone()]
        })
        .await;
        router.server.send(&reply).expect("no error came back");
    });
}

#[test]
fn a_release_needs_no_arp_and_can_be_sent_for_a_client_that_is_gone() {
    behind_a_router(async |lan, router| {
        let (port, told) = attach_told(lan, 1).await;
        let unknown = lan.transmit_for(&client(1), &unicast(MessageType::Release));
        assert_eq!(
            unknown.expect_err("nobody was heard").kind(),
            std::io::ErrorKind::HostUnreachable
        );
        router.send_to(
            client(1).mac,
            &message(MessageType::Ack, client(1).mac).encode(),
        );
        until("a server is heard", || told.messages().len() == 1).await;
        // Without an address in the namespace, only the raw socket can send this.
        port.transmit(&unicast(MessageType::Release)).expect("sent");
        drop(port);
        // As between two lives: detached, and the lease still held.
        lan.detach(&client(1)).await;
        lan.transmit_for(&client(1), &unicast(MessageType::Release))
            .expect("sent");
        let mut buffer = [0; 1500];
        for _ in 0..2 {
            let (length, from) = router.server.recv_from(&mut buffer).expect("heard");
            assert_eq!(from.to_string(), "10.9.0.7:68");
            assert_eq!(
                Message::decode(&buffer[..length])
                    .expect("decodes")
                    .message_type(),
                Some(MessageType::Release)
            );
        }
    });
}

#[test]
fn a_lease_sets_address_route_resolver_and_mtu_and_its_loss_removes_them() {
    behind_a_router(async |lan, _| {
        let port = attach(lan, 1).await;
        let with_mtu = Lease {
            mtu: Some(1400),
            ..lease(7)
        };
        port.configure(&with_mtu).await.expect("configured");
        let address = ip("-n ns1 -4 addr show dev lan0");
        assert!(
            address.contains("inet 10.9.0.7/24 brd 10.9.0.255") && address.contains("mtu 1400"),
            "{address}"
        );
        let routes = ip("-n ns1 route");
        assert!(
            routes.contains("default via 10.9.0.1 dev lan0 proto dhcp src 10.9.0.7"),
            "{routes}"
        );
        let resolver = ip("netns exec ns1 cat /etc/resolv.conf");
        assert_eq!(
            resolver,
            "# lanherd: ns1: from the lease\nsearch lan.example\nnameserver 10.9.0.1\n"
        );
        assert_eq!(
            fs::read_to_string("/etc/resolv.conf").expect("the host's"),
            "# the host's own\n"
        );
        port.deconfigure().await.expect("deconfigured");
        let address = ip("-n ns1 -4 addr show dev lan0");
        assert!(
            !address.contains("inet") && !address.contains("mtu 1400"),
            "{address}"
        );
        assert_eq!(ip("-n ns1 route"), "");
        assert_eq!(
            ip("netns exec ns1 cat /etc/resolv.conf"),
            "# lanherd: ns1: no lease\n"
        );
    });
}

#[test]
fn a_new_lease_replaces_the_old_one_and_a_running_process_sees_the_new_resolver() {
    behind_a_router(async |lan, _| {
        let port = attach(lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        let resident = lanherd_testkit::world::Resident::of("ns1");
        let other_dns = Lease {
            dns: vec![Ipv4Addr::new(10, 9, 0, 53)],
            ..lease(8)
        };
        port.configure(&other_dns).await.expect("configured");
        let address = ip("-n ns1 -4 addr show dev lan0");
        assert!(
            address.contains("10.9.0.8/24") && !address.contains("10.9.0.7"),
            "{address}"
        );
        assert!(
            ip("-n ns1 route").contains("default via 10.9.0.1 dev lan0 proto dhcp src 10.9.0.8")
        );
        let seen = fs::read_to_string(format!("/proc/{}/root/etc/resolv.conf", resident.pid()))
            .expect("its file");
        assert!(
            seen.contains("nameserver 10.9.0.53") && !seen.contains("10.9.0.1\n"),
            "{seen}"
        );
    });
}

#[test]
fn a_gateway_outside_the_prefix_is_reached_on_the_link() {
    on_a_lan(async |lan| {
        let port = attach(lan, 1).await;
        let host = Lease {
            prefix_len: 32,
            ..lease(7)
        };
        port.configure(&host).await.expect("configured");
        let routes = ip("-n ns1 route");
        assert!(
            routes.contains("default via 10.9.0.1 dev lan0 proto dhcp src 10.9.0.7 onlink"),
            "{routes}"
        );
    });
}

#[test]
fn a_lease_that_the_kernel_refuses_is_a_failure_that_names_the_route() {
    on_a_lan(async |lan| {
        let port = attach(lan, 1).await;
        let broadcast = Route {
            destination: Ipv4Addr::UNSPECIFIED,
            prefix_len: 0,
            gateway: Ipv4Addr::new(10, 9, 0, 255),
        };
        let refused = Lease {
            routes: vec![broadcast],
            ..lease(7)
        };
        let failure = port.configure(&refused).await.expect_err("refused");
        assert!(
            failure
                .detail
                .contains("route to 0.0.0.0/0 through 10.9.0.255"),
            "{failure}"
        );
        assert!(
            !ip("-n ns1 -4 addr show dev lan0").contains("inet"),
            "half of it stands"
        );
        assert!(
            port.configure(&refused).await.is_err(),
            "the same again is refused again"
        );
        port.configure(&lease(7))
            .await
            .expect("a sound lease can follow");
        assert!(ip("-n ns1 route").contains("default via 10.9.0.1"));
    });
}

#[test]
fn a_lease_for_a_namespace_that_somebody_removed_is_a_failure_that_says_so() {
    in_a_world(|| async {
        let lan = open().await;
        let port = attach(&lan, 1).await;
        ip("netns del ns1");
        ip("netns add ns1");
        let failure = port.configure(&lease(7)).await.expect_err("refused");
        assert!(
            failure.detail.contains("somebody else removed it"),
            "{failure}"
        );
        assert!(
            !ip("-n ns1 -4 addr").contains("10.9.0.7"),
            "it was set in a stranger"
        );
        drop(port);
        assert_eq!(lan.detach(&client(1)).await, []);
        assert!(ip("netns list").contains("ns1"), "the stranger was removed");
        assert_eq!(lan.close().await, []);
    });
}

#[test]
fn the_fixed_neighbour_is_known_for_good() {
    in_a_world(|| async {
        let router = Router::start();
        let neighbour = Some((ROUTER, router.mac()));
        let (lan, _) = LinuxLan::open(LanConfig {
            neighbour,
            ..config()
        })
        .await
        .expect("opened");
        let port = attach(&lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        let known = ip("-n ns1 neigh show 10.9.0.1");
        assert!(
            known.contains(&router.mac().to_string()) && known.contains("PERMANENT"),
            "{known}"
        );
        port.deconfigure().await.expect("deconfigured");
        assert_eq!(ip("-n ns1 neigh show nud permanent"), "");
        drop(port);
        end(&lan).await;
    });
}

#[test]
fn pings_are_answered_or_lost_for_the_right_reason() {
    behind_a_router(async |lan, router| {
        router.ip("addr add 8.8.8.8/32 dev lo");
        router.ip("route add unreachable 192.0.2.1");
        router.ip("route add blackhole 192.0.2.2");
        let port = attach(lan, 1).await;
        let patience = Duration::from_millis(300);
        let google = Ipv4Addr::new(8, 8, 8, 8);
        assert_eq!(
            port.ping(echo_request(google, 1), patience).await,
            PingOutcome::Lost(PingCause::NoRoute)
        );
        port.configure(&lease(7)).await.expect("configured");
        for sequence in 2..5 {
            match port
                .ping(echo_request(google, sequence), Duration::from_secs(5))
                .await
            {
                PingOutcome::Reply(time) => {
                    assert!(!time.is_zero() && time < Duration::from_secs(5));
                }
                PingOutcome::Lost(cause) => panic!("lost: {cause}"),
            }
        }
        router.forward();
        let unreachable = Ipv4Addr::new(192, 0, 2, 1);
        assert_eq!(
            port.ping(echo_request(unreachable, 5), patience).await,
            PingOutcome::Lost(PingCause::Unreachable)
        );
        let blackhole = Ipv4Addr::new(192, 0, 2, 2);
        assert_eq!(
            port.ping(echo_request(blackhole, 6), patience).await,
            PingOutcome::Lost(PingCause::Timeout)
        );
        // Three unanswered ARP requests, a second each.
        let nobody = Ipv4Addr::new(10, 9, 0, 99);
        assert_eq!(
            port.ping(echo_request(nobody, 7), Duration::from_secs(8))
                .await,
            PingOutcome::Lost(PingCause::HostDown)
        );
    });
}

#[test]
fn what_answers_somebody_else_in_the_namespace_answers_no_ping_of_ours() {
    behind_a_router(async |lan, _| {
        let port = attach(lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        // The neighbour is known from here on.
        let first = port
            .ping(echo_request(ROUTER, 0), Duration::from_secs(5))
            .await;
        assert!(matches!(first, PingOutcome::Reply(_)), "{first:?}");
        // Of requests with the same identifier, sequence number and length, those with our payload go nowhere.
        // A program of the classic packet filter: the word at byte 16 of the payload, behind Ethernet, IP and ICMP headers.
        let filter = "4,32 0 0 58,21 0 1 19088743,6 0 0 2,6 0 0 4294967295";
        ip("netns exec ns1 tc qdisc add dev lan0 clsact");
        let added = std::process::Command::new("ip")
            .args("netns exec ns1 tc filter add dev lan0 egress bpf da bytecode".split(' '))
            .arg(filter)
            .status();
        assert!(added.expect("the test needs iproute2").success());
        let mut other = std::process::Command::new("ip")
            .args("netns exec ns1 ping -q -i .2 -w 20 -e 24301 10.9.0.1".split(' '))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("the test needs iputils-ping");
        for sequence in 1..10 {
            let outcome = port
                .ping(echo_request(ROUTER, sequence), Duration::from_millis(400))
                .await;
            assert!(
                matches!(
                    outcome,
                    PingOutcome::Lost(PingCause::Timeout | PingCause::Malformed)
                ),
                "{outcome:?}"
            );
        }
        assert_eq!(port.duplicates(ROUTER.into()), 0);
        // It tells what it has seen when it is interrupted.
        let pid = nix::unistd::Pid::from_raw(other.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("running");
        let mut said = String::new();
        let mut pipe = other.stdout.take().expect("piped");
        std::io::Read::read_to_string(&mut pipe, &mut said).expect("read");
        other.wait().expect("ended");
        assert!(
            said.contains(" 0% packet loss"),
            "the other was not answered: {said}"
        );
        // And with the filter gone we are.
        ip("netns exec ns1 tc qdisc del dev lan0 clsact");
        let last = port
            .ping(echo_request(ROUTER, 99), Duration::from_secs(5))
            .await;
        assert!(matches!(last, PingOutcome::Reply(_)), "{last:?}");
        assert_eq!(port.duplicates(ROUTER.into()), 0);
    });
}

/// Pings while the only thread that could read the answer does something else for `busy`.
async fn ping_of_a_busy_tester(port: &LinuxPort, timeout: Duration, busy: Duration) -> PingOutcome {
    let google = Ipv4Addr::new(8, 8, 8, 8);
    let ping = port.ping(echo_request(google, 2), timeout);
    let other_work = async { std::thread::sleep(busy) };
    // In this order: the ping is sent first.
    tokio::join!(biased; ping, other_work).0
}

#[test]
fn a_round_trip_is_the_networks_and_not_that_of_a_busy_tester() {
    behind_a_router(async |lan, router| {
        router.ip("addr add 8.8.8.8/32 dev lo");
        let port = attach(lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        let google = Ipv4Addr::new(8, 8, 8, 8);
        // So that the neighbour is known, and the socket ready.
        let first = port
            .ping(echo_request(google, 1), Duration::from_secs(5))
            .await;
        assert!(matches!(first, PingOutcome::Reply(_)), "{first:?}");
        // The kernel begins to stamp packets a moment after the first socket of the machine wanted it, in a work queue.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let busy = Duration::from_millis(200);
        match ping_of_a_busy_tester(&port, Duration::from_secs(5), busy).await {
            PingOutcome::Reply(time) => assert!(!time.is_zero() && time < busy / 2, "{time:?}"),
            PingOutcome::Lost(cause) => panic!("lost: {cause}"),
        }
        // It came in time, and is read after its time.
        let outcome = ping_of_a_busy_tester(&port, busy / 2, busy).await;
        assert!(matches!(outcome, PingOutcome::Reply(_)), "{outcome:?}");
    });
}
