//! What is refused, and why; and that what is written reads back.

mod options;

use super::*;
use crate::{MessageKind, Remark, RemarkReason};

const ROUTER: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);
const HOST: Mac = Mac([2, 0, 0x5e, 0x10, 0, 50]);
/// Where a message stands in a packet without extension headers, and where the options of a router advertisement.
const MESSAGE: usize = 40;
const OPTIONS: usize = MESSAGE + 16;

fn address(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').expect("a prefix");
    let length = length.parse().expect("a length");
    Prefix::new(address.parse().expect("an address"), length).expect("a prefix")
}

fn advertisement(options: Vec<NdOption>) -> Packet {
    let body = RouterAdvertisement {
        lifetime: 1800,
        ..RouterAdvertisement::default()
    };
    Packet::router_advertisement(ROUTER, address("fe80::1"), body, options)
}

/// The packet of a message of bytes, with the right checksum.
fn packet_of(source: &str, destination: &str, message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; headers::IPV6_LEN];
    bytes.extend(message);
    headers::finish(&mut bytes, address(source), address(destination));
    bytes
}

/// A router advertisement with the options of these bytes.
fn with_options(options: &[u8]) -> Vec<u8> {
    let fixed = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    packet_of("fe80::1", "ff02::1", &[&fixed, options].concat())
}

#[track_caller]
fn refused(bytes: &[u8]) -> (Reason, usize) {
    let refused = Packet::decode(bytes).expect_err("a refusal");
    (refused.reason, refused.offset)
}

/// Which option was passed over, where it stands, and why.
type Passed = (Option<u8>, usize, RemarkReason);

/// The options of a router advertisement, and what was passed over.
fn read(options: &[u8]) -> (Vec<NdOption>, Vec<Passed>) {
    let packet = Packet::decode(&with_options(options)).expect("a valid packet");
    let remark = |it: &Remark| (it.option, it.offset, it.reason);
    let remarks = packet.message.notes.remarks().iter().map(remark).collect();
    (packet.message.options, remarks)
}

// RFC 4861, 6.1.2: a router speaks from a link-local address, or is not heard.
#[test]
fn an_advertisement_from_a_global_address_is_refused() {
    let bytes = packet_of("2001:db8::1", "ff02::1", &with_options(&[])[MESSAGE..]);
    let source = address("2001:db8::1");
    assert_eq!(refused(&bytes), (Reason::SourceNotLinkLocal(source), 8));
}

// RFC 4861, 6.1.2: a message with a hop limit other than 255 is discarded.
#[test]
fn a_message_that_a_router_could_have_forwarded_is_refused() {
    for kind in [133, 134, 135, 136, 137] {
        let mut message = vec![0; 40];
        message[0] = kind;
        let mut bytes = packet_of("fe80::1", "ff02::1", &message);
        for hop_limit in [0, 1, 64, 254] {
            bytes[7] = hop_limit;
            assert_eq!(refused(&bytes), (Reason::HopLimit(hop_limit), 7));
        }
    }
}

// RFC 4861, 6.1.2: a message with a wrong checksum is discarded.
// RFC 4443, 2.3: the checksum is over a pseudo-header of addresses, length and next header, and the message.
#[test]
fn whatever_bit_of_addresses_or_message_is_flipped_the_checksum_tells() {
    let whole = advertisement(vec![NdOption::Mtu(1500)]).encode();
    for bit in 8 * 8..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // A type that is none of neighbour discovery is somebody else's; others are told by the checksum.
        let (reason, _) = refused(&bytes);
        let is_told = matches!(reason, Reason::Checksum { .. });
        assert!(is_told || bit / 8 == MESSAGE, "bit {bit}: {reason}");
    }
}

// RFC 4861, 6.1.2: a message with a code other than 0 is discarded.
#[test]
fn a_message_of_another_code_is_refused() {
    let mut message = with_options(&[])[MESSAGE..].to_vec();
    message[1] = 7;
    let bytes = packet_of("fe80::1", "ff02::1", &message);
    assert_eq!(refused(&bytes), (Reason::Code(7), MESSAGE + 1));
}

// RFC 4861, 6.1.2: a message without all of its fixed fields is discarded.
#[test]
fn a_message_that_ends_within_its_fixed_fields_is_refused() {
    for kind in MessageKind::ALL {
        for length in 4..kind.least_length() {
            let mut message = vec![0; length];
            message[0] = kind.number();
            let least = kind.least_length();
            let wanted = (Reason::TooShort { length, least }, MESSAGE);
            assert_eq!(refused(&packet_of("fe80::1", "ff02::1", &message)), wanted);
        }
    }
}

// RFC 4861, 4.6: a message with an option of length 0 is discarded.
#[test]
fn a_message_with_an_option_of_length_0_is_refused_wherever_it_stands() {
    let mtu = [5, 1, 0, 0, 0, 0, 5, 220];
    let zero = [200, 0, 0, 0, 0, 0, 0, 0];
    let wanted = |offset| (Reason::ZeroLengthOption(200), offset);
    assert_eq!(refused(&with_options(&zero)), wanted(OPTIONS));
    let behind = [mtu, zero, mtu].concat();
    assert_eq!(refused(&with_options(&behind)), wanted(OPTIONS + 8));
    // Also behind all that are kept.
    let far = [mtu.repeat(300), zero.to_vec()].concat();
    assert_eq!(refused(&with_options(&far)), wanted(OPTIONS + 2400));
}

// RFC 6980, 5: neighbour discovery in a packet with a fragment header is ignored.
#[test]
fn a_fragmented_message_is_refused_even_when_it_is_whole() {
    let whole = with_options(&[]);
    let mut bytes = whole[..MESSAGE].to_vec();
    bytes[6] = 44;
    bytes[5] += 8;
    bytes.extend([58, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend(&whole[MESSAGE..]);
    assert_eq!(refused(&bytes), (Reason::Fragmented, 40));
    // Its second half could be anything's.
    bytes[43] = 8;
    assert_eq!(refused(&bytes).0, Reason::NotNeighbourDiscovery);
}

// RFC 4861, 7.1.1: a question from :: with a source link-layer address is discarded.
// RFC 4861, 7.1.1: a question from :: is for a solicited-node group, or is discarded.
// RFC 4861, 7.1.1: a message about a group is discarded.
#[test]
fn what_a_neighbour_solicitation_must_not_be_is_refused() {
    let about = |target: &str, options: &[u8]| {
        let fixed = [135, 0, 0, 0, 0, 0, 0, 0];
        [&fixed, address(target).octets().as_slice(), options].concat()
    };
    let link_layer = [1, 1, 2, 0, 0x5e, 0x10, 0, 50];
    let group = "ff02::1:ff00:50";
    let bytes = packet_of("::", group, &about("fe80::50", &link_layer));
    let wanted = (Reason::UnspecifiedSourceWithLinkLayer, MESSAGE + 24);
    assert_eq!(refused(&bytes), wanted);
    let bytes = packet_of("::", "ff02::1", &about("fe80::50", &[]));
    let wanted = Reason::UnspecifiedSourceToOther(ALL_NODES);
    assert_eq!(refused(&bytes), (wanted, 24));
    let bytes = packet_of("fe80::1", group, &about("ff02::50", &link_layer));
    let wanted = Reason::MulticastTarget(address("ff02::50"));
    assert_eq!(refused(&bytes), (wanted, MESSAGE + 8));
    let asked = Packet::decode(&packet_of("::", group, &about("fe80::50", &[])));
    let own = Packet::duplicate_address_detection(HOST, address("fe80::50"));
    assert_eq!(asked.map(|it| it.message), Ok(own.message));
    assert_eq!(own.destination, address(group));
    let solicitation = [&[133, 0, 0, 0, 0, 0, 0, 0], link_layer.as_slice()].concat();
    let wanted = (Reason::UnspecifiedSourceWithLinkLayer, MESSAGE + 8);
    assert_eq!(refused(&packet_of("::", "ff02::2", &solicitation)), wanted);
}

// RFC 4861, 7.1.2: an advertisement to a group with the solicited flag is discarded.
#[test]
fn an_answer_to_everybody_is_refused_unless_nobody_asked() {
    let message = |flags| {
        let target = address("fe80::50").octets();
        [&[136, 0, 0, 0, flags, 0, 0, 0], target.as_slice()].concat()
    };
    let bytes = packet_of("fe80::50", "ff02::1", &message(0x60));
    let wanted = Reason::SolicitedToMulticast(ALL_NODES);
    assert_eq!(refused(&bytes), (wanted, MESSAGE + 4));
    for (flags, destination) in [(0x20, "ff02::1"), (0xe0, "fe80::1")] {
        let bytes = packet_of("fe80::50", destination, &message(flags));
        let packet = Packet::decode(&bytes).expect("valid");
        let Body::NeighbourAdvertisement(body) = packet.message.body else {
            panic!("{packet:?}");
        };
        let read = (body.router, body.solicited, body.override_);
        assert_eq!(read, (flags & 0x80 != 0, flags & 0x40 != 0, true));
    }
}

// RFC 4861, 8.1: a redirect is to a link-local address or to the destination itself.
#[test]
fn a_redirect_that_cannot_be_is_refused() {
    let message = |target: &str, destination: &str| {
        let fixed = [137, 0, 0, 0, 0, 0, 0, 0];
        let (target, destination) = (address(target).octets(), address(destination).octets());
        [fixed.as_slice(), &target, &destination].concat()
    };
    for (target, destination, is_valid) in [
        ("fe80::2", "2001:db8::9", true),
        ("2001:db8::9", "2001:db8::9", true),
        ("2001:db8::8", "2001:db8::9", false),
        ("fe80::2", "ff0e::9", false),
    ] {
        let bytes = packet_of("fe80::1", "fe80::50", &message(target, destination));
        assert_eq!(Packet::decode(&bytes).is_ok(), is_valid, "{target}");
    }
    let bytes = packet_of(
        "2001:db8::1",
        "fe80::50",
        &message("fe80::2", "2001:db8::9"),
    );
    assert!(matches!(refused(&bytes).0, Reason::SourceNotLinkLocal(_)));
}

#[test]
fn nobody_speaks_from_a_group_or_from_the_loopback_address() {
    for source in ["ff02::1", "::1"] {
        let bytes = packet_of(source, "ff02::2", &[133, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(refused(&bytes), (Reason::SourceAddress(address(source)), 8));
    }
}

#[test]
fn headers_before_the_message_are_walked_and_a_packet_that_is_cut_is_refused() {
    let whole = with_options(&[5, 1, 0, 0, 0, 0, 5, 220]);
    let mut bytes = whole[..MESSAGE].to_vec();
    bytes[6] = 0;
    bytes[5] += 8 + 16;
    // Hop-by-hop options with a router alert, then destination options with padding.
    bytes.extend([60, 0, 5, 2, 0, 0, 1, 0]);
    bytes.extend([58, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(&whole[MESSAGE..]);
    let packet = Packet::decode(&bytes).expect("valid");
    assert_eq!(packet.message.options, [NdOption::Mtu(1500)]);
    assert_eq!(packet.message.notes.offset(0), Some(OPTIONS + 24));
    for length in 0..bytes.len() {
        let (reason, offset) = refused(&bytes[..length]);
        let is_whole_header = length >= 40;
        let wanted = if is_whole_header {
            Reason::Truncated
        } else {
            Reason::NotNeighbourDiscovery
        };
        assert_eq!(reason, wanted, "{length}");
        assert!(offset <= length, "{length}: {offset}");
    }
    // What follows is the frame's padding.
    bytes.extend([0xff; 20]);
    assert!(Packet::decode(&bytes).is_ok());
}

#[test]
fn a_header_that_leads_beyond_the_packet_is_refused_where_the_packet_ends() {
    for (header, length) in [(0, 255), (60, 255), (43, 200), (51, 255)] {
        for next in [0, 51, 58] {
            let mut bytes = with_options(&[])[..MESSAGE].to_vec();
            bytes[6] = header;
            bytes.extend([next, length, 0, 0, 0, 0, 0, 0]);
            assert_eq!(refused(&bytes), (Reason::Truncated, bytes.len()));
        }
    }
}

#[test]
fn what_is_no_neighbour_discovery_is_nothing_wrong() {
    let echo = packet_of("fe80::1", "ff02::1", &[128, 0, 0, 0, 0, 0, 0, 0]);
    let mut udp = echo.clone();
    udp[6] = 17;
    let mut ipv4 = echo.clone();
    ipv4[0] = 0x45;
    for bytes in [echo, udp, ipv4, Vec::new()] {
        let (reason, _) = refused(&bytes);
        assert_eq!(reason, Reason::NotNeighbourDiscovery);
        assert!(!reason.is_malformed());
    }
    let arp = [[0xff; 12].as_slice(), &[8, 6], &[0; 46]].concat();
    let refused = Packet::from_frame(&arp).expect_err("no IPv6");
    assert_eq!(refused.reason, Reason::NotNeighbourDiscovery);
}

// RFC 6085, 3: a packet for a group may come in a frame for one host.
#[test]
fn a_group_packet_in_a_frame_for_one_host_is_read() {
    let mut sent = advertisement(Vec::new());
    sent.destination_mac = Some(HOST);
    let frame = sent.to_frame().expect("a frame");
    assert_eq!(frame[..6], HOST.octets());
    assert_eq!(Packet::from_frame(&frame), Ok(sent));
}

#[test]
fn a_refusal_says_whose_it_is_and_where_it_stands() {
    let mut frame = advertisement(Vec::new()).to_frame().expect("a frame");
    frame[14 + 7] = 64;
    let refused = Packet::from_frame(&frame).expect_err("a refusal");
    assert_eq!(
        refused.to_string(),
        "router advertisement from fe80::1 (02:00:5e:10:00:01) refused at byte 7: its hop limit is 64, not 255"
    );
    let sender = refused.sender.expect("a sender");
    assert_eq!((sender.mac, sender.destination), (Some(ROUTER), ALL_NODES));
}

// RFC 4861, 4.1: a solicitation from :: has no source link-layer address, and any other has.
#[test]
fn a_solicitation_names_its_hardware_address_only_with_an_address() {
    let from_nobody = Packet::router_solicitation(HOST, Ipv6Addr::UNSPECIFIED);
    assert_eq!(from_nobody.encode().len(), 48);
    let own = Packet::router_solicitation(HOST, address("fe80::50"));
    assert_eq!(own.message.source_link_layer(), Some(HOST));
    let frame = own.to_frame().expect("a frame");
    assert_eq!(
        frame[..14],
        [0x33, 0x33, 0, 0, 0, 2, 2, 0, 0x5e, 0x10, 0, 50, 0x86, 0xdd]
    );
    assert_eq!(frame[14 + 7], 255);
    let read = Packet::from_frame(&frame).expect("valid");
    assert_eq!(
        (read.source, read.destination),
        (address("fe80::50"), ALL_ROUTERS)
    );
    assert_eq!(read.message, own.message);
}

// RFC 9131, 4.1: a new address is told to all routers, without the override flag.
#[test]
fn a_gratuitous_advertisement_overrides_nobody_and_is_for_routers_only() {
    let told = Packet::gratuitous_advertisement(HOST, address("2001:db8::50"));
    let bytes = told.encode();
    assert_eq!((told.destination, bytes[MESSAGE + 4]), (ALL_ROUTERS, 0));
    assert_eq!(told.message.target_link_layer(), Some(HOST));
    assert!(Packet::decode(&bytes).is_ok());
}

#[test]
fn every_reason_has_its_word_in_the_list() {
    let some = [
        Reason::Truncated,
        Reason::HopLimit(1),
        Reason::Checksum { found: 0, right: 0 },
        Reason::MulticastTarget(ALL_NODES),
    ];
    assert!(
        some.iter()
            .all(|reason| Reason::WORDS.contains(&reason.as_str()))
    );
}

// RFC 6980, 5: neighbour discovery is sent in one piece.
#[test]
fn what_is_sent_has_no_header_between_the_packet_and_its_message() {
    let bytes = advertisement(vec![NdOption::Mtu(1500); 150]).encode();
    assert_eq!(bytes[6], 58);
    assert!(Packet::decode(&bytes).is_ok());
}
