//! What is not ours: other people's namespaces, other pools, other processes.

use std::fs;

use nix::sys::signal::Signal;

use super::common::host::Host;
use super::common::{seconds, wait_for};

#[test]
fn a_namespace_of_that_name_that_is_not_ours_is_refused_and_untouched() {
    let (host, _router) = Host::with_dnsmasq();
    host.must(&["ip", "netns", "add", "ns2"]);
    host.must(&[
        "ip", "-n", "ns2", "link", "add", "mine", "type", "veth", "peer", "name", "yours",
    ]);
    let before = host.snapshot();
    let outcome = host.up(3, &["--for", "1s"]).finish(seconds(60));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("ns2"), "{}", outcome.stderr);
    assert!(host.must(&["ip", "-n", "ns2", "link"]).contains("mine"));
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_resolver_folder_of_that_name_that_is_not_ours_is_refused_and_untouched() {
    let (host, _router) = Host::with_dnsmasq();
    fs::create_dir_all(host.path("/etc/netns/ns1")).expect("root may");
    fs::write(host.path("/etc/netns/ns1/hosts"), "192.0.2.1 mine\n").expect("root may");
    let before = host.snapshot();
    let outcome = host.up(2, &["--for", "1s"]).finish(seconds(60));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("ns1"), "{}", outcome.stderr);
    assert_eq!(
        fs::read_to_string(host.path("/etc/netns/ns1/hosts")).expect("still there"),
        "192.0.2.1 mine\n"
    );
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_pool_that_lives_in_another_process_is_refused_and_left_alone() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let first = host.up(3, &[]);
    host.wait_configured(3, seconds(30));
    let standing = host.snapshot();

    let second = host.lanherd(&["up", "--parent", "lan0", "--clients", "2", "--for", "1s"]);
    let second = second.finish(seconds(30));
    assert_eq!(second.code, Some(3), "{}", second.stderr);
    assert!(
        second.stderr.contains("pool ns is alive"),
        "{}",
        second.stderr
    );
    let clean = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    assert_eq!(host.snapshot(), standing);

    first.signal(Signal::SIGINT);
    assert_eq!(first.finish(seconds(30)).code, Some(130));
    assert_eq!(host.snapshot(), before);
}

#[test]
fn two_pools_of_different_names_share_a_machine() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let first = host.up(3, &[]);
    host.wait_configured(3, seconds(30));
    let other = [
        "up",
        "--parent",
        "lan0",
        "--clients",
        "3",
        "--pool",
        "phones",
        "--ping",
        "8.8.8.8",
        "--for",
        "1s",
    ];
    let second = host.lanherd(&other).finish(seconds(60));
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert_eq!(host.addresses("ns1").len(), 1, "the first pool stands");
    first.signal(Signal::SIGINT);
    assert_eq!(first.finish(seconds(30)).code, Some(130));
    assert_eq!(host.snapshot(), before);
}

/// Of the socket that hears all namespaces: messages that were lost for want of room.
fn unheard(host: &Host) -> u64 {
    let sockets = host.must(&["cat", "/proc/net/netlink"]);
    let rows = sockets
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listening = rows.filter(|columns| columns.get(3) == Some(&"00000151"));
    let drops: Vec<u64> = listening
        .map(|columns| columns[8].parse().expect("a number"))
        .collect();
    assert_eq!(drops.len(), 1, "{sockets}");
    drops[0]
}

#[test]
fn a_link_that_was_deleted_among_more_than_there_was_room_to_hear_of_is_missed() {
    let (host, _router) = Host::with_dnsmasq();
    let running = host.up(3, &["--for", "1m"]);
    host.wait_configured(3, seconds(30));
    let addresses =
        (0..2_000).map(|n| format!("addr add 10.200.{}.{}/32 dev lo\n", n / 250, n % 250));
    let batch = host.folder().join("addresses");
    fs::write(&batch, addresses.collect::<String>()).expect("written");
    let batch = batch.to_str().expect("a path");
    host.must(&["ip", "-n", "ns1", "-batch", batch]);
    running.signal(Signal::SIGSTOP);
    host.must(&["ip", "-n", "ns1", "addr", "flush", "dev", "lo"]);
    host.must(&["ip", "-n", "ns2", "link", "del", "lan0"]);
    assert!(unheard(&host) > 0);
    running.go_on();
    wait_for("the client is missed", seconds(20), || {
        running.stderr().contains("link_lost").then_some(())
    });
    wait_for("the client is back", seconds(20), || {
        (!host.addresses("ns2").is_empty()).then_some(())
    });
    running.signal(Signal::SIGINT);
    running.finish(seconds(30));
    assert_eq!(host.report().total("restarts"), 1);
}
