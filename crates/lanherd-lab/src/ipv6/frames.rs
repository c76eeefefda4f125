//! Frames of IPv6 as the router's raw socket has them. What is read is hostile.

use std::net::Ipv6Addr;

use etherparse::{EtherType, Ethernet2Slice, IpNumber, Ipv6Slice, PacketBuilder, UdpSlice};
use lanherd_net::frame6::{DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT};
use lanherd_types::identity::Mac;

/// The hop limit of what is no neighbour discovery.
const HOP_LIMIT: u8 = 64;

/// A message of a `DHCPv6` client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DhcpDatagram<'a> {
    pub(super) mac: Mac,
    pub(super) source: Ipv6Addr,
    pub(super) port: u16,
    pub(super) destination: Ipv6Addr,
    pub(super) message: &'a [u8],
}

impl<'a> DhcpDatagram<'a> {
    /// Reads a frame; `None`: it carries none, or none that is whole. Checksums are not looked at: a frame of this machine has none
    /// yet.
    pub(super) fn parse(frame: &'a [u8]) -> Option<Self> {
        let ethernet = Ethernet2Slice::from_slice_without_fcs(frame).ok()?;
        if ethernet.ether_type() != EtherType::IPV6 {
            return None;
        }
        let ip = Ipv6Slice::from_slice(ethernet.payload_slice()).ok()?;
        let carried = ip.payload();
        if carried.ip_number != IpNumber::UDP || carried.fragmented {
            return None;
        }
        let udp = UdpSlice::from_slice(carried.payload).ok()?;
        let is_meant = udp.destination_port() == DHCP6_SERVER_PORT;
        is_meant.then(|| Self {
            mac: Mac(ethernet.source()),
            source: ip.header().source_addr(),
            port: udp.source_port(),
            destination: ip.header().destination_addr(),
            message: udp.payload(),
        })
    }

    /// The frame that carries an answer from the server at `mac` and `address`; `None`: it is too long for a packet.
    pub(super) fn answer(&self, mac: Mac, address: Ipv6Addr, message: &[u8]) -> Option<Vec<u8>> {
        to_client((mac, address), (self.mac, self.source), message)
    }
}

/// The frame that carries a message from a server to a client, each with its MAC and its address; `None`: it is too long.
pub(super) fn to_client(
    (server_mac, server): (Mac, Ipv6Addr),
    (client_mac, client): (Mac, Ipv6Addr),
    message: &[u8],
) -> Option<Vec<u8>> {
    let builder = PacketBuilder::ethernet2(server_mac.octets(), client_mac.octets())
        .ipv6(server.octets(), client.octets(), HOP_LIMIT)
        // By RFC 9915 (7.2): clients listen on port 546, wherever they speak from.
        .udp(DHCP6_SERVER_PORT, DHCP6_CLIENT_PORT);
    let mut frame = Vec::with_capacity(builder.size(message.len()));
    builder.write(&mut frame, message).ok()?;
    Some(frame)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use lanherd_net::frame6::{Ends6, dhcp6_frame};
    use lanherd_net::lan::ipv6::Packet6;

    const CLIENT: Mac = Mac([2, 0, 0, 0, 0, 5]);
    const SERVER: Mac = Mac([2, 0, 0, 0, 0, 1]);

    #[test]
    fn a_clients_message_is_read_and_its_answer_reaches_it() {
        let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 5);
        let servers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
        let ends = Ends6::to_group(CLIENT, link_local, servers);
        let frame = dhcp6_frame(&ends, b"hello").expect("short");
        let read = DhcpDatagram::parse(&frame).expect("a datagram");
        assert_eq!(
            (read.mac, read.source, read.message),
            (CLIENT, link_local, &b"hello"[..])
        );
        let server = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let answer = read.answer(SERVER, server, b"well").expect("short");
        let heard = Packet6::from_frame(&answer, Instant::now()).expect("a packet");
        assert_eq!(
            (heard.link_destination, heard.content()),
            (CLIENT, &b"well"[..])
        );
        assert!(heard.is_sound);
        for length in 0..frame.len() {
            assert_eq!(
                DhcpDatagram::parse(&frame[..length]),
                None,
                "{length} bytes"
            );
        }
        assert_eq!(
            DhcpDatagram::parse(&answer),
            None,
            "an answer is no question"
        );
    }
}
