//! What DHCP servers say.

use std::net::Ipv4Addr;

use etherparse::PacketBuilder;
use lanherd_dhcp::{Message, MessageType, Op, code};
use lanherd_ndp::options::Pref64;

use super::*;

/// A DHCP message of a server, as a frame for everybody.
pub(super) fn dhcp_frame(message: &Message, destination: Mac) -> Vec<u8> {
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
pub(super) fn offer(solicitor: &Solicitor) -> Message {
    let discover = solicitor.discover().expect("a frame");
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

#[test]
fn a_message_that_is_no_reply_is_no_servers() {
    let breaches = offered(|message| {
        message.op = Op::Request;
        message.options.remove(code::SERVER_ID);
    });
    assert_eq!(breaches, []);
}

#[test]
fn two_servers_that_offer_are_told() {
    let settings = settings(true);
    let mut message = offer(&settings.solicitor);
    let mut audit = Audit::new(settings);
    audit.hear(seconds(0.1), &dhcp_frame(&message, Mac::BROADCAST));
    message.options.set(code::SERVER_ID, [192, 168, 7, 2]);
    audit.hear(seconds(0.2), &dhcp_frame(&message, Mac::BROADCAST));
    let report = audit.report(seconds(1.0), 0);
    assert_eq!(report.dhcp_servers.len(), 2);
    assert_eq!(names(&report.breaches), ["dhcp-several-servers"]);
}

// RFC 8925 and RFC 8781.
#[test]
fn hosts_are_not_to_do_without_ipv4_where_no_nat64_is_advertised() {
    let with = |more: Vec<NdOption>| {
        let settings = settings(true);
        let mut message = offer(&settings.solicitor);
        message.options.push(code::V6_ONLY, 1800_u32.to_be_bytes());
        let mut audit = Audit::new(settings);
        audit.questions(Duration::ZERO);
        audit.hear(seconds(0.1), &dhcp_frame(&message, Mac::BROADCAST));
        let options = [sound_options(), more].concat();
        audit.hear(seconds(0.2), &advertisement(body(), options));
        names(&audit.report(seconds(1.0), 0).breaches)
    };
    assert_eq!(with(vec![]), ["dhcp-ipv6-only"]);
    let nat64 = |lifetime| {
        NdOption::Pref64(Pref64 {
            prefix: Prefix::new(address("64:ff9b::"), 96).expect("a prefix"),
            lifetime: Lifetime::from_secs(lifetime),
        })
    };
    assert_eq!(with(vec![nat64(1800)]), [""; 0]);
    assert_eq!(with(vec![nat64(0)]), ["dhcp-ipv6-only"]);
}
