//! The main job: a herd comes up, pings, reports, and leaves the machine as it was.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::common::capture::Capture;
use super::common::host::{Host, PARENT};
use super::common::report::Report;
use super::common::router::Router;
use super::common::seconds;
use dhcproto::v4::MessageType;

/// Every client online, pinged and leaving; addresses unique and from the range.
#[track_caller]
fn assert_all_well(report: &Report, clients: u32, first: Ipv4Addr, last: Ipv4Addr) {
    let wanted = u64::from(clients);
    for (field, value) in [
        ("wanted", wanted),
        ("online", wanted),
        ("failed", 0),
        ("leaked_objects", 0),
    ] {
        assert_eq!(
            report.total(field),
            value,
            "totals.{field} in {:#}",
            report.0
        );
    }
    assert_eq!(report.total("pings_received"), report.total("pings_sent"));
    assert!(
        report.total("pings_sent") >= wanted,
        "not every client pinged: {:#}",
        report.0
    );
    let addresses: BTreeSet<&str> = report.texts("address").into_iter().collect();
    assert_eq!(
        addresses.len(),
        clients as usize,
        "addresses are shared: {addresses:?}"
    );
    for address in addresses {
        let (address, prefix) = address.split_once('/').expect("an address with its prefix");
        let address: Ipv4Addr = address.parse().expect("an address");
        assert!(
            (first..=last).contains(&address),
            "{address} is not from the range"
        );
        assert_eq!(prefix, "16");
    }
    let macs: BTreeSet<&str> = report.texts("mac").into_iter().collect();
    assert_eq!(
        macs.len(),
        clients as usize,
        "MAC addresses are shared: {macs:?}"
    );
}

const FIRST: Ipv4Addr = Ipv4Addr::new(10, 66, 1, 0);
const LAST: Ipv4Addr = Ipv4Addr::new(10, 66, 1, 250);

// RFC 2131, 4.1: a reply by unicast is heard before there is an address.
#[test]
fn ten_clients_of_dnsmasq_ping_google_dns_and_leave_the_machine_as_it_was() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let outcome = host
        .up(10, &["--ping", "Google DNS", "--for", "3s"])
        .finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let report = host.report();
    assert_all_well(&report, 10, FIRST, LAST);
    for (index, client) in report.clients().iter().enumerate() {
        assert_eq!(client["number"], index + 1);
        assert_eq!(client["namespace"], format!("ns{}", index + 1));
        assert_eq!(client["router"], "10.66.0.1");
        assert_eq!(client["dns"], serde_json::json!(["10.66.0.1"]));
        assert_eq!(client["lease_seconds"], 3600);
        assert_eq!(client["restarts"], 0);
        assert_eq!(client["cause"], serde_json::Value::Null);
        let ping = &client["pings"][0];
        assert_eq!(
            (&ping["target"], &ping["address"]),
            (&"Google DNS".into(), &"8.8.8.8".into())
        );
        assert!(
            ping["min_ms"].as_f64() > Some(0.0),
            "a round trip takes time: {ping}"
        );
        assert!(ping["min_ms"].as_f64() <= ping["max_ms"].as_f64(), "{ping}");
    }
    assert!(
        outcome.stdout.contains("10.66.1."),
        "no table on standard output: {}",
        outcome.stdout
    );
    assert_eq!(host.snapshot(), before);
}

#[test]
fn ten_clients_of_udhcpd_ping_their_router() {
    let host = Host::new();
    let _router = Router::udhcpd(&host, "10.66.1.0", "10.66.1.250", 3600);
    let before = host.snapshot();
    let outcome = host
        .up(10, &["--ping", "router", "--for", "3s"])
        .finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let report = host.report();
    assert_all_well(&report, 10, FIRST, LAST);
    assert_eq!(report.clients()[0]["pings"][0]["address"], "10.66.0.1");
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_client_is_a_whole_machine_to_any_program_that_ip_netns_runs() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let herd = host.up(3, &["--seed", "7"]);
    host.wait_configured(3, seconds(30));
    let inside = |command: &[&str]| host.must(&[&["ip", "netns", "exec", "ns3"], command].concat());

    let resolver = inside(&["cat", "/etc/resolv.conf"]);
    assert!(resolver.contains("\nnameserver 10.66.0.1\n"), "{resolver}");
    assert!(resolver.contains("test.example"), "{resolver}");
    assert!(inside(&["ip", "route"]).contains("default via 10.66.0.1 dev lan0"));
    assert!(inside(&["ip", "-d", "link", "show", "lan0"]).contains("macvlan"));
    inside(&["ping", "-c", "1", "-W", "5", "8.8.8.8"]);
    assert_eq!(host.addresses("ns3").len(), 1);

    herd.signal(nix::sys::signal::Signal::SIGINT);
    let outcome = herd.finish(seconds(30));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    assert_eq!(host.snapshot(), before);
}

// RFC 2131, 4.4.6: a client that leaves gives its lease back.
#[test]
fn every_client_hands_its_lease_back() {
    let (host, _router) = Host::with_dnsmasq();
    let capture = Capture::start(&host);
    let outcome = host.up(8, &["--for", "1s"]).finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let released: BTreeSet<_> = capture.wait_for("eight RELEASEs", seconds(5), |messages| {
        let released: BTreeSet<Ipv4Addr> = messages
            .iter()
            .filter(|seen| seen.kind() == Some(MessageType::Release))
            .map(|seen| seen.message.ciaddr())
            .collect();
        (released.len() == 8).then_some(released)
    });
    let held: BTreeSet<Ipv4Addr> = host
        .report()
        .texts("address")
        .iter()
        .filter_map(|address| address.split_once('/')?.0.parse().ok())
        .collect();
    assert_eq!(released, held);
}

#[test]
fn two_hundred_clients_come_up_at_once() {
    let host = Host::new();
    let _router = Router::dnsmasq(&host, "10.66.1.0,10.66.2.250", "1h", &[]);
    let before = host.snapshot();
    let arguments = [
        "--mode",
        "private",
        "--join-rate",
        "1000/s",
        "--ping",
        "8.8.8.8",
        "--for",
        "5s",
    ];
    let outcome = host.up(200, &arguments).finish(seconds(120));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_all_well(&host.report(), 200, FIRST, Ipv4Addr::new(10, 66, 2, 250));
    assert_eq!(host.snapshot(), before);
}

#[test]
fn the_same_seed_gives_the_same_devices() {
    let (host, _router) = Host::with_dnsmasq();
    let macs = |seed: &str| {
        let outcome = host
            .up(3, &["--seed", seed, "--for", "1s"])
            .finish(seconds(60));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        host.report()
            .texts("mac")
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let once = macs("7");
    assert_eq!(once, macs("7"));
    assert_ne!(once, macs("8"));
}

#[test]
fn a_pool_of_addresses_too_small_fails_those_that_are_too_many_and_no_others() {
    let host = Host::new();
    let _router = Router::dnsmasq(&host, "10.66.1.1,10.66.1.5", "1h", &[]);
    let before = host.snapshot();
    // Not all at once: without its ping check dnsmasq offers one address to several, and refuses all but one.
    let outcome = host
        .up(
            8,
            &[
                "--restart",
                "temporary",
                "--lease-timeout",
                "15s",
                "--join-rate",
                "5/s",
                "--for",
                "3s",
            ],
        )
        .finish(seconds(180));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let report = host.report();
    assert_eq!((report.total("online"), report.total("failed")), (5, 3));
    assert_eq!(report.texts("cause"), ["no_offer"; 3]);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_router_that_pings_each_address_before_it_offers_it_is_waited_for() {
    let host = Host::new();
    let _router = Router::slow_dnsmasq(&host, "10.66.1.1,10.66.1.250", "1h", &[]);
    let outcome = host
        .up(30, &["--intensity", "0", "--for", "1s"])
        .finish(seconds(150));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let report = host.report();
    assert_eq!((report.total("online"), report.total("restarts")), (30, 0));
}

#[test]
fn clients_in_bridge_mode_reach_each_other_and_private_ones_do_not() {
    let (host, _router) = Host::with_dnsmasq();
    let reach = |mode: &str| {
        let herd = host.up(2, &["--mode", mode]);
        host.wait_configured(2, seconds(30));
        let second = host.addresses("ns2");
        let second = second[0].split('/').next().expect("an address");
        let ping = [
            "ip", "netns", "exec", "ns1", "ping", "-c", "1", "-W", "2", second,
        ];
        let reached = host.run(&ping).code == Some(0);
        herd.signal(nix::sys::signal::Signal::SIGTERM);
        herd.finish(seconds(30));
        reached
    };
    assert!(reach("bridge"));
    assert!(!reach("private"));
}

#[test]
fn an_unreachable_target_is_a_result_and_ends_nothing() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let arguments = ["--ping", "203.0.113.9", "--ping", "8.8.8.8", "--for", "4s"];
    let outcome = host.up(3, &arguments).finish(seconds(60));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let report = host.report();
    assert_eq!(report.total("online"), 3);
    for client in report.clients() {
        let of = |address: &str| {
            client["pings"]
                .as_array()
                .and_then(|pings| pings.iter().find(|ping| ping["address"] == address))
                .unwrap_or_else(|| panic!("no result for {address}: {client:#}"))
        };
        assert_eq!(of("203.0.113.9")["received"], 0);
        assert_eq!(of("8.8.8.8")["received"], of("8.8.8.8")["sent"]);
    }
    assert_eq!(host.snapshot(), before);
}

#[test]
fn the_demo_needs_no_router_and_touches_nothing_of_the_machine() {
    let host = Host::new();
    let before = host.snapshot();
    let outcome = host
        .lanherd(&["demo", "--clients", "10"])
        .finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    for words in [
        "ns10",
        "10.77.",
        "2001:db8:77:",
        "ping Google DNS",
        "IPv6 router fe80::1",
        "20 of 20 pings answered",
    ] {
        assert!(
            outcome.stdout.contains(words),
            "{words:?} is not in\n{}",
            outcome.stdout
        );
    }
    assert_eq!(
        outcome.stdout.matches(" 1/1 ").count(),
        20,
        "{}",
        outcome.stdout
    );
    assert_eq!(host.snapshot(), before);
}

#[test]
fn up_in_the_lab_takes_its_lease_and_range() {
    let host = Host::new();
    let before = host.snapshot();
    let report = host.folder().join("report.json");
    let outcome = host
        .lanherd(&[
            "up",
            "--lab",
            "--lab-lease",
            "20m",
            "--lab-range",
            "10.9.0.10-10.9.0.40",
            "--clients",
            "20",
            "--ping",
            "8.8.8.8",
            "--for",
            "2s",
            "--report",
            &report.to_string_lossy(),
        ])
        .finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let report = host.report();
    assert_eq!(report.total("online"), 20);
    for client in report.clients() {
        assert_eq!(client["lease_seconds"], 1200);
        assert!(
            client["address"]
                .as_str()
                .is_some_and(|a| a.starts_with("10.9.0.")),
            "{client}"
        );
    }
    assert_eq!(host.snapshot(), before);
}

#[test]
fn the_lab_alone_serves_a_herd_over_its_uplink() {
    let host = Host::new();
    host.must(&["ip", "link", "delete", PARENT]);
    let before = host.snapshot();
    let lab = host.lanherd(&["lab", "--uplink", PARENT]);
    super::common::wait_for("the lab's uplink has a carrier", seconds(20), || {
        host.run(&["ip", "link", "show", PARENT])
            .stdout
            .contains("LOWER_UP")
            .then_some(())
    });
    let outcome = host
        .up(5, &["--ping", "1.1.1.1", "--for", "2s"])
        .finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(host.report().total("online"), 5);
    lab.signal(nix::sys::signal::Signal::SIGINT);
    lab.finish(seconds(20));
    assert_eq!(host.snapshot(), before);
}
