//! What is refused, and why; what every option says, byte by byte; and that what is written reads back.

use std::time::Duration;

use super::*;
use crate::options::{
    EncryptedDns, Pref64, Preference, PrefixInformation, Resolvers, RouteInformation, SearchList,
};
use crate::{Lifetime, MessageKind, Remark, RemarkReason};

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

// RFC 4861, 6.1.2: unknown options are passed over, and a malformed one costs itself alone.
#[test]
fn options_that_are_not_known_are_kept_as_they_stand_and_malformed_ones_are_named() {
    let unknown = [200, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
    let long_link_layer = [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mtu = [5, 1, 0, 0, 0, 0, 5, 220];
    let (options, remarks) = read(&[&unknown[..], &long_link_layer, &mtu].concat());
    let other = NdOption::Other {
        code: 200,
        value: (1..=14).collect(),
    };
    assert_eq!(options, [other, NdOption::Mtu(1500)]);
    assert_eq!(remarks, [(Some(1), OPTIONS + 16, RemarkReason::Length)]);
}

/// For each type of option lengths, in units of 8 bytes, that it cannot have.
const WRONG_LENGTHS: [(u8, &[usize]); 9] = [
    (code::SOURCE_LINK_LAYER, &[2, 3, 255]),
    (code::PREFIX, &[1, 2, 3, 5]),
    (code::MTU, &[2, 3]),
    (code::ROUTE, &[4, 5]),
    (code::RESOLVERS, &[1, 2, 4, 6]),
    (code::SEARCH_LIST, &[1]),
    (code::PREF64, &[1, 3]),
    (code::ENCRYPTED_DNS, &[1]),
    (code::TARGET_LINK_LAYER, &[]),
];

// RFC 4861, 6.1.2: unknown options are passed over, and a malformed one costs itself alone.
// RFC 8781, 4: the option has 16 bytes, or it is ignored.
// RFC 8106, 5.3.1: a search list has room for a name, or it is discarded.
#[test]
fn known_options_of_a_wrong_length_are_named_each_with_its_place() {
    for (code, lengths) in WRONG_LENGTHS {
        for &units in lengths {
            let mut option = vec![0; units * 8];
            option[0] = code;
            option[1] = u8::try_from(units).expect("a length");
            let wanted = (Some(code), OPTIONS + 8, RemarkReason::Length);
            let all = [&[5, 1, 0, 0, 0, 0, 5, 220], option.as_slice()].concat();
            assert_eq!(
                read(&all),
                (vec![NdOption::Mtu(1500)], vec![wanted]),
                "{code}: {units}"
            );
        }
    }
}

// RFC 4861, 4.6.1: an option that does not belong into a message is ignored.
#[test]
fn an_option_of_another_message_is_passed_over() {
    let (options, remarks) = read(&[2, 1, 2, 0, 0x5e, 0x10, 0, 50]);
    assert_eq!(options, []);
    assert_eq!(remarks, [(Some(2), OPTIONS, RemarkReason::Misplaced)]);
    let fixed = [135, 0, 0, 0, 0, 0, 0, 0];
    let mtu = [5, 1, 0, 0, 0, 0, 5, 220];
    let message = [&fixed, address("fe80::50").octets().as_slice(), &mtu].concat();
    let packet = Packet::decode(&packet_of("fe80::1", "fe80::50", &message)).expect("valid");
    assert_eq!(
        packet.message.notes.remarks()[0].reason,
        RemarkReason::Misplaced
    );
}

// RFC 4861, 4.6.2: bits of a prefix beyond its length are ignored.
// RFC 4861, 4.6.2: a lifetime of 0xffffffff does not end.
#[test]
fn a_prefix_has_its_flags_its_lifetimes_and_no_bits_beyond_its_length() {
    let mut option = vec![
        3,
        4,
        64,
        0x80 | 0x40 | 0x10,
        0,
        0,
        0,
        100,
        0xff,
        0xff,
        0xff,
        0xff,
        0,
        0,
        0,
        0,
    ];
    option.extend(address("2001:db8:77::").octets());
    let information = PrefixInformation {
        prefix: prefix("2001:db8:77::/64"),
        on_link: true,
        autonomous: true,
        router_address: false,
        delegation_preferred: true,
        valid: Lifetime::from_secs(100),
        preferred: Lifetime::INFINITE,
    };
    assert_eq!(information.valid.duration(), Some(Duration::from_secs(100)));
    assert_eq!(information.preferred.duration(), None);
    let whole = NdOption::Prefix(information);
    assert_eq!(read(&option), (vec![whole.clone()], vec![]));
    option[31] = 1;
    let remark = (Some(3), OPTIONS, RemarkReason::HostBits);
    assert_eq!(read(&option), (vec![whole], vec![remark]));
    // With the R flag the whole address is meant.
    option[3] |= 0x20;
    assert_eq!(read(&option).1, []);
    option[2] = 129;
    assert_eq!(
        read(&option),
        (vec![], vec![(Some(3), OPTIONS, RemarkReason::Value)])
    );
}

// RFC 4191, 2.3: a route's option has room for its prefix, or it is ignored.
// RFC 4191, 2.3: a route of the reserved preference is ignored.
#[test]
fn a_route_is_as_long_as_its_prefix_needs() {
    let header = |units, length, flags| vec![24, units, length, flags, 0, 0, 7, 8];
    let route = |text, preference| {
        NdOption::Route(RouteInformation {
            prefix: prefix(text),
            preference,
            lifetime: Lifetime::from_secs(1800),
        })
    };
    let octets = address("2001:db8:99::").octets();
    let default = route("::/0", Preference::High);
    assert_eq!(read(&header(1, 0, 0x08)).0, vec![default.clone()]);
    assert_eq!(
        read(&[header(3, 0, 0x08), vec![0; 16]].concat()).0,
        [default]
    );
    let short = [header(2, 48, 0x18), octets[..8].to_vec()].concat();
    assert_eq!(
        read(&short),
        (vec![route("2001:db8:99::/48", Preference::Low)], vec![])
    );
    for (option, reason) in [
        (header(1, 48, 0), RemarkReason::Length),
        (
            [header(2, 65, 0), octets[..8].to_vec()].concat(),
            RemarkReason::Length,
        ),
        (
            [header(2, 48, 0x10), octets[..8].to_vec()].concat(),
            RemarkReason::Value,
        ),
        (
            [header(3, 129, 0), octets.to_vec()].concat(),
            RemarkReason::Value,
        ),
    ] {
        let remark = (Some(24), OPTIONS, reason);
        assert_eq!(read(&option), (vec![], vec![remark]), "{option:?}");
    }
}

// RFC 8106, 5.3.1: resolvers are unicast addresses in an option of odd length, or it is discarded.
#[test]
fn resolvers_are_hosts() {
    let of = |servers: &[&str]| {
        let units = u8::try_from(1 + 2 * servers.len()).expect("a length");
        let octets = servers.iter().flat_map(|server| address(server).octets());
        [vec![25, units, 0, 0, 0, 0, 7, 8], octets.collect()].concat()
    };
    let resolvers = |servers: &[&str]| {
        NdOption::Resolvers(Resolvers {
            lifetime: Lifetime::from_secs(1800),
            servers: servers.iter().map(|server| address(server)).collect(),
        })
    };
    let four = ["2001:db8::1", "fe80::1", "2001:db8::3", "2001:db8::4"];
    assert_eq!(read(&of(&four)), (vec![resolvers(&four)], vec![]));
    let remark = (Some(25), OPTIONS, RemarkReason::Value);
    let partly = of(&["ff02::fb", "2001:db8::1"]);
    assert_eq!(
        read(&partly),
        (vec![resolvers(&["2001:db8::1"])], vec![remark])
    );
    for nobody in ["::", "::1", "ff02::fb", "::ffff:192.0.2.1"] {
        assert_eq!(read(&of(&[nobody])), (vec![], vec![remark]));
    }
}

// RFC 8106, 5.2: names of a search list are not compressed, and are padded with zeros.
#[test]
fn a_search_list_keeps_the_names_that_are_some() {
    let list = [
        b"\x1f\x04\0\0\0\0\x07\x08".as_slice(),
        b"\x03lan\x04test\0\x03a b\0\0\0\0\0\0\0\0\0\0",
    ]
    .concat();
    let names = NdOption::SearchList(SearchList {
        lifetime: Lifetime::from_secs(1800),
        names: vec!["lan.test".to_owned()],
    });
    let remark = (Some(31), OPTIONS, RemarkReason::Value);
    assert_eq!(read(&list), (vec![names], vec![remark]));
    let nothing = [b"\x1f\x02\0\0\0\0\x07\x08".as_slice(), &[0; 8]].concat();
    assert_eq!(read(&nothing), (vec![], vec![remark]));
}

// RFC 8910, 2.3: the URI of a captive portal is padded with zeros, and need not end with one.
#[test]
fn a_captive_portal_is_a_printable_text() {
    let portal = |text: &str| NdOption::CaptivePortal(text.to_owned());
    assert_eq!(
        read(b"\x25\x02https://a.b\0\0\0"),
        (vec![portal("https://a.b")], vec![])
    );
    assert_eq!(
        read(b"\x25\x02https://ab.cde").0,
        [portal("https://ab.cde")]
    );
    for bad in [
        b"\x25\x01\0\0\0\0\0\0",
        b"\x25\x01a\nb\0\0\0",
        b"\x25\x01a\0b\0\0\0",
    ] {
        let remark = (Some(37), OPTIONS, RemarkReason::Value);
        assert_eq!(read(bad), (vec![], vec![remark]), "{bad:?}");
    }
    let long = [vec![37, 33], vec![b'a'; 256], vec![0; 6]].concat();
    assert_eq!(
        read(&long).1,
        [(Some(37), OPTIONS, RemarkReason::OverLimit)]
    );
}

// RFC 8781, 4: the prefix has one of six lengths, or the option is ignored.
// RFC 8781, 4.1: the lifetime is counted in eights of seconds.
#[test]
fn a_nat64_prefix_has_one_of_six_lengths_and_a_lifetime_in_eights_of_seconds() {
    let octets = address("64:ff9b::").octets();
    for (code, length) in (0_u8..).zip(Pref64::LENGTHS) {
        let option = [&[38, 2, 0x01, 0x40 | code], &octets[..12]].concat();
        let wanted = NdOption::Pref64(Pref64 {
            prefix: prefix(&format!("64:ff9b::/{length}")),
            lifetime: Lifetime::from_secs(320),
        });
        assert_eq!(read(&option), (vec![wanted], vec![]));
    }
    for code in [6, 7] {
        let option = [&[38, 2, 0x01, 0x40 | code], &octets[..12]].concat();
        assert_eq!(
            read(&option),
            (vec![], vec![(Some(38), OPTIONS, RemarkReason::Value)])
        );
    }
    for (asked, sent) in [
        (0, 0),
        (1, 8),
        (1800, 1800),
        (1801, 1808),
        (65_528, 65_528),
        (u32::MAX, 65_528),
    ] {
        let option = NdOption::Pref64(Pref64 {
            prefix: prefix("64:ff9b::/96"),
            lifetime: Lifetime::from_secs(asked),
        });
        let read = Packet::decode(&advertisement(vec![option]).encode()).expect("valid");
        let NdOption::Pref64(pref64) = &read.message.options[0] else {
            panic!("{read:?}");
        };
        assert_eq!(pref64.lifetime.as_secs(), sent);
    }
}

// RFC 9463, 6.1: resolvers over encrypted connections have a name, and may have addresses and parameters.
#[test]
fn encrypted_resolvers_are_told_with_and_without_addresses() {
    let name_only = b"\x90\x03\0\x01\0\0\x07\x08\0\x0a\x03dns\x04test\0\0\0\0\0";
    let mut wanted = EncryptedDns {
        priority: 1,
        lifetime: Lifetime::from_secs(1800),
        name: "dns.test".to_owned(),
        addresses: Vec::new(),
        parameters: Vec::new(),
    };
    assert_eq!(
        read(name_only),
        (vec![NdOption::EncryptedDns(wanted.clone())], vec![])
    );
    wanted.addresses = vec![address("2001:db8::53"), address("fe80::53")];
    // alpn=h2 (RFC 9460, 7.1).
    wanted.parameters = b"\0\x01\0\x03\x02h2".to_vec();
    let option = NdOption::EncryptedDns(wanted);
    let bytes = advertisement(vec![option.clone()]).encode();
    assert_eq!(read(&bytes[OPTIONS..]), (vec![option], vec![]));
    for bad in [
        b"\x90\x03\0\x01\0\0\x07\x08\0\x40\x03dns\x04test\0\0\0\0\0".as_slice(),
        b"\x90\x03\0\x01\0\0\x07\x08\0\x0a\x03dns\x05test\0\0\0\0\0",
        b"\x90\x03\0\x01\0\0\x07\x08\0\x0a\x03dns\x04test\0\0\x10\0\0",
    ] {
        assert_eq!(read(bad).0, [], "{bad:?}");
        assert_eq!(read(bad).1.len(), 1, "{bad:?}");
    }
}

// RFC 4191, 2.2: the reserved preference of a router counts as medium.
// RFC 4191, 2.2: the preference of a router whose lifetime is 0 is ignored.
// RFC 4861, 6.3.4: 0 is unspecified, and changes nothing.
#[test]
fn the_fixed_fields_of_an_advertisement() {
    let fixed = |flags, lifetime| {
        let message = [
            134, 0, 0, 0, 0, flags, 0, lifetime, 0, 0, 0x75, 0x30, 0, 0, 0, 0,
        ];
        let bytes = packet_of("fe80::1", "ff02::1", &message);
        let packet = Packet::decode(&bytes).expect("valid");
        let Body::RouterAdvertisement(body) = packet.message.body else {
            panic!("{packet:?}");
        };
        (body, packet.message.notes.remarks().to_vec())
    };
    let (body, remarks) = fixed(0x80 | 0x40 | 0x20 | 0x08 | 0x04, 9);
    let wanted = RouterAdvertisement {
        hop_limit: None,
        managed: true,
        other: true,
        home_agent: true,
        proxy: true,
        preference: Preference::High,
        lifetime: 9,
        reachable: Some(Duration::from_secs(30)),
        retransmit: None,
    };
    assert_eq!((body, remarks), (wanted, vec![]));
    assert_eq!(fixed(0x18, 9).0.preference, Preference::Low);
    assert_eq!(fixed(0x18, 0).0.preference, Preference::Medium);
    let (body, remarks) = fixed(0x10, 9);
    assert_eq!(body.preference, Preference::Medium);
    let at = (remarks[0].option, remarks[0].offset, remarks[0].reason);
    assert_eq!(at, (None, MESSAGE + 5, RemarkReason::ReservedPreference));
}

#[test]
fn a_message_of_more_options_than_are_kept_is_cut_and_says_so_once() {
    let (options, remarks) = read(&[5, 1, 0, 0, 0, 0, 5, 220].repeat(300));
    let remark = (Some(5), OPTIONS + 256 * 8, RemarkReason::OverLimit);
    assert_eq!((options.len(), remarks), (256, vec![remark]));
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
