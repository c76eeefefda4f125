//! Which privileges it takes, and what is said where they lack.

use std::fs;

use nix::sys::signal::Signal;

use super::common::host::Host;
use super::common::{seconds, wait_for};

const NOBODY: [&str; 6] = [
    "setpriv",
    "--reuid",
    "65534",
    "--regid",
    "65534",
    "--clear-groups",
];

#[test]
fn three_capabilities_are_enough_for_a_real_parent() {
    let (host, _router) = Host::with_dnsmasq();
    // What a service manager would prepare; the capabilities do not include writing to root's folders.
    for folder in ["/run/netns", "/run/lanherd", "/etc/netns"] {
        fs::create_dir_all(host.path(folder)).expect("root may");
        std::os::unix::fs::chown(host.path(folder), Some(65534), Some(65534)).expect("root may");
    }
    let before = host.snapshot();
    let capabilities = "-all,+sys_admin,+net_admin,+net_raw";
    let inherited = "+sys_admin,+net_admin,+net_raw";
    let arguments = host.up_arguments(5, &["--ping", "8.8.8.8", "--for", "2s"]);
    let command: Vec<&str> = NOBODY
        .into_iter()
        .chain([
            "--bounding-set",
            capabilities,
            "--inh-caps",
            inherited,
            "--ambient-caps",
            inherited,
        ])
        .chain(["/run/bin/lanherd"])
        .chain(arguments.iter().map(String::as_str))
        .collect();
    let outcome = host.start("lanherd", &command).finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let report = host.report();
    assert_eq!(report.total("online"), 5);
    assert_eq!(report.total("pings_received"), report.total("pings_sent"));
    // The mount that `ip netns` makes of /run/netns stays with a folder that was there before.
    let after = host.snapshot();
    assert_eq!((after.links, after.files), (before.links, before.files));
}

#[test]
fn whoever_may_not_hear_all_namespaces_at_once_hears_each_by_itself() {
    for (bounds, groups) in [("+all", 0), ("-net_broadcast", 1)] {
        let (host, _router) = Host::with_dnsmasq();
        let arguments = host.up_arguments(2, &["--for", "1m"]);
        let command: Vec<&str> = ["setpriv", "--bounding-set", bounds, "/run/bin/lanherd"]
            .into_iter()
            .chain(arguments.iter().map(String::as_str))
            .collect();
        let running = host.start("lanherd", &command);
        host.wait_configured(2, seconds(30));
        let inside = ["ip", "netns", "exec", "ns1", "cat", "/proc/net/netlink"];
        let listening = host.must(&inside).matches(" 00000151 ").count();
        assert_eq!(listening, groups, "{bounds}");
        host.must(&["ip", "-n", "ns1", "link", "del", "lan0"]);
        wait_for("the client is missed", seconds(20), || {
            running.stderr().contains("link_lost").then_some(())
        });
        wait_for("the client is back", seconds(20), || {
            (!host.addresses("ns1").is_empty()).then_some(())
        });
        running.signal(Signal::SIGINT);
        let outcome = running.finish(seconds(30));
        assert!(!outcome.stderr.contains("error"), "{}", outcome.stderr);
        assert_eq!(host.report().total("restarts"), 1);
    }
}

#[test]
fn without_privilege_a_real_parent_is_refused_with_the_capabilities_that_lack() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let arguments = host.up_arguments(2, &["--for", "1s"]);
    let command: Vec<&str> = NOBODY
        .into_iter()
        .chain(["--inh-caps=-all", "--bounding-set=-all", "/run/bin/lanherd"])
        .chain(arguments.iter().map(String::as_str))
        .collect();
    let outcome = host.start("lanherd", &command).finish(seconds(30));
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let words = outcome.stderr.to_lowercase();
    assert!(
        words.contains("cap_net_admin") || words.contains("root"),
        "{}",
        outcome.stderr
    );
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_person_without_any_privilege_can_run_the_demo() {
    let host = Host::new();
    let before = host.snapshot();
    let command: Vec<&str> = NOBODY
        .into_iter()
        .chain([
            "--inh-caps=-all",
            "--bounding-set=-all",
            "/run/bin/lanherd",
            "demo",
        ])
        .collect();
    let outcome = host.start("lanherd", &command).finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn where_user_namespaces_are_forbidden_the_demo_says_which_setting_forbids_them() {
    let host = Host::new();
    let before = host.snapshot();
    // The limit is set in a user namespace of its own: it holds for what is inside, and for nobody else.
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && \
                  exec setpriv --inh-caps=-all --bounding-set=-all /run/bin/lanherd demo";
    let command = ["unshare", "--user", "--map-root-user", "sh", "-c", script];
    let outcome = host.start("lanherd", &command).finish(seconds(30));
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("max_user_namespaces"),
        "{}",
        outcome.stderr
    );
    assert_eq!(host.snapshot(), before);
}

#[test]
fn feature_files_in_a_container_without_privileges_say_which_it_lacks_and_what_to_do() {
    let host = Host::new();
    let features = host.path("/run/features");
    fs::create_dir_all(&features).expect("root may");
    let feature = "Feature: F\n  Scenario: S\n    Given I create 1 virtual client using macvlan\n";
    fs::write(features.join("f.feature"), feature).expect("root may");
    let before = host.snapshot();
    let bdd = "exec setpriv --inh-caps=-all --bounding-set=-all /run/bin/lanherd bdd /run/features";
    let limit = "echo 0 >/proc/sys/user/max_user_namespaces &&";
    let nobody = "exec setpriv --reuid 65534 --regid 65534 --clear-groups /run/bin/lanherd bdd /run/features --parent lo";
    for (script, in_namespace, words) in [
        // Root of a container, which may make no user namespace either: one of root's needs a capability, too.
        (
            format!("{bdd} --lab"),
            false,
            [
                "root lacks CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN",
                "--cap-add SYS_ADMIN",
            ],
        ),
        (
            format!("{limit} {bdd} --lab"),
            true,
            [
                "user.max_user_namespaces",
                "sysctl user.max_user_namespaces=",
            ],
        ),
        (
            format!("{bdd} --parent lo"),
            false,
            [
                "lacks CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN",
                "setcap cap_sys_admin",
            ],
        ),
        (
            nobody.to_owned(),
            false,
            [
                "lacks CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN",
                "run it as root",
            ],
        ),
    ] {
        let own = ["unshare", "--user", "--map-root-user"];
        let command: Vec<&str> = own
            .into_iter()
            .filter(|_| in_namespace)
            .chain(["sh", "-c", &script])
            .collect();
        let outcome = host.start("lanherd", &command).finish(seconds(60));
        assert_eq!(outcome.code, Some(3), "{script}: {}", outcome.stderr);
        for word in words {
            assert!(
                outcome.stderr.contains(word),
                "{script}: {}",
                outcome.stderr
            );
        }
    }
    assert_eq!(host.snapshot(), before);
}
