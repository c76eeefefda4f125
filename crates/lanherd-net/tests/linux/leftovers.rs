//! What a killed run leaves is found and removed, whenever it was killed; nothing else is.

use std::fs;

use lanherd_net::config::Paths;
use lanherd_net::linux::LinuxLan;
use lanherd_net::rundir::LockError;
use lanherd_net::rundir::leftovers::{PoolState, Removed, find, remove};
use lanherd_types::identity::PoolName;

use lanherd_testkit::world::{
    attach, config, end, exists, in_a_world, ip, nothing_is_left, of_lanherd, on_a_lan, open,
};

fn pool() -> PoolName {
    PoolName::default()
}

/// What is left of the pool, by name.
fn left() -> Vec<String> {
    let found = find(&Paths::default(), Some(&pool())).expect("found");
    match found.into_iter().next().map(|found| found.state) {
        None => Vec::new(),
        Some(PoolState::Left { things, .. }) => things,
        Some(other) => panic!("{other:?}"),
    }
}

fn removed() -> Vec<Removed> {
    remove(&Paths::default(), &pool()).expect("removed").removed
}

/// A LAN whose process dies: its lock goes with it, and nothing is cleaned up.
async fn killed_with_clients(numbers: impl IntoIterator<Item = u32>) {
    let lan = open().await;
    for number in numbers {
        drop(attach(&lan, number).await);
    }
    drop(lan);
    // A process that is killed holds nothing of them any more; here the runtime has to let go of it first.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
}

#[test]
fn after_a_kill_everything_is_found_and_removed_and_the_host_is_as_it_was() {
    in_a_world(|| async {
        killed_with_clients(1..=2).await;
        let expected = [
            "namespace ns1",
            "/etc/netns/ns1",
            "/run/lanherd/ns/ns1",
            "namespace ns2",
            "/etc/netns/ns2",
            "/run/lanherd/ns/ns2",
            "/run/lanherd/ns",
        ];
        assert_eq!(left(), expected);
        assert!(exists("/run/netns/ns1"), "looking must not remove");
        let removed = removed();
        assert_eq!(
            removed
                .iter()
                .map(|removed| removed.what.as_str())
                .collect::<Vec<_>>(),
            expected
        );
        assert!(
            removed.iter().all(|removed| removed.outcome.is_ok()),
            "{removed:?}"
        );
        nothing_is_left();
        assert_eq!(left(), [""; 0]);
        assert_eq!(crate::leftovers::removed(), []);
    });
}

#[test]
fn the_next_run_of_the_pool_removes_what_was_left_and_says_so() {
    in_a_world(|| async {
        killed_with_clients([4]).await;
        let (lan, cleared) = LinuxLan::open(config()).await.expect("opened");
        assert!(
            cleared
                .removed
                .iter()
                .any(|removed| removed.what == "namespace ns4"),
            "{cleared:?}"
        );
        drop(attach(&lan, 4).await);
        end(&lan).await;
    });
}

#[test]
fn a_kill_between_any_two_steps_leaves_nothing_that_is_not_found() {
    in_a_world(|| async {
        // What each step makes, undone from the last one back: the states in which a kill can leave a client.
        type Undo = fn();
        let steps: [(&str, Undo); 5] = [
            ("all was made", || {}),
            ("the namespace was not yet bound", || ip_unbind("ns1")),
            ("its file was not yet made", || {
                fs::remove_file("/run/netns/ns1").expect("removed");
            }),
            ("the resolver file was cut short", || {
                fs::write("/etc/netns/ns1/resolv.conf", "# lan").expect("cut");
            }),
            ("the resolver folder was not yet made", || {
                fs::remove_dir_all("/etc/netns/ns1").expect("removed");
            }),
        ];
        for killed_at in 0..steps.len() {
            killed_with_clients([1]).await;
            for (_, undo) in &steps[..=killed_at] {
                undo();
            }
            assert!(!left().is_empty(), "{}", steps[killed_at].0);
            let removed = removed();
            assert!(
                removed.iter().all(|removed| removed.outcome.is_ok()),
                "{}: {removed:?}",
                steps[killed_at].0
            );
            assert_eq!(of_lanherd(), [""; 0], "{}", steps[killed_at].0);
        }
    });
}

fn ip_unbind(namespace: &str) {
    nix::mount::umount(format!("/run/netns/{namespace}").as_str()).expect("unmounted");
}

#[test]
fn a_record_cut_short_by_a_kill_is_removed_and_claims_nothing() {
    in_a_world(|| async {
        killed_with_clients([]).await;
        for (length, foreign) in [(0, "ns1"), (9, "ns2")] {
            fs::write(
                format!("/run/lanherd/ns/{foreign}"),
                &"inode 4026531840"[..length],
            )
            .expect("written");
            ip(&format!("netns add {foreign}"));
            fs::create_dir_all(format!("/etc/netns/{foreign}")).expect("made");
        }
        removed();
        assert!(!exists("/run/lanherd"));
        for foreign in ["ns1", "ns2"] {
            ip(&format!("-n {foreign} link show lo"));
            assert!(exists(&format!("/etc/netns/{foreign}")));
        }
    });
}

#[test]
fn a_namespace_that_somebody_made_later_under_the_name_is_left_alone() {
    in_a_world(|| async {
        killed_with_clients([1]).await;
        // Whether or not the kernel gives the new one the old one's inode.
        ip("netns del ns1");
        ip("netns add ns1");
        ip("-n ns1 link set lo up");
        assert!(
            !left().contains(&"namespace ns1".to_owned()),
            "{:?}",
            left()
        );
        assert!(removed().iter().all(|removed| removed.outcome.is_ok()));
        assert!(ip("-n ns1 link show lo").contains("LOOPBACK,UP"));
        assert!(!exists("/etc/netns/ns1") && !exists("/run/lanherd"));
    });
}

#[test]
fn a_file_that_somebody_put_into_a_resolver_folder_is_kept_and_reported() {
    in_a_world(|| async {
        killed_with_clients([1]).await;
        fs::write("/etc/netns/ns1/hosts", "10.9.0.1 router\n").expect("written");
        let removed = removed();
        let kept: Vec<_> = removed
            .iter()
            .filter_map(|removed| removed.outcome.clone().err())
            .collect();
        assert!(
            kept.iter().any(|error| error.what == "/etc/netns/ns1"),
            "{removed:?}"
        );
        assert!(exists("/etc/netns/ns1/hosts") && !exists("/run/netns/ns1"));
        fs::remove_file("/etc/netns/ns1/hosts").expect("removed");
        assert!(
            crate::leftovers::removed()
                .iter()
                .all(|removed| removed.outcome.is_ok())
        );
        assert!(!exists("/run/lanherd"));
    });
}

#[test]
fn a_living_pool_is_reported_with_its_process_and_left_alone() {
    on_a_lan(async |lan| {
        let _port = attach(lan, 1).await;
        let found = find(&Paths::default(), None).expect("found");
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].state,
            PoolState::Alive {
                pid: Some(std::process::id())
            }
        );
        assert!(matches!(
            remove(&Paths::default(), &pool()),
            Err(LockError::Alive { pid: Some(pid), .. }) if pid == std::process::id()
        ));
        ip("-n ns1 link show lan0");
    });
}

#[test]
fn a_pinned_leftover_is_reported_and_its_link_is_gone() {
    in_a_world(|| async {
        killed_with_clients([1]).await;
        let resident = lanherd_testkit::world::Resident::of("ns1");
        let removed = removed();
        let pinned = removed
            .iter()
            .find_map(|removed| removed.outcome.clone().err())
            .expect("reported");
        assert!(pinned.why.contains(&resident.pid().to_string()), "{pinned}");
        let links =
            fs::read_to_string(format!("/proc/{}/net/dev", resident.pid())).expect("its links");
        assert!(!links.contains("lan0"), "{links}");
        assert!(!exists("/run/netns") && !exists("/run/lanherd"));
    });
}

#[test]
fn a_leftover_that_a_descriptor_keeps_is_reported_and_its_link_is_gone() {
    in_a_world(|| async {
        killed_with_clients([1, 2]).await;
        let kept = fs::File::open("/run/netns/ns1").expect("open");
        let removed = removed();
        let failures: Vec<_> = removed
            .iter()
            .filter_map(|removed| removed.outcome.clone().err())
            .collect();
        let [failure] = &failures[..] else {
            panic!("{removed:?}")
        };
        assert_eq!(failure.what, "namespace ns1");
        let own = format!("process {}", std::process::id());
        assert!(failure.why.contains(&own), "{failure}");
        assert!(failure.why.contains("its link is deleted"), "{failure}");
        let lan = open().await;
        drop(attach(&lan, 1).await);
        end(&lan).await;
        drop(kept);
    });
}
