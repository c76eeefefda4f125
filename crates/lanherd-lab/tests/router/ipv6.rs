//! IPv6: what the kernel's own hosts, rdisc6 and the resolver's clients make of the router.

use std::net::Ipv6Addr;

use lanherd_lab::{Ipv6Config, Lab, LabConfig};
use lanherd_ndp::{Mac, Packet, Preference};
use lanherd_net::listener::Listener;
use lanherd_types::fault::Fault;
use simple_dns::{RCODE, TYPE};

use super::clients::APART;
use super::names::ask;
use super::services::{get, pings, received};
use crate::{Daemon, LONG, effects, enter, eventually, in_router, plug_in, start};
use lanherd_testkit::isolated::sh;

/// The router's addresses on the LAN, and others behind it.
const ROUTERS: [&str; 3] = ["2001:db8:77::1", "fd00:77::1", "fe80::1%lab0"];
const ALIASES: [&str; 4] = [
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2001:db8:203::80",
    "64:ff9b::808:808",
];

/// More than the kernel's table has room for by default (`gc_thresh3`).
const HOSTS: u16 = 1_600;

pub fn with_ipv6(change: impl FnOnce(&mut Ipv6Config)) -> LabConfig {
    let mut ipv6 = Ipv6Config::default();
    change(&mut ipv6);
    LabConfig {
        ipv6: Some(ipv6),
        ..LabConfig::default()
    }
}

/// Makes a namespace on the LAN whose kernel configures itself.
pub fn plug_in_kernel_host(lab: &Lab, client: &str) {
    plug_in(lab, client);
    eventually("the kernel has formed its addresses", || {
        let addresses = sh(&format!("ip -n {client} -6 -o address show dev eth0"));
        addresses.contains("2001:db8:77:") && !addresses.contains("tentative")
    });
}

/// The test itself takes a place on the LAN.
pub fn join_the_lan() {
    sh("ip address add 2001:db8:77::9/64 dev lab0 nodad
        ip address add fe80::9/64 dev lab0 nodad
        ip -6 route add default via fe80::1 dev lab0");
}

fn default_routes(client: &str) -> String {
    sh(&format!("ip -n {client} -6 route show default"))
}

pub fn hosts_configure_themselves_reach_everything_and_hear_the_router_leave() {
    enter();
    let lab = start(with_ipv6(|_| {}));
    plug_in_kernel_host(&lab, "ns1");
    plug_in_kernel_host(&lab, "ns2");
    let addresses = sh("ip -n ns1 -6 -o address show dev eth0");
    assert!(addresses.contains("fd00:77:"), "{addresses}");
    assert!(default_routes("ns1").contains("via fe80::1"));
    for target in ["2001:db8:77::1", "fe80::1%eth0"].iter().chain(&ALIASES) {
        sh(&format!("ip netns exec ns1 ping -n -c 1 -W 5 {target}"));
    }
    // A part of the site that is nobody's is unreachable at once, not lost.
    let lost = sh("ip netns exec ns1 ping -n -c 1 -W 5 2001:db8:77:9::1 || true");
    assert!(
        lost.contains("No route") || lost.contains("unreachable"),
        "{lost}"
    );
    // The near end has configured nothing, although it heard all of it.
    let near = sh("ip -6 -o address show dev lab0; ip -6 route show dev lab0");
    assert!(
        !near.contains("inet6") && !near.contains("default"),
        "{near}"
    );
    // What hosts say of themselves is not counted in the neighbour table.
    eventually("the router knows the host by itself", || {
        in_router("ip -6 neigh show dev lan").contains("extern_learn")
    });

    lab.stop().expect("a clean end");
    eventually("the host has heard that the router ceased", || {
        default_routes("ns1").is_empty()
    });
}

pub fn rdisc6_is_answered_by_unicast_with_all_that_is_configured() {
    enter();
    let lab = start(with_ipv6(|ipv6| {
        ipv6.managed = true;
        ipv6.other = true;
        ipv6.preference = Preference::High;
    }));
    plug_in(&lab, "ns1");
    sh("ip -n ns1 link set eth0 down
        ip netns exec ns1 sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv6.conf.eth0.accept_dad=0
        ip -n ns1 link set eth0 up");
    let said = sh("ip netns exec ns1 rdisc6 -1 -r 5 -w 3000 eth0");
    for word in [
        "Hop limit                 :           64",
        "Stateful address conf.    :          Yes",
        "Stateful other conf.      :          Yes",
        "Router preference         :         high",
        "Router lifetime           :         2700",
        "Prefix                   : 2001:db8:77::/64",
        "Prefix                   : fd00:77::/64",
        "Valid time              :         5400",
        "Pref. time              :         2700",
        "Route                    : 2001:db8:77::/48",
        "Recursive DNS server     : fd00:77::1",
        "DNS search list          : lab.test",
        "Source link-layer address: 02:6C:61:6E:68:01",
        "from fe80::1",
    ] {
        assert!(said.contains(word), "{word:?} is not in\n{said}");
    }
}

pub fn names_pages_and_pings_are_served_over_ipv6_on_each_address() {
    enter();
    let lab = start(with_ipv6(|_| {}));
    join_the_lan();
    let found = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned());
        (RCODE::NoError, names.collect::<Vec<_>>())
    };
    for server in ROUTERS.iter().chain(&ALIASES) {
        assert_eq!(
            ask(server, "dns.google", TYPE::AAAA),
            found(&["2001:4860:4860::8888"])
        );
        assert_eq!(ask(server, "dns.google", TYPE::A), found(&["8.8.8.8"]));
        assert_eq!(
            ask(server, "router.lab.test", TYPE::AAAA),
            found(&["2001:db8:77::1", "fd00:77::1"])
        );
        assert_eq!(get(server, "/").0, 200);
        assert_eq!(received(&pings(3, server, "")), 3);
    }
    let reverse = "1.1.1.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.4.0.0.7.4.6.0.6.2.ip6.arpa";
    assert_eq!(
        ask("fd00:77::1", reverse, TYPE::PTR),
        found(&["one.one.one.one"])
    );

    lab.inject(Fault::PingLoss, LONG).expect("begun");
    eventually("the router answers by itself", || {
        in_router("cat /proc/sys/net/ipv6/icmp/echo_ignore_all") == "1"
    });
    let mut lost = 0;
    for target in ROUTERS.iter().chain(&ALIASES) {
        let answered = received(&pings(200, target, ""));
        assert!((100..180).contains(&answered), "{target}: {answered}");
        lost += u64::from(200 - answered);
    }
    // A busy machine loses one now and then by itself.
    let counted = effects(&lab, Fault::PingLoss);
    assert!(
        (counted..=counted + 4).contains(&lost),
        "{counted} of {lost}"
    );
}

pub fn another_number_takes_the_place_of_the_first_which_is_withdrawn() {
    enter();
    let lab = start(with_ipv6(|_| {}));
    plug_in_kernel_host(&lab, "ns1");
    lab.handle().renumber();
    eventually("the host has an address of the new number", || {
        let addresses = sh("ip -n ns1 -6 -o address show dev eth0");
        let old = addresses.lines().find(|line| line.contains("2001:db8:77:"));
        let is_deprecated = old.is_some_and(|line| line.contains("deprecated"));
        addresses.contains("2001:db8:78:") && !addresses.contains("tentative") && is_deprecated
    });
    // The new address is served, and the old one is nobody's.
    for target in ["2001:db8:78::1", "2001:4860:4860::8888"] {
        sh(&format!("ip netns exec ns1 ping -n -c 1 -W 5 {target}"));
    }
    sh("ip address add 2001:db8:78::9/64 dev lab0 nodad
        ip -6 route add default via 2001:db8:78::1 dev lab0");
    let router = ask("2001:db8:78::1", "router.lab.test", TYPE::AAAA).1;
    assert_eq!(router, ["2001:db8:78::1", "fd00:77::1"]);
    assert!(!in_router("ip -6 -o address show dev lan").contains("2001:db8:77:"));
    let prefixes = lab.handle().prefixes();
    assert_eq!(prefixes[0].to_string(), "2001:db8:78::/64");
}

pub fn a_router_that_reboots_has_its_addresses_again_and_advertises() {
    enter();
    let lab = start(with_ipv6(|_| {}));
    plug_in_kernel_host(&lab, "ns1");
    let lasting = std::time::Duration::from_millis(500);
    lab.inject(Fault::RouterReboot, lasting).expect("begun");
    eventually("the link is down", || {
        !in_router("ip -6 -o address show dev lan").contains("fe80::1")
    });
    eventually("the router is back", || {
        in_router("ip -6 -o address show dev lan").contains("2001:db8:77::1")
    });
    eventually("the host reaches it again", || {
        received(&sh(
            "ip netns exec ns1 ping -n -c 1 -W 1 2001:4860:4860::8888 || true",
        )) == 1
    });
    assert!(default_routes("ns1").contains("via fe80::1"));
}

pub fn a_thousand_addresses_fit_the_neighbour_table_on_the_routers_side() {
    enter();
    let lab = start(with_ipv6(|_| {}));
    // One host says so in the name of all.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let socket = Listener::open("lab0").expect("opened");
        for host in 0..HOSTS {
            let [high, low] = host.to_be_bytes();
            let mac = Mac([2, 0, 0, 9, high, low]);
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 1, host);
            let said = Packet::gratuitous_advertisement(mac, address);
            socket
                .send(&said.to_frame().expect("a frame"))
                .expect("sent");
        }
    });
    eventually("the router knows all of them", || {
        let known = in_router("ip -6 neigh show dev lan");
        known.matches("extern_learn").count() >= usize::from(HOSTS)
    });
    drop(lab);
}

pub fn dhclient_leases_an_address_and_a_prefix_and_gives_them_back() {
    enter();
    let lab = start(with_ipv6(|ipv6| ipv6.managed = true));
    plug_in_kernel_host(&lab, "ns1");
    let file = "/run/lanherd/leases6";
    sh(&format!("mkdir -p /run/lanherd; touch {file}"));
    // A pid file would be read by a dhclient of another process namespace, and somebody else's process killed.
    let dhclient = [
        "dhclient",
        "-6",
        "--no-pid",
        "-lf",
        file,
        "-sf",
        "/bin/true",
    ];
    let daemon = Daemon::start(
        "ns1",
        &[&APART[..], &dhclient[..], &["-d", "-N", "-P", "eth0"]].concat(),
    );
    eventually("it has both", || lab.leases6().len() == 2);
    let leases = lab.leases6();
    let file_has = |text: &str| sh(&format!("cat {file}")).contains(text);
    for lease in &leases {
        let written = match lease.leased.length() {
            128 => format!("iaaddr {} ", lease.leased.address()),
            _ => format!("iaprefix {} ", lease.leased),
        };
        eventually("the client has written it down", || file_has(&written));
        let mac = sh("ip netns exec ns1 cat /sys/class/net/eth0/address");
        assert_eq!(lease.mac.to_string(), mac);
    }
    let prefix = leases.iter().find(|lease| lease.leased.length() < 128);
    let prefix = prefix.expect("a prefix");
    eventually("the router has a route to what it delegated", || {
        let routes = in_router("ip -6 route show dev lan");
        routes.contains(&format!("{} via {}", prefix.leased, prefix.link_local))
    });
    drop(daemon);
    let once = format!("timeout 30 ip netns exec ns1 {}", dhclient.join(" "));
    sh(&format!("{once} -r -N -P eth0 2>&1"));
    assert_eq!(lab.leases6(), []);
    eventually("the route is gone", || {
        !in_router("ip -6 route show dev lan").contains(&prefix.leased.to_string())
    });
    let asks = [&APART[..], &dhclient[..], &["-d", "-S", "eth0"]].concat();
    let _daemon = Daemon::start("ns1", &asks);
    eventually("it has asked for parameters", || {
        lab.counters6().information_requests == 1
    });
    assert!(file_has("dhcp6.name-servers fd00:77::1"));
    let counters = lab.counters6();
    assert_eq!(
        (counters.releases, counters.ignored),
        (1, 0),
        "{counters:?}"
    );
}

pub fn dhcpcd_takes_an_address_by_rapid_commit_and_reaches_google_dns() {
    enter();
    let lab = start(with_ipv6(|ipv6| {
        ipv6.managed = true;
        ipv6.autonomous = false;
    }));
    plug_in(&lab, "ns1");
    // Its state would be the host's, and outlive the test, and its helper processes would, too.
    let config = "/run/lanherd/dhcpcd.conf";
    sh(&format!(
        "mount -t tmpfs lanherd /var/lib/dhcpcd; mkdir -p /run/lanherd
         printf 'duid ll\\nscript /bin/true\\nnoipv4\\nia_na 1\\noption rapid_commit\\n' >{config}"
    ));
    let program = ["dhcpcd", "-6", "-B", "-f", config, "eth0"];
    let _daemon = Daemon::start("ns1", &[&APART[..], &program].concat());
    eventually("dhcpcd has its address", || {
        let addresses = sh("ip -n ns1 -6 -o address show dev eth0 scope global");
        addresses.contains("2001:db8:77::1:") && !addresses.contains("tentative")
    });
    sh("ip netns exec ns1 ping -n -c 1 -W 5 2001:4860:4860::8888");
    let leases = lab.leases6();
    assert_eq!(leases.len(), 1, "{leases:?}");
    let counters = lab.counters6();
    assert_eq!(
        (counters.requests, counters.replies),
        (0, 1),
        "{counters:?}"
    );
}
