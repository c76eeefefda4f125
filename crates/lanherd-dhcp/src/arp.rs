//! ARP over Ethernet for IPv4 (RFC 826): what address conflict detection speaks. Pure; the bytes read are hostile.

use std::net::Ipv4Addr;

use lanherd_types::identity::Mac;

/// Hardware type Ethernet, protocol type IPv4, and the lengths of their addresses.
const HEADER: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// The length of a packet, in bytes.
const LENGTH: usize = 28;

/// What an ARP packet wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArpOp {
    /// To know who has the target address.
    Request,
    /// To tell that the sender has the sender's address.
    Reply,
}

/// An ARP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// What it wants.
    pub op: ArpOp,
    /// Who sent it.
    pub sender_mac: Mac,
    /// The address that the sender says it has; 0.0.0.0 in a probe (RFC 5227, 1.1).
    pub sender: Ipv4Addr,
    /// All zero in a request.
    pub target_mac: Mac,
    /// The address that it is about.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Asks whether somebody has `address`, without saying that the sender has it (RFC 5227, 1.1).
    // RFC 5227, 1.1: a probe says no sender's address, and an announcement the own one twice.
    pub const fn probe(sender_mac: Mac, address: Ipv4Addr) -> Self {
        Self {
            op: ArpOp::Request,
            sender_mac,
            sender: Ipv4Addr::UNSPECIFIED,
            target_mac: Mac([0; 6]),
            target: address,
        }
    }

    /// Says that the sender has `address` (RFC 5227, 1.1).
    pub const fn announcement(sender_mac: Mac, address: Ipv4Addr) -> Self {
        Self {
            sender: address,
            ..Self::probe(sender_mac, address)
        }
    }

    /// The packet's bytes, without a frame around them.
    pub fn encode(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..6].copy_from_slice(&HEADER);
        bytes[7] = match self.op {
            ArpOp::Request => 1,
            ArpOp::Reply => 2,
        };
        bytes[8..14].copy_from_slice(&self.sender_mac.octets());
        bytes[14..18].copy_from_slice(&self.sender.octets());
        bytes[18..24].copy_from_slice(&self.target_mac.octets());
        bytes[24..28].copy_from_slice(&self.target.octets());
        bytes
    }

    /// Reads a packet; `None` where it is none, or neither request nor reply. Padding behind it is passed over.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LENGTH] = bytes.first_chunk()?;
        if bytes[..6] != HEADER {
            return None;
        }
        let op = match bytes[6..8] {
            [0, 1] => ArpOp::Request,
            [0, 2] => ArpOp::Reply,
            _ => return None,
        };
        let mac = |at: usize| bytes[at..at + 6].try_into().map(Mac).ok();
        let address = |at: usize| {
            Some(Ipv4Addr::from(
                <[u8; 4]>::try_from(&bytes[at..at + 4]).ok()?,
            ))
        };
        Some(Self {
            op,
            sender_mac: mac(8)?,
            sender: address(14)?,
            target_mac: mac(18)?,
            target: address(24)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);

    #[test]
    fn a_packet_reads_back_as_it_was_written_and_with_padding() {
        let reply = Arp {
            op: ArpOp::Reply,
            target_mac: Mac([2, 0, 0, 0, 0, 1]),
            ..Arp::announcement(MAC, ADDRESS)
        };
        for arp in [
            Arp::probe(MAC, ADDRESS),
            Arp::announcement(MAC, ADDRESS),
            reply,
        ] {
            let mut bytes = arp.encode().to_vec();
            assert_eq!(Arp::parse(&bytes), Some(arp));
            bytes.extend([0; 18]);
            assert_eq!(Arp::parse(&bytes), Some(arp));
            assert_eq!(Arp::parse(&bytes[..LENGTH - 1]), None);
        }
    }

    #[test]
    fn what_is_not_ethernet_and_ipv4_or_neither_asks_nor_tells_is_no_packet() {
        let bytes = Arp::probe(MAC, ADDRESS).encode();
        for (at, value) in [(1, 6), (2, 0x86), (4, 8), (5, 16), (7, 3), (7, 0), (6, 1)] {
            let mut bytes = bytes;
            bytes[at] = value;
            assert_eq!(Arp::parse(&bytes), None, "byte {at} = {value}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Arp::parse(&bytes);
        }
    }
}
