//! Packets of neighbour discovery as they were read: one that comes to a thousand clients is read once. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::lan::ipv6::Packet6;
use crate::ndp::{Packet, Refused};

/// So many packets are kept with what was read in them: they come to all clients within moments.
const KEPT: usize = 8;

/// A packet as it was read, or why it is none.
pub(super) type Decoded = Result<Packet, Refused>;

/// The latest packets that came to all nodes. What stands in a frame follows from its bytes alone, so that like bytes are read once,
/// whoever sent them.
#[derive(Debug, Default)]
pub(super) struct DecodedPackets(VecDeque<(Arc<Packet6>, Arc<Decoded>)>);

impl DecodedPackets {
    /// What stands in a packet.
    pub(super) fn decode(&mut self, packet: &Arc<Packet6>) -> Arc<Decoded> {
        let is_it =
            |known: &Arc<Packet6>| Arc::ptr_eq(known, packet) || known.frame == packet.frame;
        // The latest stand at the end.
        let mut latest = self.0.iter().rev();
        if let Some((_, decoded)) = latest.find(|(known, _)| is_it(known)) {
            return Arc::clone(decoded);
        }
        let decoded = Arc::new(Packet::from_frame(&packet.frame));
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((Arc::clone(packet), Arc::clone(&decoded)));
        decoded
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;
    use std::time::Instant;

    use super::*;
    use crate::identity::Mac;
    use crate::ndp::RouterAdvertisement;

    /// An advertisement of that lifetime.
    fn advertisement(lifetime: u16) -> Arc<Packet6> {
        let (mac, router) = (
            Mac([2, 0, 0, 0, 0, 1]),
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
        );
        let body = RouterAdvertisement {
            lifetime,
            ..RouterAdvertisement::default()
        };
        let packet = Packet::router_advertisement(mac, router, body, Vec::new());
        let frame = packet.to_frame().expect("a frame");
        Arc::new(Packet6::from_frame(&frame, Instant::now()).expect("a packet"))
    }

    #[test]
    fn like_bytes_are_read_once_and_others_for_themselves() {
        let mut packets = DecodedPackets::default();
        let first = packets.decode(&advertisement(1_800));
        let again = packets.decode(&advertisement(1_800));
        assert!(Arc::ptr_eq(&first, &again));
        for lifetime in 0..50 {
            let packet = advertisement(lifetime);
            let decoded = packets.decode(&packet);
            assert_eq!(*decoded, Packet::from_frame(&packet.frame));
            assert!(Arc::ptr_eq(&decoded, &packets.decode(&packet)));
        }
        assert_eq!(packets.0.len(), KEPT);
        assert!(!Arc::ptr_eq(&first, &packets.decode(&advertisement(1_800))));
    }
}
