//! The real kernel, in namespaces that each test makes for itself. Needs root and iproute2.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml allows them in test functions only, and all of this is one test program"
)]

mod adopt;
mod arp;
mod commands;
mod delegated;
mod dialing;
mod events;
mod failing;
mod ipv6;
mod leftovers;
mod limits;
mod neighbours;
mod parent;
mod state_files;
mod traffic;

use std::fs;
use std::process::Command;

use lanherd_net::config::Paths;
use lanherd_net::lan::{Lan, Port, PortEvent};
use lanherd_net::linux::{Fate, LinuxLan, MacvlanMode, OpenError, ParentError};
use lanherd_net::netns::NetNs;
use lanherd_net::rundir::LockError;
use lanherd_types::phase::{Cause, Stage};

use lanherd_testkit::world::{
    Told, attach, attach_told, client, config, end, exists, in_a_world, ip, on_a_lan, open,
    refused_attach, try_ip, until,
};

#[test]
fn a_client_is_an_ordinary_named_namespace_with_its_macvlan() {
    on_a_lan(async |lan| {
        let (_port, told) = attach_told(lan, 3).await;
        assert_eq!(told.events(), [PortEvent::NamespaceReady]);
        assert!(ip("netns list").contains("ns3"));
        let link = ip("-n ns3 -d link show lan0");
        assert!(link.contains(&client(3).mac.to_string()), "{link}");
        assert!(link.contains("macvlan mode bridge"), "{link}");
        assert!(link.contains("state UP"), "{link}");
        assert!(link.contains("addrgenmode none"), "{link}");
        assert!(!ip("-n ns3 -6 addr show dev lan0").contains("inet6"));
        assert!(ip("-n ns3 link show lo").contains("LOOPBACK,UP"));
        assert!(
            ip("netns exec ns3 cat /etc/resolv.conf").starts_with("# lanherd: ns3: no lease yet")
        );
    });
}

#[test]
fn the_port_of_dhcp_clients_needs_no_capability_of_its_own() {
    let output = Command::new("setpriv")
        .arg("--bounding-set=-net_bind_service")
        .arg(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "a_client_is_an_ordinary_named_namespace_with_its_macvlan",
        ])
        .output()
        .expect("the test needs setpriv of util-linux");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
fn after_detach_and_close_the_host_is_as_it_was() {
    // Among the mounts of the world are those of the host, which its own hide.
    let named = || {
        let mounts = fs::read_to_string("/proc/thread-self/mountinfo").expect("mounts");
        mounts.matches("/run/netns").count()
    };
    in_a_world(move || async move {
        let before = named();
        let lan = open().await;
        for number in 1..=3 {
            drop(attach(&lan, number).await);
        }
        for number in 1..=3 {
            assert_eq!(lan.detach(&client(number)).await, []);
            assert!(!exists(&format!("/run/netns/ns{number}")));
            assert!(!exists(&format!("/etc/netns/ns{number}")));
        }
        end(&lan).await;
        assert_eq!(named(), before, "mounts");
    });
}

#[test]
fn folders_that_were_there_before_stay_and_so_does_what_is_in_them() {
    in_a_world(|| async {
        ip("netns add other");
        fs::create_dir("/etc/netns").expect("made");
        let lan = open().await;
        drop(attach(&lan, 1).await);
        assert_eq!(lan.detach(&client(1)).await, []);
        assert_eq!(lan.close().await, []);
        assert!(ip("netns list").contains("other"));
        ip("-n other link set lo up");
        assert!(exists("/etc/netns") && !exists("/run/lanherd"));
    });
}

#[test]
fn detaching_twice_or_what_never_was_does_nothing() {
    on_a_lan(async |lan| {
        assert_eq!(lan.detach(&client(9)).await, []);
        drop(attach(lan, 1).await);
        assert_eq!(lan.detach(&client(1)).await, []);
        assert_eq!(lan.detach(&client(1)).await, []);
    });
}

#[test]
fn a_mac_can_be_used_again_right_after_detach() {
    on_a_lan(async |lan| {
        for _ in 0..10 {
            drop(attach(lan, 1).await);
            assert_eq!(lan.detach(&client(1)).await, []);
        }
    });
}

#[test]
fn a_client_whose_last_life_was_not_detached_is_attached_anew() {
    on_a_lan(async |lan| {
        drop(attach(lan, 1).await);
        drop(attach(lan, 1).await);
    });
}

#[test]
fn a_foreign_namespace_of_the_name_is_refused_and_untouched() {
    in_a_world(|| async {
        ip("netns add ns1");
        ip("-n ns1 link set lo up");
        let lan = open().await;
        let foreign = lan.foreign(&[client(1), client(2)]);
        assert_eq!(foreign.len(), 1);
        assert_eq!(foreign[0].path.to_str(), Some("/run/netns/ns1"));
        let failure = refused_attach(&lan, 1).await;
        assert_eq!(
            (failure.stage, failure.cause),
            (Stage::Namespace, Cause::NameTaken),
            "{failure}"
        );
        assert_eq!(lan.detach(&client(1)).await, []);
        assert_eq!(lan.close().await, []);
        assert!(
            ip("-n ns1 link show lo").contains("LOOPBACK,UP"),
            "it was replaced"
        );
    });
}

#[test]
fn a_foreign_resolver_folder_of_the_name_is_refused_and_untouched() {
    in_a_world(|| async {
        fs::create_dir_all("/etc/netns/ns1").expect("made");
        let lan = open().await;
        let failure = refused_attach(&lan, 1).await;
        assert_eq!(failure.cause, Cause::NameTaken, "{failure}");
        assert!(failure.detail.contains("/etc/netns/ns1"), "{failure}");
        assert_eq!(lan.detach(&client(1)).await, []);
        assert!(!exists("/run/netns/ns1"));
        assert_eq!(lan.close().await, []);
        assert!(exists("/etc/netns/ns1"));
    });
}

#[test]
fn every_mode_reaches_the_kernel_and_passthru_carries_one_client_only() {
    in_a_world(|| async {
        for mode in MacvlanMode::ALL {
            let before = ip("-o link show up0");
            let (lan, _) = LinuxLan::open(lanherd_net::linux::LanConfig {
                mode: *mode,
                ..config()
            })
            .await
            .expect("opened");
            let port = attach(&lan, 1).await;
            let link = ip("-n ns1 -d link show lan0");
            assert!(link.contains(&format!("macvlan mode {mode}")), "{link}");
            assert!(link.contains(&client(1).mac.to_string()), "{link}");
            if *mode == MacvlanMode::Passthru {
                let failure = refused_attach(&lan, 2).await;
                assert_eq!(failure.stage, Stage::Link, "{failure}");
                assert_eq!(lan.detach(&client(2)).await, []);
            }
            drop(port);
            end(&lan).await;
            until("the parent is as it was", || {
                ip("-o link show up0") == before
            })
            .await;
        }
    });
}

#[test]
fn a_pinned_namespace_is_reported_with_the_process_and_its_mac_is_free_again() {
    in_a_world(|| async {
        let lan = open().await;
        drop(attach(&lan, 1).await);
        let resident = lanherd_testkit::world::Resident::of("ns1");
        assert_eq!(lan.detach(&client(1)).await, []);
        let leaks = lan.close().await;
        let [leak] = &leaks[..] else {
            panic!("{leaks:?}")
        };
        assert_eq!(leak.what, "namespace ns1");
        let Fate::Remains(why) = &leak.fate else {
            panic!("{leak:?}")
        };
        assert!(why.contains(&resident.pid().to_string()), "{why}");
        its_mac_is_free().await;
    });
}

/// Keeps a namespace alive in a way that no look at the processes shows who lives there.
type Keep = fn(&str) -> Box<dyn std::any::Any>;

const KEEPERS: [(&str, Keep); 3] = [
    ("a descriptor", |path| {
        Box::new(fs::File::open(path).expect("open"))
    }),
    ("a mount", |path| {
        struct Mount;
        impl Drop for Mount {
            fn drop(&mut self) {
                nix::mount::umount("/run/kept").expect("unmounted");
            }
        }
        fs::write("/run/kept", "").expect("a file");
        let none = None::<&str>;
        let flags = nix::mount::MsFlags::MS_BIND;
        nix::mount::mount(Some(path), "/run/kept", none, flags, none).expect("mounted");
        Box::new(Mount)
    }),
    ("a socket", |path| {
        let namespace = NetNs::open(std::path::Path::new(path)).expect("open");
        let socket = namespace.with(|| std::net::UdpSocket::bind("0.0.0.0:0"));
        Box::new(socket.expect("entered").expect("a socket"))
    }),
];

/// Of what is left nothing answers: the MAC is free for the next life of the client.
async fn its_mac_is_free() {
    let lan = open().await;
    drop(attach(&lan, 1).await);
    end(&lan).await;
}

#[test]
fn who_leaves_while_others_are_about_to_be_looked_at_is_looked_at_as_well() {
    in_a_world(|| async {
        let lan = open().await;
        let ports = [attach(&lan, 1).await, attach(&lan, 2).await];
        let kept = NetNs::open(std::path::Path::new("/run/netns/ns2")).expect("open");
        drop(ports);
        assert_eq!(lan.detach(&client(1)).await, []);
        // The first is looked at after 2.5 s; by then the second has been gone for less than the kernel is given.
        tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
        assert_eq!(lan.detach(&client(2)).await, []);
        let is_on_the_lan = || {
            let links = kept.with(|| ip("-o link show"));
            links.expect("entered").contains("lan0")
        };
        assert!(is_on_the_lan());
        until("its link is gone", || !is_on_the_lan()).await;
        let leaks = lan.close().await;
        assert!(
            matches!(&leaks[..], [leak] if leak.what == "namespace ns2"),
            "{leaks:?}"
        );
    });
}

#[test]
fn a_namespace_that_something_elsewhere_keeps_is_reported_and_is_off_the_lan() {
    in_a_world(|| async {
        for (keeper, keep) in KEEPERS {
            for waits in [false, true] {
                let lan = open().await;
                let port = attach(&lan, 1).await;
                port.configure(&lanherd_testkit::world::lease(10))
                    .await
                    .expect("configured");
                let kept = keep("/run/netns/ns1");
                drop(port);
                assert_eq!(lan.detach(&client(1)).await, []);
                if waits {
                    // While the herd goes on, too, it does not stay on the LAN.
                    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
                    let other = Told::default();
                    let identity = client(1);
                    let again = lan.attach(&identity, other.inbox());
                    let soon = std::time::Duration::from_millis(700);
                    let port = tokio::time::timeout(soon, again).await.expect("in time");
                    drop(port.expect("attached"));
                    assert_eq!(lan.detach(&client(1)).await, []);
                }
                let leaks = lan.close().await;
                let [leak] = &leaks[..] else {
                    panic!("{keeper}: {leaks:?}")
                };
                assert_eq!(leak.what, "namespace ns1", "{keeper}");
                let Fate::Remains(why) = &leak.fate else {
                    panic!("{keeper}: {leak:?}")
                };
                assert!(why.contains("its link is deleted"), "{keeper}: {why}");
                let own = format!("process {}", std::process::id());
                // The mount is this thread's alone, and so seen of no process.
                assert_eq!(
                    why.contains(&own),
                    keeper == "a descriptor",
                    "{keeper}: {why}"
                );
                its_mac_is_free().await;
                drop(kept);
            }
        }
    });
}

#[test]
fn a_client_gets_its_mac_back_from_its_own_last_namespace_that_somebody_pins() {
    in_a_world(|| async {
        let lan = open().await;
        drop(attach(&lan, 1).await);
        let _resident = lanherd_testkit::world::Resident::of("ns1");
        assert_eq!(lan.detach(&client(1)).await, []);
        drop(attach(&lan, 1).await);
        assert_eq!(lan.detach(&client(1)).await, []);
        assert_eq!(lan.close().await.len(), 1);
    });
}

#[test]
fn what_is_not_detached_before_closing_is_removed_and_reported() {
    in_a_world(|| async {
        let lan = open().await;
        let port = attach(&lan, 1).await;
        let leaks = lan.close().await;
        let whats: Vec<&str> = leaks.iter().map(|leak| leak.what.as_str()).collect();
        assert_eq!(
            whats,
            [
                "sockets of client 1",
                "namespace ns1",
                "/etc/netns/ns1",
                "/run/lanherd/ns/ns1"
            ]
        );
        assert!(matches!(leaks[0].fate, Fate::Remains(_)));
        assert!(leaks[1..].iter().all(|leak| leak.fate == Fate::Removed));
        assert!(!exists("/run/netns") && !exists("/run/lanherd"));
        drop(port);
    });
}

#[test]
fn a_mac_that_somebody_else_has_on_the_parent_is_a_failure_after_a_while() {
    in_a_world(|| async {
        ip(&format!(
            "link add link up0 name foreign address {} type macvlan mode bridge",
            client(1).mac
        ));
        ip("link set foreign up");
        let lan = open().await;
        let failure = refused_attach(&lan, 1).await;
        assert_eq!(
            (failure.stage, failure.cause),
            (Stage::Link, Cause::MacInUse),
            "{failure}"
        );
        assert_eq!(lan.detach(&client(1)).await, []);
        assert_eq!(lan.close().await, []);
        assert!(try_ip("link show foreign").0, "it was deleted");
    });
}

#[test]
fn the_parent_deleted_is_told_to_every_client() {
    on_a_lan(async |lan| {
        let told = [Told::default(), Told::default()];
        let mut ports = Vec::new();
        for (number, told) in (1..).zip(&told) {
            ports.push(
                lan.attach(&client(number), told.inbox())
                    .await
                    .expect("attached"),
            );
        }
        ip("link del up0");
        let lost = PortEvent::Gone(Cause::ParentGone, "the parent up0 was deleted".into());
        until("both are told", || {
            told.iter().all(|told| told.events().contains(&lost))
        })
        .await;
        let failure = refused_attach(lan, 3).await;
        assert_eq!(failure.cause, Cause::ParentGone, "{failure}");
    });
}

#[test]
fn an_unfit_parent_is_refused_with_the_reason_and_nothing_is_left() {
    in_a_world(|| async {
        ip("link add link up0 name macvlan0 type macvlan");
        ip("link add br0 type bridge");
        ip("link add port0 type veth peer name port1");
        ip("link set port0 master br0");
        ip("link add down0 type veth peer name down1");
        ip("link add alone0 type veth peer name alone1");
        ip("link set alone0 up");
        ip("link add owned0 type veth peer name owned1");
        ip("link set owned0 up");
        ip("link set owned1 up");
        ip("link add link owned0 name owner0 type macvlan mode passthru");
        let refused = async |parent: &str| {
            let config = lanherd_net::linux::LanConfig {
                parent: parent.into(),
                ..config()
            };
            match LinuxLan::open(config).await {
                Err(OpenError::Parent(error)) => error,
                Err(other) => panic!("{parent}: {other}"),
                Ok(_) => panic!("{parent} was accepted"),
            }
        };
        let missing = refused("eth7").await;
        assert!(missing.to_string().contains("up0"), "{missing}");
        assert!(matches!(missing, ParentError::Missing { .. }));
        assert!(matches!(refused("lo").await, ParentError::Loopback { .. }));
        assert!(matches!(
            refused("macvlan0").await,
            ParentError::Macvlan { .. }
        ));
        assert!(matches!(refused("port0").await, ParentError::Port { of, .. } if of == "br0"));
        assert!(matches!(refused("down0").await, ParentError::Down { .. }));
        assert!(matches!(
            refused("alone0").await,
            ParentError::NoCarrier { .. }
        ));
        assert!(matches!(
            refused("owned0").await,
            ParentError::Passthru { .. }
        ));
        let checked = lanherd_net::linux::check("owned0").expect("looked up");
        assert!(
            matches!(checked, Err(ParentError::Passthru { .. })),
            "{checked:?}"
        );
        assert!(!exists("/run/lanherd") && !exists("/run/netns"));
    });
}

#[test]
fn a_second_pool_of_the_name_is_refused_with_the_process_and_another_name_is_not() {
    in_a_world(|| async {
        let lan = open().await;
        match LinuxLan::open(config()).await {
            Err(OpenError::Lock(LockError::Alive { pid, .. })) => {
                assert_eq!(pid, Some(std::process::id()));
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("two pools of one name"),
        }
        let pool = "other".parse().expect("a name");
        let (other, _) = LinuxLan::open(lanherd_net::linux::LanConfig { pool, ..config() })
            .await
            .expect("opened");
        assert_eq!(lan.close().await, []);
        assert!(exists("/run/netns"), "the other pool still needs it");
        assert_eq!(other.close().await, []);
        assert!(!exists("/run/netns") && !exists(&Paths::default().state.display().to_string()));
    });
}
