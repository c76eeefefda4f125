use etherparse::{
    Ipv6ExtensionsSlice, Ipv6FragmentHeader, Ipv6RawExtHeader, NetHeaders, PacketHeaders,
    TransportHeader,
};
use proptest::prelude::*;

use super::*;

const CLIENT: Mac = Mac([2, 0, 0, 0, 0, 7]);
const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 1]);
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);
const ROUTERS: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

fn from_router() -> Ends6 {
    Ends6::to_group(ROUTER, ROUTERS, ALL_NODES)
}

fn advertisement() -> Vec<u8> {
    let mut message = vec![0; 16];
    message[0] = ROUTER_ADVERTISEMENT;
    message[6] = 7;
    message
}

/// A frame from the router whose IPv6 header names `next`, and is followed by these bytes.
fn frame(next: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("short").to_be_bytes();
    [
        &group_mac(ALL_NODES).octets()[..],
        &ROUTER.octets(),
        &[0x86, 0xdd, 0x60, 0, 0, 0],
        &length,
        &[next, 255],
        &ROUTERS.octets(),
        &ALL_NODES.octets(),
        bytes,
    ]
    .concat()
}

fn parsed(frame: &[u8]) -> Option<Frame6> {
    Frame6::parse(frame, Summing::Done, Instant::now())
}

fn packet(frame: &[u8]) -> Option<Packet6> {
    Packet6::from_frame(frame, Instant::now())
}

#[test]
fn an_advertisement_is_read_as_it_was_written_and_an_independent_decoder_agrees() {
    let frame = discovery_frame(&from_router(), &advertisement()).expect("fits");
    let Some(Frame6::Discovery(kind, packet)) = parsed(&frame) else {
        panic!("no advertisement")
    };
    assert_eq!(kind, ROUTER_ADVERTISEMENT);
    assert!(packet.is_sound && !packet.is_fragment);
    assert_eq!((packet.link_source, packet.hop_limit), (ROUTER, 255));
    assert_eq!(packet.link_destination, Mac([0x33, 0x33, 0, 0, 0, 1]));
    assert_eq!((packet.source, packet.destination), (ROUTERS, ALL_NODES));
    assert_eq!(packet.frame, frame);
    assert_eq!(packet.content()[4..], advertisement()[4..]);

    let headers = PacketHeaders::from_ethernet_slice(&frame).expect("parses");
    let (Some(NetHeaders::Ipv6(ip, _)), Some(TransportHeader::Icmpv6(icmp))) =
        (headers.net, headers.transport)
    else {
        panic!("no ICMPv6")
    };
    let expected = icmp
        .icmp_type
        .calc_checksum(ip.source, ip.destination, headers.payload.slice());
    assert_eq!(Ok(icmp.checksum), expected);
}

#[test]
fn a_wrong_checksum_is_told_and_not_hidden() {
    let mut frame = discovery_frame(&from_router(), &advertisement()).expect("fits");
    frame[14 + 40 + 6] ^= 1;
    assert_eq!(packet(&frame).map(|packet| packet.is_sound), Some(false));
    let mut datagram = dhcp6_frame(&from_router(), b"reply").expect("fits");
    datagram[14 + 40 + 2..][..2].copy_from_slice(&DHCP6_CLIENT_PORT.to_be_bytes());
    let swapped = packet(&datagram).expect("for clients");
    assert!(
        !swapped.is_sound,
        "the port was changed after the sum was made"
    );
    // Where the hardware would have put one in, there is nothing to be judged.
    let pending = Frame6::parse(&datagram, Summing::Pending, Instant::now());
    assert!(matches!(pending, Some(Frame6::Dhcp(packet)) if packet.is_sound));
    // A datagram without a checksum, which only IPv4 allows.
    datagram[14 + 40 + 6..][..2].fill(0);
    assert_eq!(packet(&datagram).map(|packet| packet.is_sound), Some(false));
}

#[test]
fn a_datagram_for_clients_is_taken_without_the_padding_of_its_frame_and_others_are_not() {
    let datagram = |port: u16| {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2(ROUTER.octets(), CLIENT.octets())
            .ipv6(ROUTERS.octets(), LINK_LOCAL.octets(), 1)
            .udp(DHCP6_SERVER_PORT, port)
            .write(&mut frame, b"rep")
            .expect("fits");
        frame.resize(80, 0xee);
        frame
    };
    let read = parsed(&datagram(DHCP6_CLIENT_PORT));
    let Some(Frame6::Dhcp(packet)) = read else {
        panic!("no datagram")
    };
    assert_eq!(packet.content(), b"rep");
    assert!(packet.is_sound);
    assert_eq!((packet.link_destination, packet.hop_limit), (CLIENT, 1));
    assert_eq!(parsed(&datagram(DHCP6_SERVER_PORT)), None);
}

#[test]
fn messages_behind_extension_headers_are_found_and_of_fragments_the_first_is_told() {
    let message = advertisement();
    let mut options = Vec::new();
    Ipv6RawExtHeader::new_raw(IpNumber::IPV6_ICMP, &[1, 4, 0, 0, 0, 0])
        .expect("fits")
        .write(&mut options)
        .expect("written");
    let behind = packet(&frame(60, &[&options[..], &message].concat())).expect("found");
    assert_eq!(behind.content(), message);
    let fragment = |offset: u16| {
        let header = Ipv6FragmentHeader::new(
            IpNumber::IPV6_ICMP,
            offset.try_into().expect("small"),
            true,
            7,
        );
        frame(44, &[&header.to_bytes()[..], &message].concat())
    };
    let first = packet(&fragment(0)).expect("told");
    assert!(first.is_fragment && !first.is_sound);
    assert_eq!(first.content(), message);
    assert_eq!(packet(&fragment(3)), None);
}

#[test]
fn other_messages_other_protocols_and_what_is_cut_short_are_not_taken() {
    let mut echo = advertisement();
    echo[0] = 128;
    let mut ipv4 = frame(58, &advertisement());
    ipv4[12..14].copy_from_slice(&[8, 0]);
    for other in [
        frame(58, &echo),
        frame(58, &[]),
        frame(6, &advertisement()),
        ipv4,
    ] {
        assert_eq!(parsed(&other), None);
    }
    let whole = discovery_frame(&from_router(), &advertisement()).expect("fits");
    for length in 0..whole.len() {
        assert_eq!(parsed(&whole[..length]), None, "{length} bytes");
    }
}

#[test]
fn a_message_of_a_client_to_servers_has_its_ports_and_a_frame_must_be_the_clients() {
    let servers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
    let ends = Ends6::to_group(CLIENT, LINK_LOCAL, servers);
    let frame = dhcp6_frame(&ends, b"solicit").expect("fits");
    let headers = PacketHeaders::from_ethernet_slice(&frame).expect("parses");
    let (Some(NetHeaders::Ipv6(ip, _)), Some(TransportHeader::Udp(udp))) =
        (headers.net, headers.transport)
    else {
        panic!("no UDP")
    };
    assert_eq!((udp.source_port, udp.destination_port), (546, 547));
    assert_eq!(Ok(udp.checksum), udp.calc_checksum_ipv6(&ip, b"solicit"));
    assert_eq!(frame[..6], [0x33, 0x33, 0, 1, 0, 2]);
    check_frame(CLIENT, &frame).expect("the client's");
    let refused = check_frame(ROUTER, &frame).expect_err("another's");
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    check_frame(CLIENT, &frame[..9]).expect_err("no frame");
    let mut ipv4 = frame;
    ipv4[12..14].copy_from_slice(&[8, 0]);
    check_frame(CLIENT, &ipv4).expect_err("no IPv6");
    assert_eq!(discovery_frame(&ends, &[1, 2, 3]), None);
}

#[test]
fn whom_a_message_is_about_stands_behind_its_header() {
    let mut message = vec![0; 24];
    message[TARGET].copy_from_slice(&LINK_LOCAL.octets());
    assert_eq!(target(&message), Some(LINK_LOCAL));
    assert_eq!(target(&message[..23]), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(
        next in prop::sample::select(vec![0_u8, 6, 17, 43, 44, 51, 58, 60]),
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        cut in any::<prop::sample::Index>(),
    ) {
        let _ = parsed(&bytes);
        let whole = frame(next, &bytes);
        let _ = Ipv6ExtensionsSlice::from_slice_lax(IpNumber(next), &bytes);
        let _ = parsed(&whole);
        let _ = parsed(&whole[..cut.index(whole.len())]);
    }
}
