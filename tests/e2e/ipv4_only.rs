//! Clients of IPv4 are clients of IPv4, also beside a router that advertises IPv6.

use std::collections::BTreeSet;
use std::fs;

use super::common::host::{Host, PARENT};
use super::common::process::Running;
use super::common::{seconds, wait_for};

/// Whatever is sent of IPv6 on the LAN, a line each, with link addresses.
fn record_ipv6(host: &Host) -> Running {
    let tcpdump = host.start_on_router(
        "tcpdump-ipv6",
        &[
            "tcpdump",
            "--interface=lan",
            "-Z",
            "root",
            "-l",
            "-n",
            "-e",
            "ip6",
        ],
    );
    wait_for("tcpdump listens", seconds(10), || {
        tcpdump.stderr().contains("listening on").then_some(())
    });
    tcpdump
}

/// Advertises a prefix and itself as a router, every three or four seconds.
fn advertise(host: &Host) -> Running {
    let configuration = host.folder().join("radvd.conf");
    fs::write(
        &configuration,
        "interface lan { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; prefix fd00:77::/64 {}; };\n",
    )
    .expect("written");
    let configuration = configuration.to_string_lossy().into_owned();
    let pid = host
        .folder()
        .join("radvd.pid")
        .to_string_lossy()
        .into_owned();
    let script = "ip -6 address add fd00:77::1/64 dev lan nodad
        echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
        exec radvd --nodaemon --logmethod stderr --config \"$1\" --pidfile \"$2\"";
    host.start_on_router(
        "radvd",
        &["sh", "-ec", script, "radvd", &configuration, &pid],
    )
}

#[test]
fn beside_a_router_that_advertises_clients_have_no_address_no_route_and_no_packet_of_ipv6() {
    let (host, _router) = Host::with_dnsmasq();
    let recorded = record_ipv6(&host);
    let _radvd = advertise(&host);
    // The machine itself is configured: so there is something to be heard.
    wait_for(
        "the machine's own interface is configured",
        seconds(60),
        || {
            let own = host
                .run(&["ip", "-6", "address", "show", "dev", PARENT])
                .stdout;
            own.contains("fd00:77:").then_some(())
        },
    );
    let herd = host.up(3, &["--mode", "private"]);
    host.wait_configured(3, seconds(60));
    let advertisements =
        |recorded: &Running| recorded.stdout().matches("router advertisement").count();
    let before = advertisements(&recorded);
    wait_for("two more advertisements", seconds(60), || {
        (advertisements(&recorded) >= before + 2).then_some(())
    });
    let mut macs = BTreeSet::new();
    for namespace in ["ns1", "ns2", "ns3"] {
        let show = |what: &[&str]| host.must(&[&["ip", "-n", namespace, "-6"], what].concat());
        assert_eq!(show(&["address", "show", "dev", "lan0"]), "");
        assert_eq!(show(&["route", "show", "table", "all", "dev", "lan0"]), "");
        assert!(!show(&["route"]).contains("default"));
        let link = host.must(&["ip", "-n", namespace, "-o", "link", "show", "lan0"]);
        let mac = link
            .split_whitespace()
            .skip_while(|word| *word != "link/ether")
            .nth(1);
        macs.insert(mac.expect("a MAC").to_owned());
    }
    herd.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(herd.finish(seconds(60)).code, Some(130));
    assert_eq!(macs.len(), 3);
    let all = recorded.stdout();
    for mac in macs {
        let sent = all
            .lines()
            .find(|line| line.contains(&format!(" {mac} > ")));
        assert_eq!(sent, None);
    }
}

#[test]
fn in_the_lab_where_only_the_mounted_procfs_can_be_had_it_is_the_same() {
    let host = Host::new();
    let outcome = host
        .lanherd(&[
            "up",
            "--lab",
            "--clients",
            "3",
            "--run-command",
            "grep -qx 1 /proc/sys/net/ipv6/conf/lan0/disable_ipv6",
            "--for",
            "1s",
        ])
        .finish(seconds(60));
    assert_eq!(
        outcome.code,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
}
