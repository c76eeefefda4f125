//! A killed run's clients are taken over: namespaces, what runs in them, addresses and leases.

use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use lanherd_dhcp::{Lease, Lifetime, Message, MessageType};
use lanherd_net::lan::{Lan, PingOutcome, Port, PortEvent};
use lanherd_net::linux::{LanConfig, LinuxLan, LinuxPort, MacvlanMode, OpenError};
use lanherd_net::rundir::LockError;
use lanherd_net::rundir::leftovers::Cleared;
use lanherd_types::identity::Seed;
use lanherd_types::phase::Cause;

use lanherd_testkit::world::{
    PARENT, ROUTER, Resident, Router, attach, attach_told, client, config, echo_request, end,
    exists, in_a_world, ip, lease, nothing_is_left, open, soon, until,
};

/// As [`config`], taking over clients 1 to `most`.
fn adopting(most: u32) -> LanConfig {
    LanConfig {
        adopt: Some(most),
        ..config()
    }
}

async fn adopt(most: u32) -> (LinuxLan, Cleared) {
    LinuxLan::open(adopting(most)).await.expect("opened")
}

/// A LAN whose process dies while each of these clients holds a lease; the sockets close as the kernel closes them.
async fn killed_with_leases(clients: impl IntoIterator<Item = (u32, Lease)>) {
    let lan = open().await;
    for (number, lease) in clients {
        let port = attach(&lan, number).await;
        port.configure(&lease).await.expect("configured");
    }
}

fn addresses(namespace: &str) -> Vec<String> {
    ip(&format!("-n {namespace} -4 -o address show dev lan0"))
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3))
        .map(str::to_owned)
        .collect()
}

fn routes(namespace: &str) -> Vec<String> {
    ip(&format!("-n {namespace} route show proto dhcp"))
        .lines()
        .map(|line| line.trim().to_owned())
        .collect()
}

fn resolver(namespace: &str) -> String {
    fs::read_to_string(format!("/etc/netns/{namespace}/resolv.conf")).expect("a resolver file")
}

async fn answers(port: &LinuxPort) {
    let outcome = port
        .ping(echo_request(ROUTER, 1), Duration::from_secs(5))
        .await;
    assert!(matches!(outcome, PingOutcome::Reply(_)), "{outcome:?}");
}

#[test]
fn a_namespace_lives_on_with_its_address_and_what_runs_in_it_kill_after_kill() {
    in_a_world(|| async {
        let _router = Router::start();
        killed_with_leases([(1, lease(7))]).await;
        let resident = Resident::of("ns1");
        let namespace = fs::read_link(format!("/proc/{}/ns/net", resident.pid())).expect("a link");
        let before = (ip("-n ns1 -d address show dev lan0"), ip("-n ns1 route"));
        for life in 1..=2 {
            let (lan, cleared) = adopt(1).await;
            assert_eq!(
                (cleared.adopted, &cleared.removed),
                (1, &Vec::new()),
                "life {life}"
            );
            assert_eq!(cleared.leases, []);
            let remembered = lan.remembered(&client(1)).expect("remembered");
            assert_eq!(
                (remembered.address, remembered.server_id),
                (lease(7).address, ROUTER)
            );
            let port = attach(&lan, 1).await;
            assert_eq!(addresses("ns1"), ["10.9.0.7/24"], "before it is confirmed");
            answers(&port).await;
            port.configure(&lease(7)).await.expect("configured");
            assert_eq!(
                (ip("-n ns1 -d address show dev lan0"), ip("-n ns1 route")),
                before,
                "life {life}"
            );
            answers(&port).await;
            let resident = format!("/proc/{}/ns/net", resident.pid());
            assert_eq!(fs::read_link(resident).expect("it lives"), namespace);
            // And killed again: dropped without being closed.
        }
        drop(resident);
        let (lan, _) = adopt(1).await;
        drop(attach(&lan, 1).await);
        assert_eq!(lan.detach(&client(1)).await, []);
        assert!(!exists("/run/netns/ns1"));
        end(&lan).await;
    });
}

#[test]
fn another_lease_than_the_remembered_one_replaces_it_altogether() {
    in_a_world(|| async {
        let _router = Router::start();
        killed_with_leases([(1, lease(7))]).await;
        let (lan, _) = adopt(1).await;
        let port = attach(&lan, 1).await;
        let other = Lease {
            dns: vec![Ipv4Addr::new(10, 9, 0, 53)],
            mtu: Some(1400),
            ..lease(9)
        };
        port.configure(&other).await.expect("configured");
        assert_eq!(addresses("ns1"), ["10.9.0.9/24"]);
        assert_eq!(
            routes("ns1"),
            ["default via 10.9.0.1 dev lan0 src 10.9.0.9"]
        );
        assert!(ip("-n ns1 link show lan0").contains("mtu 1400"));
        assert!(
            resolver("ns1").contains("nameserver 10.9.0.53\n"),
            "{}",
            resolver("ns1")
        );
        answers(&port).await;
        assert_eq!(lan.remembered(&client(1)), None, "it has another one now");
        port.deconfigure().await.expect("deconfigured");
        assert_eq!(addresses("ns1"), [""; 0]);
        drop(port);
        end(&lan).await;
    });
}

/// Sees the whole of a lease restored after somebody has taken something away.
async fn restored(port: &LinuxPort, held: &Lease) {
    port.configure(held).await.expect("configured");
    assert_eq!(addresses("ns1"), ["10.9.0.7/24"]);
    let routes = ip("-n ns1 route");
    assert!(routes.contains("default via 10.9.0.1 "), "{routes}");
    assert!(routes.contains("10.9.0.0/24 dev lan0 "), "{routes}");
    answers(port).await;
}

#[test]
fn what_befalls_a_client_that_was_taken_over_is_told_as_to_any_other() {
    in_a_world(|| async {
        let router = Router::start();
        killed_with_leases([(1, lease(7))]).await;
        let (lan, _) = adopt(1).await;
        let (port, told) = attach_told(&lan, 1).await;
        let mut expected = vec![PortEvent::NamespaceReady];
        for (command, thing) in [
            (
                "route del default",
                "route to 0.0.0.0/0 through 10.9.0.1 was removed by somebody else",
            ),
            (
                "addr del 10.9.0.7/24 dev lan0",
                "address 10.9.0.7/24 was removed by somebody else",
            ),
        ] {
            ip(&format!("-n ns1 {command}"));
            expected.push(PortEvent::Unconfigured(thing.to_owned()));
            soon(command, || told.events() == expected).await;
            restored(&port, &lease(7)).await;
        }
        for (state, event) in [
            ("down", PortEvent::CarrierLost),
            ("up", PortEvent::CarrierBack),
        ] {
            router.ip(&format!("link set far0 {state}"));
            expected.push(event);
            soon(state, || told.events() == expected).await;
        }
        ip(&format!("link set {PARENT} mtu 1400"));
        expected.push(PortEvent::MtuChanged);
        soon("the MTU is told", || told.events() == expected).await;
        ip("netns del ns1");
        soon("it is told", || told.gone().len() == 1).await;
        assert_eq!(told.gone()[0].0, Cause::NamespaceGone);
        drop(port);
        end(&lan).await;
    });
}

#[test]
fn what_was_taken_away_while_nobody_watched_is_no_news_and_is_set_again() {
    in_a_world(|| async {
        let _router = Router::start();
        let held = Lease {
            mtu: Some(1400),
            ..lease(7)
        };
        killed_with_leases([(1, held)]).await;
        ip("-n ns1 route del default");
        ip("-n ns1 route del 10.9.0.0/24");
        for life in 1..=2 {
            let (lan, _) = adopt(1).await;
            let (port, told) = attach_told(&lan, 1).await;
            // Whatever the kernel notifies of, the check finds what is known already.
            ip("-n ns1 route add 10.7.0.0/16 dev lan0");
            ip("-n ns1 route del 10.7.0.0/16");
            ip("-n ns1 route replace 10.8.0.0/16 dev lan0");
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(told.events(), [PortEvent::NamespaceReady], "life {life}");
            restored(&port, &lease(7)).await;
            let link = ip("-n ns1 link show lan0");
            assert!(link.contains("mtu 1500 "), "{link}");
            // In the next life the route to the prefix is one that a DHCP client has set.
            restored(&port, &lease(7)).await;
            let theirs = ip("-n ns1 route show 10.8.0.0/16");
            assert!(!theirs.is_empty(), "somebody's own route stays");
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(told.events(), [PortEvent::NamespaceReady], "life {life}");
        }
        let (lan, _) = adopt(1).await;
        drop(attach(&lan, 1).await);
        end(&lan).await;
    });
}

#[test]
fn who_has_ended_for_good_is_forgotten_with_its_lease_and_who_was_never_asked_for_is_not() {
    in_a_world(|| async {
        let router = Router::start();
        let lan = open().await;
        let release = |last| {
            let held = lease(last);
            lanherd_dhcp::Config::new(client(1).mac)
                .release_of(&held, &mut fastrand::Rng::with_seed(7))
        };
        for number in 1..=2 {
            let mac = client(number).mac;
            let (port, told) = attach_told(&lan, number).await;
            let message = Message::request(MessageType::Ack, mac, 1);
            router.send_to(mac, &message.encode());
            until("the server is heard", || told.messages().len() == 1).await;
            let held = lease(10 + u8::try_from(number).expect("small"));
            port.configure(&held).await.expect("configured");
        }
        let file = |number: u32| format!("/run/lanherd/ns/ns{number}.lease");
        // It vanished: nothing was released, and nobody shall release it later.
        assert_eq!(lan.detach(&client(1)).await, []);
        assert!(exists(&file(1)), "between two lives it has its lease still");
        lan.forget(&client(1));
        until("it is forgotten", || !exists(&file(1))).await;
        let unknown = lan.transmit_for(&client(1), &release(11));
        assert_eq!(
            unknown.expect_err("forgotten").kind(),
            std::io::ErrorKind::HostUnreachable
        );
        assert!(exists(&file(2)));
        drop(lan);
        // Taken over, and never asked for again.
        let (lan, _) = adopt(2).await;
        lan.forget(&client(2));
        assert_eq!(lan.detach(&client(2)).await, []);
        assert!(lan.remembered(&client(2)).is_some());
        end(&lan).await;
        assert_eq!(
            release_heard(&router),
            (client(2).mac, Ipv4Addr::new(10, 9, 0, 12))
        );
    });
}

#[test]
fn a_lease_that_was_written_down_and_not_yet_set_is_remembered_and_what_stood_is_removed() {
    in_a_world(|| async {
        killed_with_leases([(1, lease(7))]).await;
        let path = "/run/lanherd/ns/ns1.lease";
        let text = fs::read_to_string(path).expect("a lease");
        fs::write(path, text.replace("10.9.0.7/24", "10.9.0.8/24")).expect("written");
        let (lan, cleared) = adopt(1).await;
        assert_eq!(cleared.adopted, 1);
        let remembered = lan.remembered(&client(1)).expect("remembered");
        assert_eq!(remembered.address, lease(8).address);
        let port = attach(&lan, 1).await;
        assert_eq!((addresses("ns1"), routes("ns1")), (Vec::new(), Vec::new()));
        assert!(resolver("ns1").contains("no lease"), "{}", resolver("ns1"));
        port.configure(&lease(8)).await.expect("configured");
        assert_eq!(addresses("ns1"), ["10.9.0.8/24"]);
        drop(port);
        end(&lan).await;
    });
}

#[test]
fn a_lease_that_has_expired_meanwhile_is_not_used_and_the_namespace_lives_on() {
    in_a_world(|| async {
        let short = Lease {
            lifetime: Lifetime::Finite {
                lease: Duration::from_millis(300),
                t1: Duration::from_millis(100),
                t2: Duration::from_millis(200),
            },
            requested_at: Instant::now(),
            ..lease(7)
        };
        killed_with_leases([(1, short)]).await;
        let resident = Resident::of("ns1");
        tokio::time::sleep(Duration::from_millis(400)).await;
        let (lan, cleared) = adopt(1).await;
        assert_eq!((cleared.adopted, cleared.leases), (1, Vec::new()));
        assert_eq!(lan.remembered(&client(1)), None);
        let port = attach(&lan, 1).await;
        assert_eq!(addresses("ns1"), [""; 0]);
        assert!(exists(&format!("/proc/{}", resident.pid())));
        drop((port, resident));
        end(&lan).await;
    });
}

#[test]
fn what_does_not_fit_is_made_anew_and_its_lease_is_remembered_all_the_same() {
    in_a_world(|| async {
        let spoilers = [
            ("the link is gone", "-n ns1 link del lan0"),
            ("the link is down", "-n ns1 link set lan0 down"),
            (
                "the link has another MAC",
                "-n ns1 link set lan0 address 02:00:00:00:00:99",
            ),
            ("the namespace is gone", "netns del ns1"),
        ];
        for (what, command) in spoilers {
            killed_with_leases([(1, lease(7))]).await;
            ip(command);
            let (lan, cleared) = adopt(1).await;
            let remembered = lan.remembered(&client(1)).map(|lease| lease.address);
            assert_eq!(remembered, Some(lease(7).address), "{what}: {cleared:?}");
            let port = attach(&lan, 1).await;
            let link = ip("-n ns1 link show lan0");
            assert!(link.contains(&client(1).mac.to_string()), "{what}: {link}");
            assert!(link.contains("LOWER_UP"), "{what}: {link}");
            port.configure(&lease(7)).await.expect("configured");
            assert_eq!(addresses("ns1"), ["10.9.0.7/24"], "{what}");
            drop(port);
            assert_eq!(lan.detach(&client(1)).await, [], "{what}");
            end(&lan).await;
        }
    });
}

#[test]
fn a_pool_that_stood_elsewhere_or_otherwise_is_removed_and_the_reason_is_said() {
    in_a_world(|| async {
        ip("link add up1 type veth peer name far1");
        ip("link set far1 up");
        ip("link set up1 up");
        let cases: [(LanConfig, &str); 3] = [
            (
                LanConfig {
                    parent: "up1".into(),
                    ..adopting(1)
                },
                "it stood on up0",
            ),
            (
                LanConfig {
                    mode: MacvlanMode::Private,
                    ..adopting(1)
                },
                "its mode was bridge",
            ),
            (
                LanConfig {
                    seed: Some(Seed(8)),
                    ..adopting(1)
                },
                "its seed was none",
            ),
        ];
        for (config, why) in cases {
            killed_with_leases([(1, lease(7))]).await;
            let (lan, cleared) = LinuxLan::open(config).await.expect("opened");
            assert_eq!(cleared.adopted, 0, "{why}");
            let misfit = cleared.misfit.expect("a reason");
            assert!(misfit.contains(why), "{misfit}");
            assert!(!exists("/run/netns/ns1"), "{why}");
            assert_eq!(cleared.leases.len(), 1, "{why}");
            assert_eq!(lan.remembered(&client(1)), None, "{why}");
            end(&lan).await;
        }
    });
}

#[test]
fn clients_beyond_the_wanted_number_are_removed_and_released_on_the_parent_where_they_stood() {
    in_a_world(|| async {
        let router = Router::start();
        let lan = open().await;
        for number in 1..=3 {
            let mac = client(number).mac;
            let (port, told) = attach_told(&lan, number).await;
            let message = Message::request(MessageType::Ack, mac, 1);
            router.send_to(mac, &message.encode());
            until("the server is heard", || told.messages().len() == 1).await;
            let held = lease(10 + u8::try_from(number).expect("small"));
            port.configure(&held).await.expect("configured");
        }
        drop(lan);
        let (lan, cleared) = adopt(2).await;
        assert_eq!((cleared.adopted, cleared.released()), (2, 1), "{cleared:?}");
        assert!(exists("/run/netns/ns2") && !exists("/run/netns/ns3"));
        assert_eq!(
            release_heard(&router),
            (client(3).mac, Ipv4Addr::new(10, 9, 0, 13))
        );
        // Client 2 is never asked for: it goes with its lease, and is no leak.
        drop(attach(&lan, 1).await);
        lan.transmit_for(&client(1), &release_of(&lan))
            .expect("sent");
        assert_eq!(
            release_heard(&router),
            (client(1).mac, Ipv4Addr::new(10, 9, 0, 11))
        );
        assert_eq!(lan.detach(&client(1)).await, []);
        assert_eq!(lan.close().await, []);
        nothing_is_left();
        assert_eq!(
            release_heard(&router),
            (client(2).mac, Ipv4Addr::new(10, 9, 0, 12))
        );
    });
}

/// The RELEASE of client 1's remembered lease, as its pool sends it.
fn release_of(lan: &LinuxLan) -> lanherd_dhcp::Transmit {
    let lease = lan.remembered(&client(1)).expect("remembered");
    lanherd_dhcp::Config::new(client(1).mac).release_of(&lease, &mut fastrand::Rng::with_seed(7))
}

fn release_heard(router: &Router) -> (lanherd_types::identity::Mac, Ipv4Addr) {
    let mut buffer = [0; 1500];
    let (length, from) = router.server.recv_from(&mut buffer).expect("heard");
    let message = Message::decode(&buffer[..length]).expect("decodes");
    assert_eq!(message.message_type(), Some(MessageType::Release));
    assert_eq!(from.ip(), message.ciaddr);
    (message.chaddr, message.ciaddr)
}

#[test]
fn a_living_pool_is_not_taken_over() {
    in_a_world(|| async {
        let lan = open().await;
        let port = attach(&lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        match LinuxLan::open(adopting(1)).await {
            Err(OpenError::Lock(error @ LockError::Alive { pid: Some(pid), .. })) => {
                assert_eq!(pid, std::process::id());
                let words = error.to_string();
                assert!(
                    words.contains("stop it, or choose another --pool name"),
                    "{words}"
                );
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("taken over while it lives"),
        }
        assert_eq!(addresses("ns1"), ["10.9.0.7/24"]);
        drop(port);
        end(&lan).await;
    });
}

#[test]
fn with_nothing_left_there_is_nothing_to_take_over_and_an_unfit_parent_leaves_all_as_it_was() {
    in_a_world(|| async {
        let (lan, cleared) = adopt(5).await;
        assert_eq!(cleared, Cleared::default());
        end(&lan).await;
        killed_with_leases([(1, lease(7))]).await;
        ip(&format!("link set {PARENT} down"));
        assert!(LinuxLan::open(adopting(1)).await.is_err());
        ip(&format!("link set {PARENT} up"));
        let (lan, cleared) = adopt(1).await;
        assert_eq!(cleared.adopted, 1);
        drop(attach(&lan, 1).await);
        end(&lan).await;
    });
}
