//! Servers that are mute, talk garbage, refuse, lie or die: the report says which, and nothing is left.

use std::net::Ipv4Addr;

use dhcproto::v4::{DhcpOption, Message, MessageType, OptionCode};
use nix::sys::signal::Signal;

use super::common::host::{Host, ROUTER};
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

/// The answers of a server that gives each client the address that `address` names for the last byte of its MAC, in messages that
/// `change` makes what they are.
fn granting(
    address: impl Fn(u8) -> Ipv4Addr + Send + 'static,
    change: impl Fn(&Message, &mut Message) -> Option<Vec<u8>> + Send + 'static,
) -> impl FnMut(&Message) -> Vec<Vec<u8>> + Send + 'static {
    move |message| {
        let answer = match kind(message) {
            Some(MessageType::Discover) => MessageType::Offer,
            Some(MessageType::Request) => MessageType::Ack,
            _ => return Vec::new(),
        };
        let last = message.chaddr().last().copied().unwrap_or_default();
        let mut reply = reply(message, answer, address(last));
        let raw = change(message, &mut reply);
        vec![with_raw(bytes(&reply), &raw.unwrap_or_default())]
    }
}

/// The message with more options, as they stand on the wire, before all others.
fn with_raw(mut message: Vec<u8>, options: &[u8]) -> Vec<u8> {
    message.splice(240..240, options.iter().copied());
    message
}

fn good_address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 66, 4, last.max(1))
}

// Field practice: a malformed option of no importance costs that option alone.
#[test]
fn one_malformed_option_costs_that_option_and_is_told_with_its_place() {
    let host = Host::new();
    let _server = Scripted::start(
        &host,
        granting(good_address, |_, reply| {
            reply.opts_mut().remove(OptionCode::DomainNameServer);
            Some(vec![6, 5, 10, 66, 0, 1, 9])
        }),
    );
    let outcome = host
        .up(2, &["--ping", "router", "--for", "2s"])
        .finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let report = host.report();
    assert_eq!(report.total("online"), 2);
    for client in report.clients() {
        assert_eq!(client["dns"].as_array().map(Vec::len), Some(0), "{client}");
    }
    assert!(
        outcome
            .stderr
            .contains("option 6 at byte 240 is 5 bytes long"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_lease_whose_renewals_are_acknowledged_without_a_time_is_lost_with_that_story() {
    let host = Host::new();
    let _server = Scripted::start(
        &host,
        granting(good_address, |request, reply| {
            let options = reply.opts_mut();
            options.insert(DhcpOption::AddressLeaseTime(6));
            if !request.ciaddr().is_unspecified() {
                options.remove(OptionCode::AddressLeaseTime);
            }
            None
        }),
    );
    let outcome = host.up(1, &["--for", "10s"]).finish(seconds(60));
    assert!(matches!(outcome.code, Some(0 | 1)), "{}", outcome.stderr);
    let report = host.report();
    let failure = &report.clients()[0]["last_failure"];
    assert_eq!(failure["cause"], "lease_expired", "{failure}");
    let detail = failure["detail"].as_str().expect("a detail");
    assert!(
        detail.contains("lease lost: expired; ") && detail.contains("came and w"),
        "{detail}"
    );
    assert!(
        detail.contains("acknowledgement") && detail.contains("option 51 is missing"),
        "{detail}"
    );
}

// RFC 1122, 3.2.1.3: no address is used that no host can have.
#[test]
fn a_server_that_leases_its_own_or_the_broadcast_address_is_refused_and_named() {
    let host = Host::new();
    let server = Scripted::start(
        &host,
        granting(
            |last| match last % 2 {
                0 => ROUTER,
                _ => Ipv4Addr::new(10, 66, 255, 255),
            },
            |_, _| None,
        ),
    );
    assert_fails_for(&host, "bad_lease");
    for client in host.report().clients() {
        let detail = client["last_failure"]["detail"].as_str().expect("a detail");
        assert!(
            detail.contains("no usable offer") && detail.contains(" by 10.66.0.1"),
            "{detail}"
        );
    }
    assert!(server.heard() > 0);
}

// RFC 3927, 1.6: no link-local address is taken from a server.
#[test]
fn an_address_that_no_router_forwards_is_refused() {
    let host = Host::new();
    let _server = Scripted::start(
        &host,
        granting(
            |last| match last % 2 {
                0 => Ipv4Addr::new(169, 254, 3, 4),
                _ => Ipv4Addr::new(10, 66, 0, 0),
            },
            |_, _| None,
        ),
    );
    assert_fails_for(&host, "bad_lease");
}

#[test]
fn a_client_that_is_named_as_its_own_router_has_none_and_its_pings_are_no_successes() {
    let host = Host::new();
    let _server = Scripted::start(
        &host,
        granting(good_address, |_, reply| {
            let own = reply.yiaddr();
            reply.opts_mut().insert(DhcpOption::Router(vec![own]));
            None
        }),
    );
    let outcome = host
        .up(2, &["--ping", "router", "--for", "2s"])
        .finish(seconds(60));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let report = host.report();
    assert_eq!(
        (report.total("online"), report.total("pings_received")),
        (2, 0)
    );
    assert_eq!(report.texts("router"), [""; 0]);
    assert!(
        outcome.stderr.contains("names the client's own address"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn of_many_routes_so_many_are_taken_as_a_client_keeps_and_that_is_told() {
    let host = Host::new();
    let _server = Scripted::start(
        &host,
        granting(good_address, |_, _| {
            // More would not fit into one frame.
            let routes: Vec<u8> = (0..100)
                .flat_map(|third| [24, 100, 64, third, 10, 66, 0, 1])
                .collect();
            let split = routes.chunks(240).flat_map(|part| {
                let length = u8::try_from(part.len()).expect("a part");
                [[121, length].as_slice(), part].concat()
            });
            Some(split.collect())
        }),
    );
    let herd = host.up(1, &["--for", "8s"]);
    host.wait_configured(1, seconds(30));
    let routes = host.must(&["ip", "-n", "ns1", "route", "show"]);
    let taken = routes.lines().filter(|line| line.starts_with("100.64."));
    assert_eq!(taken.count(), lanherd::dhcp::MAX_ROUTES, "{routes}");
    let outcome = herd.finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let told = "option 121 at byte 240 has more than is kept";
    assert!(outcome.stdout.contains(told), "{}", outcome.stdout);
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

// Field practice: after NAKs in a row there is a delay that doubles.
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

// RFC 2131, 2: a reply has op 2 and the client's own chaddr.
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

// Field practice: no two clients of one herd use one address, whatever servers say.
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
    // What nobody could be told stays written down until it can be, or is given up.
    assert!(
        outcome.stdout.contains("no RELEASE sent for 4 leases"),
        "{}",
        outcome.stdout
    );
    let cleaned = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(cleaned.code, Some(0), "{}", cleaned.stderr);
    assert!(
        cleaned
            .stderr
            .contains("leases for which no RELEASE could be sent: 4"),
        "{}",
        cleaned.stderr
    );
    before.links.remove("lan0");
    let mut after = host.snapshot();
    after.links.remove("lan0");
    assert_eq!(after, before);
}
