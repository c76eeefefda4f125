use etherparse::icmpv4::{DestUnreachableHeader, TimeExceededCode};
use etherparse::{IcmpEchoHeader, Icmpv4Slice, Icmpv6Slice, PacketBuilder};
use proptest::prelude::*;

use std::net::Ipv4Addr;

use super::*;

const CLIENT: [u8; 4] = [10, 77, 0, 10];
const TARGET: [u8; 4] = [8, 8, 8, 8];
const ROUTER: [u8; 4] = [10, 77, 0, 1];
const ECHO: EchoRequest = EchoRequest {
    target: IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)),
    source: None,
    id: 0xbeef,
    sequence: 0xff01,
    nonce: 0x0123_4567_89ab_cdef,
};
/// That of somebody else in the same namespace, with the same numbers.
const PINGS: [u8; PAYLOAD_LEN] = [0x10; PAYLOAD_LEN];

fn packet(source: [u8; 4], destination: [u8; 4], kind: Icmpv4Type, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(source, destination, 64)
        .icmpv4(kind)
        .write(&mut packet, payload)
        .expect("written");
    packet
}

fn header() -> IcmpEchoHeader {
    IcmpEchoHeader {
        id: ECHO.id,
        seq: ECHO.sequence,
    }
}

fn reply(payload: &[u8]) -> Vec<u8> {
    packet(TARGET, CLIENT, Icmpv4Type::EchoReply(header()), payload)
}

/// What a router quotes of a request: its IP header, and so many bytes of the message.
fn quoted(payload: &[u8], length: usize) -> Vec<u8> {
    let mut quoted = packet(CLIENT, TARGET, Icmpv4Type::EchoRequest(header()), payload);
    quoted.truncate(20 + length);
    quoted
}

fn unreachable(source: [u8; 4], quoted: &[u8]) -> Vec<u8> {
    let kind = Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Host);
    packet(source, CLIENT, kind, quoted)
}

fn too_late(quoted: &[u8]) -> Vec<u8> {
    let kind = Icmpv4Type::TimeExceeded(TimeExceededCode::TtlExceededInTransit);
    packet(ROUTER, CLIENT, kind, quoted)
}

/// What a packet says of [`ECHO`].
fn said(packet: &[u8]) -> Option<(Belonging, Verdict)> {
    read(packet).map(|event| (event.belongs_to(ECHO), event.verdict))
}

#[test]
fn a_request_is_one_to_an_independent_decoder() {
    let request = ECHO.message();
    let read = Icmpv4Slice::from_slice(&request).expect("a message");
    assert_eq!(read.icmp_type(), Icmpv4Type::EchoRequest(header()));
    assert_eq!(read.payload(), ECHO.payload());
    let checksum = read.header().icmp_type.calc_checksum(read.payload());
    assert_eq!(read.checksum(), checksum);
    let request = ECHO_V6.message();
    let read = Icmpv6Slice::from_slice(&request).expect("a message");
    assert_eq!(read.icmp_type(), Icmpv6Type::EchoRequest(header()));
    assert_eq!(read.payload(), ECHO.payload());
    assert_eq!(read.checksum(), 0, "it is the kernel's to set");
}

#[test]
fn each_answer_is_told_apart_and_names_its_request() {
    let sent = ECHO.payload();
    assert_eq!(said(&reply(&sent)), Some((Belonging::Own, Verdict::Reply)));
    // The least that a router quotes, all of it, and all of it with padding behind (RFC 4884).
    let mut padded = quoted(&sent, 64);
    padded.resize(128, 0);
    for quoted in [
        quoted(&sent, 8),
        quoted(&sent, 36),
        quoted(&sent, 64),
        padded,
    ] {
        for (packet, verdict) in [
            (unreachable(ROUTER, &quoted), Verdict::Unreachable),
            (unreachable(CLIENT, &quoted), Verdict::HostDown),
            (too_late(&quoted), Verdict::TimeExceeded),
        ] {
            assert_eq!(said(&packet), Some((Belonging::Own, verdict)));
        }
    }
}

#[test]
fn what_somebody_else_sent_with_the_same_numbers_is_not_ours() {
    assert_eq!(
        said(&reply(&PINGS)),
        Some((Belonging::Altered, Verdict::Reply))
    );
    let sent = ECHO.payload();
    for cut in [&sent[..55], &sent[..8], &[]] {
        assert_eq!(
            said(&reply(cut)),
            Some((Belonging::Altered, Verdict::Reply)),
            "the payload has to come back whole"
        );
    }
    for length in [8, 36, 64] {
        let error = unreachable(ROUTER, &quoted(&PINGS, length));
        assert_eq!(
            said(&error),
            Some((Belonging::Foreign, Verdict::Unreachable)),
            "{length} bytes are quoted"
        );
    }
    let sound = reply(&sent);
    let sound = read(&sound).expect("a reply");
    for other in [
        EchoRequest { id: 7, ..ECHO },
        EchoRequest {
            sequence: 7,
            ..ECHO
        },
        EchoRequest {
            target: ROUTER.into(),
            source: None,
            ..ECHO
        },
    ] {
        assert_eq!(sound.belongs_to(other), Belonging::Foreign);
    }
}

#[test]
fn what_is_cut_off_or_altered_says_nothing() {
    let sent = ECHO.payload();
    for good in [reply(&sent), unreachable(ROUTER, &quoted(&sent, 8))] {
        for length in 0..good.len() {
            assert_eq!(said(&good[..length]), None, "{length} bytes");
        }
        for at in 20..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(said(&bad), None, "byte {at}");
        }
    }
}

#[test]
fn an_error_about_something_else_than_a_request_says_nothing() {
    let answer = packet(
        CLIENT,
        TARGET,
        Icmpv4Type::EchoReply(header()),
        &ECHO.payload(),
    );
    assert_eq!(said(&unreachable(ROUTER, &answer[..28])), None);
    let good = quoted(&ECHO.payload(), 8);
    for (at, value) in [
        // UDP.
        (9, 17),
        // A later fragment, whose first bytes are not a header.
        (7, 1),
        // A header that says of itself that it is shorter than any.
        (0, 0x41),
        // IPv6.
        (0, 0x65),
    ] {
        let mut bad = good.clone();
        bad[at] = value;
        assert_eq!(said(&unreachable(ROUTER, &bad)), None, "byte {at}");
    }
    let request = packet(
        TARGET,
        CLIENT,
        Icmpv4Type::EchoRequest(header()),
        &ECHO.payload(),
    );
    assert_eq!(said(&request), None);
    let redirect = packet(
        ROUTER,
        CLIENT,
        Icmpv4Type::Unknown {
            type_u8: 5,
            code_u8: 1,
            bytes5to8: ROUTER,
        },
        &quoted(&ECHO.payload(), 64),
    );
    assert_eq!(said(&redirect), None);
}

const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);
const TARGET_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888);
const ROUTER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

const ECHO_V6: EchoRequest = EchoRequest {
    target: IpAddr::V6(TARGET_V6),
    source: None,
    ..ECHO
};

/// A message without its IP header, as the kernel hands it on.
fn message_v6(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    kind: Icmpv6Type,
    content: &[u8],
) -> Vec<u8> {
    packet_v6(source, destination, kind, content).split_off(40)
}

fn packet_v6(source: Ipv6Addr, destination: Ipv6Addr, kind: Icmpv6Type, content: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv6(source.octets(), destination.octets(), 64)
        .icmpv6(kind)
        .write(&mut packet, content)
        .expect("written");
    packet
}

#[test]
fn what_is_received_in_ipv6_is_told_apart_and_names_its_request() {
    let sent = ECHO.payload();
    let answer = message_v6(TARGET_V6, CLIENT_V6, Icmpv6Type::EchoReply(header()), &sent);
    let read = read_v6(&answer, TARGET_V6, CLIENT_V6).expect("a reply");
    assert_eq!(
        (read.target, read.id, read.sequence, read.verdict),
        (TARGET_V6.into(), ECHO.id, ECHO.sequence, Verdict::Reply)
    );
    assert_eq!(read.belongs_to(ECHO_V6), Belonging::Own);
    assert_eq!(read.belongs_to(ECHO), Belonging::Foreign);
    let pings = message_v6(
        TARGET_V6,
        CLIENT_V6,
        Icmpv6Type::EchoReply(header()),
        &PINGS,
    );
    let read = read_v6(&pings, TARGET_V6, CLIENT_V6).expect("a reply");
    assert_eq!(read.belongs_to(ECHO_V6), Belonging::Altered);
    let request = packet_v6(
        CLIENT_V6,
        TARGET_V6,
        Icmpv6Type::EchoRequest(header()),
        &sent,
    );
    let unreachable = Icmpv6Type::DestinationUnreachable(icmpv6::DestUnreachableCode::Address);
    let late = Icmpv6Type::TimeExceeded(icmpv6::TimeExceededCode::HopLimitExceeded);
    let refused = icmpv6::DestUnreachableCode::SourceAddressFailedPolicy;
    let refused = Icmpv6Type::DestinationUnreachable(refused);
    let too_big = Icmpv6Type::PacketTooBig { mtu: 1_280 };
    for (source, kind, verdict) in [
        (ROUTER_V6, unreachable, Verdict::Unreachable),
        (CLIENT_V6, unreachable, Verdict::HostDown),
        (ROUTER_V6, late, Verdict::TimeExceeded),
        (ROUTER_V6, refused, Verdict::SourceRefused),
        (ROUTER_V6, too_big, Verdict::TooBig),
    ] {
        let error = message_v6(source, CLIENT_V6, kind, &request);
        let read = read_v6(&error, source, CLIENT_V6).expect("an error");
        assert_eq!(
            (read.target, read.id, read.sequence, read.verdict),
            (TARGET_V6.into(), ECHO.id, ECHO.sequence, verdict)
        );
        assert_eq!(read.belongs_to(ECHO_V6), Belonging::Own);
    }
    let mut udp = request;
    udp[6] = 17;
    let error = message_v6(ROUTER_V6, CLIENT_V6, unreachable, &udp);
    assert_eq!(read_v6(&error, ROUTER_V6, CLIENT_V6), None);
    assert_eq!(read_v6(&error[..30], ROUTER_V6, CLIENT_V6), None);
}

/// Puts a sound checksum where one belongs, so that what follows it is looked at.
fn with_sums(mut packet: Vec<u8>) -> Vec<u8> {
    let start = usize::from(packet.first().copied().unwrap_or_default() & 0xf) * 4;
    if let Some(message) = packet.get_mut(start..)
        && message.len() >= HEADER_LEN
    {
        message[2..4].fill(0);
        let checksum = sum(message).to_ne_bytes();
        message[2..4].copy_from_slice(&checksum);
    }
    packet
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn no_bytes_make_it_panic_or_be_taken_for_ours(
        mut bytes in prop::collection::vec(any::<u8>(), 0..160),
        kind in prop::sample::select(vec![0_u8, 3, 5, 8, 11, 12]),
        ihl in 0_u8..16,
        inner in 0_u8..16,
        sound_length in any::<bool>(),
    ) {
        let total = u16::try_from(bytes.len()).expect("short");
        if bytes.len() > 28 {
            bytes[0] = 0x40 | ihl;
            if sound_length {
                bytes[2..4].copy_from_slice(&total.to_be_bytes());
            }
            let at = usize::from(ihl) * 4;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = kind;
            }
            if let Some(byte) = bytes.get_mut(at + HEADER_LEN) {
                *byte = 0x40 | inner;
            }
        }
        for bytes in [bytes.clone(), with_sums(bytes)] {
            if let Some(event) = read(&bytes) {
                prop_assert_ne!(event.belongs_to(ECHO), Belonging::Own);
            }
            // As a message of its own, too.
            if let Some(event) = read_v6(&bytes, TARGET_V6, CLIENT_V6) {
                prop_assert_ne!(event.belongs_to(ECHO_V6), Belonging::Own);
            }
        }
    }

    #[test]
    fn no_change_of_a_sound_packet_makes_it_panic(
        which in 0_usize..6,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let sent = ECHO.payload();
        let request = packet_v6(CLIENT_V6, TARGET_V6, Icmpv6Type::EchoRequest(header()), &sent);
        let late = Icmpv6Type::TimeExceeded(icmpv6::TimeExceededCode::HopLimitExceeded);
        let mut bytes = match which {
            0 => reply(&sent),
            1 => unreachable(ROUTER, &quoted(&sent, 8)),
            2 => too_late(&quoted(&sent, 64)),
            3 => unreachable(CLIENT, &quoted(&PINGS, 64)),
            4 => message_v6(TARGET_V6, CLIENT_V6, Icmpv6Type::EchoReply(header()), &sent),
            _ => message_v6(ROUTER_V6, CLIENT_V6, late, &request),
        };
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let bytes = with_sums(bytes);
        let _ = read(&bytes).map(|event| event.belongs_to(ECHO));
        let _ = read_v6(&bytes, TARGET_V6, CLIENT_V6).map(|event| event.belongs_to(ECHO_V6));
    }
}
