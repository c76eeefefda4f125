//! The DHCP clients that people use, and as many bare ones as a herd has.

use std::time::{Duration, Instant};

use lanherd_lab::{LabConfig, LeaseTime};

use crate::{BareClients, Daemon, enter, eventually, in_router, plug_in, start, works};
use lanherd_testkit::isolated::sh;

/// Puts a program into a process namespace of its own, all of which ends when the program does.
pub const APART: [&str; 5] = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

pub fn dhclient_gets_a_lease_and_reaches_google_dns() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    // A pid file would be read by a dhclient of another process namespace, and somebody else's process killed.
    let dhclient = ["dhclient", "--no-pid", "-lf", "/run/lanherd/leases"];
    let _daemon = Daemon::start(
        "ns1",
        &[&APART[..], &dhclient[..], &["-d", "eth0"]].concat(),
    );
    works(&lab, "ns1");
    sh(&format!(
        "ip netns exec ns1 {} -r eth0 2>&1",
        dhclient.join(" ")
    ));
    eventually("the lease is released", || lab.active() == 0);
}

pub fn dhcpcd_gets_a_lease_and_reaches_google_dns() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    // Its state would be the host's, and outlive the test, and its helper processes would, too.
    sh("mount -t tmpfs lanherd /var/lib/dhcpcd");
    let dhcpcd = ["dhcpcd", "-B", "-4", "eth0"];
    let _daemon = Daemon::start("ns1", &[&APART[..], &dhcpcd[..]].concat());
    works(&lab, "ns1");
}

pub fn udhcpc_gets_a_lease_and_reaches_google_dns() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    let _daemon = Daemon::start(
        "ns1",
        &["udhcpc", "-f", "-i", "eth0", "-x", "hostname:phone"],
    );
    works(&lab, "ns1");
    assert_eq!(lab.leases()[0].host_name.as_deref(), Some("phone"));
}

pub fn udhcpc_renews_and_releases_and_the_router_forgets_its_neighbour() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    let daemon = Daemon::start("ns1", &["udhcpc", "-f", "-R", "-i", "eth0"]);
    works(&lab, "ns1");
    let neighbours = || in_router("ip neighbour show nud permanent");
    assert!(neighbours().contains(&lab.leases()[0].mac.to_string()));
    sh(&format!("kill -USR1 {}", daemon.0.id()));
    eventually("the lease is renewed", || lab.counters().acks == 2);
    sh(&format!("kill {}", daemon.0.id()));
    eventually("the lease is released", || lab.counters().releases == 1);
    assert_eq!(lab.active(), 0);
    eventually("the neighbour is forgotten", || neighbours().is_empty());
    assert_eq!(lab.counters().naks, 0);
}

pub fn a_lease_that_runs_out_is_forgotten_and_so_is_its_neighbour() {
    enter();
    let lab = start(LabConfig {
        lease: LeaseTime::Finite(Duration::from_secs(1)),
        ..LabConfig::default()
    });
    let herd = BareClients::new();
    herd.join(&lab, 0);
    eventually("it has its lease", || lab.active() == 1);
    assert_ne!(in_router("ip neighbour show nud permanent"), "");
    eventually("the lease runs out", || lab.active() == 0);
    eventually("the neighbour is forgotten", || {
        in_router("ip neighbour show nud permanent").is_empty()
    });
}

/// More than `gc_thresh3`, which counts the entries of all namespaces, has room for.
pub fn three_thousand_bindings_fit_the_neighbour_table() {
    const CLIENTS: u32 = 3_000;
    enter();
    let lab = start(LabConfig::default());
    let herd = BareClients::new();
    let began = Instant::now();
    for number in 0..CLIENTS {
        herd.join(&lab, number);
        // As many in flight as a herd would have.
        while lab.counters().requests + 64 < u64::from(number) {
            std::thread::yield_now();
        }
    }
    eventually("all are answered", || {
        lab.counters().acks == u64::from(CLIENTS)
    });
    let took = began.elapsed();
    println!(
        "{CLIENTS} leases in {took:.2?}: {:.0} replies a second",
        f64::from(2 * CLIENTS) / took.as_secs_f64()
    );
    assert_eq!(lab.active(), CLIENTS as usize);
    assert_eq!(
        in_router("ip -4 neighbour show nud permanent | wc -l"),
        CLIENTS.to_string()
    );
}
