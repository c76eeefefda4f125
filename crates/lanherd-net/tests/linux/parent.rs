//! What becomes of the parent is told to every client, and the herd can go on afterwards.

use std::time::Duration;

use lanherd_dhcp::options::MessageType;
use lanherd_dhcp::{Message, Transmit};
use lanherd_net::config::Paths;
use lanherd_net::lan::{Lan, Port, PortEvent};
use lanherd_net::linux::{LinuxLan, LinuxPort};
use lanherd_net::rundir::leftovers::{BroughtUp, PoolState, find, remove};
use lanherd_types::identity::PoolName;
use lanherd_types::phase::{Cause, Stage};

use lanherd_testkit::world::{
    Router, Told, attach, attach_told, behind_a_router, client, config, end, in_a_world, ip, lease,
    on_a_lan, open, refused_attach, soon, until,
};

fn discover(number: u32) -> Transmit {
    Transmit {
        source: std::net::Ipv4Addr::UNSPECIFIED,
        destination: std::net::Ipv4Addr::BROADCAST,
        message: Message::request(MessageType::Discover, client(number).mac, 7),
    }
}

/// Sees that what a client sends reaches the router, and the answer the client.
async fn talks(port: &LinuxPort, told: &Told, number: u32, router: &Router) {
    let heard = told.messages().len();
    port.transmit(&discover(number)).expect("sent");
    let mut buffer = [0; 1500];
    router.server.recv_from(&mut buffer).expect("heard");
    let offer = Message::request(MessageType::Offer, client(number).mac, 7).encode();
    router.broadcast(&offer);
    soon("the answer is there", || told.messages().len() > heard).await;
}

#[test]
fn a_carrier_that_goes_and_comes_back_is_told_once_each() {
    behind_a_router(async |lan, router| {
        let (port, told) = attach_told(lan, 1).await;
        port.configure(&lease(10)).await.expect("configured");
        let mut expected = vec![PortEvent::NamespaceReady];
        let far = |state: &str| drop(router.ip(&format!("link set far0 {state}")));
        let own = |state: &str| drop(ip(&format!("link set up0 {state}")));
        for take in [&far as &dyn Fn(&str), &own] {
            take("down");
            expected.push(PortEvent::CarrierLost);
            soon("it is lost", || told.events() == expected).await;
            take("up");
            expected.push(PortEvent::CarrierBack);
            soon("it is back", || told.events() == expected).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!(told.events(), expected);
        }
        assert!(ip("-n ns1 route").contains("default via 10.9.0.1"));
        talks(&port, &told, 1, router).await;
    });
}

#[test]
fn who_is_plugged_in_without_a_carrier_is_told_so_and_hears_when_it_is_there() {
    on_a_lan(async |lan| {
        let (_port, first) = attach_told(lan, 1).await;
        for (number, interface) in [(2, "far0"), (3, "up0")] {
            ip(&format!("link set {interface} down"));
            soon("it is lost", || {
                first.events().last() == Some(&PortEvent::CarrierLost)
            })
            .await;
            let (port, told) = attach_told(lan, number).await;
            let mut expected = vec![PortEvent::NamespaceReady, PortEvent::CarrierLost];
            assert_eq!(told.events(), expected);
            ip(&format!("link set {interface} up"));
            expected.push(PortEvent::CarrierBack);
            soon("it is back", || told.events() == expected).await;
            soon("both hear it", || {
                first.events().last() == Some(&PortEvent::CarrierBack)
            })
            .await;
            drop(port);
            assert_eq!(lan.detach(&client(number)).await, []);
        }
    });
}

#[test]
fn a_new_mtu_is_told_and_followed_in_both_directions() {
    in_a_world(|| async {
        ip("link set far0 mtu 9000");
        let lan = open().await;
        let (port, told) = attach_told(&lan, 1).await;
        port.configure(&lease(10)).await.expect("configured");
        let mut expected = vec![PortEvent::NamespaceReady];
        for mtu in [1400, 1500, 1300, 9000] {
            ip(&format!("link set up0 mtu {mtu}"));
            expected.push(PortEvent::MtuChanged);
            soon("it is told", || told.events() == expected).await;
            assert_eq!(lan.parent_mtu(), mtu);
            port.configure(&lease(10)).await.expect("configured again");
            let link = ip("-n ns1 link show lan0");
            assert!(link.contains(&format!("mtu {mtu} ")), "{mtu}: {link}");
        }
        // A lease may say less than the parent can, and no more.
        let mut granted = lease(10);
        granted.mtu = Some(1600);
        port.configure(&granted).await.expect("configured");
        assert!(ip("-n ns1 link show lan0").contains("mtu 1600 "));
        ip("link set up0 mtu 1500");
        expected.push(PortEvent::MtuChanged);
        soon("it is told", || told.events() == expected).await;
        ip("link set up0 mtu 9000");
        expected.push(PortEvent::MtuChanged);
        soon("it is told", || told.events() == expected).await;
        assert!(ip("-n ns1 link show lan0").contains("mtu 1500 "));
        port.configure(&granted).await.expect("configured");
        assert!(ip("-n ns1 link show lan0").contains("mtu 1600 "));
        port.deconfigure().await.expect("deconfigured");
        assert!(ip("-n ns1 link show lan0").contains("mtu 9000 "));
        drop(port);
        end(&lan).await;
    });
}

#[test]
fn a_parent_that_is_deleted_and_made_anew_carries_clients_again() {
    behind_a_router(async |lan, router| {
        for round in 0..3 {
            let (port, told) = attach_told(lan, 1).await;
            port.configure(&lease(10)).await.expect("configured");
            talks(&port, &told, 1, router).await;
            ip("link del up0");
            soon("it is told", || told.gone().len() == 1).await;
            assert_eq!(
                told.gone(),
                [(Cause::ParentGone, "the parent up0 was deleted".to_owned())]
            );
            drop(port);
            assert_eq!(lan.detach(&client(1)).await, []);
            let failure = refused_attach(lan, 1).await;
            assert_eq!(
                (failure.stage, failure.cause),
                (Stage::Link, Cause::ParentGone),
                "{failure}"
            );
            assert!(failure.detail.contains("waited for"), "{failure}");
            assert_eq!(lan.detach(&client(1)).await, []);
            // In the last round it comes back by another way: up only afterwards, and under another name first.
            if round == 2 {
                ip("link add new0 type veth peer name far0");
                ip("link set new0 name up0");
            } else {
                ip("link add up0 type veth peer name far0");
            }
            router.plug_in_far_end();
            let early = Told::default();
            let port = loop {
                match lan.attach(&client(2), early.inbox()).await {
                    Ok(port) => break port,
                    Err(failure) => assert_eq!(failure.cause, Cause::ParentGone, "{failure}"),
                }
                assert_eq!(lan.detach(&client(2)).await, []);
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            assert_eq!(
                early.events().last(),
                Some(&PortEvent::CarrierLost),
                "it is not up yet"
            );
            ip("link set up0 up");
            soon("there is", || {
                early.events().last() == Some(&PortEvent::CarrierBack)
            })
            .await;
            talks(&port, &early, 2, router).await;
            drop(port);
            assert_eq!(lan.detach(&client(2)).await, []);
        }
    });
}

#[test]
fn a_thing_of_the_parents_name_that_cannot_carry_a_herd_is_passed_over() {
    on_a_lan(async |lan| {
        ip("link del up0");
        ip("link add other0 type veth peer name other1");
        ip("link set other1 up");
        ip("link set other0 up");
        ip("link add link other0 name up0 type macvlan");
        ip("link set up0 up");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let failure = refused_attach(lan, 1).await;
        assert_eq!(failure.cause, Cause::ParentGone, "{failure}");
        assert_eq!(lan.detach(&client(1)).await, []);
        ip("link del up0");
        ip("link set other0 down");
        ip("link set other0 name up0");
        ip("link set up0 up");
        let mut attached = false;
        for _ in 0..50 {
            let port = lan.attach(&client(1), Told::default().inbox()).await;
            attached = port.is_ok();
            drop(port);
            assert_eq!(lan.detach(&client(1)).await, []);
            if attached {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(attached, "the fit one was not taken");
    });
}

#[test]
fn a_parent_that_is_renamed_stays_the_parent() {
    behind_a_router(async |lan, router| {
        let (port, told) = attach_told(lan, 1).await;
        ip("link set up0 down");
        ip("link set up0 name wan7");
        ip("link set wan7 up");
        soon("it is back", || {
            told.events().last() == Some(&PortEvent::CarrierBack)
        })
        .await;
        talks(&port, &told, 1, router).await;
        drop(attach(lan, 2).await);
        assert_eq!(lan.detach(&client(2)).await, []);
        ip("link del wan7");
        soon("it is told", || told.gone().len() == 1).await;
        assert_eq!(told.gone()[0].0, Cause::ParentGone);
    });
}

fn is_up() -> bool {
    ip("-o link show up0").contains(",UP")
}

#[test]
fn a_flap_takes_the_parent_down_and_brings_it_up_whatever_happens_meanwhile() {
    in_a_world(|| async {
        let lan = open().await;
        let (port, told) = attach_told(&lan, 1).await;
        let started = std::time::Instant::now();
        lan.flap(Duration::from_millis(200)).await.expect("flapped");
        assert!(started.elapsed() >= Duration::from_millis(200));
        assert!(is_up());
        soon("both are told", || {
            told.events()[1..] == [PortEvent::CarrierLost, PortEvent::CarrierBack]
        })
        .await;

        // Nobody waits for it any more.
        let pause = Duration::from_millis(300);
        let waited = tokio::time::timeout(pause / 3, lan.flap(pause)).await;
        assert!(waited.is_err() && !is_up(), "it was given up too late");
        soon("it is up again", is_up).await;

        // It is down already, by somebody else's hand, and stays so.
        ip("link set up0 down");
        let error = lan.flap(Duration::ZERO).await.expect_err("down already");
        assert!(error.to_string().contains("up0"), "{error}");
        assert!(!is_up());
        ip("link set up0 up");

        // Those who wait for their turn when the LAN is closed do not take it.
        let flaps: Vec<_> = (0..3)
            .map(|_| {
                let lan = lan.clone();
                tokio::spawn(async move { lan.flap(Duration::from_secs(60)).await })
            })
            .collect();
        soon("it is down", || !is_up()).await;
        drop(port);
        lan.detach(&client(1)).await;
        assert_eq!(lan.close().await, []);
        assert!(is_up());
        let mut done = Vec::new();
        for flap in flaps {
            done.push(flap.await.expect("no panic").is_ok());
        }
        assert_eq!(done, [true, false, false]);
    });
}

#[test]
fn a_flap_that_the_runtime_drops_brings_the_parent_up() {
    on_a_lan(async |lan| {
        let clone = lan.clone();
        let (down, is_down) = std::sync::mpsc::channel();
        let elsewhere = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let pause = Duration::from_secs(60);
                let wait = Duration::from_millis(200);
                let waited = tokio::time::timeout(wait, clone.flap(pause)).await;
                down.send(waited.is_err() && !is_up()).expect("sent");
            });
        });
        assert!(is_down.recv().expect("told"), "it was not down");
        elsewhere.join().expect("no panic");
        assert!(is_up());
    });
}

/// What the host itself has set on the parent and on what stands on it, in words that do not tell ages.
fn settings() -> String {
    let mut lines: Vec<String> = Vec::new();
    for what in [
        "-4 route show table all",
        "-6 route show table all",
        "-6 -o addr show scope global",
        "neigh show nud permanent",
    ] {
        // A carrier that is just there, or an address that is checked still, is told as a flag.
        let words = |line: &str| line.replace(" linkdown", "").replace(" tentative", "");
        lines.extend(ip(what).lines().map(words));
    }
    lines.sort();
    lines.join("\n")
}

/// What a host may have: addresses, routes of both families and of another table, neighbours.
fn configure_the_parent() {
    for command in [
        "addr add 192.0.2.5/24 dev up0",
        "-6 addr add 2001:db8::5/64 dev up0",
        "-6 addr add 2001:db8::6/64 dev up0 nodad noprefixroute",
        "route add default via 192.0.2.1",
        "route add 198.51.100.0/24 via 203.0.113.1 dev up0 onlink metric 7",
        "route add 198.51.100.0/24 dev up0 metric 9 proto static",
        "route add default via 192.0.2.9 table 77",
        "neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev up0 nud permanent",
    ] {
        ip(command);
    }
}

async fn is_usable() {
    until("the IPv6 addresses are checked", || {
        !ip("-6 addr show tentative").contains("inet6")
    })
    .await;
    // These need an address that has been checked.
    for command in [
        "-6 route add default via 2001:db8::1",
        "-6 route add 2001:db8:5::/48 via 2001:db8::1 src 2001:db8::5 metric 50",
    ] {
        ip(command);
    }
}

/// The kernel's own link-local address is there when it has been checked.
async fn as_before(before: &str) {
    let mut now = String::new();
    for _ in 0..500 {
        now = settings();
        if now == before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(now, before);
}

#[test]
fn a_flap_leaves_what_the_host_itself_has_on_the_parent() {
    in_a_world(|| async {
        configure_the_parent();
        is_usable().await;
        let before = settings();
        let lan = open().await;
        for _ in 0..2 {
            lan.flap(Duration::from_millis(50)).await.expect("flapped");
            as_before(&before).await;
        }
        assert_eq!(lan.close().await, []);
        as_before(&before).await;
    });
}

#[test]
fn a_parent_that_a_killed_run_had_down_is_as_it_was_after_a_clean_up_and_after_the_next_start() {
    in_a_world(|| async {
        configure_the_parent();
        is_usable().await;
        let before = settings();
        for (cleans, is_old) in [(true, false), (true, true), (false, false), (false, true)] {
            // Its runtime is never run again, as if its process had been killed.
            let killed = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                runtime.block_on(async {
                    let lan = open().await;
                    let flap = lan.flap(Duration::from_secs(60));
                    let waited = tokio::time::timeout(Duration::from_millis(300), flap).await;
                    assert!(waited.is_err() && !is_up(), "it was not down");
                    let note = std::fs::read("/run/lanherd/ns/taken-down").expect("written down");
                    // What a kill leaves is the note and the parent's state; the lock goes with the LAN.
                    assert_eq!(lan.close().await, []);
                    ip("link set up0 down");
                    std::fs::create_dir_all("/run/lanherd/ns").expect("made");
                    std::fs::write("/run/lanherd/ns/taken-down", note).expect("written");
                    if is_old {
                        crate::state_files::age_taken_down("/run/lanherd/ns/taken-down");
                    }
                });
            });
            killed.join().expect("no panic");
            assert_ne!(settings(), before);
            let pool = PoolName::default();
            let brought_up = if cleans {
                let found = find(&Paths::default(), Some(&pool)).expect("found");
                let told = found.into_iter().next().map(|found| found.state);
                assert!(
                    matches!(&told, Some(PoolState::Left { taken_down: Some(name), .. }) if name == "up0"),
                    "{told:?}"
                );
                remove(&Paths::default(), &pool)
                    .expect("cleaned")
                    .brought_up
            } else {
                let (lan, cleared) = LinuxLan::open(config()).await.expect("opened");
                assert_eq!(lan.close().await, []);
                cleared.brought_up
            };
            let expected = BroughtUp {
                interface: "up0".to_owned(),
                outcome: Ok(()),
            };
            assert_eq!(brought_up, Some(expected));
            assert!(is_up());
            as_before(&before).await;
            assert!(!lanherd_testkit::world::exists("/run/lanherd/ns"));
        }
    });
}
