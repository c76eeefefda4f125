//! Audits of links with routers and servers that break one thing each, frame by frame.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use etherparse::PacketBuilder;
use lanherd_dhcp::{Message, MessageType, code};
use lanherd_dhcp6::{self as dhcp6, Duid, Ia, IaAddress, IaKind};
use lanherd_ndp::options::{PrefixInformation, Resolvers, SearchList};
use lanherd_ndp::{Lifetime, NdOption, Packet, Prefix, RouterAdvertisement};
use lanherd_types::identity::Mac;
use proptest::prelude::*;

use super::*;
use crate::requirement as req;

const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 1]);
const OTHER: Mac = Mac([2, 0, 0, 0, 0, 2]);

fn address(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn settings(solicits: bool) -> Settings {
    Settings {
        interface: "lan0".to_owned(),
        link_mtu: 1500,
        solicitor: Solicitor::new(&mut fastrand::Rng::with_seed(7)),
        solicits,
    }
}

fn audit() -> Audit {
    Audit::new(settings(false))
}

/// What a router says that breaks nothing.
fn body() -> RouterAdvertisement {
    RouterAdvertisement {
        hop_limit: Some(64),
        lifetime: 1800,
        ..RouterAdvertisement::default()
    }
}

fn prefix(text: &str, length: u8, preferred: u32, valid: u32) -> NdOption {
    NdOption::Prefix(PrefixInformation {
        prefix: Prefix::new(address(text), length).expect("a prefix"),
        on_link: true,
        autonomous: true,
        router_address: false,
        delegation_preferred: false,
        valid: Lifetime::from_secs(valid),
        preferred: Lifetime::from_secs(preferred),
    })
}

fn resolvers(lifetime: u32) -> NdOption {
    NdOption::Resolvers(Resolvers {
        lifetime: Lifetime::from_secs(lifetime),
        servers: vec![address("fe80::1")],
    })
}

fn sound_options() -> Vec<NdOption> {
    vec![
        NdOption::SourceLinkLayer(ROUTER),
        prefix("2001:db8:77::", 64, 1800, 3600),
        resolvers(1800),
    ]
}

fn advertisement(body: RouterAdvertisement, options: Vec<NdOption>) -> Vec<u8> {
    Packet::router_advertisement(ROUTER, address("fe80::1"), body, options)
        .to_frame()
        .expect("a frame")
}

/// What is found in advertisements that came at those moments, until `end`.
fn found(frames: &[(f64, Vec<u8>)], end: f64) -> Vec<Breach> {
    let mut audit = audit();
    for (at, frame) in frames {
        audit.hear(seconds(*at), frame);
    }
    audit.report(seconds(end), 0).breaches
}

fn names(breaches: &[Breach]) -> Vec<&'static str> {
    breaches.iter().map(|breach| breach.requirement).collect()
}

#[test]
fn a_router_that_does_all_right_breaks_nothing_and_is_told_whole() {
    let mut audit = audit();
    for at in [1.0, 5.0, 12.0] {
        audit.hear(seconds(at), &advertisement(body(), sound_options()));
    }
    let report = audit.report(seconds(30.0), 0);
    assert_eq!(report.breaches, []);
    let [router] = &report.routers[..] else {
        panic!("{report:?}")
    };
    assert_eq!((router.to_all, router.to_one), (3, 0));
    assert_eq!(router.shortest_gap_seconds, Some(4.0));
    assert_eq!(router.longest_gap_seconds, Some(7.0));
    assert_eq!(router.prefixes[0].prefix, "2001:db8:77::/64");
    let text = report.to_string();
    for line in [
        "router fe80::1 (02:00:00:00:00:01)",
        "3 to all, 0 to one host; to all every 4.0 to 7.0 s",
        "for 1800 s, preference medium; flags none",
        "2001:db8:77::/64: preferred 1800 s, valid 3600 s; LA",
        "resolvers        fe80::1",
        "0 must, 0 should, 0 worth knowing",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

// RFC 4861, 6.1.2.
#[test]
fn an_advertisement_that_hosts_must_drop_is_told_with_its_byte() {
    let mut forwarded = advertisement(body(), sound_options());
    forwarded[14 + 7] = 64;
    let mut spoilt = advertisement(body(), sound_options());
    spoilt[14 + 40 + 4] ^= 1;
    let global = Packet::router_advertisement(ROUTER, address("2001:db8::1"), body(), vec![]);
    let breaches = found(
        &[
            (1.0, forwarded.clone()),
            (9.0, forwarded),
            (20.0, spoilt),
            (30.0, global.to_frame().expect("a frame")),
        ],
        40.0,
    );
    assert_eq!(names(&breaches), ["ra-valid"; 3]);
    let forwarded = breaches
        .iter()
        .find(|breach| breach.what == "byte 7: its hop limit is 64, not 255")
        .expect("the one that was forwarded");
    assert_eq!((forwarded.times, forwarded.first_seconds), (2, 1.0));
    assert_eq!(forwarded.sender, "fe80::1 (02:00:00:00:00:01)");
}

#[test]
fn values_that_cannot_be_are_told_each_by_its_requirement() {
    let with = |option: NdOption| {
        let mut options = sound_options();
        options.push(option);
        names(&found(&[(1.0, advertisement(body(), options))], 2.0))
    };
    assert_eq!(
        with(prefix("2001:db8:78::", 64, 2600, 1800)),
        ["ra-preferred-lifetime"]
    );
    assert_eq!(
        with(prefix("2001:db8:78::", 56, 1800, 3600)),
        ["ra-autonomous-length"]
    );
    assert_eq!(
        with(prefix("fe80::", 64, 1800, 3600)),
        ["ra-link-local-prefix"]
    );
    assert_eq!(
        with(prefix("2001:db8:78::", 64, 604_800, 2_592_000)),
        ["ra-lifetime-limits"]
    );
    assert_eq!(
        with(prefix("2001:db8:78::", 64, u32::MAX, u32::MAX)),
        ["ra-lifetime-limits"]
    );
    assert_eq!(with(NdOption::Mtu(1279)), ["ra-mtu"]);
    assert_eq!(with(NdOption::Mtu(1501)), ["ra-mtu"]);
    assert_eq!(with(NdOption::Mtu(1500)), [""; 0]);
    assert_eq!(
        with(NdOption::SourceLinkLayer(OTHER)),
        [""; 0],
        "the first counts"
    );
    let stranger = vec![NdOption::SourceLinkLayer(OTHER), resolvers(1800)];
    let breaches = found(&[(1.0, advertisement(body(), stranger))], 2.0);
    assert_eq!(names(&breaches), ["ra-link-layer"]);
    let breaches = found(&[(1.0, advertisement(body(), vec![]))], 2.0);
    assert_eq!(names(&breaches), ["ra-no-resolver"]);
    let other = RouterAdvertisement {
        other: true,
        ..body()
    };
    assert_eq!(found(&[(1.0, advertisement(other, vec![]))], 2.0), []);
}

// RFC 4861, 6.2.6.
#[test]
fn two_to_all_within_three_seconds_are_too_near_and_a_farewell_is_not() {
    let often = [
        (1.0, advertisement(body(), sound_options())),
        (2.5, advertisement(body(), sound_options())),
        (5.45, advertisement(body(), sound_options())),
    ];
    let breaches = found(&often, 10.0);
    assert_eq!(names(&breaches), ["ra-rate"]);
    assert_eq!(
        (breaches[0].times, breaches[0].what.as_str()),
        (1, "two are 1.5 s apart")
    );
    let gone = RouterAdvertisement {
        lifetime: 0,
        ..body()
    };
    let farewell = [
        (1.0, advertisement(body(), sound_options())),
        (2.0, advertisement(gone, sound_options())),
        (2.1, advertisement(gone, sound_options())),
    ];
    assert_eq!(found(&farewell, 10.0), []);
}

#[test]
fn a_lifetime_that_ends_before_the_next_advertisement_is_told_during_and_at_the_end() {
    let short = RouterAdvertisement {
        lifetime: 10,
        ..body()
    };
    let frame = || advertisement(short, sound_options());
    assert_eq!(found(&[(1.0, frame()), (10.5, frame())], 20.0), []);
    let breaches = found(&[(1.0, frame()), (16.0, frame())], 20.0);
    assert_eq!(names(&breaches), ["ra-router-lifetime"]);
    assert_eq!(
        breaches[0].what,
        "the router lifetime is 10 s, and for 15.0 s none came"
    );
    assert_eq!(
        names(&found(&[(1.0, frame())], 20.0)),
        ["ra-router-lifetime"]
    );
    // Infinite resolvers, and withdrawn ones, do not lapse; 60 s do.
    for (lifetime, lapses) in [(u32::MAX, false), (60, true)] {
        let options = vec![resolvers(lifetime)];
        let breaches = found(&[(1.0, advertisement(body(), options))], 100.0);
        assert_eq!(
            names(&breaches).contains(&"ra-resolver-lifetime"),
            lapses,
            "{lifetime}"
        );
    }
    let search = NdOption::SearchList(SearchList {
        lifetime: Lifetime::from_secs(5),
        names: vec!["lan.test".to_owned()],
    });
    let options = vec![resolvers(1800), search];
    let breaches = found(&[(1.0, advertisement(body(), options))], 100.0);
    assert_eq!(names(&breaches), ["ra-resolver-lifetime"]);
    assert!(
        breaches[0].what.starts_with("the search list lives 5 s"),
        "{breaches:?}"
    );
}

#[test]
fn what_did_not_come_is_not_told_where_frames_were_lost() {
    let mut audit = audit();
    let short = RouterAdvertisement {
        lifetime: 10,
        ..body()
    };
    audit.hear(seconds(1.0), &advertisement(short, sound_options()));
    let report = audit.report(seconds(20.0), 3);
    assert_eq!(report.breaches, []);
    assert_eq!(
        (report.withheld.frames_lost, report.withheld.breaches),
        (3, 1)
    );
    assert!(
        report
            .to_string()
            .contains("3 frames were lost on this machine")
    );
}

// The renumbering that strands hosts (RFC 9096, 3.5).
#[test]
fn a_prefix_that_vanishes_while_it_is_preferred_is_stale_and_one_that_was_deprecated_is_not() {
    let with = |option: NdOption| advertisement(body(), vec![resolvers(1800), option]);
    let old = || with(prefix("2001:db8:1::", 64, 1800, 3600));
    let new = || with(prefix("2001:db8:2::", 64, 1800, 3600));
    let breaches = found(
        &[
            (1.0, old()),
            (10.0, new()),
            (20.0, new()),
            (30.0, new()),
            (40.0, new()),
        ],
        50.0,
    );
    assert_eq!(names(&breaches), ["ra-stale-prefix"]);
    assert_eq!(breaches[0].times, 1);
    assert!(
        breaches[0]
            .what
            .starts_with("2001:db8:1::/64 stood in no advertisement since 29.0 s")
    );
    let deprecated = with(prefix("2001:db8:1::", 64, 0, 3600));
    let frames = [
        (1.0, old()),
        (10.0, deprecated),
        (20.0, new()),
        (30.0, new()),
        (40.0, new()),
    ];
    assert_eq!(found(&frames, 50.0), []);
    // Options may be spread over several advertisements (RFC 4861, 6.2.3).
    let frames = [(1.0, old()), (10.0, new()), (20.0, old()), (30.0, new())];
    assert_eq!(found(&frames, 50.0), []);
}

#[test]
fn a_router_that_withdraws_itself_and_returns_flaps() {
    let gone = RouterAdvertisement {
        lifetime: 0,
        ..body()
    };
    let frames = [
        (1.0, advertisement(body(), sound_options())),
        (5.0, advertisement(gone, sound_options())),
        (9.0, advertisement(body(), sound_options())),
    ];
    let breaches = found(&frames, 10.0);
    assert_eq!(names(&breaches), ["ra-flaps"]);
    assert_eq!(
        breaches[0].what,
        "router lifetime 0, and 1800 s again 4.0 s later"
    );
}

// RFC 4861, 6.2.7.
#[test]
fn two_routers_are_told_and_held_against_each_other() {
    let managed = RouterAdvertisement {
        managed: true,
        hop_limit: None,
        ..body()
    };
    let mut options = sound_options();
    options[0] = NdOption::SourceLinkLayer(OTHER);
    let other = Packet::router_advertisement(OTHER, address("fe80::2"), managed, options);
    let frames = [
        (1.0, advertisement(body(), sound_options())),
        (2.0, other.to_frame().expect("a frame")),
    ];
    let breaches = found(&frames, 3.0);
    assert_eq!(names(&breaches), ["ra-consistent", "ra-several-routers"]);
    assert_eq!(
        breaches[0].what,
        "the M flag: 0; fe80::2 (02:00:00:00:00:02) says 1"
    );
}

#[test]
fn a_router_that_does_not_answer_is_asked_before_it_is_blamed() {
    let frame = advertisement(body(), sound_options());
    // It is heard soon after the question: that may be the answer.
    let mut answers = Audit::new(settings(true));
    assert_eq!(answers.questions(Duration::ZERO).len(), 3);
    assert_eq!(answers.hear(seconds(0.4), &frame), None);
    let report = answers.report(seconds(60.0), 0);
    assert_eq!(names(&report.breaches), ["dhcp6-flags"; 0]);
    // It is first heard long after: it is asked, and says nothing.
    let mut mute = Audit::new(settings(true));
    mute.questions(Duration::ZERO);
    let asked = mute.hear(seconds(20.0), &frame).expect("a question");
    let asked = Packet::from_frame(&asked).expect("neighbour discovery");
    assert_eq!(asked.message.body, lanherd_ndp::Body::RouterSolicitation);
    let report = mute.report(seconds(60.0), 0);
    assert_eq!(names(&report.breaches), ["ra-solicited"]);
    // It answers that one.
    let mut late = Audit::new(settings(true));
    late.questions(Duration::ZERO);
    late.hear(seconds(20.0), &frame).expect("a question");
    late.hear(seconds(23.1), &frame);
    assert_eq!(late.report(seconds(60.0), 0).breaches, []);
    // The audit ends before its time is over; or nothing was ever asked.
    let mut early = Audit::new(settings(true));
    early.questions(Duration::ZERO);
    early.hear(seconds(20.0), &frame);
    assert_eq!(early.report(seconds(21.0), 0).breaches, []);
    let mut silent = audit();
    assert_eq!(silent.questions(Duration::ZERO), Vec::<Vec<u8>>::new());
    silent.hear(seconds(20.0), &frame);
    assert_eq!(silent.report(seconds(60.0), 0).breaches, []);
}

#[test]
fn many_new_routers_are_not_answered_with_many_solicitations() {
    let mut audit = Audit::new(settings(true));
    audit.questions(Duration::ZERO);
    let mut asked = 0;
    for number in 0..100_u16 {
        let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number + 1);
        let packet = Packet::router_advertisement(ROUTER, source, body(), sound_options());
        let at = seconds(f64::from(number) * 10.0 + 10.0);
        let frame = packet.to_frame().expect("a frame");
        asked += usize::from(audit.hear(at, &frame).is_some());
    }
    assert_eq!(asked, 2, "beside the first");
    let report = audit.report(seconds(2000.0), 0);
    assert_eq!(report.routers.len(), MAX_ROUTERS);
    assert_eq!(report.withheld.untold_routers, 100 - MAX_ROUTERS as u64);
}

/// A DHCP message of a server, as a frame for everybody.
fn dhcp_frame(message: &Message, destination: Mac) -> Vec<u8> {
    let payload = message.encode();
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(ROUTER.octets(), destination.octets())
        .ipv4([192, 168, 7, 1], [255; 4], 64)
        .udp(67, 68)
        .write(&mut frame, &payload)
        .expect("fits");
    frame
}

/// An offer that breaks nothing, to the host that asks.
fn offer(solicitor: &Solicitor) -> Message {
    let discover = solicitor.questions().remove(1);
    let question = Message::decode(&discover[42..]).expect("a message");
    let mut offer = Message::reply_to(&question, MessageType::Offer);
    offer.yiaddr = Ipv4Addr::new(192, 168, 7, 20);
    offer
        .options
        .push(code::SERVER_ID, [192, 168, 7, 1])
        .push(code::LEASE_TIME, 600_u32.to_be_bytes())
        .push(code::RENEWAL_TIME, 300_u32.to_be_bytes())
        .push(code::REBINDING_TIME, 525_u32.to_be_bytes())
        .push(code::SUBNET_MASK, [255, 255, 255, 0])
        .push(code::ROUTERS, [192, 168, 7, 1])
        .push(code::DNS_SERVERS, [192, 168, 7, 1])
        .set(code::CLIENT_ID, solicitor.client_id());
    offer
}

fn offered(change: impl FnOnce(&mut Message)) -> Vec<Breach> {
    let settings = settings(true);
    let mut message = offer(&settings.solicitor);
    change(&mut message);
    let mut audit = Audit::new(settings);
    audit.questions(Duration::ZERO);
    audit.hear(seconds(0.1), &dhcp_frame(&message, Mac::BROADCAST));
    audit.report(seconds(1.0), 0).breaches
}

#[test]
fn an_offer_that_does_all_right_breaks_nothing_and_is_told_whole() {
    assert_eq!(offered(|_| ()), []);
    let settings = settings(true);
    let message = offer(&settings.solicitor);
    let mut audit = Audit::new(settings);
    audit.hear(seconds(0.1), &dhcp_frame(&message, Mac::BROADCAST));
    let report = audit.report(seconds(1.0), 0);
    let text = report.to_string();
    for line in [
        "DHCP server 192.168.7.1 (02:00:00:00:00:01)",
        "1 OFFER",
        "of 192.168.7.0/24, 600 s",
        "53, 54, 51, 58, 59, 1, 3, 6, 61",
        "no router advertised itself",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn what_an_offer_breaks_is_told_each_by_its_requirement() {
    let of = |change: fn(&mut Message)| names(&offered(change));
    let options = |change: fn(&mut lanherd_dhcp::Options)| {
        names(&offered(|message| change(&mut message.options)))
    };
    assert_eq!(
        options(|o| _ = o.remove(code::SERVER_ID)),
        ["dhcp-server-id"]
    );
    assert_eq!(
        options(|o| _ = o.remove(code::LEASE_TIME)),
        ["dhcp-lease-time"]
    );
    assert_eq!(
        options(|o| _ = o.set(code::LEASE_TIME, [0; 4])),
        ["dhcp-lease-time"]
    );
    assert_eq!(
        options(|o| _ = o.remove(code::MESSAGE_TYPE)),
        ["dhcp-message-type"]
    );
    assert_eq!(
        options(|o| _ = o.set(code::MAX_MESSAGE_SIZE, [2, 64])),
        ["dhcp-not-in-reply"]
    );
    assert_eq!(
        options(|o| _ = o.set(code::SUBNET_MASK, [255, 255, 255, 0])),
        ["dhcp-mask-first"]
    );
    assert_eq!(
        options(|o| _ = o.set(code::REBINDING_TIME, [0, 0, 1, 0])),
        ["dhcp-timers"]
    );
    assert_eq!(
        options(|o| _ = o.set(code::RENEWAL_TIME, [0, 0, 9, 0])),
        ["dhcp-timers"]
    );
    assert_eq!(
        options(|o| _ = o.remove(code::CLIENT_ID)),
        ["dhcp-client-id"]
    );
    assert_eq!(
        options(|o| _ = o.set(code::ROUTERS, [192, 168, 8, 1])),
        ["dhcp-router"]
    );
    assert_eq!(
        options(|o| _ = o.set(code::DNS_SERVERS, [1, 1, 1])),
        ["dhcp-option"]
    );
    assert_eq!(
        options(|o| _ = o.set(code::DNS_SERVERS, [0; 4])),
        ["dhcp-option"]
    );
    assert_eq!(options(|o| _ = o.remove(code::SUBNET_MASK)), ["dhcp-mask"]);
    assert_eq!(
        of(|m| m.yiaddr = Ipv4Addr::new(192, 168, 7, 255)),
        ["dhcp-address"]
    );
    assert_eq!(
        of(|m| m.yiaddr = Ipv4Addr::new(192, 168, 7, 1)),
        ["dhcp-address"]
    );
    assert_eq!(of(|m| m.yiaddr = Ipv4Addr::LOCALHOST), ["dhcp-address"]);
}

#[test]
fn an_answer_by_unicast_to_a_host_that_asked_for_broadcast_is_told_and_one_to_another_host_is_not()
{
    let settings = settings(true);
    let own = settings.solicitor.mac();
    let mut message = offer(&settings.solicitor);
    let mut audit = Audit::new(settings.clone());
    audit.hear(seconds(0.1), &dhcp_frame(&message, own));
    let report = audit.report(seconds(1.0), 0);
    assert_eq!(names(&report.breaches), ["dhcp-broadcast"]);
    message.chaddr = OTHER;
    let mut audit = Audit::new(settings);
    audit.hear(seconds(0.1), &dhcp_frame(&message, OTHER));
    assert_eq!(audit.report(seconds(1.0), 0).breaches, []);
}

#[test]
fn bytes_that_are_no_dhcp_message_are_told_of_their_sender() {
    let settings = settings(true);
    let mut frame = dhcp_frame(&offer(&settings.solicitor), Mac::BROADCAST);
    frame[42 + 236] = 0;
    let mut audit = Audit::new(settings);
    audit.hear(seconds(0.1), &frame);
    let report = audit.report(seconds(1.0), 0);
    assert_eq!(names(&report.breaches), ["dhcp-readable"]);
    assert_eq!(report.breaches[0].sender, "02:00:00:00:00:01");
}

fn dhcp6_frame(message: &dhcp6::Message) -> Vec<u8> {
    let payload = message.encode().expect("a message");
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(ROUTER.octets(), OTHER.octets())
        .ipv6(address("fe80::1").octets(), address("fe80::2").octets(), 64)
        .udp(547, 546)
        .write(&mut frame, &payload)
        .expect("fits");
    frame
}

/// An advertise that breaks nothing, to the host that asks.
fn advertise(solicitor: &Solicitor, ia: &Ia) -> dhcp6::Message {
    let solicit = solicitor.questions().remove(2);
    let question = dhcp6::Message::decode(&solicit[62..]).expect("a message");
    let mut answer = dhcp6::Message::answer_to(&question, dhcp6::MessageType::Advertise);
    let server = Duid::link_layer(ROUTER);
    answer
        .options
        .push(dhcp6::code::SERVER_ID, server.as_bytes())
        .push_ia(ia)
        .push_addresses(dhcp6::code::DNS_SERVERS, &[address("2001:db8::53")]);
    answer
}

fn association(t1: u32, t2: u32, preferred: u32, valid: u32) -> Ia {
    let mut ia = Ia::new(IaKind::Addresses, 1);
    (ia.t1, ia.t2) = (t1, t2);
    let leased = IaAddress::new(address("2001:db8:77::20"), preferred, valid);
    ia.options.push_address(&leased);
    ia
}

fn advertised(ia: &Ia, change: impl FnOnce(&mut dhcp6::Message)) -> Report {
    let settings = settings(true);
    let mut message = advertise(&settings.solicitor, ia);
    change(&mut message);
    let mut audit = Audit::new(settings);
    audit.questions(Duration::ZERO);
    audit.hear(seconds(0.1), &dhcp6_frame(&message));
    audit.report(seconds(1.0), 0)
}

#[test]
fn a_dhcpv6_server_that_does_all_right_breaks_nothing_and_is_told_whole() {
    let report = advertised(&association(300, 480, 600, 900), |_| ());
    assert_eq!(report.breaches, []);
    let text = report.to_string();
    for line in [
        "DHCPv6 server fe80::1 (02:00:00:00:00:01)",
        "1 ADVERTISE",
        "leases           2001:db8:77::20",
        "resolvers        2001:db8::53",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn what_a_dhcpv6_server_breaks_is_told_each_by_its_requirement() {
    let sound = association(300, 480, 600, 900);
    let of = |ia: &Ia, change: fn(&mut dhcp6::Options)| {
        names(&advertised(ia, |message| change(&mut message.options)).breaches)
    };
    assert_eq!(
        of(&association(480, 300, 600, 900), |_| ()),
        ["dhcp6-timers"]
    );
    assert_eq!(
        of(&association(300, 480, 900, 600), |_| ()),
        ["dhcp6-lifetimes"]
    );
    assert_eq!(
        of(&sound, |o| _ = o.remove(dhcp6::code::SERVER_ID)),
        ["dhcp6-identifiers"]
    );
    assert_eq!(
        of(&sound, |o| _ = o.remove(dhcp6::code::CLIENT_ID)),
        ["dhcp6-identifiers"]
    );
    assert_eq!(
        of(&sound, |o| _ = o.push(dhcp6::code::PREFERENCE, [1, 2])),
        ["dhcp6-option"]
    );
}

// RFC 7084, L-8 and L-9.
#[test]
fn flags_that_promise_what_nobody_serves_and_service_that_no_flag_promises_are_told() {
    let managed = RouterAdvertisement {
        managed: true,
        ..body()
    };
    let mut promised = Audit::new(settings(true));
    promised.questions(Duration::ZERO);
    promised.hear(seconds(0.2), &advertisement(managed, sound_options()));
    let report = promised.report(seconds(30.0), 0);
    assert_eq!(names(&report.breaches), ["dhcp6-flags"]);

    let settings = settings(true);
    let message = advertise(&settings.solicitor, &association(300, 480, 600, 900));
    let mut unasked = Audit::new(settings);
    unasked.questions(Duration::ZERO);
    unasked.hear(seconds(0.2), &advertisement(body(), sound_options()));
    unasked.hear(seconds(0.3), &dhcp6_frame(&message));
    let report = unasked.report(seconds(30.0), 0);
    assert_eq!(names(&report.breaches), ["dhcp6-flags"]);
}

#[test]
fn every_requirement_is_one_that_something_here_breaks() {
    let source = include_str!("tests.rs");
    for requirement in req::ALL {
        let is_tested = source.contains(&format!("\"{}\"", requirement.name));
        // Told by the same code as others of their kind.
        let by_count = ["ra-often", "dhcp-several-servers", "dhcp6-several-servers"];
        let by_option = ["ra-option", "dhcp6-readable"];
        assert!(
            is_tested
                || by_count.contains(&requirement.name)
                || by_option.contains(&requirement.name),
            "{}",
            requirement.name
        );
    }
}

#[test]
fn a_report_as_json_has_its_schema_and_all_parts() {
    let report = audit().report(seconds(1.0), 0);
    let json = serde_json::to_value(&report).expect("json");
    assert_eq!(json["schema"], 1);
    for part in ["routers", "dhcp_servers", "dhcp6_servers", "breaches"] {
        assert!(json[part].is_array(), "{part}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_heard_without_panic(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
    ) {
        let mut audit = Audit::new(settings(true));
        for frame in &frames {
            audit.hear(Duration::ZERO, frame);
        }
        let _ = audit.report(Duration::from_secs(1), 0).to_string();
    }

    #[test]
    fn an_advertisement_or_offer_spoilt_anywhere_is_heard_without_panic(
        offset in 0_usize..400, value: u8, which in 0_usize..3,
    ) {
        let settings = settings(true);
        let mut frame = match which {
            0 => advertisement(body(), sound_options()),
            1 => dhcp_frame(&offer(&settings.solicitor), Mac::BROADCAST),
            _ => dhcp6_frame(&advertise(&settings.solicitor, &association(1, 2, 3, 4))),
        };
        if let Some(byte) = frame.get_mut(offset) {
            *byte = value;
        }
        let mut audit = Audit::new(settings);
        audit.hear(Duration::ZERO, &frame);
        let _ = audit.report(Duration::from_secs(1), 0).to_string();
    }
}
