//! Two machines on one LAN whose herds are the same clients, as those are whose `/etc/machine-id` was cloned.

use std::process::Command;

use super::common::host::Host;
use super::common::process::Outcome;
use super::common::router::Router;
use super::common::seconds;

/// Does something with the interfaces of a router, seen from the machine that the tests run on.
fn on_router(host: &Host, script: &str) {
    let entered = Command::new("nsenter")
        .arg(format!("--net={}", host.router_namespace().display()))
        .args(["sh", "-ec", script])
        .output()
        .expect("nsenter (Debian package util-linux) is installed");
    let said = String::from_utf8_lossy(&entered.stderr);
    assert!(entered.status.success(), "{said}");
}

/// Two machines behind one switch, and a server there.
fn two_machines() -> (Host, Host, Router) {
    let (one, other) = (Host::new(), Host::new());
    on_router(
        &one,
        "ip link set lan down
        ip link set lan name port1
        ip address flush dev port1
        ip link add lan type bridge
        ip link set port1 master lan
        ip link set port1 up
        ip link set lan up
        ip address add 10.66.0.1/16 dev lan",
    );
    let switch = one.router_namespace();
    on_router(
        &other,
        &format!("ip link set lan netns {} name port2", switch.display()),
    );
    on_router(&one, "ip link set port2 master lan; ip link set port2 up");
    let router = Router::dnsmasq(&one, "10.66.1.0,10.66.1.250", "1h", &[]);
    (one, other, router)
}

/// A herd of two on each, one after the other; how that of the first machine ended, and that of the second.
fn side_by_side(one: &Host, other: &Host, seeds: [&str; 2]) -> (Outcome, Outcome) {
    let up = |host: &Host, seed: &str, lasts: &str| {
        host.up(2, &["--seed", seed, "--intensity", "0", "--for", lasts])
    };
    let first = up(one, seeds[0], "12s");
    one.wait_configured(2, seconds(30));
    // What is heard at once might be the first one's own, sent back by a loop in the network.
    std::thread::sleep(seconds(1));
    let second = up(other, seeds[1], "3s").finish(seconds(60));
    (first.finish(seconds(60)), second)
}

#[test]
fn a_herd_that_is_somewhere_else_too_is_refused_with_the_remedy() {
    let (one, other, _router) = two_machines();
    let (first, _) = side_by_side(&one, &other, ["7", "7"]);
    assert_eq!(first.code, Some(1), "{}{}", first.stdout, first.stderr);
    for words in [
        "mac_in_use",
        "also sends DHCP messages from elsewhere on the LAN",
        "/etc/machine-id",
        "another --seed, or another --pool name",
    ] {
        assert!(
            first.stderr.contains(words),
            "no {words:?} in {}",
            first.stderr
        );
    }
    assert_eq!(one.report().total("failed"), 2);
}

#[test]
fn herds_of_other_identities_on_one_lan_leave_each_other_alone() {
    let (one, other, _router) = two_machines();
    let (first, second) = side_by_side(&one, &other, ["7", "8"]);
    assert_eq!(first.code, Some(0), "{}{}", first.stdout, first.stderr);
    assert_eq!(second.code, Some(0), "{}{}", second.stdout, second.stderr);
}
