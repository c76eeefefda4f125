//! Servers that are mute, talk garbage, refuse, lie or die: the report says which, and nothing is left.

use std::net::Ipv4Addr;

use dhcproto::v4::MessageType;
use nix::sys::signal::Signal;

use super::common::host::Host;
use super::common::scripted::{Scripted, bytes, kind, reply};
use super::common::{seconds, wait_for};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 66, 3, 1);

/// Two clients that are not restarted fail for `cause`; the machine is as it was.
#[track_caller]
fn assert_fails_for(host: &Host, cause: &str) {
    let before = host.snapshot();
    let outcome = host
        .up(
            2,
            &[
                "--restart",
                "temporary",
                "--lease-timeout",
                "20s",
                "--for",
                "3s",
            ],
        )
        .finish(seconds(240));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let report = host.report();
    assert_eq!((report.total("online"), report.total("failed")), (0, 2));
    assert_eq!(report.texts("cause"), [cause; 2]);
    assert_eq!(report.texts("phase"), ["failed"; 2]);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_lan_without_a_server_fails_for_want_of_an_offer() {
    assert_fails_for(&Host::new(), "no_offer");
}

#[test]
fn garbage_is_told_apart_from_silence() {
    let host = Host::new();
    let mut rng = fastrand::Rng::with_seed(1);
    let server = Scripted::start(&host, move |message| {
        let mut truncated = bytes(&reply(message, MessageType::Offer, ADDRESS));
        let mut corrupt = truncated.clone();
        truncated.truncate(rng.usize(..truncated.len() - 20));
        for byte in &mut corrupt[236..] {
            *byte = rng.u8(..);
        }
        let noise = (0..rng.usize(..1400)).map(|_| rng.u8(..)).collect();
        vec![truncated, corrupt, noise, Vec::new()]
    });
    assert_fails_for(&host, "malformed");
    assert!(server.heard() > 0);
}

#[test]
fn a_server_that_dies_after_its_offer_fails_for_want_of_an_acknowledgement() {
    let host = Host::new();
    let server = Scripted::start(&host, |message| match kind(message) {
        Some(MessageType::Discover) => vec![bytes(&reply(message, MessageType::Offer, ADDRESS))],
        _ => Vec::new(),
    });
    assert_fails_for(&host, "no_ack");
    assert!(server.heard() > 2);
}

#[test]
fn a_server_that_refuses_for_ever_is_not_stormed_and_is_named() {
    let host = Host::new();
    let server = Scripted::start(&host, |message| match kind(message) {
        Some(MessageType::Discover) => vec![bytes(&reply(message, MessageType::Offer, ADDRESS))],
        Some(MessageType::Request) => {
            vec![bytes(&reply(
                message,
                MessageType::Nak,
                Ipv4Addr::UNSPECIFIED,
            ))]
        }
        _ => Vec::new(),
    });
    assert_fails_for(&host, "nak");
    assert!(
        server.heard() < 400,
        "{} messages: repeated NAKs must slow a client down",
        server.heard()
    );
}

#[test]
fn an_answer_to_a_sibling_is_not_taken() {
    let host = Host::new();
    // Every client is answered in its own name, but only after it was answered in that of another device.
    let _server = Scripted::start(&host, |message| {
        let [.., last] = message.chaddr() else {
            return Vec::new();
        };
        let right = Ipv4Addr::new(10, 66, 4, *last);
        let answer = match kind(message) {
            Some(MessageType::Discover) => MessageType::Offer,
            Some(MessageType::Request) => MessageType::Ack,
            _ => return Vec::new(),
        };
        let mut foreign = reply(message, answer, Ipv4Addr::new(10, 66, 5, 5));
        foreign.set_chaddr(&[2, 0, 0, 0, 0, 9]);
        vec![bytes(&foreign), bytes(&reply(message, answer, right))]
    });
    let outcome = host.up(2, &["--for", "1s"]).finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    for address in host.report().texts("address") {
        assert!(
            address.starts_with("10.66.4."),
            "{address} was offered to somebody else"
        );
    }
}

#[test]
fn two_clients_that_are_given_one_address_are_both_reported_with_it() {
    let host = Host::new();
    let before = host.snapshot();
    let _server = Scripted::start(&host, |message| match kind(message) {
        Some(MessageType::Discover) => vec![bytes(&reply(message, MessageType::Offer, ADDRESS))],
        Some(MessageType::Request) => vec![bytes(&reply(message, MessageType::Ack, ADDRESS))],
        _ => Vec::new(),
    });
    let outcome = host
        .up(2, &["--restart", "temporary", "--for", "3s"])
        .finish(seconds(60));
    assert!(
        matches!(outcome.code, Some(0 | 1)),
        "{:?}: {}",
        outcome.code,
        outcome.stderr
    );
    for address in host.report().texts("address") {
        assert_eq!(address, "10.66.3.1/16");
    }
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_server_that_dies_under_a_herd_does_not_take_the_herd_down() {
    let (host, router) = Host::with_dnsmasq();
    let before_server_died = host.up(4, &["--ping", "router", "--for", "6s"]);
    host.wait_configured(4, seconds(30));
    router.die();
    let outcome = before_server_died.finish(seconds(60));
    assert_eq!(
        outcome.code,
        Some(0),
        "leases of an hour outlive their server: {}",
        outcome.stderr
    );
    assert_eq!(host.report().total("online"), 4);
}

#[test]
fn a_parent_deleted_under_a_running_herd_is_named_and_nothing_is_left() {
    let (host, _router) = Host::with_dnsmasq();
    let mut before = host.snapshot();
    let mut herd = host.up(4, &["--restart", "temporary", "--for", "20s"]);
    host.wait_configured(4, seconds(30));
    super::common::router::unplug(&host);
    wait_for("the herd is told", seconds(30), || {
        (herd.has_ended() || herd.stderr().contains("lan0")).then_some(())
    });
    if !herd.has_ended() {
        herd.signal(Signal::SIGINT);
    }
    let outcome = herd.finish(seconds(60));
    assert!(
        matches!(outcome.code, Some(1 | 130)),
        "{:?}: {}",
        outcome.code,
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("lan0") || outcome.stdout.contains("parent_gone"),
        "nobody says that the parent has gone: {} {}",
        outcome.stderr,
        outcome.stdout
    );
    before.links.remove("lan0");
    let mut after = host.snapshot();
    after.links.remove("lan0");
    assert_eq!(after, before);
}
