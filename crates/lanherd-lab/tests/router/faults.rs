//! Each fault of the router, as the clients that people use see it, and that it is over when it is ended.

use std::process::Command;
use std::time::{Duration, Instant};

use lanherd_lab::{LabConfig, LabFaultError, SHORT_POOL, SLOW};
use lanherd_testkit::isolated::sh;
use lanherd_types::fault::Fault;

use crate::{
    Daemon, LONG, effects, enter, eventually, exists, in_router, lease_is_had, plug_in, start,
    works,
};

/// Whether an interface of this namespace, or of a client's, hears its other end.
fn has_carrier(namespace: &str, link: &str) -> bool {
    sh(&format!("ip {namespace} -o link show {link}")).contains("LOWER_UP")
}

fn address_of(client: &str) -> String {
    let shown = sh(&format!("ip -n {client} -4 -o address show dev eth0"));
    let address = shown.split_whitespace().nth(3).unwrap_or_default();
    address.to_owned()
}

pub fn a_router_that_reboots_takes_the_carrier_along_and_comes_back_as_it_was() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    let _daemon = Daemon::start("ns1", &["udhcpc", "-f", "-i", "eth0"]);
    works(&lab, "ns1");
    let picture = || {
        [
            "-4 -o address",
            "-4 route show table all",
            "neighbour show nud permanent",
        ]
        .map(|what| in_router(&format!("ip {what}")))
    };
    let before = picture();
    assert_eq!(before[2].lines().count(), 1, "{before:?}");
    assert!(has_carrier("", "lab0") && has_carrier("-n ns1", "eth0"));

    lab.inject(Fault::RouterReboot, LONG).expect("begun");
    eventually("the carrier is lost", || {
        !has_carrier("", "lab0") && !has_carrier("-n ns1", "eth0")
    });
    let ping = "ip netns exec ns1 ping -c 1 -W 1 10.77.0.1";
    let pinged = Command::new("sh")
        .args(["-c", ping])
        .status()
        .expect("ping");
    assert!(!pinged.success(), "a router that is gone answered");
    assert_eq!(lab.faults().len(), 1);

    lab.heal();
    eventually("the carrier is back", || {
        has_carrier("", "lab0") && has_carrier("-n ns1", "eth0")
    });
    eventually("everything is as it was", || picture() == before);
    works(&lab, "ns1");
    assert_eq!((lab.active(), effects(&lab, Fault::RouterReboot)), (1, 1));
    assert_eq!(lab.faults(), []);

    // It comes back by itself, too, and may be stopped while it is gone.
    lab.inject(Fault::RouterReboot, Duration::from_millis(300))
        .expect("begun");
    eventually("the carrier is lost", || !has_carrier("", "lab0"));
    eventually("the carrier is back", || has_carrier("", "lab0"));
    lab.inject(Fault::RouterReboot, LONG).expect("begun");
    eventually("the carrier is lost", || !has_carrier("", "lab0"));
    lab.stop().expect("a clean end");
    assert!(!exists("lab0"));
}

pub fn a_router_that_was_reset_refuses_the_lease_and_its_client_gets_another() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    let daemon = Daemon::start("ns1", &["udhcpc", "-f", "-i", "eth0"]);
    works(&lab, "ns1");
    lab.inject(Fault::RouterReset, Duration::from_secs(1))
        .expect("begun");
    assert_eq!(lab.active(), 0);
    eventually("the carrier is lost", || !has_carrier("", "lab0"));
    eventually("the carrier is back", || has_carrier("-n ns1", "eth0"));
    assert_eq!(in_router("ip neighbour show nud permanent"), "");
    sh(&format!("kill -USR1 {}", daemon.0.id()));
    eventually("it is refused, and gets a lease", || {
        lab.counters().naks == 1 && lab.active() == 1
    });
    works(&lab, "ns1");
    assert_eq!(effects(&lab, Fault::RouterReset), 1);
}

pub fn a_server_that_gives_no_lease_is_well_again_when_it_is_healed() {
    enter();
    let lab = start(LabConfig::default());
    let troubles = [
        (Fault::DhcpMute, "ns1"),
        (Fault::DhcpNak, "ns2"),
        (Fault::DhcpExhausted, "ns3"),
        (Fault::DhcpGarbage, "ns4"),
    ];
    // Each meets a client that was never offered anything.
    for (fault, client) in troubles {
        plug_in(&lab, client);
        lab.inject(fault, LONG).expect("begun");
        assert!(!lease_is_had(client), "a lease in spite of {fault}");
        assert!(effects(&lab, fault) >= 1, "{fault} changed nothing");
        lab.heal();
    }
    assert!(lease_is_had("ns1"));
    works(&lab, "ns1");
}

pub fn a_lease_whose_acknowledgement_is_lost_is_bound_all_the_same() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    lab.inject(Fault::DhcpLostAcks, LONG).expect("begun");
    assert!(!lease_is_had("ns1"));
    let lost = effects(&lab, Fault::DhcpLostAcks);
    assert_eq!((lab.active(), lab.counters().acks), (1, lost));
    assert!(lost >= 1);
    lab.heal();
    assert!(lease_is_had("ns1"));
    works(&lab, "ns1");
}

pub fn a_short_pool_serves_five_clients_and_no_sixth() {
    enter();
    let lab = start(LabConfig::default());
    lab.inject(Fault::DhcpShortPool, LONG).expect("begun");
    let clients: Vec<String> = (1..=6).map(|number| format!("ns{number}")).collect();
    for client in &clients {
        plug_in(&lab, client);
    }
    for client in &clients[..SHORT_POOL] {
        assert!(lease_is_had(client), "{client} has no lease");
    }
    assert!(!lease_is_had("ns6"), "a sixth lease");
    assert_eq!(lab.active(), SHORT_POOL);
    assert_eq!(
        lab.counters().exhausted,
        effects(&lab, Fault::DhcpShortPool)
    );
    lab.heal();
    assert!(lease_is_had("ns6"));
}

fn reaches(client: &str, address: &str) -> bool {
    let ping = [
        "netns", "exec", client, "ping", "-c", "1", "-W", "1", address,
    ];
    let output = Command::new("ip").args(ping).output().expect("ping");
    output.status.success()
}

pub fn a_client_with_a_wrong_router_or_a_wrong_dns_server_reaches_nothing_by_it() {
    enter();
    let lab = start(LabConfig::default());
    let nobody = "10.77.255.254";
    let resolver = |client: &str| sh(&format!("cat /etc/netns/{client}/resolv.conf"));
    let route = |client: &str| sh(&format!("ip -n {client} route show default"));
    for (client, fault) in [
        ("ns1", Fault::DhcpWrongRouter),
        ("ns2", Fault::DhcpWrongDns),
    ] {
        plug_in(&lab, client);
        lab.inject(fault, LONG).expect("begun");
        assert!(lease_is_had(client), "{fault}");
        assert_eq!(effects(&lab, fault), 2, "an offer and an acknowledgement");
        assert!(reaches(client, "10.77.0.1"), "{fault}");
        let misled = [route(client), resolver(client)].map(|text| text.contains(nobody));
        assert_eq!(
            misled,
            [
                fault == Fault::DhcpWrongRouter,
                fault == Fault::DhcpWrongDns
            ]
        );
        assert_eq!(reaches(client, "8.8.8.8"), fault == Fault::DhcpWrongDns);
        assert!(!reaches(client, nobody));
        lab.heal();
        assert!(lease_is_had(client));
        assert!(reaches(client, "8.8.8.8"), "{fault}");
        assert!(!resolver(client).contains(nobody) && !route(client).contains(nobody));
    }
}

pub fn a_server_that_refuses_whoever_has_a_lease_gives_it_anew() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    lab.inject(Fault::DhcpNakKnown, LONG).expect("begun");
    let daemon = Daemon::start("ns1", &["udhcpc", "-f", "-i", "eth0"]);
    works(&lab, "ns1");
    let address = address_of("ns1");
    for naks in 1..=2 {
        sh(&format!("kill -USR1 {}", daemon.0.id()));
        eventually("it is refused", || lab.counters().naks == naks);
        eventually("it has its lease anew", || lab.counters().acks == naks + 1);
        works(&lab, "ns1");
        assert_eq!(address_of("ns1"), address);
    }
    assert_eq!(effects(&lab, Fault::DhcpNakKnown), 2);
    lab.heal();
    sh(&format!("kill -USR1 {}", daemon.0.id()));
    eventually("it is renewed", || lab.counters().acks == 4);
    assert_eq!(lab.counters().naks, 2);
}

pub fn a_slow_server_gives_a_lease_late() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    lab.inject(Fault::DhcpSlow, LONG).expect("begun");
    let began = Instant::now();
    let _daemon = Daemon::start("ns1", &["udhcpc", "-f", "-T", "4", "-i", "eth0"]);
    works(&lab, "ns1");
    let took = began.elapsed();
    println!("an offer and an acknowledgement, {SLOW:?} late each: a lease after {took:.2?}");
    assert!((2 * SLOW..5 * SLOW).contains(&took), "{took:?}");
    assert_eq!(effects(&lab, Fault::DhcpSlow), 2);
}

pub fn an_address_that_is_given_twice_is_renewed_for_both() {
    enter();
    let lab = start(LabConfig::default());
    let clients = ["ns1", "ns2"];
    for client in clients {
        plug_in(&lab, client);
    }
    let first = Daemon::start("ns1", &["udhcpc", "-f", "-i", "eth0"]);
    works(&lab, "ns1");
    lab.inject(Fault::DhcpDuplicates, LONG).expect("begun");
    let second = Daemon::start("ns2", &["udhcpc", "-f", "-i", "eth0"]);
    eventually("both have one address", || {
        address_of("ns2") == address_of("ns1") && lab.active() == 2
    });
    for (acks, daemon) in (3..).zip([&first, &second]) {
        sh(&format!("kill -USR1 {}", daemon.0.id()));
        eventually("the lease is renewed", || lab.counters().acks == acks);
    }
    let pin = in_router("ip neighbour show nud permanent");
    let rightful = sh("ip -n ns1 -o link show eth0");
    let mac = pin.split_whitespace().nth(4).unwrap_or_default();
    assert!(
        !mac.is_empty() && rightful.contains(mac),
        "{pin} is not of {rightful}"
    );

    lab.heal();
    assert_eq!(lab.active(), 1);
    sh(&format!("kill -USR1 {}", second.0.id()));
    eventually("the second has an address of its own", || {
        let address = address_of("ns2");
        lab.active() == 2 && !address.is_empty() && address != address_of("ns1")
    });
    for client in clients {
        sh(&format!("ip netns exec {client} ping -c 1 -W 5 10.77.0.1"));
    }
}

pub fn a_lease_that_ends_early_is_refused_and_the_client_gets_another() {
    enter();
    let lab = start(LabConfig::default());
    plug_in(&lab, "ns1");
    let daemon = Daemon::start("ns1", &["udhcpc", "-f", "-i", "eth0"]);
    works(&lab, "ns1");
    lab.inject(Fault::DhcpExpireEarly, Duration::from_millis(500))
        .expect("begun");
    eventually("the lease is forgotten", || lab.active() == 0);
    eventually("the fault is over", || lab.faults().is_empty());
    sh(&format!("kill -USR1 {}", daemon.0.id()));
    eventually("it is refused", || lab.counters().naks == 1);
    eventually("it has a lease again", || lab.active() == 1);
    works(&lab, "ns1");
    assert_eq!(effects(&lab, Fault::DhcpExpireEarly), 1);
}

pub fn a_fault_is_refused_once_the_lab_has_ended() {
    enter();
    let lab = start(LabConfig::default());
    let handle = lab.handle();
    handle.inject(Fault::DhcpMute, LONG).expect("begun");
    assert_eq!(lab.faults().len(), 1);
    assert_eq!(
        lab.inject(Fault::Crash, LONG),
        Err(LabFaultError::NotTheRouters(Fault::Crash))
    );
    lab.stop().expect("a clean end");
    assert_eq!(
        handle.inject(Fault::DhcpMute, LONG),
        Err(LabFaultError::Ended)
    );
}
