//! What comes over the link: packets of neighbour discovery and DHCPv6 messages.

use std::time::Instant;

use super::{Ipv6Event, Output6, Packet6, Stack6};
use crate::dhcp6::{Arrival, Message};
use crate::ndp::{Body, Packet, Refused};

impl Stack6 {
    /// A message of neighbour discovery came, or what is none.
    pub fn handle_discovery(&mut self, decoded: &Result<Packet, Refused>, now: Instant) {
        match decoded {
            Ok(packet) => {
                if let Body::RouterAdvertisement(body) = &packet.message.body {
                    let is_default = body.lifetime != 0;
                    self.seen.advertised(packet.source, is_default);
                }
                self.host.handle_packet(packet, now);
                self.settle(now);
            }
            Err(refused) => self.unusable(Ipv6Event::Refused(*refused)),
        }
    }

    /// A datagram for a DHCPv6 client came.
    pub fn handle_dhcp6(&mut self, packet: &Packet6, now: Instant) {
        let source = packet.source;
        if !packet.is_sound {
            let is_fragment = packet.is_fragment;
            return self.unusable(Ipv6Event::Unsound {
                source,
                is_fragment,
            });
        }
        match Message::decode(packet.content()) {
            Ok(message) => {
                let destination = packet.destination;
                let arrival = Arrival {
                    source,
                    destination,
                };
                let dhcp = self.dhcp.make(self.host.config());
                dhcp.handle_message(&message, arrival, now);
                self.settle(now);
            }
            Err(error) => self.unusable(Ipv6Event::Undecodable { source, error }),
        }
    }

    fn unusable(&mut self, event: Ipv6Event) {
        self.seen.happened(&event);
        self.outputs.push_back(Output6::Event(event));
    }
}
