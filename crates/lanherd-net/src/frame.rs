//! Ethernet frames that carry DHCP or ARP: what the shared raw socket reads and writes. Pure; the bytes read are hostile.

use std::io;
use std::net::Ipv4Addr;

use etherparse::{EtherType, Ethernet2Slice, IpNumber, Ipv4Slice, PacketBuilder, UdpSlice};

use lanherd_dhcp::{Arp, Transmit};
use lanherd_types::identity::Mac;

/// The port that DHCP clients listen on (RFC 2131, 4.1).
pub const CLIENT_PORT: u16 = 68;
/// The port that DHCP servers listen on (RFC 2131, 4.1).
pub const SERVER_PORT: u16 = 67;

/// Where `chaddr` stands in a BOOTP message, and what `htype` and `hlen` must say for it to be a MAC (RFC 951, 3).
const CHADDR: std::ops::Range<usize> = 28..34;
const ETHERNET: [u8; 2] = [1, 6];

/// The time to live of what is sent, in hops: the kernel's own default.
const TTL: u8 = 64;

/// A UDP datagram for a DHCP client, as it stood in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DhcpDatagram<'a> {
    /// Who put the frame on this link: the server, or the relay next to us.
    pub source: Mac,
    /// Whom the frame is addressed to; may be everybody.
    pub destination: Mac,
    /// The DHCP message, not yet decoded.
    pub payload: &'a [u8],
}

impl<'a> DhcpDatagram<'a> {
    /// Reads a frame; `None` where it carries no whole, intact IPv4/UDP datagram for port 68.
    ///
    /// The UDP checksum is not looked at: the frame's own checksum has covered the datagram, and a sender on the same
    /// host leaves it to hardware that does not exist.
    pub fn parse(frame: &'a [u8]) -> Option<Self> {
        Self::parse_for(CLIENT_PORT, frame)
    }

    fn parse_for(port: u16, frame: &'a [u8]) -> Option<Self> {
        let ethernet = Ethernet2Slice::from_slice_without_fcs(frame).ok()?;
        if ethernet.ether_type() != EtherType::IPV4 {
            return None;
        }
        let ip = Ipv4Slice::from_slice(ethernet.payload_slice()).ok()?;
        let header = ip.header().to_header();
        let packet = ip.payload();
        let intact = header.calc_header_checksum() == header.header_checksum;
        if !intact || packet.fragmented || packet.ip_number != IpNumber::UDP {
            return None;
        }
        let udp = UdpSlice::from_slice(packet.payload).ok()?;
        (udp.destination_port() == port).then(|| Self {
            source: Mac(ethernet.source()),
            destination: Mac(ethernet.destination()),
            payload: udp.payload(),
        })
    }

    /// The client it is for: the frame's destination, or, where that is a group, the message's `chaddr`.
    // RFC 2131, 4.1: a reply by unicast is heard before there is an address.
    pub fn recipient(&self) -> Option<Mac> {
        let is_group = self.destination.0[0] & 1 == 1;
        if is_group {
            chaddr(self.payload)
        } else {
            Some(self.destination)
        }
    }
}

/// Which client sent this DHCP message to servers: the frame's source; `None` where the frame holds no such message.
pub fn dhcp_client(frame: &[u8]) -> Option<Mac> {
    DhcpDatagram::parse_for(SERVER_PORT, frame).map(|datagram| datagram.source)
}

fn chaddr(message: &[u8]) -> Option<Mac> {
    if message.get(1..3)? != ETHERNET {
        return None;
    }
    message.get(CHADDR)?.try_into().ok().map(Mac)
}

/// The frame that carries `message` from a client to a server.
///
/// `None` where the message does not fit an IPv4 datagram.
pub fn to_server(
    source: (Mac, Ipv4Addr),
    destination: (Mac, Ipv4Addr),
    message: &[u8],
) -> Option<Vec<u8>> {
    // RFC 2131, 4.1: messages go from port 68 to port 67.
    let builder = PacketBuilder::ethernet2(source.0.octets(), destination.0.octets())
        .ipv4(source.1.octets(), destination.1.octets(), TTL)
        .udp(CLIENT_PORT, SERVER_PORT);
    let mut frame = Vec::with_capacity(builder.size(message.len()));
    builder.write(&mut frame, message).ok()?;
    Some(frame)
}

/// The frame that carries an ARP packet from `source` to everybody.
pub fn arp_to_everybody(source: Mac, arp: &Arp) -> Vec<u8> {
    [
        &Mac::BROADCAST.octets()[..],
        &source.octets(),
        &EtherType::ARP.0.to_be_bytes(),
        &arp.encode(),
    ]
    .concat()
}

/// Reads a frame; `None` where it carries no ARP packet.
pub fn arp(frame: &[u8]) -> Option<Arp> {
    let ethernet = Ethernet2Slice::from_slice_without_fcs(frame).ok()?;
    if ethernet.ether_type() != EtherType::ARP {
        return None;
    }
    Arp::parse(ethernet.payload_slice())
}

/// A DHCP message from the client with MAC `source` to the server at MAC `destination`, as a frame.
pub(crate) fn dhcp_frame(
    source: Mac,
    destination: Mac,
    transmit: &Transmit,
) -> io::Result<Vec<u8>> {
    let message = transmit.message.encode();
    to_server(
        (source, transmit.source),
        (destination, transmit.destination),
        &message,
    )
    .ok_or_else(|| io::Error::other("a DHCP message too long for a datagram"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLIENT: Mac = Mac([2, 0, 0, 0, 0, 7]);
    const SERVER: Mac = Mac([2, 0, 0, 0, 0, 1]);

    /// A reply as a server would send it.
    fn reply(destination: Mac, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2(SERVER.octets(), destination.octets())
            .ipv4([10, 0, 0, 1], [10, 0, 0, 7], 64)
            .udp(SERVER_PORT, CLIENT_PORT)
            .write(&mut frame, payload)
            .expect("fits");
        frame
    }

    /// The beginning of a BOOTP message for `mac`.
    fn message_for(mac: Mac) -> Vec<u8> {
        let mut message = vec![0; 240];
        message[..3].copy_from_slice(&[2, 1, 6]);
        message[CHADDR].copy_from_slice(&mac.octets());
        message
    }

    // RFC 2131, 4.1: a reply by unicast is heard before there is an address.
    #[test]
    fn a_unicast_reply_is_for_the_frames_destination_whatever_chaddr_says() {
        let frame = reply(CLIENT, &message_for(SERVER));
        let datagram = DhcpDatagram::parse(&frame).expect("a datagram");
        assert_eq!(datagram.source, SERVER);
        assert_eq!(datagram.recipient(), Some(CLIENT));
        assert_eq!(datagram.payload, message_for(SERVER));
    }

    #[test]
    fn a_broadcast_reply_is_for_the_client_named_in_chaddr() {
        let frame = reply(Mac::BROADCAST, &message_for(CLIENT));
        assert_eq!(
            DhcpDatagram::parse(&frame).and_then(|d| d.recipient()),
            Some(CLIENT)
        );
    }

    #[test]
    fn a_broadcast_reply_without_an_ethernet_chaddr_is_for_nobody() {
        let mut message = message_for(CLIENT);
        message[1] = 6;
        for payload in [&message[..], &message_for(CLIENT)[..33], &[]] {
            let frame = reply(Mac::BROADCAST, payload);
            assert_eq!(
                DhcpDatagram::parse(&frame).expect("a datagram").recipient(),
                None
            );
        }
    }

    #[test]
    fn ethernets_padding_is_not_part_of_the_message() {
        let mut frame = reply(CLIENT, b"short");
        frame.resize(60, 0xee);
        assert_eq!(
            DhcpDatagram::parse(&frame).expect("a datagram").payload,
            b"short"
        );
    }

    #[test]
    fn fragments_other_ports_and_broken_headers_are_not_taken() {
        let whole = reply(CLIENT, &message_for(CLIENT));
        let spoilt = |offset: usize, value: u8| {
            let mut frame = whole.clone();
            frame[offset] = value;
            frame
        };
        assert_eq!(DhcpDatagram::parse(&spoilt(37, 67)), None, "another port");
        assert_eq!(
            DhcpDatagram::parse(&spoilt(22, 1)),
            None,
            "a header that fails its checksum"
        );
        assert_eq!(DhcpDatagram::parse(&spoilt(13, 6)), None, "ARP");
        let mut fragment = whole.clone();
        fragment[20] = 0x20; // more fragments
        let checksum = Ipv4Slice::from_slice(&fragment[14..])
            .expect("IPv4")
            .header()
            .to_header()
            .calc_header_checksum();
        fragment[24..26].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(DhcpDatagram::parse(&fragment), None, "a fragment");
    }

    // RFC 2131, 4.1: messages go from port 68 to port 67.
    #[test]
    fn what_is_written_has_sound_checksums_and_the_clients_mac() {
        let any = Ipv4Addr::UNSPECIFIED;
        let frame = to_server(
            (CLIENT, any),
            (Mac::BROADCAST, Ipv4Addr::BROADCAST),
            b"discover",
        )
        .expect("fits");
        let packet = etherparse::PacketHeaders::from_ethernet_slice(&frame).expect("parses");
        let Some(etherparse::NetHeaders::Ipv4(ip, _)) = packet.net else {
            panic!("no IPv4")
        };
        let Some(etherparse::TransportHeader::Udp(udp)) = packet.transport else {
            panic!("no UDP")
        };
        assert_eq!(frame[6..12], CLIENT.octets());
        assert_eq!(ip.header_checksum, ip.calc_header_checksum());
        assert_eq!(Ok(udp.checksum), udp.calc_checksum_ipv4(&ip, b"discover"));
        assert_eq!((udp.source_port, udp.destination_port), (68, 67));
    }

    #[test]
    fn an_arp_packet_reads_back_from_its_frame_and_an_independent_decoder_agrees() {
        let probe = Arp::probe(CLIENT, Ipv4Addr::new(10, 0, 0, 7));
        let mut frame = arp_to_everybody(CLIENT, &probe);
        let packet = etherparse::PacketHeaders::from_ethernet_slice(&frame).expect("parses");
        let Some(etherparse::NetHeaders::Arp(arp)) = packet.net else {
            panic!("no ARP")
        };
        assert_eq!(arp.operation, etherparse::ArpOperation::REQUEST);
        assert_eq!(arp.sender_hw_addr(), CLIENT.octets());
        assert_eq!(arp.target_protocol_addr(), [10, 0, 0, 7]);
        assert_eq!(frame[..12], [[0xff; 6], CLIENT.octets()].concat());
        frame.resize(60, 0);
        assert_eq!(super::arp(&frame), Some(probe));
        assert_eq!(DhcpDatagram::parse(&frame), None);
        frame[13] = 0;
        assert_eq!(super::arp(&frame), None, "IPv4");
        assert_eq!(super::arp(&reply(CLIENT, &message_for(CLIENT))), None);
    }

    #[test]
    fn a_message_too_long_for_a_datagram_is_no_frame() {
        let end = (SERVER, Ipv4Addr::BROADCAST);
        assert_eq!(
            to_server((CLIENT, Ipv4Addr::UNSPECIFIED), end, &vec![0; 65_508]),
            None
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = DhcpDatagram::parse(&bytes).and_then(|datagram| datagram.recipient());
            let _ = arp(&bytes);
        }

        #[test]
        fn a_reply_spoilt_anywhere_never_yields_bytes_from_outside_it(
            offset in 0_usize..282, value: u8, kept in 0_usize..=282,
        ) {
            let mut frame = reply(Mac::BROADCAST, &message_for(CLIENT));
            frame[offset] = value;
            frame.truncate(kept);
            if let Some(datagram) = DhcpDatagram::parse(&frame) {
                prop_assert!(datagram.payload.len() <= kept.saturating_sub(42));
                let _ = datagram.recipient();
            }
        }
    }
}
