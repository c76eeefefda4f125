//! The life of a lease, as it stands on the wire and in the kernel.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use dhcproto::v4::{MessageType, OptionCode};
use nix::sys::signal::Signal;

use super::common::capture::{Capture, Seen};
use super::common::host::{Host, ROUTER};
use super::common::router::Router;
use super::common::scripted::{Scripted, bytes, kind, reply};
use super::common::{seconds, wait_for};

fn of_kind(messages: &[Seen], kind: MessageType) -> Vec<Seen> {
    messages
        .iter()
        .filter(|seen| seen.kind() == Some(kind))
        .cloned()
        .collect()
}

/// RFC 2131, 4.3.2 and table 5, rows of DISCOVER and of a REQUEST in SELECTING.
// RFC 2131, 4.4.1: each transaction has a random xid.
// RFC 2131, 4.1: before an address is bound a message goes from 0.0.0.0 to everybody.
// RFC 1542, 2.1: a message has 300 bytes at least.
// RFC 2131, 4.3.2: a REQUEST for an offer has options 50 and 54, and ciaddr 0.
// RFC 2131, table 5: RELEASE goes to the server, with ciaddr and 54, and asks for nothing.
#[test]
fn the_first_exchange_says_on_the_wire_what_rfc_2131_wants() {
    let (host, _router) = Host::with_dnsmasq();
    let capture = Capture::start(&host);
    let outcome = host.up(5, &["--for", "1s"]).finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let messages = capture.messages();

    let discovers = of_kind(&messages, MessageType::Discover);
    let transactions: BTreeSet<u32> = discovers.iter().map(|seen| seen.message.xid()).collect();
    assert_eq!(
        transactions.len(),
        5,
        "one transaction number for each client"
    );
    let requests = of_kind(&messages, MessageType::Request);
    assert_eq!(requests.len(), 5);
    for seen in discovers.iter().chain(&requests) {
        assert_eq!(
            (seen.source, seen.destination),
            (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST)
        );
        assert_eq!(seen.source_mac, seen.message.chaddr());
        assert!(
            !seen.message.flags().broadcast(),
            "the broadcast flag is off by default"
        );
        assert!(seen.message.ciaddr().is_unspecified());
        assert!(
            seen.length >= 300,
            "BOOTP relays drop messages under 300 bytes"
        );
        assert!(seen.has(OptionCode::ParameterRequestList));
        assert!(seen.has(OptionCode::MaxMessageSize));
    }
    for request in &requests {
        assert!(
            transactions.contains(&request.message.xid()),
            "a REQUEST has its OFFER's xid"
        );
        assert!(request.has(OptionCode::RequestedIpAddress));
        assert!(request.has(OptionCode::ServerIdentifier));
        let discover = discovers
            .iter()
            .find(|seen| seen.source_mac == request.source_mac)
            .expect("each client discovers first");
        assert_eq!(
            discover
                .message
                .opts()
                .get(OptionCode::ParameterRequestList),
            request.message.opts().get(OptionCode::ParameterRequestList)
        );
    }
    let releases = of_kind(&messages, MessageType::Release);
    assert_eq!(releases.len(), 5);
    for release in releases {
        assert_eq!(
            (release.source, release.destination),
            (release.message.ciaddr(), ROUTER)
        );
        assert_eq!(release.message.secs(), 0);
        assert!(release.has(OptionCode::ServerIdentifier));
        for forbidden in [
            OptionCode::RequestedIpAddress,
            OptionCode::ParameterRequestList,
            OptionCode::ClassIdentifier,
            OptionCode::Hostname,
        ] {
            assert!(!release.has(forbidden), "{forbidden:?} in a RELEASE");
        }
    }
}

/// RFC 2131, 4.3.2: RENEWING.
fn assert_renews(host: &Host) {
    let capture = Capture::start(host);
    let herd = host.up(3, &[]);
    host.wait_configured(3, seconds(30));
    let renewals = capture.wait_for("three clients renew", seconds(60), |messages| {
        let renewals: Vec<Seen> = messages
            .iter()
            .filter(|s| s.is_renewal())
            .cloned()
            .collect();
        let clients: BTreeSet<_> = renewals.iter().map(|seen| seen.source_mac).collect();
        (clients.len() == 3).then_some(renewals)
    });
    for seen in &renewals {
        assert_eq!(
            (seen.source, seen.destination),
            (seen.message.ciaddr(), ROUTER),
            "unicast"
        );
        assert!(
            !seen.has(OptionCode::RequestedIpAddress),
            "option 50 in a renewal"
        );
        assert!(
            !seen.has(OptionCode::ServerIdentifier),
            "option 54 in a renewal"
        );
        assert!(seen.has(OptionCode::ParameterRequestList));
    }
    capture.wait_for("each renewal is acknowledged", seconds(10), |messages| {
        renewals
            .iter()
            .all(|renewal| {
                messages.iter().any(|seen| {
                    seen.kind() == Some(MessageType::Ack)
                        && seen.message.xid() == renewal.message.xid()
                })
            })
            .then_some(())
    });
    for n in 1..=3 {
        assert_eq!(
            host.addresses(&format!("ns{n}")).len(),
            1,
            "ns{n} keeps its one address"
        );
    }
    herd.signal(Signal::SIGINT);
    assert_eq!(herd.finish(seconds(30)).code, Some(130));
}

// RFC 2131, 4.4.5: RENEWING asks the lease's server, with ciaddr and neither 50 nor 54.
#[test]
fn dnsmasq_is_asked_by_unicast_to_extend_the_lease_at_its_t1() {
    let host = Host::new();
    let early = [
        "--dhcp-option-force=option:T1,6",
        "--dhcp-option-force=option:T2,90",
    ];
    let _router = Router::dnsmasq(&host, "10.66.1.0,10.66.1.250", "2m", &early);
    assert_renews(&host);
}

// RFC 2131, 4.4.5: RENEWING asks the lease's server, with ciaddr and neither 50 nor 54.
#[test]
fn udhcpd_is_asked_by_unicast_to_extend_a_lease_of_ten_seconds() {
    let host = Host::new();
    let _router = Router::udhcpd(&host, "10.66.1.0", "10.66.1.250", 10);
    assert_renews(&host);
}

/// RFC 2131, 4.3.2: REBINDING. RFC 2131, 4.4.5: expiry.
// RFC 2131, 4.4.5: REBINDING asks everybody, with ciaddr and neither 50 nor 54.
// RFC 2131, 4.4.5: a lease that ends is used no more, and all begins anew.
#[test]
fn when_the_server_dies_a_client_rebinds_by_broadcast_and_gives_its_address_up_in_time() {
    let host = Host::new();
    let router = Router::udhcpd(&host, "10.66.1.0", "10.66.1.250", 12);
    let capture = Capture::start(&host);
    let herd = host.up(2, &[]);
    host.wait_configured(2, seconds(30));
    router.die();
    for n in 1..=2 {
        wait_for(
            &format!("ns{n}'s address is gone from the kernel"),
            seconds(30),
            || host.addresses(&format!("ns{n}")).is_empty().then_some(()),
        );
    }
    let messages = capture.messages();
    let rebinds: Vec<&Seen> = messages
        .iter()
        .filter(|seen| seen.is_renewal() && seen.destination == Ipv4Addr::BROADCAST)
        .collect();
    assert!(!rebinds.is_empty(), "nobody tried to rebind");
    for seen in rebinds {
        assert!(
            !seen.has(OptionCode::RequestedIpAddress) && !seen.has(OptionCode::ServerIdentifier)
        );
    }
    herd.signal(Signal::SIGINT);
    assert_eq!(herd.finish(seconds(30)).code, Some(130));
}

// RFC 2131, 4.4.5: a lease that ends is used no more, and all begins anew.
#[test]
fn a_lease_that_ran_out_is_asked_for_anew_when_the_server_is_back() {
    let host = Host::new();
    let router = Router::udhcpd(&host, "10.66.1.0", "10.66.1.250", 6);
    let herd = host.up(2, &[]);
    host.wait_configured(2, seconds(30));
    router.die();
    wait_for("ns1's address is gone", seconds(30), || {
        host.addresses("ns1").is_empty().then_some(())
    });
    let _router = Router::udhcpd(&host, "10.66.2.0", "10.66.2.250", 3600);
    for n in 1..=2 {
        wait_for(&format!("ns{n} is back"), seconds(120), || {
            host.addresses(&format!("ns{n}"))
                .iter()
                .any(|a| a.starts_with("10.66.2."))
                .then_some(())
        });
    }
    herd.signal(Signal::SIGINT);
    assert_eq!(herd.finish(seconds(30)).code, Some(130));
}

// RFC 2131, 3.1(5): a NAK returns to INIT from every state that has asked.
#[test]
fn a_nak_from_a_router_that_was_renumbered_moves_the_clients_to_the_new_range() {
    let host = Host::new();
    let early = [
        "--dhcp-option-force=option:T1,6",
        "--dhcp-option-force=option:T2,90",
    ];
    let router = Router::dnsmasq(&host, "10.66.1.0,10.66.1.250", "2m", &early);
    let capture = Capture::start(&host);
    let herd = host.up(3, &[]);
    host.wait_configured(3, seconds(30));
    router.die();
    let _router = Router::dnsmasq(
        &host,
        "10.66.7.0,10.66.7.250",
        "1h",
        &["--dhcp-authoritative"],
    );
    for n in 1..=3 {
        wait_for(&format!("ns{n} has moved"), seconds(90), || {
            let addresses = host.addresses(&format!("ns{n}"));
            (addresses.len() == 1 && addresses[0].starts_with("10.66.7.")).then_some(())
        });
    }
    assert!(
        !of_kind(&capture.messages(), MessageType::Nak).is_empty(),
        "the server refused nobody"
    );
    herd.signal(Signal::SIGINT);
    assert_eq!(herd.finish(seconds(30)).code, Some(130));
}

/// RFC 2131, 3.3.
// RFC 2131, 3.3: a lease of 0xffffffff never ends and has no timers.
#[test]
fn an_infinite_lease_is_never_renewed() {
    let host = Host::new();
    let _server = Scripted::start(&host, |message| {
        let address = Ipv4Addr::new(10, 66, 3, 1);
        let answer = match kind(message) {
            Some(MessageType::Discover) => MessageType::Offer,
            Some(MessageType::Request) => MessageType::Ack,
            _ => return Vec::new(),
        };
        let mut answer = reply(message, answer, address);
        answer
            .opts_mut()
            .insert(dhcproto::v4::DhcpOption::AddressLeaseTime(u32::MAX));
        vec![bytes(&answer)]
    });
    let capture = Capture::start(&host);
    let outcome = host.up(1, &["--for", "5s"]).finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(!capture.messages().iter().any(Seen::is_renewal));
}
