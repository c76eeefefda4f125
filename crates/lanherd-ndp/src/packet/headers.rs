//! The IPv6 header, the extension headers behind it (RFC 8200, 4), and the checksum over all of it (RFC 8200, 8.1).

use std::net::Ipv6Addr;
use std::ops::Range;

use super::HOP_LIMIT;
use crate::error::{Reason, Sender, Wrong};
use crate::kind::MessageKind;

/// The length of the IPv6 header in bytes.
pub(super) const IPV6_LEN: usize = 40;
pub(super) const HOP_LIMIT_AT: usize = 7;
pub(super) const SOURCE_AT: usize = 8;
pub(super) const DESTINATION_AT: usize = 24;
const NEXT_HEADER_AT: usize = 6;

/// The numbers of headers (IANA, Protocol Numbers).
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const ICMPV6: u8 = 58;
const DESTINATION_OPTIONS: u8 = 60;

/// Where what stands in a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) hop_limit: u8,
    pub(super) kind: MessageKind,
    /// The `ICMPv6` message.
    pub(super) message: Range<usize>,
}

/// Who sent the packet to whom; `None`: it is no IPv6.
pub(super) fn ends(bytes: &[u8]) -> Option<Sender> {
    let header = bytes.first_chunk::<IPV6_LEN>()?;
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&header[at..at + 16]);
        Ipv6Addr::from(octets)
    };
    (header[0] >> 4 == 6).then(|| Sender {
        mac: None,
        source: address(SOURCE_AT),
        destination: address(DESTINATION_AT),
        kind: None,
    })
}

/// Walks the headers of a packet that has a whole first one.
pub(super) fn layout(bytes: &[u8]) -> Result<Layout, Wrong> {
    let nothing = Wrong::new(Reason::NotNeighbourDiscovery, 0);
    let length = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
    let end = IPV6_LEN + length;
    let mut next = bytes[NEXT_HEADER_AT];
    let mut offset = IPV6_LEN;
    let mut fragment = None;
    while next != ICMPV6 {
        let truncated = Wrong::new(Reason::Truncated, offset.min(bytes.len()));
        let header = bytes.get(offset..offset + 8).ok_or(truncated);
        let (length, after) = match next {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                let header = header?;
                ((usize::from(header[1]) + 1) * 8, header[0])
            }
            AUTHENTICATION => {
                let header = header?;
                ((usize::from(header[1]) + 2) * 4, header[0])
            }
            FRAGMENT => {
                let header = header?;
                // Of a later fragment nobody can tell what it is part of.
                if u16::from_be_bytes([header[2], header[3]]) >> 3 != 0 {
                    return Err(nothing);
                }
                fragment = fragment.or(Some(offset));
                (8, header[0])
            }
            _ => return Err(nothing),
        };
        offset += length;
        next = after;
    }
    let Some(&number) = bytes.get(offset).filter(|_| offset < end) else {
        return Err(Wrong::new(Reason::Truncated, offset.min(bytes.len())));
    };
    let kind = MessageKind::of_type(number).ok_or(nothing)?;
    // RFC 6980, 5: neighbour discovery in a packet with a fragment header is ignored.
    if let Some(offset) = fragment {
        return Err(Wrong::new(Reason::Fragmented, offset));
    }
    if end > bytes.len() {
        return Err(Wrong::new(Reason::Truncated, 4));
    }
    // Its type and code, and the checksum.
    if end < offset + 4 {
        return Err(Wrong::new(Reason::Truncated, offset));
    }
    Ok(Layout {
        hop_limit: bytes[HOP_LIMIT_AT],
        kind,
        message: offset..end,
    })
}

/// Refuses a message whose checksum is wrong.
pub(super) fn check_checksum(
    bytes: &[u8],
    layout: &Layout,
    source: Ipv6Addr,
    destination: Ipv6Addr,
) -> Result<(), Wrong> {
    let at = layout.message.start + 2;
    let found = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let right = checksum(&bytes[layout.message.clone()], source, destination);
    if found == right {
        Ok(())
    } else {
        Err(Wrong::new(Reason::Checksum { found, right }, at))
    }
}

/// Fills in the header of a packet whose message stands behind it, and the message's checksum.
pub(super) fn finish(bytes: &mut [u8], source: Ipv6Addr, destination: Ipv6Addr) {
    let length = u16::try_from(bytes.len() - IPV6_LEN).unwrap_or(u16::MAX);
    bytes[0] = 6 << 4;
    bytes[4..6].copy_from_slice(&length.to_be_bytes());
    bytes[NEXT_HEADER_AT] = ICMPV6;
    bytes[HOP_LIMIT_AT] = HOP_LIMIT;
    bytes[SOURCE_AT..DESTINATION_AT].copy_from_slice(&source.octets());
    bytes[DESTINATION_AT..IPV6_LEN].copy_from_slice(&destination.octets());
    let sum = checksum(&bytes[IPV6_LEN..], source, destination);
    bytes[IPV6_LEN + 2..IPV6_LEN + 4].copy_from_slice(&sum.to_be_bytes());
}

/// The checksum that a message should have, whatever stands in its place (RFC 4443, 2.3).
// RFC 4443, 2.3: the checksum is over a pseudo-header of addresses, length and next header, and the message.
fn checksum(message: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> u16 {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut sum = u64::from(length >> 16) + u64::from(length & 0xffff) + u64::from(ICMPV6);
    for address in [source, destination] {
        sum += address.segments().into_iter().map(u64::from).sum::<u64>();
    }
    for (at, pair) in message.chunks(2).enumerate() {
        // The checksum itself counts as 0.
        if at != 1 {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u64::from(u16::from_be_bytes([pair[0], low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}
