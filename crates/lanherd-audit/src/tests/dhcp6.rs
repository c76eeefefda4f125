//! What DHCPv6 servers say, and what routers say of them.

use etherparse::PacketBuilder;
use lanherd_dhcp6::{self as protocol, Duid, Ia, IaAddress, IaKind};

use super::*;

pub(super) fn dhcp6_frame(message: &protocol::Message) -> Vec<u8> {
    datagram(&message.encode().expect("a message"))
}

fn datagram(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(ROUTER.octets(), OTHER.octets())
        .ipv6(address("fe80::1").octets(), address("fe80::2").octets(), 64)
        .udp(547, 546)
        .write(&mut frame, payload)
        .expect("fits");
    frame
}

/// An advertise that breaks nothing, to the host that asks.
pub(super) fn advertise(solicitor: &Solicitor, ia: &Ia) -> protocol::Message {
    let solicit = solicitor.solicit(Duration::ZERO).expect("a frame");
    let question = protocol::Message::decode(&solicit[62..]).expect("a message");
    let mut answer = protocol::Message::answer_to(&question, protocol::MessageType::Advertise);
    let server = Duid::link_layer(ROUTER);
    answer
        .options
        .push(protocol::code::SERVER_ID, server.as_bytes())
        .push_ia(ia)
        .push_addresses(protocol::code::DNS_SERVERS, &[address("2001:db8::53")]);
    answer
}

pub(super) fn association(t1: u32, t2: u32, preferred: u32, valid: u32) -> Ia {
    let mut ia = Ia::new(IaKind::Addresses, 1);
    (ia.t1, ia.t2) = (t1, t2);
    let leased = IaAddress::new(address("2001:db8:77::20"), preferred, valid);
    ia.options.push_address(&leased);
    ia
}

fn advertised(ia: &Ia, change: impl FnOnce(&mut protocol::Message)) -> Report {
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
    let of = |ia: &Ia, change: fn(&mut protocol::Options)| {
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
        of(&sound, |o| _ = o.remove(protocol::code::SERVER_ID)),
        ["dhcp6-identifiers"]
    );
    assert_eq!(
        of(&sound, |o| _ = o.remove(protocol::code::CLIENT_ID)),
        ["dhcp6-identifiers"]
    );
    assert_eq!(
        of(&sound, |o| _ = o.push(protocol::code::PREFERENCE, [1, 2])),
        ["dhcp6-option"]
    );
}

#[test]
fn bytes_that_are_no_dhcpv6_message_are_told_of_their_sender() {
    let mut audit = audit();
    audit.hear(seconds(0.1), &datagram(&[2, 0]));
    let report = audit.report(seconds(1.0), 0);
    assert_eq!(names(&report.breaches), ["dhcp6-readable"]);
    assert_eq!(report.breaches[0].sender, "fe80::1 (02:00:00:00:00:01)");
}

#[test]
fn two_servers_that_answer_are_told() {
    let settings = settings(true);
    let mut message = advertise(&settings.solicitor, &association(300, 480, 600, 900));
    let mut audit = Audit::new(settings);
    audit.hear(seconds(0.1), &dhcp6_frame(&message));
    let other = Duid::link_layer(OTHER);
    message
        .options
        .set(protocol::code::SERVER_ID, other.as_bytes());
    audit.hear(seconds(0.2), &dhcp6_frame(&message));
    let report = audit.report(seconds(1.0), 0);
    assert_eq!(names(&report.breaches), ["dhcp6-several-servers"]);
}

// RFC 4861, 4.2.
#[test]
fn a_server_that_leases_what_no_flag_promises_is_told() {
    let settings = settings(true);
    let message = advertise(&settings.solicitor, &association(300, 480, 600, 900));
    let mut audit = Audit::new(settings);
    audit.hear(seconds(0.2), &advertisement(body(), sound_options()));
    audit.hear(seconds(0.3), &dhcp6_frame(&message));
    let report = audit.report(seconds(30.0), 0);
    assert_eq!(names(&report.breaches), ["dhcp6-unannounced"]);
}
