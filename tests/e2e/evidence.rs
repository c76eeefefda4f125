//! The tests' own captures and scripted servers: what they claim to see, they see; so a test that finds nothing has looked.

use std::net::Ipv4Addr;

use dhcproto::v4::MessageType;

use super::common::capture::{Capture, Seen};
use super::common::host::Host;
use super::common::router::Router;
use super::common::scripted::{Scripted, bytes, kind, reply};
use super::common::seconds;

/// Busybox's client asks on `lan0`; whether it was given a lease.
fn udhcpc(host: &Host) -> bool {
    let client = [
        "udhcpc",
        "-q",
        "-n",
        "-f",
        "-t",
        "3",
        "-T",
        "1",
        "-s",
        "/bin/true",
        "-i",
        "lan0",
    ];
    host.run(&client).code == Some(0)
}

/// The types of the messages of one exchange, in order.
const EXCHANGE: [MessageType; 4] = [
    MessageType::Discover,
    MessageType::Offer,
    MessageType::Request,
    MessageType::Ack,
];

#[track_caller]
fn assert_serves(host: &Host) {
    let capture = Capture::start(host);
    assert!(udhcpc(host), "no lease");
    let kinds = capture.wait_for("the exchange is recorded", seconds(5), |messages| {
        (messages.len() >= 4).then(|| messages.iter().filter_map(Seen::kind).collect::<Vec<_>>())
    });
    assert_eq!(kinds, EXCHANGE);
}

#[test]
fn dnsmasq_serves_a_client_that_is_not_ours() {
    let (host, _router) = Host::with_dnsmasq();
    assert_serves(&host);
}

#[test]
fn udhcpd_serves_a_client_that_is_not_ours() {
    let host = Host::new();
    let _router = Router::udhcpd(&host, "10.66.1.0", "10.66.1.250", 60);
    assert_serves(&host);
}

#[test]
fn a_scripted_server_serves_as_well_as_it_is_told_to() {
    let host = Host::new();
    let server = Scripted::start(&host, |message| match kind(message) {
        Some(MessageType::Discover) => {
            vec![bytes(&reply(
                message,
                MessageType::Offer,
                Ipv4Addr::new(10, 66, 3, 1),
            ))]
        }
        Some(MessageType::Request) => {
            vec![bytes(&reply(
                message,
                MessageType::Ack,
                Ipv4Addr::new(10, 66, 3, 1),
            ))]
        }
        _ => Vec::new(),
    });
    assert_serves(&host);
    drop(server);
    assert!(!udhcpc(&host), "a server that has ended serves");
}

#[test]
fn a_snapshot_sees_each_thing_that_could_be_left() {
    let host = Host::new();
    let before = host.snapshot();
    assert_eq!(host.snapshot(), before);

    host.must(&["ip", "netns", "add", "left"]);
    let after = host.snapshot();
    assert!(after.files.contains("/run/netns/left"));
    assert_ne!(after.mounts, before.mounts);

    host.must(&[
        "ip", "link", "add", "link", "lan0", "name", "left", "type", "macvlan",
    ]);
    assert!(host.snapshot().links.contains("left"));

    host.must(&["mkdir", "-p", "/etc/netns/left"]);
    assert!(host.snapshot().files.contains("/etc/netns/left"));
    assert!(
        !std::path::Path::new("/etc/netns/left").exists(),
        "the real machine's /etc was written to"
    );

    let sleeper = host.start("sleep", &["sleep", "1000"]);
    sleeper.pid();
    assert_eq!(host.snapshot().processes.len(), before.processes.len() + 1);
    drop(sleeper);
    assert_eq!(host.snapshot().processes, before.processes);
}

#[test]
fn the_router_answers_for_the_whole_internet() {
    let host = Host::new();
    host.must(&["ip", "address", "add", "10.66.9.9/16", "dev", "lan0"]);
    host.must(&["ip", "route", "add", "default", "via", "10.66.0.1"]);
    for address in ["10.66.0.1", "8.8.8.8", "1.1.1.1"] {
        host.must(&["ping", "-c", "1", "-W", "5", address]);
    }
}
